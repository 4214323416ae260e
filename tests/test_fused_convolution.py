"""Convolutions whose kernel adds the bias and bounds the results, against the plain nodes in float64."""

import numpy as np
import pytest
from test_kernels import needs_kernels

import reflow
from reflow.compiler import policy
from reflow.kernels import choices, kernel

tf = reflow.compat.v1
BOUNDS = {"nothing": lambda y: y, "Relu": tf.nn.relu, "Relu6": tf.nn.relu6}
TAKEN = {"nothing": ", bias", "Relu": ", bias and Relu", "Relu6": ", bias and Relu6"}

pytestmark = [needs_kernels, pytest.mark.usefixtures("wherever_possible")]


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    monkeypatch.setattr(policy, "forced", [policy.COMPILE])
    monkeypatch.setattr(choices, "_noted", {})
    kernel._choose.cache_clear()  # what is chosen from now on is noted


def run(make, *arrays, dtype=tf.float32):
    """What `make` returns for the arrays."""
    with tf.Graph().as_default(), tf.Session() as session:
        given = [tf.placeholder(dtype, each.shape) for each in arrays]
        return session.run(make(*given), dict(zip(given, arrays)))


def taken(after):
    """How many convolutions had a kernel that does this as well."""
    return sum(what.endswith(after) for what, how in choices.noted()[0].items() if "native" in how)


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def check(make, arrays, after):
    got = run(make, *arrays)
    assert taken(after) == 1
    want = run(make, *arrays, dtype=tf.float64)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


def flat(x, w, padding="SAME", strides=1, dilations=1, data_format="NHWC"):
    step = [1, 1, strides, strides] if data_format == "NCHW" else [1, strides, strides, 1]
    hole = [1, 1, dilations, dilations] if data_format == "NCHW" else [1, dilations, dilations, 1]
    return tf.nn.conv2d(x, w, step, padding, data_format=data_format, dilations=hole)


CASES = {
    "same": (flat, (3, 9, 11, 5), (3, 3, 5, 7), 7),
    "one image": (flat, (1, 64, 65, 24), (3, 5, 24, 32), 32),
    "many images": (flat, (37, 12, 12, 16), (5, 5, 16, 24), 24),
    "single elements": (flat, (4, 8, 8, 6), (1, 1, 6, 9), 9),
    "strides": (lambda x, w: flat(x, w, "VALID", 2), (2, 14, 15, 4), (3, 4, 4, 8), 8),
    "holes": (lambda x, w: flat(x, w, dilations=2), (2, 14, 15, 4), (3, 3, 4, 8), 8),
    "groups": (flat, (2, 10, 10, 8), (3, 3, 4, 6), 6),
    "depthwise": (
        lambda x, w: tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME"),
        *((2, 10, 12, 8), (3, 3, 8, 2), 16),
    ),
    "volumes": (
        lambda x, w: tf.nn.conv3d(x, w, [1, 1, 1, 1, 1], "SAME"),
        *((2, 6, 7, 8, 3), (3, 2, 3, 3, 5), 5),
    ),
}


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("add", [tf.nn.bias_add, tf.add, lambda y, b: b + y])
@pytest.mark.parametrize("case", CASES)
def test_it_agrees_with_the_nodes(case, add, bound):
    convolve, images, window, filters = CASES[case]
    arrays = normal(*images), normal(*window), normal(filters)
    check(lambda x, w, b: BOUNDS[bound](add(convolve(x, w), b)), arrays, TAKEN[bound])


@pytest.mark.parametrize("bound", BOUNDS)
def test_channels_may_come_first(bound):
    arrays = normal(3, 5, 9, 11), normal(3, 3, 5, 11), normal(11)

    def make(x, w, b):
        y = flat(x, w, data_format="NCHW")
        return BOUNDS[bound](tf.nn.bias_add(y, b, data_format="NCHW"))

    check(make, arrays, TAKEN[bound])
    # A sum adds along the last dimension, which is as long, but is none of channels.
    choices._noted.clear()
    kernel._choose.cache_clear()
    got = run(lambda x, w, b: flat(x, w, data_format="NCHW") + b, *arrays)
    assert not taken(", bias")
    x, w, b = arrays
    want = run(lambda x, w: flat(x, w, data_format="NCHW"), x, w) + b
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


def test_what_else_takes_a_result_gets_it():
    arrays = normal(2, 8, 8, 4), normal(3, 3, 4, 6), normal(6)

    def make(x, w, b):
        y = flat(x, w)
        z = y + b
        return [y, z, tf.nn.relu(z)]

    y, z, r = run(make, *arrays)
    assert not taken(", bias") and not taken(", bias and Relu")
    np.testing.assert_allclose(z, y + arrays[2], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(r, np.maximum(z, 0))
    z, r = run(lambda *given: make(*given)[1:], *arrays)
    assert taken(", bias") == 1 and not taken(", bias and Relu")
    np.testing.assert_array_equal(r, np.maximum(z, 0))


def test_what_is_added_may_be_no_bias():
    x, w = normal(2, 8, 8, 4), normal(3, 3, 4, 6)
    y = run(flat, x, w)
    for other in (normal(2, 8, 8, 6), normal(1), normal(8, 1, 6), np.float32(3.0)):
        got = run(lambda x, w, b: tf.nn.relu(flat(x, w) + b), x, w, np.asarray(other))
        np.testing.assert_allclose(got, np.maximum(y + other, 0), rtol=1e-5, atol=1e-5)
    assert not taken(", bias and Relu")


def test_what_is_no_number_stays_so():
    x = normal(2, 8, 8, 4)
    x[0, 2, 3, 1] = np.nan
    x[1, 2, 3, 1] = np.inf
    arrays = x, normal(3, 3, 4, 6), normal(6)
    for bound in BOUNDS:
        make = lambda x, w, b: BOUNDS[bound](flat(x, w) + b)  # noqa: B023, E731
        got, want = run(make, *arrays), run(make, *arrays, dtype=tf.float64)
        assert np.isnan(got[0]).any()
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        np.testing.assert_array_equal(np.isposinf(got), np.isposinf(want))


@pytest.mark.parametrize("bound", BOUNDS)
def test_gradients_agree_with_the_nodes(bound):
    arrays = normal(4, 8, 8, 4), normal(3, 3, 4, 6), normal(6)

    def make(x, w, b):
        y = BOUNDS[bound](tf.nn.bias_add(flat(x, w), b))
        return tf.gradients(tf.reduce_sum(y * y), [x, w, b])

    got = run(make, *arrays)
    assert taken(TAKEN[bound]) == 1
    for one, other in zip(got, run(make, *arrays, dtype=tf.float64)):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_references_are_read_where_they_were():
    """A convolution that takes a reference itself is not moved beyond what changes it."""
    arrays = normal(2, 8, 8, 4), normal(3, 3, 4, 6), normal(6)
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.get_variable("w", initializer=arrays[1], use_resource=False)
        y = flat(arrays[0], w._ref())
        assert y.op.inputs[1].dtype._is_ref_dtype
        with tf.control_dependencies([y]):
            changed = tf.assign(w, 2 * w)
        with tf.control_dependencies([changed]):
            r = tf.nn.relu(y + arrays[2])
        session.run(tf.global_variables_initializer())
        got = session.run(r)
    want = run(lambda x, w, b: tf.nn.relu(flat(x, w) + b), *arrays)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


EPSILON = 1e-3


def normalized(y, scale, offset, mean, variance, data_format="NHWC"):
    """A normalization by given means and variances; of float64 by the plain nodes."""
    if y.dtype == tf.float32:
        return tf.nn.fused_batch_norm(
            *(y, scale, offset, mean, variance), EPSILON, data_format, is_training=False
        )[0]
    if data_format == "NCHW":
        scale, offset, mean, variance = (
            tf.reshape(v, [-1, 1, 1]) for v in (scale, offset, mean, variance)
        )
    return (y - mean) * tf.rsqrt(variance + EPSILON) * scale + offset


def vectors(filters):
    rng = np.random.default_rng(1)
    some = [rng.standard_normal(filters) for _ in range(3)]
    return [each.astype(np.float32) for each in (*some, rng.uniform(0.1, 2.0, filters))]


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("case", [name for name in CASES if name != "volumes"])
def test_a_normalization_by_given_moments_is_done_too(case, bound):
    convolve, images, window, filters = CASES[case]
    arrays = normal(*images), normal(*window), *vectors(filters)
    make = lambda x, w, *rest: BOUNDS[bound](normalized(convolve(x, w), *rest))  # noqa: E731
    check(make, arrays, ", scale" + TAKEN[bound])


@pytest.mark.parametrize("bytes_", [16, 32, 64])
@pytest.mark.parametrize("filters", [16, 23, 64])
def test_normalizations_with_vectors_of_any_width(limit_vectors, bytes_, filters):
    limit_vectors(bytes_)
    rows = 16 + bytes_ // 16  # another shape: kernels are chosen when an executable is made
    arrays = normal(3, rows, 19, 48), normal(3, 3, 48, filters), *vectors(filters)
    make = lambda x, w, *rest: tf.nn.relu(normalized(flat(x, w), *rest))  # noqa: E731
    check(make, arrays, ", scale, bias and Relu")


def test_a_normalization_may_have_its_channels_first():
    arrays = normal(3, 5, 9, 11), normal(3, 3, 5, 7), *vectors(7)

    def make(x, w, *rest):
        return tf.nn.relu(normalized(flat(x, w, data_format="NCHW"), *rest, "NCHW"))

    check(make, arrays, ", scale, bias and Relu")


def test_a_normalization_of_something_else_stays_with_its_nodes():
    x, w, rest = normal(2, 8, 8, 4), normal(3, 3, 4, 6), vectors(6)

    def own(x, w, scale, offset, *_):  # the moments of the batch
        return tf.nn.fused_batch_norm(flat(x, w), scale, offset, epsilon=EPSILON)[0]

    got = run(own, x, w, *rest)
    y = run(flat, x, w)
    np.testing.assert_allclose(got.mean((0, 1, 2)), rest[1], atol=1e-5)

    def both(x, w, *rest):
        y = flat(x, w)
        return [y, normalized(y, *rest)]

    got, _ = run(both, x, w, *rest)
    np.testing.assert_array_equal(got, y)

    def moments(x, w, *rest):
        return tf.nn.fused_batch_norm(flat(x, w), *rest, EPSILON, is_training=False)

    _, mean, variance = run(moments, x, w, *rest)
    np.testing.assert_allclose([mean, variance], rest[2:], rtol=1e-6)
    assert not taken(", scale, bias")


def test_vectors_of_a_normalization_are_looked_at():
    arrays = normal(2, 8, 8, 4), normal(3, 3, 4, 6), *vectors(6)[:3], normal(5)
    with tf.Graph().as_default(), tf.Session() as session:
        given = [tf.placeholder(tf.float32) for _ in arrays]
        y = normalized(flat(*given[:2]), *given[2:])
        with pytest.raises(tf.errors.InvalidArgumentError, match="variance"):
            session.run(y, dict(zip(given, arrays)))


def test_an_empty_batch_is_normalized_by_its_nodes():
    arrays = normal(0, 8, 8, 4), normal(3, 3, 4, 6), *vectors(6)
    got = run(lambda x, w, *rest: tf.nn.relu(normalized(flat(x, w), *rest)), *arrays)
    assert got.shape == (0, 8, 8, 6) and not taken(", scale, bias and Relu")


# With a sum -------------------------------------------------------------------------------------------

SUM = ", sum"


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("case", CASES)
def test_a_sum_is_done_too(case, bound):
    convolve, images, window, filters = CASES[case]
    x, w, b = arrays = normal(*images), normal(*window), normal(filters)
    other = 3 * normal(*run(convolve, x, w).shape)[::-1]
    choices._noted.clear()
    kernel._choose.cache_clear()

    def make(x, w, b, other):
        return BOUNDS[bound](other + tf.nn.bias_add(convolve(x, w), b))

    check(make, (*arrays, other), TAKEN[bound] + SUM)


@pytest.mark.parametrize("bytes_", [16, 32, 64])
@pytest.mark.parametrize("filters", [16, 23, 64])
def test_a_sum_behind_a_normalization(limit_vectors, bytes_, filters):
    limit_vectors(bytes_)
    rows = 16 + bytes_ // 16  # another shape: kernels are chosen when an executable is made
    arrays = normal(3, rows, 19, 48), normal(3, 3, 48, filters), *vectors(filters)

    def make(x, w, *rest):
        *rest, other = rest
        return tf.nn.relu(normalized(flat(x, w), *rest) + other)

    check(make, (*arrays, normal(3, rows, 19, filters)), ", scale, bias and Relu" + SUM)


def test_of_two_convolutions_one_adds_the_other():
    x, w, v, b, c = (
        *(normal(2, 8, 8, 16), normal(3, 3, 16, 24), normal(1, 1, 16, 24)),
        *(normal(24), 2 * normal(24)),
    )

    def make(x, w, v, b, c):
        return tf.nn.relu(tf.nn.bias_add(flat(x, w), b) + tf.nn.bias_add(flat(x, v), c))

    check(make, (x, w, v, b, c), ", bias and Relu" + SUM)
    assert taken(", bias") == 1


@pytest.mark.parametrize("shape", [(8, 24), (1, 8, 8, 24), (2, 8, 8, 1), (1, 24), (5, 2, 8, 8, 24)])
def test_a_sum_with_another_shape_is_left_to_its_nodes(shape):
    arrays = normal(2, 8, 8, 16), normal(3, 3, 16, 24), normal(24), normal(*shape)

    def make(x, w, b, other):
        return tf.nn.relu(tf.nn.bias_add(flat(x, w), b) + other)

    check(make, arrays, ", bias")


def test_sums_with_the_channels_first_are_left_to_their_nodes():
    arrays = normal(3, 5, 9, 11), normal(3, 3, 5, 7), normal(7), normal(3, 7, 9, 11)

    def make(x, w, b, other):
        y = tf.nn.bias_add(flat(x, w, data_format="NCHW"), b, data_format="NCHW")
        return tf.nn.relu(y + other)

    got = run(make, *arrays)
    assert taken(", bias") == 1 and not taken(SUM)
    x, w, b, other = arrays
    y = run(lambda x, w: flat(x, w, data_format="NCHW"), x, w) + b[:, None, None]
    np.testing.assert_allclose(got, np.maximum(y + other, 0), rtol=1e-4, atol=1e-4)


def test_gradients_through_a_sum_agree_with_the_nodes():
    arrays = normal(2, 8, 8, 16), normal(3, 3, 16, 16), normal(16)

    def make(x, w, b):
        y = tf.nn.relu(tf.nn.bias_add(flat(x, w), b) + x)
        return tf.gradients(tf.reduce_sum(y * y), [x, w, b])

    got = run(make, *arrays)
    assert taken(", bias and Relu" + SUM) == 1
    for one, other in zip(got, run(make, *arrays, dtype=tf.float64)):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
