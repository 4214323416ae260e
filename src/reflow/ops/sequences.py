"""Sequences of numbers: ranges and evenly spaced values."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, bfloat16, float16, float32, float64, int32, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.ops.cast import cast
from reflow.ops.define import op


def _range_size(start: Any, limit: Any, delta: Any) -> int:
    """How many values a range has.

    Raises:
      ValueError: if the step is zero or leads away from the limit.
    """
    exact = [np.asarray(v) for v in (start, limit, delta)]
    start, limit, delta = (v.item() for v in exact)
    if delta == 0:
        raise ValueError("Requires delta != 0: 0")
    if delta > 0 and start > limit:
        raise ValueError(f"Requires start <= limit when delta > 0: {start}/{limit}")
    if delta < 0 and start < limit:
        raise ValueError(f"Requires start >= limit when delta < 0: {start}/{limit}")
    if isinstance(start, int) and isinstance(limit, int) and isinstance(delta, int):
        return -(-abs(limit - start) // abs(delta))
    with np.errstate(all="ignore"):  # in the dtype itself: 10 steps of 0.1 from 0.1 to 1.1
        return int(np.ceil(abs(float((exact[1] - exact[0]) / exact[2]))))


def _range_shape(start, limit, delta):
    for each in (start, limit, delta):
        if each._shape._dims:
            raise ValueError(f"Shape must be rank 0 but is rank {len(each._shape._dims)}")
    values = [constant_value(each) for each in (start, limit, delta)]
    if any(value is None for value in values):
        return shapes.of((None,))
    return shapes.of((_range_size(*values),))


@op(
    "Range(start: Tidx, limit: Tidx, delta: Tidx, *,"
    " Tidx: {bfloat16,half,float,double,int8,int16,int32,int64,uint16,uint32,uint64} = int32)"
    " -> output: Tidx",
    shape=_range_shape,
    static=["start", "limit", "delta"],
    grad=None,
    partial="whole",
)
def range_op(xp, start, limit, delta):
    """start, start + delta, ... up to, without, limit."""
    size = _range_size(start, limit, delta)
    start, delta = np.asarray(start), np.asarray(delta)
    wide = np.float32 if start.dtype.itemsize == 2 and start.dtype.kind in "fV" else start.dtype
    steps = np.arange(size).astype(wide)
    return xp.asarray((start.astype(wide) + steps * delta.astype(wide)).astype(start.dtype))


def _linspace_shape(start, stop, num):
    count = constant_value(num)
    return shapes.of((None if count is None else int(count),))


@op(
    "LinSpace(start: T, stop: T, num: Tidx, *, T: FLOAT, Tidx: INDEX = int32) -> output: T",
    shape=_linspace_shape,
    static=["num"],
    grad=None,
)
def linspace_op(xp, start, stop, num):
    """`num` evenly spaced values from start to stop, both included."""
    count = int(np.asarray(num))
    if count <= 0:
        raise errors.InvalidArgumentError(None, None, f"Requires num > 0: {count}")
    dtype = start.dtype
    if count == 1:
        return xp.reshape(start, (1,))
    wide = np.float32 if dtype.itemsize == 2 else dtype
    first, last = start.astype(wide), stop.astype(wide)
    step = (last - first) / np.asarray(count - 1, wide)
    values = (first + np.arange(count).astype(wide) * step).astype(dtype)
    return xp.concatenate([values[:-1], xp.reshape(stop, (1,))])


_HIERARCHY = (int32, int64, float16, bfloat16, float32, float64)


@export("range")
def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = "range"
) -> Any:
    """start, start + delta, ... up to, without, limit; from 0 if only one number is given.

    Args:
      start, limit, delta: scalars, numbers or tensors.
      dtype: the dtype of the result; by default the widest of the arguments.

    Raises:
      InvalidArgumentError: if `delta` is zero or leads away from the limit.

    >>> import reflow as tf
    >>> print(tf.range(3, 18, 3).numpy())
    [ 3  6  9 12 15]
    """
    if limit is None:
        start, limit = 0, start
    dtype = None if dtype is None else as_dtype(dtype).base_dtype
    with name_scope(name, "Range") as scope:
        given = {"start": start, "limit": limit, "delta": delta}
        values = [
            value
            if hasattr(value, "graph")
            else convert_to_tensor(value, _wanted(value, dtype), label)
            for label, value in given.items()
        ]
        if dtype is None:
            kinds = [value.dtype.base_dtype for value in values]
            if kinds[0] is kinds[1] is kinds[2]:
                dtype = kinds[0]
            elif all(kind in _HIERARCHY for kind in kinds):
                dtype = max(kinds, key=_HIERARCHY.index)
            else:
                raise TypeError(
                    f"{errors.user_site()}: tf.range does not mix the dtypes "
                    f"{', '.join(kind.name for kind in kinds)}. Convert them with tf.cast."
                )
        return range_op(*(cast(value, dtype) for value in values), name=scope or None)


def _wanted(value: Any, dtype: Any) -> Any:
    """The dtype to convert `value` to: what is a tensor already is cast afterwards."""
    return None if hasattr(value, "dtype") else dtype


@export(v1=("lin_space", "linspace"), v2=("linspace",))
def linspace_nd(start: Any, stop: Any, num: Any, name: str | None = None, axis: Any = 0) -> Any:
    """Evenly spaced values from start to stop, both included.

    Args:
      start, stop: floating-point tensors of one dtype, whose shapes broadcast.
      num: how many values, an integer.
      axis: the dimension of the result along which they lie.

    Raises:
      InvalidArgumentError: if `num` is negative.

    >>> import reflow as tf
    >>> print(tf.linspace(0.0, 1.0, 5).numpy())
    [0.   0.25 0.5  0.75 1.  ]
    """
    with name_scope(name, "linspace"):
        start = convert_to_tensor(start, name="start")
        stop = convert_to_tensor(stop, start.dtype.base_dtype, name="stop")
        count = convert_to_tensor(num, name="num")
        if not count.dtype.is_integer:
            raise TypeError(f"`num` must be an integer, got {count.dtype.name}")
        shape = _common_shape(start, stop)
        broadcast, expand = REGISTRY["BroadcastTo"], REGISTRY["ExpandDims"]
        if isinstance(shape, list) and isinstance(axis, int):
            rank = len(shape) + 1
            if not -rank <= axis < rank:
                raise errors.InvalidArgumentError(None, None, f"axis {axis} of rank {rank}")
            axis %= rank
            along: Any = [-1 if i == axis else 1 for i in builtins.range(rank)]
        else:
            rank = REGISTRY["Size"](convert_to_tensor(shape)) + 1
            axis = convert_to_tensor(axis, int32)
            axis = REGISTRY["SelectV2"](axis >= 0, axis, axis + rank)
            chosen = REGISTRY["Equal"](range_op(0, rank, 1), axis)
            along = REGISTRY["SelectV2"](chosen, convert_to_tensor(-1), convert_to_tensor(1))
        first = expand(broadcast(start, shape), axis)
        last = expand(broadcast(stop, shape), axis)
        one = convert_to_tensor(1, count.dtype)
        steps = REGISTRY["Maximum"](count - one, one)
        delta = (last - first) / cast(steps, first.dtype)
        first, last = cast(first, delta.dtype), cast(last, delta.dtype)  # integers give floats
        places = cast(range_op(one, steps, one), delta.dtype)
        between = first + delta * REGISTRY["Reshape"](places, along)
        joined = REGISTRY["ConcatV2"]([first, between, last], axis)
        # A single value is the first one, and none is nothing: the end is cut off.
        return _first_along(joined, count, axis, rank)


def _common_shape(start: Any, stop: Any) -> Any:
    """The broadcast shape: a list where it is known."""
    known = shapes.broadcast(start.shape, stop.shape)
    if known.is_fully_defined():
        return known.as_list()
    return REGISTRY["BroadcastArgs"](REGISTRY["Shape"](start), REGISTRY["Shape"](stop))


def _first_along(x: Any, count: Any, axis: Any, rank: Any) -> Any:
    """The first `count` elements along `axis`."""
    known = constant_value(count)
    if isinstance(axis, int) and known is not None:
        if known < 0:
            raise errors.InvalidArgumentError(None, None, f"Requires num >= 0: {int(known)}")
        return x[(slice(None),) * axis + (slice(0, int(known)),)]
    shape = REGISTRY["Shape"](x)
    chosen = REGISTRY["Equal"](range_op(0, rank, 1), axis)
    size = REGISTRY["SelectV2"](chosen, cast(count, int32), shape)
    return REGISTRY["Slice"](x, REGISTRY["ZerosLike"](shape), size)
