"""`tf.data.Dataset`: https://www.tensorflow.org/api_docs/python/tf/data/Dataset"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.data import (
    combining,
    fingerprint,
    grouping,
    holding,
    iterator_ops,
    mapping,
    reordering,
    snapshot,
)
from reflow.data.dataset_base import DatasetBase, common_spec, deterministic_attr, inner_spec
from reflow.data.dataset_batches import DatasetBatches
from reflow.data.dataset_sources import DatasetSources
from reflow.data.element_function import ElementFunction, scalar
from reflow.data.options import AUTOTUNE
from reflow.data.seeds import seed_tensors
from reflow.data.structure import Structure
from reflow.lang import dtypes, errors
from reflow.lang.context import current_graph
from reflow.lang.export import export
from reflow.lang.foreign_names import known_as
from reflow.lang.type_spec import TensorSpec


@known_as("tensorflow.python.data.ops.dataset_ops", "DatasetV2")
@export(v2=("data.Dataset",))
class Dataset(DatasetSources, DatasetBatches):
    """A sequence of elements, made one after the other as they are asked for.

    An element is a tensor, or a structure of tensors: tuples, dictionaries, named tuples. Methods make
    new data sets; nothing runs before somebody iterates.

    https://www.tensorflow.org/guide/data

    >>> import reflow as tf
    >>> dataset = tf.data.Dataset.range(5).map(lambda x: x * x).batch(2)
    >>> for batch in dataset:
    ...     print(batch.numpy())
    [0 1]
    [4 9]
    [16]
    """

    # Order and number ----------------------------------------------------------------------------

    def take(self, count: Any, name: str | None = None) -> Dataset:
        """The first `count` elements; all when that is -1.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(9).take(2).as_numpy_iterator())
        [np.int64(0), np.int64(1)]
        """
        count = scalar(count, dtypes.int64, "count")
        return self._same("_TakeDataset", reordering.take_dataset, count)

    def skip(self, count: Any, name: str | None = None) -> Dataset:
        """The elements after the first `count`; none when that is -1.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(9).skip(7).as_numpy_iterator())
        [np.int64(7), np.int64(8)]
        """
        count = scalar(count, dtypes.int64, "count")
        return self._same("_SkipDataset", reordering.skip_dataset, count)

    def repeat(self, count: Any = None, name: str | None = None) -> Dataset:
        """The elements `count` times over; without an end when that is None or -1.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(2).repeat(2).as_numpy_iterator())
        [np.int64(0), np.int64(1), np.int64(0), np.int64(1)]
        """
        count = scalar(-1 if count is None else count, dtypes.int64, "count")
        return self._same("_RepeatDataset", reordering.repeat_dataset, count)

    def shard(self, num_shards: Any, index: Any, name: str | None = None) -> Dataset:
        """Every `num_shards`-th element, from the one with the number `index` on.

        Raises:
          tf.errors.InvalidArgumentError: if `index` is not below `num_shards`.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(6).shard(3, 1).as_numpy_iterator())
        [np.int64(1), np.int64(4)]
        """
        return self._same(
            "_ShardDataset",
            reordering.shard_dataset,
            scalar(num_shards, dtypes.int64, "num_shards"),
            scalar(index, dtypes.int64, "index"),
        )

    def shuffle(
        self,
        buffer_size: Any,
        seed: Any = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """The elements in random order: each is drawn from a buffer of those that come next.

        Args:
          buffer_size: how many elements the buffer holds; `tf.data.UNKNOWN_CARDINALITY` for all.
          seed: an integer: the order is then that of TensorFlow with this seed.
          reshuffle_each_iteration: whether each iteration has another order.

        >>> import reflow as tf
        >>> sorted(int(x) for x in tf.data.Dataset.range(5).shuffle(20, seed=7))
        [0, 1, 2, 3, 4]
        """
        size = scalar(buffer_size, dtypes.int64, "buffer_size")
        first, second = seed_tensors(seed)
        again = reshuffle_each_iteration is None or bool(reshuffle_each_iteration)
        graph: Any = current_graph()
        if graph is None or graph.building_function:
            return self._same(
                "_ShuffleDataset",
                reordering.shuffle_dataset_v3,
                size,
                first,
                second,
                iterator_ops.dummy_seed_generator(),
                reshuffle_each_iteration=again,
            )
        return self._same(
            "_ShuffleDataset",
            reordering.shuffle_dataset,
            size,
            first,
            second,
            reshuffle_each_iteration=again,
        )

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """The elements of this data set, then those of another.

        Raises:
          TypeError: if their elements are not of one kind.

        >>> import reflow as tf
        >>> a = tf.data.Dataset.range(2)
        >>> list(a.concatenate(a).as_numpy_iterator())
        [np.int64(0), np.int64(1), np.int64(0), np.int64(1)]
        """
        spec = common_spec([self, dataset], "concatenate")
        variant = combining.concatenate_dataset(
            self._variant_tensor, dataset._variant_tensor, **Structure(spec).attrs
        )
        return self._derive("_ConcatenateDataset", variant, spec, [self, dataset])

    def enumerate(self, start: Any = 0, name: str | None = None) -> Dataset:
        """Pairs of a number, which counts from `start`, and an element.

        >>> import reflow as tf
        >>> for i, x in tf.data.Dataset.from_tensor_slices([7, 8]).enumerate(5):
        ...     print(i.numpy(), x.numpy())
        5 7
        6 8
        """
        return self._family.zip((self._family.range(start, dtypes.int64.max), self))

    def unique(self, name: str | None = None) -> Dataset:
        """The elements, each once, in the order in which they first come.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.from_tensor_slices([1, 2, 1]).unique().as_numpy_iterator())
        [np.int32(1), np.int32(2)]
        """
        if len(self._structure.types) != 1:
            raise TypeError(
                f"{errors.user_site()}: unique() takes data sets whose elements are single tensors, not "
                f"{self.element_spec}"
            )
        return self._same("_UniqueDataset", grouping.unique_dataset)

    # Functions of elements -----------------------------------------------------------------------

    def map(
        self,
        map_func: Callable,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """The results of a function for each element.

        Args:
          map_func: a function of the components of an element; it is traced once.
          num_parallel_calls: how many elements may be worked on at a time; `tf.data.AUTOTUNE`.
          deterministic: results come in the elements' order, whatever this says.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(3).map(lambda x: x + 1).as_numpy_iterator())
        [np.int64(1), np.int64(2), np.int64(3)]
        """
        function = self._traced(map_func, "map")
        if synchronous and num_parallel_calls is not None:
            raise ValueError(
                f"{errors.user_site()}: `synchronous` is not supported with `num_parallel_calls`, but "
                f"num_parallel_calls was set to {num_parallel_calls}"
            )
        if num_parallel_calls is None:
            return self._with_spec(
                "_MapDataset",
                function.output.spec,
                mapping.map_dataset,
                function.captured,
                f=function.graph,
                preserve_cardinality=True,
                force_synchronous=bool(synchronous),
            )
        return self._with_spec(
            "_ParallelMapDataset",
            function.output.spec,
            mapping.parallel_map_dataset_v2,
            function.captured,
            scalar(num_parallel_calls, dtypes.int64, "num_parallel_calls"),
            f=function.graph,
            deterministic=deterministic_attr(deterministic),
            preserve_cardinality=True,
            use_unbounded_threadpool=use_unbounded_threadpool,
        )

    def filter(self, predicate: Callable, name: str | None = None) -> Dataset:
        """The elements for which a function is true.

        Raises:
          ValueError: if the function does not give a scalar of dtype bool.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(5).filter(lambda x: x > 2).as_numpy_iterator())
        [np.int64(3), np.int64(4)]
        """
        function = self._predicate(predicate, "filter")
        return self._same(
            "_FilterDataset", mapping.filter_dataset, function.captured, predicate=function.graph
        )

    def take_while(self, predicate: Callable, name: str | None = None) -> Dataset:
        """The elements up to the first for which a function is false.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(9).take_while(lambda x: x < 2).as_numpy_iterator())
        [np.int64(0), np.int64(1)]
        """
        function = self._predicate(predicate, "take_while")
        return self._same(
            "_TakeWhileDataset",
            mapping.take_while_dataset,
            function.captured,
            predicate=function.graph,
        )

    def _predicate(self, predicate: Callable, what: str) -> ElementFunction:
        function = self._traced(predicate, what)
        found = function.output.spec
        if not isinstance(found, TensorSpec) or not found.is_compatible_with(
            TensorSpec([], dtypes.bool)
        ):
            raise ValueError(
                f"{errors.user_site()}: Invalid `predicate`. `predicate` must return a `tf.bool` scalar "
                f"tensor, but its return type is {found}."
            )
        return function

    def flat_map(self, map_func: Callable, name: str | None = None) -> Dataset:
        """The elements of the data sets that a function gives, one data set after the other.

        >>> import reflow as tf
        >>> ranges = tf.data.Dataset.range(1, 3).flat_map(tf.data.Dataset.range)
        >>> list(ranges.as_numpy_iterator())
        [np.int64(0), np.int64(0), np.int64(1)]
        """
        function = self._traced(map_func, "flat_map")
        return self._with_spec(
            "_FlatMapDataset",
            inner_spec(function, "flat_map"),
            mapping.flat_map_dataset,
            function.captured,
            f=function.graph,
        )

    def interleave(
        self,
        map_func: Callable,
        cycle_length: Any = None,
        block_length: Any = None,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of the data sets that a function gives, from some of them in turn.

        Args:
          map_func: a function of an element that returns a data set.
          cycle_length: from how many at a time; the number of processors by default.
          block_length: how many elements of one, before those of the next; 1 by default.
          num_parallel_calls: how many may be read at a time.

        >>> import reflow as tf
        >>> dataset = tf.data.Dataset.range(1, 4).interleave(
        ...     lambda x: tf.data.Dataset.from_tensors(x).repeat(2), cycle_length=2)
        >>> [int(x) for x in dataset]
        [1, 2, 1, 2, 3, 3]
        """
        function = self._traced(map_func, "interleave")
        spec = inner_spec(function, "interleave")
        cycle = AUTOTUNE if cycle_length is None else cycle_length
        block = 1 if block_length is None else block_length
        lengths = (
            scalar(cycle, dtypes.int64, "cycle_length"),
            scalar(block, dtypes.int64, "block_length"),
        )
        if num_parallel_calls is None:
            return self._with_spec(
                "_InterleaveDataset",
                spec,
                mapping.interleave_dataset,
                function.captured,
                *lengths,
                f=function.graph,
            )
        return self._with_spec(
            "_ParallelInterleaveDataset",
            spec,
            mapping.parallel_interleave_dataset_v4,
            function.captured,
            *lengths,
            scalar(AUTOTUNE, dtypes.int64, "buffer_output_elements"),
            scalar(AUTOTUNE, dtypes.int64, "prefetch_input_elements"),
            scalar(num_parallel_calls, dtypes.int64, "num_parallel_calls"),
            f=function.graph,
            deterministic=deterministic_attr(deterministic),
        )

    def scan(self, initial_state: Any, scan_func: Callable, name: str | None = None) -> Dataset:
        """The results of a function of a state and an element, which also gives the next state.

        Args:
          initial_state: a structure of tensors.
          scan_func: from a state and an element to a pair of the next state and a result.

        >>> import reflow as tf
        >>> sums = tf.data.Dataset.range(4).scan(tf.constant(0, tf.int64),
        ...                                      lambda s, x: (s + x, s + x))
        >>> [int(x) for x in sums]
        [0, 1, 3, 6]
        """
        from reflow.data.stateful import scan

        return scan(self, initial_state, scan_func)

    def reduce(self, initial_state: Any, reduce_func: Callable, name: str | None = None) -> Any:
        """The state after `state = reduce_func(state, element)` for all elements.

        >>> import numpy as np, reflow as tf
        >>> tf.data.Dataset.range(5).reduce(np.int64(0), lambda s, x: s + x).numpy()
        np.int64(10)
        """
        from reflow.data.stateful import reduce

        return reduce(self, initial_state, reduce_func)

    def group_by_window(
        self,
        key_func: Callable,
        reduce_func: Callable,
        window_size: Any = None,
        window_size_func: Callable | None = None,
        name: str | None = None,
    ) -> Dataset:
        """What a function makes of windows of consecutive elements with one key.

        Args:
          key_func: from an element to an int64 scalar.
          reduce_func: from a key and a data set of elements to a data set.
          window_size: how many elements a window has.
          window_size_func: from a key to that number, in place of it.

        >>> import reflow as tf
        >>> dataset = tf.data.Dataset.range(6).group_by_window(
        ...     lambda x: x % 2, lambda key, window: window.batch(3), window_size=3)
        >>> for batch in dataset:
        ...     print(batch.numpy())
        [0 2 4]
        [1 3 5]
        """
        from reflow.data.stateful import group_by_window

        return group_by_window(self, key_func, reduce_func, window_size, window_size_func)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable,
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Batches of elements of similar length, padded.

        Args:
          element_length_func: from an element to its length, an int32 scalar.
          bucket_boundaries: the upper ends of the buckets, which are not part of them.
          bucket_batch_sizes: the batch size of each; one more than boundaries.
          padded_shapes, padding_values: as for `padded_batch`.
          pad_to_bucket_boundary: whether to pad to the end of the bucket, not to the longest.
          no_padding: whether not to pad, for sparse or equal elements.
          drop_remainder: whether smaller batches at the end are left out.
        """
        from reflow.data.bucketing import bucket_by_sequence_length

        return bucket_by_sequence_length(
            self,
            element_length_func,
            bucket_boundaries,
            bucket_batch_sizes,
            padded_shapes,
            padding_values,
            pad_to_bucket_boundary,
            no_padding,
            drop_remainder,
        )

    def rejection_resample(
        self,
        class_func: Callable,
        target_dist: Any,
        initial_dist: Any = None,
        seed: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """Pairs of class and element, in which classes come as often as is asked for.

        Args:
          class_func: from an element to its class, an int32 scalar.
          target_dist: the probabilities of the classes that are wanted.
          initial_dist: those of the input; estimated as it goes if not given.
          seed: for the choice of what is left out.
        """
        from reflow.data.sampling import rejection_resample

        return rejection_resample(self, class_func, target_dist, initial_dist, seed)

    # Holding -------------------------------------------------------------------------------------
    def prefetch(self, buffer_size: Any, name: str | None = None) -> Dataset:
        """The elements, made by a thread ahead of the consumer.

        Args:
          buffer_size: at most how many are held; `tf.data.AUTOTUNE`.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(2).prefetch(tf.data.AUTOTUNE).as_numpy_iterator())
        [np.int64(0), np.int64(1)]
        """
        size = scalar(AUTOTUNE if buffer_size is None else buffer_size, dtypes.int64, "buffer_size")
        return self._same("_PrefetchDataset", holding.prefetch_dataset, size)

    def cache(self, filename: Any = "", name: str | None = None) -> Dataset:
        """The elements, kept after the first complete iteration.

        Args:
          filename: where; in memory when it is empty.

        >>> import reflow as tf
        >>> dataset = tf.data.Dataset.range(3).cache()
        >>> len(list(dataset)), len(list(dataset))
        (3, 3)
        """
        where = scalar(filename, dtypes.string, "filename")
        return self._same("CacheDataset", holding.cache_dataset, where)

    def save(
        self,
        path: str,
        compression: str | None = None,
        shard_func: Callable | None = None,
        checkpoint_args: Any = None,
    ) -> None:
        """Writes the elements to files, which `load` and TensorFlow read; eagerly.

        Args:
          path: a directory.
          compression: None, or "GZIP".
          shard_func: from an element to the number of the shard that it goes to; by default all go to 0.
          checkpoint_args: not there yet.

        >>> import tempfile
        >>> import reflow as tf
        >>> path = tempfile.mkdtemp()
        >>> tf.data.Dataset.range(3).save(path)
        >>> [int(x) for x in tf.data.Dataset.load(path)]
        [0, 1, 2]
        """
        from reflow.data.saved import save

        save(self, path, compression, shard_func, checkpoint_args)

    def snapshot(
        self,
        path: str,
        compression: str = "AUTO",
        reader_func: Callable | None = None,
        shard_func: Callable | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements, kept in files after the first complete iteration, and then read from them.

        A later program with an equal pipeline reads them too; with another one, it makes another
        snapshot below the same path. What variables and tables hold is no part of that.

        Args:
          path: a directory.
          compression: None, "GZIP", or "AUTO", which is GZIP.
          reader_func: from the data set of the shards, which are data sets, to that of the elements; by
            default one shard after the other.
          shard_func: from an element to the number of the shard that it goes to, an int64; by default 0.

        Raises:
          tf.errors.UnimplementedError: for elements that are no tensors.

        >>> import tempfile
        >>> import reflow as tf
        >>> dataset = tf.data.Dataset.range(3).map(lambda x: 2 * x).snapshot(tempfile.mkdtemp())
        >>> [int(x) for x in dataset], [int(x) for x in dataset]
        ([0, 2, 4], [0, 2, 4])
        """
        return snapshot.snapshot(self, path, compression, reader_func, shard_func)

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Dataset:
        """The elements that come without an error.

        >>> import reflow as tf
        >>> dataset = tf.data.Dataset.from_tensor_slices([1.0, 0.0, 4.0])
        >>> dataset = dataset.map(lambda x: tf.debugging.check_numerics(1.0 / x, "bad"))
        >>> [float(x) for x in dataset.ignore_errors()]
        [1.0, 0.25]
        """
        return self._same(
            "_IgnoreErrorsDataset", holding.ignore_errors_dataset, log_warning=log_warning
        )

    def get_single_element(self, name: str | None = None) -> Any:
        """The element of a data set that has exactly one.

        Raises:
          tf.errors.InvalidArgumentError: if it has none, or more.

        >>> import reflow as tf
        >>> tf.data.Dataset.from_tensors(3).get_single_element().numpy()
        np.int32(3)
        """
        parts = iterator_ops.single(
            iterator_ops.dataset_to_single_element, self._variant_tensor, **self._structure.attrs
        )
        return self._structure.from_parts(parts)

    def fingerprint(self) -> Any:
        """A number that is the same for equal pipelines, and another one for others.

        >>> import reflow as tf
        >>> one, two = tf.data.Dataset.range(3).batch(2), tf.data.Dataset.range(3).batch(2)
        >>> bool(one.fingerprint() == two.fingerprint())
        True
        """
        return fingerprint.dataset_fingerprint(self._variant_tensor)


DatasetBase._family = Dataset
