"""Batch normalization in one op: FusedBatchNorm in its versions, their gradients and function."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.kernels.normalization import GRADIENT_SUMS, MOMENTS, channel_sums
from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import bfloat16, float16, float32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.ops.cast import cast
from reflow.ops.define import op
from reflow.ops.reduce import reduce_mean, reduce_sum
from reflow.ops.spatial.conv_kernels import natively
from reflow.ops.spatial.windows import channels_first


class _Statistics:
    """The sums that a batch normalization takes: over all dimensions of `x` but that of the channels."""

    def __init__(self, xp: Any, x: Any, data_format: str):
        self.xp = xp
        self.x = xp.asarray(x)
        self.wide = self.x.astype(np.float32)
        rank = len(x.shape)
        self.first = channels_first(data_format)
        self.axes = tuple(i for i in range(rank) if i != (1 if self.first else rank - 1))
        self.shape = (-1,) + (1,) * (rank - 2) if self.first else (-1,)
        self.count = int(np.prod([x.shape[i] for i in self.axes]))

    def moments(self) -> Any:
        """The mean and the variance of each channel, [2, channels]."""

        def otherwise(x: Any) -> Any:
            wide, count = x.astype(np.float32), np.float32(self.count)
            mean = self._sum(wide) / count
            off = wide - self.spread(mean)
            return self.xp.stack([mean, self._sum(off * off) / count])

        return natively(self.xp, self._kernel(MOMENTS), otherwise, self.x)

    def gradient_sums(self, dy: Any, mean: Any) -> Any:
        """Per channel the sums of `dy`, and of its product with `x - mean`, [2, channels]."""

        def otherwise(dy: Any, x: Any, mean: Any) -> Any:
            g = dy.astype(np.float32)
            off = x.astype(np.float32) - self.spread(mean)
            return self.xp.stack([self._sum(g), self._sum(g * off)])

        mean = self.xp.asarray(mean).astype(np.float32)
        return natively(self.xp, self._kernel(GRADIENT_SUMS), otherwise, dy, self.x, mean)

    def _kernel(self, kind: int) -> Any:
        if self.first:
            return None
        return channel_sums(kind, self.x.dtype, self.x.shape[:-1], self.x.shape[-1])

    def _sum(self, x: Any) -> Any:
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
        here, var = over.moments()
        new_mean = here
        new_var = var * np.float32(over.count / max(over.count - 1, 1))  # the unbiased one
        if factor != 1:
            new_mean = (1 - factor) * mean + factor * new_mean
            new_var = (1 - factor) * variance + factor * new_var
        saved = here, var
    else:
        here, var = xp.asarray(mean).astype(np.float32), xp.asarray(variance).astype(np.float32)
        new_mean, new_var = here, var
        saved = xp.zeros_like(here), xp.zeros_like(var)
    factors = xp.rsqrt(var + np.float32(epsilon)) * scale
    y = (over.wide - over.spread(here)) * over.spread(factors) + over.spread(offset)
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
    dy = xp.asarray(dy)
    g = dy.astype(np.float32)
    inverse = xp.rsqrt(xp.asarray(variance).astype(np.float32) + np.float32(epsilon))
    to_offset, products = over.gradient_sums(dy, mean)
    to_scale = products * inverse
    if is_training:
        normal = (over.wide - over.spread(mean)) * over.spread(inverse)
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
