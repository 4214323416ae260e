"""Fractional pooling, isotonic regression, Sobol points and fingerprints against TensorFlow's."""

import numpy as np
import pytest
from golden_calls import TIERS, check_call, check_eagerly, load

import reflow as tf

LOADED = load("draws")


@pytest.mark.parametrize("which", TIERS)
@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_what_tensorflow_gives(call, which):
    check_call(LOADED, call, which)


@pytest.mark.parametrize("call", [c for c, row in LOADED[2].calls.items() if "error" not in row])
def test_calls_give_it_of_unknown_sizes(call):
    check_call(LOADED, call, "unknown")


@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_it_eagerly(call):
    check_eagerly(LOADED, call)


def test_regions_differ_without_a_seed():
    image = np.zeros((1, 40, 40, 1), np.float32)

    @tf.function
    def borders():
        return tf.nn.fractional_max_pool(tf.constant(image), 1.5).row_pooling_sequence

    drawn = {tuple(borders().numpy().tolist()) for _ in range(8)}
    assert len(drawn) > 1
    fixed = {tuple(tf.nn.fractional_max_pool(image, 1.5, seed=1)[1].numpy()) for _ in range(4)}
    assert len(fixed) == 1
