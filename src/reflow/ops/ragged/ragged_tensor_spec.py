"""`tf.RaggedTensorSpec`: the type of ragged tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.lang import dtypes, shapes
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.export import export
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import SymbolicTensor, Tensor
from reflow.lang.type_spec import (
    BatchableTypeSpec,
    TensorSpec,
    register_type_spec_from_value_converter,
)
from reflow.ops.ragged.ragged_tensor import RaggedTensor, is_ragged
from reflow.ops.ragged.value import RaggedTensorValue


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
