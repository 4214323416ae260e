"""A thousand runs, each with an input of another shape: time, memory kept, compilations."""

from workloads import common

FRESH = True
MAX_REPEATS = 1
METRICS = {
    "run": ("1,000 random shapes, mean of a run", "ms"),
    "memory": ("1,000 random shapes, memory growth after the first 100", "MB"),
    "compilations": ("1,000 random shapes, compilations", "count"),
}
TARGETS = {"memory": "flat", "compilations": "at most 16"}
RUNS, WARM, LARGEST = 1000, 100, 256


def inputs():
    """Yields RUNS arrays, no two of one shape."""
    import numpy as np

    rng = np.random.default_rng(0)
    for code in rng.choice(LARGEST * LARGEST, size=RUNS, replace=False):
        shape = (code // LARGEST + 1, code % LARGEST + 1)
        yield rng.standard_normal(shape, dtype=np.float32)


def measure(run, compilations=None):
    """Runs `run` on all the inputs; `compilations`, if any, tells how many there have been."""

    def repeat():
        seconds = 0.0
        for number, array in enumerate(inputs()):
            if number == WARM:
                before = common.resident_bytes()
            seconds += common.timed(lambda array=array: run(array))
        result = {"run": seconds / RUNS, "memory": common.resident_bytes() - before}
        if compilations is not None:
            result["compilations"] = compilations()
        return result

    return repeat


def in_tensorflow():
    tf = common.get_tf()
    x = tf.placeholder(tf.float32, [None, None])
    h = tf.tanh(2.0 * x + 1.0)
    y = tf.reduce_mean(tf.nn.softmax(tf.matmul(h, h, transpose_b=True)), 0)
    session = tf.Session()

    def run(array):
        session.run(y, {x: array})

    if common.framework != "reflow":
        return measure(run)
    import reflow.compiler

    return measure(run, lambda: reflow.compiler.stats()["compilations"])


def in_jax():
    import jax
    import jax.numpy as jnp
    import numpy as np

    traced = 0

    @jax.jit
    def function(x):
        # This line runs when JAX traces the function for a new shape, and only then.
        nonlocal traced
        traced += 1
        h = jnp.tanh(2.0 * x + 1.0)
        return jax.nn.softmax(h @ h.T).mean(0)

    return measure(lambda array: np.asarray(function(array)), lambda: traced)


def in_torch():
    import torch

    def run(array):
        h = torch.tanh(2.0 * torch.from_numpy(array) + 1.0)
        torch.softmax(h @ h.T, 1).mean(0).numpy()

    return measure(run)
