"""Order: sort, the largest elements, the n-th element, places in a sorted sequence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import constant_node, convert_to_tensor
from reflow.lang.dtypes import as_dtype, int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.ops import array, nd_indexing
from reflow.ops.define import op

# The largest --------------------------------------------------------------------------------------


def _top(xp: Any, x: Any, k: int) -> tuple[Any, Any]:
    """The k largest along the last axis and their indices; among equals the first comes first."""
    if not x.shape:
        raise ValueError("input must be >= 1-D, got shape []")
    if k < 0:
        raise ValueError(f"Need k >= 0, got {k}")
    n = x.shape[-1]
    if n < k:
        raise ValueError(f"input must have at least k columns. Had {n}, needed {k}")
    if not xp.is_numpy:
        return xp.lax.top_k(x, k)
    if k == 1:
        index = np.argmax(x, -1)[..., None]
    elif 0 < 4 * k <= n and n >= 64 and not (x.dtype.kind == "f" and np.isnan(x).any()):
        index = _few_of_many(x, k)
    else:
        # A stable sort of the reversed rows puts the first of equals last: then read backwards.
        order = np.argsort(x[..., ::-1], axis=-1, kind="stable")
        index = n - 1 - order[..., : n - k - 1 if k < n else None : -1]
    return np.take_along_axis(x, index, -1), index


def _few_of_many(x: np.ndarray, k: int) -> np.ndarray:
    """The indices of the k largest along the last axis, without sorting all of them."""
    n = x.shape[-1]
    least = np.partition(x, n - k, -1)[..., n - k : n - k + 1]
    above, equal = x > least, x == least
    left = k - above.sum(-1, keepdims=True)
    chosen = above | (equal & (equal.cumsum(-1) <= left))
    index = np.nonzero(chosen)[-1].reshape((*x.shape[:-1], k))
    values = np.take_along_axis(x, index, -1)
    order = k - 1 - np.argsort(values[..., ::-1], axis=-1, kind="stable")[..., ::-1]
    return np.take_along_axis(index, order, -1)


def _top_shape(input: Any, k: int | None) -> list[Any]:
    dims = input._shape._dims
    if dims is None:
        return [shapes.UNKNOWN, shapes.UNKNOWN]
    if not dims:
        raise ValueError("Shape must be at least rank 1 but is rank 0: input of top_k")
    if k is not None and k < 0:
        raise ValueError(f"Need k >= 0, got {k}")
    if k is not None and dims[-1] is not None and dims[-1] < k:
        raise ValueError(f"input must have last dimension >= k = {k} but is {dims[-1]}")
    result = shapes.of((*dims[:-1], k))
    return [result, result]


@op(
    "TopK(input: T, *, k: int, sorted: bool = True, T: REAL) -> values: T, indices: int32",
    shape=lambda input, *, k: _top_shape(input, k),
)
def top_k_v1_op(xp, input, *, k):
    """The k largest elements along the last dimension."""
    values, index = _top(xp, input, k)
    return values, xp.astype(index, np.int32)


@op(
    "TopKV2(input: T, k: Tk, *, sorted: bool = True, T: REAL, Tk: {int16,int32,int64} = int32,"
    " index_type: {int16,int32,int64} = int32) -> values: T, indices: index_type",
    static=["k"],
)
def top_k_op(xp, input, k, *, index_type):
    """The k largest elements along the last dimension."""
    if k.shape:
        raise ValueError(f"k must be scalar, got shape {list(k.shape)}")
    values, index = _top(xp, input, int(k))
    return values, xp.astype(index, index_type)


@top_k_op.shape_rule
def _top_k_shape(input, k):
    known = constant_value(k)
    return _top_shape(input, None if known is None else int(known))


@top_k_op.gradient_rule
def _top_k_grad(g_values, input, indices):
    return _back_to_places(g_values, input, indices), None


top_k_v1_op.gradient_rule(
    lambda g_values, input, indices: _back_to_places(g_values, input, indices)
)


def _back_to_places(g: Any, x: Any, indices: Any) -> Any:
    """Zeros in the shape of `x`, with `g` at `indices` of the last dimension."""
    if g is None:
        return None
    if indices.dtype is not int32:
        indices = REGISTRY["Cast"](indices, DstT=int32)
    dims, taken = x._shape._dims, indices._shape._dims
    if dims is not None and taken is not None and None not in dims and None not in taken:
        rows = math.prod(dims[:-1])
        places = array.reshape_op(indices, [rows, taken[-1]])
        if rows != 1:
            first = np.arange(rows, dtype=np.int32)[:, None] * np.int32(dims[-1])
            places = REGISTRY["AddV2"](places, first)
        flat = array.reshape_op(places, [-1, 1])
        total = math.prod(dims)
        spread = nd_indexing.scatter_nd_op(flat, array.reshape_op(g, [-1]), [total])
        return array.reshape_op(spread, list(dims))
    sizes = array.shape(x)
    width = sizes[-1]
    count = array.shape(indices)[-1]
    places = array.reshape(indices, [-1, count])
    first = REGISTRY["Range"](0, array.size(x), REGISTRY["Maximum"](width, 1))
    flat = array.reshape(places + array.expand_dims(first, -1), [-1, 1])
    spread = nd_indexing.scatter_nd_op(flat, array.reshape(g, [-1]), [array.size(x)])
    return array.reshape(spread, sizes)


@export("math.top_k", "nn.top_k")
def top_k(
    input: Any, k: Any = 1, sorted: bool = True, index_type: Any = int32, name: str | None = None
) -> Any:
    """The k largest elements along the last dimension, largest first, and their indices.

    Args:
      input: a tensor of real numbers, of rank 1 or more.
      k: how many, a scalar.
      sorted: whether they have to be in order.
      index_type: the dtype of the indices.

    Returns:
      A named tuple `(values, indices)`. Of equal elements the first comes first.

    Raises:
      InvalidArgumentError: if the last dimension is smaller than `k`.

    >>> import reflow as tf
    >>> values, indices = tf.math.top_k([1, 3, 2], 2)
    >>> values.numpy().tolist(), indices.numpy().tolist()
    ([3, 2], [1, 2])
    """
    return top_k_op(input, k, sorted=sorted, index_type=as_dtype(index_type), name=name)


# Sorting ------------------------------------------------------------------------------------------


@export("sort")
def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """`values` sorted along a dimension.

    Args:
      values: a tensor of real numbers, of rank 1 or more.
      axis: the dimension, a constant.
      direction: "ASCENDING" or "DESCENDING".

    Raises:
      ValueError: for another direction, or an axis that is no constant.

    >>> import reflow as tf
    >>> tf.sort([3, 1, 2]).numpy().tolist()
    [1, 2, 3]
    """
    with name_scope(name, "sort"):
        return _sort(values, axis, direction, 0)


@export("argsort")
def argsort(
    values: Any,
    axis: Any = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Any:
    """The indices that sort `values` along a dimension, as int32.

    Args:
      values: a tensor of real numbers, of rank 1 or more.
      axis: the dimension, a constant.
      direction: "ASCENDING" or "DESCENDING".
      stable: the order of equal elements is always kept.

    Raises:
      ValueError: for another direction, or an axis that is no constant.

    >>> import reflow as tf
    >>> tf.argsort([3, 1, 2]).numpy().tolist()
    [1, 2, 0]
    """
    with name_scope(name, "argsort"):
        return _sort(values, axis, direction, 1)


def _sort(values: Any, axis: Any, direction: str, which: int) -> Any:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(
            f"{errors.user_site()}: Argument `direction` should be one of ASCENDING, "
            f"DESCENDING. Received: direction={direction}"
        )
    axis = convert_to_tensor(axis, name="axis")
    at = constant_value(axis)
    if axis.shape.rank not in (None, 0) or at is None:
        raise ValueError(
            f"{errors.user_site()}: Argument `axis` must be a constant scalar. "
            f"Received: axis={axis}."
        )
    values = convert_to_tensor(values, name="values")
    if direction == "DESCENDING":
        return _descending(values, int(at), which)
    dtype = values.dtype.base_dtype
    if dtype.is_unsigned:
        largest = dtype.max
        result = _descending(largest - values, int(at), which)
        return result if which else largest - result
    if dtype.is_integer:
        result = _descending(-values - 1, int(at), which)
        return result if which else -result - 1
    result = _descending(-values, int(at), which)
    return result if which else -result


def _descending(values: Any, axis: int, which: int) -> Any:
    k = array.shape(values)[axis]
    rank = array.rank(values)
    known = values.shape.rank
    if axis == -1 or axis + 1 == known:
        return top_k(values, k)[which]
    if known is not None:
        at = axis + known if axis < 0 else axis
        order = np.arange(known, dtype=np.int32)
        order[[at, known - 1]] = order[[known - 1, at]]
        swap = constant_node(order, int32, "transposition")
    else:
        place: Any = axis if axis >= 0 else axis + rank
        numbers = REGISTRY["Range"](0, rank, 1)
        swap = nd_indexing.tensor_scatter_nd_update(
            numbers, [[place], [rank - 1]], [rank - 1, place]
        )
    result = top_k(array.transpose(values, swap), k)[which]
    return array.transpose(result, swap)


@op(
    "NthElement(input: T, n: int32, *, reverse: bool = False, T: REAL) -> values: T",
)
def nth_element_op(xp, input, n, *, reverse):
    """The n-th smallest element along the last dimension."""
    if not input.shape:
        raise ValueError("Input must be >= 1-D, got shape []")
    size = input.shape[-1]
    if isinstance(n, (np.ndarray, np.generic)):
        if n.shape:
            raise ValueError(f"N must be scalar, got shape {list(n.shape)}")
        if n < 0:
            raise ValueError(f"n must be non-negative, got {int(n)}")
        if n >= size:
            raise ValueError("Input must have at least n+1 columns")
        n = int(n)
    at = size - 1 - n if reverse else n
    if xp.is_numpy:
        return np.partition(input, at, -1)[..., at]
    return xp.take(xp.sort(input, -1), at, -1, mode="clip")


@nth_element_op.shape_rule
def _nth_element_shape(input, n):
    dims = input._shape._dims
    if n.shape.rank not in (None, 0):
        raise ValueError(f"Shape must be rank 0 but is rank {n.shape.rank}: n of nth_element")
    if dims is None:
        return shapes.UNKNOWN
    if not dims:
        raise ValueError("Shape must be at least rank 1 but is rank 0: input of nth_element")
    known = constant_value(n)
    if known is not None and dims[-1] is not None and known >= dims[-1]:
        raise ValueError(f"Input must have last dimension > n = {int(known)} but is {dims[-1]}")
    return shapes.of(dims[:-1])


@nth_element_op.gradient_rule
def _nth_element_grad(g, input, values):
    """Shared evenly by the elements that are equal to the n-th."""
    chosen = REGISTRY["Equal"](array.expand_dims(values, -1), input)
    chosen = REGISTRY["Cast"](chosen, DstT=g.dtype)
    count = REGISTRY["Sum"](chosen, -1, keep_dims=True)
    return REGISTRY["RealDiv"](chosen, count) * array.expand_dims(g, -1), None


# Whether a class is among the largest -------------------------------------------------------------


def _in_top(xp: Any, predictions: Any, targets: Any, k: Any) -> Any:
    if len(predictions.shape) != 2:
        raise ValueError("predictions must be 2-dimensional")
    if len(targets.shape) != 1:
        raise ValueError("targets must be 1-dimensional")
    if predictions.shape[0] != targets.shape[0]:
        raise ValueError(
            f"First dimension of predictions {predictions.shape[0]} must match length of targets "
            f"{targets.shape[0]}"
        )
    classes = predictions.shape[1]
    valid = (targets >= 0) & (targets < classes)
    if not classes:
        return valid
    target = xp.take_along_axis(predictions, xp.where(valid, targets, 0)[:, None], 1)
    finite = xp.isfinite(predictions).all(1)
    return valid & finite & ((predictions > target).sum(1) < k)


def _in_top_shape(predictions, targets, k=None):
    predictions.shape.with_rank(2)
    merged = targets.shape.with_rank(1).merge_with(predictions.shape.with_rank(2)[:1])
    return merged


@op(
    "InTopK(predictions: float, targets: T, *, k: int, T: {int32,int64} = int32)"
    " -> precision: bool",
    shape=_in_top_shape,
    grad=None,
)
def in_top_k_v1_op(xp, predictions, targets, *, k):
    """Whether less than k classes have a larger prediction than the target."""
    return _in_top(xp, predictions, targets, k)


@op(
    "InTopKV2(predictions: float, targets: T, k: T, *, T: {int32,int64} = int32)"
    " -> precision: bool",
    shape=_in_top_shape,
    grad=None,
)
def in_top_k_op(xp, predictions, targets, k):
    """Whether less than k classes have a larger prediction than the target."""
    return _in_top(xp, predictions, targets, k)


@export(v2=("math.in_top_k", "nn.in_top_k"))
def in_top_k(targets: Any, predictions: Any, k: Any, name: str | None = None) -> Any:
    """Whether the prediction of each target is among the k largest; ties all count.

    Args:
      targets: an integer vector `[batch]`, classes.
      predictions: a float32 matrix `[batch, classes]`.
      k: how many.

    Returns:
      A vector of booleans; False for rows with a prediction that is not finite.

    >>> import reflow as tf
    >>> tf.math.in_top_k([0, 0], [[0.1, 0.9], [0.8, 0.2]], 1).numpy().tolist()
    [False, True]
    """
    return in_top_k_v1(predictions, targets, k, name)


@export(v1=("math.in_top_k", "nn.in_top_k"))
def in_top_k_v1(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Any:
    """TF 1's `tf.math.in_top_k`, with `predictions` before `targets`."""
    with name_scope(name, "in_top_k"):
        return in_top_k_op(predictions, targets, k, name="InTopKV2")


# Places in a sorted sequence ----------------------------------------------------------------------


def _bound(name: str, side: str) -> Any:
    @op(
        f"{name}(sorted_inputs: T, values: T, *, out_type: {{int32,int64}} = int32)"
        " -> output: out_type",
        f"Where values go into a sorted row, so that they come {side} of equal elements.",
        shape=lambda sorted_inputs, values: values.shape.with_rank(2),
        grad=None,
    )
    def bound(xp, sorted_inputs, values, *, out_type):
        if len(sorted_inputs.shape) != 2 or len(values.shape) != 2:
            raise ValueError("sorted_inputs and values must be matrices")
        if sorted_inputs.shape[0] != values.shape[0]:
            raise ValueError("Leading dim_size of both tensors must match.")
        if not xp.is_numpy:
            search = xp.jax.vmap(lambda row, v: xp.searchsorted(row, v, side=side))
            return xp.astype(search(sorted_inputs, values), out_type)
        if len(values) > 8 and values.size * sorted_inputs.shape[1] < 1 << 22:  # many short rows
            before = np.less if side == "left" else np.less_equal
            found = before(sorted_inputs[:, None, :], values[:, :, None])
            return found.sum(-1, dtype=out_type.np)
        result = np.empty(values.shape, out_type.np)
        for i in range(len(values)):
            result[i] = np.searchsorted(sorted_inputs[i], values[i], side)
        return result

    return bound


lower_bound_op = _bound("LowerBound", "left")
upper_bound_op = _bound("UpperBound", "right")


@export("searchsorted")
def searchsorted(
    sorted_sequence: Any,
    values: Any,
    side: str = "left",
    out_type: Any = int32,
    name: str | None = None,
) -> Any:
    """Where `values` would have to be inserted so that the sequence stays sorted.

    Args:
      sorted_sequence: a tensor sorted along its last dimension.
      values: a tensor of the same dtype, and of the same sizes in all dimensions but the last.
      side: "left" for the first such place, "right" for the last.
      out_type: `tf.int32` or `tf.int64`.

    Raises:
      ValueError: for another side.
      InvalidArgumentError: if the shapes do not fit.

    >>> import reflow as tf
    >>> tf.searchsorted([1, 3, 5], [0, 3, 6]).numpy().tolist()
    [0, 1, 3]
    """
    if side not in ("left", "right"):
        raise ValueError(
            f"{errors.user_site()}: Argument `side` must be either 'right' or "
            f"'left'. Received: `side` = '{side}'."
        )
    length, width = array.shape_of(sorted_sequence)[-1], array.shape_of(values)[-1]
    sequences = array.reshape(sorted_sequence, [-1, length])
    rows = array.reshape(values, [-1, width])
    bound = upper_bound_op if side == "right" else lower_bound_op
    places = bound(sequences, rows, out_type=as_dtype(out_type), name=name)
    return array.reshape(places, array.shape_of(values))
