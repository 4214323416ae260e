"""Records of ops/bitwise.py."""

import numpy as np

from .base import arr, bad, i32, i64, ints, record, sample

for name in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
    record(
        name,
        sample(x=ints(2, 3), y=ints(3)),
        sample(x=arr([200, 7], "uint8"), y=arr(129, "uint8")),
        sample(x=arr([-128, 7], "int8"), y=arr([[1], [-1]], "int8")),
        sample(x=np.array([2**63, 5], np.uint64), y=np.array([2**63, 3], np.uint64)),
        sample(x=i64([]), y=i64([5])),
        bad=[bad(x=i32([1, 2]), y=i32([1, 2, 3]), match="Dimensions must be equal|[Ii]ncompat")],
    )
for name in ("LeftShift", "RightShift"):
    record(
        name,
        sample(x=i32([-8, 8, -8, 1]), y=i32([-1, 40, 2, 31])),
        sample(x=arr([-8, 8, -8], "int8"), y=arr([-1, 40, 2], "int8")),
        sample(x=arr([255, 3], "uint8"), y=arr([9, 1], "uint8")),
        sample(x=i64([1, -1]), y=i64([[1], [63]])),
        sample(x=np.array([1, 2**63], np.uint64), y=np.array(3, np.uint64)),
    )
record("Invert", sample(x=ints(2, 3)), sample(x=arr([0, 200], "uint8")), sample(x=i64(5)),
       sample(x=arr([], "int16")))  # fmt: skip
record(
    "PopulationCount",
    sample(x=arr([-1, 5, 0, -32768], "int16")),
    sample(x=ints(2, 3)),
    sample(x=arr([255], "uint8")),
    sample(x=np.array([2**64 - 1], np.uint64)),
    sample(x=i64(-1)),
)
