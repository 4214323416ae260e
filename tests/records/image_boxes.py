"""Samples for `image/boxes.py` and `image/projective.py` of `reflow/ops`."""

import numpy as np

from .base import arr, bad, f32, f64, floats, i32, ints, record, sample

IMAGE = f32(2, 5, 6, 3)
BOXES = np.array(
    [[0.1, 0.2, 0.8, 0.9], [0.75, 0.4, 0.15, 0.35], [-0.3, 0.1, 0.6, 1.2], [0.3, 0.3, 0.3, 0.3]],
    np.float32,
)
# Whose crops lie between the elements of IMAGE, away from the kinks.
SMOOTH = np.array([[0.1, 0.1, 0.85, 0.7], [0.85, 0.3, 0.35, 0.9]], np.float32)
OF = i32([0, 1, 1, 0])
BYTES = ints(1, 4, 5, 2, lo=0, hi=255, dtype="uint8")

record(
    "CropAndResize",
    sample(image=IMAGE, boxes=SMOOTH, box_ind=OF[:2], crop_size=i32([3, 4])),
    sample(image=IMAGE, boxes=BOXES, box_ind=OF, crop_size=i32([3, 4]), gradient=False),
    sample(image=IMAGE, boxes=BOXES, box_ind=OF, crop_size=i32([1, 2]), gradient=False),
    sample(
        image=IMAGE,
        boxes=BOXES,
        box_ind=OF,
        crop_size=i32([3, 1]),
        extrapolation_value=-1.5,
        gradient=False,
    ),
    sample(
        image=IMAGE,
        boxes=BOXES,
        box_ind=OF,
        crop_size=i32([3, 4]),
        method="nearest",
        gradient=False,
    ),
    sample(image=BYTES, boxes=BOXES[:1], box_ind=OF[:1], crop_size=i32([3, 4]), gradient=False),
    sample(
        image=f64(1, 4, 4, 1),
        boxes=BOXES[:1],
        box_ind=OF[:1],
        crop_size=i32([2, 2]),
        gradient=False,
    ),
    sample(image=IMAGE, boxes=BOXES[:0], box_ind=OF[:0], crop_size=i32([3, 4]), gradient=False),
    bad=[
        bad(
            image=IMAGE,
            boxes=BOXES,
            box_ind=i32([0, 2, 0, 0]),
            crop_size=i32([3, 4]),
            match="outside",
        ),
        bad(image=IMAGE, boxes=BOXES, box_ind=OF, crop_size=i32([0, 4]), match="positive"),
        bad(image=IMAGE, boxes=BOXES[:, :3], box_ind=OF, crop_size=i32([3, 4]), match="4|four"),
    ],
)

record(
    "CropAndResizeGradImage",
    *(
        sample(
            grads=f32(4, *crop, 3),
            boxes=BOXES,
            box_ind=OF,
            image_size=i32([2, 5, 6, 3]),
            T="float32",
            method=method,
        )
        for method in ("bilinear", "nearest")
        for crop in ((3, 4), (1, 1))
    ),
    sample(
        grads=f32(1, 2, 2, 1),
        boxes=BOXES[:1],
        box_ind=OF[:1],
        image_size=i32([1, 4, 4, 1]),
        T="float64",
    ),
    bad=[
        bad(
            grads=f32(4, 3, 4, 3),
            boxes=BOXES,
            box_ind=i32([0, 0, 0, -1]),
            image_size=i32([2, 5, 6, 3]),
            T="float32",
            match="outside",
        ),
    ],
    grad=False,
    why="TensorFlow defines no second derivative",
)

record(
    "CropAndResizeGradBoxes",
    *(
        sample(grads=f32(4, *crop, 3), image=IMAGE, boxes=BOXES, box_ind=OF)
        for crop in ((3, 4), (1, 2), (4, 1))
    ),
    sample(grads=f32(1, 3, 2, 2), image=BYTES, boxes=BOXES[:1], box_ind=OF[:1]),
    grad=False,
    why="TensorFlow defines no second derivative",
)

DRAWN = np.array(
    [
        [[0.1, 0.2, 0.8, 0.9], [0.5, 0.5, 1.2, 0.7], [-0.5, -0.2, 0.3, 1.5]],
        [[0.8, 0.2, 0.1, 0.9], [1.5, 0.5, 1.7, 0.7], [0, 0, 1, 1]],
    ],
    np.float32,
)

record(
    "DrawBoundingBoxes",
    sample(images=f32(2, 9, 8, 3), boxes=DRAWN),
    sample(images=f32(2, 9, 8, 4), boxes=DRAWN),
    sample(images=f32(2, 9, 8, 1), boxes=DRAWN),
    sample(images=floats(2, 5, 4, 3, dtype="float16"), boxes=DRAWN),
    sample(images=f32(1, 5, 4, 3), boxes=np.tile(DRAWN[:1], (1, 4, 1))),
    bad=[bad(images=f32(2, 9, 8, 2), boxes=DRAWN, match="channel depth")],
)

record(
    "DrawBoundingBoxesV2",
    sample(images=f32(2, 9, 8, 3), boxes=DRAWN, colors=f32(2, 3)),
    sample(images=f32(2, 9, 8, 3), boxes=DRAWN, colors=f32(2, 4)),
    sample(images=f32(2, 9, 8, 3), boxes=DRAWN, colors=np.zeros((0, 3), np.float32)),
    bad=[bad(images=f32(2, 9, 8, 3), boxes=DRAWN, colors=f32(2, 2), match="colors")],
    grad=False,
    why="TensorFlow defines no gradient",
)

CUT = [
    {
        "input": f32(2, 4, 5, 2),
        "size": i32([3, 2]),
        "offsets": arr(offsets, "float32"),
        "centered": centered,
        "normalized": normalized,
        "uniform_noise": False,
        "noise": "zero",
    }
    for centered in (True, False)
    for normalized in (True, False)
    for offsets in ([[0, 0], [0.5, -0.5]], [[1, 2], [-1, -1]], [[0.3, 0.2], [7, -9]])
]

for _op in ("ExtractGlimpse", "ExtractGlimpseV2"):
    record(
        _op,
        *(sample(**each) for each in CUT),
        bad=[
            bad(**{**CUT[0], "noise": "loud"}, match="noise could only be"),
            bad(**{**CUT[0], "uniform_noise": True}, match="at the same time"),
            bad(**{**CUT[0], "offsets": f32(3, 2)}, match="batch"),
            bad(**{**CUT[0], "size": i32([3])}, match="rank|size|vector"),
        ],
        grad=False,
        why="TensorFlow defines no gradient",
    )

TURNED = np.array([[0.8, -0.55, 2.1, 0.6, 0.9, -1.3, 0, 0]], np.float32)
SEEN = np.array([[1.1, 0.1, -0.7, 0.05, 0.9, 0.4, 0.01, -0.02]] * 2, np.float32)
MOVED = np.array([[1, 0, 2, 0, 1, -1, 0, 0]], np.float32)
MODES = ("CONSTANT", "NEAREST", "REFLECT", "WRAP")
HALF = np.array([[0.5, 0, 0.25, 0, 0.5, 0.25, 0, 0]], np.float32)
FAR = np.array([[1, 0, -17.3, 0, 1, 23.6, 0, 0]], np.float32)


def seen(transforms, **more):
    more.setdefault("images", IMAGE)
    more.setdefault("output_shape", i32([4, 7]))
    more.setdefault("interpolation", "BILINEAR")
    return {"transforms": transforms, **more}


SAMPLES = [
    *(
        seen(t, interpolation=i, fill_mode=mode)
        for mode in MODES
        for i, t in (("BILINEAR", TURNED), ("NEAREST", SEEN), ("BILINEAR", FAR))
    ),
    seen(SEEN[:1], images=BYTES),
    seen(TURNED, images=ints(1, 4, 5, 2, dtype="int32"), interpolation="NEAREST"),
    seen(TURNED, images=floats(1, 4, 5, 2, dtype="bfloat16")),
    seen(HALF, images=f64(1, 4, 5, 2)),
    seen(TURNED, images=f32(2, 1, 1, 1), fill_mode="REFLECT"),
]
BAD = [
    (seen(TURNED[0], images=IMAGE), "rank|transform"),
    (seen(np.concatenate([TURNED] * 3)), "num_images"),
    (seen(TURNED, output_shape=i32([0, 4])), "positive"),
    (seen(TURNED, fill_mode="OTHER"), "OTHER"),
    (seen(TURNED, interpolation="OTHER"), "OTHER"),
]
ZERO = arr(0, "float32")

record(
    "ImageProjectiveTransformV2",
    *(sample(**each, gradient=False) for each in SAMPLES),
    sample(**seen(MOVED, output_shape=i32([5, 6]))),
    bad=[bad(**each, match=match) for each, match in BAD],
    grad=["images"],
    tol={"float64": 1e-6},
    why="places and weights are float32, which XLA rounds less often",
)

record(
    "ImageProjectiveTransformV3",
    *(sample(**each, fill_value=arr(2, "float32"), gradient=False) for each in SAMPLES),
    sample(**seen(MOVED, output_shape=i32([5, 6])), fill_value=ZERO),
    bad=[bad(**each, fill_value=ZERO, match=match) for each, match in BAD],
    grad=["images"],
    tol={"float64": 1e-6},
    why="places and weights are float32, which XLA rounds less often",
)
