"""Executables that are compiled again, with all optimisations, once their calls have taken long."""

import time

import numpy as np
import pytest

import reflow
from reflow.compiler import cluster, policy
from reflow.compiler.improved import Improved
from reflow.compiler.stats import journal

tf = reflow.compat.v1


class Calls:
    """An executable that counts its calls."""

    def __init__(self):
        self.count = 0

    def __call__(self, *arguments):
        self.count += 1
        return arguments


@pytest.fixture
def jobs(monkeypatch):
    """What was to be done in the background."""
    found = []
    monkeypatch.setattr("reflow.compiler.improved.background", found.append)
    return found


def test_the_second_executable_takes_over(jobs, monkeypatch):
    monkeypatch.setattr(policy, "until_improved", lambda seconds: -seconds)
    first, second = Calls(), Calls()
    execute = Improved(first, 1.0, lambda: second)
    assert execute(1, 2) == (1, 2)
    execute(3)
    assert len(jobs) == 1 and first.count == 2  # while it is being compiled
    jobs[0]()
    execute(4)
    assert (first.count, second.count) == (2, 1)


def test_what_is_rarely_called_stays_as_it_is(jobs):
    first = Calls()
    execute = Improved(first, 1000.0, lambda: pytest.fail("compiled"))
    for _ in range(10):
        execute()
    assert first.count == 10 and not jobs


def test_a_second_compilation_that_fails_changes_nothing(jobs, monkeypatch):
    def fail():
        raise RuntimeError("out of memory")

    monkeypatch.setattr(policy, "until_improved", lambda seconds: -seconds)
    first = Calls()
    execute = Improved(first, 1.0, fail)
    execute()
    jobs[0]()
    execute()
    assert first.count == 2 and journal()[-1]["why"] == "out of memory"


def test_patience_grows_with_what_compiling_costs():
    assert policy.until_improved(2.0) == 2 * policy.until_improved(1.0) > 1.0


def compiled_again():
    return sum(event["event"] == "compiled again" for event in journal())


@pytest.mark.parametrize("tier", ["auto", policy.COMPILE])
def test_a_session_goes_on_with_it_unless_a_tier_is_forced(tier, monkeypatch):
    monkeypatch.setattr(policy, "forced", [tier])
    monkeypatch.setattr(policy, "choose", lambda *_: policy.COMPILE)
    monkeypatch.setattr(policy, "until_improved", lambda seconds: 0.0)
    before = compiled_again()
    with tf.Graph().as_default(), tf.Session() as session:
        x = y = tf.placeholder(tf.float32, [])
        for _ in range(130):
            y = tf.tanh(y * 1.25)
        first = session.run(y, {x: 1.0})
        session.run(y, {x: 1.0})
        if tier == "auto":
            end = time.monotonic() + 60
            while compiled_again() == before and time.monotonic() < end:
                time.sleep(0.01)
        assert compiled_again() - before == (tier == "auto")
        assert not cluster.is_compiling() or tier == "auto"
        np.testing.assert_allclose(session.run(y, {x: 1.0}), first, rtol=1e-6)
