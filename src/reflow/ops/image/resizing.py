"""`tf.image.resize` and its kin. The ops are in `resize`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import float32, int32
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops import array, cast, filling, math
from reflow.ops.control_flow.grouping import with_dependencies
from reflow.ops.image.checks import checks_of_image, dimensions, either, require, to_batch
from reflow.ops.image.crops import pad_to_bounding_box
from reflow.ops.image.resize import (
    resize_area_op,
    resize_bicubic_op,
    resize_bilinear_op,
    resize_nearest_neighbor_op,
    scale_and_translate_op,
)
from reflow.ops.public import public
from reflow.ops.shape_rules import constant_value_as_shape


@export(v1=("image.ResizeMethod",))
class ResizeMethodV1:
    """How `tf.compat.v1.image.resize` interpolates."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


@export(v2=("image.ResizeMethod",))
class ResizeMethod:
    """How `tf.image.resize` interpolates."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELLCUBIC = "mitchellcubic"


_NUMBERED = ("bilinear", "nearest", "bicubic", "area")  # the methods by TF 1's numbers


def _resized(
    images: Any,
    size: Any,
    resizer: Callable[[Any, Any], Any],
    preserve_aspect_ratio: bool,
    name: str | None,
    keep_if_same: bool,
) -> Any:
    """`resizer(batch, size)` of the images, with the size that the aspect ratio allows."""
    with name_scope(name, "resize"):
        images = convert_to_tensor(images, name="images")
        if images.shape.rank is None:
            raise ValueError("'images' contains no shape.")
        if images.shape.rank not in (3, 4):
            site = errors.user_site()
            raise ValueError(
                f"{site}: 'images' must have either 3 or 4 dimensions, not shape {images.shape}."
            )
        images, is_batch = to_batch(images)
        try:
            size = convert_to_tensor(size, int32, name="size")
        except (TypeError, ValueError):
            raise ValueError("'size' must be a 1-D int32 Tensor") from None
        if not size.shape.is_compatible_with([2]):
            raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
        if preserve_aspect_ratio:
            size = _size_of_ratio(images, size)
        wanted = constant_value_as_shape(size).with_rank(2).as_list()
        if not (keep_if_same and None not in wanted and wanted == images.shape.as_list()[1:3]):
            images = resizer(images, size)
            images.set_shape([None, *wanted, None])
        return images if is_batch else array.squeeze(images, axis=[0])


def _size_of_ratio(images: Any, size: Any) -> Any:
    """The largest size within `size` that has the aspect ratio of the images."""
    _, height, width, _ = dimensions(images, 4)
    rows = cast.cast(size[0], float32) / cast.cast(height, float32)
    columns = cast.cast(size[1], float32) / cast.cast(width, float32)
    factor = math.minimum(rows, columns)
    scaled = [
        cast.cast(math.round(factor * cast.cast(length, float32)), int32)
        for length in (height, width)
    ]
    return convert_to_tensor(scaled, int32, name="size")


@export(v2=("image.resize",))
def resize(
    images: Any,
    size: Any,
    method: str = ResizeMethod.BILINEAR,
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Any:
    """Images of another size.

    Args:
      images: [height, width, channels] or [batch, height, width, channels].
      size: two integers, the height and the width.
      method: one of `tf.image.ResizeMethod`.
      preserve_aspect_ratio: take the largest size within `size` that keeps the aspect ratio.
      antialias: filter the images where they get smaller.

    Returns:
      float32, except that "nearest" keeps the dtype.

    Raises:
      ValueError: if the images, the size or the method are none.

    >>> import reflow as tf
    >>> print(tf.image.resize([[[0.0], [4.0]]], [1, 4]).numpy()[..., 0])
    [[0. 1. 3. 4.]]
    """

    def resizer(batch: Any, new_size: Any) -> Any:
        kernels = {"bilinear": "triangle", "bicubic": "keyscubic"} if antialias else {}
        for each in ("lanczos3", "lanczos5", "gaussian", "mitchellcubic"):
            kernels[each] = each
        if method in kernels:
            now = cast.cast(array.shape(batch)[1:3], float32)
            scale = cast.cast(new_size, float32) / now
            return scale_and_translate_op(
                batch,
                new_size,
                scale,
                filling.zeros([2]),
                kernel_type=kernels[method],
                antialias=antialias,
            )
        if method == "area":
            return resize_area_op(batch, new_size)
        return _plain(method)(batch, new_size, half_pixel_centers=True)

    return _resized(images, size, resizer, preserve_aspect_ratio, name, keep_if_same=False)


def _plain(method: Any) -> Any:
    """The op of a method that has one of its own.

    Raises:
      ValueError: if there is none.
    """
    ops = {
        "bilinear": resize_bilinear_op,
        "nearest": resize_nearest_neighbor_op,
        "bicubic": resize_bicubic_op,
        "area": resize_area_op,
    }
    if method not in ops:
        raise ValueError(f"Resize method is not implemented: {method}")
    return ops[method]


@export(v1=("image.resize_images", "image.resize"))
def resize_images(
    images: Any,
    size: Any,
    method: Any = ResizeMethodV1.BILINEAR,
    align_corners: bool = False,
    preserve_aspect_ratio: bool = False,
    name: str | None = None,
) -> Any:
    """Images of another size, with TF 1's positions: the upper left corners of pixels coincide.

    Args:
      images: [height, width, channels] or [batch, height, width, channels].
      size: two integers, the height and the width.
      method: one of `tf.image.ResizeMethod`.
      align_corners: let the centers of the corner pixels coincide.
      preserve_aspect_ratio: take the largest size within `size` that keeps the aspect ratio.

    Returns:
      float32; with "nearest", or if they have that size already, in their own dtype.

    Raises:
      ValueError: if the images, the size or the method are none.

    >>> import reflow as tf
    >>> print(tf.compat.v1.image.resize_images([[[0.0], [4.0]]], [1, 4]).numpy()[..., 0])
    [[0. 2. 4. 4.]]
    """

    def resizer(batch: Any, new_size: Any) -> Any:
        numbered = type(method) is int and 0 <= method < len(_NUMBERED)
        chosen = _NUMBERED[method] if numbered else method
        return _plain(chosen)(batch, new_size, align_corners=align_corners)

    return _resized(images, size, resizer, preserve_aspect_ratio, name, keep_if_same=True)


@export(v1=("image.resize_bilinear",))
def resize_bilinear(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Any:
    """The op ResizeBilinear: float32 images of another size, interpolated linearly.

    >>> import reflow as tf
    >>> print(tf.compat.v1.image.resize_bilinear([[[[0.0], [4.0]]]], [1, 4]).numpy()[0, ..., 0])
    [[0. 2. 4. 4.]]
    """
    return resize_bilinear_op(
        images,
        size,
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
        name=name,
    )


@export(v1=("image.resize_nearest_neighbor",))
def resize_nearest_neighbor(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Any:
    """The op ResizeNearestNeighbor: images of another size, made of the elements of the originals.

    >>> import reflow as tf
    >>> print(tf.compat.v1.image.resize_nearest_neighbor([[[[0], [4]]]], [1, 4]).numpy()[0, ..., 0])
    [[0 0 4 4]]
    """
    return resize_nearest_neighbor_op(
        images,
        size,
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
        name=name,
    )


@export(v1=("image.resize_bicubic",))
def resize_bicubic(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Any:
    """The op ResizeBicubic: float32 images of another size, interpolated by cubics.

    >>> import reflow as tf
    >>> print(tf.compat.v1.image.resize_bicubic([[[[0.0], [4.0]]]], [1, 4]).numpy()[0, ..., 0])
    [[0.    2.   4.    4.375]]
    """
    return resize_bicubic_op(
        images,
        size,
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
        name=name,
    )


resize_area = public(
    resize_area_op,
    v1=("image.resize_area",),
    example=("[[[[0.0], [4.0]]]], [1, 1]", "[[[[2.]]]]"),
)


def _resized_with_pad(image: Any, target_height: Any, target_width: Any, resizer: Any) -> Any:
    """The image as large as fits into the size with its aspect ratio, and zeros around it."""
    with name_scope(None, "resize_image_with_pad"):
        image = convert_to_tensor(image, name="image")
        image, is_batch = to_batch(image)
        checks = checks_of_image(image)
        checks += require(target_width > 0, "target_width must be > 0.")
        checks += require(target_height > 0, "target_height must be > 0.")
        image = with_dependencies(checks, image)
        _, height, width, _ = dimensions(image, 4)
        have_h, have_w, want_h, want_w = (
            cast.cast(x, float32) for x in (height, width, target_height, target_width)
        )
        ratio = either(max, math.maximum, have_w / want_w, have_h / want_h)
        new_h, new_w = have_h / ratio, have_w / ratio
        size = [cast.cast(math.floor(x), int32) for x in (new_h, new_w)]
        margins = [math.floor((want_h - new_h) / 2), math.floor((want_w - new_w) / 2)]
        top, left = (either(max, math.maximum, 0, cast.cast(x, int32)) for x in margins)
        resized = resizer(image, size)
        padded = pad_to_bounding_box(resized, top, left, target_height, target_width)
        return padded if is_batch else array.squeeze(padded, axis=[0])


@export(v2=("image.resize_with_pad",))
def resize_with_pad(
    image: Any,
    target_height: Any,
    target_width: Any,
    method: str = ResizeMethod.BILINEAR,
    antialias: bool = False,
) -> Any:
    """Images resized without distortion to fit into a size, with zeros around them.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].
      target_height, target_width: the size.
      method, antialias: as in `tf.image.resize`.

    Raises:
      ValueError: if the size is not positive, or the rank is another.

    >>> import reflow as tf
    >>> print(tf.image.resize_with_pad([[[1.0], [1.0]]], 2, 2).numpy()[..., 0])
    [[1. 1.]
     [0. 0.]]
    """
    return _resized_with_pad(
        image,
        target_height,
        target_width,
        lambda batch, size: resize(batch, size, method, antialias=antialias),
    )


@export(v1=("image.resize_image_with_pad",))
def resize_image_with_pad(
    image: Any,
    target_height: Any,
    target_width: Any,
    method: Any = ResizeMethodV1.BILINEAR,
    align_corners: bool = False,
) -> Any:
    """`tf.image.resize_with_pad`, resized as `tf.compat.v1.image.resize_images` does.

    >>> import reflow as tf
    >>> image = [[[1.0], [1.0]]]
    >>> print(tf.compat.v1.image.resize_image_with_pad(image, 2, 2).numpy()[..., 0])
    [[1. 1.]
     [0. 0.]]
    """
    return _resized_with_pad(
        image,
        target_height,
        target_width,
        lambda batch, size: resize_images(batch, size, method, align_corners=align_corners),
    )
