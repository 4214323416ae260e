"""The public name spaces, `tf` and `tf.compat.v1`, made lazily from the committed map in `_api.py`.

A name is imported when it is first used, so `import reflow` stays light. One that does not exist says
so, and what to use instead.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable
from typing import Any

from reflow.lang.api_dispatch import dispatching
from reflow.lang.collector import postponed

_OF_KERAS = ("keras", "initializers", "losses", "metrics", "optimizers")  # in TF 2
_maps: dict[str, dict[str, str]] = {}


def _map(space: str) -> dict[str, str]:
    if not _maps:
        names = importlib.import_module("reflow._api")
        _maps["v1"], _maps["v2"] = names.V1, names.V2
    return _maps[space]


def module_attributes(module: str, space: str, prefix: str = "") -> tuple[Any, Any]:
    """`__getattr__` and `__dir__` that give a real module the public names below `prefix`.

    The rooms of Reflow that are called like a public name space (`train`, `data`, `compat`) have both.
    """
    names = Namespace(module, space, prefix)
    return names.__getattr__, names.__dir__


def resolve(place: str) -> Any:
    """The object at `module:attribute`; the module itself when there is no attribute."""
    module, _, attribute = place.partition(":")
    with postponed:
        found: Any = importlib.import_module(module)
    for part in filter(None, attribute.split(".")):
        found = getattr(found, part)
    return found


class MissingSymbol(AttributeError):
    """A name of TensorFlow's API that Reflow does not have.

    Args:
      text: the message, or what makes it: most such errors are `hasattr` and imports asking, which never
        read it, and a search for similar names takes 10 ms.
    """

    def __init__(self, text: str | Callable[[], str]):
        super().__init__()
        self._text = text

    def __str__(self) -> str:
        if callable(self._text):
            self._text = self._text()
        return self._text

    def __reduce__(self) -> tuple:
        return MissingSymbol, (str(self),)


class Namespace(types.ModuleType):
    """A module whose attributes are the public names below `prefix`."""

    def __init__(self, name: str, space: str, prefix: str = ""):
        super().__init__(name, f"Public names of {name}.")
        self.__path__: list[str] = []  # `import tensorflow.nn` works
        self.__file__ = __file__
        self._space = space
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__version__", "__internal__"):
            raise AttributeError(name)
        if name in self.__dict__:  # asked by a real module, whose own dictionary lacks it
            return self.__dict__[name]
        value = lookup(self._space, self._prefix + name, f"{self.__name__}.{name}")
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        start = len(self._prefix)
        names = {
            key[start:].partition(".")[0]
            for key in _map(self._space)
            if key.startswith(self._prefix)
        }
        return sorted(names | set(self.__dict__))

    @property
    def __all__(self) -> list[str]:
        return [name for name in dir(self) if not name.startswith("_")]

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} of Reflow>"

    def __reduce__(self) -> tuple:
        return _namespace, (self._space, self._prefix)


def _namespace(space: str, prefix: str) -> Any:
    root = "reflow" if space == "v2" else "reflow.compat.v1"
    return Namespace(f"{root}.{prefix}".rstrip("."), space, prefix)


def lookup(space: str, name: str, shown: str) -> Any:
    """The object or the name space behind a public name.

    Raises:
      MissingSymbol: naming it, and what to use instead.
    """
    table = _map(space)
    if name in ("compat.v1", "compat.v2"):
        return importlib.import_module(f"reflow.{name}")
    if name.partition(".")[0] in _OF_KERAS:
        from reflow.compat import keras

        if keras.is_keras(space, name):
            return keras.lookup(name, shown)
    if name.startswith("raw_ops."):
        return _raw_op(name.removeprefix("raw_ops."), shown)
    if name in table:
        return dispatching(table[name], resolve(table[name]), space, name)
    if has_children(space, name) or name == "raw_ops":
        return Namespace(shown, space, name + ".")
    raise MissingSymbol(lambda: _advice(space, name, shown))


def _raw_op(name: str, shown: str) -> Any:
    from reflow.lang.opdef import REGISTRY

    try:
        return REGISTRY[name]
    except KeyError:
        raise MissingSymbol(f"{shown}: Reflow does not have the op {name} (yet).") from None


def has_children(space: str, name: str) -> bool:
    start = name + "."
    return any(key.startswith(start) for key in _map(space))


def _advice(space: str, name: str, shown: str) -> str:
    other = "v1" if space == "v2" else "v2"
    if name in _map(other):
        if space == "v2":
            return (
                f"{shown} is a TF 1 name: use tf.compat.v1.{name}, or run the program with "
                "`reflow run --tf1`."
            )
        return f"{shown} is a TF 2 name: use it from `import tensorflow as tf` without --tf1."
    if name.partition(".")[0] == "contrib":
        return f"{shown}: tf.contrib is not part of Reflow yet."
    import difflib

    close = difflib.get_close_matches(name, _map(space), n=3, cutoff=0.75)
    hint = f" Did you mean {' or '.join('tf.' + c for c in close)}?" if close else ""
    return f"{shown} is not part of Reflow (yet).{hint}"
