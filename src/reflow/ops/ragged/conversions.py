"""Ragged tensors from and to tensors and sparse tensors, and with merged dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.sparse_tensor import SparseTensor
from reflow.lang.tensor import is_tensor
from reflow.ops import array, cast, masking, repeating
from reflow.ops.ragged.kernels import ragged_tensor_to_sparse_op, ragged_tensor_to_tensor_op
from reflow.ops.ragged.ragged_tensor import RaggedTensor, is_ragged
from reflow.ops.ragged.row_partition import RowPartition, after, require

# From tensors -------------------------------------------------------------------------------------


def from_tensor(
    tensor: Any,
    lengths: Any = None,
    padding: Any = None,
    ragged_rank: int = 1,
    name: str | None = None,
    row_splits_dtype: Any = dtypes.int64,
) -> Any:
    """See `RaggedTensor.from_tensor`."""
    kind = as_dtype(row_splits_dtype)
    if lengths is not None and padding is not None:
        raise ValueError("Specify argument `lengths` or `padding`, but not both.")
    if not isinstance(ragged_rank, int):
        raise TypeError(f"Argument `ragged_rank` must be an int. Received {ragged_rank}.")
    if ragged_rank <= 0:
        raise ValueError(f"Argument `ragged_rank` must be greater than 0. Received {ragged_rank}.")
    with name_scope(name, "RaggedFromTensor", [tensor, lengths, padding]):
        tensor = convert_to_tensor(tensor, name="tensor")
        rank = tensor.shape.rank
        if rank is not None and rank <= ragged_rank:
            raise ValueError(
                f"{errors.user_site()}: The rank of a RaggedTensor must be greater "
                f"than 1, and than ragged_rank ({ragged_rank}); received a tensor with rank {rank}."
            )
        if _is_nested(lengths):
            if ragged_rank not in (1, len(lengths)):
                raise ValueError(
                    "If Tensor lengths is a tuple of row_lengths, argument `ragged_rank` must be "
                    f"len(lengths): {len(lengths)}. Received ragged_rank: {ragged_rank}."
                )
            return _from_nested_lengths(tensor, lengths, kind)
        sizes = array.shape(tensor, out_type=kind)
        if ragged_rank > 1:
            return _partitioned_deeper(tensor, lengths, padding, ragged_rank, sizes, kind)
        if padding is not None:
            lengths = _lengths_before(tensor, padding, kind)
        columns = sizes[1]
        flat_shape = REGISTRY["ConcatV2"]([array.reshape(sizes[0] * columns, [1]), sizes[2:]], 0)
        if lengths is None:
            values = array.reshape(tensor, _static_or(flat_shape, tensor, 2))
            static = tensor.shape._dims[1] if tensor.shape._dims else None
            partition = RowPartition.from_uniform_row_length(
                columns if static is None else static, None, sizes[0], False, kind
            )
            return RaggedTensor._from_row_partition(values, partition, validate=False)
        lengths = convert_to_tensor(lengths, None, "lengths", dtype_hint=kind)
        lengths = cast.cast(lengths, kind)
        lengths = REGISTRY["Minimum"](lengths, columns)
        lengths = REGISTRY["Maximum"](lengths, convert_to_tensor(0, kind))
        mask = repeating.sequence_mask(lengths, columns)
        values = masking.boolean_mask(tensor, mask)
        return RaggedTensor.from_row_lengths(values, lengths, validate=False)


def _is_nested(lengths: Any) -> bool:
    if not isinstance(lengths, (list, tuple)) or not lengths:
        return False
    return not isinstance(lengths[0], (int, float, np.generic)) and not (
        is_tensor(lengths[0]) and lengths[0].shape.rank == 0
    )


def _from_nested_lengths(tensor: Any, lengths: Any, kind: Any) -> Any:
    lengths = [cast.cast(convert_to_tensor(each, dtype_hint=kind), kind) for each in lengths]
    total = REGISTRY["Sum"](lengths[-1], [0])
    marks = REGISTRY["Fill"](array.reshape(total, [1]), True)
    mask = RaggedTensor.from_nested_row_lengths(marks, lengths, validate=False).to_tensor(False)
    values = masking.boolean_mask(tensor, mask)
    return RaggedTensor.from_nested_row_lengths(values, lengths, validate=False)


def _lengths_before(tensor: Any, padding: Any, kind: Any) -> Any:
    """The lengths of the rows without padding at their ends."""
    padding = convert_to_tensor(padding, tensor.dtype, "padding")
    if not padding.shape.is_compatible_with(tensor.shape[2:]):
        raise ValueError(
            f"{errors.user_site()}: padding of shape {padding.shape} must have the "
            f"shape {tensor.shape[2:]} of tensor[0, 0]"
        )
    same = REGISTRY["Equal"](tensor, padding)
    if tensor.shape.rank is None or tensor.shape.rank > 2:
        inner = REGISTRY["Range"](2, array.rank(tensor), 1)
        same = REGISTRY["All"](same, inner)
    columns = array.shape(same, out_type=kind)[1]
    places = REGISTRY["Range"](convert_to_tensor(1, kind), columns + 1, convert_to_tensor(1, kind))
    zeros = REGISTRY["ZerosLike"](places)
    ends = REGISTRY["SelectV2"](same, zeros, places)
    return REGISTRY["Maximum"](REGISTRY["Max"](ends, [1]), convert_to_tensor(0, kind))


def _partitioned_deeper(
    tensor: Any, lengths: Any, padding: Any, ragged_rank: int, sizes: Any, kind: Any
) -> Any:
    """The innermost partition from a tensor with the outer dimensions flattened, then the others."""
    dims = tensor.shape._dims
    counts = [sizes[0]]  # of rows down to each dimension
    for axis in range(1, ragged_rank):
        counts.append(counts[-1] * sizes[axis])
    flat_shape = REGISTRY["ConcatV2"]([array.reshape(counts[-1], [1]), sizes[ragged_rank:]], 0)
    flat = array.reshape(tensor, flat_shape)
    if dims is not None:
        below = dims[:ragged_rank]
        count = None if None in below else int(np.prod(below))
        flat = _with_shape(flat, (count, *dims[ragged_rank:]))
    result = from_tensor(flat, lengths, padding, row_splits_dtype=kind)
    for axis in range(ragged_rank - 1, 0, -1):
        static = dims[axis] if dims else None
        result = RaggedTensor._from_row_partition(
            result,
            RowPartition.from_uniform_row_length(
                sizes[axis] if static is None else static, None, counts[axis - 1], False, kind
            ),
            validate=False,
        )
    return result


def _static_or(flat_shape: Any, tensor: Any, merged: int) -> Any:
    """The shape with the first `merged` dimensions as one: from static sizes where these are known."""
    dims = tensor.shape._dims
    if dims is None or None in dims[merged:]:
        return flat_shape
    if None not in dims:
        return [int(np.prod(dims[:merged])), *dims[merged:]]
    return flat_shape if 0 in dims[merged:] else [-1, *dims[merged:]]


def _with_shape(tensor: Any, dims: Any) -> Any:
    from reflow.lang.tensor import SymbolicTensor

    if isinstance(tensor, SymbolicTensor):
        tensor.set_shape(dims)
    return tensor


def from_sparse(
    st_input: Any, name: str | None = None, row_splits_dtype: Any = dtypes.int64
) -> RaggedTensor:
    """See `RaggedTensor.from_sparse`."""
    if not isinstance(st_input, SparseTensor):
        raise TypeError(
            f"Argument `st_input` must be of type SparseTensor, but is of type "
            f"{type(st_input).__name__}."
        )
    site = errors.user_site()
    with name_scope(name, "RaggedFromSparse", [st_input]):
        rank = st_input.dense_shape.shape._dims
        if rank is None or rank[0] is None:
            if st_input.indices.shape.rank is None or st_input.indices.shape._dims[1] is None:
                raise ValueError(f"{site}: Rank of sparse input must be statically known.")
            rank = (st_input.indices.shape._dims[1],)
        if rank[0] != 2:
            raise ValueError(f"{site}: Rank of sparse input should be 2, got {rank[0]}.")
        kind = as_dtype(row_splits_dtype)
        rows, columns = st_input.indices[:, 0], st_input.indices[:, 1]
        count = st_input.dense_shape[0]
        # Each value stands right of the one before it, in its row or at the start of a later one.
        step = REGISTRY["SelectV2"](
            REGISTRY["Equal"](rows[1:], rows[:-1]),
            REGISTRY["Equal"](columns[1:], columns[:-1] + 1),
            REGISTRY["LogicalAnd"](rows[1:] > rows[:-1], REGISTRY["Equal"](columns[1:], 0)),
        )
        first = REGISTRY["Equal"](columns[:1], 0)
        fits = REGISTRY["All"](REGISTRY["ConcatV2"]([first, step], 0), [0])
        values, rows = after(
            require(fits, "SparseTensor is not right-ragged: a row has a gap"),
            st_input.values,
            rows,
        )
        return RaggedTensor.from_value_rowids(
            values, cast.cast(rows, kind), cast.cast(count, kind), validate=False
        )


# To tensors ---------------------------------------------------------------------------------------


def to_tensor(
    rt: RaggedTensor, default_value: Any = None, name: str | None = None, shape: Any = None
) -> Any:
    """See `RaggedTensor.to_tensor`."""
    with name_scope(name, "RaggedToTensor", [rt, default_value, shape]):
        if default_value is None:
            default_value = b"" if rt.dtype is dtypes.string else rt.dtype.np.type(0)
        default_value = convert_to_tensor(default_value, rt.dtype, "default_value")
        kind = rt.row_splits.dtype
        wanted = _shape_tensor(rt, shape, kind)
        return ragged_tensor_to_tensor_op(
            wanted,
            rt.flat_values,
            default_value,
            list(rt.nested_row_splits),
            row_partition_types=["ROW_SPLITS"] * rt.ragged_rank,
        )


def _shape_tensor(rt: RaggedTensor, shape: Any, kind: Any) -> Any:
    """The shape that is asked for, with what is known of the ragged tensor's own."""
    own = rt.shape._dims
    if shape is None:
        # A size that a uniform dimension is known to have shows in the static shape of the result.
        if own is None or all(each is None for each in own[1 : rt.ragged_rank + 1]):
            return convert_to_tensor(np.array(-1, kind.np))
        return convert_to_tensor(np.array([-1 if d is None else d for d in own], kind.np))
    if is_tensor(shape):
        if not shape.dtype.is_integer:
            raise ValueError("shape must be an integer tensor")
        return shape if shape.dtype in (dtypes.int32, dtypes.int64) else cast.cast(shape, kind)
    dims = shapes.as_shape(shape)._dims
    if dims is None:
        return convert_to_tensor(np.array(-1, kind.np))
    return convert_to_tensor(np.array([-1 if d is None else d for d in dims], kind.np))


def to_sparse(rt: RaggedTensor, name: str | None = None) -> SparseTensor:
    """See `RaggedTensor.to_sparse`."""
    with name_scope(name, "RaggedToSparse", [rt]) as scope:
        result = ragged_tensor_to_sparse_op(
            list(rt.nested_row_splits), rt.flat_values, name=scope or None
        )
        sparse = SparseTensor(*result)
        if rt.shape.rank is not None and sparse.shape.is_compatible_with(rt.shape):
            sparse.set_shape(rt.shape)
        return sparse


def bounding_shape(
    rt: RaggedTensor, axis: Any = None, name: str | None = None, out_type: Any = None
) -> Any:
    """See `RaggedTensor.bounding_shape`."""
    with name_scope(name, "RaggedBoundingBox", [rt, axis]):
        kind = rt.row_splits.dtype if out_type is None else as_dtype(out_type)
        if isinstance(axis, int):
            if axis == 0:
                return rt.nrows(out_type=kind)
            if axis == 1:
                return cast.cast(_longest(rt.row_lengths()), kind)
        sizes = [rt.nrows(out_type=kind)]
        sizes += [cast.cast(_longest(lengths), kind) for lengths in rt.nested_row_lengths()]
        outer = REGISTRY["Pack"](sizes, axis=0)
        inner = array.shape(rt.flat_values, out_type=kind)[1:]
        whole = REGISTRY["ConcatV2"]([outer, inner], 0)
        if axis is None:
            return whole
        return REGISTRY["GatherV2"](whole, convert_to_tensor(axis), 0)


def _longest(lengths: Any) -> Any:
    return REGISTRY["Maximum"](REGISTRY["Max"](lengths, [0]), convert_to_tensor(0, lengths.dtype))


# Merged dimensions --------------------------------------------------------------------------------


def merge_dims(value: Any, outer: int, inner: int) -> Any:
    """A tensor or ragged tensor with the dimensions `outer` to `inner` as one."""
    if outer == inner:
        return value
    while outer == 0 and is_ragged(value):
        value = value.values
        inner -= 1
        if inner == 0:
            return value
    if not is_ragged(value):
        return array.reshape(value, _merged_shape(value, outer, inner))
    if outer > 1:
        return value.with_values(merge_dims(value.values, outer - 1, inner - 1))
    values, splits = value.values, value.row_splits
    for axis in range(outer, inner):
        if is_ragged(values):
            splits = REGISTRY["GatherV2"](values.row_splits, splits, 0)
            values = values.values
        else:
            upto = inner - axis + 1
            dims = values.shape._dims
            if dims is not None and None not in dims[1:upto]:
                each = convert_to_tensor(np.array(np.prod(dims[1:upto]), splits.dtype.np))
            else:
                each = REGISTRY["Prod"](array.shape(values, out_type=splits.dtype)[1:upto], [0])
            values = array.reshape(values, _merged_shape(values, 0, upto - 1))
            splits = splits * each
            break
    return RaggedTensor.from_row_splits(values, splits, validate=False)


def _merged_shape(value: Any, outer: int, inner: int) -> Any:
    dims = value.shape._dims
    if dims is not None and None not in (*dims[:outer], *dims[inner + 1 :]):
        if None in dims[outer : inner + 1] and 0 not in (*dims[:outer], *dims[inner + 1 :]):
            return [*dims[:outer], -1, *dims[inner + 1 :]]
        if None not in dims:
            return [*dims[:outer], int(np.prod(dims[outer : inner + 1])), *dims[inner + 1 :]]
    sizes = array.shape(value)
    merged = REGISTRY["Prod"](sizes[outer : inner + 1], [0])
    return REGISTRY["ConcatV2"]([sizes[:outer], array.reshape(merged, [1]), sizes[inner + 1 :]], 0)
