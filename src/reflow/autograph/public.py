"""The functions by which the rest of Reflow, and programs, have functions converted."""

from __future__ import annotations

import ast
import functools
import types
from collections.abc import Callable
from typing import Any

from reflow.autograph.call import converted_call, operators
from reflow.autograph.compile import Options, converted, tree_of
from reflow.autograph.expressions import Unsupported
from reflow.autograph.options import Feature
from reflow.autograph.policy import artifact, is_artifact
from reflow.autograph.source import NoSource
from reflow.autograph.status import Status, current, using
from reflow.lang.export import export


class ConversionError(Exception):
    """A function cannot be converted."""


def convert(
    f: Callable[..., Any], recursive: bool = True, optional_features: Any = None
) -> Callable[..., Any]:
    """A function that does what `f` does, with control flow over tensors.

    Args:
      f: anything that can be called. What is converted already, or not to be, is returned as it is.
      recursive: whether functions that `f` calls are converted too.
      optional_features: a `tf.autograph.experimental.Feature`, or several.
    """
    if is_artifact(f):
        return f
    options = _options(recursive, optional_features)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with using(Status.ENABLED):
            return converted_call(f, args, kwargs, options, requested=True)

    if isinstance(f, (types.FunctionType, types.MethodType)):
        functools.update_wrapper(wrapper, f)
    return artifact(wrapper)


@export("__internal__.autograph.tf_convert")
def tf_convert(
    f: Callable[..., Any],
    ctx: Any = None,
    convert_by_default: bool = True,
    user_requested: bool = False,
) -> Callable[..., Any]:
    """`f` as code converts it that takes functions: converted, unless `ctx` is against it.

    Args:
      f: the function that was given.
      ctx: what `control_status_ctx()` says where `f` was given; now, if it is None.
      convert_by_default: what to do if it says nothing.
      user_requested: whether functions of libraries are converted too.

    >>> import reflow as tf
    >>> tf.__internal__.autograph.tf_convert(lambda x: x + 1)(2)
    3
    """
    if is_artifact(f):
        return f
    status = getattr(ctx, "status", None) or current()
    if status is Status.DISABLED:
        return do_not_convert(f)
    if status is Status.UNSPECIFIED and not convert_by_default:
        return f

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with using(Status.ENABLED):
            return converted_call(f, args, kwargs, requested=user_requested)

    if isinstance(f, (types.FunctionType, types.MethodType)):
        functools.update_wrapper(wrapper, f)
    return artifact(wrapper)


@export("__internal__.autograph.control_status_ctx")
def control_status_ctx() -> Any:
    """Whether the code that runs now is converted: an object with a `status`.

    >>> import reflow as tf
    >>> tf.__internal__.autograph.control_status_ctx().status.name
    'UNSPECIFIED'
    """
    return types.SimpleNamespace(status=current())


@export("autograph.experimental.do_not_convert")
def do_not_convert(func: Callable[..., Any] | None = None) -> Any:
    """A decorator: the function, and what it calls, is called as it is.

    Args:
      func: the function; without it, the decorator is returned.

    >>> import reflow as tf
    >>> @tf.autograph.experimental.do_not_convert
    ... def twice(x):
    ...   return 2 * x
    >>> twice(3)
    6
    """
    if func is None:
        return do_not_convert

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with using(Status.DISABLED):
            return func(*args, **kwargs)

    if isinstance(func, (types.FunctionType, types.MethodType)):
        functools.update_wrapper(wrapper, func)
    return artifact(wrapper)


@export(v2=("autograph.to_graph",))
def to_graph(
    entity: Callable[..., Any], recursive: bool = True, experimental_optional_features: Any = None
) -> Callable[..., Any]:
    """The converted form of a function: one that makes nodes where control flow is over tensors.

    Unlike `tf.function` it makes no graph of its own and keeps nothing from call to call.

    Args:
      entity: a function or method; of a method, the function with `self` as its first argument.
      recursive: whether functions that it calls are converted too.
      experimental_optional_features: a `tf.autograph.experimental.Feature`, or several.

    Raises:
      ConversionError: if it cannot be converted.

    >>> import reflow as tf
    >>> def f(x):
    ...   if x > 0:
    ...     return x * x
    ...   return -x
    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    ...   print(session.run(tf.autograph.to_graph(f)(tf.constant(-3))))
    3
    """
    function, options = _function_of(entity), _options(recursive, experimental_optional_features)
    try:
        return artifact(converted(function, options, operators(options)))
    except (NoSource, Unsupported) as error:
        raise ConversionError(f"converting {entity}: {type(error).__name__}: {error}") from None


@export(v1=("autograph.to_graph",))
def to_graph_v1(
    entity: Callable[..., Any],
    recursive: bool = True,
    arg_values: Any = None,
    arg_types: Any = None,
    experimental_optional_features: Any = None,
) -> Callable[..., Any]:
    """TF 1's `tf.autograph.to_graph`: `arg_values` and `arg_types` have no influence, as there."""
    return to_graph(entity, recursive, experimental_optional_features)


@export(v2=("autograph.to_code",))
def to_code(
    entity: Callable[..., Any], recursive: bool = True, experimental_optional_features: Any = None
) -> str:
    """The source code of the converted form of a function, as text to look at.

    Args, errors: as for `tf.autograph.to_graph`.

    >>> import reflow as tf
    >>> def f(x):
    ...   if x < 0:
    ...     x = -x
    ...   return x
    >>> print(tf.autograph.to_code(f).splitlines()[0])
    def tf__f(x):
    """
    function = _function_of(entity)
    try:
        tree = tree_of(function, _options(recursive, experimental_optional_features))
    except (NoSource, Unsupported) as error:
        raise ConversionError(f"converting {entity}: {type(error).__name__}: {error}") from None
    if isinstance(tree, ast.Lambda):
        return f"tf__lam = {ast.unparse(ast.fix_missing_locations(tree))}"
    tree.name = f"tf__{tree.name}"
    return ast.unparse(ast.fix_missing_locations(tree))


@export(v1=("autograph.to_code",))
def to_code_v1(
    entity: Callable[..., Any],
    recursive: bool = True,
    arg_values: Any = None,
    arg_types: Any = None,
    indentation: str = "  ",
    experimental_optional_features: Any = None,
) -> str:
    """TF 1's `tf.autograph.to_code`: the further arguments have no influence, as there."""
    return to_code(entity, recursive, experimental_optional_features)


def _function_of(entity: Any) -> types.FunctionType:
    function = entity.__func__ if isinstance(entity, types.MethodType) else entity
    if not isinstance(function, types.FunctionType):
        raise ConversionError(
            f"converting {entity}: Cannot apply autograph to a function that doesn't expose a "
            "__code__ object. If this is a @tf.function, try passing f.python_function instead."
        )
    return function


def _options(recursive: bool, features: Any) -> Options:
    if features is None:
        features = ()
    elif isinstance(features, Feature):
        features = (features,)
    features = set(features)
    every = Feature.ALL in features
    return Options(
        recursive=recursive,
        equality=every or Feature.EQUALITY_OPERATORS in features,
        lists=every or Feature.LISTS in features,
        prints=every or Feature.BUILTIN_FUNCTIONS in features,
    )
