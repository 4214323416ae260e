"""Gradients that programs made themselves, and gradients of gradients."""

import json

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops
from tensorflow.python.ops import gen_nn_ops


def show(label, *values):
    print(label + " " + json.dumps([round(float(v), 5) for a in values for v in np.ravel(a)]))


@ops.RegisterGradient("GuidedRelu")
def _guided_relu_grad(op, grad):
    return tf.where(
        grad > 0.0, gen_nn_ops.relu_grad(grad, op.outputs[0]), tf.zeros(grad.get_shape())
    )


@tf.RegisterGradient("FlipGradient1")
def _flip(op, grad):
    return [tf.negative(grad) * 0.7]


@tf.RegisterGradient("QuantizeGrad")
def sign_grad(op, grad):
    return tf.clip_by_value(tf.identity(grad), -1, 1) * tf.cast(
        tf.abs(op.inputs[0]) <= 1, tf.float32
    )


rng = np.random.RandomState(0)
g = tf.get_default_graph()
x = tf.placeholder(tf.float32, [2, 4], name="x")
w = tf.Variable(rng.randn(4, 5).astype("f"))
w2 = tf.Variable(rng.randn(5, 1).astype("f"))


def model(a):
    return tf.matmul(tf.nn.relu(tf.matmul(a, w)), w2)


plain = tf.gradients(model(x), x)[0]
with g.gradient_override_map({"Relu": "GuidedRelu"}):
    guided = tf.gradients(model(x), x)[0]
with g.gradient_override_map({"Identity": "FlipGradient1"}):
    flipped = tf.identity(x)
rev = tf.gradients(tf.reduce_sum(flipped**2), x)[0]
with g.gradient_override_map({"Sign": "QuantizeGrad"}):
    binar = tf.sign(x)
ste = tf.gradients(binar * 3.0, x)[0]
st2 = x + tf.stop_gradient(tf.round(x) - x)
st2g = tf.gradients(st2**2, x)[0]


@tf.custom_gradient
def log1pexp(v):
    e = tf.exp(v)

    def grad(dy):
        return dy * (1 - 1 / (1 + e))

    return tf.log(1 + e), grad


cg = tf.gradients(log1pexp(x), x)[0]
cgg = tf.gradients(cg, x)[0]


def py_func(func, inp, Tout, stateful=True, name=None, grad=None):
    rnd_name = "PyFuncGrad17"
    tf.RegisterGradient(rnd_name)(grad)
    with tf.get_default_graph().gradient_override_map({"PyFunc": rnd_name}):
        return tf.py_func(func, inp, Tout, stateful=stateful, name=name)


sq = py_func(
    lambda v: np.square(v).astype(np.float32),
    [x],
    [tf.float32],
    grad=lambda op, gr: gr * 2 * op.inputs[0],
)[0]
sqg = tf.gradients(sq, x)[0]
v = tf.Variable([1.1, 1.2, 1.5])
rosen = tf.reduce_sum(100.0 * (v[1:] - v[:-1] ** 2.0) ** 2 + (1 - v[:-1]) ** 2)
hess = tf.hessians(rosen, v)[0]
gr = tf.gradients(rosen, v)[0]
vec = tf.constant([1.0, -1.0, 0.5])
hvp = tf.gradients(tf.reduce_sum(gr * tf.stop_gradient(vec)), v)[0]
newton = v.assign_sub(tf.squeeze(tf.matrix_solve(hess, tf.expand_dims(gr, 1)), 1))
gp = tf.reduce_mean(tf.square(tf.norm(plain, axis=1) - 1.0))
gpg = tf.gradients(gp, [w, w2])
f = tf.stack([v[0] * v[1], tf.sin(v[2]), tf.reduce_prod(v)])
jac = tf.stack([tf.gradients(f[i], v)[0] for i in range(3)])
fwd_u = tf.placeholder_with_default(tf.ones([3]), [3])
jvp = tf.gradients(tf.gradients(f, v, grad_ys=fwd_u)[0], fwd_u, grad_ys=vec)[0]
ADD_N = tf.AggregationMethod.ADD_N
seeds = [tf.constant(0.5), None]
agg = tf.gradients([rosen, tf.reduce_sum(v)], [v], seeds, aggregation_method=ADD_N)[0]
none = tf.gradients(tf.reduce_sum(w), [v])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    feed = {x: rng.randn(2, 4)}
    for number, t in enumerate([plain, guided, rev, ste, st2g, cg, cgg, sqg]):
        show(f"gradient {number}", sess.run(t, feed))
    show("gp", *sess.run([gp] + gpg, feed))
    show("hess", *sess.run([hess, hvp, jac, jvp, agg]))
    for _ in range(3):
        sess.run(newton)
    show("newton", sess.run(v), sess.run(rosen))
print("none " + json.dumps([none[0] is None]))
