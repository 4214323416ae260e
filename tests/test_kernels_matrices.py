"""Batched matrix products and transposed matrices in native kernels, against float64 and the plain nodes."""

import itertools
import pathlib

import numpy as np
import pytest

import reflow
from reflow.compiler import policy
from reflow.compiler.jax_namespace import jax_namespace
from reflow.compiler.jax_setup import jax
from reflow.kernels import choices, kernel, library
from reflow.kernels.matrices import Panels, matrix_product, transposition
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


HAS_PANELS = library.library() is not None and {"avx2", "fma"} <= features()
needs_panels = pytest.mark.skipif(not HAS_PANELS, reason="the kernel is for AVX2 and AVX-512")


@pytest.fixture(params=[32, 64], ids=["AVX2", "AVX-512"])
def widest(request, limit_vectors):
    """The bytes of the widest vectors that kernels may use."""
    limit_vectors(request.param)
    return request.param


@needs_panels
@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_products_with_panels_agree_with_float64(threads, widest, wherever_possible, monkeypatch):
    monkeypatch.setattr(library.library(), "threads", threads)
    rng = np.random.default_rng(threads)
    sizes = itertools.product((1, 2, 5, 6, 7, 11, 13, 64), (1, 3, 100), (1, 15, 16, 17, 33, 250))
    for rows, inner, columns in [*sizes, (64, 300, 1003)]:
        a, b = normal(rng, rows, inner), normal(rng, inner, columns)
        panels = Panels(numpy_namespace, b)
        want = a.astype(np.float64) @ b
        got = panels.kernel(a)(numpy_namespace, a, panels.data)
        assert got.shape == want.shape
        assert np.abs(got - want).max() < 1e-5 * max(np.abs(want).max(), 1)


@needs_panels
def test_products_with_panels_from_xla(widest, wherever_possible):
    rng = np.random.default_rng(0)
    a, b = normal(rng, 9, 40), normal(rng, 40, 50)

    @jax.jit
    def product(a, b):
        panels = Panels(jax_namespace, b)
        return panels.kernel(a)(jax_namespace, a, panels.data)

    np.testing.assert_allclose(product(a, b), a.astype(np.float64) @ b, rtol=1e-5, atol=1e-5)


@needs_panels
@pytest.mark.parametrize(("rows", "native"), [(3, False), (4, True), (64, True), (65, False)])
def test_where_panels_pay(rows, native):
    panels = Panels(numpy_namespace, np.zeros((20, 30), np.float32))
    assert (panels.kernel(np.zeros((rows, 20), np.float32)) is not None) == native


@pytest.mark.parametrize(
    "a", [np.zeros((0, 4), np.float32), np.zeros((8, 5), np.float32), np.zeros((8, 4))]
)
def test_what_products_with_panels_are_left_to_xla(a, wherever_possible):
    assert Panels(numpy_namespace, np.zeros((4, 6), np.float32)).kernel(a) is None


@needs_kernels
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("vectors", [16, 32, 64])
def test_panels_are_the_columns_of_a_matrix(flip, vectors, limit_vectors, monkeypatch):
    limit_vectors(vectors)
    rng = np.random.default_rng(0)
    for inner, columns in [(1, 1), (3, 15), (20, 16), (7, 33), (300, 1003)]:
        matrix = normal(rng, columns, inner) if flip else normal(rng, inner, columns)
        wide = np.zeros((inner, -(-columns // 16) * 16), np.float32)
        wide[:, :columns] = flipped(matrix, flip)
        for threads in (1, 3):
            monkeypatch.setattr(library.library(), "threads", threads)
            panels = Panels(numpy_namespace, matrix, flip)
            np.testing.assert_array_equal(panels.matrix, flipped(matrix, flip))
            np.testing.assert_array_equal(panels.data, wide.reshape(inner, -1, 16).swapaxes(0, 1))


# Products with a transposed left side -------------------------------------------------------------


@needs_panels
def test_transposed_products_agree_with_float64(widest, wherever_possible, monkeypatch):
    rng = np.random.default_rng(0)
    sizes = itertools.product((1, 5, 13, 64), (1, 16, 100), (1, 15, 17, 33, 130))
    for rows, inner, columns in [*sizes, (37, 1000, 300), (700, 513, 70), (200, 256, 1003)]:
        x, y = normal(rng, inner, rows), normal(rng, inner, columns)
        want = x.T.astype(np.float64) @ y
        product = matrix_product(x, y, True, False)
        results = []
        for threads in (1, 2, 3, 16):
            monkeypatch.setattr(library.library(), "threads", threads)
            results.append(product(numpy_namespace, x, y))
        assert np.abs(results[0] - want).max() < 1e-5 * max(np.abs(want).max(), 1)
        for other in results[1:]:  # sums have one order, whoever makes them
            np.testing.assert_array_equal(other, results[0])


@needs_panels
def test_products_of_two_kinds_and_the_same_sizes(wherever_possible):
    rng = np.random.default_rng(0)
    a, b, x = normal(rng, 9, 16), normal(rng, 16, 40), normal(rng, 16, 9)
    panels = Panels(numpy_namespace, b)
    in_panels, turned = panels.kernel(a), matrix_product(x, b, True, False)
    np.testing.assert_allclose(in_panels(numpy_namespace, a, panels.data), a @ b, atol=1e-4)
    np.testing.assert_allclose(turned(numpy_namespace, x, b), x.T @ b, atol=1e-4)


@needs_panels
def test_transposed_products_pass_on_what_is_no_number(widest, wherever_possible):
    x, y = np.ones((300, 20), np.float32), np.ones((300, 40), np.float32)
    x[299, 3], y[0, 39] = np.nan, np.inf
    got = matrix_product(x, y, True, False)(numpy_namespace, x, y)
    want = x.T @ y
    np.testing.assert_array_equal(got, want)


@needs_panels
@pytest.mark.parametrize(
    ("rows", "inner", "columns", "native"),
    [
        (32, 16, 4, True),
        (31, 16, 4, False),
        (32, 15, 4, False),
        (32, 16, 3, False),
        (784, 128, 512, True),
    ],
)
def test_where_transposed_products_pay(rows, inner, columns, native):
    x, y = np.zeros((inner, rows), np.float32), np.zeros((inner, columns), np.float32)
    assert (matrix_product(x, y, True, False) is not None) == native


# Transposed matrices ------------------------------------------------------------------------------


@needs_kernels
@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (16, 16), (37, 50), (300, 17), (33, 2000)])
@pytest.mark.parametrize("vectors", [16, 32, 64])
def test_transposed_matrices_are_the_same_numbers(shape, vectors, wherever_possible, limit_vectors):
    limit_vectors(vectors)
    x = normal(np.random.default_rng(0), *shape)
    for got in both_ways(transposition(x), x):
        np.testing.assert_array_equal(got, x.T)


@needs_kernels
@pytest.mark.parametrize(
    ("shape", "dtype"), [((0, 3), np.float32), ((2, 3, 4), np.float32), ((300, 300), np.float64)]
)
def test_what_is_transposed_by_xla(shape, dtype, wherever_possible):
    assert transposition(np.zeros(shape, dtype)) is None


def test_the_gradient_of_a_layer_with_a_large_input(compiled):
    rng = np.random.default_rng(2)
    x, y, g = normal(rng, 2000, 140), normal(rng, 140, 20), normal(rng, 2000, 20)
    with tf.Graph().as_default(), tf.Session() as session:
        placeholders = [tf.placeholder(tf.float32, each.shape) for each in (x, y, g)]
        product = tf.matmul(tf.nn.relu(placeholders[0]), placeholders[1])
        gradient = tf.gradients(product, placeholders[1], placeholders[2])[0]
        got = session.run(gradient, dict(zip(placeholders, (x, y, g))))
    np.testing.assert_allclose(got, np.maximum(x, 0).T.astype(np.float64) @ g, rtol=1e-4, atol=1e-3)
    if library.library() is not None:
        assert any(what.startswith("transposition") for what in choices.noted()[0])
