"""Sparse tensors as one tensor: SerializeSparse, SerializeManySparse, DeserializeSparse.

A sparse tensor becomes a vector of three: indices, values, dense shape; each is a message, or with
dtype `variant` the array itself. Vectors of several sparse tensors are put together as they are, and
become a sparse tensor with a further dimension.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorSpec
from reflow.lang.tensor import Tensor
from reflow.ops.define import op


def _triple(arrays: Any, out_type: Any) -> np.ndarray:
    result = np.empty(3, object)
    for i, array in enumerate(arrays):
        array = np.asarray(array)
        if out_type is dtypes.string:
            from reflow.formats.tensor_codec import make_tensor_proto

            result[i] = make_tensor_proto(array).SerializeToString()
        else:
            result[i] = array
    return result


_OUT = "T: type, out_type: {string,variant} = string"


@op(
    "SerializeSparse(sparse_indices: int64, sparse_values: T, sparse_shape: int64, *,"
    f" {_OUT}) -> serialized_sparse: out_type",
    shape=lambda *_: shapes.of((3,)),
    grad=None,
    compile=False,
)
def serialize_sparse(xp, sparse_indices, sparse_values, sparse_shape, *, out_type):
    """A sparse tensor as a vector of three."""
    return _triple((sparse_indices, sparse_values, sparse_shape), out_type)


@op(
    "SerializeManySparse(sparse_indices: int64, sparse_values: T, sparse_shape: int64, *,"
    f" {_OUT}) -> serialized_sparse: out_type",
    shape=lambda *_: shapes.of((None, 3)),
    grad=None,
    compile=False,
)
def serialize_many_sparse(xp, sparse_indices, sparse_values, sparse_shape, *, out_type):
    """The slices of a sparse tensor along its first dimension, each as a vector of three."""
    if len(sparse_shape) < 2:
        raise errors.InvalidArgumentError(
            None, None, f"Rank of input SparseTensor should be > 1, but saw rank: {len(sparse_shape)}"
        )
    count = int(sparse_shape[0])
    result = np.empty((count, 3), object)
    order = np.argsort(sparse_indices[:, 0], kind="stable")
    indices, values = sparse_indices[order], sparse_values[order]
    ends = np.searchsorted(indices[:, 0], np.arange(count + 1))
    for i in range(count):
        part = slice(ends[i], ends[i + 1])
        result[i] = _triple((indices[part, 1:], values[part], sparse_shape[1:]), out_type)
    return result


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
            None, None, f"Serialized sparse should have 3 as the last dimension but got {given.shape}"
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
        np.hstack([np.repeat(at[None], len(own), 0), own.reshape(len(own), -1)])
        for at, (own, _, _) in zip(where, parts)
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


def serialize(value: SparseTensor) -> Tensor:
    """A sparse tensor as one part of an element."""
    return serialize_sparse(
        value.indices, value.values, value.dense_shape, out_type=dtypes.variant
    )


def serialize_rows(value: SparseTensor) -> Tensor:
    """A sparse tensor as one part that is sliced along its first dimension."""
    return serialize_many_sparse(
        value.indices, value.values, value.dense_shape, out_type=dtypes.variant
    )


def deserialize(part: Tensor, spec: SparseTensorSpec) -> SparseTensor:
    """The sparse tensor that a part holds."""
    indices, values, shape = deserialize_sparse(part, dtype=spec.dtype)
    rank = spec.shape.rank
    indices.set_shape([None, rank])
    shape.set_shape([rank])
    result = SparseTensor(indices, values, shape)
    if result.shape.is_compatible_with(spec.shape):
        result.set_shape(spec.shape)
    return result
