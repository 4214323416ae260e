"""Softmax regression on handwritten digits: one matrix, one bias, cross entropy."""

import argparse

import numpy as np
import tensorflow as tf

import mnist_data


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch_size", type=int, default=100)
    args = parser.parse_args()

    (train_images, train_labels), (test_images, test_labels) = mnist_data.load()
    train_labels, test_labels = mnist_data.one_hot(train_labels), mnist_data.one_hot(test_labels)

    x = tf.placeholder(tf.float32, [None, 784], name="x")
    y_ = tf.placeholder(tf.float32, [None, 10], name="labels")
    W = tf.Variable(tf.zeros([784, 10]), name="weights")
    b = tf.Variable(tf.zeros([10]), name="bias")
    y = tf.nn.softmax(tf.matmul(x, W) + b)

    cross_entropy = tf.reduce_mean(
        -tf.reduce_sum(y_ * tf.log(tf.clip_by_value(y, 1e-10, 1.0)), reduction_indices=[1])
    )
    train_step = tf.train.GradientDescentOptimizer(0.5).minimize(cross_entropy)

    correct_prediction = tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1))
    accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

    sess = tf.InteractiveSession()
    tf.global_variables_initializer().run()
    rng = np.random.RandomState(0)
    for step in range(args.steps):
        rows = rng.choice(len(train_images), args.batch_size, replace=False)
        batch = {x: train_images[rows], y_: train_labels[rows]}
        if step % 100 == 0:
            print("step %4d cross entropy %.4f" % (step, cross_entropy.eval(feed_dict=batch)))
        train_step.run(feed_dict=batch)
    print("test accuracy %.4f" % accuracy.eval(feed_dict={x: test_images, y_: test_labels}))
    sess.close()


if __name__ == "__main__":
    main()
