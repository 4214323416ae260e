"""TF 1 graphs with conditionals and loops, written by TensorFlow, give TensorFlow's values here.

`tests/golden/make_graphdef_golden.py` made them, from `tests/golden/control_flow_programs.py`.
"""

import json
import pathlib

import numpy as np
import pytest

import reflow as tf
from reflow.formats import protos
from reflow.lang.verifier import verify

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "graphdef" / "control_flow.npz")
CASES = sorted({key for key in GOLDEN.files if "/" not in key})
V1_OPS = {"Switch", "Merge", "Enter", "Exit", "NextIteration", "LoopCond", "ControlTrigger"}


def graph_def_of(case):
    return protos.GraphDef.FromString(GOLDEN[case].tobytes())


def imported(graph_def, name=""):
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name=name)
    verify(graph)
    return graph


def runs_of(case):
    for i, run in enumerate(json.loads(str(GOLDEN[f"{case}/plan"]))):
        fetches = run["fetches"]
        feeds = {key: GOLDEN[f"{case}/{i}/{key}"] for key in run["feeds"]}
        values = [GOLDEN[f"{case}/{i}/{key}"] for key in fetches] if type(fetches) is list else None
        yield fetches, feeds, values


def check_runs(graph, case):
    with tf.compat.v1.Session(graph=graph) as session:
        for fetches, feeds, values in runs_of(case):
            found = session.run(fetches, feeds)
            for name, got, want in zip(fetches, found or (), values or ()):
                np.testing.assert_allclose(got, want, rtol=3e-5, atol=1e-6, err_msg=name)
                assert got.dtype == want.dtype


def functions_in(graph):
    for op in graph.get_operations():
        for value in op.attrs.values():
            if isinstance(value, tf.Graph):
                yield value
                yield from functions_in(value)


@pytest.mark.parametrize("case", CASES)
def test_values(case, tier):
    graph = imported(graph_def_of(case))
    types = {op.type for g in (graph, *functions_in(graph)) for op in g.get_operations()}
    assert not types & V1_OPS
    check_runs(graph, case)


@pytest.mark.parametrize("case", CASES)
def test_what_was_imported_can_be_exported_and_imported_again(case):
    exported = imported(graph_def_of(case)).as_graph_def()
    again = imported(exported)
    assert [n.name for n in again.as_graph_def().node] == [n.name for n in exported.node]
    check_runs(again, case)
