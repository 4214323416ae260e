"""Quotients, remainders and reciprocals, element-wise."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import (
    FLOAT,
    NUMBER,
    REAL,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import is_tensor
from reflow.ops.define import binary, unary
from reflow.ops.math.arithmetic import neg, square_op
from reflow.ops.math.elementwise import (
    INEXACT,
    SIGNED_NUMBER,
    conj,
    gradient_op,
    is_integer,
    literal,
    select,
    zero_where,
)
from reflow.ops.math.rounding import ceil_op, floor_op
from reflow.ops.public import public

_KNOWN = (np.ndarray, np.generic)


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


def safely(xp: Any, f: Any, x: Any, y: Any, zero: Any) -> Any:
    """`f(y)` with `y` made harmless where `zero`, and 0 there."""
    return xp.where(zero, literal(x, 0), f(xp.where(zero, literal(y, 1), y)))


def _trunc(x: Any) -> Any:
    """x rounded towards zero."""
    return select(x < 0, ceil_op(x), floor_op(x))


def _xdivy_grad(g: Any, x: Any, y: Any) -> Any:
    to_x = xdivy_op(not_zero(x), y)
    to_y = xdivy_op(neg(x), square_op(y))
    return g * conj(to_x), g * conj(to_y)


def not_zero(x: Any) -> Any:
    """1 where x is not 0, in its dtype."""
    return REGISTRY["Cast"](REGISTRY["NotEqual"](x, 0), DstT=x.dtype.base_dtype)


def _reciprocal_grad(xp: Any, y: Any, dy: Any) -> Any:
    y = xp.conj(y)
    return zero_where(xp, dy, -dy * y * y)


def _reciprocal_grad_grad(g: Any, y: Any, dy: Any) -> Any:
    return -2.0 * conj(g) * dy * conj(y), reciprocal_grad(conj(y), g)


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
    lower=lambda xp, x, y: safely(xp, lambda y: x / y, x, y, y == 0),
    grad=(
        lambda g, y: div_no_nan_op(g, conj(y)),
        lambda g, x, y: g * div_no_nan_op(div_no_nan_op(neg(conj(x)), conj(y)), conj(y)),
    ),
)
mod_op = binary("Mod", "The remainder of x / y with the sign of x, element-wise.",
                T=FLOAT | {int32, int64}, lower=_remainder,
                grad=(lambda g: g, lambda g, x, y: neg(g) * _trunc(real_div(x, y))))
floor_mod_op = binary("FloorMod", "The remainder of x / y with the sign of y, element-wise.",
                      T=REAL, lower=_floor_remainder, partial=True,
                      grad=(lambda g: g, lambda g, x, y: neg(g) * floor_div(x, y)))
truncate_mod = binary("TruncateMod", "The remainder of x / y with the sign of x, element-wise.",
                      T=FLOAT | {int32, int64}, lower=_remainder,
                      grad=(lambda g: g, lambda g, x, y: neg(g) * _trunc(real_div(x, y))))
reciprocal_op = unary("Reciprocal", "1 / x, element-wise.", T=SIGNED_NUMBER,
                      lower=lambda xp, x: _divided(xp, literal(x, 1), x),
                      grad=lambda g, y: reciprocal_grad(y, g))
inv_op = unary("Inv", "1 / x, element-wise: an old name of Reciprocal.", T=SIGNED_NUMBER,
               lower=lambda xp, x: _divided(xp, literal(x, 1), x), grad=lambda g, y: inv_grad(y, g))
xdivy_op = binary(
    "Xdivy", "x / y, and 0 where x is 0 whatever y is, element-wise.", T=INEXACT,
    lower=lambda xp, x, y: safely(xp, lambda y: x / y, x, y, x == 0), grad=_xdivy_grad,
)
# fmt: on


reciprocal_grad = gradient_op(
    "ReciprocalGrad",
    "The gradient of y = 1 / x: -dy y**2.",
    _reciprocal_grad,
    _reciprocal_grad_grad,
)
inv_grad = gradient_op(
    "InvGrad", "The gradient of y = 1 / x: -dy y**2.", _reciprocal_grad, _reciprocal_grad_grad
)

# Public functions ---------------------------------------------------------------------------------

# fmt: off
div_no_nan = public(div_no_nan_op, "math.divide_no_nan", v1=("div_no_nan",), attribute="div_no_nan", node="div_no_nan",
                    example=("[1.0, 1.0], [2.0, 0.0]", "[0.5 0. ]"))
floor_mod = public(
    floor_mod_op, "math.floormod", "math.mod", v1=("floormod", "mod"), attribute="floor_mod",
    example=("[7, -7], 3", "[1 2]"),
    errors="InvalidArgumentError: for an integer division by zero.",
)
floor_div_v1 = public(
    floor_div, v1=("floor_div",), attribute="floor_div_v1", example=("[7, -7], 2", "[ 3 -4]"),
    errors="InvalidArgumentError: for an integer division by zero.",
)
realdiv = public(real_div, "realdiv", example=("1.0, 4.0", "0.25"))
reciprocal = public(reciprocal_op, "math.reciprocal", v1=("reciprocal",), example=("4.0", "0.25"))
truncatediv = public(
    truncate_div, "truncatediv", example=("[7, -7], 3", "[ 2 -2]"),
    errors="InvalidArgumentError: for an integer division by zero.",
)
truncatemod = public(
    truncate_mod, "truncatemod", example=("[7, -7], 3", "[ 1 -1]"),
    errors="InvalidArgumentError: for an integer division by zero.",
)
xdivy = public(xdivy_op, "math.xdivy", scope="xdivy", example=("[0.0, 1.0], [0.0, 2.0]", "[0.  0.5]"))
# fmt: on


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
    inexact = getattr(dtype, "is_floating", False) or getattr(dtype, "is_complex", False)
    if inexact and (not is_tensor(y) or y.dtype is dtype):
        return real_div(x, y, name=name or "truediv")
    with name_scope(name, "truediv") as scope:
        hint = None if isinstance(x, (np.ndarray, np.generic)) else getattr(y, "dtype", None)
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
