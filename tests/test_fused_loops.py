"""Element-wise operations in the bodies of loops by native calls, against XLA's own code and float64."""

import numpy as np
import pytest

import reflow as tf
from reflow.compiler import policy
from reflow.compiler.fused_loops import with_fused_loops
from reflow.compiler.jax_setup import jax
from reflow.kernels import library

pytestmark = pytest.mark.skipif(
    library.library() is None, reason=f"native kernels: {library.status()}"
)
jnp, lax = jax.numpy, jax.lax
STEPS = 3


def numbers(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def programs(closed):
    """How many native programs there are in the bodies of loops."""
    found = 0
    for equation in closed.jaxpr.eqns:
        if equation.primitive.name == "while":
            body = equation.params["body_jaxpr"]
            found += programs(body)
            found += sum(
                each.primitive.name == "ffi_call"
                and each.params["target_name"] == "reflow_elements"
                for each in body.jaxpr.eqns
            )
        for name in ("jaxpr", "branches"):
            inner = equation.params.get(name, ())
            for each in inner if isinstance(inner, tuple) else (inner,):
                found += programs(each) if hasattr(each, "jaxpr") else 0
    return found


def looped(body, *start):
    """What a loop of a few iterations gives, as XLA computes it and with native calls; how many of these."""

    def run(*start):
        return lax.while_loop(
            lambda carry: carry[0] < STEPS,
            lambda carry: (carry[0] + 1, *body(*carry)),
            (jnp.int32(0), *start),
        )

    traced = jax.jit(run).trace(*start)
    fused = with_fused_loops(traced.jaxpr)
    want = [np.asarray(each) for each in jax.jit(run)(*start)]
    if fused is None:
        return want, None, 0
    compute = jax.jit(jax.extend.core.jaxpr_as_fun(fused))
    got = [np.asarray(each) for each in compute(*(jnp.array(each) for each in start))]
    return want, got, programs(fused)


def check(body, *start, calls=1, tolerance=2e-6):
    want, got, found = looped(body, *start)
    assert found == calls
    for one, other in zip(want, got, strict=True):
        np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance)


SPECIAL = np.array(
    [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-40, -1e-40, 88.7, 89.0, -88.0, -104.0, 1e30, -1e30],
    np.float32,
)
FUNCTIONS = {
    "exp": (jnp.exp, np.exp),
    "tanh": (jnp.tanh, np.tanh),
    "logistic": (lax.logistic, lambda x: 1 / (1 + np.exp(-x))),
}


def applied(function, x):
    """A function by the native kernel, and by XLA."""

    def body(k, x, y):
        none = jnp.where(x > np.float32(np.inf), x, np.float32(0))  # more operations, for a program
        return x, lax.select(none > 1, none, function(x))

    want, got, calls = looped(body, x, x)
    assert calls == 1
    return got[2], want[2]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_within_a_few_units_of_float64(name):
    traced, exact = FUNCTIONS[name]
    for scale in (1e-3, 0.3, 3.0, 30.0):
        x = np.clip(numbers(1, 64, 300) * np.float32(scale), -86, 88).astype(np.float32)
        got, _ = applied(traced, x)
        want = exact(x.astype(np.float64))
        units = np.spacing(np.abs(want).astype(np.float32)).astype(np.float64)
        assert (np.abs(got - want) / units).max() <= 4


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_numbers_are_treated_as_by_xla(name):
    x = np.resize(SPECIAL, (8, 200))
    got, want = applied(FUNCTIONS[name][0], x)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-37)


def test_every_operation():
    a, b = numbers(0, 7, 411), numbers(1, 7, 411)
    a[0, :4] = b[0, 2:6] = np.nan, np.inf, -np.inf, 0.0

    def body(k, a, b, *_):
        either = (a < b) & (a <= 1) | ~(b > 0.5)
        other = (a >= b) & (a != b) | (a == 1)
        return (
            a,
            b,
            jnp.maximum(a, b) + jnp.minimum(a, -b) / abs(b),
            jnp.sqrt(abs(a)) - lax.rsqrt(abs(b)) * a**2,
            jnp.where(either, a, b) * jnp.square(b),
            either,
            other.astype(jnp.float32),
        )

    masks = np.zeros(a.shape, bool)
    check(body, a, b, a, a, a, masks, a)


@pytest.mark.parametrize(
    "shape", [(1, 1024), (32, 64), (5, 257), (3, 4, 100), (1500, 1), (40, 700)]
)
def test_forms(shape):
    x, row, column = numbers(0, *shape), numbers(1, *shape[-1:]), numbers(2, *shape[:-1], 1)

    def body(k, x, row, column):
        return jnp.tanh(x * row + column) - row / (1 + column * column), row, column

    check(body, x, row, column)


def test_scalars_that_are_computed():
    def body(k, x, rate):
        return x * rate + jnp.tanh(x) * (rate - 1) + k.astype(jnp.float32), rate * np.float32(0.5)

    check(body, numbers(0, 20, 100), np.float32(0.3))


@pytest.mark.parametrize("batch", [4, 32])
def test_a_cell_takes_columns_and_writes_lists(batch):
    units, depth = 256, 20
    x, w, b = (
        numbers(0, STEPS, batch, depth),
        numbers(1, depth + units, 4 * units) / 16,
        numbers(2, 1024),
    )
    zero = np.zeros((batch, units), np.float32)

    def body(k, x, w, b, c, h, outputs, kept):
        joined = jnp.concatenate([lax.dynamic_index_in_dim(x, k, keepdims=False), h], 1)
        i, j, f, o = jnp.split(joined @ w + b, 4, 1)
        c = c * lax.logistic(f) + lax.logistic(i) * jnp.tanh(j)
        h = jnp.tanh(c) * lax.logistic(o)
        outputs = lax.dynamic_update_index_in_dim(outputs, h, k, 0)
        return x, w, b, c, h, outputs, lax.dynamic_update_index_in_dim(kept, c, STEPS - 1 - k, 0)

    lists = np.zeros((STEPS, batch, units), np.float32)
    check(body, x, w, b, zero, zero, lists, lists + 1, tolerance=1e-5)


def test_joined_results_and_their_list():
    a, w = numbers(0, 16, 128), numbers(1, 256, 128) / 16

    def body(k, a, w, stack):
        joined = jnp.concatenate([jnp.tanh(a) * 2 - 1, 1 - a * a], 1)
        return joined @ w, w, lax.dynamic_update_index_in_dim(stack, joined, k, 0)

    check(body, a, w, np.zeros((STEPS, 16, 256), np.float32), tolerance=1e-5)


def test_lists_that_are_read_and_written_stay_what_they_were():
    def body(k, x, items):
        before = lax.dynamic_index_in_dim(items, (k + 1) % STEPS, keepdims=False)
        x = jnp.tanh(x + before) * 0.5 - before * x
        items = lax.dynamic_update_index_in_dim(items, x, k, 0)
        return x + items[0], items

    check(body, numbers(0, 16, 128), numbers(1, STEPS, 16, 128), calls=1)


def test_indices_beyond_the_end_are_those_of_the_last():
    items = numbers(1, STEPS, 16, 128)

    def body(k, x, items):
        before = lax.dynamic_index_in_dim(items, 2 * k, keepdims=False)
        return jnp.tanh(x + before) * 0.5 - before * x, items

    check(body, numbers(0, 16, 128), items)


def test_stages_of_operations_around_products():
    def body(k, x, w):
        y = jnp.tanh(x) * 2 - x * x / 9 + 1  # nowhere far from 0
        z = y @ w
        return jnp.tanh(z + y) * y / 3 - jnp.tanh(z) / 9 + y @ w / 9, w

    check(body, numbers(0, 32, 64), numbers(1, 64, 64) / 16, calls=2, tolerance=1e-5)


@pytest.mark.parametrize(
    "x", [numbers(0, 3, 5), numbers(0, 64, 64).astype(np.float16), np.ones((64, 64), np.int32)]
)
def test_what_is_left_to_xla(x):
    assert looped(lambda k, x: (x * 3 + 1 - x * x,), x)[2] == 0


def test_loops_within_loops_and_branches():
    def inner(x):
        return lax.fori_loop(
            0, jnp.int32(x[0, 0] * 0 + 2), lambda i, x: jnp.tanh(x) * x - 1 + x * x / 9, x
        )

    def body(k, x):
        return (lax.cond(k > 0, inner, lambda x: -x, x),)

    check(body, numbers(0, 32, 64))


# Through TensorFlow's interface ------------------------------------------------------------------


def both(program, monkeypatch, tolerance):
    """Checks what a program gives against what it gives when interpreted; how many programs there are."""
    found = []
    from reflow.compiler import tracing

    def counted(traced):
        fused = with_fused_loops(traced)
        found.append(0 if fused is None else programs(fused))
        return fused

    monkeypatch.setattr(tracing, "with_fused_loops", counted)
    results = []
    for name in ("interpret", "compile"):
        monkeypatch.setattr(policy, "forced", [name])
        results.append([np.asarray(each) for each in program()])
    for one, other in zip(*results):
        np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance)
    return sum(found)


def test_a_gradient_of_a_masked_recurrent_network(monkeypatch):
    batch, steps, units = 16, 5, 64
    x, w, u = (
        numbers(0, steps, batch, 8),
        numbers(1, 8, 3 * units) / 4,
        numbers(2, units, 3 * units) / 8,
    )
    lengths = np.arange(batch) % steps + 1

    def program():
        @tf.function
        def run(x, w, u):
            with tf.GradientTape() as tape:
                tape.watch([x, w, u])
                outputs = tf.TensorArray(tf.float32, steps)
                h = tf.zeros([batch, units])
                for t in tf.range(steps):
                    a, b = tf.split(x[t] @ w, 3, 1), tf.split(h @ u, 3, 1)
                    z, r = tf.sigmoid(a[0] + b[0]), tf.sigmoid(a[1] + b[1])
                    new = z * h + (1 - z) * tf.tanh(a[2] + r * b[2])
                    h = tf.where((t < lengths)[:, None], new, h)
                    outputs = outputs.write(t, h)
                loss = tf.reduce_sum(tf.square(outputs.stack()))
            return loss, tape.gradient(loss, [x, w, u])

        loss, gradients = run(*map(tf.constant, (x, w, u)))
        return [loss, *gradients]

    assert both(program, monkeypatch, 2e-4) >= 2


def test_sums_over_no_dimensions_do_not_divide_a_program():
    def body(t, x):
        y = jnp.tanh(x) * 0.5
        z = lax.reduce_max_p.bind(lax.reduce_sum_p.bind(y, axes=()), axes=())
        return (jnp.exp(z) - y * x + 0.1,)

    def run(x):
        return lax.while_loop(lambda c: c[0] < STEPS, lambda c: (c[0] + 1, *body(*c)), (0, x))

    closed = jax.make_jaxpr(run)(numbers(0, 33, 65))
    assert "reduce_sum" in str(closed)
    check(body, numbers(0, 33, 65))
