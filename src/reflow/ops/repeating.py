"""Values repeated and laid out: tile, repeat, grids, one-hot vectors, masks of lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import constant_node, convert_to_tensor
from reflow.lang.dtypes import as_dtype, float32, int32
from reflow.lang.dtypes import bool as bool_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value, partial_elements
from reflow.ops import array, joining
from reflow.ops.define import op
from reflow.ops.filling import broadcast_to, ones

# Repeating ----------------------------------------------------------------------------------------


@op(
    "Tile(input: T, multiples: Tmultiples, *, Tmultiples: {int32,int64} = int32) -> output: T",
    static=["multiples"],
    partial=("input",),
)
def tile_op(xp, input, multiples):
    """The input repeated along each dimension."""
    times = _multiples(multiples, len(input.shape))
    return xp.tile(input, times) if times else input


def _multiples(multiples: Any, rank: int) -> list[int]:
    if multiples.ndim != 1:
        raise ValueError(f"Expected multiples to be 1-D, but got shape {list(multiples.shape)}")
    times = multiples.tolist()
    _check_multiples(times, rank)
    return times


def _check_multiples(times: list[int], rank: int) -> None:
    if len(times) != rank:
        raise ValueError(
            f"Expected multiples argument to be a vector of length {rank} but got length "
            f"{len(times)}"
        )
    for i, each in enumerate(times):
        if each < 0:
            raise ValueError(f"Expected multiples[{i}] >= 0, but got {each}")


@tile_op.shape_rule
def _tile_shape(input, multiples):
    dims = input._shape._dims
    times = partial_elements(multiples)
    if dims is None:
        return shapes.unknown_shape(None if times is None else len(times))
    if times is None:
        times = [None] * len(dims)
    _check_multiples([1 if n is None else n for n in times], len(dims))
    return shapes.of(tuple([_times(d, n) for d, n in zip(dims, times)]))


def _times(size: int | None, n: int | None) -> int | None:
    if size == 0 or n == 0:
        return 0
    return None if size is None or n is None else size * n


@tile_op.gradient_rule
def _tile_grad(g, input, multiples):
    dims, times = input._shape._dims, constant_value(multiples)
    if dims is not None and times is not None:
        # A dimension of n times d becomes two, of sizes n and d, and the first is summed over.
        split: list[Any] = []
        axes = []
        for n, d in zip(times.tolist(), dims):
            if n != 1:
                axes.append(len(split))
                split.append(n)
            split.append(-1 if d is None else d)
        if not axes:
            return g
        if split.count(-1) <= 1 and 0 not in split:
            return REGISTRY["Sum"](array.reshape_op(g, split), np.array(axes, np.int32))
    sizes = array.shape_op(input, out_type=multiples.dtype)
    both = joining.pack_op([multiples, sizes], axis=1)
    split_shape = array.reshape_op(both, [-1])
    if dims is not None:
        even: Any = np.arange(0, 2 * len(dims), 2, dtype=np.int32)
    else:
        even = REGISTRY["Range"](0, array.size_op(split_shape), 2)
    return REGISTRY["Sum"](array.reshape_op(g, split_shape), even)


@export("tile", v1=("manip.tile",))
def tile(input: Any, multiples: Any, name: str | None = None) -> Any:
    """`input` repeated `multiples[i]` times along each dimension i.

    Args:
      input: a tensor.
      multiples: an integer vector with one element per dimension.

    Raises:
      InvalidArgumentError: if `multiples` has not one element per dimension, or a negative one.

    >>> import reflow as tf
    >>> tf.tile([[1, 2]], [2, 2]).numpy().tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    return tile_op(input, multiples, name=name)


@export("repeat")
def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Any:
    """`input` with its elements along `axis` repeated.

    Args:
      input: a tensor.
      repeats: an integer, or a vector with one per element along `axis`.
      axis: the dimension; by default `input` is flattened first.

    Raises:
      TypeError: if `axis` is no Python integer, or `repeats` are no integers.
      ValueError: if `axis` is out of range, or the length of `repeats` does not fit.

    >>> import reflow as tf
    >>> tf.repeat([3, 4], [2, 1]).numpy().tolist()
    [3, 3, 4]
    """
    if axis is None:
        input = array.reshape(input, [-1])
        axis = 0
    if not isinstance(axis, int):
        raise TypeError(
            f"{errors.user_site()}: Argument `axis` must be an int. Received "
            f"`axis` = {axis} of type {type(axis).__name__}"
        )
    with name_scope(name, "Repeat"):
        return _repeat(convert_to_tensor(input, name="data"), repeats, axis)


def _repeat(data: Any, repeats: Any, axis: int) -> Any:
    from reflow.ops.masking import boolean_mask

    cast = REGISTRY["Cast"]
    repeats = convert_to_tensor(repeats, name="repeats", preferred_dtype=int32)
    if not repeats.dtype.is_integer:
        raise TypeError(
            f"{errors.user_site()}: Argument `repeats` must be of type integer, got "
            f"{repeats.dtype.name}"
        )
    repeats = cast(repeats, DstT=int32)
    repeats.shape.with_rank_at_most(1)
    data = _at_least_vector(data)
    sizes = array.shape(data)
    axis = _positive_axis(axis, data.shape.rank)
    if repeats.shape.num_elements() == 1:
        times = array.reshape(repeats, [])
        tiled = _tile_one(array.expand_dims(data, axis + 1), axis + 1, times)
        result_shape = joining.concat(
            [sizes[:axis], [times * sizes[axis]], sizes[axis + 1 :]], axis=0
        )
        return array.reshape(tiled, result_shape)
    if repeats.shape.rank == 1 and data.shape.rank is not None:
        have, given = data.shape.sizes[axis], repeats.shape.sizes[0]
        if have is not None and given is not None and have != given:
            raise ValueError(f"Dimensions {have} and {given} are not compatible")
    repeats = broadcast_to(repeats, [sizes[axis]])
    every = repeats
    if repeats.shape.rank != axis + 1:
        lead = sizes[: axis + 1 - array.rank(repeats)]
        repeats = broadcast_to(repeats, joining.concat([lead, array.shape(repeats)], axis=0))
        if current_graph() is not None:
            repeats.set_shape([None] * (axis + 1))
    most = REGISTRY["Max"](repeats, _all_dimensions(repeats))
    most = REGISTRY["Maximum"](convert_to_tensor(0, most.dtype, name="zero"), most)
    mask = sequence_mask(repeats, most)
    tiled = _tile_one(array.expand_dims(data, axis + 1), axis + 1, most)
    result = boolean_mask(tiled, mask)
    if axis:
        total = REGISTRY["Sum"](every, REGISTRY["Range"](0, array.rank(every), 1))
        result_shape = joining.concat([sizes[:axis], [total], sizes[axis + 1 :]], axis=0)
        result = array.reshape(result, result_shape)
    if current_graph() is not None and data.shape.rank is not None:
        result.set_shape(data.shape[:axis].concatenate([None]).concatenate(data.shape[axis + 1 :]))
    return result


def _at_least_vector(data: Any) -> Any:
    known = data.shape.rank
    if known is not None:
        return data if known else joining.stack([data])
    sizes = joining.concat([[1], array.shape(data)], axis=0)
    return array.reshape(data, sizes[-array.rank(data) :])


def _positive_axis(axis: int, known: int | None) -> int:
    if known is None:
        if axis < 0:
            raise ValueError(f"axis={axis} may only be negative if rank(data) is statically known.")
        return axis
    if not -known <= axis < known:
        raise ValueError(f"axis={axis} out of bounds: expected {-known}<=axis<{known}")
    return axis % known


def _tile_one(data: Any, axis: int, times: Any) -> Any:
    known = data.shape.rank
    if known is not None:
        multiples: Any = [1] * known
        multiples[axis] = times
    else:
        each = ones(array.rank(data), int32)
        multiples = joining.concat([each[:axis], [times], each[axis + 1 :]], axis=0)
    return tile(data, multiples)


@export("meshgrid")
def meshgrid(*args: Any, **kwargs: Any) -> list[Any]:
    """The coordinates of a grid: for n vectors, n tensors of rank n.

    Args:
      *args: vectors.
      indexing: "xy" (the default): the first vector runs along the second dimension; or "ij".
      name: a name for the ops.

    Raises:
      TypeError: for other keyword arguments.
      ValueError: for another `indexing`.

    >>> import reflow as tf
    >>> [t.numpy().tolist() for t in tf.meshgrid([1, 2], [3, 4])]
    [[[1, 2], [1, 2]], [[3, 3], [4, 4]]]
    """
    indexing = kwargs.pop("indexing", "xy")
    name = kwargs.pop("name", "meshgrid")
    if kwargs:
        raise TypeError(f"'{next(iter(kwargs))}' is an invalid keyword argument for this function")
    if indexing not in ("xy", "ij"):
        raise ValueError(
            f"{errors.user_site()}: Argument `indexing` parameter must be either "
            f"'xy' or 'ij', got '{indexing}'"
        )
    with name_scope(name, "meshgrid"):
        rank = len(args)
        if not rank:
            return []
        result = []
        for i, x in enumerate(args):
            place = [1] * rank
            place[i] = -1
            result.append(array.reshape(joining.stack(x), place))
        sizes = [array.size(x) for x in args]
        dtype = convert_to_tensor(args[0]).dtype.base_dtype
        if indexing == "xy" and rank > 1:
            result[0] = array.reshape(result[0], [1, -1] + [1] * (rank - 2))
            result[1] = array.reshape(result[1], [-1, 1] + [1] * (rank - 2))
            sizes[0], sizes[1] = sizes[1], sizes[0]
        each = ones(sizes, dtype)
        return [x * each for x in result]


# One-hot vectors and masks ------------------------------------------------------------------------


@op(
    "OneHot(indices: TI, depth: int32, on_value: T, off_value: T, *, axis: int = -1,"
    " TI: {uint8,int8,int32,int64} = int64) -> output: T",
    static=["depth"],
    grad=None,
)
def one_hot_op(xp, indices, depth, on_value, off_value, *, axis):
    """`on_value` at the positions that the indices say along a new axis, else `off_value`."""
    count = _depth(depth)
    rank = len(indices.shape)
    at = _one_hot_axis(axis, rank)
    places = np.arange(count, dtype=np.int64).reshape([-1] + [1] * (rank - at))
    return xp.where(xp.expand_dims(indices, at) == places, on_value, off_value)


def _depth(depth: Any) -> int:
    if depth.size != 1 or depth.ndim:
        raise ValueError(f"depth must be a scalar, but got: {list(depth.shape)}")
    if depth < 0:
        raise ValueError(f"depth must be non-negative, got: {int(depth)}")
    return int(depth)


def _one_hot_axis(axis: int, rank: int) -> int:
    if not -1 <= axis <= rank:
        raise ValueError(f"Expected axis to be -1 or between [0, {rank + 1}). But received: {axis}")
    return rank if axis == -1 else axis


@one_hot_op.shape_rule
def _one_hot_shape(indices, depth, on_value, off_value, *, axis):
    dims = indices._shape._dims
    if axis < -1:
        raise ValueError(f"axis must be >= -1, got {axis}")
    if dims is None:
        return shapes.UNKNOWN
    known = constant_value(depth)
    at = _one_hot_axis(axis, len(dims))
    count = None if known is None else _depth(np.asarray(known))
    return shapes.of((*dims[:at], count, *dims[at:]))


@export("one_hot")
def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """One-hot vectors: `on_value` where the index along the new dimension is the one in `indices`.

    Args:
      indices: an integer tensor; an index outside of `[0, depth)` gives a vector of `off_value`.
      depth: the size of the new dimension.
      on_value, off_value: scalars, 1 and 0 by default.
      axis: where the new dimension goes, the last by default.
      dtype: the dtype of the result: that of the values, else float32.

    Raises:
      TypeError: if the values do not have `dtype`, or differ in their dtype.

    >>> import reflow as tf
    >>> tf.one_hot([0, 2], 3).numpy().tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    with name_scope(name, "one_hot") as scope:
        wanted = None if dtype is None else as_dtype(dtype).base_dtype
        if on_value is not None:
            on_value = convert_to_tensor(on_value, dtype_hint=dtype)
        if off_value is not None:
            off_value = convert_to_tensor(off_value, dtype_hint=dtype)
        for value, label in ((on_value, "on_value"), (off_value, "off_value")):
            if value is None:
                continue
            if dtype is not None and value.dtype.base_dtype is not as_dtype(dtype):
                raise TypeError(
                    f"{errors.user_site()}: dtype {value.dtype.base_dtype.name} of "
                    f"{label} does not match dtype parameter {as_dtype(dtype).name}"
                )
            if wanted is None:
                wanted = value.dtype.base_dtype
        wanted = wanted or float32
        if on_value is None:
            on_value = convert_to_tensor(1, wanted, name="on_value")
        if off_value is None:
            off_value = convert_to_tensor(0, wanted, name="off_value")
        if on_value.dtype.base_dtype is not off_value.dtype.base_dtype:
            raise TypeError(
                f"{errors.user_site()}: dtype {on_value.dtype.name} of on_value "
                f"does not match dtype {off_value.dtype.name} of off_value"
            )
        return one_hot_op(indices, depth, on_value, off_value, axis=axis, name=scope)


@export("sequence_mask")
def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = bool_dtype, name: str | None = None
) -> Any:
    """For each length n a mask whose first n elements are True.

    Args:
      lengths: an integer tensor.
      maxlen: the size of the new last dimension, a scalar; the largest length by default.
      dtype: the dtype of the result: 1 and 0 for other dtypes than `bool`.

    Raises:
      ValueError: if `maxlen` is no scalar.

    >>> import reflow as tf
    >>> tf.sequence_mask([1, 3], dtype=tf.int32).numpy().tolist()
    [[1, 0, 0], [1, 1, 1]]
    """
    with name_scope(name, "SequenceMask"):
        lengths = convert_to_tensor(lengths)
        if maxlen is None:
            maxlen = REGISTRY["Max"](lengths, _all_dimensions(lengths))
            zero = convert_to_tensor(0, maxlen.dtype, name="Const")
            maxlen = REGISTRY["Maximum"](zero, maxlen)
        else:
            maxlen = convert_to_tensor(maxlen)
        if maxlen.shape.rank not in (None, 0):
            raise ValueError(
                f"{errors.user_site()}: Argument `maxlen` must be scalar for "
                f"sequence_mask, received `maxlen` = {maxlen} with shape '{maxlen.shape}' instead"
            )
        zero = convert_to_tensor(0, maxlen.dtype, name="Const")
        one = convert_to_tensor(1, maxlen.dtype, name="Const")
        row = REGISTRY["Range"](zero, maxlen, one)
        column = REGISTRY["Cast"](array.expand_dims(lengths, -1), DstT=maxlen.dtype)
        result = REGISTRY["Less"](row, column)
        if dtype is None or as_dtype(dtype) is bool_dtype:
            return result
        return REGISTRY["Cast"](result, DstT=as_dtype(dtype))


def _all_dimensions(x: Any) -> Any:
    known = x.shape.rank
    if known is not None:
        return constant_node(np.arange(known, dtype=np.int32), int32, "Const")
    return REGISTRY["Range"](0, array.rank(x), 1)
