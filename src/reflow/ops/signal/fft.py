"""Fourier transforms: https://www.tensorflow.org/api_docs/python/tf/signal/fft"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import complex64, complex128, float32, float64, int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY, OpDef
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import UNKNOWN
from reflow.lang.static_value import constant_value
from reflow.ops.array import rank as rank_of
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.define import op
from reflow.ops.filling import fill, zeros, zeros_like
from reflow.ops.indexing import gather
from reflow.ops.joining import concat, stack
from reflow.ops.math import maximum, neg
from reflow.ops.math.complex import real_op
from reflow.ops.nd_indexing import scatter_nd
from reflow.ops.padding import pad, roll
from reflow.ops.public import public
from reflow.ops.reduce import reduce_prod
from reflow.ops.sequences import range as range_of


def _inner(rank: int) -> tuple[int, ...]:
    return tuple(range(-rank, 0))


def _check_rank(x: Any, rank: int) -> None:
    if x.ndim < rank:
        raise errors.InvalidArgumentError(
            None, None, f"Input must have rank of at least {rank} but got: {list(x.shape)}"
        )


def _check_lengths(lengths: tuple[int, ...], rank: int, shape: Any) -> None:
    if tuple(shape) != (rank,):
        raise errors.InvalidArgumentError(None, None, f"fft_length must have shape [{rank}]")
    for i, length in enumerate(lengths):
        if length < 0:
            raise errors.InvalidArgumentError(
                None, None, f"fft_length[{i}] must >= 0, but got: {length}"
            )


def check_sizes(x: Any, axes: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    """Refuses an input that is shorter than the transform along a dimension."""
    for axis, size in zip(axes, sizes):
        if x.shape[axis] < size:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"Input dimension {axis % x.ndim} must have length of at least {size} but got: "
                f"{x.shape[axis]}",
            )


def cropped(x: Any, axes: tuple[int, ...], sizes: tuple[int, ...]) -> Any:
    """`x` cut to `sizes` along its dimensions `axes`."""
    index: list[Any] = [slice(None)] * x.ndim
    for axis, size in zip(axes, sizes):
        index[axis] = slice(size)
    return x[tuple(index)]


def _count(x: Any, rank: int) -> Any:
    """The number of elements in the inner `rank` dimensions, as a scalar of the dtype of `x`."""
    return cast(reduce_prod(shape_of(x)[-rank:]), x.dtype.base_dtype)


# Complex transforms -------------------------------------------------------------------------------


def _complex(name: str, rank: int, inverse: bool, other: str, signature: str) -> OpDef:
    def lower(xp, input):
        _check_rank(input, rank)
        if 0 in input.shape:
            return xp.zeros(input.shape, input.dtype)
        transform = xp.fft.ifftn if inverse else xp.fft.fftn
        return transform(input, axes=_inner(rank)).astype(input.dtype)

    def grad(g):
        back = REGISTRY[other](g)
        return back / _count(g, rank) if inverse else back * _count(g, rank)

    kind = "inverse Fourier" if inverse else "Fourier"
    doc = f"The {rank}-dimensional discrete {kind} transform, over the innermost dimensions."
    shape = lambda input: input._shape.with_rank_at_least(rank)  # noqa: E731
    return op(f"{name}({signature}", doc, shape=shape, grad=grad)(lower)


def _pair(name: str, inverse: str, rank: int, signature: str) -> tuple[OpDef, OpDef]:
    """A transform and its inverse, each of which is the other's gradient but for a factor."""
    forward = _complex(name, rank, False, inverse, signature)
    return forward, _complex(inverse, rank, True, name, signature)


_ANY = "input: Tcomplex, *, Tcomplex: COMPLEX = complex64) -> output: Tcomplex"
_SINGLE = "input: complex64) -> output: complex64"

fft_op, ifft_op = _pair("FFT", "IFFT", 1, _ANY)
fft2d_op, ifft2d_op = _pair("FFT2D", "IFFT2D", 2, _ANY)
fft3d_op, ifft3d_op = _pair("FFT3D", "IFFT3D", 3, _ANY)
batch_fft_op, batch_ifft_op = _pair("BatchFFT", "BatchIFFT", 1, _SINGLE)
batch_fft2d_op, batch_ifft2d_op = _pair("BatchFFT2D", "BatchIFFT2D", 2, _SINGLE)
batch_fft3d_op, batch_ifft3d_op = _pair("BatchFFT3D", "BatchIFFT3D", 3, _SINGLE)

_example = ("[1.0 + 0j, 0j]", "[1.+0.j 1.+0.j]")
_inverse_example = ("[1.0 + 0j, 1.0 + 0j]", "[1.+0.j 0.+0.j]")
# fmt: off
fft = public(fft_op, "signal.fft", v1=("fft", "spectral.fft"), example=_example)
ifft = public(ifft_op, "signal.ifft", v1=("ifft", "spectral.ifft"), example=_inverse_example)
fft2d = public(fft2d_op, "signal.fft2d", v1=("fft2d", "spectral.fft2d"),
               example=("[[1.0 + 0j, 0j]]", "[[1.+0.j 1.+0.j]]"))
ifft2d = public(ifft2d_op, "signal.ifft2d", v1=("ifft2d", "spectral.ifft2d"),
                example=("[[1.0 + 0j, 1.0 + 0j]]", "[[1.+0.j 0.+0.j]]"))
fft3d = public(fft3d_op, "signal.fft3d", v1=("fft3d", "spectral.fft3d"),
               example=("[[[1.0 + 0j, 0j]]]", "[[[1.+0.j 1.+0.j]]]"))
ifft3d = public(ifft3d_op, "signal.ifft3d", v1=("ifft3d", "spectral.ifft3d"),
                example=("[[[1.0 + 0j, 1.0 + 0j]]]", "[[[1.+0.j 0.+0.j]]]"))
# fmt: on

# Transforms of real numbers -----------------------------------------------------------------------
#
# Half of the transform of real numbers says all: the inner dimension of the result has n // 2 + 1
# elements for n real ones. So an inner dimension of n / 2 + 1 and the length n belong together.


def _lengths(value: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in np.ravel(value))


def _half(lengths: Any) -> tuple:
    return (*lengths[:-1], None if lengths[-1] is None else lengths[-1] // 2 + 1)


def _real_shape(rank: int, inverse: bool) -> Callable:
    def rule(input, fft_length):
        sizes = input._shape.with_rank_at_least(rank)._dims
        given = fft_length._shape.with_rank(1)
        if given._dims[0] not in (None, rank):
            raise ValueError(f"Dimension must be {rank} but is {given._dims[0]}")
        if sizes is None:
            return UNKNOWN
        lengths = constant_value(fft_length)
        if lengths is None:
            return (*sizes[: len(sizes) - rank], *[None] * rank)
        inner = _lengths(lengths)
        return (*sizes[: len(sizes) - rank], *(inner if inverse else _half(inner)))

    return rule


def check_real_dtypes(real_dtype: Any, complex_dtype: Any, kind: str) -> None:
    if (real_dtype is float32) != (complex_dtype is complex64):
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Wrong types for {kind} real FFT: {real_dtype.name} and {complex_dtype.name}",
        )


def real_transform(
    xp: Any, x: Any, lengths: tuple[int, ...], axes: tuple[int, ...], dtype: Any
) -> Any:
    shape = list(x.shape)
    for axis, size in zip(axes, _half(lengths)):
        shape[axis] = size
    if 0 in x.shape or 0 in lengths:
        return xp.zeros(shape, dtype)
    check_sizes(x, axes, lengths)
    x = xp.fft.rfft(cropped(x, axes, lengths), axis=axes[-1])
    if len(axes) > 1:
        x = xp.fft.fftn(x, axes=axes[:-1])
    return x.astype(dtype)


def inverse_real_transform(
    xp: Any, x: Any, lengths: tuple[int, ...], axes: tuple[int, ...], dtype: Any
) -> Any:
    shape = list(x.shape)
    for axis, size in zip(axes, lengths):
        shape[axis] = size
    if 0 in x.shape or 0 in lengths:
        return xp.zeros(shape, dtype)
    halves = _half(lengths)
    check_sizes(x, axes, halves)
    x = cropped(x, axes, halves)
    if len(axes) > 1:
        x = xp.fft.ifftn(x, axes=axes[:-1])
    return xp.fft.irfft(x, lengths[-1], axis=axes[-1]).astype(dtype)


def _real(name: str, rank: int, inverse: bool, grad: Callable) -> OpDef:
    def forward(xp, input, fft_length, *, Treal, Tcomplex):
        check_real_dtypes(Treal, Tcomplex, "forward")
        _check_rank(input, rank)
        lengths = _lengths(fft_length)
        _check_lengths(lengths, rank, np.shape(fft_length))
        return real_transform(xp, input, lengths, _inner(rank), Tcomplex.np)

    def backward(xp, input, fft_length, *, Treal, Tcomplex):
        check_real_dtypes(Treal, Tcomplex, "backward")
        _check_rank(input, rank)
        lengths = _lengths(fft_length)
        _check_lengths(lengths, rank, np.shape(fft_length))
        return inverse_real_transform(xp, input, lengths, _inner(rank), Treal.np)

    tensors = ("input: Tcomplex", "Treal") if inverse else ("input: Treal", "Tcomplex")
    what = "of half a spectrum to real numbers" if inverse else "of real numbers, half of it"
    return op(
        f"{name}({tensors[0]}, fft_length: int32, *, Treal: {{float,double}} = float,"
        f" Tcomplex: COMPLEX = complex64) -> output: {tensors[1]}",
        f"The {rank}-dimensional discrete Fourier transform {what}.",
        shape=_real_shape(rank, inverse),
        static=["fft_length"],
        grad=grad,
    )(backward if inverse else forward)


def _padded_like(x: Any, like: Any) -> Any:
    """`x` with zeros at the ends of its dimensions, so that it has the shape of `like`."""
    missing = shape_of(like) - shape_of(x)
    return pad(x, stack([zeros_like(missing), missing], axis=1))


def _edges_once(g: Any, fft_length: Any, edge: float, inside: float) -> Any:
    """`g`, half a spectrum, times `inside`, but `edge` where an element has no mirrored twin."""
    odd = fft_length[-1:] % 2
    inner = fill(shape_of(g)[-1:] - 2 + odd, inside)
    factors = concat([fill([1], edge), inner, fill(1 - odd, edge)], 0)
    return g * cast(factors, g.dtype.base_dtype)


def _rfft_grad(g, input, fft_length):
    back = irfft_op(_edges_once(g, fft_length, 1.0, 0.5), fft_length, Treal=input.dtype.base_dtype)
    return _padded_like(back * _count(back, 1), input)


def _rfftn_grad(inverse: str, rank: int) -> Callable:
    """The real part of the adjoint: a complex transform with zeros for the other half."""

    def grad(g, input, fft_length):
        missing = fft_length[-1:] - shape_of(g)[-1:]
        after = concat([zeros([rank_of(g) - 1], int32), missing], 0)
        spectrum = pad(g, stack([zeros_like(after), after], axis=1))
        back = real_op(REGISTRY[inverse](spectrum), Tout=input.dtype.base_dtype)
        return _padded_like(back * _count(back, rank), input)

    return grad


def _irfft_grad(forward: str, rank: int) -> Callable:
    def grad(g, input, fft_length):
        spectrum = REGISTRY[forward](g, fft_length, Tcomplex=input.dtype.base_dtype)
        count = cast(_count(g, rank), spectrum.dtype)
        return _padded_like(_edges_once(spectrum / count, fft_length, 1.0, 2.0), input)

    return grad


rfft_op = _real("RFFT", 1, False, _rfft_grad)
rfft2d_op = _real("RFFT2D", 2, False, _rfftn_grad("IFFT2D", 2))
rfft3d_op = _real("RFFT3D", 3, False, _rfftn_grad("IFFT3D", 3))
irfft_op = _real("IRFFT", 1, True, _irfft_grad("RFFT", 1))
irfft2d_op = _real("IRFFT2D", 2, True, _irfft_grad("RFFT2D", 2))
irfft3d_op = _real("IRFFT3D", 3, True, _irfft_grad("RFFT3D", 3))


def real_input(x: Any) -> Any:
    x = convert_to_tensor(x, preferred_dtype=float32)
    if x.dtype.base_dtype not in (float32, float64):
        raise ValueError(f"RFFT requires tf.float32 or tf.float64 inputs, got: {x.dtype.name}")
    return x, complex64 if x.dtype.base_dtype is float32 else complex128


def complex_input(x: Any) -> Any:
    x = convert_to_tensor(x, preferred_dtype=complex64)
    if x.dtype.base_dtype not in (complex64, complex128):
        raise ValueError(
            f"IRFFT requires tf.complex64 or tf.complex128 inputs, got: {x.dtype.name}"
        )
    return x, x.dtype.base_dtype.real_dtype


def sizes_along(x: Any, axes: Sequence[int]) -> Any:
    """The sizes of the dimensions `axes` of `x`: a list of integers where known, else a tensor."""
    sizes = x.shape.as_list() if x.shape.rank is not None else None
    if sizes is not None and all(sizes[a] is not None for a in axes):
        return [sizes[a] for a in axes]
    whole = shape_of(x)
    return stack([whole[a] for a in axes])


def padded_to(x: Any, lengths: Any, axes: Sequence[int]) -> Any:
    """`x` with zeros at the ends of its dimensions `axes` where these are shorter than `lengths`."""
    known = constant_value(lengths)
    sizes = x.shape.as_list() if x.shape.rank is not None else None
    if sizes is not None and 0 in sizes:
        return x
    if sizes is not None and known is not None and all(sizes[a] is not None for a in axes):
        after = [0] * len(sizes)
        for axis, length in zip(axes, known.tolist()):
            after[axis] = max(length - sizes[axis], 0)
        return pad(x, [[0, n] for n in after]) if any(after) else x
    missing = maximum(0, lengths - sizes_along(x, axes))
    rank = rank_of(x) if sizes is None else len(sizes)
    if sizes is not None:
        axes = [a % len(sizes) for a in axes]
    after = scatter_nd([[rank + a if a < 0 else a] for a in axes], missing, [rank])
    return pad(x, stack([zeros_like(after), after], axis=1))


def _forward_real(opdef: OpDef, rank: int, x: Any, fft_length: Any, name: Any, scope: str) -> Any:
    with name_scope(name, scope):
        x, dtype = real_input(x)
        x.shape.with_rank_at_least(rank)
        axes = _inner(rank)
        given = sizes_along(x, axes) if fft_length is None else fft_length
        lengths = convert_to_tensor(given, int32, name="fft_length")
        return opdef(padded_to(x, lengths, axes), lengths, Tcomplex=dtype)


def _inverse_real(opdef: OpDef, rank: int, x: Any, fft_length: Any, name: Any, scope: str) -> Any:
    with name_scope(name, scope):
        x, dtype = complex_input(x)
        x.shape.with_rank_at_least(rank)
        axes = _inner(rank)
        lengths, halves = _real_lengths(x, fft_length, axes)
        return opdef(padded_to(x, halves, axes), lengths, Treal=dtype)


def _real_lengths(x: Any, fft_length: Any, axes: Sequence[int]) -> tuple[Any, Any]:
    """The lengths of the real result, and those of the half spectrum that it needs."""
    if fft_length is None:
        sizes = sizes_along(x, axes)
        if isinstance(sizes, list):
            fft_length = [*sizes[:-1], max(0, 2 * (sizes[-1] - 1))]
        else:
            fft_length = concat([sizes[:-1], maximum(0, 2 * (sizes[-1:] - 1))], 0)
    lengths = convert_to_tensor(fft_length, int32, name="fft_length")
    return lengths, concat([lengths[:-1], lengths[-1:] // 2 + 1], 0)


@export("signal.rfft", v1=("spectral.rfft",))
def rfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """The Fourier transform of real numbers over the innermost dimension; half of it says all.

    Args:
      input_tensor: of shape `[..., n]`, float32 or float64.
      fft_length: an int32 vector of one element: `n` is cut or filled with zeros to this length.
      name: the name of the node.

    Returns:
      Of shape `[..., fft_length // 2 + 1]`, complex.

    Raises:
      ValueError: if the dtype is another one.

    >>> import reflow as tf
    >>> print(tf.signal.rfft([1.0, 0.0, 1.0, 0.0]).numpy())
    [2.+0.j 0.+0.j 2.+0.j]
    """
    return _forward_real(rfft_op, 1, input_tensor, fft_length, name, "rfft")


@export("signal.rfft2d", v1=("spectral.rfft2d",))
def rfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """The Fourier transform of real numbers over the two innermost dimensions: see `tf.signal.rfft`.

    >>> import reflow as tf
    >>> print(tf.signal.rfft2d([[1.0, 0.0], [0.0, 0.0]]).numpy().shape)
    (2, 2)
    """
    return _forward_real(rfft2d_op, 2, input_tensor, fft_length, name, "rfft2d")


@export("signal.rfft3d", v1=("spectral.rfft3d",))
def rfft3d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """The Fourier transform of real numbers over the three innermost dimensions: see `tf.signal.rfft`.

    >>> import reflow as tf
    >>> print(tf.signal.rfft3d(tf.ones([2, 2, 2])).numpy().shape)
    (2, 2, 2)
    """
    return _forward_real(rfft3d_op, 3, input_tensor, fft_length, name, "rfft3d")


@export("signal.irfft", v1=("spectral.irfft",))
def irfft(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """The real numbers whose Fourier transform this is: the inverse of `tf.signal.rfft`.

    Args:
      input_tensor: of shape `[..., n]`, complex.
      fft_length: an int32 vector of one element, the length of the result; by default `2 * (n - 1)`,
        so an odd one has to be said.
      name: the name of the node.

    Returns:
      Of shape `[..., fft_length]`, float32 or float64.

    Raises:
      ValueError: if the dtype is another one.

    >>> import reflow as tf
    >>> print(tf.signal.irfft([2.0 + 0j, 0j, 2.0 + 0j]).numpy())
    [1. 0. 1. 0.]
    """
    return _inverse_real(irfft_op, 1, input_tensor, fft_length, name, "irfft")


@export("signal.irfft2d", v1=("spectral.irfft2d",))
def irfft2d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """The inverse of `tf.signal.rfft2d`: see `tf.signal.irfft`.

    >>> import reflow as tf
    >>> print(tf.signal.irfft2d(tf.signal.rfft2d([[1.0, 0.0], [0.0, 0.0]])).numpy())
    [[1. 0.]
     [0. 0.]]
    """
    return _inverse_real(irfft2d_op, 2, input_tensor, fft_length, name, "irfft2d")


@export("signal.irfft3d", v1=("spectral.irfft3d",))
def irfft3d(input_tensor: Any, fft_length: Any = None, name: str | None = None) -> Any:
    """The inverse of `tf.signal.rfft3d`: see `tf.signal.irfft`.

    >>> import reflow as tf
    >>> print(tf.signal.irfft3d(tf.signal.rfft3d(tf.ones([2, 2, 2]))).numpy().sum())
    8.0
    """
    return _inverse_real(irfft3d_op, 3, input_tensor, fft_length, name, "irfft3d")


# Turning ------------------------------------------------------------------------------------------


def _half_turns(x: Any, axes: Any, inverse: bool) -> tuple[Any, Any]:
    """By how much to roll which dimensions."""
    if axes is None:
        rank = x.shape.rank
        axes = range_of(rank_of(x)) if rank is None else list(range(rank))
    if isinstance(axes, int):
        axes = [axes]
    axes = convert_to_tensor(axes, int32, name="axes")
    sizes = gather(shape_of(x), axes % rank_of(x))
    return (neg(sizes // 2) if inverse else sizes // 2), axes


@export("signal.fftshift")
def fftshift(x: Any, axes: Any = None, name: str | None = None) -> Any:
    """Moves the zero frequency, the first element, to the middle.

    Args:
      x: a tensor.
      axes: the dimensions, an integer or integers; all by default.
      name: the name of the node.

    >>> import reflow as tf
    >>> print(tf.signal.fftshift([0.0, 1.0, 2.0, -2.0, -1.0]).numpy())
    [-2. -1.  0.  1.  2.]
    """
    with name_scope(name, "fftshift"):
        x = convert_to_tensor(x)
        return roll(x, *_half_turns(x, axes, inverse=False))


@export("signal.ifftshift")
def ifftshift(x: Any, axes: Any = None, name: str | None = None) -> Any:
    """The inverse of `tf.signal.fftshift`.

    >>> import reflow as tf
    >>> print(tf.signal.ifftshift([-2.0, -1.0, 0.0, 1.0, 2.0]).numpy())
    [ 0.  1.  2. -2. -1.]
    """
    with name_scope(name, "ifftshift"):
        x = convert_to_tensor(x)
        return roll(x, *_half_turns(x, axes, inverse=True))
