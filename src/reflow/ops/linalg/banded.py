"""Triangular matrices that are zero but on a few diagonals, and eigenvalues of tridiagonal ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.scopes import control_dependencies, name_scope
from reflow.ops import debugging
from reflow.ops.array import shape as shape_of
from reflow.ops.constant import identity
from reflow.ops.define import op
from reflow.ops.linalg.decompositions import self_adjoint_eig, self_adjoint_eigvals
from reflow.ops.linalg.matmul import adjoint as adjoint_of
from reflow.ops.linalg.matmul import matmul
from reflow.ops.linalg.matrix_diag import diag_part_v3_op, matrix_diag
from reflow.ops.linalg.solve import not_invertible
from reflow.ops.masking import boolean_mask
from reflow.ops.math import conj, neg
from reflow.ops.math.complex import real
from reflow.ops.padding import pad

# Solving ------------------------------------------------------------------------------------------


def _solution_shape(matrix, rhs):
    bands, right = matrix._shape._dims, rhs._shape._dims
    if bands is None or right is None:
        return shapes.UNKNOWN
    if min(len(bands), len(right)) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {min(len(bands), len(right))}")
    if None not in (bands[-1], right[-2]) and bands[-1] != right[-2]:
        raise ValueError(f"Dimensions must be equal, but are {bands[-1]} and {right[-2]}")
    rows = bands[-1] if right[-2] is None else right[-2]
    if None not in (bands[-2], rows) and bands[-2] > rows:
        raise ValueError(f"Number of bands {bands[-2]} cannot exceed the size of the matrix {rows}")
    batch = shapes.broadcast(shapes.of(bands[:-2]), shapes.of(right[:-2]))
    return batch.concatenate(shapes.of((rows, right[-1])))


def _moved(xp: Any, row: Any, by: int) -> Any:
    """`row` moved to the right by `by` columns (to the left where negative), zeros coming in."""
    size = row.shape[-1]
    if not by:
        return row
    gap = xp.zeros((*row.shape[:-1], min(abs(by), size)), row.dtype)
    if by > 0:
        return xp.concatenate([gap, row[..., : max(size - by, 0)]], -1)
    return xp.concatenate([row[..., -by:], gap], -1)


def _coefficients(xp: Any, bands: Any, lower: bool, adjoint: bool) -> tuple[list[Any], bool]:
    """c[d][j], what row j multiplies x[j - d] with, and whether rows count from the end.

    Elements of `bands` that are outside of the matrix may be anything: they are zeros here.
    """
    rows = [bands[..., i, :] for i in range(bands.shape[-2])]
    if not lower:
        rows.reverse()
    if adjoint:
        rows = [_moved(xp, xp.conj(row), -d if lower else d) for d, row in enumerate(rows)]
    if backwards := lower == adjoint:
        rows = [row[..., ::-1] for row in rows]
    places = np.arange(bands.shape[-1])
    return [xp.where(places >= d, row, row.dtype.type(0)) for d, row in enumerate(rows)], backwards


@op(
    "BandedTriangularSolve(matrix: T, rhs: T, *, lower: bool = True, adjoint: bool = False,"
    " T: {double,float,half,complex64,complex128}) -> output: T",
    shape=_solution_shape,
    broadcast=True,
)
def banded_triangular_solve_op(xp, matrix, rhs, *, lower, adjoint):
    """The solutions of systems of triangular matrices that are given as their diagonals."""
    for i, x in enumerate((matrix, rhs)):
        if len(x.shape) < 2:
            raise invalid(f"In[{i}] ndims must be >= 2: {len(x.shape)}")
        if 0 in x.shape:
            raise invalid(f"In[{i}] must not be an empty tensor: of shape {list(x.shape)}")
    if matrix.shape[-1] != rhs.shape[-2]:
        raise invalid(
            f"In[0] mismatch In[1] shape: {matrix.shape[-1]} vs. {rhs.shape[-2]}: "
            f"{list(matrix.shape)} {list(rhs.shape)}"
        )
    rows, backwards = _coefficients(xp, matrix, lower, adjoint)
    if xp.is_numpy and not rows[0].all():
        raise not_invertible("Input matrix")
    right = xp.moveaxis(rhs[..., ::-1, :] if backwards else rhs, -2, 0)  # [n, batch..., k]
    steps = xp.moveaxis(xp.stack(rows, -1), -2, 0)  # [n, batch..., bands]
    batch = np.broadcast_shapes(matrix.shape[:-2], rhs.shape[:-2])
    # The last solutions, newest first, of which every row takes a combination.
    before = xp.zeros((len(rows) - 1, *batch, rhs.shape[-1]), rhs.dtype)

    def step(before: Any, at: Any) -> tuple[Any, Any]:
        factors, value = at
        for d in range(1, len(rows)):
            value = value - factors[..., d, None] * before[d - 1]
        value = xp.broadcast_to(value / factors[..., 0, None], (*batch, rhs.shape[-1]))
        return xp.concatenate([value[None], before], 0)[: len(rows) - 1], value

    if xp.is_numpy:
        found = []
        for at in zip(steps, right):
            before, value = step(before, at)
            found.append(value)
        solved = np.stack(found)
    else:
        _, solved = xp.lax.scan(step, before, (steps, right))
    solved = xp.moveaxis(solved, 0, -2)
    return solved[..., ::-1, :] if backwards else solved


@banded_triangular_solve_op.gradient_rule
def _banded_triangular_solve_grad(g, matrix, output, *, lower, adjoint):
    to_rhs = banded_triangular_solve_op(matrix, g, lower=lower, adjoint=not adjoint)
    first, second = (output, to_rhs) if adjoint else (to_rhs, output)
    dense = neg(matmul(first, adjoint_of(second)))
    last = shape_of(matrix)[-2] - 1
    reach = [-last, 0] if lower else [0, last]
    zero = np.zeros((), matrix.dtype.base_dtype.np)
    return diag_part_v3_op(dense, convert_to_tensor(reach, int32), zero, align="LEFT_RIGHT"), to_rhs


@export("linalg.banded_triangular_solve")
def banded_triangular_solve(
    bands: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Any:
    """The solutions of systems of triangular matrices that are zero but on a few diagonals.

    Args:
      bands: the diagonals, of shape `[..., count, n]`: from the main one down for lower triangles, down
        to the main one for upper ones. Diagonals below the main one end at the end of their row, those
        above begin at its begin; what is beside them is not looked at.
      rhs: the right-hand sides, of shape `[..., n, k]`.
      lower: whether the matrices are lower triangles, rather than upper ones.
      adjoint: solve for their conjugate transposes instead.
      name: the name of the node.

    Returns:
      Of shape `[..., n, k]`; the batches are broadcast.

    Raises:
      InvalidArgumentError: if an element of the main diagonal is zero, or something is empty; in graphs
        for unsuitable shapes too.

    >>> import reflow as tf
    >>> bands = [[2.0, 2.0, 2.0], [0.0, 1.0, 1.0]]  # 2 on the diagonal, 1 below
    >>> print(tf.linalg.banded_triangular_solve(bands, [[2.0], [3.0], [3.0]]).numpy().ravel())
    [1. 1. 1.]
    """
    with name_scope(name, "banded_triangular_solve") as scope:
        bands = convert_to_tensor(bands, name="bands")
        rhs = convert_to_tensor(rhs, bands.dtype, name="rhs")
        return banded_triangular_solve_op(bands, rhs, lower=lower, adjoint=adjoint, name=scope)


# Eigenvalues --------------------------------------------------------------------------------------


@export("linalg.eigh_tridiagonal")
def eigh_tridiagonal(
    alpha: Any,
    beta: Any,
    eigvals_only: bool = True,
    select: str = "a",
    select_range: Any = None,
    tol: Any = None,
    name: str | None = None,
) -> Any:
    """The eigenvalues of a Hermitian tridiagonal matrix, ascending, and its eigenvectors.

    Args:
      alpha: of shape `[n]`, the elements on the diagonal, of which only the real part counts.
      beta: of shape `[n - 1]`, the elements above it.
      eigvals_only: whether eigenvectors are not asked for.
      select: "a" for all eigenvalues, "v" for those in the half-open interval
        `(select_range[0], select_range[1]]`, "i" for those with the numbers from `select_range[0]` to
        `select_range[1]`, both included.
      select_range: a pair, see `select`.
      tol: what eigenvalues may be off by; they are as exact as the dtype allows for any value.
      name: a name scope.

    Returns:
      The eigenvalues; with eigenvectors, a pair of them and of a matrix with a vector in each column.

    Raises:
      ValueError: for other shapes, dtypes that are not inexact or differ, or another `select`.
      TypeError: if `select_range` is missing.
      InvalidArgumentError: if `select_range` is empty.

    >>> import reflow as tf
    >>> print(tf.linalg.eigh_tridiagonal([1.0, 1.0], [2.0]).numpy())
    [-1.  3.]
    >>> print(tf.linalg.eigh_tridiagonal([1.0, 1.0], [2.0], select="i", select_range=(1, 1)).numpy())
    [3.]
    """
    with name_scope(name, "eigh_tridiagonal"):
        alpha = convert_to_tensor(alpha, name="alpha")
        beta = convert_to_tensor(beta, name="beta")
        if not (alpha.dtype.is_floating or alpha.dtype.is_complex):
            raise ValueError(f"data type {alpha.dtype.base_dtype.name} not inexact")
        if alpha.dtype.base_dtype is not beta.dtype.base_dtype:
            raise ValueError(
                f"'alpha' and 'beta' must have the same type, got {alpha.dtype} and {beta.dtype}"
            )
        if select not in ("a", "i", "v"):
            raise ValueError("select must have a value in {'a', 'i', 'v'}.")
        if select != "a" and select_range is None:
            raise TypeError(f"select={select!r} needs a pair as select_range, not None")
        alpha.shape.assert_has_rank(1)
        beta.shape.assert_has_rank(1)
        sizes = alpha.shape.as_list()[0], beta.shape.as_list()[0]
        if None not in sizes and sizes[1] != max(sizes[0] - 1, 0):
            raise ValueError(f"beta has {sizes[1]} elements, where alpha has {sizes[0]}")
        values, vectors = _decomposed(alpha, beta, not eigvals_only)
        if select == "i":
            first, last = (convert_to_tensor(select_range[i], int32) for i in (0, 1))
            check = debugging.assert_less_equal(
                first, last, message="Got empty index range in select_range."
            )
            first, stop = after(check, first), last + 1
            values = values[first:stop]
            vectors = None if eigvals_only else vectors[:, first:stop]
        elif select == "v":
            low, high = (convert_to_tensor(select_range[i], values.dtype) for i in (0, 1))
            check = debugging.assert_less(low, high, message="Got empty interval in select_range.")
            inside = (values > after(check, low)) & (values <= high)
            values = boolean_mask(values, inside)
            vectors = None if eigvals_only else boolean_mask(vectors, inside, axis=1)
        return values if eigvals_only else (values, vectors)


def _decomposed(alpha: Any, beta: Any, with_vectors: bool) -> tuple[Any, Any]:
    """By way of the dense matrix: bisection takes TensorFlow longer up to thousands of rows."""
    if alpha.dtype.is_complex:
        alpha = (alpha + conj(alpha)) / 2
    size = shape_of(alpha)[0]
    beside = matrix_diag(pad(beta, [[0, 1]]), k=1)[:size, :size]  # of one row too
    matrix = matrix_diag(alpha) + beside + adjoint_of(beside)
    if with_vectors:
        values, vectors = self_adjoint_eig(matrix)
    else:
        values, vectors = self_adjoint_eigvals(matrix), None
    return real(values), vectors


def after(check: Any, x: Any) -> Any:
    """`x`, but not before `check` is done, which is None where it was done already."""
    if check is None:
        return x
    with control_dependencies([check]):
        return identity(x)
