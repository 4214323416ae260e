"""Moments, batch normalization, local response normalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
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
from reflow.ops.windows import channels_first

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


# FusedBatchNorm -------------------------------------------------------------------------------------


class _Statistics:
    """Over which dimensions of `x` a batch normalization takes its statistics."""

    def __init__(self, xp: Any, x: Any, data_format: str):
        self.xp = xp
        self.wide = xp.asarray(x).astype(np.float32)
        rank = len(x.shape)
        first = channels_first(data_format)
        self.axes = tuple(i for i in range(rank) if i != (1 if first else rank - 1))
        self.shape = (-1,) + (1,) * (rank - 2) if first else (-1,)
        self.count = int(np.prod([x.shape[i] for i in self.axes]))

    def mean(self, x: Any) -> Any:
        return self.sum(x) / np.float32(self.count)

    def sum(self, x: Any) -> Any:
        return self.xp.sum(x, self.axes, dtype=np.float32)

    def spread(self, vector: Any) -> Any:
        """A vector with a number per channel, so that it broadcasts to `x`."""
        return self.xp.asarray(vector).astype(np.float32).reshape(self.shape)


def _fused_batch_norm(
    xp, x, scale, offset, mean, variance, epsilon, exponential_avg_factor, data_format, is_training
):
    """y, batch mean, batch variance, and the two that the gradient needs."""
    rank = len(x.shape)
    wanted = len(data_format)
    if rank != wanted:
        raise errors.InvalidArgumentError(
            None, None, f"input must be {wanted}-dimensional, got {list(x.shape)}"
        )
    channels = x.shape[1 if channels_first(data_format) else -1]
    for what, vector in (("scale", scale), ("offset", offset)):
        if tuple(vector.shape) != (channels,):
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{what} must have the same number of elements as the channels of x, got "
                f"{list(vector.shape)} and {channels}",
            )
    factor = np.float32(exponential_avg_factor)
    for what, vector in (("mean", mean), ("variance", variance)):
        allowed = [(channels,)]
        if is_training and factor == 1:
            allowed.append((0,))
        if tuple(vector.shape) not in allowed:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{what} must have the same number of elements as the channels of x, got "
                f"{list(vector.shape)} and {channels}",
            )
    over = _Statistics(xp, x, data_format)
    dtype = scale.dtype
    if is_training:
        here = over.mean(over.wide)
        spread = over.wide - over.spread(here)
        var = over.mean(spread * spread)
        new_mean = here
        new_var = var * np.float32(over.count / max(over.count - 1, 1))  # the unbiased one
        if factor != 1:
            new_mean = (1 - factor) * mean + factor * new_mean
            new_var = (1 - factor) * variance + factor * new_var
        saved = here, var
    else:
        here, var = xp.asarray(mean).astype(np.float32), xp.asarray(variance).astype(np.float32)
        spread = over.wide - over.spread(here)
        new_mean, new_var = here, var
        saved = xp.zeros_like(here), xp.zeros_like(var)
    factors = xp.rsqrt(var + np.float32(epsilon)) * scale
    y = spread * over.spread(factors) + over.spread(offset)
    rest = (new_mean, new_var, *saved)
    return (y.astype(x.dtype), *(xp.asarray(v).astype(dtype) for v in rest))


def _fused_batch_norm_grad(xp, dy, x, scale, mean, variance, epsilon, data_format, is_training):
    """The gradients of x, scale and offset."""
    if dy.shape != x.shape:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"x and y_backprop must have same shape, but x has shape {list(x.shape)} and y_backprop "
            f"has shape {list(dy.shape)}",
        )
    over = _Statistics(xp, x, data_format)
    g = xp.asarray(dy).astype(np.float32)
    inverse = xp.rsqrt(xp.asarray(variance).astype(np.float32) + np.float32(epsilon))
    normal = (over.wide - over.spread(mean)) * over.spread(inverse)
    to_offset = over.sum(g)
    to_scale = over.sum(g * normal)
    if is_training:
        n = np.float32(max(over.count, 1))
        g = g - over.spread(to_offset / n) - normal * over.spread(to_scale / n)
    dx = g * over.spread(inverse * scale)
    return dx.astype(x.dtype), to_scale.astype(scale.dtype), to_offset.astype(scale.dtype)


def _forward_shape(x: Any, vectors: Any, data_format: str, count: int) -> list:
    sizes = x.shape.with_rank(len(data_format))
    if sizes.rank is None:
        sizes = shapes.unknown_shape(len(data_format))
    at = 1 if channels_first(data_format) else -1
    channels = shapes.of((sizes._dims[at],))
    for vector in vectors:
        channels = channels.merge_with(vector.shape.with_rank(1))
    dims = list(sizes._dims)
    dims[at] = channels._dims[0]
    return [shapes.of(tuple(dims)), *[channels] * count]


_FORWARD = (
    "epsilon: float = 9.999999747378752e-05, exponential_avg_factor: float = 1.0,"
    " data_format: string{%s} = 'NHWC', is_training: bool = True"
)
_BACKWARD = (
    "epsilon: float = 9.999999747378752e-05, data_format: string{%s} = 'NHWC',"
    " is_training: bool = True"
)
_IMAGES, _ANY = "NHWC,NCHW", "NHWC,NCHW,NDHWC,NCDHW"
_HALF_OR_FLOAT = frozenset((float16, bfloat16, float32))
_ONLY_FLOAT = frozenset((float32,))
_BATCH_NORM_NAMES = ("epsilon", "data_format", "is_training")


def _lower_forward(
    xp,
    x,
    scale,
    offset,
    mean,
    variance,
    *,
    epsilon,
    exponential_avg_factor,
    data_format,
    is_training,
):
    return _fused_batch_norm(
        xp, x, scale, offset, mean, variance, epsilon, exponential_avg_factor, data_format,
        is_training,
    )  # fmt: skip


def _lower_forward_v3(
    xp,
    x,
    scale,
    offset,
    mean,
    variance,
    *,
    epsilon,
    exponential_avg_factor,
    data_format,
    is_training,
):
    outputs = _fused_batch_norm(
        xp, x, scale, offset, mean, variance, epsilon, exponential_avg_factor, data_format,
        is_training,
    )  # fmt: skip
    return *outputs, xp.zeros((), scale.dtype)


def _shape_forward(x, scale, offset, mean, variance, *, data_format):
    return _forward_shape(x, (scale, offset), data_format, 4)


def _shape_forward_v3(x, scale, offset, mean, variance, *, data_format):
    return [*_forward_shape(x, (scale, offset), data_format, 4), shapes.UNKNOWN]


def _lower_backward(
    xp, y_backprop, x, scale, reserve_space_1, reserve_space_2, *, epsilon, data_format, is_training
):
    grads = _fused_batch_norm_grad(
        xp,
        y_backprop,
        x,
        scale,
        reserve_space_1,
        reserve_space_2,
        epsilon,
        data_format,
        is_training,
    )
    dx, *vectors = grads
    dtype = reserve_space_1.dtype
    empty = xp.zeros((0,), dtype)
    return dx, *(v.astype(dtype) for v in vectors), empty, empty


def _lower_backward_v3(
    xp, y_backprop, x, scale, reserve_space_1, reserve_space_2, reserve_space_3, *,
    epsilon, data_format, is_training,
):  # fmt: skip
    return _lower_backward(
        xp, y_backprop, x, scale, reserve_space_1, reserve_space_2,
        epsilon=epsilon, data_format=data_format, is_training=is_training,
    )  # fmt: skip


def _shape_backward(y_backprop, x, scale, reserve_space_1, reserve_space_2, *rest, data_format):
    both = _forward_shape(x, (scale,), data_format, 2)
    both[0] = both[0].merge_with(y_backprop.shape)
    return [*both, (0,), (0,)]


def _grads(backward, op, g, x, scale, mean, variance, saved):
    """The gradients of a FusedBatchNorm: `backward` with the statistics that were used."""
    attrs = {name: op.attrs[name] for name in _BATCH_NORM_NAMES}
    used = saved[:2] if op.attrs["is_training"] else (mean, variance)
    if backward is not fused_batch_norm_grad_op and scale.dtype.base_dtype is not float32:
        scale, used = cast(scale, float32), tuple(cast(v, float32) for v in used)
    dx, dscale, doffset, *_ = backward(g, x, scale, *used, *saved[2:], **attrs)
    return dx, dscale, doffset, None, None


# fmt: off
fused_batch_norm_grad_op = op(
    "FusedBatchNormGrad(y_backprop: T, x: T, scale: T, reserve_space_1: T, reserve_space_2: T, *,"
    f" T: type, {_BACKWARD % _IMAGES})"
    " -> x_backprop: T, scale_backprop: T, offset_backprop: T, reserve_space_3: T, reserve_space_4: T",
    "The gradient of FusedBatchNorm.", T=_ONLY_FLOAT, shape=_shape_backward,
    grad=lambda op, gs, y_backprop, x, scale, reserve_space_1, reserve_space_2:
        _second(op, gs, y_backprop, x, scale, reserve_space_1, reserve_space_2),
)(_lower_backward)
fused_batch_norm_op = op(
    "FusedBatchNorm(x: T, scale: T, offset: T, mean: T, variance: T, *,"
    f" T: type, {_FORWARD % _IMAGES})"
    " -> y: T, batch_mean: T, batch_variance: T, reserve_space_1: T, reserve_space_2: T",
    "Batch normalization of images.", T=_ONLY_FLOAT, shape=_shape_forward,
    grad=lambda op, g, x, scale, mean, variance, reserve_space_1, reserve_space_2: _grads(
        fused_batch_norm_grad_op, op, g, x, scale, mean, variance,
        (reserve_space_1, reserve_space_2)),
)(_lower_forward)
fused_batch_norm_grad_v2_op = op(
    "FusedBatchNormGradV2(y_backprop: T, x: T, scale: float32, reserve_space_1: U,"
    f" reserve_space_2: U, *, T: type, U: type, {_BACKWARD % _IMAGES})"
    " -> x_backprop: T, scale_backprop: U, offset_backprop: U, reserve_space_3: U, reserve_space_4: U",
    "The gradient of FusedBatchNormV2.", T=_HALF_OR_FLOAT, U=_ONLY_FLOAT, shape=_shape_backward,
    grad=lambda op, gs, y_backprop, x, scale, reserve_space_1, reserve_space_2:
        _second(op, gs, y_backprop, x, scale, reserve_space_1, reserve_space_2),
)(_lower_backward)
fused_batch_norm_v2_op = op(
    "FusedBatchNormV2(x: T, scale: U, offset: U, mean: U, variance: U, *,"
    f" T: type, U: type, {_FORWARD % _IMAGES})"
    " -> y: T, batch_mean: U, batch_variance: U, reserve_space_1: U, reserve_space_2: U",
    "Batch normalization of images, of 16-bit floats too.",
    T=_HALF_OR_FLOAT, U=_ONLY_FLOAT, shape=_shape_forward,
    grad=lambda op, g, x, scale, mean, variance, reserve_space_1, reserve_space_2: _grads(
        fused_batch_norm_grad_v2_op, op, g, x, scale, mean, variance,
        (reserve_space_1, reserve_space_2)),
)(_lower_forward)
fused_batch_norm_grad_v3_op = op(
    "FusedBatchNormGradV3(y_backprop: T, x: T, scale: float32, reserve_space_1: U,"
    f" reserve_space_2: U, reserve_space_3: U, *, T: type, U: type, {_BACKWARD % _ANY})"
    " -> x_backprop: T, scale_backprop: U, offset_backprop: U, reserve_space_4: U, reserve_space_5: U",
    "The gradient of FusedBatchNormV3.", T=_HALF_OR_FLOAT, U=_ONLY_FLOAT, shape=_shape_backward,
    grad=lambda op, gs, y_backprop, x, scale, reserve_space_1, reserve_space_2:
        _second(op, gs, y_backprop, x, scale, reserve_space_1, reserve_space_2),
)(_lower_backward_v3)
fused_batch_norm_v3_op = op(
    "FusedBatchNormV3(x: T, scale: U, offset: U, mean: U, variance: U, *,"
    f" T: type, U: type, {_FORWARD % _ANY})"
    " -> y: T, batch_mean: U, batch_variance: U, reserve_space_1: U, reserve_space_2: U,"
    " reserve_space_3: U",
    "Batch normalization of images or volumes.",
    T=_HALF_OR_FLOAT, U=frozenset((bfloat16, float32)), shape=_shape_forward_v3,
    grad=lambda op, g, x, scale, mean, variance, reserve_space_1, reserve_space_2,
        reserve_space_3: _grads(fused_batch_norm_grad_v3_op, op, g, x, scale, mean, variance,
                                (reserve_space_1, reserve_space_2, reserve_space_3)),
)(_lower_forward_v3)
# fmt: on


def _second(op, gs, dy, x, scale, mean, variance):
    """Gradients of the gradient: with respect to `dy`, `x` and `scale`.

    With h = (x - mean) / deviation the gradients are, for a the ratio of scale and deviation,
    dx = a P(dy) with P(u) = u - m(u) - h m(u h), m being the mean over a channel (in training; else
    P(u) = u), dscale = sum(dy h), doffset = sum(dy). P is symmetric, which makes the rest short.
    """
    to_dx, to_dscale, to_doffset = gs[:3]
    dtype = x.dtype.base_dtype
    training, data_format = op.attrs["is_training"], op.attrs["data_format"]
    rank = len(data_format)
    at = 1 if channels_first(data_format) else rank - 1
    axes = [i for i in range(rank) if i != at]
    x, dy, to_dx = (cast(t, float32) for t in (x, dy, to_dx))
    shape = [-1 if i == at else 1 for i in range(rank)]
    scale, mean, variance, to_dscale, to_doffset = (
        REGISTRY["Reshape"](v, shape) for v in (scale, mean, variance, to_dscale, to_doffset)
    )
    inverse = REGISTRY["Rsqrt"](variance + float(np.float32(op.attrs["epsilon"])))
    normal = (x - mean) * inverse

    def average(u: Any) -> Any:
        return reduce_mean(u, axes, True)

    def project(u: Any) -> Any:
        return u - average(u) - normal * average(u * normal) if training else u

    projected = project(dy)
    of_scale = reduce_sum(to_dx * projected, axes) * REGISTRY["Reshape"](inverse, [-1])
    of_dy = scale * inverse * project(to_dx) + to_dscale * normal + to_doffset
    of_normal = to_dscale * dy
    if training:
        of_normal = of_normal - scale * inverse * (
            average(dy * normal) * to_dx + average(to_dx * normal) * dy
        )
        # The deviation itself depends on x too.
        of_deviation = average(to_dx * projected) * scale * inverse * inverse * normal
        of_x = inverse * project(of_normal) - of_deviation
        of_statistics: tuple[Any, ...] = ()
    else:
        of_x = inverse * of_normal
        # The statistics are inputs of their own here.
        of_statistics = (
            reduce_sum(-of_x, axes),
            reduce_sum(
                -0.5 * inverse * inverse * (scale * inverse * to_dx * dy + of_normal * normal), axes
            ),
        )
    return cast(of_dy, dtype), cast(of_x, dtype), of_scale, *of_statistics


@export(v1=("nn.fused_batch_norm",))
def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
    exponential_avg_factor: float = 1.0,
) -> tuple[Any, Any, Any]:
    """Batch normalization of images or volumes, in one op.

    Args:
      x: a tensor of rank 4 or 5, laid out as `data_format` says.
      scale, offset: vectors with a number per channel.
      mean, variance: vectors: the statistics to use when not training, or to average with.
      epsilon: a small number, at least 1.001e-5.
      data_format: "NHWC", "NCHW", "NDHWC" or "NCDHW".
      is_training: whether to use the statistics of the batch.
      name: the name of the node.
      exponential_avg_factor: when training, how much of the new statistics goes into the running ones
        that are returned; 1 ignores `mean` and `variance`.

    Returns:
      y, and the running (or batch) mean and variance; the variance of the batch is the unbiased one.

    Raises:
      ValueError: if the shapes do not fit together, or `mean` or `variance` is missing.

    >>> import reflow as tf
    >>> x = tf.reshape(tf.constant([1.0, 3.0]), [2, 1, 1, 1])
    >>> y, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, [1.0], [0.0])
    >>> print(mean.numpy(), variance.numpy())
    [2.] [2.]
    """
    if (not is_training or exponential_avg_factor != 1.0) and (mean is None or variance is None):
        raise ValueError(
            "Both `mean` and `variance` must be a 1D tensor when `is_training` is False or "
            f"`exponential_avg_factor` != 1.0. Received: `mean` {mean!r} and `variance` {variance!r}"
        )
    x = convert_to_tensor(x, name="input")
    scale = convert_to_tensor(scale, name="scale")
    offset = convert_to_tensor(offset, name="offset")
    if mean is None:
        mean = convert_to_tensor(np.zeros(0, np.float32))
    if variance is None:
        variance = convert_to_tensor(np.zeros(0, np.float32))
    y, running_mean, running_variance, *_ = fused_batch_norm_v3_op(
        x,
        scale,
        offset,
        mean,
        variance,
        epsilon=max(epsilon, 1.001e-5),
        exponential_avg_factor=exponential_avg_factor,
        data_format=data_format,
        is_training=is_training,
        name=name,
    )
    return y, running_mean, running_variance
