"""Data sets: programs against TensorFlow's results, the row streams against the plain path, threads."""

import gc
import json
import pathlib
import threading
import time

import numpy as np
import pytest
from golden import data_programs as programs
from golden.plain_values import plain

import reflow as tf
from reflow.data import background, pipeline
from reflow.lang.graph import Graph

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden" / "data.json").read_text())


@pytest.fixture(params=["rows", "elements"])
def path(request, monkeypatch):
    """With row streams, and element by element."""
    monkeypatch.setattr(pipeline, "use_rows", [request.param == "rows"])
    return request.param


def outcome(f, module):
    tf.random.set_seed(0)
    try:
        return plain(f(module))
    except Exception as error:
        if not hasattr(f, "fails"):
            raise
        return {"error": type(error).__name__}


def same(found, wanted, where=""):
    """Asserts that two outcomes are equal, floating-point numbers to within their rounding."""
    assert type(found) is type(wanted), (where, found, wanted)
    if isinstance(wanted, dict) and wanted.get("dtype", "").startswith("float"):
        assert (found["dtype"], found["shape"]) == (wanted["dtype"], wanted["shape"]), where
        np.testing.assert_allclose(found["values"], wanted["values"], rtol=2e-6, err_msg=where)
    elif isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), (where, found, wanted)
        for key in wanted:
            same(found[key], wanted[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), (where, found, wanted)
        for i, (a, b) in enumerate(zip(found, wanted)):
            same(a, b, f"{where}[{i}]")
    else:
        assert found == wanted, where


@pytest.mark.parametrize("f", programs.PROGRAMS, ids=lambda f: f.__name__)
def test_program(f, path):
    same(outcome(f, tf), GOLDEN[f.__name__])


@pytest.mark.parametrize("f", programs.GRAPH, ids=lambda f: f.__name__)
def test_program_of_a_graph(f):
    with Graph().as_default():
        same(outcome(f, tf.compat.v1), GOLDEN[f.__name__])


def test_every_program_has_a_golden_result():
    assert {f.__name__ for f in programs.PROGRAMS + programs.GRAPH} == set(GOLDEN)
