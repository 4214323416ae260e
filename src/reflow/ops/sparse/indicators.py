"""Sparse tensors as indicators and masks, from ids, and their values mapped.

https://www.tensorflow.org/api_docs/python/tf/sparse
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, float32, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorValue, convert_to_sparse
from reflow.ops import array, filling, indexing, joining, sequences
from reflow.ops.sparse.tensors import (
    as_int64,
    sparse_reorder,
    sparse_tensor_to_dense,
)


@export("sparse.to_indicator", v1=("sparse_to_indicator",))
def sparse_to_indicator(sp_input: Any, vocab_size: Any, name: str | None = None) -> Any:
    """A dense bool tensor that tells which ids occur in the last dimension of a `SparseTensor`.

    Args:
      sp_input: a `SparseTensor` of int32 or int64 ids, `[d1, ..., dn, k]`.
      vocab_size: how many ids there are.
      name: a prefix for the nodes.

    Returns:
      A bool tensor `[d1, ..., dn, vocab_size]`.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 0], [1, 0]], [2, 0], [2, 1])
    >>> print(tf.sparse.to_indicator(s, 3).numpy())
    [[False False  True]
     [ True False False]]
    """
    sp_input = convert_to_sparse(sp_input)
    with name_scope(name, "SparseToIndicator", [sp_input]) as scope:
        count = array.shape_op(sp_input.indices)[0]
        ones = filling.fill(array.expand_dims(count, 0), True)
        values = SparseTensor(sp_input.indices, ones, sp_input.dense_shape)
        merged = _merge(sp_input, values, vocab_size, None, False)
        return sparse_tensor_to_dense(
            merged, default_value=False, validate_indices=False, name=scope or None
        )


def _merge(
    sp_ids: Any, sp_values: Any, vocab_size: Any, name: str | None, already_sorted: bool
) -> SparseTensor:
    if isinstance(sp_ids, (SparseTensor, SparseTensorValue)):
        sp_ids = [sp_ids]
        if isinstance(vocab_size, (list, tuple)):
            raise TypeError(f"vocab_size has to be a Tensor or Python int, got {vocab_size!r}")
        vocab_size = [vocab_size]
    elif not isinstance(sp_ids, (list, tuple)):
        raise TypeError(f"sp_ids has to be a SparseTensor or a list of them, got {sp_ids!r:.80}")
    elif not isinstance(vocab_size, (list, tuple)):
        raise TypeError(
            f"vocab_size has to be a list of Tensors or Python ints, got {vocab_size!r}"
        )
    if len(sp_ids) != len(vocab_size):
        raise ValueError("sp_ids and vocab_size have to have equal lengths.")
    with name_scope(name, "SparseMerge", [sp_ids, sp_values]):
        parts = [convert_to_sparse(each) for each in sp_ids]
        sp_values = convert_to_sparse(sp_values)
        columns = [array.expand_dims(as_int64(each.values), axis=1) for each in parts]
        sizes = [array.reshape(as_int64(each), [1]) for each in vocab_size]
        indices = joining.concat([parts[0].indices[:, :-1], *columns], 1)
        shape = joining.concat([parts[0].dense_shape[:-1], *sizes], 0)
        result = SparseTensor(indices, sp_values.values, shape)
        if already_sorted:
            return result
        ordered = sparse_reorder(result)
        return SparseTensor(ordered.indices, ordered.values, shape)


@export(v1=("sparse.merge", "sparse_merge"))
def sparse_merge(
    sp_ids: Any,
    sp_values: Any,
    vocab_size: Any,
    name: str | None = None,
    already_sorted: bool = False,
) -> SparseTensor:
    """A `SparseTensor` with the values of one, at the positions that the ids of another say.

    Args:
      sp_ids: a `SparseTensor` of ids, which replace the last dimension; or a list of them.
      sp_values: a `SparseTensor` of values with the same indices.
      vocab_size: the size of the new last dimension; a list where `sp_ids` is one.
      name: a prefix for the nodes.
      already_sorted: whether the ids are in order, so that the result need not be sorted.

    Raises:
      TypeError, ValueError: if the arguments are not of these kinds, or the lists of one length.

    >>> import reflow as tf
    >>> ids = tf.sparse.SparseTensor([[0, 0], [0, 1]], [2, 0], [1, 2])
    >>> values = tf.sparse.SparseTensor([[0, 0], [0, 1]], [7, 8], [1, 2])
    >>> print(tf.sparse.to_dense(tf.compat.v1.sparse_merge(ids, values, 3)).numpy())
    [[8 0 7]]
    """
    return _merge(sp_ids, sp_values, vocab_size, name, already_sorted)


@export("sparse.mask", v1=("sparse_mask",))
def sparse_mask(a: Any, mask_indices: Any, name: str | None = None) -> Any:
    """The `tf.IndexedSlices` `a` without the slices whose indices are among `mask_indices`.

    Args:
      a: a `tf.IndexedSlices`.
      mask_indices: a vector of indices of the same dtype.
      name: a prefix for the nodes.

    >>> import reflow as tf
    >>> slices = tf.IndexedSlices(tf.constant([[1], [2]]), tf.constant([0, 5]))
    >>> print(tf.sparse.mask(slices, [5]).values.numpy())
    [[1]]
    """
    from reflow.lang.indexed_slices import IndexedSlices

    with name_scope(name, "sparse_mask", [a, mask_indices]) as scope:
        kept, at = REGISTRY["ListDiff"](a.indices, mask_indices)
        values = indexing.gather_op(a.values, at, 0, name=scope or None)
        return IndexedSlices(values, kept, a.dense_shape)


@export("sparse.eye")
def sparse_eye(
    num_rows: Any, num_columns: Any = None, dtype: Any = float32, name: str | None = None
) -> SparseTensor:
    """A `SparseTensor` with ones on the diagonal.

    Args:
      num_rows: the number of rows.
      num_columns: the number of columns; by default as many.
      dtype: the dtype of the values.
      name: a prefix for the nodes.

    >>> import reflow as tf
    >>> print(tf.sparse.to_dense(tf.sparse.eye(2, 3, tf.int32)).numpy())
    [[1 0 0]
     [0 1 0]]
    """
    with name_scope(name, "eye"):
        rows = as_int64(num_rows)
        columns = rows if num_columns is None else as_int64(num_columns)
        size = REGISTRY["Minimum"](rows, columns)
        numbers = sequences.range(size, dtype=int64)
        return SparseTensor(
            joining.stack([numbers, numbers], axis=1),
            filling.ones(array.reshape(size, [1]), as_dtype(dtype)),
            joining.stack([rows, columns]),
        )


@export(v2=("sparse.map_values",))
def map_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> SparseTensor:
    """`op` of the values of `SparseTensor`s, as a `SparseTensor` with the same indices.

    Args:
      op: a function of tensors that keeps the number of values.
      *args, **kwargs: its arguments; in place of a `SparseTensor` it gets the values.

    Raises:
      ValueError: if no argument is a `SparseTensor`, or the result has another number of values.

    >>> import reflow as tf
    >>> s = tf.sparse.from_dense([[1, 2, 0]])
    >>> print(tf.sparse.map_values(tf.ones_like, s).values.numpy())
    [1 1]
    """
    found: list[SparseTensor] = []

    def values_of(each: Any) -> Any:
        if isinstance(each, SparseTensor):
            found.append(each)
            return each.values
        return each

    given = [values_of(each) for each in args]
    named = {key: values_of(each) for key, each in kwargs.items()}
    if not found:
        raise ValueError("No SparseTensor in argument list of map_values")
    first = found[0]
    for each in found[1:]:
        each.shape.merge_with(first.shape)
        each.indices.shape.merge_with(first.indices.shape)
    result = convert_to_tensor(op(*given, **named))
    if result.shape.rank is not None and result.shape.rank != 1:
        raise ValueError(f"the result of {op!r} must be a vector, got shape {result.shape}")
    result.shape.merge_with(first.values.shape)
    return first.with_values(result)
