"""CudnnRNN against the formulas in NumPy, and its gradient in a function."""

import numpy as np
import pytest

import reflow as tf

RNG = np.random.default_rng(3)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, h, c, w, r, b, d):
    i, f, g, o = (w[k] @ x + r[k] @ h + b[k] + d[k] for k in range(4))
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(x, h, c, w, r, b, d):
    reset = sigmoid(w[0] @ x + r[0] @ h + b[0] + d[0])
    update = sigmoid(w[1] @ x + r[1] @ h + b[1] + d[1])
    new = np.tanh(w[2] @ x + b[2] + reset * (r[2] @ h + d[2]))
    return (1 - update) * new + update * h, c


@pytest.mark.parametrize("mode, cell, gates", [("lstm", lstm, 4), ("gru", gru, 3)])
def test_both_directions(mode, cell, gates):
    steps, batch, inputs, units = 4, 2, 3, 5
    x = RNG.normal(size=(steps, batch, inputs))
    h, c = RNG.normal(size=(2, 2, batch, units))
    parts = [
        [RNG.normal(size=shape) for shape in ((gates, units, inputs), (gates, units, units))]
        for _ in range(2)
    ]
    biases = RNG.normal(size=(2, 2, gates, units))
    params = np.concatenate([m.ravel() for part in parts for m in part] + [biases.ravel()])
    got = tf.raw_ops.CudnnRNN(
        input=x, input_h=h, input_c=c, params=params, rnn_mode=mode, direction="bidirectional"
    )
    for n in range(batch):
        for way in range(2):
            state = h[way, n], c[way, n]
            for t in range(steps)[:: 1 if way == 0 else -1]:
                state = cell(x[t, n], *state, *parts[way], *biases[way])
                out = got.output.numpy()[t, n, way * units : (way + 1) * units]
                np.testing.assert_allclose(out, state[0], rtol=1e-9)
            np.testing.assert_allclose(got.output_h.numpy()[way, n], state[0], rtol=1e-9)
            if mode == "lstm":
                np.testing.assert_allclose(got.output_c.numpy()[way, n], state[1], rtol=1e-9)
    assert got.output_c.shape == ((2, batch, units) if mode == "lstm" else ())


def test_in_a_function_of_any_length():
    @tf.function(input_signature=[tf.TensorSpec([None, 2, 3])] + 2 * [tf.TensorSpec([1, 2, 4])])
    def total(x, h, c):
        params = tf.fill([4 * 4 * (3 + 4 + 2)], 0.1)
        out = tf.raw_ops.CudnnRNN(input=x, input_h=h, input_c=c, params=params)
        assert out.output.shape.as_list() == [None, 2, 4]
        return tf.reduce_sum(out.output)

    zeros = tf.zeros([1, 2, 4])
    for steps in (2, 5):
        x = tf.constant(RNG.normal(size=(steps, 2, 3)).astype("float32"))
        theory, numeric = tf.test.compute_gradient(
            lambda x: total(x, zeros, zeros), [x], delta=1e-2
        )
        np.testing.assert_allclose(theory[0], numeric[0], atol=2e-3)
