"""Color spaces, and the ops that change contrast, hue and saturation.

Colors are the last dimension: red, green, blue, or hue, saturation, value, all between 0 and 1. See
https://en.wikipedia.org/wiki/HSL_and_HSV.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import float32
from reflow.lang.export import export
from reflow.ops import compare, joining, math, reduce
from reflow.ops.cast import cast
from reflow.ops.define import no_gradient, op
from reflow.ops.linalg import matmul
from reflow.ops.padding import reverse
from reflow.ops.public import public
from reflow.ops.reduce import argmax, argmin
from reflow.ops.repeating import one_hot

# Lowerings ----------------------------------------------------------------------------------------


def _hue(xp: Any, rgb: Any, largest: Any, spread: Any) -> Any:
    """The hue, between 0 and 1, of colors [..., 3] whose channels differ by `spread`."""
    one = rgb.dtype.type
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    safe = xp.where(spread > 0, spread, one(1)) * one(6)
    hue = xp.where(
        red == largest,
        (green - blue) / safe,
        xp.where(
            green == largest, (blue - red) / safe + one(2 / 6), (red - green) / safe + one(4 / 6)
        ),
    )
    hue = xp.where(spread > 0, hue, one(0))
    return xp.where(hue < 0, hue + one(1), hue)


def _to_hsv(xp: Any, rgb: Any) -> tuple[Any, Any, Any]:
    one = rgb.dtype.type
    value = xp.max(rgb, axis=-1)
    spread = value - xp.min(rgb, axis=-1)
    positive = value > 0
    saturation = xp.where(positive, spread / xp.where(positive, value, one(1)), one(0))
    return _hue(xp, rgb, value, spread), saturation, value


def _hue_shares(xp: Any, hue: Any) -> Any:
    """How much of red, green and blue a pure hue has: [..., 3]."""
    one = hue.dtype.type
    at = hue * one(6)
    shares = [abs(at - one(3)) - one(1), one(2) - abs(at - one(2)), one(2) - abs(at - one(4))]
    return xp.clip(xp.stack(shares, axis=-1), one(0), one(1))


def _from_hsv(xp: Any, hue: Any, saturation: Any, value: Any) -> Any:
    pale = (1 - saturation)[..., None]
    return (pale + saturation[..., None] * _hue_shares(xp, hue)) * value[..., None]


def _wide(xp: Any, images: Any) -> Any:
    """Half-precision values as float32."""
    return xp.asarray(images) if images.dtype.itemsize > 2 else xp.astype(images, np.float32)


def _check_colors(images: Any, rank: int = 1) -> None:
    if len(images.shape) < rank or images.shape[-1] != 3:
        least = f" with at least {rank} dimensions" if rank > 1 else ""
        raise errors.InvalidArgumentError(
            None,
            None,
            f"input must have 3 channels in its last dimension{least}, but has shape "
            f"{list(images.shape)}",
        )


def _check_scalar(value: Any, name: str) -> None:
    if len(value.shape):
        raise errors.InvalidArgumentError(
            None, None, f"{name} must be scalar, got shape {list(value.shape)}"
        )


def _colors(images: Any, *rest: Any) -> shapes.TensorShape:
    shape = images.shape.with_rank_at_least(1)
    if shape.rank is None:
        return shape
    return shape[:-1].concatenate([shapes.dimension_value(shape[-1:].merge_with([3])[0])])


# Conversions ----------------------------------------------------------------------------------------


@op("RGBToHSV(images: T, *, T: FLOAT = float) -> output: T", shape=_colors)
def rgb_to_hsv_op(xp, images):
    """Hue, saturation and value of colors."""
    _check_colors(images)
    return xp.astype(xp.stack(_to_hsv(xp, _wide(xp, images)), axis=-1), images.dtype)


@rgb_to_hsv_op.gradient_rule
def _rgb_to_hsv_grad(g, images, output):
    # Among equal channels the first counts as the largest and the last as the smallest one; where the
    # largest is 0, and for the saturation where a channel itself is, TensorFlow's derivative is 0.
    dtype = images.dtype
    largest = one_hot(argmax(images, -1), 3, dtype=dtype)
    smallest = one_hot(2 - argmin(reverse(images, [-1]), -1), 3, dtype=dtype)
    value = output[..., 2:]
    low = reduce.reduce_min(images, axis=-1, keepdims=True)
    per_value = math.div_no_nan(_like(value, 1), value)
    per_spread = math.div_no_nan(_like(value, 1), value - low)
    # The hue is a sixth of (a - b) / spread, a and b being the channels that follow the largest one.
    one_on, two_on = _rolled(images, 1), _rolled(images, 2)
    rise = reduce.reduce_sum(largest * (one_on - two_on), axis=-1, keepdims=True) * per_spread
    sides = _rolled(largest, 2) - _rolled(largest, 1)
    hue = (sides - rise * (largest - smallest)) * per_spread / 6
    hue *= cast(compare.greater(value, _like(value, 0)), dtype)
    saturation = (largest * low * per_value - smallest) * per_value
    saturation *= cast(compare.greater(images, _like(images, 0)), dtype)
    return g[..., :1] * hue + g[..., 1:2] * saturation + g[..., 2:] * largest


def _like(x: Any, value: int) -> Any:
    return convert_to_tensor(value, x.dtype)


def _rolled(x: Any, by: int) -> Any:
    """For each channel the one that comes `by` after it, in a circle."""
    return joining.concat([x[..., by:], x[..., :by]], -1)


@op("HSVToRGB(images: T, *, T: FLOAT = float) -> output: T", shape=_colors, grad=None)
def hsv_to_rgb_op(xp, images):
    """The colors of hue, saturation and value."""
    _check_colors(images)
    wide = _wide(xp, images)
    return xp.astype(_from_hsv(xp, wide[..., 0], wide[..., 1], wide[..., 2]), images.dtype)


_COLOR_ERROR = "InvalidArgumentError: if the last dimension is not 3."
rgb_to_hsv = public(
    rgb_to_hsv_op,
    "image.rgb_to_hsv",
    example=("[[1.0, 0.5, 0.5], [0.0, 0.0, 0.0]]", "[[0.  0.5 1. ]\n [0.  0.  0. ]]"),
    errors=_COLOR_ERROR,
)
hsv_to_rgb = public(
    hsv_to_rgb_op,
    "image.hsv_to_rgb",
    example=("[[0.0, 0.5, 1.0]]", "[[1.  0.5 0.5]]"),
    errors=_COLOR_ERROR,
)


def _through(images: Any, kernel: Any) -> Any:
    """Colors times a matrix."""
    images = convert_to_tensor(images, name="images")
    kernel = convert_to_tensor(kernel, images.dtype, name="kernel")
    return matmul.tensordot(images, kernel, axes=[[images.shape.rank - 1], [0]])


_RGB_TO_YIQ = [
    [0.299, 0.59590059, 0.2115],
    [0.587, -0.27455667, -0.52273617],
    [0.114, -0.32134392, 0.31119955],
]
_YIQ_TO_RGB = [
    [1, 1, 1],
    [0.95598634, -0.27201283, -1.10674021],
    [0.6208248, -0.64720424, 1.70423049],
]
_RGB_TO_YUV = [
    [0.299, -0.14714119, 0.61497538],
    [0.587, -0.28886916, -0.51496512],
    [0.114, 0.43601035, -0.10001026],
]
_YUV_TO_RGB = [
    [1, 1, 1],
    [0, -0.394642334, 2.03206185],
    [1.13988303, -0.58062185, 0],
]


@export("image.rgb_to_yiq")
def rgb_to_yiq(images: Any) -> Any:
    """Colors [..., 3] in the YIQ space: luminance and two chrominances.

    >>> import reflow as tf
    >>> print(tf.image.rgb_to_yiq([[1.0, 0.0, 0.0]]).numpy())
    [[0.299     0.5959006 0.2115   ]]
    """
    return _through(images, _RGB_TO_YIQ)


@export("image.yiq_to_rgb")
def yiq_to_rgb(images: Any) -> Any:
    """Colors [..., 3] of the YIQ space as red, green and blue.

    >>> import reflow as tf
    >>> print(tf.image.yiq_to_rgb([[1.0, 0.0, 0.0]]).numpy())
    [[1. 1. 1.]]
    """
    return _through(images, _YIQ_TO_RGB)


@export("image.rgb_to_yuv")
def rgb_to_yuv(images: Any) -> Any:
    """Colors [..., 3] in the YUV space: luminance and two chrominances.

    >>> import reflow as tf
    >>> print(tf.image.rgb_to_yuv([[1.0, 0.0, 0.0]]).numpy())
    [[ 0.299      -0.14714119  0.6149754 ]]
    """
    return _through(images, _RGB_TO_YUV)


@export("image.yuv_to_rgb")
def yuv_to_rgb(images: Any) -> Any:
    """Colors [..., 3] of the YUV space as red, green and blue.

    >>> import reflow as tf
    >>> print(tf.image.yuv_to_rgb([[1.0, 0.0, 0.0]]).numpy())
    [[1. 1. 1.]]
    """
    return _through(images, _YUV_TO_RGB)


# Adjustments --------------------------------------------------------------------------------------


def _at_least_image(images: Any, factor: Any) -> shapes.TensorShape:
    factor.shape.with_rank(0)
    return images.shape.with_rank_at_least(3)


@op(
    "AdjustContrastv2(images: T, contrast_factor: float, *, T: {half,float} = float) -> output: T",
    shape=_at_least_image,
)
def adjust_contrast_op(xp, images, contrast_factor):
    """Each channel of each image moved away from its mean, or towards it."""
    if len(images.shape) < 3:
        raise errors.InvalidArgumentError(
            None, None, f"input must be at least 3-D, got shape {list(images.shape)}"
        )
    _check_scalar(contrast_factor, "contrast_factor")
    wide = _wide(xp, images)
    mean = xp.mean(wide, axis=(-3, -2), keepdims=True, dtype=np.float32)
    return xp.astype((wide - mean) * contrast_factor + mean, images.dtype)


@adjust_contrast_op.gradient_rule
def _adjust_contrast_grad(g, images, contrast_factor):
    mean = reduce.reduce_mean(images, axis=[-3, -2], keepdims=True)
    g_mean = reduce.reduce_mean(g, axis=[-3, -2], keepdims=True)
    factor = cast(contrast_factor, images.dtype)
    along = reduce.reduce_sum(cast(g * (images - mean), float32))
    return g * factor + (1 - factor) * g_mean, along


@op(
    "AdjustHue(images: T, delta: float, *, T: {half,float} = float) -> output: T",
    shape=_at_least_image,
    grad=no_gradient,
)
def adjust_hue_op(xp, images, delta):
    """Images with their hues turned by `delta`, a part of the full circle."""
    _check_colors(images, 3)
    _check_scalar(delta, "delta")
    wide = _wide(xp, images)
    largest, smallest = xp.max(wide, axis=-1), xp.min(wide, axis=-1)
    hue = _hue(xp, wide, largest, largest - smallest) + delta
    shares = _hue_shares(xp, hue - xp.floor(hue))
    turned = smallest[..., None] + (largest - smallest)[..., None] * shares
    return xp.astype(turned, images.dtype)


@op(
    "AdjustSaturation(images: T, scale: float, *, T: {half,float} = float) -> output: T",
    shape=_at_least_image,
    grad=no_gradient,
)
def adjust_saturation_op(xp, images, scale):
    """Images with their saturations multiplied by `scale`, up to 1."""
    _check_colors(images, 3)
    _check_scalar(scale, "scale")
    hue, saturation, value = _to_hsv(xp, _wide(xp, images))
    saturation = xp.clip(saturation * scale, np.float32(0), np.float32(1))
    return xp.astype(_from_hsv(xp, hue, saturation, value), images.dtype)
