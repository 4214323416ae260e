"""Records of ops/stitching.py."""

from .base import bad, f32, i32, record, s, sample

record(
    "DynamicPartition",
    sample(data=f32(5), partitions=i32([0, 1, 0, 2, 1]), num_partitions=4),
    sample(data=f32(2, 2, 3), partitions=i32([[0, 1], [1, 0]]), num_partitions=2),
    sample(data=f32(3, 2), partitions=i32([1, 1, 0]), num_partitions=2),
    sample(data=s([b"a", b"b"]), partitions=i32([1, 0]), num_partitions=2),
    sample(data=f32(0), partitions=i32([]), num_partitions=1),
    sample(data=f32(3), partitions=i32(0), num_partitions=1),
    bad=[
        bad(data=f32(2), partitions=i32([0, 2]), num_partitions=2,
            match=r"partitions\[1\] = 2 is not in \[0, 2\)"),
        bad(data=f32(2), partitions=i32([0, 1, 0]), num_partitions=2, match="(?i)start with|equal"),
    ],
)  # fmt: skip
for _name in ("DynamicStitch", "ParallelDynamicStitch"):
    record(
        _name,
        sample(indices=[i32([2, 0]), i32([1])], data=[f32(2, 3), f32(1, 3)]),
        sample(indices=[i32(1), i32([[0, 2]])], data=[f32(2), f32(1, 2, 2)]),
        sample(indices=[i32([0, 1])], data=[f32(2)]),
        sample(indices=[i32([0]), i32([1])], data=[s([b"a"]), s([b"b"])]),
        sample(indices=[i32([])], data=[f32(0, 2)]),
        *([sample(indices=[i32([0, 1]), i32([1])], data=[f32(2), f32(1)])]
          if _name == "DynamicStitch" else []),
        grad=_name == "ParallelDynamicStitch",
        bad=[
            bad(indices=[i32([0]), i32([1])], data=[f32(1), f32(2)], match="(?i)start with|shape"),
            bad(indices=[i32([-1, 0])], data=[f32(2)], match="(?i)is not in"),
        ],
    )  # fmt: skip
