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

# Public functions of one tensor, the first argument; the others are passed on.
UNARY = [
    "bitcast",
    "bitwise.invert",
    "cast",
    "clip_by_value",
    "debugging.check_numerics",
    "dtypes.saturate_cast",
    "identity",
    "image.adjust_brightness",
    "image.adjust_gamma",
    "image.convert_image_dtype",
    "image.random_brightness",
    "image.stateless_random_brightness",
    "io.decode_base64",
    "io.decode_compressed",
    "io.encode_base64",
    "math.abs",
    "math.acos",
    "math.acosh",
    "math.angle",
    "math.asin",
    "math.asinh",
    "math.atan",
    "math.atanh",
    "math.bessel_i0",
    "math.bessel_i0e",
    "math.bessel_i1",
    "math.bessel_i1e",
    "math.ceil",
    "math.conj",
    "math.cos",
    "math.cosh",
    "math.digamma",
    "math.erf",
    "math.erfc",
    "math.erfcinv",
    "math.erfinv",
    "math.exp",
    "math.expm1",
    "math.floor",
    "math.imag",
    "math.is_finite",
    "math.is_inf",
    "math.is_nan",
    "math.lgamma",
    "math.log",
    "math.log1p",
    "math.log_sigmoid",
    "math.logical_not",
    "math.ndtri",
    "math.negative",
    "math.nextafter",
    "math.real",
    "math.reciprocal",
    "math.reciprocal_no_nan",
    "math.rint",
    "math.round",
    "math.rsqrt",
    "math.sigmoid",
    "math.sign",
    "math.sin",
    "math.sinh",
    "math.softplus",
    "math.sqrt",
    "math.square",
    "math.tan",
    "math.tanh",
    "math.special.bessel_j0",
    "math.special.bessel_j1",
    "math.special.bessel_k0",
    "math.special.bessel_k0e",
    "math.special.bessel_k1",
    "math.special.bessel_k1e",
    "math.special.bessel_y0",
    "math.special.bessel_y1",
    "math.special.dawsn",
    "math.special.expint",
    "math.special.fresnel_cos",
    "math.special.fresnel_sin",
    "math.special.spence",
    "nn.elu",
    "nn.gelu",
    "nn.leaky_relu",
    "nn.relu",
    "nn.relu6",
    "nn.selu",
    "nn.silu",
    "nn.softsign",
    "ones_like",
    "stop_gradient",
    "strings.as_string",
    "strings.length",
    "strings.lower",
    "strings.regex_full_match",
    "strings.regex_replace",
    "strings.strip",
    "strings.substr",
    "strings.to_hash_bucket",
    "strings.to_hash_bucket_fast",
    "strings.to_hash_bucket_strong",
    "strings.to_number",
    "strings.unicode_script",
    "strings.unicode_transcode",
    "strings.upper",
    "zeros_like",
]

# Public functions of two tensors that broadcast, the first two arguments.
BINARY = [
    "bitwise.bitwise_and",
    "bitwise.bitwise_or",
    "bitwise.bitwise_xor",
    "bitwise.left_shift",
    "bitwise.right_shift",
    "dtypes.complex",
    "math.add",
    "math.atan2",
    "math.divide",
    "math.divide_no_nan",
    "math.equal",
    "math.floordiv",
    "math.floormod",
    "math.greater",
    "math.greater_equal",
    "math.less",
    "math.less_equal",
    "math.logical_and",
    "math.logical_or",
    "math.logical_xor",
    "math.maximum",
    "math.minimum",
    "math.multiply",
    "math.multiply_no_nan",
    "math.not_equal",
    "math.pow",
    "math.squared_difference",
    "math.subtract",
    "math.truediv",
    "math.xdivy",
    "math.xlog1py",
    "math.xlogy",
    "math.zeta",
    "nn.sigmoid_cross_entropy_with_logits",
    "realdiv",
    "truncatediv",
    "truncatemod",
]

# Comparisons that raise.
ASSERTIONS = [
    "assert_equal",
    "assert_greater",
    "assert_greater_equal",
    "assert_less",
    "assert_less_equal",
    "assert_near",
    "assert_none_equal",
]


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
