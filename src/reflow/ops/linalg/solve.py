"""Inverses, determinants and systems of linear equations."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import float32, int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import TensorShape
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.define import op
from reflow.ops.linalg.matmul import matmul, product, transposed
from reflow.ops.linalg.matrix_diag import (
    band_part,
    band_part_op,
    eye,
    matrix_diag_part,
    matrix_set_diag,
)
from reflow.ops.math import conj, neg
from reflow.ops.math.complex import complex, imag, real
from reflow.ops.public import public
from reflow.ops.reduce import accumulator

# What ops on square matrices share ----------------------------------------------------------------


def check_square(x: Any) -> None:
    """
    Raises:
      ValueError: if the last two dimensions of an array differ.
    """
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"Input matrix must be square, got the shape {list(x.shape)}.")


def square_shape(input: Any, *rest: Any) -> TensorShape:
    """Like the first input, whose last two dimensions are equal."""
    sizes = input._shape._dims
    if sizes is None:
        return shapes.UNKNOWN
    if len(sizes) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(sizes)}")
    rows, columns = sizes[-2:]
    if rows is not None and columns is not None and rows != columns:
        raise ValueError(f"Dimensions must be equal, but are {rows} and {columns}")
    size = columns if rows is None else rows
    return shapes.of((*sizes[:-2], size, size))


def batch_shape(input: Any) -> TensorShape:
    """The dimensions before those of a square matrix."""
    sizes = square_shape(input)._dims
    return shapes.UNKNOWN if sizes is None else shapes.of(sizes[:-2])


def widened(x: Any) -> Any:
    """`x` in a dtype that linear algebra libraries have: half-precision floats as float32."""
    return x.astype(accumulator(x.dtype))


def not_invertible(what: str = "Input") -> errors.InvalidArgumentError:
    return errors.InvalidArgumentError(None, None, f"{what} is not invertible.")


_SOLVABLE = "{double,float,half,complex64,complex128}"
_OLD = "{double,float}"


def _named(name: str, signature: str, T: str) -> str:
    return f"{name}{signature.replace('TYPES', T)}"


# The inverse --------------------------------------------------------------------------------------


def _inverse(xp, input, *, adjoint):
    check_square(input)
    x = widened(transposed(xp, input, True) if adjoint else input)
    try:
        return xp.linalg.inv(x).astype(input.dtype)
    except np.linalg.LinAlgError:
        raise not_invertible() from None


def _inverse_grad(g, output, *, adjoint):
    inner = matmul(g, output, adjoint_a=adjoint, adjoint_b=not adjoint)
    return neg(matmul(output, inner, adjoint_a=not adjoint))


matrix_inverse_op, batch_matrix_inverse_op = (
    op(
        _named(name, "(input: T, *, adjoint: bool = False, T: TYPES) -> output: T", T),
        "The inverses of square matrices, or of their adjoints.",
        shape=square_shape,
        grad=_inverse_grad,
    )(_inverse)
    for name, T in (("MatrixInverse", _SOLVABLE), ("BatchMatrixInverse", _OLD))
)

# Determinants -------------------------------------------------------------------------------------


def _determinant(xp, input):
    check_square(input)
    return xp.linalg.det(widened(input)).astype(input.dtype)


def _as_column(g: Any) -> Any:
    """One number per matrix, ready to multiply matrices."""
    return REGISTRY["ExpandDims"](REGISTRY["ExpandDims"](g, -1), -1)


def _determinant_grad(g, input, output):
    return _as_column(g * conj(output)) * matrix_inverse_op(input, adjoint=True)


determinant_op, batch_determinant_op = (
    op(
        f"{name}(input: T, *, T: {T}) -> output: T",
        "The determinants of square matrices.",
        shape=batch_shape,
        grad=_determinant_grad,
    )(_determinant)
    for name, T in (
        ("MatrixDeterminant", "{half,float,double,complex64,complex128}"),
        ("BatchMatrixDeterminant", "{float,double,complex64,complex128}"),
    )
)


def _log_determinant_grad(g_sign, g_log_abs_determinant, input, sign):
    """Of complex matrices the sign is a phase that turns with them, which TensorFlow's gradient leaves out."""
    g = g_log_abs_determinant
    if input.dtype.base_dtype.is_complex:
        g = complex(real(g), imag(g_sign * conj(sign)))
    return _as_column(g) * matrix_inverse_op(input, adjoint=True)


@op(
    "LogMatrixDeterminant(input: T, *, T: {half,float,double,complex64,complex128})"
    " -> sign: T, log_abs_determinant: T",
    shape=lambda input: [batch_shape(input), batch_shape(input)],
    grad=_log_determinant_grad,
)
def log_determinant_op(xp, input):
    """The signs and the logarithms of the absolute values of the determinants of square matrices."""
    check_square(input)
    sign, logarithm = xp.linalg.slogdet(widened(input))
    return sign.astype(input.dtype), logarithm.astype(input.dtype)


# Systems of equations -----------------------------------------------------------------------------


def _solve_shape(matrix, rhs):
    left, right = square_shape(matrix)._dims, rhs._shape._dims
    if left is None or right is None:
        return shapes.UNKNOWN
    if len(right) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(right)}")
    batch = shapes.of(left[:-2]).merge_with(shapes.of(right[:-2]))._dims
    return shapes.of((*batch, _same_rows(left[-1], right[-2]), right[-1]))


def _same_rows(size: int | None, rows: int | None) -> int | None:
    if size is not None and rows is not None and size != rows:
        raise ValueError(f"Dimensions must be equal, but are {size} and {rows}")
    return size if rows is None else rows


def _check_rows(matrix: Any, rhs: Any) -> None:
    if matrix.shape[-1] != rhs.shape[-2]:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Input matrix and rhs are incompatible: {list(matrix.shape)} and {list(rhs.shape)}",
        )


def _solve(xp, matrix, rhs, *, adjoint):
    check_square(matrix)
    _check_rows(matrix, rhs)
    if matrix.shape[:-2] != rhs.shape[:-2]:
        raise ValueError(
            f"All input tensors must have the same outer dimensions: {list(matrix.shape)} and "
            f"{list(rhs.shape)}"
        )
    left = widened(transposed(xp, matrix, True) if adjoint else matrix)
    try:
        return xp.linalg.solve(left, widened(rhs)).astype(rhs.dtype)
    except np.linalg.LinAlgError:
        raise not_invertible("Input matrix") from None


def _solve_grad(g, matrix, output, *, adjoint):
    to_rhs = matrix_solve_op(matrix, g, adjoint=not adjoint)
    if adjoint:
        return neg(matmul(output, to_rhs, adjoint_b=True)), to_rhs
    return neg(matmul(to_rhs, output, adjoint_b=True)), to_rhs


matrix_solve_op, batch_matrix_solve_op = (
    op(
        _named(name, "(matrix: T, rhs: T, *, adjoint: bool = False, T: TYPES) -> output: T", T),
        "The solutions of matrix @ output = rhs, or of its adjoint.",
        shape=_solve_shape,
        grad=_solve_grad,
    )(_solve)
    for name, T in (("MatrixSolve", _SOLVABLE), ("BatchMatrixSolve", _OLD))
)


def _triangular_shape(matrix, rhs):
    left, right = square_shape(matrix)._dims, rhs._shape._dims
    if left is None or right is None:
        return shapes.UNKNOWN
    if len(right) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(right)}")
    batch = shapes.broadcast(shapes.of(left[:-2]), shapes.of(right[:-2]))._dims
    return shapes.of((*batch, _same_rows(left[-1], right[-2]), right[-1]))


def triangular_solution(xp: Any, matrix: Any, rhs: Any, lower: bool, adjoint: bool) -> Any:
    """The solution of a triangular system of arrays; the other triangle is not looked at."""
    batch = np.broadcast_shapes(matrix.shape[:-2], rhs.shape[:-2])
    size = matrix.shape[-1]
    rhs = xp.broadcast_to(rhs, (*batch, *rhs.shape[-2:]))
    if not xp.is_numpy:
        matrix = xp.broadcast_to(matrix, (*batch, size, size))
        return xp.lax.linalg.triangular_solve(
            matrix, rhs, left_side=True, lower=lower, transpose_a=adjoint, conjugate_a=adjoint
        )
    if adjoint:
        matrix, lower = transposed(xp, matrix, True), not lower
    result = np.zeros(rhs.shape, rhs.dtype)
    for i in range(size) if lower else range(size - 1, -1, -1):
        done = slice(0, i) if lower else slice(i + 1, size)
        row = matrix[..., i : i + 1, done] @ result[..., done, :]
        result[..., i, :] = (rhs[..., i, :] - row[..., 0, :]) / matrix[..., i, i, None]
    return result


def _triangular_solve(xp, matrix, rhs, *, lower, adjoint):
    check_square(matrix)
    _check_rows(matrix, rhs)
    result = triangular_solution(xp, widened(matrix), widened(rhs), lower, adjoint)
    return result.astype(rhs.dtype)


def _triangular_grad(g, matrix, output, *, lower, adjoint):
    to_rhs = triangular_solve_op(matrix, g, lower=lower, adjoint=not adjoint)
    first, second = (output, to_rhs) if adjoint else (to_rhs, output)
    to_matrix = neg(matmul(first, second, adjoint_b=True))
    return band_part_op(to_matrix, *((-1, 0) if lower else (0, -1))), to_rhs


triangular_solve_op, batch_triangular_solve_op = (
    op(
        _named(
            name,
            "(matrix: T, rhs: T, *, lower: bool = True, adjoint: bool = False, T: TYPES)"
            " -> output: T",
            T,
        ),
        "The solutions of triangular systems matrix @ output = rhs, or of their adjoints.",
        shape=_triangular_shape,
        grad=_triangular_grad,
        broadcast=True,
    )(_triangular_solve)
    for name, T in (
        ("MatrixTriangularSolve", "{bfloat16,double,float,half,complex64,complex128}"),
        ("BatchMatrixTriangularSolve", _OLD),
    )
)

# Least squares ------------------------------------------------------------------------------------


def _least_squares_shape(matrix, rhs, l2_regularizer):
    left, right = matrix._shape._dims, rhs._shape._dims
    if left is None or right is None:
        return shapes.UNKNOWN
    if len(left) < 2 or len(right) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {min(len(left), len(right))}")
    _same_rows(left[-2], right[-2])
    batch = shapes.of(left[:-2]).merge_with(shapes.of(right[:-2]))._dims
    return shapes.of((*batch, left[-1], right[-1]))


def _least_squares(xp, matrix, rhs, l2_regularizer, *, fast):
    if matrix.shape[-2] != rhs.shape[-2]:
        raise ValueError(
            f"Input matrix and rhs must have the same number of rows, got {matrix.shape[-2]} != "
            f"{rhs.shape[-2]}"
        )
    a, b = widened(matrix), widened(rhs)
    dtype = a.dtype
    if not fast:  # the least of the solutions, by the complete decomposition
        return product(xp, xp.linalg.pinv(a), b, dtype).astype(rhs.dtype)
    adjoint = transposed(xp, a, True)
    over = a.shape[-2] >= a.shape[-1]
    gramian = product(xp, adjoint, a, dtype) if over else product(xp, a, adjoint, dtype)
    regular = xp.asarray(l2_regularizer).astype(dtype)
    gramian = gramian + regular * np.eye(gramian.shape[-1], dtype=dtype)
    try:
        if over:
            return xp.linalg.solve(gramian, product(xp, adjoint, b, dtype)).astype(rhs.dtype)
        return product(xp, adjoint, xp.linalg.solve(gramian, b), dtype).astype(rhs.dtype)
    except np.linalg.LinAlgError:
        raise not_invertible("Input matrix was rank deficient or ill-conditioned: it") from None


def _least_squares_grad(g, matrix, rhs, output, l2_regularizer, *, fast):
    if not fast:
        raise ValueError("Gradient not defined for fast=False")
    rows, columns = (matrix.shape.sizes or (None, None))[-2:]
    if None not in (rows, columns):
        return _least_squares_back(g, matrix, rhs, output, l2_regularizer, rows >= columns)
    from reflow.ops.control_flow.cond import cond

    shape = shape_of(matrix)

    def back(over: bool) -> list[Any]:
        found = _least_squares_back(g, matrix, rhs, output, l2_regularizer, over)
        return list(found[:2])

    found = cond(shape[-2] >= shape[-1], lambda: back(True), lambda: back(False))
    for each, like in zip(found, (matrix, rhs)):
        each.set_shape(like.shape)
    return (*found, None)


def _least_squares_back(
    g: Any, matrix: Any, rhs: Any, output: Any, l2_regularizer: Any, over: bool
) -> tuple[Any, Any, None]:
    """The gradients where there are as many rows as columns or more (`over`), or fewer."""
    gramian = matmul(matrix, matrix, adjoint_a=over, adjoint_b=not over)
    regular = REGISTRY["Cast"](l2_regularizer, DstT=gramian.dtype.base_dtype)
    gramian = matrix_set_diag(gramian, matrix_diag_part(gramian) + regular)
    if over:
        z = _solved(gramian, g)
        xz = matmul(output, z, adjoint_b=True)
        both = xz + matmul(z, output, adjoint_b=True)
        return matmul(rhs, z, adjoint_b=True) - matmul(matrix, both), matmul(matrix, z), None
    to_rhs = _solved(gramian, matmul(matrix, g))
    inner = _solved(gramian, rhs)
    first = matmul(to_rhs, matmul(inner, matrix, adjoint_a=True))
    rest = g - matmul(matrix, to_rhs, adjoint_a=True)
    return matmul(inner, rest, adjoint_b=True) - first, to_rhs, None


def _solved(gramian: Any, rhs: Any) -> Any:
    """The solution for a positive definite matrix, by its Cholesky factors."""
    factor = REGISTRY["Cholesky"](gramian)
    half = triangular_solve_op(factor, rhs)
    return triangular_solve_op(factor, half, adjoint=True)


matrix_solve_ls_op, batch_matrix_solve_ls_op = (
    op(
        _named(
            name,
            "(matrix: T, rhs: T, l2_regularizer: double, *, T: TYPES, fast: bool = True)"
            " -> output: T",
            T,
        ),
        "The least-squares solutions of matrix @ output = rhs, with a penalty on their size.",
        shape=_least_squares_shape,
        grad=_least_squares_grad,
    )(_least_squares)
    for name, T in (("MatrixSolveLs", _SOLVABLE), ("BatchMatrixSolveLs", _OLD))
)

# Public functions ---------------------------------------------------------------------------------

# fmt: off
inv = public(matrix_inverse_op, "linalg.inv", v1=("matrix_inverse",), attribute="inv",
             example=("[[2.0, 0.0], [0.0, 4.0]]", "[[0.5  0.  ]\n [0.   0.25]]"),
             errors="InvalidArgumentError: if a matrix has no inverse.")
det = public(determinant_op, "linalg.det", v1=("matrix_determinant",), attribute="det",
             example=("[[1.0, 0.0], [0.0, 4.0]]", "4.0"))
slogdet = public(log_determinant_op, "linalg.slogdet", attribute="slogdet",
                 example=("[[1.0, 0.0], [0.0, -4.0]]", "-1.0"))
solve = public(matrix_solve_op, "linalg.solve", v1=("matrix_solve",), attribute="solve",
               example=("[[2.0, 0.0], [0.0, 4.0]], [[1.0], [1.0]]", "[[0.5 ]\n [0.25]]"),
               errors="InvalidArgumentError: if a matrix has no inverse.")
# fmt: on


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


# With the factors of an LU decomposition ----------------------------------------------------------


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
