"""Differentiating the body of a function: what branches, loops and calls have in common.

The gradient of a body is a body of its own. It works with tensors of the forward body: constants are
made again, what the forward body was given is captured from outside, cheap things are computed again.
What remains are *residuals*, which the forward node has to hand out: each is a placeholder, a promise,
until the gradient is complete and it is known which ones it really needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from reflow.autodiff import engine
from reflow.autodiff.gradients import between
from reflow.lang import context, dtypes, errors
from reflow.lang.convert import constant_node, convert_to_tensor
from reflow.lang.func_graph import BodyGraph, FuncGraph
from reflow.lang.graph import Graph, Operation
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.resource import handle_type
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import SymbolicTensor

_SMALL = 64  # elements: larger constants of the forward body are handed out rather than copied
# Ops that are computed again rather than kept: they move data, or work on integers and truth values.
_CHEAP = {
    *("Identity", "Cast", "Reshape", "ExpandDims", "Squeeze", "Shape", "Size", "Rank"),
    *("StopGradient", "TensorListGetItem", "TensorListLength", "StridedSlice", "GatherV2"),
    *("LogicalAnd", "LogicalOr", "LogicalNot"),
    *("Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual"),
}
_CHEAP_INTEGERS = {
    *("AddV2", "Sub", "Mul", "Neg", "FloorDiv", "FloorMod", "Minimum", "Maximum", "Pack", "Range")
}


class GradientGraph(BodyGraph):
    """The gradient of `forward`, a function body, as a body inside of `outer`.

    Args:
      given: for each input of `forward`, the tensor outside that it stands for; None where it differs
        from call to call.
    """

    def __init__(
        self,
        name: str,
        outer: Graph,
        forward: FuncGraph,
        given: Sequence[SymbolicTensor | None],
    ):
        super().__init__(name, outer)
        self.forward = forward.base
        self._given = {id(t): value for t, value in zip(forward.inputs, given) if value is not None}
        self._known: dict[
            int, SymbolicTensor
        ] = {}  # forward tensors, by id, as tensors of this graph
        self.promises: list[tuple[SymbolicTensor, SymbolicTensor]] = []  # forward tensor, promise
        self.as_long_as: dict[int, SymbolicTensor] = {}  # lists here, by forward lists as long

    def sees(self, tensor: SymbolicTensor) -> bool:
        return tensor.op.graph is self or tensor.op.graph is self.forward

    def capture(self, tensor: Any, name: str | None = None) -> SymbolicTensor:
        if isinstance(tensor, SymbolicTensor) and tensor.op.graph is self.forward:
            found = self._known.get(id(tensor))
            if found is None:
                found = self._known[id(tensor)] = self._stand_in(tensor)
            return found
        return super().capture(tensor, name)

    def stands_for(self, tensor: SymbolicTensor, inner: SymbolicTensor) -> None:
        """Says that `inner` has the value of the forward tensor `tensor`."""
        self._known[id(tensor)] = inner

    def _stand_in(self, tensor: SymbolicTensor) -> SymbolicTensor:
        given = self._given.get(id(tensor))
        if given is not None:
            return super().capture(given)
        again = self._again(tensor, 0)
        if again is not None:
            return again
        promise = self._placeholder(tensor.dtype, tensor.shape, "residual")
        if tensor.dtype is dtypes.resource:
            promise._handle_type = handle_type(tensor)  # type: ignore[attr-defined]
        self.promises.append((tensor, promise))
        return promise

    def _again(self, tensor: SymbolicTensor, depth: int) -> SymbolicTensor | None:
        """`tensor` computed from what is here, where that costs little; else None."""
        known = self._known.get(id(tensor))
        if known is not None:
            return known
        given = self._given.get(id(tensor))
        if given is not None:
            return super().capture(given)
        size = tensor.shape.num_elements()
        if size is not None and size <= _SMALL and tensor.dtype is not dtypes.variant:
            value = constant_value(tensor)
            if value is not None:
                with self.as_default(), self.control_dependencies(None):
                    return constant_node(value, tensor.dtype.base_dtype)
        op = tensor.op
        if depth > 20 or op._control_inputs or not op.inputs:
            return None
        integer = tensor.dtype.is_integer and tensor.shape.num_elements() is not None
        if op.type not in _CHEAP and not (op.type in _CHEAP_INTEGERS and integer):
            return None
        inputs = []
        for each in op.inputs:
            inner = self._again(each, depth + 1)
            if inner is None:
                return None
            self._known[id(each)] = inner
            inputs.append(inner)
        with self.as_default(), self.control_dependencies(None):
            node = self.add_node(
                op.opdef,
                inputs,
                dict(op.attrs),
                self.unique_name(op.name.rpartition("/")[2]),
                [t.shape for t in op.outputs],
                device=op.device,
            )
        for mine, theirs in zip(node.outputs, op.outputs):
            self._known[id(theirs)] = mine
        return node.outputs[tensor.value_index]

    def needed_promises(self) -> list[tuple[SymbolicTensor, SymbolicTensor]]:
        """The promises that the outputs depend on."""
        self._look_at_lengths_only()
        needed: set[Operation] = set()
        stack = [t.op for t in self.outputs]
        stack += [op for op in self._nodes if op.opdef.stateful and op.inputs]
        while stack:
            op = stack.pop()
            if op not in needed:
                needed.add(op)
                stack.extend(t.op for t in op.inputs)
                stack.extend(op._control_inputs)
        return [(tensor, promise) for tensor, promise in self.promises if promise.op in needed]

    def replace(self, old: SymbolicTensor, new: SymbolicTensor) -> None:
        """Makes all nodes that take `old` take `new`."""
        for node in self._nodes:
            for i, tensor in enumerate(node.inputs):
                if tensor is old:
                    node._update_input(i, new)
        self.outputs = [new if tensor is old else tensor for tensor in self.outputs]

    def _look_at_lengths_only(self) -> None:
        """Spares lists of the forward body of which only the length is asked for.

        A list that is written in a loop is as long before as after: another list, which is here, tells.
        """
        left = []
        for tensor, promise in self.promises:
            stand_in = None
            if tensor.dtype is dtypes.variant:
                takers = self.consumers_of(promise)
                if takers and all(node.type == "TensorListLength" for node in takers):
                    stand_in = self._as_long(tensor)
            if stand_in is None:
                left.append((tensor, promise))
            else:
                self.replace(promise, stand_in)
        self.promises = left

    def _as_long(self, tensor: SymbolicTensor) -> SymbolicTensor | None:
        while True:
            found = self.as_long_as.get(id(tensor))
            if found is not None:
                return found
            given = self._given.get(id(tensor))
            if given is not None:
                return super().capture(given)
            op = tensor.op
            grows = op.attrs.get("resize_if_index_out_of_bounds", False)
            if op.type not in ("Identity", "TensorListSetItem") or grows:
                return None
            tensor = op.inputs[0]


def trainable_inputs(function: FuncGraph) -> list[SymbolicTensor]:
    return [t for t in function.inputs if engine.is_trainable(t)]


def reverse(function: FuncGraph, seeds: Sequence[tuple[SymbolicTensor, Any]]) -> dict[int, Any]:
    """The gradients of the inputs of `function`, by their ids, built in the current graph.

    Args:
      seeds: outputs of the function, and the gradients that arrive there.
    """
    sources = trainable_inputs(function)
    wanted = {id(t) for t in sources}
    nodes = between([y for y, _ in seeds], sources, frozenset())
    return engine.backpropagate(
        nodes, seeds, wanted, frozenset(wanted), lambda op: name_scope(op.name + "_grad")
    )


def dense(gradient: Any) -> Any:
    """A gradient as a tensor."""
    return convert_to_tensor(gradient) if isinstance(gradient, IndexedSlices) else gradient


def gradients_of_parts(
    parts: Sequence[tuple[int, str]],
    tensors: Sequence[Any],
    sources: Sequence[Any] | Mapping[int, Any],
) -> dict[int, Any]:
    """Gradients by the positions of their sources.

    Args:
      parts: what each of `tensors` is: the gradient of the source at a position, or, where that is sparse, its
        "values" or "indices".
    """
    found: dict[int, dict[str, Any]] = {}
    for (i, part), tensor in zip(parts, tensors):
        found.setdefault(i, {})[part] = tensor
    return {
        i: each[""] if "" in each else IndexedSlices(**each, dense_shape=_shape_of(sources[i]))
        for i, each in found.items()
    }


def _shape_of(source: Any) -> Any:
    """The shape of a tensor, or of the variable behind a handle."""
    if source.dtype is dtypes.resource:
        dtype, shape = handle_type(source)
        if shape.is_fully_defined():
            return REGISTRY["Identity"](np.array(shape.as_list(), np.int32))
        source = REGISTRY["ReadVariableOp"](source, dtype=dtype)
    return REGISTRY["Shape"](source)


def zeros_for(tensor: SymbolicTensor) -> Any:
    """Zeros in the shape of the gradient of `tensor`; of a handle, in that of the variable."""
    if tensor.dtype is dtypes.resource:
        dtype, shape = handle_type(tensor)
        if dtype is None:
            raise errors.UnimplementedError(
                None, tensor.op, f"the type of the variable behind {tensor.name} is not known"
            )
        if not shape.is_fully_defined():
            return REGISTRY["ZerosLike"](REGISTRY["ReadVariableOp"](tensor, dtype=dtype))
        return zeros(shape, dtype)
    if tensor.dtype is not dtypes.variant and tensor.shape.is_fully_defined():
        return zeros(tensor.shape, tensor.dtype.base_dtype)
    return REGISTRY["ZerosLike"](tensor)


def zeros(shape: Any, dtype: dtypes.DType) -> Any:
    """Zeros of a shape that is fully known."""
    return REGISTRY["Fill"](np.array(shape.as_list(), np.int32), np.zeros((), dtype.np))


def in_graph_of(op: Operation) -> Any:
    """A context in which nodes are added next to `op`, whatever is being built now."""
    graph = op.graph
    return _Beside(graph, op)


class _Beside:
    """Nodes made within go in front of `op`, which is to take their outputs."""

    def __init__(self, graph: Graph, op: Operation):
        self.graph = graph
        self.op = op
        self._stack: Any = None

    def __enter__(self) -> None:
        from contextlib import ExitStack

        self.before = len(self.graph._nodes)
        self._stack = ExitStack()
        self._stack.enter_context(context.using_graph(self.graph))
        self._stack.enter_context(self.graph.control_dependencies(None))
        self._stack.enter_context(self.graph.name_scope(self.op.name + "/"))

    def __exit__(self, *exc: Any) -> None:
        self._stack.__exit__(*exc)
        new = self.graph._nodes[self.before :]
        if new:
            self.graph.move_before(new, self.op)


def append_outputs(
    op: Operation, new: Iterable[tuple[dtypes.DType, Any]], attr: str
) -> list[SymbolicTensor]:
    """Gives a node further outputs of these dtypes and static shapes; its plans become stale."""
    added = []
    for dtype, shape in new:
        tensor = SymbolicTensor(op, len(op.outputs), dtype.base_dtype, shape)
        op.outputs.append(tensor)
        added.append(tensor)
    for tape in context.state.tapes:  # one that recorded the node sees what is computed from them
        if any(id(t) in tape._watched for t in op.outputs):
            tape._watched |= {id(t): t for t in added}
    op.attrs[attr] = (*op.attrs[attr], *(t.dtype for t in added))
    shapes = op.attrs.get("output_shapes")
    if shapes:
        op.attrs["output_shapes"] = (*shapes, *(t.shape for t in added))
    op.__dict__.pop("_host", None)  # what was found out about the node before
    op.graph.mutated()
    return added


def rest_of(count: int, gradients: dict[int, Any]) -> list[Any]:
    """A list with the gradients of `count` inputs, by position."""
    return [gradients.get(i) for i in range(count)]


Rule = Callable[[Operation, Sequence[Any]], list[Any]]
