"""Graphs with constants in the places of variables: what `convert_variables_to_constants` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.formats import protos
from reflow.formats.tensor_codec import make_tensor_proto
from reflow.lang.graph import Graph
from reflow.platform.version import GRAPH_DEF_VERSION

_REF_VARIABLES = frozenset(("Variable", "VariableV2"))
_PASS_ON = frozenset(
    ("Identity", "Switch", "RefSwitch", "Enter", "RefEnter", "Merge", "Exit", "NextIteration")
)
_CALLS = {  # the first input that is an argument, attributes of functions, of dtypes
    "If": (1, ("then_branch", "else_branch"), "Tin"),
    "StatelessIf": (1, ("then_branch", "else_branch"), "Tin"),
    "Case": (1, ("branches",), "Tin"),
    "StatelessCase": (1, ("branches",), "Tin"),
    "While": (0, ("cond", "body"), "T"),
    "StatelessWhile": (0, ("cond", "body"), "T"),
    "PartitionedCall": (0, ("f",), "Tin"),
    "StatefulPartitionedCall": (0, ("f",), "Tin"),
}


def freeze(
    graph_def: Any,
    is_wanted: Callable[[str], bool],
    run: Callable[[Sequence[Any]], Sequence[Any]],
    graph: Graph,
) -> Any:
    """`graph_def` with constants in the places of the variables that are wanted.

    Args:
      graph_def: a `GraphDef`.
      is_wanted: from the name of a variable to whether it is converted.
      run: gives the values of tensors of `graph`.
      graph: the graph that `graph_def` is of.

    Raises:
      ValueError: if a node does with a variable what it cannot do with a constant.
    """
    names, reads = [], []
    for node in graph_def.node:
        if node.op in _REF_VARIABLES and is_wanted(node.name):
            reads.append(graph.get_tensor_by_name(f"{node.name}:0"))
        elif node.op == "VarHandleOp" and is_wanted(node.name):
            reads.append(_read_of(graph, node.name))
        else:
            continue
        names.append(node.name)
    values = dict(zip(names, run(reads))) if reads else {}
    constants = {name: make_tensor_proto(value) for name, value in values.items()}
    functions = {function.signature.name: function for function in graph_def.library.function}
    frozen = _Frozen(functions)
    result = protos.GraphDef()
    result.versions.producer = graph_def.versions.producer or GRAPH_DEF_VERSION
    known: dict[str, int] = {}  # from a handle that is a value now to the value's type
    for node in _inputs_first(graph_def.node):
        if node.name not in constants:
            frozen.convert(node, known, _graph_source)
    for node in graph_def.node:
        new = result.node.add()
        if node.name in constants:
            new.name, new.op, new.device = node.name, "Const", node.device
            new.attr["dtype"].type = constants[node.name].dtype
            new.attr["value"].tensor.CopyFrom(constants[node.name])
            known[node.name] = constants[node.name].dtype
    raise NotImplementedError


def _read_of(graph: Graph, name: str) -> Any:
    raise NotImplementedError
