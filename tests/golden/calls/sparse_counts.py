"""Calls of tf.sparse.bincount."""

import numpy as np

ARRAYS = {
    "d": np.array([[1, 1, 2], [5, 0, 1]], np.int64),
    "w": np.array([[1.5, 1, 2], [5, 0.25, 1]], np.float64),
    "f": np.ones((2, 2), np.float32),
}

CALLS = """
tf.sparse.bincount(d)
tf.sparse.bincount(d, axis=-1)
tf.sparse.bincount(d, axis=None)
tf.sparse.bincount(d, axis=-1, minlength=8)
tf.sparse.bincount(d, axis=-1, maxlength=3)
tf.sparse.bincount(d, axis=-1, binary_output=True)
tf.sparse.bincount(d, weights=w, axis=-1)
tf.sparse.bincount(d, weights=w)
tf.sparse.bincount(d[0])
tf.sparse.bincount(tf.sparse.from_dense(d), axis=-1)
tf.sparse.bincount(tf.sparse.from_dense(d))
tf.sparse.bincount(tf.sparse.from_dense(d), weights=tf.sparse.from_dense(d * 2), axis=-1)
tf.sparse.bincount(tf.ragged.constant([[1, 1], [2, 5, 0]]), axis=-1)
tf.sparse.bincount(tf.ragged.constant([[1, 1], [2, 5, 0]]))
tf.sparse.bincount(tf.ragged.constant([[1, 1], [2, 5, 0]]), axis=-1, minlength=10, maxlength=5)
tf.sparse.bincount(d, axis=1)
tf.sparse.bincount(d, weights=d, binary_output=True)
tf.sparse.bincount(d - 1)
"""

PROGRAMS = []
