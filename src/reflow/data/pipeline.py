"""Pipelines: what a data set is at run time, and what one run through it needs.

A `Pipeline` is immutable and can be run through many times. An element is a tuple of values: NumPy
arrays, and for parts of dtype `variant` whatever object the part is. Iterators are Python iterators;
after an error the next call goes on with the next element, as TensorFlow's do, so they are classes
(or iterators of C such as `map`), not generators.

Row streams. Many programs slice big arrays, shuffle the slices and batch them. Where a pipeline only
drops, repeats and reorders elements of a source of known rows, it can say so (`rows`) and give the
numbers of the rows (`iterate_rows`) instead of the elements; a batch is then gathered at once. Such a
stage is a `Reordering`, whose one implementation works on elements and on numbers alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.compiler.cluster import as_numpy
from reflow.compiler.interpreter import Interpreter
from reflow.compiler.partition import plan_of
from reflow.compiler.program import program_of
from reflow.lang import errors
from reflow.lang.dtypes import DType
from reflow.lang.func_graph import FuncGraph, functions_of
from reflow.lang.resource import ResourceHandle
from reflow.lang.shapes import TensorShape
from reflow.platform.alignment import out_of

INFINITE = -1
UNKNOWN = -2

Element = tuple[Any, ...]

use_rows = [True]  # tests switch row streams off to compare them with the plain path


class Rows:
    """A source whose elements can be had by number, and many of them as one batch."""

    count: int

    def element(self, row: int) -> Element:
        raise NotImplementedError(type(self).__name__)

    def gather(self, rows: Sequence[int]) -> Element:
        """The elements of the given numbers as a batch: one array for each component."""
        raise NotImplementedError(type(self).__name__)


class Pipeline:
    """A data set at run time.

    Attributes:
      types, shapes: dtype and static shape of each component of an element.
      inputs: the pipelines that this one runs through.
      state: names of attributes that change as it runs, and are no part of what it is.
    """

    state: tuple[str, ...] = ()
    shape = ()  # as a tensor it is a scalar

    def __init__(
        self,
        types: Sequence[DType],
        shapes: Sequence[TensorShape],
        inputs: Sequence[Pipeline] = (),
    ):
        self.types = tuple(types)
        self.shapes = tuple(shapes)
        self.inputs = tuple(inputs)

    def iterate(self, run: Run) -> Iterator[Element]:
        """A new iterator over the elements."""
        rows = self.rows()
        if rows is None:
            raise NotImplementedError(type(self).__name__)
        return map(rows.element, self.iterate_rows(run))

    def cardinality(self) -> int:
        """The number of elements, `INFINITE` or `UNKNOWN`."""
        return UNKNOWN

    def rows(self) -> Rows | None:
        """The rows that the elements are, if they are rows of one source."""
        return None

    def iterate_rows(self, run: Run) -> Iterator[int]:
        """The numbers of the rows, in the order of the elements."""
        raise NotImplementedError(type(self).__name__)

    @property
    def in_order(self) -> bool:
        """Whether the elements are all rows of `rows()`, from first to last."""
        return False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.types)} components>"


class RowSource(Pipeline, Rows):
    """A source whose elements are its rows, all of them and in order."""

    def rows(self) -> Rows | None:
        return self if use_rows[0] else None

    def iterate_rows(self, run: Run) -> Iterator[int]:
        return iter(range(self.count))

    @property
    def in_order(self) -> bool:
        return True

    def cardinality(self) -> int:
        return self.count


class Stage(Pipeline):
    """A pipeline with one input; its elements are like those of the input unless said otherwise."""

    def __init__(self, source: Pipeline, types: Any = None, shapes: Any = None):
        super().__init__(
            source.types if types is None else types,
            source.shapes if shapes is None else shapes,
            (source,),
        )
        self.source = source


class Reordering(Stage):
    """A stage that drops, repeats and reorders elements without looking at them."""

    def through(self, run: Run, begin: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """The result, given a function that begins a run through the input."""
        raise NotImplementedError(type(self).__name__)

    def iterate(self, run: Run) -> Iterator[Any]:
        return self.through(run, lambda: self.source.iterate(run))

    def rows(self) -> Rows | None:
        return self.source.rows() if use_rows[0] else None

    def iterate_rows(self, run: Run) -> Iterator[int]:
        return self.through(run, lambda: self.source.iterate_rows(run))


def finite(cardinality: int, change: Callable[[int], int]) -> int:
    """`change` of a cardinality that is known; infinite and unknown ones stay."""
    return change(cardinality) if cardinality >= 0 else cardinality


# One run through a pipeline -----------------------------------------------------------------------


class Run:
    """What the iterators of one run through a pipeline share.

    Args:
      store: the state of the session, or of eager code: variables that element functions read.

    Attributes:
      waiting: the run of a session that waits for the next element, if one does.
    """

    def __init__(self, store: Any):
        self.store = store
        self.waiting: Any = None
        self._runners: dict[int, Runner] = {}

    def check(self) -> None:
        """Ends the waiting for an element when the session is closed or its deadline has passed."""
        if self.waiting is not None:
            self.waiting.check()

    def function(self, function: FuncGraph, captured: Sequence[Any]) -> Callable[..., Element]:
        """`function` as a call from the values of an element to those of the result.

        Calls of one function within a run share the state of its random ops; a new run begins anew.
        """
        runner = self._runners.get(id(function))
        if runner is None:
            runner = self._runners[id(function)] = Runner(function, self.store)
        return runner.bound(captured)


class _ElementInterpreter(Interpreter):
    """Interprets an element function; the hidden state of its nodes lives as long as the run."""

    def __init__(self, store: Any, hidden: dict[ResourceHandle, Any]):
        super().__init__(store)
        self.hidden = hidden

    def node_state(self, kind: str) -> ResourceHandle:
        handle = super().node_state(kind)
        if handle not in self.hidden:
            self.hidden[handle] = None if handle.initial is None else handle.initial()
        return handle

    def peek(self, handle: ResourceHandle) -> Any:
        if handle in self.hidden:
            return self.hidden[handle]
        return super().peek(handle)

    def write(self, handle: ResourceHandle, value: Any) -> None:
        if handle in self.hidden:
            self.hidden[handle] = value
        else:
            super().write(handle, value)


class Runner:
    """Runs a function body many times.

    Functions of elements are interpreted in NumPy, which costs a microsecond or two for each node,
    leaves arrays where they are and gives the same numbers in every run; only a body with nodes that
    have no NumPy form becomes a plan with executables.
    """

    def __init__(self, function: FuncGraph, store: Any):
        self.body = function
        self.store = store
        self.hidden: dict[ResourceHandle, Any] = {}
        self.program = program_of(function)
        self.interpreted = _interpretable(function)

    def bound(self, captured: Sequence[Any]) -> Callable[..., Element]:
        """The function with values for what it captured."""
        given = tuple([as_numpy(value) for value in captured])
        if not self.interpreted:
            return lambda *element: self._planned((*element, *given))
        program, store, hidden = self.program, self.store, self.hidden
        if not program.steps:  # it only puts its arguments in another order
            slots, initial = program.output_slots, program.initial
            inputs = program.input_slots

            def rearrange(*element: Any) -> Element:
                env = initial.copy()
                for slot, value in zip(inputs, (*element, *given)):
                    env[slot] = value
                return tuple([env[slot] for slot in slots])

            return rearrange

        def call(*element: Any) -> Element:
            interpreter = _ElementInterpreter(store, hidden)
            return tuple(interpreter.run(program, (*element, *given)))

        return call

    def _planned(self, args: Sequence[Any]) -> Element:
        part = plan_of(self.body, args, None, ("element function",))
        return tuple([as_numpy(value) for value in part.run(args, self.store)])


def _interpretable(function: FuncGraph) -> bool:
    return all(
        node.opdef.interpret and all(_interpretable(inner) for inner in functions_of(node))
        for node in program_of(function).nodes
    )


# Values -------------------------------------------------------------------------------------------


def stack(values: list[Any], dtype: DType, component: int) -> Any:
    """A batch of the values of one component.

    Raises:
      errors.InvalidArgumentError: if their shapes differ.
    """
    first = values[0]
    shape = np.shape(first)
    scalars = all(not np.ndim(value) for value in values)
    if scalars and dtype.np.kind != "O":
        return np.array(values, dtype.np)
    result = np.empty((len(values), *shape), dtype.np)
    if scalars:
        for i, value in enumerate(values):
            result[i] = value.item() if isinstance(value, np.ndarray) else value
        return result
    for i, value in enumerate(values):
        if np.shape(value) != shape:
            own, of_first = (str(list(np.shape(v))).replace(" ", "") for v in (value, first))
            raise errors.InvalidArgumentError(
                None,
                None,
                f"Cannot batch tensors with different shapes in component {component}. First element "
                f"had shape {of_first} and element {i} had shape {own}. Use padded_batch for elements "
                "of different shapes.",
            )
        result[i] = value
    return result


def row_of(array: Any, row: int) -> Any:
    """A slice of the first dimension, as a value of its own."""
    value = array[row]
    if array.dtype == object and array.ndim == 1:
        value = scalar_object(value)
    return value


def scalar_object(value: Any) -> np.ndarray:
    """A tensor without dimensions that holds a Python object."""
    result = np.empty((), object)
    result[()] = value
    return result


def take_rows(array: np.ndarray, rows: Sequence[int]) -> np.ndarray:
    """`array[rows]`; a view where the rows are consecutive."""
    count = len(rows)
    if count and rows[-1] - rows[0] == count - 1:
        first = rows[0]
        if all(row == first + i for i, row in enumerate(rows)):
            return array[first : first + count]
    result = out_of((count, *array.shape[1:]), array.dtype)
    return array.take(np.fromiter(rows, np.intp, count), 0, result, "clip")
