"""Calls in converted code: what is called is converted too, or left alone."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from reflow.autograph import branches, loops, state
from reflow.autograph.builtin_functions import OVERLOADS
from reflow.autograph.compile import Options, converted, is_generated
from reflow.autograph.expressions import Unsupported
from reflow.autograph.options import log, warn
from reflow.autograph.policy import artifact, is_artifact, leave_alone, left_alone, of_test_case
from reflow.autograph.source import NoSource
from reflow.autograph.status import Status, current

DEFAULT = Options()
_BUILTIN = types.BuiltinFunctionType
_FUNCTION = types.FunctionType
_METHOD = types.MethodType


def converted_call(
    f: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    options: Options = DEFAULT,
    requested: bool = False,
) -> Any:
    """`f(*args, **kwargs)`, with `f` converted if it is a function of the user.

    Args:
      f: anything that can be called.
      args, kwargs: the arguments; None stands for no keyword arguments.
      options: how functions are converted.
      requested: whether the user asked for this very function, of a library though it may be.
    """
    kind = type(f)
    if kind is _BUILTIN or kind is type:
        try:
            f = OVERLOADS.get(f, f)
        except TypeError:  # a method of something that has no hash
            return f(*args, **kwargs) if kwargs else f(*args)
        return f(*args, **kwargs) if kwargs else f(*args)
    function, given = f, args
    if kind is _METHOD:
        function, given = f.__func__, (f.__self__, *args)
    elif kind is functools.partial:
        return converted_call(
            f.func, (*f.args, *args), {**f.keywords, **(kwargs or {})}, options, requested
        )
    elif kind is not _FUNCTION and not isinstance(f, type):
        function, given = _call_method(kind), (f, *args)
    new = None
    if type(function) is _FUNCTION:
        new = _converted(function, given, options, requested)
    if new is None:
        return f(*args, **kwargs) if kwargs else f(*args)
    return new(*given, **kwargs) if kwargs else new(*given)


def _call_method(kind: type) -> Any:
    """The method by which objects of a class are called."""
    for each in kind.__mro__:
        if "__call__" in each.__dict__:
            return each.__dict__["__call__"]
    return None


def _converted(
    function: types.FunctionType, given: tuple[Any, ...], options: Options, requested: bool
) -> Callable[..., Any] | None:
    """The converted form of a function; None if it is called as it is."""
    if current() is Status.DISABLED or is_artifact(function):
        return None
    if is_generated(function.__code__):
        return None
    if not requested and (not options.recursive or left_alone(function) or of_test_case(given)):
        return None
    try:
        new = converted(function, options, operators(options))
        log(2, "Converted %s", function)
        return new
    except (NoSource, Unsupported) as error:
        if not left_alone(function):
            warn(
                "AutoGraph could not transform %s and will run it as-is.\nCause: %s\nTo silence this "
                "warning, decorate the function with @tf.autograph.experimental.do_not_convert",
                function,
                error,
            )
            leave_alone(function)
        return None


@functools.cache
def operators(options: Options) -> Any:
    """What generated code knows as `ag__`."""
    own: Callable[..., Any] = converted_call
    if options != DEFAULT:
        own = functools.partial(converted_call, options=options)
    return types.SimpleNamespace(
        Undefined=state.Undefined,
        and_=branches.and_,
        artifact=artifact,
        assert_stmt=branches.assert_stmt,
        converted_call=own,
        eq=branches.eq,
        for_stmt=loops.for_stmt,
        if_exp=branches.if_exp,
        if_stmt=branches.if_stmt,
        ld=state.ld,
        ldu=state.ldu,
        locals_=state.locals_,
        no_return_value=state.no_return_value,
        none_of=branches.none_of,
        not_=branches.not_,
        not_eq=branches.not_eq,
        or_=branches.or_,
        returned=state.returned,
        while_stmt=loops.while_stmt,
    )
