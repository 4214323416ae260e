"""Convolutions and their gradients by oneDNN."""

from __future__ import annotations

from reflow.kernels.kernel import (
    FILTER_GRADIENT,
    FORWARD,
    INPUT_GRADIENT,
    Kernel,
    Shape,
    choose,
    leave_to_xla,
)
from reflow.kernels.library import forced, library


def convolution(shape: Shape, compiled: bool) -> Kernel | None:
    """A kernel for a convolution or one of its gradients, or None where there is no better one.

    Args:
      shape: of kind FORWARD: of images and a filter; INPUT_GRADIENT: of a filter and the output's
        gradient; FILTER_GRADIENT: of images and the output's gradient. A filter is [spatial...,
        channels / groups, filters].
      compiled: whether XLA's own code is the alternative, not NumPy's.
    """
    if library() is None:
        return None
    if compiled and forced[0] != "native" and _xla_is_as_good(shape):
        return leave_to_xla(shape)
    geometry = shape.geometry
    if shape.kind == FORWARD:
        return choose(shape, shape.images(geometry.outputs, shape.filters))
    if shape.kind == INPUT_GRADIENT:
        return choose(shape, shape.images(geometry.sizes, shape.channels))
    return choose(shape, (*geometry.kernel, shape.channels // shape.groups, shape.filters))


def _xla_is_as_good(shape: Shape) -> bool:
    """Where the native kernels were measured to gain nothing (docs/decisions.md)."""
    geometry = shape.geometry
    if shape.groups == 1:
        if all(n == 1 for n in (*geometry.kernel, *geometry.strides)):
            return shape.kind != FILTER_GRADIENT and not shape.channels_first  # a matrix product
        return shape.kind == INPUT_GRADIENT and shape.channels <= 8
    apart = shape.groups == shape.channels
    return shape.kind == FILTER_GRADIENT and apart and max(geometry.kernel) > 3
