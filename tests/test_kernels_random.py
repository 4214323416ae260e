"""Random values by the native kernels, against those made in NumPy, bit by bit."""

import ml_dtypes
import numpy as np
import pytest

from reflow.compiler.jax_setup import jax, wide_types
from reflow.kernels import library, random_values
from reflow.ops.random import kernels, philox, rejection

TOP = 2**64 - 1
needs_kernels = pytest.mark.skipif(
    library.library() is None, reason=f"native kernels: {library.status()}"
)


@pytest.fixture(params=["native", "auto", "xla"])
def wish(request, monkeypatch):
    monkeypatch.setattr(library, "forced", [request.param])
    monkeypatch.setattr(random_values, "forced", library.forced)
    return request.param


@pytest.fixture
def in_numpy(monkeypatch):
    """Calls a function with NumPy, without the kernels."""

    def call(function, *args):
        with monkeypatch.context() as patch:
            patch.setattr(random_values, "library", lambda: None)
            return function(np, *args)

    return call


def words(xp, key, counter, shape, dtype):
    return philox.words(xp, key, counter, *shape)


def compiled(function, *args):
    from reflow.compiler.jax_namespace import jax_namespace

    with wide_types():
        return np.asarray(jax.jit(lambda *a: function(jax_namespace, *a))(*args))


STARTS = [(0, 0), (TOP - 70, 3), (TOP, TOP), (2**32 - 5, TOP)]
DRAWS = [
    *((words, np.uint32), (rejection.truncated_normal, np.float32)),
    *(
        (draw, dtype)
        for draw in (kernels.uniform, kernels.normal)
        for dtype in (np.float32, np.float16)
    ),
]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 255, 256, 257, 4099, 65540, 200_003])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(("draw", "dtype"), DRAWS)
@needs_kernels
def test_kernels_and_numpy_draw_the_same(in_numpy, draw, dtype, count, start):
    key, counter = np.array([0x0123456789ABCDEF], np.uint64), np.array(start, np.uint64)
    got, want = (
        draw(np, key, counter, (count,), dtype),
        in_numpy(draw, key, counter, (count,), dtype),
    )
    assert got.dtype == want.dtype == dtype
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("count", [1, 3, 4, 255, 257, 4099, 65540])
@pytest.mark.parametrize("start", STARTS)
def test_words_in_executables(wish, in_numpy, count, start):
    key, counter = np.array([0x0123456789ABCDEF], np.uint64), np.array(start, np.uint64)
    got = compiled(lambda xp, k, c: philox.words(xp, k, c, count), key, counter)
    np.testing.assert_array_equal(got, in_numpy(words, key, counter, (count,), np.uint32))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.float64])
def test_uniform_values_in_executables(wish, in_numpy, dtype):
    key, counter = np.array([7], np.uint64), np.array([TOP - 1000, 1], np.uint64)
    got = compiled(lambda xp, k, c: kernels.uniform(xp, k, c, (71, 83), dtype), key, counter)
    want = in_numpy(kernels.uniform, key, counter, (71, 83), dtype)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("draw", [kernels.normal, rejection.truncated_normal])
@needs_kernels
def test_normal_values_in_executables(in_numpy, draw, dtype):
    key, counter = np.array([7], np.uint64), np.array([TOP - 1000, 1], np.uint64)
    got = compiled(lambda xp, k, c: draw(xp, k, c, (71, 83), dtype), key, counter)
    np.testing.assert_array_equal(got, in_numpy(draw, key, counter, (71, 83), dtype))


def test_many_keys_at_once(wish):
    keys = np.arange(3, dtype=np.uint64)[:, None]
    counter = np.array([5, 6], np.uint64)

    def rows(xp, keys):
        return jax.vmap(lambda key: philox.words(xp, key, counter, 4100))(keys)

    want = [philox.words(np, key, counter, 4100) for key in keys]
    np.testing.assert_array_equal(compiled(rows, keys), want)


@needs_kernels
def test_few_values_and_none_are_left_to_xla(monkeypatch):
    kind = random_values.WORDS
    monkeypatch.setattr(random_values, "forced", ["auto"])
    assert random_values.drawing(kind, 0) is None and random_values.drawing(kind, 100) is None
    assert random_values.drawing(kind, 100_000) is not None
    monkeypatch.setattr(random_values, "forced", ["native"])
    assert random_values.drawing(kind, 0) is None and random_values.drawing(kind, 1) is not None


@needs_kernels
def test_a_key_or_a_counter_of_another_size_is_refused():
    with wide_types():
        key, counter = np.zeros(1, np.uint64), np.zeros(2, np.uint64)
        draw = jax.jit(random_values.drawing(random_values.WORDS, 5000))
        for wrong in ((np.zeros(2, np.uint64), counter), (key, key)):
            with pytest.raises(Exception, match="a key has one number, a counter two"):
                jax.block_until_ready(draw(*wrong))


@needs_kernels
def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(RuntimeError, match="no such draw"):
        random_values.drawn(17, np.zeros(1, np.uint64), np.zeros(2, np.uint64), 4)


@needs_kernels
def test_few_values_are_not_worth_loading_the_library(monkeypatch):
    key, counter = np.zeros(1, np.uint64), np.zeros(2, np.uint64)
    monkeypatch.setattr(random_values, "is_known", lambda: False)
    monkeypatch.setattr(random_values, "_in_numpy", [0])
    found = [random_values.drawn(random_values.WORDS, key, counter, 30_000) for _ in range(3)]
    assert found[0] is None and found[1] is None
    np.testing.assert_array_equal(found[2], philox.words(np, key[0], counter, 30_000))
