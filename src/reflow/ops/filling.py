"""Tensors of one value, and values repeated: fill, zeros, ones, broadcast, tile, one-hot, masks."""

from __future__ import annotations

import contextlib
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
from reflow.lang.static_value import constant_value_as_shape, partial_elements
from reflow.lang.tensor import Tensor, is_tensor
from reflow.ops import array, shape_rules
from reflow.ops.array import brackets
from reflow.ops.define import op

# One value ----------------------------------------------------------------------------------------


def _sizes(vector: Any, what: str = "dims") -> list[int]:
    sizes = vector.reshape(-1).tolist()
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
    """A tensor with one value everywhere; as in TensorFlow a vector of one will do for it."""
    if value.shape not in ((), (1,)):
        raise ValueError(f"value must be a scalar, got shape {list(value.shape)}")
    return xp.broadcast_to(value.reshape(()), _sizes(dims))


@fill_op.shape_rule
def _fill_shape(dims, value):
    if value._shape._dims:
        raise ValueError(f"Shape must be rank 0 but is rank {value.shape.rank} (value of Fill)")
    sizes = partial_elements(dims)
    if sizes is None:
        return shapes.UNKNOWN
    for i, size in enumerate(sizes):
        if size is not None and size < 0:
            raise ValueError(f"dims[{i}] = {size} must be nonnegative.")
    return shapes.of(tuple(sizes))


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
    if x is None:  # the list of a branch that was not taken
        return None
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
        raise TypeError(f"{errors.user_site()}: there is no string for one")
    scalar = _scalar(value, dtype)
    if not isinstance(shape, Tensor):
        is_scalar = not isinstance(shape, (list, tuple, shapes.TensorShape)) and not np.ndim(shape)
        sizes: Any = None
        with contextlib.suppress(TypeError, ValueError):  # tensors among the dimensions
            sizes = shapes.as_shape(np.atleast_1d(shape) if _is_array(shape) else shape).as_list()
        if sizes is None or None in sizes:
            shape = convert_to_tensor(shape, int32)
        else:
            count = int(np.prod(sizes, dtype=np.int64))
            if current_graph() is None:
                return constant_node(_filled_array(sizes, scalar), dtype, scope)
            if count < _SMALL and not is_scalar:  # held once, and written to a file once
                return constant_node(np.broadcast_to(scalar, sizes), dtype, scope)
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
            f"Incompatible shapes: {brackets(input.shape)} vs. {brackets(sizes)}"
        ) from None


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
                f"Incompatible shapes: {brackets(have)} cannot be broadcast to {brackets(want)}"
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
            raise ValueError(f"Incompatible shapes: {brackets(a)} vs. {brackets(b)}")
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
            f"{errors.user_site()}: Incompatible shapes for broadcasting. Two "
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
