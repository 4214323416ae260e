"""Nested structures of tensor specs as `StructuredValue` messages, in which files describe elements."""

from __future__ import annotations

import collections
from typing import Any

from reflow.formats import protos
from reflow.formats.tensor_codec import shape_to_proto
from reflow.lang import errors, nest
from reflow.lang.dtypes import as_dtype
from reflow.lang.shapes import TensorShape
from reflow.lang.type_spec import TensorSpec


def encode(structure: Any) -> Any:
    """The message of tensor specs in tuples, named tuples, lists and dictionaries with text keys.

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


def decode(message: Any) -> Any:
    """The structure that a message describes.

    Raises:
      errors.UnimplementedError: if there is anything in it but tensor specs in Python's containers.
    """
    kind = message.WhichOneof("kind")
    if kind == "none_value":
        return None
    if kind == "tensor_spec_value":
        spec = message.tensor_spec_value
        return TensorSpec(_shape(spec.shape), as_dtype(spec.dtype), spec.name or None)
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
