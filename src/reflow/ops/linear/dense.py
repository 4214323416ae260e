"""Operators of dense matrices, triangles and diagonals."""

from __future__ import annotations

from typing import Any

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, float32, int32
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import TensorShape
from reflow.lang.static_value import constant_value_as_shape, static_int
from reflow.ops import debugging
from reflow.ops.array import expand_dims
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.filling import broadcast_dynamic_shape, broadcast_to, ones, zeros
from reflow.ops.joining import concat
from reflow.ops.linalg.matrix_diag import band_part, matrix_diag, matrix_diag_part, matrix_set_diag
from reflow.ops.linalg.solve import matrix_triangular_solve
from reflow.ops.linear.operator import (
    Hint,
    LinearOperator,
    as_hints,
    check_dtype,
    check_rank,
    dense_product,
    maybe_adjoint,
    same_batch,
)
from reflow.ops.math import abs as abs_of
from reflow.ops.math import add, conj, log, pow_op, sqrt
from reflow.ops.math.complex import imag, real
from reflow.ops.reduce import reduce_max, reduce_min, reduce_prod, reduce_sum


@export("linalg.LinearOperatorFullMatrix")
class LinearOperatorFullMatrix(LinearOperator):
    """A dense matrix as an operator.

    Args:
      matrix: of shape `[..., rows, columns]`, floating-point or complex.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      TypeError: for another dtype.
      ValueError: for a vector or scalar.

    >>> import reflow as tf
    >>> operator = tf.linalg.LinearOperatorFullMatrix([[1.0, 2.0], [3.0, 4.0]])
    >>> print(operator.matvec([1.0, 1.0]).numpy(), operator.trace().numpy())
    [3. 7.] 5.0
    """

    def __init__(
        self,
        matrix: Any,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str = "LinearOperatorFullMatrix",
    ):
        parameters = {
            "matrix": matrix,
            **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
            "name": name,
        }
        with name_scope(name):
            self._matrix = convert_to_tensor(matrix, name="matrix")
        check_rank(self._matrix, "matrix", 2)
        check_dtype(self._matrix, "matrix")
        super().__init__(
            self._matrix.dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=is_square,
            name=name,
            parameters=parameters,
        )

    @property
    def matrix(self) -> Any:
        """The matrix."""
        return self._matrix

    def _shape(self) -> TensorShape:
        return self._matrix.shape

    def _shape_tensor(self) -> Any:
        return shape_of(self._matrix)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return dense_product(self._matrix, x, adjoint, adjoint_arg)

    def _to_dense(self) -> Any:
        return self._matrix


@export("linalg.LinearOperatorLowerTriangular")
class LinearOperatorLowerTriangular(LinearOperator):
    """A lower triangular matrix as an operator.

    Args:
      tril: of shape `[..., n, n]`; what is above the diagonal is not looked at.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: if `is_square` is False, or the rank below 2.

    >>> import reflow as tf
    >>> operator = tf.linalg.LinearOperatorLowerTriangular([[2.0, 9.0], [1.0, 4.0]])
    >>> print(operator.solvevec([2.0, 5.0]).numpy(), operator.determinant().numpy())
    [1. 1.] 8.0
    """

    _real_log_determinant = True

    def __init__(
        self,
        tril: Any,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str = "LinearOperatorLowerTriangular",
    ):
        if is_square is False:
            raise ValueError("Only square lower triangular operators supported at this time.")
        parameters = {
            "tril": tril,
            "is_non_singular": is_non_singular,
            "is_self_adjoint": is_self_adjoint,
            "is_positive_definite": is_positive_definite,
            "is_square": True,
            "name": name,
        }
        with name_scope(name):
            self._tril = convert_to_tensor(tril, name="tril")
            check_rank(self._tril, "tril", 2)
            check_dtype(self._tril, "tril")
            self._lower = band_part(self._tril, -1, 0)
        super().__init__(
            self._tril.dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=True,
            name=name,
            parameters=parameters,
        )

    @property
    def tril(self) -> Any:
        """The matrix as it was given."""
        return self._tril

    def _shape(self) -> TensorShape:
        return self._tril.shape

    def _shape_tensor(self) -> Any:
        return shape_of(self._tril)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return dense_product(self._lower, x, adjoint, adjoint_arg)

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        matrix, rhs = same_batch(self._lower, maybe_adjoint(rhs, adjoint_arg))
        return matrix_triangular_solve(matrix, rhs, lower=True, adjoint=adjoint)

    def _to_dense(self) -> Any:
        return self._lower

    def _determinant(self) -> Any:
        return reduce_prod(self._diag_part(), axis=-1)

    def _log_abs_determinant(self) -> Any:
        return reduce_sum(log(abs_of(self._diag_part())), axis=-1)

    def _diag_part(self) -> Any:
        return matrix_diag_part(self._tril)

    def _eigvals(self) -> Any:
        return self._diag_part()

    def _assert_non_singular(self) -> Any:
        return debugging.assert_positive(
            abs_of(self._diag_part()),
            message="Singular operator:  Diagonal contained zero values.",
        )


@export("linalg.LinearOperatorDiag")
class LinearOperatorDiag(LinearOperator):
    """A diagonal matrix as an operator.

    Args:
      diag: of shape `[..., n]`, the elements on the diagonal.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: if the hints contradict what a diagonal matrix is.

    >>> import reflow as tf
    >>> operator = tf.linalg.LinearOperatorDiag([1.0, 2.0])
    >>> print(operator.to_dense().numpy())
    [[1. 0.]
     [0. 2.]]
    """

    def __init__(
        self,
        diag: Any,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str = "LinearOperatorDiag",
    ):
        parameters = {
            "diag": diag,
            **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
            "name": name,
        }
        with name_scope(name):
            self._diag = convert_to_tensor(diag, name="diag")
        check_rank(self._diag, "diag", 1)
        check_dtype(self._diag, "diag")
        if not self._diag.dtype.is_complex:
            if is_self_adjoint is False:
                raise ValueError("A real diagonal operator is always self adjoint.")
            is_self_adjoint = True
        if is_square is False:
            raise ValueError("Only square diagonal operators currently supported.")
        super().__init__(
            self._diag.dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=True,
            name=name,
            parameters=parameters,
        )

    @property
    def diag(self) -> Any:
        """The elements on the diagonal."""
        return self._diag

    def _shape(self) -> TensorShape:
        sizes = self._diag.shape
        return sizes.concatenate(sizes[-1:])

    def _shape_tensor(self) -> Any:
        sizes = shape_of(self._diag)
        return concat([sizes, sizes[-1:]], 0)

    def _scale(self, adjoint: bool) -> Any:
        return expand_dims(conj(self._diag) if adjoint else self._diag, -1)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._scale(adjoint) * maybe_adjoint(x, adjoint_arg)

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return maybe_adjoint(rhs, adjoint_arg) / self._scale(adjoint)

    def _to_dense(self) -> Any:
        return matrix_diag(self._diag)

    def _diag_part(self) -> Any:
        return self._diag

    def _determinant(self) -> Any:
        return reduce_prod(self._diag, axis=-1)

    def _log_abs_determinant(self) -> Any:
        return reduce_sum(log(abs_of(self._diag)), axis=-1)

    def _eigvals(self) -> Any:
        return self._diag

    def _cond(self) -> Any:
        sizes = abs_of(self._diag)
        return reduce_max(sizes, axis=-1) / reduce_min(sizes, axis=-1)

    def _hints(self) -> dict[str, Any]:
        return {
            "is_non_singular": self.is_non_singular,
            "is_self_adjoint": self.is_self_adjoint,
            "is_positive_definite": self.is_positive_definite,
            "is_square": True,
        }

    def _adjoint(self) -> LinearOperator:
        return LinearOperatorDiag(conj(self._diag), **self._hints())

    def _inverse(self) -> LinearOperator:
        return LinearOperatorDiag(1.0 / self._diag, **self._hints())

    def _cholesky(self) -> LinearOperator:
        return LinearOperatorDiag(
            sqrt(self._diag), is_self_adjoint=True, is_positive_definite=True, is_square=True
        )

    def _times(self, other: LinearOperator) -> LinearOperator | None:
        if isinstance(other, LinearOperatorDiag):
            definite = self.is_positive_definite and other.is_positive_definite
            return LinearOperatorDiag(
                self._diag * other._diag,
                is_non_singular=(self.is_non_singular and other.is_non_singular) or None,
                is_positive_definite=(definite and not self.dtype.is_complex) or None,
            )
        return None

    def add_to_tensor(self, x: Any, name: str = "add_to_tensor") -> Any:
        """The matrix plus a tensor that broadcasts with it."""
        with self._within(name):
            x = self._argument(x, "x")
            if x.shape.rank is None or x.shape.rank < 2 or x.shape != self.shape:
                return add(self._to_dense(), x)
            return matrix_set_diag(x, self._diag + matrix_diag_part(x))

    def _assert_non_singular(self) -> Any:
        return debugging.assert_less(
            cast(0, self.dtype.real_dtype),
            abs_of(self._diag),
            message="Singular operator:  Diagonal contained zero values.",
        )

    def _assert_positive_definite(self) -> Any:
        return debugging.assert_positive(
            real(self._diag),
            message="Diagonal operator had diagonal entries with non-positive real part, thus was "
            "not positive definite.",
        )

    def _assert_self_adjoint(self) -> Any:
        return debugging.assert_equal(
            imag(self._diag),
            cast(0, self.dtype.real_dtype),
            message="This diagonal operator contained non-zero imaginary values.  Thus it was not "
            "self-adjoint.",
        )


class _Multiple(LinearOperator):
    """A multiple of the identity, or of nothing: what such operators have in common."""

    _rows: Any
    _columns: Any
    _batch: Any  # an int32 vector

    def _take_sizes(self, rows: Any, columns: Any, batch: Any) -> None:
        self._rows = convert_to_tensor(rows, int32, name="num_rows")
        self._columns = convert_to_tensor(columns, int32, name="num_columns")
        self._batch = convert_to_tensor(batch, int32, name="batch_shape")
        for what, size in (("num_rows", self._rows), ("num_columns", self._columns)):
            if size.shape.rank not in (0, None):
                raise ValueError(f"Argument `{what}` must be a scalar. Received: {size}")
            known = static_int(size)
            if known is not None and known < 0:
                raise ValueError(f"Argument `{what}` must be non-negative. Received: {known}")
        if self._batch.shape.rank not in (1, None):
            raise ValueError(f"Argument `batch_shape` must be a vector. Received: {batch}")

    def _shape(self) -> TensorShape:
        sizes = shapes.of((static_int(self._rows), static_int(self._columns)))
        return constant_value_as_shape(self._batch).concatenate(sizes)

    def _shape_tensor(self) -> Any:
        return concat([self._batch, expand_dims(self._rows, 0), expand_dims(self._columns, 0)], 0)

    def _spread(self, x: Any) -> Any:
        """`x` with a batch of its own and of this operator."""
        known = constant_value_as_shape(self._batch)
        if known.rank == 0:
            return x
        batch = broadcast_dynamic_shape(shape_of(x)[:-2], self._batch)
        return broadcast_to(x, concat([batch, shape_of(x)[-2:]], 0))


@export("linalg.LinearOperatorIdentity")
class LinearOperatorIdentity(_Multiple):
    """The identity as an operator.

    Args:
      num_rows: how many rows, a scalar integer.
      batch_shape: a vector of integers; none by default.
      dtype: of the elements, by default float32.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: True.
      assert_proper_shapes: whether it is checked that the sizes are not negative.
      name: of its name scopes.

    Raises:
      ValueError: if a hint is False, or a size negative.

    >>> import reflow as tf
    >>> print(tf.linalg.LinearOperatorIdentity(2).to_dense().numpy())
    [[1. 0.]
     [0. 1.]]
    """

    def __init__(
        self,
        num_rows: Any,
        batch_shape: Any = None,
        dtype: Any = None,
        is_non_singular: Hint = True,
        is_self_adjoint: Hint = True,
        is_positive_definite: Hint = True,
        is_square: Hint = True,
        assert_proper_shapes: bool = False,
        name: str = "LinearOperatorIdentity",
    ):
        for hint, what in (
            (is_self_adjoint, "self adjoint"),
            (is_non_singular, "non-singular"),
            (is_positive_definite, "positive-definite"),
        ):
            if not hint:
                raise ValueError(f"An identity operator is always {what}.")
        if not is_square:
            raise ValueError("An identity operator is always square.")
        with name_scope(name):
            self._take_sizes(num_rows, num_rows, [] if batch_shape is None else batch_shape)
        super().__init__(
            float32 if dtype is None else as_dtype(dtype),
            is_non_singular=True,
            is_self_adjoint=True,
            is_positive_definite=True,
            is_square=True,
            name=name,
            parameters={
                "num_rows": num_rows,
                "batch_shape": batch_shape,
                "dtype": dtype,
                **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
                "assert_proper_shapes": assert_proper_shapes,
                "name": name,
            },
        )

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._spread(maybe_adjoint(x, adjoint_arg))

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._matmul(rhs, adjoint_arg=adjoint_arg)

    def _of_batch(self, value: float, dtype: Any) -> Any:
        return ones(self._known_shape_tensor()[:-2], dtype) * cast(value, dtype)

    def _diag_part(self) -> Any:
        return ones(self._known_shape_tensor()[:-1], self.dtype)

    def _trace(self) -> Any:
        return self._of_batch(1.0, self.dtype) * cast(self._rows, self.dtype)

    def _determinant(self) -> Any:
        return self._of_batch(1.0, self.dtype)

    def _log_abs_determinant(self) -> Any:
        return self._of_batch(0.0, self.dtype.real_dtype)

    def _eigvals(self) -> Any:
        return self._diag_part()

    def _cond(self) -> Any:
        return self._of_batch(1.0, self.dtype)

    def _inverse(self) -> LinearOperator:
        return self

    def _cholesky(self) -> LinearOperator:
        return LinearOperatorIdentity(self._rows, self._batch, self.dtype)

    def _times(self, other: LinearOperator) -> LinearOperator | None:
        return other if constant_value_as_shape(self._batch).rank == 0 else None


@export("linalg.LinearOperatorScaledIdentity")
class LinearOperatorScaledIdentity(_Multiple):
    """A multiple of the identity as an operator.

    Args:
      num_rows: how many rows, a scalar integer.
      multiplier: by what it is multiplied; its shape is the batch shape.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      assert_proper_shapes: whether it is checked that the sizes are not negative.
      name: of its name scopes.

    >>> import reflow as tf
    >>> print(tf.linalg.LinearOperatorScaledIdentity(2, 3.0).matvec([1.0, 2.0]).numpy())
    [3. 6.]
    """

    _real_log_determinant = True

    def __init__(
        self,
        num_rows: Any,
        multiplier: Any,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = True,
        assert_proper_shapes: bool = False,
        name: str = "LinearOperatorScaledIdentity",
    ):
        if not is_square:
            raise ValueError("A ScaledIdentity operator is always square.")
        with name_scope(name):
            self._multiplier = convert_to_tensor(multiplier, name="multiplier")
            check_dtype(self._multiplier, "multiplier")
            self._take_sizes(num_rows, num_rows, shape_of(self._multiplier))
        if not self._multiplier.dtype.is_complex:
            if is_self_adjoint is False:
                raise ValueError("A real diagonal operator is always self adjoint.")
            is_self_adjoint = True
        super().__init__(
            self._multiplier.dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=True,
            name=name,
            parameters={
                "num_rows": num_rows,
                "multiplier": multiplier,
                **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
                "assert_proper_shapes": assert_proper_shapes,
                "name": name,
            },
        )

    @property
    def multiplier(self) -> Any:
        """By what the identity is multiplied."""
        return self._multiplier

    def _scale(self, adjoint: bool) -> Any:
        scale = conj(self._multiplier) if adjoint else self._multiplier
        return expand_dims(expand_dims(scale, -1), -1)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._scale(adjoint) * maybe_adjoint(x, adjoint_arg)

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return maybe_adjoint(rhs, adjoint_arg) / self._scale(adjoint)

    def _diag_part(self) -> Any:
        return ones(self._known_shape_tensor()[:-1], self.dtype) * expand_dims(self._multiplier, -1)

    def _trace(self) -> Any:
        return self._multiplier * cast(self._rows, self.dtype)

    def _determinant(self) -> Any:
        return pow_op(self._multiplier, cast(self._rows, self.dtype))

    def _log_abs_determinant(self) -> Any:
        return cast(self._rows, self.dtype.real_dtype) * log(abs_of(self._multiplier))

    def _eigvals(self) -> Any:
        return self._diag_part()

    def _cond(self) -> Any:
        size = abs_of(self._multiplier)
        return cast(size / size, self.dtype)  # NaN for a multiple of zero

    def _like(self, multiplier: Any, non_singular: Hint) -> LinearOperator:
        return LinearOperatorScaledIdentity(
            self._rows,
            multiplier,
            is_non_singular=non_singular,
            is_self_adjoint=self.is_self_adjoint,
            is_positive_definite=self.is_positive_definite,
        )

    def _adjoint(self) -> LinearOperator:
        return self._like(conj(self._multiplier), self.is_non_singular)

    def _inverse(self) -> LinearOperator:
        return self._like(1.0 / self._multiplier, self.is_non_singular)

    def _cholesky(self) -> LinearOperator:
        return LinearOperatorScaledIdentity(
            self._rows, sqrt(self._multiplier), is_self_adjoint=True, is_positive_definite=True
        )

    def _times(self, other: LinearOperator) -> LinearOperator | None:
        if isinstance(other, LinearOperatorScaledIdentity):
            singular = self.is_non_singular and other.is_non_singular
            return LinearOperatorScaledIdentity(
                self._rows, self._multiplier * other._multiplier, is_non_singular=singular or None
            )
        return None

    def _assert_non_singular(self) -> Any:
        return debugging.assert_positive(
            abs_of(self._multiplier), message="LinearOperator was singular"
        )

    def _assert_positive_definite(self) -> Any:
        return debugging.assert_positive(
            real(self._multiplier), message="LinearOperator was not positive definite."
        )

    def _assert_self_adjoint(self) -> Any:
        return debugging.assert_equal(
            imag(self._multiplier),
            cast(0, self.dtype.real_dtype),
            message="LinearOperator was not self-adjoint",
        )


@export("linalg.LinearOperatorZeros")
class LinearOperatorZeros(_Multiple):
    """The operator that makes zeros of everything.

    Args:
      num_rows, num_columns: how many rows and columns, scalar integers; as many columns as rows by
        default.
      batch_shape: a vector of integers; none by default.
      dtype: of the elements, by default float32.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      assert_proper_shapes: whether it is checked that the sizes are not negative.
      name: of its name scopes.

    >>> import reflow as tf
    >>> print(tf.linalg.LinearOperatorZeros(2).matvec([1.0, 2.0]).numpy())
    [0. 0.]
    """

    def __init__(
        self,
        num_rows: Any,
        num_columns: Any = None,
        batch_shape: Any = None,
        dtype: Any = None,
        is_non_singular: Hint = False,
        is_self_adjoint: Hint = True,
        is_positive_definite: Hint = False,
        is_square: Hint = True,
        assert_proper_shapes: bool = False,
        name: str = "LinearOperatorZeros",
    ):
        if is_non_singular:
            raise ValueError("A zero operator is always singular.")
        if is_positive_definite:
            raise ValueError("A zero operator is always not positive-definite.")
        with name_scope(name):
            columns = num_rows if num_columns is None else num_columns
            self._take_sizes(num_rows, columns, [] if batch_shape is None else batch_shape)
        sizes = static_int(self._rows), static_int(self._columns)
        if is_square and None not in sizes and sizes[0] != sizes[1]:
            raise ValueError(
                f"LinearOperatorZeros initialized as is_square=True, but got num_rows({sizes[0]}) != "
                f"num_columns({sizes[1]})"
            )
        super().__init__(
            float32 if dtype is None else as_dtype(dtype),
            is_non_singular=False,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=False,
            is_square=is_square,
            name=name,
            parameters={
                "num_rows": num_rows,
                "num_columns": num_columns,
                "batch_shape": batch_shape,
                "dtype": dtype,
                **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
                "assert_proper_shapes": assert_proper_shapes,
                "name": name,
            },
        )

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        x = self._spread(maybe_adjoint(x, adjoint_arg))
        rows = self._columns if adjoint else self._rows
        sizes = concat([shape_of(x)[:-2], expand_dims(rows, 0), shape_of(x)[-1:]], 0)
        return zeros(sizes, self.dtype)

    def _to_dense(self) -> Any:
        return zeros(self._known_shape_tensor(), self.dtype)

    def _determinant(self) -> Any:
        return zeros(self._known_shape_tensor()[:-2], self.dtype)

    def _trace(self) -> Any:
        return self._determinant()
