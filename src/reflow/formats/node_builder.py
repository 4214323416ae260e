"""Adds raw nodes to a graph, or to the function graph of a body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from reflow.formats.attr_value import FunctionRef
from reflow.formats.raw_graph import Body, RawNode
from reflow.formats.region import in_order, make_node
from reflow.formats.v1_control_flow import SYMBOLIC_GRADIENT
from reflow.lang import errors, shapes
from reflow.lang.dtypes import DType
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Graph, Operation
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import SymbolicTensor


class Functions(Protocol):
    """Where function graphs come from, and the user's line that asked for them."""

    site: Any

    def function(self, ref: FunctionRef) -> FuncGraph:
        """The function graph of a function of the library."""

    def gradient(self, ref: FunctionRef) -> FuncGraph:
        """The function of the arguments of a function, and of the gradients of its results, to the
        gradients of the arguments."""

    def build(
        self, body: Body, known: Sequence[TensorShape], given: Sequence[SymbolicTensor]
    ) -> FuncGraph:
        """The function graph of a body, for arguments of known shapes."""


class Builder:
    """Adds raw nodes to a graph.

    Args:
      functions: where function graphs come from.
      graph: what nodes are added to.
      scope: what their names begin with.
      mapping: tensors and nodes in place of those that a raw node names.

    Attributes:
      by_name: the nodes by the names that they had.
    """

    def __init__(
        self,
        functions: Functions,
        graph: Graph,
        scope: str = "",
        mapping: dict[str, Any] | None = None,
    ):
        self.functions = functions
        self.graph = graph
        self.scope = scope
        self.by_name: dict[str, Operation] = {}
        self.mapped: dict[tuple[str, int], SymbolicTensor] = {}
        self.mapped_controls: dict[str, Operation] = {}
        self.colocation_names: set[str] | None = None  # those that the message has, to be checked
        self.present: set[str] = set()
        for key, value in (mapping or {}).items():
            if key.startswith("^"):
                self.mapped_controls[key[1:]] = value if isinstance(value, Operation) else value.op
            else:
                name, _, index = key.partition(":")
                self.mapped[name, int(index) if index.isdigit() else 0] = self._own(value, key)

    def _own(self, value: Any, key: str) -> SymbolicTensor:
        if isinstance(value, Operation):
            raise TypeError(f"input_map maps '{key}' to an Operation: a Tensor is needed")
        return value if value.op.graph is self.graph else self.graph.capture(value)

    def add_all(self, nodes: Sequence[RawNode]) -> None:
        replaced = {*self.mapped, *((name, -1) for name in self.mapped_controls)}
        self.present = {node.name for node in nodes}
        for node in in_order(nodes, self.by_name, replaced):
            self.add(node)

    def tensor(self, source: tuple[str, int], what: str) -> SymbolicTensor:
        found = self.mapped.get(source)
        if found is not None:
            return found
        op = self.by_name.get(source[0])
        if op is None:
            raise ValueError(f"{what}: Unknown input node '{source[0]:.200}'")
        try:
            return op.outputs[source[1]]
        except IndexError:
            raise ValueError(
                f"{what}: Connecting to invalid output {source[1]} of source node {source[0]} which "
                f"has {len(op.outputs)} outputs."
            ) from None

    def add(self, node: RawNode) -> None:
        by_name, mapped = self.by_name, self.mapped
        inputs = []
        for source in node.inputs:
            if mapped and source in mapped:
                inputs.append(mapped[source])
                continue
            outputs = by_name[source[0]].outputs
            if source[1] >= len(outputs):
                self.tensor(source, f"Node '{node.name}'")
            inputs.append(outputs[source[1]])
        if inputs:
            self._check_dtypes(node, inputs)
        if node.opdef is SYMBOLIC_GRADIENT:
            node = self._gradient_call(node)
        attrs, opdef = node.attrs, node.opdef
        self._make_functions(node, inputs)
        for key in [k for k in attrs if k[0] == "_"] if len(attrs) > len(opdef.attrs) else ():
            if key == "_class":
                self._place_beside(node)
            elif type(attrs[key]) is FunctionRef:
                attrs[key] = self._function(attrs[key], node)
        known = attrs.pop("_output_shapes", None)
        controls: tuple[Operation, ...] = ()
        if node.controls:
            controls = tuple([self.mapped_controls.get(c) or by_name[c] for c in node.controls])
        try:
            op = self.graph.add_node(
                opdef,
                inputs,
                attrs,
                self._name(node.name),
                control_inputs=controls,
                device=node.device,
                site=self.functions.site,
            )
        except (ValueError, errors.OpError, MemoryError):
            raise
        except Exception as error:  # of a shape rule, by attributes that no program would give
            raise ValueError(
                f"Node '{self.scope}{node.name}' ({node.op}): {type(error).__name__}: {error}"
            ) from None
        if self.graph._device_stack:
            op._device = self.graph._device_for(op, node.device)
        by_name[node.name] = op
        if known is not None:
            _merge_shapes(op, known)

    def _check_dtypes(self, node: RawNode, inputs: Sequence[SymbolicTensor]) -> None:
        index = 0
        attrs = node.attrs
        for arg in node.opdef.inputs:
            if arg.list_attr is not None:
                wanted = attrs[arg.list_attr]
                length = len(wanted)
            else:
                length = 1 if arg.number_attr is None else attrs[arg.number_attr]
                wanted = (arg.dtype or attrs[arg.type_attr],) * length
            for i in range(length):
                got = inputs[index].dtype
                if got is not wanted[i] and got.base_dtype is not wanted[i].base_dtype:
                    raise self._mismatch(node, index, inputs[index], wanted[i])
                if arg.is_ref and not got.is_ref_dtype:
                    raise self._mismatch(node, index, inputs[index], wanted[i]._as_ref)
                index += 1

    def _mismatch(
        self, node: RawNode, index: int, got: SymbolicTensor, wanted: DType
    ) -> ValueError:
        return ValueError(
            f"Input {index} of node {self.scope}{node.name} ({node.op}) was passed {got.dtype.name} "
            f"from {got.name} incompatible with expected {wanted.name}."
        )

    def _gradient_call(self, node: RawNode) -> RawNode:
        """A call of the gradient of a function, for a `SymbolicGradient`."""
        attrs = {k: v for k, v in node.attrs.items() if k[0] == "_"}
        attrs.update(Tin=node.attrs["Tin"], Tout=node.attrs["Tout"])
        call = make_node(node.name, "StatefulPartitionedCall", node.inputs, node.controls, **attrs)
        call.attrs["f"] = function = self._function(node.attrs["f"], node, gradient=True)
        call.device = node.device
        for key, tensors in (("Tin", function.inputs), ("Tout", function.outputs)):
            if tuple(t.dtype.base_dtype for t in tensors) != attrs[key]:
                raise ValueError(
                    f"Node '{node.name}': {key} does not fit the gradient of {node.attrs['f']!r}"
                )
        return call

    def _make_functions(self, node: RawNode, inputs: Sequence[SymbolicTensor]) -> None:
        """Puts function graphs in the places of names and bodies."""
        attrs = node.attrs
        for key, attr in node.opdef.attrs.items():
            if attr.type == "func":
                if isinstance(attrs[key], Body):
                    self._make_bodies(node, inputs)
                    return
                if not isinstance(attrs[key], FuncGraph):
                    attrs[key] = self._function(attrs[key], node)
            elif attr.type == "list(func)":
                attrs[key] = tuple([self._function(each, node) for each in attrs[key]])

    def _make_bodies(self, node: RawNode, inputs: Sequence[SymbolicTensor]) -> None:
        """Makes the functions of a conditional or loop that was raised, with static shapes."""
        build, attrs = self.functions.build, node.attrs
        known = [t.shape for t in inputs]
        if "then_branch" in attrs:
            for key in ("then_branch", "else_branch"):
                attrs[key] = build(attrs[key], known[1:], inputs[1:])
            pairs = zip(attrs["then_branch"].outputs, attrs["else_branch"].outputs)
            attrs["output_shapes"] = tuple([_common_shape(a, b) for a, b in pairs])
            return
        for attempt in range(3):  # a shape that changes in the body is not known
            body = build(attrs["body"], known, inputs)
            after = [t.shape for t in body.outputs]
            changed = [i for i, (x, y) in enumerate(zip(known, after)) if not y.is_subtype_of(x)]
            if not changed:
                break
            for i in changed:
                common = known[i].most_specific_compatible_shape(after[i])
                known[i] = shapes.UNKNOWN if attempt else common
        else:
            body = build(attrs["body"], known, inputs)
        attrs["body"] = body
        attrs["cond"] = build(attrs["cond"], known, inputs)
        attrs["output_shapes"] = tuple(known)

    def _function(self, value: Any, node: RawNode, gradient: bool = False) -> FuncGraph:
        try:
            return (self.functions.gradient if gradient else self.functions.function)(value)
        except ValueError as error:
            text = str(error)
            raise ValueError(
                text if text.startswith("Node '") else f"Node '{node.name}': {text}"
            ) from None

    def _name(self, name: str) -> str:
        graph = self.graph
        name = self.scope + name
        if name in graph._by_name:
            outer, graph._name_stack = graph._name_stack, ""
            try:
                return graph.unique_name(name)
            finally:
                graph._name_stack = outer
        graph._names_in_use.setdefault(name.lower(), 1)
        return name

    def _place_beside(self, node: RawNode) -> None:
        groups = []
        value = node.attrs["_class"]
        for each in value if isinstance(value, tuple) else (value,):
            if not isinstance(each, (str, bytes)):
                raise ValueError(f"Node '{node.name}': attr '_class' is no list of strings")
            text = each.decode("utf-8", "replace") if isinstance(each, bytes) else each
            if not text.startswith("loc:@"):
                groups.append(each)
                continue
            name = text[5:]
            if self.colocation_names is not None and name not in self.colocation_names:
                raise ValueError(
                    f"Node '{node.name}' expects to be colocated with unknown node '{name:.200}'"
                )
            if name not in self.present:
                continue  # it became part of a conditional or a loop
            if (name, 0) in self.mapped:
                groups.extend(
                    g.decode() if isinstance(g, bytes) else g
                    for g in self.mapped[name, 0].op.colocation_groups()
                )
            else:
                groups.append(f"loc:@{self.scope}{name}")
        if groups:
            node.attrs["_class"] = tuple(sorted(set(groups)))
        else:
            del node.attrs["_class"]


def _common_shape(a: SymbolicTensor, b: SymbolicTensor) -> TensorShape:
    """What is known of a value that one of two branches gives."""
    if a.op.type == "FakeParam":
        return b.shape
    return a.shape if b.op.type == "FakeParam" else a.shape.most_specific_compatible_shape(b.shape)


def _merge_shapes(op: Operation, known: Any) -> None:
    if not isinstance(known, tuple):
        return
    for i, (tensor, shape) in enumerate(zip(op.outputs, known)):
        if type(shape) is not TensorShape or shape is shapes.UNKNOWN:
            continue
        try:
            tensor._shape = tensor._shape.merge_with(shape)
        except ValueError as error:
            raise ValueError(
                f"Node '{op.name}' has an _output_shapes attribute inconsistent with the GraphDef "
                f"for output #{i}: {error}"
            ) from None
