"""Attribute values as protocol messages, and back: `AttrValue`.

A node holds its attributes as plain Python values (`DType`, `TensorShape`, tuples for lists, arrays for
tensors, function graphs): see `lang/dispatch.py`. The type of an attribute that the op declares says
which field of the message it is; of one that the op does not declare (`_class`, `_output_shapes`) the
value says it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.formats import tensor_codec
from reflow.lang import shapes
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.func_graph import FuncGraph
from reflow.lang.shapes import TensorShape


class FunctionRef:
    """A function by name, with the attributes it is instantiated with: a `NameAttrList`."""

    __slots__ = ("name", "attrs")

    def __init__(self, name: str, attrs: dict[str, Any] | None = None):
        self.name = name
        self.attrs = attrs or {}

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, FunctionRef)
            and self.name == other.name
            and self.attrs.keys() == other.attrs.keys()
            and all(np.array_equal(v, other.attrs[k]) for k, v in self.attrs.items())
        )

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<function {self.name!r}>"


class Placeholder:
    """Stands in the body of a function for an attribute that its caller gives."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name


# ---- from messages


def attr_from_proto(value: Any) -> Any:
    """The plain value of an `AttrValue`, whichever of its fields is set.

    Raises:
      ValueError: if none is, or if its content is malformed.

    >>> from reflow.formats import protos
    >>> attr_from_proto(protos.AttrValue(list=protos.AttrValue.ListValue(i=[1, 2])))
    (1, 2)
    """
    which = value.WhichOneof("value")
    if which is None:
        raise ValueError("an AttrValue without a value")
    if which == "list":
        for field, _ in value.list.ListFields():
            return _READ_LIST[field.name](value.list)
        return ()
    return _READ[which](value)


def typed_attr_from_proto(value: Any, kind: str) -> Any:
    """The plain value of an `AttrValue` for an attribute of the type `kind`.

    Raises:
      ValueError: if the message holds a value of another type, or a malformed one.
    """
    which = value.WhichOneof("value")
    field = _FIELD_OF.get(kind)
    if field is not None:
        if which == field:
            return _READ[which](value)
    elif which == "list":
        field = _FIELD_OF[kind[5:-1]]
        given = value.list.ListFields()
        if not given:
            return ()
        if len(given) == 1 and given[0][0].name == field:
            return _READ_LIST[field](value.list)
        which = f"list of {', '.join(f.name for f, _ in given)}"
    if which == "placeholder":
        return Placeholder(value.placeholder)
    raise ValueError(f"expected a value of type {kind}, but got {which or 'none'}")


def _text(value: bytes) -> Any:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _type(number: int) -> DType:
    try:
        return as_dtype(number)
    except TypeError:
        raise ValueError(f"{number} is no DataType") from None


def _shape(proto: Any) -> TensorShape:
    if proto.unknown_rank:
        return shapes.UNKNOWN
    sizes = tuple([d.size for d in proto.dim])
    for size in sizes:
        if size < -1:
            raise ValueError(f"Shape {list(sizes)} has dimensions below -1")
    if -1 in sizes:
        sizes = tuple([None if size == -1 else size for size in sizes])
    return shapes.of(sizes)


def _function(proto: Any) -> FunctionRef:
    return FunctionRef(proto.name, {k: attr_from_proto(v) for k, v in proto.attr.items()})


_READ: dict[str, Callable[[Any], Any]] = {
    "i": lambda value: value.i,
    "f": lambda value: value.f,
    "b": lambda value: value.b,
    "s": lambda value: _text(value.s),
    "type": lambda value: _type(value.type),
    "shape": lambda value: _shape(value.shape),
    "tensor": lambda value: tensor_codec.make_constant(value.tensor),
    "func": lambda value: _function(value.func),
    "placeholder": lambda value: Placeholder(value.placeholder),
}
_READ_LIST: dict[str, Callable[[Any], Any]] = {
    "i": lambda value: tuple(value.i),
    "f": lambda value: tuple(value.f),
    "b": lambda value: tuple(value.b),
    "s": lambda value: tuple([_text(each) for each in value.s]),
    "type": lambda value: tuple([_type(each) for each in value.type]),
    "shape": lambda value: tuple([_shape(each) for each in value.shape]),
    "tensor": lambda value: tuple([tensor_codec.make_constant(each) for each in value.tensor]),
    "func": lambda value: tuple([_function(each) for each in value.func]),
}
_FIELD_OF = {
    "int": "i",
    "float": "f",
    "bool": "b",
    "string": "s",
    "type": "type",
    "shape": "shape",
    "tensor": "tensor",
    "func": "func",
}


# ---- to messages


def attr_to_proto(target: Any, value: Any, kind: str | None, name_of: Callable[[Any], str]) -> bool:
    """Writes `value` into the `AttrValue` message `target`.

    Args:
      target: the message.
      value: the attribute as a node holds it.
      kind: the type that the op declares; None where it declares no such attribute.
      name_of: from a function graph to its name in the function library.

    Returns:
      False if a value that no op declares is of no type that the message has.
    """
    if kind is None:
        if hasattr(value, "WhichOneof"):
            target.CopyFrom(value)
            return True
        kind = _guess(value)
        if kind is None:
            return False
    if kind.startswith("list("):
        target.list.SetInParent()
        _WRITE_LIST[kind[5:-1]](target.list, value, name_of)
    else:
        _WRITE[kind](target, value, name_of)
    return True


def _guess(value: Any) -> str | None:
    if isinstance(value, (tuple, list)):
        inner = _guess(value[0]) if value else "string"
        return None if inner is None else f"list({inner})"
    for types, kind in _GUESSES:
        if isinstance(value, types):
            return kind
    return None


_GUESSES: tuple[tuple[Any, str], ...] = (
    ((bool, np.bool_), "bool"),
    ((int, np.integer), "int"),
    ((float, np.floating), "float"),
    ((str, bytes), "string"),
    (DType, "type"),
    (TensorShape, "shape"),
    (np.ndarray, "tensor"),
    ((FunctionRef, FuncGraph), "func"),
)


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def write_shape(proto: Any, shape: Any) -> None:
    """Fills a `TensorShapeProto`."""
    sizes = shapes.as_shape(shape).sizes
    if sizes is None:
        proto.unknown_rank = True
        return
    proto.SetInParent()  # a scalar's is there, and empty
    for size in sizes:
        proto.dim.add().size = -1 if size is None else size


def write_tensor(proto: Any, value: Any) -> None:
    """Fills a `TensorProto` with an array; one that repeats a single value is written as that value."""
    if hasattr(value, "tensor_shape"):
        proto.CopyFrom(value)
        return
    array = np.asarray(value)
    if array.size > 1 and not any(array.strides):
        single = array[(0,) * array.ndim]
        single = np.asarray(single, array.dtype).reshape(1)
        proto.CopyFrom(tensor_codec.make_tensor_proto(single, shape=array.shape))
    else:
        proto.CopyFrom(tensor_codec.make_tensor_proto(array))


def write_function(proto: Any, value: Any, name_of: Callable[[Any], str]) -> None:
    """Fills a `NameAttrList` with a function graph or a reference to a function."""
    if isinstance(value, FunctionRef):
        proto.name = value.name
        for key, each in value.attrs.items():
            attr_to_proto(proto.attr[key], each, None, name_of)
    elif hasattr(value, "SerializeToString"):
        proto.CopyFrom(value)
    else:
        proto.name = value if isinstance(value, str) else name_of(value)


def _set(field: str) -> Callable[..., None]:
    return lambda target, value, name_of: setattr(target, field, value)


_WRITE: dict[str, Callable[..., None]] = {
    "int": _set("i"),
    "float": _set("f"),
    "bool": _set("b"),
    "string": lambda target, value, name_of: setattr(target, "s", _bytes(value)),
    "type": lambda target, value, name_of: setattr(target, "type", value.as_datatype_enum),
    "shape": lambda target, value, name_of: write_shape(target.shape, value),
    "tensor": lambda target, value, name_of: write_tensor(target.tensor, value),
    "func": lambda target, value, name_of: write_function(target.func, value, name_of),
}


def _write_each(field: str, write: Callable[..., None]) -> Callable[..., None]:
    def write_list(target: Any, values: Any, name_of: Any) -> None:
        added = getattr(target, field)
        for value in values:
            write(added.add(), value, name_of)

    return write_list


_WRITE_LIST: dict[str, Callable[..., None]] = {
    "int": lambda target, values, name_of: target.i.extend(values),
    "float": lambda target, values, name_of: target.f.extend(values),
    "bool": lambda target, values, name_of: target.b.extend(values),
    "string": lambda target, values, name_of: target.s.extend([_bytes(v) for v in values]),
    "type": lambda target, values, name_of: target.type.extend(
        [v.as_datatype_enum for v in values]
    ),
    "shape": _write_each("shape", lambda proto, value, name_of: write_shape(proto, value)),
    "tensor": _write_each("tensor", lambda proto, value, name_of: write_tensor(proto, value)),
    "func": _write_each("func", write_function),
}
