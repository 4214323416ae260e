"""Glimpses: windows cut out of images, which may stick out of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.opdef import OpDef
from reflow.ops.define import no_gradient, op
from reflow.ops.shape_rules import constant_value_as_shape

_F = np.float32


def _corners(
    offsets: Any, image: Any, size: Any, centered: bool, normalized: bool, second: bool
) -> np.ndarray:
    """The first row and column of each glimpse, as TensorFlow's two kernels place them."""
    lengths, window = np.array(image, _F), np.array(size, _F)
    at = np.asarray(offsets, _F)
    if second and not normalized:  # from the image's center, or from its corner
        return np.trunc(at + (lengths / _F(2) if centered else _F(0))).astype(int)
    if normalized:
        at = at * lengths
    if centered:
        at = at / _F(2) + lengths / _F(2)
    if centered or not second:  # the offset says where the center of the glimpse is
        at = at - window / _F(2)
    return np.trunc(at).astype(int)


def _noise(image: np.ndarray, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """What stands beside the image: values in its range."""
    if kind == "zero" or not image.size:
        return np.zeros(shape, _F)
    generator = np.random.default_rng()
    low, high = image.min(), image.max()
    if kind == "uniform":
        return (low + (high - low) * generator.random(shape, _F)).astype(_F)
    drawn = image.mean() + image.std() * generator.standard_normal(shape, _F)
    return np.clip(drawn, low, high).astype(_F)


def _glimpses(
    input: Any,
    size: Any,
    offsets: Any,
    centered: bool,
    normalized: bool,
    noise: str,
    second: bool,
) -> np.ndarray:
    if len(input.shape) != 4:
        raise invalid(f"input must be 4-dimensional, got shape {list(input.shape)}")
    if np.shape(size) != (2,):
        raise invalid(f"size must be a vector of two elements, got {list(np.shape(size))}")
    if tuple(np.shape(offsets)) != (input.shape[0], 2):
        raise invalid(
            f"offsets must be [batch, 2], got {list(np.shape(offsets))} for {input.shape[0]} images"
        )
    if noise not in ("uniform", "gaussian", "zero"):
        raise invalid(f"The noise could only be uniform, gaussian, or zero, got {noise}")
    window = [int(n) for n in size]
    if min(window) < 0:
        raise invalid(f"size must not be negative, got {window}")
    batch, *lengths, channels = input.shape
    result = np.empty((batch, *window, channels), _F)
    corners = _corners(offsets, lengths, window, centered, normalized, second)
    for glimpse, image, corner in zip(result, np.asarray(input), corners.tolist()):
        glimpse[...] = _noise(image, glimpse.shape, noise)
        ends = [min(c + w, n) for c, w, n in zip(corner, window, lengths)]
        begins = [max(c, 0) for c in corner]
        if all(begin < end for begin, end in zip(begins, ends)):
            seen = tuple(slice(b, e) for b, e in zip(begins, ends))
            placed = tuple(slice(b - c, e - c) for b, e, c in zip(begins, ends, corner))
            glimpse[placed] = image[seen]
    return result


def _glimpse_shape(input: Any, size: Any, offsets: Any) -> shapes.TensorShape:
    batch, _, _, channels = input.shape.with_rank(4)
    return shapes.of((batch, *constant_value_as_shape(size).with_rank(2), channels))


def _glimpse_op(name: str, doc: str, grad: Any) -> OpDef:
    second = name.endswith("V2")

    @op(
        f"{name}(input: float, size: int32, offsets: float, *, centered: bool = True,"
        " normalized: bool = True, uniform_noise: bool = True, noise: string = 'uniform')"
        " -> glimpse: float",
        doc,
        shape=_glimpse_shape,
        stateful=True,  # noise, which no seed governs
        compile=False,
        grad=grad,
    )
    def lower(ctx, input, size, offsets, *, centered, normalized, uniform_noise, noise):
        if uniform_noise and noise != "uniform":
            raise invalid("The uniform_noise and noise could not be specified at the same time")
        return _glimpses(input, size, offsets, centered, normalized, noise, second)

    return lower


extract_glimpse_op = _glimpse_op("ExtractGlimpse", "Windows cut out of images.", None)
extract_glimpse_v2_op = _glimpse_op(
    "ExtractGlimpseV2",
    "Windows cut out of images; their offsets are those of their corners, unless they are centered.",
    no_gradient,
)


@export(v2=("image.extract_glimpse",))
def extract_glimpse(
    input: Any,
    size: Any,
    offsets: Any,
    centered: bool = True,
    normalized: bool = True,
    noise: str = "uniform",
    name: str | None = None,
) -> Any:
    """Windows cut out of images; what lies beside an image is noise.

    Args:
      input: float32 [batch, height, width, channels].
      size: two integers, the height and the width of the windows.
      offsets: float32 [batch, 2], the rows and columns of the windows.
      centered: whether offsets count from the center of the image, rather than its corner.
      normalized: whether they are parts of its size (with `centered`, of half of it), rather than pixels.
      noise: "uniform" or "gaussian" noise with the range of the image, other in every run, or "zero".

    Returns:
      float32 [batch, height, width, channels].

    Raises:
      InvalidArgumentError: for other shapes or noise.

    >>> import reflow as tf
    >>> image = tf.reshape(tf.range(9.0), [1, 3, 3, 1])
    >>> glimpse = tf.image.extract_glimpse(
    ...     image, [2, 2], [[1.0, 1.0]], centered=False, normalized=False, noise="zero")
    >>> print(glimpse.numpy()[0, ..., 0])
    [[4. 5.]
     [7. 8.]]
    """
    return extract_glimpse_v2_op(
        input,
        size,
        offsets,
        centered=centered,
        normalized=normalized,
        uniform_noise=False,
        noise=noise,
        name=name,
    )


@export(v1=("image.extract_glimpse",))
def extract_glimpse_v1(
    input: Any,
    size: Any,
    offsets: Any,
    centered: bool = True,
    normalized: bool = True,
    uniform_noise: bool = True,
    name: str | None = None,
) -> Any:
    """`tf.image.extract_glimpse` of TF 1: offsets are those of the centers of the windows."""
    return extract_glimpse_op(
        input,
        size,
        offsets,
        centered=centered,
        normalized=normalized,
        uniform_noise=uniform_noise,
        name=name,
    )
