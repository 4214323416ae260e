"""Clipping by value and by norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import NUMBER, QUANTIZED_DTYPES, float32
from reflow.lang.export import export
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import colocate_with, name_scope
from reflow.ops import array, shape_rules
from reflow.ops.cast import cast
from reflow.ops.define import op
from reflow.ops.filling import ones_like_v1
from reflow.ops.math import maximum_op, minimum_op, sqrt_op
from reflow.ops.reduce import reduce_sum


@op(
    "ClipByValue(t: T, clip_value_min: T, clip_value_max: T, *, T: type) -> output: T",
    T=NUMBER | QUANTIZED_DTYPES,
    shape=shape_rules.same,
    broadcast=True,
)
def clip_by_value_op(xp, t, clip_value_min, clip_value_max):
    """t within limits, which are scalars or have its shape."""
    if t.dtype.kind == "c":
        raise NotImplementedError("ClipByValue of complex numbers, which have no order")
    for limit in (clip_value_min, clip_value_max):
        if limit.ndim and limit.shape != t.shape:
            raise errors.InvalidArgumentError(
                None,
                None,
                "clip_value_min and clip_value_max must be either of the same shape as input, or a "
                f"scalar. input shape: {list(t.shape)}, limit shape: {list(limit.shape)}",
            )
    return xp.maximum(xp.minimum(t, clip_value_max), clip_value_min)


@clip_by_value_op.gradient_rule
def _clip_by_value_grad(g, t, clip_value_min, clip_value_max):
    select = REGISTRY["SelectV2"]
    zero = convert_to_tensor(0, g.dtype.base_dtype)
    below, above = t < clip_value_min, t > clip_value_max
    beyond = REGISTRY["LogicalOr"](below, above)
    return select(beyond, zero, g), select(below, g, zero), select(above, g, zero)


def _values(t: Any, name: str = "t") -> Any:
    """The tensor, or the values of slices."""
    return convert_to_tensor(t.values if isinstance(t, IndexedSlices) else t, name=name)


def _like(t: Any, values: Any) -> Any:
    """`values` as slices if `t` is."""
    if isinstance(t, IndexedSlices):
        return IndexedSlices(values, t.indices, t.dense_shape)
    return values


@export("clip_by_value")
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """`t` with what lies beyond the limits moved to them.

    Args:
      t: a tensor or `IndexedSlices` of real numbers.
      clip_value_min, clip_value_max: the limits: tensors of its dtype that broadcast to its shape.

    Raises:
      ValueError: if the limits have more dimensions than `t`.

    >>> import reflow as tf
    >>> print(tf.clip_by_value([-5, 0, 5], -1, 1).numpy())
    [-1  0  1]
    """
    with name_scope(name, "clip_by_value") as scope:
        values = _values(t)
        low = minimum_op(values, clip_value_max)
        values.shape.assert_is_compatible_with(low.shape)
        result = maximum_op(low, clip_value_min, name=scope or None)
        values.shape.assert_is_compatible_with(result.shape)
    return _like(t, result)


@export("clip_by_norm")
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """`t` scaled down so that its L2 norm is at most `clip_norm`.

    Args:
      t: a floating-point tensor or `IndexedSlices`.
      clip_norm: the largest norm, a scalar; a negative one counts as 0.
      axes: the dimensions over which the norm is taken; None for all.

    >>> import reflow as tf
    >>> print(tf.clip_by_norm([3.0, 4.0], 1.0).numpy())
    [0.6 0.8]
    """
    with name_scope(name, "clip_by_norm") as scope:
        values = _values(t)
        if np.isscalar(clip_norm):
            clip_norm = max(clip_norm, 0)
        else:
            clip_norm = cast(maximum_op(clip_norm, 0), values.dtype.base_dtype)
        squared = reduce_sum(values * values, axes, keepdims=True)
        positive = squared > 0
        # The root is taken of 1 where the sum is 0, lest its gradient be infinite there.
        select = REGISTRY["Select"]
        norm = select(positive, sqrt_op(select(positive, squared, ones_like_v1(squared))), squared)
        scaled = values * clip_norm
        values.shape.assert_is_compatible_with(scaled.shape)
        result = REGISTRY["Identity"](scaled / maximum_op(norm, clip_norm), name=scope or None)
    return _like(t, result)


@export("linalg.global_norm", v1=("global_norm",))
def global_norm(t_list: Any, name: str | None = None) -> Any:
    """The L2 norm of several tensors, as if they were one.

    Args:
      t_list: a list of tensors or `IndexedSlices`; None among them is skipped.

    Raises:
      TypeError: if `t_list` is no list.

    >>> import reflow as tf
    >>> print(tf.linalg.global_norm([tf.constant([3.0]), tf.constant([4.0])]).numpy())
    5.0
    """
    tensors = _list(t_list)
    with name_scope(name, "global_norm"):
        halves = []
        for i, t in enumerate(tensors):
            if t is not None:
                value = _values(t, f"t_{i}")
                with _beside(value):
                    halves.append(REGISTRY["L2Loss"](value))
        half = reduce_sum(REGISTRY["Pack"](halves or [0.0], name="stack"))
        return sqrt_op(half * convert_to_tensor(2.0, half.dtype.base_dtype), name="global_norm")


def _beside(value: Any) -> Any:
    """Placed on the device of `value`."""
    return colocate_with(value)


def _list(t_list: Any) -> list[Any]:
    if not isinstance(t_list, Sequence) or isinstance(t_list, str):
        raise TypeError(f"`t_list` should be a sequence of tensors. Received {type(t_list)}.")
    return list(t_list)


@export("clip_by_global_norm")
def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Any]:
    """Several tensors scaled down alike, so that their common L2 norm is at most `clip_norm`.

    Args:
      t_list: a list of tensors or `IndexedSlices`; None among them stays.
      clip_norm: the largest norm, a scalar.
      use_norm: their norm, if it is known already.

    Returns:
      The list of clipped tensors (NaN if the norm is infinite), and the norm before.

    Raises:
      TypeError: if `t_list` is no list.

    >>> import reflow as tf
    >>> clipped, norm = tf.clip_by_global_norm([tf.constant([3.0]), tf.constant([4.0])], 1.0)
    >>> print(clipped[0].numpy(), norm.numpy())
    [0.6] 5.0
    """
    tensors = _list(t_list)
    if use_norm is None:
        use_norm = global_norm(tensors, name)
    with name_scope(name, "clip_by_global_norm") as scope:
        one = convert_to_tensor(1.0, use_norm.dtype.base_dtype)
        finite = clip_norm * minimum_op(1.0 / use_norm, one / clip_norm)
        scale = finite + (use_norm - use_norm)  # NaN if the norm is infinite or NaN
        clipped: list[Any] = []
        for i, t in enumerate(tensors):
            if t is None:
                clipped.append(None)
                continue
            value = _values(t, f"t_{i}")
            with _beside(value):
                scaled = value * cast(scale, value.dtype.base_dtype)
                label = f"{scope}_{i}" if scope else None
                clipped.append(_like(t, REGISTRY["Identity"](scaled, name=label)))
    return clipped, use_norm


@export(v1=("clip_by_average_norm",))
def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Any:
    """`t` scaled down so that its L2 norm per element is at most `clip_norm`.

    Args:
      t: a floating-point tensor.
      clip_norm: the largest average norm, a scalar.

    >>> import reflow as tf
    >>> print(tf.compat.v1.clip_by_average_norm([3.0, 4.0], 1.25).numpy())
    [1.5 2. ]
    """
    with name_scope(name, "clip_by_average_norm") as scope:
        t = convert_to_tensor(t, name="t")
        count = cast(array.size(t), float32)
        inverse = REGISTRY["Rsqrt"](reduce_sum(t * t))
        scaled = t * clip_norm
        largest = convert_to_tensor(1.0, float32) / clip_norm
        scale = minimum_op(inverse * count, largest)
        return REGISTRY["Identity"](scaled * scale, name=scope or None)
