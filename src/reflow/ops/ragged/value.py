"""The value of a ragged tensor outside of a program: what sessions give and take."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang.export import export


@export(v1=("ragged.RaggedTensorValue",))
class RaggedTensorValue:
    """The value of a `RaggedTensor`, as a session returns it and takes it for a placeholder.

    Args:
      values: an array, or a `RaggedTensorValue`.
      row_splits: int32 or int64 vector.

    Raises:
      TypeError: if they are not.

    >>> import reflow as tf
    >>> tf.compat.v1.ragged.constant_value([[1, 2], [3]]).to_list()
    [[1, 2], [3]]
    """

    def __init__(self, values: Any, row_splits: Any):
        if not isinstance(row_splits, (np.ndarray, np.generic)) or row_splits.dtype not in (
            np.int32,
            np.int64,
        ):
            raise TypeError(
                "row_splits must be a 1D int32 or int64 numpy array; got "
                f"{type(row_splits).__name__} {row_splits!r:.60}"
            )
        if not isinstance(values, (np.ndarray, np.generic, RaggedTensorValue)):
            raise TypeError(
                f"values must be a numpy array or RaggedTensorValue; got {type(values).__name__}"
            )
        if isinstance(values, RaggedTensorValue) and row_splits.dtype != values.row_splits.dtype:
            raise ValueError("row_splits and values.row_splits must have the same dtype")
        self._values = values
        self._row_splits = row_splits

    @property
    def row_splits(self) -> Any:
        return self._row_splits

    @property
    def values(self) -> Any:
        return self._values

    @property
    def dtype(self) -> np.dtype:
        return self._values.dtype

    @property
    def flat_values(self) -> Any:
        """The innermost values, an array."""
        values = self._values
        while isinstance(values, RaggedTensorValue):
            values = values._values
        return values

    @property
    def nested_row_splits(self) -> tuple[Any, ...]:
        """The row splits of all partitioned dimensions, the outermost first."""
        inner = self._values
        rest = inner.nested_row_splits if isinstance(inner, RaggedTensorValue) else ()
        return (self._row_splits, *rest)

    @property
    def ragged_rank(self) -> int:
        """How often the flat values are partitioned."""
        return len(self.nested_row_splits)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, with None for ragged dimensions."""
        return (self._row_splits.shape[0] - 1, None, *self._values.shape[1:])

    @property
    def _nested_row_partitions(self) -> tuple[Any, ...]:
        return self.nested_row_splits

    def to_list(self) -> list[Any]:
        """The rows as nested lists of Python values."""
        values = self._values
        rows = values.to_list() if isinstance(values, RaggedTensorValue) else values.tolist()
        splits = self._row_splits.tolist()
        return [rows[a:b] for a, b in zip(splits, splits[1:])]

    def __repr__(self) -> str:
        return f"tf.RaggedTensorValue(values={self._values!r}, row_splits={self._row_splits!r})"

    def __str__(self) -> str:
        return f"<tf.RaggedTensorValue {self.to_list()}>"


def with_commas(value: Any) -> str:
    """A value as text, elements separated by commas, rows of rows of different lengths too."""
    if isinstance(value, np.ndarray):
        # NumPy prints "[]" for an array without elements, of whatever shape.
        return np.array2string(value, separator=", ") if value.size else repr(value.tolist())
    return str(value)
