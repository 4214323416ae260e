"""What the records of ops/constant.py cannot say: Placeholder, and the error of PreventGradient."""

import numpy as np
import pytest

from reflow.autodiff.gradients import gradients
from reflow.lang import errors
from reflow.lang.graph import Graph
from reflow.ops.constant import (
    constant,
    constant_v1,
    placeholder,
    placeholder_with_default,
    prevent_gradient,
)
from reflow.runtime.session import Session


def test_placeholder(tier):
    """Placeholder: fed, or an error that names it and its line."""
    with Graph().as_default(), Session() as session:
        x = placeholder("float32", [None, 2], name="x")
        assert x.op.type == "Placeholder" and x.shape.as_list() == [None, 2]
        np.testing.assert_array_equal(session.run(x, {x: [[1, 2]]}), [[1, 2]])
        with pytest.raises(
            errors.InvalidArgumentError, match="test_ops_constant.py.*must feed.*'x'"
        ):
            session.run(x)
        with pytest.raises(ValueError, match="shape"):
            session.run(x, {x: [1.0, 2.0, 3.0]})
    with pytest.raises(RuntimeError, match="not compatible with eager"):
        placeholder("float32")


def test_placeholder_with_default(tier):
    with Graph().as_default(), Session() as session:
        x = placeholder_with_default([1, 2], [None])
        assert session.run(x).tolist() == [1, 2] and session.run(x, {x: [3]}).tolist() == [3]


def test_prevent_gradient():
    with Graph().as_default():
        x = constant(1.0)
        y = prevent_gradient(x, message="it is wrong")
        with pytest.raises(LookupError, match="explicitly disabled. Reason: .*it is wrong"):
            gradients(y, x)


def test_constants_that_do_not_fit():
    with Graph().as_default():
        assert constant(5, shape=[2, 2]).shape.as_list() == [2, 2]
        assert constant_v1([1, 2], shape=[2, 2]).op.attrs["value"].tolist() == [[1, 2], [2, 2]]
        for make in (
            lambda: constant([1, 2, 3], shape=[2]),
            lambda: constant([1, 2], shape=[2, 2]),
            lambda: constant_v1([1, 2], shape=[2, 1], verify_shape=True),
        ):
            with pytest.raises((TypeError, ValueError), match="test_ops_constant.py:"):
                make()
