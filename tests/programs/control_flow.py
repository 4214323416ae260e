"""Branches, cases, loops, Python, checks and partitions in one graph, with their gradients."""

import json

import numpy as np
import tensorflow as tf

tf.set_random_seed(3)


def show(label, values):
    print(label + " " + json.dumps(np.asarray(values).astype(float).ravel().tolist()))


x = tf.placeholder(tf.float32, [None, 3], name="x")
flag = tf.placeholder_with_default(False, shape=(), name="training")
w = tf.Variable(tf.ones([3, 3]) * 0.5, name="w")
counter = tf.Variable(0, trainable=False)


def train_branch():
    with tf.control_dependencies([tf.assign_add(counter, 1)]):
        return tf.nn.dropout(tf.matmul(x, w), keep_prob=0.5, seed=11)


h = tf.cond(flag, train_branch, lambda: tf.matmul(x, w))
h = tf.Print(h, [tf.shape(h)], message="h: ", first_n=1)
with tf.control_dependencies([tf.Assert(tf.reduce_all(x > -100.0), [x]), tf.assert_rank(x, 2)]):
    h = tf.identity(h)
mode = tf.placeholder(tf.int32, [])
cases = {tf.equal(mode, 0): lambda: h, tf.equal(mode, 1): lambda: tf.square(h)}
y = tf.case(cases, default=lambda: -h, exclusive=True)
cases = [(mode > 5, lambda: tf.constant(1.0)), (mode > 0, lambda: tf.constant(2.0))]
y2 = tf.case(cases, default=lambda: tf.constant(3.0))
loss = tf.reduce_mean(y)
grad = tf.gradients(loss, [w, x])


def collatz(i, found):
    i = tf.cond(tf.equal(i % 2, 0), lambda: i // 2, lambda: 3 * i + 1)
    return i, tf.concat([found, [i]], 0)


start = tf.constant(6), tf.constant([6])
shapes = (start[0].get_shape(), tf.TensorShape([None]))
n, seq = tf.while_loop(lambda i, _: i > 1, collatz, start, shape_invariants=shapes)
right = tf.cast(x[:, 0] > 0, tf.int32)
parts = tf.dynamic_partition(x, right, 2)
idx = tf.dynamic_partition(tf.range(tf.shape(x)[0]), right, 2)
back = tf.dynamic_stitch(idx, [parts[0] * 10, parts[1]])
masked = tf.boolean_mask(x, tf.reduce_sum(x, 1) > 0)
where = tf.where(tf.greater(x, 0))
gw = tf.gradients(tf.reduce_sum(tf.square(masked)) + tf.reduce_sum(back), x)[0]


def numpy_op(a, b):
    return (a * 2).astype(np.float32), np.int64(a.shape[0]), f"rows {a.shape[0]}"


a, c, s = tf.py_func(numpy_op, [x, flag], [tf.float32, tf.int64, tf.string])
uniq, inv = tf.unique(tf.cast(tf.reshape(x, [-1]), tf.int32))
start = [0, tf.ones([3, 3])]
power = tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * w), start)[1]
gp = tf.gradients(power, w)[0]
mp = tf.map_fn(lambda r: tf.reduce_sum(r) * r, x)
fl = tf.foldl(lambda acc, r: acc * 0.5 + r, x)
sess = tf.InteractiveSession()
tf.global_variables_initializer().run()
data = np.random.RandomState(0).randn(4, 3)
for m in range(3):
    show("y", y.eval({x: data, mode: m}))
    show("g", np.concatenate([v.ravel() for v in sess.run(grad, {x: data, mode: m, flag: m == 1})]))
    show("y2", [y2.eval({mode: m * 4}), counter.eval()])
show("train", sess.run(h, {x: data, flag: True}))
show("collatz", [n.eval(), *seq.eval()])
show("stitch", back.eval({x: data}))
show("masked", masked.eval(feed_dict={x: data}))
show("where", where.eval({x: data}))
show("gw", gw.eval({x: data}))
r = sess.run([a, c, s], {x: data})
print("py " + json.dumps([r[0].tolist(), int(r[1]), r[2].decode()]))
show("uniq", uniq.eval({x: data * 3}))
show("pow", np.concatenate([power.eval(), gp.eval()]))
show("map", mp.eval({x: data}))
show("fold", fl.eval({x: data}))
for bad in ({x: data * 1000 - 1000}, {mode: 1}, {x: np.zeros((2, 5)), mode: 1}):
    try:
        sess.run([h, y] if mode in bad else h, bad)
    except (tf.errors.InvalidArgumentError, ValueError) as e:
        print("caught " + json.dumps([type(e).__name__]))
print("counter " + json.dumps([int(counter.eval())]))
