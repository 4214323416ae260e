"""The smallest program: a graph, a placeholder, a session."""

import tensorflow as tf

x = tf.placeholder(tf.float32, shape=[None, 2], name="x")
w = tf.Variable([[1.0], [2.0]], name="w")
y = tf.matmul(x, w)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run(y, feed_dict={x: [[3.0, 4.0], [5.0, 6.0]]}))
