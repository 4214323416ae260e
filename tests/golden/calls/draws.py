"""Calls of tf.nn.fractional_max_pool and its kin, tf.nn.isotonic_regression, tf.math.sobol_sample,
tf.fingerprint."""

import numpy as np

_rng = np.random.default_rng(2)

ARRAYS = {
    "x": _rng.standard_normal((2, 9, 7, 3)).astype(np.float32),
    "v": _rng.standard_normal((3, 6)).astype(np.float32),
    "y": _rng.standard_normal((3, 6, 2)).astype(np.float32),
    "d": _rng.standard_normal((2, 5)),
    "h": _rng.standard_normal((2, 5)).astype(np.float16),
    "i": _rng.integers(-9, 9, (2, 7)).astype(np.int32),
    "b": _rng.integers(-9, 9, (2, 7)).astype(np.int8),
    "s": np.array([["a", "b"], ["ab", ""]]),
    "n": np.array(4, np.int32),
}

# TensorFlow takes the borders to be one fewer than they are.
CALLS = """
tf.nn.fractional_max_pool(x, 1.5, seed=3)[0]
tf.nn.fractional_max_pool(x, 1.5, True, True, 3)[0]
tf.nn.fractional_max_pool(x, [1.0, 1.5, 1.3, 1.0], seed=7)[0]
tf.nn.fractional_max_pool(x, 0.5)
tf.nn.fractional_max_pool(x, [1.5, 1.3])
tf.nn.fractional_max_pool(x, [2.0, 1.5, 1.3, 1.0])
tf.nn.fractional_max_pool(x[0], 1.5)
tf.nn.fractional_avg_pool(x, [1.0, 1.5, 1.3, 1.0], seed=3)[0]
tf.nn.fractional_avg_pool(x, [1.0, 1.5, 1.3, 1.0], True, True, 3)[0]
tf.nn.fractional_avg_pool(x, [1.0, 0.5, 1.3, 1.0])
tf.nn.fractional_avg_pool(x, 1.5)
tf1.nn.fractional_max_pool(x, [1.0, 1.5, 1.3, 1.0], deterministic=True, seed=3, seed2=5)[0]
tf1.nn.fractional_avg_pool(x, [1.0, 1.5, 1.3, 1.0], True, True, True, 3, 5)[0]
tf.nn.isotonic_regression(v)
tf.nn.isotonic_regression(v, decreasing=False)
tf.nn.isotonic_regression(v, axis=0)
tf.nn.isotonic_regression(y, False, 1)
tf.nn.isotonic_regression(y, axis=-2)
tf.nn.isotonic_regression(d)
tf.nn.isotonic_regression(h)
tf.nn.isotonic_regression(i)
tf.nn.isotonic_regression(b, False)
tf.nn.isotonic_regression(v, axis=2)
tf.math.sobol_sample(5, 10)
tf.math.sobol_sample(dim=3, num_results=n, skip=n, dtype=tf.float64)
tf.math.sobol_sample(n, 3)
tf.math.sobol_sample(0, 3)
tf.fingerprint(s)
tf.fingerprint(s[:, 0])
tf.fingerprint(v)
tf.fingerprint(s, "md5")
tf.fingerprint(n)
"""

PROGRAMS = []
