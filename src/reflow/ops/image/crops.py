"""Images cut out of images, and put into larger ones."""

from __future__ import annotations

from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import float64, int32
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import is_tensor
from reflow.ops import array, cast, compare, joining, math
from reflow.ops.control_flow.grouping import with_dependencies
from reflow.ops.image.checks import checks_of_image, dimensions, either, require, to_batch
from reflow.ops.padding import pad
from reflow.ops.slicing import slice_

# Cropping -----------------------------------------------------------------------------------------


@export("image.central_crop")
def central_crop(image: Any, central_fraction: Any) -> Any:
    """The central part of images.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].
      central_fraction: how much of height and width to keep: a number, or a scalar, in (0, 1].

    Raises:
      ValueError: if the fraction or the rank is another.

    >>> import reflow as tf
    >>> tf.image.central_crop(tf.zeros([10, 8, 3]), 0.5).shape
    TensorShape([6, 4, 3])
    """
    with name_scope(None, "central_crop"):
        image = convert_to_tensor(image, name="image")
        fraction = (
            constant_value(central_fraction) if is_tensor(central_fraction) else central_fraction
        )
        wrong = "central_fraction must be within (0, 1]"
        if fraction is not None:
            require(0.0 < fraction <= 1.0, wrong)
            if fraction == 1.0:
                return image
        else:
            allowed = compare.logical_or(
                compare.greater(central_fraction, 0.0), compare.less_equal(central_fraction, 1.0)
            )
            image = with_dependencies(require(allowed, wrong), image)
        with_dependencies(checks_of_image(image), image)
        rank = image.shape.rank
        if rank not in (3, 4):
            raise ValueError(
                f"`image` should either be a Tensor with rank = 3 or rank = 4. Had rank = {rank}."
            )
        static = image.shape.as_list()
        begin, size, kept = [0] * (rank - 3), [-1] * (rank - 3), static[: rank - 3]
        for axis in (rank - 3, rank - 2):
            length = static[axis] if static[axis] is not None else array.shape(image)[axis]
            if is_tensor(length) or fraction is None:
                wide = cast.cast(length, float64)
                margin = (wide - wide * cast.cast(central_fraction, float64)) / 2
                start = cast.cast(margin, int32)
                kept.append(None)
            else:
                start = int((float(length) - float(length) * fraction) / 2)
                kept.append(length - start * 2)
            begin.append(start)
            size.append(length - start * 2)
        image = slice_(image, joining.stack([*begin, 0]), joining.stack([*size, -1]))
        image.set_shape([*kept, static[-1]])
        return image


@export("image.crop_to_bounding_box")
def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    """The part of images that a box holds.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].
      offset_height, offset_width: the upper left corner of the box.
      target_height, target_width: the size of the box.

    Raises:
      ValueError: if the box is known to stick out of the image, or the rank is another.
      InvalidArgumentError: if it turns out to.

    >>> import reflow as tf
    >>> image = tf.reshape(tf.range(12), [3, 4, 1])
    >>> print(tf.image.crop_to_bounding_box(image, 1, 2, 2, 2).numpy()[..., 0])
    [[ 6  7]
     [10 11]]
    """
    with name_scope(None, "crop_to_bounding_box"):
        image = convert_to_tensor(image, name="image")
        image, is_batch = to_batch(image)
        checks = checks_of_image(image)
        batch, height, width, depth = dimensions(image, 4)
        checks += require(offset_width >= 0, "offset_width must be >= 0.")
        checks += require(offset_height >= 0, "offset_height must be >= 0.")
        checks += require(target_width > 0, "target_width must be > 0.")
        checks += require(target_height > 0, "target_height must be > 0.")
        fits = (width >= target_width + offset_width, height >= target_height + offset_height)
        checks += require(fits[0], "width must be >= target + offset.")
        checks += require(fits[1], "height must be >= target + offset.")
        image = with_dependencies(checks, image)
        sizes = [array.shape(image)[0], target_height, target_width, array.shape(image)[3]]
        cropped = slice_(
            image, joining.stack([0, offset_height, offset_width, 0]), joining.stack(sizes)
        )
        cropped.set_shape(_known(batch, target_height, target_width, depth))
        return cropped if is_batch else array.squeeze(cropped, axis=[0])


def _known(*sizes: Any) -> list[int | None]:
    return [None if is_tensor(size) else size for size in sizes]


# Padding ------------------------------------------------------------------------------------------


@export("image.pad_to_bounding_box")
def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    """Images with zeros around them.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].
      offset_height, offset_width: how many rows of zeros go above, and columns to the left.
      target_height, target_width: the size of the result.

    Raises:
      ValueError: if the image is known not to fit, or the rank is another.
      InvalidArgumentError: if it turns out not to.

    >>> import reflow as tf
    >>> print(tf.image.pad_to_bounding_box([[[5]]], 1, 0, 2, 2).numpy()[..., 0])
    [[0 0]
     [5 0]]
    """
    with name_scope(None, "pad_to_bounding_box"):
        image = convert_to_tensor(image, name="image")
        image, is_batch = to_batch(image)
        batch, height, width, depth = dimensions(image, 4)
        right = target_width - offset_width - width
        below = target_height - offset_height - height
        checks = checks_of_image(image)
        checks += require(offset_height >= 0, "offset_height must be >= 0")
        checks += require(offset_width >= 0, "offset_width must be >= 0")
        checks += require(right >= 0, "width must be <= target - offset")
        checks += require(below >= 0, "height must be <= target - offset")
        image = with_dependencies(checks, image)
        margins = joining.stack([0, 0, offset_height, below, offset_width, right, 0, 0])
        padded = pad(image, array.reshape(margins, [4, 2]))
        padded.set_shape(_known(batch, target_height, target_width, depth))
        return padded if is_batch else array.squeeze(padded, axis=[0])


@export("image.resize_with_crop_or_pad", v1=("image.resize_image_with_crop_or_pad",))
def resize_image_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Any:
    """Images cropped around their center, or padded evenly with zeros, to a size.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].
      target_height, target_width: the size.

    Raises:
      ValueError: if the size is not positive, or the rank is another.

    >>> import reflow as tf
    >>> image = tf.reshape(tf.range(1, 5), [1, 4, 1])
    >>> print(tf.image.resize_with_crop_or_pad(image, 3, 2).numpy()[..., 0])
    [[0 0]
     [2 3]
     [0 0]]
    """
    with name_scope(None, "resize_image_with_crop_or_pad"):
        image = convert_to_tensor(image, name="image")
        image, is_batch = to_batch(image)
        checks = checks_of_image(image)
        checks += require(target_width > 0, "target_width must be > 0.")
        checks += require(target_height > 0, "target_height must be > 0.")
        image = with_dependencies(checks, image)
        if is_tensor(target_height):
            target_height = with_dependencies(checks, target_height)
        if is_tensor(target_width):
            target_width = with_dependencies(checks, target_width)
        _, height, width, _ = dimensions(image, 4)
        crop_left, pad_left = _offsets(target_width - width)
        crop_top, pad_top = _offsets(target_height - height)
        cropped = crop_to_bounding_box(
            image,
            crop_top,
            crop_left,
            either(min, math.minimum, target_height, height),
            either(min, math.minimum, target_width, width),
        )
        resized = pad_to_bounding_box(cropped, pad_top, pad_left, target_height, target_width)
        _, got_height, got_width, _ = dimensions(resized, 4)
        checks = require(_same(got_height, target_height), "resized height is not correct.")
        checks += require(_same(got_width, target_width), "resized width is not correct.")
        resized = with_dependencies(checks, resized)
        return resized if is_batch else array.squeeze(resized, axis=[0])


def _offsets(missing: Any) -> tuple[Any, Any]:
    """What to crop on the near side, and what to pad, for a length that lacks so much."""
    return (
        either(max, math.maximum, -missing // 2, 0),
        either(max, math.maximum, missing // 2, 0),
    )


def _same(x: Any, y: Any) -> Any:
    return either(lambda x, y: x == y, compare.equal, x, y)
