"""A bidirectional LSTM by hand: `while_loop` with arrays, `scan`, lengths, attention."""

import json

import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
B, T, D, H = 3, 6, 4, 5
x = tf.placeholder(tf.float32, [None, T, D])
lens = tf.placeholder(tf.int32, [None])


class LSTM:
    def __init__(self, name):
        with tf.variable_scope(name):
            self.W = tf.get_variable("W", initializer=(rng.randn(D + H, 4 * H) * 0.4).astype("f"))
            self.b = tf.get_variable("b", [4 * H], initializer=tf.zeros_initializer())

    def __call__(self, xt, c, h):
        gates = tf.matmul(tf.concat([xt, h], 1), self.W) + self.b
        i, j, f, o = tf.split(value=gates, num_or_size_splits=4, axis=1)
        c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
        return c, tf.tanh(c) * tf.sigmoid(o)


fw, bw = LSTM("fw"), LSTM("bw")
xt = tf.transpose(x, [1, 0, 2])
n = tf.shape(x)[0]
zero = tf.zeros([n, H])
inputs = tf.TensorArray(tf.float32, size=T, name="in").unstack(xt)
outputs = tf.TensorArray(dtype=tf.float32, size=T)


def body(t, c, h, out):
    c2, h2 = fw(inputs.read(t), c, h)
    alive = tf.tile(tf.expand_dims(t < lens, 1), [1, H])
    c, h2 = tf.where(alive, c2, c), tf.where(alive, h2, h)
    return t + 1, c, h2, out.write(t, tf.where(alive, h2, tf.zeros_like(h2)))


start = [tf.constant(0), zero, zero, outputs]
_, c_last, h_last, outputs = tf.while_loop(lambda t, *_: t < T, body, start)
hs_fw = tf.transpose(outputs.stack(), [1, 0, 2])
rev = tf.transpose(tf.reverse_sequence(x, lens, seq_axis=1, batch_axis=0), [1, 0, 2])
cs, hs = tf.scan(lambda s, e: bw(e, s[0], s[1]), rev, initializer=(zero, zero))
hs_bw = tf.reverse_sequence(tf.transpose(hs, [1, 0, 2]), lens, seq_axis=1, batch_dim=0)
both = tf.concat([hs_fw, hs_bw], axis=2)
mask = tf.sequence_mask(lens, T, dtype=tf.float32)
# attention over time
u = tf.get_variable("u", initializer=(rng.randn(2 * H)).astype("f"))
scores = tf.reduce_sum(tf.tanh(both) * u, 2)
alpha = tf.nn.softmax(scores + (1.0 - mask) * -1e9)
ctx = tf.reduce_sum(both * tf.expand_dims(alpha, -1), 1)
last = tf.gather_nd(both, tf.stack([tf.range(n), lens - 1], 1))
loss = tf.reduce_mean(tf.square(ctx - 0.3)) + tf.reduce_mean(tf.square(last))
loss += 0.1 * tf.reduce_mean(c_last)
opt = tf.train.AdamOptimizer(0.05)
grads, tvars = zip(*opt.compute_gradients(loss))
grads, norm = tf.clip_by_global_norm(grads, 0.5)
train = opt.apply_gradients(zip(grads, tvars))
data, l = rng.randn(B, T, D), np.array([6, 2, 4])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(10):
        _, lo, no = sess.run([train, loss, norm], {x: data, lens: l})
        if i % 3 == 0:
            print("loss " + json.dumps([float(lo), float(no)]))
    print("alpha " + json.dumps(sess.run(alpha, {x: data, lens: l}).ravel().tolist()))
    print("h " + json.dumps(sess.run(h_last, {x: data[:1], lens: l[1:2]}).ravel().tolist()))
    print("shapes " + json.dumps([str(t.get_shape()) for t in (both, hs_fw, hs, ctx)]))
