"""Cosine transforms: https://www.tensorflow.org/api_docs/python/tf/signal/dct

They are made of `rfft`, which transforms the signal and its mirror image at once.
"""

from __future__ import annotations

import math
from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.filling import fill
from reflow.ops.joining import concat
from reflow.ops.math import cos, maximum, rsqrt, sin, sqrt
from reflow.ops.math.complex import complex as complex_of
from reflow.ops.math.complex import real
from reflow.ops.padding import pad
from reflow.ops.sequences import range as range_of
from reflow.ops.signal.fft import irfft, rfft

_INVERSES = {1: 1, 2: 3, 3: 2, 4: 4}


def _check(x: Any, type: int, n: Any, axis: int, norm: str | None) -> None:
    if axis != -1:
        raise NotImplementedError(f"axis must be -1. Got: {axis}")
    if n is not None and n < 1:
        raise ValueError(f"n should be a positive integer or None, not {n}")
    if type not in _INVERSES:
        raise ValueError(f"Types 1, 2, 3 and 4 of the DCT are there, not {type!r}")
    if norm not in (None, "ortho"):
        raise ValueError(f"Unknown normalization. Expected None or 'ortho', got: {norm}")
    if type == 1:
        if norm == "ortho":
            raise ValueError("Normalization is not supported for the Type-I DCT.")
        if x.shape.rank is not None and x.shape.as_list()[-1] in (0, 1):
            raise ValueError("Type-I DCT requires the dimension to be greater than one.")


def _size(x: Any) -> Any:
    """The size of the last dimension: a Python integer where it is known."""
    known = x.shape.as_list()[-1] if x.shape.rank is not None else None
    return shape_of(x)[-1] if known is None else known


def _cut_or_filled(x: Any, n: Any) -> Any:
    """`x` with a last dimension of `n`: cut, or with zeros at its end."""
    size = _size(x)
    if isinstance(size, int) and isinstance(n, int):
        missing: Any = max(n - size, 0)
    else:
        missing = maximum(n - size, 0)
    if isinstance(missing, int) and not missing:
        return x[..., :n]
    if x.shape.rank is None:
        ranks = concat([shape_of(shape_of(x)) - 1, [2]], 0)
        paddings = concat([fill(ranks, 0), [[0, missing]]], 0)
    else:
        paddings = [[0, 0]] * (x.shape.rank - 1) + [[0, missing]]
    return pad(x, paddings)[..., :n]


def _quarter_turns(n: Any, sign: float, dtype: Any) -> Any:
    """2 exp(sign * i * pi * k / 2n) for the k below n."""
    angles = cast(range_of(n), dtype) * (sign * math.pi / 2) / cast(n, dtype)
    return complex_of(2.0 * cos(angles), 2.0 * sin(angles))


def _weights(first: Any, rest: Any, n: Any) -> Any:
    """The vector `first, rest, rest, ...` of length n."""
    return concat([fill([1], first), fill([n - 1], rest)], 0)


def transform(x: Any, type: int, n: Any, norm: str | None) -> Any:
    """The cosine transform of a tensor over its last dimension; `n` may be a tensor."""
    dtype = x.dtype.base_dtype
    if n is not None:
        x = _cut_or_filled(x, n)
    size = _size(x)
    count = cast(size, dtype)
    if type == 1:
        return real(rfft(concat([x, x[..., -2:0:-1]], -1)))
    if type == 2:
        y = real(rfft(x, [2 * size])[..., :size] * _quarter_turns(size, -1.0, dtype))
        if norm == "ortho":
            scale = 0.5 * rsqrt(count)
            y = y * _weights(scale, scale * math.sqrt(2.0), size)
        return y
    if type == 3:
        if norm == "ortho":
            scale = sqrt(count)
            x = x * _weights(scale, scale * math.sqrt(0.5), size)
        else:
            x = x * count
        turned = _quarter_turns(size, 1.0, dtype) * cast(x, _complex_dtype(dtype))
        return irfft(turned, [2 * size])[..., :size]
    y = transform(x, 2, 2 * size, None)[..., 1::2]
    return y * (math.sqrt(0.5) * rsqrt(count)) if norm == "ortho" else y


def _complex_dtype(dtype: Any) -> Any:
    from reflow.lang.dtypes import complex64, complex128, float64

    return complex128 if dtype is float64 else complex64


@export("signal.dct", v1=("spectral.dct",))
def dct(
    input: Any,
    type: int = 2,
    n: Any = None,
    axis: int = -1,
    norm: str | None = None,
    name: str | None = None,
) -> Any:
    """The discrete cosine transform over the last dimension.

    Args:
      input: of shape `[..., samples]`, float32 or float64.
      type: 1, 2, 3 or 4.
      n: `samples` is cut or filled with zeros to this length.
      axis: -1.
      norm: None, or "ortho" for the orthonormal transform.
      name: a name scope.

    Returns:
      Of the shape and dtype of the (cut or filled) input.

    Raises:
      ValueError: if `type`, `n` or `norm` is none of these, or `norm` is "ortho" with type 1.
      NotImplementedError: if `axis` is another one.

    >>> import reflow as tf
    >>> print(tf.signal.dct([1.0, 1.0]).numpy().round(3))
    [4. 0.]
    """
    input = convert_to_tensor(input)
    _check(input, type, n, axis, norm)
    with name_scope(name, "dct"):
        return transform(input, type, n, norm)


@export("signal.idct", v1=("spectral.idct",))
def idct(
    input: Any,
    type: int = 2,
    n: Any = None,
    axis: int = -1,
    norm: str | None = None,
    name: str | None = None,
) -> Any:
    """The inverse of `tf.signal.dct`; without `norm="ortho"` it gives 2n times the signal.

    The arguments are those of `tf.signal.dct`.

    >>> import reflow as tf
    >>> x = tf.signal.dct([1.0, 3.0], norm="ortho")
    >>> print(tf.signal.idct(x, norm="ortho").numpy().round(3))
    [1. 3.]
    """
    input = convert_to_tensor(input)
    _check(input, type, n, axis, norm)
    with name_scope(name, "idct"):
        return transform(input, _INVERSES[type], n, norm)
