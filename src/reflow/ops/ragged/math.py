"""Ranges, reductions and other arithmetic over the rows of ragged tensors."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

from reflow.lang import dtypes, errors
from reflow.lang.api_dispatch import handles
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import is_tensor
from reflow.ops import array, cast, reduce, scan, segments
from reflow.ops.linalg import matmul
from reflow.ops.ragged.elementwise import TYPES, apply
from reflow.ops.ragged.kernels import ragged_range_op
from reflow.ops.ragged.ragged_tensor import (
    RaggedTensor,
    convert_to_tensor_or_ragged,
    is_ragged,
    match_splits_dtypes,
    positive_axis,
)
from reflow.ops.ragged.row_partition import (
    after,
    repeat_rows,
    require,
    same_splits,
)

# Ranges -------------------------------------------------------------------------------------------


@export("ragged.range")
def range(
    starts: Any,
    limits: Any = None,
    deltas: Any = 1,
    dtype: Any = None,
    name: str | None = None,
    row_splits_dtype: Any = dtypes.int64,
) -> RaggedTensor:
    """Ranges of numbers, one a row: `range(starts[i], limits[i], deltas[i])`.

    Args:
      starts: a scalar or a vector; the limits, with starts of 0, if `limits` is not given.
      limits: a scalar or a vector.
      deltas: a scalar or a vector.
      dtype: the dtype of the numbers; by default the widest of the arguments.
      name: a prefix for the nodes.
      row_splits_dtype: `tf.int32` or `tf.int64`.

    Raises:
      InvalidArgumentError: if a delta is 0, or vectors differ in length.

    >>> import reflow as tf
    >>> tf.ragged.range([3, 0, 2])
    <tf.RaggedTensor [[0, 1, 2], [], [0, 1]]>
    """
    kind = as_dtype(row_splits_dtype)
    if limits is None:
        starts, limits = 0, starts
    with name_scope(name, "RaggedRange", [starts, limits, deltas]) as scope:
        given = [
            convert_to_tensor(each, dtype, what)
            for each, what in zip((starts, limits, deltas), ("starts", "limits", "deltas"))
        ]
        if dtype is None:
            order = [dtypes.int32, dtypes.int64, dtypes.bfloat16, dtypes.float32, dtypes.float64]
            if any(each.dtype not in order for each in given):
                raise ValueError(
                    f"{errors.user_site()}: tf.ragged.range takes int32, int64 and "
                    f"floating-point numbers, got {[each.dtype.name for each in given]}"
                )
            widest = max((each.dtype for each in given), key=order.index)
            given = [cast.cast(each, widest) for each in given]
        splits, values = ragged_range_op(*given, Tsplits=kind, name=scope or None)
        return RaggedTensor.from_row_splits(values, splits, validate=False)


# Segments -----------------------------------------------------------------------------------------


def segment_aggregate(
    function: Callable[[Any, Any, Any], Any], data: Any, segment_ids: Any, num_segments: Any
) -> Any:
    """`function(values, ids, number)` over values with equal ids; ragged where `data` is.

    Rows of `data` that are aggregated may have different lengths: the result has the longest.
    """
    if not is_ragged(data) and not is_ragged(segment_ids):
        return function(data, segment_ids, num_segments)
    if is_ragged(segment_ids):
        if not is_ragged(data):
            raise ValueError(
                f"{errors.user_site()}: segment_ids.shape should be a prefix of "
                "data.shape, but segment_ids is ragged and data is not."
            )
        data, segment_ids = match_splits_dtypes(data, segment_ids)
        checks = require(
            same_splits(segment_ids.row_splits, data.row_splits),
            "segment_ids.shape should be a prefix of data.shape: their row splits are",
            [segment_ids.row_splits, data.row_splits],
        )
        ids = segment_ids.values
        if checks and not is_ragged(ids):
            (ids,) = after(checks, ids)
        return segment_aggregate(function, data.values, ids, num_segments)
    kind = data.row_splits.dtype
    ids = cast.cast(convert_to_tensor(segment_ids), dtypes.int64)
    count = cast.cast(convert_to_tensor(num_segments), dtypes.int32)
    lengths = data.row_lengths()
    longest = REGISTRY["UnsortedSegmentMax"](lengths, ids, count)
    longest = REGISTRY["Maximum"](longest, convert_to_tensor(0, kind))
    result = RaggedTensor.from_row_lengths(
        REGISTRY["Range"](
            *(convert_to_tensor(n, kind) for n in (0, REGISTRY["Sum"](longest, [0]), 1))
        ),
        longest,
        validate=False,
    )
    first = REGISTRY["GatherV2"](result.row_splits, ids, 0)
    splits, places = ragged_range_op(
        first, first + lengths, convert_to_tensor(1, kind), Tsplits=kind
    )
    values = segment_aggregate(function, data.values, places, result.row_splits[-1])
    return RaggedTensor.from_row_splits(values, result.row_splits, validate=False)


def _segment_handler(name: str) -> None:
    @handles(f"math.{name}", types=TYPES, v1=(name,), with_function=True)
    def handler(
        function: Callable, data: Any, segment_ids: Any, num_segments: Any, name: Any = None
    ) -> Any:
        with name_scope(name, "Ragged" + function.__name__):
            return segment_aggregate(
                function,
                convert_to_tensor_or_ragged(data),
                convert_to_tensor_or_ragged(segment_ids),
                num_segments,
            )


for _kind in ("sum", "prod", "min", "max", "mean", "sqrt_n"):
    _segment_handler(f"unsorted_segment_{_kind}")


# Reductions ---------------------------------------------------------------------------------------


def known_axis(axis: Any) -> Any:
    """An axis as a Python integer, a list of them, or None.

    Raises:
      ValueError: if it is a tensor whose value is not known.
    """
    if is_tensor(axis):
        value = constant_value(axis)
        if value is None:
            raise ValueError(
                f"{errors.user_site()}: axis must be known at graph construction time."
            )
        axis = value.tolist()
    elif hasattr(axis, "tolist"):
        axis = axis.tolist()
    return list(axis) if isinstance(axis, (tuple, builtins.range)) else axis


def reduce_ragged(
    dense: Callable, segment: Callable, rt: Any, axis: Any, keepdims: bool, **more: Any
) -> Any:
    """A reduction: `dense(tensor, axis, keepdims)` of tensors, `segment` of what lies in rows."""
    if not is_ragged(rt):
        return dense(rt, axis, keepdims, **more)
    axis = known_axis(axis)
    if axis is None:
        result = dense(rt.flat_values, None, False, **more)
        if keepdims:
            result = array.reshape(result, [1] * rt.shape.rank)
        return result
    if isinstance(axis, list):
        if not axis:
            return rt
        axes = sorted(
            (positive_axis(each, rt.shape.rank, f"axis[{i}]", "rank(input_tensor)") for i, each in enumerate(axis)),
            reverse=True,
        )  # fmt: skip
        for each in axes:
            rt = reduce_ragged(dense, segment, rt, each, keepdims, **more)
        return rt
    axis = positive_axis(axis, rt.shape.rank, ndims_name="rank(input_tensor)")
    if axis > 1:
        return rt.with_values(reduce_ragged(dense, segment, rt.values, axis - 1, keepdims, **more))
    splits = rt.row_splits
    if axis == 0:
        lengths = rt.row_lengths()
        kind = splits.dtype
        zero = convert_to_tensor(0, kind)
        count = REGISTRY["Maximum"](REGISTRY["Max"](lengths, [0]), zero)
        ids = ragged_range_op(
            zero, lengths, convert_to_tensor(1, kind), Tsplits=kind
        ).rt_dense_values
    else:
        count, ids = rt.nrows(), rt.value_rowids()
    result = segment_aggregate(functools.partial(segment, **more), rt.values, ids, count)
    if keepdims:
        from reflow.ops.ragged.array_ops import expand_dims

        result = expand_dims(result, axis)
    return result


def _keep(keepdims: Any, keep_dims: Any) -> bool:
    if keepdims is not None and keep_dims is not None:
        raise ValueError("Cannot specify both 'keepdims' and 'keep_dims'.")
    return bool(keep_dims if keepdims is None else keepdims)


def _axis(axis: Any, reduction_indices: Any) -> Any:
    if axis is not None and reduction_indices is not None:
        raise ValueError("Cannot specify both 'axis' and 'reduction_indices'.")
    return reduction_indices if axis is None else axis


def _reduction(name: str, of: Callable[[Any, Any, bool], Any]) -> None:
    """Registers `of(rt, axis, keepdims)` for the TF 1 and TF 2 functions of a reduction."""

    @handles(types=TYPES, v2=(f"math.{name}", name))
    def handler(
        input_tensor: Any, axis: Any = None, keepdims: Any = False, name: Any = None
    ) -> Any:
        with name_scope(name, label):
            return of(convert_to_tensor_or_ragged(input_tensor), axis, bool(keepdims))

    @handles(types=TYPES, v1=(f"math.{name}", name))
    def handler_v1(
        input_tensor: Any,
        axis: Any = None,
        keepdims: Any = None,
        name: Any = None,
        reduction_indices: Any = None,
        keep_dims: Any = None,
    ) -> Any:
        rt = convert_to_tensor_or_ragged(input_tensor)
        with name_scope(name, label):
            return of(rt, _axis(axis, reduction_indices), _keep(keepdims, keep_dims))

    label = "Ragged" + "".join(part.title() for part in name.split("_"))


def _sum(rt: Any, axis: Any, keepdims: bool) -> Any:
    return reduce_ragged(reduce.reduce_sum, segments.unsorted_segment_sum, rt, axis, keepdims)


def _prod(rt: Any, axis: Any, keepdims: bool) -> Any:
    return reduce_ragged(reduce.reduce_prod, segments.unsorted_segment_prod, rt, axis, keepdims)


def _max(rt: Any, axis: Any, keepdims: bool) -> Any:
    return reduce_ragged(reduce.reduce_max, segments.unsorted_segment_max, rt, axis, keepdims)


def _min(rt: Any, axis: Any, keepdims: bool) -> Any:
    return reduce_ragged(reduce.reduce_min, segments.unsorted_segment_min, rt, axis, keepdims)


def _mean(rt: Any, axis: Any, keepdims: bool) -> Any:
    ones = rt.with_flat_values(REGISTRY["OnesLike"](rt.flat_values))
    total, count = _sum(rt, axis, keepdims), _sum(ones, axis, keepdims)
    if is_ragged(total):
        return total.with_flat_values(total.flat_values / count.flat_values)
    return total / count


def _variance(rt: Any, axis: Any, keepdims: bool) -> Any:
    if rt.dtype.is_complex:
        raise ValueError(
            f"{errors.user_site()}: reduce_variance is not supported for RaggedTensors "
            "with complex dtypes."
        )
    mean = _mean(rt, axis, keepdims)
    return _mean(rt * rt, axis, keepdims) - mean * mean


def _std(rt: Any, axis: Any, keepdims: bool) -> Any:
    variance = _variance(rt, axis, keepdims)
    if is_ragged(variance):
        return variance.with_flat_values(REGISTRY["Sqrt"](variance.flat_values))
    return REGISTRY["Sqrt"](variance)


def _as_counts(of: Callable) -> Callable:
    """A reduction of truth values, as one of 0 and 1."""

    def reduced(rt: Any, axis: Any, keepdims: bool) -> Any:
        rt = rt.with_flat_values(cast.cast(rt.flat_values, dtypes.int32))
        result = of(rt, axis, keepdims)
        if is_ragged(result):
            return result.with_flat_values(cast.cast(result.flat_values, dtypes.bool))
        return cast.cast(result, dtypes.bool)

    return reduced


_reduction("reduce_sum", _sum)
_reduction("reduce_prod", _prod)
_reduction("reduce_max", _max)
_reduction("reduce_min", _min)
_reduction("reduce_mean", _mean)
_reduction("reduce_all", _as_counts(_prod))
_reduction("reduce_any", _as_counts(_sum))
handles("math.reduce_variance", types=TYPES)(
    lambda input_tensor, axis=None, keepdims=False, name=None: _variance(
        convert_to_tensor_or_ragged(input_tensor), axis, bool(keepdims)
    )
)
handles("math.reduce_std", types=TYPES)(
    lambda input_tensor, axis=None, keepdims=False, name=None: _std(
        convert_to_tensor_or_ragged(input_tensor), axis, bool(keepdims)
    )
)


# Along rows ---------------------------------------------------------------------------------------


@handles("math.cumsum", types=TYPES)
def cumsum(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Sums of what comes before, along a dimension."""
    x = convert_to_tensor_or_ragged(x)
    if not is_ragged(x):
        return NotImplemented
    with name_scope(name, "RaggedCumSum", [x]):
        axis = positive_axis(axis, x.shape.rank, ndims_name="rank(x)")
        depth = x.ragged_rank
        if axis > depth:
            flat = scan.cumsum(x.flat_values, axis - depth, exclusive, reverse)
            return x.with_flat_values(flat)
        if axis < depth:
            dense = scan.cumsum(x.to_tensor(), axis, exclusive, reverse)
            return RaggedTensor.from_tensor(
                dense, lengths=x.nested_row_lengths(), row_splits_dtype=x.row_splits.dtype
            )
        last = x._nested_row_partitions[-1]
        rows = last.value_rowids()
        sums = scan.cumsum(x.flat_values, 0, True, reverse)
        start = REGISTRY["GatherV2"](last.row_splits(), rows + 1 if reverse else rows, 0)
        sums = sums - REGISTRY["GatherV2"](sums, start - 1 if reverse else start, 0)
        return x.with_flat_values(sums if exclusive else sums + x.flat_values)


@handles(types=TYPES, v2=("nn.softmax", "math.softmax"))
def softmax(logits: Any, axis: Any = None, name: str | None = None) -> Any:
    """The softmax of rows."""
    logits = convert_to_tensor_or_ragged(logits)
    with name_scope(name, "RaggedSoftmax", [logits]):
        axis = -1 if axis is None else axis
        highest = _max(logits, axis, True)
        scaled = apply(lambda a, b: REGISTRY["Exp"](a - b), logits, highest)
        return scaled / _sum(scaled, axis, True)


@handles(types=TYPES, v1=("nn.softmax", "math.softmax"))
def softmax_v1(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """The softmax of rows."""
    return softmax(logits, dim if axis is None else axis, name)


@handles("math.add_n", types=TYPES, v1=("add_n",))
def add_n(inputs: Any, name: str | None = None) -> Any:
    """The sum of values of one shape."""
    with name_scope(name, "RaggedAddN"):
        return apply(lambda *flats: REGISTRY["AddN"](list(flats)), *inputs)


@handles("nn.dropout", "nn.experimental.stateless_dropout", types=TYPES, with_function=True)
def dropout(function: Callable, x: Any, *args: Any, **kwargs: Any) -> Any:
    """Dropout of the flat values."""
    if not is_ragged(x):
        return NotImplemented
    if kwargs.get("noise_shape") is not None:
        raise ValueError(
            f"{errors.user_site()}: noise_shape is not supported yet for RaggedTensor x"
        )
    x = convert_to_tensor_or_ragged(x)
    return x.with_flat_values(function(x.flat_values, *args, **kwargs))


@handles("linalg.matmul", "matmul", types=TYPES)
def matmul_ragged(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    output_type: Any = None,
    grad_a: bool = False,
    grad_b: bool = False,
    name: str | None = None,
) -> Any:
    """Products of matrices with different numbers of rows or columns, one for each batch.

    What is summed over must have one size in a batch; rows are filled up with zeros for the product.
    """
    site = errors.user_site()
    a, b = (convert_to_tensor_or_ragged(each) for each in (a, b))
    if a_is_sparse or b_is_sparse or output_type is not None:
        raise ValueError(
            f"{site}: tf.matmul of ragged tensors takes no a_is_sparse, b_is_sparse or output_type."
        )
    if a.dtype != b.dtype:
        raise ValueError(f"{site}: `a` and `b` must have the same dtype.")
    if transpose_a and adjoint_a or transpose_b and adjoint_b:
        raise ValueError(f"{site}: Only one of transpose and adjoint can be True.")
    ranks = {each.shape.rank for each in (a, b)}
    if ranks - {2, 3} or len(ranks) > 1:
        raise ValueError(
            f"{site}: tf.matmul of ragged tensors expects two arguments of rank 2 or 3, got "
            f"{a.shape} and {b.shape}"
        )
    rank = ranks.pop()
    with name_scope(name, "RaggedMatMul", [a, b]):
        kind = next(each.row_splits.dtype for each in (a, b) if is_ragged(each))
        rows = _sizes(a, rank, transpose_a or adjoint_a, 0, kind)
        columns = _sizes(b, rank, transpose_b or adjoint_b, 1, kind)
        summed = [
            _sizes(a, rank, transpose_a or adjoint_a, 1, kind),
            _sizes(b, rank, transpose_b or adjoint_b, 0, kind),
        ]
        equal = REGISTRY["Equal"](*summed)
        checks = require(
            REGISTRY["All"](equal, REGISTRY["Range"](0, array.rank(equal), 1)),
            "The matrices do not fit: the inner dimensions are",
            summed,
        )
        dense = [each.to_tensor() if is_ragged(each) else each for each in (a, b)]
        product = matmul.matmul(
            *after(checks, *dense), transpose_a, transpose_b, adjoint_a, adjoint_b
        )
        if rank == 2 or rows.shape.rank == 0 and columns.shape.rank == 0:
            return product
        if columns.shape.rank == 0:
            return RaggedTensor.from_tensor(product, lengths=rows, row_splits_dtype=kind)
        sizes = array.shape(product, out_type=kind)
        if rows.shape.rank == 0:
            flat = array.reshape(product, REGISTRY["Pack"]([sizes[0] * rows, sizes[2]], axis=0))
            each = REGISTRY["Fill"](sizes[:1], rows)
            cut = RaggedTensor.from_tensor(
                flat, lengths=repeat_rows(columns, each), row_splits_dtype=kind
            )
            return RaggedTensor.from_uniform_row_length(cut, rows, nrows=sizes[0], validate=False)
        return RaggedTensor.from_tensor(
            product, lengths=(rows, repeat_rows(columns, rows)), row_splits_dtype=kind
        )


def _sizes(value: Any, rank: int, turned: bool, which: int, kind: Any) -> Any:
    """The number of rows (0) or columns (1) of the matrices: a scalar, or one for each batch.

    Raises:
      errors.InvalidArgumentError: if the rows of a matrix differ in length.
    """
    axis = rank - 2 + (1 - which if turned else which)
    if not is_ragged(value) or axis == 0 or axis > value.ragged_rank:
        if is_ragged(value):
            return value.bounding_shape(axis=axis, out_type=kind)
        return array.shape(value, out_type=kind)[axis]
    lengths = value.row_lengths(axis)
    if not is_ragged(lengths):  # of each row, or of each batch
        if axis == rank - 2:
            return lengths
        longest = REGISTRY["Max"](lengths, [0])
        checks = require(
            REGISTRY["All"](REGISTRY["Equal"](lengths, longest), [0]),
            "The rows of a matrix have different lengths:",
            [lengths],
        )
        return after(checks, longest)[0]
    longest, shortest = (of(lengths, 1, False) for of in (_max, _min))
    empty = REGISTRY["Equal"](lengths.row_lengths(), convert_to_tensor(0, kind))
    checks = require(
        REGISTRY["All"](REGISTRY["LogicalOr"](empty, REGISTRY["Equal"](longest, shortest)), [0]),
        "The rows of a matrix have different lengths, at least and at most:",
        [shortest, longest],
    )
    (longest,) = after(checks, longest)
    return REGISTRY["Maximum"](longest, convert_to_tensor(0, kind))
