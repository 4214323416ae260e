"""Collecting reference cycles waits while a function is traced, and goes on afterwards."""

import gc

import pytest

import reflow as tf
from reflow.lang.collector import postponed


@pytest.fixture(autouse=True)
def collector_on():
    before = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if before else gc.disable)()


def test_it_waits_until_the_outermost_scope_ends():
    with postponed:
        with postponed:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_an_error():
    with pytest.raises(KeyError), postponed:
        raise KeyError
    assert gc.isenabled()


def test_a_program_that_turned_it_off_keeps_it_off():
    gc.disable()
    with postponed:
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_tracing_is_such_a_scope():
    seen = []

    @tf.function
    def double(x):
        seen.append(gc.isenabled())
        return x * 2

    assert float(double(tf.constant(2.0))) == 4.0
    assert seen == [False]
    assert gc.isenabled()
