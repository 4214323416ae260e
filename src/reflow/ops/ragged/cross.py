"""Feature crosses of ragged, sparse and dense inputs: `tf.ragged.cross`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.sparse_tensor import SparseTensor
from reflow.ops import cast
from reflow.ops.define import op
from reflow.ops.ragged.ragged_tensor import RaggedTensor, is_ragged
from reflow.ops.strings.hashes import fingerprint64

_MASK = (1 << 64) - 1
_MUL = 0xC6A4A7935BD1E995
DEFAULT_HASH_KEY = 0xDECAFCAFFE


def _shifted(x: int) -> int:
    return x ^ (x >> 47)


def joined_fingerprint(a: int, b: int) -> int:
    """One 64-bit hash of two, which depends on their order."""
    result = a ^ _MUL
    result ^= (_shifted((b * _MUL) & _MASK) * _MUL) & _MASK
    result = (result * _MUL) & _MASK
    result = (_shifted(result) * _MUL) & _MASK
    return _shifted(result)


def _hashed(key: int, buckets: int) -> Callable[[Sequence[Any]], int]:
    def cross(features: Sequence[Any]) -> int:
        total = key & _MASK
        for each in features:
            own = fingerprint64(each) if isinstance(each, bytes) else int(each) & _MASK
            total = joined_fingerprint(total, own)
        return total % buckets if buckets > 0 else total % ((1 << 63) - 1)

    return cross


def _named(features: Sequence[Any]) -> bytes:
    return b"_X_".join(
        each if isinstance(each, bytes) else str(int(each)).encode() for each in features
    )


def _ragged_rows(values: Any, splits: Any) -> list[list[Any]]:
    values, splits = np.asarray(values), np.asarray(splits)
    if (
        splits.size == 0
        or splits[0] != 0
        or splits[-1] != len(values)
        or np.any(np.diff(splits) < 0)
    ):
        raise invalid("tf.ragged.cross: invalid ragged splits")
    listed = values.tolist()
    return [listed[a:b] for a, b in itertools.pairwise(splits.tolist())]


def _sparse_rows(indices: Any, values: Any, shape: Any) -> list[list[Any]]:
    shape = np.asarray(shape)
    if shape.size != 2:
        raise invalid("tf.ragged.cross only supports inputs with rank=2.")
    rows: list[list[Any]] = [[] for _ in range(int(shape[0]))]
    for (row, _), value in zip(np.asarray(indices).tolist(), np.asarray(values).tolist()):
        rows[row].append(value)
    return rows


@op(
    "RaggedCross(ragged_values: ragged_values_types, ragged_row_splits: ragged_splits_types,"
    " sparse_indices: Nsparse*int64, sparse_values: sparse_values_types,"
    " sparse_shape: Nsparse*int64, dense_inputs: dense_types, *, Nsparse: int,"
    " input_order: string, hashed_output: bool, num_buckets: int, hash_key: int,"
    " ragged_values_types: list({int64,string}), ragged_splits_types: list({int32,int64}),"
    " sparse_values_types: list({int64,string}), dense_types: list({int64,string}),"
    " out_values_type: {int64,string}, out_row_splits_type: {int32,int64})"
    " -> output_values: out_values_type, output_row_splits: out_row_splits_type",
    compile=False,
    grad=None,
)
def ragged_cross_op(
    xp,
    ragged_values,
    ragged_row_splits,
    sparse_indices,
    sparse_values,
    sparse_shape,
    dense_inputs,
    *,
    input_order,
    hashed_output,
    num_buckets,
    hash_key,
    out_values_type,
    out_row_splits_type,
):
    """For each row all combinations of one feature of each input."""
    ragged = iter([_ragged_rows(v, s) for v, s in zip(ragged_values, ragged_row_splits)])
    sparse = iter(
        [_sparse_rows(i, v, s) for i, v, s in zip(sparse_indices, sparse_values, sparse_shape)]
    )
    dense = []
    for each in dense_inputs:
        if np.ndim(each) != 2:
            raise invalid("tf.ragged.cross only supports inputs with rank=2.")
        dense.append(np.asarray(each).tolist())
    pick = {"R": ragged, "S": sparse, "D": iter(dense)}
    inputs = [next(pick[kind]) for kind in input_order]
    if len({len(rows) for rows in inputs}) > 1:
        raise invalid("tf.ragged.cross: all inputs must have the same number of rows")
    if hashed_output != (out_values_type is dtypes.int64):
        raise invalid("hashed_output must be true exactly when the output is of int64")
    cross = _hashed(hash_key, num_buckets) if hashed_output else _named
    splits, values = [0], []
    for row in zip(*inputs):
        values += [cross(features) for features in itertools.product(*row)]
        splits.append(len(values))
    flat = np.empty(len(values), out_values_type.np)
    flat[:] = values
    return flat, np.array(splits, out_row_splits_type.np)


@ragged_cross_op.shape_rule
def _ragged_cross_shape(
    ragged_values, ragged_row_splits, sparse_indices, sparse_values, sparse_shape, dense_inputs
):
    rows = None
    for splits in ragged_row_splits:
        dims = splits.shape._dims
        if dims and dims[0] is not None:
            rows = dims[0]
    for each in dense_inputs:
        dims = each.shape._dims
        if dims and dims[0] is not None:
            rows = dims[0] + 1
    return [(None,), (rows,)]


@export("ragged.cross")
def cross(inputs: Any, name: str | None = None) -> RaggedTensor:
    """Feature crosses: for each row all combinations of one value of each input, joined by `_X_`.

    Args:
      inputs: a list of `RaggedTensor`, `SparseTensor` and tensors, of strings or integers, of rank 2
        and with the same number of rows.
      name: a name for the node.

    Returns:
      A `RaggedTensor` of strings.

    Raises:
      ValueError: if `inputs` is empty, or an input has another rank than 2.
      TypeError: if `inputs` is no list, or an input holds neither strings nor integers.

    >>> import reflow as tf
    >>> tf.ragged.cross([tf.ragged.constant([["a"], ["b", "c"]]), tf.constant([["d"], ["e"]])])
    <tf.RaggedTensor [[b'a_X_d'], [b'b_X_e', b'c_X_e']]>
    """
    return _cross(inputs, False, 0, None, name)


@export("ragged.cross_hashed")
def cross_hashed(
    inputs: Any, num_buckets: int = 0, hash_key: int | None = None, name: str | None = None
) -> RaggedTensor:
    """Feature crosses as hashes: see `tf.ragged.cross`.

    Args:
      inputs: a list of `RaggedTensor`, `SparseTensor` and tensors, of strings or integers, of rank 2
        and with the same number of rows.
      num_buckets: hashes are taken modulo this number; 0 for all of the int64 range.
      hash_key: an integer that selects the hash function.
      name: a name for the node.

    >>> import reflow as tf
    >>> tf.ragged.cross_hashed([tf.ragged.constant([["a"], ["b", "c"]])], num_buckets=100).shape
    TensorShape([2, None])
    """
    return _cross(inputs, True, num_buckets, hash_key, name)


def _cross(
    inputs: Any, hashed: bool, num_buckets: int, hash_key: int | None, name: str | None
) -> RaggedTensor:
    if not isinstance(inputs, (tuple, list)):
        raise TypeError(f"{errors.user_site()}: Inputs must be a list")
    site = errors.user_site()
    if not inputs:
        raise ValueError(f"{site}: tf.ragged.cross needs at least one input")
    ragged, sparse, dense = [], [], []
    order = ""
    with name_scope(name, "RaggedCross", inputs):
        for i, each in enumerate(inputs):
            if not isinstance(each, SparseTensor) and not is_ragged(each):
                each = convert_to_tensor(each, name=f"inputs[{i}]")
            if each.shape.rank not in (2, None):
                raise ValueError(f"{site}: tf.ragged.cross only supports inputs with rank=2.")
            if each.dtype.is_integer:
                each = cast.cast(each, dtypes.int64)
            elif each.dtype is not dtypes.string:
                raise TypeError(
                    f"{site}: Unexpected dtype for inputs[{i}]: {each.dtype}; strings and integers cross"
                )
            if is_ragged(each):
                if each.ragged_rank != 1:
                    raise ValueError(f"{site}: tf.ragged.cross only supports inputs with rank=2.")
                ragged.append(each)
                order += "R"
            elif isinstance(each, SparseTensor):
                sparse.append(each)
                order += "S"
            else:
                dense.append(each)
                order += "D"
        int64_splits = any(each.row_splits.dtype is dtypes.int64 for each in ragged) or not ragged
        values, splits = ragged_cross_op(
            [each.values for each in ragged],
            [each.row_splits for each in ragged],
            [each.indices for each in sparse],
            [each.values for each in sparse],
            [each.dense_shape for each in sparse],
            dense,
            input_order=order,
            hashed_output=hashed,
            num_buckets=num_buckets,
            hash_key=DEFAULT_HASH_KEY if hash_key is None else hash_key,
            out_values_type=dtypes.int64 if hashed else dtypes.string,
            out_row_splits_type=dtypes.int64 if int64_splits else dtypes.int32,
        )
        return RaggedTensor.from_row_splits(values, splits, validate=False)
