"""Pooling over regions whose borders are drawn at random: Graham, "Fractional Max-Pooling" (2014)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.dtypes import int64
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.random_seed import get_seed
from reflow.ops.array import shape as shape_of
from reflow.ops.define import no_gradient, op
from reflow.ops.random import kernels as random_kernels
from reflow.ops.random import philox
from reflow.ops.shape_rules import constant_value_as_shape

_KINDS = "{float,double,int32,int64}"


# Regions ------------------------------------------------------------------------------------------


def _pseudo_random(key: Any, counter: Any, size: int, count: int) -> tuple[np.ndarray, int]:
    """Region i ends at the ceiling of alpha * (i + u), where one u is drawn for all of them.

    It is small enough that no region has more than one row beyond size // count. Also how many
    blocks of the generator that takes.
    """
    alpha, least = size / count, size // count
    largest = min((least + 2) / alpha - 1, (size + 1 - least) / alpha - (count - 1))
    high, low = philox.words(np, key, counter, 2)
    u = float(random_kernels.unit_double(np, np.array(high), np.array(low))) * largest
    inner = [math.ceil(alpha * (i + u)) for i in range(1, count)]
    return np.diff([1, *inner, size + 1]), 1


def _random(key: Any, counter: Any, size: int, count: int) -> tuple[np.ndarray, int]:
    """As many larger regions as it takes, in random order."""
    sizes = np.full(count, size // count, np.int64)
    sizes[: size % count] += 1
    order = random_kernels.permutation(np, key, counter, count)
    return sizes[order], -(-count // 4)


def _borders(
    sizes: Sequence[int], ratio: Sequence[float], pseudo_random: bool, seeds: tuple[int, int]
) -> list[np.ndarray]:
    """Where the regions of rows and of columns begin, and the last one ends."""
    key, counter = philox.split_state(philox.initial_state(*seeds))
    found = []
    for size, each in zip(sizes, ratio):
        draw = _pseudo_random if pseudo_random else _random
        lengths, blocks = draw(key, counter, size, math.floor(size / each))
        counter = philox.skip(np, counter, blocks)
        found.append(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    return found


def _regions(borders: np.ndarray, size: int, overlapping: bool) -> list[slice]:
    """What belongs to each region: with `overlapping` the first of the next one too."""
    more = 1 if overlapping else 0
    return [
        slice(a, min(b + more, size)) for a, b in zip(borders[:-1].tolist(), borders[1:].tolist())
    ]


# Pooling ------------------------------------------------------------------------------------------


def _pooled_shapes(value, *, pooling_ratio):
    _check_ratio(pooling_ratio)
    sizes = value._shape.with_rank(4)._dims
    known = [
        None if size is None else math.floor(size / ratio)
        for size, ratio in zip(sizes or (None,) * 4, pooling_ratio)
    ]
    rows, columns = (None if known[i] is None else known[i] + 1 for i in (1, 2))
    return [shapes.of(tuple(known)), shapes.of((rows,)), shapes.of((columns,))]


def _pooled(
    xp: Any, x: np.ndarray, borders: Sequence[np.ndarray], overlapping: bool, reduce: Any
) -> Any:
    """`x` with its rows, then its columns, reduced to one for each region."""
    for axis, each in zip((1, 2), borders):
        regions = _regions(each, x.shape[axis], overlapping)
        parts = [reduce(x[(slice(None),) * axis + (region,)], axis) for region in regions]
        x = np.stack(parts, axis).astype(x.dtype, copy=False)
    return x


def _counts(borders: Sequence[np.ndarray], sizes: Sequence[int], overlapping: bool) -> np.ndarray:
    """How many elements each region has: [rows, columns, 1]."""
    rows, columns = (
        np.array([r.stop - r.start for r in _regions(each, size, overlapping)])
        for each, size in zip(borders, sizes)
    )
    return rows[:, None, None] * columns[:, None]


def _maxima(x: np.ndarray, borders: Sequence[np.ndarray], overlapping: bool) -> np.ndarray:
    return _pooled(np, x, borders, overlapping, np.max)


def _means(x: np.ndarray, borders: Sequence[np.ndarray], overlapping: bool) -> np.ndarray:
    sums = _pooled(np, x, borders, overlapping, np.sum)
    counts = _counts(borders, x.shape[1:3], overlapping)
    if x.dtype.kind == "i":
        return np.sign(sums) * (np.abs(sums) // counts).astype(x.dtype)
    return (sums / counts).astype(x.dtype)


def _pooling(name: str, doc: str, pool: Callable[..., Any], grad: Callable) -> Any:
    @op(
        f"{name}(value: T, *, pooling_ratio: list(float), pseudo_random: bool = False,"
        " overlapping: bool = False, deterministic: bool = False, seed: int = 0, seed2: int = 0,"
        f" T: {_KINDS}) -> output: T, row_pooling_sequence: int64, col_pooling_sequence: int64",
        doc,
        shape=_pooled_shapes,
        grad=grad,
        compile=False,
        stateful=True,
    )
    def lower(ctx, value, *, pooling_ratio, pseudo_random, overlapping, deterministic, seed, seed2):
        _check_ratio(pooling_ratio)
        if not deterministic and (seed or seed2):
            raise invalid("Both seed and seed2 should be 0 if deterministic is false.")
        if value.ndim != 4:
            raise invalid("tensor_in must be 4-dimensional")
        for i, (size, ratio) in enumerate(zip(value.shape, pooling_ratio)):
            if size < ratio:
                raise invalid(
                    f"Pooling ratio is higher than input dimension size for dimension {i}. Input dim "
                    f"size: {size} pooling ratio: {ratio:g}"
                )
        borders = _borders(value.shape[1:3], pooling_ratio[1:3], pseudo_random, (seed, seed2))
        return pool(np.asarray(value), borders, overlapping), *borders

    return lower


def _check_ratio(ratio: Sequence[float]) -> None:
    if len(ratio) != 4:
        raise invalid(
            f"Length for attr 'pooling_ratio' of {len(ratio)}: it must specify 4 dimensions"
        )
    for each in ratio:
        if each < 1:
            raise invalid(f"pooling_ratio cannot be smaller than 1, got: {each:g}")
    if ratio[0] != 1 or ratio[3] != 1:
        raise errors.UnimplementedError(
            None,
            None,
            "Fractional pooling is not yet supported on the batch nor channel dimension.",
        )


# Gradients ----------------------------------------------------------------------------------------


def _check_shape(what: str, each: np.ndarray, wanted: tuple[int, ...]) -> None:
    if each.shape != wanted:
        raise invalid(f"Expected {what} shape to be {list(wanted)}, but got {list(each.shape)}")


def _of_first(first, *rest):
    return first._shape


@op(
    "FractionalMaxPoolGrad(orig_input: T, orig_output: T, out_backprop: T,"
    " row_pooling_sequence: int64, col_pooling_sequence: int64, *, overlapping: bool = False,"
    f" T: {_KINDS}) -> output: T",
    shape=_of_first,
    grad=no_gradient,
    compile=False,
)
def fractional_max_pool_grad_op(
    xp, orig_input, orig_output, out_backprop, row_pooling_sequence, col_pooling_sequence, *,
    overlapping,
):  # fmt: skip
    """The gradient of FractionalMaxPool: all of it goes to the first of the largest of a region."""
    borders = row_pooling_sequence, col_pooling_sequence
    batch, _, _, channels = orig_input.shape
    rows, columns = (
        _regions(each, size, overlapping) for each, size in zip(borders, orig_input.shape[1:3])
    )
    wanted = (batch, len(rows), len(columns), channels)
    _check_shape("orig_output", orig_output, wanted)
    _check_shape("out_backprop", out_backprop, wanted)
    result = np.zeros(orig_input.shape, orig_input.dtype)
    image, channel = np.ogrid[:batch, :channels]
    for i, down in enumerate(rows):
        for j, across in enumerate(columns):
            region = orig_input[:, down, across]
            width = region.shape[2]
            place = region.reshape(batch, -1, channels).argmax(1)
            at = image, down.start + place // width, across.start + place % width, channel
            result[at] += out_backprop[:, i, j]
    return result


def _from_values(orig_input_tensor_shape, *rest):
    return constant_value_as_shape(orig_input_tensor_shape)


@op(
    "FractionalAvgPoolGrad(orig_input_tensor_shape: int64, out_backprop: T,"
    " row_pooling_sequence: int64, col_pooling_sequence: int64, *, overlapping: bool = False,"
    f" T: {_KINDS}) -> output: T",
    shape=_from_values,
    grad=no_gradient,
    compile=False,
)
def fractional_avg_pool_grad_op(
    xp, orig_input_tensor_shape, out_backprop, row_pooling_sequence, col_pooling_sequence, *,
    overlapping,
):  # fmt: skip
    """The gradient of FractionalAvgPool: each element of a region gets the same part."""
    if orig_input_tensor_shape.shape != (4,):
        raise invalid("original input tensor shape must be 1-dimensional and 4 elements")
    sizes = tuple(orig_input_tensor_shape.tolist())
    borders = row_pooling_sequence, col_pooling_sequence
    rows, columns = (_regions(each, n, overlapping) for each, n in zip(borders, sizes[1:3]))
    wanted = (sizes[0], len(rows), len(columns), sizes[3])
    _check_shape("out_backprop", out_backprop, wanted)
    parts = (out_backprop / _counts(borders, sizes[1:3], overlapping)).astype(out_backprop.dtype)
    result = np.zeros(sizes, out_backprop.dtype)
    for i, down in enumerate(rows):
        for j, across in enumerate(columns):
            result[:, down, across] += parts[:, i : i + 1, j : j + 1]
    return result


def _max_grad(g, value, output, row_pooling_sequence, col_pooling_sequence, *, overlapping):
    return fractional_max_pool_grad_op(
        value, output, g, row_pooling_sequence, col_pooling_sequence, overlapping=overlapping
    )


def _avg_grad(g, value, row_pooling_sequence, col_pooling_sequence, *, overlapping):
    return fractional_avg_pool_grad_op(
        shape_of(value, out_type=int64),
        g,
        row_pooling_sequence,
        col_pooling_sequence,
        overlapping=overlapping,
    )


fractional_max_pool_op = _pooling(
    "FractionalMaxPool",
    "The maxima of regions that are drawn at random, and where they begin and end.",
    _maxima,
    _max_grad,
)
fractional_avg_pool_op = _pooling(
    "FractionalAvgPool",
    "The means of regions that are drawn at random, and where they begin and end.",
    _means,
    _avg_grad,
)


# Functions ----------------------------------------------------------------------------------------


def _four(ratio: Any) -> list[float]:
    """A ratio for each dimension, where one number stands for rows and columns."""
    values = [1.0, ratio, ratio, 1.0] if isinstance(ratio, (int, float)) else list(ratio)
    if any(each < 1 for each in values):
        raise ValueError(f"`pooling_ratio` should be >= 1.0. Received: pooling_ratio={ratio}")
    if values[0] != 1 or values[-1] != 1:
        raise ValueError(
            "`pooling_ratio` should have first and last elements with value 1.0. Received: "
            f"pooling_ratio={ratio}"
        )
    return [float(each) for each in values]


def _seeded(
    op: Any, value: Any, ratio: Any, pseudo: bool, overlapping: bool, seed: int, name: Any
) -> Any:
    seeds = get_seed(seed) if seed else (0, 0)
    return op(
        value,
        pooling_ratio=ratio,
        pseudo_random=pseudo,
        overlapping=overlapping,
        deterministic=bool(seed),
        seed=seeds[0],
        seed2=seeds[1],
        name=name,
    )


@export(v2=("nn.fractional_max_pool",))
def fractional_max_pool(
    value: Any,
    pooling_ratio: Any,
    pseudo_random: bool = False,
    overlapping: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> Any:
    """The maxima of regions of images, the borders of which are drawn at random.

    Args:
      value: of shape `[batch, height, width, channels]`.
      pooling_ratio: how many times smaller the result is: a number of at least 1, or a list of four, of
        which the first and the last are 1.
      pseudo_random: whether the borders are those of a sequence that is even but for one random number,
        rather than of regions in random order.
      overlapping: whether regions have the first row and column of the next ones too.
      seed: if it is not 0 the same regions are taken every time.
      name: the name of the node.

    Returns:
      A named tuple: `output`, `row_pooling_sequence` and `col_pooling_sequence`, where the regions begin
      and the last one ends, int64.

    Raises:
      ValueError: for an unsuitable ratio.
      InvalidArgumentError: if images are smaller than the ratio.

    >>> import reflow as tf
    >>> image = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    >>> print(tf.nn.fractional_max_pool(image, 2.0).output.numpy().ravel())
    [ 5.  7. 13. 15.]
    """
    op = fractional_max_pool_op
    return _seeded(op, value, _four(pooling_ratio), pseudo_random, overlapping, seed, name)


@export(v2=("nn.fractional_avg_pool",))
def fractional_avg_pool(
    value: Any,
    pooling_ratio: Any,
    pseudo_random: bool = False,
    overlapping: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> Any:
    """The means of regions of images, the borders of which are drawn at random.

    The arguments and results are those of `tf.nn.fractional_max_pool`; a ratio is always a list of four.

    >>> import reflow as tf
    >>> image = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    >>> print(tf.nn.fractional_avg_pool(image, [1.0, 2.0, 2.0, 1.0])[0].numpy().ravel())
    [ 2.5  4.5 10.5 12.5]
    """
    op = fractional_avg_pool_op
    return _seeded(op, value, list(pooling_ratio), pseudo_random, overlapping, seed, name)


@export(v1=("nn.fractional_max_pool",))
def fractional_max_pool_v1(
    value: Any,
    pooling_ratio: Any,
    pseudo_random: bool = False,
    overlapping: bool = False,
    deterministic: bool = False,
    seed: int = 0,
    seed2: int = 0,
    name: str | None = None,
) -> Any:
    """`tf.nn.fractional_max_pool` with its TF 1 parameters.

    Args:
      value, pseudo_random, overlapping, name: see `tf.nn.fractional_max_pool`.
      pooling_ratio: a list of four.
      deterministic: whether the same regions are taken every time.
      seed, seed2: which ones, if `deterministic`.
    """
    return fractional_max_pool_op(
        value,
        pooling_ratio=list(pooling_ratio),
        pseudo_random=pseudo_random,
        overlapping=overlapping,
        deterministic=deterministic,
        seed=seed,
        seed2=seed2,
        name=name,
    )


@export(v1=("nn.fractional_avg_pool",))
def fractional_avg_pool_v1(
    value: Any,
    pooling_ratio: Any,
    pseudo_random: bool = False,
    overlapping: bool = False,
    deterministic: bool = False,
    seed: int = 0,
    seed2: int = 0,
    name: str | None = None,
) -> Any:
    """`tf.nn.fractional_avg_pool` with its TF 1 parameters.

    Args:
      value, pseudo_random, overlapping, name: see `tf.nn.fractional_avg_pool`.
      pooling_ratio: a list of four.
      deterministic: whether the same regions are taken every time.
      seed, seed2: which ones, if `deterministic`.
    """
    return fractional_avg_pool_op(
        value,
        pooling_ratio=list(pooling_ratio),
        pseudo_random=pseudo_random,
        overlapping=overlapping,
        deterministic=deterministic,
        seed=seed,
        seed2=seed2,
        name=name,
    )
