"""A convolutional network that reads handwritten digits, written for TensorFlow 1."""

import argparse
import sys
import time

import numpy as np
import tensorflow as tf

import mnist_data


def weight_variable(shape, name):
    return tf.Variable(tf.truncated_normal(shape, stddev=0.1), name=name)


def bias_variable(shape, name):
    return tf.Variable(tf.constant(0.1, shape=shape), name=name)


def conv2d(x, W):
    return tf.nn.conv2d(x, W, strides=[1, 1, 1, 1], padding="SAME")


def max_pool_2x2(x):
    return tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


def build_network(x, keep_prob):
    """Two convolutions with pooling, a dense layer with dropout, ten logits."""
    image = tf.reshape(x, [-1, 28, 28, 1])
    with tf.name_scope("conv1"):
        W = weight_variable([5, 5, 1, 16], "weights")
        b = bias_variable([16], "bias")
        pool1 = max_pool_2x2(tf.nn.relu(conv2d(image, W) + b))
    with tf.name_scope("conv2"):
        W = weight_variable([5, 5, 16, 32], "weights")
        b = bias_variable([32], "bias")
        pool2 = max_pool_2x2(tf.nn.relu(conv2d(pool1, W) + b))
    with tf.name_scope("dense"):
        W = weight_variable([7 * 7 * 32, 128], "weights")
        b = bias_variable([128], "bias")
        flat = tf.reshape(pool2, [-1, 7 * 7 * 32])
        hidden = tf.nn.dropout(tf.nn.relu(tf.matmul(flat, W) + b), keep_prob)
    with tf.name_scope("readout"):
        W = weight_variable([128, 10], "weights")
        b = bias_variable([10], "bias")
        return tf.matmul(hidden, W) + b


def progress(steps, label):
    """Counts to `steps`, with tqdm's bar where tqdm is installed and a plain one elsewhere."""
    try:
        from tqdm import trange
    except ImportError:
        start, shown = time.time(), -1
        for step in range(steps):
            yield step
            filled = 20 * (step + 1) // steps
            if filled != shown:
                shown = filled
                bar = "#" * filled + "." * (20 - filled)
                sys.stderr.write(
                    "\r%s [%s] %d/%d %.1fs" % (label, bar, step + 1, steps, time.time() - start)
                )
        sys.stderr.write("\n")
    else:
        yield from trange(steps, desc=label, mininterval=0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch_size", type=int, default=50)
    parser.add_argument("--learning_rate", type=float, default=2e-3)
    parser.add_argument("--train_size", type=int, default=None, help="use only so many digits")
    args = parser.parse_args()

    (train_images, train_labels), (test_images, test_labels) = mnist_data.load()
    train_images, train_labels = train_images[: args.train_size], train_labels[: args.train_size]

    tf.set_random_seed(1)
    x = tf.placeholder(tf.float32, shape=[None, 784], name="x")
    y_ = tf.placeholder(tf.int64, shape=[None], name="labels")
    keep_prob = tf.placeholder(tf.float32, name="keep_prob")
    logits = build_network(x, keep_prob)

    cross_entropy = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y_, logits=logits)
    )
    train_step = tf.train.AdamOptimizer(args.learning_rate).minimize(cross_entropy)
    correct_prediction = tf.equal(tf.argmax(logits, 1), y_)
    accuracy = tf.reduce_mean(tf.cast(correct_prediction, tf.float32))

    rng = np.random.RandomState(1)
    batches = len(train_images) // args.batch_size
    start = time.time()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(args.epochs):
            order = rng.permutation(len(train_images))
            losses = []
            for i in progress(batches, "epoch %d/%d" % (epoch + 1, args.epochs)):
                rows = order[i * args.batch_size : (i + 1) * args.batch_size]
                feed = {x: train_images[rows], y_: train_labels[rows], keep_prob: 0.5}
                losses.append(sess.run([train_step, cross_entropy], feed_dict=feed)[1])
            print("epoch %d loss %.4f" % (epoch + 1, np.mean(losses)))
        test = {x: test_images, y_: test_labels, keep_prob: 1.0}
        print("test accuracy %.4f" % sess.run(accuracy, feed_dict=test))
        print("took %.1f seconds" % (time.time() - start))


if __name__ == "__main__":
    main()
