"""The tables behind lookup ops: keys to values, and the text files that static ones are read from.

Keys are Python integers or `bytes`, or tuples of them where a key is a vector; a value is a NumPy scalar
or array, in the table's dtype.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors
from reflow.lang.dtypes import DType
from reflow.lang.errors import invalid
from reflow.ops.strings.hashes import murmur64

_ANY_KEYS = (dtypes.string, dtypes.int64, dtypes.int32)
_ANY_VALUES = (
    dtypes.int64,
    dtypes.int32,
    dtypes.float32,
    dtypes.float64,
    dtypes.bool,
    dtypes.string,
)


def check_dtypes(kind: str, key_dtype: DType, value_dtype: DType) -> None:
    """Refuses tables that there are not.

    Raises:
      errors.InvalidArgumentError: if keys or values are of another dtype.
    """
    if key_dtype not in _ANY_KEYS or value_dtype not in _ANY_VALUES:
        raise invalid(f"There is no {kind} from {key_dtype.name} to {value_dtype.name}")


def shown(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


class Table:
    """What tables have in common; this one is changed key by key.

    Args:
      kind: TensorFlow's name of the class of table, for messages.
      name: of the node, or the shared name.
      key_dtype, value_dtype: dtypes.
      value_shape: the shape of a value.

    Raises:
      errors.InvalidArgumentError: if there is no table of these dtypes.
    """

    key_shape: tuple[int, ...] = ()

    def __init__(
        self,
        kind: str,
        name: str,
        key_dtype: DType,
        value_dtype: DType,
        value_shape: tuple[int, ...] = (),
    ):
        check_dtypes(kind, key_dtype, value_dtype)
        self.kind = kind
        self.name = name
        self.key_dtype = key_dtype
        self.value_dtype = value_dtype
        self.value_shape = value_shape
        self.lock = threading.RLock()
        self._items: dict[Any, Any] = {}

    # Checking ------------------------------------------------------------------------------------

    def check_like(self, kind: str, key_dtype: DType, value_dtype: DType) -> None:
        """Refuses a node that means another kind of table by the same shared name."""
        if (self.key_dtype, self.value_dtype, self.kind) != (key_dtype, value_dtype, kind):
            raise invalid(
                f"Conflicting key/value dtypes {key_dtype.name}->{value_dtype.name} with "
                f"{self.key_dtype.name}-{self.value_dtype.name} for table {self.name}"
            )

    def check_dtypes(self, keys: DType, values: DType) -> None:
        if (keys, values) != (self.key_dtype, self.value_dtype):
            raise invalid(
                f"Signature mismatch, have: resource, {keys.name}, {values.name}; expected: resource, "
                f"{self.key_dtype.name}, {self.value_dtype.name}"
            )

    def _places(self, keys: np.ndarray) -> tuple[int, ...]:
        """The shape of `keys` as an array of keys."""
        return keys.shape

    def _check_values(self, keys: np.ndarray, values: np.ndarray) -> None:
        wanted = (*self._places(keys), *self.value_shape)
        if values.shape != wanted:
            raise invalid(f"Expected shape {shown(wanted)} for value, got {shown(values.shape)}")

    def _keys(self, keys: np.ndarray) -> list[Any]:
        return keys.ravel().tolist()

    def _rows(self, values: np.ndarray) -> Sequence[Any]:
        return values.reshape(-1, *self.value_shape) if self.value_shape else values.ravel()

    # Using it ------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._items)

    def find(self, keys: np.ndarray, default: np.ndarray) -> np.ndarray:
        """The values of the keys; where there is none, `default`, one value or one for each key."""
        places = self._places(keys)
        each = (*places, *self.value_shape)
        if default.shape not in (self.value_shape, each):
            raise invalid(
                f"Expected shape {shown(self.value_shape)} or {shown(each)} for default value, got "
                f"{shown(default.shape)}"
            )
        wanted = self._keys(keys)
        result = np.empty((len(wanted), *self.value_shape), self.value_dtype.np)
        if default.shape == each:
            result[...] = default.reshape(result.shape)
        else:
            result[...] = (
                default.item() if default.dtype == object and not default.ndim else default
            )
        get = self._items.get
        with self.lock:
            for i, key in enumerate(wanted):
                value = get(key)
                if value is not None:
                    result[i] = value
        return result.reshape(each)

    def insert(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Sets the values of keys, new ones or not."""
        self._check_values(keys, values)
        with self.lock:
            self._items.update(zip(self._keys(keys), self._rows(np.array(values))))

    def remove(self, keys: np.ndarray) -> None:
        """Forgets keys; those that are not there are ignored."""
        with self.lock:
            for key in self._keys(keys):
                self._items.pop(key, None)

    def load(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Has these keys and values, and no others."""
        self._check_values(keys, values)
        with self.lock:
            self._items.clear()
            self.insert(keys, values)

    def initialize(self, keys: Iterable[Any], values: Iterable[Any]) -> None:
        raise invalid(f"Table {self.name} is not initializable")

    def export(self) -> tuple[np.ndarray, np.ndarray]:
        """All keys, and their values."""
        with self.lock:
            keys = np.empty((len(self._items),), self.key_dtype.np)
            keys[...] = list(self._items)
            values = np.empty((len(self._items), *self.value_shape), self.value_dtype.np)
            for i, value in enumerate(self._items.values()):
                values[i] = value
        return keys, values


class StaticTable(Table):
    """A table that is filled once, and not changed afterwards."""

    initialized = False

    def find(self, keys: np.ndarray, default: np.ndarray) -> np.ndarray:
        if not self.initialized:
            raise errors.FailedPreconditionError(None, None, "Table not initialized.")
        if default.shape == keys.shape and default.size:
            default = default.ravel()[:1].reshape(())  # one for all, as in TensorFlow
        return super().find(keys, default)

    def load(self, keys: np.ndarray, values: np.ndarray) -> None:
        self._check_values(keys, values)
        self.initialize(self._keys(keys), values.ravel())

    def initialize(self, keys: Iterable[Any], values: Iterable[Any]) -> None:
        """Fills the table; when it has been filled already, nothing happens.

        Raises:
          errors.FailedPreconditionError: if a key comes twice, with two values.
        """
        with self.lock:
            if self.initialized:
                return
            items: dict[Any, Any] = {}
            for key, value in zip(keys, values):
                held = items.setdefault(key, value)
                if held != value:
                    raise errors.FailedPreconditionError(
                        None,
                        None,
                        f"HashTable has different value for same key. Key {_text(key)} has "
                        f"{_text(held)} and trying to add value {_text(value)}",
                    )
            self._items = items
            self.initialized = True

    def insert(self, keys: np.ndarray, values: np.ndarray) -> None:
        raise errors.UnimplementedError(
            None, None, f"Insert: the {self.kind} {self.name} is not changed once it is initialized"
        )

    def remove(self, keys: np.ndarray) -> None:
        raise errors.UnimplementedError(
            None, None, f"Remove: the {self.kind} {self.name} is not changed once it is initialized"
        )

    def export(self) -> tuple[np.ndarray, np.ndarray]:
        if not self.initialized:
            raise errors.AbortedError(None, None, f"{self.kind} is not initialized.")
        return super().export()


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


class DenseTable(Table):
    """A table that is exported as its buckets, which are laid out as TensorFlow lays them out.

    Args:
      empty_key, deleted_key: keys that stand in buckets without one; no others may equal them.
      buckets: how many there are in the beginning, a power of two.
      load_factor: which part of them may be full.
    """

    def __init__(
        self,
        *args: Any,
        empty_key: np.ndarray,
        deleted_key: np.ndarray,
        buckets: int,
        load_factor: float,
    ):
        super().__init__(*args)
        if empty_key.shape != deleted_key.shape:
            raise invalid(
                "Empty and deleted keys must have same shape, got shapes: "
                f"{shown(empty_key.shape)} and {shown(deleted_key.shape)}"
            )
        if empty_key.ndim > 1:
            raise invalid(f"A key is a scalar or a vector, not of shape {shown(empty_key.shape)}")
        self.key_shape = empty_key.shape
        (self._empty,), (self._deleted,) = self._split(empty_key), self._split(deleted_key)
        if self._empty == self._deleted:
            raise invalid("Empty and deleted keys cannot be equal")
        _check_buckets(buckets)
        self._load_factor = load_factor
        self._clear(buckets)

    def _clear(self, buckets: int) -> None:
        self._items = {}
        self._slots: list[Any] = [self._empty] * buckets  # the key in each bucket
        self._slot_of: dict[Any, int] = {}

    def _places(self, keys: np.ndarray) -> tuple[int, ...]:
        if self.key_shape and keys.shape[-1:] != self.key_shape:
            raise invalid(
                f"Input key shape {shown(keys.shape)} must end with the table's key shape "
                f"{shown(self.key_shape)}"
            )
        return keys.shape[: keys.ndim - len(self.key_shape)]

    def _split(self, keys: np.ndarray) -> list[Any]:
        if not self.key_shape:
            return keys.ravel().tolist()
        return [tuple(row) for row in keys.reshape(-1, self.key_shape[0]).tolist()]

    def _keys(self, keys: np.ndarray) -> list[Any]:
        result = self._split(keys)
        for name, forbidden in (("empty_key", self._empty), ("deleted_key", self._deleted)):
            if forbidden in result:
                raise invalid(f"Using the {name} as a table key is not allowed")
        return result

    def insert(self, keys: np.ndarray, values: np.ndarray) -> None:
        self._check_values(keys, values)
        new = self._keys(keys)
        with self.lock:
            self._make_room(len(new))
            for key, value in zip(new, self._rows(np.array(values))):
                self._place(key)
                self._items[key] = value

    def _make_room(self, more: int) -> None:
        size = len(self._slots)
        while len(self._items) + more > size * self._load_factor:
            size *= 2
        if size > len(self._slots):
            order, items = self._slots, self._items
            self._clear(size)
            for key in order:
                if key in items:
                    self._place(key)
                    self._items[key] = items[key]

    def _place(self, key: Any) -> None:
        if key in self._slot_of:
            return
        mask = len(self._slots) - 1
        at, probes = _hash(key) & mask, 0
        while self._slots[at] not in (self._empty, self._deleted):
            probes += 1
            at = (at + probes) & mask
        self._slots[at] = key
        self._slot_of[key] = at

    def remove(self, keys: np.ndarray) -> None:
        gone = self._keys(keys)
        with self.lock:
            for key in gone:
                if self._items.pop(key, None) is not None:
                    self._slots[self._slot_of.pop(key)] = self._deleted

    def load(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Has what `export` gave: all buckets, and their values."""
        key_size, value_size = self._sizes()
        count = keys.shape[0] if keys.ndim else 0
        for what, array, size in (("key", keys, key_size), ("value", values, value_size)):
            if array.shape != (count, *size):
                raise invalid(
                    f"Expected shape {shown((count, *size))} for {what}, got {shown(array.shape)}"
                )
        _check_buckets(count)
        with self.lock:
            self._clear(count)
            rows = np.array(values).reshape(count, *self.value_shape)
            for i, (key, value) in enumerate(zip(self._split(keys), rows)):
                self._slots[i] = key
                if key not in (self._empty, self._deleted):
                    self._slot_of[key] = i
                    self._items[key] = value

    def _sizes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The shapes of a key and of a value in an export: a scalar is a vector of one element."""
        return self.key_shape or (1,), self.value_shape or (1,)

    def export(self) -> tuple[np.ndarray, np.ndarray]:
        key_size, value_size = self._sizes()
        with self.lock:
            count = len(self._slots)
            keys = np.empty((count, *key_size), self.key_dtype.np)
            nothing: Any = b"" if self.value_dtype is dtypes.string else 0
            values = np.full((count, *value_size), nothing, self.value_dtype.np)
            for i, key in enumerate(self._slots):
                keys[i] = key
                if key in self._items:
                    values[i] = self._items[key]
        return keys, values


def _check_buckets(count: int) -> None:
    if count < 4 or count & (count - 1):
        raise invalid(f"Number of buckets must be at least 4 and a power of 2, got: {count}")


def _hash(key: Any) -> int:
    if isinstance(key, int):
        return key % 2**64
    if isinstance(key, bytes):
        return murmur64(key)
    if len(key) == 1:
        return _hash(key[0])
    result = 0
    for part in key:
        mixed = _hash(part) + 0x9E3779B97F4A7800 + (result << 10) + (result >> 4)
        result ^= mixed % 2**64
    return result


# Text files ---------------------------------------------------------------------------------------

WHOLE_LINE, LINE_NUMBER = -2, -1

_PARSERS: dict[DType, Callable[[bytes], Any]] = {
    dtypes.string: bytes,
    dtypes.int64: int,
    dtypes.int32: int,
    dtypes.float32: float,
    dtypes.float64: float,
}


class TextFile:
    """The pairs of keys and values that the lines of a file hold.

    Args:
      filename: of the file.
      content: of the file.
      key: the dtype of keys, and in which column they stand.
      value: the same of values.
      vocab_size: how many lines count, or -1 for all.
      delimiter: what stands between columns, one character.
      offset: the number of the first line.
    """

    def __init__(
        self,
        filename: str,
        content: bytes,
        key: tuple[DType, int],
        value: tuple[DType, int],
        vocab_size: int,
        delimiter: str,
        offset: int,
    ):
        if len(delimiter.encode()) != 1:
            raise invalid(f"delimiter should be only 1 char, not {delimiter!r}")
        for what, (dtype, index) in (("Key", key), ("Value", value)):
            if index == LINE_NUMBER and dtype is not dtypes.int64:
                raise invalid(
                    f"{what} index for line number requires table {what.lower()} dtype of int64, got "
                    f"{dtype.name}"
                )
            if dtype not in _PARSERS:
                raise invalid(f"{what}s of dtype {dtype.name} are not read from text files")
        self._filename = filename
        self._key, self._value = key, value
        self._delimiter = delimiter.encode()
        self._offset = offset
        self._lines = self._wanted_lines(content, vocab_size)

    def _wanted_lines(self, content: bytes, vocab_size: int) -> list[bytes]:
        lines = content.split(b"\n")
        if not lines[-1]:
            lines.pop()
        if vocab_size == -1:
            wanted = lines
        else:
            wanted = lines[:vocab_size]
            if len(wanted) < vocab_size:
                raise invalid(
                    f"Invalid vocab_size in {self._filename}: expected {vocab_size} but got "
                    f"{len(wanted)}"
                )
        position = 0
        for i, line in enumerate(wanted):
            position += len(line) + 1
            wanted[i] = line = line.replace(b"\r", b"")
            if not line:
                raise invalid(
                    f"Invalid content in {self._filename}: empty line found at position {position}."
                )
        return wanted

    def pairs(self) -> tuple[list[Any], list[Any]]:
        """The keys, and their values.

        Raises:
          errors.InvalidArgumentError: if a line has too few columns, or one is no number.
        """
        keys, values = [], []
        least = max(self._key[1], self._value[1]) + 1
        for number, line in enumerate(self._lines):
            columns: list[bytes] = []
            if least > 0:
                columns = line.split(self._delimiter)
                if len(columns) < least:
                    raise invalid(
                        f"Invalid number of columns in {self._filename} line {number} "
                        f"({_text(line)}) : expected at least {least} got {len(columns)}"
                    )
            keys.append(self._part(self._key, number, line, columns))
            values.append(self._part(self._value, number, line, columns))
        return keys, values

    def _part(self, part: tuple[DType, int], number: int, line: bytes, columns: list[bytes]) -> Any:
        dtype, index = part
        if index == LINE_NUMBER:
            return number + self._offset
        text = line if index == WHOLE_LINE else columns[index]
        try:
            value = _PARSERS[dtype](text)
            if dtype.is_integer and not dtype.min <= value <= dtype.max:
                raise ValueError
        except ValueError:
            raise invalid(
                f"Field {_text(text)} in line {number} is not a valid {dtype.name}."
            ) from None
        return value
