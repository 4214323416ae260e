"""Eager ops on large or device-resident arrays: one cached executable per op and attributes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import numpy as np

from reflow.compiler.apart import MOST_DIMENSIONS, WITHOUT_REDUCTIONS
from reflow.compiler.jax_namespace import jax_namespace
from reflow.compiler.jax_setup import wide_types
from reflow.lang.opdef import OpDef, ValueNeeded, arg_length, group_inputs

# The inputs whose values a lowering turned out to need, by op and attributes.
_needed: dict[Any, frozenset[str]] = {}


def compiled_call(
    opdef: OpDef, args: list[Any], attrs: dict[str, Any], keywords: dict, by_value: bool = True
) -> Any:
    """Runs the lowering of a stateless op as an executable.

    Args:
      by_value: whether to compile anew for each value of an input that the lowering cannot do without.

    Raises:
      ValueNeeded: if there is such an input, and not `by_value`.
    """
    frozen = _Frozen(keywords)
    lengths = tuple(arg_length(arg, attrs) if arg.is_list else None for arg in opdef.inputs)
    while True:
        needed = _needed.get((opdef.name, frozen), frozenset())
        if needed and not by_value:
            raise ValueNeeded(min(needed))
        static = _static_positions(opdef, attrs, opdef.static | needed)
        known = tuple((i, _Frozen(np.asarray(args[i]))) for i in static)
        deep = any(np.ndim(a) > MOST_DIMENSIONS for a in args)
        function = _compiled(opdef, known, lengths, frozen, deep)
        try:
            with wide_types():
                return function([a for i, a in enumerate(args) if i not in static])
        except ValueNeeded as need:
            if need.name in needed:
                raise
            _needed[opdef.name, frozen] = needed | {need.name}


def _static_positions(opdef: OpDef, attrs: dict[str, Any], names: frozenset[str]) -> list[int]:
    if not names:
        return []
    positions: list[int] = []
    at = 0
    for arg in opdef.inputs:
        length = arg_length(arg, attrs)
        if arg.name in names:
            positions.extend(range(at, at + length))
        at += length
    return positions


@lru_cache(maxsize=1024)
def _compiled(opdef: OpDef, known: Any, lengths: Any, keywords: Any, deep: bool) -> Any:
    def run(dynamic: list[Any]) -> Any:
        fixed = {i: frozen.value for i, frozen in known}
        rest = iter(dynamic)
        total = sum(1 if n is None else n for n in lengths)
        flat = [fixed[i] if i in fixed else next(rest) for i in range(total)]
        counts = {
            a.number_attr or a.list_attr: n for a, n in zip(opdef.inputs, lengths) if n is not None
        }
        attrs = {k: n if opdef.attrs[k].type == "int" else (None,) * n for k, n in counts.items()}
        return opdef.lower(jax_namespace, *group_inputs(opdef, flat, attrs), **keywords.value)

    return jax.jit(run, compiler_options=WITHOUT_REDUCTIONS if deep else None)


class _Frozen:
    """A value as part of a key: arrays by their contents, dictionaries by their items."""

    __slots__ = ("value", "_key")

    def __init__(self, value: Any):
        self.value = value
        if isinstance(value, np.ndarray):
            self._key: Any = (value.shape, value.dtype.str, value.tobytes())
        else:
            self._key = tuple(
                (k, _Frozen(v)._key if isinstance(v, np.ndarray) else v) for k, v in value.items()
            )

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Frozen) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


def clear() -> None:
    """Lets go of all executables."""
    _compiled.cache_clear()
