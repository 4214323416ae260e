"""Tensors with a margin, mirrored, reversed, rotated."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.static_value import constant_value, partial_value
from reflow.lang.tensor import is_tensor
from reflow.ops import array, shape_rules
from reflow.ops.array import renamed
from reflow.ops.define import op

# Padding ------------------------------------------------------------------------------------------


def padded(xp: Any, x: Any, margins: Any, value: Any = None) -> Any:
    """`x` with `margins` (pairs of before and after, per dimension) of `value`, zero by default."""
    if not any(before or after for before, after in margins):
        return x
    if not xp.is_numpy:
        fill = xp.zeros((), x.dtype) if value is None else value
        return xp.lax.pad(x, fill, [(before, after, 0) for before, after in margins])
    sizes = [before + n + after for (before, after), n in zip(margins, x.shape)]
    if value is not None:
        result = np.full(sizes, value, x.dtype)
    elif x.dtype == object:
        result = np.full(sizes, b"", object)
    else:
        result = np.zeros(sizes, x.dtype)
    result[tuple(slice(before, before + n) for (before, _), n in zip(margins, x.shape))] = x
    return result


def _margins(paddings: Any, rank: int) -> list[list[int]]:
    if paddings.ndim != 2 or paddings.shape[1] != 2:
        raise ValueError(f"paddings must be a matrix with 2 columns: {list(paddings.shape)}")
    if paddings.shape[0] != rank:
        raise ValueError(
            f"The first dimension of paddings must be the rank of inputs: {list(paddings.shape)} "
            f"for an input of rank {rank}"
        )
    margins = paddings.tolist()
    for before, after in margins:
        if before < 0 or after < 0:
            raise ValueError(f"Paddings must be non-negative: {before} {after}")
    return margins


def _padded_shape(input: Any, paddings: Any) -> Any:
    dims = input._shape._dims
    matrix = paddings._shape._dims
    if matrix is not None and (len(matrix) != 2 or matrix[1] not in (2, None)):
        raise ValueError(f"paddings must be a matrix with 2 columns, but has shape {matrix}")
    known = partial_value(paddings)
    if dims is None:
        return shapes.unknown_shape(matrix[0] if matrix else None)
    if matrix is not None and matrix[0] not in (None, len(dims)):
        raise ValueError(
            f"Shape must be rank {matrix[0]} but is rank {len(dims)}: the first dimension of "
            "paddings must be the rank of the input"
        )
    if known is None:
        return shapes.unknown_shape(len(dims))
    sizes: list[int | None] = []
    for d, (before, after) in zip(dims, known.tolist()):
        if before < 0 or after < 0:
            raise ValueError(f"Paddings must be non-negative: {before} {after}")
        whole = before + after
        sizes.append(None if d is None or whole != whole else d + int(whole))
    return shapes.of(tuple(sizes))


_PADDINGS = "Tpaddings: {int32,int64} = int32"


@op(
    f"Pad(input: T, paddings: Tpaddings, *, {_PADDINGS}) -> output: T",
    shape=_padded_shape,
    static=["paddings"],
    partial=("input",),
)
def pad_op(xp, input, paddings):
    """The input with a margin of zeros."""
    return padded(xp, input, _margins(paddings, len(input.shape)))


@pad_op.gradient_rule
def _pad_grad(g, input, paddings):
    return _without_margin(g, input, paddings), None


def _without_margin(g: Any, x: Any, paddings: Any) -> Any:
    known = constant_value(paddings)
    dims = x._shape._dims
    if known is not None and dims is not None:
        size = [-1 if d is None else d for d in dims]
        if None not in dims or all(
            d is not None or not after for d, (_, after) in zip(dims, known.tolist())
        ):
            return REGISTRY["Slice"](g, known[:, 0], size)
    begin = REGISTRY["Reshape"](REGISTRY["Slice"](paddings, [0, 0], [-1, 1]), [-1])
    return REGISTRY["Slice"](g, begin, array.shape_op(x, out_type=paddings.dtype))


@op(
    f"PadV2(input: T, paddings: Tpaddings, constant_values: T, *, {_PADDINGS}) -> output: T",
    shape=lambda input, paddings, constant_values: _padded_shape(input, paddings),
    static=["paddings"],
    partial=("input",),
    grad=lambda g, input, paddings: (_without_margin(g, input, paddings), None, None),
)
def pad_v2_op(xp, input, paddings, constant_values):
    """The input with a margin of a given value."""
    if constant_values.shape:
        raise ValueError(f"constant_values must be a scalar. Found: {list(constant_values.shape)}")
    return padded(xp, input, _margins(paddings, len(input.shape)), constant_values)


_MODES = "mode: string{REFLECT,SYMMETRIC}"


@op(
    f"MirrorPad(input: T, paddings: Tpaddings, *, {_PADDINGS}, {_MODES}) -> output: T",
    shape=_padded_shape,
    static=["paddings"],
    grad=lambda g, paddings, *, mode: (mirror_pad_grad_op(g, paddings, mode=mode), None),
)
def mirror_pad_op(xp, input, paddings, *, mode):
    """The input with a margin in which it is mirrored: with (SYMMETRIC) its edge, or without."""
    edge = 1 if mode == "REFLECT" else 0
    for axis, (before, after) in enumerate(_mirror_margins(input.shape, paddings, edge)):
        if not before and not after:
            continue
        n = input.shape[axis]
        at = (slice(None),) * axis
        left = xp.flip(input[(*at, slice(edge, edge + before))], axis)
        right = xp.flip(input[(*at, slice(n - edge - after, n - edge))], axis)
        input = xp.concatenate([left, input, right], axis)
    return input


def _mirror_margins(sizes: Any, paddings: Any, edge: int) -> list[list[int]]:
    margins = _margins(paddings, len(sizes))
    for (before, after), n in zip(margins, sizes):
        if max(before, after) > n - edge:
            word = "less than" if edge else "no greater than"
            raise ValueError(
                f"paddings must be {word} the dimension size: {before}, {after} not {word} {n}"
            )
    return margins


@op(
    f"MirrorPadGrad(input: T, paddings: Tpaddings, *, {_PADDINGS}, {_MODES}) -> output: T",
    static=["paddings"],
    grad=lambda g, paddings, *, mode: (mirror_pad_op(g, paddings, mode=mode), None),
)
def mirror_pad_grad_op(xp, input, paddings, *, mode):
    """The gradient of `MirrorPad`: the margin added to what it mirrors."""
    edge = 1 if mode == "REFLECT" else 0
    margins = _margins(paddings, len(input.shape))
    for axis, (before, after) in enumerate(margins):
        if not before and not after:
            continue
        n = input.shape[axis] - before - after
        if max(before, after) > n - edge:
            raise ValueError(
                f"paddings {before}, {after} do not fit the dimension of size {input.shape[axis]}"
            )
        at = (slice(None),) * axis
        left = xp.flip(input[(*at, slice(0, before))], axis)
        right = xp.flip(input[(*at, slice(before + n, before + n + after))], axis)
        middle = input[(*at, slice(before, before + n))]
        around = [(0, 0)] * len(input.shape)
        around[axis] = (edge, n - before - edge)
        middle = middle + padded(xp, left, around)
        around[axis] = (n - after - edge, edge)
        input = middle + padded(xp, right, around)
    return input


@mirror_pad_grad_op.shape_rule
def _mirror_pad_grad_shape(input, paddings):
    dims = input._shape._dims
    known = constant_value(paddings)
    if dims is None or known is None:
        return shapes.unknown_shape(None if dims is None else len(dims))
    return shapes.of(
        tuple(
            None if d is None else d - before - after
            for d, (before, after) in zip(dims, _margins(known, len(dims)))
        )
    )


@export(v2=("pad",))
def pad(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    constant_values: Any = 0,
    name: str | None = None,
) -> Any:
    """`tensor` with a margin.

    Args:
      tensor: a tensor of rank n.
      paddings: an integer matrix `[n, 2]`: how much before and after, per dimension.
      mode: "CONSTANT", "REFLECT" (mirrored without the edge) or "SYMMETRIC" (with the edge).
      constant_values: what fills the margin in the mode CONSTANT, a scalar.

    Raises:
      ValueError: for another mode.
      InvalidArgumentError: if `paddings` does not fit.

    >>> import reflow as tf
    >>> tf.pad([1, 2, 3], [[1, 2]]).numpy().tolist()
    [0, 1, 2, 3, 0, 0]
    """
    return _pad(tensor, paddings, mode, name, constant_values)


@export(v1=("pad",))
def pad_v1(
    tensor: Any,
    paddings: Any,
    mode: str = "CONSTANT",
    name: str | None = None,
    constant_values: Any = 0,
) -> Any:
    """TF 1's `tf.pad`, with `name` before `constant_values`."""
    return _pad(tensor, paddings, mode, name, constant_values)


def _pad(tensor, paddings, mode, name, constant_values):
    mode = mode.upper()
    if mode == "CONSTANT":
        plain = not is_tensor(constant_values) and np.ndim(constant_values) == 0
        if plain and constant_values == np.zeros_like(constant_values):
            return pad_op(tensor, paddings, name=name)
        return pad_v2_op(tensor, paddings, constant_values, name=name)
    if mode in ("REFLECT", "SYMMETRIC"):
        return mirror_pad_op(tensor, paddings, mode=mode, name=name)
    raise ValueError(
        f"{errors.user_site()}: Value of argument `mode` expected to be one of "
        f"'CONSTANT', 'REFLECT', or 'SYMMETRIC'. Received `mode` = {mode}"
    )


# Reversing ----------------------------------------------------------------------------------------

_REVERSIBLE = "T: NUMBER|bool|string"


@op(
    f"Reverse(tensor: T, dims: bool, *, {_REVERSIBLE}) -> output: T",
    shape=shape_rules.same,
    static=["dims"],
    grad=lambda g, dims: (reverse_v1_op(g, dims), None),
)
def reverse_v1_op(xp, tensor, dims):
    """The input reversed along the dimensions that are marked."""
    if len(dims) != len(tensor.shape):
        raise ValueError(
            f"'dims' must have {len(tensor.shape)} elements, one for each dimension, got {len(dims)}"
        )
    return xp.flip(tensor, tuple(np.flatnonzero(dims).tolist()))


def _reversed_shape(tensor: Any, axis: Any) -> Any:
    if axis.shape.rank not in (None, 1):
        raise ValueError(f"Shape must be rank 1 but is rank {axis.shape.rank}")
    known = constant_value(axis)
    if known is not None and tensor._shape._dims is not None:
        _axes(known, len(tensor._shape._dims))
    return tensor._shape


def _axes(axis: Any, rank: int) -> tuple[int, ...]:
    axes = axis.ravel().tolist()
    for each in axes:
        if not -rank <= each < rank:
            raise ValueError(f"'axis'[{axes.index(each)}] = {each} is out of valid range "
                             f"[{-rank}, {rank - 1}]")  # fmt: skip
    axes = [each % rank for each in axes]
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis {axes} has an axis twice: axis can only be specified once")
    return tuple(axes)


@op(
    f"ReverseV2(tensor: T, axis: Tidx, *, Tidx: {{int32,int64}} = int32, {_REVERSIBLE})"
    " -> output: T",
    shape=_reversed_shape,
    static=["axis"],
    partial=("tensor",),
    grad=lambda g, axis: (reverse_op(g, axis), None),
    view=True,
)
def reverse_op(xp, tensor, axis):
    """The input reversed along axes."""
    return xp.flip(tensor, _axes(axis, len(tensor.shape)))


@export("reverse", v1=("manip.reverse", "reverse_v2"))
def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """`tensor` reversed along the dimensions in `axis`.

    Args:
      tensor: a tensor.
      axis: an integer vector.

    Raises:
      InvalidArgumentError: if an axis is out of range or comes twice.

    >>> import reflow as tf
    >>> tf.reverse([[1, 2], [3, 4]], [1]).numpy().tolist()
    [[2, 1], [4, 3]]
    """
    return reverse_op(tensor, axis, name=name)


@op(
    "ReverseSequence(input: T, seq_lengths: Tlen, *, seq_dim: int, batch_dim: int = 0,"
    " Tlen: {int32,int64} = int64) -> output: T"
)
def reverse_sequence_op(xp, input, seq_lengths, *, seq_dim, batch_dim):
    """The first so many elements of each sequence reversed, the others as they are."""
    rank = len(input.shape)
    _check_sequence_dims(rank, seq_dim, batch_dim)
    steps = input.shape[seq_dim]
    if seq_lengths.shape != (input.shape[batch_dim],):
        raise ValueError(
            f"Length of seq_lengths != input.dims({batch_dim}), ({list(seq_lengths.shape)} vs. "
            f"{input.shape[batch_dim]})"
        )
    if xp.is_numpy and seq_lengths.size:
        if seq_lengths.min() < 0:
            i = int(np.argmin(seq_lengths))
            raise ValueError(f"seq_lens({i}) < 0")
        if seq_lengths.max() > steps:
            i = int(np.argmax(seq_lengths))
            raise ValueError(f"seq_lens({i}) > input.dims({seq_dim})")
    along = [1] * rank
    along[seq_dim] = steps
    step = np.arange(steps).reshape(along)
    across = [1] * rank
    across[batch_dim] = -1
    length = seq_lengths.reshape(across)
    index = xp.where(step < length, length - 1 - step, step)
    return xp.take_along_axis(input, index, seq_dim)


def _check_sequence_dims(rank: int, seq_dim: int, batch_dim: int) -> None:
    if batch_dim == seq_dim:
        raise ValueError(f"batch_dim == seq_dim == {seq_dim}")
    for label, at in (("seq_dim", seq_dim), ("batch_dim", batch_dim)):
        if not 0 <= at < rank:
            raise ValueError(f"{label} must be < input rank ( {at} vs. {rank})")


@reverse_sequence_op.shape_rule
def _reverse_sequence_shape(input, seq_lengths, *, seq_dim, batch_dim):
    dims = input._shape._dims
    lengths = seq_lengths.shape.with_rank(1).sizes
    if dims is None:
        return shapes.UNKNOWN
    _check_sequence_dims(len(dims), seq_dim, batch_dim)
    merged = shapes.of((dims[batch_dim],)).merge_with(shapes.of(lengths))
    return shapes.of((*dims[:batch_dim], *merged.sizes, *dims[batch_dim + 1 :]))


@reverse_sequence_op.gradient_rule
def _reverse_sequence_grad(g, seq_lengths, *, seq_dim, batch_dim):
    return reverse_sequence_op(g, seq_lengths, seq_dim=seq_dim, batch_dim=batch_dim), None


@export(v2=("reverse_sequence",))
def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
) -> Any:
    """Sequences reversed, each up to its own length.

    Args:
      input: a tensor.
      seq_lengths: an integer vector with one length per element along `batch_axis`.
      seq_axis: the dimension along which to reverse.
      batch_axis: the dimension of the sequences, 0 by default.

    Raises:
      InvalidArgumentError: if a length is larger than the dimension.

    >>> import reflow as tf
    >>> tf.reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3], seq_axis=1).numpy().tolist()
    [[2, 1, 3], [6, 5, 4]]
    """
    return reverse_sequence_op(
        input, seq_lengths, seq_dim=seq_axis, batch_dim=batch_axis, name=name
    )


@export(v1=("reverse_sequence",))
def reverse_sequence_v1(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Any:
    """TF 1's `tf.reverse_sequence`: `seq_dim` and `batch_dim` are old names of the axes."""
    seq_axis = renamed("seq_axis", seq_axis, "seq_dim", seq_dim)
    batch_axis = renamed("batch_axis", batch_axis, "batch_dim", batch_dim)
    return reverse_sequence(input, seq_lengths, seq_axis, batch_axis, name)


# Rotating -----------------------------------------------------------------------------------------


@op(
    "Roll(input: T, shift: Tshift, axis: Taxis, *, Tshift: {int32,int64}, Taxis: {int32,int64})"
    " -> output: T",
    shape=shape_rules.same,
    static=["axis"],
    grad=lambda g, shift, axis: (roll_op(g, REGISTRY["Neg"](shift), axis), None, None),
)
def roll_op(xp, input, shift, axis):
    """The input rotated along axes."""
    rank = len(input.shape)
    if not rank:
        raise ValueError("input must be 1-D or higher")
    if shift.shape != axis.shape:
        raise ValueError("shift and axis must have the same size")
    axes = axis.ravel().tolist()
    for each in axes:
        if not -rank <= each < rank:
            raise ValueError(f"axis {each} is out of range")
    return xp.roll(input, shift.reshape(-1), tuple(axes))


@export("roll", v1=("manip.roll",))
def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Any:
    """`input` rotated by `shift` along `axis`: what leaves at the end comes in at the beginning.

    Args:
      input: a tensor.
      shift: an integer, or a vector with one per axis.
      axis: an integer, or a vector of them; an axis may come twice.

    Raises:
      InvalidArgumentError: if an axis is out of range, or `shift` and `axis` differ in size.

    >>> import reflow as tf
    >>> tf.roll([1, 2, 3, 4], 1, 0).numpy().tolist()
    [4, 1, 2, 3]
    """
    return roll_op(input, shift, axis, name=name)
