"""The memory of runs: what is kept for the next one, and when it goes back to the system.

What the allocator keeps (platform/allocator.py) must be what is used again. A block that was given back may be
a few bytes too small for the next run, since glibc hands out what lay around it; XLA's threads may give a
block back a moment after the next run has begun; and LLVM leaves hundreds of megabytes of small pieces behind.
So free memory goes back to the system after a compilation that took long, before the first runs of a large
executable, and later when the process holds twice as much as the runs of all large executables were seen
to need.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from reflow.platform.allocator import give_back, is_kept, keep_all, resident

# Bytes of intermediate arrays from which on it is worth looking after the runs of an executable.
LARGE = 32 << 20
LONG = 0.5  # seconds: what LLVM leaves behind a shorter compilation is not worth a system call
_PAUSE = 8  # runs: one in so many, at the most, finds its memory gone


class Runs:
    """Looks after the memory of one executable's runs.

    Args:
      size: bytes that XLA takes for a run's intermediate arrays, as one block.

    Attributes:
      need: bytes that a run was seen to take, with what XLA's threads need beside.
    """

    def __init__(self, size: int):
        self.need = size
        self.begun = 0
        self._next = 1  # the first run before which memory may go back again
        _all.add(self)
        keep_all()

    def begin(self, arguments: Sequence[Any]) -> None:
        """To be called before each run.

        It waits for the arguments: XLA runs in the calling thread only what has them, and else in another one, whose
        heap does not keep large blocks.
        """
        for argument in arguments:
            wait = getattr(argument, "block_until_ready", None)
            if wait is not None:
                wait()
        self.begun += 1
        if not is_kept():
            return
        held = resident()
        if _last.run is self:
            self.need = max(self.need, held - _last.least)
        _last.run = None
        if self.begun < self._next:
            return
        if self.begun <= 3 or held > _last.least + 2 * sum(r.need for r in set(_all)):
            give_back()
            _last.run, _last.least = self, resident()
            self._next = self.begun + (_PAUSE if self.begun >= 3 else 1)


class _Last:
    """The last time that memory went back: before which executable's run, and the bytes held then."""

    run: Runs | None = None
    least = 0


_last = _Last()
_all: weakref.WeakSet[Runs] = weakref.WeakSet()


def runs_of(compiled: Any) -> Runs | None:
    """What looks after the runs of a compiled JAX function, or None where they take little memory."""
    analysis = compiled.memory_analysis() if is_kept() else None
    size = analysis.temp_size_in_bytes if analysis else 0
    return Runs(size) if size >= LARGE else None
