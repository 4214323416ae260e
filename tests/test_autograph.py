"""AutoGraph: programs and errors as TensorFlow has them."""

import json
import pathlib
import re
import sys

import numpy as np
import pytest

import reflow as tf

GOLDEN = pathlib.Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))

import autograph_programs as programs  # noqa: E402

programs.tf = tf
EXPECTED = json.loads((GOLDEN / "autograph.json").read_text())


def argument(value):
    return value if isinstance(value, bool) else tf.constant(value)


def as_function(f):
    """`f` as a `tf.function` of constants."""
    return lambda *args: tf.function(f)(*map(argument, args))


def check(value, expected):
    if isinstance(expected, list):
        assert len(value) == len(expected)
        for each, wanted in zip(value, expected):
            check(each, wanted)
        return
    value = np.asarray(value.numpy())
    assert list(value.shape) == expected["shape"]
    if expected["dtype"] == "str":
        assert [v.decode() for v in value.ravel().tolist()] == expected["values"]
        return
    assert value.dtype.name == expected["dtype"]
    np.testing.assert_allclose(value.ravel(), expected["values"], rtol=1e-6)


@pytest.mark.parametrize(
    "function, calls", programs.PROGRAMS, ids=lambda f: getattr(f, "__name__", "")
)
def test_program(function, calls):
    for args, expected in zip(calls, EXPECTED["programs"][function.__name__]):
        check(as_function(function)(*args), expected)


@pytest.mark.parametrize(
    "function, calls", programs.BEYOND, ids=lambda f: getattr(f, "__name__", "")
)
def test_program_beyond_tensorflow(function, calls):
    for args, expected in zip(calls, EXPECTED["beyond"][function.__name__]):
        check(as_function(function)(*args), expected)


# Where Reflow's message goes on differently, or TensorFlow's shows a value.
_KEY = {
    "condition_is_no_bool": "condition of if statement expected to be `tf.bool` scalar, got",
    "condition_is_no_scalar": "condition of if statement expected to be `tf.bool` scalar, got",
    "loop_condition_is_no_scalar": "condition of while loop expected to be `tf.bool` scalar, got",
    "loop_that_never_ran": "loop must iterate at least once to initialize y",
    "bool_of_a_tensor": "Using a symbolic `tf.Tensor` as a Python `bool` is not allowed",
}


def line_of(function):
    """The lines of a program in its file."""
    code = function.__code__
    return code.co_firstlineno, max(line for *_, line in code.co_lines() if line is not None)


@pytest.mark.parametrize(
    "function, args", programs.ERRORS, ids=lambda f: getattr(f, "__name__", "")
)
def test_error(function, args):
    kind, message = EXPECTED["errors"][function.__name__]
    with pytest.raises(Exception) as caught:
        as_function(function)(*args)
    assert type(caught.value).__name__ == kind
    text = str(caught.value)
    assert _KEY.get(function.__name__, message) in text
    if function.__name__ != "loop_that_never_ran":
        place = re.match(r"\S*autograph_programs\.py:(\d+): ", text)
        first, last = line_of(function)
        assert place and first <= int(place.group(1)) <= last, text
