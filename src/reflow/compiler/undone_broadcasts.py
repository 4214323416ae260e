"""Gradients summed to the shape of an operand, as one step of the interpreter.

Where shapes are not known when a gradient is made, five nodes undo what broadcasting may have done
(`ops/unbroadcast.py`), and nearly always there is nothing to undo. In an executable they are gone; in a loop
that is interpreted they take as long as the arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.compiler.wiring import Wiring
from reflow.lang.opdef import REGISTRY, OpDef


def _sum_to_shape(xp: Any, gradient: Any, shape: Any) -> Any:
    sizes = gradient.shape
    if tuple(shape.tolist()) == sizes:
        return gradient
    given = np.array(sizes, shape.dtype)
    axes, _ = REGISTRY["BroadcastGradientArgs"].lower(xp, shape, given)
    total = REGISTRY["Sum"].lower(xp, gradient, axes, keep_dims=False)
    return REGISTRY["Reshape"].lower(xp, total, shape)


_SUM_TO_SHAPE = OpDef(
    "_SumToShape(gradient: T, shape: Tshape, *, T: type, Tshape: {int32,int64} = int32) -> output: T",
    "The sum of a gradient over the axes along which an operand of the given shape was repeated.",
    lower=_sum_to_shape,
    view=True,
    register=False,
)


def with_sums_to_shape(steps: Sequence[Any], outputs: Sequence[int]) -> list[Any]:
    """The steps of a program that gives the slots `outputs`, with one step in place of such five."""
    args = [i for i, step in enumerate(steps) if step[0].type == "BroadcastGradientArgs"]
    if not args:
        return list(steps)
    wiring = Wiring(steps, outputs)
    put: dict[int, Any] = {}
    gone: set[int] = set()
    for i in args:
        found = _sums(wiring, i)
        if found:
            put.update((reshape, step) for _, reshape, step in found)
            gone.update((i, *(total for total, _, _ in found)))
    kept = [put.get(i, step) for i, step in enumerate(steps) if i not in gone]
    taken = {slot for step in kept for slot in step[2]}.union(outputs)
    return [step for step in kept if step[0].type != "Shape" or step[3][0] in taken]


def _sums(wiring: Wiring, args: int) -> list[tuple[int, int, Any]]:
    """The sums whose axes a BroadcastGradientArgs gives, with the Reshape after each and what does both.

    There are none where something else takes the axes, or they are not those for the shape of what is summed.
    """
    of_operand, of_gradient = wiring.steps[args][2]
    axes, others = wiring.steps[args][3]
    found: list[tuple[int, int, Any]] = []
    for total in wiring.users(axes):
        if total < 0 or not wiring.is_a(total, ["Sum"]):
            return []
        reshape = wiring.only_user(wiring.result(total), ["Reshape"])
        if reshape is None:
            return []
        _, _, (summed, by), _, attrs, *_ = wiring.steps[total]
        shape_of = wiring.maker(of_gradient, ["Shape"])
        if shape_of is None or wiring.steps[shape_of][2] != [summed]:
            return []
        op, _, (_, shape), targets, _, deref = wiring.steps[reshape]
        if shape != of_operand or by != axes or attrs["keep_dims"]:
            return []
        found.append((total, reshape, (op, _SUM_TO_SHAPE, [summed, shape], targets, {}, deref)))
    return [] if wiring.users(others) else found
