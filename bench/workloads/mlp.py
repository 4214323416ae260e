"""A step of SGD on a perceptron 784-512-512-10, batch 128."""

from workloads import common

METRICS = {"step": ("MLP 784-512-512-10, batch 128, SGD step", "ms")}
TARGETS = {"step": "ahead of every peer"}
BATCH = 128
WIDTHS = (784, 512, 512, 10)


def data():
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((BATCH, WIDTHS[0]), dtype=np.float32), rng.integers(10, size=BATCH)


def measure(step):
    per_call = common.per_call(step)
    return lambda: {"step": per_call()}


def in_tensorflow():
    tf = common.get_tf()
    x = tf.placeholder(tf.float32, [None, WIDTHS[0]])
    labels = tf.placeholder(tf.int64, [None])
    y = x
    for i, (inputs, outputs) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        w = tf.Variable(tf.truncated_normal([inputs, outputs], stddev=0.05))
        b = tf.Variable(tf.zeros([outputs]))
        y = tf.matmul(y if i == 0 else tf.nn.relu(y), w) + b
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=y)
    loss = tf.reduce_mean(loss)
    train = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    images, digits = data()
    return measure(lambda: session.run([train, loss], {x: images, labels: digits}))


def in_jax():
    import functools

    import jax
    import jax.numpy as jnp
    import numpy as np

    def loss_function(parameters, images, digits):
        y = images
        for w, b in parameters[:-1]:
            y = jax.nn.relu(y @ w + b)
        w, b = parameters[-1]
        return -jnp.take_along_axis(jax.nn.log_softmax(y @ w + b), digits[:, None], 1).mean()

    @functools.partial(jax.jit, donate_argnums=0)
    def train(parameters, images, digits):
        loss, gradients = jax.value_and_grad(loss_function)(parameters, images, digits)
        return jax.tree.map(lambda p, g: p - 0.01 * g, parameters, gradients), loss

    rng = np.random.default_rng(0)
    parameters = [
        (0.05 * rng.standard_normal((m, n), dtype=np.float32), np.zeros(n, np.float32))
        for m, n in zip(WIDTHS, WIDTHS[1:])
    ]
    parameters = jax.device_put(parameters)
    images, digits = data()

    def step():
        nonlocal parameters
        parameters, loss = train(parameters, images, digits)
        jax.block_until_ready((parameters, loss))

    return measure(step)


def in_torch(wrap=lambda network: network):
    import torch
    from torch import nn

    layers = []
    for inputs, outputs in zip(WIDTHS, WIDTHS[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    network = wrap(network)
    images, digits = data()

    def step():
        optimizer.zero_grad()
        logits = network(torch.from_numpy(images))
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(digits))
        loss.backward()
        optimizer.step()
        return loss.item()

    return measure(step)


def in_torch_compiled():
    import torch

    return in_torch(torch.compile)
