"""Sessions: what they return, what they refuse, and what stays alive between runs."""

import collections
import threading

import numpy as np
import pytest

import reflow as tf
from reflow.compiler import policy, stats, tracing
from reflow.lang.verifier import verify

v1 = tf.compat.v1


@pytest.fixture
def session(graph):
    with v1.Session(graph=graph) as session:
        yield session


def test_structures_of_fetches_come_back_as_they_went_in(session, tier):
    a, b = tf.constant(1.0), tf.constant([2, 3])
    point = collections.namedtuple("point", "x y")
    fetches = {"list": [a, b], "pair": (a, "Const_1:0"), "point": point(x=b, y=a), "op": a.op}
    got = session.run(fetches)
    assert got["list"][0] == 1.0 and got["list"][1].tolist() == [2, 3]
    assert got["pair"][1].tolist() == [2, 3]
    assert got["point"].x.tolist() == [2, 3] and type(got["point"]) is point
    assert got["op"] is None
    assert isinstance(session.run(a), np.float32)


def test_any_tensor_can_be_fed(session, tier):
    x = tf.constant(2.0)
    y = x * 3.0
    z = y + 1.0
    assert session.run(z) == 7.0
    assert session.run(z, {y: 10.0}) == 11.0
    assert session.run([z, y], {y.name: 1.0}) == [2.0, 1.0]


def test_what_is_fed_must_fit(session):
    x = v1.placeholder(tf.float32, [None, 2], name="x")
    y = x * 2.0
    with pytest.raises(
        ValueError, match=r"shape \(3,\) for Tensor x:0, which has shape \(None, 2\)"
    ):
        session.run(y, {x: [1.0, 2.0, 3.0]})
    with pytest.raises(TypeError, match="cannot be a tf.Tensor"):
        session.run(y, {x: y})
    with pytest.raises(TypeError, match="Cannot interpret feed_dict key"):
        session.run(y, {"nothing:0": 1.0})
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="must feed a value for placeholder"
    ) as e:
        session.run(y)
    assert "test_session.py" in str(e.value).splitlines()[0]
    assert session.run(y, {x: [[1, 2]]}).tolist() == [[2.0, 4.0]]


def test_a_session_of_an_empty_graph_says_so(session):
    with pytest.raises(RuntimeError, match=r"test_session.py:\d+: The Session graph is empty"):
        session.run([])


def test_what_is_fetched_must_be_of_the_graph(session):
    tf.constant(0.0)
    with tf.Graph().as_default():
        other = tf.constant(1.0)
    with pytest.raises(ValueError, match="not an element of this graph"):
        session.run(other)
    with pytest.raises(ValueError, match="does not exist"):
        session.run("nothing:0")
    with pytest.raises(TypeError, match="invalid type"):
        session.run(3)


def test_results_belong_to_the_caller(session, tier):
    c = tf.constant([1.0, 2.0])
    got = session.run(c)
    got += 1.0
    assert session.run(c).tolist() == [1.0, 2.0]


def test_a_closed_session_says_so(graph):
    c = tf.constant(1.0)
    session = v1.Session(graph=graph)
    session.run(c)
    session.close()
    with pytest.raises(RuntimeError, match="closed Session"):
        session.run(c)


def test_a_callable_takes_its_feeds_in_order(session, tier):
    x, y = v1.placeholder(tf.float32), v1.placeholder(tf.float32)
    f = session.make_callable({"difference": x - y}, [y, x])
    assert f(1.0, 5.0) == {"difference": 4.0}
    with pytest.raises(ValueError, match="1 values for 2 feeds"):
        f(1.0)


def test_a_partial_run_computes_once(session, tier):
    a, b, c = (v1.placeholder(tf.float32, []) for _ in range(3))
    first = a + b
    second = first * c
    handle = session.partial_run_setup([first, second], [a, b, c])
    assert session.partial_run(handle, first, {a: 1.0, b: 2.0}) == 3.0
    assert session.partial_run(handle, second, {c: 17.0}) == 51.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="not declared as a feed"):
        session.partial_run(handle, second, {first: 1.0})


def test_eval_and_run_use_the_default_session(graph):
    c = tf.constant(4.0)
    with pytest.raises(ValueError, match="No default session"):
        c.eval()
    with v1.Session(graph=graph).as_default():
        assert c.eval() == 4.0
        assert c.op.run() is None


def test_a_default_session_leaves_the_default_graph_alone():
    graph = tf.Graph()
    session = v1.Session(graph=graph)
    with session.as_default():
        assert v1.get_default_session() is session
        assert v1.get_default_graph() is not graph
        assert tf.executing_eagerly()
    with session:
        assert v1.get_default_session() is session
        assert v1.get_default_graph() is graph
        assert not tf.executing_eagerly()


def test_leaving_a_session_again_leaves_the_one_around_it():
    with v1.Session().as_default() as outer, v1.Session().as_default() as inner:
        with outer.as_default():
            assert v1.get_default_session() is outer
        assert v1.get_default_session() is inner


def test_many_shapes_do_not_mean_many_compilations(session):
    x = v1.placeholder(tf.float32, [None])
    y = v1.placeholder(tf.float32, [None])
    z = (x * 2.0 + y) * y
    before = stats()["compilations"]
    for n in range(1, 300):
        assert session.run(z, {x: np.ones(n), y: np.ones(n)}).shape == (n,)
    assert stats()["compilations"] - before <= 16


def test_a_shape_that_is_fed_becomes_part_of_the_key(session, tier):
    x = v1.placeholder(tf.float32, [6])
    shape = v1.placeholder(tf.int32, [2])
    y = tf.reshape(x, shape) * 2.0
    z = tf.reshape(x, shape + 0)  # computed inside of the cluster: the plan is cut
    for sizes in ([2, 3], [3, 2], [2, 3]):
        got = session.run([y, z], {x: np.arange(6), shape: sizes})
        assert [g.shape for g in got] == [tuple(sizes)] * 2


def test_many_threads_share_a_session(session, tier):
    v = v1.get_variable("v", initializer=0.0)
    add = v1.assign_add(v, 1.0)
    session.run(v.initializer)

    def work():
        for _ in range(50):
            session.run(add)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert session.run(v) == 200.0


def test_a_run_that_blocks_meets_its_deadline(session):
    queue = v1.FIFOQueue(10, tf.float32)
    with pytest.raises(tf.errors.DeadlineExceededError):
        session.run(queue.dequeue(), options=v1.RunOptions(timeout_in_ms=100))


def test_both_tiers_agree_after_the_switch(session, monkeypatch):
    v = v1.get_variable("v", initializer=np.ones([4], np.float32))
    step = v1.assign(v, v * 1.5 + 1.0)
    session.run(v.initializer)
    expected = np.ones([4], np.float32)
    for i in range(6):
        monkeypatch.setattr(policy, "forced", ["compile" if i % 2 else "interpret"])
        expected = expected * 1.5 + 1.0
        np.testing.assert_allclose(session.run(step), expected, rtol=1e-6)


def test_every_graph_here_is_well_formed(graph):
    x = v1.placeholder(tf.float32, [2])
    v = v1.get_variable("v", [2])
    tf.reduce_sum(x * v)
    verify(graph)


def test_what_runs_but_cannot_be_compiled_says_so(session, monkeypatch):
    def fails(*args):
        raise TypeError("no such form")

    def choose(nodes, interpretable, has_loops, entry, kind):
        return policy.COMPILE if entry.runs and not entry.compiling else policy.INTERPRET

    monkeypatch.setattr(policy, "forced", ["auto"])
    monkeypatch.setattr(policy, "choose", choose)
    monkeypatch.setattr(tracing, "build", fails)
    x = v1.placeholder(tf.float32, [2])
    y = tf.add(x, 1.0, name="first")
    index = v1.placeholder(tf.int32, [])
    picked = tf.gather(tf.exp([1.0, 2.0]), index)
    assert session.run(y, {x: [1.0, 2.0]}).tolist() == [2.0, 3.0]
    with pytest.warns(RuntimeWarning, match="'first'.*compiling it failed: no such form"):
        assert session.run(y, {x: [1.0, 2.0]}).tolist() == [2.0, 3.0]
    assert session.run(y, {x: [1.0, 2.0]}).tolist() == [2.0, 3.0]  # it is said once
    with pytest.raises(tf.errors.InvalidArgumentError):  # what is wrong says what is wrong
        session.run(picked, {index: 5})
    with pytest.raises(tf.errors.InvalidArgumentError):
        session.run(picked, {index: 5})
