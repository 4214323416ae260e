"""Type specs: what is known of a value before it is there.

https://www.tensorflow.org/api_docs/python/tf/TypeSpec

A composite tensor (`SparseTensor`, `RaggedTensor`, ...) is a value that consists of tensors; its type
spec takes it apart and puts it together. `TensorSpec` is the spec of a tensor. Specs are what
`tf.function` compares to find a trace, and what data sets and signatures are described with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, nest, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.export import export
from reflow.lang.services import service
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import Tensor, is_tensor


@export("types.experimental.TraceType")
class TraceType:
    """What `tf.function` knows of an argument: the part of it that decides which trace serves.

    https://www.tensorflow.org/api_docs/python/tf/types/experimental/TraceType
    """

    def is_subtype_of(self, other: Any) -> bool:
        """Whether a trace made for `other` serves for this."""
        raise NotImplementedError(type(self).__name__)

    def most_specific_common_supertype(self, others: Sequence[Any]) -> Any:
        """The most specific type that serves for this and `others`; None if there is none."""
        raise NotImplementedError(type(self).__name__)

    def placeholder_value(self, placeholder_context: Any) -> Any:
        """What stands for the argument while the function is traced."""
        raise NotImplementedError(type(self).__name__)

    def to_tensors(self, value: Any) -> list[Any]:
        """The tensors that `value` consists of."""
        return []

    def from_tensors(self, tensors: Iterator[Any]) -> Any:
        """The value of this type that consists of the next of `tensors`."""
        return self.placeholder_value(None)

    def flatten(self) -> list[Any]:
        """The specs of the tensors that a value consists of."""
        return []

    def cast(self, value: Any, cast_context: Any) -> Any:
        """`value` as one of this type.

        Raises:
          TypeError: if it cannot be one.
        """
        return value


@export("types.experimental.SupportsTracingProtocol")
class SupportsTracingProtocol:
    """Values that say their own `TraceType`: by a method `__tf_tracing_type__(context)`."""

    def __tf_tracing_type__(self, context: Any) -> TraceType:
        raise NotImplementedError(type(self).__name__)


@export("__internal__.CompositeTensor")
class CompositeTensor:
    """A value that consists of tensors: subclasses have a `_type_spec`, which takes it apart."""

    __slots__ = ()

    @property
    def _type_spec(self) -> TypeSpec:
        raise NotImplementedError(f"{type(self).__name__}._type_spec")

    def _shape_invariant_to_type_spec(self, shape: TensorShape) -> TypeSpec:
        """The spec of a loop variable that keeps `shape` across iterations."""
        raise NotImplementedError(f"shape invariants of a {type(self).__name__}")

    def __tf_tracing_type__(self, context: Any) -> TraceType:
        return self._type_spec


@export("TypeSpec", "data.experimental.TypeSpec")
class TypeSpec(TraceType):
    """The type of a value that consists of tensors.

    A subclass says `value_type`, `_component_specs` (a structure of specs), `_to_components`,
    `_from_components` and `_serialize` (a tuple of what tells two specs of the class apart).

    >>> import reflow as tf
    >>> tf.SparseTensorSpec([None, 3], tf.int32).is_compatible_with(
    ...     tf.sparse.SparseTensor([[0, 0]], [1], [2, 3]))
    True
    """

    __slots__ = ()

    @property
    def value_type(self) -> type:
        """The Python type of the values that the spec describes."""
        raise NotImplementedError(f"{type(self).__name__}.value_type")

    @property
    def _component_specs(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__}._component_specs")

    def _to_components(self, value: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}._to_components")

    def _from_components(self, components: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}._from_components")

    def _serialize(self) -> tuple:
        raise NotImplementedError(f"{type(self).__name__}._serialize")

    @classmethod
    def _deserialize(cls, serialization: tuple) -> TypeSpec:
        return cls(*serialization)

    # As messages ---------------------------------------------------------------------------------

    def experimental_as_proto(self) -> Any:
        """The spec as a protobuf message, of `experimental_type_proto()`.

        >>> import reflow as tf
        >>> proto = tf.RaggedTensorSpec([2, None], tf.int32).experimental_as_proto()
        >>> tf.RaggedTensorSpec.experimental_from_proto(proto).shape
        TensorShape([2, None])
        """
        return service("spec_to_proto")(self)

    @classmethod
    def experimental_type_proto(cls) -> type:
        """The class of the messages that specs of this class become."""
        return service("proto_of_spec")(cls)

    @classmethod
    def experimental_from_proto(cls, proto: Any) -> TypeSpec:
        """The spec of a message that `experimental_as_proto` gave.

        Raises:
          TypeError: if it is the message of another class.
        """
        return service("spec_from_proto")(cls, proto)

    # Comparing -----------------------------------------------------------------------------------

    def is_compatible_with(self, spec_or_value: Any) -> bool:
        """Whether a value, or one of the given spec, may stand where this spec is asked for."""
        other = spec_or_value
        if not isinstance(other, TypeSpec):
            try:
                other = type_spec_from_value(other)
            except TypeError:
                return False
        return type(self) is type(other) and _all_parts(
            _compatible, self._serialize(), other._serialize()
        )

    def is_subtype_of(self, other: Any) -> bool:
        return type(self) is type(other) and _all_parts(
            _subtype, self._serialize(), other._serialize()
        )

    def most_specific_common_supertype(self, others: Sequence[Any]) -> Any:
        if any(type(other) is not type(self) for other in others):
            return None
        merged = _merged(self._serialize(), [other._serialize() for other in others])
        return None if merged is _NO_TYPE else self._deserialize(merged)

    def most_specific_compatible_type(self, other: TypeSpec) -> TypeSpec:
        """The most specific spec that is compatible with this and `other`.

        Raises:
          ValueError: if there is none.
        """
        found = self.most_specific_common_supertype([other])
        if found is None:
            raise ValueError(f"No TypeSpec is compatible with both {self} and {other}")
        return found

    def __eq__(self, other: Any) -> bool:
        if self is other:
            return True
        return type(other) is type(self) and _all_parts(
            _equal, self._serialize(), other._serialize()
        )

    def __ne__(self, other: Any) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), _hashable(self._serialize())))

    def __reduce__(self) -> tuple:
        return type(self), self._serialize()

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._serialize()!r}"

    # Values --------------------------------------------------------------------------------------

    def _to_tensor_list(self, value: Any) -> list[Any]:
        return nest.flatten(self._to_components(value), expand_composites=True)

    def _from_tensor_list(self, tensors: Sequence[Any]) -> Any:
        return self._from_components(
            nest.pack_sequence_as(self._component_specs, tensors, expand_composites=True)
        )

    _from_compatible_tensor_list = _from_tensor_list

    @property
    def _flat_tensor_specs(self) -> list[TensorSpec]:
        return nest.flatten(self._component_specs, expand_composites=True)

    def flatten(self) -> list[Any]:
        return self._flat_tensor_specs

    def to_tensors(self, value: Any) -> list[Any]:
        return self._to_tensor_list(value)

    def from_tensors(self, tensors: Iterator[Any]) -> Any:
        return self._from_tensor_list([next(tensors) for _ in self._flat_tensor_specs])

    def placeholder_value(self, placeholder_context: Any) -> Any:
        parts = [spec.placeholder_value(placeholder_context) for spec in self._flat_tensor_specs]
        return self._from_tensor_list(parts)

    def cast(self, value: Any, cast_context: Any) -> Any:
        if isinstance(value, self.value_type) and self.is_compatible_with(value):
            return value
        raise TypeError(f"Cannot cast {value!r:.80} to {self!r}")


class BatchableTypeSpec(TypeSpec):
    """A spec whose values can be put together to a batch, and taken apart again."""

    __slots__ = ()

    def _batch(self, batch_size: int | None) -> TypeSpec:
        """The spec of `batch_size` such values together; None for any number."""
        raise NotImplementedError(f"{type(self).__name__}._batch")

    def _unbatch(self) -> TypeSpec:
        """The spec of one of the values of a batch that this spec describes."""
        raise NotImplementedError(f"{type(self).__name__}._unbatch")


def _all_parts(same: Callable[[Any, Any], bool], a: Any, b: Any) -> bool:
    """Whether two serializations have the same structure and parts that are all `same`."""
    if isinstance(a, (list, tuple)):
        return (
            isinstance(b, (list, tuple))
            and len(a) == len(b)
            and all(_all_parts(same, x, y) for x, y in zip(a, b))
        )
    if isinstance(a, dict):
        return (
            isinstance(b, dict)
            and a.keys() == b.keys()
            and all(_all_parts(same, a[k], b[k]) for k in a)
        )
    return same(a, b)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, TensorShape):  # unknown shapes count as equal here
        return isinstance(b, TensorShape) and a._dims == b._dims
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return bool(a == b)


def _compatible(a: Any, b: Any) -> bool:
    if isinstance(a, (TensorShape, TypeSpec, DType)):
        return b is not None and a.is_compatible_with(b)
    return _equal(a, b)


def _subtype(a: Any, b: Any) -> bool:
    return a.is_subtype_of(b) if isinstance(a, (TensorShape, TraceType)) else _equal(a, b)


_NO_TYPE: Any = object()


def _merged(a: Any, others: list[Any]) -> Any:
    """The serialization of the common supertype; `_NO_TYPE` if there is none."""
    if isinstance(a, (list, tuple)):
        if any(not isinstance(b, (list, tuple)) or len(b) != len(a) for b in others):
            return _NO_TYPE
        parts = [_merged(x, [b[i] for b in others]) for i, x in enumerate(a)]
        return _NO_TYPE if any(p is _NO_TYPE for p in parts) else type(a)(parts)
    if isinstance(a, dict):
        if any(not isinstance(b, dict) or b.keys() != a.keys() for b in others):
            return _NO_TYPE
        found = {k: _merged(v, [b[k] for b in others]) for k, v in a.items()}
        return _NO_TYPE if any(p is _NO_TYPE for p in found.values()) else found
    if isinstance(a, (TensorShape, TraceType)):
        common: Any = a.most_specific_common_supertype(others)
        return _NO_TYPE if common is None else common
    return a if all(_equal(a, b) for b in others) else _NO_TYPE


def _hashable(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(each) for each in value)
    if isinstance(value, dict):
        return tuple((k, _hashable(v)) for k, v in sorted(value.items(), key=repr))
    if isinstance(value, TensorShape):
        return value._dims
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    return value


# Tensors ------------------------------------------------------------------------------------------


@export("TensorSpec")
class TensorSpec(BatchableTypeSpec):
    """The dtype and the static shape of a tensor.

    Args:
      shape: a shape; None where sizes, or all of them, are not known.
      dtype: a dtype.
      name: the name of the argument that it describes.

    >>> import reflow as tf
    >>> tf.TensorSpec([None, 2]).is_compatible_with(tf.zeros([3, 2]))
    True
    """

    __slots__ = ("_shape", "_dtype", "_name")

    def __init__(self, shape: Any, dtype: Any = dtypes.float32, name: str | None = None):
        self._shape = shapes.as_shape(shape)
        self._dtype = as_dtype(dtype)
        self._name = name

    @classmethod
    def from_spec(cls, spec: Any, name: str | None = None) -> TensorSpec:
        """The spec with the shape and dtype of another one."""
        return cls(spec.shape, spec.dtype, name or getattr(spec, "name", None))

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """The spec of a tensor.

        Raises:
          ValueError: if it is none.
        """
        if not is_tensor(tensor):
            raise ValueError(f"`tensor` should be a tf.Tensor, but got {tensor!r:.80}")
        symbolic = isinstance(tensor, Tensor) and hasattr(type(tensor), "value_index")
        own = tensor.op.name if symbolic else None
        return cls(tensor.shape, tensor.dtype, name or own)

    @property
    def shape(self) -> TensorShape:
        return self._shape

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def name(self) -> str | None:
        return self._name

    @property
    def value_type(self) -> type:
        return Tensor

    @property
    def _component_specs(self) -> Any:
        return self

    def _to_components(self, value: Any) -> Any:
        return convert_to_tensor(value, self._dtype)

    def _from_components(self, components: Any) -> Any:
        return components

    def _serialize(self) -> tuple:
        return self._shape, self._dtype, self._name

    def _batch(self, batch_size: int | None) -> TensorSpec:
        return TensorSpec(shapes.of((batch_size,)).concatenate(self._shape), self._dtype)

    def _unbatch(self) -> TensorSpec:
        if self._shape.rank == 0:
            raise ValueError("Unbatching a tensor is only supported for rank >= 1")
        rest = self._shape._dims
        return TensorSpec(shapes.of(None if rest is None else rest[1:]), self._dtype)

    def is_compatible_with(self, spec_or_tensor: Any) -> bool:
        """Whether dtype and shape of a tensor, or of another spec, fit."""
        other: Any = spec_or_tensor
        return (
            isinstance(other, (TensorSpec, Tensor))
            and self._dtype.is_compatible_with(other.dtype)
            and self._shape.is_compatible_with(other.shape)
        )

    def is_subtype_of(self, other: Any) -> bool:
        return (
            type(other) is type(self)
            and (not self._name or self._name == other._name)
            and self._dtype is other._dtype
            and self._shape.is_subtype_of(other._shape)
        )

    def most_specific_common_supertype(self, others: Sequence[Any]) -> Any:
        if any(type(o) is not type(self) or o._dtype is not self._dtype for o in others):
            return None
        shape = self._shape.most_specific_common_supertype([o._shape for o in others])
        if shape is None:
            return None
        name = self._name if all(o._name == self._name for o in others) else None
        return type(self)(shape, self._dtype, name)

    def most_specific_compatible_type(self, other: TypeSpec) -> TensorSpec:
        if not isinstance(other, TensorSpec) or self._dtype is not other._dtype:
            raise ValueError(f"No TypeSpec is compatible with both {self} and {other}")
        shape = self._shape.most_specific_compatible_shape(other._shape)
        return TensorSpec(shape, self._dtype, self._name if self._name == other._name else None)

    def placeholder_value(self, placeholder_context: Any) -> Any:
        from reflow.lang.context import current_graph

        graph: Any = current_graph()
        return graph.add_input(self._dtype, self._shape, self._name or "arg")

    def to_tensors(self, value: Any) -> list[Any]:
        return [self.cast(value, None)]

    def from_tensors(self, tensors: Iterator[Any]) -> Any:
        return next(tensors)

    def flatten(self) -> list[Any]:
        return [self]

    def cast(self, value: Any, cast_context: Any) -> Any:
        tensor = convert_to_tensor(value, self._dtype)
        if not self._shape.is_compatible_with(tensor.shape):
            raise TypeError(
                f"{errors.user_site()}: Cannot cast {tensor.shape} to the shape "
                f"{self._shape} of {self}"
            )
        return tensor

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self._shape}, dtype={self._dtype!r}, name={self._name!r})"


@export("NoneTensorSpec", "data.experimental.NoneTensorSpec")
class NoneTensorSpec(BatchableTypeSpec):
    """The spec of None, as a part of a data set's elements.

    >>> import reflow as tf
    >>> tf.type_spec_from_value(None) == tf.NoneTensorSpec()
    True
    """

    __slots__ = ()

    @property
    def value_type(self) -> type:
        return type(None)

    @property
    def _component_specs(self) -> Any:
        return []

    def _to_components(self, value: Any) -> Any:
        return []

    def _from_components(self, components: Any) -> Any:
        return None

    def _serialize(self) -> tuple:
        return ()

    def _batch(self, batch_size: int | None) -> NoneTensorSpec:
        return self

    def _unbatch(self) -> NoneTensorSpec:
        return self

    @staticmethod
    def from_value(value: None) -> NoneTensorSpec:
        return NoneTensorSpec()


# From values --------------------------------------------------------------------------------------


def is_tensor_or_composite(x: Any) -> bool:
    """Whether `x` is a tensor, a variable, or a sparse or ragged tensor: no data set or optional.

    >>> import reflow as tf
    >>> tf.is_tensor(tf.constant(1)), tf.is_tensor(tf.ragged.constant([[1]])), tf.is_tensor(1)
    (True, True, False)
    """
    return is_tensor(x)


_converters: list[tuple[type, Callable[[Any], TypeSpec]]] = []


def register_type_spec_from_value_converter(
    type_object: type, converter_fn: Callable[[Any], TypeSpec]
) -> None:
    """Says how the type spec of values of a type is made that have no `_type_spec` of their own."""
    _converters.insert(0, (type_object, converter_fn))


register_type_spec_from_value_converter(type(None), NoneTensorSpec.from_value)


@export("type_spec_from_value")
def type_spec_from_value(value: Any) -> TypeSpec:
    """The type spec of a value: of a tensor, a composite tensor, or what converts to a tensor.

    Raises:
      TypeError: if the value is none of them.

    >>> import reflow as tf
    >>> tf.type_spec_from_value(tf.constant([1, 2]))
    TensorSpec(shape=(2,), dtype=tf.int32, name=None)
    """
    if isinstance(value, Tensor):
        return TensorSpec(value.shape, value.dtype)
    found = getattr(value, "_type_spec", None)
    if isinstance(found, TypeSpec):
        return found
    for kind, converter in _converters:
        if isinstance(value, kind):
            return converter(value)
    try:
        tensor = convert_to_tensor(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"{errors.user_site()}: Could not build a TypeSpec for {value!r:.80} "
            f"with type {type(value).__name__}"
        ) from None
    return TensorSpec(tensor.shape, tensor.dtype)
