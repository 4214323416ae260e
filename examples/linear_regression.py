"""Fits a straight line to noisy points by gradient descent."""

import argparse

import numpy as np
import tensorflow as tf


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--learning_rate", type=float, default=0.3)
    args = parser.parse_args()

    # y = 0.1 x + 0.3, and some noise.
    rng = np.random.RandomState(0)
    x_data = rng.rand(100).astype(np.float32)
    y_data = x_data * 0.1 + 0.3 + rng.normal(0, 0.01, 100).astype(np.float32)

    tf.set_random_seed(0)
    W = tf.Variable(tf.random_uniform([1], -1.0, 1.0), name="W")
    b = tf.Variable(tf.zeros([1]), name="b")
    y = W * x_data + b

    loss = tf.reduce_mean(tf.square(y - y_data))
    train = tf.train.GradientDescentOptimizer(args.learning_rate).minimize(loss)
    init = tf.global_variables_initializer()

    with tf.Session() as sess:
        sess.run(init)
        for step in range(args.steps + 1):
            if step % 20 == 0:
                W_value, b_value, loss_value = sess.run([W, b, loss])
                print(
                    "step %3d W %.5f b %.5f loss %.7f" % (step, W_value[0], b_value[0], loss_value)
                )
            sess.run(train)


if __name__ == "__main__":
    main()
