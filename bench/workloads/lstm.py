"""The gradient of an LSTM written as a loop: batch 32, 50 steps, depth 128, 256 units."""

from workloads import common

METRICS = {"gradient": ("LSTM by while_loop, 32x50x128, 256 units, gradient", "ms")}
TARGETS = {"gradient": "half of TensorFlow"}
BATCH, STEPS, DEPTH, UNITS = 32, 50, 128, 256


def data():
    """The input, time first, and the kernel [depth + units, 4 x units]."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.standard_normal((STEPS, BATCH, DEPTH), dtype=np.float32)
    return x, 0.05 * rng.standard_normal((DEPTH + UNITS, 4 * UNITS), dtype=np.float32)


def measure(step):
    per_call = common.per_call(step)
    return lambda: {"gradient": per_call()}


def in_tensorflow():
    tf = common.get_tf()
    x, kernel = (tf.Variable(array) for array in data())
    bias = tf.Variable(tf.zeros([4 * UNITS]))
    sequence = tf.TensorArray(tf.float32, STEPS).unstack(x)

    def body(t, cell, hidden, outputs):
        gates = tf.matmul(tf.concat([sequence.read(t), hidden], 1), kernel) + bias
        i, j, f, o = tf.split(gates, 4, axis=1)
        cell = cell * tf.sigmoid(f) + tf.sigmoid(i) * tf.tanh(j)
        hidden = tf.tanh(cell) * tf.sigmoid(o)
        return t + 1, cell, hidden, outputs.write(t, hidden)

    zero = tf.zeros([BATCH, UNITS])
    start = [tf.constant(0), zero, zero, tf.TensorArray(tf.float32, STEPS)]
    outputs = tf.while_loop(lambda t, *_: t < STEPS, body, start)[-1].stack()
    loss = tf.reduce_sum(tf.square(outputs))
    gradients = [tf.reduce_sum(g) for g in tf.gradients(loss, [x, kernel, bias])]
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return measure(lambda: session.run([loss, gradients]))


def in_jax():
    import jax
    import jax.numpy as jnp

    def loss(x, kernel, bias):
        def body(state, x):
            cell, hidden = state
            i, j, f, o = jnp.split(jnp.concatenate([x, hidden], 1) @ kernel + bias, 4, 1)
            cell = cell * jax.nn.sigmoid(f) + jax.nn.sigmoid(i) * jnp.tanh(j)
            hidden = jnp.tanh(cell) * jax.nn.sigmoid(o)
            return (cell, hidden), hidden

        zero = jnp.zeros((BATCH, UNITS))
        return jnp.square(jax.lax.scan(body, (zero, zero), x)[1]).sum()

    @jax.jit
    def train(x, kernel, bias):
        value, gradients = jax.value_and_grad(loss, (0, 1, 2))(x, kernel, bias)
        return value, [g.sum() for g in gradients]

    x, kernel = jax.device_put(data())
    bias = jnp.zeros(4 * UNITS)
    return measure(lambda: jax.block_until_ready(train(x, kernel, bias)))


def in_torch():
    import torch

    network = torch.nn.LSTM(DEPTH, UNITS)
    x = torch.from_numpy(data()[0]).requires_grad_()

    def step():
        loss = network(x)[0].square().sum()
        gradients = torch.autograd.grad(loss, [x, *network.parameters()])
        return loss.item(), [g.sum().item() for g in gradients]

    return measure(step)
