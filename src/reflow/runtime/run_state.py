"""One run of a session: its deadline, its cancellation, its trace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from reflow.lang import errors


class RunState:
    """What steps look at while a run goes on.

    Args:
      timeout: seconds after which the run fails; None for never.
      closed: set when the session closes.
      trace: a `Trace` that notes what ran when, or None.
    """

    def __init__(self, timeout: float | None, closed: threading.Event, trace: Any = None):
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.timeout = timeout
        self.closed = closed
        self.trace = trace
        self.waiting_for = ""
        self._aborted = False

    def abort(self) -> None:
        """Ends the waiting of steps in other threads, because another one has failed."""
        self._aborted = True

    @property
    def cancelled(self) -> bool:
        """Whether it is time to call `check`, which says why."""
        return self.closed.is_set() or (
            self.deadline is not None and time.monotonic() > self.deadline
        )

    def check(self) -> None:
        """Raises what ends the run, if anything does.

        Raises:
          errors.CancelledError: if the session was closed.
          errors.DeadlineExceededError: if the deadline has passed.
        """
        if self.closed.is_set():
            raise errors.CancelledError(None, None, "Session has been closed.")
        if self._aborted:
            raise errors.CancelledError(None, None, "Another step of this run has failed.")
        if self.deadline is not None and time.monotonic() > self.deadline:
            waiting = f", waiting for {self.waiting_for}" if self.waiting_for else ""
            raise errors.DeadlineExceededError(
                None, None, f"Timed out waiting for notification: {self.timeout} s passed{waiting}."
            )

    def wait(self, condition: threading.Condition, ready: Callable[[], bool], what: str) -> None:
        """Waits on `condition` (held) until `ready()`; `what` names it in a deadline's error."""
        self.waiting_for = what
        while not ready():
            condition.wait(0.05)
            self.check()
        self.waiting_for = ""
