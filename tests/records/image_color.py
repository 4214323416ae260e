"""Samples for `reflow/ops/image/color.py`."""

import numpy as np

from .base import arr, bad, f32, f64, floats, record, sample

COLORS = f32(2, 3, 4, 3, lo=0.05, hi=1)
GREY = np.full((1, 2, 3), 0.5, np.float32)
BLACK = np.array([[[0, 0, 0], [0, 0.5, 1], [1, 1, 0]]], np.float32)
FACTOR = arr(1.5, "float32")

record(
    "RGBToHSV",
    sample(images=COLORS),
    sample(images=f64(5, 3, lo=0.05, hi=1)),
    sample(images=floats(4, 3, dtype="float16", lo=0.05, hi=1), gradient=False),
    sample(images=floats(4, 3, dtype="bfloat16", lo=0.05, hi=1), gradient=False),
    sample(images=GREY, gradient=False),
    sample(images=BLACK, gradient=False),
    bad=[bad(images=f32(2, 4), match="3")],
)

record(
    "HSVToRGB",
    sample(images=f32(2, 3, 4, 3, lo=0, hi=1)),
    sample(images=f64(5, 3, lo=0, hi=1)),
    sample(images=floats(4, 3, dtype="float16", lo=0, hi=1)),
    sample(images=BLACK),
    bad=[bad(images=f32(2, 4), match="3")],
)

record(
    "AdjustContrastv2",
    sample(images=f32(2, 3, 4, 3), contrast_factor=FACTOR),
    sample(images=f32(3, 4, 2), contrast_factor=arr(-0.25, "float32")),
    bad=[
        bad(images=f32(3, 4), contrast_factor=FACTOR, match="3"),
        bad(images=f32(3, 4, 3), contrast_factor=f32(1), match="rank|scalar"),
    ],
)

record(
    "AdjustHue",
    sample(images=COLORS, delta=arr(0.3, "float32")),
    sample(images=BLACK, delta=arr(-0.8, "float32")),
    sample(images=f32(3, 2, 3), delta=arr(0.5, "float32")),
    bad=[
        bad(images=f32(3, 4), delta=FACTOR, match="3"),
        bad(images=f32(3, 4, 4), delta=FACTOR, match="3 channels"),
    ],
    grad=False,
    why="TensorFlow defines no gradient",
)

record(
    "AdjustSaturation",
    sample(images=COLORS, scale=arr(0.3, "float32")),
    sample(images=COLORS, scale=arr(3, "float32")),
    sample(images=BLACK, scale=arr(1.5, "float32")),
    bad=[bad(images=f32(3, 4, 4), scale=FACTOR, match="3 channels")],
    grad=False,
    why="TensorFlow defines no gradient",
)
