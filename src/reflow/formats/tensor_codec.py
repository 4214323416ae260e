"""Tensors and shapes as protocol messages: `TensorProto`, `TensorShapeProto`.

A `TensorProto` holds its elements either raw in `tensor_content` or in the repeated field of its
type; such a list may be shorter than the tensor, and is continued with its last element. Nothing
here trusts a message: sizes are checked against the bytes that came before memory is taken.
https://www.tensorflow.org/api_docs/python/tf/make_tensor_proto
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np

from reflow.formats import protos
from reflow.lang import dtypes
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.shapes import Dimension, as_shape
from reflow.lang.tensor import is_symbolic

MAX_BYTES = 1 << 31  # of a decoded tensor, and of an encoded one: protobuf's own limit
_MAX_RANK = 64  # NumPy's

# The repeated field that holds the elements of each type. Reference types have none.
_FIELD: dict[DType, str] = {
    dtypes.float16: "half_val",
    dtypes.bfloat16: "half_val",
    dtypes.float32: "float_val",
    dtypes.float64: "double_val",
    dtypes.complex64: "scomplex_val",
    dtypes.complex128: "dcomplex_val",
    dtypes.int64: "int64_val",
    dtypes.uint32: "uint32_val",
    dtypes.uint64: "uint64_val",
    dtypes.bool: "bool_val",
    dtypes.string: "string_val",
}
_SUB_BYTE = frozenset((dtypes.int4, dtypes.uint4, dtypes.int2, dtypes.uint2))
for _d in dtypes.PLAIN - _FIELD.keys():
    _FIELD[_d] = "float8_val" if _d.is_floating else "int_val"

# What a list of numbers in a field is, before it is seen as the tensor's type.
_WIRE: dict[str, Any] = {
    "half_val": np.uint16,
    "float_val": np.float32,
    "double_val": np.float64,
    "scomplex_val": np.float32,
    "dcomplex_val": np.float64,
    "int_val": np.int32,
    "int64_val": np.int64,
    "uint32_val": np.uint32,
    "uint64_val": np.uint64,
    "bool_val": np.bool_,
}

# TensorFlow writes these raw. Others it could, but does not; small integers have no agreed layout.
_RAW = (
    dtypes.PLAIN
    - _SUB_BYTE
    - {dtypes.uint16, dtypes.bool, dtypes.complex64, dtypes.complex128, dtypes.string}
)


def shape_to_proto(shape: Any) -> Any:
    """The `TensorShapeProto` of a shape, whose dimensions and rank may be unknown.

    >>> shape_to_proto([2, None]).dim[1].size
    -1
    """
    proto = protos.TensorShapeProto()
    sizes = as_shape(shape).sizes
    if sizes is None:
        proto.unknown_rank = True
    else:
        for size in sizes:
            proto.dim.add().size = -1 if size is None else size
    return proto


# ---- encoding


def make_tensor_proto(
    values: Any,
    dtype: Any = None,
    shape: Any = None,
    verify_shape: bool = False,
    allow_broadcast: bool = False,
) -> Any:
    """Encodes `values` as a `TensorProto`.

    Without a `dtype`, Python integers become int32, or int64 if they need it, and Python floats
    float32; arrays keep their type. A `TensorProto` is returned as it is.

    Args:
      values: a number, string, list of such to any depth, or array. Of a quantized type: a tuple of
        one integer, or a list of such tuples, or an array.
      dtype: the type to convert to. Numbers out of its range wrap around, as in TensorFlow.
      shape: a fully known shape. `values` may have fewer elements: decoding repeats the last one.
      verify_shape: whether `values` has to have exactly that shape.
      allow_broadcast: whether `values` has to have one element, or as many as `shape`.

    Raises:
      TypeError: if `values` cannot be converted to `dtype`, is symbolic, or does not have `shape`.
      ValueError: if `values` is None, ragged, has too many elements, or takes 2 GiB or more.

    >>> make_tensor_proto([1, 2], "float16", shape=[4]).half_val
    [15360, 16384]
    """
    if allow_broadcast and verify_shape:
        raise ValueError("allow_broadcast and verify_shape are not both allowed.")
    if isinstance(values, protos.TensorProto):
        return values
    wanted = None if dtype is None else as_dtype(dtype).base_dtype
    array = _to_array(values, wanted, shape)
    found = as_dtype(array.dtype)
    if wanted is not None and wanted is not found:
        raise TypeError(f"values of type {found.name} cannot be a tensor of type {wanted.name}")
    sizes = (
        array.shape
        if shape is None
        else _checked_shape(array, shape, verify_shape, allow_broadcast)
    )
    proto = protos.TensorProto(dtype=found.as_datatype_enum)
    proto.tensor_shape.SetInParent()  # a scalar's is there, and empty
    for size in sizes:
        proto.tensor_shape.dim.add().size = size
    count = math.prod(sizes)
    if found in _RAW and array.size > 1 and array.size == count:
        if array.nbytes >= MAX_BYTES:
            raise ValueError(
                "Cannot create a tensor proto whose content is larger than 2GB: "
                f"{array.nbytes} bytes of {found.name} with shape {tuple(sizes)}"
            )
        proto.tensor_content = array.tobytes()
    else:
        _fill_field(proto, found, array.ravel()[:count])  # one value may be broadcast to none
    return proto


def _to_array(values: Any, wanted: DType | None, shape: Any) -> np.ndarray:
    """`values` as an array of `wanted`, or of the type that TensorFlow infers."""
    if values is None:
        raise ValueError("None values not supported.")
    if _is_array_like(values):
        array = np.asarray(values)
        if wanted is not None and wanted.is_numpy_compatible:
            return array.astype(wanted.as_numpy_dtype)
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if shape is not None and _is_empty(shape):
        target = np.float32 if wanted is None else wanted.as_numpy_dtype
        return np.empty([int(d) for d in shape], target)
    if wanted is dtypes.string:
        return _string_array(values, wanted)
    if wanted is not None and wanted.is_quantized:
        _check_quantized(values, wanted)
        return np.array(values, wanted.as_numpy_dtype)
    if wanted is None and isinstance(next(_leaves(values), None), (bytes, str)):
        return _string_array(values, wanted)
    array = _infer(values, wanted)
    if wanted is not None:
        if array.dtype.kind not in _SAFE_KINDS.get(wanted, ""):
            _check_leaves(values, wanted)
        if wanted.is_numpy_compatible:
            array = array.astype(wanted.as_numpy_dtype)
    elif array.dtype.kind in "OSU":
        array = _string_array(values, wanted)
    elif array.dtype == np.float64:
        array = array.astype(np.float32)
    elif array.dtype == np.int64:
        narrow = array.astype(np.int32)
        array = narrow if np.array_equal(narrow, array) else array
    return array


def _is_array_like(x: Any) -> bool:
    if is_symbolic(x):
        return False
    if callable(getattr(x, "__array__", None)):
        return True
    if isinstance(getattr(x, "__array_interface__", None), dict):
        return True
    try:
        memoryview(x)
    except TypeError:
        return False
    return not isinstance(x, bytes)


def _is_empty(shape: Any) -> bool:
    return 0 in [int(d) for d in shape]


def _infer(values: Any, wanted: DType | None) -> np.ndarray:
    """NumPy's array of nested lists of numbers, with TensorFlow's errors."""
    try:
        return np.array(values)
    except Exception as error:
        # A value of the wrong kind is the likely reason, and the better thing to say.
        if wanted is not None:
            _check_leaves(values, wanted)
        for leaf in _leaves(values):
            if is_symbolic(leaf):
                raise _mismatch(leaf, wanted) from None
        if isinstance(error, ValueError):
            raise ValueError(f"Expected values to be a dense tensor: {error}") from None
        raise


def _string_array(values: Any, wanted: DType | None) -> np.ndarray:
    """Nested lists of strings as an array of bytes objects.

    NumPy's own strings lose trailing zero bytes, so the lists are walked here.
    """
    dims = _dense_dims(values)
    leaves: list[Any] = []
    _collect(values, dims, leaves)
    for leaf in leaves:
        if not isinstance(leaf, (bytes, str)):
            raise _mixed(leaves) if wanted is None else _mismatch(leaf, wanted)
    flat = np.empty(len(leaves), object)
    flat[:] = [_as_bytes(leaf) for leaf in leaves]
    return flat.reshape(dims)


def _dense_dims(values: Any) -> list[int]:
    """The dimensions of nested lists, if all are as long as the first one of their depth."""
    if isinstance(values, np.ndarray):
        return list(values.shape)
    if not isinstance(values, (list, tuple)):
        return []
    return [len(values), *(_dense_dims(values[0]) if values else [])]


def _collect(values: Any, dims: list[int], leaves: list[Any]) -> None:
    """Appends the leaves of nested lists, which have to have the given dimensions."""
    if isinstance(values, np.ndarray):
        dense = list(values.shape) == dims
        leaves += values.ravel().tolist()
    elif isinstance(values, (list, tuple)):
        dense = bool(dims) and len(values) == dims[0]
        if dense:
            for each in values:
                _collect(each, dims[1:], leaves)
    else:
        dense = not dims
        leaves.append(values)
    if not dense:
        raise ValueError(
            f"Expected values to be a dense tensor: one part has the shape {dims}, but another is "
            f"{values!r}"
        )


def _mixed(leaves: list[Any]) -> TypeError:
    """What to say of values that NumPy found no common type for but `object`."""
    for leaf in leaves:
        if is_symbolic(leaf):
            return _mismatch(leaf, None)
        if not isinstance(leaf, (numbers.Number, np.generic, bytes, str)):
            return TypeError(
                f"Failed to convert {leaf!r} of type {type(leaf).__name__!r} to an element of a "
                "tensor: expected a number or a string"
            )
    some = ", ".join(repr(leaf) for leaf in leaves[:5])
    return TypeError(f"Failed to convert to one type, of all elements of a tensor: {some}")


def _as_bytes(x: Any) -> bytes:
    if isinstance(x, (bytes, bytearray)):
        return bytes(x)
    if isinstance(x, str):
        return x.encode("utf-8")
    raise TypeError(
        f"Failed to convert {x!r} of type {type(x).__name__!r} to an element of a string tensor"
    )


def _leaves(values: Any) -> Iterator[Any]:
    if isinstance(values, (list, tuple)):
        for each in values:
            yield from _leaves(each)
    elif isinstance(values, np.ndarray):
        yield from values.ravel()
    else:
        yield values


def _mismatch(leaf: Any, wanted: DType | None) -> TypeError:
    if wanted is None:
        return TypeError(f"Expected any non-tensor type, but got a tensor instead: {leaf!r}")
    return TypeError(f"Expected {wanted.name}, but got {leaf!r} of type {type(leaf).__name__!r}.")


def _accepted(d: DType) -> tuple[tuple[type, ...], str]:
    """The Python types that may become a `d`, and the kinds of NumPy arrays of only such."""
    if d.is_bool:
        return (bool, np.bool_), "b"
    if d.is_integer:
        return (numbers.Integral, np.integer, Dimension), "iu"
    if d.is_floating:
        return (numbers.Real, np.integer, np.floating), "iuf"
    return (numbers.Complex, np.number), "iufc"


_ACCEPTED = {d: _accepted(d) for d in dtypes.PLAIN - dtypes.QUANTIZED_DTYPES - {dtypes.string}}
_SAFE_KINDS = {d: kinds for d, (_, kinds) in _ACCEPTED.items()}


def _check_leaves(values: Any, wanted: DType) -> None:
    if wanted not in _ACCEPTED:  # resources and variants have no values to give
        return
    accepted = _ACCEPTED[wanted][0]
    for leaf in _leaves(values):
        if isinstance(leaf, accepted):
            continue
        # ml_dtypes' scalars belong to none of NumPy's classes of numbers.
        if isinstance(leaf, np.generic) and not wanted.is_bool:
            kind = as_dtype(leaf.dtype)
            if kind.is_integer or (kind.is_floating and not wanted.is_integer):
                continue
        raise _mismatch(leaf, wanted)


def _check_quantized(values: Any, wanted: DType) -> None:
    if isinstance(values, list):
        for each in values:
            _check_quantized(each, wanted)
    elif not isinstance(values, tuple):
        raise _mismatch(values, wanted)
    else:
        for each in values:
            if not isinstance(each, (numbers.Integral, np.integer)):
                raise _mismatch(each, wanted)


def _checked_shape(
    array: np.ndarray, shape: Any, verify_shape: bool, allow_broadcast: bool
) -> list[int]:
    sizes = [int(d) for d in shape]
    if any(d < 0 for d in sizes):
        raise ValueError(f"the shape of a tensor proto cannot have negative dimensions: {sizes}")
    count = math.prod(sizes)
    exact = verify_shape and array.shape != tuple(sizes)
    single = array.shape in ((), (1,))
    if exact or (allow_broadcast and not single and array.size != count):
        raise TypeError(f"Expected Tensor's shape: {tuple(sizes)}, but got {array.shape}.")
    if array.size > count and not allow_broadcast:
        raise ValueError(
            f"Too many elements provided. Takes at most {count}, but got {array.size}."
        )
    return sizes


def _fill_field(proto: Any, dtype: DType, flat: np.ndarray) -> None:
    field = _FIELD[dtype]
    if field == "string_val":
        proto.string_val.extend([_as_bytes(x) for x in flat.tolist()])
    elif field == "float8_val":
        proto.float8_val = flat.tobytes()
    else:
        if field == "int_val":
            flat = _plain(flat).astype(np.int32)
        getattr(proto, field).extend(flat.view(_WIRE[field]).tolist())


def _plain(array: np.ndarray) -> np.ndarray:
    """The integers of an array of a quantized type, which is a record of one field."""
    return array if array.dtype.names is None else array.view(array.dtype[0])


# ---- decoding


def make_ndarray(tensor: Any) -> np.ndarray:
    """Decodes a `TensorProto` into an array; strings are an array of `bytes` objects.

    Raises:
      TypeError: if the type has no arrays (resources, variants, references) or is unknown.
      ValueError: if the shape is not fully known, the elements are not as many as the shape says,
        or the array would take more than 2 GiB.

    >>> proto = make_tensor_proto([1, 2], shape=[2, 2])
    >>> make_ndarray(proto).tolist()
    [[1, 2], [2, 2]]
    """
    shape, values = _decode(tensor)
    dtype = as_dtype(tensor.dtype)
    return _continued(values, math.prod(shape), dtype).reshape(shape)


def make_constant(tensor: Any) -> np.ndarray:
    """Like `make_ndarray`, but a value that fills a whole shape is held only once.

    Such an array is read-only, and all its strides are zero.

    >>> filled = make_constant(make_tensor_proto(7.0, shape=[1000, 1000]))
    >>> filled.shape, filled.strides
    ((1000, 1000), (0, 0))
    """
    shape, values = _decode(tensor)
    if values.size == 1 and not tensor.tensor_content:
        return np.broadcast_to(values.reshape(()), shape)
    return _continued(values, math.prod(shape), as_dtype(tensor.dtype)).reshape(shape)


def _decode(tensor: Any) -> tuple[tuple[int, ...], np.ndarray]:
    """The shape of a tensor, and the elements that the message has."""
    shape = _known_shape(tensor.tensor_shape)
    dtype = as_dtype(tensor.dtype)
    if dtype not in _FIELD:
        raise TypeError(f"Unsupported tensor type: {dtype.name} has no NumPy array")
    count = math.prod(shape)
    if count * dtype.np.itemsize > MAX_BYTES:
        raise ValueError(
            f"a {dtype.name} tensor of shape {shape} takes {count * dtype.np.itemsize} bytes: more "
            f"than the {MAX_BYTES} that are decoded"
        )
    if tensor.tensor_content:
        return shape, _from_content(tensor.tensor_content, dtype, count)
    values = _from_field(tensor, dtype)
    if values.size > count:
        raise ValueError(
            f"a tensor of shape {shape} has {count} elements, but the message has {values.size}"
        )
    return shape, values


def _continued(values: np.ndarray, count: int, dtype: DType) -> np.ndarray:
    """`values` followed by copies of the last one, or by zeros if there is none."""
    if values.size == count:
        return values
    result = np.empty(count, dtype.np)
    result[: values.size] = values
    if values.size:
        result[values.size :] = values[-1]
    else:
        result[...] = b"" if dtype is dtypes.string else np.zeros((), dtype.np)
    return result


def _known_shape(proto: Any) -> tuple[int, ...]:
    shape = tuple(d.size for d in proto.dim)
    if proto.unknown_rank or any(d < 0 for d in shape):
        known = "unknown rank" if proto.unknown_rank else f"shape {shape}"
        raise ValueError(f"a tensor with a value cannot be of {known}")
    if len(shape) > _MAX_RANK:
        raise ValueError(f"a tensor of rank {len(shape)}: NumPy's arrays have at most {_MAX_RANK}")
    return shape


def _from_content(content: bytes, dtype: DType, count: int) -> np.ndarray:
    if dtype is dtypes.string:
        return _decode_strings(content, count)
    if len(content) != count * dtype.np.itemsize:
        raise ValueError(
            f"{count} elements of {dtype.name} take {count * dtype.np.itemsize} bytes, but "
            f"tensor_content has {len(content)}"
        )
    # Bytes that are no value of the type must not get into an array of it.
    if dtype.is_bool:
        return np.frombuffer(content, np.uint8) != 0
    if dtype in _SUB_BYTE:
        return np.frombuffer(content, np.int8).astype(dtype.np)
    return np.frombuffer(content, dtype.np).copy()


def _decode_strings(content: bytes, count: int) -> np.ndarray:
    """Strings as TensorFlow's run time packs them: all lengths as varints, then all bytes."""
    if count > len(content):
        raise ValueError(f"{count} strings cannot come from {len(content)} bytes")
    lengths = []
    at = 0
    for _ in range(count):
        length = shift = 0
        while True:
            if at == len(content) or shift > 28:
                raise ValueError("tensor_content of a string tensor has a malformed length")
            byte = content[at]
            at += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        lengths.append(length)
    if at + sum(lengths) != len(content):
        raise ValueError(
            f"strings of {sum(lengths)} bytes together, but tensor_content has {len(content) - at}"
        )
    result = np.empty(count, object)
    for i, length in enumerate(lengths):
        result[i] = content[at : at + length]
        at += length
    return result


def _from_field(tensor: Any, dtype: DType) -> np.ndarray:
    field = _FIELD[dtype]
    values = getattr(tensor, field)
    if field == "string_val":
        result = np.empty(len(values), object)
        result[:] = values
        return result
    if field == "float8_val":
        return np.frombuffer(values, dtype.np).copy()
    array = np.fromiter(values, _WIRE[field], len(values))
    if field == "int_val":
        plain = dtype.np if dtype.np.names is None else dtype.np[0]
        return array.astype(plain).view(dtype.np)
    if dtype.is_complex and len(values) % 2:
        raise ValueError(f"{field} has {len(values)} numbers: a complex value has two")
    return array.view(dtype.np)
