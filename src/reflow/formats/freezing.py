"""Graphs with constants in the places of variables: what `convert_variables_to_constants` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.formats import protos
from reflow.formats.tensor_codec import make_tensor_proto
from reflow.lang import dtypes
from reflow.lang.graph import Graph

_REF_VARIABLES = frozenset(("Variable", "VariableV2"))
_PASS_ON = frozenset(
    (
        *("Identity", "Switch", "Enter", "Merge", "Exit", "NextIteration"),
        *("RefSwitch", "RefEnter", "RefMerge", "RefExit", "RefNextIteration"),
    )
)
# The first input of a call that is an argument, the attributes of its functions, that of the dtypes.
_CALLS: dict[str, tuple[int, tuple[str, ...], str]] = {
    "If": (1, ("then_branch", "else_branch"), "Tin"),
    "StatelessIf": (1, ("then_branch", "else_branch"), "Tin"),
    "Case": (1, ("branches",), "Tin"),
    "StatelessCase": (1, ("branches",), "Tin"),
    "While": (0, ("cond", "body"), "T"),
    "StatelessWhile": (0, ("cond", "body"), "T"),
    "PartitionedCall": (0, ("f",), "Tin"),
    "StatefulPartitionedCall": (0, ("f",), "Tin"),
}

Known = dict[tuple[str, int], int]  # from a tensor that is no handle any more to the value's type


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
    constants = {name: make_tensor_proto(value) for name, value in zip(names, run(reads))}
    result = protos.GraphDef(versions=graph_def.versions, library=graph_def.library)
    known: Known = {(name, 0): value.dtype for name, value in constants.items()}
    rest = [node for node in graph_def.node if node.name not in constants]
    refs = {node.name for node in graph_def.node if node.op in _REF_VARIABLES}
    converted = iter(_Freezer(result.library, refs).convert(rest, known, _graph_source))
    for node in graph_def.node:
        if node.name not in constants:
            result.node.extend(next(converted))
            continue
        new = result.node.add(name=node.name, op="Const", device=node.device)
        new.attr["dtype"].type = constants[node.name].dtype
        new.attr["value"].tensor.CopyFrom(constants[node.name])
    return result


def _read_of(graph: Graph, name: str) -> Any:
    """A tensor that is the value of a variable."""
    handle = graph.get_tensor_by_name(f"{name}:0")
    readers = [op for op in graph.consumers_of(handle) if op.type == "ReadVariableOp"]
    if not readers:
        raise ValueError(f"No node of the session's graph reads the variable '{name}'")
    usual = [op for op in readers if op.name == f"{name}/Read/ReadVariableOp"]
    return (usual or readers)[0].outputs[0]


def _graph_source(text: str) -> tuple[str, int]:
    name, _, index = text.partition(":")
    return name, int(index or 0)


def _body_source(text: str) -> tuple[str, int]:
    name, *rest = text.split(":")
    return name, int(rest[-1]) if rest else 0


class _Freezer:
    """Converts nodes that take handles to nodes that take values.

    Args:
      library: the functions; converted ones are added.
      refs: the variables of the graph that are references, rather than handles.
    """

    def __init__(self, library: Any, refs: set[str]):
        self.library = library
        self.functions = {function.signature.name: function for function in library.function}
        self.refs = refs
        self.made: dict[tuple[str, tuple[tuple[int, int], ...]], str] = {}

    def convert(self, nodes: Sequence[Any], known: Known, source: Callable) -> list[list[Any]]:
        """The nodes in the places of each of `nodes`; adds to `known`."""
        copies = [protos.NodeDef.FromString(node.SerializeToString()) for node in nodes]
        before = -1
        while before != len(known):  # until no more handles are found to be values
            before = len(known)
            for node in copies:
                self._follow(node, known, source)
        return [self._converted(node, known, source) for node in copies]

    def _values(self, node: Any, known: Known, source: Callable) -> dict[int, int]:
        """From the positions of inputs that are values now to their types."""
        found = {}
        for i, text in enumerate(node.input):
            if not text.startswith("^") and source(text) in known:
                found[i] = known[source(text)]
        return found

    def _follow(self, node: Any, known: Known, source: Callable) -> None:
        """Notes which outputs of a node are values now, because its inputs are."""
        given = self._values(node, known, source)
        if not given:
            return
        if node.op in _PASS_ON and self._passes_handle(node, given, source):
            value = next(iter(given.values()))
            known[node.name, 0] = value
            if node.op in ("Switch", "RefSwitch"):
                known[node.name, 1] = value
        elif node.op in ("While", "StatelessWhile"):
            for i, value in given.items():
                if node.attr["T"].list.type[i] == dtypes.resource.as_datatype_enum:
                    known[node.name, i] = value

    def _passes_handle(self, node: Any, given: dict[int, int], source: Callable) -> bool:
        """Whether the node gives on a handle or a reference, rather than the value of one."""
        if node.op == "Identity" and node.attr["T"].type != dtypes.resource.as_datatype_enum:
            return False
        return 0 in given or node.op in ("Merge", "RefMerge")

    def _converted(self, node: Any, known: Known, source: Callable) -> list[Any]:
        given = self._values(node, known, source)
        if not given:
            return [node]
        if node.op in _CALLS:
            self._convert_call(node, given)
            return [node]
        value = next(iter(given.values()))
        if node.op in _PASS_ON:
            node.op = node.op.removeprefix("Ref")
            node.attr["T"].type = value
        elif node.op == "ReadVariableOp":
            _become(node, "Identity", T=value)
        elif node.op == "VariableShape":
            _become(node, "Shape", T=value, keep=("out_type",))
        elif node.op == "ResourceGatherNd":
            _become(node, "GatherNd", Tparams=value, keep=("Tindices",))
        elif node.op == "ResourceGather":
            axis = protos.NodeDef(name=f"{node.name}/axis", op="Const", device=node.device)
            axis.attr["dtype"].type = dtypes.int32.as_datatype_enum
            axis.attr["value"].tensor.CopyFrom(make_tensor_proto(node.attr["batch_dims"].i))
            controls = list(node.input[2:])
            del node.input[2:]
            body = source is _body_source
            node.input.extend([f"{axis.name}:output:0" if body else axis.name, *controls])
            int32 = dtypes.int32.as_datatype_enum
            _become(node, "GatherV2", Tparams=value, Taxis=int32, keep=("Tindices", "batch_dims"))
            return [axis, node]
        elif not self._takes_values(node, given, source):
            raise ValueError(
                f"Node '{node.name}' ({node.op}) takes the handle of a variable, and there is no such "
                "op for the constant that the variable becomes"
            )
        return [node]

    def _takes_values(self, node: Any, given: dict[int, int], source: Callable) -> bool:
        """Whether all that a node took of variables was their values: a reference gives those."""
        from reflow.formats.raw_graph import find_opdef

        opdef = find_opdef(node.op)
        if opdef is None:
            return False
        if any(arg.is_ref for arg in opdef.inputs):
            return False
        return not any(arg.dtype is dtypes.resource for arg in opdef.inputs)

    def _convert_call(self, node: Any, given: dict[int, int]) -> None:
        first, attributes, types = _CALLS[node.op]
        arguments = {i - first: value for i, value in given.items()}
        if not any(
            node.attr[types].list.type[i] == dtypes.resource.as_datatype_enum for i in arguments
        ):
            return  # it took values of references
        for i, value in arguments.items():
            node.attr[types].list.type[i] = value
        for attribute in attributes:
            value = node.attr[attribute]
            for each in value.list.func if value.WhichOneof("value") == "list" else [value.func]:
                each.name = self._function(each.name, arguments)

    def _function(self, name: str, given: dict[int, int]) -> str:
        """The name of a function that takes values in place of the handles in `given`."""
        key = (name, tuple(sorted(given.items())))
        if key in self.made:
            return self.made[key]
        if name not in self.functions:
            raise ValueError(f"Function '{name}' is not defined in the function library")
        label = f"{name}_frozen"
        while label in self.functions:
            label += "_"
        self.made[key] = label
        new = protos.FunctionDef.FromString(self.functions[name].SerializeToString())
        self.functions[label] = new
        new.signature.name = label
        known: Known = {}
        for i, value in given.items():
            new.signature.input_arg[i].type = value
            known[new.signature.input_arg[i].name, 0] = value
        reads = {node.name for node in new.node_def if node.op == "ReadVariableOp"}
        nodes = self.convert(new.node_def, known, _body_source)
        del new.node_def[:]
        for each in nodes:
            new.node_def.extend(each)
        reads &= {node.name for node in new.node_def if node.op == "Identity"}
        for node in new.node_def:
            node.input[:] = [_renamed(text, reads) for text in node.input]
        for key in list(new.ret):
            new.ret[key] = _renamed(new.ret[key], reads)
        for arg in new.signature.output_arg:
            place = _body_source(new.ret[arg.name])
            if arg.type == dtypes.resource.as_datatype_enum and place in known:
                arg.type = known[place]
        self.library.function.append(new)
        return label


def _renamed(text: str, reads: set[str]) -> str:
    """An edge of a body, where `reads` have become `Identity` nodes: their output is called otherwise."""
    name, *rest = text.split(":")
    return f"{name}:output:0" if name in reads and rest else text


def _become(node: Any, op: str, keep: Sequence[str] = (), **types: int) -> None:
    """Makes a node one of another op, with dtype attributes and some of those that it had."""
    node.op = op
    for key in [key for key in node.attr if key not in keep and key != "_class"]:
        del node.attr[key]
    for key, value in types.items():
        node.attr[key].type = value
