"""Random crops that keep enough of an object: sample_distorted_bounding_box.

The numbers are drawn from Philox in TensorFlow's order, and the arithmetic is done in float32 and
integers as there, so that the same seeds give the same boxes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.random_seed import op_seeds
from reflow.lang.scopes import name_scope
from reflow.ops.define import no_gradient, op
from reflow.ops.random import philox

_F = np.float32
Box = tuple[int, int, int, int]  # x and y of the first corner, x and y of the one behind the last


# Drawing ------------------------------------------------------------------------------------------


class _Numbers:
    """32-bit numbers from a place of the stream on."""

    def __init__(self, key: Any, counter: Any):
        self._words = self._stream(key, counter)

    @staticmethod
    def _stream(key: Any, counter: Any) -> Iterator[int]:
        while True:
            yield from philox.words(np, key, counter, 256).tolist()
            counter = philox.skip(np, counter, 64)

    def real(self) -> np.float32:
        """A number in [0, 1) made of 23 bits."""
        return _F(next(self._words) & 0x7FFFFF) * _F(2.0**-23)

    def below(self, n: int) -> int:
        """A number in [0, n), each equally likely."""
        if n & (n - 1) == 0:
            return next(self._words) & (n - 1)
        least = 0xFFFFFFFF % n + 1
        while True:
            word = next(self._words)
            if word >= least:
                return word % n


def _rounded(value: Any) -> int:
    return int(np.rint(_F(value)))


def _random_crop(
    numbers: _Numbers, width: int, height: int, areas: Sequence[float], ratio: np.float32
) -> Box | None:
    """A crop of this aspect ratio whose share of the image lies within `areas`; None if there is none."""
    low, high = _F(areas[0]), _F(areas[1])
    if high <= 0 or ratio <= 0 or width <= 0 or height <= 0 or low > high:
        return None
    least, most = (share * _F(width) * _F(height) for share in (low, high))
    tall = _rounded(np.sqrt(least / ratio))
    tallest = _rounded(np.sqrt(most / ratio))
    if _rounded(_F(tallest) * ratio) > width:
        tallest = int(_F(_F(width) + _F(0.5) - _F(1e-7)) / ratio)
        if _rounded(_F(tallest) * ratio) > width:
            tallest -= 1
    tallest = min(tallest, height)
    tall = min(tall, tallest)
    if tall < tallest:
        tall += numbers.below(tallest - tall + 1)
    wide = _rounded(_F(tall) * ratio)
    # Rounding may have moved the area just out of the bounds.
    if _F(wide * tall) < least:
        tall += 1
        wide = _rounded(_F(tall) * ratio)
    if _F(wide * tall) > most:
        tall -= 1
        wide = _rounded(_F(tall) * ratio)
    area = _F(wide * tall)
    if not least <= area <= most or not 0 < wide <= width or not 0 < tall <= height:
        return None
    y = numbers.below(height - tall) if tall < height else 0
    x = numbers.below(width - wide) if wide < width else 0
    return x, y, x + wide, y + tall


def _area(box: Box) -> np.float32:
    return _F(max(box[2] - box[0], 0) * max(box[3] - box[1], 0))


def _common(a: Box, b: Box) -> Box:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _covers(crop: Box, objects: Sequence[Box], least: float) -> bool:
    """Whether the crop holds this share of one of the objects."""
    if _area(crop) < 1:
        return False
    real = (each for each in objects if _area(each) >= 1)
    return any(_area(_common(crop, each)) / _area(each) >= _F(least) for each in real)


def _objects(bounding_boxes: Any, width: int, height: int, whole: bool) -> list[Box]:
    boxes = np.asarray(bounding_boxes, np.float32)
    if not boxes.size:
        if not whole:
            raise invalid(
                "No bounding boxes provided as input. One must enable use_image_if_no_bounding_boxes "
                "if you wish to not provide any bounding boxes."
            )
        return [(0, 0, width, height)]
    if boxes.ndim != 3 or boxes.shape[0] != 1 or boxes.shape[2] != 4:
        raise invalid(f"input boxes must be [1, boxes, 4], got shape {list(boxes.shape)}")
    objects = []
    for y1, x1, y2, x2 in boxes[0]:
        if not (0 <= y1 <= 1 and 0 <= x1 <= 1 and 0 <= y2 <= 1 and 0 <= x2 <= 1):
            raise invalid(f"All bounding box coordinates must be in [0.0, 1.0]: {[y1, x1, y2, x2]}")
        objects.append(
            (int(x1 * _F(width)), int(y1 * _F(height)), int(x2 * _F(width)), int(y2 * _F(height)))
        )
    return objects


def _crop(
    key: Any,
    counter: Any,
    image_size: Any,
    bounding_boxes: Any,
    covered: Any,
    ratios: Sequence[float],
    areas: Sequence[float],
    attempts: int,
    whole: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Begin and size for `tf.slice`, and the crop as a box."""
    if np.shape(image_size) != (3,):
        raise invalid(f"image_size must be 1-D with 3 elements, got {list(np.shape(image_size))}")
    height, width = int(image_size[0]), int(image_size[1])
    if height <= 0 or width <= 0:
        raise invalid(f"image height and width must be positive, got {height}x{width}")
    least = float(np.asarray(covered))
    if least < 0:
        raise invalid(f"min_object_covered must be non-negative, got {least}")
    objects = _objects(bounding_boxes, width, height, whole)
    numbers = _Numbers(key, counter)
    low, high = _F(ratios[0]), _F(ratios[1])
    crop: Box = (0, 0, width, height)
    for _ in range(attempts):
        ratio = numbers.real() * (high - low) + low
        found = _random_crop(numbers, width, height, areas, ratio)
        if found is not None and _covers(found, objects, least):
            crop = found
            break
    x1, y1, x2, y2 = crop
    dtype = np.asarray(image_size).dtype
    corners = [_F(y1) / _F(height), _F(x1) / _F(width), _F(y2) / _F(height), _F(x2) / _F(width)]
    return (
        np.array([y1, x1, 0]).astype(dtype),
        np.array([y2 - y1, x2 - x1, -1]).astype(dtype),
        np.array([[corners]], np.float32),
    )


# The ops ------------------------------------------------------------------------------------------

_RANGES = (
    " aspect_ratio_range: list(float) = [0.75, 1.3300000429153442],"
    " area_range: list(float) = [0.05000000074505806, 1.0], max_attempts: int = 100,"
    " use_image_if_no_bounding_boxes: bool = False"
)
_OUT = "-> begin: T, size: T, bboxes: float"
_INTEGERS = "T: {uint8,int8,int16,int32,int64}"


def _crop_shapes(image_size: Any, bounding_boxes: Any, *rest: Any) -> list[tuple[int, ...]]:
    image_size.shape.assert_is_compatible_with([3])
    bounding_boxes.shape.with_rank(3)
    return [(3,), (3,), (1, 1, 4)]


def _initial_state(attrs: dict[str, Any]) -> Any:
    return philox.initial_state(attrs["seed"], attrs["seed2"])


def _check_ranges(ratios: Sequence[float], areas: Sequence[float], attempts: int) -> None:
    for name, pair in (("aspect_ratio_range", ratios), ("area_range", areas)):
        if len(pair) != 2:
            raise invalid(f"{name} must have two elements, got {list(pair)}")
        if min(pair) <= 0 or (name == "area_range" and max(pair) > 1):
            raise invalid(f"{name} must be positive, and areas at most 1: {list(pair)}")
    if attempts <= 0:
        raise invalid(f"max_attempts must be positive, got {attempts}")


def _stateful(ctx: Any, image_size: Any, boxes: Any, covered: Any, *options: Any) -> Any:
    _check_ranges(*options[:3])
    handle = ctx.node_state(ctx.op.opdef.name)
    state = ctx.read(handle)
    key, counter = philox.split_state(state)
    result = _crop(key, counter, image_size, boxes, covered, *options)
    # Four numbers are put aside for each attempt, a block.
    ctx.write(handle, philox.skip_state(np, state, options[2]))
    return result


_STATEFUL: dict[str, Any] = {
    "shape": _crop_shapes,
    "stateful": True,
    "random": _initial_state,
    "compile": False,
    "grad": None,
}


@op(
    f"SampleDistortedBoundingBox(image_size: T, bounding_boxes: float, *, {_INTEGERS},"
    " seed: int = 0, seed2: int = 0, min_object_covered: float = 0.10000000149011612,"
    f"{_RANGES}) {_OUT}",
    **_STATEFUL,
)
def sample_distorted_bounding_box_v1_op(
    ctx,
    image_size,
    bounding_boxes,
    *,
    min_object_covered,
    aspect_ratio_range,
    area_range,
    max_attempts,
    use_image_if_no_bounding_boxes,
):
    """A random crop that holds a share of one of the boxes."""
    return _stateful(
        ctx,
        image_size,
        bounding_boxes,
        np.float32(min_object_covered),
        aspect_ratio_range,
        area_range,
        max_attempts,
        use_image_if_no_bounding_boxes,
    )


@op(
    "SampleDistortedBoundingBoxV2(image_size: T, bounding_boxes: float, min_object_covered: float, *,"
    f" {_INTEGERS}, seed: int = 0, seed2: int = 0,{_RANGES}) {_OUT}",
    **_STATEFUL,
)
def sample_distorted_bounding_box_op(
    ctx,
    image_size,
    bounding_boxes,
    min_object_covered,
    *,
    aspect_ratio_range,
    area_range,
    max_attempts,
    use_image_if_no_bounding_boxes,
):
    """A random crop that holds a share, which is a tensor, of one of the boxes."""
    return _stateful(
        ctx,
        image_size,
        bounding_boxes,
        min_object_covered,
        aspect_ratio_range,
        area_range,
        max_attempts,
        use_image_if_no_bounding_boxes,
    )


@op(
    "StatelessSampleDistortedBoundingBox(image_size: T, bounding_boxes: float,"
    f" min_object_covered: float, seed: Tseed, *, {_INTEGERS}, Tseed: {{int32,int64}},{_RANGES})"
    f" {_OUT}",
    shape=_crop_shapes,
    compile=False,
    grad=no_gradient,
)
def stateless_sample_distorted_bounding_box_op(
    xp,
    image_size,
    bounding_boxes,
    min_object_covered,
    seed,
    *,
    aspect_ratio_range,
    area_range,
    max_attempts,
    use_image_if_no_bounding_boxes,
):
    """A random crop that depends on nothing but `seed` and holds a share of one of the boxes."""
    _check_ranges(aspect_ratio_range, area_range, max_attempts)
    if np.shape(seed) != (2,):
        raise invalid(f"seed must have shape [2], not {list(np.shape(seed))}")
    key, counter = philox.generate_key(np, seed)
    return _crop(
        key,
        counter,
        image_size,
        bounding_boxes,
        min_object_covered,
        aspect_ratio_range,
        area_range,
        max_attempts,
        use_image_if_no_bounding_boxes,
    )


# Public functions -----------------------------------------------------------------------------------


def _given(**options: Any) -> dict[str, Any]:
    """Those options that are not None."""
    return {key: value for key, value in options.items() if value is not None}


@export(v2=("image.sample_distorted_bounding_box",))
def sample_distorted_bounding_box(
    image_size: Any,
    bounding_boxes: Any,
    seed: int = 0,
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Sequence[float] | None = None,
    area_range: Sequence[float] | None = None,
    max_attempts: int | None = None,
    use_image_if_no_bounding_boxes: bool | None = None,
    name: str | None = None,
) -> Any:
    """A random crop of an image that holds a share of one of the boxes; the whole image if none is found.

    Args:
      image_size: three integers: height, width and channels.
      bounding_boxes: float32 [1, boxes, 4], each [y1, x1, y2, x2] within [0, 1].
      seed: the op's own seed; with 0, the numbers differ from run to run.
      min_object_covered: the share.
      aspect_ratio_range: bounds of width / height, by default 0.75 and 1.33.
      area_range: bounds of the crop's share of the image, by default 0.05 and 1.
      max_attempts: how many crops to try, by default 100.
      use_image_if_no_bounding_boxes: take the whole image for the object where there are no boxes.

    Returns:
      Begin and size for `tf.slice`, and the crop as a box, float32 [1, 1, 4].

    Raises:
      InvalidArgumentError: if a box lies outside, or there is none.

    >>> import reflow as tf
    >>> box = tf.constant([[[0.1, 0.2, 0.5, 0.9]]])
    >>> begin, size, _ = tf.image.sample_distorted_bounding_box([60, 80, 3], box, seed=1)
    >>> tf.slice(tf.zeros([60, 80, 3]), begin, size).shape[-1]
    3
    """
    with name_scope(name, "sample_distorted_bounding_box"):
        return sample_distorted_bounding_box_op(
            image_size,
            bounding_boxes,
            min_object_covered,
            **(op_seeds(seed) if seed else {"seed": 0, "seed2": 0}),
            **_given(
                aspect_ratio_range=aspect_ratio_range,
                area_range=area_range,
                max_attempts=max_attempts,
                use_image_if_no_bounding_boxes=use_image_if_no_bounding_boxes,
            ),
            name=name,
        )


@export(v1=("image.sample_distorted_bounding_box",))
def sample_distorted_bounding_box_v1(
    image_size: Any,
    bounding_boxes: Any,
    seed: int | None = None,
    seed2: int | None = None,
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Sequence[float] | None = None,
    area_range: Sequence[float] | None = None,
    max_attempts: int | None = None,
    use_image_if_no_bounding_boxes: bool | None = None,
    name: str | None = None,
) -> Any:
    """`tf.image.sample_distorted_bounding_box` whose two seeds are the op's attributes."""
    with name_scope(name, "sample_distorted_bounding_box"):
        return sample_distorted_bounding_box_op(
            image_size,
            bounding_boxes,
            min_object_covered,
            seed=seed or 0,
            seed2=seed2 or 0,
            **_given(
                aspect_ratio_range=aspect_ratio_range,
                area_range=area_range,
                max_attempts=max_attempts,
                use_image_if_no_bounding_boxes=use_image_if_no_bounding_boxes,
            ),
            name=name,
        )


@export(v2=("image.stateless_sample_distorted_bounding_box",))
def stateless_sample_distorted_bounding_box(
    image_size: Any,
    bounding_boxes: Any,
    seed: Any,
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Sequence[float] | None = None,
    area_range: Sequence[float] | None = None,
    max_attempts: int | None = None,
    use_image_if_no_bounding_boxes: bool | None = None,
    name: str | None = None,
) -> Any:
    """`tf.image.sample_distorted_bounding_box` that depends on nothing but `seed`, two integers.

    >>> import reflow as tf
    >>> box = tf.constant([[[0.1, 0.2, 0.5, 0.9]]])
    >>> found = tf.image.stateless_sample_distorted_bounding_box([60, 80, 3], box, seed=(1, 2))
    >>> print(found.begin.numpy(), found.size.numpy())
    [0 1 0] [54 67 -1]
    """
    with name_scope(name, "stateless_sample_distorted_bounding_box"):
        return stateless_sample_distorted_bounding_box_op(
            image_size,
            bounding_boxes,
            min_object_covered,
            seed,
            **_given(
                aspect_ratio_range=aspect_ratio_range,
                area_range=area_range,
                max_attempts=max_attempts,
                use_image_if_no_bounding_boxes=use_image_if_no_bounding_boxes,
            ),
            name=name,
        )
