"""What the ops of this room share: dtypes, scalars of a dtype, conjugation, ops for gradients."""

from __future__ import annotations

from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import COMPLEX, FLOAT, SIGNED, variant
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.ops import shape_rules
from reflow.ops.define import op

SIGNED_NUMBER = FLOAT | SIGNED | COMPLEX
INEXACT = FLOAT | COMPLEX


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


# Nearly every gradient needs the conjugate; `complex.py` has the other ops of complex numbers.


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


# Gradients that have ops of their own.


def zero_where(xp: Any, gradient: Any, value: Any) -> Any:
    """`value`, but 0 where the gradient that comes in is: 0 * infinity is no NaN here."""
    return xp.where(gradient == 0, literal(gradient, 0), value)


def gradient_op(name: str, doc: str, lower: Any, grad: Any) -> Any:
    """The op of the gradient of an output `y`, which is what its rule needs to know."""
    return op(
        f"{name}(y: T, dy: T, *, T: FLOAT|COMPLEX) -> z: T",
        doc,
        shape=shape_rules.merge,
        grad=grad,
    )(lower)
