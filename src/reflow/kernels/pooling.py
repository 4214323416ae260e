"""Poolings and their gradients by loops of our own: TensorFlow's rules for equal elements and padding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.kernels.kernel import (
    AVERAGE,
    AVERAGE_GRADIENT,
    MAXIMUM,
    MAXIMUM_GRADIENT,
    Kernel,
    Shape,
    choose,
    leave_to_xla,
)
from reflow.kernels.library import forced, library

__all__ = ["AVERAGE", "AVERAGE_GRADIENT", "MAXIMUM", "MAXIMUM_GRADIENT", "pooling"]


# Channels: those of an element are worked on together. Elements of a window: each costs XLA a slice.
_FEW = 8


def pooling(
    kind: int, dtype: np.dtype, batch: int, channels: int, geometry: Any, compiled: bool
) -> Kernel | None:
    """A kernel for a pooling or its gradient, or None where there is no better one.

    Args:
      kind: MAXIMUM or AVERAGE: of images [batch, spatial..., channels]; MAXIMUM_GRADIENT: of images, their
        pooling and the gradient of that; AVERAGE_GRADIENT: of the gradient of the pooling.
      geometry: where the windows lie (`ops.conv_kernels.Geometry`).
      compiled: whether XLA's own code is the alternative, not NumPy's.
    """
    if library() is None:
        return None
    shape = Shape(kind, dtype, batch, channels, channels, channels, geometry)
    if forced[0] != "native" and _others_are_as_good(shape, compiled):
        return leave_to_xla(shape)
    sizes = geometry.outputs if kind in (MAXIMUM, AVERAGE) else geometry.sizes
    return choose(shape, (batch, *sizes, channels))


def _others_are_as_good(shape: Shape, compiled: bool) -> bool:
    """Where the native kernels were measured to gain nothing (docs/decisions.md)."""
    if shape.channels < _FEW:
        return True
    geo = shape.geometry
    apart = all(k <= s for k, s in zip(geo.kernel, geo.strides))
    return compiled and shape.kind in (MAXIMUM, AVERAGE) and apart and math.prod(geo.kernel) <= _FEW
