"""Records of tridiagonal matrices: ops/linalg/tridiagonal.py."""

import numpy as np

from .base import bad, c64, f32, f64, record, sample


def stable(make, *shape):
    """Diagonals of which the main one is the largest."""
    diagonals = make(*shape)
    diagonals[..., 1, :] += 5
    return diagonals


PIVOT = np.array([[1.0, 1, 0], [0, 5, 1], [0, 1, 1]])
record(
    "TridiagonalSolve",
    sample(diagonals=stable(f64, 3, 4), rhs=f64(4, 2)),
    sample(diagonals=stable(f32, 2, 3, 5), rhs=f32(2, 5, 3)),
    # TensorFlow forgets a conjugate in its gradient.
    sample(diagonals=stable(c64, 3, 4), rhs=c64(4, 2), gradient=False),
    sample(diagonals=PIVOT, rhs=f64(3, 2)),
    sample(diagonals=stable(f64, 3, 4), rhs=f64(4, 2), partial_pivoting=False),
    sample(diagonals=stable(f64, 3, 1), rhs=f64(1, 2)),
    sample(diagonals=stable(f64, 3, 2), rhs=f64(2, 2)),
    sample(diagonals=np.zeros((3, 0)), rhs=np.zeros((0, 2)), gradient=False),
    sample(diagonals=np.zeros((3, 3)), rhs=f64(3, 2), gradient=False),
    bad=[
        bad(diagonals=f64(2, 4), rhs=f64(4, 2), match="3 rows|must be 3"),
        bad(diagonals=f64(3, 4), rhs=f64(3, 2), match="same number|must be equal"),
        bad(diagonals=f64(2, 3, 4), rhs=f64(4, 2), match="same rank"),
    ],
)
record(
    "TridiagonalMatMul",
    sample(superdiag=f64(1, 4), maindiag=f64(1, 4), subdiag=f64(1, 4), rhs=f64(4, 2)),
    sample(superdiag=f32(2, 1, 4), maindiag=f32(2, 1, 4), subdiag=f32(2, 1, 4), rhs=f32(2, 4, 3)),
    sample(superdiag=c64(1, 3), maindiag=c64(1, 3), subdiag=c64(1, 3), rhs=c64(3, 2)),
    sample(superdiag=f64(1, 1), maindiag=f64(1, 1), subdiag=f64(1, 1), rhs=f64(1, 2)),
    bad=[
        bad(superdiag=f64(1, 3), maindiag=f64(1, 4), subdiag=f64(1, 4), rhs=f64(4, 2), match="superdiag"),
        bad(superdiag=f64(4), maindiag=f64(1, 4), subdiag=f64(1, 4), rhs=f64(4, 2), match="rank"),
    ],
)  # fmt: skip

WELL = f64(3, 5) + [[4.0], [0.0], [4.0]]  # regular as a lower triangle and as an upper one
record(
    "BandedTriangularSolve",
    sample(matrix=WELL, rhs=f64(5, 2)),
    sample(matrix=WELL, rhs=f64(5, 2), lower=False),
    sample(matrix=WELL, rhs=f64(5, 2), adjoint=True),
    sample(matrix=WELL, rhs=f64(2, 5, 1), lower=False, adjoint=True),
    sample(matrix=WELL.astype(np.float32)[None], rhs=f32(2, 5, 3)),
    sample(matrix=(WELL + 1j).astype(np.complex64), rhs=c64(5, 2), adjoint=True),
    sample(matrix=WELL[:1], rhs=f64(5, 2)),
    bad=[
        bad(matrix=f64(2, 4), rhs=f64(3, 2), match="must be equal|mismatch"),
        bad(matrix=f64(4), rhs=f64(4, 2), match="ndims must be|at least rank 2"),
        bad(matrix=f64(2, 4), rhs=f64(4), match="ndims must be|at least rank 2"),
        bad(matrix=f64(2, 4), rhs=np.zeros((4, 0)), match="must not be an empty tensor"),
        bad(matrix=np.zeros((2, 4)), rhs=f64(4, 2), match="not invertible"),
    ],
)
