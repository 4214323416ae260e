"""Counts of the values of ragged rows: `tf.math.bincount`, and the op of sparse counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import dtypes, errors
from reflow.lang.api_dispatch import handles
from reflow.lang.convert import convert_to_tensor
from reflow.lang.errors import invalid
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import bincount, cast
from reflow.ops.define import op
from reflow.ops.ragged.elementwise import TYPES
from reflow.ops.ragged.functional import merged_partitions
from reflow.ops.ragged.kernels import check_splits, row_ids
from reflow.ops.ragged.ragged_tensor import convert_to_tensor_or_ragged, is_ragged


@op(
    "RaggedCountSparseOutput(splits: int64, values: T, weights: output_type, *, T: INDEX,"
    " minlength: int = -1, maxlength: int = -1, binary_output: bool,"
    " output_type: {int32,int64,float,double})"
    " -> output_indices: int64, output_values: output_type, output_dense_shape: int64",
    compile=False,
    grad=None,
)
def ragged_count_sparse_output_op(
    xp, splits, values, weights, *, minlength, maxlength, binary_output, output_type
):
    """How often each value occurs in each row, or the sums of its weights, as a sparse matrix."""
    splits, values, weights = (np.asarray(each) for each in (splits, values, weights))
    check_splits([splits], len(values))
    if weights.size and weights.shape != values.shape:
        raise invalid(
            f"Weights and values must have the same shape. Weight shape: {list(weights.shape)}; "
            f"values shape: {list(values.shape)}"
        )
    rows = row_ids(splits)
    kept = (values >= 0) & ((values < maxlength) if maxlength > 0 else True)
    if np.any(values < 0):
        raise invalid("Input values must all be non-negative")
    own = np.ones(len(values), output_type.np) if not weights.size else weights
    counts: dict[tuple[int, int], Any] = {}
    for row, value, weight in zip(rows[kept].tolist(), values[kept].tolist(), own[kept]):
        key = (row, value)
        counts[key] = output_type.np.type(1) if binary_output else counts.get(key, 0) + weight
    places = sorted(counts)
    largest = max((value for _, value in places), default=-1)
    columns = maxlength if maxlength > 0 else max(largest + 1, minlength)
    return (
        np.array(places, np.int64).reshape(-1, 2),
        np.array([counts[place] for place in places], output_type.np),
        np.array([splits.size - 1, max(columns, 0)], np.int64),
    )


@ragged_count_sparse_output_op.shape_rule
def _count_shape(splits, values, weights):
    return [(None, 2), (None,), (2,)]


@handles(types=TYPES, v2=("math.bincount",))
def bincount_ragged(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    axis: int | None = None,
    binary_output: bool = False,
) -> Any:
    """How often each integer occurs, altogether or (with axis -1) in each row."""
    arr = convert_to_tensor_or_ragged(arr)
    if not is_ragged(arr):
        raise TypeError(f"{errors.user_site()}: `weights` is a RaggedTensor, `arr` is none")
    if weights is not None:
        weights = convert_to_tensor_or_ragged(weights)
        if not is_ragged(weights):
            raise TypeError(f"{errors.user_site()}: `weights` must be a RaggedTensor, as `arr` is")
        merged_partitions([arr, weights])
        weights = weights.flat_values
    if axis != -1:
        return bincount.bincount(
            arr.flat_values, weights, minlength, maxlength, dtype, name, axis, binary_output
        )
    if arr.shape.rank != 2:
        raise ValueError(
            f"{errors.user_site()}: tf.math.bincount of rows takes a matrix, got {arr.shape}"
        )
    if weights is not None and binary_output:
        raise ValueError("Arguments `binary_output` and `weights` are mutually exclusive.")
    with name_scope(name, "bincount"):
        values = arr.values
        if values.dtype not in (dtypes.int32, dtypes.int64):
            values = cast.cast(values, dtypes.int32)
        if weights is None:
            weights = convert_to_tensor([], dtypes.as_dtype(dtype))
        size = bincount._output_size(values, minlength, maxlength)
        splits = cast.cast(arr.row_splits, dtypes.int64)
        return REGISTRY["RaggedBincount"](
            splits, values, size, weights, binary_output=binary_output
        )
