"""Arithmetic on sparse tensors: products, sums, the larger and the smaller.

https://www.tensorflow.org/api_docs/python/tf/sparse
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import NUMBER, REAL, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorValue, convert_to_sparse
from reflow.lang.static_value import constant_value
from reflow.ops import array, indexing, joining, nd_indexing, segments
from reflow.ops.constant import constant
from reflow.ops.define import op
from reflow.ops.shape_rules import same_as
from reflow.ops.sparse.tensors import (
    check_bounds,
    check_sparse,
    found_at,
    size_of,
)

_SPARSE = (SparseTensor, SparseTensorValue)


def summed(xp: Any, rows: Any, ids: Any, count: int) -> Any:
    """`rows` with equal ids added up, in `count` rows."""
    if xp.is_numpy:
        return segments._reduced("sum", rows, ids, count, 0)
    zeros = xp.zeros((count, *rows.shape[1:]), rows.dtype)
    return zeros.at[indexing.beyond(xp, ids, count)].add(rows, mode="drop")


# Products -----------------------------------------------------------------------------------------


@op(
    "SparseTensorDenseMatMul(a_indices: Tindices, a_values: T, a_shape: int64, b: T, *,"
    " Tindices: INDEX = int64, adjoint_a: bool = False, adjoint_b: bool = False) -> product: T",
    static=["a_shape"],
)
def sparse_tensor_dense_matmul_op(xp, a_indices, a_values, a_shape, b, *, adjoint_a, adjoint_b):
    """The product of a sparse and a dense matrix."""
    if b.ndim != 2:
        raise ValueError(f"Tensor 'b' is not a matrix: shape {list(b.shape)}")
    if a_shape.shape != (2,):
        raise ValueError(f"Tensor 'a_shape' must have 2 elements, got shape {list(a_shape.shape)}")
    if a_values.ndim != 1 or a_indices.ndim != 2 or a_indices.shape != (a_values.shape[0], 2):
        raise ValueError(
            f"a_indices and a_values must be [n, 2] and [n], got shapes {list(a_indices.shape)} and "
            f"{list(a_values.shape)}"
        )
    rows, columns = a_indices[:, 0], a_indices[:, 1]
    outer, inner = a_shape.tolist()
    if adjoint_a:
        rows, columns, outer, inner = columns, rows, inner, outer
        a_values = xp.conj(a_values)
    if adjoint_b:
        b = xp.conj(b).T
    if b.shape[0] != inner:
        raise ValueError(
            f"Cannot multiply A and B because inner dimension does not match: {inner} vs. "
            f"{b.shape[0]}. Did you forget a transpose? Dimensions of A: [{outer}, {inner}). "
            f"Dimensions of B: {list(b.shape)}"
        )
    if xp.is_numpy:
        _check_column(columns, inner, "k", 1)
        _check_column(rows, outer, "m", 0)
        taken = b[columns]
    else:
        taken = xp.take(b, indexing.beyond(xp, columns, inner), axis=0, mode="fill", fill_value=0)
    return summed(xp, a_values[:, None] * taken, rows, outer)


def _check_column(column: np.ndarray, limit: int, label: str, at: int) -> None:
    outside = (column < 0) | (column >= limit)
    if outside.any():
        i = int(np.argmax(outside))
        raise ValueError(f"{label} ({column[i]}) from index[{i},{at}] out of bounds (>={limit})")


@sparse_tensor_dense_matmul_op.shape_rule
def _matmul_shape(a_indices, a_values, a_shape, b, *, adjoint_a, adjoint_b):
    known = constant_value(a_shape, partial=True)
    outer = inner = None
    if known is not None and len(known) == 2:
        outer, inner = known[::-1] if adjoint_a else known
    right = b._shape.with_rank(2).as_list()
    if adjoint_b:
        right = right[::-1]
    if inner is not None and right[0] is not None and int(inner) != right[0]:
        raise ValueError(
            f"Dimensions must be equal, but are {int(inner)} and {right[0]} for "
            "SparseTensorDenseMatMul"
        )
    return (None if outer is None else int(outer), right[1])


@sparse_tensor_dense_matmul_op.gradient_rule
def _matmul_grad(g, a_indices, a_values, a_shape, b, *, adjoint_a, adjoint_b):
    g_b = sparse_tensor_dense_matmul_op(a_indices, a_values, a_shape, g, adjoint_a=not adjoint_a)
    right = b
    if adjoint_b:
        g_b = _adjoint(g_b)
        right = _adjoint(b)
    rows, columns = joining.unstack(a_indices, 2, axis=1)
    if adjoint_a:
        rows, columns = columns, rows
    taken = indexing.gather_op(g, rows, 0)
    other = indexing.gather_op(right, columns, 0)
    g_values = REGISTRY["Sum"](REGISTRY["Mul"](taken, _conj(other)), [1])
    return None, _conj(g_values) if adjoint_a else g_values, None, g_b


def _conj(x: Any) -> Any:
    return REGISTRY["Conj"](x) if x.dtype.is_complex else x


def _adjoint(x: Any) -> Any:
    return array.transpose(x, [1, 0], conjugate=x.dtype.is_complex)


@export("sparse.sparse_dense_matmul", v1=("sparse.matmul", "sparse_tensor_dense_matmul"))
def sparse_tensor_dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None
) -> Any:
    """The product of a sparse matrix and a dense one, in either order.

    Indices out of bounds are an error on the host; compiled code leaves such entries out.

    Args:
      sp_a: a `SparseTensor` of rank 2; or a dense matrix, where `b` is the sparse one.
      b: a dense matrix of the same dtype.
      adjoint_a, adjoint_b: whether a factor is transposed (and conjugated) first.

    Raises:
      ValueError: if the inner sizes are known to differ.
      InvalidArgumentError: if they turn out to differ, or an index is out of bounds.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 1], [1, 0]], [2.0, 3.0], [2, 2])
    >>> print(tf.sparse.sparse_dense_matmul(s, [[1.0], [10.0]]).numpy())
    [[20.]
     [ 3.]]
    """
    if isinstance(b, _SPARSE):
        flipped = sparse_tensor_dense_matmul(b, sp_a, not adjoint_b, not adjoint_a)
        return _adjoint(flipped)
    sp_a = convert_to_sparse(sp_a)
    with name_scope(name, "SparseTensorDenseMatMul", [sp_a.indices, sp_a.values, b]):
        b = convert_to_tensor(b, sp_a.dtype.base_dtype, name="b")
        return sparse_tensor_dense_matmul_op(
            sp_a.indices,
            sp_a.values,
            sp_a.dense_shape,
            b,
            adjoint_a=adjoint_a,
            adjoint_b=adjoint_b,
        )


# Sums ---------------------------------------------------------------------------------------------


def _union(
    a_indices: np.ndarray, b_indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The coordinates that are in either, in order; and where those of each are among them."""
    both = np.concatenate([a_indices, b_indices])
    if not len(both):
        empty = np.zeros(0, np.int64)
        return both, empty, empty
    found, at = np.unique(both, axis=0, return_inverse=True)
    at = at.reshape(-1)
    return found, at[: len(a_indices)], at[len(a_indices) :]


def _check_pair(a_indices, a_values, a_shape, b_indices, b_values, b_shape) -> None:
    check_sparse(a_indices, a_values, a_shape)
    check_sparse(b_indices, b_values, b_shape)
    if a_shape.shape != b_shape.shape:
        raise ValueError(
            f"Ranks of input tensors must match, but saw ranks: {a_shape.size} and {b_shape.size}"
        )
    if (a_shape != b_shape).any():
        raise ValueError(
            f"Operands' shapes do not match: got {a_shape.tolist()} and {b_shape.tolist()}"
        )


def _pair_shape(a_indices, a_values, a_shape, b_indices, b_values, b_shape, *rest) -> list[Any]:
    rank = size_of(a_shape)
    if rank is None:
        rank = size_of(b_shape)
    return [shapes.of((None, rank)), shapes.of((None,)), shapes.of((rank,))]


@op(
    "SparseAdd(a_indices: int64, a_values: T, a_shape: int64, b_indices: int64, b_values: T,"
    " b_shape: int64, thresh: Treal, *, T: NUMBER, Treal: REAL)"
    " -> sum_indices: int64, sum_values: T, sum_shape: int64",
    compile=False,
    shape=_pair_shape,
)
def sparse_add_op(xp, a_indices, a_values, a_shape, b_indices, b_values, b_shape, thresh):
    """The sum of two sparse tensors, without the sums that are smaller than `thresh`."""
    _check_pair(a_indices, a_values, a_shape, b_indices, b_values, b_shape)
    if thresh.ndim:
        raise ValueError(f"The magnitude threshold must be a scalar: got shape {thresh.shape}")
    indices, at_a, at_b = _union(a_indices, b_indices)
    total = np.zeros(len(indices), a_values.dtype)
    np.add.at(total, at_a, a_values)
    np.add.at(total, at_b, b_values)
    kept = np.abs(total) >= thresh
    summed = np.zeros(len(indices), bool)  # what is in both: the threshold is for sums alone
    summed[np.intersect1d(at_a, at_b)] = True
    kept |= ~summed
    return indices[kept], total[kept], a_shape


@sparse_add_op.gradient_rule
def _sparse_add_grad(g_sum_values, a_indices, b_indices, sum_indices):
    a, b = sparse_add_grad_op(g_sum_values, a_indices, b_indices, sum_indices)
    return None, a, None, None, b


@op(
    "SparseAddGrad(backprop_val_grad: T, a_indices: int64, b_indices: int64, sum_indices: int64, *,"
    " T: NUMBER) -> a_val_grad: T, b_val_grad: T",
    compile=False,
    grad=None,
    shape=lambda backprop_val_grad, a_indices, b_indices, sum_indices: [
        (size_of(a_indices),),
        (size_of(b_indices),),
    ],
)
def sparse_add_grad_op(xp, backprop_val_grad, a_indices, b_indices, sum_indices):
    """The gradient of `SparseAdd`: zero for what was left out of the sum."""
    results = []
    for rows in (a_indices, b_indices):
        at, found = found_at(rows, sum_indices)
        result = np.zeros(len(rows), backprop_val_grad.dtype)
        result[found] = backprop_val_grad[at[found]]
        results.append(result)
    return tuple(results)


@op(
    "SparseTensorDenseAdd(a_indices: Tindices, a_values: T, a_shape: Tindices, b: T, *,"
    " T: NUMBER, Tindices: INDEX) -> output: T",
    static=["a_shape"],
    shape=same_as(3),
)
def sparse_tensor_dense_add_op(xp, a_indices, a_values, a_shape, b):
    """The sum of a sparse and a dense tensor of one shape."""
    check_sparse(a_indices, a_values, a_shape)
    if tuple(a_shape.tolist()) != tuple(b.shape):
        raise ValueError(
            "Two operands must have the same shape (no broadcasting is supported), got "
            f"{a_shape.tolist()} and {list(b.shape)}"
        )
    if xp.is_numpy:
        check_bounds(a_indices, b.shape)
        return xp.at_add(b, tuple(a_indices.T), a_values)
    columns = [indexing.beyond(xp, a_indices[:, d], n) for d, n in enumerate(b.shape)]
    if not columns:
        return b + xp.sum(a_values, dtype=b.dtype)
    return xp.asarray(b).at[tuple(columns)].add(a_values, mode="drop")


@sparse_tensor_dense_add_op.gradient_rule
def _sparse_tensor_dense_add_grad(g, a_indices):
    return None, nd_indexing.gather_nd_op(g, a_indices), None, g


def _add(a: Any, b: Any, threshold: Any) -> Any:
    if not isinstance(a, _SPARSE) and not isinstance(b, _SPARSE):
        raise TypeError("At least one input should be SparseTensor; do you mean to use tf.add()?")
    if isinstance(a, _SPARSE) and isinstance(b, _SPARSE):
        a, b = convert_to_sparse(a), convert_to_sparse(b)
        real = a.values.dtype.base_dtype.real_dtype
        threshold = convert_to_tensor(threshold, real, name="thresh")
        result = SparseTensor(
            *sparse_add_op(
                a.indices, a.values, a.dense_shape, b.indices, b.values, b.dense_shape, threshold
            )
        )
        result._dense_shape_default = result.shape.merge_with(a.shape.merge_with(b.shape))
        return result
    if isinstance(b, _SPARSE):
        a, b = b, a
    a = convert_to_sparse(a)
    return sparse_tensor_dense_add_op(a.indices, a.values, a.dense_shape, b)


@export(v2=("sparse.add",))
def sparse_add(a: Any, b: Any, threshold: Any = 0) -> Any:
    """The sum of two tensors of one shape, at least one of them a `SparseTensor`.

    Args:
      a, b: `SparseTensor`s of numbers, with indices in order; or one of them dense.
      threshold: a scalar; of two sparse ones, sums of elements that both have and that
        are smaller than it are left out.

    Returns:
      A `SparseTensor` if both are sparse, else a dense tensor.

    Raises:
      TypeError: if both are dense.
      InvalidArgumentError: if the shapes differ.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0], [2]], [5, 6], [4])
    >>> print(tf.sparse.add(s, [1, 1, 1, 1]).numpy())
    [6 1 7 1]
    """
    return _add(a, b, threshold)


@export(v1=("sparse.add", "sparse_add"))
def sparse_add_v1(a: Any, b: Any, threshold: Any = None, thresh: Any = None) -> Any:
    """`tf.sparse.add` with its TF 1 parameters.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0], [2]], [5, 6], [4])
    >>> print(tf.compat.v1.sparse_add(s, s).values.numpy())
    [10 12]
    """
    if thresh is not None:
        if threshold is not None:
            raise ValueError("Cannot specify both 'threshold' and 'thresh'.")
        threshold = thresh
    return _add(a, b, 0 if threshold is None else threshold)


# The larger, the smaller --------------------------------------------------------------------------


def _extreme(name: str, doc: str, numbers: Any, choose: Any) -> Any:
    @op(
        f"{name}(a_indices: int64, a_values: T, a_shape: int64, b_indices: int64, b_values: T,"
        " b_shape: int64) -> output_indices: int64, output_values: T",
        doc,
        compile=False,
        grad=None,
        shape=lambda *inputs: _pair_shape(*inputs)[:2],
        T=numbers,
    )
    def lower(xp, a_indices, a_values, a_shape, b_indices, b_values, b_shape):
        if a_values.dtype.kind == "c":
            raise NotImplementedError("complex numbers have no order")
        _check_pair(a_indices, a_values, a_shape, b_indices, b_values, b_shape)
        indices, at_a, at_b = _union(a_indices, b_indices)
        a, b = (np.zeros(len(indices), a_values.dtype) for _ in range(2))
        a[at_a], b[at_b] = a_values, b_values
        return indices, choose(a, b)

    return lower


sparse_sparse_maximum_op = _extreme(
    "SparseSparseMaximum", "The larger elements of two sparse tensors.", REAL, np.maximum
)
sparse_sparse_minimum_op = _extreme(
    "SparseSparseMinimum", "The smaller elements of two sparse tensors.", NUMBER, np.minimum
)


def _apply_extreme(opdef: Any, label: str, sp_a: Any, sp_b: Any, name: str | None) -> SparseTensor:
    sp_a, sp_b = convert_to_sparse(sp_a), convert_to_sparse(sp_b)
    with name_scope(name, label, [sp_a, sp_b]) as scope:
        indices, values = opdef(
            sp_a.indices,
            sp_a.values,
            sp_a.dense_shape,
            sp_b.indices,
            sp_b.values,
            sp_b.dense_shape,
            name=scope or None,
        )
        return SparseTensor(indices, values, sp_a.dense_shape)


@export("sparse.maximum", v1=("sparse_maximum",))
def sparse_maximum(sp_a: Any, sp_b: Any, name: str | None = None) -> SparseTensor:
    """The larger elements of two `SparseTensor`s of one shape; what one does not say is zero.

    Args:
      sp_a, sp_b: `SparseTensor`s of real numbers, with indices in order.

    Raises:
      InvalidArgumentError: if the shapes differ.

    >>> import reflow as tf
    >>> a = tf.sparse.SparseTensor([[0]], [-5], [4])
    >>> b = tf.sparse.SparseTensor([[1]], [3], [4])
    >>> print(tf.sparse.maximum(a, b).values.numpy())
    [0 3]
    """
    return _apply_extreme(sparse_sparse_maximum_op, "SparseSparseMaximum", sp_a, sp_b, name)


@export("sparse.minimum", v1=("sparse_minimum",))
def sparse_minimum(sp_a: Any, sp_b: Any, name: str | None = None) -> SparseTensor:
    """The smaller elements of two `SparseTensor`s of one shape; what one does not say is zero.

    Args:
      sp_a, sp_b: `SparseTensor`s of real numbers, with indices in order.

    Raises:
      InvalidArgumentError: if the shapes differ.

    >>> import reflow as tf
    >>> a = tf.sparse.SparseTensor([[0]], [-5], [4])
    >>> b = tf.sparse.SparseTensor([[1]], [3], [4])
    >>> print(tf.sparse.minimum(a, b).values.numpy())
    [-5  0]
    """
    return _apply_extreme(sparse_sparse_minimum_op, "SparseSparseMinimum", sp_a, sp_b, name)


# With a dense tensor, element-wise ----------------------------------------------------------------


def _aligned(xp: Any, sp_indices: Any, sp_shape: Any, dense: Any) -> Any:
    """The elements of `dense`, broadcast to the sparse tensor's shape, at its entries."""
    sizes, given = sp_shape.tolist(), dense.shape
    tail = sizes[len(sizes) - len(given) :]
    if len(given) > len(sizes) or any(n not in (1, m) for n, m in zip(given, tail)):
        raise ValueError(
            "SparseDenseBinaryOpShared broadcasts dense to sparse only; got incompatible shapes: "
            f"{sizes} vs. {list(given)}"
        )
    if xp.is_numpy:
        outside = ((sp_indices < 0) | (sp_indices >= sp_shape)).any()
        if outside:
            raise ValueError(
                "Provided indices are out-of-bounds w.r.t. dense side with broadcasted shape"
            )
    columns = []
    for d, n in enumerate(given, len(sizes) - len(given)):
        column = sp_indices[:, d]
        columns.append(xp.zeros_like(column) if n == 1 else column)
    if not columns:
        return xp.broadcast_to(dense, (sp_indices.shape[0],))
    return xp.asarray(dense)[tuple(columns)]


def _with_dense(name: str, doc: str, combine: Any) -> Any:
    @op(
        f"{name}(sp_indices: int64, sp_values: T, sp_shape: int64, dense: T) -> output: T",
        doc,
        static=["sp_shape"],
        shape=lambda sp_indices, sp_values, sp_shape, dense: (size_of(sp_indices),),
        T=NUMBER,
    )
    def lower(xp, sp_indices, sp_values, sp_shape, dense):
        check_sparse(sp_indices, sp_values, sp_shape)
        if xp.is_numpy and not sp_values.size:
            return np.zeros(0, sp_values.dtype)
        return combine(xp, sp_values, _aligned(xp, sp_indices, sp_shape, dense))

    return lower


def _quotient(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.kind not in "iu":
        return x / y
    if xp.is_numpy and (y == 0).any():
        raise ValueError("Integer division by zero")
    quotient = x // y
    if x.dtype.kind == "i":  # towards zero
        quotient = quotient + xp.asarray((quotient < 0) & (quotient * y != x), x.dtype)
    return quotient


sparse_dense_cwise_add_op = _with_dense(
    "SparseDenseCwiseAdd",
    "A sparse tensor plus, at its entries alone, a dense one that broadcasts to it.",
    lambda xp, x, y: x + y,
)
sparse_dense_cwise_mul_op = _with_dense(
    "SparseDenseCwiseMul",
    "A sparse tensor times a dense one that broadcasts to it.",
    lambda xp, x, y: x * y,
)
sparse_dense_cwise_div_op = _with_dense(
    "SparseDenseCwiseDiv", "A sparse tensor over a dense one that broadcasts to it.", _quotient
)
sparse_dense_cwise_add_op.grad = None  # TensorFlow has none either


def _at_entries(sp_indices: Any, sp_shape: Any, dense: Any) -> tuple[Any, Any, Any]:
    """The coordinates in `dense` of the entries, its elements there, and its shape."""
    dense_shape = array.shape_op(dense, out_type=int64)
    added = REGISTRY["Sub"](array.size_op(sp_shape), array.rank(dense))
    ones = REGISTRY["Fill"](array.reshape(added, [1]), constant(1, int64))
    augmented = joining.concat([ones, dense_shape], 0)
    scaling = REGISTRY["FloorDiv"](sp_shape, REGISTRY["Maximum"](augmented, constant(1, int64)))
    scaling = REGISTRY["Maximum"](scaling, constant(1, int64))
    at = REGISTRY["FloorDiv"](sp_indices, scaling)
    at = at[:, added:]
    return at, nd_indexing.gather_nd_op(dense, at), dense_shape


@sparse_dense_cwise_mul_op.gradient_rule
def _sparse_dense_cwise_mul_grad(g, sp_indices, sp_values, sp_shape, dense):
    at, taken, shape = _at_entries(sp_indices, sp_shape, dense)
    mul = REGISTRY["Mul"]
    g_dense = nd_indexing.scatter_nd_op(at, mul(g, _conj(sp_values)), shape)
    return None, mul(g, _conj(taken)), None, g_dense


@sparse_dense_cwise_div_op.gradient_rule
def _sparse_dense_cwise_div_grad(g, sp_indices, sp_values, sp_shape, dense):
    at, taken, shape = _at_entries(sp_indices, sp_shape, dense)
    div, taken = REGISTRY["RealDiv"], _conj(taken)
    g_values = div(g, taken)
    ratio = div(REGISTRY["Neg"](_conj(sp_values)), taken)
    return (
        None,
        g_values,
        None,
        nd_indexing.scatter_nd_op(at, REGISTRY["Mul"](g_values, ratio), shape),
    )
