"""What is known of nodes before they run: values that follow from constants, and the state that they touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.compiler.context import Context, node_state, put_results
from reflow.compiler.program import body_nodes
from reflow.lang import dtypes
from reflow.lang.func_graph import call_arguments, functions_of
from reflow.lang.graph import Operation
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import arg_length, group_inputs
from reflow.lang.resource import ResourceHandle
from reflow.lang.tensor import SymbolicTensor

_FOLD_LIMIT = 1 << 16  # elements: larger results are computed in the cluster
PLACEHOLDERS = ("Placeholder", "PlaceholderV2")


def fold(
    nodes: Sequence[Operation], given: set[int], constants: dict[int, tuple[SymbolicTensor, Any]]
) -> list[Operation]:
    """Moves into `constants` what follows from constants and handles; the nodes that remain."""
    rest = []
    maker = _HandleMaker()
    for op in nodes:
        opdef = op.opdef
        if opdef.handle:
            maker.op = op
            constants[id(op.outputs[0])] = (
                op.outputs[0],
                opdef.lower(maker, **opdef.lower_attrs(op.attrs)),
            )
            continue
        if opdef.name == "Const":
            constants[id(op.outputs[0])] = (op.outputs[0], op.attrs["value"])
            continue
        if opdef.name == "NoOp" and not op._control_inputs:
            continue
        if (
            opdef.context
            or not opdef.interpret
            or not op.inputs
            or op._control_inputs
            or any(id(t) in given or id(t) not in constants for t in op.inputs)
            or op.opdef.name in PLACEHOLDERS
            or functions_of(op)
        ):
            rest.append(op)
            continue
        values = [constants[id(t)][1] for t in op.inputs]
        if any(getattr(v, "size", _FOLD_LIMIT + 1) > _FOLD_LIMIT for v in values) or any(
            (t.shape.num_elements() or 0) > _FOLD_LIMIT for t in op.outputs
        ):
            rest.append(op)
            continue
        try:
            with np.errstate(all="ignore"):
                result = opdef.lower(
                    numpy_namespace,
                    *group_inputs(opdef, values, op.attrs),
                    **opdef.lower_attrs(op.attrs),
                )
        except Exception:
            rest.append(op)  # it fails when it runs, and only if it runs
            continue
        flat: list[Any] = [None] * len(op.outputs)
        put_results(op, result, range(len(flat)), flat)
        for tensor, value in zip(op.outputs, flat):
            constants[id(tensor)] = (tensor, value)
    return rest


class _HandleMaker(Context):
    """The context of ops that only name state."""

    xp = numpy_namespace


def state_of(
    nodes: Sequence[Operation],
    constants: dict[int, tuple[SymbolicTensor, Any]],
    path: tuple[Any, ...] = (),
) -> tuple[list[ResourceHandle], list[ResourceHandle]]:
    """The handles whose state `nodes` read, and those whose state they write.

    `path` is the calls around the nodes, which tells the hidden state of their copies apart.
    """
    reads: dict[ResourceHandle, None] = {}
    writes: dict[ResourceHandle, None] = {}

    def visit(op: Operation, handle_of: Any, path: tuple[Any, ...]) -> None:
        opdef = op.opdef
        if opdef.random:
            writes[node_state(op, opdef.name, path)] = None
        index = 0
        for arg in opdef.inputs:
            for tensor in op.inputs[index : index + arg_length(arg, op.attrs)]:
                if tensor.dtype.is_ref_dtype or tensor.dtype is dtypes.resource:
                    handle = handle_of(tensor)
                    if handle is not None:
                        if arg.name in opdef.writes:
                            writes[handle] = None
                        elif not functions_of(op):
                            reads[handle] = None
            index += arg_length(arg, op.attrs)
        for function in functions_of(op):
            inner = dict(zip((id(t) for t in function.inputs), call_arguments(op, function)))

            def look(tensor, inner=inner, handle_of=handle_of):
                outer = inner.get(id(tensor))
                if outer is None:
                    return _handle_through(tensor, look_again)
                return handle_of(outer)

            def look_again(tensor, look=look):
                return look(tensor)

            for node in body_nodes(function):
                visit(node, look, (*path, op.name))

    def known(tensor: SymbolicTensor) -> ResourceHandle | None:
        found = constants.get(id(tensor))
        if found is not None:
            return found[1] if isinstance(found[1], ResourceHandle) else None
        return _handle_through(tensor, known)

    for op in nodes:
        visit(op, known, path)
    return list(reads), list(writes)


def _handle_through(tensor: SymbolicTensor, handle_of: Any) -> ResourceHandle | None:
    """The handle behind a reference that an op such as Assign passes on."""
    op = tensor.op
    if tensor.dtype.is_ref_dtype or tensor.dtype is dtypes.resource:
        if op.opdef.handle:
            maker = _HandleMaker()
            maker.op = op
            return op.opdef.lower(maker, **op.opdef.lower_attrs(op.attrs))
        for source in op.inputs:
            if source.dtype is tensor.dtype:
                return handle_of(source)
    return None
