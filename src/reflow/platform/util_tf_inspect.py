"""`inspect` that looks through decorators: `tensorflow.python.util.tf_inspect`."""

from __future__ import annotations

import functools
import inspect
from collections import namedtuple
from collections.abc import Callable
from typing import Any

from reflow.platform.util_tf_decorator import unwrap

ArgSpec = namedtuple("ArgSpec", ["args", "varargs", "keywords", "defaults"])
FullArgSpec = inspect.FullArgSpec
Parameter = inspect.Parameter
Signature = inspect.Signature
_empty = inspect.Parameter.empty

currentframe = inspect.currentframe
getframeinfo = inspect.getframeinfo
getmro = inspect.getmro
stack = inspect.stack


def signature(obj: Any, *, follow_wrapped: bool = True) -> inspect.Signature:
    """The signature of what `obj` decorates."""
    return inspect.signature(unwrap(obj)[1], follow_wrapped=follow_wrapped)


def getfullargspec(obj: Any) -> inspect.FullArgSpec:
    """The argument spec of what `obj` decorates, or the one that a decorator declares.

    Raises:
      TypeError: if `obj` is not callable.
    """
    decorators, target = unwrap(obj)
    for decorator in decorators:
        if decorator.decorator_argspec is not None:
            return _to_full(decorator.decorator_argspec)
    return inspect.getfullargspec(target)


def _to_full(spec: Any) -> inspect.FullArgSpec:
    if isinstance(spec, inspect.FullArgSpec):
        return spec
    return inspect.FullArgSpec(spec.args, spec.varargs, spec.keywords, spec.defaults, [], None, {})


def getargspec(obj: Any) -> ArgSpec:
    """The positional arguments of a function, a class, a callable or a `functools.partial`.

    Raises:
      ValueError: if a partial fixes an argument before one without a default.
      TypeError: if `obj` is not callable.
    """
    if isinstance(obj, functools.partial):
        return _partial_argspec(obj)
    decorators, target = unwrap(obj)
    for decorator in decorators:
        if decorator.decorator_argspec is not None:
            spec = _to_full(decorator.decorator_argspec)
            return ArgSpec(spec.args, spec.varargs, spec.varkw, spec.defaults)
    if inspect.isclass(target):
        init = target.__init__ if target.__init__ is not object.__init__ else target.__new__
        target = init
    elif not (inspect.isfunction(target) or inspect.ismethod(target)) and callable(target):
        if inspect.isfunction(type(target).__call__):
            target = type(target).__call__
    spec = inspect.getfullargspec(target)
    return ArgSpec(spec.args, spec.varargs, spec.varkw, spec.defaults)


def _partial_argspec(partial: functools.partial) -> ArgSpec:
    spec = getargspec(partial.func)
    args = spec.args[len(partial.args) :]
    if inspect.ismethod(partial.func):
        args = args[1:]
    no_default = object()
    defaults = [no_default] * (len(spec.args) - len(spec.defaults or ())) + [*(spec.defaults or ())]
    by_name = dict(zip(spec.args, defaults))
    by_name.update(partial.keywords)
    kept = [by_name[name] for name in args]
    first = next((i for i, value in enumerate(kept) if value is not no_default), len(kept))
    for name, value in zip(args[first:], kept[first:]):
        if value is no_default:
            raise ValueError(
                f"Some arguments {[name]} do not have default value, but they are positioned after "
                "those with default values. This can not be expressed with ArgSpec."
            )
    return ArgSpec(args, spec.varargs, spec.keywords, tuple(kept[first:]) or None)


def getcallargs(*func_and_positional: Any, **named: Any) -> dict[str, Any]:
    """The values of the parameters of `func` in the call `func(*positional, **named)`."""
    func, *positional = func_and_positional
    spec = getfullargspec(func)
    call = dict(named)
    receiver = getattr(func, "__self__", None)
    if inspect.ismethod(func) and receiver is not None:
        positional.insert(0, receiver)
    call.update(zip(spec.args, positional))
    if spec.defaults:
        for name, value in zip(spec.args[-len(spec.defaults) :], spec.defaults):
            call.setdefault(name, value)
    for name, value in (spec.kwonlydefaults or {}).items():
        call.setdefault(name, value)
    return call


def _through(name: str) -> Callable[[Any], Any]:
    inner = getattr(inspect, name)

    def look(object: Any) -> Any:
        return inner(unwrap(object)[1])

    look.__name__ = name
    look.__doc__ = f"`inspect.{name}` of what `object` decorates."
    return look


getfile = _through("getfile")
getsource = _through("getsource")
getsourcefile = _through("getsourcefile")
getsourcelines = _through("getsourcelines")
isbuiltin = _through("isbuiltin")
isclass = _through("isclass")
isframe = _through("isframe")
isfunction = _through("isfunction")
isgenerator = _through("isgenerator")
isgeneratorfunction = _through("isgeneratorfunction")
ismethod = _through("ismethod")
ismodule = _through("ismodule")
isroutine = _through("isroutine")


def getdoc(object: Any) -> str | None:
    """The doc string of `object`, its own and not that of what it decorates."""
    return inspect.getdoc(object)


def getmodule(object: Any) -> Any:
    """The module in which `object` was defined."""
    return inspect.getmodule(object)


def getmembers(object: Any, predicate: Callable[[Any], bool] | None = None) -> list[Any]:
    """The members of `object` as pairs of name and value."""
    return inspect.getmembers(object, predicate)


def isanytargetmethod(object: Any) -> bool:
    """Whether `object`, or something that it decorates, is a method."""
    decorators, target = unwrap(object)
    return any(inspect.ismethod(d.decorated_target) for d in decorators) or inspect.ismethod(target)
