"""The warning of functions that are traced again and again: as seldom as TensorFlow gives it.

Functions made of the same piece of Python share one history, so that a `tf.function` in a loop is noticed
too; only calls from eager code count, so that recursion and functions in functions do not.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

_TRACES = 5  # as many among the latest calls are told of
_LATEST = 10  # calls, before the latest trace
_WARNINGS = 2  # for one piece of code


class History(list[int]):
    """How many calls there were from each of the latest traces on to the next."""

    warnings = 0


_histories: weakref.WeakKeyDictionary[Any, History] = weakref.WeakKeyDictionary()


def history_of(python_function: Callable) -> History:
    """The history that functions made of this piece of code share."""
    code: Any = python_function
    while hasattr(code, "__wrapped__"):
        code = code.__wrapped__
    code = getattr(code, "__func__", code)
    code = getattr(code, "__code__", code)
    try:
        return _histories.setdefault(code, History([0]))
    except TypeError:  # an object that cannot be hashed, or not be referred to weakly
        return History([0])


def traced(history: History, function: Any) -> None:
    """Notes that a call traced the function; warns where that happens too often."""
    if history[0] == 0:
        del history[0]
    history.append(1)
    while sum(history) - history[0] > _LATEST:
        del history[0]
    if len(history) >= _TRACES and history.warnings < _WARNINGS:
        from reflow.platform import tf_logging

        history.warnings += 1
        tf_logging.warning(
            "%d out of the last %d calls to %r triggered tf.function retracing. Tracing is expensive: create the "
            "tf.function outside of loops, pass tensors rather than Python numbers, or use "
            "reduce_retracing=True for shapes that change.",
            len(history),
            sum(history),
            function,
        )
