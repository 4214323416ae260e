"""From row splits to the rows of values, and back."""

from __future__ import annotations

from typing import Any

from reflow.lang import dtypes, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import is_tensor
from reflow.ops import array, cast
from reflow.ops.ragged.row_partition import RowPartition, rowids_of


@export("ragged.row_splits_to_segment_ids")
def row_splits_to_segment_ids(splits: Any, name: str | None = None, out_type: Any = None) -> Any:
    """For each value of a ragged tensor the row that it is in.

    Args:
      splits: the row splits, a sorted int32 or int64 vector that starts with 0.
      name: a prefix for the nodes.
      out_type: the dtype of the result; by default that of `splits`.

    Raises:
      ValueError: if `splits` are no vector of integers.

    >>> import reflow as tf
    >>> print(tf.ragged.row_splits_to_segment_ids([0, 3, 3, 5]).numpy())
    [0 0 0 2 2]
    """
    site = errors.user_site()
    with name_scope(name, "RaggedSplitsToSegmentIds"):
        splits = convert_to_tensor(splits, name="splits", dtype_hint=dtypes.int64)
        if splits.dtype not in (dtypes.int32, dtypes.int64):
            raise ValueError(f"{site}: splits must have dtype int32 or int64")
        splits.shape.assert_has_rank(1)
        if splits.shape._dims and splits.shape._dims[0] == 0:
            raise ValueError(f"{site}: Invalid row_splits: []")
        ids = rowids_of(splits)
        return ids if out_type is None else cast.cast(ids, as_dtype(out_type))


@export("ragged.segment_ids_to_row_splits")
def segment_ids_to_row_splits(
    segment_ids: Any, num_segments: Any = None, out_type: Any = None, name: str | None = None
) -> Any:
    """The row splits for values that say which row they are in.

    Args:
      segment_ids: a sorted integer vector.
      num_segments: how many rows there are; by default up to the last that has a value.
      out_type: the dtype of the result; by default that of `segment_ids`, else int64.
      name: a prefix for the nodes.

    >>> import reflow as tf
    >>> print(tf.ragged.segment_ids_to_row_splits([0, 0, 0, 2, 2, 3]).numpy())
    [0 3 3 5 6]
    """
    if out_type is None:
        given = [each.dtype for each in (segment_ids, num_segments) if is_tensor(each)]
        out_type = next((each for each in given if each.is_integer), dtypes.int64)
    out_type = as_dtype(out_type)
    with name_scope(name, "SegmentIdsToRaggedSplits"):
        ids = cast.cast(
            convert_to_tensor(segment_ids, name="segment_ids", dtype_hint=out_type), out_type
        )
        ids.shape.assert_has_rank(1)
        if num_segments is not None:
            num_segments = cast.cast(convert_to_tensor(num_segments), out_type)
            num_segments = array.reshape(num_segments, [])
        partition = RowPartition.from_value_rowids(ids, num_segments, validate=False)
        return REGISTRY["Identity"](partition.row_splits())
