"""Decorators that remember what they wrap: `tensorflow.python.util.tf_decorator`.

A wrapper made by `make_decorator` carries `_tf_decorator`, by which `tf_inspect` and `unwrap` find the
function that the user wrote.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from reflow.lang.export import export


class TFDecorator:
    """What a wrapper knows: its name, the decorated target, a documentation and an argument spec."""

    def __init__(
        self,
        decorator_name: str,
        target: Any,
        decorator_doc: str = "",
        decorator_argspec: inspect.FullArgSpec | None = None,
    ):
        self._name = decorator_name
        self._target = target
        self._doc = decorator_doc
        self._argspec = decorator_argspec
        self.__signature__: inspect.Signature | None = None
        if hasattr(target, "__name__"):
            self.__name__ = target.__name__
        if hasattr(target, "__qualname__"):
            self.__qualname__ = target.__qualname__
        self.__doc__ = decorator_doc or getattr(target, "__doc__", None) or ""
        if decorator_argspec is not None:
            self.__signature__ = fullargspec_to_signature(decorator_argspec)
        elif callable(target):
            try:
                self.__signature__ = inspect.signature(target)
            except (TypeError, ValueError):  # a builtin without one
                self.__signature__ = None

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self._target.__get__(instance, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._target(*args, **kwargs)

    @property
    def decorated_target(self) -> Any:
        return self._target

    @decorated_target.setter
    def decorated_target(self, target: Any) -> None:
        self._target = target

    @property
    def decorator_name(self) -> str:
        return self._name

    @property
    def decorator_doc(self) -> str:
        return self._doc

    @property
    def decorator_argspec(self) -> inspect.FullArgSpec | None:
        return self._argspec


@export("__internal__.decorator.make_decorator")
def make_decorator(
    target: Any,
    decorator_func: Callable[..., Any],
    decorator_name: str | None = None,
    decorator_doc: str = "",
    decorator_argspec: inspect.FullArgSpec | None = None,
) -> Callable[..., Any]:
    """Makes `decorator_func` the wrapper of `target`: with its name, module, doc and signature.

    Args:
      target: what is decorated.
      decorator_func: the function that calls it.
      decorator_name: the decorator's name; by default that of the calling function.
      decorator_doc: a doc string in place of the target's.
      decorator_argspec: an argument spec in place of the target's.

    Returns:
      `decorator_func`.
    """
    if decorator_name is None:
        frame = inspect.currentframe()
        assert frame is not None and frame.f_back is not None
        decorator_name = frame.f_back.f_code.co_name
    decorator = TFDecorator(decorator_name, target, decorator_doc, decorator_argspec)
    wrapper: Any = decorator_func
    wrapper._tf_decorator = decorator
    for name in ("__name__", "__qualname__", "__module__"):
        if hasattr(target, name):
            setattr(wrapper, name, getattr(target, name))
    for name, value in getattr(target, "__dict__", {}).items():
        wrapper.__dict__.setdefault(name, value)
    wrapper.__doc__ = decorator.__doc__
    wrapper.__wrapped__ = target
    wrapper.__original_wrapped__ = target
    if decorator.__signature__ is not None:
        wrapper.__signature__ = decorator.__signature__
    return wrapper


def rewrap(decorator_func: Any, previous_target: Any, new_target: Any) -> Any:
    """Puts `new_target` in the place of `previous_target` within a chain of wrappers.

    Returns:
      The outermost wrapper; `new_target` if `decorator_func` is `previous_target` itself.
    """
    innermost = None
    current = decorator_func
    while _has_decorator(current) and current is not previous_target:
        innermost = current
        current = current._tf_decorator.decorated_target
    if innermost is None:
        return new_target
    innermost._tf_decorator.decorated_target = new_target
    innermost.__wrapped__ = new_target
    return decorator_func


@export("__internal__.decorator.unwrap")
def unwrap(maybe_tf_decorator: Any) -> tuple[list[TFDecorator], Any]:
    """The decorators around a function, outermost first, and the function itself."""
    decorators: list[TFDecorator] = []
    current = maybe_tf_decorator
    while True:
        if isinstance(current, TFDecorator):
            decorators.append(current)
        elif _has_decorator(current):
            decorators.append(current._tf_decorator)
        else:
            return decorators, current
        current = decorators[-1].decorated_target


def _has_decorator(value: Any) -> bool:
    # Looked up without calling __getattr__, which mocks and proxies answer for any name.
    held = getattr(value, "__dict__", {})
    found = held.get("_tf_decorator") if hasattr(held, "get") else None
    if found is None and inspect.ismethod(value):
        found = value.__func__.__dict__.get("_tf_decorator")
    return isinstance(found, TFDecorator)


def fullargspec_to_signature(fullargspec: inspect.FullArgSpec) -> inspect.Signature:
    """The `inspect.Signature` that says what an argument spec does."""
    parameters = []
    defaults = fullargspec.defaults or ()
    first = len(fullargspec.args) - len(defaults)
    make = functools.partial(inspect.Parameter)
    for i, name in enumerate(fullargspec.args):
        default = defaults[i - first] if i >= first else inspect.Parameter.empty
        parameters.append(make(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default))
    if fullargspec.varargs is not None:
        parameters.append(make(fullargspec.varargs, inspect.Parameter.VAR_POSITIONAL))
    for name in fullargspec.kwonlyargs:
        default = (fullargspec.kwonlydefaults or {}).get(name, inspect.Parameter.empty)
        parameters.append(make(name, inspect.Parameter.KEYWORD_ONLY, default=default))
    if fullargspec.varkw is not None:
        parameters.append(make(fullargspec.varkw, inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(parameters)
