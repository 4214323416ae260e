"""tf.image: its functions against TensorFlow's; images and sounds in files; bad input."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

import reflow as tf2
from reflow.autodiff.gradients import gradients
from reflow.compat import v1 as tf
from reflow.compiler import policy
from reflow.lang.convert import convert_to_tensor
from reflow.lang.graph import Graph
from reflow.lang.verifier import verify
from reflow.runtime.eager import reset_generators
from reflow.runtime.session import Session

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
_spec = importlib.util.spec_from_file_location("image_programs", GOLDEN / "image_programs.py")
programs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(programs)
with np.load(GOLDEN / "image.npz") as _file:
    VALUES = {name: _file[name] for name in _file.files}
WANTED = json.loads(VALUES.pop("index").tobytes())
SAME_NODES = programs.lines(programs.SAME_NODES)
CALLS = [*SAME_NODES, *programs.lines(programs.SAME_VALUES)]


@pytest.fixture(params=["interpret", "compile"])
def tier(request):
    previous, policy.forced[0] = policy.forced[0], request.param
    yield request.param
    policy.forced[0] = previous


def build(call):
    names = programs.Names(tf, tf2)
    return programs.outputs(eval(call, {}, names)), names


def close(what, got, want):
    got = np.asarray(got)
    assert got.shape == want.shape, what
    assert got.dtype == want.dtype, what
    if want.dtype.kind in "biu":
        assert np.array_equal(got, want), what
        return
    room = {2: 2e-3, 4: 2e-5, 8: 1e-6}[want.dtype.itemsize]
    largest = max(1.0, np.abs(want).max(initial=0.0))
    np.testing.assert_allclose(
        got.astype(np.float64), want.astype(np.float64), room, room * largest, err_msg=what
    )


def test_all_calls_have_golden_values():
    assert set(WANTED) == set(CALLS)


@pytest.mark.parametrize("call", SAME_NODES)
def test_nodes_are_tensorflows(call):
    with Graph().as_default() as graph:
        tensors, _ = build(call)
    nodes = [[op.name, op.type] for op in graph.get_operations() if op.type != "Const"]
    assert sorted(nodes) == sorted(WANTED[call]["nodes"])
    assert [t.name for t in tensors] == WANTED[call]["outputs"]


def test_values_and_gradients_are_tensorflows(tier):
    """All calls in one graph, and so in few compilations."""
    fetches, feeds, wanted = [], {}, []
    with Graph().as_default() as graph:
        for call in CALLS:
            with tf.name_scope(None):  # node names do not matter here
                tensors, names = build(call)
            row = WANTED[call]
            for tensor, sizes in zip(tensors, row["shapes"], strict=True):
                assert tensor.shape.is_compatible_with(sizes), f"{call}: {tensor}, not {sizes}"
                if call in SAME_NODES:
                    assert tensor.shape.merge_with(sizes) == tensor.shape, f"{call}: not {sizes}"
            floating = [t for t in tensors if t.dtype.is_floating]
            keys = row["gradients"]
            made = gradients(floating, [names[key] for key in keys]) if keys else []
            fetches += [*tensors, *(convert_to_tensor(g) for g in made)]
            feeds.update(names.feeds)
            wanted += [f"{row['number']}/output/{i}" for i in range(len(tensors))]
            wanted += [f"{row['number']}/gradient/{key}" for key in keys]
    verify(graph)
    numbers = {row["number"]: call for call, row in WANTED.items()}
    for key, value in zip(wanted, Session(graph=graph).run(fetches, feeds), strict=True):
        close(f"{numbers[int(key.split('/')[0])]}: {key}", value, VALUES[key])


@pytest.mark.parametrize("call", CALLS)
def test_eager_values_are_tensorflows(call):
    if "placeholder" in call or "fed(" in call:
        pytest.skip("for graphs")
    reset_generators()  # an eager op goes on where an earlier one with the same seed stopped
    tensors, _ = build(call)
    for i, tensor in enumerate(tensors):
        close(f"output {i}", tensor.numpy(), VALUES[f"{WANTED[call]['number']}/output/{i}"])
