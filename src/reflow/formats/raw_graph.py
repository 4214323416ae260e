"""Nodes as a message describes them, checked one by one and not yet part of a graph.

`RawNode` and `Body` are what an import works on between the message and the graph: edges are names, so
that a pass (`raise_control_flow`) can rewrite nodes in any order, and cycles can be seen. Nothing in a
message is trusted: what is malformed ends in a ValueError that names the node.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from reflow.formats import v1_control_flow
from reflow.formats.attr_value import (
    FunctionRef,
    Placeholder,
    attr_from_proto,
    typed_attr_from_proto,
)
from reflow.lang import errors
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.opdef import NO_DEFAULT, REGISTRY, OpDef, arg_length, output_dtypes
from reflow.lang.shapes import UNKNOWN, TensorShape

MAX_OUTPUTS = 1 << 20  # of a node: a length in an attribute is no reason to take the memory
_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*\Z")
_FUNCTION_NODE = re.compile(r"[A-Za-z0-9_.\\/>-]+\Z")  # a body's names may begin with "_"

Source = tuple[str, int]  # an output of a node


class RawNode:
    """A node: its op, edges by name, attributes as a graph's nodes hold them."""

    __slots__ = ("name", "opdef", "inputs", "controls", "attrs", "device")

    def __init__(
        self,
        name: str,
        opdef: OpDef,
        inputs: list[Source],
        controls: list[str],
        attrs: dict[str, Any],
        device: str = "",
    ):
        self.name = name
        self.opdef = opdef
        self.inputs = inputs
        self.controls = controls
        self.attrs = attrs
        self.device = device

    @property
    def op(self) -> str:
        return self.opdef.name

    def copy(self) -> RawNode:
        return RawNode(
            self.name,
            self.opdef,
            list(self.inputs),
            list(self.controls),
            dict(self.attrs),
            self.device,
        )

    def output_dtypes(self) -> list[DType]:
        return output_dtypes(self.opdef, self.attrs)

    def __repr__(self) -> str:
        return f"<{self.op} {self.name!r}>"


class Argument:
    """An argument of a function body."""

    __slots__ = ("name", "dtype", "shape", "attrs")

    def __init__(self, name: str, dtype: DType, shape: TensorShape = UNKNOWN, attrs: Any = None):
        self.name = name
        self.dtype = dtype
        self.shape = shape
        self.attrs: dict[str, Any] = attrs or {}


class Body:
    """A function: arguments, nodes, and which outputs of them it returns."""

    def __init__(
        self,
        name: str,
        arguments: list[Argument],
        nodes: list[RawNode],
        outputs: list[Source],
        controls: Sequence[str] = (),
        attributes: dict[str, Any] | None = None,
    ):
        self.name = name
        self.arguments = arguments
        self.nodes = nodes
        self.outputs = outputs
        self.controls = list(controls)
        self.attributes = attributes or {}


class CalledFunction(OpDef):
    """The op that a function of a library is, where a node has the function's name as its op."""

    __slots__ = ("output_names",)
    output_names: tuple[str, ...]

    @classmethod
    def make(cls, name: str, output_names: Sequence[str]) -> CalledFunction:
        base, new = REGISTRY["StatefulPartitionedCall"], cls.__new__(cls)
        for slot in OpDef.__slots__:
            setattr(new, slot, getattr(base, slot))
        new.name = name
        new.grad = _called_gradient
        new.output_names = tuple(output_names)
        return new


def _called_gradient(op: Any, gs: list[Any]) -> Any:
    """The gradient that the library has for the function, or that of a call."""
    call = REGISTRY["StatefulPartitionedCall"]
    gradient = getattr(op.attrs["f"], "gradient_function", None)
    if gradient is None:
        return call.grad(op, gs)
    zeros = REGISTRY["ZerosLike"]
    given = [zeros(y) if g is None else g for y, g in zip(op.outputs, gs)]
    types = tuple(t.dtype.base_dtype for t in gradient.outputs)
    return list(call([*op.inputs, *given], f=gradient, Tout=types))


def find_opdef(name: str) -> OpDef | None:
    """The op called `name`: one of Reflow's, or one of TF 1's control flow."""
    if name in v1_control_flow.OPS:
        return v1_control_flow.OPS[name]
    if name == "SymbolicGradient":
        return v1_control_flow.SYMBOLIC_GRADIENT
    try:
        return REGISTRY[name]
    except KeyError:
        return None


def unsupported(ops: dict[str, str]) -> Exception:
    """The error for ops that Reflow does not have; `ops` is from an op to a node of that op."""
    listed = ", ".join(f"{op} (node '{node}')" for op, node in sorted(ops.items())[:40])
    more = f" and {len(ops) - 40} more" if len(ops) > 40 else ""
    return errors.NotFoundError(
        None, None, f"Op types not registered: Reflow does not have {listed}{more}."
    )


class Parser:
    """Reads `NodeDef` messages into raw nodes.

    Args:
      signature_of: from a name to the `FunctionDef` of the library, or None.
      producer_defaults: for each op, the defaults that its attributes have for the program that wrote
        the graph.
    """

    def __init__(
        self,
        signature_of: Callable[[str], Any] = lambda name: None,
        producer_defaults: dict[str, dict[str, Any]] | None = None,
    ):
        self.signature_of = signature_of
        self.producer_defaults = producer_defaults or {}
        self.missing: dict[str, str] = {}  # ops that Reflow does not have, each with a node of it
        self._opdefs: dict[str, OpDef | None] = {}

    def nodes(self, protos: Iterable[Any]) -> list[RawNode]:
        """The raw nodes of a graph's messages, except those whose op is among `missing`."""
        result, names = [], set()
        for proto in protos:
            name = proto.name
            if not _NAME.match(name):
                raise ValueError(f"Node '{name:.200}': Node name contains invalid characters")
            if name in names:
                raise ValueError(f"Node '{name}' is not unique")
            names.add(name)
            node = self.node(proto, name, _graph_inputs)
            if node is not None:
                result.append(node)
        return result

    def node(self, proto: Any, name: str, split: Callable, given: Any = None) -> RawNode | None:
        """One raw node; None if its op is missing."""
        op = proto.op
        try:
            opdef = self._opdefs[op]
        except KeyError:
            opdef = self._opdefs[op] = self._find(op)
        if opdef is None:
            self.missing.setdefault(op, name)
            return None
        inputs, controls = split(proto.input, name)
        if isinstance(opdef, CalledFunction):
            attrs = self._call_attrs(proto, name, opdef)
        else:
            attrs = self._attrs(proto, name, opdef, given)
        if opdef.inputs or inputs:
            _check_input_count(name, opdef, attrs, len(inputs))
        for arg in opdef.outputs:
            if arg.number_attr is not None and attrs[arg.number_attr] > MAX_OUTPUTS:
                raise ValueError(
                    f"Node '{name}': {arg.number_attr}={attrs[arg.number_attr]} outputs are more "
                    f"than the {MAX_OUTPUTS} that a node may have"
                )
        return RawNode(name, opdef, inputs, controls, attrs, proto.device)

    def _find(self, op: str) -> OpDef | None:
        function = self.signature_of(op)
        if function is None:
            return find_opdef(op)
        return CalledFunction.make(op, [each.name for each in function.signature.output_arg])

    def _attrs(self, proto: Any, name: str, opdef: OpDef, given: Any) -> dict[str, Any]:
        attrs: dict[str, Any] = {}
        declared = opdef.attrs
        for key, value in proto.attr.items():
            attr = declared.get(key)
            try:
                if attr is not None:
                    attrs[key] = found = typed_attr_from_proto(value, attr.type)
                    if type(found) is Placeholder:
                        attrs[key] = _given(found, given)
                elif key[:1] == "_":
                    attrs[key] = found = attr_from_proto(value)
                    if type(found) is Placeholder:
                        attrs[key] = _given(found, given)
                elif not self._is_default(opdef.name, key, value):
                    raise ValueError(
                        f"NodeDef mentions attr '{key}' not in Op<name={opdef.name}>. Check whether "
                        "the program that wrote the graph is newer than this one."
                    )
            except (ValueError, TypeError, MemoryError) as error:
                text = str(error)
                if not text.startswith("NodeDef"):
                    text = f"attr '{key}': {text}"
                raise ValueError(f"Node '{name}' ({opdef.name}): {text}") from None
        for key, attr in declared.items():
            if key not in attrs:
                if attr.default is NO_DEFAULT:
                    raise ValueError(
                        f"Node '{name}': NodeDef missing attr '{key}' from Op<name={opdef.name}>"
                    )
                attrs[key] = attr.default
            elif attr.allowed is not None:
                found = attrs[key]
                for each in found if type(found) is tuple else (found,):
                    if each not in attr.allowed:
                        raise ValueError(_not_allowed(name, opdef, key, each))
        return attrs

    def _is_default(self, op: str, key: str, value: Any) -> bool:
        """Whether the program that wrote the node says that this is what an absent one means."""
        default = self.producer_defaults.get(op, {}).get(key)
        return default is not None and default == value

    def _call_attrs(self, proto: Any, name: str, opdef: CalledFunction) -> dict[str, Any]:
        signature = self.signature_of(opdef.name).signature
        attrs = {key: attr.default for key, attr in opdef.attrs.items()}
        ref = FunctionRef(opdef.name)
        for key, value in proto.attr.items():
            try:
                (attrs if key[:1] == "_" else ref.attrs)[key] = attr_from_proto(value)
            except (ValueError, TypeError) as error:
                raise ValueError(f"Node '{name}' ({opdef.name}): attr '{key}': {error}") from None
        attrs["Tin"] = argument_dtypes(signature.input_arg, ref.attrs, opdef.name)
        attrs["Tout"] = argument_dtypes(signature.output_arg, ref.attrs, opdef.name)
        attrs["f"] = ref
        return attrs


def _given(placeholder: Placeholder, given: Any) -> Any:
    if given is None or placeholder.name not in given:
        raise ValueError(f"no value is given for the placeholder '{placeholder.name}'")
    return given[placeholder.name]


def _not_allowed(name: str, opdef: OpDef, key: str, value: Any) -> str:
    allowed = ", ".join(sorted(getattr(each, "name", each) for each in opdef.attrs[key].allowed))
    return (
        f"Node '{name}': Value for attr '{key}' of {getattr(value, 'name', value)!s:.80} is not in "
        f"the list of allowed values of {opdef.name}: {allowed}"
    )


def _check_input_count(name: str, opdef: OpDef, attrs: dict[str, Any], count: int) -> None:
    wanted = 0
    for arg in opdef.inputs:
        length = arg_length(arg, attrs) if arg.is_list else 1
        if length < 0:
            raise ValueError(
                f"Node '{name}' ({opdef.name}): {arg.number_attr}={length} is negative"
            )
        wanted += length
    if wanted != count:
        raise ValueError(
            f"Node '{name}': NodeDef expected {wanted} inputs of Op<name={opdef.name}>, but "
            f"{count} are specified"
        )


def _graph_inputs(strings: Any, name: str) -> tuple[list[Source], list[str]]:
    """The edges of a graph's node: `node`, `node:1`, `^node`."""
    inputs: list[Source] = []
    controls: list[str] = []
    for text in strings:
        if text[:1] == "^":
            if text[1:] not in controls:
                controls.append(text[1:])
            continue
        if controls:
            raise ValueError(
                f"Node '{name}': Control dependencies must come after regular dependencies"
            )
        source, colon, index = text.partition(":")
        if not colon:
            inputs.append((text, 0))
        elif source and index.isascii() and index.isdigit() and len(index) < 10:
            inputs.append((source, int(index)))
        else:
            raise ValueError(f"Node '{name}': '{text:.200}' is no valid input")
    return inputs, controls


# Functions ----------------------------------------------------------------------------------------


def argument_dtypes(arguments: Any, given: dict[str, Any], function: str) -> tuple[DType, ...]:
    """The dtypes of the arguments or results of a signature, one for each tensor."""
    found: list[DType] = []
    for arg in arguments:
        try:
            if arg.type_list_attr:
                found.extend(given[arg.type_list_attr])
                continue
            dtype = given[arg.type_attr] if arg.type_attr else as_dtype(arg.type)
            if arg.is_ref:
                dtype = dtype._as_ref
            count = given[arg.number_attr] if arg.number_attr else 1
        except (KeyError, TypeError) as error:
            raise ValueError(
                f"Function '{function}': the type of '{arg.name}' is not known: {error}"
            ) from None
        if not 0 <= count <= MAX_OUTPUTS:
            raise ValueError(f"Function '{function}': '{arg.name}' has {count} tensors")
        found.extend([dtype] * count)
    return tuple(found)


def parse_function(proto: Any, parser: Parser, given: dict[str, Any]) -> Body:
    """The body of a `FunctionDef`, instantiated with the attributes `given`.

    Raises:
      ValueError: if it is malformed.
    """
    signature = proto.signature
    name = signature.name
    try:
        return _parse_function(proto, parser, given)
    except ValueError as error:
        text = str(error)
        raise ValueError(
            text if text.startswith("Function '") else f"Function '{name}': {text}"
        ) from None


def _parse_function(proto: Any, parser: Parser, given: dict[str, Any]) -> Body:
    signature = proto.signature
    values = {
        attr.name: attr_from_proto(attr.default_value)
        for attr in signature.attr
        if attr.HasField("default_value")
    }
    values.update(given)
    arguments: list[Argument] = []
    places: dict[str, list[Source]] = {}  # an argument may be a list of tensors
    for i, arg in enumerate(signature.input_arg):
        dtypes = argument_dtypes([arg], values, signature.name)
        is_list = arg.number_attr or arg.type_list_attr
        places[arg.name] = []
        for j, dtype in enumerate(dtypes):
            label = f"{arg.name}_{j}" if is_list else arg.name
            places[arg.name].append((label, 0))
            arguments.append(_argument(proto, i, label, dtype))
    nodes: list[RawNode] = []
    names = {each.name for each in arguments}
    edges = _BodyEdges(places)
    for node_proto in proto.node_def:
        label = node_proto.name
        if not _FUNCTION_NODE.match(label):
            raise ValueError(f"Node '{label:.200}': Node name contains invalid characters")
        if label in names:
            raise ValueError(f"Node '{label}' is not unique")
        names.add(label)
        node = parser.node(node_proto, label, edges.keep, values)
        if node is not None:
            nodes.append(node)
            edges.outputs_of[label] = node
    if parser.missing:
        return Body(signature.name, arguments, nodes, [])
    for node in nodes:
        node.inputs = [edges.source(text, node.name) for text in node.inputs]  # type: ignore[arg-type]
    outputs: list[Source] = []
    for arg in signature.output_arg:
        if arg.name not in proto.ret:
            raise ValueError(f"there is no value for the result '{arg.name}'")
        count = len(argument_dtypes([arg], values, signature.name))
        outputs.extend(edges.sources(proto.ret[arg.name], count, f"the result '{arg.name}'"))
    attributes = {key: attr_from_proto(value) for key, value in proto.attr.items()}
    controls = [proto.control_ret[key] for key in signature.control_output]
    return Body(signature.name, arguments, nodes, outputs, controls, attributes)


def _argument(proto: Any, i: int, label: str, dtype: DType) -> Argument:
    attrs = {}
    if i in proto.arg_attr:
        attrs = {key: attr_from_proto(value) for key, value in proto.arg_attr[i].attr.items()}
    shapes = attrs.pop("_output_shapes", None)
    shape = shapes[0] if shapes and type(shapes[0]) is TensorShape else UNKNOWN
    return Argument(label, dtype, shape, {k: v for k, v in attrs.items() if k.startswith("_")})


class _BodyEdges:
    """The edges of a function body: `argument`, `node:output:position`, `^node`."""

    def __init__(self, places: dict[str, list[Source]]):
        self.places = places
        self.outputs_of: dict[str, RawNode] = {}

    def keep(self, strings: Any, name: str) -> tuple[list[Any], list[str]]:
        """The data edges as they are: what they mean is known when all nodes are."""
        inputs = [text for text in strings if not text.startswith("^")]
        controls = [text[1:] for text in strings if text.startswith("^")]
        places = self.places
        return inputs, [each for each in dict.fromkeys(controls) if each not in places]

    def source(self, text: str, name: str) -> Source:
        return self.sources(text, 1, f"Node '{name}'")[0]

    def sources(self, text: str, count: int, what: str) -> list[Source]:
        """The outputs that `text` and the `count - 1` positions after it stand for."""
        first, *rest = text.split(":")
        if first in self.places and len(rest) < 2:
            found = self.places[first]
            at = _position(rest[0] if rest else "0", text, what)
            if at + count > len(found):
                raise ValueError(f"{what}: '{text}' is not among the {len(found)} of its argument")
            return found[at : at + count]
        node = self.outputs_of.get(first)
        if node is None:
            raise ValueError(f"{what}: Unknown input node '{first:.200}'")
        at = _position(rest[1] if len(rest) > 1 else "0", text, what)
        if isinstance(node.opdef, CalledFunction):
            names = list(node.opdef.output_names)
            if not rest or rest[0] not in names:
                raise ValueError(f"{what}: '{text:.200}' is no output of {node.op}")
            at += names.index(rest[0])
        else:
            start = 0
            for arg in node.opdef.outputs:
                if rest and arg.name == rest[0]:
                    break
                start += arg_length(arg, node.attrs)
            else:
                raise ValueError(f"{what}: '{text:.200}' is no output of {node.op}")
            at += start
        return [(first, at + i) for i in range(count)]


def _position(text: str, whole: str, what: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError(f"{what}: '{whole:.200}' is no valid input")
    return int(text)
