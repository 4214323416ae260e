"""Lookup tables that are filled from data sets against TensorFlow's."""

import pytest
from golden_calls import check_program, load

LOADED = load("dataset_tables")


@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program):
    """Among them: InitializeTableFromDataset."""
    check_program(LOADED, program, "interpret")
