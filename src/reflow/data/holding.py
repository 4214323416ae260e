"""Stages that hold elements or watch over them: prefetch, cache, ignore_errors, assert_cardinality."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from reflow.data.background import Prefetched
from reflow.data.define import META, TYPED, dataset_op, integer
from reflow.data.pipeline import INFINITE, Element, Pipeline, Reordering, Rows, Run, Stage
from reflow.data.recording import Recording
from reflow.lang import errors
from reflow.platform import tf_logging as logging

AUTOTUNE = -1
_AUTOTUNED = 4  # elements that are held where nobody says how many

# Ahead of time ------------------------------------------------------------------------------------


class Prefetch(Stage):
    """The elements, made in a thread ahead of the consumer. Row numbers need no thread."""

    def __init__(self, source: Pipeline, size: int, *typed: Any):
        super().__init__(source, *typed)
        if size < AUTOTUNE:
            raise errors.InvalidArgumentError(
                None, None, "buffer_size must be >= 0 or set buffer_size to be -1 for auto-tuning"
            )
        self.size = _AUTOTUNED if size == AUTOTUNE else size

    def iterate(self, run: Run) -> Iterator[Element]:
        source = self.source.iterate(run)
        single = 0 <= self.cardinality() <= 1  # there is nothing to make ahead of time
        return source if single or not self.size else Prefetched(source, self.size, run)

    def cardinality(self) -> int:
        return self.source.cardinality()

    def rows(self) -> Rows | None:
        return self.source.rows()

    def iterate_rows(self, run: Run) -> Iterator[int]:
        return self.source.iterate_rows(run)

    @property
    def in_order(self) -> bool:
        return self.source.in_order


@dataset_op(
    f"PrefetchDataset(input_dataset: variant, buffer_size: int64, *, {TYPED},"
    " slack_period: int = 0, legacy_autotune: bool = True, buffer_size_min: int = 0,"
    f" {META}) -> handle: variant"
)
def prefetch_dataset(ctx, input_dataset, buffer_size, *, output_types, output_shapes):
    """The input's elements, made ahead of time."""
    return Prefetch(input_dataset, integer(buffer_size), output_types, output_shapes)


# Remembered ---------------------------------------------------------------------------------------


class Cache(Stage):
    """The elements, kept in memory from the first complete iteration on."""

    state = ("_kept", "_lock")

    def __init__(self, source: Pipeline, *typed: Any):
        super().__init__(source, *typed)
        self._kept: list[Element] | None = None
        self._lock = threading.Lock()

    def iterate(self, run: Run) -> Iterator[Element]:
        if self._kept is not None:
            return iter(self._kept)
        return _Remembering(self, self.source.iterate(run))

    def complete(self, elements: list[Element]) -> None:
        with self._lock:
            if self._kept is None:
                self._kept = elements

    def cardinality(self) -> int:
        return self.source.cardinality()

    # Rows of arrays that are in memory already need no other memory.

    def rows(self) -> Rows | None:
        return self.source.rows() if self.source.in_order else None

    def iterate_rows(self, run: Run) -> Iterator[int]:
        return self.source.iterate_rows(run)

    @property
    def in_order(self) -> bool:
        return self.source.in_order


class _Remembering(Recording):
    def __init__(self, cache: Cache, source: Iterator[Element]):
        super().__init__(cache, source)
        self._cache, self._elements = cache, list[Element]()

    def keep(self, element: Element) -> None:
        self._elements.append(element)

    def complete(self) -> None:
        self._cache.complete(self._elements)


@dataset_op(
    f"CacheDataset(input_dataset: variant, filename: string, *, {TYPED}, {META}) -> handle: variant"
)
def cache_dataset(ctx, input_dataset, filename, *, output_types, output_shapes):
    """The input's elements, kept after the first iteration: in memory, or in a file."""
    name = filename.item().decode() if hasattr(filename, "item") else filename.decode()
    if name:
        from reflow.data.cache_file import FileCache

        return FileCache(input_dataset, name, output_types, output_shapes)
    return Cache(input_dataset, output_types, output_shapes)


# Watched ------------------------------------------------------------------------------------------


class IgnoreErrors(Stage):
    """The elements that come without an error."""

    def __init__(self, source: Pipeline, log: bool, *typed: Any):
        super().__init__(source, *typed)
        self.log = log

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Tolerant(self.source.iterate(run), self.log)


class _Tolerant:
    def __init__(self, source: Iterator[Element], log: bool):
        self._source, self._log = source, log

    def __iter__(self) -> _Tolerant:
        return self

    def __next__(self) -> Element:
        while True:
            try:
                return next(self._source)
            except (StopIteration, errors.CancelledError):
                raise
            except errors.OpError as error:
                if self._log:
                    logging.warning("Error raised with error message %s", error)


@dataset_op(
    f"IgnoreErrorsDataset(input_dataset: variant, *, {TYPED}, log_warning: bool = False)"
    " -> handle: variant"
)
def ignore_errors_dataset(ctx, input_dataset, *, output_types, output_shapes, log_warning):
    """The input's elements, without those that fail."""
    return IgnoreErrors(input_dataset, log_warning, output_types, output_shapes)


class AssertCardinality(Stage):
    """The elements, which must be as many as is said."""

    def __init__(self, source: Pipeline, expected: int, *typed: Any):
        super().__init__(source, *typed)
        self.expected = expected

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Counted(self.source.iterate(run), self.expected)

    def cardinality(self) -> int:
        return self.expected


class _Counted:
    def __init__(self, source: Iterator[Element], expected: int):
        self._source, self._expected, self._count = source, expected, 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> Element:
        expected = self._expected
        try:
            element = next(self._source)
        except StopIteration:
            if expected == INFINITE or 0 <= expected != self._count:
                said = "an infinite number of" if expected == INFINITE else expected
                raise errors.FailedPreconditionError(
                    None,
                    None,
                    f"Input dataset was expected to contain {said} elements but contained only "
                    f"{self._count} elements.",
                ) from None
            raise
        self._count += 1
        if 0 <= expected < self._count:
            raise errors.FailedPreconditionError(
                None,
                None,
                f"Input dataset was expected to contain {expected} elements but contained at least "
                f"{self._count} elements.",
            )
        return element


@dataset_op(
    f"AssertCardinalityDataset(input_dataset: variant, cardinality: int64, *, {TYPED})"
    " -> handle: variant"
)
def assert_cardinality_dataset(ctx, input_dataset, cardinality, *, output_types, output_shapes):
    """The input's elements; fails when they are not as many as is said."""
    return AssertCardinality(input_dataset, integer(cardinality), output_types, output_shapes)


class Unmarked(Reordering):
    """The elements as they are: for ops that only say how a data set is to be run."""

    def through(self, run: Run, begin: Any) -> Iterator[Any]:
        return begin()

    def cardinality(self) -> int:
        return self.source.cardinality()

    @property
    def in_order(self) -> bool:
        return self.source.in_order


@dataset_op(
    f"OptionsDataset(input_dataset: variant, *, serialized_options: string, {TYPED}, {META})"
    " -> handle: variant"
)
def options_dataset(ctx, input_dataset, *, output_types, output_shapes):
    """The input; its options say how fast it is made, not what is in it."""
    return Unmarked(input_dataset, output_types, output_shapes)
