"""Trigonometric and hyperbolic functions and their inverses, element-wise."""

from __future__ import annotations

from typing import Any

from reflow.ops import shape_rules
from reflow.ops.define import op, unary
from reflow.ops.math.arithmetic import neg, square_op
from reflow.ops.math.division import real_div, reciprocal_op
from reflow.ops.math.elementwise import INEXACT, conj, gradient_op, literal
from reflow.ops.math.powers import sqrt_op
from reflow.ops.public import public


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


tanh_grad = gradient_op(
    "TanhGrad",
    "The gradient of y = tanh(x): dy (1 - y**2).",
    lambda xp, y, dy: dy * (literal(y, 1) - y * y),
    lambda g, y, dy: (g * conj(-2.0 * dy * y), tanh_grad(conj(y), g)),
)


@op(
    "Atan2(y: T, x: T, *, T: FLOAT) -> z: T",
    shape=shape_rules.broadcasting,
    grad=_atan2_grad,
    broadcast=True,
)
def atan2_op(xp, y, x):
    """The angle of the point (x, y) to the first axis, in radians, element-wise."""
    return xp.arctan2(y, x)


# Public functions ---------------------------------------------------------------------------------

# fmt: off
acos = public(acos_op, "acos", "math.acos", example=("1.0", "0.0"))
acosh = public(acosh_op, "acosh", "math.acosh", example=("1.0", "0.0"))
asin = public(asin_op, "asin", "math.asin", example=("0.0", "0.0"))
asinh = public(asinh_op, "asinh", "math.asinh", example=("0.0", "0.0"))
atan = public(atan_op, "atan", "math.atan", example=("0.0", "0.0"))
atan2 = public(atan2_op, "atan2", "math.atan2", example=("0.0, 1.0", "0.0"))
atanh = public(atanh_op, "atanh", "math.atanh", example=("0.0", "0.0"))
cos = public(cos_op, "cos", "math.cos", example=("0.0", "1.0"))
cosh = public(cosh_op, "cosh", "math.cosh", example=("0.0", "1.0"))
sin = public(sin_op, "sin", "math.sin", example=("0.0", "0.0"))
sinh = public(sinh_op, "sinh", "math.sinh", example=("0.0", "0.0"))
tan = public(tan_op, "tan", "math.tan", example=("0.0", "0.0"))
tanh = public(tanh_op, "tanh", "math.tanh", "nn.tanh", example=("0.0", "0.0"))
# fmt: on
