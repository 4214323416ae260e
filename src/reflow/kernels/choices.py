"""Which shapes got a native kernel and which did not, for `reflow explain`."""

from __future__ import annotations

import threading

_MOST = 256  # entries; later ones are counted only

_noted: dict[str, str] = {}
_left_out = [0]
_lock = threading.Lock()


def note(what: str, decision: str) -> None:
    """Remembers what was decided for a shape."""
    with _lock:
        if what in _noted or len(_noted) < _MOST:
            _noted[what] = decision
        else:
            _left_out[0] += 1


def noted() -> tuple[dict[str, str], int]:
    """The decisions so far, in order, and how many there were beyond those."""
    with _lock:
        return dict(_noted), _left_out[0]
