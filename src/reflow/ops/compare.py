"""Comparisons, logic, tests for special values, and the choice between two tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import NUMBER, QUANTIZED_DTYPES, REAL
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops import shape_rules
from reflow.ops.define import comparison, op
from reflow.ops.public import public

# fmt: off
less_op = comparison("Less", "Whether x < y, element-wise.", T=REAL,
                     lower=lambda xp, x, y: xp.less(x, y), partial="whole")
less_equal_op = comparison("LessEqual", "Whether x <= y, element-wise.", T=REAL,
                           lower=lambda xp, x, y: xp.less_equal(x, y), partial="whole")
greater_op = comparison("Greater", "Whether x > y, element-wise.", T=REAL,
                        lower=lambda xp, x, y: xp.greater(x, y), partial="whole")
greater_equal_op = comparison("GreaterEqual", "Whether x >= y, element-wise.", T=REAL,
                              lower=lambda xp, x, y: xp.greater_equal(x, y), partial="whole")
# fmt: on


def _equality_shape(x, y, *, incompatible_shape_error):
    return shape_rules.broadcasting(x, y) if incompatible_shape_error else _if_compatible(x, y)


def _if_compatible(x: Any, y: Any) -> Any:
    """The broadcast shape where there is one for sure; a scalar where there is none for sure."""
    if x._shape.is_fully_defined() and y._shape.is_fully_defined():
        try:
            return shape_rules.broadcasting(x, y)
        except ValueError:
            return shapes.SCALAR
    left, right = x._shape.sizes, y._shape.sizes
    if left is None or right is None:
        return shapes.UNKNOWN
    rank = max(len(left), len(right))
    sizes: list[int | None] = []
    for a, b in zip([1] * (rank - len(left)) + [*left], [1] * (rank - len(right)) + [*right]):
        if a == 1 or b == 1:
            sizes.append(b if a == 1 else a)
        elif a is None or b is None:  # sizes that do not fit would make it a scalar
            return shapes.UNKNOWN
        elif a == b:
            sizes.append(a)
        else:
            return shapes.SCALAR
    return tuple(sizes)


def _equal(xp: Any, x: Any, y: Any, incompatible_shape_error: bool) -> Any:
    """x == y, or None if the shapes do not fit together and that is no error."""
    if not incompatible_shape_error:
        try:
            np.broadcast_shapes(np.shape(x), np.shape(y))
        except ValueError:
            return None
    if xp.is_numpy and x.dtype.names is not None:  # quantized: structured arrays do not broadcast
        field = x.dtype.names[0]
        x, y = x[field], y[field]
    result = xp.equal(x, y)
    return np.asarray(result, bool) if x.dtype == object else result


@op(
    "Equal(x: T, y: T, *, incompatible_shape_error: bool = True) -> z: bool",
    shape=_equality_shape,
    grad=None,
    partial="whole",
)
def equal_op(xp, x, y, *, incompatible_shape_error):
    """Whether x == y, element-wise."""
    result = _equal(xp, x, y, incompatible_shape_error)
    return xp.asarray(False) if result is None else result


@op(
    "NotEqual(x: T, y: T, *, incompatible_shape_error: bool = True) -> z: bool",
    shape=_equality_shape,
    grad=None,
    partial="whole",
)
def not_equal_op(xp, x, y, *, incompatible_shape_error):
    """Whether x != y, element-wise."""
    result = _equal(xp, x, y, incompatible_shape_error)
    return xp.asarray(True) if result is None else ~result


@op(
    "ApproximateEqual(x: T, y: T, *, T: type, tolerance: float = 9.999999747378752e-06) -> z: bool",
    T=NUMBER | QUANTIZED_DTYPES,
    shape=shape_rules.merge,
    grad=None,
)
def approximate_equal_op(xp, x, y, *, tolerance):
    """Whether |x - y| < tolerance, element-wise."""
    if np.shape(x) != np.shape(y):
        raise errors.InvalidArgumentError(
            None, None, f"x and y must be of the same shape. x shape: {list(np.shape(x))}. "
            f"y shape: {list(np.shape(y))}"
        )  # fmt: skip
    difference = xp.abs(x - y)
    return difference < xp.asarray(tolerance).astype(difference.dtype)


# Logic --------------------------------------------------------------------------------------------


def _logical(name: str, doc: str, lower: Any) -> Any:
    return op(
        f"{name}(x: bool, y: bool) -> z: bool",
        doc,
        shape=shape_rules.broadcasting,
        grad=None,
        partial="whole",
    )(lower)


logical_and_op = _logical("LogicalAnd", "x and y, element-wise.", lambda xp, x, y: x & y)
logical_or_op = _logical("LogicalOr", "x or y, element-wise.", lambda xp, x, y: x | y)


@op("LogicalNot(x: bool) -> y: bool", shape=shape_rules.same, grad=None, partial="whole")
def logical_not_op(xp, x):
    """not x, element-wise."""
    return xp.logical_not(x)


@export("math.logical_xor", v1=("logical_xor",))
def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Any:
    """Whether exactly one of x and y is true, element-wise.

    Args:
      x, y: boolean tensors whose shapes broadcast.

    >>> import reflow as tf
    >>> print(tf.math.logical_xor([True, True], [True, False]).numpy())
    [False  True]
    """
    return logical_and_op(
        logical_or_op(x, y), logical_not_op(logical_and_op(x, y)), name=name or "LogicalXor"
    )


# Tests for special values -------------------------------------------------------------------------


def _test(name: str, doc: str, lower: Any) -> Any:
    signature = f"{name}(x: T, *, T: FLOAT) -> y: bool"
    return op(signature, doc, shape=shape_rules.same, grad=None)(lower)


is_nan_op = _test("IsNan", "Whether x is NaN, element-wise.", lambda xp, x: xp.isnan(x))
is_inf_op = _test("IsInf", "Whether x is infinite, element-wise.", lambda xp, x: xp.isinf(x))
is_finite_op = _test(
    "IsFinite", "Whether x is neither infinite nor NaN, element-wise.", lambda xp, x: xp.isfinite(x)
)

# Choosing -----------------------------------------------------------------------------------------


def _select_shape(condition, t, e):
    return t._shape.merge_with(e._shape)


def _select_grad(g, condition):
    zero = convert_to_tensor(0, g.dtype.base_dtype)
    return None, select_v2(condition, g, zero), select_v2(condition, zero, g)


@op("Select(condition: bool, t: T, e: T) -> output: T", shape=_select_shape, partial="whole")
def select_v1(xp, condition, t, e):
    """t where the condition is true, e elsewhere; a vector condition chooses among rows."""
    if np.shape(t) != np.shape(e):
        raise errors.InvalidArgumentError(
            None,
            None,
            f"'then' and 'else' must have the same size, but received: {list(np.shape(t))} vs. "
            f"{list(np.shape(e))}",
        )
    rank, wanted = np.ndim(condition), np.shape(t)
    if np.shape(condition) != wanted and rank != 0:
        if rank != 1 or not wanted or np.shape(condition)[0] != wanted[0]:
            raise errors.InvalidArgumentError(
                None,
                None,
                "Inputs to operation Select must have the same size and shape. Input 0: "
                f"{list(np.shape(condition))} != input 1: {list(wanted)}",
            )
        condition = xp.reshape(condition, (-1,) + (1,) * (len(wanted) - 1))
    return xp.where(condition, t, e)


@select_v1.gradient_rule
def _select_v1_grad(g, condition):
    zero = convert_to_tensor(0, g.dtype.base_dtype)
    zeros = zero if g.shape.rank == 0 else _zeros_like(g)
    return None, select_v1(condition, g, zeros), select_v1(condition, zeros, g)


def _zeros_like(g: Any) -> Any:
    from reflow.lang.opdef import REGISTRY

    return REGISTRY["ZerosLike"](g)


@op(
    "SelectV2(condition: bool, t: T, e: T) -> output: T",
    shape=shape_rules.broadcasting,
    broadcast=True,
    grad=_select_grad,
    partial="whole",
)
def select_v2(xp, condition, t, e):
    """t where the condition is true, e elsewhere; all three broadcast."""
    return xp.where(condition, t, e)


# Public functions ---------------------------------------------------------------------------------


@export("equal", "math.equal")
def equal(x: Any, y: Any, name: str | None = None) -> Any:
    """Whether x == y, element-wise.

    Args:
      x, y: tensors of one dtype, whose shapes broadcast.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> print(tf.equal([1, 2], [1, 3]).numpy())
    [ True False]
    """
    return equal_op(x, y, name=name)


@export("not_equal", "math.not_equal")
def not_equal(x: Any, y: Any, name: str | None = None) -> Any:
    """Whether x != y, element-wise.

    Args:
      x, y: tensors of one dtype, whose shapes broadcast.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> print(tf.not_equal([1, 2], [1, 3]).numpy())
    [False  True]
    """
    return not_equal_op(x, y, name=name)


@export("math.is_non_decreasing", v1=("is_non_decreasing", "debugging.is_non_decreasing"))
def is_non_decreasing(x: Any, name: str | None = None) -> Any:
    """Whether no element of `x`, in row-major order, is smaller than the one before it.

    >>> import reflow as tf
    >>> print(tf.math.is_non_decreasing([1, 1, 3]).numpy())
    True
    """
    with name_scope(name, "is_non_decreasing"):
        return _all_steps(x, lambda step, zero: less_equal_op(zero, step))


@export(
    "math.is_strictly_increasing",
    v1=("is_strictly_increasing", "debugging.is_strictly_increasing"),
)
def is_strictly_increasing(x: Any, name: str | None = None) -> Any:
    """Whether each element of `x`, in row-major order, is larger than the one before it.

    >>> import reflow as tf
    >>> print(tf.math.is_strictly_increasing([1, 1, 3]).numpy())
    False
    """
    with name_scope(name, "is_strictly_increasing"):
        return _all_steps(x, lambda step, zero: less_op(zero, step))


def _all_steps(x: Any, test: Any) -> Any:
    from reflow.lang.opdef import REGISTRY
    from reflow.ops.reduce import reduce_all

    flat = REGISTRY["Reshape"](convert_to_tensor(x, name="x"), [-1])
    steps = flat[1:] - flat[:-1]
    return reduce_all(test(steps, convert_to_tensor(0, steps.dtype)))


# fmt: off
less = public(less_op, "less", "math.less", example=("[1, 2], 2", "[ True False]"))
less_equal = public(less_equal_op, "less_equal", "math.less_equal",
                    example=("[1, 3], 2", "[ True False]"))
greater = public(greater_op, "greater", "math.greater", example=("[1, 3], 2", "[False  True]"))
greater_equal = public(greater_equal_op, "greater_equal", "math.greater_equal",
                       example=("[1, 2], 2", "[False  True]"))
logical_and = public(logical_and_op, "logical_and", "math.logical_and",
                     example=("[True, True], [True, False]", "[ True False]"))
logical_or = public(logical_or_op, "logical_or", "math.logical_or",
                    example=("[True, False], [True, False]", "[ True False]"))
logical_not = public(logical_not_op, "logical_not", "math.logical_not",
                     example=("[True, False]", "[False  True]"))
is_nan = public(is_nan_op, "math.is_nan", v1=("is_nan", "debugging.is_nan"),
                example=("[1.0, float('nan')]", "[False  True]"))
is_inf = public(is_inf_op, "math.is_inf", v1=("is_inf", "debugging.is_inf"),
                example=("[1.0, float('inf')]", "[False  True]"))
is_finite = public(is_finite_op, "math.is_finite", v1=("is_finite", "debugging.is_finite"),
                   example=("[1.0, float('inf')]", "[ True False]"))
# fmt: on
