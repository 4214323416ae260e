"""Complex numbers from and to their parts."""

from __future__ import annotations

from typing import Any

from reflow.lang import dtypes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.filling import zeros_like
from reflow.ops.math import real_div, sign_op

_PART = "(input: T, *, T: COMPLEX = complex64, Tout: {float,double} = float) -> output: Tout"


@op(
    "Complex(real: T, imag: T, *, T: {float,double} = float, Tout: COMPLEX = complex64) -> out: Tout",
    shape=shape_rules.broadcasting,
    broadcast=True,
    grad=lambda g, real: (
        real_op(g, Tout=real.dtype.base_dtype),
        imag_op(g, Tout=real.dtype.base_dtype),
    ),
)
def complex_op(xp, real, imag, *, Tout):
    """real + imag * i, element-wise."""
    real, imag = xp.broadcast_arrays(real, imag)
    if not xp.is_numpy:
        return xp.lax.complex(xp.asarray(real), xp.asarray(imag)).astype(Tout.np)
    result = xp.empty(real.shape, Tout.np)
    result.real, result.imag = real, imag
    return result


@op(
    f"Real{_PART}",
    shape=shape_rules.same,
    grad=lambda g, input: complex_op(g, _zero(g), Tout=input.dtype.base_dtype),
)
def real_op(xp, input, *, Tout):
    """The real part, element-wise."""
    return xp.real(input).astype(Tout.np)


@op(
    f"Imag{_PART}",
    shape=shape_rules.same,
    grad=lambda g, input: complex_op(_zero(g), g, Tout=input.dtype.base_dtype),
)
def imag_op(xp, input, *, Tout):
    """The imaginary part, element-wise."""
    return xp.imag(input).astype(Tout.np)


@op(f"Angle{_PART}", shape=shape_rules.same)
def angle_op(xp, input, *, Tout):
    """The angle to the positive real axis, in radians, element-wise."""
    return xp.angle(input).astype(Tout.np)


@angle_op.gradient_rule
def _angle_grad(g, input):
    real = real_op(input, Tout=g.dtype.base_dtype)
    imag = imag_op(input, Tout=g.dtype.base_dtype)
    along = complex_op(imag, real, Tout=input.dtype.base_dtype)
    upstream = complex_op(g, _zero(g), Tout=input.dtype.base_dtype)
    return real_div(-upstream, along)


@op(
    "ComplexAbs(x: T, *, T: COMPLEX = complex64, Tout: {float,double} = float) -> y: Tout",
    shape=shape_rules.same,
    grad=lambda g, x: complex_op(g, _zero(g), Tout=x.dtype.base_dtype) * sign_op(x),
)
def complex_abs(xp, x, *, Tout):
    """The absolute value of complex numbers, element-wise."""
    return xp.abs(x).astype(Tout.np)


def _zero(g: Any) -> Any:
    """A scalar 0 in the dtype of `g`."""
    return convert_to_tensor(0, g.dtype.base_dtype)


@export("complex", "dtypes.complex")
def complex(real: Any, imag: Any, name: str | None = None) -> Any:
    """real + imag * i, element-wise.

    Args:
      real, imag: float32 or float64 tensors of one dtype.

    Raises:
      TypeError: if the dtypes differ, or are no such floats.

    >>> import reflow as tf
    >>> print(tf.complex([1.0, 2.0], [3.0, 4.0]).numpy())
    [1.+3.j 2.+4.j]
    """
    with name_scope(name, "Complex") as scope:
        real = convert_to_tensor(real, name="real")
        imag = convert_to_tensor(imag, name="imag")
        pairs = {dtypes.float32: dtypes.complex64, dtypes.float64: dtypes.complex128}
        wanted = pairs.get(real.dtype.base_dtype)
        if wanted is None or real.dtype.base_dtype is not imag.dtype.base_dtype:
            raise TypeError(
                "The `real` and `imag` components have incorrect types: "
                f"{real.dtype.name} {imag.dtype.name}. They must be consistent, and one of "
                "float32, float64."
            )
        return complex_op(real, imag, Tout=wanted, name=scope or None)


@export("math.real", v1=("real",))
def real(input: Any, name: str | None = None) -> Any:
    """The real part of a tensor, element-wise; a real tensor as it is.

    Args:
      input: a tensor of numbers.

    Raises:
      TypeError: if `input` is not numeric.

    >>> import reflow as tf
    >>> print(tf.math.real([1.0 + 2.0j]).numpy())
    [1.]
    """
    with name_scope(name, "Real") as scope:
        input = convert_to_tensor(input, name="input")
        if input.dtype.is_complex:
            return real_op(input, Tout=input.dtype.real_dtype, name=scope or None)
        if input.dtype.is_floating or input.dtype.is_integer:
            return input
        raise TypeError(f"input must be a numeric tensor, but got tensor with dtype {input.dtype}")


@export("math.imag", v1=("imag",))
def imag(input: Any, name: str | None = None) -> Any:
    """The imaginary part of a tensor, element-wise; zeros for a real tensor.

    >>> import reflow as tf
    >>> print(tf.math.imag([1.0 + 2.0j]).numpy())
    [2.]
    """
    with name_scope(name, "Imag") as scope:
        input = convert_to_tensor(input, name="input")
        if input.dtype.is_complex:
            return imag_op(input, Tout=input.dtype.real_dtype, name=scope or None)
        return zeros_like(input)


@export("math.angle", v1=("angle",))
def angle(input: Any, name: str | None = None) -> Any:
    """The angle to the positive real axis, in radians, element-wise.

    Of a real tensor it is pi where that is negative, 0 elsewhere.

    >>> import reflow as tf
    >>> print(tf.math.angle([1.0 + 0.0j]).numpy())
    [0.]
    """
    with name_scope(name, "Angle") as scope:
        input = convert_to_tensor(input, name="input")
        if input.dtype.is_complex:
            return angle_op(input, Tout=input.dtype.real_dtype, name=scope or None)
        zero, pi = (convert_to_tensor(v, input.dtype.base_dtype) for v in (0, _pi(input.dtype)))
        return REGISTRY["SelectV2"](input < 0, pi, zero)


def _pi(dtype: Any) -> Any:
    return 3 if dtype.is_integer else 3.141592653589793
