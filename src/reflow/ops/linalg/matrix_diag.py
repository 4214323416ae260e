"""Diagonals and bands of matrices.

Several diagonals at once are stored as TensorFlow does: from the uppermost to the lowermost, one a row,
padded to one length, the padding at the end that `align` says (first for superdiagonals, then for
subdiagonals): https://www.tensorflow.org/api_docs/python/tf/linalg/diag
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, float32, int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import Tensor, is_tensor
from reflow.ops.define import op
from reflow.ops.filling import ones, zeros
from reflow.ops.joining import concat
from reflow.ops.public import public

# Bands --------------------------------------------------------------------------------------------


def _check_band(rows: int, columns: int, lower: Any, upper: Any) -> None:
    for value, side, size in ((lower, "rows", rows), (upper, "columns", columns)):
        if isinstance(value, (np.ndarray, np.generic)) and int(value) > size:
            which = "num_lower" if side == "rows" else "num_upper"
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{which} must be negative or less or equal to number of {side} ({size}) got: "
                f"{int(value)}",
            )


def _at_least_a_matrix(input, *rest):
    sizes = input._shape._dims
    if sizes is not None and len(sizes) < 2:
        raise ValueError(f"Shape must be at least rank 2 but is rank {len(sizes)}")
    return input._shape


def _band_part(xp, input, num_lower, num_upper):
    rows, columns = input.shape[-2:]
    _check_band(rows, columns, num_lower, num_upper)
    offset = np.arange(columns)[None, :] - np.arange(rows)[:, None]
    inside = ((num_lower < 0) | (-offset <= num_lower)) & ((num_upper < 0) | (offset <= num_upper))
    return xp.where(inside, input, xp.zeros((), input.dtype))


band_part_op = op(
    "MatrixBandPart(input: T, num_lower: Tindex, num_upper: Tindex, *, Tindex: INDEX = int64)"
    " -> band: T",
    "A matrix with what is outside of a central band set to zero.",
    shape=_at_least_a_matrix,
    grad=lambda g, num_lower, num_upper: band_part_op(g, num_lower, num_upper),
)(_band_part)

batch_band_part_op = op(
    "BatchMatrixBandPart(input: T, num_lower: int64, num_upper: int64) -> band: T",
    "An old name of MatrixBandPart.",
    shape=_at_least_a_matrix,
    grad=lambda g, num_lower, num_upper: band_part_op(g, num_lower, num_upper),
)(_band_part)

band_part = public(
    band_part_op,
    "linalg.band_part",
    v1=("matrix_band_part",),
    attribute="band_part",
    example=("[[1, 2], [3, 4]], -1, 0", "[[1 0]\n [3 4]]"),
    errors="InvalidArgumentError: if a band is wider than the matrix.",
)

# Where diagonals lie ------------------------------------------------------------------------------


class Layout:
    """Diagonals `low` to `high` of matrices with `rows` and `columns`, and how they are stored."""

    def __init__(self, low: int, high: int, rows: int, columns: int, align: str):
        self.low, self.high, self.rows, self.columns = low, high, rows, columns
        self.count = high - low + 1
        self.length = min(rows + min(high, 0), columns - max(low, 0))
        above, _, below = align.partition("_")
        self._right = {True: above == "RIGHT", False: below == "RIGHT"}

    def _shift(self, diagonal: Any) -> Any:
        """Where in its row each diagonal starts."""
        diagonal = np.asarray(diagonal)
        own = np.minimum(
            self.rows + np.minimum(diagonal, 0), self.columns - np.maximum(diagonal, 0)
        )
        padded = np.where(diagonal >= 0, self._right[True], self._right[False])
        return np.where(padded, self.length - own, 0)

    def into_matrix(self) -> tuple[np.ndarray, np.ndarray]:
        """For each place of the matrix, whether it is on a diagonal, and where that is stored."""
        i, j = np.arange(self.rows)[:, None], np.arange(self.columns)[None, :]
        diagonal = j - i
        inside = (diagonal >= self.low) & (diagonal <= self.high)
        place = np.minimum(i, j) + self._shift(diagonal)
        index = (self.high - diagonal) * self.length + place
        return inside, np.where(inside, index, 0)

    def from_matrix(self) -> tuple[np.ndarray, np.ndarray]:
        """For each stored place, whether it is padding or not, and where it is in the matrix."""
        diagonal = np.arange(self.high, self.low - 1, -1)[:, None]
        place = np.arange(self.length)[None, :] - self._shift(diagonal)
        i, j = place - np.minimum(diagonal, 0), place + np.maximum(diagonal, 0)
        inside = (place >= 0) & (i < self.rows) & (j < self.columns)
        return inside, np.where(inside, i * self.columns + j, 0)


def _bounds(k: Any) -> tuple[int, int]:
    """The lowermost and the uppermost diagonal that the input `k` means."""
    values = np.asarray(k).ravel().tolist()
    if len(values) not in (1, 2):
        raise ValueError(
            f"diag_index must be a scalar or a vector of 1 or 2 elements, got {values}"
        )
    low, high = values[0], values[-1]
    if low > high:
        raise ValueError(
            f"lower_diag_index must not be larger than upper_diag_index: {low} > {high}"
        )
    return low, high


def _check_bounds(low: int, high: int, rows: int, columns: int) -> None:
    for value, which in ((low, "lower_diag_index"), (high, "upper_diag_index")):
        if value != 0 and not -rows < value < columns:
            raise ValueError(
                f"{which} is out of bound: {value}. It must be between {-rows} and {columns}"
            )


def _taken(xp: Any, x: Any, dims: int, places: np.ndarray) -> Any:
    """The elements of `x` at flat `places` of its last `dims` dimensions."""
    flat = xp.reshape(x, (*x.shape[: x.ndim - dims], int(np.prod(x.shape[x.ndim - dims :]))))
    if flat.shape[-1] == 0:
        return xp.zeros((*flat.shape[:-1], *places.shape), x.dtype)
    return xp.take(flat, places, axis=-1)


# Diagonals into a new matrix ----------------------------------------------------------------------


def _matrix_size(low: int, high: int, length: int, rows: int, columns: int) -> tuple[int, int]:
    """The size of the matrix whose longest diagonal is `length`, where -1 leaves it open."""
    least_rows, least_columns = length - min(high, 0), length + max(low, 0)
    if rows == -1 and columns == -1:
        rows = columns = max(least_rows, least_columns)
    rows = least_rows if rows == -1 else rows
    columns = least_columns if columns == -1 else columns
    if rows < least_rows:
        raise ValueError(f"num_rows is too small: expected {least_rows} or more, got {rows}")
    if columns < least_columns:
        raise ValueError(f"num_cols is too small: expected {least_columns} or more, got {columns}")
    if rows != least_rows and columns != least_columns:
        raise ValueError(
            "num_rows or num_cols does not fit the diagonals: expected num_rows = "
            f"{least_rows} or num_cols = {least_columns}, got {rows} and {columns}"
        )
    return rows, columns


def _diag_shape(diagonal, k, num_rows, num_cols, padding_value):
    sizes = diagonal._shape._dims
    if sizes is None:
        return shapes.UNKNOWN
    if not sizes:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    band = constant_value(k)
    if band is None:
        return shapes.UNKNOWN
    low, high = _bounds(band)
    if low != high and sizes[-2] is not None and sizes[-2] != high - low + 1:
        raise ValueError(
            f"The number of rows of `diagonal` doesn't match the number of diagonals: {sizes[-2]} "
            f"and {high - low + 1}"
        )
    batch = sizes[:-1] if low == high else sizes[:-2]
    rows, columns = constant_value(num_rows), constant_value(num_cols)
    if rows is None or columns is None or sizes[-1] is None:
        return shapes.of((*batch, None, None))
    return shapes.of((*batch, *_matrix_size(low, high, sizes[-1], int(rows), int(columns))))


def _diag(xp, diagonal, k, num_rows, num_cols, padding_value, *, align="LEFT_LEFT"):
    low, high = _bounds(k)
    rows, columns = _matrix_size(
        low, high, diagonal.shape[-1], int(np.asarray(num_rows)), int(np.asarray(num_cols))
    )
    _check_bounds(low, high, rows, columns)
    if low != high and (diagonal.ndim < 2 or diagonal.shape[-2] != high - low + 1):
        raise ValueError(
            "The number of rows of `diagonal` doesn't match the number of diagonals: shape "
            f"{list(diagonal.shape)}, {high - low + 1} diagonals"
        )
    inside, places = Layout(low, high, rows, columns, align).into_matrix()
    taken = _taken(xp, diagonal, 1 if low == high else 2, places)
    return xp.where(inside, taken, padding_value)


def _diag_grad(g, k):
    return diag_part_v2_op(g, k, _zero(g)), None, None, None, None


def _zero(t: Any) -> Any:
    return convert_to_tensor(0, t.dtype.base_dtype)


_ALIGN = "align: string{LEFT_RIGHT,RIGHT_LEFT,LEFT_LEFT,RIGHT_RIGHT} = 'RIGHT_LEFT'"
_DIAG_INPUTS = "(diagonal: T, k: int32, num_rows: int32, num_cols: int32, padding_value: T"
_DIAG_STATIC = ["k", "num_rows", "num_cols"]


@op(
    f"MatrixDiagV3{_DIAG_INPUTS}, *, {_ALIGN}) -> output: T",
    shape=_diag_shape,
    static=_DIAG_STATIC,
    grad=lambda g, k, *, align: (
        diag_part_v3_op(g, k, _zero(g), align=align),
        None,
        None,
        None,
        None,
    ),  # fmt: skip
)
def diag_v3_op(xp, diagonal, k, num_rows, num_cols, padding_value, *, align):
    """Matrices with these diagonals, and `padding_value` elsewhere."""
    return _diag(xp, diagonal, k, num_rows, num_cols, padding_value, align=align)


diag_v2_op = op(
    f"MatrixDiagV2{_DIAG_INPUTS}) -> output: T",
    "Matrices with these diagonals, and `padding_value` elsewhere.",
    shape=_diag_shape,
    static=_DIAG_STATIC,
    grad=_diag_grad,
)(lambda xp, diagonal, k, num_rows, num_cols, padding_value: _diag(
    xp, diagonal, k, num_rows, num_cols, padding_value
))  # fmt: skip


def _main_diag_shape(diagonal):
    sizes = diagonal._shape._dims
    if sizes is None:
        return shapes.UNKNOWN
    if not sizes:
        raise ValueError("Shape must be at least rank 1 but is rank 0")
    return shapes.of((*sizes, sizes[-1]))


def _main_diag(xp, diagonal):
    return _diag(xp, diagonal, 0, -1, -1, xp.zeros((), diagonal.dtype))


diag_v1_op, batch_diag_op = (
    op(
        f"{name}(diagonal: T) -> output: T",
        "Matrices with this diagonal, and zeros elsewhere.",
        shape=_main_diag_shape,
        grad=lambda g: diag_part_v1_op(g),
    )(_main_diag)
    for name in ("MatrixDiag", "BatchMatrixDiag")
)

# Diagonals of a matrix ----------------------------------------------------------------------------


def _diag_part_shape(input, k, padding_value):
    sizes = input._shape._dims
    if sizes is None:
        return shapes.UNKNOWN
    _at_least_a_matrix(input)
    band = constant_value(k)
    if band is None:
        return shapes.UNKNOWN
    low, high = _bounds(band)
    rows, columns = sizes[-2:]
    length = None
    if rows is not None and columns is not None:
        _check_bounds(low, high, rows, columns)
        length = Layout(low, high, rows, columns, "LEFT_LEFT").length
    middle = () if low == high else (high - low + 1,)
    return shapes.of((*sizes[:-2], *middle, length))


def _diag_part(xp, input, k, padding_value, *, align="LEFT_LEFT"):
    low, high = _bounds(k)
    rows, columns = input.shape[-2:]
    _check_bounds(low, high, rows, columns)
    inside, places = Layout(low, high, rows, columns, align).from_matrix()
    if low == high:
        inside, places = inside[0], places[0]
    return xp.where(inside, _taken(xp, input, 2, places), padding_value)


@op(
    f"MatrixDiagPartV3(input: T, k: int32, padding_value: T, *, {_ALIGN}) -> diagonal: T",
    shape=_diag_part_shape,
    static=["k"],
    grad=lambda g, input, k, *, align: (
        set_diag_v3_op(REGISTRY["ZerosLike"](input), g, k, align=align),
        None,
        None,
    ),  # fmt: skip
)
def diag_part_v3_op(xp, input, k, padding_value, *, align):
    """The diagonals `k` of matrices; `padding_value` fills short ones."""
    return _diag_part(xp, input, k, padding_value, align=align)


@op(
    "MatrixDiagPartV2(input: T, k: int32, padding_value: T) -> diagonal: T",
    shape=_diag_part_shape,
    static=["k"],
    grad=lambda g, input, k: (set_diag_v2_op(REGISTRY["ZerosLike"](input), g, k), None, None),
)
def diag_part_v2_op(xp, input, k, padding_value):
    """The diagonals `k` of matrices; `padding_value` fills short ones."""
    return _diag_part(xp, input, k, padding_value)


def _main_diag_part_shape(input):
    sizes = input._shape._dims
    if sizes is None:
        return shapes.UNKNOWN
    _at_least_a_matrix(input)
    rows, columns = sizes[-2:]
    length = None if rows is None or columns is None else min(rows, columns)
    return shapes.of((*sizes[:-2], length))


diag_part_v1_op, batch_diag_part_op = (
    op(
        f"{name}(input: T) -> diagonal: T",
        "The main diagonals of matrices.",
        shape=_main_diag_part_shape,
        grad=lambda g, input: set_diag_v1_op(REGISTRY["ZerosLike"](input), g),
    )(lambda xp, input: xp.diagonal(input, axis1=-2, axis2=-1))
    for name in ("MatrixDiagPart", "BatchMatrixDiagPart")
)

# Diagonals set into a matrix ----------------------------------------------------------------------


def _set_diag(xp, input, diagonal, k, *, align="LEFT_LEFT"):
    low, high = _bounds(k)
    rows, columns = input.shape[-2:]
    _check_bounds(low, high, rows, columns)
    layout = Layout(low, high, rows, columns, align)
    wanted = (*input.shape[:-2], *(() if low == high else (layout.count,)), layout.length)
    if tuple(diagonal.shape) != wanted:
        raise ValueError(
            f"input and diagonal must fit: the diagonals of {list(input.shape)} have the shape "
            f"{list(wanted)}, got {list(diagonal.shape)}"
        )
    inside, places = layout.into_matrix()
    taken = _taken(xp, diagonal, 1 if low == high else 2, places)
    return xp.where(inside, taken, input)


def _set_diag_shape(input, diagonal, *k):
    return _at_least_a_matrix(input)


@op(
    f"MatrixSetDiagV3(input: T, diagonal: T, k: int32, *, {_ALIGN}) -> output: T",
    shape=_set_diag_shape,
    static=["k"],
    grad=lambda g, diagonal, k, *, align: (
        set_diag_v3_op(g, REGISTRY["ZerosLike"](diagonal), k, align=align),
        diag_part_v3_op(g, k, _zero(g), align=align),
        None,
    ),
)
def set_diag_v3_op(xp, input, diagonal, k, *, align):
    """Matrices with their diagonals `k` replaced."""
    return _set_diag(xp, input, diagonal, k, align=align)


@op(
    "MatrixSetDiagV2(input: T, diagonal: T, k: int32) -> output: T",
    shape=_set_diag_shape,
    static=["k"],
    grad=lambda g, diagonal, k: (
        set_diag_v2_op(g, REGISTRY["ZerosLike"](diagonal), k),
        diag_part_v2_op(g, k, _zero(g)),
        None,
    ),
)
def set_diag_v2_op(xp, input, diagonal, k):
    """Matrices with their diagonals `k` replaced."""
    return _set_diag(xp, input, diagonal, k)


set_diag_v1_op, batch_set_diag_op = (
    op(
        f"{name}(input: T, diagonal: T) -> output: T",
        "Matrices with their main diagonal replaced.",
        shape=_set_diag_shape,
        grad=lambda g, diagonal: (
            set_diag_v1_op(g, REGISTRY["ZerosLike"](diagonal)),
            diag_part_v1_op(g),
        ),
    )(lambda xp, input, diagonal: _set_diag(xp, input, diagonal, 0))
    for name in ("MatrixSetDiag", "BatchMatrixSetDiag")
)

# Tensors as generalised matrices ------------------------------------------------------------------

_DIAG_DTYPES = "{bfloat16,half,float,double,int32,int64,complex64,complex128}"


@op(
    f"Diag(diagonal: T, *, T: {_DIAG_DTYPES}) -> output: T",
    shape=lambda diagonal: diagonal._shape.concatenate(diagonal._shape),
    grad=lambda g: tensor_diag_part_op(g),
)
def tensor_diag_op(xp, diagonal):
    """A tensor of twice the rank, with `diagonal` where both halves of the index agree."""
    if diagonal.ndim < 1:
        raise ValueError("Input must be at least rank 1, got 0")
    flat = xp.reshape(diagonal, (-1,))
    inside = np.eye(flat.shape[0], dtype=bool)
    result = xp.where(inside, flat, xp.zeros((), flat.dtype))
    return xp.reshape(result, (*diagonal.shape, *diagonal.shape))


def _tensor_diag_part_shape(input):
    sizes = input._shape._dims
    if sizes is None:
        return shapes.UNKNOWN
    half = len(sizes) // 2
    if len(sizes) % 2 or not sizes:
        raise ValueError(f"Input must have even and non-zero rank, got {len(sizes)}")
    return shapes.of(sizes[:half]).merge_with(shapes.of(sizes[half:]))


@op(
    f"DiagPart(input: T, *, T: {_DIAG_DTYPES}) -> diagonal: T",
    shape=_tensor_diag_part_shape,
    grad=lambda g: tensor_diag_op(g),
)
def tensor_diag_part_op(xp, input):
    """The elements where both halves of the index agree."""
    half = input.ndim // 2
    if input.shape[:half] != input.shape[half:]:
        raise ValueError(f"Invalid shape {list(input.shape)}: its halves must be equal")
    size = int(np.prod(input.shape[:half], dtype=np.int64))
    return xp.reshape(xp.diagonal(xp.reshape(input, (size, size))), input.shape[:half])


# Public functions ---------------------------------------------------------------------------------

tensor_diag = public(
    tensor_diag_op,
    "linalg.tensor_diag",
    v1=("diag",),
    attribute="tensor_diag",
    example=("[1, 2]", "[[1 0]\n [0 2]]"),
)


@export("linalg.tensor_diag_part", v1=("diag_part",))
def tensor_diag_part(input: Any, name: str | None = None) -> Any:
    """The elements of a tensor where both halves of the index agree.

    Args:
      input: a tensor of even rank, of shape `[d1, ..., dk, d1, ..., dk]`.

    Raises:
      ValueError: if the rank is odd or 0, or the halves of the shape differ.

    >>> import reflow as tf
    >>> print(tf.linalg.tensor_diag_part([[1, 2], [3, 4]]).numpy())
    [1 4]
    """
    return tensor_diag_part_op(input, name=name)


def _padding(value: Any, like: Any) -> Any:
    """The padding value as something that converts to the dtype of `like`."""
    return bool(value) if like.dtype.is_bool and not is_tensor(value) else value


@export("linalg.diag", v1=("matrix_diag",))
def matrix_diag(
    diagonal: Any,
    name: str | None = "diag",
    k: Any = 0,
    num_rows: Any = -1,
    num_cols: Any = -1,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Any:
    """Matrices with given diagonals.

    Args:
      diagonal: of shape `[..., n]` for one diagonal, `[..., diagonals, n]` for several.
      k: which diagonal, 0 being the main one and positive ones above; or the lowermost and uppermost.
      num_rows, num_cols: the size of the matrices; -1 for the least that is possible.
      padding_value: what to put elsewhere.
      align: at which end short super- and subdiagonals lie: 'RIGHT_LEFT' and so on.

    Raises:
      ValueError: if the sizes do not fit.

    >>> import reflow as tf
    >>> print(tf.linalg.diag([1, 2], k=1).numpy())
    [[0 1 0]
     [0 0 2]
     [0 0 0]]
    """
    diagonal = convert_to_tensor(diagonal, name="diagonal")
    padding_value = _padding(padding_value, diagonal)
    return diag_v3_op(diagonal, k, num_rows, num_cols, padding_value, align=align, name=name)


@export("linalg.diag_part", v1=("matrix_diag_part",))
def matrix_diag_part(
    input: Any,
    name: str | None = "diag_part",
    k: Any = 0,
    padding_value: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Any:
    """Diagonals of matrices.

    Args:
      input: of shape `[..., m, n]`.
      k: which diagonal, 0 being the main one and positive ones above; or the lowermost and uppermost.
      padding_value: what fills short diagonals.
      align: at which end short super- and subdiagonals lie: 'RIGHT_LEFT' and so on.

    Raises:
      ValueError: if there is no such diagonal.

    >>> import reflow as tf
    >>> print(tf.linalg.diag_part([[1, 2], [3, 4]]).numpy())
    [1 4]
    """
    input = convert_to_tensor(input, name="input")
    return diag_part_v3_op(input, k, _padding(padding_value, input), align=align, name=name)


@export("linalg.set_diag", v1=("matrix_set_diag",))
def matrix_set_diag(
    input: Any,
    diagonal: Any,
    name: str | None = "set_diag",
    k: Any = 0,
    align: str = "RIGHT_LEFT",
) -> Any:
    """Matrices with diagonals replaced.

    Args:
      input: of shape `[..., m, n]`.
      diagonal: of shape `[..., length]` for one diagonal, `[..., diagonals, length]` for several.
      k: which diagonal, 0 being the main one and positive ones above; or the lowermost and uppermost.
      align: at which end short super- and subdiagonals lie: 'RIGHT_LEFT' and so on.

    Raises:
      ValueError: if the sizes do not fit.

    >>> import reflow as tf
    >>> print(tf.linalg.set_diag([[1, 2], [3, 4]], [7, 8]).numpy())
    [[7 2]
     [3 8]]
    """
    return set_diag_v3_op(input, diagonal, k, align=align, name=name)


@export("eye", "linalg.eye")
def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = float32,
    name: str | None = None,
) -> Any:
    """Identity matrices.

    Args:
      num_rows, num_columns: their size, integers or scalar tensors; square without `num_columns`.
      batch_shape: how many of them, a list of integers or an integer vector.
      dtype: the dtype of the elements.

    >>> import reflow as tf
    >>> print(tf.eye(2, dtype=tf.int32).numpy())
    [[1 0]
     [0 1]]
    """
    dtype = as_dtype(dtype).base_dtype
    with name_scope(name, "eye"):
        batch = [] if batch_shape is None else batch_shape
        square = num_columns is None
        columns = num_rows if square else num_columns
        shape: Any
        if not any(isinstance(each, Tensor) for each in (num_rows, columns, batch)):
            rows, columns = int(num_rows), int(columns)
            square = rows == columns
            batch = [int(size) for size in batch]
            diagonal = [*batch, min(rows, columns)]
            shape = [*batch, rows, columns]
        else:
            size = num_rows
            if isinstance(num_rows, Tensor) or isinstance(columns, Tensor):
                size = REGISTRY["Minimum"](num_rows, columns)
            batch = convert_to_tensor(batch, int32, name="shape")
            diagonal = concat((batch, [size]), 0)
            shape = None if square else concat((batch, [num_rows, columns]), 0)
        ones_there = ones(diagonal, dtype)
        if square:
            return matrix_diag(ones_there)
        return matrix_set_diag(zeros(shape, dtype), ones_there)


@export("linalg.trace", v1=("trace",))
def trace(x: Any, name: str | None = None) -> Any:
    """The sums of the main diagonals of matrices.

    Args:
      x: of shape `[..., m, n]`.

    >>> import reflow as tf
    >>> print(tf.linalg.trace([[1, 2], [3, 4]]).numpy())
    5
    """
    with name_scope(name, "Trace") as scope:
        x = convert_to_tensor(x, name="x")
        return REGISTRY["Sum"](matrix_diag_part(x), [-1], name=scope or None)
