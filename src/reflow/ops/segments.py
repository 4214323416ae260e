"""Sums, products, means, minima and maxima over segments of the rows of a tensor.

https://www.tensorflow.org/api_docs/python/tf/math#about_segmentation
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT, NUMBER, REAL
from reflow.lang.export import export
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.ops import array, filling, joining
from reflow.ops.define import op
from reflow.ops.indexing import beyond, check_range, gather_op, rows_at
from reflow.ops.nd_indexing import combine_rows

# The arithmetic -----------------------------------------------------------------------------------

_UFUNC = {"sum": np.add, "prod": np.multiply, "min": np.minimum, "max": np.maximum}


def _neutral(kind: str, dtype: Any) -> Any:
    """What a segment without rows has."""
    if kind in ("sum", "prod"):
        return 0 if kind == "sum" else 1
    if dtype.kind in "iu":
        limits: Any = np.iinfo(dtype)
    else:
        import ml_dtypes

        limits = ml_dtypes.finfo(dtype)
    return limits.max if kind == "min" else limits.min


def _reduced(kind: str, rows: np.ndarray, ids: np.ndarray, count: int, empty: Any) -> np.ndarray:
    """Rows of one id reduced together: `count` rows, `empty` where an id has none. In NumPy."""
    result = np.full((count, *rows.shape[1:]), empty, rows.dtype)
    if result.size:
        places, combined = combine_rows(_UFUNC[kind], rows, ids)
        result[places] = combined
    return result


def _rows(data: Any, ids: Any) -> tuple[Any, Any]:
    """The data with as many rows as there are ids, and the ids in a row."""
    rank = len(ids.shape)
    if tuple(data.shape[:rank]) != tuple(ids.shape):
        raise ValueError(
            f"data.shape = {list(data.shape)} does not start with segment_ids.shape = "
            f"{list(ids.shape)}"
        )
    return data.reshape((math.prod(ids.shape), *data.shape[rank:])), ids.reshape(-1)


# Sorted ids ---------------------------------------------------------------------------------------
# The last id says how many segments there are: their number is no static shape, so they run on the
# host.


def _check_sorted(ids: np.ndarray, length: int) -> int:
    """The number of segments."""
    if ids.ndim != 1:
        raise ValueError("segment_ids should be a vector.")
    if ids.size != length:
        raise ValueError("segment_ids should be the same size as dimension 0 of input.")
    if not ids.size:
        return 0
    if ids[0] < 0:
        raise ValueError("segment ids must be >= 0")
    if (ids[1:] < ids[:-1]).any():
        raise ValueError("segment ids are not increasing")
    return int(ids[-1]) + 1


def _segment_shape(data, segment_ids):
    segment_ids.shape.with_rank(1)
    dims = data._shape._dims
    if dims is None:
        return shapes.UNKNOWN
    if not dims:
        raise ValueError("Shape must be at least rank 1 but is rank 0: data of a segment reduction")
    return shapes.of((None, *dims[1:]))


def _segment(name: str, doc: str, kind: str, empty: int, types: Any) -> Any:
    @op(
        f"{name}(data: T, segment_ids: Tindices, *, Tindices: INDEX) -> output: T",
        doc,
        shape=_segment_shape,
        compile=False,
        T=types,
    )
    def segment(xp, data, segment_ids):
        count = _check_sorted(segment_ids, data.shape[0] if data.ndim else 0)
        return _reduced(kind, data, segment_ids, count, empty)

    return segment


segment_sum_op = _segment("SegmentSum", "Sums over segments.", "sum", 0, NUMBER)
segment_prod_op = _segment("SegmentProd", "Products over segments.", "prod", 1, NUMBER)
segment_min_op = _segment("SegmentMin", "Minima over segments.", "min", 0, REAL)
segment_max_op = _segment("SegmentMax", "Maxima over segments.", "max", 0, REAL)


@op(
    "SegmentMean(data: T, segment_ids: Tindices, *, Tindices: INDEX) -> output: T",
    shape=_segment_shape,
    compile=False,
    T=NUMBER,
)
def segment_mean_op(xp, data, segment_ids):
    """Means over segments."""
    count = _check_sorted(segment_ids, data.shape[0] if data.ndim else 0)
    total = _reduced("sum", data, segment_ids, count, 0)
    number = np.maximum(np.bincount(segment_ids, minlength=count), 1)
    number = number.reshape((-1, *[1] * (data.ndim - 1))).astype(data.dtype)
    if data.dtype.kind in "iu":  # towards zero
        return np.sign(total) * (np.abs(total) // number)
    return total / number


@segment_sum_op.gradient_rule
def _segment_sum_grad(g, segment_ids):
    return gather_op(g, segment_ids, 0), None


@segment_mean_op.gradient_rule
def _segment_mean_grad(g, data, segment_ids):
    g = convert_to_tensor(g)
    ones = filling.ones(_with_ones(segment_ids, data), g.dtype)
    share = REGISTRY["RealDiv"](g, segment_sum_op(ones, segment_ids))
    return gather_op(share, segment_ids, 0), None


def _with_ones(ids: Any, data: Any) -> Any:
    """The shape of `ids` with dimensions of size 1 after it, up to the rank of `data`."""
    rank, more = ids.shape.rank, data.shape.rank
    if rank is None or more is None:
        count = array.expand_dims_op(array.rank(data) - array.rank(ids), 0)
        return joining.concat_op([array.shape(ids), filling.fill_op(count, 1)], 0)
    sizes = ids.shape.sizes
    if None not in sizes:
        return [*sizes, *[1] * (more - rank)]
    return joining.concat_op([array.shape(ids), np.ones(more - rank, np.int32)], 0)


def _extreme_grad(g, data, segment_ids, output):
    """Shared evenly by the elements that attain the extreme."""
    g = convert_to_tensor(g)
    chosen = REGISTRY["Equal"](data, gather_op(output, segment_ids, 0))
    count = segment_sum_op(REGISTRY["Cast"](chosen, DstT=g.dtype), segment_ids)
    share = gather_op(REGISTRY["RealDiv"](g, count), segment_ids, 0)
    return REGISTRY["SelectV2"](chosen, share, _zero(g)), None


def _zero(x: Any) -> Any:
    return np.zeros((), x.dtype.base_dtype.np)


segment_min_op.gradient_rule(_extreme_grad)
segment_max_op.gradient_rule(_extreme_grad)


@segment_prod_op.gradient_rule
def _segment_prod_grad(g, data, segment_ids, output):
    """With one zero in a segment, the product of the others goes there; with more, nothing does."""
    g = convert_to_tensor(g)
    select, one = REGISTRY["SelectV2"], np.ones((), data.dtype.base_dtype.np)
    is_zero = REGISTRY["Equal"](data, _zero(data))
    zeros = segment_sum_op(REGISTRY["Cast"](is_zero, DstT="int32"), segment_ids)
    g = select(REGISTRY["Greater"](zeros, 1), _zero(g), g)
    others = select(is_zero, one, data)
    without = gather_op(segment_prod_op(others, segment_ids), segment_ids, 0)
    partial = select(is_zero, without, gather_op(output, segment_ids, 0) / others)
    return gather_op(g, segment_ids, 0) * partial, None


@export("math.segment_sum", v1=("segment_sum",))
def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """Sums of the rows of `data` with equal ids.

    Args:
      data: a tensor of numbers.
      segment_ids: a sorted integer vector, one id from 0 up for each row.

    Returns:
      A tensor with `segment_ids[-1] + 1` rows.

    Raises:
      InvalidArgumentError: if the ids are not sorted, negative, or not as many as rows.

    >>> import reflow as tf
    >>> tf.math.segment_sum([1, 2, 3], [0, 0, 1]).numpy().tolist()
    [3, 3]
    """
    return segment_sum_op(data, segment_ids, name=name)


@export("math.segment_mean", v1=("segment_mean",))
def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """Means of the rows of `data` with equal ids: see `tf.math.segment_sum`.

    >>> import reflow as tf
    >>> tf.math.segment_mean([1.0, 2.0, 3.0], [0, 0, 1]).numpy().tolist()
    [1.5, 3.0]
    """
    return segment_mean_op(data, segment_ids, name=name)


@export("math.segment_prod", v1=("segment_prod",))
def segment_prod(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """Products of the rows of `data` with equal ids: see `tf.math.segment_sum`.

    >>> import reflow as tf
    >>> tf.math.segment_prod([2, 3, 4], [0, 0, 1]).numpy().tolist()
    [6, 4]
    """
    return segment_prod_op(data, segment_ids, name=name)


@export("math.segment_min", v1=("segment_min",))
def segment_min(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """Minima of the rows of `data` with equal ids: see `tf.math.segment_sum`.

    >>> import reflow as tf
    >>> tf.math.segment_min([2, 3, 4], [0, 0, 1]).numpy().tolist()
    [2, 4]
    """
    return segment_min_op(data, segment_ids, name=name)


@export("math.segment_max", v1=("segment_max",))
def segment_max(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """Maxima of the rows of `data` with equal ids: see `tf.math.segment_sum`.

    >>> import reflow as tf
    >>> tf.math.segment_max([2, 3, 4], [0, 0, 1]).numpy().tolist()
    [3, 4]
    """
    return segment_max_op(data, segment_ids, name=name)


# Ids in any order ---------------------------------------------------------------------------------


def _number(num_segments: Any) -> int:
    count = int(num_segments)
    if count < 0:
        raise ValueError(f"Input num_segments == {count} must not be negative.")
    return count


def _unsorted_shape(data, segment_ids, num_segments):
    dims, rank = data._shape._dims, segment_ids.shape.rank
    known = constant_value(num_segments)
    count = None if known is None else _number(known)
    if dims is None or rank is None:
        return shapes.UNKNOWN
    if not shapes.of(dims[:rank]).is_compatible_with(segment_ids.shape):
        raise ValueError(
            f"Shapes must be equal in the first {rank} dimensions, but data has shape {data.shape} "
            f"and segment_ids has shape {segment_ids.shape}"
        )
    return shapes.of((count, *dims[rank:]))


def _segments(xp: Any, kind: str, rows: Any, ids: Any, count: int) -> Any:
    """Rows with negative ids are dropped; with ids that are too large, refused in NumPy."""
    empty = _neutral(kind, rows.dtype)
    if xp.is_numpy:
        if ids.size and ids.min() < 0:
            rows, ids = rows[ids >= 0], ids[ids >= 0]
        check_range(ids, count, "segment_ids")
        return _reduced(kind, rows, ids, count, empty)
    if ids.dtype.itemsize < 4:
        ids = xp.astype(ids, np.int32)
    target = xp.full((count, *rows.shape[1:]), empty, rows.dtype).at[beyond(xp, ids, count)]
    change = {"sum": target.add, "prod": target.multiply, "min": target.min, "max": target.max}
    return change[kind](rows, mode="drop")


def _unsorted(name: str, doc: str, kind: str, types: Any, indices: str = "INDEX") -> Any:
    @op(
        f"{name}(data: T, segment_ids: Tindices, num_segments: Tnumsegments, *,"
        f" Tindices: {indices}, Tnumsegments: {{int32,int64}} = int32) -> output: T",
        doc,
        shape=_unsorted_shape,
        static=["num_segments"],
        T=types,
    )
    def segment(xp, data, segment_ids, num_segments):
        return _segments(xp, kind, *_rows(data, segment_ids), _number(num_segments))

    return segment


unsorted_segment_sum_op = _unsorted(
    "UnsortedSegmentSum", "Sums over segments.", "sum", NUMBER, "{int16,int32,int64}"
)
unsorted_segment_prod_op = _unsorted(
    "UnsortedSegmentProd", "Products over segments.", "prod", NUMBER
)
unsorted_segment_min_op = _unsorted("UnsortedSegmentMin", "Minima over segments.", "min", REAL)
unsorted_segment_max_op = _unsorted("UnsortedSegmentMax", "Maxima over segments.", "max", REAL)


def _gather_or_zero(params: Any, ids: Any) -> Any:
    """The rows of `params` that `ids` name; zeros for negative ids."""
    known = constant_value(ids)
    if known is not None and (not known.size or known.min() >= 0):
        return gather_op(params, ids, 0)
    rows = gather_op(params, REGISTRY["Maximum"](ids, _zero(ids)), 0)
    valid = array.reshape_op(REGISTRY["GreaterEqual"](ids, _zero(ids)), _with_ones(ids, rows))
    return REGISTRY["SelectV2"](valid, rows, _zero(rows))


@unsorted_segment_sum_op.gradient_rule
def _unsorted_segment_sum_grad(g, segment_ids):
    return _gather_or_zero(convert_to_tensor(g), segment_ids), None, None


def _unsorted_extreme_grad(g, data, segment_ids, num_segments, output):
    """Shared evenly by the elements that attain the extreme."""
    g = convert_to_tensor(g)
    chosen = REGISTRY["Equal"](data, _gather_or_zero(output, segment_ids))
    count = unsorted_segment_sum_op(
        REGISTRY["Cast"](chosen, DstT=g.dtype), segment_ids, num_segments
    )
    share = _gather_or_zero(REGISTRY["RealDiv"](g, count), segment_ids)
    return REGISTRY["SelectV2"](chosen, share, _zero(g)), None, None


unsorted_segment_min_op.gradient_rule(_unsorted_extreme_grad)
unsorted_segment_max_op.gradient_rule(_unsorted_extreme_grad)


@unsorted_segment_prod_op.gradient_rule
def _unsorted_segment_prod_grad(g, data, segment_ids, num_segments, output):
    """With one zero in a segment, the product of the others goes there; with more, nothing does."""
    g = convert_to_tensor(g)
    select, one = REGISTRY["SelectV2"], np.ones((), data.dtype.base_dtype.np)
    is_zero = REGISTRY["Equal"](data, _zero(data))
    zeros = unsorted_segment_sum_op(
        REGISTRY["Cast"](is_zero, DstT="int32"), segment_ids, num_segments
    )
    g = select(REGISTRY["Greater"](zeros, 1), _zero(g), g)
    others = select(is_zero, one, data)
    without = unsorted_segment_prod_op(others, segment_ids, num_segments)
    partial = select(
        is_zero,
        _gather_or_zero(without, segment_ids),
        _gather_or_zero(output, segment_ids) / others,
    )
    return _gather_or_zero(g, segment_ids) * partial, None, None


@export("math.unsorted_segment_sum", v1=("unsorted_segment_sum",))
def unsorted_segment_sum(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Any:
    """Sums of the slices of `data` with equal ids.

    Args:
      data: a tensor of numbers, whose shape starts with that of `segment_ids`.
      segment_ids: an integer tensor with values below `num_segments`; slices with negative ids are
        dropped.
      num_segments: how many rows the result has.

    Raises:
      InvalidArgumentError: if an id is too large (on accelerators its slice is dropped).

    >>> import reflow as tf
    >>> tf.math.unsorted_segment_sum([1, 2, 3], [1, 0, 1], 3).numpy().tolist()
    [2, 4, 0]
    """
    return unsorted_segment_sum_op(data, segment_ids, num_segments, name=name)


@export("math.unsorted_segment_prod", v1=("unsorted_segment_prod",))
def unsorted_segment_prod(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Any:
    """Products of the slices of `data` with equal ids: see `tf.math.unsorted_segment_sum`.

    >>> import reflow as tf
    >>> tf.math.unsorted_segment_prod([2, 3, 4], [1, 0, 1], 3).numpy().tolist()
    [3, 8, 1]
    """
    return unsorted_segment_prod_op(data, segment_ids, num_segments, name=name)


@export("math.unsorted_segment_min", v1=("unsorted_segment_min",))
def unsorted_segment_min(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Any:
    """Minima of the slices of `data` with equal ids: see `tf.math.unsorted_segment_sum`.

    A segment without slices has the largest value of the dtype.

    >>> import reflow as tf
    >>> tf.math.unsorted_segment_min([2, 3, 4], [1, 0, 1], 2).numpy().tolist()
    [3, 2]
    """
    return unsorted_segment_min_op(data, segment_ids, num_segments, name=name)


@export("math.unsorted_segment_max", v1=("unsorted_segment_max",))
def unsorted_segment_max(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Any:
    """Maxima of the slices of `data` with equal ids: see `tf.math.unsorted_segment_sum`.

    A segment without slices has the smallest value of the dtype.

    >>> import reflow as tf
    >>> tf.math.unsorted_segment_max([2, 3, 4], [1, 0, 1], 2).numpy().tolist()
    [3, 4]
    """
    return unsorted_segment_max_op(data, segment_ids, num_segments, name=name)


def _segment_sizes(data: Any, segment_ids: Any, num_segments: Any) -> Any:
    """How many slices each segment has, at least 1, to divide by."""
    num_segments = convert_to_tensor(num_segments)
    ones = filling.ones(array.shape_of(segment_ids), data.dtype)
    count = unsorted_segment_sum_op(ones, segment_ids, num_segments)
    more = [array.rank(data) - array.rank(segment_ids)]
    sizes = joining.concat([num_segments[None], filling.ones(more, num_segments.dtype)], axis=0)
    return REGISTRY["Maximum"](array.reshape(count, sizes), 1)


@export("math.unsorted_segment_mean", v1=("unsorted_segment_mean",))
def unsorted_segment_mean(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Any:
    """Means of the slices of `data` with equal ids: see `tf.math.unsorted_segment_sum`.

    >>> import reflow as tf
    >>> tf.math.unsorted_segment_mean([2.0, 3.0, 4.0], [1, 0, 1], 2).numpy().tolist()
    [3.0, 3.0]
    """
    with name_scope(name, "UnsortedSegmentMean"):
        data = convert_to_tensor(data)
        segment_ids = convert_to_tensor(segment_ids)
        sizes = _segment_sizes(data, segment_ids, num_segments)
        return unsorted_segment_sum_op(data, segment_ids, num_segments) / sizes


@export("math.unsorted_segment_sqrt_n", v1=("unsorted_segment_sqrt_n",))
def unsorted_segment_sqrt_n(
    data: Any, segment_ids: Any, num_segments: Any, name: str | None = None
) -> Any:
    """Sums of the slices with equal ids, divided by the square root of their number.

    See `tf.math.unsorted_segment_sum`.

    >>> import reflow as tf
    >>> tf.math.unsorted_segment_sqrt_n([2.0, 3.0, 3.0, 3.0, 3.0], [1, 0, 0, 0, 0], 2).numpy()
    array([6., 2.], dtype=float32)
    """
    with name_scope(name, "UnsortedSegmentSqrtN"):
        data = convert_to_tensor(data)
        segment_ids = convert_to_tensor(segment_ids)
        sizes = _segment_sizes(data, segment_ids, num_segments)
        summed = unsorted_segment_sum_op(data, segment_ids, num_segments)
        return summed / REGISTRY["Sqrt"](sizes)


# Of gathered rows ---------------------------------------------------------------------------------


def _weights(xp: Any, kind: str, ids: Any, count: int, dtype: Any) -> Any:
    """What to divide the sum of each segment by, at least 1."""
    ones = xp.ones(ids.shape, np.float64 if dtype == np.float64 else np.float32)
    number = xp.maximum(_segments(xp, "sum", ones, ids, count), 1)
    return number if kind == "mean" else xp.sqrt(number)


def _per_row(weights: Any, rank: int) -> Any:
    return weights.reshape((-1, *[1] * (rank - 1)))


def _sparse_segments(xp, kind, data, indices, ids, count) -> Any:
    if tuple(indices.shape) != tuple(ids.shape):
        raise ValueError("segment_ids and indices should have same size.")
    if xp.is_numpy:
        check_range(indices, data.shape[0])
        rows = data[indices]
    else:
        rows = rows_at(xp, data, indices)
    wide = np.float32 if data.dtype.itemsize == 2 and data.dtype.kind not in "iu" else data.dtype
    total = _segments(xp, "sum", xp.astype(rows, wide), ids, count)
    if kind != "sum":
        total = total / _per_row(_weights(xp, kind, ids, count, data.dtype), len(data.shape))
    return xp.astype(total, data.dtype)


_SPARSE = "Tidx: {int32,int64} = int32, Tsegmentids: {int32,int64} = int32"
_SPARSE_NUMBER = "Tnumsegments: {int32,int64} = int32"


def _sparse_shape(data, indices, segment_ids):
    indices.shape.with_rank(1).merge_with(segment_ids.shape.with_rank(1))
    return _segment_shape(data, segment_ids)


def _sparse_number_shape(data, indices, segment_ids, num_segments):
    shape = _sparse_shape(data, indices, segment_ids)
    known = constant_value(num_segments)
    if known is None or shape.rank is None:
        return shape
    return shapes.of((_number(known), *shape.sizes[1:]))


def _sparse_segment(name: str, kind: str, types: Any) -> tuple[Any, Any]:
    """The op `name`, and the one that is told the number of segments."""

    @op(
        f"{name}(data: T, indices: Tidx, segment_ids: Tsegmentids, *, {_SPARSE},"
        " sparse_gradient: bool = False) -> output: T",
        f"The {kind} over segments of gathered rows.",
        shape=_sparse_shape,
        compile=False,
        T=types,
    )
    def plain(xp, data, indices, segment_ids):
        count = _check_sorted(segment_ids, indices.size)
        return _sparse_segments(xp, kind, data, indices, segment_ids, count)

    @op(
        f"{name}WithNumSegments(data: T, indices: Tidx, segment_ids: Tsegmentids,"
        f" num_segments: Tnumsegments, *, {_SPARSE}, {_SPARSE_NUMBER},"
        " sparse_gradient: bool = False) -> output: T",
        f"The {kind} over a given number of segments of gathered rows.",
        shape=_sparse_number_shape,
        static=["num_segments"],
        T=types,
    )
    def numbered(xp, data, indices, segment_ids, num_segments):
        count = _number(num_segments)
        if xp.is_numpy and _check_sorted(segment_ids, indices.size) > count:
            raise ValueError("segment ids must be < num_segments")
        return _sparse_segments(xp, kind, data, indices, segment_ids, count)

    return plain, numbered


sparse_segment_sum_op, sparse_segment_sum_with_num_segments_op = _sparse_segment(
    "SparseSegmentSum", "sum", REAL
)
sparse_segment_mean_op, sparse_segment_mean_with_num_segments_op = _sparse_segment(
    "SparseSegmentMean", "mean", FLOAT
)
sparse_segment_sqrt_n_op, sparse_segment_sqrt_n_with_num_segments_op = _sparse_segment(
    "SparseSegmentSqrtN", "sqrtn", FLOAT
)


def _scaled_rows(xp: Any, kind: str, grad: Any, indices: Any, ids: Any) -> Any:
    """For each gathered row its gradient."""
    if tuple(indices.shape) != tuple(ids.shape):
        raise ValueError("segment_ids and indices should have same size.")
    count = grad.shape[0]
    if xp.is_numpy:
        check_range(ids, count, "segment_ids")
        rows = grad[ids]
    else:
        rows = xp.take(grad, beyond(xp, ids, count), 0, mode="fill", fill_value=0)
    if kind != "sum":
        weights = _weights(xp, kind, ids, count, grad.dtype)
        rows = rows / _per_row(weights[ids], len(grad.shape))
    elif grad.dtype.itemsize == 2:
        rows = xp.astype(rows, np.float32)
    return rows


def _sparse_grad(name: str, kind: str, with_number: Any) -> tuple[Any, Any]:
    """The gradient of a reduction over gathered rows: dense, and for the rows that occur alone."""

    @op(
        f"{name}(grad: T, indices: Tidx, segment_ids: Tsegmentids, output_dim0: int32, *, {_SPARSE})"
        " -> output: T",
        f"The gradient of SparseSegment{name[13:-4]}.",
        static=["output_dim0"],
        T=FLOAT,
    )
    def dense(xp, grad, indices, segment_ids, output_dim0):
        rows = _scaled_rows(xp, kind, grad, indices, segment_ids)
        if xp.is_numpy:
            check_range(indices, int(output_dim0))
        total = _segments(xp, "sum", rows, indices, _number(output_dim0))
        return xp.astype(total, grad.dtype)

    @dense.shape_rule
    def _dense_shape(grad, indices, segment_ids, output_dim0):
        dims, known = grad._shape._dims, constant_value(output_dim0)
        if dims is None:
            return shapes.UNKNOWN
        return shapes.of((None if known is None else int(known), *dims[1:]))

    @dense.gradient_rule
    def _dense_grad(g, grad, indices, segment_ids):
        count = array.shape(grad)[0]
        return with_number(g, indices, segment_ids, count), None, None, None

    @op(
        f"{name}V2(grad: T, indices: Tidx, segment_ids: Tsegmentids, dense_output_dim0: int32, *,"
        f" {_SPARSE}) -> output: T, sorted_unique_indices: Tidx",
        f"The gradient of SparseSegment{name[13:-4]}, for the rows that occur alone.",
        compile=False,
        grad=None,
        T=FLOAT,
    )
    def sparse(xp, grad, indices, segment_ids, dense_output_dim0):
        rows = _scaled_rows(xp, kind, grad, indices, segment_ids)
        check_range(indices, int(dense_output_dim0))
        places, where = np.unique(indices, return_inverse=True)
        total = _reduced("sum", rows, where.reshape(-1), places.size, 0)
        return total.astype(grad.dtype), places

    @sparse.shape_rule
    def _sparse_rows_shape(grad, indices, segment_ids, dense_output_dim0):
        dims = grad._shape._dims
        return [shapes.UNKNOWN if dims is None else shapes.of((None, *dims[1:])), (None,)]

    return dense, sparse


sparse_segment_sum_grad_op, sparse_segment_sum_grad_v2_op = _sparse_grad(
    "SparseSegmentSumGrad", "sum", sparse_segment_sum_with_num_segments_op
)
sparse_segment_mean_grad_op, sparse_segment_mean_grad_v2_op = _sparse_grad(
    "SparseSegmentMeanGrad", "mean", sparse_segment_mean_with_num_segments_op
)
sparse_segment_sqrt_n_grad_op, sparse_segment_sqrt_n_grad_v2_op = _sparse_grad(
    "SparseSegmentSqrtNGrad", "sqrtn", sparse_segment_sqrt_n_with_num_segments_op
)


def _set_sparse_gradients(ops: tuple, dense: Any, sparse: Any) -> None:
    def rule(g, data, indices, segment_ids, *, sparse_gradient):
        g = convert_to_tensor(g)
        sizes = array.shape(data)
        if sparse_gradient:
            values, places = sparse(g, indices, segment_ids, sizes[0])
            return IndexedSlices(values, places, sizes)
        return dense(g, indices, segment_ids, sizes[0])

    for each in ops:
        each.gradient_rule(rule)


_set_sparse_gradients(
    (sparse_segment_sum_op, sparse_segment_sum_with_num_segments_op),
    sparse_segment_sum_grad_op,
    sparse_segment_sum_grad_v2_op,
)
_set_sparse_gradients(
    (sparse_segment_mean_op, sparse_segment_mean_with_num_segments_op),
    sparse_segment_mean_grad_op,
    sparse_segment_mean_grad_v2_op,
)
_set_sparse_gradients(
    (sparse_segment_sqrt_n_op, sparse_segment_sqrt_n_with_num_segments_op),
    sparse_segment_sqrt_n_grad_op,
    sparse_segment_sqrt_n_grad_v2_op,
)


def _sparse_call(plain, numbered, data, indices, segment_ids, num_segments, sparse_gradient, name):
    attrs = {"sparse_gradient": sparse_gradient, "name": name}
    if num_segments is None:
        return plain(data, indices, segment_ids, **attrs)
    return numbered(data, indices, segment_ids, num_segments, **attrs)


@export(v2=("sparse.segment_sum",))
def sparse_segment_sum(
    data: Any,
    indices: Any,
    segment_ids: Any,
    num_segments: Any = None,
    name: str | None = None,
    sparse_gradient: bool = False,
) -> Any:
    """Sums over segments of the rows `indices` of `data`.

    Args:
      data: a tensor of numbers.
      indices: an integer vector of rows.
      segment_ids: a sorted integer vector, one id for each of `indices`.
      num_segments: how many rows the result has; by default as many as the last id says.
      sparse_gradient: whether the gradient of `data` is a `tf.IndexedSlices`.

    Raises:
      InvalidArgumentError: if an index is out of range, or ids are not sorted.

    >>> import reflow as tf
    >>> tf.sparse.segment_sum([1, 2, 3], [0, 2, 2], [0, 0, 1]).numpy().tolist()
    [4, 3]
    """
    return _sparse_call(
        sparse_segment_sum_op, sparse_segment_sum_with_num_segments_op, data, indices, segment_ids,
        num_segments, sparse_gradient, name,
    )  # fmt: skip


@export(v1=("sparse.segment_sum", "sparse_segment_sum"))
def sparse_segment_sum_v1(
    data: Any,
    indices: Any,
    segment_ids: Any,
    name: str | None = None,
    num_segments: Any = None,
    sparse_gradient: bool = False,
) -> Any:
    """TF 1's `tf.sparse.segment_sum`, with `name` before `num_segments`."""
    return sparse_segment_sum(data, indices, segment_ids, num_segments, name, sparse_gradient)


@export(v2=("sparse.segment_mean",))
def sparse_segment_mean(
    data: Any,
    indices: Any,
    segment_ids: Any,
    num_segments: Any = None,
    name: str | None = None,
    sparse_gradient: bool = False,
) -> Any:
    """Means over segments of the rows `indices` of `data`: see `tf.sparse.segment_sum`.

    >>> import reflow as tf
    >>> tf.sparse.segment_mean([1.0, 2.0, 3.0], [0, 2, 2], [0, 0, 1]).numpy().tolist()
    [2.0, 3.0]
    """
    return _sparse_call(
        sparse_segment_mean_op, sparse_segment_mean_with_num_segments_op, data, indices,
        segment_ids, num_segments, sparse_gradient, name,
    )  # fmt: skip


@export(v1=("sparse.segment_mean", "sparse_segment_mean"))
def sparse_segment_mean_v1(
    data: Any,
    indices: Any,
    segment_ids: Any,
    name: str | None = None,
    num_segments: Any = None,
    sparse_gradient: bool = False,
) -> Any:
    """TF 1's `tf.sparse.segment_mean`, with `name` before `num_segments`."""
    return sparse_segment_mean(data, indices, segment_ids, num_segments, name, sparse_gradient)


@export(v2=("sparse.segment_sqrt_n",))
def sparse_segment_sqrt_n(
    data: Any,
    indices: Any,
    segment_ids: Any,
    num_segments: Any = None,
    name: str | None = None,
    sparse_gradient: bool = False,
) -> Any:
    """Sums over segments of gathered rows, divided by the square root of the number of rows.

    See `tf.sparse.segment_sum`.

    >>> import reflow as tf
    >>> tf.sparse.segment_sqrt_n([1.0, 2.0, 3.0], [2, 2, 2, 2], [0, 0, 0, 0]).numpy().tolist()
    [6.0]
    """
    return _sparse_call(
        sparse_segment_sqrt_n_op, sparse_segment_sqrt_n_with_num_segments_op, data, indices,
        segment_ids, num_segments, sparse_gradient, name,
    )  # fmt: skip


@export(v1=("sparse.segment_sqrt_n", "sparse_segment_sqrt_n"))
def sparse_segment_sqrt_n_v1(
    data: Any,
    indices: Any,
    segment_ids: Any,
    name: str | None = None,
    num_segments: Any = None,
    sparse_gradient: bool = False,
) -> Any:
    """TF 1's `tf.sparse.segment_sqrt_n`, with `name` before `num_segments`."""
    return sparse_segment_sqrt_n(data, indices, segment_ids, num_segments, name, sparse_gradient)
