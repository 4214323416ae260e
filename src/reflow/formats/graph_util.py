"""TF 1's helpers for graphs as messages: https://www.tensorflow.org/api_docs/python/tf/compat/v1/graph_util"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from reflow.formats import protos
from reflow.formats.freezing import freeze
from reflow.lang import dtypes
from reflow.lang.export import export
from reflow.lang.graph import Graph, Operation
from reflow.lang.shapes import TensorShape

_VARIABLE_OPS = frozenset(
    (
        *("Assign", "AssignAdd", "AssignSub", "Queue", "ScatterAdd", "ScatterSub"),
        *("ScatterUpdate", "TruncatedNormal", "Variable", "VariableV2"),
    )
)


def node_of(text: str) -> str:
    """The name of the node that an input is of: `a:1` and `^a` are of `a`."""
    return text.removeprefix("^").partition(":")[0]


@export(v1=("graph_util.extract_sub_graph",))
def extract_sub_graph(graph_def: Any, dest_nodes: Iterable[str]) -> Any:
    """The part of a graph that computes some of its nodes.

    Args:
      graph_def: a `tf.compat.v1.GraphDef`.
      dest_nodes: names of nodes.

    Returns:
      A new `GraphDef`, with the function library of `graph_def`. Its nodes are colocated with nodes
      of it only: with others it could not be imported.

    Raises:
      TypeError: if `graph_def` is no `GraphDef`, or `dest_nodes` is a string.
      AssertionError: if a node is not in the graph.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as g:
    ...     a, b = tf.constant(1.0, name="a"), tf.constant(2.0, name="b")
    >>> part = tf.compat.v1.graph_util.extract_sub_graph(g.as_graph_def(), ["b"])
    >>> [node.name for node in part.node]
    ['b']
    """
    _check_graph_def(graph_def)
    if isinstance(dest_nodes, (str, bytes)):
        raise TypeError(
            f"dest_nodes must be an iterable of strings, but got type {type(dest_nodes)}."
        )
    by_name = {node.name: node for node in graph_def.node}
    needed: set[str] = set()
    stack = list(dest_nodes)
    for name in stack:
        if name not in by_name:
            raise AssertionError(f"{name} is not in graph")
    while stack:
        name = stack.pop()
        if name in needed or name not in by_name:
            continue
        needed.add(name)
        stack.extend(node_of(text) for text in by_name[name].input)
    result = protos.GraphDef()
    result.node.extend([node for node in graph_def.node if node.name in needed])
    for node in result.node:
        _drop_absent_colocations(node, needed)
    result.library.CopyFrom(graph_def.library)
    result.versions.CopyFrom(graph_def.versions)
    return result


def _drop_absent_colocations(node: Any, names: set[str]) -> None:
    if "_class" in node.attr:
        groups = node.attr["_class"].list.s
        kept = [
            g
            for g in groups
            if not g.startswith(b"loc:@") or g[5:].decode(errors="replace") in names
        ]
        if not kept:
            del node.attr["_class"]
        elif len(kept) < len(groups):
            groups[:] = kept


def _check_graph_def(graph_def: Any) -> None:
    if not isinstance(graph_def, protos.GraphDef):
        raise TypeError(
            f"graph_def must be a graph_pb2.GraphDef proto, but got type {type(graph_def)}."
        )


@export(v1=("graph_util.convert_variables_to_constants",))
def convert_variables_to_constants(
    sess: Any,
    input_graph_def: Any,
    output_node_names: Sequence[str],
    variable_names_whitelist: Collection[str] | None = None,
    variable_names_blacklist: Collection[str] | None = None,
) -> Any:
    """The part of a graph that computes some nodes, with the values of variables in it.

    Args:
      sess: the session whose variables are meant.
      input_graph_def: its graph.
      output_node_names: names of nodes.
      variable_names_whitelist: the variables to convert; by default all.
      variable_names_blacklist: variables that stay variables.

    Returns:
      A `GraphDef` in which variables are constants.

    Raises:
      tf.errors.FailedPreconditionError: if a variable has no value.
      ValueError: if a node does with a variable what it cannot do with a constant.
    """
    part = extract_sub_graph(input_graph_def, output_node_names)

    def is_wanted(name: str) -> bool:
        if variable_names_whitelist is not None and name not in variable_names_whitelist:
            return False
        return variable_names_blacklist is None or name not in variable_names_blacklist

    return freeze(part, is_wanted, lambda reads: sess.run(reads), sess.graph)


@export(v1=("graph_util.remove_training_nodes",))
def remove_training_nodes(input_graph: Any, protected_nodes: Collection[str] | None = None) -> Any:
    """A graph without the nodes that only matter for training.

    `CheckNumerics`, `Identity` and `StopGradient` go, unless control inputs come or go there.

    Args:
      input_graph: a `tf.compat.v1.GraphDef`.
      protected_nodes: names of nodes that stay.

    Returns:
      A new `GraphDef`.
    """
    keep = set(protected_nodes or ())
    for node in input_graph.node:
        for text in node.input:
            if text.startswith("^"):
                keep.update((node.name, node_of(text)))
    source: dict[str, str] = {}
    for node in input_graph.node:
        always = node.op == "CheckNumerics" and node.name not in (protected_nodes or ())
        if always or node.op in ("Identity", "StopGradient") and node.name not in keep:
            source[node.name] = node.input[0]
    result = protos.GraphDef(versions=input_graph.versions, library=input_graph.library)
    for node in input_graph.node:
        if node.name in source:
            continue
        new = result.node.add()
        new.CopyFrom(node)
        del new.input[:]
        for text in node.input:
            while node_of(text) in source:
                found = source[node_of(text)]
                text = f"^{node_of(found)}" if text.startswith("^") else found
            new.input.append(text)
    return result


@export(v1=("graph_util.must_run_on_cpu",))
def must_run_on_cpu(node: Any, pin_variables_on_cpu: bool = False) -> bool:
    """Whether TensorFlow has a kernel for a node on the CPU only.

    Args:
      node: an `Operation` or a `NodeDef`.
      pin_variables_on_cpu: whether variables and what changes them are said to.
    """
    node_def = node.node_def if isinstance(node, Operation) else node
    if pin_variables_on_cpu and node_def.op in _VARIABLE_OPS:
        return True
    int32, string = dtypes.int32.as_datatype_enum, dtypes.string.as_datatype_enum
    if node_def.op == "Const":
        return node_def.attr["dtype"].type in (string, int32)
    if node_def.op in ("DynamicStitch", "ParallelDynamicStitch"):
        return node_def.attr["T"].type == int32
    return node_def.op == "Cast" and node_def.attr["SrcT"].type == int32


@export(v1=("graph_util.tensor_shape_from_node_def_name",))
def tensor_shape_from_node_def_name(graph: Graph, input_name: str) -> TensorShape:
    """The static shape of the tensor that an input of a `NodeDef` names, in `graph`."""
    name = input_name if ":" in input_name else f"{input_name}:0"
    return graph.get_tensor_by_name(name).shape
