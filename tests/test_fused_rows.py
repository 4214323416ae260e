"""Reductions along rows, and what is around them, by native calls: against float64 and XLA's own code."""

import numpy as np
import pytest

import reflow as tf
from reflow.compiler import policy, structure
from reflow.compiler.fused_rows import with_fused_rows
from reflow.compiler.jax_setup import jax, wide_types
from reflow.kernels import library

pytestmark = pytest.mark.skipif(
    library.library() is None, reason=f"native kernels: {library.status()}"
)
jnp, lax = jax.numpy, jax.lax
v1 = tf.compat.v1
SHAPES = [
    *((2, 2), (3, 7), (130, 10), (5, 64), (37, 333), (7, 1024), (2, 1025), (3, 2500)),
    *((4, 3, 65), (2, 3, 2, 16), (300, 48)),
]


@pytest.fixture(autouse=True)
def _kernels_wherever_they_can():
    before = library.forced[0]
    library.forced[0] = "native"
    yield
    library.forced[0] = before


def numbers(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def calls(closed):
    return sum(
        each.primitive.name == "ffi_call" and each.params["target_name"] == "reflow_elements"
        for each in closed.jaxpr.eqns
    )


def native(function, *args):
    """What a function gives by native calls, and how many of these there are."""
    fused = with_fused_rows(jax.jit(function).trace(*args).jaxpr)
    if fused is None:
        return None, 0
    return jax.jit(jax.extend.core.jaxpr_as_fun(fused))(*args), calls(fused)


def exact(function, *args):
    with wide_types():
        wide = [x.astype(np.float64) if x.dtype == np.float32 else x for x in args]
        return jax.tree.leaves(jax.jit(function)(*wide))


def check(function, *args, count=1, tolerance=3e-6):
    got, found = native(function, *args)
    assert found == count
    for one, other in zip(got, exact(function, *args), strict=True):
        other = np.asarray(other)
        assert one.shape == other.shape
        scale = max(1.0, np.abs(other).max(initial=0.0))
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * scale)


def mean(x):
    return jnp.sum(x, -1, keepdims=True) / x.shape[-1]


def softmax(x):
    powers = jnp.exp(x - jnp.max(x, -1, keepdims=True))
    return powers / jnp.sum(powers, -1, keepdims=True)


def log_softmax(x):
    shifted = x - jnp.max(x, -1, keepdims=True)
    return shifted - jnp.log(jnp.sum(jnp.exp(shifted), -1, keepdims=True))


def softmax_gradient(x, g):
    y = softmax(x)
    return (g - jnp.sum(g * y, -1, keepdims=True)) * y


def layer_norm(x, scale, offset):
    centered = x - mean(x)
    return centered * lax.rsqrt(mean(centered * centered) + 1e-5) * scale + offset


def cross_entropy(x, labels):
    shifted = x - jnp.max(x, -1, keepdims=True)
    log_sums = jnp.log(jnp.sum(jnp.exp(shifted), -1))
    return log_sums - jnp.sum(jnp.where(labels, shifted, 0.0), -1)


FUNCTIONS = {
    "sum": lambda x: jnp.sum(x, -1),
    "maximum": lambda x: jnp.max(x, -1),
    "maximum of squares": lambda x: jnp.max(x * x, -1, keepdims=True),
    "softmax": softmax,
    "log softmax": log_softmax,
    "gradient of softmax": lambda x: softmax_gradient(x, x * 3.0),
    "norm": lambda x: x / jnp.sqrt(jnp.sum(x * x, -1, keepdims=True) + 1e-3),
    "three passes": lambda x: (
        (x - mean(x) - mean(jnp.tanh(x - mean(x)))) * jnp.max(x, -1, keepdims=True)
    ),
}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_rows(name, shape):
    check(FUNCTIONS[name], numbers(len(name), *shape))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layer_normalisation_and_its_gradient(shape):
    x, scale, offset = numbers(0, *shape), numbers(1, shape[-1]), numbers(2, shape[-1])
    check(layer_norm, x, scale, offset)
    g = numbers(3, *shape)
    check(
        lambda x, scale, offset, g: jax.vjp(layer_norm, x, scale, offset)[1](g)[0],
        *(x, scale, offset, g),
        count=2,  # JAX's gradient of the root has a power that the kernel has not
        tolerance=2e-5,  # rows of two elements: their difference is all that there is
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_mask_and_numbers_of_rows_are_read_where_they_lie(shape):
    rng = np.random.default_rng(4)
    x, labels = numbers(4, *shape), rng.random(shape) < 0.2
    ok = rng.random(shape[:-1]) < 0.5
    weights = numbers(5, *shape[:-1])

    def loss(x, labels, ok, weights):
        each = jnp.where(ok, cross_entropy(x, labels) * weights, jnp.nan)
        return each, weights[..., None] * (softmax(x) - labels.astype(x.dtype))

    got, found = native(loss, x, labels, ok, weights)
    assert found == 2
    for one, other in zip(got, exact(loss, x, labels, ok, weights), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def random_function(seed):
    """Some twenty operations on elements, rows and columns, each on what came before."""
    rng = np.random.default_rng(seed)
    picks = [(int(rng.integers(9)), rng.integers(1 << 30, size=2)) for _ in range(20)]

    def function(x, y, columns, rows):
        wide, narrow, results = [x, y, columns + rows], [rows], []
        for kind, (i, j) in picks:
            a, b = wide[i % len(wide)], wide[j % len(wide)]
            r, q = narrow[i % len(narrow)], narrow[j % len(narrow)]
            if kind == 0:
                narrow.append(mean(a))
            elif kind == 1:
                narrow.append(jnp.max(a, -1, keepdims=True))
            elif kind == 2:
                narrow.append(jnp.tanh(r * q - 0.5))
            elif kind == 3:
                narrow.append(jnp.where(r > q, r, jnp.exp(-jnp.abs(q))))
            elif kind == 4:
                wide.append(jnp.tanh(a - r))
            elif kind == 5:
                wide.append(jnp.where(a > b, columns, a * 0.5))
            elif kind == 6:
                wide.append(a * r * 0.3 + b)
            elif kind == 7:
                wide.append(lax.logistic(a * b) - jnp.minimum(a, columns))
            else:
                results.append(wide[-1] if i % 2 else narrow[-1])
        return *results, mean(wide[-1]), wide[-1] - narrow[-1]

    return function


@pytest.mark.parametrize("shape", [(3, 5), (50, 24), (9, 700), (4, 1500), (2, 2100)], ids=str)
@pytest.mark.parametrize("seed", range(12))
def test_random_functions(seed, shape):
    args = numbers(seed, *shape), numbers(99, *shape), numbers(1, shape[1]), numbers(2, shape[0], 1)
    function = random_function(seed)
    got, found = native(function, *args)
    assert found >= 1
    for one, other in zip(got, exact(function, *args), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 3e38, -3e38, 1e-40], np.float32)


@pytest.mark.parametrize("columns", [3, 65, 1024, 1300])
@pytest.mark.parametrize("name", ["sum", "maximum", "softmax", "log softmax", "norm"])
def test_what_is_no_number_makes_its_row_none(name, columns, monkeypatch):
    """As in NumPy and TensorFlow; XLA's maximum of a long row may miss it."""
    x = numbers(0, 4 * len(SPECIAL), columns)
    for i, value in enumerate(SPECIAL):
        x[i, i % columns] = value
        x[len(SPECIAL) + i, -1] = value
        x[2 * len(SPECIAL) + i, :] = value
    got, found = native(FUNCTIONS[name], x)
    assert found == 1
    monkeypatch.setitem(globals(), "jnp", np)
    with np.errstate(all="ignore"):
        want = FUNCTIONS[name](x)
    np.testing.assert_allclose(got[0], want, rtol=3e-6, atol=2e-6)


def test_logarithms_are_within_two_units_of_float64():
    x = np.exp(np.linspace(-87, 88.7, 60_000)).astype(np.float32).reshape(-1, 2)
    special = np.array([[0.0, -0.0, -1.0, np.inf, -np.inf, np.nan, 1.0, 3.4e38]], np.float32)
    for values in (x, np.repeat(special, 2, 0)):
        function = lambda x: (jnp.log(x), jnp.sum(jnp.log(x), -1))  # noqa: E731
        got, found = native(function, values)
        assert found == 1
        with np.errstate(all="ignore"):
            want = np.log(values.astype(np.float64)).astype(np.float32)
        ulp = np.maximum(np.spacing(np.abs(want)), 1e-12)
        near = np.abs(got[0] - want) <= 2 * ulp
        assert np.all(near | (got[0] == want) | (np.isnan(got[0]) & np.isnan(want)))


def test_what_a_gradient_can_make_anew_is_not_kept():
    """The product of a row's number and a column's is made by both programs that take it."""
    x, scale, w = numbers(0, 40, 64), numbers(1, 64), numbers(2, 64, 64)

    def function(x, scale, w):
        outer = mean(x) * scale
        y = (x * outer) @ w
        return y - mean(y * outer)

    fused = with_fused_rows(jax.jit(function).trace(x, scale, w).jaxpr)
    first = next(each for each in fused.jaxpr.eqns if each.primitive.name == "ffi_call")
    assert [each.aval.shape for each in first.outvars] == [(40, 1), (40, 64)]
    check(function, x, scale, w, count=2, tolerance=2e-5)


def test_products_between_reductions_divide_programs():
    x, w = numbers(0, 24, 32), numbers(1, 32, 32)
    check(lambda x, w: softmax(softmax(x) @ w), x, w, count=2)


def test_masks_that_come_out_are_xlas():
    x = numbers(0, 24, 32)

    def function(x):
        middle = mean(x)
        return x > middle, x - middle

    got, found = native(function, x)
    assert found == 1
    np.testing.assert_array_equal(got[0], x > x.mean(-1, keepdims=True))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: jnp.sum(x, 0),
        lambda x: jnp.sum(x),
        lambda x: jnp.exp(x) + 1,
        lambda x: jnp.max(x.astype(np.int32), -1),
        lambda x: jnp.max(x.astype(jnp.bfloat16), -1),
        lambda x: jnp.sum(x[:0], -1),
        lambda x: jnp.sum(x[:, :0], -1),
        lambda x: jnp.sum(x[:1], -1),
    ],
)
def test_what_is_left_to_xla(function):
    assert native(function, numbers(0, 24, 32)) == (None, 0)


def test_sizes_that_do_not_pay_are_left_to_xla():
    library.forced[0] = "auto"
    sizes = [(8, 16), (4096, 16), (2, 1 << 16), (128, 10), (64, 64)]
    assert [native(softmax, numbers(0, *size))[1] for size in sizes] == [0, 0, 0, 1, 1]


def trained(kernels, monkeypatch):
    """Losses and weights of a few steps of a network that normalises its layers."""
    library.forced[0] = kernels
    monkeypatch.setattr(policy, "forced", ["compile"])
    structure.forget()
    with v1.Graph().as_default(), v1.Session() as session:
        x, labels = v1.constant(numbers(0, 48, 32)), v1.constant(np.arange(48) % 10)
        weights = [
            v1.Variable(numbers(i, *shape) * 0.2) for i, shape in enumerate([(32, 32), (32, 10)])
        ]
        scale, offset = v1.Variable(np.ones(32, "f")), v1.Variable(np.zeros(32, "f"))
        hidden = v1.matmul(x, weights[0])
        normal = v1.nn.batch_normalization(
            hidden, *v1.nn.moments(hidden, [1], keepdims=True), offset, scale, 1e-5
        )
        loss = v1.nn.sparse_softmax_cross_entropy_with_logits(
            labels=labels, logits=v1.matmul(normal + hidden, weights[1])
        )
        train = v1.train.GradientDescentOptimizer(0.1).minimize(v1.reduce_mean(loss))
        session.run(v1.global_variables_initializer())
        losses = [session.run([loss, train])[0] for _ in range(4)]
        return [*losses, *session.run([*weights, scale, offset])]


def test_training_with_normalised_layers(monkeypatch):
    for one, other in zip(
        *(trained(which, monkeypatch) for which in ("native", "xla")), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


def test_sums_that_come_out_alone_are_left_to_xla():
    x = numbers(0, 128, 512)
    library.forced[0] = "auto"
    assert native(lambda x: jnp.sum(x * x, -1), x)[1] == 0
    assert native(lambda x: jnp.max(x, -1), x)[1] == 1  # YNNPACK loses what is no number
    assert native(lambda x: x / jnp.sum(x * x, -1, keepdims=True), x)[1] == 1
