"""Functions of `tf.experimental.numpy` that choose and order elements, and NumPy's indexing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang.dtypes import bool as boolean
from reflow.lang.dtypes import int64
from reflow.lang.tensor import is_tensor
from reflow.ops import array as array_ops
from reflow.ops import compare, filling, indexing, joining, masking, nd_indexing, slicing, sorting
from reflow.ops.cast import cast
from reflow.ops.clip import clip_by_value
from reflow.ops.indexing import sizes_of
from reflow.ops.math.division import floor_mod
from reflow.ops.numpy_api.dtypes import asarray, checked_axis, promoted, published, static_rank
from reflow.ops.numpy_api.shaping import moveaxis, ravel


@published()
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Elements of `x` where a condition holds, of `y` elsewhere; without these, where it holds.

    Args:
      condition: an array; what is not 0 is true.
      x: an array.
      y: an array.

    Raises:
      ValueError: if only one of `x` and `y` is given.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.where([True, False], 1, 2.5).numpy())
    [1.  2.5]
    """
    condition = cast(asarray(condition), boolean)
    if x is None and y is None:
        return nonzero(condition)
    if x is None or y is None:
        raise ValueError("Both x and y must be ndarrays, or both must be None.")
    x, y = promoted(x, y)
    return masking.where(condition, x, y)


@published()
def nonzero(a: Any) -> list[Any]:
    """The indices of the elements that are not 0, a vector for each dimension."""
    a = cast(asarray(a), boolean)
    a = array_ops.reshape(a, [1]) if static_rank(a) == 0 else a
    return joining.unstack(masking.where(a), num=static_rank(a), axis=1)


@published()
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """For each element the choice whose condition is the first to hold.

    Args:
      condlist: boolean tensors.
      choicelist: as many tensors, of shapes and dtypes that go together.
      default: what is given where none holds.

    Raises:
      ValueError: if there are not as many conditions as choices.

    >>> import reflow as tf
    >>> x = tf.constant([1, 2, 3])
    >>> print(tf.experimental.numpy.select([x < 2, x < 3], [x * 10, x * 100]).numpy())
    [ 10 200   0]
    """
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"condlist must have length equal to choicelist ({len(condlist)} vs {len(choicelist)})"
        )
    *choices, result = promoted(*choicelist, default)
    for condition, choice in zip(reversed(list(condlist)), reversed(choices)):
        result = masking.where(cast(asarray(condition), boolean), choice, result)
    return result


@published()
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    """The slices along a dimension for which a condition holds; of the flattened array by default.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.compress([True, False, True], [1, 2, 3]).numpy())
    [1 3]
    """
    condition, a = cast(asarray(condition), boolean), asarray(a)
    if axis is None:
        a, axis = ravel(a), 0
    return indexing.gather(a, masking.where(condition)[:, 0], axis=axis)


@published()
def take(a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "clip") -> Any:
    """Slices of an array by their indices.

    Args:
      a: an array.
      indices: integers.
      axis: the dimension; by default `a` is flattened.
      out: tensors do not change: only None.
      mode: what becomes of indices that are out of range: "clip" to the nearest, or "wrap".

    Raises:
      ValueError: for other modes, or if `out` is given.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.take([5, 6, 7], [0, 9]).numpy())
    [5 7]
    """
    if out is not None or mode not in ("clip", "wrap"):
        raise ValueError("take has no `out`, and no modes but 'clip' and 'wrap'")
    a, indices = asarray(a), cast(asarray(indices), int64)
    if axis is None:
        a, axis = ravel(a), 0
    axis = checked_axis(axis, static_rank(a))
    count = cast(sizes_of(a)[axis], int64)
    if mode == "clip":
        indices = clip_by_value(indices, cast(0, int64), count - 1)
    else:
        indices = floor_mod(indices, count)
    return indexing.gather(a, indices, axis=axis)


@published()
def take_along_axis(arr: Any, indices: Any, axis: int | None) -> Any:
    """For each index the element of its own row.

    Args:
      arr: an array.
      indices: integers, of a shape that broadcasts with that of `arr` beside `axis`.
      axis: the dimension that is indexed; None to flatten both.

    Raises:
      ValueError: if the ranks differ.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.take_along_axis([[1, 2], [3, 4]], [[1], [0]], 1).numpy())
    [[2]
     [3]]
    """
    arr, indices = asarray(arr), asarray(indices)
    if axis is None:
        arr, indices, axis = ravel(arr), ravel(indices), 0
    rank = static_rank(arr)
    if static_rank(indices) != rank:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    axis = checked_axis(axis, rank)
    arr, indices = moveaxis(arr, axis, -1), moveaxis(indices, axis, -1)
    outside = filling.broadcast_dynamic_shape(
        array_ops.shape_v2(arr)[:-1], array_ops.shape_v2(indices)[:-1]
    )
    arr, indices = (
        filling.broadcast_to(x, joining.concat([outside, array_ops.shape_v2(x)[-1:]], 0))
        for x in (arr, indices)
    )
    indices = _from_the_front(indices, sizes_of(arr)[-1])
    return moveaxis(indexing.gather(arr, indices, batch_dims=rank - 1, axis=rank - 1), -1, axis)


def _from_the_front(indices: Any, count: Any) -> Any:
    """Indices below 0 count from the end."""
    return masking.where(indices < 0, indices + cast(count, indices.dtype), indices)


def _ordered(a: Any, axis: int | None) -> tuple[Any, int]:
    a = asarray(a)
    return (ravel(a), 0) if axis is None or static_rank(a) == 0 else (a, axis)


@published()
def sort(a: Any, axis: int | None = -1, kind: str = "quicksort", order: Any = None) -> Any:
    """The elements in ascending order along a dimension.

    Args:
      a: an array.
      axis: the dimension; None to flatten it.
      kind: only "quicksort".
      order: only None.

    Raises:
      ValueError: for other kinds, or if an order is given.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.sort([3, 1, 2]).numpy())
    [1 2 3]
    """
    if kind != "quicksort":
        raise ValueError(
            f'Invalid value for argument `kind`. Only kind="quicksort" is supported. Received: kind={kind}'
        )
    if order is not None:
        raise ValueError("`order` argument to sort is not supported.")
    a, axis = _ordered(a, axis)
    return sorting.sort(a, axis)


@published()
def argsort(a: Any, axis: int | None = -1, kind: str = "quicksort", order: Any = None) -> Any:
    """The indices that put the elements in ascending order along a dimension.

    Args:
      a: an array.
      axis: the dimension; None to flatten it.
      kind: "quicksort" or "stable".
      order: only None.

    Raises:
      ValueError: for other kinds, or if an order is given.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.argsort([3, 1, 2]).numpy())
    [1 2 0]
    """
    if kind not in ("quicksort", "stable"):
        raise ValueError("Only kind='quicksort' and kind='stable' are supported")
    if order is not None:
        raise ValueError("'order' argument to argsort is not supported.")
    a, axis = _ordered(a, axis)
    return cast(sorting.argsort(a, axis, stable=kind == "stable"), int64)


@published()
def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """The differences of neighbours along a dimension, `n` times over.

    Args:
      a: an array.
      n: how often.
      axis: the dimension.

    Raises:
      ValueError: if `n` is below 0, or `a` is a scalar.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.diff([1, 4, 9]).numpy())
    [3 5]
    """
    a = asarray(a)
    if n < 0 or static_rank(a) == 0:
        raise ValueError(f"diff takes an array of at least one dimension, and n >= 0, not n = {n}")
    before = (slice(None),) * checked_axis(axis, static_rank(a))
    for _ in range(n):
        later, earlier = a[(*before, slice(1, None))], a[(*before, slice(None, -1))]
        a = compare.not_equal(later, earlier) if a.dtype.is_bool else later - earlier
    return a


# Indexing -----------------------------------------------------------------------------------------


def _is_many(key: Any) -> bool:
    """Whether a part of an index is an array: a list, or an array or tensor that has dimensions."""
    if isinstance(key, (list, np.ndarray)):
        return np.ndim(key) > 0 or (isinstance(key, np.ndarray) and key.dtype == bool)
    return is_tensor(key) and (key.shape.rank != 0 or key.dtype.is_bool)


def _arrays_of(key: Any) -> list[Any]:
    """What an array in an index stands for: truth values for the indices of those that hold."""
    key = asarray(key)
    if not key.dtype.is_bool:
        return [key]
    return joining.unstack(masking.where(key), num=static_rank(key), axis=1)


def getitem(x: Any, key: Any) -> Any:
    """`x[key]` by NumPy's rules: arrays and lists in the index choose elements.

    Integers count as slices of one element beside arrays, as in `tf.experimental.numpy`.

    Raises:
      IndexError: if there are more parts than dimensions.
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    if not any(_is_many(part) for part in parts):
        return slicing.getitem(x, key)
    expanded: list[Any] = []
    for part in parts:
        expanded += [_Many(each) for each in _arrays_of(part)] if _is_many(part) else [part]
    used = sum(part is not None and part is not Ellipsis for part in expanded)
    rank = static_rank(x)
    if used > rank:
        raise IndexError(f"too many indices for an array of {rank} dimensions: {used}")
    if not any(part is Ellipsis for part in expanded):
        expanded.append(Ellipsis)
    at = next(i for i, part in enumerate(expanded) if part is Ellipsis)
    expanded[at : at + 1] = [slice(None)] * (rank - used)
    x = slicing.getitem(x, tuple(slice(None) if isinstance(p, _Many) else p for p in expanded))
    left = [part for part in expanded if part is None or isinstance(part, (slice, _Many))]
    places = [i for i, part in enumerate(left) if isinstance(part, _Many)]
    sizes = sizes_of(x)
    chosen = [
        _from_the_front(cast(left[i].array, int64), sizes[i])  # type: ignore[union-attr]
        for i in places
    ]
    together = places == list(range(places[0], places[-1] + 1))
    if len(places) == 1:
        return indexing.gather(x, chosen[0], axis=places[0])
    order = places + [i for i in range(len(left)) if i not in places]
    moved = array_ops.transpose(x, order)
    shape: Any = [1]
    for each in chosen:
        shape = filling.broadcast_dynamic_shape(shape, array_ops.shape_v2(each))
    at_once = joining.stack([filling.broadcast_to(each, shape) for each in chosen], -1)
    result = nd_indexing.gather_nd(moved, at_once)
    if not together or places[0] == 0:
        return result
    count = at_once._rank - 1
    return moveaxis(result, range(count), range(places[0], places[0] + count))


class _Many:
    """An array in an index."""

    def __init__(self, array: Any):
        self.array = array
