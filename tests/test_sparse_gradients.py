"""Which gradients are `IndexedSlices`, as in TensorFlow: their norms and optimizers tell."""

import numpy as np
import pytest
from golden_calls import TIERS, check_program, load

import reflow as tf

LOADED = load("sparse_gradients")


@pytest.mark.parametrize("which", TIERS)
@pytest.mark.parametrize("program", LOADED[2].programs)
def test_kinds_and_values(program, which):
    check_program(LOADED, program, which)


def test_branches_with_different_numbers_of_rows_give_a_dense_gradient():
    table = tf.Variable(np.ones([4, 2], np.float32))

    @tf.function
    def gradient(x):
        with tf.GradientTape() as tape:
            y = tf.cond(
                x > 0.0,
                lambda: tf.reduce_sum(tf.gather(table, [1, 1])),
                lambda: tf.reduce_sum(tf.gather(table, [2])),
            )
        return tape.gradient(y, table)

    assert tf.convert_to_tensor(gradient(tf.constant(1.0))).numpy()[:, 0].tolist() == [0, 2, 0, 0]
    assert tf.convert_to_tensor(gradient(tf.constant(-1.0))).numpy()[:, 0].tolist() == [0, 0, 1, 0]


def test_loops_of_tf1_graphs_collect_rows():
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        table = tf.compat.v1.get_variable("table", initializer=tf.ones([4, 2]), use_resource=True)
        total = tf.while_loop(
            lambda i, t: i < 3,
            lambda i, t: (i + 1, t + tf.reduce_sum(tf.gather(table, [i, 1]))),
            (tf.constant(0), tf.constant(0.0)),
        )[1]
        (gradient,) = tf.gradients(total, table)
        assert isinstance(gradient, tf.IndexedSlices)
        session.run(tf.compat.v1.global_variables_initializer())
        rows = session.run(gradient)
    assert sorted(rows.indices.tolist()) == [0, 1, 1, 1, 1, 2]
