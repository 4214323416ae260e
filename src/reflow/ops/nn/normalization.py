"""Moments, batch normalization from its parts, local response normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import bfloat16, float16, float32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import array, indexing, math, shape_rules
from reflow.ops.array import renamed
from reflow.ops.cast import cast
from reflow.ops.define import op
from reflow.ops.filling import zeros_like
from reflow.ops.public import public
from reflow.ops.reduce import reduce_mean, reduce_prod, reduce_sum

_NARROW = frozenset((float16, bfloat16))


# Moments ------------------------------------------------------------------------------------------


@export(v2=("nn.moments",))
def moments_v2(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Any, Any]:
    """The mean and the variance over some dimensions.

    Args:
      x: a floating-point tensor.
      axes: the dimensions to reduce, a list of integers.
      shift: not used: the variance is computed from the mean.
      keepdims: whether the dimensions stay, with size 1.
      name: the scope of the nodes.

    Returns:
      A pair: mean and variance, in the dtype of `x`. 16-bit floats are computed in float32.

    >>> import reflow as tf
    >>> mean, variance = tf.nn.moments(tf.constant([[1.0, 2.0], [3.0, 6.0]]), [0])
    >>> print(mean.numpy(), variance.numpy())
    [2. 4.] [1. 4.]
    """
    with name_scope(name, "moments", [x, axes]):
        x = convert_to_tensor(x)
        narrow = x.dtype.base_dtype in _NARROW
        y = cast(x, float32) if narrow else x
        mean = reduce_mean(y, axes, True, name="mean")
        # Gradients flow through the difference alone: those through this use of the mean cancel.
        fixed = REGISTRY["StopGradient"](mean)
        squares = REGISTRY["SquaredDifference"](y, fixed)
        variance = reduce_mean(squares, axes, True, name="variance")
        if not keepdims:
            mean, variance = _squeezed(mean, axes), _squeezed(variance, axes)
        if narrow:
            mean, variance = cast(mean, x.dtype), cast(variance, x.dtype)
        return mean, variance


def _squeezed(x: Any, axes: Any) -> Any:
    if isinstance(axes, (int, np.integer)):
        axes = [axes]
    return array.squeeze(x, axes)


@export(v1=("nn.moments",))
def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Any, Any]:
    """TF 1's `tf.nn.moments`: see `moments_v2`; `keepdims` is also called `keep_dims`.

    >>> import reflow as tf
    >>> mean, variance = tf.compat.v1.nn.moments(tf.constant([1.0, 3.0]), [0], keep_dims=True)
    >>> print(mean.numpy(), variance.numpy())
    [2.] [1.]
    """
    keepdims = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    return moments_v2(x, axes, shift, bool(keepdims), name)


@export(v2=("nn.sufficient_statistics",))
def sufficient_statistics_v2(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Any, Any, Any, Any]:
    """What mean and variance can be computed from: count, sum and sum of squares.

    Args:
      x: a floating-point tensor.
      axes: the dimensions to reduce, a list of integers.
      shift: what is subtracted from `x` for accuracy: a value close to the mean; None for nothing.
      keepdims: whether the dimensions stay, with size 1.
      name: the scope of the nodes.

    Returns:
      The count, the sum, the sum of squares (both shifted), and the shift, or None.

    >>> import reflow as tf
    >>> count, total, squares, _ = tf.nn.sufficient_statistics(tf.constant([1.0, 3.0]), [0])
    >>> print(count.numpy(), total.numpy(), squares.numpy())
    2.0 4.0 10.0
    """
    axes = list({int(axis): None for axis in axes})
    with name_scope(name, "sufficient_statistics", [x, shift]):
        x = convert_to_tensor(x, name="x")
        sizes = x.shape.sizes
        if sizes is not None and all(sizes[axis] is not None for axis in axes):
            count = 1
            for axis in axes:
                count *= sizes[axis]
            counts = convert_to_tensor(count, x.dtype)
        else:
            rank = array.rank(x)
            positive = [rank + axis if axis < 0 else axis for axis in axes]
            chosen = indexing.gather(cast(array.shape(x), x.dtype), positive)
            counts = reduce_prod(chosen, name="count")
        if shift is None:
            total, squares = x, REGISTRY["Square"](x)
        else:
            shift = convert_to_tensor(shift, name="shift")
            total = REGISTRY["Sub"](x, shift)
            squares = REGISTRY["SquaredDifference"](x, shift)
        total = reduce_sum(total, axes, keepdims, name="mean_ss")
        squares = reduce_sum(squares, axes, keepdims, name="var_ss")
    return counts, total, squares, shift


@export(v1=("nn.sufficient_statistics",))
def sufficient_statistics(
    x: Any,
    axes: Any,
    shift: Any = None,
    keep_dims: bool | None = None,
    name: str | None = None,
    keepdims: bool | None = None,
) -> tuple[Any, Any, Any, Any]:
    """TF 1's `tf.nn.sufficient_statistics`; `keepdims` is also called `keep_dims`.

    See `sufficient_statistics_v2`.

    >>> import reflow as tf
    >>> count, *_ = tf.compat.v1.nn.sufficient_statistics(tf.constant([1.0, 3.0]), [0])
    >>> print(count.numpy())
    2.0
    """
    keepdims = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    return sufficient_statistics_v2(x, axes, shift, bool(keepdims), name)


@export("nn.normalize_moments")
def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Any, Any]:
    """Mean and variance from sufficient statistics.

    Args:
      counts: the number of values, a scalar tensor.
      mean_ss: their sum; variance_ss: the sum of their squares; both shifted by `shift`.
      shift: what was subtracted from the values, or None.
      name: the scope of the nodes.

    Returns:
      A pair: mean and variance.

    >>> import reflow as tf
    >>> mean, variance = tf.nn.normalize_moments(tf.constant(2.0), [4.0], [10.0], None)
    >>> print(mean.numpy(), variance.numpy())
    [2.] [1.]
    """
    multiply = REGISTRY["Mul"]
    with name_scope(name, "normalize", [counts, mean_ss, variance_ss, shift]):
        divisor = REGISTRY["Reciprocal"](counts, name="divisor")
        if shift is None:
            shifted = mean = multiply(mean_ss, divisor, name="mean")
        else:
            shifted = multiply(mean_ss, divisor, name="shifted_mean")
            mean = math.add(shifted, shift, name="mean")
        variance = REGISTRY["Sub"](
            multiply(variance_ss, divisor), REGISTRY["Square"](shifted), name="variance"
        )
    return mean, variance


@export(v2=("nn.weighted_moments",))
def weighted_moments_v2(
    x: Any, axes: Any, frequency_weights: Any, keepdims: bool = False, name: str | None = None
) -> tuple[Any, Any]:
    """The mean and the variance over some dimensions, of values that count several times.

    Args:
      x: a floating-point tensor.
      axes: the dimensions to reduce, a list of integers.
      frequency_weights: how often each value counts; broadcasts to `x`.
      keepdims: whether the dimensions stay, with size 1.
      name: the scope of the nodes.

    Returns:
      A pair: mean and variance.

    >>> import reflow as tf
    >>> mean, variance = tf.nn.weighted_moments(tf.constant([1.0, 5.0]), [0], tf.constant([3.0, 1.0]))
    >>> print(mean.numpy(), variance.numpy())
    2.0 3.0
    """
    with name_scope(name, "weighted_moments", [x, frequency_weights, axes]):
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(frequency_weights, name="frequency_weights")
        narrow = x.dtype.base_dtype in _NARROW
        dtype = x.dtype
        if narrow:
            x = cast(x, float32)
        if weights.dtype.base_dtype is not x.dtype.base_dtype:
            weights = cast(weights, x.dtype)
        weighted = reduce_sum(weights * x, axes, True, name="weighted_input_sum")
        everywhere = weights + zeros_like(x)
        total = reduce_sum(everywhere, axes, True, name="sum_of_weights")
        divide = REGISTRY["DivNoNan"]
        mean = divide(weighted, total, name="div_no_nan")
        distance = reduce_sum(
            weights * REGISTRY["SquaredDifference"](x, mean), axes, True,
            name="weighted_distsq",
        )  # fmt: skip
        variance = divide(distance, total, name="div_no_nan")
        if not keepdims:
            mean, variance = _squeezed(mean, axes), _squeezed(variance, axes)
        if narrow:
            mean, variance = cast(mean, dtype), cast(variance, dtype)
        return mean, variance


@export(v1=("nn.weighted_moments",))
def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Any, Any]:
    """TF 1's `tf.nn.weighted_moments`: see `weighted_moments_v2`; `keepdims` is also `keep_dims`.

    >>> import reflow as tf
    >>> x, weights = tf.constant([1.0, 5.0]), tf.constant([3.0, 1.0])
    >>> print(tf.compat.v1.nn.weighted_moments(x, [0], weights)[0].numpy())
    2.0
    """
    keepdims = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    return weighted_moments_v2(x, axes, frequency_weights, bool(keepdims), name)


# Batch normalization from parts ---------------------------------------------------------------------


@export("nn.batch_normalization")
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: str | None = None,
) -> Any:
    """scale * (x - mean) / sqrt(variance + variance_epsilon) + offset.

    Args:
      x: a floating-point tensor.
      mean, variance: tensors that broadcast to `x`.
      offset, scale: tensors that broadcast to `x`, or None for 0 and 1.
      variance_epsilon: a small number.
      name: the scope of the nodes.

    References:
      Ioffe and Szegedy, Batch Normalization, ICML 2015.

    >>> import reflow as tf
    >>> y = tf.nn.batch_normalization(tf.constant([1.0, 3.0]), 2.0, 4.0, 10.0, 2.0, 0.0)
    >>> print(y.numpy())
    [ 9. 11.]
    """
    with name_scope(name, "batchnorm", [x, mean, variance, scale, offset]):
        inverse = REGISTRY["Rsqrt"](variance + variance_epsilon)
        if scale is not None:
            inverse = inverse * scale
        x = convert_to_tensor(x)
        scaled = x * cast(inverse, x.dtype)
        shift = -mean * inverse if offset is None else offset - mean * inverse
        return scaled + cast(shift, x.dtype)


@export(v2=("nn.batch_norm_with_global_normalization",))
def batch_norm_with_global_normalization_v2(
    input: Any,
    mean: Any,
    variance: Any,
    beta: Any,
    gamma: Any,
    variance_epsilon: float,
    scale_after_normalization: bool,
    name: str | None = None,
) -> Any:
    """Batch normalization of images, which `tf.nn.batch_normalization` superseded.

    Args:
      input: [batch, height, width, channels].
      mean, variance, beta, gamma: vectors, one number per channel.
      variance_epsilon: a small number.
      scale_after_normalization: whether to multiply by `gamma`.
      name: the scope of the nodes.

    >>> import reflow as tf
    >>> one = tf.ones([1])
    >>> y = tf.nn.batch_norm_with_global_normalization(
    ...     tf.ones([1, 1, 1, 1]), one, one, 3 * one, one, 0.0, True)
    >>> print(y.numpy().ravel())
    [3.]
    """
    scale = gamma if scale_after_normalization else None
    return batch_normalization(input, mean, variance, beta, scale, variance_epsilon, name)


@export(v1=("nn.batch_norm_with_global_normalization",))
def batch_norm_with_global_normalization(
    t: Any = None,
    m: Any = None,
    v: Any = None,
    beta: Any = None,
    gamma: Any = None,
    variance_epsilon: Any = None,
    scale_after_normalization: Any = None,
    name: str | None = None,
    input: Any = None,
    mean: Any = None,
    variance: Any = None,
) -> Any:
    """TF 1's name for it: `t`, `m` and `v` are also called `input`, `mean` and `variance`.

    See `batch_norm_with_global_normalization_v2`.

    >>> import reflow as tf
    >>> one = tf.ones([1])
    >>> y = tf.compat.v1.nn.batch_norm_with_global_normalization(
    ...     tf.ones([1, 1, 1, 1]), one, one, 3 * one, one, 0.0, True)
    >>> print(y.numpy().ravel())
    [3.]
    """
    return batch_norm_with_global_normalization_v2(
        renamed("input", input, "t", t),
        renamed("mean", mean, "m", m),
        renamed("variance", variance, "v", v),
        beta,
        gamma,
        variance_epsilon,
        scale_after_normalization,
        name,
    )


# Local response normalization -----------------------------------------------------------------------

_LRN_ATTRS = (
    "depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5,"
    " T: type = float"
)
_LRN_TYPES = frozenset((float16, bfloat16, float32))


def _check_images(x: Any) -> None:
    if len(x.shape) != 4:
        raise errors.InvalidArgumentError(None, None, f"in must be 4-dimensional: {list(x.shape)}")


def _over_neighbours(xp: Any, x: Any, radius: int) -> Any:
    """For each channel the sum of `x` over those at most `radius` away."""
    depth = x.shape[-1]
    radius = min(radius, depth - 1)
    padded = xp.pad(x, [(0, 0)] * (x.ndim - 1) + [(radius, radius)])
    total = padded[..., :depth]
    for i in range(1, 2 * radius + 1):
        total = total + padded[..., i : i + depth]
    return total


def _lrn_norm(xp: Any, x: Any, radius: int, bias: float, alpha: float) -> Any:
    squares = _over_neighbours(xp, x * x, radius)
    return np.float32(bias) + np.float32(alpha) * squares


@op(f"LRN(input: T, *, {_LRN_ATTRS}) -> output: T", T=_LRN_TYPES)
def lrn_op(xp, input, *, depth_radius, bias, alpha, beta):
    """Local response normalization: divides by a norm of the channels nearby.

    output = input / (bias + alpha * sum(input[..., d - depth_radius : d + depth_radius + 1] ** 2)) ** beta.
    Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, 2012.
    """
    _check_images(input)
    if not input.size:
        return xp.asarray(input)
    x = xp.asarray(input).astype(np.float32)
    norm = _lrn_norm(xp, x, depth_radius, bias, alpha)
    return (x * norm ** np.float32(-beta)).astype(input.dtype)


@lrn_op.shape_rule
def _lrn_shape(input):
    return input.shape.with_rank(4)


@lrn_op.gradient_rule
def _lrn_grad(g, input, output, *, depth_radius, bias, alpha, beta):
    return lrn_grad_op(
        g, input, output, depth_radius=depth_radius, bias=bias, alpha=alpha, beta=beta
    )


@op(
    f"LRNGrad(input_grads: T, input_image: T, output_image: T, *, {_LRN_ATTRS}) -> output: T",
    shape=lambda *inputs: shape_rules.merge(*inputs).with_rank(4),
    T=_LRN_TYPES,
)
def lrn_grad_op(xp, input_grads, input_image, output_image, *, depth_radius, bias, alpha, beta):
    """The gradient of LRN."""
    _check_images(input_image)
    if not input_image.size:
        return xp.asarray(input_grads)
    g, x, y = (xp.asarray(a).astype(np.float32) for a in (input_grads, input_image, output_image))
    norm = _lrn_norm(xp, x, depth_radius, bias, alpha)
    shared = _over_neighbours(xp, g * y / norm, depth_radius)
    dx = g * norm ** np.float32(-beta) - np.float32(2 * alpha * beta) * x * shared
    return dx.astype(input_grads.dtype)


@lrn_grad_op.gradient_rule
def _lrn_grad_grad(op, g):
    raise LookupError(f"{op.name}: local response normalization has no second derivative.")


lrn = public(
    lrn_op, "nn.local_response_normalization", "nn.lrn", attribute="lrn",
    example=("tf.ones([1, 1, 1, 2]), depth_radius=0", "[[[[0.70710677 0.70710677]]]]"),
)  # fmt: skip
