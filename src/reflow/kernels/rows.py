"""Rows of tables by their numbers, in executables for the CPU.

XLA divides a look-up among threads by the size of the table, so that waking them up takes longer than copying the
few rows that are wanted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.kernels.choices import note
from reflow.kernels.library import forced, library

_NARROW = 16  # bytes of a row: narrower ones are part of XLA's loops


def looking_up(table: Any, at: Any, otherwise: Callable[[Any, Any], Any]) -> Callable | None:
    """What gives the rows `at`, a vector of int32 or int64, of a table; None where XLA's code is as good.

    Rows that the table does not have, of negative numbers too, are zeros.

    Args:
      otherwise: gives the same without a kernel: under `jax.vmap` it is one call for all.
    """
    width = math.prod(table.shape[1:])
    if not at.size or not width or not table.shape[0] or at.dtype not in (np.int32, np.int64):
        return None
    if width * table.dtype.itemsize < _NARROW and forced[0] != "native":
        return None
    found = library()
    if found is None:
        return None
    import jax

    what = f"look-up of rows, {table.dtype.name}, {at.size} of {table.shape[0]}x{width}"
    note(what, "native, loops")
    result = jax.ShapeDtypeStruct((*at.shape, *table.shape[1:]), table.dtype)
    native = jax.custom_batching.custom_vmap(found.ffi_call("reflow_look_up_rows", result))

    @native.def_vmap
    def _many(size: int, batched: Sequence[bool], *args: Any) -> tuple[Any, bool]:
        axes = [0 if each else None for each in batched]
        return jax.vmap(otherwise, axes, axis_size=size)(*args), True

    return native
