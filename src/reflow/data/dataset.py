"""`tf.data.Dataset`: https://www.tensorflow.org/api_docs/python/tf/data/Dataset"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.data import (
    batching,
    combining,
    grouping,
    holding,
    iterator_ops,
    mapping,
    reordering,
    structure,
)
from reflow.data import sources as source_ops
from reflow.data.element_function import ElementFunction, as_structure, scalar
from reflow.data.options import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Options
from reflow.data.seeds import seed_tensors
from reflow.data.structure import Structure
from reflow.lang import dtypes, errors, shapes
from reflow.lang.context import current_graph, executing_eagerly
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.lang.foreign_names import known_as
from reflow.lang.shapes import TensorShape
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import (
    BatchableTypeSpec,
    CompositeTensor,
    NoneTensorSpec,
    TensorSpec,
    TypeSpec,
)


def _site() -> str:
    return errors.where(errors.user_frame())


@known_as("tensorflow.python.data.ops.dataset_ops", "DatasetV2")
@export(v2=("data.Dataset",))
class Dataset(CompositeTensor):
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

    _family: Any  # the class of the data sets that methods make

    def __init__(
        self,
        variant_tensor: Any,
        element_spec: Any = None,
        kind: str = "_VariantDataset",
        inputs: Sequence[Dataset] = (),
    ):
        self._variant_tensor_attr = variant_tensor
        self._structure = Structure(element_spec)
        self._kind = kind
        self._input_datasets = list(inputs)
        self._options_attr = Options()
        for each in inputs:
            self._options_attr = self._options_attr.merge(each.options())

    # What it is ----------------------------------------------------------------------------------

    @property
    def element_spec(self) -> Any:
        """The structure of the type specs of an element.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(3).batch(2).element_spec
        TensorSpec(shape=(None,), dtype=tf.int64, name=None)
        """
        return self._structure.spec

    @property
    def _variant_tensor(self) -> Any:
        return self._variant_tensor_attr

    @property
    def _type_spec(self) -> DatasetSpec:
        return DatasetSpec(self.element_spec)

    @property
    def _flat_structure(self) -> dict[str, Any]:
        return self._structure.attrs

    def _inputs(self) -> list[Dataset]:
        return list(self._input_datasets)

    def options(self) -> Options:
        """The options of this data set and its inputs."""
        return self._options_attr

    def with_options(self, options: Options, name: str | None = None) -> Dataset:
        """This data set with some options, which go before those it has.

        Args:
          options: a `tf.data.Options`.

        Raises:
          TypeError: if it is something else.
        """
        if not isinstance(options, Options):
            raise TypeError(f"{_site()}: `options` must be a tf.data.Options, got {options!r:.80}")
        result = self._derive("_OptionsDataset", self._variant_tensor, self.element_spec, [self])
        result._options_attr = self.options().merge(options)
        return result

    def cardinality(self) -> Any:
        """The number of elements, an int64 tensor: -1 for infinitely many, -2 where it is not known.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(5).batch(2).cardinality().numpy()
        np.int64(3)
        """
        return iterator_ops.dataset_cardinality(self._variant_tensor)

    def __len__(self) -> int:
        if not executing_eagerly():
            raise TypeError(
                f"{_site()}: `tf.data.Dataset` only supports `len` in eager mode. Use "
                "`tf.data.Dataset.cardinality()` instead."
            )
        size = int(self.cardinality().numpy())
        if size == INFINITE_CARDINALITY:
            raise TypeError(f"{_site()}: The dataset is infinite.")
        if size == UNKNOWN_CARDINALITY:
            raise TypeError(f"{_site()}: The dataset length is unknown.")
        return size

    def __bool__(self) -> bool:
        return True

    __nonzero__ = __bool__

    def __repr__(self) -> str:
        return f"<{self._kind} element_spec={self.element_spec}>"

    def __iter__(self) -> Any:
        from reflow.data.iterators import OwnedIterator

        graph: Any = current_graph()
        if graph is None or graph.building_function:
            return OwnedIterator(self)
        raise RuntimeError(
            f"{_site()}: `tf.data.Dataset` only supports Python-style iteration in eager mode or "
            "within tf.function. In a graph use tf.compat.v1.data.make_one_shot_iterator(dataset)."
        )

    def as_numpy_iterator(self) -> Any:
        """An iterator over the elements as NumPy arrays.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(3).as_numpy_iterator())
        [np.int64(0), np.int64(1), np.int64(2)]
        """
        from reflow.data.iterators import NumpyIterator

        if not executing_eagerly():
            raise RuntimeError(
                f"{_site()}: `tf.data.Dataset.as_numpy_iterator()` is only supported in eager mode."
            )
        return NumpyIterator(self)

    # Making others -------------------------------------------------------------------------------

    def _derive(self, kind: str, variant: Any, spec: Any, inputs: Sequence[Dataset]) -> Dataset:
        return self._family(variant, spec, kind, inputs)

    def _same(self, kind: str, opdef: Any, *args: Any, **attrs: Any) -> Dataset:
        """What an op with this one input gives, whose elements are like those of the input."""
        variant = opdef(self._variant_tensor, *args, **self._structure.attrs, **attrs)
        return self._derive(kind, variant, self.element_spec, [self])

    def _with_spec(self, kind: str, spec: Any, opdef: Any, *args: Any, **attrs: Any) -> Dataset:
        """What an op with this one input gives, whose elements have the given spec."""
        variant = opdef(self._variant_tensor, *args, **Structure(spec).attrs, **attrs)
        return self._derive(kind, variant, spec, [self])

    def _traced(self, function: Callable, what: str) -> ElementFunction:
        return ElementFunction(function, self._structure, what=what)

    @classmethod
    def _make(cls, kind: str, variant: Any, spec: Any, inputs: Sequence[Dataset] = ()) -> Dataset:
        return cls._family(variant, spec, kind, inputs)

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """What a function makes of this data set.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(9).apply(lambda ds: ds.skip(7)).as_numpy_iterator())
        [np.int64(7), np.int64(8)]
        """
        result = transformation_func(self)
        if not isinstance(result, Dataset):
            raise TypeError(
                f"{_site()}: `transformation_func` must return a `tf.data.Dataset` object. "
                f"Got {type(result)}."
            )
        return result

    # Beginnings ----------------------------------------------------------------------------------

    @classmethod
    def from_tensors(cls, tensors: Any, name: str | None = None) -> Dataset:
        """A data set of one element.

        Args:
          tensors: a structure of what converts to tensors.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.from_tensors([1, 2]).as_numpy_iterator())
        [array([1, 2], dtype=int32)]
        """
        element, spec = as_structure(tensors)
        variant = source_ops.tensor_dataset(
            spec.to_parts(element), Toutput_types=spec.types, output_shapes=spec.shapes
        )
        return cls._make("_TensorDataset", variant, spec.spec)

    @classmethod
    def from_tensor_slices(cls, tensors: Any, name: str | None = None) -> Dataset:
        """A data set of the slices of tensors along their first dimension, which must be the same.

        Raises:
          ValueError: if a tensor is a scalar, or first dimensions differ.

        >>> import reflow as tf
        >>> dataset = tf.data.Dataset.from_tensor_slices(([1, 2], {"a": [3.0, 4.0]}))
        >>> for x, d in dataset.as_numpy_iterator():
        ...     print(x, d["a"])
        1 3.0
        2 4.0
        """
        element, batched = as_structure(tensors)
        if not batched.types:
            raise ValueError(f"{_site()}: Invalid `tensors`. Empty tensors.")
        sizes = []
        for leaf in batched.leaves:
            if not isinstance(leaf, BatchableTypeSpec) and not hasattr(leaf, "_unbatch"):
                raise TypeError(f"{_site()}: {leaf.value_type.__name__} cannot be sliced")
            dims = getattr(leaf, "shape", shapes.UNKNOWN)._dims
            if dims:
                sizes.append(dims[0])
        known = [size for size in sizes if size is not None]
        for size in known[1:]:
            if size != known[0]:
                raise ValueError(
                    f"{_site()}: Dimensions {known[0]} and {size} are not compatible: the tensors "
                    "of from_tensor_slices must have the same first dimension."
                )
        try:
            spec = structure.map_leaves(lambda leaf: leaf._unbatch(), batched.spec)
        except ValueError as error:
            raise ValueError(f"{_site()}: {error}. (from_tensors takes scalars.)") from None
        sliced = Structure(spec)
        variant = source_ops.tensor_slice_dataset(
            batched.to_rows(element), Toutput_types=sliced.types, output_shapes=sliced.shapes
        )
        return cls._make("_TensorSliceDataset", variant, spec)

    @classmethod
    def range(cls, *args: Any, **kwargs: Any) -> Dataset:
        """A data set of numbers in equal steps, as Python's `range` has them.

        Args:
          *args: stop; or start, stop; or start, stop, step.
          output_type: their dtype, int64 if not said.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.range(1, 6, 2).as_numpy_iterator())
        [np.int64(1), np.int64(3), np.int64(5)]
        """
        output_type = as_dtype(kwargs.pop("output_type", dtypes.int64))
        kwargs.pop("name", None)
        if kwargs:
            raise TypeError(f"{_site()}: range() got unexpected arguments {sorted(kwargs)}")
        if not 1 <= len(args) <= 3:
            raise ValueError(
                f"{_site()}: Invalid `args`. The length of `args` should be between 1 and 3 but "
                f"was {len(args)}."
            )
        start, stop, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
        spec = TensorSpec([], output_type)
        variant = source_ops.range_dataset(
            scalar(start, dtypes.int64, "start"),
            scalar(stop, dtypes.int64, "stop"),
            scalar(step, dtypes.int64, "step"),
            **Structure(spec).attrs,
        )
        return cls._make("_RangeDataset", variant, spec)

    @classmethod
    def counter(
        cls, start: Any = 0, step: Any = 1, dtype: Any = dtypes.int64, name: str | None = None
    ) -> Dataset:
        """Numbers from `start` on in steps of `step`, without an end.

        >>> import reflow as tf
        >>> list(tf.data.Dataset.counter(2, 5).take(3).as_numpy_iterator())
        [np.int64(2), np.int64(7), np.int64(12)]
        """
        first = convert_to_tensor(start, dtype, name="start")
        by = convert_to_tensor(step, dtype, name="step")
        zeros = cls.from_tensors(0).repeat(None)
        return zeros.scan(first, lambda state, _: (state + by, state))

    @classmethod
    def random(
        cls,
        seed: Any = None,
        rerandomize_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Pseudo-random numbers of 32 bits, as int64, without an end.

        Args:
          seed: an integer.
          rerandomize_each_iteration: whether each iteration draws other numbers.

        >>> import reflow as tf
        >>> numbers = tf.data.Dataset.random(seed=4).take(2)
        >>> list(numbers.as_numpy_iterator()) == list(numbers.as_numpy_iterator())
        True
        """
        spec = TensorSpec([], dtypes.int64)
        first, second = seed_tensors(seed)
        variant = source_ops.random_dataset_v2(
            first,
            second,
            iterator_ops.dummy_seed_generator(),
            rerandomize_each_iteration=bool(rerandomize_each_iteration),
            **Structure(spec).attrs,
        )
        return cls._make("_RandomDataset", variant, spec)

    @classmethod
    def from_generator(
        cls,
        generator: Callable,
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """The values that a Python generator yields: see `tf.data.Dataset.from_generator`.

        Args:
          generator: a function that returns something to iterate over.
          output_types, output_shapes: structures of dtypes and shapes; `output_signature` is better.
          args: tensors, which the function gets as arrays.
          output_signature: a structure of type specs.

        >>> import reflow as tf
        >>> spec = tf.TensorSpec([], tf.int32)
        >>> dataset = tf.data.Dataset.from_generator(lambda: iter([7, 8]), output_signature=spec)
        >>> list(dataset.as_numpy_iterator())
        [np.int32(7), np.int32(8)]
        """
        from reflow.data.from_generator import from_generator

        return from_generator(cls, generator, output_types, output_shapes, args, output_signature)

    @classmethod
    def list_files(
        cls,
        file_pattern: Any,
        shuffle: bool | None = None,
        seed: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """The names of the files that match patterns.

        Args:
          file_pattern: a string, or a tensor or list of strings.
          shuffle: whether in random order, which is the default; else sorted.
          seed: for the order.

        Raises:
          tf.errors.InvalidArgumentError: if no file matches.
        """
        from reflow.data.files import list_files

        return list_files(cls, file_pattern, shuffle, seed)

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements of several data sets side by side, up to the end of the shortest.

        Args:
          *args: data sets; or one structure of them, whose structure the elements then have.
          datasets: the same by name.

        >>> import reflow as tf
        >>> a = tf.data.Dataset.range(3)
        >>> print(list(tf.data.Dataset.zip(a, a.skip(1)).as_numpy_iterator())[0])
        (np.int64(0), np.int64(1))
        """
        if not args and datasets is None:
            raise TypeError(f"{_site()}: Must pass at least one dataset to `zip`.")
        if args and datasets is not None:
            raise TypeError(f"{_site()}: Both `*args` and `datasets` cannot be set.")
        if len(args) == 1:
            datasets = args[0]
        elif args:
            datasets = args
        flat = structure.flatten(datasets)
        for each in flat:
            if not isinstance(each, Dataset):
                hint = " Use a tuple in place of a list." if isinstance(each, list) else ""
                raise TypeError(
                    f"{_site()}: Invalid input to `zip`. Inputs are expected to be (nested) "
                    f"structures of `tf.data.Dataset` objects. Encountered {type(each)}.{hint}"
                )
        if not flat:
            raise errors.InvalidArgumentError(
                None, None, f"{_site()}: `zip` needs at least one dataset, got {datasets!r}"
            )
        spec = structure.pack(datasets, [each.element_spec for each in flat])
        variant = combining.zip_dataset(
            [each._variant_tensor for each in flat], **Structure(spec).attrs
        )
        return cls._make("_ZipDataset", variant, spec, flat)

    @classmethod
    def choose_from_datasets(
        cls,
        datasets: Sequence[Dataset],
        choice_dataset: Dataset,
        stop_on_empty_dataset: bool = True,
    ) -> Dataset:
        """At each step the next element of the data set whose number another data set gives.

        Args:
          datasets: a list.
          choice_dataset: of int64 scalars, indices into the list.
          stop_on_empty_dataset: whether the end of one is the end of all; else it is passed over.

        >>> import reflow as tf
        >>> parts = [tf.data.Dataset.range(3), tf.data.Dataset.range(10, 13)]
        >>> choice = tf.data.Dataset.from_tensor_slices(tf.constant([1, 0, 1], tf.int64))
        >>> list(tf.data.Dataset.choose_from_datasets(parts, choice).as_numpy_iterator())
        [np.int64(10), np.int64(0), np.int64(11)]
        """
        from reflow.data.sampling import choose_from_datasets

        return choose_from_datasets(cls, datasets, choice_dataset, stop_on_empty_dataset)

    @classmethod
    def sample_from_datasets(
        cls,
        datasets: Sequence[Dataset],
        weights: Any = None,
        seed: Any = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """At each step the next element of a data set that is chosen at random.

        Args:
          datasets: a list.
          weights: the probability of each: numbers, a tensor, or a data set of them.
          seed: an integer.
          stop_on_empty_dataset: whether the end of one is the end of all; else it is passed over.
          rerandomize_each_iteration: whether each iteration chooses differently.
        """
        from reflow.data.sampling import sample_from_datasets

        return sample_from_datasets(
            cls, datasets, weights, seed, stop_on_empty_dataset, rerandomize_each_iteration
        )

    @staticmethod
    def load(
        path: str,
        element_spec: Any = None,
        compression: str | None = None,
        reader_func: Callable | None = None,
        wait: bool = False,
    ) -> Dataset:
        """The elements that `save` wrote, also TensorFlow's.

        Args:
          path: the directory.
          element_spec: of the elements; by default what the directory says.
          compression: with which they were written.
          reader_func: from a data set of one data set per shard to that of the elements; by default
            shards take turns.
          wait: has no influence: what is not complete is an error.

        Raises:
          errors.NotFoundError: if there are none.
        """
        from reflow.data.saved import load

        return load(path, element_spec, compression, reader_func, wait)

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
        """Not there yet: keeps the elements in files."""
        raise _not_there("tf.data.Dataset.snapshot")

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
                f"{_site()}: unique() takes data sets whose elements are single tensors, not "
                f"{self.element_spec}"
            )
        return self._same("_UniqueDataset", grouping.unique_dataset)

    # Batches -------------------------------------------------------------------------------------

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
            deterministic=_word(deterministic),
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
                    f"{_site()}: batch() cannot put elements of {leaf!r} together. Datasets of "
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
            raise ValueError(f"{_site()}: {error}") from None
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
                f"{_site()}: `synchronous` is not supported with `num_parallel_calls`, but "
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
            deterministic=_word(deterministic),
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
                f"{_site()}: Invalid `predicate`. `predicate` must return a `tf.bool` scalar "
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
            deterministic=_word(deterministic),
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

        >>> import reflow as tf
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
        """Not there yet: a number that tells data sets apart."""
        raise _not_there("tf.data.Dataset.fingerprint")


Dataset._family = Dataset


def _not_there(symbol: str, instead: str | None = None) -> Exception:
    hint = f" Use {instead} instead." if instead else ""
    return errors.UnimplementedError(None, None, f"{_site()}: Reflow has no {symbol} yet.{hint}")


def _word(deterministic: bool | None) -> str:
    return "default" if deterministic is None else str(bool(deterministic)).lower()


def inner_spec(function: ElementFunction, what: str) -> Any:
    """The spec of the elements of the data sets that a function returns.

    Raises:
      TypeError: if it returns something else.
    """
    spec = function.output.spec
    if not isinstance(spec, DatasetSpec):
        raise TypeError(
            f"{_site()}: Invalid `map_func`. `map_func` of {what} must return a `tf.data.Dataset` "
            f"object. Got {spec!r:.200}."
        )
    return spec._element_spec


def common_spec(datasets: Sequence[Dataset], what: str) -> Any:
    """The most specific element spec that the elements of all data sets have.

    Raises:
      TypeError: if there is none.
    """
    first = datasets[0]
    spec = first.element_spec
    for other in datasets[1:]:
        if not isinstance(other, Dataset):
            raise TypeError(f"{_site()}: {what} takes data sets, got {other!r:.80}")
        try:
            spec = structure.map_leaves(_common, spec, other.element_spec)
        except (TypeError, ValueError):
            raise TypeError(
                f"{_site()}: Incompatible dataset elements: {first.element_spec} vs. "
                f"{other.element_spec}."
            ) from None
    return spec


def _common(a: TypeSpec, b: TypeSpec) -> TypeSpec:
    if isinstance(a, TensorSpec) and isinstance(b, TensorSpec) and a.dtype is b.dtype:
        return TensorSpec(a.shape.most_specific_compatible_shape(b.shape), a.dtype)
    return a.most_specific_compatible_type(b)


@export("data.DatasetSpec", v1=("data.experimental.DatasetStructure",))
class DatasetSpec(BatchableTypeSpec):
    """The type of data sets whose elements have a given spec.

    >>> import reflow as tf
    >>> tf.data.DatasetSpec(tf.TensorSpec([], tf.int64)).is_compatible_with(
    ...     tf.data.Dataset.range(3))
    True
    """

    __slots__ = ("_element_spec", "_dataset_shape")

    def __init__(self, element_spec: Any, dataset_shape: Any = ()):
        self._element_spec = element_spec
        self._dataset_shape = shapes.as_shape(dataset_shape)

    @property
    def value_type(self) -> type:
        return Dataset

    @property
    def element_spec(self) -> Any:
        """The spec of an element."""
        return self._element_spec

    @staticmethod
    def from_value(value: Dataset) -> DatasetSpec:
        return DatasetSpec(value.element_spec)

    @property
    def _component_specs(self) -> TensorSpec:
        return TensorSpec(self._dataset_shape, dtypes.variant)

    def _to_components(self, value: Dataset) -> Any:
        return value._variant_tensor

    def _from_components(self, components: Any) -> Dataset:
        if self._dataset_shape.rank == 0:
            return Dataset._family(components, self._element_spec)
        return components

    def _to_tensor_list(self, value: Any) -> list[Any]:
        return [value._variant_tensor]

    def _from_tensor_list(self, tensors: Sequence[Any]) -> Any:
        return self._from_components(tensors[0])

    @property
    def _flat_tensor_specs(self) -> list[TensorSpec]:
        return [self._component_specs]

    def _serialize(self) -> tuple:
        return self._element_spec, self._dataset_shape

    def _batch(self, batch_size: int | None) -> DatasetSpec:
        return DatasetSpec(
            self._element_spec, TensorShape([batch_size]).concatenate(self._dataset_shape)
        )

    def _unbatch(self) -> DatasetSpec:
        if self._dataset_shape.rank == 0:
            raise ValueError("Slicing dataset elements is not supported for rank 0.")
        return DatasetSpec(self._element_spec, self._dataset_shape[1:])

    def __repr__(self) -> str:
        return f"DatasetSpec({self._element_spec!r}, {self._dataset_shape!r})"
