"""What is known of a tensor's value while a graph is built: folding, fully and in part.

For inference within; what programs are told is in `lang/program_value.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import arg_length, group_inputs
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import SymbolicTensor

_LIMIT = 1 << 14  # elements: larger values are not folded while building
_PARTIAL_LIMIT = 64  # elements: larger values are known fully or not at all


def constant_value(tensor: Any, partial: bool = False) -> Any:
    """The value of `tensor` where it follows from constants and static shapes; else None.

    Args:
      tensor: any tensor.
      partial: whether to give an integer vector or matrix that is known in part as an array of
        objects, with None for what is not known.

    >>> import reflow as tf
    >>> from reflow.lang.static_value import constant_value
    >>> with tf.Graph().as_default():
    ...     print(constant_value(tf.constant(2) * 3))
    6
    """
    if not isinstance(tensor, SymbolicTensor):
        return tensor.numpy() if hasattr(tensor, "numpy") else None
    op = tensor.op
    if op.opdef.name == "Const":
        return op.attrs["value"]
    if tensor._known_value is not None:
        return tensor._known_value
    known = _fold(tensor, 0, {})
    if known is None or not _has_gaps(known, tensor):
        return known
    if not partial or known.ndim == 0:
        return None
    flat = np.empty(known.size, object)
    flat[:] = [None if d != d else tensor.dtype.np.type(d) for d in known.ravel().tolist()]
    return flat.reshape(known.shape)


def partial_value(tensor: Any) -> np.ndarray | None:
    """Like `constant_value`, but integers known in part are a float64 array with NaN for the rest."""
    if not isinstance(tensor, SymbolicTensor):
        return np.asarray(tensor.numpy()) if hasattr(tensor, "numpy") else None
    return _fold(tensor, 0, {})


def partial_elements(vector: Any) -> list[int | None] | None:
    """The elements of an integer vector, with None where one is not known; None if not even how many.

    Raises:
      ValueError: if it is known to be no vector.
    """
    dims = vector.shape.sizes
    if dims is not None and len(dims) != 1:
        raise ValueError(f"Shape must be rank 1 but is rank {len(dims)}")
    if isinstance(vector, SymbolicTensor):
        op = vector.op
        name = op.opdef.name
        if name == "Const":
            return op.attrs["value"].tolist()
        if vector._known_value is not None:
            return vector._known_value.tolist()
        if name == "Pack":  # of scalars: one after the other, without arrays
            memo: dict[int, Any] = {}
            return [_element(each, memo) for each in op.inputs]
    value = partial_value(vector)
    if value is None:
        return [None] * dims[0] if dims is not None and dims[0] is not None else None
    if value.dtype.kind != "f":
        return value.tolist()
    return [None if d != d else int(d) for d in value.tolist()]


def _element(scalar: SymbolicTensor, memo: dict[int, Any]) -> int | None:
    value = _fold(scalar, 1, memo)
    return None if value is None or value != value else int(value)


def constant_value_as_shape(tensor: Any) -> TensorShape:
    """The shape that a vector of dimensions stands for, with None where one is not known (or -1)."""
    known = partial_elements(tensor)
    if known is None:
        return shapes.UNKNOWN
    return shapes.of(tuple([None if d is None or d < 0 else d for d in known]))


def static_int(tensor: Any) -> int | None:
    """A scalar integer where it is known; else None.

    Raises:
      ValueError: if it is known to be no scalar.
    """
    rank = tensor.shape.rank
    if rank:
        raise ValueError(f"Shape must be rank 0 but is rank {rank}")
    known = constant_value(tensor)
    return None if known is None else int(known)


def _has_gaps(value: np.ndarray, tensor: Any) -> bool:
    return value.dtype == np.float64 and tensor.dtype.is_integer


def _fold(tensor: SymbolicTensor, depth: int, memo: dict[int, Any]) -> np.ndarray | None:
    """The value; for an integer tensor known in part, in float64 with NaN for what is not known."""
    op = tensor.op
    if op.opdef.name == "Const":
        return op.attrs["value"]
    if tensor._known_value is not None:
        return tensor._known_value
    if depth > 60 or not op.opdef.partial or op.opdef.context:
        return None
    key = id(tensor)
    if key not in memo:
        memo[key] = _compute(tensor, depth, memo)
    return memo[key]


def _compute(tensor: SymbolicTensor, depth: int, memo: dict[int, Any]) -> np.ndarray | None:
    op = tensor.op
    opdef, partial = op.opdef, op.opdef.partial
    if callable(partial):
        result = partial(op)
    else:
        size = tensor.shape.num_elements()
        if size is not None and size > _LIMIT:
            return None
        values: list[Any] = []
        unknown = False
        for i, each in enumerate(op.inputs):
            value = _fold(each, depth + 1, memo)
            if value is None:
                if each._shape._dims == () == tensor._shape._dims:
                    return None  # a scalar that follows from one that is not known
                value = _nothing_known(each)
                if value is None:
                    return None
            if _has_gaps(value, each):
                if partial == "whole" or type(partial) is tuple and _arg(op, i) not in partial:
                    return None
                unknown = True
            values.append(value)
        if unknown and not tensor.dtype.is_integer:
            return None  # NaN would count as a truth value
        grouped = group_inputs(opdef, values, op.attrs)
        try:
            with np.errstate(all="ignore"):
                result = opdef.lower(numpy_namespace, *grouped, **opdef.lower_attrs(op.attrs))
        except (
            ValueError,
            TypeError,
            IndexError,
            OverflowError,
            ZeroDivisionError,
            errors.OpError,
        ):
            return None  # the shape rule or the run says what is wrong, with the node's name
    if isinstance(result, (tuple, list)):
        flat: list[Any] = []
        for each in result if isinstance(result, tuple) else (result,):
            flat.extend(each if isinstance(each, list) else (each,))
        result = flat[tensor.value_index]
    if result is None:
        return None
    result = np.asarray(result)
    if result.dtype == tensor.dtype.np:
        return result
    if result.dtype == np.float64 and tensor.dtype.is_integer:
        gaps = np.isnan(result)
        if gaps.any():
            whole = bool((gaps | (np.floor(result) == result)).all())
            return result if whole and result.size <= _PARTIAL_LIMIT else None
    return result.astype(tensor.dtype.np)


def _nothing_known(tensor: SymbolicTensor) -> np.ndarray | None:
    """A small integer tensor of known shape with every element unknown."""
    size = tensor.shape.num_elements() if tensor.dtype.is_integer else None
    if size is None or size > _PARTIAL_LIMIT:
        return None
    sizes: Any = tensor.shape.sizes
    return np.full(sizes, np.nan)


def _arg(op: Any, index: int) -> str:
    """The name of the argument that the flat input `index` belongs to."""
    for arg in op.opdef.inputs:
        index -= arg_length(arg, op.attrs)
        if index < 0:
            return arg.name
    raise IndexError(index)
