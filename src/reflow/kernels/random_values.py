"""Random values of Philox: words, uniform, normal and truncated normal ones.

In executables XLA's own code would compute them for every use; in NumPy they would take some seventy passes
over arrays.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.kernels.library import forced, is_known, library

# As in native/random_values.h; all but words are float32.
WORDS, UNIFORM, NORMAL, TRUNCATED_NORMAL = range(4)
_FEW = 4096  # values, below which XLA's own code is as fast
_WORTH_LOADING = 1 << 16  # values in NumPy, from which on the library is loaded for them
_REASON = 256  # bytes for the reason why something failed

_in_numpy = [0]  # values that were drawn without the library


def drawn(kind: int, key: Any, counter: Any, count: int) -> np.ndarray | None:
    """The first `count` values of the stream of a key, uint64 [1], and a counter, uint64 [2].

    None where there is no kernel, or the library is not there yet and not worth loading.
    """
    if not is_known():
        _in_numpy[0] += count
        if _in_numpy[0] < _WORTH_LOADING:
            return None
    found = library()
    if found is None:
        return None
    result = np.empty(count, np.uint32 if kind == WORDS else np.float32)
    reason = ctypes.create_string_buffer(_REASON)
    done = found.functions.reflow_random_values(
        *(ctypes.c_int64(kind), found.threads, ctypes.c_uint64(int(key[0]))),
        *(ctypes.c_uint64(int(counter[0])), ctypes.c_uint64(int(counter[1]))),
        *(ctypes.c_void_p(result.ctypes.data), ctypes.c_int64(count)),
        *(reason, ctypes.c_size_t(_REASON)),
    )
    if not done:
        raise RuntimeError(f"native kernel: {reason.value.decode()}")
    return result


def drawing(kind: int, count: int) -> Callable[[Any, Any], Any] | None:
    """`drawn` for a traced key and counter on the CPU; None where there is no better code than XLA's."""
    found = library()
    if found is None or not count or count < _FEW and forced[0] != "native":
        return None
    import jax

    result = jax.ShapeDtypeStruct((count,), np.uint32 if kind == WORDS else np.float32)
    call = found.ffi_call("reflow_random_values", result, vmap_method="sequential")
    return lambda key, counter: call(key, counter, kind=np.int64(kind))
