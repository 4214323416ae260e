"""Parameters whose order differs between TF 1 and TF 2, or from those of like functions."""

import inspect

import numpy as np
import pytest

import reflow as tf


def test_parameters_have_tensorflows_names_and_order():
    wanted = {
        tf.convert_to_tensor: "value dtype dtype_hint name",
        tf.device: "device_name",
        tf.compat.v1.device: "device_name_or_function",
        tf.is_symbolic_tensor: "tensor",
        tf.debugging.assert_none_equal: "x y summarize message name",
        tf.debugging.assert_less: "x y message summarize name",
        tf.compat.v1.random.stateless_multinomial: "logits num_samples seed output_dtype name",
        tf.random.stateless_categorical: "logits num_samples seed dtype name",
        tf.experimental.numpy.amax: "a axis out keepdims",
        tf.experimental.numpy.max: "a axis keepdims",
        tf.experimental.numpy.mean: "a axis dtype out keepdims",
        tf.experimental.numpy.real: "val",
        tf.experimental.numpy.logical_and: "x1 x2",
        tf.experimental.numpy.sign: "x out where kwargs",
    }
    for function, names in wanted.items():
        assert list(inspect.signature(function).parameters) == names.split(), function


def test_a_hint_by_position():
    assert tf.convert_to_tensor([1, 2], None, tf.float32).dtype is tf.float32
    assert tf.convert_to_tensor([1.5], None, tf.int32).dtype is tf.float32  # no more than a hint


def test_message_of_assert_none_equal_by_position():
    with pytest.raises(tf.errors.InvalidArgumentError, match="these agree"):
        tf.debugging.assert_none_equal([1, 2], [3, 2], 3, "these agree")


def test_functions_are_no_devices():
    with pytest.raises(RuntimeError, match="does not support functions"):
        tf.device(lambda op: "/cpu:0")


def test_numpy_arguments_that_are_refused():
    tnp = tf.experimental.numpy
    for call in (
        lambda: tnp.mean([1.0], out=[0.0]),
        lambda: tnp.amax([1.0], out=[0.0]),
        lambda: tnp.amin([1.0], out=[0.0]),
        lambda: tnp.sign([1.0], out=[0.0]),
        lambda: tnp.sign([1.0], where=[True]),
        lambda: tnp.sign([1.0], casting="no"),
    ):
        with pytest.raises(ValueError, match="support"):
            call()
    assert np.asarray(tnp.amin([[1, 4], [3, 2]], 0)).tolist() == [1, 2]


def test_small_dtypes_are_experimental():
    assert tf.experimental.float8_e5m2 is tf.dtypes.experimental.float8_e5m2
    assert tf.experimental.int4 is tf.dtypes.experimental.int4
