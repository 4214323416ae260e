"""Two ways in which programs wrote batch normalization by hand, with update ops and `tf.cond`."""

import json

import numpy as np
import tensorflow as tf
from tensorflow.python.training import moving_averages

UPDATE_OPS_COLLECTION = tf.GraphKeys.UPDATE_OPS
BN_EPSILON = 1e-3


def batch_norm(x, is_training, scope="bn", decay=0.9):
    """Moving averages in the collection of update ops."""
    with tf.variable_scope(scope):
        n = x.get_shape()[-1]
        axis = list(range(len(x.get_shape()) - 1))
        beta = tf.get_variable("beta", [n], initializer=tf.zeros_initializer)
        gamma = tf.get_variable("gamma", [n], initializer=tf.ones_initializer)
        moving_mean = tf.get_variable(
            "moving_mean", [n], initializer=tf.zeros_initializer, trainable=False
        )
        moving_var = tf.get_variable(
            "moving_variance", [n], initializer=tf.ones_initializer, trainable=False
        )
        mean, var = tf.nn.moments(x, axis)
        up1 = moving_averages.assign_moving_average(moving_mean, mean, decay)
        up2 = moving_averages.assign_moving_average(moving_var, var, decay)
        tf.add_to_collection(UPDATE_OPS_COLLECTION, up1)
        tf.add_to_collection(UPDATE_OPS_COLLECTION, up2)
        mean, var = tf.cond(is_training, lambda: (mean, var), lambda: (moving_mean, moving_var))
        return tf.nn.batch_normalization(x, mean, var, beta, gamma, BN_EPSILON)


def ema_bn(x, phase, scope):
    """Moving averages of tensors, updated in one branch."""
    with tf.variable_scope(scope):
        n = x.shape[-1].value
        beta = tf.Variable(tf.constant(0.0, shape=[n]), name="beta", trainable=True)
        gamma = tf.Variable(tf.constant(1.0, shape=[n]), name="gamma", trainable=True)
        bm, bv = tf.nn.moments(x, [0], name="moments")
        ema = tf.train.ExponentialMovingAverage(decay=0.5)

        def mean_var_with_update():
            op = ema.apply([bm, bv])
            with tf.control_dependencies([op]):
                return tf.identity(bm), tf.identity(bv)

        mean, var = tf.cond(phase, mean_var_with_update, lambda: (ema.average(bm), ema.average(bv)))
        return tf.nn.batch_normalization(x, mean, var, beta, gamma, 1e-3)


rng = np.random.RandomState(3)
x = tf.placeholder(tf.float32, [None, 4, 4, 2])
y = tf.placeholder(tf.float32, [None, 1])
is_training = tf.placeholder(tf.bool, [], name="is_training")


def init(*shape):
    return tf.constant_initializer(rng.randn(*shape) * 0.3)


w = tf.get_variable(
    "w", [3, 3, 2, 4], initializer=init(3, 3, 2, 4), regularizer=lambda t: 0.01 * tf.nn.l2_loss(t)
)
net = tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME")
net = tf.nn.relu(batch_norm(net, is_training))
net = tf.reduce_mean(net, [1, 2])
fc = tf.get_variable("fc", [4, 3], initializer=init(4, 3))
net = tf.nn.tanh(ema_bn(tf.matmul(net, fc), is_training, "ema_bn"))
out = tf.matmul(net, tf.get_variable("o", [3, 1], initializer=init(3, 1)))
loss = tf.reduce_mean(tf.squared_difference(y, out))
loss = loss + tf.add_n(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))
global_step = tf.Variable(0, trainable=False, name="global_step")
lr = tf.train.exponential_decay(0.1, global_step, 3, 0.7, staircase=True)
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    train_op = tf.train.MomentumOptimizer(lr, 0.9).minimize(loss, global_step=global_step)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    a, b = rng.randn(6, 4, 4, 2), rng.randn(6, 1)
    for _ in range(8):
        _, l, r = sess.run([train_op, loss, lr], {x: a, y: b, is_training: True})
        t = sess.run(loss, feed_dict={x: a, y: b, is_training: False})
        print("step " + json.dumps([float(l), float(t), float(r)]))
    for v in tf.global_variables():
        print(v.op.name + " " + json.dumps(np.ravel(sess.run(v)).tolist()))
