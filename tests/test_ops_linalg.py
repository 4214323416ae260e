"""Linear algebra whose results are fixed only up to signs or order, and gradients of symmetric input."""

import numpy as np
import pytest

import reflow as tf
from reflow.compiler import policy

RNG = np.random.default_rng(5)


def matrices(*shape, dtype=np.float64):
    real = RNG.uniform(-1, 1, shape)
    if np.dtype(dtype).kind == "c":
        real = real + 1j * RNG.uniform(-1, 1, shape)
    return real.astype(dtype)


def self_adjoint(*shape, dtype=np.float64):
    x = matrices(*shape, dtype=dtype)
    return x + np.swapaxes(x.conj(), -1, -2) + 4 * np.diag(np.arange(shape[-1]))


def definite(*shape, dtype=np.float64):
    x = matrices(*shape, dtype=dtype)
    return x @ np.swapaxes(x.conj(), -1, -2) + 2 * np.eye(shape[-1])


def adjoint(x):
    return np.swapaxes(np.conj(x), -1, -2)


def run(f, *values, tier):
    """The results of `f` in a graph that runs in one tier."""
    previous, policy.forced[0] = policy.forced[0], tier
    try:
        with tf.Graph().as_default():
            inputs = [tf.compat.v1.placeholder(v.dtype, v.shape) for v in values]
            outputs = f(*inputs)
            outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
            with tf.compat.v1.Session() as session:
                return session.run(outputs, dict(zip(inputs, values)))
    finally:
        policy.forced[0] = previous


each_tier = pytest.mark.parametrize("tier", ["interpret", "compile"])
each_dtype = pytest.mark.parametrize("dtype", [np.float64, np.complex128], ids=["real", "complex"])


@each_tier
@each_dtype
@pytest.mark.parametrize("full", [False, True], ids=["thin", "full"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (2, 3), (0, 2, 2)], ids=str)
def test_svd_multiplies_back(tier, dtype, full, shape):
    x = matrices(*shape, dtype=dtype)
    s, u, v = run(lambda t: tf.linalg.svd(t, full_matrices=full), x, tier=tier)
    p = min(shape[-2:])
    assert s.dtype == np.float64
    assert (np.diff(s, axis=-1) <= 0).all()
    again = (u[..., :p] * s[..., None, :]) @ adjoint(v[..., :p])
    np.testing.assert_allclose(again, x, atol=1e-12)
    unit = np.eye(u.shape[-1]) + np.zeros((*shape[:-2], 1, 1))
    np.testing.assert_allclose(adjoint(u) @ u, unit, atol=1e-12)


@each_tier
@each_dtype
def test_eigh_multiplies_back_and_reads_one_triangle(tier, dtype):
    x = self_adjoint(2, 3, 3, dtype=dtype)
    spoilt = np.tril(x) + 100 * np.triu(np.ones_like(x), 1)
    e, v = run(tf.linalg.eigh, spoilt, tier=tier)
    (alone,) = run(tf.linalg.eigvalsh, spoilt, tier=tier)
    assert (np.diff(e.real, axis=-1) >= 0).all()
    np.testing.assert_allclose((v * e[..., None, :]) @ adjoint(v), x, atol=1e-10)
    np.testing.assert_allclose(alone, e, atol=1e-10)


@each_tier
def test_eig_solves(tier):
    x = matrices(2, 3, 3)
    e, v = run(tf.linalg.eig, x, tier=tier)
    np.testing.assert_allclose(x @ v, v * e[..., None, :], atol=1e-10)
    (alone,) = run(tf.linalg.eigvals, x, tier=tier)
    np.testing.assert_allclose(np.sort_complex(alone), np.sort_complex(e), atol=1e-10)


@each_tier
def test_cholesky_reads_the_lower_triangle(tier):
    (factor,) = run(tf.linalg.cholesky, np.array([[4.0, 99.0], [2.0, 5.0]]), tier=tier)
    np.testing.assert_allclose(factor, [[2, 0], [1, 2]])


@each_tier
def test_cholesky_of_an_indefinite_matrix_is_nan(tier):
    x = np.stack([np.eye(2), -np.eye(2)])
    (factor,) = run(tf.linalg.cholesky, x, tier=tier)
    np.testing.assert_allclose(factor[0], np.eye(2))
    assert np.isnan(factor[1][np.tril_indices(2)]).all()


# Gradients of functions of self-adjoint matrices, along self-adjoint directions -------------------


def sides(f, x, direction, step=1e-6):
    """The derivative of the real function `f` along `direction`, by the tape and by differences."""
    t = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(t)
        y = f(t)
    gradient = tape.gradient(y, t).numpy()
    rise = f(tf.constant(x + step * direction)) - f(tf.constant(x - step * direction))
    return np.sum(np.real(np.conj(gradient) * direction)), rise.numpy().real / (2 * step)


WEIGHTS = RNG.uniform(-1, 1, (3, 3))


def weighted(t):
    """A real number that depends on every element of `t`."""
    size = list(t.shape[-2:])
    w = tf.cast(tf.constant(np.resize(WEIGHTS, size)), t.dtype)
    return tf.math.real(tf.reduce_sum(t * w))


CASES = {
    "cholesky": (lambda t: weighted(tf.linalg.cholesky(t)), definite),
    "logdet": (lambda t: tf.math.real(tf.linalg.logdet(t)), definite),
    "eigenvalues": (
        lambda t: tf.reduce_sum(tf.math.real(tf.linalg.eigvalsh(t)) ** 3),
        self_adjoint,
    ),
    "eigenvectors": (
        lambda t: weighted(_function_of(*tf.linalg.eigh(t), tf.math.sin)),
        self_adjoint,
    ),
    "root": (lambda t: weighted(tf.linalg.sqrtm(t)), definite),
    "exponential": (lambda t: weighted(tf.linalg.expm(t)), self_adjoint),
    "inverse": (lambda t: weighted(tf.linalg.inv(t)), definite),
    "determinant": (lambda t: tf.math.real(tf.linalg.det(t)), definite),
}


def _function_of(e, v, f):
    return tf.matmul(v * f(e)[..., tf.newaxis, :], v, adjoint_b=True)


@each_dtype
@pytest.mark.parametrize("name", CASES)
def test_gradient_along_self_adjoint_directions(name, dtype):
    f, make = CASES[name]
    x, direction = make(3, 3, dtype=dtype), self_adjoint(3, 3, dtype=dtype)
    got, want = sides(f, x, direction)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


@each_dtype
@pytest.mark.parametrize("shape", [(3, 3), (3, 2), (2, 3)], ids=str)
def test_gradient_of_svd(shape, dtype):
    def f(t):
        s, u, v = tf.linalg.svd(t)
        middle = u * tf.cast(tf.math.sin(s), t.dtype)[..., tf.newaxis, :]
        return weighted(tf.matmul(middle, v, adjoint_b=True)) + tf.reduce_sum(s**3)

    got, want = sides(f, matrices(*shape, dtype=dtype), matrices(*shape, dtype=dtype))
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_gradient_of_singular_values_alone():
    def f(t):
        return tf.reduce_sum(tf.linalg.svd(t, compute_uv=False) ** 3)

    got, want = sides(f, matrices(3, 2), matrices(3, 2))
    np.testing.assert_allclose(got, want, rtol=1e-5)


@each_dtype
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)], ids=str)
def test_gradient_of_qr(shape, dtype):
    def f(t):
        q, r = tf.linalg.qr(t)
        return weighted(q) + weighted(r)

    got, want = sides(f, matrices(*shape, dtype=dtype), matrices(*shape, dtype=dtype))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@each_dtype
def test_gradient_of_eig(dtype):
    def f(t):
        e, v = tf.linalg.eig(t)
        whole = tf.matmul(v * tf.math.sin(e)[..., tf.newaxis, :], tf.linalg.inv(v))
        return weighted(whole) + tf.reduce_sum(tf.math.real(e**3))

    got, want = sides(f, matrices(3, 3, dtype=dtype), matrices(3, 3, dtype=dtype))
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fast", [True, False])
def test_lstsq_agrees_with_the_pseudo_inverse(fast):
    a, b = matrices(4, 2), matrices(4, 3)
    x = tf.linalg.lstsq(a, b, fast=fast).numpy()
    np.testing.assert_allclose(x, np.linalg.pinv(a) @ b, atol=1e-10)


def test_lu_round_trip():
    a, b = matrices(2, 3, 3), matrices(2, 3, 1)
    lu, p = tf.linalg.lu(a)
    np.testing.assert_allclose(tf.linalg.lu_reconstruct(lu, p).numpy(), a, atol=1e-12)
    np.testing.assert_allclose(
        tf.linalg.lu_solve(lu, p, b).numpy(), np.linalg.solve(a, b), atol=1e-10
    )
    np.testing.assert_allclose(
        tf.linalg.lu_matrix_inverse(lu, p).numpy(), np.linalg.inv(a), atol=1e-10
    )


@pytest.mark.parametrize("ord", [1, 2, np.inf, "fro"], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_matrix_norms(ord, keepdims):
    x = matrices(2, 3, 4)
    got = tf.norm(tf.constant(x), ord, axis=[0, -1], keepdims=keepdims).numpy()
    np.testing.assert_allclose(got, np.linalg.norm(x, ord, (0, -1), keepdims), atol=1e-12)


def test_matrix_rank_and_pinv():
    x = matrices(4, 2) @ matrices(2, 3)
    assert tf.linalg.matrix_rank(tf.constant(x)).numpy() == 2
    np.testing.assert_allclose(tf.linalg.pinv(tf.constant(x)).numpy(), np.linalg.pinv(x), atol=1e-8)


# Scans whose first result is infinite -------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
def test_exclusive_cumulative_logsumexp(reverse):
    x = matrices(2, 5)

    def f(t):
        result = tf.math.cumulative_logsumexp(t, 1, exclusive=True, reverse=reverse)
        return result[:, :-1] if reverse else result[:, 1:]

    got, want = sides(lambda t: tf.reduce_sum(f(t) ** 2), x, matrices(2, 5))
    np.testing.assert_allclose(got, want, rtol=1e-6)
    ends = tf.math.cumulative_logsumexp(tf.constant(x), 1, exclusive=True, reverse=reverse).numpy()
    assert (ends[:, -1 if reverse else 0] == -np.inf).all()
