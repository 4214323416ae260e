"""Shapes and arrangement of ragged tensors: what `tf.size`, `tf.tile`, `tf.reverse` do with them."""

from __future__ import annotations

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
from reflow.ops import array, cast, joining, masking, padding, repeating, sorting
from reflow.ops.ragged.elementwise import TYPES, apply
from reflow.ops.ragged.functional import map_flat_values
from reflow.ops.ragged.gather import gather
from reflow.ops.ragged.math import known_axis
from reflow.ops.ragged.ragged_tensor import (
    RaggedTensor,
    convert_to_tensor_or_ragged,
    is_ragged,
    match_splits_dtypes,
    positive_axis,
)
from reflow.ops.ragged.row_partition import (
    RowPartition,
    after,
    repeat_rows,
    require,
    rows_of,
    same_splits,
)

# Sizes --------------------------------------------------------------------------------------------


@handles(types=TYPES, v2=("size",))
def size(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """How many values there are."""
    out_type = dtypes.int32 if out_type is None else as_dtype(out_type)
    return array.size(convert_to_tensor_or_ragged(input).flat_values, name, out_type)


@handles(types=TYPES, v1=("size",))
def size_v1(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Any:
    """How many values there are."""
    return size(input, out_type, name)


@handles("rank", types=TYPES)
def rank(input: Any, name: str | None = None) -> Any:
    """The number of dimensions."""
    with name_scope(name, "RaggedRank", [input]):
        rt = convert_to_tensor_or_ragged(input)
        if rt.shape.rank is not None:
            return convert_to_tensor(rt.shape.rank)
        return rt.ragged_rank + array.rank(rt.flat_values)


# Dimensions of size one ---------------------------------------------------------------------------


@handles(types=TYPES, v2=("expand_dims",))
def expand_dims(input: Any, axis: Any, name: str | None = None) -> Any:
    """With a new dimension of size 1 before dimension `axis`."""
    with name_scope(name, "RaggedExpandDims", [input]):
        rt = convert_to_tensor_or_ragged(input, name="input")
        if not is_ragged(rt):
            return array.expand_dims(rt, axis)
        out_rank = None if rt.shape.rank is None else rt.shape.rank + 1
        axis = positive_axis(known_axis(axis), out_rank, ndims_name="rank(input)+1")
        if axis > 1:
            return rt.with_values(expand_dims(rt.values, axis - 1))
        count = rt._row_partition.static_nrows
        rows = rt.nrows() if count is None else count
        length, nrows = (rows, 1) if axis == 0 else (1, rows)
        kind = rt.row_splits.dtype
        partition = RowPartition.from_uniform_row_length(length, None, nrows, False, kind)
        return RaggedTensor._from_row_partition(rt, partition, validate=False)


@handles(types=TYPES, v1=("expand_dims",))
def expand_dims_v1(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """With a new dimension of size 1 before dimension `axis`."""
    return expand_dims(input, dim if axis is None else axis, name)


@handles(types=TYPES, v2=("squeeze",))
def squeeze(input: Any, axis: Any = None, name: str | None = None) -> Any:
    """Without the dimensions `axis`, which are of size 1."""
    with name_scope(name, "RaggedSqueeze", [input]):
        rt = convert_to_tensor_or_ragged(input)
        axis = known_axis(axis)
        if axis is None:
            raise ValueError(f"{errors.user_site()}: Ragged.squeeze must have an axis argument.")
        axes = [axis] if isinstance(axis, int) else axis
        axes = {positive_axis(each, rt.shape.rank) for each in axes}
        for each in sorted(axes, reverse=True):
            rt = _squeezed(rt, each, each)
        return rt


@handles(types=TYPES, v1=("squeeze",))
def squeeze_v1(
    input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None
) -> Any:
    """Without the dimensions `axis`, which are of size 1."""
    return squeeze(input, squeeze_dims if axis is None else axis, name)


def _squeezed(value: Any, axis: int, asked: int) -> Any:
    if not is_ragged(value):
        return array.squeeze(value, [axis])
    if axis > 1:
        return value.with_values(_squeezed(value.values, axis - 1, asked))
    one = convert_to_tensor(1, value.row_splits.dtype)
    if axis == 0:
        fits = REGISTRY["Equal"](value.nrows(), one)
    else:
        fits = REGISTRY["All"](REGISTRY["Equal"](value.row_lengths(), one), [0])
    checks = require(fits, f"the given axis (axis = {asked}) is not squeezable!")
    values = value.values
    if not checks:
        return values
    return _waiting(values, checks)


def _waiting(value: Any, checks: list[Any]) -> Any:
    """A tensor or ragged tensor whose flat values wait for `checks`."""
    if is_ragged(value):
        return value.with_flat_values(_waiting(value.flat_values, checks))
    return after(checks, value)[0]


# Repeated and reversed ----------------------------------------------------------------------------


@handles("tile", types=TYPES)
def tile(input: Any, multiples: Any, name: str | None = None) -> Any:
    """`input` repeated `multiples[i]` times along dimension i."""
    with name_scope(name, "RaggedTile", [input, multiples]):
        rt = convert_to_tensor_or_ragged(input, name="input")
        if not is_ragged(rt):
            return repeating.tile(rt, multiples)
        multiples = convert_to_tensor(multiples, name="multiples", dtype_hint=rt.row_splits.dtype)
        multiples.shape.assert_has_rank(1)
        count = multiples.shape._dims[0] if multiples.shape._dims else None
        if count is None:
            count = rt.shape.rank
        elif rt.shape.rank not in (None, count):
            raise ValueError(
                f"{errors.user_site()}: multiples has {count} elements, one for each of "
                f"the {rt.shape.rank} dimensions is needed"
            )
        if count is None:
            raise ValueError("tf.tile of a ragged tensor needs a known number of multiples")
        multiples = cast.cast(multiples, rt.row_splits.dtype)
        known = constant_value(multiples)
        return _tiled(rt, multiples, known)


def _tiled(value: Any, multiples: Any, known: Any) -> Any:
    """All rows `multiples[0]` times, each with its content tiled by the other multiples."""
    if not is_ragged(value):
        return repeating.tile(value, multiples)
    if known is None or any(known[1:] != 1):
        value = _tile_content(value, multiples[1:], None if known is None else known[1:])
    if known is not None and known[0] == 1:
        return value
    kind = value.row_splits.dtype
    rows = REGISTRY["Range"](*(convert_to_tensor(n, kind) for n in (0, value.nrows(), 1)))
    return gather(value, repeating.tile(rows, multiples[:1]))


def _tile_content(value: RaggedTensor, multiples: Any, known: Any) -> RaggedTensor:
    """Each row tiled: `multiples[0]` times along the row, the other multiples further in."""
    kind = value.row_splits.dtype
    if known is None or any(known[1:] != 1):
        values = value.values
        if is_ragged(values):
            values = _tile_content(values, multiples[1:], None if known is None else known[1:])
        elif values.shape.rank != 1:
            one = convert_to_tensor([1], kind)
            values = repeating.tile(values, REGISTRY["ConcatV2"]([one, multiples[1:]], 0))
        value = value.with_values(values)
    if known is not None and known[0] == 1:
        return value
    times = multiples[0]
    rows = REGISTRY["Range"](*(convert_to_tensor(n, kind) for n in (0, value.nrows(), 1)))
    again = REGISTRY["Fill"](array.shape(rows), times)
    repeated = gather(value, repeat_rows(rows, again))
    partition = value._row_partition
    uniform = None if partition.uniform is None else partition.uniform * times
    wider = RowPartition(value.row_splits * times, uniform=uniform)
    return RaggedTensor._from_row_partition(repeated.values, wider, validate=False)


@handles("reverse", types=TYPES)
def reverse(tensor: Any, axis: Any, name: str | None = None) -> Any:
    """Reversed along the dimensions in `axis`."""
    with name_scope(name, "Reverse", [tensor]):
        axes = known_axis(axis)
        if not isinstance(axes, list):
            raise TypeError(
                "`axis` must be a list of int or a constant tensor when reversing a RaggedTensor"
            )
        rt = convert_to_tensor_or_ragged(tensor, name="tensor")
        for i, each in enumerate(axes):
            at = positive_axis(each, rt.shape.rank, f"axis[{i}]", "rank(tensor)")
            rt = _reversed(rt, at)
        return rt


def _reversed(value: Any, axis: int) -> Any:
    if not is_ragged(value):
        return padding.reverse(value, [axis])
    if axis > 1:
        return value.with_values(_reversed(value.values, axis - 1))
    kind = value.row_splits.dtype
    zero, one = convert_to_tensor(0, kind), convert_to_tensor(1, kind)
    if axis == 0:
        return gather(value, REGISTRY["Range"](value.nrows() - 1, zero - 1, -one))
    ends = repeat_rows(value.row_starts() + value.row_limits() - 1, value.row_lengths())
    count = value.row_splits[-1]
    return value.with_values(gather(value.values, ends - REGISTRY["Range"](zero, count, one)))


# Other forms --------------------------------------------------------------------------------------


@handles("one_hot", types=TYPES)
def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """One-hot vectors, one for each value."""
    rt = convert_to_tensor_or_ragged(indices, name="indices")
    if not is_ragged(rt):
        return NotImplemented
    if axis is not None:
        axis = positive_axis(
            axis, None if rt.shape.rank is None else rt.shape.rank + 1, ndims_name="rank(indices)+1"
        )
        if axis <= rt.ragged_rank:
            raise ValueError(
                f"{errors.user_site()}: axis ({axis}) must be greater than "
                f"indices.ragged_rank ({rt.ragged_rank})."
            )
        axis -= rt.ragged_rank
    with name_scope(name, "RaggedOneHot", [rt]):
        flat = repeating.one_hot(rt.flat_values, depth, on_value, off_value, axis, dtype)
        return rt.with_flat_values(flat)


@handles("split", types=TYPES)
def split(
    value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None, name: str = "split"
) -> list[Any]:
    """Parts along a dimension that is not ragged."""
    site = errors.user_site()
    with name_scope(name, "RaggedSplit"):
        rt = convert_to_tensor_or_ragged(value)
        axis = positive_axis(known_axis(axis), rt.shape.rank)
        if axis > rt.ragged_rank:
            parts = joining.split(rt.flat_values, num_or_size_splits, axis - rt.ragged_rank, num)
            return [rt.with_flat_values(each) for each in parts]
        if axis:
            raise ValueError(
                f"{site}: tf.split of a RaggedTensor along a ragged dimension, axis={axis}"
            )
        sizes = convert_to_tensor(num_or_size_splits, dtype_hint=dtypes.int64)
        if not sizes.dtype.is_integer:
            raise TypeError(f"{site}: num_or_size_splits must be integers")
        kind = rt.row_splits.dtype
        sizes = cast.cast(sizes, kind)
        if sizes.shape.rank == 0:
            number = constant_value(sizes)
            if number is None:
                raise ValueError(f"{site}: `num_or_size_splits` must be known while building")
            number = int(number)
            if number <= 0:
                raise ValueError(f"{site}: `num_or_size_splits` must be positive, got {number}")
            rows = rt.nrows()
            checks = require(
                REGISTRY["Equal"](rows % number, 0),
                f"The number of rows cannot be split evenly by {number}:",
                [rows],
            )
            (each,) = after(checks, rows // number)
            ends = [each * (i + 1) for i in range(number)]
        else:
            number = sizes.shape._dims[0] if sizes.shape._dims else None
            if number is None:
                number = num
            if number is None:
                raise ValueError(
                    f"{site}: `num` must be specified for a size_splits of unknown length"
                )
            if num is not None and num != number:
                raise ValueError(f"{site}: num={num} differs from len(num_or_size_splits)={number}")
            total = REGISTRY["Cumsum"](sizes, 0)
            checks = [
                *require(
                    REGISTRY["All"](sizes >= 0, [0]), "size_splits must not be negative:", [sizes]
                ),
                *require(
                    REGISTRY["Equal"](REGISTRY["Sum"](sizes, [0]), rt.nrows()),
                    "The sum of `num_or_size_splits` must be the number of rows; these are",
                    [sizes, rt.nrows()],
                ),
            ]
            (total,) = after(checks, total)
            ends = [total[i] for i in range(number)]
        parts, start = [], convert_to_tensor(0, kind)
        for end in ends:
            parts.append(rt[start:end])
            start = end
        return parts


@handles("reshape", types=TYPES)
def reshape(tensor: Any, shape: Any, name: str | None = None) -> Any:
    """The values in the order in which they are, in a dense shape."""
    if is_ragged(shape):
        return NotImplemented
    rt = convert_to_tensor_or_ragged(tensor)
    return array.reshape(rt.flat_values, shape, name)


# Conditions ---------------------------------------------------------------------------------------


@handles(types=TYPES, v2=("where",), v1=("where_v2",))
def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """Of `x` where the condition holds, else of `y`; or the coordinates of where it holds."""
    with name_scope(name, "RaggedWhere", [condition, x, y]):
        if (x is None) != (y is None):
            raise ValueError("x and y must be either both None or both non-None")
        if x is None:
            return _coordinates(convert_to_tensor_or_ragged(condition, dtypes.bool))
        x, y = _alike(x, y)
        condition = convert_to_tensor_or_ragged(condition, dtypes.bool, name="condition")
        return apply(lambda c, a, b: REGISTRY["SelectV2"](c, a, b), condition, x, y)


def _alike(x: Any, y: Any) -> tuple[Any, Any]:
    """Two values as tensors or ragged tensors of the dtype that one of them has for sure."""
    known = next((e.dtype for e in (x, y) if is_ragged(e) or is_tensor(e)), None)
    first = convert_to_tensor_or_ragged(x, preferred_dtype=known)
    return first, convert_to_tensor_or_ragged(y, preferred_dtype=known or first.dtype)


@handles(types=TYPES, v1=("where",))
def where_v1(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """Values of one shape chosen element by element, or row by row where the condition is a vector."""
    with name_scope(name, "RaggedWhere", [condition, x, y]):
        if (x is None) != (y is None):
            raise ValueError("x and y must be either both None or both non-None")
        condition = convert_to_tensor_or_ragged(condition, dtypes.bool, name="condition")
        if x is None:
            return _coordinates(condition)
        x, y = _alike(x, y)
        if is_ragged(condition):
            return map_flat_values(masking.where_v1, condition, x, y)
        if condition.shape.rank == 1:
            from reflow.ops.ragged.concat import concat

            kind = next(e.row_splits.dtype for e in (x, y) if is_ragged(e))
            rows = rows_of(condition, kind)
            zero, one = convert_to_tensor(0, kind), convert_to_tensor(1, kind)
            first = REGISTRY["Range"](zero, rows, one)
            counts = x.nrows() if is_ragged(x) else rows_of(x, kind)
            second = first + counts
            return gather(concat([x, y], 0), REGISTRY["SelectV2"](condition, first, second))
        return apply(lambda c, a, b: REGISTRY["SelectV2"](c, a, b), condition, x, y)


def _coordinates(condition: Any) -> Any:
    if not is_ragged(condition):
        return masking.where(condition)
    sparse = condition.to_sparse()
    return masking.boolean_mask(sparse.indices, sparse.values)


@export("ragged.boolean_mask")
def boolean_mask(data: Any, mask: Any, name: str | None = None) -> Any:
    """The values where `mask` holds, in their rows.

    Args:
      data: a tensor or `RaggedTensor`.
      mask: truth values; its shape is a prefix of that of `data`.
      name: a prefix for the nodes.

    Returns:
      A `RaggedTensor` of as many dimensions as `data`; a tensor where `data` is one and `mask` a vector.

    Raises:
      ValueError: if `mask` is a scalar, or does not fit.

    >>> import reflow as tf
    >>> tf.ragged.boolean_mask([[1, 2], [3, 4]], [[True, False], [False, False]])
    <tf.RaggedTensor [[1], []]>
    """
    site = errors.user_site()
    with name_scope(name, "RaggedMask", [data, mask]):
        data = convert_to_tensor_or_ragged(data, name="data")
        mask = convert_to_tensor_or_ragged(mask, dtypes.bool, name="mask")
        rank = mask.shape.rank
        if rank is None:
            raise ValueError(f"{site}: mask.shape.ndims must be known statically.")
        if rank == 0:
            raise ValueError(f"{site}: mask cannot be scalar.")
        mask.shape.assert_is_compatible_with(data.shape[:rank])
        return _masked(data, mask)


def _masked(data: Any, mask: Any) -> Any:
    rank = mask.shape.rank
    if rank == 1:
        if is_ragged(data):
            return gather(data, masking.where(mask)[:, 0])
        return masking.boolean_mask(data, mask)
    kind = next((e.row_splits.dtype for e in (data, mask) if is_ragged(e)), dtypes.int64)
    data, mask = (
        e if is_ragged(e) else RaggedTensor.from_tensor(e, row_splits_dtype=kind)
        for e in (data, mask)
    )
    data, mask = match_splits_dtypes(data, mask)
    checks: list[Any] = []
    if data.row_splits is not mask.row_splits:
        checks = require(
            same_splits(data.row_splits, mask.row_splits),
            "mask and data do not fit: their row splits are",
            [mask.row_splits, data.row_splits],
        )
    values = _masked(data.values, mask.values)
    if rank > 2:
        partition = data._row_partition.with_checks(checks)
    else:
        kept = cast.cast(mask.values, mask.row_splits.dtype)
        sums = REGISTRY["Cumsum"](kept, 0)
        sums = REGISTRY["ConcatV2"]([REGISTRY["ZerosLike"](mask.row_splits[:1]), sums], 0)
        splits = REGISTRY["GatherV2"](sums, mask.row_splits, 0)
        partition = RowPartition(splits).with_checks(checks)
    return RaggedTensor._from_row_partition(values, partition, validate=False)


# Partitions ---------------------------------------------------------------------------------------


@export("ragged.stack_dynamic_partitions")
def stack_dynamic_partitions(
    data: Any, partitions: Any, num_partitions: Any, name: str | None = None
) -> Any:
    """The slices of `data` sorted into rows: slice i goes to row `partitions[i]`.

    Args:
      data: a tensor or `RaggedTensor`.
      partitions: int32 or int64, whose shape is a prefix of that of `data`.
      num_partitions: how many rows there are.
      name: a prefix for the nodes.

    Raises:
      ValueError: if the shapes do not fit.
      InvalidArgumentError: if a number of a row is out of range.

    >>> import reflow as tf
    >>> tf.ragged.stack_dynamic_partitions(["a", "b", "c"], [1, 0, 1], 3)
    <tf.RaggedTensor [[b'b'], [b'a', b'c'], []]>
    """
    with name_scope(name, "SegmentStack", [data, partitions, num_partitions]):
        data = convert_to_tensor_or_ragged(data, name="data")
        partitions = convert_to_tensor_or_ragged(partitions, name="partitions")
        rank = partitions.shape.rank
        if rank is None:
            raise ValueError("partitions must have known rank.")
        count = convert_to_tensor(num_partitions, dtype_hint=partitions.dtype)
        count.shape.assert_has_rank(0)
        count = cast.cast(count, partitions.dtype)
        partitions.shape.assert_is_compatible_with(data.shape[:rank])
        if rank == 0:
            from reflow.ops.ragged.concat import stack

            stacked = stack([data]) if is_ragged(data) else joining.stack([data])
            return RaggedTensor.from_value_rowids(stacked, joining.stack([partitions]), count)
        if rank == 1 and not is_ragged(partitions):
            order = sorting.argsort(partitions, stable=True)
            ids = REGISTRY["GatherV2"](partitions, order, 0)
            values = (
                gather(data, order) if is_ragged(data) else REGISTRY["GatherV2"](data, order, 0)
            )
            if is_ragged(data):
                ids, count = (cast.cast(each, data.row_splits.dtype) for each in (ids, count))
            return RaggedTensor.from_value_rowids(values, ids, count)
        kind = next(
            (e.row_splits.dtype for e in (data, partitions) if is_ragged(e)), partitions.dtype
        )
        data, partitions = (
            e if is_ragged(e) else RaggedTensor.from_tensor(e, row_splits_dtype=kind)
            for e in (data, partitions)
        )
        checks: list[Any] = []
        if data.row_splits is not partitions.row_splits:
            checks = require(
                same_splits(data.row_splits, partitions.row_splits),
                "data and partitions have incompatible ragged shapes",
            )
        ids = partitions.with_flat_values(cast.cast(partitions.flat_values, data.row_splits.dtype))
        ids = ids.values if not checks else _waiting(ids.values, checks)
        return stack_dynamic_partitions(data.values, ids, count)


@handles("dynamic_partition", types=TYPES)
def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> list[Any]:
    """The slices sorted into parts."""
    if not isinstance(num_partitions, int) or num_partitions < 0:
        raise TypeError("num_partitions must be a non-negative integer")
    stacked = stack_dynamic_partitions(data, partitions, num_partitions, name)
    return [stacked[i] for i in range(num_partitions)]
