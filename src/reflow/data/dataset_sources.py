"""Data sets of other things: tensors, numbers, Python generators, files, several data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from reflow.data import combining, iterator_ops, sources, structure
from reflow.data.dataset_base import DatasetBase
from reflow.data.element_function import as_structure, scalar
from reflow.data.seeds import seed_tensors
from reflow.data.structure import Structure
from reflow.lang import dtypes, errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype
from reflow.lang.type_spec import BatchableTypeSpec, TensorSpec

if TYPE_CHECKING:
    from reflow.data.dataset import Dataset


class DatasetSources(DatasetBase):
    """The class methods of `Dataset`: each makes one that has no input, or several."""

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
        variant = sources.tensor_dataset(
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
            raise ValueError(f"{errors.user_site()}: Invalid `tensors`. Empty tensors.")
        sizes = []
        for leaf in batched.leaves:
            if not isinstance(leaf, BatchableTypeSpec) and not hasattr(leaf, "_unbatch"):
                raise TypeError(
                    f"{errors.user_site()}: {leaf.value_type.__name__} cannot be sliced"
                )
            dims = getattr(leaf, "shape", shapes.UNKNOWN)._dims
            if dims:
                sizes.append(dims[0])
        known = [size for size in sizes if size is not None]
        for size in known[1:]:
            if size != known[0]:
                raise ValueError(
                    f"{errors.user_site()}: Dimensions {known[0]} and {size} are not compatible: the tensors "
                    "of from_tensor_slices must have the same first dimension."
                )
        try:
            spec = structure.map_leaves(lambda leaf: leaf._unbatch(), batched.spec)
        except ValueError as error:
            raise ValueError(
                f"{errors.user_site()}: {error}. (from_tensors takes scalars.)"
            ) from None
        sliced = Structure(spec)
        variant = sources.tensor_slice_dataset(
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
            raise TypeError(
                f"{errors.user_site()}: range() got unexpected arguments {sorted(kwargs)}"
            )
        if not 1 <= len(args) <= 3:
            raise ValueError(
                f"{errors.user_site()}: Invalid `args`. The length of `args` should be between 1 and 3 but "
                f"was {len(args)}."
            )
        start, stop, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
        spec = TensorSpec([], output_type)
        variant = sources.range_dataset(
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
        variant = sources.random_dataset_v2(
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
            raise TypeError(f"{errors.user_site()}: Must pass at least one dataset to `zip`.")
        if args and datasets is not None:
            raise TypeError(f"{errors.user_site()}: Both `*args` and `datasets` cannot be set.")
        if len(args) == 1:
            datasets = args[0]
        elif args:
            datasets = args
        flat = structure.flatten(datasets)
        for each in flat:
            if not isinstance(each, DatasetBase):
                hint = " Use a tuple in place of a list." if isinstance(each, list) else ""
                raise TypeError(
                    f"{errors.user_site()}: Invalid input to `zip`. Inputs are expected to be (nested) "
                    f"structures of `tf.data.Dataset` objects. Encountered {type(each)}.{hint}"
                )
        if not flat:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{errors.user_site()}: `zip` needs at least one dataset, got {datasets!r}",
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
