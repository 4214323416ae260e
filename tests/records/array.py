"""Records of ops/array.py."""

from .base import bad, bools, c64, f32, floats, i32, i64, record, s, sample

# Queries ------------------------------------------------------------------------------------------

record(
    "Shape",
    sample(input=f32(2, 0, 3)),
    sample(input=f32()),
    sample(input=s([[b"a", b"b"]]), out_type="int64"),
    sample(input=bools(4)),
)
record(
    "ShapeN",
    sample(input=[f32(2, 3), f32(), f32(0)]),
    sample(input=[i32([1]), i32([[1, 2]])], out_type="int64"),
)
record(
    "Size",
    sample(input=f32(2, 3, 4)),
    sample(input=f32()),
    sample(input=f32(0, 5), out_type="int64"),
    sample(input=s([b"a", b"b"])),
)
record("Rank", sample(input=f32(2, 3, 4)), sample(input=i32(1)), sample(input=s([b"a"])))

# Other shapes -------------------------------------------------------------------------------------

record(
    "Reshape",
    sample(tensor=f32(2, 6), shape=i32([3, 4])),
    sample(tensor=f32(2, 6), shape=i32([-1, 3, 1])),
    sample(tensor=f32(1, 1), shape=i32([])),
    sample(tensor=f32(), shape=i64([1, 1, 1])),
    sample(tensor=f32(0, 3), shape=i32([5, 0])),
    sample(tensor=f32(0, 3), shape=i32([-1, 2])),
    sample(tensor=f32(0, 3), shape=i32([-1, 0, 2])),
    sample(tensor=s([b"a", b"b"]), shape=i32([2, 1])),
    sample(tensor=floats(4, dtype="bfloat16"), shape=i32([2, 2])),
    bad=[
        bad(tensor=f32(2, 3), shape=i32([4]), match="6 (elements|values)"),
        bad(tensor=f32(2, 3), shape=i32([-1, 4]), match="divisible by 4|multiple of 4"),
        bad(tensor=f32(2, 3), shape=i32([-1, -1]), match="-1"),
        bad(tensor=f32(2, 3), shape=i32([-2, 3]), match="must be >= 0|non-negative|>= -1"),
    ],
)
record(
    "ExpandDims",
    sample(input=f32(2, 3), dim=i32(0)),
    sample(input=f32(2, 3), dim=i32(2)),
    sample(input=f32(2, 3), dim=i32(-1)),
    sample(input=f32(2, 3), dim=i64(-3)),
    sample(input=f32(), dim=i32(0)),
    sample(input=s([b"a"]), dim=i32([1])),
    sample(input=f32(0, 2), dim=i32(1)),
    bad=[
        bad(input=f32(2, 3), dim=i32(3), match="must be in the interval|dim index 3|out of range"),
        bad(input=f32(2, 3), dim=i32(-4), match="must be in the interval|dim index -4"),
        bad(input=f32(2), dim=i32([0, 1]), match="single value"),
    ],
)
record(
    "Squeeze",
    sample(input=f32(1, 2, 1, 3, 1)),
    sample(input=f32(1, 2, 1, 3, 1), squeeze_dims=[0]),
    sample(input=f32(1, 2, 1, 3, 1), squeeze_dims=[-1, 2]),
    sample(input=f32(2, 3)),
    sample(input=f32(1)),
    sample(input=s([[b"a"]]), squeeze_dims=[1]),
    sample(input=f32(1, 0), squeeze_dims=[0, 0]),
    bad=[
        bad(input=f32(2, 3), squeeze_dims=[0], match="expected a dimension of 1, got 2"),
        bad(input=f32(1, 3), squeeze_dims=[2], match="not in|dim index 2"),
    ],
)

# Transpositions -----------------------------------------------------------------------------------

record(
    "Transpose",
    sample(x=f32(2, 3), perm=i32([1, 0])),
    sample(x=f32(2, 3, 4), perm=i64([2, 0, 1])),
    sample(x=f32(2, 0, 4, 1), perm=i32([3, 1, 2, 0])),
    sample(x=f32(), perm=i32([])),
    sample(x=f32(3), perm=i32([0])),
    sample(x=c64(2, 3), perm=i32([1, 0])),
    sample(x=s([[b"a", b"b"]]), perm=i32([1, 0])),
    sample(x=floats(2, 3, dtype="float16"), perm=i32([1, 0])),
    bad=[
        bad(x=f32(2, 3), perm=i32([0]), match="vector of size|must be|size 2"),
        bad(x=f32(2, 3), perm=i32([0, 0]), match="missing"),
        bad(x=f32(2, 3), perm=i32([0, 2]), match="out of range"),
    ],
)
record(
    "ConjugateTranspose",
    sample(x=c64(2, 3), perm=i32([1, 0])),
    sample(x=floats(1, 2, 3, dtype="complex128"), perm=i64([2, 0, 1])),
    sample(x=f32(2, 3), perm=i32([1, 0])),
)
record(
    "InvertPermutation",
    sample(x=i32([2, 0, 1, 3])),
    sample(x=i64([0])),
    sample(x=i32([])),
    bad=[
        bad(x=i32([0, 2]), match="not between 0 and 2"),
        bad(x=i32([0, 0, 1]), match="duplicated"),
    ],
)
