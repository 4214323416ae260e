"""Initializers: configurations, dtypes and shapes, and what they refuse.

Their nodes and values are compared with TensorFlow's in test_variables.py.
"""

import importlib.util
import math
import subprocess
import sys

import numpy as np
import pytest

import reflow as tf
from reflow.ops.variables import initializers, initializers_v2

v1 = tf.compat.v1
FROM_TF1 = [
    v1.zeros_initializer(tf.int32),
    v1.ones_initializer(),
    v1.constant_initializer([1, 2], tf.float64),
    v1.random_uniform_initializer(-1.0, 2.0, seed=3),
    v1.random_normal_initializer(1.0, 2.0, 4, tf.float64),
    v1.truncated_normal_initializer(stddev=0.5),
    v1.uniform_unit_scaling_initializer(2.0, seed=1),
    v1.variance_scaling_initializer(3.0, "fan_avg", "uniform", 5),
    v1.glorot_uniform_initializer(seed=1, dtype=tf.float64),
    v1.glorot_normal_initializer(),
    v1.orthogonal_initializer(2.0, 7),
    v1.initializers.identity(0.5),
    v1.initializers.he_normal(3),
    v1.initializers.lecun_uniform(),
]
FROM_TF2 = [
    tf.zeros_initializer(),
    tf.constant_initializer(3.0),
    tf.random_uniform_initializer(-2.0, 2.0, seed=1),
    tf.random_normal_initializer(stddev=2.0),
    initializers_v2.TruncatedNormal(seed=2),
    initializers_v2.VarianceScaling(2.0, "fan_out", "uniform"),
    initializers_v2.GlorotUniform(seed=1),
    initializers_v2.HeNormal(),
    initializers_v2.LecunUniform(seed=3),
    initializers_v2.Orthogonal(2.0, seed=1),
    initializers_v2.Identity(2.0),
]


def name(value):
    return type(value).__name__


@pytest.mark.parametrize("make", FROM_TF1 + FROM_TF2, ids=name)
def test_configurations_go_round(make):
    config = make.get_config()
    again = type(make).from_config(config)
    assert again.get_config() == config
    assert vars(again).keys() == vars(make).keys()


@pytest.mark.parametrize("make", FROM_TF1, ids=name)
def test_dtypes_of_tf1(make):
    with tf.Graph().as_default():
        assert make([2, 2]).dtype is make.dtype
        assert make(
            [2, 2], dtype=tf.float16 if name(make) != "Orthogonal" else tf.float64
        ).shape == [2, 2]


@pytest.mark.parametrize("make", FROM_TF2, ids=name)
def test_dtypes_of_tf2(make):
    assert make([2, 2]).dtype is tf.float32
    assert make([2, 2], tf.float64).dtype is tf.float64
    if name(make) in ("Orthogonal", "Identity"):
        with pytest.raises(ValueError, match="doesn't support partition-related arguments"):
            make([2, 2], partition_shape=(1, 2))
    with pytest.raises(TypeError, match="partition_shape"):
        make([2, 2], part=3)


def test_numeric_dtypes_only():
    for make in (tf.zeros_initializer(), tf.ones_initializer(), tf.random_uniform_initializer()):
        with pytest.raises(ValueError, match="numeric or boolean"):
            make([1], tf.string)
    for make in (tf.random_normal_initializer(), initializers_v2.GlorotUniform()):
        with pytest.raises(ValueError, match="floating point"):
            make([1], tf.int32)
    for kind in (v1.truncated_normal_initializer, v1.glorot_normal_initializer):
        with pytest.raises(ValueError, match="floating point"):
            kind(dtype=tf.int32)


def test_a_seed_of_tf2_gives_the_same_values_every_time():
    seeded = tf.random_normal_initializer(seed=3)
    assert (seeded([4]).numpy() == seeded([4]).numpy()).all()
    free = tf.random_normal_initializer()
    assert (free([4]).numpy() != free([4]).numpy()).any()


@pytest.mark.parametrize(
    ("shape", "fans"),
    [([], (1, 1)), ([5], (5, 5)), ([3, 4], (3, 4)), ([2, 3, 4, 5], (24, 30))],
)
def test_fans(shape, fans):
    assert initializers.compute_fans(shape) == fans


@pytest.mark.parametrize("module", [initializers, initializers_v2], ids=["tf1", "tf2"])
@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal", "untruncated_normal"])
def test_variance(module, distribution):
    make = module.VarianceScaling(2.0, "fan_in", distribution, seed=1)
    values = make([200, 100]).numpy()
    assert abs(values.mean()) < 0.005
    assert values.std() == pytest.approx(math.sqrt(2.0 / 200), rel=0.03)


def test_orthogonal_matrices():
    for shape in ([5, 3], [3, 5], [4, 4], [2, 3, 4]):
        w = v1.orthogonal_initializer(seed=1)(shape, tf.float64).numpy().reshape(-1, shape[-1])
        product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
        np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`scale` must be a positive float"):
        v1.variance_scaling_initializer(0.0)
    with pytest.raises(ValueError, match="`distribution` should be one of"):
        initializers_v2.VarianceScaling(distribution="gamma")
    with pytest.raises(ValueError, match="at least two-dimensional"):
        v1.initializers.identity()([3])
    with pytest.raises(ValueError, match="at least two-dimensional"):
        initializers_v2.Orthogonal()([3])
    with pytest.raises(TypeError, match="Invalid type for initial value"):
        tf.constant_initializer(object())
    with pytest.raises(TypeError):
        tf.constant_initializer([1.0, 2.0])([3])
    with pytest.raises(TypeError, match="Expected Tensor's shape"):
        v1.constant_initializer([1.0, 2.0], verify_shape=True)([3])
    with pytest.raises(NotImplementedError):
        initializers.Initializer()([1])


@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="needs Keras")
def test_the_initializers_of_tf2_are_kerass():
    program = """
import reflow as tf
from reflow.ops.variables.initializers import GlorotUniform
for name in ("GlorotUniform", "VarianceScaling", "get", "he_normal"):
    assert getattr(tf.initializers, name) is getattr(tf.keras.initializers, name)
assert tf.compat.v1.initializers.glorot_uniform is GlorotUniform
print("checked")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "checked\n", done.stderr
