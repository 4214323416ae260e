"""`tf.data.experimental`: https://www.tensorflow.org/api_docs/python/tf/data/experimental

Most of these became methods of `Dataset` later; they are the same methods here, as functions for
`Dataset.apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.data import holding, iterator_ops, reordering, structure
from reflow.data.dataset import Dataset
from reflow.data.dataset_v1 import DatasetV1
from reflow.data.element_function import scalar
from reflow.data.pipeline import Run
from reflow.data.seeds import seed_tensors
from reflow.lang import dtypes, errors
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.lang.sparse_tensor import SparseTensorSpec
from reflow.lang.type_spec import TensorSpec, TypeSpec
from reflow.ops import shape_rules
from reflow.ops.define import op

Transformation = Callable[[Dataset], Dataset]


# Methods as functions -----------------------------------------------------------------------------


@export("data.experimental.bucket_by_sequence_length")
def bucket_by_sequence_length(
    element_length_func: Callable,
    bucket_boundaries: Sequence[int],
    bucket_batch_sizes: Sequence[int],
    padded_shapes: Any = None,
    padding_values: Any = None,
    pad_to_bucket_boundary: bool = False,
    no_padding: bool = False,
    drop_remainder: bool = False,
) -> Transformation:
    """See `tf.data.Dataset.bucket_by_sequence_length`."""
    return lambda dataset: dataset.bucket_by_sequence_length(
        element_length_func,
        bucket_boundaries,
        bucket_batch_sizes,
        padded_shapes,
        padding_values,
        pad_to_bucket_boundary,
        no_padding,
        drop_remainder,
    )


@export("data.experimental.dense_to_ragged_batch")
def dense_to_ragged_batch(
    batch_size: Any, drop_remainder: bool = False, row_splits_dtype: Any = dtypes.int64
) -> Transformation:
    """See `tf.data.Dataset.ragged_batch`."""
    return lambda dataset: dataset.ragged_batch(batch_size, drop_remainder, row_splits_dtype)


@export("data.experimental.dense_to_sparse_batch")
def dense_to_sparse_batch(batch_size: Any, row_shape: Any) -> Transformation:
    """See `tf.data.Dataset.sparse_batch`."""
    return lambda dataset: dataset.sparse_batch(batch_size, row_shape)


@export("data.experimental.enumerate_dataset")
def enumerate_dataset(start: Any = 0) -> Transformation:
    """See `tf.data.Dataset.enumerate`."""
    return lambda dataset: dataset.enumerate(start)


@export("data.experimental.group_by_window")
def group_by_window(
    key_func: Callable,
    reduce_func: Callable,
    window_size: Any = None,
    window_size_func: Callable | None = None,
) -> Transformation:
    """See `tf.data.Dataset.group_by_window`."""
    return lambda dataset: dataset.group_by_window(
        key_func, reduce_func, window_size, window_size_func
    )


@export("data.experimental.ignore_errors")
def ignore_errors(log_warning: bool = False) -> Transformation:
    """See `tf.data.Dataset.ignore_errors`."""
    return lambda dataset: dataset.ignore_errors(log_warning)


@export("data.experimental.map_and_batch")
def map_and_batch(
    map_func: Callable,
    batch_size: Any,
    num_parallel_batches: Any = None,
    drop_remainder: Any = False,
    num_parallel_calls: Any = None,
) -> Transformation:
    """`map`, then `batch`.

    >>> import reflow as tf
    >>> both = tf.data.experimental.map_and_batch(lambda x: x + 1, 2)
    >>> print(next(iter(tf.data.Dataset.range(4).apply(both))).numpy())
    [1 2]
    """
    if num_parallel_batches is not None and num_parallel_calls is not None:
        raise ValueError(
            f"{errors.user_site()}: `map_and_batch` allows only one of `num_parallel_batches` and "
            "`num_parallel_calls` to be set, but both were."
        )
    parallel = num_parallel_calls
    if num_parallel_batches is not None:
        parallel = batch_size * num_parallel_batches

    def apply(dataset: Dataset) -> Dataset:
        return dataset.map(map_func, parallel).batch(batch_size, drop_remainder)

    return apply


@export(v1=("data.experimental.map_and_batch_with_legacy_function",))
def map_and_batch_with_legacy_function(
    map_func: Callable,
    batch_size: Any,
    num_parallel_batches: Any = None,
    drop_remainder: Any = False,
    num_parallel_calls: Any = None,
) -> Transformation:
    """As `map_and_batch`: there is one way to trace functions here."""
    return map_and_batch(
        map_func, batch_size, num_parallel_batches, drop_remainder, num_parallel_calls
    )


@export("data.experimental.parallel_interleave")
def parallel_interleave(
    map_func: Callable,
    cycle_length: Any,
    block_length: Any = 1,
    sloppy: bool | None = False,
    buffer_output_elements: Any = None,
    prefetch_input_elements: Any = None,
) -> Transformation:
    """`interleave`, always in the deterministic order.

    >>> import reflow as tf
    >>> repeat = lambda x: tf.data.Dataset.from_tensors(x).repeat(2)
    >>> both = tf.data.experimental.parallel_interleave(repeat, cycle_length=2)
    >>> [int(x) for x in tf.data.Dataset.range(2).apply(both)]
    [0, 1, 0, 1]
    """
    return lambda dataset: dataset.interleave(map_func, cycle_length, block_length)


@export("data.experimental.rejection_resample")
def rejection_resample(
    class_func: Callable, target_dist: Any, initial_dist: Any = None, seed: Any = None
) -> Transformation:
    """See `tf.data.Dataset.rejection_resample`."""
    return lambda dataset: dataset.rejection_resample(class_func, target_dist, initial_dist, seed)


@export("data.experimental.scan")
def scan(initial_state: Any, scan_func: Callable) -> Transformation:
    """See `tf.data.Dataset.scan`."""
    return lambda dataset: dataset.scan(initial_state, scan_func)


@export("data.experimental.shuffle_and_repeat")
def shuffle_and_repeat(buffer_size: Any, count: Any = None, seed: Any = None) -> Transformation:
    """`shuffle`, then `repeat`.

    >>> import reflow as tf
    >>> both = tf.data.experimental.shuffle_and_repeat(3, count=2, seed=1)
    >>> sorted(int(x) for x in tf.data.Dataset.range(2).apply(both))
    [0, 0, 1, 1]
    """

    def apply(dataset: Dataset) -> Dataset:
        first, second = seed_tensors(seed)
        return dataset._same(
            "_ShuffleAndRepeatDataset",
            reordering.shuffle_and_repeat_dataset,
            scalar(buffer_size, dtypes.int64, "buffer_size"),
            first,
            second,
            scalar(-1 if count is None else count, dtypes.int64, "count"),
        )

    return apply


@export("data.experimental.snapshot")
def snapshot(
    path: str, compression: str = "AUTO", reader_func: Any = None, shard_func: Any = None
) -> Transformation:
    """See `tf.data.Dataset.snapshot`."""
    return lambda dataset: dataset.snapshot(path, compression, reader_func, shard_func)


@export("data.experimental.take_while")
def take_while(predicate: Callable) -> Transformation:
    """See `tf.data.Dataset.take_while`."""
    return lambda dataset: dataset.take_while(predicate)


@export("data.experimental.unbatch")
def unbatch() -> Transformation:
    """See `tf.data.Dataset.unbatch`."""
    return lambda dataset: dataset.unbatch()


@export("data.experimental.unique")
def unique() -> Transformation:
    """See `tf.data.Dataset.unique`."""
    return lambda dataset: dataset.unique()


@export("data.experimental.choose_from_datasets")
def choose_from_datasets(
    datasets: Sequence[Dataset], choice_dataset: Dataset, stop_on_empty_dataset: bool = False
) -> Dataset:
    """See `tf.data.Dataset.choose_from_datasets`."""
    return datasets[0]._family.choose_from_datasets(datasets, choice_dataset, stop_on_empty_dataset)


@export("data.experimental.sample_from_datasets")
def sample_from_datasets(
    datasets: Sequence[Dataset],
    weights: Any = None,
    seed: Any = None,
    stop_on_empty_dataset: bool = False,
) -> Dataset:
    """See `tf.data.Dataset.sample_from_datasets`."""
    return datasets[0]._family.sample_from_datasets(datasets, weights, seed, stop_on_empty_dataset)


@export(v2=("data.experimental.Counter",))
def Counter(start: Any = 0, step: Any = 1, dtype: Any = dtypes.int64) -> Dataset:
    """See `tf.data.Dataset.counter`."""
    return Dataset.counter(start, step, dtype)


@export(v1=("data.experimental.Counter",))
def CounterV1(start: Any = 0, step: Any = 1, dtype: Any = dtypes.int64) -> Dataset:
    """See `tf.data.Dataset.counter`."""
    return DatasetV1.counter(start, step, dtype)


@export(v2=("data.experimental.RandomDataset",))
class RandomDataset(Dataset):
    """See `tf.data.Dataset.random`."""

    def __init__(
        self,
        seed: Any = None,
        rerandomize_each_iteration: bool | None = None,
        name: str | None = None,
    ):
        made = Dataset.random(seed, rerandomize_each_iteration)
        super().__init__(made._variant_tensor, made.element_spec, "RandomDataset")


@export(v1=("data.experimental.RandomDataset",))
class RandomDatasetV1(DatasetV1):
    """See `tf.data.Dataset.random`."""

    def __init__(
        self,
        seed: Any = None,
        rerandomize_each_iteration: bool | None = None,
        name: str | None = None,
    ):
        made = DatasetV1.random(seed, rerandomize_each_iteration)
        super().__init__(made._variant_tensor, made.element_spec, "RandomDataset")


@export("data.experimental.from_list")
def from_list(elements: Sequence[Any], name: str | None = None) -> Dataset:
    """A data set of the elements of a list, which must be of one structure.

    >>> import reflow as tf
    >>> list(tf.data.experimental.from_list([(1, "a"), (2, "b")]).as_numpy_iterator())
    [(np.int32(1), b'a'), (np.int32(2), b'b')]
    """
    if not isinstance(elements, list):
        raise TypeError(f"{errors.user_site()}: Invalid `elements`. `elements` must be a list.")
    if not elements:
        raise ValueError(
            f"{errors.user_site()}: Invalid `elements`. `elements` should not be empty."
        )
    rows = [structure.flatten(each) for each in elements]
    if any(len(row) != len(rows[0]) for row in rows):
        raise ValueError(f"{errors.user_site()}: the elements of the list must have one structure")
    columns = [list(column) for column in zip(*rows)]
    return Dataset.from_tensor_slices(structure.pack(elements[0], columns))


# Reducing -----------------------------------------------------------------------------------------


@export("data.experimental.Reducer")
class Reducer:
    """Three functions: the state to begin with, the next state, the result.

    Args:
      init_func: from a key to a state.
      reduce_func: from a state and an element to a state.
      finalize_func: from a state to a result.
    """

    def __init__(self, init_func: Callable, reduce_func: Callable, finalize_func: Callable):
        self._init_func = init_func
        self._reduce_func = reduce_func
        self._finalize_func = finalize_func

    @property
    def init_func(self) -> Callable:
        return self._init_func

    @property
    def reduce_func(self) -> Callable:
        return self._reduce_func

    @property
    def finalize_func(self) -> Callable:
        return self._finalize_func


@export("data.experimental.group_by_reducer")
def group_by_reducer(key_func: Callable, reducer: Reducer) -> Transformation:
    """For each key one element: what a `Reducer` makes of the elements with that key.

    >>> import numpy as np, reflow as tf
    >>> total = tf.data.experimental.Reducer(
    ...     lambda key: np.int64(0), lambda state, x: state + x, lambda state: state)
    >>> sums = tf.data.experimental.group_by_reducer(lambda x: x % 2, total)
    >>> [int(x) for x in tf.data.Dataset.range(5).apply(sums)]
    [6, 4]
    """
    from reflow.data import stateful

    return lambda dataset: stateful.group_by_reducer(dataset, key_func, reducer)


# What is known ------------------------------------------------------------------------------------


@export("data.experimental.cardinality")
def cardinality(dataset: Dataset) -> Any:
    """See `tf.data.Dataset.cardinality`."""
    return dataset.cardinality()


@export("data.experimental.get_single_element")
def get_single_element(dataset: Dataset) -> Any:
    """See `tf.data.Dataset.get_single_element`."""
    return dataset.get_single_element()


@export("data.experimental.assert_cardinality")
def assert_cardinality(expected_cardinality: Any) -> Transformation:
    """Says how many elements there are; fails while iterating when it is not so.

    >>> import reflow as tf
    >>> odd = tf.data.Dataset.range(4).filter(lambda x: x % 2 == 1)
    >>> len(odd.apply(tf.data.experimental.assert_cardinality(2)))
    2
    """

    def apply(dataset: Dataset) -> Dataset:
        return dataset._same(
            "_AssertCardinalityDataset",
            holding.assert_cardinality_dataset,
            scalar(expected_cardinality, dtypes.int64, "expected_cardinality"),
        )

    return apply


@export(v2=("data.experimental.at",))
def at(dataset: Dataset, index: Any) -> Any:
    """The element of a data set with a number.

    Raises:
      tf.errors.OutOfRangeError: if there is none.

    >>> import reflow as tf
    >>> tf.data.experimental.at(tf.data.Dataset.range(5), 3).numpy()
    np.int64(3)
    """
    parts = iterator_ops.single(
        iterator_ops.get_element_at_index,
        dataset._variant_tensor,
        scalar(index, dtypes.int64, "index"),
        **dataset._structure.attrs,
    )
    return dataset._structure.from_parts(parts)


@export("data.experimental.to_variant")
def to_variant(dataset: Dataset) -> Any:
    """The tensor of dtype variant that a data set is."""
    return dataset._variant_tensor


@export("data.experimental.from_variant")
def from_variant(variant: Any, structure: Any) -> Dataset:
    """The data set that a tensor of dtype variant is, with a given element spec."""
    return Dataset(variant, structure)


@export("data.experimental.pad_to_cardinality")
def pad_to_cardinality(cardinality: Any, mask_key: str = "valid") -> Transformation:
    """Appends elements of zeros until there are `cardinality`; a component says which are real.

    Args:
      cardinality: how many elements there are to be.
      mask_key: the key of that component in the elements, which must be dictionaries.
    """

    def apply(dataset: Dataset) -> Dataset:
        spec = dataset.element_spec
        size = int(dataset.cardinality())
        if size < 0:
            raise ValueError(
                f"{errors.user_site()}: The dataset passed into `pad_to_cardinality` must have a known "
                f"cardinality, but has cardinality {size}"
            )
        if size > cardinality:
            raise ValueError(
                f"{errors.user_site()}: The dataset passed into `pad_to_cardinality` must have a cardinality "
                f"less than the target cardinality ({cardinality}), but has cardinality {size}"
            )
        if not isinstance(spec, dict):
            raise ValueError(
                f"{errors.user_site()}: `pad_to_cardinality` requires elements to be dictionaries"
            )
        if mask_key in spec:
            raise ValueError(
                f"{errors.user_site()}: `mask_key` '{mask_key}' already exists in the dataset's elements"
            )
        from reflow.lang.opdef import REGISTRY

        def valid(x: Any) -> Any:
            return {**x, mask_key: REGISTRY["Identity"](True)}

        def empty(x: Any) -> Any:
            zeros = structure.map_leaves(lambda t: REGISTRY["ZerosLike"](t), x)
            return {**zeros, mask_key: REGISTRY["Identity"](False)}

        more = dataset.take(1).repeat(cardinality - size).map(empty)
        return dataset.map(valid).concatenate(more).apply(assert_cardinality(cardinality))

    return apply


# Devices ------------------------------------------------------------------------------------------


@export("data.experimental.copy_to_device")
def copy_to_device(target_device: str, source_device: str = "/cpu:0") -> Transformation:
    """The elements as they are: executables move their arguments to where they run.

    Args:
      target_device: the name of a device.
      source_device: where the data set runs.
    """
    return lambda dataset: dataset


@export("data.experimental.prefetch_to_device")
def prefetch_to_device(device: str, buffer_size: Any = None) -> Transformation:
    """`prefetch`: executables move their arguments to where they run.

    Args:
      device: the name of a device.
      buffer_size: at most how many elements are held; chosen if not said.
    """
    return lambda dataset: dataset.prefetch(-1 if buffer_size is None else buffer_size)


# TF 1's structures --------------------------------------------------------------------------------


@export(v1=("data.experimental.TensorStructure",))
def TensorStructure(dtype: Any, shape: Any) -> TypeSpec:
    """TF 1's name for `tf.TensorSpec`."""
    return TensorSpec(shape, as_dtype(dtype))


@export(v1=("data.experimental.SparseTensorStructure",))
def SparseTensorStructure(dtype: Any, shape: Any) -> TypeSpec:
    """TF 1's name for `tf.SparseTensorSpec`."""
    return SparseTensorSpec(shape, as_dtype(dtype))


# Files --------------------------------------------------------------------------------------------


@op(
    "DatasetToTFRecord(input_dataset: variant, filename: string, compression_type: string) -> ",
    shape=shape_rules.none,
    grad=None,
    stateful=True,
    compile=False,
)
def dataset_to_tf_record(ctx, input_dataset, filename, compression_type):
    """Writes the elements of a data set, scalar strings, to a TFRecord file."""
    from reflow.formats.tfrecord import TFRecordWriter as Writer

    name, compression = (each.item().decode() for each in (filename, compression_type))
    with Writer(name, compression or None) as writer:
        for (record,) in input_dataset.iterate(Run(ctx.store)):
            writer.write(record.item())
    return ()


@export("data.experimental.TFRecordWriter")
class TFRecordWriter:
    """Writes a data set of strings to a TFRecord file.

    Args:
      filename: the path.
      compression_type: "", "ZLIB" or "GZIP".

    >>> import pathlib, tempfile, reflow as tf
    >>> path = str(pathlib.Path(tempfile.mkdtemp(), "records"))
    >>> dataset = tf.data.Dataset.from_tensor_slices(["a", "b"])
    >>> tf.data.experimental.TFRecordWriter(path).write(dataset)
    >>> list(tf.data.TFRecordDataset(path).as_numpy_iterator())
    [b'a', b'b']
    """

    def __init__(self, filename: Any, compression_type: Any = None):
        self._filename = scalar(filename, dtypes.string, "filename")
        self._compression = scalar(compression_type or "", dtypes.string, "compression_type")

    def write(self, dataset: Dataset) -> Any:
        """Writes the elements; in a graph, the node that does.

        Raises:
          TypeError: if the elements are no scalar strings.
        """
        if not isinstance(dataset, Dataset) or not TensorSpec([], dtypes.string).is_compatible_with(
            dataset.element_spec
        ):
            raise TypeError(
                f"{errors.user_site()}: `dataset` must be a tf.data.Dataset of scalar strings, got {dataset!r:.200}"
            )
        return dataset_to_tf_record(dataset._variant_tensor, self._filename, self._compression)
