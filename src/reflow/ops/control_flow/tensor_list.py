"""Lists of tensors as tensors of dtype `variant`: what tensor arrays and loop gradients are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import dtypes, shapes
from reflow.lang.errors import invalid
from reflow.lang.opdef import REGISTRY
from reflow.lang.shapes import UNKNOWN, TensorShape
from reflow.lang.static_value import constant_value, constant_value_as_shape
from reflow.lang.tensor import SymbolicTensor
from reflow.lang.tensor_list import TensorList, as_items, rows_of, shape_from
from reflow.ops import shape_rules
from reflow.ops.define import op

_SHAPE = "shape_type: {int32,int64}"


# Static shapes ------------------------------------------------------------------------------------


def _said_shape(element_shape: Any) -> TensorShape:
    """The static shape that an `element_shape` input stands for: a vector, or the scalar -1."""
    if element_shape.shape.rank == 0:
        return UNKNOWN
    return constant_value_as_shape(element_shape)


_FROM_INPUT = frozenset({"TensorListPopBack", "TensorListResize", "Identity", "StopGradient"})


def static_element_shape(handle: Any) -> TensorShape:
    """The shape of the elements of a symbolic list, as far as the nodes that make it say."""
    result = UNKNOWN
    for _ in range(100):
        if not isinstance(handle, SymbolicTensor):
            return result
        node = handle.op
        kind = node.type
        try:
            if kind in ("TensorListReserve", "EmptyTensorList"):
                return result.merge_with(_said_shape(node.inputs[0]))
            if kind in ("TensorListFromTensor", "TensorListScatterV2", "TensorListScatter"):
                return result.merge_with(node.inputs[0].shape[1:])
            if kind == "TensorListSetItem":
                result = result.merge_with(node.inputs[2].shape)
            elif kind == "TensorListPushBack":
                result = result.merge_with(node.inputs[1].shape)
            elif kind == "TensorListScatterIntoExistingList":
                result = result.merge_with(node.inputs[1].shape[1:])
            elif kind == "Placeholder":
                outer = getattr(node.graph, "_outer_of", {}).get(id(handle))
                if outer is None:
                    return result
                handle = outer
                continue
            elif kind not in _FROM_INPUT:
                return result
        except ValueError:
            return UNKNOWN  # elements of several shapes
        handle = node.inputs[0]
    return result


def _element(input_handle: Any, element_shape: Any) -> TensorShape:
    said = _said_shape(element_shape)
    if said.is_fully_defined():
        return said
    inferred = static_element_shape(input_handle)
    try:
        return said.merge_with(inferred)
    except ValueError:
        return said


def _rows(count: int | None, element: TensorShape) -> TensorShape:
    return shapes.of(None if element._dims is None else (count, *element._dims))


# Making lists -------------------------------------------------------------------------------------


@op(
    f"EmptyTensorList(element_shape: shape_type, max_num_elements: int32, *, element_dtype: type,"
    f" {_SHAPE}) -> handle: variant",
    shape=shape_rules.scalar,
    grad=None,
    context=True,
    static=("element_shape", "max_num_elements"),
)
def empty_tensor_list(ctx, element_shape, max_num_elements, *, element_dtype):
    """A list without elements."""
    return TensorList([], element_dtype, shape_from(element_shape), int(max_num_elements))


@op(
    f"TensorListReserve(element_shape: shape_type, num_elements: int32, *, element_dtype: type,"
    f" {_SHAPE}) -> handle: variant",
    shape=shape_rules.scalar,
    grad=None,
    context=True,
    static=("element_shape", "num_elements"),
)
def tensor_list_reserve(ctx, element_shape, num_elements, *, element_dtype):
    """A list of `num_elements` elements that are not set."""
    if num_elements < 0:
        raise invalid(
            f"The num_elements to reserve must be a non negative number, but got {num_elements}"
        )
    return TensorList.reserved(int(num_elements), element_dtype, shape_from(element_shape))


@op(
    f"TensorListFromTensor(tensor: element_dtype, element_shape: shape_type, *,"
    f" element_dtype: type, {_SHAPE}) -> output_handle: variant",
    shape=shape_rules.scalar,
    context=True,
    static=("element_shape",),
)
def tensor_list_from_tensor(ctx, tensor, element_shape, *, element_dtype):
    """A list of the slices of `tensor` along its first dimension."""
    sizes = np.shape(tensor)
    if not sizes:
        raise invalid("Tensor must be at least a vector, but saw shape: []")
    said = shape_from(element_shape)
    if not said.is_compatible_with(sizes[1:]):
        raise invalid(
            f"Specified a list with shape {list(said)} from a tensor with shape {list(sizes[1:])}"
        )
    if ctx.xp.is_numpy or isinstance(tensor, np.ndarray):
        return TensorList(rows_of(np.asarray(tensor)), element_dtype, said)
    return ctx.xp.list_from_rows(tensor, element_dtype, said)


@tensor_list_from_tensor.gradient_rule
def _from_tensor_grad(g, tensor):
    count = tensor.shape._dims[0] if tensor.shape._dims else None
    rows = tensor_list_resize(g, _array().shape(tensor)[0] if count is None else count)
    return tensor_list_stack(rows, _row_shape(tensor), element_dtype=tensor.dtype.base_dtype)


@op(
    f"TensorListScatterV2(tensor: element_dtype, indices: int32, element_shape: shape_type,"
    f" num_elements: int32, *, element_dtype: type, {_SHAPE}) -> output_handle: variant",
    shape=shape_rules.scalar,
    context=True,
    static=("element_shape", "num_elements"),
)
def tensor_list_scatter_v2(ctx, tensor, indices, element_shape, num_elements, *, element_dtype):
    """A list with the rows of `tensor` at `indices`, of `num_elements` elements; -1: as many as need be."""
    count = int(num_elements)
    empty = TensorList.reserved(max(count, 0), element_dtype, shape_from(element_shape))
    return empty.scatter(ctx, tensor, indices, grow=count < 0)


@tensor_list_scatter_v2.gradient_rule
def _scatter_grad(g, tensor, indices):
    return tensor_list_gather(g, indices, _row_shape(tensor), element_dtype=tensor.dtype.base_dtype)


@op(
    f"TensorListScatter(tensor: element_dtype, indices: int32, element_shape: shape_type, *,"
    f" element_dtype: type, {_SHAPE}) -> output_handle: variant",
    shape=shape_rules.scalar,
    grad=_scatter_grad,
    context=True,
    static=("element_shape",),
)
def tensor_list_scatter(ctx, tensor, indices, element_shape, *, element_dtype):
    """A list with the rows of `tensor` at `indices`."""
    empty = TensorList.reserved(0, element_dtype, shape_from(element_shape))
    return empty.scatter(ctx, tensor, indices)


@op(
    f"TensorListSplit(tensor: element_dtype, element_shape: shape_type, lengths: int64, *,"
    f" element_dtype: type, {_SHAPE}) -> output_handle: variant",
    shape=shape_rules.scalar,
    context=True,
    static=("element_shape", "lengths"),
)
def tensor_list_split(ctx, tensor, element_shape, lengths, *, element_dtype):
    """A list of parts of `tensor`, of `lengths` along its first dimension."""
    sizes = np.shape(tensor)
    if not sizes:
        raise invalid("Tensor must be at least a vector, but saw shape: []")
    if np.ndim(lengths) != 1:
        raise invalid(f"Expected lengths to be a vector, received shape: {list(np.shape(lengths))}")
    ends = np.cumsum(lengths)
    used = int(ends[-1]) if ends.size else 0
    if ends.size and (lengths.min() < 0 or used > sizes[0]):
        raise invalid(
            f"Invalid lengths {lengths.tolist()} for {sizes[0]} rows: a part lies outside."
        )
    if used != sizes[0]:
        raise invalid(f"Unused values in tensor. Length of tensor: {sizes[0]} Values used: {used}")
    said = shape_from(element_shape)
    parts = [tensor[end - length : end] for length, end in zip(lengths.tolist(), ends.tolist())]
    return TensorList(parts, element_dtype, said)


@tensor_list_split.gradient_rule
def _split_grad(g, tensor, lengths):
    joined, _ = tensor_list_concat_v2(
        g, _part_shape(tensor), lengths, element_dtype=tensor.dtype.base_dtype
    )
    return joined


# One element --------------------------------------------------------------------------------------


@op(
    "TensorListGetItem(input_handle: variant, index: int32, element_shape: Tshape, *,"
    " element_dtype: type, Tshape: {int32,int64} = int32) -> item: element_dtype",
    shape=lambda input_handle, index, element_shape: _element(input_handle, element_shape),
    context=True,
    static=("element_shape",),
)
def tensor_list_get_item(ctx, input_handle, index, element_shape, *, element_dtype):
    """The element at `index`; zeros if it was not set."""
    input_handle._check_dtype(element_dtype)
    return input_handle.get(ctx, index, shape_from(element_shape))


@tensor_list_get_item.gradient_rule
def _get_item_grad(g, input_handle, index, item):
    empty = tensor_list_reserve(
        _shape_of(g), tensor_list_length(input_handle), element_dtype=g.dtype.base_dtype
    )
    return tensor_list_set_item(empty, index, g)


@op(
    "TensorListSetItem(input_handle: variant, index: int32, item: element_dtype, *,"
    " element_dtype: type, resize_if_index_out_of_bounds: bool = False) -> output_handle: variant",
    shape=shape_rules.scalar,
    context=True,
)
def tensor_list_set_item(
    ctx, input_handle, index, item, *, element_dtype, resize_if_index_out_of_bounds
):
    """The list with another element at `index`."""
    input_handle._check_dtype(element_dtype)
    return input_handle.set(ctx, index, item, resize_if_index_out_of_bounds)


@tensor_list_set_item.gradient_rule
def _set_item_grad(g, index, item):
    # Where the list had grown, its gradient stays longer than it was: what is too much is zero.
    dtype = item.dtype
    if not (dtype is dtypes.variant or dtype.is_floating or dtype.is_complex):
        return g
    mine = _item_of(g, index, item)
    return tensor_list_set_item(g, index, REGISTRY["ZerosLike"](mine)), None, mine


def _item_of(g, index, item):
    return tensor_list_get_item(g, index, _shape_of(item), element_dtype=item.dtype.base_dtype)


@op(
    "TensorListPushBack(input_handle: variant, tensor: element_dtype, *, element_dtype: type)"
    " -> output_handle: variant",
    shape=shape_rules.scalar,
    context=True,
)
def tensor_list_push_back(ctx, input_handle, tensor, *, element_dtype):
    """The list with one more element at its end."""
    input_handle._check_dtype(element_dtype)
    return input_handle.push(ctx, tensor)


@tensor_list_push_back.gradient_rule
def _push_back_grad(g, tensor):
    return tuple(tensor_list_pop_back(g, _shape_of(tensor), element_dtype=tensor.dtype.base_dtype))


@op(
    "TensorListPopBack(input_handle: variant, element_shape: int32, *, element_dtype: type)"
    " -> output_handle: variant, tensor: element_dtype",
    context=True,
    static=("element_shape",),
)
def tensor_list_pop_back(ctx, input_handle, element_shape, *, element_dtype):
    """The list without its last element, and that element."""
    input_handle._check_dtype(element_dtype)
    return input_handle.pop(ctx, shape_from(element_shape))


@tensor_list_pop_back.shape_rule
def _pop_back_shape(input_handle, element_shape):
    return [shapes.SCALAR, _element(input_handle, element_shape)]


@tensor_list_pop_back.gradient_rule
def _pop_back_grad(gs, output_handle, tensor):
    rest, last = gs
    dtype = tensor.dtype.base_dtype
    if rest is None:
        rest = tensor_list_reserve(
            _shape_of(tensor), tensor_list_length(output_handle), element_dtype=dtype
        )
    if last is None:
        last = REGISTRY["ZerosLike"](tensor)
    return tensor_list_push_back(rest, last)


# All elements -------------------------------------------------------------------------------------


@op(
    "TensorListStack(input_handle: variant, element_shape: int32, *, element_dtype: type,"
    " num_elements: int = -1) -> tensor: element_dtype",
    context=True,
    static=("element_shape",),
)
def tensor_list_stack(ctx, input_handle, element_shape, *, element_dtype, num_elements):
    """The elements as one tensor with a new first dimension."""
    input_handle._check_dtype(element_dtype)
    return input_handle.stack(ctx, shape_from(element_shape), num_elements)


@tensor_list_stack.shape_rule
def _stack_shape(input_handle, element_shape, *, num_elements):
    return _rows(None if num_elements < 0 else num_elements, _element(input_handle, element_shape))


@tensor_list_stack.gradient_rule
def _stack_grad(g):
    return tensor_list_from_tensor(g, _row_shape(g))


@op(
    "TensorListGather(input_handle: variant, indices: int32, element_shape: int32, *,"
    " element_dtype: type) -> values: element_dtype",
    context=True,
    static=("element_shape",),
)
def tensor_list_gather(ctx, input_handle, indices, element_shape, *, element_dtype):
    """The elements at `indices` as one tensor."""
    input_handle._check_dtype(element_dtype)
    return input_handle.gather(ctx, indices, shape_from(element_shape))


@tensor_list_gather.shape_rule
def _gather_shape(input_handle, indices, element_shape):
    count = indices.shape._dims[0] if indices.shape._dims else None
    return _rows(count, _element(input_handle, element_shape))


@tensor_list_gather.gradient_rule
def _gather_grad(g, input_handle, indices):
    # An element that was gathered twice gets the sum.
    rows = REGISTRY["UnsortedSegmentSum"](g, indices, tensor_list_length(input_handle))
    return tensor_list_from_tensor(rows, _row_shape(g))


@op(
    "TensorListScatterIntoExistingList(input_handle: variant, tensor: element_dtype,"
    " indices: int32, *, element_dtype: type) -> output_handle: variant",
    shape=shape_rules.scalar,
    context=True,
)
def tensor_list_scatter_into_existing_list(ctx, input_handle, tensor, indices, *, element_dtype):
    """The list with the rows of `tensor` at `indices`."""
    input_handle._check_dtype(element_dtype)
    return input_handle.scatter(ctx, tensor, indices)


@tensor_list_scatter_into_existing_list.gradient_rule
def _scatter_into_grad(g, tensor, indices):
    before = tensor_list_scatter_into_existing_list(g, REGISTRY["ZerosLike"](tensor), indices)
    return before, _scatter_grad(g, tensor, indices)


@op(
    f"TensorListConcatV2(input_handle: variant, element_shape: shape_type, leading_dims: int64, *,"
    f" element_dtype: type, {_SHAPE}) -> tensor: element_dtype, lengths: int64",
    context=True,
    static=("element_shape", "leading_dims"),
)
def tensor_list_concat_v2(ctx, input_handle, element_shape, leading_dims, *, element_dtype):
    """The elements joined along their first dimension, and how long each is."""
    input_handle._check_dtype(element_dtype)
    return input_handle.concat(ctx, shape_from(element_shape), leading_dims)


@tensor_list_concat_v2.shape_rule
def _concat_shape(input_handle, element_shape, leading_dims):
    element = _element(input_handle, element_shape)
    joined = UNKNOWN if not element._dims else shapes.of((None, *element._dims[1:]))
    return [joined, (None,)]


@tensor_list_concat_v2.gradient_rule
def _concat_grad(g, lengths):
    return tensor_list_split(g, _part_shape(g), lengths)


# The list itself ----------------------------------------------------------------------------------


@op(
    "TensorListLength(input_handle: variant) -> length: int32",
    shape=shape_rules.scalar,
    grad=None,
    context=True,
)
def tensor_list_length(ctx, input_handle):
    """How many elements the list has."""
    length = input_handle.length
    return np.int32(length) if isinstance(length, int) else length


@op(
    f"TensorListElementShape(input_handle: variant, *, {_SHAPE}) -> element_shape: shape_type",
    shape=lambda input_handle: UNKNOWN,
    grad=None,
    context=True,
)
def tensor_list_element_shape(ctx, input_handle, *, shape_type):
    """The shape that the list was made with: a vector with -1 for unknown, or the scalar -1."""
    dims = input_handle.element_shape._dims
    return np.array(-1 if dims is None else [-1 if d is None else d for d in dims], shape_type.np)


@op(
    "TensorListResize(input_handle: variant, size: int32) -> output_handle: variant",
    shape=shape_rules.scalar,
    context=True,
    static=("size",),
)
def tensor_list_resize(ctx, input_handle, size):
    """The list cut, or continued with elements that are not set, to `size` elements."""
    return input_handle.resized(ctx, size)


@tensor_list_resize.gradient_rule
def _resize_grad(g):
    return g  # where it is too long or too short, the rest does not count, or is zero


@op(
    "TensorListConcatLists(input_a: variant, input_b: variant, *, element_dtype: type)"
    " -> output: variant",
    shape=shape_rules.scalar,
    context=True,
)
def tensor_list_concat_lists(ctx, input_a, input_b, *, element_dtype):
    """The elements of one list, then those of another."""
    input_a._check_dtype(element_dtype)
    input_b._check_dtype(element_dtype)
    return as_items(ctx, input_a).joined(ctx, input_b)


@tensor_list_concat_lists.gradient_rule
def _concat_lists_grad(g, input_a, input_b, *, element_dtype):
    first = tensor_list_length(input_a)
    second = _array().reshape(tensor_list_length(input_b), [])
    places = REGISTRY["Range"](first, first + second, 1)
    shape: Any = -1
    rows = tensor_list_gather(g, places, shape, element_dtype=element_dtype)
    return tensor_list_resize(g, first), tensor_list_from_tensor(rows, shape)


def element_shape_tensor(shape: TensorShape) -> Any:
    """What list ops take for a static element shape: a vector with -1 for unknown, or the scalar -1."""
    if shape._dims is None:
        return np.array(-1, np.int32)
    return np.array([-1 if d is None else d for d in shape._dims], np.int32)


def _shape_of(tensor: Any) -> Any:
    """The shape of an element: known, or as a tensor; -1 for a list."""
    if tensor.dtype is dtypes.variant:
        return -1
    if tensor.shape.is_fully_defined():
        return element_shape_tensor(tensor.shape)
    return _array().shape(tensor)


def _row_shape(tensor: Any) -> Any:
    """The shape of the slices of `tensor` along its first dimension: known, or as a tensor."""
    rest = tensor.shape[1:]
    if rest.is_fully_defined():
        return element_shape_tensor(rest)
    return _array().shape(tensor)[1:]


def _part_shape(tensor: Any) -> Any:
    """The shape of parts of `tensor` along its first dimension, whose length is not known."""
    rest = tensor.shape[1:]
    if rest.is_fully_defined():
        return element_shape_tensor(shapes.of((None, *rest._dims)))
    return REGISTRY["ConcatV2"]([[-1], _array().shape(tensor)[1:]], 0)


def known_length(handle: Any) -> int | None:
    """The number of elements of a symbolic list, where the node that makes it says so."""
    node = getattr(handle, "op", None)
    for _ in range(100):
        if node is None:
            return None
        if node.type == "TensorListReserve":
            value = constant_value(node.inputs[1])
            return None if value is None else int(value)
        if node.type == "TensorListFromTensor":
            sizes = node.inputs[0].shape._dims
            return sizes[0] if sizes else None
        if node.type == "TensorListSetItem" and not node.attrs["resize_if_index_out_of_bounds"]:
            node = node.inputs[0].op
            continue
        return None
    return None


def _array() -> Any:
    from reflow.ops import array

    return array
