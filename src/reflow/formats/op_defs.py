"""The signatures of ops as protocol messages: `OpDef`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from reflow.formats import protos
from reflow.formats.attr_value import attr_to_proto
from reflow.lang.dtypes import DType
from reflow.lang.opdef import NO_DEFAULT, Arg, Attr, OpDef

# Reflow says `stateful` of what must run and stay in order; TensorFlow does not of these, nor of ops
# that take references.
_STATELESS = frozenset(("NoOp", "Placeholder", "PlaceholderV2"))


def is_stateful(opdef: OpDef) -> bool:
    """Whether TensorFlow calls the op stateful."""
    return (
        opdef.stateful
        and opdef.name not in _STATELESS
        and not any(arg.is_ref for arg in opdef.inputs)
    )


@lru_cache(maxsize=4096)
def op_def_proto(opdef: OpDef) -> Any:
    """The `OpDef` message of an op: its name, inputs, outputs and attributes.

    >>> from reflow.lang.dispatch import find_op
    >>> [arg.name for arg in op_def_proto(find_op("Identity")).input_arg]
    ['input']
    """
    proto = protos.OpDef(name=opdef.name, is_stateful=is_stateful(opdef))
    for arg in opdef.inputs:
        _write_arg(proto.input_arg.add(), arg)
    for arg in opdef.outputs:
        _write_arg(proto.output_arg.add(), arg)
    for attr in opdef.attrs.values():
        _write_attr(proto.attr.add(), attr)
    return proto


def op_list_proto(names: Any) -> Any:
    """The `OpList` message of the ops called `names`, without those that Reflow does not have."""
    from reflow.lang.opdef import REGISTRY

    found = protos.OpList()
    for name in sorted(set(names)):
        try:
            found.op.add().CopyFrom(op_def_proto(REGISTRY[name]))
        except KeyError:
            del found.op[-1]
    return found


def _write_arg(proto: Any, arg: Arg) -> None:
    proto.name = arg.name
    proto.is_ref = arg.is_ref
    if arg.dtype is not None:
        proto.type = arg.dtype.as_datatype_enum
    if arg.type_attr is not None:
        proto.type_attr = arg.type_attr
    if arg.number_attr is not None:
        proto.number_attr = arg.number_attr
    if arg.list_attr is not None:
        proto.type_list_attr = arg.list_attr


def _write_attr(proto: Any, attr: Attr) -> None:
    proto.name, proto.type = attr.name, attr.type
    if attr.default is not NO_DEFAULT:
        attr_to_proto(proto.default_value, attr.default, attr.type, str)
    if attr.allowed is not None:
        values = proto.allowed_values.list
        for each in attr.allowed:
            if isinstance(each, DType):
                values.type.append(each.as_datatype_enum)
            else:
                values.s.append(each.encode())
        values.type.sort()
        values.s.sort()
