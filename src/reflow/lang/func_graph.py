"""Graphs that are the body of a function: of a branch, of a loop, of a `tf.function`."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import context, errors
from reflow.lang.dtypes import DType, resource, variant
from reflow.lang.graph import Graph, Operation
from reflow.lang.opdef import REGISTRY
from reflow.lang.random_seed import eager_seed
from reflow.lang.resource import handle_type
from reflow.lang.shapes import TensorShape, as_shape
from reflow.lang.tensor import SymbolicTensor, Tensor

_SMALL = 128  # elements: the values of smaller captured tensors are known while tracing
_serial = itertools.count()
_AROUND: Any = object()  # the outer graph is the one that is being built


class FuncGraph(Graph):
    """A graph with inputs and outputs. Tensors from outside that its nodes use are captured: each
    becomes a further input.

    Attributes:
      inputs: the placeholders of the arguments, then those of the captures.
      outputs: the tensors that a call returns.
      captures: the outside tensor and its placeholder, in the order in which they were first used.
      outer_graph: the graph in which the function was made; None when it was eager code.
      side_effects: whether its stateful nodes run even when no output needs them.
      outer_controls: nodes of outer graphs that its nodes wait for: the caller has to.
    """

    def __init__(self, name: str, outer_graph: Any = _AROUND, capture_by_value: bool = False):
        super().__init__()
        if capture_by_value:
            raise errors.UnimplementedError(
                None, None, f"the function graph {name!r} with capture_by_value=True"
            )
        if outer_graph is _AROUND:
            outer_graph = context.current_graph()
        self.name = name
        self.serial = next(_serial)
        self.outer_graph = outer_graph
        self.building_function = True
        # Handles of variables that the function creates, whose first values depend on its arguments; None
        # where it may create no such variables.
        self.late_variables: list[Tensor] | None = None
        self.inputs: list[SymbolicTensor] = []
        self.outputs: list[SymbolicTensor] = []
        self.control_outputs: list[Operation] = []
        self._captures: dict[int, tuple[Tensor, SymbolicTensor]] = {}
        self._outer_of: dict[int, Tensor] = {}  # by the id of the placeholder
        self.attributes: dict[str, Any] = {}
        self.side_effects = True
        self.outer_controls: list[Operation] = []
        self.base = self  # the graph that the nodes belong to: see `variant`
        self._variants = [self]
        self._seed = eager_seed()
        if outer_graph is not None:
            self._seed = outer_graph._seed
            self._device_stack = list(outer_graph._device_stack)
            self._colocation_stack = list(outer_graph._colocation_stack)
            self._gradient_override = outer_graph._gradient_override
            self._variable_creator_stack = outer_graph._variable_creator_stack
            self._container = outer_graph._container
            self._collections = outer_graph._collections  # one set of collections per program
        elif context._global_graph[0] is not None:  # where eager code keeps its variable creators
            self._variable_creator_stack = context._global_graph[0]._variable_creator_stack

    @property
    def captures(self) -> list[tuple[Tensor, SymbolicTensor]]:
        return list(self._captures.values())

    @property
    def external_captures(self) -> list[Tensor]:
        return [outer for outer, _ in self._captures.values()]

    @property
    def internal_captures(self) -> list[SymbolicTensor]:
        return [inner for _, inner in self._captures.values()]

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables of eager code that it captures."""
        behind = (getattr(tensor, "_variable", None) for tensor in self.external_captures)
        return tuple(v for v in (held() for held in behind if held is not None) if v is not None)

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        return tuple(v for v in self.variables if v.trainable)

    def add_input(self, dtype: DType, shape: TensorShape, name: str) -> SymbolicTensor:
        """Appends an argument; captures come after all arguments."""
        placeholder = self._placeholder(dtype, shape, name)
        self.inputs.insert(len(self.inputs) - len(self._captures), placeholder)
        return placeholder

    def _placeholder(self, dtype: DType, shape: TensorShape, name: str) -> SymbolicTensor:
        attrs = {"dtype": dtype.base_dtype, "shape": as_shape(shape)}
        with self.control_dependencies(None):  # what uses it must still wait for what is around
            op = self.add_node(
                REGISTRY["Placeholder"],
                (),
                attrs,
                self._root_name(name),
                [as_shape(shape)],
                device="",
            )
        op.outputs[0].dtype = dtype  # a captured reference stays a reference
        return op.outputs[0]

    def _root_name(self, name: str) -> str:
        outer, self._name_stack = self._name_stack, ""
        try:
            return self.unique_name(name)
        finally:
            self._name_stack = outer

    def capture(self, tensor: Tensor, name: str | None = None) -> SymbolicTensor:
        """The tensor of this graph that stands for `tensor` of an outer graph or of eager code."""
        if isinstance(tensor, SymbolicTensor):
            if tensor.op.graph is self:
                return tensor
            outer: Any = self.outer_graph
            while outer is not None and not outer.sees(tensor):
                outer = getattr(outer, "outer_graph", None)
            if outer is None:
                where = (
                    "in a loop or a branch. Gather values of a loop in a tf.TensorArray instead of a "
                    "Python list, or return it from there."
                    if isinstance(tensor.op.graph, BodyGraph)
                    else f"in another function or graph than {self.name!r}. Return it from that "
                    "function, or compute it in this one."
                )
                raise errors.InaccessibleTensorError(
                    f"{errors.user_site()}: {tensor!r} is out of scope: it was made {where}"
                )
            if self.outer_graph is not tensor.op.graph:  # through the graphs between
                tensor = self.outer_graph.capture(tensor)  # type: ignore[union-attr]
        else:
            tensor = self._from_eager_code(tensor)
        found = self._captures.get(id(tensor))
        if found is not None:
            return found[1]
        label = name or (tensor.op.name if isinstance(tensor, SymbolicTensor) else "capture")
        inner = self._placeholder(tensor.dtype, tensor.shape, label.replace("/", "_"))
        if tensor.dtype is resource:
            inner._handle_type = handle_type(tensor)  # type: ignore[attr-defined]
        elif not isinstance(tensor, SymbolicTensor) and tensor.dtype is not variant:
            value = np.asarray(tensor)
            if value.size <= _SMALL:
                inner._known_value = value
        self._captures[id(tensor)] = (tensor, inner)
        self._outer_of[id(inner)] = tensor
        self.inputs.append(inner)
        return inner

    def _from_eager_code(self, tensor: Tensor) -> Tensor:
        """What is captured in place of a tensor of eager code: that one itself, a value for good."""
        return tensor

    def variant(
        self,
        inputs: Sequence[SymbolicTensor] | None = None,
        outputs: Sequence[SymbolicTensor] | None = None,
    ) -> FuncGraph:
        """The function of the same nodes with other inputs or outputs.

        Both share their nodes from then on: what is added to `base` is there for both.
        """
        other = copy.copy(self)
        for key in [key for key in other.__dict__ if key in _CACHES]:
            del other.__dict__[key]
        other.inputs = list(self.inputs if inputs is None else inputs)
        other.outputs = list(self.outputs if outputs is None else outputs)
        other.name = f"{self.name.partition('_rewritten')[0]}_rewritten_{len(self._variants)}"
        self._variants.append(other)
        return other

    def sees(self, tensor: SymbolicTensor) -> bool:
        return tensor.op.graph is self.base

    def mutated(self) -> None:
        for each in self._variants:
            each._mutations += 1

    def _control_from_outside(self, op: Operation) -> Operation | None:
        if op not in self.outer_controls:
            self.outer_controls.append(op)
        return None

    def __repr__(self) -> str:
        return f"<FuncGraph {self.name!r} with {len(self._nodes)} nodes>"


_CACHES = frozenset(
    {"_program", "_plan", "_loop_facts", "_body_nodes", "_loop_sums", "_late_zeros"}
)


class BodyGraph(FuncGraph):
    """The body of a branch or of a loop of the graph `outer`.

    Its nodes are named as if they stood in `outer`: within the current name scope. In a TF 1 program
    (`v1_style`: there is no function around) names are also unique in both together, and stateful
    nodes run only when an output needs them, as it was when bodies were part of the graph.
    """

    def __init__(self, name: str, outer: Graph):
        super().__init__(name, outer)
        self.v1_style = in_v1_style(outer)
        self.side_effects = not self.v1_style
        self._name_stack = outer._name_stack
        self._attr_scope = outer._attr_scope
        if self.v1_style:
            self._names_in_use = outer._names_in_use

    def _from_eager_code(self, tensor: Tensor) -> Tensor:
        return self.outer_graph.capture(tensor)  # type: ignore[union-attr]

    def _root_name(self, name: str) -> str:
        # No name that a program can ask for: the names of its nodes shall not depend on captures.
        return f"{name}.{len(self._nodes)}"


def functions_of(op: Operation) -> list[FuncGraph]:
    """The function bodies among the attributes of a node."""
    found: list[FuncGraph] = []
    for key, attr in op.opdef.attrs.items():
        if attr.type == "func":
            found.append(op.attrs[key])
        elif attr.type == "list(func)":
            found.extend(op.attrs[key])
    return [f for f in found if isinstance(f, FuncGraph)]


def call_arguments(op: Operation, function: FuncGraph) -> Sequence[SymbolicTensor]:
    """The inputs of a calling node that are the arguments of `function`, in order."""
    first = 1 if op.opdef.name in _WITH_PREDICATE else 0
    return op.inputs[first : first + len(function.inputs)]


_WITH_PREDICATE = ("If", "StatelessIf", "Case", "StatelessCase")


def in_v1_style(graph: Graph) -> bool:
    """Whether nodes of `graph` belong to a TF 1 program, rather than to a function."""
    return graph.v1_style if isinstance(graph, BodyGraph) else not graph.building_function


def trace(
    name: str, function: Callable[..., Any], arguments: Sequence[tuple[DType, TensorShape, str]]
) -> tuple[FuncGraph, Any]:
    """Calls `function` on placeholders in a new function graph; the graph and what it returned."""
    graph = FuncGraph(name, context.current_graph())
    with graph.as_default():
        placeholders = [graph.add_input(*argument) for argument in arguments]
        return graph, function(*placeholders)
