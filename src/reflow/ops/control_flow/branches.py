"""Functions as nodes: `If`, `Case`, and how a Python function becomes the body of one.

A branch is a function graph, of which only the one that is taken runs. What it uses of the graph around
is captured, and becomes an input of the node. `ops/control_flow/cond.py` has `tf.cond` and its kind.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes, nest, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.func_graph import BodyGraph, FuncGraph, functions_of, in_v1_style
from reflow.lang.graph import Graph, Operation
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY, OpDef
from reflow.lang.resource import handle_type
from reflow.lang.scopes import control_dependencies
from reflow.lang.services import service
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.constant import identity
from reflow.ops.define import op

_serial = itertools.count()


# Ops ----------------------------------------------------------------------------------------------


def _branch_grad(op, gs):
    return service("branch_gradient")(op, gs)


def _output_shapes(*inputs, output_shapes, Tout):
    return list(output_shapes) or [shapes.UNKNOWN] * len(Tout)


def truth(ctx: Any, value: Any) -> Any:
    """Whether `value` counts as true: not zero, not empty."""
    if np.shape(value):
        return np.bool_(np.prod(np.shape(value)) > 0)
    if isinstance(value, bytes) or getattr(value, "dtype", None) == np.dtype(object):
        text = value if isinstance(value, bytes) else value[()]
        return np.bool_(len(text) > 0)
    if isinstance(value, (np.ndarray, np.generic)):
        return np.bool_(bool(value))
    return value if value.dtype == bool else value != 0


def _if(name: str, stateful: bool) -> OpDef:
    @op(
        f"{name}(cond: Tcond, input: Tin, *, Tcond: type, Tin: list(type), Tout: list(type),"
        " then_branch: func, else_branch: func, output_shapes: list(shape) = []) -> output: Tout",
        shape=_output_shapes,
        grad=_branch_grad,
        stateful=stateful,
        context=True,
    )
    def lower(ctx, cond, input, *, then_branch, else_branch):
        """The outputs of one of two functions of `input`."""
        return ctx.branch(truth(ctx, cond), (else_branch, then_branch), input)

    return lower


if_op = _if("If", stateful=True)
stateless_if = _if("StatelessIf", stateful=False)


def _case(name: str, stateful: bool) -> OpDef:
    @op(
        f"{name}(branch_index: int32, input: Tin, *, Tin: list(type), Tout: list(type),"
        " branches: list(func), output_shapes: list(shape) = []) -> output: Tout",
        shape=_output_shapes,
        grad=_branch_grad,
        stateful=stateful,
        context=True,
    )
    def lower(ctx, branch_index, input, *, branches):
        """The outputs of one of several functions of `input`; the last one for any other index."""
        last = len(branches) - 1
        xp = np if isinstance(branch_index, (np.ndarray, np.generic)) else ctx.xp
        inside = (branch_index >= 0) & (branch_index < last)
        return ctx.branch(xp.where(inside, branch_index, np.int32(last)), branches, input)

    return lower


case_op = _case("Case", stateful=True)
stateless_case = _case("StatelessCase", stateful=False)


@op(
    "FakeParam(*, dtype: type, shape: shape) -> output: dtype",
    shape=lambda *, shape: shape,
    grad=None,
    context=True,
)
def fake_param(ctx, *, dtype, shape):
    """Stands for a value of the branch that is not taken; nobody looks at it."""
    return ctx.nothing(dtype, shape)


_HARMLESS = frozenset({"NoOp", "Placeholder"})


def has_side_effects(graph: Graph) -> bool:
    """Whether a body has a node that reads or writes something outside of it."""
    for node in graph.get_operations():
        opdef = node.opdef
        if opdef.stateful and not opdef.handle and opdef.name not in _HARMLESS:
            if opdef.name != "ReadVariableOp":
                return True
        elif opdef.context and any(has_side_effects(f) for f in functions_of(node)):
            return True
    return False


# Bodies -------------------------------------------------------------------------------------------


def body_graph(outer: Graph, label: str) -> BodyGraph:
    """A new body of `outer`, with a function name that no other has."""
    scope = outer.get_name_scope().replace("/", "_").replace(".", "_")
    prefix = f"{scope}_{label}" if scope else label
    return BodyGraph(f"{prefix}_{next(_serial)}", outer)


def unify_captures(graphs: Sequence[BodyGraph], arguments: int = 0) -> list[SymbolicTensor]:
    """Gives all `graphs` the same captures in the same order, after their first `arguments` inputs.

    Returns:
      The captured tensors of the graph around: further inputs of the node that calls them.
    """
    union: dict[int, SymbolicTensor] = {}
    for graph in graphs:
        for outer in graph.external_captures:
            union.setdefault(id(outer), outer)  # type: ignore[arg-type]
    captured = list(union.values())
    for graph in graphs:
        inner = [graph.capture(outer) for outer in captured]
        graph._captures = {
            id(outer): (outer, placeholder) for outer, placeholder in zip(captured, inner)
        }
        graph.inputs = [*graph.inputs[:arguments], *inner]
    return captured


def add_call(
    graph: Graph,
    opdef: OpDef,
    inputs: Sequence[SymbolicTensor],
    attrs: dict[str, Any],
    name: str,
    output_shapes: Sequence[shapes.TensorShape],
    bodies: Sequence[FuncGraph],
) -> Operation:
    """Adds a node that calls `bodies`, and waits for what they wait for."""
    controls = list(dict.fromkeys(c for body in bodies for c in body.outer_controls))
    with graph.control_dependencies(controls):
        return graph.add_node(opdef, inputs, attrs, name, output_shapes)


def call_attributes(function: Any, inputs: Sequence[Any]) -> dict[str, Any]:
    """The attributes of a node that calls `function`."""
    return {
        "Tin": base_dtypes(inputs),
        "Tout": base_dtypes(function.outputs),
        "f": function,
        "config": "",
        "config_proto": "",
        "executor_type": "",
    }


def base_dtypes(tensors: Sequence[Any]) -> tuple[dtypes.DType, ...]:
    return tuple(t.dtype.base_dtype for t in tensors)


def is_tensor_array(value: Any) -> bool:
    return hasattr(value, "flow") and hasattr(value, "_with_flow")


def as_output(value: Any) -> Any:
    """What a body returns, as a tensor of the body; None stays None."""
    if value is None:
        return None
    if isinstance(value, Operation):
        return _after(value)
    if is_tensor_array(value):
        return convert_to_tensor(value.flow)
    return convert_to_tensor(value)


def _after(node: Operation) -> Any:
    """A boolean that is there when `node` has run: what stands for it among a branch's results."""
    with control_dependencies([node]):
        return identity(np.array(True), name="control_dependency")


def again(like: Any, tensors: Sequence[Any]) -> Any:
    """`tensors` in the structure `like`; tensor arrays in place of their flows."""
    leaves = nest.flatten(like, expand_composites=True)
    rebuilt = [
        leaf._with_flow(tensor) if is_tensor_array(leaf) else tensor
        for leaf, tensor in zip(leaves, tensors)
    ]
    return nest.pack_sequence_as(like, rebuilt, expand_composites=True)


# Branches -----------------------------------------------------------------------------------------


def traced_branches(
    graph: Graph,
    first: dict[str, Any],
    functions: Sequence[tuple[Callable, str, str]],
    kind: Callable[[bool, list[BodyGraph]], tuple[OpDef, dict[str, Any]]],
    scope: str,
    where: str,
    site: str,
) -> Any:
    """Traces the branches, adds the node, and returns its outputs in their structure."""
    v1_style = in_v1_style(graph)
    bodies, results, flats = [], [], []
    for function, label, short in functions:
        body = body_graph(graph, short)
        with body.as_default():
            result = function()
            if result is None and v1_style:
                raise ValueError(f"{site}: '{label}' must have a return value.")
        bodies.append(body)
        results.append(result)
    results = _with_alike_indices(bodies, results)
    for (_, label, _), body, result in zip(functions, bodies, results):
        leaves = nest.flatten(result, expand_composites=True)
        with body.as_default():
            try:
                flats.append([as_output(leaf) for leaf in leaves])
            except (TypeError, ValueError) as error:
                raise type(error)(
                    f"{site}: '{label}' of tf.{where} must return tensors, operations or nested "
                    f"structures of them: {error}"
                ) from None
    _check_alike(functions, bodies, results, flats, where, v1_style, site)
    kept = [i for i, each in enumerate(flats[0]) if each is not None]
    for body, flat in zip(bodies, flats):
        body.outputs = [flat[i] for i in kept]
    captured = unify_captures(bodies)
    merged = []
    for column in zip(*(body.outputs for body in bodies)):
        shape = column[0].shape
        for each in column[1:]:
            shape = shape.most_specific_compatible_shape(each.shape)
        merged.append(shape)
    stateful = any(has_side_effects(body) for body in bodies)
    opdef, attrs = kind(stateful, bodies)
    attrs["Tin"] = base_dtypes(captured)
    attrs["Tout"] = base_dtypes(bodies[0].outputs)
    attrs["output_shapes"] = tuple(merged)
    label = opdef.name.removeprefix("Stateless")
    node_name = graph.op_name(label) if v1_style else scope[:-1]
    node = add_call(graph, opdef, [*first.values(), *captured], attrs, node_name, merged, bodies)
    _copy_handle_types(node, bodies[0])
    outputs: list[Any] = [None] * len(flats[0])
    for i, tensor in zip(kept, node.outputs):
        outputs[i] = identity(tensor, name="Merge" if v1_style else "Identity")
        _copy_handle_type(tensor, outputs[i])
    if all(each is None for each in outputs) and not isinstance(results[0], (list, tuple, dict)):
        return None
    packed: list[Any] = []
    leaves = nest.flatten(results[0], expand_composites=True)
    for leaf, tensor in zip(leaves, outputs):
        packed.append(leaf._with_flow(tensor) if is_tensor_array(leaf) else tensor)
    return nest.pack_sequence_as(results[0], packed, expand_composites=True)


def _copy_handle_types(node: Operation, body: BodyGraph) -> None:
    for tensor, inner in zip(node.outputs, body.outputs):
        _copy_handle_type(inner, tensor)


def _copy_handle_type(source: Any, target: Any) -> None:
    if source.dtype is dtypes.resource:
        target._handle_type = handle_type(source)


def _check_alike(
    functions: Sequence[tuple[Callable, str, str]],
    bodies: Sequence[BodyGraph],
    results: Sequence[Any],
    flats: Sequence[list[Any]],
    where: str,
    v1_style: bool,
    site: str,
) -> None:
    """Refuses branches whose results differ in structure or dtypes."""
    # TensorFlow's classes; there tf.switch_case of a TF 1 program is that of TF 2.
    classic = v1_style and where == "cond"
    for i in range(1, len(results)):
        mine, other = functions[0][1], functions[i][1]
        difference = nest._difference(results[0], results[i], True, True)
        if difference is not None:
            kind, text = difference
            if not classic:
                counts = [len(nest.flatten(result)) for result in (results[0], results[i])]
                kind = TypeError if counts[0] == counts[1] else AssertionError
        elif [x is None for x in flats[0]] != [y is None for y in flats[i]]:
            kind, text = ValueError, "one of them returns None"
        else:
            _check_dtypes(
                flats[0], flats[i], mine, other, ValueError if classic else TypeError, site
            )
            continue
        raise kind(
            f"{site}: The two structures don't have the same nested structure: '{mine}' and "
            f"'{other}' of tf.{where} must return the same structure.\n\nFirst structure: "
            f"{nest._shown(results[0])}\n\nSecond structure: {nest._shown(results[i])}\n\n"
            f"More specifically: {text}"
        )


def _check_dtypes(
    flat: list[Any], other_flat: list[Any], mine: str, other: str, kind: type[Exception], site: str
) -> None:
    for x, y in zip(flat, other_flat):
        if x is not None and x.dtype.base_dtype is not y.dtype.base_dtype:
            raise kind(
                f"{site}: Outputs of '{mine}' and '{other}' must have the same type(s). Received "
                f"{x.dtype.name} from '{mine}' and {y.dtype.name} from '{other}'."
            )


def _with_alike_indices(bodies: Sequence[BodyGraph], results: list[Any]) -> list[Any]:
    """The results of branches; indices of slices that are int64 in one branch are so in all."""
    flats = [nest.flatten(result) for result in results]
    if len(set(map(len, flats))) > 1:
        return results
    for position, column in enumerate(zip(*flats)):
        if not all(isinstance(leaf, IndexedSlices) for leaf in column):
            continue
        if len({leaf.indices.dtype for leaf in column}) > 1:
            for body, flat, leaf in zip(bodies, flats, column):
                with body.as_default():
                    indices = REGISTRY["Cast"](leaf.indices, DstT=dtypes.int64)
                flat[position] = IndexedSlices(leaf.values, indices, leaf.dense_shape)
    return [nest.pack_sequence_as(result, flat) for result, flat in zip(results, flats)]
