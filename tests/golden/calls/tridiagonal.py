"""Calls of tf.linalg.tridiagonal_solve and tf.linalg.tridiagonal_matmul."""

import numpy as np

_rng = np.random.default_rng(4)

ARRAYS = {
    "d": (_rng.standard_normal((3, 4)) + [[0], [5], [0]]).astype(np.float32),
    "b": (_rng.standard_normal((2, 3, 4)) + [[0], [5], [0]]).astype(np.float32),
    "m": (np.diag([5.0, 6, 7, 8]) + np.diag([1.0, 2, 3], 1) + np.diag([3.0, 2, 1], -1)).astype(
        np.float32
    ),
    "v": _rng.standard_normal(4).astype(np.float32),
    "x": _rng.standard_normal((4, 2)).astype(np.float32),
    "y": _rng.standard_normal((2, 4, 2)).astype(np.float32),
    "c": (_rng.standard_normal((3, 4)) + [[0], [5], [0]] + 1j).astype(np.complex64),
    "cx": (_rng.standard_normal((4, 2)) + 1j).astype(np.complex64),
}

CALLS = """
tf.linalg.tridiagonal_solve(d, v)
tf.linalg.tridiagonal_solve(d, x)
tf.linalg.tridiagonal_solve(b, y)
tf.linalg.tridiagonal_solve(d, tf.transpose(x), transpose_rhs=True)
tf.linalg.tridiagonal_solve([d[0], d[1], d[2]], v, diagonals_format="sequence")
tf.linalg.tridiagonal_solve([d[0, :3], d[1], d[2, 1:]], x, diagonals_format="sequence")
tf.linalg.tridiagonal_solve(m, x, diagonals_format="matrix")
tf.linalg.tridiagonal_solve(d, x, diagonals_format="other")
tf.linalg.tridiagonal_solve(tf.stop_gradient(c), tf.stop_gradient(cx), conjugate_rhs=True)
tf.linalg.tridiagonal_solve(d, x, partial_pivoting=False)
tf.linalg.tridiagonal_matmul(d, x)
tf.linalg.tridiagonal_matmul(b, y)
tf.linalg.tridiagonal_matmul([d[0], d[1], d[2]], x, diagonals_format="sequence")
tf.linalg.tridiagonal_matmul(m, x, diagonals_format="matrix")
tf.linalg.tridiagonal_matmul(d, x, diagonals_format="other")
"""

PROGRAMS = []
