"""The names of type specs in files: `tensorflow.python.framework.type_spec_registry`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from reflow.lang.type_spec import TypeSpec

T = TypeVar("T", bound=type)
_NAME = re.compile(r"^(\w+\.)+\w+$")
_names: dict[type, str] = {}


def register(name: str) -> Callable[[T], T]:
    """Gives a class of type specs a name: `@register("my_project.MyTypeSpec")`.

    Raises:
      TypeError: if the name is no string, or the class no `tf.TypeSpec`.
      ValueError: if the name is not of the form, or the name or the class is registered already.
    """
    if not isinstance(name, str):
        raise TypeError(f"Expected `name` to be a string; got {name!r}")
    if not _NAME.match(name):
        raise ValueError(
            "Registered name must have the form '{project_name}.{type_name}' (e.g. "
            f"'my_project.MyTypeSpec'); got {name!r}."
        )

    def named(cls: T) -> T:
        _require_spec(cls, "cls")
        if cls in _names:
            raise ValueError(
                f"Class {cls.__module__}.{cls.__name__} has already been registered with name "
                f"{_names[cls]}."
            )
        if name in _names.values():
            raise ValueError(f"Name {name} has already been registered.")
        _names[cls] = name
        return cls

    return named


def _require_spec(cls: type, label: str) -> None:
    if not (isinstance(cls, type) and issubclass(cls, TypeSpec)):
        raise TypeError(f"Expected `{label}` to be a TypeSpec; got {cls!r}")


def _own(cls: Any = TypeSpec) -> Iterator[type]:
    """Reflow's type specs, which are called `tf.CLASS`."""
    for each in cls.__subclasses__():
        if each.__module__.startswith("reflow."):
            yield each
        yield from _own(each)


def get_name(cls: type) -> str:
    """The name of a class of type specs.

    Raises:
      TypeError: if it is no class of type specs.
      ValueError: if it has no name.
    """
    _require_spec(cls, "cls")
    if cls in _names:
        return _names[cls]
    if cls in set(_own()):
        return f"tf.{cls.__name__}"
    raise ValueError(f"TypeSpec {cls.__module__}.{cls.__name__} has not been registered.")


def lookup(name: str) -> type:
    """The class of type specs of a name.

    Raises:
      TypeError: if the name is no string.
      ValueError: if no class has it.
    """
    if not isinstance(name, str):
        raise TypeError(f"Expected `name` to be a string; got {name!r}")
    for cls, held in _names.items():
        if held == name:
            return cls
    for cls in _own():
        if f"tf.{cls.__name__}" == name:
            return cls
    raise ValueError(f"No TypeSpec has been registered with name {name!r}")
