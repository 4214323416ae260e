"""What every data set is: a tensor of dtype `variant`, the spec of its elements, options, iteration.

The methods of `tf.data.Dataset` that make data sets stand above: `dataset_sources.py` has those that
begin with other things, `dataset_batches.py` those that put elements together, `dataset.py` the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from reflow.data import iterator_ops, structure
from reflow.data.element_function import ElementFunction
from reflow.data.options import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Options
from reflow.data.structure import Structure
from reflow.lang import dtypes, errors, shapes
from reflow.lang.context import current_graph, executing_eagerly
from reflow.lang.export import export
from reflow.lang.shapes import TensorShape
from reflow.lang.type_spec import BatchableTypeSpec, CompositeTensor, TensorSpec, TypeSpec

if TYPE_CHECKING:
    from reflow.data.dataset import Dataset


class DatasetBase(CompositeTensor):
    """What the methods of all data sets build on."""

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
            raise TypeError(
                f"{errors.user_site()}: `options` must be a tf.data.Options, got {options!r:.80}"
            )
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
                f"{errors.user_site()}: `tf.data.Dataset` only supports `len` in eager mode. Use "
                "`tf.data.Dataset.cardinality()` instead."
            )
        size = int(self.cardinality().numpy())
        if size == INFINITE_CARDINALITY:
            raise TypeError(f"{errors.user_site()}: The dataset is infinite.")
        if size == UNKNOWN_CARDINALITY:
            raise TypeError(f"{errors.user_site()}: The dataset length is unknown.")
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
            f"{errors.user_site()}: `tf.data.Dataset` only supports Python-style iteration in eager mode or "
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
                f"{errors.user_site()}: `tf.data.Dataset.as_numpy_iterator()` is only supported in eager mode."
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
        if not isinstance(result, DatasetBase):
            raise TypeError(
                f"{errors.user_site()}: `transformation_func` must return a `tf.data.Dataset` object. "
                f"Got {type(result)}."
            )
        return result


def deterministic_attr(deterministic: bool | None) -> str:
    """How ops that work in parallel are told whether the order of the elements counts."""
    return "default" if deterministic is None else str(bool(deterministic)).lower()


def inner_spec(function: ElementFunction, what: str) -> Any:
    """The spec of the elements of the data sets that a function returns.

    Raises:
      TypeError: if it returns something else.
    """
    spec = function.output.spec
    if not isinstance(spec, DatasetSpec):
        raise TypeError(
            f"{errors.user_site()}: Invalid `map_func`. `map_func` of {what} must return a `tf.data.Dataset` "
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
        if not isinstance(other, DatasetBase):
            raise TypeError(f"{errors.user_site()}: {what} takes data sets, got {other!r:.80}")
        try:
            spec = structure.map_leaves(_common, spec, other.element_spec)
        except (TypeError, ValueError):
            raise TypeError(
                f"{errors.user_site()}: Incompatible dataset elements: {first.element_spec} vs. "
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
        return DatasetBase._family

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
            return DatasetBase._family(components, self._element_spec)
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
