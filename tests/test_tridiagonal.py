"""Tridiagonal matrices against TensorFlow's."""

import pytest
from golden_calls import TIERS, check_call, check_eagerly, load

LOADED = load("tridiagonal")


@pytest.mark.parametrize("which", TIERS)
@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_what_tensorflow_gives(call, which):
    check_call(LOADED, call, which)


@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_it_eagerly(call):
    check_eagerly(LOADED, call)
