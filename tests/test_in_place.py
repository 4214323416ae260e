"""Interpreted updates of a few rows happen in the variable's memory, unless somebody else sees it."""

import threading

import numpy as np
import pytest

import reflow
from reflow.compiler import policy
from reflow.ops import training

tf = reflow.compat.v1


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    monkeypatch.setattr(policy, "forced", [policy.INTERPRET])


def held(session, name="v"):
    """The array that the session holds for a variable."""
    store = session._store
    return next(store.get(h) for h in store.handles() if h.name == name)


UPDATES = {
    "scatter_add": lambda v: tf.scatter_add(v, [1, 1], [[1.0, 2.0], [3.0, 4.0]]),
    "scatter_update": lambda v: tf.scatter_update(v, [1], [[1.0, 2.0]]),
    "scatter_nd_add": lambda v: tf.scatter_nd_add(v, [[1, 0], [1, 0]], [1.0, 2.0]),
    "adagrad": lambda v: tf.train.AdagradOptimizer(0.5).apply_gradients(
        [(tf.IndexedSlices(tf.constant([[1.0, 2.0]]), tf.constant([1]), tf.constant([3, 2])), v)]
    ),
}


@pytest.mark.parametrize("resource", [False, True])
@pytest.mark.parametrize("name", UPDATES)
def test_the_memory_stays_the_same(name, resource):
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.get_variable("v", initializer=np.ones((3, 2), np.float32), use_resource=resource)
        update = UPDATES[name](v)
        session.run(tf.global_variables_initializer())
        session.run(update.op if hasattr(update, "op") else update)
        before = held(session)
        address, value = before.ctypes.data, before.copy()
        del before
        session.run(update.op if hasattr(update, "op") else update)
        after = held(session)
        assert after.ctypes.data == address
        assert not np.array_equal(after, value) or name == "scatter_update"


def test_the_initial_value_is_not_overwritten():
    with tf.Graph().as_default(), tf.Session() as session:
        start = tf.constant([1.0, 2.0, 3.0])
        v = tf.Variable(start)
        update = tf.scatter_add(v, [0], [10.0])
        session.run(tf.global_variables_initializer())
        session.run(update)
        session.run(update)
        np.testing.assert_array_equal(session.run(start), [1.0, 2.0, 3.0])
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(session.run(v), [1.0, 2.0, 3.0])


def test_what_was_read_before_stays():
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.get_variable("v", initializer=np.zeros(3, np.float32), use_resource=True)
        old = v.read_value()
        seen = tf.reshape(old, [1, 3])
        with tf.control_dependencies([seen]):
            update = tf.scatter_add(v, [1], [5.0])
        session.run(tf.global_variables_initializer())
        for i in range(3):
            before, viewed, after = session.run([old, seen, update])
            assert before[1] == viewed[0, 1] == 5.0 * i
            assert after[1] == 5.0 * (i + 1)


def test_a_fetched_value_stays():
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable([1.0, 2.0])
        update = tf.scatter_add(v, [0], [1.0])
        session.run(tf.global_variables_initializer())
        session.run(update)
        fetched = session.run(v)
        session.run(update)
        np.testing.assert_array_equal(fetched, [2.0, 2.0])


def test_a_fed_array_stays():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [2])
        v = tf.Variable([0.0, 0.0])
        assign, update = tf.assign(v, x), tf.scatter_add(v, [0], [1.0])
        mine = np.array([7.0, 8.0], np.float32)
        session.run(assign.op, {x: mine})
        session.run(update)
        session.run(update)
        np.testing.assert_array_equal(mine, [7.0, 8.0])
        np.testing.assert_array_equal(session.run(v), [9.0, 8.0])


def test_a_run_that_reads_sees_whole_updates():
    size = 20_000
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(tf.zeros([size]))
        update = tf.scatter_add(v, np.arange(size), np.ones(size, np.float32))
        value = tf.identity(v)  # one read for both
        lowest, highest = tf.reduce_min(value), tf.reduce_max(value)
        session.run(tf.global_variables_initializer())
        torn, done = [], threading.Event()

        def read():
            while not done.is_set():
                low, high = session.run([lowest, highest])
                if low != high:
                    torn.append((low, high))

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for _ in range(100):
            session.run(update.op)
        done.set()
        for reader in readers:
            reader.join()
        assert session.run(highest) == 100
        assert not torn


@pytest.mark.parametrize("rule", ["Adam", "Momentum", "RMSProp", "Adadelta", "Ftrl"])
def test_long_updates_go_block_by_block(rule, monkeypatch):
    make = {
        "Adam": lambda: tf.train.AdamOptimizer(0.1),
        "Momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
        "RMSProp": lambda: tf.train.RMSPropOptimizer(0.1, centered=True),
        "Adadelta": lambda: tf.train.AdadeltaOptimizer(0.5),
        "Ftrl": lambda: tf.train.FtrlOptimizer(0.1),
    }[rule]
    start = np.linspace(-1, 1, 35, dtype=np.float32).reshape(5, 7)

    def trained(block):
        monkeypatch.setattr(training, "_BLOCK", block)
        with tf.Graph().as_default(), tf.Session() as session:
            v = tf.get_variable("v", initializer=start)
            step = make().minimize(tf.reduce_sum(tf.sin(v * 3.0)))
            session.run(tf.global_variables_initializer())
            session.run(step)
            before = held(session).ctypes.data
            for _ in range(3):
                session.run(step)
            return session.run(v), held(session).ctypes.data == before

    whole, _ = trained(1000)
    parts, same_memory = trained(8)
    np.testing.assert_array_equal(parts, whole)
    assert same_memory and not np.array_equal(parts, start)


def test_the_first_update_goes_block_by_block_too(monkeypatch):
    # Slots begin as zeros that are one number, and the gradient comes in another order.
    in_blocks, seen = training._update_in_blocks, []

    def note(ctx, rule, *args):
        seen.append(rule.__name__)
        in_blocks(ctx, rule, *args)

    monkeypatch.setattr(training, "_BLOCK", 8)
    monkeypatch.setattr(training, "_update_in_blocks", note)
    start = np.linspace(-1, 1, 35, dtype=np.float32).reshape(5, 7)
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.get_variable("v", initializer=start)
        slopes = np.arange(35, dtype=np.float32).reshape(7, 5) - 16.5
        loss = tf.reduce_sum(tf.transpose(v) * slopes)
        step = tf.train.AdamOptimizer(0.1).minimize(loss)
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert seen == ["adam"]
        want = start - 0.1 * np.sign(slopes.T)
        np.testing.assert_allclose(session.run(v), want, rtol=1e-5)
