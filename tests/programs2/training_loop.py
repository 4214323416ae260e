"""A custom training loop inside of a tf.function: a loop over a data set, with early stopping."""

import json

import numpy as np
import tensorflow as tf


class Dense(tf.Module):
    def __init__(self, inputs, units, rng, activation=None):
        super().__init__()
        self.w = tf.Variable(rng.normal(size=(inputs, units)).astype(np.float32) * 0.4)
        self.b = tf.Variable(tf.zeros([units]))
        self.activation = activation

    def __call__(self, x):
        y = x @ self.w + self.b
        return y if self.activation is None else self.activation(y)


class Trainer:
    def __init__(self, layers, rate, patience):
        self.layers = layers
        self.variables = [v for layer in layers for v in layer.trainable_variables]
        self.momenta = [tf.Variable(tf.zeros_like(v)) for v in self.variables]
        self.rate = rate
        self.patience = patience
        self.batches = tf.Variable(0)

    def predict(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def step(self, x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.predict(x) - y))
        gradients = tape.gradient(loss, self.variables)
        norm = tf.linalg.global_norm(gradients)
        if norm > 1.0:
            gradients = [g / norm for g in gradients]
        for v, m, g in zip(self.variables, self.momenta, gradients):
            m.assign(0.9 * m + g)
            v.assign_sub(self.rate * m)
        self.batches.assign_add(1)
        return loss

    @tf.function
    def epoch(self, dataset):
        total, count = 0.0, 0
        for x, y in dataset:
            loss = self.step(x, y)
            if tf.math.is_nan(loss):
                break
            total += loss
            count += 1
        return total / tf.cast(count, tf.float32), count

    @tf.function
    def fit(self, dataset, epochs):
        best, waited = float("inf"), 0
        history = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
        done = 0
        for i in tf.range(epochs):
            mean, _ = self.epoch(dataset)
            history = history.write(i, mean)
            done += 1
            if mean < best - 1e-4:
                best, waited = mean, 0
            else:
                waited += 1
                if waited >= self.patience:
                    break
        return history.stack(), best, done


def show(label, values):
    print(label, json.dumps([round(float(v), 4) for v in np.ravel(values)]))


rng = np.random.RandomState(0)
x = rng.normal(size=(24, 3)).astype(np.float32)
y = (np.sin(x[:, :1]) + 0.5 * x[:, 1:2]).astype(np.float32)
dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(8)
trainer = Trainer([Dense(3, 8, rng, tf.tanh), Dense(8, 1, rng)], 0.1, 2)
mean, count = trainer.epoch(dataset)
show("epoch", [mean, count])
history, best, done = trainer.fit(dataset, tf.constant(8))
show("history", history)
show("best", [best, done, trainer.batches])
show("bias", trainer.layers[1].b.numpy())

broken = tf.data.Dataset.from_tensor_slices((np.where(np.arange(24)[:, None] == 17, np.nan, x).astype(np.float32), y)).batch(8)
mean, count = trainer.epoch(broken)
show("broken", [mean, count, trainer.batches])
