"""Ragged tensors as one part of an element: a variant, of which a batch holds a vector."""

from __future__ import annotations

from typing import Any

from reflow.lang import dtypes, shapes
from reflow.lang.tensor import SymbolicTensor, Tensor
from reflow.lang.type_spec import TensorSpec
from reflow.ops.ragged.ragged_tensor import RaggedTensor, RaggedTensorSpec, is_ragged
from reflow.ops.ragged.variant import (
    ragged_tensor_from_variant_op,
    ragged_tensor_to_variant_op,
)


def serialize(value: Any, spec: RaggedTensorSpec, rows: bool = False) -> Tensor:
    """A ragged tensor, or a tensor as one without partitions, as one part of an element.

    Args:
      value: the value.
      spec: its spec.
      rows: whether the part is to be sliced along its first dimension.

    Raises:
      ValueError: if it has another number of partitions than the spec says.
    """
    depth = value.ragged_rank if is_ragged(value) else 0
    if depth != max(spec.ragged_rank, 0):
        raise ValueError(
            f"Ragged rank of value ({depth}) does not match ragged rank of type {spec}"
        )
    splits = []
    flat = value
    if depth:
        value = value.with_row_splits_dtype(spec.row_splits_dtype)
        splits, flat = list(value.nested_row_splits), value.flat_values
    return ragged_tensor_to_variant_op(
        splits, flat, batched_input=rows, Tsplits=spec.row_splits_dtype
    )


def deserialize(part: Tensor, spec: RaggedTensorSpec) -> Any:
    """The ragged tensor that a part holds; a tensor where the spec has no partitions."""
    depth = max(spec.ragged_rank, 0)
    found = ragged_tensor_from_variant_op(
        part,
        input_ragged_rank=-1,
        output_ragged_rank=depth,
        Tvalues=spec.dtype,
        Tsplits=spec.row_splits_dtype,
    )
    flat = found.output_dense_values
    dims = spec.shape._dims
    if isinstance(flat, SymbolicTensor) and dims is not None:
        flat.set_shape((None, *dims[depth + 1 :]) if depth else dims)
    if not depth:
        return flat
    result = RaggedTensor.from_nested_row_splits(flat, found.output_nested_splits, validate=False)
    if result.shape.is_compatible_with(spec.shape):
        result._set_shape(spec.shape)
    return result


def ragged_spec(spec: Any, row_splits_dtype: Any) -> Any:
    """The spec under which elements of a `TensorSpec` with unknown sizes are batched as ragged ones."""
    dims = spec.shape._dims if type(spec) is TensorSpec else None
    if dims is None or None not in dims:
        return spec
    depth = max(axis for axis, size in enumerate(dims) if size is None)
    return RaggedTensorSpec(shapes.of(dims), spec.dtype, depth, row_splits_dtype)


def as_variant(value: Any, spec: Any) -> Any:
    """A tensor as the part of an element of a ragged spec; other values as they are."""
    if not isinstance(spec, RaggedTensorSpec) or is_ragged(value):
        return value
    if spec.ragged_rank > 0:
        value = RaggedTensor.from_tensor(
            value, ragged_rank=spec.ragged_rank, row_splits_dtype=spec.row_splits_dtype
        )
    return serialize(value, spec)


PART = TensorSpec(None, dtypes.variant)
