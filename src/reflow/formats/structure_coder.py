"""Nested structures of type specs as `StructuredValue` messages, in which files describe elements."""

from __future__ import annotations

import collections
from typing import Any

from reflow.formats import protos
from reflow.formats.tensor_codec import shape_to_proto
from reflow.lang import errors, nest
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.shapes import TensorShape
from reflow.lang.type_spec import TensorSpec, TypeSpec
from reflow.lang.type_spec_names import get_name, lookup

# TensorFlow's numbers of classes; those that programs register have one number and go by their names.
_CLASSES = {
    "SparseTensorSpec": "SPARSE_TENSOR_SPEC",
    "IndexedSlicesSpec": "INDEXED_SLICES_SPEC",
    "RaggedTensorSpec": "RAGGED_TENSOR_SPEC",
    "TensorArraySpec": "TENSOR_ARRAY_SPEC",
    "DatasetSpec": "DATA_DATASET_SPEC",
    "IteratorSpec": "DATA_ITERATOR_SPEC",
    "OptionalSpec": "OPTIONAL_SPEC",
    "PerReplicaSpec": "PER_REPLICA_SPEC",
    "VariableSpec": "VARIABLE_SPEC",
    "RowPartitionSpec": "ROW_PARTITION_SPEC",
}


def encode(structure: Any) -> Any:
    """The message of type specs in tuples, named tuples, lists and dictionaries with text keys.

    Raises:
      errors.UnimplementedError: if there is anything else in it.
    """
    message = protos.StructuredValue()
    _write(message, structure)
    return message


def _write(message: Any, value: Any) -> None:
    if value is None:
        message.none_value.SetInParent()
    elif type(value) is TensorSpec:
        spec = message.tensor_spec_value
        spec.name = value.name or ""
        spec.shape.CopyFrom(shape_to_proto(value.shape))
        spec.dtype = value.dtype.as_datatype_enum
    elif isinstance(value, TypeSpec):
        _write_spec(message.type_spec_value, value)
    elif isinstance(value, TensorShape):
        message.tensor_shape_value.CopyFrom(shape_to_proto(value))
    elif isinstance(value, DType):
        message.tensor_dtype_value = value.as_datatype_enum
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int):
        message.int64_value = value
    elif isinstance(value, float):
        message.float64_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        message.named_tuple_value.name = type(value).__name__
        for key, each in zip(value._fields, value):
            pair = message.named_tuple_value.values.add()
            pair.key = key
            _write(pair.value, each)
    elif isinstance(value, (tuple, list)):
        rows = message.tuple_value if isinstance(value, tuple) else message.list_value
        rows.SetInParent()
        for each in value:
            _write(rows.values.add(), each)
    elif nest.is_mapping(value) and all(isinstance(key, str) for key in value):
        message.dict_value.SetInParent()
        for key in value:
            _write(message.dict_value.fields[key], value[key])
    else:
        raise errors.UnimplementedError(
            None, None, f"{value!r:.80} as part of the structure of elements in a file"
        )


def _write_spec(message: Any, spec: TypeSpec) -> None:
    name = type(spec).__name__
    known = _CLASSES.get(name) if type(spec).__module__.startswith("reflow.") else None
    if known is None:
        known = "REGISTERED_TYPE_SPEC"
        try:
            name = get_name(type(spec))
        except ValueError as error:
            raise errors.UnimplementedError(
                None,
                None,
                f"{errors.user_site()}: {error} A class of type specs needs a name to be written: "
                "tensorflow.python.framework.type_spec_registry.register",
            ) from None
    message.type_spec_class = getattr(message, known)
    message.type_spec_class_name = name
    message.num_flat_components = len(nest.flatten(spec, expand_composites=True))
    _write(message.type_state, spec._serialize())


def _read_spec(message: Any) -> TypeSpec:
    number = message.type_spec_class
    names = [name for name, each in _CLASSES.items() if getattr(message, each) == number]
    if names:
        cls = lookup(f"tf.{names[0]}")
    elif number == message.REGISTERED_TYPE_SPEC:
        cls = lookup(message.type_spec_class_name)
    else:
        raise errors.UnimplementedError(
            None, None, f"the type spec {message.type_spec_class_name or number} of a file"
        )
    return cls._deserialize(decode(message.type_state))  # type: ignore[attr-defined]


def spec_to_proto(spec: TypeSpec) -> Any:
    """The message of a type spec alone.

    Raises:
      errors.UnimplementedError: if its class, or a part of it, has no form in files.
    """
    message = encode(spec)
    return getattr(message, message.WhichOneof("kind"))


def proto_of_spec(cls: type[TypeSpec]) -> type:
    """The class of such messages."""
    return protos.TensorSpecProto if issubclass(cls, TensorSpec) else protos.TypeSpecProto


def spec_from_proto(cls: type[TypeSpec], proto: Any) -> TypeSpec:
    """The type spec of a message.

    Raises:
      TypeError: if it is of another class than `cls`.
    """
    message = protos.StructuredValue()
    field = message.tensor_spec_value if issubclass(cls, TensorSpec) else message.type_spec_value
    field.MergeFromString(proto.SerializeToString())
    spec = decode(message)
    if not isinstance(spec, cls):
        raise TypeError(
            f"{errors.user_site()}: {cls.__name__}.experimental_from_proto was given a message of {spec}"
        )
    return spec


def decode(message: Any) -> Any:
    """The structure that a message describes.

    Raises:
      errors.UnimplementedError: if there is anything in it but type specs in Python's containers.
    """
    kind = message.WhichOneof("kind")
    if kind == "none_value":
        return None
    if kind == "tensor_spec_value":
        spec = message.tensor_spec_value
        return TensorSpec(_shape(spec.shape), as_dtype(spec.dtype), spec.name or None)
    if kind == "type_spec_value":
        return _read_spec(message.type_spec_value)
    if kind == "tensor_shape_value":
        return _shape(message.tensor_shape_value)
    if kind == "tensor_dtype_value":
        return as_dtype(message.tensor_dtype_value)
    if kind in ("bool_value", "int64_value", "float64_value", "string_value"):
        return getattr(message, kind)
    if kind == "tuple_value":
        return tuple(decode(each) for each in message.tuple_value.values)
    if kind == "list_value":
        return [decode(each) for each in message.list_value.values]
    if kind == "dict_value":
        return {key: decode(each) for key, each in message.dict_value.fields.items()}
    if kind == "named_tuple_value":
        pairs = message.named_tuple_value.values
        made = collections.namedtuple(message.named_tuple_value.name, [p.key for p in pairs])
        return made(*(decode(pair.value) for pair in pairs))
    raise errors.UnimplementedError(
        None, None, f"{kind} as part of the structure of elements in a file"
    )


def _shape(proto: Any) -> TensorShape:
    if proto.unknown_rank:
        return TensorShape(None)
    return TensorShape([None if d.size < 0 else d.size for d in proto.dim])
