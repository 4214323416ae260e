"""Ragged values brought to one shape: partitions that all have, and flat values within them.

A dimension of size 1 is repeated, as with tensors, where it is uniform: the first one, dense ones, and
those that `from_uniform_row_length` makes. Ragged dimensions must have equal row lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.opdef import REGISTRY
from reflow.lang.static_value import constant_value
from reflow.ops import array, cast
from reflow.ops.ragged.functional import merged_partitions
from reflow.ops.ragged.ragged_tensor import RaggedTensor, match_splits_dtypes
from reflow.ops.ragged.row_partition import RowPartition, after, repeat_rows, require, rows_of


def broadcast(values: Sequence[Any]) -> tuple[list[Any], list[RowPartition]]:
    """The flat values of `values`, at least one of which is ragged, in common partitions.

    Raises:
      ValueError: if a rank is not known.
      errors.InvalidArgumentError: if the shapes do not fit together.
    """
    values = match_splits_dtypes(*values)
    ragged = [each for each in values if isinstance(each, RaggedTensor)]
    ranks = [each.shape.rank for each in values]
    if None in ranks:
        if len(ragged) == len(values):
            return [each.flat_values for each in values], merged_partitions(ragged)
        raise ValueError(f"{errors.user_site()}: Unable to broadcast: unknown rank")
    inner = min(each.flat_values.shape.rank for each in ragged)
    taking_part = [
        isinstance(each, RaggedTensor) or rank >= inner for each, rank in zip(values, ranks)
    ]
    if len(ragged) == sum(taking_part) and _same_rows(ragged):
        flats = [e.flat_values if isinstance(e, RaggedTensor) else e for e in values]
        return flats, merged_partitions(ragged)
    rank = max(ranks)
    depth = max(each.ragged_rank + rank - each.shape.rank for each in ragged)
    kind = ragged[0].row_splits.dtype
    parts = [_deepened(e, rank, depth, kind) for e, takes in zip(values, taking_part) if takes]
    flats, partitions = _aligned(parts, depth, kind)
    aligned = iter(flats)
    return [next(aligned) if takes else e for e, takes in zip(values, taking_part)], partitions


def _same_rows(ragged: list[RaggedTensor]) -> bool:
    """Whether the partitions can only be equal, or wrong: nothing in them would be repeated."""
    first = ragged[0]
    for other in ragged[1:]:
        if other.ragged_rank != first.ragged_rank or other.shape.rank != first.shape.rank:
            return False
        levels = zip(first._nested_row_partitions, other._nested_row_partitions)
        for level, (a, b) in enumerate(levels):
            if a is b or a.row_splits() is b.row_splits():
                continue
            if level == 0 and (a.static_nrows is None or a.static_nrows != b.static_nrows):
                return False
            if a.uniform is not None or b.uniform is not None:
                size = a.static_uniform_row_length
                if size is None or size != b.static_uniform_row_length:
                    return False
    return True


def _deepened(value: Any, rank: int, depth: int, kind: Any) -> RaggedTensor:
    """`value` with `rank` dimensions, new ones in front, of which `depth` are partitions."""
    for _ in range(rank - value.shape.rank):
        if isinstance(value, RaggedTensor):
            count = value._row_partition.static_nrows
            value = RaggedTensor.from_uniform_row_length(
                value, value.nrows() if count is None else count, nrows=1, validate=False
            )
        else:
            value = array.expand_dims(value, 0)
    if not isinstance(value, RaggedTensor):
        return RaggedTensor.from_tensor(value, ragged_rank=depth, row_splits_dtype=kind)
    more = depth - value.ragged_rank
    if not more:
        return value
    flat = RaggedTensor.from_tensor(value.flat_values, ragged_rank=more, row_splits_dtype=kind)
    return value.with_flat_values(flat)


def _aligned(
    parts: list[RaggedTensor], depth: int, kind: Any
) -> tuple[list[Any], list[RowPartition]]:
    one = convert_to_tensor(1, kind)
    checks: list[Any] = []
    counts = [part.nrows() for part in parts]
    repeated = [REGISTRY["Equal"](count, one) for count in counts]
    rows = _common(counts, repeated, checks)
    span = REGISTRY["Range"](convert_to_tensor(0, kind), rows, one)
    at = [_picked(span, each, span) for each in repeated]
    partitions = []
    for level in range(depth):
        own = [part._nested_row_partitions[level] for part in parts]
        lengths = [
            each.row_lengths()
            if where is span
            else REGISTRY["GatherV2"](each.row_lengths(), where, 0)
            for each, where in zip(own, at)
        ]
        repeated = [
            convert_to_tensor(False)
            if each.uniform is None
            else REGISTRY["Equal"](each.uniform, one)
            for each in own
        ]
        common = _common(lengths, repeated, checks)
        ends = REGISTRY["Cumsum"](common, 0)
        zero = REGISTRY["Fill"]([1], convert_to_tensor(0, kind))
        splits = REGISTRY["ConcatV2"]([zero, ends], 0)
        uniform = None
        if all(each.uniform is not None for each in own):
            uniform = _common([each.uniform for each in own], repeated, checks)
        partitions.append(RowPartition(splits, uniform=uniform))
        total = splits[-1]
        span = REGISTRY["Range"](convert_to_tensor(0, kind), total, one)
        if any(constant_value(each) is not False for each in repeated) or any(
            where is not None for where in at
        ):
            within = span - repeat_rows(splits[:-1], common)
            at = [
                repeat_rows(_rows(each.row_starts(), where), common) + _picked(within, again, span)
                for each, where, again in zip(own, at, repeated)
            ]
    flats = [REGISTRY["GatherV2"](part.flat_values, where, 0) for part, where in zip(parts, at)]
    return after(checks, *flats), partitions


def _rows(values: Any, where: Any) -> Any:
    return REGISTRY["GatherV2"](values, where, 0)


def _picked(places: Any, repeated: Any, span: Any) -> Any:
    """`places`, or zeros where the dimension is repeated."""
    return places * cast.cast(REGISTRY["LogicalNot"](repeated), span.dtype)


def _common(sizes: list[Any], repeated: list[Any], checks: list[Any]) -> Any:
    """The sizes of a dimension that all agree on, but for those that are repeated."""
    result, open_ = sizes[0], repeated[0]
    for each, again in zip(sizes[1:], repeated[1:]):
        result = REGISTRY["SelectV2"](open_, each, result)
        open_ = REGISTRY["LogicalAnd"](open_, again)
    for each, again in zip(sizes, repeated):
        if each.shape.rank == 0:
            same = REGISTRY["Equal"](each, result)
        else:
            same = REGISTRY["All"](REGISTRY["Equal"](each, result), [0])
        checks += require(
            REGISTRY["LogicalOr"](same, again),
            "Unable to broadcast: dimension size mismatch: the row lengths",
            [each, result],
        )
    return result


def rows_as(value: Any, kind: Any) -> Any:
    """The number of rows of a tensor or ragged tensor."""
    return value.nrows(kind) if isinstance(value, RaggedTensor) else rows_of(value, kind)


def broadcast_to(value: Any, like: RaggedTensor) -> Any:
    """`value` repeated to the shape of `like`."""
    flats, partitions = broadcast([value, like])
    flat = REGISTRY["BroadcastTo"](flats[0], array.shape(flats[1]))
    for each in reversed(partitions):
        flat = RaggedTensor._from_row_partition(flat, each, validate=False)
    return flat
