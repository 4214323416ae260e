"""How many threads NumPy's BLAS gets while the interpreted tier runs.

Its threads spin while they wait for each other: on a processor that others use, too, a product in two
threads takes many times as long as in one (a first training step of a small CNN 0.6 to 1.5 s instead of
0.16 s). So an interpreted run gives it the processors that seem to be free. What the program does with
NumPy on its own stays as it was.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from reflow.platform.processors import processors

_lock = threading.Lock()


def free_processors(compiling: bool = False) -> int:
    """How many processors this thread can use, with itself: at least one."""
    count = processors()
    if count == 1 or not hasattr(os, "getloadavg"):
        return count
    # The load counts this thread, more or less.
    return max(1, min(count, int(count + 1.5 - os.getloadavg()[0])) - compiling)


class BlasThreads:
    """Within it, the BLAS has as many threads as there are free processors; then as many as before.

    Args:
      compiling: says whether a compilation keeps another processor busy.
    """

    _libraries: list[Any] | None = None
    _depth = 0
    _before: list[int] = []

    def __init__(self, compiling: Callable[[], bool]):
        self.compiling = compiling

    def __enter__(self) -> None:
        cls = BlasThreads
        with _lock:
            cls._depth += 1
            if cls._depth > 1:
                return
            if cls._libraries is None:
                cls._libraries = _libraries()
            if not cls._libraries:
                return
            count = free_processors(self.compiling())
            cls._before = [library.get_num_threads() for library in cls._libraries]
            for library, before in zip(cls._libraries, cls._before):
                if count < before:
                    library.set_num_threads(count)

    def __exit__(self, *exc: Any) -> None:
        cls = BlasThreads
        with _lock:
            cls._depth -= 1
            if cls._depth:
                return
            for library, before in zip(cls._libraries or (), cls._before):
                library.set_num_threads(before)


def _libraries() -> list[Any]:
    """The controllers of the BLAS libraries in this process."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas").lib_controllers
