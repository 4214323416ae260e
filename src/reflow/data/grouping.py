"""Stages that sort elements by keys: group_by_window, group_by_reducer, unique."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reflow.data.batching import Held
from reflow.data.define import META, TYPED, dataset_op
from reflow.data.pipeline import UNKNOWN, Element, Pipeline, Run, Stage
from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph

Function = tuple[FuncGraph, Sequence[Any]]

# Windows ------------------------------------------------------------------------------------------


class GroupByWindow(Stage):
    """What a function makes of each window: consecutive elements with one key."""

    def __init__(
        self, source: Pipeline, key: Function, reduce: Function, size: Function, *typed: Any
    ):
        super().__init__(source, *typed)
        self.functions = key, reduce, size

    def iterate(self, run: Run) -> Iterator[Element]:
        key, reduce, size = (run.function(*each) for each in self.functions)
        return _Grouped(self.source, run, key, reduce, size)


class _Grouped:
    def __init__(self, source: Pipeline, run: Run, key: Any, reduce: Any, size: Any):
        self._pipeline, self._run = source, run
        self._key, self._reduce, self._size = key, reduce, size
        self._source: Iterator[Element] | None = source.iterate(run)
        self._groups: dict[int, tuple[int, list[Element]]] = {}
        self._results: deque[Iterator[Element]] = deque()

    def __iter__(self) -> _Grouped:
        return self

    def __next__(self) -> Element:
        while True:
            while self._results:
                try:
                    return next(self._results[0])
                except StopIteration:
                    self._results.popleft()
            if self._source is None:
                if not self._groups:
                    raise StopIteration
                for key in sorted(self._groups):  # what is left, in the order of the keys
                    self._finish(key, self._groups[key][1])
                self._groups = {}
                continue
            try:
                element = next(self._source)
            except StopIteration:
                self._source = None
                continue
            key = int(_scalar_int64(self._key(*element)[0], "key_func"))
            if key not in self._groups:
                size = int(_scalar_int64(self._size(np.int64(key))[0], "window_size_func"))
                if size <= 0:
                    raise errors.InvalidArgumentError(
                        None, None, f"Window size must be greater than zero, but got {size}."
                    )
                self._groups[key] = size, []
            size, elements = self._groups[key]
            elements.append(element)
            if len(elements) == size:
                del self._groups[key]
                self._finish(key, elements)

    def _finish(self, key: int, elements: list[Element]) -> None:
        window = Held(elements, self._pipeline.types, self._pipeline.shapes)
        result = self._reduce(np.int64(key), window)[0]
        self._results.append(result.iterate(self._run))


def _scalar_int64(value: Any, what: str) -> Any:
    if np.ndim(value):
        raise errors.InvalidArgumentError(None, None, f"{what} must return a scalar int64.")
    return value


@dataset_op(
    "GroupByWindowDataset(input_dataset: variant, key_func_other_arguments: Tkey_func_other_arguments,"
    " reduce_func_other_arguments: Treduce_func_other_arguments,"
    " window_size_func_other_arguments: Twindow_size_func_other_arguments, *, key_func: func,"
    " reduce_func: func, window_size_func: func, Tkey_func_other_arguments: list(type),"
    " Treduce_func_other_arguments: list(type), Twindow_size_func_other_arguments: list(type),"
    f" {TYPED}, {META}) -> handle: variant"
)
def group_by_window_dataset(
    ctx,
    input_dataset,
    key_func_other_arguments,
    reduce_func_other_arguments,
    window_size_func_other_arguments,
    *,
    key_func,
    reduce_func,
    window_size_func,
    output_types,
    output_shapes,
):
    """The data sets that `reduce_func` makes of windows of elements with one key."""
    return GroupByWindow(
        input_dataset,
        (key_func, key_func_other_arguments),
        (reduce_func, reduce_func_other_arguments),
        (window_size_func, window_size_func_other_arguments),
        output_types,
        output_shapes,
    )


# Reducing -----------------------------------------------------------------------------------------


class GroupByReducer(Stage):
    """For each key one element: what functions make of all elements with that key."""

    def __init__(self, source: Pipeline, functions: Sequence[Function], *typed: Any):
        super().__init__(source, *typed)
        self.functions = tuple(functions)

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Reduced(self, run)


class _Reduced:
    def __init__(self, stage: GroupByReducer, run: Run):
        self._stage, self._run = stage, run
        self._results: Iterator[Element] | None = None

    def __iter__(self) -> _Reduced:
        return self

    def __next__(self) -> Element:
        if self._results is None:
            key_of, begin, reduce, finish = (
                self._run.function(*each) for each in self._stage.functions
            )
            states: dict[int, Element] = {}
            for element in self._stage.source.iterate(self._run):
                key = int(_scalar_int64(key_of(*element)[0], "key_func"))
                if key not in states:
                    states[key] = begin(np.int64(key))
                states[key] = reduce(*states[key], *element)
            self._results = iter([finish(*states[key]) for key in sorted(states)])
        return next(self._results)


@dataset_op(
    "ExperimentalGroupByReducerDataset(input_dataset: variant,"
    " key_func_other_arguments: Tkey_func_other_arguments,"
    " init_func_other_arguments: Tinit_func_other_arguments,"
    " reduce_func_other_arguments: Treduce_func_other_arguments,"
    " finalize_func_other_arguments: Tfinalize_func_other_arguments, *, key_func: func,"
    " init_func: func, reduce_func: func, finalize_func: func,"
    " Tkey_func_other_arguments: list(type), Tinit_func_other_arguments: list(type),"
    " Treduce_func_other_arguments: list(type), Tfinalize_func_other_arguments: list(type),"
    f" {TYPED}) -> handle: variant"
)
def group_by_reducer_dataset(
    ctx,
    input_dataset,
    key_func_other_arguments,
    init_func_other_arguments,
    reduce_func_other_arguments,
    finalize_func_other_arguments,
    *,
    key_func,
    init_func,
    reduce_func,
    finalize_func,
    output_types,
    output_shapes,
):
    """For each key the reduction of the elements with that key."""
    functions = [
        (key_func, key_func_other_arguments),
        (init_func, init_func_other_arguments),
        (reduce_func, reduce_func_other_arguments),
        (finalize_func, finalize_func_other_arguments),
    ]
    return GroupByReducer(input_dataset, functions, output_types, output_shapes)


# Without repetition -------------------------------------------------------------------------------


class Unique(Stage):
    """The elements that did not come before."""

    def iterate(self, run: Run) -> Iterator[Element]:
        seen: set[Any] = set()

        def is_new(element: Element) -> bool:
            key = _hashable(element[0])
            if key in seen:
                return False
            seen.add(key)
            return True

        return filter(is_new, self.source.iterate(run))

    def cardinality(self) -> int:
        return UNKNOWN


def _hashable(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype == object:
        return array.shape, tuple(array.ravel().tolist())
    return array.shape, array.tobytes()


@dataset_op(f"UniqueDataset(input_dataset: variant, *, {TYPED}, {META}) -> handle: variant")
def unique_dataset(ctx, input_dataset, *, output_types, output_shapes):
    """The input's elements, each once."""
    return Unique(input_dataset, output_types, output_shapes)
