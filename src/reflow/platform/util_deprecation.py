"""Decorators for what is deprecated: `tensorflow.python.util.deprecation`.

A deprecated function warns once through `tf.logging`, naming the line that calls it, and says so at
the end of the first line of its doc string.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from collections import namedtuple
from collections.abc import Callable, Iterator
from typing import Any

from reflow.lang import errors
from reflow.platform import tf_logging
from reflow.platform import util_tf_decorator as tf_decorator
from reflow.platform import util_tf_inspect as tf_inspect

_PRINT = [True]  # whether warnings are shown: see `silence`
_warned: set[Any] = set()

DeprecatedArgSpec = namedtuple("DeprecatedArgSpec", ["position", "has_ok_value", "ok_value"])


class DeprecatedNamesAlreadySetError(Exception):
    """A symbol's deprecated names were set twice."""


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Within it, nothing warns of deprecation."""
    before = _PRINT[0]
    _PRINT[0] = False
    try:
        yield
    finally:
        _PRINT[0] = before


def _warn(key: Any, text: str) -> None:
    if not _PRINT[0] or key in _warned:
        return
    if key is not None:
        _warned.add(key)
    tf_logging.warning("From %s: %s", errors.user_site(), text)


def _when(date: str | None) -> str:
    return "in a future version" if date is None else f"after {date}"


def _check(date: str | None, instructions: str) -> None:
    if date is not None and not re.fullmatch(r"20\d\d-[01]\d-[0123]\d", date):
        raise ValueError(f"Date must be in format YYYY-MM-DD. Received: {date}")
    if not instructions:
        raise ValueError(
            "Don't deprecate things without conversion instructions! Specify the `instructions` "
            "argument."
        )


def _check_callable(func: Any, name: str) -> None:
    if not hasattr(func, "__call__"):  # noqa: B004
        raise ValueError(
            f"{func} is not a function. If this is a property, make sure @property appears before "
            f"@{name} in your source code:\n\n@property\n@{name}\ndef method(...)"
        )


def _noticed(doc: str | None, suffix: str, empty: str, notice: str, instructions: str) -> str:
    """A doc string with a notice after its first line."""
    told = f"Deprecated: {notice}\nInstructions for updating:\n{instructions}"
    if not doc:
        return f"{empty}\n\n{told}"
    first, _, rest = inspect.cleandoc(doc).partition("\n")
    rest = rest.strip("\n")
    return f"{first} {suffix}\n\n{told}" + (f"\n\n{rest}" if rest else "")


def _label(func: Any) -> str:
    return f"{getattr(func, '__qualname__', func)} (from {getattr(func, '__module__', '?')})"


def deprecated(date: str | None, instructions: str, warn_once: bool = True) -> Callable:
    """Marks a function, a method or a class as deprecated.

    Args:
      date: when it goes away (YYYY-MM-DD), or None.
      instructions: what to use instead.
      warn_once: whether it warns for the first call only.

    Raises:
      ValueError: if the date has another form, or there are no instructions.
    """
    _check(date, instructions)

    def decorate(target: Any) -> Any:
        _check_callable(target, "deprecated")
        func = target.__init__ if inspect.isclass(target) else target
        label = _label(target)

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            _warn(
                (target, "function") if warn_once else None,
                f"{label} is deprecated and will be removed {_when(date)}.\n"
                f"Instructions for updating:\n{instructions}",
            )
            return func(*args, **kwargs)

        doc = _noticed(
            target.__doc__,
            "(deprecated)",
            "DEPRECATED FUNCTION",
            f"THIS FUNCTION IS DEPRECATED. It will be removed {_when(date)}.",
            instructions,
        )
        if inspect.isclass(target):
            target.__init__ = wrapper
            target.__doc__ = doc
            return target
        return tf_decorator.make_decorator(func, wrapper, "deprecated", doc)

    return decorate


def deprecated_args(
    date: str | None, instructions: str, *deprecated_arg_names_or_tuples: Any, **kwargs: Any
) -> Callable:
    """Marks arguments of a function as deprecated: passing them warns.

    Args:
      date: when they go away (YYYY-MM-DD), or None.
      instructions: what to do instead.
      *deprecated_arg_names_or_tuples: names, or pairs of a name and a value that does not warn.
      warn_once: whether each warns only once (default true).

    Raises:
      ValueError: if an argument does not exist, or none is named.
    """
    _check(date, instructions)
    if not deprecated_arg_names_or_tuples:
        raise ValueError("Specify which argument is deprecated.")
    warn_once = kwargs.pop("warn_once", True)
    if kwargs:
        raise ValueError(f"Illegal argument passed to deprecated_args: {kwargs}")
    allowed = dict(
        each if isinstance(each, tuple) else (each, _NOTHING)
        for each in deprecated_arg_names_or_tuples
    )

    def decorate(func: Any) -> Any:
        _check_callable(func, "deprecated_args")
        spec = tf_inspect.getfullargspec(func)
        known = [*spec.args, *spec.kwonlyargs, spec.varargs, spec.varkw]
        lacking = [name for name in allowed if name not in known]
        if lacking:
            raise ValueError(
                "The following deprecated arguments are not present in the function signature: "
                f"{lacking}. Expected arguments from the following list: {known}."
            )
        label = _label(func)

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if _PRINT[0]:
                given = dict(zip(spec.args, args))
                given.update(kwargs)
                if spec.varargs in allowed and len(args) > len(spec.args):
                    given[spec.varargs] = args[len(spec.args) :]
                if spec.varkw in allowed and kwargs.keys() - set(spec.args) - set(spec.kwonlyargs):
                    given[spec.varkw] = kwargs
                for name, fine in allowed.items():
                    if name in given and not _same(given[name], fine):
                        _warn(
                            (func, name) if warn_once else None,
                            f"calling {label} with {name} is deprecated and will be removed "
                            f"{_when(date)}.\nInstructions for updating:\n{instructions}",
                        )
            return func(*args, **kwargs)

        doc = _noticed(
            func.__doc__,
            "(deprecated arguments)",
            "DEPRECATED FUNCTION ARGUMENTS",
            f"SOME ARGUMENTS ARE DEPRECATED: `({', '.join(sorted(allowed))})`. They will be removed "
            f"{_when(date)}.",
            instructions,
        )
        return tf_decorator.make_decorator(func, wrapper, "deprecated", doc)

    return decorate


_NOTHING: Any = object()


def _same(value: Any, other: Any) -> bool:
    if value is other:
        return True
    try:
        return bool(value == other)
    except Exception:  # arrays and tensors have no single answer: they are not the value
        return False


def deprecated_arg_values(
    date: str | None, instructions: str, warn_once: bool = True, **deprecated_kwargs: Any
) -> Callable:
    """Marks values of arguments as deprecated: `deprecated_arg_values(None, "...", mode="fast")`.

    Raises:
      ValueError: if no argument is named, or the date has another form.
    """
    _check(date, instructions)
    if not deprecated_kwargs:
        raise ValueError("Specify which argument values are deprecated.")

    def decorate(func: Any) -> Any:
        _check_callable(func, "deprecated_arg_values")
        label = _label(func)

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if _PRINT[0]:
                given = tf_inspect.getcallargs(func, *args, **kwargs)
                for name, value in deprecated_kwargs.items():
                    if name in given and _same(given[name], value):
                        _warn(
                            (func, name) if warn_once else None,
                            f"calling {label} with {name}={value} is deprecated and will be removed "
                            f"{_when(date)}.\nInstructions for updating:\n{instructions}",
                        )
            return func(*args, **kwargs)

        values = ", ".join(f"{key}={value!r}" for key, value in sorted(deprecated_kwargs.items()))
        doc = _noticed(
            func.__doc__,
            "(deprecated argument values)",
            "DEPRECATED FUNCTION ARGUMENT VALUES",
            f"SOME ARGUMENT VALUES ARE DEPRECATED: `({values})`. They will be removed {_when(date)}.",
            instructions,
        )
        return tf_decorator.make_decorator(func, wrapper, "deprecated", doc)

    return decorate


def deprecated_argument_lookup(new_name: str, new_value: Any, old_name: str, old_value: Any) -> Any:
    """The value of an argument that may be given under a new name or an old one.

    Raises:
      ValueError: if both are given.
    """
    if old_value is None:
        return new_value
    if new_value is not None:
        raise ValueError(f"Cannot specify both '{old_name}' and '{new_name}'.")
    return old_value


def deprecated_endpoints(*args: str) -> Callable:
    """Marks public names of a symbol as deprecated.

    Raises (when it decorates):
      DeprecatedNamesAlreadySetError: the second time.
    """

    def decorate(func: Any) -> Any:
        if "_tf_deprecated_api_names" in getattr(func, "__dict__", {}):
            raise DeprecatedNamesAlreadySetError(
                f"Cannot set deprecated names for {func.__name__} to {args}. Deprecated names are "
                f"already set to {func._tf_deprecated_api_names}."
            )
        func._tf_deprecated_api_names = args
        return func

    return decorate


def deprecated_alias(
    deprecated_name: str, name: str, func_or_class: Any, warn_once: bool = True
) -> Any:
    """A function or class under its old name, which warns that the name is deprecated.

    Args:
      deprecated_name: the old name, as the warning writes it.
      name: the new name.
      func_or_class: what it is.
      warn_once: whether it warns for the first call only.
    """
    told = f"The name {deprecated_name} is deprecated. Please use {name} instead.\n"
    key = (deprecated_name, name) if warn_once else None
    if inspect.isclass(func_or_class):

        class Alias(func_or_class):
            __doc__ = _noticed(
                func_or_class.__doc__,
                "(deprecated)",
                "DEPRECATED CLASS",
                "THIS CLASS IS DEPRECATED. It will be removed in a future version.",
                f"Please use {name} instead.",
            )
            __module__ = func_or_class.__module__

            def __init__(self, *args: Any, **kwargs: Any):
                _warn(key, told)
                super().__init__(*args, **kwargs)

        Alias.__name__ = func_or_class.__name__
        Alias.__qualname__ = func_or_class.__qualname__
        return Alias

    @functools.wraps(func_or_class)
    def alias(*args: Any, **kwargs: Any) -> Any:
        _warn(key, told)
        return func_or_class(*args, **kwargs)

    return tf_decorator.make_decorator(func_or_class, alias, "deprecated")


def rewrite_argument_docstring(old_doc: str, old_argument: str, new_argument: str) -> str:
    """A doc string with an argument renamed: in backquotes, and where it is described."""
    doc = old_doc.replace(f"`{old_argument}`", f"`{new_argument}`")
    return doc.replace(f"{old_argument}:", f"{new_argument}:")


def deprecate_moved_module(
    deprecated_name: str, new_module: Any, deletion_version: str
) -> Callable:
    """A `__getattr__` for a module that moved: it warns, and finds names in the new module."""

    def lookup(name: str) -> Any:
        _warn(
            ("moved", deprecated_name, name),
            f"Please fix your imports. Module {deprecated_name} has been moved to "
            f"{new_module.__name__}. The old module will be deleted in version {deletion_version}.",
        )
        return getattr(new_module, name)

    return lookup


class HiddenTfApiAttribute(property):
    """An attribute that is no part of the public class: reading it raises AttributeError."""

    def __init__(self, deprecation_message: str):
        def hidden(self: Any) -> Any:
            raise AttributeError(deprecation_message)

        super().__init__(hidden)


hide_attribute_from_api = HiddenTfApiAttribute
HIDDEN_ATTRIBUTE = HiddenTfApiAttribute("This attribute has been deprecated.")
