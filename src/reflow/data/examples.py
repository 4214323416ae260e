"""Data sets of `tf.train.Example` records: `make_batched_features_dataset`, `parse_example_dataset`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.data.csv_files import shuffled_and_repeated
from reflow.data.dataset import Dataset
from reflow.data.dataset_v1 import as_v1
from reflow.data.files import TFRecordDataset
from reflow.lang import dtypes, errors
from reflow.lang.export import export
from reflow.lang.type_spec import TensorSpec


@export("data.experimental.parse_example_dataset")
def parse_example_dataset(
    features: dict[str, Any], num_parallel_calls: Any = 1, deterministic: bool | None = None
) -> Callable[[Dataset], Dataset]:
    """Parses batches of `Example` messages to dictionaries of tensors.

    Args:
      features: from names to `FixedLenFeature`, `VarLenFeature` and their kind: see
        `tf.io.parse_example`.
      num_parallel_calls: how many batches may be parsed at a time.

    Raises:
      ValueError: if there are no features.
    """
    if not features:
        raise ValueError(f"{errors.user_site()}: Argument `features` is missing.")

    def apply(dataset: Dataset) -> Dataset:
        from reflow.ops.io.features import parse_example

        spec = dataset.element_spec
        if not isinstance(spec, TensorSpec) or not spec.is_compatible_with(
            TensorSpec([None], dtypes.string)
        ):
            raise TypeError(
                f"{errors.user_site()}: Input dataset should be a dataset of vectors of strings. Instead it is "
                f"{spec}."
            )
        return dataset.map(
            lambda serialized: parse_example(serialized, features), num_parallel_calls
        )

    return apply


@export(v2=("data.experimental.make_batched_features_dataset",))
def make_batched_features_dataset(
    file_pattern: Any,
    batch_size: int,
    features: dict[str, Any],
    reader: Any = None,
    label_key: str | None = None,
    reader_args: Sequence[Any] | None = None,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    reader_num_threads: int | None = None,
    parser_num_threads: int | None = None,
    sloppy_ordering: bool = False,
    drop_final_batch: bool = False,
) -> Dataset:
    """Batches of the `Example` records of files, parsed to dictionaries of tensors.

    Args:
      file_pattern: a pattern, or a list of them.
      batch_size: how many records make a batch.
      features: from names to `FixedLenFeature` or `VarLenFeature`.
      reader: from a file name to a data set of records; `tf.data.TFRecordDataset` by default.
      label_key: the feature that is the label: elements are then pairs.
      reader_args: further arguments of `reader`.
      num_epochs: how often the files are gone through; without an end if not given.
      shuffle, shuffle_buffer_size, shuffle_seed: whether and how files and records are shuffled.
      prefetch_buffer_size: how many batches are held.
      reader_num_threads: from how many files at a time.
      parser_num_threads: how many batches may be parsed at a time.
      drop_final_batch: whether a smaller batch at the end is left out.

    Raises:
      ValueError: if the label is no feature.
      TypeError: if `reader` is a TF 1 reader class.
    """
    reader = TFRecordDataset if reader is None else reader
    if isinstance(reader, type) and not issubclass(reader, Dataset):
        raise TypeError(
            f"{errors.user_site()}: The `reader` argument must return a `Dataset` object, as "
            "tf.data.TFRecordDataset does; readers of TF 1 do not."
        )
    if label_key and label_key not in features:
        raise ValueError(
            f"{errors.user_site()}: The `label_key` provided ({label_key}) must be one of the `features` keys: "
            f"{list(features)}."
        )
    further = list(reader_args or ())
    files = Dataset.list_files(file_pattern, shuffle=shuffle, seed=shuffle_seed)
    dataset = files.interleave(
        lambda name: reader(name, *further), reader_num_threads or 1, block_length=1
    )
    if dataset.element_spec == (TensorSpec([], dtypes.string), TensorSpec([], dtypes.string)):
        dataset = dataset.map(lambda _, value: value)  # pairs of a key and a record
    dataset = shuffled_and_repeated(dataset, num_epochs, shuffle, shuffle_buffer_size, shuffle_seed)
    dataset = dataset.batch(batch_size, drop_remainder=drop_final_batch or num_epochs is None)
    parallel = 2 if parser_num_threads is None else parser_num_threads
    dataset = dataset.apply(parse_example_dataset(features, num_parallel_calls=parallel))
    if label_key:
        dataset = dataset.map(lambda parsed: (parsed, parsed.pop(label_key)))
    return dataset.prefetch(-1 if prefetch_buffer_size is None else prefetch_buffer_size)


@export(v1=("data.experimental.make_batched_features_dataset",))
def make_batched_features_dataset_v1(*args: Any, **kwargs: Any) -> Dataset:
    """See `tf.data.experimental.make_batched_features_dataset`."""
    return as_v1(make_batched_features_dataset(*args, **kwargs))
