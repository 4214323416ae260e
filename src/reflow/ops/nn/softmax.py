"""Softmax, biases, and the layers made of a product and a bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT, NUMBER, float32, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.array import renamed
from reflow.ops.define import op
from reflow.ops.nn.activations import relu

# Softmax ------------------------------------------------------------------------------------------


def _check_logits(logits: Any) -> None:
    if len(logits.shape) < 1:
        raise errors.InvalidArgumentError(
            None, None, f"logits must have >= 1 dimension, got {list(logits.shape)}"
        )


def _in_float32(logits: Any) -> Any:
    return logits.astype(np.float32) if logits.dtype.itemsize == 2 else logits


def shifted_exp(xp: Any, logits: Any) -> tuple[Any, Any, Any]:
    """The logits less their maximum along the last axis, the exponentials of these, and their sums."""
    wide = _in_float32(logits)
    if not wide.size:
        return wide, wide, xp.sum(wide, axis=-1, keepdims=True)
    shifted = wide - xp.max(wide, axis=-1, keepdims=True)
    exp = xp.exp(shifted)
    return shifted, exp, xp.sum(exp, axis=-1, keepdims=True)


def _sum_last(x: Any) -> Any:
    return REGISTRY["Sum"](x, -1, keep_dims=True)


def _at_least_vector(logits: Any) -> Any:
    return logits.shape.with_rank_at_least(1)


@op("Softmax(logits: T) -> softmax: T", shape=_at_least_vector, T=FLOAT)
def softmax_op(xp, logits):
    """exp(x) divided by its sum along the last axis."""
    _check_logits(logits)
    _, exp, total = shifted_exp(xp, logits)
    return (exp / total).astype(logits.dtype)


@softmax_op.gradient_rule
def _softmax_grad(g, softmax):
    return (g - _sum_last(g * softmax)) * softmax


@op("LogSoftmax(logits: T) -> logsoftmax: T", shape=_at_least_vector, T=FLOAT)
def log_softmax_op(xp, logits):
    """x - log(sum(exp(x))) along the last axis."""
    _check_logits(logits)
    shifted, _, total = shifted_exp(xp, logits)
    return (shifted - xp.log(total)).astype(logits.dtype)


@log_softmax_op.gradient_rule
def _log_softmax_grad(g, logsoftmax):
    return g - _sum_last(g) * REGISTRY["Exp"](logsoftmax)


def _along(opdef: Any, logits: Any, axis: int, name: str | None) -> Any:
    """Applies an op that works along the last axis along another one."""
    logits = convert_to_tensor(logits)
    sizes = logits.shape.sizes
    if axis == -1 or (sizes is not None and axis == len(sizes) - 1):
        return opdef(logits, name=name)
    if sizes is None:
        raise ValueError(f"The rank of `logits` must be known when the axis is {axis}.")
    rank = len(sizes)
    if not -rank <= axis < rank:
        raise errors.InvalidArgumentError(
            None, None, f"`axis` must be in [{-rank}, {rank}), where {rank} is the number of "
            f"dimensions of `logits`. Received: axis={axis}",
        )  # fmt: skip
    swap = list(range(rank))
    swap[axis], swap[-1] = swap[-1], swap[axis]
    transpose = REGISTRY["Transpose"]
    moved = transpose(logits, swap, name="transpose")
    result = transpose(opdef(moved), swap, name=name or "transpose")
    if sizes is not None and not result.shape.is_fully_defined():
        result.set_shape(logits.shape)
    return result


@export(v2=("nn.softmax", "math.softmax"))
def softmax_v2(logits: Any, axis: int | None = None, name: str | None = None) -> Any:
    """exp(x) divided by its sum along an axis.

    Args:
      logits: a floating-point tensor with at least one dimension.
      axis: the dimension along which the result sums to 1; the last by default.
      name: the name of the node.

    Raises:
      InvalidArgumentError: if there is no such dimension.

    >>> import reflow as tf
    >>> print(tf.nn.softmax([0.0, 0.0, 1000.0]).numpy())
    [0. 0. 1.]
    """
    return _along(softmax_op, logits, -1 if axis is None else axis, name)


@export(v1=("nn.softmax", "math.softmax"))
def softmax(
    logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Any:
    """TF 1's `tf.nn.softmax`: see `softmax_v2`; `axis` is also called `dim`.

    >>> import reflow as tf
    >>> print(tf.compat.v1.nn.softmax([[1.0], [1.0]], dim=0).numpy().ravel())
    [0.5 0.5]
    """
    return softmax_v2(logits, renamed("axis", axis, "dim", dim), name)


@export(v2=("nn.log_softmax", "math.log_softmax"))
def log_softmax_v2(logits: Any, axis: int | None = None, name: str | None = None) -> Any:
    """The logarithm of the softmax: x - log(sum(exp(x))) along an axis.

    Args:
      logits: a floating-point tensor with at least one dimension.
      axis: the dimension; the last by default.
      name: the name of the node.

    Raises:
      InvalidArgumentError: if there is no such dimension.

    >>> import reflow as tf
    >>> print(tf.nn.log_softmax([0.0, 0.0]).numpy())
    [-0.6931472 -0.6931472]
    """
    return _along(log_softmax_op, logits, -1 if axis is None else axis, name)


@export(v1=("nn.log_softmax", "math.log_softmax"))
def log_softmax(
    logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Any:
    """TF 1's `tf.nn.log_softmax`: see `log_softmax_v2`; `axis` is also called `dim`.

    >>> import reflow as tf
    >>> print(tf.compat.v1.nn.log_softmax([0.0, 0.0]).numpy())
    [-0.6931472 -0.6931472]
    """
    return log_softmax_v2(logits, renamed("axis", axis, "dim", dim), name)


# Biases -------------------------------------------------------------------------------------------

_FORMAT = "data_format: string{NHWC,NCHW} = 'NHWC'"


def _channel_axis(data_format: str, rank: int) -> int:
    """Which dimension of a value has the channels; with fewer than 3 it is always the last."""
    return 1 if data_format == "NCHW" and rank > 2 else rank - 1


def _bias_add(xp: Any, value: Any, bias: Any, data_format: str) -> Any:
    rank = len(value.shape)
    if rank < 2:
        raise errors.InvalidArgumentError(
            None, None, f"Input tensor must be at least 2D: {list(value.shape)}"
        )
    if len(bias.shape) != 1:
        raise errors.InvalidArgumentError(None, None, f"Biases must be 1D: {list(bias.shape)}")
    axis = _channel_axis(data_format, rank)
    if bias.shape[0] != value.shape[axis]:
        raise errors.InvalidArgumentError(
            None,
            None,
            "Must provide as many biases as the last dimension of the input tensor: "
            f"{list(bias.shape)} vs. {list(value.shape)}",
        )
    if axis != rank - 1:
        bias = bias.reshape((-1,) + (1,) * (rank - 1 - axis))
    return value + bias


def _bias_add_shape(value: Any, bias: Any, data_format: str) -> Any:
    sizes = value.shape.with_rank_at_least(2)._dims
    width = bias.shape.with_rank(1)._dims[0]
    if sizes is None:
        return shapes.UNKNOWN
    axis = _channel_axis(data_format, len(sizes))
    if width is None or width == sizes[axis]:
        return value.shape
    if sizes[axis] is not None:
        raise ValueError(
            f"Dimensions must be equal, but are {sizes[axis]} and {width}: the channels of the value "
            "and the bias."
        )
    return shapes.of((*sizes[:axis], width, *sizes[axis + 1 :]))


@op(f"BiasAdd(value: T, bias: T, *, {_FORMAT}) -> output: T", T=NUMBER)
def bias_add_op(xp, value, bias, *, data_format):
    """The value plus a bias per channel."""
    return _bias_add(xp, value, bias, data_format)


@bias_add_op.shape_rule
def _bias_add_op_shape(value, bias, *, data_format):
    return _bias_add_shape(value, bias, data_format)


@bias_add_op.gradient_rule
def _bias_add_op_grad(g, *, data_format):
    return g, bias_add_grad_op(g, data_format=data_format)


@op(f"BiasAddGrad(out_backprop: T, *, {_FORMAT}) -> output: T", T=NUMBER)
def bias_add_grad_op(xp, out_backprop, *, data_format):
    """The sum of a gradient over all dimensions but the channels."""
    rank = len(out_backprop.shape)
    if rank < 2:
        raise errors.InvalidArgumentError(
            None, None, f"Input tensor must be at least 2D: {list(out_backprop.shape)}"
        )
    axis = _channel_axis(data_format, rank)
    others = tuple(i for i in range(rank) if i != axis)
    dtype = out_backprop.dtype
    return xp.sum(_in_float32(out_backprop) if dtype.kind in "fV" else out_backprop, others).astype(
        dtype
    )


@bias_add_grad_op.shape_rule
def _bias_add_grad_shape(out_backprop, *, data_format):
    sizes = out_backprop.shape.with_rank_at_least(2)._dims
    return (None if sizes is None else sizes[_channel_axis(data_format, len(sizes))],)


@bias_add_grad_op.gradient_rule
def _bias_add_grad_grad(g, out_backprop, *, data_format):
    """`g`, a value per channel, all over the shape of `out_backprop`."""
    rank = out_backprop.shape.rank
    if rank is None:
        raise ValueError("The second derivative of BiasAdd needs to know the rank of its input.")
    axis = _channel_axis(data_format, rank)
    expanded = REGISTRY["Reshape"](g, [-1 if i == axis else 1 for i in range(rank)])
    return REGISTRY["BroadcastTo"](expanded, REGISTRY["Shape"](out_backprop))


@op("BiasAddV1(value: T, bias: T) -> output: T", T=NUMBER)
def bias_add_v1_op(xp, value, bias):
    """The value plus a bias per channel, the last dimension."""
    return _bias_add(xp, value, bias, "NHWC")


@bias_add_v1_op.shape_rule
def _bias_add_v1_shape(value, bias):
    return _bias_add_shape(value, bias, "NHWC")


@bias_add_v1_op.gradient_rule
def _bias_add_v1_grad(g):
    return g, bias_add_grad_op(g)


@export("nn.bias_add")
def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """Adds a bias to each channel of a value.

    Args:
      value: a tensor of numbers with at least 2 dimensions.
      bias: a vector of the same dtype, as long as `value` has channels.
      data_format: "N...C", channels last (the default), or "NC...".
      name: the name of the node.

    Raises:
      ValueError: if the sizes differ, or `data_format` is another.

    >>> import reflow as tf
    >>> print(tf.nn.bias_add([[1.0, 2.0]], [10.0, 20.0]).numpy())
    [[11. 22.]]
    """
    with name_scope(name, "BiasAdd", [value, bias]) as name:
        if data_format is not None:
            if data_format.startswith("NC"):
                data_format = "NCHW"
            elif data_format.startswith("N") and data_format.endswith("C"):
                data_format = "NHWC"
            else:
                raise ValueError(
                    "`data_format` must be of the form `N...C` or `NC...`. "
                    f"Received: data_format={data_format}"
                )
        value = convert_to_tensor(value, name="input")
        bias = convert_to_tensor(bias, value.dtype.base_dtype, name="bias")
        return bias_add_op(value, bias, data_format=data_format or "NHWC", name=name)


@export(v1=("nn.xw_plus_b",))
def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """matmul(x, weights) + biases.

    Args:
      x: a matrix [batch, in].
      weights: a matrix [in, out], of the same dtype.
      biases: a vector [out].
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> print(tf.compat.v1.nn.xw_plus_b([[1.0, 2.0]], [[1.0], [1.0]], [10.0]).numpy())
    [[13.]]
    """
    with name_scope(name, "xw_plus_b", [x, weights, biases]) as name:
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(weights, name="weights")
        biases = convert_to_tensor(biases, name="biases")
        return bias_add(REGISTRY["MatMul"](x, weights), biases, name=name)


@export(v1=("nn.relu_layer",))
def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """relu(matmul(x, weights) + biases).

    Args:
      x: a matrix [batch, in].
      weights: a matrix [in, out], of the same dtype.
      biases: a vector [out].
      name: the name of the node.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> print(tf.compat.v1.nn.relu_layer([[1.0, 2.0]], [[1.0, -9.0], [1.0, 0.0]], [1.0, 0.0]).numpy())
    [[4. 0.]]
    """
    with name_scope(name, "relu_layer", [x, weights, biases]) as name:
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(weights, name="weights")
        biases = convert_to_tensor(biases, name="biases")
        return relu(bias_add(REGISTRY["MatMul"](x, weights), biases), name=name)


# Statistics ---------------------------------------------------------------------------------------


@export("math.zero_fraction", "nn.zero_fraction")
def zero_fraction(value: Any, name: str | None = None) -> Any:
    """Which fraction of the elements is zero: how sparse activations are.

    Args:
      value: a tensor of numbers.
      name: the scope of the nodes.

    Returns:
      A float32 scalar; NaN if there are no elements.

    >>> import reflow as tf
    >>> print(tf.nn.zero_fraction([0.0, 1.0, 2.0, 0.0]).numpy())
    0.5
    """
    cast = REGISTRY["Cast"]
    with name_scope(name, "zero_fraction", [value]):
        value = convert_to_tensor(value, name="value")
        size = REGISTRY["Size"](value, out_type=int64)
        zero = convert_to_tensor(0, value.dtype.base_dtype)
        hits = cast(REGISTRY["NotEqual"](value, zero), DstT=int64)
        flat = REGISTRY["Reshape"](hits, [-1])
        count = REGISTRY["Sum"](flat, [0], name="nonzero")
        with name_scope("counts_to_fraction"):
            fraction = cast(size - count, DstT=float32) / cast(size, DstT=float32)
        return REGISTRY["Identity"](fraction, name="fraction")
