"""Python's collector of reference cycles, put off while much is made that stays.

Importing, tracing, planning and lowering make hundreds of thousands of objects, all of which live on. Python
counts what is made, and looks for cycles in it again and again, at times among everything that the process
has: 90 ms once JAX and Keras are there, and nothing found.
"""

from __future__ import annotations

import contextlib
import gc
import threading


class Postponed(contextlib.ContextDecorator):
    """A scope, or a decorator, in which no cycles are collected: they wait until the outermost scope ends.

    It holds for all threads, as the collector belongs to the process. Where the program has turned it off, it
    stays off.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._was_enabled = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._depth:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._depth += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._depth -= 1
            if not self._depth and self._was_enabled:
                gc.enable()


postponed = Postponed()
