"""Convolutions and their gradients by oneDNN, or by Winograd's algorithm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.kernels.kernel import (
    BIAS,
    FILTER_GRADIENT,
    FORWARD,
    INPUT_GRADIENT,
    NOTHING,
    RELU6,
    WINOGRAD,
    Kernel,
    Shape,
    choose,
    leave_to_xla,
)
from reflow.kernels.library import forced, library


class Epilogue:
    """What follows a convolution, for its kernel to do while the results lie in the cache.

    Attributes:
      bias: a float32 array with a number for each filter.
      after: BIAS, RELU or RELU6.
      scale: None, or such an array, by which the results are multiplied before.
      added: None, or a float32 array that is added after the bias, before the bound.
      done: whether a kernel does it.
    """

    __slots__ = ("bias", "after", "scale", "added", "done")

    def __init__(self, bias: Any, after: int, scale: Any = None, added: Any = None):
        self.bias = bias
        self.after = after
        self.scale = scale
        self.added = added
        self.done = False

    def fit(self, results: Sequence[int], channels_first: bool) -> None:
        """Leaves the sum, and what is behind it, to others, if something else than such results is added."""
        if self.added is not None and (channels_first or self.added.shape != tuple(results)):
            self.added = None
            self.after = BIAS

    def operands(self, xp: Any) -> list[Any]:
        """Bias with scale, and what is added, as the kernel takes them."""
        vectors = self.bias if self.scale is None else xp.stack([self.bias, self.scale])
        return [vectors] if self.added is None else [vectors, self.added]

    def of(self, xp: Any, y: Any, operands: Sequence[Any], channels_first: bool) -> Any:
        """The results `y` of a convolution with this done to them, where no kernel does it."""
        operand, *added = operands
        if channels_first:
            operand = operand.reshape(*operand.shape, *(1,) * (y.ndim - 2))
        y = y + operand if self.scale is None else y * operand[1] + operand[0]
        y = y + added[0] if added else y
        if self.after != BIAS:
            y = xp.maximum(y, np.float32(0))
        return xp.minimum(y, np.float32(6)) if self.after == RELU6 else y


class Winograd(NamedTuple):
    """A convolution, or one of its gradients, by Winograd's algorithm."""

    shape: Shape

    @property
    def dtype(self) -> np.dtype:
        return self.shape.dtype

    def numbers(self) -> np.ndarray:
        """The shape as the library reads it (native/winograd.h)."""
        return np.concatenate([np.array([WINOGRAD], np.int64), self.shape.numbers()])

    def __str__(self) -> str:
        return str(self.shape)


def convolution(shape: Shape, compiled: bool) -> Kernel | None:
    """A kernel for a convolution or one of its gradients, or None where there is no better one.

    Args:
      shape: of kind FORWARD: of images and a filter; INPUT_GRADIENT: of a filter and the output's
        gradient; FILTER_GRADIENT: of images and the output's gradient. A filter is [spatial...,
        channels / groups, filters].
      compiled: whether XLA's own code is the alternative, not NumPy's.
    """
    found = library()
    if found is None:
        return None
    if compiled and forced[0] != "native" and _xla_is_as_good(shape):
        return leave_to_xla(shape)
    result = _result(shape)
    kernel = None
    if _winograd_is_better(shape, found.vector_bytes):
        kernel = choose(Winograd(shape), result)
    return kernel or choose(shape, result)


def _result(shape: Shape) -> tuple[int, ...]:
    geometry = shape.geometry
    if shape.kind == FORWARD:
        return shape.images(geometry.outputs, shape.filters)
    if shape.kind == INPUT_GRADIENT:
        return shape.images(geometry.sizes, shape.channels)
    return (*geometry.kernel, shape.channels // shape.groups, shape.filters)


# Multiplications that are as long as transforming an element of the filter to and fro: with AVX2, with AVX-512.
_TRANSFORM = {
    32: {FORWARD: 400, INPUT_GRADIENT: 870, FILTER_GRADIENT: 100},
    64: {FORWARD: 50, INPUT_GRADIENT: 150, FILTER_GRADIENT: 50},
}
# Channels and filters, and both together, that the transforms of the images are small beside.
_FEWEST, _FEWEST_PRODUCTS = 16, 512
# By how much fewer multiplications there must be.
_GAIN = 0.85


def _winograd_is_better(shape: Shape, vector_bytes: int) -> bool:
    """Where it was measured to gain something over oneDNN (docs/decisions.md)."""
    geometry = shape.geometry
    if vector_bytes not in _TRANSFORM:
        return False
    if shape.dtype != np.float32 or shape.groups != 1 or shape.channels_first:
        return False
    if geometry.kernel != (3, 3) or any(n != 1 for n in (*geometry.strides, *geometry.dilations)):
        return False
    few = shape.channels * shape.filters < _FEWEST_PRODUCTS and shape.kind != FILTER_GRADIENT
    if few or min(shape.channels, shape.filters) < _FEWEST:
        return False
    sizes = geometry.sizes if shape.kind == INPUT_GRADIENT else geometry.outputs
    tiles = shape.batch * math.prod((n + 1) // 2 for n in sizes)
    pixels = shape.batch * math.prod(geometry.outputs)
    return 16 * tiles + _TRANSFORM[vector_bytes][shape.kind] < _GAIN * 9 * pixels


# Pixels of a convolution with windows of one element, alone and with something that follows, from which on bringing
# the filter into order is small beside the rest.
_FEWEST_PIXELS = {False: 4096, True: 1024}


def _xla_is_as_good(shape: Shape) -> bool:
    """Where the native kernels were measured to gain nothing (docs/decisions.md)."""
    geometry = shape.geometry
    if shape.groups == 1:
        if all(n == 1 for n in (*geometry.kernel, *geometry.strides)):  # a matrix product
            if shape.kind == FILTER_GRADIENT or shape.channels_first:
                return False
            return (
                shape.batch * math.prod(geometry.outputs) < _FEWEST_PIXELS[shape.after != NOTHING]
            )
        strided = max(geometry.strides) > 1 and max(geometry.kernel) > 3
        return shape.kind == INPUT_GRADIENT and shape.channels <= 8 and not strided
    apart = shape.groups == shape.channels
    return shape.kind == FILTER_GRADIENT and apart and max(geometry.kernel) > 3
