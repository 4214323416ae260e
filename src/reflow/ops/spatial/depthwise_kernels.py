"""Convolutions that keep the channels apart, and their gradients, in both namespaces.

Where no native kernel takes them they are sums of shifted products, which XLA's CPU code does far better
than a convolution with as many groups as channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.kernels.convolution import FILTER_GRADIENT, INPUT_GRADIENT
from reflow.ops.spatial import conv_kernels
from reflow.ops.spatial.conv_kernels import (
    Geometry,
    by_images,
    by_platform,
    forward_natively,
    inside,
    kernel_of,
    natively,
    padded,
    place_at,
    xla_filter_gradient,
    xla_forward,
    xla_input_gradient,
)


def forward(xp: Any, x: Any, w: Any, geometry: Geometry) -> Any:
    """The convolution of each channel of `x` by itself with `w` [spatial..., channels, multiplier]."""
    channels, multiplier = w.shape[-2:]
    shape = (x.shape[0], *geometry.outputs, channels * multiplier)
    if not x.size or not w.size or 0 in geometry.outputs:
        return xp.zeros(shape, x.dtype)
    if channels == 1:
        return conv_kernels.forward(xp, x, w, geometry)

    def shifted(x: Any, w: Any) -> Any:
        dtype, (x, w) = x.dtype, _in_float32(xp, x, w)
        x = _pad(xp, x, geometry)
        total = None
        for place, slices in geometry.taps():
            # One product per multiplier: a last dimension of a few elements would be slow.
            part = x[(slice(None), *slices)]
            terms = [part * w[(*place, slice(None), q)] for q in range(multiplier)]
            total = terms if total is None else [t + u for t, u in zip(total, terms)]
        result = total[0] if multiplier == 1 else xp.stack(total, -1).reshape(-1, *shape[1:])
        return result.astype(dtype)

    def in_groups(x: Any, w: Any) -> Any:
        w = w.reshape(*geometry.kernel, 1, channels * multiplier)
        return xla_forward(xp, x, w, geometry, channels)

    def otherwise(x: Any, w: Any) -> Any:
        if xp.is_numpy:
            return by_images(lambda x: shifted(x, w), x)
        return by_platform(xp, shifted, in_groups, xp.asarray(x), xp.asarray(w))

    return forward_natively(xp, otherwise, x, w, x.shape, (1, shape[-1]), geometry)


def input_gradient(xp: Any, w: Any, dy: Any, geometry: Geometry) -> Any:
    """The gradient of `forward` with respect to its input."""
    channels, multiplier = w.shape[-2:]
    if not dy.size or not w.size:
        return xp.zeros((dy.shape[0], *geometry.sizes, channels), dy.dtype)
    if channels == 1:
        return conv_kernels.input_gradient(xp, 1, w, dy, geometry)

    def shifted(w: Any, dy: Any) -> Any:
        dtype, (w, dy) = dy.dtype, _in_float32(xp, w, dy)
        dy = dy.reshape(*dy.shape[:-1], channels, multiplier)
        parts = [dy[..., q] for q in range(multiplier)]
        total = None
        if xp.is_numpy:
            sizes = [n + lo + hi for n, (lo, hi) in zip(geometry.sizes, geometry.pads)]
            total = np.zeros((dy.shape[0], *sizes, channels), dy.dtype)
        for place, slices in geometry.taps():
            part = parts[0] * w[(*place, slice(None), 0)]
            for q in range(1, multiplier):
                part = part + parts[q] * w[(*place, slice(None), q)]
            if xp.is_numpy:
                total[(slice(None), *slices)] += part
            else:
                part = place_at(xp, part, place, geometry)
                total = part if total is None else total + part
        return total[inside(geometry.sizes, geometry.pads)].astype(dtype)

    def in_groups(w: Any, dy: Any) -> Any:
        w = w.reshape(*geometry.kernel, 1, channels * multiplier)
        return xla_input_gradient(xp, w, dy, geometry, channels)

    def otherwise(w: Any, dy: Any) -> Any:
        if xp.is_numpy:
            return by_images(lambda dy: shifted(w, dy), dy)
        return by_platform(xp, shifted, in_groups, xp.asarray(w), xp.asarray(dy))

    given = (dy.shape[0], channels)
    kernel = kernel_of(xp, INPUT_GRADIENT, dy.dtype, given, (1, channels * multiplier), geometry)
    return natively(xp, kernel, otherwise, w, dy)


def filter_gradient(xp: Any, x: Any, multiplier: int, dy: Any, geometry: Geometry) -> Any:
    """The gradient of `forward` with respect to its filter."""
    channels = x.shape[-1]
    shape = (*geometry.kernel, channels, multiplier)
    if not dy.size or not x.size:
        return xp.zeros(shape, dy.dtype)
    if channels == 1:
        return conv_kernels.filter_gradient(xp, x, 1, dy, geometry)

    def shifted(x: Any, dy: Any) -> Any:
        dtype, (x, dy) = dy.dtype, _in_float32(xp, x, dy)
        dy = dy.reshape(*dy.shape[:-1], channels, multiplier)
        x = _pad(xp, x, geometry)
        parts = [dy[..., q] for q in range(multiplier)]
        sums: Any = (_sums_in_numpy if xp.is_numpy else _sums_of_products)(xp, x, parts, geometry)
        result = xp.stack(sums).reshape(*geometry.kernel, multiplier, channels)
        return xp.swapaxes(result, -1, -2).astype(dtype)

    def in_groups(x: Any, dy: Any) -> Any:
        return xla_filter_gradient(xp, x, dy, geometry, channels).reshape(shape)

    def otherwise(x: Any, dy: Any) -> Any:
        if xp.is_numpy:
            return shifted(x, dy)
        return by_platform(xp, shifted, in_groups, xp.asarray(x), xp.asarray(dy))

    kernel = kernel_of(xp, FILTER_GRADIENT, dy.dtype, x.shape, (1, channels * multiplier), geometry)
    if kernel is not None:
        kernel = kernel.shaped(shape)
    return natively(xp, kernel, otherwise, x, dy)


def _sums_in_numpy(xp: Any, x: Any, parts: Sequence[Any], geometry: Geometry) -> np.ndarray:
    """For each tap and part, their product summed over batch and space: [taps * parts, channels]."""
    taps = [slices for _, slices in geometry.taps()]
    result = np.zeros((len(taps) * len(parts), x.shape[-1]), x.dtype)
    for image, *given in zip(x, *parts):
        row = 0
        for slices in taps:
            for part in given:
                result[row] += (image[slices] * part).reshape(-1, x.shape[-1]).sum(0)
                row += 1
    return result


def _sums_of_products(xp: Any, x: Any, parts: Sequence[Any], geometry: Geometry) -> list[Any]:
    """For each tap and part, their product summed over batch and space.

    A loop over the batch that adds whole images: XLA's CPU code for the sum of a product of slices is
    ten times slower.
    """
    slices_of_taps = [slices for _, slices in geometry.taps()]

    def step(sums: list[Any], one: Any) -> tuple[list[Any], None]:
        image, given = one
        products = [image[slices] * part for slices in slices_of_taps for part in given]
        return [a + b for a, b in zip(sums, products)], None

    zeros = xp.zeros(parts[0].shape[1:], parts[0].dtype)
    start = [zeros] * (len(slices_of_taps) * len(parts))
    sums, _ = xp.lax.scan(step, start, (x, list(parts)))
    return [xp.sum(each, tuple(range(each.ndim - 1))) for each in sums]


def _in_float32(xp: Any, *arrays: Any) -> list[Any]:
    """The arrays, those of 16-bit floats as float32."""
    return [xp.asarray(a).astype(np.float32) if a.dtype.itemsize == 2 else a for a in arrays]


def _pad(xp: Any, x: Any, geometry: Geometry) -> Any:
    if xp.is_numpy:
        return padded(x, geometry.pads)
    return xp.pad(x, ((0, 0), *geometry.pads, (0, 0)))
