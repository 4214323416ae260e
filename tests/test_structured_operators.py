"""Operators of structured matrices against TensorFlow's."""

import pytest
from golden_calls import check_call, check_eagerly, check_program, load

import reflow as tf

LOADED = load("structured_operators")
ROOM = 1e-4  # of inverses and determinants of float32 matrices


@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_what_tensorflow_gives(call):
    check_call(LOADED, call, "interpret", ROOM)


@pytest.mark.parametrize(
    "call", [c for c, row in LOADED[2].calls.items() if "error" not in row][::2]
)
def test_calls_give_it_of_unknown_sizes(call):
    check_call(LOADED, call, "unknown", ROOM)


@pytest.mark.parametrize("call", list(LOADED[2].calls)[::7])
def test_calls_give_it_compiled(call):
    check_call(LOADED, call, "compile", ROOM)


@pytest.mark.parametrize("call", list(LOADED[2].calls)[::3])
def test_calls_give_it_eagerly(call):
    check_eagerly(LOADED, call, ROOM)


@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program):
    check_program(LOADED, program, "interpret", ROOM)


def test_a_spectrum_is_hermitian_or_not():
    """TensorFlow's own check fails for every spectrum, for the dtype of a number in it."""
    tf.linalg.LinearOperatorCirculant([6.0, 4.0, 4.0]).assert_hermitian_spectrum()
    with pytest.raises(tf.errors.InvalidArgumentError, match="not Hermitian"):
        tf.linalg.LinearOperatorCirculant([6.0, 4.0, 2.0]).assert_hermitian_spectrum()
