"""Records of ops/repeating.py."""

from .base import arr, bad, c64, f32, i32, i64, record, s, sample

record(
    "Tile",
    sample(input=f32(2, 3), multiples=i32([2, 1])),
    sample(input=f32(2, 3), multiples=i64([1, 3])),
    sample(input=f32(2, 1), multiples=i32([2, 3])),
    sample(input=f32(2, 3), multiples=i32([0, 1])),
    sample(input=f32(), multiples=i32([])),
    sample(input=f32(0, 2), multiples=i32([2, 2])),
    sample(input=s([b"a", b"b"]), multiples=i32([2])),
    sample(input=c64(1, 2), multiples=i32([2, 2])),
    sample(input=f32(2, 3), multiples=i32([1, 1])),
    bad=[
        bad(input=f32(2, 3), multiples=i32([2]), match="(?i)length 2|rank|be equal|must be"),
        bad(input=f32(2), multiples=i32([-1]), match="(?i)>= 0|non-negative"),
    ],
)
record(
    "OneHot",
    sample(indices=i32([0, 2, -1, 3]), depth=i32(3), on_value=f32(), off_value=f32()),
    sample(indices=i64([[0, 1]]), depth=i32(2), on_value=f32(), off_value=f32(), axis=0),
    sample(indices=i64([[0, 1]]), depth=i32(2), on_value=f32(), off_value=f32(), axis=1),
    sample(indices=arr([1, 5], "uint8"), depth=i32(4), on_value=i32(5), off_value=i32(-1)),
    sample(indices=i32(1), depth=i32(2), on_value=s(b"yes"), off_value=s(b"no")),
    sample(indices=i32([]), depth=i32(2), on_value=arr(True, "bool"), off_value=arr(False, "bool")),
    sample(indices=i32([1]), depth=i32(0), on_value=f32(), off_value=f32()),
    bad=[
        bad(indices=i32([0]), depth=i32(-1), on_value=f32(), off_value=f32(),
            match="(?i)non-negative|must be >= 0"),
        bad(indices=i32([0]), depth=i32(2), on_value=f32(), off_value=f32(), axis=2, match="(?i)axis|rank"),
    ],
)  # fmt: skip
