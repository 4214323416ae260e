"""Transforms of signals frame by frame, and the mel scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, float32
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import Tensor
from reflow.ops.array import reshape
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.compare import equal
from reflow.ops.filling import zeros_like
from reflow.ops.joining import concat, split
from reflow.ops.masking import where
from reflow.ops.math import ceil, log, maximum, minimum, pow_op, rsqrt, square
from reflow.ops.padding import pad, reverse
from reflow.ops.reduce import reduce_sum
from reflow.ops.repeating import tile
from reflow.ops.sequences import linspace_nd
from reflow.ops.signal.dct import transform
from reflow.ops.signal.fft import irfft, rfft
from reflow.ops.signal.framing import frame, overlap_and_add, scalar_of
from reflow.ops.signal.window_functions import hann_window, vorbis_window

# Fourier transforms -------------------------------------------------------------------------------


def _transform_length(frame_length: Any, fft_length: Any) -> Any:
    """What the caller says; otherwise the next power of two."""
    if fft_length is not None:
        return scalar_of(fft_length, "fft_length")
    if isinstance(frame_length, int):
        return 1 << max(frame_length - 1, 0).bit_length()
    exponent = ceil(log(cast(frame_length, float32)) / math.log(2.0))
    return cast(pow_op(2.0, exponent), frame_length.dtype)


@export("signal.stft")
def stft(
    signals: Any,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: Callable | None = hann_window,
    pad_end: bool = False,
    name: str | None = None,
) -> Any:
    """The short-time Fourier transform: of each frame of a signal.

    Args:
      signals: of shape `[..., samples]`, float32 or float64.
      frame_length: how many samples a frame has, a scalar integer.
      frame_step: how many samples one frame begins after the other.
      fft_length: the length of the transform; by default the power of two that holds a frame.
      window_fn: called with the length of a frame and `dtype=`, gives by what a frame is multiplied;
        None for nothing.
      pad_end: whether there are frames that reach beyond the end, where zeros stand.
      name: a name scope.

    Returns:
      Of shape `[..., frames, fft_length // 2 + 1]`, complex.

    Raises:
      ValueError: if `signals` is a scalar, or one of the lengths is none.

    >>> import reflow as tf
    >>> tf.signal.stft(tf.ones([10]), frame_length=4, frame_step=2).shape
    TensorShape([4, 3])
    """
    with name_scope(name, "stft"):
        signals = convert_to_tensor(signals, name="signals")
        signals.shape.with_rank_at_least(1)
        length = scalar_of(frame_length, "frame_length")
        frames = frame(signals, length, frame_step, pad_end=pad_end)
        if window_fn is not None:
            frames = frames * window_fn(_as_tensor(length), dtype=frames.dtype)
        return rfft(frames, [_transform_length(length, fft_length)])


def _as_tensor(length: Any) -> Any:
    """What window functions are given: TensorFlow gives them a tensor, and some look at its dtype."""
    return convert_to_tensor(length, name="frame_length")


@export("signal.inverse_stft_window_fn")
def inverse_stft_window_fn(
    frame_step: Any, forward_window_fn: Callable = hann_window, name: str | None = None
) -> Callable:
    """The window function with which `tf.signal.inverse_stft` gives back the signal.

    It divides the window by the sum of the squares of those that overlap: equation 7 of Griffin and
    Lim, "Signal estimation from modified short-time Fourier transform" (1984).

    Args:
      frame_step: how many samples one frame begins after the other.
      forward_window_fn: the window function that `tf.signal.stft` was called with.
      name: a name scope.

    >>> import reflow as tf
    >>> x = tf.range(12.0)
    >>> y = tf.signal.inverse_stft(
    ...     tf.signal.stft(x, 4, 2), 4, 2, window_fn=tf.signal.inverse_stft_window_fn(2))
    >>> print(y[2:-2].numpy().round(3))
    [2. 3. 4. 5. 6. 7. 8. 9.]
    """

    def window_fn(frame_length: Any, dtype: Any) -> Any:
        with name_scope(name, "inverse_stft_window_fn"):
            step = scalar_of(frame_step, "frame_step")
            length = scalar_of(frame_length, "frame_length")
            window = forward_window_fn(_as_tensor(length), dtype=dtype)
            overlaps = -(-length // step)
            squares = pad(square(window), [[0, overlaps * step - length]])
            sums = reduce_sum(reshape(squares, [overlaps, step]), 0)
            sums = tile(sums, [overlaps])[:length]
            return where(equal(sums, 0.0), zeros_like(window), window / sums)

    return window_fn


@export("signal.inverse_stft")
def inverse_stft(
    stfts: Any,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: Callable | None = hann_window,
    name: str | None = None,
) -> Any:
    """The signals whose short-time Fourier transforms these are.

    Args:
      stfts: of shape `[..., frames, fft_length // 2 + 1]`, complex.
      frame_length, frame_step, fft_length: those of `tf.signal.stft`.
      window_fn: see `tf.signal.inverse_stft_window_fn`; None for none.
      name: a name scope.

    Returns:
      Of shape `[..., samples]`, float32 or float64.

    Raises:
      ValueError: if the rank of `stfts` is below 2, or one of the lengths is no scalar.

    >>> import reflow as tf
    >>> x = tf.signal.stft(tf.ones([10]), 4, 4, window_fn=None)
    >>> print(tf.signal.inverse_stft(x, 4, 4, window_fn=None).numpy())
    [1. 1. 1. 1. 1. 1. 1. 1.]
    """
    with name_scope(name, "inverse_stft"):
        stfts = convert_to_tensor(stfts, name="stfts")
        stfts.shape.with_rank_at_least(2)
        length = scalar_of(frame_length, "frame_length")
        transformed = _transform_length(length, fft_length)
        frames = irfft(stfts, [transformed])[..., :length]
        if not (isinstance(length, int) and isinstance(transformed, int)):
            missing: Any = maximum(0, length - transformed)
        else:
            missing = max(0, length - transformed)
        if not isinstance(missing, int) or missing:
            frames = pad(frames, _at_the_end(frames, missing))
        if window_fn is not None:
            frames = frames * window_fn(_as_tensor(length), dtype=stfts.dtype.base_dtype.real_dtype)
        return overlap_and_add(frames, frame_step)


def _at_the_end(x: Any, count: Any) -> Any:
    """Paddings with `count` at the end of the last dimension."""
    if x.shape.rank is not None:
        return [[0, 0]] * (x.shape.rank - 1) + [[0, count]]
    others = zeros_like(shape_of(x))[:-1]
    return concat([tile(others[:, None], [1, 2]), [[0, count]]], 0)


# Modified cosine transforms -----------------------------------------------------------------------


@export("signal.mdct")
def mdct(
    signals: Any,
    frame_length: Any,
    window_fn: Callable | None = vorbis_window,
    pad_end: bool = False,
    norm: str | None = None,
    name: str | None = None,
) -> Any:
    """The modified discrete cosine transform: of frames, each of which overlaps its neighbours by half.

    Args:
      signals: of shape `[..., samples]`, float32 or float64.
      frame_length: how many samples a frame has, a scalar integer, a multiple of 4.
      window_fn: called with the length of a frame and `dtype=`, gives by what a frame is multiplied;
        None for the constant 1 / sqrt(2).
      pad_end: whether there are frames that reach beyond the end, where zeros stand.
      norm: None, or "ortho" for the orthonormal transform.
      name: a name scope.

    Returns:
      Of shape `[..., frames, frame_length // 2]`.

    Raises:
      ValueError: if `frame_length` is no multiple of 4, or `signals` is a scalar.

    >>> import reflow as tf
    >>> tf.signal.mdct(tf.ones([16]), frame_length=8).shape
    TensorShape([3, 4])
    """
    with name_scope(name, "mdct"):
        signals = convert_to_tensor(signals, name="signals")
        signals.shape.with_rank_at_least(1)
        length = scalar_of(frame_length, "frame_length")
        if isinstance(length, int) and length % 4:
            raise ValueError(f"The frame length must be a multiple of 4, not {length}.")
        _check_norm(norm)
        frames = _windowed(frame(signals, length, length // 2, pad_end=pad_end), window_fn, length)
        a, b, c, d = split(frames, 4, axis=-1)
        folded = concat([-reverse(c, [-1]) - d, a - reverse(b, [-1])], -1)
        return transform(folded, 4, None, norm)


def _check_norm(norm: str | None) -> None:
    if norm not in (None, "ortho"):
        raise ValueError(f"Unknown normalization. Expected None or 'ortho', got: {norm}")


def _windowed(frames: Any, window_fn: Callable | None, length: Any) -> Any:
    if window_fn is None:
        return frames * math.sqrt(0.5)
    return frames * window_fn(_as_tensor(length), dtype=frames.dtype)


@export("signal.inverse_mdct")
def inverse_mdct(
    mdcts: Any,
    window_fn: Callable | None = vorbis_window,
    norm: str | None = None,
    name: str | None = None,
) -> Any:
    """The signals whose modified discrete cosine transforms these are.

    Args:
      mdcts: of shape `[..., frames, frame_length // 2]`.
      window_fn, norm: those of `tf.signal.mdct`.
      name: a name scope.

    Returns:
      Of shape `[..., (frames + 1) * frame_length // 2]`.

    Raises:
      ValueError: if the rank of `mdcts` is below 2.

    >>> import reflow as tf
    >>> y = tf.signal.inverse_mdct(tf.signal.mdct(tf.ones([16]), 8))
    >>> print(y[4:-4].numpy().round(3))
    [1. 1. 1. 1. 1. 1. 1. 1.]
    """
    with name_scope(name, "inverse_mdct"):
        mdcts = convert_to_tensor(mdcts, name="mdcts")
        mdcts.shape.with_rank_at_least(2)
        _check_norm(norm)
        half = mdcts.shape.as_list()[-1] if mdcts.shape.rank is not None else None
        half = shape_of(mdcts)[-1] if half is None else half
        x = transform(mdcts, 4, None, norm)
        if norm is None:
            x = x * (0.5 / cast(half, x.dtype.base_dtype))
        a, b = split(x, 2, axis=-1)
        frames = concat([b, -reverse(b, [-1]), -reverse(a, [-1]), -a], -1)
        return overlap_and_add(_windowed(frames, window_fn, 2 * half), half)


# The mel scale ------------------------------------------------------------------------------------


def _mel(hertz: Any) -> Any:
    """Frequencies on the mel scale, with the constants of HTK."""
    return 1127.0 * log(1.0 + hertz / 700.0)


@export("signal.linear_to_mel_weight_matrix")
def linear_to_mel_weight_matrix(
    num_mel_bins: Any = 20,
    num_spectrogram_bins: Any = 129,
    sample_rate: Any = 8000,
    lower_edge_hertz: Any = 125.0,
    upper_edge_hertz: Any = 3800.0,
    dtype: Any = float32,
    name: str | None = None,
) -> Any:
    """The matrix that sums the bins of a spectrogram up to bands of the mel scale.

    The bands are triangles, evenly spaced on the mel scale, each of which reaches from the middle of the
    one before it to the middle of the one after it. The bin of frequency zero is in none.

    Args:
      num_mel_bins: how many bands, an integer.
      num_spectrogram_bins: how many bins the spectrogram has: `fft_length // 2 + 1`.
      sample_rate: samples per second of the signal.
      lower_edge_hertz, upper_edge_hertz: where the lowest band begins and the highest one ends.
      dtype: a floating-point dtype.
      name: a name scope.

    Returns:
      Of shape `[num_spectrogram_bins, num_mel_bins]`.

    Raises:
      ValueError: if a number is not positive, or the edges are not in order, or above half of the
        sample rate.

    >>> import reflow as tf
    >>> tf.signal.linear_to_mel_weight_matrix(num_mel_bins=10, num_spectrogram_bins=33).shape
    TensorShape([33, 10])
    """
    dtype = as_dtype(dtype)
    if isinstance(sample_rate, Tensor):
        known = constant_value(sample_rate)
        sample_rate = sample_rate if known is None else known.item()
    _check_bands(num_mel_bins, sample_rate, lower_edge_hertz, upper_edge_hertz, dtype)
    with name_scope(name, "linear_to_mel_weight_matrix"):
        low = convert_to_tensor(lower_edge_hertz, dtype, name="lower_edge_hertz")
        high = convert_to_tensor(upper_edge_hertz, dtype, name="upper_edge_hertz")
        highest = cast(sample_rate, dtype) / 2.0
        zero = convert_to_tensor(0.0, dtype)
        bins = _mel(linspace_nd(zero, highest, num_spectrogram_bins)[1:])[:, None]
        edges = linspace_nd(_mel(low), _mel(high), num_mel_bins + 2)
        begin, middle, end = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (bins - begin) / (middle - begin), (end - bins) / (end - middle)
        return pad(maximum(zero, minimum(rising, falling)), [[1, 0], [0, 0]])


def _check_bands(count: Any, sample_rate: Any, low: Any, high: Any, dtype: Any) -> None:
    if count <= 0:
        raise ValueError(f"num_mel_bins must be positive. Got: {count}")
    if low < 0.0:
        raise ValueError(f"lower_edge_hertz must be non-negative. Got: {low}")
    if low >= high:
        raise ValueError(f"lower_edge_hertz {low:.1f} >= upper_edge_hertz {high:.1f}")
    if not isinstance(sample_rate, Tensor):
        if sample_rate <= 0.0:
            raise ValueError(f"sample_rate must be positive. Got: {sample_rate}")
        if high > sample_rate / 2:
            raise ValueError(
                "upper_edge_hertz must not be larger than the Nyquist frequency (sample_rate / 2). "
                f"Got {high} for sample_rate: {sample_rate}"
            )
    if not dtype.is_floating:
        raise ValueError(f"{errors.user_site()}: dtype must be a floating point type. Got: {dtype}")


@export("signal.mfccs_from_log_mel_spectrograms")
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Any, name: str | None = None) -> Any:
    """Mel-frequency cepstral coefficients: the cosine transform of log mel spectrograms.

    All of them are scaled alike, as in HTK.

    Args:
      log_mel_spectrograms: of shape `[..., num_mel_bins]`, float32 or float64.
      name: a name scope.

    Returns:
      Of the same shape: as many coefficients, of which often only the first dozen is wanted.

    Raises:
      ValueError: if there are no bins.

    >>> import reflow as tf
    >>> tf.signal.mfccs_from_log_mel_spectrograms(tf.zeros([5, 80]))[..., :13].shape
    TensorShape([5, 13])
    """
    with name_scope(name, "mfccs_from_log_mel_spectrograms"):
        x = convert_to_tensor(log_mel_spectrograms)
        bins = x.shape.as_list()[-1] if x.shape.rank else None
        if bins == 0:
            raise ValueError(f"num_mel_bins must be positive. Got: {log_mel_spectrograms}")
        count = cast(shape_of(x)[-1] if bins is None else bins, x.dtype.base_dtype)
        return transform(x, 2, None, None) * rsqrt(count * 2.0)
