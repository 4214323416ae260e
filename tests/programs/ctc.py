"""Connectionist temporal classification on a toy, with sparse labels and both decoders."""

import json

import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)


def sparse_tuple_from(sequences):
    idx, val = [], []
    for n, seq in enumerate(sequences):
        idx.extend(zip([n] * len(seq), range(len(seq))))
        val.extend(seq)
    shape = np.asarray([len(sequences), np.asarray(idx).max(0)[1] + 1], np.int64)
    return np.asarray(idx, np.int64), np.asarray(val, np.int32), shape


inputs = tf.placeholder(tf.float32, [None, None, 5])
targets = tf.sparse_placeholder(tf.int32)
seq_len = tf.placeholder(tf.int32, [None])
W = tf.Variable(rng.randn(5, 4).astype("f"))
b = tf.Variable(tf.constant(0.0, shape=[4]))
s = tf.shape(inputs)
logits = tf.reshape(tf.matmul(tf.reshape(inputs, [-1, 5]), W) + b, [s[0], -1, 4])
logits = tf.transpose(logits, (1, 0, 2))
loss = tf.nn.ctc_loss(targets, logits, seq_len)
cost = tf.reduce_mean(loss)
opt = tf.train.MomentumOptimizer(0.1, 0.9).minimize(cost)
decoded, log_prob = tf.nn.ctc_greedy_decoder(logits, seq_len)
beam, beam_lp = tf.nn.ctc_beam_search_decoder(logits, seq_len, merge_repeated=False)
ler = tf.reduce_mean(tf.edit_distance(tf.cast(decoded[0], tf.int32), targets))
dense = tf.sparse_tensor_to_dense(decoded[0], default_value=-1)
f = {inputs: rng.randn(2, 7, 5), targets: sparse_tuple_from([[0, 1, 2], [2, 2]]), seq_len: [7, 6]}
with tf.Session() as sess:
    tf.global_variables_initializer().run()
    for i in range(20):
        c, _ = sess.run([cost, opt], f)
        if i % 5 == 0:
            print(
                "cost "
                + json.dumps([float(c)] + sess.run(loss, f).tolist() + [float(sess.run(ler, f))])
            )
    for t in (dense, log_prob, beam[0].values, beam_lp):
        print("decoded " + json.dumps(np.ravel(sess.run(t, f)).tolist()))
    print("type " + json.dumps([type(sess.run(beam[0], f)).__name__]))
