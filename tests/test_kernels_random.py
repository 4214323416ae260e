"""Random words in executables: the native kernel against NumPy's Philox, bit by bit."""

import ml_dtypes
import numpy as np
import pytest

from reflow.compiler.jax_setup import jax, wide_types
from reflow.kernels import library
from reflow.kernels.random_words import random_words
from reflow.ops.random import kernels, philox

TOP = 2**64 - 1
needs_kernels = pytest.mark.skipif(
    library.library() is None, reason=f"native kernels: {library.status()}"
)


@pytest.fixture(params=["native", "auto", "xla"])
def wish(request, monkeypatch):
    monkeypatch.setattr(library, "forced", [request.param])
    monkeypatch.setattr("reflow.kernels.random_words.forced", library.forced)
    return request.param


def compiled(function, *args):
    from reflow.compiler.jax_namespace import jax_namespace

    with wide_types():
        return np.asarray(jax.jit(lambda *a: function(jax_namespace, *a))(*args))


@pytest.mark.parametrize("count", [1, 3, 4, 255, 256, 257, 4099, 65535, 65540, 200_003])
@pytest.mark.parametrize("start", [(0, 0), (TOP - 70, 3), (TOP, TOP), (2**32 - 5, TOP)])
def test_words_are_those_of_numpy(wish, count, start):
    key, counter = np.array([0x0123456789ABCDEF], np.uint64), np.array(start, np.uint64)
    got = compiled(lambda xp, k, c: philox.words(xp, k, c, count), key, counter)
    np.testing.assert_array_equal(got, philox.words(np, key, counter, count))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.float64])
def test_uniform_values_are_those_of_numpy(wish, dtype):
    key, counter = np.array([7], np.uint64), np.array([TOP - 1000, 1], np.uint64)
    got = compiled(lambda xp, k, c: kernels.uniform(xp, k, c, (71, 83), dtype), key, counter)
    np.testing.assert_array_equal(got, kernels.uniform(np, key, counter, (71, 83), dtype))


def test_many_keys_at_once(wish):
    keys = np.arange(3, dtype=np.uint64)[:, None]
    counter = np.array([5, 6], np.uint64)

    def rows(xp, keys):
        return jax.vmap(lambda key: philox.words(xp, key, counter, 4100))(keys)

    want = [philox.words(np, key, counter, 4100) for key in keys]
    np.testing.assert_array_equal(compiled(rows, keys), want)


@needs_kernels
def test_few_words_and_none_are_left_to_xla(monkeypatch):
    monkeypatch.setattr("reflow.kernels.random_words.forced", ["auto"])
    assert random_words(0) is None and random_words(100) is None
    assert random_words(100_000) is not None
    monkeypatch.setattr("reflow.kernels.random_words.forced", ["native"])
    assert random_words(0) is None and random_words(1) is not None


@needs_kernels
def test_a_key_or_a_counter_of_another_size_is_refused():
    with wide_types():
        key, counter = np.zeros(1, np.uint64), np.zeros(2, np.uint64)
        draw = jax.jit(random_words(5000))
        for wrong in ((np.zeros(2, np.uint64), counter), (key, key)):
            with pytest.raises(Exception, match="a key has one number, a counter two"):
                jax.block_until_ready(draw(*wrong))
