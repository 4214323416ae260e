"""XLA's own ops: `tensorflow.compiler.tf2xla.python.xla`, as far as Keras uses it."""

from __future__ import annotations

from typing import Any

from reflow.lang.shapes import TensorShape
from reflow.lang.static_value import constant_value
from reflow.ops import shape_rules
from reflow.ops.define import op


@op(
    "XlaDynamicUpdateSlice(input: T, update: T, indices: Tindices, *, T: type,"
    " Tindices: {int32,int64}) -> output: T",
    shape=shape_rules.same,
    grad=None,
)
def xla_dynamic_update_slice(xp, input, update, indices):
    """`input` with `update` in it, which begins at `indices`, or as near to them as it fits."""
    if not xp.is_numpy:
        return xp.lax.dynamic_update_slice(input, update, tuple(indices))
    result = input.copy()
    result[_window(input.shape, indices, update.shape)] = update
    return result


@op(
    "XlaDynamicSlice(input: T, start_indices: Tindices, size_indices: Tindices, *, T: type,"
    " Tindices: {int32,int64}) -> output: T",
    static=["size_indices"],
    grad=None,
)
def xla_dynamic_slice(xp, input, start_indices, size_indices):
    """The part of `input` of the size `size_indices` that begins at `start_indices`, or as near as
    it fits."""
    sizes = [int(size) for size in size_indices]
    if not xp.is_numpy:
        return xp.lax.dynamic_slice(input, tuple(start_indices), sizes)
    return input[_window(input.shape, start_indices, sizes)]


@xla_dynamic_slice.shape_rule
def _dynamic_slice_shape(input: Any, start_indices: Any, size_indices: Any) -> TensorShape:
    sizes = constant_value(size_indices)
    if sizes is not None:
        return TensorShape([int(size) for size in sizes])
    return TensorShape([None] * input.shape.rank) if input.shape.rank is not None else input.shape


def _window(shape: Any, begin: Any, sizes: Any) -> tuple[slice, ...]:
    starts = [max(0, min(int(b), n - s)) for b, n, s in zip(begin, shape, sizes)]
    return tuple(slice(b, b + s) for b, s in zip(starts, sizes))


def dynamic_update_slice(x: Any, updates: Any, start_indices: Any, name: str | None = None) -> Any:
    """`x` with `updates` written into it at `start_indices`.

    Args:
      x: a tensor.
      updates: a tensor of the same dtype and rank, nowhere larger than `x`.
      start_indices: where it begins, an integer for each dimension.

    >>> from reflow.ops.xla import dynamic_update_slice
    >>> print(dynamic_update_slice([1, 2, 3, 4], [9, 9], [1]).numpy())
    [1 9 9 4]
    """
    return xla_dynamic_update_slice(x, updates, start_indices, name=name)


def dynamic_slice(x: Any, start_indices: Any, size_indices: Any, name: str | None = None) -> Any:
    """The part of `x` of the size `size_indices` that begins at `start_indices`."""
    return xla_dynamic_slice(x, start_indices, size_indices, name=name)
