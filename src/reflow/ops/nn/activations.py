"""Activations and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import FLOAT, REAL, float32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.math import sigmoid_op
from reflow.ops.public import public


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
