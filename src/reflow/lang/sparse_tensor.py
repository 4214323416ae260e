"""Sparse tensors: https://www.tensorflow.org/api_docs/python/tf/sparse/SparseTensor"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from reflow.lang import nest, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.services import service
from reflow.lang.shapes import TensorShape
from reflow.lang.static_value import constant_value_as_shape
from reflow.lang.tensor import SymbolicTensor


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


@export("SparseTensor", "sparse.SparseTensor")
class SparseTensor:
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
            f"SparseTensor(indices={self._indices}, values={self._values}, "
            f"dense_shape={self._dense_shape})"
        )


def _rebuilt(like: SparseTensor, parts: Sequence[Any]) -> SparseTensor:
    result = SparseTensor(*parts)
    if result.shape.rank is None and like.shape.rank is not None:
        result._dense_shape_default = shapes.unknown_shape(like.shape.rank)
    return result


nest.register_composite(
    SparseTensor, lambda value: [value.indices, value.values, value.dense_shape], _rebuilt
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
