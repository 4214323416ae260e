"""Devices: placement as the program says, soft placement, several CPU devices in one process."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import reflow as tf

v1 = tf.compat.v1


def run(source, **env):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )


def test_work_on_two_cpu_devices_of_one_process():
    done = run(
        """
        import numpy as np
        import reflow.compat.v1 as tf
        tf.disable_v2_behavior()
        config = tf.ConfigProto(device_count={"CPU": 2})
        x = tf.placeholder(tf.float32, [64, 64])
        with tf.device("/cpu:0"):
            v = tf.get_variable("v", initializer=2.0)
            a = tf.matmul(x, x) * v
        with tf.device("/cpu:1"):
            w = tf.get_variable("w", initializer=3.0)
            b = tf.matmul(x, x) * w + a
            update = tf.assign_add(w, 1.0)
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            value = np.ones([64, 64], np.float32)
            one, two = session.run([a, b], {x: value})
            session.run(update)
            _, three = session.run([a, b], {x: value})
            print(one[0, 0], two[0, 0], three[0, 0], len(session.list_devices()))
            held = {h.name: str(value.device) for h, value in session._store._values.items()}
            print(sorted(held.items()))
        """,
        REFLOW_TIER="compile",
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "128.0 320.0 384.0 2"
    assert "('v', 'cpu:0')" in second and "('w', 'cpu:1')" in second


def test_a_device_that_is_not_there(graph):
    with tf.device("/gpu:3"):
        y = tf.constant(1.0, name="here") + v1.placeholder_with_default(1.0, [])
    with v1.Session(graph=graph) as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="Cannot assign a device") as e:
            session.run(y)
        assert "allow_soft_placement" in str(e.value)
        assert "test_devices.py" in str(e.value).splitlines()[0]
    with v1.Session(graph=graph, config=v1.ConfigProto(allow_soft_placement=True)) as session:
        assert session.run(y) == 2.0


def test_placement_is_logged_when_asked_for(graph, capsys):
    y = v1.placeholder_with_default(1.0, []) + 1.0
    with v1.Session(graph=graph, config=v1.ConfigProto(log_device_placement=True)) as session:
        session.run(y)
    assert "add: (AddV2): /job:localhost/replica:0/task:0/device:CPU:0" in capsys.readouterr().out


def test_device_scopes_and_functions(graph):
    with tf.device("/job:ps/task:1"), tf.device("/cpu:0"):
        assert tf.constant(1.0).device == "/job:ps/task:1/device:CPU:0"
    with v1.device(lambda op: "/cpu:0" if op.type == "Const" else None):
        c = tf.constant(1.0)
        assert c.device == "/device:CPU:0"
        assert tf.identity(c).device == ""
    with v1.colocate_with(c.op):
        near = tf.constant(2.0)
    assert near.op.colocation_groups() == [b"loc:@" + c.op.name.encode()]
    np.testing.assert_equal(near.device, c.device)
