"""What `tf.train.Example` messages hold, as arrays: the work of the ops in `example`.

A message is parsed by protobuf. Numbers are taken out of it in their packed form, which is what an
array of floats is in memory, rather than one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.lang.dtypes import DType, float32
from reflow.lang.errors import invalid
from reflow.lang.services import service

_KIND = {"float32": "float_list", "int64": "int64_list", "string": "bytes_list"}
_TYPE = {"float_list": "float", "int64_list": "int64", "bytes_list": "string"}
_FEW = 32  # up to so many numbers are fetched one by one


def type_name(dtype: DType) -> str:
    """The dtype as TensorFlow's messages name it."""
    return "float" if dtype is float32 else dtype.name


class Dense(NamedTuple):
    """A feature of a fixed shape, or with an unknown first dimension of so many such rows."""

    key: str
    dtype: DType
    sizes: tuple[int | None, ...]
    default: np.ndarray

    @property
    def variable(self) -> bool:
        return bool(self.sizes) and self.sizes[0] is None

    @property
    def stride(self) -> int:
        """Elements of a row, or of the feature."""
        return int(np.prod([n for n in self.sizes if n is not None], dtype=np.int64))

    @property
    def shown(self) -> str:
        return "[" + ",".join("?" if n is None else str(n) for n in self.sizes) + "]"


def parsed(kind: str, data: bytes, name: str) -> Any:
    """The message of this kind in `data`.

    Raises:
      InvalidArgumentError: if there is none.
    """
    from google.protobuf.message import DecodeError

    try:
        return service(kind).FromString(data)
    except DecodeError as error:
        raise invalid(f"Name: {name}, Could not parse the {kind}: {error}") from None


def _packed(values: Any) -> bytes:
    """The packed numbers of a FloatList or Int64List: without tag and length."""
    data = values.SerializeToString()
    start = 1
    while data[start] & 0x80:
        start += 1
    return data[start + 1 :]


def _varints(data: bytes, count: int) -> np.ndarray:
    """The int64 numbers in `data`, which are seven bits a byte, least significant first."""
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw < 0x80)
    starts = np.concatenate([[0], ends[:-1] + 1])
    shifts = (np.arange(len(raw)) - np.repeat(starts, ends - starts + 1)) * 7
    parts = (raw & np.uint8(0x7F)).astype(np.uint64) << shifts.astype(np.uint64)
    return np.add.reduceat(parts, starts).view(np.int64)[:count]


def values_of(feature: Any, dtype: DType, wrong: Callable[[str], str]) -> np.ndarray | None:
    """The values of a feature as a vector; None if the feature is empty.

    Raises:
      InvalidArgumentError: if they are of another type; `wrong(type)` is the message.
    """
    kind = feature.WhichOneof("kind")
    if kind is None:
        return None
    if kind != _KIND[dtype.name]:
        raise invalid(wrong(_TYPE[kind]))
    held = getattr(feature, kind)
    values = held.value
    if kind == "bytes_list":
        result = np.empty(len(values), object)
        result[:] = list(values)
        return result
    if len(values) <= _FEW:
        return np.array(list(values), dtype.np)
    if dtype is float32:
        return np.frombuffer(_packed(held), "<f4").astype(np.float32, copy=False)
    return _varints(_packed(held), len(values))


def _look_up(features: Any, key: str, dtype: DType, name: str, index: int, dense: bool) -> Any:
    if key not in features:
        return None

    def wrong(found: str) -> str:
        wanted = type_name(dtype)
        types = (
            f"Data type: {found} but expected type: {wanted}"
            if dense
            else f"Expected type: {wanted}, Actual type: {found}"
        )
        return f"Name: {name}, Key: {key}, Index: {index}.  Data types don't match. {types}"

    return values_of(features[key], dtype, wrong)


Batch = Sequence[tuple[str, Any]]  # per example its name, and its map of features


def dense_batch(examples: Batch, feature: Dense) -> np.ndarray:
    """A dense feature of examples: [batch, ...], rows that are missing filled with the default.

    Raises:
      InvalidArgumentError: if an example lacks it, or has another number of values.
    """
    if feature.variable:
        return _variable_batch(examples, feature)
    count = feature.stride
    result = np.empty((len(examples), count), feature.dtype.np)
    for i, (name, features) in enumerate(examples):
        values = _look_up(features, feature.key, feature.dtype, name, i, True)
        result[i] = _whole(values, feature, name, i, count)
    return result.reshape(len(examples), *feature.sizes)


def _whole(values: Any, feature: Dense, name: str, i: int, count: int) -> Any:
    if values is None:
        if feature.default.size != count:
            raise invalid(
                f"Name: {name}, Feature: {feature.key} (data type: {type_name(feature.dtype)}) is "
                "required but could not be found."
            )
        return feature.default.ravel()
    if len(values) != count:
        raise invalid(
            f"Name: {name}, Key: {feature.key}, Index: {i}.  Number of {type_name(feature.dtype)} "
            f"values != expected.  Values size: {len(values)} but output shape: {feature.shown}"
        )
    return values


def _variable_rows(examples: Batch, feature: Dense) -> list[np.ndarray]:
    rows = []
    for i, (name, features) in enumerate(examples):
        values = _look_up(features, feature.key, feature.dtype, name, i, True)
        if values is None:
            values = np.empty(0, feature.dtype.np)
        if len(values) % max(feature.stride, 1):
            raise invalid(
                f"Name: {name}, Key: {feature.key}, Index: {i}.  Number of "
                f"{type_name(feature.dtype)} values is not a multiple of stride length. Saw "
                f"{len(values)} values but output shape is: {feature.shown}"
            )
        rows.append(values)
    return rows


def _zero(dtype: DType) -> Any:
    return b"" if dtype.name == "string" else 0


def _variable_batch(examples: Batch, feature: Dense) -> np.ndarray:
    rows = _variable_rows(examples, feature)
    longest = max(map(len, rows), default=0)
    padding = feature.default.ravel()[0] if feature.default.size else _zero(feature.dtype)
    result = np.empty((len(rows), longest), feature.dtype.np)
    result.fill(padding)
    for row, values in zip(result, rows):
        row[: len(values)] = values
    return result.reshape(len(rows), longest // max(feature.stride, 1), *feature.sizes[1:])


def dense_one(example: tuple[str, Any], feature: Dense) -> np.ndarray:
    """A dense feature of one example, without a batch dimension."""
    if feature.variable:
        [values] = _variable_rows([example], feature)
        return values.reshape(len(values) // max(feature.stride, 1), *feature.sizes[1:])
    return dense_batch([example], feature)[0]


def rows_of(examples: Batch, key: str, dtype: DType) -> list[np.ndarray]:
    """The values that each example has for a key."""
    empty = np.empty(0, dtype.np)
    found = (
        _look_up(features, key, dtype, name, i, False)
        for i, (name, features) in enumerate(examples)
    )
    return [empty if values is None else values for values in found]


def joined(rows: Iterable[np.ndarray], dtype: DType) -> np.ndarray:
    """The values of all rows, one after the other."""
    return np.concatenate([np.empty(0, dtype.np), *rows])


def lengths_of(rows: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([len(row) for row in rows], np.int64)


def places(lengths: np.ndarray) -> np.ndarray:
    """The indices [n, 2] of the elements of rows of these lengths."""
    total = int(lengths.sum())
    row = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    column = np.arange(total) - np.repeat(starts, lengths)
    return np.stack([row, column], axis=1).astype(np.int64)


def splits(lengths: np.ndarray, dtype: DType) -> np.ndarray:
    """Where rows of these lengths begin and end."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(dtype.np)


def sparse_batch(rows: Sequence[np.ndarray], dtype: DType) -> tuple[Any, Any, Any]:
    """Indices, values and shape of the sparse matrix whose rows these are."""
    lengths = lengths_of(rows)
    shape = np.array([len(rows), lengths.max(initial=0)], np.int64)
    return places(lengths), joined(rows, dtype), shape


def sparse_one(values: np.ndarray) -> tuple[Any, Any, Any]:
    """Indices, values and shape of a vector as a sparse tensor."""
    return (
        np.arange(len(values))[:, None].astype(np.int64),
        values,
        np.array([len(values)], np.int64),
    )


# Sequences ----------------------------------------------------------------------------------------


def steps_of(lists: Any, key: str, dtype: DType, name: str) -> list[np.ndarray] | None:
    """The values of each step of a list of features; None if there is no such list."""
    if key not in lists:
        return None
    empty = np.empty(0, dtype.np)
    steps = []
    for t, feature in enumerate(lists[key].feature):

        def wrong(found: str, t: int = t) -> str:
            return (
                f"Name: {name}, Feature list: {key}, Index: {t}.  Data types don't match. "
                f"Expected type: {type_name(dtype)}"
            )

        values = values_of(feature, dtype, wrong)
        steps.append(empty if values is None else values)
    return steps


def dense_steps(
    lists: Any, key: str, dtype: DType, sizes: Sequence[int], name: str, may_miss: bool
) -> np.ndarray:
    """A list of features of one shape: [steps, ...].

    Raises:
      InvalidArgumentError: if it is missing, or a step has another number of values.
    """
    steps = steps_of(lists, key, dtype, name)
    if steps is None:
        if not may_miss:
            raise invalid(
                f"Name: {name}, Feature list '{key}' is required but could not be found.  Did you "
                "mean to include it in feature_list_dense_missing_assumed_empty or "
                "feature_list_dense_defaults?"
            )
        steps = []
    count = int(np.prod(sizes, dtype=np.int64))
    for t, values in enumerate(steps):
        if len(values) != count:
            raise invalid(
                f"Name: {name}, Key: {key}, Index: {t}.  Number of values != expected.  values "
                f"size: {len(values)} but output shape: {list(sizes)}"
            )
    return joined(steps, dtype).reshape(len(steps), *sizes)


def padded_steps(batch: Sequence[np.ndarray], dtype: DType, sizes: Sequence[int]) -> np.ndarray:
    """Arrays [steps, ...] of different lengths as one [batch, steps, ...], filled with zeros."""
    longest = max(map(len, batch), default=0)
    result = np.empty((len(batch), longest, *sizes), dtype.np)
    result.fill(_zero(dtype))
    for row, each in zip(result, batch):
        row[: len(each)] = each
    return result


def sparse_steps(batch: Sequence[list[np.ndarray]], dtype: DType) -> tuple[Any, Any, Any]:
    """Indices [n, 3], values and shape of sequences of steps of any number of values."""
    longest = max(map(len, batch), default=0)
    indices, rows = [np.empty((0, 3), np.int64)], []
    for b, steps in enumerate(batch):
        at = places(lengths_of(steps))
        indices.append(np.concatenate([np.full((len(at), 1), b, np.int64), at], axis=1))
        rows += steps
    widest = lengths_of(rows).max(initial=0)
    shape = np.array([len(batch), longest, widest], np.int64)
    return np.concatenate(indices), joined(rows, dtype), shape


def ragged_steps(
    batch: Sequence[list[np.ndarray]], dtype: DType, split_type: DType
) -> tuple[Any, Any, Any]:
    """The values of sequences of steps, where each sequence begins, and where each step begins."""
    rows = [step for steps in batch for step in steps]
    counts = np.array([len(steps) for steps in batch], np.int64)
    return joined(rows, dtype), splits(counts, split_type), splits(lengths_of(rows), split_type)
