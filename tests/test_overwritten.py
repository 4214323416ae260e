"""A compiled run writes a variable's new value over the old one, also where it does not read that."""

import numpy as np
import pytest

import reflow
from reflow.compiler import policy

tf = reflow.compat.v1


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    monkeypatch.setattr(policy, "forced", [policy.COMPILE])


def held(session, name):
    """The array that the session holds for a variable."""
    store = session._store
    return next(store.get(h) for h in store.handles() if h.name == name)


def test_the_memory_stays_the_same():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.get_variable("x", initializer=np.ones((64, 64), np.float32))
        v = tf.get_variable("v", initializer=np.zeros((64, 64), np.float32))
        double = tf.assign(x, x * 2.0).op
        with tf.control_dependencies([double]):
            copy = tf.assign(v, tf.exp(tf.identity(x))).op
        session.run(tf.global_variables_initializer())
        session.run(copy)
        address = held(session, "v").unsafe_buffer_pointer()
        kept = session.run(tf.exp(x))
        session.run(copy)
        assert held(session, "v").unsafe_buffer_pointer() == address
        np.testing.assert_allclose(session.run(v), np.exp(np.full((64, 64), 4.0)), rtol=1e-5)
        np.testing.assert_allclose(kept, np.exp(np.full((64, 64), 2.0)), rtol=1e-5)


def test_what_was_fetched_before_stays():
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [64])
        v = tf.get_variable("v", initializer=np.zeros(64, np.float32))
        write = tf.assign(v, tf.exp(x)).op
        session.run(tf.global_variables_initializer())
        session.run(write, {x: np.zeros(64, np.float32)})
        before = session.run(v)
        session.run(write, {x: np.ones(64, np.float32)})
        np.testing.assert_array_equal(before, np.ones(64, np.float32))
        np.testing.assert_allclose(session.run(v), np.full(64, np.e), rtol=1e-6)
