"""Coordinating threads: https://www.tensorflow.org/api_docs/python/tf/train/Coordinator"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from reflow.lang import errors
from reflow.lang.export import export
from reflow.platform import tf_logging as logging


@export("train.Coordinator")
class Coordinator:
    """Lets a set of threads stop together: any may ask all to stop, and say why.

    The exception with which the first asked is raised by `join` in the thread that calls that.

    Args:
      clean_stop_exception_types: exceptions that mean a regular end and are not raised; by default
        `tf.errors.OutOfRangeError`.

    >>> import threading
    >>> import reflow as tf
    >>> coord = tf.train.Coordinator()
    >>> def work():
    ...     while not coord.should_stop():
    ...         coord.request_stop()
    >>> thread = threading.Thread(target=work)
    >>> thread.start()
    >>> coord.join([thread])
    >>> coord.joined
    True
    """

    def __init__(self, clean_stop_exception_types: Sequence[type] | None = None):
        if clean_stop_exception_types is None:
            clean_stop_exception_types = (errors.OutOfRangeError,)
        self._clean = tuple(clean_stop_exception_types)
        self._lock = threading.Lock()
        self._stop_event = threading.Event()
        self._exception: BaseException | None = None
        self._joined = False
        self._registered_threads: set[threading.Thread] = set()

    @property
    def joined(self) -> bool:
        """Whether `join` has returned or raised since the last `clear_stop`."""
        return self._joined

    def request_stop(self, ex: Any = None) -> None:
        """Asks all threads to stop.

        Args:
          ex: the reason, an exception or the tuple of `sys.exc_info()`; for `join` to raise.

        Raises:
          Exception: `ex`, if the threads have been joined already and nobody else would see it.
          ValueError: if `ex` is neither.
        """
        error = self._reason(ex)
        with self._lock:
            if self._joined:
                if error is not None:
                    raise error
                return
            if self._stop_event.is_set():
                return
            if error is not None:
                self._exception = error
                logging.info(
                    "Error reported to Coordinator: %s, %s", type(error).__name__, str(error)
                )
            self._stop_event.set()

    def _reason(self, ex: Any) -> BaseException | None:
        """The exception in `ex`; None if it means a regular end."""
        if isinstance(ex, tuple):
            if len(ex) != 3 or ex[1] is not None and not isinstance(ex[1], BaseException):
                raise ValueError(f"ex must be a tuple of sys.exc_info() or an exception: {ex!r}")
            ex = ex[1]
        elif ex is not None and not isinstance(ex, BaseException):
            raise ValueError(f"ex must be a tuple of sys.exc_info() or an exception: {ex!r}")
        return None if isinstance(ex, self._clean) else ex

    def clear_stop(self) -> None:
        """Forgets that a stop was asked for: `should_stop` is false again."""
        with self._lock:
            self._joined = False
            self._exception = None
            self._stop_event.clear()

    def should_stop(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop_event.is_set()

    @contextlib.contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Asks for a stop when the block raises; the exception goes to `join` and no further."""
        try:
            yield
        except BaseException:
            self.request_stop(ex=sys.exc_info())

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Waits until a stop is asked for, `timeout` seconds at the most; whether it was."""
        return self._stop_event.wait(timeout=timeout)

    def register_thread(self, thread: threading.Thread) -> None:
        """Has `join` wait for `thread` too."""
        with self._lock:
            self._registered_threads.add(thread)

    def join(
        self,
        threads: Iterable[threading.Thread] | None = None,
        stop_grace_period_secs: float = 120,
        ignore_live_threads: bool = False,
    ) -> None:
        """Waits for threads to end, which, once a stop is asked for, they have some time for.

        Args:
          threads: the threads, besides those that are registered.
          stop_grace_period_secs: how long they have from then on.
          ignore_live_threads: whether those that go on are only mentioned in the log.

        Raises:
          Exception: what was given to `request_stop`.
          RuntimeError: if threads go on after their time, and no exception was given.
        """
        with self._lock:
            waited = [*self._registered_threads]
            waited += [each for each in threads or () if each not in self._registered_threads]
        while any(each.is_alive() for each in waited) and not self.wait_for_stop(0.1):
            continue
        deadline = time.monotonic() + stop_grace_period_secs
        for each in waited:
            if each.is_alive():
                each.join(max(deadline - time.monotonic(), 0.001))
        going_on = [each.name for each in waited if each.is_alive()]
        with self._lock:
            self._joined = True
            self._registered_threads = set()
            if self._exception is not None:
                raise self._exception
            if going_on:
                text = f"Coordinator stopped with threads still running: {' '.join(going_on)}"
                if not ignore_live_threads:
                    raise RuntimeError(text)
                logging.info(text)

    def raise_requested_exception(self) -> None:
        """Raises what was given to `request_stop`, if anything was."""
        with self._lock:
            if self._exception is not None:
                raise self._exception


@export(v1=("train.LooperThread",))
class LooperThread(threading.Thread):
    """A thread that does something again and again until its coordinator asks to stop.

    Subclasses override `run_loop`, and `start_loop` and `stop_loop` for what comes before and after.

    Args:
      coord: the coordinator; an exception of the thread asks it to stop.
      timer_interval_secs: the time between two calls; None for one right after the other.
      target: what to call, with `args` and `kwargs`, unless `run_loop` is overridden.

    Raises:
      ValueError: if `coord` is no `Coordinator`, or arguments are given without a target.

    >>> import reflow as tf
    >>> coord = tf.train.Coordinator()
    >>> thread = tf.compat.v1.train.LooperThread.loop(coord, None, coord.request_stop)
    >>> coord.join([thread])
    """

    def __init__(
        self,
        coord: Coordinator,
        timer_interval_secs: float | None,
        target: Callable[..., Any] | None = None,
        args: Any = None,
        kwargs: Any = None,
    ):
        if not isinstance(coord, Coordinator):
            raise ValueError(f"'coord' argument must be a Coordinator: {coord}")
        if target is None and (args or kwargs):
            raise ValueError("'args' and 'kwargs' arguments require that you also pass 'target'")
        super().__init__(daemon=True)
        self._coord = coord
        self._timer_interval_secs = timer_interval_secs
        self._looped = target
        self._looped_args = args or ()
        self._looped_kwargs = kwargs or {}
        coord.register_thread(self)

    @staticmethod
    def loop(
        coord: Coordinator,
        timer_interval_secs: float | None,
        target: Callable[..., Any],
        args: Any = None,
        kwargs: Any = None,
    ) -> LooperThread:
        """A thread, already started, that calls `target` again and again."""
        looper = LooperThread(coord, timer_interval_secs, target, args, kwargs)
        looper.start()
        return looper

    def run(self) -> None:
        with self._coord.stop_on_exception():
            self.start_loop()
            if self._timer_interval_secs is None:
                while not self._coord.should_stop():
                    self.run_loop()
            else:
                due = time.monotonic()
                while not self._coord.wait_for_stop(max(due - time.monotonic(), 0)):
                    due += self._timer_interval_secs
                    self.run_loop()
            self.stop_loop()

    def start_loop(self) -> None:
        """What comes before the first `run_loop`."""

    def stop_loop(self) -> None:
        """What comes after the last `run_loop`."""

    def run_loop(self) -> None:
        """What is done again and again."""
        if self._looped is not None:
            self._looped(*self._looped_args, **self._looped_kwargs)
