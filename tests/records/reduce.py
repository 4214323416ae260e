"""Records of the reductions and scans: ops/reduce.py, scan.py, sequences.py, bincount.py."""

import numpy as np

from .base import arr, bad, bools, c64, f32, f64, floats, i32, i64, ints, record, sample

NO_SUCH = bad(input=f32(2, 3), reduction_indices=i32([5]), match="[Ii]nvalid reduction dimension")
TWICE = bad(
    input=f32(2, 3), reduction_indices=i32([0, -2]), match="duplicate|Invalid reduction arg"
)


def reduction(
    op, *more, complex_too=True, conj=True, bad=(NO_SUCH, TWICE), lo=-2.0, hi=2.0, **options
):
    samples = [
        sample(input=f32(2, 3, 4, lo=lo, hi=hi), reduction_indices=i32([0, 2])),
        sample(input=f32(2, 3, 4, lo=lo, hi=hi), reduction_indices=i32([-1]), keep_dims=True),
        sample(input=f32(3, 4, lo=lo, hi=hi), reduction_indices=i32(1)),
        sample(input=f32(2, 3, lo=lo, hi=hi), reduction_indices=i32([])),
        sample(input=f64(2, 3, lo=lo, hi=hi), reduction_indices=i64([0, 1])),
        sample(input=f64(lo=lo, hi=hi), reduction_indices=i32([])),
        sample(input=f32(0, 3), reduction_indices=i32([0])),
        sample(input=f32(2, 0), reduction_indices=i32([0])),
        sample(input=floats(6, 2, dtype="float16", lo=lo, hi=hi), reduction_indices=i32([0])),
        sample(input=floats(6, 2, dtype="bfloat16", lo=lo, hi=hi), reduction_indices=i32([1])),
        sample(input=ints(3, 4), reduction_indices=i32([1])),
        sample(input=ints(3, 4, dtype="int64"), reduction_indices=i32([0])),
        sample(input=ints(3, 4, dtype="int8"), reduction_indices=i32([0])),
        sample(input=ints(3, 4, lo=0, dtype="uint8"), reduction_indices=i32([0])),
    ]
    if complex_too:
        x = c64(2, 3, lo=lo, hi=hi)
        samples.append(sample(input=x, reduction_indices=i32([1]), gradient=conj))
    return record(op, *samples, *more, bad=bad, **options)


reduction("Sum", sample(input=arr([100, 100, 100], "int8"), reduction_indices=i32([0])))
reduction("Mean", sample(input=i32([-3, -4]), reduction_indices=i32([0])))
reduction(
    "Prod",
    sample(input=arr([[0, 2, 3], [0, 0, 5], [1, 2, 3]], "float32"), reduction_indices=i32([1])),
    sample(input=arr([[0, 2, 3], [4, 0, 5]], "float64"), reduction_indices=i32([0, 1])),
    sample(input=f32(2, 3, 2), reduction_indices=i32([2, 0]), keep_dims=True),
)
SPECIAL = arr([[1, np.nan, 2], [-np.inf, 0, np.inf]], "float32")
TIES = arr([[3, 1, 3], [2, 2, 2]], "float16")  # half floats: not for finite differences
for name in ("Max", "Min"):
    reduction(
        name,
        sample(input=SPECIAL, reduction_indices=i32([1]), gradient=False),
        sample(input=TIES, reduction_indices=i32([1])),
        sample(input=TIES, reduction_indices=i32([0, 1]), keep_dims=True),
        sample(input=i32(np.zeros((0, 2))), reduction_indices=i32([0])),
        sample(input=np.array([[0, 2**63]], np.uint64), reduction_indices=i32([1])),
        complex_too=False,
    )
reduction("EuclideanNorm", conj=False)  # that of TensorFlow is not real
for name in ("Any", "All"):
    record(
        name,
        sample(input=bools(3, 4), reduction_indices=i32([1])),
        sample(input=bools(3, 4), reduction_indices=i32([0, 1]), keep_dims=True),
        sample(input=bools(2, 0), reduction_indices=i64([1])),
        sample(input=bools(), reduction_indices=i32([])),
        bad=[bad(input=bools(2), reduction_indices=i32([1]), match="[Ii]nvalid reduction")],
    )
for name in ("ArgMax", "ArgMin"):
    record(
        name,
        sample(input=f32(3, 4), dimension=i32(0)),
        sample(input=f32(3, 4), dimension=i64(-1), output_type="int32"),
        sample(input=SPECIAL, dimension=i32(1)),
        sample(input=arr([np.nan, np.nan], "float32"), dimension=i32(0)),
        sample(input=i32([3, 1, 3, 1]), dimension=i32(0)),
        sample(input=bools(4), dimension=i32(0)),
        sample(input=floats(5, dtype="bfloat16"), dimension=i32(0)),
        sample(input=f32(0, 2), dimension=i32(1)),
        bad=[
            bad(input=f32(0, 2), dimension=i32(0), match="is empty"),
            bad(
                input=f32(2), dimension=i32(3), match="dimension in the range|must be in the range"
            ),
        ],
    )

# Scans --------------------------------------------------------------------------------------------

for name in ("Cumsum", "Cumprod"):  # TensorFlow's gradient of a complex Cumprod does not conjugate
    record(
        name,
        sample(x=f32(2, 5), axis=i32(1)),
        sample(x=f32(2, 5), axis=i64(-2), exclusive=True),
        sample(x=f64(4), axis=i32(0), reverse=True),
        sample(x=f64(4), axis=i32(0), exclusive=True, reverse=True),
        sample(x=ints(2, 3, 2), axis=i32(1)),
        sample(x=arr([100, 100, 3], "int8"), axis=i32(0)),
        sample(x=c64(3), axis=i32(0), gradient=name == "Cumsum"),
        sample(x=floats(5, dtype="float16"), axis=i32(0)),
        sample(x=floats(5, dtype="bfloat16"), axis=i32(0)),
        sample(x=f32(0, 3), axis=i32(0)),
        bad=[bad(x=f32(2), axis=i32(1), match="scan axis in the range")],
        tol={"float16": 4e-3, "bfloat16": 4e-2},
        why="TensorFlow adds and multiplies up half floats in their own precision",
    )
record(
    "CumulativeLogsumexp",
    sample(x=f32(2, 5), axis=i32(1)),
    sample(x=f64(4), axis=i32(0), reverse=True),
    sample(x=floats(5, dtype="float16"), axis=i32(0)),
    bad=[bad(x=f32(2), axis=i32(1), match="scan axis in the range")],
)

# Sequences ----------------------------------------------------------------------------------------

record(
    "Range",
    sample(start=i32(0), limit=i32(10), delta=i32(3)),
    sample(start=i64(5), limit=i64(0), delta=i64(-2)),
    sample(start=arr(0, "float32"), limit=arr(1, "float32"), delta=arr(0.1, "float32")),
    sample(start=arr(1, "float64"), limit=arr(-1, "float64"), delta=arr(-0.3, "float64")),
    sample(start=i32(3), limit=i32(3), delta=i32(1)),
    sample(start=arr(0, "bfloat16"), limit=arr(4, "bfloat16"), delta=arr(0.5, "bfloat16")),
    bad=[
        bad(start=i32(0), limit=i32(5), delta=i32(0), match="delta != 0"),
        bad(start=i32(5), limit=i32(0), delta=i32(1), match="Requires start <= limit"),
        bad(start=i32(0), limit=i32(5), delta=i32(-1), match="Requires start >= limit"),
    ],
)
record(
    "LinSpace",
    sample(start=arr(0, "float32"), stop=arr(1, "float32"), num=i32(5)),
    sample(start=arr(10, "float64"), stop=arr(-1, "float64"), num=i64(4)),
    sample(start=arr(2, "float32"), stop=arr(3, "float32"), num=i32(1)),
    bad=[bad(start=arr(0, "float32"), stop=arr(1, "float32"), num=i32(0), match="num > 0")],
)

# Counting -----------------------------------------------------------------------------------------

record(
    "Bincount",
    sample(arr=i32([1, 1, 5, 0]), size=i32(3), weights=arr([], "float32")),
    sample(arr=i32([[1, 1], [5, 0]]), size=i32(7), weights=f32(2, 2)),
    sample(arr=i32([1, 1]), size=i32(2), weights=i64([2**40, 3])),
    sample(arr=i32([]), size=i32(2), weights=arr([], "float64")),
    bad=[
        bad(arr=i32([-1]), size=i32(3), weights=i32([]), match="non-negative"),
        bad(arr=i32([1]), size=i32(-3), weights=i32([]), match="non-negative"),
    ],
)
record(
    "DenseBincount",
    sample(input=i32([1, 1, 5, 0]), size=i32(3), weights=arr([], "float32")),
    sample(input=i64([[1, 7, 1], [0, 0, 2]]), size=i64(3), weights=f32(2, 3)),
    sample(input=i32([[1, 7, 1]]), size=i32(3), weights=arr([], "int64"), binary_output=True),
    bad=[bad(input=i32([-1]), size=i32(3), weights=i32([]), match="non-negative")],
)
record(
    "RaggedBincount",
    sample(splits=i64([0, 2, 2, 3]), values=i32([1, 1, 4]), size=i32(3), weights=arr([], "int32")),
    sample(splits=i64([0, 1, 3]), values=i64([1, 1, 0]), size=i64(3), weights=f32(3)),
    sample(splits=i64([0, 3]), values=i32([1, 1, 0]), size=i32(3), weights=arr([], "float32"),
           binary_output=True),
)  # fmt: skip
record(
    "SparseBincount",
    sample(indices=i64([[0, 0], [1, 2], [1, 0]]), values=i32([1, 1, 4]), dense_shape=i64([2, 3]),
           size=i32(3), weights=arr([], "int32")),
    sample(indices=i64([[0], [2]]), values=i64([1, 1]), dense_shape=i64([4]), size=i64(3),
           weights=f32(2)),
)  # fmt: skip
record(
    "HistogramFixedWidth",
    sample(values=arr([-1, 0, 1, 1.5, 2, 5, 15], "float32"), value_range=arr([0, 5], "float32"),
           nbins=i32(5)),
    sample(values=i32([1, 2, 3, 4, 5]), value_range=i32([0, 5]), nbins=i32(3), dtype="int64"),
    sample(values=f64(3, 4), value_range=arr([-1, 1], "float64"), nbins=i32(4)),
    bad=[
        bad(values=f32(2), value_range=arr([5, 5], "float32"), nbins=i32(5), match="value_range"),
        bad(values=f32(2), value_range=arr([0, 5], "float32"), nbins=i32(0), match="nbins|positive"),
    ],
)  # fmt: skip
record(
    "Bucketize",
    sample(input=arr([-1, 0, 1, np.nan, 10], "float32"), boundaries=[0.0, 1.0, 10.0]),
    sample(input=i32([[5, 10000], [150, 10]]), boundaries=[0.0, 10.0, 100.0]),
    sample(input=f64(3), boundaries=[0.5]),
    bad=[bad(input=f32(2), boundaries=[0.0, -1.0], match="[Ee]xpected sorted")],
)
