"""Sums, differences, products, absolute values and signs, extremes, element-wise; sums of lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.context import executing_eagerly
from reflow.lang.convert import convert_to_tensor, dtype_of, to_array
from reflow.lang.dtypes import (
    FLOAT,
    NUMBER,
    QUANTIZED_DTYPES,
    REAL,
    SIGNED,
    STRING,
    as_dtype,
    int32,
    int64,
    string,
    uint16,
    uint32,
    uint64,
    variant,
)
from reflow.lang.export import export
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import Tensor
from reflow.ops import shape_rules
from reflow.ops.define import binary, op, unary
from reflow.ops.math.elementwise import INEXACT, SIGNED_NUMBER, conj, literal, select
from reflow.ops.public import public

# fmt: off
add_v2 = binary(
    "AddV2", "x + y, element-wise.", T=NUMBER, lower=lambda xp, x, y: x + y,
    grad=(lambda g: g, lambda g: g), partial=True,
)
add_v1 = binary(
    "Add", "x + y, element-wise; strings are joined.",
    T=NUMBER - {uint16, uint32, uint64} | STRING, lower=lambda xp, x, y: _add(xp, x, y),
    grad=(lambda g: g, lambda g: g), partial=True,
)
sub = binary(
    "Sub", "x - y, element-wise.", T=NUMBER, lower=lambda xp, x, y: x - y,
    grad=(lambda g: g, lambda g: neg(g)), partial=True,
)
mul = binary(
    "Mul", "x * y, element-wise.", T=NUMBER, lower=lambda xp, x, y: x * y,
    grad=(lambda g, y: g * conj(y), lambda g, x: g * conj(x)), partial=True,
)
mul_no_nan = binary(
    "MulNoNan", "x * y, and 0 where y is 0 even if x is infinite or NaN.", T=INEXACT,
    lower=lambda xp, x, y: xp.where(y == 0, literal(x, 0), x * y),
    grad=(lambda g, y: mul_no_nan(g, conj(y)), lambda g, x: mul_no_nan(conj(x), g)),
)
neg = unary("Neg", "-x, element-wise.", T=SIGNED_NUMBER, lower=lambda xp, x: -x,
            grad=lambda g: neg(g), partial=True)
square_op = unary("Square", "x * x, element-wise.", T=NUMBER, lower=lambda xp, x: x * x,
                  grad=lambda g, x: g * (conj(x) * 2), partial=True)
squared_difference_op = binary(
    "SquaredDifference", "(x - y) * conj(x - y), element-wise.",
    T=INEXACT | {int32, int64}, lower=lambda xp, x, y: _squared_difference(xp, x, y),
    grad=lambda g, x, y: _squared_difference_grad(g, x, y),
)
abs_op = unary("Abs", "The absolute value, element-wise.", T=FLOAT | SIGNED,
               lower=lambda xp, x: xp.abs(x), grad=lambda g, x: g * sign(x))
sign_op = unary("Sign", "-1, 0 or 1 by the sign of x, element-wise; x / |x| of complex numbers.",
                T=SIGNED_NUMBER, lower=lambda xp, x: _sign(xp, x),
                grad=lambda g, x, y: _sign_grad(g, x, y))
maximum_op = binary("Maximum", "The larger of x and y, element-wise; NaN if either is.", T=REAL,
                    lower=lambda xp, x, y: xp.maximum(x, y),
                    grad=lambda g, x, y: _to_chosen(g, x >= y), partial=True)
minimum_op = binary("Minimum", "The smaller of x and y, element-wise; NaN if either is.", T=REAL,
                    lower=lambda xp, x, y: xp.minimum(x, y),
                    grad=lambda g, x, y: _to_chosen(g, x <= y), partial=True)
# fmt: on


def _add(xp: Any, x: Any, y: Any) -> Any:
    total = x + y
    return np.array(total, object) if isinstance(total, bytes) else total


def _squared_difference(xp: Any, x: Any, y: Any) -> Any:
    difference = x - y
    if difference.dtype.kind == "c":
        return difference * xp.conj(difference)
    return difference * difference


def _squared_difference_grad(g: Any, x: Any, y: Any) -> Any:
    if g.dtype.is_complex:  # the output is real, whatever its dtype
        g = 0.5 * (g + conj(g))
    to_x = 2 * g * (x - y)
    return to_x, neg(to_x)


def _sign(xp: Any, x: Any) -> Any:
    if x.dtype.kind != "c":
        return xp.sign(x)
    size = xp.abs(x)
    return xp.where(size == 0, literal(x, 0), x / xp.where(size == 0, literal(size, 1), size))


def _sign_grad(g: Any, x: Any, y: Any) -> Any:
    """0 for real numbers; what turns x / |x| without stretching it, for complex ones."""
    if not x.dtype.is_complex:
        return REGISTRY["ZerosLike"](x)
    along = 0.5 * (conj(y) * g + y * conj(g))
    return REGISTRY["DivNoNan"](g - y * along, x * conj(y))


def _to_chosen(g: Any, first: Any) -> Any:
    """`g` to x where `first`, to y elsewhere: a tie goes to x."""
    zero = convert_to_tensor(0, g.dtype, "zeros")
    return select(first, g, zero), select(first, zero, g)


# Sums of lists ------------------------------------------------------------------------------------

_SUMMABLE = NUMBER | QUANTIZED_DTYPES


@op(
    "AddN(inputs: N*T, *, N: int, T: type) -> sum: T",
    T=_SUMMABLE | {variant},
    shape=lambda inputs: shape_rules.merge(*inputs),
    grad=lambda op, g: [g] * len(op.inputs),
)
def add_n_op(xp, inputs):
    """The sum of tensors of one shape."""
    total = inputs[0]
    for each in inputs[1:]:
        if np.shape(each) != np.shape(total):
            raise errors.InvalidArgumentError(
                None,
                None,
                "Inputs to operation AddN must have the same size and shape. "
                f"Input 0: {list(np.shape(total))} != {list(np.shape(each))}",
            )
        total = total + each
    return total


@op(
    "AccumulateNV2(inputs: N*T, *, N: int, T: type, shape: shape) -> sum: T",
    T=_SUMMABLE,
    shape=shape_rules.given,
    grad=lambda op, g: [g] * len(op.inputs),
)
def accumulate_n_v2(xp, inputs):
    """The sum of tensors of one shape."""
    return add_n_op.lower(xp, inputs)


# Public functions ---------------------------------------------------------------------------------

# fmt: off
maximum = public(maximum_op, "maximum", "math.maximum", example=("[1, 5], [3, 2]", "[3 5]"))
minimum = public(minimum_op, "minimum", "math.minimum", example=("[1, 5], [3, 2]", "[1 2]"))
multiply = public(mul, "multiply", "math.multiply", example=("[3, 5], 2", "[ 6 10]"))
multiply_no_nan = public(mul_no_nan, "math.multiply_no_nan", node="multiply_no_nan",
                         example=("[float('inf')], [0.0]", "[0.]"))
negative = public(neg, "negative", "math.negative", example=("[1, -2]", "[-1  2]"))
sign = public(sign_op, "sign", "math.sign", example=("[-3, 0, 5]", "[-1  0  1]"))
square = public(square_op, "square", "math.square", example=("[2, -3]", "[4 9]"))
squared_difference = public(squared_difference_op, "math.squared_difference",
                            v1=("squared_difference",), example=("[1.0, 5.0], 3.0", "[4. 4.]"))
subtract = public(sub, "subtract", "math.subtract", example=("[3, 5], 1", "[2 4]"))
# fmt: on


@export("abs", "math.abs")
def abs(x: Any, name: str | None = None) -> Any:
    """The absolute value, element-wise; of complex numbers a real one.

    Args:
      x: a tensor of numbers, no unsigned integers.

    >>> import reflow as tf
    >>> print(tf.abs([-1.5, 2.0]).numpy(), tf.abs([3.0 + 4.0j]).numpy())
    [1.5 2. ] [5.]
    """
    if hasattr(x, "with_values"):  # sparse or ragged
        return x.with_values(abs(x.values, name))
    dtype = getattr(x, "dtype", None)
    if not hasattr(dtype, "is_complex"):
        x = convert_to_tensor(x, name="x")
        dtype = x.dtype
    if dtype.is_complex:
        return REGISTRY["ComplexAbs"](x, Tout=dtype.real_dtype, name=name or "Abs")
    return abs_op(x, name=name)


@export("add", "math.add")
def add(x: Any, y: Any, name: str | None = None) -> Any:
    """x + y, element-wise; strings are joined.

    Args:
      x, y: tensors of one dtype, whose shapes broadcast.

    Raises:
      TypeError: if the dtypes differ.
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> print(tf.add([1, 2], 10).numpy())
    [11 12]
    """
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return (add_v1 if x.dtype is string else add_v2)(x, y, name=name or "Add")
    dtype = _own_dtype(x)
    if dtype is None:
        dtype = _own_dtype(y)
    said = {} if isinstance(x, Tensor) else {"T": dtype}
    return plus(x, y, name or "Add", dtype, **said)


def _own_dtype(value: Any) -> Any:
    """The dtype that a value has by itself; None for lists with tensors in them."""
    if isinstance(value, Tensor) or getattr(type(value), "is_tensor_like", False):
        return as_dtype(value.dtype).base_dtype
    array = to_array(value)
    return None if array is None else dtype_of(array)


def plus(x: Any, y: Any, name: str, dtype: Any, **said: Any) -> Any:
    """AddV2, or Add when the operands are strings.

    Eagerly a `y` that does not convert to `dtype` keeps its own, which is what the error then says.
    """
    opdef = add_v1 if dtype is string else add_v2
    try:
        return opdef(x, y, name=name, **said)
    except (TypeError, ValueError):
        if not executing_eagerly() or isinstance(y, Tensor):
            raise
    return opdef(x, convert_to_tensor(y, dtype_hint=dtype), name=name, **said)


@export(v1=("scalar_mul", "math.scalar_mul"))
def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """`x` times a scalar; slices of a sparse gradient stay sparse.

    Args:
      scalar: a number or a tensor without dimensions.
      x: a tensor or `IndexedSlices`.

    Raises:
      ValueError: if `scalar` has dimensions.

    >>> import reflow as tf
    >>> print(tf.scalar_mul(2.0, tf.constant([1.0, 3.0])).numpy())
    [2. 6.]
    """
    scalar = convert_to_tensor(scalar, x.dtype.base_dtype, name="scalar")
    if scalar.shape.rank != 0:
        raise ValueError(f"The input scalar must be a 0-D value. Received shape {scalar.shape}.")
    if isinstance(x, IndexedSlices):
        return IndexedSlices(mul(scalar, x.values, name=name), x.indices, x.dense_shape)
    return mul(scalar, x, name=name)


@export(v2=("scalar_mul", "math.scalar_mul"))
def scalar_mul_v2(scalar: Any, x: Any, name: str | None = None) -> Any:
    """`x` times a scalar; slices of a sparse gradient stay sparse.

    Args:
      scalar: a number or a tensor without dimensions.
      x: a tensor or `IndexedSlices`.

    Raises:
      ValueError: if `scalar` has dimensions.

    >>> import reflow as tf
    >>> print(tf.math.scalar_mul(2.0, tf.constant([1.0, 3.0])).numpy())
    [2. 6.]
    """
    with name_scope(name, "scalar_mul") as scope:
        return scalar_mul(scalar, x, name=scope or None)


@export("add_n", "math.add_n")
def add_n(inputs: Any, name: str | None = None) -> Any:
    """The sum of a list of tensors of one shape and dtype.

    Args:
      inputs: a list of tensors or `IndexedSlices`.

    Raises:
      ValueError: if the list is empty, or the shapes differ.

    >>> import reflow as tf
    >>> print(tf.add_n([[1, 2], [3, 4], [5, 6]]).numpy())
    [ 9 12]
    """
    inputs = list(inputs) if isinstance(inputs, (list, tuple)) else []
    if not inputs:
        raise ValueError(
            "Inputs must be an iterable of at least one Tensor/IndexedSlices with the same dtype and "
            "shape."
        )
    if len(inputs) > 1:
        return add_n_op(inputs, name=name)
    only = convert_to_tensor(inputs[0])
    return REGISTRY["Identity"](only, name=name) if name else only


@export("math.accumulate_n", v1=("accumulate_n",))
def accumulate_n(
    inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None
) -> Any:
    """The sum of a list of tensors of one shape and dtype: `tf.add_n` with checks.

    Args:
      inputs: a list of tensors.
      shape: the shape they must have.
      tensor_dtype: the dtype they must have.

    Raises:
      ValueError: if the list is empty, or shapes or dtypes differ.
      TypeError: if the dtype is not `tensor_dtype`.

    >>> import reflow as tf
    >>> print(tf.math.accumulate_n([tf.constant([1, 2]), tf.constant([3, 4])]).numpy())
    [4 6]
    """
    if not inputs or not isinstance(inputs, (list, tuple)):
        raise ValueError(
            "inputs must be a list of at least one Tensor with the same dtype and shape"
        )
    tensors = [convert_to_tensor(each) for each in inputs]
    if any(t.dtype != tensors[0].dtype for t in tensors):
        raise ValueError(
            "inputs must be a list of at least one Tensor with the same dtype and shape"
        )
    merged = shapes.as_shape(shape)
    for tensor in tensors:
        merged = merged.merge_with(tensor.shape)
    if tensor_dtype is not None and tensors[0].dtype != tensor_dtype:
        raise TypeError(
            f"The `tensor_dtype` argument is {tensor_dtype}, but `input` is of type "
            f"{tensors[0].dtype}. Convert the inputs with tf.cast."
        )
    if len(tensors) == 1:
        return REGISTRY["Identity"](tensors[0], name=name) if name else tensors[0]
    return add_n_op(tensors, name=name)


@export("math.polyval")
def polyval(coeffs: Any, x: Any, name: str | None = None) -> Any:
    """The polynomial with these coefficients, the highest power first, at x.

    Args:
      coeffs: a list of tensors or numbers.
      x: where to evaluate it, a tensor.

    Raises:
      ValueError: if `coeffs` is not a list.

    >>> import reflow as tf
    >>> print(tf.math.polyval([1.0, 0.0, -1.0], [2.0, 3.0]).numpy())
    [3. 8.]
    """
    if not isinstance(coeffs, list):
        raise ValueError(f"Argument coeffs must be list type. Received type {type(coeffs)}.")
    with name_scope(name, "polyval"):
        x = convert_to_tensor(x, name="x")
        if not coeffs:
            return REGISTRY["ZerosLike"](x)
        terms = [
            convert_to_tensor(c, name=f"coeff_{i}", dtype_hint=x.dtype)
            for i, c in enumerate(coeffs)
        ]
        result = terms[0]
        for term in terms[1:]:
            result = term + result * x
        return result
