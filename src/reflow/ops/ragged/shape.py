"""The shape of a ragged tensor as a value: what `tf.shape` gives, and `tf.reshape` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.lang import dtypes, errors
from reflow.lang.api_dispatch import handles
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value, constant_value_as_shape
from reflow.lang.tensor import is_tensor
from reflow.ops import array, cast
from reflow.ops.ragged.broadcast import broadcast
from reflow.ops.ragged.elementwise import TYPES
from reflow.ops.ragged.functional import with_partitions
from reflow.ops.ragged.ragged_tensor import (
    convert_to_tensor_or_ragged,
    is_ragged,
    positive_axis,
)
from reflow.ops.ragged.row_partition import RowPartition, same_splits


@export("experimental.DynamicRaggedShape")
class DynamicRaggedShape:
    """A shape of which dimensions may be ragged: row partitions, and the shape of the flat values.

    Args:
      row_partitions: the partitions, the outermost first: `rt._nested_row_partitions`, or those of
        another shape.
      inner_shape: an integer vector, the shape of the flat values.
      dtype: `tf.int32` or `tf.int64`; by default that of the partitions, else of `inner_shape`.
      validate: whether to check that they fit together.
      static_inner_shape: what is known of `inner_shape`.

    Raises:
      ValueError: if the shape of the flat values has no dimension for the last partition.

    >>> import reflow as tf
    >>> tf.shape(tf.ragged.constant([[1, 2], [3]]))
    <DynamicRaggedShape lengths=[2, (2, 1)] num_row_partitions=1>
    """

    def __init__(
        self,
        row_partitions: Sequence[RowPartition],
        inner_shape: Any,
        dtype: Any = None,
        validate: bool = False,
        static_inner_shape: Any = None,
    ):
        partitions = tuple(row_partitions)
        if not all(isinstance(each, RowPartition) for each in partitions):
            raise TypeError("row_partitions should be a list of RowPartitions")
        if dtype is None:
            given = [each.dtype for each in partitions]
            dtype = given[0] if given else getattr(inner_shape, "dtype", dtypes.int64)
        kind = as_dtype(dtype)
        if kind not in (dtypes.int32, dtypes.int64):
            raise ValueError(f"dtype must be int32 or int64, got {kind}")
        self._inner_shape = cast.cast(convert_to_tensor(inner_shape, dtype_hint=kind), kind)
        self._partitions = tuple(each.with_dtype(kind) for each in partitions)
        known = constant_value_as_shape(self._inner_shape)
        if static_inner_shape is not None:
            known = known.merge_with(static_inner_shape)
        self._static_inner_shape = known
        if partitions and known.rank == 0:
            raise ValueError(
                "inner_shape must have at least one dimension, as there are partitions"
            )
        if validate and partitions:
            from reflow.ops.ragged.row_partition import after, require

            checks = require(
                REGISTRY["Equal"](self._partitions[-1].nvals(), self._inner_shape[0]),
                "Last row partition does not match inner_shape.",
                [self._partitions[-1].nvals(), self._inner_shape],
            )
            (self._inner_shape,) = after(checks, self._inner_shape)

    @classmethod
    def from_lengths(
        cls, lengths: Any, num_row_partitions: int | None = None, dtype: Any = dtypes.int64
    ) -> DynamicRaggedShape:
        """A shape from sizes: an integer for a uniform dimension, row lengths for a ragged one.

        Raises:
          ValueError: if the first size is no integer, or `num_row_partitions` leaves out a ragged
            dimension.
        """
        kind = as_dtype(dtype)
        lengths = list(lengths)
        if not lengths:
            return cls([], convert_to_tensor([], kind), kind)
        if isinstance(lengths[0], (list, tuple)):
            raise ValueError("The first dimension must be uniform")
        ragged = [i for i, each in enumerate(lengths) if isinstance(each, (list, tuple))]
        last = ragged[-1] if ragged else 0
        count = last if num_row_partitions is None else num_row_partitions
        if count < last or count >= len(lengths):
            raise ValueError(f"num_row_partitions={count} does not fit lengths={lengths}")
        partitions = []
        rows = lengths[0]
        for each in lengths[1 : count + 1]:
            if isinstance(each, (list, tuple)):
                if len(each) != rows:
                    raise ValueError(f"{len(each)} row lengths for {rows} rows: {lengths}")
                partitions.append(RowPartition.from_row_lengths(list(each), dtype=kind))
                rows = sum(each)
            else:
                partitions.append(
                    RowPartition.from_uniform_row_length(each, None, rows, dtype=kind)
                )
                rows = rows * each
        return cls(partitions, [rows, *lengths[count + 1 :]], kind)

    @classmethod
    def from_row_partitions(cls, row_partitions: Any, dtype: Any = None) -> DynamicRaggedShape:
        """The shape of flat values that are a vector, partitioned.

        Raises:
          ValueError: if there is no partition.
        """
        if not row_partitions:
            raise ValueError("row_partitions cannot be empty")
        count = array.reshape(row_partitions[-1].nvals(), [1])
        return cls(row_partitions, count, dtype)

    @classmethod
    def from_tensor(cls, t: Any, dtype: Any = None) -> DynamicRaggedShape:
        """The shape of a tensor or `RaggedTensor`.

        >>> import reflow as tf
        >>> tf.experimental.DynamicRaggedShape.from_tensor([[1, 2], [3, 4]])
        <DynamicRaggedShape lengths=[2, 2] num_row_partitions=0>
        """
        t = convert_to_tensor_or_ragged(t)
        if is_ragged(t):
            kind = t.row_splits.dtype if dtype is None else as_dtype(dtype)
            flat = t.flat_values
            inner = array.shape(flat, out_type=kind)
            return cls(t._nested_row_partitions, inner, kind, static_inner_shape=flat.shape)
        kind = dtypes.int64 if dtype is None else as_dtype(dtype)
        return cls([], array.shape(t, out_type=kind), kind, static_inner_shape=t.shape)

    # What it says --------------------------------------------------------------------------------

    @property
    def dtype(self) -> Any:
        return self._inner_shape.dtype

    @property
    def row_partitions(self) -> tuple[RowPartition, ...]:
        return self._partitions

    @property
    def num_row_partitions(self) -> int:
        return len(self._partitions)

    @property
    def inner_shape(self) -> Any:
        """The shape of the flat values, a vector."""
        return self._inner_shape

    @property
    def inner_rank(self) -> int | None:
        return self._static_inner_shape.rank

    @property
    def rank(self) -> int | None:
        inner = self.inner_rank
        return None if inner is None else inner + len(self._partitions)

    def is_uniform(self, axis: int) -> bool:
        """Whether all rows along `axis` have one length."""
        axis = positive_axis(axis, self.rank)
        if axis == 0 or axis > len(self._partitions):
            return True
        return self._partitions[axis - 1].uniform is not None

    def static_lengths(self, ragged_lengths: bool = True) -> list[Any]:
        """The sizes as far as they are known, None where not; tuples for ragged dimensions."""
        inner = self._static_inner_shape._dims
        if not self._partitions:
            return [...] if inner is None else list(inner)
        result: list[Any] = [self._partitions[0].static_nrows]
        for each in self._partitions:
            if each.uniform is not None:
                result.append(each.static_uniform_row_length)
                continue
            known = constant_value(each.row_lengths()) if ragged_lengths else None
            result.append(None if known is None else tuple(known.tolist()))
        return [*result, ...] if inner is None else [*result, *inner[1:]]

    def with_dtype(self, dtype: Any) -> DynamicRaggedShape:
        """The same shape, with integers of another dtype."""
        return DynamicRaggedShape(
            self._partitions, self._inner_shape, dtype, static_inner_shape=self._static_inner_shape
        )

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._part(index)
        axis = positive_axis(index, self.rank, "index", "rank")
        if not self.is_uniform(axis):
            raise ValueError(f"{errors.user_site()}: Index {axis} is not uniform")
        if not self._partitions:
            return self._inner_shape[axis]
        if axis == 0:
            return self._partitions[0].nrows()
        if axis <= len(self._partitions):
            return self._partitions[axis - 1].uniform
        return self._inner_shape[axis - len(self._partitions)]

    def _part(self, key: slice) -> DynamicRaggedShape:
        rank = self.rank
        if rank is None:
            raise ValueError("slices of a shape need a known rank")
        start, stop, step = key.indices(rank)
        if step != 1:
            raise ValueError("slices of a shape have no step")
        count = len(self._partitions)
        if start == 0 and 1 < stop <= count:
            return DynamicRaggedShape.from_row_partitions(self._partitions[: stop - 1], self.dtype)
        if start == 0 and stop > count:
            inner = self._static_inner_shape[: stop - count]
            return DynamicRaggedShape(
                self._partitions,
                self._inner_shape[: stop - count],
                self.dtype,
                static_inner_shape=inner,
            )
        if not all(self.is_uniform(axis) for axis in range(start, stop)):
            raise ValueError(f"{errors.user_site()}: All relevant dimensions must be uniform")
        sizes = [self[axis] for axis in range(start, stop)]
        if not sizes:
            return DynamicRaggedShape([], convert_to_tensor([], self.dtype), self.dtype)
        return DynamicRaggedShape([], REGISTRY["Pack"](sizes, axis=0), self.dtype)

    def __eq__(self, other: Any) -> Any:
        if not isinstance(other, DynamicRaggedShape) or self.rank != other.rank:
            return False
        if len(self._partitions) != len(other._partitions):
            return False
        mine, theirs = self.with_dtype(dtypes.int64), other.with_dtype(dtypes.int64)
        result = same_splits(mine._inner_shape, theirs._inner_shape)
        for a, b in zip(mine._partitions, theirs._partitions):
            result = REGISTRY["LogicalAnd"](result, same_splits(a.row_splits(), b.row_splits()))
        return result

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        lengths = ", ".join("..." if each is ... else str(each) for each in self.static_lengths())
        return (
            f"<DynamicRaggedShape lengths=[{lengths}] num_row_partitions={self.num_row_partitions}>"
        )

    # Values of this shape ------------------------------------------------------------------------

    def filled(self, value: Any) -> Any:
        """A value of this shape, all elements of which are a scalar."""
        flat = REGISTRY["Fill"](self._inner_shape, value)
        return with_partitions(flat, list(self._partitions))


SHAPES = (DynamicRaggedShape,)


@handles(types=TYPES, v2=("shape",))
def shape(input: Any, out_type: Any = None, name: str | None = None) -> DynamicRaggedShape:
    """The shape of a ragged tensor."""
    with name_scope(name, "RaggedShape", [input]):
        kind = dtypes.int32 if out_type is None else as_dtype(out_type)
        return DynamicRaggedShape.from_tensor(input, kind)


@handles(types=TYPES, v1=("shape",))
def shape_v1(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Any:
    """The shape of a ragged tensor."""
    return shape(input, out_type, name)


@handles("ones", types=SHAPES)
def ones(shape: Any, dtype: Any = dtypes.float32, name: Any = None, layout: Any = None) -> Any:
    """Ones in a ragged shape."""
    with name_scope(name, "RaggedOnes"):
        return shape.filled(convert_to_tensor(as_dtype(dtype).np.type(1)))


@handles("zeros", types=SHAPES)
def zeros(shape: Any, dtype: Any = dtypes.float32, name: Any = None, layout: Any = None) -> Any:
    """Zeros in a ragged shape."""
    kind = as_dtype(dtype)
    with name_scope(name, "RaggedZeros"):
        zero = b"" if kind is dtypes.string else kind.np.type(0)
        return shape.filled(convert_to_tensor(zero, kind))


@handles("fill", types=SHAPES)
def fill(dims: Any, value: Any, name: str | None = None, layout: Any = None) -> Any:
    """A scalar in all places of a ragged shape."""
    with name_scope(name, "RaggedFill"):
        return dims.filled(convert_to_tensor(value))


@handles("reshape", types=SHAPES)
def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """The elements of a value, in their order, in a ragged shape."""
    with name_scope(name, "RaggedReshape"):
        value = convert_to_tensor_or_ragged(tensor)
        flat = array.reshape(value.flat_values if is_ragged(value) else value, shape.inner_shape)
        return with_partitions(flat, list(shape.row_partitions))


@handles("broadcast_to", types=SHAPES)
def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Any:
    """A value repeated to a ragged shape."""
    with name_scope(name, "RaggedBroadcastTo"):
        value = input if is_tensor(input) else convert_to_tensor_or_ragged(input)
        if not shape.row_partitions:
            return REGISTRY["BroadcastTo"](value, shape.inner_shape)
        like = shape.filled(convert_to_tensor(False))
        (flat, _), partitions = broadcast([value, like])
        flat = REGISTRY["BroadcastTo"](flat, shape.inner_shape)
        return with_partitions(flat, partitions)
