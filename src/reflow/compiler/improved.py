"""Executables that were compiled with little optimisation, and again with all of it when that pays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from reflow.compiler import policy
from reflow.compiler.cluster import background
from reflow.compiler.jax_setup import wide_types
from reflow.compiler.memory import LONG
from reflow.compiler.stats import record
from reflow.platform.allocator import give_back


class Improved:
    """Calls an executable, and one that is compiled in the background once calls have taken long.

    Args:
      quick: the executable to begin with.
      seconds: how long that took to compile.
      compile: compiles the other one.
    """

    def __init__(self, quick: Any, seconds: float, compile: Callable[[], Any]):
        self._executable = quick
        self._left = policy.until_improved(seconds)
        self._compile: Callable[[], Any] | None = compile
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        if self._compile is None:
            return self._executable(*arguments)
        started = time.perf_counter()
        results = self._executable(*arguments)
        self._left -= time.perf_counter() - started
        if self._left < 0:
            with self._lock:
                compile, self._compile = self._compile, None
            if compile is not None:
                background(lambda: self._improve(compile))
        return results

    def _improve(self, compile: Callable[[], Any]) -> None:
        started = time.perf_counter()
        try:
            with wide_types():
                self._executable = compile()
        except Exception as error:  # what there is works too
            record("gave up compiling", why=str(error)[:300])
            return
        seconds = time.perf_counter() - started
        if seconds > LONG:
            give_back()
        record("compiled again", seconds=round(seconds, 4))
