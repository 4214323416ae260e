"""Records of ops/copies.py."""

from .base import arr, bad, c64, f32, f64, i32, i64, ints, record, s, sample

record(
    "EnsureShape",
    sample(input=f32(2, 3), shape=[None, 3]),
    sample(input=s(b"a"), shape=[]),
    bad=[bad(input=f32(2, 3), shape=[2, 4], match="(?i)not compatible|must be equal|incompatible")],
)
record("Snapshot", sample(input=f32(2, 3)), sample(input=ints(2)))
record("DeepCopy", sample(x=f32(2, 3)), sample(x=i32(1)), grad=False, why="TensorFlow has none")
record("GuaranteeConst", sample(input=f32(2, 3)), sample(input=s([b"a"])))
record(
    "Bitcast",
    sample(input=f32(2, 3), type="int32"),
    sample(input=f32(3), type="uint8"),
    sample(input=ints(2, 4, lo=0, hi=256, dtype="uint8"), type="float32"),
    sample(input=f64(2), type="float32"),
    sample(input=f32(2, 2), type="float64"),
    sample(input=f32(), type="int16"),
    sample(input=f32(2, 2), type="complex64"),
    sample(input=c64(3), type="float32"),
    sample(input=c64(2), type="int64"),
    sample(input=i64([1, -1]), type="complex64"),
    sample(input=arr([1, 2], "bfloat16"), type="uint16"),
    sample(input=ints(0, 3), type="float32"),
    sample(input=c64(2, 2), type="complex128"),
    bad=[bad(input=f32(3), type="float64", match="(?i)cannot bitcast")],
)
