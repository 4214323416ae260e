"""Variable scopes, `get_variable`, templates and variables in parts.

The graphs that they make are compared with TensorFlow's in test_variables.py.
"""

import threading

import numpy as np
import pytest

import reflow as tf
from reflow.ops.variables.variable_scope import (
    EagerVariableStore,
    _get_default_variable_store,
    get_variable_scope_store,
)

v1 = tf.compat.v1
zeros = v1.zeros_initializer()


@pytest.fixture
def session(graph):
    with v1.Session(graph=graph) as session:
        yield session


# Scopes -------------------------------------------------------------------------------------------


def test_defaults_are_inherited_and_overridden(graph):
    def project(x):
        return x

    def regularizer(v):
        return None

    with v1.variable_scope(
        "a", initializer=zeros, regularizer=regularizer, dtype=tf.float64, constraint=project
    ) as a:
        assert (a.initializer, a.regularizer, a.dtype) == (zeros, regularizer, tf.float64)
        assert v1.get_variable("v", [1]).constraint is project
        with v1.variable_scope("b", dtype=tf.float32) as b:
            assert (b.name, b.initializer, b.dtype) == ("a/b", zeros, tf.float32)
            assert b.constraint is None  # not inherited, as in TensorFlow
            assert b.original_name_scope == "a/b/"
            assert v1.get_variable_scope() is b
    assert v1.get_variable_scope().name == ""
    with v1.variable_scope(a, initializer=v1.ones_initializer()) as again:
        assert again is not a and again.name == "a" and again.initializer is not zeros


def test_collections_of_a_scope(graph):
    with v1.variable_scope("a") as scope:
        x = v1.get_variable("x", [1])
        y = v1.get_local_variable("y", [1])
    v1.get_variable("ab", [1])
    assert scope.global_variables() == [x] and scope.local_variables() == [y]
    assert scope.trainable_variables() == [x] and scope.get_collection("variables") == [x]
    assert len(v1.get_variable_scope().global_variables()) == 2


def test_names_in_a_scope_that_is_reentered_in_a_name_scope(graph):
    with v1.variable_scope("a") as scope:
        pass
    with v1.name_scope("n"), v1.variable_scope(scope, auxiliary_name_scope=False) as inner:
        v = v1.get_variable("v", [1])
        with v1.name_scope(inner.original_name_scope):
            c = tf.constant(1, name="c")
        d = tf.constant(1, name="d")
    assert (v.name, c.name, d.name) == ("a/v:0", "a/c:0", "n/d:0")


def test_values_say_which_graph_is_meant():
    graph = tf.Graph()
    with graph.as_default():
        x = tf.constant(1.0)
    with tf.Graph().as_default():
        with v1.variable_scope(None, "a", [x]):
            assert v1.get_variable("v", [1]).graph is graph
        other = tf.constant(1.0)
        with pytest.raises(ValueError, match="same graph"):
            v1.variable_scope("a", values=[x, other])


def test_every_thread_has_its_current_scope(graph):
    names = []

    def work():
        with graph.as_default(), v1.variable_scope("inner"):
            names.append(v1.get_variable("v", [1]).name)

    with v1.variable_scope("outer"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert names == ["inner/v:0"]


def test_scopes_are_left_in_order_when_something_fails(graph):
    with pytest.raises(KeyError), v1.variable_scope("a"), v1.variable_scope("b"):
        raise KeyError
    assert v1.get_variable_scope().name == "" and graph.get_name_scope() == ""
    assert get_variable_scope_store().variable_scope_count("a/b") == 0
    assert get_variable_scope_store().variable_scope_count("a") == 1


def test_the_scope_object_can_be_changed(graph):
    scope = v1.VariableScope(None, name="mine", use_resource=True)
    scope.set_initializer(v1.ones_initializer())
    scope.set_dtype(tf.int32)
    scope.set_regularizer(None)
    scope.set_partitioner(v1.fixed_size_partitioner(2))
    scope.set_caching_device("/cpu:0")
    scope.set_custom_getter(lambda getter, *args, **kwargs: getter(*args, **kwargs))
    assert scope.caching_device == "/cpu:0" and callable(scope.custom_getter)
    v = scope.get_variable(_get_default_variable_store(), "v", [4])
    assert [part.name for part in v] == ["mine/v/part_0:0", "mine/v/part_1:0"]
    assert v.dtype is tf.int32
    scope.reuse_variables()
    assert scope.reuse is True


# Getting variables --------------------------------------------------------------------------------


def test_existing_variables_name_their_line(graph):
    v1.get_variable("x", [1])
    with pytest.raises(ValueError) as error:
        v1.get_variable("x", [1])
    text = str(error.value)
    assert "Variable x already exists, disallowed. Did you mean to set reuse=True or" in text
    assert text.startswith("tests/test_variable_scope.py:")
    assert "Originally defined at: tests/test_variable_scope.py:" in text


def test_kinds_of_initializers(session):
    def plain(shape, dtype=None, partition_info=None):
        assert partition_info is None
        return tf.fill(shape, tf.constant(3, dtype))

    made = [
        v1.get_variable("a", [2], tf.int32, initializer=plain),
        v1.get_variable("b", initializer=lambda: tf.constant([4.0, 5.0])),
        v1.get_variable("c", initializer=np.array([6, 7])),
        v1.get_variable("d", initializer="text"),
        v1.get_variable("e", [2], initializer=v1.ones_initializer),
        v1.get_variable("f", [2], tf.bool),
        v1.get_variable("g", [2], tf.string),
        v1.get_variable("h", shape=2, initializer=zeros),
    ]
    session.run(v1.global_variables_initializer())
    values = [np.asarray(v).tolist() for v in session.run(made)]
    assert values[:5] == [[3, 3], [4.0, 5.0], [6, 7], b"text", [1.0, 1.0]]
    assert values[5:] == [[False, False], [b"", b""], [0.0, 0.0]]


def test_regularization_losses(session):
    with v1.variable_scope("s", regularizer=lambda v: tf.reduce_sum(v * v)):
        v1.get_variable("a", [2], initializer=v1.ones_initializer())
        v1.get_variable("b", [2], initializer=zeros, regularizer=v1.no_regularizer)
    (loss,) = v1.get_collection(v1.GraphKeys.REGULARIZATION_LOSSES)
    assert loss.name.startswith("s/a/Regularizer/")
    session.run(v1.global_variables_initializer())
    assert session.run(loss) == 2.0


def test_custom_getters_get_arguments_by_name(graph):
    seen = {}

    def getter(getter, name, shape=None, **kwargs):
        seen.update(kwargs, name=name, shape=shape)
        return getter(name, shape=shape, **kwargs)

    with v1.variable_scope("s", custom_getter=getter, reuse=v1.AUTO_REUSE):
        v = v1.get_variable("v", [2], trainable=False)
    assert v.name == "s/v:0" and not v.trainable
    assert (seen["name"], seen["shape"], seen["reuse"]) == ("s/v", [2], v1.AUTO_REUSE)
    assert set(seen) == {
        *("name", "shape", "dtype", "initializer", "regularizer", "reuse", "trainable"),
        *("collections", "caching_device", "partitioner", "validate_shape", "use_resource"),
        *("constraint", "synchronization", "aggregation"),
    }
    with pytest.raises(ValueError, match="custom_getter which is not callable"):
        v1.get_variable("w", [1], custom_getter=3)


def test_three_nested_getters(graph):
    def adding(text):
        def getter(getter, name, *args, **kwargs):
            return getter(name + text, *args, **kwargs)

        return getter

    one = v1.variable_scope("a", custom_getter=adding("1"))
    two = v1.variable_scope("b", custom_getter=adding("2"))
    three = v1.variable_scope("c", custom_getter=adding("3"))
    with one, two as scope, three:
        assert v1.get_variable("v", [1]).name == "a/b/c/v321:0"
    with v1.variable_scope(scope, custom_getter=adding("4")):
        assert v1.get_variable("w", [1]).name == "a/b/w421:0"


def test_scopes_reach_into_function_bodies(session):
    with v1.variable_scope("s"):
        x = v1.placeholder(tf.float32, [])

        def branch():
            return x * v1.get_variable("w", [], initializer=v1.ones_initializer())

        y = v1.cond(x > 0.0, branch, lambda: x)
    with v1.variable_scope("s", reuse=True):
        w = v1.get_variable("w", [])
    assert w.graph is session.graph and [v.name for v in v1.global_variables()] == ["s/w:0"]
    session.run(w.initializer)
    session.run(w.assign(5.0))
    assert session.run(y, {x: 2.0}) == 10.0
    assert session.run(y, {x: -2.0}) == -2.0


# Eager code ---------------------------------------------------------------------------------------


def test_eager_variables_are_not_shared():
    a, b = v1.get_variable("x", [1]), v1.get_variable("x", [1])
    assert a is not b and a.name == b.name == "x:0"
    with v1.variable_scope("s", reuse=True):
        assert v1.get_variable("x", [1]).name == "s/x:0"
    with pytest.raises(NotImplementedError, match="Caching devices"):
        v1.VariableScope(None, caching_device="/cpu:0")
    with pytest.raises(ValueError, match="use_resource cannot be set to false"):
        v1.get_variable_scope().set_use_resource(False)


def test_eager_stores_share():
    store = EagerVariableStore()

    def layer():
        with v1.variable_scope("s"):
            w = v1.get_variable("w", [2], initializer=v1.ones_initializer())
            b = v1.get_variable("b", [2], initializer=zeros, trainable=False)
        return w, b

    with store.as_default():
        first = layer()
    with store.as_default():
        assert all(a is b for a, b in zip(layer(), first))
    assert [v.name for v in store.variables()] == ["s/b:0", "s/w:0"]
    assert [v.name for v in store.trainable_variables()] == ["s/w:0"]
    assert [v.name for v in store.non_trainable_variables()] == ["s/b:0"]
    copied = store.copy()
    first[0].assign([5.0, 5.0])
    assert copied.variables()[1].numpy().tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="does not hold eager variables"):
        EagerVariableStore(_get_default_variable_store())


def test_eager_regularization_losses_follow_the_variable():
    store = EagerVariableStore()
    with store.as_default():
        v = v1.get_variable("v", initializer=2.0, regularizer=lambda v: v * 10.0)
    losses = v1.get_collection(v1.GraphKeys.REGULARIZATION_LOSSES)
    loss = losses[-1]
    v.assign(3.0)
    assert float(tf.convert_to_tensor(loss)) == 30.0 and float(loss + 1.0) == 31.0
    v1.get_collection_ref(v1.GraphKeys.REGULARIZATION_LOSSES).clear()


# Templates ----------------------------------------------------------------------------------------


def test_templates_in_graphs(session):
    def layer(x, scale=1.0):
        w = v1.get_variable("w", [1], initializer=v1.ones_initializer())
        v1.get_local_variable("n", dtype=tf.int32, initializer=0)
        return x * w * scale

    template = v1.make_template("t", layer, scale=3.0)
    assert template.variable_scope is None and template.variables == []
    a, b = template(tf.constant([1.0])), template(tf.constant([2.0]))
    assert template.name == "t" and template.variable_scope_name == "t"
    assert [v.name for v in template.variables] == ["t/w:0", "t/n:0"]
    assert [v.name for v in template.trainable_variables] == ["t/w:0"]
    assert [v.name for v in template.local_variables] == ["t/n:0"]
    assert template.non_trainable_variables == []
    session.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
    assert session.run([a, b])[1].tolist() == [6.0]
    other = v1.make_template("t", layer)
    other(tf.constant([1.0]))
    assert other.variable_scope_name == "t_1"
    with pytest.raises(ValueError, match="name cannot be None"):
        v1.make_template(None, layer)


def test_templates_in_eager_code():
    def layer(x):
        return x * v1.get_variable("w", [1], initializer=v1.ones_initializer())

    template = v1.make_template("eager_t", layer)
    template(tf.constant([1.0]))
    (w,) = template.variables
    w.assign([5.0])
    assert template(tf.constant([2.0])).numpy().tolist() == [10.0]
    assert w.name == "eager_t/w:0" and template.variable_scope_name == "eager_t"
    count = [0]

    def more():
        count[0] += 1
        return v1.get_variable(f"v{count[0]}", [1])

    template = v1.make_template("eager_more", more)
    template()
    with pytest.raises(ValueError, match="created when calling a template after the first time"):
        template()
    with pytest.raises(ValueError, match="unique_name_ cannot be used"):
        v1.make_template("t", layer, unique_name_="x")


# Variables in parts -------------------------------------------------------------------------------


def test_parts_are_assigned_and_read_as_one(session):
    w = v1.get_variable("w", [5], initializer=zeros, partitioner=v1.fixed_size_partitioner(2))
    session.run(v1.global_variables_initializer())
    assert len(w) == 2 and w.name == "w" and w.shape == [5] and w.dtype is tf.float32
    session.run(w.assign(tf.constant([1.0, 2.0, 3.0, 4.0, 5.0])))
    session.run(w.assign_add(tf.constant([1.0, 1.0, 1.0, 1.0, 1.0]), read_value=False))
    session.run(w.assign_sub(w))
    assert session.run(tf.add(w, 1.0)).tolist() == [1.0] * 5
    assert session.run(tf.convert_to_tensor(w)).tolist() == [0.0] * 5
    assert [session.run(part).shape for part in w] == [(3,), (2,)]
    with pytest.raises(NotImplementedError, match="used as a reference"):
        w._convert(as_ref=True)
    with pytest.raises(ValueError, match="Incompatible type conversion"):
        tf.convert_to_tensor(w, tf.int32)


def test_parts_of_a_random_initializer_know_the_whole(session):
    seen = []

    def make(shape, dtype=None, partition_info=None):
        seen.append((shape, partition_info.full_shape, partition_info.var_offset))
        assert partition_info.single_offset(shape) == partition_info.var_offset[1]
        assert partition_info.single_slice_dim(shape) == 1
        return tf.zeros(shape, dtype)

    v1.get_variable("w", [2, 3], initializer=make, partitioner=v1.fixed_size_partitioner(3, axis=1))
    assert seen == [([2, 1], [2, 3], [0, i]) for i in range(3)]
    eye = v1.get_variable(
        "eye",
        [3, 3],
        initializer=v1.initializers.identity(),
        partitioner=lambda shape, dtype: [2, 1],
    )
    session.run(v1.global_variables_initializer())
    assert session.run(tf.convert_to_tensor(eye)).tolist() == np.eye(3).tolist()


def test_partitioners():
    shape = tf.TensorShape([1024, 8])
    assert v1.fixed_size_partitioner(4, axis=1)(shape) == [1, 4]
    assert v1.fixed_size_partitioner(4)(tf.TensorShape([3, 8])) == [3, 1]
    by_size = v1.variable_axis_size_partitioner(4096)
    assert by_size(shape, tf.float32) == [8, 1]
    assert by_size(tf.TensorShape([100]), tf.string) == [1]
    assert v1.variable_axis_size_partitioner(4096, max_shards=3)(shape, tf.float32) == [3, 1]
    by_count = v1.min_max_variable_partitioner(max_partitions=16, min_slice_size=4096)
    assert by_count(shape, tf.float32) == [8, 1]
    assert by_count(tf.TensorShape([4]), tf.float32) == [1]
    with pytest.raises(ValueError, match="must be positive"):
        v1.variable_axis_size_partitioner(0)
    with pytest.raises(ValueError, match="not a TensorShape"):
        by_size([3], tf.float32)
    with pytest.raises(ValueError, match="not fully defined"):
        by_size(tf.TensorShape([None]), tf.float32)
    with pytest.raises(ValueError, match="Cannot partition variable along axis 1"):
        v1.min_max_variable_partitioner(axis=1)(tf.TensorShape([3]), tf.float32)


def test_wrong_partition_infos():
    from reflow.ops.variables.partitioned import PartitionedVariable, PartitionInfo

    with pytest.raises(TypeError, match="`full_shape` must be a sequence"):
        PartitionInfo(3, [0])
    with pytest.raises(ValueError, match="Expected equal length"):
        PartitionInfo([3], [0, 0])
    with pytest.raises(ValueError, match="Expected 0 <= offset < shape"):
        PartitionInfo([3], [3])
    info = PartitionInfo([4, 4], [2, 0])
    with pytest.raises(ValueError, match="would exceed"):
        info.single_slice_dim([3, 4])
    with pytest.raises(ValueError, match="either dimension 0 or 1"):
        info.single_slice_dim([2, 2])
    with pytest.raises(ValueError, match="may not be empty"):
        PartitionedVariable("w", [1], tf.float32, [], [1])
