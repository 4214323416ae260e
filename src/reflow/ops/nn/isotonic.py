"""The nearest monotone sequence: https://www.tensorflow.org/api_docs/python/tf/nn/isotonic_regression"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import INTEGER, bfloat16, float16, float32, float64, int32
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops.array import reshape, transpose
from reflow.ops.array import shape as shape_of
from reflow.ops.cast import cast
from reflow.ops.define import op
from reflow.ops.filling import ones_like
from reflow.ops.indexing import gather
from reflow.ops.math import neg
from reflow.ops.reduce import reduce_prod
from reflow.ops.segments import unsorted_segment_sum
from reflow.ops.sequences import range as range_of


def _regressed(row: np.ndarray) -> tuple[list[float], list[int]]:
    """The means of the segments of a row, and their lengths: violators are pooled with what is before."""
    means: list[float] = []
    lengths: list[int] = []
    for value in row.tolist():
        mean, length = value, 1
        while means and means[-1] <= mean:
            before = lengths.pop()
            mean = (means.pop() * before + mean * length) / (before + length)
            length += before
        means.append(mean)
        lengths.append(length)
    return means, lengths


@op(
    "IsotonicRegression(input: T, *, T: {float,double,int32,uint8,int16,int8,int64,bfloat16,uint16,"
    "half,uint32,uint64}, output_dtype: {half,bfloat16,float,double} = float)"
    " -> output: output_dtype, segments: int32",
    shape=lambda input: [input._shape, input._shape],
    compile=False,
)
def isotonic_regression_op(xp, input, *, output_dtype):
    """The descending rows that are nearest to those of `input`, and the numbers of their segments."""
    rows = input.reshape(-1, input.shape[-1]) if input.size else np.zeros((0, 0))
    output = np.empty(rows.shape, np.float64)
    segments = np.empty(rows.shape, np.int32)
    for i, row in enumerate(rows.astype(np.float64)):
        means, lengths = _regressed(row)
        output[i] = np.repeat(means, lengths)
        segments[i] = np.repeat(np.arange(len(means)), lengths)
    output = output.reshape(input.shape).astype(output_dtype.np)
    return output, segments.reshape(input.shape)


@isotonic_regression_op.gradient_rule
def _isotonic_regression_grad(g, input, segments):
    """Every element of a segment gets the mean of its gradients."""
    sizes = shape_of(input)
    count = reduce_prod(sizes)
    places = reshape(range_of(count), sizes)
    ids = reshape(segments + places - places % sizes[-1], [-1])  # apart from those of other rows
    flat = reshape(g, [-1])
    means = unsorted_segment_sum(flat, ids, count) / unsorted_segment_sum(
        ones_like(flat), ids, count
    )
    return cast(reshape(gather(means, ids), sizes), input.dtype)


@export(v2=("nn.isotonic_regression",))
def isotonic_regression(inputs: Any, decreasing: bool = True, axis: int = -1) -> Any:
    """The monotone sequences that are nearest to those of a tensor, in the least-squares sense.

    Args:
      inputs: real numbers.
      decreasing: whether sequences are to fall, rather than to rise.
      axis: along which they go.

    Returns:
      A pair: the sequences, in the dtype of `inputs`, which for small integers is float32 and for
      other integers float64; and int32 numbers from 0 on that are the same where elements were
      replaced by one mean.

    Raises:
      InvalidArgumentError: if there is no such axis.

    >>> import reflow as tf
    >>> values, segments = tf.nn.isotonic_regression(tf.constant([3.0, 1.0, 2.0, 1.0]))
    >>> print(values.numpy(), segments.numpy())
    [3.  1.5 1.5 1. ] [0 1 1 2]
    """
    with name_scope(None, "isotonic_regression"):
        inputs = convert_to_tensor(inputs, name="inputs")
        kind = inputs.dtype.base_dtype
        if kind not in (float16, bfloat16, float32, float64):
            kind = float32 if kind in INTEGER and kind.size < 4 else float64

        def along_last(x: Any) -> Any:
            if decreasing:
                return isotonic_regression_op(x, output_dtype=kind)
            if x.dtype.is_unsigned:
                x = cast(x, kind)
            output, segments = isotonic_regression_op(neg(x), output_dtype=kind)
            return neg(output), segments

        if axis == -1:
            return along_last(inputs)
        return _along(inputs, axis, along_last)


def _along(x: Any, axis: int, function: Any) -> tuple[Any, Any]:
    """`function` along an axis of `x`, which it takes as the last one."""
    rank = x.shape.rank
    if rank is None:
        size = shape_of(shape_of(x))[0]
        axis = convert_to_tensor(axis, int32)
        order = range_of(size)
        last, place = size - 1, axis % size
        # The axis and the last one change places.
        order = order + cast(order == place, int32) * (last - place)
        order = order + cast(range_of(size) == last, int32) * (place - last)
    else:
        if not -rank <= axis < rank:
            raise invalid(
                f"`dim` must be in the range [{-rank}, {rank}) where {rank} is the number of dimensions "
                f"in the input. Received: dim={axis}"
            )
        order = list(range(rank))
        order[axis], order[-1] = order[-1], order[axis]
    return tuple(transpose(each, order) for each in function(transpose(x, order)))
