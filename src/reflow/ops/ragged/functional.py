"""Functions of the flat values: `tf.ragged.map_flat_values`."""

from __future__ import annotations

from typing import Any

from reflow.lang import errors, nest
from reflow.lang.export import export
from reflow.lang.tensor import is_tensor
from reflow.ops.ragged.ragged_tensor import (
    RaggedTensor,
    convert_to_tensor_or_ragged,
    is_ragged,
    match_splits_dtypes,
)
from reflow.ops.ragged.row_partition import RowPartition, require, same_splits


@export("ragged.map_flat_values")
def map_flat_values(op: Any, *args: Any, **kwargs: Any) -> Any:
    """`op` of the flat values of ragged arguments, in their rows.

    Args:
      op: a function; its result has the outermost dimension of the flat values.
      *args, **kwargs: its arguments. `RaggedTensor`s among them, or in lists, are replaced by their
        flat values; they must have the same partitions.

    Raises:
      ValueError: if the result has another outermost dimension.
      InvalidArgumentError: if the partitions differ.

    >>> import reflow as tf
    >>> tf.ragged.map_flat_values(tf.multiply, tf.ragged.constant([[1, 2], [3]]), 10)
    <tf.RaggedTensor [[10, 20], [30]]>
    """
    flat = nest.flatten((list(args), kwargs))
    where = [i for i, each in enumerate(flat) if is_ragged(each)]
    if not where:
        return op(*args, **kwargs)
    ragged = match_splits_dtypes(*(convert_to_tensor_or_ragged(flat[i]) for i in where))
    partitions = merged_partitions(ragged)
    for i, each in zip(where, ragged):
        flat[i] = each.flat_values
    new_args, new_kwargs = nest.pack_sequence_as((list(args), kwargs), flat)
    result = op(*new_args, **new_kwargs)
    counts = [each.flat_values.shape[:1] for each in ragged]
    shape = getattr(result, "shape", None)
    outer = shape[:1] if shape is not None and shape.rank else None
    if not (is_tensor(result) or is_ragged(result)):
        raise TypeError(
            f"{errors.user_site()}: the `op` of tf.ragged.map_flat_values must return "
            f"a tensor, got {type(result).__name__}"
        )
    if (
        shape.rank == 0
        or outer is not None
        and not all(outer.is_compatible_with(c) for c in counts)
    ):
        raise ValueError(
            f"{errors.user_site()}: tf.ragged.map_flat_values requires that the output "
            "of `op` have the same outer-dimension size as flat_values of any ragged inputs. (output "
            f"shape: {shape}; expected outer dimension size: {counts[0]._dims and counts[0]._dims[0]})"
        )
    return with_partitions(result, partitions)


def merged_partitions(ragged: list[RaggedTensor]) -> list[RowPartition]:
    """The partitions that all of `ragged` have; whether they are equal is checked."""
    nested = [each._nested_row_partitions for each in ragged]
    if len({len(each) for each in nested}) > 1:
        raise ValueError(f"{errors.user_site()}: All ragged inputs must have the same ragged_rank.")
    result = []
    for same in zip(*nested):
        first = same[0]
        for other in same[1:]:
            if other is not first and other.row_splits() is not first.row_splits():
                checks = require(
                    same_splits(first.row_splits(), other.row_splits()),
                    "Inputs must have identical ragged splits; their row splits are:",
                    [first.row_splits(), other.row_splits()],
                )
                first = (first if first.uniform is not None else other).with_checks(checks)
        result.append(first)
    return result


def with_partitions(values: Any, partitions: list[RowPartition]) -> Any:
    """`values` cut into rows by `partitions`, the outermost first."""
    for each in reversed(partitions):
        values = RaggedTensor._from_row_partition(values, each, validate=False)
    return values
