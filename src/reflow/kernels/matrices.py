"""Products of batches of matrices by oneDNN, and transposed matrices."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from reflow.kernels.kernel import (
    PANEL_PRODUCT,
    PANELS,
    PRODUCT,
    TRANSPOSED_PRODUCT,
    TRANSPOSITION,
    Kernel,
    choose,
    leave_to_xla,
)
from reflow.kernels.library import forced, library

_NARROW = 16  # numbers: those of a vector with AVX-512
# XLA brings the right side of a product of its own into order, which takes as long as 64 rows of it.
_FEW_ROWS_OF_ONE = 64
_FEWEST_ROWS_OF_PANELS = 4  # fewer only wait for the matrix to come from memory, in any order
_FEW_TO_TRANSPOSE = 1 << 18  # numbers: those of a smaller matrix stay in the cache
_SMALL = 4096  # multiplications: a call of a kernel takes a few microseconds
# Of a product with a transposed left side: the right side is copied for all rows, and a vector is filled.
_FEWEST_TRANSPOSED = (32, 16, 4)  # rows, inner, columns


class Product(NamedTuple):
    """A batch of products of matrices: `[rows, inner]` by `[inner, columns]`.

    Attributes:
      flip_a, flip_b: whether the matrices of an operand lie transposed.
    """

    dtype: np.dtype
    batch: tuple[int, ...]
    rows: int
    inner: int
    columns: int
    flip_a: bool
    flip_b: bool

    def numbers(self) -> np.ndarray:
        """The product as the library reads it (native/matrices.h)."""
        sizes = (math.prod(self.batch), self.rows, self.inner, self.columns)
        return np.array([PRODUCT, *sizes, int(self.flip_a), int(self.flip_b)], np.int64)

    def __str__(self) -> str:
        left = f"{self.rows}x{self.inner}" + (" (transposed)" if self.flip_a else "")
        right = f"{self.inner}x{self.columns}" + (" (transposed)" if self.flip_b else "")
        what = f"{math.prod(self.batch)} matrix products" if self.batch else "matrix product"
        return f"{what}, {self.dtype}, {left} by {right}"


class TransposedProduct(NamedTuple):
    """The transpose of `[inner, rows]` by `[inner, columns]`."""

    dtype: np.dtype
    rows: int
    inner: int
    columns: int

    def numbers(self) -> np.ndarray:
        """The product as the library reads it (native/panels.h)."""
        return np.array([TRANSPOSED_PRODUCT, self.rows, self.inner, self.columns], np.int64)

    def __str__(self) -> str:
        left = f"{self.rows}x{self.inner} (transposed)"
        return f"matrix product, {self.dtype}, {left} by {self.inner}x{self.columns}"


class Transposition(NamedTuple):
    """A matrix `[rows, columns]`, transposed."""

    dtype: np.dtype
    rows: int
    columns: int

    def numbers(self) -> np.ndarray:
        """The sizes as the library reads them (native/matrices.h)."""
        return np.array([TRANSPOSITION, self.rows, self.columns], np.int64)

    def __str__(self) -> str:
        return f"transposition, {self.dtype}, {self.rows}x{self.columns}"


def matrix_product(x: Any, y: Any, flip_x: bool, flip_y: bool) -> Kernel | None:
    """A kernel for the products of the matrices of `x` and `y`, or None where XLA's are as good.

    Args:
      x, y: arrays of the same outer dimensions, if any, or their shapes and dtypes.
      flip_x, flip_y: whether the matrices are to be transposed first.
    """
    if library() is None or x.dtype != np.float32 or y.dtype != np.float32:
        return None
    batch = tuple(x.shape[:-2])
    if tuple(y.shape[:-2]) != batch or 0 in (*x.shape, *y.shape):
        return None
    rows, inner = x.shape[-2:][::-1] if flip_x else x.shape[-2:]
    inner_y, columns = y.shape[-2:][::-1] if flip_y else y.shape[-2:]
    if inner != inner_y:
        return None
    dtype = np.dtype(np.float32)
    if flip_x and not flip_y and not batch:
        turned = TransposedProduct(dtype, rows, inner, columns)
        if forced[0] != "native" and any(n < m for n, m in zip(turned[1:], _FEWEST_TRANSPOSED)):
            return leave_to_xla(turned)
        return choose(turned, (rows, columns))
    product = Product(dtype, batch, rows, inner, columns, flip_x, flip_y)
    if forced[0] != "native" and _xla_is_as_good(product):
        return leave_to_xla(product)
    return choose(product, (*batch, rows, columns))


def _xla_is_as_good(product: Product) -> bool:
    """Where the native kernels were measured to gain nothing (docs/decisions.md)."""
    if not product.batch and (product.rows > _FEW_ROWS_OF_ONE or not product.flip_b):
        return True
    if product.inner < _NARROW or (product.batch and product.rows == 1):
        return True
    if product.columns < _NARROW and not product.flip_a:
        return True
    return math.prod(product.batch) * product.rows * product.inner * product.columns < _SMALL


def transposition(x: Any) -> Kernel | None:
    """A kernel that transposes the matrix `x`, or None where XLA's code is as good."""
    if library() is None or x.dtype != np.float32 or x.ndim != 2 or 0 in x.shape:
        return None
    shape = Transposition(np.dtype(np.float32), *x.shape)
    if forced[0] != "native" and x.size < _FEW_TO_TRANSPOSE:
        return leave_to_xla(shape)
    return choose(shape, x.shape[::-1])


# A right side of many products -------------------------------------------------------------------

_PANEL = 16  # columns: see native/panels.h


class PanelProduct(NamedTuple):
    """A product of `[rows, inner]` by a matrix `[inner, columns]` that lies in panels."""

    dtype: np.dtype
    rows: int
    inner: int
    columns: int

    def numbers(self) -> np.ndarray:
        """The product as the library reads it (native/panels.h)."""
        return np.array([PANEL_PRODUCT, self.rows, self.inner, self.columns], np.int64)

    def __str__(self) -> str:
        return f"product, {self.dtype}, of {self.rows}x{self.inner} by panels of {self.inner}x{self.columns}"


class PanelOrder(NamedTuple):
    """A matrix `[inner, columns]`, which may lie transposed, brought into panels."""

    dtype: np.dtype
    inner: int
    columns: int
    flip: bool

    def numbers(self) -> np.ndarray:
        """The sizes as the library reads them (native/panels.h)."""
        return np.array([PANELS, self.inner, self.columns, int(self.flip)], np.int64)

    def __str__(self) -> str:
        flip = " (transposed)" if self.flip else ""
        return f"panels, {self.dtype}, of {self.inner}x{self.columns}{flip}"


class Panels:
    """A float32 matrix that is the right side of many products, in order for the native kernel.

    Args:
      xp: an array namespace.
      matrix: the matrix.
      flip: whether it is to be transposed first.

    Attributes:
      matrix: the matrix `[inner, columns]`, for products that do not get the kernel.
      data: its columns, 16 by 16, each panel `[inner, 16]`; what is missing from the last one is 0. None where
        there are no kernels.
    """

    def __init__(self, xp: Any, matrix: Any, flip: bool = False):
        self.matrix = xp.swapaxes(matrix, 0, 1) if flip else matrix
        inner, columns = self.matrix.shape
        order = PanelOrder(np.dtype(np.float32), inner, columns, flip)
        ordered = choose(order, (-(-columns // _PANEL), inner, _PANEL))
        self.data = None if ordered is None else ordered(xp, matrix)

    def kernel(self, a: Any) -> Kernel | None:
        """The kernel for the product of `a` and this matrix, or None where XLA's code is as good."""
        inner, columns = self.matrix.shape
        if self.data is None or a.dtype != np.float32:
            return None
        if tuple(a.shape[1:]) != (inner,) or 0 in a.shape:
            return None
        product = PanelProduct(np.dtype(np.float32), a.shape[0], inner, columns)
        if forced[0] != "native" and _is_as_good_without_panels(product):
            return leave_to_xla(product)
        return choose(product, (product.rows, columns))


def _is_as_good_without_panels(product: PanelProduct) -> bool:
    return not _FEWEST_ROWS_OF_PANELS <= product.rows <= _FEW_ROWS_OF_ONE
