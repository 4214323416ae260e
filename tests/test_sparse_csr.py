"""Products of sparse matrices by compressed rows, against NumPy."""

import numpy as np
import pytest

import reflow as tf
from reflow.ops.sparse import csr as sparse_csr

RNG = np.random.default_rng(7)


def sparse(*shape, dtype=np.float32):
    dense = RNG.normal(size=shape) * (RNG.random(shape) < 0.4)
    if np.dtype(dtype).kind == "c":
        dense = dense + 1j * dense
    dense = dense.astype(dtype)
    indices = np.argwhere(dense)
    return dense, (indices, tf.constant(dense[tuple(indices.T)]), np.array(shape, np.int64))


def dense_of(matrix, dtype):
    parts = sparse_csr.csr_sparse_matrix_to_sparse_tensor(matrix, dtype)
    listed = [tuple(row) for row in parts.indices.numpy().tolist()]
    assert listed == sorted(listed)
    return tf.sparse.to_dense(tf.SparseTensor(*parts)).numpy()


@pytest.mark.parametrize("shapes", [((4, 5), (5, 3)), ((2, 4, 5), (2, 5, 3))])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.complex64])
def test_products(shapes, dtype):
    (a, a_parts), (b, b_parts) = (sparse(*shape, dtype=dtype.as_numpy_dtype) for shape in shapes)
    left = sparse_csr.sparse_tensor_to_csr_sparse_matrix(*a_parts)
    right = sparse_csr.sparse_tensor_to_csr_sparse_matrix(*b_parts)
    np.testing.assert_array_equal(dense_of(left, dtype), a)
    product = sparse_csr.sparse_matrix_sparse_mat_mul(left, right, dtype)
    np.testing.assert_allclose(dense_of(product, dtype), a @ b, rtol=1e-5, atol=1e-6)


def test_transposed_and_adjoint_factors():
    a, parts = sparse(4, 5, dtype=np.complex64)
    matrix = sparse_csr.sparse_tensor_to_csr_sparse_matrix(*parts)
    multiply = sparse_csr.sparse_matrix_sparse_mat_mul
    found = multiply(matrix, matrix, tf.complex64, adjoint_b=True)
    np.testing.assert_allclose(dense_of(found, tf.complex64), a @ a.conj().T, rtol=1e-5, atol=1e-6)
    found = multiply(matrix, matrix, tf.complex64, transpose_a=True)
    np.testing.assert_allclose(dense_of(found, tf.complex64), a.T @ a, rtol=1e-5, atol=1e-6)


def test_factors_that_do_not_fit():
    _, parts = sparse(4, 5)
    matrix = sparse_csr.sparse_tensor_to_csr_sparse_matrix(*parts)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Inner dimensions"):
        sparse_csr.sparse_matrix_sparse_mat_mul(matrix, matrix, tf.float32)
    with pytest.raises(tf.errors.InvalidArgumentError, match="rank 2 or 3"):
        sparse_csr.sparse_tensor_to_csr_sparse_matrix([[0]], tf.constant([1.0]), [2])


def test_nodes_of_a_graph():
    (a, a_parts), (b, b_parts) = sparse(4, 5), sparse(5, 3)
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        parts = [[np.asarray(each) for each in p] for p in (a_parts, b_parts)]
        left, right = (sparse_csr.sparse_tensor_to_csr_sparse_matrix(*p) for p in parts)
        product = sparse_csr.sparse_matrix_sparse_mat_mul(left, right, tf.float32)
        found = sparse_csr.csr_sparse_matrix_to_sparse_tensor(product, tf.float32)
        got = session.run(tf.sparse.to_dense(tf.SparseTensor(*found)))
    np.testing.assert_allclose(got, a @ b, rtol=1e-5, atol=1e-6)
    kinds = {op.type for op in graph.get_operations()}
    assert kinds >= {
        "SparseTensorToCSRSparseMatrix",
        "SparseMatrixSparseMatMul",
        "CSRSparseMatrixToSparseTensor",
    }
