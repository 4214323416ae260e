"""tf.random.Generator against TensorFlow's: the same numbers, and the same states afterwards."""

import numpy as np
import pytest
from golden_calls import TIERS, check_program, load, tier

import reflow as tf
from reflow.compat import v1 as tf1

LOADED = load("generator")


@pytest.mark.parametrize("which", TIERS)
@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program, which):
    check_program(LOADED, program, which)


@pytest.mark.parametrize("which", TIERS)
def test_a_generator_in_a_session_gives_what_it_gives_eagerly(which):
    eager = tf.random.Generator.from_seed(7)
    wanted = [[eager.normal([3]).numpy(), eager.uniform([2]).numpy()] for _ in range(2)]
    state = eager.state.numpy().tolist()
    with tf.Graph().as_default() as graph:
        generator = tf.random.Generator.from_seed(7)
        first = generator.normal([3])
        with tf1.control_dependencies([first]):
            second = generator.uniform([2])
        initialize = tf1.global_variables_initializer()
    with tf1.Session(graph=graph) as session, tier(which):
        session.run(initialize)
        for row in wanted:
            got = session.run([first, second])
            np.testing.assert_allclose(got[0], row[0], rtol=1e-6)
            np.testing.assert_array_equal(got[1], row[1])
        assert session.run(generator.state).tolist() == state


def test_a_generator_that_begins_differently_each_time():
    first, second = (tf.random.Generator.from_non_deterministic_state() for _ in range(2))
    assert first.state.numpy().tolist() != second.state.numpy().tolist()
    numbers = tf.raw_ops.NonDeterministicInts(shape=[100])  # NonDeterministicInts
    assert len(set(numbers.numpy().tolist())) == 100
    assert numbers.dtype == tf.int64


def test_an_index_shuffle_is_a_permutation():
    for size in (1, 2, 9, 300):
        places = tf.random.experimental.index_shuffle(tf.range(size), [3, 4], size - 1)
        assert sorted(places.numpy().tolist()) == list(range(size))
    seeds = tf.constant([[1, 2], [1, 2], [3, 4]])
    places = tf.random.experimental.index_shuffle(tf.constant([5, 5, 5]), seeds, 1000).numpy()
    assert places[0] == places[1] != places[2]


def test_state_is_named_as_in_tensorflow():
    assert tf.random.Generator.from_seed(1).state.name == "StateVar:0"
