"""Records of ops/spatial/pool.py."""

import numpy as np

from .base import bad, f32, f64, floats, i32, ints, record, sample

TWO = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1]}
THREE = {"ksize": [1, 3, 2, 1], "strides": [1, 2, 1, 1]}
SPARSE = {"ksize": [1, 2, 1, 1], "strides": [1, 3, 2, 1]}
CUBES = {"ksize": [1, 2, 2, 2, 1], "strides": [1, 2, 1, 2, 1]}
EXPLICIT = {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 0, 0, 1, 0, 0]}
DEPTH = {"ksize": [1, 1, 1, 3], "strides": [1, 1, 1, 3], "padding": "VALID"}
TIES = ints(2, 6, 5, 2, lo=0, hi=2).astype("float32")
X = f32(2, 6, 5, 3)


def windows(first=False):
    """Combinations of windows and paddings."""
    for window in (TWO, THREE, SPARSE):
        for padding in ("SAME", "VALID"):
            yield {**window, "padding": padding}


def pooled(x, ksize, strides, padding, **_):
    """The largest elements of windows, for the inputs of gradients; NHWC and NDHWC."""
    inner = x.shape[1:-1]
    pads, outs = [(0, 0)], []
    for n, k, s in zip(inner, ksize[1:-1], strides[1:-1]):
        out = -(-n // s) if padding == "SAME" else (n - k) // s + 1
        total = max((out - 1) * s + k - n, 0) if padding == "SAME" else 0
        pads.append((total // 2, total - total // 2))
        outs.append(out)
    wide = np.pad(x.astype("float64"), [*pads, (0, 0)], constant_values=-np.inf)
    result = np.empty((x.shape[0], *outs, x.shape[-1]))
    for place in np.ndindex(*outs):
        at = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, strides[1:-1], ksize[1:-1]))
        block = wide[(slice(None), *at)].reshape(x.shape[0], -1, x.shape[-1])
        result[(slice(None), *place)] = block.max(1)
    return result.astype(x.dtype)


def grad_sample(x, **attrs):
    y = pooled(x, **attrs)
    return sample(orig_input=x, orig_output=y, grad=floats(*y.shape, dtype=x.dtype.name), **attrs)


def grad_grad_sample(x, **attrs):
    y = pooled(x, **attrs)
    return sample(orig_input=x, orig_output=y, grad=floats(*x.shape, dtype=x.dtype.name), **attrs)


record(
    "MaxPool",
    *[sample(input=f32(2, 6, 5, 3), **attrs) for attrs in windows()],
    sample(input=f64(1, 4, 4, 1), **TWO, padding="SAME"),
    sample(input=TIES, **THREE, padding="SAME", gradient=False),
    sample(input=f32(1, 5, 5, 2), **TWO, **EXPLICIT),
    sample(input=f32(1, 2, 2, 6), **DEPTH),
    sample(input=ints(1, 4, 4, 2), **TWO, padding="VALID"),
    sample(input=ints(1, 4, 4, 2, lo=0, dtype="uint8"), **TWO, padding="SAME"),
    sample(input=floats(1, 4, 4, 2, dtype="float16"), **TWO, padding="SAME"),
    sample(input=floats(1, 4, 4, 2, dtype="bfloat16"), **TWO, padding="SAME"),
    sample(input=f32(0, 4, 4, 2), **TWO, padding="SAME"),
    bad=[
        bad(input=f32(1, 2, 2, 1), **THREE, padding="VALID", match="[Nn]egative"),
        bad(input=f32(4, 4, 1), **TWO, padding="VALID", match="rank|dimension"),
        bad(input=f32(2, 4, 4, 1), ksize=[2, 1, 1, 1], strides=[1, 1, 1, 1], padding="VALID",
            match="batch"),
    ],
)  # fmt: skip
record(
    "MaxPoolV2",
    sample(input=f32(2, 6, 5, 3), ksize=i32([1, 2, 2, 1]), strides=i32([1, 2, 2, 1]), padding="SAME"),
    sample(input=f32(2, 6, 5, 3), ksize=i32([1, 3, 2, 1]), strides=i32([1, 1, 2, 1]), padding="VALID"),
    bad=[
        bad(input=f32(1, 2, 2, 1), ksize=i32([1, 3, 2, 1]), strides=i32([1, 1, 1, 1]),
            padding="VALID", match="[Nn]egative"),
    ],
)  # fmt: skip
record(
    "MaxPoolGrad",
    *[grad_sample(f32(2, 6, 5, 3), **attrs) for attrs in windows()],
    grad_sample(TIES, **THREE, padding="SAME"),
    grad_sample(TIES, **TWO, padding="VALID"),
    grad_sample(f64(1, 4, 4, 2), **TWO, padding="SAME"),
    grad_sample(floats(1, 4, 4, 2, dtype="float16"), **TWO, padding="SAME"),
    grad_sample(floats(1, 4, 4, 2, dtype="bfloat16"), **TWO, padding="SAME"),
    bad=[
        bad(orig_input=f32(1, 4, 4, 1), orig_output=f32(1, 2, 2, 1), grad=f32(1, 2, 3, 1), **TWO,
            padding="SAME", match="shape|must be"),
    ],
    grad=["grad"],
)  # fmt: skip
record(
    "MaxPoolGradV2",
    *[
        sample(
            orig_input=x, orig_output=(y := pooled(x, **attrs, padding=padding)),
            grad=f32(*y.shape), ksize=i32(attrs["ksize"]), strides=i32(attrs["strides"]),
            padding=padding,
        )
        for x, attrs, padding in ((X, TWO, "SAME"), (TIES, THREE, "VALID"))
    ],
    grad=["grad"],
)  # fmt: skip
record(
    "MaxPoolGradGrad",
    *[grad_grad_sample(f32(2, 6, 5, 3), **attrs) for attrs in windows()],
    grad_grad_sample(TIES, **THREE, padding="SAME"),
    grad=["grad"],
)
record(
    "MaxPoolGradGradV2",
    *[
        sample(
            orig_input=x, orig_output=pooled(x, **attrs, padding=padding), grad=f32(*x.shape),
            ksize=i32(attrs["ksize"]), strides=i32(attrs["strides"]), padding=padding,
        )
        for x, attrs, padding in ((X, TWO, "SAME"), (TIES, THREE, "VALID"))
    ],
    grad=["grad"],
)  # fmt: skip
record(
    "MaxPoolWithArgmax",
    *[sample(input=f32(2, 6, 5, 3), **attrs) for attrs in windows()],
    sample(input=TIES, **THREE, padding="SAME", gradient=False),
    sample(input=f32(2, 6, 5, 3), **TWO, padding="SAME", Targmax="int32"),
    sample(input=f32(2, 6, 5, 3), **TWO, padding="SAME", include_batch_in_index=True),
)
ARGMAX = ints(2, 3, 3, 2, lo=0, hi=60, dtype="int64")
ARGMAX_IN_BATCH = np.concatenate([ARGMAX[:1], ARGMAX[1:] + 60])
for _op, _shape in (
    ("MaxPoolGradWithArgmax", (2, 3, 3, 2)),
    ("MaxPoolGradGradWithArgmax", (2, 6, 5, 2)),
):
    record(
        _op,
        sample(input=f32(2, 6, 5, 2), grad=f32(*_shape), argmax=ARGMAX, **TWO, padding="SAME"),
        sample(
            input=f32(2, 6, 5, 2), grad=f32(*_shape), argmax=ARGMAX_IN_BATCH, **TWO, padding="SAME",
            include_batch_in_index=True,
        ),
        oracle=_op == "MaxPoolGradWithArgmax",
        why="" if _op == "MaxPoolGradWithArgmax" else "TensorFlow has no CPU kernel for it",
        grad=["grad"],
    )  # fmt: skip
record(
    "MaxPool3D",
    sample(input=f32(2, 4, 3, 5, 2), **CUBES, padding="SAME"),
    sample(input=f32(2, 4, 3, 5, 2), **CUBES, padding="VALID"),
    sample(input=floats(1, 3, 3, 3, 1, dtype="bfloat16"), **CUBES, padding="VALID"),
    bad=[bad(input=f32(2, 4, 3, 5), **CUBES, padding="SAME", match="rank|dimension")],
)
record(
    "MaxPool3DGrad",
    grad_sample(f32(2, 4, 3, 5, 2), **CUBES, padding="SAME"),
    grad_sample(f32(2, 4, 3, 5, 2), **CUBES, padding="VALID"),
    grad=["grad"],
)
record(
    "MaxPool3DGradGrad",
    grad_grad_sample(f32(2, 4, 3, 5, 2), **CUBES, padding="SAME"),
    grad_grad_sample(f32(2, 4, 3, 5, 2), **CUBES, padding="VALID"),
    grad=False,
    why="MaxPool3DGrad, of which its gradient is made, takes no float64",
)
record(
    "AvgPool",
    *[sample(value=f32(2, 6, 5, 3), **attrs) for attrs in windows()],
    sample(value=f64(1, 4, 4, 1), **THREE, padding="SAME"),
    sample(value=floats(1, 4, 4, 2, dtype="float16"), **THREE, padding="SAME"),
    sample(value=floats(1, 4, 4, 2, dtype="bfloat16"), **TWO, padding="SAME"),
    sample(value=f32(0, 4, 4, 2), **TWO, padding="SAME"),
    bad=[bad(value=f32(1, 2, 2, 1), **THREE, padding="VALID", match="[Nn]egative")],
)
record(
    "AvgPoolGrad",
    sample(orig_input_shape=i32([2, 6, 5, 3]), grad=f32(2, 3, 3, 3), **TWO, padding="SAME"),
    sample(orig_input_shape=i32([2, 6, 5, 3]), grad=f32(2, 3, 5, 3), **THREE, padding="SAME"),
    sample(orig_input_shape=i32([2, 6, 5, 3]), grad=f32(2, 2, 4, 3), **THREE, padding="VALID"),
    sample(orig_input_shape=i32([2, 6, 5, 3]), grad=f32(2, 2, 3, 3), **SPARSE, padding="VALID"),
    sample(orig_input_shape=i32([1, 6, 5, 3]), grad=floats(1, 3, 3, 3, dtype="float16"), **TWO, padding="SAME"),
)  # fmt: skip
record(
    "AvgPool3D",
    sample(input=f32(2, 4, 3, 5, 2), **CUBES, padding="SAME"),
    sample(input=f32(2, 4, 3, 5, 2), **CUBES, padding="VALID"),
)
record(
    "AvgPool3DGrad",
    sample(orig_input_shape=i32([2, 4, 3, 5, 2]), grad=f32(2, 2, 3, 3, 2), **CUBES, padding="SAME"),
    sample(
        orig_input_shape=i32([2, 4, 3, 5, 2]), grad=f32(2, 2, 2, 2, 2), **CUBES, padding="VALID"
    ),
)
