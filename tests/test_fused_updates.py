"""Updates of variables by native calls, against NumPy and XLA's own code."""

import numpy as np
import pytest

import reflow as tf
from reflow.compiler import policy
from reflow.compiler.fused_updates import with_fused_updates
from reflow.compiler.jax_setup import jax
from reflow.kernels import library

pytestmark = pytest.mark.skipif(
    library.library() is None, reason=f"native kernels: {library.status()}"
)
jnp = jax.numpy


def updated(function, state, *others, results=0):
    """What `function(*state, *others)` gives: first results, then as much new state as there is state.

    Twice: as XLA computes it, and with updates by native calls; and how many of these there are.
    """
    arguments = [jnp.asarray(each) for each in (*state, *others)]
    traced = jax.jit(function).trace(*arguments).jaxpr
    places = [(results + i, i) for i in range(len(state))]
    fused = with_fused_updates(traced, places)
    assert fused is not None
    given = jax.jit(fused).trace(*arguments).jaxpr
    calls = sum(equation.primitive.name == "ffi_call" for equation in given.jaxpr.eqns)
    donated = jax.jit(fused, donate_argnums=tuple(range(len(state))))
    want = [np.asarray(each) for each in jax.jit(function)(*arguments)]
    copies = [jnp.array(each) for each in arguments]
    return want, [np.asarray(each) for each in donated(*copies)], calls


def adam(w, m, v, g, step):
    m = m + (g - m) * np.float32(0.1)
    v = v + (g * g - v) * np.float32(0.001)
    rate = np.float32(0.01) * jnp.sqrt(1 - step) / (1 - step * step)
    return w - rate * m / (jnp.sqrt(v) + np.float32(1e-7)), m, v


def numbers(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("size", [1, 7, 255, 256, 257, 32767, 65536, 100_003])
def test_adam(size):
    rng = np.random.default_rng(size)
    state = [numbers(rng, size), numbers(rng, size), abs(numbers(rng, size))]
    want, got, calls = updated(adam, state, numbers(rng, size), np.float32(0.5))
    assert calls == 1
    for one, other in zip(want, got):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)


def test_every_operation_is_that_of_numpy():
    rng = np.random.default_rng(0)
    a, b = numbers(rng, 3, 411), numbers(rng, 3, 411)
    a[0, :4] = b[0, 2:6] = np.nan, np.inf, -np.inf, 0.0
    steps = {
        "add": (lambda x, y: x + y, np.add),
        "sub": (lambda x, y: x - y, np.subtract),
        "mul": (lambda x, y: x * y, np.multiply),
        "div": (lambda x, y: x / y, np.divide),
        "max": (jnp.maximum, np.maximum),
        "min": (jnp.minimum, np.minimum),
        "neg": (lambda x, y: -x * y, lambda x, y: -x * y),
        "abs": (lambda x, y: abs(x) * y, lambda x, y: abs(x) * y),
        "sqrt": (lambda x, y: jnp.sqrt(x) * y, lambda x, y: np.sqrt(x) * y),
        "square": (lambda x, y: jnp.square(x) * y, lambda x, y: x * x * y),
        "power": (lambda x, y: x**2 * y, lambda x, y: x * x * y),
    }
    for name, (traced, reference) in steps.items():
        _, (got,), _ = updated(lambda x, y, step=traced: (step(x, y) * np.float32(2),), [a], b)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(got, reference(a, b) * np.float32(2), err_msg=name)


def test_roots_in_the_denominator():
    x = np.linspace(0.1, 9, 1000, dtype=np.float32)
    _, (got,), _ = updated(lambda x: (jax.lax.rsqrt(x) * 2 - 1,), [x])
    np.testing.assert_allclose(got, 2 / np.sqrt(x.astype(np.float64)) - 1, rtol=1e-6, atol=2e-7)


def test_what_is_overwritten_and_read_later_is_written_at_the_end():
    rng = np.random.default_rng(1)
    a, b = numbers(rng, 1000), numbers(rng, 1000)

    def step(a, b):
        new = a + b  # takes the memory of `a`, which the other still reads
        return new, (new * a - b) * a

    want, got, calls = updated(step, [a, b])
    assert calls == 1
    np.testing.assert_array_equal(got[0], a + b)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-5, atol=1e-6)


def test_variables_that_change_places():
    rng = np.random.default_rng(2)
    a, b = numbers(rng, 500), numbers(rng, 500)
    _, got, calls = updated(lambda a, b: (b * 2 + 1, a * 3 + 1), [a, b])
    assert calls == 2
    np.testing.assert_array_equal(got[0], b * 2 + 1)
    np.testing.assert_array_equal(got[1], a * 3 + 1)


def test_values_that_others_take_too_stay_outside():
    rng = np.random.default_rng(3)
    w, g = numbers(rng, 6, 7), numbers(rng, 6, 7)

    def step(w, g):
        clipped = jnp.minimum(g * 2, 1)
        return clipped.sum(), w - clipped * jnp.float32(0.1)

    want, got, calls = updated(step, [w], g, results=1)
    assert calls == 1
    for one, other in zip(want, got):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-6)


def test_state_that_is_taken_within_the_run_is_left_to_xla():
    def step(w, g):
        w = w - g * jnp.float32(0.1)
        return jnp.dot(w, w), w

    traced = jax.jit(step).trace(jnp.ones(5), jnp.ones(5)).jaxpr
    assert with_fused_updates(traced, [(1, 0)]) is None


def test_other_dtypes_scalars_and_empty_arrays_are_left_to_xla():
    for value in (np.ones(4, np.int32), np.float32(1), np.ones((0, 3), np.float32)):
        traced = jax.jit(lambda x: (x * 2 + 1,)).trace(jnp.asarray(value)).jaxpr
        assert with_fused_updates(traced, [(0, 0)]) is None


def test_many_temporary_values():
    rng = np.random.default_rng(4)
    w, g = numbers(rng, 700), numbers(rng, 700)

    def step(w, g):
        parts = [g * np.float32(i) + w for i in range(30)]  # all alive until the sums
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return (total,)

    _, (got,), calls = updated(step, [w], g)
    assert calls == 1
    np.testing.assert_allclose(got, 30 * w + 435 * g, rtol=1e-4, atol=1e-3)


def trained(steps):
    """Variables and losses after training with each of some optimizers."""
    found = []
    for optimizer in (
        tf.compat.v1.train.AdamOptimizer(0.05),
        tf.compat.v1.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True),
        tf.compat.v1.train.RMSPropOptimizer(0.05),
        tf.compat.v1.train.AdagradOptimizer(0.05),
        tf.compat.v1.train.GradientDescentOptimizer(0.05),
    ):
        with tf.Graph().as_default():
            rng = np.random.default_rng(5)
            x = tf.constant(numbers(rng, 16, 9))
            w = tf.compat.v1.get_variable("w", initializer=numbers(rng, 9, 4))
            b = tf.compat.v1.get_variable("b", initializer=numbers(rng, 4))
            loss = tf.reduce_mean(tf.square(tf.tanh(x @ w + b) - 0.5))
            train = optimizer.minimize(loss)
            with tf.compat.v1.Session() as session:
                session.run(tf.compat.v1.global_variables_initializer())
                for _ in range(steps):
                    session.run(train)
                found += session.run([w, b, loss])
    return found


def test_training(monkeypatch):
    monkeypatch.setattr(policy, "forced", ["compile"])
    native = trained(6)
    monkeypatch.setattr(policy, "forced", ["interpret"])
    for one, other in zip(native, trained(6)):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
