"""Blocks of images moved between the spatial dimensions, the batch and the channels; patches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.ops import array, filling, joining
from reflow.ops.array import renamed
from reflow.ops.define import op
from reflow.ops.padding import padded

# Space and batch ----------------------------------------------------------------------------------


def _check_blocks(rank: int, block: Sequence[int], margins: Any, what: str) -> None:
    if np.shape(margins) != (len(block), 2):
        raise ValueError(f"{what} should have shape [{len(block)}, 2] instead of "
                         f"{list(np.shape(margins))}")  # fmt: skip
    if rank < 1 + len(block):
        raise ValueError(f"input rank should be >= {1 + len(block)} instead of {rank}")
    for i, size in enumerate(block):
        if size < 1:
            raise ValueError(f"All values in block_shape must be positive, got value, {size} at "
                             f"index {i}.")  # fmt: skip
    if np.min(margins, initial=0) < 0:
        raise ValueError(f"{what} must be non-negative: {np.asarray(margins).tolist()}")


def _space_to_batch(xp: Any, x: Any, block: Sequence[int], paddings: Any) -> Any:
    n = len(block)
    _check_blocks(len(x.shape), block, paddings, "paddings")
    x = padded(xp, x, [(0, 0), *paddings, *[(0, 0)] * (len(x.shape) - n - 1)])
    batch, space, rest = x.shape[0], x.shape[1 : n + 1], x.shape[n + 1 :]
    split: list[int] = [batch]
    for i, (size, b) in enumerate(zip(space, block)):
        if size % b:
            raise ValueError(f"padded_shape[{i}]={size} is not divisible by block_shape[{i}]={b}")
        split += [size // b, b]
    x = x.reshape([*split, *rest])
    inner, outer = range(2, 2 * n + 1, 2), range(1, 2 * n + 1, 2)
    x = x.transpose([*inner, 0, *outer, *range(2 * n + 1, len(x.shape))])
    return x.reshape([math.prod(block) * batch, *(s // b for s, b in zip(space, block)), *rest])


def _batch_to_space(xp: Any, x: Any, block: Sequence[int], crops: Any) -> Any:
    n = len(block)
    _check_blocks(len(x.shape), block, crops, "crops")
    batch, space, rest = x.shape[0], x.shape[1 : n + 1], x.shape[n + 1 :]
    count = math.prod(block)
    if batch % count:
        raise ValueError(
            f"Input batch dimension ({batch}) is not divisible by product of block sizes ({count})"
        )
    x = x.reshape([*block, batch // count, *space, *rest])
    order = [n]
    for i in range(n):
        order += [n + 1 + i, i]
    x = x.transpose([*order, *range(2 * n + 1, len(x.shape))])
    x = x.reshape([batch // count, *(s * b for s, b in zip(space, block)), *rest])
    index: list[slice] = [slice(None)]
    for i, (before, after) in enumerate(crops):
        size = x.shape[i + 1]
        if before + after > size:
            raise ValueError(
                f"cropped_shape[{i}]={size - before - after} must be non-negative: crops "
                f"{before}, {after} of {size}"
            )
        index.append(slice(before, size - after))
    return x[tuple(index)]


def _space_to_batch_shape(dims: Any, block: Any, paddings: Any) -> Any:
    _check_known(len(dims), block, paddings, "paddings")
    count = None if None in block else math.prod(block)
    sizes = [None if dims[0] is None or count is None else dims[0] * count]
    for i, (d, b, margin) in enumerate(zip(dims[1:], block, paddings)):
        whole = None if d is None or margin is None or b is None else d + sum(margin)
        if whole is not None and whole % b:
            raise ValueError(
                f"Dimension size must be evenly divisible by {b} but is {whole}: "
                f"padded_shape[{i}]={whole} is not divisible by block_shape[{i}]={b}"
            )
        sizes.append(None if whole is None else whole // b)
    return shapes.of((*sizes, *dims[len(sizes) :]))


def _check_known(rank: int, block: Any, margins: Any, what: str) -> None:
    known = [1 if size is None else size for size in block]
    _check_blocks(rank, known, [(0, 0) if pair is None else pair for pair in margins], what)


def _batch_to_space_shape(dims: Any, block: Any, crops: Any) -> Any:
    _check_known(len(dims), block, crops, "crops")
    count = None if None in block else math.prod(block)
    if dims[0] is not None and count is not None and dims[0] % count:
        raise ValueError(
            f"Dimension size must be evenly divisible by {count} but is {dims[0]}: the batch is "
            "not divisible by the product of block sizes"
        )
    sizes = [None if dims[0] is None or count is None else dims[0] // count]
    for i, (d, b, margin) in enumerate(zip(dims[1:], block, crops)):
        left = None if d is None or margin is None or b is None else d * b - sum(margin)
        if left is not None and left < 0:
            raise ValueError(f"cropped_shape[{i}]={left} must be non-negative")
        sizes.append(left)
    return shapes.of((*sizes, *dims[len(sizes) :]))


def _known(tensor: Any, count: int) -> list[Any]:
    """The rows of a constant; None for each of `count` rows when it is not known."""
    value = constant_value(tensor)
    return [None] * count if value is None else value.tolist()


def _blocks_shape(rule: Any) -> Any:
    def shape(input, block_shape, margins):
        dims = input._shape._dims
        lengths = block_shape.shape.with_rank(1).merge_with(margins.shape.with_rank(2)[:1]).sizes
        if dims is None:
            return shapes.UNKNOWN
        if lengths[0] is None:
            return shapes.unknown_shape(len(dims))
        return rule(dims, _known(block_shape, lengths[0]), _known(margins, lengths[0]))

    return shape


@op(
    "SpaceToBatchND(input: T, block_shape: Tblock_shape, paddings: Tpaddings, *,"
    " Tblock_shape: {int32,int64} = int32, Tpaddings: {int32,int64} = int32) -> output: T",
    shape=_blocks_shape(_space_to_batch_shape),
    static=["block_shape", "paddings"],
)
def space_to_batch_nd_op(xp, input, block_shape, paddings):
    """Blocks of the spatial dimensions moved into the batch dimension."""
    return _space_to_batch(xp, input, block_shape.tolist(), paddings.tolist())


@space_to_batch_nd_op.gradient_rule
def _space_to_batch_nd_grad(g, block_shape, paddings):
    return batch_to_space_nd_op(g, block_shape, paddings), None, None


@op(
    "BatchToSpaceND(input: T, block_shape: Tblock_shape, crops: Tcrops, *,"
    " Tblock_shape: {int32,int64} = int32, Tcrops: {int32,int64} = int32) -> output: T",
    shape=_blocks_shape(_batch_to_space_shape),
    static=["block_shape", "crops"],
)
def batch_to_space_nd_op(xp, input, block_shape, crops):
    """Blocks moved from the batch dimension back into the spatial dimensions."""
    return _batch_to_space(xp, input, block_shape.tolist(), crops.tolist())


@batch_to_space_nd_op.gradient_rule
def _batch_to_space_nd_grad(g, block_shape, crops):
    return space_to_batch_nd_op(g, block_shape, crops), None, None


def _image_blocks_shape(rule: Any) -> Any:
    def shape(input, margins, *, block_size):
        dims = input.shape.with_rank(4).sizes
        return rule(dims, [block_size, block_size], _known(margins, 2))

    return shape


@op(
    "SpaceToBatch(input: T, paddings: Tpaddings, *, Tpaddings: {int32,int64} = int32,"
    " block_size: int) -> output: T",
    shape=_image_blocks_shape(_space_to_batch_shape),
    static=["paddings"],
)
def space_to_batch_op(xp, input, paddings, *, block_size):
    """Square blocks of images moved into the batch dimension."""
    return _space_to_batch(xp, input, [block_size, block_size], paddings.tolist())


@space_to_batch_op.gradient_rule
def _space_to_batch_grad(g, paddings, *, block_size):
    return batch_to_space_op(g, paddings, block_size=block_size), None


@op(
    "BatchToSpace(input: T, crops: Tidx, *, block_size: int, Tidx: {int32,int64} = int32)"
    " -> output: T",
    shape=_image_blocks_shape(_batch_to_space_shape),
    static=["crops"],
)
def batch_to_space_op(xp, input, crops, *, block_size):
    """Square blocks moved from the batch dimension back into images."""
    return _batch_to_space(xp, input, [block_size, block_size], crops.tolist())


@batch_to_space_op.gradient_rule
def _batch_to_space_grad(g, crops, *, block_size):
    return space_to_batch_op(g, crops, block_size=block_size), None


@export("space_to_batch_nd", v1=("manip.space_to_batch_nd",))
def space_to_batch_nd(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Any:
    """Blocks of the spatial dimensions of `input`, moved into its batch dimension.

    Args:
      input: a tensor `[batch, d1, ..., dM, ...]`.
      block_shape: an integer vector of length M, the size of a block.
      paddings: an integer matrix `[M, 2]`: zeros to put before and after each spatial dimension.

    Raises:
      InvalidArgumentError: if the padded dimensions are no multiples of the block.

    >>> import reflow as tf
    >>> tf.space_to_batch_nd(tf.ones([1, 4, 4, 3]), [2, 2], [[0, 0], [0, 0]]).shape
    TensorShape([4, 2, 2, 3])
    """
    return space_to_batch_nd_op(input, block_shape, paddings, name=name)


@export(v2=("space_to_batch", "nn.space_to_batch"))
def space_to_batch(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Any:
    """Blocks of the spatial dimensions moved into the batch dimension: see `space_to_batch_nd`."""
    return space_to_batch_nd_op(input, block_shape, paddings, name=name)


@export(v1=("space_to_batch", "nn.space_to_batch"))
def space_to_batch_v1(
    input: Any,
    paddings: Any,
    block_size: int | None = None,
    name: str | None = None,
    block_shape: Any = None,
) -> Any:
    """Square blocks of images moved into the batch dimension.

    Args:
      input: a tensor `[batch, height, width, channels]`.
      paddings: an integer matrix `[2, 2]`: zeros before and after height and width.
      block_size: the side of a block.
      block_shape: another name of `block_size`.
    """
    side = renamed("block_shape", block_shape, "block_size", block_size)
    block = np.array([side, side], np.int64)
    result = space_to_batch_nd_op(input, block, paddings, name=name)
    result.set_shape(result.shape.with_rank(4))
    return result


@export(v1=("batch_to_space_nd", "manip.batch_to_space_nd"))
def batch_to_space_nd(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Any:
    """TF 1's name of `tf.batch_to_space`."""
    return batch_to_space_nd_op(input, block_shape, crops, name=name)


@export(v2=("batch_to_space",))
def batch_to_space(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Any:
    """Blocks moved from the batch dimension back into the spatial dimensions.

    Args:
      input: a tensor `[batch * prod(block_shape), d1, ..., dM, ...]`.
      block_shape: an integer vector of length M; an integer stands for `[n, n]`.
      crops: an integer matrix `[M, 2]`: what to remove from each spatial dimension of the result.

    Raises:
      InvalidArgumentError: if the batch is no multiple of the block's size.

    >>> import reflow as tf
    >>> tf.batch_to_space(tf.ones([4, 2, 2, 3]), [2, 2], [[0, 0], [0, 0]]).shape
    TensorShape([1, 4, 4, 3])
    """
    if isinstance(block_shape, int):
        block_shape = np.array([block_shape, block_shape], np.int64)
    return batch_to_space_nd_op(input, block_shape, crops, name=name)


@export(v1=("batch_to_space",))
def batch_to_space_v1(
    input: Any,
    crops: Any,
    block_size: int | None = None,
    name: str | None = None,
    block_shape: Any = None,
) -> Any:
    """Square blocks moved from the batch dimension back into images.

    Args:
      input: a tensor `[batch * block_size**2, height, width, channels]`.
      crops: an integer matrix `[2, 2]`: what to remove from height and width of the result.
      block_size: the side of a block.
      block_shape: another name of `block_size`.
    """
    side = renamed("block_shape", block_shape, "block_size", block_size)
    result = batch_to_space_nd_op(input, np.array([side, side], np.int64), crops, name=name)
    result.set_shape(result.shape.with_rank(4))
    return result


@export("required_space_to_batch_paddings")
def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: str | None = None
) -> tuple[Any, Any]:
    """The paddings that make a shape divisible by blocks, and the crops that undo them.

    Args:
      input_shape: an integer vector of length M, the spatial dimensions.
      block_shape: an integer vector of length M.
      base_paddings: an integer matrix `[M, 2]`, the least paddings; zeros by default.

    Returns:
      `(paddings, crops)`, integer matrices `[M, 2]`.

    >>> import reflow as tf
    >>> paddings, crops = tf.required_space_to_batch_paddings([5, 4], [2, 2])
    >>> paddings.numpy().tolist(), crops.numpy().tolist()
    ([[0, 1], [0, 0]], [[0, 1], [0, 0]])
    """
    with name_scope(name, "required_space_to_batch_paddings"):
        size = convert_to_tensor(input_shape, int32, name="input_shape")
        block = convert_to_tensor(block_shape, int32, name="block_shape")
        block.shape.assert_is_fully_defined()
        block.shape.assert_has_rank(1)
        count = block.shape.sizes[0]
        if not count:
            return filling.zeros([0, 2], int32), filling.zeros([0, 2], int32)
        size.shape.assert_is_compatible_with([count])
        if base_paddings is None:
            base = filling.zeros([count, 2], int32)
        else:
            base = convert_to_tensor(base_paddings, int32, name="base_paddings")
            base.shape.assert_is_compatible_with([count, 2])
        known = [constant_value(t) for t in (block, size, base)]
        if all(value is not None for value in known):
            block, size, base = known
        before, after = base[:, 0], base[:, 1]
        extra = (block - (size + before + after) % block) % block
        after = after + extra
        paddings = joining.stack([[before[i], after[i]] for i in range(count)], name="paddings")
        crops = joining.stack([[0, extra[i]] for i in range(count)], name="crops")
        return paddings, crops


# Space and depth ----------------------------------------------------------------------------------

_FORMATS = "data_format: string{NHWC,NCHW,NCHW_VECT_C} = 'NHWC'"


def _image(x: Any, data_format: str) -> tuple[Any, bool]:
    if data_format == "NCHW_VECT_C":
        raise errors.UnimplementedError(
            None, None, "data_format NCHW_VECT_C (quantized images) is not implemented in Reflow."
        )
    if len(x.shape) != 4:
        raise ValueError(f"Input rank should be 4 instead of {len(x.shape)}")
    return x, data_format == "NCHW"


def _depth_shape(to_depth: bool) -> Any:
    def shape(input, *, block_size, data_format):
        if data_format == "NCHW_VECT_C":
            return shapes.UNKNOWN
        sizes = input.shape.with_rank(4).sizes
        channels_first = data_format == "NCHW"
        n, h, w, c = (sizes[i] for i in ((0, 2, 3, 1) if channels_first else range(4)))
        b = block_size
        if to_depth:
            h, w = _divided(h, b), _divided(w, b)
            c = None if c is None else c * b * b
        else:
            h, w = (None if d is None else d * b for d in (h, w))
            c = _divided(c, b * b)
        return (n, c, h, w) if channels_first else (n, h, w, c)

    return shape


def _divided(size: int | None, by: int) -> int | None:
    if size is not None and size % by:
        raise ValueError(f"Dimension size must be evenly divisible by {by} but is {size}")
    return None if size is None else size // by


@op(
    f"SpaceToDepth(input: T, *, block_size: int, {_FORMATS}) -> output: T",
    shape=_depth_shape(True),
)
def space_to_depth_op(xp, input, *, block_size, data_format):
    """Square blocks of images moved into the channels."""
    x, channels_first = _image(input, data_format)
    b = block_size
    if channels_first:
        n, c, h, w = x.shape
        x = x.reshape(n, c, _divided(h, b), b, _divided(w, b), b).transpose(0, 3, 5, 1, 2, 4)
        return x.reshape(n, c * b * b, h // b, w // b)
    n, h, w, c = x.shape
    x = x.reshape(n, _divided(h, b), b, _divided(w, b), b, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h // b, w // b, b * b * c)


@space_to_depth_op.gradient_rule
def _space_to_depth_grad(g, *, block_size, data_format):
    return depth_to_space_op(g, block_size=block_size, data_format=data_format)


@op(
    f"DepthToSpace(input: T, *, block_size: int, {_FORMATS}) -> output: T",
    shape=_depth_shape(False),
)
def depth_to_space_op(xp, input, *, block_size, data_format):
    """Square blocks moved from the channels into the image."""
    x, channels_first = _image(input, data_format)
    b = block_size
    if channels_first:
        n, c, h, w = x.shape
        x = x.reshape(n, b, b, _divided(c, b * b), h, w).transpose(0, 3, 4, 1, 5, 2)
        return x.reshape(n, c // (b * b), h * b, w * b)
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, b, b, _divided(c, b * b)).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, h * b, w * b, c // (b * b))


@depth_to_space_op.gradient_rule
def _depth_to_space_grad(g, *, block_size, data_format):
    return space_to_depth_op(g, block_size=block_size, data_format=data_format)


@export(v2=("nn.space_to_depth",))
def space_to_depth(
    input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None
) -> Any:
    """Square blocks of images moved into the channels.

    Args:
      input: a tensor `[batch, height, width, channels]`.
      block_size: the side of a block.
      data_format: "NHWC", or "NCHW" with the channels in front.

    Raises:
      InvalidArgumentError: if the block does not divide height and width.

    >>> import reflow as tf
    >>> tf.nn.space_to_depth(tf.ones([1, 4, 4, 3]), 2).shape
    TensorShape([1, 2, 2, 12])
    """
    return space_to_depth_op(input, block_size=block_size, data_format=data_format, name=name)


@export(v1=("space_to_depth", "nn.space_to_depth"))
def space_to_depth_v1(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Any:
    """TF 1's `tf.space_to_depth`, with `name` before `data_format`."""
    return space_to_depth(input, block_size, data_format, name)


@export(v2=("nn.depth_to_space",))
def depth_to_space(
    input: Any, block_size: int, data_format: str = "NHWC", name: str | None = None
) -> Any:
    """Square blocks moved from the channels into the image.

    Args:
      input: a tensor `[batch, height, width, channels]`.
      block_size: the side of a block; its square divides the channels.
      data_format: "NHWC", or "NCHW" with the channels in front.

    Raises:
      InvalidArgumentError: if the channels are no multiple of the block.

    >>> import reflow as tf
    >>> tf.nn.depth_to_space(tf.ones([1, 2, 2, 12]), 2).shape
    TensorShape([1, 4, 4, 3])
    """
    return depth_to_space_op(input, block_size=block_size, data_format=data_format, name=name)


@export(v1=("depth_to_space", "nn.depth_to_space"))
def depth_to_space_v1(
    input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC"
) -> Any:
    """TF 1's `tf.depth_to_space`, with `name` before `data_format`."""
    return depth_to_space(input, block_size, data_format, name)


# Patches ------------------------------------------------------------------------------------------


def _window(size: int | None, kernel: int, stride: int, padding: str) -> tuple[Any, int, int]:
    """How many windows a dimension has, and the margins before and after it."""
    if size is None:
        return None, 0, 0
    if padding == "VALID":
        count = -(-(size - kernel + 1) // stride)
        if count < 0:
            raise ValueError(
                f"Computed output size would be negative: {count} [input_size: {size}, "
                f"effective_filter_size: {kernel}, stride: {stride}]"
            )
        return count, 0, 0
    count = -(-size // stride)
    margin = max((count - 1) * stride + kernel - size, 0)
    return count, margin // 2, margin - margin // 2


def _patches(xp: Any, x: Any, ksizes: Any, strides: Any, rates: Any, padding: str) -> Any:
    """Windows of the spatial dimensions laid out along the last one: `[batch, ..., k * channels]`."""
    margins = [(0, 0)]
    counts = []
    for size, k, s, r in zip(x.shape[1:-1], ksizes, strides, rates):
        count, before, after = _window(size, (k - 1) * r + 1, s, padding)
        counts.append(count)
        margins.append((before, after))
    x = padded(xp, x, [*margins, (0, 0)])
    parts = []
    for offset in np.ndindex(*ksizes):
        index = [slice(None)]
        for at, count, s, r in zip(offset, counts, strides, rates):
            index.append(slice(at * r, at * r + (count - 1) * s + 1 if count else at * r, s))
        parts.append(x[tuple(index)])
    return xp.concatenate(parts, -1)


def _patches_shape(dims: Any, ksizes: Any, strides: Any, rates: Any, padding: str) -> Any:
    counts = [
        _window(d, (k - 1) * r + 1, s, padding)[0]
        for d, k, s, r in zip(dims[1:-1], ksizes, strides, rates)
    ]
    depth = None if dims[-1] is None else dims[-1] * math.prod(ksizes)
    return shapes.of((dims[0], *counts, depth))


def _spatial(values: Any, what: str, rank: int) -> Any:
    if len(values) != rank:
        raise ValueError(f"{what} requires {rank} values, got {list(values)}")
    if values[0] != 1 or values[-1] != 1:
        raise ValueError(f"{what} must be 1 in the batch and depth dimensions, got {list(values)}")
    return values[1:-1]


def _patches_grad(patches: Any, g: Any, x: Any, space: int) -> Any:
    """The gradient of `patches`, a function of an image that takes windows of it.

    An image that holds the number of each place is taken apart the same way; its patches say where
    each element of the gradient belongs. Places in the margin have number 0, and go to nowhere.
    """
    unsorted_segment_sum = REGISTRY["UnsortedSegmentSum"]
    sizes = array.shape(x)
    places = REGISTRY["Prod"](sizes[1 : space + 1], 0)
    numbers = REGISTRY["Range"](1, places + 1, 1)
    plane = joining.concat([[1], sizes[1 : space + 1], [1]], 0)
    where = patches(array.reshape(numbers, plane))
    segment_ids = array.reshape(where, [-1]) - 1
    batch, depth = sizes[0], sizes[space + 1]
    taken = array.reshape(g, joining.stack([batch, -1, depth]))
    rows = array.transpose(taken, [1, 0, 2])
    summed = unsorted_segment_sum(rows, segment_ids, places)
    image = array.transpose(summed, [1, 0, 2])
    return array.like_input(image, x)


_PADDING = "padding: string{SAME,VALID}"
_PATCH_TYPES = (
    "T: {bfloat16,half,float,double,int8,int16,int32,int64,uint8,uint16,uint32,uint64,complex64,"
    "complex128,bool}"
)


@op(
    "ExtractImagePatches(images: T, *, ksizes: list(int), strides: list(int), rates: list(int),"
    f" {_PATCH_TYPES}, {_PADDING}) -> patches: T"
)
def extract_image_patches_op(xp, images, *, ksizes, strides, rates, padding):
    """The windows of images, each laid out along the channels."""
    args = [_spatial(v, n, 4) for v, n in ((ksizes, "ksizes"), (strides, "strides"))]
    return _patches(xp, images, *args, _spatial(rates, "rates", 4), padding)


@extract_image_patches_op.shape_rule
def _extract_image_patches_shape(images, *, ksizes, strides, rates, padding):
    dims = images.shape.with_rank(4).sizes
    args = [_spatial(v, n, 4) for v, n in ((ksizes, "ksizes"), (strides, "strides"))]
    return _patches_shape(dims, *args, _spatial(rates, "rates", 4), padding)


@extract_image_patches_op.gradient_rule
def _extract_image_patches_grad(g, images, *, ksizes, strides, rates, padding):
    def patches(x):
        return extract_image_patches_op(
            x, ksizes=ksizes, strides=strides, rates=rates, padding=padding
        )

    return _patches_grad(patches, g, images, 2)


@export("image.extract_patches")
def extract_patches(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None
) -> Any:
    """The windows of images, each laid out along the last dimension.

    Args:
      images: a tensor `[batch, height, width, channels]`.
      sizes: the size of a window, `[1, rows, columns, 1]`.
      strides: how far windows are apart, `[1, rows, columns, 1]`.
      rates: how far the pixels of a window are apart, `[1, rows, columns, 1]`.
      padding: "VALID", or "SAME" with zeros around the images.

    Raises:
      ValueError: if the sizes do not have that form.

    >>> import reflow as tf
    >>> tf.image.extract_patches(
    ...     tf.ones([1, 4, 4, 3]), [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID"
    ... ).shape
    TensorShape([1, 2, 2, 12])
    """
    return extract_image_patches_op(
        images, ksizes=sizes, strides=strides, rates=rates, padding=padding, name=name
    )


@export(v1=("extract_image_patches", "image.extract_image_patches"))
def extract_image_patches(
    images: Any,
    ksizes: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: str | None = None,
    name: str | None = None,
    sizes: Any = None,
) -> Any:
    """TF 1's `tf.image.extract_patches`; `ksizes` and `sizes` are the same."""
    return extract_image_patches_op(
        images,
        ksizes=renamed("sizes", sizes, "ksizes", ksizes),
        strides=strides,
        rates=rates,
        padding=padding,
        name=name,
    )


@op(
    "ExtractVolumePatches(input: T, *, ksizes: list(int), strides: list(int),"
    " T: {float,double,int32,uint8,int16,int8,int64,bfloat16,uint16,half,uint32,uint64},"
    f" {_PADDING}) -> patches: T"
)
def extract_volume_patches_op(xp, input, *, ksizes, strides, padding):
    """The windows of volumes, each laid out along the channels."""
    args = [_spatial(v, n, 5) for v, n in ((ksizes, "ksizes"), (strides, "strides"))]
    return _patches(xp, input, *args, (1, 1, 1), padding)


@extract_volume_patches_op.shape_rule
def _extract_volume_patches_shape(input, *, ksizes, strides, padding):
    dims = input.shape.with_rank(5).sizes
    args = [_spatial(v, n, 5) for v, n in ((ksizes, "ksizes"), (strides, "strides"))]
    return _patches_shape(dims, *args, (1, 1, 1), padding)


@extract_volume_patches_op.gradient_rule
def _extract_volume_patches_grad(g, input, *, ksizes, strides, padding):
    def patches(x):
        return extract_volume_patches_op(x, ksizes=ksizes, strides=strides, padding=padding)

    return _patches_grad(patches, g, input, 3)


@export("extract_volume_patches")
def extract_volume_patches(
    input: Any, ksizes: Any, strides: Any, padding: str, name: str | None = None
) -> Any:
    """The windows of volumes, each laid out along the last dimension.

    Args:
      input: a tensor `[batch, planes, rows, columns, channels]`.
      ksizes: the size of a window, `[1, planes, rows, columns, 1]`.
      strides: how far windows are apart, `[1, planes, rows, columns, 1]`.
      padding: "VALID", or "SAME" with zeros around the volumes.

    Raises:
      ValueError: if the sizes do not have that form.

    >>> import reflow as tf
    >>> tf.extract_volume_patches(
    ...     tf.ones([1, 2, 2, 2, 1]), [1, 2, 2, 2, 1], [1, 1, 1, 1, 1], "VALID"
    ... ).shape
    TensorShape([1, 1, 1, 1, 8])
    """
    return extract_volume_patches_op(
        input, ksizes=ksizes, strides=strides, padding=padding, name=name
    )
