"""`tensorflow.python.data.util.nest`: structures in which lists do not nest, under TensorFlow's names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.data import structure as _structure

flatten = _structure.flatten
is_nested = _structure.is_nested
is_sequence = _structure.is_nested


def pack_sequence_as(structure: Any, flat_sequence: Sequence[Any]) -> Any:
    """The structure with other leaves.

    >>> pack_sequence_as((1, {"a": [2, 3]}), ["x", "y"])
    ('x', {'a': 'y'})
    """
    return _structure.pack(structure, list(flat_sequence))


def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """`func` of the leaves of one structure, or of several structures side by side.

    >>> map_structure(lambda a, b: a + b, (1, {"a": 2}), (3, {"a": 4}))
    (4, {'a': 6})
    """
    if set(kwargs) - {"check_types"}:
        raise ValueError(f"map_structure takes `check_types` only, not {sorted(kwargs)}")
    for other in structure[1:]:
        assert_same_structure(structure[0], other)
    return _structure.map_leaves(func, *structure)


def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True) -> None:
    """Checks that two structures have leaves in the same places.

    Raises:
      ValueError: if they have not.
    """
    _structure.map_leaves(_leaf, nest1, nest2)


def _leaf(_: Any, other: Any) -> None:
    if is_nested(other):
        raise ValueError(f"the two structures differ: {other!r:.80} stands in the place of a leaf")


def flatten_up_to(shallow_tree: Any, input_tree: Any) -> list[Any]:
    """What stands in `input_tree` in the places of the leaves of `shallow_tree`.

    >>> flatten_up_to((0, 0), ((1, 2), 3))
    [(1, 2), 3]
    """
    return _structure.flatten_up_to(shallow_tree, input_tree)


def map_structure_up_to(shallow_tree: Any, func: Callable[..., Any], *inputs: Any) -> Any:
    """`func` of what stands in `inputs` in the places of the leaves of `shallow_tree`."""
    return _structure.map_leaves(lambda _, *parts: func(*parts), shallow_tree, *inputs)


def list_to_tuple(structure: Any) -> Any:
    """The structure with tuples in place of lists.

    >>> list_to_tuple({"a": [1, [2]]})
    {'a': (1, (2,))}
    """
    if isinstance(structure, list):
        return tuple(list_to_tuple(each) for each in structure)
    if is_nested(structure):
        return _structure.map_leaves(list_to_tuple, structure)
    return structure
