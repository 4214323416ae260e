"""Records of ops/nn/activations.py, nn.py, cross_entropy.py, normalization.py, fused_batch_norm.py."""

import numpy as np

from .base import arr, bad, f32, f64, floats, i32, i64, ints, record, sample

X = f32(3, 4)
SPECIAL = arr([np.inf, -np.inf, np.nan, 0.0, -0.0, 80.0, -80.0], "float32")

# Activations --------------------------------------------------------------------------------------


def activation(name, *more, special=SPECIAL, **attrs):
    record(
        name,
        sample(features=f32(3, 4), **attrs),
        sample(features=f64(2, 1, 3), **attrs),
        sample(features=floats(5, dtype="float16"), **attrs),
        sample(features=floats(5, dtype="bfloat16"), **attrs),
        sample(features=f32(), **attrs),
        sample(features=f32(0, 2), **attrs),
        sample(features=special, **attrs, gradient=False),
        *more,
        tol={"bfloat16": 2e-2},
        why="bfloat16 has eight bits; roundings of intermediate values add up",
    )


def slope(name, other, *more, **attrs):
    record(
        name,
        sample(**{"gradients": f32(3, 4), other: f32(3, 4)}, **attrs),
        sample(**{"gradients": f64(2, 3), other: f64(2, 3, lo=-4, hi=4)}, **attrs),
        sample(
            **{"gradients": floats(5, dtype="float16"), other: floats(5, dtype="float16")}, **attrs
        ),
        sample(
            **{"gradients": floats(5, dtype="bfloat16"), other: floats(5, dtype="bfloat16")},
            **attrs,
        ),
        sample(**{"gradients": f32(0), other: f32(0)}, **attrs),
        *more,
        bad=[
            bad(
                **{"gradients": f32(3), other: f32(4)}, **attrs, match="[Ss]hape|broadcast|imension"
            )
        ],
        tol={"bfloat16": 2e-2},
        why="bfloat16 has eight bits; roundings of intermediate values add up",
    )


activation("Relu", sample(features=ints(7)), sample(features=ints(7, lo=0, dtype="uint8")))
activation(
    "Relu6",
    sample(features=ints(7, hi=9)),
    sample(features=f32(3, 4, lo=-1, hi=9)),
)
activation("LeakyRelu", sample(features=f32(3, 4), alpha=0.3), sample(features=f64(4), alpha=1.5))
activation("Elu")
activation("Selu")
activation("Softplus", sample(features=f32(20, lo=-30, hi=30)))
activation("Softsign", special=arr([0.0, -0.0, 80.0, -80.0], "float32"))
slope("ReluGrad", "features", sample(gradients=ints(7), features=ints(7)))
slope("Relu6Grad", "features", sample(gradients=f32(8), features=f32(8, lo=-2, hi=9)))
slope("LeakyReluGrad", "features", sample(gradients=f64(8), features=f64(8), alpha=0.3))
slope("EluGrad", "outputs")
slope("SeluGrad", "outputs")
slope("SoftplusGrad", "features")
slope("SoftsignGrad", "features")

# Softmax ------------------------------------------------------------------------------------------


def softmax(name):
    record(
        name,
        sample(logits=f32(3, 4)),
        sample(logits=f64(2, 3, 5, lo=-30, hi=30)),
        sample(logits=f32(6)),
        sample(logits=floats(2, 3, dtype="float16"), gradient=False),
        sample(logits=floats(2, 3, dtype="bfloat16"), gradient=False),
        sample(logits=f32(2, 3, lo=-1000, hi=1000), gradient=False),
        sample(logits=f32(0, 3)),
        sample(logits=f32(3, 0)),
        bad=[bad(logits=f32(), match="dimension|rank")],
    )


softmax("Softmax")
softmax("LogSoftmax")

LABELS = arr([[0.1, 0.2, 0.7, 0.0], [1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]], "float32")
record(
    "SoftmaxCrossEntropyWithLogits",
    sample(features=f32(3, 4), labels=LABELS),
    sample(features=f64(3, 4, lo=-20, hi=20), labels=LABELS.astype("float64")),
    sample(features=f32(3, 4), labels=LABELS[2:], gradient=False),
    sample(features=floats(3, 4, dtype="float16"), labels=LABELS.astype("float16")),
    sample(features=floats(3, 4, dtype="bfloat16"), labels=arr(LABELS, "bfloat16")),
    sample(features=f32(0, 4), labels=f32(0, 4)),
    bad=[
        bad(
            features=f32(3, 4), labels=f32(3, 5), match="Dimensions must be equal|must be|broadcast"
        ),
        bad(features=f32(3), labels=f32(3), match="rank|dimension"),
    ],
    grad_outputs=["loss"],
)
record(
    "SparseSoftmaxCrossEntropyWithLogits",
    sample(features=f32(3, 4), labels=i32([0, 3, 1])),
    sample(features=f64(3, 4, lo=-20, hi=20), labels=i64([2, 3, 1])),
    sample(features=floats(2, 4, dtype="float16"), labels=i64([2, 3])),
    sample(features=floats(2, 4, dtype="bfloat16"), labels=i64([2, 3])),
    sample(features=f32(0, 4), labels=i32([])),
    bad=[
        bad(features=f32(2, 4), labels=i32([0, 4]), match="outside the valid range"),
        bad(features=f32(2, 4), labels=i32([0, -1]), match="outside the valid range"),
        bad(
            features=f32(2, 4), labels=i32([0, 1, 2]), match="[Dd]imension|must be equal|compatible"
        ),
    ],
    grad_outputs=["loss"],
)
record(
    "L2Loss",
    sample(t=f32(3, 4)),
    sample(t=f64(2)),
    sample(t=f32()),
    sample(t=f32(0, 3)),
    sample(t=floats(4, dtype="float16")),
    sample(t=floats(4, dtype="bfloat16")),
)

# Biases -------------------------------------------------------------------------------------------

record(
    "BiasAdd",
    sample(value=f32(3, 4), bias=f32(4)),
    sample(value=f32(2, 3, 2, 5), bias=f32(5)),
    sample(value=f32(2, 5, 3, 2), bias=f32(5), data_format="NCHW"),
    sample(value=f64(2, 5, 3), bias=f64(5), data_format="NCHW"),
    sample(value=ints(3, 4), bias=ints(4)),
    sample(value=floats(3, 4, dtype="complex64"), bias=floats(4, dtype="complex64")),
    sample(value=floats(3, 4, dtype="bfloat16"), bias=floats(4, dtype="bfloat16")),
    sample(value=f32(0, 4), bias=f32(4)),
    bad=[
        bad(value=f32(3, 4), bias=f32(3), match="must be equal|as many biases"),
        bad(value=f32(3), bias=f32(3), match="at least"),
        bad(value=f32(3, 4), bias=f32(4, 1), match="rank|1D"),
    ],
)
record(
    "BiasAddV1",
    sample(value=f32(3, 4), bias=f32(4)),
    sample(value=ints(2, 3, 2, dtype="int64"), bias=ints(2, dtype="int64")),
    bad=[bad(value=f32(3, 4), bias=f32(3), match="must be equal|as many biases")],
)
record(
    "BiasAddGrad",
    sample(out_backprop=f32(3, 4)),
    sample(out_backprop=f32(2, 3, 2, 5)),
    sample(out_backprop=f32(2, 5, 3, 2), data_format="NCHW"),
    sample(out_backprop=f64(2, 5, 3, 2), data_format="NCHW"),
    sample(out_backprop=floats(3, 4, dtype="float16")),
    sample(out_backprop=ints(3, 4)),
    sample(out_backprop=f32(0, 4)),
    bad=[bad(out_backprop=f32(3), match="at least")],
)

# Normalization ------------------------------------------------------------------------------------

LRN = {"depth_radius": 2, "bias": 1.5, "alpha": 0.3, "beta": 0.7}
record(
    "LRN",
    sample(input=f32(2, 2, 3, 6)),
    sample(input=f32(1, 2, 1, 7), **LRN),
    sample(input=f32(1, 1, 1, 1), depth_radius=0),
    sample(input=floats(1, 2, 1, 7, dtype="float16"), **LRN),
    sample(input=f32(0, 2, 1, 7)),
    bad=[bad(input=f32(2, 3, 4), match="rank|4-dimensional")],
)
record(
    "LRNGrad",
    sample(input_grads=f32(1, 2, 1, 7), input_image=f32(1, 2, 1, 7), output_image=f32(1, 2, 1, 7)),
    sample(
        input_grads=f32(1, 2, 1, 7),
        input_image=f32(1, 2, 1, 7),
        output_image=f32(1, 2, 1, 7),
        **LRN,
    ),
    grad=False,
    why="TensorFlow has no second derivative either: it is an error",
)


def batch_norm(name, shape, data_format, vector="float32", dtype="float32", **extra):
    channels = shape[1] if data_format.startswith("NC") else shape[-1]
    x = floats(*shape, dtype=dtype)
    scale, offset = f32(channels, lo=0.5), f32(channels)
    given = {"x": x, "scale": scale, "offset": offset, "data_format": data_format, **extra}
    empty = np.zeros(0, "float32")
    statistics = {"mean": f32(channels), "variance": f32(channels, lo=0.5)}
    # Without training TensorFlow leaves two outputs uninitialised: that case is in test_nn.py.
    return (
        sample(**given, mean=empty, variance=empty),
        sample(**given, **statistics, exponential_avg_factor=0.25),
    )


FORWARD = {
    "grad_outputs": ["y"],
    "grad": ["x", "scale", "offset"],
    "tol": {"float32": 2e-4, "float16": 4e-3},
    "why": "sums over a batch in float32, in another order",
}
record(
    "FusedBatchNorm",
    *batch_norm("", (2, 3, 2, 4), "NHWC"),
    *batch_norm("", (2, 4, 3, 2), "NCHW"),
    **FORWARD,
)
record(
    "FusedBatchNormV2",
    *batch_norm("", (2, 3, 2, 4), "NHWC"),
    *batch_norm("", (3, 2, 2, 3), "NHWC", dtype="float16"),
    **FORWARD,
)
record(
    "FusedBatchNormV3",
    *batch_norm("", (2, 3, 2, 4), "NHWC"),
    *batch_norm("", (2, 4, 3, 2), "NCHW"),
    *batch_norm("", (2, 2, 3, 2, 4), "NDHWC"),
    *batch_norm("", (3, 2, 2, 3), "NHWC", dtype="float16"),
    *batch_norm("", (3, 2, 2, 3), "NHWC", dtype="bfloat16"),
    bad=[
        bad(x=f32(2, 3, 4), scale=f32(4), offset=f32(4), mean=f32(0), variance=f32(0),
            match="rank|4-dim"),
        bad(x=f32(2, 3, 2, 4), scale=f32(3), offset=f32(4), mean=f32(0), variance=f32(0),
            match="must be equal|same number|compatible"),
        bad(x=f32(2, 3, 2, 4), scale=f32(4), offset=f32(4), mean=f32(3), variance=f32(4),
            is_training=False, match="must be equal|same number|compatible|size|shape"),
    ],
    **FORWARD,
)  # fmt: skip


def batch_norm_grad(shape, data_format="NHWC", dtype="float32", **extra):
    channels = shape[1] if data_format.startswith("NC") else shape[-1]
    given = {
        "y_backprop": floats(*shape, dtype=dtype),
        "x": floats(*shape, dtype=dtype),
        "scale": f32(channels, lo=0.5),
        "data_format": data_format,
        "reserve_space_1": f32(channels),
        "reserve_space_2": f32(channels, lo=0.5),
        **extra,
    }
    training = sample(**given, gradient=False)  # the statistics count as made of x
    if data_format == "NCHW":
        return (training,)  # TensorFlow's CPU kernel cannot do the other one
    return training, sample(**given, is_training=False, epsilon=0.01)


BACKWARD = {
    "grad": ["y_backprop", "x", "scale"],
    "tol": {"float32": 2e-4, "float16": 4e-3},
    "why": "sums over a batch in float32, in another order",
}
record(
    "FusedBatchNormGrad",
    *batch_norm_grad((2, 3, 2, 4)),
    *batch_norm_grad((2, 4, 3, 2), "NCHW"),
    **BACKWARD,
)
record(
    "FusedBatchNormGradV2",
    *batch_norm_grad((2, 3, 2, 4)),
    *batch_norm_grad((3, 2, 2, 3), dtype="float16"),
    **BACKWARD,
)
RESERVED = arr(0.0, "float32")
record(
    "FusedBatchNormGradV3",
    *batch_norm_grad((2, 3, 2, 4), reserve_space_3=RESERVED),
    *batch_norm_grad((2, 4, 3, 2), "NCHW", reserve_space_3=RESERVED),
    *batch_norm_grad((2, 2, 3, 2, 4), "NDHWC", reserve_space_3=RESERVED),
    *batch_norm_grad((3, 2, 2, 3), dtype="float16", reserve_space_3=RESERVED),
    bad=[
        bad(y_backprop=f32(2, 3, 2, 4), x=f32(2, 3, 1, 4), scale=f32(4), reserve_space_1=f32(4),
            reserve_space_2=f32(4), reserve_space_3=RESERVED, match="same shape|equal|compatible"),
    ],
    **BACKWARD,
)  # fmt: skip
