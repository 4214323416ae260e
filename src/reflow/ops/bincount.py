"""Counting: bins of integers, histograms, buckets, confusion matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, int32, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import control_dependencies, name_scope
from reflow.lang.static_value import constant_value
from reflow.ops import shape_rules
from reflow.ops.cast import cast
from reflow.ops.define import op

# Bins ---------------------------------------------------------------------------------------------


def _bins_size(size: Any) -> int:
    count = int(np.asarray(size).ravel()[0])
    if count < 0:
        raise errors.InvalidArgumentError(None, None, f"size ({count}) must be non-negative")
    return count


def _counted(xp: Any, rows: Any, size: int, weights: Any, binary: bool, dtype: Any) -> Any:
    """Bins per row of the matrix `rows`; values that have no bin are left out."""
    count = rows.shape[0]
    inside = (rows >= 0) & (rows < size)
    places = xp.where(inside, rows, rows.dtype.type(size)).astype(np.int64)
    places = places + np.arange(count)[:, None] * (size + 1)  # a bin more for what is left out
    bins = xp.zeros(count * (size + 1), dtype)
    if binary:
        bins = xp.at_set(bins, xp.reshape(places, (-1,)), dtype.type(1))
    else:
        if weights is None:
            added = xp.ones(places.size, dtype)
        else:
            added = xp.reshape(weights, (-1,)).astype(dtype)
        bins = xp.at_add(bins, xp.reshape(places, (-1,)), added)
    return xp.reshape(bins, (count, size + 1))[:, :size]


def _check_values(values: Any, message: str) -> None:
    if isinstance(values, np.ndarray) and values.size and values.min() < 0:
        raise errors.InvalidArgumentError(None, None, f"{message} {values.min()}")


def _given_weights(weights: Any, values: Any) -> Any:
    """The weights, or None when there are none."""
    if np.size(weights) == 0 and np.size(values) != 0:
        return None
    if np.shape(weights) != np.shape(values):
        raise errors.InvalidArgumentError(
            None,
            None,
            "`weights` must be the same shape as `arr` or a length-0 `Tensor`, in which case it acts "
            f"as all weights equal to 1. Received {list(np.shape(weights))}",
        )
    return weights


def _vector_of(size: Any) -> Any:
    known = constant_value(size)
    return shapes.of((None if known is None else max(int(np.asarray(known).ravel()[0]), 0),))


@op(
    "Bincount(arr: int32, size: int32, weights: T, *, T: {int32,int64,float,double}) -> bins: T",
    shape=lambda arr, size, weights: _vector_of(size),
    static=["size"],
    grad=None,
)
def bincount_op(xp, arr, size, weights, *, T):
    """How often each of the values 0 to size - 1 occurs, or the sum of its weights."""
    _check_values(arr, "Input arr must be non-negative! Got")
    weights = _given_weights(weights, arr)
    rows = xp.reshape(arr, (1, -1))
    return _counted(xp, rows, _bins_size(size), weights, False, T.np)[0]


def _dense_shape(input, size, weights):
    sizes = input._shape._dims
    bins = _vector_of(size)._dims
    if sizes is None:
        return shapes.UNKNOWN
    if len(sizes) > 2:
        raise ValueError(f"Shape must be at most rank 2 but is rank {len(sizes)}")
    return shapes.of((sizes[0], *bins)) if len(sizes) == 2 else shapes.of(bins)


@op(
    "DenseBincount(input: Tidx, size: Tidx, weights: T, *, Tidx: INDEX,"
    " T: {int32,int64,float,double}, binary_output: bool = False) -> output: T",
    shape=_dense_shape,
    static=["size"],
    grad=None,
)
def dense_bincount_op(xp, input, size, weights, *, T, binary_output):
    """Bincount of a vector, or of each row of a matrix."""
    _check_values(input, "Input 'in' must be non-negative! Negative input value found:")
    weights = _given_weights(weights, input)
    rows = xp.reshape(input, (1, -1)) if input.ndim < 2 else input
    bins = _counted(xp, rows, _bins_size(size), weights, binary_output, T.np)
    return bins[0] if input.ndim < 2 else bins


@op(
    "RaggedBincount(splits: int64, values: Tidx, size: Tidx, weights: T, *, Tidx: INDEX,"
    " T: {int32,int64,float,double}, binary_output: bool = False) -> output: T",
    static=["splits", "size"],
    grad=None,
)
def ragged_bincount_op(xp, splits, values, size, weights, *, T, binary_output):
    """Bincount of each row of a ragged matrix."""
    _check_values(values, "Input 'values' must be non-negative! Got")
    splits = np.asarray(splits)
    if splits.size == 0 or splits[0] != 0 or splits[-1] != np.size(values):
        raise errors.InvalidArgumentError(
            None, None, "Splits must start with 0 and end with the number of values"
        )
    row = np.repeat(np.arange(splits.size - 1), np.diff(splits))
    weights = _given_weights(weights, values)
    return _scattered(xp, row, splits.size - 1, values, size, weights, binary_output, T.np)


def _ragged_shape(splits, values, size, weights):
    rows = splits._shape._dims
    count = None if not rows or rows[0] is None else rows[0] - 1
    return shapes.of((count, *_vector_of(size)._dims))


ragged_bincount_op.shape_rule(_ragged_shape)


@op(
    "SparseBincount(indices: int64, values: Tidx, dense_shape: int64, size: Tidx, weights: T, *,"
    " Tidx: INDEX, T: {int32,int64,float,double}, binary_output: bool = False) -> output: T",
    static=["dense_shape", "size"],
    grad=None,
)
def sparse_bincount_op(xp, indices, values, dense_shape, size, weights, *, T, binary_output):
    """Bincount of a sparse vector, or of each row of a sparse matrix."""
    _check_values(values, "Input 'values' must be non-negative! Got")
    rows = int(dense_shape[0]) if np.size(dense_shape) == 2 else 1
    row = indices[:, 0] if np.size(dense_shape) == 2 else xp.zeros(values.shape, np.int64)
    weights = _given_weights(weights, values)
    bins = _scattered(xp, row, rows, values, size, weights, binary_output, T.np)
    return bins if np.size(dense_shape) == 2 else bins[0]


def _sparse_shape(indices, values, dense_shape, size, weights):
    rank = dense_shape._shape._dims
    if not rank or rank[0] is None:
        return shapes.UNKNOWN
    known = constant_value(dense_shape)
    bins = _vector_of(size)._dims
    if rank[0] == 1:
        return shapes.of(bins)
    return shapes.of((None if known is None else int(known[0]), *bins))


sparse_bincount_op.shape_rule(_sparse_shape)


def _scattered(xp, row, rows, values, size, weights, binary, dtype):
    """Bins per row, of values that say which row they belong to."""
    size = _bins_size(size)
    inside = (values >= 0) & (values < size)
    places = xp.where(inside, values.astype(np.int64) + row * (size + 1), size)
    bins = xp.zeros(max(rows, 1) * (size + 1), dtype)
    if binary:
        bins = xp.at_set(bins, places, dtype.type(1))
    else:
        added = xp.ones(values.shape, dtype) if weights is None else weights
        bins = xp.at_add(bins, places, added)
    return xp.reshape(bins, (max(rows, 1), size + 1))[:rows, :size]


# Histograms ---------------------------------------------------------------------------------------


def _histogram_shape(values, value_range, nbins):
    return _vector_of(nbins)


@op(
    "HistogramFixedWidth(values: T, value_range: T, nbins: int32, *, T: {int32,int64,float,double},"
    " dtype: {int32,int64} = int32) -> out: dtype",
    shape=_histogram_shape,
    static=["nbins"],
    grad=None,
)
def histogram_fixed_width_op(xp, values, value_range, nbins, *, dtype):
    """How many values fall into each of `nbins` bins of equal width; the outer ones take the rest."""
    count = int(np.asarray(nbins))
    if count <= 0:
        raise errors.InvalidArgumentError(
            None, None, f"nbins should be a positive number, got {count}"
        )
    if isinstance(value_range, np.ndarray) and not value_range[0] < value_range[1]:
        raise errors.InvalidArgumentError(
            None,
            None,
            "value_range should satisfy value_range[0] < value_range[1], but got "
            f"'[{value_range[0]}, {value_range[1]}]'",
        )
    if isinstance(values, np.ndarray) and values.dtype.kind == "f" and np.isnan(values).any():
        raise errors.InvalidArgumentError(None, None, "Histogram values must not contain NaN")
    low, high = value_range[0].astype(np.float64), value_range[1].astype(np.float64)
    step = (high - low) / count
    flat = xp.reshape(values, (1, -1))
    places = xp.clip(xp.floor((flat.astype(np.float64) - low) / step), 0, count - 1)
    return _counted(xp, places.astype(np.int64), count, None, False, dtype.np)[0]


@op(
    "Bucketize(input: T, *, T: {int32,int64,float,double}, boundaries: list(float)) -> output: int32",
    shape=shape_rules.same,
    grad=None,
)
def bucketize_op(xp, input, *, boundaries):
    """For each element, how many of the sorted `boundaries` are not above it."""
    bounds = np.array(boundaries, np.float32)
    if (np.diff(bounds) < 0).any():
        raise errors.InvalidArgumentError(None, None, "Expected sorted boundaries")
    if input.dtype.kind in "iu" or input.dtype == np.float64:
        bounds = bounds.astype(np.float64)
    return xp.searchsorted(bounds, input, side="right").astype(np.int32)


# Public functions ---------------------------------------------------------------------------------


def _output_size(arr: Any, minlength: Any, maxlength: Any) -> Any:
    """How many bins the values need, within the limits."""
    dtype = arr.dtype.base_dtype
    largest = REGISTRY["Max"](REGISTRY["Reshape"](arr, [-1]), [0])
    some = cast(REGISTRY["Size"](arr) > 0, dtype)
    size = some * (largest + 1)
    if minlength is not None:
        size = REGISTRY["Maximum"](convert_to_tensor(minlength, dtype, name="minlength"), size)
    if maxlength is not None:
        size = REGISTRY["Minimum"](convert_to_tensor(maxlength, dtype, name="maxlength"), size)
    return size


@export(v2=("math.bincount",))
def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = int32,
    name: str | None = None,
    axis: int | None = None,
    binary_output: bool = False,
) -> Any:
    """How often each integer occurs.

    Args:
      arr: a tensor of non-negative integers.
      weights: of the same shape: what each element adds to its bin, instead of 1.
      minlength, maxlength: the least and the greatest number of bins.
      dtype: the dtype of the counts, when there are no weights.
      axis: -1 to count each row of a matrix on its own; 0 or None for all elements.
      binary_output: whether a value occurs, as 0 or 1, rather than how often.

    Raises:
      InvalidArgumentError: if an element is negative.
      ValueError: for another axis, or weights together with `binary_output`.

    >>> import reflow as tf
    >>> print(tf.math.bincount([1, 1, 3]).numpy())
    [0 2 0 1]
    """
    with name_scope(name or "bincount"):
        arr = convert_to_tensor(arr, name="arr")
        if weights is not None and binary_output:
            raise ValueError(
                "Arguments `binary_output` and `weights` are mutually exclusive. Please specify only "
                "one."
            )
        if not arr.dtype.is_integer or arr.dtype.base_dtype not in (int32, int64):
            arr = cast(arr, int32)
        if axis not in (None, 0, -1):
            raise ValueError(
                f"Unsupported value for argument axis={axis}. Only 0 and -1 are currently supported."
            )
        size = _output_size(arr, minlength, maxlength)
        if weights is None:
            weights = convert_to_tensor([], as_dtype(dtype))
        else:
            weights = convert_to_tensor(weights, name="weights")
        if axis != -1:
            flatten = REGISTRY["Reshape"]
            arr = flatten(arr, [-1])
            weights = flatten(weights, [-1]) if weights.shape.rank != 1 else weights
        return dense_bincount_op(arr, size, weights, binary_output=binary_output)


@export(v1=("bincount", "math.bincount"))
def bincount_v1(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = int32
) -> Any:
    """How often each integer occurs: see `tf.math.bincount` of TF 2.

    >>> import reflow as tf
    >>> print(tf.compat.v1.bincount([1, 1, 3]).numpy())
    [0 2 0 1]
    """
    return bincount(arr, weights, minlength, maxlength, dtype)


@export("histogram_fixed_width")
def histogram_fixed_width(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = int32, name: str | None = None
) -> Any:
    """How many values fall into each of `nbins` bins of equal width.

    Args:
      values: a tensor of numbers.
      value_range: the two ends of the range, of the same dtype; what lies beyond counts in the outer
        bins.
      nbins: how many bins, an integer.
      dtype: the dtype of the counts, int32 or int64.

    Raises:
      InvalidArgumentError: if the range is empty, `nbins` is not positive, or a value is NaN.

    >>> import reflow as tf
    >>> print(tf.histogram_fixed_width([-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], [0.0, 5.0], nbins=5).numpy())
    [2 1 1 0 2]
    """
    with name_scope(name, "histogram_fixed_width") as scope:
        return histogram_fixed_width_op(
            values, value_range, nbins, dtype=as_dtype(dtype), name=scope or None
        )


@export("histogram_fixed_width_bins")
def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = int32, name: str | None = None
) -> Any:
    """For each value, which of `nbins` bins of equal width it falls into.

    Args:
      values: a floating-point tensor.
      value_range: the two ends of the range; what lies beyond counts in the outer bins.
      nbins: how many bins, an integer.
      dtype: the dtype of the result, int32 or int64.

    Raises:
      InvalidArgumentError: if `nbins` is not positive.

    >>> import reflow as tf
    >>> print(tf.histogram_fixed_width_bins([-1.0, 1.5, 15.0], [0.0, 5.0], nbins=5).numpy())
    [0 1 4]
    """
    with name_scope(name, "histogram_fixed_width_bins"):
        values = convert_to_tensor(values, name="values")
        value_range = convert_to_tensor(value_range, values.dtype.base_dtype, name="value_range")
        nbins = convert_to_tensor(nbins, int32, name="nbins")
        known = constant_value(nbins)
        if known is not None and known <= 0:
            raise errors.InvalidArgumentError(None, None, f"nbins {int(known)} must be > 0")
        count = cast(nbins, values.dtype.base_dtype)
        low, high = value_range[0], value_range[1]
        scaled = REGISTRY["RealDiv"](values - low, high - low, name="scaled_values")
        places = REGISTRY["Floor"](count * scaled, name="indices")
        zero = convert_to_tensor(0, places.dtype)
        places = REGISTRY["Maximum"](REGISTRY["Minimum"](places, count - 1), zero)
        return cast(places, dtype)


def _squeezed(labels: Any, predictions: Any) -> tuple[Any, Any]:
    """Both with one rank: the one that has a dimension more, of size 1, loses it."""
    squeeze = REGISTRY["Squeeze"]
    a, b = labels.shape.rank, predictions.shape.rank
    if a is not None and b is not None:
        if b - a == 1 and predictions.shape[-1] in (None, 1):
            predictions = squeeze(predictions, squeeze_dims=[-1])
        elif a - b == 1 and labels.shape[-1] in (None, 1):
            labels = squeeze(labels, squeeze_dims=[-1])
    return labels, predictions


@export(v2=("math.confusion_matrix",))
def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    weights: Any = None,
    dtype: Any = int32,
    name: str | None = None,
) -> Any:
    """How often each class (the row) was predicted to be each other (the column).

    Args:
      labels, predictions: integer vectors of one length, of classes from 0.
      num_classes: how many classes there are; by default as many as occur.
      weights: what each pair counts, instead of 1.
      dtype: the dtype of the matrix.

    Raises:
      InvalidArgumentError: if a class is negative, or not below `num_classes`.

    >>> import reflow as tf
    >>> print(tf.math.confusion_matrix([0, 1, 1], [0, 1, 0]).numpy())
    [[1 0]
     [1 1]]
    """
    with name_scope(name, "confusion_matrix"):
        labels, predictions = _squeezed(
            convert_to_tensor(labels, name="labels"),
            convert_to_tensor(predictions, name="predictions"),
        )
        labels, predictions = cast(labels, int64), cast(predictions, int64)
        labels = _checked(labels, labels >= 0, "`labels` contains negative values")
        predictions = _checked(
            predictions, predictions >= 0, "`predictions` contains negative values"
        )
        if num_classes is None:
            flat = REGISTRY["ConcatV2"]([labels, predictions], 0)
            count = REGISTRY["Max"](flat, [0]) + 1
        else:
            count = cast(num_classes, int64)
            labels = _checked(labels, labels < count, "`labels` out of bound")
            predictions = _checked(predictions, predictions < count, "`predictions` out of bound")
        dtype = as_dtype(dtype).base_dtype
        if weights is None:
            updates = REGISTRY["Fill"](REGISTRY["Shape"](predictions), convert_to_tensor(1, dtype))
        else:
            weights = convert_to_tensor(weights, name="weights")
            predictions.shape.assert_is_compatible_with(weights.shape)
            updates = cast(weights, dtype)
        places = REGISTRY["Pack"]([labels, predictions], axis=1)
        shape = cast(REGISTRY["Pack"]([count, count]), int64)
        return REGISTRY["ScatterNd"](places, updates, shape)


def _checked(value: Any, ok: Any, message: str) -> Any:
    """`value`, once all of `ok` is found true."""
    check = REGISTRY["Assert"](
        REGISTRY["All"](REGISTRY["Reshape"](ok, [-1]), [0]), [message, value]
    )
    with control_dependencies([check] if check is not None else []):
        return REGISTRY["Identity"](value)


@export(v1=("confusion_matrix", "math.confusion_matrix"))
def confusion_matrix_v1(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    dtype: Any = int32,
    name: str | None = None,
    weights: Any = None,
) -> Any:
    """How often each class was predicted to be each other: see `tf.math.confusion_matrix` of TF 2.

    >>> import reflow as tf
    >>> print(tf.compat.v1.confusion_matrix([0, 1, 1], [0, 1, 0]).numpy())
    [[1 0]
     [1 1]]
    """
    return confusion_matrix(labels, predictions, num_classes, weights, dtype, name)
