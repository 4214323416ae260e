"""Bytes as numbers, compressed bytes, and tensors as bytes."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.dtypes import as_dtype
from reflow.lang.dtypes import string as string_type
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.services import service
from reflow.lang.sparse_tensor import SparseTensor, convert_to_tensor_or_sparse_tensor
from reflow.ops import shape_rules
from reflow.ops.array import renamed
from reflow.ops.define import no_gradient, op
from reflow.ops.public import public
from reflow.ops.strings.string_ops import mapped

_HOST: dict[str, Any] = {"compile": False, "grad": None}


# Raw numbers --------------------------------------------------------------------------------------


def _swapped(dtype: Any) -> Any:
    """`dtype` with its bytes in big-endian order."""
    return dtype.np.newbyteorder(">")


def _numbers(data: bytes, dtype: Any, little_endian: bool) -> np.ndarray:
    if dtype.np == np.bool_:
        return np.frombuffer(data, np.uint8) != 0
    if dtype.np.kind == "V" or dtype.name == "bfloat16":  # NumPy does not know its byte order
        pairs = np.frombuffer(data, "<u2" if little_endian else ">u2")
        return pairs.astype(np.uint16).view(dtype.np)
    if little_endian:
        return np.frombuffer(data, dtype.np)
    return np.frombuffer(data, _swapped(dtype)).astype(dtype.np)


def _one_more(input_bytes: Any, *rest: Any) -> shapes.TensorShape:
    return input_bytes.shape.concatenate([None])


@op(
    "DecodeRaw(bytes: string, *, out_type:"
    " {half,float,double,int32,uint16,uint8,int16,int8,int64,complex64,complex128,bool,bfloat16},"
    " little_endian: bool = True) -> output: out_type",
    shape=_one_more,
    **_HOST,
)
def decode_raw_op(xp, bytes, *, out_type, little_endian):
    """The bytes of strings of one length as numbers, along a new last dimension."""
    flat = np.asarray(bytes, object).ravel().tolist()
    length, size = len(flat[0]) if flat else 0, out_type.np.itemsize
    for i, each in enumerate(flat):
        if len(each) != length:
            raise invalid(
                "DecodeRaw requires input strings to all be the same size, but element "
                f"{i} has size {len(each)} != {length}"
            )
    if length % size:
        raise invalid(
            f"Input to DecodeRaw has length {length} that is not a multiple of {size}, the size of "
            f"{out_type.name}"
        )
    values = _numbers(b"".join(flat), out_type, little_endian)
    return values.reshape(*np.shape(bytes), length // size)


@op(
    "DecodePaddedRaw(input_bytes: string, fixed_length: int32, *, out_type:"
    " {half,float,double,int32,uint16,uint8,int16,int8,int64,bfloat16}, little_endian: bool = True)"
    " -> output: out_type",
    **_HOST,
)
def decode_padded_raw_op(xp, input_bytes, fixed_length, *, out_type, little_endian):
    """The first bytes of strings as numbers, with zeros after those that are too short."""
    length, size = int(fixed_length), out_type.np.itemsize
    if length <= 0:
        raise invalid(f"fixed_length ({length}) must be greater than zero.")
    if length % size:
        raise invalid(
            f"fixed_length ({length}) must be a multiple of the size of out_type ({size})"
        )
    flat = np.asarray(input_bytes, object).ravel().tolist()
    data = b"".join(each[:length].ljust(length, b"\0") for each in flat)
    values = _numbers(data, out_type, little_endian)
    return values.reshape(*np.shape(input_bytes), length // size)


@decode_padded_raw_op.shape_rule
def _decode_padded_raw_shape(input_bytes, fixed_length, *, out_type):
    length = shape_rules.constant_value(fixed_length)
    count = None if length is None else int(length) // out_type.np.itemsize
    return input_bytes.shape.concatenate([count])


@export(v2=("io.decode_raw",))
def decode_raw(
    input_bytes: Any,
    out_type: Any,
    little_endian: bool = True,
    fixed_length: Any = None,
    name: str | None = None,
) -> Any:
    """Strings as the numbers that their bytes are.

    Args:
      input_bytes: strings, of one length unless `fixed_length` is given.
      out_type: the dtype of the numbers.
      little_endian: whether the least significant byte of a number comes first.
      fixed_length: how many bytes of each string to read; those too short are filled with zeros.

    Returns:
      Numbers with the shape of the strings and one dimension more.

    Raises:
      InvalidArgumentError: if the lengths differ, or are no multiple of the size of a number.

    >>> import reflow as tf
    >>> print(tf.io.decode_raw(["ab", "cd"], tf.uint8).numpy())
    [[ 97  98]
     [ 99 100]]
    """
    if fixed_length is None:
        return decode_raw_op(input_bytes, out_type=out_type, little_endian=little_endian, name=name)
    return decode_padded_raw_op(
        input_bytes, fixed_length, out_type=out_type, little_endian=little_endian, name=name
    )


@export(v1=("decode_raw", "io.decode_raw"))
def decode_raw_v1(
    input_bytes: Any = None,
    out_type: Any = None,
    little_endian: bool = True,
    name: str | None = None,
    bytes: Any = None,
) -> Any:
    """`tf.io.decode_raw` with its TF 1 parameters.

    >>> import reflow as tf
    >>> print(tf.compat.v1.decode_raw("ab", tf.uint8).numpy())
    [97 98]
    """
    input_bytes = renamed("input_bytes", input_bytes, "bytes", bytes)
    if out_type is None:
        raise ValueError("decode_raw: the argument out_type is missing")
    return decode_raw_op(input_bytes, out_type=out_type, little_endian=little_endian, name=name)


# Compression --------------------------------------------------------------------------------------


@op(
    "DecodeCompressed(bytes: string, *, compression_type: string = '') -> output: string",
    shape=shape_rules.same,
    compile=False,
    grad=no_gradient,
)
def decode_compressed_op(xp, bytes, *, compression_type):
    """Strings decompressed: of the type "ZLIB", "GZIP", or "" for strings that are not compressed."""
    if not compression_type:
        return bytes
    if compression_type not in ("ZLIB", "GZIP"):
        raise invalid(
            f"compression_type is {compression_type!r}: only ZLIB, GZIP or '' are supported"
        )

    def inflate(data: Any) -> Any:
        try:
            return zlib.decompress(data, 31 if compression_type == "GZIP" else 15)
        except zlib.error as error:
            raise errors.DataLossError(None, None, f"inflate() failed: {error}") from None

    return mapped(inflate, bytes)


decode_compressed = public(
    decode_compressed_op,
    "io.decode_compressed",
    v1=("decode_compressed",),
    example=(
        r'b"\x1f\x8b\x08\0\0\0\0\0\0\3\xcbH\xcd\xc9\xc9\7\0\x86\xa6\x106\5\0\0\0", "GZIP"',
        "b'hello'",
    ),
    errors="DataLossError: if the bytes are not compressed so.",
)

# Tensors ------------------------------------------------------------------------------------------


def tensor_bytes(array: np.ndarray, dense_strings: bool = False) -> bytes:
    """An array as a serialised `TensorProto`, in the way of TensorFlow's C++.

    Args:
      array: numbers or strings.
      dense_strings: write strings as one run of bytes, after their lengths.
    """
    dtype = as_dtype(array.dtype)
    message = service("TensorProto")(dtype=dtype.as_datatype_enum)
    message.tensor_shape.SetInParent()
    for size in array.shape:
        message.tensor_shape.dim.add(size=size)
    if dtype is string_type:
        flat = array.ravel().tolist()
        if dense_strings:
            message.tensor_content = b"".join([*(_varint(len(each)) for each in flat), *flat])
        else:
            message.string_val.extend(flat)
    else:
        message.tensor_content = np.ascontiguousarray(array).tobytes()
    return message.SerializeToString()


def _varint(number: int) -> bytes:
    """A number in protobuf's form: seven bits a byte, least significant first."""
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*result, number])


def _tensor_of(data: bytes, what: str) -> np.ndarray:
    """The array in a serialised `TensorProto`.

    Raises:
      InvalidArgumentError: if it is none.
    """
    from google.protobuf.message import DecodeError

    try:
        message = service("TensorProto").FromString(data)
        if not message.dtype:
            raise ValueError("it has no dtype")
        return service("make_ndarray")(message)
    except (DecodeError, ValueError, TypeError) as error:
        shown = base64.b64encode(data[:60]).decode()
        raise invalid(f"Could not parse {what} as TensorProto ({error}), base64: {shown}") from None


@op(
    "SerializeTensor(tensor: T, *, T: type) -> serialized: string",
    shape=shape_rules.scalar,
    **_HOST,
)
def serialize_tensor_op(xp, tensor):
    """A tensor as bytes: a serialised `TensorProto`."""
    return np.array(tensor_bytes(np.asarray(tensor)), object)


@export("io.serialize_tensor", v1=("serialize_tensor",))
def serialize_tensor(tensor: Any, name: str | None = None) -> Any:
    """A tensor as bytes: a serialised `TensorProto`.

    Args:
      tensor: a tensor of any dtype that has arrays.

    Returns:
      A string scalar, for `tf.io.parse_tensor`.

    >>> import reflow as tf
    >>> print(tf.io.parse_tensor(tf.io.serialize_tensor([1, 2]), tf.int32).numpy())
    [1 2]
    """
    return serialize_tensor_op(tensor, name=name)


@op(
    "ParseTensor(serialized: string, *, out_type: type) -> output: out_type",
    shape=shape_rules.unknown,
    **_HOST,
)
def parse_tensor_op(xp, serialized, *, out_type):
    """The tensor in a serialised `TensorProto`."""
    if np.ndim(serialized):
        raise invalid(f"Expected `serialized` to be a scalar, got shape: {np.shape(serialized)}")
    value = _tensor_of(np.asarray(serialized, object).item(), "`serialized`")
    found = as_dtype(value.dtype)
    if found != out_type:
        raise invalid(
            f"Type mismatch between parsed tensor ({found.name}) and dtype ({out_type.name})"
        )
    return value


parse_tensor = public(
    parse_tensor_op,
    "io.parse_tensor",
    v1=("parse_tensor",),
    example=("tf.io.serialize_tensor([1, 2]), tf.int32", "[1 2]"),
    errors="InvalidArgumentError: if it is no tensor of this dtype.",
)

# Sparse tensors -----------------------------------------------------------------------------------


def _three(out_type: Any, *parts: np.ndarray) -> np.ndarray:
    """Three messages, or the arrays themselves in a tensor of variants."""
    row = np.empty(3, object)
    for i, part in enumerate(map(np.asarray, parts)):
        if out_type is string_type:
            row[i] = tensor_bytes(part, dense_strings=True)
        else:
            row[i] = part
    return row


def _check_sparse(indices: Any, values: Any, shape: Any) -> None:
    if np.ndim(indices) != 2 or np.ndim(values) != 1 or np.ndim(shape) != 1:
        raise invalid(
            "Inputs should be a matrix of indices, a vector of values and a vector for the shape, "
            f"got shapes {[list(np.shape(x)) for x in (indices, values, shape)]}"
        )
    if indices.shape[0] != values.shape[0] or indices.shape[1] != shape.shape[0]:
        raise invalid(
            f"Number of values must match the indices, and their length the rank: {indices.shape}, "
            f"{values.shape}, {shape.shape}"
        )


@op(
    "SerializeSparse(sparse_indices: int64, sparse_values: T, sparse_shape: int64, *, T: type,"
    " out_type: {string,variant} = string) -> serialized_sparse: out_type",
    shape=lambda *inputs: (3,),
    **_HOST,
)
def serialize_sparse_op(xp, sparse_indices, sparse_values, sparse_shape, *, out_type):
    """A sparse tensor as three strings: indices, values and shape."""
    _check_sparse(sparse_indices, sparse_values, sparse_shape)
    return _three(out_type, sparse_indices, sparse_values, sparse_shape)


@op(
    "SerializeManySparse(sparse_indices: int64, sparse_values: T, sparse_shape: int64, *, T: type,"
    " out_type: {string,variant} = string) -> serialized_sparse: out_type",
    shape=lambda *inputs: (None, 3),
    **_HOST,
)
def serialize_many_sparse_op(xp, sparse_indices, sparse_values, sparse_shape, *, out_type):
    """The rows of a sparse tensor as three strings each."""
    _check_sparse(sparse_indices, sparse_values, sparse_shape)
    if len(sparse_shape) < 2:
        raise invalid(
            f"Rank of input SparseTensor should be > 1, but saw rank: {len(sparse_shape)}"
        )
    rows = np.empty((int(sparse_shape[0]), 3), object)
    for i in range(len(rows)):
        mine = sparse_indices[:, 0] == i
        row = sparse_indices[mine, 1:], sparse_values[mine], sparse_shape[1:]
        rows[i] = _three(out_type, *row)
    return rows


@op(
    "DeserializeManySparse(serialized_sparse: string, *, dtype: type)"
    " -> sparse_indices: int64, sparse_values: dtype, sparse_shape: int64",
    shape=lambda serialized_sparse: [(None, None), (None,), (None,)],
    **_HOST,
)
def deserialize_many_sparse_op(xp, serialized_sparse, *, dtype):
    """A sparse tensor of rows that were serialised to three strings each."""
    if serialized_sparse.ndim != 2 or serialized_sparse.shape[1] != 3:
        raise invalid(
            "Serialized sparse should be a matrix of 3 columns, got shape "
            f"{list(serialized_sparse.shape)}"
        )
    if not len(serialized_sparse):
        raise invalid("Must have at least 1 serialized SparseTensor, but input matrix has 0 rows")
    indices, values, sizes = [], [], []
    for i, row in enumerate(serialized_sparse.tolist()):
        at, value, shape = (_tensor_of(part, f"SparseTensor[{i}]") for part in row)
        found = as_dtype(value.dtype)
        if found != dtype:
            raise invalid(
                f"Requested SparseTensor of type {dtype.name} but SparseTensor[{i}].values.dtype() "
                f"== {found.name}"
            )
        _check_sparse(at, value, shape)
        if sizes and len(shape) != len(sizes[0]):
            raise invalid(f"Inconsistent rank across SparseTensors: SparseTensor[{i}]")
        indices.append(np.concatenate([np.full((len(at), 1), i, np.int64), at], axis=1))
        values.append(value)
        sizes.append(shape)
    shape = np.concatenate([[len(sizes)], np.max(sizes, axis=0)]).astype(np.int64)
    return np.concatenate(indices), np.concatenate(values), shape


def _serialized(opdef: Any, sp_input: Any, out_type: Any, name: str | None) -> Any:
    sparse = convert_to_tensor_or_sparse_tensor(sp_input)
    if not isinstance(sparse, SparseTensor):
        raise TypeError(f"Input must be a SparseTensor, not {type(sp_input).__name__}")
    return opdef(sparse.indices, sparse.values, sparse.dense_shape, out_type=out_type, name=name)


@export(v2=("io.serialize_sparse",))
def serialize_sparse(sp_input: Any, out_type: Any = string_type, name: str | None = None) -> Any:
    """A sparse tensor as three strings: indices, values and shape.

    Args:
      sp_input: a `SparseTensor`.
      out_type: `tf.string`; variants are not supported.

    Raises:
      TypeError: if it is no sparse tensor.

    >>> import reflow as tf
    >>> tf.io.serialize_sparse(tf.sparse.from_dense([0, 5])).shape
    TensorShape([3])
    """
    return _serialized(serialize_sparse_op, sp_input, out_type, name)


@export(v1=("io.serialize_sparse", "serialize_sparse"))
def serialize_sparse_v1(sp_input: Any, name: str | None = None, out_type: Any = string_type) -> Any:
    """`tf.io.serialize_sparse` with its TF 1 parameters."""
    return _serialized(serialize_sparse_op, sp_input, out_type, name)


@export(v2=("io.serialize_many_sparse",))
def serialize_many_sparse(
    sp_input: Any, out_type: Any = string_type, name: str | None = None
) -> Any:
    """The rows of a sparse tensor as three strings each, which can be put into batches.

    Args:
      sp_input: a `SparseTensor` of rank 2 or more.
      out_type: `tf.string`; variants are not supported.

    Returns:
      Strings [rows, 3], for `tf.io.deserialize_many_sparse`.

    Raises:
      TypeError: if it is no sparse tensor.

    >>> import reflow as tf
    >>> rows = tf.io.serialize_many_sparse(tf.sparse.from_dense([[0, 5], [7, 0]]))
    >>> print(tf.sparse.to_dense(tf.io.deserialize_many_sparse(rows, tf.int32)).numpy())
    [[0 5]
     [7 0]]
    """
    return _serialized(serialize_many_sparse_op, sp_input, out_type, name)


@export(v1=("io.serialize_many_sparse", "serialize_many_sparse"))
def serialize_many_sparse_v1(
    sp_input: Any, name: str | None = None, out_type: Any = string_type
) -> Any:
    """`tf.io.serialize_many_sparse` with its TF 1 parameters."""
    return _serialized(serialize_many_sparse_op, sp_input, out_type, name)


@export("io.deserialize_many_sparse", v1=("deserialize_many_sparse",))
def deserialize_many_sparse(
    serialized_sparse: Any, dtype: Any, rank: int | None = None, name: str | None = None
) -> SparseTensor:
    """A sparse tensor of rows that `tf.io.serialize_many_sparse` made.

    Args:
      serialized_sparse: strings [rows, 3].
      dtype: of the values.
      rank: the rank of a row, where it is known.

    Raises:
      InvalidArgumentError: if they are no such rows.
    """
    indices, values, shape = deserialize_many_sparse_op(serialized_sparse, dtype=dtype, name=name)
    indices.set_shape([None, rank + 1 if rank is not None else None])
    shape.set_shape([rank + 1 if rank is not None else None])
    return SparseTensor(indices, values, shape)


def json_example(text: bytes) -> bytes:
    """A serialised `Example` from its JSON form."""
    from google.protobuf import json_format

    message = service("Example")()
    try:
        json_format.Parse(text, message)
    except (json_format.ParseError, UnicodeDecodeError) as error:
        raise invalid(f"Error while parsing JSON: {error}") from None
    return message.SerializeToString()


@op(
    "DecodeJSONExample(json_examples: string) -> binary_examples: string",
    shape=shape_rules.same,
    compile=False,
    grad=no_gradient,
)
def decode_json_example_op(xp, json_examples):
    """`tf.train.Example` messages in JSON, as bytes."""
    return mapped(json_example, json_examples)


decode_json_example = public(
    decode_json_example_op,
    "io.decode_json_example",
    v1=("decode_json_example",),
    example=('["{}"]', "[b'']"),
    errors="InvalidArgumentError: if they are none.",
)
