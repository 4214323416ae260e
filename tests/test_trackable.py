"""Trackable objects and structures, and tf.Module: names and children as TensorFlow has them."""

import collections
import copy
import json
import pickle

import pytest

import reflow as tf
from reflow.lang.trackable import AutoTrackable, Trackable, no_automatic_dependency_tracking
from reflow.lang.tracked_structures import ListWrapper, NoDependency, _DictWrapper

Pair = collections.namedtuple("Pair", ["left", "right"])


def names(trackable):
    return sorted(trackable._trackable_children())


def test_attributes_become_children():
    root = AutoTrackable()
    root.v = tf.Variable(1.0)
    root.number = 5
    root.inner = AutoTrackable()
    assert names(root) == ["inner", "v"]
    first = root.v
    root.v = tf.Variable(2.0)
    assert root._trackable_children()["v"] is root.v is not first
    del root.v
    assert names(root) == ["inner"]


def test_a_name_is_taken_once_unless_it_may_be_overwritten():
    root = Trackable()
    one, two = AutoTrackable(), AutoTrackable()
    root._track_trackable(one, "child")
    root._track_trackable(one, "child")
    with pytest.raises(ValueError, match="already declared"):
        root._track_trackable(two, "child")
    root._track_trackable(two, "child", overwrite=True)
    assert root._lookup_dependency("child") is two
    with pytest.raises(TypeError, match="objects of type Trackable"):
        root._track_trackable(3, "three")


def test_a_list_shares_its_contents_and_names_by_index():
    root, items = AutoTrackable(), [tf.Variable(1.0)]
    root.items = items
    items.append(tf.Variable(2.0))
    root.items.append([tf.Variable(3.0), 7])
    assert type(root.items) is ListWrapper and isinstance(root.items, list)
    assert len(root.items) == len(items) == 3
    assert names(root.items) == ["0", "1", "2"] and names(root.items[2]) == ["0"]


def test_a_list_that_was_reordered_cannot_be_saved():
    root = AutoTrackable()
    root.items = [tf.Variable(1.0), tf.Variable(2.0)]
    root.items.reverse()
    with pytest.raises(ValueError, match="append-only"):
        root.items._trackable_children()


def test_dictionaries_and_tuples():
    root = AutoTrackable()
    root.table = {"a": tf.Variable(1.0), "n": 3, "deep": {"b": tf.Variable(2.0)}}
    root.ordered = collections.OrderedDict(z=tf.Variable(1.0))
    root.pair = Pair(tf.Variable(1.0), 2)
    root.plain = (1, 2)
    assert type(root.table) is _DictWrapper and names(root.table) == ["a", "deep"]
    assert isinstance(root.ordered, collections.OrderedDict) and names(root.ordered) == ["z"]
    assert isinstance(root.pair, Pair) and names(root.pair) == ["left"]
    assert type(root.plain) is tuple
    assert names(root) == ["ordered", "pair", "table"]
    root.table[5] = tf.Variable(1.0)
    with pytest.raises(ValueError, match="non-string key"):
        root.table._trackable_children()


def test_wrappers_behave_as_what_they_wrap():
    root = AutoTrackable()
    root.items, root.table = [1, [2]], {"a": 1}
    assert root.items == [1, [2]] and [0] + root.items == [0, 1, [2]]
    assert json.dumps(root.items) == "[1, [2]]" and json.dumps(dict(root.table)) == '{"a": 1}'
    assert isinstance(root.table, dict) and root.table.keys() == {"a"}
    assert {**root.table} == dict(root.table) == {"a": 1}
    assert pickle.loads(pickle.dumps(root.table)) == {"a": 1}
    copied = copy.deepcopy(root.items)
    copied[1].append(3)
    assert root.items == [1, [2]] and copied == [1, [2, 3]]
    assert tf.nest.map_structure(lambda x: x + 1, root.table) == {"a": 2}
    with pytest.raises(TypeError, match="unhashable"):
        hash(root.items)


def test_untracked_assignments():
    class Holder(AutoTrackable):
        @no_automatic_dependency_tracking
        def hold(self, value):
            self.held = value

    holder = Holder()
    holder.hold([tf.Variable(1.0)])
    holder.other = NoDependency([tf.Variable(1.0)])
    assert type(holder.held) is list and type(holder.other) is list and names(holder) == []


def test_modules_find_what_they_consist_of():
    class Layer(tf.Module):
        def __init__(self, name=None):
            super().__init__(name)
            self.w = tf.Variable(1.0, name="w")
            self.b = tf.Variable(2.0, name="b", trainable=False)

    class MyNet2D(tf.Module):
        def __init__(self):
            super().__init__()
            self.layers = [Layer("one"), Layer("two")]
            self.again = self.layers[0]
            self.cycle = self

        @tf.Module.with_name_scope
        def made(self):
            return tf.Variable(0.0, name="v")

    net = MyNet2D()
    assert net.name == "my_net2_d" and net.made().name == "my_net2_d/v:0"
    one, two = net.layers
    assert net.submodules == (one, two)
    assert [v is w for v, w in zip(net.variables, (one.b, one.w, two.b, two.w))] == [True] * 4
    assert [v.name for v in net.trainable_variables] == ["w:0", "w:0"]
    assert [v.name for v in net.non_trainable_variables] == ["b:0", "b:0"]
    paths = [path for path, _ in net._flatten(predicate=lambda x: x is two, with_path=True)]
    assert paths == [("layers", 1), ("cycle", "layers", 1)]
    with pytest.raises(ValueError, match="not a valid module name"):
        tf.Module("two words")
