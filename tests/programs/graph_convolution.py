"""A graph convolution over a fed sparse matrix, and sparse operations around it."""

import json

import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
tf.set_random_seed(4)
adj = (rng.rand(6, 6) > 0.5).astype("f") + np.eye(6, dtype="f")
coords = np.array(np.nonzero(adj)).T
sup = tf.sparse_placeholder(tf.float32, shape=(6, 6), name="support")
feat = tf.placeholder(tf.float32, [6, 4])
keep = tf.placeholder_with_default(1.0, [])


def sparse_dropout(x, keep_prob, nnz):
    random_tensor = keep_prob + tf.random_uniform([nnz], seed=12)
    mask = tf.cast(tf.floor(random_tensor), dtype=tf.bool)
    return tf.sparse_retain(x, mask) * (1.0 / keep_prob)


def gcn(x, n, act, scope):
    with tf.variable_scope(scope):
        w = tf.get_variable("w", [x.shape[1], n], initializer=tf.glorot_uniform_initializer())
        return act(tf.sparse_tensor_dense_matmul(sup, tf.matmul(x, w)))


h = gcn(feat, 5, tf.nn.relu, "g1")
z = gcn(h, 3, lambda t: t, "g2")
labels = tf.constant([0, 1, 2, 0, 1, 2])
mask = tf.constant([1, 1, 0, 0, 1, 1], tf.float32)
l = tf.nn.sparse_softmax_cross_entropy_with_logits(logits=z, labels=labels)
loss = tf.reduce_sum(l * mask) / tf.reduce_sum(mask)
train = tf.train.AdamOptimizer(0.05).minimize(loss)
drop = sparse_dropout(sup, 0.7, len(coords))
links = tf.reshape(tf.sparse_tensor_to_dense(sup, validate_indices=False), [-1])
guess = tf.reshape(tf.matmul(z, z, transpose_b=True), [-1])
rec = tf.nn.weighted_cross_entropy_with_logits(targets=links, logits=guess, pos_weight=2.0)
deg = tf.sparse_reduce_sum(sup, 1)
soft = tf.sparse_softmax(tf.SparseTensor([[0, 0], [0, 2], [1, 1]], [1.0, 2.0, 3.0], [2, 3]))
add = tf.sparse_add(soft, soft)
tr = tf.sparse_transpose(soft)
seg = tf.segment_sum(z, [0, 0, 1, 1, 2, 2])
mean = tf.segment_mean(z, [0, 0, 1, 1, 1, 3])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    fd = {sup: tf.SparseTensorValue(coords, adj[tuple(coords.T)], (6, 6)), feat: rng.randn(6, 4)}
    for _ in range(8):
        print("loss " + json.dumps([float(sess.run([train, loss], fd)[1])]))
    d = sess.run(drop, fd)
    print("drop " + json.dumps(d.indices.tolist() + list(map(int, d.dense_shape))))
    print("kept " + json.dumps(d.values.tolist()))
    for t in (rec, deg, seg, mean):
        print("t " + json.dumps(sess.run(t, fd).ravel().tolist()))
    print("soft " + json.dumps([*sess.run(soft).values.tolist(), *sess.run(add).values.tolist()]))
    print("turned " + json.dumps(sess.run(tr).indices.tolist()))
