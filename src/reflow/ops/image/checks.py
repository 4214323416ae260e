"""What the functions of tf.image have in common: ranks, sizes known and unknown, assertions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.tensor import is_tensor
from reflow.ops import array, debugging, joining
from reflow.ops.control_flow.cond import cond
from reflow.ops.control_flow.grouping import with_dependencies

__all__ = [
    "by_rank",
    "checks_of_image",
    "checked_image",
    "dimensions",
    "either",
    "is_tensor",
    "require",
    "to_batch",
]


def require(condition: Any, message: str) -> list[Any]:
    """An assertion that runs with the graph; where the condition is a Python value, checked at once.

    Raises:
      ValueError: if the condition is known and false.
    """
    if is_tensor(condition):
        return [debugging.Assert(condition, [message])]
    if not condition:
        raise ValueError(message)
    return []


def either(known: Callable, op: Callable, x: Any, y: Any) -> Any:
    """`op(x, y)` if one of them is a tensor, else `known(x, y)`."""
    return op(x, y) if is_tensor(x) or is_tensor(y) else known(x, y)


def checks_of_image(image: Any) -> list[Any]:
    """Assertions, where its shape is not known, that `image` is [..., height, width, channels].

    Raises:
      ValueError: if the shape is known to be another, or to be empty.
    """
    static = image.shape
    if static.rank is None:
        static = static.with_rank(3)
    elif static.rank < 3:
        raise ValueError(f"'image' (shape {static}) must be at least three-dimensional.")
    inner = static.as_list()[-3:]
    if 0 in inner:
        raise ValueError(f"inner 3 dims of 'image.shape' must be > 0: {static}")
    if None not in inner:
        return []
    return [
        debugging.assert_positive_v1(
            array.shape(image)[-3:], ["inner 3 dims of 'image.shape' must be > 0."]
        ),
        debugging.assert_greater_equal(
            array.rank(image), 3, message="'image' must be at least three-dimensional."
        ),
    ]


def checked_image(image: Any) -> Any:
    """`image` as a tensor, after the assertions of `checks_of_image`."""
    image = convert_to_tensor(image, name="image")
    return with_dependencies(checks_of_image(image), image)


def dimensions(image: Any, rank: int) -> list[Any]:
    """The sizes of an image: integers where they are known, else scalars."""
    static = image.shape.with_rank(rank).as_list()
    if None not in static:
        return static
    dynamic = joining.unstack(array.shape(image), rank)
    return [d if s is None else s for s, d in zip(static, dynamic)]


def to_batch(image: Any) -> tuple[Any, bool]:
    """`image` as a batch of images, and whether it was one.

    Raises:
      ValueError: if it has another rank than 3 and 4.
    """
    rank = image.shape.rank
    if rank == 4:
        return image, True
    if rank not in (3, None):
        raise ValueError(f"'image' (shape {image.shape}) must have either 3 or 4 dimensions.")
    batch = array.expand_dims(image, 0)
    if rank is None:
        batch.set_shape(shapes.unknown_shape(4))
    return batch, False


def by_rank(image: Any, of_image: Callable[[], Any], of_batch: Callable[[], Any]) -> Any:
    """What `of_image()` gives if `image` has rank 3, and `of_batch()` if it has rank 4.

    Raises:
      ValueError: if it has another rank.
    """
    rank = image.shape.rank
    if rank is None:
        from reflow.ops import compare

        return cond(compare.equal_op(array.rank(image), 3), of_image, of_batch)
    if rank not in (3, 4):
        raise ValueError(f"'image' (shape {image.shape}) must have either 3 or 4 dimensions.")
    return of_image() if rank == 3 else of_batch()
