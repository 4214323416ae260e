"""The state of a session or of a program: variables, generators, queues, tables, by handle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang.alignment import is_copied
from reflow.lang.resource import ResourceHandle

_ON_HOST = (np.ndarray, np.generic)


class Store:
    """A map from handles to values. Runs that write hold `lock` from reading to writing.

    Values are handed out under the lock: a run that holds it and is the only holder of an array may
    overwrite it.
    """

    def __init__(self) -> None:
        self._values: dict[ResourceHandle, Any] = {}
        self.lock = threading.RLock()

    def get(self, handle: ResourceHandle) -> Any:
        """The value behind `handle`; None when it has none and does not begin with one."""
        with self.lock:
            value = self._values.get(handle)
            if value is None and handle.initial is not None:
                value = self._values.setdefault(handle, handle.initial())
            return value

    def set(self, handle: ResourceHandle, value: Any) -> None:
        self._values[handle] = value

    def put(self, handles: Sequence[ResourceHandle], values: Sequence[Any]) -> None:
        """Gives the variables behind `handles` new values."""
        self._values.update(zip(handles, values))

    def get_or_create(self, handle: ResourceHandle, make: Callable[[], Any]) -> Any:
        """The object behind `handle`, such as a queue; made by `make` when there is none."""
        with self.lock:
            value = self._values.get(handle)
            if value is None:
                value = self._values[handle] = make()
            return value

    def delete(self, handle: ResourceHandle) -> None:
        with self.lock:
            self._values.pop(handle, None)

    def arrays(self, handles: Sequence[ResourceHandle]) -> list[Any]:
        """The values behind `handles` as device arrays."""
        values = self._values
        result = [values[handle] for handle in handles]
        for i, value in enumerate(result):
            if isinstance(value, _ON_HOST):
                from reflow.compiler.jax_setup import jax, wide_types

                # A copy: the array may be a constant of the graph, and the executable overwrites.
                # It is NumPy's, as JAX would compile a program for each shape to make one.
                with wide_types():
                    own = value if is_copied(value) else np.array(value)
                    result[i] = values[handles[i]] = jax.device_put(own)
        return result

    def elements(self, handles: Sequence[ResourceHandle]) -> int:
        """How many elements the variables behind `handles` have together."""
        return sum(getattr(self._values.get(h), "size", 0) for h in handles)

    def handles(self) -> list[ResourceHandle]:
        with self.lock:
            return list(self._values)

    def clear(self, containers: Sequence[str] | None = None) -> None:
        """Forgets everything, or what is in the given containers."""
        with self.lock:
            if containers is None:
                self._values.clear()
                return
            for handle in [h for h in self._values if h.container in containers]:
                del self._values[handle]
