"""Reductions of sparse tensors, and their softmax.

https://www.tensorflow.org/api_docs/python/tf/sparse
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import NUMBER, REAL, float16, float32, float64, int32, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.sparse_tensor import SparseTensor, convert_to_sparse
from reflow.lang.static_value import constant_value
from reflow.ops import array, indexing, nd_indexing, segments, sequences
from reflow.ops.constant import constant
from reflow.ops.define import op
from reflow.ops.shape_rules import normal_axis, same_as
from reflow.ops.sparse.math import sparse_dense_cwise_add_op, summed
from reflow.ops.sparse.tensors import (
    check_bounds,
    check_sparse,
    coordinates,
    linear,
)

# Reductions ---------------------------------------------------------------------------------------


def _reduced_axes(sizes: list[int], axes: Any) -> list[int]:
    axes = np.asarray(axes).ravel().tolist()
    return sorted({normal_axis(a, len(sizes)) for a in axes})


def _groups(xp: Any, indices: Any, sizes: list[int], axes: list[int]) -> tuple[Any, list[int]]:
    """For each entry the number of its group: its coordinates without those along `axes`."""
    rest = [d for d in range(len(sizes)) if d not in axes]
    kept = [sizes[d] for d in rest]
    numbers = linear(indices[:, np.array(rest, np.int64)], kept)
    return numbers, kept


_CHECKED = "input_indices: int64, input_values: T, input_shape: int64, reduction_axes: int32"


def _sparse_reduction(name: str, doc: str, numbers: Any, kind: str) -> tuple[Any, Any]:
    """The two ops of a reduction: with a dense and with a sparse result."""

    @op(
        f"{name}({_CHECKED}, *, keep_dims: bool = False) -> output: T",
        doc,
        static=["input_shape", "reduction_axes"],
        T=numbers,
    )
    def dense(xp, input_indices, input_values, input_shape, reduction_axes, *, keep_dims):
        check_sparse(input_indices, input_values, input_shape)
        sizes = input_shape.tolist()
        axes = _reduced_axes(sizes, reduction_axes)
        ids, kept = _groups(xp, input_indices, sizes, axes)
        count = math.prod(kept)
        if xp.is_numpy:
            check_bounds(input_indices, sizes)
        if kind == "sum":
            result = summed(xp, input_values, ids, count)
        elif xp.is_numpy:
            result = segments._reduced("max", input_values, ids, count, 0)
        else:
            least = segments._neutral("max", input_values.dtype)
            start = xp.full((count,), least, input_values.dtype)
            ids = indexing.beyond(xp, ids, count)
            largest = start.at[ids].max(input_values, mode="drop")
            present = xp.zeros((count,), bool).at[ids].set(True, mode="drop")
            result = xp.where(present, largest, xp.zeros_like(largest))
        if keep_dims:
            kept = [1 if d in axes else n for d, n in enumerate(sizes)]
        return result.reshape(kept)

    @dense.shape_rule
    def _dense_shape(input_indices, input_values, input_shape, reduction_axes, *, keep_dims):
        sizes, axes = constant_value(input_shape), constant_value(reduction_axes)
        if sizes is None or axes is None:
            return shapes.UNKNOWN
        sizes = sizes.tolist()
        gone = _reduced_axes(sizes, axes)
        if keep_dims:
            return tuple(1 if d in gone else n for d, n in enumerate(sizes))
        return tuple(n for d, n in enumerate(sizes) if d not in gone)

    @op(
        f"{name}Sparse({_CHECKED}, *, keep_dims: bool = False)"
        " -> output_indices: int64, output_values: T, output_shape: int64",
        doc.replace("as a dense", "as a sparse"),
        compile=False,
        grad=None,
        shape=lambda *inputs: [
            shapes.unknown_shape(2),
            shapes.unknown_shape(1),
            shapes.unknown_shape(1),
        ],
        T=numbers,
    )
    def sparse(xp, input_indices, input_values, input_shape, reduction_axes, *, keep_dims):
        check_sparse(input_indices, input_values, input_shape)
        sizes = input_shape.tolist()
        axes = _reduced_axes(sizes, reduction_axes)
        check_bounds(input_indices, sizes)
        numbers_, kept = _groups(xp, input_indices, sizes, axes)
        present, ids = np.unique(numbers_, return_inverse=True)
        values = segments._reduced(kind, input_values, ids, len(present), 0)
        columns = coordinates(present, kept)
        if keep_dims:
            left = iter(columns)
            zero = np.zeros(len(present), np.int64)
            columns = [zero if d in axes else next(left) for d in range(len(sizes))]
            kept = [1 if d in axes else n for d, n in enumerate(sizes)]
        rows = np.stack(columns, axis=1) if columns else np.zeros((len(present), 0), np.int64)
        return rows, values, np.array(kept, np.int64)

    return dense, sparse


sparse_reduce_sum_op, sparse_reduce_sum_sparse_op = _sparse_reduction(
    "SparseReduceSum", "Sums over dimensions of a sparse tensor, as a dense tensor.", NUMBER, "sum"
)
sparse_reduce_max_op, sparse_reduce_max_sparse_op = _sparse_reduction(
    "SparseReduceMax", "The largest entries along dimensions, as a dense tensor.", REAL, "max"
)
sparse_reduce_max_op.grad = None  # TensorFlow has none either


@sparse_reduce_sum_op.gradient_rule
def _sparse_reduce_sum_grad(g, input_indices, input_shape, reduction_axes):
    rank = array.size_op(input_shape)
    axes = REGISTRY["FloorMod"](array.reshape(reduction_axes, [-1]), rank)
    hot = REGISTRY["OneHot"](axes, rank, constant(1, int64), constant(0, int64))
    chosen = REGISTRY["Sum"](hot, [0])
    one = constant(1, int64)
    kept = REGISTRY["SelectV2"](REGISTRY["Cast"](chosen, DstT="bool"), one, input_shape)
    scale = REGISTRY["FloorDiv"](input_shape, REGISTRY["Maximum"](kept, one))
    at = REGISTRY["FloorDiv"](input_indices, REGISTRY["Maximum"](scale, one))
    return None, nd_indexing.gather_nd_op(array.reshape(g, kept), at)


def _axes_of(sp_input: SparseTensor, axis: Any) -> Any:
    """The axes as an op takes them: none means all."""
    if axis is None:
        rank = sp_input.shape.rank
        if rank is not None:
            return constant(np.arange(rank, dtype=np.int32))
        return sequences.range(array.size_op(sp_input.dense_shape))
    axes = convert_to_tensor(axis, dtype_hint=int32)  # an empty list has no dtype of its own
    return REGISTRY["Cast"](axes, DstT="int32") if axes.dtype is int64 else axes


def _reduce(
    ops: Any, sp_input: Any, axis: Any, keepdims: Any, as_sparse: bool, name: str | None
) -> Any:
    sp_input = convert_to_sparse(sp_input)
    result = ops[as_sparse](
        sp_input.indices,
        sp_input.values,
        sp_input.dense_shape,
        _axes_of(sp_input, axis),
        keep_dims=bool(keepdims),
        name=name,
    )
    return SparseTensor(*result) if as_sparse else result


def _v1_arguments(axis: Any, reduction_axes: Any, keepdims: Any, keep_dims: Any) -> tuple[Any, Any]:
    if reduction_axes is not None:
        if axis is not None:
            raise ValueError("Cannot specify both 'axis' and 'reduction_axes'.")
        axis = reduction_axes
    if keep_dims is not None:
        if keepdims is not None:
            raise ValueError("Cannot specify both 'keepdims' and 'keep_dims'.")
        keepdims = keep_dims
    return axis, keepdims


_SUM = (sparse_reduce_sum_op, sparse_reduce_sum_sparse_op)
_MAX = (sparse_reduce_max_op, sparse_reduce_max_sparse_op)


@export(v2=("sparse.reduce_sum",))
def sparse_reduce_sum(
    sp_input: Any,
    axis: Any = None,
    keepdims: Any = None,
    output_is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """Sums over dimensions of a `SparseTensor`.

    Args:
      sp_input: a `SparseTensor` of numbers.
      axis: the dimensions; by default all.
      keepdims: whether they stay, with size 1.
      output_is_sparse: whether the result is a `SparseTensor`.

    Raises:
      ValueError: if a dimension is out of range.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 0], [0, 2], [1, 1]], [1, 1, 1], [2, 3])
    >>> print(tf.sparse.reduce_sum(s, 1).numpy())
    [2 1]
    """
    return _reduce(_SUM, sp_input, axis, keepdims, output_is_sparse, name)


@export(v1=("sparse.reduce_sum", "sparse_reduce_sum"))
def sparse_reduce_sum_v1(
    sp_input: Any,
    axis: Any = None,
    keepdims: Any = None,
    reduction_axes: Any = None,
    keep_dims: Any = None,
) -> Any:
    """`tf.sparse.reduce_sum` with its TF 1 parameters.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0], [2]], [5, 6], [4])
    >>> print(tf.compat.v1.sparse_reduce_sum(s).numpy())
    11
    """
    axis, keepdims = _v1_arguments(axis, reduction_axes, keepdims, keep_dims)
    return _reduce(_SUM, sp_input, axis, keepdims, False, None)


@export(v1=("sparse.reduce_sum_sparse", "sparse_reduce_sum_sparse"))
def sparse_reduce_sum_sparse(
    sp_input: Any,
    axis: Any = None,
    keepdims: Any = None,
    reduction_axes: Any = None,
    keep_dims: Any = None,
) -> SparseTensor:
    """`tf.sparse.reduce_sum` with a sparse result.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 0], [0, 2], [2, 1]], [1, 1, 1], [3, 3])
    >>> print(tf.compat.v1.sparse_reduce_sum_sparse(s, 1).values.numpy())
    [2 1]
    """
    axis, keepdims = _v1_arguments(axis, reduction_axes, keepdims, keep_dims)
    return _reduce(_SUM, sp_input, axis, keepdims, True, None)


@export(v2=("sparse.reduce_max",))
def sparse_reduce_max(
    sp_input: Any,
    axis: Any = None,
    keepdims: Any = None,
    output_is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """The largest entries along dimensions of a `SparseTensor`; zero where there is none.

    Elements that are not said do not count: the largest of negative entries is negative.

    Args:
      sp_input: a `SparseTensor` of real numbers.
      axis: the dimensions; by default all.
      keepdims: whether they stay, with size 1.
      output_is_sparse: whether the result is a `SparseTensor`.

    Raises:
      ValueError: if a dimension is out of range.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 0], [0, 2], [2, 1]], [1, 2, -3], [3, 3])
    >>> print(tf.sparse.reduce_max(s, 1).numpy())
    [ 2  0 -3]
    """
    return _reduce(_MAX, sp_input, axis, keepdims, output_is_sparse, name)


@export(v1=("sparse.reduce_max", "sparse_reduce_max"))
def sparse_reduce_max_v1(
    sp_input: Any,
    axis: Any = None,
    keepdims: Any = None,
    reduction_axes: Any = None,
    keep_dims: Any = None,
) -> Any:
    """`tf.sparse.reduce_max` with its TF 1 parameters.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0], [2]], [5, 6], [4])
    >>> print(tf.compat.v1.sparse_reduce_max(s).numpy())
    6
    """
    axis, keepdims = _v1_arguments(axis, reduction_axes, keepdims, keep_dims)
    return _reduce(_MAX, sp_input, axis, keepdims, False, None)


@export(v1=("sparse.reduce_max_sparse", "sparse_reduce_max_sparse"))
def sparse_reduce_max_sparse(
    sp_input: Any,
    axis: Any = None,
    keepdims: Any = None,
    reduction_axes: Any = None,
    keep_dims: Any = None,
) -> SparseTensor:
    """`tf.sparse.reduce_max` with a sparse result.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 0], [0, 2], [2, 1]], [1, 2, -3], [3, 3])
    >>> print(tf.compat.v1.sparse_reduce_max_sparse(s, 1).values.numpy())
    [ 2 -3]
    """
    axis, keepdims = _v1_arguments(axis, reduction_axes, keepdims, keep_dims)
    return _reduce(_MAX, sp_input, axis, keepdims, True, None)


# Softmax ------------------------------------------------------------------------------------------


@op(
    "SparseSoftmax(sp_indices: int64, sp_values: T, sp_shape: int64) -> output: T",
    static=["sp_shape"],
    shape=same_as(1),
    T={float16, float32, float64},
)
def sparse_softmax_op(xp, sp_indices, sp_values, sp_shape):
    """The softmax over the entries of each innermost row of a sparse tensor."""
    check_sparse(sp_indices, sp_values, sp_shape)
    sizes = sp_shape.tolist()
    if len(sizes) < 2:
        raise ValueError("Input should have rank >= 2, but got shape " + str(sizes))
    ids, kept = _groups(xp, sp_indices, sizes, [len(sizes) - 1])
    if xp.is_numpy:
        _, ids = np.unique(ids, return_inverse=True)
        count = int(ids.max()) + 1 if ids.size else 0
        largest = segments._reduced("max", sp_values, ids, count, 0)
    else:
        count = math.prod(kept)
        start = xp.full((count,), segments._neutral("max", sp_values.dtype), sp_values.dtype)
        largest = start.at[ids].max(sp_values, mode="drop")
    powers = xp.exp(sp_values - largest[ids])
    return (powers / summed(xp, powers, ids, count)[ids]).astype(sp_values.dtype)


@sparse_softmax_op.gradient_rule
def _sparse_softmax_grad(g, sp_indices, sp_shape, output):
    mul = REGISTRY["Mul"]
    product = mul(output, g)
    total = sparse_reduce_sum_op(sp_indices, product, sp_shape, [-1], keep_dims=True)
    centered = sparse_dense_cwise_add_op(sp_indices, g, sp_shape, REGISTRY["Neg"](total))
    return None, mul(centered, output)


@export("sparse.softmax", v1=("sparse_softmax",))
def sparse_softmax(sp_input: Any, name: str | None = None) -> SparseTensor:
    """The softmax over the entries of each innermost row; elements that are not said have none.

    Args:
      sp_input: a `SparseTensor` of floats, of rank 2 or more.

    Raises:
      InvalidArgumentError: if its rank is below 2.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 0], [0, 2], [1, 1]], [1.0, 1.0, 4.0], [2, 3])
    >>> print(tf.sparse.softmax(s).values.numpy())
    [0.5 0.5 1. ]
    """
    sp_input = convert_to_sparse(sp_input)
    with name_scope(name, "SparseSoftmax", [sp_input.indices, sp_input.values]):
        values = sparse_softmax_op(sp_input.indices, sp_input.values, sp_input.dense_shape)
        return sp_input.with_values(values)
