"""Projective transformations of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.opdef import REGISTRY
from reflow.lang.static_value import constant_value
from reflow.ops.define import op

_DTYPES = "{uint8,int32,int64,half,bfloat16,float,double}"


def _transform_shape(images: Any, transforms: Any, output_shape: Any, *rest: Any) -> tuple:
    sizes = constant_value(output_shape)
    height, width = (None, None) if sizes is None else (int(n) for n in sizes)
    ends = (None, None) if images.shape.rank is None else (images.shape[0], images.shape[3])
    return ends[0], height, width, ends[1]


@op(
    f"ImageProjectiveTransformV3(images: dtype, transforms: float, output_shape: int32,"
    f" fill_value: float, *, dtype: {_DTYPES}, interpolation: string, fill_mode: string = 'CONSTANT')"
    " -> transformed_images: dtype",
    static=["output_shape"],
    shape=_transform_shape,
)
def image_projective_transform_v3_op(
    xp, images, transforms, output_shape, fill_value, *, interpolation, fill_mode
):
    """The pixel at (x, y) of a result is that of the image at ((a0 x + a1 y + a2) / k,
    (b0 x + b1 y + b2) / k), where k = c0 x + c1 y + 1 and a row of `transforms` is
    [a0, a1, a2, b0, b1, b2, c0, c1]; there is one row, or one for each image."""
    _check(images, transforms, interpolation, fill_mode)
    batch, height, width, _ = images.shape
    rows, columns = (int(n) for n in output_shape)
    x = xp.asarray(np.arange(columns, dtype=np.float32)[None, None, :])
    y = xp.asarray(np.arange(rows, dtype=np.float32)[None, :, None])
    a0, a1, a2, b0, b1, b2, c0, c1 = (transforms[:, i][:, None, None] for i in range(8))
    k = c0 * x + c1 * y + np.float32(1)
    there = k != 0
    k = xp.where(there, k, np.float32(1))
    in_x = _mapped(xp, (a0 * x + a1 * y + a2) / k, width, fill_mode)
    in_y = _mapped(xp, (b0 * x + b1 * y + b2) / k, height, fill_mode)
    shape = (batch, rows, columns)
    in_x, in_y, there = (xp.broadcast_to(each, shape) for each in (in_x, in_y, there))
    exact = np.float64 if images.dtype == np.float64 else np.float32
    fill = fill_value.astype(exact)

    def read(row: Any, column: Any) -> Any:
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        row = xp.clip(row, 0, max(height - 1, 0)).astype(np.int32)
        column = xp.clip(column, 0, max(width - 1, 0)).astype(np.int32)
        which = xp.asarray(np.arange(batch)[:, None, None])
        return xp.where(inside[..., None], images[which, row, column].astype(exact), fill)

    if interpolation.upper() == "NEAREST":
        result = read(_rounded(xp, in_y), _rounded(xp, in_x))
    else:
        left, top = xp.floor(in_x), xp.floor(in_y)
        right_part = (in_x - left)[..., None].astype(exact)
        left_part = (left + np.float32(1) - in_x)[..., None].astype(exact)
        upper = left_part * read(top, left) + right_part * read(top, left + 1)
        lower = left_part * read(top + 1, left) + right_part * read(top + 1, left + 1)
        low_part = (in_y - top)[..., None].astype(exact)
        high_part = (top + np.float32(1) - in_y)[..., None].astype(exact)
        result = high_part * upper + low_part * lower
    return xp.where(there[..., None], result, fill).astype(images.dtype)


def _check(images: Any, transforms: Any, interpolation: str, fill_mode: str) -> None:
    problem = ""
    if images.ndim != 4:
        problem = "input images must be 4-dimensional"
    elif transforms.shape not in ((1, 8), (images.shape[0], 8)):
        problem = "Input transform should be num_images x 8 or 1 x 8"
    elif interpolation.upper() not in ("NEAREST", "BILINEAR"):
        problem = f"Invalid interpolation {interpolation}. Supported types: NEAREST, BILINEAR"
    elif fill_mode.upper() not in ("CONSTANT", "REFLECT", "WRAP", "NEAREST"):
        problem = f"Invalid mode {fill_mode}. Supported types: REFLECT, WRAP, CONSTANT, NEAREST"
    if problem:
        raise errors.InvalidArgumentError(None, None, problem)


def _rounded(xp: Any, value: Any) -> Any:
    """To the nearest integer, halves away from zero."""
    half = np.float32(0.5)
    return xp.where(value >= 0, xp.floor(value + half), xp.ceil(value - half))


def _mapped(xp: Any, place: Any, size: int, mode: str) -> Any:
    """Coordinates beyond the image, brought into it as `mode` says."""
    mode, last = mode.upper(), np.float32(size - 1)
    if mode == "CONSTANT":
        return place
    if size > 1 and mode == "REFLECT":
        both = np.float32(2 * size)
        before = xp.where(place < both, both * xp.trunc(-place / both) + place, place)
        before = xp.where(before < -size, before + both, -before - 1)
        after = place - both * xp.trunc(place / both)
        after = xp.where(after >= size, both - after - 1, after)
        place = xp.where(place < 0, before, xp.where(place > last, after, place))
    elif size > 1 and mode == "WRAP":
        before = place + size * (xp.trunc(-place / last) + 1)
        after = place - size * xp.trunc(place / last)
        place = xp.where(place < 0, before, xp.where(place > last, after, place))
    return xp.clip(place, np.float32(0), max(last, np.float32(0))).astype(np.float32)


@image_projective_transform_v3_op.gradient_rule
def _transform_grad(g, images, transforms, *, interpolation, fill_mode):
    """The gradient goes back by the inverse transformation, as TensorFlow has it."""
    one = convert_to_tensor([0.0] * 8 + [1.0])
    matrices = REGISTRY["Reshape"](REGISTRY["Pad"](transforms, [[0, 0], [0, 1]]) + one, [-1, 3, 3])
    inverse = REGISTRY["Reshape"](REGISTRY["MatrixInverse"](matrices), [-1, 9])
    flat = (inverse / inverse[:, 8:])[:, :8]
    size = REGISTRY["Shape"](images)[1:3]
    back = image_projective_transform_v3_op(
        g, flat, size, 0.0, interpolation=interpolation, fill_mode=fill_mode
    )
    return back, None, None, None
