"""Calls of the functions of tf.nn whose nodes, values and gradients are compared with TensorFlow's.

Each line is an expression of `tf` (the TF 1 name space), `tf2` (TF 2's), of the helpers below, and of the
arrays: `x` stands for a constant node "x" with the value ARRAYS["x"].
"""

import numpy as np

_rng = np.random.default_rng(12)


def _normal(*shape):
    return _rng.standard_normal(shape).astype(np.float32)


def _chances(*shape):
    values = _rng.random(shape)
    return (values / values.sum(-1, keepdims=True)).astype(np.float32)


ARRAYS = {
    "x": _normal(2, 6, 5, 3),
    "w": _normal(3, 3, 3, 4),
    "y": _normal(2, 3, 3, 4),
    "x1": _normal(2, 7, 3),
    "w1": _normal(3, 3, 4),
    "y1": _normal(2, 4, 4),
    "x3": _normal(2, 4, 5, 4, 3),
    "w3": _normal(2, 2, 2, 3, 4),
    "y3": _normal(2, 2, 3, 2, 4),
    "wide": _normal(2, 9, 8, 3),
    "wide4": _normal(2, 6, 5, 4),
    "d": _normal(3, 3, 3, 2),
    "p": _normal(1, 1, 6, 4),
    "s": _normal(2, 2, 3),
    "a": _normal(4, 5),
    "b": _normal(5),
    "c": np.abs(_normal(4, 5)) + 0.5,
    "v": _normal(4),
    "k": np.abs(_normal(5)) + 0.5,
    "labels": _chances(4, 5),
    "ids": np.array([0, 4, 2, 1], np.int32),
    "cube": _normal(2, 3, 4),
    "cube_labels": _chances(2, 3, 4),
    "cube_ids": np.array([[0, 3, 2], [1, 1, 0]], np.int64),
    "half": _normal(4, 5).astype(np.float16),
    "o": _normal(3),
    "q": np.abs(_normal(3)) + 0.5,
    "m": _normal(3, 4),
    "mw": _normal(4, 5),
    "t0": _normal(7, 3),
    "t1": _normal(6, 3),
    "rows": np.array([1, 5, 5], np.int64),
    "rows2": np.array([[1, 5], [12, 7]], np.int64),
    "weights": _normal(20, 4),
    "biases": _normal(20),
    "true": np.array([[3], [7], [1]], np.int64),
    "true2": np.array([[3, 4], [7, 0], [1, 1]], np.int64),
    "inputs": _normal(3, 4),
    "drawn": np.array([1, 3, 5, 7, 4], np.int64),
    "often": np.full((3, 1), 0.3, np.float32),
    "often2": np.full((3, 2), 0.3, np.float32),
    "rare": np.array([0.1, 0.2, 0.3, 0.4, 0.5], np.float32),
    "speech": _normal(6, 3, 5),
    "steps": np.array([6, 4, 5], np.int32),
    "words": np.array([[1, 2, 0], [1, 0, 0], [3, 3, 1]], np.int32),
    "blank_words": np.array([[0, 2, 4], [0, 1, 1], [3, 0, 0]], np.int32),
    "words_length": np.array([2, 1, 3], np.int32),
    "sparse_ids": np.array([1, 2, 3, 1, 6], np.int64),
    "unsafe_ids": np.array([1, 2, -3, 1, 6], np.int64),
    "sparse_weights": np.array([0.5, 1, 2, 1, 3], np.float32),
}


def matrix(tf2, values):
    """A sparse 4x3 matrix with an empty row."""
    return tf2.SparseTensor([[0, 0], [0, 2], [1, 1], [3, 0], [3, 1]], values, [4, 3])


def full(tf2, values):
    """A sparse 3x3 matrix with no empty row."""
    return tf2.SparseTensor([[0, 0], [0, 1], [1, 0], [2, 0], [2, 1]], values, [3, 3])


def speech_labels(tf2):
    return tf2.SparseTensor(
        [[0, 0], [0, 1], [1, 0], [2, 0], [2, 1], [2, 2]],
        np.array([1, 2, 0, 3, 3, 1], np.int32),
        [3, 3],
    )


def dense(tf2, decoded):
    """What decoders give, as dense tensors."""
    sparse, score = decoded
    return [*(tf2.sparse.to_dense(each, default_value=-1) for each in sparse), score]


def twice(tf, y, x):
    """The gradients of the squares of gradients."""
    squares = [tf.reduce_sum(g * g) for g in tf.gradients(y, x)]
    return tf.gradients(squares, x)


# Node names and types are TensorFlow's exactly.
SAME_NODES = """
tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME")
tf.nn.conv2d(x, filter=w, strides=[1, 2, 2, 1], padding="VALID", name="cc")
tf2.nn.conv2d(x, w, 2, "SAME")
tf2.nn.conv2d(x, w, [2, 1], [[0, 0], [1, 2], [0, 1], [0, 0]])
tf2.nn.conv2d(tf.expand_dims(x, 0), w, [2], "SAME")
tf.nn.conv1d(x1, w1, 1, "SAME")
tf2.nn.conv1d(x1, w1, 2, "VALID", name="hello")
tf.nn.conv3d(x3, w3, [1, 1, 1, 1, 1], "SAME")
tf2.nn.conv3d(x3, w3, [1, 2, 2, 2, 1], "VALID")
tf.nn.conv2d_transpose(y, w, [2, 6, 5, 3], [1, 2, 2, 1])
tf2.nn.conv2d_transpose(y, w, tf.stack([2, 6, 5, 3]), 2, name="ct")
tf2.nn.conv2d_transpose(y, w, [2, 7, 7, 3], 2, padding=[[0, 0], [0, 1], [1, 0], [0, 0]])
tf2.nn.conv1d_transpose(y1, w1, [2, 7, 3], 2)
tf.nn.conv3d_transpose(y3, w3, [2, 4, 5, 4, 3], [1, 2, 2, 2, 1])
tf2.nn.conv3d_transpose(y3, w3, [2, 4, 5, 4, 3], 2)
tf2.nn.conv_transpose(y, w, [2, 6, 5, 3], 2)
tf2.nn.conv_transpose(y1, w1, [2, 7, 3], 2)
tf.nn.convolution(x, w, "SAME")
tf.nn.convolution(x, w, "VALID", strides=[2, 1], name="foo")
tf2.nn.convolution(x3, w3, padding="SAME", strides=2)
tf.nn.depthwise_conv2d(x, d, [1, 1, 1, 1], "SAME")
tf2.nn.depthwise_conv2d(x, d, [1, 2, 2, 1], "VALID", name="dd")
tf.nn.depthwise_conv2d_native(x, d, [1, 1, 1, 1], "SAME")
tf.nn.separable_conv2d(x, d, p, [1, 1, 1, 1], "SAME")
tf.nn.dilation2d(x, s, [1, 1, 1, 1], [1, 1, 1, 1], "SAME")
tf2.nn.erosion2d(x, s, [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1])
tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
tf.nn.max_pool(value=x, ksize=2, strides=2, padding="VALID", name="mp")
tf2.nn.max_pool(x, 2, 2, "SAME")
tf2.nn.max_pool(x1, 2, 2, "SAME")
tf2.nn.max_pool(x3, 2, 2, "SAME")
tf2.nn.max_pool2d(x, 3, 2, [[0, 0], [1, 1], [0, 1], [0, 0]])
tf2.nn.max_pool1d(x1, 3, 2, "VALID")
tf2.nn.max_pool3d(x3, 2, 1, "VALID")
tf.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
tf2.nn.max_pool_with_argmax(x, 2, 2, "SAME", include_batch_in_index=True)
tf.nn.avg_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
tf2.nn.avg_pool(x, 3, 2, "SAME")
tf2.nn.avg_pool2d(x, 3, 2, "SAME")
tf2.nn.avg_pool1d(x1, 3, 2, "VALID")
tf2.nn.avg_pool3d(x3, 2, 2, "SAME")
tf.nn.pool(x, [2, 2], "MAX", "SAME")
tf.nn.pool(x, [2, 2], "AVG", "VALID", strides=[2, 1])
tf2.nn.pool(x1, [2], "MAX")
tf.nn.relu(a, name="r")
tf.nn.relu6(a)
tf.nn.leaky_relu(a, 0.1, name="lr")
tf.nn.leaky_relu(ids)
tf.nn.crelu(a, axis=0)
tf2.nn.crelu(a)
tf2.nn.gelu(a)
tf2.nn.gelu(a, approximate=True)
tf2.nn.softmax(cube)
tf.nn.softmax(v)
tf2.nn.log_softmax(cube, axis=2)
tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=a)
tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=a)
tf2.nn.softmax_cross_entropy_with_logits(labels, a, name="sce")
tf2.nn.softmax_cross_entropy_with_logits(cube_labels, cube, axis=1)
tf2.nn.softmax_cross_entropy_with_logits(cube_labels, cube)
tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids, logits=a)
tf2.nn.sparse_softmax_cross_entropy_with_logits(cube_ids, cube)
tf2.nn.sparse_softmax_cross_entropy_with_logits(ids, half)
tf2.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=a)
tf.nn.weighted_cross_entropy_with_logits(labels=labels, logits=a, pos_weight=2.0)
tf2.nn.weighted_cross_entropy_with_logits(labels, a, c)
tf2.nn.log_poisson_loss(c, a)
tf2.nn.log_poisson_loss(c * 3.0, a, compute_full_loss=True)
tf2.nn.bias_add(a, b)
tf.nn.bias_add(tf.transpose(x, [0, 3, 1, 2]), o, data_format="NCHW", name="ba")
tf2.nn.moments(x, [0, 1, 2])
tf.nn.moments(a, [0], keep_dims=True)
tf.nn.moments(half, [0])
tf.nn.sufficient_statistics(a, [0, 1], shift=tf.constant(1.5), keep_dims=True)
tf2.nn.normalize_moments(tf.constant(4.0), v, tf.abs(v) * 9.0, None)
tf2.nn.normalize_moments(tf.constant(4.0), v, tf.abs(v) * 9.0, tf.constant(1.0))
tf2.nn.weighted_moments(a, [0], c)
tf.nn.weighted_moments(a, [1], c[:, :1], keep_dims=True)
tf2.nn.batch_normalization(a, b, k, b, b, 1e-3)
tf2.nn.batch_normalization(a, b, k, None, None, 1e-3, name="n")
tf.nn.fused_batch_norm(x, o, o)
tf.nn.fused_batch_norm(x, o, o, o, q, exponential_avg_factor=0.1)
tf.nn.fused_batch_norm(x, o, o, o, q, is_training=False, name="f")[0]
tf.nn.batch_norm_with_global_normalization(x, o, q, o, o, 1e-3, True)
tf2.nn.lrn(x, depth_radius=1, bias=1.0, alpha=0.5, beta=0.75)
tf.nn.local_response_normalization(x, name="l")
tf.nn.xw_plus_b(m, mw, b)
tf.nn.relu_layer(m, mw, b)
tf2.nn.embedding_lookup(t0, rows)
tf2.nn.embedding_lookup([t0], rows, name="e")
tf.nn.embedding_lookup([t0, t1], rows2)
tf2.nn.embedding_lookup([t0, t1], rows2)
tf2.nn.embedding_lookup_sparse(t0, full(tf2, sparse_ids), None)
tf2.nn.embedding_lookup_sparse(t0, full(tf2, sparse_ids), None, combiner="sum")
tf2.nn.embedding_lookup_sparse(t0, full(tf2, sparse_ids), full(tf2, sparse_weights))
tf2.nn.embedding_lookup_sparse(t0, full(tf2, sparse_ids), full(tf2, sparse_weights), combiner="sqrtn")
tf.nn.embedding_lookup_sparse([t0, t1], full(tf2, sparse_ids), None)
tf2.nn.nce_loss(weights, biases, true, inputs, 5, 20, sampled_values=(drawn, often, rare))
tf.nn.nce_loss(weights, biases, true2, inputs, 5, 20, num_true=2, sampled_values=(drawn, often2, rare), remove_accidental_hits=True)
tf2.nn.sampled_softmax_loss(weights, biases, true, inputs, 5, 20, sampled_values=(drawn, often, rare))
tf.nn.ctc_loss(speech_labels(tf2), speech, steps)
tf.nn.ctc_loss(speech_labels(tf2), tf.transpose(speech, [1, 0, 2]), steps, time_major=False)
"""

# Values alone are compared: other nodes do, or constants are folded while building.
SAME_VALUES = """
tf.nn.convolution(x, w, "SAME", dilation_rate=[2, 2])
tf2.nn.convolution(x1, w1, padding="SAME", dilations=[2])
tf.nn.convolution(x3, w3, "SAME", dilation_rate=[1, 2, 1])
tf2.nn.atrous_conv2d(wide, w, 2, "VALID")
tf2.nn.atrous_conv2d_transpose(wide4, w, [2, 6, 5, 3], 2, "SAME")
tf2.nn.atrous_conv2d_transpose(wide4, w, [2, 10, 9, 3], 2, "VALID")
tf2.nn.atrous_conv2d_transpose(wide4, w, [2, 6, 5, 3], 1, "SAME")
tf.nn.depthwise_conv2d(x, d, [1, 1, 1, 1], "SAME", rate=[2, 2])
tf.nn.depthwise_conv2d(wide, d, [1, 1, 1, 1], "VALID", rate=[2, 1])
tf.nn.separable_conv2d(x, d, p, [1, 1, 1, 1], "SAME", rate=[2, 2])
tf2.nn.pool(x, [2, 2], "AVG", dilations=[1, 2])
tf2.nn.silu(a)
tf2.nn.silu(a, beta=1.5)
tf2.nn.softmax(cube, axis=1)
tf.nn.log_softmax(cube, dim=0, name="ls")
tf2.nn.zero_fraction(ids)
tf.nn.sufficient_statistics(tf.placeholder_with_default(a, [None, 5]), [0])[:3]
tf2.nn.compute_average_loss(v, global_batch_size=8)
tf2.nn.compute_average_loss(v, sample_weight=tf.abs(v), global_batch_size=8)
tf2.nn.scale_regularization_loss(tf.reduce_sum(a))
tf2.nn.embedding_lookup(t0, rows, max_norm=1.0)
tf.nn.embedding_lookup([t0, t1], rows2, max_norm=0.5)
tf2.nn.safe_embedding_lookup_sparse(t0, matrix(tf2, unsafe_ids))
tf2.nn.safe_embedding_lookup_sparse(t0, matrix(tf2, unsafe_ids), default_id=3)
tf.nn.safe_embedding_lookup_sparse([t0, t1], matrix(tf2, sparse_ids), matrix(tf2, sparse_weights), combiner="sum")
tf2.nn.ctc_loss(words, speech, words_length, steps)
tf2.nn.ctc_loss(words, speech, words_length, steps, blank_index=4)
tf.stop_gradient(tf2.nn.ctc_loss(blank_words, speech, words_length, steps))
tf2.nn.ctc_loss(blank_words, speech, words_length, steps, blank_index=2)
tf.stop_gradient(tf2.nn.ctc_loss(blank_words, tf.transpose(speech, [1, 0, 2]), words_length, steps, logits_time_major=False))
tf2.nn.ctc_unique_labels(words)
tf.stop_gradient(tf2.nn.ctc_loss(speech_labels(tf2), speech, None, steps, blank_index=-1))
tf2.nn.collapse_repeated(words, words_length)
dense(tf2, tf2.nn.ctc_greedy_decoder(speech, steps))
dense(tf2, tf2.nn.ctc_beam_search_decoder(speech, steps, beam_width=4, top_paths=2))
tf.nn.dropout(a, 0.5, seed=3)
tf.nn.dropout(a, rate=0.25, noise_shape=[4, 1], seed=4, name="dd")
tf2.nn.dropout(a, rate=tf.constant(0.4), seed=1)
tf2.nn.experimental.stateless_dropout(a, 0.4, seed=[1, 2])
tf2.nn.sampled_softmax_loss(weights, biases, true, inputs, 5, 20, seed=9)
twice(tf, tf2.nn.conv2d(x, w, 2, "SAME"), [w])
twice(tf, tf2.nn.max_pool2d(x * x, 3, 2, "SAME"), [x])
twice(tf, tf2.nn.avg_pool2d(x * x, 3, 2, "SAME"), [x])
twice(tf, tf2.nn.softmax(a), [a])
twice(tf, tf2.nn.softmax_cross_entropy_with_logits(labels, a), [a])
twice(tf, tf2.nn.sparse_softmax_cross_entropy_with_logits(ids, a), [a])
twice(tf, tf.nn.fused_batch_norm(x * x, o, o)[0] ** 3, [x, o])
twice(tf, tf.nn.fused_batch_norm(x * x, o, o, o, q, is_training=False)[0] ** 3, [x, o])
twice(tf, tf.nn.bias_add(a, b) ** 3, [a, b])
twice(tf, tf.nn.softplus(a), [a])
twice(tf, tf.nn.elu(a) ** 2, [a])
twice(tf, tf.nn.selu(a) ** 2, [a])
twice(tf, tf.nn.leaky_relu(a) ** 2, [a])
twice(tf, tf.nn.relu6(a) ** 2, [a])
"""


def lines(text):
    return [line for line in text.splitlines() if line]


class Names(dict):
    """The names that an expression uses: an array is made a constant when it is first asked for."""

    def __init__(self, tf, tf2):
        super().__init__(tf=tf, tf2=tf2)
        self.made = {}
        for helper in (matrix, full, speech_labels, dense, twice):
            self[helper.__name__] = helper

    def __missing__(self, name):
        if name not in ARRAYS:
            raise KeyError(name)
        self[name] = self.made[name] = self["tf"].constant(ARRAYS[name], name=name)
        return self[name]


def outputs(result):
    """The tensors of a result in a flat list."""
    if isinstance(result, (list, tuple)):
        return [t for each in result for t in outputs(each)]
    return [] if result is None else [result]


def differentiable(call):
    """Whether gradients of the call are compared: not where a second run draws other numbers."""
    return not any(word in call for word in ("dropout(", "seed=", "twice("))
