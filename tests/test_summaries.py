"""Summaries of TF 2: the files against those that TensorFlow writes, writers, steps, graphs, profiles."""

import gc
import json
import os
import pathlib
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from golden.summary_programs import PROGRAMS, events, run

import reflow as tf
from reflow.formats import protos
from reflow.formats.events import EventsWriter

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = json.loads((HERE / "golden" / "summaries.json").read_text())
v1 = tf.compat.v1


def files(folder):
    return sorted(pathlib.Path(folder).glob("events.out.tfevents.*"))


def read(folder):
    """The events of the one file of a folder, but for the first, which says the version."""
    (path,) = files(folder)
    return list(v1.train.summary_iterator(str(path)))[1:]


def tags(folder):
    return [(event.step, value.tag) for event in read(folder) for value in event.summary.value]


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_files_are_those_of_tensorflow(f, tmp_path):
    assert events(tf, run(tf, f, tmp_path)) == GOLDEN[f.__name__]


def test_a_file_of_tensorflow_is_read():
    assert events(tf, HERE / "golden" / "summaries.tfevents") == GOLDEN["scalars"]


def test_a_damaged_file_says_so(tmp_path):
    data = bytearray((HERE / "golden" / "summaries.tfevents").read_bytes())
    data[40] ^= 1
    (tmp_path / "damaged").write_bytes(data)
    with pytest.raises(tf.errors.DataLossError, match="corrupted record"):
        list(v1.train.summary_iterator(str(tmp_path / "damaged")))


# Writers ------------------------------------------------------------------------------------------


def test_the_file_is_named_like_tensorflows_and_there_at_once(tmp_path):
    writer = tf.summary.create_file_writer(tmp_path / "a" / "b", filename_suffix=".mine")
    (path,) = files(tmp_path / "a" / "b")
    assert re.fullmatch(
        rf"events\.out\.tfevents\.\d{{10}}\..+\.{os.getpid()}\.\d+\.mine", path.name
    )
    (first,) = v1.train.summary_iterator(str(path))
    assert first.file_version == "brain.Event:2"
    assert first.source_metadata.writer == "tensorflow.core.util.events_writer"
    assert writer.init() is None


def test_events_wait_until_there_are_many_or_flush(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path), max_queue=2).as_default():
        for step in range(2):
            tf.summary.scalar("x", 1.0, step=step)
        assert tags(tmp_path) == []
        tf.summary.scalar("x", 1.0, step=2)
        assert tags(tmp_path) == [(0, "x"), (1, "x"), (2, "x")]
        tf.summary.scalar("x", 1.0, step=3)
        tf.summary.flush()
        assert len(tags(tmp_path)) == 4
        tf.summary.scalar("x", 1.0, step=4)
    assert len(tags(tmp_path)) == 5  # leaving the context flushes


def test_events_do_not_wait_longer_than_said(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path), flush_millis=0).as_default():
        tf.summary.scalar("x", 1.0, step=1)
        assert tags(tmp_path) == [(1, "x")]


def test_a_closed_writer(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))

    @tf.function
    def write():
        tf.summary.scalar("x", 1.0, step=1)

    with writer.as_default():
        write()
        writer.close()
        writer.close()
        assert writer.flush() is None
        with pytest.raises(tf.errors.NotFoundError, match="is closed, or was not initialized"):
            tf.summary.scalar("x", 1.0, step=2)
        with pytest.raises(tf.errors.NotFoundError, match="is closed, or was not initialized"):
            write()
    for method in (writer.init, writer.as_default, writer.set_as_default):
        with pytest.raises(RuntimeError, match="already closed"):
            method()
    assert tags(tmp_path) == [(1, "x")]


def test_a_writer_that_is_let_go_has_written(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))
    tf.raw_ops.WriteSummary(
        writer=writer._resource, step=1, tensor=1.0, tag="x", summary_metadata=b""
    )
    assert tags(tmp_path) == []
    del writer
    gc.collect()
    assert tags(tmp_path) == [(1, "x")]


def test_a_writer_made_in_a_function_is_made_once_and_kept(tmp_path):
    @tf.function
    def f(x):
        with tf.summary.create_file_writer(str(tmp_path)).as_default():
            tf.summary.scalar("x", x, step=tf.cast(x, tf.int64))

    f(tf.constant(1.0))
    gc.collect()
    f(tf.constant(2.0))
    assert tags(tmp_path) == [(1, "x"), (2, "x")]


def test_a_program_that_ends_has_written(tmp_path):
    program = (
        "import reflow as tf\n"
        f"tf.summary.create_file_writer({str(tmp_path)!r}).set_as_default(step=3)\n"
        "tf.summary.scalar('x', 1.0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
    assert tags(tmp_path) == [(3, "x")]


def test_writers_nest_and_threads_have_their_own(tmp_path):
    outer = tf.summary.create_file_writer(str(tmp_path / "outer"))
    inner = tf.summary.create_file_writer(str(tmp_path / "inner"))
    seen = []
    with outer.as_default(step=1):
        with inner.as_default(step=2):
            tf.summary.scalar("x", 1.0)
            with tf.summary.create_noop_writer().as_default(step=3):
                tf.summary.scalar("y", 1.0)
        thread = threading.Thread(
            target=lambda: seen.append(bool(tf.summary.scalar("z", 1.0, step=1)))
        )
        thread.start()
        thread.join()
        tf.summary.scalar("x", 1.0)
        assert tf.summary.experimental.get_step() == 1
    assert tf.summary.experimental.get_step() is None
    assert seen == [False]
    assert tags(tmp_path / "outer") == [(1, "x")]
    assert tags(tmp_path / "inner") == [(2, "x"), (2, "y")]


def test_the_ops_themselves(tmp_path):
    """WriteRawProtoSummary puts the values of several messages into one event; FlushSummaryWriter ends waiting."""
    handle = tf.raw_ops.SummaryWriter(shared_name="mine")
    tf.raw_ops.CreateSummaryFileWriter(
        writer=handle, logdir=str(tmp_path), max_queue=10, flush_millis=10**9, filename_suffix=""
    )
    summaries = []
    for tag in "ab":
        summary = protos.Summary()
        summary.value.add(tag=tag, simple_value=1.0)
        summaries.append(summary.SerializeToString())
    tf.raw_ops.WriteRawProtoSummary(writer=handle, step=tf.constant(7, tf.int64), tensor=summaries)
    assert tags(tmp_path) == []
    tf.raw_ops.FlushSummaryWriter(writer=handle)
    assert tags(tmp_path) == [(7, "a"), (7, "b")]
    tf.raw_ops.CloseSummaryWriter(writer=handle)
    with pytest.raises(tf.errors.NotFoundError, match="closed"):
        tf.raw_ops.FlushSummaryWriter(writer=handle)


def test_nothing_is_written_without_a_writer():
    assert not tf.summary.should_record_summaries()
    assert not tf.summary.scalar("x", 1.0)
    assert not tf.summary.write("x", lambda: pytest.fail("called"))
    assert not tf.summary.experimental.write_raw_pb(b"")
    assert not tf.summary.graph(tf.Graph())
    assert tf.summary.flush() is None


def test_what_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`logdir` cannot be None"):
        tf.summary.create_file_writer(None)
    with pytest.raises(NotImplementedError, match="experimental_trackable"):
        tf.summary.create_file_writer(str(tmp_path), experimental_trackable=True)
    with pytest.raises(ValueError, match="`logdir` is a tensor of the function"):
        tf.function(lambda: tf.summary.create_file_writer(tf.constant("x") + "y"))()
    with pytest.raises(ValueError, match=r"Invalid argument to flush\(\): 3"):
        tf.summary.flush(3)
    with pytest.raises(TypeError, match="abstract"):
        tf.summary.SummaryWriter()
    (tmp_path / "file").write_text("")
    with pytest.raises(tf.errors.OpError):
        tf.summary.create_file_writer(str(tmp_path / "file" / "below"))
    with tf.summary.create_file_writer(str(tmp_path / "all")).as_default():
        with pytest.raises(ValueError, match="No step set"):
            tf.summary.scalar("x", 1.0)
        with pytest.raises(ValueError, match="No step set"):
            tf.summary.experimental.write_raw_pb(b"")
        with pytest.raises(ValueError, match="scalar shape"):
            tf.summary.scalar("x", [1.0], step=1)
        with pytest.raises(TypeError, match="must be of type tf.string"):
            tf.summary.text("x", 1.0, step=1)
        with pytest.raises(ValueError, match="must have rank 4"):
            tf.summary.image("x", [1.0], step=1)
        with pytest.raises(tf.errors.InvalidArgumentError, match="x >= 0 did not hold"):
            tf.summary.image("x", tf.zeros([1, 1, 1, 1]), step=1, max_outputs=-1)
        with pytest.raises(ValueError, match="must have rank 3"):
            tf.summary.audio("x", [1.0], 8000, step=1)
        with pytest.raises(ValueError, match="Unknown encoding: 'mp3'"):
            tf.summary.audio("x", tf.zeros([1, 1, 1]), 8000, step=1, encoding="mp3")
        with pytest.raises(tf.errors.InvalidArgumentError, match="no serialized SummaryMetadata"):
            tf.summary.write("x", 1.0, step=1, metadata=b"\xff")
        with pytest.raises(tf.errors.InvalidArgumentError, match="step must be a scalar"):
            tf.summary.write("x", 1.0, step=[1, 2])
        with pytest.raises(tf.errors.DataLossError, match="Summary binary proto .* index 1"):
            tf.summary.experimental.write_raw_pb([b"", b"\xff"], step=1)
        with pytest.raises(ValueError, match="is not tf.Graph or tf.compat.v1.GraphDef"):
            tf.summary.graph(3)
        with tf.Graph().as_default(), pytest.raises(ValueError, match="inside a graph context"):
            tf.summary.graph(tf.Graph())
    assert read(tmp_path / "all") == []


def test_the_writer_of_the_format(tmp_path):
    writer = EventsWriter(tmp_path, suffix=".x")
    writer.add(protos.Event(step=1, wall_time=5.0))
    writer.flush()
    assert [(event.step, event.wall_time) for event in read(tmp_path)] == [(1, 5.0)]
    writer.close()
    with pytest.raises(tf.errors.FailedPreconditionError, match="closed"):
        writer.add(protos.Event())


# Graphs of TF 1 -----------------------------------------------------------------------------------


def test_in_a_session(tmp_path):
    with tf.Graph().as_default() as graph, v1.Session() as session:
        step = v1.placeholder(tf.int64, [])
        writer = tf.summary.create_file_writer(str(tmp_path))
        with writer.as_default(step=step):
            with tf.summary.record_if(tf.not_equal(step, 2)):
                written = tf.summary.scalar("loss", tf.cast(step, tf.float32) * 0.5)
            assert v1.summary.all_v2_summary_ops() == [written]
            with pytest.raises(tf.errors.NotFoundError, match="was not initialized"):
                session.run(written, {step: 1})
            assert files(tmp_path) == []
            v1.summary.initialize(graph=graph, session=session)
            session.run(writer.init())  # the writer keeps its file
        ran = [bool(session.run(written, {step: i})) for i in (1, 2, 3)]
        session.run(writer.flush())
        assert ran == [True, False, True]
        found = read(tmp_path)
        names = {node.name for node in protos.GraphDef.FromString(found[0].graph_def).node}
        assert "create_file_writer/CreateSummaryFileWriter" in names
        assert [event.step for event in found[1:]] == [1, 3]
        session.run(writer.close())
        with pytest.raises(tf.errors.NotFoundError, match="is closed"):
            session.run(writer.flush())


def test_initialize_needs_a_writer_and_a_session(tmp_path):
    assert v1.summary.initialize() is None
    assert v1.summary.all_v2_summary_ops() is None
    with tf.Graph().as_default():
        with pytest.raises(RuntimeError, match="No default"):
            v1.summary.initialize()
        with tf.summary.create_file_writer(str(tmp_path)).as_default():
            with pytest.raises(ValueError, match="session"):
                v1.summary.initialize()


def test_raw_ops(tmp_path):
    handle = tf.raw_ops.SummaryWriter(shared_name="test_raw_ops")
    arguments = {"logdir": str(tmp_path), "max_queue": 1, "flush_millis": 1, "filename_suffix": ""}
    for _ in range(2):  # the second one is ignored
        tf.raw_ops.CreateSummaryFileWriter(writer=handle, **arguments)
    event = protos.Event(step=5, wall_time=7.0, file_version="x")
    tf.raw_ops.ImportEvent(writer=handle, event=event.SerializeToString())
    with pytest.raises(tf.errors.DataLossError, match="Bad tf.Event"):
        tf.raw_ops.ImportEvent(writer=handle, event=b"\xff")
    with pytest.raises(tf.errors.DataLossError, match="Bad tf.GraphDef"):
        tf.raw_ops.WriteGraphSummary(writer=handle, step=0, tensor=b"\xff")
    tf.raw_ops.CloseSummaryWriter(writer=handle)
    tf.raw_ops.CloseSummaryWriter(writer=handle)
    assert read(tmp_path) == [event]


# Graphs that run ----------------------------------------------------------------------------------


def exported(folder):
    value = read(folder)[-1].summary.value[0]
    metadata = value.metadata.plugin_data
    data = protos.RunMetadata.FromString(tf.make_ndarray(value.tensor).item())
    return value.tag, metadata.plugin_name, metadata.content, data


def test_the_graphs_that_run_are_collected(tmp_path):
    double = tf.function(lambda x: tf.add(x, x, name="doubled"))
    never = tf.function(lambda x: tf.add(x, x, name="never"))
    double(tf.constant(1.0))
    with tf.summary.create_file_writer(str(tmp_path)).as_default(step=4):
        never(tf.constant(1.0))
        tf.summary.trace_on()
        for value in (1.0, 2.0, [1.0]):
            assert np.all(double(tf.constant(value)) == 2 * np.array(value))
        tf.summary.trace_export("graphs")
        never(tf.constant(1.0))
        with pytest.raises(ValueError, match="Must enable trace before export"):
            tf.summary.trace_export("graphs")
    tag, plugin, content, data = exported(tmp_path)
    assert (tag, plugin, content) == ("graphs", "graph_run_metadata_graph", b"1")
    assert len(data.function_graphs) == 2  # for a scalar and for a vector
    assert not data.HasField("step_stats")
    for graphs in data.function_graphs:
        ops = {node.name: node.op for node in graphs.pre_optimization_graph.node}
        assert ops["doubled"] == "AddV2"
        (partition,) = graphs.partition_graphs
        assert graphs.post_optimization_graph == partition
        assert {"doubled"} < {node.name for node in partition.node}
        assert partition in data.partition_graphs


def test_a_gradient_is_seen_while_it_is_traced(tmp_path):
    x = tf.Variable(3.0)
    square = tf.function(lambda: x * x)
    with tf.summary.create_file_writer(str(tmp_path)).as_default(step=1):
        tf.summary.trace_on()
        with tf.GradientTape() as tape:
            y = square()
        assert tape.gradient(y, x).numpy() == 6.0
        tf.summary.trace_export("graphs")
    assert len(exported(tmp_path)[3].function_graphs) == 2  # the function and its gradient


def test_a_trace_with_times_and_a_profile(tmp_path):
    double = tf.function(lambda x: tf.add(x, x, name="doubled"))
    with tf.summary.create_file_writer(str(tmp_path / "log")).as_default(step=1):
        tf.summary.trace_on(profiler=True, profiler_outdir=str(tmp_path / "profile"))
        double(tf.constant(1.0))
        tf.summary.trace_export("all")
    _, plugin, _, data = exported(tmp_path / "log")
    assert plugin == "graph_run_metadata"
    (device,) = data.step_stats.dev_stats
    assert "doubled" in device.node_stats[0].timeline_label
    assert len(list((tmp_path / "profile").rglob("*.xplane.pb"))) == 1


def test_traces_that_are_left_out(tmp_path, caplog):
    with caplog.at_level("WARNING"):
        tf.summary.trace_on()
        tf.summary.trace_on()
        tf.summary.trace_off()
        tf.function(tf.summary.trace_on)()
        tf.function(lambda: tf.summary.trace_export("x"))()
        with tf.Graph().as_default():
            tf.summary.trace_on()
            tf.summary.trace_export("x")
        tf.summary.trace_on(profiler=True)
        with tf.summary.create_file_writer(str(tmp_path)).as_default():
            tf.summary.trace_export("x", step=1, profiler_outdir="/no/such")
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "Trace already enabled",
        "Cannot enable trace inside a tf.function.",
        "Cannot export trace inside a tf.function.",
        "Must enable trace in eager mode.",
        "Can only export trace while executing eagerly.",
        "No `profiler_outdir` passed to trace_on(). Profiler won't be enabled.",
        "Ignoring `profiler_outdir` passed to trace_export(). Please pass it to trace_on() instead.",
    ]
    with pytest.raises(ValueError, match="Must enable trace"):
        tf.summary.trace_export("x", step=1)


def test_profiles(tmp_path):
    profiler = tf.profiler.experimental
    with profiler.Profile(str(tmp_path / "a"), profiler.ProfilerOptions(host_tracer_level=3)):
        with pytest.raises(tf.errors.AlreadyExistsError, match="Another profiler is running"):
            profiler.start(str(tmp_path))
        with profiler.Trace("a_step_of_mine", step_num=3) as trace:
            trace.set_metadata(loss=1)
    (written,) = (tmp_path / "a").rglob("*.xplane.pb")
    assert re.match(r"\d{4}(_\d\d){5}", written.parent.name)
    assert written.parent.parent == tmp_path / "a" / "plugins" / "profile"
    assert b"a_step_of_mine" in written.read_bytes()
    profiler.start(str(tmp_path / "b"))
    profiler.stop(save=False)
    assert not (tmp_path / "b").exists()
    with pytest.raises(tf.errors.UnavailableError, match="No profiler is running"):
        profiler.stop()
    with pytest.raises(tf.errors.UnimplementedError, match="delay_ms"):
        profiler.start(str(tmp_path), profiler.ProfilerOptions(delay_ms=5))
