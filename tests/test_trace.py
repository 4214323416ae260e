"""What `tf.RunMetadata` says of a run, and the trace that is made of it."""

import json

import numpy as np
import pytest

import reflow as tf
from reflow.formats import protos
from reflow.runtime.timeline import Timeline, parse_label

v1 = tf.compat.v1
CPU = "/job:localhost/replica:0/task:0/device:CPU:0"


@pytest.fixture
def model():
    with tf.Graph().as_default() as graph:
        x = v1.placeholder(tf.float32, [None, 3], name="x")
        y = tf.add(x, 1.0, name="y")
        z = tf.multiply(y, y, name="z")
        v1.py_func(lambda a: a + 1, [z], tf.float32, name="on_host")
        tf.while_loop(
            lambda i: i < 3, lambda i: tf.add(i, 1, name="inc"), [tf.size(x)], name="loop"
        )
    return graph


def run(graph, fetches, level=v1.RunOptions.FULL_TRACE, **options):
    metadata = v1.RunMetadata()
    with v1.Session(graph=graph) as session:
        values = session.run(
            fetches,
            {"x:0": np.ones([1, 3], np.float32)},
            options=v1.RunOptions(trace_level=level, **options),
            run_metadata=metadata,
        )
    return values, metadata


def nodes_of(metadata):
    return {n.node_name: n for device in metadata.step_stats.dev_stats for n in device.node_stats}


def test_interpreted_nodes_each_have_an_entry(model, monkeypatch):
    monkeypatch.setattr("reflow.compiler.policy.forced", ["interpret"])
    value, metadata = run(model, "z:0")
    np.testing.assert_array_equal(value, [[4.0, 4.0, 4.0]])
    assert [device.device for device in metadata.step_stats.dev_stats] == [CPU]
    nodes = nodes_of(metadata)
    assert set(nodes) == {"y", "z"}
    assert nodes["z"].timeline_label == "z = Mul(y, y)"
    assert nodes["y"].all_start_micros <= nodes["z"].all_start_micros
    assert nodes["z"].all_end_rel_micros >= 1
    assert nodes["z"].all_end_rel_nanos > 0
    assert nodes["z"].memory[0].total_bytes == 12
    (output,) = nodes["z"].output
    assert [d.size for d in output.tensor_description.shape.dim] == [1, 3]
    assert output.tensor_description.dtype == 1
    assert output.tensor_description.allocation_description.requested_bytes == 12


def test_a_compiled_cluster_is_one_entry(model, monkeypatch):
    monkeypatch.setattr("reflow.compiler.policy.forced", ["compile"])
    value, metadata = run(model, "z:0")
    np.testing.assert_array_equal(value, [[4.0, 4.0, 4.0]])
    (node,) = nodes_of(metadata).values()
    assert node.timeline_label == f"{node.node_name} = _XlaRun(y, z)"


def test_nodes_on_the_host_and_in_loops(model, monkeypatch):
    monkeypatch.setattr("reflow.compiler.policy.forced", ["interpret"])
    _, metadata = run(model, ["on_host:0", "loop/Exit:0"])
    names = [n.node_name for d in metadata.step_stats.dev_stats for n in d.node_stats]
    assert "on_host" in names
    assert names.count("loop/Less") >= 1


def test_lower_levels_do_not_look_into_clusters(model, monkeypatch):
    monkeypatch.setattr("reflow.compiler.policy.forced", ["interpret"])
    _, metadata = run(model, "z:0", level=v1.RunOptions.SOFTWARE_TRACE)
    (node,) = nodes_of(metadata).values()
    assert "_XlaRun" in node.timeline_label


def test_nothing_is_filled_unless_asked_for(model):
    _, metadata = run(model, "z:0", level=v1.RunOptions.NO_TRACE)
    assert metadata == v1.RunMetadata()


def test_partition_graphs(model):
    _, metadata = run(model, "z:0", level=0, output_partition_graphs=True)
    (graph_def,) = metadata.partition_graphs
    assert {"y", "y/y", "z"} <= {node.name for node in graph_def.node}
    assert {node.device for node in graph_def.node} == {CPU}
    assert not metadata.HasField("step_stats")


def test_make_callable_takes_options(model):
    metadata = v1.RunMetadata()
    with v1.Session(graph=model) as session:
        call = session.make_callable("z:0", ["x:0"], accept_options=True)
        options = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE)
        call(np.ones([1, 3], np.float32), options=options, run_metadata=metadata)
    assert metadata.step_stats.dev_stats


# The trace ----------------------------------------------------------------------------------------


def stats(*nodes):
    result = protos.StepStats()
    device = result.dev_stats.add(device=CPU)
    for name, label, start, end, size in nodes:
        node = device.node_stats.add(
            node_name=name, timeline_label=label, all_start_micros=start, op_end_rel_micros=end
        )
        node.all_end_rel_micros = end
        held = node.output.add().tensor_description.allocation_description
        held.requested_bytes, held.allocator_name = size, "cpu"
    return result


STATS = stats(
    ("a", "a = Const()", 100, 10, 8),
    ("b", "b = Exp(a)", 110, 20, 16),
    ("c", "c = Sin(a)", 115, 5, 32),
    ("d", "d = AddN(b, ^c)", 140, 5, 4),
)


def events(step_stats=STATS, **options):
    text = Timeline(step_stats).generate_chrome_trace_format(**options)
    return json.loads(text)["traceEvents"]


def test_regions_and_lanes():
    spans = {e["args"]["name"]: e for e in events() if e["ph"] == "X"}
    assert {name: (e["ts"], e["dur"]) for name, e in spans.items()} == {
        "a": (100, 10),
        "b": (110, 20),
        "c": (115, 5),
        "d": (140, 5),
    }
    assert spans["b"]["tid"] != spans["c"]["tid"]  # they overlap
    assert spans["d"]["args"] == {"name": "d", "op": "AddN", "input0": "b", "input1": "c"}
    (process,) = [e for e in events() if e["ph"] == "M"]
    assert process["args"] == {"name": f"{CPU} Compute"}


def test_arrows():
    arrows = [e for e in events() if e["ph"] in "st"]
    assert len(arrows) % 2 == 0 and arrows
    assert not [e for e in events(show_dataflow=False) if e["ph"] in "st"]
    for start, end in zip(arrows[::2], arrows[1::2]):
        assert (start["ph"], end["ph"], start["id"]) == ("s", "t", end["id"])


def test_memory():
    counters = [e for e in events(show_memory=True) if e["ph"] == "C"]
    assert [e["args"]["cpu"] for e in counters][-1] == 0
    maximums = Timeline(STATS).analyze_step_stats().allocator_maximums
    assert maximums["cpu"].num_bytes == 56
    assert maximums["cpu"].tensors == {"a", "b", "c"}


def test_what_time_is_drawn():
    with pytest.raises(ValueError, match="op_time must be one of"):
        events(op_time="never")
    assert [e["dur"] for e in events(op_time="all") if e["ph"] == "X"] == [10, 20, 5, 5]


def test_labels():
    assert parse_label("x = MatMul(a, ^b)", "n") == ("x", "MatMul", ["a", "b"])
    assert parse_label("", "_SOURCE") == ("_SOURCE", "_SOURCE", [])


def test_a_real_run_makes_a_trace(model, monkeypatch):
    monkeypatch.setattr("reflow.compiler.policy.forced", ["interpret"])
    _, metadata = run(model, "z:0")
    spans = [e for e in events(metadata.step_stats, show_memory=True) if e["ph"] == "X"]
    assert [e["name"] for e in spans] == ["AddV2", "Mul"]
