"""From a `GraphDef` to nodes of a graph: https://www.tensorflow.org/api_docs/python/tf/graph_util/import_graph_def

Messages are parsed and checked (`raw_graph`), TF 1's control flow is raised (`raise_control_flow`), nodes
are put in an order in which inputs come first, and then they are added. Either all of a graph is
imported, or an error leaves the graph as it was.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

from reflow.formats import protos
from reflow.formats.attr_value import FunctionRef
from reflow.formats.node_builder import Builder
from reflow.formats.raise_control_flow import has_control_flow, raise_control_flow
from reflow.formats.raw_graph import Body, Parser, RawNode, parse_function, unsupported
from reflow.lang import dtypes, errors
from reflow.lang.context import get_default_graph
from reflow.lang.export import export
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Graph, Operation
from reflow.lang.opdef import REGISTRY
from reflow.lang.resource import handle_type
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import SymbolicTensor
from reflow.platform.version import GRAPH_DEF_VERSION, VERSION


@export("import_graph_def", "graph_util.import_graph_def")
def import_graph_def(
    graph_def: Any,
    input_map: dict[str, Any] | None = None,
    return_elements: Sequence[str] | None = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
    validate_colocation_constraints: bool = True,
) -> list[Any] | None:
    """Adds the nodes of a `GraphDef` to the default graph.

    Args:
      graph_def: a `tf.compat.v1.GraphDef`.
      input_map: tensors of the default graph in place of tensors of `graph_def`, by the names that
        they have there; `^node` stands for a control input.
      return_elements: names of nodes and tensors of `graph_def` to return.
      name: what the names of the nodes begin with; "import" by default, "" for nothing.
      op_dict: deprecated and without effect.
      producer_op_list: an `OpList` of the program that wrote the graph. Attributes that this one does
        not know are dropped where they have the default that is said there.
      validate_colocation_constraints: whether nodes may only be colocated with nodes that exist.

    Returns:
      The `Operation` and `Tensor` objects of `return_elements`; None if that is None.

    Raises:
      TypeError: if an argument is of the wrong type.
      ValueError: if the graph is malformed, or `input_map` or `return_elements` do not fit it.
      tf.errors.NotFoundError: if it has ops that Reflow does not have; all of them are named.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as g:
    ...     x = tf.constant(3.0, name="x")
    >>> with tf.Graph().as_default():
    ...     x, = tf.import_graph_def(g.as_graph_def(), return_elements=["x:0"])
    >>> x.name
    'import/x:0'
    """
    del op_dict  # of no effect in TensorFlow either
    graph_def = _as_graph_def(graph_def)
    mapping = _checked_map(input_map)
    wanted = _checked_elements(return_elements)
    graph = get_default_graph()
    graph._check_not_finalized()
    _check_versions(graph_def)
    site = errors.user_frame(2)
    with graph.name_scope("import" if name is None else name) as scope:
        if input_map and not all(
            isinstance(v, (SymbolicTensor, Operation)) for v in mapping.values()
        ):
            mapping = _converted(mapping, name)
        scope = _new_prefix(graph, scope)
        saved = _Saved(graph)
        collecting = gc.isenabled()
        gc.disable()  # nothing that is made here is garbage, and looking for it takes a third longer
        try:
            importer = Importer(graph, graph_def, producer_op_list, site)
            return importer.run(scope, mapping, wanted, validate_colocation_constraints)
        except BaseException:
            saved.restore()
            raise
        finally:
            if collecting:
                gc.enable()


def _new_prefix(graph: Graph, scope: str) -> str:
    """`scope`, or one like it if it was entered anew and has nodes already."""
    found, count = scope, 0
    while found and any(name.startswith(found) for name in graph._by_name):
        count += 1
        found = f"{scope[:-1]}_{count}/"
    return found


def _as_graph_def(graph_def: Any) -> Any:
    if isinstance(graph_def, protos.GraphDef):
        return graph_def
    descriptor = getattr(graph_def, "DESCRIPTOR", None)
    if getattr(descriptor, "full_name", None) != "tensorflow.GraphDef":
        raise TypeError(
            f"Argument `graph_def` must be a GraphDef proto. Received type: "
            f"{type(graph_def).__name__}."
        )
    return protos.GraphDef.FromString(graph_def.SerializeToString())  # of another descriptor pool


def _checked_map(input_map: Any) -> dict[str, Any]:
    if input_map is None:
        return {}
    if not isinstance(input_map, dict) or not all(isinstance(k, (str, bytes)) for k in input_map):
        raise TypeError(
            "Argument `input_map` must be a dictionary mapping strings to Tensor objects. "
            f"Obtained {input_map!r:.200}"
        )
    return {k.decode() if isinstance(k, bytes) else k: v for k, v in input_map.items()}


def _checked_elements(return_elements: Any) -> list[str] | None:
    if return_elements is None:
        return None
    if isinstance(return_elements, (str, bytes)) or not all(
        isinstance(each, (str, bytes)) for each in return_elements
    ):
        raise TypeError(
            f"Argument `return_elements` must be a list of strings. Obtained {return_elements!r:.200}."
        )
    return [each.decode() if isinstance(each, bytes) else each for each in return_elements]


def _converted(mapping: dict[str, Any], name: str | None) -> dict[str, Any]:
    if name == "":
        raise ValueError(
            "tf.import_graph_def() requires a non-empty `name` if `input_map` contains non-Tensor "
            "values. Try calling tf.convert_to_tensor() on `input_map` values before calling "
            "tf.import_graph_def()."
        )
    from reflow.lang.convert import convert_to_tensor
    from reflow.lang.scopes import name_scope

    with name_scope("_inputs"):
        return {
            k: v if isinstance(v, Operation) else convert_to_tensor(v)
            for k, v in sorted(mapping.items())
        }


def _check_versions(graph_def: Any) -> None:
    versions = graph_def.versions
    if versions.min_consumer > GRAPH_DEF_VERSION:
        raise ValueError(
            f"GraphDef min consumer version {versions.min_consumer} above current version "
            f"{GRAPH_DEF_VERSION} for TensorFlow {VERSION}. Please upgrade."
        )
    if GRAPH_DEF_VERSION in versions.bad_consumers:
        raise ValueError(f"GraphDef disallows consumer version {GRAPH_DEF_VERSION}.")


class _Saved:
    """What an import changes in a graph, to undo one that failed."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.count = len(graph._nodes)
        self.names = dict(graph._names_in_use)
        self.functions = dict(graph._functions)

    def restore(self) -> None:
        graph = self.graph
        for op in graph._nodes[self.count :]:
            graph._by_name.pop(op.name, None)
            for scope in graph._control_stack:
                scope.inside.discard(op)
        del graph._nodes[self.count :]
        graph._names_in_use = self.names
        graph._functions = self.functions
        graph.mutated()


class Importer:
    """One import: the functions of its library, made when they are first needed, and its nodes."""

    def __init__(self, graph: Graph, graph_def: Any, producer_op_list: Any, site: Any):
        self.graph = graph
        self.graph_def = graph_def
        self.site = site
        self.library = {f.signature.name: f for f in graph_def.library.function}
        self.gradients = {g.function_name: g.gradient_func for g in graph_def.library.gradient}
        self.producer_defaults = _producer_defaults(producer_op_list)
        self._made: dict[Any, FuncGraph] = {}
        self._making: list[Any] = []

    def run(
        self,
        scope: str,
        mapping: dict[str, Any],
        wanted: list[str] | None,
        validate_colocation: bool,
    ) -> list[Any] | None:
        parser = Parser(self.library.get, self.producer_defaults)
        nodes = parser.nodes(self.graph_def.node)
        for proto in self.library.values():
            self._note_missing(proto, parser)
        if parser.missing:
            raise unsupported(parser.missing)
        names = {node.name for node in nodes}
        _check_mapped(mapping, nodes, names)
        builder = Builder(self, self.graph, scope, mapping)
        builder.colocation_names = names if validate_colocation else None
        if has_control_flow(nodes):
            sources = [_source(each) for each in wanted or ()]
            kept = [s for s in sources if s[0] in names and s not in builder.mapped]
            nodes = raise_control_flow(nodes, outputs=kept, replaced=builder.mapped).nodes
        builder.add_all(nodes)
        for name in names - builder.by_name.keys():
            self.graph.absent[scope + name] = (
                " It is part of a conditional or of a loop, which is a function here: only what "
                "leaves it, at a Merge or an Exit, can be fetched."
            )
        for name in self.library:  # functions that no node calls stay part of the graph
            if name not in self.graph._functions and not self.library[name].signature.attr:
                self.graph._functions[name] = self.function(FunctionRef(name))
        produced = self.graph_def.versions.producer or 0
        oldest = GRAPH_DEF_VERSION if self.graph.producer is None else self.graph.producer
        self.graph.producer = min(oldest, produced)
        if wanted is None:
            return None
        return [self._element(each, builder, mapping) for each in wanted]

    def _note_missing(self, function: Any, parser: Parser) -> None:
        for proto in function.node_def:
            if proto.op not in self.library and proto.op not in parser.missing:
                from reflow.formats.raw_graph import find_opdef

                if find_opdef(proto.op) is None:
                    where = f"{proto.name} of function {function.signature.name}"
                    parser.missing[proto.op] = where

    def _element(self, name: str, builder: Builder, mapping: dict[str, Any]) -> Any:
        op_name, colon, index = name.partition(":")
        if colon and (name in mapping or (index == "0" and op_name in mapping)):
            return mapping.get(name, mapping.get(op_name))
        op = builder.by_name.get(op_name)
        if op is None:
            raise ValueError(f"Requested return node '{op_name}' not found in graph def")
        if not colon:
            return op
        if not index.isdigit() or int(index) >= len(op.outputs):
            raise ValueError(
                f"Invalid return output {index} of node '{op_name}', which has {len(op.outputs)} "
                "output(s)"
            )
        return op.outputs[int(index)]

    def function(self, ref: FunctionRef) -> FuncGraph:
        """The function graph of a function of the library, made once for each set of attributes.

        Raises:
          ValueError: if the library does not have it, or it calls itself.
        """
        proto = self.library.get(ref.name)
        if proto is None:
            found = self.graph._functions.get(ref.name)
            if isinstance(found, FuncGraph):
                return found
            raise ValueError(f"Function '{ref.name}' is not defined in the function library")
        wanted = {attr.name for attr in proto.signature.attr}
        given = {k: v for k, v in ref.attrs.items() if k in wanted}
        key = (ref.name, *sorted((k, repr(v)) for k, v in given.items()))
        made = self._made.get(key)
        if made is None:
            if key in self._making:
                path = " -> ".join(each[0] for each in (*self._making, key))
                raise ValueError(f"Function '{ref.name}' calls itself: {path}")
            if len(self._making) > 100:
                raise ValueError(f"Function '{ref.name}' is nested more than 100 calls deep")
            self._making.append(key)
            parser = Parser(self.library.get, self.producer_defaults)
            body = parse_function(proto, parser, given)
            if parser.missing:
                raise unsupported(parser.missing)
            if has_control_flow(body.nodes):
                raised = raise_control_flow(body.nodes, body.arguments, body.outputs, body.controls)
                body.nodes, body.controls = raised.nodes, raised.controls
            made = self._made[key] = self.build(body)
            self._making.pop()
            gradient = self.gradients.get(ref.name)
            if gradient is not None:
                made.gradient_function = self.function(FunctionRef(gradient))  # type: ignore[attr-defined]
        return made

    def gradient(self, ref: FunctionRef) -> FuncGraph:
        """The gradient of a function of the library: the one that it has there, or the derivative."""
        function = self.function(ref)
        known = getattr(function, "gradient_function", None)
        if known is not None:
            return known
        from reflow.autodiff.gradients import gradients

        graph = FuncGraph(f"{function.name}_symbolic_gradient", self.graph)
        graph._device_stack, graph._colocation_stack, graph._collections = [], [], {}
        with graph.as_default():
            xs = [
                graph.add_input(t.dtype, t.shape, f"x_{i}") for i, t in enumerate(function.inputs)
            ]
            ys_grads = [
                graph.add_input(t.dtype.base_dtype, t.shape, f"grad_y_{i}")
                for i, t in enumerate(function.outputs)
            ]
            types = tuple(t.dtype.base_dtype for t in function.outputs)
            ys = REGISTRY["StatefulPartitionedCall"](xs, f=function, Tout=types)
            pairs = [
                (y, g) for y, g in zip(ys, ys_grads) if y.dtype.is_floating or y.dtype.is_complex
            ]
            found = gradients([y for y, _ in pairs], xs, grad_ys=[g for _, g in pairs])
            graph.outputs = [
                REGISTRY["ZerosLike"](x) if g is None else REGISTRY["Identity"](g)
                for x, g in zip(xs, found)
            ]
        function.gradient_function = graph  # type: ignore[attr-defined]
        return graph

    def build(
        self,
        body: Body,
        known: Sequence[TensorShape] | None = None,
        given: Sequence[SymbolicTensor] = (),
    ) -> FuncGraph:
        """The function graph of a body.

        `known` are the static shapes of its arguments, `given` the tensors that it is called with.
        """
        graph = FuncGraph(body.name, self.graph)
        graph._device_stack, graph._colocation_stack = [], []
        graph._collections = {}
        graph.attributes = dict(body.attributes)
        builder = Builder(self, graph)
        for i, argument in enumerate(body.arguments):
            shape = argument.shape if known is None else known[i]
            tensor = graph.add_input(argument.dtype, shape, argument.name)
            tensor.op.attrs.update(argument.attrs)
            builder.by_name[argument.name] = tensor.op
            if given and given[i].dtype is dtypes.resource:
                tensor._handle_type = handle_type(given[i])  # type: ignore[attr-defined]
        builder.add_all([node.copy() for node in body.nodes])
        graph.outputs = [
            builder.tensor(source, "the function's results") for source in body.outputs
        ]
        for name in body.controls:
            op = builder.by_name.get(name)
            if op is None:
                raise ValueError(f"Function '{body.name}' returns the unknown node '{name}'")
            graph.control_outputs.append(op)
        return graph


def _source(name: str) -> tuple[str, int]:
    """What the name of a tensor or of a node says."""
    op_name, _, index = name.partition(":")
    return (op_name, int(index) if index.isdigit() else 0)


def _producer_defaults(producer_op_list: Any) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for op in producer_op_list.op if producer_op_list is not None else ():
        found[op.name] = {
            attr.name: protos.AttrValue.FromString(attr.default_value.SerializeToString())
            for attr in op.attr
            if attr.HasField("default_value")
        }
    return found


def _check_mapped(mapping: dict[str, Any], nodes: Sequence[RawNode], names: set[str]) -> None:
    unknown = [k for k in mapping if k.lstrip("^").partition(":")[0] not in names]
    if not unknown:
        return
    # TensorFlow also lets a key name what a node takes, though the graph does not have it.
    taken: set[str] = set()
    for node in nodes:
        taken.update(name for name, _ in node.inputs)
        taken.update(node.controls)
    unknown = [k for k in unknown if k.lstrip("^").partition(":")[0] not in taken]
    if unknown:
        raise ValueError(
            f"Attempted to map inputs that were not found in graph_def: [{', '.join(unknown)}]"
        )
