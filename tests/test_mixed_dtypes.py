"""Operands of several dtypes: what converts, and the errors of what does not, as TensorFlow has them."""

import json
import pathlib
import re
import sys

import numpy as np
import pytest

import reflow as tf

GOLDEN = pathlib.Path(__file__).with_name("golden")
sys.path.insert(0, str(GOLDEN))
from mixed_dtypes_programs import MODES, RIGHT, outcomes  # noqa: E402

EXPECTED = json.loads((GOLDEN / "mixed_dtypes.json").read_text())

LINE = re.compile(r"\S*mixed_dtypes_programs.py:\d+: ")


def _differs(name, left, right, wanted):
    """Where Reflow is not TensorFlow's twin."""
    if wanted in ("NotFoundError", "UnimplementedError"):
        return (
            True  # a kernel that TensorFlow lacks, found when it runs; here the signature says it
        )
    if wanted == "NotImplementedError":
        return True  # NumPy's own complaint of a graph's tensor, after TensorFlow's was dropped
    if name in ("x / y", "y / x", "divide", "assign_add") and left == "bool":
        return (
            True  # TensorFlow divides bools where one of them is an array, and never adds to them
        )
    if name == "x * y" and right in ("'x'", "[1.5]"):
        return True  # Python repeats a sequence by what a number's `*` refuses
    if name == "concat of lists" and right == "np.array":
        return True  # two mistakes, and the shapes are looked at first
    return (
        name in ("where", "stack") and "variable" in left + right
    )  # ValueError, and no less wrong


@pytest.mark.parametrize("mode", MODES)
def test_as_tensorflow(mode):
    wrong = []
    columns = {right: i for i, right in enumerate(RIGHT)}
    for (name, left, right), got in outcomes(tf, mode):
        wanted = EXPECTED[f"{mode}: {name}, {left}"].split()[columns[right]]
        word = type(got).__name__ if isinstance(got, Exception) else got
        if word != wanted and not _differs(name, left, right, wanted):
            wrong.append(f"{name} of {left} and {right}: {got!r}, not {wanted}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("mode", MODES)
def test_an_error_names_the_line(mode):
    for (name, left, right), got in outcomes(tf, mode):
        if isinstance(got, Exception) and "sequence by non-int" not in str(got):
            assert LINE.match(str(got)), (name, left, right, got)


I, F = tf.constant(1), tf.constant([1.0])
INVALID = tf.errors.InvalidArgumentError
MENDS = [
    (lambda: I + 1.5, INVALID, "expected to be a int32 tensor but is a float32 .* tf.cast"),
    (lambda: I * 1.5, TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32.* tf.cast"),
    (lambda: F + I, INVALID, "expected to be a float32 tensor but is a int32 tensor.* tf.cast"),
    (lambda: F / I, TypeError, "must have the same dtype, got tf.float32 != tf.int32.* tf.cast"),
    (lambda: tf.function(lambda x: x * 1.5)(I), TypeError, "Expected int32, but got 1.5.* tf.cast"),
    (
        lambda: tf.function(lambda x, y: x + y)(I, F),
        TypeError,
        "does not match type int32.* tf.cast",
    ),
    (lambda: tf.function(lambda x: tf.concat([[x], [0.5]], 0))(I), TypeError, "don't all match"),
    (lambda: tf.convert_to_tensor(I, tf.float32), ValueError, "requested dtype float32.* tf.cast"),
    (lambda: tf.bitwise.invert(F), INVALID, "not in list of allowed values.* tf.cast"),
    (lambda: tf.range(I, True), TypeError, "does not mix the dtypes int32, bool.* tf.cast"),
]


@pytest.mark.parametrize("wrong, kind, text", MENDS)
def test_an_error_names_the_mend(wrong, kind, text):
    with pytest.raises(kind, match=text) as caught:
        wrong()
    assert "test_mixed_dtypes.py:" in str(caught.value).splitlines()[0]


def test_arrays_follow_a_hint_and_numbers_that_fit():
    hinted = tf.convert_to_tensor(np.array([1.5, 2.5]), dtype_hint=tf.int32)
    assert hinted.dtype is tf.int32 and hinted.numpy().tolist() == [1, 2]
    assert tf.convert_to_tensor(1.5, dtype_hint=tf.int32).dtype is tf.float32
    assert tf.matmul(tf.ones([1, 2]), np.array([[1.0], [2.0]])).numpy().tolist() == [[3.0]]
    assert (tf.constant([0, 2]) * tf.constant([True, True])).numpy().tolist() == [False, True]
    assert tf.reduce_any(np.array([0, 3])).numpy()
