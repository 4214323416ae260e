"""What the compiler did and why: the counters, and the journal behind `reflow explain`."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import Any

_lock = threading.Lock()
_counts: Counter[str] = Counter()
_journal: deque[dict[str, Any]] = deque(maxlen=10_000)
_started = time.monotonic()


def stats() -> dict[str, int]:
    """Counts since the start of the process.

    Returns:
      A dictionary: `plans` made, `compilations`, `interpreted_runs`, `compiled_runs`, `cuts`
      (clusters split because a value had to be known), `evictions` (executables dropped).
    """
    names = ("plans", "compilations", "interpreted_runs", "compiled_runs", "cuts", "evictions")
    return {name: _counts[name] for name in names}


def count(name: str) -> None:
    _counts[name] += 1  # a lost update between threads is tolerable: this is on the hot path


def record(event: str, **facts: Any) -> None:
    """Writes a line of the journal: rare events only (plans, compilations, cuts)."""
    with _lock:
        _journal.append({"event": event, "at": time.monotonic() - _started, **facts})


def journal() -> list[dict[str, Any]]:
    """The events so far, oldest first."""
    with _lock:
        return list(_journal)
