"""tf.signal against TensorFlow: values, static shapes, gradients, errors, in both tiers and eagerly."""

import numpy as np
import pytest
from golden_calls import check_call, check_eagerly, load

import reflow as tf

LOADED = load("signal")


@pytest.mark.parametrize("which", ["interpret", "unknown"])
@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_what_tensorflow_gives(call, which):
    check_call(LOADED, call, which)


# Every other one: the transforms themselves are compiled in test_ops.py.
@pytest.mark.parametrize("call", list(LOADED[2].calls)[1::2])
def test_calls_give_it_compiled(call):
    check_call(LOADED, call, "compile")


@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_it_eagerly(call):
    check_eagerly(LOADED, call)


def test_a_signal_comes_back():
    signal = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    spectra = tf.signal.stft(signal, 256, 64)
    back = tf.signal.inverse_stft(
        spectra, 256, 64, window_fn=tf.signal.inverse_stft_window_fn(64)
    ).numpy()
    inside = slice(256, len(back) - 256)
    np.testing.assert_allclose(back[inside], signal[: len(back)][inside], atol=1e-5)
