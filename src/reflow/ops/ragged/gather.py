"""Slices of ragged tensors by their numbers."""

from __future__ import annotations

from typing import Any

from reflow.lang import dtypes, errors
from reflow.lang.api_dispatch import handles
from reflow.lang.convert import convert_to_tensor
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import is_tensor
from reflow.ops import array, cast, indexing, nd_indexing
from reflow.ops.ragged.elementwise import TYPES
from reflow.ops.ragged.kernels import ragged_gather_op
from reflow.ops.ragged.ragged_tensor import (
    RaggedTensor,
    convert_to_tensor_or_ragged,
    is_ragged,
    match_splits_dtypes,
    positive_axis,
)
from reflow.ops.ragged.row_partition import after, require, rows_of, same_splits


@handles(types=TYPES, v2=("gather",))
def gather_handler(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: Any = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Any:
    """See `gather`."""
    return gather(params, indices, axis, batch_dims, name)


@handles(types=TYPES, v1=("gather",))
def gather_handler_v1(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Any:
    """See `gather`."""
    return gather(params, indices, axis, batch_dims, name)


def gather(
    params: Any, indices: Any, axis: Any = None, batch_dims: int = 0, name: str | None = None
) -> Any:
    """The slices of `params` along `axis` that `indices` name; either may be ragged."""
    from reflow.ops.ragged.math import known_axis

    with name_scope(name, "RaggedGather"):
        if not is_tensor(params):  # a variable stays one, for the sake of its gradient
            params = convert_to_tensor_or_ragged(params, name="params")
        indices = convert_to_tensor_or_ragged(indices, name="indices", preferred_dtype=dtypes.int32)
        params, indices = match_splits_dtypes(params, indices)
        if not is_ragged(indices) and not is_ragged(params):
            return indexing.gather(params, indices, axis=axis, batch_dims=batch_dims)
        if batch_dims < 0:
            rank = indices.shape.rank
            if rank is None:
                raise ValueError("batch_dims may only be negative if rank(indices) is known.")
            batch_dims += rank
        axis = known_axis(axis)
        if axis is None:
            axis = batch_dims
        axis = positive_axis(axis, params.shape.rank, ndims_name="rank(params)")
        if axis < batch_dims:
            raise ValueError("axis must be greater than or equal to batch_dims")
        rank = indices.shape.rank
        if rank is not None and not 0 <= batch_dims <= rank:
            raise ValueError(
                f"{errors.user_site()}: batch_dims={batch_dims} must be between 0 and "
                f"rank(indices)={rank}"
            )
        return _gather(params, indices, axis, batch_dims)


def _gather(params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    if not is_ragged(params) and not is_ragged(indices):
        return indexing.gather(params, indices, axis=axis, batch_dims=batch_dims)
    if batch_dims > 0:
        return _batch_gather(params, indices, axis, batch_dims)
    if axis > 0 and not is_ragged(params):
        return _gather_dense(params, indices, axis)
    if axis > 0:
        return _gather_within(params, indices, axis)
    if is_ragged(indices):
        return indices.with_values(_gather(params, indices.values, 0, 0))
    rank = indices.shape.rank
    if rank is None:
        raise ValueError(f"{errors.user_site()}: rank(indices) must be known statically")
    depth = params.ragged_rank
    result = ragged_gather_op(
        list(params.nested_row_splits),
        params.flat_values,
        indices,
        OUTPUT_RAGGED_RANK=rank + depth - 1,
    )
    return RaggedTensor.from_nested_row_splits(
        result.output_dense_values, result.output_nested_splits, validate=False
    )


def _batch_gather(params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    """In each of the batches that `params` and `indices` have in common."""
    if indices.shape.rank is None:
        raise ValueError("batch_dims may only be used with indices of known rank")
    kind = next(each.row_splits.dtype for each in (params, indices) if is_ragged(each))
    if not is_ragged(params):
        params = RaggedTensor.from_tensor(params, ragged_rank=1, row_splits_dtype=kind)
    if batch_dims == 1 and indices.shape.rank == 1:
        # One index for each row.
        if axis != 1:
            return _moved(params, indices, axis)
        return _gather(params.values, _shifted(indices, params, kind), 0, 0)
    if batch_dims == 1 and axis == 1 and not is_ragged(indices):
        ones = REGISTRY["Fill"]([indices.shape.rank - 1], 1)
        shape = REGISTRY["ConcatV2"]([[-1], ones], 0)
        starts, limits = (
            array.reshape(each, shape) for each in (params.row_starts(), params.row_lengths())
        )
        places = _checked(cast.cast(indices, kind), limits) + starts
        if is_ragged(params.values):
            return _gather(params.values, places, 0, 0)
        return indexing.gather(params.values, places)
    if not is_ragged(indices):
        indices = RaggedTensor.from_tensor(indices, ragged_rank=1, row_splits_dtype=kind)
    if batch_dims > 1:
        checks = require(
            same_splits(params.row_splits, indices.row_splits),
            "batch dimensions of params and indices differ: the row splits",
            [params.row_splits, indices.row_splits],
        )
        inner = _gather(params.values, indices.values, axis - 1, batch_dims - 1)
        partition = indices._row_partition.with_checks(checks)
        return RaggedTensor._from_row_partition(inner, partition, validate=False)
    if axis != 1:
        return _moved(params, indices, axis)
    flat = indices.flat_values
    rowids = indices._row_partition.value_rowids()
    for level in indices._nested_row_partitions[1:]:
        rowids = REGISTRY["GatherV2"](rowids, level.value_rowids(), 0)
    shifted = _shift(flat, rowids, params, kind)
    return _gather(params.values, indices.with_flat_values(shifted), 0, 0)


def _moved(params: Any, indices: Any, axis: int) -> Any:
    raise errors.UnimplementedError(
        None,
        None,
        f"{errors.user_site()}: tf.gather of ragged tensors with batch_dims=1 and axis="
        f"{axis}: only the dimension right after the batch dimensions",
    )


def _shifted(indices: Any, params: RaggedTensor, kind: Any) -> Any:
    """One index for each row, as indices into the values."""
    return _checked(cast.cast(indices, kind), params.row_lengths()) + params.row_starts()


def _shift(flat: Any, rowids: Any, params: RaggedTensor, kind: Any) -> Any:
    """Indices within the rows `rowids`, as indices into the values."""
    ids = cast.cast(flat, kind)
    limit = REGISTRY["GatherV2"](params.row_lengths(), rowids, 0)
    start = REGISTRY["GatherV2"](params.row_starts(), rowids, 0)
    for _ in range(1, flat.shape.rank or 1):
        limit, start = array.expand_dims(limit, -1), array.expand_dims(start, -1)
    return _checked(ids, limit) + start


def _checked(ids: Any, limit: Any) -> Any:
    """`ids`, which must lie from 0 to below `limit`."""
    inside = REGISTRY["LogicalAnd"](ids >= convert_to_tensor(0, ids.dtype), ids < limit)
    checks = require(
        REGISTRY["All"](inside, REGISTRY["Range"](0, array.rank(inside), 1)),
        "indices are out of range: the indices, and the lengths of their rows, are",
        [ids, limit],
    )
    return after(checks, ids)[0]


def _gather_dense(params: Any, indices: RaggedTensor, axis: int) -> RaggedTensor:
    """Slices of a dense tensor along `axis` at ragged indices, which take the place of the dimension."""
    kind = indices.row_splits.dtype
    flat = indexing.gather(params, indices.flat_values, axis=axis)
    sizes = array.shape(flat, out_type=kind)
    before = [sizes[i] for i in range(axis)]
    count = REGISTRY["Prod"](sizes[:axis], [0])
    rows = indices.nrows(out_type=kind)
    folded = REGISTRY["ConcatV2"]([[count * sizes[axis]], sizes[axis + 1 :]], 0)
    result = array.reshape(flat, folded)
    for lengths in reversed(indices.nested_row_lengths()):
        every = REGISTRY["Tile"](lengths, [count])
        result = RaggedTensor.from_row_lengths(result, every, validate=False)
    for size in reversed([*before[1:], rows]):
        result = RaggedTensor.from_uniform_row_length(result, size, validate=False)
    return result


def _gather_within(params: RaggedTensor, indices: Any, axis: int) -> Any:
    """The same indices along a dimension of every row."""
    if axis > 1:
        return params.with_values(_gather(params.values, indices, axis - 1, 0))
    kind = params.row_splits.dtype
    if is_ragged(indices):
        raise errors.UnimplementedError(
            None,
            None,
            f"{errors.user_site()}: tf.gather with ragged indices along a ragged "
            "dimension; use batch_dims=1",
        )
    rank = indices.shape.rank
    if rank is None:
        raise ValueError("rank(indices) must be known statically")
    ids = array.expand_dims(cast.cast(indices, kind), 0)
    starts, limits = params.row_starts(), params.row_lengths()
    shape = REGISTRY["ConcatV2"]([[-1], REGISTRY["Fill"]([rank], 1)], 0) if rank else [-1]
    starts, limits = (array.reshape(each, shape) for each in (starts, limits))
    zeros = REGISTRY["ZerosLike"](starts)
    places = _checked(ids + zeros, limits) + starts
    if not is_ragged(params.values):
        return indexing.gather(params.values, places)
    return _gather(params.values, places, 0, 0)


# Several indices for one slice --------------------------------------------------------------------


@handles(types=TYPES, v2=("gather_nd",))
def gather_nd(
    params: Any,
    indices: Any,
    batch_dims: int = 0,
    name: str | None = None,
    bad_indices_policy: str = "",
) -> Any:
    """The slices that lists of indices name."""
    if not isinstance(batch_dims, int) or batch_dims != 0:
        raise ValueError(
            f"{errors.user_site()}: batch_dims != 0 is not supported for ragged gather yet."
        )
    with name_scope(name, "RaggedGatherNd"):
        params = convert_to_tensor_or_ragged(params, name="params")
        indices = convert_to_tensor_or_ragged(indices, name="indices", preferred_dtype=dtypes.int32)
        params, indices = match_splits_dtypes(params, indices)
        depth = indices.shape.rank
        if depth is None:
            raise ValueError("indices.shape.ndims be known statically")
        if depth == 0:
            raise ValueError("indices.rank must be at least 1.")
        size = indices.shape._dims[-1]
        if size is None:
            raise ValueError("indices.shape[-1] must be statically known.")
        if is_ragged(indices):
            # The lists are rows of the flat values, unless they are partitions themselves.
            if indices.ragged_rank == depth - 1:
                indices = _dense_last(indices)
            return indices.with_flat_values(gather_nd(params, indices.flat_values))
        if not is_ragged(params):
            return nd_indexing.gather_nd(params, indices)
        if depth > 2:
            outer = RaggedTensor.from_tensor(
                indices, ragged_rank=depth - 2, row_splits_dtype=params.row_splits.dtype
            )
            return outer.with_flat_values(gather_nd(params, outer.flat_values))
        if depth == 1:
            return gather_nd(params, array.expand_dims(indices, 0))[0]
        return _gather_lists(params, indices, size)


def _dense_last(indices: RaggedTensor) -> RaggedTensor:
    """With the last partition, a uniform one, as a dimension of the flat values."""
    if indices.ragged_rank > 1:
        return indices.with_values(_dense_last(indices.values))
    size = indices._row_partition.static_uniform_row_length
    return array.reshape(indices.values, [-1, size])


def _gather_lists(params: RaggedTensor, indices: Any, size: int) -> Any:
    if size == 0:
        rows = rows_of(indices, dtypes.int32)
        return gather(array_expand(params), REGISTRY["Fill"](array.reshape(rows, [1]), 0))
    kind = params.row_splits.dtype
    ids = cast.cast(indices, kind)
    at = ids[:, 0]
    value: Any = params
    for level in range(1, size):
        if not is_ragged(value):
            rest = REGISTRY["ConcatV2"]([array.expand_dims(at, 1), ids[:, level:]], 1)
            return nd_indexing.gather_nd(value, rest)
        at = _checked(at, value.nrows())
        limit = REGISTRY["GatherV2"](value.row_lengths(), at, 0)
        at = REGISTRY["GatherV2"](value.row_starts(), at, 0) + _checked(ids[:, level], limit)
        value = value.values
    return _gather(value, at, 0, 0)


def array_expand(params: RaggedTensor) -> Any:
    from reflow.ops.ragged.array_ops import expand_dims

    return expand_dims(params, 0)
