"""The operators of `tf.Tensor`: importing this module attaches them.

Nodes are named as TensorFlow names them: `a + b` is `add`, `a / b` is `truediv`, `a < b` is `Less`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.context import executing_eagerly_outside_functions
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import bool as boolean
from reflow.lang.dtypes import int32, string
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import Tensor, use_equality
from reflow.ops import bitwise, compare, math
from reflow.ops.cast import cast_op
from reflow.ops.linalg import matmul

OPERATORS: dict[str, Callable[..., Any]] = {}  # method name -> function; variables have them too


def _own(other: Any) -> bool:
    """Whether an operand that fails to convert is ours to complain about, not its own class's."""
    return isinstance(other, _PLAIN) or getattr(type(other), "is_tensor_like", False)


_PLAIN = (Tensor, np.ndarray, np.generic, int, float, complex, str, bytes, list, tuple)


def _binary(name: str, function: Callable[..., Any]) -> None:
    """Attaches `__name__` and `__rname__`; `function(x, y, name)` makes the node `name`."""
    reflected = f"__r{name}__"

    def forward(self: Any, other: Any) -> Any:
        try:
            return function(self, other, name)
        except (TypeError, ValueError):
            if not _own(other) and hasattr(type(other), reflected):
                return NotImplemented
            raise

    def backward(self: Any, other: Any) -> Any:
        if type(other) in (list, tuple, np.ndarray) or isinstance(other, np.generic):
            other = convert_to_tensor(other, self.dtype.base_dtype, name="x")
        return function(other, self, name)

    OPERATORS[f"__{name}__"] = forward
    OPERATORS[reflected] = backward


def _add(x: Any, y: Any, name: str) -> Any:
    if isinstance(x, Tensor) and not isinstance(y, Tensor):
        return math.plus(x, y, name, x.dtype)
    return (math.add_v1 if y.dtype is string else math.add_v2)(x, y, name=name)


def _mul(x: Any, y: Any, name: str) -> Any:
    if (isinstance(x, Tensor) and x.dtype is boolean) or (
        isinstance(y, Tensor) and y.dtype is boolean
    ):
        with name_scope(name) as scope:
            if not hasattr(x, "dtype"):
                x = convert_to_tensor(x, boolean, name="x")
            product = math.mul(cast_op(x, DstT=int32), cast_op(y, DstT=int32), name=scope or None)
            return cast_op(product, DstT=boolean)
    return math.mul(x, y, name=name)


def _by_op(opdef: Any) -> Callable[..., Any]:
    return lambda x, y, name: opdef(x, y, name=name)


def _logical_or_bitwise(logical: Callable[..., Any], bits: Any) -> Callable[..., Any]:
    def function(x: Any, y: Any, name: str) -> Any:
        dtype = x.dtype if isinstance(x, Tensor) else y.dtype
        if dtype.is_bool:
            return logical(x, y, name=name)
        with name_scope(name):
            return bits(x, y)

    return function


def _logical_xor(x: Any, y: Any, name: str) -> Any:
    with name_scope(name) as scope:
        return compare.logical_xor(x, y, name=scope or None)


_binary("add", _add)
_binary("sub", _by_op(math.sub))
_binary("mul", _mul)
_binary("truediv", math.truediv)
_binary("div", math.div)
_binary("floordiv", math.floordiv)
_binary("mod", _by_op(math.floor_mod_op))
_binary("pow", _by_op(math.pow_op))
_binary("matmul", lambda x, y, name: matmul.matmul(x, y, name=name))
_binary("and", _logical_or_bitwise(compare.logical_and_op, bitwise.bitwise_and_op))
_binary("or", _logical_or_bitwise(compare.logical_or_op, bitwise.bitwise_or_op))
_binary("xor", _logical_or_bitwise(_logical_xor, bitwise.bitwise_xor_op))


OPERATORS["__lt__"] = lambda self, other: compare.less_op(self, other)
OPERATORS["__le__"] = lambda self, other: compare.less_equal_op(self, other)
OPERATORS["__gt__"] = lambda self, other: compare.greater_op(self, other)
OPERATORS["__ge__"] = lambda self, other: compare.greater_equal_op(self, other)
OPERATORS["__neg__"] = lambda self: math.neg(self)
OPERATORS["__abs__"] = lambda self: math.abs(self)


def _invert(self: Any) -> Any:
    return (compare.logical_not_op if self.dtype.is_bool else bitwise.invert_op)(self)


def _compares_elements(tensor: Any) -> bool:
    """Whether == on this tensor compares elements (TF 2), or asks for identity (TF 1 graphs)."""
    if not use_equality[0] or not executing_eagerly_outside_functions():
        return False
    graph = getattr(tensor, "graph", None)
    return graph is None or graph.building_function


def _equal(self: Any, other: Any) -> Any:
    if other is None:
        return False
    if _compares_elements(self):
        return compare.equal_op(self, other, incompatible_shape_error=False)
    return self is other


def _not_equal(self: Any, other: Any) -> Any:
    if other is None:
        return True
    if _compares_elements(self):
        return compare.not_equal_op(self, other, incompatible_shape_error=False)
    return self is not other


def _round(self: Any, digits: int | None = None) -> Any:
    if digits:
        raise errors.UnimplementedError(None, None, "round() of a tensor to a number of digits")
    return math.round(self)


def _getitem(self: Any, key: Any) -> Any:
    from reflow.ops import slicing

    return slicing.getitem(self, key)


OPERATORS["__invert__"] = _invert
OPERATORS["__eq__"] = _equal
OPERATORS["__ne__"] = _not_equal
OPERATORS["__round__"] = _round
OPERATORS["__getitem__"] = _getitem

for _name, _function in OPERATORS.items():
    _function.__name__ = _name
    setattr(Tensor, _name, _function)
