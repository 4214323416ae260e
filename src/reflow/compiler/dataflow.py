"""Execution of a partition in which steps may wait for each other: queues, locks, Python."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reflow.compiler.partition import Partition


class Dataflow:
    """Runs the steps of a partition as their inputs arrive.

    A blocking one runs in a thread of its own, unless nothing else could go on meanwhile.
    """

    def __init__(self, part: Partition, env: list[Any], store: Any, run: Any):
        self.part, self.env, self.store, self.run = part, env, store, run
        self.left = [step.waits_for for step in part.steps]
        self.ready = deque(i for i, n in enumerate(self.left) if n == 0)
        self.unfinished = len(part.steps)
        self.running = 0  # in threads
        self.changed = threading.Condition()
        self.error: BaseException | None = None

    def finish(self) -> None:
        try:
            self._run_all()
        except BaseException:
            if self.run is not None:
                self.run.abort()  # what still waits in a thread is not to take an element later
            self.env[:] = [None] * len(self.env)  # locks among the values are given back
            raise

    def _run_all(self) -> None:
        while True:
            with self.changed:
                while not self.ready and self.unfinished and self.error is None:
                    self.changed.wait(0.1)
                    if self.run is not None:
                        self.run.check()
                if self.error is not None:
                    raise self.error
                if not self.unfinished:
                    return
                i = self.ready.popleft()
                step = self.part.steps[i]
                in_thread = step.blocking and bool(self.ready or self.running)
                self.running += in_thread
            if in_thread:
                threading.Thread(target=self._in_thread, args=(i,), daemon=True).start()
            else:
                self.part.run_step(i, step, self.env, self.store, self.run)
                self._done(i)

    def _in_thread(self, i: int) -> None:
        try:
            self.part.run_step(i, self.part.steps[i], self.env, self.store, self.run)
        except BaseException as error:
            with self.changed:
                self.error = self.error or error
                self.changed.notify_all()
            return
        with self.changed:
            self.running -= 1
        self._done(i)

    def _done(self, i: int) -> None:
        with self.changed:
            self.unfinished -= 1
            for follower in self.part.steps[i].followers:
                self.left[follower] -= 1
                if self.left[follower] == 0:
                    self.ready.append(follower)
            self.changed.notify_all()
