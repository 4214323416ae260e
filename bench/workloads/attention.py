"""Scaled dot-product attention, forward: batch 8, 8 heads, 256 positions, depth 64."""

from workloads import common

METRICS = {"forward": ("attention 8x8x256x64, forward", "ms")}
SHAPE = (8, 8, 256, 64)


def data():
    import numpy as np

    rng = np.random.default_rng(0)
    return [rng.standard_normal(SHAPE, dtype=np.float32) for _ in range(3)]


def measure(step):
    per_call = common.per_call(step)
    return lambda: {"forward": per_call()}


def in_tensorflow():
    tf = common.get_tf()
    q, k, v = (tf.Variable(array) for array in data())
    weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * SHAPE[-1] ** -0.5)
    result = tf.reduce_sum(tf.matmul(weights, v))
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return measure(lambda: session.run(result))


def in_jax():
    import jax

    @jax.jit
    def attention(q, k, v):
        weights = jax.nn.softmax(q @ k.swapaxes(-1, -2) * SHAPE[-1] ** -0.5)
        return (weights @ v).sum()

    q, k, v = jax.device_put(data())
    return measure(lambda: jax.block_until_ready(attention(q, k, v)))


def in_torch(wrap=lambda function: function):
    import torch

    q, k, v = (torch.from_numpy(array) for array in data())

    @wrap
    def attention(q, k, v):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v).sum()

    def step():
        with torch.no_grad():
            return attention(q, k, v).item()

    return measure(step)


def in_torch_compiled():
    import torch

    return in_torch(torch.compile)
