"""Batched matrix products and attention in native kernels, against float64 and against the plain nodes."""

import ctypes
import itertools
import pathlib

import numpy as np
import pytest

import reflow
from reflow.compiler import fused_attention, policy
from reflow.compiler.jax_namespace import jax_namespace
from reflow.compiler.jax_setup import jax
from reflow.kernels import choices, kernel, library
from reflow.kernels.matrices import Attention, Panels, attention, matrix_product
from reflow.lang.numpy_namespace import numpy_namespace

tf = reflow.compat.v1
FLOAT = np.dtype(np.float32)
needs_kernels = pytest.mark.skipif(
    library.library() is None, reason=f"native kernels: {library.status()}"
)


@pytest.fixture
def choose_kernels():
    """Says which kernels are taken: what `REFLOW_KERNELS` can be."""
    before = library.forced[:]

    def choose(which):
        library.forced[:] = [which]

    yield choose
    library.forced[:] = before


@pytest.fixture
def wherever_possible(choose_kernels):
    choose_kernels("native")


@pytest.fixture
def compiled(monkeypatch):
    monkeypatch.setattr(policy, "forced", [policy.COMPILE])
    monkeypatch.setattr(choices, "_noted", {})
    kernel._choose.cache_clear()  # what is chosen from now on is noted


def both_ways(call, *operands):
    """What a kernel gives when called directly and from XLA."""
    yield call(numpy_namespace, *operands)
    yield np.asarray(jax.jit(lambda *args: call(jax_namespace, *args))(*operands))


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def flipped(x, flip):
    return np.swapaxes(x, -1, -2) if flip else x


# Products -----------------------------------------------------------------------------------------


@needs_kernels
@pytest.mark.parametrize("seed", range(4))
def test_random_products_agree_with_float64(seed, wherever_possible):
    rng = np.random.default_rng(seed)
    for flip_x, flip_y in itertools.product((False, True), repeat=2):
        for _ in range(8):
            batch = tuple(int(n) for n in rng.integers(1, 6, rng.integers(0, 4)))
            rows, inner, columns = (int(n) for n in rng.choice([1, 2, 7, 16, 33, 64, 100, 257], 3))
            x = normal(rng, *batch, *((inner, rows) if flip_x else (rows, inner)))
            y = normal(rng, *batch, *((columns, inner) if flip_y else (inner, columns)))
            want = flipped(x, flip_x).astype(np.float64) @ flipped(y, flip_y).astype(np.float64)
            chosen = matrix_product(x, y, flip_x, flip_y)
            for got in both_ways(chosen, x, y):
                assert got.shape == want.shape
                assert np.abs(got - want).max() < 1e-5 * max(np.abs(want).max(), 1)


@needs_kernels
def test_few_large_matrices_are_divided_among_the_threads(wherever_possible, monkeypatch):
    rng = np.random.default_rng(0)
    x, y = normal(rng, 2, 301, 200), normal(rng, 2, 200, 830)
    chosen = matrix_product(x, y, False, False)
    turned = [
        (matrix_product(each, other, flip_x, flip_y), each, other)
        for flip_x, flip_y in ((True, False), (False, True), (True, True))
        for each, other in [
            [np.ascontiguousarray(flipped(a, f)) for a, f in ((x, flip_x), (y, flip_y))]
        ]
    ]
    want = x.astype(np.float64) @ y
    for threads in (1, 2, 3, 16):
        monkeypatch.setattr(library.library(), "threads", threads)
        assert np.abs(chosen(numpy_namespace, x, y) - want).max() < 1e-4
        for other, *operands in turned:
            assert np.abs(other(numpy_namespace, *operands) - want).max() < 1e-4


@needs_kernels
@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((0, 3, 4), (0, 4, 5)),
        ((2, 3, 0), (2, 0, 5)),
        ((2, 0, 4), (2, 4, 5)),
        ((1, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (2, 5, 6)),
    ],
)
def test_what_products_are_left_to_xla(x, y, wherever_possible):
    assert matrix_product(np.zeros(x, np.float32), np.zeros(y, np.float32), False, False) is None


@needs_kernels
@pytest.mark.parametrize(
    ("rows", "flip_x", "flip_y", "native"),
    [
        (1, False, True, True),
        (64, False, True, True),
        (65, False, True, False),
        (8, False, False, False),
    ],
)
def test_single_products_with_few_rows_and_a_transposed_right_side(rows, flip_x, flip_y, native):
    x = np.zeros((rows, 256), np.float32)
    y = np.zeros((300, 256) if flip_y else (256, 300), np.float32)
    assert (matrix_product(x, y, flip_x, flip_y) is not None) == native


@pytest.mark.parametrize("rows", [0, 1, 30])
def test_a_product_of_few_rows_and_its_gradients(rows, compiled):
    rng = np.random.default_rng(1)
    x, y, g = normal(rng, rows, 100), normal(rng, 130, 100), normal(rng, rows, 130)
    with tf.Graph().as_default(), tf.Session() as session:
        placeholders = [tf.placeholder(tf.float32, each.shape) for each in (x, y, g)]
        product = tf.matmul(placeholders[0], placeholders[1], transpose_b=True)
        fetches = [product, *tf.gradients(product, placeholders[:2], placeholders[2])]
        got = session.run(fetches, dict(zip(placeholders, (x, y, g))))
    for one, other in zip(got, (x @ y.T, g @ y, g.T @ x)):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    if library.library() is not None and rows:
        assert any(what.startswith("matrix product") for what in choices.noted()[0])


@needs_kernels
def test_other_types_are_left_to_xla(wherever_possible):
    x = np.zeros((2, 3, 3))
    assert matrix_product(x, x, False, False) is None


@pytest.mark.parametrize("adj_x", [False, True])
@pytest.mark.parametrize("adj_y", [False, True])
@pytest.mark.parametrize("batch", [(2, 3), (0, 3)])
def test_products_in_a_graph_and_their_gradients(adj_x, adj_y, batch, compiled):
    rng = np.random.default_rng(1)
    x = normal(rng, *batch, *((20, 40) if adj_x else (40, 20)))
    y = normal(rng, *batch, *((24, 20) if adj_y else (20, 24)))
    g = normal(rng, *batch, 40, 24)
    with tf.Graph().as_default(), tf.Session() as session:
        placeholders = [tf.placeholder(tf.float32, each.shape) for each in (x, y, g)]
        a, b, c = placeholders
        product = tf.matmul(a, b, adjoint_a=adj_x, adjoint_b=adj_y)
        fetches = [product, *tf.gradients(product, [a, b], c)]
        got = session.run(fetches, dict(zip(placeholders, (x, y, g))))
    wide_x, wide_y, wide_g = (each.astype(np.float64) for each in (x, y, g))
    wide_x, wide_y = flipped(wide_x, adj_x), flipped(wide_y, adj_y)
    want = [
        wide_x @ wide_y,
        flipped(wide_g @ np.swapaxes(wide_y, -1, -2), adj_x),
        flipped(np.swapaxes(wide_x, -1, -2) @ wide_g, adj_y),
    ]
    for one, other in zip(got, want):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)
    if library.library() is not None and 0 not in batch:
        assert any("matrix products" in what for what in choices.noted()[0])


# A right side of many products --------------------------------------------------------------------


def features():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())


HAS_PANELS = (
    library.library() is not None and {"avx2", "fma"} <= features() and "avx512f" not in features()
)
needs_panels = pytest.mark.skipif(not HAS_PANELS, reason="the kernel is for AVX2 alone")


@needs_panels
@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_products_with_panels_agree_with_float64(threads, wherever_possible, monkeypatch):
    monkeypatch.setattr(library.library(), "threads", threads)
    rng = np.random.default_rng(threads)
    sizes = itertools.product((1, 2, 5, 6, 7, 13, 64), (1, 3, 100), (1, 15, 16, 17, 250))
    for rows, inner, columns in [*sizes, (64, 300, 1003)]:
        a, b = normal(rng, rows, inner), normal(rng, inner, columns)
        panels = Panels(np, b)
        want = a.astype(np.float64) @ b
        got = panels.kernel(a)(numpy_namespace, a, panels.data)
        assert got.shape == want.shape
        assert np.abs(got - want).max() < 1e-5 * max(np.abs(want).max(), 1)


@needs_panels
def test_products_with_panels_from_xla(wherever_possible):
    rng = np.random.default_rng(0)
    a, b = normal(rng, 9, 40), normal(rng, 40, 50)

    @jax.jit
    def product(a, b):
        panels = Panels(jax.numpy, b)
        return panels.kernel(a)(jax_namespace, a, panels.data)

    np.testing.assert_allclose(product(a, b), a.astype(np.float64) @ b, rtol=1e-5, atol=1e-5)


@needs_panels
@pytest.mark.parametrize(("rows", "native"), [(3, False), (4, True), (64, True), (65, False)])
def test_where_panels_pay(rows, native):
    panels = Panels(np, np.zeros((20, 30), np.float32))
    assert (panels.kernel(np.zeros((rows, 20), np.float32)) is not None) == native


@pytest.mark.parametrize(
    "a", [np.zeros((0, 4), np.float32), np.zeros((8, 5), np.float32), np.zeros((8, 4))]
)
def test_what_products_with_panels_are_left_to_xla(a, wherever_possible):
    assert Panels(np, np.zeros((4, 6), np.float32)).kernel(a) is None


# Attention ----------------------------------------------------------------------------------------


def reference(q, k, v, scale, bias=None):
    """softmax(scale * q k' + bias) v in float64."""
    q, k, v = (each.astype(np.float64) for each in (q, k, v))
    logits = scale * (q @ np.swapaxes(k, -1, -2))
    if bias is not None:
        logits = logits + bias
    with np.errstate(invalid="ignore"):
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        return weights / weights.sum(-1, keepdims=True) @ v


def kernel_for(q, k, v, scale, bias=None, flip_k=False):
    keys, depth = k.shape[-2:][::-1] if flip_k else k.shape[-2:]
    shape = Attention(
        *(FLOAT, q.shape[:-2], q.shape[-2], keys, depth, v.shape[-1], flip_k, scale),
        None if bias is None else bias.shape,
    )
    return attention(shape)


@needs_kernels
@pytest.mark.parametrize("seed", range(6))
def test_random_attention_agrees_with_float64(seed, wherever_possible):
    rng = np.random.default_rng(seed)
    for _ in range(8):
        batch = tuple(int(n) for n in rng.integers(1, 5, rng.integers(0, 4)))
        rows = int(rng.choice([1, 3, 16, 65, 130, 300]))
        keys = int(rng.choice([1, 5, 64, 200, 512, 513, 1100]))  # 512 at a time
        depth, width = (int(n) for n in rng.choice([1, 8, 20, 64], 2))
        q, k, v = (normal(rng, *batch, *n) for n in ((rows, depth), (keys, depth), (keys, width)))
        scale = float(rng.choice([1.0, depth**-0.5, -3.0]))
        bias = None
        if rng.random() < 0.7:
            whole = [n if rng.random() < 0.6 else 1 for n in (*batch, rows, keys)]
            bias = normal(rng, *whole[int(rng.integers(0, len(whole) + 1)) :])
        flip_k = bool(rng.random() < 0.5)
        given = [q, np.ascontiguousarray(flipped(k, flip_k)), v]
        chosen = kernel_for(*given, scale, bias, flip_k)
        want = reference(q, k, v, scale, bias)
        for got in both_ways(chosen, *given, *(() if bias is None else (bias,))):
            assert got.shape == want.shape
            assert np.abs(got - want).max() < 2e-5 * max(np.abs(want).max(), 1)


@needs_kernels
def test_masks_of_minus_infinity(wherever_possible):
    rng = np.random.default_rng(0)
    q, k, v = normal(rng, 2, 40, 16), normal(rng, 2, 1200, 16), normal(rng, 2, 1200, 16)
    bias = np.where(rng.random((2, 40, 1200)) < 0.5, -np.inf, 0).astype(np.float32)
    bias[0, :, :600] = -np.inf  # the first blocks of keys have nothing
    bias[1, :, 500:] = -np.inf  # the last ones
    bias[1, 7] = -np.inf  # a row has nothing at all: not a number, as in TensorFlow
    bias[0, 3, 700] = np.inf
    bias[0, 4, 900] = np.nan
    want = reference(q, k, v, 0.25, bias)
    assert np.isnan(want).all(-1).sum() == 3
    for got in both_ways(kernel_for(q, k, v, 0.25, bias), q, k, v, bias):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@needs_kernels
def test_large_logits_do_not_overflow(wherever_possible):
    rng = np.random.default_rng(0)
    q, k, v = (100 * normal(rng, 1, 600, 32) for _ in range(3))
    got = kernel_for(q, k, v, 1.0)(numpy_namespace, q, k, v)
    want = reference(q, k, v, 1.0)
    # Logits of some ten thousands have a precision of a thousandth.
    np.testing.assert_allclose(got, want, rtol=1e-2, atol=2.0)


@needs_kernels
def test_numbers_that_are_neither_are_refused(wherever_possible):
    q = np.zeros((2, 3, 300, 8), np.float32)
    bias = np.zeros((2, 1, 1, 300), np.float32)
    reason = ctypes.create_string_buffer(256)

    def accepted(numbers):
        return library.library().functions.reflow_implementation(
            *(numbers.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(numbers.size), 2),
            *(reason, ctypes.c_size_t(256)),
        )

    panels = [Panels(np, q[0, 0]).kernel(bias[0, 0])] if HAS_PANELS else []
    for chosen in (*panels, matrix_product(q, q, False, True), kernel_for(q, q, q, 0.5, bias)):
        good = chosen.numbers
        assert accepted(good)
        assert not accepted(good[:-1])
        for i in range(1, len(good)):
            for value in (-1, 0, 1 << 40):
                numbers = good.copy()
                numbers[i] = value
                accepted(numbers)  # must come back, whatever it says
        assert not accepted(np.where(np.arange(good.size) == 1, -2, good))
    assert not accepted(
        np.where(good == bias.size, bias.size - 1, good)
    )  # a bias that is too small


# Attention in graphs ------------------------------------------------------------------------------

ROWS, KEYS, DEPTH = 70, 300, 16


def by_product(q, k):
    return tf.matmul(q, k, transpose_b=True)


LOGITS = {
    "scale": lambda q, k, b: by_product(q, k) * 0.25,
    "no scale": lambda q, k, b: by_product(q, k),
    "scale first": lambda q, k, b: tf.constant(0.25) * by_product(q, k),
    "divided": lambda q, k, b: by_product(q, k) / 4.0,
    "twice": lambda q, k, b: by_product(q, k) / 2.0 * 0.5,
    "transposed keys": lambda q, k, b: tf.matmul(q, tf.transpose(k, [0, 1, 3, 2])) * 0.25,
    "bias": lambda q, k, b: by_product(q, k) * 0.25 + b,
    "bias first": lambda q, k, b: b + by_product(q, k) * 0.25,
    "bias alone": lambda q, k, b: b + by_product(q, k),
}


def given(rng):
    q, k, v = (normal(rng, 2, 3, n, DEPTH) for n in (ROWS, KEYS, KEYS))
    return q, k, v, normal(rng, 2, 1, 1, KEYS)


def run(make, arrays, monkeypatch, tier):
    monkeypatch.setattr(policy, "forced", [tier])
    with tf.Graph().as_default(), tf.Session() as session:
        placeholders = [tf.placeholder(tf.float32, each.shape) for each in arrays]
        return session.run(make(*placeholders), dict(zip(placeholders, arrays)))


def attentions():
    return [what for what in choices.noted()[0] if what.startswith("attention")]


@needs_kernels
@pytest.mark.parametrize("name", LOGITS)
def test_attention_in_a_graph_is_one_call(name, compiled, monkeypatch):
    def make(q, k, v, b):
        return tf.matmul(tf.nn.softmax(LOGITS[name](q, k, b)), v)

    arrays = given(np.random.default_rng(3))
    got = run(make, arrays, monkeypatch, policy.COMPILE)
    assert len(attentions()) == 1
    want = run(make, arrays, monkeypatch, policy.INTERPRET)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


NOT_FUSED = {
    "weights are fetched": lambda q, k, v, b: (
        [w := tf.nn.softmax(by_product(q, k)), tf.matmul(w, v)]
    ),
    "logits are fetched": lambda q, k, v, b: (
        [s := by_product(q, k), tf.matmul(tf.nn.softmax(s * 0.25), v)]
    ),
    "the scale is computed": lambda q, k, v, b: tf.matmul(
        tf.nn.softmax(by_product(q, k) * b[0, 0, 0, 0]), v
    ),
    "the bias has one more dimension": lambda q, k, v, b: tf.matmul(
        tf.nn.softmax(by_product(q, k) + tf.stack([b, b])), tf.stack([v, v])
    ),
    "values are transposed": lambda q, k, v, b: tf.matmul(
        tf.nn.softmax(by_product(q, k)), tf.transpose(v, [0, 1, 3, 2]), transpose_b=True
    ),
    "the batch broadcasts": lambda q, k, v, b: tf.matmul(
        tf.nn.softmax(by_product(q, k)), v[:1, :1]
    ),
    "double precision": lambda q, k, v, b: tf.matmul(
        tf.nn.softmax(by_product(tf.cast(q, tf.float64), tf.cast(k, tf.float64))),
        tf.cast(v, tf.float64),
    ),
}


@pytest.mark.parametrize("name", NOT_FUSED)
def test_other_graphs_are_left_as_they_are(name, compiled, monkeypatch):
    arrays = given(np.random.default_rng(3))
    got = run(NOT_FUSED[name], arrays, monkeypatch, policy.COMPILE)
    assert not attentions()
    want = run(NOT_FUSED[name], arrays, monkeypatch, policy.INTERPRET)
    for one, other in zip(
        *([each] if not isinstance(each, list) else each for each in (got, want))
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_gradients_of_attention(compiled, monkeypatch):
    def make(q, k, v, b):
        y = tf.matmul(tf.nn.softmax(by_product(q, k) * 0.25 + b), v)
        return tf.gradients(tf.reduce_sum(y * y), [q, k, v, b])

    arrays = given(np.random.default_rng(4))
    got = run(make, arrays, monkeypatch, policy.COMPILE)
    want = run(make, arrays, monkeypatch, policy.INTERPRET)
    for one, other in zip(got, want):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@needs_kernels
def test_attention_in_a_function(compiled):
    q, k, v, b = given(np.random.default_rng(5))

    @reflow.function
    def f(q, k, v, b):
        return reflow.matmul(reflow.nn.softmax(reflow.matmul(q, k, transpose_b=True) * 0.25 + b), v)

    got = f(q, k, v, b)
    assert len(attentions()) == 1
    np.testing.assert_allclose(got, reference(q, k, v, 0.25, b), rtol=1e-4, atol=1e-5)


def test_without_kernels_attention_is_the_same(compiled, choose_kernels, monkeypatch):
    arrays = given(np.random.default_rng(6))

    def make(q, k, v, b):
        return tf.matmul(tf.nn.softmax(by_product(q, k) * 0.25 + b), v)

    choose_kernels("xla")
    got = run(make, arrays, monkeypatch, policy.COMPILE)
    assert not choices.noted()[0]
    q, k, v, b = arrays
    np.testing.assert_allclose(got, reference(q, k, v, 0.25, b), rtol=1e-4, atol=1e-5)


def test_programs_without_a_softmax_are_not_looked_through():
    steps = []
    assert fused_attention.with_attention(steps, []) is steps
