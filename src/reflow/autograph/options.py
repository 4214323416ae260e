"""What programs say to AutoGraph: options of loops, verbosity, features."""

from __future__ import annotations

import enum
import os
import sys
from typing import Any

from reflow.lang.export import export
from reflow.platform import tf_logging

_UNSAID: Any = object()


@export("autograph.experimental.set_loop_options")
def set_loop_options(
    parallel_iterations: Any = _UNSAID,
    swap_memory: Any = _UNSAID,
    maximum_iterations: Any = _UNSAID,
    shape_invariants: Any = _UNSAID,
) -> None:
    """Sets options of the loop whose body begins with this call, if that loop becomes a node.

    Args:
      parallel_iterations: has no influence on the result.
      swap_memory: has no influence on the result.
      maximum_iterations: an integer or an integer scalar: how often the body runs at the most.
      shape_invariants: a list of pairs of a loop variable and the static shape that it has in all
        iterations.

    >>> import reflow as tf
    >>> @tf.autograph.to_graph
    ... def count(n):
    ...   total = 0
    ...   for i in tf.range(n):
    ...     tf.autograph.experimental.set_loop_options(maximum_iterations=3)
    ...     total += i
    ...   return total
    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    ...   print(session.run(count(tf.constant(10))))
    3
    """


@export("autograph.experimental.Feature")
class Feature(enum.Enum):
    """Optional features: `tf.function(..., experimental_autograph_options=Feature.EQUALITY_OPERATORS)`.

    `EQUALITY_OPERATORS` converts `==` and `!=`, which only makes a difference after
    `tf.compat.v1.disable_tensor_equality()`. `BUILTIN_FUNCTIONS` converts `print`, which then prints
    values when the graph runs, rather than symbolic tensors when it is traced; the other built-in
    functions are converted always. So are assertions, control dependencies are automatic, and name
    scopes are those of the program: these features are accepted and change nothing. `LISTS`, alone or
    in `ALL`, is refused in a function that it would change.

    >>> import reflow as tf
    >>> tf.autograph.experimental.Feature.LISTS.value
    'LISTS'
    """

    ALL = "ALL"
    AUTO_CONTROL_DEPS = "AUTO_CONTROL_DEPS"
    ASSERT_STATEMENTS = "ASSERT_STATEMENTS"
    BUILTIN_FUNCTIONS = "BUILTIN_FUNCTIONS"
    EQUALITY_OPERATORS = "EQUALITY_OPERATORS"
    LISTS = "LISTS"
    NAME_SCOPES = "NAME_SCOPES"

    @classmethod
    def all(cls) -> tuple[Feature, ...]:
        """All features."""
        return tuple(cls)

    @classmethod
    def all_but(cls, exclude: Any) -> tuple[Feature, ...]:
        """All features without some."""
        excluded = exclude if isinstance(exclude, (list, tuple, set)) else (exclude,)
        return tuple(set(cls) - set(excluded) - {cls.ALL})


# What is logged -----------------------------------------------------------------------------------

_level: list[int | None] = [None]
_to_stdout = [hasattr(sys, "ps1")]


@export("autograph.set_verbosity")
def set_verbosity(level: int, alsologtostdout: bool = False) -> None:
    """How much AutoGraph logs of what it does: 0 is nothing, 10 everything.

    Args:
      level: the level; until it is set, that of the environment variable `AUTOGRAPH_VERBOSITY`.
      alsologtostdout: whether to print the messages too.

    >>> import reflow as tf
    >>> tf.autograph.set_verbosity(0)
    """
    _level[0] = level
    _to_stdout[0] = alsologtostdout


@export("autograph.trace")
def trace(*args: Any) -> None:
    """Prints its arguments when the function is traced: tensors show as tensors, not as values.

    >>> import reflow as tf
    >>> tf.autograph.trace("traced")
    traced
    """
    print(*args)


def verbosity() -> int:
    level = _level[0]
    return int(os.environ.get("AUTOGRAPH_VERBOSITY", "0")) if level is None else level


def log(level: int, message: str, *args: Any) -> None:
    """Logs a message if the verbosity asks for it."""
    if verbosity() >= level:
        tf_logging.info(message, *args)
        if _to_stdout[0]:
            print(message % args)


def warn(message: str, *args: Any) -> None:
    tf_logging.warning(message, *args)
    if _to_stdout[0]:
        print("WARNING: " + message % args)
