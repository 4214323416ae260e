"""The last batch of an epoch has a shape of its own, which is compiled when the program goes on."""

import time

import numpy as np
import pytest

import reflow
from reflow.compiler import cluster, policy, stats
from reflow.compiler.structure import Kind

tf = reflow.compat.v1


def known(monkeypatch, spent=0.05):
    """What is known of a cluster with one executable after the first run of another signature."""
    monkeypatch.setattr(policy, "forced", ["auto"])
    monkeypatch.setattr(policy, "processors", lambda: 2)
    kind, entry = Kind(), cluster.Entry("last")
    kind.compiled, kind.seconds = 1, 1.0
    kind.entries.update(first=cluster.Entry("first"), last=entry)
    entry.runs, entry.spent = 1, spent
    return entry, kind


def test_it_is_worth_trying_where_a_processor_is_idle(monkeypatch):
    entry, kind = known(monkeypatch)
    assert policy.is_worth_trying(100, entry, kind, 1.0)
    assert not policy.is_worth_trying(100, entry, kind, 1.6)


def test_it_is_not_where_interpreting_costs_nothing(monkeypatch):
    entry, kind = known(monkeypatch, spent=0.001)
    assert not policy.is_worth_trying(100, entry, kind, 1.0)


@pytest.mark.parametrize("more", ["signatures", "executables"])
def test_it_is_not_where_shapes_depend_on_data(monkeypatch, more):
    entry, kind = known(monkeypatch)
    if more == "signatures":
        kind.entries["other"] = cluster.Entry("other")
    else:
        kind.compiled = 2
    assert not policy.is_worth_trying(100, entry, kind, 1.0)


def test_only_the_first_shape_of_a_loop_is_waited_for(monkeypatch):
    entry, kind = known(monkeypatch, spent=10.0)
    entry.runs, entry.best = 5, 0.5
    assert policy.choose(100, True, True, entry, kind) == policy.BACKGROUND
    kind.compiled = 0
    assert policy.choose(100, True, True, entry, kind) == policy.COMPILE


def test_it_is_compiled_once_the_first_shape_comes_again(monkeypatch):
    monkeypatch.setattr(policy, "forced", [policy.COMPILE])
    monkeypatch.setattr(policy, "is_worth_trying", lambda *_: True)
    monkeypatch.setattr(cluster, "free_processors", lambda: 2)
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None])
        v = tf.get_variable("v", initializer=np.float32(2.0))
        y = tf.nn.softplus(x * v + 0.1875)

        def value(n):
            return session.run(y, {x: np.ones(n, np.float32)})

        session.run(tf.global_variables_initializer())
        full = value(4)
        monkeypatch.setattr(policy, "forced", ["auto"])
        before = stats()["compilations"]
        last = value(3)
        time.sleep(0.1)
        assert stats()["compilations"] == before  # no next epoch has begun
        np.testing.assert_array_equal(value(4), full)
        deadline = time.monotonic() + 60
        while stats()["compilations"] == before or cluster.is_compiling():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        runs = stats()["compiled_runs"]
        np.testing.assert_allclose(value(3), last, rtol=1e-6)
        assert stats()["compiled_runs"] == runs + 1
