"""The ops that resize images, and their gradients; `tf.image.resize` is in `resizing`.

Images are [batch, height, width, channels]. Resizing is linear and separable: along each of the two
dimensions an element of the output is a weighted sum of a few elements of the input, its *taps*. The
gradient is the transposed map. Positions and weights are computed in float32, as TensorFlow's kernels do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.dtypes import FLOAT, bfloat16, float16, float32, float64
from reflow.lang.errors import invalid
from reflow.ops import array, cast
from reflow.ops.define import op
from reflow.ops.shape_rules import constant_value_as_shape

# Along one dimension: for each element of the output, the places of the input and their weights.
Taps = Sequence[tuple[np.ndarray, np.ndarray]]

_F = np.float32
_MATRIX_SIZE = 220  # per tap
_IMAGES = "{int8,uint8,int16,uint16,int32,int64,half,float,double,bfloat16}"
_CENTERS = "align_corners: bool = False, half_pixel_centers: bool = False"
_WITH_GRADIENT = frozenset((bfloat16, float16, float32, float64))


def resized_shape(images: Any, size: Any, *rest: Any) -> shapes.TensorShape:
    """[batch, height, width, channels], where `size` says height and width."""
    batch, _, _, channels = images.shape.with_rank(4)
    size.shape.with_rank(1)
    wanted = constant_value_as_shape(size).with_rank(2)
    return shapes.of((batch, *wanted, channels))


def like_image(grads: Any, original_image: Any, *rest: Any) -> shapes.TensorShape:
    """The sizes of the image, the batch and the channels of the gradient."""
    batch, _, _, channels = grads.shape.with_rank(4)
    _, height, width, _ = original_image.shape.with_rank(4)
    return shapes.of((batch, height, width, channels))


def _sizes(images: Any, size: Any) -> tuple[int, int]:
    """The wanted height and width.

    Raises:
      InvalidArgumentError: if images and size are none.
    """
    if len(images.shape) != 4:
        raise invalid(f"input must be 4-dimensional, got shape {list(images.shape)}")
    if np.shape(size) != (2,):
        raise invalid(f"size must be a vector of two elements, got shape {list(np.shape(size))}")
    height, width = int(size[0]), int(size[1])
    if height <= 0 or width <= 0:
        raise invalid(f"output dimensions must be positive, got {height}x{width}")
    if min(images.shape[1:3]) <= 0:
        raise invalid(f"input image must be of non-zero size, got shape {list(images.shape)}")
    return height, width


# Taps ---------------------------------------------------------------------------------------------


def _scale(size: int, out: int, align_corners: bool) -> np.float32:
    """How many elements of the input one of the output stands for."""
    return _F(size - 1) / _F(out - 1) if align_corners and out > 1 else _F(size) / _F(out)


def _positions(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> np.ndarray:
    """Where in the input the elements of the output lie."""
    places = np.arange(out, dtype=_F)
    scale = _scale(size, out, align_corners)
    return (places + _F(0.5)) * scale - _F(0.5) if half_pixel_centers else places * scale


def _check_centers(align_corners: bool, half_pixel_centers: bool) -> None:
    if align_corners and half_pixel_centers:
        raise invalid("If half_pixel_centers is True, align_corners must be False.")


def linear_taps(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """Two neighbours, weighted by their distance."""
    at = _positions(size, out, align_corners, half_pixel_centers)
    below = np.floor(at)
    share = at - below
    lower = np.maximum(below, 0).astype(np.int32)
    upper = np.minimum(np.ceil(at), size - 1).astype(np.int32)
    return [(lower, _F(1) - share), (upper, share)]


def nearest_taps(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """The nearest element: rounded down, except between aligned corners."""
    places = np.arange(out, dtype=_F)
    if half_pixel_centers:
        places = places + _F(0.5)
    at = places * _scale(size, out, align_corners)
    at = np.floor(at + _F(0.5)) if align_corners else np.floor(at)
    return [(np.clip(at, 0, size - 1).astype(np.int32), np.ones(out, _F))]


_CUBIC_STEPS = 1024  # TensorFlow's kernel looks cubic weights up in a table of this many steps


def _cubic_weights(step: np.ndarray, a: float) -> tuple[np.ndarray, np.ndarray]:
    """Keys' cubic with parameter `a`, at step / 1024 and one further: the near and the far tap."""
    a, x = _F(a), step.astype(_F) / _F(_CUBIC_STEPS)
    near = ((a + _F(2)) * x - (a + _F(3))) * x * x + _F(1)
    x = x + _F(1)
    far = ((a * x - _F(5) * a) * x + _F(8) * a) * x - _F(4) * a
    return near, far


def cubic_taps(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """Four neighbours. With half-pixel centers those outside of the image count nothing."""
    at = _positions(size, out, align_corners, half_pixel_centers)
    below = np.floor(at)
    step = np.rint((at - below) * _F(_CUBIC_STEPS)).astype(np.int32)
    a = -0.5 if half_pixel_centers else -0.75
    near, far = _cubic_weights(step, a)
    next_near, next_far = _cubic_weights(_CUBIC_STEPS - step, a)
    places = below.astype(np.int32)[None] + np.arange(-1, 3, dtype=np.int32)[:, None]
    inside = np.clip(places, 0, size - 1)
    weights = np.stack([far, near, next_near, next_far])
    if half_pixel_centers:
        weights = np.where(inside == places, weights, _F(0))
        total = weights.sum(0, dtype=_F)
        safe = np.abs(total) >= 1000 * np.finfo(_F).tiny
        weights = np.where(safe, weights / np.where(safe, total, _F(1)), weights)
    return list(zip(inside, weights))


def area_taps(size: int, out: int, align_corners: bool) -> Taps:
    """All elements that the area of an output element covers, each by how much of it is covered."""
    scale = _scale(size, out, align_corners)
    start = np.arange(out, dtype=_F) * scale
    end = (np.arange(out, dtype=_F) + _F(1)) * scale
    first = np.floor(start).astype(np.int32)
    count = int((np.ceil(end).astype(np.int32) - first).max(initial=1))
    taps = []
    for i in range(count):
        place = first + np.int32(i)
        at = place.astype(_F)
        covered = np.minimum(at + _F(1), end) - np.maximum(at, start)
        weight = np.where(at < np.ceil(end), np.maximum(covered, _F(0)), _F(0)) / scale
        taps.append((np.clip(place, 0, size - 1), weight.astype(_F)))
    return taps


# Application --------------------------------------------------------------------------------------


def _column(weights: Any, axis: int, rank: int) -> Any:
    return weights.reshape([-1 if d == axis else 1 for d in range(rank)])


def apply_taps(xp: Any, x: Any, taps: Taps, axis: int) -> Any:
    """The weighted sums along `axis`."""
    if _as_matrix(xp, x.shape[axis], taps):
        return multiply_along(xp, tap_matrix(xp, taps, x.shape[axis]), x, axis)
    total: Any = None
    for places, weights in taps:
        part = xp.take(x, places, axis=axis) * _column(weights, axis, len(x.shape))
        total = part if total is None else total + part
    return total


def _as_matrix(xp: Any, size: int, taps: Taps) -> bool:
    """Whether to multiply by the map's matrix rather than look its taps up.

    XLA computes a tap anew for every element that uses it, and looks up one element at a time: on the
    CPU (docs/decisions.md) it is slower for images that grow and are not very large.
    """
    return not xp.is_numpy and size < len(taps[0][0]) and size <= _MATRIX_SIZE * len(taps)


def tap_matrix(xp: Any, taps: Taps, size: int) -> Any:
    """The map along one dimension as a matrix [out, size]."""
    columns = xp.arange(size, dtype=np.int32)[None]
    total: Any = None
    for places, weights in taps:
        part = xp.where(columns == places[:, None], weights[:, None], _F(0))
        total = part if total is None else total + part
    return total


def multiply_along(xp: Any, matrix: Any, x: Any, axis: int) -> Any:
    """`matrix` [out, size] applied to a dimension, 1 or 2, of `x` [batch, height, width, channels]."""
    if not xp.is_numpy:
        rule = "oh,nhwc->nowc" if axis == 1 else "ow,nhwc->nhoc"
        return xp.einsum(rule, matrix, x, precision="highest")
    batch, height, width, channels = x.shape
    if axis == 1:
        rows = np.matmul(matrix, x.reshape(batch, height, width * channels))
        return rows.reshape(batch, matrix.shape[0], width, channels)
    return np.matmul(matrix, x)


def _transposed(xp: Any, grads: Any, sizes: Sequence[int], taps: Callable[[int, int], Taps]) -> Any:
    """The transposed map: from [batch, out, out, channels] to [batch, *sizes, channels]."""
    grads = xp.asarray(grads)
    for axis, size in zip((1, 2), sizes):
        matrix = tap_matrix(xp, taps(size, grads.shape[axis]), size)
        grads = multiply_along(xp, matrix.T, grads, axis)
    return grads


def _check_grads(grads: Any, *images: Any) -> None:
    for each in (grads, *images):
        if len(each.shape) != 4:
            raise invalid(f"input_grad must be 4-dimensional, got shape {list(each.shape)}")
    if 0 in grads.shape[1:3] or any(0 in each.shape[1:3] for each in images):
        raise invalid("input image must be of non-zero size")


# The ops ------------------------------------------------------------------------------------------


@op(
    f"ResizeBilinear(images: T, size: int32, *, T: {_IMAGES}, {_CENTERS}) -> resized_images: float",
    shape=resized_shape,
    static=["size"],
)
def resize_bilinear_op(xp, images, size, *, align_corners, half_pixel_centers):
    """Images of another size, interpolated linearly between neighbours."""
    height, width = _sizes(images, size)
    _check_centers(align_corners, half_pixel_centers)
    images = xp.astype(images, _F)
    rows = linear_taps(images.shape[1], height, align_corners, half_pixel_centers)
    needed = np.unique(np.concatenate([places for places, _ in rows]))
    if len(needed) < images.shape[1]:  # the others need not be interpolated
        images = xp.take(images, needed, axis=1)
        rows = [(np.searchsorted(needed, places), weights) for places, weights in rows]
    columns = linear_taps(images.shape[2], width, align_corners, half_pixel_centers)
    return _interpolated(xp, _interpolated(xp, images, columns, 2), rows, 1)


def _interpolated(xp: Any, x: Any, taps: Taps, axis: int) -> Any:
    if _as_matrix(xp, x.shape[axis], taps):
        return apply_taps(xp, x, taps, axis)
    (lower, _), (upper, share) = taps
    first = xp.take(x, lower, axis=axis)
    return first + (xp.take(x, upper, axis=axis) - first) * _column(share, axis, 4)


@resize_bilinear_op.gradient_rule
def _resize_bilinear_grad(g, images, *, align_corners, half_pixel_centers):
    if images.dtype not in _WITH_GRADIENT:
        return None
    return resize_bilinear_grad_op(
        g, images, align_corners=align_corners, half_pixel_centers=half_pixel_centers
    )


@op(
    "ResizeBilinearGrad(grads: float, original_image: T, *, T: {float,bfloat16,half,double},"
    f" {_CENTERS}) -> output: T",
    shape=like_image,
)
def resize_bilinear_grad_op(xp, grads, original_image, *, align_corners, half_pixel_centers):
    """The gradient of ResizeBilinear."""
    _check_grads(grads, original_image)
    result = _transposed(
        xp,
        grads,
        original_image.shape[1:3],
        lambda size, out: linear_taps(size, out, align_corners, half_pixel_centers),
    )
    return xp.astype(result, original_image.dtype)


def _inner_sizes(x: Any) -> Any:
    return array.shape(x)[1:3]


@resize_bilinear_grad_op.gradient_rule
def _resize_bilinear_grad_grad(g, grads, *, align_corners, half_pixel_centers):
    return resize_bilinear_op(
        g, _inner_sizes(grads), align_corners=align_corners, half_pixel_centers=half_pixel_centers
    )


@op(
    f"ResizeNearestNeighbor(images: T, size: int32, *, T: {_IMAGES}, {_CENTERS})"
    " -> resized_images: T",
    shape=resized_shape,
    static=["size"],
)
def resize_nearest_neighbor_op(xp, images, size, *, align_corners, half_pixel_centers):
    """Images of another size, of which each element is one of the original."""
    height, width = _sizes(images, size)
    images = xp.asarray(images)
    for axis, out in ((1, height), (2, width)):
        taps = nearest_taps(images.shape[axis], out, align_corners, half_pixel_centers)
        images = xp.take(images, taps[0][0], axis=axis)
    return images


@resize_nearest_neighbor_op.gradient_rule
def _resize_nearest_neighbor_grad(g, images, *, align_corners, half_pixel_centers):
    sizes = images.shape[1:3]
    known = sizes.as_list() if sizes.is_fully_defined() else _inner_sizes(images)
    return resize_nearest_neighbor_grad_op(
        g, known, align_corners=align_corners, half_pixel_centers=half_pixel_centers
    )


@op(
    "ResizeNearestNeighborGrad(grads: T, size: int32, *,"
    f" T: {{uint8,int8,int32,half,float,double,bfloat16}}, {_CENTERS}) -> output: T",
    shape=resized_shape,
    static=["size"],
)
def resize_nearest_neighbor_grad_op(xp, grads, size, *, align_corners, half_pixel_centers):
    """The gradient of ResizeNearestNeighbor: for each element the sum over those made of it."""
    sizes = _sizes(grads, size)
    dtype = grads.dtype
    kind = dtype if dtype.kind in "iu" or dtype.itemsize == 8 else _F

    def taps(size: int, out: int) -> Taps:
        [(places, weights)] = nearest_taps(size, out, align_corners, half_pixel_centers)
        return [(places, weights.astype(kind))]

    result = _transposed_as(xp, xp.astype(grads, kind), sizes, taps, kind)
    return xp.astype(result, dtype)


def _transposed_as(xp: Any, grads: Any, sizes: Any, taps: Any, kind: Any) -> Any:
    """`_transposed` with matrices of the dtype `kind`."""
    for axis, size in zip((1, 2), sizes):
        matrix = xp.astype(tap_matrix(xp, taps(size, grads.shape[axis]), size), kind)
        grads = multiply_along(xp, matrix.T, grads, axis)
    return grads


@resize_nearest_neighbor_grad_op.gradient_rule
def _resize_nearest_neighbor_grad_grad(g, grads, *, align_corners, half_pixel_centers):
    return resize_nearest_neighbor_op(
        g, _inner_sizes(grads), align_corners=align_corners, half_pixel_centers=half_pixel_centers
    )


@op(
    f"ResizeBicubic(images: T, size: int32, *, T: {_IMAGES}, {_CENTERS}) -> resized_images: float",
    shape=resized_shape,
    static=["size"],
)
def resize_bicubic_op(xp, images, size, *, align_corners, half_pixel_centers):
    """Images of another size, interpolated by cubics through four neighbours."""
    height, width = _sizes(images, size)
    _check_centers(align_corners, half_pixel_centers)
    images = xp.astype(images, _F)
    for axis, out in ((1, height), (2, width)):
        taps = cubic_taps(images.shape[axis], out, align_corners, half_pixel_centers)
        images = apply_taps(xp, images, taps, axis)
    return images


@resize_bicubic_op.gradient_rule
def _resize_bicubic_grad(g, images, *, align_corners, half_pixel_centers):
    if images.dtype not in (float32, float64):
        return None
    return resize_bicubic_grad_op(
        g, images, align_corners=align_corners, half_pixel_centers=half_pixel_centers
    )


@op(
    f"ResizeBicubicGrad(grads: float, original_image: T, *, T: {{float,double}}, {_CENTERS})"
    " -> output: T",
    shape=like_image,
)
def resize_bicubic_grad_op(xp, grads, original_image, *, align_corners, half_pixel_centers):
    """The gradient of ResizeBicubic."""
    _check_grads(grads, original_image)
    result = _transposed(
        xp,
        grads,
        original_image.shape[1:3],
        lambda size, out: cubic_taps(size, out, align_corners, half_pixel_centers),
    )
    return xp.astype(result, original_image.dtype)


@resize_bicubic_grad_op.gradient_rule
def _resize_bicubic_grad_grad(g, grads, *, align_corners, half_pixel_centers):
    return resize_bicubic_op(
        g, _inner_sizes(grads), align_corners=align_corners, half_pixel_centers=half_pixel_centers
    )


def _no_area_gradient(op: Any) -> Any:
    raise LookupError(f"No gradient defined for operation '{op.name}' (op type: ResizeArea).")


@op(
    f"ResizeArea(images: T, size: int32, *, T: {_IMAGES}, align_corners: bool = False)"
    " -> resized_images: float",
    shape=resized_shape,
    static=["size"],
    grad=_no_area_gradient,
)
def resize_area_op(xp, images, size, *, align_corners):
    """Images of another size, of which each element is the mean of the area that it covers."""
    height, width = _sizes(images, size)
    images = xp.astype(images, _F)
    for axis, out in ((2, width), (1, height)):
        taps = area_taps(images.shape[axis], out, align_corners)
        images = multiply_along(xp, tap_matrix(xp, taps, images.shape[axis]), images, axis)
    return images


# Scaling and moving with a kernel -------------------------------------------------------------------


def _lanczos(radius: float) -> Callable:
    def kernel(xp: Any, x: Any) -> Any:
        safe = xp.where(x > _F(1e-3), x, _F(1)) * _F(math.pi)
        inner = _F(radius) * xp.sin(safe) * xp.sin(safe / _F(radius)) / (safe * safe)
        return xp.where(x > _F(radius), _F(0), xp.where(x > _F(1e-3), inner, _F(1)))

    return kernel


def _gaussian(xp: Any, x: Any) -> Any:
    sigma = 1.5 / 3
    return xp.where(x >= _F(1.5), _F(0), xp.exp(-x * x / _F(2 * sigma * sigma)))


def _box(xp: Any, x: Any) -> Any:
    return xp.where(x < _F(0.5), _F(1), xp.where(x == _F(0.5), _F(0.5), _F(0)))


def _triangle(xp: Any, x: Any) -> Any:
    return xp.maximum(_F(1) - x, _F(0))


def _keys_cubic(xp: Any, x: Any) -> Any:
    outer = ((_F(-0.5) * x + _F(2.5)) * x - _F(4)) * x + _F(2)
    inner = ((_F(1.5) * x - _F(2.5)) * x) * x + _F(1)
    return xp.where(x >= _F(2), _F(0), xp.where(x >= _F(1), outer, inner))


def _mitchell_cubic(xp: Any, x: Any) -> Any:
    outer = ((_F(-7 / 18) * x + _F(2)) * x - _F(10 / 3)) * x + _F(16 / 9)
    inner = ((_F(7 / 6) * x - _F(2)) * x) * x + _F(8 / 9)
    return xp.where(x >= _F(2), _F(0), xp.where(x >= _F(1), outer, inner))


# name -> (radius, the kernel as a function of the distance)
_KERNELS: dict[str, tuple[float, Callable]] = {
    "lanczos1": (1.0, _lanczos(1.0)),
    "lanczos3": (3.0, _lanczos(3.0)),
    "lanczos5": (5.0, _lanczos(5.0)),
    "gaussian": (1.5, _gaussian),
    "box": (1.0, _box),
    "triangle": (1.0, _triangle),
    "keyscubic": (2.0, _keys_cubic),
    "mitchellcubic": (2.0, _mitchell_cubic),
}


def _kernel_matrix(
    xp: Any, size: int, out: int, scale: Any, translation: Any, kernel_type: str, antialias: bool
) -> Any:
    """The weights [out, size] of a resampling along one dimension."""
    if kernel_type not in _KERNELS:
        raise invalid(f"Unrecognized kernel type: {kernel_type}; there are {sorted(_KERNELS)}")
    radius, kernel = _KERNELS[kernel_type]
    inverse = _F(1) / scale
    width = xp.maximum(inverse, _F(1)) if antialias else _F(1)
    centers = (xp.arange(out, dtype=_F) + _F(0.5)) * inverse - inverse * translation
    first = xp.ceil(centers - width * _F(radius) - _F(0.5))
    last = xp.floor(centers + width * _F(radius) - _F(0.5))
    places = xp.arange(size, dtype=_F)[None]
    distance = xp.abs((places + _F(0.5) - centers[:, None]) / width)
    reached = (places >= xp.clip(first, 0, size - 1)[:, None]) & (
        places <= xp.clip(last, 0, size - 1)[:, None]
    )
    weights = xp.where(reached, kernel(xp, distance), _F(0))
    total = xp.sum(weights, axis=1, keepdims=True)
    safe = xp.abs(total) >= _F(1000 * np.finfo(_F).tiny)
    weights = xp.where(safe, weights / xp.where(safe, total, _F(1)), _F(0))
    inside = (centers >= _F(0)) & (centers <= _F(size))
    return xp.astype(xp.where(inside[:, None], weights, _F(0)), _F)


def _check_scale(xp: Any, scale: Any, translation: Any) -> None:
    for name, value in (("scale", scale), ("translation", translation)):
        if tuple(value.shape) != (2,):
            raise invalid(f"{name} must be a vector of two elements, got {list(value.shape)}")
    if xp.is_numpy and not (np.asarray(scale) > 0).all():
        raise invalid(f"scale must be greater than zero, got {np.asarray(scale).tolist()}")


@op(
    "ScaleAndTranslate(images: T, size: int32, scale: float, translation: float, *,"
    " T: {int8,uint8,int16,uint16,int32,int64,bfloat16,half,float,double},"
    " kernel_type: string = 'lanczos3', antialias: bool = True) -> resized_images: float",
    shape=resized_shape,
    static=["size"],
)
def scale_and_translate_op(xp, images, size, scale, translation, *, kernel_type, antialias):
    """Images resampled with a kernel, after scaling and then moving them."""
    sizes = _sizes(images, size)
    _check_scale(xp, scale, translation)
    images = xp.astype(images, _F)
    for i, out in enumerate(sizes):
        matrix = _kernel_matrix(
            xp, images.shape[i + 1], out, scale[i], translation[i], kernel_type, antialias
        )
        images = multiply_along(xp, matrix, images, i + 1)
    return images


@scale_and_translate_op.gradient_rule
def _scale_and_translate_grad(g, images, scale, translation, *, kernel_type, antialias):
    if images.dtype not in FLOAT:
        return None
    result = scale_and_translate_grad_op(
        g,
        cast.cast(images, float32),
        scale,
        translation,
        kernel_type=kernel_type,
        antialias=antialias,
    )
    return cast.cast(result, images.dtype)


@op(
    "ScaleAndTranslateGrad(grads: T, original_image: T, scale: float, translation: float, *,"
    " T: {float}, kernel_type: string = 'lanczos3', antialias: bool = True) -> output: T",
    shape=like_image,
)
def scale_and_translate_grad_op(
    xp, grads, original_image, scale, translation, *, kernel_type, antialias
):
    """The gradient of ScaleAndTranslate with respect to the images."""
    _check_grads(grads, original_image)
    _check_scale(xp, scale, translation)
    for i, size in enumerate(original_image.shape[1:3]):
        matrix = _kernel_matrix(
            xp, size, grads.shape[i + 1], scale[i], translation[i], kernel_type, antialias
        )
        grads = multiply_along(xp, matrix.T, grads, i + 1)
    return grads


@scale_and_translate_grad_op.gradient_rule
def _scale_and_translate_grad_grad(g, grads, scale, translation, *, kernel_type, antialias):
    return scale_and_translate_op(
        g, _inner_sizes(grads), scale, translation, kernel_type=kernel_type, antialias=antialias
    )
