"""Iterators that hand elements on and keep them: for caches and snapshots."""

from __future__ import annotations

from collections.abc import Iterator

from reflow.data.pipeline import Element, Pipeline


class Recording:
    """Hands on the elements of a run, keeps each, and is told when all have come.

    Where their number is known, all have come with the last one: whoever knows it too (Keras's `fit`)
    does not ask for one more.

    Attributes:
      count: how many were kept.
      failed: whether an element is missing, for an error came in its place.
    """

    def __init__(self, pipeline: Pipeline, source: Iterator[Element]):
        self._source, self._expected = source, pipeline.cardinality()
        self._complete = False
        self.count, self.failed = 0, False

    def keep(self, element: Element) -> None:
        raise NotImplementedError(type(self).__name__)

    def complete(self) -> None:
        """What is done once, with the last element or after it."""
        raise NotImplementedError(type(self).__name__)

    def __iter__(self) -> Recording:
        return self

    def __next__(self) -> Element:
        try:
            element = next(self._source)
            self.keep(element)
        except StopIteration:
            self._end()
            raise
        except Exception:
            self.failed = True
            raise
        self.count += 1
        if self.count == self._expected:
            self._end()
        return element

    def _end(self) -> None:
        if not self._complete:
            self._complete = True
            self.complete()
