"""Random words of Philox in executables, where XLA's own code would compute them for every use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.kernels.library import forced, library

_FEW = 4096  # words, below which XLA's own code is as fast


def random_words(count: int) -> Callable[[Any, Any], Any] | None:
    """What gives `count` words of the stream of a key, uint32, for traced arrays on the CPU.

    It takes the key, uint64 [1], and the counter, uint64 [2]. None where there is no better code than
    XLA's own.
    """
    found = library()
    if found is None or not count or count < _FEW and forced[0] != "native":
        return None
    import jax

    found.register(jax)
    result = jax.ShapeDtypeStruct((count,), np.uint32)
    return jax.ffi.ffi_call("reflow_random_words", result, vmap_method="sequential")
