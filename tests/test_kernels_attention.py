"""Attention and its gradient in native kernels, against float64, finite differences and the plain nodes."""

import ctypes

import numpy as np
import pytest

import reflow
from reflow.compiler import policy
from reflow.compiler.jax_namespace import jax_namespace
from reflow.compiler.jax_setup import jax
from reflow.kernels import choices, kernel, library
from reflow.kernels.attention import (
    DEPTH,
    KEYS,
    ROWS,
    WIDTH,
    Attention,
    attention,
    attention_gradient,
    weight_labels,
)
from reflow.kernels.kernel import choose
from reflow.kernels.matrices import PanelOrder, Panels, matrix_product, transposition
from reflow.lang.numpy_namespace import numpy_namespace

tf = reflow.compat.v1
needs_kernels = pytest.mark.skipif(
    library.library() is None, reason=f"native kernels: {library.status()}"
)


@pytest.fixture
def compiled(monkeypatch):
    monkeypatch.setattr(policy, "forced", [policy.COMPILE])
    monkeypatch.setattr(choices, "_noted", {})
    kernel._choose.cache_clear()  # what is chosen from now on is noted


def both_ways(call, *operands):
    """What a kernel gives when called directly and from XLA."""
    yield call(numpy_namespace, *operands)
    yield jax.jit(lambda *args: call(jax_namespace, *args))(*operands)


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


# The kernels --------------------------------------------------------------------------------------


def reference(q, k, v, scale, bias=None):
    """softmax(scale * q k' + bias) v in float64."""
    return weights_and_result(q, k, v, scale, bias)[1]


def weights_and_result(q, k, v, scale, bias):
    q, k, v = (each.astype(np.float64) for each in (q, k, v))
    logits = scale * (q @ np.swapaxes(k, -1, -2))
    if bias is not None:
        logits = logits + bias
    with np.errstate(invalid="ignore"):
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        weights = weights / weights.sum(-1, keepdims=True)
        return weights, weights @ v


def reference_gradients(q, k, v, g, scale, bias=None):
    """Those of q, k and v in float64."""
    weights, _ = weights_and_result(q, k, v, scale, bias)
    q, k, v, g = (each.astype(np.float64) for each in (q, k, v, g))
    to_weights = g @ np.swapaxes(v, -1, -2)
    to_logits = weights * (to_weights - (to_weights * weights).sum(-1, keepdims=True))
    return (
        scale * to_logits @ k,
        scale * np.swapaxes(to_logits, -1, -2) @ q,
        np.swapaxes(weights, -1, -2) @ g,
    )


def shape_for(q, k, v, scale, bias=None, order=None):
    """An attention of operands that lie as [batch, rows, columns], or with their dimensions in `order`."""
    batch = weight_labels(q.ndim)[:-2]
    kinds = ((ROWS, DEPTH), (KEYS, DEPTH), (KEYS, WIDTH), (ROWS, WIDTH))
    labels = [(*batch, *kind) for kind in kinds]
    if order is not None:
        labels = [tuple(each[i] for i in axes) for each, axes in zip(labels, order)]
    return Attention(
        *((*q.shape[:-1], k.shape[-2]), q.shape[-1], v.shape[-1], *labels, scale),
        None if bias is None else bias.shape,
    )


def random_case(rng):
    """Operands, the gradient of the result, scale and bias; orders of dimensions for the first four."""
    batch = tuple(int(n) for n in rng.integers(1, 5, rng.integers(0, 4)))
    rows = int(rng.choice([1, 3, 16, 65, 130, 300]))  # 128 at a time
    keys = int(rng.choice([1, 5, 64, 200, 256, 257, 600]))  # 256 at a time
    depth, width = (int(n) for n in rng.choice([1, 8, 20, 64], 2))
    sizes = ((rows, depth), (keys, depth), (keys, width), (rows, width))
    q, k, v, g = (normal(rng, *batch, *size) for size in sizes)
    scale = float(rng.choice([1.0, depth**-0.5, -3.0]))
    bias = None
    if rng.random() < 0.7:
        whole = [n if rng.random() < 0.6 else 1 for n in (*batch, rows, keys)]
        bias = normal(rng, *whole[int(rng.integers(0, len(whole) + 1)) :])
    order = [rng.permutation(q.ndim) for _ in range(4)]
    if rng.random() < 0.5:
        order = [np.arange(q.ndim)] * 4
    return q, k, v, g, scale, bias, order


def arranged(x, axes):
    return np.ascontiguousarray(x.transpose(axes))


def back(x, axes):
    return np.asarray(x).transpose(np.argsort(axes))


@needs_kernels
@pytest.mark.parametrize("seed", range(8))
def test_random_attention_and_its_gradient_agree_with_float64(
    seed, wherever_possible, limit_vectors, monkeypatch
):
    rng = np.random.default_rng(seed)
    limit_vectors(min(library.library().vector_bytes, (64, 32, 16)[seed % 3]))
    monkeypatch.setattr(library.library(), "threads", 1)  # so that few heads have a gradient too
    for _ in range(8):
        q, k, v, g, scale, bias, order = random_case(rng)
        shape = shape_for(q, k, v, scale, bias, order)
        given = [arranged(x, axes) for x, axes in zip((q, k, v), order)]
        given += [] if bias is None else [bias]
        want = reference(q, k, v, scale, bias)
        outcomes = list(both_ways(attention(shape), *given))
        for result, _ in outcomes:
            got = back(result, order[3])
            assert got.shape == want.shape
            assert np.abs(got - want).max() < 2e-5 * max(np.abs(want).max(), 1)
        wanted = reference_gradients(q, k, v, g, scale, bias)
        given += [*map(np.asarray, outcomes[0]), arranged(g, order[3])]
        for made in both_ways(attention_gradient(shape), *given):
            for one, axes, other in zip(made, order, wanted):
                got = back(one, axes)
                assert got.shape == other.shape
                assert np.abs(got - other).max() < 5e-5 * max(np.abs(other).max(), 1)


@needs_kernels
def test_the_gradient_agrees_with_finite_differences(wherever_possible, monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(library.library(), "threads", 1)
    q, k, v, g = (normal(rng, 1, n, 6).astype(np.float64) for n in (5, 9, 9, 5))
    bias = normal(rng, 5, 9)
    shape = shape_for(q, k, v, 0.7, bias)
    narrow = [x.astype(np.float32) for x in (q, k, v)]
    result, statistics = attention(shape)(numpy_namespace, *narrow, bias)
    made = attention_gradient(shape)(
        numpy_namespace, *narrow, bias, result, statistics, g.astype(np.float32)
    )
    for position, got in enumerate(made):
        for index in np.ndindex(*got.shape):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [q.copy(), k.copy(), v.copy()]
                moved[position][index] += step
                ends.append((reference(*moved, 0.7, bias) * g).sum())
            assert abs(got[index] - (ends[0] - ends[1]) / 2e-5) < 1e-4


@needs_kernels
def test_masks_of_minus_infinity(wherever_possible):
    rng = np.random.default_rng(0)
    q, k, v = normal(rng, 2, 40, 16), normal(rng, 2, 1200, 16), normal(rng, 2, 1200, 16)
    g = normal(rng, 2, 40, 16)
    bias = np.where(rng.random((2, 40, 1200)) < 0.5, -np.inf, 0).astype(np.float32)
    bias[0, :, :600] = -np.inf  # the first blocks of keys have nothing
    bias[1, :, 500:] = -np.inf  # the last ones
    shape = shape_for(q, k, v, 0.25, bias)
    result, statistics = attention(shape)(numpy_namespace, q, k, v, bias)
    made = attention_gradient(shape)(numpy_namespace, q, k, v, bias, result, statistics, g)
    for got, want in zip(made, reference_gradients(q, k, v, g, 0.25, bias)):
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-5)
    bias[1, 7] = -np.inf  # a row has nothing at all: not a number, as in TensorFlow
    bias[0, 3, 700] = np.inf
    bias[0, 4, 900] = np.nan
    want = reference(q, k, v, 0.25, bias)
    assert np.isnan(want).all(-1).sum() == 3
    outcomes = list(both_ways(attention(shape), q, k, v, bias))
    for got, _ in outcomes:
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    made = attention_gradient(shape)(numpy_namespace, q, k, v, bias, *outcomes[0], g)
    assert np.isnan(made[0]).all(-1).sum() == 3
    assert np.isnan(made[2]).all()  # each key has a part in such a row


@needs_kernels
def test_large_logits_do_not_overflow(wherever_possible):
    rng = np.random.default_rng(0)
    q, k, v, g = (100 * normal(rng, 2, 600, 32) for _ in range(4))
    shape = shape_for(q, k, v, 1.0)
    result, statistics = attention(shape)(numpy_namespace, q, k, v)
    # Logits of some ten thousands have a precision of a thousandth.
    np.testing.assert_allclose(result, reference(q, k, v, 1.0), rtol=1e-2, atol=2.0)
    made = attention_gradient(shape)(numpy_namespace, q, k, v, result, statistics, g)
    assert all(np.isfinite(each).all() for each in made)


@needs_kernels
def test_any_number_of_threads_gives_the_same(wherever_possible, monkeypatch):
    rng = np.random.default_rng(0)
    q, k, v, g = (normal(rng, 2, 3, n, 24) for n in (700, 300, 300, 700))
    shape = shape_for(q, k, v, 0.2)
    monkeypatch.setattr(library.library(), "threads", 1)
    result, statistics = attention(shape)(numpy_namespace, q, k, v)
    given = (q, k, v, result, statistics, g)
    want = attention_gradient(shape)(numpy_namespace, *given)
    for threads in (2, 3, 6):
        monkeypatch.setattr(library.library(), "threads", threads)
        got = attention(shape)(numpy_namespace, q, k, v)
        np.testing.assert_array_equal(got[0], result)
        for one, other in zip(attention_gradient(shape)(numpy_namespace, *given), want):
            np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(library.library(), "threads", 7)
    assert attention_gradient(shape) is None  # there are six heads


@needs_kernels
def test_numbers_that_are_neither_are_refused(wherever_possible, monkeypatch):
    q = np.zeros((2, 3, 300, 8), np.float32)
    bias = np.zeros((2, 1, 1, 300), np.float32)
    reason = ctypes.create_string_buffer(256)

    def accepted(numbers):
        return library.library().functions.reflow_implementation(
            *(numbers.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(numbers.size), 2),
            *(reason, ctypes.c_size_t(256)),
        )

    monkeypatch.setattr(library.library(), "threads", 1)
    shape = shape_for(q, q, q, 0.5, bias)
    # None on processors other than those with AVX2.
    panels = Panels(numpy_namespace, q[0, 0]).kernel(bias[0, 0])
    turned = matrix_product(q[0, 0], q[0, 1], True, False)
    for chosen in (
        matrix_product(q, q, False, True),
        transposition(q[0, 0]),
        *(each for each in (panels, turned) if each is not None),
        choose(PanelOrder(q.dtype, 8, 300, True), (19, 8, 16)),
        attention(shape),
        attention_gradient(shape),
    ):
        good = chosen.numbers
        assert accepted(good)
        assert not accepted(good[:-1])
        for i in range(1, len(good)):
            for value in (-1, 0, 1 << 40):
                numbers = good.copy()
                numbers[i] = value
                accepted(numbers)  # must come back, whatever it says
        assert not accepted(np.where(np.arange(good.size) == 1, -2, good))
        if chosen.numbers[0] in (kernel.ATTENTION, kernel.ATTENTION_GRADIENT):
            for elements in (q.size, bias.size):  # an operand that is too small
                assert not accepted(np.where(good == elements, elements - 1, good))


# Attention in graphs ------------------------------------------------------------------------------

ROW_COUNT, KEY_COUNT, SIZE = 70, 300, 16


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
    q, k, v = (normal(rng, 2, 3, n, SIZE) for n in (ROW_COUNT, KEY_COUNT, KEY_COUNT))
    return q, k, v, normal(rng, 2, 1, 1, KEY_COUNT)


def run(make, arrays, monkeypatch, tier):
    monkeypatch.setattr(policy, "forced", [tier])
    with tf.Graph().as_default(), tf.Session() as session:
        placeholders = [tf.placeholder(tf.float32, each.shape) for each in arrays]
        return session.run(make(*placeholders), dict(zip(placeholders, arrays)))


def noted_attentions():
    return [what for what in choices.noted()[0] if "attention" in what]


@needs_kernels
@pytest.mark.parametrize("name", LOGITS)
def test_attention_in_a_graph_is_one_call(name, compiled, monkeypatch):
    def make(q, k, v, b):
        return tf.matmul(tf.nn.softmax(LOGITS[name](q, k, b)), v)

    arrays = given(np.random.default_rng(3))
    got = run(make, arrays, monkeypatch, policy.COMPILE)
    assert len(noted_attentions()) == 1
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
    assert not noted_attentions()
    want = run(NOT_FUSED[name], arrays, monkeypatch, policy.INTERPRET)
    for one, other in zip(
        *([each] if not isinstance(each, list) else each for each in (got, want))
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


TRAINED = {
    "scale": lambda q, k, v, b: tf.matmul(tf.nn.softmax(by_product(q, k) * 0.25), v),
    "divided, bias": lambda q, k, v, b: tf.matmul(tf.nn.softmax(b + by_product(q, k) / 4.0), v),
    "twice": lambda q, k, v, b: tf.matmul(tf.nn.softmax(by_product(q, k) / 2.0 * 0.5), v),
    "no scale": lambda q, k, v, b: tf.matmul(tf.nn.softmax(by_product(q, k)), v),
    "transposed keys": lambda q, k, v, b: tf.matmul(
        tf.nn.softmax(tf.matmul(q, tf.transpose(k, [0, 1, 3, 2])) + b), v
    ),
    "transposed values": lambda q, k, v, b: tf.matmul(
        tf.nn.softmax(by_product(q, k)), tf.transpose(v, [0, 1, 3, 2]), transpose_b=True
    ),
    "queries are values": lambda q, k, v, b: tf.matmul(tf.nn.softmax(by_product(v, k) * 0.25), v),
    "all the same": lambda q, k, v, b: tf.matmul(tf.nn.softmax(by_product(q, q) * 0.25), q),
    "einsum": lambda q, k, v, b: tf.einsum(
        "bnts,bnsh->btnh", tf.nn.softmax(tf.einsum("bnth,bnsh->bnts", q, k) * 0.25 + b), v
    ),
    "einsum, keys first": lambda q, k, v, b: tf.einsum(
        "acbe,caed->acbd",
        tf.nn.softmax(tf.einsum("aced,acbd->acbe", k, q) * 0.25),
        tf.transpose(v, [1, 0, 2, 3]),
    ),
}


def gradients(make):
    def made(q, k, v, b):
        y = make(q, k, v, b)
        wanted = [x for x, g in zip((q, k, v), tf.gradients(y, [q, k, v])) if g is not None]
        return [y, *tf.gradients(tf.reduce_sum(y * y * y), wanted)]

    return made


@needs_kernels
@pytest.mark.parametrize("name", TRAINED)
def test_the_gradient_of_attention_in_a_graph_is_one_call(name, compiled, monkeypatch):
    arrays = given(np.random.default_rng(4))
    got = run(gradients(TRAINED[name]), arrays, monkeypatch, policy.COMPILE)
    assert [what.startswith("gradient of") for what in noted_attentions()] == [False, True]
    want = run(gradients(TRAINED[name]), arrays, monkeypatch, policy.INTERPRET)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def learnt_bias(q, k, v, b):
    y = tf.matmul(tf.nn.softmax(by_product(q, k) * 0.25 + b), v)
    return tf.gradients(tf.reduce_sum(y * y), [q, k, v, b])


def fetched_weights(q, k, v, b):
    w = tf.nn.softmax(by_product(q, k) * 0.25 + b)
    y = tf.matmul(w, v)
    return [w, *tf.gradients(tf.reduce_sum(y * y), [q, k, v])]


def dropped_out(q, k, v, b):
    w = tf.nn.softmax(by_product(q, k) * 0.25)
    y = tf.matmul(tf.where(b + 0.0 * w > 0.0, 2.0 * w, tf.zeros_like(w)), v)
    return tf.gradients(tf.reduce_sum(y * y), [q, k, v])


def of_values_alone(q, k, v, b):
    y = tf.matmul(tf.nn.softmax(by_product(q, k) * 0.25), v)
    return tf.gradients(tf.reduce_sum(y * y), [v])


def of_gradients(q, k, v, b):
    y = tf.matmul(tf.nn.softmax(by_product(q, k) * 0.25), v)
    first = tf.gradients(tf.reduce_sum(y * y), [q, k, v])
    total = tf.add_n([tf.reduce_sum(each * each) for each in first])
    return [*first, *tf.gradients(total, [q, k, v])]


@pytest.mark.parametrize(
    "make", [learnt_bias, fetched_weights, dropped_out, of_values_alone, of_gradients]
)
def test_other_gradients_are_left_as_they_are(make, compiled, monkeypatch):
    arrays = given(np.random.default_rng(4))
    got = run(make, arrays, monkeypatch, policy.COMPILE)
    assert not noted_attentions()
    want = run(make, arrays, monkeypatch, policy.INTERPRET)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@needs_kernels
def test_fewer_heads_than_threads_are_trained_by_the_plain_nodes(compiled, monkeypatch):
    monkeypatch.setattr(library.library(), "threads", 7)
    arrays = given(np.random.default_rng(4))
    make = gradients(TRAINED["scale"])
    got = run(make, arrays, monkeypatch, policy.COMPILE)
    assert not any(what.startswith("gradient of") for what in noted_attentions())
    want = run(make, arrays, monkeypatch, policy.INTERPRET)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("known", [True, False])
def test_a_tape_in_a_function(known, compiled):
    q, k, v, _ = given(np.random.default_rng(5))
    unknown = reflow.TensorSpec([None, 3, None, SIZE])

    @reflow.function(input_signature=None if known else [unknown] * 3)
    def f(q, k, v):
        with reflow.GradientTape() as tape:
            tape.watch((q, k, v))
            logits = reflow.matmul(q, k, transpose_b=True) * 0.25
            y = reflow.matmul(reflow.nn.softmax(logits), v)
        return tape.gradient(y, (q, k, v))

    got = f(q, k, v)
    # Of unknown shapes the nodes have to see to it that gradients are summed over what was broadcast.
    fused = known and library.library() is not None
    assert len(noted_attentions()) == 2 * fused
    for one, other in zip(got, reference_gradients(q, k, v, np.ones_like(q), 0.25)):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@needs_kernels
def test_attention_in_a_function(compiled):
    q, k, v, b = given(np.random.default_rng(5))

    @reflow.function
    def f(q, k, v, b):
        return reflow.matmul(reflow.nn.softmax(reflow.matmul(q, k, transpose_b=True) * 0.25 + b), v)

    got = f(q, k, v, b)
    assert len(noted_attentions()) == 1
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
