"""Norms, unit vectors, ranks and pseudo-inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import float32, int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.cast import cast
from reflow.ops.linalg.decompositions import svd
from reflow.ops.linalg.matmul import matmul
from reflow.ops.math import abs as abs_of
from reflow.ops.math import conj, maximum_op, mul, pow_op, rsqrt_op, sqrt_op, square_op
from reflow.ops.math.complex import complex as complex_of
from reflow.ops.math.complex import imag, real
from reflow.ops.reduce import either, reduce_max, reduce_sum

_EUCLIDEAN = ("fro", "euclidean", 2, 2.0)


@export(v1=("norm", "linalg.norm"))
def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    keep_dims: Any = None,
) -> Any:
    """Norms of vectors or matrices: see `tf.norm` of TF 2; `keep_dims` is an old name of `keepdims`.

    >>> import reflow as tf
    >>> print(tf.compat.v1.norm([3.0, 4.0]).numpy())
    5.0
    """
    return norm_v2(tensor, ord, axis, either("keepdims", keepdims, "keep_dims", keep_dims), name)


@export(v2=("norm", "linalg.norm"))
def norm_v2(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
) -> Any:
    """Norms of vectors or matrices.

    Args:
      tensor: a floating-point or complex tensor.
      ord: 'euclidean' (or 'fro' of matrices), 1, 2, infinity, or another positive number for vectors.
      axis: an integer for norms of vectors along it; a pair of integers for norms of the matrices in
        them; None for the norm of all elements as one vector.
      keepdims: keep the dimensions of `axis`, with size 1.

    Raises:
      ValueError: for another `ord` or `axis`.

    >>> import reflow as tf
    >>> print(tf.norm([[3.0, 4.0], [6.0, 8.0]], axis=1).numpy())
    [ 5. 10.]
    """
    of_matrices = isinstance(axis, (tuple, list)) and len(axis) == 2
    if of_matrices:
        axis = tuple(axis)
        if not all(isinstance(each, int) for each in axis) or axis[0] == axis[1]:
            raise _bad_axis(axis)
        if ord not in ("euclidean", "fro", 1, 2, np.inf):
            raise ValueError(
                "'ord' must be a supported matrix norm in ['euclidean', 'fro', 1, 2, inf], got "
                f"{ord}"
            )
    else:
        if not (isinstance(axis, int) or axis is None):
            raise _bad_axis(axis)
        if ord != "euclidean" and (isinstance(ord, str) or not np.isreal(ord) or ord <= 0):
            raise ValueError(f"'ord' must be a supported vector norm, got {ord}")
        if axis is not None:
            axis = (axis,)
    with name_scope(name, "norm"):
        tensor = convert_to_tensor(tensor)
        if of_matrices and ord in (2, 2.0) and not isinstance(ord, str):
            return _spectral_norm(tensor, axis, bool(keepdims))
        dims = None if axis is None else list(axis)
        if ord in _EUCLIDEAN:
            result = sqrt_op(reduce_sum(tensor * conj(tensor), dims, True))
        elif ord == 1:
            result = reduce_sum(abs_of(tensor), None if dims is None else dims[0], True)
            if of_matrices:
                result = reduce_max(result, dims[1], True)
        elif ord == np.inf:
            result = abs_of(tensor)
            if of_matrices:
                result = reduce_sum(result, dims[1], True)
            result = reduce_max(result, None if dims is None else dims[0], True)
        else:
            result = pow_op(reduce_sum(pow_op(abs_of(tensor), ord), dims, True), 1.0 / ord)
        if keepdims:
            return result
        return REGISTRY["Squeeze"](result, squeeze_dims=dims or [])


def _bad_axis(axis: Any) -> ValueError:
    return ValueError(
        f"'axis' must be None, an integer, or a tuple of 2 unique integers, got {axis}"
    )


def _spectral_norm(tensor: Any, axis: tuple[int, int], keepdims: bool) -> Any:
    """The largest singular values of the matrices in two dimensions."""
    rank = tensor.shape.rank
    if rank is None:
        raise NotImplementedError("the spectral norm of a tensor of unknown rank")
    matrix = [each % rank for each in axis]
    order = [i for i in range(rank) if i not in matrix] + matrix
    result = reduce_max(svd(REGISTRY["Transpose"](tensor, order), compute_uv=False), -1)
    if keepdims:
        for each in sorted(matrix):
            result = REGISTRY["ExpandDims"](result, each)
    return result


@export("linalg.normalize")
def normalize(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> tuple[Any, Any]:
    """A tensor divided by its norm, and the norm.

    Args:
      tensor: a floating-point or complex tensor.
      ord, axis: which norm: see `tf.norm`.

    >>> import reflow as tf
    >>> print(tf.linalg.normalize([3.0, 4.0])[0].numpy())
    [0.6 0.8]
    """
    with name_scope(name, "normalize"):
        tensor = convert_to_tensor(tensor)
        size = cast(norm_v2(tensor, ord, axis, keepdims=True), tensor.dtype.base_dtype)
        return tensor / size, size


@export("linalg.l2_normalize", "math.l2_normalize", "nn.l2_normalize")
def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Any:
    """x / sqrt(max(sum(x**2), epsilon)): unit vectors along dimensions.

    Args:
      x: a floating-point or complex tensor.
      axis: the dimensions of the vectors; None for all.
      epsilon: the least square that is divided by.
      dim: an old name of `axis`.

    >>> import reflow as tf
    >>> print(tf.math.l2_normalize([3.0, 4.0]).numpy())
    [0.6 0.8]
    """
    axis = either("axis", axis, "dim", dim)
    with name_scope(name, "l2_normalize") as scope:
        x = convert_to_tensor(x, name="x")
        if x.dtype.is_complex:
            parts = real(x), imag(x)
            squares = square_op(parts[0]) + square_op(parts[1])
            inverse = rsqrt_op(maximum_op(reduce_sum(squares, axis, True), epsilon))
            return complex_of(parts[0] * inverse, parts[1] * inverse, name=scope or None)
        inverse = rsqrt_op(maximum_op(reduce_sum(square_op(x), axis, True), epsilon))
        return mul(x, inverse, name=scope or None)


# By singular values -------------------------------------------------------------------------------


def _matrix_sizes(a: Any) -> tuple[int, int] | None:
    sizes = a.shape.sizes
    if sizes is None or None in sizes[-2:]:
        return None
    if len(sizes) < 2:
        raise ValueError(f"Input must have at least 2 dimensions! Saw: {len(sizes)}.")
    return sizes[-2], sizes[-1]


def _largest_size(a: Any) -> Any:
    """The larger of the sizes of matrices, in their dtype."""
    sizes = _matrix_sizes(a)
    dtype = a.dtype.base_dtype.real_dtype
    if sizes is not None:
        return convert_to_tensor(float(max(sizes)), dtype)
    return cast(reduce_max(REGISTRY["Shape"](a)[-2:]), dtype)


@export("linalg.matrix_rank")
def matrix_rank(
    a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None
) -> Any:
    """How many singular values of matrices are larger than `tol`.

    Args:
      a: of shape `[..., m, n]`.
      tol: the threshold; by default machine precision times the larger size and singular value.
      validate_args: check the rank (it always is).

    >>> import reflow as tf
    >>> print(tf.linalg.matrix_rank([[1.0, 1.0], [1.0, 1.0]]).numpy())
    1
    """
    with name_scope(name or "matrix_rank"):
        a = convert_to_tensor(a, name="a", dtype_hint=float32)
        s = svd(a, compute_uv=False)
        if tol is None:
            eps = float(np.finfo(a.dtype.base_dtype.real_dtype.np).eps)
            tol = eps * _largest_size(a) * reduce_max(s, -1, True)
        return reduce_sum(cast(s > tol, int32), -1)


@export("linalg.pinv")
def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Any:
    """The Moore-Penrose pseudo-inverses of matrices.

    Args:
      a: of shape `[..., m, n]`.
      rcond: singular values below `rcond` times the largest count as zero; by default ten times
        machine precision times the larger size.
      validate_args: check the rank (it always is).

    >>> import reflow as tf
    >>> print(tf.linalg.pinv([[2.0, 0.0], [0.0, 0.0]]).numpy())
    [[0.5 0. ]
     [0.  0. ]]
    """
    with name_scope(name or "pinv"):
        a = convert_to_tensor(a, name="a")
        dtype = a.dtype.base_dtype
        if rcond is None:
            rcond = 10.0 * float(np.finfo(dtype.np).eps) * _largest_size(a)
        rcond = convert_to_tensor(rcond, dtype.real_dtype, name="rcond")
        s, u, v = svd(a)
        expand = REGISTRY["ExpandDims"]
        used = s > expand(rcond * reduce_max(s, -1), -1)
        s = REGISTRY["SelectV2"](used, s, convert_to_tensor(np.inf, dtype.real_dtype))
        result = matmul(v / expand(cast(s, dtype), -2), u, adjoint_b=True)
        if a.shape.rank is not None:
            result.set_shape(a.shape[:-2].concatenate([a.shape[-1], a.shape[-2]]))
        return result
