"""Beam search over a small Markov model: a while loop with TensorArrays and an early end."""

import json

import numpy as np
import tensorflow as tf

END = 0


def log_probabilities(model, tokens):
    return tf.nn.log_softmax(tf.gather(model, tokens), axis=-1)


@tf.function
def beam_search(model, start, width, max_length):
    vocabulary = tf.shape(model)[0]
    tokens = tf.fill([width], start)
    # All beams begin alike: only the first one counts.
    scores = tf.concat([[0.0], tf.fill([width - 1], -1e9)], 0)
    finished = tf.zeros([width], tf.bool)
    parents = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
    chosen = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
    length = 0
    while length < max_length and not tf.reduce_all(finished):
        step = log_probabilities(model, tokens)
        only_end = tf.one_hot(tf.fill([width], END), vocabulary, on_value=0.0, off_value=-1e9)
        step = tf.where(finished[:, None], only_end, step)
        total = tf.reshape(scores[:, None] + step, [-1])
        scores, index = tf.math.top_k(total, width)
        parent = index // vocabulary
        tokens = index % vocabulary
        finished = tf.gather(finished, parent) | (tokens == END)
        parents = parents.write(length, parent)
        chosen = chosen.write(length, tokens)
        length += 1
    # Walk back from the ends.
    beam = tf.range(width)
    sequences = tf.TensorArray(tf.int32, size=length)
    position = length - 1
    while position >= 0:
        sequences = sequences.write(position, tf.gather(chosen.read(position), beam))
        beam = tf.gather(parents.read(position), beam)
        position -= 1
    return tf.transpose(sequences.stack()), scores, length


@tf.function
def greedy(model, start, max_length):
    token = start
    score = 0.0
    result = tf.TensorArray(tf.int32, size=max_length)
    for i in tf.range(max_length):
        step = log_probabilities(model, [token])[0]
        token = tf.argmax(step, output_type=tf.int32)
        score += step[token]
        result = result.write(i, token)
        if token == END:
            break
    return result.stack(), score


rng = np.random.RandomState(3)
model = tf.constant(rng.normal(size=(6, 6)).astype(np.float32) * 2.0)
for width, max_length in ((3, 8), (4, 3)):
    sequences, scores, length = beam_search(
        model, tf.constant(2), tf.constant(width), tf.constant(max_length)
    )
    print("beam", json.dumps(sequences.numpy().tolist()))
    print("scores", json.dumps([round(float(s), 4) for s in scores]))
    print("length", json.dumps([int(length)]))
tokens, score = greedy(model, tf.constant(2), tf.constant(7))
print("greedy", json.dumps(tokens.numpy().tolist()))
print("score", json.dumps([round(float(score), 4)]))
