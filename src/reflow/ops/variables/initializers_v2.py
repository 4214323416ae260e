"""TF 2's initializers: https://www.tensorflow.org/api_docs/python/tf/keras/initializers

Each is an object that is called with a shape and a dtype. With a seed it makes the same values in
every call.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import dtypes
from reflow.lang.dtypes import DType, as_dtype, float32
from reflow.lang.export import export
from reflow.ops.variables.initializers import (
    TRUNCATED_STDDEV,
    check_scaling,
    identity_matrix,
    orthogonal_from,
    orthogonal_shape,
    require_float,
    scaled,
)

_PARTITION = ("partition_shape", "partition_offset")


class Initializer:
    """Makes the initial value of a variable from its shape and dtype."""

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        """A tensor of `shape`; `partition_shape` and `partition_offset` say which part is meant."""
        raise NotImplementedError(type(self).__name__)

    def get_config(self) -> dict[str, Any]:
        """The arguments from which `from_config` makes an equal initializer."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An initializer from what `get_config` gave."""
        return cls(**{key: value for key, value in config.items() if key != "dtype"})

    def _part(self, shape: Any, kwargs: dict[str, Any], support_partition: bool = True) -> Any:
        """The shape to make: the part's, where one is asked for."""
        for key in kwargs:
            if key not in _PARTITION:
                raise TypeError(
                    f"Keyword argument should be one of {list(_PARTITION)}. Received: {key}"
                )
            if not support_partition:
                raise ValueError(
                    f"{type(self).__name__} initializer doesn't support partition-related arguments"
                )
        return kwargs.get("partition_shape", shape)


def _numeric(dtype: Any) -> DType:
    dtype = as_dtype(dtype)
    if not dtype.is_numpy_compatible or dtype is dtypes.string:
        raise ValueError(f"Argument `dtype` expected to be numeric or boolean. Received {dtype}.")
    return dtype


class _Generator:
    """The stateless ops for an initializer with a seed, the others for one without."""

    def __init__(self, seed: Any):
        self.seed = seed

    def __call__(self, kind: str, shape: Any, *arguments: Any, dtype: Any) -> Any:
        from reflow.ops.random import random_ops, stateless

        if self.seed is None:
            return getattr(random_ops, kind)(shape, *arguments, dtype=dtype)
        draw = getattr(stateless, "stateless_" + kind.removeprefix("random_"))
        return draw(shape, [self.seed, 0], *arguments, dtype=dtype)


@export(v2=("zeros_initializer",))
class Zeros(Initializer):
    """Zeros.

    >>> import reflow as tf
    >>> print(tf.zeros_initializer()([2]).numpy())
    [0. 0.]
    """

    def __call__(self, shape, dtype=float32, **kwargs):
        from reflow.ops.filling import zeros

        return zeros(self._part(shape, kwargs), _numeric(dtype or float32))


@export(v2=("ones_initializer",))
class Ones(Initializer):
    """Ones.

    >>> import reflow as tf
    >>> print(tf.ones_initializer()([2], tf.int32).numpy())
    [1 1]
    """

    def __call__(self, shape, dtype=float32, **kwargs):
        from reflow.ops.filling import ones

        return ones(self._part(shape, kwargs), _numeric(dtype or float32))


@export(v2=("constant_initializer",))
class Constant(Initializer):
    """Given values.

    Args:
      value: a number, a list or an array of as many elements as the shape has.
      support_partition: whether a part of a variable may be made of the whole `value`.

    Raises:
      TypeError: if `value` is none of these; when called, if it does not fit the shape.

    >>> import reflow as tf
    >>> print(tf.constant_initializer([1.0, 2.0])([2, 1]).numpy())
    [[1.]
     [2.]]
    """

    def __init__(self, value: Any = 0, support_partition: bool = False):
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise TypeError(
                f"Invalid type for initial value: {type(value).__name__}. Expected Python scalar, "
                "list or tuple of values, or numpy.ndarray."
            )
        self.value = value
        self.support_partition = support_partition

    def __call__(self, shape, dtype=None, **kwargs):
        from reflow.ops.constant import constant

        shape = self._part(shape, kwargs, self.support_partition)
        return constant(self.value, dtype=None if dtype is None else as_dtype(dtype), shape=shape)

    def get_config(self):
        return {"value": self.value}


@export(v2=("random_uniform_initializer",))
class RandomUniform(Initializer):
    """Uniformly distributed values.

    Args:
      minval: the smallest value.
      maxval: the bound that values stay below.
      seed: an integer, for the same values in every call.

    >>> import reflow as tf
    >>> tf.random_uniform_initializer(seed=1)([2, 3]).shape
    TensorShape([2, 3])
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None):
        self.minval = minval
        self.maxval = maxval
        self.seed = seed
        self._draw = _Generator(seed)

    def __call__(self, shape, dtype=float32, **kwargs):
        dtype = as_dtype(dtype or float32)
        if not dtype.is_floating and not dtype.is_integer:
            raise ValueError(
                f"Argument `dtype` expected to be numeric or boolean. Received {dtype}."
            )
        shape = self._part(shape, kwargs)
        return self._draw("random_uniform", shape, self.minval, self.maxval, dtype=dtype)

    def get_config(self):
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class _Normal(Initializer):
    """What the two normal distributions have in common."""

    _kind: str

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None):
        self.mean = mean
        self.stddev = stddev
        self.seed = seed
        self._draw = _Generator(seed)

    def __call__(self, shape, dtype=float32, **kwargs):
        dtype = require_float(dtype or float32)
        shape = self._part(shape, kwargs)
        return self._draw(self._kind, shape, self.mean, self.stddev, dtype=dtype)

    def get_config(self):
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


@export(v2=("random_normal_initializer",))
class RandomNormal(_Normal):
    """Normally distributed values.

    Args:
      mean, stddev: of the distribution.
      seed: an integer, for the same values in every call.

    >>> import reflow as tf
    >>> tf.random_normal_initializer(stddev=0.1)([2, 3]).shape
    TensorShape([2, 3])
    """

    _kind = "random_normal"


class TruncatedNormal(_Normal):
    """Normally distributed values that are at most two standard deviations from the mean.

    Args:
      mean, stddev: of the distribution before it is cut.
      seed: an integer, for the same values in every call.

    >>> import reflow as tf
    >>> from reflow.ops.variables.initializers_v2 import TruncatedNormal
    >>> TruncatedNormal()([2, 3]).shape
    TensorShape([2, 3])
    """

    _kind = "truncated_normal"


class VarianceScaling(Initializer):
    """Values whose variance is `scale` over the number of inputs or outputs of a unit.

    Args:
      scale: the variance is `scale / n`.
      mode: what n is: "fan_in", "fan_out" or "fan_avg", their mean.
      distribution: "truncated_normal", "untruncated_normal" or "uniform".
      seed: an integer, for the same values in every call.

    Raises:
      ValueError: if one of the arguments has no meaning.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ):
        if distribution == "normal":  # TF 1's word
            distribution = "truncated_normal"
        self.distribution = check_scaling(
            scale, mode, distribution, ("uniform", "truncated_normal", "untruncated_normal")
        )
        self.scale = scale
        self.mode = mode
        self.seed = seed
        self._draw = _Generator(seed)

    def __call__(self, shape, dtype=float32, **kwargs):
        dtype = require_float(dtype or float32)
        variance = scaled(self.scale, self.mode, shape)
        shape = self._part(shape, kwargs)
        if self.distribution == "truncated_normal":
            stddev = math.sqrt(variance) / TRUNCATED_STDDEV
            return self._draw("truncated_normal", shape, 0.0, stddev, dtype=dtype)
        if self.distribution == "untruncated_normal":
            return self._draw("random_normal", shape, 0.0, math.sqrt(variance), dtype=dtype)
        limit = math.sqrt(3.0 * variance)
        return self._draw("random_uniform", shape, -limit, limit, dtype=dtype)

    def get_config(self):
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self.seed,
        }


class _Named(VarianceScaling):
    """Variance scaling under a name of its own: only the seed is left to say."""

    _arguments: tuple[float, str, str]

    def __init__(self, seed: int | None = None):
        super().__init__(*self._arguments, seed=seed)

    def get_config(self):
        return {"seed": self.seed}


class GlorotUniform(_Named):
    """Uniform values of variance 2 / (inputs + outputs): Glorot and Bengio, AISTATS 2010."""

    _arguments = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Named):
    """Truncated normal values of variance 2 / (inputs + outputs): Glorot and Bengio, 2010."""

    _arguments = (1.0, "fan_avg", "truncated_normal")


class LecunNormal(_Named):
    """Truncated normal values of variance 1 / inputs: LeCun et al., Efficient BackProp, 1998."""

    _arguments = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_Named):
    """Uniform values of variance 1 / inputs: LeCun et al., Efficient BackProp, 1998."""

    _arguments = (1.0, "fan_in", "uniform")


class HeNormal(_Named):
    """Truncated normal values of variance 2 / inputs: https://arxiv.org/abs/1502.01852"""

    _arguments = (2.0, "fan_in", "truncated_normal")


class HeUniform(_Named):
    """Uniform values of variance 2 / inputs: https://arxiv.org/abs/1502.01852"""

    _arguments = (2.0, "fan_in", "uniform")


class Orthogonal(Initializer):
    """A random orthogonal matrix; more dimensions are flattened: https://arxiv.org/abs/1312.6120

    Args:
      gain: what to multiply it with.
      seed: an integer, for the same values in every call.

    Raises:
      ValueError: when called, for fewer than two dimensions.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None):
        self.gain = gain
        self.seed = seed
        self._draw = _Generator(seed)

    def __call__(self, shape, dtype=float32, **kwargs):
        self._part(shape, kwargs, support_partition=False)
        dtype = require_float(dtype or float32)
        flat, transposed = orthogonal_shape(shape)
        normal = self._draw("random_normal", flat, dtype=dtype)
        return orthogonal_from(normal, shape, self.gain, transposed)

    def get_config(self):
        return {"gain": self.gain, "seed": self.seed}


class Identity(Initializer):
    """The identity matrix.

    Args:
      gain: what to multiply it with.

    Raises:
      ValueError: when called, for other than two dimensions.
    """

    def __init__(self, gain: float = 1.0):
        self.gain = gain

    def __call__(self, shape, dtype=float32, **kwargs):
        self._part(shape, kwargs, support_partition=False)
        if len(shape) != 2:
            raise ValueError(
                "The tensor to initialize, specified by argument `shape` must be at least "
                f"two-dimensional. Received shape={shape}"
            )
        return identity_matrix(shape, require_float(dtype or float32), self.gain, shape, None)

    def get_config(self):
        return {"gain": self.gain}
