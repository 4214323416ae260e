"""Tensors of one value, and values repeated: fill, zeros, ones, broadcast, tile, one-hot, masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import constant_node, convert_to_tensor
from reflow.lang.dtypes import (
    NUMBER,
    DType,
    as_dtype,
    float32,
    int32,
    int64,
    string,
    variant,
)
from reflow.lang.dtypes import bool as bool_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value, constant_value_as_shape, partial_value
from reflow.lang.tensor import Tensor, is_tensor
from reflow.ops import array, joining, shape_rules
from reflow.ops.define import op

# One value ----------------------------------------------------------------------------------------


def _sizes(vector: Any, what: str = "dims") -> list[int]:
    sizes = vector.tolist()
    if not isinstance(sizes, list):
        raise ValueError(f"{what} must be a vector, got shape []")
    for i, size in enumerate(sizes):
        if size < 0:
            raise ValueError(f"{what}[{i}] = {size} must be nonnegative.")
    return sizes


@op(
    "Fill(dims: index_type, value: T, *, index_type: {int32,int64} = int32) -> output: T",
    static=["dims"],
    partial=("value",),
    view=True,
)
def fill_op(xp, dims, value):
    """A tensor with one value everywhere."""
    if value.shape:
        raise ValueError(f"value must be a scalar, got shape {list(value.shape)}")
    return xp.broadcast_to(value, _sizes(dims))


@fill_op.shape_rule
def _fill_shape(dims, value):
    if value._shape._dims:
        raise ValueError(f"Shape must be rank 0 but is rank {value.shape.rank} (value of Fill)")
    known = constant_value(dims)
    if known is not None:
        return shapes.of(tuple(_sizes(np.asarray(known))))
    return constant_value_as_shape(dims)


@fill_op.gradient_rule
def _fill_grad(g):
    return None, REGISTRY["Sum"](g, _all_axes(g))


def _all_axes(x: Any) -> Any:
    """The numbers of all dimensions: for a reduction to a scalar."""
    known = x.shape.rank
    if known is not None:
        return np.arange(known, dtype=np.int32)
    return REGISTRY["Range"](0, array.rank(x), 1)


@export("fill")
def fill(dims: Any, value: Any, name: str | None = None, layout: Any = None) -> Any:
    """A tensor of shape `dims` with `value` everywhere.

    Args:
      dims: an integer vector.
      value: a scalar.
      layout: must be None: a DTensor layout.

    Raises:
      InvalidArgumentError: if a dimension is negative.

    >>> import reflow as tf
    >>> tf.fill([2, 3], 9).numpy().tolist()
    [[9, 9, 9], [9, 9, 9]]
    """
    _no_layout(layout)
    return fill_op(dims, value, name=name)


def _no_layout(layout: Any) -> None:
    if layout is not None:
        raise errors.UnimplementedError(
            None, None, "layout= (tf.experimental.dtensor) is not implemented in Reflow."
        )


def _like(xp: Any, x: Any, value: int) -> Any:
    if hasattr(x, "zeros_like"):  # a list of tensors
        return x.zeros_like()
    if x.dtype == object:
        flat = np.empty(x.size, object)
        for i, each in enumerate(x.ravel().tolist()):
            flat[i] = b"" if isinstance(each, bytes) else each.zeros_like()
        return flat.reshape(x.shape)
    return xp.zeros_like(x) if value == 0 else xp.ones_like(x)


@op("ZerosLike(x: T) -> y: T", shape=shape_rules.same, grad=None)
def zeros_like_op(xp, x):
    """Zeros (empty strings) in the shape and dtype of the input."""
    return _like(xp, x, 0)


@op("OnesLike(x: T) -> y: T", shape=shape_rules.same, grad=None, T=NUMBER | {bool_dtype})
def ones_like_op(xp, x):
    """Ones in the shape and dtype of the input."""
    return _like(xp, x, 1)


_SMALL = 1000  # elements: below, zeros and ones are constants; above, they would bloat the graph


def _scalar(value: int, dtype: DType) -> np.ndarray:
    if dtype is string:
        result = np.empty((), object)
        result[()] = b""
        return result
    if dtype.np.names is not None:  # the quantized types hold their number in a field
        return np.array((value,), dtype.np)
    return np.array(value, dtype.np)


def _filled(shape: Any, dtype: Any, scope: str, value: int) -> Any:
    dtype = as_dtype(dtype).base_dtype
    if value and dtype is string:
        raise TypeError(f"{errors.where(errors.user_frame())}: there is no string for one")
    scalar = _scalar(value, dtype)
    if not isinstance(shape, Tensor):
        is_scalar = not isinstance(shape, (list, tuple, shapes.TensorShape)) and not np.ndim(shape)
        try:
            sizes = shapes.as_shape(np.atleast_1d(shape) if _is_array(shape) else shape).as_list()
        except (TypeError, ValueError):
            shape = convert_to_tensor(shape, int32)  # tensors among the dimensions
        else:
            if None in sizes:
                raise ValueError(
                    f"{errors.where(errors.user_frame())}: Cannot convert a partially known "
                    f"TensorShape {shapes.of(tuple(sizes))} to a Tensor."
                )
            count = int(np.prod(sizes, dtype=np.int64))
            if current_graph() is None or count < _SMALL and not is_scalar:
                return constant_node(_filled_array(sizes, scalar), dtype, scope)
            big = max(sizes) >= 2**31
            kind = int64 if big else int32
            shape = constant_node(np.array(sizes, kind.np), kind, "shape_as_tensor")
    if shape.shape.rank == 0:
        shape = array.reshape_op(shape, [-1])
    return fill_op(shape, constant_node(scalar, dtype, "Const"), name=scope)


def _is_array(shape: Any) -> bool:
    return isinstance(shape, (np.ndarray, np.generic))


def _filled_array(sizes: Any, scalar: np.ndarray) -> np.ndarray:
    if scalar.dtype == object:
        result = np.empty(sizes, object)
        result[...] = scalar[()]
        return result
    return np.full(sizes, scalar)


@export("zeros")
def zeros(shape: Any, dtype: Any = float32, name: str | None = None, layout: Any = None) -> Any:
    """A tensor of zeros (False, empty strings).

    Args:
      shape: a shape, a list of integers, or an integer vector.
      dtype: its dtype.
      layout: must be None: a DTensor layout.

    >>> import reflow as tf
    >>> tf.zeros([2, 2], tf.int32).numpy().tolist()
    [[0, 0], [0, 0]]
    """
    _no_layout(layout)
    with name_scope(name, "zeros") as scope:
        return _filled(shape, dtype, scope, 0)


@export("ones")
def ones(shape: Any, dtype: Any = float32, name: str | None = None, layout: Any = None) -> Any:
    """A tensor of ones (True).

    Args:
      shape: a shape, a list of integers, or an integer vector.
      dtype: its dtype, not a string.
      layout: must be None: a DTensor layout.

    >>> import reflow as tf
    >>> tf.ones([2, 2], tf.int32).numpy().tolist()
    [[1, 1], [1, 1]]
    """
    _no_layout(layout)
    with name_scope(name, "ones") as scope:
        return _filled(shape, dtype, scope, 1)


def _zeros_or_ones_like(tensor, dtype, name, optimize, value):
    label = "ones_like" if value else "zeros_like"
    with name_scope(name, label) as scope:
        if not is_tensor(tensor):
            tensor = convert_to_tensor(tensor, name="tensor")
        elif not isinstance(tensor, Tensor):
            tensor = convert_to_tensor(tensor)
        have = tensor.dtype.base_dtype
        dtype = have if dtype is None else as_dtype(dtype).base_dtype
        make = ones if value else zeros
        if current_graph() is not None and optimize and have is not variant:
            sizes = tensor._shape._dims
            if sizes is not None and None not in sizes:
                return make(tensor._shape, dtype, scope)
        if dtype is not have and dtype is not variant:
            sizes = array.shape_of(tensor) if optimize else array.shape_op(tensor)
            return make(sizes, dtype, scope)
        return (ones_like_op if value else zeros_like_op)(tensor, name=scope)


@export(v2=("zeros_like",))
def zeros_like(input: Any, dtype: Any = None, name: str | None = None, layout: Any = None) -> Any:
    """Zeros in the shape of `input`.

    Args:
      input: a tensor, or what converts to one.
      dtype: the dtype; that of `input` by default.
      layout: must be None: a DTensor layout.

    >>> import reflow as tf
    >>> tf.zeros_like([1, 2]).numpy().tolist()
    [0, 0]
    """
    _no_layout(layout)
    return _zeros_or_ones_like(input, dtype, name, True, 0)


@export(v1=("zeros_like",))
def zeros_like_v1(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Any:
    """TF 1's `tf.zeros_like`; with `optimize=False` the shape is always asked of the tensor."""
    return _zeros_or_ones_like(tensor, dtype, name, optimize, 0)


@export(v2=("ones_like",))
def ones_like(input: Any, dtype: Any = None, name: str | None = None, layout: Any = None) -> Any:
    """Ones in the shape of `input`.

    Args:
      input: a tensor, or what converts to one.
      dtype: the dtype; that of `input` by default.
      layout: must be None: a DTensor layout.

    >>> import reflow as tf
    >>> tf.ones_like([5, 6]).numpy().tolist()
    [1, 1]
    """
    _no_layout(layout)
    return _zeros_or_ones_like(input, dtype, name, True, 1)


@export(v1=("ones_like",))
def ones_like_v1(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Any:
    """TF 1's `tf.ones_like`; with `optimize=False` the shape is always asked of the tensor."""
    with name_scope(name, "ones_like") as scope:
        tensor = convert_to_tensor(tensor, name="tensor")
        sizes = array.shape_of(tensor) if optimize else array.shape_op(tensor)
        result = ones(sizes, tensor.dtype if dtype is None else dtype, scope)
        if current_graph() is not None:
            result.set_shape(tensor.shape)
        return result


# Broadcasting -------------------------------------------------------------------------------------


@op(
    "BroadcastTo(input: T, shape: Tidx, *, Tidx: {int32,int64} = int32) -> output: T",
    static=["shape"],
    partial=("input",),
    view=True,
)
def broadcast_to_op(xp, input, shape):
    """The input repeated to a larger shape."""
    sizes = shape.tolist()
    try:
        return xp.broadcast_to(input, sizes)
    except ValueError:
        raise ValueError(
            f"Incompatible shapes: {_brackets(input.shape)} vs. {_brackets(sizes)}"
        ) from None


def _brackets(sizes: Any) -> str:
    return "[" + ",".join("?" if d is None else str(d) for d in sizes) + "]"


@broadcast_to_op.shape_rule
def _broadcast_to_shape(input, shape):
    result = constant_value_as_shape(shape)
    have, want = input._shape._dims, result._dims
    if have is not None and want is not None:
        lead = len(want) - len(have)
        if lead < 0 or any(
            d not in (1, None, want[i + lead]) and want[i + lead] is not None
            for i, d in enumerate(have)
        ):
            raise ValueError(
                f"Incompatible shapes: {_brackets(have)} cannot be broadcast to {_brackets(want)}"
            )
        sizes = list(want)
        for i, d in enumerate(have, lead):
            if sizes[i] is None and d != 1:
                sizes[i] = d
        return shapes.of(tuple(sizes))
    return result


@broadcast_to_op.gradient_rule
def _broadcast_to_grad(g, input, shape):
    have, want = input._shape._dims, constant_value_as_shape(shape)._dims
    if have is not None and want is not None and None not in have and None not in want:
        lead = len(want) - len(have)
        axes = [*range(lead), *(i + lead for i, d in enumerate(have) if d != want[i + lead])]
        summed = REGISTRY["Sum"](g, np.array(axes, np.int32)) if axes else g
        return array.reshape_op(summed, list(have)) if axes else summed
    sizes = array.shape_op(input, out_type=shape.dtype)
    _, axes = broadcast_gradient_args_op(shape, sizes)
    return array.reshape_op(REGISTRY["Sum"](g, axes, keep_dims=True), sizes)


@export("broadcast_to")
def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Any:
    """`input` repeated along its dimensions of size 1, and along new leading ones, to `shape`.

    Args:
      input: a tensor.
      shape: an integer vector.

    Raises:
      InvalidArgumentError: if `input` does not broadcast to `shape`.

    >>> import reflow as tf
    >>> tf.broadcast_to([1, 2], [2, 2]).numpy().tolist()
    [[1, 2], [1, 2]]
    """
    return broadcast_to_op(input, shape, name=name)


def _broadcast_sizes(a: list[float], b: list[float]) -> list[float]:
    """Two shapes broadcast together; NaN stands for a size that is not known."""
    rank = max(len(a), len(b))
    result = []
    for x, y in zip([1] * (rank - len(a)) + a, [1] * (rank - len(b)) + b):
        if x == 1 or x == y:
            result.append(y)
        elif y == 1 or y != y:
            result.append(x)
        elif x != x:
            result.append(y)
        else:
            raise ValueError(f"Incompatible shapes: {_brackets(a)} vs. {_brackets(b)}")
    return result


@op(
    "BroadcastArgs(s0: T, s1: T, *, T: {int32,int64} = int32) -> r0: T",
    static=["s0", "s1"],
    grad=None,
    partial=True,
)
def broadcast_args_op(xp, s0, s1):
    """The shape that two shapes broadcast to."""
    return np.array(_broadcast_sizes(s0.tolist(), s1.tolist()), np.result_type(s0, s1))


@broadcast_args_op.shape_rule
def _broadcast_args_shape(s0, s1):
    a, b = s0.shape.with_rank(1).sizes[0], s1.shape.with_rank(1).sizes[0]
    return (None if a is None or b is None else max(a, b),)


@export("broadcast_dynamic_shape")
def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Any:
    """The shape, as a tensor, that tensors of two shapes broadcast to.

    Args:
      shape_x, shape_y: integer vectors.

    Raises:
      InvalidArgumentError: if they do not broadcast together.

    >>> import reflow as tf
    >>> tf.broadcast_dynamic_shape([1, 2, 3], [5, 1, 3]).numpy().tolist()
    [5, 2, 3]
    """
    return broadcast_args_op(shape_x, shape_y)


@export("broadcast_static_shape")
def broadcast_static_shape(shape_x: Any, shape_y: Any) -> shapes.TensorShape:
    """The static shape that tensors of two static shapes broadcast to.

    Args:
      shape_x, shape_y: `TensorShape`s, possibly known in part.

    Raises:
      ValueError: if they do not broadcast together.

    >>> import reflow as tf
    >>> tf.broadcast_static_shape(tf.TensorShape([1, 2, 3]), tf.TensorShape([5, 1, 3]))
    TensorShape([5, 2, 3])
    """
    try:
        return shapes.broadcast(shapes.as_shape(shape_x), shapes.as_shape(shape_y))
    except ValueError:
        raise ValueError(
            f"{errors.where(errors.user_frame())}: Incompatible shapes for broadcasting. Two "
            "shapes are compatible if for each dimension pair they are either equal or one of them "
            f"is 1. Received: {shape_x} and {shape_y}."
        ) from None


@op(
    "BroadcastGradientArgs(s0: T, s1: T, *, T: {int32,int64} = int32) -> r0: T, r1: T",
    shape=lambda s0, s1: [(None,), (None,)],
    static=["s0", "s1"],
    grad=None,
)
def broadcast_gradient_args_op(xp, s0, s1):
    """The axes to sum over so that a gradient of the broadcast shape fits each operand."""
    a, b = s0.tolist(), s1.tolist()
    rank = max(len(a), len(b))
    whole = _broadcast_sizes(a, b)
    result = []
    for sizes in (a, b):
        padded = [1] * (rank - len(sizes)) + sizes
        axes = [i for i, d in enumerate(padded) if d == 1 and (whole[i] != 1 or a != b)]
        result.append(np.array(axes, s0.dtype))
    return tuple(result)


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
    times = multiples.tolist()
    if not isinstance(times, list) or len(times) != rank:
        raise ValueError(
            f"Expected multiples argument to be a vector of length {rank} but got length "
            f"{np.size(multiples)}"
        )
    for i, each in enumerate(times):
        if each < 0:
            raise ValueError(f"Expected multiples[{i}] >= 0, but got {each}")
    return times


@tile_op.shape_rule
def _tile_shape(input, multiples):
    dims = input._shape._dims
    times = partial_value(multiples)
    if dims is None:
        length = multiples._shape._dims
        return shapes.unknown_shape(length[0] if length else None)
    if times is None:
        multiples = [np.nan] * len(dims)
    else:
        multiples = _multiples(times, len(dims))
    return shapes.of(tuple([_times(d, n) for d, n in zip(dims, multiples)]))


def _times(size: int | None, n: float) -> int | None:
    if size == 0 or n == 0:
        return 0
    return None if size is None or n != n else size * int(n)


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
            f"{errors.where(errors.user_frame())}: Argument `axis` must be an int. Received "
            f"`axis` = {axis} of type {type(axis).__name__}"
        )
    with name_scope(name, "Repeat"):
        return _repeat(convert_to_tensor(input, name="data"), repeats, axis)


def _repeat(data: Any, repeats: Any, axis: int) -> Any:
    from reflow.ops import indexing

    cast = REGISTRY["Cast"]
    repeats = convert_to_tensor(repeats, name="repeats", preferred_dtype=int32)
    if not repeats.dtype.is_integer:
        raise TypeError(
            f"{errors.where(errors.user_frame())}: Argument `repeats` must be of type integer, got "
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
    result = indexing.boolean_mask(tiled, mask)
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
            f"{errors.where(errors.user_frame())}: Argument `indexing` parameter must be either "
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
                    f"{errors.where(errors.user_frame())}: dtype {value.dtype.base_dtype.name} of "
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
                f"{errors.where(errors.user_frame())}: dtype {on_value.dtype.name} of on_value "
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
                f"{errors.where(errors.user_frame())}: Argument `maxlen` must be scalar for "
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
