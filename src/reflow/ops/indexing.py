"""Elements by index: gather, scatter, where, masks, partitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.kernels.rows import looking_up
from reflow.lang import shapes
from reflow.lang.alignment import out_of
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int16, int32
from reflow.lang.export import export
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value, static_int
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
        shape = (*params.shape[:axis], *indices.shape, *params.shape[axis + 1 :])
        if not limit:
            return np.zeros(shape, params.dtype)
        # They have been checked; "raise" makes a copy more.
        return np.take(params, indices, axis, out_of(shape, params.dtype), "clip")
    if axis == 0 and params.ndim > 1:
        return rows_at(xp, params, indices)
    return xp.take(params, _wide(xp, indices, limit), axis, mode="fill", fill_value=0)


def rows_at(xp: Any, table: Any, indices: Any) -> Any:
    """Rows of a table in an executable; zeros where it has no such row."""

    def by_xla(table: Any, at: Any) -> Any:
        return xp.take(table, _wide(xp, at, table.shape[0]), 0, mode="fill", fill_value=0)

    table, indices = xp.asarray(table), xp.asarray(indices)
    at = indices.reshape(-1)
    native = looking_up(table, at, by_xla)
    if native is None:
        return by_xla(table, indices)
    found = xp.lax.platform_dependent(table, at, cpu=native, default=by_xla)
    return found.reshape(*indices.shape, *table.shape[1:])


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
    sizes = sizes_of(params)
    batch, outer, inner = sizes[:batch_dims], sizes[batch_dims:at], sizes[at + 1 :]
    flat = array.reshape_op(g, packed([*batch, *outer, -1, *inner]))
    order = [*range(batch_dims), at, *range(batch_dims, at), *range(at + 1, rank)]
    rows = flat if at == batch_dims else array.transpose_op(flat, order)
    count = sizes[at]
    if batch_dims:
        batches = _product(batch)
        if indices.dtype.base_dtype is int16:
            indices = REGISTRY["Cast"](indices, DstT=int32)
        kind = indices.dtype
        first = REGISTRY["Mul"](counting(batches, kind), _as(count, kind))
        indices = REGISTRY["AddV2"](
            array.reshape_op(indices, packed([batches, -1])), array.expand_dims_op(first, 1)
        )
        rows = array.reshape_op(rows, packed([-1, *outer, *inner]))
        count = _product([*batch, count])
    indices = array.reshape_op(indices, [-1])
    summed = REGISTRY["UnsortedSegmentSum"](rows, indices, count)
    if batch_dims:
        summed = array.reshape_op(summed, packed([*batch, sizes[at], *outer, *inner]))
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
        first = REGISTRY["Mul"](counting(total, kind), _as(count, kind))
        rows = array.reshape_op(indices, joining.pack_op([total, -1]))
        indices = REGISTRY["AddV2"](rows, array.expand_dims_op(first, 1))
        values = array.reshape_op(values, concat([[-1], moved[batch_dims + 1 :]], 0))
        count = count * total
    indices = array.reshape_op(indices, [-1])
    summed = array.reshape_op(REGISTRY["UnsortedSegmentSum"](values, indices, count), moved)
    return array.transpose_op(summed, array.invert_permutation_op(front))


def sizes_of(x: Any) -> list[Any]:
    """The sizes of `x`: integers where they are known, else scalar tensors."""
    dims = x._shape._dims
    if None not in dims:
        return list(dims)
    dynamic = array.shape_op(x)
    return [dynamic[i] if d is None else d for i, d in enumerate(dims)]


def packed(sizes: list[Any]) -> Any:
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


def counting(count: Any, kind: Any) -> Any:
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
