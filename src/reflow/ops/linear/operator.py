"""`tf.linalg.LinearOperator`: a matrix, or a batch of them, of which only what it does is known.

An operator says its shape and how it multiplies; everything else follows from that by way of the dense
matrix, unless the operator knows better.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, complex64, complex128, float16, float32, float64, int32
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import Dimension, TensorShape
from reflow.ops import debugging
from reflow.ops.array import expand_dims, squeeze
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.constant import constant
from reflow.ops.filling import broadcast_dynamic_shape, broadcast_to
from reflow.ops.joining import concat
from reflow.ops.linalg import decompositions
from reflow.ops.linalg.matmul import adjoint as adjoint_of
from reflow.ops.linalg.matmul import matmul
from reflow.ops.linalg.matrix_diag import eye, matrix_diag_part
from reflow.ops.linalg.solve import cholesky_solve, det, slogdet, solve
from reflow.ops.math import abs as abs_of
from reflow.ops.math import add, exp
from reflow.ops.math.complex import real
from reflow.ops.module import Module
from reflow.ops.reduce import reduce_max, reduce_min, reduce_sum

Hint = bool | None

DTYPES = (float16, float32, float64, complex64, complex128)


def check_dtype(tensor: Any, what: str, *allowed: Any) -> None:
    """Refuses a tensor of a dtype that operators do not have."""
    allowed = allowed or DTYPES
    if tensor.dtype.base_dtype not in allowed:
        raise TypeError(
            f"Argument `{what}` must have dtype in {list(allowed)}. Received: {tensor.dtype}."
        )


def check_rank(tensor: Any, what: str, rank: int) -> None:
    if tensor.shape.rank is not None and tensor.shape.rank < rank:
        raise ValueError(
            f"Argument `{what}` must have at least {rank} dimensions. Received: {tensor}."
        )


def as_hints(
    non_singular: Hint, self_adjoint: Hint, definite: Hint, square: Hint
) -> dict[str, Hint]:
    """What is known of an operator, as the arguments that say it."""
    return {
        "is_non_singular": non_singular,
        "is_self_adjoint": self_adjoint,
        "is_positive_definite": definite,
        "is_square": square,
    }


def same_batch(a: Any, b: Any) -> tuple[Any, Any]:
    """Two tensors of matrices, broadcast to the same batch."""
    known = a.shape[:-2], b.shape[:-2]
    if known[0].is_fully_defined() and known[0] == known[1]:
        return a, b
    batch = broadcast_dynamic_shape(shape_of(a)[:-2], shape_of(b)[:-2])
    return tuple(broadcast_to(x, concat([batch, shape_of(x)[-2:]], 0)) for x in (a, b))


@export("linalg.LinearOperator")
class LinearOperator(Module):
    """A matrix, or a batch of them, of which only what it does is known: the base of all operators.

    A class of operators defines `_shape`, `_shape_tensor` and `_matmul`, and whatever it can do better
    than by way of the dense matrix.

    Args:
      dtype: of the elements.
      graph_parents: not used.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it: True, False,
        or None if it is not known.
      name: of its name scopes.
      parameters: what it was made of, a dictionary.

    Raises:
      ValueError: if the hints contradict each other.
    """

    _real_log_determinant = False  # of two kinds TensorFlow leaves it real

    def __init__(
        self,
        dtype: Any,
        graph_parents: Any = None,
        is_non_singular: bool | None = None,
        is_self_adjoint: bool | None = None,
        is_positive_definite: bool | None = None,
        is_square: bool | None = None,
        name: str | None = None,
        parameters: Any = None,
    ):
        if is_positive_definite and is_self_adjoint:
            if is_non_singular is False:
                raise ValueError("A positive definite matrix is always non-singular.")
            is_non_singular = True
        for hint, what in ((is_non_singular, "non-singular"), (is_self_adjoint, "self-adjoint")):
            if hint:
                if is_square is False:
                    raise ValueError(f"A {what} operator is always square.")
                is_square = True
        self._dtype = as_dtype(dtype)
        self._graph_parents = list(graph_parents or [])
        self._is_non_singular = is_non_singular
        self._is_self_adjoint = is_self_adjoint
        self._is_positive_definite = is_positive_definite
        self._square_hint = is_square
        self._parameters = parameters or {}
        self._operator_name = name or type(self).__name__
        super().__init__(name=None)

    @contextlib.contextmanager
    def _within(self, name: str) -> Iterator[None]:
        with name_scope(self._operator_name), name_scope(name):
            yield

    # What it is ----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of its name scopes."""
        return self._operator_name

    @property
    def parameters(self) -> dict[str, Any]:
        """What it was made of."""
        return dict(self._parameters)

    @property
    def graph_parents(self) -> list[Any]:
        """Always empty, unless it was given."""
        return self._graph_parents

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        return self._dtype

    @property
    def is_non_singular(self) -> bool | None:
        """Whether it has an inverse; None if that is not known."""
        return self._is_non_singular

    @property
    def is_self_adjoint(self) -> bool | None:
        """Whether it is its own conjugate transpose; None if that is not known."""
        return self._is_self_adjoint

    @property
    def is_positive_definite(self) -> bool | None:
        """Whether `x^H A x` has a positive real part for all x but 0; None if that is not known."""
        return self._is_positive_definite

    @property
    def is_square(self) -> bool | None:
        """Whether it has as many columns as rows; None if that is not known."""
        rows, columns = self.shape.as_list()[-2:] if self.shape.rank is not None else (None, None)
        if rows is None or columns is None:
            return self._square_hint
        if self._square_hint and rows != columns:
            raise ValueError(f"Static shape {self.shape} is not that of a square operator.")
        return rows == columns

    @property
    def shape(self) -> TensorShape:
        """`[batch..., rows, columns]`, as far as it is known."""
        return self._shape()

    @property
    def batch_shape(self) -> TensorShape:
        """The shape without rows and columns."""
        return self.shape[:-2]

    @property
    def tensor_rank(self) -> int | None:
        """The number of dimensions."""
        return self.shape.rank

    def _size(self, axis: int) -> Any:
        sizes = self.shape
        return None if sizes.rank is None else sizes.as_list()[axis]

    @property
    def domain_dimension(self) -> Dimension:
        """The number of columns."""
        return Dimension(self._size(-1))

    @property
    def range_dimension(self) -> Dimension:
        """The number of rows."""
        return Dimension(self._size(-2))

    def shape_tensor(self, name: str = "shape_tensor") -> Any:
        """The shape as an int32 vector."""
        with self._within(name):
            return self._known_shape_tensor()

    def _known_shape_tensor(self) -> Any:
        if self.shape.is_fully_defined():
            return constant(self.shape.as_list(), int32)
        return self._shape_tensor()

    def batch_shape_tensor(self, name: str = "batch_shape_tensor") -> Any:
        """The shape without rows and columns, as an int32 vector."""
        with self._within(name):
            return self._known_shape_tensor()[:-2]

    def tensor_rank_tensor(self, name: str = "tensor_rank_tensor") -> Any:
        """The number of dimensions, as an int32 scalar."""
        with self._within(name):
            return shape_of(self._known_shape_tensor())[0]

    def domain_dimension_tensor(self, name: str = "domain_dimension_tensor") -> Any:
        """The number of columns, as an int32 scalar."""
        with self._within(name):
            return self._known_shape_tensor()[-1]

    def range_dimension_tensor(self, name: str = "range_dimension_tensor") -> Any:
        """The number of rows, as an int32 scalar."""
        with self._within(name):
            return self._known_shape_tensor()[-2]

    # What classes of operators define ------------------------------------------------------------

    def _shape(self) -> TensorShape:
        raise NotImplementedError("_shape is not implemented.")

    def _shape_tensor(self) -> Any:
        raise NotImplementedError("_shape_tensor is not implemented.")

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        raise NotImplementedError("_matmul is not implemented.")

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        rhs = maybe_adjoint(rhs, adjoint_arg)
        matrix, rhs = same_batch(self._to_dense(), rhs)
        if self._factors():
            return cholesky_solve(decompositions.cholesky_op(matrix), rhs)
        return solve(matrix, rhs, adjoint=adjoint)

    def _factors(self) -> bool:
        """Whether it has a Cholesky factor."""
        return bool(self.is_positive_definite and self.is_self_adjoint)

    def _to_dense(self) -> Any:
        shape = self._known_shape_tensor()
        return self._matmul(eye(shape[-1], batch_shape=shape[:-2], dtype=self.dtype))

    def _diag_part(self) -> Any:
        return matrix_diag_part(self._to_dense())

    def _trace(self) -> Any:
        return reduce_sum(self._diag_part(), axis=-1)

    def _determinant(self) -> Any:
        if self._factors():
            return cast(exp(self._log_abs_determinant()), self.dtype)
        return det(self._to_dense())

    def _log_abs_determinant(self) -> Any:  # in real numbers
        return real(slogdet(self._to_dense())[1])

    def _eigvals(self) -> Any:
        return decompositions.self_adjoint_eigvals(self._to_dense())

    def _cond(self) -> Any:
        if self.is_self_adjoint:
            sizes = abs_of(self._eigvals())
        else:
            sizes = decompositions.svd(self._to_dense(), compute_uv=False)
        return reduce_max(sizes, axis=-1) / reduce_min(sizes, axis=-1)

    def _adjoint(self) -> LinearOperator:
        from reflow.ops.linear.derived import LinearOperatorAdjoint

        return LinearOperatorAdjoint(self)

    def _inverse(self) -> LinearOperator:
        from reflow.ops.linear.derived import LinearOperatorInversion

        return LinearOperatorInversion(self)

    def _cholesky(self) -> LinearOperator:
        from reflow.ops.linear.dense import LinearOperatorLowerTriangular

        return LinearOperatorLowerTriangular(
            decompositions.cholesky_op(self._to_dense()),
            is_non_singular=True,
            is_self_adjoint=False,
        )

    def _times(self, other: LinearOperator) -> LinearOperator | None:
        """The product with another operator where it is a simple one."""
        return None

    # What it does --------------------------------------------------------------------------------

    def _argument(self, x: Any, what: str) -> Any:
        x = convert_to_tensor(x, dtype_hint=self.dtype, name=what)
        if x.dtype.base_dtype is not self.dtype:
            raise TypeError(
                f"Expected argument to have dtype {self.dtype}.  Found: {x.dtype} in tensor {x}"
            )
        return x

    def _check_fit(self, sizes: TensorShape, axis: int, mine: Any) -> None:
        size = sizes.as_list()[axis] if sizes.rank is not None else None
        if None not in (size, mine) and size != mine:
            raise ValueError(
                f"Dimensions {mine} and {size} are not compatible: an operator of shape {self.shape} "
                f"and an argument of shape {sizes}"
            )

    def matmul(
        self, x: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str = "matmul"
    ) -> Any:
        """The product with matrices, or with another operator.

        Args:
          x: of shape `[..., columns, n]`; a tensor or a `LinearOperator`.
          adjoint: multiply with the conjugate transpose of this operator instead.
          adjoint_arg: multiply the conjugate transpose of `x` instead.
          name: a name scope.

        Returns:
          A tensor of shape `[..., rows, n]`; an operator where `x` is one.

        Raises:
          TypeError: if the dtypes differ.
          ValueError: if the shapes do not fit.
        """
        if isinstance(x, LinearOperator):
            from reflow.ops.linear.derived import product

            left = self.adjoint() if adjoint else self
            right = x.adjoint() if adjoint_arg else x
            left._check_fit(right.shape, -2, left._size(-1))
            with self._within(name):
                return product(left, right)
        with self._within(name):
            x = self._argument(x, "x")
            mine = self._size(-2 if adjoint else -1)
            self._check_fit(x.shape, -1 if adjoint_arg else -2, mine)
            return self._matmul(x, adjoint=adjoint, adjoint_arg=adjoint_arg)

    def __matmul__(self, other: Any) -> Any:
        return self.matmul(other)

    def matvec(self, x: Any, adjoint: bool = False, name: str = "matvec") -> Any:
        """The product with vectors.

        Args:
          x: of shape `[..., columns]`.
          adjoint: multiply with the conjugate transpose of this operator instead.
          name: a name scope.
        """
        with self._within(name):
            x = self._argument(x, "x")
            self._check_fit(x.shape, -1, self._size(-2 if adjoint else -1))
            return squeeze(self._matmul(expand_dims(x, -1), adjoint=adjoint), [-1])

    def _check_invertible(self, what: str) -> None:
        if self.is_non_singular is False:
            raise NotImplementedError(
                f"{what} is not implemented for an operator that is expected to be singular."
            )
        self._check_square(what)

    def _check_square(self, what: str) -> None:
        if self.is_square is False:
            raise NotImplementedError(
                f"{what} not implemented for an operator that is expected to not be square."
            )

    def solve(
        self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str = "solve"
    ) -> Any:
        """What has to be multiplied with this operator to give `rhs`.

        Args:
          rhs: of shape `[..., rows, n]`; a tensor or a `LinearOperator`.
          adjoint: solve for the conjugate transpose of this operator instead.
          adjoint_arg: take the conjugate transpose of `rhs` instead.
          name: a name scope.

        Raises:
          NotImplementedError: if the operator is known to be singular, or not to be square.
        """
        self._check_invertible("Exact solve")
        if isinstance(rhs, LinearOperator):
            left = self.adjoint() if adjoint else self
            return left.inverse().matmul(rhs, adjoint_arg=adjoint_arg, name=name)
        with self._within(name):
            rhs = self._argument(rhs, "rhs")
            self._check_fit(rhs.shape, -1 if adjoint_arg else -2, self._size(-2))
            return self._solve(rhs, adjoint=adjoint, adjoint_arg=adjoint_arg)

    def solvevec(self, rhs: Any, adjoint: bool = False, name: str = "solve") -> Any:
        """The vector that has to be multiplied with this operator to give `rhs`.

        Args:
          rhs: of shape `[..., rows]`.
          adjoint: solve for the conjugate transpose of this operator instead.
          name: a name scope.
        """
        self._check_invertible("Exact solve")
        with self._within(name):
            rhs = self._argument(rhs, "rhs")
            self._check_fit(rhs.shape, -1, self._size(-2))
            return squeeze(self._solve(expand_dims(rhs, -1), adjoint=adjoint), [-1])

    def adjoint(self, name: str = "adjoint") -> LinearOperator:
        """The conjugate transpose, as an operator."""
        if self.is_self_adjoint:
            return self
        with self._within(name):
            return self._adjoint()

    @property
    def H(self) -> LinearOperator:
        """The conjugate transpose, as an operator."""
        return self.adjoint()

    def inverse(self, name: str = "inverse") -> LinearOperator:
        """The inverse, as an operator.

        Raises:
          ValueError: if the operator is known to be singular, or not to be square.
        """
        if self.is_square is False:
            raise ValueError(
                "Cannot take the Inverse: This operator represents a non square matrix."
            )
        if self.is_non_singular is False:
            raise ValueError("Cannot take the Inverse: This operator represents a singular matrix.")
        with self._within(name):
            return self._inverse()

    def cholesky(self, name: str = "cholesky") -> LinearOperator:
        """The lower triangular factor L with L @ L^H = A, as an operator.

        Raises:
          ValueError: if it is not known that the operator is positive definite and self-adjoint.
        """
        if not self._factors():
            raise ValueError(
                "Cannot take the Cholesky decomposition: Not a positive definite self adjoint matrix."
            )
        with self._within(name):
            return self._cholesky()

    def to_dense(self, name: str = "to_dense") -> Any:
        """The matrix, as a tensor."""
        with self._within(name):
            return self._to_dense()

    def diag_part(self, name: str = "diag_part") -> Any:
        """The elements on the diagonal."""
        with self._within(name):
            return self._diag_part()

    def trace(self, name: str = "trace") -> Any:
        """The sum of the elements on the diagonal."""
        with self._within(name):
            return self._trace()

    def determinant(self, name: str = "det") -> Any:
        """The determinant.

        Raises:
          NotImplementedError: if the operator is known not to be square.
        """
        self._check_square("Determinant")
        with self._within(name):
            return self._determinant()

    def log_abs_determinant(self, name: str = "log_abs_det") -> Any:
        """The logarithm of the size of the determinant, in the dtype of the operator; as in TensorFlow a
        real number for a triangle or a multiple of the identity.

        Raises:
          NotImplementedError: if the operator is known not to be square.
        """
        self._check_square("Determinant")
        with self._within(name):
            size = self._log_abs_determinant()
            return size if self._real_log_determinant else cast(size, self.dtype)

    def eigvals(self, name: str = "eigvals") -> Any:
        """The eigenvalues.

        Raises:
          NotImplementedError: if it is not known that the operator is self-adjoint.
        """
        if not self.is_self_adjoint:
            raise NotImplementedError("Only self-adjoint matrices are supported.")
        with self._within(name):
            return self._eigvals()

    def cond(self, name: str = "cond") -> Any:
        """The condition number: the largest singular value by the smallest."""
        with self._within(name):
            return self._cond()

    def add_to_tensor(self, x: Any, name: str = "add_to_tensor") -> Any:
        """The matrix plus a tensor that broadcasts with it."""
        with self._within(name):
            return add(self._to_dense(), self._argument(x, "x"))

    # Checks --------------------------------------------------------------------------------------

    def assert_non_singular(self, name: str = "assert_non_singular") -> Any:
        """An op that fails if the operator is singular."""
        with self._within(name):
            return self._assert_non_singular()

    def _assert_non_singular(self) -> Any:
        sizes = cast(self._known_shape_tensor()[-2:], self.dtype.real_dtype)
        allowed = np.finfo(self.dtype.real_dtype.np).eps * reduce_max(
            concat([sizes * 10, [100]], 0)
        )
        return debugging.assert_less(
            real(self._cond()), 1.0 / allowed, message="Singular matrix up to precision epsilon."
        )

    def assert_positive_definite(self, name: str = "assert_positive_definite") -> Any:
        """An op that fails if the operator is not positive definite."""
        with self._within(name):
            return self._assert_positive_definite()

    def _assert_positive_definite(self) -> Any:
        if not self.is_self_adjoint:
            raise NotImplementedError(
                "is_positive_definite is checked of self-adjoint operators only."
            )
        return debugging.assert_positive(
            real(matrix_diag_part(decompositions.cholesky_op(self._to_dense()))),
            message="Matrix was not positive definite.",
        )

    def assert_self_adjoint(self, name: str = "assert_self_adjoint") -> Any:
        """An op that fails if the operator is not its own conjugate transpose."""
        with self._within(name):
            return self._assert_self_adjoint()

    def _assert_self_adjoint(self) -> Any:
        dense = self._to_dense()
        return debugging.assert_equal(
            dense, adjoint_of(dense), message="Matrix was not equal to its adjoint."
        )


def maybe_adjoint(x: Any, adjoint: bool) -> Any:
    """`x`, or its adjoints."""
    return adjoint_of(x) if adjoint else x


def dense_product(matrix: Any, x: Any, adjoint: bool, adjoint_arg: bool) -> Any:
    """`matrix @ x`, either of them as its conjugate transpose."""
    return matmul(matrix, x, adjoint_a=adjoint, adjoint_b=adjoint_arg)
