"""Freezing, importing, templates, scopes: the graph as a thing that programs work on."""

import json

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import tensor_util


def show(label, *values):
    print(label + " " + json.dumps([float(v) for a in values for v in np.ravel(a)]))


def dense(x, units, scope="dense"):
    with tf.variable_scope(scope, default_name="dense"):
        w = tf.get_variable(
            "kernel", [x.shape[-1], units], initializer=tf.glorot_uniform_initializer(seed=1)
        )
        return tf.nn.relu(tf.matmul(x, w), name="out")


with tf.Graph().as_default() as g1:
    x = tf.placeholder(tf.float32, [None, 4], name="input")
    net = dense(x, 3, "l1")
    net = dense(net, 2, None)
    net = dense(net, 2, None)
    keep = tf.placeholder_with_default(1.0, [], name="keep")
    out = tf.identity(tf.nn.softmax(net), name="output")

    def scaled(v):
        return v * tf.get_variable("s", [], initializer=tf.ones_initializer())

    tmpl = tf.make_template("scale", scaled)
    o1, o2 = tmpl(net), tmpl(out)
    with tf.Session() as sess:
        miss = sess.run(tf.report_uninitialized_variables())
        print("uninit " + json.dumps(sorted(n.decode() for n in miss)))
        try:
            sess.run(out, {x: np.ones((1, 4))})
        except tf.errors.FailedPreconditionError as e:
            print("failed " + json.dumps([type(e).__name__, e.op.type]))
        sess.run(tf.global_variables_initializer())
        a = sess.run(out, {"input:0": np.ones((1, 4))})
        frozen = tf.graph_util.convert_variables_to_constants(sess, g1.as_graph_def(), ["output"])
        frozen = tf.graph_util.remove_training_nodes(frozen, protected_nodes=["output"])
print("vars " + json.dumps([v.name for v in g1.get_collection("variables")]))
print("frozen " + json.dumps([[n.name, n.op, list(n.input)] for n in frozen.node]))
data = frozen.SerializeToString()
gd = tf.GraphDef()
gd.ParseFromString(data)
for node in gd.node:
    if node.op == "Const" and "kernel" in node.name:
        show(node.name, tensor_util.MakeNdarray(node.attr["value"].tensor))
with tf.Graph().as_default() as g2:
    inp = tf.constant(np.arange(8).reshape(2, 4).astype("f"))
    inputs = {"input:0": inp * 0.1}
    (y,) = tf.import_graph_def(gd, inputs, return_elements=["output:0"], name="net")
    z = tf.import_graph_def(gd, return_elements=["output"], name="")[0]
    names = [n.name for n in g2.as_graph_def().node]
    t = g2.get_tensor_by_name("l1/out:0")
    with tf.Session(graph=g2) as sess:
        show("y", a, *sess.run([y, z.outputs[0], t], {"input:0": np.ones((1, 4))}))
print("g2 " + json.dumps(names))
with tf.Graph().as_default() as g3:
    with tf.name_scope("a") as a_scope, tf.variable_scope("v"):
        c = tf.constant([1, 2, 3], name="c")
        with tf.name_scope("b"), tf.control_dependencies([c]):
            d = tf.add(c, c, name="d")
            e = c + 1
        with tf.name_scope(a_scope):
            f = tf.reduce_sum(d)
        with tf.variable_scope("u", reuse=tf.AUTO_REUSE):
            v1 = tf.get_variable("k", [2], initializer=tf.zeros_initializer())
            v2 = tf.get_variable("k", [2])
            v3 = tf.Variable([1.0], name="k")
        with tf.variable_scope(tf.get_variable_scope(), reuse=False):
            h = tf.zeros([2]) + v1
    for o in g3.get_operations():
        ends = [i.name for i in o.inputs], [i.name for i in o.control_inputs]
        print("node " + json.dumps([o.name, o.type, *ends]))
    print("same " + json.dumps([v1 is v2, v3.name, v1.op.type, str(v1.dtype), str(f)]))
print("str " + json.dumps([str(out), repr(x), str(tf.float32), str(x.shape), str(net.get_shape())]))
