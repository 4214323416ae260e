"""An LSTM written with tf.while_loop and tf.TensorArray, trained to remember.

Each sequence starts with a symbol to keep in mind; noise symbols follow. At the end the network has
to name the first symbol. It is trained on short sequences and tested on longer ones.
"""

import argparse

import numpy as np
import tensorflow as tf


def lstm(inputs, units):
    """Runs an LSTM over inputs [batch, time, depth]; returns its outputs [batch, time, units]."""
    depth = inputs.get_shape()[2].value
    with tf.variable_scope("lstm"):
        kernel = tf.get_variable("kernel", [depth + units, 4 * units])
        bias = tf.get_variable("bias", [4 * units], initializer=tf.zeros_initializer())

    batch, steps = tf.shape(inputs)[0], tf.shape(inputs)[1]
    sequence = tf.TensorArray(tf.float32, size=steps).unstack(tf.transpose(inputs, [1, 0, 2]))
    outputs = tf.TensorArray(tf.float32, size=steps)

    def body(t, cell, hidden, outputs):
        gates = tf.matmul(tf.concat([sequence.read(t), hidden], 1), kernel) + bias
        i, j, f, o = tf.split(gates, 4, axis=1)
        cell = cell * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
        hidden = tf.tanh(cell) * tf.sigmoid(o)
        return t + 1, cell, hidden, outputs.write(t, hidden)

    zero = tf.zeros(tf.stack([batch, units]))
    zero.set_shape([None, units])
    _, _, _, outputs = tf.while_loop(
        lambda t, *_: t < steps, body, [tf.constant(0), zero, zero, outputs]
    )
    return tf.transpose(outputs.stack(), [1, 0, 2])


def sequences(rng, batch_size, length, symbols):
    """Draws symbols [batch, length]; the first is the answer, shown with a marker of its own."""
    batch = rng.randint(symbols, size=[batch_size, length])
    answers = batch[:, 0].copy()
    batch[:, 0] += symbols
    return batch, answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--length", type=int, default=12)
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--symbols", type=int, default=4)
    args = parser.parse_args()

    tf.set_random_seed(0)
    x = tf.placeholder(tf.int32, [None, None], name="symbols")
    y = tf.placeholder(tf.int64, [None], name="answers")
    outputs = lstm(tf.one_hot(x, 2 * args.symbols), args.units)
    with tf.variable_scope("readout"):
        weights = tf.get_variable("weights", [args.units, args.symbols])
        bias = tf.get_variable("bias", [args.symbols], initializer=tf.zeros_initializer())
    logits = tf.matmul(outputs[:, -1, :], weights) + bias
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), y), tf.float32))

    variables = tf.trainable_variables()
    gradients, norm = tf.clip_by_global_norm(tf.gradients(loss, variables), 1.0)
    global_step = tf.train.get_or_create_global_step()
    train = tf.train.AdamOptimizer(0.01).apply_gradients(zip(gradients, variables), global_step)

    rng = np.random.RandomState(0)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(args.steps):
            batch, answers = sequences(rng, 64, args.length, args.symbols)
            _, loss_value, norm_value = sess.run([train, loss, norm], {x: batch, y: answers})
            if step % 40 == 0 or step == args.steps - 1:
                print("step %3d loss %.4f gradient norm %.4f" % (step, loss_value, norm_value))
        for length in (args.length, 2 * args.length):
            batch, answers = sequences(rng, 500, length, args.symbols)
            result = sess.run(accuracy, {x: batch, y: answers})
            print("length %d accuracy %.4f" % (length, result))
        print("global step %d" % tf.train.global_step(sess, global_step))


if __name__ == "__main__":
    main()
