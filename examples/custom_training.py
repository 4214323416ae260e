"""A training loop of one's own: tf.Module, tf.function, tf.data and a gradient tape on the digits."""

import argparse

import tensorflow as tf

import mnist_data


class Dense(tf.Module):
    def __init__(self, outputs, activation=None, name=None):
        super().__init__(name=name)
        self.outputs = outputs
        self.activation = activation
        self.built = False

    def __call__(self, x):
        if not self.built:
            scale = (2.0 / x.shape[-1]) ** 0.5
            start = tf.random.stateless_normal([x.shape[-1], self.outputs], seed=[7, self.outputs])
            self.w = tf.Variable(start * scale, name="w")
            self.b = tf.Variable(tf.zeros([self.outputs]), name="b")
            self.built = True
        y = tf.matmul(x, self.w) + self.b
        return self.activation(y) if self.activation is not None else y


class Perceptron(tf.Module):
    def __init__(self):
        super().__init__()
        self.layers = [Dense(64, tf.nn.relu), Dense(32, tf.nn.relu), Dense(10)]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Momentum(tf.Module):
    def __init__(self, rate, momentum):
        super().__init__()
        self.rate, self.momentum = rate, momentum
        self.velocities = []

    def apply(self, gradients, variables):
        if not self.velocities:
            self.velocities = [tf.Variable(tf.zeros_like(v), trainable=False) for v in variables]
        for velocity, gradient, variable in zip(self.velocities, gradients, variables):
            velocity.assign(self.momentum * velocity + gradient)
            variable.assign_sub(self.rate * velocity)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    (images, labels), (test_images, test_labels) = mnist_data.load()
    data = tf.data.Dataset.from_tensor_slices((images, labels))
    data = data.shuffle(2000, seed=1).batch(100, drop_remainder=True)
    network = Perceptron()
    optimizer = Momentum(0.05, 0.9)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            logits = network(x)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
            loss = tf.reduce_mean(losses)
        variables = network.trainable_variables
        gradients, norm = tf.clip_by_global_norm(tape.gradient(loss, variables), 5.0)
        optimizer.apply(gradients, variables)
        return loss, norm

    @tf.function
    def epoch(data):
        total, count = 0.0, 0
        for x, y in data:
            loss, _ = step(x, y)
            total += loss
            count += 1
        return total / tf.cast(count, tf.float32)

    for i in range(arguments.epochs):
        print("epoch %d loss %.3f" % (i + 1, epoch(data)))
    guesses = tf.argmax(network(tf.constant(test_images)), axis=1)
    accuracy = tf.reduce_mean(tf.cast(guesses == test_labels, tf.float32))
    print("test accuracy %.3f" % accuracy)
    print("variables", [tuple(v.shape) for v in network.trainable_variables])


if __name__ == "__main__":
    main()
