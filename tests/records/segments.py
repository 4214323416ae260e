"""Records of ops/segments.py."""

from .base import bad, c64, f32, f64, floats, i32, i64, ints, record, sample

for _name in ("SegmentSum", "SegmentMean", "SegmentProd", "SegmentMin", "SegmentMax"):
    record(
        _name,
        sample(data=f32(5, 2), segment_ids=i32([0, 0, 1, 3, 3])),
        sample(data=f64(3), segment_ids=i64([1, 1, 2])),
        sample(data=ints(4, 1), segment_ids=i32([0, 0, 0, 1])),
        sample(data=f32(0, 2), segment_ids=i32([])),
        sample(data=floats(3, dtype="bfloat16"), segment_ids=i32([0, 0, 0])),
        *([sample(data=c64(3), segment_ids=i32([0, 0, 1]))] if _name == "SegmentSum" else []),
        bad=[
            bad(data=f32(3), segment_ids=i32([1, 0, 1]), match="not increasing"),
            bad(data=f32(3), segment_ids=i32([0, 1]), match="(?i)same size"),
            bad(data=f32(2), segment_ids=i32([-1, 0]), match=">= 0"),
        ],
    )
for _name in (
    "UnsortedSegmentSum", "UnsortedSegmentProd", "UnsortedSegmentMin", "UnsortedSegmentMax",
):  # fmt: skip
    record(
        _name,
        sample(data=f32(5, 2), segment_ids=i32([2, 0, 2, -1, 0]), num_segments=i32(4)),
        sample(data=f64(2, 3), segment_ids=i64([[0, 1, 0], [1, 1, 0]]), num_segments=i64(2)),
        sample(data=ints(4), segment_ids=i32([1, 1, 0, 1]), num_segments=i32(3)),
        sample(data=f32(0, 2), segment_ids=i32([]), num_segments=i32(2)),
        sample(data=f32(3), segment_ids=i32([0, 0, 0]), num_segments=i32(1)),
        sample(data=floats(3, dtype="float16"), segment_ids=i32([0, 1, 0]), num_segments=i32(2)),
        sample(data=f32(2, 2), segment_ids=i32([-1, -1]), num_segments=i32(0), gradient=False),
        bad=[
            bad(data=f32(2), segment_ids=i32([0, 2]), num_segments=i32(2),
                match=r"segment_ids\[1\] = 2 is (not in|out of range) \[0, 2\)"),
            bad(data=f32(2), segment_ids=i32([0]), num_segments=i32(2),
                match="(?i)start with|must be equal"),
            bad(data=f32(2), segment_ids=i32([0, 0]), num_segments=i32(-1), match="(?i)negative|>= 0"),
        ],
    )  # fmt: skip
_rows = {"indices": i32([0, 2, 2, 1]), "segment_ids": i32([0, 0, 1, 3])}
for _name in ("SparseSegmentSum", "SparseSegmentMean", "SparseSegmentSqrtN"):
    record(
        _name,
        sample(data=f32(3, 2), **_rows),
        sample(data=f64(3, 2), indices=i64([0, 1]), segment_ids=i64([0, 0])),
        sample(data=f32(3, 2), indices=i32([]), segment_ids=i32([]), gradient=False),
        sample(data=floats(3, 1, dtype="bfloat16"), **_rows),
        bad=[
            bad(
                data=f32(2, 2),
                indices=i32([2]),
                segment_ids=i32([0]),
                match="(?i)not in|out of range",
            ),
            bad(
                data=f32(2, 2), indices=i32([0, 1]), segment_ids=i32([1, 0]), match="not increasing"
            ),
        ],
    )
    record(
        f"{_name}WithNumSegments",
        sample(data=f32(3, 2), num_segments=i32(6), **_rows),
        sample(data=f64(3, 2), indices=i64([0, 1]), segment_ids=i64([1, 1]), num_segments=i64(2)),
        sample(
            data=f32(3, 2),
            indices=i32([]),
            segment_ids=i32([]),
            num_segments=i32(2),
            gradient=False,
        ),
        bad=[
            bad(
                data=f32(3, 2), num_segments=i32(2), match="(?i)num_segments|out of range", **_rows
            ),
        ],
    )
    record(
        f"{_name}Grad",
        sample(grad=f32(4, 2), output_dim0=i32(5), **_rows),
        sample(grad=f64(2, 2), indices=i64([0, 1]), segment_ids=i64([1, 1]), output_dim0=i32(2)),
        grad=("grad",),
        bad=[bad(grad=f32(4, 2), output_dim0=i32(1), match="(?i)not in|out of range", **_rows)],
    )
    record(
        f"{_name}GradV2",
        sample(grad=f32(4, 2), dense_output_dim0=i32(5), **_rows),
        sample(grad=f64(2, 2), indices=i64([0, 1]), segment_ids=i64([1, 1]),
               dense_output_dim0=i32(2)),
    )  # fmt: skip
