"""TensorFlow's data types: https://www.tensorflow.org/api_docs/python/tf/dtypes/DType"""

from __future__ import annotations

import builtins
import functools
from typing import Any

import ml_dtypes
import numpy as np

_REF = 100  # DT_FLOAT_REF = DT_FLOAT + 100, and so on: types.proto


class DType:
    """The type of the elements of a tensor.

    Instances are interned: `tf.as_dtype("float32") is tf.float32`. A reference type (`float32_ref`,
    the output of a TF 1 variable) is a type of its own whose `base_dtype` is the plain one.

    >>> import reflow as tf
    >>> tf.float32.size, tf.float32.is_floating, tf.int8.min
    (4, True, -128)
    """

    __slots__ = (
        "name",
        "as_datatype_enum",
        "as_numpy_dtype",
        "np",
        "is_ref_dtype",
        "base_dtype",
        "_ref_dtype",
        "is_floating",
        "is_complex",
        "is_integer",
        "is_quantized",
        "is_bool",
        "is_numpy_compatible",
        "real_dtype",
    )
    name: str
    as_datatype_enum: int
    as_numpy_dtype: Any
    np: Any  # the dtype of the NumPy arrays that hold such values inside Reflow
    base_dtype: DType
    real_dtype: DType
    _ref_dtype: DType

    def __init__(self, name: str, enum: int, numpy_type: Any, kind: str, base: DType | None = None):
        self.name = name
        self.as_datatype_enum = enum
        self.as_numpy_dtype = numpy_type
        self.np = np.dtype(numpy_type)
        self.is_ref_dtype = base is not None
        self.base_dtype = base or self
        self.is_floating = kind == "f"
        self.is_complex = kind == "c"
        self.is_integer = kind == "i"
        self.is_quantized = kind == "q"
        self.is_bool = kind == "b"
        self.is_numpy_compatible = name not in ("resource", "variant")
        self.real_dtype = self
        if base is None:
            self._ref_dtype = DType(name + "_ref", enum + _REF, numpy_type, kind, base=self)
        else:
            self._ref_dtype = self

    @property
    def _is_ref_dtype(self) -> builtins.bool:
        return self.is_ref_dtype

    @property
    def _as_ref(self) -> DType:
        return self._ref_dtype

    @property
    def is_unsigned(self) -> builtins.bool:
        return self.np.kind == "u"

    @property
    def is_numeric(self) -> builtins.bool:
        """Whether it holds numbers: everything but booleans, strings, resources and variants."""
        kind = self.base_dtype
        return kind.is_floating or kind.is_complex or kind.is_integer or kind.is_quantized

    @property
    def size(self) -> int:
        """Bytes per element (1 for the 4-bit types and for strings, as TensorFlow reports)."""
        if self.base_dtype in (string, resource, variant):
            return 1
        return self.np.itemsize

    @property
    def limits(self) -> tuple[Any, Any]:
        return self.min, self.max

    @property
    def min(self) -> Any:
        return self._limit("min")

    @property
    def max(self) -> Any:
        return self._limit("max")

    @functools.cache  # noqa: B019 (there are few dtypes, and they live for ever)
    def _limit(self, which: str) -> Any:
        if self.is_bool:
            return which == "max"
        if self.is_integer or self.is_quantized:
            plain = self.np if self.np.names is None else self.np[0]
            return int(getattr(ml_dtypes.iinfo(plain), which))
        if self.is_floating:
            return getattr(ml_dtypes.finfo(self.np), which)
        raise TypeError(f"Cannot find {which}imum value of {self.name}.")

    def is_compatible_with(self, other: Any) -> builtins.bool:
        other = as_dtype(other)
        return self is other or self is other.base_dtype

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __int__(self) -> int:
        return self.as_datatype_enum

    def __eq__(self, other: Any) -> builtins.bool:
        if self is other:
            return True
        if other is None:
            return False
        if type(other) is int:  # the enum number, without a look-up: the look-up compares too
            return self.as_datatype_enum == other
        try:
            return self is as_dtype(other)
        except TypeError:
            return False

    def __ne__(self, other: Any) -> builtins.bool:
        return not self == other

    def __hash__(self) -> int:
        return self.as_datatype_enum

    def __reduce__(self) -> tuple:
        return as_dtype, (self.name,)


def _quantized(name: str, plain: Any) -> np.dtype:
    return np.dtype([(name, plain)])


float32 = DType("float32", 1, np.float32, "f")
float64 = DType("float64", 2, np.float64, "f")
int32 = DType("int32", 3, np.int32, "i")
uint8 = DType("uint8", 4, np.uint8, "i")
int16 = DType("int16", 5, np.int16, "i")
int8 = DType("int8", 6, np.int8, "i")
string = DType("string", 7, np.object_, "s")
complex64 = DType("complex64", 8, np.complex64, "c")
int64 = DType("int64", 9, np.int64, "i")
bool = DType("bool", 10, np.bool_, "b")
qint8 = DType("qint8", 11, _quantized("qint8", np.int8), "q")
quint8 = DType("quint8", 12, _quantized("quint8", np.uint8), "q")
qint32 = DType("qint32", 13, _quantized("qint32", np.int32), "q")
bfloat16 = DType("bfloat16", 14, ml_dtypes.bfloat16, "f")
qint16 = DType("qint16", 15, _quantized("qint16", np.int16), "q")
quint16 = DType("quint16", 16, _quantized("quint16", np.uint16), "q")
uint16 = DType("uint16", 17, np.uint16, "i")
complex128 = DType("complex128", 18, np.complex128, "c")
float16 = DType("float16", 19, np.float16, "f")
resource = DType("resource", 20, np.object_, "r")
variant = DType("variant", 21, np.object_, "v")
uint32 = DType("uint32", 22, np.uint32, "i")
uint64 = DType("uint64", 23, np.uint64, "i")
float8_e5m2 = DType("float8_e5m2", 24, ml_dtypes.float8_e5m2, "f")
float8_e4m3fn = DType("float8_e4m3fn", 25, ml_dtypes.float8_e4m3fn, "f")
float8_e4m3fnuz = DType("float8_e4m3fnuz", 26, ml_dtypes.float8_e4m3fnuz, "f")
float8_e4m3b11fnuz = DType("float8_e4m3b11fnuz", 27, ml_dtypes.float8_e4m3b11fnuz, "f")
float8_e5m2fnuz = DType("float8_e5m2fnuz", 28, ml_dtypes.float8_e5m2fnuz, "f")
int4 = DType("int4", 29, ml_dtypes.int4, "i")
uint4 = DType("uint4", 30, ml_dtypes.uint4, "i")
int2 = DType("int2", 31, ml_dtypes.int2, "i")
uint2 = DType("uint2", 32, ml_dtypes.uint2, "i")
half = float16
double = float64
complex64.real_dtype = float32
complex128.real_dtype = float64

# Sets of dtypes, named as op signatures use them.
FLOAT = frozenset((bfloat16, float16, float32, float64))
COMPLEX = frozenset((complex64, complex128))
SIGNED = frozenset((int8, int16, int32, int64))
UNSIGNED = frozenset((uint8, uint16, uint32, uint64))
INTEGER = SIGNED | UNSIGNED
REAL = FLOAT | INTEGER
NUMBER = REAL | COMPLEX
INDEX = frozenset((int32, int64))
BOOL = frozenset((bool,))
STRING = frozenset((string,))
PLAIN = frozenset(
    d for d in list(globals().values()) if isinstance(d, DType) and d.is_numpy_compatible
)
ANY = PLAIN | {resource, variant}

_BY_KEY: dict[Any, DType] = {}
for _d in ANY:
    for _each in (_d, _d._ref_dtype):
        _BY_KEY[_each] = _each
        _BY_KEY[_each.name] = _each
        _BY_KEY[_each.as_datatype_enum] = _each
    if _d.is_numpy_compatible:
        _BY_KEY[_d.np] = _d
        _BY_KEY[_d.as_numpy_dtype] = _d
_BY_KEY.update(half=half, double=double, float=float32, half_ref=half._as_ref)
_BY_KEY.update({float: float32, int: int32, complex: complex128, object: string, str: string})
_BY_KEY.update({bytes: string, builtins.bool: bool})
QUANTIZED_DTYPES = frozenset((qint8, quint8, qint16, quint16, qint32))


def as_dtype(type_value: Any) -> DType:
    """Converts `type_value` to a `DType`.

    Args:
      type_value: a `DType`, a NumPy dtype or scalar type, a type name, a `DataType` enum number, or
        one of Python's `float`, `int`, `bool`, `complex`, `str`, `bytes`.

    Raises:
      TypeError: if there is no such type.

    >>> import reflow as tf
    >>> tf.as_dtype("half")
    tf.float16
    """
    try:
        found = _BY_KEY.get(type_value)
    except TypeError:  # unhashable
        found = None
    if found is not None:
        return found
    if hasattr(type_value, "dtype"):
        return as_dtype(type_value.dtype)
    try:
        key = np.dtype(type_value)
    except TypeError:
        key = None
    if key is not None:
        if key in _BY_KEY:
            return _BY_KEY[key]
        if key.kind in "SU":
            return string
        if key.newbyteorder("=") in _BY_KEY:
            return _BY_KEY[key.newbyteorder("=")]
    raise TypeError(
        f"Cannot convert the argument `type_value`: {type_value!r} to a TensorFlow DType."
    )
