"""Ragged tensors joined along a dimension, or stacked along a new one."""

from __future__ import annotations

from typing import Any

from reflow.lang import dtypes, errors
from reflow.lang.api_dispatch import handles
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import array, joining
from reflow.ops.ragged.elementwise import TYPES
from reflow.ops.ragged.gather import gather
from reflow.ops.ragged.ragged_tensor import (
    RaggedTensor,
    convert_to_tensor_or_ragged,
    is_ragged,
    match_splits_dtypes,
    positive_axis,
)
from reflow.ops.ragged.row_partition import RowPartition, require, same_splits


@handles("concat", types=TYPES)
def concat(values: Any, axis: Any, name: str = "concat") -> Any:
    """Values joined along `axis`; rows one behind the other along a ragged one."""
    if not isinstance(values, (list, tuple)):
        values = [values]
    with name_scope(name, "RaggedConcat", list(values)):
        return _joined(list(values), _python_axis(axis), stack=False)


@handles("stack", types=TYPES)
def stack_handler(values: Any, axis: int = 0, name: str = "stack") -> Any:
    """Values stacked along a new dimension."""
    return stack(list(values), axis, name)


@export("ragged.stack")
def stack(values: Any, axis: int = 0, name: str | None = None) -> Any:
    """Tensors or ragged tensors of one rank, but not of one shape, stacked along a new dimension.

    Args:
      values: a list of tensors or `RaggedTensor`s of the same rank and dtype.
      axis: where the new dimension is.
      name: a prefix for the nodes.

    Returns:
      A `RaggedTensor`; a tensor for scalars.

    Raises:
      ValueError: if there are none, the ranks differ, or `axis` is out of range.

    >>> import reflow as tf
    >>> tf.ragged.stack([[1, 2], [3]])
    <tf.RaggedTensor [[1, 2], [3]]>
    """
    if not isinstance(values, (list, tuple)):
        values = [values]
    with name_scope(name, "RaggedStack", list(values)):
        return _joined(list(values), _python_axis(axis), stack=True)


def _python_axis(axis: Any) -> Any:
    from reflow.ops.ragged.math import known_axis

    return known_axis(axis)


def _joined(values: list[Any], axis: Any, stack: bool) -> Any:
    site = errors.user_site()
    if not values:
        raise ValueError(f"{site}: rt_inputs may not be empty.")
    values = [convert_to_tensor_or_ragged(each, name="rt_input") for each in values]
    values = match_splits_dtypes(*values)
    if len(values) == 1 and not stack:
        return values[0]
    rank = None
    for each in values:
        if rank is None:
            rank = each.shape.rank
        elif each.shape.rank not in (None, rank):
            raise ValueError(f"{site}: Shape {each.shape} must have rank {rank}")
    out_rank = rank + 1 if stack and rank is not None else rank
    axis = positive_axis(axis, out_rank)
    kinds = [each.row_splits.dtype for each in values if is_ragged(each)]
    kind = kinds[0] if kinds else dtypes.int64
    if stack and rank == 1 and axis == 0:
        lengths = [array.shape(each) for each in values]
        return RaggedTensor.from_row_lengths(
            joining.concat(values, 0), REGISTRY["ConcatV2"](lengths, 0), validate=False
        )
    if not kinds and rank is not None and axis in (rank - 1, out_rank - 1):
        return joining.stack(values, axis) if stack else joining.concat(values, axis)
    depth = max([each.ragged_rank for each in values if is_ragged(each)] + [1])
    values = [_deepened(each, depth, kind) for each in values]
    if axis == 0:
        return _along_rows(values, stack)
    if axis == 1:
        return _within_rows(values, stack, kind)
    first = values[0]
    checks: list[Any] = []
    for other in values[1:]:
        if other.row_splits is not first.row_splits:
            checks += require(
                same_splits(first.row_splits, other.row_splits),
                "Inputs must have identical ragged splits; their row splits are:",
                [first.row_splits, other.row_splits],
            )
    inner = _joined([each.values for each in values], axis - 1, stack)
    partition = first._row_partition.with_checks(checks)
    return RaggedTensor._from_row_partition(inner, partition, validate=False)


def _deepened(value: Any, depth: int, kind: Any) -> RaggedTensor:
    """`value` with `depth` partitions."""
    if not is_ragged(value):
        return RaggedTensor.from_tensor(value, ragged_rank=depth, row_splits_dtype=kind)
    more = depth - value.ragged_rank
    if not more:
        return value
    flat = RaggedTensor.from_tensor(value.flat_values, ragged_rank=more, row_splits_dtype=kind)
    return value.with_flat_values(flat)


def _along_rows(values: list[RaggedTensor], stack: bool) -> Any:
    """All rows, one value's behind the other's."""
    result: Any = joining.concat([each.flat_values for each in values], 0)
    for level in reversed(range(values[0].ragged_rank)):
        parts = [each._nested_row_partitions[level] for each in values]
        lengths = REGISTRY["ConcatV2"]([each.row_lengths() for each in parts], 0)
        partition = RowPartition.from_row_lengths(lengths, validate=False)
        sizes = {each.static_uniform_row_length for each in parts}
        if len(sizes) == 1 and None not in sizes:
            partition.set_static(None, sizes.pop())
        result = RaggedTensor._from_row_partition(result, partition, validate=False)
    if stack:
        counts = joining.stack([each.nrows() for each in values])
        result = RaggedTensor.from_row_lengths(result, counts, validate=False)
    return result


def _within_rows(values: list[RaggedTensor], stack: bool, kind: Any) -> Any:
    """The first rows of all values together, then the second ones, ..."""
    count = len(values)
    rows = values[0].nrows()
    checks: list[Any] = []
    for each in values[1:]:
        checks += require(
            REGISTRY["Equal"](each.nrows(), rows),
            "Input tensors have incompatible shapes: the numbers of rows are",
            [rows, each.nrows()],
        )
    together = _along_rows(values, False)
    span = REGISTRY["Range"](
        convert_to_tensor(0, kind),
        rows * convert_to_tensor(count, kind),
        convert_to_tensor(1, kind),
    )
    order = array.reshape(array.transpose(array.reshape(span, [count, -1])), [-1])
    mixed = gather(together, order)
    if stack:
        step = convert_to_tensor(count, kind)
        splits = REGISTRY["Range"](convert_to_tensor(0, kind), rows * step + 1, step)
        partition = RowPartition(splits).with_checks(checks)
        return RaggedTensor._from_row_partition(mixed, partition, validate=False)
    partition = RowPartition(mixed.row_splits[::count]).with_checks(checks)
    return RaggedTensor._from_row_partition(mixed.values, partition, validate=False)
