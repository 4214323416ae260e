"""Ragged features of examples: the values of a feature, divided into rows by what other features hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.ops import array, cast, joining, math, reduce
from reflow.ops.ragged.ragged_tensor import RaggedTensor
from reflow.ops.repeating import repeat
from reflow.ops.scan import cumsum


def from_splits(values: Any, splits: Any) -> RaggedTensor:
    """The rows of a batch, whose splits an op has made."""
    return RaggedTensor.from_row_splits(values, splits, validate=False)


def assembled(key: str, feature: Any, found: Mapping[str, Any]) -> Any:
    """What a `RaggedFeature` stands for, made of the values and partitions that were parsed.

    Args:
      key: the key of the feature.
      feature: the `RaggedFeature`.
      found: by key, tensors of one example, or ragged tensors of a batch.
    """
    values = found[feature.value_key or key]
    batched = isinstance(values, RaggedTensor)
    for partition in reversed(feature.partitions):  # the innermost comes last
        divide = _divide_batch if batched else _divide
        values = divide(values, partition, found, feature)
    return values


def sequences_of(
    features: Mapping[str, Any], keys: Iterable[str], parsed: Sequence[Any], batched: bool
) -> dict[str, Any]:
    """The ragged features of sequences: [batch, steps, ...], or of one example [steps, ...].

    Args:
      features: by key, of which those that are no `RaggedFeature` are left out.
      keys: the lists of features that an op looked for.
      parsed: what it found: the values of each list, where examples and where steps begin.
      batched: whether there is a batch of examples.
    """
    values, outer, inner = ([*each] for each in parsed)
    starts = dict(zip(keys, outer))
    steps = {key: from_splits(v, s) for key, v, s in zip(keys, values, inner)}
    made = {}
    for key, feature in features.items():
        if type(feature).__name__ == "RaggedFeature":
            made[key] = assembled(key, feature, steps)  # a step is divided as an example is
            if batched:
                made[key] = from_splits(made[key], starts[feature.value_key or key])
    return made


def _kind(partition: Any) -> str:
    return type(partition).__name__


def _uniform(values: Any, length: int, split_type: Any, validate: bool) -> Any:
    """Values in rows of one length: ragged only if the values are."""
    if isinstance(values, RaggedTensor):
        length = convert_to_tensor(length, split_type)
        return RaggedTensor.from_uniform_row_length(values, length, validate=validate)
    return array.reshape(values, joining.concat([[-1, length], array.shape(values)[1:]], axis=0))


_CONSTRUCTORS = {
    "RowSplits": RaggedTensor.from_row_splits,
    "RowLengths": RaggedTensor.from_row_lengths,
    "RowStarts": RaggedTensor.from_row_starts,
    "RowLimits": RaggedTensor.from_row_limits,
    "ValueRowIds": RaggedTensor.from_value_rowids,
}


def _divide(values: Any, partition: Any, found: Mapping[str, Any], feature: Any) -> Any:
    """The values of one example in rows."""
    kind = _kind(partition)
    if kind == "UniformRowLength":
        return _uniform(values, partition.length, feature.row_splits_dtype, feature.validate)
    rows = cast.cast(found[partition.key], feature.row_splits_dtype)
    return _CONSTRUCTORS[kind](values, rows, validate=feature.validate)


def _divide_batch(batch: Any, partition: Any, found: Mapping[str, Any], feature: Any) -> Any:
    """The values of each example of a batch in rows.

    Partitions count from the start of their example; within the batch they count on from where the
    values of the example begin.
    """
    kind, validate = _kind(partition), feature.validate
    if kind == "UniformRowLength":
        length = partition.length
        rows = _uniform(batch.values, length, batch.row_splits.dtype, validate)
        return RaggedTensor.from_row_splits(rows, batch.row_splits // length, validate=validate)
    given = found[partition.key]
    if kind == "RowSplits":
        given = given[:, 1:]  # the limits of the rows
    given = given.with_values(cast.cast(given.values, batch.row_splits.dtype))
    if kind == "RowLengths":
        rows = RaggedTensor.from_row_lengths(batch.values, given.values, validate=validate)
        return given.with_values(rows)
    if kind == "ValueRowIds":
        last = array.reshape(_largest(given), [-1])
        counts = math.maximum(last + 1, 0)
        ids = given.values + repeat(cumsum(counts, exclusive=True), given.row_lengths())
        total = reduce.reduce_sum(counts)
        rows = RaggedTensor.from_value_rowids(batch.values, ids, total, validate=validate)
        return RaggedTensor.from_row_lengths(rows, counts, validate=validate)
    moved = given.values + repeat(batch.row_starts(), given.row_lengths())
    kind = "RowStarts" if kind == "RowStarts" else "RowLimits"
    return given.with_values(_CONSTRUCTORS[kind](batch.values, moved, validate=validate))


def _largest(rows: Any) -> Any:
    """The largest element of each row; -1 for rows without any."""
    return reduce.reduce_max(rows.to_tensor(default_value=-1, shape=[None, None]), axis=1)
