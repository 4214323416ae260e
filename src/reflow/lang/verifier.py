"""The grammar of graphs, executable: what every graph must satisfy, checked node by node."""

from __future__ import annotations

from reflow.lang.graph import Graph, Operation
from reflow.lang.opdef import arg_length, output_dtypes


class InvalidGraph(AssertionError):
    """A graph breaks a rule that every graph must satisfy."""


def verify(graph: Graph) -> None:
    """Checks `graph`: names, edges, signatures, dtypes, shapes, order and function bodies.

    Raises:
      InvalidGraph: naming the first node that breaks a rule, and the rule.
    """
    seen: set[Operation] = set()
    names: set[str] = set()
    for op in graph.get_operations():
        _check(op.graph is graph, op, "belongs to another graph")
        _check(op.name not in names, op, "has a name that another node has")
        names.add(op.name)
        _check(graph._by_name.get(op.name) is op, op, "is not found by its name")
        for tensor in op.inputs:
            _check(tensor.op.graph is graph, op, f"takes {tensor.name} of another graph")
            _check(tensor.op in seen, op, f"takes {tensor.name}, which comes later: a cycle")
            _check(tensor in tensor.op.outputs, op, f"takes {tensor.name}, which is no output")
        for control in op.control_inputs:
            _check(control.graph is graph, op, f"waits for {control.name} of another graph")
        _check_signature(op)
        seen.add(op)


def _check(condition: bool, op: Operation, problem: str) -> None:
    if not condition:
        raise InvalidGraph(f"{op.type} '{op.name}' {problem}")


def _check_signature(op: Operation) -> None:
    opdef, attrs = op.opdef, op.attrs
    for key, attr in opdef.attrs.items():
        _check(key in attrs, op, f"lacks the attribute {key}")
        if attr.allowed is not None:
            values = attrs[key] if isinstance(attrs[key], tuple) else (attrs[key],)
            _check(all(v in attr.allowed for v in values), op, f"has {key}={attrs[key]}")
    for key in attrs:
        _check(key in opdef.attrs or key.startswith("_"), op, f"has an unknown attribute {key}")
    start = 0
    for arg in opdef.inputs:
        length = arg_length(arg, attrs)
        tensors = op.inputs[start : start + length]
        _check(len(tensors) == length, op, f"has too few inputs for {arg.name}")
        for i, tensor in enumerate(tensors):
            wanted = attrs[arg.list_attr][i] if arg.list_attr else arg.dtype or attrs[arg.type_attr]
            _check(
                tensor.dtype.base_dtype is wanted.base_dtype,
                op,
                f"takes {tensor.name} of {tensor.dtype.name} for {arg.name} of {wanted.name}",
            )
            if arg.is_ref:
                _check(tensor.dtype.is_ref_dtype, op, f"takes {tensor.name}, which is no reference")
        start += length
    _check(start == len(op.inputs), op, f"has {len(op.inputs)} inputs, not {start}")
    dtypes = output_dtypes(opdef, attrs)
    _check(len(dtypes) == len(op.outputs), op, f"has {len(op.outputs)} outputs, not {len(dtypes)}")
    for tensor, dtype in zip(op.outputs, dtypes):
        _check(
            tensor.dtype.base_dtype is dtype.base_dtype, op, f"gives {tensor.name} of another dtype"
        )
