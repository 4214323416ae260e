"""Values that may be missing: https://www.tensorflow.org/api_docs/python/tf/experimental/Optional"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.data import iterator_ops
from reflow.data.element_function import as_structure
from reflow.data.structure import Structure
from reflow.lang import context, dtypes
from reflow.lang.export import export
from reflow.lang.type_spec import CompositeTensor, TensorSpec, TypeSpec
from reflow.runtime.eager import EagerTensor


@export("experimental.Optional", "data.experimental.Optional")
class Optional(CompositeTensor):
    """A value, or none: what `get_next_as_optional` gives.

    >>> import reflow as tf
    >>> full = tf.experimental.Optional.from_value(tf.constant([1, 2]))
    >>> full.has_value().numpy(), full.get_value().numpy()
    (np.True_, array([1, 2], dtype=int32))
    >>> tf.experimental.Optional.empty(tf.TensorSpec([], tf.int32)).has_value().numpy()
    np.False_
    """

    def has_value(self, name: str | None = None) -> Any:
        """Whether there is a value: a scalar tensor of dtype bool."""
        raise NotImplementedError("Optional.has_value()")

    def get_value(self, name: str | None = None) -> Any:
        """The value.

        Raises:
          tf.errors.InvalidArgumentError: if there is none.
        """
        raise NotImplementedError("Optional.get_value()")

    @property
    def element_spec(self) -> Any:
        """The structure of the type specs of the value."""
        raise NotImplementedError("Optional.element_spec")

    @staticmethod
    def empty(element_spec: Any) -> Optional:
        """An optional without a value."""
        return make_optional(iterator_ops.optional_none(), element_spec)

    @staticmethod
    def from_value(value: Any) -> Optional:
        """An optional with a value, a structure of tensors."""
        element, spec = as_structure(value)
        variant = iterator_ops.optional_from_value(spec.to_parts(element))
        return make_optional(variant, spec.spec)


class _Optional(Optional):
    def __init__(self, variant_tensor: Any, element_spec: Any, parts: Structure | None = None):
        self._variant_tensor = variant_tensor
        self._element_spec = element_spec  # None, and assigned, where it is not known yet
        self._parts = parts  # what is made of the spec, when it was

    @property
    def _structure(self) -> Structure:
        if self._parts is None or self._parts.spec is not self._element_spec:
            self._parts = Structure(self._element_spec)
        return self._parts

    def _held(self) -> iterator_ops.OptionalValue | None:
        """What is in it, in eager code: no op is needed to look."""
        variant = self._variant_tensor
        if type(variant) is EagerTensor and context.current_graph() is None:
            return variant._value
        return None

    def has_value(self, name: str | None = None) -> Any:
        held = self._held()
        if held is not None:
            return EagerTensor(np.bool_(held.element is not None), dtypes.bool)
        return iterator_ops.optional_has_value(self._variant_tensor, name=name)

    def get_value(self, name: str | None = None) -> Any:
        structure = self._structure
        held = self._held()
        if held is not None and held.element is not None:
            return structure.from_parts([*map(EagerTensor, held.element, structure.types)])
        parts = iterator_ops.single(
            iterator_ops.optional_get_value, self._variant_tensor, name=name, **structure.attrs
        )
        return structure.from_parts(parts)

    @property
    def element_spec(self) -> Any:
        return self._element_spec

    @property
    def _type_spec(self) -> OptionalSpec:
        return OptionalSpec(self.element_spec)


def make_optional(variant: Any, element_spec: Any) -> Optional:
    """The optional that a tensor of dtype variant holds."""
    return _Optional(variant, element_spec)


@export("OptionalSpec", v1=("data.experimental.OptionalStructure",))
class OptionalSpec(TypeSpec):
    """The type of optionals whose values have a given spec.

    >>> import reflow as tf
    >>> tf.OptionalSpec(tf.TensorSpec([], tf.int32))
    OptionalSpec(TensorSpec(shape=(), dtype=tf.int32, name=None),)
    """

    __slots__ = ("_element_spec", "_parts")

    def __init__(self, element_spec: Any):
        self._element_spec = element_spec
        self._parts: Structure | None = None

    @property
    def value_type(self) -> type:
        return _Optional

    @staticmethod
    def from_value(value: Optional) -> OptionalSpec:
        return OptionalSpec(value.element_spec)

    @property
    def _component_specs(self) -> TensorSpec:
        return TensorSpec([], dtypes.variant)

    def _to_components(self, value: Any) -> Any:
        return value._variant_tensor

    def _from_components(self, components: Any) -> Optional:
        if self._parts is None and self._element_spec is not None:
            self._parts = Structure(self._element_spec)
        return _Optional(components, self._element_spec, self._parts)

    def _to_tensor_list(self, value: Any) -> list[Any]:
        return [value._variant_tensor]

    def _from_tensor_list(self, tensors: Any) -> Optional:
        return make_optional(tensors[0], self._element_spec)

    @property
    def _flat_tensor_specs(self) -> list[TensorSpec]:
        return [self._component_specs]

    def _serialize(self) -> tuple:
        return (self._element_spec,)
