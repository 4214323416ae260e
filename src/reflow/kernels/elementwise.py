"""Programs of element-wise operations on float32 matrices of one shape: one native call, one pass over memory.

Rows may be reduced to numbers on the way, and these taken by operations on the elements of their rows. Then rows
are gone over as often as one reduction waits for another one, while they lie in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.kernels.choices import note
from reflow.kernels.library import library

# As in native/elementwise.h, by the names of JAX's primitives.
OPERATIONS = {
    name: number
    for number, name in enumerate(
        [
            *("add", "sub", "mul", "div", "max", "min", "neg", "abs", "sqrt", "rsqrt", "copy"),
            *("exp", "tanh", "logistic", "select", "eq", "ne", "lt", "le", "gt", "ge"),
            *("log", "reduce_sum", "reduce_max", "spread"),
        ]
    )
}
REDUCTIONS = ("reduce_sum", "reduce_max")


class View(NamedTuple):
    """A matrix within an array (native/elementwise.h).

    Attributes:
      array: the array's name.
      offset: of the first element.
      row, column: the steps from row to row and from column to column; 0 repeats one.
      which: the name of a scalar that says which of `among` matrices it is, `step` elements apart; None where
        there is one.
      per_row: whether it is a number of each row, for operations on such numbers.
    """

    array: Hashable
    offset: int
    row: int
    column: int
    which: Hashable = None
    step: int = 0
    among: int = 1
    per_row: bool = False


class Result(NamedTuple):
    """An array that comes out.

    Attributes:
      shape, dtype: its form; the dtype is float32 or bool.
      over: the name of the given array whose memory it takes, if any.
    """

    shape: tuple[int, ...]
    dtype: Any
    over: Hashable = None


class _Step(NamedTuple):
    """An operation; on numbers of rows if `per_row`, else on elements."""

    operation: str
    result: Hashable
    operands: tuple[Hashable, ...]
    per_row: bool


class Steps:
    """Collects the steps of a program: what each does, and to which values.

    Values, arrays and indices have any hashable names. `numbers` gives the program as the library reads it.

    Attributes:
      rows, columns: of all matrices.
      arrays, indices: the names of what is given, in the order of first use.
      results: what comes out.
    """

    def __init__(self, rows: int, columns: int):
        self.rows = rows
        self.columns = columns
        self.arrays: list[Hashable] = []
        self.indices: list[Hashable] = []
        self.results: list[Result] = []
        self._constants: list[int] = []  # their bits
        self._loads: list[View] = []
        self._stores: list[tuple[Hashable, View]] = []  # the value, and where it goes
        self._steps: list[_Step] = []
        self._per_row: set[Hashable] = set()  # values that are numbers of rows

    def constant(self, value: float) -> Hashable:
        """The name of a constant."""
        bits = int(np.float32(value).view(np.uint32))
        if bits not in self._constants:
            self._constants.append(bits)
        return ("constant", bits)

    def load(self, view: View) -> Hashable:
        """The name of the value that a view of a given array has."""
        self.give(view.array)
        self._note_index(view)
        if view not in self._loads:
            self._loads.append(view)
        return view

    def whole(self, name: Hashable) -> Hashable:
        """The name of the value of a given array that is such a matrix."""
        return self.load(View(name, 0, self.columns, 1))

    def scalar(self, name: Hashable) -> Hashable:
        """The name of the value of a given array of one element."""
        return self.load(View(name, 0, 0, 0))

    def of_rows(self, name: Hashable) -> Hashable:
        """The name of the value of a given array with a number of each row, for operations on these."""
        view = View(name, 0, 1, 0, per_row=True)
        self._per_row.add(view)
        return self.load(view)

    def give(self, name: Hashable) -> None:
        """Notes that an array is given."""
        if name not in self.arrays:
            self.arrays.append(name)

    def _note_index(self, view: View) -> None:
        if view.which is not None and view.which not in self.indices:
            self.indices.append(view.which)

    def add(
        self, operation: str, result: Hashable, *operands: Hashable, per_row: bool = False
    ) -> None:
        """One more step.

        Args:
          per_row: whether it is one on numbers of rows. Operations on elements may take these too.
        """
        if per_row or operation in REDUCTIONS:
            self._per_row.add(result)
        self._steps.append(_Step(operation, result, operands, per_row))

    def result(self, result: Result) -> int:
        """Notes an array that comes out; its number."""
        if result.over is not None:
            self.give(result.over)
        self.results.append(result)
        return len(self.results) - 1

    def store(self, value: Hashable, view: View) -> None:
        """Notes that a value goes to a view, whose array is the number of a result."""
        self._note_index(view)
        self._stores.append((value, view))

    def store_whole(self, value: Hashable, number: int) -> None:
        """Notes that a value is a result as a whole."""
        self.store(value, View(number, 0, self.columns, 1))

    def store_rows(self, value: Hashable, number: int) -> None:
        """Notes that a value, a number of each row, is a result."""
        self.store(value, View(number, 0, 1, 0, per_row=True))

    def numbers(self) -> np.ndarray:
        """The program as the library reads it (native/elementwise.h)."""
        given = (*self._loads, *(("constant", bits) for bits in self._constants))
        plan = _Plan(self._with_spreads(), given, self._per_row)
        made = {step.result: i for i, (step, _) in enumerate(plan.steps)}
        read: dict[Hashable, int] = {}  # given array -> the last step that reads it
        for view in self._loads:
            read[view.array] = max(read.get(view.array, -1), plan.last.get(view, -1))
        places = _Places(given, len(self._stores))
        copies: list[tuple[int, Hashable, bool]] = []  # outputs that are written at the end
        for i, (value, view) in enumerate(self._stores):
            over = self.results[view.array].over  # type: ignore[call-overload]
            # Memory of a given array is written when that has been read.
            is_late = over is not None and read.get(over, -1) > made.get(value, -1)
            if (
                value in places.of
                or is_late
                or (value in plan.lasting and not self._is_whole(view))
            ):
                copies.append((len(given) + i, value, view.per_row))
            else:
                places.of[value] = len(given) + i
        kept = {value for _, value, _ in copies}
        steps: list[int] = []
        for i, (step, in_pass) in enumerate(plan.steps):
            sources = [places.of[each] for each in step.operands]
            for each in dict.fromkeys(step.operands):
                if plan.last[each] == i and each not in kept and each not in plan.steady:
                    places.free(each)
            if step.result not in places.of:
                places.take(step.result, step.result in plan.lasting, step.result in plan.steady)
            how = (in_pass, int(step.per_row), OPERATIONS[step.operation])
            sources += sources[:1] * (3 - len(sources))
            steps += [*how, places.of[step.result], *sources]
        for number, value, per_row in copies:
            how = (plan.made_in[value], int(per_row), OPERATIONS["copy"])
            steps += [*how, number, *[places.of[value]] * 3]
        return np.array(
            [
                *(self.rows, self.columns, len(self.arrays), len(self.indices), len(self.results)),
                *(places.short, places.lasting, len(self._constants), *self._constants),
                *self._views(self._loads, self.arrays.index),
                *self._views([view for _, view in self._stores], lambda number: number),
                *places.numbers(steps),
            ],
            np.int64,
        )

    def _repeats(self, value: Hashable) -> bool:
        """Whether all elements of a row may be one in memory."""
        if isinstance(value, View):
            return value.column == 0
        return isinstance(value, tuple) and value[0] in ("constant", "spread")

    def _is_whole(self, view: View) -> bool:
        return view == View(view.array, 0, self.columns, 1)

    def _with_spreads(self) -> list[_Step]:
        """The steps, with those that give all elements of a row its number."""
        steps: list[_Step] = []
        spread: dict[Hashable, Hashable] = {}
        for step in self._steps:
            if not step.per_row:
                for each in step.operands:
                    if each in self._per_row and each not in spread:
                        spread[each] = ("spread", each)
                        steps.append(_Step("spread", spread[each], (each,), True))
                step = step._replace(
                    operands=tuple(spread.get(each, each) for each in step.operands)
                )
            if step.operation in REDUCTIONS and self._repeats(step.operands[0]):
                elements = ("elements", step.operands[0])
                steps.append(_Step("copy", elements, step.operands, False))
                step = step._replace(operands=(elements,))
            steps.append(step)
        return steps

    def _views(self, views: Sequence[View], number_of: Any) -> list[int]:
        numbers = [len(views)]
        for view in views:
            index = -1 if view.which is None else self.indices.index(view.which)
            numbers += [number_of(view.array), view.offset, view.row, view.column]
            numbers += [index, view.step, view.among, int(view.per_row)]
        return numbers

    def __len__(self) -> int:
        return len(self._steps)


class _Plan:
    """Which step is done in which pass over the rows.

    Args:
      given: the values that are there before.
      per_row: those that are numbers of rows.

    Attributes:
      steps: in their order, with the passes.
      made_in: the passes that values are made in.
      last: the positions of the last steps that take values.
      lasting: the values of elements that are taken in later passes than they are made in.
      steady: the values that stay where they are while a row is gone over.
    """

    def __init__(self, steps: Sequence[_Step], given: Sequence[Hashable], per_row: set[Hashable]):
        self.made_in: dict[Hashable, int] = dict.fromkeys(given, 0)
        usable = dict(self.made_in)  # the first pass that can take a value
        for step in steps:
            now = max(usable[each] for each in step.operands)
            self.made_in[step.result] = now
            usable[step.result] = now + (step.operation == "spread")
        self._delay(steps, {*given, *(s.result for s in steps if s.operation == "spread")})
        order = sorted(steps, key=lambda step: (self.made_in[step.result], step.per_row))
        self.steps = [(step, self.made_in[step.result]) for step in order]
        self.last: dict[Hashable, int] = {}
        for i, (step, _) in enumerate(self.steps):
            self.last.update(dict.fromkeys(step.operands, i))
        self.steady = {s.result for s in steps if s.per_row or s.operation in REDUCTIONS} | per_row
        self.lasting = {
            each
            for step, now in self.steps
            for each in step.operands
            if self.made_in[each] < now and each not in self.steady
        }.difference(given)

    def _delay(self, steps: Sequence[_Step], there: set[Hashable]) -> None:
        """What takes only what is there all the time is made where it is taken first."""
        taken: dict[Hashable, int] = {}
        for step in reversed(steps):
            if (
                not step.per_row
                and step.operation not in REDUCTIONS
                and there.issuperset(step.operands)
            ):
                now = taken.get(step.result, self.made_in[step.result])
                self.made_in[step.result] = max(now, self.made_in[step.result])
            for each in step.operands:
                now = self.made_in[step.result]
                taken[each] = min(taken.get(each, now), now)


class _Places:
    """The numbers of values as native/elementwise.h has them; of temporary ones they are known at the end.

    Attributes:
      of: the numbers.
      short, lasting: how many temporary values there are, and how many that last.
    """

    def __init__(self, given: Sequence[Hashable], outputs: int):
        self.of: dict[Hashable, int] = {name: i for i, name in enumerate(given)}
        self.short = self.lasting = 0
        self._fixed = len(given) + outputs
        self._free: dict[bool, list[int]] = {False: [], True: []}

    def take(self, value: Hashable, lasts: bool, is_steady: bool) -> None:
        """Gives a value a place, one that lasts or not; of its own if it is steady."""
        free = self._free[lasts]
        if free and not is_steady:
            self.of[value] = free.pop()
        elif lasts:
            self.of[value] = _LASTING + self.lasting
            self.lasting += 1
        else:
            self.of[value] = self._fixed + self.short
            self.short += 1

    def free(self, value: Hashable) -> None:
        """Lets another value have the place, if it is a temporary one."""
        place = self.of[value]
        if place >= self._fixed:
            self._free[place >= _LASTING].append(place)

    def numbers(self, steps: Sequence[int]) -> list[int]:
        """The numbers of places, when all have been given."""
        shift = self._fixed + self.short - _LASTING
        return [place + shift if place >= _LASTING else place for place in steps]


_LASTING = 1 << 20  # more than there can be other places


def call(steps: Steps, values: Mapping[Any, Any]) -> list[Any]:
    """The results of a program in an executable for the CPU.

    Args:
      values: what is given, by its names.
    """
    found = library()
    assert found is not None
    import jax

    note(
        f"{len(steps)} element-wise operations, float32, {steps.rows}x{steps.columns}",
        "native, loops",
    )
    compute = found.ffi_call(
        "reflow_elements",
        [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in steps.results],
        input_output_aliases={
            steps.arrays.index(each.over): i
            for i, each in enumerate(steps.results)
            if each.over is not None
        },
    )
    given = (values[name] for name in (*steps.arrays, *steps.indices))
    return list(compute(*given, program=steps.numbers()))


def flat(shape: tuple[int, ...]) -> tuple[int, int]:
    """The rows and columns of arrays of which all elements are treated alike."""
    return 1, math.prod(shape)
