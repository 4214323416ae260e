"""Records of set operations: ops/sets.py."""

import numpy as np

from .base import bad, i32, i64, record, s, sample

A, B = i64([[1, 2, 2], [3, 4, 5]]), i64([[2, 7], [5, 3]])
WORDS, OTHERS = s([["b", "a"], ["c", "c"]]), s([["z", "b"], ["c", "c"]])
SPARSE = {"indices": i64([[0, 0], [0, 1], [1, 0]]), "values": i64([2, 1, 5]), "shape": i64([2, 2])}
DEEP = {
    "indices": i64([[0, 1, 0], [0, 1, 2], [1, 0, 0]]),
    "values": i64([4, 4, 5]),
    "shape": i64([2, 2, 3]),
}
MIXED = {**SPARSE, "indices": i64([[1, 0], [0, 1], [1, 1]])}
OUTSIDE = {**SPARSE, "indices": i64([[0, 0], [0, 1], [1, 2]])}
FEW = {**SPARSE, "shape": i64([3, 2])}
ALL = ("a-b", "b-a", "intersection", "union")


def named(prefix, parts):
    return {f"{prefix}_{key}": value for key, value in parts.items()}


record(
    "DenseToDenseSetOperation",
    *[sample(set1=A, set2=B, set_operation=each) for each in ALL],
    *[sample(set1=WORDS, set2=OTHERS, set_operation=each) for each in ALL],
    sample(set1=i32([[1], [2]]), set2=np.zeros((2, 0), np.int32), set_operation="UNION"),
    sample(set1=np.zeros((0, 2), np.int32), set2=np.zeros((0, 3), np.int32), set_operation="union"),
    sample(set1=A[None].astype(np.uint8), set2=B[None].astype(np.uint8), set_operation="A-B"),
    bad=[
        bad(set1=A, set2=B[:1], set_operation="union", match="Mismatched|must be equal|shape"),
        bad(set1=A[0], set2=B[0], set_operation="union", match="rank|at least"),
        bad(set1=A, set2=B, set_operation="other", match="Invalid set_operation"),
    ],
)
record(
    "DenseToSparseSetOperation",
    *[sample(set1=A, **named("set2", SPARSE), set_operation=each) for each in ALL],
    sample(set1=A.reshape(1, 2, 3).repeat(2, 0), **named("set2", DEEP), set_operation="union"),
    bad=[
        bad(set1=A, **named("set2", MIXED), set_operation="union", match="out of order"),
        bad(set1=A, **named("set2", OUTSIDE), set_operation="union", match="out of bounds"),
        bad(set1=A, **named("set2", FEW), set_operation="union", match="Mismatched"),
    ],
)
record(
    "SparseToSparseSetOperation",
    *[sample(**named("set1", SPARSE), **named("set2", {**SPARSE, "values": i64([7, 1, 3])}),
             set_operation=each) for each in ALL],
    sample(**named("set1", DEEP), **named("set2", {**DEEP, "values": i64([1, 2, 3])}), set_operation="union"),
    bad=[bad(**named("set1", SPARSE), **named("set2", FEW), set_operation="union", match="Mismatched")],
)  # fmt: skip
record(
    "SetSize",
    sample(**named("set", SPARSE)),
    sample(**named("set", DEEP)),
    sample(**named("set", {**SPARSE, "values": s(["a", "a", "b"])})),
    bad=[bad(**named("set", MIXED), match="out of order")],
)
