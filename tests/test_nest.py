"""tf.nest: lang/nest.py. What is expected here is what TensorFlow gives."""

import collections
import collections.abc
import dataclasses
import types

import numpy as np
import pytest

import reflow as tf
from reflow.lang import nest
from reflow.lang.shapes import TensorShape

Point = collections.namedtuple("Point", "x y")
Twin = collections.namedtuple("Point", "x y")
Other = collections.namedtuple("Other", "x y")


class Mapped(collections.abc.Mapping):
    def __init__(self, items=()):
        self.items_ = dict(items)

    def __getitem__(self, key):
        return self.items_[key]

    def __iter__(self):
        return iter(self.items_)

    def __len__(self):
        return len(self.items_)

    def __repr__(self):
        return f"Mapped({self.items_})"


class Listed(collections.abc.Sequence):
    def __init__(self, items=()):
        self.items_ = list(items)

    def __getitem__(self, i):
        return self.items_[i]

    def __len__(self):
        return len(self.items_)

    def __repr__(self):
        return f"Listed({self.items_})"


class Attrs:
    """What `attrs.define` makes of a class, as far as nest looks."""

    __attrs_attrs__ = (types.SimpleNamespace(name="b"), types.SimpleNamespace(name="_a"))

    def __init__(self, b, a):
        self.b, self._a = b, a

    def __repr__(self):
        return f"Attrs({self.b}, {self._a})"


@dataclasses.dataclass
class Plain:
    x: int


@dataclasses.dataclass
class Data:
    x: object
    y: object

    def __tf_flatten__(self):
        return (self.y,), (self.x,)

    @classmethod
    def __tf_unflatten__(cls, metadata, components):
        return cls(components[0], metadata[0])


class Proxy:
    """An object proxy like wrapt's."""

    def __init__(self, wrapped):
        self.wrapped = wrapped

    @property
    def __wrapped__(self):
        return self.wrapped

    def __repr__(self):
        return f"Proxy({self.wrapped})"


class Spec:
    """The type spec of `Pair`."""

    value_type = property(lambda self: Pair)
    _component_specs = ("spec of a", "spec of b")

    def _to_components(self, value):
        return (value.a, value.b)

    def _from_components(self, components):
        return Pair(*components)

    def most_specific_common_supertype(self, others):
        return self if all(type(each) is Spec for each in others) else None


class OtherSpec(Spec):
    pass


class Pair:
    """A composite tensor."""

    spec = Spec()

    def __init__(self, a, b):
        self.a, self.b = a, b

    @property
    def _type_spec(self):
        return self.spec

    def _shape_invariant_to_type_spec(self, shape):
        return self.spec

    def __repr__(self):
        return f"Pair({self.a}, {self.b})"


LEAVES = [None, "ab", b"ab", 1, {1, 2}, np.zeros(2), Plain(1), TensorShape([1, 2]), iter([])]


@pytest.mark.parametrize("value", LEAVES, ids=lambda v: type(v).__name__)
def test_leaves(value):
    assert not nest.is_nested(value)
    flat = nest.flatten(value)
    assert len(flat) == 1 and flat[0] is value
    assert nest.map_structure(lambda x: ("seen", x), value)[1] is value
    assert nest.flatten_with_joined_string_paths(value)[0][0] == ""


STRUCTURES = [
    # the structure, its paths, its leaves, and what comes of mapping `str` over it
    ([1, [2]], [(0,), (1, 0)], [1, 2], "['1', ['2']]"),
    ((1, (2,)), [(0,), (1, 0)], [1, 2], "('1', ('2',))"),
    ({"b": 1, "a": [2]}, [("a", 0), ("b",)], [2, 1], "{'b': '1', 'a': ['2']}"),
    (collections.OrderedDict(b=1, a=2), [("a",), ("b",)], [2, 1], None),
    (collections.defaultdict(list, {"b": 1, "a": 2}), [("a",), ("b",)], [2, 1], None),
    (Mapped({"b": 1, "a": 2}), [("a",), ("b",)], [2, 1], "Mapped({'b': '1', 'a': '2'})"),
    (Listed([1, 2]), [(0,), (1,)], [1, 2], "Listed(['1', '2'])"),
    (Point(1, [2, 3]), [("x",), ("y", 0), ("y", 1)], [1, 2, 3], "Point(x='1', y=['2', '3'])"),
    (Attrs(1, 2), [("b",), ("_a",)], [1, 2], "Attrs(1, 2)"),
    (Data(1, 2), [(0,)], [1], "Data(x='1', y=2)"),
    (collections.deque([1, [2]]), [(0,), (1, 0)], [1, 2], "deque(['1', ['2']])"),
    (range(2), [(0,), (1,)], [0, 1], "['0', '1']"),
    ({"b": 1, "a": 2}.values(), [(0,), (1,)], [1, 2], "['1', '2']"),
    ({"b": 1}.items(), [(0, 0), (0, 1)], ["b", 1], "[('b', '1')]"),
    (Proxy([1, 2]), [(0,), (1,)], [1, 2], "Proxy(['1', '2'])"),
    ([None, (), {}], [(0,)], [None], "['None', (), {}]"),
    ([], [], [], "[]"),
]


@pytest.mark.parametrize("structure, paths, leaves, mapped", STRUCTURES, ids=str)
def test_structures(structure, paths, leaves, mapped):
    assert nest.is_nested(structure)
    assert nest.flatten(structure) == leaves
    assert nest.flatten_with_tuple_paths(structure) == list(zip(paths, leaves))
    joined = ["/".join(map(str, path)) for path in paths]
    assert nest.flatten_with_joined_string_paths(structure) == list(zip(joined, leaves))
    assert list(nest.yield_flat_paths(structure)) == paths
    result = nest.map_structure(str, structure)
    if mapped is not None:
        assert repr(result) == mapped
    else:
        assert type(result) is type(structure) and result == {"b": "1", "a": "2"}
        assert list(result) == ["b", "a"]
    nest.assert_same_structure(structure, structure)
    assert nest.flatten(nest.pack_sequence_as(structure, leaves)) == leaves


def test_an_object_proxy_of_a_leaf_is_a_leaf():
    proxy = Proxy(5)
    assert not nest.is_nested(proxy) and nest.flatten([proxy]) == [proxy]


def test_keys_that_cannot_be_sorted():
    with pytest.raises(TypeError, match="only supports dicts with sortable keys"):
        nest.flatten({1: 1, "a": 2})


def test_a_mapping_that_cannot_be_made_again():
    with pytest.raises(TypeError, match="Error creating an object of type <class 'mappingproxy'>"):
        nest.map_structure(str, types.MappingProxyType({"a": 1}))


def test_map_over_several_structures():
    add = nest.map_structure(lambda *x: sum(x), {"a": 1, "b": [2]}, {"b": [20], "a": 10})
    assert add == {"a": 11, "b": [22]}
    assert nest.map_structure(lambda x, y: (x, y), [1], (2,), check_types=False) == [(1, 2)]
    with pytest.raises(TypeError, match="func must be callable, got: 5"):
        nest.map_structure(5, [1])
    with pytest.raises(ValueError, match="at least one structure"):
        nest.map_structure(str)
    with pytest.raises(ValueError, match="Only valid keyword arguments are.*not: `foo`"):
        nest.map_structure(str, [1], foo=1)


SAME = [
    (1, "a"),
    ([1, [2]], ["a", [None]]),
    ({"a": 1}, collections.OrderedDict(a=1)),
    ({"a": 1}, Mapped({"a": 1})),
    (Point(1, 2), Twin(3, 4)),
    ([1], type("MyList", (list,), {})([1])),
    (Data(1, 2), Data(3, 2)),
    ([], []),
    (Proxy([1]), [1]),
]
DIFFERENT = [
    # error with types checked, error without, a part of the message
    ([1, [2]], [1, 2], ValueError, ValueError, "is a sequence, while substructure"),
    (1, [1], ValueError, ValueError, "is a sequence, while substructure"),
    ([1], (1,), TypeError, None, "has type list, while second structure"),
    ({"a": 1}, {"b": 1}, ValueError, None, "don't have the same set of keys"),
    ({"a": 1}, {"a": 1, "b": 1}, ValueError, ValueError, "First structure"),
    ([1, 2], [1, 2, 3], ValueError, ValueError, "don't have the same number of elements"),
    (Point(1, 2), Other(1, 2), TypeError, None, "has type Point, while second"),
    (Point(1, 2), (1, 2), TypeError, None, "has type Point, while second"),
    ([1], Listed([1]), TypeError, None, "has type list"),
    ([], (), TypeError, None, "has type list"),
    ({}, [], TypeError, None, "has type dict"),
]


@pytest.mark.parametrize("a, b", SAME, ids=str)
def test_same_structures(a, b):
    nest.assert_same_structure(a, b)
    nest.assert_same_structure(b, a)
    nest.map_structure(lambda x, y: None, a, b)


@pytest.mark.parametrize("a, b, typed, untyped, text", DIFFERENT, ids=str)
def test_different_structures(a, b, typed, untyped, text):
    with pytest.raises(typed, match="(?s)don't have the same nested structure.*" + text):
        nest.assert_same_structure(a, b)
    with pytest.raises(typed):
        nest.map_structure(lambda x, y: None, a, b)
    if untyped is None:
        nest.assert_same_structure(a, b, check_types=False)
    else:
        with pytest.raises(untyped):
            nest.assert_same_structure(a, b, check_types=False)


def test_errors_name_the_users_line():
    with pytest.raises(ValueError) as caught:
        nest.assert_same_structure([1], 1)
    assert "test_nest.py:" in str(caught.value).splitlines()[0]


def test_pack():
    assert nest.pack_sequence_as(5, ["x"]) == "x"
    assert nest.pack_sequence_as(None, [[1, 2]]) == [1, 2]
    assert nest.pack_sequence_as([1, {"b": 1, "a": [2]}], (1, 2, 3)) == [1, {"b": 3, "a": [2]}]
    for structure, flat, kind, text in [
        ([1, 2], 5, TypeError, "Attempted to pack value"),
        ([1, 2], np.zeros(2), TypeError, "Attempted to pack value"),
        ([1, 2], iter([1, 2]), TypeError, "Attempted to pack value"),
        (5, [1, 2], ValueError, "However the input is a sequence.*of length 2"),
        ([1, 2], [1], ValueError, "Structure had 2 atoms, but flat_sequence had 1 items"),
        ([1, 2], [1, 2, 3], ValueError, "had 2 atoms, but flat_sequence had 3"),
    ]:
        with pytest.raises(kind, match="(?s)" + text):
            nest.pack_sequence_as(structure, flat)


UP_TO = [
    ([1, 2], [1, [2, 3]], [1, [2, 3]]),
    (1, [1, 2], [[1, 2]]),
    (None, [1], [[1]]),
    ({"a": 1}, {"a": [1, 2]}, [[1, 2]]),
    ({"b": 1, "a": 2}, Mapped({"b": 1, "a": 2}), [2, 1]),
    (Point(1, 2), Twin(1, [2]), [1, [2]]),
    ([], [], []),
]
NOT_UP_TO = [
    ([1, [2]], [1, 2], TypeError, TypeError, "input must also be a sequence.*int"),
    ([1, 2], [1], ValueError, ValueError, "Input structure has length 1, while.*length 2"),
    ([], [1], ValueError, ValueError, "Input structure has length 1, while.*length 0"),
    ([1, 2], (1, 2), TypeError, None, "Input structure has type <class 'tuple'>"),
    (Point(1, 2), Other(1, 2), TypeError, None, "sequence type"),
    ({"a": 1}, {"b": 1}, ValueError, ValueError, r"not in the input_tree: \['a'\]"),
    ({"a": 1}, {"a": 1, "b": 2}, ValueError, ValueError, "length 2, while"),
]


@pytest.mark.parametrize("shallow, deep, parts", UP_TO, ids=str)
def test_up_to_a_shallow_structure(shallow, deep, parts):
    assert nest.flatten_up_to(shallow, deep) == parts
    nest.assert_shallow_structure(shallow, deep)
    mapped = nest.map_structure_up_to(shallow, lambda x: ("m", x), deep)
    assert nest.flatten_up_to(shallow, mapped) == [("m", part) for part in parts]
    pairs = nest.flatten_with_tuple_paths_up_to(shallow, deep)
    assert [part for _, part in pairs] == parts


@pytest.mark.parametrize("shallow, deep, typed, untyped, text", NOT_UP_TO, ids=str)
def test_not_up_to_a_shallow_structure(shallow, deep, typed, untyped, text):
    with pytest.raises(typed, match=text):
        nest.flatten_up_to(shallow, deep)
    with pytest.raises(typed, match=text):
        nest.map_structure_up_to(shallow, str, deep)
    if untyped is None:
        nest.flatten_up_to(shallow, deep, check_types=False)
    else:
        with pytest.raises(untyped, match=text):
            nest.flatten_up_to(shallow, deep, check_types=False)


def test_maps_with_paths():
    tree = {"b": [1, 2], "a": 3}
    assert nest.map_structure_with_paths(lambda p, x, y: (p, x + y), tree, tree) == {
        "b": [("b/0", 2), ("b/1", 4)],
        "a": ("a", 6),
    }
    assert nest.map_structure_with_tuple_paths(lambda p, x: p, tree) == {
        "b": [("b", 0), ("b", 1)],
        "a": ("a",),
    }
    up_to = nest.map_structure_with_tuple_paths_up_to({"a": 0}, lambda *x: x, {"a": [3]})
    assert up_to == {"a": (("a",), [3])}
    assert nest.map_structure_up_to([1, 2], lambda x, y: (x, y), [1, [2]], [3, 4]) == [
        (1, 3),
        ([2], 4),
    ]
    with pytest.raises(ValueError, match="Cannot map over no sequences"):
        nest.map_structure_up_to([1], str)


def test_flatten_dict_items():
    nested = {(4, 5, (6, 8)): ("a", "b", ("c", "d")), "x": 1}
    assert nest.flatten_dict_items(nested) == {4: "a", 5: "b", 6: "c", 8: "d", "x": 1}
    for value, kind, text in [
        ({(1, 2): 3}, ValueError, "Key had 2 elements, but value had 1 elements"),
        ({(1, 1): (3, 4)}, ValueError, "this key is not unique: 1"),
        (
            [1],
            TypeError,
            "must be a dictionary or collection.Mapping type object, instead of 'list'",
        ),
    ]:
        with pytest.raises(kind, match=text):
            nest.flatten_dict_items(value)


def test_traverse_shallow_structure():
    def enter(s):
        return isinstance(s, (list, dict))

    tree = {"a": [1, (2, 3)], "b": (1, 2)}
    assert nest.get_traverse_shallow_structure(enter, tree) == {"a": [False, False], "b": False}
    assert nest.get_traverse_shallow_structure(lambda s: False, [1, 2]) is False
    some = nest.get_traverse_shallow_structure(
        lambda s: [True, False] if s == [[1], [2]] else True, [[1], [2]]
    )
    assert some == [[True], False]
    with pytest.raises(TypeError, match="returned a non-bool scalar: 5"):
        nest.get_traverse_shallow_structure(lambda s: 5, [[1], [2]])
    with pytest.raises(ValueError, match="same sequence length"):
        nest.get_traverse_shallow_structure(lambda s: [True], [[1], [2]])
    with pytest.raises(TypeError, match="didn't return a bool"):
        nest.get_traverse_shallow_structure(lambda s: [1, 2], [1, 2])


def test_list_to_tuple():
    assert repr(nest.list_to_tuple([1, [2, {"a": [3]}], Point([1], 2)])) == (
        "(1, (2, {'a': (3,)}), Point(x=(1,), y=2))"
    )


def test_composites():
    pair = Pair(1, 2)
    assert not nest.is_nested(pair) and nest.is_nested_or_composite(pair)
    assert nest.flatten([pair]) == [pair]
    assert nest.flatten([pair], expand_composites=True) == [1, 2]
    mapped = nest.map_structure(lambda x: x + 1, [pair], expand_composites=True)
    assert repr(mapped) == "[Pair(2, 3)]"
    paths = nest.flatten_with_tuple_paths([pair], expand_composites=True)
    assert paths == [((0, "Pair", 0), 1), ((0, "Pair", 1), 2)]
    assert nest.flatten([Spec()], expand_composites=True) == ["spec of a", "spec of b"]
    nest.assert_same_structure([pair], [Spec()], expand_composites=True)
    nest.assert_same_structure([pair], [1])
    with pytest.raises(ValueError, match="is a sequence, while substructure"):
        nest.assert_same_structure([pair], [1], expand_composites=True)
    with pytest.raises(TypeError, match="Incompatible CompositeTensor TypeSpecs"):
        nest.assert_same_structure([pair], [OtherSpec()], expand_composites=True)
    nest.assert_shallow_structure([pair], [Pair(3, 4)], expand_composites=True)
    with pytest.raises(TypeError):
        nest.assert_shallow_structure([pair], [[3, 4]], expand_composites=True)


def test_composite_tensors():
    def slices(*parts):
        return tf.IndexedSlices(*map(tf.constant, parts))

    value = slices([5.0], [1])
    assert nest.is_composite(value) and not nest.is_composite([value])
    assert nest.flatten({"a": value}, expand_composites=True) == [value.values, value.indices]
    like = slices([1.0], [2], [3])
    mapped = nest.map_structure(lambda x: x * 2, like, expand_composites=True)
    parts = (mapped.values, mapped.indices, mapped.dense_shape)
    assert [part.numpy().tolist() for part in parts] == [[2.0], [4], [6]]
    nest.assert_same_structure(value, slices([1.0], [2]), expand_composites=True)
    with pytest.raises(TypeError, match="Incompatible CompositeTensor"):
        nest.assert_same_structure(value, like, expand_composites=True)
    with pytest.raises(TypeError, match="Incompatible CompositeTensor"):
        nest.assert_same_structure(value, Pair(1, 2), expand_composites=True)


def test_questions():
    assert nest.is_mapping(Mapped()) and not nest.is_mapping([])
    assert nest.is_attrs(Attrs(1, 2)) and not nest.is_attrs(Point(1, 2))
    assert nest.is_namedtuple(Point(1, 2)) and not nest.is_namedtuple((1, 2))
    assert nest.is_namedtuple(Point(1, 2), strict=True)
    assert nest.same_namedtuples(Point(1, 2), Twin(1, 2))
    assert not nest.same_namedtuples(Point(1, 2), Other(1, 2))


def test_classes_made_on_the_fly_are_not_kept():
    for i in range(5000):
        nest.flatten([type(f"T{i}", (), {})()])
    assert len(nest._kinds) <= 4097
    assert nest.flatten({"a": [1, "x"]}) == [1, "x"]
