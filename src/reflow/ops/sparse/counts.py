"""Counts of values as sparse tensors: `tf.sparse.bincount`."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.sparse_tensor import SparseTensor
from reflow.ops.array import reshape
from reflow.ops.constant import constant
from reflow.ops.define import op
from reflow.ops.ragged.counts import ragged_count_sparse_output_op
from reflow.ops.ragged.ragged_tensor import convert_to_tensor_or_ragged, is_ragged


def _counted(
    rows: Any,
    values: Any,
    weights: Any,
    sizes: tuple[int, ...],
    least: int,
    most: int,
    binary,
    dtype,
) -> tuple[Any, Any, Any]:
    """How often each value occurs in each row, or the sums of its weights.

    Args:
      rows: the row of each value, below `sizes[0]`; None where there are no rows.
      values: a vector.
      weights: a vector of the same size, or an empty one.
      sizes: the number of rows, where there are rows.
      least, most: how many values are counted at least and at most, or -1.
    """
    if np.any(values < 0):
        raise invalid("Input values must all be non-negative")
    limit = most if most > 0 else max(int(values.max(initial=0)) + 1, least)
    kept = values < limit
    places = values[kept].astype(np.int64)
    if rows is not None:
        places = places + rows[kept] * limit
    found, where = np.unique(places, return_inverse=True)
    counts = np.ones(len(found), dtype)
    if not binary:
        counts[:] = 0
        np.add.at(counts, where, weights[kept] if weights.size else dtype.type(1))
    columns = [found] if rows is None else [found // limit, found % limit]
    return np.stack(columns, axis=1), counts, np.array([*sizes, limit], np.int64)


_OPTIONS = (
    "T: INDEX, minlength: int = -1, maxlength: int = -1, binary_output: bool,"
    " output_type: {int32,int64,float,double})"
    " -> output_indices: int64, output_values: output_type, output_dense_shape: int64"
)
_HOST = {"grad": None, "compile": False}


def _dense_count_shape(values, weights):
    rank = values._shape.rank
    return [shapes.of((None, rank)), shapes.of((None,)), shapes.of((rank,))]


@op(
    f"DenseCountSparseOutput(values: T, weights: output_type, *, {_OPTIONS}",
    shape=_dense_count_shape,
    **_HOST,
)
def dense_count_op(xp, values, weights, *, minlength, maxlength, binary_output, output_type):
    """How often each value occurs in a vector, or in each row of a matrix, as a sparse tensor."""
    values, weights = np.asarray(values), np.asarray(weights)
    if values.ndim not in (1, 2):
        raise invalid(f"Input must be a 1 or 2-dimensional tensor. Got: {list(values.shape)}")
    if weights.size and weights.shape != values.shape:
        raise invalid(
            f"Weights and data must have the same shape. Weight shape: {list(weights.shape)}; data "
            f"shape: {list(values.shape)}"
        )
    rows = None if values.ndim == 1 else np.repeat(np.arange(values.shape[0]), values.shape[1])
    return _counted(
        rows,
        values.ravel(),
        weights.ravel(),
        values.shape[:-1],
        minlength,
        maxlength,
        binary_output,
        output_type.np,
    )


def _sparse_count_shape(indices, values, dense_shape, weights):
    rank = indices._shape.with_rank(2)._dims if indices._shape.rank is not None else (None, None)
    return [shapes.of((None, rank[1])), shapes.of((None,)), shapes.of((rank[1],))]


@op(
    "SparseCountSparseOutput(indices: int64, values: T, dense_shape: int64, weights: output_type, *,"
    f" {_OPTIONS}",
    shape=_sparse_count_shape,
    **_HOST,
)
def sparse_count_op(
    xp, indices, values, dense_shape, weights, *, minlength, maxlength, binary_output, output_type
):
    """How often each value occurs in a sparse vector, or in each row of a matrix."""
    indices, values, weights = np.asarray(indices), np.asarray(values), np.asarray(weights)
    sizes = tuple(np.ravel(dense_shape).tolist())
    if len(sizes) not in (1, 2):
        raise invalid(f"Input must be a 1 or 2-dimensional tensor. Got: {list(sizes)}")
    if indices.shape != (values.size, len(sizes)):
        raise invalid(
            f"Number of values must match first dimension of indices. Got {values.size} values, "
            f"indices shape: {list(indices.shape)}"
        )
    if weights.size and weights.shape != values.shape:
        raise invalid(
            f"Weights and values must have the same shape. Weight shape: {list(weights.shape)}; "
            f"values shape: {list(values.shape)}"
        )
    if np.any(indices < 0) or np.any(indices >= np.array(sizes)):
        raise invalid(f"Index value is not within the dense shape {list(sizes)}")
    rows = None if len(sizes) == 1 else indices[:, 0]
    return _counted(
        rows, values, weights, sizes[:-1], minlength, maxlength, binary_output, output_type.np
    )


@export("sparse.bincount")
def sparse_bincount(
    values: Any,
    weights: Any = None,
    axis: int | None = 0,
    minlength: int | None = None,
    maxlength: int | None = None,
    binary_output: bool = False,
    name: str | None = None,
) -> SparseTensor:
    """How often each value occurs, as a sparse tensor.

    Args:
      values: int32 or int64, a vector or a matrix; a tensor, a `SparseTensor` or a `RaggedTensor`.
      weights: of the same kind and shape: what each value counts, in place of 1.
      axis: 0 or None to count all values together, -1 to count those of each row.
      minlength: the least size of the last dimension.
      maxlength: values from this on are not counted.
      binary_output: whether 1 stands for every value that occurs.
      name: a name scope.

    Returns:
      A `SparseTensor` of shape `[values]` or `[rows, values]`.

    Raises:
      ValueError: for another `axis`, or weights together with `binary_output`.
      InvalidArgumentError: if a value is negative.

    >>> import reflow as tf
    >>> counts = tf.sparse.bincount([[1, 1, 5], [2, 0, 0]], axis=-1)
    >>> print(tf.sparse.to_dense(counts).numpy())
    [[0 2 0 0 0 1]
     [2 0 1 0 0 0]]
    """
    if axis not in (None, 0, -1):
        raise ValueError(
            f"Unsupported value for argument axis={axis}. Only 0 and -1 are currently supported."
        )
    if weights is not None and binary_output:
        raise ValueError(
            "Arguments `binary_output` and `weights` are mutually exclusive. Please specify only one."
        )
    how = {
        "minlength": -1 if minlength is None else minlength,
        "maxlength": -1 if maxlength is None else maxlength,
        "binary_output": binary_output,
    }
    with name_scope(name, "count"):
        if not isinstance(values, SparseTensor):
            values = convert_to_tensor_or_ragged(values, name="values")
        if axis != -1:  # all together
            values, weights = _flat(values, weights)
        if isinstance(values, SparseTensor):
            parts = sparse_count_op(
                values.indices,
                values.values,
                values.dense_shape,
                _weights(weights, values, "values"),
                **how,
            )
        elif is_ragged(values):
            parts = ragged_count_sparse_output_op(
                values.row_splits, values.values, _weights(weights, values, "values"), **how
            )
        else:
            parts = dense_count_op(values, _weights(weights, values, ""), **how)
        return SparseTensor(*parts)


def _flat(values: Any, weights: Any) -> tuple[Any, Any]:
    """All values, and all weights, as vectors."""
    if isinstance(values, SparseTensor):
        return values.values, _same_kind(weights, SparseTensor, "values")
    if is_ragged(values):
        return values.flat_values, _same_kind(weights, type(values), "flat_values")
    if weights is not None:
        weights = reshape(convert_to_tensor(weights, name="weights"), [-1])
    return reshape(values, [-1]), weights


def _same_kind(weights: Any, kind: type, part: str) -> Any:
    if weights is None:
        return None
    if not isinstance(weights, kind):
        raise ValueError(
            f"Argument `weights` must be a {kind.__name__} if `values` is one. Received weights={weights}"
        )
    return getattr(weights, part)


def _weights(weights: Any, values: Any, part: str) -> Any:
    """The weights as the ops take them: an empty vector for none."""
    if weights is None:
        return constant([], values.dtype)
    return _same_kind(weights, type(values), part) if part else convert_to_tensor(weights)
