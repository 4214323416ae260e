"""Programs of element-wise operations on float32 matrices of one shape: one native call, one pass over memory."""

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
        ]
    )
}
_COPY = OPERATIONS["copy"]


class View(NamedTuple):
    """A matrix within an array (native/elementwise.h).

    Attributes:
      array: the array's name.
      offset: of the first element.
      row, column: the steps from row to row and from column to column; 0 repeats one.
      which: the name of a scalar that says which of `among` matrices it is, `step` elements apart; None where
        there is one.
    """

    array: Hashable
    offset: int
    row: int
    column: int
    which: Hashable = None
    step: int = 0
    among: int = 1


class Result(NamedTuple):
    """An array that comes out.

    Attributes:
      shape, dtype: its form; the dtype is float32 or bool.
      over: the name of the given array whose memory it takes, if any.
    """

    shape: tuple[int, ...]
    dtype: Any
    over: Hashable = None


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
        self._steps: list[tuple[Any, ...]] = []

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

    def give(self, name: Hashable) -> None:
        """Notes that an array is given."""
        if name not in self.arrays:
            self.arrays.append(name)

    def _note_index(self, view: View) -> None:
        if view.which is not None and view.which not in self.indices:
            self.indices.append(view.which)

    def add(self, operation: str, result: Hashable, *operands: Hashable) -> None:
        """One more step."""
        filled = [*operands, *[operands[0]] * (3 - len(operands))]
        self._steps.append((OPERATIONS[operation], result, *filled))

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

    def numbers(self) -> np.ndarray:
        """The program as the library reads it (native/elementwise.h)."""
        last: dict[Hashable, int] = {}
        for i, (_, _, *operands) in enumerate(self._steps):
            last.update(dict.fromkeys(operands, i))
        made = {result: i for i, (_, result, *_) in enumerate(self._steps)}
        read: dict[Hashable, int] = {}  # given array -> the last step that reads it
        for view in self._loads:
            read[view.array] = max(read.get(view.array, -1), last.get(view, -1))
        place: dict[Hashable, int] = {}
        for name in (*self._loads, *(("constant", bits) for bits in self._constants)):
            place[name] = len(place)
        count = fixed = len(place) + len(self._stores)
        copies: list[tuple[int, Hashable]] = []  # outputs that are written at the end
        for i, (value, view) in enumerate(self._stores):
            number = fixed - len(self._stores) + i
            over = self.results[view.array].over  # type: ignore[call-overload]
            # Memory of a given array is written when that has been read.
            is_late = over is not None and read.get(over, -1) > made.get(value, -1)
            if value in place or is_late:
                copies.append((number, value))
            else:
                place[value] = number
        kept = {value for _, value in copies}
        free: list[int] = []
        steps: list[int] = []
        for i, (operation, result, *operands) in enumerate(self._steps):
            sources = [place[each] for each in operands]
            for each in dict.fromkeys(operands):
                if place[each] >= fixed and last[each] == i and each not in kept:
                    free.append(place[each])
            if result not in place:
                if not free:
                    free.append(count)
                    count += 1
                place[result] = free.pop()
            steps += [operation, place[result], *sources]
        for number, value in copies:
            steps += [_COPY, number, *[place[value]] * 3]
        return np.array(
            [
                *(self.rows, self.columns, len(self.arrays), len(self.indices)),
                *(len(self.results), count - fixed, len(self._constants), *self._constants),
                *self._views(self._loads, self.arrays.index),
                *self._views([view for _, view in self._stores], lambda number: number),
                *steps,
            ],
            np.int64,
        )

    def _views(self, views: Sequence[View], number_of: Any) -> list[int]:
        numbers = [len(views)]
        for view in views:
            index = -1 if view.which is None else self.indices.index(view.which)
            numbers += [number_of(view.array), view.offset, view.row, view.column]
            numbers += [index, view.step, view.among]
        return numbers

    def __len__(self) -> int:
        return len(self._steps)


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
