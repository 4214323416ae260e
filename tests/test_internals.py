"""Internal modules of TensorFlow that libraries import: monitoring, dispatch, control flow, the context."""

import time

import pytest
from golden_calls import check_program, load

import reflow as tf
from reflow.compat import control_flow_util, defun, eager_context, internal_paths
from reflow.lang import user_dispatch
from reflow.ops import resources
from reflow.ops.vectorized import pfor
from reflow.platform import monitoring

LOADED = load("internal_modules")


@pytest.mark.parametrize(
    "path",
    [
        "framework.extension_type.BatchableExtensionType",
        "framework.function.Defun",
        "ops.weights_broadcast_ops.broadcast_weights",
        "eager.monitoring.Sampler",
        "eager.wrap_function.WrappedFunction",
        "eager.function.ConcreteFunction",
        "ops.control_flow_util.GraphOrParentsInXlaContext",
        "ops.parallel_for.control_flow_ops.pfor",
        "lib.io.tf_record.TFRecordWriter",
        "lib.io.tf_record.tf_record_iterator",
        "util.dispatch.add_dispatch_support",
        "ops.resources.register_resource",
        "training.coordinator.Coordinator",
        "training.queue_runner_impl.start_queue_runners",
        "eager.context._reset_context",
        "eager.context.global_seed",
    ],
)
def test_paths_resolve(path):
    assert internal_paths.resolves(f"python.{path}")


def test_counters_and_gauges():
    counter = monitoring.Counter("/test/counter", "", "kind")
    counter.get_cell("a").increase_by(3)
    counter.get_cell("a").increase_by(2)
    assert (counter.get_cell("a").value(), counter.get_cell("b").value()) == (5, 0)
    text = monitoring.StringGauge("/test/text", "").get_cell()
    assert text.value() == ""
    text.set("x")
    assert text.value() == "x"
    gauge = tf.__internal__.monitoring.BoolGauge("/test/gauge", "")
    gauge.get_cell().set(True)
    assert gauge.get_cell().value() is True
    with pytest.raises(ValueError, match="expects taking 1 labels"):
        counter.get_cell()
    with pytest.raises(ValueError, match="label >= 3"):
        monitoring.IntGauge("/test/many", "", "a", "b", "c")
    with pytest.raises(ValueError, match="only grows"):
        counter.get_cell("a").increase_by(-1)


def test_samplers_count_by_buckets():
    # The numbers are TensorFlow's for the same samples.
    cell = monitoring.Sampler("/t", monitoring.ExponentialBuckets(1.0, 2.0, 3), "").get_cell()
    for value in (0.5, 1.0, 5.0, 100.0):
        cell.add(value)
    found = cell.value()
    assert (found.min, found.max, found.num, found.sum) == (0.5, 100, 4, 106.5)
    assert list(found.bucket) == [1, 1, 0, 2] and list(found.bucket_limit)[:3] == [1, 2, 4]
    assert found.sum_squares == 10026.25


def test_timers_add_microseconds():
    cell = monitoring.Counter("/test/timed", "").get_cell()
    with (
        monitoring.MonitoredTimer(cell, "section", avoid_repetitive_counting=True),
        monitoring.MonitoredTimer(cell, "section", avoid_repetitive_counting=True),
    ):
        started = time.perf_counter()
        while time.perf_counter() - started < 0.002:
            assert cell.value() == 0
    once = cell.value()
    assert once >= 2000
    monitoring.monitored_timer(cell)(time.sleep)(0.001)
    assert cell.value() >= once + 1000


def test_functions_of_a_library_are_answered():
    class Twice(tf.experimental.ExtensionType):
        value: tf.Tensor

    @tf.__internal__.dispatch.add_dispatch_support
    def library_function(x, name=None):
        return tf.convert_to_tensor(x) + 1

    @tf.experimental.dispatch_for_api(library_function, {"x": Twice})
    def of_twice(x, name=None):
        return library_function(x.value * 2)

    assert library_function(Twice(3)).numpy() == 7 and library_function(3).numpy() == 4
    user_dispatch.unregister_dispatch_for(of_twice)
    with pytest.raises((TypeError, ValueError)):
        library_function(Twice(3))


def test_all_numbers_at_once():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert pfor(lambda i: tf.reduce_sum(x[i]), 2).numpy().tolist() == [3.0, 7.0]
    rows = tf.function(lambda n: pfor(lambda i: i * i, n))(tf.constant(3))
    assert rows.numpy().tolist() == [0, 1, 4]


def test_no_node_lies_in_a_context_of_tf1():
    with tf.Graph().as_default() as graph:
        y = tf.while_loop(lambda i: i < 3, lambda i: i + 1, [tf.constant(0)])
    node = y[0].op
    assert not control_flow_util.IsInWhileLoop(node) and not control_flow_util.IsSwitch(node)
    assert control_flow_util.EnableControlFlowV2(graph)
    assert not control_flow_util.GraphOrParentsInXlaContext(graph)


def test_the_global_seed():
    eager_context._reset_context()
    assert eager_context.global_seed() is None
    tf.random.set_seed(5)
    assert eager_context.global_seed() == 5
    with tf.Graph().as_default():
        tf.random.set_seed(6)
    assert eager_context.global_seed() == 5
    eager_context._reset_context()


def test_the_context_begins_anew():
    tf.random.set_seed(3)
    first = tf.random.uniform([]).numpy()
    tf.config.set_soft_device_placement(False)
    eager_context._reset_context()
    assert tf.config.get_soft_device_placement()
    tf.random.set_seed(3)
    assert tf.random.uniform([]).numpy() == first
    eager_context._reset_context()
    assert len({tf.random.uniform([]).numpy().item() for _ in range(3)}) == 3


def test_internal_names():
    nest = tf.__internal__.nest
    assert nest.flatten_up_to([0, 0], [1, [2, 3]]) == [1, [2, 3]]
    assert nest.map_structure_up_to([0, 0], lambda a: a * 2, [1, 2]) == [2, 4]
    assert nest.list_to_tuple([1, [2]]) == (1, (2,)) and nest.is_mapping({})
    wrapped = tf.__internal__.decorator.make_decorator(len, lambda x: -1)
    assert tf.__internal__.decorator.unwrap(wrapped)[1] is len
    assert tf.__internal__.ops.is_resource_variable(tf.Variable(1.0))
    assert tf.__internal__.eager_context.get_device_name() is None
    assert eager_context.context().device_spec.device_type is None
    with tf.device("cpu:0"):
        assert eager_context.context().device_spec.device_type == "CPU"


def test_resources_of_a_graph():
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        assert session.run(resources.report_uninitialized_resources()).tolist() == []
        v = v1.get_variable("v", initializer=1.0, use_resource=True)
        resources.register_resource(v.handle, v.initializer, v1.is_variable_initialized(v))
        w = v1.get_variable("w", initializer=1.0, use_resource=True)
        state = v1.is_variable_initialized(w)
        resources.register_resource(w.handle, w.initializer, state, is_shared=False)
        shared, local = resources.shared_resources(), resources.local_resources()
        assert [len(shared), len(local)] == [1, 1]
        report = resources.report_uninitialized_resources()
        assert session.run(report).tolist() == [b"v:0", b"w:0"]
        session.run(resources.initialize_resources(shared))
        assert session.run(report).tolist() == [b"w:0"]
        session.run(resources.initialize_resources(local))
        assert session.run(report).tolist() == []


@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program):
    check_program(LOADED, program, "interpret")


def test_a_function_of_graphs_in_eager_code_and_in_functions():
    square = defun.Defun(tf.float32)(lambda x: x * x)
    with pytest.raises(RuntimeError, match="test_internals.py.*use tf.function"):
        square(tf.constant(2.0))
    assert tf.function(lambda x: square(x))(tf.constant(2.0)).numpy() == 4.0


def test_specs_without_a_name_are_no_messages():
    class Point(tf.experimental.ExtensionType):
        x: tf.Tensor

    with pytest.raises(tf.errors.UnimplementedError, match="has not been registered"):
        Point.Spec(tf.TensorSpec([])).experimental_as_proto()
    message = tf.SparseTensorSpec([2]).experimental_as_proto()
    with pytest.raises(TypeError, match="RaggedTensorSpec"):
        tf.RaggedTensorSpec.experimental_from_proto(message)
