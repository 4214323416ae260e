"""Eager execution: one addition, a `tf.function` of one addition, a training loop of a small perceptron."""

from workloads import common

METRICS = {
    "add": ("eager scalar addition", "us"),
    "function": ("tf.function call of one addition (jax.jit)", "us"),
    "loop": ("eager training step, perceptron 20-32-3, batch 32", "us"),
}
TARGETS = {
    "add": "5 us",
    "function": "30 us, a tenth of TensorFlow",
    "loop": "a third of TensorFlow",
}


def measure(**steps):
    timers = {key: common.per_call(step) for key, step in steps.items()}
    return lambda: {key: timer() for key, timer in timers.items()}


def data():
    import numpy as np

    rng = np.random.default_rng(0)
    shapes = [(20, 32), (32,), (32, 3), (3,)]
    weights = [0.1 * rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
    return weights, rng.standard_normal((32, 20), dtype=np.float32), rng.integers(3, size=32)


def in_tensorflow():
    tf = common.get_tf2()
    a, b = tf.constant(1.0), tf.constant(2.0)
    add = tf.function(lambda x, y: x + y)
    weights, images, labels = data()
    variables = [tf.Variable(w) for w in weights]
    images, labels = tf.constant(images), tf.constant(labels)

    def step():
        with tf.GradientTape() as tape:
            hidden = tf.nn.relu(tf.matmul(images, variables[0]) + variables[1])
            logits = tf.matmul(hidden, variables[2]) + variables[3]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            loss = tf.reduce_mean(losses)
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(0.1 * gradient)

    return measure(add=lambda: a + b, function=lambda: add(a, b), loop=step)


def in_jax():
    import jax
    import jax.numpy as jnp

    a, b = jnp.float32(1), jnp.float32(2)
    add = jax.jit(lambda x, y: x + y)
    return measure(add=lambda: (a + b).block_until_ready(), function=lambda: add(a, b))


def in_torch():
    import torch

    a, b = torch.tensor(1.0), torch.tensor(2.0)
    weights, images, labels = data()
    parameters = [torch.tensor(w, requires_grad=True) for w in weights]
    images, labels = torch.from_numpy(images), torch.from_numpy(labels)

    def step():
        hidden = torch.relu(images @ parameters[0] + parameters[1])
        logits = hidden @ parameters[2] + parameters[3]
        torch.nn.functional.cross_entropy(logits, labels).backward()
        with torch.no_grad():
            for parameter in parameters:
                parameter -= 0.1 * parameter.grad
                parameter.grad = None

    return measure(add=lambda: a + b, loop=step)
