"""Pooling of arrays with the channels last, and its gradients, in both namespaces.

On the CPU there are native kernels (`reflow.kernels`). Without, a pooling is an element-wise maximum (or
sum) of strided slices, one dimension after the other. Its gradient is written without scattering: XLA's
CPU code for that was measured to be up to sixty times slower than what is done here, which for each
element of the input looks at the windows that it is in.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.kernels.kernel import Kernel
from reflow.kernels.pooling import AVERAGE, AVERAGE_GRADIENT, MAXIMUM, MAXIMUM_GRADIENT, pooling
from reflow.ops.spatial.conv_kernels import Geometry, by_images, natively

# Windows that are longer in some dimension, or have more elements, are left to XLA's own code: a slice
# for each element would be too much to compile.
_MAX_LENGTH = 24
_MAX_TAPS = 64
_MAX_SIZE = 1 << 23


def _kernel(xp: Any, kind: int, images: Any, geometry: Geometry) -> Kernel | None:
    if not images.size or 0 in geometry.outputs:
        return None
    batch, channels = images.shape[0], images.shape[-1]
    return pooling(kind, images.dtype, batch, channels, geometry, not xp.is_numpy)


def lowest(dtype: np.dtype) -> Any:
    """The least value of a dtype, as a scalar of it."""
    if dtype.kind in "iu":
        return dtype.type(np.iinfo(dtype).min)
    return dtype.type(-np.inf)


def _pad_axis(xp: Any, x: Any, axis: int, lo: int, hi: int, value: Any) -> Any:
    if not lo and not hi:
        return x
    if not xp.is_numpy:
        return xp.lax.pad(
            x, value, [(lo, hi, 0) if i == axis else (0, 0, 0) for i in range(x.ndim)]
        )
    shape = list(x.shape)
    shape[axis] += lo + hi
    result = np.full(shape, value, x.dtype)
    result[_at(axis, slice(lo, lo + x.shape[axis]))] = x
    return result


def _at(axis: int, index: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * axis, index)


def _slide(xp: Any, x: Any, geometry: Geometry, combine: Any, reduce: Callable, start: Any) -> Any:
    """`combine` of the elements of each window, dimension by dimension; `start` is its neutral."""
    for i, (n, k, o, s, (lo, hi)) in enumerate(
        zip(geometry.sizes, geometry.kernel, geometry.outputs, geometry.strides, geometry.pads)
    ):
        axis = i + 1
        if k == 1 and s == 1 and not lo and not hi:
            continue
        if n == k and o == 1 and not lo:
            x = reduce(x, axis=axis, keepdims=True)
            continue
        # Slices would be cut short where the windows end before the padded input does.
        x = _pad_axis(xp, x, axis, lo, max((o - 1) * s + k - n - lo, 0), start)
        result = None
        for j in range(k):
            part = x[_at(axis, slice(j, j + (o - 1) * s + 1, s))]
            result = part if result is None else combine(result, part)
        x = result
    return x


def _reduce_window(xp: Any, x: Any, geometry: Geometry, combine: Any, start: Any) -> Any:
    return xp.lax.reduce_window(
        x,
        start,
        combine,
        (1, *geometry.kernel, 1),
        (1, *geometry.strides, 1),
        ((0, 0), *geometry.pads, (0, 0)),
    )


def _for_xla(x: Any, geometry: Geometry) -> bool:
    """Whether XLA's own code is the better one: for long windows, and where memory is what limits."""
    return x.size > _MAX_SIZE or any(
        k > _MAX_LENGTH and (n, o) != (k, 1)
        for n, k, o in zip(geometry.sizes, geometry.kernel, geometry.outputs)
    )


# Maximum ------------------------------------------------------------------------------------------


def max_forward(xp: Any, x: Any, geometry: Geometry) -> Any:
    """The largest element of each window of `x` [batch, spatial..., channels]."""
    kernel = _kernel(xp, MAXIMUM, x, geometry)
    return natively(xp, kernel, lambda x: _max_forward(xp, x, geometry), x)


def _max_forward(xp: Any, x: Any, geometry: Geometry) -> Any:
    x = xp.asarray(x)
    low = lowest(x.dtype)
    if not xp.is_numpy and _for_xla(x, geometry):
        return _reduce_window(xp, x, geometry, xp.lax.max, low)
    if xp.is_numpy:
        return by_images(lambda x: _slide(xp, x, geometry, np.maximum, np.max, low), x)
    return _slide(xp, x, geometry, xp.maximum, xp.max, low)


def parts(xp: Any, x: Any, geometry: Geometry, value: Any) -> list[tuple[tuple[int, ...], Any]]:
    """For each place within the windows, the elements that lie there, as large as the output.

    Args:
      value: what lies in the padding.
    """
    for i, (n, span, reach, (lo, _)) in enumerate(
        zip(geometry.sizes, geometry.span, geometry.reach, geometry.pads)
    ):
        x = _pad_axis(xp, x, i + 1, lo, max(span + reach - 1 - n - lo, 0), value)
    return [(place, x[(slice(None), *slices)]) for place, slices in geometry.taps()]


def max_gradient(xp: Any, x: Any, y: Any, dy: Any, geometry: Geometry) -> Any:
    """The gradient of `max_forward`, whose result is `y`, with respect to `x`.

    Where a window has several largest elements, the first one gets it, as in TensorFlow.
    """
    if not dy.size or not x.size:
        return xp.zeros(x.shape, dy.dtype)
    kernel = _kernel(xp, MAXIMUM_GRADIENT, x, geometry) if x.dtype == dy.dtype else None
    return natively(xp, kernel, lambda *given: _max_gradient(xp, *given, geometry), x, y, dy)


def _max_gradient(xp: Any, x: Any, y: Any, dy: Any, geometry: Geometry) -> Any:
    if xp.is_numpy:
        return by_images(lambda *given: _max_gradient_numpy(xp, *given, geometry), x, y, dy)
    x, y, dy = xp.asarray(x), xp.asarray(y), xp.asarray(dy)
    if math.prod(geometry.kernel) > _MAX_TAPS and x.dtype.kind not in "iu":
        low = lowest(x.dtype)
        pull = xp.jax.vjp(lambda x: _reduce_window(xp, x, geometry, xp.lax.max, low), x)[1]
        return pull(dy.astype(x.dtype))[0].astype(dy.dtype)
    return _collect(xp, _first_largest(xp, x, y, geometry), dy, geometry)


def _max_gradient_numpy(xp: Any, x: Any, y: Any, dy: Any, geometry: Geometry) -> np.ndarray:
    lengths = [
        max(lo + n, e + k - 1)
        for n, e, k, (lo, _) in zip(geometry.sizes, geometry.span, geometry.kernel, geometry.pads)
    ]
    result = np.zeros((x.shape[0], *lengths, x.shape[-1]), dy.dtype)
    left: Any = True  # the windows whose largest element was not found yet
    for place, part in parts(xp, x, geometry, lowest(x.dtype)):
        hit = part == y
        if left is True:
            left = ~hit
        else:
            hit &= left
            left ^= hit
        slices = tuple(
            slice(p, p + e, s) for p, e, s in zip(place, geometry.span, geometry.strides)
        )
        result[(slice(None), *slices)] += dy * hit
    inside = (slice(lo, lo + n) for n, (lo, _) in zip(geometry.sizes, geometry.pads))
    return result[(slice(None), *inside)]


def _first_largest(xp: Any, x: Any, y: Any, geometry: Geometry) -> Any:
    """For each window the number of the place of its first largest element."""
    given = parts(xp, x, geometry, lowest(x.dtype))
    index = xp.full(y.shape, len(given) - 1, np.int32)
    for number in reversed(range(len(given) - 1)):
        index = xp.where(given[number][1] == y, np.int32(number), index)
    return index


def _collect(xp: Any, index: Any, dy: Any, geometry: Geometry) -> Any:
    """For each element of the input, the sum of `dy` of the windows whose `index` points at it.

    The input is seen as blocks as long as a stride. An element of block `b` is in the windows that begin
    in the blocks `b`, `b - 1`, ...: as many as strides fit into a window, rounded up.
    """
    inner = len(geometry.kernel)
    reach = [-(-k // s) for k, s in zip(geometry.kernel, geometry.strides)]
    blocks = [o + q - 1 for o, q in zip(geometry.outputs, reach)]
    around = [(0, 0), *((q - 1, q - 1) for q in reach), (0, 0)]
    index = xp.pad(index, around, constant_values=-1)
    dy = xp.pad(dy, around)
    weights = [math.prod(geometry.kernel[i + 1 :]) for i in range(inner)]
    total = None
    for back in itertools.product(*(range(q) for q in reach)):
        window = tuple(
            item
            for q, b, m in zip(reach, back, blocks)
            for item in (slice(q - 1 - b, q - 1 - b + m), None)
        )
        number: Any = 0
        inside: Any = True
        for i, (b, s, k, weight) in enumerate(
            zip(back, geometry.strides, geometry.kernel, weights)
        ):
            place = (np.arange(s) + s * b).reshape((1, s) + (1, 1) * (inner - 1 - i) + (1,))
            number = number + place * weight
            inside = inside & (place < k)
        number = np.where(inside, number, -2).astype(np.int32)
        chosen = index[(slice(None), *window)] == number
        part = xp.where(chosen, dy[(slice(None), *window)], dy.dtype.type(0))
        total = part if total is None else total + part
    lengths = [m * s for m, s in zip(blocks, geometry.strides)]
    total = total.reshape(dy.shape[0], *lengths, dy.shape[-1])
    for i, (n, length, (lo, _)) in enumerate(zip(geometry.sizes, lengths, geometry.pads)):
        total = _pad_axis(xp, total, i + 1, 0, max(lo + n - length, 0), dy.dtype.type(0))
        total = total[_at(i + 1, slice(lo, lo + n))]
    return total


def max_pick(xp: Any, x: Any, y: Any, values: Any, geometry: Geometry) -> Any:
    """The elements of `values` [batch, spatial..., channels] where the windows of `x` are largest."""
    seen = parts(xp, xp.asarray(x), geometry, lowest(x.dtype))
    given = parts(xp, xp.asarray(values), geometry, values.dtype.type(0))
    result = given[-1][1]
    for (_, part), (_, value) in zip(seen[-2::-1], given[-2::-1]):
        result = xp.where(part == y, value, result)
    return result


def max_places(xp: Any, x: Any, y: Any, geometry: Geometry, with_batch: bool, dtype: Any) -> Any:
    """For each window, where its first largest element lies in the flat image, or the flat batch."""
    batch, *_, channels = x.shape
    rank = len(geometry.kernel)
    result: Any = None
    for place, part in reversed(parts(xp, xp.asarray(x), geometry, lowest(x.dtype))):
        flat: Any = 0
        for i, (n, p, o, s, (lo, _)) in enumerate(
            zip(geometry.sizes, place, geometry.outputs, geometry.strides, geometry.pads)
        ):
            at = np.arange(o, dtype=np.int64) * s + p - lo
            flat = flat * n + at.reshape((o,) + (1,) * (rank - i))
        flat = flat * channels + np.arange(channels)
        result = (
            xp.broadcast_to(flat, y.shape) if result is None else xp.where(part == y, flat, result)
        )
    if with_batch:
        size = math.prod(geometry.sizes) * channels
        result = result + (np.arange(batch) * size).reshape((batch,) + (1,) * (rank + 1))
    return xp.astype(result, dtype)


# Average ------------------------------------------------------------------------------------------


def _counts(geometry: Geometry, dtype: Any) -> np.ndarray:
    """How many elements of each window are not padding, [outputs..., 1]."""
    result = np.ones((), np.int64)
    for n, k, o, s, (lo, _) in zip(
        geometry.sizes, geometry.kernel, geometry.outputs, geometry.strides, geometry.pads
    ):
        start = np.arange(o) * s - lo
        result = np.multiply.outer(result, np.minimum(start + k, n) - np.maximum(start, 0))
    return result[..., None].astype(dtype)


def average_forward(xp: Any, x: Any, geometry: Geometry) -> Any:
    """The mean of the elements of each window of `x` [batch, spatial..., channels]."""
    kernel = _kernel(xp, AVERAGE, x, geometry)
    return natively(xp, kernel, lambda x: _average_forward(xp, x, geometry), x)


def _average_forward(xp: Any, x: Any, geometry: Geometry) -> Any:
    dtype = x.dtype
    x = xp.asarray(x)
    if dtype.itemsize == 2:
        x = x.astype(np.float32)
    zero = x.dtype.type(0)
    if not xp.is_numpy and _for_xla(x, geometry):
        total = _reduce_window(xp, x, geometry, xp.lax.add, zero)
    else:
        total = _slide(xp, x, geometry, xp.add, xp.sum, zero)
    return (total / _counts(geometry, x.dtype)).astype(dtype)


def average_gradient(xp: Any, dy: Any, geometry: Geometry) -> Any:
    """The gradient of `average_forward` with respect to its input."""
    dtype = dy.dtype
    if not dy.size:
        return xp.zeros((dy.shape[0], *geometry.sizes, dy.shape[-1]), dtype)
    kernel = _kernel(xp, AVERAGE_GRADIENT, dy, geometry)
    return natively(xp, kernel, lambda dy: _average_gradient(xp, dy, geometry), dy)


def _average_gradient(xp: Any, dy: Any, geometry: Geometry) -> Any:
    dtype = dy.dtype
    dy = xp.asarray(dy)
    if dtype.itemsize == 2:
        dy = dy.astype(np.float32)
    dy = dy / _counts(geometry, dy.dtype)
    for i in range(len(geometry.kernel)):
        dy = _spread_axis(xp, dy, i, geometry)
    return dy.astype(dtype)


def _spread_axis(xp: Any, dy: Any, i: int, geometry: Geometry) -> Any:
    """`dy` of each window at all its elements along one spatial dimension, summed."""
    n, k, o, s, (lo, _) = (
        geometry.sizes[i], geometry.kernel[i], geometry.outputs[i], geometry.strides[i],
        geometry.pads[i],
    )  # fmt: skip
    axis = i + 1
    span = (o - 1) * s + 1
    length = max(lo + n, span + k - 1)
    if xp.is_numpy:
        shape = list(dy.shape)
        shape[axis] = length
        result = np.zeros(shape, dy.dtype)
        for j in range(k):
            result[_at(axis, slice(j, j + span, s))] += dy
        return result[_at(axis, slice(lo, lo + n))]
    zero = dy.dtype.type(0)
    rest = [(0, 0, 0)] * (dy.ndim - axis - 1)
    dy = xp.lax.pad(dy, zero, [*[(0, 0, 0)] * axis, (k - 1, length - span, s - 1), *rest])
    if k > _MAX_LENGTH:
        window = [1] * dy.ndim
        window[axis] = k
        total = xp.lax.reduce_window(dy, zero, xp.lax.add, window, [1] * dy.ndim, "VALID")
    else:
        total = None
        for j in range(k):
            part = dy[_at(axis, slice(j, j + length))]
            total = part if total is None else total + part
    return total[_at(axis, slice(lo, lo + n))]
