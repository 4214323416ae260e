"""Nested structures: https://www.tensorflow.org/api_docs/python/tf/nest

A structure is a list, tuple, named tuple or other sequence, a mapping, a view of a mapping, an `attrs`
class, a dataclass with `__tf_flatten__` and `__tf_unflatten__`, or any nesting of these. Everything
else is a leaf: tensors, arrays, strings, sets and None. Mappings are flattened in the order of their
sorted keys. With `expand_composites` a composite tensor (`SparseTensor`, `RaggedTensor`) and its type
spec count as structures of their components.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping, MappingView, Sequence
from typing import Any

from reflow.lang import errors
from reflow.lang.export import export

STRUCTURES_HAVE_MISMATCHING_TYPES = (
    "The two structures don't have the same sequence type. Input structure has type {input_type}, "
    "while shallow structure has type {shallow_type}."
)
STRUCTURES_HAVE_MISMATCHING_LENGTHS = (
    "The two structures don't have the same sequence length. Input structure has length "
    "{input_length}, while shallow structure has length {shallow_length}."
)
INPUT_TREE_SMALLER_THAN_SHALLOW_TREE = (
    "The input_tree has fewer items than the shallow_tree. Input structure has length {input_size}, "
    "while shallow structure has length {shallow_size}."
)
SHALLOW_TREE_HAS_INVALID_KEYS = (
    "The shallow_tree's keys are not a subset of the input_tree's keys. The shallow_tree has the "
    "following keys that are not in the input_tree: {}."
)
IF_SHALLOW_IS_SEQ_INPUT_MUST_BE_SEQ = (
    "If shallow structure is a sequence, input must also be a sequence. Input has type: {}."
)

# Composite tensors --------------------------------------------------------------------------------


def is_composite(value: Any) -> bool:
    """Whether `value` consists of tensors: a sparse tensor, `IndexedSlices`, ..."""
    return _kind(value, True) == _COMPOSITE


# Kinds of nodes -----------------------------------------------------------------------------------

_LEAF, _SEQUENCE, _NAMEDTUPLE, _MAPPING, _VIEW, _ATTRS, _DATACLASS = range(7)
_PROXY, _COMPOSITE, _SPEC = range(7, 10)  # of the last two, structures only when expanded
_kinds: dict[type, int] = {}


def _classify(kind: type) -> int:
    """What values of a type are, remembered by type."""
    if len(_kinds) > 4096:  # programs that make types as they go
        _kinds.clear()
    found = _LEAF
    if issubclass(kind, Mapping):
        found = _MAPPING
    elif issubclass(kind, (str, bytes)):
        found = _LEAF
    elif hasattr(kind, "_type_spec") and hasattr(kind, "_shape_invariant_to_type_spec"):
        found = _COMPOSITE
    elif hasattr(kind, "_component_specs") and hasattr(kind, "_to_components"):
        found = _SPEC
    elif hasattr(kind, "__tf_flatten__") and hasattr(kind, "__tf_unflatten__"):
        found = _DATACLASS
    elif hasattr(kind, "__attrs_attrs__"):
        found = _ATTRS
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        found = _NAMEDTUPLE
    elif issubclass(kind, Sequence):
        found = _SEQUENCE
    elif issubclass(kind, MappingView):
        found = _VIEW
    elif hasattr(kind, "__wrapped__"):  # an object proxy: what it wraps decides
        found = _PROXY
    _kinds[kind] = found
    return found


def _kind(value: Any, expand: bool) -> int:
    found = _kinds.get(type(value))
    if found is None:
        found = _classify(type(value))
    if found >= _PROXY:
        if found == _PROXY:
            return found if _kind(value.__wrapped__, expand) else _LEAF
        if not expand or (found == _SPEC and value._component_specs is value):
            return _LEAF
    return found


def _children(value: Any, kind: int) -> Iterable[Any]:
    """The parts of a structure, in the order in which they are flattened."""
    if kind in (_SEQUENCE, _NAMEDTUPLE, _VIEW):
        return value
    if kind == _MAPPING:
        return [value[key] for key in _sorted(value)]
    if kind == _DATACLASS:
        return value.__tf_flatten__()[1]
    if kind == _ATTRS:
        return [getattr(value, each.name) for each in type(value).__attrs_attrs__]
    if kind == _PROXY:
        return _children(value.__wrapped__, _kind(value.__wrapped__, False))
    if kind == _COMPOSITE:
        return [value._type_spec._to_components(value)]
    return [value._component_specs]


def _sorted(mapping: Mapping) -> list[Any]:
    try:
        return sorted(mapping)
    except TypeError as error:
        raise _error(
            TypeError, f"tf.nest only supports dicts with sortable keys: {error}"
        ) from None


def _keys(value: Any, kind: int) -> Iterable[Any]:
    """The path elements that lead to the children of a structure."""
    if kind == _MAPPING:
        return _sorted(value)
    if kind == _NAMEDTUPLE:
        return value._fields
    if kind == _ATTRS:
        return [each.name for each in type(value).__attrs_attrs__]
    if kind == _PROXY:
        return _keys(value.__wrapped__, _kind(value.__wrapped__, False))
    if kind == _COMPOSITE:
        return [type(value).__name__]
    if kind == _SPEC:
        return [value.value_type.__name__]
    if kind == _VIEW:
        return range(len(value))
    return range(len(_as_list(_children(value, kind))))


def _as_list(values: Iterable[Any]) -> Any:
    return values if isinstance(values, (list, tuple)) else list(values)


def _items(value: Any, expand: bool) -> list[tuple[Any, Any]] | None:
    """The keys and children of a structure, in order; None for a leaf."""
    kind = _kind(value, expand)
    return None if kind == _LEAF else list(zip(_keys(value, kind), _children(value, kind)))


def _like(value: Any, kind: int, parts: list[Any]) -> Any:
    """A structure of the type of `value` with other parts."""
    if kind == _SEQUENCE:
        made = type(value)
        if made is list or made is range:
            return parts
        return made(parts)
    if kind == _NAMEDTUPLE:
        return type(value)(*parts)
    if kind == _MAPPING:
        by_key = dict(zip(_sorted(value), parts))
        items = {key: by_key[key] for key in value}
        made = type(value)
        if made is dict:
            return items
        if isinstance(value, collections.defaultdict):
            return made(value.default_factory, items)
        try:
            return made(items.items())
        except TypeError as error:
            raise _error(
                TypeError,
                f"Error creating an object of type {made} like {value}. Note that it must accept a "
                "single positional argument representing an iterable of key-value pairs, in addition "
                f"to self. Cause: {error}",
            ) from error
    if kind == _VIEW:
        return parts
    if kind == _DATACLASS:
        return type(value).__tf_unflatten__(value.__tf_flatten__()[0], tuple(parts))
    if kind == _ATTRS:
        names = [each.name for each in type(value).__attrs_attrs__]
        return type(value)(**{name.lstrip("_"): part for name, part in zip(names, parts)})
    if kind == _PROXY:
        inner = value.__wrapped__
        return type(value)(_like(inner, _kind(inner, False), parts))
    if kind == _COMPOSITE:
        return value._type_spec._from_components(parts[0])
    return value._from_components(parts[0])


def _error(kind: type[Exception], text: str) -> Exception:
    return kind(f"{errors.user_site()}: {text}")


# What is a structure ------------------------------------------------------------------------------


@export("nest.is_nested", v1=("nest.is_sequence",))
def is_nested(seq: Any) -> bool:
    """Whether `seq` is a structure rather than a leaf.

    >>> import reflow as tf
    >>> tf.nest.is_nested([1]), tf.nest.is_nested({}), tf.nest.is_nested("ab"), tf.nest.is_nested(None)
    (True, True, False, False)
    """
    return _kind(seq, False) != _LEAF


is_sequence = is_nested


def is_nested_or_composite(seq: Any) -> bool:
    """Whether `seq` is a structure, a composite tensor or the type spec of one."""
    return _kind(seq, True) != _LEAF


is_sequence_or_composite = is_nested_or_composite


@export("__internal__.nest.is_mapping")
def is_mapping(value: Any) -> bool:
    """Whether `value` is a mapping."""
    return isinstance(value, Mapping)


@export("__internal__.nest.is_attrs")
def is_attrs(value: Any) -> bool:
    """Whether `value` is an instance of a class that `attrs` made."""
    return _kind(value, False) == _ATTRS


def is_namedtuple(instance: Any, strict: bool = False) -> bool:
    """Whether `instance` is a named tuple; with `strict`, of a direct subclass of tuple."""
    if not isinstance(instance, tuple) or (strict and type(instance).__base__ is not tuple):
        return False
    fields = getattr(instance, "_fields", None)
    return isinstance(fields, tuple) and all(isinstance(name, str) for name in fields)


def same_namedtuples(nest1: Any, nest2: Any) -> bool:
    """Whether two named tuples are of types of the same name and fields."""
    return type(nest1).__name__ == type(nest2).__name__ and nest1._fields == nest2._fields


# Flattening and packing ---------------------------------------------------------------------------


@export("nest.flatten")
def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves of a structure as a flat list; of a leaf, a list of it alone.

    Args:
      structure: a nested structure.
      expand_composites: whether composite tensors are replaced by their component tensors.

    Raises:
      TypeError: if the keys of a mapping cannot be sorted.

    >>> import reflow as tf
    >>> tf.nest.flatten({"b": [1, (2,)], "a": 3})
    [3, 1, 2]
    """
    flat: list[Any] = []
    _flatten(structure, flat, expand_composites)
    return flat


def _flatten(value: Any, flat: list[Any], expand: bool) -> None:
    kind = _kind(value, expand)
    if kind == _LEAF:
        flat.append(value)
        return
    for each in _children(value, kind):
        _flatten(each, flat, expand)


@export("nest.pack_sequence_as")
def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """A structure like `structure` with the values of `flat_sequence` in place of its leaves.

    Args:
      structure: a nested structure, or a leaf.
      flat_sequence: a sequence of as many values as the structure has leaves.
      expand_composites: whether composite tensors in `structure` take their component tensors.

    Raises:
      TypeError: if `flat_sequence` is no sequence.
      ValueError: if it has more or fewer values than `structure` has leaves.

    >>> import reflow as tf
    >>> tf.nest.pack_sequence_as({"b": 0, "a": [0, 0]}, [1, 2, 3])
    {'b': 3, 'a': [1, 2]}
    """
    if not is_nested(flat_sequence):
        raise _error(
            TypeError,
            f"Attempted to pack value:\n  {flat_sequence!s:.400}\ninto a structure, but found "
            f"incompatible type `{type(flat_sequence)}` instead.",
        )
    given = list(_children(flat_sequence, _kind(flat_sequence, False)))
    if _kind(structure, expand_composites) == _LEAF:
        if len(given) != 1:
            raise _error(
                ValueError,
                f"The target structure is of type `{type(structure)}`\n  {structure!s:.400}\n"
                f"However the input is a sequence ({type(flat_sequence)}) of length {len(given)}.\n"
                f"  {flat_sequence!s:.400}\nnest cannot guarantee that it is safe to map one to the "
                "other.",
            )
        return given[0]
    atoms = len(flatten(structure, expand_composites))
    if atoms != len(given):
        raise _error(
            ValueError,
            f"Could not pack sequence. Structure had {atoms} atoms, but flat_sequence had "
            f"{len(given)} items.  Structure: {structure!s:.400}, flat_sequence: "
            f"{flat_sequence!s:.400}.",
        )
    return _pack(structure, iter(given), expand_composites)


def _pack(value: Any, flat: Iterator[Any], expand: bool) -> Any:
    kind = _kind(value, expand)
    if kind == _LEAF:
        return next(flat)
    return _like(value, kind, [_pack(each, flat, expand) for each in _children(value, kind)])


@export("nest.map_structure")
def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """Applies `func` to the leaves of structures; the results in the structure of the first.

    Args:
      func: a function of as many arguments as there are structures.
      *structure: structures that match each other leaf by leaf.
      check_types: whether the types of the structures must match too (default true).
      expand_composites: whether composite tensors are replaced by their components (default false).

    Raises:
      TypeError: if `func` is not callable, or the types of the structures differ.
      ValueError: if there is no structure, if they do not match, or for another keyword.

    >>> import reflow as tf
    >>> tf.nest.map_structure(lambda x, y: x + y, {"a": 1, "b": (2,)}, {"a": 10, "b": (20,)})
    {'a': 11, 'b': (22,)}
    """
    if not callable(func):
        raise _error(TypeError, f"func must be callable, got: {func}")
    if not structure:
        raise _error(ValueError, "Must provide at least one structure")
    check_types, expand = _options(kwargs)
    first = structure[0]
    for other in structure[1:]:
        assert_same_structure(first, other, check_types, expand)
    if len(structure) == 1:
        return _pack(first, iter([func(x) for x in flatten(first, expand)]), expand)
    rows = zip(*[flatten(each, expand) for each in structure])
    return _pack(first, iter([func(*row) for row in rows]), expand)


def _options(kwargs: dict[str, Any]) -> tuple[bool, bool]:
    check_types = kwargs.pop("check_types", True)
    expand = kwargs.pop("expand_composites", False)
    if kwargs:
        raise _error(
            ValueError,
            "Only valid keyword arguments are `check_types` and `expand_composites`, not: "
            f"`{'`, `'.join(kwargs)}`",
        )
    return check_types, expand


@export("__internal__.nest.list_to_tuple")
def list_to_tuple(structure: Any) -> Any:
    """`structure` with tuples in place of lists."""
    kind = _kind(structure, False)
    if kind == _LEAF:
        return structure
    parts = [list_to_tuple(each) for each in _children(structure, kind)]
    return tuple(parts) if isinstance(structure, list) else _like(structure, kind, parts)


def flatten_dict_items(dictionary: Mapping) -> dict[Any, Any]:
    """A dictionary whose nested keys and values are flattened together: `{(1, 2): ("a", "b")}`.

    Raises:
      TypeError: if `dictionary` is no mapping.
      ValueError: if a key and its value differ in structure, or a key comes twice.
    """
    if not isinstance(dictionary, Mapping):
        raise _error(
            TypeError,
            "FlattenDictItems: 'dict' must be a dictionary or collection.Mapping type object, "
            f"instead of '{type(dictionary).__name__}'.",
        )
    result: dict[Any, Any] = {}
    for key, value in dictionary.items():
        keys, values = [key], [value]
        if is_nested(key):
            keys, values = flatten(key), flatten(value)
            if len(keys) != len(values):
                raise _error(
                    ValueError,
                    f"Could not flatten dictionary. Key had {len(keys)} elements, but value had "
                    f"{len(values)} elements. Key: {keys}, value: {values}.",
                )
        for each, item in zip(keys, values):
            if each in result:
                raise _error(
                    ValueError, f"Cannot flatten dict because this key is not unique: {each}"
                )
            result[each] = item
    return result


# Comparing ----------------------------------------------------------------------------------------


@export("nest.assert_same_structure")
def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Checks that two structures are nested in the same way.

    Args:
      nest1, nest2: two structures, or two leaves.
      check_types: whether their types must match as well. Mappings match each other when they have the
        same keys; named tuples when their names and fields are the same; lists match their subclasses.
      expand_composites: whether composite tensors are compared by their components.

    Raises:
      ValueError: if they differ in nesting or number of elements, or mappings in their keys.
      TypeError: if they differ in type and `check_types` is true.

    >>> import reflow as tf
    >>> tf.nest.assert_same_structure([(1, 2)], [("a", "b")])
    """
    problem = _difference(nest1, nest2, check_types, expand_composites)
    if problem is not None:
        kind, text = problem
        dots = [map_structure(lambda _: _DOT, each) for each in (nest1, nest2)]
        raise _error(
            kind,
            "The two structures don't have the same nested structure.\n\n"
            f"First structure: {_shown(nest1)}\n\nSecond structure: {_shown(nest2)}\n\n"
            f"More specifically: {text}\nEntire first structure:\n{dots[0]}\n"
            f"Entire second structure:\n{dots[1]}",
        )


_DOT = type("Dot", (), {"__repr__": lambda self: "."})()


def _shown(value: Any) -> str:
    return f"type={type(value).__name__} str={value!s:.400}"


def _difference(a: Any, b: Any, check_types: bool, expand: bool) -> tuple[type, str] | None:
    """How two structures differ: the class of the error and what it says; None if they do not."""
    kind, other = _kind(a, expand), _kind(b, expand)
    if kind == _LEAF and other == _LEAF:
        return None
    if kind == _LEAF or other == _LEAF:
        nested, leaf = (b, a) if kind == _LEAF else (a, b)
        return (
            ValueError,
            f'Substructure "{_shown(nested)}" is a sequence, while substructure "{_shown(leaf)}" is '
            "not",
        )
    if check_types:
        problem = _type_difference(a, kind, b, other)
        if problem is not None:
            return problem
    ours, theirs = _as_list(_children(a, kind)), _as_list(_children(b, other))
    if len(ours) != len(theirs):
        return (
            ValueError,
            "The two structures don't have the same number of elements. First structure: "
            f"{_shown(a)}. Second structure: {_shown(b)}",
        )
    for x, y in zip(ours, theirs):
        problem = _difference(x, y, check_types, expand)
        if problem is not None:
            return problem
    return None


def _type_difference(a: Any, kind: int, b: Any, other: int) -> tuple[type, str] | None:
    if kind in (_COMPOSITE, _SPEC) and other in (_COMPOSITE, _SPEC):
        return _spec_difference(a, b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        ours, theirs = _sorted(a), _sorted(b)
        if ours != theirs:
            return (
                ValueError,
                "The two dictionaries don't have the same set of keys. First structure has keys "
                f"{_shown(ours)}, while second structure has keys {_shown(theirs)}",
            )
        return None
    if _types_match(a, b):
        return None
    return (
        TypeError,
        f"The two structures don't have the same sequence type. First structure {_shown(a)} "
        f"has type {type(a).__name__}, while second structure {_shown(b)} has type "
        f"{type(b).__name__}",
    )


def _spec_difference(a: Any, b: Any) -> tuple[type, str] | None:
    """How two composite tensors, or specs of such, differ in what they may stand for."""
    spec, against = getattr(a, "_type_spec", a), getattr(b, "_type_spec", b)
    common = getattr(spec, "most_specific_common_supertype", None)
    if type(spec) is type(against) if common is None else common([against]) is not None:
        return None
    return TypeError, f"Incompatible CompositeTensor TypeSpecs: {spec} vs. {against}"


def _types_match(a: Any, b: Any) -> bool:
    first, second = _unwrapped(a), _unwrapped(b)
    if type(first) is type(second):
        return True
    if isinstance(first, list) and isinstance(second, list):
        return True
    return is_namedtuple(first) and is_namedtuple(second) and same_namedtuples(first, second)


def _unwrapped(value: Any) -> Any:
    return value.__wrapped__ if _kind(value, False) == _PROXY else value


# Paths --------------------------------------------------------------------------------------------


def flatten_with_tuple_paths(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves as pairs `(path, leaf)`, a path being a tuple of keys, field names and indices."""
    return list(_up_to(structure, structure, (), expand_composites))


@export("__internal__.nest.yield_flat_paths")
def yield_flat_paths(nest: Any, expand_composites: bool = False) -> Iterator[tuple]:
    """The paths of the leaves, in order."""
    for path, _ in _up_to(nest, nest, (), expand_composites):
        yield path


def flatten_with_joined_string_paths(
    structure: Any, separator: str = "/", expand_composites: bool = False
) -> list[tuple[str, Any]]:
    """The leaves as pairs `(path, leaf)`, a path being text such as `"layers/0/kernel"`."""
    return [
        (separator.join(map(str, path)), leaf)
        for path, leaf in _up_to(structure, structure, (), expand_composites)
    ]


def map_structure_with_tuple_paths(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """Like `map_structure`, with the leaf's path, a tuple, as the first argument of `func`."""
    return map_structure_with_tuple_paths_up_to(structure[0], func, *structure, **kwargs)


def map_structure_with_paths(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """Like `map_structure`, with the leaf's path, text joined by `/`, as the first argument."""

    def with_text(path: tuple, *leaves: Any) -> Any:
        return func("/".join(map(str, path)), *leaves)

    return map_structure_with_tuple_paths_up_to(structure[0], with_text, *structure, **kwargs)


# Up to the leaves of a shallower structure --------------------------------------------------------


def assert_shallow_structure(
    shallow_tree: Any, input_tree: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Checks that `input_tree` has the nesting of `shallow_tree`, below whose leaves anything may be.

    Raises:
      TypeError: if a leaf stands where `shallow_tree` has a structure, or types differ.
      ValueError: if they differ in length or in keys.
    """
    kind = _kind(shallow_tree, expand_composites)
    if kind == _LEAF:
        return
    other = _kind(input_tree, expand_composites)
    if other == _LEAF:
        raise _error(TypeError, IF_SHALLOW_IS_SEQ_INPUT_MUST_BE_SEQ.format(type(input_tree)))
    composites = [each in (_COMPOSITE, _SPEC) for each in (kind, other)]
    if all(composites):
        problem = _spec_difference(shallow_tree, input_tree) if check_types else None
        if problem is not None:
            raise _error(*problem)
        return
    both_mappings = isinstance(shallow_tree, Mapping) and isinstance(input_tree, Mapping)
    if any(composites) or (
        check_types and not both_mappings and not _types_match(shallow_tree, input_tree)
    ):
        raise _error(
            TypeError,
            STRUCTURES_HAVE_MISMATCHING_TYPES.format(
                input_type=type(input_tree), shallow_type=type(shallow_tree)
            ),
        )
    shallow = _as_list(_children(shallow_tree, kind))
    children = _as_list(_children(input_tree, other))
    if len(children) != len(shallow):
        text = STRUCTURES_HAVE_MISMATCHING_LENGTHS
        raise _error(
            ValueError, text.format(input_length=len(children), shallow_length=len(shallow))
        )
    if both_mappings:
        lacking = [key for key in shallow_tree if key not in input_tree]
        if lacking:
            raise _error(ValueError, SHALLOW_TREE_HAS_INVALID_KEYS.format(sorted(lacking)))
    for branch, part in zip(shallow, children):
        assert_shallow_structure(branch, part, check_types, expand_composites)


def flatten_with_tuple_paths_up_to(
    shallow_tree: Any, input_tree: Any, check_types: bool = True, expand_composites: bool = False
) -> list[tuple[tuple, Any]]:
    """Pairs `(path, part)` for the parts of `input_tree` at the leaves of `shallow_tree`."""
    assert_shallow_structure(shallow_tree, input_tree, check_types, expand_composites)
    return list(_up_to(shallow_tree, input_tree, (), expand_composites))


def _up_to(shallow: Any, value: Any, path: tuple, expand: bool) -> Iterator[tuple[tuple, Any]]:
    kind = _kind(shallow, expand)
    if kind == _LEAF:
        yield path, value
        return
    parts = _children(value, _kind(value, expand))
    for key, branch, part in zip(_keys(shallow, kind), _children(shallow, kind), parts):
        yield from _up_to(branch, part, (*path, key), expand)


@export("__internal__.nest.flatten_up_to")
def flatten_up_to(
    shallow_tree: Any, input_tree: Any, check_types: bool = True, expand_composites: bool = False
) -> list[Any]:
    """The parts of `input_tree` at the leaves of `shallow_tree`, in a flat list."""
    pairs = flatten_with_tuple_paths_up_to(shallow_tree, input_tree, check_types, expand_composites)
    return [part for _, part in pairs]


@export("__internal__.nest.map_structure_up_to")
def map_structure_up_to(
    shallow_tree: Any, func: Callable[..., Any], *inputs: Any, **kwargs: Any
) -> Any:
    """Applies `func` to the parts of `inputs` at the leaves of `shallow_tree`."""

    def without_path(path: tuple, *parts: Any) -> Any:
        return func(*parts)

    return map_structure_with_tuple_paths_up_to(shallow_tree, without_path, *inputs, **kwargs)


def map_structure_with_tuple_paths_up_to(
    shallow_tree: Any, func: Callable[..., Any], *inputs: Any, **kwargs: Any
) -> Any:
    """Like `map_structure_up_to`, with the path as the first argument of `func`.

    Raises:
      ValueError: if there are no inputs, or one lacks what `shallow_tree` has.
      TypeError: if types differ.
    """
    if not inputs:
        raise _error(ValueError, "Cannot map over no sequences")
    check_types, expand = _options(kwargs)
    for each in inputs:
        assert_shallow_structure(shallow_tree, each, check_types, expand)
    flat = [list(_up_to(shallow_tree, each, (), expand)) for each in inputs]
    results = [func(row[0][0], *[part for _, part in row]) for row in zip(*flat)]
    return _pack(shallow_tree, iter(results), expand)


@export("__internal__.nest.get_traverse_shallow_structure")
def get_traverse_shallow_structure(
    traverse_fn: Callable[[Any], Any], structure: Any, expand_composites: bool = False
) -> Any:
    """A structure of booleans, as deep as `traverse_fn` says that `structure` is to be entered.

    Args:
      traverse_fn: from a part of the structure to a boolean, or to a structure of booleans for its
        parts.
      structure: what to walk.

    Raises:
      TypeError: if `traverse_fn` returns something else.
    """
    enter = traverse_fn(structure)
    kind = _kind(structure, expand_composites)
    choices = _kind(enter, expand_composites)
    if kind == _LEAF or choices == _LEAF:
        if not isinstance(enter, bool):
            raise _error(
                TypeError, f"traverse_fn returned a non-bool scalar: {enter} for input: {structure}"
            )
        if kind == _LEAF or not enter:
            return enter
    parts = _as_list(_children(structure, kind))
    if choices == _LEAF:
        chosen = [True] * len(parts)
    else:
        assert_shallow_structure(enter, structure, False, expand_composites)
        chosen = _as_list(_children(enter, choices))
    below = []
    for each, part in zip(chosen, parts):
        if not isinstance(each, bool):
            raise _error(TypeError, f"traverse_fn didn't return a bool for the part {part}: {each}")
        below.append(each and get_traverse_shallow_structure(traverse_fn, part, expand_composites))
    return _like(structure, kind, below)
