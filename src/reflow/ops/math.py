"""Element-wise arithmetic."""

from __future__ import annotations

from typing import Any

from reflow.lang.dtypes import COMPLEX, FLOAT, NUMBER, STRING, as_dtype
from reflow.lang.export import export
from reflow.ops import shape_rules
from reflow.ops.define import binary, op, unary

# Arithmetic ---------------------------------------------------------------------------------------

add_v2 = binary(
    "AddV2", "x + y.", T=NUMBER, lower=lambda xp, x, y: x + y,
    grad=(lambda g: g, lambda g: g), partial=True,
)  # fmt: skip
add_v1 = binary(
    "Add", "x + y, of strings too.", T=NUMBER | STRING, lower=lambda xp, x, y: x + y,
    grad=(lambda g: g, lambda g: g), partial=True,
)  # fmt: skip
sub = binary(
    "Sub", "x - y.", T=NUMBER, lower=lambda xp, x, y: x - y,
    grad=(lambda g: g, lambda g: neg(g)), partial=True,
)  # fmt: skip
mul = binary(
    "Mul", "x * y.", T=NUMBER, lower=lambda xp, x, y: x * y,
    grad=(lambda g, y: g * conj(y), lambda g, x: g * conj(x)), partial=True,
)  # fmt: skip
neg = unary("Neg", "-x.", T=NUMBER, lower=lambda xp, x: -x, grad=lambda g: neg(g), partial=True)
exp_op = unary(
    "Exp", "e to the power x.", T=FLOAT | COMPLEX, lower=lambda xp, x: xp.exp(x),
    grad=lambda g, y: g * conj(y),
)  # fmt: skip
conj_op = unary(
    "Conj", "The complex conjugate.", T=COMPLEX, lower=lambda xp, x: xp.conj(x),
    grad=lambda g: conj(g),
)  # fmt: skip


def conj(x: Any) -> Any:
    """The complex conjugate; a real tensor as it is."""
    return conj_op(x) if x.dtype.is_complex else x
