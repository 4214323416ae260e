"""Calls of tf.sets."""

import numpy as np

ARRAYS = {
    "a": np.array([[1, 2, 2], [3, 4, 5]], np.int32),
    "b": np.array([[2, 7], [5, 3]], np.int32),
    "f": np.ones((2, 2), np.float32),
    "w": np.array([["b", "a"], ["c", "c"]], object),
}

CALLS = """
tf.sets.intersection(a, b)
tf.sets.union(a, b)
tf.sets.difference(a, b)
tf.sets.difference(a, b, aminusb=False)
tf.sets.union(w, [["z"], ["c"]])
tf.sets.union(a, tf.sparse.from_dense(b))
tf.sets.difference(tf.sparse.from_dense(a), b)
tf.sets.difference(tf.sparse.from_dense(a), b, aminusb=False)
tf.sets.intersection(tf.sparse.from_dense(a), tf.sparse.from_dense(b))
tf.sets.size(tf.sparse.from_dense(a))
tf1.sets.set_size(tf.sparse.from_dense(a))
tf1.sets.set_union(a, b)
tf1.sets.set_difference(a, b)
tf1.sets.set_intersection(a, b)
tf.sets.size(a)
tf.sets.union(f, f)
tf.sets.union(a, w)
"""

PROGRAMS = []
