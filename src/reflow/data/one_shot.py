"""The function of a one-shot iterator: the nodes that make a data set, copied."""

from __future__ import annotations

from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Operation
from reflow.lang.tensor import SymbolicTensor

_FED = ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")


def dataset_factory(variant: SymbolicTensor) -> FuncGraph:
    """A function without arguments that makes the data set of a tensor anew.

    Raises:
      ValueError: if it depends on a placeholder, or on state.
    """
    outer = variant.op.graph
    function = FuncGraph("_make_dataset", outer)
    copies: dict[Operation, Operation] = {}
    with function.as_default():
        stack = [variant.op]
        while stack:
            op = stack[-1]
            waiting = [t.op for t in op.inputs if t.op not in copies]
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            if op not in copies:
                copies[op] = _copy(op, function, copies)
        function.outputs = [copies[variant.op].outputs[variant.value_index]]
    return function


def _copy(op: Operation, function: FuncGraph, copies: dict[Operation, Operation]) -> Operation:
    site = errors.user_site()
    if op.type in _FED:
        raise ValueError(
            f"{site}: Cannot capture a placeholder (name:{op.name}, type:{op.type}) by value. Use "
            "`make_initializable_iterator()`, and feed it when the initializer runs."
        )
    if op.opdef.stateful and op.opdef.handle or op.opdef.name in ("Variable", "VariableV2"):
        raise ValueError(
            f"{site}: Cannot capture a stateful node (name:{op.name}, type:{op.type}) by value. "
            "The dataset depends on a variable, a table or the like: use "
            "`make_initializable_iterator()`."
        )
    inputs = [copies[t.op].outputs[t.value_index] for t in op.inputs]
    shapes = [t.shape for t in op.outputs]
    return function.add_node(
        op.opdef, inputs, dict(op.attrs), function.unique_name(op.name), shapes, device=""
    )
