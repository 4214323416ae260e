"""A linear-chain CRF: the forward algorithm by `scan`, Viterbi by `py_func`."""

import json

import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
K, T = 4, 5
unary = tf.placeholder(tf.float32, [None, T, K])
tags = tf.placeholder(tf.int32, [None, T])
lens = tf.placeholder(tf.int32, [None])
trans = tf.get_variable("transitions", initializer=rng.randn(K, K).astype("f"))
mask = tf.sequence_mask(lens, T, tf.float32)


def log_norm():
    def fwd(alpha, inp):
        u, m = inp
        new = u + tf.reduce_logsumexp(tf.expand_dims(alpha, 2) + trans, axis=1)
        m = tf.expand_dims(m, 1)
        return m * new + (1 - m) * alpha

    rest = tf.transpose(unary[:, 1:], [1, 0, 2])
    alphas = tf.scan(fwd, (rest, tf.transpose(mask)[1:]), initializer=unary[:, 0])
    return tf.reduce_logsumexp(alphas[-1], axis=1)


def score():
    one = tf.one_hot(tags, K)
    u = tf.reduce_sum(unary * one, [2]) * mask
    flat = tf.gather(tf.reshape(trans, [-1]), tags[:, :-1] * K + tags[:, 1:])
    return tf.reduce_sum(u, 1) + tf.reduce_sum(flat * mask[:, 1:], 1)


ll = score() - log_norm()
loss = tf.reduce_mean(-ll)
train = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
marginals = tf.gradients(tf.reduce_sum(log_norm()), unary)[0]


def viterbi(s, t):
    trellis, back = np.zeros_like(s), np.zeros_like(s, dtype=np.int32)
    trellis[0] = s[0]
    for i in range(1, s.shape[0]):
        v = np.expand_dims(trellis[i - 1], 1) + t
        trellis[i], back[i] = s[i] + np.max(v, 0), np.argmax(v, 0)
    path = [np.argmax(trellis[-1])]
    for bp in reversed(back[1:]):
        path.append(bp[path[-1]])
    return np.array(path[::-1], np.int32), np.float32(np.max(trellis[-1]))


path, best = tf.py_func(viterbi, [unary[0], trans], [tf.int32, tf.float32], name="viterbi")
path.set_shape([T])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    f = {unary: rng.randn(3, T, K), tags: rng.randint(0, K, (3, T)), lens: [5, 3, 4]}
    for _ in range(6):
        now, _ = sess.run([loss, train], f)
        print("loss " + json.dumps([float(now), *sess.run(ll, f).tolist()]))
    print("marginals " + json.dumps(sess.run(marginals, f).ravel().tolist()))
    p, b = sess.run([path, best], f)
    print("viterbi " + json.dumps(p.tolist() + [float(b)]))
