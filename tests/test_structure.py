"""Clusters that look alike share an executable; those that differ anywhere do not."""

import numpy as np
import pytest

import reflow
from reflow.compiler import cluster, policy, stats, structure

tf = reflow.compat.v1


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    monkeypatch.setattr(policy, "forced", [policy.COMPILE])


def compilations(build, feeds):
    """The value of a new graph in a new session, and how many compilations it took."""
    before = stats()["compilations"]
    with tf.Graph().as_default(), tf.Session() as session:
        fetch = build()
        init = tf.global_variables_initializer()
        if tf.global_variables():
            session.run(init)
            before = stats()["compilations"]
        values = [session.run(fetch, {"x:0": feed}) for feed in feeds]
    return values, stats()["compilations"] - before


def scaled(factor, name="y"):
    def build():
        x = tf.placeholder(tf.float32, [None], name="x")
        return tf.nn.softplus(x * factor - 0.125, name=name) * 3.5

    return build


def test_one_compilation_for_equal_graphs():
    (first,), _ = compilations(scaled(7.25), [[1.0, 2.0]])
    (again,), count = compilations(scaled(7.25, name="other"), [[1.0, 2.0]])
    assert count == 0
    np.testing.assert_array_equal(first, again)


def test_another_shape_is_compiled():
    compilations(scaled(7.5), [[1.0, 2.0]])
    _, count = compilations(scaled(7.5), [[1.0, 2.0, 3.0], [1.0]])
    assert count == 2


def test_another_constant_is_another_structure():
    compilations(scaled(1.25), [[1.0]])
    (value,), count = compilations(scaled(1.75), [[1.0]])
    assert count == 1
    np.testing.assert_allclose(value, 3.5 * np.log1p(np.exp([1.625])), rtol=1e-6)


def test_another_attribute_is_another_structure():
    def product(flip):
        def build():
            x = tf.placeholder(tf.float32, [2, 2], name="x")
            return tf.matmul(x, [[1.0, 2.0], [3.0, 5.0]], transpose_b=flip)

        return build

    (plain,), _ = compilations(product(False), [[[1.0, 0.0], [0.0, 1.0]]])
    (turned,), count = compilations(product(True), [[[1.0, 0.0], [0.0, 1.0]]])
    assert count == 1
    np.testing.assert_array_equal(plain, [[1.0, 2.0], [3.0, 5.0]])
    np.testing.assert_array_equal(turned, [[1.0, 3.0], [2.0, 5.0]])


def test_other_wiring_is_another_structure():
    def difference(flip):
        def build():
            x = tf.placeholder(tf.float32, [2], name="x")
            a, b = tf.sin(x), tf.cos(x)
            return b - a if flip else a - b

        return build

    (one,), _ = compilations(difference(False), [[0.5, 1.0]])
    (other,), count = compilations(difference(True), [[0.5, 1.0]])
    assert count == 1
    np.testing.assert_allclose(one, -other, rtol=1e-6)


def test_variables_are_each_sessions_own():
    def counter(start):
        def build():
            x = tf.placeholder(tf.float32, [], name="x")
            v = tf.get_variable("v", initializer=tf.constant(start))
            return tf.assign_add(v, x * 0.5)

        return build

    one, _ = compilations(counter(1.0), [2.0, 2.0])
    other, count = compilations(counter(10.0), [2.0, 4.0])
    assert count == 0
    assert one == [2.0, 3.0] and other == [11.0, 13.0]


def test_one_variable_is_not_two():
    def sums(same):
        def build():
            x = tf.placeholder(tf.float32, [], name="x")
            v = tf.get_variable("v", initializer=tf.constant(1.0))
            w = v if same else tf.get_variable("w", initializer=tf.constant(5.0))
            with tf.control_dependencies([tf.assign_add(v, x)]):
                return tf.assign_add(w, x)

        return build

    (same,), _ = compilations(sums(True), [2.0])
    (two,), _ = compilations(sums(False), [2.0])
    assert same == 5.0 and two == 7.0


def test_the_pieces_of_a_long_chain_are_compiled_once():
    def chain():
        y = tf.placeholder(tf.float32, [], name="x")
        for _ in range(2000):
            y = tf.tanh(y)
        return y

    (value,), count = compilations(chain, [0.5])
    assert count == 1
    expected = 0.5
    for _ in range(2000):
        expected = np.tanh(expected)
    np.testing.assert_allclose(value, expected, rtol=1e-3)


def test_a_value_that_must_be_known_is_each_clusters_own():
    def reshaped():
        x = tf.placeholder(tf.float32, [None], name="x")
        rows = tf.placeholder_with_default(tf.constant(2), [], name="rows")
        return tf.reshape(tf.exp(x), [rows, -1]) * 1.625

    for _ in range(2):
        (value,), _ = compilations(reshaped, [[0.0, 0.0, 0.0, 0.0]])
        np.testing.assert_allclose(value, np.full((2, 2), 1.625))


def test_numbers_are_each_generators_own():
    def drawn(seed):
        def build():
            x = tf.placeholder(tf.float32, [3], name="x")
            return x + tf.random_uniform([3], seed=seed)

        return build

    (one,), _ = compilations(drawn(1), [np.zeros(3)])
    (other,), _ = compilations(drawn(2), [np.zeros(3)])
    (again,), _ = compilations(drawn(1), [np.zeros(3)])
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, again)


def test_patience_grows_with_the_number_of_signatures(monkeypatch):
    monkeypatch.setattr(policy, "forced", ["auto"])
    kind, entry = structure.Kind(), cluster.Entry(())
    entry.runs, entry.best = 5, 1e-3

    def patience():
        """The milliseconds of interpreting that one more signature takes before it is compiled."""
        entry.spent = 0.001
        while policy.choose(100, True, False, entry, kind) == policy.INTERPRET:
            entry.spent += 0.001
        return round(entry.spent * 1000)

    first = patience()
    kind.compiled = 1
    second = patience()
    assert second == pytest.approx(first * policy.BUSY_SHARE / policy.IDLE_SHARE, rel=0.1)
    kind.compiled = 2
    assert patience() == pytest.approx(2 * second, rel=0.01)
    kind.compiled = 1000
    assert patience() == pytest.approx(2**policy.MOST_PATIENCE * second, rel=0.01)
    kind.compiled, kind.seconds = 0, 10.0
    assert patience() == pytest.approx(10_000 * policy.IDLE_SHARE, rel=0.01)
    kind.seconds = 0.0
    kind.entries = dict.fromkeys(range(64))
    assert patience() == pytest.approx(2**3 * first, rel=0.01)


def test_large_constants_are_not_kept_for_others():
    def build():
        x = tf.placeholder(tf.float32, [2], name="x")
        return x * 1.5 + tf.reduce_sum(tf.constant(np.ones((300_000,), np.float32)) * x[0])

    compilations(build, [[1.0, 2.0]])
    (value,), count = compilations(build, [[1.0, 2.0]])
    assert count == 1
    np.testing.assert_allclose(value, [300_001.5, 300_003.0])


def test_what_is_to_be_interpreted_takes_no_executable(monkeypatch):
    compilations(scaled(9.5), [[1.0]])
    monkeypatch.setattr(policy, "forced", [policy.INTERPRET])
    before = stats()["interpreted_runs"]
    compilations(scaled(9.5), [[1.0]])
    assert stats()["interpreted_runs"] == before + 1
