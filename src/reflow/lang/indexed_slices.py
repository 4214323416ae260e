"""Sparse gradients: https://www.tensorflow.org/api_docs/python/tf/IndexedSlices"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

from reflow.lang import shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor, register_tensor_conversion_function
from reflow.lang.dtypes import DType, as_dtype, float32, int64
from reflow.lang.export import export
from reflow.lang.foreign_names import known_as
from reflow.lang.opdef import REGISTRY
from reflow.lang.shapes import TensorShape
from reflow.lang.static_value import constant_value, constant_value_as_shape
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import CompositeTensor, TensorSpec, TypeSpec

_LARGE = 100_000_000  # elements: above, making it dense deserves a warning


@export(v1=("IndexedSlicesValue",))
class IndexedSlicesValue(NamedTuple):
    """The value of an `IndexedSlices`, as a session returns it.

    >>> import reflow as tf
    >>> tf.compat.v1.IndexedSlicesValue([[5.0]], [1], [3, 1]).indices
    [1]
    """

    values: Any
    indices: Any
    dense_shape: Any


@known_as("tensorflow.python.framework.indexed_slices")
@export("IndexedSlices")
class IndexedSlices(CompositeTensor):
    """Some slices of a tensor along its first dimension: `dense[indices[i], ...] = values[i, ...]`.

    The gradient of `tf.gather` with respect to its parameters has this form. Indices may repeat: their
    slices add up. Where a tensor is expected, it is converted to a dense one.

    Args:
      values: a tensor of shape `[n, d1, d2, ...]`.
      indices: an integer tensor of shape `[n]`.
      dense_shape: an integer vector, the shape of the dense tensor; needed to convert to one.

    >>> import reflow as tf
    >>> tf.convert_to_tensor(tf.IndexedSlices(tf.constant([[5.0]]), tf.constant([1]), [3, 1])).shape
    TensorShape([3, 1])
    """

    is_composite_of_tensor = True  # `tf.is_tensor` holds for it

    __slots__ = ("_values", "_indices", "_dense_shape")

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None):
        self._values = values
        self._indices = indices
        self._dense_shape = dense_shape

    @property
    def values(self) -> Any:
        return self._values

    @property
    def indices(self) -> Any:
        return self._indices

    @property
    def dense_shape(self) -> Any:
        return self._dense_shape

    @property
    def shape(self) -> TensorShape:
        """The static shape of the dense tensor, as far as it is known."""
        if self._dense_shape is None:
            return shapes.UNKNOWN
        if isinstance(self._dense_shape, Tensor):
            return constant_value_as_shape(self._dense_shape)
        return shapes.as_shape(self._dense_shape)

    def get_shape(self) -> TensorShape:
        return self.shape

    @property
    def dtype(self) -> DType:
        return self._values.dtype

    @property
    def name(self) -> str:
        return self._values.name

    @property
    def device(self) -> str:
        return self._values.device

    @property
    def op(self) -> Any:
        return self._values.op

    @property
    def graph(self) -> Any:
        return self._values.graph

    def consumers(self) -> list[Any]:
        """The nodes that take the values or the indices."""
        parts = [self._values, self._indices, self._dense_shape]
        found = [op for part in parts if part is not None for op in part.consumers()]
        return list(dict.fromkeys(found))

    @property
    def _type_spec(self) -> IndexedSlicesSpec:
        rows = self._dense_shape
        if rows is not None and not isinstance(rows, Tensor):
            rows = convert_to_tensor(rows)
        indices = self._indices.shape.with_rank(1)
        values = self._values.shape._dims
        slices = shapes.of(None if values is None else (None, *values[1:]))
        return IndexedSlicesSpec(
            self.shape.merge_with(slices),
            self.dtype,
            self._indices.dtype,
            None if rows is None else rows.dtype,
            indices,
        )

    def _shape_invariant_to_type_spec(self, shape: TensorShape) -> IndexedSlicesSpec:
        sizes = shape._dims
        rows = None if self._dense_shape is None else convert_to_tensor(self._dense_shape).dtype
        dense = shapes.of(None if sizes is None else (None, *sizes[1:]))
        leading = shapes.of(None if sizes is None else sizes[:1])
        return IndexedSlicesSpec(dense, self.dtype, self._indices.dtype, rows, leading)

    def __neg__(self) -> IndexedSlices:
        return IndexedSlices(-self._values, self._indices, self._dense_shape)

    def __repr__(self) -> str:
        shape = "" if self._dense_shape is None else f", dense_shape={self._dense_shape!s}"
        return f"IndexedSlices(indices={self._indices!s}, values={self._values!s}{shape})"


def _to_dense(value: Any, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Any:
    if dtype is not None and not dtype.is_compatible_with(value.dtype):
        raise ValueError(
            f"Incompatible tensor conversion requested to `dtype` {dtype.name} for IndexedSlices "
            f"({value}) with dtype {value.dtype.name}"
        )
    if value.dense_shape is None:
        raise ValueError(
            "Tensor conversion requested for IndexedSlices for argument `value` without "
            f"dense_shape: {value}"
        )
    size = value.shape.num_elements()
    if current_graph() is not None and size is not None and size >= _LARGE:
        warnings.warn(
            f"Converting sparse IndexedSlices to a dense Tensor with {size} elements. This may "
            "consume a large amount of memory.",
            stacklevel=2,
        )
    rows = value.dense_shape
    known = constant_value(rows) if isinstance(rows, Tensor) else rows
    rows = int(known[0]) if known is not None and known[0] is not None else rows[0]
    return REGISTRY["UnsortedSegmentSum"](value.values, value.indices, rows, name=name)


register_tensor_conversion_function(IndexedSlices, _to_dense)


@export("IndexedSlicesSpec")
class IndexedSlicesSpec(TypeSpec):
    """The type of an `IndexedSlices`.

    Args:
      shape: the static shape of the dense tensor; None where it is not known.
      dtype: the dtype of the values.
      indices_dtype: the dtype of the indices.
      dense_shape_dtype: the dtype of the dense shape; None if there is none.
      indices_shape: the static shape of the indices.
    """

    __slots__ = ("_shape", "_dtype", "_indices_dtype", "_dense_shape_dtype", "_indices_shape")

    def __init__(
        self,
        shape: Any = None,
        dtype: Any = float32,
        indices_dtype: Any = int64,
        dense_shape_dtype: Any = None,
        indices_shape: Any = None,
    ):
        self._shape = shapes.as_shape(shape)
        self._dtype = as_dtype(dtype)
        self._indices_dtype = as_dtype(indices_dtype)
        self._dense_shape_dtype = None if dense_shape_dtype is None else as_dtype(dense_shape_dtype)
        self._indices_shape = shapes.as_shape(indices_shape).with_rank(1)

    @property
    def value_type(self) -> type:
        return IndexedSlices

    @property
    def _component_specs(self) -> list[TensorSpec]:
        sizes = self._shape._dims
        rows = self._indices_shape.concatenate(shapes.of(None if sizes is None else sizes[1:]))
        specs = [
            TensorSpec(rows, self._dtype),
            TensorSpec(self._indices_shape, self._indices_dtype),
        ]
        if self._dense_shape_dtype is not None:
            specs.append(TensorSpec([self._shape.rank], self._dense_shape_dtype))
        return specs

    def _to_components(self, value: Any) -> list[Any]:
        shape = [] if value.dense_shape is None else [value.dense_shape]
        return [value.values, value.indices, *shape]

    def _from_components(self, components: Any) -> IndexedSlices:
        return IndexedSlices(*components)

    def _serialize(self) -> tuple:
        return (
            self._shape,
            self._dtype,
            self._indices_dtype,
            self._dense_shape_dtype,
            self._indices_shape,
        )


@export(v1=("convert_to_tensor_or_indexed_slices",))
def convert_to_tensor_or_indexed_slices(
    value: Any, dtype: Any = None, name: str | None = None
) -> Any:
    """`value` itself if it is an `IndexedSlices`, else as a tensor.

    Args:
      value: an `IndexedSlices`, or anything that `tf.convert_to_tensor` takes.
      dtype: the dtype it must have.
      name: a name for the node, if one is made.

    Raises:
      ValueError: if it has another dtype.
    """
    if not isinstance(value, IndexedSlices):
        return convert_to_tensor(value, dtype, name)
    if dtype is not None and not as_dtype(dtype).is_compatible_with(value.dtype):
        raise ValueError(
            f"Incompatible tensor conversion requested to `dtype` {as_dtype(dtype).name} for "
            f"`value` ({value}) with dtype {value.dtype.name}."
        )
    return value
