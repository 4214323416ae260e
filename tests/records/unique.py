"""Records of ops/unique.py."""

from .base import arr, bad, f32, i32, i64, record, s, sample

_values = [4, 1, 4, 2, 1]
record(
    "Unique",
    sample(x=i32(_values)),
    sample(x=arr(_values, "float32"), out_idx="int64"),
    sample(x=s([b"b", b"a", b"b"])),
    sample(x=arr([True, False, True], "bool")),
    sample(x=f32(0)),
    bad=[bad(x=f32(2, 2), match="(?i)1D|rank 1")],
)
record(
    "UniqueWithCounts",
    sample(x=i32(_values)),
    sample(x=s([b"b", b"a", b"b"]), out_idx="int64"),
    sample(x=f32(0)),
    bad=[bad(x=f32(2, 2), match="(?i)1D|rank 1")],
)
_matrix = i32([[1, 0, 0], [1, 0, 0], [2, 0, 0]])
record(
    "UniqueV2",
    sample(x=_matrix, axis=i64([0])),
    sample(x=_matrix, axis=i32([1])),
    sample(x=i32(_values), axis=i64([])),
    sample(x=s([[b"a", b"b"], [b"a", b"b"]]), axis=i64([0])),
)
record(
    "UniqueWithCountsV2",
    sample(x=_matrix, axis=i64([0])),
    sample(x=_matrix, axis=i32([1]), out_idx="int64"),
    sample(x=i32(_values), axis=i64([])),
)
record(
    "ListDiff",
    sample(x=i32([1, 2, 3, 4, 5, 6, 2]), y=i32([1, 3, 5])),
    sample(x=s([b"a", b"b"]), y=s([b"b"]), out_idx="int64"),
    sample(x=f32(3), y=f32(0)),
    sample(x=f32(0), y=f32(2)),
    bad=[bad(x=i32([[1]]), y=i32([1]), match="(?i)1D|vector|rank")],
)


def sparse(prefix, indices, values, shape):
    return {
        f"{prefix}_indices": i64(indices),
        f"{prefix}_values": values,
        f"{prefix}_shape": i64(shape),
    }


_guess = sparse("hypothesis", [[0, 0, 0], [1, 0, 0]], s([b"a", b"b"]), [2, 1, 1])
_truth = sparse(
    "truth", [[0, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 0]], s([b"a", b"b", b"c", b"a"]), [2, 2, 2]
)
_numbers = sparse("hypothesis", [[0, 0], [0, 1], [0, 2], [0, 3]], i32([1, 2, 3, 4]), [1, 4])
record(
    "EditDistance",
    sample(**_guess, **_truth),
    sample(**_guess, **_truth, normalize=False),
    sample(**_numbers, **sparse("truth", [[0, 0], [0, 1]], i32([2, 4]), [1, 2])),
    bad=[
        bad(
            **_numbers,
            **sparse("truth", [[0, 0, 0]], i32([2]), [1, 1, 2]),
            match="(?i)rank|dims|equal",
        ),
    ],
)
