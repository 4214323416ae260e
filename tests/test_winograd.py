"""Winograd's algorithm against float64, and where it is taken."""

import numpy as np
import pytest
from test_kernels import check, geometry, needs_kernels, operands, reference

from reflow.kernels import choices, library
from reflow.kernels.convolution import (
    FILTER_GRADIENT,
    FORWARD,
    INPUT_GRADIENT,
    Winograd,
    _result,
    convolution,
)
from reflow.kernels.kernel import BIAS, RELU, RELU6, WINOGRAD, Shape, choose
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.ops.spatial import conv_kernels

KINDS = (FORWARD, INPUT_GRADIENT, FILTER_GRADIENT)

pytestmark = [
    needs_kernels,
    pytest.mark.skipif(
        library.library() is not None and library.library().vector_bytes < 32,
        reason="Winograd's algorithm needs AVX2",
    ),
]


@pytest.fixture(params=[32, 64], ids=["AVX2", "AVX-512"])
def vectors(request, limit_vectors):
    """Both widths of the loops."""
    limit_vectors(request.param)
    return request.param


def shape_of(kind, batch, channels, filters, geo, dtype=np.float32, **more):
    return Shape(kind, np.dtype(dtype), batch, 1, channels, filters, geo, **more)


def by_winograd(shape):
    """Its kernel, whether or not it is the best one."""
    return choose(Winograd(shape), _result(shape))


def agrees(kind, batch, channels, filters, geo, rng):
    given = operands(rng, kind, batch, geo, channels, channels, filters)
    wide = [np.asarray(each, np.float64) for each in given]
    want = reference(kind, *wide, geo, channels, channels, filters)
    got = by_winograd(shape_of(kind, batch, channels, filters, geo))(numpy_namespace, *given)
    check(got, want, np.float32, (kind, batch, channels, filters, geo.sizes, geo.pads))
    return given, want, got


@pytest.mark.parametrize("seed", range(4))
def test_random_shapes_agree_with_float64(seed, vectors):
    rng = np.random.default_rng(seed)
    for _ in range(20):
        while True:
            sizes = tuple(int(n) for n in rng.integers(1, 22, 2))
            padding = rng.choice(["SAME", "VALID", "EXPLICIT"])
            if padding == "EXPLICIT":
                padding = [tuple(int(n) for n in rng.integers(0, 5, 2)) for _ in sizes]
            try:
                geo = geometry(sizes, (3, 3), 1, 1, padding)
                break
            except ValueError:  # the window is larger than the image
                continue
        channels, filters = (int(n) for n in rng.choice([1, 3, 8, 16, 17, 24, 70, 130, 300], 2))
        for kind in KINDS:
            agrees(kind, int(rng.integers(1, 5)), channels, filters, geo, rng)


@pytest.mark.parametrize("threads", [1, 2, 7, 64])
@pytest.mark.parametrize(
    "batch, sizes, channels, filters",
    [
        (9, (33, 31), 24, 40),  # many blocks, of several images
        (1, (7, 7), 300, 280),  # fewer tiles than a block has; channels in two rounds
        (3, (14, 13), 520, 96),  # sums that are too large for each thread to have its own
    ],
)
def test_threads_share_the_work(monkeypatch, vectors, threads, batch, sizes, channels, filters):
    monkeypatch.setattr(library.library(), "threads", threads)
    rng = np.random.default_rng(threads)
    for kind in KINDS:
        agrees(kind, batch, channels, filters, geometry(sizes, (3, 3)), rng)


def test_it_is_as_accurate_as_the_direct_sum(vectors):
    rng = np.random.default_rng(0)
    batch, channels, filters, geo = 4, 64, 64, geometry((28, 28), (3, 3))
    for kind in KINDS:
        given, want, got = agrees(kind, batch, channels, filters, geo, rng)
        shape = shape_of(kind, batch, channels, filters, geo)
        direct = choose(shape, _result(shape))(numpy_namespace, *given)
        of_winograd, of_direct = (np.sqrt(np.mean((y - want) ** 2)) for y in (got, direct))
        assert of_winograd < 2 * of_direct


def test_what_is_no_number_spreads_as_in_the_direct_sum(vectors):
    geo = geometry((9, 9), (3, 3))
    x, w = np.ones((1, 9, 9, 16), np.float32), np.ones((3, 3, 16, 16), np.float32)
    x[0, 4, 5, 3] = np.nan
    y = by_winograd(shape_of(FORWARD, 1, 16, 16, geo))(numpy_namespace, x, w)
    there = np.zeros((9, 9), bool)
    there[3:6, 4:7] = True
    assert (np.isnan(y[0]) == there[..., None]).all()


@pytest.mark.parametrize(
    "filters", [5, 24, 300]
)  # less than a vector; vectors and a rest; several rounds
@pytest.mark.parametrize(
    "after, low, high", [(BIAS, -np.inf, np.inf), (RELU, 0, np.inf), (RELU6, 0, 6)]
)
def test_it_adds_the_bias_and_bounds_the_results(vectors, filters, after, low, high):
    rng = np.random.default_rng(filters)
    geo = geometry((15, 13), (3, 3))
    x, w = operands(rng, FORWARD, 3, geo, 20, 20, filters)
    bias = 9 * rng.standard_normal(filters).astype(np.float32)
    wide = [np.asarray(each, np.float64) for each in (x, w)]
    want = np.clip(reference(FORWARD, *wide, geo, 20, 20, filters) + bias, low, high)
    kernel = by_winograd(shape_of(FORWARD, 3, 20, filters, geo, after=after))
    check(kernel(numpy_namespace, x, w, bias), want, np.float32, after)
    x[0, 4, 5, 3] = np.nan
    there = np.isnan(kernel(numpy_namespace, x, w, bias))
    assert there.any(axis=-1).sum() == 9 and there.all(axis=-1).sum() == 9


def test_what_it_cannot_do_is_refused(monkeypatch):
    monkeypatch.setattr(choices, "_noted", {})
    geo = geometry((20, 20), (3, 3))
    refused = [
        shape_of(FORWARD, 2, 32, 32, geometry((20, 20), (3, 5))),
        shape_of(FORWARD, 2, 32, 32, geometry((20, 20), (3, 3), 2)),
        shape_of(FORWARD, 2, 32, 32, geometry((20, 20), (3, 3), 1, 2)),
        shape_of(FORWARD, 2, 32, 32, geometry((20,), (3,))),
        shape_of(FORWARD, 2, 32, 32, geo, "bfloat16"),
        shape_of(FORWARD, 2, 32, 32, geo, channels_first=True),
        shape_of(FORWARD, 2, 32, 32, geo)._replace(groups=4),
        shape_of(FORWARD, 2, 1, 1, geo)._replace(kind=3),  # a pooling
    ]
    assert [by_winograd(shape) for shape in refused] == [None] * len(refused)


def is_taken(shape):
    return convolution(shape, False).numbers[0] == WINOGRAD


def test_it_is_taken_by_shape(vectors):
    geo, small = geometry((56, 56), (3, 3)), geometry((4, 4), (3, 3))
    cases = {
        shape_of(FORWARD, 32, 64, 64, geo): True,
        shape_of(INPUT_GRADIENT, 32, 64, 64, geo): True,
        shape_of(FILTER_GRADIENT, 32, 64, 64, geo): True,
        shape_of(FORWARD, 32, 3, 64, geo): False,  # few channels
        shape_of(FORWARD, 4, 512, 512, small): vectors == 64,  # a large filter
        shape_of(INPUT_GRADIENT, 1, 512, 512, small): False,
        shape_of(FORWARD, 32, 64, 64, geometry((56, 56), (5, 5))): False,
    }
    for shape, taken in cases.items():
        assert is_taken(shape) == taken


def test_it_needs_its_vectors(limit_vectors):
    limit_vectors(16)
    assert not is_taken(shape_of(FORWARD, 32, 64, 64, geometry((56, 56), (3, 3))))


def test_explain_is_told_of_it(monkeypatch):
    monkeypatch.setattr(choices, "_noted", {})
    shape = shape_of(FORWARD, 31, 64, 64, geometry((57, 57), (3, 3)))  # not chosen before
    assert is_taken(shape)
    assert choices.noted()[0] == {str(shape): "native, Winograd's algorithm"}


def test_an_empty_batch_needs_no_kernel():
    geo = geometry((8, 8), (3, 3))
    x, w = np.zeros((0, 8, 8, 64), np.float32), np.ones((3, 3, 64, 64), np.float32)
    assert conv_kernels.forward(numpy_namespace, x, w, geo).shape == x.shape
    assert conv_kernels.input_gradient(numpy_namespace, 64, w, x, geo).shape == x.shape
    dw = conv_kernels.filter_gradient(numpy_namespace, x, 64, x, geo)
    assert dw.shape == w.shape and not dw.any()


def test_xla_runs_it(vectors):
    from reflow.compiler.jax_namespace import jax_namespace
    from reflow.compiler.jax_setup import jax

    rng = np.random.default_rng(1)
    geo = geometry((17, 19), (3, 3))
    kernels = [by_winograd(shape_of(kind, 3, 24, 40, geo)) for kind in KINDS]
    given = [operands(rng, kind, 3, geo, 24, 24, 40) for kind in KINDS]

    def everything(given):
        return [kernel(jax_namespace, *each) for kernel, each in zip(kernels, given)]

    for kind, each, got in zip(KINDS, given, jax.jit(everything)(given)):
        wide = [np.asarray(one, np.float64) for one in each]
        check(got, reference(kind, *wide, geo, 24, 24, 40), np.float32, kind)
