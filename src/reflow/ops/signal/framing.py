"""Signals as overlapping frames, and back."""

from __future__ import annotations

import math
from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import static_int
from reflow.ops.array import rank as rank_of
from reflow.ops.array import reshape, transpose
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.joining import concat
from reflow.ops.math import maximum
from reflow.ops.padding import pad
from reflow.ops.reduce import reduce_prod, reduce_sum
from reflow.ops.repeating import tile


def scalar_of(value: Any, name: str) -> Any:
    """A scalar integer: a Python integer where its value is known, else an int32 tensor.

    Raises:
      ValueError: if it is no scalar, or no integer.
    """
    if isinstance(value, int):
        return value
    tensor = convert_to_tensor(value, name=name)
    tensor.shape.assert_has_rank(0)
    if not tensor.dtype.is_integer:
        raise ValueError(f"{name} must be an integer. Got {tensor.dtype.name}")
    known = static_int(tensor)
    return cast(tensor, int32) if known is None else known


def _at_least(least: int, value: Any) -> Any:
    return max(least, value) if isinstance(value, int) else maximum(least, value)


def _around(x: Any, axis: Any, width: int) -> tuple[Any, Any, list[Any], Any, Any]:
    """What is before, at and after the `width` dimensions from `axis` on.

    Returns:
      the sizes before and after, as vectors; those between, and the products of the vectors: Python
      integers where they are known.
    """
    sizes = x.shape.as_list() if x.shape.rank is not None else None
    if sizes is not None and None not in sizes and isinstance(axis, int):
        axis %= len(sizes)
        before, after = sizes[:axis], sizes[axis + width :]
        between = sizes[axis : axis + width]
        return before, after, between, math.prod(before), math.prod(after)
    whole = shape_of(x)
    if not isinstance(axis, int) or axis < 0:
        axis = axis % (rank_of(x) if sizes is None else len(sizes))
    before, after = whole[:axis], whole[axis + width :]
    between = []
    for i in range(width):
        size = whole[axis + i]
        known = static_int(size)
        between.append(size if known is None else known)
    return before, after, between, reduce_prod(before), reduce_prod(after)


def _shape(*parts: Any) -> Any:
    """Vectors of sizes as one: a list where they are lists."""
    if all(isinstance(part, list) for part in parts):
        return [size for part in parts for size in part]
    return concat([convert_to_tensor(part, int32) for part in parts], 0)


@export("signal.frame")
def frame(
    signal: Any,
    frame_length: Any,
    frame_step: Any,
    pad_end: bool = False,
    pad_value: Any = 0,
    axis: Any = -1,
    name: str | None = None,
) -> Any:
    """Cuts a dimension of a signal into frames, which may overlap.

    Args:
      signal: of shape `[..., samples, ...]`.
      frame_length: how many samples a frame has, a scalar integer.
      frame_step: how many samples one frame begins after the other, a scalar integer.
      pad_end: whether there are frames that reach beyond the end, where `pad_value` stands.
      pad_value: a scalar.
      axis: the dimension, a scalar integer.
      name: a name scope.

    Returns:
      Of shape `[..., frames, frame_length, ...]`, with `1 + (samples - frame_length) // frame_step`
      frames; with `pad_end` as many as there are steps in the samples, rounded up.

    Raises:
      ValueError: if `frame_length`, `frame_step`, `pad_value` or `axis` is no scalar.

    >>> import reflow as tf
    >>> print(tf.signal.frame([1, 2, 3, 4, 5], frame_length=3, frame_step=2).numpy())
    [[1 2 3]
     [3 4 5]]
    """
    with name_scope(name, "frame"):
        signal = convert_to_tensor(signal, name="signal")
        signal.shape.with_rank_at_least(1)
        length, step = scalar_of(frame_length, "frame_length"), scalar_of(frame_step, "frame_step")
        before, after, (samples,), outer, inner = _around(signal, scalar_of(axis, "axis"), 1)
        if pad_end:
            count = -(-samples // step)
        else:
            count = _at_least(0, 1 + (samples - length) // step)
        # A frame is a run of steps; the frame after it is the run that begins one step later.
        steps = -(-length // step)
        needed = _at_least(0, count + steps - 1)
        fill = convert_to_tensor(pad_value, signal.dtype.base_dtype, name="pad_value")
        fill.shape.assert_has_rank(0)
        missing = _at_least(0, needed * step - samples)
        x = reshape(signal, [outer, samples, inner])
        x = pad(x, [[0, 0], [0, missing], [0, 0]], constant_values=fill)[:, : needed * step]
        x = reshape(x, [outer, needed, step * inner])
        # Repeated, and written in lines that are one step longer, line s begins at step s.
        x = pad(tile(x, [1, steps, 1]), [[0, 0], [0, steps], [0, 0]])
        x = reshape(x, [outer, steps, needed + 1, step * inner])[:, :, :count]
        x = reshape(transpose(x, [0, 2, 1, 3]), [outer, count, steps * step, inner])[:, :, :length]
        return reshape(x, _shape(before, [count, length], after))


@export("signal.overlap_and_add")
def overlap_and_add(signal: Any, frame_step: Any, name: str | None = None) -> Any:
    """Adds up overlapping frames where they lie: the reverse of `tf.signal.frame`.

    Args:
      signal: of shape `[..., frames, frame_length]`.
      frame_step: how many samples one frame begins after the other, a scalar integer that is not
        larger than `frame_length`.
      name: a name scope.

    Returns:
      Of shape `[..., (frames - 1) * frame_step + frame_length]`.

    Raises:
      ValueError: if the rank is below 2, or `frame_step` is no scalar integer.

    >>> import reflow as tf
    >>> print(tf.signal.overlap_and_add([[1, 1, 1], [2, 2, 2]], frame_step=2).numpy())
    [1 1 3 2 2]
    """
    with name_scope(name, "overlap_and_add"):
        signal = convert_to_tensor(signal, name="signal")
        signal.shape.with_rank_at_least(2)
        step = scalar_of(frame_step, "frame_step")
        before, _, (count, length), outer, _ = _around(signal, -2, 2)
        size = length + step * (count - 1)
        steps = -(-length // step)
        x = reshape(signal, [outer, count, length])
        x = pad(x, [[0, 0], [0, 0], [0, steps * step - length]])
        x = transpose(reshape(x, [outer, count, steps, step]), [0, 2, 1, 3])
        # Line s holds step s of all frames; written in lines that are one step shorter it begins at s.
        x = reshape(pad(x, [[0, 0], [0, 0], [0, steps], [0, 0]]), [outer, -1, step])
        x = x[:, : steps * (count + steps - 1)]
        x = reduce_sum(reshape(x, [outer, steps, count + steps - 1, step]), 1)
        x = reshape(x, [outer, (count + steps - 1) * step])[:, :size]
        return reshape(x, _shape(before, [size]))
