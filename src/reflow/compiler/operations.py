"""What was traced as a list of operations, and how they become steps of native programs on the CPU.

Operations are divided into stages: whatever is not in a program, such as a product, is of a later stage than
what it takes, if that is computed by one. A program's operations are those of a stage and a form, so that
no path leads from one of them to another one through something else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, DropVar, Literal, jaxpr_as_fun

from reflow.kernels import elementwise
from reflow.kernels.elementwise import Steps, View

# JAX's primitives, and the operations of the kernel.
ARITHMETIC = {
    **{name: name for name in ("add", "sub", "mul", "div", "max", "min", "neg", "abs")},
    **{name: name for name in ("sqrt", "rsqrt", "exp", "tanh", "logistic", "copy")},
    "square": "mul",
    "integer_pow": "mul",
    "convert_element_type": "copy",
}
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
LOGIC = {"and": "mul", "or": "max", "not": "eq"}
_REDUCTIONS = ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod")
CALLS = ("jit", "pjit", "closed_call")


# The functions within a program ------------------------------------------------------------------


def with_others(traced: ClosedJaxpr, other: Callable[[Any, str, Any], Any]) -> ClosedJaxpr | None:
    """A traced program with other functions within its equations; None if all stay as they are.

    Args:
      other: takes an equation, the name of one of its parameters and its value; gives another value, or None.
    """
    changed = False
    equations = []
    for equation in traced.jaxpr.eqns:
        found = {name: other(equation, name, value) for name, value in equation.params.items()}
        params = {name: new for name, new in found.items() if new is not None}
        if params:
            changed = True
            equation = equation.replace(params={**equation.params, **params})
        equations.append(equation)
    return ClosedJaxpr(traced.jaxpr.replace(eqns=equations), traced.consts) if changed else None


def other_branches(
    branches: Sequence[ClosedJaxpr], other: Callable[[ClosedJaxpr], ClosedJaxpr | None]
) -> tuple[ClosedJaxpr, ...] | None:
    """Branches, each changed by `other` if that gives something; None if all stay as they are."""
    found = [other(each) for each in branches]
    if all(each is None for each in found):
        return None
    return tuple(new or each for new, each in zip(found, branches))


# The body as a list of operations ----------------------------------------------------------------


class Value:
    """A value of the body: an input, or a result of an operation."""

    __slots__ = ("aval", "op")

    def __init__(self, aval: Any, op: Op | None = None):
        self.aval = aval
        self.op = op


class Op:
    """An operation of the body: an equation, or a part of one that was made here.

    Attributes:
      stage: see above.
      part: what it is in a program, if it is in one.
    """

    __slots__ = ("primitive", "params", "inputs", "outputs", "equation", "stage", "part")

    def __init__(self, primitive: Any, params: Any, inputs: list[Any], equation: Any = None):
        self.primitive = primitive
        self.params = params
        self.inputs = inputs
        self.outputs: list[Value] = []
        self.equation = equation
        self.stage = 0
        self.part: Any = None  # a Part

    @property
    def name(self) -> str:
        return self.primitive.name


class Body:
    """The operations of a body, without calls of functions."""

    def __init__(self, closed: ClosedJaxpr):
        self.ops: list[Op] = []
        self.inputs = [Value(name.aval) for name in closed.jaxpr.invars]
        self.constants = [Value(name.aval) for name in closed.jaxpr.constvars]
        self.constant_values = closed.consts
        self.program = closed.jaxpr
        self.outputs = self._take(closed.jaxpr, self.inputs)

    def _take(self, program: Any, inputs: Sequence[Any]) -> list[Any]:
        known: dict[Any, Any] = dict(zip(program.invars, inputs))
        if program is self.program:
            known.update(zip(program.constvars, self.constants))

        def value(name: Any) -> Any:
            return name if isinstance(name, Literal) else known[name]

        for equation in program.eqns:
            given = [value(each) for each in equation.invars]
            inner = equation.params.get("jaxpr")
            if (
                equation.primitive.name in CALLS
                and isinstance(inner, ClosedJaxpr)
                and not inner.consts
            ):
                known.update(zip(equation.outvars, self._take(inner.jaxpr, given)))
                continue
            if equation.primitive.name in _REDUCTIONS and not equation.params["axes"]:
                # Gradients sum over what was broadcast, if anything was.
                known[equation.outvars[0]] = given[0]
                continue
            op = Op(equation.primitive, equation.params, given, equation)
            op.outputs = [Value(name.aval, op) for name in equation.outvars]
            known.update(zip(equation.outvars, op.outputs))
            self.ops.append(op)
        return [value(each) for each in program.outvars]

    def users(self) -> dict[Value, list[Any]]:
        """The operations that take each value; None among them stands for the body's results."""
        found: dict[Value, list[Any]] = {}
        for op in self.ops:
            for each in op.inputs:
                if isinstance(each, Value):
                    found.setdefault(each, []).append(op)
        for each in self.outputs:
            if isinstance(each, Value):
                found.setdefault(each, []).append(None)
        return found

    def run(self, op: Op, given: Sequence[Any], known: dict[Any, Any]) -> None:
        """Adds the results of an operation to what is known in a trace."""
        one = op.equation
        if one is None:
            known[op.outputs[0]] = op.primitive.bind(*given, **op.params)
            return
        pairs = zip(one.invars, given)
        unique = {name: v for name, v in pairs if not isinstance(name, Literal)}
        made = [i for i, name in enumerate(one.outvars) if not isinstance(name, DropVar)]
        program = self.program.replace(
            constvars=[],
            invars=list(unique),
            outvars=[one.outvars[i] for i in made],
            eqns=[one],
            effects=one.effects,
            debug_info=self.program.debug_info._replace(arg_names=None, result_paths=None),
        )
        results = jaxpr_as_fun(ClosedJaxpr(program, []))(*unique.values())
        known.update(zip((op.outputs[i] for i in made), results))


# Where operands lie ------------------------------------------------------------------------------


class Place(NamedTuple):
    """A value as a part of another one.

    Attributes:
      root: the other one.
      shape, strides, offset: of the part, in elements of the other one.
      which, step, among: see `elementwise.View`.
    """

    root: Value
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    which: Value | None = None
    step: int = 0
    among: int = 1

    def matrix(self, shape: tuple[int, ...]) -> View | None:
        """As a matrix that is repeated to a shape; None if its rows are not in equal steps."""
        strides = [0] * (len(shape) - len(self.shape))
        for size, stride, wanted in zip(self.shape, self.strides, shape[len(strides) :]):
            strides.append(stride if size == wanted else 0)
        row = inner = 0
        for size, stride in reversed(list(zip(shape[:-1], strides[:-1]))):
            if size == 1:
                continue
            if inner and stride != row * inner:
                return None
            if not inner:
                row, inner = stride, 1
            inner *= size
        if not inner:  # one row
            row = shape[-1]
        return View(self.root, self.offset, row, strides[-1], self.which, self.step, self.among)


def whole(value: Value) -> Place:
    shape = value.aval.shape
    return Place(value, shape, strides_of(shape))


def strides_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def place(value: Value, steady: set[Value]) -> Place:
    """Where a value lies. Elements are taken only from lists that do not change (`steady`)."""
    op = value.op
    if op is None:
        return whole(value)
    rule = _RULES.get(op.name)
    if rule is None or not isinstance(op.inputs[0], Value) or op.part is not None:
        return whole(value)
    if op.name == "dynamic_slice" and op.inputs[0] not in steady:
        return whole(value)
    return rule(op, place(op.inputs[0], steady)) or whole(value)


def _squeezed(op: Op, base: Place) -> Place | None:
    shape = op.outputs[0].aval.shape
    if [n for n in shape if n != 1] != [n for n in base.shape if n != 1]:
        if base.strides != strides_of(base.shape):
            return None
        return base._replace(shape=shape, strides=strides_of(shape))
    left = iter([stride for n, stride in zip(base.shape, base.strides) if n != 1])
    return base._replace(shape=shape, strides=tuple(next(left) if n != 1 else 0 for n in shape))


def _broadcast(op: Op, base: Place) -> Place | None:
    shape = op.outputs[0].aval.shape
    strides = [0] * len(shape)
    for i, place in enumerate(op.params["broadcast_dimensions"]):
        strides[place] = base.strides[i] if base.shape[i] == shape[place] else 0
    return base._replace(shape=shape, strides=tuple(strides))


def _transposed(op: Op, base: Place) -> Place | None:
    order = op.params["permutation"]
    shape, strides = (tuple(each[i] for i in order) for each in (base.shape, base.strides))
    return base._replace(shape=shape, strides=strides)


def _sliced(op: Op, base: Place) -> Place | None:
    if set(op.params["strides"] or (1,)) != {1}:
        return None
    offset = sum(i * stride for i, stride in zip(op.params["start_indices"], base.strides))
    return base._replace(shape=op.outputs[0].aval.shape, offset=base.offset + offset)


def _element(op: Op, base: Place) -> Place | None:
    found = element_of(op.inputs[1:], op.params["slice_sizes"], base)
    return found._replace(shape=op.outputs[0].aval.shape) if found is not None else None


def element_of(indices: Sequence[Any], sizes: Sequence[int], base: Place) -> Place | None:
    """The part of a list of arrays at an index, where that is what the indices are."""
    if base.which is not None:
        return None
    for index, size, n, stride in zip(indices, sizes, base.shape, base.strides):
        if isinstance(index, Literal):
            if size != n or index.val != 0:
                return None
        elif size != 1 or base.which is not None or index.aval.dtype not in (np.int32, np.int64):
            return None
        else:
            base = base._replace(which=index, step=stride, among=n)
    return base._replace(shape=tuple(sizes))


_RULES: dict[str, Callable[[Op, Place], Place | None]] = {
    "squeeze": _squeezed,
    "reshape": _squeezed,
    "expand_dims": _squeezed,
    "broadcast_in_dim": _broadcast,
    "transpose": _transposed,
    "slice": _sliced,
    "dynamic_slice": _element,
}


# What is in a program ---------------------------------------------------------------------------


class Part(Protocol):
    """What an operation is in a program."""

    def inner(self) -> Iterator[Op]:
        """The operations whose results are taken as they are, and could be in the same program."""

    def taken(self) -> Iterator[Value]:
        """The values that lie where the operands do."""


class Program(Protocol):
    """Operations that are one native call.

    Attributes:
      ops: these.
      stage: theirs.
      steps: what the kernel does.
      made: the values that come out.
    """

    ops: list[Op]
    stage: int
    steps: Steps
    made: list[Value]


def is_arithmetic(op: Op) -> bool:
    if op.name == "integer_pow" and op.params["y"] != 2:
        return False
    return op.name in ARITHMETIC or op.name in COMPARISONS or op.name in ("select_n", *LOGIC)


def operand_dtypes(op: Op) -> list[tuple[Any, ...]]:
    """The dtypes that the operands may have."""
    numbers, masks = (np.dtype(np.float32),), (np.dtype(np.bool_),)
    if op.name == "select_n":
        return [masks, *[(op.outputs[0].aval.dtype,)] * (len(op.inputs) - 1)]
    each = masks if op.name in LOGIC else numbers
    return [numbers + masks if op.name == "convert_element_type" else each] * len(op.inputs)


def dtype_of(value: Any) -> Any:
    return np.asarray(value.val).dtype if isinstance(value, Literal) else value.aval.dtype


def number_stages(body: Body) -> None:
    """Gives the operations their stages: as early as possible, then to where all that take them are."""
    for op in body.ops:
        taken = op.inputs if op.part is None else op.part.taken()
        inner = set() if op.part is None else set(op.part.inner())
        op.stage = 0
        for each in taken:
            before = each.op if isinstance(each, Value) else None
            if before is not None:
                later = before.part is not None and before not in inner
                op.stage = max(op.stage, before.stage + later)
    takers: dict[Op, list[Any]] = {}
    for op in reversed(body.ops):
        if op.part is not None:
            users = takers.get(op, [])
            stages = {user.stage for user in users if user is not None}
            if None not in users and len(stages) == 1:
                op.stage = max(op.stage, stages.pop())
            inner = set(op.part.inner())
            for each in op.part.taken():
                if each.op is not None:
                    takers.setdefault(each.op, []).append(op if each.op in inner else None)
        else:
            for each in op.inputs:
                if isinstance(each, Value) and each.op is not None:
                    takers.setdefault(each.op, []).append(None)


def add_step(steps: Steps, op: Op, operands: Sequence[Any], per_row: bool = False) -> None:
    """Adds what an operation does to a program; on numbers of rows if it is `per_row`."""
    name, result = op.name, op.outputs[0]
    if name == "select_n":
        operands = [operands[0], operands[2], operands[1]]
        name = "select"
    elif name == "not":
        operands = [operands[0], steps.constant(0.0)]
        name = "eq"
    elif name in ("square", "integer_pow"):
        operands = [operands[0], operands[0]]
        name = "mul"
    else:
        name = LOGIC.get(name, ARITHMETIC.get(name, name))
    steps.add(name, result, *operands, per_row=per_row)


def with_native_calls(body: Body, programs: Sequence[Program]) -> ClosedJaxpr:
    """A function's operations with those of programs as native calls."""
    order = _order(body, programs)

    def run(*given: Any) -> list[Any]:
        known: dict[Any, Any] = dict(zip(body.inputs, given))
        known.update(zip(body.constants, body.constant_values))

        def value(name: Any) -> Any:
            return name.val if isinstance(name, Literal) else known[name]

        for each in order:
            if isinstance(each, Op):
                body.run(each, [value(name) for name in each.inputs], known)
            else:
                known.update(zip(each.made, elementwise.call(each.steps, known)))
        return [jnp.asarray(value(name), name.aval.dtype) for name in body.outputs]

    return jax.make_jaxpr(run)(*(each.aval for each in body.inputs))


def needed_by(body: Body, programs: Sequence[Any]) -> tuple[set[Any], set[Value]]:
    """The operations and programs that are needed for the results, and the values that they take."""
    of: dict[Op, Any] = {op: program for program in programs for op in program.ops}
    for program in programs:
        of.update((value.op, program) for value in program.made if value.op is not None)
    needed: set[Any] = set()
    taken = {each for each in body.outputs if isinstance(each, Value)}
    left = list(taken)
    while left:
        op = left.pop().op
        unit = of.get(op, op) if op is not None else None
        if unit is None or unit in needed:
            continue
        needed.add(unit)
        given = unit.inputs if isinstance(unit, Op) else (*unit.steps.arrays, *unit.steps.indices)
        new = [each for each in given if isinstance(each, Value)]
        taken.update(new)
        left += new
    return needed, taken


def _order(body: Body, programs: Sequence[Any]) -> list[Any]:
    """The programs and the other operations that are needed, each after what it takes."""
    needed, _ = needed_by(body, programs)
    others = [op for op in body.ops if op in needed]
    return sorted(
        [*others, *(p for p in programs if p in needed)],
        key=lambda each: (each.stage, not isinstance(each, Op)),
    )
