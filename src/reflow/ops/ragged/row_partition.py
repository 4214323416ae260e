"""How a sequence of values is cut into rows: `RowPartition`.

The splits are what ops take; lengths, limits and row numbers are made from them when they are asked
for, and remembered when a partition was made from them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import control_dependencies
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import SymbolicTensor, is_tensor
from reflow.lang.type_spec import CompositeTensor, TensorSpec, TypeSpec
from reflow.ops import array, cast, debugging

SPLITS_DTYPES = (dtypes.int32, dtypes.int64)


def require(condition: Any, message: str, data: Any = ()) -> list[Any]:
    """What the result depends on so that a scalar `condition` is checked when it runs.

    Raises:
      errors.InvalidArgumentError: if it is known to be false.
    """
    known = constant_value(condition)
    if known is None:
        return [debugging.Assert(condition, [message, *data])]
    if not known:
        shown = [constant_value(each) for each in data]
        said = "".join(f" {each}" for each in shown if each is not None)
        raise errors.InvalidArgumentError(None, None, f"{errors.user_site()}: {message}{said}")
    return []


def after(checks: list[Any], *tensors: Any) -> list[Any]:
    """`tensors`, made to depend on `checks`."""
    checks = [each for each in checks if each is not None]
    if not checks:
        return list(tensors)
    with control_dependencies(checks):
        return [REGISTRY["Identity"](each) for each in tensors]


def rows_of(tensor: Any, kind: Any) -> Any:
    """The size of the first dimension, as a tensor of a dtype."""
    dims = tensor.shape._dims
    if dims and dims[0] is not None:
        return convert_to_tensor(np.array(dims[0], kind.np))
    return array.shape(tensor, out_type=kind)[0]


def _index_tensor(value: Any, dtype: Any, name: str, hint: Any = None) -> Any:
    """`value` as an integer tensor.

    Raises:
      ValueError: if it is one of another dtype than int32 or int64.
    """
    tensor = convert_to_tensor(value, dtype, name, dtype_hint=hint or dtypes.int64)
    if tensor.dtype not in SPLITS_DTYPES:
        raise ValueError(
            f"{errors.user_site()}: Argument `{name}` must have dtype int32 or int64. "
            f"Received {tensor.dtype.name}."
        )
    return tensor


@export("experimental.RowPartition")
class RowPartition(CompositeTensor):
    """The partition of `nvals` values into `nrows` rows.

    Attributes:
      uniform: the length of all rows as a tensor, if it was made with one.
    """

    __slots__ = ("_splits", "_lengths", "_rowids", "_nrows", "uniform", "_nvals")

    def __init__(
        self,
        splits: Any,
        lengths: Any = None,
        rowids: Any = None,
        nrows: Any = None,
        uniform: Any = None,
        nvals: Any = None,
    ):
        self._splits = splits
        self._lengths = lengths
        self._rowids = rowids
        self._nrows = nrows
        self.uniform = uniform
        self._nvals = nvals

    # Making one ----------------------------------------------------------------------------------

    @classmethod
    def from_row_splits(
        cls, row_splits: Any, validate: bool = True, dtype: Any = None, dtype_hint: Any = None
    ) -> RowPartition:
        """The partition whose row i holds the values from `row_splits[i]` up to `row_splits[i + 1]`."""
        splits = _index_tensor(row_splits, dtype, "row_splits", dtype_hint)
        if splits.shape.rank not in (1, None):
            raise ValueError(f"Shape {splits.shape} must have rank 1")
        if splits.shape._dims and splits.shape._dims[0] == 0:
            raise ValueError("Invalid row_splits: []: there must be at least one")
        if validate:
            message = "Arguments to from_row_splits do not form a valid RaggedTensor:"
            splits, *_ = after(
                [
                    *require(REGISTRY["Equal"](splits[0], 0), message + "zero"),
                    *require(
                        REGISTRY["All"](splits[1:] >= splits[:-1], [0]), message + "monotonic"
                    ),
                ],
                splits,
            )
        return cls(splits)

    @classmethod
    def from_row_lengths(
        cls, row_lengths: Any, validate: bool = True, dtype: Any = None, dtype_hint: Any = None
    ) -> RowPartition:
        """The partition into rows of these lengths."""
        lengths = _index_tensor(row_lengths, dtype, "row_lengths", dtype_hint)
        if lengths.shape.rank not in (1, None):
            raise ValueError(f"Shape {lengths.shape} must have rank 1")
        if validate:
            message = "Arguments to from_row_lengths do not form a valid RowPartition: row_lengths must be nonnegative"
            lengths, *_ = after(require(REGISTRY["All"](lengths >= 0, [0]), message), lengths)
        ends = REGISTRY["Cumsum"](lengths, 0)
        return cls(REGISTRY["ConcatV2"]([_zero(ends.dtype), ends], 0), lengths=lengths)

    @classmethod
    def from_value_rowids(
        cls,
        value_rowids: Any,
        nrows: Any = None,
        validate: bool = True,
        dtype: Any = None,
        dtype_hint: Any = None,
    ) -> RowPartition:
        """The partition that has value i in the row `value_rowids[i]`."""
        rowids = _index_tensor(value_rowids, dtype, "value_rowids", dtype_hint)
        if rowids.shape.rank not in (1, None):
            raise ValueError(f"Shape {rowids.shape} must have rank 1")
        kind = rowids.dtype
        if nrows is None:
            last = rowids[-1:] + 1  # nothing where there are no values
            nrows = REGISTRY["Cast"](REGISTRY["Sum"](last, [0]), DstT=kind)
        else:
            nrows = _index_tensor(nrows, kind, "nrows")
            if nrows.shape.rank not in (0, None):
                raise ValueError(f"Shape {nrows.shape} must have rank 0")
            known = constant_value(nrows)
            if known is not None and known < 0:
                raise ValueError(f"Expected nrows >= 0; got {known}")
        if validate:
            message = "Arguments to from_value_rowids do not form a valid RowPartition"
            rowids, nrows = after(
                [
                    *require(REGISTRY["All"](rowids >= 0, [0]), message + ": negative row"),
                    *require(
                        REGISTRY["All"](rowids[1:] >= rowids[:-1], [0]), message + ": not sorted"
                    ),
                    *require(
                        REGISTRY["All"](rowids[-1:] < nrows, [0]),
                        message + ": the last row is not below nrows, which is",
                        [nrows],
                    ),
                ],
                rowids,
                nrows,
            )
        count = cast.cast(nrows, dtypes.int32)
        lengths = REGISTRY["Cast"](
            REGISTRY["UnsortedSegmentSum"](
                REGISTRY["OnesLike"](rowids), rowids, REGISTRY["Maximum"](count, 0)
            ),
            DstT=kind,
        )
        ends = REGISTRY["Cumsum"](lengths, 0)
        splits = REGISTRY["ConcatV2"]([_zero(kind), ends], 0)
        nvals = rows_of(rowids, kind)
        return cls(splits, lengths=lengths, rowids=rowids, nrows=nrows, nvals=nvals)

    @classmethod
    def from_row_starts(
        cls,
        row_starts: Any,
        nvals: Any,
        validate: bool = True,
        dtype: Any = None,
        dtype_hint: Any = None,
    ) -> RowPartition:
        """The partition of `nvals` values whose row i begins with the value `row_starts[i]`."""
        starts = _index_tensor(row_starts, dtype, "row_starts", dtype_hint)
        if starts.shape.rank not in (1, None):
            raise ValueError(f"Shape {starts.shape} must have rank 1")
        nvals = cast.cast(_index_tensor(nvals, None, "nvals"), starts.dtype)
        if validate:
            message = "Arguments to from_row_starts do not form a valid RaggedTensor: "
            none = REGISTRY["All"](starts[:1] >= 0, [0]) & REGISTRY["All"](starts[:1] <= 0, [0])
            starts, *_ = after(
                [
                    *require(none, message + "the first row must start at 0"),
                    *require(
                        REGISTRY["All"](starts[1:] >= starts[:-1], [0]), message + "not sorted"
                    ),
                    *require(
                        REGISTRY["All"](starts[-1:] <= nvals, [0]),
                        message + "a row starts beyond the values, of which there are",
                        [nvals],
                    ),
                ],
                starts,
            )
        end = REGISTRY["Reshape"](nvals, [1])
        return cls(REGISTRY["ConcatV2"]([starts, end], 0), nvals=nvals)

    @classmethod
    def from_row_limits(
        cls, row_limits: Any, validate: bool = True, dtype: Any = None, dtype_hint: Any = None
    ) -> RowPartition:
        """The partition whose row i ends before the value `row_limits[i]`."""
        limits = _index_tensor(row_limits, dtype, "row_limits", dtype_hint)
        if limits.shape.rank not in (1, None):
            raise ValueError(f"Shape {limits.shape} must have rank 1")
        if validate:
            message = "Arguments to from_row_limits do not form a valid RaggedTensor: "
            rises = REGISTRY["All"](limits[1:] >= limits[:-1], [0])
            limits, *_ = after(
                [
                    *require(REGISTRY["All"](limits[:1] >= 0, [0]), message + "negative"),
                    *require(rises, message + "not sorted"),
                ],
                limits,
            )
        return cls(REGISTRY["ConcatV2"]([_zero(limits.dtype), limits], 0))

    @classmethod
    def from_uniform_row_length(
        cls,
        uniform_row_length: Any,
        nvals: Any = None,
        nrows: Any = None,
        validate: bool = True,
        dtype: Any = None,
        dtype_hint: Any = None,
    ) -> RowPartition:
        """The partition into rows that all have the same length.

        Raises:
          ValueError: if neither the number of values nor that of rows is given, or one is negative.
        """
        if nvals is None and nrows is None:
            raise ValueError("Either (or both) of nvals and nrows must be specified")
        kind = dtype
        if kind is None:
            given = (uniform_row_length, nvals, nrows)
            known = [each.dtype for each in given if is_tensor(each)]
            kind = next((each for each in known if each in SPLITS_DTYPES), None)
            kind = kind or dtype_hint or dtypes.int64
        length = _index_tensor(uniform_row_length, kind, "uniform_row_length")
        static_length = constant_value(length)
        if static_length is not None and static_length < 0:
            raise ValueError(f"Expected uniform_row_length >= 0; got {static_length}")
        if nvals is not None:
            nvals = cast.cast(_index_tensor(nvals, None, "nvals"), kind)
        if nrows is None:
            # Rows of length 0: none, as there can be any number of them.
            one = convert_to_tensor(1, kind)
            nrows = REGISTRY["FloorDiv"](nvals, REGISTRY["Maximum"](length, one))
            nrows = nrows * REGISTRY["Minimum"](length, one)
        else:
            nrows = _index_tensor(nrows, kind, "nrows")
            known = constant_value(nrows)
            if known is not None and known < 0:
                raise ValueError(f"Expected nrows >= 0; got {known}")
        if validate and nvals is not None:
            fits = REGISTRY["Equal"](nrows * length, nvals)
            message = (
                "The number of values must be a multiple of uniform_row_length (and nrows times it): "
                "number of values, nrows, uniform_row_length:"
            )
            length, nrows = after(require(fits, message, [nvals, nrows, length]), length, nrows)
        splits = (
            REGISTRY["Range"](*(convert_to_tensor(n, kind) for n in (0, nrows + 1, 1))) * length
        )
        known = constant_value(nrows)
        if known is not None and not splits.shape.is_fully_defined():
            splits.set_shape([int(known) + 1])
        return cls(splits, nrows=nrows, uniform=length, nvals=nvals)

    # What it says --------------------------------------------------------------------------------

    @property
    def dtype(self) -> Any:
        return self._splits.dtype

    @property
    def static_nrows(self) -> int | None:
        dims = self._splits.shape._dims
        if dims and dims[0] is not None:
            return dims[0] - 1
        known = None if self._nrows is None else constant_value(self._nrows)
        return None if known is None else int(known)

    @property
    def static_uniform_row_length(self) -> int | None:
        known = None if self.uniform is None else constant_value(self.uniform)
        return None if known is None else int(known)

    @property
    def static_nvals(self) -> int | None:
        """The number of values where it is known while a graph is built."""
        if self._nvals is not None:
            known = constant_value(self._nvals)
            if known is not None:
                return int(known)
        nrows, length = self.static_nrows, self.static_uniform_row_length
        return None if nrows is None or length is None else nrows * length

    def is_uniform(self) -> bool:
        """Whether it is known that all rows have the same length."""
        return self.uniform is not None

    def uniform_row_length(self) -> Any:
        """The length of all rows as a tensor, if it was made with one; else None."""
        return self.uniform

    def offsets_in_rows(self) -> Any:
        """For each value, at which place of its row it is.

        >>> import reflow as tf
        >>> partition = tf.experimental.RowPartition.from_row_lengths([2, 1, 3])
        >>> print(partition.offsets_in_rows().numpy())
        [0 1 0 0 1 2]
        """
        zero, one = (convert_to_tensor(n, self.dtype) for n in (0, 1))
        places = REGISTRY["Range"](zero, self.nvals(), one)
        return places - REGISTRY["GatherV2"](self.row_starts(), self.value_rowids(), 0)

    @property
    def _type_spec(self) -> RowPartitionSpec:
        return RowPartitionSpec(
            self.static_nrows, self.static_nvals, self.static_uniform_row_length, self.dtype
        )

    def row_splits(self) -> Any:
        return self._splits

    def row_starts(self) -> Any:
        return self._splits[:-1]

    def row_limits(self) -> Any:
        return self._splits[1:]

    def row_lengths(self) -> Any:
        if self._lengths is None or not _reachable(self._lengths):
            lengths = self._splits[1:] - self._splits[:-1]
            if self._lengths is None and _lives_with(lengths, self._splits):
                self._lengths = lengths
            return lengths
        return self._lengths

    def nrows(self, out_type: Any = None) -> Any:
        kind = self.dtype if out_type is None else dtypes.as_dtype(out_type)
        known = self.static_nrows
        if known is not None:
            return convert_to_tensor(np.array(known, kind.np))
        return array.shape(self._splits, out_type=kind)[0] - 1

    def nvals(self) -> Any:
        return self._splits[-1]

    def value_rowids(self) -> Any:
        if self._rowids is None or not _reachable(self._rowids):
            rowids = rowids_of(self._splits)
            if self._rowids is None and _lives_with(rowids, self._splits):
                self._rowids = rowids
            return rowids
        return self._rowids

    def __repr__(self) -> str:
        if self.uniform is not None:
            nrows, length = (constant_value(each) for each in (self.nrows(), self.uniform))
            return (
                f"tf.RowPartition(nrows={self.nrows() if nrows is None else nrows}, "
                f"uniform_row_length={self.uniform if length is None else length})"
            )
        known = constant_value(self._splits)
        return f"tf.RowPartition(row_splits={self._splits if known is None else known})"

    def with_dtype(self, dtype: Any) -> RowPartition:
        if dtype is self.dtype:
            return self
        parts = (self._splits, self._lengths, self._rowids, self._nrows, self.uniform, self._nvals)
        return RowPartition(*(None if p is None else cast.cast(p, dtype) for p in parts))

    def with_checks(self, checks: list[Any]) -> RowPartition:
        """The partition, whose splits wait for `checks`."""
        if not any(each is not None for each in checks):
            return self
        (splits,) = after(checks, self._splits)
        return RowPartition(splits, None, None, self._nrows, self.uniform, self._nvals)

    def set_static(self, nrows: int | None, uniform: int | None) -> None:
        """Merges what is known of the number and the length of the rows."""
        if nrows is not None:
            self._splits.set_shape([nrows + 1])
        if uniform is not None and self.static_uniform_row_length is None:
            self.uniform = convert_to_tensor(np.array(uniform, self.dtype.np))

    def merge_precomputed_encodings(
        self, other: RowPartition, validate: bool = True
    ) -> RowPartition:
        """One partition with what is known of two that are equal."""
        if self is other:
            return self
        if validate:
            checks = require(
                same_splits(self._splits, other._splits), "The row partitions are not equal"
            )
            return self.with_checks(checks)
        return self if self.uniform is not None else other


class RowPartitionSpec(TypeSpec):
    """The type of a `RowPartition`.

    Args:
      nrows, nvals: how many rows and values there are, if that is known.
      uniform_row_length: the length of all rows, if there is one and it is known.
      dtype: of the splits.

    Raises:
      ValueError: if they do not fit together, or the dtype is neither int32 nor int64.
    """

    def __init__(
        self,
        nrows: Any = None,
        nvals: Any = None,
        uniform_row_length: Any = None,
        dtype: Any = dtypes.int64,
    ):
        sizes = [shapes.as_shape([n]) for n in (nrows, nvals, uniform_row_length)]
        self._nrows, self._nvals, self._uniform = sizes
        self._dtype = dtypes.as_dtype(dtype)
        if self._dtype not in SPLITS_DTYPES:
            raise ValueError("dtype must be tf.int32 or tf.int64")
        rows, values, length = self.nrows, self.nvals, self.uniform_row_length
        if values is not None and length:
            if values % length:
                raise ValueError(
                    f"nvals={values} is not compatible with uniform_row_length={length} (doesn't "
                    "divide evenly)"
                )
            if rows is None:
                self._nrows = shapes.as_shape([values // length])
            elif rows * length != values:
                raise ValueError(
                    f"nvals={values} is not compatible with nrows={rows} and "
                    f"uniform_row_length={length}"
                )
        elif values is None and 0 in (rows, length):
            self._nvals = shapes.as_shape([0])
        elif values is None and None not in (rows, length):
            self._nvals = shapes.as_shape([rows * length])

    @property
    def nrows(self) -> int | None:
        return self._nrows[0]

    @property
    def nvals(self) -> int | None:
        return self._nvals[0]

    @property
    def uniform_row_length(self) -> int | None:
        return self._uniform[0]

    @property
    def dtype(self) -> Any:
        return self._dtype

    def with_dtype(self, dtype: Any) -> RowPartitionSpec:
        """The spec with splits of another dtype."""
        return RowPartitionSpec(self.nrows, self.nvals, self.uniform_row_length, dtype)

    @classmethod
    def from_value(cls, value: RowPartition) -> RowPartitionSpec:
        """The spec of a partition."""
        return value._type_spec

    @property
    def value_type(self) -> type:
        return RowPartition

    @property
    def _component_specs(self) -> TensorSpec:
        rows = self.nrows
        return TensorSpec([None if rows is None else rows + 1], self._dtype)

    def _to_components(self, value: RowPartition) -> Any:
        return value.row_splits()

    def _from_components(self, components: Any) -> RowPartition:
        result = RowPartition.from_row_splits(components, validate=False)
        if isinstance(result._splits, SymbolicTensor):
            result.set_static(self.nrows, self.uniform_row_length)
        return result

    def _serialize(self) -> tuple:
        return self._nrows, self._nvals, self._uniform, self._dtype

    @classmethod
    def _deserialize(cls, serialization: tuple) -> RowPartitionSpec:
        *sizes, dtype = serialization
        return cls(*(size[0] for size in sizes), dtype)

    def __reduce__(self) -> tuple:
        return RowPartitionSpec, (self.nrows, self.nvals, self.uniform_row_length, self._dtype)

    def __repr__(self) -> str:
        return (
            f"RowPartitionSpec(nrows={self.nrows}, nvals={self.nvals}, "
            f"uniform_row_length={self.uniform_row_length}, dtype={self._dtype!r})"
        )


def same_splits(a: Any, b: Any) -> Any:
    """Whether two vectors of splits are equal, a bool scalar."""
    return REGISTRY["All"](REGISTRY["Equal"](a, b, incompatible_shape_error=False), _axes(a, b))


def _axes(a: Any, b: Any) -> Any:
    # Vectors of two lengths compare as a scalar False.
    sizes = [each.shape.num_elements() for each in (a, b)]
    if None in sizes:
        equal = REGISTRY["Equal"](array.shape(a)[0], array.shape(b)[0])
        return REGISTRY["Range"](0, cast.cast(equal, dtypes.int32), 1)
    return [0] if sizes[0] == sizes[1] else np.zeros(0, np.int32)


def rowids_of(splits: Any) -> Any:
    """For each value the row that it is in."""
    kind = splits.dtype
    rows = REGISTRY["Range"](
        *(convert_to_tensor(n, kind) for n in (0, rows_of(splits, kind) - 1, 1))
    )
    return repeat_rows(rows, splits[1:] - splits[:-1])


def repeat_rows(values: Any, counts: Any) -> Any:
    """Each of `values` repeated as often as `counts` says, along the first dimension."""
    kind = counts.dtype
    limits = REGISTRY["Cumsum"](counts, 0)
    total = REGISTRY["Sum"](counts, [0])
    spots = REGISTRY["Range"](
        convert_to_tensor(0, kind), REGISTRY["Cast"](total, DstT=kind), convert_to_tensor(1, kind)
    )
    ids = REGISTRY["UpperBound"](
        array.expand_dims(limits, 0), array.expand_dims(spots, 0), out_type=kind
    )[0]
    return REGISTRY["GatherV2"](values, ids, 0)


def _zero(kind: Any) -> Any:
    return convert_to_tensor(np.zeros(1, kind.np))


def _graph_of(tensor: Any) -> Any:
    return tensor.op.graph if isinstance(tensor, SymbolicTensor) else None


def _reachable(tensor: Any) -> bool:
    """Whether a remembered tensor may be used where code runs now: not one of another graph."""
    graph = _graph_of(tensor)
    return graph is None or graph is current_graph()


def _lives_with(tensor: Any, splits: Any) -> bool:
    """Whether a tensor made now may be remembered beside the splits: not one of another graph."""
    return _graph_of(tensor) is _graph_of(splits)
