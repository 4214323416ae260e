"""TF 1's initializers: https://www.tensorflow.org/api_docs/python/tf/compat/v1/initializers

Each is an object that is called with a shape, and makes a tensor to start a variable from.
`ops/variables/initializers_v2.py` has TF 2's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang.dtypes import DType, as_dtype, float32
from reflow.lang.export import export
from reflow.lang.tensor import Tensor
from reflow.ops.variables.partitioned import PartitionInfo

# The standard deviation of a unit normal distribution that is cut at two standard deviations.
TRUNCATED_STDDEV = 0.87962566103423978


class Initializer:
    """Makes the initial value of a variable from its shape."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: PartitionInfo | None = None):
        """A tensor of `shape`; `partition_info` says which part of a larger variable it is."""
        raise NotImplementedError(type(self).__name__)

    def get_config(self) -> dict[str, Any]:
        """The arguments from which `from_config` makes an equal initializer."""
        raise NotImplementedError(type(self).__name__)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An initializer from what `get_config` gave."""
        return cls(**config)


def require_float(dtype: Any) -> DType:
    """`dtype` as a `DType`.

    Raises:
      ValueError: if it is no floating-point type.
    """
    dtype = as_dtype(dtype)
    if not dtype.is_floating:
        raise ValueError(f"Argument `dtype` is expected to be floating point. Received: {dtype}.")
    return dtype


def _whole(shape: Any, partition_info: PartitionInfo | None) -> Any:
    return shape if partition_info is None else partition_info.full_shape


@export(v1=("zeros_initializer", "initializers.zeros"))
class Zeros(Initializer):
    """Zeros (empty strings, False).

    Args:
      dtype: the dtype when the call does not say one.

    >>> import reflow as tf
    >>> print(tf.compat.v1.zeros_initializer()([2]).numpy())
    [0. 0.]
    """

    def __init__(self, dtype: Any = float32):
        self.dtype = as_dtype(dtype)

    def __call__(self, shape, dtype=None, partition_info=None):
        from reflow.ops.filling import zeros

        return zeros(shape, self.dtype if dtype is None else dtype)

    def get_config(self):
        return {"dtype": self.dtype.name}


@export(v1=("ones_initializer", "initializers.ones"))
class Ones(Initializer):
    """Ones.

    Args:
      dtype: the dtype when the call does not say one.

    >>> import reflow as tf
    >>> print(tf.compat.v1.ones_initializer()([2]).numpy())
    [1. 1.]
    """

    def __init__(self, dtype: Any = float32):
        self.dtype = as_dtype(dtype)

    def __call__(self, shape, dtype=None, partition_info=None):
        from reflow.ops.filling import ones

        return ones(shape, self.dtype if dtype is None else dtype)

    def get_config(self):
        return {"dtype": self.dtype.name}


@export(v1=("constant_initializer", "initializers.constant"))
class Constant(Initializer):
    """Given values.

    Args:
      value: a number, a list or an array; too few values repeat the last one.
      dtype: the dtype when the call does not say one.
      verify_shape: whether to insist on values of exactly the shape asked for.

    Raises:
      TypeError: if `value` is none of these; when called, if it does not fit the shape.

    >>> import reflow as tf
    >>> print(tf.compat.v1.constant_initializer([1.0, 2.0])([3]).numpy())
    [1. 2. 2.]
    """

    def __init__(self, value: Any = 0, dtype: Any = float32, verify_shape: bool = False):
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise TypeError(
                f"Invalid type for initial value={value} of type: {type(value).__name__}. Expected "
                "Python scalar, list or tuple of values, or numpy.ndarray."
            )
        self.value = value
        self.dtype = as_dtype(dtype)
        self._verify_shape = verify_shape

    def __call__(self, shape, dtype=None, partition_info=None, verify_shape=None):
        from reflow.ops.constant import constant_v1

        return constant_v1(
            self.value,
            dtype=self.dtype if dtype is None else dtype,
            shape=shape,
            verify_shape=self._verify_shape if verify_shape is None else verify_shape,
        )

    def get_config(self):
        return {"value": self.value, "dtype": self.dtype.name}


@export(v1=("random_uniform_initializer", "initializers.random_uniform"))
class RandomUniform(Initializer):
    """Uniformly distributed values.

    Args:
      minval: the smallest value.
      maxval: the bound that values stay below; 1 for floats by default.
      seed: the seed of the op, see `tf.compat.v1.set_random_seed`.
      dtype: the dtype when the call does not say one.

    >>> import reflow as tf
    >>> tf.compat.v1.random_uniform_initializer(-1.0, 1.0)([2, 3]).shape
    TensorShape([2, 3])
    """

    def __init__(self, minval: Any = 0.0, maxval: Any = None, seed=None, dtype: Any = float32):
        self.minval = minval
        self.maxval = maxval
        self.seed = seed
        self.dtype = as_dtype(dtype)

    def __call__(self, shape, dtype=None, partition_info=None):
        from reflow.ops.random.random_ops import random_uniform

        dtype = self.dtype if dtype is None else dtype
        return random_uniform(shape, self.minval, self.maxval, dtype, seed=self.seed)

    def get_config(self):
        return {
            "minval": self.minval,
            "maxval": self.maxval,
            "seed": self.seed,
            "dtype": self.dtype.name,
        }


class _Normal(Initializer):
    """What the two normal distributions have in common."""

    def __init__(self, mean: Any = 0.0, stddev: Any = 1.0, seed=None, dtype: Any = float32):
        self.mean = mean
        self.stddev = stddev
        self.seed = seed
        self.dtype = require_float(dtype)

    def get_config(self):
        return {
            "mean": self.mean,
            "stddev": self.stddev,
            "seed": self.seed,
            "dtype": self.dtype.name,
        }


@export(v1=("random_normal_initializer", "initializers.random_normal"))
class RandomNormal(_Normal):
    """Normally distributed values.

    Args:
      mean, stddev: of the distribution.
      seed: the seed of the op, see `tf.compat.v1.set_random_seed`.
      dtype: the floating-point dtype when the call does not say one.

    Raises:
      ValueError: if the dtype is no floating-point one.

    >>> import reflow as tf
    >>> tf.compat.v1.random_normal_initializer(stddev=0.1)([2, 3]).shape
    TensorShape([2, 3])
    """

    def __call__(self, shape, dtype=None, partition_info=None):
        from reflow.ops.random.random_ops import random_normal

        dtype = self.dtype if dtype is None else dtype
        return random_normal(shape, self.mean, self.stddev, dtype, seed=self.seed)


@export(v1=("truncated_normal_initializer", "initializers.truncated_normal"))
class TruncatedNormal(_Normal):
    """Normally distributed values that are at most two standard deviations from the mean.

    Args:
      mean, stddev: of the distribution before it is cut.
      seed: the seed of the op, see `tf.compat.v1.set_random_seed`.
      dtype: the floating-point dtype when the call does not say one.

    Raises:
      ValueError: if the dtype is no floating-point one.

    >>> import reflow as tf
    >>> tf.compat.v1.truncated_normal_initializer(stddev=0.1)([2, 3]).shape
    TensorShape([2, 3])
    """

    def __call__(self, shape, dtype=None, partition_info=None):
        from reflow.ops.random.random_ops import truncated_normal

        dtype = self.dtype if dtype is None else dtype
        return truncated_normal(shape, self.mean, self.stddev, dtype, seed=self.seed)


@export(v1=("uniform_unit_scaling_initializer", "initializers.uniform_unit_scaling"))
class UniformUnitScaling(Initializer):
    """Uniformly distributed values that keep the scale of the variance of a layer's input.

    Values lie within `sqrt(3 / n) * factor` of zero, where n is the product of all dimensions but the
    last: https://arxiv.org/abs/1412.6558

    Args:
      factor: what to multiply the bound with.
      seed: the seed of the op, see `tf.compat.v1.set_random_seed`.
      dtype: the floating-point dtype when the call does not say one.

    Raises:
      ValueError: if the dtype is no floating-point one.
    """

    def __init__(self, factor: float = 1.0, seed=None, dtype: Any = float32):
        self.factor = factor
        self.seed = seed
        self.dtype = require_float(dtype)

    def __call__(self, shape, dtype=None, partition_info=None):
        from reflow.ops.random.random_ops import random_uniform

        size = max(math.prod(float(d) for d in _whole(shape, partition_info)[:-1]), 1.0)
        bound = math.sqrt(3 / size) * self.factor
        dtype = self.dtype if dtype is None else dtype
        return random_uniform(shape, -bound, bound, dtype, seed=self.seed)

    def get_config(self):
        return {"factor": self.factor, "seed": self.seed, "dtype": self.dtype.name}


def compute_fans(shape: Sequence[int]) -> tuple[int, int]:
    """The number of inputs and outputs of a unit of a layer with weights of this shape."""
    sizes = [int(d) for d in shape]
    if not sizes:
        return 1, 1
    if len(sizes) == 1:
        return sizes[0], sizes[0]
    field = math.prod(sizes[:-2])
    return sizes[-2] * field, sizes[-1] * field


def scaled(scale: float, mode: str, shape: Sequence[int]) -> float:
    """`scale` divided by the number of inputs, of outputs, or by their mean."""
    fan_in, fan_out = compute_fans(shape)
    n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[mode]
    return scale / max(1.0, n)


def check_scaling(scale: float, mode: str, distribution: str, allowed: Sequence[str]) -> str:
    """The distribution in lower case.

    Raises:
      ValueError: if one of the arguments has no meaning.
    """
    if scale <= 0.0:
        raise ValueError(f"Argument `scale` must be a positive float. Received: {scale}")
    if mode not in ("fan_in", "fan_out", "fan_avg"):
        raise ValueError(
            f"Argument `mode` should be one of ('fan_in', 'fan_out', 'fan_avg'). Received: {mode}"
        )
    distribution = distribution.lower()
    if distribution not in allowed:
        raise ValueError(
            f"Argument `distribution` should be one of {tuple(allowed)}. Received: {distribution}"
        )
    return distribution


@export(v1=("variance_scaling_initializer", "initializers.variance_scaling"))
class VarianceScaling(Initializer):
    """Values whose variance is `scale` over the number of inputs or outputs of a unit.

    Args:
      scale: the variance is `scale / n`.
      mode: what n is: "fan_in", "fan_out" or "fan_avg", their mean.
      distribution: "truncated_normal" (or "normal"), "untruncated_normal" or "uniform".
      seed: the seed of the op, see `tf.compat.v1.set_random_seed`.
      dtype: the floating-point dtype when the call does not say one.

    Raises:
      ValueError: if one of the arguments has no meaning.

    >>> import reflow as tf
    >>> make = tf.compat.v1.variance_scaling_initializer(2.0, "fan_in", "uniform")
    >>> make([3, 4]).shape
    TensorShape([3, 4])
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed=None,
        dtype: Any = float32,
    ):
        self.distribution = check_scaling(
            scale,
            mode,
            distribution,
            ("normal", "uniform", "truncated_normal", "untruncated_normal"),
        )
        self.scale = scale
        self.mode = mode
        self.seed = seed
        self.dtype = require_float(dtype)

    def __call__(self, shape, dtype=None, partition_info=None):
        from reflow.ops.random import random_ops

        dtype = self.dtype if dtype is None else dtype
        variance = scaled(self.scale, self.mode, _whole(shape, partition_info))
        if self.distribution in ("normal", "truncated_normal"):
            stddev = math.sqrt(variance) / TRUNCATED_STDDEV
            return random_ops.truncated_normal(shape, 0.0, stddev, dtype, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return random_ops.random_normal(shape, 0.0, math.sqrt(variance), dtype, seed=self.seed)
        limit = math.sqrt(3.0 * variance)
        return random_ops.random_uniform(shape, -limit, limit, dtype, seed=self.seed)

    def get_config(self):
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self.seed,
            "dtype": self.dtype.name,
        }


class _Glorot(VarianceScaling):
    def get_config(self):
        return {"seed": self.seed, "dtype": self.dtype.name}


@export(v1=("glorot_uniform_initializer", "initializers.glorot_uniform"))
class GlorotUniform(_Glorot):
    """Uniform values of variance 2 / (inputs + outputs): Glorot and Bengio, AISTATS 2010.

    Args:
      seed: the seed of the op, see `tf.compat.v1.set_random_seed`.
      dtype: the floating-point dtype when the call does not say one.
    """

    def __init__(self, seed=None, dtype: Any = float32):
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)


@export(v1=("glorot_normal_initializer", "initializers.glorot_normal"))
class GlorotNormal(_Glorot):
    """Truncated normal values of variance 2 / (inputs + outputs): Glorot and Bengio, AISTATS 2010.

    Args:
      seed: the seed of the op, see `tf.compat.v1.set_random_seed`.
      dtype: the floating-point dtype when the call does not say one.
    """

    def __init__(self, seed=None, dtype: Any = float32):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)


@export(v1=("initializers.lecun_normal",))
def lecun_normal(seed=None):
    """Truncated normal values of variance 1 / inputs: LeCun et al., Efficient BackProp, 1998."""
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


@export(v1=("initializers.lecun_uniform",))
def lecun_uniform(seed=None):
    """Uniform values of variance 1 / inputs: LeCun et al., Efficient BackProp, 1998."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


@export(v1=("initializers.he_normal",))
def he_normal(seed=None):
    """Truncated normal values of variance 2 / inputs: https://arxiv.org/abs/1502.01852"""
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


@export(v1=("initializers.he_uniform",))
def he_uniform(seed=None):
    """Uniform values of variance 2 / inputs: https://arxiv.org/abs/1502.01852"""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def orthogonal_from(normal: Tensor, shape: Sequence[int], gain: float, transposed: bool) -> Tensor:
    """The orthogonal factor of a random matrix, with signs that make it uniformly distributed."""
    from reflow.lang.opdef import REGISTRY
    from reflow.ops import array

    q, r = REGISTRY["Qr"](normal, full_matrices=False)
    q = q * REGISTRY["Sign"](REGISTRY["DiagPart"](r))
    if transposed:
        q = array.matrix_transpose(q)
    return gain * array.reshape(q, shape)


def orthogonal_shape(shape: Sequence[int]) -> tuple[tuple[int, int], bool]:
    """The tall matrix to factor for an orthogonal tensor of `shape`, and whether to transpose it.

    Raises:
      ValueError: for fewer than two dimensions.
    """
    if len(shape) < 2:
        raise ValueError(
            "The tensor to initialize, specified by argument `shape` must be at least "
            f"two-dimensional. Received shape={shape}"
        )
    rows, columns = math.prod(int(d) for d in shape[:-1]), int(shape[-1])
    return ((columns, rows), True) if rows < columns else ((rows, columns), False)


@export(v1=("orthogonal_initializer", "initializers.orthogonal"))
class Orthogonal(Initializer):
    """A random orthogonal matrix; more dimensions are flattened: https://arxiv.org/abs/1312.6120

    Args:
      gain: what to multiply it with.
      seed: the seed of the op, see `tf.compat.v1.set_random_seed`.
      dtype: the floating-point dtype when the call does not say one.

    Raises:
      ValueError: if the dtype is no floating-point one; when called, for fewer than two dimensions.
    """

    def __init__(self, gain: float = 1.0, seed=None, dtype: Any = float32):
        self.gain = gain
        self.seed = seed
        self.dtype = require_float(dtype)

    def __call__(self, shape, dtype=None, partition_info=None):
        from reflow.ops.random.random_ops import random_normal

        flat, transposed = orthogonal_shape(shape)
        dtype = self.dtype if dtype is None else dtype
        normal = random_normal(flat, dtype=dtype, seed=self.seed)
        return orthogonal_from(normal, shape, self.gain, transposed)

    def get_config(self):
        return {"gain": self.gain, "seed": self.seed, "dtype": self.dtype.name}


@export(v1=("initializers.identity",))
class Identity(Initializer):
    """The identity matrix.

    Args:
      gain: what to multiply it with.
      dtype: the floating-point dtype when the call does not say one.

    Raises:
      ValueError: if the dtype is no floating-point one; when called, for other than two dimensions.
    """

    def __init__(self, gain: float = 1.0, dtype: Any = float32):
        self.gain = gain
        self.dtype = require_float(dtype)

    def __call__(self, shape, dtype=None, partition_info=None):
        full = _whole(shape, partition_info)
        if len(full) != 2:
            raise ValueError(
                "The tensor to initialize, specified by argument `shape` must be at least "
                f"two-dimensional. Received shape={shape}"
            )
        dtype = as_dtype(self.dtype if dtype is None else dtype)
        return identity_matrix(full, dtype, self.gain, shape, partition_info)

    def get_config(self):
        return {"gain": self.gain, "dtype": self.dtype.name}


def identity_matrix(full, dtype, gain, shape, partition_info):
    """`gain` times the identity matrix, or a part of it."""
    from reflow.ops.linalg.matrix_diag import eye

    matrix = eye(*full, dtype=dtype)
    if partition_info is not None:
        from reflow.ops.slicing import slice_

        matrix = slice_(matrix, partition_info.var_offset, shape)
    return gain * matrix
