"""The native kernels against float64, called directly and from XLA; what happens without them."""

import itertools
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest

import reflow
from reflow.kernels import choices, library
from reflow.kernels.convolution import FILTER_GRADIENT, FORWARD, INPUT_GRADIENT, convolution
from reflow.kernels.kernel import Shape
from reflow.kernels.pooling import AVERAGE, AVERAGE_GRADIENT, MAXIMUM, MAXIMUM_GRADIENT
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.ops.spatial import conv_kernels, depthwise_kernels, pool_kernels
from reflow.ops.spatial.conv_kernels import Geometry
from reflow.ops.spatial.windows import windows_of

needs_kernels = pytest.mark.skipif(
    library.library() is None, reason=f"native kernels: {library.status()}"
)
FORMATS = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def geometry(sizes, kernel, strides=1, dilations=1, padding="SAME"):
    rank = len(sizes)
    strides, dilations = (
        (n,) * rank if isinstance(n, int) else tuple(n) for n in (strides, dilations)
    )
    explicit = ()
    if not isinstance(padding, str):
        explicit, padding = (0, 0, *itertools.chain(*padding), 0, 0), "EXPLICIT"
    windows = windows_of(
        "test", (1, *strides, 1), padding, FORMATS[rank], (1, *dilations, 1), explicit
    )
    return Geometry(windows, sizes, kernel)


# The reference: a sum over the elements of the windows, in float64.


def _padded(x, geo):
    sizes = [n + lo + hi for n, (lo, hi) in zip(geo.sizes, geo.pads)]
    result = np.zeros((x.shape[0], *sizes, x.shape[-1]))
    result[conv_kernels.inside(geo.sizes, geo.pads)] = x
    return result


def _groups(channels, w_channels, filters):
    count = channels // w_channels
    each = filters // count
    for g in range(count):
        yield slice(g * w_channels, (g + 1) * w_channels), slice(g * each, (g + 1) * each)


def reference(kind, a, b, geo, channels, w_channels, filters):
    """What a kernel should give: the arguments are those of the kernel, as float64."""
    batch = (b if kind == INPUT_GRADIENT else a).shape[0]
    x = np.zeros((batch, *geo.sizes, channels)) if kind == INPUT_GRADIENT else a
    x = _padded(x, geo)
    w = {FORWARD: b, INPUT_GRADIENT: a}.get(kind, np.zeros((*geo.kernel, w_channels, filters)))
    w = w.reshape(*geo.kernel, w_channels, filters)
    y = np.zeros((batch, *geo.outputs, filters)) if kind == FORWARD else b
    for place, slices in geo.taps():
        for c, f in _groups(channels, w_channels, filters):
            there = (slice(None), *slices, c)
            if kind == FORWARD:
                y[..., f] += x[there] @ w[(*place, slice(None), f)]
            elif kind == INPUT_GRADIENT:
                x[there] += y[..., f] @ w[(*place, slice(None), f)].T
            else:
                flat = x[there].reshape(-1, w_channels)
                w[(*place, slice(None), f)] = flat.T @ y[..., f].reshape(len(flat), -1)
    if kind == INPUT_GRADIENT:
        return x[conv_kernels.inside(geo.sizes, geo.pads)]
    return y if kind == FORWARD else w


def operands(rng, kind, batch, geo, channels, w_channels, filters, dtype=np.float32):
    x = rng.standard_normal((batch, *geo.sizes, channels)).astype(dtype)
    w = rng.standard_normal((*geo.kernel, w_channels, filters)).astype(dtype)
    dy = rng.standard_normal((batch, *geo.outputs, filters)).astype(dtype)
    return {FORWARD: (x, w), INPUT_GRADIENT: (w, dy), FILTER_GRADIENT: (x, dy)}[kind]


def kernel_for(kind, dtype, batch, channels, w_channels, filters, geo, channels_first=False):
    """The kernel that the interpreted tier would take."""
    groups = channels // w_channels
    shape = Shape(kind, np.dtype(dtype), batch, groups, channels, filters, geo, channels_first)
    return convolution(shape, False)


def check(got, want, dtype, what):
    # Each number is a sum of at most some thousands of products of unit variance.
    scale = max(np.abs(want).max(initial=0), 1)
    error = np.abs(np.asarray(got, np.float64) - want).max(initial=0) / scale
    assert got.shape == want.shape, what
    assert error < (1e-5 if dtype == np.float32 else 1e-2), (what, error)


def random_case(rng):
    """Batch, geometry, channels, channels of a group, filters: anything a convolution can have."""
    while True:
        rank = int(rng.choice([1, 2, 2, 2, 3]))
        sizes = tuple(int(n) for n in rng.integers(1, {1: 40, 2: 20, 3: 8}[rank], rank))
        kernel = tuple(int(n) for n in rng.integers(1, 6, rank))
        strides = tuple(int(n) for n in rng.choice([1, 1, 2, 3, 7], rank))
        dilations = tuple(int(n) for n in rng.choice([1, 1, 1, 2, 3], rank))
        padding = rng.choice(["SAME", "VALID", "EXPLICIT"])
        if padding == "EXPLICIT":
            padding = [tuple(int(n) for n in rng.integers(0, 4, 2)) for _ in sizes]
        try:
            geo = geometry(sizes, kernel, strides, dilations, padding)
            break
        except ValueError:  # the window is larger than the image
            continue
    groups = int(rng.choice([1, 1, 1, 2, 5]))
    w_channels, each = (int(n) for n in rng.choice([1, 2, 3, 8, 16, 17], 2))
    if rng.random() < 0.25:  # channels apart
        groups, w_channels, each = int(rng.choice([2, 7, 16, 33])), 1, int(rng.choice([1, 1, 2]))
    return int(rng.integers(1, 6)), geo, groups * w_channels, w_channels, groups * each


@needs_kernels
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("seed", range(4))
def test_random_convolutions_agree_with_float64(seed, dtype):
    rng = np.random.default_rng(seed)
    taken = 0
    for _ in range(40):
        batch, geo, channels, w_channels, filters = random_case(rng)
        for kind in (FORWARD, INPUT_GRADIENT, FILTER_GRADIENT):
            kernel = kernel_for(kind, dtype, batch, channels, w_channels, filters, geo)
            if kernel is None:
                continue
            taken += 1
            given = operands(rng, kind, batch, geo, channels, w_channels, filters, dtype)
            wide = [np.asarray(each, np.float64) for each in given]
            want = reference(kind, *wide, geo, channels, w_channels, filters)
            what = (kind, batch, channels, w_channels, filters, geo.sizes, geo.kernel, geo.strides)
            check(kernel(numpy_namespace, *given), want, dtype, (*what, geo.dilations, geo.pads))
    assert taken > (60 if dtype == np.float32 else 0)


@needs_kernels
@pytest.mark.parametrize("threads", [2, 7])
@pytest.mark.parametrize(
    "batch, sizes, kernel, strides, padding, channels, w_channels, filters",
    [
        (9, (33, 31), (3, 3), 1, "SAME", 24, 24, 40),  # by images, not evenly
        (1, (95, 61), (3, 5), 1, "SAME", 16, 16, 32),  # by rows
        (1, (96, 64), (7, 7), 2, "SAME", 16, 16, 32),
        (2, (90, 64), (3, 3), 2, "VALID", 32, 32, 32),
        (1, (100, 80), (2, 2), 3, "VALID", 48, 48, 96),  # strides larger than windows
        (1, (64, 64), (3, 3), 1, [(9, 9), (0, 0)], 32, 32, 32),  # windows of padding alone
        (2, (12, 30, 31), (3, 3, 3), 1, "SAME", 16, 16, 24),
        (1, (3000,), (9,), 1, "SAME", 32, 32, 32),
        (1, (240, 180), (5, 5), 1, "SAME", 20, 1, 20),
        (9, (33, 31), (1, 1), 2, "SAME", 48, 48, 65),  # pixels that no window takes
        (1, (400, 61), (1, 1), (3, 2), "VALID", 32, 16, 64),
        (4, (40, 40), (1, 1), 2, [(0, 3), (0, 0)], 40, 40, 32),
        (5, (12, 30, 31), (1, 1, 1), (2, 1, 5), "SAME", 32, 32, 48),
        (2, (3000,), (1,), 7, "SAME", 130, 65, 128),
        (2, (14, 13), (3, 3), 2, "SAME", 450, 450, 514),  # a filter larger than the images
        (3, (15, 16), (1, 1), 2, "SAME", 460, 460, 1000),
        (2, (4, 5, 6), (2, 1, 3), 1, "VALID", 200, 200, 330),
    ],
)
def test_work_is_divided_without_changing_the_result(
    monkeypatch, threads, batch, sizes, kernel, strides, padding, channels, w_channels, filters
):
    monkeypatch.setattr(library.library(), "threads", threads)
    rng = np.random.default_rng(0)
    geo = geometry(sizes, kernel, strides, 1, padding)
    for kind in (FORWARD, INPUT_GRADIENT, FILTER_GRADIENT):
        taken = kernel_for(kind, np.float32, batch, channels, w_channels, filters, geo)
        assert taken is not None
        given = operands(rng, kind, batch, geo, channels, w_channels, filters)
        wide = [np.asarray(each, np.float64) for each in given]
        want = reference(kind, *wide, geo, channels, w_channels, filters)
        check(taken(numpy_namespace, *given), want, np.float32, kind)


@needs_kernels
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("sizes, batch", [((31,), 3), ((33, 40), 1), ((30, 31), 5), ((6, 9, 8), 2)])
def test_kernels_take_images_with_the_channels_first(sizes, batch, dtype):
    rng = np.random.default_rng(2)
    geo = geometry(sizes, (3,) * len(sizes), 2)
    channels, w_channels, filters = 24, 12, 40
    for kind in (FORWARD, INPUT_GRADIENT, FILTER_GRADIENT):
        given = operands(rng, kind, batch, geo, channels, w_channels, filters, dtype)
        wide = [np.asarray(each, np.float64) for each in given]
        want = reference(kind, *wide, geo, channels, w_channels, filters)
        x, w, dy = (given[0], given[1], given[1]) if kind != INPUT_GRADIENT else (None, *given)
        if kind == FORWARD:
            got = conv_kernels.forward_channels_first(
                numpy_namespace, np.moveaxis(x, -1, 1), w, geo
            )
        elif kind == INPUT_GRADIENT:
            got = conv_kernels.input_gradient_channels_first(
                numpy_namespace, channels, w, np.moveaxis(dy, -1, 1), geo
            )
        else:
            got = conv_kernels.filter_gradient_channels_first(
                numpy_namespace, np.moveaxis(x, -1, 1), w_channels, np.moveaxis(dy, -1, 1), geo
            )
        got = got if kind == FILTER_GRADIENT else np.moveaxis(got, 1, -1)
        check(got, want, dtype, kind)
        there = kernel_for(kind, dtype, batch, channels, w_channels, filters, geo, True)
        assert there is not None or dtype != np.float32


def force(monkeypatch, wish):
    """Kernels wherever there are some, or none: the lists are one, imported by name."""
    monkeypatch.setattr(library, "forced", [wish])
    for user in ("convolution", "pooling"):
        monkeypatch.setattr(f"reflow.kernels.{user}.forced", [wish])


@pytest.mark.parametrize("wish", [pytest.param("native", marks=needs_kernels), "xla"])
def test_what_xla_runs_agrees_with_float64(monkeypatch, wish):
    from reflow.compiler.jax_namespace import jax_namespace
    from reflow.compiler.jax_setup import jax

    force(monkeypatch, wish)
    rng = np.random.default_rng(5)
    cases = [
        (3, geometry((9, 7), (3, 3)), 8, 8, 16),
        (9, geometry((33, 31), (3, 3)), 24, 24, 40),
        (2, geometry((11,), (4,), 2), 6, 3, 4),
        (2, geometry((6, 5, 7), (2, 3, 1), 1, (1, 2, 1), "VALID"), 4, 4, 5),
    ]
    for batch, geo, channels, w_channels, filters in cases:
        x, w = operands(rng, FORWARD, batch, geo, channels, w_channels, filters)
        dy = rng.standard_normal((batch, *geo.outputs, filters)).astype(np.float32)

        def everything(x, w, dy):
            return (
                conv_kernels.forward(jax_namespace, x, w, geo),
                conv_kernels.input_gradient(jax_namespace, channels, w, dy, geo),
                conv_kernels.filter_gradient(jax_namespace, x, w_channels, dy, geo),
            )

        compiled = jax.jit(everything).lower(x, w, dy).compile()
        assert ("reflow_compute" in compiled.as_text()) == (wish == "native")
        for got, kind in zip(compiled(x, w, dy), (FORWARD, INPUT_GRADIENT, FILTER_GRADIENT)):
            given = {FORWARD: (x, w), INPUT_GRADIENT: (w, dy), FILTER_GRADIENT: (x, dy)}[kind]
            wide = [np.asarray(each, np.float64) for each in given]
            want = reference(kind, *wide, geo, channels, w_channels, filters)
            check(got, want, np.float32, kind)


def test_numpy_takes_the_place_of_kernels(monkeypatch):
    force(monkeypatch, "xla")
    rng = np.random.default_rng(3)
    for _ in range(30):
        batch, geo, channels, w_channels, filters = random_case(rng)
        x, w = operands(rng, FORWARD, batch, geo, channels, w_channels, filters)
        dy = rng.standard_normal((batch, *geo.outputs, filters)).astype(np.float32)
        got = (
            conv_kernels.forward(numpy_namespace, x, w, geo),
            conv_kernels.input_gradient(numpy_namespace, channels, w, dy, geo),
            conv_kernels.filter_gradient(numpy_namespace, x, w_channels, dy, geo),
        )
        for each, kind in zip(got, (FORWARD, INPUT_GRADIENT, FILTER_GRADIENT)):
            given = {FORWARD: (x, w), INPUT_GRADIENT: (w, dy), FILTER_GRADIENT: (x, dy)}[kind]
            wide = [np.asarray(one, np.float64) for one in given]
            want = reference(kind, *wide, geo, channels, w_channels, filters)
            check(each, want, np.float32, (kind, geo.sizes, geo.kernel))


# Pooling ------------------------------------------------------------------------------------------


def windows_reference(kind, x, y, dy, geo):
    """The pooling of `x` in float64, or its gradient, window by window."""
    result = np.zeros(x.shape if kind in (MAXIMUM_GRADIENT, AVERAGE_GRADIENT) else y.shape)
    for place in np.ndindex(*geo.outputs):
        inside = []
        for o, n, k, s, (lo, _) in zip(place, geo.sizes, geo.kernel, geo.strides, geo.pads):
            start = o * s - lo
            inside.append(slice(max(start, 0), min(start + k, n)))
        there = (slice(None), *inside)
        window, at = x[there], (slice(None), *place)
        flat = window.reshape(len(x), -1, x.shape[-1])
        if kind == MAXIMUM:
            result[at] = flat.max(1, initial=-np.inf)
        elif kind == AVERAGE:
            result[at] = flat.mean(1)
        elif kind == AVERAGE_GRADIENT:
            result[there] += dy[at].reshape(len(x), *(1,) * len(inside), -1) / flat.shape[1]
        else:
            first = np.zeros(flat.shape)
            np.put_along_axis(first, flat.argmax(1)[:, None], dy[at][:, None], 1)
            result[there] += first.reshape(window.shape)
    return result


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("wish", [pytest.param("native", marks=needs_kernels), "xla"])
def test_random_poolings_agree_with_float64(monkeypatch, wish, dtype):
    force(monkeypatch, wish)
    rng = np.random.default_rng(1)
    for _ in range(30):
        rank = int(rng.choice([1, 2, 2, 3]))
        sizes = tuple(int(n) for n in rng.integers(1, 12, rank))
        kernel = tuple(int(rng.integers(1, n + 1)) for n in sizes)
        strides = tuple(int(n) for n in rng.choice([1, 2, 3, 7], rank))
        geo = geometry(sizes, kernel, strides, 1, str(rng.choice(["SAME", "VALID"])))
        batch, channels = int(rng.integers(1, 5)), int(rng.choice([1, 3, 16, 40, 300]))
        # Few different numbers: windows have several largest elements.
        x = rng.integers(-3, 4, (batch, *sizes, channels)).astype(dtype)
        dy = rng.integers(-8, 9, (batch, *geo.outputs, channels)).astype(dtype)
        y = pool_kernels.max_forward(numpy_namespace, x, geo)
        got = {
            MAXIMUM: y,
            MAXIMUM_GRADIENT: pool_kernels.max_gradient(numpy_namespace, x, y, dy, geo),
            AVERAGE: pool_kernels.average_forward(numpy_namespace, x, geo),
            AVERAGE_GRADIENT: pool_kernels.average_gradient(numpy_namespace, dy, geo),
        }
        wide = [np.asarray(each, np.float64) for each in (x, y, dy)]
        for kind, each in got.items():
            want = windows_reference(kind, *wide, geo)
            check(each, want, dtype, (kind, sizes, kernel, strides, geo.pads, channels))


@needs_kernels
@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("batch, channels", [(1, 48), (1, 300), (3, 33), (20, 16)])
def test_poolings_are_divided_among_threads(monkeypatch, threads, batch, channels):
    force(monkeypatch, "native")
    monkeypatch.setattr(library.library(), "threads", threads)
    rng = np.random.default_rng(1)
    geo = geometry((40, 41), (3, 3), 2)
    x = rng.standard_normal((batch, 40, 41, channels)).astype(np.float32)
    dy = rng.standard_normal((batch, *geo.outputs, channels)).astype(np.float32)
    y = pool_kernels.max_forward(numpy_namespace, x, geo)
    dx = pool_kernels.max_gradient(numpy_namespace, x, y, dy, geo)
    wide = [np.asarray(each, np.float64) for each in (x, y, dy)]
    check(y, windows_reference(MAXIMUM, *wide, geo), np.float32, "forward")
    check(dx, windows_reference(MAXIMUM_GRADIENT, *wide, geo), np.float32, "gradient")


@needs_kernels
def test_what_is_no_number_stays_in_a_maximum(monkeypatch):
    force(monkeypatch, "native")
    x = np.zeros((1, 3, 1, 16), np.float32)
    for place in range(3):
        x[0, place, 0, place] = np.nan
    y = pool_kernels.max_forward(numpy_namespace, x, geometry((3, 1), (3, 1), 1, 1, "VALID"))
    assert np.isnan(y[0, 0, 0, :3]).all() and not np.isnan(y[0, 0, 0, 3:]).any()


# Choices ------------------------------------------------------------------------------------------


@needs_kernels
def test_depthwise_convolutions_have_kernels(monkeypatch):
    monkeypatch.setattr(choices, "_noted", {})
    rng = np.random.default_rng(0)
    geo = geometry((9, 8), (3, 3), 2)
    x = rng.standard_normal((2, 9, 8, 6)).astype(np.float32)
    w = rng.standard_normal((3, 3, 6, 2)).astype(np.float32)
    dy = rng.standard_normal((2, *geo.outputs, 12)).astype(np.float32)
    y = depthwise_kernels.forward(numpy_namespace, x, w, geo)
    dx = depthwise_kernels.input_gradient(numpy_namespace, w, dy, geo)
    dw = depthwise_kernels.filter_gradient(numpy_namespace, x, 2, dy, geo)
    noted, _ = choices.noted()
    assert any("2x9x8x6 to 12" in what and "6 groups" in what for what in noted)
    flat = np.asarray(w, np.float64).reshape(3, 3, 1, 12)
    x, dy = np.asarray(x, np.float64), np.asarray(dy, np.float64)
    check(y, reference(FORWARD, x, flat, geo, 6, 1, 12), np.float32, "forward")
    check(dx, reference(INPUT_GRADIENT, flat, dy, geo, 6, 1, 12), np.float32, "input")
    want = reference(FILTER_GRADIENT, x, dy, geo, 6, 1, 12).reshape(w.shape)
    check(dw, want, np.float32, "filter")


def test_empty_batches_and_filters_need_no_kernel():
    geo = geometry((5, 5), (3, 3))
    x, w = np.zeros((0, 5, 5, 3), np.float32), np.zeros((3, 3, 3, 4), np.float32)
    assert conv_kernels.forward(numpy_namespace, x, w, geo).shape == (0, 5, 5, 4)
    dy = np.zeros((0, 5, 5, 4), np.float32)
    assert conv_kernels.input_gradient(numpy_namespace, 3, w, dy, geo).shape == x.shape
    dw = conv_kernels.filter_gradient(numpy_namespace, x, 3, dy, geo)
    assert dw.shape == w.shape and not dw.any()


@needs_kernels
def test_numbers_that_are_no_convolution_are_refused():
    import ctypes

    good = kernel_for(FORWARD, np.float32, 2, 3, 3, 4, geometry((5, 5), (3, 3))).numbers
    reason = ctypes.create_string_buffer(256)

    def accepted(numbers):
        return library.library().functions.reflow_implementation(
            *(numbers.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(numbers.size), 2),
            *(reason, ctypes.c_size_t(256)),
        )

    assert accepted(good)
    for i in range(len(good)):
        for value in (-1, 0, 1 << 40):
            numbers = good.copy()
            numbers[i] = value
            accepted(numbers)  # must come back, whatever it says
    assert not accepted(good[:-1])
    assert not accepted(np.where(np.arange(good.size) == 3, -2, good))
    assert not accepted(np.where(np.arange(good.size) == 12, 9, good))  # more outputs than fit


@needs_kernels
def test_choices_are_explained(monkeypatch):
    from reflow.cli import explain

    monkeypatch.setattr(choices, "_noted", {})
    geo = geometry((6, 6), (3, 3))
    for kind, dtype in ((FORWARD, "float32"), (FORWARD, "float64"), (INPUT_GRADIENT, "float32")):
        convolution(Shape(kind, np.dtype(dtype), 2, 1, 3, 4, geo), True)
    lines = explain.report().split("\n")
    told = {line.strip().split(": ")[0]: line for line in lines}
    assert "native" in told["convolution, float32, 2x6x6x3 to 4, window 3x3"]
    assert "no kernel" in told["convolution, float64, 2x6x6x3 to 4, window 3x3"]
    assert (
        "XLA is as good"
        in told["input gradient of a convolution, float32, 2x6x6x3 to 4, window 3x3"]
    )


PROGRAM = """
import numpy as np
import reflow as tf
from reflow.kernels import library
x = tf.constant(np.arange(2 * 5 * 5 * 3, dtype=np.float32).reshape(2, 5, 5, 3) % 7)
w = tf.constant(np.arange(3 * 3 * 3 * 4, dtype=np.float32).reshape(3, 3, 3, 4) % 5)
y = tf.nn.conv2d(x, w, 1, "SAME")
print(float(tf.reduce_sum(y * y)), library.library() is not None, library.status())
"""


def run(**environment):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(" ", 2)


def test_without_kernels_the_numbers_are_the_same():
    value, there, status = run(REFLOW_KERNELS="xla")
    assert there == "False"
    assert ("REFLOW_KERNELS=xla" in status) == (library.library() is not None)
    assert run()[0] == value


def test_a_library_that_cannot_be_loaded_is_told_of(monkeypatch, tmp_path):
    broken = tmp_path / "_native.so"
    broken.write_bytes(b"not a library")
    monkeypatch.setattr(library, "PATH", broken)
    found, why = library._load()
    assert found is None and why
    monkeypatch.setattr(library, "PATH", tmp_path / "missing.so")
    found, why = library._load()
    assert found is None and ("not built" in why or "platform" in why)


@needs_kernels
@pytest.mark.parametrize("padding", ["VALID", [[0, 0], [0, 0], [0, 2], [0, 0]]])
def test_strided_gradients_of_single_element_filters_stay_within_their_memory(monkeypatch, padding):
    """oneDNN 3.2's implementation for them, with AVX2, writes beyond its scratchpad."""
    monkeypatch.setattr(choices, "_noted", {})
    monkeypatch.setattr(library, "forced", ["native"])
    x, w = reflow.constant(np.ones((3, 7, 7, 3), np.float32)), reflow.ones((1, 1, 3, 4))
    with reflow.GradientTape() as tape:
        tape.watch(w)
        y = reflow.nn.conv2d(x, w, [1, 1, 3, 1], padding)
    np.testing.assert_array_equal(tape.gradient(y, w), np.full((1, 1, 3, 4), 3 * 7 * 3))
    taken = [how for what, how in choices.noted()[0].items() if what.startswith("filter gradient")]
    assert taken
    # Without padding the pixels that steps leave out are gone before: the steps are of one.
    assert padding == "VALID" or not any("1x1" in how for how in taken)
