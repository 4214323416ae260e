"""Functions of `tf.experimental.numpy` that multiply arrays."""

from __future__ import annotations

from typing import Any

from reflow.lang import errors
from reflow.ops import array as array_ops
from reflow.ops import math
from reflow.ops.indexing import packed, sizes_of
from reflow.ops.joining import stack
from reflow.ops.linalg import einsum as einsum_ops
from reflow.ops.linalg import matmul as matmul_ops
from reflow.ops.math import elementwise as math_elementwise
from reflow.ops.numpy_api.dtypes import asarray, given_dtype, promoted, published, static_rank
from reflow.ops.numpy_api.making import diagonal
from reflow.ops.numpy_api.reducing import sum as sum_of
from reflow.ops.numpy_api.shaping import moveaxis


@published()
def matmul(x1: Any, x2: Any) -> Any:
    """Products of matrices; a vector counts as a row, or on the right as a column.

    Args:
      x1: a vector, a matrix, or several matrices.
      x2: likewise.

    Raises:
      ValueError: if one is a scalar, or the shapes do not fit.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.matmul([1, 2], [3, 4]).numpy())
    11
    """
    x1, x2 = promoted(x1, x2)
    left, right = static_rank(x1), static_rank(x2)
    if 0 in (left, right):
        raise ValueError("matmul takes no scalars: use multiply")
    try:
        if left == right == 1:
            return matmul_ops.tensordot(x1, x2, 1)
        if right == 1:
            return matmul_ops.matvec(x1, x2)
        if left == 1:
            return array_ops.squeeze(matmul_ops.matmul(array_ops.expand_dims(x1, 0), x2), [-2])
        return matmul_ops.matmul(x1, x2)
    except errors.InvalidArgumentError as error:  # NumPy's class
        raise ValueError(str(error)) from None


@published()
def dot(a: Any, b: Any) -> Any:
    """The sum of products over the last dimension of `a` and the last but one of `b`.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.dot([1, 2], [3, 4]).numpy())
    11
    """
    a, b = promoted(a, b)
    left, right = static_rank(a), static_rank(b)
    if 0 in (left, right):
        return a * b
    return matmul_ops.tensordot(a, b, [[left - 1], [right - 1 if right == 1 else right - 2]])


@published()
def inner(a: Any, b: Any) -> Any:
    """The sum of products over the last dimensions of both."""
    a, b = promoted(a, b)
    if 0 in (static_rank(a), static_rank(b)):
        return a * b
    return matmul_ops.tensordot(a, b, [[a._rank - 1], [b._rank - 1]])


@published()
def vdot(a: Any, b: Any) -> Any:
    """The sum of products of all elements, those of `a` conjugated."""
    a, b = promoted(a, b)
    if a.dtype.is_complex:
        a = math_elementwise.conj(a)
    return dot(array_ops.reshape(a, [-1]), array_ops.reshape(b, [-1]))


@published()
def outer(a: Any, b: Any) -> Any:
    """The products of every element of `a` with every one of `b`.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.outer([1, 2], [3, 4]).numpy())
    [[3 4]
     [6 8]]
    """
    a, b = promoted(a, b)
    return array_ops.reshape(a, [-1, 1]) * array_ops.reshape(b, [1, -1])


@published()
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over dimensions of both: see `tf.tensordot`."""
    a, b = promoted(a, b)
    return matmul_ops.tensordot(a, b, axes)


@published()
def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Products and sums by Einstein's notation.

    Args:
      subscripts: such as "ij,jk->ik".
      *operands: arrays.
      **kwargs: `casting`, only "safe"; `optimize`.

    Raises:
      ValueError: for another casting.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.einsum("i,i", [1, 2], [3, 4]).numpy())
    11
    """
    if kwargs.pop("casting", "safe") != "safe":
        raise ValueError("einsum has no casting but 'safe'")
    optimize = kwargs.pop("optimize", False)
    how = {True: "greedy", False: "greedy"}.get(optimize, optimize)
    return einsum_ops.einsum(subscripts, *promoted(*operands), optimize=how, **kwargs)


@published()
def kron(a: Any, b: Any) -> Any:
    """Every element of `a` times the array `b`, put together in blocks.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.kron([1, 2], [1, 1]).numpy())
    [1 1 2 2]
    """
    a, b = promoted(a, b)
    rank = max(static_rank(a), static_rank(b))
    left = [1] * (rank - a._rank) + sizes_of(a)
    right = [1] * (rank - b._rank) + sizes_of(b)
    spread = [size for pair in zip(left, [1] * rank) for size in pair]
    inside = [size for pair in zip([1] * rank, right) for size in pair]
    product = array_ops.reshape(a, packed(spread)) * array_ops.reshape(b, packed(inside))
    return array_ops.reshape(product, packed([x * y for x, y in zip(left, right)]))


@published()
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """Cross products of vectors in two or three dimensions.

    Args:
      a: an array of vectors.
      b: an array of vectors.
      axisa: the dimension of `a` that the vectors lie in.
      axisb: the dimension of `b`.
      axisc: the dimension of the result, unless both have vectors of two numbers.
      axis: one for all three.

    Raises:
      ValueError: if the vectors have not two or three numbers.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.cross([1, 0, 0], [0, 1, 0]).numpy())
    [0 0 1]
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = promoted(a, b)
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    sizes = a.shape[-1], b.shape[-1]
    if not set(sizes) <= {2, 3}:
        raise ValueError(f"cross takes vectors of 2 or 3 numbers, not of {sizes}")
    x, y = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], None
    if sizes == (2, 2):
        return x
    zero = math.subtract(a[..., 0], a[..., 0])
    a2 = a[..., 2] if sizes[0] == 3 else zero
    b2 = b[..., 2] if sizes[1] == 3 else math.subtract(b[..., 0], b[..., 0])
    y = a2 * b[..., 0] - a[..., 0] * b2
    return moveaxis(stack([a[..., 1] * b2 - a2 * b[..., 1], y, x], -1), -1, axisc)


@published()
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """The sums of diagonals: see `diagonal`."""
    a = asarray(a) if dtype is None else asarray(a, given_dtype(dtype))
    return sum_of(diagonal(a, offset, axis1, axis2), -1, dtype)


@published()
def polyval(p: Any, x: Any) -> Any:
    """The values of a polynomial, by Horner's rule.

    Args:
      p: its coefficients, the highest power first.
      x: where.

    Raises:
      ValueError: if there are no coefficients, or their number is not known.

    >>> import reflow as tf
    >>> print(tf.experimental.numpy.polyval([1, 0, 1], 3).numpy())
    10
    """
    p, x = promoted(p, x)
    count = p.shape[0]
    if not count:
        raise ValueError("polyval needs at least one coefficient, and their number to be known")
    result = p[0] + x * 0
    for place in range(1, count):
        result = result * x + p[place]
    return result
