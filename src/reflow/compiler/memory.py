"""The C library's memory allocator, told to keep what XLA gives back.

XLA's CPU client takes the memory of a run's results and intermediate arrays from `malloc` and gives it back
afterwards. glibc maps blocks beyond 32 MiB anew each time, and trims its heap: every run then pays a page
fault for each 4096 bytes that it touches, which was a quarter of the time of a training step
(docs/decisions.md). TensorFlow and PyTorch keep such memory too.

What is kept must be what is used again. A block that was given back may be a few bytes too small for the
next run, since glibc hands out what lay around it; XLA's threads may give a block back a moment after the
next run has begun; and LLVM leaves hundreds of megabytes of small pieces behind. So free memory goes back to
the system after a compilation that took long, before the first runs of a large executable, and later when the
process holds half as much again as the runs of all large executables were seen to need.
"""

from __future__ import annotations

import ctypes
import os
import platform
import weakref
from typing import Any

# Bytes at the end of the heap that are kept when they are free.
KEPT = 1 << 30
# Bytes of intermediate arrays from which on it is worth looking after the runs of an executable.
LARGE = 32 << 20
LONG = 0.5  # seconds: what LLVM leaves behind a shorter compilation is not worth a system call
_PAUSE = 8  # runs: one in so many, at the most, finds its memory gone
# glibc's numbers, of malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8
# What says that the user has settings of their own.
_OF_THE_USER = (
    *("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_"),
    *("MALLOC_ARENA_MAX", "LD_PRELOAD"),
)


def keep_freed_memory() -> bool:
    """Lets large blocks come from the heap and stay there when they are free; whether it did.

    It leaves everything as it is with another C library, where the environment has settings of the
    allocator, or another allocator, and with REFLOW_KEEP_MEMORY=0.
    """
    if os.environ.get("REFLOW_KEEP_MEMORY") == "0" or any(n in os.environ for n in _OF_THE_USER):
        return False
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # Threads that XLA will start share the heap: an arena of their own has no room for large blocks.
    settings = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: KEPT, _M_ARENA_MAX: 1}
    _kept[0] = all(mallopt(which, value) for which, value in settings.items())
    return _kept[0]


_kept = [False]  # whether freed memory is kept


def give_back() -> None:
    """Gives all memory that is free back to the system, if freed memory is kept at all."""
    if _kept[0]:
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))


def resident() -> int:
    """Bytes of memory that the process holds now (Linux)."""
    with open("/proc/self/statm") as status:
        return int(status.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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

    def begin(self) -> None:
        """To be called before each run."""
        self.begun += 1
        if not _kept[0]:
            return
        held = resident()
        if _last.run is self:
            self.need = max(self.need, held - _last.least)
        _last.run = None
        if self.begun < self._next:
            return
        if self.begun <= 3 or held > _last.least + 3 * sum(r.need for r in set(_all)) // 2:
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
    analysis = compiled.memory_analysis() if _kept[0] else None
    size = analysis.temp_size_in_bytes if analysis else 0
    return Runs(size) if size >= LARGE else None
