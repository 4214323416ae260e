"""Methods of the cookbooks: support vectors, neighbours, k-means, mixtures, least squares."""

import json

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops

ops.reset_default_graph()

rng = np.random.RandomState(0)
sess = tf.Session()


def show(label, *vals):
    print(label + " " + json.dumps([float(v) for a in vals for v in np.ravel(a)]))


# linear svm
X = rng.randn(20, 2).astype("f")
Y = np.where(X[:, :1] + X[:, 1:] > 0, 1.0, -1.0).astype("f")
x_data = tf.placeholder(shape=[None, 2], dtype=tf.float32)
y_target = tf.placeholder(shape=[None, 1], dtype=tf.float32)
A, b = tf.Variable(tf.ones([2, 1])), tf.Variable(tf.zeros(shape=[1, 1]))
model_output = tf.subtract(tf.matmul(x_data, A), b)
l2_norm = tf.reduce_sum(tf.square(A))
alpha = tf.constant([0.01])
classification = tf.reduce_mean(
    tf.maximum(0.0, tf.subtract(1.0, tf.multiply(model_output, y_target)))
)
loss = tf.add(classification, tf.multiply(alpha, l2_norm))
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.sign(model_output), y_target), tf.float32))
train_step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
# kernel svm
bk = tf.Variable(rng.randn(1, 20).astype("f"))
gamma = tf.constant(-5.0)
dist = tf.reshape(tf.reduce_sum(tf.square(x_data), 1), [-1, 1])
cross = tf.multiply(2.0, tf.matmul(x_data, tf.transpose(x_data)))
sq_dists = tf.add(tf.subtract(dist, cross), tf.transpose(dist))
kernel = tf.exp(tf.multiply(gamma, tf.abs(sq_dists)))
b_cross = tf.matmul(tf.transpose(bk), bk)
y_cross = tf.matmul(y_target, tf.transpose(y_target))
second = tf.reduce_sum(tf.multiply(kernel, tf.multiply(b_cross, y_cross)))
kloss = tf.negative(tf.subtract(tf.reduce_sum(bk), second))
ktrain = tf.train.GradientDescentOptimizer(0.001).minimize(kloss)
sess.run(tf.global_variables_initializer())
for _ in range(10):
    sess.run([train_step, ktrain], {x_data: X, y_target: Y})
show("svm", *sess.run([loss, accuracy, A, kloss], feed_dict={x_data: X, y_target: Y}))
# knn
xte = tf.placeholder(tf.float32, [None, 2])
d = tf.reduce_sum(tf.abs(tf.subtract(x_data, tf.expand_dims(xte, 1))), axis=2)
top_v, top_i = tf.nn.top_k(tf.negative(d), k=3)
onehot = tf.one_hot(tf.cast(tf.squeeze(y_target, 1) > 0, tf.int32), 2)
vote = tf.argmax(tf.reduce_sum(tf.gather(onehot, top_i), axis=1), axis=1)
xv = tf.matmul(tf.expand_dims(1.0 / tf.reduce_sum(1.0 / -top_v, 1), 1), tf.ones([1, 3]))
feed = {x_data: X, y_target: Y, xte: X[:4] + 0.3}
show("knn", *sess.run([vote, top_i, xv, tf.nn.top_k(d[0], 20)[1]], feed))
# k-means
pts = tf.constant(X)
cent = tf.Variable(tf.slice(tf.random_shuffle(pts, seed=3), [0, 0], [3, -1]))
assigned = tf.Variable(tf.zeros([20], tf.int64))
dd = tf.reshape(tf.tile(pts, [1, 3]), [20, 3, 2])
dd -= tf.reshape(tf.tile(cent, [20, 1]), [20, 3, 2])
dd = tf.reduce_sum(tf.square(dd), reduction_indices=2)
best = tf.argmin(dd, 1)
did = tf.reduce_any(tf.not_equal(best, assigned))
means = tf.unsorted_segment_sum(pts, best, 3)
means /= tf.unsorted_segment_sum(tf.ones_like(pts), best, 3)
with tf.control_dependencies([did]):
    do_updates = tf.group(cent.assign(means), assigned.assign(best))
sess.run(tf.global_variables_initializer())
changed, it = True, 0
while changed and it < 10:
    it += 1
    changed, _ = sess.run([did, do_updates])
show("kmeans", it, *sess.run([cent, assigned]))
# GMM by EM
mu, logvar = tf.Variable(X[:2]), tf.Variable(tf.zeros([2, 2]))
logpi = tf.Variable(tf.log([0.5, 0.5]))
logp = tf.squared_difference(tf.expand_dims(X, 1), mu) * tf.exp(-logvar)
logp = -0.5 * tf.reduce_sum(logvar + np.log(2 * np.pi).astype("f") + logp, 2) + logpi
ll = tf.reduce_logsumexp(logp, 1)
r = tf.exp(logp - ll[:, None])
nk = tf.reduce_sum(r, 0)
new_mu = tf.matmul(r, X, transpose_a=True) / nk[:, tf.newaxis]
new_var = tf.einsum("nk,nkd->kd", r, tf.square(X[:, None, :] - new_mu)) / tf.reshape(nk, (-1, 1))
em = tf.tuple([mu.assign(new_mu), logvar.assign(tf.log(new_var)), logpi.assign(tf.log(nk / 20.0))])
sess.run(tf.variables_initializer([mu, logvar, logpi]))
for _ in range(5):
    sess.run(em)
show("em", *sess.run([tf.reduce_sum(ll), mu, logvar, logpi]))
# linear algebra
At = tf.constant(np.hstack([X, np.ones((20, 1), "f")]))
tA_A = tf.matmul(tf.transpose(At), At) + 0.1 * tf.diag(tf.ones(3))
L = tf.cholesky(tA_A)
sol1 = tf.matrix_solve(L, tf.matmul(tf.transpose(At), Y))
sol2 = tf.matrix_solve(tf.transpose(L), sol1)
sol3 = tf.matmul(tf.matrix_inverse(tA_A), tf.matmul(At, Y, transpose_a=True))
sol4 = tf.matrix_solve_ls(At, Y, l2_regularizer=0.1)
e, v = tf.self_adjoint_eig(tA_A)
s, u, vv = tf.svd(At)
more = [tf.matrix_determinant(tA_A), tf.trace(tA_A)]
show("ridge", *sess.run([sol2, sol3, sol4, e, tf.abs(v), s, *more]))
show("norms", *sess.run([tf.norm(At, axis=1), tf.norm(At), tf.cross(At, At[::-1])]))
show("cumulated", *sess.run([tf.cumsum(At, 0), tf.cumprod(At[:3], exclusive=True)]))
