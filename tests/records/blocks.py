"""Records of ops/spatial/blocks.py."""

from .base import bad, f32, i32, i64, ints, record, sample

record(
    "SpaceToBatchND",
    sample(input=f32(1, 4, 4, 2), block_shape=i32([2, 2]), paddings=i32([[0, 0], [0, 0]])),
    sample(input=f32(2, 3, 5, 1), block_shape=i64([2, 3]), paddings=i64([[1, 0], [0, 1]])),
    sample(input=f32(2, 4), block_shape=i32([2]), paddings=i32([[1, 1]])),
    sample(input=f32(1, 3, 2, 2), block_shape=i32([3]), paddings=i32([[0, 0]])),
    sample(input=ints(2, 2, 2, 2, 1), block_shape=i32([2, 1, 2]), paddings=i32([[0, 0]] * 3)),
    bad=[
        bad(input=f32(1, 3, 4, 2), block_shape=i32([2, 2]), paddings=i32([[0, 0], [0, 0]]),
            match="(?i)divisible"),
        bad(input=f32(1, 4), block_shape=i32([2, 2]), paddings=i32([[0, 0], [0, 0]]), match="(?i)rank"),
    ],
)  # fmt: skip
record(
    "BatchToSpaceND",
    sample(input=f32(4, 2, 2, 2), block_shape=i32([2, 2]), crops=i32([[0, 0], [0, 0]])),
    sample(input=f32(12, 2, 2, 1), block_shape=i64([2, 3]), crops=i64([[1, 0], [2, 1]])),
    sample(input=f32(4, 3), block_shape=i32([2]), crops=i32([[1, 2]])),
    sample(input=ints(8, 1, 2, 1), block_shape=i32([4]), crops=i32([[0, 0]])),
    bad=[
        bad(input=f32(3, 2, 2, 1), block_shape=i32([2, 2]), crops=i32([[0, 0], [0, 0]]),
            match="(?i)divisible"),
        bad(input=f32(4, 1, 1, 1), block_shape=i32([2, 2]), crops=i32([[2, 1], [0, 0]]),
            match="(?i)negative|crop|>= 0"),
    ],
)  # fmt: skip
record(
    "SpaceToBatch",
    sample(input=f32(1, 4, 4, 2), paddings=i32([[0, 0], [0, 0]]), block_size=2),
    sample(input=f32(2, 3, 5, 1), paddings=i64([[1, 0], [0, 1]]), block_size=2),
    bad=[bad(input=f32(1, 3, 4, 2), paddings=i32([[0, 0], [0, 0]]), block_size=2, match="(?i)divisible")],
)  # fmt: skip
record(
    "BatchToSpace",
    sample(input=f32(4, 2, 2, 2), crops=i32([[0, 0], [0, 0]]), block_size=2),
    sample(input=f32(9, 2, 2, 1), crops=i64([[1, 0], [2, 1]]), block_size=3),
    bad=[bad(input=f32(3, 2, 2, 1), crops=i32([[0, 0], [0, 0]]), block_size=2, match="(?i)divisible")],
)  # fmt: skip
record(
    "SpaceToDepth",
    sample(input=f32(2, 4, 6, 3), block_size=2),
    sample(input=ints(1, 3, 3, 1), block_size=3),
    sample(input=f32(0, 2, 2, 1), block_size=2),
    bad=[bad(input=f32(1, 3, 4, 1), block_size=2, match="(?i)divisible")],
)
record(
    "DepthToSpace",
    sample(input=f32(2, 2, 3, 12), block_size=2),
    sample(input=ints(1, 1, 2, 9), block_size=3),
    sample(input=f32(0, 1, 1, 4), block_size=2),
    bad=[bad(input=f32(1, 2, 2, 6), block_size=2, match="(?i)divisible")],
)
_image = {"ksizes": [1, 2, 3, 1], "strides": [1, 2, 1, 1], "rates": [1, 1, 1, 1]}
record(
    "ExtractImagePatches",
    sample(images=f32(2, 4, 5, 3), padding="VALID", **_image),
    sample(images=f32(1, 3, 4, 2), padding="SAME", **_image),
    sample(images=f32(1, 5, 5, 1), padding="VALID", ksizes=[1, 2, 2, 1], strides=[1, 1, 2, 1],
           rates=[1, 2, 2, 1]),
    sample(images=f32(1, 5, 5, 1), padding="SAME", ksizes=[1, 3, 3, 1], strides=[1, 4, 4, 1],
           rates=[1, 1, 2, 1]),
    sample(images=ints(1, 3, 3, 2), padding="SAME", **_image),
    bad=[
        bad(images=f32(1, 4, 4, 1), padding="VALID", ksizes=[2, 2, 2, 1], strides=[1, 1, 1, 1],
            rates=[1, 1, 1, 1], match="(?i)batch|ksizes|dimension"),
    ],
)  # fmt: skip
_volume = {"ksizes": [1, 2, 2, 1, 1], "strides": [1, 1, 2, 1, 1]}
record(
    "ExtractVolumePatches",
    sample(input=f32(2, 3, 4, 2, 2), padding="VALID", **_volume),
    sample(input=f32(1, 2, 3, 2, 1), padding="SAME", **_volume),
    sample(input=ints(1, 2, 3, 2, 1), padding="SAME", **_volume),
)
