"""The checks of test_ops.py find what they are there to find: each is shown an op that is wrong."""

import dataclasses

import numpy as np
import pytest
import test_ops
from records.base import RECORDS, bad, digest, f32, sample
from test_ops import REGISTRY

from reflow.compiler import structure
from reflow.lang import errors, shapes
from reflow.lang.opdef import ZERO


@pytest.fixture
def identity(monkeypatch):
    """Identity, with a function that changes one of its parts."""
    opdef = REGISTRY["Identity"]

    def change(**parts):
        structure.forget()  # executables of the op as it was
        for name, value in parts.items():
            monkeypatch.setattr(opdef, name, value)

    yield change
    structure.forget()


def one(*samples, bad=(), **changes):
    """The record of Identity with these samples, for which TensorFlow is not asked."""
    for each in (*samples, *bad):
        each.digest = digest(each.values)
    changes.setdefault("oracle", False)
    given = list(samples or [sample(input=f32(2, 3))])
    return dataclasses.replace(RECORDS["Identity"], samples=given, bad=list(bad), **changes)


def fails(check, record, match):
    with pytest.raises((AssertionError, pytest.fail.Exception), match=match):
        check(record)


def double(xp, input):
    return input if input.dtype.kind in "bO" else input + input


def test_a_right_op_passes():
    for check in (
        test_ops.test_interpreted_and_compiled,
        test_ops.test_constants_fold,
        test_ops.test_unknown_shapes,
        test_ops.test_eager,
        test_ops.test_graph_as_text_and_as_message,
        test_ops.test_gradient,
    ):
        check(RECORDS["Identity"])


def test_a_wrong_lowering_fails(identity):
    identity(lower=double)
    record = RECORDS["Identity"]
    fails(test_ops.test_interpreted_and_compiled, record, "interpreted, output 0.*6 of 6 differ")
    fails(test_ops.test_constants_fold, record, "constants, output 0.*6 of 6 differ")
    fails(test_ops.test_eager, record, "eager, output 0.*6 of 6 differ")


def test_tiers_that_differ_fail(identity):
    identity(lower=lambda xp, input: input if xp.is_numpy else double(xp, input))
    fails(test_ops.test_interpreted_and_compiled, RECORDS["Identity"], "compiled, output 0")
    fails(test_ops.test_interpreted_and_compiled, one(), "result 0, tiers")


def test_a_small_error_fails():
    record = one()
    with pytest.raises(AssertionError, match="by more than 2e-05"):
        want = record.samples[0].values["input"]
        test_ops.check(record, "small", want * np.float32(1 + 5e-5), want)


@pytest.mark.parametrize(
    "got, want",
    [
        ([1.0, np.nan], [1.0, np.inf]),
        ([np.inf], [-np.inf]),
        ([1.0], [np.nan]),
        ([np.nan], [1.0]),
        ([np.inf], [1.0]),
        ([1.0], [1.0 + 1e-4]),
        ([1e-3], [1.1e-3]),
        ([1e-8, 1.0], [1e-4, 1.0]),
    ],
    ids=str,
)
def test_values_that_differ_fail(got, want):
    got, want = np.array(got, np.float32), np.array(want, np.float32)
    with pytest.raises(AssertionError):
        test_ops.check(one(), "x", got, want)
    test_ops.check(one(), "x", want, want)


def test_dtypes_and_shapes_that_differ_fail(identity):
    with pytest.raises(AssertionError, match="dtype"):
        test_ops.check(one(), "x", np.zeros(2), np.zeros(2, np.float32))
    with pytest.raises(AssertionError, match="shape"):
        test_ops.check(one(), "x", np.zeros((2, 1)), np.zeros(2))
    with pytest.raises(AssertionError, match="instead of"):
        test_ops.check(one(), "x", np.array([b"a"], object), np.array([b"b"], object))
    identity(lower=lambda xp, input: np.asarray(input, np.float64))
    fails(test_ops.test_interpreted_and_compiled, one(), "the graph says")


def test_wrong_shape_rules_fail(identity):
    identity(_shape=lambda input: shapes.of((7,)))
    fails(test_ops.test_interpreted_and_compiled, one(), r"inferred \(7,\), but")
    fails(test_ops.test_unknown_shapes, RECORDS["Identity"], r"inferred \(7,\), but")
    identity(_shape=lambda input: shapes.UNKNOWN)
    fails(test_ops.test_interpreted_and_compiled, RECORDS["Identity"], "unknown shape, TensorFlow")
    fails(test_ops.test_constants_fold, one(), "not fully inferred")
    identity(_shape=lambda input: shapes.unknown_shape(input.shape.rank))
    fails(test_ops.test_interpreted_and_compiled, RECORDS["Identity"], "TensorFlow infers")


def test_wrong_gradients_fail(identity):
    identity(grad=lambda g: REGISTRY["AddV2"](g, g))
    fails(test_ops.test_gradient, one(), "by finite differences")
    fails(test_ops.test_interpreted_and_compiled, RECORDS["Identity"], "gradient of input")
    identity(grad=ZERO)
    fails(test_ops.test_gradient, one(), "by finite differences")
    identity(grad=test_ops.UNSAID)
    fails(test_ops.test_gradient, one(), "say grad=None, grad=ZERO or a rule for Identity")


def test_gradients_are_right_only_in_the_inputs_that_are_asked_for(identity):
    identity(grad=lambda g: REGISTRY["AddV2"](g, g))
    test_ops.test_gradient(one(grad=()))
    fails(test_ops.test_gradient, one(grad=("input",)), "by finite differences")


def refuse(xp, input):
    raise errors.InvalidArgumentError(None, None, "input is too good")


def test_bad_samples(identity):
    record = one(bad=[bad(input=f32(2), match="too good")])
    for check in (test_ops.test_bad_samples, test_ops.test_bad_samples_eagerly):
        fails(check, record, "accepts bad sample 0")
    identity(lower=refuse)
    for check in (test_ops.test_bad_samples, test_ops.test_bad_samples_eagerly):
        check(record)
        fails(check, one(bad=[bad(input=f32(2), match="too bad")]), "does not match 'too bad'")
        other = bad(input=f32(2), match="too good", error="NotFoundError")
        fails(check, one(bad=[other]), "class is NotFoundError")


def test_expected_values_that_are_out_of_date_fail():
    record = one(sample(input=f32(2, 3)), oracle=True)
    fails(test_ops.test_interpreted_and_compiled, record, "run tests/golden/make_ops_golden.py")
    fails(test_ops.test_constants_fold, record, "run tests/golden/make_ops_golden.py")


def test_samples_are_the_same_in_every_process():
    assert digest({"x": np.arange(3), "y": [1, "a"]}) == "78d635dcaaed"
    assert digest({"x": np.arange(3)}) != digest({"x": np.arange(3.0)})


def test_wrong_signatures_fail(monkeypatch):
    opdef = REGISTRY["Identity"]
    test_ops.test_signature_is_tensorflows("Identity")
    monkeypatch.setattr(opdef, "attrs", {"S": opdef.attrs["T"]})
    with pytest.raises(AssertionError):
        test_ops.test_signature_is_tensorflows("Identity")
