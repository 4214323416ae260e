"""Ops of ops/sparse/csr.py: their matrices are variants, which no record can describe."""

from .base import tested_elsewhere

tested_elsewhere(
    "test_sparse_csr.py",
    "SparseTensorToCSRSparseMatrix",
    "CSRSparseMatrixToSparseTensor",
    "SparseMatrixSparseMatMul",
)
