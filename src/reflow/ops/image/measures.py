"""How alike two images are; gradients and edges of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import float32, int32
from reflow.lang.export import export
from reflow.lang.scopes import control_dependencies, name_scope
from reflow.ops import array, cast, compare, debugging, filling, joining, math, reduce
from reflow.ops.constant import constant, identity
from reflow.ops.control_flow.cond import cond
from reflow.ops.image.adjust import convert_image_dtype
from reflow.ops.nn.activations import relu
from reflow.ops.padding import pad
from reflow.ops.repeating import tile
from reflow.ops.spatial.depthwise import depthwise_conv2d
from reflow.ops.spatial.pooling import avg_pool


def _checks_of_pair(first: Any, second: Any) -> tuple[Any, Any, list[Any]]:
    """The shapes of two images, and assertions that their sizes are equal.

    Raises:
      ValueError: if they are known to differ.
    """
    a, b = (image.shape.with_rank_at_least(3) for image in (first, second))
    a[-3:].assert_is_compatible_with(b[-3:])
    if a.rank is not None and b.rank is not None:
        for x, y in zip(reversed(a.as_list()[:-3]), reversed(b.as_list()[:-3])):
            if None not in (x, y) and x != y and 1 not in (x, y):
                raise ValueError(f"Two images are not compatible: {a} and {b}")
    shapes = array.shape_n([first, second])
    enough = compare.greater_equal(array.size(shapes[0]), 3)
    same = reduce.reduce_all(compare.equal(shapes[0][-3:], shapes[1][-3:]))
    checks = [debugging.Assert(each, shapes, summarize=10) for each in (enough, same)]
    return shapes[0], shapes[1], checks


@export("image.psnr")
def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Any:
    """The peak signal-to-noise ratio of two images, in decibels.

    Args:
      a, b: tensors [..., height, width, channels] of one dtype.
      max_val: the range of their values: 255 for uint8, or 1.0.

    Returns:
      float32 [...]; infinite for equal images.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> print(tf.image.psnr(tf.zeros([1, 1, 1]), tf.fill([1, 1, 1], 0.1), 1.0).numpy())
    20.0
    """
    with name_scope(name, "PSNR"):
        peak = convert_image_dtype(cast.cast(max_val, a.dtype), float32)
        a, b = convert_image_dtype(a, float32), convert_image_dtype(b, float32)
        error = reduce.reduce_mean(math.squared_difference(a, b), [-3, -2, -1])
        decibels = math.subtract(
            20 * math.log(peak) / math.log(10.0),
            np.float32(10 / np.log(10)) * math.log(error),
            name="psnr",
        )
        _, _, checks = _checks_of_pair(a, b)
        with control_dependencies(checks):
            return identity(decibels)


def _gaussian_weights(size: int, sigma: float) -> np.ndarray:
    """A Gaussian of `size` elements whose sum is 1."""
    at = np.arange(size, dtype=np.float32) - np.float32(size - 1) / np.float32(2)
    weights = np.exp(np.square(at) * np.float32(-0.5) / np.square(np.float32(sigma)))
    return weights / weights.sum()


def _smoothed(maps: Sequence[Any], size: int, sigma: float) -> list[Any]:
    """Maps [..., height, width, channels] averaged within a Gaussian window.

    The window is the product of one along the height and one along the width, which are applied in turn
    and to all maps at once: 2 * size products in place of size * size for each map.
    """
    joined = joining.concat(maps, -1)
    shape = array.shape(joined)
    flat = array.reshape(joined, joining.concat([[-1], shape[-3:]], 0))
    weights = _gaussian_weights(size, sigma)
    for window in (weights[:, None, None, None], weights[None, :, None, None]):
        window = tile(constant(window, float32), [1, 1, shape[-1], 1])
        flat = depthwise_conv2d(flat, window, [1, 1, 1, 1], "VALID")
    averaged = array.reshape(flat, joining.concat([shape[:-3], array.shape(flat)[1:]], 0))
    return joining.split(averaged, len(maps), -1)


def _ssim_per_channel(
    first: Any, second: Any, max_val: Any, filter_size: int, filter_sigma: float, k1: Any, k2: Any
) -> tuple[Any, Any]:
    """Maps of the similarity and of its part that is contrast and structure."""
    size = constant(filter_size, int32)
    shapes = array.shape_n([first, second])
    checks = [
        debugging.Assert(
            reduce.reduce_all(compare.greater_equal(shape[-3:-1], size)), [shape, size], summarize=8
        )
        for shape in shapes
    ]
    with control_dependencies(checks):
        first = identity(first)
    first, second = _broadcast(first, second)
    maps = [first, second, first * second, math.square(first) + math.square(second)]
    mean1, mean2, mean12, mean_squared = _smoothed(maps, filter_size, filter_sigma)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    product = mean1 * mean2 * 2.0
    squares = math.square(mean1) + math.square(mean2)
    luminance = (product + c1) / (squares + c1)
    contrast = (mean12 * 2.0 - product + c2) / (mean_squared - squares + c2)
    return luminance * contrast, contrast


def _broadcast(first: Any, second: Any) -> tuple[Any, Any]:
    """The two with the shape that they broadcast to."""
    if first.shape.is_fully_defined() and first.shape == second.shape:
        return first, second
    shape = filling.broadcast_dynamic_shape(array.shape(first), array.shape(second))
    return filling.broadcast_to(first, shape), filling.broadcast_to(second, shape)


def _converted_pair(img1: Any, img2: Any, max_val: Any) -> tuple[Any, Any, Any, Sequence[Any]]:
    """Two images and their range as float32, and their shapes."""
    img1 = convert_to_tensor(img1, name="img1")
    img2 = convert_to_tensor(img2, name="img2")
    shape1, shape2, checks = _checks_of_pair(img1, img2)
    with control_dependencies(checks):
        img1 = identity(img1)
    peak = convert_image_dtype(cast.cast(max_val, img1.dtype), float32)
    first, second = convert_image_dtype(img1, float32), convert_image_dtype(img2, float32)
    return first, second, peak, (shape1, shape2)


@export("image.ssim")
def ssim(
    img1: Any,
    img2: Any,
    max_val: Any,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    return_index_map: bool = False,
) -> Any:
    """The structural similarity of two images: Wang et al., "Image quality assessment" (2004).

    Args:
      img1, img2: tensors [..., height, width, channels] of one dtype, not smaller than the window.
      max_val: the range of their values: 255 for uint8, or 1.0.
      filter_size, filter_sigma: size and deviation of the Gaussian window.
      k1, k2: the constants of the paper.
      return_index_map: return the similarity of each place, [..., height, width], instead of its mean.

    Returns:
      float32 [...]: 1 for equal images.

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> image = tf.random.stateless_uniform([16, 16, 3], [1, 2])
    >>> print(tf.image.ssim(image, image, 1.0).numpy().round(4))
    1.0
    """
    with name_scope(None, "SSIM"):
        first, second, peak, _ = _converted_pair(img1, img2, max_val)
        similarity, _ = _ssim_per_channel(first, second, peak, filter_size, filter_sigma, k1, k2)
        if not return_index_map:
            similarity = reduce.reduce_mean(similarity, constant([-3, -2], int32))
        return reduce.reduce_mean(similarity, [-1])


_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@export("image.ssim_multiscale")
def ssim_multiscale(
    img1: Any,
    img2: Any,
    max_val: Any,
    power_factors: Any = _SCALE_WEIGHTS,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Any:
    """The structural similarity over scales: Wang et al., "Multiscale structural similarity" (2003).

    Args:
      img1, img2: tensors [..., height, width, channels] of one dtype; at the smallest scale, half as
        large for each power factor after the first, not smaller than the window.
      max_val: the range of their values.
      power_factors: the weight of each scale.
      filter_size, filter_sigma, k1, k2: as in `tf.image.ssim`.

    Returns:
      float32 [...].

    Raises:
      ValueError: if the shapes do not fit together.

    >>> import reflow as tf
    >>> image = tf.random.stateless_uniform([44, 44, 3], [1, 2])
    >>> similarity = tf.image.ssim_multiscale(image, image, 1.0, power_factors=(0.4, 0.6))
    >>> print(similarity.numpy().round(4))
    1.0
    """
    with name_scope(None, "MS-SSIM"):
        first, second, peak, shapes = _converted_pair(img1, img2, max_val)
        images = [first, second]
        heads, tails = [s[:-3] for s in shapes], [s[-3:] for s in shapes]
        parts = []
        for scale in range(len(power_factors)):
            with name_scope(None, f"Scale{scale}"):
                if scale > 0:
                    images, tails = _halved(images, heads, tails)
                similarity, contrast = _ssim_per_channel(
                    *images, peak, filter_size, filter_sigma, k1, k2
                )
                last = scale == len(power_factors) - 1
                chosen = similarity if last else contrast
                axes = constant([-3, -2], int32)
                parts.append(relu(reduce.reduce_mean(chosen, axes)))
        stacked = joining.stack(parts, axis=-1)
        product = reduce.reduce_prod(math.pow(stacked, power_factors), [-1])
        return reduce.reduce_mean(product, [-1])


def _halved(images: list[Any], heads: list[Any], tails: list[Any]) -> tuple[list[Any], list[Any]]:
    """Images of half the size: means of 2x2 elements, after repeating the last row of an odd number."""
    flat = [array.reshape(x, joining.concat([[-1], t], 0)) for x, t in zip(images, tails)]
    remainder = tails[0] % constant([2, 2, 1], int32)
    margins = pad(array.expand_dims(remainder, -1), [[1, 0], [1, 0]])
    padded = cond(
        reduce.reduce_any(compare.not_equal(remainder, 0)),
        lambda: [pad(x, margins, mode="SYMMETRIC") for x in flat],
        lambda: flat,
    )
    window = [1, 2, 2, 1]
    smaller = [avg_pool(x, ksize=window, strides=window, padding="VALID") for x in padded]
    tails = [shape[1:] for shape in array.shape_n(smaller)]
    images = [array.reshape(x, joining.concat([h, t], 0)) for x, h, t in zip(smaller, heads, tails)]
    return images, tails


@export("image.total_variation")
def total_variation(images: Any, name: str | None = None) -> Any:
    """The sum of the absolute differences of neighbours, per image.

    Args:
      images: a tensor [height, width, channels] or [batch, height, width, channels].

    Returns:
      A scalar, or [batch].

    Raises:
      ValueError: if it has another rank.

    >>> import reflow as tf
    >>> print(tf.image.total_variation(tf.constant([[[1.0], [4.0]], [[1.0], [4.0]]])).numpy())
    6.0
    """
    with name_scope(name, "total_variation"):
        rank = images.shape.rank
        if rank == 3:
            down = images[1:, :, :] - images[:-1, :, :]
            right = images[:, 1:, :] - images[:, :-1, :]
        elif rank == 4:
            down = images[:, 1:, :, :] - images[:, :-1, :, :]
            right = images[:, :, 1:, :] - images[:, :, :-1, :]
        else:
            raise ValueError("'images' must be either 3 or 4-dimensional.")
        axes = None if rank == 3 else [1, 2, 3]
        sums = [reduce.reduce_sum(math.abs(each), axis=axes) for each in (down, right)]
        return sums[0] + sums[1]


@export("image.image_gradients")
def image_gradients(image: Any) -> Any:
    """The differences to the next row and to the next column, zero at the end.

    Args:
      image: a tensor [batch, height, width, channels].

    Returns:
      `(dy, dx)`, of the shape of the image.

    Raises:
      ValueError: if it has another rank.

    >>> import reflow as tf
    >>> dy, dx = tf.image.image_gradients(tf.reshape([1.0, 2.0, 4.0, 8.0], [1, 2, 2, 1]))
    >>> print(dy.numpy()[0, ..., 0], dx.numpy()[0, ..., 0])
    [[3. 6.]
     [0. 0.]] [[1. 0.]
     [4. 0.]]
    """
    if image.shape.rank != 4:
        raise ValueError(
            f"image_gradients expects a 4D tensor [batch_size, h, w, d], not {image.shape}."
        )
    shape = array.shape(image)
    batch, height, width, depth = joining.unstack(shape)
    down = image[:, 1:, :, :] - image[:, :-1, :, :]
    right = image[:, :, 1:, :] - image[:, :, :-1, :]
    row = filling.zeros(joining.stack([batch, 1, width, depth]), image.dtype)
    dy = array.reshape(joining.concat([down, row], 1), shape)
    column = filling.zeros(joining.stack([batch, height, 1, depth]), image.dtype)
    dx = array.reshape(joining.concat([right, column], 2), shape)
    return dy, dx


_SOBEL = np.array(
    [[[-1, -2, -1], [0, 0, 0], [1, 2, 1]], [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]]
).transpose(1, 2, 0)


@export("image.sobel_edges")
def sobel_edges(image: Any) -> Any:
    """Sobel's edge filters, vertical and horizontal, of every channel.

    Args:
      image: a tensor [batch, height, width, channels] of floats, at least 2x2 large.

    Returns:
      [batch, height, width, channels, 2]: dy and dx.

    >>> import reflow as tf
    >>> image = tf.reshape(tf.range(9.0), [1, 3, 3, 1])
    >>> print(tf.image.sobel_edges(image).numpy()[0, 1, 1, 0])
    [24.  8.]
    """
    static = image.shape
    shape = array.shape(image)
    filters = constant(_SOBEL[:, :, None, :], image.dtype)
    filters = tile(filters, [1, 1, shape[-1], 1], name="sobel_filters")
    padded = pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT")
    edges = depthwise_conv2d(padded, filters, [1, 1, 1, 1], "VALID")
    edges = array.reshape(edges, joining.concat([shape, [2]], 0))
    edges.set_shape(static.concatenate([2]))
    return edges
