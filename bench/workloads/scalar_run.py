"""The smallest run there is: one addition, one number in, one number out."""

from workloads import common

METRICS = {"run": ("scalar Session.run, fed (jax.jit, eager torch)", "us")}
TARGETS = {"run": "30 us, a sixth of TensorFlow"}


def measure(step):
    per_call = common.per_call(step)
    return lambda: {"run": per_call()}


def in_tensorflow():
    tf = common.get_tf()
    x = tf.placeholder(tf.float32, [])
    y = x + 1.0
    session = tf.Session()
    return measure(lambda: session.run(y, {x: 2.0}))


def in_jax():
    import jax
    import numpy as np

    add = jax.jit(lambda x: x + 1.0)
    return measure(lambda: np.asarray(add(2.0)))


def in_torch():
    import torch

    return measure(lambda: (torch.tensor(2.0) + 1.0).numpy())
