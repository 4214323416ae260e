"""tf.linalg.LinearOperator and its kin against TensorFlow's."""

import pytest
from golden_calls import check_call, check_eagerly, check_program, load

LOADED = load("linear_operators")
ROOM = 1e-4  # of inverses and determinants of float32 matrices


@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_what_tensorflow_gives(call):
    check_call(LOADED, call, "interpret", ROOM)


# What is refused for its shape is refused otherwise, or later, where that is not known.
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
