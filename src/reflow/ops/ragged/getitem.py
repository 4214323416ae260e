"""Indexing of ragged tensors: `rt[i]`, `rt[:, a:b]`, `rt[..., tf.newaxis]`."""

from __future__ import annotations

from typing import Any

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import is_tensor
from reflow.ops import array
from reflow.ops.ragged.array_ops import expand_dims
from reflow.ops.ragged.gather import gather
from reflow.ops.ragged.kernels import ragged_range_op
from reflow.ops.ragged.ragged_tensor import RaggedTensor, is_ragged
from reflow.ops.ragged.row_partition import RowPartition, after, require


def getitem(rt: RaggedTensor, key: Any) -> Any:
    """`rt[key]`.

    Raises:
      ValueError: for an index into a ragged dimension, or too many keys.
      IndexError: for an index beyond the rows.
      TypeError: for a key that is no integer, slice, ellipsis or `tf.newaxis`.
    """
    keys = list(key) if isinstance(key, (list, tuple)) else [key]
    with name_scope(None, "RaggedGetItem", [rt]):
        return _item(rt, keys)


def _item(rt: Any, keys: list[Any]) -> Any:
    if not keys:
        return rt
    if not is_ragged(rt):
        return rt[tuple(keys)]
    first, rest = keys[0], keys[1:]
    if first is Ellipsis:
        return _item(rt, _spelled_out(rt, rest))
    if first is None:
        return expand_dims(_item(rt, rest), 0)
    if isinstance(first, slice):
        return _inner(_rows(rt, first), rest)
    if rt.row_splits.shape.rank is None:
        raise ValueError("row_splits must have known rank")
    start, limit = _bounds_of_row(rt, _index(first))
    return _item(rt.values[start:limit], rest)


def _index(key: Any) -> Any:
    """A key as an index.

    Raises:
      TypeError: if it is none.
    """
    if is_tensor(key):
        if not key.dtype.is_integer or key.shape.rank not in (0, None):
            raise TypeError(
                f"{errors.user_site()}: Invalid index {key!r:.80}: a scalar integer is needed"
            )
        return key
    if isinstance(key, bool) or not hasattr(type(key), "__index__"):
        raise TypeError(
            f"{errors.user_site()}: Key must be a Python integer, slice, ellipsis, tf.newaxis or scalar integer "
            f"tensor, got {key!r:.80}"
        )
    return key.__index__()


def _bounds_of_row(rt: RaggedTensor, key: Any) -> tuple[Any, Any]:
    """Where the row begins and ends in the values."""
    starts, limits = rt.row_starts(), rt.row_limits()
    if not is_tensor(key):
        count = rt._row_partition.static_nrows
        if count is not None:
            if not -count <= key < count:
                raise IndexError(f"Row key {key} out of bounds")
            key %= count
        return starts[key], limits[key]
    kind = rt.row_splits.dtype
    key = REGISTRY["Cast"](key, DstT=kind)
    rows = rt.nrows()
    key = REGISTRY["SelectV2"](key < 0, key + rows, key)
    checks = require(
        REGISTRY["LogicalAnd"](key >= 0, key < rows),
        "Row key out of bounds; key and rows:",
        [key, rows],
    )
    (key,) = after(checks, key)
    return REGISTRY["GatherV2"](starts, key, 0), REGISTRY["GatherV2"](limits, key, 0)


def _rows(rt: RaggedTensor, key: slice) -> RaggedTensor:
    """A range of the rows."""
    if key.start is None and key.stop is None and key.step is None:
        return rt
    step = 1 if key.step is None else key.step
    known = constant_value(step) if is_tensor(step) else step
    if known == 1 and known is not None:
        # Rows that follow each other share the values: the splits alone are cut.
        starts, limits = rt.row_starts()[key], rt.row_limits()[key]
        first = rt.row_splits[:1]
        begin = REGISTRY["ConcatV2"]([starts, first], 0)[:1]
        splits = REGISTRY["ConcatV2"]([begin, limits], 0)
        values = rt.values[splits[0] : splits[-1]]
        partition = RowPartition(splits - splits[0])
        size = rt._row_partition.static_uniform_row_length
        if size is not None:
            partition.set_static(None, size)
        return RaggedTensor._from_row_partition(values, partition, validate=False)
    kind = rt.row_splits.dtype
    rows = REGISTRY["Range"](*(convert_to_tensor(n, kind) for n in (0, rt.nrows(), 1)))
    return gather(rt, rows[key])


def _inner(rt: RaggedTensor, keys: list[Any]) -> Any:
    """All rows, each indexed by `keys`."""
    if not keys:
        return rt
    first, rest = keys[0], keys[1:]
    if first is Ellipsis:
        return _inner(rt, _spelled_out(rt, rest, 1))
    if first is None:
        return expand_dims(_inner(rt, rest), 1)
    if isinstance(first, slice):
        if first.start is None and first.stop is None and first.step is None:
            whole = rt
        elif rt._row_partition.static_uniform_row_length is not None:
            whole = _uniform_slice(rt, first)
        else:
            whole = _ragged_slice(rt, first)
        if not rest:
            return whole
        inner = whole.values
        if is_ragged(inner):
            return whole.with_values(_inner(inner, rest))
        return whole.with_values(inner[(slice(None), *rest)])
    key = _index(first)
    size = rt._row_partition.static_uniform_row_length
    if rt.uniform_row_length is None:
        raise ValueError(f"{errors.user_site()}: Cannot index into an inner ragged dimension.")
    if size is not None and not is_tensor(key) and not -size <= key < size:
        raise IndexError(f"Row key {key} out of bounds")
    kind = rt.row_splits.dtype
    place = convert_to_tensor(key, kind) if not is_tensor(key) else REGISTRY["Cast"](key, DstT=kind)
    place = REGISTRY["SelectV2"](place < 0, place + rt.uniform_row_length, place)
    picked = gather(rt.values, rt.row_starts() + place)
    return _inner(picked, rest) if is_ragged(picked) else picked[(slice(None), *rest)]


def _uniform_slice(rt: RaggedTensor, key: slice) -> RaggedTensor:
    """A range of each row, where all rows have one known length."""
    size = rt._row_partition.static_uniform_row_length
    bounds = [
        constant_value(each) if is_tensor(each) else each
        for each in (key.start, key.stop, key.step)
    ]
    if any(each is None and given is not None for each, given in zip(bounds, (key.start, key.stop, key.step))):  # fmt: skip
        return _ragged_slice(rt, key)
    places = range(size)[slice(*(None if b is None else int(b) for b in bounds))]
    kind = rt.row_splits.dtype
    offsets = convert_to_tensor(list(places), kind)
    index = array.expand_dims(rt.row_starts(), 1) + array.expand_dims(offsets, 0)
    values = gather(rt.values, array.reshape(index, [-1]))
    count = rt._row_partition.static_nrows
    return RaggedTensor.from_uniform_row_length(
        values, len(places), rt.nrows() if count is None else count, validate=False
    )


def _ragged_slice(rt: RaggedTensor, key: slice) -> RaggedTensor:
    """A range of each row: the numbers of the values that are in it, gathered."""
    kind = rt.row_splits.dtype
    step = 1 if key.step is None else key.step
    known = constant_value(step) if is_tensor(step) else step
    if known is None:
        raise ValueError(f"{errors.user_site()}: the step of a slice of ragged rows must be known")
    known = int(known)
    if known == 0:
        raise ValueError(f"{errors.user_site()}: slice step cannot be zero")
    lengths, starts = rt.row_lengths(), rt.row_starts()
    # As Python cuts a list, with bounds counted from each row's own end where they are negative.
    low, high = (0, 0) if known > 0 else (-1, -1)
    first = _bound(key.start, lengths, low, high, kind)
    last = _bound(key.stop, lengths, low, high, kind)
    if key.start is None:
        first = REGISTRY["ZerosLike"](lengths) if known > 0 else lengths - 1
    if key.stop is None:
        last = lengths if known > 0 else REGISTRY["ZerosLike"](lengths) - 1
    splits, places = ragged_range_op(
        first + starts, last + starts, convert_to_tensor(known, kind), Tsplits=kind
    )
    partition = RowPartition(splits)
    return RaggedTensor._from_row_partition(gather(rt.values, places), partition, validate=False)


def _bound(value: Any, lengths: Any, low: int, high: int, kind: Any) -> Any:
    if value is None:
        return None
    bound = _index(value)
    bound = (
        REGISTRY["Cast"](bound, DstT=kind) if is_tensor(bound) else convert_to_tensor(bound, kind)
    )
    bound = REGISTRY["SelectV2"](bound < 0, bound + lengths, bound + REGISTRY["ZerosLike"](lengths))
    bound = REGISTRY["Maximum"](bound, convert_to_tensor(low, kind))
    return REGISTRY["Minimum"](bound, lengths + convert_to_tensor(high, kind))


def _spelled_out(rt: RaggedTensor, keys: list[Any], used: int = 0) -> list[Any]:
    """`keys` after an ellipsis, with as many whole dimensions before them as it stands for."""
    rank = rt.shape.rank
    if rank is None:
        raise ValueError("Ellipsis not supported for ragged tensors with unknown rank")
    taken = used + sum(each is not None for each in keys)
    if taken > rank:
        raise IndexError(
            f"{errors.user_site()}: Too many indices for a RaggedTensor of rank {rank}"
        )
    return [slice(None)] * (rank - taken) + keys
