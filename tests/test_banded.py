"""Banded triangles and eigenvalues of tridiagonal matrices against TensorFlow's."""

import numpy as np
import pytest
from golden_calls import TIERS, check_call, check_eagerly, check_program, load

import reflow as tf

LOADED = load("banded")


@pytest.mark.parametrize("which", TIERS)
@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_what_tensorflow_gives(call, which):
    if which == "compile" and "d * 0.0" in call:
        pytest.skip("compiled code divides by zero, as it does in tf.linalg.solve")
    check_call(LOADED, call, which)


@pytest.mark.parametrize("call", [c for c, row in LOADED[2].calls.items() if "error" not in row])
def test_calls_give_it_of_unknown_sizes(call):
    check_call(LOADED, call, "unknown")


# More diagonals than rows are refused while a graph is built, and only then.
@pytest.mark.parametrize("call", [c for c in LOADED[2].calls if "wide" not in c])
def test_calls_give_it_eagerly(call):
    check_eagerly(LOADED, call)


@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program):
    check_program(LOADED, program, "interpret", 1e-5)


def test_gradients_of_eigenvalues():
    """TensorFlow's are those of the bounds of its bisection, which are no use."""
    alpha, beta = LOADED[1].ARRAYS["e"], LOADED[1].ARRAYS["f"]

    def some(alpha, beta):
        kept = tf.linalg.eigh_tridiagonal(alpha, beta, select="i", select_range=(1, 3))
        return tf.reduce_sum(tf.sin(kept))

    got, wanted = tf.test.compute_gradient(some, [alpha, beta])
    for mine, finite in zip(got, wanted):
        np.testing.assert_allclose(mine, finite, 1e-6, 1e-8)


def test_what_is_beside_the_bands_is_not_looked_at():
    bands = np.array([[2.0, 2.0, 2.0], [np.nan, 1.0, 1.0]], np.float32)
    for lower, given in ((True, bands), (False, bands[::-1, ::-1])):
        solved = tf.linalg.banded_triangular_solve(given.copy(), np.ones((3, 1), np.float32), lower)
        assert np.isfinite(solved.numpy()).all()
