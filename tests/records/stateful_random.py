"""Records of random ops whose state is a variable: ops/random/stateful.py."""

import numpy as np

from .base import (
    arr,
    bad,
    f64,
    i32,
    i64,
    ints,
    record,
    sample,
    tested_elsewhere,
    var,
)

STATE = var(i64([3, -5, 77]))
PHILOX = i64(1)
SHAPE = {"resource": STATE, "algorithm": PHILOX, "shape": i64([2, 3])}
REFUSED = [
    bad(resource=STATE, algorithm=i64(2), shape=i64([2]), match="ThreeFry"),
    bad(resource=STATE, algorithm=i64(9), shape=i64([2]), match="Unsupported algorithm id"),
    bad(resource=STATE, algorithm=PHILOX, shape=i64([-2]), match=">= 0|non-negative"),
    bad(resource=var(i64([3, 4])), algorithm=PHILOX, shape=i64([2]), match="at least 3"),
    bad(resource=var(i32([3, 4, 5])), algorithm=PHILOX, shape=i64([2]), match="must be int64"),
]
for _name in ("StatefulUniform", "StatefulStandardNormalV2", "StatefulTruncatedNormal"):
    record(
        _name,
        *[sample(**SHAPE, dtype=dtype) for dtype in ("float32", "float64", "float16", "bfloat16")],
        sample(resource=STATE, algorithm=i64(3), shape=i64([]), dtype="float32"),
        sample(resource=var(i64([-1, 4, 9, 8])), algorithm=PHILOX, shape=i32([5]), dtype="float32"),
        sample(resource=STATE, algorithm=PHILOX, shape=i64([0, 3]), dtype="float32"),
        bad=REFUSED,
    )
record(
    "StatefulUniformFullInt",
    *[sample(**SHAPE, dtype=dtype) for dtype in ("int32", "int64", "uint32", "uint64")],
    bad=REFUSED[:1],
)
record(
    "StatefulUniformInt",
    sample(**SHAPE, minval=i64(-3), maxval=i64(9)),
    sample(**SHAPE, minval=i32(0), maxval=i32(2**30)),
    bad=[bad(**SHAPE, minval=i64(3), maxval=i64(3), match="minval < maxval")],
)
record(
    "StatefulRandomBinomial",
    sample(resource=STATE, algorithm=PHILOX, shape=i32([7]), counts=arr(10, "float64"),
           probs=arr(0.3, "float64")),
    sample(resource=STATE, algorithm=PHILOX, shape=i32([5, 3]), counts=arr([1, 20, 300], "float64"),
           probs=arr(0.3, "float64"), dtype="float64"),
    bad=[bad(resource=STATE, algorithm=PHILOX, shape=i32([7]), counts=f64(2, lo=1, hi=9),
             probs=f64(2, lo=0.1, hi=0.9), match="must end with")],
    oracle=False,
    why="TensorFlow's kernel loses the new state in a graph; test_generator.py compares with eager mode",
)  # fmt: skip
record(
    "RngSkip",
    sample(resource=STATE, algorithm=PHILOX, delta=i64(3)),
    sample(resource=var(i64([-1, -1, 5])), algorithm=PHILOX, delta=i64(2**40)),
    bad=[bad(resource=STATE, algorithm=i64(2), delta=i64(3), match="ThreeFry")],
)
record(
    "RngReadAndSkip",
    sample(resource=STATE, alg=i32(1), delta=np.array(3, np.uint64)),
    sample(resource=var(i64([-1, -1, 5])), alg=i32(3), delta=np.array(2**62, np.uint64)),
    bad=[bad(resource=STATE, alg=i32(2), delta=np.array(3, np.uint64), match="ThreeFry")],
)
record(
    "RandomIndexShuffle",
    sample(index=i32(3), seed=i32([498247692, 5, 9]), max_index=i32(10)),
    sample(index=np.arange(30, dtype=np.int64), seed=i64([1, 2, 3]), max_index=i64(29)),
    sample(index=np.arange(5, dtype=np.uint64), seed=ints(5, 3, lo=0, hi=99), max_index=np.array(2**40, np.uint64)),
    sample(index=np.arange(4, dtype=np.uint32), seed=i32([1, 2, 3]), max_index=np.array([9, 5, 7, 3], np.uint32), rounds=8),
    sample(index=i32(0), seed=i32([1, 2, 3]), max_index=i32(0)),
    bad=[
        bad(index=i32(3), seed=i32([1, 2, 3]), max_index=i32(2), match="max_index must be >= index"),
        bad(index=i32(3), seed=i32([1, 2]), max_index=i32(9), match=r"size \[3\]"),
        bad(index=i32([3, 4]), seed=i32([1, 2, 3]), max_index=i32([9, 9, 9]), match="size|vector"),
    ],
)  # fmt: skip
tested_elsewhere("test_generator.py", "NonDeterministicInts")
