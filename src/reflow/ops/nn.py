"""Activations, softmax and biases."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT, NUMBER, REAL, float32, int64
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import shape_rules
from reflow.ops.array import renamed
from reflow.ops.define import op
from reflow.ops.math import sigmoid_op
from reflow.ops.public import public

# Activations --------------------------------------------------------------------------------------


def _of(x: Any, value: float) -> Any:
    """`value` as a scalar of the dtype of the array `x`."""
    return x.dtype.type(value)


def zeros_like(x: Any) -> Any:
    """The op ZerosLike of `x`."""
    return REGISTRY["ZerosLike"](x)


def _where(condition: Any, t: Any, e: Any) -> Any:
    return REGISTRY["SelectV2"](condition, t, e)


def _activation(name: str, doc: str, *, T: Any, lower: Any, grad: Any) -> Any:
    return op(
        f"{name}(features: T) -> activations: T", doc, shape=shape_rules.same, T=T, grad=grad
    )(lower)


def _slope(name: str, of: str, doc: str, *, T: Any, lower: Any, grad: Any) -> Any:
    """The op that multiplies a gradient by the derivative, given the input or the output `of`."""
    signature = f"{name}(gradients: T, {of}: T) -> backprops: T"
    return op(signature, doc, shape=shape_rules.merge, T=T, grad=grad)(lower)


# The derivatives are written so that they are zero, not NaN, where an infinite gradient is cut off.
# fmt: off
relu_grad = _slope(
    "ReluGrad", "features", "`gradients` where `features` is positive, else 0.", T=REAL,
    lower=lambda xp, gradients, features: xp.where(features > 0, gradients, _of(features, 0)),
    grad=lambda g, features: (relu_grad(g, features), zeros_like(features)),
)
relu_op = _activation(
    "Relu", "max(x, 0), element-wise.", T=REAL,
    lower=lambda xp, features: xp.maximum(features, _of(features, 0)),
    grad=lambda g, activations: relu_grad(g, activations),
)
relu6_grad = _slope(
    "Relu6Grad", "features", "`gradients` where `features` is between 0 and 6, else 0.", T=REAL,
    lower=lambda xp, gradients, features: xp.where(
        (features > 0) & (features < 6), gradients, _of(features, 0)),
    grad=lambda g, features: (relu6_grad(g, features), zeros_like(features)),
)
relu6_op = _activation(
    "Relu6", "min(max(x, 0), 6), element-wise.", T=REAL,
    lower=lambda xp, features: xp.minimum(
        xp.maximum(features, _of(features, 0)), _of(features, 6)),
    grad=lambda g, activations: relu6_grad(g, activations),
)
elu_grad = _slope(
    "EluGrad", "outputs", "The gradient of Elu, given its output.", T=FLOAT,
    lower=lambda xp, gradients, outputs: xp.where(
        outputs < 0, gradients * (outputs + _of(outputs, 1)), gradients),
    grad=lambda g, gradients, outputs: (
        elu_grad(g, outputs), _where(outputs < 0.0, g * gradients, zeros_like(outputs))),
)
elu_op = _activation(
    "Elu", "exp(x) - 1 where x is negative, else x.", T=FLOAT,
    lower=lambda xp, features: _elu(xp, features),
    grad=lambda g, activations: elu_grad(g, activations),
)
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946
selu_grad = _slope(
    "SeluGrad", "outputs", "The gradient of Selu, given its output.", T=FLOAT,
    lower=lambda xp, gradients, outputs: gradients * xp.where(
        outputs < 0, outputs + _of(outputs, _SELU_SCALE * _SELU_ALPHA), _of(outputs, _SELU_SCALE)),
    grad=lambda g, gradients, outputs: (
        selu_grad(g, outputs), _where(outputs < 0.0, g * gradients, zeros_like(outputs))),
)
selu_op = _activation(
    "Selu", "scale * x, and scale * alpha * (exp(x) - 1) where x is negative: constants that keep mean"
    " and variance. Klambauer et al., Self-Normalizing Neural Networks, 2017.", T=FLOAT,
    lower=lambda xp, features: _selu(xp, features),
    grad=lambda g, activations: selu_grad(g, activations),
)
softplus_grad = _slope(
    "SoftplusGrad", "features", "`gradients` times the sigmoid of `features`.", T=FLOAT,
    lower=lambda xp, gradients, features: gradients * sigmoid_op.lower(xp, features),
    grad=lambda g, gradients, features: (
        softplus_grad(g, features),
        g * gradients * sigmoid_op(features) * sigmoid_op(-features)),
)
softplus_op = _activation(
    "Softplus", "log(exp(x) + 1), element-wise.", T=FLOAT,
    lower=lambda xp, features: _softplus(xp, features),
    grad=lambda g, features: softplus_grad(g, features),
)
softsign_grad = _slope(
    "SoftsignGrad", "features", "gradients / (1 + |features|)**2.", T=FLOAT,
    lower=lambda xp, gradients, features: gradients / _square(_of(features, 1) + xp.abs(features)),
    grad=lambda g, gradients, features: (
        softsign_grad(g, features),
        softsign_grad(g, features) * gradients * -2.0 * REGISTRY["Sign"](features)
        / (1.0 + REGISTRY["Abs"](features))),
)
softsign_op = _activation(
    "Softsign", "x / (1 + |x|), element-wise.", T=FLOAT,
    lower=lambda xp, features: features / (_of(features, 1) + xp.abs(features)),
    grad=lambda g, features: softsign_grad(g, features),
)
# fmt: on


def _square(x: Any) -> Any:
    return x * x


def _elu(xp: Any, x: Any) -> Any:
    return xp.where(x < 0, xp.expm1(xp.minimum(x, _of(x, 0))), x)


def _selu(xp: Any, x: Any) -> Any:
    negative = _of(x, _SELU_SCALE * _SELU_ALPHA) * xp.expm1(xp.minimum(x, _of(x, 0)))
    return xp.where(x < 0, negative, _of(x, _SELU_SCALE) * x)


def _softplus(xp: Any, x: Any) -> Any:
    return xp.maximum(x, _of(x, 0)) + xp.log1p(xp.exp(-xp.abs(x)))


relu = public(relu_op, "nn.relu", example=("[-1.0, 2.0]", "[0. 2.]"))
elu = public(elu_op, "nn.elu", example=("[-1.0, 2.0]", "[-0.63212055  2.        ]"))
selu = public(selu_op, "nn.selu", example=("[0.0, 2.0]", "[0.       2.101402]"))
softsign = public(
    softsign_op, "nn.softsign", "math.softsign", example=("[-1.0, 3.0]", "[-0.5   0.75]")
)
softplus = public(softplus_op, "nn.softplus", "math.softplus", example=("[0.0, 100.0]", "[  0.6931472 100.       ]"))  # fmt: skip


@export("nn.relu6")
def relu6(features: Any, name: str | None = None) -> Any:
    """min(max(x, 0), 6), element-wise.

    Args:
      features: a tensor of real numbers.
      name: the name of the node.

    References:
      Krizhevsky, Convolutional Deep Belief Networks on CIFAR-10, 2010.

    >>> import reflow as tf
    >>> print(tf.nn.relu6([-1.0, 3.0, 7.0]).numpy())
    [0. 3. 6.]
    """
    with name_scope(name, "Relu6", [features]) as name:
        features = convert_to_tensor(features, name="features")
        return relu6_op(features, name=name)


_LEAKY = "alpha: float = 0.20000000298023224, T: type = float"


def _leak(x: Any, alpha: float) -> Any:
    """The slope as a scalar of the dtype of `x`; an attribute has the precision of float32."""
    return x.dtype.type(np.float32(alpha))


@op(
    f"LeakyReluGrad(gradients: T, features: T, *, {_LEAKY}) -> backprops: T",
    shape=shape_rules.merge,
    T=FLOAT,
)
def leaky_relu_grad(xp, gradients, features, *, alpha):
    """`gradients` where `features` is positive, else `alpha` times it."""
    return xp.where(features > 0, gradients, gradients * _leak(features, alpha))


@leaky_relu_grad.gradient_rule
def _leaky_relu_grad_grad(g, features, *, alpha):
    return leaky_relu_grad(g, features, alpha=alpha), zeros_like(features)


@op(f"LeakyRelu(features: T, *, {_LEAKY}) -> activations: T", shape=shape_rules.same, T=FLOAT)
def leaky_relu_op(xp, features, *, alpha):
    """x where it is positive, else alpha * x."""
    return xp.where(features > 0, features, features * _leak(features, alpha))


@leaky_relu_op.gradient_rule
def _leaky_relu_grad(g, features, *, alpha):
    return leaky_relu_grad(g, features, alpha=alpha)


@export("nn.leaky_relu")
def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Any:
    """x where it is positive, else alpha * x, element-wise.

    Args:
      features: a tensor of real numbers; integers become float32.
      alpha: the slope for negative values.
      name: the name of the node.

    References:
      Maas et al., Rectifier Nonlinearities Improve Neural Network Acoustic Models, ICML 2013.

    >>> import reflow as tf
    >>> print(tf.nn.leaky_relu([-1.0, 2.0]).numpy())
    [-0.2  2. ]
    """
    with name_scope(name, "LeakyRelu", [features, alpha]) as name:
        features = convert_to_tensor(features, name="features")
        if features.dtype.is_integer:
            features = REGISTRY["Cast"](features, DstT=float32)
        if isinstance(alpha, np.ndarray):
            alpha = alpha.item()
        return leaky_relu_op(features, alpha=alpha, name=name)


@export(v2=("nn.crelu",))
def crelu_v2(features: Any, axis: int = -1, name: str | None = None) -> Any:
    """The ReLU of x and of -x, side by side: twice as deep as its input.

    Args:
      features: a tensor of real numbers.
      axis: the dimension along which the two are joined.
      name: the name of the node that joins.

    References:
      Shang et al., Understanding and Improving Convolutional Neural Networks via Concatenated
      Rectified Linear Units, ICML 2016.

    >>> import reflow as tf
    >>> print(tf.nn.crelu([[-1.0, 2.0]]).numpy())
    [[0. 2. 1. 0.]]
    """
    with name_scope(name, "CRelu", [features]) as name:
        features = convert_to_tensor(features, name="features")
        both = REGISTRY["ConcatV2"]([features, REGISTRY["Neg"](features)], axis, name=name)
        return relu(both)


@export(v1=("nn.crelu",))
def crelu(features: Any, name: str | None = None, axis: int = -1) -> Any:
    """TF 1's `tf.nn.crelu`: see `crelu_v2`.

    >>> import reflow as tf
    >>> print(tf.compat.v1.nn.crelu([[-1.0, 2.0]], axis=0).numpy())
    [[0. 2.]
     [1. 0.]]
    """
    return crelu_v2(features, axis, name)


@export(v2=("nn.gelu",))
def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
    """The Gaussian error linear unit: x times the probability that a standard normal is below x.

    Args:
      features: a floating-point tensor.
      approximate: whether to approximate the probability with a tanh.
      name: the scope of the nodes.

    Raises:
      ValueError: if `features` is not floating-point.

    References:
      Hendrycks and Gimpel, Gaussian Error Linear Units (GELUs), 2016.

    >>> import reflow as tf
    >>> print(tf.nn.gelu([-1.0, 1.0]).numpy())
    [-0.15865526  0.8413447 ]
    """
    with name_scope(name, "Gelu", [features]):
        features = convert_to_tensor(features, name="features")
        if not features.dtype.is_floating:
            raise ValueError(
                f"`features.dtype` must be a floating point tensor. Received: {features.dtype.name}"
            )
        if approximate:
            cubic = convert_to_tensor(0.044715, features.dtype, name="Cast/x")
            inner = features + cubic * REGISTRY["Pow"](features, 3)
            return 0.5 * features * (1.0 + REGISTRY["Tanh"](0.7978845608028654 * inner))
        half = 0.5 * features
        scale = convert_to_tensor(0.7071067811865476, features.dtype, name="Cast/x")
        return half * REGISTRY["Erfc"](-features * scale)


@export("nn.silu", "nn.swish")
def silu(features: Any, beta: float = 1.0) -> Any:
    """x * sigmoid(beta * x), element-wise.

    Args:
      features: a floating-point tensor.
      beta: how steep the sigmoid is: a number or a scalar tensor.

    References:
      Ramachandran et al., Searching for Activation Functions, 2017.

    >>> import reflow as tf
    >>> print(tf.nn.silu([0.0, 1.0]).numpy())
    [0.        0.7310586]
    """
    features = convert_to_tensor(features, name="features")
    beta = convert_to_tensor(beta, features.dtype, name="beta")
    return features * sigmoid_op(beta * features)


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
