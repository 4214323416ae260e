"""Element-wise operations in the bodies of loops by native calls, on the CPU.

What a recurrent cell does besides its products is some tens of element-wise operations on small matrices:
gates, their gradients, parts of the product that they take, lists that they are written to. XLA makes a loop for
each value that comes out, each too small to be divided among processors, and takes 10 to 20 ms to compile each.
Here such operations are found in the bodies of the loops that were traced, and those that can be done at one
time become one program of a native kernel (`kernels.elementwise`), which takes slices and list elements where
they lie and writes elements of lists and columns of joined matrices in their places.

Operations are divided into stages: whatever is not element-wise, such as a product, is of a later stage than
what it takes, if that is computed by a program. A program's operations are those of a stage and a shape, so that
no path leads from one of them to another one through something else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from reflow.compiler.operations import (
    ARITHMETIC,
    CALLS,
    Body,
    Op,
    Place,
    Value,
    add_step,
    dtype_of,
    element_of,
    is_arithmetic,
    number_stages,
    operand_dtypes,
    other_branches,
    place,
    whole,
    with_native_calls,
    with_others,
)
from reflow.kernels import elementwise
from reflow.kernels.elementwise import View
from reflow.kernels.library import forced, library

_FEWEST = 4  # operations: of fewer, XLA's loops take no longer than a call
_SMALL = 1 << 10  # elements
_LARGE = 1 << 19


def with_fused_loops(traced: ClosedJaxpr) -> ClosedJaxpr | None:
    """A traced program with native calls in the bodies of its loops; None if there are none."""
    if library() is None:
        return None
    return with_others(traced, _of_parameter)


def _of_parameter(equation: Any, name: str, value: Any) -> Any:
    """A function within an equation with native calls in it; None if there are none."""
    primitive = equation.primitive.name
    if primitive == "while" and name == "body_jaxpr":
        inner = with_fused_loops(value)
        return _with_programs(inner or value, equation.params["body_nconsts"]) or inner
    if primitive in CALLS and name == "jaxpr":
        return with_fused_loops(value)
    if primitive == "cond" and name == "branches":
        return other_branches(value, with_fused_loops)
    return None


def _with_programs(closed: ClosedJaxpr, constants: int) -> ClosedJaxpr | None:
    """The body of a loop with native calls; None if there are none.

    Args:
      constants: how many of its inputs, the first ones, are no loop variables.
    """
    if closed.consts or closed.jaxpr.effects:
        return None
    body = Body(closed)
    _slice_early(body)
    variables = zip(body.inputs[constants:], body.outputs)
    steady = {*body.inputs[:constants], *(x for x, y in variables if x is y)}
    programs = [_Program(ops) for ops in _divide(body, steady)]
    if not programs:
        return None
    writes = _Writes(body, constants)
    for program in programs:
        program.take(body, writes)
    return with_native_calls(body, programs)


# Slices come before operations -------------------------------------------------------------------


def _slice_early(body: Body) -> None:
    """Lets operations whose results are only taken in columns compute these one by one.

    What adds a bias to a product works on the columns of all gates, and the gates take their own.
    """
    users = body.users()
    for op in reversed(list(body.ops)):
        if len(op.outputs) != 1 or not is_arithmetic(op):
            continue
        takers = users.get(op.outputs[0], [])
        if not takers or any(taker is None or not _takes_columns(taker) for taker in takers):
            continue
        place = body.ops.index(op)
        made: list[Op] = []
        for taker in takers:
            first, last = taker.params["start_indices"][-1], taker.params["limit_indices"][-1]
            inputs = []
            for each in op.inputs:
                shape = np.shape(each.val) if isinstance(each, Literal) else each.aval.shape
                if shape and shape[-1] != 1:
                    part = _columns(taker.primitive, each, first, last)
                    made.append(part)
                    each = part.outputs[0]
                inputs.append(each)
            own = Op(op.primitive, op.params, inputs)
            own.outputs = taker.outputs
            own.outputs[0].op = own
            made.append(own)
        body.ops[place : place + 1] = made
        for taker in takers:
            body.ops.remove(taker)
        users = body.users()


def _takes_columns(op: Op) -> bool:
    if op.name != "slice":
        return False
    shape = op.inputs[0].aval.shape
    starts, limits = op.params["start_indices"], op.params["limit_indices"]
    if set(op.params["strides"] or (1,)) != {1} or len(shape) < 2:
        return False
    return all(i == 0 and j == n for i, j, n in list(zip(starts, limits, shape))[:-1])


def _columns(primitive: Any, value: Value, first: int, last: int) -> Op:
    shape = value.aval.shape
    params = {
        "start_indices": (*(0 for _ in shape[:-1]), first),
        "limit_indices": (*shape[:-1], last),
        "strides": None,
    }
    op = Op(primitive, params, [value])
    op.outputs = [Value(value.aval.update(shape=(*shape[:-1], last - first)), op)]
    return op


# What programs do --------------------------------------------------------------------------------


class _Writes:
    """Where elements are written to the lists of a body that nothing else looks at.

    Attributes:
      users: see `Body.users`.
      variables: the loop variables, each with what it is in the next iteration.
    """

    def __init__(self, body: Body, constants: int):
        self.users = body.users()
        self.variables = {
            x: y for x, y in zip(body.inputs[constants:], body.outputs) if isinstance(y, Value)
        }

    def list_of(self, op: Any) -> Place | None:
        """The part of a list that an operation overwrites in place; None if it does something else."""
        if op is None or op.name != "dynamic_update_slice":
            return None
        items, update, *indices = op.inputs
        result = op.outputs[0]
        after = self.variables.get(items)
        if items.aval.dtype != np.float32 or after is None or after is not result:
            return None
        if self.users[items] != [op] or self.users[after] != [None]:
            return None
        found = element_of(indices, update.aval.shape, whole(items))
        return found if found is not None and found.which is not None else None


class _Part:
    """An operation in a program.

    Attributes:
      operands: literals, and views of values.
      rows, columns: of the program's matrices.
    """

    __slots__ = ("operands", "rows", "columns")

    def __init__(self, operands: list[Any], rows: int, columns: int):
        self.operands = operands
        self.rows = rows
        self.columns = columns

    @property
    def space(self) -> tuple[int, int]:
        return self.rows, self.columns

    def inner(self) -> Iterator[Op]:
        """The operations whose results are taken as they are, and could be in the same program."""
        for each in self.operands:
            if (
                _is_whole(each, self)
                and each.array.op is not None
                and each.array.op.part is not None
            ):
                if each.array.op.part.space == self.space:
                    yield each.array.op

    def taken(self) -> Iterator[Value]:
        for each in self.operands:
            if isinstance(each, View):
                yield each.array  # type: ignore[misc]
                if each.which is not None:
                    yield each.which  # type: ignore[misc]


def _is_whole(operand: Any, part: _Part) -> bool:
    """Whether an operand is another value of the same form."""
    if not isinstance(operand, View) or operand.which is not None or operand.offset:
        return False
    return (operand.row, operand.column) == (part.columns, 1)


def _part(op: Op, steady: set[Value]) -> _Part | None:
    """What an operation is in a program; None if the kernel has nothing for it."""
    if not is_arithmetic(op) or len(op.outputs) != 1:
        return None
    result = op.outputs[0].aval
    shape = result.shape
    if not shape or not _SMALL <= math.prod(shape) <= _LARGE:
        return None
    if op.name == "select_n" and len(op.inputs) != 3:
        return None
    if result.dtype != (np.float32 if op.name in ARITHMETIC else np.bool_):
        if op.name != "select_n" or result.dtype != np.float32:
            return None
    operands: list[Any] = []
    for each, dtypes in zip(op.inputs, operand_dtypes(op), strict=True):
        if dtype_of(each) not in dtypes:
            return None
        if isinstance(each, Literal):
            if np.shape(each.val):
                return None
            operands.append(each)
            continue
        view = place(each, steady).matrix(shape)
        if view is None or (view.array.aval.dtype not in (np.float32, np.bool_)):  # type: ignore[attr-defined]
            return None
        operands.append(view)
    return _Part(operands, math.prod(shape[:-1]), shape[-1])


def _divide(body: Body, steady: set[Value]) -> list[list[Op]]:
    """Notes the parts and stages of operations; the programs that pay, as lists of operations."""
    left_out: set[Op] = set()
    while True:
        for op in body.ops:  # each after those that it takes from, whose parts `_part` asks for
            op.part = None if op in left_out else _part(op, steady)
        number_stages(body)
        programs: dict[Any, list[Op]] = {}
        for op in body.ops:
            if op.part is not None:
                programs.setdefault((op.stage, op.part.space), []).append(op)
        poor = [p for p in programs.values() if len(p) < _FEWEST and forced[0] != "native"]
        if not poor:
            return list(programs.values())
        left_out.update(op for program in poor for op in program)


class _Program:
    """A program in the making.

    Attributes:
      ops: its operations.
      stage: theirs.
      steps: the program.
      made: the values that come out.
    """

    def __init__(self, ops: list[Op]):
        self.ops = ops
        self.stage = ops[0].stage
        part = ops[0].part
        assert part is not None
        self.steps = elementwise.Steps(*part.space)
        self.made: list[Value] = []
        self._inside = set(ops)

    def take(self, body: Body, writes: _Writes) -> None:
        """Writes the program down."""
        for op in self.ops:
            self._step(op)
        written: set[Op] = set()
        for op in body.ops:
            if op.part is None and self._joins(op):
                written |= self._join(op, writes)
        for op in self.ops:
            written |= self._list(op.outputs[0], 0, writes)
        for op in self.ops:
            value = op.outputs[0]
            if self._is_wanted(value, writes, written):
                number = self._new(value)
                self.steps.store_whole(value, number)

    def _step(self, op: Op) -> None:
        assert op.part is not None
        operands = []
        for each in op.part.operands:
            if isinstance(each, Literal):
                operands.append(self.steps.constant(float(each.val)))
            elif _is_whole(each, op.part) and each.array.op in self._inside:
                operands.append(each.array)
            else:
                operands.append(self.steps.load(each))
        add_step(self.steps, op, operands)

    def _new(self, value: Value, over: Value | None = None) -> int:
        self.made.append(value)
        aval = value.aval
        return self.steps.result(elementwise.Result(aval.shape, aval.dtype, over))

    def _joins(self, op: Op) -> bool:
        """Whether an operation joins results of this program to one matrix, side by side."""
        if op.name != "concatenate" or op.params["dimension"] != op.outputs[0].aval.ndim - 1:
            return False
        if op.outputs[0].aval.dtype != np.float32 or op.outputs[0].aval.ndim < 2:
            return False
        return all(isinstance(each, Value) and each.op in self._inside for each in op.inputs)

    def _join(self, op: Op, writes: _Writes) -> set[Op]:
        """Writes the parts of a joined matrix to their places in it, and in the lists that it goes to."""
        written = {op}
        result = op.outputs[0]
        width = result.aval.shape[-1]
        place = View(self._new(result), 0, width, 1)
        for i, value in enumerate(op.inputs):
            self.steps.store(value, place._replace(offset=i * self.steps.columns))
        return written | self._list(result, width, writes, op.inputs)

    def _list(
        self, value: Value, width: int, writes: _Writes, parts: Sequence[Value] = ()
    ) -> set[Op]:
        """Writes a value to the lists that it goes to; if it is joined, its parts."""
        written: set[Op] = set()
        for user in writes.users.get(value, []):
            chain = [user]
            while user is not None and user.name in ("broadcast_in_dim", "reshape", "expand_dims"):
                users = writes.users.get(user.outputs[0], [])
                if len(users) != 1:
                    break
                user = users[0]
                chain.append(user)
            found = writes.list_of(user)
            if found is None or math.prod(found.shape) != value.aval.size:
                continue
            before = found.which.op  # type: ignore[union-attr]
            if before is not None and before.stage > self.stage:
                continue
            shape = value.aval.shape
            lead = len(found.shape) - len(shape)
            if lead < 0 or found.shape[lead:] != shape:
                continue
            view = found._replace(shape=shape, strides=found.strides[lead:]).matrix(shape)
            if view is None:
                continue
            view = view._replace(array=self._new(user.outputs[0], found.root))
            for i, part in enumerate(parts or [value]):
                self.steps.store(part, view._replace(offset=view.offset + i * self.steps.columns))
            written.update(chain)
        return written

    def _is_wanted(self, value: Value, writes: _Writes, written: set[Op]) -> bool:
        """Whether a value is taken by something that is not in the program."""
        return any(
            user is None or (user not in self._inside and user not in written)
            for user in writes.users.get(value, [])
        )
