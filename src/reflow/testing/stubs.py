"""`tf.test.StubOutForTesting`: attributes replaced for a while."""

from __future__ import annotations

from typing import Any

from reflow.lang.export import export

_MISSING: Any = object()


@export(v1=("test.StubOutForTesting",))
class StubOutForTesting:
    """Replaces attributes of modules and objects, and puts them back.

    >>> import math
    >>> import reflow as tf
    >>> stubs = tf.compat.v1.test.StubOutForTesting()
    >>> stubs.Set(math, "pi", 3)
    >>> math.pi
    3
    >>> stubs.CleanUp()
    >>> math.pi
    3.141592653589793
    """

    def __init__(self) -> None:
        self._set: list[tuple[Any, str, Any]] = []
        self._smart: list[tuple[Any, str, Any]] = []

    def Set(self, parent: Any, child_name: str, new_child: Any) -> None:  # noqa: N802
        """Replaces an attribute that exists."""
        self._replace(self._set, parent, child_name, new_child)

    def SmartSet(self, obj: Any, attr_name: str, new_attr: Any) -> None:  # noqa: N802
        """Replaces an attribute of an object, or of the class that it inherits it from.

        Raises:
          AttributeError: if there is no such attribute.
        """
        owner = obj
        if isinstance(obj, type):
            owner = next((c for c in obj.__mro__ if attr_name in vars(c)), _MISSING)
        elif not hasattr(obj, attr_name):
            owner = _MISSING
        if owner is _MISSING:
            raise AttributeError(f"{attr_name!r} attribute not found.")
        self._replace(self._smart, owner, attr_name, new_attr)

    def _replace(self, log: list, parent: Any, name: str, value: Any) -> None:
        old = getattr(parent, "__dict__", {}).get(name, _MISSING)
        if old is _MISSING:
            old = getattr(parent, name)
        log.append((parent, name, old))
        setattr(parent, name, value)

    def _undo(self, log: list) -> None:
        while log:
            setattr(*log.pop())

    def UnsetAll(self) -> None:  # noqa: N802
        """Undoes all of `Set`."""
        self._undo(self._set)

    def SmartUnsetAll(self) -> None:  # noqa: N802
        """Undoes all of `SmartSet`."""
        self._undo(self._smart)

    def CleanUp(self) -> None:  # noqa: N802
        """Undoes everything."""
        self.SmartUnsetAll()
        self.UnsetAll()

    def __enter__(self) -> StubOutForTesting:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.CleanUp()

    def __del__(self) -> None:
        self.CleanUp()
