"""Running sums, products and log-sums along a dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import NUMBER, QUANTIZED_DTYPES
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.math import conj, div_no_nan_op
from reflow.ops.reduce import accumulator

_SCANNABLE = NUMBER | QUANTIZED_DTYPES
_SIGNATURE = (
    "(x: T, axis: Tidx, *, exclusive: bool = False, reverse: bool = False, T: type,"
    " Tidx: INDEX = int32) -> out: T"
)


def _scan(
    xp: Any, x: Any, axis: Any, exclusive: bool, reverse: bool, f: Callable, identity: float
) -> Any:
    """`f(x, axis)` along `axis`, from the other end or without the element itself if so wanted."""
    axis = int(np.asarray(axis))
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(
            f"ScanOp: Expected scan axis in the range [{-x.ndim}, {x.ndim}), but got {axis}"
        )
    axis %= x.ndim
    dtype = x.dtype
    if x.size == 0:
        return x
    x = x.astype(accumulator(dtype))
    x = xp.flip(x, axis) if reverse else x
    x = f(x, axis)
    if exclusive:
        first = np.full([1 if i == axis else d for i, d in enumerate(x.shape)], identity, x.dtype)
        rest = tuple(slice(None, -1) if i == axis else slice(None) for i in range(x.ndim))
        x = xp.concatenate([first, x[rest]], axis)
    x = xp.flip(x, axis) if reverse else x
    return x.astype(dtype)


@op(f"Cumsum{_SIGNATURE}", T=_SCANNABLE, shape=shape_rules.same, static=["axis"])
def cumsum_op(xp, x, axis, *, exclusive, reverse):
    """The sums of the elements up to each one along a dimension."""

    def run(x, axis):
        return xp.cumsum(x, axis, dtype=x.dtype)

    return _scan(xp, x, axis, exclusive, reverse, run, 0)


@cumsum_op.gradient_rule
def _cumsum_grad(g, axis, *, exclusive, reverse):
    return cumsum_op(g, axis, exclusive=exclusive, reverse=not reverse)


@op(f"Cumprod{_SIGNATURE}", T=_SCANNABLE, shape=shape_rules.same, static=["axis"], partial="whole")
def cumprod_op(xp, x, axis, *, exclusive, reverse):
    """The products of the elements up to each one along a dimension."""

    def run(x, axis):
        return xp.cumprod(x, axis, dtype=x.dtype)

    return _scan(xp, x, axis, exclusive, reverse, run, 1)


@cumprod_op.gradient_rule
def _cumprod_grad(g, x, axis, *, exclusive, reverse):
    x = conj(x)
    products = cumprod_op(x, axis, exclusive=exclusive, reverse=reverse)
    total = cumsum_op(products * g, axis, exclusive=exclusive, reverse=not reverse)
    return div_no_nan_op(total, x)


@op(
    "CumulativeLogsumexp(x: T, axis: Tidx, *, exclusive: bool = False, reverse: bool = False,"
    " T: FLOAT, Tidx: INDEX = int32) -> out: T",
    shape=shape_rules.same,
    static=["axis"],
)
def cumulative_logsumexp_op(xp, x, axis, *, exclusive, reverse):
    """log(sum(exp)) of the elements up to each one along a dimension."""

    def run(x, axis):
        if xp.is_numpy:
            return np.logaddexp.accumulate(x, axis)
        return xp.lax.cumlogsumexp(x, axis)

    return _scan(xp, x, axis, exclusive, reverse, run, -np.inf)


@cumulative_logsumexp_op.gradient_rule
def _cumulative_logsumexp_grad(g, x, axis, out, *, exclusive, reverse):
    """In log space, for the positive and the negative part of `g` each."""
    log, select = REGISTRY["Log"], REGISTRY["SelectV2"]
    least = convert_to_tensor(g.dtype.base_dtype.min, g.dtype.base_dtype)

    def part(positive: Any, size: Any) -> Any:
        logs = select(positive, log(size), least)
        back = cumulative_logsumexp_op(logs - out, axis, exclusive=exclusive, reverse=not reverse)
        return REGISTRY["Exp"](back + x)

    return part(g > 0, g) - part(g < 0, -g)


# Public functions ---------------------------------------------------------------------------------


@export("cumsum", "math.cumsum")
def cumsum(
    x: Any,
    axis: Any = 0,
    exclusive: bool = False,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """The sums of the elements up to each one along a dimension.

    Args:
      x: a numeric tensor.
      axis: the dimension, an integer.
      exclusive: leave the element itself out of its sum.
      reverse: start from the other end.

    Raises:
      InvalidArgumentError: if there is no such dimension.

    >>> import reflow as tf
    >>> print(tf.cumsum([1, 2, 3]).numpy(), tf.cumsum([1, 2, 3], exclusive=True).numpy())
    [1 3 6] [0 1 3]
    """
    with name_scope(name, "Cumsum") as scope:
        x = convert_to_tensor(x, name="x")
        return cumsum_op(x, axis, exclusive=exclusive, reverse=reverse, name=scope or None)


@export("math.cumprod", v1=("cumprod",))
def cumprod(
    x: Any,
    axis: Any = 0,
    exclusive: bool = False,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """The products of the elements up to each one along a dimension.

    Args:
      x: a numeric tensor.
      axis: the dimension, an integer.
      exclusive: leave the element itself out of its product.
      reverse: start from the other end.

    Raises:
      InvalidArgumentError: if there is no such dimension.

    >>> import reflow as tf
    >>> print(tf.math.cumprod([1, 2, 3]).numpy())
    [1 2 6]
    """
    with name_scope(name, "Cumprod") as scope:
        x = convert_to_tensor(x, name="x")
        return cumprod_op(x, axis, exclusive=exclusive, reverse=reverse, name=scope or None)


@export("math.cumulative_logsumexp")
def cumulative_logsumexp(
    x: Any,
    axis: Any = 0,
    exclusive: bool = False,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """log(sum(exp)) of the elements up to each one along a dimension, without overflow.

    Args:
      x: a floating-point tensor.
      axis: the dimension, an integer.
      exclusive: leave the element itself out.
      reverse: start from the other end.

    Raises:
      InvalidArgumentError: if there is no such dimension.

    >>> import reflow as tf
    >>> print(tf.math.cumulative_logsumexp([1000.0, -1000.0]).numpy())
    [1000. 1000.]
    """
    with name_scope(name, "CumulativeLogsumexp") as scope:
        x = convert_to_tensor(x, name="x")
        return cumulative_logsumexp_op(
            x, axis, exclusive=exclusive, reverse=reverse, name=scope or None
        )
