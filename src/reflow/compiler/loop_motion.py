"""What a loop does in each iteration and can do once: before it, or after it.

Operands of products that are the same in all iterations are brought into order before the loop: XLA's CPU
code would transpose them anew for each product, and the native kernel wants right sides in panels. Zeros that take the place of list elements which no later
iteration looks at are written after the loop, since XLA copies a buffer that is read and written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from reflow.compiler.program import Program, body_nodes
from reflow.compiler.trip_count import TripCount, slice_of, through
from reflow.kernels.library import library
from reflow.kernels.matrices import Panels
from reflow.lang.dtypes import float32, variant
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Operation
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


# Operands in order --------------------------------------------------------------------------------

_FLAGS = {  # of the products, the attributes that say whether an operand is transposed
    "MatMul": ("transpose_a", "transpose_b"),
    "BatchMatMul": ("adj_x", "adj_y"),
    "BatchMatMulV2": ("adj_x", "adj_y"),
}
_FEW_ITERATIONS = 8  # making panels takes about as long as they save in five


class _Order(NamedTuple):
    """An operand that is brought into order: transposed, if it is `flipped`, and in panels, or both."""

    tensor: SymbolicTensor
    flipped: bool
    in_panels: bool

    def of(self, value: Any) -> Any:
        value = jnp.swapaxes(value, -1, -2) if self.flipped else jnp.asarray(value)
        return Panels(jnp, value) if self.in_panels else value


class OrderedOperands:
    """The operands of products that are the same in all iterations, and lie in another order for them.

    Args:
      body: the body.
      invariant: for each of its inputs, whether it is the same in all iterations.
      reading: whether variables are the same in all iterations too.
      panels: whether there may be a native kernel for right sides in panels.
    """

    def __init__(self, body: FuncGraph, invariant: Sequence[bool], reading: bool, panels: bool):
        self.body = body
        self.reading = reading
        self.panels = panels
        found: dict[Any, _Order] = {}
        steady: dict[int, bool] = {}
        for op in body_nodes(body):
            for i, tensor in enumerate(op.inputs[: len(_FLAGS.get(op.type, ()))]):
                key = self._key(op, i, op.attrs)
                if key is None or key in found:
                    continue
                if id(tensor) not in steady:
                    steady[id(tensor)] = _is_steady(body, tensor, invariant, reading)
                if steady[id(tensor)]:
                    found[key] = _Order(tensor, *key[1:])
        self.orders = list(found.values())
        self.tensors = [order.tensor for order in self.orders]
        self._keys = list(found)

    def _key(self, op: Operation, i: int, attrs: Mapping[str, Any]) -> Any:
        """The tensor's id and the order in which a product wants its operand; None for any."""
        tensor, flipped = op.inputs[i], bool(attrs[_FLAGS[op.type][i]])
        in_panels = (
            self.panels and op.type == "MatMul" and i == 1 and tensor.dtype.base_dtype is float32
        )
        if not (flipped or in_panels) or tensor.dtype.is_complex:
            return None
        return id(tensor), flipped, in_panels

    def values(self, tracer: Any, args: Sequence[Any]) -> list[Any]:
        """The operands in their orders, for these values of the inputs of the body."""
        values = steady_values(self.body, self.tensors, tracer, args, self.reading)
        return [order.of(value) for order, value in zip(self.orders, values)]

    def in_program(self, program: Program) -> Program:
        """A program of nodes of the body that takes the operands in order as further inputs."""
        count = len(program.initial)
        place = {key: count + i for i, key in enumerate(self._keys)}
        return program.varied(
            [self._ordered(step, place) for step in program.steps],
            program.initial + [None] * len(self.tensors),
            [*program.inputs, *self.tensors],
            [*program.input_slots, *place.values()],
        )

    def _ordered(self, step: Any, place: Mapping[Any, int]) -> Any:
        op, opdef, sources, targets, attrs, *rest = step
        flags = _FLAGS.get(op.type, ())
        for i, flag in enumerate(flags):
            slot = place.get(self._key(op, i, op.attrs))
            if slot is not None:
                sources = [*sources[:i], slot, *sources[i + 1 :]]
                attrs = {**attrs, flag: False}
        return (op, opdef, sources, targets, attrs, *rest)


def panels_pay(tracer: Any, trips: TripCount) -> bool:
    """Whether right sides of products may be brought into panels for a native kernel before a loop."""
    if not tracer.on_cpu or tracer.by_row or library() is None:
        return False
    return trips.exact is None or trips.exact >= _FEW_ITERATIONS


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
