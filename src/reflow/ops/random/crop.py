"""Blocks at random places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.ops.random.random_ops import random_uniform
from reflow.ops.random.stateless import stateless_uniform


@export(v1=("random_crop", "image.random_crop"), v2=("image.random_crop",))
def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Any:
    """A block of shape `size` at a random place of `value`.

    Raises:
      tf.errors.InvalidArgumentError: if the block is larger than `value`.
    """

    def draw(shape: Any) -> Any:
        return random_uniform(shape, 0, int32.max, int32, seed)

    return _crop(value, size, draw, name)


@export(v2=("image.stateless_random_crop",))
def stateless_random_crop(value: Any, size: Any, seed: Any, name: str | None = None) -> Any:
    """`tf.image.random_crop` that depends on nothing but `seed`, two integers.

    >>> import reflow as tf
    >>> print(tf.image.stateless_random_crop(tf.range(9), [3], (1, 2)).numpy())
    [5 6 7]
    """

    def draw(shape: Any) -> Any:
        return stateless_uniform(shape, seed, 0, int32.max, int32)

    return _crop(value, size, draw, name)


def _crop(value: Any, size: Any, draw: Callable, name: str | None) -> Any:
    """The block of `value` at a place that `draw(shape)` draws."""
    from reflow.lang.scopes import control_dependencies
    from reflow.ops import array
    from reflow.ops.debugging import Assert

    with name_scope(name, "random_crop", [value, size]) as scope:
        value = convert_to_tensor(value, name="value")
        size = convert_to_tensor(size, int32, name="size")
        shape = array.shape(value)
        fits = REGISTRY["All"](REGISTRY["GreaterEqual"](shape, size), [0])
        check = Assert(fits, ["Need value.shape >= size, got ", shape, size], summarize=1000)
        with control_dependencies([check]):
            shape = REGISTRY["Identity"](shape)
        limit = shape - size + 1
        place = draw(array.shape(shape)) % limit
        return REGISTRY["Slice"](value, place, size, name=scope or None)
