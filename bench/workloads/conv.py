"""One convolution 3x3, 64 to 64 channels, on 32 images of 56x56: forward, and both gradients."""

from workloads import common

METRICS = {
    "forward": ("conv 3x3, 32x56x56x64, forward", "ms"),
    "gradients": ("conv 3x3, 32x56x56x64, both gradients", "ms"),
}
IMAGES, FILTERS = (32, 56, 56, 64), (3, 3, 64, 64)


def data():
    """Images NHWC, filters HWIO, and the gradient that arrives at the output."""
    import numpy as np

    rng = np.random.default_rng(0)
    return [rng.standard_normal(s, dtype=np.float32) for s in (IMAGES, FILTERS, IMAGES)]


def measure(forward, gradients):
    forward, gradients = common.per_call(forward), common.per_call(gradients)
    return lambda: {"forward": forward(), "gradients": gradients()}


def in_tensorflow():
    tf = common.get_tf()
    # Inputs live in variables, so that no run copies them; a sum is fetched, so that none is left
    # out and none is copied back.
    x, w, dy = (tf.Variable(array) for array in data())
    y = tf.nn.conv2d(x, w, strides=[1, 1, 1, 1], padding="SAME")
    forward = tf.reduce_sum(y)
    gradients = [tf.reduce_sum(g) for g in tf.gradients(y, [x, w], grad_ys=dy)]
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return measure(lambda: session.run(forward), lambda: session.run(gradients))


def in_jax():
    import jax

    def conv(x, w):
        return jax.lax.conv_general_dilated(
            x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    @jax.jit
    def forward(x, w):
        return conv(x, w).sum()

    @jax.jit
    def gradients(x, w, dy):
        return [g.sum() for g in jax.vjp(conv, x, w)[1](dy)]

    x, w, dy = jax.device_put(data())
    return measure(
        lambda: jax.block_until_ready(forward(x, w)),
        lambda: jax.block_until_ready(gradients(x, w, dy)),
    )


def in_torch():
    import torch

    x, w, dy = (torch.from_numpy(array) for array in data())
    # Torch's own order of axes and its own layout in memory: what a user of it would have.
    x, dy = (t.permute(0, 3, 1, 2).contiguous() for t in (x, dy))
    w = w.permute(3, 2, 0, 1).contiguous()

    def forward():
        with torch.no_grad():
            return torch.nn.functional.conv2d(x, w, padding=1).sum().item()

    def gradients():
        both = torch.ops.aten.convolution_backward(
            dy, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [True, True, False]
        )
        return [g.sum().item() for g in both[:2]]

    return measure(forward, gradients)
