"""Which Python objects are public, and under which names of the TF 1 and TF 2 name spaces.

`@export("reduce_sum", "math.reduce_sum")` publishes in both; `v1=` and `v2=` names in one of them.
`tools/make_api.py` imports everything, reads these rows and writes the committed map behind
`import reflow`, so that the public surface is lazy and can be read (and diffed) as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

F = TypeVar("F")

# (name space, public name) -> "module:attribute"
EXPORTS: dict[tuple[str, str], str] = {}


def export(*names: str, v1: Sequence[str] = (), v2: Sequence[str] = ()) -> Callable[[F], F]:
    """Publishes the decorated function or class as `tf.NAME`.

    Args:
      *names: names in both name spaces, without `tf.`.
      v1: names in `tf.compat.v1` alone.
      v2: names in TF 2's name space alone.
    """

    def publish(target: F) -> F:
        where = f"{target.__module__}:{getattr(target, '__qualname__', '')}"
        _add(where, names, v1, v2)
        return target

    return publish


def export_value(
    module: str, attribute: str, *names: str, v1: Sequence[str] = (), v2: Sequence[str] = ()
) -> None:
    """Publishes something that is no function or class: the value `attribute` of `module`."""
    _add(f"{module}:{attribute}", names, v1, v2)


def _add(where: str, names: Sequence[str], v1: Sequence[str], v2: Sequence[str]) -> None:
    for space, given in (("v1", (*names, *v1)), ("v2", (*names, *v2))):
        if isinstance(given, str):
            raise TypeError("v1= and v2= take sequences of names")
        for name in given:
            held = EXPORTS.get((space, name))
            if held is not None and held != where:
                raise ValueError(f"{space} name {name} is exported by both {held} and {where}")
            EXPORTS[space, name] = where
