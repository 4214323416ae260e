"""Operators that are made of other operators."""

from __future__ import annotations

import functools
import operator as operators_of
from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32
from reflow.lang.export import export
from reflow.lang.shapes import TensorShape
from reflow.ops.array import expand_dims, reshape, transpose
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.constant import constant
from reflow.ops.filling import broadcast_dynamic_shape, broadcast_to, zeros
from reflow.ops.joining import concat
from reflow.ops.linalg.matmul import adjoint as adjoint_of
from reflow.ops.linalg.norms import l2_normalize
from reflow.ops.linear.operator import (
    Hint,
    LinearOperator,
    as_hints,
    check_dtype,
    check_rank,
    maybe_adjoint,
)
from reflow.ops.math import conj, pow_op
from reflow.ops.reduce import reduce_sum


def product(left: LinearOperator, right: LinearOperator) -> LinearOperator:
    """Two operators as one: a simple one where that is known."""
    from reflow.ops.linear.dense import LinearOperatorIdentity, LinearOperatorZeros

    if left.dtype is not right.dtype:
        raise TypeError(f"Operators of different dtypes: {left.dtype} and {right.dtype}")
    if isinstance(right, LinearOperatorIdentity) and not isinstance(left, LinearOperatorIdentity):
        found = right._times(left)
    elif isinstance(left, LinearOperatorZeros) or isinstance(right, LinearOperatorZeros):
        found = None
    else:
        found = left._times(right)
    return found if found is not None else LinearOperatorComposition([left, right])


def of_all(operators: Sequence[LinearOperator], hint: str, given: Hint) -> Hint:
    """What is `given`; else True if all operators are so. False never follows."""
    if given is None:
        return True if all(getattr(each, hint) for each in operators) else None
    return given


def checked_operators(operators: Any, what: str) -> list[LinearOperator]:
    operators = list(operators)
    if not operators:
        raise ValueError(
            f"Argument `operators` must be a list of >=1 operators. Received: {operators}."
        )
    if any(each.dtype is not operators[0].dtype for each in operators):
        dtypes = {each.name: each.dtype.name for each in operators}
        raise TypeError(f"Expected all operators to have the same dtype. Found: {dtypes}")
    return operators


def common_batch(operators: Sequence[LinearOperator]) -> TensorShape:
    return functools.reduce(shapes.broadcast, (each.batch_shape for each in operators))


def common_batch_tensor(operators: Sequence[LinearOperator]) -> Any:
    return functools.reduce(
        broadcast_dynamic_shape, (each._known_shape_tensor()[:-2] for each in operators)
    )


@export("linalg.LinearOperatorComposition")
class LinearOperatorComposition(LinearOperator):
    """The product of operators, of which the last is applied first.

    Args:
      operators: a list of operators, of shapes that fit together.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes; by default the names of the operators with `_o_` between.

    Raises:
      TypeError: if the dtypes differ.
      ValueError: if there are none, or their shapes do not fit.

    >>> import reflow as tf
    >>> double = tf.linalg.LinearOperatorScaledIdentity(2, 2.0)
    >>> flip = tf.linalg.LinearOperatorFullMatrix([[0.0, 1.0], [1.0, 0.0]])
    >>> print(tf.linalg.LinearOperatorComposition([double, flip]).matvec([1.0, 5.0]).numpy())
    [10.  2.]
    """

    def __init__(
        self,
        operators: Any,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str | None = None,
    ):
        given = as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square)
        parts = checked_operators(operators, "operators")
        for first, second in zip(parts, parts[1:]):
            first._check_fit(second.shape, -2, first._size(-1))
        is_non_singular = of_all(parts, "is_non_singular", is_non_singular)
        self._operators = parts
        super().__init__(
            parts[0].dtype,
            name="_o_".join(each.name for each in parts) if name is None else name,
            parameters={"operators": operators, **given, "name": name},
            **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
        )

    @property
    def operators(self) -> list[LinearOperator]:
        """The operators."""
        return list(self._operators)

    def _shape(self) -> TensorShape:
        first, last = self._operators[0], self._operators[-1]
        sizes = shapes.of((first._size(-2), last._size(-1)))
        return common_batch(self._operators).concatenate(sizes)

    def _shape_tensor(self) -> Any:
        first, last = self._operators[0], self._operators[-1]
        sizes = [first._known_shape_tensor()[-2:-1], last._known_shape_tensor()[-1:]]
        return concat([common_batch_tensor(self._operators), *sizes], 0)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        order = self._operators if adjoint else self._operators[::-1]
        for i, each in enumerate(order):
            x = each._matmul(x, adjoint=adjoint, adjoint_arg=adjoint_arg and i == 0)
        return x

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        order = self._operators[::-1] if adjoint else self._operators
        for i, each in enumerate(order):
            rhs = each._solve(rhs, adjoint=adjoint, adjoint_arg=adjoint_arg and i == 0)
        return rhs

    def _determinant(self) -> Any:
        return functools.reduce(operators_of.mul, (each._determinant() for each in self._operators))

    def _log_abs_determinant(self) -> Any:
        return functools.reduce(
            operators_of.add, (each._log_abs_determinant() for each in self._operators)
        )

    def _to_dense(self) -> Any:
        result = self._operators[-1]._to_dense()
        for each in self._operators[-2::-1]:
            result = each._matmul(result)
        return result


class _OfOne(LinearOperator):
    """What is made of one operator."""

    def __init__(self, operator: LinearOperator, hints: dict[str, Hint], name: str, suffix: str):
        given = dict(hints)
        for key in ("is_non_singular", "is_self_adjoint", "is_positive_definite", "is_square"):
            known = getattr(operator, key)
            if hints[key] is None:
                hints[key] = known
            elif known is not None and known != hints[key]:
                raise ValueError(f"operator was {key}={known}, but the hint is {hints[key]}.")
        self._operator = operator
        super().__init__(
            operator.dtype,
            name=operator.name + suffix if name is None else name,
            parameters={"operator": operator, **given, "name": name},
            **hints,
        )

    @property
    def operator(self) -> LinearOperator:
        """The operator that it is made of."""
        return self._operator


@export("linalg.LinearOperatorAdjoint")
class LinearOperatorAdjoint(_OfOne):
    """The conjugate transpose of an operator.

    Args:
      operator: the operator.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: if a hint contradicts that of the operator.

    >>> import reflow as tf
    >>> operator = tf.linalg.LinearOperatorFullMatrix([[1.0, 2.0], [3.0, 4.0]])
    >>> print(tf.linalg.LinearOperatorAdjoint(operator).matvec([1.0, 0.0]).numpy())
    [1. 2.]
    """

    def __init__(
        self,
        operator: LinearOperator,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str | None = None,
    ):
        hints = as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square)
        super().__init__(operator, hints, name, "_adjoint")

    def _shape(self) -> TensorShape:
        sizes = self._operator.shape
        if sizes.rank is None:
            return sizes
        return sizes[:-2].concatenate(sizes[-1:]).concatenate(sizes[-2:-1])

    def _shape_tensor(self) -> Any:
        sizes = self._operator._known_shape_tensor()
        return concat([sizes[:-2], sizes[-1:], sizes[-2:-1]], 0)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._operator._matmul(x, adjoint=not adjoint, adjoint_arg=adjoint_arg)

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._operator._solve(rhs, adjoint=not adjoint, adjoint_arg=adjoint_arg)

    def _to_dense(self) -> Any:
        return adjoint_of(self._operator._to_dense())

    def _log_abs_determinant(self) -> Any:
        return self._operator._log_abs_determinant()

    def _cond(self) -> Any:
        return self._operator._cond()

    def _adjoint(self) -> LinearOperator:
        return self._operator


@export("linalg.LinearOperatorInversion")
class LinearOperatorInversion(_OfOne):
    """The inverse of an operator, which solves where that multiplies.

    Args:
      operator: the operator.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: if the operator is known to be singular, or a hint contradicts one of its hints.

    >>> import reflow as tf
    >>> operator = tf.linalg.LinearOperatorFullMatrix([[2.0, 0.0], [0.0, 4.0]])
    >>> print(tf.linalg.LinearOperatorInversion(operator).matvec([1.0, 1.0]).numpy())
    [0.5  0.25]
    """

    def __init__(
        self,
        operator: LinearOperator,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str | None = None,
    ):
        if is_square is False or is_non_singular is False:
            raise ValueError("An inverse is square and non-singular.")
        if operator.is_non_singular is False or operator.is_square is False:
            raise ValueError(f"The operator {operator.name} has no inverse: it is singular.")
        hints = as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square)
        super().__init__(operator, hints, name, "_inv")

    def _shape(self) -> TensorShape:
        return self._operator.shape

    def _shape_tensor(self) -> Any:
        return self._operator._known_shape_tensor()

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._operator._solve(x, adjoint=adjoint, adjoint_arg=adjoint_arg)

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._operator._matmul(rhs, adjoint=adjoint, adjoint_arg=adjoint_arg)

    def _determinant(self) -> Any:
        return 1.0 / self._operator._determinant()

    def _log_abs_determinant(self) -> Any:
        return -self._operator._log_abs_determinant()

    def _eigvals(self) -> Any:
        return 1.0 / self._operator._eigvals()

    def _cond(self) -> Any:
        return self._operator._cond()

    def _inverse(self) -> LinearOperator:
        return self._operator


@export("linalg.LinearOperatorKronecker")
class LinearOperatorKronecker(LinearOperator):
    """The Kronecker product of operators.

    Args:
      operators: a list of operators.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes; by default the names of the operators with `_x_` between.

    Raises:
      TypeError: if the dtypes differ.
      ValueError: if there are none.

    >>> import reflow as tf
    >>> flip = tf.linalg.LinearOperatorFullMatrix([[0.0, 1.0], [1.0, 0.0]])
    >>> twice = tf.linalg.LinearOperatorDiag([1.0, 2.0])
    >>> print(tf.linalg.LinearOperatorKronecker([flip, twice]).to_dense().numpy())
    [[0. 0. 1. 0.]
     [0. 0. 0. 2.]
     [1. 0. 0. 0.]
     [0. 2. 0. 0.]]
    """

    def __init__(
        self,
        operators: Any,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str | None = None,
    ):
        given = as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square)
        parts = checked_operators(operators, "operators")
        is_square = of_all(parts, "is_square", is_square)
        is_non_singular = of_all(parts, "is_non_singular", is_non_singular)
        is_self_adjoint = of_all(parts, "is_self_adjoint", is_self_adjoint)
        is_positive_definite = of_all(parts, "is_positive_definite", is_positive_definite)
        self._operators = parts
        super().__init__(
            parts[0].dtype,
            name="_x_".join(each.name for each in parts) if name is None else name,
            parameters={"operators": operators, **given, "name": name},
            **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
        )

    @property
    def operators(self) -> list[LinearOperator]:
        """The operators."""
        return list(self._operators)

    def _shape(self) -> TensorShape:
        sizes: list[int | None] = []
        for axis in (-2, -1):
            each = [part._size(axis) for part in self._operators]
            sizes.append(None if None in each else functools.reduce(operators_of.mul, each))
        return common_batch(self._operators).concatenate(shapes.of(tuple(sizes)))

    def _shape_tensor(self) -> Any:
        sizes = functools.reduce(
            operators_of.mul, (part._known_shape_tensor()[-2:] for part in self._operators)
        )
        return concat([common_batch_tensor(self._operators), sizes], 0)

    def _applied(self, x: Any, call: Callable, adjoint: bool, backwards: bool) -> Any:
        """`call(operator, rows)` along one factor of the rows of `x` after the other."""
        batch = broadcast_dynamic_shape(shape_of(x)[:-2], common_batch_tensor(self._operators))
        x = broadcast_to(x, concat([batch, shape_of(x)[-2:]], 0))
        columns = shape_of(x)[-1:]
        sizes = [part._known_shape_tensor()[-2:] for part in self._operators]
        come, go = (0, 1) if backwards != adjoint else (1, 0)  # which of rows and columns
        for i, part in enumerate(self._operators):
            # The dimensions of x: what is done, this factor, what is to come with the columns.
            left = _product_of([each[go : go + 1] for each in sizes[:i]])
            right = _product_of([each[come : come + 1] for each in sizes[i + 1 :]])
            x = reshape(x, concat([batch, left, [-1], right * columns], 0))
            x = _swapped_back(call(part, _swapped(x, batch)), batch, left)
        rows = functools.reduce(operators_of.mul, [each[go : go + 1] for each in sizes])
        return reshape(x, concat([batch, rows, columns], 0))

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        x = maybe_adjoint(x, adjoint_arg)
        return self._applied(x, lambda part, y: part._matmul(y, adjoint=adjoint), adjoint, False)

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        rhs = maybe_adjoint(rhs, adjoint_arg)
        return self._applied(rhs, lambda part, y: part._solve(y, adjoint=adjoint), adjoint, True)

    def _sizes(self) -> list[Any]:
        return [part._known_shape_tensor()[-1] for part in self._operators]

    def _determinant(self) -> Any:
        sizes = self._sizes()
        whole = functools.reduce(operators_of.mul, sizes)
        parts = [
            pow_op(part._determinant(), cast(whole // size, self.dtype))
            for part, size in zip(self._operators, sizes)
        ]
        return functools.reduce(operators_of.mul, parts)

    def _log_abs_determinant(self) -> Any:
        sizes = self._sizes()
        whole = functools.reduce(operators_of.mul, sizes)
        parts = [
            part._log_abs_determinant() * cast(whole // size, self.dtype.real_dtype)
            for part, size in zip(self._operators, sizes)
        ]
        return functools.reduce(operators_of.add, parts)

    def _trace(self) -> Any:
        return functools.reduce(operators_of.mul, (part._trace() for part in self._operators))

    def _adjoint(self) -> LinearOperator:
        return LinearOperatorKronecker([part.adjoint() for part in self._operators])

    def _inverse(self) -> LinearOperator:
        return LinearOperatorKronecker([part.inverse() for part in self._operators])

    def _cholesky(self) -> LinearOperator:
        return LinearOperatorKronecker([part.cholesky() for part in self._operators])


def _product_of(sizes: list[Any]) -> Any:
    return functools.reduce(operators_of.mul, sizes, constant([1], int32))


def _swapped(x: Any, batch: Any) -> Any:
    """`[batch, left, n, right]` as `[batch, n, left * right]`."""
    sizes = shape_of(x)
    x = reshape(x, concat([[-1], sizes[-3:]], 0))
    x = transpose(x, [0, 2, 1, 3])
    return reshape(x, concat([batch, sizes[-2:-1], sizes[-3:-2] * sizes[-1:]], 0))


def _swapped_back(x: Any, batch: Any, left: Any) -> Any:
    """`[batch, n, left * right]` as `[batch, left, n, right]`."""
    sizes = shape_of(x)
    x = reshape(x, concat([[-1], sizes[-2:-1], left, sizes[-1:] // left], 0))
    x = transpose(x, [0, 2, 1, 3])
    return reshape(x, concat([batch, shape_of(x)[1:]], 0))


@export("linalg.LinearOperatorHouseholder")
class LinearOperatorHouseholder(LinearOperator):
    """The reflection at the hyperplane that is orthogonal to a vector.

    Args:
      reflection_axis: of shape `[..., n]`, the vector.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: if a hint contradicts what a reflection is.

    >>> import reflow as tf
    >>> print(tf.linalg.LinearOperatorHouseholder([1.0, 0.0]).matvec([3.0, 4.0]).numpy())
    [-3.  4.]
    """

    def __init__(
        self,
        reflection_axis: Any,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str = "LinearOperatorHouseholder",
    ):
        given = as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square)
        if is_self_adjoint is False:
            raise ValueError("A Householder operator is always self adjoint.")
        if is_positive_definite:
            raise ValueError("A Householder operator is always non-positive definite.")
        if is_square is False:
            raise ValueError("A Householder operator is always square.")
        self._reflection_axis = convert_to_tensor(reflection_axis, name="reflection_axis")
        check_rank(self._reflection_axis, "reflection_axis", 1)
        check_dtype(self._reflection_axis, "reflection_axis")
        super().__init__(
            self._reflection_axis.dtype,
            name=name,
            parameters={"reflection_axis": reflection_axis, **given, "name": name},
            **as_hints(is_non_singular, True, False, True),
        )

    @property
    def reflection_axis(self) -> Any:
        """The vector at whose hyperplane it reflects."""
        return self._reflection_axis

    def _shape(self) -> TensorShape:
        sizes = self._reflection_axis.shape
        return sizes.concatenate(sizes[-1:])

    def _shape_tensor(self) -> Any:
        sizes = shape_of(self._reflection_axis)
        return concat([sizes, sizes[-1:]], 0)

    def _unit(self) -> Any:
        return l2_normalize(self._reflection_axis, axis=-1)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        x = maybe_adjoint(x, adjoint_arg)
        unit = expand_dims(self._unit(), -1)
        return x - 2.0 * unit * reduce_sum(conj(unit) * x, axis=-2, keepdims=True)

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._matmul(rhs, adjoint_arg=adjoint_arg)

    def _determinant(self) -> Any:
        return zeros(self._known_shape_tensor()[:-2], self.dtype) - 1.0

    def _log_abs_determinant(self) -> Any:
        return zeros(self._known_shape_tensor()[:-2], self.dtype.real_dtype)

    def _cond(self) -> Any:
        return zeros(self._known_shape_tensor()[:-2], self.dtype) + 1.0

    def _inverse(self) -> LinearOperator:
        return self
