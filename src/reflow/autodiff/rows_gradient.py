"""The gradient of a function of rows: for each row, the gradient of the function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.autodiff import engine
from reflow.autodiff.body_gradient import append_outputs, dense
from reflow.autodiff.call_gradient import Backward, differentiated, recomputing
from reflow.lang import dtypes, errors, shapes
from reflow.lang.graph import Operation
from reflow.lang.opdef import REGISTRY
from reflow.ops.control_flow.branches import has_side_effects


def rows_gradient(op: Any, grads: Sequence[Any]) -> list[Any]:
    """The gradients of the inputs of a `MapDefun`.

    What it needs of the intermediate results becomes further outputs of the node. Lists do not, as there
    are no tensors of lists: the gradient then runs the function once more.
    """
    function = op.attrs["f"]
    arriving = {
        i: dense(g)
        for i, g in enumerate(grads)
        if g is not None and engine.is_trainable(op.outputs[i])
    }
    results: list[Any] = [None] * len(op.inputs)
    if not arriving:
        return results
    by_row = len(op.attrs["Targuments"])
    rewritten, backward = differentiated(function, tuple(arriving), sparse=False)
    residuals = rewritten.outputs[len(op.outputs) :]
    if isinstance(op, Operation) and not any(t.dtype is dtypes.variant for t in residuals):
        _hand_out(op, rewritten, residuals)
    elif has_side_effects(function):
        raise errors.UnimplementedError(
            None, op, f"the gradient of {function.name}, which has side effects, in each row"
        )
    else:
        backward = recomputing(function, tuple(arriving))
    if backward.function is None:
        return results
    for (i, _), gradient in zip(backward.targets, _applied(op, backward, arriving, by_row)):
        results[i] = gradient if i < by_row else REGISTRY["Sum"](gradient, 0)
    return results


def _hand_out(op: Operation, rewritten: Any, residuals: Sequence[Any]) -> None:
    """Makes the residuals of all rows outputs of the node."""
    if not residuals:
        return
    of_row = op.attrs["output_shapes"]
    count = op.outputs[0].shape[:1] if op.outputs[0].shape.rank else shapes.of((None,))
    op.attrs["f"] = rewritten
    append_outputs(op, [(t.dtype, count.concatenate(t.shape)) for t in residuals], "output_types")
    op.attrs["output_shapes"] = (*of_row, *(t.shape for t in residuals))


def _applied(op: Any, backward: Backward, arriving: dict[int, Any], by_row: int) -> Sequence[Any]:
    """The outputs of the gradient function for all rows."""
    function: Any = backward.function
    arguments = backward.arguments(op.inputs, op.outputs, arriving)
    rows: list[tuple[Any, Any]] = []
    captured: list[tuple[Any, Any]] = []
    for (kind, at), *each in zip(backward.sources, arguments, function.inputs):
        whole = kind == "outside" or (kind == "input" and at >= by_row)
        (captured if whole else rows).append(tuple(each))
    body = function.variant(inputs=[inner for _, inner in (*rows, *captured)])
    return REGISTRY["MapDefun"](
        [t for t, _ in rows],
        [t for t, _ in captured],
        output_types=[t.dtype for t in body.outputs],
        output_shapes=[t.shape for t in body.outputs],
        f=body,
    )
