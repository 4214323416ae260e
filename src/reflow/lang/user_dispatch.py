"""How programs let their own types answer public functions: `tf.experimental.dispatch_for_api` and its kind.

https://www.tensorflow.org/guide/extension_type#tensor_api_dispatch. Every public function of an op family
has a list of targets; the one whose types fit the arguments of a call is called in place of the function.
"""

from __future__ import annotations

import collections.abc
import functools
import importlib
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang import api_dispatch
from reflow.lang.elementwise_names import ASSERTIONS, BINARY, UNARY
from reflow.lang.export import export
from reflow.lang.tensor import Tensor

_SEQUENCES = (list, collections.abc.Sequence)
_CANNOT_DECIDE = (Tensor, int, float, bool, str, bytes, complex, type(None))


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a value is of an annotated type."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin in _SEQUENCES:
        return (
            isinstance(value, (list, tuple))
            and bool(value)
            and all(_fits(each, arguments[0]) for each in value)
        )
    return isinstance(value, type(None) if annotation is None else annotation)


def _classes(annotation: Any) -> list[type]:
    """The classes that an annotation names.

    Raises:
      ValueError: if it is of another form.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType) or origin in _SEQUENCES:
        return [kind for each in arguments for kind in _classes(each)]
    if annotation is None:
        return [type(None)]
    if not isinstance(annotation, type) or origin is not None:
        raise ValueError(
            f"Type annotation {annotation!r} is not currently supported by dispatch. Supported "
            "annotations: types, List[...], and Union[...]"
        )
    return [annotation]


class _Target:
    """A function of the user that answers for a public one.

    Args:
      function: what the user gave.
      rows: for each way to be asked, the annotations of parameters by name.
      answer: called with the public function and the arguments of the call.
    """

    def __init__(
        self, function: Callable, rows: Sequence[dict[str, Any]], answer: Callable[..., Any]
    ):
        self.function = function
        self.rows = rows
        self.answer = answer
        kinds = [kind for row in rows for each in row.values() for kind in _classes(each)]
        deciding = [kind for kind in kinds if kind not in _CANNOT_DECIDE]
        self.kinds = deciding or kinds

    def fits(self, given: dict[str, Any]) -> bool:
        return any(
            all(name in given and _fits(given[name], each) for name, each in row.items())
            for row in self.rows
        )


_targets: dict[str, list[_Target]] = {}  # by the place of the public function
_unary: dict[Any, Callable] = {}
_binary: dict[Any, Callable] = {}
_assertions: dict[Any, Callable] = {}


def _changed(place: str) -> None:
    """Tells the dispatcher of the targets of a function."""
    targets = _targets.get(place, [])
    kinds = list(dict.fromkeys(kind for each in targets for kind in each.kinds))
    handler = functools.partial(_answer, place) if targets else None
    api_dispatch.set_first_handler(place, handler, kinds)


def _answer(place: str, function: Callable, *args: Any, **kwargs: Any) -> Any:
    """What the one target that fits says; `NotImplemented` if none does."""
    try:
        given = inspect.signature(function).bind_partial(*args, **kwargs).arguments
    except TypeError:
        return NotImplemented
    fitting = [each for each in _targets[place] if each.fits(given)]
    if not fitting:
        return NotImplemented
    if len(fitting) > 1:
        shown = " and ".join(repr(each.function) for each in fitting)
        raise ValueError(
            f"Multiple dispatch targets that were registered with tf.dispatch_for ({shown}) match "
            f"the arguments to {function.__name__}"
        )
    return fitting[0].answer(api_dispatch.shell_of(function), *args, **kwargs)


def _plain_signature(function: Callable) -> inspect.Signature:
    found = inspect.signature(function)
    parameters = [
        each.replace(annotation=inspect.Parameter.empty) for each in found.parameters.values()
    ]
    return found.replace(parameters=parameters, return_annotation=inspect.Signature.empty)


def _check_same_parameters(target: Callable, api: inspect.Signature) -> None:
    mine = _plain_signature(target)
    wanted = [(p.name, p.kind) for p in api.parameters.values()]
    given = [(p.name, p.kind) for p in mine.parameters.values()]
    if given != wanted and given != [each for each in wanted if each[0] != "name"]:
        raise ValueError(
            f"Dispatch function's signature {mine} does not match API's signature {api}."
        )


@export("experimental.dispatch_for_api")
def dispatch_for_api(api: Any, *signatures: Any) -> Callable[[Callable], Callable]:
    """Lets the decorated function answer for a public function where arguments are of certain types.

    Args:
      api: a public function, such as `tf.concat`.
      *signatures: dictionaries from parameters (names or positions) to types, `List` and `Union` of
        types; by default the annotations of the decorated function.

    Raises:
      ValueError: if `api` cannot be answered for, the parameters differ from its own, or no types are
        said.

    >>> import reflow as tf
    >>> class Celsius(tf.experimental.ExtensionType):
    ...     degrees: tf.Tensor
    >>> @tf.experimental.dispatch_for_api(tf.reduce_max)
    ... def warmest(input_tensor: Celsius, axis=None, keepdims=False):
    ...     return tf.reduce_max(input_tensor.degrees, axis, keepdims)
    >>> int(tf.reduce_max(Celsius([3, 21, 8])))
    21
    """
    place = api_dispatch.place_of(api)
    if place is None:
        raise ValueError(f"{api!r} does not support dispatch.")
    own = _plain_signature(api)
    names = list(own.parameters)
    rows = []
    for signature in signatures:
        row = {}
        for key, annotation in signature.items():
            if isinstance(key, int) and key < len(names):
                key = names[key]
            if key not in own.parameters:
                raise ValueError(f"signature includes annotation for unknown parameter {key!r}.")
            row[key] = annotation
        rows.append(row)

    def decorator(target: Callable) -> Callable:
        found = rows
        if not found:
            hints = typing.get_type_hints(target)
            hints.pop("return", None)
            if not hints:
                raise ValueError(
                    "The dispatch_for_api decorator must be called with at least one signature, or "
                    "applied to a function that has type annotations on its parameters."
                )
            found = [hints]
        _check_same_parameters(target, own)
        named = "name" in inspect.signature(target).parameters

        def answer(function: Callable, *args: Any, **kwargs: Any) -> Any:
            if not named:
                kwargs.pop("name", None)
                if "name" in names:
                    args = args[: names.index("name")]
            return target(*args, **kwargs)

        _targets.setdefault(place, []).append(_Target(target, found, answer))
        _changed(place)
        return target

    return decorator


def _elementwise(count: int, names: Sequence[str], kinds: Sequence[Any], handler: Callable) -> None:
    """Makes `handler` a target of public functions whose first `count` arguments are of `kinds`."""
    maps = importlib.import_module("reflow._api")
    places = {table[name] for name in names for table in (maps.V1, maps.V2) if name in table}
    for place in sorted(places):
        module, _, attribute = place.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if not inspect.isfunction(found):
            continue
        first = list(inspect.signature(found).parameters)[:count]
        row = dict(zip(first, kinds))
        answer = functools.partial(_of_elements, handler, first)
        _targets.setdefault(place, []).append(_Target(handler, [row], answer))
        _changed(place)


def _of_elements(
    handler: Callable, first: Sequence[str], function: Callable, *args: Any, **kwargs: Any
) -> Any:
    """Calls `handler` with the function, to which all but the first arguments are given already."""
    kwargs.pop("name", None)
    values = [args[i] if i < len(args) else kwargs.pop(name) for i, name in enumerate(first)]
    rest = args[len(first) :]
    if not rest and not kwargs:
        return handler(function, *values)
    return handler(lambda *operands: function(*operands, *rest, **kwargs), *values)


def _register(
    what: str, known: dict[Any, Callable], names: Sequence[str], kinds: tuple[Any, ...]
) -> Callable[[Callable], Callable]:
    key = kinds[0] if len(kinds) == 1 else kinds

    def decorator(handler: Callable) -> Callable:
        if key in known:
            raise ValueError(
                f"A {what} dispatch handler ({known[key]!r}) has already been registered for "
                f"{key!r}."
            )
        for kind in kinds:
            _classes(kind)
        _elementwise(len(kinds), names, kinds, handler)
        known[key] = handler
        return handler

    return decorator


@export("experimental.dispatch_for_unary_elementwise_apis")
def dispatch_for_unary_elementwise_apis(x_type: Any) -> Callable[[Callable], Callable]:
    """Lets the decorated function answer for all public functions that change each element.

    Args:
      x_type: the type of the first argument.

    Returns:
      A decorator of functions of the public function and of its first argument.

    Raises:
      ValueError: if the type has such a function already.

    >>> import reflow as tf
    >>> class Celsius(tf.experimental.ExtensionType):
    ...     degrees: tf.Tensor
    >>> @tf.experimental.dispatch_for_unary_elementwise_apis(Celsius)
    ... def of_degrees(api, x):
    ...     return Celsius(api(x.degrees))
    >>> print(tf.abs(Celsius([-3, 4])).degrees.numpy())
    [3 4]
    """
    return _register("unary elementwise", _unary, UNARY, (x_type,))


@export("experimental.dispatch_for_binary_elementwise_apis")
def dispatch_for_binary_elementwise_apis(
    x_type: Any, y_type: Any
) -> Callable[[Callable], Callable]:
    """Lets the decorated function answer for all public functions of two operands, element by element.

    Args:
      x_type, y_type: the types of the first two arguments.

    Returns:
      A decorator of functions of the public function and of its first two arguments.

    Raises:
      ValueError: if the types have such a function already.
    """
    return _register("binary elementwise", _binary, BINARY, (x_type, y_type))


@export("experimental.dispatch_for_binary_elementwise_assert_apis")
def dispatch_for_binary_elementwise_assert_apis(
    x_type: Any, y_type: Any
) -> Callable[[Callable], Callable]:
    """Lets the decorated function answer for all public functions that compare two operands and raise.

    Args:
      x_type, y_type: the types of the first two arguments.

    Raises:
      ValueError: if the types have such a function already.
    """
    names = [*ASSERTIONS, *(f"debugging.{name}" for name in ASSERTIONS)]
    return _register("binary elementwise assert", _assertions, names, (x_type, y_type))


@export("experimental.unregister_dispatch_for")
def unregister_dispatch_for(dispatch_target: Callable) -> None:
    """Forgets a function that one of the decorators `dispatch_for_...` was given.

    Raises:
      ValueError: if none was.
    """
    found = False
    for place, targets in _targets.items():
        left = [each for each in targets if each.function is not dispatch_target]
        if len(left) != len(targets):
            found = True
            targets[:] = left
            _changed(place)
    for known in (_unary, _binary, _assertions):
        for key in [key for key, handler in known.items() if handler is dispatch_target]:
            del known[key]
    if not found:
        raise ValueError(
            f"Function {dispatch_target!r} was not registered using a `@dispatch_for_*` decorator."
        )


@export("__internal__.dispatch.add_dispatch_support")
def add_dispatch_support(target: Any = None, iterable_parameters: Any = None) -> Any:
    """A decorator of a library's functions that types of the user may answer: see `dispatch_for_api`.

    Args:
      target: the function; None to use it as `@add_dispatch_support(...)`.
      iterable_parameters: has no influence: lists and tuples are looked into as they are.
    """
    if target is None:
        return functools.partial(add_dispatch_support, iterable_parameters=iterable_parameters)
    return api_dispatch.answered(target)
