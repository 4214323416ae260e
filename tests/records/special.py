"""Records of ops/math/special.py."""

import numpy as np

from .base import arr, f32, f64, floats, record, sample

INF, NAN = np.inf, np.nan


def unary(op, *more, lo=-2.0, hi=2.0, halves=("float16",), **options):
    samples = [
        sample(x=f32(2, 3, lo=lo, hi=hi)),
        sample(x=f64(4, lo=lo, hi=hi)),
        sample(x=f32(lo=lo, hi=hi)),
        sample(x=f32(0, 2)),
    ]
    samples += [sample(x=floats(4, dtype=d, lo=lo, hi=hi)) for d in halves]
    return record(op, *samples, *more, **options)


def edge(**values):
    return sample(gradient=False, **values)


unary("Erf", edge(x=arr([INF, -INF, NAN, 0], "float32")), halves=("float16", "bfloat16"))
unary("Erfc", edge(x=arr([INF, -INF, NAN, 0, 5], "float32")))
unary("Erfinv", edge(x=arr([1, -1, 2, 0], "float32")), lo=-0.9, hi=0.9, halves=())
unary("Ndtri", edge(x=arr([1, 0, 2, 0.5], "float32")), lo=0.1, hi=0.9, halves=())
unary("Lgamma", edge(x=arr([0, -1, INF, 1, -0.5], "float32")), lo=0.3, hi=6)
unary("Digamma", edge(x=arr([0, -1, INF, -INF, -0.5], "float32")), lo=0.3, hi=6)
record(
    "Zeta",
    sample(x=f32(3, lo=1.5, hi=4), q=f32(2, 1, lo=0.5, hi=3)),
    sample(x=f64(lo=1.5, hi=4), q=f64(3, lo=0.5, hi=3)),
    edge(x=arr([1, 0.5, 2], "float32"), q=arr([1, 1, 0], "float32")),
    grad=["q"],
)
record(
    "Polygamma",
    sample(a=arr([0, 1, 2], "float32"), x=f32(2, 1, lo=0.5, hi=3)),
    sample(a=arr(1, "float64"), x=f64(3, lo=0.5, hi=3)),
    edge(a=arr([1.5, -1], "float32"), x=arr([1, 1], "float32")),
    grad=["x"],
)
for name in ("Igamma", "Igammac"):
    record(
        name,
        sample(a=f32(3, lo=0.5, hi=4), x=f32(2, 1, lo=0.3, hi=5)),
        sample(a=f64(4, lo=0.5, hi=4), x=f64(4, lo=0.3, hi=5)),
        edge(a=arr([0, 1, -1, 1, 1], "float32"), x=arr([1, 0, 1, -1, INF], "float32")),
    )
record(
    "IgammaGradA",
    sample(a=f32(3, lo=0.5, hi=4), x=f32(2, 1, lo=0.3, hi=5)),
    sample(a=f64(4, lo=0.5, hi=4), x=f64(4, lo=0.3, hi=5)),
    grad=False,
    why="TensorFlow has no gradient for it",
)
record(
    "Betainc",
    sample(a=f32(3, lo=0.5, hi=4), b=f32(3, lo=0.5, hi=4), x=f32(3, lo=0.1, hi=0.9)),
    sample(a=f64(lo=0.5, hi=4), b=f64(lo=0.5, hi=4), x=f64(2, 2, lo=0.1, hi=0.9)),
    edge(a=arr([1, 0, -1, 2], "float32"), b=arr([1, 1, 1, 2], "float32"),
         x=arr([0.5, 0.5, 0.5, 2], "float32")),
    grad=["x"],
)  # fmt: skip
for order in ("0", "1"):
    unary(f"BesselI{order}", edge(x=arr([0, 20, -20], "float32")), lo=-3, hi=3)
    unary(f"BesselI{order}e", edge(x=arr([0, 20, -20], "float32")), lo=-3, hi=3)
    unary(f"BesselK{order}", edge(x=arr([0, -1, 20], "float32")), lo=0.3, hi=4)
    unary(f"BesselK{order}e", edge(x=arr([0, -1, 20], "float32")), lo=0.3, hi=4)
    unary(f"BesselJ{order}", edge(x=arr([0, 20], "float32")), lo=0.3, hi=4)
    unary(f"BesselY{order}", edge(x=arr([-1, 20], "float32")), lo=0.3, hi=4)
unary("Dawsn", edge(x=arr([0, 20, INF], "float32")), halves=())
unary("Expint", edge(x=arr([0, -1, 20], "float32")), lo=0.3, hi=4, halves=())
unary("FresnelCos", edge(x=arr([0, 20, INF], "float32")), halves=())
unary("FresnelSin", edge(x=arr([0, 20, INF], "float32")), halves=())
unary("Spence", edge(x=arr([0, 1, -1, 30], "float32")), lo=0.2, hi=4, halves=())
