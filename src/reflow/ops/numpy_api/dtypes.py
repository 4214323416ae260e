"""Promotion and conversion as NumPy does them: Python's numbers are weak, and float64 where nothing says else."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any, TypeVar

import ml_dtypes
import numpy as np

from reflow.lang import nest
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.dtypes import float32 as tf_float32
from reflow.lang.dtypes import float64 as tf_float64
from reflow.lang.export import export, export_value
from reflow.lang.tensor import Tensor, is_tensor
from reflow.ops import array as array_ops
from reflow.ops.cast import cast

F = TypeVar("F", bound=Callable[..., Any])
prefers_float32 = [False]  # what Python's floats become: see behavior.enable_numpy_behavior

newaxis = None
pi, e, inf = math.pi, math.e, math.inf
ndarray = Tensor
bool_, int_, float_, complex_ = np.bool_, np.int64, np.float64, np.complex128
string_, unicode_, object_, inexact = np.bytes_, np.str_, np.object_, np.inexact
int8, int16, int32, int64 = np.int8, np.int16, np.int32, np.int64
uint8, uint16, uint32, uint64 = np.uint8, np.uint16, np.uint32, np.uint64
float16, float32, float64 = np.float16, np.float32, np.float64
complex64, complex128 = np.complex64, np.complex128
iinfo = np.iinfo
_VALUES = (
    "newaxis pi e inf ndarray bool_ int_ float_ complex_ string_ unicode_ object_ inexact int8 int16 int32 int64"
    " uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128 iinfo"
)
for _name in _VALUES.split():
    export_value(__name__, _name, f"experimental.numpy.{_name}")


def published(*names: str) -> Callable[[F], F]:
    """Publishes a function as `tf.experimental.numpy.NAME`, by default under its own name."""

    def publish(function: F) -> F:
        export(*[f"experimental.numpy.{n}" for n in names or (function.__name__,)])(function)
        return function

    return publish


def default_float() -> DType:
    """The dtype of Python's floats."""
    return tf_float32 if prefers_float32[0] else tf_float64


def given_dtype(dtype: Any) -> DType:
    """A dtype as callers write it; `float` is the default one, `int` has 64 bits."""
    if dtype is builtins.float:
        return default_float()
    wide = dtype is builtins.int or dtype is builtins.complex
    return as_dtype(np.dtype(dtype) if wide else dtype)


def _kinds(x: Any) -> list[Any]:
    """What `np.result_type` takes for a value or a dtype: lists count by what is in them."""
    if is_tensor(x):
        return [as_dtype(x.dtype).base_dtype.np]
    if isinstance(x, (list, tuple)):
        return [kind for leaf in nest.flatten(x) for kind in _kinds(leaf)] or [np.float64]
    if isinstance(x, (builtins.bool, builtins.int, builtins.float, builtins.complex)):
        return [x if not isinstance(x, np.generic) else x.dtype]
    if isinstance(x, (str, bytes)):
        return [np.asarray(x).dtype]
    if isinstance(x, DType):
        return [x.base_dtype.np]
    if isinstance(x, (type, np.dtype)):
        return [np.dtype(x)]
    return [np.asarray(x).dtype]


@published()
def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype that NumPy would compute in with these.

    Args:
      *arrays_and_dtypes: tensors, arrays, numbers (which are weak), or dtypes.

    Raises:
      TypeError: if they have no common dtype.

    >>> import reflow as tf
    >>> tf.experimental.numpy.result_type(tf.constant([1]), 2.5)
    tf.float64
    """
    kinds = [
        kind
        for each in arrays_and_dtypes
        for kind in ([np.dtype(each)] if isinstance(each, str) else _kinds(each))
    ]
    found = np.result_type(*kinds)
    if prefers_float32[0]:
        found = {"float64": np.dtype(np.float32), "complex128": np.dtype(np.complex64)}.get(
            found.name, found
        )
    return as_dtype(found)


@published()
def promote_types(type1: Any, type2: Any) -> Any:
    """The smallest NumPy dtype that holds both, as `np.promote_types`."""
    return result_type(np.dtype(type1), np.dtype(type2)).np


@published()
def finfo(dtype: Any) -> Any:
    """The limits of a floating-point dtype, as `np.finfo` tells them.

    >>> import reflow as tf
    >>> tf.experimental.numpy.finfo(tf.float32).bits
    32
    """
    kind = as_dtype(dtype).np
    return np.finfo(kind) if kind.kind == "f" else ml_dtypes.finfo(kind)


@published()
def issubdtype(arg1: Any, arg2: Any) -> bool:
    """Whether a dtype belongs to a kind of NumPy's, as `np.issubdtype`."""
    return np.issubdtype(
        arg1.np if isinstance(arg1, DType) else arg1, arg2.np if isinstance(arg2, DType) else arg2
    )


@published("array")
def array(val: Any, dtype: Any = None, copy: bool = True, ndmin: int = 0) -> Any:
    """A tensor of NumPy's dtype for a value: float64 for Python's floats, int64 for its integers.

    Args:
      val: a number, a tensor, an array, or nested lists of these.
      dtype: what to convert it to.
      copy: tensors do not change, so that nothing is copied either way.
      ndmin: dimensions of size 1 are put first until there are so many.

    Raises:
      ValueError: if lists are not rectangular.

    >>> import reflow as tf
    >>> tf.experimental.numpy.array([1, 2.5]).dtype
    tf.float64
    """
    wanted = None if dtype is None else given_dtype(dtype)
    if is_tensor(val):
        result = convert_to_tensor(val)
    elif any(is_tensor(leaf) for leaf in nest.flatten(val)):
        kind = wanted or result_type(val)
        result = convert_to_tensor(nest.map_structure(lambda leaf: array(leaf, kind), val))
    else:
        held = np.asarray(val)
        if held.dtype.kind in "SUO":
            result = convert_to_tensor(val)
        else:
            kind = wanted or result_type(val)
            result = convert_to_tensor(held.astype(kind.np), kind)
    if wanted is not None and result.dtype != wanted:
        result = cast(result, wanted)
    missing = ndmin - result._rank if ndmin else 0
    if missing > 0:
        result = array_ops.reshape(result, [1] * missing + list(_sizes(result)))
    return result


def _sizes(x: Any) -> Any:
    from reflow.ops.indexing import sizes_of

    return sizes_of(x)


@published("asarray", "asanyarray", "ascontiguousarray")
def asarray(a: Any, dtype: Any = None) -> Any:
    """`array`, which leaves tensors as they are.

    >>> import reflow as tf
    >>> tf.experimental.numpy.asarray(2).dtype
    tf.int64
    """
    return a if isinstance(a, Tensor) and dtype is None else array(a, dtype)


@published("copy")
def copy(a: Any) -> Any:
    """The same array: tensors do not change."""
    return array(a)


def promoted(*values: Any) -> list[Any]:
    """The values as tensors of their common dtype."""
    dtypes = [x.dtype if isinstance(x, Tensor) else None for x in values]
    if None not in dtypes and len(set(dtypes)) == 1:
        return list(values)
    common = result_type(*values)
    return [array(each, common) for each in values]


def as_float(x: Any) -> Any:
    """The value as a tensor that has fractions: integers and truth values become the default float."""
    x = asarray(x)
    kind = x.dtype
    return x if kind.is_floating or kind.is_complex else cast(x, default_float())


def static_rank(x: Any) -> int:
    """The rank of a tensor.

    Raises:
      ValueError: if it is not known while the graph is built.
    """
    rank = x._rank
    if rank is None:
        raise ValueError(
            "the rank of the array has to be known here; use tf.ensure_shape to say it"
        )
    return rank


def checked_axis(axis: int, rank: int) -> int:
    """The axis counted from the first.

    Raises:
      ValueError: if there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of bounds for an array of rank {rank}")
    return axis % rank
