"""`tf.RaggedTensor` and its type spec: https://www.tensorflow.org/guide/ragged_tensor"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.export import export
from reflow.lang.foreign_names import known_as
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import SymbolicTensor, Tensor, is_tensor
from reflow.lang.type_spec import (
    BatchableTypeSpec,
    CompositeTensor,
    TensorSpec,
    register_type_spec_from_value_converter,
)
from reflow.ops import array
from reflow.ops.ragged.row_partition import RowPartition, require, rows_of
from reflow.ops.ragged.value import RaggedTensorValue, with_commas


@known_as("tensorflow.python.ops.ragged.ragged_tensor")
@export("RaggedTensor")
class RaggedTensor(CompositeTensor):
    """A tensor with rows of different lengths: values, and a partition that cuts them into rows.

    The values may be ragged themselves. Use a factory, such as `tf.RaggedTensor.from_row_lengths`
    or `tf.ragged.constant`. Element-wise functions and many others take ragged tensors; an index
    into a ragged dimension is not possible, a range is: `rt[:, :2]`.

    >>> import reflow as tf
    >>> rt = tf.ragged.constant([[1, 2], [], [3]])
    >>> rt + 1
    <tf.RaggedTensor [[2, 3], [], [4]]>
    >>> print(rt.to_tensor().numpy().tolist(), rt.row_lengths().numpy())
    [[1, 2], [0, 0], [3, 0]] [2 0 1]
    """

    is_composite_of_tensor = True  # `tf.is_tensor` holds for it

    __array_priority__ = 100.0

    def __init__(self, values: Any, row_partition: RowPartition, internal: bool = False):
        if not internal:
            raise ValueError(
                f"{errors.user_site()}: RaggedTensor constructor is private; please "
                "use one of the factory methods instead (e.g., RaggedTensor.from_row_lengths())"
            )
        self._values = values
        self._row_partition = row_partition

    # Factories -----------------------------------------------------------------------------------

    @classmethod
    def _from_row_partition(
        cls, values: Any, partition: RowPartition, validate: bool = True
    ) -> RaggedTensor:
        """The rows of `values`, which are ragged or a tensor already."""
        kind = partition.dtype
        if is_ragged(values) and values.row_splits.dtype is not kind:
            raise ValueError(
                f"{errors.user_site()}: the row splits of the values are "
                f"{values.row_splits.dtype.name}, those of the new partition {kind.name}; use "
                "RaggedTensor.with_row_splits_dtype() to convert them"
            )
        if validate:
            count = values.nrows() if is_ragged(values) else rows_of(values, kind)
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
            values = _as_values(values)
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
            values = _as_values(values)
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
            values = _as_values(values)
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
            values = _as_values(values)
            starts = convert_to_tensor(
                row_starts, name="row_starts", dtype_hint=_splits_hint(values)
            )
            count = values.nrows() if is_ragged(values) else rows_of(values, starts.dtype)
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
            values = _as_values(values)
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
            values = _as_values(values)
            kind = values.row_splits.dtype if is_ragged(values) else None
            count = values.nrows() if is_ragged(values) else rows_of(values, kind or dtypes.int64)
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
            result = _as_values(flat_values)
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
            result = _as_values(flat_values)
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
            result = _as_values(flat_values)
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

    # Its parts -----------------------------------------------------------------------------------

    @property
    def dtype(self) -> DType:
        return self._values.dtype

    @property
    def shape(self) -> TensorShape:
        """The static shape: None for ragged dimensions."""
        own = shapes.of(
            (self._row_partition.static_nrows, self._row_partition.static_uniform_row_length)
        )
        inner = self._values.shape._dims
        return shapes.UNKNOWN if inner is None else own.concatenate(shapes.of(inner[1:]))

    def get_shape(self) -> TensorShape:
        return self.shape

    @property
    def ragged_rank(self) -> int:
        """How often the flat values are partitioned."""
        return 1 + (self._values.ragged_rank if is_ragged(self._values) else 0)

    @property
    def values(self) -> Any:
        """All rows together: a tensor, or a `RaggedTensor` of one dimension less."""
        return self._values

    @property
    def flat_values(self) -> Any:
        """The innermost values, a tensor."""
        values = self._values
        while is_ragged(values):
            values = values._values
        return values

    @property
    def row_splits(self) -> Any:
        """`[nrows + 1]`: row i is `values[row_splits[i]:row_splits[i + 1]]`."""
        return self._row_partition.row_splits()

    @property
    def uniform_row_length(self) -> Any:
        """The length of all rows, where the dimension is not ragged; else None."""
        return self._row_partition.uniform

    @property
    def _nested_row_partitions(self) -> tuple[RowPartition, ...]:
        rest = self._values._nested_row_partitions if is_ragged(self._values) else ()
        return (self._row_partition, *rest)

    @property
    def nested_row_splits(self) -> tuple[Any, ...]:
        """The row splits of all partitioned dimensions, the outermost first."""
        return tuple(each.row_splits() for each in self._nested_row_partitions)

    def value_rowids(self, name: str | None = None) -> Any:
        """For each value the row that it is in."""
        with name_scope(name, "RaggedValueRowIds", [self]):
            return self._row_partition.value_rowids()

    def nested_value_rowids(self, name: str | None = None) -> tuple[Any, ...]:
        """The row numbers of the values of all partitioned dimensions, the outermost first."""
        with name_scope(name, "RaggedNestedValueRowIds", [self]):
            return tuple(each.value_rowids() for each in self._nested_row_partitions)

    def nrows(self, out_type: Any = None, name: str | None = None) -> Any:
        """The number of rows, a scalar of the dtype of the splits or of `out_type`."""
        with name_scope(name, "RaggedNRows", [self]):
            return self._row_partition.nrows(out_type)

    def row_starts(self, name: str | None = None) -> Any:
        """Where each row begins in the values."""
        with name_scope(name, "RaggedRowStarts", [self]):
            return self._row_partition.row_starts()

    def row_limits(self, name: str | None = None) -> Any:
        """Where each row ends in the values."""
        with name_scope(name, "RaggedRowLimits", [self]):
            return self._row_partition.row_limits()

    def row_lengths(self, axis: int = 1, name: str | None = None) -> Any:
        """The lengths of the rows along `axis`: ragged itself where `axis` is above 1.

        >>> import reflow as tf
        >>> tf.ragged.constant([[[1], [2, 3]], []]).row_lengths(axis=2)
        <tf.RaggedTensor [[1, 2], []]>
        """
        if axis == 0:
            return self._row_partition.nrows()
        if axis == 1:
            return self._row_partition.row_lengths()
        with name_scope(name, "RaggedRowLengths", [self]):
            axis = positive_axis(axis, self.shape.rank, ndims_name="rank(self)")
            if axis == 0:
                return self.nrows()
            if axis == 1:
                return self._row_partition.row_lengths()
            if is_ragged(self._values):
                return self.with_values(self._values.row_lengths(axis - 1))
            sizes = array.shape(self._values, out_type=self.row_splits.dtype)
            same = REGISTRY["Fill"](sizes[: axis - 1], sizes[axis - 1])
            return self.with_values(same)

    def nested_row_lengths(self, name: str | None = None) -> tuple[Any, ...]:
        """The row lengths of all partitioned dimensions, the outermost first."""
        with name_scope(name, "RaggedNestedRowLengths", [self]):
            return tuple(each.row_lengths() for each in self._nested_row_partitions)

    def bounding_shape(
        self, axis: Any = None, name: str | None = None, out_type: Any = None
    ) -> Any:
        """The shape of the smallest dense tensor that has room for all, or its sizes along `axis`.

        >>> import reflow as tf
        >>> print(tf.ragged.constant([[1, 2], [3]]).bounding_shape().numpy())
        [2 2]
        """
        from reflow.ops.ragged.conversions import bounding_shape

        return bounding_shape(self, axis, name, out_type)

    # The same rows, other values -----------------------------------------------------------------

    def with_values(self, new_values: Any) -> RaggedTensor:
        """The same partition of other values.

        Raises:
          ValueError: if there is another number of them, as far as that is known.

        >>> import reflow as tf
        >>> tf.ragged.constant([[1, 2], [3]]).with_values(tf.constant([4, 5, 6]))
        <tf.RaggedTensor [[4, 5], [6]]>
        """
        new_values = _as_values(new_values)
        first = [shape[:1] for shape in (new_values.shape, self._values.shape)]
        if not first[0].is_compatible_with(first[1]):
            raise ValueError(
                f"{errors.user_site()}: Shapes {first[1]} and {first[0]} are "
                "incompatible: the number of values"
            )
        match_splits_dtypes(self, new_values)
        return RaggedTensor(new_values, self._row_partition, internal=True)

    def with_flat_values(self, new_values: Any) -> RaggedTensor:
        """The same partitions of other flat values.

        >>> import reflow as tf
        >>> tf.ragged.constant([[[1], [2]], [[3]]]).with_flat_values(tf.constant([4, 5, 6]))
        <tf.RaggedTensor [[[4], [5]], [[6]]]>
        """
        if is_ragged(self._values):
            return self.with_values(self._values.with_flat_values(new_values))
        return self.with_values(new_values)

    def with_row_splits_dtype(self, dtype: Any) -> RaggedTensor:
        """With splits of `tf.int32` or `tf.int64`.

        Raises:
          ValueError: for another dtype.
        """
        dtype = as_dtype(dtype)
        if dtype not in (dtypes.int32, dtypes.int64):
            raise ValueError(
                f"Argument `row_splits` dtype must be int32 or int64. Received {dtype}."
            )
        if dtype is self.row_splits.dtype:
            return self
        values = self._values
        if is_ragged(values):
            values = values.with_row_splits_dtype(dtype)
        return RaggedTensor(values, self._row_partition.with_dtype(dtype), internal=True)

    def merge_dims(self, outer_axis: int, inner_axis: int) -> Any:
        """With the dimensions from `outer_axis` to `inner_axis` as one.

        Raises:
          ValueError: if `outer_axis` is above `inner_axis`.

        >>> import reflow as tf
        >>> tf.ragged.constant([[[1, 2], [3]], [[4]]]).merge_dims(1, 2)
        <tf.RaggedTensor [[1, 2, 3], [4]]>
        """
        from reflow.ops.ragged.conversions import merge_dims

        rank = self.shape.rank
        outer = positive_axis(outer_axis, rank, "outer_axis", "rank(self)")
        inner = positive_axis(inner_axis, rank, "inner_axis", "rank(self)")
        if not outer <= inner:
            raise ValueError(
                f"{errors.user_site()}: Expected outer_axis ({outer_axis}) to be less "
                f"than or equal to inner_axis ({inner_axis})."
            )
        return merge_dims(self, outer, inner)

    def _set_shape(self, shape: Any) -> None:
        """Merges what is known of the shape.

        Raises:
          ValueError: if it does not fit.
        """
        shape = shapes.as_shape(shape)
        dims = shape._dims
        if dims is None:
            return
        if not shape.is_compatible_with(self.shape):
            raise ValueError(f"Inconsistent size: {self.shape} and {shape} are not compatible")
        self._row_partition.set_static(dims[0], dims[1])
        count = None if dims[0] is None or dims[1] is None else dims[0] * dims[1]
        inner = (count, *dims[2:])
        if is_ragged(self._values):
            self._values._set_shape(inner)
        else:
            self._values.set_shape(inner)

    # To other kinds of values --------------------------------------------------------------------

    def to_tensor(
        self, default_value: Any = None, name: str | None = None, shape: Any = None
    ) -> Any:
        """A dense tensor, with `default_value` where rows end early.

        Args:
          default_value: a scalar of the same dtype, or something that broadcasts to the uniform inner
            dimensions; by default 0 or "".
          name: a name for the node.
          shape: the shape of the result: rows are cut or filled up to it. None for sizes as needed.

        Raises:
          ValueError, InvalidArgumentError: if the shape cannot fit.

        >>> import reflow as tf
        >>> print(tf.ragged.constant([[1, 2], [3]]).to_tensor(-1).numpy().tolist())
        [[1, 2], [3, -1]]
        """
        from reflow.ops.ragged.conversions import to_tensor

        return to_tensor(self, default_value, name, shape)

    def to_sparse(self, name: str | None = None) -> Any:
        """A `SparseTensor` with all values.

        >>> import reflow as tf
        >>> tf.ragged.constant([[1, 2], [3]]).to_sparse().indices.numpy().tolist()
        [[0, 0], [0, 1], [1, 0]]
        """
        from reflow.ops.ragged.conversions import to_sparse

        return to_sparse(self, name)

    def numpy(self) -> np.ndarray:
        """The rows as an array: of objects where their lengths differ.

        Raises:
          ValueError: in a graph.

        >>> import reflow as tf
        >>> tf.ragged.constant([[1, 2], [3]]).numpy()[0]
        array([1, 2], dtype=int32)
        """
        if not self._is_eager():
            raise ValueError("RaggedTensor.numpy() is only supported in eager mode.")
        values, splits = self._values.numpy(), self.row_splits.numpy()
        rows = np.split(values, splits[1:-1])[: len(splits) - 1]
        if not rows:
            return np.array([], values.dtype)
        if len({len(row) for row in rows}) > 1:
            result = np.empty(len(rows), object)
            result[:] = rows
            return result
        return np.array(rows)

    def to_list(self) -> list[Any]:
        """The rows as nested lists of Python values.

        Raises:
          ValueError: in a graph.

        >>> import reflow as tf
        >>> tf.ragged.constant([[1, 2], [3]]).to_list()
        [[1, 2], [3]]
        """
        if not self._is_eager():
            raise ValueError("to_list can only be used in eager mode.")
        values: Any = self._values
        rows = values.to_list() if is_ragged(values) else values.numpy().tolist()
        splits = self.row_splits.numpy().tolist()
        return [rows[a:b] for a, b in zip(splits, splits[1:])]

    def consumers(self) -> list[Any]:
        """The nodes that take its values or splits."""
        parts = (self._values, self.row_splits)
        return list(dict.fromkeys(op for part in parts for op in part.consumers()))

    def _is_eager(self) -> bool:
        parts = (self.flat_values, *self.nested_row_splits)
        return not any(isinstance(part, SymbolicTensor) for part in parts)

    @property
    def _type_spec(self) -> RaggedTensorSpec:
        return RaggedTensorSpec(self.shape, self.dtype, self.ragged_rank, self._row_partition.dtype)

    def _shape_invariant_to_type_spec(self, shape: Any) -> RaggedTensorSpec:
        return RaggedTensorSpec(shape, self.dtype, self.ragged_rank, self.row_splits.dtype)

    def __iter__(self) -> Iterator[Any]:
        count = self._row_partition.static_nrows
        if count is None:
            raise errors.OperatorNotAllowedInGraphError(
                f"{errors.user_site()}: Iterating over a RaggedTensor with an unknown "
                "number of rows; use tf.map_fn."
            )
        return iter([self[i] for i in range(count)])

    def __getitem__(self, key: Any) -> Any:
        from reflow.ops.ragged.getitem import getitem

        return getitem(self, key)

    def __bool__(self) -> bool:
        raise TypeError("RaggedTensor may not be used as a boolean.")

    def __hash__(self) -> int:
        raise TypeError("RaggedTensor is unhashable.")

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        raise ValueError(
            f"{errors.user_site()}: a RaggedTensor of shape {self.shape} is no Tensor "
            "(TypeError: object of type 'RaggedTensor' has no len()). Use a function that takes ragged "
            "tensors, tf.ragged.map_flat_values, or .to_tensor() for one with padded rows."
        )

    def __repr__(self) -> str:
        if self._is_eager():
            with np.printoptions(formatter={"all": with_commas}):
                return f"<tf.RaggedTensor {with_commas(self.numpy())}>"
        return f"tf.RaggedTensor(values={self._values}, row_splits={self.row_splits})"


def is_ragged(value: Any) -> bool:
    """Whether `value` is a `RaggedTensor`, or the value of one."""
    return isinstance(value, (RaggedTensor, RaggedTensorValue))


def convert_to_tensor_or_ragged(
    value: Any, dtype: Any = None, preferred_dtype: Any = None, name: str | None = None
) -> Any:
    """`value` as a `RaggedTensor` if it is ragged, else as a tensor.

    Raises:
      ValueError: if a ragged one has another dtype than `dtype`.
    """
    if isinstance(value, RaggedTensor):
        if dtype is not None and not as_dtype(dtype).is_compatible_with(value.dtype):
            raise ValueError(
                f"{errors.user_site()}: Tensor conversion requested dtype "
                f"{as_dtype(dtype).name} for RaggedTensor with dtype {value.dtype.name}: {value}."
            )
        return value
    if isinstance(value, RaggedTensorValue):
        parts = [convert_to_tensor(value.flat_values, dtype)]
        return RaggedTensor.from_nested_row_splits(
            parts[0], value.nested_row_splits, validate=False
        )
    return convert_to_tensor(value, dtype, name, preferred_dtype=preferred_dtype)


def match_splits_dtypes(*values: Any) -> list[Any]:
    """`values`, of which the ragged ones have row splits of one dtype.

    Raises:
      ValueError: if they have not.
    """
    kinds = {each.row_splits.dtype for each in values if isinstance(each, RaggedTensor)}
    if len(kinds) > 1:
        raise ValueError(
            f"{errors.user_site()}: Input RaggedTensors have mismatched row_splits "
            "dtypes; use RaggedTensor.with_row_splits_dtype() to convert them to compatible dtypes."
        )
    return list(values)


def positive_axis(
    axis: Any, rank: int | None, name: str = "axis", ndims_name: str = "ndims"
) -> int:
    """A Python axis counted from the front.

    Raises:
      TypeError: if it is no integer.
      ValueError: if it is out of range, or is negative while the rank is not known.
    """
    if not isinstance(axis, int):
        raise TypeError(f"{name} must be an int; got {type(axis).__name__}")
    if rank is not None:
        if 0 <= axis < rank:
            return axis
        if -rank <= axis < 0:
            return axis + rank
        raise ValueError(
            f"{errors.user_site()}: {name}={axis} out of bounds: expected {-rank}<={name}<{rank}"
        )
    if axis < 0:
        raise ValueError(f"{name}={axis} may only be negative if {ndims_name} is statically known.")
    return axis


def _as_values(values: Any) -> Any:
    values = convert_to_tensor_or_ragged(values, name="values")
    if values.shape.rank == 0:
        raise ValueError(
            f"{errors.user_site()}: Shape () must have rank at least 1: the values of "
            "a RaggedTensor"
        )
    return values


def _splits_hint(values: Any) -> DType:
    """The dtype that splits given as Python values have: that of those within the values."""
    return values.row_splits.dtype if is_ragged(values) else dtypes.int64


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


# The type -----------------------------------------------------------------------------------------


@export("RaggedTensorSpec")
class RaggedTensorSpec(BatchableTypeSpec):
    """The type of a `RaggedTensor`.

    Args:
      shape: the static shape; None for ragged dimensions and unknown sizes.
      dtype: the dtype of the values.
      ragged_rank: how often the flat values are partitioned; by default all dimensions but the first.
      row_splits_dtype: `tf.int32` or `tf.int64`.
      flat_values_spec: the spec of the flat values, if they are no plain tensor.

    >>> import reflow as tf
    >>> tf.RaggedTensorSpec([None, None], tf.int32)
    RaggedTensorSpec(TensorShape([None, None]), tf.int32, 1, tf.int64)
    """

    __slots__ = ("_shape", "_dtype", "_ragged_rank", "_row_splits_dtype", "_flat_values_spec")

    def __init__(
        self,
        shape: Any = None,
        dtype: Any = dtypes.float32,
        ragged_rank: int | None = None,
        row_splits_dtype: Any = dtypes.int64,
        flat_values_spec: Any = None,
    ):
        self._shape = shapes.as_shape(shape)
        self._row_splits_dtype = as_dtype(row_splits_dtype)
        if self._row_splits_dtype not in (dtypes.int32, dtypes.int64):
            raise ValueError(
                f"row_splits_dtype must be int32 or int64, got {self._row_splits_dtype}"
            )
        if flat_values_spec is not None:
            if dtype is None:
                dtype = flat_values_spec.dtype
            elif as_dtype(dtype) != flat_values_spec.dtype:
                raise ValueError("dtype must be the same as flat_values_spec.dtype")
        elif dtype is None:
            raise ValueError("At least one of dtype or flat_values_spec must be provided")
        self._dtype = as_dtype(dtype)
        self._flat_values_spec = flat_values_spec
        rank = self._shape.rank
        if ragged_rank is None:
            if rank is None:
                raise ValueError("Must specify ragged_rank or a shape with a known rank.")
            ragged_rank = rank - 1
        if not isinstance(ragged_rank, int):
            raise TypeError(f"Argument `ragged_rank` must be an int. Received {ragged_rank}.")
        if rank is not None and ragged_rank >= rank:
            raise ValueError(
                f"Argument `ragged_rank` ({ragged_rank}) must be less than rank ({rank})."
            )
        self._ragged_rank = ragged_rank

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def shape(self) -> TensorShape:
        return self._shape

    @property
    def ragged_rank(self) -> int:
        return self._ragged_rank

    @property
    def row_splits_dtype(self) -> DType:
        return self._row_splits_dtype

    @property
    def flat_values_spec(self) -> Any:
        return self._flat_values_spec

    @property
    def value_type(self) -> type:
        return RaggedTensor if self._ragged_rank > 0 else Tensor

    @classmethod
    def from_value(cls, value: Any) -> RaggedTensorSpec:
        """The spec of a `RaggedTensor`, or of a tensor as one without partitions."""
        if isinstance(value, RaggedTensor):
            return value._type_spec
        return cls(value.shape, value.dtype, 0)

    @property
    def _component_specs(self) -> list[Any]:
        inner = self._flat_values_spec
        if self._ragged_rank <= 0:
            return [TensorSpec(self._shape, self._dtype) if inner is None else inner]
        dims = self._shape._dims
        if inner is None:
            below = None if dims is None else (None, *dims[self._ragged_rank + 1 :])
            inner = TensorSpec(below, self._dtype)
        first = None if dims is None or dims[0] is None else dims[0] + 1
        others = [TensorSpec([None], self._row_splits_dtype)] * (self._ragged_rank - 1)
        return [inner, TensorSpec([first], self._row_splits_dtype), *others]

    def _to_components(self, value: Any) -> list[Any]:
        if is_ragged(value):
            return [value.flat_values, *value.nested_row_splits]
        return [value]

    def _from_components(self, components: Sequence[Any]) -> Any:
        result, *splits = components
        if not any(isinstance(part, Tensor) for part in components):
            for each in reversed(splits):
                result = RaggedTensorValue(result, each)
            return result
        for each in reversed(splits):
            result = RaggedTensor.from_row_splits(result, each, validate=False)
        if isinstance(result, RaggedTensor):
            if result.shape.is_compatible_with(self._shape):
                result._set_shape(self._shape)
        elif isinstance(result, SymbolicTensor):
            result.set_shape(self._shape)
        return result

    def _serialize(self) -> tuple:
        own = (self._shape, self._dtype, self._ragged_rank, self._row_splits_dtype)
        return own if self._flat_values_spec is None else (*own, self._flat_values_spec)

    def is_compatible_with(self, spec_or_value: Any) -> bool:
        """Whether a value, or one of the given spec, may stand where this spec is asked for."""
        if self._ragged_rank == 0:
            inner = self._flat_values_spec or TensorSpec(self._shape, self._dtype)
            if not isinstance(spec_or_value, (RaggedTensor, RaggedTensorSpec)):
                return inner.is_compatible_with(spec_or_value)
        return super().is_compatible_with(spec_or_value)

    def _batch(self, batch_size: int | None) -> RaggedTensorSpec:
        return RaggedTensorSpec(
            shapes.of((batch_size,)).concatenate(self._shape),
            self._dtype,
            self._ragged_rank + 1,
            self._row_splits_dtype,
            self._flat_values_spec,
        )

    def _unbatch(self) -> RaggedTensorSpec:
        dims = self._shape._dims
        return RaggedTensorSpec(
            None if dims is None else dims[1:],
            self._dtype,
            self._ragged_rank - 1,
            self._row_splits_dtype,
            self._flat_values_spec,
        )


def _value_spec(value: RaggedTensorValue) -> RaggedTensorSpec:
    return RaggedTensorSpec(
        value.shape, as_dtype(value.dtype), value.ragged_rank, as_dtype(value.row_splits.dtype)
    )


register_type_spec_from_value_converter(RaggedTensorValue, _value_spec)
