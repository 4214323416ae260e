"""What stands for a value that is not there, and how variables are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang import errors


class Undefined:
    """The value of a variable that has none yet. Whatever is read of it is undefined too."""

    __slots__ = ("symbol_name",)

    def __init__(self, symbol_name: str):
        self.symbol_name = symbol_name

    def __getattr__(self, name: str) -> Undefined:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Undefined:
        return self

    def __repr__(self) -> str:
        return self.symbol_name


class NoReturnValue:
    """The return value of a function that has not returned."""

    def __repr__(self) -> str:
        return "the return value"


def no_return_value() -> NoReturnValue:
    return NoReturnValue()


def returned(value: Any) -> Any:
    """The result of a function: None if it ended without a `return`."""
    return None if isinstance(value, NoReturnValue) else value


def ld(value: Any) -> Any:
    """Reads a variable.

    Raises:
      UnboundLocalError: if it has no value.
    """
    if isinstance(value, Undefined):
        site = errors.user_site()
        raise UnboundLocalError(f"{site}: '{value.symbol_name}' is used before assignment")
    return value


def ldu(read: Callable[[], Any], name: str) -> Any:
    """Reads a place such as `self.x` or `d["k"]`, which may not exist yet."""
    try:
        return read()
    except (KeyError, AttributeError, NameError, IndexError):
        return Undefined(name)


def locals_(reads: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """`locals()`: the values of the variables that a block has, as far as they have one."""
    found = {}
    for name, read in reads.items():
        try:
            value = read()
        except NameError:
            continue
        if not isinstance(value, Undefined):
            found[name] = value
    return found


def is_missing(value: Any) -> bool:
    """Whether `value` is none that a tensor can be made of: None, or not there."""
    return value is None or isinstance(value, (Undefined, NoReturnValue))
