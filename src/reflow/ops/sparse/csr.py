"""Sparse matrices by compressed rows: `tensorflow.python.ops.linalg.sparse.sparse_csr_matrix_ops`.

A matrix, or a batch of matrices, is a scalar of dtype `variant`. These ops run on the host, in SciPy.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from reflow.lang.shapes import UNKNOWN, TensorShape
from reflow.ops.define import op

_VALUES = "{float32,float64,complex64,complex128}"


class CsrMatrices:
    """A batch of SciPy's CSR matrices of one shape; `batch` is None for a single matrix."""

    __slots__ = ("matrices", "batch")

    def __init__(self, matrices: list[Any], batch: int | None):
        self.matrices = matrices
        self.batch = batch


@op(
    f"SparseTensorToCSRSparseMatrix(indices: int64, values: T, dense_shape: int64, *, T: {_VALUES})"
    " -> sparse_matrix: variant",
    shape=lambda indices, values, dense_shape: TensorShape([]),
    compile=False,
    grad=None,
)
def sparse_tensor_to_csr_sparse_matrix_op(xp, indices, values, dense_shape):
    """The matrix, or the batch of matrices, that a sparse tensor of rank 2 or 3 is."""
    from scipy.sparse import csr_array

    rank = len(dense_shape)
    if rank not in (2, 3):
        raise ValueError(f"SparseTensor must have rank 2 or 3; but indices has rank: {rank}")
    size = tuple(int(n) for n in dense_shape[-2:])
    if rank == 2:
        parts = [(indices, values)]
    else:
        parts = [
            (indices[indices[:, 0] == i][:, 1:], values[indices[:, 0] == i])
            for i in range(int(dense_shape[0]))
        ]
    matrices = [csr_array((v, (i[:, 0], i[:, 1])), shape=size) for i, v in parts]
    return CsrMatrices(matrices, None if rank == 2 else int(dense_shape[0]))


@op(
    f"CSRSparseMatrixToSparseTensor(sparse_matrix: variant, *, type: {_VALUES})"
    " -> indices: int64, values: type, dense_shape: int64",
    shape=lambda sparse_matrix: [UNKNOWN.with_rank(2), UNKNOWN.with_rank(1), UNKNOWN.with_rank(1)],
    compile=False,
    grad=None,
)
def csr_sparse_matrix_to_sparse_tensor_op(xp, sparse_matrix, *, type):
    """Indices, values and dense shape of a matrix, in order of rows and columns."""
    given = _matrices(sparse_matrix)
    indices, values = [], []
    for number, matrix in enumerate(given.matrices):
        matrix.sort_indices()
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        columns = [rows, matrix.indices]
        if given.batch is not None:
            columns = [np.full(len(rows), number), *columns]
        indices.append(np.stack(columns, axis=1).astype(np.int64))
        values.append(matrix.data.astype(type.np))
    shape = list(given.matrices[0].shape)
    if given.batch is not None:
        shape = [given.batch, *shape]
    return np.concatenate(indices), np.concatenate(values), np.array(shape, np.int64)


@op(
    f"SparseMatrixSparseMatMul(a: variant, b: variant, *, type: {_VALUES}, transpose_a: bool = False,"
    " transpose_b: bool = False, adjoint_a: bool = False, adjoint_b: bool = False) -> c: variant",
    shape=lambda a, b: TensorShape([]),
    compile=False,
    grad=None,
)
def sparse_matrix_sparse_mat_mul_op(xp, a, b, *, transpose_a, transpose_b, adjoint_a, adjoint_b):
    """The products of sparse matrices, as sparse matrices."""
    left = [_turned(m, transpose_a, adjoint_a) for m in _matrices(a).matrices]
    right = [_turned(m, transpose_b, adjoint_b) for m in _matrices(b).matrices]
    if len(left) != len(right):
        raise ValueError(f"Batch sizes of a and b differ: {len(left)} and {len(right)}")
    if left[0].shape[1] != right[0].shape[0]:
        raise ValueError(
            "Inner dimensions of a and b are not compatible, a: "
            f"{left[0].shape}, b: {right[0].shape}"
        )
    return CsrMatrices([(x @ y).tocsr() for x, y in zip(left, right)], _matrices(a).batch)


def _matrices(value: Any) -> CsrMatrices:
    found = value.item() if isinstance(value, np.ndarray) else value
    if not isinstance(found, CsrMatrices):
        raise ValueError(f"expected a CSRSparseMatrix, got {type(found).__name__}")
    return found


def _turned(matrix: Any, transpose: bool, adjoint: bool) -> Any:
    if adjoint:
        return matrix.conj().T.tocsr()
    return matrix.T.tocsr() if transpose else matrix


def sparse_tensor_to_csr_sparse_matrix(
    indices: Any, values: Any, dense_shape: Any, name: str | None = None
) -> Any:
    """The matrix, or the batch of matrices, of a sparse tensor's parts."""
    return sparse_tensor_to_csr_sparse_matrix_op(indices, values, dense_shape, name=name)


_Sparse = namedtuple("CSRSparseMatrixToSparseTensor", ["indices", "values", "dense_shape"])


def csr_sparse_matrix_to_sparse_tensor(
    sparse_matrix: Any, type: Any, name: str | None = None
) -> Any:
    """The parts of the sparse tensor that a matrix is: `indices`, `values`, `dense_shape`."""
    return _Sparse(*csr_sparse_matrix_to_sparse_tensor_op(sparse_matrix, type=type, name=name))


def sparse_matrix_sparse_mat_mul(
    a: Any,
    b: Any,
    type: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    name: str | None = None,
) -> Any:
    """The product of two sparse matrices.

    >>> from reflow.ops.sparse.csr import *
    >>> import reflow as tf
    >>> m = sparse_tensor_to_csr_sparse_matrix([[0, 1]], tf.constant([2.0]), [2, 2])
    >>> n = sparse_tensor_to_csr_sparse_matrix([[1, 0]], tf.constant([3.0]), [2, 2])
    >>> product = sparse_matrix_sparse_mat_mul(m, n, tf.float32)
    >>> csr_sparse_matrix_to_sparse_tensor(product, tf.float32).values.numpy()
    array([6.], dtype=float32)
    """
    return sparse_matrix_sparse_mat_mul_op(
        a,
        b,
        type=type,
        transpose_a=transpose_a,
        transpose_b=transpose_b,
        adjoint_a=adjoint_a,
        adjoint_b=adjoint_b,
        name=name,
    )
