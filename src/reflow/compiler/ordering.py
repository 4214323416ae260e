"""The order of side effects within a function, where the program does not say it with control inputs.

Nodes that write a resource run after the nodes made before them that read or write it, and nodes that
read it after those that write it; nodes with other side effects, such as printing, run as they were made.
"""

from __future__ import annotations

from collections.abc import Sequence

from reflow.lang import dtypes
from reflow.lang.func_graph import functions_of
from reflow.lang.graph import Operation
from reflow.lang.opdef import arg_length
from reflow.lang.tensor import SymbolicTensor

_HARMLESS = ("NoOp", "Placeholder", "PlaceholderV2")


def implied_order(nodes: Sequence[Operation]) -> dict[Operation, list[Operation]]:
    """For nodes in the order in which they were made: which others they have to wait for."""
    written: dict[int, Operation] = {}  # resource -> the last node that wrote it
    read: dict[int, list[Operation]] = {}  # resource -> the nodes that read it since
    last: Operation | None = None  # the last node with another side effect
    result: dict[Operation, list[Operation]] = {}
    for op in nodes:
        opdef = op.opdef
        if not opdef.stateful or opdef.handle or opdef.name in _HARMLESS:
            continue
        waits: list[Operation] = []
        touched = _resources(op)
        for resource, writes in touched.items():
            if resource in written:
                waits.append(written[resource])
            if writes:
                waits.extend(read.pop(resource, ()))
                written[resource] = op
            else:
                read.setdefault(resource, []).append(op)
        if not touched or functions_of(op):
            if last is not None:
                waits.append(last)
            last = op
        if waits:
            result[op] = [each for each in dict.fromkeys(waits) if each is not op]
    return result


def _resources(op: Operation) -> dict[int, bool]:
    """The resources that a node takes, and whether it (or a function that it calls) writes them."""
    found: dict[int, bool] = {}
    calls = bool(functions_of(op))
    index = 0
    for arg in op.opdef.inputs:
        count = arg_length(arg, op.attrs)
        for tensor in op.inputs[index : index + count]:
            if tensor.dtype is dtypes.resource or tensor.dtype.is_ref_dtype:
                key = id(_root(tensor))
                found[key] = found.get(key, False) or calls or arg.name in op.opdef.writes
        index += count
    return found


def _root(tensor: SymbolicTensor) -> SymbolicTensor:
    """The tensor from which a handle or a reference comes."""
    while not tensor.op.opdef.handle:
        source = next((t for t in tensor.op.inputs if t.dtype is tensor.dtype), None)
        if source is None:
            break
        tensor = source
    return tensor


def order_of_folded(
    nodes: Sequence[Operation], rest: Sequence[Operation]
) -> dict[Operation, list[Operation]]:
    """What the nodes in `rest` wait for because nodes folded away, whose values they take, did.

    A constant made after a control dependency waits for it, and what takes the constant, such as an
    assignment, waits for nothing else.
    """
    remain = set(rest)
    waits: dict[Operation, list[Operation]] = {}
    for op in nodes:
        found = [w for t in op.inputs if t.op not in remain for w in waits.get(t.op, ())]
        if op not in remain:
            found += op._control_inputs
        if found:
            waits[op] = found
    return {op: found for op, found in waits.items() if op in remain}
