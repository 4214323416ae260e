"""What programs are told of a tensor's value while a graph is built: what TensorFlow tells, no more.

Inference of shapes knows more (`lang/static_value.py`). A program that asks for a value acts on whether
there is one, so that one which TensorFlow does not know would send it where it never went before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import static_value
from reflow.lang.tensor import SymbolicTensor, Tensor
from reflow.lang.type_spec import is_tensor_or_composite


def constant_value(tensor: Any, partial: bool = False) -> Any:
    """The value of `tensor` where TensorFlow finds it without a run: of constants, shapes, and what is joined of them.

    A tensor whose value was given can no longer be fed.

    Args:
      tensor: any tensor; what is none comes back as it is.
      partial: whether to give a vector that is known in part as an array of objects, with None for
        what is not known.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.get_static_value(tf.stack([2, 3])), tf.get_static_value(tf.constant(2) * 3))
    [2 3] None
    """
    if not isinstance(tensor, SymbolicTensor):
        if isinstance(tensor, Tensor):
            return tensor.numpy() if hasattr(tensor, "numpy") else None
        return None if is_tensor_or_composite(tensor) else tensor
    value = _value(tensor, partial)
    if value is not None:
        tensor.graph.prevent_feeding(tensor)
    return value


def _value(tensor: SymbolicTensor, partial: bool = False) -> Any:
    if tensor._known_value is not None:
        return tensor._known_value
    rule = _RULES.get(tensor.op.type)
    return None if rule is None else rule(tensor, partial)


# Rules, by op ---------------------------------------------------------------------------------------


def _computed(tensor: SymbolicTensor, partial: bool) -> Any:
    """Of inputs that are known all: as the op says."""
    if any(_value(each) is None for each in tensor.op.inputs):
        return None
    return static_value.constant_value(tensor)


def _of_shape(tensor: SymbolicTensor, partial: bool) -> Any:
    return static_value.constant_value(tensor)


def _same(tensor: SymbolicTensor, partial: bool) -> Any:
    return constant_value(tensor.op.inputs[0], partial)


def _packed(tensor: SymbolicTensor, partial: bool) -> Any:
    op = tensor.op
    if op.attrs["axis"] != 0:
        return None
    values = [_value(each, partial) for each in op.inputs]
    known = [value for value in values if value is not None]
    if len(known) == len(values):
        return np.stack([np.asarray(value) for value in known])
    if not partial:
        return None
    packed = np.empty(len(values), object)
    packed[:] = values
    return packed


def _unpacked(tensor: SymbolicTensor, partial: bool) -> Any:
    value = _value(tensor.op.inputs[0], partial) if tensor.op.attrs["axis"] == 0 else None
    return None if value is None else value[tensor.value_index]


def _split(tensor: SymbolicTensor, partial: bool) -> Any:
    axis, value = _value(tensor.op.inputs[0]), _value(tensor.op.inputs[1], partial)
    if axis is None or value is None:
        return None
    return np.split(value, tensor.op.attrs["num_split"], int(axis))[tensor.value_index]


def _filled(tensor: SymbolicTensor, partial: bool) -> Any:
    value = _value(tensor.op.inputs[1])
    if value is None or not tensor.shape.is_fully_defined():
        return None
    return np.full(tensor.shape.as_list(), value, value.dtype)


_RULES: dict[str, Callable[[SymbolicTensor, bool], Any]] = {
    "Const": _of_shape,
    **dict.fromkeys(["Shape", "Size", "Rank"], _of_shape),
    **dict.fromkeys(["Range", "Cast", "Concat", "ConcatV2", "Equal", "NotEqual"], _computed),
    **dict.fromkeys(["Identity", "StopGradient", "CheckNumericsV2", "DebugIdentityV2"], _same),
    "Pack": _packed,
    "Unpack": _unpacked,
    "Split": _split,
    "Fill": _filled,
}
