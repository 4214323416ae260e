"""An encoder and a decoder with additive attention learn to write a number backwards.

Neural Machine Translation by Jointly Learning to Align and Translate, https://arxiv.org/abs/1409.0473
"""

import argparse

import keras
import numpy as np
import tensorflow as tf
from keras import layers

START, END, SYMBOLS, LENGTH = 10, 11, 12, 5


class Attention(layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.of_memory, self.of_query = layers.Dense(units), layers.Dense(units)
        self.score = layers.Dense(1)

    def call(self, query, memory):
        scores = self.score(
            tf.nn.tanh(self.of_memory(memory) + self.of_query(query)[:, tf.newaxis])
        )
        weights = tf.nn.softmax(scores, axis=1)
        return tf.reduce_sum(weights * memory, axis=1), weights[..., 0]


class Translator(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.embedding = layers.Embedding(SYMBOLS, 16)
        self.encoder = layers.GRU(units, return_sequences=True, return_state=True)
        self.attention = Attention(units)
        self.cell = layers.GRUCell(units)
        self.logits = layers.Dense(SYMBOLS)

    def step(self, symbols, state, memory):
        context, weights = self.attention(state, memory)
        inputs = tf.concat([self.embedding(symbols), context], axis=-1)
        output, (state,) = self.cell(inputs, [state])
        return self.logits(output), state, weights

    def call(self, inputs):
        source, target = inputs
        memory, state = self.encoder(self.embedding(source))
        steps = target.shape[1]
        written = []
        for i in range(steps):
            logits, state, _ = self.step(target[:, i], state, memory)
            written.append(logits)
        return tf.stack(written, axis=1)

    @tf.function
    def translate(self, source, limit=10):
        memory, state = self.encoder(self.embedding(source[tf.newaxis]))
        symbol = tf.constant([START])
        written = tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=[])
        for i in tf.range(limit):
            logits, state, _ = self.step(symbol, state, memory)
            symbol = tf.argmax(logits, axis=-1, output_type=tf.int32)
            if symbol[0] == END:
                break
            written = written.write(i, symbol[0])
        return written.stack()


def batch(rng, size):
    source = rng.integers(10, size=(size, LENGTH)).astype(np.int32)
    start, end = np.full((size, 1), START, np.int32), np.full((size, 1), END, np.int32)
    backwards = source[:, ::-1]
    return source, np.concatenate([start, backwards], 1), np.concatenate([backwards, end], 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(4)
    rng = np.random.default_rng(0)
    model = Translator(32)
    optimizer = keras.optimizers.Adam(1e-2)

    @tf.function
    def train(source, target, wanted):
        with tf.GradientTape() as tape:
            logits = model((source, target))
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=wanted, logits=logits)
            loss = tf.reduce_mean(each)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    losses = [float(train(*map(tf.constant, batch(rng, 64)))) for _ in range(arguments.steps)]
    print("losses of the first steps", ["%.2f" % loss for loss in losses[:5]])
    print("loss at the end below a tenth of that at the start: %s" % (losses[-1] < losses[0] / 10))
    right = 0
    for _ in range(20):
        source, _, wanted = batch(rng, 1)
        answer = model.translate(tf.constant(source[0])).numpy()
        right += answer.tolist() == wanted[0, :-1].tolist()
    print("numbers written backwards: at least 15 of 20: %s" % (right >= 15))


if __name__ == "__main__":
    main()
