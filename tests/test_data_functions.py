"""Iterators and optionals that functions take and give: what is compiled, and where values stay."""

import gc
import weakref

import numpy as np
import pytest

import reflow as tf
from reflow.compiler import policy, stats


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    monkeypatch.setattr(policy, "forced", [policy.COMPILE])


def test_another_iterator_needs_no_other_executable():
    total = tf.Variable(0.0)

    @tf.function(autograph=False)
    def step(iterator):
        return total.assign_add(next(iterator) * 2.0)

    counts = []
    for values in ([1.0, 2.0], [10.0, 20.0]):
        iterator = iter(tf.data.Dataset.from_tensor_slices(np.float32(values)))
        for _ in values:
            step(iterator)
        counts.append(stats()["compilations"])
    assert step.experimental_get_tracing_count() == 1
    assert total.numpy() == 66.0 and counts[0] == counts[1]


def test_a_function_holds_no_iterator_after_the_call():
    @tf.function(autograph=False)
    def first(iterator):
        return next(iterator) + 1

    iterator = iter(tf.data.Dataset.range(3))
    assert first(iterator).numpy() == 1
    handle = weakref.ref(iterator._iterator_resource._value)
    del iterator
    gc.collect()
    assert handle() is None


def test_another_variable_is_another_state():
    @tf.function(autograph=False)
    def step(iterator, variable):
        return variable.assign_add(next(iterator))

    a, b = tf.Variable(100), tf.Variable(200)
    iterator = iter(tf.data.Dataset.from_tensor_slices([1, 2, 3]))
    assert [int(step(iterator, v)) for v in (a, b, a)] == [101, 202, 104]
    assert (int(a), int(b)) == (104, 202)


def test_optionals_hold_results_where_they_are():
    import jax

    @tf.function(autograph=False)
    def squared(x):
        return tf.experimental.Optional.from_value({"y": tf.square(x) + 1})

    optional = squared(tf.constant([1, 2], tf.int64))
    value = optional.get_value()["y"]
    assert isinstance(value._value, jax.Array)  # nobody has waited for it
    np.testing.assert_array_equal(value.numpy(), [2, 5])


def test_data_sets_of_optionals_from_executables():
    @tf.function(autograph=False)
    def squared(x):
        return tf.experimental.Optional.from_value(tf.square(x))

    optional = squared(tf.constant([1 << 20, 3], tf.int64))
    for data in (
        tf.data.Dataset.from_tensors(optional).map(lambda o: o.get_value() + 1),
        tf.data.Dataset.range(1).map(lambda _: optional.get_value() + 1),
    ):
        (element,) = data.as_numpy_iterator()
        assert type(element) is np.ndarray and element.dtype == np.int64
        np.testing.assert_array_equal(element, [(1 << 40) + 1, 10])


def test_data_sets_of_functions_take_results_of_executables():
    @tf.function(autograph=False)
    def total(x):
        offset = tf.square(x) + 1
        data = tf.data.Dataset.range(3).map(lambda i: i * offset)
        return data.reduce(tf.constant(0, tf.int64), lambda a, b: a + b)

    assert total(tf.constant(1 << 20, tf.int64)).numpy() == 3 * ((1 << 40) + 1)
