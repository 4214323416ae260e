"""Samples for `reflow/ops/image/resize.py`."""

import numpy as np

from .base import arr, bad, f32, f64, floats, i32, ints, record, sample

IMAGE = f32(2, 4, 5, 3)
BYTES = ints(1, 5, 4, 2, lo=0, hi=255, dtype="uint8")
LARGE = i32([7, 9])
SMALL = i32([2, 3])
MODES = ({}, {"align_corners": True}, {"half_pixel_centers": True})
BAD = [
    bad(images=IMAGE, size=i32([0, 3]), match="must be positive"),
    bad(images=f32(4, 5, 3), size=LARGE, match="rank|4-dimensional"),
    bad(images=IMAGE, size=i32([3, 3, 3]), match="rank|two elements|2"),
]
BOTH = bad(
    images=IMAGE,
    size=LARGE,
    align_corners=True,
    half_pixel_centers=True,
    match="align_corners must be False",
)

record(
    "ResizeBilinear",
    *(sample(images=IMAGE, size=size, **m) for m in MODES for size in (LARGE, SMALL)),
    sample(images=BYTES, size=i32([3, 8]), half_pixel_centers=True),
    sample(images=f64(1, 3, 3, 1), size=i32([1, 1]), align_corners=True, gradient=False),
    sample(images=floats(1, 3, 3, 1, dtype="bfloat16"), size=i32([5, 2]), gradient=False),
    sample(images=floats(1, 3, 3, 1, dtype="float16"), size=i32([5, 2]), gradient=False),
    sample(images=f32(0, 3, 3, 1), size=SMALL, gradient=False),
    sample(images=f32(1, 20, 2, 1), size=i32([3, 2]), half_pixel_centers=True),
    bad=[*BAD, BOTH],
)

record(
    "ResizeBilinearGrad",
    *(sample(grads=f32(2, 7, 9, 3), original_image=IMAGE, **m) for m in MODES),
    sample(grads=f32(2, 2, 3, 3), original_image=IMAGE, half_pixel_centers=True),
    sample(grads=f32(1, 2, 3, 1), original_image=f64(1, 4, 3, 1), gradient=False),
    bad=[bad(grads=f32(2, 3), original_image=IMAGE, match="rank|4-dimensional")],
)

record(
    "ResizeNearestNeighbor",
    *(sample(images=IMAGE, size=size, **m) for m in MODES for size in (LARGE, SMALL)),
    sample(images=BYTES, size=i32([3, 8]), half_pixel_centers=True),
    sample(images=ints(1, 3, 2, 1, dtype="int64"), size=i32([5, 2])),
    sample(images=f32(1, 3, 2, 1), size=i32([1, 1]), align_corners=True),
    bad=BAD,
)

record(
    "ResizeNearestNeighborGrad",
    *(sample(grads=f32(2, 7, 9, 3), size=i32([4, 5]), **m) for m in MODES),
    sample(grads=ints(1, 4, 4, 1), size=i32([2, 3])),
    sample(grads=floats(1, 4, 4, 1, dtype="float16"), size=i32([2, 3]), gradient=False),
    bad=[bad(grads=IMAGE, size=i32([0, 3]), match="must be positive")],
)

record(
    "ResizeBicubic",
    *(sample(images=IMAGE, size=size, **m) for m in MODES for size in (LARGE, SMALL)),
    sample(images=BYTES, size=i32([3, 8]), half_pixel_centers=True),
    sample(images=floats(1, 3, 3, 1, dtype="float16"), size=i32([5, 2]), gradient=False),
    bad=[*BAD, BOTH],
)

record(
    "ResizeBicubicGrad",
    *(sample(grads=f32(2, 7, 9, 3), original_image=IMAGE, **m) for m in MODES),
    sample(grads=f32(1, 2, 3, 1), original_image=f64(1, 4, 3, 1), gradient=False),
)

record(
    "ResizeArea",
    *(sample(images=IMAGE, size=size) for size in (LARGE, SMALL, i32([4, 5]), i32([1, 1]))),
    sample(images=IMAGE, size=i32([3, 3]), align_corners=True),
    sample(images=BYTES, size=i32([3, 8])),
    sample(images=floats(1, 3, 3, 1, dtype="bfloat16"), size=i32([5, 2])),
    bad=BAD,
    grad=False,
    why="TensorFlow defines no gradient",
)


def moved(kernel, *, size=LARGE, scale=(1.75, 1.8), by=(0, 0), images=IMAGE, **more):
    return sample(
        images=images,
        size=size,
        scale=arr(scale, "float32"),
        translation=arr(by, "float32"),
        kernel_type=kernel,
        **more,
    )


KERNELS = ("lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic")

record(
    "ScaleAndTranslate",
    *(moved(kernel) for kernel in (*KERNELS, "mitchellcubic")),
    *(moved(k, size=SMALL, scale=(0.5, 0.6)) for k in ("triangle", "lanczos3", "keyscubic")),
    moved("triangle", size=SMALL, scale=(0.5, 0.6), antialias=False),
    moved("mitchellcubic", by=(-1.5, 2.25)),
    moved("lanczos3", images=BYTES),
    moved("triangle", by=(50, 0), gradient=False),
    bad=[
        bad(
            images=IMAGE,
            size=LARGE,
            scale=np.zeros(2, np.float32),
            translation=np.zeros(2, np.float32),
            match="greater than zero",
        ),
        bad(
            images=IMAGE,
            size=LARGE,
            scale=np.ones(2, np.float32),
            translation=np.zeros(2, np.float32),
            kernel_type="cone",
            match="cone",
        ),
    ],
    grad=["images"],
)

record(
    "ScaleAndTranslateGrad",
    sample(
        grads=f32(2, 7, 9, 3),
        original_image=IMAGE,
        scale=arr([1.75, 1.8], "float32"),
        translation=arr([0.5, -1], "float32"),
    ),
    sample(
        grads=f32(2, 2, 3, 3),
        original_image=IMAGE,
        scale=arr([0.5, 0.6], "float32"),
        translation=arr([0, 0], "float32"),
        kernel_type="triangle",
    ),
    grad=["grads"],
)
