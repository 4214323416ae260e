"""Distinct values, differences of lists, distances of sequences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.dtypes import as_dtype, int32
from reflow.lang.export import export
from reflow.lang.static_value import constant_value
from reflow.ops.define import op

# Distinct values ----------------------------------------------------------------------------------


def _unique(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each distinct row first appears, which one each row is, and how often each appears."""
    if x.ndim > 1 and x.shape[1:] != (1,):
        x = x.reshape(len(x), math.prod(x.shape[1:]))
        if x.dtype == object or x.dtype.kind == "V":
            numbers: dict[Any, int] = {}
            x = np.array([numbers.setdefault(tuple(row), len(numbers)) for row in x.tolist()], int)
        elif x.shape[1]:
            _, first, which, counts = np.unique(
                x, return_index=True, return_inverse=True, return_counts=True, axis=0
            )
            return _by_appearance(first, which.reshape(-1), counts)
        else:
            x = np.zeros(len(x))
    x = x.reshape(-1)
    _, first, which, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    return _by_appearance(first, which, counts)


def _by_appearance(first: Any, which: Any, counts: Any) -> tuple[Any, Any, Any]:
    """From the order of values to that of their first appearance."""
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(order.size)
    return first[order], number[which], counts[order]


def _vector_unique(x: Any) -> tuple[Any, Any, Any]:
    if x.ndim != 1:
        raise ValueError(f"unique expects a 1D vector.  Got shape {list(x.shape)}")
    first, which, counts = _unique(x)
    return x[first], which, counts


def _axis_unique(x: Any, axis: Any) -> tuple[Any, Any, Any]:
    if axis.size == 0:
        return _vector_unique(x)
    if axis.size != 1:
        raise ValueError("axis does not support input tensors larger than 1 elements")
    at = int(axis.reshape(()))
    if not -x.ndim <= at < x.ndim:
        raise ValueError(f"axis has to be between [0, {x.ndim})")
    rows = np.moveaxis(x, at, 0)
    first, which, counts = _unique(rows)
    return np.take(x, first, at), which, counts


_INDEX = "out_idx: {int32,int64} = int32"
_AXIS = "Taxis: {int32,int64} = int64"


def _unique_shape(x):
    return [(None,), x.shape.with_rank(1)]


def _unique_axis_shape(x, axis):
    dims, known = x._shape._dims, constant_value(axis)
    if dims is None:
        return [shapes.UNKNOWN, (None,)]
    if known is None:
        return [shapes.unknown_shape(len(dims)), (None,)]
    if not known.size:
        return _unique_shape(x)
    at = int(known.reshape(-1)[0])
    if not -len(dims) <= at < len(dims):
        raise ValueError(f"axis expected to be in the range [-{len(dims)}, {len(dims)}), got {at}")
    at %= len(dims)
    return [shapes.of((*dims[:at], None, *dims[at + 1 :])), (dims[at],)]


@op(
    f"Unique(x: T, *, {_INDEX}) -> y: T, idx: out_idx",
    shape=_unique_shape,
    compile=False,
    grad=None,
)
def unique_op(xp, x, *, out_idx):
    """The distinct values, and which of them each value is."""
    y, which, _ = _vector_unique(x)
    return y, which.astype(out_idx.np)


@op(
    f"UniqueV2(x: T, axis: Taxis, *, {_AXIS}, {_INDEX}) -> y: T, idx: out_idx",
    shape=_unique_axis_shape,
    compile=False,
    grad=None,
)
def unique_v2_op(xp, x, axis, *, out_idx):
    """The distinct slices along an axis, and which of them each slice is."""
    y, which, _ = _axis_unique(x, axis)
    return y, which.astype(out_idx.np)


@op(
    f"UniqueWithCounts(x: T, *, {_INDEX}) -> y: T, idx: out_idx, count: out_idx",
    shape=lambda x: [*_unique_shape(x), (None,)],
    compile=False,
    grad=None,
)
def unique_with_counts_op(xp, x, *, out_idx):
    """The distinct values, which of them each value is, and how often each comes."""
    y, which, counts = _vector_unique(x)
    return y, which.astype(out_idx.np), counts.astype(out_idx.np)


@op(
    f"UniqueWithCountsV2(x: T, axis: Taxis, *, {_AXIS}, {_INDEX})"
    " -> y: T, idx: out_idx, count: out_idx",
    shape=lambda x, axis: [*_unique_axis_shape(x, axis), (None,)],
    compile=False,
    grad=None,
)
def unique_with_counts_v2_op(xp, x, axis, *, out_idx):
    """The distinct slices along an axis, which of them each is, and how often each comes."""
    y, which, counts = _axis_unique(x, axis)
    return y, which.astype(out_idx.np), counts.astype(out_idx.np)


@export("unique")
def unique(x: Any, out_idx: Any = int32, name: str | None = None) -> Any:
    """The distinct values of a vector in the order of their appearance.

    Args:
      x: a vector of any dtype.
      out_idx: the dtype of the indices, `tf.int32` or `tf.int64`.

    Returns:
      A named tuple `(y, idx)` with `x[i] == y[idx[i]]`.

    >>> import reflow as tf
    >>> y, idx = tf.unique([7, 7, 5, 7])
    >>> y.numpy().tolist(), idx.numpy().tolist()
    ([7, 5], [0, 0, 1, 0])
    """
    return unique_op(x, out_idx=as_dtype(out_idx), name=name)


@export("unique_with_counts")
def unique_with_counts(x: Any, out_idx: Any = int32, name: str | None = None) -> Any:
    """The distinct values of a vector in the order of their appearance, and how often each comes.

    Args:
      x: a vector of any dtype.
      out_idx: the dtype of indices and counts, `tf.int32` or `tf.int64`.

    Returns:
      A named tuple `(y, idx, count)`.

    >>> import reflow as tf
    >>> tf.unique_with_counts([7, 7, 5, 7]).count.numpy().tolist()
    [3, 1]
    """
    return unique_with_counts_op(x, out_idx=as_dtype(out_idx), name=name)


@op(
    f"ListDiff(x: T, y: T, *, {_INDEX}) -> out: T, idx: out_idx",
    shape=lambda x, y: [(None,), (None,)],
    compile=False,
    grad=None,
)
def list_diff_op(xp, x, y, *, out_idx):
    """The values of x that are not in y, and where they are."""
    for label, v in (("x", x), ("y", y)):
        if v.ndim != 1:
            raise ValueError(f"{label} should be a 1D vector.")
    if x.dtype == object:
        others = set(y.tolist())
        keep = np.array([value not in others for value in x.tolist()], bool)
    else:
        keep = ~np.isin(x, y)
    places = np.flatnonzero(keep)
    return x[places], places.astype(out_idx.np)


@export(v1=("setdiff1d",))
def setdiff1d(x: Any, y: Any, index_dtype: Any = int32, name: str | None = None) -> Any:
    """The values of `x` that are not in `y`, in order and with repetitions.

    Args:
      x, y: vectors of one dtype.
      index_dtype: the dtype of the indices, `tf.int32` or `tf.int64`.

    Returns:
      A named tuple `(out, idx)` with `out[i] == x[idx[i]]`.
    """
    return list_diff_op(x, y, out_idx=as_dtype(index_dtype), name=name)


# Distances ----------------------------------------------------------------------------------------


def levenshtein(a: np.ndarray, b: np.ndarray) -> int:
    """How many insertions, deletions and substitutions make `a` from `b`."""
    places = np.arange(len(b) + 1)
    row = places
    for i, each in enumerate(a):
        step = np.empty_like(places)
        step[0] = i + 1
        np.minimum(row[1:] + 1, row[:-1] + (b != each), out=step[1:])
        row = np.minimum.accumulate(step - places) + places  # insertions, along the row
    return int(row[-1])


def _sequences(indices: Any, values: Any) -> dict[tuple, np.ndarray]:
    """The values of a sparse tensor by all their coordinates but the last."""
    groups: dict[tuple, list[int]] = {}
    for i, place in enumerate(map(tuple, indices[:, :-1].tolist())):
        groups.setdefault(place, []).append(i)
    return {place: values[rows] for place, rows in groups.items()}


@op(
    "EditDistance(hypothesis_indices: int64, hypothesis_values: T, hypothesis_shape: int64,"
    " truth_indices: int64, truth_values: T, truth_shape: int64, *, normalize: bool = True)"
    " -> output: float",
    compile=False,
    grad=None,
)
def edit_distance_op(
    xp, hypothesis_indices, hypothesis_values, hypothesis_shape, truth_indices, truth_values,
    truth_shape, *, normalize,
):  # fmt: skip
    """The Levenshtein distances of the sequences of two sparse tensors."""
    if hypothesis_shape.shape != truth_shape.shape or hypothesis_shape.size < 2:
        raise ValueError(
            f"hypothesis and truth must have the same rank, 2 or more: shapes "
            f"{hypothesis_shape.tolist()} and {truth_shape.tolist()}"
        )
    for label, indices, values, sizes in (
        ("hypothesis", hypothesis_indices, hypothesis_values, hypothesis_shape),
        ("truth", truth_indices, truth_values, truth_shape),
    ):
        if indices.ndim != 2 or indices.shape != (values.size, sizes.size):
            raise ValueError(
                f"{label}_indices should be a matrix of one row per value and one column per "
                f"dimension, but has shape {list(indices.shape)}"
            )
        if indices.size and ((indices < 0) | (indices >= sizes)).any():
            raise ValueError(f"{label}_indices are out of range of the shape {sizes.tolist()}")
    sizes = np.maximum(hypothesis_shape, truth_shape)[:-1]
    result = np.zeros(sizes.tolist(), np.float32)
    guesses = _sequences(hypothesis_indices, hypothesis_values)
    truths = _sequences(truth_indices, truth_values)
    empty = truth_values[:0]
    for place in guesses.keys() | truths.keys():
        guess, truth = guesses.get(place, empty), truths.get(place, empty)
        distance = levenshtein(truth, guess)
        if not normalize:
            result[place] = distance
        else:
            result[place] = distance / len(truth) if len(truth) else np.inf
    return result


@edit_distance_op.shape_rule
def _edit_distance_shape(
    hypothesis_indices, hypothesis_values, hypothesis_shape, truth_indices, truth_values,
    truth_shape,
):  # fmt: skip
    a, b = constant_value(hypothesis_shape), constant_value(truth_shape)
    if a is not None and b is not None and a.shape == b.shape:
        return tuple(np.maximum(a, b)[:-1].tolist())
    for sizes in (hypothesis_shape.shape.sizes, truth_shape.shape.sizes):
        if sizes is not None and sizes[0] is not None:
            return shapes.unknown_shape(sizes[0] - 1)
    return shapes.UNKNOWN


@export("edit_distance")
def edit_distance(
    hypothesis: Any, truth: Any, normalize: bool = True, name: str = "edit_distance"
) -> Any:
    """The Levenshtein distances of sequences: insertions, deletions and substitutions.

    Args:
      hypothesis, truth: `tf.SparseTensor`s of one rank; their sequences lie along the last dimension.
      normalize: whether to divide by the length of the true sequence (infinite where that is 0, and
        the other is not empty).

    Returns:
      A float32 tensor without the last dimension.

    Raises:
      TypeError: if an argument is no `tf.SparseTensor`.
    """
    for label, value in (("Hypothesis", hypothesis), ("Truth", truth)):
        if not all(hasattr(value, part) for part in ("indices", "values", "dense_shape")):
            raise TypeError(f"{label} must be a SparseTensor.")
    return edit_distance_op(
        hypothesis.indices,
        hypothesis.values,
        hypothesis.dense_shape,
        truth.indices,
        truth.values,
        truth.dense_shape,
        normalize=normalize,
        name=name,
    )
