"""Records of ops/spatial/fractional.py, ops/random/sobol.py, ops/nn/isotonic.py and Fingerprint."""

import numpy as np

from .base import arr, bad, f32, f64, i32, i64, ints, record, s, sample

SEEDS = {"deterministic": True, "seed": 3, "seed2": 5}
RATIO = {"pooling_ratio": [1.0, 1.5, 1.4, 1.0]}
X = f64(2, 7, 9, 3)
WHOLE = ints(1, 7, 9, 2, lo=-30, hi=30).astype("int32")
REFUSED = [
    bad(value=f32(1, 5, 5, 1), pooling_ratio=[1.0, 0.5, 1.5, 1.0], match="smaller than 1"),
    bad(
        value=f32(1, 5, 5, 1), pooling_ratio=[2.0, 1.5, 1.5, 1.0], match="not yet supported|higher"
    ),
    bad(value=f32(1, 5, 5, 1), pooling_ratio=[1.0, 6.0, 1.5, 1.0], match="higher than input"),
    bad(value=f32(1, 5, 5, 1), pooling_ratio=[1.0, 1.5], match="Length for attr"),
    bad(value=f32(5, 5, 1), **RATIO, match="4-dimensional|rank 4"),
    bad(value=f32(1, 5, 5, 1), **RATIO, seed=1, match="deterministic is false"),
]

for name in ("FractionalMaxPool", "FractionalAvgPool"):
    record(
        name,
        sample(value=X, **RATIO, **SEEDS),
        sample(value=X, **RATIO, **SEEDS, overlapping=True),
        sample(value=X, **RATIO, **SEEDS, pseudo_random=True),
        sample(value=X, **RATIO, **SEEDS, pseudo_random=True, overlapping=True),
        sample(value=f32(1, 40, 33, 1), pooling_ratio=[1.0, 1.7, 3.3, 1.0], **SEEDS),
        sample(value=f32(1, 40, 33, 1), pooling_ratio=[1.0, 1.7, 3.3, 1.0], pseudo_random=True, **SEEDS),
        sample(value=WHOLE, **RATIO, **SEEDS, overlapping=True),
        sample(value=X, pooling_ratio=[1.0, 1.0, 3.0, 1.0], deterministic=True, seed=2, seed2=0),
        bad=REFUSED,
    )  # fmt: skip

BORDERS = {"row_pooling_sequence": i64([0, 2, 5]), "col_pooling_sequence": i64([0, 1, 3, 4])}
ORDER = np.random.default_rng(3).permutation(80).reshape(2, 5, 4, 2).astype(np.float64)
LARGEST = np.stack(
    [np.stack([ORDER[:, a:b, c:d].max((1, 2)) for c, d in ((0, 1), (1, 3), (3, 4))], 1)
     for a, b in ((0, 2), (2, 5))], 1)  # fmt: skip
record(
    "FractionalMaxPoolGrad",
    sample(orig_input=ORDER, orig_output=LARGEST, out_backprop=f64(2, 2, 3, 2), **BORDERS, gradient=False),
    sample(orig_input=ORDER * 0, orig_output=LARGEST * 0, out_backprop=f64(2, 2, 3, 2), **BORDERS, overlapping=True,
           gradient=False),
    bad=[
        bad(orig_input=ORDER, orig_output=LARGEST, out_backprop=f64(2, 2, 2, 2), **BORDERS, match="out_backprop|[Ss]hape"),
    ],
)  # fmt: skip
record(
    "FractionalAvgPoolGrad",
    sample(orig_input_tensor_shape=i64([2, 5, 4, 2]), out_backprop=f64(2, 2, 3, 2), **BORDERS, gradient=False),
    sample(orig_input_tensor_shape=i64([2, 5, 4, 2]), out_backprop=f32(2, 2, 3, 2), **BORDERS, overlapping=True,
           gradient=False),
    bad=[
        bad(orig_input_tensor_shape=i64([2, 5, 4]), out_backprop=f64(2, 2, 3, 2), **BORDERS, match="4 elements|rank"),
    ],
)  # fmt: skip

record(
    "SobolSample",
    sample(dim=i32(3), num_results=i32(10), skip=i32(0)),
    sample(dim=i32(1), num_results=i32(1), skip=i32(7), dtype="float64"),
    sample(dim=i32(50), num_results=i32(20), skip=i32(1000003)),
    bad=[
        bad(dim=i32(0), num_results=i32(10), skip=i32(0), match="dim must be at least one"),
        bad(dim=i32(2), num_results=i32(0), skip=i32(0), match="num_results must be at least one"),
        bad(dim=i32(2), num_results=i32(3), skip=i32(-1), match="skip must be non-negative"),
        bad(dim=i32([2]), num_results=i32(3), skip=i32(1), match="scalar|[Ss]hape"),
        bad(dim=i32(2), num_results=i32(3), skip=i32(2**31 - 2), match="must be less than"),
    ],
)

ROWS = f64(3, 8)
record(
    "IsotonicRegression",
    sample(input=ROWS, output_dtype="float64"),
    sample(input=f32(2, 2, 6)),
    sample(input=np.sort(f32(1, 9))),
    sample(input=arr([3, 1, 2, 2, 5, -1], "int32"), output_dtype="float64", gradient=False),
    sample(input=arr([3, 1, 2, 2, 5, -1], "int8"), gradient=False),
    sample(input=f32(0, 4), gradient=False),
)

record(
    "Fingerprint",
    sample(data=s([b"a", b"", b"a longer text than that"]), method=s(b"farmhash64")),
    sample(data=s([[b"a", b"b"], [b"ab", b""]]), method=s(b"farmhash64")),
    sample(data=f32(3, 5, 7), method=s(b"farmhash64")),
    sample(data=arr([True, False], "bool"), method=s(b"farmhash64")),
    sample(data=f32(2, 0), method=s(b"farmhash64")),
    sample(data=f32(0, 2), method=s(b"farmhash64")),
    bad=[
        bad(data=f32(), method=s(b"farmhash64"), match="at least one dimension|rank at least 1"),
        bad(data=f32(2), method=s(b"md5"), match="[Uu]nsupported"),
        bad(data=f32(2), method=s([b"farmhash64"]), match="scalar|rank 0"),
    ],
)
