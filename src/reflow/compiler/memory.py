"""The C library's memory allocator, told to keep what XLA gives back.

XLA's CPU client takes the memory of a run's results and intermediate arrays from `malloc` and gives it back
afterwards. glibc maps blocks beyond 32 MiB anew each time, and trims its heap: every run then pays a page
fault for each 4096 bytes that it touches, which was a quarter of the time of a training step
(docs/decisions.md). TensorFlow and PyTorch keep such memory too.
"""

from __future__ import annotations

import ctypes
import os
import platform

# Bytes at the end of the heap that are kept when they are free.
KEPT = 1 << 30
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
    return all(mallopt(which, value) for which, value in settings.items())
