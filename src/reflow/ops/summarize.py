"""Tensors as short text, as TensorFlow's C++ prints them: for Print, Assert and StringFormat."""

from __future__ import annotations

from typing import Any

import numpy as np


def summarize_value(value: Any, most: int = 3, quote: bool = False) -> str:
    """The first `most` elements of a tensor, rows in brackets, without commas; all when negative.

    >>> import numpy as np
    >>> summarize_value(np.arange(6).reshape(2, 3), 3)
    '[0 1 2]...'
    """
    array = np.asarray(value)
    flat = array.ravel()
    if array.ndim == 0:
        return _element(flat[0], quote)
    limit = flat.size if most < 0 else most
    if array.ndim == 1:
        shown = " ".join(_element(v, quote) for v in flat[:limit])
        return f"{shown}{'...' if limit < flat.size else ''}"
    left = [limit]
    return _nested(array, left, quote)[1:-1]


def _nested(array: np.ndarray, left: list[int], quote: bool) -> str:
    if array.ndim == 1:
        shown = array[: left[0]]
        left[0] -= len(shown)
        text = " ".join(_element(v, quote) for v in shown)
        return f"[{text}{'...' if len(shown) < len(array) else ''}]"
    parts = []
    for row in array:
        if left[0] <= 0:
            parts.append("...")
            break
        parts.append(_nested(row, left, quote))
    return f"[{''.join(parts)}]"


_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def _element(value: Any, quote: bool) -> str:
    if isinstance(value, bytes):
        text = value.decode("utf-8", "backslashreplace")
        return f'"{text.translate(_ESCAPES)}"' if quote else text
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, np.complexfloating):
        return f"({_float(value.real)},{_float(value.imag)})"
    if value.dtype.kind in "fV":
        return _float(value)
    return str(value)


def _float(value: Any) -> str:
    """The digits that any decimal of the type keeps, if they read back as the same number; else all."""
    if value.dtype == np.float64:
        short, long, kind = 15, 17, np.float64
    else:
        short, long, kind = 6, 9, np.float32
    number = kind(value)
    text = f"{number:.{short}g}"
    return text if kind(text) == number or number != number else f"{number:.{long}g}"
