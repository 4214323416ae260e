"""The C library's memory allocator, told to keep what XLA gives back.

XLA's CPU client takes the memory of a run's results and intermediate arrays from `malloc` and gives it back
afterwards. glibc maps blocks beyond 32 MiB anew each time, and trims its heap: every run then pays a page
fault for each 4096 bytes that it touches, which was a quarter to a half of the time of a training step
(docs/decisions.md). TensorFlow and PyTorch keep such memory too.
"""

from __future__ import annotations

import ctypes
import os

# Bytes at the end of the heap that are kept when they are free.
KEPT = 1 << 30
# glibc's numbers, of malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
# What says that the user has settings of their own.
_OF_THE_USER = (
    *("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_MMAP_THRESHOLD_"),
    *("MALLOC_ARENA_MAX", "LD_PRELOAD"),
)


def keep_freed_memory() -> bool:
    """Lets large blocks come from the heap and stay there when they are free; whether it did.

    Threads have heaps of their own, in which blocks beyond 64 MiB are mapped anew whatever is set, but not the
    first one. One heap for all (M_ARENA_MAX) would make the threads that compile wait for each other.

    It leaves everything as it is with another C library, where the environment has settings of the
    allocator, or another allocator, and with REFLOW_KEEP_MEMORY=0.
    """
    if os.environ.get("REFLOW_KEEP_MEMORY") == "0" or any(n in os.environ for n in _OF_THE_USER):
        return False
    if not is_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = {_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: KEPT}
    _kept[0] = all(mallopt(which, value) for which, value in settings.items())
    return _kept[0]


_kept = [False]


def is_kept() -> bool:
    """Whether freed memory is kept."""
    return _kept[0]


def is_glibc() -> bool:
    """Whether the process runs with glibc: where another C library's name is asked for, none is known."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError):  # no POSIX; a POSIX system without glibc
        return False


def keep_all() -> None:
    """From now on memory goes back in `give_back` alone, if freed memory is kept at all.

    glibc gives back all that is free at the end of the heap once it is more than KEPT: where runs need about as
    much as that, it did so between any two of them.
    """
    if _kept[0]:
        ctypes.CDLL(None).mallopt(_M_TRIM_THRESHOLD, -1)


def give_back() -> None:
    """Gives all memory that is free back to the system, if freed memory is kept at all."""
    if _kept[0]:
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))


def resident() -> int:
    """Bytes of memory that the process holds now (Linux)."""
    with open("/proc/self/statm") as status:
        return int(status.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
