"""Scaled dot-product attention and its gradient: batch 8, 8 heads, 256 positions, depth 64."""

from workloads import common

METRICS = {
    "forward": ("attention 8x8x256x64, forward", "ms"),
    "gradient": ("attention 8x8x256x64, forward and gradient", "ms"),
}
TARGETS = dict.fromkeys(METRICS, "0.9 of the best peer")
SHAPE = (8, 8, 256, 64)


def data():
    import numpy as np

    rng = np.random.default_rng(0)
    return [rng.standard_normal(SHAPE, dtype=np.float32) for _ in range(3)]


def measure(**steps):
    timers = {key: common.per_call(step) for key, step in steps.items()}
    return lambda: {key: timer() for key, timer in timers.items()}


def in_tensorflow():
    tf = common.get_tf()
    q, k, v = (tf.Variable(array) for array in data())
    weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * SHAPE[-1] ** -0.5)
    result = tf.matmul(weights, v)
    total = tf.reduce_sum(result)
    gradients = tf.gradients(tf.reduce_sum(tf.square(result)), [q, k, v])
    sums = [tf.reduce_sum(gradient) for gradient in gradients]
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return measure(forward=lambda: session.run(total), gradient=lambda: session.run(sums))


def in_jax():
    import jax

    def attention(q, k, v):
        weights = jax.nn.softmax(q @ k.swapaxes(-1, -2) * SHAPE[-1] ** -0.5)
        return weights @ v

    @jax.jit
    def forward(q, k, v):
        return attention(q, k, v).sum()

    @jax.jit
    def gradient(q, k, v):
        gradients = jax.grad(lambda *given: (attention(*given) ** 2).sum(), (0, 1, 2))(q, k, v)
        return [each.sum() for each in gradients]

    given = jax.device_put(data())
    return measure(
        forward=lambda: jax.block_until_ready(forward(*given)),
        gradient=lambda: jax.block_until_ready(gradient(*given)),
    )


def in_torch(wrap=lambda function: function):
    import torch

    given = [torch.from_numpy(array) for array in data()]
    leaves = [tensor.clone().requires_grad_() for tensor in given]

    @wrap
    def attention(q, k, v):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v)

    def forward():
        with torch.no_grad():
            return attention(*given).sum().item()

    def gradient():
        total = attention(*leaves).square().sum()
        return [each.sum().item() for each in torch.autograd.grad(total, leaves)]

    return measure(forward=forward, gradient=gradient)


def in_torch_compiled():
    import torch

    return in_torch(torch.compile)
