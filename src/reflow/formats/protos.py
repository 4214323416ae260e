"""TensorFlow's protocol messages: `protos.GraphDef`, `protos.ConfigProto`, `protos.DataType`, ...

The schema is `proto/**/*.proto`, compiled by `tools/make_protos.py`. The classes live in a
descriptor pool of their own, so that TensorFlow or TensorBoard may be imported into the same
process. They are made on first use; importing this module does not even import protobuf.

>>> from reflow.formats import protos
>>> node = protos.NodeDef(name="x", op="Placeholder")
>>> node.attr["dtype"].type = protos.DataType.DT_FLOAT
>>> protos.NodeDef.FromString(node.SerializeToString()) == node
True
"""

from __future__ import annotations

import copyreg
import pkgutil
import threading
import types
from typing import Any


class _Schema:
    """The pool, and what each .proto file defines at its top level."""

    def __init__(self) -> None:
        from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, wrappers_pb2

        data = pkgutil.get_data(__package__, "proto/descriptors.binpb")
        self.pool = descriptor_pool.DescriptorPool()
        for well_known in (any_pb2, wrappers_pb2):
            self.pool.AddSerializedFile(well_known.DESCRIPTOR.serialized_pb)
        self.files: dict[str, dict[str, Any]] = {}
        self.names: dict[str, Any] = {}
        self.modules: dict[str, types.ModuleType] = {}
        for file in descriptor_pb2.FileDescriptorSet.FromString(data).file:
            self.pool.AddSerializedFile(file.SerializeToString())
            descriptor = self.pool.FindFileByName(file.name)
            defined = _defined_in(descriptor)
            self.files[file.name] = defined
            # The values of error.Code (OK, UNKNOWN, ...) are not unique: they stay behind the enum.
            values = descriptor.package == "tensorflow"
            self.names.update((k, v) for k, v in defined.items() if values or type(v) is not int)


def _defined_in(file: Any) -> dict[str, Any]:
    """Messages, enums and enum values at the top level of a file, by name."""
    # Generated code wraps its enums in this class; protobuf has no public name for it.
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

    defined: dict[str, Any] = {
        name: _message_class(message, name) for name, message in file.message_types_by_name.items()
    }
    for name, enum in file.enum_types_by_name.items():
        defined[name] = EnumTypeWrapper(enum)
        defined.update((value.name, value.number) for value in enum.values)
    return defined


def _message_class(descriptor: Any, qualname: str) -> type:
    """The class of a message, under the name that pickle finds it by."""
    from google.protobuf.message_factory import GetMessageClass

    cls = GetMessageClass(descriptor)
    cls.__module__ = __name__
    cls.__qualname__ = qualname
    # protobuf's own way to pickle looks for nested messages in the default pool.
    copyreg.pickle(cls, _reduce)
    for name, nested in descriptor.nested_types_by_name.items():
        setattr(cls, name, _message_class(nested, f"{qualname}.{name}"))
    return cls


def _reduce(message: Any) -> tuple[Any, ...]:
    return _parse, (type(message), message.SerializeToString())


def _parse(cls: Any, data: bytes) -> Any:
    return cls.FromString(data)


_loaded: list[_Schema] = []
_lock = threading.RLock()


def _schema() -> _Schema:
    if not _loaded:
        with _lock:  # two pools would mean two classes for one message
            if not _loaded:
                _loaded.append(_Schema())
    return _loaded[0]


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        found = _schema().names.get(name)
        if found is not None:
            return found
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}: no .proto file of Reflow defines it"
    )


def __dir__() -> list[str]:
    return sorted([*globals(), *_schema().names])


def descriptor_pool() -> Any:
    """The pool of these messages, which `text_format` and `json_format` need to show an `Any`.

    >>> from google.protobuf import text_format
    >>> from reflow.formats import protos
    >>> collection = protos.CollectionDef()
    >>> collection.any_list.value.add().Pack(protos.SaverDef(max_to_keep=5))
    >>> text_format.MessageToString(
    ...     collection, descriptor_pool=protos.descriptor_pool(), as_one_line=True)
    'any_list { value { [type.googleapis.com/tensorflow.SaverDef] { max_to_keep: 5 } } }'
    """
    return _schema().pool


def pb2_module(name: str) -> types.ModuleType:
    """The module that TensorFlow has under `name`, with Reflow's messages.

    It holds the messages, enums and enum values of one .proto file and of the files that this one
    imports publicly, and the file's `DESCRIPTOR`. The same name gives the same module.

    Args:
      name: a module name such as `tensorflow.core.framework.graph_pb2`.

    Raises:
      ModuleNotFoundError: if Reflow has no such .proto file.

    >>> from reflow.formats import protos
    >>> types_pb2 = protos.pb2_module("tensorflow.core.framework.types_pb2")
    >>> types_pb2.DT_FLOAT, types_pb2.DataType.Name(1)
    (1, 'DT_FLOAT')
    """
    schema = _schema()
    with _lock:
        if name not in schema.modules:
            schema.modules[name] = _make_module(schema, name)
        return schema.modules[name]


def _make_module(schema: _Schema, name: str) -> types.ModuleType:
    file = name.removesuffix("_pb2").replace(".", "/") + ".proto"
    # TensorFlow's wheel holds the modules of XLA's files below its own package.
    file = file.replace("tensorflow/compiler/xla/", "xla/", 1)
    if file not in schema.files or not name.endswith("_pb2"):
        raise ModuleNotFoundError(f"No module named {name!r}: Reflow has no {file}", name=name)
    module = types.ModuleType(name, f"The messages of {file}.")
    descriptor = schema.pool.FindFileByName(file)
    for each in (*descriptor.public_dependencies, descriptor):
        vars(module).update(schema.files[each.name])
    module.DESCRIPTOR = descriptor  # type: ignore[attr-defined]
    return module
