"""The vocabulary of shape rules: from symbolic inputs to static shapes.

A rule takes the inputs (a list where the argument is a list) and, by keyword, the attributes that it
names. It returns a shape, or a list of one per output; a shape is a `TensorShape` or a tuple of sizes.
"""

from __future__ import annotations

from typing import Any

from reflow.lang import shapes
from reflow.lang.shapes import SCALAR, UNKNOWN, TensorShape
from reflow.lang.static_value import constant_value, constant_value_as_shape

__all__ = [
    "broadcasting",
    "constant_value",
    "constant_value_as_shape",
    "given",
    "merge",
    "none",
    "normal_axis",
    "reduced",
    "same",
    "same_as",
    "scalar",
    "unknown",
    "value_as_shape",
]


def same(x: Any, *rest: Any) -> TensorShape:
    """Like the first input."""
    return x._shape


def same_as(index: int) -> Any:
    """Like the input at `index`."""
    return lambda *inputs: inputs[index]._shape


def scalar(*inputs: Any) -> TensorShape:
    return SCALAR


def unknown(*inputs: Any) -> TensorShape:
    return UNKNOWN


def none(*inputs: Any) -> list:
    """No outputs."""
    return []


def given(*inputs: Any, shape: TensorShape) -> TensorShape:
    """What the attribute `shape` says."""
    return shape


def broadcasting(*inputs: Any) -> TensorShape:
    """NumPy's broadcasting of all inputs.

    Raises:
      ValueError: if they do not broadcast together.
    """
    result = inputs[0]._shape
    for each in inputs[1:]:
        if each._shape._dims != result._dims:
            result = shapes.broadcast(result, each._shape)
    return result


def merge(*inputs: Any) -> TensorShape:
    """All inputs have the same shape."""
    result = inputs[0]._shape
    for each in inputs[1:]:
        result = result.merge_with(each._shape)
    return result


def value_as_shape(index: int) -> Any:
    """The value of the input at `index` is the shape."""
    return lambda *inputs: constant_value_as_shape(inputs[index])


def normal_axis(axis: int, rank: int) -> int:
    """`axis` counted from the front.

    Raises:
      ValueError: if there is no such dimension.
    """
    if not -rank <= axis < max(rank, 1):
        raise ValueError(f"axis {axis} is out of range for a tensor of rank {rank}")
    return axis % rank if rank else 0


def reduced(input: Any, reduction_indices: Any, *, keep_dims: bool) -> TensorShape:
    """`input` without the dimensions `reduction_indices`, or with ones in their place."""
    sizes = input._shape._dims
    axes = constant_value(reduction_indices)
    if sizes is None:
        return UNKNOWN
    if axes is None:
        return UNKNOWN if not keep_dims else shapes.unknown_shape(len(sizes))
    gone = {normal_axis(int(a), len(sizes)) for a in axes.ravel()}
    if keep_dims:
        return shapes.of(tuple(1 if i in gone else d for i, d in enumerate(sizes)))
    return shapes.of(tuple(d for i, d in enumerate(sizes) if i not in gone))
