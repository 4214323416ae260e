"""Records of ops/quantization.py."""

from .base import arr, bad, f32, f64, i32, record, sample

_low, _high = arr(-0.7, "float32"), arr(1.3, "float32")
_lows, _highs = arr([-1.0, -0.1, 0.0], "float32"), arr([1.0, 3.0, 0.0], "float32")
record(
    "FakeQuantWithMinMaxArgs",
    sample(inputs=f32(4, 5, lo=-8, hi=8)),
    sample(inputs=f32(4, 5), min=-0.375, max=1.875, num_bits=4, narrow_range=True),
    sample(inputs=f32(6), min=0.5, max=1.5, num_bits=3),
    sample(inputs=f32(0)),
    grad=False,
    why="rounding is flat between its steps: the gradient is an op of its own, with its own record",
    bad=[bad(inputs=f32(2), min=1.0, max=0.0, match="smaller than max")],
)
record(
    "FakeQuantWithMinMaxArgsGradient",
    sample(gradients=f32(4, 5), inputs=f32(4, 5, lo=-8, hi=8)),
    sample(gradients=f32(9), inputs=f32(9), min=-0.375, max=1.125, num_bits=4, narrow_range=True),
)
record(
    "FakeQuantWithMinMaxVars",
    sample(inputs=f32(4, 5), min=_low, max=_high),
    sample(inputs=f32(4, 5), min=_low, max=_high, num_bits=4, narrow_range=True),
    sample(inputs=f32(3), min=arr(0.0, "float32"), max=arr(0.0, "float32")),
    sample(inputs=f32(3), min=arr(0.5, "float32"), max=arr(1.5, "float32")),
    grad=False,
    why="rounding is flat between its steps: the gradient is an op of its own, with its own record",
)
record(
    "FakeQuantWithMinMaxVarsGradient",
    sample(gradients=f32(4, 5), inputs=f32(4, 5), min=_low, max=_high),
    sample(gradients=f32(3), inputs=f32(3), min=arr(0.0, "float32"), max=arr(0.0, "float32")),
)
record(
    "FakeQuantWithMinMaxVarsPerChannel",
    sample(inputs=f32(4, 3), min=_lows, max=_highs),
    sample(inputs=f32(2, 2, 2, 3), min=_lows, max=_highs, num_bits=4, narrow_range=True),
    sample(inputs=f32(3), min=_lows, max=_highs),
    grad=False,
    why="rounding is flat between its steps: the gradient is an op of its own, with its own record",
    bad=[bad(inputs=f32(2, 2), min=_lows, max=_highs, match="(?i)size|dimension|equal")],
)
record(
    "FakeQuantWithMinMaxVarsPerChannelGradient",
    sample(gradients=f32(4, 3), inputs=f32(4, 3), min=_lows, max=_highs),
    sample(gradients=f32(2, 2, 2, 3), inputs=f32(2, 2, 2, 3), min=_lows, max=_highs, num_bits=4),
    sample(gradients=f32(3), inputs=f32(3), min=_lows, max=_highs),
)
_given = {"input_min": _low, "input_max": _high}
for _name in ("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV4"):
    record(
        _name,
        sample(input=f32(4, 5), **_given),
        sample(input=f32(4, 5), range_given=True, num_bits=4, **_given),
        sample(input=f32(4, 5), range_given=True, narrow_range=True, round_mode="HALF_UP", **_given),
        sample(input=f32(4, 5, lo=0), signed_input=False, num_bits=3, **_given),
        sample(input=f32(4, 3), axis=1, input_min=_lows, input_max=_highs, num_bits=5),
        sample(input=f64(5), input_min=arr(-1.0, "float64"), input_max=arr(1.0, "float64")),
        grad=False,
        why="rounding is flat between its steps, but gradients pass through it",
        bad=[
            bad(input=f32(2), range_given=True, input_min=_high, input_max=_low, match="(?i)range"),
        ],
    )  # fmt: skip
record(
    "QuantizeAndDequantizeV3",
    sample(input=f32(4, 5), num_bits=i32(4), **_given),
    sample(input=f32(4, 5), num_bits=i32(8), range_given=False, **_given),
    sample(input=f32(4, 5), num_bits=i32(3), signed_input=False, narrow_range=True, **_given),
    grad=False,
    why="rounding is flat between its steps, but gradients pass through it",
)
record(
    "QuantizeAndDequantizeV4Grad",
    sample(gradients=f32(4, 5), input=f32(4, 5), **_given),
    sample(gradients=f32(4, 3), input=f32(4, 3), axis=1, input_min=_lows, input_max=_highs),
    grad=False,
    why="TensorFlow says that its gradient is the identity",
)
