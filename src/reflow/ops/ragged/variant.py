"""Ragged tensors as tensors of dtype `variant`, a scalar or one element for each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.dtypes import DType
from reflow.lang.errors import invalid
from reflow.lang.opdef import REGISTRY
from reflow.ops import array
from reflow.ops.define import op
from reflow.ops.ragged.kernels import check_splits


class RaggedVariant:
    """A ragged tensor as one value: its values, and the splits of each level."""

    __slots__ = ("values", "splits")

    def __init__(self, values: np.ndarray, splits: Sequence[np.ndarray]):
        self.values = values
        self.splits = tuple(splits)

    def __repr__(self) -> str:
        kind = self.splits[0].dtype.name if self.splits else "INVALID"
        return (
            f"<RaggedTensorVariant(dtype={self.values.dtype.name}, ragged_rank={len(self.splits)}, "
            f"splits_dtype={kind}>"
        )


def _boxed(items: Sequence[RaggedVariant], dims: tuple[int, ...]) -> np.ndarray:
    result = np.empty(len(items), object)
    result[:] = items
    return result.reshape(dims)


@op(
    "RaggedTensorToVariant(rt_nested_splits: RAGGED_RANK*Tsplits, rt_dense_values: Tvalues, *,"
    " RAGGED_RANK: int, Tvalues: type, Tsplits: {int32,int64} = int64, batched_input: bool)"
    " -> encoded_ragged: variant",
    compile=False,
)
def ragged_tensor_to_variant_op(xp, rt_nested_splits, rt_dense_values, *, batched_input):
    """A ragged tensor as one variant, or as a vector with one for each row."""
    values = np.asarray(rt_dense_values)
    splits = [np.asarray(each) for each in rt_nested_splits]
    check_splits(splits, len(values) if values.ndim else 0)
    if not batched_input:
        return _boxed([RaggedVariant(values, splits)], ())
    if not splits:
        if not values.ndim:
            raise invalid("a batch of values has at least one dimension")
        return _boxed([RaggedVariant(row, ()) for row in values], (len(values),))
    items = []
    for i in range(splits[0].size - 1):
        first, last = int(splits[0][i]), int(splits[0][i + 1])
        own = []
        for level in splits[1:]:
            part = level[first : last + 1]
            first, last = int(part[0]), int(part[-1])
            own.append(part - part[0])
        items.append(RaggedVariant(values[first:last], own))
    return _boxed(items, (len(items),))


@ragged_tensor_to_variant_op.shape_rule
def _to_variant_shape(rt_nested_splits, rt_dense_values, *, batched_input):
    if not batched_input:
        return ()
    if rt_nested_splits:
        dims = rt_nested_splits[0].shape._dims
        return (dims[0] - 1 if dims and dims[0] is not None else None,)
    dims = rt_dense_values.shape._dims
    return (dims[0] if dims else None,)


@ragged_tensor_to_variant_op.gradient_rule
def _to_variant_grad(op, g, rt_nested_splits, rt_dense_values):
    if not op.attrs["batched_input"]:
        own = ragged_tensor_from_variant_op(
            g,
            input_ragged_rank=0,
            output_ragged_rank=0,
            Tvalues=rt_dense_values.dtype,
            Tsplits=op.attrs["Tsplits"],
        ).output_dense_values
    else:
        splits = rt_nested_splits[0] if rt_nested_splits else ()
        for level in rt_nested_splits[1:]:
            splits = REGISTRY["GatherV2"](level, splits, 0)
        if not rt_nested_splits:
            splits = REGISTRY["Cast"](
                REGISTRY["Range"](0, array.shape_of(rt_dense_values)[0] + 1, 1),
                DstT=op.attrs["Tsplits"],
            )
        own = ragged_tensor_to_variant_gradient_op(
            g, splits, array.shape_of(rt_dense_values), Tvalues=rt_dense_values.dtype
        )
    return [None] * len(rt_nested_splits), own


@op(
    "RaggedTensorToVariantGradient(encoded_ragged_grad: variant, row_splits: Tsplits,"
    " dense_values_shape: int32, *, Tvalues: type, Tsplits: {int32,int64} = int64)"
    " -> dense_values_grad: Tvalues",
    compile=False,
    grad=None,
    shape=lambda *inputs: shapes.UNKNOWN,
)
def ragged_tensor_to_variant_gradient_op(
    xp, encoded_ragged_grad, row_splits, dense_values_shape, *, Tvalues
):
    """The gradient of the values, from the gradients of the variants of the rows."""
    splits = np.asarray(row_splits)
    result = np.zeros(tuple(int(d) for d in dense_values_shape), Tvalues.np)
    for i, item in enumerate(np.asarray(encoded_ragged_grad, object).ravel()):
        if isinstance(item, RaggedVariant):  # a row without a gradient has none
            part = result[splits[i] : splits[i + 1]]
            part[...] = item.values.reshape(part.shape)
    return result


@op(
    "RaggedTensorFromVariant(encoded_ragged: variant, *, input_ragged_rank: int,"
    " output_ragged_rank: int, Tvalues: type, Tsplits: {int32,int64} = int64)"
    " -> output_nested_splits: output_ragged_rank*Tsplits, output_dense_values: Tvalues",
    compile=False,
)
def ragged_tensor_from_variant_op(
    xp, encoded_ragged, *, input_ragged_rank, output_ragged_rank, Tvalues, Tsplits
):
    """A ragged tensor from variants that are ragged tensors, stacked along their dimensions."""
    boxed = np.asarray(encoded_ragged, object)
    rank = input_ragged_rank
    if rank < 0:
        rank = output_ragged_rank - boxed.ndim
        if rank < 0:
            raise invalid(
                f"Inferred input_ragged_rank (output_ragged_rank - encoded_variant.dims()) must be "
                f">= 0, found output_ragged_rank: {output_ragged_rank}, encoded_variant.dims(): "
                f"{boxed.ndim}, inferred input_ragged_rank: {rank}"
            )
    if output_ragged_rank != rank + boxed.ndim:
        raise invalid(
            "output_ragged_rank must be equal to input_ragged_rank + encoded_ragged.dims(); "
            f"output_ragged_rank: {output_ragged_rank}, input_ragged_rank: {rank}, "
            f"encoded_variant.dims(): {boxed.ndim}."
        )
    items = list(boxed.ravel())
    for i, item in enumerate(items):
        _check_item(item, i, rank, Tvalues, Tsplits)
    if not boxed.ndim:
        return [each.astype(Tsplits.np) for each in items[0].splits], items[0].values
    nested = []
    for axis in range(1, boxed.ndim):
        rows = int(np.prod(boxed.shape[:axis]))
        nested.append(np.arange(rows + 1) * boxed.shape[axis])
    for level in range(rank + 1):
        if level < rank:
            lengths = [item.splits[level].size - 1 for item in items]
        else:
            lengths = [len(item.values) if item.values.ndim else 0 for item in items]
        if level == 0:
            nested.append(np.concatenate([[0], np.cumsum(lengths)]))
        else:
            parts = [np.diff(item.splits[level - 1]) for item in items]
            nested.append(np.concatenate([[0], np.cumsum(np.concatenate(parts or [[]]))]))
    values = _joined([item.values for item in items], Tvalues)
    return [np.asarray(each).astype(Tsplits.np) for each in nested], values


def _check_item(item: object, i: int, rank: int, kind: DType, splits: DType) -> None:
    if not isinstance(item, RaggedVariant):
        raise invalid(
            f"Input Variant element at index {i} doesn't hold a RaggedTensorVariant: {item!r:.60}"
        )
    if len(item.splits) != rank:
        raise invalid(
            f"Encoded input RaggedTensorVariant has ragged_rank={len(item.splits)}.  Expected "
            f"ragged_rank={rank}."
        )
    if item.values.dtype != kind.np:
        raise invalid(f"Expected values Tensor dtype: {kind.name}, found: {item.values.dtype.name}")
    if any(each.dtype != splits.np for each in item.splits):
        raise invalid(
            f"Expected row_splits Tensor dtype: {splits.name}, found: {item.splits[0].dtype.name}"
        )


def _joined(parts: list[np.ndarray], kind: DType) -> np.ndarray:
    if not parts:
        return np.zeros(0, kind.np)
    for i, part in enumerate(parts):
        if part.ndim == 0:
            raise invalid("Flat values of a batch of ragged tensors have at least one dimension.")
        if part.shape[1:] != parts[0].shape[1:]:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"All flat_values must have compatible shapes.  Shape at index 0: "
                f"{array.brackets(parts[0].shape)}.  Shape at index {i}: {array.brackets(part.shape)}",
            )
    return np.concatenate(parts)


@ragged_tensor_from_variant_op.shape_rule
def _from_variant_shape(encoded_ragged, *, output_ragged_rank):
    return [shapes.of((None,))] * output_ragged_rank + [shapes.UNKNOWN]


@ragged_tensor_from_variant_op.gradient_rule
def _from_variant_grad(op, gs, encoded_ragged):
    splits = list(op.outputs[:-1])
    if not splits:
        return ragged_tensor_to_variant_op(
            [], gs[-1], batched_input=False, Tsplits=op.attrs["Tsplits"]
        )
    return ragged_tensor_to_variant_op(splits, gs[-1], batched_input=True)
