"""A step of SGD on a Transformer's encoder: 4 layers, 256 wide, 8 heads, 8 sequences of 128 tokens.

Each layer normalises first, and has 1024 hidden units; the loss is the cross entropy of each token with one of
1000 classes.
"""

from workloads import common

METRICS = {"step": ("Transformer encoder, 4 layers, 256 wide, 8x128 tokens, SGD step", "ms")}
TARGETS = {"step": "ahead of every peer"}
BATCH, LENGTH, LAYERS, WIDTH, HEADS, HIDDEN, CLASSES = 8, 128, 4, 256, 8, 1024, 1000
DEPTH = WIDTH // HEADS
RATE = 0.01


def data():
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.integers(CLASSES, size=(2, BATCH, LENGTH))


def initial_weights():
    """The weights by name, as NumPy arrays; dense layers are [inputs, outputs] and a bias."""
    import numpy as np

    rng = np.random.default_rng(1)
    weights = {"embedding": rng.standard_normal((CLASSES, WIDTH), dtype=np.float32)}

    def dense(name, inputs, outputs):
        kernel = rng.standard_normal((inputs, outputs), dtype=np.float32)
        weights[name] = kernel / np.float32(inputs**0.5)
        weights[name + "_bias"] = np.zeros(outputs, np.float32)

    def norm(name):
        weights[name] = np.ones(WIDTH, np.float32)
        weights[name + "_bias"] = np.zeros(WIDTH, np.float32)

    for i in range(LAYERS):
        norm(f"{i}/norm1")
        dense(f"{i}/qkv", WIDTH, 3 * WIDTH)
        dense(f"{i}/out", WIDTH, WIDTH)
        norm(f"{i}/norm2")
        dense(f"{i}/up", WIDTH, HIDDEN)
        dense(f"{i}/down", HIDDEN, WIDTH)
    norm("norm")
    dense("logits", WIDTH, CLASSES)
    return weights


def measure(step):
    per_call = common.per_call(step, 1.0, 3.0)
    return lambda: {"step": per_call()}


def in_tensorflow():
    tf = common.get_tf()
    weights = {name: tf.Variable(value) for name, value in initial_weights().items()}
    tokens = tf.placeholder(tf.int32, [BATCH, LENGTH])
    labels = tf.placeholder(tf.int32, [BATCH, LENGTH])

    def dense(x, name):
        return tf.matmul(x, weights[name]) + weights[name + "_bias"]

    def norm(x, name):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return tf.nn.batch_normalization(
            x, mean, variance, weights[name + "_bias"], weights[name], 1e-5
        )

    def attention(x, i):
        qkv = tf.reshape(dense(x, f"{i}/qkv"), [BATCH, LENGTH, 3, HEADS, DEPTH])
        q, k, v = tf.unstack(tf.transpose(qkv, [2, 0, 3, 1, 4]))
        logits = tf.matmul(q, k, transpose_b=True) * DEPTH**-0.5
        heads = tf.transpose(tf.matmul(tf.nn.softmax(logits), v), [0, 2, 1, 3])
        return dense(tf.reshape(heads, [-1, WIDTH]), f"{i}/out")

    x = tf.reshape(tf.nn.embedding_lookup(weights["embedding"], tokens), [-1, WIDTH])
    for i in range(LAYERS):
        x += attention(norm(x, f"{i}/norm1"), i)
        x += dense(tf.nn.relu(dense(norm(x, f"{i}/norm2"), f"{i}/up")), f"{i}/down")
    logits = dense(norm(x, "norm"), "logits")
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.reshape(labels, [-1]), logits=logits
    )
    loss = tf.reduce_mean(loss)
    train = tf.train.GradientDescentOptimizer(RATE).minimize(loss)
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    feeds = dict(zip((tokens, labels), data()))
    return measure(lambda: session.run([train, loss], feeds))


def in_jax():
    import functools

    import jax
    import jax.numpy as jnp

    def dense(weights, x, name):
        return x @ weights[name] + weights[name + "_bias"]

    def norm(weights, x, name):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        x = (x - mean) * jax.lax.rsqrt(variance + 1e-5)
        return x * weights[name] + weights[name + "_bias"]

    def attention(weights, x, i):
        qkv = dense(weights, x, f"{i}/qkv").reshape(BATCH, LENGTH, 3, HEADS, DEPTH)
        q, k, v = jnp.transpose(qkv, (2, 0, 3, 1, 4))
        logits = q @ k.swapaxes(-1, -2) * DEPTH**-0.5
        heads = (jax.nn.softmax(logits) @ v).transpose(0, 2, 1, 3)
        return dense(weights, heads.reshape(-1, WIDTH), f"{i}/out")

    def loss_function(weights, tokens, labels):
        x = weights["embedding"][tokens].reshape(-1, WIDTH)
        for i in range(LAYERS):
            x += attention(weights, norm(weights, x, f"{i}/norm1"), i)
            hidden = jax.nn.relu(dense(weights, norm(weights, x, f"{i}/norm2"), f"{i}/up"))
            x += dense(weights, hidden, f"{i}/down")
        logits = jax.nn.log_softmax(dense(weights, norm(weights, x, "norm"), "logits"))
        return -jnp.take_along_axis(logits, labels.reshape(-1, 1), 1).mean()

    @functools.partial(jax.jit, donate_argnums=0)
    def train(weights, tokens, labels):
        loss, gradients = jax.value_and_grad(loss_function)(weights, tokens, labels)
        return jax.tree.map(lambda w, g: w - RATE * g, weights, gradients), loss

    weights = jax.device_put(initial_weights())
    tokens, labels = data()

    def step():
        nonlocal weights
        weights, loss = train(weights, tokens, labels)
        jax.block_until_ready((weights, loss))

    return measure(step)


def in_torch(wrap=lambda network: network):
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(CLASSES, WIDTH)
            layer = nn.TransformerEncoderLayer(
                WIDTH, HEADS, HIDDEN, dropout=0.0, batch_first=True, norm_first=True
            )
            self.encoder = nn.TransformerEncoder(
                layer, LAYERS, nn.LayerNorm(WIDTH), enable_nested_tensor=False
            )
            self.logits = nn.Linear(WIDTH, CLASSES)

        def forward(self, tokens):
            return self.logits(self.encoder(self.embedding(tokens)))

    network = Network()
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    network = wrap(network)
    tokens, labels = data()

    def step():
        optimizer.zero_grad()
        logits = network(torch.from_numpy(tokens)).reshape(-1, CLASSES)
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(labels).reshape(-1))
        loss.backward()
        optimizer.step()
        return loss.item()

    return measure(step)


def in_torch_compiled():
    import torch

    return in_torch(torch.compile)
