"""Elements by index: gather, scatter, where, masks, partitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import INDEX, int16, int32, uint16
from reflow.lang.export import export
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value, constant_value_as_shape, static_int
from reflow.lang.tensor import Tensor
from reflow.ops import array, joining
from reflow.ops.define import op

# Indices out of range are errors in NumPy's form. The compiled form cannot raise one: it does as
# TensorFlow's kernels for accelerators do. What is gathered from nowhere is zero, and what is
# scattered to nowhere is dropped.


def check_range(indices: Any, limit: int, what: str = "indices") -> None:
    """Refuses NumPy indices that are not in `[0, limit)`."""
    if indices.size and (indices.min() < 0 or indices.max() >= limit):
        place = np.unravel_index(np.argmax((indices < 0) | (indices >= limit)), indices.shape)
        label = f"{what}[{','.join(str(i) for i in place)}]" if place else what
        raise ValueError(f"{label} = {indices[place]} is not in [0, {limit})")


def beyond(xp: Any, indices: Any, limit: int) -> Any:
    """Traced indices with `limit`, which is out of range on the right side, for negative ones."""
    return xp.where(indices < 0, xp.asarray(limit, indices.dtype), indices)


# Gathering ----------------------------------------------------------------------------------------


def _take(xp: Any, params: Any, indices: Any, axis: int) -> Any:
    limit = params.shape[axis]
    if xp.is_numpy:
        check_range(indices, limit)
        if not limit:
            return np.zeros(
                (*params.shape[:axis], *indices.shape, *params.shape[axis + 1 :]), params.dtype
            )
        return np.take(params, indices, axis, mode="clip")  # checked; "raise" makes a copy more
    return xp.take(params, _wide(xp, indices, limit), axis, mode="fill", fill_value=0)


def _wide(xp: Any, indices: Any, limit: int) -> Any:
    """Traced indices of a dtype that holds `limit`, with that for negative ones."""
    if indices.dtype.itemsize < 4:
        indices = xp.astype(indices, np.int32)
    return beyond(xp, indices, limit)


def _gather(xp: Any, params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    rank, index_rank = len(params.shape), len(indices.shape)
    if not -rank <= axis < rank:
        raise ValueError(f"Expected axis in the range [{-rank}, {rank}), but got {axis}")
    axis %= rank
    if batch_dims < 0:
        batch_dims += index_rank
    if not 0 <= batch_dims <= min(index_rank, axis):
        raise ValueError(
            f"batch_dims ({batch_dims}) must be less than or equal to the rank of indices "
            f"({index_rank}) and to axis ({axis})"
        )
    if not batch_dims:
        return _take(xp, params, indices, axis)
    batch = params.shape[:batch_dims]
    if indices.shape[:batch_dims] != batch:
        raise ValueError(
            f"params.shape{list(batch)} and indices.shape{list(indices.shape[:batch_dims])} must "
            "agree in the batch dimensions"
        )
    limit = params.shape[axis]
    outer, inner = params.shape[batch_dims:axis], params.shape[axis + 1 :]
    rows = params.reshape((math.prod(batch), math.prod(outer), limit, math.prod(inner)))
    taken = indices.reshape((math.prod(batch), 1, -1)) if indices.size else None
    shape = (*batch, *outer, *indices.shape[batch_dims:], *inner)
    if taken is None or 0 in shape:
        if xp.is_numpy:
            check_range(indices, limit)
        return xp.zeros(shape, params.dtype)
    if xp.is_numpy:
        check_range(indices, limit)
    else:
        taken = _wide(xp, taken, limit)
    b = np.arange(rows.shape[0]).reshape(-1, 1, 1)
    o = np.arange(rows.shape[1]).reshape(1, -1, 1)
    if xp.is_numpy:
        return rows[b, o, taken].reshape(shape)
    return xp.asarray(rows).at[b, o, taken].get(mode="fill", fill_value=0).reshape(shape)


def _gather_shape(params: Any, indices: Any, axis: Any, batch_dims: int) -> Any:
    dims, index = params._shape._dims, indices._shape._dims
    if axis is None:
        if dims is None or index is None:
            return shapes.UNKNOWN
        batch = batch_dims + len(index) if batch_dims < 0 else batch_dims
        return shapes.unknown_shape(len(dims) + len(index) - 1 - batch)
    if dims is None or index is None:
        return shapes.UNKNOWN
    rank = len(dims)
    if not -rank <= axis < rank:
        raise ValueError(f"Shape must be at least rank {axis + 1 if axis >= 0 else -axis} but is "
                         f"rank {rank}: axis of a gather")  # fmt: skip
    axis %= rank
    if batch_dims < 0:
        batch_dims += len(index)
    if not 0 <= batch_dims <= len(index) or batch_dims > axis:
        raise ValueError(
            f"batch_dims {batch_dims} must be at most axis {axis} and the rank {len(index)} of the "
            "indices"
        )
    try:
        batch = shapes.of(dims[:batch_dims]).merge_with(shapes.of(index[:batch_dims]))
    except ValueError:
        raise ValueError(
            f"params of shape {params.shape} and indices of shape {indices.shape} must agree in the "
            f"{batch_dims} batch dimensions"
        ) from None
    return shapes.of((*batch.sizes, *dims[batch_dims:axis], *index[batch_dims:], *dims[axis + 1 :]))


@op(
    "Gather(params: Tparams, indices: Tindices, *, validate_indices: bool = True, Tindices: INDEX)"
    " -> output: Tparams",
    shape=lambda params, indices: _gather_shape(params, indices, 0, 0),
    partial=("params",),
)
def gather_v1_op(xp, params, indices):
    """Rows by index."""
    return _gather(xp, params, indices, 0, 0)


@gather_v1_op.gradient_rule
def _gather_v1_grad(g, params, indices):
    return _rows_grad(g, params, indices), None


def _rows_grad(g: Any, params: Any, indices: Any) -> IndexedSlices:
    """The gradient of rows of `params`, which is sparse."""
    sizes = params._shape._dims
    count = array.size_op(indices) if indices.shape.num_elements() is None else None
    if sizes is not None and None not in sizes[1:] and 0 not in sizes[1:]:
        values = array.reshape_op(g, [-1, *sizes[1:]])
    else:
        tail = array.shape(params)[1:]
        first = [count] if count is not None else [indices.shape.num_elements()]
        values = array.reshape_op(g, joining.concat_op([first, tail], 0))
    if indices.shape.rank != 1:
        indices = array.reshape_op(indices, [-1])
    return IndexedSlices(values, indices, array.shape(params))


@op(
    "GatherV2(params: Tparams, indices: Tindices, axis: Taxis, *, batch_dims: int = 0,"
    " Tindices: {int16,int32,int64}, Taxis: {int32,int64}) -> output: Tparams",
    static=["axis"],
    partial=("params",),
)
def gather_op(xp, params, indices, axis, *, batch_dims):
    """Slices along an axis, by index."""
    if axis.shape:
        raise ValueError(f"axis must be scalar, got shape {list(axis.shape)}")
    return _gather(xp, params, indices, int(axis), batch_dims)


@gather_op.shape_rule
def _gather_v2_shape(params, indices, axis, *, batch_dims):
    return _gather_shape(params, indices, static_int(axis), batch_dims)


@gather_op.gradient_rule
def _gather_grad(g, params, indices, axis, *, batch_dims):
    at = constant_value(axis)
    if at is not None and at == 0:
        return _rows_grad(g, params, indices), None, None
    if batch_dims < 0:
        if indices.shape.rank is None:
            raise ValueError(
                "The gradient of tf.gather with batch_dims < 0 needs to know the rank of indices."
            )
        batch_dims += indices.shape.rank
    g = convert_to_tensor(g)
    rank = params.shape.rank
    if at is None or rank is None:
        return _gather_grad_anywhere(g, params, indices, axis, batch_dims), None, None
    at = int(at) % rank
    # With the gathered axis right behind the batch, the slices are rows, numbered through batches.
    sizes = _sizes(params)
    batch, outer, inner = sizes[:batch_dims], sizes[batch_dims:at], sizes[at + 1 :]
    flat = array.reshape_op(g, _packed([*batch, *outer, -1, *inner]))
    order = [*range(batch_dims), at, *range(batch_dims, at), *range(at + 1, rank)]
    rows = flat if at == batch_dims else array.transpose_op(flat, order)
    count = sizes[at]
    if batch_dims:
        batches = _product(batch)
        if indices.dtype.base_dtype is int16:
            indices = REGISTRY["Cast"](indices, DstT=int32)
        kind = indices.dtype
        first = REGISTRY["Mul"](_counting(batches, kind), _as(count, kind))
        indices = REGISTRY["AddV2"](
            array.reshape_op(indices, _packed([batches, -1])), array.expand_dims_op(first, 1)
        )
        rows = array.reshape_op(rows, _packed([-1, *outer, *inner]))
        count = _product([*batch, count])
    indices = array.reshape_op(indices, [-1])
    summed = REGISTRY["UnsortedSegmentSum"](rows, indices, count)
    if batch_dims:
        summed = array.reshape_op(summed, _packed([*batch, sizes[at], *outer, *inner]))
    if at != batch_dims:
        summed = array.transpose_op(summed, np.argsort(order).astype(np.int32))
    return summed, None, None


def _gather_grad_anywhere(g, params, indices, axis, batch_dims) -> Any:
    """The same where axis or rank are not known: all that can be known at run time is computed."""
    sizes = array.shape(params)
    axis = REGISTRY["FloorMod"](_as(axis, int32), array.rank(params))
    outer, count, inner = sizes[:axis], sizes[axis], sizes[axis + 1 :]
    concat, counted = joining.concat_op, REGISTRY["Range"]
    values = array.reshape_op(g, concat([outer, [-1], inner], 0))
    batches = np.arange(batch_dims, dtype=np.int32)
    between = counted(batch_dims, axis, 1)
    behind = counted(axis + 1, array.rank(params), 1)
    front = concat([batches, array.expand_dims_op(axis, 0), between, behind], 0)
    values = array.transpose_op(values, front)
    moved = gather_op(sizes, front, 0)
    if batch_dims:
        kind = indices.dtype
        total = REGISTRY["Prod"](sizes[:batch_dims], 0)
        first = REGISTRY["Mul"](_counting(total, kind), _as(count, kind))
        rows = array.reshape_op(indices, joining.pack_op([total, -1]))
        indices = REGISTRY["AddV2"](rows, array.expand_dims_op(first, 1))
        values = array.reshape_op(values, concat([[-1], moved[batch_dims + 1 :]], 0))
        count = count * total
    indices = array.reshape_op(indices, [-1])
    summed = array.reshape_op(REGISTRY["UnsortedSegmentSum"](values, indices, count), moved)
    return array.transpose_op(summed, array.invert_permutation_op(front))


def _sizes(x: Any) -> list[Any]:
    """The sizes of `x`: integers where they are known, else scalar tensors."""
    dims = x._shape._dims
    if None not in dims:
        return list(dims)
    dynamic = array.shape_op(x)
    return [dynamic[i] if d is None else d for i, d in enumerate(dims)]


def _packed(sizes: list[Any]) -> Any:
    """A shape of which some sizes may be tensors."""
    return sizes if all(type(s) is int for s in sizes) else joining.pack_op(sizes)


def _product(sizes: list[Any]) -> Any:
    result = math.prod([s for s in sizes if type(s) is int])
    for s in sizes:
        if type(s) is not int:
            result = s * result
    return result


def _as(value: Any, kind: Any) -> Any:
    if type(value) is int:
        return np.array(value, kind.np)
    return value if value.dtype is kind else REGISTRY["Cast"](value, DstT=kind)


def _counting(count: Any, kind: Any) -> Any:
    if type(count) is int:
        return np.arange(count, dtype=kind.np)
    return REGISTRY["Range"](np.array(0, kind.np), _as(count, kind), np.array(1, kind.np))


@export(v2=("gather",))
def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: Any = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Any:
    """Slices of `params` along `axis`, in the order of `indices`.

    Args:
      params: a tensor or variable.
      indices: an integer tensor, with values in `[0, params.shape[axis])`.
      validate_indices: without effect, as in TensorFlow.
      axis: the dimension to take slices of; `batch_dims` by default.
      batch_dims: how many leading dimensions `params` and `indices` have in common.

    Raises:
      InvalidArgumentError: if an index is out of range (on accelerators the slice is zero).

    >>> import reflow as tf
    >>> tf.gather([10, 20, 30], [2, 0]).numpy().tolist()
    [30, 10]
    """
    if axis is None:
        axis = batch_dims
    known = (
        axis if type(axis) is int else constant_value(axis) if isinstance(axis, Tensor) else axis
    )
    if known is not None and known == 0 and hasattr(params, "sparse_read"):
        return params.sparse_read(indices, name=name)
    return gather_op(params, indices, axis, batch_dims=int(batch_dims), name=name)


@export(v1=("gather",))
def gather_v1(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Any:
    """TF 1's `tf.gather`, with `name` before `axis`."""
    return gather(params, indices, validate_indices, axis, batch_dims, name)


@export(v1=("batch_gather",))
def batch_gather(params: Any, indices: Any, name: str | None = None) -> Any:
    """Rows of each batch: `tf.gather` with all dimensions of `indices` but the last as batch.

    Raises:
      ValueError: if the rank of `indices` is not known.
    """
    with name_scope(name, "BatchGather"):
        indices = convert_to_tensor(indices, name="indices")
        params = convert_to_tensor(params, name="params")
        if indices.shape.rank is None:
            raise ValueError("batch_gather does not allow indices with unknown shape.")
        batch_dims = indices.shape.rank - 1
        return gather_op(params, indices, batch_dims, batch_dims=batch_dims)


# Gathering and scattering by coordinates ----------------------------------------------------------

_BAD = "bad_indices_policy: string = ''"


def _ignores_bad(policy: str) -> bool:
    if policy not in ("", "DEFAULT", "ERROR", "IGNORE"):
        raise ValueError(f"Bad indices policy should be one of DEFAULT, ERROR, IGNORE: {policy}")
    return policy == "IGNORE"


def _flat_index(xp: Any, indices: Any, dims: Any, ignore: bool, what: str = "indices") -> Any:
    """Row numbers from coordinates `[..., depth]` within `dims`; beyond all rows for bad ones.

    Raises:
      ValueError: in NumPy, for coordinates out of range, unless they are to be ignored.
    """
    depth = indices.shape[-1]
    if indices.dtype.itemsize < 8 and (xp.is_numpy or math.prod(dims) >= 2**31):
        indices = xp.astype(indices, np.int64)
    elif indices.dtype.itemsize < 4:
        indices = xp.astype(indices, np.int32)
    limits = np.array(dims, indices.dtype)
    bad = ((indices < 0) | (indices >= limits)).any(-1)
    if xp.is_numpy and not ignore and bad.any():
        place = np.unravel_index(np.argmax(bad), bad.shape)
        label = ",".join(str(i) for i in place)
        label = f"{what}[{label}]" if place else what
        values = ", ".join(str(i) for i in indices[place].tolist())
        raise ValueError(f"{label} = [{values}] does not index into param shape {list(dims)}")
    strides = np.cumprod([1, *dims[:0:-1]], dtype=indices.dtype)[::-1][:depth]
    flat = (indices * strides).sum(-1, dtype=indices.dtype)
    return xp.where(bad, np.array(math.prod(dims), indices.dtype), flat)


def _check_depth(indices: Any, rank: int) -> int:
    if not indices.shape:
        raise ValueError("indices must be at least a vector")
    depth = indices.shape[-1]
    if depth > rank:
        raise ValueError(
            f"index innermost dimension length must be <= params rank; saw: {depth} vs. {rank}"
        )
    return depth


@op(
    "GatherNd(params: Tparams, indices: Tindices, *, Tindices: {int16,int32,int64},"
    f" {_BAD}) -> output: Tparams"
)
def gather_nd_op(xp, params, indices, *, bad_indices_policy):
    """Slices by their coordinates."""
    depth = _check_depth(indices, len(params.shape))
    ignore = _ignores_bad(bad_indices_policy)
    outer, inner = params.shape[:depth], params.shape[depth:]
    shape = (*indices.shape[:-1], *inner)
    if 0 in shape:
        return xp.zeros(shape, params.dtype)
    if 0 in outer:
        raise ValueError("Requested more than 0 entries, but params is empty.  Params shape: "
                         f"{list(params.shape)}")  # fmt: skip
    at = _flat_index(xp, indices, outer, ignore).reshape(-1)
    rows = params.reshape((math.prod(outer), *inner))
    if not xp.is_numpy:
        return xp.take(rows, at, 0, mode="fill", fill_value=0).reshape(shape)
    taken = np.take(rows, at, 0, mode="clip")
    if ignore:
        taken[at == len(rows)] = 0
    return taken.reshape(shape)


@gather_nd_op.shape_rule
def _gather_nd_shape(params, indices):
    index, dims = indices._shape._dims, params._shape._dims
    if index is None or dims is None:
        return shapes.UNKNOWN
    if not index:
        raise ValueError("Shape must be at least rank 1 but is rank 0: indices of gather_nd")
    if index[-1] is None:
        return shapes.UNKNOWN
    if index[-1] > len(dims):
        raise ValueError(
            f"indices.shape[-1] must be <= params.rank, but saw indices shape {list(index)} and "
            f"params shape {list(dims)}"
        )
    return shapes.of((*index[:-1], *dims[index[-1] :]))


@gather_nd_op.gradient_rule
def _gather_nd_grad(g, params, indices, *, bad_indices_policy):
    ignore = _ignores_bad(bad_indices_policy)
    if indices.shape.rank == 2 and indices.shape.sizes[-1] == 1 and not ignore:
        rows = REGISTRY["Squeeze"](indices, squeeze_dims=[-1])
        sizes = array.shape(params, out_type=_index_dtype(indices))
        return IndexedSlices(convert_to_tensor(g), rows, sizes), None
    if indices.dtype.base_dtype is int16:
        indices = REGISTRY["Cast"](indices, DstT=int32)
    sizes = array.shape(params, out_type=indices.dtype)
    return scatter_nd_op(indices, g, sizes, bad_indices_policy=bad_indices_policy), None


def _index_dtype(indices: Any) -> Any:
    base = indices.dtype.base_dtype
    return base if base in INDEX else int32


@export(v2=("gather_nd",))
def gather_nd(
    params: Any,
    indices: Any,
    batch_dims: int = 0,
    name: str | None = None,
    bad_indices_policy: str = "",
) -> Any:
    """Slices of `params` by their coordinates: `params[indices[i, ..., :]]`.

    Args:
      params: a tensor or variable.
      indices: an integer tensor; its last dimension are the coordinates of an element or slice.
      batch_dims: how many leading dimensions `params` and `indices` have in common.
      bad_indices_policy: "ERROR", or "IGNORE": coordinates out of range give zeros.

    Raises:
      InvalidArgumentError: if coordinates are out of range.

    >>> import reflow as tf
    >>> tf.gather_nd([[1, 2], [3, 4]], [[0, 1], [1, 0]]).numpy().tolist()
    [2, 3]
    """
    batch_dims = int(constant_value(batch_dims) if isinstance(batch_dims, Tensor) else batch_dims)
    if batch_dims:
        return _batch_gather_nd(params, indices, batch_dims, name, bad_indices_policy)
    if bad_indices_policy in ("", "DEFAULT") and not isinstance(params, Tensor):
        if hasattr(params, "gather_nd"):
            return params.gather_nd(indices, name=name)
    return gather_nd_op(params, indices, bad_indices_policy=bad_indices_policy, name=name)


@export(v1=("gather_nd", "manip.gather_nd"))
def gather_nd_v1(
    params: Any,
    indices: Any,
    name: str | None = None,
    batch_dims: int = 0,
    bad_indices_policy: str = "",
) -> Any:
    """TF 1's `tf.gather_nd`, with `name` before `batch_dims`."""
    return gather_nd(params, indices, batch_dims, name, bad_indices_policy)


def _batch_gather_nd(params, indices, batch_dims, name, policy):
    """The coordinates with those of their batch in front."""
    from reflow.ops import filling

    with name_scope(name, "BatchGatherND"):
        indices = convert_to_tensor(indices, name="indices")
        params = convert_to_tensor(params, name="params")
        if batch_dims < 0:
            raise ValueError("tf.gather_nd does not allow negative batch_dims.")
        for label, x in (("indices", indices), ("params", params)):
            if x.shape.rank is not None and batch_dims >= x.shape.rank:
                raise ValueError(
                    f"Argument `batch_dims` = {batch_dims} must be less than rank(`{label}`) = "
                    f"{x.shape.rank}"
                )
        if indices.shape.rank is None:
            raise ValueError("tf.gather_nd with batch_dims needs to know the rank of indices.")
        kind = indices.dtype
        sizes = _sizes(indices)
        columns = []
        for i in range(batch_dims):
            along: list[Any] = [1] * len(sizes)
            along[i] = -1
            numbers = array.reshape(convert_to_tensor(_counting(sizes[i], kind)), along)
            columns.append(filling.broadcast_to(numbers, _packed([*sizes[:-1], 1])))
        indices = joining.concat([*columns, indices], -1)
        return gather_nd_op(params, indices, bad_indices_policy=policy)


def _scatter(xp: Any, kind: str, x: Any, indices: Any, updates: Any, ignore: bool) -> Any:
    """`x` with the slices at coordinates `indices` replaced by, added to, ... `updates`."""
    depth = _check_depth(indices, len(x.shape))
    outer, inner = tuple(x.shape[:depth]), tuple(x.shape[depth:])
    wanted = (*indices.shape[:-1], *inner)
    if tuple(updates.shape) != wanted:
        if updates.shape or kind == "scatter":
            raise ValueError(
                "Must have updates.shape = indices.shape[:batch_dim] + "
                f"params_shape[slice_dim:], got updates.shape: {list(updates.shape)}, "
                f"indices.shape: {list(indices.shape)}, params_shape: {list(x.shape)}, "
                f"slice_dim: {depth}, and batch_dim: {len(indices.shape) - 1}"
            )
        updates = xp.broadcast_to(updates, wanted)
    rows = math.prod(outer)
    if not math.prod(indices.shape[:-1]) or not x.size:
        if xp.is_numpy and indices.size and not ignore:
            _flat_index(xp, indices, outer, ignore)
        return x
    at = _flat_index(xp, indices, outer, ignore).reshape(-1)
    values = updates.reshape((at.shape[0], *inner))
    table = x.reshape((rows, *inner))
    if xp.is_numpy:
        if ignore:
            at, values = at[at < rows], values[at < rows]
        return _scatter_numpy(kind, table, at, values).reshape(x.shape)
    table = xp.asarray(table).at[at]
    if kind == "add" and values.dtype == np.bool_:
        kind = "max"
    change = {"update": table.set, "add": table.add, "min": table.min, "max": table.max}[kind]
    return change(values, mode="drop").reshape(x.shape)


def _scatter_numpy(kind: str, table: np.ndarray, at: np.ndarray, values: np.ndarray) -> np.ndarray:
    table = np.array(table)
    if kind == "update":
        table[at] = values
        return table
    change = {"add": np.add, "min": np.minimum, "max": np.maximum}[kind]
    places, combined = combine_rows(change, values, at)
    table[places] = change(table[places], combined)
    return table


def combine_rows(ufunc: Any, rows: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct ids in order, and for each of them its rows taken together by `ufunc`."""
    if not ids.size:
        return ids, rows
    if (ids[1:] < ids[:-1]).any():
        order = np.argsort(ids, kind="stable")
        ids, rows = ids[order], rows[order]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    if starts.size == ids.size:
        return ids, rows
    if rows.dtype.itemsize == 2 and rows.dtype.kind not in "iu":  # half precision: wider sums
        combined = ufunc.reduceat(rows.astype(np.float32), starts, axis=0).astype(rows.dtype)
    else:
        combined = ufunc.reduceat(rows, starts, axis=0, dtype=rows.dtype)
    return ids[starts], combined


@op(
    f"ScatterNd(indices: Tindices, updates: T, shape: Tindices, *, Tindices: {{int16,int32,int64}},"
    f" {_BAD}) -> output: T",
    static=["shape"],
)
def scatter_nd_op(xp, indices, updates, shape, *, bad_indices_policy):
    """Zeros with slices added at coordinates."""
    sizes = shape.tolist()
    ignore = _ignores_bad(bad_indices_policy)
    for size in sizes:
        if size < 0:
            raise ValueError(f"shape must have non-negative sizes, got {sizes}")
    if 0 in sizes and math.prod(indices.shape[:-1]) and updates.size:
        raise ValueError(
            f"Indices and updates specified for empty output. indices shape: {list(indices.shape)}"
        )
    if updates.dtype == object:  # the last of the strings that go to one place stays
        zeros = np.full(sizes, b"", object)
        return _scatter(xp, "update", zeros, indices, updates, ignore)
    return _scatter(xp, "add", xp.zeros(sizes, updates.dtype), indices, updates, ignore)


@scatter_nd_op.shape_rule
def _scatter_nd_shape(indices, updates, shape):
    result = constant_value_as_shape(shape)
    _check_scatter(indices, updates, result)
    return result


def _check_scatter(indices: Any, updates: Any, result: Any) -> None:
    index, dims, given = indices._shape._dims, result._dims, updates._shape._dims
    if index is None or dims is None or given is None:
        return
    if not index:
        raise ValueError("Shape must be at least rank 1 but is rank 0: indices of a scatter")
    depth = index[-1]
    if depth is None:
        return
    if depth > len(dims):
        raise ValueError(
            f"index innermost dimension length must be <= rank of the output; saw: {depth} vs. "
            f"{len(dims)}"
        )
    wanted = shapes.of((*index[:-1], *dims[depth:]))
    if not wanted.is_compatible_with(updates.shape):
        raise ValueError(
            f"Dimensions [{depth},{len(dims)}) of input[shape={list(dims)}] must match dimensions "
            f"of updates[shape={list(given)}] for indices of shape {list(index)}"
        )


@scatter_nd_op.gradient_rule
def _scatter_nd_grad(g, indices, *, bad_indices_policy):
    return None, gather_nd_op(g, indices, bad_indices_policy=bad_indices_policy), None


@export("scatter_nd", v1=("manip.scatter_nd",))
def scatter_nd(
    indices: Any,
    updates: Any,
    shape: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Any:
    """A tensor of zeros of shape `shape`, to which the slices `updates` are added at `indices`.

    Args:
      indices: an integer tensor; its last dimension are coordinates.
      updates: a tensor of shape `indices.shape[:-1] + shape[indices.shape[-1]:]`.
      shape: an integer vector of the dtype of `indices`.
      bad_indices_policy: "ERROR", or "IGNORE": updates with coordinates out of range are dropped.

    Raises:
      InvalidArgumentError: if coordinates are out of range, or shapes do not fit.

    >>> import reflow as tf
    >>> tf.scatter_nd([[1], [3]], [5, 6], [4]).numpy().tolist()
    [0, 5, 0, 6]
    """
    return scatter_nd_op(indices, updates, shape, bad_indices_policy=bad_indices_policy, name=name)


def _tensor_scatter_shape(tensor, indices, updates):
    if updates.shape.rank != 0:
        _check_scatter(indices, updates, tensor.shape)
    return tensor._shape


def _tensor_scatter(
    name: str, doc: str, kind: str, first: str, tindices: str, types: str = "type"
) -> Any:
    @op(
        f"{name}({first}: T, indices: Tindices, updates: T, *, T: {types}, Tindices: {tindices},"
        f" {_BAD}) -> output: T",
        doc,
        shape=_tensor_scatter_shape,
    )
    def scatter(xp, tensor, indices, updates, *, bad_indices_policy):
        ignore = _ignores_bad(bad_indices_policy)
        if kind == "sub":
            return _scatter(xp, "add", tensor, indices, -updates, ignore)
        return _scatter(xp, kind, tensor, indices, updates, ignore)

    return scatter


tensor_scatter_update_op = _tensor_scatter(
    "TensorScatterUpdate", "The tensor with slices replaced.", "update", "tensor",
    "{int16,int32,int64,uint16}",
)  # fmt: skip
tensor_scatter_add_op = _tensor_scatter(
    "TensorScatterAdd", "The tensor with slices added.", "add", "tensor", "INDEX"
)
tensor_scatter_sub_op = _tensor_scatter(
    "TensorScatterSub", "The tensor with slices subtracted.", "sub", "tensor", "INDEX"
)
tensor_scatter_min_op = _tensor_scatter(
    "TensorScatterMin", "The minimum of the tensor and of slices.", "min", "tensor", "INDEX"
)
tensor_scatter_max_op = _tensor_scatter(
    "TensorScatterMax", "The maximum of the tensor and of slices.", "max", "tensor", "INDEX"
)
scatter_nd_non_aliasing_add_op = _tensor_scatter(
    "ScatterNdNonAliasingAdd", "The input with slices added.", "add", "input", "INDEX",
    "NUMBER|bool",
)  # fmt: skip


def _nd_indices(indices: Any) -> Any:
    """`indices` of a dtype that every op on coordinates takes."""
    if indices.dtype.base_dtype in (uint16,):
        return REGISTRY["Cast"](indices, DstT=int32)
    return indices


@tensor_scatter_update_op.gradient_rule
def _tensor_scatter_update_grad(g, indices, updates, *, bad_indices_policy):
    policy = {"bad_indices_policy": bad_indices_policy}
    g = convert_to_tensor(g)
    kept = tensor_scatter_update_op(g, indices, REGISTRY["ZerosLike"](updates), **policy)
    return kept, None, gather_nd_op(g, _nd_indices(indices), **policy)


def _tensor_scatter_add_grad(g, indices, *, bad_indices_policy):
    g = convert_to_tensor(g)
    return g, None, gather_nd_op(g, indices, bad_indices_policy=bad_indices_policy)


tensor_scatter_add_op.gradient_rule(_tensor_scatter_add_grad)
scatter_nd_non_aliasing_add_op.gradient_rule(_tensor_scatter_add_grad)


@tensor_scatter_sub_op.gradient_rule
def _tensor_scatter_sub_grad(g, indices, *, bad_indices_policy):
    g = convert_to_tensor(g)
    taken = gather_nd_op(g, indices, bad_indices_policy=bad_indices_policy)
    return g, None, REGISTRY["Neg"](taken)


def _tensor_scatter_extreme_grad(g, tensor, indices, updates, output, *, bad_indices_policy):
    """Shared evenly by all that attain the extreme."""
    policy = {"bad_indices_policy": bad_indices_policy}
    g = convert_to_tensor(g)
    cast, equal = REGISTRY["Cast"], REGISTRY["Equal"]
    here = cast(equal(tensor, output), DstT=g.dtype)
    there = cast(equal(updates, gather_nd_op(output, indices, **policy)), DstT=g.dtype)
    sizes = array.shape(tensor, out_type=indices.dtype)
    count = here + scatter_nd_op(indices, there, sizes, **policy)
    share = REGISTRY["RealDiv"](g, count)
    return share * here, None, gather_nd_op(share, indices, **policy) * there


tensor_scatter_min_op.gradient_rule(_tensor_scatter_extreme_grad)
tensor_scatter_max_op.gradient_rule(_tensor_scatter_extreme_grad)


@export("tensor_scatter_nd_update", v1=("tensor_scatter_update",))
def tensor_scatter_nd_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Any:
    """`tensor` with the slices at `indices` replaced by `updates`.

    Args:
      tensor: a tensor.
      indices: an integer tensor; its last dimension are coordinates.
      updates: a tensor of shape `indices.shape[:-1] + tensor.shape[indices.shape[-1]:]`.

    Raises:
      InvalidArgumentError: if coordinates are out of range, or shapes do not fit.

    >>> import reflow as tf
    >>> tf.tensor_scatter_nd_update([1, 1, 1], [[0], [2]], [5, 6]).numpy().tolist()
    [5, 1, 6]
    """
    return tensor_scatter_update_op(tensor, indices, updates, name=name)


@export("tensor_scatter_nd_add", v1=("tensor_scatter_add",))
def tensor_scatter_nd_add(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Any:
    """`tensor` with `updates` added to the slices at `indices`, which may repeat.

    Args:
      tensor, indices, updates: see `tf.tensor_scatter_nd_update`.
      bad_indices_policy: "ERROR", or "IGNORE": coordinates out of range are dropped.

    >>> import reflow as tf
    >>> tf.tensor_scatter_nd_add([1, 1, 1], [[0], [0]], [5, 6]).numpy().tolist()
    [12, 1, 1]
    """
    return tensor_scatter_add_op(
        tensor, indices, updates, bad_indices_policy=bad_indices_policy, name=name
    )


@export("tensor_scatter_nd_sub", v1=("tensor_scatter_sub",))
def tensor_scatter_nd_sub(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Any:
    """`tensor` with `updates` subtracted from the slices at `indices`, which may repeat.

    Args:
      tensor, indices, updates: see `tf.tensor_scatter_nd_update`.
      bad_indices_policy: "ERROR", or "IGNORE": coordinates out of range are dropped.

    >>> import reflow as tf
    >>> tf.tensor_scatter_nd_sub([1, 1, 1], [[0], [0]], [5, 6]).numpy().tolist()
    [-10, 1, 1]
    """
    return tensor_scatter_sub_op(
        tensor, indices, updates, bad_indices_policy=bad_indices_policy, name=name
    )


@export("tensor_scatter_nd_min")
def tensor_scatter_nd_min(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Any:
    """The minimum of `tensor` and, at `indices`, of `updates`.

    Args:
      tensor, indices, updates: see `tf.tensor_scatter_nd_update`.
      bad_indices_policy: "ERROR", or "IGNORE": coordinates out of range are dropped.

    >>> import reflow as tf
    >>> tf.tensor_scatter_nd_min([4, 4], [[0], [0]], [5, 3]).numpy().tolist()
    [3, 4]
    """
    return tensor_scatter_min_op(
        tensor, indices, updates, bad_indices_policy=bad_indices_policy, name=name
    )


@export("tensor_scatter_nd_max")
def tensor_scatter_nd_max(
    tensor: Any,
    indices: Any,
    updates: Any,
    bad_indices_policy: str = "",
    name: str | None = None,
) -> Any:
    """The maximum of `tensor` and, at `indices`, of `updates`.

    Args:
      tensor, indices, updates: see `tf.tensor_scatter_nd_update`.
      bad_indices_policy: "ERROR", or "IGNORE": coordinates out of range are dropped.

    >>> import reflow as tf
    >>> tf.tensor_scatter_nd_max([4, 4], [[0], [0]], [5, 3]).numpy().tolist()
    [5, 4]
    """
    return tensor_scatter_max_op(
        tensor, indices, updates, bad_indices_policy=bad_indices_policy, name=name
    )


@op(
    "UnravelIndex(indices: Tidx, dims: Tidx, *, Tidx: {int32,int64} = int32) -> output: Tidx",
    static=["dims"],
    grad=None,
)
def unravel_index_op(xp, indices, dims):
    """Coordinates from positions in row-major order."""
    sizes = dims.reshape(-1).tolist()
    if 0 in sizes:
        raise ValueError(
            f"Input dims cannot contain a dim of zero, but dims contains zero: {sizes}"
        )
    if xp.is_numpy and indices.size and (indices.min() < 0 or indices.max() >= math.prod(sizes)):
        raise ValueError("index is out of bound as with dims")
    strides = np.cumprod([1, *sizes[:0:-1]], dtype=dims.dtype)[::-1]
    along = (-1, *[1] * len(indices.shape))
    limits = np.array(sizes, dims.dtype).reshape(along)
    return indices // strides.reshape(along) % limits


@unravel_index_op.shape_rule
def _unravel_index_shape(indices, dims):
    rank = indices.shape.rank
    length = dims.shape.sizes
    if rank is None or length is None:
        return shapes.UNKNOWN
    first = length[0] if length else 1
    return (first,) if rank == 0 else (first, indices.shape.num_elements())


@export("unravel_index")
def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Any:
    """The coordinates of elements that are numbered in row-major order.

    Args:
      indices: a scalar or vector of positions.
      dims: an integer vector, the shape of the array.

    Returns:
      A tensor whose first dimension are the coordinates.

    Raises:
      InvalidArgumentError: if a position is out of range.

    >>> import reflow as tf
    >>> tf.unravel_index([2, 5], [3, 3]).numpy().tolist()
    [[0, 1], [2, 2]]
    """
    return unravel_index_op(indices, dims, name=name)
