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


def test_transforms_over_any_dimensions_are_numpys():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 3, 4))
    z = x + 1j * rng.standard_normal((2, 3, 4))
    real, complex_ = tf.constant(x), tf.constant(z)
    for norm in (None, "forward", "ortho"):
        for axes in (None, [1], [2, 0]):
            for function, value, wanted in (
                (tf.signal.fftnd, complex_, np.fft.fftn),
                (tf.signal.ifftnd, complex_, np.fft.ifftn),
                (tf.signal.rfftnd, real, np.fft.rfftn),
                (tf.signal.irfftnd, complex_, np.fft.irfftn),
            ):
                got = function(value, axes=axes, norm=norm).numpy()
                want = wanted(value.numpy(), axes=[0, 1, 2] if axes is None else axes, norm=norm)
                np.testing.assert_allclose(
                    got, want, atol=1e-10, err_msg=f"{function} {axes} {norm}"
                )
    got = tf.signal.fftnd(complex_, fft_length=[5, 2], axes=[1, 2]).numpy()
    np.testing.assert_allclose(got, np.fft.fftn(z, (5, 2), (1, 2)), atol=1e-10)
    with pytest.raises(ValueError, match="norm"):
        tf.signal.fftnd(complex_, norm="other")
