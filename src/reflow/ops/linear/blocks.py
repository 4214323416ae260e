"""Operators that are made of blocks, which take and give lists of what belongs to each block too."""

from __future__ import annotations

import functools
import operator as operators_of
from typing import Any

from reflow.lang import shapes
from reflow.lang.export import export
from reflow.lang.shapes import TensorShape
from reflow.ops.array import expand_dims, squeeze
from reflow.ops.array import shape as shape_of
from reflow.ops.filling import broadcast_dynamic_shape, broadcast_to, zeros
from reflow.ops.joining import concat, split
from reflow.ops.linear.dense import LinearOperatorFullMatrix
from reflow.ops.linear.derived import (
    checked_operators,
    common_batch,
    common_batch_tensor,
    of_all,
)
from reflow.ops.linear.operator import Hint, LinearOperator, as_hints, maybe_adjoint
from reflow.ops.math import neg


def _joined(parts: list[Any], axis: int) -> Any:
    """Tensors of matrices (`axis` -2) or of vectors (-1) side by side, broadcast to one batch."""
    inner = -axis
    batch = functools.reduce(broadcast_dynamic_shape, [shape_of(x)[:-inner] for x in parts])
    return concat([broadcast_to(x, concat([batch, shape_of(x)[-inner:]], 0)) for x in parts], axis)


class _Blocks(LinearOperator):
    """A square array of operators, below the diagonal of which some may be, but none above it.

    A class defines `_diagonal`, and `_multiplied` and `_solved` of lists of matrices for the blocks.
    """

    @property
    def _diagonal(self) -> list[LinearOperator]:
        raise NotImplementedError

    @property
    def _all(self) -> list[LinearOperator]:
        """All blocks but zeros."""
        return self._diagonal

    def _multiplied(self, parts: list[Any], adjoint: bool) -> list[Any]:
        raise NotImplementedError

    def _solved(self, parts: list[Any], adjoint: bool) -> list[Any]:
        raise NotImplementedError

    def _shape(self) -> TensorShape:
        sizes: list[int | None] = []
        for axis in (-2, -1):
            each = [part._size(axis) for part in self._diagonal]
            sizes.append(None if None in each else sum(each))
        return common_batch(self._all).concatenate(shapes.of(tuple(sizes)))

    def _shape_tensor(self) -> Any:
        sizes = functools.reduce(
            operators_of.add, (part._known_shape_tensor()[-2:] for part in self._diagonal)
        )
        return concat([common_batch_tensor(self._all), sizes], 0)

    def _is_list(self, x: Any, depth: int) -> bool:
        """Whether `x` is a list with a tensor for each block, rather than one tensor as a list.

        A list of lists of numbers is a matrix, not a list of vectors; of tensors, that they are parts.
        """
        if not isinstance(x, (list, tuple)) or len(x) != len(self._diagonal):
            return False
        return all(_depth(each) >= depth for each in x)

    def _parts(self, x: Any, what: str, axis: int, mine: int) -> list[Any]:
        """The tensors of a list, checked against the sizes of the blocks."""
        parts = [self._argument(each, what) for each in x]
        for part, operator in zip(parts, self._diagonal):
            operator._check_fit(part.shape, axis, operator._size(mine))
        return parts

    def matmul(
        self, x: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str = "matmul"
    ) -> Any:
        """The product with matrices, with a list of one for each block, or with another operator.

        The arguments are those of `tf.linalg.LinearOperator.matmul`; for a list the result is one.
        """
        if not self._is_list(x, 2):
            return super().matmul(x, adjoint=adjoint, adjoint_arg=adjoint_arg, name=name)
        with self._within(name):
            parts = self._parts(x, "x", -1 if adjoint_arg else -2, -2 if adjoint else -1)
            return self._multiplied([maybe_adjoint(each, adjoint_arg) for each in parts], adjoint)

    def matvec(self, x: Any, adjoint: bool = False, name: str = "matvec") -> Any:
        """The product with vectors, or with a list of one for each block.

        The arguments are those of `tf.linalg.LinearOperator.matvec`; for a list the result is one.
        """
        if not self._is_list(x, 1):
            return super().matvec(x, adjoint=adjoint, name=name)
        with self._within(name):
            parts = self._parts(x, "x", -1, -2 if adjoint else -1)
            found = self._multiplied([expand_dims(each, -1) for each in parts], adjoint)
            return [squeeze(each, [-1]) for each in found]

    def solve(
        self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False, name: str = "solve"
    ) -> Any:
        """What has to be multiplied with this operator to give `rhs`, which may be a list for the blocks.

        The arguments are those of `tf.linalg.LinearOperator.solve`; for a list the result is one.
        """
        if not self._is_list(rhs, 2):
            return super().solve(rhs, adjoint=adjoint, adjoint_arg=adjoint_arg, name=name)
        self._check_invertible("Exact solve")
        with self._within(name):
            parts = self._parts(rhs, "rhs", -1 if adjoint_arg else -2, -2)
            return self._solved([maybe_adjoint(each, adjoint_arg) for each in parts], adjoint)

    def solvevec(self, rhs: Any, adjoint: bool = False, name: str = "solve") -> Any:
        """The vectors that have to be multiplied with this operator to give `rhs`, which may be a list.

        The arguments are those of `tf.linalg.LinearOperator.solvevec`; for a list the result is one.
        """
        if not self._is_list(rhs, 1):
            return super().solvevec(rhs, adjoint=adjoint, name=name)
        self._check_invertible("Exact solve")
        with self._within(name):
            parts = self._parts(rhs, "rhs", -1, -2)
            found = self._solved([expand_dims(each, -1) for each in parts], adjoint)
            return [squeeze(each, [-1]) for each in found]

    def _cut(self, x: Any, axis: int) -> list[Any]:
        """The rows of `x` that belong to each block."""
        known = [each._size(axis) for each in self._diagonal]
        if None in known:
            known = [each._known_shape_tensor()[axis] for each in self._diagonal]
        return split(x, known, axis=-2)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        parts = self._cut(maybe_adjoint(x, adjoint_arg), -2 if adjoint else -1)
        return _joined(self._multiplied(parts, adjoint), -2)

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        parts = self._cut(maybe_adjoint(rhs, adjoint_arg), -1 if adjoint else -2)
        return _joined(self._solved(parts, adjoint), -2)

    def _determinant(self) -> Any:
        return functools.reduce(operators_of.mul, (part._determinant() for part in self._diagonal))

    def _log_abs_determinant(self) -> Any:
        return functools.reduce(
            operators_of.add, (part._log_abs_determinant() for part in self._diagonal)
        )

    def _trace(self) -> Any:
        return functools.reduce(operators_of.add, (part._trace() for part in self._diagonal))


def _depth(x: Any) -> int:
    """The number of dimensions of what may become a tensor; a list in a list tells a part from a row."""
    if isinstance(x, (list, tuple)):
        return 1 + _depth(x[0]) if x and isinstance(x[0], (list, tuple)) else 0
    rank = getattr(getattr(x, "shape", ()), "rank", None)
    return len(getattr(x, "shape", ())) if rank is None else rank


@export("linalg.LinearOperatorBlockDiag")
class LinearOperatorBlockDiag(_Blocks):
    """Operators along the diagonal of a larger one.

    Args:
      operators: a list of operators.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes; by default the names of the operators with `_ds_` between.

    Raises:
      TypeError: if the dtypes differ.
      ValueError: if there are none.

    >>> import reflow as tf
    >>> flip = tf.linalg.LinearOperatorFullMatrix([[0.0, 1.0], [1.0, 0.0]])
    >>> twice = tf.linalg.LinearOperatorDiag([2.0])
    >>> print(tf.linalg.LinearOperatorBlockDiag([flip, twice]).matvec([1.0, 2.0, 3.0]).numpy())
    [2. 1. 6.]
    """

    def __init__(
        self,
        operators: Any,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = True,
        name: str | None = None,
    ):
        given = as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square)
        parts = checked_operators(operators, "operators")
        is_non_singular = of_all(parts, "is_non_singular", is_non_singular)
        is_self_adjoint = of_all(parts, "is_self_adjoint", is_self_adjoint)
        is_positive_definite = of_all(parts, "is_positive_definite", is_positive_definite)
        if not all(each.is_square for each in parts):
            is_square = None
        self._operators = parts
        super().__init__(
            parts[0].dtype,
            name="_ds_".join(each.name for each in parts) if name is None else name,
            parameters={"operators": operators, **given, "name": name},
            **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
        )

    @property
    def operators(self) -> list[LinearOperator]:
        """The operators."""
        return list(self._operators)

    @property
    def _diagonal(self) -> list[LinearOperator]:
        return self._operators

    def _multiplied(self, parts: list[Any], adjoint: bool) -> list[Any]:
        return [each._matmul(x, adjoint=adjoint) for each, x in zip(self._operators, parts)]

    def _solved(self, parts: list[Any], adjoint: bool) -> list[Any]:
        return [each._solve(x, adjoint=adjoint) for each, x in zip(self._operators, parts)]

    def _adjoint(self) -> LinearOperator:
        return LinearOperatorBlockDiag([part.adjoint() for part in self._operators])

    def _inverse(self) -> LinearOperator:
        return LinearOperatorBlockDiag([part.inverse() for part in self._operators])

    def _cholesky(self) -> LinearOperator:
        return LinearOperatorBlockDiag([part.cholesky() for part in self._operators])


@export("linalg.LinearOperatorBlockLowerTriangular")
class LinearOperatorBlockLowerTriangular(_Blocks):
    """Operators on and below the diagonal of a larger one.

    Args:
      operators: a list of rows: the first has one operator, each other one more than the row before. The
        last ones of the rows are on the diagonal, and square.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      TypeError: if the dtypes differ.
      ValueError: if there are none, their shapes do not fit, or a hint contradicts what it is.

    >>> import reflow as tf
    >>> full = tf.linalg.LinearOperatorFullMatrix
    >>> operator = tf.linalg.LinearOperatorBlockLowerTriangular(
    ...     [[full([[2.0]])], [full([[3.0]]), full([[4.0]])]]
    ... )
    >>> print(operator.to_dense().numpy(), operator.solvevec([2.0, 7.0]).numpy())
    [[2. 0.]
     [3. 4.]] [1. 1.]
    """

    def __init__(
        self,
        operators: Any,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str = "LinearOperatorBlockLowerTriangular",
    ):
        rows = [list(row) for row in operators]
        for i, row in enumerate(rows):
            if len(row) != i + 1:
                raise ValueError(
                    f"Argument `operators[{i}]` must contain `{i + 1}` blocks. Received: {len(row)} blocks."
                )
        checked_operators([each for row in rows for each in row], "operators")
        self._rows = rows
        self._check_blocks()
        if is_square is False:
            raise ValueError(
                "`LinearOperatorBlockLowerTriangular` must be square. Expected argument `is_square` to "
                "be True. Received: False."
            )
        known = [each.is_non_singular for each in self._diagonal]
        singular = False if False in known else True if all(known) else None
        if singular is not None and is_non_singular is (not singular):
            word = "non-singular" if singular else "singular"
            raise ValueError(
                f"A blockwise lower-triangular operator with {word} operators on the main diagonal is "
                f"always {word}. Expected argument `is_non_singular` to be {singular}. Received: "
                f"{is_non_singular}."
            )
        super().__init__(
            rows[0][0].dtype,
            name=name,
            parameters={
                "operators": operators,
                **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
                "name": name,
            },
            **as_hints(
                singular or is_positive_definite or is_non_singular
                if singular is not False
                else False,
                is_self_adjoint,
                is_positive_definite,
                True,
            ),
        )

    def _check_blocks(self) -> None:
        for i, row in enumerate(self._rows):
            if row[-1].is_square is False:
                raise ValueError(
                    "Matrices on the diagonal (the final elements of each row-partition in the "
                    f"`operators` list) must be square. Expected argument `operators[{i}][-1].is_square`"
                    " to be True. Received: False."
                )
            for j, each in enumerate(row[:-1]):
                for axis, other, what in (
                    (-1, self._rows[j][j], f"operators[{j}][{j}].domain_dimension"),
                    (-2, row[-1], f"operators[{i}][{i}].range_dimension"),
                ):
                    sizes = each._size(axis), other._size(axis)
                    if None not in sizes and sizes[0] != sizes[1]:
                        kind = "domain" if axis == -1 else "range"
                        raise ValueError(
                            f"Argument `operators[{i}][{j}].{kind}_dimension` ({sizes[0]}) must be the "
                            f"same as `{what}` ({sizes[1]})."
                        )

    @property
    def operators(self) -> list[list[LinearOperator]]:
        """The operators, a list for each row of blocks."""
        return [list(row) for row in self._rows]

    @property
    def _diagonal(self) -> list[LinearOperator]:
        return [row[-1] for row in self._rows]

    @property
    def _all(self) -> list[LinearOperator]:
        return [each for row in self._rows for each in row]

    def _multiplied(self, parts: list[Any], adjoint: bool) -> list[Any]:
        count = len(self._rows)
        return [
            functools.reduce(
                operators_of.add,
                [
                    self._rows[i][j]._matmul(parts[i if adjoint else j], adjoint=adjoint)
                    for i, j in (
                        ((k, at) for k in range(at, count))
                        if adjoint
                        else ((at, k) for k in range(at + 1))
                    )
                ],
            )
            for at in range(count)
        ]

    def _solved(self, parts: list[Any], adjoint: bool) -> list[Any]:
        """By substitution, from the first block on; from the last one for the adjoint."""
        order = range(len(parts))
        found: dict[int, Any] = {}
        for at in reversed(order) if adjoint else order:
            rest = parts[at]
            for i, solved in found.items():
                beside = self._rows[i][at] if adjoint else self._rows[at][i]
                rest = rest - beside._matmul(solved, adjoint=adjoint)
            found[at] = self._rows[at][at]._solve(rest, adjoint=adjoint)
        return [found[at] for at in order]

    def _to_dense(self) -> Any:
        batch = self._known_shape_tensor()[:-2]
        sizes = [each._known_shape_tensor()[-1:] for each in self._diagonal]
        rows = []
        for i, row in enumerate(self._rows):
            blocks = [each._to_dense() for each in row]
            blocks += [
                zeros(concat([batch, sizes[i], size], 0), self.dtype) for size in sizes[i + 1 :]
            ]
            wide = [broadcast_to(x, concat([batch, shape_of(x)[-2:]], 0)) for x in blocks]
            rows.append(concat(wide, -1))
        return concat(rows, -2)

    def _diag_part(self) -> Any:
        return _joined([each._diag_part() for each in self._diagonal], -1)

    def _eigvals(self) -> Any:
        return _joined([each._eigvals() for each in self._diagonal], -1)

    def _inverse(self) -> LinearOperator:
        """Blocks below the diagonal are dense."""
        inverses: list[list[LinearOperator]] = []
        for i, row in enumerate(self._rows):
            blocks: list[LinearOperator] = []
            for j in range(i):
                sums = [row[k]._matmul(inverses[k][j]._to_dense()) for k in range(j, i)]
                below = row[-1]._solve(neg(functools.reduce(operators_of.add, sums)))
                blocks.append(LinearOperatorFullMatrix(below))
            inverses.append([*blocks, row[-1].inverse()])
        return LinearOperatorBlockLowerTriangular(inverses, is_non_singular=self.is_non_singular)
