"""An operator with an update of low rank: by the lemma of Woodbury, solved at the cost of the operator."""

from __future__ import annotations

import functools
from typing import Any

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.shapes import TensorShape
from reflow.ops.array import expand_dims
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.filling import broadcast_dynamic_shape
from reflow.ops.joining import concat
from reflow.ops.linalg import decompositions
from reflow.ops.linalg.matmul import matmul
from reflow.ops.linalg.matrix_diag import matrix_diag_part
from reflow.ops.linalg.solve import cholesky_solve, det, slogdet, solve
from reflow.ops.linear.dense import LinearOperatorDiag, LinearOperatorIdentity
from reflow.ops.linear.operator import (
    Hint,
    LinearOperator,
    as_hints,
    check_rank,
    maybe_adjoint,
    same_batch,
)
from reflow.ops.math import conj, exp, log
from reflow.ops.math.complex import real
from reflow.ops.reduce import reduce_sum


@export("linalg.LinearOperatorLowRankUpdate")
class LinearOperatorLowRankUpdate(LinearOperator):
    """`L + U D V^H`: an operator `L`, and an update of low rank.

    Solving and determinants take those of `L` and of a matrix of the size of `D`:
    https://en.wikipedia.org/wiki/Woodbury_matrix_identity

    Args:
      base_operator: `L`, a square operator of n rows.
      u: of shape `[..., n, k]`.
      diag_update: of shape `[..., k]`, the diagonal of `D`; by default the identity.
      v: of the shape of `u`, which it is by default.
      is_diag_update_positive: what is known of `diag_update`.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of the sum.
      name: of its name scopes.

    Raises:
      ValueError: if the hints contradict each other, or the shapes do not fit.
      TypeError: if the dtypes differ.

    >>> import reflow as tf
    >>> base = tf.linalg.LinearOperatorDiag([1.0, 2.0])
    >>> operator = tf.linalg.LinearOperatorLowRankUpdate(base, u=[[1.0], [1.0]])
    >>> print(operator.to_dense().numpy())
    [[2. 1.]
     [1. 3.]]
    """

    def __init__(
        self,
        base_operator: LinearOperator,
        u: Any,
        diag_update: Any = None,
        v: Any = None,
        is_diag_update_positive: Hint = None,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str = "LinearOperatorLowRankUpdate",
    ):
        dtype = base_operator.dtype
        if diag_update is None:
            if is_diag_update_positive is False:
                raise ValueError(
                    "is_diag_update_positive is False, but without a diag_update it is the identity, "
                    "which is positive."
                )
            is_diag_update_positive = True
        if base_operator.is_self_adjoint and v is None and not dtype.is_complex:
            if is_self_adjoint is False:
                raise ValueError("A self-adjoint operator and U D U^H are a self-adjoint operator.")
            is_self_adjoint = True
        # Then what is to be solved for the update has a Cholesky factor.
        definite = base_operator.is_positive_definite and base_operator.is_self_adjoint
        self._is_definite = bool(definite and is_diag_update_positive and v is None)
        if self._is_definite:
            if False in (is_positive_definite, is_self_adjoint, is_non_singular):
                raise ValueError("Arguments imply this is self-adjoint positive-definite operator.")
            is_positive_definite = is_self_adjoint = True
        self._base_operator = base_operator
        self._u = self._part(u, "u", 2)
        self._v = self._u if v is None else self._part(v, "v", 2)
        self._diag_update = None
        if diag_update is not None:
            self._diag_update = self._part(diag_update, "diag_update", 1)
        self._is_diag_update_positive = is_diag_update_positive
        super().__init__(
            dtype,
            name=name,
            parameters={
                "base_operator": base_operator,
                "u": u,
                "diag_update": diag_update,
                "v": v,
                "is_diag_update_positive": is_diag_update_positive,
                **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
                "name": name,
            },
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=is_square,
        )
        self._check_shapes()

    def _part(self, value: Any, what: str, rank: int) -> Any:
        dtype = self._base_operator.dtype
        tensor = convert_to_tensor(value, name=what, dtype_hint=dtype)
        if tensor.dtype.base_dtype is not dtype:
            raise TypeError(f"Argument `{what}` must have dtype {dtype}, not {tensor.dtype}")
        check_rank(tensor, what, rank)
        return tensor

    def _check_shapes(self) -> None:
        rows, rank = shapes.broadcast(self._u.shape, self._v.shape).as_list()[-2:]
        base = self._base_operator
        for axis in (-2, -1):
            if None not in (rows, base._size(axis)) and rows != base._size(axis):
                raise ValueError(
                    f"An operator of shape {base.shape} does not fit `u` and `v` with {rows} rows"
                )
        if self._diag_update is not None:
            size = self._diag_update.shape.as_list()[-1]
            if None not in (rank, size) and rank != size:
                raise ValueError(
                    f"Argument `diag_update` has {size} elements, but `u` and `v` {rank} columns"
                )

    @property
    def base_operator(self) -> LinearOperator:
        """`L`, without the update."""
        return self._base_operator

    @property
    def u(self) -> Any:
        """The left factor of the update."""
        return self._u

    @property
    def v(self) -> Any:
        """The right factor of the update."""
        return self._v

    @property
    def diag_update(self) -> Any:
        """The diagonal of `D` if it was given, else None."""
        return self._diag_update

    @property
    def is_diag_update_positive(self) -> Hint:
        """What is known of the diagonal of `D`."""
        return self._is_diag_update_positive

    @property
    def diag_operator(self) -> LinearOperator:
        """`D` as an operator."""
        if self._diag_update is None:
            return LinearOperatorIdentity(self._rank(), dtype=self.dtype)
        return LinearOperatorDiag(
            self._diag_update, is_positive_definite=self._is_diag_update_positive
        )

    def _rank(self) -> Any:
        size = self._u.shape.as_list()[-1]
        return shape_of(self._u)[-1] if size is None else size

    def _shape(self) -> TensorShape:
        base = self._base_operator
        batches = [base.batch_shape, self._u.shape[:-2], self._v.shape[:-2]]
        if self._diag_update is not None:
            batches.append(self._diag_update.shape[:-1])
        return functools.reduce(shapes.broadcast, batches).concatenate(base.shape[-2:])

    def _shape_tensor(self) -> Any:
        sizes = self._base_operator._known_shape_tensor()
        batches = [sizes[:-2], shape_of(self._u)[:-2], shape_of(self._v)[:-2]]
        if self._diag_update is not None:
            batches.append(shape_of(self._diag_update)[:-1])
        return concat([functools.reduce(broadcast_dynamic_shape, batches), sizes[-2:]], 0)

    def _scaled(self, u: Any, adjoint: bool = False) -> Any:
        """`U D`."""
        if self._diag_update is None:
            return u
        diagonal = conj(self._diag_update) if adjoint else self._diag_update
        return u * expand_dims(diagonal, -2)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        u, v = (self._v, self._u) if adjoint else (self._u, self._v)
        x = maybe_adjoint(x, adjoint_arg)
        update = matmul(self._scaled(u, adjoint), matmul(v, x, adjoint_a=True))
        return self._base_operator.matmul(x, adjoint=adjoint) + update

    def _capacitance(self, u: Any, v: Any, adjoint: bool = False) -> Any:
        """`D^-1 + V^H L^-1 U`, and its `L^-1 U`."""
        solved = self._base_operator.solve(u, adjoint=adjoint)
        inverse = self.diag_operator.inverse()
        inverse = inverse.adjoint() if adjoint else inverse
        return inverse.add_to_tensor(matmul(v, solved, adjoint_a=True)), solved

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        if self._base_operator.is_non_singular is False:
            raise ValueError("An update of a singular operator cannot be solved by way of it.")
        u, v = (self._v, self._u) if adjoint else (self._u, self._v)
        solved = self._base_operator.solve(rhs, adjoint=adjoint, adjoint_arg=adjoint_arg)
        capacitance, update = self._capacitance(u, v, adjoint)
        matrix, right = same_batch(capacitance, matmul(v, solved, adjoint_a=True))
        if self._is_definite:
            right = cholesky_solve(decompositions.cholesky_op(matrix), right)
        else:
            right = solve(matrix, right)
        return solved - matmul(update, right)

    def _diag_part(self) -> Any:
        update = reduce_sum(self._scaled(self._u) * conj(self._v), axis=-1)
        return self._base_operator.diag_part() + update

    def _determinant(self) -> Any:
        if self._is_definite:
            return cast(exp(self._log_abs_determinant()), self.dtype)
        capacitance, _ = self._capacitance(self._u, self._v)
        return (
            det(capacitance) * self.diag_operator.determinant() * self._base_operator.determinant()
        )

    def _log_abs_determinant(self) -> Any:
        capacitance, _ = self._capacitance(self._u, self._v)
        if self._is_definite:
            factor = matrix_diag_part(decompositions.cholesky_op(capacitance))
            own = 2.0 * reduce_sum(log(real(factor)), axis=-1)
        else:
            own = real(slogdet(capacitance)[1])
        base = self._base_operator._log_abs_determinant()
        return own + self.diag_operator._log_abs_determinant() + base
