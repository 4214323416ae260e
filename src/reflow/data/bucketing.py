"""Batches of elements of similar length: `Dataset.bucket_by_sequence_length`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.data import structure
from reflow.data.dataset import Dataset
from reflow.data.element_function import call_user_function
from reflow.lang import dtypes, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.opdef import REGISTRY
from reflow.lang.shapes import TensorShape

_NO_END = np.iinfo(np.int32)


def bucket_by_sequence_length(
    dataset: Dataset,
    element_length_func: Callable,
    bucket_boundaries: Sequence[int],
    bucket_batch_sizes: Sequence[int],
    padded_shapes: Any,
    padding_values: Any,
    pad_to_bucket_boundary: bool,
    no_padding: bool,
    drop_remainder: bool,
) -> Dataset:
    """The body of `Dataset.bucket_by_sequence_length`."""
    if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
        raise ValueError(
            f"{errors.user_site()}: `len(bucket_batch_sizes)` must equal "
            f"`len(bucket_boundaries) + 1` but `len(bucket_batch_sizes)={len(bucket_batch_sizes)}` "
            f"and `len(bucket_boundaries)={len(bucket_boundaries)}`."
        )
    batch_sizes = convert_to_tensor(list(bucket_batch_sizes), dtypes.int64)
    boundaries = list(bucket_boundaries)

    def bucket_of(*element: Any) -> Any:
        """The number of boundaries that the length reaches."""
        length = REGISTRY["Cast"](
            call_user_function(element_length_func, element), DstT=dtypes.int32
        )
        least = convert_to_tensor([_NO_END.min, *boundaries], dtypes.int32)
        most = convert_to_tensor([*boundaries, _NO_END.max], dtypes.int32)
        inside = REGISTRY["LogicalAnd"](
            REGISTRY["LessEqual"](least, length), REGISTRY["Less"](length, most)
        )
        return REGISTRY["Min"](REGISTRY["Where"](inside), [0, 1])

    def window_size(bucket: Any) -> Any:
        return REGISTRY["GatherV2"](batch_sizes, bucket, 0)

    def padded_to(shape: TensorShape, length: Any) -> Any:
        """A shape whose unknown sizes are `length`; -1 stays for the longest where there is none."""
        if shape.rank is None:
            raise ValueError(
                f"{errors.user_site()}: elements of unknown rank cannot be padded: "
                "give `padded_shapes`."
            )
        sizes = [length if d is None else np.int64(d) for d in shape.as_list()]
        if all(isinstance(size, np.integer) for size in sizes):
            return convert_to_tensor(np.array(sizes, np.int64))
        return convert_to_tensor(sizes, dtypes.int64) if sizes else np.zeros(0, np.int64)

    def to_batch(bucket: Any, window: Dataset) -> Dataset:
        size = window_size(bucket)
        if no_padding:
            return window.batch(size, drop_remainder=drop_remainder)
        shapes: list[Any] = list(window._structure.shapes)
        if padded_shapes is not None:
            shapes = structure.flatten_shapes(window.element_spec, padded_shapes)
        if pad_to_bucket_boundary:
            REGISTRY["Assert"](
                REGISTRY["Less"](bucket, np.int64(len(boundaries))),
                [
                    "When pad_to_bucket_boundary=True, elements must have length < "
                    "max(bucket_boundaries)."
                ],
            )
            ends = convert_to_tensor([end - 1 for end in boundaries], dtypes.int64)
            length = REGISTRY["GatherV2"](ends, bucket, 0)
            shapes = [padded_to(shape, length) for shape in shapes]
        wanted = structure.pack(window.element_spec, shapes)
        return window.padded_batch(
            size, wanted, padding_values=padding_values, drop_remainder=drop_remainder
        )

    return dataset.group_by_window(bucket_of, to_batch, window_size_func=window_size)
