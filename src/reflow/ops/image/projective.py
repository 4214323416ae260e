"""Images through projective maps: `tf.raw_ops.ImageProjectiveTransformV3`, which Keras's layers use."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.errors import invalid
from reflow.lang.opdef import REGISTRY
from reflow.ops import array, filling, joining
from reflow.ops.define import op
from reflow.ops.shape_rules import constant_value_as_shape

_F = np.float32
_DTYPES = "{uint8,int32,int64,half,bfloat16,float,double}"


# Places outside of the image ------------------------------------------------------------------------


def _constant(xp: Any, at: Any, size: int) -> Any:
    return at


def _nearest(xp: Any, at: Any, size: int) -> Any:
    return xp.clip(at, _F(0), _F(size - 1))


def _reflect(xp: Any, at: Any, size: int) -> Any:
    """... d c b a | a b c d | d c b a ..."""
    if size <= 1:
        return xp.where((at < 0) | (at > size - 1), _F(0), at)
    twice = _F(2 * size)
    low = xp.where(at < twice, twice * xp.trunc(-at / twice) + at, at)
    low = xp.where(low < -size, low + twice, -low - _F(1))
    high = at - twice * xp.trunc(at / twice)
    high = xp.where(high >= size, twice - high - _F(1), high)
    return _nearest(xp, xp.where(at < 0, low, xp.where(at > size - 1, high, at)), size)


def _wrap(xp: Any, at: Any, size: int) -> Any:
    """... a b c d | a b c d | a b c d ..."""
    if size <= 1:
        return xp.where((at < 0) | (at > size - 1), _F(0), at)
    low = at + _F(size) * (xp.trunc(-at / _F(size - 1)) + _F(1))
    high = at - _F(size) * xp.trunc(at / _F(size - 1))
    return _nearest(xp, xp.where(at < 0, low, xp.where(at > size - 1, high, at)), size)


_FILL_MODES = {"CONSTANT": _constant, "NEAREST": _nearest, "REFLECT": _reflect, "WRAP": _wrap}


def rounded(xp: Any, at: Any) -> Any:
    """Rounded to the nearest integer, halves away from zero."""
    whole = xp.trunc(at)
    return whole + xp.where(abs(at - whole) >= _F(0.5), xp.sign(at), _F(0))


def _sources(xp: Any, transforms: Any, height: int, width: int) -> tuple[Any, Any, Any]:
    """Where in the input each element of the output lies: x, y and whether there is such a place."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (transforms[:, i, None, None] for i in range(8))
    x = xp.arange(width, dtype=_F)[None, None, :]
    y = xp.arange(height, dtype=_F)[None, :, None]
    scale = c0 * x + c1 * y + _F(1)
    exists = scale != 0
    scale = xp.where(exists, scale, _F(1))
    return (a0 * x + a1 * y + a2) / scale, (b0 * x + b1 * y + b2) / scale, exists


def _read(xp: Any, images: Any, y: Any, x: Any, fill: Any) -> Any:
    """The elements of images at whole places [batch, height, width]; `fill` outside."""
    height, width = images.shape[1:3]
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    batch = np.arange(images.shape[0], dtype=np.int32)[:, None, None]
    rows = xp.clip(xp.where(inside, y, _F(0)), 0, height - 1).astype(np.int32)
    columns = xp.clip(xp.where(inside, x, _F(0)), 0, width - 1).astype(np.int32)
    return xp.where(inside[..., None], images[batch, rows, columns], fill)


def transformed(
    xp: Any,
    images: Any,
    transforms: Any,
    output_shape: Any,
    fill_value: Any,
    interpolation: str,
    fill_mode: str,
) -> Any:
    """The images [batch, height, width, channels] seen through the maps [batch or 1, 8].

    Raises:
      InvalidArgumentError: if the shapes do not fit, or there is no such mode.
    """
    if len(images.shape) != 4:
        raise invalid(f"Input images must have rank 4, got shape {list(images.shape)}")
    rows = transforms.shape[0] if len(transforms.shape) == 2 else 0
    if rows not in (1, images.shape[0]) or transforms.shape[1] != 8:
        raise invalid(
            "Input transform should be num_images x 8 or 1 x 8, got "
            f"{list(transforms.shape)} for {images.shape[0]} images"
        )
    if np.shape(output_shape) != (2,):
        raise invalid(f"output shape must be 1-dimensional of two elements, got {output_shape}")
    height, width = int(output_shape[0]), int(output_shape[1])
    if height <= 0 or width <= 0:
        raise invalid(f"new output height and width must be positive, got {height}x{width}")
    if fill_mode.upper() not in _FILL_MODES:
        raise invalid(f"Invalid mode {fill_mode}: one of {', '.join(_FILL_MODES)}")
    if interpolation.upper() not in ("NEAREST", "BILINEAR"):
        raise invalid(f"Invalid interpolation {interpolation}: NEAREST or BILINEAR")
    images = xp.asarray(images)
    dtype = images.dtype
    fill = xp.astype(fill_value, dtype)
    x, y, exists = _sources(xp, xp.asarray(transforms), height, width)
    place = _FILL_MODES[fill_mode.upper()]
    x, y = place(xp, x, images.shape[2]), place(xp, y, images.shape[1])
    if interpolation.upper() == "NEAREST":
        result = _read(xp, images, rounded(xp, y), rounded(xp, x), fill)
    else:
        left, top = xp.floor(x), xp.floor(y)
        right, bottom = (x - left)[..., None], (y - top)[..., None]
        wide = xp.astype(images, _F)
        background = xp.astype(fill, _F)

        def row(at: Any) -> Any:
            first = _read(xp, wide, at, left, background)
            second = _read(xp, wide, at, left + _F(1), background)
            return (_F(1) - right) * first + right * second

        mixed = (_F(1) - bottom) * row(top) + bottom * row(top + _F(1))
        result = xp.astype(xp.trunc(mixed) if dtype.kind in "iu" else mixed, dtype)
    return xp.where(exists[..., None], result, fill)


def _transformed_shape(images: Any, transforms: Any, output_shape: Any, *rest: Any) -> Any:
    batch, _, _, channels = images.shape.with_rank(4)
    transforms.shape.with_rank(2)
    sizes = constant_value_as_shape(output_shape).with_rank(2)
    return shapes.of((batch, *sizes, channels))


def _inverse(transforms: Any) -> Any:
    """The maps in the other direction."""
    count = array.shape(transforms)[0]
    whole = joining.concat([transforms, filling.ones([count, 1])], axis=1)
    matrices = REGISTRY["MatrixInverse"](array.reshape(whole, [-1, 3, 3]))
    flat = array.reshape(matrices, [-1, 9])
    return (flat / flat[:, 8:9])[:, :8]


# TensorFlow's gradient sends the gradient of the output through the inverse map. That is the transposed
# map exactly only where the map moves elements to elements.


@op(
    f"ImageProjectiveTransformV2(images: dtype, transforms: float, output_shape: int32, *,"
    f" dtype: {_DTYPES}, interpolation: string, fill_mode: string = 'CONSTANT')"
    " -> transformed_images: dtype",
    shape=_transformed_shape,
    static=["output_shape"],
)
def image_projective_transform_v2_op(
    xp, images, transforms, output_shape, *, interpolation, fill_mode
):
    """Images seen through projective maps; zero where a map leads out of an image."""
    return transformed(xp, images, transforms, output_shape, 0, interpolation, fill_mode)


@image_projective_transform_v2_op.gradient_rule
def _image_projective_transform_v2_grad(g, images, transforms, *, interpolation, fill_mode):
    return image_projective_transform_v2_op(
        g,
        _inverse(transforms),
        array.shape(images)[1:3],
        interpolation=interpolation,
        fill_mode=fill_mode,
    )


@op(
    "ImageProjectiveTransformV3(images: dtype, transforms: float, output_shape: int32,"
    f" fill_value: float, *, dtype: {_DTYPES}, interpolation: string,"
    " fill_mode: string = 'CONSTANT') -> transformed_images: dtype",
    shape=_transformed_shape,
    static=["output_shape"],
)
def image_projective_transform_v3_op(
    xp, images, transforms, output_shape, fill_value, *, interpolation, fill_mode
):
    """Images seen through projective maps; `fill_value` where a map leads out of an image.

    An element (x, y) of the output is the input at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k),
    where k = c0 x + c1 y + 1 and a map is [a0, a1, a2, b0, b1, b2, c0, c1].
    """
    if np.ndim(fill_value):
        raise invalid(f"fill_value must be a scalar, got shape {list(np.shape(fill_value))}")
    return transformed(xp, images, transforms, output_shape, fill_value, interpolation, fill_mode)


@image_projective_transform_v3_op.gradient_rule
def _image_projective_transform_v3_grad(g, images, transforms, *, interpolation, fill_mode):
    return image_projective_transform_v3_op(
        g,
        _inverse(transforms),
        array.shape(images)[1:3],
        0.0,
        interpolation=interpolation,
        fill_mode=fill_mode,
    )
