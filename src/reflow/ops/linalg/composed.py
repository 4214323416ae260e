"""Linear algebra that is made of other ops: norms, pseudo-inverses, solvers on factors."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import dtypes, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import complex64, complex128, float32, int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.cast import cast
from reflow.ops.define import op
from reflow.ops.linalg.decompositions import (
    cholesky_op,
    eig_op,
    matrix_exponential_op,
    self_adjoint_eig_op,
    svd_op,
)
from reflow.ops.linalg.matmul import matmul
from reflow.ops.linalg.matrix_diag import band_part, eye, matrix_diag_part, matrix_set_diag
from reflow.ops.linalg.solve import matrix_solve_ls_op, triangular_solve_op
from reflow.ops.math import abs as abs_of
from reflow.ops.math import conj, maximum_op, mul, pow_op, rsqrt_op, sqrt_op, square_op
from reflow.ops.math.complex import complex as complex_of
from reflow.ops.math.complex import imag, real
from reflow.ops.public import public
from reflow.ops.reduce import either, reduce_max, reduce_sum

# Cross products -----------------------------------------------------------------------------------


def _cross_shape(a, b):
    result = a._shape.merge_with(b._shape)
    if result._dims is not None:
        if not result._dims:
            raise ValueError("Shape must be at least rank 1 but is rank 0")
        if result._dims[-1] not in (None, 3):
            raise ValueError(f"Dimension must be 3 but is {result._dims[-1]}")
    return result


@op(
    "Cross(a: T, b: T, *, T: REAL) -> product: T",
    shape=_cross_shape,
    grad=lambda g, a, b: (cross_op(b, g), cross_op(g, a)),
)
def cross_op(xp, a, b):
    """The cross products of vectors of three elements, in the last dimension."""
    if a.shape != b.shape or a.shape[-1:] != (3,):
        raise ValueError(
            "Cross-products are only defined for 3-element vectors of one shape, got "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    return xp.cross(a, b).astype(a.dtype)


cross = public(
    cross_op,
    "linalg.cross",
    v1=("cross",),
    example=("[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]", "[0. 0. 1.]"),
)

# Decompositions -----------------------------------------------------------------------------------


@export("linalg.svd", v1=("svd",))
def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """The singular value decomposition: tensor = u @ diag(s) @ v^H.

    Args:
      tensor: matrices, of shape `[..., m, n]`.
      full_matrices: make u and v square.
      compute_uv: whether u and v are wanted.

    Returns:
      s, u and v; s alone without `compute_uv`. The singular values s are real and descend.

    >>> import reflow as tf
    >>> print(tf.linalg.svd([[0.0, 2.0], [1.0, 0.0]], compute_uv=False).numpy())
    [2. 1.]
    """
    s, u, v = svd_op(tensor, compute_uv=compute_uv, full_matrices=full_matrices, name=name)
    s = real(s)
    return (s, u, v) if compute_uv else s


@export("linalg.eigh", v1=("self_adjoint_eig",))
def self_adjoint_eig(tensor: Any, name: str | None = None) -> tuple[Any, Any]:
    """The eigenvalues, ascending, and the eigenvectors (columns) of self-adjoint matrices.

    Args:
      tensor: matrices, of shape `[..., n, n]`; only their lower triangles are read.

    >>> import reflow as tf
    >>> print(tf.linalg.eigh([[2.0, 0.0], [0.0, 1.0]])[0].numpy())
    [1. 2.]
    """
    return tuple(self_adjoint_eig_op(tensor, compute_v=True, name=name))


@export("linalg.eigvalsh", v1=("self_adjoint_eigvals",))
def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Any:
    """The eigenvalues of self-adjoint matrices, ascending.

    Args:
      tensor: matrices, of shape `[..., n, n]`; only their lower triangles are read.

    >>> import reflow as tf
    >>> print(tf.linalg.eigvalsh([[2.0, 0.0], [0.0, 1.0]]).numpy())
    [1. 2.]
    """
    return self_adjoint_eig_op(tensor, compute_v=False, name=name)[0]


def _complex_dtype(tensor: Any) -> Any:
    single = tensor.dtype.base_dtype in (float32, complex64)
    return complex64 if single else complex128


@export(v2=("eig", "linalg.eig"))
def eig(tensor: Any, name: str | None = None) -> tuple[Any, Any]:
    """The eigenvalues and eigenvectors (columns) of square matrices, as complex numbers.

    Args:
      tensor: matrices, of shape `[..., n, n]`.

    >>> import reflow as tf
    >>> print(tf.linalg.eig([[2.0]])[0].numpy())
    [2.+0.j]
    """
    tensor = convert_to_tensor(tensor)
    return tuple(eig_op(tensor, Tout=_complex_dtype(tensor), compute_v=True, name=name))


@export(v2=("eigvals", "linalg.eigvals"))
def eigvals(tensor: Any, name: str | None = None) -> Any:
    """The eigenvalues of square matrices, as complex numbers.

    Args:
      tensor: matrices, of shape `[..., n, n]`.

    >>> import reflow as tf
    >>> print(tf.linalg.eigvals([[2.0]]).numpy())
    [2.+0.j]
    """
    tensor = convert_to_tensor(tensor)
    return eig_op(tensor, Tout=_complex_dtype(tensor), compute_v=False, name=name)[0]


@export("linalg.expm")
def matrix_exponential(input: Any, name: str | None = None) -> Any:
    """The exponentials of square matrices: the sum of A**k / k!.

    Args:
      input: matrices, of shape `[..., n, n]`.

    >>> import reflow as tf
    >>> print(tf.linalg.expm([[0.0, 1.0], [0.0, 0.0]]).numpy())
    [[1. 1.]
     [0. 1.]]
    """
    with name_scope(name, "matrix_exponential"):
        return matrix_exponential_op(convert_to_tensor(input, name="input"))


# Solving ------------------------------------------------------------------------------------------


@export("linalg.triangular_solve", v1=("matrix_triangular_solve",))
def matrix_triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Any:
    """The solutions of triangular systems matrix @ x = rhs.

    Args:
      matrix: of shape `[..., m, m]`; the other triangle is not read.
      rhs: of shape `[..., m, n]`.
      lower: whether the matrices are lower triangular.
      adjoint: solve for their adjoints instead.

    >>> import reflow as tf
    >>> print(tf.linalg.triangular_solve([[2.0, 0.0], [1.0, 1.0]], [[2.0], [3.0]]).numpy())
    [[1.]
     [2.]]
    """
    with name_scope(name, "triangular_solve"):
        return triangular_solve_op(matrix, rhs, lower=lower, adjoint=adjoint)


@export("linalg.cholesky_solve", v1=("cholesky_solve",))
def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Any:
    """The solutions of A @ x = rhs, given the Cholesky factors of the matrices A.

    Args:
      chol: lower triangular matrices, of shape `[..., m, m]`: what `tf.linalg.cholesky` gives.
      rhs: of shape `[..., m, n]`.

    >>> import reflow as tf
    >>> print(tf.linalg.cholesky_solve([[2.0]], [[8.0]]).numpy())
    [[2.]]
    """
    with name_scope(name, "cholesky_solve"):
        half = triangular_solve_op(chol, rhs)
        return triangular_solve_op(chol, half, adjoint=True)


@export("linalg.lstsq", v1=("matrix_solve_ls",))
def matrix_solve_ls(
    matrix: Any,
    rhs: Any,
    l2_regularizer: float = 0.0,
    fast: bool = True,
    name: str | None = None,
) -> Any:
    """The least-squares solutions of matrix @ x = rhs.

    Args:
      matrix: of shape `[..., m, n]`.
      rhs: of shape `[..., m, k]`.
      l2_regularizer: the weight of the squares of x.
      fast: by the normal equations; otherwise by a complete decomposition, which copes with matrices
        that are rank-deficient, and ignores `l2_regularizer`.

    Raises:
      InvalidArgumentError: if `fast`, and the normal equations are singular.

    >>> import reflow as tf
    >>> print(tf.linalg.lstsq([[1.0], [1.0]], [[1.0], [3.0]]).numpy())
    [[2.]]
    """
    if l2_regularizer is None:
        l2_regularizer = 0.0
    with name_scope(name, "matrix_solve_ls"):
        regular = cast(l2_regularizer, dtypes.float64)
        return matrix_solve_ls_op(matrix, rhs, regular, fast=fast)


def _lower_and_upper(lower_upper: Any) -> tuple[Any, Any]:
    ones = REGISTRY["OnesLike"](matrix_diag_part(lower_upper))
    lower = matrix_set_diag(band_part(lower_upper, -1, 0), ones)
    return lower, band_part(lower_upper, 0, -1)


def _permuted(x: Any, perm: Any) -> Any:
    """The rows of the matrices `x` in the order that `perm` gives."""
    batch = perm.shape.rank
    if batch is None:
        raise NotImplementedError("LU factors of unknown rank")
    return REGISTRY["GatherV2"](x, perm, batch - 1, batch_dims=batch - 1)


@export("linalg.lu_solve")
def lu_solve(
    lower_upper: Any, perm: Any, rhs: Any, validate_args: bool = False, name: str | None = None
) -> Any:
    """The solutions of A @ x = rhs, given the LU factors of the matrices A.

    Args:
      lower_upper, perm: what `tf.linalg.lu` gives, of shape `[..., m, m]` and `[..., m]`.
      rhs: of shape `[..., m, n]`.
      validate_args: check the shapes (they always are).

    >>> import reflow as tf
    >>> print(tf.linalg.lu_solve(*tf.linalg.lu([[2.0]]), [[8.0]]).numpy())
    [[4.]]
    """
    with name_scope(name or "lu_solve"):
        lower_upper = convert_to_tensor(lower_upper, name="lower_upper", dtype_hint=float32)
        perm = convert_to_tensor(perm, name="perm", dtype_hint=int32)
        rhs = convert_to_tensor(rhs, name="rhs", dtype_hint=lower_upper.dtype)
        batch, outer = perm.shape[:-1], rhs.shape[:-2]
        if batch.rank != outer.rank or batch.as_list() != outer.as_list():
            common = shapes.broadcast(batch, outer)
            if not common.is_fully_defined():
                raise NotImplementedError("lu_solve of batches of unknown size that differ")
            broadcast = REGISTRY["BroadcastTo"]
            sizes = common.as_list()
            perm = broadcast(perm, [*sizes, *perm.shape[-1:].as_list()])
            rhs = broadcast(rhs, [*sizes, *rhs.shape[-2:].as_list()])
        lower, _ = _lower_and_upper(lower_upper)
        half = triangular_solve_op(lower, _permuted(rhs, perm))
        return triangular_solve_op(lower_upper, half, lower=False)


@export("linalg.lu_matrix_inverse")
def lu_matrix_inverse(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None
) -> Any:
    """The inverses of matrices, given their LU factors.

    Args:
      lower_upper, perm: what `tf.linalg.lu` gives, of shape `[..., m, m]` and `[..., m]`.
      validate_args: check the shapes (they always are).

    >>> import reflow as tf
    >>> print(tf.linalg.lu_matrix_inverse(*tf.linalg.lu([[2.0]])).numpy())
    [[0.5]]
    """
    with name_scope(name or "lu_matrix_inverse"):
        lower_upper = convert_to_tensor(lower_upper, name="lower_upper", dtype_hint=float32)
        shape = REGISTRY["Shape"](lower_upper)
        identity = eye(shape[-1], batch_shape=shape[:-2], dtype=lower_upper.dtype)
        identity.set_shape(lower_upper.shape)
        return lu_solve(lower_upper, perm, identity)


@export("linalg.lu_reconstruct")
def lu_reconstruct(
    lower_upper: Any, perm: Any, validate_args: bool = False, name: str | None = None
) -> Any:
    """The matrices that have these LU factors.

    Args:
      lower_upper, perm: what `tf.linalg.lu` gives, of shape `[..., m, m]` and `[..., m]`.
      validate_args: check the shapes (they always are).

    >>> import reflow as tf
    >>> print(tf.linalg.lu_reconstruct(*tf.linalg.lu([[2.0, 1.0], [4.0, 4.0]])).numpy())
    [[2. 1.]
     [4. 4.]]
    """
    with name_scope(name or "lu_reconstruct"):
        lower_upper = convert_to_tensor(lower_upper, name="lower_upper", dtype_hint=float32)
        perm = convert_to_tensor(perm, name="perm", dtype_hint=int32)
        lower, upper = _lower_and_upper(lower_upper)
        if perm.shape.rank == 1:
            back = REGISTRY["InvertPermutation"](perm)
        else:
            back = REGISTRY["TopKV2"](-perm, perm.shape[-1]).indices  # sorting a permutation
        return _permuted(matmul(lower, upper), back)


# Norms --------------------------------------------------------------------------------------------

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


# Ranks, pseudo-inverses, determinants -------------------------------------------------------------


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


@export("linalg.logdet")
def logdet(matrix: Any, name: str | None = None) -> Any:
    """The logarithms of the determinants of positive definite matrices.

    Args:
      matrix: of shape `[..., m, m]`.

    >>> import reflow as tf
    >>> print(tf.linalg.logdet([[1.0, 0.0], [0.0, 1.0]]).numpy())
    0.0
    """
    with name_scope(name, "logdet"):
        diagonal = matrix_diag_part(cholesky_op(matrix))
        return 2.0 * reduce_sum(REGISTRY["Log"](real(diagonal)), [-1])


@export("linalg.adjoint")
def adjoint(matrix: Any, name: str | None = None) -> Any:
    """The conjugate transposes of matrices.

    Args:
      matrix: of shape `[..., m, n]`.

    >>> import reflow as tf
    >>> print(tf.linalg.adjoint([[1.0 + 2.0j, 3.0]]).numpy())
    [[1.-2.j]
     [3.-0.j]]
    """
    from reflow.ops.array import matrix_transpose

    with name_scope(name, "adjoint"):
        return matrix_transpose(convert_to_tensor(matrix, name="matrix"), conjugate=True)
