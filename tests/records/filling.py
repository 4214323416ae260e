"""Records of ops/filling.py."""

from .base import arr, bad, bools, c64, f32, floats, i32, i64, ints, record, s, sample

record(
    "Fill",
    sample(dims=i32([2, 3]), value=f32()),
    sample(dims=i64([]), value=i32(7)),
    sample(dims=i32([0, 2]), value=f32()),
    sample(dims=i32([2]), value=s(b"ab")),
    sample(dims=i32([2]), value=bools()),
    sample(dims=i32([3]), value=arr(2.5, "bfloat16")),
    bad=[bad(dims=i32([2, -1]), value=f32(), match="(?i)must be >= 0|nonnegative|non-negative")],
)
record(
    "ZerosLike",
    sample(x=f32(2, 3)),
    sample(x=s([b"a", b"b"])),
    sample(x=c64()),
    sample(x=bools(3)),
    sample(x=ints(0, 2, dtype="uint8")),
)
record(
    "OnesLike",
    sample(x=f32(2, 3)),
    sample(x=bools(3)),
    sample(x=c64(2)),
    sample(x=floats(2, dtype="float16")),
)
record(
    "BroadcastTo",
    sample(input=f32(3), shape=i32([2, 3])),
    sample(input=f32(2, 1, 3), shape=i64([4, 2, 5, 3])),
    sample(input=f32(), shape=i32([2, 2])),
    sample(input=f32(2, 3), shape=i32([2, 3])),
    sample(input=f32(1), shape=i32([0])),
    sample(input=ints(1, 2, dtype="int8"), shape=i32([3, 2])),
    sample(input=floats(2, 1, dtype="bfloat16"), shape=i32([2, 4])),
    bad=[
        bad(input=f32(3), shape=i32([2]), match="(?i)broadcast|incompatible"),
        bad(input=f32(2, 3), shape=i32([3]), match="(?i)broadcast|incompatible|rank"),
    ],
)
record(
    "BroadcastArgs",
    sample(s0=i32([2, 1, 3]), s1=i32([4, 1])),
    sample(s0=i64([]), s1=i64([2])),
    sample(s0=i32([5]), s1=i32([5])),
    sample(s0=i32([0]), s1=i32([1])),
    bad=[bad(s0=i32([2]), s1=i32([3]), match="(?i)incompatible|broadcast")],
)
record(
    "BroadcastGradientArgs",
    sample(s0=i32([2, 3, 5]), s1=i32([1])),
    sample(s0=i32([1]), s1=i32([2, 3, 5])),
    sample(s0=i64([2, 1, 5]), s1=i64([1, 3, 5])),
    sample(s0=i32([2, 3]), s1=i32([2, 3])),
    sample(s0=i32([1, 1]), s1=i32([1, 1])),
    sample(s0=i32([1, 2]), s1=i32([2])),
    sample(s0=i32([3, 1, 1]), s1=i32([1, 1, 1])),
    sample(s0=i32([]), s1=i32([3])),
    sample(s0=i32([2, 1]), s1=i32([2, 1])),
    sample(s0=i32([1, 2, 1]), s1=i32([3, 1, 1])),
)
