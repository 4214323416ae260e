"""Non-maximum suppression: of boxes that overlap, the ones with the highest scores.

The ops run on the host; `tf.image.non_max_suppression_padded`, whose result has a fixed size, is made of
other ops and is compiled. A box is [y1, x1, y2, x2], any two opposite corners.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import float32, int32
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops import array, cast, compare, filling, indexing, joining, math, reduce, sequences
from reflow.ops.control_flow.while_loop import while_loop
from reflow.ops.define import no_gradient, op
from reflow.ops.masking import where
from reflow.ops.shape_rules import constant_value
from reflow.ops.sorting import argsort

_INFINITY = float("inf")
_T = "T: {half,float} = float"
_THRESHOLD = "T_threshold: {half,float} = float"


# The choice ---------------------------------------------------------------------------------------


def _overlap_of_boxes(boxes: Any) -> Callable[[int, Any], Any]:
    """A function that gives the intersection over union of box `i` with boxes `js`."""
    boxes = np.asarray(boxes, np.float32)
    low = np.minimum(boxes[:, :2], boxes[:, 2:])
    high = np.maximum(boxes[:, :2], boxes[:, 2:])
    area = np.prod(high - low, axis=1, dtype=np.float32)

    def overlap(i: int, js: Any) -> Any:
        sides = np.minimum(high[i], high[js]) - np.maximum(low[i], low[js])
        common = np.prod(np.maximum(sides, np.float32(0)), axis=1, dtype=np.float32)
        union = area[i] + area[js] - common
        real = (area[i] > 0) & (area[js] > 0)
        return np.where(real, common / np.where(real, union, np.float32(1)), np.float32(0))

    return overlap


def _selected(
    overlap: Callable[[int, Any], Any],
    scores: Any,
    limit: int,
    threshold: float,
    least: float,
    sigma: float = 0.0,
) -> tuple[list[int], list[float]]:
    """The indices and scores of the boxes to keep, best first; equal scores in the order of the boxes.

    Args:
      overlap: see `_overlap_of_boxes`.
      scores: of the boxes.
      limit: how many to keep.
      threshold: the overlap above which the box with the lower score goes.
      least: the score that a box must exceed.
      sigma: with a positive one overlaps lower scores gradually instead, whatever the threshold ("soft"
        suppression: Bodla et al., https://arxiv.org/abs/1704.04503).
    """
    scores = np.asarray(scores, np.float32)
    kept: list[int] = []
    values: list[float] = []
    if sigma <= 0:
        order = np.argsort(-scores, kind="stable")
        for i in order[scores[order] > np.float32(least)].tolist():
            if len(kept) >= limit:
                break
            if not kept or not (overlap(i, kept) > np.float32(threshold)).any():
                kept.append(i)
                values.append(float(scores[i]))
        return kept, values
    scale = np.float32(-0.5 / sigma)
    queue = [(-float(s), i, 0) for i, s in enumerate(scores) if s > np.float32(least)]
    heapq.heapify(queue)
    while queue and len(kept) < limit:
        negative, i, begin = heapq.heappop(queue)
        score = np.float32(-negative)
        before = score
        if begin < len(kept):
            # Boxes that overlap tend to have like scores: the latest are looked at first.
            for similarity in overlap(i, kept[begin:])[::-1]:
                score *= np.exp(scale * similarity * similarity)
                if score <= np.float32(least):
                    break
        if score == before:
            kept.append(i)
            values.append(float(score))
        elif score > np.float32(least):
            heapq.heappush(queue, (-float(score), i, len(kept)))
    return kept, values


# The ops ------------------------------------------------------------------------------------------


def _number(value: Any, name: str) -> Any:
    if np.ndim(value):
        raise invalid(f"{name} must be 0-D, got shape {list(np.shape(value))}")
    return np.asarray(value).item()


def _check(boxes: Any, scores: Any, limit: Any, threshold: Any) -> tuple[int, float]:
    if len(boxes.shape) != 2 or boxes.shape[1] != 4:
        raise invalid(f"boxes must be a matrix of 4 columns, got shape {list(boxes.shape)}")
    if tuple(scores.shape) != (boxes.shape[0],):
        raise invalid(
            f"scores has incompatible shape: {list(scores.shape)} for {boxes.shape[0]} boxes"
        )
    return _limits(limit, threshold)


def _limits(limit: Any, threshold: Any) -> tuple[int, float]:
    count, most = _number(limit, "max_output_size"), _number(threshold, "iou_threshold")
    if count < 0:
        raise invalid(f"max_output_size must be non-negative, got {count}")
    if not 0 <= most <= 1:
        raise invalid(f"iou_threshold must be in [0, 1], got {most}")
    return count, most


def _check_shapes(boxes: Any, scores: Any, *scalars: Any) -> None:
    sizes = boxes.shape.with_rank(2)
    sizes[:1].assert_is_compatible_with(scores.shape.with_rank(1))
    sizes[1:].assert_is_compatible_with([4])
    for each in scalars:
        each.shape.with_rank(0)


def _some(boxes: Any, scores: Any, *scalars: Any) -> tuple:
    _check_shapes(boxes, scores, *scalars)
    return (None,)


_HOST: dict[str, Any] = {"compile": False}
_BOXES = "boxes: T, scores: T, max_output_size: int32"


@op(
    "NonMaxSuppression(boxes: float, scores: float, max_output_size: int32, *,"
    " iou_threshold: float = 0.5) -> selected_indices: int32",
    shape=_some,
    grad=None,
    **_HOST,
)
def non_max_suppression_v1_op(xp, boxes, scores, max_output_size, *, iou_threshold):
    """The indices of boxes of which none overlaps another much, best first."""
    limit, threshold = _check(boxes, scores, max_output_size, np.float32(iou_threshold))
    kept, _ = _selected(_overlap_of_boxes(boxes), scores, limit, threshold, -_INFINITY)
    return np.array(kept, np.int32)


@op(
    f"NonMaxSuppressionV2({_BOXES}, iou_threshold: T_threshold, *, {_T}, {_THRESHOLD})"
    " -> selected_indices: int32",
    shape=_some,
    grad=None,
    **_HOST,
)
def non_max_suppression_v2_op(xp, boxes, scores, max_output_size, iou_threshold):
    """The indices of boxes of which none overlaps another much, best first."""
    limit, threshold = _check(boxes, scores, max_output_size, iou_threshold)
    kept, _ = _selected(_overlap_of_boxes(boxes), scores, limit, threshold, -_INFINITY)
    return np.array(kept, np.int32)


@op(
    f"NonMaxSuppressionV3({_BOXES}, iou_threshold: T_threshold, score_threshold: T_threshold, *,"
    f" {_T}, {_THRESHOLD}) -> selected_indices: int32",
    shape=_some,
    grad=no_gradient,
    **_HOST,
)
def non_max_suppression_v3_op(xp, boxes, scores, max_output_size, iou_threshold, score_threshold):
    """The indices of boxes above a score of which none overlaps another much, best first."""
    limit, threshold = _check(boxes, scores, max_output_size, iou_threshold)
    least = _number(score_threshold, "score_threshold")
    kept, _ = _selected(_overlap_of_boxes(boxes), scores, limit, threshold, least)
    return np.array(kept, np.int32)


def _padded_count(max_output_size: Any, pad: bool) -> int | None:
    size = constant_value(max_output_size) if pad else None
    return None if size is None else int(size)


def _filled(values: list[Any], size: int, dtype: Any) -> np.ndarray:
    """The values, followed by zeros."""
    result = np.zeros(size, dtype)
    result[: len(values)] = values
    return result


@op(
    f"NonMaxSuppressionV4({_BOXES}, iou_threshold: T_threshold, score_threshold: T_threshold, *,"
    f" {_T}, {_THRESHOLD}, pad_to_max_output_size: bool = False)"
    " -> selected_indices: int32, valid_outputs: int32",
    grad=no_gradient,
    **_HOST,
)
def non_max_suppression_v4_op(
    xp,
    boxes,
    scores,
    max_output_size,
    iou_threshold,
    score_threshold,
    *,
    pad_to_max_output_size,
):
    """As NonMaxSuppressionV3, if wanted filled with zeros to the full size; and how many there are."""
    limit, threshold = _check(boxes, scores, max_output_size, iou_threshold)
    least = _number(score_threshold, "score_threshold")
    kept, _ = _selected(_overlap_of_boxes(boxes), scores, limit, threshold, least)
    size = limit if pad_to_max_output_size else len(kept)
    return _filled(kept, size, np.int32), np.int32(len(kept))


@non_max_suppression_v4_op.shape_rule
def _non_max_suppression_v4_shape(
    boxes, scores, max_output_size, *thresholds, pad_to_max_output_size
):
    _check_shapes(boxes, scores, max_output_size, *thresholds)
    return [(_padded_count(max_output_size, pad_to_max_output_size),), ()]


@op(
    f"NonMaxSuppressionV5({_BOXES}, iou_threshold: T, score_threshold: T, soft_nms_sigma: T, *,"
    f" {_T}, pad_to_max_output_size: bool = False)"
    " -> selected_indices: int32, selected_scores: T, valid_outputs: int32",
    grad=no_gradient,
    **_HOST,
)
def non_max_suppression_v5_op(
    xp,
    boxes,
    scores,
    max_output_size,
    iou_threshold,
    score_threshold,
    soft_nms_sigma,
    *,
    pad_to_max_output_size,
):
    """As NonMaxSuppressionV4, with the scores, which overlaps may lower instead."""
    limit, threshold = _check(boxes, scores, max_output_size, iou_threshold)
    least = _number(score_threshold, "score_threshold")
    sigma = _number(soft_nms_sigma, "soft_nms_sigma")
    if sigma < 0:
        raise invalid(f"soft_nms_sigma_val must be >= 0, got {sigma}")
    kept, values = _selected(_overlap_of_boxes(boxes), scores, limit, threshold, least, sigma)
    size = limit if pad_to_max_output_size else len(kept)
    return _filled(kept, size, np.int32), _filled(values, size, scores.dtype), np.int32(len(kept))


@non_max_suppression_v5_op.shape_rule
def _non_max_suppression_v5_shape(
    boxes, scores, max_output_size, *thresholds, pad_to_max_output_size
):
    _check_shapes(boxes, scores, max_output_size, *thresholds)
    size = (_padded_count(max_output_size, pad_to_max_output_size),)
    return [size, size, ()]


@op(
    "NonMaxSuppressionWithOverlaps(overlaps: float, scores: float, max_output_size: int32,"
    " overlap_threshold: float, score_threshold: float) -> selected_indices: int32",
    grad=None,
    **_HOST,
)
def non_max_suppression_with_overlaps_op(
    xp, overlaps, scores, max_output_size, overlap_threshold, score_threshold
):
    """As NonMaxSuppressionV3, for any measure of overlap, given as a matrix."""
    count = scores.shape[0] if len(scores.shape) == 1 else -1
    if tuple(overlaps.shape) != (count, count):
        raise invalid(
            f"overlaps must be square, with a row per score: got {list(overlaps.shape)} for "
            f"{list(scores.shape)} scores"
        )
    limit = _number(max_output_size, "max_output_size")
    threshold = _number(overlap_threshold, "overlap_threshold")
    least = _number(score_threshold, "score_threshold")
    matrix = np.asarray(overlaps)
    kept, _ = _selected(lambda i, js: matrix[i, js], scores, limit, threshold, least)
    return np.array(kept, np.int32)


@non_max_suppression_with_overlaps_op.shape_rule
def _with_overlaps_shape(overlaps, scores, *scalars):
    sizes = overlaps.shape.with_rank(2)
    sizes[:1].merge_with(sizes[1:]).assert_is_compatible_with(scores.shape.with_rank(1))
    for each in scalars:
        each.shape.with_rank(0)
    return (None,)


@op(
    "CombinedNonMaxSuppression(boxes: float, scores: float, max_output_size_per_class: int32,"
    " max_total_size: int32, iou_threshold: float, score_threshold: float, *,"
    " pad_per_class: bool = False, clip_boxes: bool = True)"
    " -> nmsed_boxes: float, nmsed_scores: float, nmsed_classes: float, valid_detections: int32",
    grad=no_gradient,
    **_HOST,
)
def combined_non_max_suppression_op(
    xp,
    boxes,
    scores,
    max_output_size_per_class,
    max_total_size,
    iou_threshold,
    score_threshold,
    *,
    pad_per_class,
    clip_boxes,
):
    """Suppression per class, and the best boxes over all classes, for each image of a batch."""
    if len(boxes.shape) != 4 or boxes.shape[3] != 4 or len(scores.shape) != 3:
        raise invalid(
            "boxes must be [batch, boxes, 1 or classes, 4] and scores [batch, boxes, classes], got "
            f"{list(boxes.shape)} and {list(scores.shape)}"
        )
    classes = scores.shape[2]
    if boxes.shape[:2] != scores.shape[:2] or boxes.shape[2] not in (1, classes):
        raise invalid(
            "third dimension of boxes must be either 1 or num classes, and the first two those of "
            f"scores: {list(boxes.shape)}, {list(scores.shape)}"
        )
    per_class, threshold = _limits(max_output_size_per_class, iou_threshold)
    total = _number(max_total_size, "max_total_size")
    least = _number(score_threshold, "score_threshold")
    if per_class <= 0 or total <= 0:
        raise invalid(
            "max_total_size and max_output_size_per_class must be positive, got "
            f"{total} and {per_class}"
        )
    size = min(total, per_class * classes) if pad_per_class else total
    batch = boxes.shape[0]
    out_boxes = np.zeros((batch, size, 4), np.float32)
    out_scores, out_classes = (np.zeros((batch, size), np.float32) for _ in range(2))
    counts = np.zeros(batch, np.int32)
    for b in range(batch):
        found = []
        for c in range(classes):
            of_class = boxes[b, :, c if boxes.shape[2] > 1 else 0]
            kept, values = _selected(
                _overlap_of_boxes(of_class), scores[b, :, c], per_class, threshold, least
            )
            found += [(-value, c, of_class[i]) for i, value in zip(kept, values)]
        found.sort(key=lambda row: row[0])
        for k, (negative, c, box) in enumerate(found[:size]):
            out_boxes[b, k] = np.clip(box, 0, 1) if clip_boxes else box
            out_scores[b, k], out_classes[b, k] = -negative, c
        counts[b] = min(len(found), size)
    return out_boxes, out_scores, out_classes, counts


@combined_non_max_suppression_op.shape_rule
def _combined_shape(
    boxes, scores, max_output_size_per_class, max_total_size, *thresholds, pad_per_class
):
    batch = boxes.shape.with_rank(4).as_list()[0]
    classes = scores.shape.with_rank(3).as_list()[2]
    total, per_class = constant_value(max_total_size), constant_value(max_output_size_per_class)
    size = None if total is None else int(total)
    if pad_per_class and size is not None:
        known = classes is not None and per_class is not None
        size = min(size, int(per_class) * classes) if known else None
    return [(batch, size, 4), (batch, size), (batch, size), (batch,)]


# Public functions -----------------------------------------------------------------------------------


@export("image.non_max_suppression")
def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = -_INFINITY,
    name: str | None = None,
) -> Any:
    """The indices of boxes of which none overlaps another much, best first.

    Args:
      boxes: float32 [boxes, 4], each two opposite corners, [y1, x1, y2, x2].
      scores: float32 [boxes].
      max_output_size: an int32 scalar: how many boxes to select at most.
      iou_threshold: the intersection over union above which the box with the lower score goes.
      score_threshold: the score that a box must exceed.

    Returns:
      int32 [selected].

    Raises:
      InvalidArgumentError: if the shapes do not fit, or the threshold is not within [0, 1].

    >>> import reflow as tf
    >>> boxes = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.1], [0.0, 2.0, 1.0, 3.0]]
    >>> print(tf.image.non_max_suppression(boxes, [0.9, 0.8, 0.7], 3).numpy())
    [0 2]
    """
    with name_scope(name, "non_max_suppression"):
        iou_threshold = convert_to_tensor(iou_threshold, name="iou_threshold")
        score_threshold = convert_to_tensor(score_threshold, name="score_threshold")
        return non_max_suppression_v3_op(
            boxes, scores, max_output_size, iou_threshold, score_threshold
        )


@export("image.non_max_suppression_with_scores")
def non_max_suppression_with_scores(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = -_INFINITY,
    soft_nms_sigma: Any = 0.0,
    name: str | None = None,
) -> tuple[Any, Any]:
    """`tf.image.non_max_suppression` with the scores, which overlaps may lower rather than remove boxes.

    Args:
      boxes, scores, max_output_size, iou_threshold, score_threshold: as there.
      soft_nms_sigma: how gradually: https://arxiv.org/abs/1704.04503. With 0, boxes are removed.

    Returns:
      int32 [selected] and float32 [selected].

    >>> import reflow as tf
    >>> boxes = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 1.0, 1.5]]
    >>> _, scores = tf.image.non_max_suppression_with_scores(
    ...     boxes, [0.9, 0.8], 2, iou_threshold=1.0, soft_nms_sigma=0.5)
    >>> print(scores.numpy().round(3))
    [0.9   0.716]
    """
    with name_scope(name, "non_max_suppression_with_scores"):
        iou_threshold = convert_to_tensor(iou_threshold, name="iou_threshold")
        score_threshold = convert_to_tensor(score_threshold, name="score_threshold")
        soft_nms_sigma = convert_to_tensor(soft_nms_sigma, name="soft_nms_sigma")
        indices, values, _ = non_max_suppression_v5_op(
            boxes, scores, max_output_size, iou_threshold, score_threshold, soft_nms_sigma
        )
        return indices, values


@export("image.non_max_suppression_overlaps")
def non_max_suppression_overlaps(
    overlaps: Any,
    scores: Any,
    max_output_size: Any,
    overlap_threshold: Any = 0.5,
    score_threshold: Any = -_INFINITY,
    name: str | None = None,
) -> Any:
    """`tf.image.non_max_suppression` for any measure of overlap.

    Args:
      overlaps: float32 [boxes, boxes].
      scores, max_output_size, score_threshold: as there.
      overlap_threshold: the overlap above which the box with the lower score goes.

    Returns:
      int32 [selected].

    >>> import reflow as tf
    >>> print(tf.image.non_max_suppression_overlaps([[1.0, 0.6], [0.6, 1.0]], [0.9, 0.8], 2).numpy())
    [0]
    """
    with name_scope(name, "non_max_suppression_overlaps"):
        overlap_threshold = convert_to_tensor(overlap_threshold, name="overlap_threshold")
        return non_max_suppression_with_overlaps_op(
            overlaps, scores, max_output_size, overlap_threshold, score_threshold
        )


@export("image.combined_non_max_suppression")
def combined_non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size_per_class: Any,
    max_total_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = -_INFINITY,
    pad_per_class: bool = False,
    clip_boxes: bool = True,
    name: str | None = None,
) -> Any:
    """Suppression per class, and the best boxes over all classes, for each image of a batch.

    Args:
      boxes: float32 [batch, boxes, 1 or classes, 4].
      scores: float32 [batch, boxes, classes].
      max_output_size_per_class: how many boxes of a class to select at most.
      max_total_size: how many of all classes.
      iou_threshold, score_threshold: as in `tf.image.non_max_suppression`.
      pad_per_class: let the results be no longer than all classes together can fill.
      clip_boxes: clip the boxes to [0, 1].

    Returns:
      Boxes [batch, size, 4], scores and classes [batch, size], filled with zeros, and int32 [batch], how
      many there are.

    >>> import reflow as tf
    >>> boxes = tf.constant([[[[0.0, 0.0, 1.0, 1.0]], [[0.0, 0.1, 1.0, 1.1]]]])
    >>> found = tf.image.combined_non_max_suppression(boxes, [[[0.9, 0.1], [0.8, 0.3]]], 2, 3)
    >>> print(found.nmsed_scores.numpy(), found.valid_detections.numpy())
    [[0.9 0.3 0. ]] [2]
    """
    with name_scope(name, "combined_non_max_suppression"):
        iou_threshold = convert_to_tensor(iou_threshold, float32, name="iou_threshold")
        score_threshold = convert_to_tensor(score_threshold, float32, name="score_threshold")
        return combined_non_max_suppression_op(
            boxes,
            scores,
            max_output_size_per_class,
            convert_to_tensor(max_total_size),
            iou_threshold,
            score_threshold,
            pad_per_class=pad_per_class,
            clip_boxes=clip_boxes,
        )


# Suppression of a fixed size ------------------------------------------------------------------------


def _pairwise_overlaps(boxes: Any) -> Any:
    """The intersections over unions [batch, boxes, boxes] of boxes [batch, boxes, 4]."""
    first, second = boxes[:, :, None, :], boxes[:, None, :, :]
    low = math.maximum(first[..., :2], second[..., :2])
    high = math.minimum(first[..., 2:], second[..., 2:])
    sides = math.maximum(high - low, 0.0)
    common = sides[..., 0] * sides[..., 1]
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return common / (area[:, :, None] + area[:, None, :] - common + 1e-8)


def _in_order(boxes: Any) -> Any:
    """Boxes whose first corner is the smaller one; the first box of all says which way they are."""
    y1, x1, y2, x2 = (boxes[..., i : i + 1] for i in range(4))
    upright, forward = y1[0, 0, 0] <= y2[0, 0, 0], x1[0, 0, 0] <= x2[0, 0, 0]
    return joining.concat(
        [
            where(upright, y1, y2),
            where(forward, x1, x2),
            where(upright, y2, y1),
            where(forward, x2, x1),
        ],
        axis=2,
    )


@export("image.non_max_suppression_padded")
def non_max_suppression_padded(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = -_INFINITY,
    pad_to_max_output_size: bool = False,
    name: str | None = None,
    sorted_input: bool = False,
    canonicalized_coordinates: bool = False,
    tile_size: int = 512,
) -> tuple[Any, Any]:
    """`tf.image.non_max_suppression` for batches, with a result of a fixed size.

    Args:
      boxes: float32 [..., boxes, 4].
      scores: float32 [..., boxes].
      max_output_size: an int32 scalar: how many boxes to select at most.
      iou_threshold: the intersection over union from which on the box with the lower score goes.
      score_threshold: the score that a box must exceed.
      pad_to_max_output_size: fill the indices with zeros; must be true for batches.
      name: the name scope.
      sorted_input: whether the boxes come in descending order of their scores.
      canonicalized_coordinates: whether they are [y_min, x_min, y_max, x_max].
      tile_size: TensorFlow's number of boxes per step; the result does not depend on it.

    Returns:
      int32 [..., max_output_size], and int32 [...], how many are valid.

    Raises:
      ValueError: for a batch without `pad_to_max_output_size`.

    >>> import reflow as tf
    >>> boxes = tf.constant([[0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.1], [0.0, 2.0, 1.0, 3.0]])
    >>> indices, valid = tf.image.non_max_suppression_padded(
    ...     boxes, [0.9, 0.8, 0.7], 4, pad_to_max_output_size=True)
    >>> print(indices.numpy(), valid.numpy())
    [0 2 0 0] 2
    """
    with name_scope(name, "non_max_suppression_padded"):
        boxes, scores = convert_to_tensor(boxes), convert_to_tensor(scores)
        if not pad_to_max_output_size and boxes.shape.rank is not None and boxes.shape.rank > 2:
            raise ValueError(
                f"'pad_to_max_output_size' (value {pad_to_max_output_size}) must be True for "
                "batched input"
            )
        outer = array.shape(boxes)[:-2]
        size = convert_to_tensor(max_output_size, int32)
        indices, valid = _padded_selection(
            boxes,
            scores,
            size,
            iou_threshold,
            score_threshold,
            sorted_input,
            canonicalized_coordinates,
        )
        if not pad_to_max_output_size:
            return indices[0, : valid[0]], array.reshape(valid, outer)
        wanted = joining.concat([outer, array.expand_dims(size, 0)], 0)
        return array.reshape(indices, wanted), array.reshape(valid, outer)


def _padded_selection(
    boxes: Any,
    scores: Any,
    size: Any,
    iou_threshold: Any,
    score_threshold: Any,
    in_order: bool,
    canonical: bool,
) -> tuple[Any, Any]:
    """Indices [batch, size] and their numbers [batch]."""
    count = array.shape(boxes)[-2]
    boxes = cast.cast(array.reshape(boxes, joining.stack([-1, count, 4])), float32)
    scores = cast.cast(array.reshape(scores, joining.stack([-1, count])), float32)
    threshold = cast.cast(iou_threshold, float32)
    if not isinstance(score_threshold, float) or score_threshold != -_INFINITY:
        above = cast.cast(compare.greater(scores, score_threshold), float32)
        scores, boxes = scores * above, boxes * above[:, :, None]
    if not canonical:
        boxes = _in_order(boxes)
    order = None
    if not in_order:
        order = argsort(scores, axis=1, direction="DESCENDING", stable=True)
        boxes = indexing.gather(boxes, order, axis=1, batch_dims=1)
    # A box that is no box at all was removed by its score, or lies outside of the image.
    kept = reduce.reduce_any(compare.greater(boxes, 0.0), axis=2)
    much = compare.greater_equal(_pairwise_overlaps(boxes), threshold)

    def step(i: Any, kept: Any) -> tuple[Any, Any]:
        later = compare.greater(sequences.range(count), i)[None]
        goes = compare.logical_and(kept[:, i : i + 1], compare.logical_and(much[:, i], later))
        return i + 1, compare.logical_and(kept, compare.logical_not(goes))

    _, kept = while_loop(
        lambda i, kept: compare.less(i, count), step, [convert_to_tensor(0, int32), kept]
    )
    # Those that are kept come first, in their order.
    ranks = argsort(cast.cast(kept, int32), axis=1, direction="DESCENDING", stable=True)
    valid = math.minimum(reduce.reduce_sum(cast.cast(kept, int32), axis=1), size)
    lacking = math.maximum(size - count, 0)
    places = joining.concat(
        [ranks, filling.zeros(joining.stack([array.shape(ranks)[0], lacking]), int32)], axis=1
    )[:, :size]
    if order is not None:
        places = indexing.gather(order, places, axis=1, batch_dims=1)
    used = compare.less(sequences.range(size)[None], valid[:, None])
    return where(used, places, filling.zeros_like(places)), valid
