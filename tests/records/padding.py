"""Records of ops/padding.py."""

from .base import arr, bad, bools, c64, f32, floats, i32, i64, ints, record, s, sample

record(
    "Pad",
    sample(input=f32(2, 3), paddings=i32([[1, 2], [0, 1]])),
    sample(input=f32(2), paddings=i64([[0, 0]])),
    sample(input=f32(0, 2), paddings=i32([[1, 0], [0, 1]])),
    sample(input=f32(), paddings=arr([], "int32").reshape(0, 2)),
    sample(input=s([b"a"]), paddings=i32([[1, 1]])),
    sample(input=bools(2), paddings=i32([[1, 1]])),
    sample(input=c64(2), paddings=i32([[1, 0]])),
    bad=[
        bad(input=f32(2), paddings=i32([[1, -1]]), match="(?i)non-negative|must be >= 0"),
        bad(input=f32(2), paddings=i32([[1, 1], [1, 1]]), match="(?i)rank"),
        bad(input=f32(2), paddings=i32([[1, 1, 1]]), match="(?i)2 columns|must be 2|Dimension"),
    ],
)
record(
    "PadV2",
    sample(input=f32(2, 3), paddings=i32([[1, 2], [0, 1]]), constant_values=f32()),
    sample(input=ints(2), paddings=i32([[0, 1]]), constant_values=i32(9)),
    sample(input=s([b"a"]), paddings=i32([[1, 0]]), constant_values=s(b"x")),
    sample(input=f32(0), paddings=i32([[2, 0]]), constant_values=f32()),
    grad=["input"],
    why="TensorFlow gives no gradient for constant_values",
    bad=[
        bad(
            input=f32(2), paddings=i32([[1, 1]]), constant_values=f32(1), match="(?i)scalar|rank 0"
        ),
    ],
)
for _name in ("MirrorPad", "MirrorPadGrad"):
    record(
        _name,
        sample(input=f32(5, 6), paddings=i32([[1, 1], [2, 0]]), mode="REFLECT"),
        sample(input=f32(6, 6), paddings=i32([[1, 2], [0, 3]]), mode="SYMMETRIC"),
        sample(input=f32(4), paddings=i64([[0, 0]]), mode="REFLECT"),
        sample(input=floats(2, 3, 4, dtype="float64"), paddings=i32([[0, 1], [0, 0], [1, 1]]),
               mode="SYMMETRIC"),
        sample(input=ints(6), paddings=i32([[2, 2]]), mode="REFLECT")
        if _name == "MirrorPad" else
        sample(input=ints(7), paddings=i32([[2, 2]]), mode="REFLECT"),
        bad=[
            bad(input=f32(3), paddings=i32([[3, 0]]), mode="REFLECT", match="(?i)pad|negative"),
            bad(input=f32(3), paddings=i32([[1, 0], [1, 0]]), mode="REFLECT", match="(?i)rank|shape"),
        ],
    )  # fmt: skip
record(
    "Reverse",
    sample(tensor=f32(2, 3), dims=arr([True, False], "bool")),
    sample(tensor=f32(2, 3), dims=arr([True, True], "bool")),
    sample(tensor=s([b"a", b"b"]), dims=arr([True], "bool")),
)
record(
    "ReverseV2",
    sample(tensor=f32(2, 3), axis=i32([0])),
    sample(tensor=f32(2, 3), axis=i64([-1, 0])),
    sample(tensor=f32(2, 3), axis=i32([])),
    sample(tensor=s([[b"a", b"b"]]), axis=i32([1])),
    sample(tensor=ints(0, 3), axis=i32([1])),
    bad=[
        bad(tensor=f32(2, 3), axis=i32([2]), match="(?i)out of (valid )?range|out of bounds"),
        bad(tensor=f32(2, 3), axis=i32([0, -2]), match="(?i)once|twice|axis 0|already"),
    ],
)
record(
    "ReverseSequence",
    sample(input=f32(3, 4), seq_lengths=i64([2, 0, 4]), seq_dim=1),
    sample(input=f32(4, 3, 2), seq_lengths=i32([1, 4, 3]), seq_dim=0, batch_dim=1),
    sample(input=f32(2, 3, 4), seq_lengths=i32([3, 1, 2]), seq_dim=2, batch_dim=1),
    sample(input=ints(0, 4), seq_lengths=i64([]), seq_dim=1),
    bad=[
        bad(input=f32(2, 3), seq_lengths=i64([4, 1]), seq_dim=1, match="seq_len"),
        bad(
            input=f32(2, 3),
            seq_lengths=i64([1]),
            seq_dim=1,
            match="(?i)length|must be equal|incompatible",
        ),
        bad(input=f32(2, 3), seq_lengths=i64([1, 1]), seq_dim=0, match="batch_dim == seq_dim"),
    ],
)
record(
    "Roll",
    sample(input=f32(5), shift=i32(2), axis=i32(0)),
    sample(input=f32(2, 5), shift=i32([1, -2]), axis=i32([0, 1])),
    sample(input=f32(2, 5), shift=i64([2, -3]), axis=i64([1, 1])),
    sample(input=f32(0, 5), shift=i32(1), axis=i32(-1)),
    sample(input=s([b"a", b"b", b"c"]), shift=i32(1), axis=i32(0)),
    bad=[
        bad(input=f32(5), shift=i32(1), axis=i32(1), match="out of range"),
        bad(input=f32(5), shift=i32([1, 2]), axis=i32([0]), match="same size"),
        bad(input=f32(), shift=i32(1), axis=i32(0), match="1-D or higher|rank"),
    ],
)
