"""Functions of `tf.experimental.numpy` that reduce or accumulate along dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang.dtypes import bool as boolean
from reflow.lang.dtypes import int64, uint64
from reflow.lang.export import export_value
from reflow.ops import compare, math, reduce, scan
from reflow.ops.array import reshape
from reflow.ops.cast import cast
from reflow.ops.filling import broadcast_to, ones_like, zeros_like
from reflow.ops.indexing import packed, sizes_of
from reflow.ops.masking import where
from reflow.ops.math import powers
from reflow.ops.numpy_api.dtypes import as_float, asarray, given_dtype, promoted, published
from reflow.ops.numpy_api.elementwise import isclose


def _widened(a: Any, dtype: Any) -> Any:
    """What sums are taken of: integers and truth values have 64 bits."""
    a = asarray(a)
    if dtype is not None:
        return cast(a, given_dtype(dtype))
    if a.dtype.is_bool or a.dtype.is_integer:
        return cast(a, uint64 if a.dtype.is_unsigned else int64)
    return a


def _with_fractions(a: Any, dtype: Any) -> Any:
    return as_float(a) if dtype is None else cast(asarray(a), given_dtype(dtype))


def _reduction(
    name: str, ready: Callable[..., Any], compute: Callable[..., Any], *names: str
) -> Callable[..., Any]:
    def function(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool | None = None) -> Any:
        return compute(ready(a, dtype), axis, bool(keepdims))

    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    function.__doc__ = (
        f"`numpy.{name}` of tensors.\n\nArgs:\n  a: an array.\n  axis: a dimension, or several; by default all.\n"
        "  dtype: what to convert to first.\n  keepdims: whether the dimensions stay, with size 1.\n"
    )
    export_value(__name__, name, *[f"experimental.numpy.{n}" for n in (names or (name,))])
    return function


def _without_nan(compute: Callable[..., Any], neutral: Callable[..., Any]) -> Callable[..., Any]:
    def function(a: Any, axis: Any, keepdims: bool) -> Any:
        if a.dtype.is_floating or a.dtype.is_complex:
            a = where(compare.is_nan(a), neutral(a), a)
        return compute(a, axis, keepdims)

    return function


def _mean_without_nan(a: Any, axis: Any, keepdims: bool) -> Any:
    known = cast(compare.logical_not(compare.is_nan(a)), a.dtype)
    total = reduce.reduce_sum(where(compare.is_nan(a), zeros_like(a), a), axis, keepdims)
    return total / reduce.reduce_sum(known, axis, keepdims)


sum = _reduction("sum", _widened, reduce.reduce_sum)
prod = _reduction("prod", _widened, reduce.reduce_prod)
nansum = _reduction("nansum", _widened, _without_nan(reduce.reduce_sum, zeros_like))
nanprod = _reduction("nanprod", _widened, _without_nan(reduce.reduce_prod, ones_like))
nanmean = _reduction("nanmean", _with_fractions, _mean_without_nan)


def _without_out(out: Any) -> None:
    if out is not None:
        raise ValueError("Setting out is not supported.")


@published()
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool | None = None
) -> Any:
    """`numpy.mean` of tensors.

    Args:
      a: an array.
      axis: a dimension, or several; by default all.
      dtype: what to convert to first.
      out: must be None.
      keepdims: whether the dimensions stay, with size 1.
    """
    _without_out(out)
    return reduce.reduce_mean(_with_fractions(a, dtype), axis, bool(keepdims))


@published()
def amax(a: Any, axis: Any = None, out: Any = None, keepdims: bool | None = None) -> Any:
    """The largest element: see `max`; `out` must be None."""
    _without_out(out)
    return max(a, axis, keepdims)


@published()
def amin(a: Any, axis: Any = None, out: Any = None, keepdims: bool | None = None) -> Any:
    """The smallest element: see `max`; `out` must be None."""
    _without_out(out)
    return min(a, axis, keepdims)


@published()
def max(a: Any, axis: Any = None, keepdims: bool | None = None) -> Any:
    """The largest element.

    Args:
      a: an array.
      axis: a dimension, or several; by default all.
      keepdims: whether the dimensions stay, with size 1.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.max([[1, 4], [3, 2]], axis=0).numpy())
    [3 4]
    """
    return _extreme(a, axis, keepdims, reduce.reduce_max, reduce.reduce_any)


@published()
def min(a: Any, axis: Any = None, keepdims: bool | None = None) -> Any:
    """The smallest element: see `max`.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.min([[1, 4], [3, 2]], axis=0).numpy())
    [1 2]
    """
    return _extreme(a, axis, keepdims, reduce.reduce_min, reduce.reduce_all)


def _extreme(a: Any, axis: Any, keepdims: Any, numbers: Any, truth: Any) -> Any:
    a = asarray(a)
    return (truth if a.dtype.is_bool else numbers)(a, axis, bool(keepdims))


@published()
def ptp(a: Any, axis: Any = None, keepdims: bool | None = None) -> Any:
    """The largest element less the smallest."""
    a = asarray(a)
    return max(a, axis, keepdims) - min(a, axis, keepdims)


@published()
def any(a: Any, axis: Any = None, keepdims: bool | None = None) -> Any:
    """Whether an element is true (not 0): see `max`."""
    return reduce.reduce_any(cast(asarray(a), boolean), axis, bool(keepdims))


@published()
def all(a: Any, axis: Any = None, keepdims: bool | None = None) -> Any:
    """Whether all elements are true (not 0): see `max`."""
    return reduce.reduce_all(cast(asarray(a), boolean), axis, bool(keepdims))


@published()
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: int = 0,
    keepdims: bool | None = None,
) -> Any:
    """The variance.

    Args:
      a: an array.
      axis: a dimension, or several; by default all.
      dtype: what to compute in.
      out: tensors do not change: only None.
      ddof: the squares are divided by the number of elements less this.
      keepdims: whether the dimensions stay, with size 1.

    Raises:
      ValueError: if `out` is given.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.var([1, 2, 3]).numpy().round(4))
    0.6667
    """
    if out is not None:
        raise ValueError("var has no `out`: tensors do not change")
    a = _with_fractions(a, dtype)
    distance = math.abs(a - reduce.reduce_mean(a, axis, True))
    total = reduce.reduce_sum(math.square(distance), axis, bool(keepdims))
    elements = reduce.reduce_sum(ones_like(distance), axis, bool(keepdims))
    return total / (elements - ddof)


@published()
def std(a: Any, axis: Any = None, keepdims: bool | None = None) -> Any:
    """The standard deviation: the root of `var`."""
    return powers.sqrt(var(a, axis, keepdims=keepdims))


@published()
def average(a: Any, axis: int | None = None, weights: Any = None, returned: bool = False) -> Any:
    """The mean, in which some elements may weigh more.

    Args:
      a: an array.
      axis: a dimension; by default all.
      weights: of the shape of `a`, or a vector for the elements along `axis`.
      returned: whether the sum of the weights is returned as well.

    Raises:
      ValueError: if weights of another shape come without an axis.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.average([1.0, 2.0], weights=[3.0, 1.0]).numpy())
    1.25
    """
    if weights is None:
        a = as_float(a)
        result = reduce.reduce_mean(a, axis)
        weigh = reduce.reduce_sum(ones_like(a), axis)
    else:
        a, weights = promoted(a, weights)
        a, weights = as_float(a), as_float(weights)
        if a._rank != weights._rank:
            if axis is None:
                raise ValueError(
                    "average needs an axis where the weights have not the shape of the array"
                )
            sizes = [1] * a._rank
            sizes[axis] = -1
            weights = broadcast_to(reshape(weights, sizes), packed(sizes_of(a)))
        weigh = reduce.reduce_sum(weights, axis)
        result = reduce.reduce_sum(a * weights, axis) / weigh
    return (result, weigh) if returned else result


@published()
def count_nonzero(a: Any, axis: Any = None) -> Any:
    """How many elements are not 0."""
    return reduce.count_nonzero(asarray(a), axis)


def _place(a: Any, axis: int | None, find: Callable[..., Any]) -> Any:
    a = asarray(a)
    if axis is None or a._rank == 0:
        a, axis = reshape(a, [-1]), 0
    return find(cast(a, int64) if a.dtype.is_bool else a, axis)


@published()
def argmax(a: Any, axis: int | None = None) -> Any:
    """Where the largest element is: along a dimension, or in the flattened array."""
    return _place(a, axis, reduce.argmax)


@published()
def argmin(a: Any, axis: int | None = None) -> Any:
    """Where the smallest element is: along a dimension, or in the flattened array."""
    return _place(a, axis, reduce.argmin)


def _accumulated(a: Any, axis: int | None, dtype: Any, accumulate: Callable[..., Any]) -> Any:
    a = _widened(a, dtype)
    return accumulate(reshape(a, [-1]) if axis is None else a, axis or 0)


@published()
def cumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The sums of the elements so far.

    Args:
      a: an array.
      axis: a dimension; by default `a` is flattened.
      dtype: what to convert to first.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.cumsum([1, 2, 3]).numpy())
    [1 3 6]
    """
    return _accumulated(a, axis, dtype, scan.cumsum)


@published()
def cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The products of the elements so far: see `cumsum`."""
    return _accumulated(a, axis, dtype, scan.cumprod)


@published()
def allclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Whether all elements are close: see `isclose`."""
    return reduce.reduce_all(isclose(a, b, rtol, atol, equal_nan))


@published()
def array_equal(a1: Any, a2: Any) -> Any:
    """Whether two arrays have the same shape and elements.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.array_equal([1, 2], [1, 2]).numpy())
    True
    """
    a1, a2 = promoted(a1, a2)
    if not a1.shape.is_compatible_with(a2.shape):
        return asarray(np.False_)
    return asarray(reduce.reduce_all(compare.equal_op(a1, a2, incompatible_shape_error=False)))
