"""The largest elements where a few may be missed: `tf.math.approx_max_k`, `tf.math.approx_min_k`.

After https://arxiv.org/abs/2206.14286. Reflow misses none; what it takes over is the number of candidates
that are given where they are not to be reduced to k.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.export import export
from reflow.ops import array
from reflow.ops.define import op
from reflow.ops.sorting import _back_to_places, _top

_LANES, _LANES_OF_A_VECTOR = 128, 1024  # of a tile: what the paper's processor takes at a time


def _candidates(n: int, rank: int, k: int, recall: float, whole: int, reduce: bool) -> int:
    """How many of `n` elements are given; `whole` of them there are altogether if that is not -1."""
    tile = _LANES_OF_A_VECTOR if rank == 1 else _LANES
    if reduce or n < k:
        return k
    if n <= tile:
        return n
    bins = max(math.ceil((1 - k) / math.log(recall)) if recall < 1 else n, tile)
    halvings = int(math.log2(max((n if whole < 0 else whole) / min(bins, n), 1)))
    tiles = math.ceil(n / tile)
    return math.ceil(tiles / 2 ** min(halvings, int(math.log2(tiles)))) * tile if halvings else n


def _shape(
    input,
    *,
    k,
    reduction_dimension,
    recall_target,
    reduction_input_size_override,
    aggregate_to_topk,
):
    dims = input._shape._dims
    if dims is None:
        return [shapes.UNKNOWN, shapes.UNKNOWN]
    axis = _axis(reduction_dimension, len(dims))
    n = dims[axis]
    if n is not None and n < k:
        raise ValueError(f"input must have last dimension >= k = {k} but was {n}")
    size = None
    if n is not None or aggregate_to_topk:
        size = _candidates(
            *(n or k, len(dims), k, recall_target, reduction_input_size_override),
            aggregate_to_topk,
        )
    result = shapes.of((*dims[:axis], size, *dims[axis + 1 :]))
    return [result, result]


def _axis(dimension: int, rank: int) -> int:
    if not -rank <= dimension < rank:
        raise ValueError(f"reduction_dimension {dimension} is out of range for rank {rank}")
    return dimension % rank


@op(
    "ApproxTopK(input: T, *, k: int, reduction_dimension: int = -1,"
    " recall_target: float = 0.949999988079071, is_max_k: bool = True,"
    " reduction_input_size_override: int = -1, aggregate_to_topk: bool = True,"
    " T: {half,bfloat16,float}) -> values: T, indices: int32",
    shape=_shape,
)
def approx_top_k_op(
    xp,
    input,
    *,
    k,
    reduction_dimension,
    recall_target,
    is_max_k,
    reduction_input_size_override,
    aggregate_to_topk,
):
    """The largest or the smallest elements along a dimension, in order."""
    rank = len(input.shape)
    axis = _axis(reduction_dimension, rank)
    n = input.shape[axis]
    if n < k:
        raise ValueError(f"input must have last dimension >= k = {k} but was {n}")
    size = _candidates(
        *(n, rank, k, recall_target, reduction_input_size_override, aggregate_to_topk)
    )
    rows = xp.moveaxis(input if is_max_k else -input, axis, -1)
    values, index = _top(xp, rows, size)
    values = xp.moveaxis(values if is_max_k else -values, -1, axis)
    return values, xp.astype(xp.moveaxis(index, -1, axis), np.int32)


@approx_top_k_op.gradient_rule
def _approx_top_k_grad(g_values, input, indices, *, reduction_dimension):
    if g_values is None:
        return None
    rank = input.shape.with_rank_at_least(1).rank
    if rank is None:
        raise ValueError("the gradient of ApproxTopK needs an input of known rank")
    axis = _axis(reduction_dimension, rank)
    if axis == rank - 1:
        return _back_to_places(g_values, input, indices)
    order = [*(i for i in range(rank) if i != axis), axis]
    rows = [array.transpose(each, order) for each in (g_values, input, indices)]
    return array.transpose(_back_to_places(*rows), [order.index(i) for i in range(rank)])


@export("math.approx_max_k", "nn.approx_max_k")
def approx_max_k(
    operand: Any,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
    name: str | None = None,
) -> Any:
    """The k largest elements along a dimension, largest first, and their indices.

    Args:
      operand: a tensor of dtype float16, bfloat16 or float32.
      k: how many, a Python integer.
      reduction_dimension: the dimension.
      recall_target: the share of the largest that must be among the result; here all are.
      reduction_input_size_override: the size of the dimension where `operand` is a part of it.
      aggregate_to_topk: whether to give k elements, or as many as a partial reduction leaves.

    Returns:
      A named tuple `(values, indices)`.

    Raises:
      ValueError: if the dimension is smaller than `k`.

    >>> import reflow as tf
    >>> values, indices = tf.math.approx_max_k([1.0, 3.0, 2.0], 2)
    >>> values.numpy().tolist(), indices.numpy().tolist()
    ([3.0, 2.0], [1, 2])
    """
    return approx_top_k_op(
        operand,
        k=k,
        reduction_dimension=reduction_dimension,
        recall_target=recall_target,
        reduction_input_size_override=reduction_input_size_override,
        aggregate_to_topk=aggregate_to_topk,
        name=name,
    )


@export("math.approx_min_k", "nn.approx_min_k")
def approx_min_k(
    operand: Any,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
    name: str | None = None,
) -> Any:
    """The k smallest elements along a dimension, smallest first: see `tf.math.approx_max_k`.

    >>> import reflow as tf
    >>> values, indices = tf.math.approx_min_k([1.0, 3.0, 2.0], 2)
    >>> values.numpy().tolist(), indices.numpy().tolist()
    ([1.0, 2.0], [0, 2])
    """
    return approx_top_k_op(
        operand,
        is_max_k=False,
        k=k,
        reduction_dimension=reduction_dimension,
        recall_target=recall_target,
        reduction_input_size_override=reduction_input_size_override,
        aggregate_to_topk=aggregate_to_topk,
        name=name,
    )
