"""Rounding to few bits, as a model would be quantized, with gradients that let it be trained.

https://www.tensorflow.org/api_docs/python/tf/quantization
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.export import export
from reflow.ops import shape_rules
from reflow.ops.define import op

# Fake quantization --------------------------------------------------------------------------------


def _nudged(xp: Any, low: Any, high: Any, num_bits: int, narrow_range: bool) -> tuple:
    """The range moved so that zero is one of the steps; the width of a step, and its inverse."""
    first, last = float(narrow_range), float((1 << num_bits) - 1)
    low, high = (xp.asarray(v, np.float32) for v in (low, high))
    scale = (high - low) / np.float32(last - first)
    zero = np.float32(first) - low / scale
    rounded = xp.floor(zero + np.float32(0.5))
    zero = xp.where(
        zero < first, np.float32(first), xp.where(zero > last, np.float32(last), rounded)
    )
    inverse = np.float32(last - first) / (high - low)
    return (first - zero) * scale, (last - zero) * scale, scale, inverse


def _fake_quant(xp: Any, x: Any, low: Any, high: Any, num_bits: int, narrow_range: bool) -> Any:
    bottom, top, scale, inverse = _nudged(xp, low, high, num_bits, narrow_range)
    zero = xp.floor(-bottom * inverse + np.float32(0.5))
    shifted = xp.minimum(xp.maximum(x, bottom), top) - bottom
    steps = xp.floor(shifted * inverse - zero + np.float32(0.5))
    empty = (low == 0) & (high == 0)
    return xp.where(empty, np.float32(0), steps * scale).astype(np.float32)


def _fake_quant_grads(xp, g, x, low, high, num_bits, narrow_range, axes) -> tuple[Any, Any, Any]:
    bottom, top, *_ = _nudged(xp, low, high, num_bits, narrow_range)
    empty = (low == 0) & (high == 0)
    inside = empty | ((x >= bottom) & (x <= top))
    zero = np.float32(0)
    below = xp.where(~empty & (x < bottom), g, zero).sum(axes, dtype=np.float32)
    above = xp.where(~empty & (x > top), g, zero).sum(axes, dtype=np.float32)
    return xp.where(inside, g, zero), below, above


_BITS = "num_bits: int = 8, narrow_range: bool = False"
_RANGE = "min: float = -6.0, max: float = 6.0"


def _check_range(low: float, high: float) -> None:
    if not low < high:
        raise ValueError(f"min has to be smaller than max, was: {low} >= {high}")


@op(
    f"FakeQuantWithMinMaxArgs(inputs: float, *, {_RANGE}, {_BITS}) -> outputs: float",
    shape=shape_rules.same,
)
def fake_quant_args_op(xp, inputs, *, min, max, num_bits, narrow_range):
    """Rounds to the steps of a fixed range."""
    _check_range(min, max)
    return _fake_quant(xp, inputs, np.float32(min), np.float32(max), num_bits, narrow_range)


@fake_quant_args_op.gradient_rule
def _fake_quant_args_grad(g, inputs, *, min, max, num_bits, narrow_range):
    return fake_quant_args_gradient_op(
        g, inputs, min=min, max=max, num_bits=num_bits, narrow_range=narrow_range
    )


@op(
    f"FakeQuantWithMinMaxArgsGradient(gradients: float, inputs: float, *, {_RANGE}, {_BITS})"
    " -> backprops: float",
    shape=shape_rules.merge,
    grad=None,
)
def fake_quant_args_gradient_op(xp, gradients, inputs, *, min, max, num_bits, narrow_range):
    """The gradients within the range, zeros outside of it."""
    _check_range(min, max)
    low, high = np.float32(min), np.float32(max)
    return _fake_quant_grads(xp, gradients, inputs, low, high, num_bits, narrow_range, None)[0]


@op(
    f"FakeQuantWithMinMaxVars(inputs: float, min: float, max: float, *, {_BITS}) -> outputs: float",
    shape=shape_rules.same,
)
def fake_quant_vars_op(xp, inputs, min, max, *, num_bits, narrow_range):
    """Rounds to the steps of a range."""
    return _fake_quant(xp, inputs, min, max, num_bits, narrow_range)


@fake_quant_vars_op.gradient_rule
def _fake_quant_vars_grad(g, inputs, min, max, *, num_bits, narrow_range):
    return tuple(
        fake_quant_vars_gradient_op(
            g, inputs, min, max, num_bits=num_bits, narrow_range=narrow_range
        )
    )


@op(
    "FakeQuantWithMinMaxVarsGradient(gradients: float, inputs: float, min: float, max: float, *,"
    f" {_BITS}) -> backprops_wrt_input: float, backprop_wrt_min: float, backprop_wrt_max: float",
    shape=lambda gradients, inputs, min, max: [
        shape_rules.merge(gradients, inputs),
        shapes.SCALAR,
        shapes.SCALAR,
    ],
    grad=None,
)
def fake_quant_vars_gradient_op(xp, gradients, inputs, min, max, *, num_bits, narrow_range):
    """The gradients within the range go to the inputs, those outside to its ends."""
    return _fake_quant_grads(xp, gradients, inputs, min, max, num_bits, narrow_range, None)


@op(
    "FakeQuantWithMinMaxVarsPerChannel(inputs: float, min: float, max: float, *,"
    f" {_BITS}) -> outputs: float",
    shape=shape_rules.same,
)
def fake_quant_channels_op(xp, inputs, min, max, *, num_bits, narrow_range):
    """Rounds to the steps of a range for each channel, the last dimension."""
    _check_channels(inputs, min, max)
    return _fake_quant(xp, inputs, min, max, num_bits, narrow_range)


def _check_channels(inputs: Any, low: Any, high: Any) -> None:
    depth = inputs.shape[-1:]
    for label, v in (("min", low), ("max", high)):
        if tuple(v.shape) != tuple(depth):
            raise ValueError(
                f"{label} has incorrect size, expected {list(depth)} was {list(v.shape)}"
            )


@fake_quant_channels_op.gradient_rule
def _fake_quant_channels_grad(g, inputs, min, max, *, num_bits, narrow_range):
    return tuple(
        fake_quant_channels_gradient_op(
            g, inputs, min, max, num_bits=num_bits, narrow_range=narrow_range
        )
    )


@op(
    "FakeQuantWithMinMaxVarsPerChannelGradient(gradients: float, inputs: float, min: float,"
    f" max: float, *, {_BITS})"
    " -> backprops_wrt_input: float, backprop_wrt_min: float, backprop_wrt_max: float",
    shape=lambda gradients, inputs, min, max: [
        shape_rules.merge(gradients, inputs),
        shape_rules.merge(min, max),
        shape_rules.merge(min, max),
    ],
    grad=None,
)
def fake_quant_channels_gradient_op(xp, gradients, inputs, min, max, *, num_bits, narrow_range):
    """The gradients within the range of a channel go to the inputs, those outside to its ends."""
    _check_channels(inputs, min, max)
    axes = tuple(range(len(inputs.shape) - 1))
    return _fake_quant_grads(xp, gradients, inputs, min, max, num_bits, narrow_range, axes)


@export("quantization.fake_quant_with_min_max_args", v1=("fake_quant_with_min_max_args",))
def fake_quant_with_min_max_args(
    inputs: Any,
    min: float = -6,
    max: float = 6,
    num_bits: int = 8,
    narrow_range: bool = False,
    name: str | None = None,
) -> Any:
    """`inputs` rounded to the `2**num_bits` steps of the range from `min` to `max`.

    Args:
      inputs: a float32 tensor.
      min, max: the range, Python numbers. It is moved a little so that zero is one of the steps.
      num_bits: from 2 to 16.
      narrow_range: whether to leave out the lowest step.

    Raises:
      InvalidArgumentError: if `min` is not smaller than `max`.

    >>> import reflow as tf
    >>> tf.quantization.fake_quant_with_min_max_args([0.1, 9.0], 0.0, 3.0, 2).numpy().tolist()
    [0.0, 3.0]
    """
    return fake_quant_args_op(
        inputs, min=min, max=max, num_bits=num_bits, narrow_range=narrow_range, name=name
    )


@export(
    "quantization.fake_quant_with_min_max_args_gradient",
    v1=("fake_quant_with_min_max_args_gradient",),
)
def fake_quant_with_min_max_args_gradient(
    gradients: Any,
    inputs: Any,
    min: float = -6,
    max: float = 6,
    num_bits: int = 8,
    narrow_range: bool = False,
    name: str | None = None,
) -> Any:
    """The gradient of `tf.quantization.fake_quant_with_min_max_args`.

    >>> import reflow as tf
    >>> tf.quantization.fake_quant_with_min_max_args_gradient([1.0, 1.0], [0.5, 7.0]).numpy()
    array([1., 0.], dtype=float32)
    """
    return fake_quant_args_gradient_op(
        gradients, inputs, min=min, max=max, num_bits=num_bits, narrow_range=narrow_range, name=name
    )


@export("quantization.fake_quant_with_min_max_vars", v1=("fake_quant_with_min_max_vars",))
def fake_quant_with_min_max_vars(
    inputs: Any,
    min: Any,
    max: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    name: str | None = None,
) -> Any:
    """Like `fake_quant_with_min_max_args`, with a range of tensors, which can be trained.

    >>> import reflow as tf
    >>> tf.quantization.fake_quant_with_min_max_vars([0.1, 9.0], 0.0, 3.0, 2).numpy().tolist()
    [0.0, 3.0]
    """
    return fake_quant_vars_op(
        inputs, min, max, num_bits=num_bits, narrow_range=narrow_range, name=name
    )


@export(
    "quantization.fake_quant_with_min_max_vars_gradient",
    v1=("fake_quant_with_min_max_vars_gradient",),
)
def fake_quant_with_min_max_vars_gradient(
    gradients: Any,
    inputs: Any,
    min: Any,
    max: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    name: str | None = None,
) -> Any:
    """The gradients of `tf.quantization.fake_quant_with_min_max_vars`, as a named tuple.

    >>> import reflow as tf
    >>> grads = tf.quantization.fake_quant_with_min_max_vars_gradient([1.0, 2.0], [1.0, 5.0], 0.0, 3.0)
    >>> [g.numpy().tolist() for g in grads]
    [[1.0, 0.0], 0.0, 2.0]
    """
    return fake_quant_vars_gradient_op(
        gradients, inputs, min, max, num_bits=num_bits, narrow_range=narrow_range, name=name
    )


@export(
    "quantization.fake_quant_with_min_max_vars_per_channel",
    v1=("fake_quant_with_min_max_vars_per_channel",),
)
def fake_quant_with_min_max_vars_per_channel(
    inputs: Any,
    min: Any,
    max: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    name: str | None = None,
) -> Any:
    """Like `fake_quant_with_min_max_vars`, with a range for each element of the last dimension.

    >>> import reflow as tf
    >>> tf.quantization.fake_quant_with_min_max_vars_per_channel(
    ...     [[0.1, 9.0]], [0.0, 0.0], [3.0, 6.0], 2
    ... ).numpy().tolist()
    [[0.0, 6.0]]
    """
    return fake_quant_channels_op(
        inputs, min, max, num_bits=num_bits, narrow_range=narrow_range, name=name
    )


@export(
    "quantization.fake_quant_with_min_max_vars_per_channel_gradient",
    v1=("fake_quant_with_min_max_vars_per_channel_gradient",),
)
def fake_quant_with_min_max_vars_per_channel_gradient(
    gradients: Any,
    inputs: Any,
    min: Any,
    max: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    name: str | None = None,
) -> Any:
    """The gradients of `fake_quant_with_min_max_vars_per_channel`, as a named tuple.

    >>> import reflow as tf
    >>> grads = tf.quantization.fake_quant_with_min_max_vars_per_channel_gradient(
    ...     [[1.0, 2.0]], [[1.0, 5.0]], [0.0, 0.0], [3.0, 3.0]
    ... )
    >>> grads[2].numpy().tolist()
    [0.0, 2.0]
    """
    return fake_quant_channels_gradient_op(
        gradients, inputs, min, max, num_bits=num_bits, narrow_range=narrow_range, name=name
    )


# Quantize and dequantize --------------------------------------------------------------------------


def _ends(signed: bool, num_bits: int, narrow: bool) -> tuple[int, int]:
    if not 1 <= num_bits < (63 if signed else 64):
        raise ValueError(f"num_bits is out of range: {num_bits} with signed_input {signed}")
    if not signed:
        return 0, (1 << num_bits) - 1
    last = (1 << (num_bits - 1)) - 1
    return (-last if narrow else -last - 1), last


def _quantized(
    xp, x, low, high, num_bits, *, signed_input, range_given, round_mode, narrow_range, axis
) -> Any:
    first, last = _ends(signed_input, num_bits, narrow_range)
    rank = len(x.shape)
    kind = np.float64 if x.dtype == np.float64 else np.float32
    if axis != -1 and not 0 <= axis < rank:
        raise ValueError(f"Axis requested ({axis}) is out of range for an input of rank {rank}")
    others = tuple(i for i in range(rank) if axis == -1 or i != axis)
    along = [-1 if i == axis else 1 for i in range(rank)]
    wide = xp.asarray(x, kind)
    if range_given:
        if xp.is_numpy and (np.asarray(low, kind) > np.asarray(high, kind)).any():
            raise ValueError(f"Invalid range: input_min {low} > input_max {high}")
        low, high = (xp.asarray(v, kind) for v in (low, high))
        if axis != -1:
            low, high = low.reshape(along), high.reshape(along)
    else:
        if not x.size:
            return x
        low, high = wide.min(others, keepdims=True), wide.max(others, keepdims=True)
    most = np.finfo(kind).max
    from_low = xp.where(first * low > 0, first / xp.where(low == 0, kind(1), low), most)
    from_high = xp.where(last * high > 0, last / xp.where(high == 0, kind(1), high), most)
    by_low = from_low < from_high
    scale = xp.where(by_low, from_low, from_high)
    inverse = xp.where(by_low, low / (first or 1), high / last)
    bottom = xp.where(by_low, low, first * inverse)
    top = xp.where(by_low, last * inverse, high)
    if range_given:
        wide = xp.minimum(xp.maximum(wide, bottom), top)
    steps = wide * scale
    steps = xp.rint(steps) if round_mode == "HALF_TO_EVEN" else xp.floor(steps + kind(0.5))
    return xp.astype(steps * inverse, x.dtype)


_OPTIONS = (
    "signed_input: bool = True, num_bits: int = 8, range_given: bool = False, T: FLOAT,"
    " round_mode: string{HALF_TO_EVEN,HALF_UP} = 'HALF_TO_EVEN', narrow_range: bool = False,"
    " axis: int = -1"
)


def _by_attributes(name: str, doc: str) -> Any:
    @op(
        f"{name}(input: T, input_min: T, input_max: T, *, {_OPTIONS}) -> output: T",
        doc,
        shape=shape_rules.same,
    )
    def quantize_and_dequantize(
        xp, input, input_min, input_max, *, signed_input, num_bits, range_given, round_mode,
        narrow_range, axis,
    ):  # fmt: skip
        return _quantized(
            xp, input, input_min, input_max, num_bits, signed_input=signed_input,
            range_given=range_given, round_mode=round_mode, narrow_range=narrow_range, axis=axis,
        )  # fmt: skip

    return quantize_and_dequantize


quantize_and_dequantize_v2_op = _by_attributes(
    "QuantizeAndDequantizeV2", "Rounds to the steps of a range; gradients pass through."
)
quantize_and_dequantize_v2_op.gradient_rule(lambda g: (g, None, None))
quantize_and_dequantize_v4_op = _by_attributes(
    "QuantizeAndDequantizeV4", "Rounds to the steps of a range; gradients pass through within it."
)


@op(
    "QuantizeAndDequantizeV3(input: T, input_min: T, input_max: T, num_bits: int32, *,"
    " signed_input: bool = True, range_given: bool = True, T: FLOAT, narrow_range: bool = False,"
    " axis: int = -1) -> output: T",
    shape=shape_rules.same,
    static=["num_bits"],
    grad=lambda g: (g, None, None, None),
)
def quantize_and_dequantize_v3_op(
    xp, input, input_min, input_max, num_bits, *, signed_input, range_given, narrow_range, axis
):
    """Rounds to the steps of a range; gradients pass through."""
    return _quantized(
        xp, input, input_min, input_max, int(num_bits), signed_input=signed_input,
        range_given=range_given, round_mode="HALF_TO_EVEN", narrow_range=narrow_range, axis=axis,
    )  # fmt: skip


@quantize_and_dequantize_v4_op.gradient_rule
def _quantize_and_dequantize_v4_grad(g, input, input_min, input_max, *, axis):
    return tuple(quantize_and_dequantize_v4_grad_op(g, input, input_min, input_max, axis=axis))


@op(
    "QuantizeAndDequantizeV4Grad(gradients: T, input: T, input_min: T, input_max: T, *,"
    " T: FLOAT, axis: int = -1)"
    " -> input_backprop: T, input_min_backprop: T, input_max_backprop: T",
    shape=lambda gradients, input, input_min, input_max: [
        shape_rules.merge(gradients, input),
        input_min.shape,
        input_max.shape,
    ],
)
def quantize_and_dequantize_v4_grad_op(xp, gradients, input, input_min, input_max, *, axis):
    """The gradients within the range, zeros outside of it and for the ends of the range."""
    low, high = input_min, input_max
    if axis != -1:
        along = [-1 if i == axis else 1 for i in range(len(input.shape))]
        low, high = low.reshape(along), high.reshape(along)
    inside = (input >= low) & (input <= high)
    zero = xp.zeros((), gradients.dtype)
    return xp.where(inside, gradients, zero), xp.zeros_like(input_min), xp.zeros_like(input_max)


@quantize_and_dequantize_v4_grad_op.gradient_rule
def _v4_grad_grad(g):
    return g, None, None, None


@export("quantization.quantize_and_dequantize")
def quantize_and_dequantize(
    input: Any,
    input_min: Any,
    input_max: Any,
    signed_input: bool = True,
    num_bits: int = 8,
    range_given: bool = False,
    round_mode: str = "HALF_TO_EVEN",
    name: str | None = None,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Any:
    """`input` rounded to the steps of a range; the gradient is that of the identity.

    Args:
      input: a floating-point tensor.
      input_min, input_max: the range, when `range_given`; else it is that of `input`.
      signed_input: whether steps may be negative.
      num_bits: the number of bits.
      range_given: whether to use the given range.
      round_mode: "HALF_TO_EVEN" or "HALF_UP".
      narrow_range: whether to leave out the lowest step.
      axis: a dimension that has a range for each of its elements.

    >>> import reflow as tf
    >>> tf.quantization.quantize_and_dequantize([-1.0, 0.2, 1.0], 0.0, 0.0, num_bits=2).numpy()
    array([-1.,  0.,  1.], dtype=float32)
    """
    return quantize_and_dequantize_v2_op(
        input, input_min, input_max, signed_input=signed_input, num_bits=num_bits,
        range_given=range_given, round_mode=round_mode, narrow_range=narrow_range,
        axis=-1 if axis is None else axis, name=name,
    )  # fmt: skip


@export("quantization.quantize_and_dequantize_v2")
def quantize_and_dequantize_v2(
    input: Any,
    input_min: Any,
    input_max: Any,
    signed_input: bool = True,
    num_bits: int = 8,
    range_given: bool = False,
    round_mode: str = "HALF_TO_EVEN",
    name: str | None = None,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Any:
    """`quantize_and_dequantize` with a gradient that is zero outside of the range.

    >>> import reflow as tf
    >>> tf.quantization.quantize_and_dequantize_v2(
    ...     [0.3, 9.0], -1.0, 1.0, num_bits=2, range_given=True, narrow_range=True
    ... ).numpy()
    array([0., 1.], dtype=float32)
    """
    return quantize_and_dequantize_v4_op(
        input, input_min, input_max, signed_input=signed_input, num_bits=num_bits,
        range_given=range_given, round_mode=round_mode, narrow_range=narrow_range,
        axis=-1 if axis is None else axis, name=name,
    )  # fmt: skip
