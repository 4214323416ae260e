"""`tf.RaggedTensor`: https://www.tensorflow.org/guide/ragged_tensor"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.export import export
from reflow.lang.foreign_names import known_as
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import SymbolicTensor
from reflow.ops import array
from reflow.ops.ragged.ragged_tensor_factories import RaggedTensorFactories, as_values
from reflow.ops.ragged.row_partition import RowPartition
from reflow.ops.ragged.value import RaggedTensorValue, with_commas

if TYPE_CHECKING:
    from reflow.ops.ragged.ragged_tensor_spec import RaggedTensorSpec


@known_as("tensorflow.python.ops.ragged.ragged_tensor")
@export("RaggedTensor")
class RaggedTensor(RaggedTensorFactories):
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
        new_values = as_values(new_values)
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
        from reflow.ops.ragged.ragged_tensor_spec import RaggedTensorSpec

        return RaggedTensorSpec(self.shape, self.dtype, self.ragged_rank, self._row_partition.dtype)

    def _shape_invariant_to_type_spec(self, shape: Any) -> RaggedTensorSpec:
        from reflow.ops.ragged.ragged_tensor_spec import RaggedTensorSpec

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
