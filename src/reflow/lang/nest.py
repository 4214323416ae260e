"""Nested structures of tensors: https://www.tensorflow.org/api_docs/python/tf/nest

Lists, tuples, named tuples, dictionaries (in the order of their sorted keys), `attr.s` objects and data
classes that say so are structures; everything else is a leaf. Composite tensors, such as sparse ones,
are leaves unless `expand_composites`.
"""

from __future__ import annotations

import collections
import collections.abc
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from reflow.lang import errors
from reflow.lang.export import export

# Composite tensors: how to take a value apart, and how to put a like one together again.
_composites: dict[type, tuple[Callable[[Any], list], Callable[[Any, list], Any]] | None] = {}


def register_composite(
    kind: type, components: Callable[[Any], list], rebuild: Callable[[Any, list], Any]
) -> None:
    """Makes instances of `kind` composite tensors.

    Args:
      kind: the type; subclasses are meant too.
      components: the tensors (or further composites) that a value consists of.
      rebuild: `rebuild(like, components)`, a value like `like` with other components.
    """
    _composites[kind] = (components, rebuild)


def _composite(value: Any) -> tuple[Callable[[Any], list], Callable[[Any, list], Any]] | None:
    kind = type(value)
    try:
        return _composites[kind]
    except KeyError:
        found = next((_composites[base] for base in kind.__mro__ if _composites.get(base)), None)
        if found is None and kind.__name__ in ("IndexedSlices", "SparseTensor"):
            found = (_slices, _slices_again)
        _composites[kind] = found
        return found


def _slices(value: Any) -> list:
    parts = [value.indices, value.values]
    return parts if value.dense_shape is None else [*parts, value.dense_shape]


def _slices_again(like: Any, parts: list) -> Any:
    shape = parts[2] if len(parts) == 3 else None
    return type(like)(indices=parts[0], values=parts[1], dense_shape=shape)


def is_composite(value: Any) -> bool:
    """Whether `value` consists of tensors: a sparse tensor, `IndexedSlices`, ..."""
    return _composite(value) is not None


# Taking apart and putting together ----------------------------------------------------------------


def is_namedtuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def is_attrs(value: Any) -> bool:
    return hasattr(type(value), "__attrs_attrs__")


def is_mapping(value: Any) -> bool:
    return isinstance(value, collections.abc.Mapping)


@export("nest.is_nested", v1=("nest.is_sequence",))
def is_nested(seq: Any) -> bool:
    """Whether `seq` is a structure, rather than a leaf.

    >>> import reflow as tf
    >>> tf.nest.is_nested({}), tf.nest.is_nested("ab")
    (True, False)
    """
    return (
        isinstance(seq, (list, tuple, collections.abc.Mapping, collections.abc.MappingView))
        or is_attrs(seq)
        or hasattr(type(seq), "__tf_flatten__")
    )


is_sequence = is_nested


def is_nested_or_composite(seq: Any) -> bool:
    """Whether `seq` is a structure or a composite tensor."""
    return is_nested(seq) or is_composite(seq)


is_sequence_or_composite = is_nested_or_composite


def _sorted_keys(mapping: Any) -> list[Any]:
    try:
        return sorted(mapping)
    except TypeError:
        raise TypeError(
            f"tf.nest only supports dicts with sortable keys, got {list(mapping)}"
        ) from None


def _items(value: Any, expand: bool) -> list[tuple[Any, Any]] | None:
    """The keys and children of a structure, in order; None for a leaf."""
    if isinstance(value, (list, tuple)):
        if is_namedtuple(value):
            return list(zip(value._fields, value))
        return list(enumerate(value))
    if isinstance(value, collections.abc.Mapping):
        return [(key, value[key]) for key in _sorted_keys(value)]
    if is_attrs(value):
        return [(a.name, getattr(value, a.name)) for a in type(value).__attrs_attrs__]
    if isinstance(value, collections.abc.MappingView):
        return list(enumerate(value))
    if hasattr(type(value), "__tf_flatten__"):
        return list(enumerate(value.__tf_flatten__()[1]))
    if expand:
        found = _composite(value)
        if found is not None:
            return list(enumerate(found[0](value)))
    return None


def _like(structure: Any, children: list[Any]) -> Any:
    """A structure of the type of `structure` with other children, in the order of `_items`."""
    if is_namedtuple(structure) or is_attrs(structure):
        return type(structure)(*children)
    if isinstance(structure, collections.abc.Mapping):
        new = dict(zip(_sorted_keys(structure), children))
        ordered = [(key, new[key]) for key in structure]
        if isinstance(structure, collections.defaultdict):
            return type(structure)(structure.default_factory, ordered)
        try:
            return type(structure)(ordered)
        except TypeError:
            return dict(ordered)
    if isinstance(structure, collections.abc.MappingView):
        return children
    if isinstance(structure, (list, tuple)):
        if type(structure) in (list, tuple):
            return type(structure)(children)
        try:
            return type(structure)(children)
        except TypeError:
            return list(children) if isinstance(structure, list) else tuple(children)
    if hasattr(type(structure), "__tf_flatten__"):
        metadata, _ = structure.__tf_flatten__()
        return type(structure).__tf_unflatten__(metadata, tuple(children))
    found = _composite(structure)
    assert found is not None
    return found[1](structure, children)


@export("nest.flatten")
def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves of `structure` in a list; a leaf alone gives a list of one.

    Args:
      structure: a nested structure, or a leaf.
      expand_composites: take composite tensors apart too.

    Raises:
      TypeError: if a dictionary has keys that cannot be sorted.

    >>> import reflow as tf
    >>> tf.nest.flatten({"b": 1, "a": [2, (3,)]})
    [2, 3, 1]
    """
    result: list[Any] = []
    _flatten(structure, expand_composites, result)
    return result


def _flatten(structure: Any, expand: bool, result: list[Any]) -> None:
    items = _items(structure, expand)
    if items is None:
        result.append(structure)
    else:
        for _, child in items:
            _flatten(child, expand, result)


@export("nest.pack_sequence_as")
def pack_sequence_as(
    structure: Any, flat_sequence: Sequence[Any], expand_composites: bool = False
) -> Any:
    """The leaves `flat_sequence` in the form of `structure`: the inverse of `flatten`.

    Args:
      structure: a nested structure, or a leaf.
      flat_sequence: as many values as `structure` has leaves.
      expand_composites: composite tensors are put together from their parts.

    Raises:
      ValueError: if there are too few or too many values.
      TypeError: if `flat_sequence` is no sequence.

    >>> import reflow as tf
    >>> tf.nest.pack_sequence_as({"b": 0, "a": [0]}, [1, 2])
    {'b': 2, 'a': [1]}
    """
    if not is_nested(flat_sequence):
        raise TypeError(
            f"Attempted to pack value:\n  {flat_sequence}\ninto a structure, but found incompatible "
            f"type `{type(flat_sequence)}` instead."
        )
    flat = list(flat_sequence)
    if _items(structure, expand_composites) is None:
        if len(flat) != 1:
            raise ValueError(
                f"The target structure is of type `{type(structure)}`\n  {structure}\nHowever the "
                f"input is a sequence ({type(flat_sequence)}) of length {len(flat)}.\n  "
                f"{flat_sequence}\nnest cannot guarantee that it is safe to map one to the other."
            )
        return flat[0]
    given = iter(flat)
    try:
        packed = _pack(structure, given, expand_composites)
    except StopIteration:
        packed = given = None  # type: ignore[assignment]
    if given is None or next(given, given) is not given:
        atoms = len(flatten(structure, expand_composites))
        raise ValueError(
            f"Could not pack sequence. Structure had {atoms} atoms, but flat_sequence had "
            f"{len(flat)} items.  Structure: {structure}, flat_sequence: {flat_sequence}."
        )
    return packed


def _pack(structure: Any, flat: Iterator[Any], expand: bool) -> Any:
    items = _items(structure, expand)
    if items is None:
        return next(flat)
    return _like(structure, [_pack(child, flat, expand) for _, child in items])


@export("nest.map_structure")
def map_structure(func: Callable, *structure: Any, **kwargs: Any) -> Any:
    """`func` of the corresponding leaves of one or more structures, in the same structure.

    Args:
      func: takes as many arguments as there are structures.
      *structure: structures of the same form.
      **kwargs: `check_types`, whether their types must be the same (by default they must), and
        `expand_composites`.

    Raises:
      TypeError, ValueError: if the structures differ, or the arguments are not of these kinds.

    >>> import reflow as tf
    >>> tf.nest.map_structure(lambda a, b: a + b, [1, (2,)], [3, (4,)])
    [4, (6,)]
    """
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structure:
        raise ValueError("Must provide at least one structure")
    check_types = kwargs.pop("check_types", True)
    expand = kwargs.pop("expand_composites", False)
    if kwargs:
        raise ValueError(
            "Only valid keyword arguments are `check_types` and `expand_composites`, not: "
            f"`{'`, `'.join(kwargs)}`"
        )
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types, expand)
    columns = [flatten(each, expand) for each in structure]
    return pack_sequence_as(structure[0], [func(*row) for row in zip(*columns)], expand)


# Comparing ----------------------------------------------------------------------------------------


@export("nest.assert_same_structure")
def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Refuses two structures that differ in form.

    Args:
      nest1, nest2: the structures.
      check_types: whether the types of the sequences must be the same too.
      expand_composites: look into composite tensors.

    Raises:
      ValueError: if they have different numbers of elements, or other keys.
      TypeError: if types differ and `check_types`.

    >>> import reflow as tf
    >>> tf.nest.assert_same_structure([1, [2]], ["a", ["b"]])
    """
    problem = _difference(nest1, nest2, bool(check_types), bool(expand_composites))
    if problem is None:
        return
    kind, text = problem
    dots = [str(_dotted(each, expand_composites)) for each in (nest1, nest2)]
    raise kind(
        f"{errors.where(errors.user_frame())}: The two structures don't have the same nested "
        f"structure.\n\nFirst structure: {_shown(nest1)}\n\nSecond structure: {_shown(nest2)}\n\n"
        f"More specifically: {text}\nEntire first structure:\n{dots[0]}\nEntire second structure:\n"
        f"{dots[1]}"
    )


def _shown(value: Any) -> str:
    return f"type={type(value).__name__} str={value!s:.400}"


class _Dot:
    def __repr__(self) -> str:
        return "."


def _dotted(value: Any, expand: bool) -> Any:
    items = _items(value, expand)
    if items is None:
        return _Dot()
    if not is_nested(value):
        return [_dotted(child, expand) for _, child in items]
    return _like(value, [_dotted(child, expand) for _, child in items])


def _difference(a: Any, b: Any, check_types: bool, expand: bool) -> tuple[type, str] | None:
    x, y = _items(a, expand), _items(b, expand)
    if x is None and y is None:
        return None
    if x is None or y is None:
        nested, leaf = (a, b) if y is None else (b, a)
        return ValueError, (
            f'Substructure "{_shown(nested)}" is a sequence, while substructure "{_shown(leaf)}" is '
            "not"
        )
    if check_types and not _same_kind(a, b):
        return TypeError, (
            "The two namedtuples don't have the same sequence type. First structure "
            f"{_shown(a)} has type {type(a).__name__}, while second structure {_shown(b)} has type "
            f"{type(b).__name__}"
        )
    if is_mapping(a) and is_mapping(b):
        if {key for key, _ in x} != {key for key, _ in y}:
            return ValueError, (
                "The two dictionaries don't have the same set of keys. First structure has keys "
                f"{_shown([key for key, _ in x])}, while second structure has keys "
                f"{_shown([key for key, _ in y])}"
            )
    elif len(x) != len(y):
        return ValueError, (
            "The two structures don't have the same number of elements. First structure: "
            f"{_shown(a)}. Second structure: {_shown(b)}"
        )
    for (_, one), (_, other) in zip(x, y):
        found = _difference(one, other, check_types, expand)
        if found is not None:
            return found
    return None


def _same_kind(a: Any, b: Any) -> bool:
    if type(a) is type(b):
        return True
    if is_namedtuple(a) and is_namedtuple(b):
        return same_namedtuples(a, b)
    if is_namedtuple(a) or is_namedtuple(b):
        return False
    for kind in (list, collections.abc.Mapping):
        if isinstance(a, kind) and isinstance(b, kind):
            return True
    return is_composite(a) and is_composite(b) and type(a).__name__ == type(b).__name__


def same_namedtuples(nest1: Any, nest2: Any) -> bool:
    """Whether two named tuples have the same name and fields."""
    return type(nest1).__name__ == type(nest2).__name__ and nest1._fields == nest2._fields


# Shallow structures and paths ---------------------------------------------------------------------


def assert_shallow_structure(
    shallow_tree: Any, input_tree: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Refuses an `input_tree` that does not have the form of `shallow_tree` as far as that goes.

    Raises:
      TypeError, ValueError: saying where they differ.
    """
    shallow = _items(shallow_tree, expand_composites)
    if shallow is None:
        return
    items = _items(input_tree, expand_composites)
    if items is None:
        raise TypeError(
            "If shallow structure is a sequence, input must also be a sequence. Input has type: "
            f"{type(input_tree)}."
        )
    if check_types and not _same_kind(shallow_tree, input_tree):
        raise TypeError(
            "The two structures don't have the same sequence type. Input structure has type "
            f"{type(input_tree)}, while shallow structure has type {type(shallow_tree)}."
        )
    if len(items) != len(shallow):
        raise ValueError(
            f"The two structures don't have the same sequence length. Input structure has length "
            f"{len(items)}, while shallow structure has length {len(shallow)}."
        )
    if is_mapping(shallow_tree):
        missing = {key for key, _ in shallow} - {key for key, _ in items}
        if missing:
            raise ValueError(
                "The shallow_tree's keys are not a subset of the input_tree's keys. The shallow_tree "
                f"has the following keys that are not in the input_tree: {sorted(missing)}."
            )
    for (_, one), (_, other) in zip(shallow, items):
        assert_shallow_structure(one, other, check_types, expand_composites)


def _up_to(shallow: Any, value: Any, expand: bool, path: tuple) -> Iterator[tuple[tuple, Any]]:
    items = _items(shallow, expand)
    if items is None:
        yield path, value
        return
    for (key, one), (_, other) in zip(items, _items(value, expand) or ()):
        yield from _up_to(one, other, expand, (*path, key))


def flatten_up_to(
    shallow_tree: Any, input_tree: Any, check_types: bool = True, expand_composites: bool = False
) -> list[Any]:
    """The parts of `input_tree` that stand where `shallow_tree` has leaves."""
    assert_shallow_structure(shallow_tree, input_tree, check_types, expand_composites)
    return [value for _, value in _up_to(shallow_tree, input_tree, expand_composites, ())]


def flatten_with_tuple_paths_up_to(
    shallow_tree: Any, input_tree: Any, check_types: bool = True, expand_composites: bool = False
) -> list[tuple[tuple, Any]]:
    """Like `flatten_up_to`, with the path to each part."""
    assert_shallow_structure(shallow_tree, input_tree, check_types, expand_composites)
    return list(_up_to(shallow_tree, input_tree, expand_composites, ()))


def map_structure_up_to(shallow_tree: Any, func: Callable, *inputs: Any, **kwargs: Any) -> Any:
    """`func` of the parts of `inputs` that stand where `shallow_tree` has leaves."""
    if not inputs:
        raise ValueError("Cannot map over no sequences")
    columns = [flatten_up_to(shallow_tree, each, **kwargs) for each in inputs]
    return pack_sequence_as(
        shallow_tree, [func(*row) for row in zip(*columns)], kwargs.get("expand_composites", False)
    )


def flatten_with_tuple_paths(
    structure: Any, expand_composites: bool = False
) -> list[tuple[tuple, Any]]:
    """The leaves, each with the tuple of keys and positions that leads to it."""
    return list(_up_to(structure, structure, expand_composites, ()))


def yield_flat_paths(nest: Any, expand_composites: bool = False) -> Iterator[tuple]:
    """The paths of the leaves: tuples of keys and positions."""
    for path, _ in flatten_with_tuple_paths(nest, expand_composites):
        yield path


def flatten_with_joined_string_paths(
    structure: Any, separator: str = "/", expand_composites: bool = False
) -> list[tuple[str, Any]]:
    """The leaves, each with the path to it as a string."""
    return [
        (separator.join(map(str, path)), leaf)
        for path, leaf in flatten_with_tuple_paths(structure, expand_composites)
    ]


def map_structure_with_tuple_paths(func: Callable, *structure: Any, **kwargs: Any) -> Any:
    """Like `map_structure`; `func` gets the path to the leaf before the leaves."""
    expand = kwargs.get("expand_composites", False)
    for other in structure[1:]:
        assert_same_structure(structure[0], other, kwargs.get("check_types", True), expand)
    paths = list(yield_flat_paths(structure[0], expand))
    columns = [flatten(each, expand) for each in structure]
    leaves = [func(path, *row) for path, *row in zip(paths, *columns)]
    return pack_sequence_as(structure[0], leaves, expand)


def map_structure_with_paths(func: Callable, *structure: Any, **kwargs: Any) -> Any:
    """Like `map_structure`; `func` gets the path to the leaf, joined by '/', before the leaves."""
    return map_structure_with_tuple_paths(
        lambda path, *leaves: func("/".join(map(str, path)), *leaves), *structure, **kwargs
    )


def flatten_dict_items(dictionary: Any) -> dict[Any, Any]:
    """`{(a, b): (1, 2)}` as `{a: 1, b: 2}`.

    Raises:
      TypeError: if it is no dictionary.
      ValueError: if keys and values differ in structure, or a key appears twice.
    """
    if not is_mapping(dictionary):
        raise TypeError("input must be a dictionary")
    result: dict[Any, Any] = {}
    for key, value in dictionary.items():
        if not is_nested(key):
            key, value = [key], [value]
        keys, values = flatten(key), flatten(value)
        if len(keys) != len(values):
            raise ValueError(
                f"Could not flatten dictionary. Key had {len(keys)} elements, but value had "
                f"{len(values)} elements. Key: {keys}, value: {values}."
            )
        for one, other in zip(keys, values):
            if one in result:
                raise ValueError(f"Could not flatten dictionary: key {one} is not unique.")
            result[one] = other
    return result


def get_traverse_shallow_structure(
    traverse_fn: Callable, structure: Any, expand_composites: bool = False
) -> Any:
    """A structure of booleans: how far `traverse_fn` says to go into `structure`.

    `traverse_fn(part)` is a bool, or a structure of bools of the form of `part`.
    """
    decision = traverse_fn(structure)
    items = _items(structure, expand_composites)
    if items is None:
        if not isinstance(decision, bool):
            raise TypeError(f"traverse_fn returned {decision!r} for a leaf: a bool is wanted")
        return decision
    if isinstance(decision, bool):
        if not decision:
            return False
        decisions: Iterable[Any] = [True] * len(items)
    else:
        assert_shallow_structure(decision, structure, False)
        decisions = [each for _, each in _items(decision, expand_composites) or ()]
    children = [
        get_traverse_shallow_structure(traverse_fn, child, expand_composites) if go else False
        for go, (_, child) in zip(decisions, items)
    ]
    return _like(structure, children)


def list_to_tuple(structure: Any) -> Any:
    """`structure` with tuples in place of lists."""
    items = _items(structure, False)
    if items is None:
        return structure
    children = [list_to_tuple(child) for _, child in items]
    if isinstance(structure, list):
        return tuple(children)
    return _like(structure, children)
