"""What a loop does in each iteration and can do once: before it, or after it.

Operands of products that are the same in all iterations are transposed before the loop, since XLA's CPU
code would do it anew for each product. Zeros that take the place of list elements which no later
iteration looks at are written after the loop, since XLA copies a buffer that is read and written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from reflow.compiler.evaluate import Program, body_nodes
from reflow.compiler.trip_count import TripCount, slice_of, through
from reflow.lang.dtypes import variant
from reflow.lang.func_graph import FuncGraph
from reflow.lang.tensor import SymbolicTensor

# What is the same in all iterations ---------------------------------------------------------------


def _is_steady(
    body: FuncGraph, tensor: SymbolicTensor, invariant: Sequence[bool], reading: bool
) -> bool:
    part = slice_of(body, tensor, reading)
    return part is not None and all(invariant[i] for i in part.inputs)


def steady_outputs(body: FuncGraph, invariant: Sequence[bool], reading: bool) -> list[int]:
    """The loop variables that the body does not use, and to which all iterations give one value."""
    taken = {id(t) for op in body_nodes(body) for t in op.inputs} | {id(t) for t in body.outputs}
    return [
        i
        for i, (x, y) in enumerate(zip(body.inputs, body.outputs))
        if id(x) not in taken and _is_steady(body, y, invariant, reading)
    ]


def steady_values(
    body: FuncGraph,
    tensors: Sequence[SymbolicTensor],
    tracer: Any,
    args: Sequence[Any],
    reading: bool,
) -> list[Any]:
    """Tensors that are the same in all iterations, computed from the inputs of the body."""
    nodes: dict[Any, None] = {}
    for tensor in tensors:
        part = slice_of(body, tensor, reading)
        assert part is not None
        nodes.update(dict.fromkeys(part.nodes))
    return tracer.run(Program(list(nodes), body.inputs, tensors), args)


# Transposed operands ------------------------------------------------------------------------------

_FLAGS = {  # of the products, the attributes that say whether an operand is transposed
    "MatMul": ("transpose_a", "transpose_b"),
    "BatchMatMul": ("adj_x", "adj_y"),
    "BatchMatMulV2": ("adj_x", "adj_y"),
}


class TurnedOperands:
    """The operands of products in a body that are transposed, and the same in all iterations.

    Args:
      body: the body.
      invariant: for each of its inputs, whether it is the same in all iterations.
      reading: whether variables are the same in all iterations too.
    """

    def __init__(self, body: FuncGraph, invariant: Sequence[bool], reading: bool):
        self.body = body
        self.reading = reading
        self.tensors: list[SymbolicTensor] = []
        found: dict[int, bool] = {}
        for op in body_nodes(body):
            for tensor, flag in zip(op.inputs, _FLAGS.get(op.type, ())):
                if not op.attrs[flag] or tensor.dtype.is_complex or id(tensor) in found:
                    continue
                found[id(tensor)] = _is_steady(body, tensor, invariant, reading)
                if found[id(tensor)]:
                    self.tensors.append(tensor)

    def values(self, tracer: Any, args: Sequence[Any]) -> list[Any]:
        """The transposed operands, for these values of the inputs of the body."""
        values = steady_values(self.body, self.tensors, tracer, args, self.reading)
        return [jnp.swapaxes(each, -1, -2) for each in values]

    def in_program(self, program: Program) -> Program:
        """A program of nodes of the body that takes the transposed operands as further inputs."""
        count = len(program.initial)
        place = {id(t): count + i for i, t in enumerate(self.tensors)}
        return program.varied(
            [_turned(step, place) for step in program.steps],
            program.initial + [None] * len(self.tensors),
            [*program.inputs, *self.tensors],
            [*program.input_slots, *place.values()],
        )


def _turned(step: Any, place: Mapping[int, int]) -> Any:
    op, opdef, sources, targets, attrs, *rest = step
    flags = _FLAGS.get(op.type, ())
    for i, flag in enumerate(flags):
        if attrs[flag] and id(op.inputs[i]) in place:
            sources = [*sources[:i], place[id(op.inputs[i])], *sources[i + 1 :]]
            attrs = {**attrs, flag: False}
    return (op, opdef, sources, targets, attrs, *rest)


# Zeros in lists -----------------------------------------------------------------------------------


def late_zeros(body: FuncGraph, trips: TripCount) -> dict[int, np.ndarray]:
    """The lists in which each iteration sets one element to zero that no other one looks at.

    The gradient of writing an element of a list takes the element's gradient and leaves a zero.

    Returns:
      By the positions of the lists among the loop variables, the indices at which the zeros are.
    """
    result = {}
    if trips.exact is not None:
        for i in range(len(body.inputs)):
            indices = _zeroed(body, i, trips)
            if indices is not None:
                result[i] = indices
    return result


def _zeroed(body: FuncGraph, i: int, trips: TripCount) -> np.ndarray | None:
    items = body.inputs[i]
    write = through(body.outputs[i]).op
    if write.type != "TensorListSetItem" or write.attrs["resize_if_index_out_of_bounds"]:
        return None
    before, index, item = write.inputs
    if through(before) is not items or item.op.type != "ZerosLike" or item.dtype is variant:
        return None
    indices = trips.sequences.get(id(index))
    if indices is None or len(np.unique(indices)) != trips.exact:
        return None
    needed = set(body_nodes(body))
    readers = [op for op in body.base.consumers_of(items) if op in needed and op is not write]
    if not readers or any(
        op.type != "TensorListGetItem" or op.inputs[1] is not index for op in readers
    ):
        return None
    if sum(t is items or t is write.outputs[0] for t in body.outputs) != 1:
        return None
    return None if _taken(body, write.outputs[0], needed) else indices


def _taken(body: FuncGraph, tensor: SymbolicTensor, needed: Set[Any]) -> bool:
    return any(op in needed for op in body.base.consumers_of(tensor))


def without_zeros(body: FuncGraph, positions: Iterable[int]) -> FuncGraph:
    """The body that returns the lists at these positions as they came."""
    stamp = (body.version, body.mutations)
    cached: Any = body.__dict__.get("_late_zeros")
    if cached is None or cached[0] != stamp:
        cached = body.__dict__["_late_zeros"] = (stamp, {})
    key = frozenset(positions)
    if key not in cached[1]:
        outputs = [body.inputs[i] if i in key else t for i, t in enumerate(body.outputs)]
        cached[1][key] = body.variant(outputs=outputs)
    return cached[1][key]


def with_zeros(data: Any, indices: np.ndarray) -> Any:
    """The elements of a list, those at `indices` set to zero."""
    return jax.tree.map(lambda a: a.at[indices].set(jnp.zeros((), a.dtype)), data)
