"""Stages that put several pipelines together: zip, concatenate, directed interleave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reflow.data.define import META, TYPED, dataset_op
from reflow.data.pipeline import INFINITE, UNKNOWN, Element, Pipeline, Rows, Run, use_rows
from reflow.lang import errors


class Zip(Pipeline, Rows):
    """Elements of all inputs side by side, up to the end of the shortest."""

    def __init__(self, inputs: Sequence[Pipeline], types: Any, shapes: Any):
        super().__init__(types, shapes, inputs)
        self._sources = [each.rows() for each in inputs] if self._rows_agree() else []
        self.count = min((rows.count for rows in self._sources if rows is not None), default=0)

    def _rows_agree(self) -> bool:
        return bool(self.inputs) and all(each.in_order and each.rows() for each in self.inputs)

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Zipped([each.iterate(run) for each in self.inputs])

    def cardinality(self) -> int:
        known = [each.cardinality() for each in self.inputs]
        if 0 in known:
            return 0
        if UNKNOWN in known:
            return UNKNOWN
        return min((n for n in known if n != INFINITE), default=INFINITE)

    def element(self, row: int) -> Element:
        return tuple([part for rows in self._sources for part in rows.element(row)])  # type: ignore

    def gather(self, rows: Sequence[int]) -> Element:
        return tuple([p for source in self._sources for p in source.gather(rows)])  # type: ignore

    def rows(self) -> Rows | None:
        return self if self._sources and use_rows[0] else None

    def iterate_rows(self, run: Run) -> Iterator[int]:
        return iter(range(self.count))

    @property
    def in_order(self) -> bool:
        return bool(self._sources)


class _Zipped:
    def __init__(self, sources: list[Iterator[Element]]):
        self._sources = sources
        self._ended = False

    def __iter__(self) -> _Zipped:
        return self

    def __next__(self) -> Element:
        if self._ended:
            raise StopIteration
        parts: list[Any] = []
        try:
            for source in self._sources:
                parts.extend(next(source))
        except StopIteration:
            self._ended = True
            raise
        return tuple(parts)


@dataset_op(
    f"ZipDataset(input_datasets: N*variant, *, {TYPED}, {META}) -> handle: variant",
)
def zip_dataset(ctx, input_datasets, *, output_types, output_shapes):
    """The elements of the inputs side by side."""
    return Zip(input_datasets, output_types, output_shapes)


class Concatenate(Pipeline):
    """The elements of one input, then those of another."""

    def __init__(self, inputs: Sequence[Pipeline], types: Any, shapes: Any):
        super().__init__(types, shapes, inputs)

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Chained(run, self.inputs)

    def cardinality(self) -> int:
        known = [each.cardinality() for each in self.inputs]
        if INFINITE in known:
            return INFINITE
        return UNKNOWN if UNKNOWN in known else sum(known)


class _Chained:
    def __init__(self, run: Run, inputs: Sequence[Pipeline]):
        self._run, self._left = run, list(inputs)
        self._source: Iterator[Element] | None = None

    def __iter__(self) -> _Chained:
        return self

    def __next__(self) -> Element:
        while True:
            if self._source is None:
                if not self._left:
                    raise StopIteration
                self._source = self._left.pop(0).iterate(self._run)
            try:
                return next(self._source)
            except StopIteration:
                self._source = None


@dataset_op(
    f"ConcatenateDataset(input_dataset: variant, another_dataset: variant, *, {TYPED}, {META})"
    " -> handle: variant",
)
def concatenate_dataset(ctx, input_dataset, another_dataset, *, output_types, output_shapes):
    """The elements of one input, then those of another."""
    return Concatenate([input_dataset, another_dataset], output_types, output_shapes)


class Directed(Pipeline):
    """At each step an element of that input which a data set of numbers names."""

    def __init__(
        self, selector: Pipeline, inputs: Sequence[Pipeline], stop: bool, types: Any, shapes: Any
    ):
        super().__init__(types, shapes, (selector, *inputs))
        self.selector, self.sources, self.stop = selector, tuple(inputs), stop

    def iterate(self, run: Run) -> Iterator[Element]:
        return _DirectedIterator(
            self.selector.iterate(run), [each.iterate(run) for each in self.sources], self.stop
        )

    def cardinality(self) -> int:
        endless = any(each.cardinality() == INFINITE for each in self.sources)
        return INFINITE if endless else UNKNOWN


class _DirectedIterator:
    def __init__(self, selector: Iterator[Element], sources: list[Any], stop: bool):
        self._selector, self._sources, self._stop = selector, sources, stop
        self._left = len(sources)
        self._ended = False

    def __iter__(self) -> _DirectedIterator:
        return self

    def __next__(self) -> Element:
        while self._left and not self._ended:
            try:
                chosen = int(next(self._selector)[0])
            except StopIteration:
                break
            if not 0 <= chosen < len(self._sources):
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"Selector index out of range: {chosen} >= {len(self._sources)}",
                )
            source = self._sources[chosen]
            if source is None:
                continue
            try:
                return next(source)
            except StopIteration:
                self._sources[chosen] = None
                self._left -= 1
                if self._stop:
                    break
        self._ended = True
        raise StopIteration


@dataset_op(
    "DirectedInterleaveDataset(selector_input_dataset: variant, data_input_datasets: N*variant, *,"
    f" {TYPED}, stop_on_empty_dataset: bool = False) -> handle: variant",
)
def directed_interleave_dataset(
    ctx,
    selector_input_dataset,
    data_input_datasets,
    *,
    output_types,
    output_shapes,
    stop_on_empty_dataset,
):
    """Elements of the inputs that the elements of the selector name, one after the other."""
    return Directed(
        selector_input_dataset,
        data_input_datasets,
        stop_on_empty_dataset,
        output_types,
        output_shapes,
    )
