"""From nothing to the end of the first training step: the CNN of cnn.py under Adam."""

import time

from workloads import cnn, common

FRESH = True
METRICS = {
    "step": ("CNN + Adam, from graph to end of first step", "s"),
    "import": ("the same, with the import", "s"),
}
TARGETS = {"step": "no worse than TensorFlow"}


def measure(load, first_step):
    """Times `first_step`, which starts from what `load` has imported, and returns what takes further steps."""

    def repeat():
        start = time.perf_counter()
        framework = load()
        loaded = time.perf_counter()
        first_step(framework)
        end = time.perf_counter()
        return {"step": end - loaded, "import": end - start}

    return repeat


def in_tensorflow(measure=measure):
    def first_step(tf):
        loss, x, labels = cnn.loss_in_tensorflow(tf)
        train = tf.train.AdamOptimizer().minimize(loss)
        session = tf.Session()
        session.run(tf.global_variables_initializer())
        images, digits = cnn.data()

        def step():
            session.run([train, loss], {x: images, labels: digits})

        step()
        return step

    return measure(common.get_tf, first_step)


def in_jax(measure=measure):
    def load():
        import jax

        return jax

    def first_step(jax):
        import jax.numpy as jnp

        def adam(p, g, m, v):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            return p - 0.001 * (m / 0.1) / (jnp.sqrt(v / 0.001) + 1e-8), m, v

        @jax.jit
        def train(parameters, m, v, images, digits):
            loss, gradients = jax.value_and_grad(cnn.loss_in_jax)(parameters, images, digits)
            return jax.tree.map(adam, parameters, gradients, m, v), loss

        parameters = cnn.parameters_in_jax()
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        data = cnn.data()

        def step():
            jax.block_until_ready(train(parameters, zeros, zeros, *data))

        step()
        return step

    return measure(load, first_step)


def in_torch(wrap=lambda network: network, measure=measure):
    def load():
        import torch

        return torch

    def first_step(torch):
        network = cnn.network_in_torch()
        optimizer = torch.optim.Adam(network.parameters())
        step = cnn.trainer_in_torch(wrap(network), optimizer)
        step()
        return step

    return measure(load, first_step)


def in_torch_compiled(measure=measure):
    def wrap(network):
        import torch

        return torch.compile(network)

    return in_torch(wrap, measure)
