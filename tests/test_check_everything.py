"""tf.debugging.enable_check_numerics, and small functions that ask about the run."""

import time

import numpy as np
import pytest

import reflow as tf

INVALID = tf.errors.InvalidArgumentError


@pytest.fixture
def checking():
    tf.debugging.enable_check_numerics()
    yield
    tf.debugging.disable_check_numerics()


@pytest.mark.parametrize(
    "wrong, op",
    [
        (lambda: tf.math.log(tf.constant([-1.0])), 'eagerly-executing op "Log".*1 NaN'),
        (lambda: tf.constant(1.0) / 0.0, 'op "RealDiv".*1 Inf'),
        (lambda: tf.constant(3e38) + tf.constant(3e38), 'op "AddV2"'),
        (lambda: tf.cast(tf.constant(1e39, tf.float64), tf.float32), 'op "Cast"'),
        (lambda: tf.unstack(tf.linalg.qr([[np.nan, 1.0], [0.0, 1.0]])[0]), 'output 1 of.*"Qr"'),
        (lambda: tf.function(lambda x: tf.sqrt(x) * 2.0)(-1.0), 'graph op "Sqrt"'),
    ],
)
def test_names_the_op_that_gave_it(checking, wrong, op):
    with pytest.raises(INVALID, match=r"test_check_everything\.py:\d+: .*" + op):
        wrong()


def test_gradients_are_checked(checking):
    x = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        y = tf.sqrt(x)
    with pytest.raises(INVALID, match="SqrtGrad"):
        tape.gradient(y, x)


def test_what_is_finite_or_only_moved_is_left_alone(checking):
    masked = tf.where([True, False], [1.0, 2.0], -np.inf)
    assert tf.reshape(masked, [2, 1]).numpy().tolist() == [[1.0], [-np.inf]]
    assert tf.function(lambda x: tf.nn.softmax(x) + 1.0)(tf.constant([1.0, 1.0])).numpy()[0] == 1.5
    assert tf.constant([1.0, 2.0])[0].numpy() == 1.0


def test_it_ends():
    tf.debugging.enable_check_numerics()
    tf.debugging.disable_check_numerics()
    assert np.isnan(tf.math.log(-1.0).numpy())


def test_time_runs_in_functions():
    now = tf.function(lambda: tf.timestamp())
    first = now().numpy()
    assert [op.type for op in now.get_concrete_function().graph.get_operations()][0] == "Timestamp"
    assert abs(first - time.time()) < 60 and first.dtype == np.float64
    time.sleep(0.01)
    assert now().numpy() > first


def test_scopes_and_symbolic_tensors():
    assert tf.get_current_name_scope() == ""
    with tf.name_scope("outer"), tf.name_scope("inner"):
        assert tf.get_current_name_scope() == "outer/inner"
    assert not tf.is_symbolic_tensor(tf.constant(1))
    seen = []
    tf.function(lambda x: seen.append(tf.is_symbolic_tensor(x)))(tf.constant(1))
    assert seen == [True]
