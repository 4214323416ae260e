"""Threads that work ahead of the consumer: prefetching, and calling functions in parallel.

A thread works for a *core* that the consumer's iterator holds, never for the iterator itself, so that
an iterator nobody holds any more goes away, and its core is told to stop. Threads are daemons and look
at the stop flag between elements: a program that ends does not wait for them.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import Any

import numpy as np

from reflow.data.pipeline import Element, Run

_ENDED = object()
_PATIENCE = 0.2  # seconds between looks at the thread that should bring the next element


class _Failure:
    """An error of the thread, to be raised where the element would have come."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException):
        self.error = error


class _Core:
    """What the thread and the consumer share: a bounded buffer."""

    def __init__(self, source: Iterator[Element], size: int):
        self.source: Iterator[Element] | None = source
        self.size = size
        self.items: deque[Any] = deque()
        self.changed = threading.Condition()
        self.stopped = False
        self.waiting = False  # whether the consumer waits

    def stop(self) -> None:
        with self.changed:
            self.stopped = True
            self.items.clear()
            self.changed.notify_all()


def _fill(core: _Core) -> None:
    """What the thread does: puts elements in the buffer for as long as there is room."""
    source, items, changed = core.source, core.items, core.changed
    core.source = None  # so that the input goes away with this frame
    with np.errstate(all="ignore"):
        while not core.stopped:
            try:
                item: Any = next(source)  # type: ignore[arg-type]
            except StopIteration:
                item = _ENDED
            except BaseException as error:
                item = _Failure(error)
            with changed:
                while len(items) >= core.size and not core.stopped:
                    changed.wait()
                if core.stopped:
                    return
                items.append(item)
                if core.waiting:
                    changed.notify_all()
            if item is _ENDED:
                return


class Prefetched:
    """An iterator whose elements a thread makes ahead of time, at most `size` of them.

    Errors come up in the place of the element that failed. `run.check`, which is called while the
    consumer waits, raises what ends the waiting. Where nothing can end it, the consumer makes the first
    element, which it needs at once: handing over to a thread that has just begun takes longer than many
    elements do.
    """

    def __init__(self, source: Iterator[Element], size: int, run: Run):
        self._core = core = _Core(source, size)
        self._run = run
        self._thread: threading.Thread | None = None
        self._ended = False
        self._finalizer = weakref.finalize(self, core.stop)

    def __iter__(self) -> Prefetched:
        return self

    def __next__(self) -> Element:
        if self._ended:
            raise StopIteration
        if self._thread is None:
            if self._run.waiting is None:
                return self._first()
            self._begin()
        core = self._core
        with core.changed:
            while not core.items:
                if core.stopped or not self._thread.is_alive():  # type: ignore[union-attr]
                    self._ended = True
                    raise StopIteration
                core.waiting = True
                core.changed.wait(_PATIENCE)
                self._run.check()
            core.waiting = False
            full = len(core.items) >= core.size
            item = core.items.popleft()
            if full:
                core.changed.notify_all()
        if item is _ENDED:
            self._ended = True
            raise StopIteration
        if type(item) is _Failure:
            raise item.error
        return item

    def _first(self) -> Element:
        """The first element, made here."""
        try:
            element = next(self._core.source)  # type: ignore[arg-type]
        except StopIteration:
            self._ended = True
            raise
        except Exception:
            self._begin()
            raise
        self._begin()
        return element

    def _begin(self) -> None:
        self._thread = threading.Thread(
            target=_fill, args=(self._core,), name="tf.data prefetch", daemon=True
        )
        self._thread.start()


# Calls in parallel --------------------------------------------------------------------------------

_CHEAP = 100e-6  # seconds: functions that take less are called where they are needed
_TRIED = 8  # calls whose time is measured before that is decided


class _Workers:
    """Some daemon threads that take calls from a queue; they start when there is work.

    Each iterator has its own: calls that wait for calls of another one must not take its threads.
    """

    def __init__(self, most: int):
        self._free = most  # threads that may still be started
        self._calls: deque[tuple[Future, Callable, tuple]] = deque()
        self._changed = threading.Condition()
        self._idle = 0
        self._stopped = False

    def submit(self, function: Callable[..., Any], *args: Any) -> Future:
        future: Future = Future()
        with self._changed:
            self._calls.append((future, function, args))
            if self._idle >= len(self._calls):
                self._changed.notify()
            elif self._free:
                self._free -= 1
                threading.Thread(target=self._work, name="tf.data map", daemon=True).start()
        return future

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._calls.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        with np.errstate(all="ignore"):
            while True:
                with self._changed:
                    self._idle += 1
                    while not self._calls and not self._stopped:
                        self._changed.wait()
                    self._idle -= 1
                    if self._stopped:
                        return
                    future, function, args = self._calls.popleft()
                try:
                    future.set_result(function(*args))
                except BaseException as error:
                    future.set_exception(error)
                del future, function, args


class ParallelCalls:
    """The results of a function for the elements of an iterator, in their order.

    Functions that take long are called in threads, ahead of the consumer. Cheap ones are called by the
    consumer: handing an element to a thread costs more than they do.
    """

    def __init__(
        self,
        source: Iterator[Element],
        function: Callable[..., Element],
        parallel: int,
        check: Callable[[], None],
    ):
        self._source, self._function, self._parallel = source, function, parallel
        self._check = check
        self._ahead: deque[Future] = deque()
        self._ended = False
        self._tried = 0
        self._took = float("inf")  # the shortest call so far
        self._in_threads = False
        self._workers = _Workers(parallel)
        self._finalizer = weakref.finalize(self, self._workers.stop)

    def __iter__(self) -> ParallelCalls:
        return self

    def __next__(self) -> Element:
        if not self._in_threads:
            if self._tried >= _TRIED:
                return self._function(*next(self._source))
            return self._try()
        self._submit()
        if not self._ahead:
            raise StopIteration
        while not wait([self._ahead[0]], _PATIENCE).done:
            self._check()
        result = self._ahead.popleft().result()
        self._submit()
        return result

    def _try(self) -> Element:
        element = next(self._source)
        began = time.perf_counter()
        try:
            return self._function(*element)
        finally:
            self._took = min(self._took, time.perf_counter() - began)
            self._tried += 1
            if self._tried > 1 and self._took > _CHEAP:
                self._in_threads = True

    def _submit(self) -> None:
        while not self._ended and len(self._ahead) < self._parallel:
            try:
                element = next(self._source)
            except StopIteration:
                self._ended = True
            except Exception as error:
                failed: Future = Future()
                failed.set_exception(error)
                self._ahead.append(failed)
            else:
                self._ahead.append(self._workers.submit(self._function, *element))
