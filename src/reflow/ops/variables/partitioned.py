"""Variables in parts: what a part knows of the whole, partitioners, and the parts taken together.

https://www.tensorflow.org/api_docs/python/tf/compat/v1/fixed_size_partitioner
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reflow.lang.convert import convert_to_tensor, register_tensor_conversion_function
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.dtypes import string as string_dtype
from reflow.lang.export import export
from reflow.lang.scopes import (
    GraphKeys,
    control_dependencies,
    name_scope,
    prepend_name_scope,
    strip_name_scope,
)
from reflow.lang.services import service
from reflow.lang.shapes import TensorShape, as_shape


class SaveSliceInfo:
    """Which slice of a larger variable a part is: savers store the whole under one name.

    Args:
      full_name: the name of the whole.
      full_shape: its shape.
      var_offset: where the part begins, per dimension.
      var_shape: the shape of the part.
      save_slice_info_def: a `SaveSliceInfoDef` message, in place of the four.
      import_scope: a name scope to put before the name in the message.
    """

    def __init__(
        self,
        full_name: str | None = None,
        full_shape: Sequence[int] | None = None,
        var_offset: Sequence[int] | None = None,
        var_shape: Sequence[int] | None = None,
        save_slice_info_def: Any = None,
        import_scope: str | None = None,
    ):
        if save_slice_info_def is not None:
            full_name = prepend_name_scope(save_slice_info_def.full_name, import_scope)
            full_shape = list(save_slice_info_def.full_shape)
            var_offset = list(save_slice_info_def.var_offset)
            var_shape = list(save_slice_info_def.var_shape)
        self.full_name = full_name
        self.full_shape = full_shape
        self.var_offset = var_offset
        self.var_shape = var_shape

    @property
    def spec(self) -> str:
        """The form that savers use: `full_shape offset,size:offset,size`."""
        full = " ".join(str(d) for d in self.full_shape)  # type: ignore[union-attr]
        parts = zip(self.var_offset, self.var_shape)  # type: ignore[arg-type]
        return f"{full} " + ":".join(f"{offset},{size}" for offset, size in parts)

    @classmethod
    def from_spec(cls, spec: str) -> SaveSliceInfo:
        """The inverse of `spec`.

        Raises:
          ValueError: if `spec` is not of that form.
        """
        if not spec:
            return cls()
        *full, slices = spec.split(" ")
        if not full:
            raise ValueError("Spec string must contain space-separated full_shape info.")
        try:
            full_shape = [int(d) for d in full if d]
            pairs = [tuple(int(d) for d in part.split(",")) for part in slices.split(":")]
        except ValueError:
            raise ValueError(f"Spec string must consist of integers: {spec!r}") from None
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(
                f"Spec string must contain comma-separated pairs of offsets and shapes: {spec!r}"
            )
        return cls(None, full_shape, [p[0] for p in pairs], [p[1] for p in pairs])

    def to_proto(self, export_scope: str | None = None) -> Any:
        """A `SaveSliceInfoDef` message; None if it is outside of the name scope `export_scope`."""
        if export_scope and not str(self.full_name).startswith(export_scope):
            return None
        message = service("SaveSliceInfoDef")()
        message.full_name = strip_name_scope(str(self.full_name), export_scope)
        message.full_shape.extend(self.full_shape)
        message.var_offset.extend(self.var_offset)
        message.var_shape.extend(self.var_shape)
        return message


class PartitionInfo:
    """What an initializer is told of the part that it makes.

    Attributes:
      full_shape: the shape of the whole.
      var_offset: where the part begins, per dimension.
    """

    def __init__(self, full_shape: Sequence[int], var_offset: Sequence[int]):
        for name, given in (("full_shape", full_shape), ("var_offset", var_offset)):
            if not isinstance(given, (list, tuple)):
                raise TypeError(
                    f"`{name}` must be a sequence (like tuple or list) instead of "
                    f"{type(given).__name__}"
                )
        if len(var_offset) != len(full_shape):
            raise ValueError(
                f"Expected equal length, but `var_offset` is of length {len(var_offset)} while "
                f"full_shape is of length {len(full_shape)}."
            )
        for offset, size in zip(var_offset, full_shape):
            if not 0 <= offset < size:
                raise ValueError(
                    f"Expected 0 <= offset < shape but found offset={offset}, shape={size} for "
                    f"var_offset={var_offset}, full_shape={full_shape}"
                )
        self.full_shape = full_shape
        self.var_offset = var_offset

    def single_slice_dim(self, shape: Sequence[int]) -> int | None:
        """The dimension along which a part of this shape is cut; None if it is the whole.

        Raises:
          ValueError: if it does not fit, or is cut along several dimensions.
        """
        if len(shape) != len(self.full_shape):
            raise ValueError(
                f"Expected equal length, but received shape={shape} of length {len(shape)} while "
                f"self.full_shape={self.full_shape} is of length {len(self.full_shape)}."
            )
        cut = None
        for i, (size, offset, full) in enumerate(zip(shape, self.var_offset, self.full_shape)):
            if offset + size > full:
                raise ValueError(
                    f"With self.var_offset={self.var_offset}, a partition of shape={shape} would "
                    f"exceed self.full_shape={self.full_shape} in dimension {i}."
                )
            if size == full:
                continue
            if cut is not None:
                raise ValueError(
                    f"Cannot use single_slice_dim() with shape={shape} and "
                    f"self.full_shape={self.full_shape} since slice dim could be either dimension "
                    f"{cut} or {i}."
                )
            cut = i
        return cut

    def single_offset(self, shape: Sequence[int]) -> int:
        """Where a part of this shape begins, along the dimension in which it is cut."""
        cut = self.single_slice_dim(shape)
        return 0 if cut is None else self.var_offset[cut]


# Partitioners -------------------------------------------------------------------------------------


@export(v1=("fixed_size_partitioner",))
def fixed_size_partitioner(num_shards: int, axis: int = 0) -> Callable:
    """A partitioner that cuts variables in a fixed number of parts along one dimension.

    Args:
      num_shards: the number of parts; fewer where the dimension is smaller.
      axis: the dimension.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default():
    ...     w = v1.get_variable("w", [5, 2], partitioner=v1.fixed_size_partitioner(2))
    ...     print([part.shape.as_list() for part in w])
    [[3, 2], [2, 2]]
    """

    def partitioner(shape: Any, **unused: Any) -> list[int]:
        shape = as_shape(shape)
        parts = [1] * shape.ndims  # type: ignore[operator]
        parts[axis] = min(num_shards, shape.as_list()[axis])
        return parts

    return partitioner


@export(v1=("variable_axis_size_partitioner",))
def variable_axis_size_partitioner(
    max_shard_bytes: int,
    axis: int = 0,
    bytes_per_string_element: int = 16,
    max_shards: int | None = None,
) -> Callable:
    """A partitioner whose parts have at most so many bytes.

    Args:
      max_shard_bytes: how large a part may be.
      axis: the dimension to cut along.
      bytes_per_string_element: how many bytes a string is taken to have.
      max_shards: at most so many parts, which may then be larger.

    Raises:
      ValueError: if one of the bounds is not positive.
    """
    if max_shard_bytes < 1 or bytes_per_string_element < 1:
        raise ValueError(
            "Both max_shard_bytes and bytes_per_string_element must be positive. Currently, "
            f"max_shard_bytes is {max_shard_bytes} and bytes_per_string_element is "
            f"{bytes_per_string_element}"
        )
    if max_shards and max_shards < 1:
        raise ValueError("max_shards must be positive.")

    def partitioner(shape: Any, dtype: Any, **unused: Any) -> list[int]:
        shape, element = _sized(shape, dtype, bytes_per_string_element)
        sizes = shape.as_list()
        parts = [1] * len(sizes)
        slice_bytes = shape.num_elements() // sizes[axis] * element
        per_shard = max(1, math.floor(max_shard_bytes / slice_bytes))
        count = math.ceil(sizes[axis] / per_shard)
        if max_shards:
            count = min(max_shards, count)
        parts[axis] = count
        return parts

    return partitioner


def _sized(shape: Any, dtype: Any, bytes_per_string: int) -> tuple[TensorShape, int]:
    if not isinstance(shape, TensorShape):
        raise ValueError(f"shape is not a TensorShape: {shape}")
    if not shape.is_fully_defined():
        raise ValueError(f"shape is not fully defined: {shape}")
    dtype = as_dtype(dtype)
    return shape, bytes_per_string if dtype.base_dtype is string_dtype else dtype.size


@export(v1=("min_max_variable_partitioner",))
def min_max_variable_partitioner(
    max_partitions: int = 1,
    axis: int = 0,
    min_slice_size: int = 256 << 10,
    bytes_per_string_element: int = 16,
) -> Callable:
    """A partitioner with as many parts as keep each at least so large.

    Args:
      max_partitions: at most so many parts.
      axis: the dimension to cut along.
      min_slice_size: bytes that a part has at least.
      bytes_per_string_element: how many bytes a string is taken to have.

    Raises:
      ValueError: when used on a shape without that dimension.
    """

    def partitioner(shape: Any, dtype: Any, **unused: Any) -> list[int]:
        if axis >= len(shape):
            raise ValueError(
                f"Cannot partition variable along axis {axis} when shape is only {shape}"
            )
        shape, element = _sized(as_shape(shape), dtype, bytes_per_string_element)
        sizes = shape.as_list()
        total = shape.num_elements() * element
        parts = [1] * len(sizes)
        parts[axis] = max(1, min(sizes[axis], max_partitions, math.ceil(total / min_slice_size)))
        return parts

    return partitioner


def call_partitioner(partitioner: Any, shape: TensorShape, dtype: DType) -> list[int]:
    """The number of parts per dimension that a partitioner gives.

    Raises:
      ValueError: if the shape cannot be cut, or the partitioner does not return such a list.
    """
    if not shape.is_fully_defined():
        raise ValueError(
            f"Shape of a new partitioned variable must be fully defined, but instead was {shape}."
        )
    if shape.ndims < 1:  # type: ignore[operator]
        raise ValueError(f"A partitioned Variable must have rank at least 1, shape: {shape}")
    slicing = partitioner(shape=shape, dtype=dtype)
    if not isinstance(slicing, (list, tuple)):
        raise ValueError(f"Partitioner must return a sequence, but saw: {slicing}")
    slicing = list(slicing)
    if len(slicing) != shape.ndims:
        raise ValueError(
            "Partitioner returned a partition list that does not match the Variable's rank: "
            f"{slicing} vs. {shape}"
        )
    if any(parts < 1 for parts in slicing):
        raise ValueError(f"Partitioner returned zero partitions for some axes: {slicing}")
    if sum(parts > 1 for parts in slicing) > 1:
        raise ValueError(
            f"Can only slice a variable along one dimension: shape: {shape}, "
            f"partitioning: {slicing}"
        )
    return slicing


def slices(sizes: Sequence[int], parts: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """Offset and shape of each part; the first ones are larger by one where it does not come out."""
    axis = next((i for i, n in enumerate(parts) if n > 1), 0)
    count = parts[axis]
    at = 0
    smaller, larger = divmod(sizes[axis], count)
    for i in range(count):
        size = smaller + (i < larger)
        offset = [0] * len(sizes)
        offset[axis] = at
        yield offset, [size if j == axis else d for j, d in enumerate(sizes)]
        at += size


# The parts taken together -------------------------------------------------------------------------


class PartitionedVariable:
    """The parts of a variable as one: iterate over the parts, or use it as a tensor.

    Args:
      name: the name of the whole.
      shape: its shape.
      dtype: its dtype.
      variable_list: the parts, in order, with their save-slice information.
      partitions: how many parts there are, per dimension.

    Raises:
      TypeError: if lists are not lists.
      ValueError: if the parts do not make up the whole.
    """

    is_tensor_like = True
    __array_priority__ = 100

    def __init__(self, name, shape, dtype, variable_list, partitions):
        if not isinstance(variable_list, (list, tuple)):
            raise TypeError(f"variable_list is not a list or tuple: {variable_list}")
        if not isinstance(partitions, (list, tuple)):
            raise TypeError(f"partitions is not a list or tuple: {partitions}")
        if not all(p >= 1 for p in partitions):
            raise ValueError(f"partition values must be positive: {partitions}")
        if not variable_list:
            raise ValueError("variable_list may not be empty")
        self._shape = as_shape(shape)
        if len(partitions) != self._shape.ndims:
            raise ValueError(f"len(shape) != len(partitions): {shape} vs. {partitions}")
        for part in variable_list:
            info = part._get_save_slice_info()
            if info is None:
                raise ValueError(
                    "All variables must have a save_slice_info available: "
                    f"{[v.name for v in variable_list]}"
                )
            if list(info.full_shape) != self._shape.as_list():
                raise ValueError(
                    f"All variables' full shapes must match shape: {shape}; but full shapes were: "
                    f"{[info.full_shape]}"
                )
        self._name = name
        self._dtype = dtype
        self._variable_list = sorted(
            variable_list, key=lambda part: part._get_save_slice_info().var_offset
        )
        self._partitions = list(partitions)
        self._as_tensor: Any = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._variable_list)

    def __len__(self) -> int:
        axes = self._partition_axes()
        if len(axes) > 1:
            raise ValueError(f"Cannot get a length for {len(axes)} > 1 partition axes")
        return len(self._variable_list)

    def _partition_axes(self) -> list[int]:
        return [i for i, n in enumerate(self._partitions) if n > 1] or [0]

    def _axis(self, what: str) -> int:
        axes = self._partition_axes()
        if len(axes) > 1:
            raise NotImplementedError(
                f"Cannot {what} along more than one dimension: {axes}. Multi-axis partition is not "
                "supported"
            )
        return axes[0]

    def _concat(self) -> Any:
        from reflow.ops.constant import identity
        from reflow.ops.joining import concat

        if len(self._variable_list) == 1:
            with name_scope(None):
                return identity(self._variable_list[0], name=self._name)
        axis = self._axis("concatenate")
        with name_scope(self._name + "/ConcatPartitions/"):
            joined = concat([part.value() for part in self._variable_list], axis, name="concat")
        with name_scope(None):
            return identity(joined, name=self._name)

    def as_tensor(self) -> Any:
        """The whole as one tensor, whatever control dependencies are around."""
        with control_dependencies(None):
            return self._concat()

    def _convert(self, dtype: Any = None, name: Any = None, as_ref: bool = False) -> Any:
        if dtype is not None and not dtype.is_compatible_with(self.dtype):
            raise ValueError(
                f"Incompatible type conversion requested to type '{dtype.name}' for variable of "
                f"type '{self.dtype.name}'"
            )
        if as_ref:
            raise NotImplementedError(
                "PartitionedVariable doesn't support being used as a reference."
            )
        return self.as_tensor()

    @property
    def name(self) -> str:
        return self._name

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def shape(self) -> TensorShape:
        return self._shape

    def get_shape(self) -> TensorShape:
        return self._shape

    def _get_variable_list(self) -> list[Any]:
        return self._variable_list

    def _get_partitions(self) -> list[int]:
        return self._partitions

    def _each(self, change: Callable[[Any, Any], Any], value: Any) -> list[Any]:
        from reflow.ops.joining import split

        axis = self._axis("do assign action")
        if isinstance(value, list):
            pieces = value
        elif isinstance(value, PartitionedVariable):
            pieces = list(value)
        else:
            sizes = [part.shape.as_list()[axis] for part in self._variable_list]
            pieces = split(convert_to_tensor(value, self._dtype.base_dtype), sizes, axis)
        return [change(part, piece) for part, piece in zip(self._variable_list, pieces)]

    def assign(self, value, use_locking=False, name=None, read_value=True):
        """Assigns to each part its piece of `value`; the list of what the parts return."""
        results = self._each(lambda part, piece: part.assign(piece, use_locking, name), value)
        return results if read_value else [each.op for each in results]

    def assign_add(self, value, use_locking=False, name=None, read_value=True):
        """Adds to each part its piece of `value`; the list of what the parts return."""
        results = self._each(lambda part, piece: part.assign_add(piece, use_locking, name), value)
        return results if read_value else [each.op for each in results]

    def assign_sub(self, value, use_locking=False, name=None, read_value=True):
        """Subtracts from each part its piece of `value`; the list of what the parts return."""
        results = self._each(lambda part, piece: part.assign_sub(piece, use_locking, name), value)
        return results if read_value else [each.op for each in results]


register_tensor_conversion_function(PartitionedVariable, PartitionedVariable._convert)


@export(v1=("create_partitioned_variables",))
def create_partitioned_variables(
    shape,
    slicing,
    initializer,
    dtype=None,
    trainable=True,
    collections=None,
    name=None,
    reuse=None,
):
    """The parts of a variable cut as `slicing` says: `tf.get_variable` with a partitioner, in short.

    Args:
      shape: the shape of the whole.
      slicing: how many parts there are, per dimension; more than one along one dimension only.
      initializer: a tensor, or a function of a shape.
      dtype: the dtype; float32 by default.
      trainable: whether to add the parts to the trainable variables.
      collections: the collections to add the parts to.
      name: the name of the whole; by default "PartitionedVariable".
      reuse: True to reuse variables of the scope.

    Returns:
      The list of the parts.

    Raises:
      ValueError: if `shape` and `slicing` do not fit.
    """
    from reflow.lang.dtypes import float32
    from reflow.ops.variables.variable_scope import get_partitioned_variable, variable_scope

    if len(shape) != len(slicing):
        raise ValueError(
            "The 'shape' and 'slicing' of a partitioned Variable must have the length: shape: "
            f"{shape}, slicing: {slicing}"
        )
    if len(shape) < 1:
        raise ValueError(f"A partitioned Variable must have rank at least 1: shape: {shape}")
    if collections is None:
        collections = [GraphKeys.GLOBAL_VARIABLES]
    with variable_scope(name, "PartitionedVariable", reuse=reuse):
        return get_partitioned_variable(
            name=None,
            shape=shape,
            dtype=float32 if dtype is None else dtype,
            initializer=initializer,
            trainable=trainable,
            partitioner=lambda **unused: slicing,
            collections=collections,
        )._get_variable_list()
