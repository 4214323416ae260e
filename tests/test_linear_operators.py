"""tf.linalg.LinearOperator and its kin against TensorFlow's."""

import pytest
from golden_calls import check_call, check_eagerly, check_program, load

import reflow as tf

LOADED = {name: load(name) for name in ("linear_operators", "structured_operators")}
ROOM = 1e-4  # of inverses and determinants of float32 matrices


def each(step, choose=lambda golden: golden.calls):
    """Every so many calls of each file, or what else `choose` takes from its golden values."""
    return [
        pytest.param(loaded, what, id=f"{name}-{what}")
        for name, loaded in LOADED.items()
        for what in list(choose(loaded[2]))[::step]
    ]


def without_errors(golden):
    return [call for call, row in golden.calls.items() if "error" not in row]


@pytest.mark.parametrize(("loaded", "call"), each(1))
def test_calls_give_what_tensorflow_gives(loaded, call):
    check_call(loaded, call, "interpret", ROOM)


# What is refused for its shape is refused otherwise, or later, where that is not known.
@pytest.mark.parametrize(("loaded", "call"), each(2, without_errors))
def test_calls_give_it_of_unknown_sizes(loaded, call):
    check_call(loaded, call, "unknown", ROOM)


@pytest.mark.parametrize(("loaded", "call"), each(7))
def test_calls_give_it_compiled(loaded, call):
    check_call(loaded, call, "compile", ROOM)


@pytest.mark.parametrize(("loaded", "call"), each(3))
def test_calls_give_it_eagerly(loaded, call):
    check_eagerly(loaded, call, ROOM)


@pytest.mark.parametrize(("loaded", "program"), each(1, lambda golden: golden.programs))
def test_programs_give_what_tensorflow_gives(loaded, program):
    check_program(loaded, program, "interpret", ROOM)


def test_a_spectrum_is_hermitian_or_not():
    """TensorFlow's own check fails for every spectrum, for the dtype of a number in it."""
    tf.linalg.LinearOperatorCirculant([6.0, 4.0, 4.0]).assert_hermitian_spectrum()
    with pytest.raises(tf.errors.InvalidArgumentError, match="not Hermitian"):
        tf.linalg.LinearOperatorCirculant([6.0, 4.0, 2.0]).assert_hermitian_spectrum()
