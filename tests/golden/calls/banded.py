"""Calls of tf.linalg.banded_triangular_solve and tf.linalg.eigh_tridiagonal."""

import numpy as np

_rng = np.random.default_rng(6)


def _bands(*shape):
    """Diagonals of matrices that are far from singular, either way round."""
    bands = _rng.standard_normal(shape)
    bands[..., 0, :] += 4
    bands[..., -1, :] += 4
    return bands.astype(np.float32)


ARRAYS = {
    "d": _bands(3, 5),
    "b": _bands(2, 3, 5),
    "one": _bands(1, 5),
    "wide": _bands(7, 5),
    "c": (_bands(2, 5) + 1j * _rng.standard_normal((2, 5))).astype(np.complex64),
    "x": _rng.standard_normal((5, 2)).astype(np.float32),
    "y": _rng.standard_normal((4, 1, 5, 2)).astype(np.float32),
    "cx": (_rng.standard_normal((5, 2)) + 1j).astype(np.complex64),
    "v": _rng.standard_normal(5).astype(np.float32),
    "u": _rng.standard_normal(4).astype(np.float32),
    "e": _rng.standard_normal(5),
    "f": _rng.standard_normal(4),
    "cu": (_rng.standard_normal(4) + 1j * _rng.standard_normal(4)).astype(np.complex64),
    "n": np.array([0, 2], np.int32),
}

CALLS = """
tf.linalg.banded_triangular_solve(d, x)
tf.linalg.banded_triangular_solve(d, x, lower=False)
tf.linalg.banded_triangular_solve(d, x, adjoint=True)
tf.linalg.banded_triangular_solve(d, x, lower=False, adjoint=True)
tf.linalg.banded_triangular_solve(b, x)
tf.linalg.banded_triangular_solve(b, y, lower=False)
tf.linalg.banded_triangular_solve(d, y, adjoint=True)
tf.linalg.banded_triangular_solve(one, x)
tf.linalg.banded_triangular_solve(one, x, lower=False, adjoint=True)
tf.linalg.banded_triangular_solve(c, cx)
tf.linalg.banded_triangular_solve(c, cx, adjoint=True)
tf.linalg.banded_triangular_solve(c, cx, lower=False)
tf.linalg.banded_triangular_solve(c, cx, lower=False, adjoint=True)
tf.linalg.banded_triangular_solve(d, x[:4])
tf.linalg.banded_triangular_solve(d[0], x)
tf.linalg.banded_triangular_solve(d, v)
tf.linalg.banded_triangular_solve(d * 0.0, x)
tf.linalg.banded_triangular_solve(wide, x)
tf.stop_gradient(tf.linalg.eigh_tridiagonal(v, u))
tf.stop_gradient(tf.linalg.eigh_tridiagonal(e, f))
tf.stop_gradient(tf.linalg.eigh_tridiagonal(tf.cast(v, tf.complex64), cu))
tf.stop_gradient(tf.linalg.eigh_tridiagonal(v, u, select="i", select_range=(1, 3)))
tf.stop_gradient(tf.linalg.eigh_tridiagonal(v, u, select="i", select_range=n))
tf.stop_gradient(tf.linalg.eigh_tridiagonal(v, u, select="v", select_range=(-1.0, 1.0)))
tf.stop_gradient(tf.linalg.eigh_tridiagonal(v, u, select="v", select_range=(30.0, 31.0)))
tf.stop_gradient(tf.abs(tf.linalg.eigh_tridiagonal(e, f, eigvals_only=False)[1]))
tf.stop_gradient(tf.linalg.eigh_tridiagonal(e, f, eigvals_only=False)[0])
tf.stop_gradient(tf.abs(tf.linalg.eigh_tridiagonal(e, f, False, "i", (0, 1))[1]))
tf.stop_gradient(tf.abs(tf.linalg.eigh_tridiagonal(tf.cast(v, tf.complex64), cu, False)[1]))
tf.linalg.eigh_tridiagonal(v, u, select="v", select_range=(2.0, 1.0))
tf.linalg.eigh_tridiagonal(v, u, select="i", select_range=(2, 1))
tf.linalg.eigh_tridiagonal(v, u, select="x")
tf.linalg.eigh_tridiagonal(v, u, select="i")
tf.linalg.eigh_tridiagonal(v, f)
tf.linalg.eigh_tridiagonal(n, n[:1])
"""


def phases(tf, np):
    """What eigenvectors are only fixed up to: the matrix that they make is the same."""
    alpha, beta = ARRAYS["v"].astype(np.complex64), ARRAYS["cu"]
    values, vectors = tf.linalg.eigh_tridiagonal(alpha, beta, eigvals_only=False)
    matrix = vectors @ tf.linalg.diag(tf.cast(values, tf.complex64)) @ tf.linalg.adjoint(vectors)
    one = tf.linalg.eigh_tridiagonal(ARRAYS["v"][:1], ARRAYS["u"][:0])
    none = tf.linalg.eigh_tridiagonal(ARRAYS["v"][:0], ARRAYS["u"][:0])
    inside = tf.linalg.eigh_tridiagonal(ARRAYS["e"], ARRAYS["f"], False, "v", (-1.0, 1.0))[1]
    return [matrix, one, none, tf.abs(inside)]


PROGRAMS = [phases]
