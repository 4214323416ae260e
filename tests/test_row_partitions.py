"""Partitions into rows against TensorFlow's: what they say, as arguments of functions, their specs."""

import pytest
from golden_calls import TIERS, check_program, load

LOADED = load("row_partitions")


@pytest.mark.parametrize("which", TIERS)
@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program, which):
    check_program(LOADED, program, which)
