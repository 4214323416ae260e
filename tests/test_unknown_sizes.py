"""Gradients of matrix functions and of the CTC loss where sizes or ranks are only known when it runs."""

import numpy as np
import pytest

import reflow as tf

tf1 = tf.compat.v1
_rng = np.random.default_rng(0)
TALL = _rng.standard_normal((4, 3)).astype(np.float32)
SQUARE = _rng.standard_normal((3, 3)).astype(np.float32)
DEFINITE = (SQUARE @ SQUARE.T + np.eye(3)).astype(np.float32)
RIGHT = _rng.standard_normal((4, 2)).astype(np.float32)
LOGITS = _rng.standard_normal((5, 2, 4)).astype(np.float32)
LABELS, LENGTHS, STEPS = (
    np.array(each, np.int32) for each in ([[1, 2, 0], [2, 1, 2]], [2, 3], [5, 5])
)
CTC = (LABELS, LOGITS, LENGTHS, STEPS)


def _sparse_loss(labels, logits, lengths, steps, **kwargs):
    places = tf.where(tf.sequence_mask(lengths, 3))
    sparse = tf.SparseTensor(places, tf.gather_nd(labels, places), [2, 3])
    return tf.nn.ctc_loss(sparse, logits, None, steps, **kwargs)


CASES = {
    "lstsq of tall": (lambda a, b: tf.linalg.lstsq(a, b, 0.1), (TALL, RIGHT)),
    "lstsq of wide": (lambda a, b: tf.linalg.lstsq(a, b, 0.1), (TALL.T.copy(), RIGHT[:3])),
    "expm": (tf.linalg.expm, (SQUARE,)),
    "sqrtm": (tf.linalg.sqrtm, (DEFINITE,)),
    "cholesky": (tf.linalg.cholesky, (DEFINITE,)),
    "eigh": (lambda a: tf.linalg.eigh(a)[0], (DEFINITE,)),
    "ctc": (lambda *args: tf.nn.ctc_loss(*args, blank_index=0), CTC),
    "ctc, blank last": (lambda *args: tf.nn.ctc_loss(*args, blank_index=-1), CTC),
    "ctc, blank inside": (lambda *args: tf.nn.ctc_loss(*args, blank_index=3), CTC),
    "sparse ctc": (lambda *args: _sparse_loss(*args, blank_index=0), CTC),
    "sparse ctc, blank last": (lambda *args: _sparse_loss(*args, blank_index=-1), CTC),
}


def _values(function, feeds, shape):
    with tf.Graph().as_default(), tf1.Session() as session:
        made = [tf1.placeholder(each.dtype, shape(each)) for each in feeds]
        result = function(*made)
        inexact = [each for each in made if each.dtype.is_floating]
        slopes = tf1.gradients(tf.reduce_sum(tf.sin(result)), inexact)
        return session.run([result, *slopes], dict(zip(made, feeds)))


@pytest.mark.parametrize(
    "shape", [lambda x: None, lambda x: [None] * x.ndim], ids=["rank", "sizes"]
)
@pytest.mark.parametrize("case", CASES)
def test_unknown_is_no_different(case, shape):
    function, feeds = CASES[case]
    known = _values(function, feeds, lambda x: x.shape)
    for got, want in zip(_values(function, feeds, shape), known, strict=True):
        np.testing.assert_allclose(got, want, 1e-5, 1e-5)
