"""Matrices with three diagonals: https://www.tensorflow.org/api_docs/python/tf/linalg/tridiagonal_solve"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops.array import expand_dims, matrix_transpose, squeeze
from reflow.ops.define import op
from reflow.ops.joining import concat, stack
from reflow.ops.linalg.matrix_diag import matrix_diag_part
from reflow.ops.math import conj, neg
from reflow.ops.padding import pad
from reflow.ops.reduce import reduce_sum

_KINDS = "{double,float,complex64,complex128}"


def _shifted(xp: Any, x: Any, by: int) -> Any:
    """The rows of `x` moved down by one (1) or up (-1), with zeros where none come."""
    gap = xp.zeros_like(x[..., :1, :])
    if by > 0:
        return xp.concatenate([gap, x[..., :-1, :]], -2)
    return xp.concatenate([x[..., 1:, :], gap], -2)


# Products -----------------------------------------------------------------------------------------


def _product_shape(superdiag, maindiag, subdiag, rhs):
    return rhs._shape.with_rank_at_least(2)


@op(
    "TridiagonalMatMul(superdiag: T, maindiag: T, subdiag: T, rhs: T, *,"
    f" T: {_KINDS}) -> output: T",
    shape=_product_shape,
)
def tridiagonal_matmul_op(xp, superdiag, maindiag, subdiag, rhs):
    """The product of matrices, given as their three diagonals, with matrices."""
    rows = rhs.shape[:-1]
    for name, each in (
        ("superdiagonal", superdiag),
        ("main diagonal", maindiag),
        ("subdiagonal", subdiag),
    ):
        if len(each.shape) != len(rhs.shape):
            raise invalid("All input tensors must have the same rank.")
        if each.shape != (*rows[:-1], 1, rows[-1]):
            raise invalid(f"Invalid {name} shape.")
    upper, main, lower = (xp.swapaxes(each, -1, -2) for each in (superdiag, maindiag, subdiag))
    if not rhs.shape[-2]:
        return xp.zeros(rhs.shape, rhs.dtype)
    return main * rhs + upper * _shifted(xp, rhs, -1) + lower * _shifted(xp, rhs, 1)


def _next(x: Any) -> Any:
    """The rows of `x` moved up by one, with zeros in the last one."""
    return pad(x[..., 1:, :], _ends(x, (0, 1)))


def _last(x: Any) -> Any:
    """The rows of `x` moved down by one, with zeros in the first one."""
    return pad(x[..., :-1, :], _ends(x, (1, 0)))


def _ends(x: Any, rows: tuple[int, int]) -> list:
    rank = x.shape.rank
    if rank is None:
        raise errors.UnimplementedError(
            None, None, "Gradients of tridiagonal matrices need tensors of known rank."
        )
    return [[0, 0]] * (rank - 2) + [list(rows), [0, 0]]


@tridiagonal_matmul_op.gradient_rule
def _tridiagonal_matmul_grad(g, superdiag, maindiag, subdiag, rhs):
    upper, main, lower = (matrix_transpose(conj(d)) for d in (superdiag, maindiag, subdiag))
    parts = [_next(rhs), rhs, _last(rhs)]
    diagonals = [
        matrix_transpose(reduce_sum(g * conj(each), axis=-1, keepdims=True)) for each in parts
    ]
    return (*diagonals, main * g + _last(upper * g) + _next(lower * g))


# Solving ------------------------------------------------------------------------------------------


def _solution_shape(diagonals, rhs):
    diagonals, rhs = diagonals._shape.with_rank_at_least(2), rhs._shape.with_rank_at_least(2)
    if diagonals.rank is None or rhs.rank is None:
        return rhs
    if diagonals.rank != rhs.rank:
        raise ValueError("All input tensors must have the same rank.")
    batch = diagonals[:-2].merge_with(rhs[:-2])
    if diagonals._dims[-2] not in (None, 3):
        raise ValueError(
            "Expected diagonals to be provided as a matrix with 3 rows, got "
            f"{diagonals._dims[-2]} rows."
        )
    sizes = diagonals._dims[-1], rhs._dims[-2]
    if None not in sizes and sizes[0] != sizes[1]:
        raise ValueError(
            "Expected the same number of left-hand sides and right-hand sides, got "
            f"{sizes[0]} and {sizes[1]}."
        )
    return batch.concatenate(rhs[-2:])


def _solved_by_lapack(diagonals: Any, rhs: Any) -> np.ndarray:
    from scipy.linalg import get_lapack_funcs

    rows, columns = rhs.shape[-2:]
    solve = get_lapack_funcs("gtsv", (diagonals, rhs))
    result = np.empty(rhs.shape, rhs.dtype)
    flat = result.reshape(-1, rows, columns)
    pairs = zip(diagonals.reshape(-1, 3, rows), rhs.reshape(-1, rows, columns))
    for i, ((upper, main, lower), right) in enumerate(pairs):
        *_, solution, failed = solve(lower[1:], main, upper[:-1], right)
        flat[i] = np.nan if failed else solution
    return result


@op(
    "TridiagonalSolve(diagonals: T, rhs: T, *, partial_pivoting: bool = True,"
    f" perturb_singular: bool = False, T: {_KINDS}) -> output: T",
    shape=_solution_shape,
)
def tridiagonal_solve_op(xp, diagonals, rhs, *, partial_pivoting, perturb_singular):
    """The solutions of systems of equations of matrices that are given as their three diagonals.

    Rows are exchanged where that is better, with `partial_pivoting` and without.
    """
    if perturb_singular:
        raise errors.UnimplementedError(None, None, "perturb_singular of TridiagonalSolve")
    if len(diagonals.shape) != len(rhs.shape):
        raise invalid("All input tensors must have the same rank.")
    if diagonals.shape[-2] != 3:
        raise invalid(
            "Expected diagonals to be provided as a matrix with 3 rows, got "
            f"{diagonals.shape[-2]} rows."
        )
    rows = diagonals.shape[-1]
    if rows != rhs.shape[-2]:
        raise invalid(
            "Expected the same number of left-hand sides and right-hand sides, got "
            f"{rows} and {rhs.shape[-2]}."
        )
    if 0 in rhs.shape:
        return xp.zeros(rhs.shape, rhs.dtype)
    upper, main, lower = (diagonals[..., i, :] for i in range(3))
    if rows == 1:
        return rhs / main[..., None]
    if xp.is_numpy:
        return _solved_by_lapack(diagonals, rhs)
    if rows == 2:  # by Cramer's rule
        (a, d), b, c = (
            (main[..., i, None] for i in (0, 1)),
            upper[..., 0, None],
            lower[..., 1, None],
        )
        first, second = rhs[..., 0, :], rhs[..., 1, :]
        whole = a * d - b * c
        return xp.stack([(d * first - b * second) / whole, (a * second - c * first) / whole], -2)
    solve = xp.lax.linalg.tridiagonal_solve
    return solve(xp.asarray(lower), xp.asarray(main), xp.asarray(upper), xp.asarray(rhs))


@tridiagonal_solve_op.gradient_rule
def _tridiagonal_solve_grad(g, diagonals, output, *, partial_pivoting):
    columns = matrix_transpose(conj(diagonals))  # [..., n, 3]
    upper, main, lower = columns[..., 0:1], columns[..., 1:2], columns[..., 2:3]
    adjoint = matrix_transpose(concat([_next(lower), main, _last(upper)], -1))
    back = tridiagonal_solve_op(adjoint, g, partial_pivoting=partial_pivoting)
    parts = [_next(output), output, _last(output)]
    slopes = [neg(reduce_sum(back * conj(each), axis=-1)) for each in parts]
    return stack(slopes, axis=-2), back


# Functions ----------------------------------------------------------------------------------------


def _three(diagonals: Any, form: str) -> list[Any]:
    """The upper, main and lower diagonals, all of the length of the main one."""
    if form == "compact":
        diagonals = convert_to_tensor(diagonals, name="diagonals")
        return [diagonals[..., i, :] for i in range(3)]
    if form == "matrix":
        matrix = convert_to_tensor(diagonals, name="diagonals")
        upper, main, lower = (matrix_diag_part(matrix, k=k) for k in (1, 0, -1))
    elif form == "sequence":
        if not isinstance(diagonals, (list, tuple)) or len(diagonals) != 3:
            raise ValueError("Expected diagonals to be a sequence of length 3.")
        upper, main, lower = (convert_to_tensor(d) for d in diagonals)
    else:
        raise ValueError(f"Unrecognized diagonals_format: {form}")
    return [_of_length(upper, main, 0), main, _of_length(lower, main, 1)]


def _of_length(diagonal: Any, main: Any, before: int) -> Any:
    """A diagonal beside the main one with a zero at the end where it has no element."""
    sizes = diagonal.shape, main.shape
    if sizes[0].rank is None or None in (sizes[0].as_list()[-1], sizes[1].as_list()[-1]):
        raise ValueError("The sizes of the diagonals must be known.")
    missing = sizes[1].as_list()[-1] - sizes[0].as_list()[-1]
    if missing == 0:
        return diagonal
    if missing != 1:
        raise ValueError(f"Diagonals of shapes {sizes[0]} and {sizes[1]} are not of one matrix.")
    return pad(diagonal, [[0, 0]] * (sizes[0].rank - 1) + [[before, 1 - before]])


@export("linalg.tridiagonal_solve")
def tridiagonal_solve(
    diagonals: Any,
    rhs: Any,
    diagonals_format: str = "compact",
    transpose_rhs: bool = False,
    conjugate_rhs: bool = False,
    name: str | None = None,
    partial_pivoting: bool = True,
    perturb_singular: bool = False,
) -> Any:
    """The solutions of systems of equations of tridiagonal matrices.

    Args:
      diagonals: the upper, main and lower diagonal, as `diagonals_format` says.
      rhs: the right-hand sides, of shape `[..., n]` or `[..., n, k]`.
      diagonals_format: "compact" for a tensor of shape `[..., 3, n]`, of which the last element of the
        first row and the first of the last row are not looked at; "sequence" for a sequence of three
        tensors of shape `[..., n]`, of which the first and the last may be shorter by that element;
        "matrix" for one of shape `[..., n, n]`.
      transpose_rhs: whether `rhs` is given with its last two dimensions exchanged.
      conjugate_rhs: whether it is conjugated before.
      name: a name scope.
      partial_pivoting: whether rows may be exchanged, for numerical stability.
      perturb_singular: must be False.

    Returns:
      Of the shape of `rhs`, not transposed.

    Raises:
      ValueError: for another format, or diagonals that do not belong together.
      UnimplementedError: if `perturb_singular`.

    >>> import reflow as tf
    >>> print(tf.linalg.tridiagonal_solve([[1.0, 0.0], [2.0, 2.0], [0.0, 1.0]], [3.0, 3.0]).numpy())
    [1. 1.]
    """
    with name_scope(name, "tridiagonal_solve"):
        three = _three(diagonals, diagonals_format)
        rhs = convert_to_tensor(rhs, three[1].dtype, name="rhs")
        if conjugate_rhs:
            rhs = conj(rhs)
        vectors = rhs.shape.rank == three[1].shape.rank and not transpose_rhs
        if vectors:
            rhs = expand_dims(rhs, -1)
        elif transpose_rhs:
            rhs = matrix_transpose(rhs)
        result = tridiagonal_solve_op(
            stack(three, axis=-2),
            rhs,
            partial_pivoting=partial_pivoting,
            perturb_singular=perturb_singular,
        )
        return squeeze(result, [-1]) if vectors else result


@export("linalg.tridiagonal_matmul")
def tridiagonal_matmul(
    diagonals: Any, rhs: Any, diagonals_format: str = "compact", name: str | None = None
) -> Any:
    """The products of tridiagonal matrices with matrices.

    Args:
      diagonals, diagonals_format: see `tf.linalg.tridiagonal_solve`.
      rhs: of shape `[..., n, k]`.
      name: a name scope.

    Returns:
      Of the shape of `rhs`.

    Raises:
      ValueError: for another format, or diagonals that do not belong together.

    >>> import reflow as tf
    >>> diagonals = [[1.0, 0.0], [2.0, 2.0], [0.0, 1.0]]
    >>> print(tf.linalg.tridiagonal_matmul(diagonals, [[1.0], [1.0]]).numpy().ravel())
    [3. 3.]
    """
    with name_scope(name, "tridiagonal_matmul"):
        three = _three(diagonals, diagonals_format)
        rows = [expand_dims(each, -2) for each in three]
        return tridiagonal_matmul_op(*rows, convert_to_tensor(rhs, three[1].dtype, name="rhs"))
