"""A step of SGD on 2 x (convolution 5x5 + pooling) + 2 dense layers, batch 64 of 28x28."""

from workloads import common

METRICS = {"step": ("CNN 2x(conv5x5+pool)+2 dense, batch 64, SGD step", "ms")}
BATCH = 64
SHAPES = [(5, 5, 1, 32), (5, 5, 32, 64), (7 * 7 * 64, 1024), (1024, 10)]


def data():
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.random((BATCH, 28, 28, 1), dtype=np.float32)
    return images, rng.integers(10, size=BATCH)


def measure(step):
    per_call = common.per_call(step, warm_up=5.0)
    return lambda: {"step": per_call()}


def loss_in_tensorflow(tf):
    """The graph of the network's loss, and its placeholders for images and labels."""
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    labels = tf.placeholder(tf.int64, [None])
    weights = [tf.Variable(tf.truncated_normal(shape, stddev=0.1)) for shape in SHAPES]
    biases = [tf.Variable(tf.zeros(shape[-1:])) for shape in SHAPES]
    y = x
    for w, b in zip(weights[:2], biases[:2]):
        y = tf.nn.relu(tf.nn.conv2d(y, w, strides=[1, 1, 1, 1], padding="SAME") + b)
        y = tf.nn.max_pool(y, [1, 2, 2, 1], [1, 2, 2, 1], padding="SAME")
    y = tf.nn.relu(tf.matmul(tf.reshape(y, [-1, 7 * 7 * 64]), weights[2]) + biases[2])
    logits = tf.matmul(y, weights[3]) + biases[3]
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.reduce_mean(loss), x, labels


def in_tensorflow():
    tf = common.get_tf()
    loss, x, labels = loss_in_tensorflow(tf)
    train = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    images, digits = data()
    return measure(lambda: session.run([train, loss], {x: images, labels: digits}))


def parameters_in_jax():
    import numpy as np

    rng = np.random.default_rng(0)
    return [
        (0.1 * rng.standard_normal(shape, dtype=np.float32), np.zeros(shape[-1], np.float32))
        for shape in SHAPES
    ]


def loss_in_jax(parameters, images, digits):
    import jax
    import jax.numpy as jnp

    y = images
    for w, b in parameters[:2]:
        y = jax.lax.conv_general_dilated(
            y, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        y = jax.nn.relu(y + b)
        y = jax.lax.reduce_window(y, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")
    (w1, b1), (w2, b2) = parameters[2:]
    logits = jax.nn.relu(y.reshape(len(y), -1) @ w1 + b1) @ w2 + b2
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), digits[:, None], 1)
    return -chosen.mean()


def in_jax():
    import functools

    import jax

    @functools.partial(jax.jit, donate_argnums=0)
    def train(parameters, images, digits):
        loss, gradients = jax.value_and_grad(loss_in_jax)(parameters, images, digits)
        return jax.tree.map(lambda p, g: p - 0.01 * g, parameters, gradients), loss

    images, digits = data()
    parameters = jax.device_put(parameters_in_jax())

    def step():
        nonlocal parameters
        parameters, loss = train(parameters, images, digits)
        jax.block_until_ready((parameters, loss))

    return measure(step)


def network_in_torch():
    from torch import nn

    return nn.Sequential(
        *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Linear(1024, 10)),
    )


def trainer_in_torch(network, optimizer):
    import torch

    images, digits = data()
    # The same memory, seen as torch's NCHW.
    images = images.reshape(BATCH, 1, 28, 28)

    def step():
        optimizer.zero_grad()
        logits = network(torch.from_numpy(images))
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(digits))
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def in_torch(wrap=lambda network: network):
    import torch

    network = network_in_torch()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    return measure(trainer_in_torch(wrap(network), optimizer))


def in_torch_compiled():
    import torch

    return in_torch(torch.compile)
