"""Whether code runs converted: what functions that take functions go by."""

from __future__ import annotations

import enum
import threading
from typing import Any


class Status(enum.Enum):
    UNSPECIFIED = 0
    ENABLED = 1
    DISABLED = 2


class _Current(threading.local):
    status = Status.UNSPECIFIED


_current = _Current()


def current() -> Status:
    """The status of the code that runs now, in this thread."""
    return _current.status


class using:  # noqa: N801 (a context manager)
    """Runs what is within with another status."""

    __slots__ = ("_status", "_outer")

    def __init__(self, status: Status):
        self._status = status

    def __enter__(self) -> None:
        self._outer = _current.status
        _current.status = self._status

    def __exit__(self, *exc: Any) -> None:
        _current.status = self._outer
