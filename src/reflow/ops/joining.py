"""Tensors put together and taken apart: concatenate, stack, split."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32
from reflow.lang.export import export
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import Dimension
from reflow.lang.static_value import constant_value, static_int
from reflow.ops import array
from reflow.ops.array import brackets
from reflow.ops.constant import identity
from reflow.ops.define import op

# Concatenating ------------------------------------------------------------------------------------


def _concat(xp: Any, axis: Any, values: Sequence[Any]) -> Any:
    at = int(axis.reshape(-1)[0])
    rank = len(values[0].shape)
    if not -rank <= at < rank:
        raise ValueError(f"ConcatOp : Expected concatenating dimensions in the range "
                         f"[{-rank}, {rank}), but got {at}")  # fmt: skip
    first = values[0].shape
    for i, value in enumerate(values):
        if len(value.shape) != rank:
            raise ValueError(
                f"ConcatOp : Ranks of all input tensors should match: shape[0] = "
                f"{brackets(first)} vs. shape[{i}] = {brackets(value.shape)}"
            )
        for d in range(rank):
            if d != at % rank and value.shape[d] != first[d]:
                raise ValueError(
                    f"ConcatOp : Dimension {d} in both shapes must be equal: shape[0] = "
                    f"{brackets(first)} vs. shape[{i}] = {brackets(value.shape)}"
                )
    return xp.concatenate(values, at)


def _concat_shape(axis: Any, values: Sequence[Any]) -> Any:
    known = [v._shape._dims for v in values]
    ranked = [dims for dims in known if dims is not None]
    if not ranked:
        return shapes.UNKNOWN
    rank = len(ranked[0])
    if not rank:
        raise ValueError(
            "Can't concatenate scalars (use tf.stack instead): Shape must be at least rank 1 but is "
            "rank 0"
        )
    at = static_int(axis)
    if at is None:
        return shapes.unknown_shape(rank)
    if not -rank <= at < rank:
        raise ValueError(
            f"Concat axis {at} is out of range: it must be in [{-rank}, {rank}) for inputs of rank "
            f"{rank}"
        )
    at %= rank
    result = list(ranked[0])
    length: int | None = 0
    for dims in known:
        if dims is None:
            length = None
            continue
        if len(dims) != rank:
            raise ValueError(
                f"Shape must be rank {rank} but is rank {len(dims)}: inputs of a concatenation "
                "have the same rank"
            )
        for i, d in enumerate(dims):
            if i == at:
                length = None if d is None or length is None else length + d
            elif result[i] is None:
                result[i] = d
            elif d is not None and d != result[i]:
                raise ValueError(
                    f"Dimension {i} in both shapes must be equal, but are {result[i]} and {d}. "
                    f"Shapes are {brackets(ranked[0])} and {brackets(dims)}."
                )
    result[at] = length
    return shapes.of(tuple(result))


@op(
    "ConcatV2(values: N*T, axis: Tidx, *, Tidx: {int32,int64} = int32) -> output: T",
    shape=lambda values, axis: _concat_shape(axis, values),
    static=["axis"],
    partial=("values",),
)
def concat_op(xp, values, axis):
    """Tensors one after the other along an axis."""
    return _concat(xp, axis, values)


@concat_op.gradient_rule
def _concat_grad(g, values, axis):
    return _concat_grads(g, values, axis), None


@op(
    "Concat(concat_dim: int32, values: N*T) -> output: T",
    shape=_concat_shape,
    static=["concat_dim"],
    partial=("values",),
)
def concat_v1_op(xp, concat_dim, values):
    """`ConcatV2` with the axis first."""
    return _concat(xp, concat_dim, values)


@concat_v1_op.gradient_rule
def _concat_v1_grad(g, concat_dim, values):
    return None, _concat_grads(g, values, concat_dim)


def _concat_grads(g: Any, values: list[Any], axis: Any) -> list[Any]:
    if len(values) == 1:
        return [g]
    at = static_int(axis)
    rank = next((v.shape.rank for v in values if v.shape.rank is not None), None)
    if at is not None and rank is not None:
        at %= rank
    if isinstance(g, IndexedSlices):
        if at is not None and rank is not None and at > 0:
            return _sparse_parts(g, values, at)
        g = convert_to_tensor(g)
    if at is not None:
        sizes = [v.shape.sizes[at] if v.shape.sizes is not None else None for v in values]
        if None not in sizes:
            if len(set(sizes)) == 1:
                return split_op(at, g, num_split=len(values))
            return split_v_op(g, np.array(sizes, np.int32), at, num_split=len(values))
        lengths = [
            size if size is not None else array.shape_op(v)[at] for size, v in zip(sizes, values)
        ]
    else:
        axis = REGISTRY["Cast"](axis, DstT=int32)
        axis = REGISTRY["FloorMod"](axis, array.rank(values[0]))
        lengths = [REGISTRY["GatherV2"](array.shape_op(v), axis, 0) for v in values]
    return split_v_op(g, pack_op(lengths), axis if at is None else at, num_split=len(values))


def _sparse_parts(g: IndexedSlices, values: list[Any], at: int) -> list[IndexedSlices]:
    """The slices of each part, where parts lie next to each other along another axis than the rows."""
    parts = []
    start: Any = 0
    for v in values:
        size = v.shape.sizes[at] if v.shape.sizes is not None else None
        end = start + (size if size is not None else array.shape_op(v)[at])
        index = (slice(None),) * at + (slice(start, end),)
        parts.append(IndexedSlices(g.values[index], g.indices, array.shape(v)))
        start = end
    return parts


@export("concat")
def concat(values: Any, axis: Any, name: str = "concat") -> Any:
    """The tensors `values` one after the other along the dimension `axis`.

    Args:
      values: a list of tensors of one dtype, with equal sizes in all dimensions but `axis`.
      axis: the dimension, an integer scalar; negative ones count from the end.

    Raises:
      ValueError: if the static shapes do not fit.
      InvalidArgumentError: if the shapes do not fit.

    >>> import reflow as tf
    >>> tf.concat([[[1, 2]], [[3, 4]]], 0).numpy().tolist()
    [[1, 2], [3, 4]]
    """
    if not isinstance(values, (list, tuple)):
        values = [values]
    if len(values) == 1:
        with name_scope(name):
            shape = convert_to_tensor(axis, int32, name="concat_dim").shape
            if shape.rank not in (None, 0):
                raise ValueError(
                    f"{errors.user_site()}: concat axis must be a scalar, got shape {shape}: "
                    "tf.concat(values, axis)"
                )
            return identity(values[0], name=name)
    return concat_op(values, axis, name=name)


@op(
    "ConcatOffset(concat_dim: int32, shape: N*shape_type, *, shape_type: {int32,int64} = int32)"
    " -> offset: N*shape_type",
    static=["concat_dim"],
    grad=None,
)
def concat_offset_op(xp, concat_dim, shape):
    """Where each part starts within the concatenation of tensors of these shapes."""
    rank = shape[0].shape[0]
    at = int(concat_dim)
    if not -rank <= at < rank:
        raise ValueError(f"Concat dim is out of range: {at} vs. {rank}")
    at %= rank
    result = []
    start = shape[0][at] * 0
    for each in shape:
        if each.shape != (rank,):
            raise ValueError(f"input {len(result)} should contain {rank} elements")
        result.append(xp.at_set(xp.zeros_like(each), at, start))
        start = start + each[at]
    return result


@concat_offset_op.shape_rule
def _concat_offset_shape(concat_dim, shape):
    return [s.shape.with_rank(1) for s in shape]


# Stacking -----------------------------------------------------------------------------------------


@op("Pack(values: N*T, *, axis: int = 0) -> output: T", partial=True)
def pack_op(xp, values, *, axis):
    """Tensors of one shape side by side, along a new axis."""
    return xp.stack(values, axis)


@pack_op.shape_rule
def _pack_shape(values, *, axis):
    dims = values[0]._shape._dims
    for each in values[1:]:
        other = each._shape._dims
        if other != dims and other is not None:
            if dims is None:
                dims = other
            elif len(dims) != len(other):
                raise ValueError(
                    f"Shapes must be equal rank, but are {len(dims)} and {len(other)}: all inputs "
                    "of a stack have the same shape"
                )
            else:
                dims = tuple([_same_size(a, b, dims, other) for a, b in zip(dims, other)])
    if dims is None:
        return shapes.UNKNOWN
    rank = len(dims)
    if not -rank - 1 <= axis <= rank:
        raise ValueError(f"axis = {axis} not in [{-rank - 1}, {rank + 1})")
    at = axis if axis >= 0 else axis + rank + 1
    return shapes.of((*dims[:at], len(values), *dims[at:]))


def _same_size(a: Any, b: Any, first: Any, second: Any) -> Any:
    if a is not None and b is not None and a != b:
        raise ValueError(
            f"Dimension in both shapes must be equal, but are {a} and {b}. Shapes are "
            f"{brackets(first)} and {brackets(second)}."
        )
    return b if a is None else a


@pack_op.gradient_rule
def _pack_grad(g, values, *, axis):
    return unpack_op(g, num=len(values), axis=axis)


@export("stack")
def stack(values: Any, axis: int = 0, name: str = "stack") -> Any:
    """The tensors `values` side by side, along a new dimension.

    Args:
      values: a list of tensors of one shape and dtype.
      axis: where the new dimension goes; negative ones count from the end of the result.

    Raises:
      ValueError: if `axis` is out of range, or the static shapes differ.

    >>> import reflow as tf
    >>> tf.stack([[1, 2], [3, 4]], axis=1).numpy().tolist()
    [[1, 3], [2, 4]]
    """
    if axis == 0:
        try:
            return convert_to_tensor(values, name=name)
        except (TypeError, ValueError, NotImplementedError):
            pass  # elements that only the op's own conversion brings together
    if not isinstance(values, (list, tuple)):
        values = list(values)
    rank = convert_to_tensor(values[0], name=name).shape.rank
    if rank is not None and not -rank - 1 <= axis <= rank:
        raise ValueError(
            f"{errors.user_site()}: Argument `axis` = {axis} not in range [{-rank - 1}, {rank + 1})"
        )
    return pack_op(values, axis=axis, name=name)


@op(
    "Unpack(value: T, *, num: int, T: type, axis: int = 0) -> output: num*T",
    partial=True,
    view=True,
)
def unpack_op(xp, value, *, num, axis):
    """The slices of a tensor along an axis."""
    rank = len(value.shape)
    if not -rank <= axis < rank:
        raise ValueError(f"axis = {axis} not in [{-rank}, {rank})")
    if value.shape[axis] != num:
        raise ValueError(
            f"Input shape axis {axis % rank} must equal {num}, got shape {brackets(value.shape)}"
        )
    axis %= rank
    if not xp.is_numpy:
        return [xp.lax.index_in_dim(value, i, axis, keepdims=False) for i in range(num)]
    before = (slice(None),) * axis
    return [value[(*before, i, ...)] for i in range(num)]


@unpack_op.shape_rule
def _unpack_shape(value, *, num, axis):
    dims = value._shape._dims
    if dims is None:
        return [shapes.UNKNOWN] * num
    rank = len(dims)
    if not -rank <= axis < rank:
        raise ValueError(f"axis = {axis} not in [{-rank}, {rank})")
    if dims[axis] not in (None, num):
        raise ValueError(f"Dimension must be {num} but is {dims[axis]} (num of an unstack)")
    at = axis % rank
    return [shapes.of((*dims[:at], *dims[at + 1 :]))] * num


@unpack_op.gradient_rule
def _unpack_grad(gs, *, axis):
    return pack_op(gs, axis=axis)


@export("unstack")
def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Any]:
    """The slices of `value` along a dimension, which they lose.

    Args:
      value: a tensor.
      num: the size of the dimension, where the static shape does not say.
      axis: the dimension.

    Raises:
      ValueError: if `axis` is out of range, or `num` is not given and cannot be inferred.

    >>> import reflow as tf
    >>> [t.numpy().tolist() for t in tf.unstack([[1, 2], [3, 4]], axis=1)]
    [[1, 3], [2, 4]]
    """
    if num is None:
        value = convert_to_tensor(value)
        sizes = value.shape.sizes
        if sizes is not None:
            if not -len(sizes) <= axis < len(sizes):
                raise ValueError(
                    f"{errors.user_site()}: Argument `axis` = {axis} not in range "
                    f"[{-len(sizes)}, {len(sizes)})"
                )
            num = sizes[axis]
        if num is None:
            raise ValueError(
                f"{errors.user_site()}: Cannot infer argument `num` from shape {value.shape}"
            )
    return unpack_op(value, num=num, axis=axis, name=name)


@op("ParallelConcat(values: N*T, *, shape: shape) -> output: T", grad=None)
def parallel_concat_op(xp, values):
    """Tensors with a first dimension of size 1, one after the other."""
    for value in values:
        if value.shape[:1] != (1,):
            raise ValueError(
                f"ParallelConcat: the first dimension of {brackets(value.shape)} must be 1"
            )
    return xp.concatenate(values, 0)


@parallel_concat_op.shape_rule
def _parallel_concat_shape(values, *, shape):
    if not shape.is_fully_defined():
        raise ValueError("All shapes must be fully defined.")
    for value in values:
        if not value.shape.is_compatible_with([1, *shape.as_list()[1:]]):
            raise ValueError(
                f"All input shapes must match: {value.shape} does not fit into {shape}"
            )
    return shape


@export("parallel_stack")
def parallel_stack(values: Any, name: str = "parallel_stack") -> Any:
    """The tensors `values` side by side, along a new first dimension, each copied as it is ready.

    Args:
      values: a list of tensors of one dtype and one fully known shape.

    Raises:
      RuntimeError: when executing eagerly.
      ValueError: if the shape is not known.
    """
    if current_graph() is None:
        raise RuntimeError("tf.parallel_stack() is not compatible with eager execution.")
    with name_scope(name):
        first = convert_to_tensor(values[0])
        shape = shapes.TensorShape([len(values)]).concatenate(first.shape)
        values = [array.expand_dims_op(value, 0) for value in values]
        return parallel_concat_op(values, shape=shape)


# Splitting ----------------------------------------------------------------------------------------


def _parts(xp: Any, value: Any, axis: int, sizes: Sequence[int]) -> list[Any]:
    before = (slice(None),) * axis
    result = []
    start = 0
    for size in sizes:
        end = start + size
        if xp.is_numpy:
            result.append(value[(*before, slice(start, end))])
        else:
            result.append(xp.lax.slice_in_dim(value, start, end, axis=axis))
        start = end
    return result


def _split_axis(split_dim: Any, rank: int) -> int:
    at = int(split_dim)
    if not -rank <= at < rank:
        raise ValueError(f"-input rank(-{rank}) <= split_dim < input rank ({rank}), but got {at}")
    return at % rank


@op(
    "Split(split_dim: int32, value: T, *, num_split: int) -> output: num_split*T",
    static=["split_dim"],
    partial=("value",),
    view=True,
)
def split_op(xp, split_dim, value, *, num_split):
    """A tensor in parts of equal size along an axis."""
    at = _split_axis(split_dim, len(value.shape))
    size, rest = divmod(value.shape[at], num_split)
    if rest:
        raise ValueError(
            f"Number of ways to split should evenly divide the split dimension, but got split_dim "
            f"{at} (size = {value.shape[at]}) and num_split {num_split}"
        )
    return _parts(xp, value, at, [size] * num_split)


@split_op.shape_rule
def _split_shape(split_dim, value, *, num_split):
    dims = value._shape._dims
    if dims is None:
        return [shapes.UNKNOWN] * num_split
    axis = static_int(split_dim)
    if axis is None:
        return [shapes.unknown_shape(len(dims))] * num_split
    at = _split_axis(axis, len(dims))
    size = dims[at]
    if size is not None and size % num_split:
        raise ValueError(
            f"Dimension size must be evenly divisible by {num_split} but is {size}: the number of "
            "ways to split should evenly divide the split dimension"
        )
    part = None if size is None else size // num_split
    return [shapes.of((*dims[:at], part, *dims[at + 1 :]))] * num_split


@split_op.gradient_rule
def _split_grad(gs, split_dim):
    return None, concat_op(gs, split_dim)


@op(
    "SplitV(value: T, size_splits: Tlen, split_dim: int32, *, num_split: int,"
    " Tlen: {int8,int32,int64} = int64) -> output: num_split*T",
    static=["size_splits", "split_dim"],
    partial=("value",),
    view=True,
)
def split_v_op(xp, value, size_splits, split_dim, *, num_split):
    """A tensor in parts of given sizes along an axis."""
    at = _split_axis(split_dim, len(value.shape))
    return _parts(xp, value, at, _split_sizes(size_splits.tolist(), value.shape[at], num_split))


def _split_sizes(sizes: list[int], total: int, count: int) -> list[int]:
    if len(sizes) != count:
        raise ValueError(f"size_splits has {len(sizes)} elements, but num_split is {count}")
    if sizes.count(-1) > 1:
        raise ValueError("There can only be one -1 in the input.")
    for i, size in enumerate(sizes):
        if size < -1:
            raise ValueError(f"Split size at index {i} must be >= 0. Got: {size}")
    known = sum(size for size in sizes if size != -1)
    if known > total or -1 not in sizes and known != total:
        raise ValueError(
            f"Determined shape must either match input shape along split_dim exactly if fully "
            f"specified, or be less than the size of the input along split_dim if not fully "
            f"specified.  Got: {known}"
        )
    return [total - known if size == -1 else size for size in sizes]


@split_v_op.shape_rule
def _split_v_shape(value, size_splits, split_dim, *, num_split):
    dims = value._shape._dims
    if dims is None:
        return [shapes.UNKNOWN] * num_split
    axis = static_int(split_dim)
    if axis is None:
        return [shapes.unknown_shape(len(dims))] * num_split
    at = _split_axis(axis, len(dims))
    known = constant_value(size_splits, partial=True)
    parts: list[Any] = [None] * num_split if known is None else known.tolist()
    if known is not None and None not in parts and dims[at] is not None:
        parts = _split_sizes(parts, dims[at], num_split)
    else:
        parts = [None if size == -1 else size for size in parts]
    return [shapes.of((*dims[:at], size, *dims[at + 1 :])) for size in parts]


@split_v_op.gradient_rule
def _split_v_grad(gs, split_dim):
    return concat_op(gs, split_dim), None, None


@export("split")
def split(
    value: Any,
    num_or_size_splits: Any,
    axis: Any = 0,
    num: int | None = None,
    name: str = "split",
) -> list[Any]:
    """`value` in parts along the dimension `axis`.

    Args:
      value: a tensor.
      num_or_size_splits: the number of parts, all of one size; or an integer vector with the sizes of
        the parts, one of which may be -1: what is left.
      axis: the dimension.
      num: the number of parts, where the static shape of the sizes does not say.

    Raises:
      ValueError: if the number of parts does not divide the dimension, or cannot be inferred.
      InvalidArgumentError: if the sizes do not add up to the dimension.

    >>> import reflow as tf
    >>> [t.numpy().tolist() for t in tf.split([1, 2, 3, 4], [1, 3])]
    [[1], [2, 3, 4]]
    """
    if isinstance(num_or_size_splits, (numbers.Integral, Dimension)):
        return split_op(axis, value, num_split=int(num_or_size_splits), name=name)
    sizes = convert_to_tensor(num_or_size_splits)
    known = sizes.shape.sizes
    if known == ():
        raise ValueError(
            f"{errors.user_site()}: Rank-0 tensors are not supported as the "
            f"num_or_size_splits argument to split. Argument provided: {num_or_size_splits}"
        )
    if num is None and known is not None:
        num = known[0]
    if num is None:
        raise ValueError(
            f"{errors.user_site()}: Cannot infer argument `num` from shape {num_or_size_splits}"
        )
    return split_v_op(value, sizes, axis, num_split=num, name=name)
