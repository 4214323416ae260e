"""Deep dream: gradient ascent on the pixels of an image through a frozen convolutional network.

A small network first learns to read digits and is frozen into a GraphDef, which is imported into a
new graph. There gradient ascent changes the image of one digit until the network sees another.
"""

import argparse

import numpy as np
import tensorflow as tf

import mnist_data


def train_network(steps):
    """Trains a network for a moment and returns it as a GraphDef without variables."""
    (images, labels), _ = mnist_data.load()
    graph = tf.Graph()
    with graph.as_default():
        tf.set_random_seed(0)
        x = tf.placeholder(tf.float32, [None, 28, 28, 1], name="input")
        y = tf.placeholder(tf.int64, [None], name="labels")
        net = x
        for layer, (depth, width) in enumerate([(1, 8), (8, 16)], start=1):
            with tf.variable_scope("conv%d" % layer):
                W = tf.get_variable("weights", [5, 5, depth, width])
                b = tf.get_variable("bias", [width], initializer=tf.zeros_initializer())
                net = tf.nn.conv2d(net, W, strides=[1, 2, 2, 1], padding="SAME")
                net = tf.nn.relu(tf.nn.bias_add(net, b), name="relu")
        with tf.variable_scope("readout"):
            W = tf.get_variable("weights", [7 * 7 * 16, 10])
            logits = tf.matmul(tf.reshape(net, [-1, 7 * 7 * 16]), W, name="logits")
        tf.nn.softmax(logits, name="probabilities")
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        )
        train = tf.train.RMSPropOptimizer(0.002).minimize(loss)
        init = tf.global_variables_initializer()

    rng = np.random.RandomState(0)
    with tf.Session(graph=graph) as sess:
        sess.run(init)
        for _ in range(steps):
            rows = rng.randint(len(images), size=64)
            feed = {x: images[rows].reshape(-1, 28, 28, 1), y: labels[rows]}
            _, loss_value = sess.run([train, loss], feed)
        print("network trained, loss %.4f" % loss_value)
        return tf.graph_util.convert_variables_to_constants(
            sess, graph.as_graph_def(), ["readout/logits", "probabilities"]
        )


def total_variation(image):
    """How rough an image [1, height, width, 1] is."""
    down = tf.abs(image[:, 1:] - image[:, :-1])
    right = tf.abs(image[:, :, 1:] - image[:, :, :-1])
    return tf.reduce_mean(down) + tf.reduce_mean(right)


def save_image(image, path):
    try:
        from PIL import Image
    except ImportError:
        path += ".npy"
        np.save(path, image)
    else:
        path += ".png"
        Image.fromarray((255 * image).astype(np.uint8)).resize((280, 280)).save(path)
    print("wrote", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--train_steps", type=int, default=300)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--target", type=int, default=3, help="the digit to dream of")
    parser.add_argument("--output", default=None, help="write the image here (no ending)")
    args = parser.parse_args()

    graph_def = train_network(args.train_steps)
    print("frozen graph: %d nodes" % len(graph_def.node))

    with tf.Graph().as_default() as graph:
        image = tf.placeholder(tf.float32, [28, 28], name="image")
        batch = tf.reshape(image, [1, 28, 28, 1])
        tf.import_graph_def(graph_def, {"input": batch}, name="net")
        logits = graph.get_tensor_by_name("net/readout/logits:0")
        probability = graph.get_tensor_by_name("net/probabilities:0")[0, args.target]
        activity = tf.reduce_mean(tf.square(graph.get_tensor_by_name("net/conv2/relu:0")))
        score = logits[0, args.target] + 0.1 * activity - 5.0 * total_variation(batch)
        gradient = tf.gradients(score, image)[0]
        gradient /= tf.reduce_mean(tf.abs(gradient)) + 1e-8

        _, (digits, labels) = mnist_data.load()
        dream = digits[np.flatnonzero(labels == (args.target + 5) % 10)[0]].reshape(28, 28)
        with tf.Session() as sess:
            for step in range(args.steps + 1):
                g, s, p = sess.run([gradient, score, probability], {image: dream})
                if step % 20 == 0:
                    print("step %3d score %.4f probability %.4f" % (step, s, p))
                dream = np.clip(dream + 0.02 * g, 0.0, 1.0)
    if args.output:
        save_image(dream, args.output)


if __name__ == "__main__":
    main()
