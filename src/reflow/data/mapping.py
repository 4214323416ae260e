"""Stages that call a function for each element: map, filter, flat_map, interleave, scan, take_while.

The function of an op is an attribute; what it captured comes as the inputs `other_arguments`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.data.background import ParallelCalls
from reflow.data.define import META, TYPED, dataset_op, integer
from reflow.data.pipeline import UNKNOWN, Element, Pipeline, Run, Stage
from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph
from reflow.platform.processors import processors

AUTOTUNE = -1


class Calling(Stage):
    """A stage that calls a function."""

    def __init__(self, source: Pipeline, function: FuncGraph, captured: Sequence[Any], *typed: Any):
        super().__init__(source, *typed)
        self.function, self.captured = function, list(captured)

    def call(self, run: Run) -> Callable[..., Element]:
        """The function in a run; its own OutOfRangeError is none of a data set that has ended."""
        function = run.function(self.function, self.captured)

        def call(*element: Any) -> Element:
            try:
                return function(*element)
            except errors.OutOfRangeError as error:
                raise errors.InvalidArgumentError(
                    None, None, f"Function invocation produced OutOfRangeError: {error.message}"
                ) from error

        return call


_FUNCTION = "input_dataset: variant, other_arguments: Targuments"
_CAPTURED = "Targuments: list(type)"

# One for each -------------------------------------------------------------------------------------


class Map(Calling):
    """The results of a function; `parallel` of them at a time, 0 for one after the other."""

    parallel = 0

    def iterate(self, run: Run) -> Iterator[Element]:
        function = self.call(run)
        source = self.source.iterate(run)
        if self.parallel:
            return ParallelCalls(source, function, self.parallel, run.check)
        return itertools.starmap(function, source)

    def cardinality(self) -> int:
        return self.source.cardinality()


@dataset_op(
    f"MapDataset({_FUNCTION}, *, f: func, {_CAPTURED}, {TYPED},"
    " use_inter_op_parallelism: bool = True, preserve_cardinality: bool = False,"
    f" force_synchronous: bool = False, {META}) -> handle: variant"
)
def map_dataset(ctx, input_dataset, other_arguments, *, f, output_types, output_shapes):
    """The results of `f` for each element."""
    return Map(input_dataset, f, other_arguments, output_types, output_shapes)


@dataset_op(
    f"ParallelMapDatasetV2({_FUNCTION}, num_parallel_calls: int64, *, f: func, {_CAPTURED}, {TYPED},"
    " use_inter_op_parallelism: bool = True, deterministic: string = 'default',"
    " preserve_cardinality: bool = False, use_unbounded_threadpool: bool = False,"
    f" {META}) -> handle: variant"
)
def parallel_map_dataset_v2(
    ctx, input_dataset, other_arguments, num_parallel_calls, *, f, output_types, output_shapes
):
    """The results of `f` for each element, some of them at a time, in the elements' order."""
    mapped = Map(input_dataset, f, other_arguments, output_types, output_shapes)
    mapped.parallel = _degree(num_parallel_calls)
    return mapped


def _degree(num_parallel_calls: Any) -> int:
    count = integer(num_parallel_calls)
    if count == AUTOTUNE:
        return processors()
    if count <= 0:
        raise errors.InvalidArgumentError(
            None, None, "num_parallel_calls must be greater than zero."
        )
    return count


class Filter(Calling):
    """The elements for which a function is true."""

    def iterate(self, run: Run) -> Iterator[Element]:
        function = self.call(run)

        def keep(element: Element) -> bool:
            return bool(_predicate(function(*element)[0]))

        return filter(keep, self.source.iterate(run))

    def cardinality(self) -> int:
        return 0 if self.source.cardinality() == 0 else UNKNOWN


def _predicate(value: Any) -> Any:
    if np.ndim(value):
        raise errors.InvalidArgumentError(
            None, None, "Filter predicate `f` must return a scalar bool."
        )
    return value


@dataset_op(
    f"FilterDataset({_FUNCTION}, *, predicate: func, {_CAPTURED}, {TYPED}, {META})"
    " -> handle: variant"
)
def filter_dataset(ctx, input_dataset, other_arguments, *, predicate, output_types, output_shapes):
    """The elements for which `predicate` is true."""
    return Filter(input_dataset, predicate, other_arguments, output_types, output_shapes)


class TakeWhile(Calling):
    """The elements up to the first for which a function is false."""

    def iterate(self, run: Run) -> Iterator[Element]:
        return _While(self.source.iterate(run), self.call(run))


class _While:
    def __init__(self, source: Iterator[Element], function: Callable[..., Element]):
        self._source, self._function = source, function
        self._ended = False

    def __iter__(self) -> _While:
        return self

    def __next__(self) -> Element:
        if not self._ended:
            element = next(self._source)
            if _predicate(self._function(*element)[0]):
                return element
            self._ended = True
        raise StopIteration


@dataset_op(
    f"TakeWhileDataset({_FUNCTION}, *, predicate: func, {_CAPTURED}, {TYPED}, {META})"
    " -> handle: variant"
)
def take_while_dataset(
    ctx, input_dataset, other_arguments, *, predicate, output_types, output_shapes
):
    """The elements up to the first for which `predicate` is false."""
    return TakeWhile(input_dataset, predicate, other_arguments, output_types, output_shapes)


class Scan(Calling):
    """The results of a function of a state and an element, which also gives the next state."""

    def __init__(self, initial: Sequence[Any], *calling: Any):
        super().__init__(*calling)
        self.initial = tuple(initial)

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Scanning(self.source.iterate(run), self.call(run), self.initial)

    def cardinality(self) -> int:
        return self.source.cardinality()


class _Scanning:
    def __init__(self, source: Iterator[Element], function: Callable[..., Element], state: Element):
        self._source, self._function, self._state = source, function, state

    def __iter__(self) -> _Scanning:
        return self

    def __next__(self) -> Element:
        results = self._function(*self._state, *next(self._source))
        size = len(self._state)
        self._state = results[:size]
        return results[size:]


@dataset_op(
    "ScanDataset(input_dataset: variant, initial_state: Tstate, other_arguments: Targuments, *,"
    f" f: func, Tstate: list(type), {_CAPTURED}, {TYPED}, preserve_cardinality: bool = False,"
    f" use_default_device: bool = True, {META}) -> handle: variant"
)
def scan_dataset(
    ctx, input_dataset, initial_state, other_arguments, *, f, output_types, output_shapes
):
    """The results of `f` for the state so far and each element."""
    return Scan(initial_state, input_dataset, f, other_arguments, output_types, output_shapes)


# Many for each ------------------------------------------------------------------------------------


class FlatMap(Calling):
    """The elements of the data sets that a function gives, one data set after the other."""

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Flattened(self.source.iterate(run), self.call(run), run)


class _Flattened:
    def __init__(self, source: Iterator[Element], function: Callable[..., Element], run: Run):
        self._source, self._function, self._run = source, function, run
        self._inner: Iterator[Element] | None = None

    def __iter__(self) -> _Flattened:
        return self

    def __next__(self) -> Element:
        while True:
            if self._inner is None:
                self._inner = self._function(*next(self._source))[0].iterate(self._run)
            try:
                return next(self._inner)
            except StopIteration:
                self._inner = None


@dataset_op(
    f"FlatMapDataset({_FUNCTION}, *, f: func, {_CAPTURED}, {TYPED}, {META}) -> handle: variant"
)
def flat_map_dataset(ctx, input_dataset, other_arguments, *, f, output_types, output_shapes):
    """The elements of the data sets that `f` gives."""
    return FlatMap(input_dataset, f, other_arguments, output_types, output_shapes)


class Interleave(Calling):
    """As `FlatMap`, from `cycle` data sets at a time, which give `block` elements in turn."""

    def __init__(self, cycle: int, block: int, *calling: Any):
        super().__init__(*calling)
        if cycle == AUTOTUNE:
            cycle = processors()
        for name, value in (("cycle_length", cycle), ("block_length", block)):
            if value <= 0:
                raise errors.InvalidArgumentError(None, None, f"{name} must be greater than zero.")
        self.cycle, self.block = cycle, block

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Interleaved(self.source.iterate(run), self.call(run), run, self.cycle, self.block)


class _Interleaved:
    """Slots in a ring: an empty one is filled from the input, one that ends is left for the next."""

    def __init__(
        self,
        source: Iterator[Element],
        function: Callable[..., Element],
        run: Run,
        cycle: int,
        block: int,
    ):
        self._source: Iterator[Element] | None = source
        self._function, self._run, self._block = function, run, block
        self._slots: list[Iterator[Element] | None] = [None] * cycle
        self._at = self._given = self._open = 0

    def __iter__(self) -> _Interleaved:
        return self

    def _advance(self) -> None:
        self._given = 0
        self._at = (self._at + 1) % len(self._slots)

    def __next__(self) -> Element:
        while self._source is not None or self._open:
            slot = self._slots[self._at]
            if slot is not None:
                try:
                    element = next(slot)
                except StopIteration:
                    self._slots[self._at] = None
                    self._open -= 1
                    self._advance()
                    continue
                self._given += 1
                if self._given == self._block:
                    self._advance()
                return element
            if self._source is None:
                self._advance()
                continue
            try:
                outer = next(self._source)
            except StopIteration:
                self._source = None
                continue
            self._slots[self._at] = self._function(*outer)[0].iterate(self._run)
            self._open += 1
        raise StopIteration


_CYCLE = "cycle_length: int64, block_length: int64"


@dataset_op(
    f"InterleaveDataset({_FUNCTION}, {_CYCLE}, *, f: func, {_CAPTURED}, {TYPED}, {META})"
    " -> handle: variant"
)
def interleave_dataset(
    ctx,
    input_dataset,
    other_arguments,
    cycle_length,
    block_length,
    *,
    f,
    output_types,
    output_shapes,
):
    """Elements of the data sets that `f` gives, from some of them in turn."""
    typed = output_types, output_shapes
    cycle, block = integer(cycle_length), integer(block_length)
    return Interleave(cycle, block, input_dataset, f, other_arguments, *typed)


@dataset_op(
    f"ParallelInterleaveDatasetV4({_FUNCTION}, {_CYCLE}, buffer_output_elements: int64,"
    " prefetch_input_elements: int64, num_parallel_calls: int64, *, f: func,"
    f" deterministic: string = 'default', {_CAPTURED}, {TYPED}, {META}) -> handle: variant"
)
def parallel_interleave_dataset_v4(
    ctx,
    input_dataset,
    other_arguments,
    cycle_length,
    block_length,
    buffer_output_elements,
    prefetch_input_elements,
    num_parallel_calls,
    *,
    f,
    output_types,
    output_shapes,
):
    """As InterleaveDataset."""
    typed = output_types, output_shapes
    cycle, block = integer(cycle_length), integer(block_length)
    if integer(num_parallel_calls) != AUTOTUNE and _degree(num_parallel_calls) > cycle > 0:
        raise errors.InvalidArgumentError(
            None,
            None,
            "If `cycle_length` is set to a fixed value, `num_parallel_calls` must be either set to "
            f"`tf.data.AUTOTUNE` or be at most `cycle_length`, which is {cycle}.",
        )
    return Interleave(cycle, block, input_dataset, f, other_arguments, *typed)


@dataset_op(
    f"ParallelInterleaveDataset({_FUNCTION}, {_CYCLE}, sloppy: bool,"
    " buffer_output_elements: int64, prefetch_input_elements: int64, *, f: func,"
    f" {_CAPTURED}, {TYPED}, {META}) -> handle: variant"
)
def parallel_interleave_dataset(
    ctx,
    input_dataset,
    other_arguments,
    cycle_length,
    block_length,
    sloppy,
    buffer_output_elements,
    prefetch_input_elements,
    *,
    f,
    output_types,
    output_shapes,
):
    """As InterleaveDataset: the op of `tf.data.experimental.parallel_interleave`."""
    typed = output_types, output_shapes
    cycle, block = integer(cycle_length), integer(block_length)
    return Interleave(cycle, block, input_dataset, f, other_arguments, *typed)
