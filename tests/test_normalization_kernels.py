"""The sums of batch normalizations: native kernels and what takes their place, against float64."""

import itertools

import ml_dtypes
import numpy as np
import pytest

from reflow.kernels import library, normalization
from reflow.kernels.normalization import GRADIENT_SUMS, MOMENTS, channel_sums
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.ops.nn.fused_batch_norm import _Statistics

needs_kernels = pytest.mark.skipif(
    library.library() is None, reason=f"native kernels: {library.status()}"
)
SHAPES = [
    (1, 1, 1, 8),
    (2, 5, 7, 3),
    (3, 9, 8, 16),
    (4, 33, 31, 40),
    (70, 3, 1, 1100),
    (1, 4099, 1, 130),
]


def force(monkeypatch, wish):
    monkeypatch.setattr(library, "forced", [wish])
    monkeypatch.setattr(normalization, "forced", [wish])


def images(shape, dtype, seed=0):
    """Images whose means are large beside their deviations, and a gradient."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) + 100 * rng.standard_normal(shape[-1])
    return x.astype(dtype), (rng.standard_normal(shape) + 0.25).astype(dtype)


def check(shape, x, dy, moments, sums):
    """Both results against sums in float64: beside what is added up, not beside what is left of it."""
    axes = tuple(range(len(shape) - 1))
    wide, gradient = (np.asarray(each, np.float64) for each in (x, dy))
    mean, variance = (np.asarray(each, np.float64) for each in moments)
    np.testing.assert_allclose(mean, wide.mean(axes), rtol=1e-6)
    np.testing.assert_allclose(variance, wide.var(axes), rtol=1e-5, atol=1e-8)
    off = wide - np.asarray(moments[0], np.float64)
    for got, terms in zip(sums, (gradient, gradient * off)):
        room = 1e-5 * np.abs(terms).sum(axes) + 1e-8
        assert (np.abs(np.asarray(got, np.float64) - terms.sum(axes)) <= room).all()


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("wish", [pytest.param("native", marks=needs_kernels), "xla"])
def test_sums_in_numpy_agree_with_float64(monkeypatch, wish, dtype):
    force(monkeypatch, wish)
    for shape in SHAPES:
        x, dy = images(shape, dtype)
        over = _Statistics(numpy_namespace, x, "NHWC")
        assert (over._kernel(MOMENTS) is not None) == (wish == "native")
        moments = over.moments()
        check(shape, x, dy, moments, over.gradient_sums(dy, moments[0]))


@pytest.mark.parametrize("wish", [pytest.param("native", marks=needs_kernels), "xla"])
def test_sums_that_xla_runs_agree_with_float64(monkeypatch, wish):
    from reflow.compiler.jax_namespace import jax_namespace
    from reflow.compiler.jax_setup import jax

    force(monkeypatch, wish)

    def everything(x, dy):
        over = _Statistics(jax_namespace, x, "NHWC")
        moments = over.moments()
        return moments, over.gradient_sums(dy, moments[0])

    for shape in SHAPES[1:4]:
        x, dy = images(shape, np.float32)
        compiled = jax.jit(everything).lower(x, dy).compile()
        assert ("reflow_compute" in compiled.as_text()) == (wish == "native")
        check(shape, x, dy, *compiled(x, dy))


@needs_kernels
def test_the_number_of_threads_changes_no_bit(monkeypatch):
    force(monkeypatch, "native")
    x, dy = images((8, 65, 63, 48), np.float32)
    results = []
    for threads in (1, 2, 7):
        monkeypatch.setattr(library.library(), "threads", threads)
        over = _Statistics(numpy_namespace, x, "NHWC")
        moments = over.moments()
        results.append(np.concatenate([moments, over.gradient_sums(dy, moments[0])]))
    check(x.shape, x, dy, results[0][:2], results[0][2:])
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


@needs_kernels
def test_what_is_no_number_stays_in_its_channel(monkeypatch):
    force(monkeypatch, "native")
    x, dy = images((5, 6, 7, 16), np.float32)
    x[3, 2, 1, 4], dy[0, 0, 0, 9] = np.nan, np.inf
    over = _Statistics(numpy_namespace, x, "NHWC")
    moments = over.moments()
    sums = over.gradient_sums(dy, moments[0])
    assert [set(np.flatnonzero(~np.isfinite(row))) for row in (*moments, *sums)] == [
        {4}, {4}, {9}, {4, 9},
    ]  # fmt: skip


def test_channels_first_and_nothing_at_all_have_no_kernel(monkeypatch):
    force(monkeypatch, "native")
    x, dy = images((2, 6, 5, 16), np.float32)
    there, other = (np.moveaxis(each, -1, 1) for each in (x, dy))
    over = _Statistics(numpy_namespace, there, "NCHW")
    assert over._kernel(MOMENTS) is None
    moments = over.moments()
    check(x.shape, x, dy, moments, over.gradient_sums(other, moments[0]))
    for kind, sizes in itertools.product((MOMENTS, GRADIENT_SUMS), ((0, 3), (2, 0))):
        assert channel_sums(kind, np.dtype(np.float32), sizes, 16) is None


@needs_kernels
def test_few_channels_and_few_elements_are_left_to_others(monkeypatch):
    force(monkeypatch, "auto")
    kind = np.dtype(np.float32)
    assert channel_sums(MOMENTS, kind, (64, 64, 64), 3) is None
    assert channel_sums(MOMENTS, kind, (2, 2, 2), 16) is None
    assert channel_sums(MOMENTS, kind, (64, 64, 64), 16) is not None
    assert channel_sums(MOMENTS, np.dtype(np.float16), (64, 64, 64), 16) is None
