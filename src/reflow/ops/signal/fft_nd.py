"""Fourier transforms over any dimensions: https://www.tensorflow.org/api_docs/python/tf/signal/fftnd

TensorFlow has kernels for them on GPUs only. Here a length belongs to each of the dimensions that are
transformed, in their order; of real numbers, the last of these dimensions is the one that is halved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32
from reflow.lang.export import export
from reflow.lang.opdef import OpDef
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import UNKNOWN
from reflow.lang.static_value import constant_value
from reflow.ops.cast import cast
from reflow.ops.define import no_gradient, op
from reflow.ops.joining import concat
from reflow.ops.math import maximum, sqrt
from reflow.ops.reduce import reduce_prod
from reflow.ops.signal import fft


def _axes(x: Any, fft_length: Any, axes: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The dimensions that are transformed, and the lengths along them."""
    wanted = tuple(int(a) for a in np.ravel(axes))
    lengths = tuple(int(n) for n in np.ravel(fft_length))
    if len(lengths) != len(wanted):
        raise errors.InvalidArgumentError(
            None, None, f"{len(lengths)} values of fft_length for {len(wanted)} axes"
        )
    if any(not -x.ndim <= a < x.ndim for a in wanted):
        raise errors.InvalidArgumentError(
            None, None, f"axes {list(wanted)} of a tensor of rank {x.ndim}"
        )
    normal = tuple(a % x.ndim for a in wanted)
    if len(set(normal)) != len(normal) or any(n < 0 for n in lengths):
        raise errors.InvalidArgumentError(
            None, None, f"axes {list(wanted)} with fft_length {list(lengths)}"
        )
    return normal, lengths


def _shape(kind: str):
    def rule(input, fft_length, axes):
        sizes = input._shape._dims
        wanted, lengths = constant_value(axes), constant_value(fft_length)
        if sizes is None or wanted is None:
            return UNKNOWN if sizes is None else shapes.unknown_shape(len(sizes))
        result = list(sizes)
        given = [None] * len(wanted) if lengths is None else [int(n) for n in np.ravel(lengths)]
        if kind == "RFFTND" and given and given[-1] is not None:
            given[-1] = given[-1] // 2 + 1
        for axis, length in zip(np.ravel(wanted).tolist(), given):
            if not -len(sizes) <= axis < len(sizes):
                raise ValueError(f"axis {axis} is out of range for a tensor of rank {len(sizes)}")
            result[axis] = length
        return shapes.of(tuple(result))

    return rule


def _define(name: str, signature: str, doc: str) -> Any:
    return op(
        f"{name}({signature}",
        doc,
        shape=_shape(name),
        static=["fft_length", "axes"],
        grad=no_gradient,
    )


_PLAIN = (
    "input: Tcomplex, fft_length: int32, axes: int32, *, Tcomplex: COMPLEX = complex64)"
    " -> output: Tcomplex"
)
_REAL = "Treal: {float,double} = float, Tcomplex: COMPLEX = complex64)"


def _transformed(xp: Any, x: Any, fft_length: Any, axes: Any, inverse: bool) -> Any:
    wanted, lengths = _axes(x, fft_length, axes)
    fft.check_sizes(x, wanted, lengths)
    result = fft.cropped(x, wanted, lengths)
    for axis in wanted:
        result = (xp.fft.ifft if inverse else xp.fft.fft)(result, axis=axis)
    return result.astype(x.dtype)


@_define("FFTND", _PLAIN, "The discrete Fourier transform over the dimensions `axes`.")
def fftnd_op(xp, input, fft_length, axes):
    return _transformed(xp, input, fft_length, axes, False)


@_define("IFFTND", _PLAIN, "The inverse Fourier transform over the dimensions `axes`.")
def ifftnd_op(xp, input, fft_length, axes):
    return _transformed(xp, input, fft_length, axes, True)


@_define(
    "RFFTND",
    f"input: Treal, fft_length: int32, axes: int32, *, {_REAL} -> output: Tcomplex",
    "The discrete Fourier transform of real numbers, half of it, over the dimensions `axes`.",
)
def rfftnd_op(xp, input, fft_length, axes, *, Treal, Tcomplex):
    fft.check_real_dtypes(Treal, Tcomplex, "forward")
    wanted, lengths = _axes(input, fft_length, axes)
    return fft.real_transform(xp, input, lengths, wanted, Tcomplex.np)


@_define(
    "IRFFTND",
    f"input: Tcomplex, fft_length: int32, axes: int32, *, {_REAL} -> output: Treal",
    "The inverse Fourier transform of half a spectrum to real numbers, over the dimensions `axes`.",
)
def irfftnd_op(xp, input, fft_length, axes, *, Treal, Tcomplex):
    fft.check_real_dtypes(Treal, Tcomplex, "backward")
    wanted, lengths = _axes(input, fft_length, axes)
    return fft.inverse_real_transform(xp, input, lengths, wanted, Treal.np)


# Functions ----------------------------------------------------------------------------------------


def _given_axes(x: Any, axes: Any) -> list[int]:
    if axes is None:
        if x.shape.rank is None:
            raise ValueError("Without `axes` the rank of the input must be known.")
        return list(range(x.shape.rank))
    known = constant_value(convert_to_tensor(axes, int32, name="axes"))
    if known is None:
        raise ValueError("The value of `axes` must be known.")
    return [int(a) for a in np.ravel(known)]


def _scaled(x: Any, lengths: Any, norm: str | None, inverse: bool) -> Any:
    if norm not in (None, "backward", "forward", "ortho"):
        raise ValueError(f"norm is 'backward', 'forward' or 'ortho', not {norm!r}")
    if norm in (None, "backward"):
        return x
    known = constant_value(lengths)
    if known is not None:
        count: Any = float(math.prod(known.tolist()))
        scale: Any = math.sqrt(count) if norm == "ortho" else count
    else:
        count = cast(reduce_prod(lengths), x.dtype.base_dtype.real_dtype)
        scale = cast(sqrt(count) if norm == "ortho" else count, x.dtype.base_dtype)
    return x * scale if inverse else x / scale


def _applied(
    opdef: OpDef,
    x: Any,
    fft_length: Any,
    axes: Sequence[int],
    norm: Any,
    inverse: bool,
    **dtypes: Any,
) -> Any:
    lengths = convert_to_tensor(
        fft.sizes_along(x, axes) if fft_length is None else fft_length, int32, name="fft_length"
    )
    x = fft.padded_to(x, lengths, axes)
    return opdef(_scaled(x, lengths, norm, inverse), lengths, list(axes), **dtypes)


@export("signal.fftnd")
def fftnd(
    input_tensor: Any,
    fft_length: Any = None,
    axes: Any = None,
    norm: str | None = None,
    name: str | None = None,
) -> Any:
    """The Fourier transform over any dimensions.

    Args:
      input_tensor: complex.
      fft_length: a length for each of `axes`, to which they are cut or filled with zeros.
      axes: the dimensions, a vector of integers; all by default.
      norm: "backward" (the inverse is divided by the number of elements, the default), "forward" or "ortho".
      name: a name scope.

    Raises:
      ValueError: for another `norm`, or if the axes are not known.

    >>> import reflow as tf
    >>> print(tf.signal.fftnd([[1.0 + 0j, 0j], [1.0 + 0j, 0j]], axes=[0]).numpy().real)
    [[2. 0.]
     [0. 0.]]
    """
    with name_scope(name, "fftnd"):
        x = fft.complex_input(input_tensor)[0]
        return _applied(fftnd_op, x, fft_length, _given_axes(x, axes), norm, False)


@export("signal.ifftnd")
def ifftnd(
    input_tensor: Any,
    fft_length: Any = None,
    axes: Any = None,
    norm: str | None = None,
    name: str | None = None,
) -> Any:
    """The inverse of `tf.signal.fftnd`, with the same arguments.

    >>> import reflow as tf
    >>> x = [[1.0 + 0j, 2j], [3.0 + 0j, 0j]]
    >>> print(tf.signal.ifftnd(tf.signal.fftnd(x)).numpy().real)
    [[1. 0.]
     [3. 0.]]
    """
    with name_scope(name, "ifftnd"):
        x = fft.complex_input(input_tensor)[0]
        return _applied(ifftnd_op, x, fft_length, _given_axes(x, axes), norm, True)


@export("signal.rfftnd")
def rfftnd(
    input_tensor: Any,
    fft_length: Any = None,
    axes: Any = None,
    norm: str | None = None,
    name: str | None = None,
) -> Any:
    """The Fourier transform of real numbers over any dimensions, of which the last of `axes` is halved.

    The arguments are those of `tf.signal.fftnd`; the input is float32 or float64.

    >>> import reflow as tf
    >>> tf.signal.rfftnd(tf.ones([2, 4, 3]), axes=[0, 1]).shape
    TensorShape([2, 3, 3])
    """
    with name_scope(name, "rfftnd"):
        x, dtype = fft.real_input(input_tensor)
        wanted = _given_axes(x, axes)
        return _applied(rfftnd_op, x, fft_length, wanted, norm, False, Tcomplex=dtype)


@export("signal.irfftnd")
def irfftnd(
    input_tensor: Any,
    fft_length: Any = None,
    axes: Any = None,
    norm: str | None = None,
    name: str | None = None,
) -> Any:
    """The inverse of `tf.signal.rfftnd`; the lengths are those of the result, by default even ones.

    The arguments are those of `tf.signal.fftnd`.

    >>> import reflow as tf
    >>> x = tf.ones([2, 4, 3])
    >>> tf.signal.irfftnd(tf.signal.rfftnd(x, axes=[0, 1]), axes=[0, 1]).shape
    TensorShape([2, 4, 3])
    """
    with name_scope(name, "irfftnd"):
        x, dtype = fft.complex_input(input_tensor)
        wanted = _given_axes(x, axes)
        lengths = fft_length
        if lengths is None:
            sizes = convert_to_tensor(fft.sizes_along(x, wanted), int32)
            lengths = concat([sizes[:-1], maximum(0, 2 * (sizes[-1:] - 1))], 0)
        lengths = convert_to_tensor(lengths, int32, name="fft_length")
        halves = concat([lengths[:-1], lengths[-1:] // 2 + 1], 0)
        x = fft.padded_to(x, halves, wanted)
        return irfftnd_op(_scaled(x, lengths, norm, True), lengths, wanted, Treal=dtype)
