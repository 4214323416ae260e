"""Calls of tf.experimental.numpy. TensorFlow's own fail on integers where its operators do not promote."""

import numpy as np

_rng = np.random.default_rng(4)

ARRAYS = {
    "f": _rng.standard_normal((3, 4)).astype(np.float32),
    "g": _rng.standard_normal((3, 4)).astype(np.float32),
    "d": _rng.standard_normal((4, 2)),
    "i": np.arange(12, dtype=np.int32).reshape(3, 4),
    "c": np.arange(24, dtype=np.int32).reshape(2, 3, 4),
    "b": np.array([True, False, True]),
    "v": np.array([3, -1, 2, 7], np.int64),
    "w": np.array([0.5, 1.5, -2.5, 4.0], np.float32),
    "small": np.array([1, 2], np.int8),
    "z": np.array([1 + 2j, -3j], np.complex64),
    "n": np.array([1.0, np.nan, 3.0], np.float32),
}

_TNP = "tf.experimental.numpy."
_FLOATS = [
    "sqrt",
    "exp",
    "expm1",
    "log1p",
    "floor",
    "ceil",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "arctan",
    "arcsinh",
    "sinc",
    "cbrt",
    "exp2",
    "deg2rad",
    "rad2deg",
    "fix",
    "isnan",
    "isinf",
    "isfinite",
    "signbit",
    "square",
    "negative",
    "sign",
    "abs",
    "absolute",
    "fabs",
    "positive",
    "reciprocal",
    "real",
    "imag",
]
_BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "true_divide",
    "maximum",
    "minimum",
    "mod",
    "remainder",
    "floor_divide",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
]
_FLOAT_PAIRS = ["hypot", "arctan2", "logaddexp", "logaddexp2", "heaviside"]
_REDUCED = ["sum", "prod", "mean", "max", "min", "amax", "amin", "ptp", "var", "std"]
_LINES = [
    *[f"{name}(w)" for name in _FLOATS],
    *[f"{name}(w + 3.0)" for name in ["log", "log2", "log10", "arccosh"]],
    *[f"{name}(w / 5.0)" for name in ["arcsin", "arccos", "arctanh"]],
    *[f"{name}(f, 1.5)" for name in _BINARY],
    *[f"{name}(i, d[:3, :1])" for name in _BINARY],
    *[f"{name}(f, g)" for name in _FLOAT_PAIRS],
    *[f"{name}({x})" for name in _REDUCED for x in ("f", "i")],
    *[f"{name}(f, axis=(0, 1), keepdims=True)" for name in _REDUCED],
    *[
        f"{name}(i, axis=1)"
        for name in [*_REDUCED, "any", "all", "count_nonzero", "argmax", "argmin"]
    ],
    *[
        f"{name}(c)"
        for name in ["argmax", "argmin", "cumsum", "cumprod", "ravel", "flatten", "transpose"]
    ],
    *[f"{name}(n)" for name in ["nansum", "nanprod", "nanmean"]],
]
CALLS = (
    "\n".join(_TNP + line for line in _LINES)
    + "\n"
    + "\n".join(
        _TNP + line
        for line in """
array([1, 2.5])
array([True, 1])
array(f, ndmin=3)
array([1, 2], dtype="float32")
array([w, w])
array([small[0], 2.5])
asarray(1j)
add(small, 300)
add(small, i[0, :2])
add(b, b)
multiply(b, b)
add(b, 1)
add(w, np.float64(1))
divide(small, small)
power(i, 2)
logical_not(i)
nextafter(f, 9.0)
bitwise_and(i, 6)
bitwise_or(v, 5)
bitwise_xor(b, True)
bitwise_not(i)
conj(z)
angle(z, deg=True)
sum(small)
sum(b, axis=0)
sum(f, dtype=np.float64)
mean(i, dtype=np.int32)
average(f, axis=1)
average(f, axis=1, weights=[1.0, 2.0, 3.0, 4.0])
average(f, weights=g, returned=True)
cumsum(f, axis=1)
cumsum(i, axis=0)
arange(3)
arange(1, 4, 0.5)
arange(3.0)
linspace(0, 1, 5)
linspace(0, 1, 5, endpoint=False)
linspace(0.0, 1.0, 3, retstep=True)
logspace(0, 2, 3)
geomspace(1, 8, 4)
ones((2, 3))
zeros(2, dtype=np.int32)
empty((0, 2))
ones_like(i)
zeros_like(f, dtype=np.int64)
full((2, 4), w)
full_like(f, 7)
eye(2, 3, k=1)
identity(3, dtype=np.int32)
tri(3, 4, -1)
tril(c, -1)
triu(f, 1)
diag(v, 1)
diag(f, -1)
diagonal(c, 1)
diagonal(c, 0, 2, 1)
diagflat(i[:2, :2])
vander(w, 3)
vander(v, increasing=True)
meshgrid(f[0], w, indexing="ij")
meshgrid([1, 2], [3])
ix_([0, 2], b)
matmul(f, d)
matmul(w, d)
matmul(f, w)
matmul(w, w)
dot(f, d)
dot(2, f)
dot(c, i[0])
inner(f, g)
vdot(z, z)
outer(w, v)
tensordot(f, g, [[1], [1]])
einsum("ij,kj->ik", f, g)
kron(f, [[1.0, 2.0]])
kron([1, 2], [1, 1, 0])
cross([1.0, 2.0, 3.0], f[:, :3])
trace(c)
polyval([1.0, -2.0, 3.0], f)
reshape(i, (2, 6), order="F")
reshape(i, -1)
flatten(i, "F")
swapaxes(c, 0, -1)
moveaxis(c, [0, 1], [-1, -2])
expand_dims(i, 1)
squeeze(c[:1], axis=0)
atleast_1d(1)
atleast_2d(w)
atleast_3d(w, f)
broadcast_to(w, (3, 4))
broadcast_arrays(w, 1)
concatenate([i, f])
concatenate([f, g], axis=1)
append([1], [2.5])
stack([i, f], axis=-1)
hstack([v, w])
hstack([f, g])
vstack([v, w])
dstack([f, g])
split(i, 2, axis=1)
split(i, [1, 3], axis=1)
hsplit(i, 2)
vsplit(i, 3)
dsplit(c, 2)
tile(w, (2, 2))
tile(i, 2)
repeat(i, 2)
roll(i, 2)
roll(i, (1, 1), axis=(0, 1))
flip(c)
flipud(i)
fliplr(i)
rot90(i)
rot90(c, -1, axes=(1, 2))
rot90(i, 2)
pad(i, ((1, 0), (0, 1)), "constant", constant_values=9)
pad(i, ((1, 0), (0, 1)), "reflect")
where(b, 1, 2.5)
where(f > 0, f, g)
where(f > 0)
nonzero(v - 2)
select([f < 0, f < 1], [f * 10, f * 100], 7)
compress(b, i, axis=0)
compress([True, False, True], w[:3])
take(i, [0, 50])
take(i, [0, -5], axis=0, mode="wrap")
take_along_axis(f, [[0], [-1], [2]], 1)
take_along_axis(c, [[[0, 1, 2, 1]]], 1)
sort(f, axis=0)
sort(w)
sort(f, axis=None)
argsort(w)
argsort(f, axis=0)
argsort([1, 1, 0], kind="stable")
diff(i)
diff(f, 2, axis=0)
clip(f, -0.5, 0.5)
clip(i, None, 4)
clip(i, 2, 7.5)
isclose(f, f + 1e-9)
isclose(n, n, equal_nan=True)
allclose(f, g)
count_nonzero(i)
matmul(2.0, f)
sort(w, kind="mergesort")
pad(i, ((1, 0), (0, 1)), "edge")
clip(f, None, None)
where(b, 1)
""".strip().splitlines()
    )
)


def numbers(tf, np):
    """What is no tensor, and random numbers."""
    tnp = tf.experimental.numpy
    tnp.random.seed(7)
    return [
        tnp.random.rand(2, 2),
        tnp.random.randn(2),
        tnp.random.uniform(1, 3, (2,)),
        tnp.random.randint(0, 10, (4,)),
        tnp.random.randint(5),
        tnp.random.poisson(2.5, (3,)),
        tnp.random.standard_normal((2,)),
        tnp.size([[1, 2]]),
        tnp.ndim([[1, 2]]),
        tnp.isscalar(tf.constant(1)),
        tnp.iscomplexobj([1j]),
        tnp.isrealobj(1.0),
        tnp.result_type(tf.constant([1]), 1.5) == tf.float64,
        tnp.result_type(np.int8, 1) == tf.int8,
        tnp.promote_types(np.int8, np.float16) == np.float16,
        tnp.issubdtype(tnp.int32, tnp.inexact),
        tnp.newaxis is None,
        tnp.diag_indices(3)[1],
        tnp.repeat([[1, 2], [3, 4]], [1, 2], axis=0),
        tnp.cross([1.0, 2.0], [3.0, 4.0]),
        tnp.gcd([12, 18, 7], 18),
        tnp.lcm([4, 6, 9], [6, 9, 3]),
        tnp.isposinf(tf.constant([1.0, np.inf])),
        tnp.isneginf(tf.constant([1.0, -np.inf])),
        tnp.isreal([1j, 1]),
        tnp.iscomplex([1j, 1]),
        tnp.array_equal([1, 2], [1, 2]),
        tnp.array_equal([1, 2], [1.0, 2.5]),
        tnp.array_equal([1], [[1, 2]]),
    ]


PROGRAMS = [numbers]
