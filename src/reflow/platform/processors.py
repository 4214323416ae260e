"""The processors that this process may use, and how to keep them busy without a pool that stays."""

from __future__ import annotations

import contextvars
import itertools
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any


def processors() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def for_each(function: Callable[[Any], Any], items: Sequence[Any], at_least: int = 4) -> None:
    """Calls `function` of each of `items`, on all processors when there are `at_least` so many.

    For calls that spend their time outside of the interpreter, such as NumPy's on large arrays, and
    that do not touch what another one writes. They see the caller's context (`np.errstate`).

    Raises:
      Exception: the first error of a call, after those that had begun have ended.

    >>> squares = [0] * 5
    >>> for_each(lambda i: squares.__setitem__(i, i * i), range(5))
    >>> squares
    [0, 1, 4, 9, 16]
    """
    count = min(processors(), len(items)) if len(items) >= at_least else 1
    if count == 1:
        for item in items:
            function(item)
        return
    turns = itertools.count()  # `next` of it is atomic
    failed: list[Exception] = []

    def work() -> None:
        while not failed:
            turn = next(turns)
            if turn >= len(items):
                break
            try:
                function(items[turn])
            except Exception as error:
                failed.append(error)

    helpers = [
        threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
        for _ in range(count - 1)
    ]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if failed:
        raise failed[0]
