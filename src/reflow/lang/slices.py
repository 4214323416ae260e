"""Slices: what a tensor of a function is computed from."""

from __future__ import annotations

from collections.abc import Callable

from reflow.lang.func_graph import FuncGraph, functions_of
from reflow.lang.graph import Operation, topological
from reflow.lang.tensor import SymbolicTensor


class Slice:
    """What a tensor of a function body is computed from.

    Attributes:
      nodes: the nodes, in order.
      inputs: the positions of the function's inputs that it depends on.
    """

    __slots__ = ("nodes", "inputs", "tensor")

    def __init__(self, nodes: list[Operation], inputs: list[int], tensor: SymbolicTensor):
        self.nodes = nodes
        self.inputs = inputs
        self.tensor = tensor


def slice_of(
    function: FuncGraph, tensor: SymbolicTensor, allowed: Callable[[Operation], bool]
) -> Slice | None:
    """The slice behind `tensor`; None if something else than its inputs and `allowed` nodes has a part in it.

    Nodes with control inputs, and those that call functions, never are allowed.
    """
    position = {id(t): i for i, t in enumerate(function.inputs)}
    needed: set[Operation] = set()
    inputs: set[int] = set()
    stack = [tensor]
    while stack:
        each = stack.pop()
        at = position.get(id(each))
        if at is not None:
            inputs.add(at)
            continue
        node = each.op
        if node in needed:
            continue
        if not allowed(node) or functions_of(node) or node._control_inputs:
            return None
        needed.add(node)
        stack.extend(node.inputs)
    return Slice(topological(needed), sorted(inputs), tensor)


def is_pure(node: Operation, reading: bool) -> bool:
    """Whether a node gives the same for the same inputs; with `reading`, if variables stay as they are."""
    return not node.opdef.context or (reading and node.type == "ReadVariableOp")
