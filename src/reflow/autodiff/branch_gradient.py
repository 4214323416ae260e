"""The gradients of `If`, `Case` and of function calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.autodiff import engine
from reflow.autodiff.body_gradient import (
    GradientGraph,
    append_outputs,
    dense,
    gradients_of_parts,
    rest_of,
    reverse,
    zeros,
    zeros_for,
)
from reflow.lang.context import current_graph
from reflow.lang.func_graph import FuncGraph, functions_of
from reflow.lang.graph import Operation
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.control_flow.branches import add_call, base_dtypes, has_side_effects, unify_captures

_FUNCTIONS = {
    "If": ("then_branch", "else_branch"),
    "StatelessIf": ("then_branch", "else_branch"),
    "Case": ("branches",),
    "StatelessCase": ("branches",),
    "PartitionedCall": ("f",),
    "StatefulPartitionedCall": ("f",),
}


def branch_gradient(op: Operation, grads: Sequence[Any], sparse: bool = True) -> list[Any]:
    """The gradients of the inputs of a node that calls one of its functions, also sparse ones if that may be.

    The gradient is a node of the same kind, which takes the branch that the node took. What it needs of
    the intermediate results becomes further outputs of the node; branches that do not compute them
    give nothing in their place.
    """
    graph = current_graph()
    assert graph is not None
    functions = functions_of(op)
    first = len(op.inputs) - len(functions[0].inputs)
    inputs = op.inputs[first:]
    seeds = [(i, dense(g)) for i, g in enumerate(grads) if g is not None]
    seeds = [(i, g) for i, g in seeds if engine.is_trainable(op.outputs[i])]
    if not seeds:
        return [None] * len(op.inputs)
    bodies: list[GradientGraph] = []
    found: list[dict[int, Any]] = []
    for i, function in enumerate(functions):
        body = GradientGraph(
            f"{function.name}_grad_{op._id}_{i}_{len(graph._nodes)}", graph, function, inputs
        )
        with body.as_default():
            seeded = [(function.outputs[j], g) for j, g in seeds]
            gradients = reverse(function, seeded)
            positions = enumerate(function.inputs)
            found.append({j: gradients[id(t)] for j, t in positions if id(t) in gradients})
        bodies.append(body)
    wanted = sorted({j for each in found for j in each})
    if not wanted:
        return [None] * len(op.inputs)
    parts: list[tuple[int, str]] = []
    for j in wanted:
        rows = _rows_of([each[j] for each in found if j in each], len(bodies)) if sparse else None
        parts += [(j, "")] if rows is None else [(j, "values"), (j, "indices")]
        for body, gradients in zip(bodies, found):
            with body.as_default():
                body.outputs += _outputs(body, gradients.get(j), inputs[j], rows)
    _hand_out(op, functions, bodies)
    captured = unify_captures(bodies)
    shapes = []
    for column in zip(*(body.outputs for body in bodies)):
        shape = column[0].shape
        for each in column[1:]:
            shape = shape.most_specific_compatible_shape(each.shape)
        shapes.append(shape)
    node = _add(op, graph, bodies, captured, shapes, first)
    tensors = [REGISTRY["Identity"](tensor) for tensor in node.outputs]
    sources = [t if t.op.graph is graph else graph.capture(t) for t in inputs]
    results = gradients_of_parts(parts, tensors, sources)
    return [None] * first + rest_of(len(inputs), results)


def _rows_of(gradients: Sequence[Any], branches: int) -> list[tuple[Any, Any]] | None:
    """The dtypes and shapes of a sparse gradient's values and indices; None if it becomes dense.

    It does where branches differ in the number of rows: such a node could not be compiled.
    """
    kinds = []
    for each in gradients:
        if not isinstance(each, IndexedSlices):
            return None
        kinds.append([(t.dtype.base_dtype, t.shape) for t in (each.values, each.indices)])
    if branches > 1 and not all(
        dtype is kinds[0][i][0] and shape.is_fully_defined() and shape == kinds[0][i][1]
        for kind in kinds
        for i, (dtype, shape) in enumerate(kind)
    ):
        return None
    return kinds[0]


def _outputs(body: GradientGraph, gradient: Any, source: Any, rows: Any) -> list[Any]:
    """What a body gives as a gradient: a tensor, or the values and the indices of `rows`."""
    if rows is None:
        tensors = [zeros_for(body.capture(source)) if gradient is None else dense(gradient)]
    elif gradient is None:  # zeros at row 0
        tensors = [zeros(shape, dtype) for dtype, shape in rows]
    else:
        tensors = [gradient.values, gradient.indices]
    return [t if t.op.graph is body else body.capture(t) for t in tensors]


def _hand_out(
    op: Operation, functions: Sequence[FuncGraph], bodies: Sequence[GradientGraph]
) -> None:
    """Makes the residuals outputs of the node, and captures of the gradients."""
    existing = [
        {id(tensor): i for i, tensor in reversed(list(enumerate(function.outputs)))}
        for function in functions
    ]
    new: list[list[SymbolicTensor]] = [list(function.outputs) for function in functions]
    wanted: list[tuple[GradientGraph, SymbolicTensor, int]] = []
    for b, body in enumerate(bodies):
        for tensor, promise in body.needed_promises():
            at = existing[b].get(id(tensor))
            if at is None:
                at = len(new[b])
                for other, function in enumerate(functions):
                    new[other].append(tensor if other == b else _nothing(function, tensor))
                existing[b][id(tensor)] = at
            wanted.append((body, promise, at))
    count = len(op.outputs)
    if len(new[0]) > count:
        rewritten = [f.variant(outputs=outputs) for f, outputs in zip(functions, new)]
        keys = _FUNCTIONS.get(op.type, ("f",))
        if keys == ("branches",):
            op.attrs["branches"] = tuple(rewritten)
        else:
            op.attrs.update(zip(keys, rewritten))
        added = []
        for column in list(zip(*new))[count:]:
            real = next(t for t in column if t.op.type != "FakeParam")
            added.append((real.dtype, real.shape))
        append_outputs(op, added, "Tout")
    for body, promise, at in wanted:
        _become_capture(body, promise, op.outputs[at])


def _nothing(function: FuncGraph, tensor: SymbolicTensor) -> SymbolicTensor:
    """What a branch gives in place of a residual of another one."""
    base = function.base
    with base.as_default(), base.control_dependencies(None):
        return REGISTRY["FakeParam"](dtype=tensor.dtype.base_dtype, shape=tensor.shape)


def _become_capture(body: GradientGraph, promise: SymbolicTensor, outside: SymbolicTensor) -> None:
    """Makes a promise the placeholder of a captured tensor."""
    outer = body.outer_graph
    assert outer is not None
    if outside.op.graph is not outer:
        outside = outer.capture(outside)
    found = body._captures.get(id(outside))
    if found is not None:  # the same tensor was captured already: both mean the same
        body.replace(promise, found[1])
        return
    body._captures[id(outside)] = (outside, promise)
    body._outer_of[id(promise)] = outside
    body.inputs.append(promise)


def _add(
    op: Operation,
    graph: Any,
    bodies: Sequence[GradientGraph],
    captured: Sequence[SymbolicTensor],
    shapes: Sequence[Any],
    first: int,
) -> Operation:
    attrs: dict[str, Any] = {
        key: value
        for key, value in op.attrs.items()
        if key in op.opdef.attrs and key not in ("then_branch", "else_branch", "branches", "f")
    }
    keys = _FUNCTIONS.get(op.type, ("f",))
    if keys == ("branches",):
        attrs["branches"] = tuple(bodies)
    else:
        attrs.update(zip(keys, bodies))
    attrs["Tin"] = base_dtypes(captured)
    attrs["Tout"] = base_dtypes(bodies[0].outputs)
    if "output_shapes" in op.opdef.attrs:
        attrs["output_shapes"] = tuple(shapes)
    predicate = []
    for tensor in op.inputs[:first]:
        predicate.append(tensor if tensor.op.graph is graph else graph.capture(tensor))
    stateful = any(has_side_effects(body) for body in bodies)
    kind = op.type.removeprefix("Stateless").removeprefix("Stateful")
    if kind in ("If", "Case"):
        opdef = REGISTRY[kind if stateful else f"Stateless{kind}"]
    else:
        opdef = REGISTRY["StatefulPartitionedCall" if stateful else "PartitionedCall"]
    return add_call(
        graph, opdef, [*predicate, *captured], attrs, graph.op_name(opdef.name), shapes, bodies
    )
