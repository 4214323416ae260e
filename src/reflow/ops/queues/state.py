"""The queues behind queue ops: elements, order of those that wait, closing, cancelling.

An element is a tuple of arrays. Attempts to put and attempts to take wait in line: only the first of
each line makes progress, and a large one does so bit by bit, as room or elements come up. An attempt
to take that fails puts back what it had.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.dtypes import DType, string
from reflow.lang.shapes import TensorShape

Element = tuple[np.ndarray, ...]
_numbers = itertools.count()


class Waiter:
    """Lets an attempt wait: for a run that has a deadline and can be cancelled, or for ever."""

    def __init__(self, run: Any):
        self._run = run

    def __call__(self, changed: threading.Condition, ready: Callable[[], bool], what: str) -> None:
        """Waits on `changed`, which is held, until `ready()`."""
        if self._run is not None:
            self._run.wait(changed, ready, what)
            return
        while not ready():
            changed.wait(0.1)  # so that Ctrl-C comes through


class Queue:
    """First in, first out.

    Args:
      kind: TensorFlow's name of the class of queue, for messages.
      name: of the node, or the shared name.
      shared: whether the name is a shared one; another is made unique.
      capacity: how many elements there is room for; below 0 for any number.
      dtypes: of the components.
      shapes: of the components; empty where they may have any.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        shared: bool,
        capacity: int,
        dtypes: Sequence[DType],
        shapes: Sequence[TensorShape],
    ):
        self.kind = kind
        self.name = name if shared else f"_{next(_numbers)}_{name}"
        self.capacity = capacity if capacity >= 0 else 2**31 - 1
        self.dtypes = tuple(dtypes)
        self.shapes = tuple(shapes)
        self.closed = False
        self.changed = threading.Condition()
        self._putting: deque[Any] = deque()  # attempts in line
        self._taking: deque[Any] = deque()
        self._cancelled: set[Any] = set()

        self._elements: Any = self._empty()

    # What kinds of queues do differently ---------------------------------------------------------

    def _empty(self) -> Any:
        return deque()

    def _put(self, element: Element) -> None:
        self._elements.append(element)

    def _take(self) -> Element:
        return self._elements.popleft()

    def _put_back(self, elements: list[Element]) -> None:
        self._elements.extendleft(reversed(elements))

    def _available(self) -> int:
        """How many elements may be taken now."""
        return len(self._elements)

    def batch(self, elements: list[Element]) -> list[np.ndarray]:
        """Elements as components with a new first dimension."""
        components = []
        for i, (dtype, shape) in enumerate(zip(self.dtypes, self.shapes)):
            rows = [element[i] for element in elements]
            if rows:
                components.append(np.stack(rows))
            else:
                sizes = [0 if d is None else d for d in shape.as_list()]
                components.append(np.zeros((0, *sizes), dtype.np))
        return components

    # Using it ------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._elements)

    def check_like(self, other: tuple[Any, ...]) -> None:
        """Refuses a node that means a queue of another kind by the same shared name."""
        mine = (self.kind, self.capacity, self.dtypes, self.shapes)
        for label, have, want in zip(("kind", "capacity", "types", "shapes"), mine, other):
            if have != want:
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"Shared queue '{self.name}' has {label} {have} but requested {label} {want}",
                )

    def enqueue(self, elements: Iterable[Element], wait: Waiter) -> None:
        """Puts elements, one after the other, as there is room.

        Raises:
          errors.CancelledError: if the queue is closed, or closed so as to cancel this attempt.
        """
        left = deque(elements)
        ticket = object()
        with self.changed:
            if self.closed:
                raise self._is_closed()
            self._putting.append(ticket)
            try:
                while left:
                    wait(self.changed, lambda: self._may_put(ticket), f"room in {self.name}")
                    if ticket in self._cancelled:
                        raise errors.CancelledError(None, None, "Enqueue operation was cancelled")
                    while left and len(self._elements) < self.capacity:
                        self._put(left.popleft())
                    self.changed.notify_all()
            finally:
                self._putting.remove(ticket)
                self._cancelled.discard(ticket)
                self.changed.notify_all()

    def _may_put(self, ticket: Any) -> bool:
        if ticket in self._cancelled:
            return True
        return self._putting[0] is ticket and len(self._elements) < self.capacity

    def dequeue(self, count: int, allow_fewer: bool, wait: Waiter) -> list[Element]:
        """Takes `count` elements; fewer, but not none, if allowed and the queue is closed.

        Raises:
          errors.OutOfRangeError: if the queue is closed and has too few.
        """
        taken: list[Element] = []
        ticket = object()
        with self.changed:
            self._taking.append(ticket)
            try:
                while len(taken) < count:
                    if self._may_take(ticket):
                        while len(taken) < count and self._available() > 0:
                            taken.append(self._take())
                        self.changed.notify_all()
                        if len(taken) == count:
                            break
                        if self._exhausted():
                            if allow_fewer and taken:
                                break
                            raise self._insufficient(count - len(taken), len(taken))
                    wait(self.changed, lambda: self._may_take(ticket), f"elements of {self.name}")
            except BaseException:
                self._put_back(taken)
                raise
            finally:
                self._taking.remove(ticket)
                self.changed.notify_all()
        return taken

    def _may_take(self, ticket: Any) -> bool:
        return self._taking[0] is ticket and (self._available() > 0 or self._exhausted())

    def _exhausted(self) -> bool:
        """Whether nothing more will come: it is closed, and nobody is still putting."""
        return self.closed and not self._putting

    def _insufficient(self, requested: int, had: int) -> Exception:
        return errors.OutOfRangeError(
            None,
            None,
            f"{self.kind} '{self.name}' is closed and has insufficient elements (requested "
            f"{requested + had}, current size {had})",
        )

    def _is_closed(self) -> Exception:
        return errors.CancelledError(None, None, f"{self.kind} '{self.name}' is closed.")

    def close(self, cancel_pending: bool, wait: Waiter) -> None:
        """Lets nobody put more; those that wait to put are cancelled, or waited for."""
        with self.changed:
            if cancel_pending:
                self.closed = True
                self._cancelled.update(self._putting)
                self.changed.notify_all()
                return
            if self.closed:
                raise errors.CancelledError(
                    None, None, f"{self.kind} '{self.name}' is already closed."
                )
            ticket = object()
            self._putting.append(ticket)
            try:
                wait(
                    self.changed,
                    lambda: self._putting[0] is ticket or ticket in self._cancelled,
                    f"those that put into {self.name}",
                )
                self.closed = True
            finally:
                self._putting.remove(ticket)
                self._cancelled.discard(ticket)
                self.changed.notify_all()

    # Checking ------------------------------------------------------------------------------------

    def check_element(self, components: Sequence[np.ndarray]) -> None:
        """Refuses components whose shapes are not those of the queue."""
        for i, (value, shape) in enumerate(zip(components, self.shapes)):
            if not shape.is_compatible_with(value.shape):
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"Shape mismatch in tuple component {i}. Expected {_shown(shape)}, got "
                    f"{_shown(value.shape)}",
                )

    def check_batch(self, components: Sequence[np.ndarray]) -> int:
        """The number of elements in `components`; refuses what is no batch of elements."""
        count = None
        for i, value in enumerate(components):
            if not value.ndim:
                raise errors.InvalidArgumentError(
                    None, None, f"Input tensor {i} must have at least 1 dimension"
                )
            count = value.shape[0] if count is None else count
            if value.shape[0] != count:
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    "All input tensors must have the same size in the 0th dimension. Component "
                    f"{i} has {value.shape[0]}, and should have {count}",
                )
            if self.shapes and not self.shapes[i].is_compatible_with(value.shape[1:]):
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"Shape mismatch in tuple component {i}. Expected "
                    f"{_shown((count, *self.shapes[i].as_list()))}, got {_shown(value.shape)}",
                )
        return count or 0

    def check_batching(self) -> None:
        """Refuses to make batches of a queue whose elements may have any shape."""
        if len(self.shapes) != len(self.dtypes):
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{self.kind}'s DequeueMany and DequeueUpTo require the components to have "
                "specified shapes.",
            )


def _shown(shape: Any) -> str:
    sizes = shape.as_list() if isinstance(shape, TensorShape) else shape
    return "[" + ",".join("?" if d is None else str(d) for d in sizes) + "]"


class PaddingFIFOQueue(Queue):
    """First in, first out; a batch is padded to the largest of its elements."""

    def batch(self, elements: list[Element]) -> list[np.ndarray]:
        components = []
        for i, (dtype, shape) in enumerate(zip(self.dtypes, self.shapes)):
            rows = [element[i] for element in elements]
            rank = len(shape.as_list())
            sizes = [max((row.shape[d] for row in rows), default=0) for d in range(rank)]
            if not rows:
                sizes = [d or 0 for d in shape.as_list()]
            nothing: Any = b"" if dtype is string else 0
            result = np.full((len(rows), *sizes), nothing, dtype.np)
            for row, into in zip(rows, result):
                if rank:
                    into[tuple(slice(n) for n in row.shape)] = row
            if not rank:
                result[...] = [row.item() if dtype is string else row for row in rows]
            components.append(result)
        return components


class RandomShuffleQueue(Queue):
    """Elements come out in random order, from among at least `min_after_dequeue` and one more."""

    def __init__(self, *args: Any, min_after_dequeue: int, words: Callable[[], int]):
        super().__init__(*args)
        self._least = min_after_dequeue
        self._words = words

    def _empty(self) -> Any:
        return []

    def _take(self) -> Element:
        elements = self._elements
        at = self._words() % len(elements)
        chosen = elements[at]
        elements[at] = elements[-1]
        elements.pop()
        return chosen

    def _put_back(self, elements: list[Element]) -> None:
        self._elements.extend(elements)

    def _available(self) -> int:
        return len(self._elements) - (0 if self.closed else self._least)


class PriorityQueue(Queue):
    """The element with the smallest first component, an int64 scalar, comes out first."""

    def _empty(self) -> Any:
        self._order = itertools.count()
        return []

    def _put(self, element: Element) -> None:
        if element[0].ndim:
            raise errors.InvalidArgumentError(
                None,
                None,
                "Expected the priority element to be a scalar, but received shape: "
                f"{_shown(element[0].shape)}",
            )
        heapq.heappush(self._elements, (int(element[0]), next(self._order), element))

    def _take(self) -> Element:
        return heapq.heappop(self._elements)[2]

    def _put_back(self, elements: list[Element]) -> None:
        for element in elements:
            self._put(element)
