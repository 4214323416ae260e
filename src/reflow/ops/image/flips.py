"""Images mirrored, turned and transposed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import int32
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops import array, cast, compare, math
from reflow.ops.control_flow.cond import case, cond
from reflow.ops.image.checks import by_rank, checked_image
from reflow.ops.padding import reverse
from reflow.ops.random.random_ops import random_uniform
from reflow.ops.random.stateless import stateless_uniform


def _shaped_like(image: Any, result: Any) -> Any:
    known = image.shape.rank is not None
    result.set_shape(image.shape if known else shapes.unknown_shape(3))
    return result


def _flip(image: Any, axis: int, scope: str) -> Any:
    with name_scope(None, scope):
        image = checked_image(image)
        return by_rank(
            image,
            lambda: _shaped_like(image, reverse(image, [axis])),
            lambda: reverse(image, [axis + 1]),
        )


@export("image.flip_left_right")
def flip_left_right(image: Any) -> Any:
    """Images mirrored along their width.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].

    Raises:
      ValueError: if it has another rank.

    >>> import reflow as tf
    >>> print(tf.image.flip_left_right([[[1], [2]], [[3], [4]]]).numpy()[..., 0])
    [[2 1]
     [4 3]]
    """
    return _flip(image, 1, "flip_left_right")


@export("image.flip_up_down")
def flip_up_down(image: Any) -> Any:
    """Images mirrored along their height.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].

    Raises:
      ValueError: if it has another rank.

    >>> import reflow as tf
    >>> print(tf.image.flip_up_down([[[1], [2]], [[3], [4]]]).numpy()[..., 0])
    [[3 4]
     [1 2]]
    """
    return _flip(image, 0, "flip_up_down")


def _random_flip(image: Any, axis: int, draw: Callable, scope: str) -> Any:
    """Each image mirrored with probability one half: one number decides an image."""
    with name_scope(None, scope) as name:
        image = checked_image(image)

        def of_image():
            mirror = compare.less_op(draw(shape=[], minval=0, maxval=1.0), 0.5)
            return _shaped_like(
                image, cond(mirror, lambda: reverse(image, [axis]), lambda: image, name=name)
            )

        def of_batch():
            count = array.shape(image)[0]
            drawn = draw(shape=[count], minval=0, maxval=1.0)
            flips = math.round(array.reshape(drawn, [count, 1, 1, 1]))
            flips = cast.cast(flips, image.dtype)
            mirrored = reverse(image, [axis + 1])
            return flips * mirrored + (1 - flips) * image

        return by_rank(image, of_image, of_batch)


@export("image.random_flip_left_right")
def random_flip_left_right(image: Any, seed: int | None = None) -> Any:
    """Images of which each is mirrored along its width with probability one half.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].
      seed: the op's own seed, see `tf.random.set_seed`.

    Raises:
      ValueError: if it has another rank.

    >>> import reflow as tf
    >>> tf.image.random_flip_left_right(tf.zeros([2, 3, 1])).shape
    TensorShape([2, 3, 1])
    """
    return _random_flip(image, 1, partial(random_uniform, seed=seed), "random_flip_left_right")


@export("image.random_flip_up_down")
def random_flip_up_down(image: Any, seed: int | None = None) -> Any:
    """Images of which each is mirrored along its height with probability one half.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].
      seed: the op's own seed, see `tf.random.set_seed`.

    Raises:
      ValueError: if it has another rank.

    >>> import reflow as tf
    >>> tf.image.random_flip_up_down(tf.zeros([2, 3, 1])).shape
    TensorShape([2, 3, 1])
    """
    return _random_flip(image, 0, partial(random_uniform, seed=seed), "random_flip_up_down")


@export(v2=("image.stateless_random_flip_left_right",))
def stateless_random_flip_left_right(image: Any, seed: Any) -> Any:
    """Images mirrored along their width or not, which depends on nothing but `seed`.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].
      seed: two integers.

    >>> import reflow as tf
    >>> image = [[[1], [2]], [[3], [4]]]
    >>> print(tf.image.stateless_random_flip_left_right(image, seed=(2, 3)).numpy()[..., 0])
    [[2 1]
     [4 3]]
    """
    draw = partial(stateless_uniform, seed=seed)
    return _random_flip(image, 1, draw, "stateless_random_flip_left_right")


@export(v2=("image.stateless_random_flip_up_down",))
def stateless_random_flip_up_down(image: Any, seed: Any) -> Any:
    """Images mirrored along their height or not, which depends on nothing but `seed`.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].
      seed: two integers.

    >>> import reflow as tf
    >>> image = [[[1], [2]], [[3], [4]]]
    >>> print(tf.image.stateless_random_flip_up_down(image, seed=(2, 3)).numpy()[..., 0])
    [[3 4]
     [1 2]]
    """
    draw = partial(stateless_uniform, seed=seed)
    return _random_flip(image, 0, draw, "stateless_random_flip_up_down")


@export("image.rot90")
def rot90(image: Any, k: Any = 1, name: str | None = None) -> Any:
    """Images turned counter-clockwise by 90 degrees, `k` times.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].
      k: an integer scalar.

    Raises:
      ValueError: if the image has another rank, or `k` is no scalar.

    >>> import reflow as tf
    >>> print(tf.image.rot90([[[1], [2]], [[3], [4]]]).numpy()[..., 0])
    [[2 4]
     [1 3]]
    """
    with name_scope(name, "rot90") as scope:
        image = checked_image(image)
        k = convert_to_tensor(k, int32, name="k")
        k.shape.assert_has_rank(0)
        k = math.floor_mod(k, 4)
        turn = partial(_turned, image, k, name=scope)
        return by_rank(image, lambda: turn(first=0), lambda: turn(first=1))


def _turned(image: Any, k: Any, first: int, name: str) -> Any:
    """`first` is the dimension of the height."""
    height, width = first, first + 1
    swapped = [*range(first), width, height, first + 2]
    cases = [
        (compare.equal(k, 1), lambda: array.transpose(reverse(image, [width]), swapped)),
        (compare.equal(k, 2), lambda: reverse(image, [height, width])),
        (compare.equal(k, 3), lambda: reverse(array.transpose(image, swapped), [width])),
    ]
    result = case(cases, default=lambda: image, exclusive=True, name=name)
    static = image.shape.as_list()
    result.set_shape([*static[:first], None, None, static[-1]])
    return result


@export("image.transpose", v1=("image.transpose_image",))
def transpose(image: Any, name: str | None = None) -> Any:
    """Images with height and width exchanged.

    Args:
      image: [height, width, channels] or [batch, height, width, channels].

    Raises:
      ValueError: if it has another rank.

    >>> import reflow as tf
    >>> print(tf.image.transpose([[[1], [2]], [[3], [4]]]).numpy()[..., 0])
    [[1 3]
     [2 4]]
    """
    with name_scope(name, "transpose"):
        image = checked_image(image)
        swap = partial(array.transpose, image, name=name or "transpose")
        return by_rank(image, lambda: swap([1, 0, 2]), lambda: swap([0, 2, 1, 3]))
