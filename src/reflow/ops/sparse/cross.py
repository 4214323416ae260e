"""Feature crosses of sparse and dense inputs: `tf.sparse.cross`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.sparse_tensor import SparseTensor
from reflow.lang.tensor import Tensor
from reflow.ops import cast
from reflow.ops.define import op
from reflow.ops.ragged import cross

_INPUTS = (
    "indices: N*int64, values: sparse_types, shapes: N*int64, dense_inputs: dense_types{more}, *,"
    " N: int{attrs}, sparse_types: list({{int64,string}}), dense_types: list({{int64,string}})"
)
_OUTPUTS = "output_indices: int64, output_values: {kind}, output_shape: int64"


def _rows(indices: Any, values: Any, shapes: Any, dense_inputs: Any) -> list[list[list[Any]]]:
    """The features of each input, row by row; sparse inputs first."""
    rows = [cross._sparse_rows(i, v, s) for i, v, s in zip(indices, values, shapes)]
    for each in dense_inputs:
        if np.ndim(each) != 2:
            raise invalid(f"Dense inputs should be a matrix but received shape {np.shape(each)}")
        rows.append(np.asarray(each).tolist())
    if len({len(each) for each in rows}) > 1:
        raise invalid("Expected all inputs to have the same batch size")
    return rows


def _crossed(rows: list[list[list[Any]]], join: Any, dtype: Any) -> tuple[Any, Any, Any]:
    indices, values, widest = [], [], 0
    for number, row in enumerate(zip(*rows)):
        found = [join(features) for features in itertools.product(*row)]
        widest = max(widest, len(found))
        indices += [(number, i) for i in range(len(found))]
        values += found
    flat = np.empty(len(values), dtype.np)
    flat[:] = values
    shape = np.array([len(rows[0]) if rows else 0, widest], np.int64)
    return np.array(indices, np.int64).reshape(-1, 2), flat, shape


def _cross_shape(*inputs: Any) -> list[tuple]:
    return [(None, 2), (None,), (2,)]


@op(
    "SparseCross("
    + _INPUTS.format(
        more="",
        attrs=", hashed_output: bool, num_buckets: int, hash_key: int, out_type: {int64,string},"
        " internal_type: {int64,string}",
    )
    + ") -> "
    + _OUTPUTS.format(kind="out_type"),
    shape=_cross_shape,
    compile=False,
    grad=None,
)
def sparse_cross_op(
    xp, indices, values, shapes, dense_inputs, *, hashed_output, num_buckets, hash_key, out_type
):
    """For each row all combinations of one feature of each input, joined or hashed."""
    if hashed_output != (out_type is dtypes.int64):
        raise invalid("hashed_output must be true exactly when the output is of int64")
    join = cross._hashed(hash_key, num_buckets) if hashed_output else cross._named
    return _crossed(_rows(indices, values, shapes, dense_inputs), join, out_type)


@op(
    f"SparseCrossV2({_INPUTS.format(more=', sep: string', attrs='')})"
    f" -> {_OUTPUTS.format(kind='string')}",
    shape=_cross_shape,
    compile=False,
    grad=None,
)
def sparse_cross_v2_op(xp, indices, values, shapes, dense_inputs, sep):
    """For each row all combinations of one feature of each input, joined by `sep`."""
    between = np.asarray(sep).item()

    def join(features: Iterable[Any]) -> bytes:
        return between.join(
            each if isinstance(each, bytes) else str(int(each)).encode() for each in features
        )

    return _crossed(_rows(indices, values, shapes, dense_inputs), join, dtypes.string)


def _parts(inputs: Any) -> tuple[list, list, list, list]:
    site = errors.user_site()
    if not isinstance(inputs, (tuple, list)):
        raise TypeError(f"{site}: Inputs must be a list")
    if not all(isinstance(each, (SparseTensor, Tensor)) for each in inputs):
        raise TypeError(f"{site}: All inputs must be Tensor or SparseTensor.")

    def wide(value: Any) -> Any:
        return value if value.dtype is dtypes.string else cast.cast(value, dtypes.int64)

    sparse = [each for each in inputs if isinstance(each, SparseTensor)]
    return (
        [each.indices for each in sparse],
        [wide(each.values) for each in sparse],
        [each.dense_shape for each in sparse],
        [wide(each) for each in inputs if not isinstance(each, SparseTensor)],
    )


@export("sparse.cross")
def sparse_cross(
    inputs: Any, name: str | None = None, separator: str | None = None
) -> SparseTensor:
    """Feature crosses: for each row all combinations of one value of each input, joined.

    Args:
      inputs: a list of sparse tensors and tensors, of strings or integers, of rank 2 and with the same
        number of rows.
      name: a name for the node.
      separator: what stands between the values, by default `_X_`.

    Raises:
      TypeError: if `inputs` is no list of these.

    >>> import reflow as tf
    >>> a = tf.sparse.from_dense([["a", ""], ["b", "c"]])
    >>> tf.sparse.cross([a, tf.constant([["d"], ["e"]])]).values.numpy()
    array([b'a_X_d', b'b_X_e', b'c_X_e'], dtype=object)
    """
    separator = "_X_" if separator is None else separator
    return SparseTensor(*sparse_cross_v2_op(*_parts(inputs), separator, name=name))


@export("sparse.cross_hashed")
def sparse_cross_hashed(
    inputs: Any, num_buckets: int = 0, hash_key: int | None = None, name: str | None = None
) -> SparseTensor:
    """Feature crosses as hashes: see `tf.sparse.cross`.

    Args:
      inputs: a list of sparse tensors and tensors, of strings or integers, of rank 2 and with the same
        number of rows.
      num_buckets: hashes are taken modulo this number; 0 for all of the int64 range.
      hash_key: an integer that selects the hash function.
      name: a name for the node.

    >>> import reflow as tf
    >>> a = tf.sparse.from_dense([["a", ""], ["b", "c"]])
    >>> tf.sparse.cross_hashed([a, tf.constant([["d"], ["e"]])], num_buckets=10).dtype
    tf.int64
    """
    indices, values, shapes, dense = _parts(inputs)
    texts = all(each.dtype is dtypes.string for each in (*values, *dense))
    return SparseTensor(
        *sparse_cross_op(
            indices,
            values,
            shapes,
            dense,
            hashed_output=True,
            num_buckets=num_buckets,
            hash_key=hash_key or cross.DEFAULT_HASH_KEY,
            out_type=dtypes.int64,
            internal_type=dtypes.string if texts else dtypes.int64,
            name=name,
        )
    )
