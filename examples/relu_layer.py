"""A ReLU layer in a session loop: the first program of many TensorFlow introductions."""

import numpy as np
import tensorflow as tf


def main():
    tf.set_random_seed(1)
    rng = np.random.RandomState(1)

    b = tf.Variable(tf.zeros([100, 1]))
    W = tf.Variable(tf.random_uniform([100, 784], -1, 1))
    x = tf.placeholder(tf.float32, shape=[784, 1], name="x")
    relu = tf.nn.relu(tf.matmul(W, x) + b)
    cost = tf.reduce_mean(relu)

    s = tf.Session()
    s.run(tf.global_variables_initializer())
    for step in range(10):
        image = rng.uniform(size=[784, 1])
        result = s.run(cost, feed_dict={x: image})
        print("step %d cost %.6f" % (step, result))
    s.close()


if __name__ == "__main__":
    main()
