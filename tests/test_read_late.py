"""Where a cluster reads variables: late, so that tables do not pass between clusters as copies."""

import numpy as np
import pytest

import reflow
from reflow.compiler import partition, policy

tf = reflow.compat.v1


@pytest.fixture
def passed(monkeypatch):
    """The shapes of the tensors that clusters hand out."""
    shapes = []

    class Watched(partition.Cluster):
        def __init__(self, nodes, inputs, constants, outputs, *rest):
            super().__init__(nodes, inputs, constants, outputs, *rest)
            shapes.extend(t.shape.sizes for t in outputs)

    monkeypatch.setattr(partition, "Cluster", Watched)
    return shapes


@pytest.fixture(params=[policy.INTERPRET, policy.COMPILE], autouse=True)
def tier(request, monkeypatch):
    monkeypatch.setattr(policy, "forced", [request.param])


def on_host(x):
    return tf.py_func(lambda x: x, [x], x.dtype, stateful=False)


@pytest.mark.parametrize("resource", [False, True])
def test_a_table_does_not_leave_a_cluster(resource, passed):
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.get_variable(
            "v", initializer=np.arange(12.0).reshape(6, 2), use_resource=resource
        )
        session.run(table.initializer)
        numbers = tf.placeholder(tf.int32, [2])
        rows = on_host(numbers * 2)
        rows.set_shape([2])
        got = tf.reduce_sum(tf.gather(tf.identity(table.value()), rows))
        update = tf.assign_sub(table, table * got)
        passed.clear()
        value, _ = session.run([got, update.op], {numbers: [1, 2]})
        assert value == 26
        assert passed and (6, 2) not in passed, passed
        np.testing.assert_array_equal(session.run(table), -25 * np.arange(12.0).reshape(6, 2))


def test_a_read_that_is_fetched_and_one_that_is_taken_early_stay(passed):
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.get_variable("v", initializer=[1.0, 2.0], use_resource=True)
        session.run(v.initializer)
        read = v.read_value()
        later = on_host(read * 2.0) + read
        assert session.run([read, later])[1].tolist() == [3.0, 6.0]
        assert session.run(later).tolist() == [3.0, 6.0]


def test_a_function_reads_before_it_writes():
    v = reflow.Variable([1.0, 2.0])

    @reflow.function
    def f():
        before = v.read_value()
        other = reflow.numpy_function(lambda: np.float32(10), [], reflow.float32)
        v.assign_add([100.0, 100.0])
        after = v.read_value()
        return before + other, after + other

    before, after = f()
    assert before.numpy().tolist() == [11.0, 12.0]
    assert after.numpy().tolist() == [111.0, 112.0]


def test_a_read_waits_for_a_write_and_a_write_for_a_read():
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.get_variable("v", initializer=1.0, use_resource=True)
        session.run(v.initializer)
        before = v.read_value()
        with tf.control_dependencies([before]):
            write = v.assign(on_host(tf.placeholder_with_default(5.0, [])))
        with tf.control_dependencies([write]):
            after = v.read_value()
        given = tf.placeholder(tf.float32, [])
        host = on_host(given)
        got = session.run([before + on_host(host), after + on_host(host)], {given: 0.5})
        assert got == [1.5, 5.5]


def test_an_assigned_constant_waits_for_what_the_constant_waits_for(tier):
    """The assignment's only tie to the read before it is the constant, which is folded."""
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(1.0, use_resource=True)
        go = tf.placeholder(tf.float32, [])
        with tf.control_dependencies([on_host(go)]):
            before = v.read_value()
        with tf.control_dependencies([before]):
            after = v.assign(5.0)
        session.run(v.initializer)
        assert session.run([before, after], {go: 0.0}) == [1.0, 5.0]


# Clusters that give something to one later cluster only are part of that one -----------------------


@pytest.fixture
def clusters(monkeypatch):
    """The clusters that are made."""
    made = []

    class Watched(partition.Cluster):
        def __init__(self, nodes, *rest):
            super().__init__(nodes, *rest)
            made.append({op.name for op in nodes})

    monkeypatch.setattr(partition, "Cluster", Watched)
    return made


def early_and_late(take, shape=(2,)):
    """What `take` makes of something early and of something from the host; the two feeds."""
    x, y = tf.placeholder(tf.float32, [2], "x"), tf.placeholder(tf.int32, [2], "y")
    early = tf.multiply(x, 2.0, name="early")
    host = on_host(y)
    host.set_shape(shape)
    return take(early, host), {x: [1.0, 2.0], y: [2, 1]}


def test_what_only_a_later_cluster_takes_is_part_of_it(clusters):
    with tf.Graph().as_default(), tf.Session() as session:
        got, feeds = early_and_late(lambda early, host: early + tf.cast(host, tf.float32))
        assert session.run(got, feeds).tolist() == [4.0, 5.0]
        assert len(clusters) == 1


def test_what_the_host_waits_for_stays_early(clusters):
    with tf.Graph().as_default(), tf.Session() as session:
        got, feeds = early_and_late(
            lambda early, host: early + on_host(early) + tf.cast(host, tf.float32)
        )
        assert session.run(got, feeds).tolist() == [6.0, 9.0]
        assert {"early"} in clusters


def test_a_cluster_whose_shapes_change_does_not_bring_others_to_be_compiled_anew(clusters):
    with tf.Graph().as_default(), tf.Session() as session:
        got, feeds = early_and_late(
            lambda early, host: tf.reduce_sum(early) + tf.reduce_sum(tf.cast(host, tf.float32)),
            [None],
        )
        assert session.run(got, feeds) == 9.0
        assert len(clusters) == 2


def test_nor_does_one_that_has_to_know_values(clusters):
    with tf.Graph().as_default(), tf.Session() as session:
        got, feeds = early_and_late(lambda early, host: tf.reshape(early, host))
        assert session.run(got, feeds).tolist() == [[2.0], [4.0]]
        assert len([names for names in clusters if "early" in names]) == 1
        assert not [names for names in clusters if {"early", got.op.name} <= names]


def test_what_works_while_the_host_does_stays_early(clusters):
    with tf.Graph().as_default(), tf.Session() as session:
        wide = tf.placeholder(tf.float32, [400, 200])
        got, feeds = early_and_late(
            lambda early, host: (
                tf.reduce_sum(tf.exp(wide)) + tf.reduce_sum(tf.cast(host, tf.float32))
            )
        )
        assert session.run(got, {**feeds, wide: np.zeros((400, 200))}) == 80_003
        assert len(clusters) == 2


@pytest.mark.parametrize("resource", [False, True])
def test_a_value_from_before_a_write_stays_that(clusters, resource):
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.get_variable("v", initializer=[1.0, 2.0], use_resource=resource)
        session.run(v.initializer)
        before = tf.identity(v.value()) * 3.0
        host = on_host(tf.placeholder_with_default([5.0, 5.0], [2]))
        host.set_shape([2])
        with tf.control_dependencies([before]):
            write = tf.assign(v, host)
        clusters.clear()
        got, _ = session.run([before + host, write])
        assert got.tolist() == [8.0, 11.0]
        assert session.run(v).tolist() == [5.0, 5.0]
