"""Graphs as protocol messages: `GraphDef`, `NodeDef`, and `FunctionDef` for the bodies they call.

Names, attributes and their defaults, and the order of nodes are those that TensorFlow writes.
https://www.tensorflow.org/api_docs/python/tf/Graph#as_graph_def
"""

from __future__ import annotations

from typing import Any

from reflow.compiler.program import body_nodes
from reflow.formats import protos
from reflow.formats.attr_value import FunctionRef, attr_to_proto, write_shape
from reflow.formats.lower_branches import Lowering, changes_reference
from reflow.formats.op_defs import is_stateful
from reflow.formats.raw_graph import CalledFunction
from reflow.formats.region import has_effect
from reflow.lang import dtypes
from reflow.lang.export import export
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Graph, Operation
from reflow.lang.opdef import arg_length
from reflow.lang.tensor import SymbolicTensor
from reflow.platform import file_io
from reflow.platform.version import GRAPH_DEF_VERSION


def graph_to_graph_def(graph: Graph, from_version: int | None, add_shapes: bool) -> Any:
    """The `GraphDef` of a graph: what `Graph.as_graph_def` does.

    Args:
      graph: the graph.
      from_version: only the nodes added since `graph.version` had this value.
      add_shapes: whether each node gets the attribute `_output_shapes`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as g:
    ...     x = tf.constant(1.0, name="x")
    >>> g.as_graph_def().node[0].op
    'Const'
    """
    proto = protos.GraphDef()
    oldest = graph.producer
    proto.versions.producer = GRAPH_DEF_VERSION if oldest is None else oldest
    library = FunctionLibrary(add_shapes)
    nodes = graph.get_operations()[from_version or 0 :]
    if any(changes_reference(op) for op in nodes):
        _write_lowered(proto, nodes, library, add_shapes)
    else:
        add = proto.node.add
        for op in nodes:
            write_node(add(), op, library, add_shapes)
    for function in graph._functions.values():
        library.name_of(function)
    library.write(proto)
    return proto


def _write_lowered(
    proto: Any, nodes: list[Operation], library: FunctionLibrary, add_shapes: bool
) -> None:
    """Writes nodes of which some are conditionals that TensorFlow has no functions for."""

    def write(target: Any, name: str, op: Operation, inputs: list[str]) -> None:
        _write_head(target, name, op, inputs, library)
        if add_shapes and op.outputs:
            _write_shapes(target, op)

    lowering = Lowering(proto.node.add, write, {op.name for op in nodes}, add_shapes)
    for op in nodes:
        inputs = [lowering.name_of(t) for t in op._inputs]
        waits = sorted({f"^{control.name}" for control in op._control_inputs})
        if changes_reference(op):
            lowering.lower(op, op.name, inputs, waits)
        else:
            write(proto.node.add(), op.name, op, inputs + waits)


def op_to_node_def(op: Operation) -> Any:
    """The `NodeDef` of a node: what `Operation.node_def` is."""
    proto = protos.NodeDef()
    write_node(proto, op, FunctionLibrary(), False)
    return proto


def write_node(proto: Any, op: Operation, library: FunctionLibrary, add_shapes: bool) -> None:
    """Fills a `NodeDef` with a node of a graph."""
    inputs = [t.op.name if t.value_index == 0 else t.name for t in op._inputs]
    if op._control_inputs:
        inputs += sorted({f"^{control.name}" for control in op._control_inputs})
    _write_head(proto, op.name, op, inputs, library)
    if add_shapes and op.outputs:
        _write_shapes(proto, op)


def _write_head(
    proto: Any, name: str, op: Operation, inputs: list[str], library: FunctionLibrary
) -> None:
    proto.name = name
    proto.op = op.opdef.name
    proto.input.extend(inputs)
    if op._device:
        proto.device = op._device
    declared, target = op.opdef.attrs, proto.attr
    called_by_name = type(op.opdef) is CalledFunction
    if called_by_name:
        proto.op = library.name_of(op.attrs["f"])
    for key, value in op.attrs.items():
        attr = declared.get(key)
        if called_by_name and attr is not None:
            continue
        kind = None if attr is None else attr.type
        if not attr_to_proto(target[key], value, kind, library.name_of):
            del target[key]  # something of this process only, which no file can hold


def _write_shapes(proto: Any, op: Operation) -> None:
    shapes = proto.attr["_output_shapes"].list.shape
    for tensor in op.outputs:
        write_shape(shapes.add(), tensor.shape)


# Functions ----------------------------------------------------------------------------------------


class FunctionLibrary:
    """The functions that nodes refer to, each with a name of its own, and what they call in turn."""

    def __init__(self, add_shapes: bool = False):
        self.add_shapes = add_shapes
        self._names: dict[int, str] = {}
        self._taken: dict[str, int] = {}
        self._graphs: list[Any] = []

    def name_of(self, function: Any) -> str:
        """The name of a function in this library; it is added when it is first asked for."""
        if isinstance(function, (str, FunctionRef)):
            return function if isinstance(function, str) else function.name
        graph = function if isinstance(function, FuncGraph) else function.graph
        found = self._names.get(id(graph))
        if found is None:
            name = function.name if isinstance(function.name, str) else function.name.decode()
            found, count = name, self._taken.get(name, 0)
            while found in self._taken:
                count += 1
                found = f"{name}_{count}"
            self._taken[name] = count
            self._taken.setdefault(found, 0)
            self._names[id(graph)] = found
            self._graphs.append(graph)
        return found

    def write(self, graph_def: Any) -> None:
        """Writes the library of a `GraphDef`; it stays unset where there are no functions."""
        i = 0
        while i < len(self._graphs):  # grows while bodies are written that call others
            graph = self._graphs[i]
            target = graph_def.library.function.add()
            write_function(target, graph, self._names[id(graph)], self)
            gradient = getattr(graph, "gradient_function", None)
            if gradient is not None:
                graph_def.library.gradient.add(
                    function_name=self._names[id(graph)], gradient_func=self.name_of(gradient)
                )
            i += 1


def write_function(proto: Any, graph: FuncGraph, name: str, library: FunctionLibrary) -> None:
    """Fills a `FunctionDef` with a function graph."""
    signature = proto.signature
    signature.name = name
    names = _BodyNames()
    labels, results = names.of_signature(graph)
    arguments = {t.op for t in graph.inputs}
    of_tensor: dict[int, str] = {}
    for i, (label, tensor) in enumerate(zip(labels, graph.inputs)):
        signature.input_arg.add(name=label, type=tensor.dtype.as_datatype_enum)
        of_tensor[id(tensor)] = label
        _write_argument(proto, i, tensor, library)
    body = [op for op in graph.get_operations() if op not in arguments]
    if not graph.side_effects:  # a reader would run every stateful node
        needed = set(body_nodes(graph))
        body = [op for op in body if op in needed]
    of_node = {op: names.unique(op.name) for op in body}
    for op in body:
        _name_outputs(op, of_node[op], of_tensor)
    for op in body:
        inputs = [of_tensor[id(t)] for t in op._inputs]
        waits = {f"^{of_node[c]}" for c in op._control_inputs if c in of_node}
        target = proto.node_def.add()
        _write_head(target, of_node[op], op, inputs + sorted(waits), library)
        if library.add_shapes and op.outputs:
            _write_shapes(target, op)
        signature.is_stateful |= is_stateful(op.opdef)
    for label, tensor in zip(results, graph.outputs):
        signature.output_arg.add(name=label, type=tensor.dtype.base_dtype.as_datatype_enum)
        proto.ret[label] = of_tensor[id(tensor)]
    must_run = dict.fromkeys(graph.control_outputs)
    must_run.update((op, None) for op in body if has_effect(op))
    for op in must_run:
        signature.control_output.append(of_node[op])
        proto.control_ret[of_node[op]] = of_node[op]
    if library.add_shapes and graph.inputs:
        shapes = proto.attr["_input_shapes"].list.shape
        for tensor in graph.inputs:
            write_shape(shapes.add(), tensor.shape)
    for key, value in graph.attributes.items():
        if not attr_to_proto(proto.attr[key], value, None, library.name_of):
            del proto.attr[key]


def function_to_function_def(graph: FuncGraph) -> Any:
    """A function graph as a `FunctionDef` message."""
    message = protos.FunctionDef()
    write_function(message, graph, graph.name, FunctionLibrary())
    return message


def _write_argument(proto: Any, i: int, tensor: SymbolicTensor, library: FunctionLibrary) -> None:
    values: dict[str, Any] = {k: v for k, v in tensor.op.attrs.items() if k.startswith("_")}
    if tensor.dtype is not dtypes.resource:
        values["_output_shapes"] = (tensor.shape,)
    attrs = proto.arg_attr[i].attr
    for key, value in values.items():
        if not attr_to_proto(attrs[key], value, None, library.name_of):
            del attrs[key]
    if not attrs:
        del proto.arg_attr[i]


def _name_outputs(op: Operation, name: str, of_tensor: dict[int, str]) -> None:
    """Names the outputs of a node of a body: `node:output:position within the output`."""
    if type(op.opdef) is CalledFunction:
        _, results = _BodyNames().of_signature(op.attrs["f"])
        for tensor, result in zip(op.outputs, results):
            of_tensor[id(tensor)] = f"{name}:{result}:0"
        return
    index = 0
    for arg in op.opdef.outputs:
        for i in range(arg_length(arg, op.attrs)):
            of_tensor[id(op.outputs[index])] = f"{name}:{arg.name}:{i}"
            index += 1


class _BodyNames:
    """Names within a `FunctionDef`, where arguments, results and nodes share one name space."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def of_signature(self, graph: FuncGraph) -> tuple[list[str], list[str]]:
        """The names of the arguments and of the results of a function."""
        arguments = [self.argument(tensor.op.name) for tensor in graph.inputs]
        return arguments, [self.argument(tensor.op.name) for tensor in graph.outputs]

    def argument(self, node_name: str) -> str:
        """The name of an argument or result: lower case, letters, digits and underscores."""
        plain = "".join(c.lower() if c.isascii() and c.isalnum() else "_" for c in node_name)
        start = next((i for i, c in enumerate(plain) if c.isalpha()), None)
        return self.unique("unknown" if start is None else plain[start:])

    def unique(self, name: str) -> str:
        if name not in self._counts:
            self._counts[name] = 0
            return name
        while True:
            candidate = f"{name}_{self._counts[name]}"
            self._counts[name] += 1
            if candidate not in self._counts:
                self._counts[candidate] = 0
                return candidate


# Files --------------------------------------------------------------------------------------------


@export("io.write_graph", v1=("train.write_graph",))
def write_graph(graph_or_graph_def: Any, logdir: Any, name: str, as_text: bool = True) -> str:
    """Writes a graph to a file, as text (`.pbtxt`) or binary (`.pb`).

    Args:
      graph_or_graph_def: a `tf.Graph` or a `tf.compat.v1.GraphDef`.
      logdir: the directory, which is made if need be.
      name: the file's name in it.
      as_text: whether the text format is written.

    Returns:
      The path of the file.

    >>> import os, tempfile, reflow as tf
    >>> with tempfile.TemporaryDirectory() as d:
    ...     os.path.basename(tf.io.write_graph(tf.Graph(), d, "g.pbtxt"))
    'g.pbtxt'
    """
    graph_def = (
        graph_or_graph_def.as_graph_def()
        if isinstance(graph_or_graph_def, Graph)
        else graph_or_graph_def
    )
    directory = file_io.path_of(logdir)
    if directory:
        file_io.recursive_create_dir_v2(directory)
    path = file_io.join(directory, name)
    if as_text:
        from google.protobuf import text_format

        pool = protos.descriptor_pool()
        text = text_format.MessageToString(graph_def, descriptor_pool=pool)
        file_io.atomic_write_string_to_file(path, text)
    else:
        file_io.atomic_write_string_to_file(path, graph_def.SerializeToString())
    return path
