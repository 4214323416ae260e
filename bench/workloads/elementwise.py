"""Single operations: a chain of element-wise ones, reductions, products, softmax, rows of tables."""

from workloads import common

SHAPE = (2048, 1024)
TABLE, ROWS = (50_000, 128), 4096
METRICS = {
    "chain": ("tanh(x) sigmoid(x) + x x - exp(-|x|), 2048x1024", "ms"),
    "sum_first": ("sum over the first axis, 2048x1024", "ms"),
    "sum_last": ("sum over the last axis, 2048x1024", "ms"),
    "sum_all": ("sum over all axes, 2048x1024", "ms"),
    "matmul_512": ("matrix product, 512x512x512", "ms"),
    "matmul_1024": ("matrix product, 1024x1024x1024", "ms"),
    "matmul_2048": ("matrix product, 2048x2048x2048", "ms"),
    "softmax": ("softmax of the last axis, 2048x1024", "ms"),
    "layer_norm": ("layer normalisation of the last axis, 2048x1024", "ms"),
    "gather": ("gather 4096 rows of 50,000x128", "ms"),
    "scatter": ("scatter-add 4096 rows into 50,000x128, in place", "ms"),
}
TARGETS = dict.fromkeys(METRICS, "level with the best peer")


def measure(steps):
    timers = {key: common.per_call(step, 0.25, 0.5) for key, step in steps.items()}
    return lambda: {key: timer() for key, timer in timers.items()}


def data():
    """The operand, the table, the numbers of rows and values for them."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.standard_normal(SHAPE, dtype=np.float32)
    table = rng.standard_normal(TABLE, dtype=np.float32)
    values = rng.standard_normal((ROWS, TABLE[1]), dtype=np.float32)
    return x, table, rng.integers(TABLE[0], size=ROWS), values


def squares():
    """The matrices of the products, by metric."""
    import numpy as np

    rng = np.random.default_rng(1)
    return {f"matmul_{n}": rng.standard_normal((n, n), dtype=np.float32) for n in (512, 1024, 2048)}


def in_tensorflow():
    tf = common.get_tf()
    x, table, rows, values = data()
    x, table = tf.Variable(x), tf.Variable(table)
    rows, values = tf.Variable(rows), tf.Variable(values)
    mean, variance = tf.nn.moments(x, [1], keepdims=True)
    scale, offset = tf.Variable(tf.ones([SHAPE[1]])), tf.Variable(tf.zeros([SHAPE[1]]))
    results = {
        "chain": tf.tanh(x) * tf.sigmoid(x) + x * x - tf.exp(-tf.abs(x)),
        "sum_first": tf.reduce_sum(x, 0),
        "sum_last": tf.reduce_sum(x, 1),
        "sum_all": tf.reduce_sum(x),
        "softmax": tf.nn.softmax(x),
        "layer_norm": (x - mean) * tf.rsqrt(variance + 1e-5) * scale + offset,
        "gather": tf.gather(table, rows),
    }
    for key, matrix in squares().items():
        matrix = tf.Variable(matrix)
        results[key] = tf.matmul(matrix, matrix)
    # The result stays where it is, as a variable; a number of the same run says that it is there.
    done = tf.Variable(0.0) + 1.0
    fetches = {
        key: [tf.assign(tf.Variable(tf.zeros(y.shape)), y).op, done] for key, y in results.items()
    }
    fetches["scatter"] = [tf.scatter_add(table, rows, values).op, done]
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return measure({key: (lambda f=f: session.run(f)) for key, f in fetches.items()})


def in_jax():
    import functools

    import jax
    import jax.numpy as jnp

    x, table, rows, values = jax.device_put(data())
    scale, offset = jnp.ones(SHAPE[1]), jnp.zeros(SHAPE[1])

    def layer_norm(x):
        mean, variance = x.mean(1, keepdims=True), x.var(1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + offset

    cases = {
        "chain": (lambda x: jnp.tanh(x) * jax.nn.sigmoid(x) + x * x - jnp.exp(-jnp.abs(x)), x),
        "sum_first": (lambda x: x.sum(0), x),
        "sum_last": (lambda x: x.sum(1), x),
        "sum_all": (lambda x: x.sum(), x),
        "softmax": (jax.nn.softmax, x),
        "layer_norm": (layer_norm, x),
        "gather": (lambda table, rows: table[rows], table, rows),
    }
    for key, matrix in squares().items():
        cases[key] = (lambda m: m @ m, jax.device_put(matrix))

    def runner(function, *args):
        function = jax.jit(function)
        return lambda: jax.block_until_ready(function(*args))

    @functools.partial(jax.jit, donate_argnums=0)
    def add(table, rows, values):
        return table.at[rows].add(values)

    own = jnp.array(table)

    def scatter():
        nonlocal own
        own = jax.block_until_ready(add(own, rows, values))

    return measure({key: runner(*case) for key, case in cases.items()} | {"scatter": scatter})


def in_torch(wrap=lambda function: function):
    import torch

    x, table, rows, values = (torch.from_numpy(each) for each in data())
    scale, offset = torch.ones(SHAPE[1]), torch.zeros(SHAPE[1])
    cases = {
        "chain": lambda: torch.tanh(x) * torch.sigmoid(x) + x * x - torch.exp(-torch.abs(x)),
        "sum_first": lambda: x.sum(0),
        "sum_last": lambda: x.sum(1),
        "sum_all": lambda: x.sum(),
        "softmax": lambda: torch.softmax(x, 1),
        "layer_norm": lambda: torch.nn.functional.layer_norm(x, SHAPE[1:], scale, offset),
        "gather": lambda: table[rows],
        "scatter": lambda: table.index_add_(0, rows, values),
    }
    for key, matrix in squares().items():
        matrix = torch.from_numpy(matrix)
        cases[key] = lambda matrix=matrix: matrix @ matrix
    cases = {key: wrap(case) for key, case in cases.items()}

    def without_gradients(case):
        def step():
            with torch.no_grad():
                case()

        return step

    return measure({key: without_gradients(case) for key, case in cases.items()})


def in_torch_compiled():
    import torch

    return in_torch(torch.compile)
