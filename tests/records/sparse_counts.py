"""Records of counts as sparse tensors: ops/sparse/counts.py."""

import numpy as np

from .base import bad, f32, i32, i64, record, sample

VALUES = i64([[1, 1, 2], [5, 0, 1]])
NONE = np.zeros(0, np.int64)
SPARSE = {
    "indices": i64([[0, 0], [0, 2], [1, 1], [1, 2]]),
    "values": i64([1, 1, 5, 2]),
    "dense_shape": i64([3, 4]),
}
LINE = {"indices": i64([[0], [2], [3]]), "values": i64([4, 4, 2]), "dense_shape": i64([5])}
record(
    "DenseCountSparseOutput",
    sample(values=VALUES, weights=NONE, binary_output=False),
    sample(values=VALUES[0], weights=NONE, binary_output=False),
    sample(values=VALUES, weights=NONE, binary_output=True),
    sample(values=VALUES, weights=NONE, binary_output=False, minlength=8),
    sample(values=VALUES, weights=NONE, binary_output=False, maxlength=3),
    sample(values=VALUES, weights=NONE, binary_output=False, minlength=9, maxlength=4),
    sample(values=i32([3, 1, 3]), weights=f32(3), binary_output=False),
    sample(values=VALUES, weights=VALUES * 2.5, binary_output=False),
    sample(values=i64([]), weights=NONE, binary_output=False),
    bad=[
        bad(values=VALUES - 1, weights=NONE, binary_output=False, match="non-negative"),
        bad(values=VALUES, weights=i64([1, 2]), binary_output=False, match="same shape"),
        bad(values=VALUES[None], weights=NONE, binary_output=False, match="1 or 2-dim"),
    ],
)
record(
    "SparseCountSparseOutput",
    sample(**SPARSE, weights=NONE, binary_output=False),
    sample(**SPARSE, weights=f32(4), binary_output=False),
    sample(**SPARSE, weights=NONE, binary_output=True, minlength=8),
    sample(**SPARSE, weights=NONE, binary_output=False, maxlength=3),
    sample(**LINE, weights=NONE, binary_output=False),
    bad=[
        bad(**{**SPARSE, "values": i64([1, -1, 5, 2])}, weights=NONE, binary_output=False, match="non-negative"),
        bad(**SPARSE, weights=i64([1, 2]), binary_output=False, match="same shape|same number"),
        bad(**{**SPARSE, "dense_shape": i64([1, 4])}, weights=NONE, binary_output=False, match="[Ii]nd"),
    ],
)  # fmt: skip
