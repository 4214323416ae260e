"""`tf.experimental.numpy.random`: random numbers by TensorFlow's generators, with NumPy's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang.dtypes import int64
from reflow.lang.random_seed import set_seed
from reflow.ops.cast import cast
from reflow.ops.numpy_api.dtypes import default_float, given_dtype, published
from reflow.ops.numpy_api.making import as_shape
from reflow.ops.random import random_ops


def _sizes(size: Any) -> Any:
    return [] if size is None else as_shape(size)


@published("random.seed")
def seed(s: int) -> None:
    """Sets the global seed: see `tf.random.set_seed`.

    >>> import reflow as tf
    >>> tf.experimental.numpy.random.seed(1)
    """
    set_seed(s)


@published("random.uniform")
def uniform(low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
    """Numbers from `low` to before `high`, all as likely.

    >>> import reflow as tf
    >>> tf.experimental.numpy.random.uniform(size=(2, 3)).shape
    TensorShape([2, 3])
    """
    kind = default_float()
    return random_ops.random_uniform(_sizes(size), cast(low, kind), cast(high, kind), kind)


@published("random.random")
def random(size: Any = None) -> Any:
    """Numbers from 0 to before 1."""
    return uniform(0.0, 1.0, size)


@published("random.rand")
def rand(*size: int) -> Any:
    """Numbers from 0 to before 1, in the shape that the arguments are."""
    return uniform(0.0, 1.0, size)


@published("random.standard_normal")
def standard_normal(size: Any = None) -> Any:
    """Normally distributed numbers of mean 0 and deviation 1.

    >>> import reflow as tf
    >>> tf.experimental.numpy.random.standard_normal(3).dtype
    tf.float64
    """
    return random_ops.random_normal(_sizes(size), dtype=default_float())


@published("random.randn")
def randn(*args: int) -> Any:
    """Normally distributed numbers, in the shape that the arguments are."""
    return standard_normal(args)


@published("random.poisson")
def poisson(lam: float = 1.0, size: Any = None) -> Any:
    """Integers of a Poisson distribution of mean `lam`."""
    return random_ops.random_poisson_v2(_sizes(size), lam, int64)


@published("random.randint")
def randint(low: int, high: int | None = None, size: Any = None, dtype: Any = np.int64) -> Any:
    """Integers from `low` to before `high`, or from 0 to before `low`.

    Args:
      low: the lowest, or the end if it is the only one.
      high: the end.
      size: the shape, by default a scalar.
      dtype: int32 or int64.

    Raises:
      ValueError: for another dtype.

    >>> import reflow as tf
    >>> tf.experimental.numpy.random.randint(0, 5, (4,)).shape
    TensorShape([4])
    """
    kind = given_dtype(dtype)
    if kind.name not in ("int32", "int64"):
        raise ValueError("Only np.int32 or np.int64 types are supported")
    if high is None:
        low, high = 0, low
    return random_ops.random_uniform(_sizes(size), low, high, kind)
