"""Functions of `tf.experimental.numpy` that make arrays."""

from __future__ import annotations

import builtins
import operator
from typing import Any

import numpy as np

from reflow.lang.dtypes import bool as boolean
from reflow.lang.dtypes import int32
from reflow.lang.tensor import is_tensor
from reflow.ops import compare, filling, repeating, sequences
from reflow.ops.array import expand_dims, reshape, transpose
from reflow.ops.cast import cast
from reflow.ops.indexing import packed, sizes_of
from reflow.ops.linalg import matrix_diag
from reflow.ops.masking import where
from reflow.ops.math import powers
from reflow.ops.numpy_api.dtypes import (
    as_float,
    asarray,
    checked_axis,
    given_dtype,
    promoted,
    published,
    result_type,
    static_rank,
)


def as_shape(shape: Any) -> Any:
    """A shape as functions of NumPy take it: an integer, a sequence of integers, or a tensor."""
    return [shape] if not is_tensor(shape) and np.ndim(shape) == 0 else shape


@published("zeros", "empty")
def zeros(shape: Any, dtype: Any = float) -> Any:
    """An array of zeros; `empty` gives it too.

    Args:
      shape: an integer or integers.
      dtype: its dtype, by default float64.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.zeros(2).numpy())
    [0. 0.]
    """
    return filling.zeros(as_shape(shape), given_dtype(dtype))


@published()
def ones(shape: Any, dtype: Any = float) -> Any:
    """An array of ones.

    Args:
      shape: an integer or integers.
      dtype: its dtype, by default float64.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.ones(2, int).numpy())
    [1 1]
    """
    return filling.ones(as_shape(shape), given_dtype(dtype))


@published("zeros_like", "empty_like")
def zeros_like(a: Any, dtype: Any = None) -> Any:
    """Zeros of the shape of an array, and of its dtype unless another is given."""
    a = asarray(a)
    return filling.zeros_like(a, a.dtype if dtype is None else given_dtype(dtype))


@published()
def ones_like(a: Any, dtype: Any = None) -> Any:
    """Ones of the shape of an array, and of its dtype unless another is given."""
    a = asarray(a)
    return filling.ones_like(a, a.dtype if dtype is None else given_dtype(dtype))


@published()
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array filled with a value, which is broadcast.

    Args:
      shape: an integer or integers.
      fill_value: a number, or an array that broadcasts to the shape.
      dtype: its dtype, by default that of the value.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.full(2, 7).numpy())
    [7 7]
    """
    return filling.broadcast_to(asarray(fill_value, dtype), as_shape(shape))


@published()
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
) -> Any:
    """An array of the shape and dtype of another, filled with a value.

    Args:
      a: the other array.
      fill_value: a number, or an array that broadcasts to the shape.
      dtype: another dtype.
      order: only "K".
      subok: only True.
      shape: another shape.

    Raises:
      ValueError: for other orders, or `subok=False`.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.full_like([1, 2], 5).numpy())
    [5 5]
    """
    if order != "K" or not subok:
        raise ValueError("full_like has no order but K, and no subok=False: tensors have neither")
    a = asarray(a)
    return full(
        packed(sizes_of(a)) if shape is None else shape,
        fill_value,
        a.dtype if dtype is None else dtype,
    )


@published()
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = float) -> Any:
    """A matrix with ones on a diagonal.

    Args:
      N: the number of rows.
      M: the number of columns, by default `N`.
      k: which diagonal: above the main one, or below it if negative.
      dtype: its dtype, by default float64.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.eye(2, k=1).numpy())
    [[0. 1.]
     [0. 0.]]
    """
    rows, columns = _rows_and_columns(N, M)
    return cast(compare.equal(columns - rows, k), given_dtype(dtype))


def _rows_and_columns(N: Any, M: Any) -> tuple[Any, Any]:
    rows = expand_dims(sequences.range(cast(N, int32)), 1)
    return rows, expand_dims(sequences.range(cast(N if M is None else M, int32)), 0)


@published()
def identity(n: Any, dtype: Any = float) -> Any:
    """The square matrix with ones on its diagonal."""
    return eye(n, dtype=dtype)


@published()
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """A matrix with ones on and below a diagonal.

    Args:
      N: the number of rows.
      M: the number of columns, by default `N`.
      k: which diagonal.
      dtype: its dtype, by default float64.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.tri(2, dtype=int).numpy())
    [[1 0]
     [1 1]]
    """
    rows, columns = _rows_and_columns(N, M)
    return cast(columns - rows <= k, given_dtype(float if dtype is None else dtype))


def _triangle(m: Any, kept: Any) -> Any:
    m = asarray(m)
    height, width = sizes_of(m)[-2:]
    rows, columns = _rows_and_columns(height, width)
    return where(kept(columns - rows), m, filling.zeros_like(m))


@published()
def tril(m: Any, k: int = 0) -> Any:
    """Matrices without what is above a diagonal.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.tril([[1, 2], [3, 4]]).numpy())
    [[1 0]
     [3 4]]
    """
    return _triangle(m, lambda distance: distance <= k)


@published()
def triu(m: Any, k: int = 0) -> Any:
    """Matrices without what is below a diagonal.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.triu([[1, 2], [3, 4]]).numpy())
    [[1 2]
     [0 4]]
    """
    return _triangle(m, lambda distance: distance >= k)


@published()
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """Numbers from `start` (0 if only one is given) to before `stop`.

    Args:
      start: the first.
      stop: where they end.
      step: from one to the next.
      dtype: their dtype, by default what the numbers have in common.

    Raises:
      ValueError: if `step` is 0.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.arange(1, 2, 0.5).numpy())
    [1.  1.5]
    """
    if not is_tensor(step) and not step:
        raise ValueError("step must be non-zero")
    kind = result_type(start, step, *([] if stop is None else [stop]))
    kind = kind if dtype is None else given_dtype(dtype)
    if stop is None:
        start, stop = 0, start
    if is_tensor(start) or is_tensor(stop) or is_tensor(step):
        return sequences.range(cast(start, kind), cast(stop, kind), cast(step, kind))
    return asarray(np.arange(start, stop, step, kind.np))


@published()
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = float,
    axis: int = 0,
) -> Any:
    """Numbers at equal distances.

    Args:
      start: the first; an array for several such rows.
      stop: the last.
      num: how many.
      endpoint: whether `stop` is one of them.
      retstep: whether the distance is returned as well.
      dtype: their dtype, where it is a floating-point one; by default what the ends have.
      axis: along which dimension they lie.

    Returns:
      The numbers, or a pair of them and of the distance.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.linspace(0, 1, 3).numpy())
    [0.  0.5 1. ]
    """
    kind = None if dtype in (None, builtins.float) else given_dtype(dtype)
    start, stop = (as_float(x) for x in promoted(start, stop))
    start, stop = promoted(start, stop)
    last = num - 1 if endpoint else num
    distance = (stop - start) / max(last, 1)
    result = sequences.linspace_nd(
        start, stop if endpoint else start + distance * (num - 1), num, axis=axis
    )
    if kind is not None and kind.is_floating:
        result = cast(result, kind)
    return (result, distance) if retstep else result


@published()
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Powers of `base` whose exponents are at equal distances: see `linspace`.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.logspace(0, 2, 3).numpy())
    [  1.  10. 100.]
    """
    exponents = linspace(start, stop, num, endpoint, axis=axis)
    result = powers.pow(cast(base, exponents.dtype), exponents)
    return result if dtype is None else cast(result, given_dtype(dtype))


@published()
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers each of which is the same multiple of the one before: see `linspace`.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.geomspace(1, 8, 4).numpy().round(6))
    [1. 2. 4. 8.]
    """
    start, stop = (as_float(x) for x in promoted(start, stop))
    result = powers.exp(linspace(powers.log(start), powers.log(stop), num, endpoint, axis=axis))
    return result if dtype is None else cast(result, given_dtype(dtype))


@published()
def diag(v: Any, k: int = 0) -> Any:
    """The matrix with a vector on a diagonal, or the diagonal of a matrix.

    Args:
      v: a vector or a matrix.
      k: which diagonal.

    Raises:
      ValueError: if it is neither.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.diag([1, 2]).numpy())
    [[1 0]
     [0 2]]
    """
    v = asarray(v)
    rank = static_rank(v)
    if rank not in (1, 2):
        raise ValueError(f"Input to diag must be 1d or 2d only. Received rank {rank}")
    return matrix_diag.matrix_diag(v, k=k) if rank == 1 else diagonal(v, k)


@published()
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals of the matrices that lie in two dimensions of an array.

    Args:
      a: an array.
      offset: which diagonal.
      axis1: the dimension of the rows.
      axis2: the dimension of the columns.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.diagonal([[1, 2], [3, 4]]).numpy())
    [1 4]
    """
    a = asarray(a)
    rank = static_rank(a)
    pair = [checked_axis(axis1, rank), checked_axis(axis2, rank)]
    a = transpose(a, [i for i in range(rank) if i not in pair] + pair)
    height, width = a.shape[-2], a.shape[-1]
    if height is not None and width is not None and not -height < offset < width:
        return a[..., 0, :0]
    return matrix_diag.matrix_diag_part(a, k=offset)


@published()
def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix with all elements of an array on a diagonal."""
    return diag(reshape(asarray(v), [-1]), k)


@published()
def diag_indices(n: int, ndim: int = 2) -> tuple[Any, ...]:
    """The indices of the main diagonal of an array with `ndim` dimensions of size `n`."""
    return (sequences.range(operator.index(n)),) * ndim


@published()
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of each element, a column each.

    Args:
      x: a vector.
      N: how many powers, by default as many as elements.
      increasing: whether the power 0 comes first.

    Raises:
      ValueError: if `N` is below 0.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.vander([1, 2, 3], 2).numpy())
    [[1 1]
     [2 1]
     [3 1]]
    """
    x = asarray(x)
    if N is not None and N < 0:
        raise ValueError("N must be nonnegative")
    count = sizes_of(x)[0] if N is None else N
    exponents = cast(sequences.range(count), x.dtype)
    if not increasing:
        exponents = cast(count, x.dtype) - 1 - exponents
    return powers.pow(expand_dims(x, 1), expand_dims(exponents, 0))


@published()
def meshgrid(*xi: Any, **kwargs: Any) -> Any:
    """Vectors spread over the grid that they make, as `np.meshgrid`.

    Args:
      *xi: vectors.
      **kwargs: `indexing`, "xy" or "ij".

    Raises:
      ValueError: for `sparse=True`, or `copy=False`.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.meshgrid([1, 2], [3])[0].numpy())
    [[1 2]]
    """
    if kwargs.pop("sparse", False) or not kwargs.pop("copy", True):
        raise ValueError("meshgrid has no sparse=True and no copy=False")
    return repeating.meshgrid(*[asarray(x) for x in xi], **kwargs)


@published()
def ix_(*args: Any) -> list[Any]:
    """Vectors reshaped so that they index a grid.

    Args:
      *args: vectors; truth values say which indices.

    Raises:
      ValueError: if one is no vector.

    >>> import reflow as tf
    >>> [i.shape.as_list() for i in tf.experimental.numpy.ix_([0, 1], [2])]
    [[2, 1], [1, 1]]
    """
    out = []
    for place, each in enumerate(args):
        each = asarray(each)
        if static_rank(each) != 1:
            raise ValueError(f"Arguments must be 1-d, got arg {place} of rank {each._rank}")
        if each.dtype == boolean:
            each = where(each)[:, 0]
        out.append(reshape(each, [-1 if i == place else 1 for i in range(len(args))]))
    return out
