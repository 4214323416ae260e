"""Powers and roots, exponentials and logarithms, the logistic function, element-wise."""

from __future__ import annotations

from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.define import binary, unary
from reflow.ops.math.arithmetic import neg, square_op
from reflow.ops.math.division import not_zero, real_div, reciprocal_op, safely, xdivy_op
from reflow.ops.math.elementwise import (
    INEXACT,
    SIGNED_NUMBER,
    conj,
    gradient_op,
    literal,
    select,
    zero_where,
)
from reflow.ops.public import public


def _pow_grad(g: Any, x: Any, y: Any, z: Any) -> Any:
    x, y, z = conj(x), conj(y), conj(z)
    to_x = g * y * pow_op(x, y - 1)
    positive = REGISTRY["NotEqual"](x, 0) if x.dtype.is_complex else x > 0
    one, zero = (convert_to_tensor(v, x.dtype) for v in (1, 0))
    logarithm = select(positive, log_op(select(positive, x, one)), zero)
    return to_x, g * z * logarithm


def _rsqrt(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c" or xp.is_numpy:
        return literal(x, 1) / xp.sqrt(x)
    return xp.rsqrt(x)


def _sigmoid(xp: Any, x: Any) -> Any:
    one = literal(x, 1)
    if x.dtype.kind == "c":
        return one / (one + xp.exp(-x))
    if not xp.is_numpy:
        return xp.jax.lax.logistic(x)
    small = xp.exp(-xp.abs(x))  # at most 1: no overflow on either side
    return xp.where(x >= 0, one, small) / (one + small)


def _xlogy_grad(g: Any, x: Any, y: Any) -> Any:
    return g * conj(xlogy_op(not_zero(x), y)), g * conj(xdivy_op(x, y))


def _xlog1py_grad(g: Any, x: Any, y: Any) -> Any:
    return g * conj(xlog1py_op(not_zero(x), y)), g * conj(xdivy_op(x, y + 1))


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
xlogy_op = binary(
    "Xlogy", "x * log(y), and 0 where x is 0 whatever y is, element-wise.", T=INEXACT,
    lower=lambda xp, x, y: safely(xp, lambda y: x * xp.log(y), x, y, x == 0), grad=_xlogy_grad,
)
xlog1py_op = binary(
    "Xlog1py", "x * log(1 + y), and 0 where x is 0 whatever y is, element-wise.", T=INEXACT,
    lower=lambda xp, x, y: safely(xp, lambda y: x * xp.log1p(y), x, y, x == 0), grad=_xlog1py_grad,
)
sigmoid_op = unary("Sigmoid", "1 / (1 + exp(-x)), element-wise.", T=INEXACT, lower=_sigmoid,
                   grad=lambda g, y: sigmoid_grad(conj(y), g))
# fmt: on


sqrt_grad = gradient_op(
    "SqrtGrad",
    "The gradient of y = sqrt(x): dy / (2 y).",
    lambda xp, y, dy: zero_where(xp, dy, literal(y, 0.5) * dy / xp.conj(y)),
    lambda g, y, z: (neg(conj(real_div(g, y))) * z, 0.5 * real_div(g, y)),
)
rsqrt_grad = gradient_op(
    "RsqrtGrad",
    "The gradient of y = 1 / sqrt(x): -dy y**3 / 2.",
    lambda xp, y, dy: zero_where(xp, dy, literal(y, -0.5) * dy * _cube(xp.conj(y))),
    lambda g, y, dy: (-1.5 * conj(g) * dy * square_op(conj(y)), rsqrt_grad(conj(y), g)),
)


def _cube(x: Any) -> Any:
    return x * x * x


sigmoid_grad = gradient_op(
    "SigmoidGrad",
    "The gradient of y = sigmoid(x): dy y (1 - y).",
    lambda xp, y, dy: dy * y * (literal(y, 1) - y),
    lambda g, y, dy: (g * conj(dy - 2.0 * dy * y), sigmoid_grad(conj(y), g)),
)

# Public functions ---------------------------------------------------------------------------------

# fmt: off
exp = public(exp_op, "exp", "math.exp", example=("[0.0]", "[1.]"))
expm1 = public(expm1_op, "math.expm1", v1=("expm1",), example=("0.0", "0.0"))
log = public(log_op, "math.log", v1=("log",), example=("[1.0, 0.0]", "[  0. -inf]"))
log1p = public(log1p_op, "math.log1p", v1=("log1p",), example=("0.0", "0.0"))
rsqrt = public(rsqrt_op, "math.rsqrt", v1=("rsqrt",), example=("4.0", "0.5"))
sigmoid = public(sigmoid_op, "sigmoid", "math.sigmoid", "nn.sigmoid", example=("0.0", "0.5"))
sqrt = public(sqrt_op, "sqrt", "math.sqrt", example=("[4.0, 9.0]", "[2. 3.]"))
xlog1py = public(xlog1py_op, "math.xlog1py", scope="xlog1py", example=("[0.0, 1.0], [-1.0, 0.0]", "[0. 0.]"))
xlogy = public(xlogy_op, "math.xlogy", example=("[0.0, 1.0], [0.0, 1.0]", "[0. 0.]"))
# fmt: on


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
