"""The largest elements approximately, and solutions by iteration: against TensorFlow's."""

import pytest
from golden_calls import TIERS, check_program, load

LOADED = load("approximate")


@pytest.mark.parametrize("which", TIERS)
@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program, which):
    check_program(LOADED, program, which)
