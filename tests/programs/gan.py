"""A GAN with a gradient penalty, two optimizers with their own variables, clipped weights."""

import json

import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
mb_size, Z_dim, X_dim, h_dim = 16, 4, 6, 8


def xavier_init(size):
    return (rng.randn(*size) / np.sqrt(size[0] / 2.0)).astype(np.float32)


def linear(input_, output_size, scope=None, stddev=0.1):
    with tf.variable_scope(scope or "Linear"):
        n = input_.get_shape().as_list()[1]
        matrix = tf.get_variable("Matrix", initializer=xavier_init([n, output_size]))
        bias = tf.get_variable("b", [output_size], initializer=tf.constant_initializer(0.0))
        return tf.matmul(input_, matrix) + bias


def generator(z):
    with tf.variable_scope("generator"):
        h = tf.nn.relu(linear(z, h_dim, "g_h0"))
        return tf.nn.sigmoid(linear(h, X_dim, "g_h1"))


def discriminator(x, reuse=False):
    with tf.variable_scope("discriminator") as scope:
        if reuse:
            scope.reuse_variables()
        h = tf.maximum(0.2 * linear(x, h_dim, "d_h0"), 0)
        m = tf.get_variable("d_w", [h_dim, 1], initializer=tf.constant_initializer(0.3))
        return tf.nn.sigmoid(tf.matmul(h, m)), tf.matmul(h, m)


X = tf.placeholder(tf.float32, shape=[mb_size, X_dim])
Z = tf.placeholder(tf.float32, shape=[None, Z_dim])
G = generator(Z)
D_real, D_logit_real = discriminator(X)
D_fake, D_logit_fake = discriminator(G, reuse=True)
xent = tf.nn.sigmoid_cross_entropy_with_logits
D_loss = tf.reduce_mean(
    xent(logits=D_logit_real, labels=tf.ones_like(D_logit_real) * 0.9)
) + tf.reduce_mean(xent(logits=D_logit_fake, labels=tf.zeros_like(D_logit_fake)))
G_loss = tf.reduce_mean(xent(logits=D_logit_fake, labels=tf.ones_like(D_logit_fake)))
# WGAN-GP
eps = tf.placeholder(tf.float32, [mb_size, 1])
X_inter = eps * X + (1.0 - eps) * G
with tf.variable_scope("", reuse=tf.AUTO_REUSE):
    grad = tf.gradients(discriminator(X_inter, reuse=True)[1], [X_inter])[0]
grad_norm = tf.sqrt(tf.reduce_sum((grad) ** 2, axis=1) + 1e-8)
grad_pen = 10 * tf.reduce_mean((grad_norm - 1) ** 2)
t_vars = tf.trainable_variables()
d_vars = [var for var in t_vars if "d_" in var.name]
g_vars = [var for var in t_vars if "g_" in var.name]
D_solver = tf.train.AdamOptimizer(1e-2, beta1=0.5).minimize(D_loss + grad_pen, var_list=d_vars)
G_solver = tf.train.AdamOptimizer(1e-2, beta1=0.5).minimize(G_loss, var_list=g_vars)
clip_D = [p.assign(tf.clip_by_value(p, -0.3, 0.3)) for p in d_vars]
sess = tf.Session()
sess.run(tf.global_variables_initializer())
for it in range(15):
    batch = {
        X: rng.rand(mb_size, X_dim),
        Z: rng.uniform(-1.0, 1.0, [mb_size, Z_dim]),
        eps: rng.rand(mb_size, 1),
    }
    _, D_loss_curr, gp = sess.run([D_solver, D_loss, grad_pen], batch)
    if it > 10:
        sess.run(clip_D)
    _, G_loss_curr = sess.run([G_solver, G_loss], feed_dict={Z: batch[Z]})
    print("loss " + json.dumps([float(D_loss_curr), float(gp), float(G_loss_curr)]))
print("sample " + json.dumps(sess.run(G, {Z: np.ones((2, Z_dim))}).ravel().tolist()))
print("vars " + json.dumps([v.name for v in tf.global_variables()]))
sess.close()
