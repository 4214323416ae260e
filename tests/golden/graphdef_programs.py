"""Programs that TensorFlow and Reflow are to write as the same GraphDef.

Each takes the library, and builds nodes in the default graph. `make_graphdef_golden.py` runs them with
TensorFlow, `tests/test_graphdef.py` with Reflow.
"""

import numpy as np

PROGRAMS = {}


def program(f):
    PROGRAMS[f.__name__.strip("_")] = f
    return f


@program
def constants(tf):
    tf.constant(1.5, name="scalar")
    tf.constant([1, 2, 3], name="vector")
    tf.constant([[1.0, 2.0]], tf.float64, name="doubles")
    tf.constant([1, -2], tf.int8, name="bytes")
    tf.constant([1, 2], tf.uint16, name="uint16")
    tf.constant([1, 2**40], tf.int64, name="long")
    tf.constant([1.0, 0.5], tf.float16, name="half")
    tf.constant([1.0, 0.5], tf.bfloat16, name="bfloat16")
    tf.constant([1 + 2j, 3], tf.complex64, name="complex")
    tf.constant([True, False], name="bool")
    tf.constant(b"\x00\xffraw", name="raw")
    tf.constant([["a", "b"], ["c", "d\u00e9"]], name="strings")
    tf.constant(np.zeros([2, 0], np.float32), name="empty")
    tf.constant(np.arange(12, dtype=np.float32).reshape(3, 4), name="array")
    tf.constant(7, shape=[2, 3], name="filled")
    tf.constant(["x"], shape=[3], name="filled_string")


@program
def placeholders(tf):
    v1 = tf.compat.v1
    v1.placeholder(tf.float32, name="unknown")
    v1.placeholder(tf.int32, [], name="scalar")
    v1.placeholder(tf.float32, [None, 3], name="part")
    v1.placeholder(tf.string, [2], name="string")
    v1.placeholder_with_default(tf.constant([1.0]), [None], name="default")


@program
def arithmetic(tf):
    x = tf.compat.v1.placeholder(tf.float32, [2, 3], name="x")
    y = tf.add(x, 1.0, name="y")
    z = tf.multiply(y, y, name="z")
    tf.matmul(z, x, transpose_b=True, name="product")
    tf.cast(z, tf.int64, name="cast")
    tf.maximum(y, z, name="max")
    tf.nn.relu(z, name="relu")
    tf.add_n([x, y, z], name="sum")
    tf.equal(y, z, name="same")


@program
def shapes(tf):
    x = tf.compat.v1.placeholder(tf.float32, [None, 4], name="x")
    tf.reshape(x, [-1, 2], name="reshape")
    a, b = tf.split(x, 2, axis=1, name="split")
    tf.concat([b, a], axis=1, name="concat")
    tf.stack([a, b], axis=1, name="stack")
    tf.expand_dims(x, 0, name="expand")
    tf.squeeze(tf.expand_dims(x, 0, name="e"), [0], name="squeeze")
    tf.transpose(x, [1, 0], name="transpose")
    tf.reduce_sum(x, axis=1, keepdims=True, name="sum")
    tf.tile(x, [1, 2], name="tile")
    tf.identity(b, name="second")
    tf.gather(x, [0, 1], name="gather")


@program
def controls(tf):
    x = tf.compat.v1.placeholder(tf.float32, [], name="x")
    b = tf.identity(x, name="b")
    a = tf.identity(x, name="a")
    with tf.control_dependencies([b, a]):
        tf.no_op(name="both")
        with tf.control_dependencies([x]):
            tf.identity(a, name="c")
    tf.group(a, b, name="group")


@program
def places(tf):
    v1 = tf.compat.v1
    with tf.device("/cpu:0"):
        x = v1.placeholder(tf.float32, [], name="x")
        with tf.device("/job:worker/task:1"):
            tf.identity(x, name="y")
            with tf.device(None):
                tf.identity(x, name="nowhere")
    with tf.device("/device:GPU:1"):
        tf.identity(x, name="z")
    with v1.name_scope("scope"):
        with v1.name_scope("inner"):
            tf.identity(x, name="w")
        tf.identity(x)
        tf.identity(x)


@program
def variables(tf):
    v1 = tf.compat.v1
    with v1.variable_scope("layer"):
        w = v1.get_variable("w", [3, 2], use_resource=False, initializer=v1.zeros_initializer())
        r = v1.get_variable("r", [2], use_resource=True, initializer=v1.ones_initializer())
    x = v1.placeholder(tf.float32, [None, 3], name="x")
    tf.add(tf.matmul(x, w), r, name="y")
    v1.assign_add(w, v1.ones_like(w), name="grow")
    v1.global_variables_initializer()
