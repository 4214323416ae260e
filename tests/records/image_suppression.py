"""Samples for `image/suppression.py` and `image/distortion.py` of `reflow/ops`."""

import numpy as np

from .base import arr, bad, i32, i64, record, sample

_rng = np.random.default_rng(3)
_corner = _rng.uniform(0, 0.7, (12, 2))
BOXES = np.concatenate([_corner, _corner + _rng.uniform(0.1, 0.4, (12, 2))], 1).astype(np.float32)
BOXES[3] = BOXES[3][[2, 3, 0, 1]]  # the other way round
BOXES[5] = BOXES[4]
BOXES[7, 2] = BOXES[7, 0]  # of no area
SCORES = _rng.permutation(np.linspace(0.05, 0.95, 12)).astype(np.float32)
SCORES[5] = SCORES[4]  # a tie
HALF = {"boxes": BOXES.astype(np.float16), "scores": SCORES.astype(np.float16)}


def f(value):
    return arr(value, "float32")


def given(**more):
    return {"boxes": BOXES, "scores": SCORES, "max_output_size": i32(8), **more}


LIMITS = {"iou_threshold": f(0.3), "score_threshold": f(0.2)}
BAD = [
    (given(boxes=BOXES[:, :3], **LIMITS), "4"),
    (given(scores=SCORES[:5], **LIMITS), "12|5"),
    (given(**{**LIMITS, "iou_threshold": f(1.5)}), r"\[0, 1\]"),
]

record(
    "NonMaxSuppression",
    sample(**given(iou_threshold=0.3)),
    sample(**given(max_output_size=i32(3))),
    sample(**given(max_output_size=i32(0))),
    bad=[bad(**given(boxes=BOXES[:, :3]), match="4")],
)

record(
    "NonMaxSuppressionV2",
    sample(**given(iou_threshold=f(0.3))),
    sample(**given(iou_threshold=f(0.0))),
    sample(**given(iou_threshold=f(1.0), max_output_size=i32(20))),
    bad=[bad(**given(iou_threshold=f(-0.1)), match=r"\[0, 1\]")],
)

record(
    "NonMaxSuppressionV3",
    sample(**given(**LIMITS)),
    sample(**given(iou_threshold=f(0.6), score_threshold=f(-np.inf))),
    sample(**given(iou_threshold=f(0.6), score_threshold=f(2))),
    bad=[bad(**each, match=match) for each, match in BAD],
    grad=False,
    why="TensorFlow defines no gradient",
)

record(
    "NonMaxSuppressionV4",
    sample(**given(**LIMITS)),
    sample(**given(**LIMITS, pad_to_max_output_size=True)),
    bad=[bad(**each, match=match) for each, match in BAD],
    grad=False,
    why="TensorFlow defines no gradient",
)

record(
    "NonMaxSuppressionV5",
    sample(**given(**LIMITS, soft_nms_sigma=f(0))),
    sample(**given(**LIMITS, soft_nms_sigma=f(0.5), pad_to_max_output_size=True)),
    sample(
        **given(
            iou_threshold=f(1),
            score_threshold=f(0.01),
            soft_nms_sigma=f(0.3),
            max_output_size=i32(12),
        )
    ),
    bad=[bad(**given(**LIMITS, soft_nms_sigma=f(-1)), match="sigma")],
    grad=False,
    why="TensorFlow defines no gradient",
)

OVERLAPS = _rng.uniform(0, 1, (12, 12)).astype(np.float32)

record(
    "NonMaxSuppressionWithOverlaps",
    *(
        sample(
            overlaps=OVERLAPS,
            scores=SCORES,
            max_output_size=i32(6),
            overlap_threshold=f(t),
            score_threshold=f(0.1),
        )
        for t in (0.5, 0.9)
    ),
    bad=[
        bad(
            overlaps=OVERLAPS[:5],
            scores=SCORES,
            max_output_size=i32(6),
            overlap_threshold=f(0.5),
            score_threshold=f(0.1),
            match="square|5|12",
        ),
    ],
)

BATCH = np.stack([BOXES * 1.2 - 0.1, BOXES[::-1]])[:, :, None, :].astype(np.float32)
CLASSES = _rng.uniform(0, 1, (2, 12, 3)).astype(np.float32)


def combined(**more):
    return {
        "boxes": BATCH,
        "scores": CLASSES,
        "max_output_size_per_class": i32(4),
        "max_total_size": i32(6),
        "iou_threshold": f(0.3),
        "score_threshold": f(0.4),
        **more,
    }


record(
    "CombinedNonMaxSuppression",
    sample(**combined()),
    sample(**combined(clip_boxes=False, max_total_size=i32(20))),
    sample(**combined(pad_per_class=True, max_total_size=i32(20))),
    sample(**combined(boxes=np.repeat(BATCH, 3, axis=2))),
    bad=[
        bad(**combined(boxes=np.repeat(BATCH, 2, axis=2)), match="1 or num classes"),
        bad(**combined(max_total_size=i32(0)), match="max_total_size"),
    ],
    grad=False,
    why="TensorFlow defines no gradient",
)

OBJECTS = np.array([[[0.1, 0.2, 0.6, 0.9], [0.5, 0.5, 0.8, 0.7]]], np.float32)
NO_OBJECTS = np.zeros((1, 0, 4), np.float32)


def crop(seed, size=(60, 80, 3), **more):
    return {"image_size": i32(list(size)), "bounding_boxes": OBJECTS, "seed": seed, **more}


CROPS = [
    crop(3, seed2=4),
    crop(7, size=(480, 640, 3)),
    crop(11, area_range=[0.5, 0.8], aspect_ratio_range=[0.5, 2.0]),
    crop(13, size=(33, 17, 1), bounding_boxes=NO_OBJECTS, use_image_if_no_bounding_boxes=True),
    crop(17, size=(500, 300, 3), max_attempts=5),
    crop(19, size=(7, 300, 3), area_range=[0.9, 1.0]),
]
OUTSIDE = np.array([[[0.1, 0.2, 0.6, 1.9]]], np.float32)

record(
    "SampleDistortedBoundingBox",
    *(sample(**each, min_object_covered=c) for each, c in zip(CROPS, (0.1, 0.9, 0.5) * 2)),
    bad=[
        bad(**crop(1, bounding_boxes=NO_OBJECTS), match="No bounding boxes"),
        bad(**crop(1, bounding_boxes=OUTSIDE), match="must be in"),
    ],
)

record(
    "SampleDistortedBoundingBoxV2",
    *(sample(**each, min_object_covered=f(c)) for each, c in zip(CROPS, (0.1, 0.9, 0.5) * 2)),
    sample(image_size=i64([200, 300, 3]), bounding_boxes=OBJECTS, seed=5, min_object_covered=f(1)),
    bad=[bad(**crop(1), min_object_covered=f(-0.5), match="min_object_covered")],
)

record(
    "StatelessSampleDistortedBoundingBox",
    *(
        sample(**{**each, "seed": i32([each["seed"], 9])}, min_object_covered=f(c))
        for each, c in zip(
            [{k: v for k, v in c.items() if k != "seed2"} for c in CROPS], (0.1, 0.9, 0.5) * 2
        )
    ),
    bad=[bad(**{**crop(0), "seed": i32([1, 2, 3])}, min_object_covered=f(0.5), match="seed")],
    grad=False,
    why="TensorFlow defines no gradient",
)
