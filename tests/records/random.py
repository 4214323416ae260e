"""Random ops: the same numbers as TensorFlow for the same seeds; `test_philox.py` tests the kernels."""

import numpy as np

from .base import arr, bad, dtypes_differ, f32, f64, i32, i64, record, sample

SEEDS = {"seed": 87654321, "seed2": 7}
FLOATS = ("float32", "float64", "float16", "bfloat16")
SEED = i32([3, 4])

for name in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
    record(
        name,
        *[sample(shape=i32([3, 5]), dtype=dtype, **SEEDS) for dtype in FLOATS],
        sample(shape=i64([]), dtype="float32", **SEEDS),
        sample(shape=i64([0, 2]), dtype="float32", **SEEDS),
        bad=[bad(shape=i32([-1]), dtype="float32", match=">= 0|non-negative|must be", **SEEDS)],
    )
record(
    "RandomUniformInt",
    sample(shape=i32([7]), minval=arr(-3, "int32"), maxval=arr(9, "int32"), **SEEDS),
    sample(shape=i32([2, 3]), minval=arr(0, "int64"), maxval=arr(2**40, "int64"), **SEEDS),
    sample(shape=i32([]), minval=arr(0, "int32"), maxval=arr(9, "int32"), seed=5, seed2=6),
    bad=[bad(shape=i32([2]), minval=arr(5, "int32"), maxval=arr(5, "int32"), match="minval < maxval",
             **SEEDS)],
)  # fmt: skip
record("RandomShuffle", sample(value=f32(9, 2), **SEEDS), sample(value=i32(range(5)), **SEEDS))
record(
    "Multinomial",
    sample(logits=f32(3, 5), num_samples=arr(6, "int32"), **SEEDS),
    sample(logits=f64(2, 4), num_samples=arr(3, "int32"), output_dtype="int32", **SEEDS),
    bad=[bad(logits=f32(3), num_samples=arr(6, "int32"), match="rank|matrix|2-D", **SEEDS)],
)
record(
    "RandomGamma",
    sample(shape=i32([4]), alpha=f32(3, lo=0.3, hi=4.0), **SEEDS),
    sample(shape=i32([2]), alpha=f64(2, 2, lo=0.3, hi=4.0), **SEEDS),
    grad=False,
    why="the samples jump with alpha where a proposal is rejected; RandomGammaGrad is compared",
)
record("RandomGammaGrad", sample(alpha=f64(5, lo=0.5, hi=3.0), sample=f64(5, lo=0.2, hi=3.0)),
       sample(alpha=f32(5, lo=0.5, hi=3.0), sample=f32(2, 5, lo=0.2, hi=3.0)), grad=False,
       why="TensorFlow has no second derivative of it")  # fmt: skip
record(
    "RandomPoissonV2",
    sample(shape=i32([5]), rate=f32(3, lo=0.5, hi=20.0), dtype="float32", **SEEDS),
    sample(shape=i32([2]), rate=f64(2, lo=0.5, hi=20.0), dtype="int64", **SEEDS),
)
record(
    "ParameterizedTruncatedNormal",
    sample(shape=i32([6]), means=arr(0.5, "float32"), stdevs=arr(1.0, "float32"),
           minvals=arr(-1.0, "float32"), maxvals=arr(2.0, "float32"), **SEEDS),
    oracle=False,
    why="TensorFlow's numbers depend on its number of threads; test_philox.py compares with one",
)  # fmt: skip

# Stateless ----------------------------------------------------------------------------------------

KEY = {"key": np.array([0x1234567890], np.uint64), "counter": np.array([5, 6], np.uint64)}
ALG = {"alg": arr(1, "int32")}
for name in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"):
    record(
        name,
        *[sample(shape=i32([3, 5]), seed=SEED, dtype=dtype) for dtype in FLOATS],
        sample(shape=i32([2]), seed=i64([-3, 2**40])),
    )
    record(
        name + "V2",
        *[sample(shape=i32([3, 5]), dtype=dtype, **KEY, **ALG) for dtype in FLOATS],
        bad=[bad(shape=i32([2]), alg=arr(9, "int32"), match="lgorithm", **KEY)],
    )
record(
    "StatelessRandomUniformFullInt",
    *[sample(shape=i32([5]), seed=SEED, dtype=d) for d in ("int32", "int64", "uint32", "uint64")],
)
record(
    "StatelessRandomUniformFullIntV2",
    *[
        sample(shape=i32([5]), dtype=d, **KEY, **ALG)
        for d in ("int32", "int64", "uint32", "uint64")
    ],
)
record("StatelessRandomUniformInt",
       sample(shape=i32([5]), seed=SEED, minval=arr(2, "int32"), maxval=arr(50, "int32")),
       sample(shape=i32([]), seed=SEED, minval=arr(2, "int32"), maxval=arr(50, "int32")),
       sample(shape=i32([5]), seed=SEED, minval=arr(-2, "int64"), maxval=arr(2**35, "int64")))  # fmt: skip
record("StatelessRandomUniformIntV2",
       sample(shape=i32([5]), minval=arr(2, "int32"), maxval=arr(50, "int32"), **KEY, **ALG),
       sample(shape=i32([]), minval=arr(2, "int64"), maxval=arr(50, "int64"), **KEY, **ALG),
       sample(shape=i32([5]), minval=arr(2, "int64"), maxval=arr(2**35, "int64"), **KEY, **ALG))  # fmt: skip
record("StatelessRandomGetKeyCounter", sample(seed=SEED), sample(seed=i64([1, -1])))
record("StatelessRandomGetKeyCounterAlg", sample(seed=SEED))
record("StatelessRandomGetAlg", sample())
record("StatelessMultinomial", sample(logits=f32(2, 4), num_samples=arr(5, "int32"), seed=SEED))
record("StatelessRandomGammaV2", sample(shape=i32([4, 3]), seed=SEED, alpha=f32(3, lo=0.3, hi=4.0)),
       grad=False, why="the samples jump with alpha where a proposal is rejected")  # fmt: skip
record("StatelessRandomGammaV3",
       sample(shape=i32([4, 3]), alpha=f32(3, lo=0.3, hi=4.0), **KEY, **ALG),
       grad=False, why="the samples jump with alpha where a proposal is rejected")  # fmt: skip
record("StatelessRandomPoisson",
       sample(shape=i32([4, 3]), seed=SEED, lam=f32(3, lo=0.3, hi=14.0), dtype="int32"),
       bad=[bad(shape=i32([4, 2]), seed=SEED, lam=f32(3), dtype="int32", match="end with")])  # fmt: skip
record("StatelessRandomBinomial",
       sample(shape=i32([4, 3]), seed=SEED, counts=f32(3, lo=3, hi=14), probs=f32(3, lo=0.1, hi=0.9),
              dtype="int32"))  # fmt: skip
record("StatelessParameterizedTruncatedNormal",
       sample(shape=i32([8]), seed=SEED, means=arr(0.5, "float32"), stddevs=arr(1.0, "float32"),
              minvals=arr(-1.0, "float32"), maxvals=arr(2.0, "float32")),
       grad=False, why="its reparametrised gradient is not written")  # fmt: skip
record("StatelessShuffle", sample(value=f32(9, 2), **KEY, **ALG))
dtypes_differ("ParameterizedTruncatedNormal", "dtype", fewer="bfloat16",
              why="its kernel is not written for it")  # fmt: skip
