"""A step of SGD on word2vec's skip-gram model: 50,000 words, depth 128, batch 128, 64 sampled words.

Noise-contrastive estimation; the gradients of both tables are sparse.
"""

import math

from workloads import common

METRICS = {"step": ("word2vec, 50,000 words, 128 wide, batch 128, NCE of 64, SGD step", "ms")}
TARGETS = {"step": "half of TensorFlow"}
WORDS, DEPTH, BATCH, SAMPLED = 50_000, 128, 128, 64
RATE = 0.1


def data():
    """Numbers of words and of words next to them, frequent ones first; the embeddings."""
    import numpy as np

    rng = np.random.default_rng(0)
    words = np.minimum(rng.zipf(1.3, (2, BATCH)) - 1, WORDS - 1)
    embeddings = rng.uniform(-1, 1, (WORDS, DEPTH)).astype(np.float32)
    weights = rng.standard_normal((WORDS, DEPTH), dtype=np.float32) / math.sqrt(DEPTH)
    return words[0], words[1], embeddings, weights


def measure(step):
    per_call = common.per_call(step, 0.5, 5.0)  # Reflow compiles in the background
    return lambda: {"step": per_call()}


def in_tensorflow():
    tf = common.get_tf()
    words, context, embeddings, weights = data()
    inputs = tf.placeholder(tf.int64, [BATCH])
    labels = tf.placeholder(tf.int64, [BATCH, 1])
    embeddings, weights = tf.Variable(embeddings), tf.Variable(weights)
    biases = tf.Variable(tf.zeros([WORDS]))
    embedded = tf.nn.embedding_lookup(embeddings, inputs)
    losses = tf.nn.nce_loss(weights, biases, labels, embedded, SAMPLED, WORDS)
    loss = tf.reduce_mean(losses)
    train = tf.train.GradientDescentOptimizer(RATE).minimize(loss)
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    feeds = {inputs: words, labels: context[:, None]}
    return measure(lambda: session.run([train, loss], feeds))


# The others have no such loss. What TensorFlow's does, but that words are drawn with replacement.
# torch.compile cannot do sparse gradients.


def in_jax():
    import functools

    import jax
    import jax.numpy as jnp

    words, context, embeddings, weights = data()

    def expected(ids):
        """How often each of the words is drawn: they are log-uniform."""
        ids = ids.astype(jnp.float32)
        return SAMPLED * jnp.log((ids + 2) / (ids + 1)) / math.log(WORDS + 1)

    def cross_entropy(logits, positive):
        return jnp.maximum(logits, 0) - logits * positive + jnp.log1p(jnp.exp(-jnp.abs(logits)))

    def loss_function(embedded, true_w, true_b, sampled_w, sampled_b, context, sampled):
        true = (embedded * true_w).sum(1) + true_b - jnp.log(expected(context))
        others = embedded @ sampled_w.T + sampled_b - jnp.log(expected(sampled))
        return (cross_entropy(true, 1.0) + cross_entropy(others, 0.0).sum(1)).mean()

    @functools.partial(jax.jit, donate_argnums=0)
    def train(state, key, words, context):
        embeddings, weights, biases = state
        key, use = jax.random.split(key)
        draws = jnp.exp(jax.random.uniform(use, (SAMPLED,)) * math.log(WORDS + 1)) - 1
        sampled = jnp.minimum(draws.astype(jnp.int32), WORDS - 1)
        rows = (weights[context], biases[context], weights[sampled], biases[sampled])
        loss, gradients = jax.value_and_grad(loss_function, range(5))(
            embeddings[words], *rows, context, sampled
        )
        embeddings = embeddings.at[words].add(-RATE * gradients[0])
        weights = weights.at[context].add(-RATE * gradients[1])
        biases = biases.at[context].add(-RATE * gradients[2])
        weights = weights.at[sampled].add(-RATE * gradients[3])
        biases = biases.at[sampled].add(-RATE * gradients[4])
        return (embeddings, weights, biases), key, loss

    state = jax.device_put((embeddings, weights, jnp.zeros(WORDS)))
    key = jax.random.key(0)

    def step():
        nonlocal state, key
        state, key, loss = train(state, key, words, context)
        jax.block_until_ready((state, loss))

    return measure(step)


def in_torch():
    import torch
    from torch import nn

    words, context, embeddings, weights = data()
    embed = nn.Embedding.from_pretrained(torch.from_numpy(embeddings), freeze=False, sparse=True)
    output = nn.Embedding.from_pretrained(torch.from_numpy(weights), freeze=False, sparse=True)
    bias = nn.Embedding.from_pretrained(torch.zeros(WORDS, 1), freeze=False, sparse=True)
    tables = [embed, output, bias]
    optimizer = torch.optim.SGD([p for table in tables for p in table.parameters()], lr=RATE)

    def expected(ids):
        """How often each of the words is drawn: they are log-uniform."""
        return SAMPLED * torch.log((ids + 2) / (ids + 1)) / math.log(WORDS + 1)

    def loss_function(words, context, sampled):
        embedded = embed(words)
        true = (embedded * output(context)).sum(1) + bias(context)[:, 0]
        others = embedded @ output(sampled).T + bias(sampled)[:, 0]
        true = true - torch.log(expected(context))
        others = others - torch.log(expected(sampled))
        entropy = nn.functional.binary_cross_entropy_with_logits
        losses = entropy(true, torch.ones_like(true), reduction="none")
        return (losses + entropy(others, torch.zeros_like(others), reduction="none").sum(1)).mean()

    def step():
        optimizer.zero_grad()
        draws = torch.exp(torch.rand(SAMPLED) * math.log(WORDS + 1)) - 1
        sampled = draws.long().clamp(max=WORDS - 1)
        loss = loss_function(torch.from_numpy(words), torch.from_numpy(context), sampled)
        loss.backward()
        optimizer.step()
        return loss.item()

    return measure(step)
