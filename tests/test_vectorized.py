"""tf.vectorized_map and Jacobians against TensorFlow's."""

import numpy as np
import pytest
from golden_calls import TIERS, check_program, load, tier

import reflow as tf
from reflow.compiler.stats import journal
from reflow.lang.verifier import verify
from reflow.testing.gradient_checker import compute_gradient

LOADED = load("vectorized")


@pytest.mark.parametrize("which", TIERS)
@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program, which):
    check_program(LOADED, program, which)


def kinds(graph):
    return [op.type for op in graph.get_operations()]


def test_the_rows_are_one_node():
    graph = tf.function(lambda x: tf.vectorized_map(tf.sin, x)).get_concrete_function(
        tf.TensorSpec([None, 3])
    )
    assert kinds(graph.graph).count("MapDefun") == 1 and "While" not in kinds(graph.graph)
    verify(graph.graph)


def test_random_numbers_are_drawn_outside_of_the_rows():
    graph = tf.function(
        lambda x: tf.vectorized_map(lambda row: row * tf.random.uniform([3]), x)
    ).get_concrete_function(tf.TensorSpec([4, 3]))
    assert kinds(graph.graph).count("RandomUniform") == 1
    numbers = graph(tf.ones([4, 3])).numpy()
    assert len(np.unique(numbers)) == 12
    assert not np.array_equal(numbers, graph(tf.ones([4, 3])).numpy())


@pytest.mark.parametrize("which", TIERS)
def test_side_effects_happen_row_by_row(which):
    v = tf.Variable(1.0)
    with tier(which):
        got = tf.vectorized_map(lambda x: x * v.assign_add(1.0), tf.constant([1.0, 10.0, 100.0]))
    assert got.numpy().tolist() == [2.0, 30.0, 400.0] and v.numpy() == 4.0


@pytest.mark.parametrize("which", TIERS)
def test_checks_hold_for_every_row(which):
    def double(x):
        tf.debugging.assert_positive(x)
        return 2.0 * x

    with tier(which):
        assert tf.vectorized_map(double, tf.constant([1.0, 3.0])).numpy().tolist() == [2.0, 6.0]
        with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
            tf.vectorized_map(double, tf.constant([1.0, -3.0]))


def test_a_body_compiles_as_one_with_what_is_around():
    with tier("compile"):
        before = len(journal())
        f = tf.function(lambda x: tf.reduce_sum(tf.vectorized_map(lambda r: r * r, x)))
        assert f(tf.constant([[1.0, 2.0], [3.0, 4.0]])).numpy() == 30.0
        events = [event["event"] for event in journal()[before:]]
    assert events.count("compiled") == 1 and "host" not in events and "cut" not in events


@pytest.mark.parametrize("which", TIERS)
def test_rows_of_other_shapes_are_refused(which):
    with tier(which), pytest.raises(tf.errors.InvalidArgumentError, match="other shapes"):
        tf.vectorized_map(lambda r: tf.unique(r)[0], tf.constant([[1, 1], [1, 2]]))


@pytest.mark.parametrize("which", TIERS)
def test_different_numbers_of_rows_are_refused(which):
    @tf.function(input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None])])
    def add(x, y):
        return tf.vectorized_map(lambda p: p[0] + p[1], (x, y))

    with tier(which):
        assert add(tf.constant([1.0, 2.0]), tf.constant([5.0])).numpy().tolist() == [6.0, 7.0]
        with pytest.raises(tf.errors.InvalidArgumentError):
            add(tf.ones([3]), tf.ones([2]))


def test_the_target_of_a_jacobian_is_one_tensor():
    x = tf.constant([1.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(TypeError, match="one tensor"):
        tape.jacobian([y], x)


@pytest.mark.parametrize("which", TIERS)
def test_gradients_against_differences(which):
    w = tf.constant([[0.5, -1.0], [2.0, 0.25]], tf.float64)

    def f(x, w):
        def row(r):
            folded = tf.foldl(lambda a, c: tf.tanh(a + c), r, tf.constant(0.0, tf.float64))
            return folded * tf.tanh(tf.linalg.matvec(w, r))

        return tf.vectorized_map(row, x)

    x = tf.constant([[0.3, -0.7], [1.1, 0.2], [-0.4, 0.9]], tf.float64)
    with tier(which):
        theory, numeric = compute_gradient(tf.function(f), [x, w])
    for a, b in zip(theory, numeric):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def test_jacobians_of_rows_of_an_unknown_rank_and_of_variables():
    v = tf.Variable([1.0, 2.0])

    @tf.function(input_signature=[tf.TensorSpec(None)])
    def jacobian(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * tf.reduce_sum(v * v)
        return tape.jacobian(y, [x, v])

    of_x, of_v = jacobian(tf.constant([3.0, 4.0]))
    np.testing.assert_allclose(of_x, 5.0 * np.eye(2))
    np.testing.assert_allclose(of_v, [[6.0, 12.0], [8.0, 16.0]])


@pytest.mark.parametrize("which", TIERS)
def test_in_a_session(which):
    v1 = tf.compat.v1
    with tf.Graph().as_default():
        x = v1.placeholder(tf.float32, [None, 3])
        w = v1.get_variable("w", initializer=np.ones((3, 2), np.float32), use_resource=False)
        n = v1.get_variable("n", initializer=0.0, use_resource=True)
        y = tf.vectorized_map(lambda r: tf.tanh(tf.linalg.matvec(w, r, transpose_a=True)), x)
        gradients = v1.gradients(tf.reduce_sum(y), [x, w])
        counted = tf.vectorized_map(lambda r: r[0] + n.assign_add(1.0), x)
        with v1.Session() as session, tier(which):
            session.run(v1.global_variables_initializer())
            rows = np.full((2, 3), 0.1, np.float32)
            got, of_x, of_w = session.run([y, *gradients], {x: rows})
            slope = 1 - np.tanh(0.3) ** 2
            np.testing.assert_allclose(got, np.full((2, 2), np.tanh(0.3)), rtol=1e-6)
            np.testing.assert_allclose(of_x, np.full((2, 3), 2 * slope), rtol=1e-6)
            np.testing.assert_allclose(of_w, np.full((3, 2), 0.2 * slope), rtol=1e-6)
            assert session.run(counted, {x: np.zeros((3, 3))}).tolist() == [1.0, 2.0, 3.0]
            assert session.run(y, {x: np.zeros((0, 3))}).shape == (0, 2)
