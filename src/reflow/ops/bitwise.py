"""Bits of integers: logic, shifts, counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang.dtypes import INTEGER
from reflow.ops import shape_rules
from reflow.ops.define import binary, op, unary
from reflow.ops.public import public


def _shift_count(xp: Any, x: Any, y: Any) -> Any:
    """y within what x can be shifted by: negative counts are 0, large ones all bits but one."""
    return xp.clip(y, x.dtype.type(0), x.dtype.type(8 * x.dtype.itemsize - 1))


# fmt: off
bitwise_and_op = binary("BitwiseAnd", "The bits that are set in both x and y, element-wise.",
                        T=INTEGER, lower=lambda xp, x, y: x & y, grad=None, partial="whole")
bitwise_or_op = binary("BitwiseOr", "The bits that are set in x or y, element-wise.",
                       T=INTEGER, lower=lambda xp, x, y: x | y, grad=None, partial="whole")
bitwise_xor_op = binary("BitwiseXor", "The bits that are set in exactly one of x and y, element-wise.",
                        T=INTEGER, lower=lambda xp, x, y: x ^ y, grad=None, partial="whole")
left_shift_op = binary("LeftShift", "x with its bits moved y places up, element-wise.", T=INTEGER,
                       lower=lambda xp, x, y: xp.left_shift(x, _shift_count(xp, x, y)), grad=None)
right_shift_op = binary(
    "RightShift", "x with its bits moved y places down, element-wise; the sign stays.", T=INTEGER,
    lower=lambda xp, x, y: xp.right_shift(x, _shift_count(xp, x, y)), grad=None,
)
invert_op = unary("Invert", "x with all its bits flipped, element-wise.", T=INTEGER,
                  lower=lambda xp, x: ~x, grad=None, partial="whole")
# fmt: on


@op("PopulationCount(x: T, *, T: INTEGER) -> y: uint8", shape=shape_rules.same, grad=None)
def population_count(xp, x):
    """How many bits of x are set, element-wise."""
    x = xp.asarray(x)
    # bitwise_count of NumPy counts the bits of |x|; those of the two's complement are wanted.
    return xp.bitwise_count(x.view(np.dtype(f"u{x.dtype.itemsize}"))).astype(np.uint8)


# fmt: off
bitwise_and = public(bitwise_and_op, "bitwise.bitwise_and", example=("[6, 12], 4", "[4 4]"))
bitwise_or = public(bitwise_or_op, "bitwise.bitwise_or", example=("[6, 12], 1", "[ 7 13]"))
bitwise_xor = public(bitwise_xor_op, "bitwise.bitwise_xor", example=("[6, 12], 4", "[2 8]"))
invert = public(invert_op, "bitwise.invert", example=("[0, 5]", "[-1 -6]"))
left_shift = public(left_shift_op, "bitwise.left_shift", example=("[1, 3], 2", "[ 4 12]"))
right_shift = public(right_shift_op, "bitwise.right_shift", example=("[4, -8], 2", "[ 1 -2]"))
# fmt: on
