"""Sparse and ragged tensors as one part of an element of dtype `variant`.

A sparse tensor becomes a vector of three variants: indices, values, dense shape; a ragged one becomes
a scalar. Those of several elements are put together as they are, and become a tensor with a further
dimension.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorSpec
from reflow.lang.tensor import SymbolicTensor, Tensor
from reflow.ops.define import op
from reflow.ops.io.raw import serialize_many_sparse_op, serialize_sparse_op
from reflow.ops.ragged.ragged_tensor import RaggedTensor
from reflow.ops.ragged.ragged_tensor_spec import RaggedTensorSpec
from reflow.ops.ragged.variant import ragged_tensor_from_variant_op, ragged_tensor_to_variant_op


@op(
    "DeserializeSparse(serialized_sparse: Tserialized, *, dtype: type,"
    " Tserialized: {string,variant} = string)"
    " -> sparse_indices: int64, sparse_values: dtype, sparse_shape: int64",
    shape=lambda *_: [shapes.of((None, None)), shapes.of((None,)), shapes.of((None,))],
    grad=None,
    compile=False,
)
def deserialize_sparse(xp, serialized_sparse, *, dtype, Tserialized):
    """The sparse tensor of vectors of three: with a further dimension for each but the last."""
    given = np.asarray(serialized_sparse)
    if given.ndim == 0 or given.shape[-1] != 3:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Serialized sparse should have 3 as the last dimension but got {given.shape}",
        )
    outer = given.shape[:-1]
    rows = given.reshape(-1, 3)
    parts = [[_part(each, Tserialized) for each in row] for row in rows]
    for _, values, _ in parts:
        if values.dtype != dtype.np:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"Requested SparseTensor of type {dtype.name} but SparseTensor has values of "
                f"{values.dtype}",
            )
    if not outer:
        return tuple(parts[0])
    if not parts:
        raise errors.InvalidArgumentError(None, None, "There is no sparse tensor to deserialize")
    ranks = {len(shape) for _, _, shape in parts}
    if len(ranks) != 1:
        raise errors.InvalidArgumentError(
            None, None, f"the sparse tensors of a batch have different ranks: {sorted(ranks)}"
        )
    where = np.indices(outer).reshape(len(outer), -1).T
    indices = [
        np.hstack([np.repeat(at[None], len(own), 0), own]) for at, (own, _, _) in zip(where, parts)
    ]
    size = np.max([shape for _, _, shape in parts], 0)
    return (
        np.concatenate(indices).astype(np.int64),
        np.concatenate([values for _, values, _ in parts]),
        np.concatenate([outer, size]).astype(np.int64),
    )


def _part(value: Any, kind: Any) -> np.ndarray:
    if kind is dtypes.variant:
        return np.asarray(value)
    from reflow.formats.protos import TensorProto
    from reflow.formats.tensor_codec import make_ndarray

    message = TensorProto()
    try:
        message.ParseFromString(value)
    except Exception:
        raise errors.InvalidArgumentError(
            None, None, "Could not parse serialized_sparse: it is no TensorProto"
        ) from None
    return make_ndarray(message)


# For the structure of elements --------------------------------------------------------------------


def box(spec: Any, value: Any) -> Tensor:
    """A sparse or ragged tensor as one part."""
    if isinstance(spec, SparseTensorSpec):
        return serialize_sparse_op(
            value.indices, value.values, value.dense_shape, out_type=dtypes.variant
        )
    return _ragged(spec, value, False)


def box_rows(spec: Any, value: Any) -> Tensor:
    """A sparse or ragged tensor as one part that is sliced along its first dimension."""
    if isinstance(spec, SparseTensorSpec):
        return serialize_many_sparse_op(
            value.indices, value.values, value.dense_shape, out_type=dtypes.variant
        )
    return _ragged(spec, value, True)


def _ragged(spec: RaggedTensorSpec, value: Any, batched: bool) -> Tensor:
    splits = list(value.nested_row_splits) if isinstance(value, RaggedTensor) else []
    values = value.flat_values if isinstance(value, RaggedTensor) else value
    if not isinstance(values, Tensor):
        raise TypeError(
            f"{errors.user_site()}: elements of a data set can be RaggedTensors whose "
            f"flat values are a tensor, not {type(values).__name__}"
        )
    return ragged_tensor_to_variant_op(
        splits, values, batched_input=batched, Tsplits=spec.row_splits_dtype
    )


def unbox(spec: Any, part: Tensor) -> Any:
    """The sparse or ragged tensor that a part holds."""
    if isinstance(spec, SparseTensorSpec):
        indices, values, shape = deserialize_sparse(part, dtype=spec.dtype)
        rank = spec.shape.rank
        indices.set_shape([None, rank])
        shape.set_shape([rank])
        result = SparseTensor(indices, values, shape)
        if result.shape.is_compatible_with(spec.shape):
            result.set_shape(spec.shape)
        return result
    splits, values = ragged_tensor_from_variant_op(
        part,
        input_ragged_rank=-1,
        output_ragged_rank=spec.ragged_rank,
        Tvalues=spec.dtype,
        Tsplits=spec.row_splits_dtype,
    )
    if isinstance(values, SymbolicTensor) and spec.shape.rank is not None and spec.ragged_rank:
        values.set_shape([None, *spec.shape.as_list()[spec.ragged_rank + 1 :]])
    return spec._from_components([values, *splits])
