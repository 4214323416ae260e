"""Public functions make the nodes that TensorFlow's make, with the same names and static shapes.

What TensorFlow makes is in tests/golden/wrappers.json, of the calls in tests/golden/wrapper_calls.py.
"""

import importlib.util
import json
import pathlib

import pytest

import reflow
from reflow.compat import v1 as tf
from reflow.lang.graph import Graph
from reflow.lang.verifier import verify

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
WANTED = json.loads((GOLDEN / "wrappers.json").read_text())
_spec = importlib.util.spec_from_file_location("wrapper_calls", GOLDEN / "wrapper_calls.py")
wrapper_calls = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(wrapper_calls)

each_call = pytest.mark.parametrize(
    "call", [c for lines in wrapper_calls.CALLS.values() for c in lines.splitlines() if c]
)


def flat(result):
    if isinstance(result, (list, tuple)):
        return [t for each in result for t in flat(each)]
    return [result]


@each_call
def test_nodes_and_shapes_are_tensorflows(call):
    wanted = WANTED[call]
    with Graph().as_default() as graph:
        names = {
            name: tf.placeholder(dtype, shape, name=name)
            for name, (dtype, shape) in wrapper_calls.PLACEHOLDERS.items()
        }
        outputs = flat(eval(call, {"tf": tf, "tf2": reflow, **names}))
    verify(graph)
    made = graph.get_operations()[len(names) :]
    nodes = [[op.name, op.type, [t.name for t in op.inputs]] for op in made]
    assert sorted(nodes) == sorted(wanted["nodes"])
    assert [t.name for t in outputs] == wanted["outputs"]
    for tensor, sizes in zip(outputs, wanted["shapes"], strict=True):
        # TensorFlow's, or more of it.
        assert tensor.shape.is_compatible_with(sizes), f"{tensor} instead of {sizes}"
        assert tensor.shape.merge_with(sizes) == tensor.shape, f"{tensor} instead of {sizes}"


def test_golden_file_is_of_these_calls():
    calls = {c for lines in wrapper_calls.CALLS.values() for c in lines.splitlines() if c}
    assert calls == set(WANTED)
    assert not [call for call, row in WANTED.items() if "error" in row]
