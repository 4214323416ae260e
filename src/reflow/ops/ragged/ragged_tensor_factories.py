"""How ragged tensors are made: `RaggedTensor.from_row_splits` and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reflow.lang import dtypes, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import is_tensor
from reflow.lang.type_spec import CompositeTensor
from reflow.ops import array
from reflow.ops.ragged.row_partition import RowPartition, require, rows_of

if TYPE_CHECKING:
    from reflow.ops.ragged.ragged_tensor import RaggedTensor


class RaggedTensorFactories(CompositeTensor):
    """The class methods of `RaggedTensor`."""

    @classmethod
    def _from_row_partition(
        cls, values: Any, partition: RowPartition, validate: bool = True
    ) -> RaggedTensor:
        """The rows of `values`, which are ragged or a tensor already."""
        kind = partition.dtype
        if _is_ragged(values) and values.row_splits.dtype is not kind:
            raise ValueError(
                f"{errors.user_site()}: the row splits of the values are "
                f"{values.row_splits.dtype.name}, those of the new partition {kind.name}; use "
                "RaggedTensor.with_row_splits_dtype() to convert them"
            )
        if validate:
            count = values.nrows() if _is_ragged(values) else rows_of(values, kind)
            partition = partition.with_checks(
                require(
                    REGISTRY["Equal"](partition.nvals(), count),
                    "Arguments to _from_row_partition do not form a valid RaggedTensor: the number "
                    "of values that the rows take and the number of values there are differ:",
                    [partition.nvals(), count],
                )
            )
        return cls(values, partition, internal=True)

    @classmethod
    def from_row_splits(
        cls, values: Any, row_splits: Any, name: str | None = None, validate: bool = True
    ) -> RaggedTensor:
        """Rows `values[row_splits[i]:row_splits[i + 1]]`.

        Args:
          values: a tensor or `RaggedTensor`, `[nvals, ...]`.
          row_splits: int32 or int64 vector, `[nrows + 1]`: sorted, from 0 to `nvals`.
          name: a prefix for the nodes.
          validate: whether to check that.

        Raises:
          InvalidArgumentError: if it is not so.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_row_splits([3, 1, 4], [0, 2, 2, 3])
        <tf.RaggedTensor [[3, 1], [], [4]]>
        """
        _check_bool(validate)
        with name_scope(name, "RaggedFromRowSplits", [values, row_splits]):
            values = as_values(values)
            partition = RowPartition.from_row_splits(
                row_splits, validate, dtype_hint=_splits_hint(values)
            )
            return cls._from_row_partition(values, partition, validate)

    @classmethod
    def from_value_rowids(
        cls,
        values: Any,
        value_rowids: Any,
        nrows: Any = None,
        name: str | None = None,
        validate: bool = True,
    ) -> RaggedTensor:
        """Rows of the values with equal row numbers.

        Args:
          values: a tensor or `RaggedTensor`, `[nvals, ...]`.
          value_rowids: int32 or int64 vector, `[nvals]`: sorted, the row of each value.
          nrows: how many rows there are; by default up to the last that has a value.
          name: a prefix for the nodes.
          validate: whether to check that.

        Raises:
          InvalidArgumentError: if it is not so.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_value_rowids([3, 1, 4], [0, 0, 2], nrows=4)
        <tf.RaggedTensor [[3, 1], [], [4], []]>
        """
        _check_bool(validate)
        with name_scope(name, "RaggedFromValueRowIds", [values, value_rowids, nrows]):
            values = as_values(values)
            partition = RowPartition.from_value_rowids(
                value_rowids, nrows, validate, dtype_hint=_splits_hint(values)
            )
            return cls._from_row_partition(values, partition, validate)

    @classmethod
    def from_row_lengths(
        cls, values: Any, row_lengths: Any, name: str | None = None, validate: bool = True
    ) -> RaggedTensor:
        """Rows of the given lengths.

        Args:
          values: a tensor or `RaggedTensor`, `[nvals, ...]`.
          row_lengths: int32 or int64 vector, `[nrows]`, not negative, with the sum `nvals`.
          name: a prefix for the nodes.
          validate: whether to check that.

        Raises:
          InvalidArgumentError: if it is not so.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_row_lengths([3, 1, 4], [1, 0, 2])
        <tf.RaggedTensor [[3], [], [1, 4]]>
        """
        _check_bool(validate)
        with name_scope(name, "RaggedFromRowLengths", [values, row_lengths]):
            values = as_values(values)
            partition = RowPartition.from_row_lengths(
                row_lengths, validate, dtype_hint=_splits_hint(values)
            )
            return cls._from_row_partition(values, partition, validate)

    @classmethod
    def from_row_starts(
        cls, values: Any, row_starts: Any, name: str | None = None, validate: bool = True
    ) -> RaggedTensor:
        """Rows that begin at the given places; the last goes to the end of the values.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_row_starts([3, 1, 4], [0, 2, 2])
        <tf.RaggedTensor [[3, 1], [], [4]]>
        """
        _check_bool(validate)
        with name_scope(name, "RaggedFromRowStarts", [values, row_starts]):
            values = as_values(values)
            starts = convert_to_tensor(
                row_starts, name="row_starts", dtype_hint=_splits_hint(values)
            )
            count = values.nrows() if _is_ragged(values) else rows_of(values, starts.dtype)
            end = array.reshape(REGISTRY["Cast"](count, DstT=starts.dtype), [1])
            splits = REGISTRY["ConcatV2"]([starts, end], 0)
            partition = RowPartition.from_row_splits(splits, validate)
            return cls._from_row_partition(values, partition, validate)

    @classmethod
    def from_row_limits(
        cls, values: Any, row_limits: Any, name: str | None = None, validate: bool = True
    ) -> RaggedTensor:
        """Rows that end at the given places.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_row_limits([3, 1, 4], [2, 2, 3])
        <tf.RaggedTensor [[3, 1], [], [4]]>
        """
        _check_bool(validate)
        with name_scope(name, "RaggedFromRowLimits", [values, row_limits]):
            values = as_values(values)
            limits = convert_to_tensor(
                row_limits, name="row_limits", dtype_hint=_splits_hint(values)
            )
            zero = convert_to_tensor(np.zeros(1, limits.dtype.np))
            splits = REGISTRY["ConcatV2"]([zero, limits], 0)
            partition = RowPartition.from_row_splits(splits, validate)
            return cls._from_row_partition(values, partition, validate)

    @classmethod
    def from_uniform_row_length(
        cls,
        values: Any,
        uniform_row_length: Any,
        nrows: Any = None,
        validate: bool = True,
        name: str | None = None,
    ) -> RaggedTensor:
        """Rows of one length: a dimension that is not ragged, before others that are.

        Args:
          values: a tensor or `RaggedTensor`, `[nvals, ...]`.
          uniform_row_length: a scalar integer.
          nrows: how many rows; needed where the length is zero.
          validate: whether to check that they fit together.
          name: a prefix for the nodes.

        Raises:
          InvalidArgumentError: if they do not.
          ValueError: if the length is zero and `nrows` is not given.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_uniform_row_length(tf.ragged.constant([[1], [], [2, 3], []]), 2).shape
        TensorShape([2, 2, None])
        """
        _check_bool(validate)
        with name_scope(name, "RaggedFromUniformRowLength", [values, uniform_row_length, nrows]):
            values = as_values(values)
            kind = values.row_splits.dtype if _is_ragged(values) else None
            count = values.nrows() if _is_ragged(values) else rows_of(values, kind or dtypes.int64)
            partition = RowPartition.from_uniform_row_length(
                uniform_row_length, count, nrows, validate, kind
            )
            return cls._from_row_partition(values, partition, False)

    @classmethod
    def from_nested_value_rowids(
        cls,
        flat_values: Any,
        nested_value_rowids: Any,
        nested_nrows: Any = None,
        name: str | None = None,
        validate: bool = True,
    ) -> Any:
        """Values partitioned several times, by row numbers, the outermost first.

        Raises:
          TypeError: if `nested_value_rowids` is no list.
          ValueError: if `nested_nrows` has another length.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_nested_value_rowids([3, 1, 4], [[0, 1], [0, 0, 1]]).shape
        TensorShape([2, None, None])
        """
        _check_list(nested_value_rowids, "nested_value_rowids", "value_rowids")
        if nested_nrows is None:
            nested_nrows = [None] * len(nested_value_rowids)
        else:
            _check_list(nested_nrows, "nested_nrows", "nrows")
            if len(nested_nrows) != len(nested_value_rowids):
                raise ValueError(
                    "Argument `nested_nrows` must have the same length as argument "
                    f"`nested_value_rowids`. len(nested_nrows) = {len(nested_nrows)} vs. "
                    f"len(nested_value_rowids) = {len(nested_value_rowids)}."
                )
        with name_scope(name, "RaggedFromNestedValueRowIds", [flat_values]):
            result = as_values(flat_values)
            for rowids, nrows in reversed(list(zip(nested_value_rowids, nested_nrows))):
                result = cls.from_value_rowids(result, rowids, nrows, validate=validate)
            return result

    @classmethod
    def from_nested_row_splits(
        cls,
        flat_values: Any,
        nested_row_splits: Any,
        name: str | None = None,
        validate: bool = True,
    ) -> Any:
        """Values partitioned several times, by row splits, the outermost first.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_nested_row_splits([3, 1, 4], [[0, 1, 2], [0, 2, 3]]).shape
        TensorShape([2, None, None])
        """
        _check_list(nested_row_splits, "nested_row_splits", "row_splits")
        with name_scope(name, "RaggedFromNestedRowSplits", [flat_values, nested_row_splits]):
            result = as_values(flat_values)
            for splits in reversed(nested_row_splits):
                result = cls.from_row_splits(result, splits, validate=validate)
            return result

    @classmethod
    def from_nested_row_lengths(
        cls,
        flat_values: Any,
        nested_row_lengths: Any,
        name: str | None = None,
        validate: bool = True,
    ) -> Any:
        """Values partitioned several times, by row lengths, the outermost first.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_nested_row_lengths([3, 1, 4], [[1, 1], [2, 1]]).shape
        TensorShape([2, None, None])
        """
        _check_list(nested_row_lengths, "nested_row_lengths", "row_lengths")
        with name_scope(name, "RaggedFromNestedRowlengths", [flat_values, nested_row_lengths]):
            result = as_values(flat_values)
            for lengths in reversed(nested_row_lengths):
                result = cls.from_row_lengths(result, lengths, validate=validate)
            return result

    @classmethod
    def from_tensor(
        cls,
        tensor: Any,
        lengths: Any = None,
        padding: Any = None,
        ragged_rank: int = 1,
        name: str | None = None,
        row_splits_dtype: Any = dtypes.int64,
    ) -> Any:
        """The rows of a tensor, without what lies beyond `lengths`, or without padding at their ends.

        Args:
          tensor: a tensor of rank above `ragged_rank`.
          lengths: the lengths of the rows; or a tuple of such, one for each ragged dimension.
          padding: the value (of the shape of `tensor[0, 0]`) that fills up the rows.
          ragged_rank: how many dimensions are partitioned.
          name: a prefix for the nodes.
          row_splits_dtype: `tf.int32` or `tf.int64`.

        Raises:
          ValueError: if both `lengths` and `padding` are given, or the rank is too low.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_tensor([[5, 7, 0], [0, 3, 0], [6, 0, 0]], padding=0)
        <tf.RaggedTensor [[5, 7], [0, 3], [6]]>
        """
        from reflow.ops.ragged.conversions import from_tensor

        return from_tensor(tensor, lengths, padding, ragged_rank, name, row_splits_dtype)

    @classmethod
    def from_sparse(
        cls, st_input: Any, name: str | None = None, row_splits_dtype: Any = dtypes.int64
    ) -> RaggedTensor:
        """The rows of a sparse matrix of which every row is filled from the left.

        Args:
          st_input: a `SparseTensor` of rank 2.
          name: a prefix for the nodes.
          row_splits_dtype: `tf.int32` or `tf.int64`.

        Raises:
          ValueError: if the rank is not 2.
          InvalidArgumentError: if a row has a gap.

        >>> import reflow as tf
        >>> tf.RaggedTensor.from_sparse(tf.sparse.SparseTensor([[0, 0], [2, 0]], [1, 2], [3, 2]))
        <tf.RaggedTensor [[1], [], [2]]>
        """
        from reflow.ops.ragged.conversions import from_sparse

        return from_sparse(st_input, name, row_splits_dtype)


def _is_ragged(values: Any) -> bool:
    return isinstance(values, RaggedTensorFactories)


def as_values(values: Any) -> Any:
    """What is to be cut into rows: ragged itself, or a tensor.

    Raises:
      ValueError: if it is a scalar.
    """
    from reflow.ops.ragged.ragged_tensor import convert_to_tensor_or_ragged

    values = convert_to_tensor_or_ragged(values, name="values")
    if values.shape.rank == 0:
        raise ValueError(
            f"{errors.user_site()}: Shape () must have rank at least 1: the values of "
            "a RaggedTensor"
        )
    return values


def _splits_hint(values: Any) -> DType:
    """The dtype that splits given as Python values have: that of those within the values."""
    return values.row_splits.dtype if _is_ragged(values) else dtypes.int64


def _check_bool(validate: Any) -> None:
    if not isinstance(validate, bool):
        raise TypeError(f"Argument `validate` must have type bool. Received {validate}.")


def _check_list(value: Any, name: str, item: str) -> None:
    if is_tensor(value):
        raise TypeError(
            f"{errors.user_site()}: Argument `{name}` must be a list of Tensors. "
            f"Received {value!r:.80}."
        )
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"Argument `{name}` must be a list of {item} tensors, got {value!r:.80}.")
