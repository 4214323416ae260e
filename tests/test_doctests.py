"""The examples in docstrings run, and print what they say."""

import doctest
import importlib
import pathlib
import re

import pytest

SOURCE = pathlib.Path(__file__).parents[1] / "src" / "reflow"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def names():
    for path in sorted(SOURCE.rglob("*.py")):
        if re.search(r"^ *>>> ", path.read_text(), re.M):
            parts = path.relative_to(SOURCE.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("name", list(names()))
def test_examples_run(name):
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module, optionflags=FLAGS)
    assert tried > 0
    assert failed == 0
