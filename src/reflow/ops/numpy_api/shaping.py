"""Functions of `tf.experimental.numpy` that give arrays other shapes, join and part them."""

from __future__ import annotations

import math as python_math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang.static_value import constant_value
from reflow.lang.tensor import is_tensor
from reflow.ops import array as array_ops
from reflow.ops import filling, joining, padding, repeating
from reflow.ops.indexing import packed, sizes_of
from reflow.ops.numpy_api.dtypes import asarray, checked_axis, promoted, published, static_rank


@published()
def reshape(a: Any, newshape: Any, order: str = "C") -> Any:
    """The elements of an array in another shape.

    Args:
      a: an array.
      newshape: an integer or integers, one of which may be -1.
      order: "C" to read and write rows first, "F" columns first.

    Raises:
      ValueError: for other orders, or if the shape does not fit.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.reshape([1, 2, 3, 4], (2, 2), order="F").numpy())
    [[1 3]
     [2 4]]
    """
    if order not in ("C", "F"):
        raise ValueError(f"Unsupported order argument {order!r}. Only 'C' and 'F' are supported.")
    a = asarray(a)
    sizes = [newshape] if not is_tensor(newshape) and np.ndim(newshape) == 0 else newshape
    if order == "C":
        return array_ops.reshape(a, sizes)
    turned = padding.reverse(sizes, [0]) if is_tensor(sizes) else list(sizes)[::-1]
    return transpose(array_ops.reshape(transpose(a), turned))


@published("flatten")
def flatten(a: Any, order: str = "C") -> Any:
    """The elements of an array as a vector: see `reshape`."""
    return reshape(a, -1, order)


@published()
def ravel(a: Any) -> Any:
    """The elements of an array as a vector."""
    return array_ops.reshape(asarray(a), [-1])


@published()
def transpose(a: Any, axes: Any = None) -> Any:
    """The dimensions in another order, by default the opposite one.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.transpose([[1, 2]]).numpy())
    [[1]
     [2]]
    """
    return array_ops.transpose(asarray(a), perm=axes)


@published()
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Two dimensions exchanged."""
    a = asarray(a)
    rank = static_rank(a)
    axis1, axis2 = checked_axis(axis1, rank), checked_axis(axis2, rank)
    order = list(range(rank))
    order[axis1], order[axis2] = axis2, axis1
    return array_ops.transpose(a, order)


@published()
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Dimensions moved to other places; the rest stay in their order.

    Args:
      a: an array.
      source: a dimension or several.
      destination: where each is to be.

    Raises:
      ValueError: if there are not as many places as dimensions.

    >>> import reflow as tf
    >>> tf.experimental.numpy.moveaxis(tf.zeros([2, 3, 4]), 0, -1).shape
    TensorShape([3, 4, 2])
    """
    a = asarray(a)
    rank = static_rank(a)
    moved = [checked_axis(int(i), rank) for i in np.ravel(source)]
    places = [checked_axis(int(i), rank) for i in np.ravel(destination)]
    if len(moved) != len(places):
        raise ValueError(f"moveaxis has {len(moved)} dimensions to move, to {len(places)} places")
    order = [i for i in range(rank) if i not in moved]
    for place, axis in sorted(zip(places, moved)):
        order.insert(place, axis)
    return array_ops.transpose(a, order)


@published()
def expand_dims(a: Any, axis: Any) -> Any:
    """Another dimension, of size 1."""
    return array_ops.expand_dims(asarray(a), axis)


@published()
def squeeze(a: Any, axis: Any = None) -> Any:
    """Without dimensions of size 1: all of them, or those that are named."""
    return array_ops.squeeze(asarray(a), axis)


def _at_least(rank: int, widen: Callable[[Any], Any], arrays: Sequence[Any]) -> Any:
    widened = [a if static_rank(a) >= rank else widen(a) for a in map(asarray, arrays)]
    return widened[0] if len(widened) == 1 else widened


@published()
def atleast_1d(*arys: Any) -> Any:
    """Arrays, scalars of which become vectors; a list of them if there are several."""
    return _at_least(1, lambda a: array_ops.reshape(a, [1]), arys)


@published()
def atleast_2d(*arys: Any) -> Any:
    """Arrays, vectors of which become rows; a list of them if there are several."""
    return _at_least(2, lambda a: array_ops.reshape(a, [1, -1]), arys)


@published()
def atleast_3d(*arys: Any) -> Any:
    """Arrays of three dimensions or more; a list of them if there are several."""

    def widen(a: Any) -> Any:
        if a._rank == 2:
            return array_ops.expand_dims(a, -1)
        return array_ops.reshape(a, [1, -1, 1])

    return _at_least(3, widen, arys)


@published()
def broadcast_to(array: Any, shape: Any) -> Any:
    """The array repeated to a shape."""
    return filling.broadcast_to(asarray(array), [shape] if np.ndim(shape) == 0 else shape)


@published()
def broadcast_arrays(*args: Any, **kwargs: Any) -> list[Any]:
    """Arrays repeated to the shape that they have together.

    Args:
      *args: arrays.
      **kwargs: `subok`, only False.

    Raises:
      ValueError: if the shapes do not go together, or `subok` is true.
    """
    if kwargs.pop("subok", False) or kwargs:
        raise ValueError("broadcast_arrays has no subok=True, and no other keyword arguments")
    arrays = [asarray(a) for a in args]
    shape: Any = [1]
    for each in arrays:
        shape = filling.broadcast_dynamic_shape(shape, array_ops.shape_v2(each))
    if all(a._rank == 0 for a in arrays):
        return arrays
    return [filling.broadcast_to(a, shape) for a in arrays]


@published()
def concatenate(arys: Any, axis: int | None = 0) -> Any:
    """Arrays one after the other along a dimension.

    Args:
      arys: arrays; or one array, whose rows they are.
      axis: the dimension; None to flatten them first.

    Raises:
      ValueError: if the other sizes differ.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.concatenate([[1], [2.5]]).numpy())
    [1.  2.5]
    """
    arrays = promoted(*(joining.unstack(arys) if is_tensor(arys) else arys))
    if axis is None:
        arrays, axis = [ravel(a) for a in arrays], 0
    return joining.concat(arrays, axis)


@published()
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Two arrays one after the other, flattened unless a dimension is named."""
    return concatenate([arr, values], axis)


@published()
def stack(arrays: Any, axis: int = 0) -> Any:
    """Arrays beside each other along another dimension."""
    if is_tensor(arrays) and axis == 0:
        return asarray(arrays)
    return joining.stack(
        promoted(*(joining.unstack(arrays) if is_tensor(arrays) else arrays)), axis
    )


@published()
def hstack(tup: Any) -> Any:
    """Arrays one after the other along their second dimension; vectors along the only one."""
    arrays = [atleast_1d(a) for a in promoted(*tup)]
    return joining.concat(arrays, 0 if arrays[0]._rank == 1 else 1)


@published()
def vstack(tup: Any) -> Any:
    """Arrays one below the other."""
    return joining.concat([atleast_2d(a) for a in promoted(*tup)], 0)


@published()
def dstack(tup: Any) -> Any:
    """Arrays one after the other along their third dimension."""
    return joining.concat([atleast_3d(a) for a in promoted(*tup)], 2)


@published()
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """An array in parts.

    Args:
      ary: an array.
      indices_or_sections: how many equal parts, or where each but the first begins.
      axis: along which dimension.

    Raises:
      ValueError: if equal parts are asked for and there are none.

    >>> import reflow as tf
    >>> [part.numpy().tolist() for part in tf.experimental.numpy.split([1, 2, 3], [1])]
    [[1], [2, 3]]
    """
    ary = asarray(ary)
    if np.ndim(indices_or_sections) == 0:
        return joining.split(ary, operator.index(indices_or_sections), axis)
    whole = [slice(None)] * checked_axis(axis, static_rank(ary))
    ends = [int(i) for i in indices_or_sections]
    parts = zip([None, *ends], [*ends, None])
    return [ary[(*whole, slice(begin, end))] for begin, end in parts]


@published()
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the second dimension, of vectors along the only one: see `split`."""
    ary = asarray(ary)
    return split(ary, indices_or_sections, 0 if static_rank(ary) == 1 else 1)


@published()
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the first dimension: see `split`."""
    return split(ary, indices_or_sections, 0)


@published()
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along the third dimension: see `split`."""
    return split(ary, indices_or_sections, 2)


@published()
def tile(a: Any, reps: Any) -> Any:
    """The array repeated as a whole, along each dimension as often as `reps` says.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.tile([1, 2], 2).numpy())
    [1 2 1 2]
    """
    a = asarray(a)
    counts = [int(i) for i in np.ravel(constant_value(reps) if is_tensor(reps) else reps)]
    missing = len(counts) - static_rank(a)
    if missing > 0:
        a = array_ops.reshape(a, packed([1] * missing + sizes_of(a)))
    return repeating.tile(a, [1] * -missing + counts)


@published()
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element repeated: along a dimension, or of the flattened array."""
    return repeating.repeat(asarray(a), repeats, axis)


@published()
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Elements moved along dimensions, the last to the front; by default of the flattened array."""
    a = asarray(a)
    if axis is not None:
        return padding.roll(a, shift, axis)
    return array_ops.reshape(padding.roll(ravel(a), shift, 0), packed(sizes_of(a)))


@published()
def flip(m: Any, axis: Any = None) -> Any:
    """Elements in the opposite order along dimensions, by default all."""
    m = asarray(m)
    axes = range(static_rank(m)) if axis is None else [int(i) for i in np.ravel(axis)]
    return padding.reverse(m, [checked_axis(i, static_rank(m)) for i in axes])


@published()
def flipud(m: Any) -> Any:
    """Rows in the opposite order."""
    return flip(m, 0)


@published()
def fliplr(m: Any) -> Any:
    """Columns in the opposite order."""
    return flip(m, 1)


@published()
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Turned by 90 degrees, `k` times, from the first of two dimensions to the second."""
    m = asarray(m)
    first, second = (checked_axis(i, static_rank(m)) for i in axes)
    turns = k % 4
    if turns == 0:
        return m
    if turns == 2:
        return flip(m, (first, second))
    if turns == 1:
        return swapaxes(flip(m, second), first, second)
    return flip(swapaxes(m, first, second), second)


@published()
def pad(array: Any, pad_width: Any, mode: str, **kwargs: Any) -> Any:
    """An array with something around it.

    Args:
      array: an array.
      pad_width: how much before and after, a pair for each dimension, one pair for all, or one number.
      mode: "constant", "reflect" or "symmetric".
      **kwargs: `constant_values`, a number for "constant".

    Raises:
      ValueError: for other modes.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.pad([1], [[1, 2]], "constant", constant_values=7).numpy())
    [7 1 7 7]
    """
    if mode not in ("constant", "reflect", "symmetric"):
        raise ValueError(f"Unsupported padding mode: {mode}")
    array = asarray(array)
    widths = (
        pad_width if is_tensor(pad_width) else np.broadcast_to(pad_width, (static_rank(array), 2))
    )
    return padding.pad(array, widths, mode, kwargs.get("constant_values", 0))


@published()
def shape(a: Any) -> Any:
    """The static shape of an array."""
    return asarray(a).shape


@published()
def ndim(a: Any) -> int | None:
    """The number of dimensions of an array."""
    return asarray(a).ndim


@published()
def size(x: Any, axis: Any = None) -> Any:
    """The number of elements of an array: a number where it is known, else a tensor.

    Args:
      x: an array.
      axis: only None.

    Raises:
      NotImplementedError: if an axis is given.
    """
    if axis is not None:
        raise NotImplementedError("size has no axis: use shape(x)[axis]")
    if np.isscalar(x):
        return 1
    x = asarray(x)
    sizes = x.shape.as_list() if x._rank is not None else [None]
    return array_ops.size_v2(x) if None in sizes else np.int64(python_math.prod(sizes))


@published()
def isscalar(num: Any) -> bool:
    """Whether it is a number, or an array without dimensions."""
    if is_tensor(num):
        return asarray(num)._rank == 0
    return np.isscalar(num) or (isinstance(num, np.ndarray) and num.ndim == 0)


@published()
def iscomplexobj(x: Any) -> bool:
    """Whether an array is of complex numbers."""
    return asarray(x).dtype.is_complex


@published()
def isrealobj(x: Any) -> bool:
    """Whether an array is not of complex numbers."""
    return not iscomplexobj(x)
