"""Records of ops/joining.py."""

from .base import bad, c64, f32, floats, i32, i64, ints, record, s, sample

record(
    "ConcatV2",
    sample(values=[f32(2, 3), f32(1, 3)], axis=i32(0)),
    sample(values=[f32(2, 3), f32(2, 0), f32(2, 1)], axis=i64(-1)),
    sample(values=[f32(2), f32(2), f32(2)], axis=i32(0)),
    sample(values=[c64(1, 2), c64(1, 2)], axis=i32(1)),
    sample(values=[s([b"a"]), s([b"b", b"c"])], axis=i32(0)),
    sample(values=[floats(2, 1, dtype="bfloat16"), floats(2, 2, dtype="bfloat16")], axis=i32(1)),
    bad=[
        bad(values=[f32(2, 3), f32(2, 4)], axis=i32(0), match="Dimension 1|must be equal|match"),
        bad(values=[f32(2, 3), f32(2)], axis=i32(0), match="rank|[Rr]ank"),
        bad(values=[f32(2, 3), f32(2, 3)], axis=i32(2), match="(?i)range|rank"),
        bad(values=[f32(), f32()], axis=i32(0), match="(?i)scalar|rank"),
    ],
)
record(
    "Concat",
    sample(concat_dim=i32(0), values=[f32(2, 3), f32(1, 3)]),
    sample(concat_dim=i32(1), values=[f32(2, 3), f32(2, 2), f32(2, 1)]),
    sample(concat_dim=i32(-1), values=[ints(2, 3), ints(2, 1)]),
)
record(
    "ConcatOffset",
    sample(concat_dim=i32(1), shape=[i32([2, 2, 7]), i32([2, 3, 7]), i32([2, 9, 7])]),
    sample(concat_dim=i32(-1), shape=[i32([2, 2]), i32([2, 3])]),
    sample(concat_dim=i32(0), shape=[i32([0]), i32([4])]),
    bad=[bad(concat_dim=i32(2), shape=[i32([2]), i32([2])], match="out of range")],
)
record(
    "Pack",
    sample(values=[f32(2, 3), f32(2, 3)]),
    sample(values=[f32(2, 3), f32(2, 3), f32(2, 3)], axis=1),
    sample(values=[f32(2), f32(2)], axis=-1),
    sample(values=[f32(), f32()], axis=-1),
    sample(values=[f32(0, 2)], axis=2),
    sample(values=[s(b"a"), s(b"b")]),
    sample(values=[i64(5), i64(6)]),
    bad=[
        bad(values=[f32(2), f32(3)], match="(?i)must be equal|must match"),
        bad(values=[f32(2), f32(2)], axis=2, match=r"not in \[-2, 2\)"),
    ],
)
record(
    "Unpack",
    sample(value=f32(2, 3), num=2),
    sample(value=f32(2, 3), num=3, axis=1),
    sample(value=f32(2, 3), num=3, axis=-1),
    sample(value=f32(2, 0), num=2),
    sample(value=s([b"a", b"b"]), num=2),
    bad=[
        bad(value=f32(2, 3), num=3, match="(?i)must (be|equal) 3|must be equal"),
        bad(value=f32(2, 3), num=2, axis=2, match=r"not in \[-2, 2\)"),
    ],
)
record(
    "ParallelConcat",
    sample(values=[f32(1, 2), f32(1, 2)], shape=[2, 2]),
    sample(values=[ints(1), ints(1), ints(1)], shape=[3]),
    oracle=False,
    why="TensorFlow rewrites this op before it runs; its kernel alone is an error",
)
record(
    "Split",
    sample(split_dim=i32(0), value=f32(4, 3), num_split=2),
    sample(split_dim=i32(1), value=f32(4, 3), num_split=3),
    sample(split_dim=i32(-1), value=f32(2, 2, 4), num_split=1),
    sample(split_dim=i32(0), value=f32(0, 3), num_split=2),
    sample(split_dim=i32(0), value=s([b"a", b"b"]), num_split=2),
    bad=[
        bad(split_dim=i32(0), value=f32(4, 3), num_split=3, match="(?i)evenly divi"),
        bad(split_dim=i32(2), value=f32(4, 3), num_split=1, match="(?i)split_dim|rank|range"),
    ],
)
record(
    "SplitV",
    sample(value=f32(4, 3), size_splits=i64([1, 3]), split_dim=i32(0), num_split=2),
    sample(value=f32(4, 3), size_splits=i32([1, -1, 0]), split_dim=i32(-1), num_split=3),
    sample(value=f32(4), size_splits=i32([4]), split_dim=i32(0), num_split=1),
    sample(value=s([b"a", b"b", b"c"]), size_splits=i32([-1, 1]), split_dim=i32(0), num_split=2),
    bad=[
        bad(value=f32(4), size_splits=i32([1, 2]), split_dim=i32(0), num_split=2, match="(?i)match"),
        bad(value=f32(4), size_splits=i32([-1, -1]), split_dim=i32(0), num_split=2, match="one -1"),
        bad(value=f32(4), size_splits=i32([5, -1]), split_dim=i32(0), num_split=2,
            match="(?i)less than|exceed|greater"),
    ],
)  # fmt: skip
