"""A recurrent network over padded sequences that stops each batch when its longest sequence ends,
trained by a custom step: loops, branches and TensorArrays in one tf.function."""

import json

import numpy as np
import tensorflow as tf


class Cell(tf.Module):
    def __init__(self, inputs, units, rng):
        super().__init__()
        self.units = units
        self.kernel = tf.Variable(rng.normal(size=(inputs, units)).astype(np.float32) * 0.3)
        self.recurrent = tf.Variable(rng.normal(size=(units, units)).astype(np.float32) * 0.3)
        self.bias = tf.Variable(tf.zeros([units]))

    def __call__(self, x, state):
        return tf.tanh(x @ self.kernel + state @ self.recurrent + self.bias)


class Network(tf.Module):
    def __init__(self, inputs, units, rng, clip=None):
        super().__init__()
        self.cell = Cell(inputs, units, rng)
        self.head = tf.Variable(rng.normal(size=(units, 1)).astype(np.float32) * 0.3)
        self.clip = clip
        self.steps = tf.Variable(0, trainable=False)

    def run(self, x, lengths):
        """The outputs of all steps until the longest sequence ends, and the last states."""
        state = tf.zeros([tf.shape(x)[0], self.cell.units])
        outputs = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
        by_time = tf.transpose(x, [1, 0, 2])
        longest = tf.reduce_max(lengths)
        for t in tf.range(tf.shape(by_time)[0]):
            if t >= longest:
                break
            new = self.cell(by_time[t], state)
            going = tf.expand_dims(t < lengths, 1)
            state = tf.where(going, new, state)
            outputs = outputs.write(t, state)
        return outputs.stack(), state

    @tf.function
    def step(self, x, lengths, y, rate):
        with tf.GradientTape() as tape:
            outputs, state = self.run(x, lengths)
            loss = tf.reduce_mean(tf.square(state @ self.head - y))
            if self.clip is not None and loss > self.clip:
                loss = self.clip + tf.math.log(loss / self.clip)
        variables = self.trainable_variables
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(rate * gradient)
        if tf.reduce_all(lengths > 1):
            self.steps.assign_add(1)
        else:
            self.steps.assign_add(100)
        return loss, tf.shape(outputs)[0]


def show(label, values):
    print(label, json.dumps([round(float(v), 5) for v in values]))


rng = np.random.RandomState(0)
x = rng.normal(size=(4, 6, 3)).astype(np.float32)
lengths = np.array([2, 4, 3, 1], np.int32)
y = rng.normal(size=(4, 1)).astype(np.float32)
for name, clip in (("clipped", 0.2),):
    network = Network(3, 5, np.random.RandomState(1), clip)
    losses, steps = [], []
    for i in range(3):
        kept = lengths + (i % 3)
        loss, count = network.step(x, kept, y, tf.constant(0.1))
        losses.append(loss)
        steps.append(count)
    show(name, losses)
    show(f"{name} steps", steps)
    show(f"{name} counted", [network.steps])
    show(f"{name} bias", network.cell.bias.numpy())
