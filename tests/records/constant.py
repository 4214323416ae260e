"""Records of ops/constant.py."""

from .base import arr, bools, c64, f32, f64, i32, ints, record, s, sample, tested_elsewhere

record(
    "Const",
    sample(value=f32(2, 3), dtype="float32"),
    sample(value=f64(), dtype="float64"),
    sample(value=arr([[1, 2]], "bfloat16"), dtype="bfloat16"),
    sample(value=ints(0, 2, dtype="int8"), dtype="int8"),
    sample(value=s([b"a", b"\x00\xff"]), dtype="string"),
    sample(value=bools(3), dtype="bool"),
)
record(
    "PlaceholderWithDefault",
    sample(input=f32(2, 3), shape=[None, 3]),
    sample(input=i32(3), shape=[]),
    sample(input=s([b"a"]), shape=[1]),
)
record(
    "Identity",
    sample(input=f32(2, 3)),
    sample(input=c64(0, 2)),
    sample(input=s(b"x")),
    sample(input=bools(2, 2)),
)
record("IdentityN", sample(input=[f32(2), i32([1, 2, 3]), f64(1, 2)]), sample(input=[s([b"a"])]))
record("StopGradient", sample(input=f32(2)), sample(input=ints(3, dtype="uint8")))
record(
    "PreventGradient",
    sample(input=f32(2), message="no"),
    grad=False,
    why="its gradient is an error, which test_ops_constant.py looks at",
)
record("NoOp", sample())
tested_elsewhere("test_ops_constant.py", "Placeholder")
