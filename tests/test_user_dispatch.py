"""Types of the user that answer public functions, against TensorFlow's dispatch."""

import pytest
from golden_calls import TIERS, check_program, load

import reflow as tf

LOADED = load("user_dispatch")


@pytest.mark.parametrize("which", TIERS)
@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program, which):
    check_program(LOADED, program, which)


def test_nested_types_pass_through_several_handlers():
    class Tagged(tf.experimental.ExtensionType):
        inner: tf.RaggedTensor

    @tf.experimental.dispatch_for_unary_elementwise_apis(Tagged)
    def of_inner(api, x):
        return Tagged(api(x.inner))

    try:
        tagged = tf.abs(Tagged(tf.ragged.constant([[-1], [2, -3]])))
    finally:
        tf.experimental.unregister_dispatch_for(of_inner)
    assert tagged.inner.to_list() == [[1], [2, 3]]


def test_a_function_without_a_place_is_refused():
    with pytest.raises(ValueError, match="does not support dispatch"):
        tf.experimental.dispatch_for_api(len, {"x": tf.Tensor})
