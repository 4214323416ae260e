"""Slices sorted into parts, and parts put together: the data flow of partitioned tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY, ValueNeeded
from reflow.lang.static_value import constant_value
from reflow.ops import array
from reflow.ops.define import op
from reflow.ops.indexing import check_range, gather_op
from reflow.ops.padding import padded


@op(
    "DynamicPartition(data: T, partitions: int32, *, num_partitions: int)"
    " -> outputs: num_partitions*T",
    compile=False,
)
def dynamic_partition_op(xp, data, partitions, *, num_partitions):
    """The slices of the data, sorted into parts."""
    rank = partitions.ndim
    if data.shape[:rank] != partitions.shape:
        raise ValueError(
            f"data.shape must start with partitions.shape, got data.shape = {list(data.shape)}, "
            f"partitions.shape = {list(partitions.shape)}"
        )
    check_range(partitions, num_partitions, "partitions")
    where = partitions.reshape(-1)
    rows = data.reshape((where.size, *data.shape[rank:]))
    order = np.argsort(where, kind="stable")
    ends = np.cumsum(np.bincount(where, minlength=num_partitions))[:-1]
    return np.split(rows[order], ends)


@dynamic_partition_op.shape_rule
def _dynamic_partition_shape(data, partitions, *, num_partitions):
    dims, rank = data._shape._dims, partitions.shape.rank
    if dims is None or rank is None:
        return [shapes.UNKNOWN] * num_partitions
    if not shapes.of(dims[:rank]).is_compatible_with(partitions.shape):
        raise ValueError(
            f"data.shape must start with partitions.shape, got {data.shape} and {partitions.shape}"
        )
    return [shapes.of((None, *dims[rank:]))] * num_partitions


@dynamic_partition_op.gradient_rule
def _dynamic_partition_grad(gs, data, partitions, *, num_partitions):
    count = array.size(partitions)
    places = array.like_input(REGISTRY["Range"](0, count, 1), partitions)
    parts = dynamic_partition_op(places, partitions, num_partitions=num_partitions)
    stitched = parallel_dynamic_stitch_op(parts, gs)
    return array.like_input(stitched, data), None


@export("dynamic_partition")
def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> list[Any]:
    """The slices of `data` sorted into parts: slice i goes to part `partitions[i]`.

    Args:
      data: a tensor whose shape starts with that of `partitions`.
      partitions: an int32 tensor with values in `[0, num_partitions)`.
      num_partitions: the number of parts, a Python integer.

    Raises:
      InvalidArgumentError: if a value of `partitions` is out of range.

    >>> import reflow as tf
    >>> [t.numpy().tolist() for t in tf.dynamic_partition([1, 2, 3], [1, 0, 1], 2)]
    [[2], [1, 3]]
    """
    return dynamic_partition_op(data, partitions, num_partitions=num_partitions, name=name)


def _stitch(xp: Any, indices: list[Any], data: list[Any]) -> Any:
    if not all(isinstance(index, (np.ndarray, np.generic)) for index in indices):
        raise ValueNeeded("indices", on_host=True)  # their largest is the size of the result
    rank = indices[0].ndim
    inner = data[0].shape[rank:]
    for i, (index, rows) in enumerate(zip(indices, data)):
        if rows.shape[: index.ndim] != index.shape or rows.shape[index.ndim :] != inner:
            raise ValueError(
                f"data[{i}].shape must start with indices[{i}].shape, got data[{i}].shape = "
                f"{list(rows.shape)}, indices[{i}].shape = {list(index.shape)}"
            )
    count = 1 + max((int(index.max()) for index in indices if index.size), default=-1)
    for i, index in enumerate(indices):
        check_range(index, count, f"indices[{i}]")
    where = np.concatenate([index.reshape(-1) for index in indices])
    rows = xp.concatenate([r.reshape((i.size, *inner)) for i, r in zip(indices, data)])
    source = np.full(count, -1)
    source[where] = np.arange(where.size)  # the last one that says so has the place
    if (source >= 0).all():
        return rows[source]
    zero = padded(xp, rows, [(0, 1), *[(0, 0)] * len(inner)])
    return zero[source]


def _stitch_shape(indices, data):
    inner = shapes.UNKNOWN
    for index, rows in zip(indices, data):
        rank = index.shape.rank
        if rank is not None and rows.shape.rank is not None:
            if not rows.shape[:rank].is_compatible_with(index.shape):
                raise ValueError(
                    f"data.shape must start with indices.shape, got {rows.shape} and {index.shape}"
                )
            inner = inner.merge_with(rows.shape[rank:])
    known = [constant_value(index) for index in indices]
    count = None
    if all(value is not None for value in known):
        count = 1 + max((int(value.max()) for value in known if value.size), default=-1)
    return shapes.TensorShape([count]).concatenate(inner)


def _stitch_grad(g, indices):
    g = convert_to_tensor(g)
    return [None] * len(indices), [gather_op(g, index, 0) for index in indices]


def _stitch_op(name: str, doc: str) -> Any:
    return op(
        f"{name}(indices: N*int32, data: N*T) -> merged: T",
        doc,
        shape=_stitch_shape,
        partial=("data",),
        grad=_stitch_grad,
    )(_stitch)


dynamic_stitch_op = _stitch_op("DynamicStitch", "Slices put in the places that indices say.")
parallel_dynamic_stitch_op = _stitch_op(
    "ParallelDynamicStitch", "Slices put in the places that indices say, in any order."
)


@export("dynamic_stitch")
def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Any:
    """The slices of several tensors put together: `merged[indices[m][i]] = data[m][i]`.

    Args:
      indices: a list of int32 tensors.
      data: a list of as many tensors; the shape of each starts with that of its indices.

    Raises:
      InvalidArgumentError: if the shapes do not fit, or an index is negative.

    >>> import reflow as tf
    >>> tf.dynamic_stitch([[2], [0, 1]], [[30], [10, 20]]).numpy().tolist()
    [10, 20, 30]
    """
    return dynamic_stitch_op(indices, data, name=name)
