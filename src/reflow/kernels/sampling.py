"""Candidate samplers in executables for the CPU."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.kernels.library import library

# As in native/sampling.h.
UNIFORM, LOG_UNIFORM = range(2)


def sample(
    distribution: int,
    range_max: int,
    unique: bool,
    state: Any,
    true_classes: Any,
    count: int,
    blocks: int,
) -> tuple[Any, Any, Any, Any, Any] | None:
    """One run of a sampler that is traced, or None where there is no kernel.

    Args:
      state: of a generator, uint64 [3].
      true_classes: int64, a vector.
      count: how many classes to draw.
      blocks: how many blocks of the stream are put aside.

    Returns:
      The classes drawn; how often the true classes, and those drawn, are expected; whether the true ones
      are all in the range; and the next state.
    """
    found = library()
    if found is None:
        return None
    import jax

    shapes = [
        jax.ShapeDtypeStruct((count,), np.int64),
        jax.ShapeDtypeStruct(true_classes.shape, np.float32),
        jax.ShapeDtypeStruct((count,), np.float32),
        jax.ShapeDtypeStruct((), np.bool_),
        jax.ShapeDtypeStruct((3,), np.uint64),
    ]
    draw = found.ffi_call("reflow_sample", shapes, input_output_aliases={0: 4})
    numbers = {"distribution": distribution, "range": range_max, "blocks": blocks}
    attributes = {name: np.int64(number) for name, number in numbers.items()}
    return draw(state, true_classes, unique=bool(unique), **attributes)
