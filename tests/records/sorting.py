"""Records of ops/sorting.py."""

import numpy as np

from .base import arr, bad, f32, f64, floats, i32, i64, ints, record, sample

_nan = float("nan")
record(
    "TopK",
    sample(input=f32(3, 5), k=2),
    sample(input=i32([1, 3, 3, 2, 3]), k=4),
    sample(input=f32(2, 3), k=0),
    sample(input=f32(2, 3), k=1, sorted=False),
    grad_outputs=["values"],
    oracle=False,
    why="TensorFlow no longer runs graphs of a version that has this op",
    bad=[bad(input=f32(2, 3), k=4, match="(?i)last dimension|columns")],
)
record(
    "TopKV2",
    sample(input=f32(3, 5), k=i32(2)),
    sample(input=f64(2, 3, 4), k=i64(4), index_type="int64"),
    sample(input=i32([1, 3, 3, 2, 3]), k=i32(4)),
    sample(input=i32([[5, 5, 5, 5]]), k=i32(2)),
    sample(input=arr([200, 3, 255], "uint8"), k=i32(3)),
    sample(input=arr([-128, 127, 0], "int8"), k=arr(2, "int16"), index_type="int16"),
    sample(input=floats(4, dtype="bfloat16"), k=i32(3)),
    sample(input=f32(2, 3), k=i32(0)),
    sample(input=f32(3, 80), k=i32(4), gradient=False),
    sample(input=ints(2, 100, lo=0, hi=9), k=i32(20)),
    sample(input=f32(0, 3), k=i32(2)),
    sample(input=f32(4, 3), k=i32(1)),
    sample(input=arr([np.inf, -np.inf, 0.0, -0.0, 1.0], "float32"), k=i32(5), gradient=False),
    grad_outputs=["values"],
    bad=[
        bad(input=f32(2, 3), k=i32(4), match="(?i)last dimension|columns"),
        bad(input=f32(2, 3), k=i32(-1), match="(?i)k >= 0|must be >= 0|non-negative"),
        bad(input=f32(), k=i32(1), match="(?i)1-D|rank"),
    ],
)
record(
    "NthElement",
    sample(input=f32(3, 5), n=i32(2)),
    sample(input=f32(5), n=i32(0), reverse=True),
    sample(input=ints(2, 2, 3), n=i32(2), reverse=True),
    bad=[
        bad(input=f32(2, 3), n=i32(3), match="(?i)last dimension|n\\+1"),
        bad(input=f32(2, 3), n=i32(-1), match="(?i)non-negative|>= 0"),
    ],
)
_predictions = arr([[0.1, 0.3, 0.2, 0.4], [0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.5, 0.1]], "float32")
_odd = arr([[0.1, np.inf, 0.2], [_nan, 0.2, 0.3], [0.1, 0.2, 0.3]], "float32")
record(
    "InTopK",
    sample(predictions=_predictions, targets=i32([1, 1, 2]), k=2),
    sample(predictions=_predictions, targets=i64([3, 0, 3]), k=1),
    sample(predictions=_odd, targets=i32([1, 2, 0]), k=3),
    sample(predictions=_predictions, targets=i32([-1, 4, 0]), k=4),
    bad=[
        bad(
            predictions=f32(2, 3),
            targets=i32([0]),
            k=1,
            match="(?i)first dimension|must be equal|incompatible",
        )
    ],
)
record(
    "InTopKV2",
    sample(predictions=_predictions, targets=i32([1, 1, 2]), k=i32(2)),
    sample(predictions=_predictions, targets=i64([3, 0, 3]), k=i64(1)),
    sample(predictions=_predictions, targets=i32([0, 1, 2]), k=i32(0)),
)
for _name in ("LowerBound", "UpperBound"):
    record(
        _name,
        sample(sorted_inputs=i32([[0, 3, 9, 9, 10], [1, 2, 3, 4, 5]]),
               values=i32([[2, 4, 9], [0, 2, 6]])),
        sample(sorted_inputs=arr([[0.0, 1.0]], "float32"), values=f32(1, 3), out_type="int64"),
        sample(sorted_inputs=f32(2, 0), values=f32(2, 2)),
        sample(sorted_inputs=np.sort(ints(12, 5, lo=0, hi=9)), values=ints(12, 4, lo=-1, hi=10)),
        bad=[bad(sorted_inputs=f32(2, 2), values=f32(1, 2), match="(?i)leading|dimension")],
    )  # fmt: skip
