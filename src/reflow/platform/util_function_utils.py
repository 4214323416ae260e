"""Questions about functions: `tensorflow.python.util.function_utils`."""

from __future__ import annotations

import functools
from typing import Any

from reflow.platform import util_tf_inspect as tf_inspect
from reflow.platform.util_tf_decorator import unwrap


def fn_args(fn: Any) -> tuple[str, ...]:
    """The names of the arguments that a call of `fn` may give, without the bound `self`.

    Raises:
      ValueError: if `fn` is not callable.
    """
    if isinstance(fn, functools.partial):
        names = fn_args(fn.func)[len(fn.args) :]
        return tuple(name for name in names if name not in fn.keywords)
    if not callable(fn):
        raise ValueError(f"fn should be a callable, but is {fn!r}")
    is_bound = tf_inspect.ismethod(fn)
    if not tf_inspect.isfunction(fn) and not is_bound and not tf_inspect.isclass(fn):
        fn, is_bound = type(fn).__call__, True
    spec = tf_inspect.getfullargspec(fn)
    names = [*spec.args, *spec.kwonlyargs]
    return tuple(names[1:] if is_bound and names else names)


def has_kwargs(fn: Any) -> bool:
    """Whether `fn` takes any keyword arguments (`**kwargs`).

    Raises:
      TypeError: if `fn` is not callable.
    """
    if isinstance(fn, functools.partial):
        return has_kwargs(fn.func)
    if not callable(fn):
        raise TypeError(
            f"Argument `fn` should be a callable. Received: fn={fn} (of type {type(fn)})"
        )
    if not (tf_inspect.isfunction(fn) or tf_inspect.ismethod(fn) or tf_inspect.isclass(fn)):
        fn = type(fn).__call__
    return tf_inspect.getfullargspec(fn).varkw is not None


def get_func_name(func: Any) -> str:
    """A name for a callable, for messages.

    Raises:
      ValueError: if `func` is not callable.
    """
    _, func = unwrap(func)
    if not callable(func):
        raise ValueError(
            f"Argument `func` must be a callable. Received func={func} (of type {type(func)})"
        )
    if tf_inspect.isfunction(func) or tf_inspect.ismethod(func):
        return func.__qualname__.rpartition("<locals>.")[2]
    return str(type(func))


def get_func_code(func: Any) -> Any:
    """The code object of a function, or None.

    Raises:
      ValueError: if `func` is not callable.
    """
    _, func = unwrap(func)
    if not callable(func):
        raise ValueError(
            f"Argument `func` must be a callable. Received func={func} (of type {type(func)})"
        )
    return getattr(func, "__code__", None)
