"""Records of the element-wise families: ops/math, cast.py, compare.py, clip.py."""

import numpy as np

from .base import arr, bad, bools, c64, f32, f64, floats, i32, i64, ints, record, s, sample

HALVES = ("bfloat16", "float16")


def unary(op, *more, lo=-2.0, hi=2.0, complex_too=True, halves=True, conj=True, **options):
    """A record for a function of one floating-point operand, on the range where it is smooth.

    `conj=False`: TensorFlow's gradient of complex numbers is not one.
    """
    samples = [
        sample(x=f32(2, 3, lo=lo, hi=hi)),
        sample(x=f64(lo=lo, hi=hi)),
        sample(x=f32(0, 2)),
    ]
    if halves:
        samples += [sample(x=floats(5, dtype=name, lo=lo, hi=hi)) for name in HALVES]
    if complex_too:
        samples.append(sample(x=c64(4, lo=lo, hi=hi), gradient=conj))
        x = floats(2, dtype="complex128", lo=lo, hi=hi)
        samples.append(sample(x=x, gradient=conj))
    return record(op, *samples, *more, **options)


def binary(op, *more, lo=-2.0, hi=2.0, complex_too=True, halves=True, conj=True, **options):
    """A record for a function of two floating-point operands that broadcast.

    `conj=False`: TensorFlow's gradient of complex numbers lacks the conjugation.
    """
    samples = [
        sample(x=f32(2, 3, lo=lo, hi=hi), y=f32(2, 3, lo=lo, hi=hi)),
        sample(x=f64(2, 1, 3, lo=lo, hi=hi), y=f64(4, 1, lo=lo, hi=hi)),
        sample(x=f32(lo=lo, hi=hi), y=f32(3, lo=lo, hi=hi)),
        sample(x=f32(0, 3), y=f32(1, 3)),
    ]
    if halves:
        samples += [
            sample(x=floats(4, dtype=n, lo=lo, hi=hi), y=floats(4, dtype=n, lo=lo, hi=hi))
            for n in HALVES
        ]
    if complex_too:
        x, y = c64(2, 2, lo=lo, hi=hi), c64(2, lo=lo, hi=hi)
        samples.append(sample(x=x, y=y, gradient=conj))
    return record(op, *samples, *more, **options)


def apart(op):
    """A bad sample: shapes that do not broadcast."""
    return bad(x=f32(2, 3), y=f32(2), match="Dimensions must be equal|[Ii]ncompatible shapes")


def edge(**values):
    """A sample at infinities, kinks and the like, where only values are compared."""
    return sample(gradient=False, **values)


NAN, INF = np.nan, np.inf
EDGES = arr([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN], "float32")
WRAP = arr([127, -128, 100, -1], "int8")

# Arithmetic ---------------------------------------------------------------------------------------

whole = (
    sample(x=ints(2, 3), y=ints(3)),
    sample(x=WRAP, y=arr([1, -1, 100, 1], "int8")),
    sample(x=ints(3, dtype="int64"), y=i64(7)),
    sample(x=arr([0, 255], "uint8"), y=arr([1, 255], "uint8")),
)
wide = (
    *whole,
    sample(x=arr([0, 65535], "uint16"), y=arr([1, 2], "uint16")),
    sample(x=arr([0, 2**32 - 1], "uint32"), y=arr([1, 2], "uint32")),
    sample(x=np.array([5, 2**63], np.uint64), y=np.array([1, 2], np.uint64)),
)
binary("AddV2", *wide, bad=[apart("AddV2")])
binary("Add", *whole, sample(x=s([b"a", b"b"]), y=s(b"c")),
       sample(x=s(b"a"), y=s(b"b")), bad=[apart("Add")])  # fmt: skip
binary("Sub", *wide, bad=[apart("Sub")])
binary("Mul", *wide, bad=[apart("Mul")])
binary("MulNoNan", edge(x=EDGES, y=arr([0.0], "float32")), edge(x=f32(2), y=EDGES[:2]),
       conj=False)  # fmt: skip
binary(
    "SquaredDifference",
    sample(x=ints(2, 3), y=ints(3)),
    sample(x=i64([1, 2]), y=i64(5)),
    conj=False,
)
binary("Maximum", *wide, edge(x=EDGES, y=arr([0.5], "float32")), complex_too=False)
binary("Minimum", *wide, edge(x=EDGES, y=arr([0.5], "float32")), complex_too=False)

unary(
    "Neg",
    *(sample(x=arr([0, 5, -128], d)) for d in ("int8", "int16", "int32", "int64")),
)
unary("Square", sample(x=ints(4)), sample(x=arr([16, 255], "uint8")))
unary("Abs", sample(x=arr([-128, 5, 0], "int8")), sample(x=ints(3)), complex_too=False)
unary("Sign", sample(x=ints(5)), edge(x=arr([0.0, -0.0, NAN, INF], "float32")), conj=False)
record("AddN", sample(inputs=[f32(2, 3)]), sample(inputs=[f32(2, 3), f32(2, 3), f32(2, 3)]),
       sample(inputs=[ints(3), ints(3)]), sample(inputs=[c64(2), c64(2)]),
       sample(inputs=[f64(0, 2), f64(0, 2)]),
       sample(inputs=[floats(3, dtype="bfloat16"), floats(3, dtype="bfloat16")]),
       bad=[bad(inputs=[f32(2), f32(3)], match="same size and shape|must be equal|compatible")])  # fmt: skip
record("AccumulateNV2", sample(inputs=[f32(2, 3), f32(2, 3)], shape=[2, 3]),
       sample(inputs=[f32(2)], shape=[2]),
       oracle=False, why="TensorFlow has no kernel: it rewrites the op")  # fmt: skip

# Division -----------------------------------------------------------------------------------------

NO_ZERO = {"lo": 0.25, "hi": 3.0}
quotients = (
    sample(x=i32([7, -7, 7, -7, 6]), y=i32([2, 2, -2, -2, 3])),
    sample(x=i64([7, -7]), y=i64([[2], [-2]])),
    sample(x=arr([250, 7], "uint8"), y=arr([7, 2], "uint8")),
    sample(x=arr([-128, 5], "int8"), y=arr([3, -2], "int8")),
)
by_zero = bad(x=i32([1, 2]), y=i32([1, 0]), match="Integer division by zero",
              error="InvalidArgumentError")  # fmt: skip
infinities = edge(x=arr([1, -1, 0, 5], "float32"), y=arr([0, 0, 0, INF], "float32"))

binary("Div", *quotients, infinities, bad=[by_zero], **NO_ZERO)
binary("RealDiv", infinities, **NO_ZERO)
record("TruncateDiv", *quotients, bad=[by_zero])
binary(
    "FloorDiv",
    *quotients,
    sample(x=arr([1, -1, 7.5, -7.5], "float32"), y=arr([0.1, 0.1, 2, 2], "float32")),
    bad=[by_zero],
    complex_too=False,
    **NO_ZERO,
)
binary("DivNoNan", infinities, edge(x=EDGES, y=arr(0.0, "float32")), **NO_ZERO)
remainders = edge(
    x=arr([7.5, -7.5, 7.5, -7.5, 5], "float32"), y=arr([2, 2, -2, -2, INF], "float32")
)
record(
    "Mod",
    *quotients[:2],
    remainders,
    sample(x=f64(2, 3, lo=1, hi=9), y=f64(3, lo=0.5, hi=2)),
    grad=False,
    why="TensorFlow has no gradient for the old name",
)
record(
    "FloorMod",
    *quotients,
    remainders,
    sample(x=f64(2, 3, lo=1, hi=9), y=f64(3, lo=0.5, hi=2)),
    sample(x=arr([7.5], "bfloat16"), y=arr([2], "bfloat16")),
    bad=[by_zero],
)
record(
    "TruncateMod",
    *quotients[:2],
    remainders,
    sample(x=f64(2, 3, lo=1, hi=9), y=f64(3, lo=0.5, hi=2)),
    bad=[by_zero],
)
binary("Xdivy", edge(x=f32(3, lo=1), y=arr([0, 1, 2], "float32")),
       edge(x=arr([0, 0, 1], "float32"), y=arr([0, NAN, 2], "float32")), conj=False, **NO_ZERO)  # fmt: skip
binary(
    "Xlogy", edge(x=arr([0, 0, 1], "float32"), y=arr([0, NAN, 2], "float32")), conj=False, **NO_ZERO
)
binary(
    "Xlog1py",
    edge(x=arr([0, 0, 1], "float32"), y=arr([-1, NAN, 2], "float32")),
    conj=False,
    **NO_ZERO,
)
for name in ("Reciprocal", "Inv"):
    unary(name, edge(x=arr([0.0, INF, 4], "float32")), **NO_ZERO)

# Gradients with ops of their own ------------------------------------------------------------------

for name in ("SqrtGrad", "RsqrtGrad", "ReciprocalGrad", "InvGrad", "SigmoidGrad", "TanhGrad"):
    record(
        name,
        sample(y=f32(2, 3, lo=0.3), dy=f32(2, 3)),
        sample(y=f64(lo=0.3), dy=f64()),
        sample(y=floats(4, dtype="float16", lo=0.3), dy=floats(4, dtype="float16")),
        sample(y=floats(4, dtype="bfloat16", lo=0.3), dy=floats(4, dtype="bfloat16")),
        sample(y=c64(3, lo=0.3), dy=c64(3)),
        sample(y=f32(0), dy=f32(0)),
    )

# Powers and exponentials --------------------------------------------------------------------------

binary(
    "Pow",
    sample(x=ints(2, 3), y=ints(3, lo=0, hi=4)),
    sample(x=i64([2, -3]), y=i64(3)),
    sample(x=arr([2, 3], "int8"), y=arr([3, 2], "int8")),
    edge(x=arr([0, 0, -2, INF], "float32"), y=arr([0, 2, 3, -1], "float32")),
    bad=[bad(x=i32([2]), y=i32([-1]), match="negative integer powers")],
    **NO_ZERO,
)
unary("Sqrt", edge(x=arr([0, -1, INF], "float32")), **NO_ZERO)
unary("Rsqrt", edge(x=arr([0, -1, INF], "float32")), **NO_ZERO)
unary("Exp", edge(x=EDGES))
unary("Expm1", edge(x=arr([1e-8, INF, -INF], "float32")))
unary("Log", edge(x=arr([0, -1, INF], "float32")), **NO_ZERO)
unary("Log1p", edge(x=arr([1e-8, -1, INF], "float32")), **NO_ZERO)
unary("Sigmoid", sample(x=arr([-200, 200, -20, 0], "float32")))

# Trigonometry -------------------------------------------------------------------------------------

for name in ("Sin", "Cos", "Atan", "Sinh", "Cosh", "Tanh", "Asinh"):
    unary(name)
unary("Tan", lo=-1.2, hi=1.2)
unary("Asin", lo=-0.8, hi=0.8)
unary("Acos", lo=-0.8, hi=0.8)
unary("Acosh", lo=1.2, hi=3.0)
unary("Atanh", lo=-0.8, hi=0.8)
record(
    "Atan2",
    sample(y=f32(2, 3), x=f32(3)),
    sample(y=f64(), x=f64()),
    sample(y=floats(3, dtype="float16"), x=floats(3, dtype="float16")),
    sample(y=arr([0, 1, -1], "bfloat16"), x=arr([-1, 0, 0], "bfloat16")),
)

# Rounding -----------------------------------------------------------------------------------------

HALFWAY = arr([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, -2.6], "float32")
for name in ("Floor", "Ceil", "Rint", "Round"):
    unary(name, sample(x=HALFWAY), edge(x=EDGES), complex_too=False, halves=name != "Rint")
record(
    "NextAfter",
    sample(x1=arr([1, 0, -1], "float32"), x2=arr(2, "float32")),
    sample(x1=f64(3), x2=f64(2, 1)),
)

# Complex numbers ----------------------------------------------------------------------------------

record(
    "Complex",
    sample(real=f32(2, 3), imag=f32(3)),
    sample(real=f64(), imag=f64(), Tout="complex128"),
)
for name in ("Real", "Imag"):
    record(name, sample(input=c64(2, 3)),
           sample(input=floats(2, dtype="complex128"), Tout="float64"))  # fmt: skip
record("Angle", sample(input=c64(2, 3, lo=0.5)),
       sample(input=floats(2, dtype="complex128", lo=0.5), Tout="float64"))  # fmt: skip
record("ComplexAbs", sample(x=c64(2, 3, lo=0.5)),
       sample(x=floats(2, dtype="complex128", lo=0.5), Tout="float64"))  # fmt: skip
record("Conj", sample(input=c64(2, 3)), sample(input=floats(2, dtype="complex128")))

# Casts --------------------------------------------------------------------------------------------

VALUES = {
    "float32": arr([0, 1.7, -1.7, 100.2, -0.0], "float32"),
    "float64": arr([0, 1.7, 1e-3, 2.5], "float64"),
    "float16": arr([0, 1.7, 60000], "float16"),
    "bfloat16": arr([0, 1.7, -300], "bfloat16"),
    "int32": i32([0, 300, -1, 2**31 - 1]),
    "int64": i64([0, 300, -1, 2**40 + 5]),
    "int8": arr([0, -1, 127], "int8"),
    "uint8": arr([0, 200, 255], "uint8"),
    "uint16": arr([0, 65535], "uint16"),
    "uint32": arr([0, 2**32 - 1], "uint32"),
    "uint64": np.array([0, 2**64 - 1], np.uint64),
    "bool": bools(4),
    "complex64": arr([1 + 2j, 0, 2j], "complex64"),
}
FITTING = {"int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"}
FITTING |= {"complex64", "complex128", "bool"}
casts = []
for source, values in VALUES.items():
    for target in sorted((FITTING | set(VALUES)) - {source}):
        x = values
        if source in ("float32", "float64", "float16", "bfloat16", "complex64"):
            if target.startswith("uint"):
                x = np.abs(x.real).astype(x.dtype)
            if target in ("int8", "uint8", "int16", "uint16"):
                x = x[: 2 if source in ("float16", "bfloat16") else 5]
        if source in ("uint64", "int64", "uint32") and target in ("float16",):
            x = x[:1]
        # Too coarse for finite differences:
        coarse = target in HALVES and source not in HALVES
        coarse = coarse or (source == "float64" and target in ("float32", "complex64"))
        casts.append(sample(x=x, DstT=target, gradient=not coarse))
record(
    "Cast",
    *casts,
    sample(x=f32(2, 3), DstT="float64"),
    sample(x=f32(0, 3), DstT="int32"),
    edge(x=f32(3), DstT="bfloat16", Truncate=True),
    edge(x=f32(3), DstT="float16", Truncate=True),
    edge(x=f64(3), DstT="float16", Truncate=True),
    bad=[bad(x=s([b"1"]), DstT="float32", match="Cast string to float.* is not supported")],
)

# Comparisons, logic, choices ----------------------------------------------------------------------

for name in ("Less", "LessEqual", "Greater", "GreaterEqual"):
    record(
        name,
        sample(x=ints(3, 4), y=ints(4)),
        edge(x=EDGES, y=arr(0, "float32")),
        sample(x=floats(3, dtype="bfloat16"), y=floats(3, dtype="bfloat16")),
        sample(x=floats(3, dtype="float16"), y=floats(1, dtype="float16")),
        sample(x=np.array([0, 2**63], np.uint64), y=np.array([2**63], np.uint64)),
        sample(x=f64(0), y=f64(1)),
        bad=[apart(name)],
    )
for name in ("Equal", "NotEqual"):
    record(
        name,
        sample(x=ints(3, 4), y=ints(4)),
        edge(x=EDGES, y=EDGES),
        sample(x=s([b"a", b"b"]), y=s(b"a")),
        sample(x=s(b"a"), y=s(b"a")),
        sample(x=bools(4), y=bools(4)),
        sample(x=arr([1j, 1], "complex64"), y=arr(1j, "complex64")),
        sample(x=floats(3, dtype="bfloat16"), y=floats(1, dtype="bfloat16")),
        sample(x=f32(2), y=f32(3), incompatible_shape_error=False),
        sample(x=f32(2, 1), y=f32(3), incompatible_shape_error=False),
        bad=[apart(name)],
    )
record(
    "ApproximateEqual",
    sample(x=arr([1, NAN, INF, 1], "float32"), y=arr([1.000001, NAN, INF, 1.1], "float32")),
    sample(x=f64(3), y=f64(3), tolerance=1.0),
)
for name in ("LogicalAnd", "LogicalOr"):
    record(name, sample(x=bools(2, 4), y=bools(4)), sample(x=bools(), y=bools(0)))
record("LogicalNot", sample(x=bools(2, 3)), sample(x=bools()))
for name in ("IsNan", "IsInf", "IsFinite"):
    record(name, edge(x=EDGES), *(sample(x=EDGES.astype(arr(0, d).dtype)) for d in HALVES),
           sample(x=f64()))  # fmt: skip
record(
    "Select",
    sample(condition=bools(2, 3), t=f32(2, 3), e=f32(2, 3)),
    sample(condition=arr([True, False], "bool"), t=f32(2, 3), e=f32(2, 3)),
    sample(condition=arr(True, "bool"), t=f32(2), e=f32(2)),
    sample(condition=arr(False, "bool"), t=s(b"a"), e=s(b"b")),
    sample(condition=bools(3), t=c64(3), e=c64(3)),
    bad=[
        bad(condition=bools(2), t=f32(2, 3), e=f32(3), match="must be equal|same size|compatible"),
        bad(condition=bools(3), t=f32(2, 3), e=f32(2, 3), match="same size|must be equal|size"),
    ],
)
record(
    "SelectV2",
    sample(condition=bools(2, 1), t=f32(3), e=f32()),
    sample(condition=bools(2, 3), t=ints(2, 3), e=ints(3)),
    sample(condition=bools(2), t=s([b"a", b"b"]), e=s(b"c")),
    sample(condition=bools(0), t=f32(1), e=f32(1)),
)

# Clipping -----------------------------------------------------------------------------------------

record(
    "ClipByValue",
    sample(t=f32(2, 5), clip_value_min=arr(-0.5, "float32"), clip_value_max=arr(0.75, "float32")),
    sample(t=f64(4), clip_value_min=f64(4, lo=-1, hi=0), clip_value_max=f64(4, lo=0.1, hi=1)),
    sample(t=ints(6), clip_value_min=i32(-2), clip_value_max=i32(3)),
    sample(t=floats(4, dtype="bfloat16"), clip_value_min=arr(-1, "bfloat16"),
           clip_value_max=arr(1, "bfloat16")),
    bad=[bad(t=f32(2, 2), clip_value_min=f32(2), clip_value_max=f32(2), match="scalar|same shape")],
)  # fmt: skip
