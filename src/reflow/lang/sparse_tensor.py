"""Sparse tensors: https://www.tensorflow.org/api_docs/python/tf/sparse/SparseTensor"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype, float32, int64
from reflow.lang.export import export
from reflow.lang.foreign_names import known_as
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.services import service
from reflow.lang.shapes import TensorShape
from reflow.lang.static_value import constant_value_as_shape
from reflow.lang.tensor import SymbolicTensor, Tensor
from reflow.lang.type_spec import (
    BatchableTypeSpec,
    CompositeTensor,
    TensorSpec,
    register_type_spec_from_value_converter,
)


@export(v1=("SparseTensorValue",))
class SparseTensorValue(NamedTuple):
    """The value of a `SparseTensor`, as a session returns it and takes it for a placeholder.

    Args:
      indices: int64 array of shape `[n, rank]`.
      values: array of shape `[n]`.
      dense_shape: int64 array of shape `[rank]`.

    >>> import reflow as tf
    >>> tf.compat.v1.SparseTensorValue([[0, 1]], [5], [2, 2]).values
    [5]
    """

    indices: Any
    values: Any
    dense_shape: Any


@known_as("tensorflow.python.framework.sparse_tensor")
@export("SparseTensor", "sparse.SparseTensor")
class SparseTensor(CompositeTensor):
    """A tensor of which only some elements are said: `dense[indices[i]] = values[i]`, zero elsewhere.

    Most ops expect the indices in lexicographic order and without repetition: see
    `tf.sparse.reorder`. `s * dense` and `s / dense` combine the values with elements of a dense
    tensor that broadcasts to the shape of `s`.

    Args:
      indices: int64 tensor of shape `[n, rank]`.
      values: a tensor of any dtype, of shape `[n]`.
      dense_shape: int64 tensor of shape `[rank]`.

    Raises:
      ValueError: if the three do not fit together.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 0], [1, 2]], [1, 2], [3, 4])
    >>> print(tf.sparse.to_dense(s).numpy())
    [[1 0 0 0]
     [0 0 2 0]
     [0 0 0 0]]
    """

    is_composite_of_tensor = True  # `tf.is_tensor` holds for it

    def __init__(self, indices: Any, values: Any, dense_shape: Any):
        with name_scope(None, "SparseTensor", [indices, values, dense_shape]):
            self._indices = convert_to_tensor(indices, int64, "indices")
            self._values = convert_to_tensor(values, name="values")
            self._dense_shape = convert_to_tensor(dense_shape, int64, "dense_shape")
        self._dense_shape_default = constant_value_as_shape(self._dense_shape)
        entries = self._indices.shape.with_rank(2)
        count = self._values.shape.with_rank(1)
        rank = self._dense_shape.shape.with_rank(1)
        entries.merge_with(count.concatenate(rank))

    @classmethod
    def from_value(cls, sparse_tensor_value: Any) -> SparseTensor:
        """The sparse tensor with the parts of a `SparseTensor` or of a `SparseTensorValue`.

        Raises:
          TypeError: if it is neither.
        """
        if not isinstance(sparse_tensor_value, (SparseTensor, SparseTensorValue)):
            raise TypeError(
                "Argument sparse_tensor_value must be a SparseTensor or SparseTensorValue, but got "
                f"{sparse_tensor_value!r:.80}"
            )
        value = sparse_tensor_value
        return SparseTensor(value.indices, value.values, value.dense_shape)

    # Its parts -----------------------------------------------------------------------------------

    @property
    def indices(self) -> Any:
        """int64, `[n, rank]`."""
        return self._indices

    @property
    def values(self) -> Any:
        """The elements that are said, `[n]`."""
        return self._values

    @property
    def dense_shape(self) -> Any:
        """int64, `[rank]`: the shape of the dense tensor, as a tensor."""
        return self._dense_shape

    @property
    def shape(self) -> TensorShape:
        """The static shape of the dense tensor, as far as it is known."""
        return self._dense_shape_default

    def get_shape(self) -> TensorShape:
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Merges `shape` into the static shape.

        Raises:
          ValueError: if they do not fit together.
        """
        self._dense_shape_default = self._dense_shape_default.merge_with(shapes.as_shape(shape))

    def with_values(self, new_values: Any) -> SparseTensor:
        """A sparse tensor with the same indices and shape, and other values."""
        result = SparseTensor(self._indices, new_values, self._dense_shape)
        result._dense_shape_default = self._dense_shape_default
        return result

    @property
    def dtype(self) -> DType:
        return self._values.dtype

    @property
    def name(self) -> str:
        return self._values.name

    @property
    def op(self) -> Any:
        return self._values.op

    @property
    def graph(self) -> Any:
        return self._indices.graph

    def consumers(self) -> list[Any]:
        """The nodes that take the indices, the values or the shape."""
        parts = (self._indices, self._values, self._dense_shape)
        return list(dict.fromkeys(op for part in parts for op in part.consumers()))

    def eval(self, feed_dict: Any = None, session: Any = None) -> SparseTensorValue:
        """Its value in `session`, by default the default session."""
        if not isinstance(self._values, SymbolicTensor):
            raise NotImplementedError(
                "eval is not supported when eager execution is enabled; take .numpy() of the parts."
            )
        return service("eval_tensor")(self, feed_dict, session)

    @property
    def _type_spec(self) -> SparseTensorSpec:
        return SparseTensorSpec(self.shape, self.dtype)

    def _shape_invariant_to_type_spec(self, shape: TensorShape) -> SparseTensorSpec:
        return SparseTensorSpec(shape, self.dtype)

    # Operators -----------------------------------------------------------------------------------

    def __mul__(self, other: Any) -> SparseTensor:
        return self._with_dense("SparseDenseCwiseMul", other, "mul")

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> SparseTensor:
        return self._with_dense("SparseDenseCwiseDiv", other, "truediv")

    __div__ = __truediv__

    def _with_dense(self, op_name: str, other: Any, label: str) -> SparseTensor:
        with name_scope(None, label, [self, other]) as scope:
            dense = convert_to_tensor(other, self.dtype.base_dtype, "y")
            parts = (self._indices, self._values, self._dense_shape)
            values = REGISTRY[op_name](*parts, dense, name=scope or None)
            return self.with_values(values)

    def __repr__(self) -> str:
        return (
            f"SparseTensor(indices={self._indices!s}, values={self._values!s}, "
            f"dense_shape={self._dense_shape!s})"
        )


@export("SparseTensorSpec")
class SparseTensorSpec(BatchableTypeSpec):
    """The type of a `SparseTensor`.

    Args:
      shape: the static shape of the dense tensor; None where it is not known.
      dtype: the dtype of its elements.

    >>> import reflow as tf
    >>> tf.SparseTensorSpec([None, 3], tf.int32)
    SparseTensorSpec(TensorShape([None, 3]), tf.int32)
    """

    __slots__ = ("_shape", "_dtype")

    def __init__(self, shape: Any = None, dtype: Any = float32):
        self._shape = shapes.as_shape(shape)
        self._dtype = as_dtype(dtype)

    @classmethod
    def from_value(cls, value: SparseTensor) -> SparseTensorSpec:
        return cls(value.shape, value.dtype)

    @property
    def shape(self) -> TensorShape:
        return self._shape

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def value_type(self) -> type:
        return SparseTensor

    @property
    def _component_specs(self) -> list[TensorSpec]:
        rank = self._shape.rank
        return [
            TensorSpec([None, rank], int64),
            TensorSpec([None], self._dtype),
            TensorSpec([rank], int64),
        ]

    def _to_components(self, value: Any) -> list[Any]:
        return [value.indices, value.values, value.dense_shape]

    def _from_components(self, components: Sequence[Any]) -> Any:
        if not all(isinstance(part, Tensor) for part in components):
            return SparseTensorValue(*components)
        result = SparseTensor(*components)
        if result.shape.is_compatible_with(self._shape):
            result.set_shape(self._shape)
        return result

    def _serialize(self) -> tuple:
        return self._shape, self._dtype

    def _batch(self, batch_size: int | None) -> SparseTensorSpec:
        return SparseTensorSpec(shapes.of((batch_size,)).concatenate(self._shape), self._dtype)

    def _unbatch(self) -> SparseTensorSpec:
        if self._shape.rank == 0:
            raise ValueError("Unbatching is only supported for SparseTensors of rank >= 1")
        sizes = self._shape._dims
        return SparseTensorSpec(shapes.of(None if sizes is None else sizes[1:]), self._dtype)


register_type_spec_from_value_converter(
    SparseTensorValue,
    lambda value: SparseTensorSpec(
        None if value.dense_shape is None else list(value.dense_shape),
        as_dtype(np.asarray(value.values).dtype),
    ),
)


def convert_to_sparse(value: Any, what: str = "Input") -> SparseTensor:
    """`value` as a `SparseTensor`.

    Raises:
      TypeError: if it is neither a `SparseTensor` nor a `SparseTensorValue`.
    """
    if isinstance(value, SparseTensor):
        return value
    if isinstance(value, SparseTensorValue):
        return SparseTensor.from_value(value)
    raise TypeError(f"{what} must be a SparseTensor, but got {value!r:.80}.")


@export(v1=("convert_to_tensor_or_sparse_tensor",))
def convert_to_tensor_or_sparse_tensor(
    value: Any, dtype: Any = None, name: str | None = None
) -> Any:
    """`value` as a `SparseTensor` if it is sparse, else as a tensor.

    Args:
      value: a `SparseTensor`, a `SparseTensorValue`, or anything that `tf.convert_to_tensor` takes.
      dtype: the dtype it must have.
      name: a name for the node, if one is made.

    Raises:
      RuntimeError: if a sparse one has another dtype.

    >>> import reflow as tf
    >>> tf.compat.v1.convert_to_tensor_or_sparse_tensor([1.0]).shape
    TensorShape([1])
    """
    if isinstance(value, SparseTensorValue):
        value = SparseTensor.from_value(value)
    if isinstance(value, SparseTensor):
        if dtype is not None and not as_dtype(dtype).is_compatible_with(value.dtype):
            raise RuntimeError(
                f"Sparse dtype mismatch: requested {as_dtype(dtype).name}, actual "
                f"{value.dtype.name}"
            )
        return value
    return convert_to_tensor(value, dtype, name)
