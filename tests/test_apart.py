"""Products stay apart from reductions, and arrays of many dimensions are reduced by XLA's own code (CPU)."""

import re

import numpy as np
import pytest

import reflow as tf
from reflow.compiler import policy
from reflow.compiler.apart import WITHOUT_REDUCTIONS, reduces_many_dimensions, with_products_apart
from reflow.compiler.jax_setup import jax, wide_types

jnp, lax = jax.numpy, jax.lax
v1 = tf.compat.v1


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    monkeypatch.setattr(policy, "forced", ["compile"])


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def computations(text):
    """The computations of a compiled module that are merged into one call."""
    return re.findall(r"^%fused_computation.*?^}", text, re.MULTILINE | re.DOTALL)


def merges(function, *args, options=None):
    text = jax.jit(function).lower(*args).compile(options).as_text()
    return any(" dot(" in each and " reduce(" in each for each in computations(text))


def chain(x, w):
    for _ in range(3):
        x = (x @ x) * 0.1
    return x.sum()


def in_a_loop(x, w):
    return lax.fori_loop(0, 3, lambda i, s: s + jnp.tanh((x + s) @ w).sum(), np.float32(0))


MERGED = {
    "sum": lambda x, w: (x @ w).sum(),
    "columns": lambda x, w: jnp.max(x @ w, 0),
    "mean square": lambda x, w: jnp.square(x @ w - x).mean(),
    "chain": chain,
    "einsum": lambda x, w: jnp.einsum("ij,kj->ik", x, w).sum(0),
    "batch": lambda x, w: jnp.matmul(jnp.stack([x, w]), jnp.stack([w, x])).sum((0, 1)),
    "function": lambda x, w: jax.jit(lambda y: jnp.tanh(y))(x @ w).sum(),
    "loop": in_a_loop,
}


@pytest.mark.parametrize("name", MERGED)
def test_products_are_not_merged_with_reductions(name):
    function, args = MERGED[name], (numbers(64, 64), numbers(64, 64))
    apart = with_products_apart(jax.jit(function).trace(*args).jaxpr)
    assert merges(function, *args)
    compute = jax.extend.core.jaxpr_as_fun(apart)
    assert not merges(compute, *args)
    want = jax.jit(function)(*args)
    np.testing.assert_allclose(jax.jit(compute)(*args)[0], want, rtol=1e-4, atol=1e-3)


KEPT = {
    "no reduction": lambda x, w: x @ w,
    "no product": lambda x, w: (x * w).sum(),
    "result": lambda x, w: ((y := x @ w).sum(), y),
    "another product": lambda x, w: ((y := x @ w).sum(), y @ x),
    "training": jax.value_and_grad(lambda x, w: jnp.square(jnp.tanh(x @ w) - x).mean(), 1),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_xla_keeps_apart_stays_as_it_is(name):
    function, args = KEPT[name], (numbers(64, 64), numbers(64, 64))
    assert not merges(function, *args)
    assert with_products_apart(jax.jit(function).trace(*args).jaxpr) is None


def test_what_is_no_number_and_zeros_keep_their_signs():
    x = np.array([[np.nan, -0.0, np.inf, -np.inf]], np.float32)
    identity = np.eye(4, dtype=np.float32) + np.float32(0)

    def function(x, w):
        return jnp.max(x[:, :2].T @ w[:1] + 0 * w[:2], 0)

    apart = with_products_apart(jax.jit(function).trace(x, identity).jaxpr)
    got = jax.jit(jax.extend.core.jaxpr_as_fun(apart))(x, identity)[0]
    np.testing.assert_array_equal(got, function(x, identity))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_a_product_with_few_rows(dtype):
    """YNNPACK, as it comes with jaxlib 0.10.2, leaves terms out of the last sum."""
    count = 32769 if dtype == np.float32 else 16385
    rows = np.zeros((count, 3), dtype)
    rows[:, 0] = np.arange(count)
    with tf.Graph().as_default(), v1.Session() as session:
        a, b = v1.placeholder(dtype, [3, 3]), v1.placeholder(dtype, [None, 3])
        total = tf.reduce_sum(tf.square(tf.matmul(a, b, transpose_b=True)), 0)
        got = session.run(total, {a: np.eye(3, dtype=dtype), b: rows})
    np.testing.assert_allclose(got, rows[:, 0] ** 2, rtol=1e-6)


def test_sums_of_arrays_of_many_dimensions():
    """YNNPACK, as it comes with jaxlib 0.10.2, writes where it must not."""
    x = numbers(3, 1, 2, 2, 8, 8, 8)
    with tf.Graph().as_default(), v1.Session() as session:
        y = v1.placeholder(tf.float32, x.shape)
        got = session.run(tf.reduce_sum(y * y, 3), {y: x})
    np.testing.assert_allclose(got, (x * x).sum(3), rtol=1e-5)
    again = numbers(3, 1, 8, 8, 8, 8, 8)  # large enough for an executable
    np.testing.assert_allclose(tf.reduce_sum(again, 3), again.sum(3), rtol=1e-5, atol=1e-5)


def test_only_programs_with_many_dimensions_do_without():
    x = numbers(2, 2, 2, 2, 2, 64, 64)

    def function(x):
        return jnp.square(x).sum((0, 1, 5))

    with wide_types():
        assert reduces_many_dimensions(jax.jit(function).trace(x).jaxpr)
        assert not reduces_many_dimensions(jax.jit(function).trace(x[0]).jaxpr)
        assert not reduces_many_dimensions(jax.jit(jnp.square).trace(x).jaxpr)
    lowered = jax.jit(function).lower(x)
    assert "__ynn_fusion" in lowered.compile().as_text()
    assert "__ynn_fusion" not in lowered.compile(WITHOUT_REDUCTIONS).as_text()


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.bfloat16, tf.float16])
@pytest.mark.parametrize("reduce", [tf.reduce_max, tf.reduce_min])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), (1, 2)])
def test_extremes_of_what_is_no_number(axis, reduce, dtype):
    """YNNPACK, as it comes with jaxlib 0.10.2, goes past it; TensorFlow gives it."""
    x = numbers(16, 24, 40)
    x[3, 5, 7], x[3, 5, 8], x[8, 2, 1], x[8, 2, 2] = np.nan, np.inf, -np.inf, np.inf
    with tf.Graph().as_default(), v1.Session() as session:
        y = v1.placeholder(dtype, x.shape)
        got = session.run(tf.cast(reduce(y, axis), tf.float32), {y: x})
    exact = np.asarray(tf.cast(tf.cast(x, dtype), tf.float32))
    of = np.max if reduce is tf.reduce_max else np.min
    np.testing.assert_array_equal(got, of(exact, axis))
