"""Calling a function graph: eagerly, seen by gradient tapes; or as a node of the current graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.autodiff import call_gradient
from reflow.autodiff.body_gradient import dense, gradients_of_parts, rest_of
from reflow.compiler.partition import plan_of
from reflow.lang import context
from reflow.lang.func_graph import FuncGraph
from reflow.lang.opdef import REGISTRY
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.control_flow.branches import add_call, call_attributes, has_side_effects
from reflow.ops.filling import zeros_like
from reflow.runtime.config import get_soft_device_placement
from reflow.runtime.devices import Placer
from reflow.runtime.eager import EagerTensor, store
from reflow.runtime.watch import watching

_placers = {soft: Placer(soft=soft) for soft in (True, False)}
_PATH = ("",)  # of calls from eager code: the state of a function is its own, whoever calls it


def call_function(function: FuncGraph, inputs: Sequence[Any]) -> Sequence[Any]:
    """The outputs of `function` for tensors in place of its inputs, captures included.

    In a graph this adds a node. In eager code it runs; tapes that watch an input record the call.
    """
    graph = context.current_graph()
    if graph is not None:
        return _as_node(graph, function, inputs)
    tapes = context.state.tapes
    if tapes:
        watching = [tape for tape in tapes if any(id(tensor) in tape._watched for tensor in inputs)]
        if watching:
            return _recorded(function, inputs, watching)
    return _run(function, inputs)


def _run(function: FuncGraph, inputs: Sequence[Any]) -> list[EagerTensor]:
    values = [tensor._value for tensor in inputs]
    part = plan_of(function, values, _placers[get_soft_device_placement()], _PATH)
    results = (
        watching[0].run(function, part, values, store) if watching else part.run(values, store)
    )
    return [EagerTensor(v, t.dtype) for v, t in zip(results, function.outputs)]


class CallRecord:
    """The call of a function, as an entry of a tape: how its gradients are computed."""

    def __init__(self, function: FuncGraph, inputs: Sequence[Any], outputs: Sequence[Any]):
        self.function = function
        self.name = function.name
        self.inputs = inputs
        self.outputs = outputs
        self.opdef = REGISTRY["StatefulPartitionedCall"]
        self.attrs = {"_gradient_function": self._gradient}

    def _gradient(self, op: Any, *grads: Any) -> list[Any]:
        arriving = {i: dense(g) for i, g in enumerate(grads) if g is not None}
        found, zeros = call_gradient.backward(self.function, tuple(arriving))
        arriving |= {i: zeros_like(self.outputs[i]) for i in zeros}
        if found.function is None:
            return [None] * len(self.inputs)
        inputs = found.arguments(self.inputs, self.outputs, arriving)
        tensors = call_function(found.function, inputs)
        return rest_of(len(self.inputs), gradients_of_parts(found.targets, tensors, self.inputs))


def _recorded(function: FuncGraph, inputs: Sequence[Any], tapes: Sequence[Any]) -> Sequence[Any]:
    """Runs the function with what its gradients need as further outputs, and tells the tapes."""
    forward = call_gradient.with_residuals(function, len(tapes))
    outputs = _run(forward, inputs)
    record = CallRecord(forward, inputs, outputs)
    for tape in tapes:
        tape.record(record)
    return outputs[: len(function.outputs)]


def value_of_symbolic(tensor: SymbolicTensor) -> EagerTensor | None:
    """The value of a tensor of a function body that depends on nothing but captures; else None."""
    graph: Any = tensor.op.graph
    captured = {id(inner): outer for outer, inner in graph.captures}
    needed: set[Any] = set()
    stack = [tensor.op]
    while stack:
        op = stack.pop()
        if op in needed:
            continue
        needed.add(op)
        if op.type == "Placeholder":
            outer = captured.get(id(op.outputs[0]))
            if not isinstance(outer, EagerTensor):
                return None
        stack.extend(t.op for t in op.inputs)
        stack.extend(op.control_inputs)
    part = graph.variant(graph.internal_captures, [tensor])
    part.side_effects = False
    return _run(part, graph.external_captures)[0]


def _as_node(graph: Any, function: FuncGraph, inputs: Sequence[Any]) -> Sequence[Any]:
    tensors = [graph.capture(t) if getattr(t, "graph", None) is not graph else t for t in inputs]
    opdef = REGISTRY["StatefulPartitionedCall" if has_side_effects(function) else "PartitionedCall"]
    attrs = call_attributes(function, tensors)
    shapes = [t.shape for t in function.outputs]
    node = add_call(graph, opdef, tensors, attrs, graph.op_name(opdef.name), shapes, [function])
    return node.outputs if function.outputs else [node]
