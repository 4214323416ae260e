"""Brightness, contrast, hue and the like of images, as given and at random; grey images; dtypes."""

from __future__ import annotations

from typing import Any

from reflow.lang.context import executing_eagerly
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, float16, float32, int32, uint8
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import is_tensor
from reflow.ops import array, cast, debugging, filling, joining, math, reduce
from reflow.ops.constant import identity
from reflow.ops.control_flow.grouping import with_dependencies
from reflow.ops.image.checks import checked_image, require
from reflow.ops.image.color import adjust_contrast_op, adjust_hue_op, adjust_saturation_op
from reflow.ops.linalg import matmul
from reflow.ops.random.random_ops import random_uniform
from reflow.ops.random.stateless import stateless_uniform
from reflow.ops.repeating import tile

# Dtypes -------------------------------------------------------------------------------------------


@export("image.convert_image_dtype")
def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Any:
    """Images with another dtype, scaled: floats have the range [0, 1), integers theirs up to the maximum.

    Args:
      image: integers or floats.
      dtype: the dtype to have.
      saturate: let values that it cannot hold become the nearest that it can.

    Raises:
      AttributeError: for another dtype.

    >>> import reflow as tf
    >>> print(tf.image.convert_image_dtype([0.0, 0.5, 1.0], tf.uint8).numpy())
    [  0 127 255]
    """
    image = convert_to_tensor(image, name="image")
    dtype = as_dtype(dtype)
    for what, each in (("dtype", dtype), ("image dtype", image.dtype)):
        if not each.is_floating and not each.is_integer:
            raise AttributeError(
                f"{what} must be either floating point or integer, not {each.name}"
            )
    if dtype == image.dtype:
        return identity(image, name=name)
    convert = cast.saturate_cast if saturate else cast.cast
    with name_scope(name, "convert_image") as scope:
        scope = scope or None
        source = image.dtype
        if source.is_floating and dtype.is_floating:
            return cast.cast(image, dtype, name=scope)
        if source.is_floating:
            return convert(math.multiply(image, dtype.max + 0.5), dtype, name=scope)
        if dtype.is_floating:
            return math.multiply(cast.cast(image, dtype), 1.0 / source.max, name=scope)
        if source.max > dtype.max:
            scaled = math.floordiv(image, (source.max + 1) // (dtype.max + 1))
            return convert(scaled, dtype, name=scope)
        factor = (dtype.max + 1) // (source.max + 1)
        return math.multiply(convert(image, dtype), factor, name=scope)


def _as_float(image: Any) -> Any:
    """float16 and float32 images as they are, others as float32."""
    return image if image.dtype in (float16, float32) else convert_image_dtype(image, float32)


# Adjustments --------------------------------------------------------------------------------------


@export("image.adjust_brightness")
def adjust_brightness(image: Any, delta: Any) -> Any:
    """Images with `delta` added, on the scale of floats: 1 is the whole range.

    Args:
      image: integers or floats.
      delta: a scalar.

    >>> import reflow as tf
    >>> print(tf.image.adjust_brightness([0.25, 0.5], 0.25).numpy())
    [0.5  0.75]
    """
    with name_scope(None, "adjust_brightness") as scope:
        image = convert_to_tensor(image, name="image")
        wide = _as_float(image)
        adjusted = math.add(wide, cast.cast(delta, wide.dtype), name=scope or None)
        return convert_image_dtype(adjusted, image.dtype, saturate=True)


@export("image.adjust_contrast")
def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """Images of which each channel has its distance from its mean multiplied.

    Args:
      images: [..., height, width, channels], integers or floats.
      contrast_factor: a scalar.

    >>> import reflow as tf
    >>> print(tf.image.adjust_contrast([[[1.0], [3.0]]], 2.0).numpy()[..., 0])
    [[0. 4.]]
    """
    with name_scope(None, "adjust_contrast") as scope:
        images = convert_to_tensor(images, name="images")
        adjusted = adjust_contrast_op(_as_float(images), contrast_factor, name=scope or None)
        return convert_image_dtype(adjusted, images.dtype, saturate=True)


@export("image.adjust_gamma")
def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Any:
    """`gain * image ** gamma`, on the scale of floats.

    Args:
      image: integers or floats.
      gamma: a number or scalar, not negative.
      gain: a number or scalar.

    Raises:
      ValueError: if gamma is negative.

    >>> import reflow as tf
    >>> print(tf.image.adjust_gamma([0.5, 1.0], 2.0).numpy())
    [0.25 1.  ]
    """
    with name_scope(None, "adjust_gamma"):
        image = convert_to_tensor(image, name="image")
        wide = _as_float(image)
        checks = require(gamma >= 0, "Gamma should be a non-negative real number.")
        if checks:
            gamma = with_dependencies(checks, gamma)
        return convert_image_dtype(gain * wide**gamma, image.dtype, saturate=True)


@export("image.adjust_hue")
def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Any:
    """Images with their hues turned.

    Args:
      image: [..., height, width, 3], integers or floats.
      delta: a scalar within [-1, 1]: which part of the full circle to turn by.

    Raises:
      InvalidArgumentError: if there are not three channels.
      ValueError: eagerly, if delta lies outside.

    >>> import reflow as tf
    >>> print(tf.image.adjust_hue([[[1.0, 0.0, 0.0]]], 0.5).numpy()[0, 0])
    [0. 1. 1.]
    """
    with name_scope(name, "adjust_hue"):
        if executing_eagerly() and (delta < -1 or delta > 1):
            raise ValueError("delta must be in the interval [-1, 1]")
        image = convert_to_tensor(image, name="image")
        return convert_image_dtype(adjust_hue_op(_as_float(image), delta), image.dtype)


@export("image.adjust_saturation")
def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Any:
    """Images with their saturations multiplied.

    Args:
      image: [..., height, width, 3], integers or floats.
      saturation_factor: a scalar.

    Raises:
      InvalidArgumentError: if there are not three channels.

    >>> import reflow as tf
    >>> print(tf.image.adjust_saturation([[[1.0, 0.5, 0.5]]], 0.5).numpy()[0, 0])
    [1.   0.75 0.75]
    """
    with name_scope(name, "adjust_saturation"):
        image = convert_to_tensor(image, name="image")
        adjusted = adjust_saturation_op(_as_float(image), saturation_factor)
        return convert_image_dtype(adjusted, image.dtype)


@export("image.adjust_jpeg_quality")
def adjust_jpeg_quality(
    image: Any, jpeg_quality: Any, dct_method: str = "", name: str | None = None
) -> Any:
    """An image after it was encoded as JPEG and decoded again.

    Args:
      image: [height, width, channels] with 1 or 3 channels, integers or floats.
      jpeg_quality: an integer from 0 to 100.
      dct_method: how to decode, see `tf.io.decode_jpeg`.

    >>> import reflow as tf
    >>> tf.image.adjust_jpeg_quality(tf.zeros([8, 8, 3]), 75).shape
    TensorShape([8, 8, 3])
    """
    from reflow.ops.image.codecs import decode_jpeg_op, encode_jpeg_variable_quality_op

    with name_scope(name, "adjust_jpeg_quality"):
        image = convert_to_tensor(image, name="image")
        original, channels = image.dtype, image.shape.as_list()[-1]
        image = convert_image_dtype(image, uint8, saturate=True)
        if not is_tensor(jpeg_quality):
            jpeg_quality = convert_to_tensor(jpeg_quality, int32)
        contents = encode_jpeg_variable_quality_op(image, jpeg_quality)
        image = decode_jpeg_op(contents, channels=channels, dct_method=dct_method)
        return convert_image_dtype(image, original, saturate=True)


# At random ----------------------------------------------------------------------------------------


def _check_delta(max_delta: float, most: float | None = None) -> None:
    if most is not None and max_delta > most:
        raise ValueError(f"max_delta must be <= {most}.")
    if max_delta < 0:
        raise ValueError("max_delta must be non-negative.")


def _check_bounds(lower: float, upper: float) -> None:
    if upper <= lower:
        raise ValueError("upper must be > lower.")
    if lower < 0:
        raise ValueError("lower must be non-negative.")


def _check_quality(low: int, high: int) -> None:
    if not (0 <= low <= 100 and 0 <= high <= 100):
        raise ValueError("jpeg encoding range must be between 0 and 100.")
    if low >= high:
        raise ValueError("`min_jpeg_quality` must be less than `max_jpeg_quality`.")


@export("image.random_brightness")
def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Any:
    """`tf.image.adjust_brightness` by a delta drawn from [-max_delta, max_delta).

    Raises:
      ValueError: if max_delta is negative.

    >>> import reflow as tf
    >>> tf.image.random_brightness(tf.zeros([2, 2, 3]), 0.2).shape
    TensorShape([2, 2, 3])
    """
    _check_delta(max_delta)
    return adjust_brightness(image, random_uniform([], -max_delta, max_delta, seed=seed))


@export(v2=("image.stateless_random_brightness",))
def stateless_random_brightness(image: Any, max_delta: float, seed: Any) -> Any:
    """`tf.image.random_brightness` that depends on nothing but `seed`, two integers.

    >>> import reflow as tf
    >>> print(tf.image.stateless_random_brightness([[[0.0]]], 0.2, (1, 2)).numpy())
    [[[0.13762416]]]
    """
    _check_delta(max_delta)
    delta = stateless_uniform([], minval=-max_delta, maxval=max_delta, seed=seed)
    return adjust_brightness(image, delta)


@export("image.random_contrast")
def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Any:
    """`tf.image.adjust_contrast` by a factor drawn from [lower, upper).

    Raises:
      ValueError: if these are no bounds, or negative.

    >>> import reflow as tf
    >>> tf.image.random_contrast(tf.zeros([2, 2, 3]), 0.2, 0.5).shape
    TensorShape([2, 2, 3])
    """
    _check_bounds(lower, upper)
    return adjust_contrast(image, random_uniform([], lower, upper, seed=seed))


@export(v2=("image.stateless_random_contrast",))
def stateless_random_contrast(image: Any, lower: float, upper: float, seed: Any) -> Any:
    """`tf.image.random_contrast` that depends on nothing but `seed`, two integers.

    >>> import reflow as tf
    >>> tf.image.stateless_random_contrast(tf.zeros([2, 2, 3]), 0.2, 0.5, (1, 2)).shape
    TensorShape([2, 2, 3])
    """
    _check_bounds(lower, upper)
    return adjust_contrast(image, stateless_uniform([], minval=lower, maxval=upper, seed=seed))


@export("image.random_hue")
def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Any:
    """`tf.image.adjust_hue` by a delta drawn from [-max_delta, max_delta).

    Raises:
      ValueError: if max_delta is negative or above 0.5.

    >>> import reflow as tf
    >>> tf.image.random_hue(tf.zeros([2, 2, 3]), 0.2).shape
    TensorShape([2, 2, 3])
    """
    _check_delta(max_delta, 0.5)
    return adjust_hue(image, random_uniform([], -max_delta, max_delta, seed=seed))


@export(v2=("image.stateless_random_hue",))
def stateless_random_hue(image: Any, max_delta: float, seed: Any) -> Any:
    """`tf.image.random_hue` that depends on nothing but `seed`, two integers.

    >>> import reflow as tf
    >>> tf.image.stateless_random_hue(tf.zeros([2, 2, 3]), 0.2, (1, 2)).shape
    TensorShape([2, 2, 3])
    """
    _check_delta(max_delta, 0.5)
    delta = stateless_uniform([], minval=-max_delta, maxval=max_delta, seed=seed)
    return adjust_hue(image, delta)


@export("image.random_saturation")
def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Any:
    """`tf.image.adjust_saturation` by a factor drawn from [lower, upper).

    Raises:
      ValueError: if these are no bounds, or negative.

    >>> import reflow as tf
    >>> tf.image.random_saturation(tf.zeros([2, 2, 3]), 0.5, 1.5).shape
    TensorShape([2, 2, 3])
    """
    _check_bounds(lower, upper)
    return adjust_saturation(image, random_uniform([], lower, upper, seed=seed))


@export(v2=("image.stateless_random_saturation",))
def stateless_random_saturation(image: Any, lower: float, upper: float, seed: Any = None) -> Any:
    """`tf.image.random_saturation` that depends on nothing but `seed`, two integers.

    >>> import reflow as tf
    >>> tf.image.stateless_random_saturation(tf.zeros([2, 2, 3]), 0.5, 1.5, (1, 2)).shape
    TensorShape([2, 2, 3])
    """
    _check_bounds(lower, upper)
    return adjust_saturation(image, stateless_uniform([], minval=lower, maxval=upper, seed=seed))


@export("image.random_jpeg_quality")
def random_jpeg_quality(
    image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: int | None = None
) -> Any:
    """`tf.image.adjust_jpeg_quality` by a quality drawn from [min_jpeg_quality, max_jpeg_quality).

    Raises:
      ValueError: if these are no bounds, or lie outside of 0 to 100.

    >>> import reflow as tf
    >>> tf.image.random_jpeg_quality(tf.zeros([8, 8, 3]), 75, 95).shape
    TensorShape([8, 8, 3])
    """
    _check_quality(min_jpeg_quality, max_jpeg_quality)
    quality = random_uniform([], min_jpeg_quality, max_jpeg_quality, int32, seed=seed)
    return adjust_jpeg_quality(image, quality)


@export(v2=("image.stateless_random_jpeg_quality",))
def stateless_random_jpeg_quality(
    image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: Any
) -> Any:
    """`tf.image.random_jpeg_quality` that depends on nothing but `seed`, two integers.

    >>> import reflow as tf
    >>> tf.image.stateless_random_jpeg_quality(tf.zeros([8, 8, 3]), 75, 95, (1, 2)).shape
    TensorShape([8, 8, 3])
    """
    _check_quality(min_jpeg_quality, max_jpeg_quality)
    quality = stateless_uniform(
        [], minval=min_jpeg_quality, maxval=max_jpeg_quality, seed=seed, dtype=int32
    )
    return adjust_jpeg_quality(image, quality)


# Grey images, standardisation ---------------------------------------------------------------------


@export("image.rgb_to_grayscale")
def rgb_to_grayscale(images: Any, name: str | None = None) -> Any:
    """The luminance of colors.

    Args:
      images: [..., 3], integers or floats.

    Returns:
      [..., 1], of the same dtype.

    >>> import reflow as tf
    >>> print(tf.image.rgb_to_grayscale([[1.0, 0.0, 0.0]]).numpy())
    [[0.2989]]
    """
    with name_scope(name, "rgb_to_grayscale") as scope:
        images = convert_to_tensor(images, name="images")
        wide = convert_image_dtype(images, float32)
        grey = matmul.tensordot(wide, [0.2989, 0.587, 0.114], [-1, -1])
        return convert_image_dtype(array.expand_dims(grey, -1), images.dtype, name=scope or None)


def _checks_of_grey(images: Any) -> list[Any]:
    static = images.shape
    if static.rank is None:
        static = static.with_rank(2)
    elif static.rank < 2:
        raise ValueError(f"A grayscale image (shape {static}) must be at least two-dimensional.")
    wrong = "Last dimension of a grayscale image should be size 1."
    if static.is_fully_defined():
        return require(static.as_list()[-1] == 1, wrong)
    return [
        debugging.assert_equal(array.shape(images)[-1], 1, message=wrong),
        debugging.assert_greater_equal(
            array.rank(images), 3, message="A grayscale image must be at least two-dimensional."
        ),
    ]


@export("image.grayscale_to_rgb")
def grayscale_to_rgb(images: Any, name: str | None = None) -> Any:
    """Grey images with the grey in three channels.

    Args:
      images: [..., 1].

    Raises:
      ValueError: if the last dimension is not 1.

    >>> import reflow as tf
    >>> print(tf.image.grayscale_to_rgb([[[0.5]]]).numpy())
    [[[0.5 0.5 0.5]]]
    """
    with name_scope(name, "grayscale_to_rgb") as scope:
        images = convert_to_tensor(images, name="images")
        images = with_dependencies(_checks_of_grey(images), images)
        outer = array.expand_dims(array.rank(images) - 1, 0)
        times = joining.concat([filling.ones(outer, int32), array.expand_dims(3, 0)], 0)
        colors = tile(images, times, name=scope or None)
        colors.set_shape(images.shape[:-1].concatenate([3]))
        return colors


@export("image.per_image_standardization")
def per_image_standardization(image: Any) -> Any:
    """Images scaled to have mean 0 and deviation 1 each; the deviation counts at least 1 / sqrt(size).

    Args:
      image: [..., height, width, channels].

    Returns:
      float32.

    Raises:
      ValueError: if the rank is below 3.

    >>> import reflow as tf
    >>> print(tf.image.per_image_standardization([[[1.0], [3.0]]]).numpy()[..., 0])
    [[-1.  1.]]
    """
    with name_scope(None, "per_image_standardization") as scope:
        image = cast.cast(checked_image(image), float32)
        count = reduce.reduce_prod(array.shape(image)[-3:])
        axes: dict[str, Any] = {"axis": [-1, -2, -3], "keepdims": True}
        mean = reduce.reduce_mean(image, **axes)
        deviation = reduce.reduce_std(image, **axes)
        least = math.rsqrt(cast.cast(count, float32))
        return math.divide(image - mean, math.maximum(deviation, least), name=scope or None)
