"""Records of linear algebra: ops/linalg/matmul.py, einsum.py, matrix_diag.py, solve.py, decompositions.py."""

import numpy as np

from .base import arr, bad, bools, c64, f32, f64, floats, i32, i64, ints, record, sample

# Products -----------------------------------------------------------------------------------------

FIT = "Dimensions must be equal|incompatible|must be equal"
record(
    "MatMul",
    *(
        sample(a=f32(*((4, 2) if ta else (2, 4))), b=f32(*((3, 4) if tb else (4, 3))),
               transpose_a=ta, transpose_b=tb)
        for ta in (False, True) for tb in (False, True)
    ),
    sample(a=f64(2, 3), b=f64(3, 1)),
    sample(a=f32(2, 0), b=f32(0, 3)),
    sample(a=f32(0, 2), b=f32(2, 3)),
    sample(a=ints(2, 3), b=ints(3, 2)),
    sample(a=ints(2, 3, dtype="int64"), b=ints(3, 2, dtype="int64")),
    sample(a=c64(2, 3), b=c64(3, 2)),
    sample(a=c64(3, 2), b=c64(4, 3), transpose_a=True, transpose_b=True),
    sample(a=floats(2, 5, dtype="bfloat16"), b=floats(5, 3, dtype="bfloat16")),
    sample(a=floats(2, 5, dtype="float16"), b=floats(5, 3, dtype="float16")),
    bad=[
        bad(a=f32(2, 3), b=f32(2, 3), match=FIT),
        bad(a=f32(2), b=f32(2, 3), match="rank 2|not a matrix"),
    ],
)  # fmt: skip
record(
    "BatchMatMul",
    sample(x=f32(2, 3, 4), y=f32(2, 4, 1)),
    sample(x=f64(2, 4, 3), y=f64(2, 1, 4), adj_x=True, adj_y=True),
    sample(x=c64(1, 2, 3), y=c64(1, 4, 3), adj_y=True),
    sample(x=ints(2, 2, 2), y=ints(2, 2, 2)),
    bad=[bad(x=f32(2, 3, 4), y=f32(2, 3, 4), match=FIT)],
)
record(
    "BatchMatMulV2",
    sample(x=f32(2, 3, 4), y=f32(4, 1)),
    sample(x=f32(2, 1, 3, 4), y=f32(5, 4, 2)),
    sample(x=f64(2, 4, 3), y=f64(1, 2, 4), adj_x=True, adj_y=True),
    sample(x=c64(3, 2, 2), y=c64(1, 4, 2), adj_y=True),
    sample(x=c64(2, 2), y=c64(2, 2), adj_x=True),
    sample(x=ints(2, 2, 2), y=ints(2, 2)),
    sample(x=f32(0, 2, 3), y=f32(3, 2)),
    sample(x=f32(2, 2, 0), y=f32(2, 0, 3)),
    sample(x=floats(2, 3, 4, dtype="float16"), y=floats(4, 2, dtype="float16")),
    sample(x=floats(2, 3, 4, dtype="bfloat16"), y=floats(4, 2, dtype="bfloat16")),
    bad=[
        bad(x=f32(2, 3, 4), y=f32(2, 3, 4), match=FIT),
        bad(x=f32(2, 3, 4), y=f32(3, 4, 3), match="compatible|must be equal"),
    ],
)
record(
    "BatchMatMulV3",
    sample(x=f32(2, 3, 4), y=f32(4, 1), Tout="float32"),
    sample(x=ints(2, 3, lo=-100, hi=100, dtype="int8"), y=ints(3, 2, lo=-100, hi=100, dtype="int8"),
           Tout="int32"),
    bad=[bad(x=f32(2, 3, 4), y=f32(2, 3, 4), Tout="float32", match=FIT)],
)  # fmt: skip
record(
    "SparseMatMul",
    sample(a=f32(2, 3), b=f32(3, 4)),
    sample(a=f32(3, 2), b=f32(4, 3), transpose_a=True, transpose_b=True),
    sample(a=f32(2, 3), b=f32(4, 3), transpose_b=True, b_is_sparse=True),
    sample(a=floats(2, 3, dtype="bfloat16"), b=f32(3, 4), a_is_sparse=True),
    bad=[bad(a=f32(2, 3), b=f32(2, 3), match=FIT)],
)
record(
    "Einsum",
    sample(inputs=[f32(2, 3), f32(3, 4)], equation="ij,jk->ik"),
    sample(inputs=[f32(5, 2, 3), f32(5, 4, 3)], equation="bij,bkj->kbi"),
    sample(inputs=[f64(2, 3), f64(4, 5)], equation="ij,kl->lkji"),
    sample(inputs=[f32(2, 3), f32(4, 3)], equation="ij,kj->k"),
    sample(inputs=[f32(3, 3)], equation="ii->"),
    sample(inputs=[f32(3, 3, 2)], equation="iij->ji"),
    sample(inputs=[f32(3, 2)], equation="ij->iij"),
    sample(inputs=[f32(2, 3, 4)], equation="ijk->ki"),
    sample(inputs=[f32(2, 3, 4), f32(4, 5)], equation="...j,jk->...k"),
    sample(inputs=[f32(6, 1, 2, 3), f32(5, 3, 4)], equation="...ij,...jk->...ik"),
    sample(inputs=[f32(2, 3, 4), f32(2, 4, 3)], equation="a...b,ab...->..."),
    sample(inputs=[f32(2, 1, 3), f32(4, 3)], equation="a...b,...b->a..."),
    sample(inputs=[c64(2, 3), c64(3, 2)], equation="ij,jk->ki"),
    sample(inputs=[ints(2, 3), ints(3, 2)], equation="ij,jk->ik"),
    sample(inputs=[f32(2, 2, 3), f32(3, 2)], equation="iij,ji->i"),
    sample(inputs=[floats(2, 3, dtype="bfloat16"), floats(3, 4, dtype="bfloat16")],
           equation="ij,jk->ik"),
    sample(inputs=[f32(0, 3), f32(3, 2)], equation="ij,jk->ik"),
    sample(inputs=[f32(), f32(3)], equation=",i->i"),
    bad=[
        bad(inputs=[f32(2, 3), f32(2, 3)], equation="ij,jk->ik", match="[Ee]xpected dimension|must"),
        bad(inputs=[f32(2, 3)], equation="ijk->k", match="rank|does not fit"),
        bad(inputs=[f32(2, 3)], equation="ij->k", match="[Oo]utput subscript"),
    ],
)  # fmt: skip
record(
    "Cross",
    sample(a=f32(2, 3), b=f32(2, 3)),
    sample(a=ints(3), b=ints(3)),
    sample(a=f64(3), b=f64(3)),
    bad=[bad(a=f32(2), b=f32(2), match="3")],
)

# Bands and diagonals ------------------------------------------------------------------------------

for name in ("MatrixBandPart",):
    record(
        name,
        sample(input=f32(4, 5), num_lower=i64(1), num_upper=i64(2)),
        sample(input=f32(2, 3, 3), num_lower=i64(-1), num_upper=i64(0)),
        sample(input=f64(3, 2), num_lower=i32(0), num_upper=i32(-1)),
        sample(input=ints(3, 3), num_lower=i64(0), num_upper=i64(0)),
        sample(input=bools(3, 3), num_lower=i64(1), num_upper=i64(0)),
        sample(input=f32(0, 3, 3), num_lower=i64(1), num_upper=i64(0)),
        bad=[bad(input=f32(2, 2), num_lower=i64(3), num_upper=i64(0), match="num_lower must be")],
    )
record("MatrixDiag", sample(diagonal=f32(3)), sample(diagonal=f32(2, 3)), sample(diagonal=ints(2, 0)),
       sample(diagonal=c64(2)))  # fmt: skip
record("MatrixDiagPart", sample(input=f32(3, 3)), sample(input=f32(2, 3, 4)), sample(input=ints(4, 2)),
       bad=[bad(input=f32(3), match="rank 2|at least 2")])  # fmt: skip
record("MatrixSetDiag", sample(input=f32(3, 3), diagonal=f32(3)),
       sample(input=f32(2, 3, 4), diagonal=f32(2, 3)), sample(input=ints(4, 2), diagonal=ints(2)),
       bad=[bad(input=f32(3, 3), diagonal=f32(2), match="diagonal|must be equal|Dimension")])  # fmt: skip


def k(*values):
    return i32(values[0] if len(values) == 1 else values)


zero, seven = arr(0, "float32"), arr(7, "float32")
for version, aligns in (
    ("V2", ()),
    ("V3", ("LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT")),
):
    kinds = [{"align": align} for align in aligns] or [{}]
    own = version == "V3"  # TensorFlow's gradient of V2 aligns diagonals as V3 does
    record(
        f"MatrixDiag{version}",
        *(
            sample(diagonal=f32(2, 3, 4), k=k(-1, 1), num_rows=i32(-1), num_cols=i32(-1),
                   padding_value=seven, gradient=own, **kind)
            for kind in kinds
        ),
        *(
            sample(diagonal=f32(4, 3), k=k(-2, 1), num_rows=i32(3), num_cols=i32(4),
                   padding_value=zero, gradient=own, **kind)
            for kind in kinds
        ),
        sample(diagonal=f32(3), k=k(1), num_rows=i32(-1), num_cols=i32(-1), padding_value=zero),
        sample(diagonal=f32(2, 2), k=k(-1), num_rows=i32(3), num_cols=i32(4), padding_value=seven),
        sample(diagonal=ints(2, 3), k=k(0), num_rows=i32(3), num_cols=i32(5), padding_value=i32(9)),
        bad=[bad(diagonal=f32(3), k=k(0), num_rows=i32(2), num_cols=i32(-1), padding_value=zero,
                 match="[Nn]um_rows|number of rows")],
        grad=["diagonal"],
    )  # fmt: skip
    record(
        f"MatrixDiagPart{version}",
        *(sample(input=f32(2, 3, 4), k=k(-1, 2), padding_value=seven, gradient=own, **kind)
          for kind in kinds),
        *(sample(input=f32(4, 2), k=k(-3, 0), padding_value=zero, gradient=own, **kind)
          for kind in kinds),
        sample(input=f32(3, 3), k=k(1), padding_value=zero),
        sample(input=ints(2, 3, 3), k=k(0), padding_value=i32(0)),
        sample(input=f32(3, 4), k=k(-1, -1), padding_value=zero),
        bad=[bad(input=f32(3, 3), k=k(5), padding_value=zero, match="out of bound|diag_index")],
        grad=["input"],
    )  # fmt: skip
    record(
        f"MatrixSetDiag{version}",
        *(sample(input=f32(2, 3, 4), diagonal=f32(2, 3, 3), k=k(-1, 1), gradient=own, **kind)
          for kind in kinds),
        sample(input=f32(3, 3), diagonal=f32(2), k=k(-1)),
        sample(input=ints(2, 3, 3), diagonal=ints(2, 3), k=k(0)),
        bad=[bad(input=f32(3, 3), diagonal=f32(2), k=k(0), match="diagonal|must fit|Dimension")],
    )  # fmt: skip
record("Diag", sample(diagonal=f32(3)), sample(diagonal=f32(2, 3)), sample(diagonal=ints(0)))
record("DiagPart", sample(input=f32(3, 3)), sample(input=f64(2, 3, 2, 3)), sample(input=ints(2, 2)),
       bad=[bad(input=f32(2, 3), match="must be equal|incompatible|Invalid"),
            bad(input=f32(2, 2, 2), match="even")])  # fmt: skip

# Solving ------------------------------------------------------------------------------------------


def regular(*shape, dtype="float32"):
    """Well conditioned matrices: a random one plus some times the identity."""
    return (floats(*shape, dtype=dtype) + 3 * np.eye(shape[-1], dtype=dtype)).astype(dtype)


def definite(*shape, dtype="float32"):
    """Positive definite matrices, of multiples of 1/64: a product's last bits depend on the processor."""
    x = floats(*shape, dtype=dtype)
    product = np.round(64 * (x @ np.swapaxes(x.conj(), -1, -2))) / 64
    return (product + 2 * np.eye(shape[-1], dtype=dtype)).astype(dtype)


LOOSE = {"float32": 2e-4, "complex64": 2e-4, "float64": 1e-9, "complex128": 1e-9}
LOSES = "solving multiplies rounding errors by the condition number"
record(
    "MatrixInverse",
    sample(input=regular(3, 3)),
    sample(input=regular(2, 2, 2, dtype="float64"), adjoint=True),
    sample(input=regular(2, 2, dtype="complex64"), adjoint=True),
    sample(input=f32(0, 2, 2)),
    sample(input=f32(0, 0)),
    bad=[
        bad(input=np.zeros((2, 2), np.float32), match="not invertible"),
        bad(input=f32(2, 3), match="must be equal|square"),
    ],
    tol=LOOSE,
    why=LOSES,
)
record(
    "MatrixDeterminant",
    sample(input=regular(3, 3)),
    sample(input=regular(2, 2, 2, dtype="float64")),
    sample(input=f32(0, 0)),
    sample(input=regular(2, 2, dtype="complex64")),
    bad=[bad(input=f32(2, 3), match="must be equal|square")],
    tol=LOOSE,
    why=LOSES,
)
record(
    "LogMatrixDeterminant",
    sample(input=regular(3, 3)),
    sample(input=regular(2, 2, 2, dtype="float64")),
    sample(input=regular(2, 2, dtype="complex64")),
    sample(input=np.zeros((2, 2), np.float32), gradient=False),
    bad=[bad(input=f32(2, 3), match="must be equal|square")],
    tol=LOOSE,
    why=LOSES,
)
record(
    "MatrixSolve",
    sample(matrix=regular(3, 3), rhs=f32(3, 2)),
    sample(matrix=regular(2, 2, 2, dtype="float64"), rhs=f64(2, 2, 1), adjoint=True),
    sample(matrix=regular(2, 2, dtype="complex64"), rhs=c64(2, 3), adjoint=True),
    sample(matrix=f32(0, 0), rhs=f32(0, 2)),
    bad=[
        bad(matrix=np.zeros((2, 2), np.float32), rhs=f32(2, 1), match="not invertible"),
        bad(matrix=f32(2, 2), rhs=f32(3, 1), match="must be equal|incompatible"),
    ],
    tol=LOOSE,
    why=LOSES,
)
record(
    "MatrixTriangularSolve",
    sample(matrix=regular(3, 3), rhs=f32(3, 2)),
    sample(matrix=regular(3, 3), rhs=f32(3, 2), lower=False),
    sample(matrix=regular(3, 3, dtype="float64"), rhs=f64(3, 2), adjoint=True),
    sample(matrix=regular(2, 3, 3), rhs=f32(3, 2), lower=False, adjoint=True),
    sample(matrix=regular(2, 2), rhs=f32(3, 2, 1)),
    sample(matrix=regular(2, 2, dtype="complex64"), rhs=c64(2, 3), adjoint=True),
    bad=[bad(matrix=f32(2, 2), rhs=f32(3, 1), match="must be equal|incompatible")],
    tol=LOOSE,
    why=LOSES,
)
record(
    "MatrixSolveLs",
    sample(matrix=f32(4, 2), rhs=f32(4, 3), l2_regularizer=arr(0.1, "float64")),
    sample(matrix=f64(2, 4), rhs=f64(2, 3), l2_regularizer=arr(0.1, "float64")),
    sample(matrix=f64(2, 4, 3), rhs=f64(2, 4, 1), l2_regularizer=arr(0, "float64")),
    bad=[bad(matrix=f32(4, 2), rhs=f32(3, 3), l2_regularizer=arr(0, "float64"),
             match="must be equal|same number of rows")],
    grad=["matrix", "rhs"],
    tol=LOOSE,
    why=LOSES,
)  # fmt: skip

# Decompositions -----------------------------------------------------------------------------------

record(
    "Cholesky",
    sample(input=definite(3, 3), gradient=False),
    sample(input=definite(2, 2, 2, dtype="float64"), gradient=False),
    sample(input=definite(2, 2, dtype="complex64"), gradient=False),
    sample(input=arr([[4, 99], [2, 5]], "float32"), gradient=False),
    sample(input=f32(0, 0)),
    bad=[bad(input=f32(2, 3), match="must be equal|square")],
    tol=LOOSE,
    why=LOSES,
)
record(
    "CholeskyGrad",
    sample(l=np.tril(regular(3, 3)), grad=np.tril(f32(3, 3))),
    sample(l=np.tril(regular(2, 2, 2, dtype="float64")), grad=np.tril(f64(2, 2, 2))),
    grad=False,
    why="TensorFlow has no gradient for it",
    tol=LOOSE,
)
record(
    "Qr",
    sample(input=f32(4, 2)),
    sample(input=f32(3, 3)),
    sample(input=f64(2, 2, 4)),
    sample(input=f64(4, 2), full_matrices=True, gradient=False),
    sample(input=c64(3, 2), gradient=False),
    bad=[bad(input=f32(2), match="rank 2|at least 2")],
    tol=LOOSE,
    why=LOSES,
)
record(
    "Svd",
    sample(input=f32(3, 2), compute_uv=True),
    sample(input=f64(2, 4), full_matrices=False),
    sample(input=f64(3, 3)),
    sample(input=f64(2, 3, 2), full_matrices=True),
    grad=False,
    oracle=False,
    why="the signs of singular vectors are a matter of the library: test_ops_linalg.py looks at them",
    tol=LOOSE,
)
record(
    "SelfAdjointEigV2",
    sample(input=definite(3, 3)),
    sample(input=definite(2, 2, 2, dtype="float64")),
    sample(input=arr([[2, 99], [1, 3]], "float32")),
    grad=False,
    oracle=False,
    why="the signs of eigenvectors are a matter of the library: test_ops_linalg.py looks at them",
    tol=LOOSE,
)
record(
    "Eig",
    sample(input=f32(3, 3), Tout="complex64"),
    sample(input=f64(2, 2, 2), Tout="complex128"),
    grad=False,
    oracle=False,
    why="the order of eigenvalues is a matter of the library: test_ops_linalg.py looks at them",
    tol=LOOSE,
)
record(
    "Lu",
    sample(input=f32(3, 3)),
    sample(input=f64(2, 4, 4), output_idx_type="int64"),
    sample(input=c64(2, 2), gradient=False),
    bad=[
        bad(input=np.zeros((2, 2), np.float32), match="not invertible"),
        bad(input=f32(2, 3), match="must be equal|square"),
    ],
    tol=LOOSE,
    why=LOSES,
)
record(
    "MatrixExponential",
    sample(input=f32(3, 3)),
    sample(input=f64(2, 2, 2)),
    sample(input=c64(2, 2)),
    oracle=False,
    why="TensorFlow's op is withdrawn: it composes the function of others",
    tol=LOOSE,
)
record("MatrixLogarithm", sample(input=definite(3, 3, dtype="complex64")),
       sample(input=definite(2, 2, 2, dtype="complex128")), tol=LOOSE, why=LOSES)  # fmt: skip
record("MatrixSquareRoot", sample(input=definite(3, 3)), sample(input=definite(2, 2, 2, dtype="float64")),
       sample(input=definite(2, 2, dtype="complex64"), gradient=False), tol=LOOSE, why=LOSES)  # fmt: skip

# Names of old graphs ------------------------------------------------------------------------------

OLD = {"oracle": False, "why": "an old name, which TensorFlow has withdrawn", "tol": LOOSE}
record("BatchMatrixBandPart", sample(input=f32(2, 3, 3), num_lower=i64(0), num_upper=i64(1)), **OLD)
record("BatchMatrixDiag", sample(diagonal=f32(2, 3)), **OLD)
record("BatchMatrixDiagPart", sample(input=f32(2, 3, 3)), **OLD)
record("BatchMatrixSetDiag", sample(input=f32(2, 3, 3), diagonal=f32(2, 3)), **OLD)
record("BatchMatrixInverse", sample(input=regular(2, 3, 3)), **OLD)
record("BatchMatrixDeterminant", sample(input=regular(2, 3, 3)), **OLD)
record("BatchMatrixSolve", sample(matrix=regular(2, 3, 3), rhs=f32(2, 3, 1)), **OLD)
record("BatchMatrixTriangularSolve", sample(matrix=regular(2, 3, 3), rhs=f32(2, 3, 1)), **OLD)
record("BatchMatrixSolveLs", sample(matrix=f32(2, 4, 3), rhs=f32(2, 4, 1),
                                    l2_regularizer=arr(0, "float64")), grad=["rhs"], **OLD)  # fmt: skip
record("BatchCholesky", sample(input=definite(2, 2, 2)), grad=False, **OLD)
record("BatchCholeskyGrad", sample(l=np.tril(regular(2, 3, 3)), grad=np.tril(f32(2, 3, 3))),
       grad=False, **OLD)  # fmt: skip
record("BatchSvd", sample(input=f32(2, 3, 2)), grad=False, **OLD)
record("BatchSelfAdjointEigV2", sample(input=definite(2, 3, 3)), grad=False, **OLD)
