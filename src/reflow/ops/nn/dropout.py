"""Dropout: elements are set to zero at random, and the others scaled up."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

from reflow.lang import shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.random_seed import get_seed
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import is_tensor
from reflow.ops import array
from reflow.ops.array import renamed
from reflow.ops.random.random_ops import random_uniform
from reflow.ops.random.stateless import stateless_uniform


def _noise_shape(x: Any, noise_shape: Any) -> Any:
    """The shape of the random numbers; None in it stands for the size of `x` there."""
    if noise_shape is None:
        return array.shape(x)
    try:
        wanted = shapes.as_shape(noise_shape)
    except (TypeError, ValueError):
        return noise_shape  # a tensor
    have = x.shape.sizes
    if wanted.rank is not None and have is not None and len(have) == wanted.rank:
        return [a if w is None else w for w, a in zip(wanted.sizes, have)]
    return noise_shape


def _dropout(
    x: Any,
    rate: Any,
    noise_shape: Any,
    sampler: Callable[..., Any],
    skip: Callable[[], Any],
    name: str | None,
    scope: str,
) -> Any:
    with name_scope(name, scope, [x]):
        is_number = isinstance(rate, numbers.Real)
        if is_number and not 0 <= rate < 1:
            raise ValueError(
                f"`rate` must be a scalar tensor or a float in the range [0, 1). Received: rate={rate}"
            )
        x = convert_to_tensor(x, name="x")
        dtype = x.dtype.base_dtype
        if not dtype.is_floating:
            raise ValueError(
                "`x.dtype` must be a floating point tensor as `x` will be scaled. "
                f"Received: x_dtype={dtype.name}"
            )
        if is_number and rate == 0:
            skip()
            return x
        if is_number:
            scaled = REGISTRY["Mul"](x, convert_to_tensor(1 / (1 - rate), dtype))
        elif is_tensor(rate):
            rate = convert_to_tensor(rate)
            rate.shape.assert_has_rank(0)
            if rate.dtype.base_dtype is not dtype:
                raise ValueError(
                    "`x.dtype` must be compatible with `rate.dtype`. "
                    f"Received: x.dtype={dtype.name} and rate.dtype={rate.dtype.name}"
                )
            one = convert_to_tensor(1, dtype)
            scaled = REGISTRY["RealDiv"](x, REGISTRY["Sub"](one, rate))
        else:
            raise ValueError(f"`rate` must be a scalar or scalar tensor. Received: rate={rate}")
        kept = sampler(shape=_noise_shape(x, noise_shape), dtype=dtype) >= rate
        result = REGISTRY["SelectV2"](kept, scaled, convert_to_tensor(0, dtype))
        if current_graph() is not None:
            result.set_shape(x.shape)
        return result


@export(v2=("nn.dropout",))
def dropout_v2(
    x: Any, rate: Any, noise_shape: Any = None, seed: int | None = None, name: str | None = None
) -> Any:
    """Sets elements to zero with probability `rate`, and divides the others by `1 - rate`.

    Args:
      x: a floating-point tensor.
      rate: a number in [0, 1), or a scalar tensor of the dtype of `x`.
      noise_shape: the shape of the random choices, which broadcasts to that of `x`: elements along a
        dimension of size 1 are kept or dropped together. None in it is the size of `x`.
      seed: the seed of the op.
      name: the scope of the nodes.

    Raises:
      ValueError: if `rate` is not in [0, 1), or `x` is not floating-point.

    References:
      Srivastava et al., Dropout, JMLR 2014.

    >>> import reflow as tf
    >>> y = tf.nn.dropout(tf.ones([2, 3]), rate=0.5, noise_shape=[None, 1], seed=1)
    >>> print(bool(tf.reduce_all((y == 0.0) | (y == 2.0))))
    True
    """
    return _dropout(
        x,
        rate,
        noise_shape,
        lambda shape, dtype: random_uniform(shape, dtype=dtype, seed=seed),
        lambda: get_seed(seed),
        name,
        "dropout",
    )


@export(v1=("nn.dropout",))
def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Any:
    """TF 1's `tf.nn.dropout`: see `dropout_v2`; `keep_prob` is 1 - `rate`.

    Raises:
      ValueError: if both or neither of `keep_prob` and `rate` are given.

    >>> import reflow as tf
    >>> print(tf.compat.v1.nn.dropout([1.0, 2.0], keep_prob=1.0).numpy())
    [1. 2.]
    """
    try:
        from_keep_prob = 1.0 - keep_prob if keep_prob is not None else None
    except TypeError:
        raise ValueError(
            f"`keep_prob` must be a floating point number or Tensor. Received: keep_prob={keep_prob}"
        ) from None
    rate = renamed("rate", rate, "keep_prob", from_keep_prob)
    if rate is None:
        raise ValueError(f"`rate` must be provided. Received: rate={rate}")
    return dropout_v2(x, rate, noise_shape=noise_shape, seed=seed, name=name)


@export("nn.experimental.stateless_dropout")
def stateless_dropout(
    x: Any,
    rate: Any,
    seed: Any,
    rng_alg: Any = None,
    noise_shape: Any = None,
    name: str | None = None,
) -> Any:
    """Dropout whose choices depend on nothing but `seed` and the shape: see `tf.nn.dropout`.

    Args:
      x: a floating-point tensor.
      rate: a number in [0, 1), or a scalar tensor of the dtype of `x`.
      seed: a pair of integers.
      rng_alg: "philox", "threefry" or "auto_select" (the default).
      noise_shape: the shape of the random choices.
      name: the scope of the nodes.

    Raises:
      ValueError: if `rate` is not in [0, 1), or `x` is not floating-point.

    >>> import reflow as tf
    >>> x = tf.ones([8])
    >>> a, b = (tf.nn.experimental.stateless_dropout(x, 0.5, seed=[1, 2]) for _ in range(2))
    >>> print(bool(tf.reduce_all(a == b)))
    True
    """
    algorithm = "auto_select" if rng_alg is None else rng_alg
    return _dropout(
        x,
        rate,
        noise_shape,
        lambda shape, dtype: stateless_uniform(shape, seed=seed, dtype=dtype, alg=algorithm),
        lambda: None,
        name,
        "stateless_dropout",
    )


@export("nn.experimental.general_dropout")
def general_dropout(
    x: Any,
    rate: Any,
    uniform_sampler: Callable[..., Any],
    noise_shape: Any = None,
    name: str | None = None,
) -> Any:
    """Dropout with random numbers of your own: see `tf.nn.dropout`.

    Args:
      x: a floating-point tensor.
      rate: a number in [0, 1), or a scalar tensor of the dtype of `x`.
      uniform_sampler: `f(shape, dtype)` gives uniform random numbers in [0, 1).
      noise_shape: the shape of the random choices.
      name: the scope of the nodes.

    Raises:
      ValueError: if `rate` is not in [0, 1), or `x` is not floating-point.

    >>> import reflow as tf
    >>> low = lambda shape, dtype: tf.constant([0.1, 0.9], dtype)
    >>> print(tf.nn.experimental.general_dropout(tf.ones([2]), 0.5, low).numpy())
    [0. 2.]
    """
    return _dropout(x, rate, noise_shape, uniform_sampler, lambda: None, name, "general_dropout")
