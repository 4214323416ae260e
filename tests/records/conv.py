"""Records of ops/spatial/conv.py, conv3d.py, depthwise.py and morphology.py."""

from .base import bad, f32, f64, floats, i32, ints, record, sample

ONES = {"strides": [1, 1, 1, 1], "padding": "SAME"}
VALID = {"strides": [1, 2, 1, 1], "padding": "VALID"}
STRIDES = {"strides": [1, 2, 3, 1], "padding": "SAME"}
EXPLICIT = {
    "strides": [1, 2, 1, 1], "padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 2, 0, 1, 0, 0],
}  # fmt: skip
EXACT = {
    "tol": {"float32": 1e-4, "float16": 4e-3},
    "why": "long sums of products, in another order",
}

record(
    "Conv2D",
    sample(input=f32(2, 6, 5, 3), filter=f32(3, 2, 3, 4), **ONES),
    sample(input=f32(2, 6, 5, 3), filter=f32(3, 2, 3, 4), **VALID),
    sample(input=f32(2, 6, 5, 3), filter=f32(3, 2, 3, 4), **STRIDES),
    sample(input=f32(2, 6, 5, 3), filter=f32(3, 2, 3, 4), **EXPLICIT),
    sample(input=f32(2, 6, 5, 3), filter=f32(1, 1, 3, 4), **ONES),
    sample(input=f32(2, 6, 5, 3), filter=f32(1, 1, 3, 4), **VALID),
    sample(input=f64(1, 4, 4, 2), filter=f64(2, 2, 2, 3), **ONES),
    sample(input=f32(1, 7, 6, 2), filter=f32(2, 3, 2, 3), **ONES, dilations=[1, 2, 1, 1], gradient=False),
    sample(input=f32(1, 5, 5, 4), filter=f32(2, 2, 2, 6), **ONES, gradient=False),
    sample(input=ints(1, 4, 4, 2), filter=ints(2, 2, 2, 3), **ONES),
    sample(input=floats(1, 4, 4, 2, dtype="float16"), filter=floats(2, 2, 2, 3, dtype="float16"), **ONES),
    sample(input=floats(1, 4, 4, 2, dtype="bfloat16"), filter=floats(2, 2, 2, 3, dtype="bfloat16"), **ONES),
    sample(input=f32(0, 4, 4, 2), filter=f32(2, 2, 2, 3), **ONES),
    bad=[
        bad(input=f32(1, 2, 2, 1), filter=f32(3, 3, 1, 1), **VALID, match="[Nn]egative"),
        bad(input=f32(1, 4, 4, 3), filter=f32(3, 3, 2, 1), **ONES, match="[Dd]epth"),
        bad(input=f32(4, 4, 3), filter=f32(3, 3, 3, 1), **ONES, match="rank|dimension"),
        bad(input=f32(1, 4, 4, 3), filter=f32(3, 3, 3, 1), strides=[1, 1, 1, 2], padding="SAME",
            match="batch and depth"),
        bad(input=f32(1, 4, 4, 3), filter=f32(3, 3, 3, 1), strides=[1, 0, 1, 1], padding="SAME",
            match="positive|> 0|zero"),
    ],
    **EXACT,
)  # fmt: skip
record(
    "Conv2DBackpropInput",
    sample(input_sizes=i32([2, 6, 5, 3]), filter=f32(3, 2, 3, 4), out_backprop=f32(2, 6, 5, 4), **ONES),
    sample(input_sizes=i32([2, 6, 5, 3]), filter=f32(3, 2, 3, 4), out_backprop=f32(2, 2, 4, 4), **VALID),
    sample(input_sizes=i32([2, 6, 5, 3]), filter=f32(3, 2, 3, 4), out_backprop=f32(2, 3, 2, 4), **STRIDES),
    sample(input_sizes=i32([2, 6, 5, 3]), filter=f32(3, 2, 3, 4), out_backprop=f32(2, 4, 5, 4), **EXPLICIT),
    sample(input_sizes=i32([6, 5]), filter=f32(3, 2, 3, 4), out_backprop=f32(2, 6, 5, 4), **ONES),
    sample(input_sizes=i32([2, 6, 5, 3]), filter=f32(1, 1, 3, 4), out_backprop=f32(2, 3, 2, 4), **STRIDES),
    sample(input_sizes=i32([1, 3, 3, 2]), filter=f64(2, 2, 2, 3), out_backprop=f64(1, 3, 3, 3), **ONES),
    bad=[
        bad(input_sizes=i32([2, 6, 5, 3]), filter=f32(3, 2, 3, 4), out_backprop=f32(2, 5, 5, 4), **ONES,
            match="Size of out_backprop|out_backprop"),
        bad(input_sizes=i32([2, 6, 5]), filter=f32(3, 2, 3, 4), out_backprop=f32(2, 5, 5, 4), **ONES,
            match="input_sizes|rank|length"),
    ],
    **EXACT,
)  # fmt: skip
record(
    "Conv2DBackpropFilter",
    sample(input=f32(2, 6, 5, 3), filter_sizes=i32([3, 2, 3, 4]), out_backprop=f32(2, 6, 5, 4), **ONES),
    sample(input=f32(2, 6, 5, 3), filter_sizes=i32([3, 2, 3, 4]), out_backprop=f32(2, 2, 4, 4), **VALID),
    sample(input=f32(2, 6, 5, 3), filter_sizes=i32([3, 2, 3, 4]), out_backprop=f32(2, 3, 2, 4), **STRIDES),
    sample(input=f32(2, 6, 5, 3), filter_sizes=i32([3, 2, 3, 4]), out_backprop=f32(2, 4, 5, 4), **EXPLICIT),
    sample(input=f32(2, 6, 5, 3), filter_sizes=i32([1, 1, 3, 4]), out_backprop=f32(2, 3, 2, 4), **STRIDES),
    sample(input=f64(1, 3, 3, 2), filter_sizes=i32([2, 2, 2, 3]), out_backprop=f64(1, 3, 3, 3), **ONES),
    bad=[
        bad(input=f32(2, 6, 5, 3), filter_sizes=i32([3, 2, 3, 4]), out_backprop=f32(2, 5, 5, 4), **ONES,
            match="Size of out_backprop|out_backprop"),
    ],
    **EXACT,
)  # fmt: skip

CUBE = {"strides": [1, 1, 1, 1, 1], "padding": "SAME"}
CUBE_VALID = {"strides": [1, 2, 1, 2, 1], "padding": "VALID"}
record(
    "Conv3D",
    sample(input=f32(2, 4, 5, 3, 2), filter=f32(2, 3, 2, 2, 3), **CUBE),
    sample(input=f32(2, 4, 5, 3, 2), filter=f32(2, 3, 2, 2, 3), **CUBE_VALID),
    sample(input=f32(1, 4, 5, 3, 2), filter=f32(1, 1, 1, 2, 3), **CUBE),
    sample(input=f64(1, 3, 3, 3, 1), filter=f64(2, 2, 2, 1, 2), **CUBE),
    bad=[bad(input=f32(4, 5, 3, 2), filter=f32(2, 3, 2, 2, 3), **CUBE, match="rank|dimension")],
    **EXACT,
)  # fmt: skip
record(
    "Conv3DBackpropInputV2",
    sample(input_sizes=i32([2, 4, 5, 3, 2]), filter=f32(2, 3, 2, 2, 3), out_backprop=f32(2, 4, 5, 3, 3), **CUBE),
    sample(input_sizes=i32([2, 4, 5, 3, 2]), filter=f32(2, 3, 2, 2, 3), out_backprop=f32(2, 2, 3, 1, 3), **CUBE_VALID),
    sample(input_sizes=i32([1, 3, 3, 3, 1]), filter=f64(2, 2, 2, 1, 2), out_backprop=f64(1, 3, 3, 3, 2), **CUBE),
    **EXACT,
)  # fmt: skip
record(
    "Conv3DBackpropFilterV2",
    sample(input=f32(2, 4, 5, 3, 2), filter_sizes=i32([2, 3, 2, 2, 3]), out_backprop=f32(2, 4, 5, 3, 3), **CUBE),
    sample(input=f32(2, 4, 5, 3, 2), filter_sizes=i32([2, 3, 2, 2, 3]), out_backprop=f32(2, 2, 3, 1, 3), **CUBE_VALID),
    sample(input=f64(1, 3, 3, 3, 1), filter_sizes=i32([2, 2, 2, 1, 2]), out_backprop=f64(1, 3, 3, 3, 2), **CUBE),
    **EXACT,
)  # fmt: skip

EVEN = {"strides": [1, 2, 2, 1], "padding": "SAME"}
EVEN_VALID = {"strides": [1, 2, 2, 1], "padding": "VALID"}
EVEN_EXPLICIT = {**EXPLICIT, "strides": [1, 2, 2, 1]}
record(
    "DepthwiseConv2dNative",
    sample(input=f32(2, 6, 5, 3), filter=f32(3, 2, 3, 2), **ONES),
    sample(input=f32(2, 6, 5, 3), filter=f32(3, 2, 3, 1), **EVEN),
    sample(input=f32(2, 6, 5, 3), filter=f32(3, 2, 3, 2), **EVEN_VALID),
    sample(input=f32(2, 6, 5, 3), filter=f32(3, 2, 3, 2), **EVEN_EXPLICIT),
    sample(input=f32(2, 6, 5, 1), filter=f32(3, 2, 1, 4), **ONES),
    sample(input=f64(1, 3, 3, 2), filter=f64(2, 2, 2, 2), **ONES),
    sample(input=floats(1, 3, 3, 2, dtype="float16"), filter=floats(2, 2, 2, 2, dtype="float16"), **ONES),
    sample(input=floats(1, 3, 3, 2, dtype="bfloat16"), filter=floats(2, 2, 2, 2, dtype="bfloat16"), **ONES),
    bad=[
        bad(input=f32(1, 4, 4, 3), filter=f32(3, 3, 2, 1), **ONES, match="must be equal|depth|[Dd]imension"),
    ],
    tol={"float32": 1e-4, "float16": 4e-3, "bfloat16": 3e-2},
    why=EXACT["why"],
)  # fmt: skip
record(
    "DepthwiseConv2dNativeBackpropInput",
    sample(input_sizes=i32([2, 6, 5, 3]), filter=f32(3, 2, 3, 2), out_backprop=f32(2, 6, 5, 6), **ONES),
    sample(input_sizes=i32([2, 6, 5, 3]), filter=f32(3, 2, 3, 1), out_backprop=f32(2, 3, 3, 3), **EVEN),
    sample(input_sizes=i32([2, 6, 5, 3]), filter=f32(3, 2, 3, 2), out_backprop=f32(2, 2, 2, 6), **EVEN_VALID),
    sample(input_sizes=i32([2, 6, 5, 3]), filter=f32(3, 2, 3, 2), out_backprop=f32(2, 4, 3, 6), **EVEN_EXPLICIT),
    sample(input_sizes=i32([1, 3, 3, 2]), filter=f64(2, 2, 2, 2), out_backprop=f64(1, 3, 3, 4), **ONES),
    **EXACT,
)  # fmt: skip
record(
    "DepthwiseConv2dNativeBackpropFilter",
    sample(input=f32(2, 6, 5, 3), filter_sizes=i32([3, 2, 3, 2]), out_backprop=f32(2, 6, 5, 6), **ONES),
    sample(input=f32(2, 6, 5, 3), filter_sizes=i32([3, 2, 3, 1]), out_backprop=f32(2, 3, 3, 3), **EVEN),
    sample(input=f32(2, 6, 5, 3), filter_sizes=i32([3, 2, 3, 2]), out_backprop=f32(2, 2, 2, 6), **EVEN_VALID),
    sample(input=f32(2, 6, 5, 3), filter_sizes=i32([3, 2, 3, 2]), out_backprop=f32(2, 4, 3, 6), **EVEN_EXPLICIT),
    sample(input=f64(1, 3, 3, 2), filter_sizes=i32([2, 2, 2, 2]), out_backprop=f64(1, 3, 3, 4), **ONES),
    **EXACT,
)  # fmt: skip

PLAIN = {"strides": [1, 1, 1, 1], "rates": [1, 1, 1, 1], "padding": "SAME"}
HOLES = {"strides": [1, 2, 1, 1], "rates": [1, 1, 2, 1], "padding": "VALID"}
record(
    "Dilation2D",
    sample(input=f32(2, 6, 5, 3), filter=f32(2, 3, 3), **PLAIN),
    sample(input=f32(2, 6, 5, 3), filter=f32(2, 2, 3), **HOLES),
    sample(input=ints(1, 4, 4, 2), filter=ints(2, 2, 2), **PLAIN),
    sample(input=f64(1, 3, 3, 1), filter=f64(2, 2, 1), **PLAIN),
    bad=[
        bad(
            input=f32(1, 4, 4, 3),
            filter=f32(2, 2, 2),
            **PLAIN,
            match="must be equal|same depth|depth",
        )
    ],
)
for _name, _args in (
    ("Dilation2DBackpropInput", (f32(2, 6, 5, 3), f32(2, 3, 3), f32(2, 6, 5, 3))),
    ("Dilation2DBackpropFilter", (f32(2, 6, 5, 3), f32(2, 3, 3), f32(2, 6, 5, 3))),
):
    record(
        _name,
        sample(input=_args[0], filter=_args[1], out_backprop=_args[2], **PLAIN),
        sample(input=_args[0], filter=f32(2, 2, 3), out_backprop=f32(2, 3, 3, 3), **HOLES),
        bad=[
            bad(input=_args[0], filter=_args[1], out_backprop=f32(2, 5, 5, 3), **PLAIN,
                match="out_backprop|shape|incompatible"),
        ],
        grad=False,
        why="TensorFlow has no second derivative either: it is an error",
    )  # fmt: skip
