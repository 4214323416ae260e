"""Data sets of batches and windows, and back: the methods of `Dataset`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reflow.data import batching, structure
from reflow.data.dataset_base import DatasetBase, DatasetSpec, deterministic_attr
from reflow.data.element_function import scalar
from reflow.lang import dtypes, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import NoneTensorSpec, TensorSpec

if TYPE_CHECKING:
    from reflow.data.dataset import Dataset


class DatasetBatches(DatasetBase):
    """The methods of `Dataset` that put elements together, or take them apart."""

    def batch(
        self,
        batch_size: Any,
        drop_remainder: Any = False,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Consecutive elements put together along a new first dimension.

        Args:
          batch_size: how many.
          drop_remainder: whether the last batch is left out when it would be smaller.

        Raises:
          tf.errors.InvalidArgumentError: if the shapes of elements differ: see `padded_batch`.

        >>> import reflow as tf
        >>> for batch in tf.data.Dataset.range(5).batch(2, drop_remainder=True):
        ...     print(batch.numpy())
        [0 1]
        [2 3]
        """
        size = scalar(batch_size, dtypes.int64, "batch_size")
        spec = self._batched_spec(size, drop_remainder)
        if num_parallel_calls is None:
            drop = scalar(drop_remainder, dtypes.bool, "drop_remainder")
            return self._with_spec("_BatchDataset", spec, batching.batch_dataset_v2, size, drop)
        return self._with_spec(
            "_ParallelBatchDataset",
            spec,
            batching.parallel_batch_dataset,
            size,
            scalar(num_parallel_calls, dtypes.int64, "num_parallel_calls"),
            scalar(drop_remainder, dtypes.bool, "drop_remainder"),
            deterministic=deterministic_attr(deterministic),
        )

    def _batched_spec(self, size: Tensor, drop_remainder: Any) -> Any:
        known = None
        dropped = constant_value(drop_remainder) if isinstance(drop_remainder, Tensor) else None
        if drop_remainder is True or dropped is not None and bool(dropped):
            value = constant_value(size)
            known = None if value is None else int(value)

        def batched(leaf: Any) -> Any:
            if not hasattr(leaf, "_batch"):
                raise TypeError(
                    f"{errors.user_site()}: batch() cannot put elements of {leaf!r} together. Datasets of "
                    "windows are batched one by one: ds.flat_map(lambda w: w.batch(n))."
                )
            return leaf._batch(known)

        return structure.map_leaves(batched, self.element_spec)

    def padded_batch(
        self,
        batch_size: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: Any = False,
        name: str | None = None,
    ) -> Dataset:
        """Consecutive elements put together, each padded at its end to one shape.

        Args:
          batch_size: how many.
          padded_shapes: a structure of shapes, in which None stands for the largest of the batch.
          padding_values: a structure of scalars, or one for all; zeros and empty strings by default.
          drop_remainder: whether the last batch is left out when it would be smaller.

        >>> import reflow as tf
        >>> dataset = tf.data.Dataset.range(1, 4).map(lambda n: tf.fill([n], n))
        >>> print(next(iter(dataset.padded_batch(3))).numpy())
        [[1 0 0]
         [2 2 0]
         [3 3 3]]
        """
        from reflow.data.padding import padded_batch

        return padded_batch(self, batch_size, padded_shapes, padding_values, drop_remainder)

    def ragged_batch(
        self,
        batch_size: Any,
        drop_remainder: Any = False,
        row_splits_dtype: Any = dtypes.int64,
        name: str | None = None,
    ) -> Dataset:
        """Consecutive elements put together; where their sizes differ, as ragged tensors.

        Args:
          batch_size: how many.
          drop_remainder: whether the last batch is left out when it would be smaller.
          row_splits_dtype: int32 or int64.

        >>> import reflow as tf
        >>> dataset = tf.data.Dataset.range(3).map(tf.range)
        >>> print(next(iter(dataset.ragged_batch(3))))
        <tf.RaggedTensor [[], [0], [0, 1]]>
        """
        from reflow.data.padding import ragged_batch

        return ragged_batch(self, batch_size, drop_remainder, row_splits_dtype)

    def sparse_batch(self, batch_size: Any, row_shape: Any, name: str | None = None) -> Dataset:
        """Consecutive dense elements of different sizes, put together as a sparse tensor.

        Args:
          batch_size: how many.
          row_shape: the dense shape of an element; None or -1 for the largest of the batch.
        """
        from reflow.data.padding import sparse_batch

        return sparse_batch(self, batch_size, row_shape)

    def unbatch(self, name: str | None = None) -> Dataset:
        """The slices of each element along its first dimension.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.from_tensors([1, 2]).unbatch().as_numpy_iterator())
        [np.int32(1), np.int32(2)]
        """
        try:
            spec = structure.map_leaves(lambda leaf: leaf._unbatch(), self.element_spec)
        except ValueError as error:
            raise ValueError(f"{errors.user_site()}: {error}") from None
        return self._as_rows()._with_spec("_UnbatchDataset", spec, batching.unbatch_dataset)

    def _as_rows(self) -> Dataset:
        """The same elements, with sparse and ragged tensors as parts that have a row each."""
        leaves = self._structure.leaves
        if all(isinstance(leaf, (TensorSpec, NoneTensorSpec)) for leaf in leaves):
            return self

        def convert(*element: Any) -> Any:
            value = element if type(self.element_spec) is tuple else element[0]
            parts = [
                structure.to_rows(leaf, each)[0] if structure.part_specs(leaf) else each
                for each, leaf in zip(structure.flatten(value), leaves)
            ]
            return structure.pack(self.element_spec, parts)

        variants = self.map(convert)._variant_tensor
        return self._derive("_MapDataset", variants, self.element_spec, [self])

    def rebatch(
        self, batch_size: Any, drop_remainder: Any = False, name: str | None = None
    ) -> Dataset:
        """The rows of a data set of batches in batches of another size, or of several in turn.

        >>> import reflow as tf
        >>> for batch in tf.data.Dataset.range(6).batch(4).rebatch(3):
        ...     print(batch.numpy())
        [0 1 2]
        [3 4 5]
        """
        sizes = convert_to_tensor(batch_size, dtypes.int64, name="batch_size")
        known = constant_value(sizes)
        static = None
        if drop_remainder is True and known is not None and np.ndim(known) == 0:
            static = int(known)
        spec = structure.map_leaves(lambda leaf: leaf._unbatch()._batch(static), self.element_spec)
        drop = scalar(drop_remainder, dtypes.bool, "drop_remainder")
        return self._with_spec("_RebatchDataset", spec, batching.rebatch_dataset_v2, sizes, drop)

    def window(
        self,
        size: Any,
        shift: Any = None,
        stride: Any = 1,
        drop_remainder: Any = False,
        name: str | None = None,
    ) -> Dataset:
        """Data sets of `size` elements each: the windows.

        Args:
          size: how many elements a window has.
          shift: how far the next window begins after this one; `size` by default.
          stride: the distance of its elements in the input.
          drop_remainder: whether smaller windows at the end are left out.

        >>> import reflow as tf
        >>> for window in tf.data.Dataset.range(5).window(3, shift=2):
        ...     print(list(window.as_numpy_iterator()))
        [np.int64(0), np.int64(1), np.int64(2)]
        [np.int64(2), np.int64(3), np.int64(4)]
        [np.int64(4)]
        """
        spec = structure.map_leaves(DatasetSpec, self.element_spec)
        return self._with_spec(
            "_WindowDataset",
            spec,
            batching.window_dataset,
            scalar(size, dtypes.int64, "size"),
            scalar(size if shift is None else shift, dtypes.int64, "shift"),
            scalar(stride, dtypes.int64, "stride"),
            scalar(drop_remainder, dtypes.bool, "drop_remainder"),
        )
