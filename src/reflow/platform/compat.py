"""Conversions between text and bytes: https://www.tensorflow.org/api_docs/python/tf/compat"""

from __future__ import annotations

import datetime
import numbers
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from reflow.lang.export import export, export_value

bytes_or_text_types = (bytes, str)
integral_types = (numbers.Integral, np.integer)
real_types = (numbers.Real, np.integer, np.floating)
complex_types = (numbers.Complex, np.number)

for _name in ("bytes_or_text_types", "integral_types", "real_types", "complex_types"):
    export_value(__name__, _name, f"compat.{_name}")


@export("compat.as_bytes")
def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """`bytes_or_text` as bytes: text is encoded, a bytearray copied.

    Raises:
      TypeError: if it is neither bytes nor text.

    >>> import reflow as tf
    >>> tf.compat.as_bytes("é")
    b'\\xc3\\xa9'
    """
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text
    if isinstance(bytes_or_text, bytearray):
        return bytes(bytes_or_text)
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


@export("compat.as_text", "compat.as_str")
def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """`bytes_or_text` as text: bytes are decoded.

    Raises:
      TypeError: if it is neither bytes nor text.

    >>> import reflow as tf
    >>> tf.compat.as_text(b"abc")
    'abc'
    """
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text.decode(encoding)
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


as_str = as_text


@export("compat.as_str_any")
def as_str_any(value: Any, encoding: str = "utf-8") -> str:
    """`value` as text: bytes are decoded, anything else becomes `str(value)`.

    >>> import reflow as tf
    >>> tf.compat.as_str_any(5), tf.compat.as_str_any(b"a")
    ('5', 'a')
    """
    return as_text(value, encoding) if isinstance(value, bytes) else str(value)


@export("compat.path_to_str")
def path_to_str(path: Any) -> Any:
    """A path object as text or bytes; anything else as it is.

    >>> import pathlib
    >>> import reflow as tf
    >>> tf.compat.path_to_str(pathlib.PurePosixPath("a") / "b")
    'a/b'
    """
    return os.fspath(path) if hasattr(path, "__fspath__") else path


def path_to_bytes(path: Any) -> bytes:
    """A path, of whatever type, as bytes."""
    return as_bytes(path_to_str(path))


# Forward compatibility ----------------------------------------------------------------------------

# Programs ask whether a graph may use what TensorFlow learned on some day. Reflow reads and writes
# what TensorFlow 2.21 does.
_HORIZON = datetime.date(2026, 3, 1)
_days: list[int] = [int(os.environ.get("TF_FORWARD_COMPATIBILITY_DELTA_DAYS", "0"))]


@export("compat.forward_compatible")
def forward_compatible(year: int, month: int, day: int) -> bool:
    """Whether readers as of this release know what TensorFlow introduced before a date.

    >>> import reflow as tf
    >>> tf.compat.forward_compatible(2019, 1, 1)
    True
    """
    return _HORIZON + datetime.timedelta(days=_days[0]) > datetime.date(year, month, day)


@export("compat.forward_compatibility_horizon")
@contextmanager
def forward_compatibility_horizon(year: int, month: int, day: int) -> Iterator[None]:
    """Within it, `forward_compatible` answers as on the given date."""
    before = _days[0]
    _days[0] = (datetime.date(year, month, day) - _HORIZON).days
    try:
        yield
    finally:
        _days[0] = before
