"""The decorators by which code names its public symbols: `tensorflow.python.util.tf_export`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang.export import EXPORTS


class InvalidSymbolNameError(Exception):
    """Something other than a dotted name was given as the name of a symbol."""


class api_export:  # noqa: N801 (TensorFlow's name)
    """Marks a symbol with public names, as attributes that `get_v1_names` and the like read.

    Args:
      *args: dotted names in TF 2's name space.
      api_name: `tensorflow`, `keras` or `estimator`.
      v1: names in TF 1's name space; by default the same.
      allow_multiple_exports: accepted: marking again replaces the names.
    """

    def __init__(
        self,
        *args: str,
        api_name: str = "tensorflow",
        v1: Sequence[str] | None = None,
        allow_multiple_exports: bool = True,
    ):
        self._names = args
        self._names_v1 = args if v1 is None else tuple(v1)
        self._prefix = _PREFIXES.get(api_name)
        if self._prefix is None:
            raise ValueError(f"api_name must be one of {sorted(_PREFIXES)}, got {api_name!r}")
        for name in (*self._names, *self._names_v1):
            if not all(part.isidentifier() for part in name.split(".")):
                raise InvalidSymbolNameError(f"{name!r} is not a dotted name")

    def __call__(self, func: Any) -> Any:
        target = func
        while hasattr(target, "_tf_decorator"):
            target = target._tf_decorator.decorated_target
        setattr(target, f"_{self._prefix}_api_names", self._names)
        setattr(target, f"_{self._prefix}_api_names_v1", self._names_v1)
        return func

    def export_constant(self, module_name: str, name: str) -> None:
        """Records that the constant `name` of a module has these names."""
        _constants.setdefault(module_name, []).append((self._names, self._names_v1, name))


_PREFIXES = {"tensorflow": "tf", "keras": "keras", "estimator": "estimator"}
_constants: dict[str, list[tuple[Sequence[str], Sequence[str], str]]] = {}

tf_export = functools.partial(api_export, api_name="tensorflow")
keras_export = functools.partial(api_export, api_name="keras")
estimator_export = functools.partial(api_export, api_name="estimator")


def get_v1_names(symbol: Any) -> list[str]:
    """The names of `symbol` in TF 1's name space."""
    return _names(symbol, "v1")


def get_v2_names(symbol: Any) -> list[str]:
    """The names of `symbol` in TF 2's name space."""
    return _names(symbol, "v2")


def _names(symbol: Any, space: str) -> list[str]:
    suffix = "_api_names_v1" if space == "v1" else "_api_names"
    held = getattr(symbol, "__dict__", {})  # its own: a subclass has not its parent's names
    found = [
        name for prefix in ("_tf", "_estimator", "_keras") for name in held.get(prefix + suffix, ())
    ]
    place = f"{getattr(symbol, '__module__', '')}:{getattr(symbol, '__qualname__', '')}"
    found += [name for (where, name), at in EXPORTS.items() if where == space and at == place]
    return found


def get_canonical_name(api_names: Sequence[str], deprecated_api_names: Sequence[str]) -> str | None:
    """The first name that is not deprecated; else the first."""
    for name in api_names:
        if name not in deprecated_api_names:
            return name
    return api_names[0] if api_names else None


def get_canonical_name_for_symbol(
    symbol: Any, api_name: str = "tensorflow", add_prefix_to_v1_names: bool = False
) -> str | None:
    """The public name by which a symbol is known best; None if it has none.

    Args:
      symbol: a function or class.
      api_name: which library's names: "tensorflow" or "keras".
      add_prefix_to_v1_names: writes `compat.v1.` before a name that only TF 1 has.
    """
    if api_name == "keras":
        held = getattr(symbol, "__dict__", {})
        return get_canonical_name(held.get("_keras_api_names", ()), ())
    deprecated = getattr(symbol, "_tf_deprecated_api_names", ())
    found = get_canonical_name(get_v2_names(symbol), deprecated)
    if found is None:
        found = get_canonical_name(get_v1_names(symbol), deprecated)
        if found is not None and add_prefix_to_v1_names:
            return f"compat.v1.{found}"
    return found


def get_symbol_from_name(name: str) -> Any:
    """The object of a canonical name, as far as its module is loaded; else None."""
    from importlib import import_module

    for space in ("v2", "v1"):
        place = EXPORTS.get((space, name.removeprefix("compat.v1.")))
        if place is not None:
            module, _, attribute = place.partition(":")
            found: Any = import_module(module)
            for part in filter(None, attribute.split(".")):
                found = getattr(found, part)
            return found
    return None


def get_v1_constants(module: Any) -> list[Any]:
    """The constants that a module exports under names of TF 1: pairs of names and attribute."""
    return [(v1, name) for _, v1, name in _constants.get(module.__name__, ())]


def get_v2_constants(module: Any) -> list[Any]:
    """The constants that a module exports under names of TF 2: pairs of names and attribute."""
    return [(v2, name) for v2, _, name in _constants.get(module.__name__, ())]


def kwarg_only(f: Callable[..., Any]) -> Callable[..., Any]:
    """Makes `f` take keyword arguments only.

    Raises (when called):
      TypeError: for positional arguments.
    """
    from reflow.platform.util_tf_decorator import make_decorator
    from reflow.platform.util_tf_inspect import getfullargspec

    names = getfullargspec(f).args

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if args:
            raise TypeError(
                f"{f.__name__} only takes keyword args (possible keys: {names}). Please pass these "
                "args as kwargs instead."
            )
        return f(**kwargs)

    return make_decorator(f, wrapper, "kwarg_only")
