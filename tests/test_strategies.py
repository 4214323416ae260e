"""The strategies of one device, and tf.config."""

import pytest

import reflow as tf
from reflow.compiler import policy


def test_the_default_strategy():
    strategy = tf.distribute.get_strategy()
    assert strategy is tf.distribute.get_strategy() and not tf.distribute.has_strategy()
    assert tf.distribute.get_replica_context().strategy is strategy
    assert not tf.distribute.in_cross_replica_context()
    with strategy.scope():
        assert tf.distribute.in_cross_replica_context()
        assert tf.distribute.get_replica_context() is None
    assert strategy.run(lambda x, y=1: x + y, (2,), {"y": 3}) == 5
    with pytest.raises(RuntimeError, match="unsupported by default"):
        strategy.extended.worker_devices  # noqa: B018


@pytest.mark.parametrize("kind", [tf.distribute.OneDeviceStrategy, tf.distribute.MirroredStrategy])
def test_one_device(kind):
    strategy = kind("/cpu:0") if kind is tf.distribute.OneDeviceStrategy else kind(["/cpu:0"])
    with strategy.scope():
        assert tf.distribute.get_strategy() is strategy and tf.distribute.has_strategy()
        v = tf.Variable(2.0)
        with strategy.scope():
            assert tf.distribute.in_cross_replica_context()
        with pytest.raises(RuntimeError, match="Mixing different"):
            with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
                pass
    assert strategy.extended.variable_created_in_scope(v)
    assert not strategy.extended.variable_created_in_scope(tf.Variable(1.0))

    def replica(x):
        context = tf.distribute.get_replica_context()
        assert context.strategy is strategy and context.replica_id_in_sync_group.dtype is tf.int32
        total = context.all_reduce(tf.distribute.ReduceOp.SUM, x)

        def merged(given, y):
            assert given is strategy and tf.distribute.in_cross_replica_context()
            return given.extended.update(v, lambda var, d: var.assign_add(d), args=(y,))

        context.merge_call(merged, args=(total,))
        return v * x

    assert float(strategy.run(replica, args=(tf.constant(3.0),))) == 15.0
    compiled = tf.function(lambda x: strategy.run(replica, args=(x,)))
    assert float(compiled(tf.constant(1.0))) == 6.0
    assert not tf.distribute.has_strategy()


def test_reducing():
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    value = tf.constant([1.0, 3.0])
    assert strategy.reduce("sum", value, axis=None).numpy().tolist() == [1.0, 3.0]
    assert float(strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=0)) == 2.0
    with pytest.raises(ValueError, match="'max' is not a valid ReduceOp"):
        strategy.reduce("max", value, axis=0)


def test_what_is_not_there_says_so():
    for name in ("TPUStrategy", "MultiWorkerMirroredStrategy", "ParameterServerStrategy"):
        with pytest.raises(NotImplementedError, match=name):
            getattr(tf.distribute, name)()
    with pytest.raises(NotImplementedError, match="2 devices"):
        tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    with pytest.raises(NotImplementedError, match="dtensor"):
        tf.experimental.dtensor.Mesh()


def test_devices():
    (cpu,) = tf.config.list_physical_devices("CPU")
    assert cpu == ("/physical_device:CPU:0", "CPU")
    assert tf.config.list_logical_devices("CPU")[0].name == "/device:CPU:0"
    assert tf.config.get_visible_devices("CPU") == [cpu]
    assert tf.config.experimental.get_device_details(cpu) == {}
    with pytest.raises(ValueError, match="Cannot set memory growth"):
        tf.config.experimental.set_memory_growth(cpu, True)
    with pytest.raises(ValueError, match="Unrecognized device"):
        tf.config.set_visible_devices([tf.config.PhysicalDevice("/physical_device:GPU:9", "GPU")])
    with pytest.raises(ValueError, match="memory limit"):
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration(memory_limit=100)]
        )


def test_switches():
    assert tf.config.get_soft_device_placement()
    tf.config.set_soft_device_placement(False)
    assert not tf.config.get_soft_device_placement()
    tf.config.set_soft_device_placement(True)
    tf.config.optimizer.set_jit(True)
    assert tf.config.optimizer.get_jit() == "autoclustering"
    tf.config.optimizer.set_jit(False)
    with pytest.raises(ValueError, match="device policy"):
        tf.config.experimental.set_device_policy("loud")


def test_determinism_leaves_no_choice_to_the_clock(monkeypatch):
    monkeypatch.setattr(policy, "forced", ["auto"])
    tf.config.experimental.enable_op_determinism()

    class Entry:
        elements, runs, spent, best, compiling = 100, 0, 0.0, 0.0, False

    class Kind:
        compiled, seconds = 0, 0.0

    assert policy.choose(10, True, False, Entry, Kind) == policy.INTERPRET
    Entry.runs = 1
    assert policy.choose(10, True, False, Entry, Kind) == policy.COMPILE
