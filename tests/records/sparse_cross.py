"""Records of ops/sparse/cross.py."""

from .base import bad, i64, record, s, sample

_SPARSE = {
    "indices": [i64([[0, 0], [1, 0], [1, 1]]), i64([[0, 0], [1, 0]])],
    "values": [s([b"a", b"b", b"c"]), i64([5, 6])],
    "shapes": [i64([2, 2]), i64([2, 1])],
    "dense_inputs": [s([[b"f"], [b"g"]])],
}
_HASHED = {"hash_key": 0xDECAFCAFFE, "out_type": "int64", "internal_type": "int64"}

record(
    "SparseCross",
    sample(**_SPARSE, hashed_output=True, num_buckets=0, **_HASHED),
    sample(**_SPARSE, hashed_output=True, num_buckets=100, **_HASHED),
    sample(
        **{**_SPARSE, "values": [s([b"a", b"b", b"c"]), s([b"x", b"y"])]},
        hashed_output=False,
        num_buckets=0,
        hash_key=1,
        out_type="string",
        internal_type="string",
    ),
)
record(
    "SparseCrossV2",
    sample(**_SPARSE, sep=s(b"_Y_")),
    bad=[
        bad(
            **{**_SPARSE, "dense_inputs": [s([[b"f"]])]},
            sep=s(b"_"),
            match="(?i)batch|same|size",
        )
    ],
)
