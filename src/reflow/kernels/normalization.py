"""Sums over images for batch normalizations, one pass over memory each, by loops of our own.

XLA's code reads images three times for their mean and variance, and writes the product that it sums up
for the gradient to memory first (docs/decisions.md).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reflow.kernels.kernel import (
    GRADIENT_SUMS,
    MOMENTS,
    Kernel,
    Shape,
    choose,
    leave_to_xla,
)
from reflow.kernels.library import forced, library

__all__ = ["GRADIENT_SUMS", "MOMENTS", "channel_sums"]

_FEW = 8  # channels: those of an element are worked on together
_SMALL = 1 << 14  # elements, of which XLA makes a loop that is done before a kernel has begun


class _Points(NamedTuple):
    """Windows of one element each, along a dimension of `sizes[0]`."""

    sizes: tuple[int]
    outputs: tuple[int]
    kernel: tuple[int] = (1,)
    strides: tuple[int] = (1,)
    dilations: tuple[int] = (1,)
    pads: tuple[tuple[int, int]] = ((0, 0),)


def channel_sums(kind: int, dtype: np.dtype, sizes: Any, channels: int) -> Kernel | None:
    """A kernel for the sums of a batch normalization, or None where there is no better one.

    Args:
      kind: MOMENTS: of images, their means and variances; GRADIENT_SUMS: of the gradient, of images, and of
        the means: the sums of the gradient, and of its product with the images less the means. The result
        is [2, channels], float32.
      dtype: of the images.
      sizes: those of the images [sizes..., channels].
    """
    if library() is None:
        return None
    rows = int(np.prod(sizes, dtype=np.int64))
    if not rows or not channels:
        return None
    shape = Shape(kind, dtype, 1, channels, channels, channels, _Points((rows,), (rows,)))
    if forced[0] != "native" and (channels < _FEW or rows * channels < _SMALL):
        return leave_to_xla(shape)
    return choose(shape, (2, channels), dtype=np.dtype(np.float32))
