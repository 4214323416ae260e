"""Records of ops/nn/sampling.py."""

from .base import bad, i64, record, sample

TRUE = i64([[3], [7], [1]])
TWO = i64([[3, 4], [7, 0], [1, 1]])
ONE = {"true_classes": TRUE, "num_true": 1, "seed": 87654321, "seed2": 5}
BOTH = {"true_classes": TWO, "num_true": 2, "seed": 7, "seed2": 11}
CLOSE = {"tol": {"float32": 1e-4}, "why": "expected counts by logarithms in float32"}


def sampler(name, *more, bad=(), **attrs):
    record(
        name,
        sample(**ONE, num_sampled=8, unique=True, **attrs),
        sample(**ONE, num_sampled=12, unique=False, **attrs),
        sample(**BOTH, num_sampled=5, unique=False, **attrs),
        *more,
        bad=bad,
        **CLOSE,
    )


def refused(**attrs):
    return [
        bad(**ONE, num_sampled=21, unique=True, **attrs, match="too small"),
        bad(true_classes=TWO, num_true=1, seed=1, seed2=1, num_sampled=4, unique=True, **attrs,
            match="num_true"),
        bad(**ONE, num_sampled=2, unique=True, **{**attrs, "range_max": 5},
            match="out of range|weights size"),
        bad(true_classes=i64([1, 2]), num_true=1, seed=1, seed2=1, num_sampled=4, unique=True, **attrs,
            match="matrix|rank"),
    ]  # fmt: skip


TWENTY = {"range_max": 20}
for _name in ("UniformCandidateSampler", "LogUniformCandidateSampler"):
    sampler(
        _name,
        sample(**ONE, num_sampled=19, unique=True, range_max=20),
        sample(**ONE, num_sampled=40, unique=True, range_max=5000),
        bad=refused(**TWENTY),
        **TWENTY,
    )
for _name in ("LearnedUnigramCandidateSampler", "ThreadUnsafeUnigramCandidateSampler"):
    sampler(_name, bad=refused(**TWENTY), **TWENTY)
UNIGRAMS = [float((7 * i) % 13) for i in range(20)]
sampler(
    "FixedUnigramCandidateSampler",
    sample(**ONE, num_sampled=6, unique=True, range_max=22, unigrams=UNIGRAMS, num_reserved_ids=2,
           distortion=0.75),
    sample(**ONE, num_sampled=4, unique=False, range_max=11, unigrams=UNIGRAMS, num_reserved_ids=2,
           num_shards=2, shard=1),
    bad=[
        *refused(**TWENTY, unigrams=UNIGRAMS),
        bad(**ONE, num_sampled=4, unique=True, range_max=19, unigrams=UNIGRAMS, match="weights size"),
        bad(**ONE, num_sampled=4, unique=True, range_max=19, match="exactly one"),
    ],
    unigrams=UNIGRAMS,
    **TWENTY,
)  # fmt: skip
record(
    "AllCandidateSampler",
    sample(**ONE, num_sampled=8, unique=True),
    sample(**BOTH, num_sampled=9, unique=False),
    bad=[bad(**BOTH, num_sampled=7, unique=False, match="out of range")],
)
record(
    "ComputeAccidentalHits",
    sample(true_classes=TWO, sampled_candidates=i64([1, 3, 5, 7, 4]), num_true=2),
    sample(true_classes=TRUE, sampled_candidates=i64([1, 3, 1, 8]), num_true=1),
    sample(true_classes=TRUE, sampled_candidates=i64([9]), num_true=1),
    bad=[bad(true_classes=TWO, sampled_candidates=i64([1]), num_true=1, match="num_true")],
)
