"""Reductions over the last axis, with the element-wise operations before and after them, by native calls on the CPU.

Softmax, layer normalisation, and their gradients go over the same rows several times: XLA makes a loop, and
a matrix in memory, of each time. Here such operations are found in what was traced, and those that hang together
become one program of a native kernel (`kernels.elementwise`), which goes over a row as often as it must while
that lies in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from reflow.compiler.operations import (
    ARITHMETIC,
    Body,
    Op,
    Value,
    add_step,
    dtype_of,
    is_arithmetic,
    needed_by,
    number_stages,
    operand_dtypes,
    place,
    with_native_calls,
)
from reflow.kernels import elementwise
from reflow.kernels.elementwise import REDUCTIONS, View
from reflow.kernels.library import forced, library

_WIDE = 1 << 15  # columns: a longer row leaves the cache
# A vector of numbers is summed up at the end of each row, so that XLA is faster on short ones. Small matrices are
# worth it all the same: XLA wakes threads up.
_NARROW, _NARROWEST = 64, 8
_SMALL, _SMALLEST = 1 << 14, 1 << 10  # elements

Space = tuple[int, int]  # rows and columns


def with_fused_rows(traced: ClosedJaxpr) -> ClosedJaxpr | None:
    """A traced program with native calls for what it does along rows; None if there are none."""
    if library() is None or traced.jaxpr.effects or not _reduces(traced.jaxpr):
        return None
    body = Body(traced)
    needed, _ = needed_by(body, [])
    body.ops = [op for op in body.ops if op in needed]
    _with_copies(body)
    programs = [_Program(ops) for ops in _divide(body)]
    if not programs:
        return None
    _, wanted = needed_by(body, programs)
    for program in programs:
        program.store(wanted)
    return with_native_calls(body, programs)


def _reduces(program: Any) -> bool:
    return any(_space_of_reduction(each, each.invars) is not None for each in program.eqns)


def _space_of_reduction(each: Any, inputs: Sequence[Any]) -> Space | None:
    """The rows and columns of what an operation, or an equation, reduces along rows."""
    if each.primitive.name not in REDUCTIONS:
        return None
    aval = inputs[0].aval
    if aval.dtype != np.float32 or each.params["axes"] != (aval.ndim - 1,):
        return None
    return _space(aval.shape)


def _space(shape: tuple[int, ...]) -> Space | None:
    """The rows and columns of an array, if the kernel is good for them."""
    if len(shape) < 2:
        return None
    rows, columns = math.prod(shape[:-1]), shape[-1]
    if rows < 2 or columns < 2:
        return None
    least = _NARROWEST if rows * columns <= _SMALL else _NARROW
    pays = least <= columns <= _WIDE and rows * columns >= _SMALLEST
    return (rows, columns) if pays or forced[0] == "native" else None


class _Part:
    """An operation in a program.

    Attributes:
      operands: literals and views.
      space: the program's rows and columns.
      per_row: whether it is an operation on numbers of rows.
      numbers: whether its result is a number of each row.
    """

    __slots__ = ("operands", "space", "per_row", "numbers")

    def __init__(self, operands: list[Any], space: Space, per_row: bool, numbers: bool):
        self.operands = operands
        self.space = space
        self.per_row = per_row
        self.numbers = numbers

    def source(self, operand: Any) -> Op | None:
        """The operation whose result an operand is as it is, if it could be in the same program."""
        if not isinstance(operand, View) or operand.offset:
            return None
        op: Op | None = operand.array.op  # type: ignore[attr-defined]
        if op is None or op.part is None or op.part.space != self.space:
            return None
        whole = (1, 0) if op.part.numbers else (self.space[1], 1)
        return op if (operand.row, operand.column) == whole else None

    def inner(self) -> Iterator[Op]:
        yield from filter(None, map(self.source, self.operands))

    def taken(self) -> Iterator[Value]:
        for each in self.operands:
            if isinstance(each, View):
                yield each.array  # type: ignore[misc]


def _part(op: Op) -> _Part | None:
    """What an operation is in a program; None if the kernel has nothing for it."""
    if len(op.outputs) != 1:
        return None
    space = _space_of_reduction(op, op.inputs)
    if space is not None:
        view = place(op.inputs[0], set()).matrix(op.inputs[0].aval.shape)
        return None if view is None else _Part([view], space, False, True)
    if op.name != "log" and not is_arithmetic(op):
        return None
    result = op.outputs[0].aval
    if op.name == "select_n" and len(op.inputs) != 3:
        return None
    if result.dtype != (np.float32 if op.name in (*ARITHMETIC, "log") else np.bool_):
        if op.name != "select_n" or result.dtype != np.float32:
            return None
    inputs = [_scalar(each) or each for each in op.inputs]
    for each, dtypes in zip(inputs, operand_dtypes(op), strict=True):
        if dtype_of(each) not in dtypes or (isinstance(each, Literal) and np.shape(each.val)):
            return None
    places = [each if isinstance(each, Literal) else place(each, set()) for each in inputs]
    of_rows = {
        each.root.op.part.space
        for each in places
        if not isinstance(each, Literal) and each.root.op is not None
        if each.root.op.part is not None and each.root.op.part.numbers
    }
    for space in of_rows:
        if result.size == space[0]:
            return _of_rows(op, places, space)
    space = _space(result.shape)
    if space is None:
        return None
    operands: list[Any] = []
    for each in places:
        if not isinstance(each, Literal):
            dtype = each.root.aval.dtype
            each = each.matrix(result.shape)
            if each is None or dtype not in (np.float32, np.bool_):
                return None
        operands.append(each)
    return _Part(operands, space, False, False)


def _scalar(value: Any) -> Literal | None:
    """The literal that a value repeats; None if it is something else."""
    while isinstance(value, Value):
        if value.op is None or value.op.name not in ("broadcast_in_dim", "reshape"):
            return None
        value = value.op.inputs[0]
    return None if np.shape(value.val) else value


def _with_copies(body: Body) -> None:
    """Lets each operation that takes a product of rows and columns, or the like, make it by itself.

    Such a matrix is made of so little that it is not worth memory: a gradient takes it from the forward pass.
    """
    users = body.users()
    made: list[Op] = []
    for op in body.ops:
        takers = dict.fromkeys(users.get(op.outputs[0], [])) if len(op.outputs) == 1 else {}
        if len(takers) > 1 and None not in takers and _is_of_few(op):
            for taker in takers:
                copy = Op(op.primitive, op.params, op.inputs)
                copy.outputs = [Value(op.outputs[0].aval, copy)]
                made.append(copy)
                taker.inputs = [copy.outputs[0] if x is op.outputs[0] else x for x in taker.inputs]
        else:
            made.append(op)
    body.ops[:] = made


def _is_of_few(op: Op) -> bool:
    """Whether an operation makes a matrix of numbers of rows, of columns, and scalars."""
    if not is_arithmetic(op) or len(op.outputs) != 1 or _space(op.outputs[0].aval.shape) is None:
        return False
    size = op.outputs[0].aval.size
    return all(
        isinstance(each, Literal) or _scalar(each) or place(each, set()).root.aval.size < size
        for each in op.inputs
    )


def _of_rows(op: Op, places: Sequence[Any], space: Space) -> _Part | None:
    """An operation on numbers of rows."""
    shape = op.outputs[0].aval.shape
    operands: list[Any] = []
    for each in places:
        if not isinstance(each, Literal):
            rank = len(each.shape)
            each = each._replace(shape=(*each.shape, 1), strides=(*each.strides, 0))
            each = each.matrix((*shape, 1)) if rank <= len(shape) else None
            if each is None or each.array.aval.dtype not in (np.float32, np.bool_):
                return None
            if (each.row, each.offset) != (1, 0) or each.array.aval.size != space[0]:
                if each.row != 0:
                    return None
        operands.append(each)
    return _Part(operands, space, True, True)


def _divide(body: Body) -> list[list[Op]]:
    """Notes the parts and stages of operations; the programs that pay, as lists of operations."""
    left_out: set[Op] = set()
    users = body.users()
    while True:
        for op in body.ops:  # each after those that it takes from, whose parts `_part` asks for
            op.part = None if op in left_out else _part(op)
        number_stages(body)
        programs = _connected(body)
        unfit = [op for ops in programs for op in _unfit(ops, users)]
        if not unfit:
            return programs
        left_out.update(unfit)


def _unfit(ops: list[Op], users: Any) -> list[Op]:
    """Which of these operations are no part of a program: masks that come out, and all where XLA is as good.

    That is where nothing is reduced, or where all that comes out are sums: YNNPACK's are faster, while its maxima go
    past what is no number.
    """
    inside = set(ops)
    reductions = {op.name for op in ops if op.name in REDUCTIONS}
    only_sums = reductions == {"reduce_sum"} and all(
        op.part.numbers or inside.issuperset(users.get(op.outputs[0], ())) for op in ops
    )
    if not reductions or (only_sums and forced[0] != "native"):
        return ops
    return [
        op
        for op in ops
        if op.outputs[0].aval.dtype == np.bool_ and not inside.issuperset(users[op.outputs[0]])
    ]


def _connected(body: Body) -> list[list[Op]]:
    """The operations of one stage that hang together."""
    group: dict[Op, list[Op]] = {}
    for op in body.ops:
        if op.part is None:
            continue
        mine = group[op] = [op]
        for before in op.part.inner():
            other = group[before]
            if before.stage == op.stage and other is not mine:
                other += mine
                for each in mine:
                    group[each] = other
                mine = other
    return list({id(each): each for each in group.values()}.values())


class _Program:
    """A program in the making (`operations.Program`)."""

    def __init__(self, ops: list[Op]):
        self.ops = ops
        self.stage = ops[0].stage
        self.steps = elementwise.Steps(*ops[0].part.space)
        self.made: list[Value] = []
        self._same: dict[Value, Value] = {}  # what is made twice, and where it was made first
        inside = set(ops)
        made: dict[Any, Value] = {}
        for op in ops:
            operands: list[Any] = []
            for each in op.part.operands:
                if isinstance(each, Literal):
                    operands.append(self.steps.constant(float(each.val)))
                elif op.part.source(each) in inside:
                    operands.append(self._same.get(each.array, each.array))
                elif op.part.per_row and each.row:
                    operands.append(self.steps.of_rows(each.array))
                else:
                    operands.append(self.steps.load(each))
            value = op.outputs[0]
            same = made.setdefault((op.name, op.part.numbers, *operands), value)
            if same is value:
                add_step(self.steps, op, operands, op.part.per_row)
            else:
                self._same[value] = same

    def store(self, wanted: set[Value]) -> None:
        """Writes what others take to memory."""
        for op in self.ops:
            value = op.outputs[0]
            if value not in wanted:
                continue
            kept = self._same.get(value, value)
            self.made.append(value)
            number = self.steps.result(elementwise.Result(value.aval.shape, value.aval.dtype))
            if op.part.numbers:
                self.steps.store_rows(kept, number)
            else:
                self.steps.store_whole(kept, number)
