"""Circulant and Toeplitz matrices: products and solutions by Fourier transforms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, complex64, complex128, float64, int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import TensorShape
from reflow.ops import debugging
from reflow.ops.array import expand_dims, matrix_transpose, reshape
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.constant import constant
from reflow.ops.filling import broadcast_dynamic_shape, broadcast_to, zeros_like
from reflow.ops.indexing import gather
from reflow.ops.joining import concat
from reflow.ops.linear.operator import Hint, LinearOperator, as_hints, check_rank, maybe_adjoint
from reflow.ops.math import abs as abs_of
from reflow.ops.math import conj, log
from reflow.ops.math.complex import imag, real
from reflow.ops.padding import reverse
from reflow.ops.reduce import reduce_max, reduce_min, reduce_prod, reduce_sum
from reflow.ops.sequences import range as range_of


def _as_complex(x: Any) -> Any:
    """What a Fourier transform takes."""
    return cast(x, complex128 if x.dtype.real_dtype is float64 else complex64)


def _back(x: Any, dtype: Any) -> Any:
    """What came of one in `dtype`: the real part where that is real."""
    return cast(x if dtype.is_complex else real(x), dtype)


class _Circulant(LinearOperator):
    """`F^-1 diag(spectrum) F`, where F is the Fourier transform over `_depth` dimensions."""

    _depth = 1

    def __init__(
        self,
        spectrum: Any,
        input_output_dtype: Any = complex64,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = True,
        name: str | None = None,
    ):
        given = {
            "spectrum": spectrum,
            "input_output_dtype": input_output_dtype,
            **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
            "name": name,
        }
        name = name or type(self).__name__
        with name_scope(name):
            self._spectrum = convert_to_tensor(spectrum, name="spectrum")
        rank = self._spectrum.shape.rank
        if rank is not None and rank < self._depth:
            raise ValueError(
                f"Argument `spectrum` must have at least {self._depth} dimensions. Received: {spectrum}."
            )
        if is_square is False:
            raise ValueError(
                "A [[nested] block] circulant operator is always square. Expected argument "
                "`is_square` to be True. Received: False."
            )
        if not self._spectrum.dtype.is_complex:
            if is_self_adjoint is False:
                raise ValueError(
                    "A real spectrum always corresponds to a self-adjoint operator. Expected argument "
                    "`is_self_adjoint` to be True. Received: False."
                )
            is_self_adjoint = True
        super().__init__(
            as_dtype(input_output_dtype),
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=True,
            name=name,
            parameters=given,
        )

    # What it is ----------------------------------------------------------------------------------

    @property
    def spectrum(self) -> Any:
        """The eigenvalues, in the order of the Fourier transform."""
        return self._spectrum

    @property
    def block_depth(self) -> int:
        """The number of dimensions of the Fourier transform."""
        return self._depth

    @property
    def block_shape(self) -> TensorShape:
        """The sizes of these dimensions."""
        return self._spectrum.shape[-self._depth :]

    def block_shape_tensor(self) -> Any:
        """The sizes of these dimensions, as an int32 vector."""
        if self.block_shape.is_fully_defined():
            return constant(self.block_shape.as_list(), int32)
        return shape_of(self._spectrum)[-self._depth :]

    def _shape(self) -> TensorShape:
        sizes = self._spectrum.shape
        if sizes.rank is None:
            return sizes
        inner = sizes.as_list()[-self._depth :]
        count = None if None in inner else math.prod(inner)
        return sizes[: -self._depth].concatenate(shapes.of((count, count)))

    def _shape_tensor(self) -> Any:
        sizes = shape_of(self._spectrum)
        count = reduce_prod(sizes[-self._depth :], keepdims=True)
        return concat([sizes[: -self._depth], count, count], 0)

    @property
    def _axes(self) -> list[int]:
        return list(range(-self._depth, 0))

    def _transform(self, x: Any, inverse: bool = False) -> Any:
        kind = ("FFT", "FFT2D", "FFT3D")[self._depth - 1]
        return REGISTRY[("I" if inverse else "") + kind](x)

    def convolution_kernel(self, name: str = "convolution_kernel") -> Any:
        """The inverse Fourier transform of the spectrum: the first column, as a block.

        Args:
          name: a name scope.
        """
        with self._within(name):
            return _back(self._transform(_as_complex(self._spectrum), inverse=True), self.dtype)

    # What it does --------------------------------------------------------------------------------

    def _applied(self, x: Any, spectrum: Any) -> Any:
        """`F^-1 diag(spectrum) F x`."""
        columns = matrix_transpose(x)  # [..., k, n]
        batch, block = shape_of(columns)[:-1], self.block_shape_tensor()
        blocks = self._transform(_as_complex(reshape(columns, concat([batch, block], 0))))
        spectrum = expand_dims(_as_complex(spectrum), -self._depth - 1)
        result = self._transform(spectrum * blocks, inverse=True)
        sizes = shape_of(result)[: -self._depth]
        result = matrix_transpose(reshape(result, concat([sizes, shape_of(columns)[-1:]], 0)))
        result.set_shape(shapes.broadcast(self.batch_shape, x.shape[:-2]).concatenate(x.shape[-2:]))
        return _back(result, self.dtype)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        return self._applied(
            maybe_adjoint(x, adjoint_arg), conj(self._spectrum) if adjoint else self._spectrum
        )

    def _solve(self, rhs: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        spectrum = _as_complex(self._spectrum)
        return self._applied(
            maybe_adjoint(rhs, adjoint_arg), 1.0 / (conj(spectrum) if adjoint else spectrum)
        )

    def _diag_part(self) -> Any:
        sizes = self._known_shape_tensor()
        mean = self._trace() / cast(sizes[-1], self.dtype)
        return broadcast_to(expand_dims(mean, -1), sizes[:-1])

    def _trace(self) -> Any:
        return _back(reduce_sum(self._spectrum, axis=self._axes), self.dtype)

    def _determinant(self) -> Any:
        return _back(reduce_prod(self._spectrum, axis=self._axes), self.dtype)

    def _log_abs_determinant(self) -> Any:
        return reduce_sum(log(abs_of(self._spectrum)), axis=self._axes)

    def _eigvals(self) -> Any:
        return self._spectrum

    def _cond(self) -> Any:
        sizes = abs_of(self._spectrum)
        return reduce_max(sizes, axis=self._axes) / reduce_min(sizes, axis=self._axes)

    # Other operators -----------------------------------------------------------------------------

    def _with(self, spectrum: Any, **hints: Any) -> LinearOperator:
        return type(self)(spectrum, is_square=True, **hints)

    def _hints(self) -> dict[str, Any]:
        return {
            "is_non_singular": self.is_non_singular,
            "is_self_adjoint": self.is_self_adjoint,
            "is_positive_definite": self.is_positive_definite,
            "input_output_dtype": self.dtype,
        }

    def _adjoint(self) -> LinearOperator:
        return self._with(conj(self._spectrum), **self._hints())

    def _inverse(self) -> LinearOperator:
        return self._with(1.0 / self._spectrum, **self._hints())

    def _times(self, other: LinearOperator) -> LinearOperator | None:
        """As in TensorFlow a product of circulant operators takes complex arguments."""
        if type(other) is not type(self):
            return None
        both = self.is_non_singular and other.is_non_singular
        kind = complex128 if self.dtype.real_dtype is float64 else complex64
        return self._with(
            self._spectrum * other._spectrum,
            is_non_singular=True if both else None,
            input_output_dtype=kind,
        )

    # Checks --------------------------------------------------------------------------------------

    def assert_hermitian_spectrum(self, name: str = "assert_hermitian_spectrum") -> Any:
        """An op that fails unless the convolution kernel is real.

        Args:
          name: a name scope.
        """
        with self._within(name):
            kernel = self._transform(_as_complex(self._spectrum), inverse=True)
            largest = np.finfo(self.dtype.real_dtype.np).eps * cast(
                self._known_shape_tensor()[-1], kernel.dtype.real_dtype
            )
            return debugging.assert_less(
                abs_of(imag(kernel)), largest, message="Spectrum was not Hermitian"
            )

    def _assert_non_singular(self) -> Any:
        return debugging.assert_positive(
            abs_of(self._spectrum), message="Singular operator:  Spectrum contained zero values."
        )

    def _assert_positive_definite(self) -> Any:
        return debugging.assert_positive(
            real(self._spectrum),
            message="Not positive definite:  Real part of spectrum was not all positive.",
        )

    def _assert_self_adjoint(self) -> Any:
        part = imag(self._spectrum)
        return debugging.assert_equal(
            part,
            zeros_like(part),
            message="Not self-adjoint:  The spectrum contained non-zero imaginary part.",
        )


@export("linalg.LinearOperatorCirculant")
class LinearOperatorCirculant(_Circulant):
    """A circulant matrix, each row of which is the one above moved by one, as an operator.

    Args:
      spectrum: of shape `[..., n]`: the Fourier transform of the first column.
      input_output_dtype: the dtype of what it is multiplied with. Of a product with real numbers the real
        part is given.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: if a hint contradicts what it is, or `spectrum` has too few dimensions.

    >>> import reflow as tf
    >>> operator = tf.linalg.LinearOperatorCirculant([3.0, 1.0], input_output_dtype=tf.float32)
    >>> print(operator.to_dense().numpy())
    [[2. 1.]
     [1. 2.]]
    """


@export("linalg.LinearOperatorCirculant2D")
class LinearOperatorCirculant2D(_Circulant):
    """A block circulant matrix, the blocks of which are circulant: a convolution of images.

    Args:
      spectrum: of shape `[..., m, n]`; the matrix has `m * n` rows.
      input_output_dtype: see `tf.linalg.LinearOperatorCirculant`.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: if a hint contradicts what it is, or `spectrum` has too few dimensions.
    """

    _depth = 2


@export("linalg.LinearOperatorCirculant3D")
class LinearOperatorCirculant3D(_Circulant):
    """A nested block circulant matrix, of three levels: a convolution of volumes.

    Args:
      spectrum: of shape `[..., l, m, n]`; the matrix has `l * m * n` rows.
      input_output_dtype: see `tf.linalg.LinearOperatorCirculant`.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: if a hint contradicts what it is, or `spectrum` has too few dimensions.
    """

    _depth = 3


@export("linalg.LinearOperatorToeplitz")
class LinearOperatorToeplitz(LinearOperator):
    """A Toeplitz matrix, which is constant along its diagonals, as an operator.

    Args:
      col: the first column, of shape `[..., n]`.
      row: the first row, of the same size; its first element is not looked at.
      is_non_singular, is_self_adjoint, is_positive_definite, is_square: what is known of it.
      name: of its name scopes.

    Raises:
      ValueError: if the sizes differ, or `is_square` is False.

    >>> import reflow as tf
    >>> print(tf.linalg.LinearOperatorToeplitz([1.0, 2.0], [1.0, 3.0]).to_dense().numpy())
    [[1. 3.]
     [2. 1.]]
    """

    def __init__(
        self,
        col: Any,
        row: Any,
        is_non_singular: Hint = None,
        is_self_adjoint: Hint = None,
        is_positive_definite: Hint = None,
        is_square: Hint = None,
        name: str = "LinearOperatorToeplitz",
    ):
        if is_square is False:
            raise ValueError("Only square Toeplitz operators currently supported.")
        with name_scope(name):
            self._row = convert_to_tensor(row, name="row")
            self._col = convert_to_tensor(col, name="col")
        for what, tensor in (("row", self._row), ("col", self._col)):
            check_rank(tensor, what, 1)
        sizes = [t.shape.as_list()[-1] for t in (self._row, self._col) if t.shape.rank is not None]
        if len(sizes) == 2 and None not in sizes and sizes[0] != sizes[1]:
            raise ValueError("Expected square matrix, got row and col with mismatched dimensions.")
        super().__init__(
            self._row.dtype,
            is_non_singular=is_non_singular,
            is_self_adjoint=is_self_adjoint,
            is_positive_definite=is_positive_definite,
            is_square=True,
            name=name,
            parameters={
                "col": col,
                "row": row,
                **as_hints(is_non_singular, is_self_adjoint, is_positive_definite, is_square),
                "name": name,
            },
        )

    @property
    def col(self) -> Any:
        """The first column."""
        return self._col

    @property
    def row(self) -> Any:
        """The first row."""
        return self._row

    def _shape(self) -> TensorShape:
        sizes = shapes.broadcast(self._row.shape, self._col.shape)
        return sizes if sizes.rank is None else sizes.concatenate(sizes[-1:])

    def _shape_tensor(self) -> Any:
        sizes = broadcast_dynamic_shape(shape_of(self._row), shape_of(self._col))
        return concat([sizes, sizes[-1:]], 0)

    def _wrapped(self, adjoint: bool = False) -> Any:
        """The first column, then the first row backwards without its first element: `[..., 2n - 1]`."""
        row, col = self._row, self._col
        if adjoint:
            row, col = conj(col), concat([conj(col[..., :1]), conj(row[..., 1:])], -1)
            row = concat([col[..., :1], row[..., 1:]], -1)
        batch = broadcast_dynamic_shape(shape_of(row)[:-1], shape_of(col)[:-1])
        sizes = concat([batch, shape_of(row)[-1:]], 0)
        row, col = broadcast_to(row, sizes), broadcast_to(col, sizes)
        return concat([col, reverse(row[..., 1:], axis=[-1])], -1)

    def _matmul(self, x: Any, adjoint: bool = False, adjoint_arg: bool = False) -> Any:
        """The left upper part of a circulant matrix, that multiplies `x` with zeros below it."""
        x = maybe_adjoint(x, adjoint_arg)
        around = _as_complex(self._wrapped(adjoint))
        circulant = LinearOperatorCirculant(
            REGISTRY["FFT"](around), input_output_dtype=around.dtype.base_dtype
        )
        wide = concat([_as_complex(x), _as_complex(zeros_like(x[..., 1:, :]))], -2)
        result = _back(circulant._matmul(wide)[..., : shape_of(x)[-2], :], self.dtype)
        result.set_shape(shapes.broadcast(self.batch_shape, x.shape[:-2]).concatenate(x.shape[-2:]))
        return result

    def _to_dense(self) -> Any:
        size = shape_of(self._row)[-1]
        place = expand_dims(range_of(size), 1) - expand_dims(range_of(size), 0)
        result = gather(self._wrapped(), place % (2 * size - 1), axis=-1)
        result.set_shape(self.shape)
        return result

    def _diag_part(self) -> Any:
        return broadcast_to(self._col[..., :1], self._known_shape_tensor()[:-1])

    def _trace(self) -> Any:
        return reduce_sum(self._diag_part(), axis=-1)
