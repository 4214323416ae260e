"""What is known of a tensor's value while a graph is built: folding, fully and in part."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import group_inputs
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import SymbolicTensor

_LIMIT = 1 << 14  # elements: larger values are not folded while building


def constant_value(tensor: Any, partial: bool = False) -> np.ndarray | None:
    """The value of `tensor` where it follows from constants and static shapes; else None.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.get_static_value(tf.constant(2) * 3))
    6
    """
    if not isinstance(tensor, SymbolicTensor):
        if hasattr(tensor, "numpy"):
            return tensor.numpy()
        return None
    known = _fold(tensor, 0)
    if known is None or (known.dtype == np.float64 and tensor.dtype.np != np.float64):
        return None
    return known


def constant_value_as_shape(tensor: Any) -> TensorShape:
    """The shape that a vector of dimensions stands for, with None where one is not known (or -1)."""
    if not isinstance(tensor, SymbolicTensor):
        return shapes.TensorShape([None if d == -1 else int(d) for d in np.asarray(tensor)])
    known = _fold(tensor, 0)
    if known is None:
        if tensor.shape.rank == 1 and tensor.shape.sizes[0] is not None:
            return shapes.unknown_shape(tensor.shape.sizes[0])
        return shapes.UNKNOWN
    sizes = tuple(None if d != d or d < 0 else int(d) for d in known.tolist())
    return shapes.of(sizes)


def static_int(tensor: Any) -> int | None:
    """A scalar integer where it is known; else None."""
    known = constant_value(tensor)
    return None if known is None else int(known)


def _fold(tensor: SymbolicTensor, depth: int) -> np.ndarray | None:
    """The value, in float64 with NaN for what is unknown when it is known only in part."""
    op = tensor.op
    opdef = op.opdef
    if opdef.name == "Const":
        return op.attrs["value"]
    if depth > 60 or opdef.stateful or not opdef.partial:
        return None
    if callable(opdef.partial):
        return opdef.partial(op)
    size = tensor.shape.num_elements()
    if size is not None and size > _LIMIT:
        return None
    values: list[Any] = []
    unknown = False
    for each in op.inputs:
        value = _fold(each, depth + 1)
        if value is None:
            if each.shape.rank != 0:
                return None
            value = np.array(np.nan)
        unknown = unknown or (value.dtype == np.float64 and bool(np.isnan(value).any()))
        values.append(value)
    if unknown and opdef.partial == "whole":
        return None
    attrs = opdef.lower_attrs(op.attrs)
    try:
        with np.errstate(all="ignore"):
            result = opdef.lower(numpy_namespace, *group_inputs(opdef, values, op.attrs), **attrs)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None  # the shape rule or the run says what is wrong, with the node's name
    if isinstance(result, tuple):
        result = result[tensor.value_index]
    result = np.asarray(result)
    if not unknown and result.dtype != tensor.dtype.np:
        result = result.astype(tensor.dtype.np)
    return result
