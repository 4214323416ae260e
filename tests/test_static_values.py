"""tf.get_static_value knows what TensorFlow's knows, and inference of shapes more."""

import pytest
from golden_calls import TIERS, check_program, load

import reflow as tf

LOADED = load("static_values")


@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_are_told_what_tensorflow_tells(program):
    check_program(LOADED, program, TIERS[0])


def test_inference_of_shapes_knows_more():
    with tf.Graph().as_default():
        size = tf.where(tf.constant(True), 2, 3) * 2
        assert tf.get_static_value(size) is None
        assert tf.zeros([size, 1]).shape == [4, 1]
