"""Sparse tensors put together and cut into parts.

https://www.tensorflow.org/api_docs/python/tf/sparse
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.sparse_tensor import SparseTensor, convert_to_sparse
from reflow.ops import array, filling, joining
from reflow.ops.define import op
from reflow.ops.sparse.tensors import (
    as_int64,
    check_sparse,
    found_at,
    lexical_order,
    new_entries,
    rank_of,
    size_of,
    with_shape,
)

# Joining and cutting ------------------------------------------------------------------------------


@op(
    "SparseConcat(indices: N*int64, values: N*T, shapes: N*int64, *, concat_dim: int)"
    " -> output_indices: int64, output_values: T, output_shape: int64",
    compile=False,
    grad=None,
)
def sparse_concat_op(xp, indices, values, shapes, *, concat_dim):
    """Sparse tensors one after the other along a dimension, in lexicographic order."""
    for each in zip(indices, values, shapes):
        check_sparse(*each)
    first = shapes[0].tolist()
    rank = len(first)
    if not -rank <= concat_dim < rank:
        raise ValueError(f"Concat dimension must be in range [{-rank}, {rank}), got {concat_dim}")
    axis = concat_dim % rank
    offset, moved = 0, []
    for i, (rows, shape) in enumerate(zip(indices, shapes)):
        sizes = shape.tolist()
        if len(sizes) != rank:
            raise ValueError(
                f"Ranks of all input tensors must match: expected {rank} but got {len(sizes)} at "
                f"position {i}"
            )
        for d in range(rank):
            if d != axis and sizes[d] != first[d]:
                raise ValueError(
                    f"Input shapes must match: expected {first[d]} for dimension {d} but got "
                    f"{sizes[d]} at position {i}"
                )
        rows = rows.copy()
        rows[:, axis] += offset
        offset += sizes[axis]
        moved.append(rows)
    rows, joined = np.concatenate(moved), np.concatenate(values)
    order = lexical_order(np, rows)
    first[axis] = offset
    return rows[order], joined[order], np.array(first, np.int64)


@sparse_concat_op.shape_rule
def _sparse_concat_shape(indices, values, shapes_, *, concat_dim):
    counts = [size_of(v) for v in values]
    total = None if None in counts else sum(counts)
    rank = rank_of(indices[0], shapes_[0])
    return [shapes.of((total, rank)), shapes.of((total,)), shapes.of((rank,))]


def _concat(axis: Any, sp_inputs: Any, expand: bool, name: str | None) -> SparseTensor:
    if not isinstance(sp_inputs, (list, tuple)):
        raise TypeError(f"Inputs must be a list of SparseTensors, got {sp_inputs!r:.80}")
    parts = [convert_to_sparse(each) for each in sp_inputs]
    if len(parts) == 1:
        return parts[0]
    sizes = [part.dense_shape for part in parts]
    if expand:
        rows = joining.concat([array.reshape(each, [1, -1]) for each in sizes], 0)
        largest = REGISTRY["Max"](rows, [0])
        last = axis == -1
        sizes = [
            joining.concat(
                [
                    largest[:axis],
                    each[-1:] if last else each[axis : axis + 1],
                    largest[:0] if last else largest[axis + 1 :],
                ],
                0,
            )
            for each in sizes
        ]
    result = SparseTensor(
        *sparse_concat_op(
            [part.indices for part in parts],
            [part.values for part in parts],
            sizes,
            concat_dim=axis,
            name=name,
        )
    )
    known = [part.shape for part in parts]
    if all(each.rank for each in known):
        columns = list(zip(*[each.as_list() for each in known]))
        at = axis % len(columns)
        static = [
            None if None in column else sum(column) if d == at else max(column)
            for d, column in enumerate(columns)
        ]
        with_shape(result, shapes.of(tuple(static)))
    return result


@export(v2=("sparse.concat",))
def sparse_concat(
    axis: int, sp_inputs: Any, expand_nonconcat_dims: bool = False, name: str | None = None
) -> SparseTensor:
    """`SparseTensor`s one after the other along a dimension.

    Args:
      axis: the dimension.
      sp_inputs: a list of `SparseTensor`s of one dtype and rank.
      expand_nonconcat_dims: whether sizes of the other dimensions may differ; the largest counts.

    Raises:
      InvalidArgumentError: if the shapes do not fit together, or `axis` is out of range.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0], [2]], [5, 6], [4])
    >>> print(tf.sparse.concat(0, [s, s]).indices.numpy().ravel())
    [0 2 4 6]
    """
    return _concat(axis, sp_inputs, expand_nonconcat_dims, name)


@export(v1=("sparse.concat", "sparse_concat"))
def sparse_concat_v1(
    axis: int | None = None,
    sp_inputs: Any = None,
    name: str | None = None,
    expand_nonconcat_dim: bool = False,
    concat_dim: int | None = None,
    expand_nonconcat_dims: bool | None = None,
) -> SparseTensor:
    """`tf.sparse.concat` with its TF 1 parameters.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0]], [5], [2])
    >>> tf.compat.v1.sparse_concat(0, [s, s]).shape
    TensorShape([4])
    """
    axis = _one_of("axis", axis, "concat_dim", concat_dim)
    if axis is None:
        raise ValueError("axis is needed")
    expand = expand_nonconcat_dim if expand_nonconcat_dims is None else expand_nonconcat_dims
    return _concat(axis, sp_inputs, expand, name)


def _one_of(name: str, value: Any, old_name: str, old_value: Any) -> Any:
    """An argument that may be given under its old name."""
    if old_value is None:
        return value
    if value is not None:
        raise ValueError(f"Cannot specify both '{name}' and '{old_name}'.")
    return old_value


@op(
    "SparseSplit(split_dim: int64, indices: int64, values: T, shape: int64, *, num_split: int)"
    " -> output_indices: num_split*int64, output_values: num_split*T,"
    " output_shape: num_split*int64",
    compile=False,
    grad=None,
)
def sparse_split_op(xp, split_dim, indices, values, shape, *, num_split):
    """A sparse tensor cut in parts of (nearly) one size along a dimension; the first are larger."""
    check_sparse(indices, values, shape)
    axis, sizes = int(split_dim), shape.tolist()
    if not -len(sizes) <= axis < len(sizes):
        raise ValueError(
            f"Input split_dim should be between [{-len(sizes)}, {len(sizes)}), got {axis}"
        )
    axis %= len(sizes)
    if not 1 <= num_split <= sizes[axis]:
        raise ValueError(
            f"Input num_split should be between 1 and the splitting dimension size ({sizes[axis]}), "
            f"got {num_split}"
        )
    each, more = divmod(sizes[axis], num_split)
    starts = [i * each + min(i, more) for i in range(num_split + 1)]
    at = np.searchsorted(np.array(starts), indices[:, axis], "right") - 1
    outputs: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    for i in range(num_split):
        kept = at == i
        rows = indices[kept]
        rows[:, axis] -= starts[i]
        sizes[axis] = starts[i + 1] - starts[i]
        outputs[0].append(rows)
        outputs[1].append(values[kept])
        outputs[2].append(np.array(sizes, np.int64))
    return outputs


@sparse_split_op.shape_rule
def _sparse_split_shape(split_dim, indices, values, shape, *, num_split):
    rows, column, sizes = new_entries(indices, values, shape)
    return [rows] * num_split + [column] * num_split + [sizes] * num_split


def _split(sp_input: Any, num_split: Any, axis: Any, name: str | None) -> list[SparseTensor]:
    for label, value in (("sp_input", sp_input), ("num_split", num_split), ("axis", axis)):
        if value is None:
            raise ValueError(f"{label} is required")
    sp_input = convert_to_sparse(sp_input)
    parts = sparse_split_op(
        axis,
        sp_input.indices,
        sp_input.values,
        sp_input.dense_shape,
        num_split=num_split,
        name=name,
    )
    return [SparseTensor(*each) for each in zip(*parts)]


@export(v2=("sparse.split",))
def sparse_split(
    sp_input: Any = None, num_split: Any = None, axis: Any = None, name: str | None = None
) -> list[SparseTensor]:
    """A `SparseTensor` cut in `num_split` parts along a dimension.

    Where the size is no multiple of `num_split`, the first parts are one larger.

    Args:
      sp_input: a `SparseTensor` of any dtype.
      num_split: a Python integer.
      axis: the dimension.

    Raises:
      InvalidArgumentError: if `axis` is out of range, or `num_split` above the size.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0], [4]], [5, 6], [5])
    >>> print([part.dense_shape.numpy().item() for part in tf.sparse.split(s, 2, 0)])
    [3, 2]
    """
    return _split(sp_input, num_split, axis, name)


@export(v1=("sparse.split", "sparse_split"))
def sparse_split_v1(
    keyword_required: Any = None,
    sp_input: Any = None,
    num_split: Any = None,
    axis: Any = None,
    name: str | None = None,
    split_dim: Any = None,
) -> list[SparseTensor]:
    """`tf.sparse.split` with its TF 1 parameters, which are given by name only.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0]], [5], [4])
    >>> len(tf.compat.v1.sparse_split(sp_input=s, num_split=2, axis=0))
    2
    """
    if keyword_required is not None:
        raise ValueError("Keyword arguments are required for this function.")
    return _split(sp_input, num_split, _one_of("axis", axis, "split_dim", split_dim), name)


@op(
    "SparseSlice(indices: int64, values: T, shape: int64, start: int64, size: int64)"
    " -> output_indices: int64, output_values: T, output_shape: int64",
    compile=False,
)
def sparse_slice_op(xp, indices, values, shape, start, size):
    """The block of a sparse tensor at `start`, cut off where the tensor ends."""
    check_sparse(indices, values, shape)
    if start.shape != shape.shape or size.shape != shape.shape:
        raise ValueError(
            f"Expected start and size to be vectors of length {shape.shape[0]}, got shapes "
            f"{list(start.shape)} and {list(size.shape)}"
        )
    if (size < 0).any():
        raise ValueError(f"Expected size to be non-negative, got {size.tolist()}")
    sizes = np.where(start < shape, np.minimum(size, shape - start), 0)
    kept = ((indices >= start) & (indices < start + size)).all(axis=1)
    return indices[kept] - start, values[kept], np.maximum(sizes, 0)


@sparse_slice_op.shape_rule
def _sparse_slice_shape(indices, values, shape, start, size):
    return new_entries(indices, values, shape)


@sparse_slice_op.gradient_rule
def _sparse_slice_grad(g_output_values, indices, start, output_indices):
    return None, sparse_slice_grad_op(g_output_values, indices, start, output_indices)


@op(
    "SparseSliceGrad(backprop_val_grad: T, input_indices: int64, input_start: int64,"
    " output_indices: int64, *, T: NUMBER) -> val_grad: T",
    compile=False,
    shape=lambda backprop_val_grad, input_indices, input_start, output_indices: (
        size_of(input_indices),
    ),
)
def sparse_slice_grad_op(xp, backprop_val_grad, input_indices, input_start, output_indices):
    """The gradient of `SparseSlice`: that of an entry that was cut away is zero."""
    at, found = found_at(input_indices, output_indices + input_start)
    result = np.zeros(len(input_indices), backprop_val_grad.dtype)
    result[found] = backprop_val_grad[at[found]]
    return result


@sparse_slice_grad_op.gradient_rule
def _sparse_slice_grad_grad(g, input_indices, input_start, output_indices):
    moved = REGISTRY["AddV2"](output_indices, input_start)
    return sparse_slice_grad_op(g, moved, filling.zeros_like_op(input_start), input_indices)


@export("sparse.slice", v1=("sparse_slice",))
def sparse_slice(sp_input: Any, start: Any, size: Any, name: str | None = None) -> SparseTensor:
    """The block of a `SparseTensor` that begins at `start`, cut off where the tensor ends.

    Args:
      sp_input: a `SparseTensor` of any dtype.
      start: int64 vector, `[rank]`.
      size: int64 vector, `[rank]`.

    Raises:
      InvalidArgumentError: if they are no vectors of that length, or a size is negative.

    >>> import reflow as tf
    >>> s = tf.sparse.SparseTensor([[0, 1], [2, 0]], [1, 2], [3, 2])
    >>> print(tf.sparse.slice(s, [1, 0], [2, 2]).indices.numpy())
    [[1 0]]
    """
    sp_input = convert_to_sparse(sp_input)
    with name_scope(name, "SparseSlice", [sp_input]) as scope:
        parts = sparse_slice_op(
            sp_input.indices,
            sp_input.values,
            sp_input.dense_shape,
            as_int64(start),
            as_int64(size),
            name=scope or None,
        )
        return SparseTensor(*parts)
