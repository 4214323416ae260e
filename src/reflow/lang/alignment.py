"""Arrays where XLA's CPU client takes them as they are.

It takes an array that begins at a multiple of 64 bytes without copying it, copies a small one at once, and has another
thread copy a large one: then what runs on it waits for that thread, and runs in yet another one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

ALIGNMENT = 64  # bytes
COPIED_ELSEWHERE = 100 << 10  # bytes from which on another thread copies


def empty(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """An array of no particular values that begins where XLA wants it."""
    dtype = np.dtype(dtype)
    size = dtype.itemsize * math.prod(shape)
    memory = np.empty(size + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    return memory[first : first + size].view(dtype).reshape(shape)


def out_of(shape: Sequence[int], dtype: np.dtype) -> np.ndarray | None:
    """Where NumPy is to write a result that an executable may take: None where it does not matter."""
    small = dtype.itemsize * math.prod(shape) < COPIED_ELSEWHERE
    return None if small or dtype.hasobject else empty(shape, dtype)


def copied(array: np.ndarray) -> np.ndarray:
    """A copy, which begins where XLA wants it if it is large: a value that executables may take again and again."""
    copy = out_of(array.shape, array.dtype)
    if copy is None:
        return np.array(array)
    np.copyto(copy, array)
    return copy


def is_copied(array: Any) -> bool:
    """Whether XLA is sure to copy what it is given, rather than take it as it is."""
    return type(array) is np.ndarray and array.ctypes.data % ALIGNMENT != 0


def aligned(array: np.ndarray) -> np.ndarray:
    """The array, or a copy, such that it begins where XLA wants it."""
    if array.ctypes.data % ALIGNMENT == 0 and array.flags.c_contiguous:
        return array
    copy = empty(array.shape, array.dtype)
    np.copyto(copy, array)
    return copy
