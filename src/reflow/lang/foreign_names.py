"""The module names by which other libraries recognise TensorFlow's classes.

Libraries that do not want to import TensorFlow ask a value for the name and the module of its class.
Where Reflow stands in for the package `tensorflow`, the classes that are asked for answer as
TensorFlow's do; where it is imported as `reflow`, they are called what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=type)

_known: list[
    tuple[type, tuple[str, str], tuple[str, str]]
] = []  # a class, its own names, the others
_in_force = [False]


def known_as(module: str, name: str | None = None) -> Callable[[T], T]:
    """Decorates a class that TensorFlow has as `name` (by default the same) in `module`."""

    def decorate(kind: T) -> T:
        own = kind.__module__, kind.__name__
        theirs = module, name or kind.__name__
        _known.append((kind, own, theirs))
        if _in_force[0]:
            _rename(kind, *theirs)
        return kind

    return decorate


def use_foreign_names(use: bool) -> None:
    """Gives the classes TensorFlow's names, those that are there and those that will be; or undoes it."""
    _in_force[0] = use
    for kind, own, theirs in _known:
        _rename(kind, *(theirs if use else own))


def _rename(kind: type, module: str, name: str) -> None:
    kind.__module__, kind.__name__, kind.__qualname__ = module, name, name
