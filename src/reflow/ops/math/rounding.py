"""Rounding, element-wise, and the next number there is."""

from __future__ import annotations

from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT
from reflow.lang.export import export
from reflow.ops import shape_rules
from reflow.ops.define import op, unary
from reflow.ops.math.elementwise import SIGNED_NUMBER, is_integer
from reflow.ops.public import public

# fmt: off
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


# Public functions ---------------------------------------------------------------------------------

# fmt: off
ceil = public(ceil_op, "math.ceil", v1=("ceil",), example=("[1.2, -1.2]", "[ 2. -1.]"))
floor = public(floor_op, "floor", "math.floor", example=("[1.7, -1.2]", "[ 1. -2.]"))
nextafter = public(next_after, "math.nextafter", example=("0.0, 1.0", "1e-45"))
rint = public(rint_op, "math.rint", v1=("rint",), example=("[0.5, 1.5, -1.7]", "[ 0.  2. -2.]"))
# fmt: on


@export("round", "math.round")
def round(x: Any, name: str | None = None) -> Any:
    """x rounded to the nearest integer, halves to the even one, element-wise; integers as they are.

    >>> import reflow as tf
    >>> print(tf.round([0.5, 1.5, -2.7]).numpy())
    [ 0.  2. -3.]
    """
    x = convert_to_tensor(x, name="x")
    return x if x.dtype.is_integer else round_op(x, name=name)
