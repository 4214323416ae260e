"""Windows by which the frames of a signal are multiplied."""

from __future__ import annotations

import math
from typing import Any

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype, float32, int32
from reflow.lang.dtypes import bool as bool_
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import static_int
from reflow.ops.array import reshape
from reflow.ops.cast import cast
from reflow.ops.compare import equal
from reflow.ops.filling import ones
from reflow.ops.joining import concat
from reflow.ops.masking import where
from reflow.ops.math import cos, exp, maximum, sin, sqrt, square
from reflow.ops.math.special import bessel_i0e
from reflow.ops.padding import reverse
from reflow.ops.scan import cumsum
from reflow.ops.sequences import range as range_of


def _length(window_length: Any, dtype: Any) -> tuple[Any, DType]:
    dtype = as_dtype(dtype)
    if not dtype.is_floating:
        raise ValueError(
            f"{errors.user_site()}: dtype must be a floating point type. Found {dtype}"
        )
    length = convert_to_tensor(window_length, int32, name="window_length")
    length.shape.assert_has_rank(0)
    return length, dtype


def _one_if_single(length: Any, window: Any) -> Any:
    """The window of one sample is 1, whatever the formula says."""
    if static_int(length) is not None:
        return window
    return where(equal(length, 1), ones(reshape(length, [1]), window.dtype), window)


def _raised_cosine(
    length: Any, periodic: Any, dtype: Any, a: float, b: float, name: Any, scope: str
) -> Any:
    with name_scope(name, scope):
        length, dtype = _length(length, dtype)
        if static_int(length) == 1:
            return ones([1], dtype)
        periodic = convert_to_tensor(periodic, bool_, name="periodic")
        periodic.shape.assert_has_rank(0)
        # Of odd length it is symmetric in any case, as in TensorFlow.
        period = length + cast(periodic, int32) * (1 - length % 2) - 1
        angles = cast(range_of(length), dtype) * (2 * math.pi) / cast(period, dtype)
        return _one_if_single(length, a - b * cos(angles))


@export("signal.hann_window")
def hann_window(
    window_length: Any, periodic: Any = True, dtype: Any = float32, name: str | None = None
) -> Any:
    """The Hann window: half of 1 - cos.

    Args:
      window_length: how many samples it has, a scalar integer.
      periodic: whether a window of even length is a period, for the analysis of spectra, or symmetric,
        for the design of filters; a scalar bool.
      dtype: a floating-point dtype.
      name: a name scope.

    Returns:
      Of shape `[window_length]`.

    Raises:
      ValueError: if the dtype is no floating-point one.

    >>> import reflow as tf
    >>> print(tf.signal.hann_window(4).numpy())
    [0.  0.5 1.  0.5]
    """
    return _raised_cosine(window_length, periodic, dtype, 0.5, 0.5, name, "hann_window")


@export("signal.hamming_window")
def hamming_window(
    window_length: Any, periodic: Any = True, dtype: Any = float32, name: str | None = None
) -> Any:
    """The Hamming window: 0.54 - 0.46 cos. The arguments are those of `tf.signal.hann_window`.

    >>> import reflow as tf
    >>> print(tf.signal.hamming_window(4).numpy().round(2))
    [0.08 0.54 1.   0.54]
    """
    return _raised_cosine(window_length, periodic, dtype, 0.54, 0.46, name, "hamming_window")


@export("signal.kaiser_window")
def kaiser_window(
    window_length: Any, beta: Any = 12.0, dtype: Any = float32, name: str | None = None
) -> Any:
    """The Kaiser window, of Bessel functions.

    Args:
      window_length: how many samples it has, a scalar integer.
      beta: its shape: the larger, the narrower.
      dtype: a floating-point dtype.
      name: a name scope.

    Returns:
      Of shape `[window_length]`.

    Raises:
      ValueError: if the dtype is no floating-point one.

    >>> import reflow as tf
    >>> print(tf.signal.kaiser_window(3, beta=0.0).numpy())
    [1. 1. 1.]
    """
    with name_scope(name, "kaiser_window"):
        length, dtype = _length(window_length, dtype)
        if static_int(length) == 1:
            return ones([1], dtype)
        half = (cast(length, dtype) - 1.0) / 2.0
        beta = cast(beta, dtype)
        position = (cast(range_of(length), dtype) - half) / half
        bent = beta * sqrt(maximum(1.0 - square(position), 0.0))
        window = exp(bent - beta) * (bessel_i0e(bent) / bessel_i0e(beta))
        return _one_if_single(length, window)


@export("signal.kaiser_bessel_derived_window")
def kaiser_bessel_derived_window(
    window_length: Any, beta: Any = 12.0, dtype: Any = float32, name: str | None = None
) -> Any:
    """The window of accumulated Kaiser windows whose halves add up to 1 when squared, for the MDCT.

    The arguments are those of `tf.signal.kaiser_window`.

    >>> import reflow as tf
    >>> window = tf.signal.kaiser_bessel_derived_window(4)
    >>> print((window[:2] ** 2 + window[2:] ** 2).numpy().round(3))
    [1. 1.]
    """
    with name_scope(name, "kaiser_bessel_derived_window"):
        length, dtype = _length(window_length, dtype)
        sums = cumsum(kaiser_window(length // 2 + 1, beta, dtype))
        half = sqrt(sums[:-1] / sums[-1])
        return concat([half, reverse(half, [0])], 0)


@export("signal.vorbis_window")
def vorbis_window(window_length: Any, dtype: Any = float32, name: str | None = None) -> Any:
    """The window of the Vorbis codec, whose halves add up to 1 when squared.

    Args:
      window_length: how many samples it has, a scalar integer.
      dtype: a floating-point dtype.
      name: a name scope.

    Returns:
      Of shape `[window_length]`.

    Raises:
      ValueError: if the dtype is no floating-point one.

    >>> import reflow as tf
    >>> window = tf.signal.vorbis_window(4)
    >>> print((window[:2] ** 2 + window[2:] ** 2).numpy().round(3))
    [1. 1.]
    """
    with name_scope(name, "vorbis_window"):
        length, dtype = _length(window_length, dtype)
        angles = (cast(range_of(length), dtype) + 0.5) * math.pi / cast(length, dtype)
        return sin(math.pi / 2 * square(sin(angles)))
