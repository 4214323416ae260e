"""Strings from and to other things: numbers, buckets by hash, and base 64.

https://www.tensorflow.org/api_docs/python/tf/strings
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.dtypes import BOOL, COMPLEX, INTEGER, STRING, as_dtype, float32
from reflow.lang.dtypes import variant as variant_dtype
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.public import public
from reflow.ops.shape_rules import constant_value
from reflow.ops.strings.hashes import fingerprint64, murmur64, siphash
from reflow.ops.strings.string_ops import mapped, measured

# Numbers ------------------------------------------------------------------------------------------

_NUMERAL = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.I)


@op(
    "StringToNumber(string_tensor: string, *,"
    " out_type: {float,double,int32,int64,uint32,uint64} = float) -> output: out_type",
    shape=shape_rules.same,
    grad=None,
)
def string_to_number_op(xp, string_tensor, *, out_type):
    """Numbers from their numerals."""
    limits = None if out_type.is_floating else (int(out_type.min), int(out_type.max))

    def number(text: bytes) -> Any:
        given = text.strip(b" \t\n\v\f\r")
        if limits is None:
            if _NUMERAL.fullmatch(given):
                return float(given)
        elif re.fullmatch(rb"[+-]?\d+", given) and limits[0] <= int(given) <= limits[1]:
            return int(given)
        raise ValueError(
            f"StringToNumberOp could not correctly convert string: {text.decode('latin-1')}"
        )

    return measured(number, string_tensor, out_type.np)


@export(v2=("strings.to_number",))
def string_to_number(input: Any, out_type: Any = float32, name: str | None = None) -> Any:
    """Numbers from their numerals.

    Args:
      input: a string tensor.
      out_type: float32, float64, int32, int64, uint32 or uint64.

    Raises:
      InvalidArgumentError: for a string that is no number, or one that the dtype cannot hold.

    >>> import reflow as tf
    >>> print(tf.strings.to_number(["3.5", "-1e2"]).numpy())
    [   3.5 -100. ]
    """
    return string_to_number_op(input, out_type=as_dtype(out_type), name=name)


@export(v1=("strings.to_number", "string_to_number"))
def string_to_number_v1(
    string_tensor: Any = None, out_type: Any = float32, name: str | None = None, input: Any = None
) -> Any:
    """`tf.strings.to_number` with its TF 1 parameters.

    >>> import reflow as tf
    >>> tf.compat.v1.string_to_number("7", tf.int32).numpy().item()
    7
    """
    given = _either("input", input, "string_tensor", string_tensor)
    return string_to_number_op(given, out_type=as_dtype(out_type), name=name)


def _either(name: str, value: Any, old_name: str, old_value: Any) -> Any:
    if value is not None and old_value is not None:
        raise ValueError(f"Cannot specify both '{name}' and '{old_name}'.")
    return value if value is not None else old_value


@op(
    "AsString(input: T, *, T: REAL|COMPLEX|BOOL|STRING|{variant}, precision: int = -1,"
    " scientific: bool = False, shortest: bool = False, width: int = -1, fill: string = '')"
    " -> output: string",
    shape=shape_rules.same,
    grad=None,
)
def as_string_op(xp, input, *, T, precision, scientific, shortest, width, fill):
    """Numbers, truth values and strings as C's printf writes them."""
    if T is variant_dtype:
        raise NotImplementedError("AsString of variants")
    if T in INTEGER or T in BOOL or T in STRING:
        for label, said in (("scientific", scientific), ("shortest", shortest)):
            if said:
                raise ValueError(f"{label} format not supported for datatype {T.name}")
        if precision >= 0:
            raise ValueError(f"precision not supported for datatype {T.name}")
    if scientific and shortest:
        raise ValueError("Cannot select both scientific and shortest notation")
    if len(fill) > 1:
        raise ValueError(f"Fill string must be one or fewer characters: {fill}")
    if fill not in ("", " ", "+", "-", "0", "#"):
        raise ValueError(f"Fill argument not supported: {fill}")
    field = f"%{fill}{width if width > -1 else ''}{f'.{precision}' if precision > -1 else ''}"
    values = np.asarray(input).ravel().tolist()
    if T in BOOL:
        texts = ["true" if value else "false" for value in values]  # without the width
    elif T in STRING:
        texts = [f"{field}s" % value.decode("latin-1") for value in values]
    elif T in INTEGER:
        texts = [f"{field}d" % value for value in values]
    else:
        one = field + ("e" if scientific else "g" if shortest else "f")
        if T in COMPLEX:
            texts = [f"({one},{one})" % (value.real, value.imag) for value in values]
        else:
            texts = [one % value for value in values]
    result = np.empty(len(texts), object)
    result[:] = [text.encode("latin-1") for text in texts]
    return result.reshape(np.shape(input))


as_string = public(
    as_string_op,
    "as_string",
    "strings.as_string",
    v1=["dtypes.as_string"],
    example=("[3.14159, 2.0], precision=2", "[b'3.14' b'2.00']"),
)

# Buckets ------------------------------------------------------------------------------------------


def _buckets(f: Callable[[bytes], int], x: Any, count: int) -> np.ndarray:
    if count < 1:
        raise ValueError(f"num_buckets must be at least 1, got {count}")
    return measured(lambda text: f(text) % count, x, np.int64)


@op(
    "StringToHashBucket(string_tensor: string, *, num_buckets: int) -> output: int64",
    shape=shape_rules.same,
    grad=None,
)
def string_to_hash_bucket_op(xp, string_tensor, *, num_buckets):
    """Strings to numbers below a bound, by an old hash function."""
    return _buckets(murmur64, string_tensor, num_buckets)


@op(
    "StringToHashBucketFast(input: string, *, num_buckets: int) -> output: int64",
    shape=shape_rules.same,
    grad=None,
)
def string_to_hash_bucket_fast_op(xp, input, *, num_buckets):
    """Strings to numbers below a bound, by a fast hash function: FarmHash's Fingerprint64."""
    return _buckets(fingerprint64, input, num_buckets)


@op(
    "StringToHashBucketStrong(input: string, *, num_buckets: int, key: list(int)) -> output: int64",
    shape=shape_rules.same,
    grad=None,
)
def string_to_hash_bucket_strong_op(xp, input, *, num_buckets, key):
    """Strings to numbers below a bound, by a hash function with a secret key: SipHash."""
    if len(key) != 2:
        raise ValueError(f"Key must have 2 elements, got {len(key)}")
    return _buckets(lambda text: siphash(text, *key), input, num_buckets)


string_to_hash_bucket_fast = public(
    string_to_hash_bucket_fast_op,
    "strings.to_hash_bucket_fast",
    attribute="string_to_hash_bucket_fast",
    v1=["string_to_hash_bucket_fast"],
    example=('["Hello", "TensorFlow", "2.x"], 3', "[0 2 2]"),
)
string_to_hash_bucket_strong = public(
    string_to_hash_bucket_strong_op,
    "strings.to_hash_bucket_strong",
    attribute="string_to_hash_bucket_strong",
    v1=["string_to_hash_bucket_strong"],
    example=('["Hello", "TF"], 3, [1, 2]', "[2 0]"),
)


@export(v2=("strings.to_hash_bucket",))
def string_to_hash_bucket(input: Any, num_buckets: int, name: str | None = None) -> Any:
    """Strings to numbers below `num_buckets`, by an old hash function; prefer the fast one.

    Args:
      input: a string tensor.
      num_buckets: how many numbers there are.

    Returns:
      An int64 tensor of the same shape.

    >>> import reflow as tf
    >>> tf.strings.to_hash_bucket(["a", "a"], 1).numpy().tolist()
    [0, 0]
    """
    return string_to_hash_bucket_op(input, num_buckets=num_buckets, name=name)


@export(v1=("strings.to_hash_bucket", "string_to_hash_bucket"))
def string_to_hash_bucket_v1(
    string_tensor: Any = None, num_buckets: Any = None, name: str | None = None, input: Any = None
) -> Any:
    """`tf.strings.to_hash_bucket` with its TF 1 parameters.

    >>> import reflow as tf
    >>> tf.compat.v1.string_to_hash_bucket(["a"], 1).numpy().tolist()
    [0]
    """
    given = _either("input", input, "string_tensor", string_tensor)
    return string_to_hash_bucket_op(given, num_buckets=num_buckets, name=name)


# Fingerprints -------------------------------------------------------------------------------------


def _fingerprint_shape(data, method):
    rows = data._shape.with_rank_at_least(1)
    known = constant_value(method)
    if known is not None and bytes(known.item()) != b"farmhash64":
        raise ValueError(f"Unsupported method: {known.item().decode()}")
    return shapes.of((None if rows.rank is None else rows._dims[0], 8))


@op(
    "Fingerprint(data: T, method: string, *, T: type) -> fingerprint: uint8",
    shape=_fingerprint_shape,
    grad=None,
    compile=False,
)
def fingerprint_op(xp, data, method):
    """FarmHash's Fingerprint64 of each row, as 8 bytes; of rows of strings, that of theirs in a row."""
    if not data.shape:
        raise invalid("`data` should have at least one dimension: []")
    if method.shape:
        raise invalid(f"`method` should be a scalar string: {list(method.shape)}")
    if method.item() != b"farmhash64":
        raise invalid(f"Unsupported fingerprint method: {method.item().decode()}")
    if data.dtype == object:
        texts = data.reshape(len(data), -1) if data.size else np.empty((len(data), 0), object)
        prints = [[_print_of(text) for text in row] for row in texts]
        rows = [row[0] if len(row) == 1 else _print_of(b"".join(row)) for row in prints]
    else:
        rows = [_print_of(np.ascontiguousarray(row).tobytes()) for row in data]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 8).copy()


def _print_of(data: bytes) -> bytes:
    return fingerprint64(data).to_bytes(8, "little")


@export("fingerprint")
def fingerprint(data: Any, method: Any = "farmhash64", name: str | None = None) -> Any:
    """A fingerprint of each row of a tensor: equal rows have equal ones, others hardly ever.

    Args:
      data: a tensor of any dtype and at least one dimension.
      method: "farmhash64", a scalar string.
      name: the name of the node.

    Returns:
      uint8, of shape `[rows, 8]`.

    Raises:
      InvalidArgumentError: for a scalar, or another method; ValueError in a graph.

    >>> import reflow as tf
    >>> print(tf.fingerprint(["a", "b"]).numpy())
    [[227 117 223 182 101  66  69 179]
     [ 22 241 200  94  33  96 178 163]]
    """
    return fingerprint_op(data, method, name=name)


# Base 64 ------------------------------------------------------------------------------------------


@op(
    "EncodeBase64(input: string, *, pad: bool = False) -> output: string",
    shape=shape_rules.same,
    grad=None,
)
def encode_base64_op(xp, input, *, pad):
    """Strings in the alphabet of base 64 that is safe in web addresses."""

    def encoded(text: bytes) -> bytes:
        result = base64.urlsafe_b64encode(text)
        return result if pad else result.rstrip(b"=")

    return mapped(encoded, input)


_BASE64 = re.compile(rb"[A-Za-z0-9_-]*={0,2}")


@op("DecodeBase64(input: string) -> output: string", shape=shape_rules.same, grad=None)
def decode_base64_op(xp, input):
    """Strings from base 64 that is safe in web addresses, padded or not."""

    def decoded(text: bytes) -> bytes:
        body = text.rstrip(b"=")
        if not _BASE64.fullmatch(text) or len(body) % 4 == 1:
            raise ValueError("Invalid character or length found in base64.")
        try:
            return base64.urlsafe_b64decode(body + b"=" * (-len(body) % 4))
        except binascii.Error as error:
            raise ValueError(f"Invalid base64: {error}") from None

    return mapped(decoded, input)


encode_base64 = public(
    encode_base64_op, "io.encode_base64", v1=["encode_base64"], example=('"a?>"', "b'YT8-'")
)
decode_base64 = public(
    decode_base64_op, "io.decode_base64", v1=["decode_base64"], example=('"YT8-"', "b'a?>'")
)
