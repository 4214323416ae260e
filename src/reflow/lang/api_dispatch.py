"""Public functions on composite tensors: who answers `tf.foo(ragged)`.

A public function of `reflow.ops` is looked up through `dispatching`, which gives the function itself in
a thin shell. As long as no type of composite tensor has handlers, the shell asks one question and calls
the function; ops, operators and calls within Reflow never pass it. A room that brings a composite type
(`ops.ragged`) registers handlers by the public names of the functions:

    @handles("concat", types=(RaggedTensor,))
    def concat(values, axis, name="concat"): ...

A handler has the parameters of the function, after the function itself if it asks for that
(`with_function=True`). It may return `NotImplemented`; the function, which then gets the arguments,
complains in its own words.
"""

from __future__ import annotations

import functools
import importlib
import types as python_types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Handler = Callable[..., Any]

_types: list[type] = []  # types that have handlers; empty until one is loaded
_composite: set[type] = set()  # types of which values were seen, and go to handlers
_plain: set[type] = set()  # and those that do not, nor hold other values
Row = tuple[tuple[type, ...], Handler, bool]
_named: list[tuple[tuple[str, str], Row]] = []
_placed: dict[str, Row] = {}  # what programs registered themselves, by the place of the function
_by_place: dict[str, list[Row]] = {}
_shells: dict[Any, Any] = {}


def handles(
    *names: str,
    types: Sequence[type],
    v1: Sequence[str] = (),
    v2: Sequence[str] = (),
    with_function: bool = False,
) -> Callable[[Handler], Handler]:
    """Lets the decorated function answer calls of public functions with arguments of some types.

    Args:
      *names: public names in both name spaces, without `tf.`.
      types: the composite types: one argument, or one element of a list or tuple, must be of them.
      v1, v2: names in one of the name spaces.
      with_function: whether the handler is given the function, before its arguments.
    """

    def register(handler: Handler) -> Handler:
        add_handler(handler, *names, types=types, v1=v1, v2=v2, with_function=with_function)
        return handler

    return register


def add_handler(
    handler: Handler,
    *names: str,
    types: Sequence[type],
    v1: Sequence[str] = (),
    v2: Sequence[str] = (),
    with_function: bool = False,
) -> None:
    """Registers `handler` for public names: see `handles`. The latest is asked first."""
    _note_types(types)
    for space, given in (("v1", (*names, *v1)), ("v2", (*names, *v2))):
        _named.extend(((space, name), (tuple(types), handler, with_function)) for name in given)
    _by_place.clear()


def _note_types(types: Iterable[type]) -> None:
    for kind in types:
        if kind not in _types:
            _types.append(kind)
            _plain.clear()


def set_first_handler(place: str, handler: Handler | None, types: Sequence[type]) -> None:
    """Lets `handler` be asked before all others about the function at `place`; None for nobody.

    It is given the function, before its arguments.
    """
    _note_types(types)
    _placed.pop(place, None)
    if handler is not None:
        _placed[place] = (tuple(types), handler, True)


def place_of(shell: Any) -> str | None:
    """The place of the function in a shell; None for anything else."""
    return getattr(shell, "_place", None)


def shell_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """The public function around `function`."""
    return _shells.get(function, function)


def registered_names() -> list[tuple[str, str]]:
    """The (name space, public name) pairs that have handlers."""
    return [name for name, _ in _named]


def dispatching(place: str, value: Any, space: str, name: str) -> Any:
    """What the public name `name` gives: `value`, in a shell if it is a function of an op family."""
    if type(value) is not python_types.FunctionType or not place.startswith("reflow.ops."):
        return value
    shell = _shells.get(value)
    if shell is None:
        shell = _shells[value] = _shell(place, value)
        # Where pickle finds it again: the public name, since the place holds the bare function.
        shell.__module__ = "reflow" if space == "v2" else "reflow.compat.v1"
        shell.__qualname__ = name
    return shell


def answered(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of a library in a shell, so that handlers may be registered for it."""
    shell = _shells.get(function)
    if shell is None:
        place = f"{function.__module__}:{function.__qualname__}:{len(_shells)}"
        shell = _shells[function] = _shell(place, function)
    return shell


def _shell(place: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _types:
            for each in (*args, *kwargs.values()) if kwargs else args:
                if type(each) not in _plain:
                    found = composites((*args, *kwargs.values()))
                    break
            else:
                return function(*args, **kwargs)
            if found:
                for kinds, handler, with_function in _handlers(place):
                    if any(isinstance(each, kinds) for each in found):
                        result = handler(*((function,) if with_function else ()), *args, **kwargs)
                        if result is not NotImplemented:
                            return result
        return function(*args, **kwargs)

    call._place = place  # type: ignore[attr-defined]
    return call


def composites(values: Iterable[Any]) -> list[Any]:
    """Those of `values`, and of the lists and tuples among them, that are of a type with handlers."""
    found = []
    for value in values:
        kind = type(value)
        if kind is list or kind is tuple:
            found += composites(value)
        elif kind in _composite:
            found.append(value)
        elif kind not in _plain:
            if issubclass(kind, tuple(_types)):
                _composite.add(kind)
                found.append(value)
            else:
                _plain.add(kind)
    return found


def _handlers(place: str) -> list[Row]:
    if not _by_place:
        names = importlib.import_module("reflow._api")
        maps = {"v1": names.V1, "v2": names.V2}
        for (space, name), row in reversed(_named):
            where = maps[space].get(name)
            if where is not None and row not in _by_place.setdefault(where, []):
                _by_place[where].append(row)
    rows = _by_place.get(place, [])
    return [_placed[place], *rows] if place in _placed else rows
