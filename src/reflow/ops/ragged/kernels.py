"""The ops on ragged tensors: ranges, gathering, and to dense and sparse tensors.

How long their results are depends on values, so they run on the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes, shapes
from reflow.lang.errors import invalid
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.static_value import constant_value, constant_value_as_shape
from reflow.ops import array
from reflow.ops.define import op


def row_ids(splits: np.ndarray) -> np.ndarray:
    """For each value the row that it is in."""
    return np.repeat(np.arange(splits.size - 1), np.diff(splits))


def check_splits(nested: Sequence[np.ndarray], count: int) -> None:
    """Raises for row splits that do not start with 0, or end elsewhere than the values do."""
    for i, splits in enumerate(nested):
        if splits.size == 0:
            raise invalid("ragged splits may not be empty.")
        if splits[0] != 0:
            raise invalid("First value of ragged splits must be 0.")
        if np.any(np.diff(splits) < 0):
            raise invalid("Ragged splits must be sorted")
        if splits[-1] != (nested[i + 1].size - 1 if i + 1 < len(nested) else count):
            raise invalid(
                "Final value of ragged splits must match the length the corresponding ragged values."
            )


# Ranges -------------------------------------------------------------------------------------------


@op(
    "RaggedRange(starts: T, limits: T, deltas: T, *, T: {bfloat16,float,double,int32,int64} = int32,"
    " Tsplits: {int32,int64} = int64) -> rt_nested_splits: Tsplits, rt_dense_values: T",
    compile=False,
    grad=None,
)
def ragged_range_op(xp, starts, limits, deltas, *, Tsplits):
    """Ranges of numbers, one a row."""
    given = [np.asarray(each) for each in (starts, limits, deltas)]
    for each, name in zip(given, ("starts", "limits", "deltas")):
        if each.ndim > 1:
            raise invalid(f"{name} must be a scalar or vector")
    lengths = {each.size for each in given if each.ndim}
    if len(lengths) > 1:
        raise invalid("starts, limits, and deltas must have the same shape")
    count = lengths.pop() if lengths else 1
    starts, limits, deltas = (np.broadcast_to(each, (count,)) for each in given)
    if np.any(deltas == 0):
        raise invalid("Requires delta != 0")
    wide = np.int64 if starts.dtype.kind in "iu" else np.float64
    span = limits.astype(wide) - starts.astype(wide)
    steps = deltas.astype(wide)
    if wide is np.int64:
        sizes = np.maximum(-(-span // steps), 0)
    else:
        sizes = np.maximum(np.ceil(span / steps), 0).astype(np.int64)
    splits = np.concatenate([[0], np.cumsum(sizes)])
    if Tsplits is dtypes.int32 and splits[-1] > np.iinfo(np.int32).max:
        raise invalid(f"Requires ((limit - start) / delta) <= {np.iinfo(np.int32).max}")
    rows = row_ids(splits)
    within = np.arange(splits[-1]) - splits[:-1][rows]
    values = starts[rows] + within.astype(starts.dtype) * deltas[rows]
    return splits.astype(Tsplits.np), values.astype(given[0].dtype)


@ragged_range_op.shape_rule
def _ragged_range_shape(starts, limits, deltas):
    rows = 1
    for each in (starts, limits, deltas):
        if each.shape.rank == 1:
            rows = each.shape._dims[0]
        elif each.shape.rank is None:
            rows = None
    return [(None if rows is None else rows + 1,), (None,)]


# Gathering ----------------------------------------------------------------------------------------


@op(
    "RaggedGather(params_nested_splits: PARAMS_RAGGED_RANK*Tsplits, params_dense_values: Tvalues,"
    " indices: Tindices, *, Tvalues: type, Tindices: INDEX, Tsplits: {int32,int64} = int64,"
    " PARAMS_RAGGED_RANK: int, OUTPUT_RAGGED_RANK: int)"
    " -> output_nested_splits: OUTPUT_RAGGED_RANK*Tsplits, output_dense_values: Tvalues",
    compile=False,
)
def ragged_gather_op(xp, params_nested_splits, params_dense_values, indices, *, Tsplits):
    """The rows `indices` of a ragged tensor."""
    nested = [np.asarray(each) for each in params_nested_splits]
    values, indices = np.asarray(params_dense_values), np.asarray(indices)
    rows = nested[0].size - 1
    if rows < 0:
        raise invalid("Split tensors must not be empty.")
    flat = indices.ravel().astype(np.int64)
    wrong = np.flatnonzero((flat < 0) | (flat >= rows))
    if wrong.size:
        raise invalid(f"indices[{wrong[0]}] = {flat[wrong[0]]} is not in [0, {rows})")
    for i, splits in enumerate(nested):
        if splits.size == 0 or splits[0] < 0 or np.any(np.diff(splits) < 0):
            raise invalid("Ragged splits must be sorted")
        if splits[-1] > (nested[i + 1].size - 1 if i + 1 < len(nested) else len(values)):
            raise invalid("Ragged splits must not point past values")
    out = _outer_splits(indices.shape)
    at = flat
    for level, splits in enumerate(nested):
        lengths = splits[at + 1] - splits[at]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        if level or indices.ndim:
            out.append(ends)
        at = np.arange(ends[-1]) + np.repeat(splits[at] - ends[:-1], lengths)
    return [each.astype(Tsplits.np) for each in out], values[at]


def _outer_splits(dims: tuple[int, ...]) -> list[np.ndarray]:
    """The partitions of a tensor of shape `dims` into rows, below its last dimension."""
    out, rows = [], 1
    for i in range(1, len(dims)):
        rows *= dims[i - 1]
        out.append(np.arange(rows + 1, dtype=np.int64) * dims[i])
    return out


@ragged_gather_op.shape_rule
def _ragged_gather_shape(
    params_nested_splits, params_dense_values, indices, *, PARAMS_RAGGED_RANK, OUTPUT_RAGGED_RANK
):
    rank = indices.shape.rank
    if rank is not None and rank + PARAMS_RAGGED_RANK - 1 != OUTPUT_RAGGED_RANK:
        raise ValueError(
            f"Shape must be rank {OUTPUT_RAGGED_RANK - PARAMS_RAGGED_RANK + 1} but is rank {rank}: "
            f"OUTPUT_RAGGED_RANK is {OUTPUT_RAGGED_RANK}"
        )
    splits = [shapes.of((None,))] * OUTPUT_RAGGED_RANK
    if rank == 1 and indices.shape._dims[0] is not None:
        splits[0] = shapes.of((indices.shape._dims[0] + 1,))
    return [*splits, _any_number_of(params_dense_values)]


def _any_number_of(values: Any) -> Any:
    """The shape of any number of such values."""
    dims = values.shape._dims
    return shapes.UNKNOWN if dims is None else shapes.of((None, *dims[1:]))


@ragged_gather_op.gradient_rule
def _ragged_gather_grad(op, gs, params_nested_splits, params_dense_values, indices):
    count = array.shape_of(params_dense_values)[0]
    where = ragged_gather_op(
        params_nested_splits,
        REGISTRY["Range"](0, count, 1),
        indices,
        OUTPUT_RAGGED_RANK=op.attrs["OUTPUT_RAGGED_RANK"],
    ).output_dense_values
    rows = IndexedSlices(gs[-1], where, array.shape_of(params_dense_values))
    return [None] * len(params_nested_splits), rows, None


# To a dense tensor --------------------------------------------------------------------------------


def _said_shape(shape: Any) -> tuple[int, ...] | None:
    """The sizes that an input `shape` says, -1 where unknown; None for a rank that it does not say."""
    shape = np.asarray(shape)
    if shape.ndim == 0:
        if shape != -1:
            raise invalid("The only valid scalar shape tensor is the fully unknown shape as -1.")
        return None
    if shape.ndim > 1:
        raise invalid("shape must be a vector")
    return tuple(int(size) for size in shape)


def _partitions(tensors: list, types: Sequence[str], count: int) -> list[np.ndarray]:
    """The row splits of each level, from what the op is given of them."""
    tensors = [np.asarray(each) for each in tensors]
    rows = None
    splits: list[np.ndarray] = []
    for given, kind in zip(tensors, types, strict=True):
        if kind == "FIRST_DIM_SIZE":
            rows = int(given)
        elif kind == "ROW_SPLITS":
            if given.size == 0:
                raise invalid("Invalid row split size.")
            if splits and given.size - 1 != splits[-1][-1] or np.any(np.diff(given) < 0):
                raise invalid("Invalid row split size.")
            splits.append(given.astype(np.int64))
            rows = int(given[-1])
        elif kind == "VALUE_ROWIDS":
            if rows is None:
                raise invalid("Cannot handle VALUE_ROWIDS in first dimension.")
            ids = given.astype(np.int64)
            wrong = ids[(ids < 0) | (ids >= rows)]
            if wrong.size:
                raise invalid(
                    f"Got next_value_rowid={wrong[0]} which is not less than {rows}"
                    if wrong[0] >= 0
                    else f"Got next_value_rowid={wrong[0]}, which is negative"
                )
            if np.any(np.diff(ids) < 0):
                raise invalid("value_rowids must be sorted in ascending order")
            counts = np.bincount(ids, minlength=rows)
            splits.append(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
            rows = ids.size
        else:
            raise invalid(f"Cannot handle type {kind}")
    if not splits:
        raise invalid("No row partition is given.")
    if splits[-1][-1] > count:
        raise invalid(f"Invalid row split size: {splits[-1][-1]} of {count} values.")
    return splits


def _check_shapes(said: tuple[int, ...] | None, default: np.ndarray, values: np.ndarray, ragged):
    """Raises in TensorFlow's words where the asked shape, the default and the values do not fit."""
    rank = ragged + values.ndim
    if said is not None:
        shown = "[" + ",".join("?" if d < 0 else str(d) for d in said) + "]"
        if len(said) != rank:
            raise invalid(
                f"rt_input.shape and shape={shown} are incompatible: rt_input.rank = {rank} but "
                f"shape.rank = {len(said)}"
            )
        for axis in range(ragged + 1, rank):
            have = values.shape[axis - ragged]
            if said[axis] >= 0 and said[axis] != have:
                raise invalid(
                    f"rt_input.shape and shape={shown} are incompatible: rt_input.shape[{axis}] = "
                    f"{have} but shape[{axis}] = {said[axis]}"
                )
    start = (
        f"default_value.shape={array.brackets(default.shape)} and rt_input.flat_values.shape="
        f"{array.brackets(values.shape)} are incompatible: "
    )
    if default.ndim >= values.ndim and default.ndim:
        raise invalid(
            f"{start}default_value.rank = {default.ndim}  must be less than "
            f"rt_input.flat_values.rank = {values.ndim}"
        )
    for back in range(1, default.ndim + 1):
        if default.shape[-back] not in (1, values.shape[-back]):
            raise invalid(
                f"{start}default_value.shape[-{back}] = {default.shape[-back]} but "
                f"rt_input.flat_values.shape[-{back}] = {values.shape[-back]}"
            )


@op(
    "RaggedTensorToTensor(shape: Tshape, values: T, default_value: T,"
    " row_partition_tensors: num_row_partition_tensors*Tindex, *, T: type, Tindex: {int64,int32},"
    " Tshape: {int64,int32}, num_row_partition_tensors: int, row_partition_types: list(string))"
    " -> result: T",
    compile=False,
)
def ragged_tensor_to_tensor_op(
    xp, shape, values, default_value, row_partition_tensors, *, row_partition_types
):
    """A ragged tensor filled up, or cut, to a dense one."""
    values, default = np.asarray(values), np.asarray(default_value)
    said = _said_shape(shape)
    nested = _partitions(row_partition_tensors, row_partition_types, len(values))
    _check_shapes(said, default, values, len(nested))
    sizes = [nested[0].size - 1]
    sizes += [int(np.diff(splits).max(initial=0)) for splits in nested]
    if said is not None:
        sizes = [have if asked < 0 else asked for have, asked in zip(sizes, said)]
    count = int(nested[-1][-1])
    # Which cell each value goes to, from the innermost partition outwards.
    at = np.arange(count)
    places = []
    for splits in reversed(nested):
        rows = row_ids(splits)[at] if at.size else at
        places.append(at - splits[rows])
        at = rows
    places.append(at)
    places.reverse()
    kept = np.ones(count, bool)
    for place, size in zip(places, sizes):
        kept &= place < size
    result = np.empty((*sizes, *values.shape[1:]), values.dtype)
    result[...] = default
    result[tuple(place[kept] for place in places)] = values[:count][kept]
    return result


@ragged_tensor_to_tensor_op.shape_rule
def _ragged_tensor_to_tensor_shape(
    shape, values, default_value, row_partition_tensors, *, row_partition_types
):
    ragged = sum(kind != "FIRST_DIM_SIZE" for kind in row_partition_types)
    inner = values.shape._dims
    if shape.shape.rank == 0:
        said = shapes.UNKNOWN
    else:
        said = constant_value_as_shape(shape)
    if inner is None:
        return said
    first = row_partition_tensors[0]
    if row_partition_types[0] == "FIRST_DIM_SIZE":
        known = constant_value(first)
        rows = None if known is None else int(known)
    else:
        dims = first.shape._dims
        rows = dims[0] - 1 if dims and dims[0] is not None else None
    if constant_value(shape) is None:
        rows = None  # it may be asked for another number
    own = shapes.of((rows, *[None] * ragged, *inner[1:]))
    if said.rank is None:
        return own
    if said.rank != own.rank:
        raise ValueError(
            f"rt_input.shape and shape={said} are incompatible: rt_input.rank = {own.rank} but "
            f"shape.rank = {said.rank}"
        )
    return shapes.of(tuple(a if a is not None else b for a, b in zip(said._dims, own._dims)))


@ragged_tensor_to_tensor_op.gradient_rule
def _ragged_tensor_to_tensor_grad(op, g, shape, values, default_value, row_partition_tensors):
    # The same op, on the numbers of the values, tells which cells they are in.
    count = array.shape_of(values)[0]
    inner = array.shape_of(values)[1:]
    ragged = sum(kind != "FIRST_DIM_SIZE" for kind in op.attrs["row_partition_types"])
    outer = shape if shape.shape.rank == 0 else shape[: ragged + 1]
    which = ragged_tensor_to_tensor_op(
        outer,
        REGISTRY["Range"](0, count, 1),
        -1,
        row_partition_tensors,
        row_partition_types=op.attrs["row_partition_types"],
    )
    cells = REGISTRY["ConcatV2"]([[-1], inner], 0)
    flat = array.reshape(g, cells)
    ids = array.reshape(which, [-1])
    for_values = REGISTRY["UnsortedSegmentSum"](flat, ids, count)
    # What no value covers is the default's; it may have been broadcast to the inner dimensions.
    rest = REGISTRY["Equal"](ids, -1)
    taken = REGISTRY["UnsortedSegmentSum"](flat, REGISTRY["Cast"](rest, DstT=dtypes.int32) - 1, 1)
    own, whole = array.shape_of(default_value), array.shape_of(taken[0])
    axes, _ = REGISTRY["BroadcastGradientArgs"](own, whole)
    for_default = array.reshape(REGISTRY["Sum"](taken[0], axes), own)
    return None, for_values, for_default, [None] * len(row_partition_tensors)


# To a sparse tensor -------------------------------------------------------------------------------


@op(
    "RaggedTensorToSparse(rt_nested_splits: RAGGED_RANK*Tsplits, rt_dense_values: T, *,"
    " RAGGED_RANK: int, T: type, Tsplits: {int32,int64} = int64)"
    " -> sparse_indices: int64, sparse_values: T, sparse_dense_shape: int64",
    compile=False,
)
def ragged_tensor_to_sparse_op(xp, rt_nested_splits, rt_dense_values):
    """The values of a ragged tensor with their indices."""
    nested = [np.asarray(each).astype(np.int64) for each in rt_nested_splits]
    values = np.asarray(rt_dense_values)
    check_splits(nested, len(values))
    at = np.arange(len(values))
    columns = []
    for splits in reversed(nested):
        rows = row_ids(splits)[at]
        columns.append(at - splits[rows])
        at = rows
    columns.append(at)
    columns.reverse()
    inner = values.shape[1:]
    each = int(np.prod(inner))
    indices = [np.repeat(column, each) for column in columns]
    if inner:
        places = np.indices(inner).reshape(len(inner), -1)
        indices += [np.tile(place, len(values)) for place in places]
    sizes = [nested[0].size - 1, *(int(np.diff(s).max(initial=0)) for s in nested), *inner]
    return (
        np.stack(indices, 1).astype(np.int64).reshape(-1, len(sizes)),
        values.reshape(-1),
        np.array(sizes, np.int64),
    )


@ragged_tensor_to_sparse_op.shape_rule
def _ragged_tensor_to_sparse_shape(rt_nested_splits, rt_dense_values):
    rank = rt_dense_values.shape.rank
    dense = None if rank is None else len(rt_nested_splits) + rank
    count = rt_dense_values.shape.num_elements()
    return [(count, dense), (count,), (dense,)]


@ragged_tensor_to_sparse_op.gradient_rule
def _ragged_tensor_to_sparse_grad(g_sparse_values, rt_nested_splits, rt_dense_values):
    own = array.reshape(g_sparse_values, array.shape_of(rt_dense_values))
    return [None] * len(rt_nested_splits), own


# Empty rows ---------------------------------------------------------------------------------------


@op(
    "RaggedFillEmptyRows(value_rowids: int64, values: T, nrows: int64, default_value: T, *, T: type)"
    " -> output_value_rowids: int64, output_values: T, empty_row_indicator: bool,"
    " reverse_index_map: int64",
    compile=False,
)
def ragged_fill_empty_rows_op(xp, value_rowids, values, nrows, default_value):
    """A value in each row that has none."""
    ids, values, count = np.asarray(value_rowids), np.asarray(values), int(nrows)
    if ids.ndim != 1 or values.ndim != 1 or len(ids) != len(values):
        raise invalid("value_rowids and values must be vectors of one length")
    for i in np.flatnonzero((ids < 0) | (ids >= count)):
        sign = f"{ids[i]} < 0" if ids[i] < 0 else f"{ids[i]} >= {count}"
        raise invalid(f"indices({i}, 0) is invalid: {sign}")
    empty = np.bincount(ids, minlength=count) == 0
    missing = np.flatnonzero(empty)
    all_ids = np.concatenate([ids, missing])
    order = np.argsort(all_ids, kind="stable")
    filled = np.empty(len(missing), values.dtype)
    filled[...] = np.asarray(default_value)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return all_ids[order], np.concatenate([values, filled])[order], empty, place[: len(ids)]


@ragged_fill_empty_rows_op.shape_rule
def _ragged_fill_empty_rows_shape(value_rowids, values, nrows, default_value):
    count = constant_value(nrows)
    return [(None,), (None,), (None if count is None else int(count),), value_rowids.shape]


@ragged_fill_empty_rows_op.gradient_rule
def _ragged_fill_empty_rows_grad(g_output_values, reverse_index_map):
    for_values, for_default = ragged_fill_empty_rows_grad_op(reverse_index_map, g_output_values)
    return None, for_values, None, for_default


@op(
    "RaggedFillEmptyRowsGrad(reverse_index_map: int64, grad_values: T, *, T: type)"
    " -> d_values: T, d_default_value: T",
    compile=False,
)
def ragged_fill_empty_rows_grad_op(xp, reverse_index_map, grad_values):
    """The gradients of the values and of the default of RaggedFillEmptyRows."""
    where, grads = np.asarray(reverse_index_map), np.asarray(grad_values)
    if np.any((where < 0) | (where >= len(grads))):
        raise invalid(f"Elements in reverse index must be in [0, {len(grads)})")
    rest = np.ones(len(grads), bool)
    rest[where] = False
    return grads[where], np.asarray(grads[rest].sum(), grads.dtype)


@ragged_fill_empty_rows_grad_op.shape_rule
def _ragged_fill_empty_rows_grad_shape(reverse_index_map, grad_values):
    return [reverse_index_map.shape, ()]


@ragged_fill_empty_rows_grad_op.gradient_rule
def _ragged_fill_empty_rows_grad_grad(
    g_d_values, g_d_default_value, reverse_index_map, grad_values
):
    count = array.shape_of(grad_values)[0]
    own = REGISTRY["UnsortedSegmentSum"](g_d_values, reverse_index_map, count)
    ones = REGISTRY["OnesLike"](reverse_index_map)
    taken = REGISTRY["UnsortedSegmentSum"](ones, reverse_index_map, count)
    rest = REGISTRY["Cast"](REGISTRY["Equal"](taken, 0), DstT=grad_values.dtype)
    return None, own + rest * g_d_default_value
