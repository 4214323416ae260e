"""Results of ragged_programs.py as plain data, the same for TensorFlow and Reflow."""

import numpy as np


def results(value):
    """A result, or several of them, as a list."""
    return (
        list(value)
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields")
        else [value]
    )


def described(value, shape=None):
    """What kind of value it is, its dtype, its static shape and its elements."""
    if hasattr(value, "dense_shape"):
        parts = [np.asarray(each) for each in (value.indices, value.values, value.dense_shape)]
        return [
            "sparse",
            parts[1].dtype.name,
            parts[2].tolist(),
            parts[0].tolist(),
            plain(parts[1]),
        ]
    if hasattr(value, "row_splits"):
        dtype = np.asarray(value.flat_values).dtype.name
        splits = np.asarray(value.row_splits).dtype.name
        return ["ragged", dtype, list(shape or value.shape), splits, rows(value)]
    array = np.asarray(value, object if isinstance(value, bytes) else None)
    return ["dense", array.dtype.name, list(array.shape), plain(array)]


def rows(value):
    splits = np.asarray(value.row_splits).tolist()
    inner = value.values
    listed = rows(inner) if hasattr(inner, "row_splits") else plain(np.asarray(inner))
    return [listed[a:b] for a, b in zip(splits, splits[1:])]


def plain(array):
    """The elements as JSON has them."""
    if array.dtype == object:
        if array.ndim:
            return [plain(np.asarray(each, object)) for each in array]
        item = array.item()
        return item.decode() if isinstance(item, bytes) else item
    if array.dtype.kind == "f":
        return array.astype(np.float64).tolist()
    return array.tolist()
