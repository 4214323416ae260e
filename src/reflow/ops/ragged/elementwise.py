"""Element-wise functions and operators of ragged tensors."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

from reflow.lang import errors
from reflow.lang.api_dispatch import add_handler
from reflow.lang.context import executing_eagerly_outside_functions
from reflow.lang.convert import convert_to_tensor
from reflow.lang.elementwise_names import ASSERTIONS, BINARY, UNARY
from reflow.lang.tensor import is_tensor, use_equality
from reflow.ops.ragged.broadcast import broadcast
from reflow.ops.ragged.functional import with_partitions
from reflow.ops.ragged.ragged_tensor import (
    RaggedTensor,
    convert_to_tensor_or_ragged,
    is_ragged,
)
from reflow.ops.ragged.value import RaggedTensorValue

TYPES = (RaggedTensor, RaggedTensorValue)


def unary(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """`function` of the flat values of its first argument."""
    first, rest = _first(function, 1, args, kwargs)
    if not is_ragged(first[0]):
        return NotImplemented
    rt = convert_to_tensor_or_ragged(first[0])
    return rt.with_flat_values(function(rt.flat_values, *rest, **kwargs))


def binary(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """`function` of the flat values of its first two arguments, which are broadcast."""
    (x, y), rest = _first(function, 2, args, kwargs)
    if not (is_ragged(x) or is_ragged(y)):
        return NotImplemented
    return apply(lambda a, b: function(a, b, *rest, **kwargs), x, y)


def assertion(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """`function`, which checks its first two arguments, of their flat values."""
    (x, y), rest = _first(function, 2, args, kwargs)
    if not (is_ragged(x) or is_ragged(y)):
        return NotImplemented
    flats, _ = broadcast(_operands(x, y))
    return function(*flats, *rest, **kwargs)


def _first(
    function: Callable, count: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Any], tuple[Any, ...]]:
    """The first arguments, given by position or by name, and the other positional ones."""
    values = list(args[:count])
    if len(values) < count:
        names = list(inspect.signature(function).parameters)
        for name in names[len(values) : count]:
            values.append(kwargs.pop(name, None))
    return values, args[count:]


def _operands(*values: Any) -> list[Any]:
    """Values as tensors and ragged tensors; Python numbers take the dtype of what is ragged."""
    ragged = next(each for each in values if is_ragged(each))
    kind = convert_to_tensor_or_ragged(ragged).dtype
    result = []
    for each in values:
        if is_ragged(each) or is_tensor(each):
            result.append(convert_to_tensor_or_ragged(each))
        else:
            result.append(convert_to_tensor(each, preferred_dtype=kind))
    return result


def apply(function: Callable, *values: Any) -> Any:
    """`function` of flat values, broadcast, in their common rows."""
    flats, partitions = broadcast(_operands(*values))
    return with_partitions(function(*flats), partitions)


add_handler(unary, *UNARY, types=TYPES, with_function=True)
add_handler(binary, *BINARY, types=TYPES, with_function=True)
add_handler(
    assertion,
    *(f"debugging.{name}" for name in ASSERTIONS),
    types=TYPES,
    v1=ASSERTIONS,
    with_function=True,
)

# Operators ----------------------------------------------------------------------------------------


def _binary_operator(name: str, function: Callable[[Any, Any], Any]) -> None:
    def forward(self: RaggedTensor, other: Any) -> Any:
        return apply(function, self, other)

    def backward(self: RaggedTensor, other: Any) -> Any:
        return apply(function, other, self)

    forward.__name__, backward.__name__ = f"__{name}__", f"__r{name}__"
    setattr(RaggedTensor, f"__{name}__", forward)
    if name not in ("lt", "le", "gt", "ge"):
        setattr(RaggedTensor, f"__r{name}__", backward)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "gt", "ge"):
    _binary_operator(_name, getattr(operator, _name))
_binary_operator("div", operator.truediv)
for _name in ("and", "or", "xor"):
    _binary_operator(_name, getattr(operator, f"__{_name}__"))


def _unary_operator(name: str, function: Callable[[Any], Any]) -> None:
    def method(self: RaggedTensor) -> Any:
        return self.with_flat_values(function(self.flat_values))

    method.__name__ = f"__{name}__"
    setattr(RaggedTensor, f"__{name}__", method)


for _name in ("neg", "abs", "invert"):
    _unary_operator(_name, getattr(operator, _name))


def _compare(self: RaggedTensor, other: Any, op_name: str, otherwise: bool) -> Any:
    if other is None:
        return otherwise
    if not (use_equality[0] and executing_eagerly_outside_functions()):
        return (self is not other) if otherwise else (self is other)
    from reflow.lang.opdef import REGISTRY

    try:
        return apply(REGISTRY[op_name], self, other)
    except (errors.InvalidArgumentError, ValueError):
        return otherwise


def _equal(self: RaggedTensor, other: Any) -> Any:
    return _compare(self, other, "Equal", False)


def _not_equal(self: RaggedTensor, other: Any) -> Any:
    return _compare(self, other, "NotEqual", True)


def _hash(self: RaggedTensor) -> int:
    if use_equality[0] and executing_eagerly_outside_functions():
        raise TypeError("RaggedTensor is unhashable.")
    return id(self)


RaggedTensor.__eq__ = _equal  # type: ignore[method-assign]
RaggedTensor.__ne__ = _not_equal  # type: ignore[method-assign]
RaggedTensor.__hash__ = _hash  # type: ignore[method-assign]
