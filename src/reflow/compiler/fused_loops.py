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
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, DropVar, Literal, jaxpr_as_fun

from reflow.kernels import elementwise
from reflow.kernels.elementwise import View
from reflow.kernels.library import forced, library

_FEWEST = 4  # operations: of fewer, XLA's loops take no longer than a call
_SMALL = 1 << 10  # elements
_LARGE = 1 << 19
# JAX's primitives, and the operations of the kernel.
_ARITHMETIC = {
    **{name: name for name in ("add", "sub", "mul", "div", "max", "min", "neg", "abs")},
    **{name: name for name in ("sqrt", "rsqrt", "exp", "tanh", "logistic", "copy")},
    "square": "mul",
    "integer_pow": "mul",
    "convert_element_type": "copy",
}
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_LOGIC = {"and": "mul", "or": "max", "not": "eq"}
_CALLS = ("jit", "pjit", "closed_call")


def with_fused_loops(traced: ClosedJaxpr) -> ClosedJaxpr | None:
    """A traced program with native calls in the bodies of its loops; None if there are none."""
    if library() is None:
        return None
    changed = False
    equations = []
    for equation in traced.jaxpr.eqns:
        params = {}
        for name, value in equation.params.items():
            new = _of_parameter(equation, name, value)
            if new is not None:
                params[name] = new
        if params:
            changed = True
            equation = equation.replace(params={**equation.params, **params})
        equations.append(equation)
    return ClosedJaxpr(traced.jaxpr.replace(eqns=equations), traced.consts) if changed else None


def _of_parameter(equation: Any, name: str, value: Any) -> Any:
    """A function within an equation with native calls in it; None if there are none."""
    primitive = equation.primitive.name
    if primitive == "while" and name == "body_jaxpr":
        inner = with_fused_loops(value)
        return _with_programs(inner or value, equation.params["body_nconsts"]) or inner
    if primitive in _CALLS and name == "jaxpr":
        return with_fused_loops(value)
    if primitive == "cond" and name == "branches":
        branches = [with_fused_loops(each) for each in value]
        if any(each is not None for each in branches):
            return tuple(new or each for new, each in zip(branches, value))
    return None


def _with_programs(closed: ClosedJaxpr, constants: int) -> ClosedJaxpr | None:
    """The body of a loop with native calls; None if there are none.

    Args:
      constants: how many of its inputs, the first ones, are no loop variables.
    """
    if closed.consts or closed.jaxpr.effects:
        return None
    body = _Body(closed)
    _slice_early(body)
    variables = zip(body.inputs[constants:], body.outputs)
    steady = {*body.inputs[:constants], *(x for x, y in variables if x is y)}
    programs = [_Program(ops) for ops in _divide(body, steady)]
    if not programs:
        return None
    writes = _Writes(body, constants)
    for program in programs:
        program.take(body, writes)
    order = _order(body, programs)

    def run(*given: Any) -> list[Any]:
        known: dict[Any, Any] = dict(zip(body.inputs, given))

        def value(name: Any) -> Any:
            return name.val if isinstance(name, Literal) else known[name]

        for each in order:
            if isinstance(each, _Program):
                known.update(zip(each.made, elementwise.call(each.steps, known)))
            else:
                body.run(each, [value(name) for name in each.inputs], known)
        return [jnp.asarray(value(name), name.aval.dtype) for name in body.outputs]

    return jax.make_jaxpr(run)(*(each.aval for each in body.inputs))


def _order(body: _Body, programs: Sequence[_Program]) -> list[Any]:
    """The programs and the other operations that are needed, each after what it takes."""
    of: dict[_Op, _Program] = {op: program for program in programs for op in program.ops}
    for program in programs:
        of.update((value.op, program) for value in program.made if value.op is not None)
    needed: set[Any] = set()
    left = [each.op for each in body.outputs if isinstance(each, _Value)]
    while left:
        op = left.pop()
        unit = of.get(op, op) if op is not None else None
        if unit is None or unit in needed:
            continue
        needed.add(unit)
        taken = (
            (*unit.steps.arrays, *unit.steps.indices) if isinstance(unit, _Program) else unit.inputs
        )
        left += [each.op for each in taken if isinstance(each, _Value)]
    others = [op for op in body.ops if op in needed]
    return sorted(
        [*others, *(p for p in programs if p in needed)],
        key=lambda each: (each.stage, isinstance(each, _Program)),
    )


# The body as a list of operations ----------------------------------------------------------------


class _Value:
    """A value of the body: an input, or a result of an operation."""

    __slots__ = ("aval", "op")

    def __init__(self, aval: Any, op: _Op | None = None):
        self.aval = aval
        self.op = op


class _Op:
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
        self.outputs: list[_Value] = []
        self.equation = equation
        self.stage = 0
        self.part: _Part | None = None

    @property
    def name(self) -> str:
        return self.primitive.name


class _Body:
    """The operations of a body, without calls of functions."""

    def __init__(self, closed: ClosedJaxpr):
        self.ops: list[_Op] = []
        self.inputs = [_Value(name.aval) for name in closed.jaxpr.invars]
        self.program = closed.jaxpr
        self.outputs = self._take(closed.jaxpr, self.inputs)

    def _take(self, program: Any, inputs: Sequence[Any]) -> list[Any]:
        known: dict[Any, Any] = dict(zip(program.invars, inputs))

        def value(name: Any) -> Any:
            return name if isinstance(name, Literal) else known[name]

        for equation in program.eqns:
            given = [value(each) for each in equation.invars]
            inner = equation.params.get("jaxpr")
            if (
                equation.primitive.name in _CALLS
                and isinstance(inner, ClosedJaxpr)
                and not inner.consts
            ):
                known.update(zip(equation.outvars, self._take(inner.jaxpr, given)))
                continue
            op = _Op(equation.primitive, equation.params, given, equation)
            op.outputs = [_Value(name.aval, op) for name in equation.outvars]
            known.update(zip(equation.outvars, op.outputs))
            self.ops.append(op)
        return [value(each) for each in program.outvars]

    def users(self) -> dict[_Value, list[Any]]:
        """The operations that take each value; None among them stands for the body's results."""
        found: dict[_Value, list[Any]] = {}
        for op in self.ops:
            for each in op.inputs:
                if isinstance(each, _Value):
                    found.setdefault(each, []).append(op)
        for each in self.outputs:
            if isinstance(each, _Value):
                found.setdefault(each, []).append(None)
        return found

    def run(self, op: _Op, given: Sequence[Any], known: dict[Any, Any]) -> None:
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


# Slices come before operations -------------------------------------------------------------------


def _slice_early(body: _Body) -> None:
    """Lets operations whose results are only taken in columns compute these one by one.

    What adds a bias to a product works on the columns of all gates, and the gates take their own.
    """
    users = body.users()
    for op in reversed(list(body.ops)):
        if len(op.outputs) != 1 or not _is_arithmetic(op):
            continue
        takers = users.get(op.outputs[0], [])
        if not takers or any(taker is None or not _takes_columns(taker) for taker in takers):
            continue
        place = body.ops.index(op)
        made: list[_Op] = []
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
            own = _Op(op.primitive, op.params, inputs)
            own.outputs = taker.outputs
            own.outputs[0].op = own
            made.append(own)
        body.ops[place : place + 1] = made
        for taker in takers:
            body.ops.remove(taker)
        users = body.users()


def _takes_columns(op: _Op) -> bool:
    if op.name != "slice":
        return False
    shape = op.inputs[0].aval.shape
    starts, limits = op.params["start_indices"], op.params["limit_indices"]
    if set(op.params["strides"] or (1,)) != {1} or len(shape) < 2:
        return False
    return all(i == 0 and j == n for i, j, n in list(zip(starts, limits, shape))[:-1])


def _columns(primitive: Any, value: _Value, first: int, last: int) -> _Op:
    shape = value.aval.shape
    params = {
        "start_indices": (*(0 for _ in shape[:-1]), first),
        "limit_indices": (*shape[:-1], last),
        "strides": None,
    }
    op = _Op(primitive, params, [value])
    op.outputs = [_Value(value.aval.update(shape=(*shape[:-1], last - first)), op)]
    return op


# Where operands lie ------------------------------------------------------------------------------


class _Place(NamedTuple):
    """A value as a part of another one.

    Attributes:
      root: the other one.
      shape, strides, offset: of the part, in elements of the other one.
      which, step, among: see `elementwise.View`.
    """

    root: _Value
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    which: _Value | None = None
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


def _whole(value: _Value) -> _Place:
    shape = value.aval.shape
    return _Place(value, shape, _strides(shape))


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def _place(value: _Value, steady: set[_Value]) -> _Place:
    """Where a value lies. Elements are taken only from lists that do not change (`steady`)."""
    op = value.op
    if op is None:
        return _whole(value)
    rule = _RULES.get(op.name)
    if rule is None or not isinstance(op.inputs[0], _Value) or op.part is not None:
        return _whole(value)
    if op.name == "dynamic_slice" and op.inputs[0] not in steady:
        return _whole(value)
    return rule(op, _place(op.inputs[0], steady)) or _whole(value)


def _squeezed(op: _Op, base: _Place) -> _Place | None:
    shape = op.outputs[0].aval.shape
    if [n for n in shape if n != 1] != [n for n in base.shape if n != 1]:
        if base.strides != _strides(base.shape):
            return None
        return base._replace(shape=shape, strides=_strides(shape))
    left = iter([stride for n, stride in zip(base.shape, base.strides) if n != 1])
    return base._replace(shape=shape, strides=tuple(next(left) if n != 1 else 0 for n in shape))


def _broadcast(op: _Op, base: _Place) -> _Place | None:
    shape = op.outputs[0].aval.shape
    strides = [0] * len(shape)
    for i, place in enumerate(op.params["broadcast_dimensions"]):
        strides[place] = base.strides[i] if base.shape[i] == shape[place] else 0
    return base._replace(shape=shape, strides=tuple(strides))


def _transposed(op: _Op, base: _Place) -> _Place | None:
    order = op.params["permutation"]
    shape, strides = (tuple(each[i] for i in order) for each in (base.shape, base.strides))
    return base._replace(shape=shape, strides=strides)


def _sliced(op: _Op, base: _Place) -> _Place | None:
    if set(op.params["strides"] or (1,)) != {1}:
        return None
    offset = sum(i * stride for i, stride in zip(op.params["start_indices"], base.strides))
    return base._replace(shape=op.outputs[0].aval.shape, offset=base.offset + offset)


def _element(op: _Op, base: _Place) -> _Place | None:
    found = _element_of(op.inputs[1:], op.params["slice_sizes"], base)
    return found._replace(shape=op.outputs[0].aval.shape) if found is not None else None


def _element_of(indices: Sequence[Any], sizes: Sequence[int], base: _Place) -> _Place | None:
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


_RULES: dict[str, Callable[[_Op, _Place], _Place | None]] = {
    "squeeze": _squeezed,
    "reshape": _squeezed,
    "expand_dims": _squeezed,
    "broadcast_in_dim": _broadcast,
    "transpose": _transposed,
    "slice": _sliced,
    "dynamic_slice": _element,
}


# What programs do --------------------------------------------------------------------------------


class _Writes:
    """Where elements are written to the lists of a body that nothing else looks at.

    Attributes:
      users: see `_Body.users`.
      variables: the loop variables, each with what it is in the next iteration.
    """

    def __init__(self, body: _Body, constants: int):
        self.users = body.users()
        self.variables = {
            x: y for x, y in zip(body.inputs[constants:], body.outputs) if isinstance(y, _Value)
        }

    def list_of(self, op: Any) -> _Place | None:
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
        found = _element_of(indices, update.aval.shape, _whole(items))
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

    def inner(self) -> Iterator[_Op]:
        """The operations whose results are taken as they are, and could be in the same program."""
        for each in self.operands:
            if (
                _is_whole(each, self)
                and each.array.op is not None
                and each.array.op.part is not None
            ):
                if each.array.op.part.space == self.space:
                    yield each.array.op

    def taken(self) -> Iterator[_Value]:
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


def _is_arithmetic(op: _Op) -> bool:
    if op.name == "integer_pow" and op.params["y"] != 2:
        return False
    return op.name in _ARITHMETIC or op.name in _COMPARISONS or op.name in ("select_n", *_LOGIC)


def _part(op: _Op, steady: set[_Value]) -> _Part | None:
    """What an operation is in a program; None if the kernel has nothing for it."""
    if not _is_arithmetic(op) or len(op.outputs) != 1:
        return None
    result = op.outputs[0].aval
    shape = result.shape
    if not shape or not _SMALL <= math.prod(shape) <= _LARGE:
        return None
    if op.name == "select_n" and len(op.inputs) != 3:
        return None
    if result.dtype != (np.float32 if op.name in _ARITHMETIC else np.bool_):
        if op.name != "select_n" or result.dtype != np.float32:
            return None
    operands: list[Any] = []
    for each, dtypes in zip(op.inputs, _operand_dtypes(op), strict=True):
        if _dtype(each) not in dtypes:
            return None
        if isinstance(each, Literal):
            if np.shape(each.val):
                return None
            operands.append(each)
            continue
        view = _place(each, steady).matrix(shape)
        if view is None or (view.array.aval.dtype not in (np.float32, np.bool_)):  # type: ignore[attr-defined]
            return None
        operands.append(view)
    return _Part(operands, math.prod(shape[:-1]), shape[-1])


def _operand_dtypes(op: _Op) -> list[tuple[Any, ...]]:
    """The dtypes that the operands may have."""
    numbers, masks = (np.dtype(np.float32),), (np.dtype(np.bool_),)
    if op.name == "select_n":
        return [masks, *[(op.outputs[0].aval.dtype,)] * (len(op.inputs) - 1)]
    each = masks if op.name in _LOGIC else numbers
    return [numbers + masks if op.name == "convert_element_type" else each] * len(op.inputs)


def _dtype(value: Any) -> Any:
    return np.asarray(value.val).dtype if isinstance(value, Literal) else value.aval.dtype


def _divide(body: _Body, steady: set[_Value]) -> list[list[_Op]]:
    """Notes the parts and stages of operations; the programs that pay, as lists of operations."""
    left_out: set[_Op] = set()
    while True:
        for op in body.ops:  # each after those that it takes from, whose parts `_part` asks for
            op.part = None if op in left_out else _part(op, steady)
        _number(body)
        programs: dict[Any, list[_Op]] = {}
        for op in body.ops:
            if op.part is not None:
                programs.setdefault((op.stage, op.part.space), []).append(op)
        poor = [p for p in programs.values() if len(p) < _FEWEST and forced[0] != "native"]
        if not poor:
            return list(programs.values())
        left_out.update(op for program in poor for op in program)


def _number(body: _Body) -> None:
    """Gives the operations their stages: as early as possible, then to where all that take them are."""
    for op in body.ops:
        taken = op.inputs if op.part is None else op.part.taken()
        inner = set() if op.part is None else set(op.part.inner())
        op.stage = 0
        for each in taken:
            before = each.op if isinstance(each, _Value) else None
            if before is not None:
                later = before.part is not None and before not in inner
                op.stage = max(op.stage, before.stage + later)
    takers: dict[_Op, list[Any]] = {}
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
                if isinstance(each, _Value) and each.op is not None:
                    takers.setdefault(each.op, []).append(None)


class _Program:
    """A program in the making.

    Attributes:
      ops: its operations.
      stage: theirs.
      steps: the program.
      made: the values that come out.
    """

    def __init__(self, ops: list[_Op]):
        self.ops = ops
        self.stage = ops[0].stage
        part = ops[0].part
        assert part is not None
        self.steps = elementwise.Steps(*part.space)
        self.made: list[_Value] = []
        self._inside = set(ops)

    def take(self, body: _Body, writes: _Writes) -> None:
        """Writes the program down."""
        for op in self.ops:
            self._step(op)
        written: set[_Op] = set()
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

    def _step(self, op: _Op) -> None:
        assert op.part is not None
        operands = []
        for each in op.part.operands:
            if isinstance(each, Literal):
                operands.append(self.steps.constant(float(each.val)))
            elif _is_whole(each, op.part) and each.array.op in self._inside:
                operands.append(each.array)
            else:
                operands.append(self.steps.load(each))
        name, result = op.name, op.outputs[0]
        if name == "select_n":
            self.steps.add("select", result, operands[0], operands[2], operands[1])
        elif name == "not":
            self.steps.add("eq", result, operands[0], self.steps.constant(0.0))
        elif name in _LOGIC:
            self.steps.add(_LOGIC[name], result, *operands)
        elif name in ("square", "integer_pow"):
            self.steps.add("mul", result, operands[0], operands[0])
        else:
            self.steps.add(_ARITHMETIC.get(name, name), result, *operands)

    def _new(self, value: _Value, over: _Value | None = None) -> int:
        self.made.append(value)
        aval = value.aval
        return self.steps.result(elementwise.Result(aval.shape, aval.dtype, over))

    def _joins(self, op: _Op) -> bool:
        """Whether an operation joins results of this program to one matrix, side by side."""
        if op.name != "concatenate" or op.params["dimension"] != op.outputs[0].aval.ndim - 1:
            return False
        if op.outputs[0].aval.dtype != np.float32 or op.outputs[0].aval.ndim < 2:
            return False
        return all(isinstance(each, _Value) and each.op in self._inside for each in op.inputs)

    def _join(self, op: _Op, writes: _Writes) -> set[_Op]:
        """Writes the parts of a joined matrix to their places in it, and in the lists that it goes to."""
        written = {op}
        result = op.outputs[0]
        width = result.aval.shape[-1]
        place = View(self._new(result), 0, width, 1)
        for i, value in enumerate(op.inputs):
            self.steps.store(value, place._replace(offset=i * self.steps.columns))
        return written | self._list(result, width, writes, op.inputs)

    def _list(
        self, value: _Value, width: int, writes: _Writes, parts: Sequence[_Value] = ()
    ) -> set[_Op]:
        """Writes a value to the lists that it goes to; if it is joined, its parts."""
        written: set[_Op] = set()
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

    def _is_wanted(self, value: _Value, writes: _Writes, written: set[_Op]) -> bool:
        """Whether a value is taken by something that is not in the program."""
        return any(
            user is None or (user not in self._inside and user not in written)
            for user in writes.users.get(value, [])
        )
