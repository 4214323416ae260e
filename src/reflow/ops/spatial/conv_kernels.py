"""Convolutions of arrays with the channels last, and their gradients, in both namespaces.

On the CPU they go to a native kernel where there is a good one (`reflow.kernels`). Without: in NumPy a
convolution is a matrix product with the windows of the input laid out as rows (im2col), in pieces of
bounded size. In XLA it is XLA's own, except where its CPU code was measured to be slow
(docs/decisions.md): windows of one element are a matrix product, groups are convolutions of their own,
and a convolution that keeps the channels apart is a sum of shifted products.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from reflow.kernels.convolution import (
    FILTER_GRADIENT,
    FORWARD,
    INPUT_GRADIENT,
    convolution,
)
from reflow.kernels.kernel import NOTHING, Kernel, Shape

Pads = Sequence[tuple[int, int]]

# Elements of the matrix of windows that is made at a time in NumPy. A product of much smaller pieces
# would spend its time waiting for the threads of the BLAS.
_PIECE = 1 << 23
# Elements of an array of which several, and what is made of them, fit into a core's cache.
_CACHED = 1 << 18
# More groups than these are left to XLA's own grouped convolution: each is a convolution to compile.
_MAX_SPLIT = 64


class Geometry:
    """Where the windows of a convolution lie.

    Attributes:
      sizes: spatial sizes of the input, kernel: of the filter, outputs: of the output.
      strides, dilations, pads: per spatial dimension.
    """

    __slots__ = ("sizes", "kernel", "outputs", "strides", "dilations", "pads")

    def __init__(self, windows: Any, sizes: Sequence[int], kernel: Sequence[int]):
        self.sizes = tuple(sizes)
        self.kernel = tuple(kernel)
        self.strides = windows.strides
        self.dilations = windows.dilations
        self.pads = windows.pads(self.sizes, self.kernel)
        self.outputs = windows.output_sizes(self.sizes, self.kernel)

    @property
    def reach(self) -> list[int]:
        """How far a window extends, holes included."""
        return [(k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations)]

    @property
    def span(self) -> list[int]:
        """How far from the first element of the first window that of the last window lies, plus 1."""
        return [(o - 1) * s + 1 for o, s in zip(self.outputs, self.strides)]

    @property
    def pointwise(self) -> bool:
        """Whether windows have one element."""
        return all(k == 1 for k in self.kernel) and not any(map(any, self.pads))

    def taps(self) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
        """The places within a window, and for each the slices of the padded input that lie there."""
        for place in np.ndindex(self.kernel):
            slices = [
                slice(p * d, p * d + e, s)
                for p, d, e, s in zip(place, self.dilations, self.span, self.strides)
            ]
            yield place, tuple(slices)


geometry_of = functools.lru_cache(maxsize=1024)(Geometry)


def forward(xp: Any, x: Any, w: Any, geometry: Geometry) -> Any:
    """The convolution of `x` [batch, spatial..., channels] with `w` [spatial..., channels, filters].

    Fewer channels in `w` than in `x` make groups: those of `x` are divided among those of the output.
    """
    if not x.size or not w.size or 0 in geometry.outputs:
        return xp.zeros((x.shape[0], *geometry.outputs, w.shape[-1]), x.dtype)

    def otherwise(x: Any, w: Any) -> Any:
        return _forward_numpy(x, w, geometry) if xp.is_numpy else _forward_xla(xp, x, w, geometry)

    return forward_natively(xp, otherwise, x, w, x.shape, w.shape, geometry)


def input_gradient(xp: Any, channels: int, w: Any, dy: Any, geometry: Geometry) -> Any:
    """The gradient of `forward` with respect to its input, which has `channels`."""
    if not dy.size or not w.size:
        return xp.zeros((dy.shape[0], *geometry.sizes, channels), dy.dtype)
    kernel = kernel_of(xp, INPUT_GRADIENT, dy.dtype, (dy.shape[0], channels), w.shape, geometry)

    def otherwise(w: Any, dy: Any) -> Any:
        if xp.is_numpy:
            return _input_gradient_numpy(channels, w, dy, geometry)
        return _input_gradient_xla(xp, channels, w, dy, geometry)

    return natively(xp, kernel, otherwise, w, dy)


def filter_gradient(xp: Any, x: Any, channels: int, dy: Any, geometry: Geometry) -> Any:
    """The gradient of `forward` with respect to its filter, which has `channels` (of one group)."""
    if not dy.size or not x.size:
        return xp.zeros((*geometry.kernel, channels, dy.shape[-1]), dy.dtype)
    kernel = kernel_of(xp, FILTER_GRADIENT, dy.dtype, x.shape, (channels, dy.shape[-1]), geometry)

    def otherwise(x: Any, dy: Any) -> Any:
        if xp.is_numpy:
            return _filter_gradient_numpy(x, channels, dy, geometry)
        return _filter_gradient_xla(xp, x, channels, dy, geometry)

    return natively(xp, kernel, otherwise, x, dy)


# With the channels first -----------------------------------------------------------------------------
#
# The kernels take them as they are; otherwise the channels are moved to the end and back.


def _last(xp: Any, x: Any) -> Any:
    return xp.moveaxis(x, 1, -1)


def _first(xp: Any, x: Any) -> Any:
    return xp.moveaxis(x, -1, 1)


def forward_channels_first(xp: Any, x: Any, w: Any, geometry: Geometry) -> Any:
    """`forward` for `x` [batch, channels, spatial...]."""

    def otherwise(x: Any, w: Any) -> Any:
        return _first(xp, forward(xp, _last(xp, x), w, geometry))

    if not x.size or not w.size or 0 in geometry.outputs:
        return otherwise(x, w)
    return forward_natively(xp, otherwise, x, w, x.shape[:2], w.shape, geometry, True)


def input_gradient_channels_first(
    xp: Any, channels: int, w: Any, dy: Any, geometry: Geometry
) -> Any:
    """`input_gradient` for `dy` [batch, filters, spatial...]; so is the result."""

    def otherwise(w: Any, dy: Any) -> Any:
        return _first(xp, input_gradient(xp, channels, w, _last(xp, dy), geometry))

    kernel = None
    if dy.size and w.size:
        given = (dy.shape[0], channels)
        kernel = kernel_of(xp, INPUT_GRADIENT, dy.dtype, given, w.shape, geometry, True)
    return natively(xp, kernel, otherwise, w, dy)


def filter_gradient_channels_first(
    xp: Any, x: Any, channels: int, dy: Any, geometry: Geometry
) -> Any:
    """`filter_gradient` for `x` and `dy` [batch, channels, spatial...]."""

    def otherwise(x: Any, dy: Any) -> Any:
        return filter_gradient(xp, _last(xp, x), channels, _last(xp, dy), geometry)

    kernel = None
    if x.size and dy.size:
        given = (channels, dy.shape[1])
        kernel = kernel_of(xp, FILTER_GRADIENT, dy.dtype, x.shape[:2], given, geometry, True)
    return natively(xp, kernel, otherwise, x, dy)


# Native kernels -----------------------------------------------------------------------------------


def kernel_of(
    xp: Any,
    kind: int,
    dtype: Any,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    geometry: Geometry,
    channels_first: bool = False,
    after: int = NOTHING,
    scaled: bool = False,
    adds: bool = False,
) -> Kernel | None:
    """A native kernel; of the shapes of images and filter the outer dimensions count."""
    batch, channels, filters = x_shape[0], x_shape[-1], w_shape[-1]
    groups = channels // w_shape[-2]
    images = kind, dtype, batch, groups, channels, filters
    shape = Shape(*images, geometry, channels_first, after, scaled, adds)
    return convolution(shape, not xp.is_numpy)


def forward_natively(
    xp: Any,
    otherwise: Callable[..., Any],
    x: Any,
    w: Any,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    geometry: Geometry,
    channels_first: bool = False,
) -> Any:
    """A convolution by a kernel where there is one, with what follows it; else `otherwise(x, w)`.

    Args:
      x_shape, w_shape: of which the outer dimensions count.
    """
    shape = xp, FORWARD, x.dtype, x_shape, w_shape, geometry, channels_first
    epilogue = xp.epilogue
    if epilogue is not None and not epilogue.done and epilogue.bias.shape == (w_shape[-1],):
        inner = geometry.outputs if channels_first else (*geometry.outputs, w_shape[-1])
        epilogue.fit((x_shape[0], *inner), channels_first)
        what = epilogue.after, epilogue.scale is not None, epilogue.added is not None
        kernel = kernel_of(*shape, *what)
        if kernel is not None:
            epilogue.done = True

            def both(x: Any, w: Any, *operands: Any) -> Any:
                return epilogue.of(xp, otherwise(x, w), operands, channels_first)

            return natively(xp, kernel, both, x, w, *epilogue.operands(xp))
    return natively(xp, kernel_of(*shape), otherwise, x, w)


def natively(xp: Any, kernel: Kernel | None, otherwise: Callable[..., Any], *args: Any) -> Any:
    """`args` through the kernel on the CPU, if there is one, else `otherwise(*args)`."""
    if kernel is None:
        return otherwise(*args)
    if xp.is_numpy:
        return kernel(xp, *args)
    return by_platform(xp, functools.partial(kernel, xp), otherwise, *map(xp.asarray, args))


# NumPy --------------------------------------------------------------------------------------------


def _wide(x: np.ndarray) -> np.ndarray:
    """`x` in a dtype in which products are summed accurately, and fast."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x


def padded(x: np.ndarray, pads: Pads) -> np.ndarray:
    if not any(map(any, pads)):
        return np.ascontiguousarray(x)
    sizes = [n + lo + hi for n, (lo, hi) in zip(x.shape[1:], pads)]
    result = np.zeros((x.shape[0], *sizes, x.shape[-1]), x.dtype)
    result[inside(x.shape[1:-1], pads)] = x
    return result


def inside(sizes: Sequence[int], pads: Pads) -> tuple[slice, ...]:
    """What the padding surrounds."""
    return (slice(None), *(slice(lo, lo + n) for n, (lo, _) in zip(sizes, pads)))


def _windows(x: np.ndarray, geometry: Geometry) -> np.ndarray:
    """A view of the padded `x`: [batch, outputs..., kernel..., channels]."""
    inner = x.strides[1:-1]
    steps = [a * s for a, s in zip(inner, geometry.strides)]
    holes = [a * d for a, d in zip(inner, geometry.dilations)]
    return as_strided(
        x,
        (x.shape[0], *geometry.outputs, *geometry.kernel, x.shape[-1]),
        (x.strides[0], *steps, *holes, x.strides[-1]),
        writeable=False,
    )


def _pieces(batch: int, geometry: Geometry, depth: int) -> Iterator[tuple[slice, slice]]:
    """Pieces of the output, by batch and first spatial dimension, of bounded matrices of windows."""
    per_row = math.prod(geometry.outputs[1:]) * depth
    rows = geometry.outputs[0]
    images = _PIECE // max(per_row * rows, 1)
    if images >= 1:
        for i in range(0, batch, images):
            yield slice(i, i + images), slice(0, rows)
        return
    step = max(_PIECE // per_row, 1)
    for i in range(batch):
        for j in range(0, rows, step):
            yield slice(i, i + 1), slice(j, min(j + step, rows))


def _groups(channels: int, w_channels: int, filters: int) -> list[tuple[slice, slice]]:
    """For each group, its channels and its filters."""
    count = channels // w_channels
    each = filters // count
    return [
        (slice(g * w_channels, (g + 1) * w_channels), slice(g * each, (g + 1) * each))
        for g in range(count)
    ]


def _matrix(
    windows: np.ndarray, piece: tuple[slice, slice], group: slice, depth: int
) -> np.ndarray:
    return windows[(*piece, ..., group)].reshape(-1, depth)


def _forward_numpy(x: np.ndarray, w: np.ndarray, geometry: Geometry) -> np.ndarray:
    dtype = x.dtype
    x, w = _wide(x), _wide(w)
    batch, filters, w_channels = x.shape[0], w.shape[-1], w.shape[-2]
    depth = math.prod(geometry.kernel) * w_channels
    windows = _windows(padded(x, geometry.pads), geometry)
    result = np.empty((batch, *geometry.outputs, filters), x.dtype)
    for channels, chosen in _groups(x.shape[-1], w_channels, filters):
        flat = w[..., chosen].reshape(depth, -1)
        for piece in _pieces(batch, geometry, depth):
            out = result[(*piece, ..., chosen)]
            matrix = _matrix(windows, piece, channels, depth)
            if w_channels == x.shape[-1]:
                np.matmul(matrix, flat, out=out.reshape(-1, filters))
            else:
                out[...] = (matrix @ flat).reshape(out.shape)
    return result.astype(dtype, copy=False)


def _input_gradient_numpy(channels: int, w: Any, dy: Any, geometry: Geometry) -> np.ndarray:
    dtype = dy.dtype
    w, dy = _wide(w), _wide(dy)
    batch, filters, w_channels = dy.shape[0], dy.shape[-1], w.shape[-2]
    depth = math.prod(geometry.kernel) * w_channels
    # The last window may end before the padded input does, or padding may be cut off.
    sizes = [n + lo + hi for n, (lo, hi) in zip(geometry.sizes, geometry.pads)]
    result = np.zeros((batch, *sizes, channels), dy.dtype)
    first = geometry.strides[0]
    for part, chosen in _groups(channels, w_channels, filters):
        flat = w[..., chosen].reshape(depth, -1).T
        for piece in _pieces(batch, geometry, depth):
            given = dy[(*piece, ..., chosen)]
            columns = given.reshape(-1, flat.shape[0]) @ flat
            columns = columns.reshape(*given.shape[:-1], *geometry.kernel, w_channels)
            start, stop = piece[1].start * first, (piece[1].stop - 1) * first + 1
            for place, slices in geometry.taps():
                rows = slice(slices[0].start + start, slices[0].start + stop, first)
                index = (piece[0], rows, *slices[1:], part)
                result[index] += columns[(..., *place, slice(None))]
    return result[inside(geometry.sizes, geometry.pads)].astype(dtype, copy=False)


def _filter_gradient_numpy(x: Any, w_channels: int, dy: Any, geometry: Geometry) -> np.ndarray:
    dtype = dy.dtype
    x, dy = _wide(x), _wide(dy)
    batch, filters = x.shape[0], dy.shape[-1]
    depth = math.prod(geometry.kernel) * w_channels
    windows = _windows(padded(x, geometry.pads), geometry)
    result = np.zeros((depth, filters), dy.dtype)
    for channels, chosen in _groups(x.shape[-1], w_channels, filters):
        for piece in _pieces(batch, geometry, depth):
            given = dy[(*piece, ..., chosen)]
            matrix = _matrix(windows, piece, channels, depth)
            result[:, chosen] += matrix.T @ given.reshape(-1, given.shape[-1])
    return result.reshape(*geometry.kernel, w_channels, filters).astype(dtype, copy=False)


# XLA ----------------------------------------------------------------------------------------------


def by_platform(xp: Any, on_cpu: Callable, elsewhere: Callable, *args: Any) -> Any:
    """`on_cpu(*args)` where XLA's CPU compiler will compile it, else `elsewhere(*args)`."""
    return xp.lax.platform_dependent(*args, cpu=on_cpu, default=elsewhere)


def _dimension_numbers(rank: int) -> tuple[str, str, str]:
    inner = "DHW"[3 - rank :]
    return f"N{inner}C", f"{inner}IO", f"N{inner}C"


def _forward_xla(xp: Any, x: Any, w: Any, geometry: Geometry) -> Any:
    x, w = xp.asarray(x), xp.asarray(w)
    count = x.shape[-1] // w.shape[-2]
    if count == 1:
        if geometry.pointwise:
            steps = tuple(slice(None, None, s) for s in geometry.strides)
            return x[(slice(None), *steps)] @ w.reshape(w.shape[-2:])
        return xla_forward(xp, x, w, geometry)
    if count > _MAX_SPLIT:
        return xla_forward(xp, x, w, geometry, count)

    def split(x: Any, w: Any) -> Any:
        parts = _groups(x.shape[-1], w.shape[-2], w.shape[-1])
        return xp.concatenate(
            [xla_forward(xp, x[..., c], w[..., chosen], geometry) for c, chosen in parts], -1
        )

    return by_platform(xp, split, lambda x, w: xla_forward(xp, x, w, geometry, count), x, w)


def xla_forward(xp: Any, x: Any, w: Any, geometry: Geometry, groups: int = 1) -> Any:
    return xp.lax.conv_general_dilated(
        x,
        w,
        geometry.strides,
        list(geometry.pads),
        rhs_dilation=geometry.dilations,
        dimension_numbers=_dimension_numbers(len(geometry.kernel)),
        feature_group_count=groups,
    )


def _input_gradient_xla(xp: Any, channels: int, w: Any, dy: Any, geometry: Geometry) -> Any:
    w, dy = xp.asarray(w), xp.asarray(dy)
    parts = _groups(channels, w.shape[-2], w.shape[-1])
    if len(parts) == 1:
        if geometry.pointwise:
            return _spread(xp, dy @ w.reshape(w.shape[-2:]).T, geometry)
        return xla_input_gradient(xp, w, dy, geometry)
    if len(parts) <= _MAX_SPLIT:

        def split(w: Any, dy: Any) -> Any:
            return xp.concatenate(
                [
                    xla_input_gradient(xp, w[..., chosen], dy[..., chosen], geometry)
                    for _, chosen in parts
                ],
                -1,
            )

        return by_platform(
            xp, split, lambda w, dy: xla_input_gradient(xp, w, dy, geometry, len(parts)), w, dy
        )
    return xla_input_gradient(xp, w, dy, geometry, len(parts))


def _spread(xp: Any, values: Any, geometry: Geometry) -> Any:
    """`values` [batch, outputs..., channels] at the first elements of the windows, zeros elsewhere."""
    if values.shape[1:-1] == geometry.sizes:
        return values
    inner = [(0, n - e, s - 1) for n, e, s in zip(geometry.sizes, geometry.span, geometry.strides)]
    zero = xp.zeros((), values.dtype)
    return xp.lax.pad(values, zero, [(0, 0, 0), *inner, (0, 0, 0)])


def xla_input_gradient(xp: Any, w: Any, dy: Any, geometry: Geometry, groups: int = 1) -> Any:
    """The convolution of the spread-out `dy` with the reversed filter, channels and filters swapped."""
    rank = len(geometry.kernel)
    w = xp.flip(w, tuple(range(rank)))
    if groups > 1:
        w = w.reshape(*w.shape[:-1], groups, w.shape[-1] // groups)
        w = xp.moveaxis(w, -2, -3)
        w = w.reshape(*w.shape[:-3], -1, *w.shape[-1:])  # [..., groups * channels, filters of one]
    w = xp.swapaxes(w, -1, -2)
    pads = []
    for n, (lo, _), reach, span in zip(
        geometry.sizes, geometry.pads, geometry.reach, geometry.span
    ):
        before = reach - 1 - lo
        pads.append((before, n + reach - 1 - span - before))
    return xp.lax.conv_general_dilated(
        dy,
        w,
        (1,) * rank,
        pads,
        lhs_dilation=geometry.strides,
        rhs_dilation=geometry.dilations,
        dimension_numbers=_dimension_numbers(rank),
        feature_group_count=groups,
    )


def _filter_gradient_xla(xp: Any, x: Any, channels: int, dy: Any, geometry: Geometry) -> Any:
    x, dy = xp.asarray(x), xp.asarray(dy)
    parts = _groups(x.shape[-1], channels, dy.shape[-1])
    if len(parts) == 1:
        if geometry.pointwise:
            steps = tuple(slice(None, None, s) for s in geometry.strides)
            flat = x[(slice(None), *steps)].reshape(-1, channels)
            product = flat.T @ dy.reshape(-1, dy.shape[-1])
            return product.reshape(*geometry.kernel, channels, dy.shape[-1])
        return xla_filter_gradient(xp, x, dy, geometry)
    if len(parts) <= _MAX_SPLIT:

        def split(x: Any, dy: Any) -> Any:
            return xp.concatenate(
                [xla_filter_gradient(xp, x[..., c], dy[..., k], geometry) for c, k in parts], -1
            )

        return by_platform(
            xp, split, lambda x, dy: xla_filter_gradient(xp, x, dy, geometry, len(parts)), x, dy
        )
    return xla_filter_gradient(xp, x, dy, geometry, len(parts))


def xla_filter_gradient(xp: Any, x: Any, dy: Any, geometry: Geometry, groups: int = 1) -> Any:
    """The convolution of `x` with `dy` in which batch and channels have changed places."""
    rank = len(geometry.kernel)
    inner = "DHW"[3 - rank :]
    pads = []
    for n, k, (lo, _), d, e in zip(
        geometry.sizes, geometry.kernel, geometry.pads, geometry.dilations, geometry.span
    ):
        pads.append((lo, (k - 1) * d + e - n - lo))
    return xp.lax.conv_general_dilated(
        x,
        dy,
        geometry.dilations,
        pads,
        rhs_dilation=geometry.strides,
        dimension_numbers=(f"C{inner}N", f"I{inner}O", f"{inner}NC"),
        batch_group_count=groups,
    )


def place_at(xp: Any, part: Any, place: Sequence[int], geometry: Geometry) -> Any:
    """`part` [batch, outputs..., channels] where the windows have their element `place`."""
    inner = []
    for n, (lo, hi), p, d, s, e in zip(
        geometry.sizes, geometry.pads, place, geometry.dilations, geometry.strides, geometry.span
    ):
        inner.append((p * d, n + lo + hi - e - p * d, s - 1))
    return xp.lax.pad(part, xp.zeros((), part.dtype), [(0, 0, 0), *inner, (0, 0, 0)])


def by_images(f: Callable[..., np.ndarray], *arrays: Any) -> np.ndarray:
    """`f(*arrays)`, a few images of the batch at a time, so that what `f` makes stays in the cache."""
    batch = arrays[0].shape[0]
    if not arrays[0].size:
        return f(*arrays)
    images = max(_CACHED * batch // max(a.size for a in arrays), 1)
    if images >= batch:
        return f(*arrays)
    result: Any = None
    for start in range(0, batch, images):
        part = f(*(a[start : start + images] for a in arrays))
        if result is None:
            result = np.empty((batch, *part.shape[1:]), part.dtype)
        result[start : start + images] = part
    return result
