"""Boxes of images: cut out and resized, and drawn.

A box is [y1, x1, y2, x2]; 0 and 1 are the centers of the first and of the last row or column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.dtypes import float16, float32, float64
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.ops import array
from reflow.ops.array import renamed
from reflow.ops.define import no_gradient, op
from reflow.ops.image.projective import rounded
from reflow.ops.shape_rules import constant_value_as_shape

_F = np.float32
_IMAGES = "{uint8,uint16,int8,int16,int32,int64,half,float,double}"
_METHOD = "method: string{bilinear,nearest} = 'bilinear'"


# Cropping and resizing ----------------------------------------------------------------------------


def _check_boxes(ctx: Any, boxes: Any, box_ind: Any, batch: int) -> None:
    if len(boxes.shape) != 2 or boxes.shape[1] != 4:
        raise invalid(f"boxes must be a matrix of four columns, got shape {list(boxes.shape)}")
    if tuple(box_ind.shape) != (boxes.shape[0],):
        raise invalid(
            f"box_ind must be a vector with an element per box, got {list(box_ind.shape)} for "
            f"{boxes.shape[0]} boxes"
        )
    xp = ctx.xp
    ctx.check(
        xp.all((box_ind >= 0) & (box_ind < batch)),
        lambda: f"box_index has values outside [0, {batch})",
        errors.OutOfRangeError,
    )


def _check_image(image: Any) -> None:
    if len(image.shape) != 4 or 0 in image.shape[1:3]:
        raise invalid(f"input image must be 4-D and not empty, got shape {list(image.shape)}")


def _along(xp: Any, low: Any, high: Any, size: int, crop: int) -> tuple[Any, Any]:
    """Where along one dimension the elements of crops lie, [boxes, crop], and whether in the image."""
    last = _F(size - 1)
    if crop > 1:
        step = (high - low) * last / _F(crop - 1)
        at = (low * last)[:, None] + xp.arange(crop, dtype=_F)[None] * step[:, None]
    else:
        at = _F(0.5) * (low + high)[:, None] * last
    return at, (at >= 0) & (at <= last)


def _grid(xp: Any, boxes: Any, sizes: Any, crop: Any) -> tuple[Any, Any, Any]:
    """Rows [boxes, crop height], columns [boxes, crop width], and what lies inside of the image."""
    boxes = xp.asarray(boxes)
    y, y_in = _along(xp, boxes[:, 0], boxes[:, 2], sizes[0], crop[0])
    x, x_in = _along(xp, boxes[:, 1], boxes[:, 3], sizes[1], crop[1])
    inside = y_in[:, :, None] & x_in[:, None, :]
    y, x = xp.where(y_in, y, _F(0)), xp.where(x_in, x, _F(0))
    return y, x, inside


def _neighbours(xp: Any, at: Any) -> tuple[Any, Any, Any]:
    """The places below and above, and how much the upper one counts."""
    low = xp.floor(at)
    return low.astype(np.int32), xp.ceil(at).astype(np.int32), at - low


def _crop_sizes(crop_size: Any) -> tuple[int, int]:
    if np.shape(crop_size) != (2,):
        raise invalid(f"crop_size must have two elements, got {list(np.shape(crop_size))}")
    height, width = int(crop_size[0]), int(crop_size[1])
    if height <= 0 or width <= 0:
        raise invalid(f"crop dimensions must be positive, got {height}x{width}")
    return height, width


def _crops_shape(image: Any, boxes: Any, box_ind: Any, crop_size: Any) -> shapes.TensorShape:
    channels = image.shape.with_rank(4)[3]
    count = boxes.shape.with_rank(2)[0]
    box_ind.shape.with_rank(1)
    sizes = constant_value_as_shape(crop_size).with_rank(2)
    return shapes.of((count, *sizes, channels))


@op(
    "CropAndResize(image: T, boxes: float, box_ind: int32, crop_size: int32, *,"
    f" T: {_IMAGES}, {_METHOD}, extrapolation_value: float = 0.0) -> crops: float",
    shape=_crops_shape,
    static=["crop_size"],
    context=True,
)
def crop_and_resize_op(ctx, image, boxes, box_ind, crop_size, *, method, extrapolation_value):
    """Boxes cut out of images and resized to one size."""
    xp = ctx.xp
    _check_image(image)
    _check_boxes(ctx, boxes, box_ind, image.shape[0])
    y, x, inside = _grid(xp, boxes, image.shape[1:3], _crop_sizes(crop_size))
    image = xp.astype(image, _F)
    of = xp.clip(box_ind, 0, image.shape[0] - 1)[:, None, None]
    if method == "nearest":
        rows, columns = (rounded(xp, at).astype(np.int32) for at in (y, x))
        crops = image[of, rows[:, :, None], columns[:, None, :]]
    else:
        top, bottom, down = _neighbours(xp, y)
        left, right, across = _neighbours(xp, x)
        across, down = across[:, None, :, None], down[:, :, None, None]
        first, second = (
            (lambda a, b: a + (b - a) * across)(
                image[of, row[:, :, None], left[:, None, :]],
                image[of, row[:, :, None], right[:, None, :]],
            )
            for row in (top, bottom)
        )
        crops = first + (second - first) * down
    return xp.where(inside[..., None], crops, _F(extrapolation_value))


@crop_and_resize_op.gradient_rule
def _crop_and_resize_grad(g, image, boxes, box_ind, *, method):
    to_image = None
    if image.dtype in (float16, float32, float64):
        known = image.shape.is_fully_defined()
        sizes = image.shape.as_list() if known else array.shape(image)
        to_image = crop_and_resize_grad_image_op(
            g, boxes, box_ind, sizes, T=image.dtype, method=method
        )
    # Where an element is the nearest one, TensorFlow takes the gradient of interpolation for the boxes.
    return to_image, crop_and_resize_grad_boxes_op(g, image, boxes, box_ind)


@op(
    "CropAndResizeGradImage(grads: float, boxes: float, box_ind: int32, image_size: int32, *,"
    f" T: {{float,half,double}}, {_METHOD}) -> output: T",
    shape=lambda grads, boxes, box_ind, image_size: constant_value_as_shape(image_size),
    static=["image_size"],
    context=True,
    grad=no_gradient,
)
def crop_and_resize_grad_image_op(ctx, grads, boxes, box_ind, image_size, *, T, method):
    """The gradient of CropAndResize with respect to the image."""
    xp = ctx.xp
    sizes = tuple(int(n) for n in np.asarray(image_size).ravel())
    if len(sizes) != 4 or min(sizes) < 0:
        raise invalid(f"image_size must be the shape of images, got {list(sizes)}")
    _check_boxes(ctx, boxes, box_ind, sizes[0])
    y, x, inside = _grid(xp, boxes, sizes[1:3], grads.shape[1:3])
    of = xp.clip(box_ind, 0, sizes[0] - 1)[:, None, None]
    kept = xp.where(inside[..., None], grads, _F(0))
    total = xp.zeros(sizes, T.np if T.np.itemsize > 2 else _F)
    if method == "nearest":
        rows, columns = (rounded(xp, at).astype(np.int32) for at in (y, x))
        places = (of, rows[:, :, None], columns[:, None, :])
        total = xp.at_add(total, places, xp.astype(kept, total.dtype))
        return xp.astype(total, T.np)
    top, bottom, down = _neighbours(xp, y)
    left, right, across = _neighbours(xp, x)
    for row, of_row in ((top, _F(1) - down), (bottom, down)):
        part = of_row[:, :, None, None] * kept
        for column, of_column in ((left, _F(1) - across), (right, across)):
            places = (of, row[:, :, None], column[:, None, :])
            share = of_column[:, None, :, None] * part
            total = xp.at_add(total, places, xp.astype(share, total.dtype))
    return xp.astype(total, T.np)


@op(
    "CropAndResizeGradBoxes(grads: float, image: T, boxes: float, box_ind: int32, *,"
    f" T: {_IMAGES}, method: string{{bilinear}} = 'bilinear') -> output: float",
    shape=lambda grads, image, boxes, box_ind: boxes.shape,
    context=True,
    grad=no_gradient,
)
def crop_and_resize_grad_boxes_op(ctx, grads, image, boxes, box_ind):
    """The gradient of CropAndResize with respect to the boxes."""
    xp = ctx.xp
    _check_image(image)
    _check_boxes(ctx, boxes, box_ind, image.shape[0])
    crop, sizes = grads.shape[1:3], image.shape[1:3]
    y, x, inside = _grid(xp, boxes, sizes, crop)
    image = xp.astype(image, _F)
    of = xp.clip(box_ind, 0, image.shape[0] - 1)[:, None, None]
    top, bottom, down = _neighbours(xp, y)
    left, right, across = _neighbours(xp, x)
    corners = [
        image[of, row[:, :, None], column[:, None, :]]
        for row in (top, bottom)
        for column in (left, right)
    ]
    top_left, top_right, bottom_left, bottom_right = corners
    down, across = down[:, :, None, None], across[:, None, :, None]
    by_y = (_F(1) - across) * (bottom_left - top_left) + across * (bottom_right - top_right)
    by_x = (_F(1) - down) * (top_right - top_left) + down * (bottom_right - bottom_left)
    kept = xp.where(inside[..., None], grads, _F(0))
    of_y, of_x = (xp.sum(kept * by, axis=3) for by in (by_y, by_x))
    y_low, y_high = _shares(xp, of_y, crop[0], sizes[0], axis=1)
    x_low, x_high = _shares(xp, of_x, crop[1], sizes[1], axis=2)
    return xp.stack([y_low, x_low, y_high, x_high], axis=1).astype(_F)


def _shares(xp: Any, of: Any, crop: int, size: int, axis: int) -> tuple[Any, Any]:
    """What the near and the far side of each box get of the gradient [boxes, height, width]."""
    last = _F(size - 1)
    if crop > 1:
        far = xp.arange(crop, dtype=_F) * (last / _F(crop - 1))
        far = far.reshape((1, -1, 1) if axis == 1 else (1, 1, -1))
        near = last - far
    else:
        near = far = _F(0.5) * last
    return xp.sum(of * near, axis=(1, 2)), xp.sum(of * far, axis=(1, 2))


@export(v2=("image.crop_and_resize",))
def crop_and_resize(
    image: Any,
    boxes: Any,
    box_indices: Any,
    crop_size: Any,
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
    name: str | None = None,
) -> Any:
    """Boxes cut out of images and resized to one size, without keeping their aspect ratios.

    Args:
      image: [batch, height, width, channels].
      boxes: float32 [boxes, 4], each [y1, x1, y2, x2]; y1 > y2 turns a crop upside down.
      box_indices: int32 [boxes], which image a box is of.
      crop_size: two integers, the height and the width.
      method: "bilinear" or "nearest".
      extrapolation_value: what lies outside of the image.

    Returns:
      float32 [boxes, crop height, crop width, channels].

    Raises:
      InvalidArgumentError: if there is no such image.

    >>> import reflow as tf
    >>> image = tf.reshape(tf.range(9.0), [1, 3, 3, 1])
    >>> print(tf.image.crop_and_resize(image, [[0.0, 0.0, 1.0, 1.0]], [0], [2, 2]).numpy()[0, ..., 0])
    [[0. 2.]
     [6. 8.]]
    """
    return crop_and_resize_op(
        image,
        boxes,
        box_indices,
        crop_size,
        method=method,
        extrapolation_value=extrapolation_value,
        name=name,
    )


@export(v1=("image.crop_and_resize",))
def crop_and_resize_v1(
    image: Any,
    boxes: Any,
    box_ind: Any = None,
    crop_size: Any = None,
    method: str = "bilinear",
    extrapolation_value: float = 0,
    name: str | None = None,
    box_indices: Any = None,
) -> Any:
    """`tf.image.crop_and_resize` with its TF 1 parameters."""
    box_indices = renamed("box_indices", box_indices, "box_ind", box_ind)
    return crop_and_resize(
        image, boxes, box_indices, crop_size, method, float(extrapolation_value), name
    )


# Drawing ------------------------------------------------------------------------------------------

# Red, green, blue, alpha; taken in turns.
_COLORS = np.array(
    [
        [1, 1, 0, 1],
        [0, 0, 1, 1],
        [1, 0, 0, 1],
        [0, 1, 0, 1],
        [0.5, 0, 0.5, 1],
        [0.5, 0.5, 0, 1],
        [0.5, 0, 0, 1],
        [0, 0, 0.5, 1],
        [0, 1, 1, 1],
        [1, 0, 1, 1],
    ],
    _F,
)


def _drawn(images: Any, boxes: Any, colors: np.ndarray) -> np.ndarray:
    if len(images.shape) != 4 or len(boxes.shape) != 3 or boxes.shape[2] != 4:
        raise invalid(
            "images must be 4-D and boxes [batch, boxes, 4], got shapes "
            f"{list(images.shape)} and {list(boxes.shape)}"
        )
    if boxes.shape[0] != images.shape[0]:
        raise invalid(f"{images.shape[0]} images need as many lists of boxes: {boxes.shape[0]}")
    height, width, depth = images.shape[1:]
    if depth not in (1, 3, 4):
        raise invalid(f"channel depth should be either 1 (GRY), 3 (RGB), or 4 (RGBA), not {depth}")
    if colors.shape[1] < depth:
        raise invalid(f"colors should have at least {depth} channels, got {colors.shape[1]}")
    result = np.array(images)
    for image, of_image in zip(result, np.asarray(boxes, _F)):
        for number, (y1, x1, y2, x2) in enumerate(of_image):
            color = colors[number % len(colors), :depth].astype(images.dtype)
            top, bottom = int(y1 * _F(height - 1)), int(y2 * _F(height - 1))
            left, right = int(x1 * _F(width - 1)), int(x2 * _F(width - 1))
            if top > bottom or left > right or top >= height or left >= width:
                continue
            if bottom < 0 or right < 0:
                continue
            rows = slice(max(top, 0), min(bottom, height - 1) + 1)
            columns = slice(max(left, 0), min(right, width - 1) + 1)
            for row in (top, bottom):
                if 0 <= row < height:
                    image[row, columns] = color
            for column in (left, right):
                if 0 <= column < width:
                    image[rows, column] = color
    return result


def _default_colors(depth: int) -> np.ndarray:
    colors = _COLORS.copy()
    if depth == 1:
        colors[:, 0] = 1
    return colors


@op(
    "DrawBoundingBoxes(images: T, boxes: float, *, T: {float,half} = float) -> output: T",
    shape=lambda images, boxes: images.shape.with_rank(4),
    compile=False,
    grad=None,
)
def draw_bounding_boxes_op(xp, images, boxes):
    """Images with boxes drawn into them, in ten colors by turns."""
    return _drawn(images, boxes, _default_colors(images.shape[-1]))


@op(
    "DrawBoundingBoxesV2(images: T, boxes: float, colors: float, *, T: {float,half} = float)"
    " -> output: T",
    shape=lambda images, boxes, colors: images.shape.with_rank(4),
    compile=False,
    grad=no_gradient,
)
def draw_bounding_boxes_v2_op(xp, images, boxes, colors):
    """Images with boxes drawn into them, in colors [n, channels] by turns."""
    if len(colors.shape) != 2:
        raise invalid(f"colors must be a 2-D matrix, got shape {list(colors.shape)}")
    chosen = np.asarray(colors) if len(colors) else _default_colors(images.shape[-1])
    if images.shape[-1] == 1 and len(colors):
        chosen = chosen.copy()
        chosen[:, 0] = 1
    return _drawn(images, boxes, chosen)


@export(v2=("image.draw_bounding_boxes",))
def draw_bounding_boxes(images: Any, boxes: Any, colors: Any, name: str | None = None) -> Any:
    """Images with boxes drawn into them.

    Args:
      images: [batch, height, width, channels] of float32 or float16, with 1, 3 or 4 channels.
      boxes: float32 [batch, boxes, 4], each [y1, x1, y2, x2].
      colors: [n, channels], taken by turns; None for ten default colors.

    Raises:
      InvalidArgumentError: for other shapes.

    >>> import reflow as tf
    >>> drawn = tf.image.draw_bounding_boxes(tf.zeros([1, 3, 3, 1]), [[[0.0, 0.0, 1.0, 1.0]]], None)
    >>> print(drawn.numpy()[0, ..., 0])
    [[1. 1. 1.]
     [1. 0. 1.]
     [1. 1. 1.]]
    """
    if colors is None:
        return draw_bounding_boxes_op(images, boxes, name=name)
    return draw_bounding_boxes_v2_op(images, boxes, colors, name=name)


@export(v1=("image.draw_bounding_boxes",))
def draw_bounding_boxes_v1(
    images: Any, boxes: Any, name: str | None = None, colors: Any = None
) -> Any:
    """`tf.image.draw_bounding_boxes` with its TF 1 parameters."""
    return draw_bounding_boxes(images, boxes, colors, name)
