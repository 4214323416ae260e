"""Elements by their coordinates: gather_nd, scatter_nd and the updates of tensors."""

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
from reflow.lang.static_value import constant_value, constant_value_as_shape
from reflow.lang.tensor import Tensor
from reflow.ops import array, joining
from reflow.ops.define import op
from reflow.ops.indexing import counting, packed, sizes_of

_BAD = "bad_indices_policy: string = ''"


def ignores_bad(policy: str) -> bool:
    if policy not in ("", "DEFAULT", "ERROR", "IGNORE"):
        raise ValueError(f"Bad indices policy should be one of DEFAULT, ERROR, IGNORE: {policy}")
    return policy == "IGNORE"


def flat_index(xp: Any, indices: Any, dims: Any, ignore: bool, what: str = "indices") -> Any:
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
    ignore = ignores_bad(bad_indices_policy)
    outer, inner = params.shape[:depth], params.shape[depth:]
    shape = (*indices.shape[:-1], *inner)
    if 0 in shape:
        return xp.zeros(shape, params.dtype)
    if 0 in outer:
        raise ValueError("Requested more than 0 entries, but params is empty.  Params shape: "
                         f"{list(params.shape)}")  # fmt: skip
    at = flat_index(xp, indices, outer, ignore).reshape(-1)
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
    ignore = ignores_bad(bad_indices_policy)
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
        sizes = sizes_of(indices)
        columns = []
        for i in range(batch_dims):
            along: list[Any] = [1] * len(sizes)
            along[i] = -1
            numbers = array.reshape(convert_to_tensor(counting(sizes[i], kind)), along)
            columns.append(filling.broadcast_to(numbers, packed([*sizes[:-1], 1])))
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
            flat_index(xp, indices, outer, ignore)
        return x
    at = flat_index(xp, indices, outer, ignore).reshape(-1)
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
    ignore = ignores_bad(bad_indices_policy)
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
        ignore = ignores_bad(bad_indices_policy)
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
