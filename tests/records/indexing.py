"""Records of ops/indexing.py."""

from .base import arr, bad, bools, c64, f32, floats, i32, i64, ints, record, s, sample

record(
    "Gather",
    sample(params=f32(4, 3), indices=i32([2, 0, 2])),
    sample(params=f32(4), indices=i64([[1, 3]])),
    sample(params=f32(4, 2), indices=i32(1)),
    sample(params=s([b"a", b"b"]), indices=i32([1, 1])),
    bad=[bad(params=f32(4), indices=i32([0, 4]), match=r"indices\[1\] = 4 is not in \[0, 4\)")],
)
record(
    "GatherV2",
    sample(params=f32(4, 3), indices=i32([2, 0, 2]), axis=i32(0)),
    sample(params=f32(4, 3), indices=i64([[2, 0], [1, 1]]), axis=i32(1)),
    sample(params=f32(2, 4, 3), indices=i32([3, 3, 0]), axis=i64(-2)),
    sample(params=f32(4, 3), indices=i32(1), axis=i32(1)),
    sample(params=f32(4, 3), indices=i32([]), axis=i32(0)),
    sample(params=f32(0, 3), indices=i32([]), axis=i32(0)),
    sample(params=f32(4, 0), indices=i32([1, 3]), axis=i32(0)),
    sample(params=f32(2, 3, 4), indices=i32([[0, 2], [1, 1]]), axis=i32(1), batch_dims=1),
    sample(params=f32(2, 3, 4), indices=i32([[0, 2], [3, 1]]), axis=i32(2), batch_dims=1),
    sample(params=f32(2, 3, 4), indices=i64([[[0], [1], [3]]] * 2), axis=i32(2), batch_dims=2),
    sample(params=f32(2, 3, 4), indices=i32([1, 2]), axis=i32(1), batch_dims=1),
    sample(params=f32(2, 3), indices=i32([[0, 2], [1, 1]]), axis=i32(-1), batch_dims=-1),
    sample(params=f32(0, 3), indices=arr([], "int32").reshape(0, 2), axis=i32(1), batch_dims=1),
    sample(params=s([[b"a", b"b"], [b"c", b"d"]]), indices=i32([1, 0]), axis=i32(1)),
    sample(params=c64(3, 2), indices=i32([1, 2]), axis=i32(0)),
    sample(params=floats(3, 2, dtype="bfloat16"), indices=i32([1, 2]), axis=i32(0)),
    sample(params=bools(3), indices=i32([1, 2]), axis=i32(0)),
    bad=[
        bad(params=f32(5), indices=i32([7]), axis=i32(0), match=r"indices\[0\] = 7 is not in \[0, 5\)"),
        bad(params=f32(5, 2), indices=i32([[0, -1]]), axis=i32(1),
            match=r"indices\[0,1\] = -1 is not in \[0, 2\)"),
        bad(params=f32(5), indices=i32([0]), axis=i32(1), match="(?i)axis|rank"),
        bad(params=f32(2, 3), indices=i32([[0], [0], [0]]), axis=i32(1), batch_dims=1,
            match="(?i)batch|must be equal"),
    ],
)  # fmt: skip
record(
    "GatherNd",
    sample(params=f32(3, 4), indices=i32([[0, 1], [2, 3]])),
    sample(params=f32(3, 4), indices=i64([[1], [0]])),
    sample(params=f32(3, 4), indices=i32([[[0, 0]], [[2, 1]]])),
    sample(params=f32(2, 3, 4), indices=i32([[0, 1], [1, 2], [0, 1]])),
    sample(params=f32(3), indices=i32([2])),
    sample(params=f32(3, 2), indices=arr([], "int32").reshape(2, 0)),
    sample(params=f32(3, 2), indices=arr([], "int32").reshape(0, 2)),
    sample(params=s([[b"a", b"b"]]), indices=i32([[0, 1]])),
    sample(params=f32(3, 2), indices=i32([[0, 1], [5, 0]]), bad_indices_policy="IGNORE"),
    bad=[
        bad(params=f32(3, 4), indices=i32([[0, 1], [2, 4]]), match=r"indices\[1\] = \[2, 4\] does not"),
        bad(params=f32(3), indices=i32([[-1]]), match=r"indices\[0\] = \[-1\] does not"),
        bad(params=f32(3), indices=i32([[0, 0]]), match="(?i)must be <= params"),
    ],
)  # fmt: skip
record(
    "ScatterNd",
    sample(indices=i32([[4], [1], [4]]), updates=f32(3), shape=i32([6])),
    sample(indices=i64([[0], [2]]), updates=f32(2, 3), shape=i64([4, 3])),
    sample(indices=i32([[0, 1], [1, 1]]), updates=f32(2, 2), shape=i32([2, 3, 2])),
    sample(indices=arr([], "int32").reshape(0, 1), updates=f32(0), shape=i32([3])),
    sample(indices=i32([[1], [1]]), updates=ints(2), shape=i32([2])),
    sample(indices=i32([[1], [7]]), updates=f32(2), shape=i32([3]), bad_indices_policy="IGNORE"),
    bad=[
        bad(indices=i32([[3]]), updates=f32(1), shape=i32([3]), match=r"indices\[0\] = \[3\] does not"),
        bad(indices=i32([[0]]), updates=f32(2), shape=i32([3]), match="(?i)shape|dimensions"),
        bad(indices=i32([[0, 0]]), updates=f32(1), shape=i32([3]), match="(?i)rank|length|dimension"),
    ],
)  # fmt: skip
for _name in (
    "TensorScatterUpdate", "TensorScatterAdd", "TensorScatterSub", "TensorScatterMin",
    "TensorScatterMax",
):  # fmt: skip
    _once = [[0], [2]]
    _twice = _once if _name == "TensorScatterUpdate" else [[1], [1]]
    record(
        _name,
        sample(tensor=f32(4), indices=i32(_once), updates=f32(2)),
        sample(tensor=f32(3, 2), indices=i64(_twice), updates=f32(2, 2)),
        sample(tensor=f32(3, 2), indices=i32([[0, 1], [2, 0]]), updates=f32(2)),
        sample(tensor=f32(3), indices=arr([], "int32").reshape(0, 1), updates=f32(0)),
        sample(tensor=ints(5), indices=i32(_twice), updates=ints(2)),
        bad=[
            bad(tensor=f32(3), indices=i32([[3]]), updates=f32(1), match=r"\[3\] does not index"),
            bad(tensor=f32(3), indices=i32([[0]]), updates=f32(2), match="(?i)shape|dimensions"),
        ],
    )
record(
    "ScatterNdNonAliasingAdd",
    sample(input=f32(4), indices=i32([[1], [1]]), updates=f32(2)),
    sample(input=f32(3, 2), indices=i64([[2]]), updates=f32(1, 2)),
    sample(input=bools(3), indices=i32([[0], [2]]), updates=bools(2)),
    bad=[bad(input=f32(3), indices=i32([[3]]), updates=f32(1), match=r"\[3\] does not index")],
)
record(
    "UnravelIndex",
    sample(indices=i32([22, 41, 37]), dims=i32([7, 6])),
    sample(indices=i64(1621), dims=i64([6, 7, 8, 9])),
    bad=[
        bad(indices=i32([4]), dims=i32([2, 2]), match="out of bound"),
        bad(indices=i32([0]), dims=i32([2, 0]), match="(?i)zero"),
    ],
)
