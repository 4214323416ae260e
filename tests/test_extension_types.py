"""Extension types against TensorFlow's: constructors, specs, functions, data sets."""

import copy
import pickle

import numpy as np
import pytest
from golden_calls import TIERS, check_program, load, tier

import reflow as tf

LOADED = load("extension_types")


@pytest.mark.parametrize("which", TIERS)
@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program, which):
    check_program(LOADED, program, which)


class Point(tf.experimental.ExtensionType):
    at: tf.Tensor
    name: str = "p"

    def __add__(self, other):
        return Point(self.at + other.at)


class Named(Point):
    label: str = "n"

    def __init__(self, at, label):
        self.at = at
        self.name = "sub"
        self.label = label


class Further(Named):
    more: int = 0

    def __init__(self, at):
        super().__init__(at, "from above")
        self.more = 7


class Tree(tf.experimental.ExtensionType):
    value: tf.Tensor
    left: "Tree | None" = None


def test_subclasses_have_the_fields_of_their_bases():
    named, further = Named([1.0], "l"), Further([2.0])
    assert (named.name, named.label) == ("sub", "l")
    assert (further.name, further.label, further.more) == ("sub", "from above", 7)
    assert list(tf.experimental.extension_type.as_dict(further)) == ["at", "name", "label", "more"]
    assert not further._type_spec.is_compatible_with(named)


def test_types_that_hold_themselves():
    tree = Tree([1.0], Tree([2.0]))
    assert tree.left.value.numpy() == [2.0] and tree.left.left is None
    doubled = tf.function(
        lambda t: tf.nest.map_structure(lambda x: 2 * x, t, expand_composites=True)
    )(tree)
    assert doubled.left.value.numpy() == [4.0]


def test_pickled_and_copied():
    point = Point([1.0, 2.0], "q")
    for again in (pickle.loads(pickle.dumps(point)), copy.deepcopy(point)):
        assert again.name == "q" and bool(again == point)
        with pytest.raises(AttributeError, match="Cannot mutate"):
            again.name = "r"
    assert pickle.loads(pickle.dumps(point._type_spec)) == point._type_spec


@pytest.mark.parametrize("which", TIERS)
def test_rows_all_at_once(which):
    class Row(tf.experimental.BatchableExtensionType):
        a: tf.Tensor
        scale: int = 2

    with tier(which):
        rows = tf.vectorized_map(
            lambda row: Row(row.a * float(row.scale), 5), Row([[1.0, 2.0], [3.0, 4.0]])
        )
    assert rows.scale == 5
    np.testing.assert_array_equal(rows.a, [[2.0, 4.0], [6.0, 8.0]])


def test_values_of_other_types_cannot_be_sliced():
    with pytest.raises(TypeError, match="Point cannot be sliced"):
        tf.data.Dataset.from_tensor_slices(Point([1.0]))
    assert [p.name for p in tf.data.Dataset.from_tensors(Point([1.0]))] == ["p"]


def test_annotations_as_text_may_name_what_is_around():
    kind = tf.Tensor
    program = "from __future__ import annotations\nclass Late(base):\n    a: kind\n    b: int = 2\n"
    names = {"base": tf.experimental.ExtensionType, "kind": kind, "__name__": "somewhere"}
    exec(program, names)
    assert names["Late"]([1]).a.numpy() == [1] and names["Late"]([1]).b == 2
    with pytest.raises(TypeError, match="expected tuple with length 2"):

        class Pair(tf.experimental.ExtensionType):
            p: tuple[int, int] = (1, 2, 3)
