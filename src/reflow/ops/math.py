"""Element-wise arithmetic, powers, exponentials, trigonometry and rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import (
    COMPLEX,
    FLOAT,
    NUMBER,
    QUANTIZED_DTYPES,
    REAL,
    SIGNED,
    STRING,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
    variant,
)
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import shape_rules
from reflow.ops.define import binary, op, unary
from reflow.ops.public import public

SIGNED_NUMBER = FLOAT | SIGNED | COMPLEX
INEXACT = FLOAT | COMPLEX

_KNOWN = (np.ndarray, np.generic)


def literal(x: Any, value: float) -> Any:
    """`value` as a scalar of the dtype of the array `x`.

    Python's floats would promote bfloat16 in NumPy.
    """
    return x.dtype.type(value)


def is_integer(x: Any) -> bool:
    """Whether the array `x` holds integers."""
    return x.dtype.kind in "iu"


def select(condition: Any, t: Any, e: Any) -> Any:
    """The op SelectV2, which lives with the comparisons."""
    return REGISTRY["SelectV2"](condition, t, e)


# Arithmetic ---------------------------------------------------------------------------------------

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


def _to_chosen(g: Any, first: Any) -> Any:
    """`g` to x where `first`, to y elsewhere: a tie goes to x."""
    zero = convert_to_tensor(0, g.dtype, "zeros")
    return select(first, g, zero), select(first, zero, g)


# Division -----------------------------------------------------------------------------------------


def _check_divisor(x: Any, y: Any) -> None:
    if isinstance(y, _KNOWN) and is_integer(y) and not np.all(y) and np.size(x):
        raise errors.InvalidArgumentError(None, None, "Integer division by zero")


def _divided(xp: Any, x: Any, y: Any) -> Any:
    """x / y, for integers rounded towards zero."""
    if not is_integer(x):
        return xp.divide(x, y)
    _check_divisor(x, y)
    if not xp.is_numpy:
        return xp.lax.div(*(xp.asarray(v) for v in xp.broadcast_arrays(x, y)))
    quotient = x // y
    if x.dtype.kind == "u":
        return quotient
    inexact = (quotient * y != x) & ((x < 0) != (y < 0))
    return quotient + inexact.astype(x.dtype)


def _truncated(xp: Any, x: Any, y: Any) -> Any:
    quotient = _divided(xp, x, y)
    return quotient if is_integer(x) else xp.trunc(quotient)


def _floor_divided(xp: Any, x: Any, y: Any) -> Any:
    if not is_integer(x):
        return xp.floor(xp.divide(x, y))  # floor_divide would round 1 / 0.1 to 9
    _check_divisor(x, y)
    return xp.floor_divide(x, y)


def _remainder(xp: Any, x: Any, y: Any) -> Any:
    _check_divisor(x, y)
    return xp.fmod(x, y)


def _floor_remainder(xp: Any, x: Any, y: Any) -> Any:
    _check_divisor(x, y)
    return xp.mod(x, y)


def _safely(xp: Any, f: Any, x: Any, y: Any, zero: Any) -> Any:
    """`f(y)` with `y` made harmless where `zero`, and 0 there."""
    return xp.where(zero, literal(x, 0), f(xp.where(zero, literal(y, 1), y)))


_DIVIDE_GRADS = (
    lambda g, y: real_div(g, conj(y)),
    lambda g, x, y: g * real_div(real_div(neg(conj(x)), conj(y)), conj(y)),
)

# fmt: off
div_op = binary("Div", "x / y, element-wise; integers are rounded towards zero.", T=NUMBER,
                lower=_divided, grad=_DIVIDE_GRADS, partial="whole")
real_div = binary("RealDiv", "x / y, element-wise, of numbers that are no integers.", T=NUMBER,
                  lower=_divided, grad=_DIVIDE_GRADS, partial="whole")
truncate_div = binary("TruncateDiv", "x / y, element-wise, rounded towards zero.", T=NUMBER,
                      lower=_truncated, grad=None, partial="whole")
floor_div = binary("FloorDiv", "x / y, element-wise, rounded down.", T=NUMBER,
                   lower=_floor_divided, grad=None, partial=True)
div_no_nan_op = binary(
    "DivNoNan", "x / y, element-wise, and 0 where y is 0.", T=INEXACT,
    lower=lambda xp, x, y: _safely(xp, lambda y: x / y, x, y, y == 0),
    grad=(
        lambda g, y: div_no_nan_op(g, conj(y)),
        lambda g, x, y: g * div_no_nan_op(div_no_nan_op(neg(conj(x)), conj(y)), conj(y)),
    ),
)
mod_op = binary("Mod", "The remainder of x / y with the sign of x, element-wise.",
                T=FLOAT | {int32, int64}, lower=_remainder,
                grad=(lambda g: g, lambda g, x, y: neg(g) * trunc_of(real_div(x, y))))
floor_mod_op = binary("FloorMod", "The remainder of x / y with the sign of y, element-wise.",
                      T=REAL, lower=_floor_remainder, partial=True,
                      grad=(lambda g: g, lambda g, x, y: neg(g) * floor_div(x, y)))
truncate_mod = binary("TruncateMod", "The remainder of x / y with the sign of x, element-wise.",
                      T=FLOAT | {int32, int64}, lower=_remainder,
                      grad=(lambda g: g, lambda g, x, y: neg(g) * trunc_of(real_div(x, y))))
reciprocal_op = unary("Reciprocal", "1 / x, element-wise.", T=SIGNED_NUMBER,
                      lower=lambda xp, x: _divided(xp, literal(x, 1), x),
                      grad=lambda g, y: reciprocal_grad(y, g))
inv_op = unary("Inv", "1 / x, element-wise: an old name of Reciprocal.", T=SIGNED_NUMBER,
               lower=lambda xp, x: _divided(xp, literal(x, 1), x), grad=lambda g, y: inv_grad(y, g))
# fmt: on


def trunc_of(x: Any) -> Any:
    """x rounded towards zero."""
    return select(x < 0, ceil_op(x), floor_op(x))


def _xdivy_grad(g: Any, x: Any, y: Any) -> Any:
    to_x = xdivy_op(_not_zero(x), y)
    to_y = xdivy_op(neg(x), square_op(y))
    return g * conj(to_x), g * conj(to_y)


def _not_zero(x: Any) -> Any:
    """1 where x is not 0, in its dtype."""
    return REGISTRY["Cast"](REGISTRY["NotEqual"](x, 0), DstT=x.dtype.base_dtype)


def _xlogy_grad(g: Any, x: Any, y: Any) -> Any:
    return g * conj(xlogy_op(_not_zero(x), y)), g * conj(xdivy_op(x, y))


def _xlog1py_grad(g: Any, x: Any, y: Any) -> Any:
    return g * conj(xlog1py_op(_not_zero(x), y)), g * conj(xdivy_op(x, y + 1))


# fmt: off
xdivy_op = binary(
    "Xdivy", "x / y, and 0 where x is 0 whatever y is, element-wise.", T=INEXACT,
    lower=lambda xp, x, y: _safely(xp, lambda y: x / y, x, y, x == 0), grad=_xdivy_grad,
)
xlogy_op = binary(
    "Xlogy", "x * log(y), and 0 where x is 0 whatever y is, element-wise.", T=INEXACT,
    lower=lambda xp, x, y: _safely(xp, lambda y: x * xp.log(y), x, y, x == 0), grad=_xlogy_grad,
)
xlog1py_op = binary(
    "Xlog1py", "x * log(1 + y), and 0 where x is 0 whatever y is, element-wise.", T=INEXACT,
    lower=lambda xp, x, y: _safely(xp, lambda y: x * xp.log1p(y), x, y, x == 0), grad=_xlog1py_grad,
)
# fmt: on

# Gradients that have ops of their own -------------------------------------------------------------


def _zero_where(xp: Any, gradient: Any, value: Any) -> Any:
    """`value`, but 0 where the gradient that comes in is: 0 * infinity is no NaN here."""
    return xp.where(gradient == 0, literal(gradient, 0), value)


def _grad_op(name: str, doc: str, lower: Any, grad: Any) -> Any:
    return op(
        f"{name}(y: T, dy: T, *, T: FLOAT|COMPLEX) -> z: T",
        doc,
        shape=shape_rules.merge,
        grad=grad,
    )(lower)


sqrt_grad = _grad_op(
    "SqrtGrad",
    "The gradient of y = sqrt(x): dy / (2 y).",
    lambda xp, y, dy: _zero_where(xp, dy, literal(y, 0.5) * dy / xp.conj(y)),
    lambda g, y, z: (neg(conj(real_div(g, y))) * z, 0.5 * real_div(g, y)),
)
rsqrt_grad = _grad_op(
    "RsqrtGrad",
    "The gradient of y = 1 / sqrt(x): -dy y**3 / 2.",
    lambda xp, y, dy: _zero_where(xp, dy, literal(y, -0.5) * dy * _cube(xp.conj(y))),
    lambda g, y, dy: (-1.5 * conj(g) * dy * square_op(conj(y)), rsqrt_grad(conj(y), g)),
)


def _cube(x: Any) -> Any:
    return x * x * x


def _reciprocal_grad(xp: Any, y: Any, dy: Any) -> Any:
    y = xp.conj(y)
    return _zero_where(xp, dy, -dy * y * y)


def _reciprocal_grad_grad(g: Any, y: Any, dy: Any) -> Any:
    return -2.0 * conj(g) * dy * conj(y), reciprocal_grad(conj(y), g)


reciprocal_grad = _grad_op(
    "ReciprocalGrad",
    "The gradient of y = 1 / x: -dy y**2.",
    _reciprocal_grad,
    _reciprocal_grad_grad,
)
inv_grad = _grad_op(
    "InvGrad", "The gradient of y = 1 / x: -dy y**2.", _reciprocal_grad, _reciprocal_grad_grad
)
sigmoid_grad = _grad_op(
    "SigmoidGrad",
    "The gradient of y = sigmoid(x): dy y (1 - y).",
    lambda xp, y, dy: dy * y * (literal(y, 1) - y),
    lambda g, y, dy: (g * conj(dy - 2.0 * dy * y), sigmoid_grad(conj(y), g)),
)
tanh_grad = _grad_op(
    "TanhGrad",
    "The gradient of y = tanh(x): dy (1 - y**2).",
    lambda xp, y, dy: dy * (literal(y, 1) - y * y),
    lambda g, y, dy: (g * conj(-2.0 * dy * y), tanh_grad(conj(y), g)),
)

# Powers and exponentials --------------------------------------------------------------------------


def _pow_grad(g: Any, x: Any, y: Any, z: Any) -> Any:
    x, y, z = conj(x), conj(y), conj(z)
    to_x = g * y * pow_op(x, y - 1)
    positive = REGISTRY["NotEqual"](x, 0) if x.dtype.is_complex else x > 0
    one, zero = (convert_to_tensor(v, x.dtype) for v in (1, 0))
    logarithm = select(positive, log_op(select(positive, x, one)), zero)
    return to_x, g * z * logarithm


def _sigmoid(xp: Any, x: Any) -> Any:
    one = literal(x, 1)
    if x.dtype.kind == "c":
        return one / (one + xp.exp(-x))
    small = xp.exp(-xp.abs(x))  # at most 1: no overflow on either side
    return xp.where(x >= 0, one, small) / (one + small)


# fmt: off
pow_op = binary("Pow", "x to the power y, element-wise.", T=SIGNED_NUMBER,
                lower=lambda xp, x, y: xp.power(x, y), grad=_pow_grad, partial="whole")
sqrt_op = unary("Sqrt", "The square root, element-wise.", T=INEXACT,
                lower=lambda xp, x: xp.sqrt(x), grad=lambda g, y: sqrt_grad(y, g), partial="whole")
rsqrt_op = unary("Rsqrt", "1 / sqrt(x), element-wise.", T=INEXACT,
                 lower=lambda xp, x: _rsqrt(xp, x), grad=lambda g, y: rsqrt_grad(y, g))
exp_op = unary("Exp", "e to the power x, element-wise.", T=INEXACT,
               lower=lambda xp, x: xp.exp(x), grad=lambda g, y: g * conj(y))
expm1_op = unary("Expm1", "exp(x) - 1, element-wise, accurate near 0.", T=INEXACT,
                 lower=lambda xp, x: xp.expm1(x), grad=lambda g, x: g * exp_op(conj(x)))
log_op = unary("Log", "The natural logarithm, element-wise.", T=INEXACT,
               lower=lambda xp, x: xp.log(x), grad=lambda g, x: g * reciprocal_op(conj(x)),
               partial="whole")
log1p_op = unary("Log1p", "log(1 + x), element-wise, accurate near 0.", T=INEXACT,
                 lower=lambda xp, x: xp.log1p(x), grad=lambda g, x: g * reciprocal_op(1 + conj(x)))
sigmoid_op = unary("Sigmoid", "1 / (1 + exp(-x)), element-wise.", T=INEXACT, lower=_sigmoid,
                   grad=lambda g, y: sigmoid_grad(conj(y), g))
# fmt: on


def _rsqrt(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c" or xp.is_numpy:
        return literal(x, 1) / xp.sqrt(x)
    return xp.rsqrt(x)


# Trigonometry -------------------------------------------------------------------------------------


def _atan2_grad(g: Any, y: Any, x: Any) -> Any:
    scaled = real_div(g, square_op(x) + square_op(y))
    return x * scaled, neg(y) * scaled


# fmt: off
sin_op = unary("Sin", "The sine, element-wise.", T=INEXACT, lower=lambda xp, x: xp.sin(x),
               grad=lambda g, x: g * cos_op(conj(x)))
cos_op = unary("Cos", "The cosine, element-wise.", T=INEXACT, lower=lambda xp, x: xp.cos(x),
               grad=lambda g, x: neg(g) * sin_op(conj(x)))
tan_op = unary("Tan", "The tangent, element-wise.", T=INEXACT, lower=lambda xp, x: xp.tan(x),
               grad=lambda g, x: g * square_op(reciprocal_op(cos_op(conj(x)))))
asin_op = unary(
    "Asin", "The inverse sine, element-wise, in radians.", T=INEXACT,
    lower=lambda xp, x: xp.arcsin(x),
    grad=lambda g, x: g * reciprocal_op(sqrt_op(1 - square_op(conj(x)))),
)
acos_op = unary(
    "Acos", "The inverse cosine, element-wise, in radians.", T=INEXACT,
    lower=lambda xp, x: xp.arccos(x),
    grad=lambda g, x: neg(g) * reciprocal_op(sqrt_op(1 - square_op(conj(x)))),
)
atan_op = unary("Atan", "The inverse tangent, element-wise, in radians.", T=INEXACT,
                lower=lambda xp, x: xp.arctan(x),
                grad=lambda g, x: g * reciprocal_op(1 + square_op(conj(x))))
sinh_op = unary("Sinh", "The hyperbolic sine, element-wise.", T=INEXACT,
                lower=lambda xp, x: xp.sinh(x), grad=lambda g, x: g * cosh_op(conj(x)))
cosh_op = unary("Cosh", "The hyperbolic cosine, element-wise.", T=INEXACT,
                lower=lambda xp, x: xp.cosh(x), grad=lambda g, x: g * sinh_op(conj(x)))
tanh_op = unary("Tanh", "The hyperbolic tangent, element-wise.", T=INEXACT,
                lower=lambda xp, x: xp.tanh(x), grad=lambda g, y: tanh_grad(conj(y), g))
asinh_op = unary("Asinh", "The inverse hyperbolic sine, element-wise.", T=INEXACT,
                 lower=lambda xp, x: xp.arcsinh(x), grad=lambda g, y: real_div(g, cosh_op(conj(y))))
acosh_op = unary("Acosh", "The inverse hyperbolic cosine, element-wise.", T=INEXACT,
                 lower=lambda xp, x: xp.arccosh(x), grad=lambda g, y: real_div(g, sinh_op(conj(y))))
atanh_op = unary("Atanh", "The inverse hyperbolic tangent, element-wise.", T=INEXACT,
                 lower=lambda xp, x: xp.arctanh(x),
                 grad=lambda g, x: g * reciprocal_op(1 - square_op(conj(x))))
# fmt: on


@op(
    "Atan2(y: T, x: T, *, T: FLOAT) -> z: T",
    shape=shape_rules.broadcasting,
    grad=_atan2_grad,
    broadcast=True,
)
def atan2_op(xp, y, x):
    """The angle of the point (x, y) to the first axis, in radians, element-wise."""
    return xp.arctan2(y, x)


# Rounding and signs -------------------------------------------------------------------------------


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
    return div_no_nan_op(g - y * along, x * conj(y))


# fmt: off
sign_op = unary("Sign", "-1, 0 or 1 by the sign of x, element-wise; x / |x| of complex numbers.",
                T=SIGNED_NUMBER, lower=_sign, grad=lambda g, x, y: _sign_grad(g, x, y))
floor_op = unary("Floor", "The largest integer not above x, element-wise.", T=FLOAT,
                 lower=lambda xp, x: xp.floor(x), grad=None, partial="whole")
ceil_op = unary("Ceil", "The smallest integer not below x, element-wise.", T=FLOAT,
                lower=lambda xp, x: xp.ceil(x), grad=None, partial="whole")
round_op = unary("Round", "x rounded to the nearest integer, halves to even, element-wise.",
                 T=SIGNED_NUMBER, lower=lambda xp, x: x if is_integer(x) else xp.round(x), grad=None,
                 partial="whole")
rint_op = unary("Rint", "x rounded to the nearest integer, halves to even, element-wise.", T=FLOAT,
                lower=lambda xp, x: xp.rint(x), grad=None)
# fmt: on


@op(
    "NextAfter(x1: T, x2: T, *, T: {double,float} = float) -> output: T",
    shape=shape_rules.broadcasting,
    broadcast=True,
    grad=(lambda g: g, None),
)
def next_after(xp, x1, x2):
    """The next representable number after x1 in the direction of x2, element-wise."""
    return xp.nextafter(x1, x2)


# Complex conjugation: nearly every gradient above needs it; `ops/complex.py` has the rest ---------


@op(
    "Conj(input: T, *, T: {complex64,complex128,variant} = complex64) -> output: T",
    shape=shape_rules.same,
    grad=lambda g: conj(g),
)
def conj_op(xp, input):
    """The complex conjugate, element-wise."""
    return xp.conj(input)


@export("math.conj", v1=("conj",))
def conj(x: Any, name: str | None = None) -> Any:
    """The complex conjugate of `x`, element-wise; a real tensor as it is.

    Args:
      x: a tensor of a numeric dtype.

    Raises:
      TypeError: if `x` is not numeric.

    >>> import reflow as tf
    >>> print(tf.math.conj([1.0 + 2.0j]).numpy())
    [1.-2.j]
    """
    dtype = getattr(x, "dtype", None)
    if dtype is None or not hasattr(dtype, "is_complex"):
        x = convert_to_tensor(x, name="x")
        dtype = x.dtype
    if dtype.is_complex or dtype is variant:
        return conj_op(x, name=name)
    if dtype.is_floating or dtype.is_integer:
        return x
    raise TypeError(f"Expected numeric or variant tensor, got dtype {dtype!r}")


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
acos = public(acos_op, "acos", "math.acos", example=("1.0", "0.0"))
acosh = public(acosh_op, "acosh", "math.acosh", example=("1.0", "0.0"))
asin = public(asin_op, "asin", "math.asin", example=("0.0", "0.0"))
asinh = public(asinh_op, "asinh", "math.asinh", example=("0.0", "0.0"))
atan = public(atan_op, "atan", "math.atan", example=("0.0", "0.0"))
atan2 = public(atan2_op, "atan2", "math.atan2", example=("0.0, 1.0", "0.0"))
atanh = public(atanh_op, "atanh", "math.atanh", example=("0.0", "0.0"))
ceil = public(ceil_op, "math.ceil", v1=("ceil",), example=("[1.2, -1.2]", "[ 2. -1.]"))
cos = public(cos_op, "cos", "math.cos", example=("0.0", "1.0"))
cosh = public(cosh_op, "cosh", "math.cosh", example=("0.0", "1.0"))
div_no_nan = public(div_no_nan_op, "math.divide_no_nan", v1=("div_no_nan",), attribute="div_no_nan", node="div_no_nan",
                    example=("[1.0, 1.0], [2.0, 0.0]", "[0.5 0. ]"))
exp = public(exp_op, "exp", "math.exp", example=("[0.0]", "[1.]"))
expm1 = public(expm1_op, "math.expm1", v1=("expm1",), example=("0.0", "0.0"))
floor = public(floor_op, "floor", "math.floor", example=("[1.7, -1.2]", "[ 1. -2.]"))
floor_mod = public(
    floor_mod_op, "math.floormod", "math.mod", v1=("floormod", "mod"), attribute="floor_mod",
    example=("[7, -7], 3", "[1 2]"),
    errors="InvalidArgumentError: for an integer division by zero.",
)
floor_div_v1 = public(
    floor_div, v1=("floor_div",), attribute="floor_div_v1", example=("[7, -7], 2", "[ 3 -4]"),
    errors="InvalidArgumentError: for an integer division by zero.",
)
log = public(log_op, "math.log", v1=("log",), example=("[1.0, 0.0]", "[  0. -inf]"))
log1p = public(log1p_op, "math.log1p", v1=("log1p",), example=("0.0", "0.0"))
maximum = public(maximum_op, "maximum", "math.maximum", example=("[1, 5], [3, 2]", "[3 5]"))
minimum = public(minimum_op, "minimum", "math.minimum", example=("[1, 5], [3, 2]", "[1 2]"))
multiply_no_nan = public(mul_no_nan, "math.multiply_no_nan", node="multiply_no_nan",
                         example=("[float('inf')], [0.0]", "[0.]"))
negative = public(neg, "negative", "math.negative", example=("[1, -2]", "[-1  2]"))
nextafter = public(next_after, "math.nextafter", example=("0.0, 1.0", "1e-45"))
realdiv = public(real_div, "realdiv", example=("1.0, 4.0", "0.25"))
reciprocal = public(reciprocal_op, "math.reciprocal", v1=("reciprocal",), example=("4.0", "0.25"))
rint = public(rint_op, "math.rint", v1=("rint",), example=("[0.5, 1.5, -1.7]", "[ 0.  2. -2.]"))
rsqrt = public(rsqrt_op, "math.rsqrt", v1=("rsqrt",), example=("4.0", "0.5"))
sigmoid = public(sigmoid_op, "sigmoid", "math.sigmoid", "nn.sigmoid", example=("0.0", "0.5"))
sign = public(sign_op, "sign", "math.sign", example=("[-3, 0, 5]", "[-1  0  1]"))
sin = public(sin_op, "sin", "math.sin", example=("0.0", "0.0"))
sinh = public(sinh_op, "sinh", "math.sinh", example=("0.0", "0.0"))
sqrt = public(sqrt_op, "sqrt", "math.sqrt", example=("[4.0, 9.0]", "[2. 3.]"))
square = public(square_op, "square", "math.square", example=("[2, -3]", "[4 9]"))
squared_difference = public(squared_difference_op, "math.squared_difference",
                            v1=("squared_difference",), example=("[1.0, 5.0], 3.0", "[4. 4.]"))
subtract = public(sub, "subtract", "math.subtract", example=("[3, 5], 1", "[2 4]"))
multiply = public(mul, "multiply", "math.multiply", example=("[3, 5], 2", "[ 6 10]"))
tan = public(tan_op, "tan", "math.tan", example=("0.0", "0.0"))
tanh = public(tanh_op, "tanh", "math.tanh", "nn.tanh", example=("0.0", "0.0"))
truncatediv = public(
    truncate_div, "truncatediv", example=("[7, -7], 3", "[ 2 -2]"),
    errors="InvalidArgumentError: for an integer division by zero.",
)
truncatemod = public(
    truncate_mod, "truncatemod", example=("[7, -7], 3", "[ 1 -1]"),
    errors="InvalidArgumentError: for an integer division by zero.",
)
xdivy = public(xdivy_op, "math.xdivy", scope="xdivy", example=("[0.0, 1.0], [0.0, 2.0]", "[0.  0.5]"))
xlog1py = public(xlog1py_op, "math.xlog1py", scope="xlog1py", example=("[0.0, 1.0], [-1.0, 0.0]", "[0. 0.]"))
xlogy = public(xlogy_op, "math.xlogy", example=("[0.0, 1.0], [0.0, 1.0]", "[0. 0.]"))
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
    return _adder(x, y)(x, y, name=name or "Add")


def _adder(x: Any, y: Any) -> Any:
    """AddV2, or Add when the operands are strings."""
    for each in (x, y):
        dtype = getattr(each, "dtype", None)
        if dtype is string:
            return add_v1
        if dtype is not None:
            return add_v2
    return add_v1 if convert_to_tensor(x).dtype is string else add_v2


@export("pow", "math.pow")
def pow(x: Any, y: Any, name: str | None = None) -> Any:
    """x to the power y, element-wise.

    Args:
      x, y: numeric tensors of one dtype, whose shapes broadcast.

    Raises:
      InvalidArgumentError: for a negative power of integers.

    >>> import reflow as tf
    >>> print(tf.pow([2, 3], 2).numpy())
    [4 9]
    """
    return pow_op(x, y, name=name)


@export("round", "math.round")
def round(x: Any, name: str | None = None) -> Any:
    """x rounded to the nearest integer, halves to the even one, element-wise; integers as they are.

    >>> import reflow as tf
    >>> print(tf.round([0.5, 1.5, -2.7]).numpy())
    [ 0.  2. -3.]
    """
    x = convert_to_tensor(x, name="x")
    return x if x.dtype.is_integer else round_op(x, name=name)


_TRUE_QUOTIENTS = {
    **dict.fromkeys((uint8, int8, uint16, int16), float32),
    **dict.fromkeys((int32, int64, uint32, uint64), float64),
}


@export("truediv", "math.truediv")
def truediv(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y, element-wise; integers are cast to floats first (from 32 bits on to float64).

    Args:
      x, y: numeric tensors of one dtype, whose shapes broadcast.

    Raises:
      TypeError: if the dtypes differ.

    >>> import reflow as tf
    >>> print(tf.truediv([7, 1], 2).numpy())
    [3.5 0.5]
    """
    dtype = getattr(x, "dtype", None) or getattr(y, "dtype", None)
    if getattr(dtype, "is_floating", False) or getattr(dtype, "is_complex", False):
        return real_div(x, y, name=name or "truediv")
    with name_scope(name, "truediv") as scope:
        hint = getattr(y, "dtype", None)
        x = convert_to_tensor(x, name="x", dtype_hint=hint)
        y = convert_to_tensor(y, name="y", dtype_hint=x.dtype.base_dtype)
        if x.dtype.base_dtype is not y.dtype.base_dtype:
            raise TypeError(
                f"{errors.user_site()}: `x` and `y` must have the same dtype, got "
                f"{x.dtype!r} != {y.dtype!r}. Convert one with tf.cast."
            )
        wanted = _TRUE_QUOTIENTS.get(x.dtype.base_dtype)
        if wanted is not None:
            cast = REGISTRY["Cast"]
            x, y = cast(x, DstT=wanted), cast(y, DstT=wanted)
        return real_div(x, y, name=scope or None)


@export("divide", "math.divide")
def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y as Python divides: see `tf.truediv`.

    >>> import reflow as tf
    >>> print(tf.divide([16.0, 12.0], [4.0, 8.0]).numpy())
    [4.  1.5]
    """
    return truediv(x, y, name=name)


@export("math.floordiv", v1=("floordiv",))
def floordiv(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y, element-wise, rounded down, as Python's `//`.

    Raises:
      InvalidArgumentError: for an integer division by zero.

    >>> import reflow as tf
    >>> print(tf.math.floordiv([7, -7], 2).numpy())
    [ 3 -4]
    """
    return floor_div(x, y, name=name or "floordiv")


@export(v1=("div",))
def div(x: Any, y: Any, name: str | None = None) -> Any:
    """x / y as Python 2 divides: integers are rounded down. Prefer `tf.divide` or `//`.

    Raises:
      InvalidArgumentError: for an integer division by zero.

    >>> import reflow as tf
    >>> print(tf.compat.v1.div([7, -7], 2).numpy())
    [ 3 -4]
    """
    dtype = getattr(x, "dtype", None) or getattr(y, "dtype", None)
    if not hasattr(dtype, "is_floating"):
        x = convert_to_tensor(x, name="x", dtype_hint=dtype)
        dtype = x.dtype
    exact = dtype.is_floating or dtype.is_complex
    return (real_div if exact else floor_div)(x, y, name=name or "div")


@export("math.reciprocal_no_nan")
def reciprocal_no_nan(x: Any, name: str | None = None) -> Any:
    """1 / x, element-wise, and 0 where x is 0.

    >>> import reflow as tf
    >>> print(tf.math.reciprocal_no_nan([4.0, 0.0]).numpy())
    [0.25 0.  ]
    """
    with name_scope(name, "reciprocal_no_nan") as scope:
        x = convert_to_tensor(x, name="x")
        one = convert_to_tensor(1, x.dtype.base_dtype, name="one")
        return div_no_nan_op(one, x, name=scope or None)


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
    slices = _indexed_slices()
    if isinstance(x, slices):
        return slices(mul(scalar, x.values, name=name), x.indices, x.dense_shape)
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


def _indexed_slices() -> type:
    from reflow.lang.indexed_slices import IndexedSlices

    return IndexedSlices


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
    from reflow.lang import shapes

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


@export("math.log_sigmoid", v1=("log_sigmoid",))
def log_sigmoid(x: Any, name: str | None = None) -> Any:
    """log(sigmoid(x)), element-wise, without underflow.

    Args:
      x: a floating-point tensor.

    Raises:
      TypeError: if the dtype is another.

    >>> import reflow as tf
    >>> print(tf.math.log_sigmoid(-1000.0).numpy())
    -1000.0
    """
    with name_scope(name, "LogSigmoid") as scope:
        x = convert_to_tensor(x, name="x")
        return neg(REGISTRY["Softplus"](neg(x)), name=scope or None)
