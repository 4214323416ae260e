"""Branches and loops: against TensorFlow's results, in both tiers and driven from the host."""

import json
import pathlib

import numpy as np
import pytest
from golden import branch_and_loop_programs as programs

import reflow
from reflow.compiler import policy, traced_control
from reflow.compiler.evaluate import NotCompilable
from reflow.lang.func_graph import functions_of
from reflow.lang.verifier import verify

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden" / "branch_and_loop.json").read_text())
tf = reflow.compat.v1
TIERS = ("interpret", "compile", "host")


@pytest.fixture(autouse=True)
def _policy():
    before = policy.forced[0]
    yield
    policy.forced[0] = before


@pytest.fixture(params=TIERS)
def tier(request, monkeypatch):
    """Interpreted; compiled; or compiled in pieces, with branches and loops driven from the host."""
    policy.forced[0] = "interpret" if request.param == "interpret" else "compile"
    if request.param == "host":

        def refuse(*args):
            raise NotCompilable("the test says so")

        monkeypatch.setattr(traced_control, "loop", refuse)
        monkeypatch.setattr(traced_control, "branch", refuse)
    return request.param


def check(got, expected, where):
    if isinstance(expected, list):
        assert len(got) == len(expected), where
        for i, (x, y) in enumerate(zip(got, expected)):
            check(x, y, f"{where}[{i}]")
        return
    if expected is None:
        assert got is None, where
        return
    got = np.asarray(got)
    assert list(got.shape) == expected["shape"], f"{where}: {got.shape}"
    assert got.dtype.name == expected["dtype"], f"{where}: {got.dtype}"
    values = np.array(expected["values"], got.dtype).reshape(got.shape)
    np.testing.assert_allclose(got, values, rtol=2e-4, atol=2e-5, err_msg=where)


def verify_all(graph):
    verify(graph)
    for op in graph.get_operations():
        for function in functions_of(op):
            verify_all(function.base)


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda f: f.__name__)
def test_program_gives_what_tensorflow_gives(program, tier):
    golden = GOLDEN["programs"][program.__name__]
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        run = program(tf)
        verify_all(graph)
        session.run(tf.global_variables_initializer())
        for i, feed in enumerate(run.feeds):
            check(session.run(run.fetch, feed), golden["values"][i], f"run {i}: fetch")
    named = [[t.name, None if t.shape.rank is None else list(t.shape.sizes)] for t in run.named]
    assert named == golden["named"]


@pytest.mark.parametrize("program", programs.ERRORS, ids=lambda f: f.__name__)
def test_bad_program_is_refused_as_tensorflow_refuses_it(program):
    kind = GOLDEN["errors"][program.__name__]
    with tf.Graph().as_default(), pytest.raises(Exception) as caught:
        program(tf)
    assert type(caught.value).__name__ == kind
    assert "branch_and_loop_programs.py:" in str(caught.value).split("\n")[0]
