"""Casts between dtypes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import Tensor
from reflow.ops import shape_rules
from reflow.ops.define import op


@op(
    "Cast(x: SrcT, *, SrcT: type, DstT: type, Truncate: bool = False) -> y: DstT",
    shape=shape_rules.same,
    partial=True,
    elementwise=True,
)
def cast_op(xp, x, *, SrcT, DstT, Truncate):
    """`x` with another dtype.

    Floats go to integers towards zero; what an integer of 8 or 16 bits cannot hold becomes its
    nearest value, what one of 32 or 64 bits cannot hold becomes its smallest. Integers wrap around.
    """
    if SrcT is DstT or (x.dtype == np.float64 and SrcT.is_integer):
        return x  # the latter: an integer that is known in part, while shapes are worked out
    if dtypes.string in (SrcT, DstT) or not (SrcT.is_numpy_compatible and DstT.is_numpy_compatible):
        raise errors.UnimplementedError(
            None, None, f"Cast {SrcT.name} to {DstT.name} is not supported"
        )
    if SrcT.is_quantized:
        x = x[x.dtype.names[0]]
    target = DstT.np
    if DstT.is_quantized:
        if not xp.is_numpy:
            raise errors.UnimplementedError(None, None, f"Cast to {DstT.name} when compiled")
        result = np.empty(np.shape(x), target)
        result[target.names[0]] = _converted(xp, x, target[0])
        return result
    if Truncate and SrcT.is_floating and DstT in (dtypes.bfloat16, dtypes.float16):
        x = _cut_mantissa(xp, x, DstT)
    return _converted(xp, x, target)


@cast_op.gradient_rule
def _cast_grad(g, *, SrcT, DstT):
    inexact = SrcT.is_floating or SrcT.is_complex
    return cast_op(g, DstT=SrcT) if inexact and (DstT.is_floating or DstT.is_complex) else None


def _converted(xp: Any, x: Any, target: np.dtype) -> Any:
    """`x` as an array of the NumPy dtype `target`, which is not structured."""
    x = xp.asarray(x)
    if x.dtype.kind == "c" and target.kind != "c":
        x = xp.real(x)
    if x.dtype.kind in "fV" and x.dtype.name not in _SMALL_INTEGERS:
        if target.kind in "iu" or target.name in _SMALL_INTEGERS:
            return _to_integer(xp, x, target)
    if target == np.bool_ and x.dtype.kind == "V":
        return x.astype(np.float32) != 0
    return x.astype(target)


_SMALL_INTEGERS = ("int2", "uint2", "int4", "uint4")


def _to_integer(xp: Any, x: Any, target: np.dtype) -> Any:
    if x.dtype.kind == "V":
        x = x.astype(np.float32)
    if target.itemsize >= 4:
        return _to_wide(xp, x, target)
    wide = _to_wide(xp, x, np.dtype(np.int32))
    limits = as_dtype(target)
    return xp.clip(wide, np.int32(limits.min), np.int32(limits.max)).astype(target)


def _to_wide(xp: Any, x: Any, target: np.dtype) -> Any:
    if xp.is_numpy and target.kind == "i":
        return x.astype(target)  # the processor's conversion does what follows by itself
    signed = np.dtype(np.int32) if target == np.int32 else np.dtype(np.int64)
    limit = x.dtype.type(2.0 ** (8 * signed.itemsize - 1) if x.dtype.itemsize > 2 else np.inf)
    fits = xp.abs(x) < limit
    safe = xp.where(fits, x, x.dtype.type(0)).astype(signed)
    result = xp.where(fits, safe, signed.type(np.iinfo(signed).min))
    if target != np.uint64:
        return result.astype(target)
    high = (x >= limit) & (x < limit * x.dtype.type(2))
    upper = xp.where(high, x, x.dtype.type(0)).astype(target)
    return xp.where(high, upper, result.astype(target))


def _cut_mantissa(xp: Any, x: Any, target: DType) -> Any:
    """`x` with the bits cleared that `target` lacks, so that the conversion is towards zero."""
    bits = {2: np.uint16, 4: np.uint32, 8: np.uint64}[x.dtype.itemsize]
    kept = 7 if target is dtypes.bfloat16 else 10
    mantissa = {"float32": 23, "float64": 52, "float16": 10, "bfloat16": 7}[x.dtype.name]
    if mantissa <= kept:
        return x
    mask = bits(~((1 << (mantissa - kept)) - 1) & (2 ** (8 * x.dtype.itemsize) - 1))
    x = xp.asarray(x)
    return (x.view(bits) & mask).view(x.dtype)


@export("cast", "dtypes.cast")
def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """`x` with another dtype; `x` itself when it has that dtype already.

    Floats go to integers towards zero. Complex numbers lose their imaginary part on the way to real
    ones.

    Args:
      x: a tensor, `SparseTensor`, `RaggedTensor` or `IndexedSlices` of numbers or truth values.
      dtype: the dtype to have.

    Raises:
      TypeError: if `x` cannot be converted to a tensor.
      UnimplementedError: for strings, resources and variants.

    >>> import reflow as tf
    >>> print(tf.cast([1.8, -2.2], tf.int32).numpy())
    [ 1 -2]
    """
    wanted = as_dtype(dtype).base_dtype
    if isinstance(x, Tensor):
        if x.dtype is wanted:
            return x
    elif hasattr(x, "dtype") and hasattr(x, "values") and not isinstance(x, np.ndarray):
        return _cast_values(x, wanted, name)
    else:
        with name_scope(name, "Cast") as scope:
            x = convert_to_tensor(x, name="x")
            if x.dtype.base_dtype is wanted:
                return x
            return cast_op(x, DstT=wanted, name=scope or None)
    if x.dtype.base_dtype is wanted:
        return x
    if x.dtype.is_complex and wanted.is_floating:
        warnings.warn(
            "You are casting an input of type complex to an incompatible dtype; this discards the "
            "imaginary part. Take tf.math.real first if that is meant.",
            stacklevel=2,
        )
    return cast_op(x, DstT=wanted, name=name)


def _cast_values(x: Any, dtype: DType, name: str | None) -> Any:
    """A composite tensor with its values cast."""
    if hasattr(x, "with_values"):  # SparseTensor, RaggedTensor
        return x.with_values(cast(x.values, dtype, name))
    from reflow.lang.indexed_slices import IndexedSlices

    return IndexedSlices(cast(x.values, dtype, name), x.indices, x.dense_shape)


@export("saturate_cast", "dtypes.saturate_cast")
def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Any:
    """`value` with another dtype; what that cannot hold becomes the nearest value it can.

    Args:
      value: a tensor of numbers.
      dtype: the dtype to have.

    >>> import reflow as tf
    >>> print(tf.saturate_cast([-1.0, 300.0], tf.uint8).numpy())
    [  0 255]
    """
    with name_scope(name, "saturate_cast") as scope:
        value = convert_to_tensor(value, name="value")
        wanted = as_dtype(dtype).base_dtype
        source = value.dtype.base_dtype
        if source.is_complex:
            if not wanted.is_complex:
                value = REGISTRY["Real"](value, Tout=source.real_dtype)
                source = source.real_dtype
            elif source.size > wanted.size:
                real, imag = (
                    _clamped(REGISTRY[part](value, Tout=source.real_dtype), wanted.real_dtype)
                    for part in ("Real", "Imag")
                )
                value = REGISTRY["Complex"](real, imag, Tout=source)
        if not source.is_complex and not source.is_bool:
            value = _clamped(value, wanted.real_dtype)
        return cast(value, wanted, name=scope or None)


def _clamped(value: Any, wanted: DType) -> Any:
    """`value` within the limits of `wanted`, which are first rounded into its own dtype."""
    source = value.dtype.base_dtype
    if wanted.is_bool or (source.min >= wanted.min and source.max <= wanted.max):
        return value
    low = _inner_limit(source, max(source.min, wanted.min), wanted.min, 1)
    high = _inner_limit(source, min(source.max, wanted.max), wanted.max, -1)
    return REGISTRY["ClipByValue"](
        value, convert_to_tensor(low, source), convert_to_tensor(high, source), name="clamp"
    )


def _inner_limit(source: DType, limit: Any, bound: Any, inwards: int) -> Any:
    """`limit` in the dtype `source`, moved inwards if rounding put it beyond `bound`."""
    if source.is_integer:
        return np.array(int(limit), source.np)
    rounded = np.array(limit, source.np)
    if (float(rounded) - float(bound)) * inwards < 0 or int_beyond(rounded, bound, inwards):
        rounded = np.nextafter(rounded, np.array(0, source.np))
    return rounded


def int_beyond(value: Any, bound: Any, inwards: int) -> bool:
    """Whether a float lies beyond an integer bound, compared exactly."""
    if not isinstance(bound, int) or not np.isfinite(np.float64(value)):
        return False
    return (int(value) - bound) * inwards < 0


def _shorthand(name: str, dtype: DType, node: str) -> Any:
    def to(x: Any, name: str = node) -> Any:
        return cast(x, dtype, name=name)

    to.__name__ = to.__qualname__ = name
    to.__doc__ = f"""Casts `x` to {dtype.name}: an old name of `tf.cast(x, tf.{dtype.name})`.

    Args:
      x: a tensor.

    >>> import reflow as tf
    >>> tf.compat.v1.{name}([1.0]).dtype
    tf.{dtype.name}
    """
    return export(v1=(name,))(to)


to_float = _shorthand("to_float", dtypes.float32, "ToFloat")
to_double = _shorthand("to_double", dtypes.float64, "ToDouble")
to_int32 = _shorthand("to_int32", dtypes.int32, "ToInt32")
to_int64 = _shorthand("to_int64", dtypes.int64, "ToInt64")
to_bfloat16 = _shorthand("to_bfloat16", dtypes.bfloat16, "ToBFloat16")
to_complex64 = _shorthand("to_complex64", dtypes.complex64, "ToComplex64")
to_complex128 = _shorthand("to_complex128", dtypes.complex128, "ToComplex128")
