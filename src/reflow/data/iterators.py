"""Iterators of programs: https://www.tensorflow.org/api_docs/python/tf/data/Iterator"""

from __future__ import annotations

import functools
from collections.abc import Iterator as PythonIterator
from typing import Any

import numpy as np

from reflow.data import iterator_ops, structure
from reflow.data.dataset import Dataset
from reflow.data.iterator_ops import single
from reflow.data.optional import Optional, make_optional
from reflow.data.structure import ElementTypes, Structure
from reflow.lang import dtypes, errors
from reflow.lang.context import executing_eagerly
from reflow.lang.export import export
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorValue
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import CompositeTensor, TensorSpec, TypeSpec


@export(v2=("data.Iterator",))
class IteratorBase(PythonIterator):
    """An iterator over a data set, which `iter(dataset)` makes.

    >>> import reflow as tf
    >>> iterator = iter(tf.data.Dataset.range(2))
    >>> iterator.get_next().numpy(), next(iterator).numpy()
    (np.int64(0), np.int64(1))
    """

    @property
    def element_spec(self) -> Any:
        """The structure of the type specs of an element."""
        raise NotImplementedError("Iterator.element_spec")

    def get_next(self) -> Any:
        """The next element.

        Raises:
          tf.errors.OutOfRangeError: at the end.
        """
        raise NotImplementedError("Iterator.get_next()")

    def get_next_as_optional(self) -> Optional:
        """The next element in a `tf.experimental.Optional`, which is empty at the end."""
        raise NotImplementedError("Iterator.get_next_as_optional()")


class OwnedIterator(ElementTypes, IteratorBase, CompositeTensor):
    """The iterator of eager code and of functions: its state goes away with it."""

    def __init__(
        self, dataset: Dataset | None = None, components: Any = None, element_spec: Any = None
    ):
        if dataset is None:
            self._structure = Structure(element_spec)
            self._iterator_resource = components
        else:
            self._structure = dataset._structure
            self._iterator_resource = iterator_ops.anonymous_iterator_v3(**self._structure.attrs)
            iterator_ops.make_iterator(dataset._variant_tensor, self._iterator_resource)

    @property
    def element_spec(self) -> Any:
        return self._structure.spec

    @functools.cached_property
    def _type_spec(self) -> IteratorSpec:  # type: ignore[override]
        return _one_of(IteratorSpec(self.element_spec))

    def __iter__(self) -> OwnedIterator:
        return self

    def __next__(self) -> Any:
        try:
            return self.get_next()
        except errors.OutOfRangeError:
            raise StopIteration from None

    next = __next__

    def get_next(self) -> Any:
        parts = single(
            iterator_ops.iterator_get_next, self._iterator_resource, **self._structure.attrs
        )
        return self._structure.from_parts(parts)

    def get_next_as_optional(self) -> Optional:
        return _next_as_optional(self._iterator_resource, self._structure)

    def __bool__(self) -> bool:
        return True


def _next_as_optional(resource: Any, element: Structure) -> Optional:
    variant = iterator_ops.iterator_get_next_as_optional(resource, **element.attrs)
    return make_optional(variant, element.spec)


@export("data.IteratorSpec")
class IteratorSpec(TypeSpec):
    """The type of iterators whose elements have a given spec.

    >>> import reflow as tf
    >>> tf.data.IteratorSpec(tf.TensorSpec([], tf.int64))
    IteratorSpec(TensorSpec(shape=(), dtype=tf.int64, name=None),)
    """

    __slots__ = ("_element_spec", "_hash")

    def __init__(self, element_spec: Any):
        self._element_spec = element_spec
        self._hash: int | None = None

    __eq__ = TypeSpec.__eq__

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = super().__hash__()
        return self._hash

    @property
    def value_type(self) -> type:
        return OwnedIterator

    @staticmethod
    def from_value(value: OwnedIterator) -> IteratorSpec:
        return IteratorSpec(value.element_spec)

    @property
    def _component_specs(self) -> TensorSpec:
        return TensorSpec([], dtypes.resource)

    def _to_components(self, value: OwnedIterator) -> Any:
        return value._iterator_resource

    def _from_components(self, components: Any) -> OwnedIterator:
        return OwnedIterator(components=components, element_spec=self._element_spec)

    def _serialize(self) -> tuple:
        return (self._element_spec,)


@functools.lru_cache
def _one_of(spec: IteratorSpec) -> IteratorSpec:
    """The first of equal specs: calls of functions compare the specs of their iterators by identity."""
    return spec


_WITH_ARRAYS = (
    TensorSpec,
    structure.SparseTensorSpec,
    structure.RaggedTensorSpec,
    structure.NoneTensorSpec,
)

# NumPy --------------------------------------------------------------------------------------------


@export("data.NumpyIterator")
class NumpyIterator(PythonIterator):
    """An iterator over the elements of a data set as NumPy arrays.

    Raises:
      TypeError: if the elements hold data sets or other values that are no arrays.
    """

    def __init__(self, dataset: Dataset):
        for leaf in structure.flatten(dataset.element_spec):
            if not isinstance(leaf, _WITH_ARRAYS):
                raise TypeError(
                    f"{errors.user_site()}: `tf.data.Dataset.as_numpy_iterator()` is not supported for "
                    f"datasets that produce values of type {leaf.value_type}"
                )
        self._iterator = iter(dataset)

    def __iter__(self) -> NumpyIterator:
        return self

    def __next__(self) -> Any:
        return structure.map_leaves(_to_numpy, next(self._iterator))

    next = __next__


def _to_numpy(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, SparseTensor):
        return SparseTensorValue(
            *[_to_numpy(part) for part in value._type_spec._to_components(value)]
        )
    result = value.numpy()
    return np.asarray(result) if isinstance(result, np.ndarray) else result


# Graphs -------------------------------------------------------------------------------------------


@export(v1=("data.Iterator",))
class Iterator(ElementTypes):
    """The iterator of a TF 1 graph: `get_next()` gives tensors, which every run gives new values.

    https://www.tensorflow.org/api_docs/python/tf/compat/v1/data/Iterator

    >>> import reflow
    >>> tf = reflow.compat.v1
    >>> with tf.Graph().as_default(), tf.Session() as session:
    ...     iterator = tf.data.make_one_shot_iterator(tf.data.Dataset.range(2))
    ...     following = iterator.get_next()
    ...     print(session.run(following), session.run(following))
    0 1
    """

    def __init__(
        self,
        iterator_resource: Any,
        initializer: Any,
        output_types: Any,
        output_shapes: Any,
        output_classes: Any,
    ):
        self._begin_with(
            iterator_resource,
            initializer,
            Structure(structure.from_legacy(output_types, output_shapes, output_classes)),
        )

    def _begin_with(self, resource: Any, initializer: Any, element: Structure) -> None:
        self._iterator_resource = resource
        self._initializer = initializer
        self._structure = element
        self._string_handle = iterator_ops.iterator_to_string_handle(resource)
        self._calls = 0

    @classmethod
    def _of(cls, resource: Any, initializer: Any, element: Structure) -> Iterator:
        result = cls.__new__(cls)
        result._begin_with(resource, initializer, element)
        return result

    @staticmethod
    def from_structure(
        output_types: Any,
        output_shapes: Any = None,
        shared_name: str | None = None,
        output_classes: Any = None,
    ) -> Iterator:
        """An iterator that can begin with any data set of elements of the given kind.

        Args:
          output_types, output_shapes, output_classes: structures of dtypes, shapes and classes.
          shared_name: the name under which sessions share it.
        """
        element = Structure(structure.from_legacy(output_types, output_shapes, output_classes))
        resource = iterator_ops.iterator_v2(
            container="", shared_name=shared_name or "", **element.attrs
        )
        return Iterator._of(resource, None, element)

    @staticmethod
    def from_string_handle(
        string_handle: Any,
        output_types: Any,
        output_shapes: Any = None,
        output_classes: Any = None,
    ) -> Iterator:
        """The iterator for which a string stands that the `string_handle()` of another one gave.

        Args:
          string_handle: a scalar tensor, usually a placeholder that is fed.
        """
        element = Structure(structure.from_legacy(output_types, output_shapes, output_classes))
        resource = iterator_ops.iterator_from_string_handle_v2(string_handle, **element.attrs)
        return Iterator._of(resource, None, element)

    @property
    def initializer(self) -> Any:
        """The node that begins it.

        Raises:
          ValueError: if it begins by itself, or by `make_initializer`.
        """
        if self._initializer is None:
            raise ValueError(
                f"{errors.user_site()}: The iterator does not have an initializer. This means it was likely "
                "created using `make_one_shot_iterator`. For an initializable iterator, use "
                "`make_initializable_iterator` instead."
            )
        return self._initializer

    def make_initializer(self, dataset: Dataset, name: str | None = None) -> Any:
        """A node that begins this iterator with a data set.

        Raises:
          TypeError: if its elements are of another kind.
        """
        mine, theirs = self._structure, dataset._structure
        fits = len(mine.types) == len(theirs.types) and all(
            a is b and s.is_compatible_with(t)
            for a, b, s, t in zip(mine.types, theirs.types, mine.shapes, theirs.shapes)
        )
        if not fits:
            raise TypeError(
                f"{errors.user_site()}: Expected a dataset of elements {mine.spec}, got {theirs.spec}"
            )
        return iterator_ops.make_iterator(
            dataset._variant_tensor,
            self._iterator_resource,
            name=name or "make_initializer",
        )

    def get_next(self, name: str | None = None) -> Any:
        """Tensors of the next element: call it once, and run what it gave many times."""
        self._calls += 1
        if self._calls == 33:
            from reflow.platform import tf_logging

            tf_logging.warning(
                "An unusually high number of `Iterator.get_next()` calls was detected. Call it "
                "once, outside of the training loop, and run the tensors that it gives."
            )
        parts = single(
            iterator_ops.iterator_get_next,
            self._iterator_resource,
            name=name,
            **self._structure.attrs,
        )
        return self._structure.from_parts(parts)

    def get_next_as_optional(self) -> Optional:
        """The next element in an optional, which is empty at the end."""
        return _next_as_optional(self._iterator_resource, self._structure)

    def string_handle(self, name: str | None = None) -> Tensor:
        """A string that stands for this iterator, to be fed to `from_string_handle`."""
        if name is None:
            return self._string_handle
        return iterator_ops.iterator_to_string_handle(self._iterator_resource, name=name)

    @property
    def element_spec(self) -> Any:
        """The structure of the type specs of an element."""
        return self._structure.spec


@export(v1=("data.make_initializable_iterator",))
def make_initializable_iterator(dataset: Dataset, shared_name: str | None = None) -> Iterator:
    """An iterator over a data set that begins when its `initializer` is run.

    Raises:
      RuntimeError: when executing eagerly.
    """
    if executing_eagerly():
        raise RuntimeError(
            f"{errors.user_site()}: `make_initializable_iterator()` is not supported in eager mode. Use "
            "Python-style iteration instead."
        )
    element = dataset._structure
    resource = iterator_ops.iterator_v2(
        container="", shared_name=shared_name or "", **element.attrs
    )
    initializer = iterator_ops.make_iterator(dataset._variant_tensor, resource)
    return Iterator._of(resource, initializer, element)


@export(v1=("data.make_one_shot_iterator",))
def make_one_shot_iterator(dataset: Dataset) -> Any:
    """An iterator over a data set that begins by itself, and runs through it once.

    Raises:
      ValueError: if the data set depends on a placeholder or on state such as a variable.
    """
    if executing_eagerly():
        return OwnedIterator(dataset)
    from reflow.data.one_shot import dataset_factory

    element = dataset._structure
    resource = iterator_ops.one_shot_iterator(
        dataset_factory=dataset_factory(dataset._variant_tensor), **element.attrs
    )
    return Iterator._of(resource, None, element)


def _legacy(dataset_or_iterator: Any) -> Structure:
    found = getattr(dataset_or_iterator, "_structure", None)
    if isinstance(found, Structure):
        return found
    raise TypeError(
        f"{errors.user_site()}: a tf.data.Dataset or iterator is needed, got {dataset_or_iterator!r:.80}"
    )


@export(v1=("data.get_output_types",))
def get_output_types(dataset_or_iterator: Any) -> Any:
    """The structure of the dtypes of an element.

    >>> import reflow
    >>> tf = reflow.compat.v1
    >>> tf.data.get_output_types(tf.data.Dataset.range(3))
    tf.int64
    """
    return _legacy(dataset_or_iterator).output_types


@export(v1=("data.get_output_shapes",))
def get_output_shapes(dataset_or_iterator: Any) -> Any:
    """The structure of the shapes of an element.

    >>> import reflow
    >>> tf = reflow.compat.v1
    >>> tf.data.get_output_shapes(tf.data.Dataset.range(3).batch(2))
    TensorShape([None])
    """
    return _legacy(dataset_or_iterator).output_shapes


@export(v1=("data.get_output_classes",))
def get_output_classes(dataset_or_iterator: Any) -> Any:
    """The structure of the classes of an element.

    >>> import reflow
    >>> tf = reflow.compat.v1
    >>> tf.data.get_output_classes(tf.data.Dataset.range(3)).__name__
    'Tensor'
    """
    return _legacy(dataset_or_iterator).output_classes


@export("data.experimental.get_next_as_optional")
def get_next_as_optional(iterator: Any) -> Optional:
    """The next element of an iterator in an optional, which is empty at the end."""
    return iterator.get_next_as_optional()


@export("data.experimental.get_structure")
def get_structure(dataset_or_iterator: Any) -> Any:
    """The element spec of a data set or an iterator.

    >>> import reflow as tf
    >>> tf.data.experimental.get_structure(tf.data.Dataset.range(3))
    TensorSpec(shape=(), dtype=tf.int64, name=None)
    """
    try:
        return dataset_or_iterator.element_spec
    except AttributeError:
        raise TypeError(
            f"{errors.user_site()}: `dataset_or_iterator` must be a `tf.data.Dataset` or iterator, got "
            f"{dataset_or_iterator!r:.80}"
        ) from None
