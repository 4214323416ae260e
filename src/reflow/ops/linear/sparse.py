"""Matrices that are zero almost everywhere: three diagonals, permutations."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, float32, int32
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import TensorShape
from reflow.lang.static_value import constant_value
from reflow.ops.array import expand_dims
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.compare import equal
from reflow.ops.constant import no_op
from reflow.ops.filling import broadcast_dynamic_shape, broadcast_to, ones, zeros
from reflow.ops.indexing import gather
from reflow.ops.joining import concat, stack
from reflow.ops.linalg.matrix_diag import band_part, matrix_diag, matrix_diag_part
from reflow.ops.linalg.tridiagonal import tridiagonal_matmul, tridiagonal_solve
from reflow.ops.linear.operator import (
    Hint,
    LinearOperator,
    as_hints,
    check_rank,
    maybe_adjoint,
    same_batch,
)
from reflow.ops.math import conj
from reflow.ops.padding import roll
from reflow.ops.reduce import reduce_sum
from reflow.ops.sequences import range as range_of
from reflow.ops.sorting import argsort


@export("linalg.LinearOperatorTridiag")
class LinearOperatorTridiag(LinearOperator):
    """A square matrix that is zero but on its main diagonal and beside it, as an operator.

    Args:
      diagonals: as `diagonals_format` says.
      diagonals_format: "compact" for a tensor of shape `[..., 3, n]`: the upper diagonal, the last element
        of which is not looked at, the main one, and the lower one, the first element of which is not
        looked at; "sequence" for a list of these three; "matrix" for a tensor of shape `[..., n, n]`.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: for another format, or if `is_square` is False.

    >>> import reflow as tf
    >>> operator = tf.linalg.LinearOperatorTridiag([[1.0, 0.0], [5.0, 6.0], [0.0, 2.0]])
    >>> print(operator.to_dense().numpy())
    [[5. 1.]
     [2. 6.]]
    """

    def __init__(
        self,
        diagonals: Any,
        diagonals_format: str = "compact",
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str = "LinearOperatorTridiag",
    ):
        with name_scope(name):
            if diagonals_format == "sequence":
                self._diagonals: Any = [
                    convert_to_tensor(each, name="diagonal") for each in diagonals
                ]
                tensors = self._diagonals
                if len(tensors) != 3:
                    raise ValueError(f"Expected three diagonals, got {len(tensors)}.")
            elif diagonals_format in ("compact", "matrix"):
                self._diagonals = convert_to_tensor(diagonals, name="diagonals")
                tensors = [self._diagonals]
            else:
                raise ValueError(
                    "Argument `diagonals_format` must be one of compact, matrix, or sequence. "
                    f"Received : {diagonals_format}."
                )
        for each in tensors:
            check_rank(each, "diagonals", 1 if diagonals_format == "sequence" else 2)
        if is_square is False:
            raise ValueError("User set is_square hint to False, but the operator was square.")
        self._diagonals_format = diagonals_format
        super().__init__(
            tensors[0].dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=True,
            name=name,
            parameters={
                "diagonals": diagonals,
                "diagonals_format": diagonals_format,
                **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
                "name": name,
            },
        )

    @property
    def diagonals(self) -> Any:
        """The diagonals as they were given: one tensor, or three."""
        return self._diagonals

    @property
    def diagonals_format(self) -> str:
        """What `diagonals` is: "compact", "sequence" or "matrix"."""
        return self._diagonals_format

    def _shape(self) -> TensorShape:
        if self._diagonals_format == "matrix":
            return self._diagonals.shape
        if self._diagonals_format == "compact":
            sizes = self._diagonals.shape
            return sizes[:-2].concatenate(sizes[-1:]).concatenate(sizes[-1:])
        sizes = self._diagonals[1].shape
        return sizes.concatenate(sizes[-1:])

    def _shape_tensor(self) -> Any:
        if self._diagonals_format == "matrix":
            return shape_of(self._diagonals)
        if self._diagonals_format == "compact":
            sizes = shape_of(self._diagonals)
            return concat([sizes[:-2], sizes[-1:], sizes[-1:]], 0)
        sizes = shape_of(self._diagonals[1])
        return concat([sizes, sizes[-1:]], 0)

    def _compact(self, adjoint: bool = False) -> Any:
        """The three diagonals, of shape `[..., 3, n]`."""
        if self._diagonals_format == "sequence":
            diagonals = stack(self._diagonals, axis=-2)
        elif self._diagonals_format == "matrix":
            diagonals = matrix_diag_part(self._diagonals, k=(-1, 1), align="LEFT_RIGHT")
        else:
            diagonals = self._diagonals
        if not adjoint:
            return diagonals
        upper, main, lower = (conj(diagonals[..., i, :]) for i in range(3))
        return stack([roll(lower, -1, axis=-1), main, roll(upper, 1, axis=-1)], axis=-2)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return tridiagonal_matmul(
            *same_batch(self._compact(adjoint), maybe_adjoint(x, adjoint_arg))
        )

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        diagonals, rhs = same_batch(self._compact(adjoint), maybe_adjoint(rhs, adjoint_arg))
        return tridiagonal_solve(diagonals, rhs)

    def _to_dense(self) -> Any:
        if self._diagonals_format == "matrix":
            return self._diagonals
        return matrix_diag(self._compact(), k=(-1, 1), align="LEFT_RIGHT")

    def _diag_part(self) -> Any:
        if self._diagonals_format == "matrix":
            return matrix_diag_part(self._diagonals)
        if self._diagonals_format == "sequence":
            return self._diagonals[1]
        return self._diagonals[..., 1, :]


@export("linalg.LinearOperatorPermutation")
class LinearOperatorPermutation(LinearOperator):
    """A permutation of rows as an operator: row i of the product is row `perm[i]` of what is multiplied.

    Args:
      perm: of shape `[..., n]`, integers, each from 0 to n - 1 once.
      dtype: of the elements.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: if `perm` is not a permutation, as far as it is known, or a hint contradicts that.
      TypeError: if it is not of integers.

    >>> import reflow as tf
    >>> print(tf.linalg.LinearOperatorPermutation([2, 0, 1]).matvec([5.0, 6.0, 7.0]).numpy())
    [7. 5. 6.]
    """

    def __init__(
        self,
        perm: Any,
        dtype: Any = float32,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str = "LinearOperatorPermutation",
    ):
        parameters = {
            "perm": perm,
            "dtype": dtype,
            **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
            "name": name,
        }
        for hint, what in ((is_non_singular, "non-singular"), (is_square, "square")):
            if hint is False:
                raise ValueError(
                    f"A Permutation operator is always {what}. Expected argument "
                    f"`is_{what.replace('-', '_')}` to be True. Received: False."
                )
        with name_scope(name):
            self._perm = convert_to_tensor(perm, name="perm")
        check_rank(self._perm, "perm", 1)
        if not self._perm.dtype.is_integer:
            raise TypeError(f"Argument `perm` must be integer dtype. Received: {perm}.")
        known = constant_value(self._perm)
        if known is not None and not (np.sort(known, -1) == np.arange(known.shape[-1])).all():
            raise ValueError(
                "Argument `perm` must be a vector of unique integers from 0 to "
                f"{known.shape[-1] - 1}."
            )
        super().__init__(
            as_dtype(dtype),
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=True,
            name=name,
            parameters=parameters,
        )

    @property
    def perm(self) -> Any:
        """The rows that the rows of a product come from."""
        return self._perm

    def _shape(self) -> TensorShape:
        return self._perm.shape.concatenate(self._perm.shape[-1:])

    def _shape_tensor(self) -> Any:
        sizes = shape_of(self._perm)
        return concat([sizes, sizes[-1:]], 0)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        x = maybe_adjoint(x, adjoint_arg)
        perm = argsort(self._perm, axis=-1) if adjoint else self._perm
        if perm.shape.rank == 1:
            return gather(x, perm, axis=-2)
        batch = broadcast_dynamic_shape(shape_of(x)[:-2], shape_of(perm)[:-1])
        x = broadcast_to(x, concat([batch, shape_of(x)[-2:]], 0))
        perm = broadcast_to(perm, concat([batch, shape_of(perm)[-1:]], 0))
        return gather(x, perm, axis=-2, batch_dims=perm.shape.rank - 1)

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._matmul(rhs, adjoint=not adjoint, adjoint_arg=adjoint_arg)

    def _to_dense(self) -> Any:
        columns = range_of(cast(shape_of(self._perm)[-1], self._perm.dtype))
        return cast(equal(expand_dims(self._perm, -1), columns), self.dtype)

    def _determinant(self) -> Any:
        """By the number of pairs that are the wrong way round."""
        above = expand_dims(self._perm, -1) > expand_dims(self._perm, -2)
        count = reduce_sum(band_part(cast(above, int32), 0, -1), axis=[-2, -1])
        return cast(1 - 2 * (count % 2), self.dtype)

    def _log_abs_determinant(self) -> Any:
        return zeros(self._known_shape_tensor()[:-2], self.dtype.real_dtype)

    def _cond(self) -> Any:
        return ones(self._known_shape_tensor()[:-2], self.dtype)

    def _assert_non_singular(self) -> Any:
        return no_op()

    def _assert_positive_definite(self) -> Any:
        raise NotImplementedError("assert_positive_definite is not implemented.")
