"""Slices: https://www.tensorflow.org/api_docs/python/tf/strided_slice, and `tensor[...]`."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import constant_node, convert_to_tensor
from reflow.lang.export import export, export_value
from reflow.lang.opdef import REGISTRY, ValueNeeded
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import Dimension
from reflow.lang.static_value import constant_value, partial_elements
from reflow.lang.tensor import Tensor
from reflow.ops import array, joining, shape_rules
from reflow.ops.define import op
from reflow.ops.slice_plan import (
    KNOWN,
    Masks,
    check_strides,
    elements_of,
    entries_of,
    index_for,
    misfit,
    per_dimension,
    plan_block,
    read_slice,
    write_slice,
)

newaxis = None
export_value(__name__, "newaxis", "newaxis")

# Slice --------------------------------------------------------------------------------------------


@op(
    "Slice(input: T, begin: Index, size: Index, *, Index: {int32,int64}) -> output: T",
    partial=("input",),
    view=True,
)
def slice_op(xp, input, begin, size, *, node=None):
    """The block of a given size that begins at a given place."""
    dims = input.shape
    if isinstance(begin, KNOWN) and isinstance(size, KNOWN):
        starts, sizes = _block(dims, begin.tolist(), size.tolist())
        if xp.is_numpy:
            return input[tuple([slice(b, b + n) for b, n in zip(starts, sizes)])]
        return xp.lax.slice(input, starts, [b + n for b, n in zip(starts, sizes)])
    # In the compiled tier the begin may be computed: then the sizes must be known.
    if isinstance(size, KNOWN):
        sizes = size.tolist()
    else:
        sizes = elements_of(node, "size", len(dims))
    begins = begin.tolist() if isinstance(begin, KNOWN) else elements_of(node, "begin", len(dims))
    for i, n in enumerate(sizes):
        if n is None:
            raise ValueNeeded("size", on_host=True)
        if n == -1:
            if begins[i] is None:
                raise ValueNeeded("begin", on_host=True)
            sizes[i] = dims[i] - begins[i]
        elif n > dims[i]:
            raise ValueError(f"Expected size[{i}] in [0, {dims[i]}], but got {n}")
    return xp.dynamic_slice(input, [begin[i] for i in range(len(dims))], sizes)


def _block(dims: Any, begin: list[int], size: list[int]) -> tuple[list[int], list[int]]:
    rank = len(dims)
    if len(begin) != rank or len(size) != rank:
        raise ValueError(
            f"Expected begin and size arguments to be 1-D tensors of size {rank}, but got shapes "
            f"[{len(begin)}] and [{len(size)}] instead."
        )
    sizes = []
    for i, (n, b, s) in enumerate(zip(dims, begin, size)):
        if not 0 <= b <= n:
            raise ValueError(f"Expected begin[{i}] in [0, {n}], but got {b}")
        s = n - b if s == -1 else s
        if not 0 <= s <= n - b:
            raise ValueError(f"Expected size[{i}] in [0, {n - b}], but got {s}")
        sizes.append(s)
    return begin, sizes


@slice_op.shape_rule
def _slice_shape(input, begin, size):
    dims = input._shape._dims
    starts, sizes = partial_elements(begin), partial_elements(size)
    rank = len(dims) if dims is not None else next((len(v) for v in (sizes, starts) if v), None)
    if rank is None:
        return shapes.UNKNOWN
    starts, sizes = (v if v is not None else [None] * rank for v in (starts, sizes))
    if len(starts) != rank or len(sizes) != rank:
        raise ValueError(
            f"Shape must be rank {len(sizes)} but is rank {rank}: begin and size of a slice have "
            "one element per dimension"
        )
    result: list[int | None] = []
    for i, (n, b, s) in enumerate(zip(dims or [None] * rank, starts, sizes)):
        if b is not None and (b < 0 or n is not None and b > n):
            raise ValueError(f"Expected begin[{i}] in [0, {n}], but got {b}")
        if s is not None and (s < -1 or n is not None and s > n - (b or 0)):
            raise ValueError(
                f"Expected size[{i}] in [0, {None if n is None else n - (b or 0)}], but got {s}: "
                "the slice is out of bounds"
            )
        if s == -1:
            s = None if n is None or b is None else n - b
        result.append(s)
    return shapes.of(tuple(result))


def _length(vector: Any) -> int | None:
    dims = vector._shape._dims
    return dims[0] if dims else None


@slice_op.gradient_rule
def _slice_grad(g, input, begin, output):
    starts, dims, taken = constant_value(begin), input._shape._dims, output._shape._dims
    if starts is not None and dims is not None and taken is not None:
        if None not in dims and None not in taken:
            ends = [n - b - s for n, b, s in zip(dims, starts.tolist(), taken)]
            return REGISTRY["Pad"](g, np.stack([starts, np.array(ends, starts.dtype)], 1))
    # Adding a margin needs its size; writing into zeros needs only the place.
    g = convert_to_tensor(g)
    kind = begin.dtype
    end = REGISTRY["AddV2"](begin, array.shape_op(g, out_type=kind))
    if dims is not None:
        steps: Any = np.ones(len(dims), kind.np)
    else:
        steps = REGISTRY["OnesLike"](begin)
    return strided_slice_grad_op(array.shape(input, out_type=kind), begin, end, steps, g)


@export("slice")
def slice_(input_: Any, begin: Any, size: Any, name: str | None = None) -> Any:
    """The block of `input_` of shape `size` that begins at `begin`.

    Args:
      input_: a tensor of rank n.
      begin: an integer vector of length n.
      size: an integer vector of length n; -1 takes all that is left of a dimension.

    Raises:
      InvalidArgumentError: if the block does not lie within `input_`.

    >>> import reflow as tf
    >>> tf.slice([1, 2, 3, 4], [1], [2]).numpy().tolist()
    [2, 3]
    """
    return slice_op(input_, begin, size, name=name)


# StridedSlice -------------------------------------------------------------------------------------

_SPEC = "begin: Index, end: Index, strides: Index"
_MASKS = (
    "begin_mask: int = 0, end_mask: int = 0, ellipsis_mask: int = 0, new_axis_mask: int = 0,"
    " shrink_axis_mask: int = 0"
)


def _strided_shape(input: Any, begin: Any, end: Any, strides: Any, masks: Masks) -> Any:
    dims = input._shape._dims
    for vector in (begin, end, strides):
        if vector.shape.rank not in (None, 1):
            raise ValueError(f"Shape must be rank 1 but is rank {vector.shape.rank}")
    count = next((n for n in map(_length, (begin, end, strides)) if n is not None), None)
    if count is None or dims is None:
        return shapes.UNKNOWN
    entries = entries_of(count, masks)
    inputs, order = per_dimension(entries, len(dims))
    first, last, step = (
        partial_elements(vector) or [None] * count for vector in (begin, end, strides)
    )
    check_strides(entries, [1 if s is None else s for s in step])
    sizes: dict[Any, int | None] = {None: 1}
    for d, (entry, n) in enumerate(zip(inputs, dims)):
        i = entry.at
        if i == -1 or n is None:
            sizes[d] = n
        elif entry.kind == "index":
            if first[i] is not None and not -n <= first[i] < n:
                raise ValueError(f"slice index {first[i]} of dimension {d} out of bounds.")
        else:
            b = None if entry.open_begin else first[i]
            e = None if entry.open_end else last[i]
            unknown = step[i] is None or b is None and not entry.open_begin
            if unknown or e is None and not entry.open_end:
                sizes[d] = None
            else:
                sizes[d] = len(range(*slice(b, e, step[i]).indices(n)))
    return shapes.of(tuple([sizes[d] for d in order]))


def _strided_slice_shape(
    input, begin, end, strides, *, begin_mask, end_mask, ellipsis_mask, new_axis_mask,
    shrink_axis_mask,
):  # fmt: skip
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return _strided_shape(input, begin, end, strides, masks)


@op(
    f"StridedSlice(input: T, {_SPEC}, *, Index: {{int16,int32,int64}}, {_MASKS}) -> output: T",
    shape=_strided_slice_shape,
    partial=("input",),
    view=True,
)
def strided_slice_op(
    xp, input, begin, end, strides, *, begin_mask, end_mask, ellipsis_mask, new_axis_mask,
    shrink_axis_mask, node=None,
):  # fmt: skip
    """`input[begin:end:strides]`, with masks for what Python's notation can say beyond that."""
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return read_slice(xp, input, begin, end, strides, masks, node)


_MASK_NAMES = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def _masks_of(op: Any) -> dict[str, int]:
    return {name: op.attrs[name] for name in _MASK_NAMES}


@strided_slice_op.gradient_rule
def _strided_slice_grad(op, g, input, begin, end, strides):
    if begin.dtype.base_dtype is dtypes.int16:  # which the gradient's op does not take
        begin, end, strides = (
            REGISTRY["Cast"](v, DstT=dtypes.int32) for v in (begin, end, strides)
        )
    size = array.shape(input, out_type=begin.dtype)
    return strided_slice_grad_op(size, begin, end, strides, g, **_masks_of(op))


@op(
    f"StridedSliceGrad(shape: Index, {_SPEC}, dy: T, *, Index: {{int32,int64}}, {_MASKS})"
    " -> output: T",
    shape=shape_rules.value_as_shape(0),
    static=["shape"],
)
def strided_slice_grad_op(
    xp, shape, begin, end, strides, dy, *, begin_mask, end_mask, ellipsis_mask, new_axis_mask,
    shrink_axis_mask, node=None,
):  # fmt: skip
    """The gradient of `StridedSlice`: zeros in the shape of its input, with `dy` in the slice."""
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    dims = shape.tolist()
    if xp.is_numpy:
        result = np.zeros(dims, dy.dtype)
        index = index_for(result, begin, end, strides, masks)
        try:
            result[index] = dy
        except IndexError:
            raise misfit(result, begin, masks) from None
        return result
    return plan_block(dims, begin, end, strides, masks, node, dy.shape).spread(xp, dims, dy)


@strided_slice_grad_op.gradient_rule
def _strided_slice_grad_grad(op, g, begin, end, strides):
    return None, None, None, None, strided_slice_op(g, begin, end, strides, **_masks_of(op))


@export("strided_slice")
def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Any:
    """The slice `input_[begin:end:strides]`; most programs write `tensor[...]` instead.

    Args:
      input_: a tensor.
      begin, end, strides: integer vectors of one length: one element per dimension, as a rule.
      begin_mask, end_mask: bit i says that the range i is open on that side.
      ellipsis_mask: bit i says that element i stands for as many dimensions as are left.
      new_axis_mask: bit i says that element i makes a new dimension of size 1.
      shrink_axis_mask: bit i says that element i is an index: the dimension goes.
      var: the variable whose value `input_` is; then the result has a method `assign`.

    Raises:
      InvalidArgumentError: if an index is out of bounds, or a stride is zero.

    >>> import reflow as tf
    >>> tf.strided_slice([1, 2, 3, 4, 5], [0], [4], [2]).numpy().tolist()
    [1, 3]
    """
    if strides is None:
        from reflow.ops.filling import ones_like_v1

        strides = ones_like_v1(begin)
    masks = {
        "begin_mask": begin_mask,
        "end_mask": end_mask,
        "ellipsis_mask": ellipsis_mask,
        "new_axis_mask": new_axis_mask,
        "shrink_axis_mask": shrink_axis_mask,
    }
    result = strided_slice_op(input_, begin, end, strides, name=name, **masks)
    if var is not None:
        parent = name

        def assign(val: Any, name: str | None = None) -> Any:
            """Gives this slice of the variable a new value."""
            return var._strided_slice_assign(
                begin=begin,
                end=end,
                strides=strides,
                value=val,
                name=f"{parent}_assign" if name is None else name,
                **masks,
            )

        result.assign = assign
    return result


# Writing into slices ------------------------------------------------------------------------------


@op(
    f"TensorStridedSliceUpdate(input: T, {_SPEC}, value: T, *, Index: {{int32,int64}}, {_MASKS})"
    " -> output: T",
    shape=shape_rules.same,
)
def tensor_strided_slice_update_op(
    xp, input, begin, end, strides, value, *, begin_mask, end_mask, ellipsis_mask, new_axis_mask,
    shrink_axis_mask, node=None,
):  # fmt: skip
    """The input with another value in a slice."""
    masks = Masks(begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return write_slice(xp, input, begin, end, strides, value, masks, node)


@tensor_strided_slice_update_op.gradient_rule
def _tensor_strided_slice_update_grad(op, g, begin, end, strides, value):
    from reflow.ops.unbroadcast import sum_to_shape_of

    masks = _masks_of(op)
    inside = strided_slice_op(g, begin, end, strides, **masks)
    zeros = REGISTRY["ZerosLike"](inside)
    outside = tensor_strided_slice_update_op(g, begin, end, strides, zeros, **masks)
    return outside, None, None, None, sum_to_shape_of(inside, value, [inside, value])


def _assign_slice(ctx: Any, handle: Any, begin: Any, end: Any, strides: Any, value: Any) -> None:
    masks = Masks(*[ctx.op.attrs[name] for name in _MASK_NAMES])
    x = ctx.read(handle)
    ctx.write(handle, write_slice(ctx.xp, x, begin, end, strides, value, masks, ctx.op))


@op(
    f"StridedSliceAssign(ref: Ref(T), {_SPEC}, value: T, *, Index: {{int32,int64}}, {_MASKS})"
    " -> output_ref: Ref(T)",
    shape=shape_rules.same,
    grad=None,
    stateful=True,
    reads=("ref",),
    writes=("ref",),
)
def strided_slice_assign_op(ctx, ref, begin, end, strides, value):
    """Gives a slice of a TF 1 variable a new value; the output is the reference."""
    _assign_slice(ctx, ref, begin, end, strides, value)
    return ref


@op(
    f"ResourceStridedSliceAssign(ref: resource, {_SPEC}, value: T, *, Index: {{int32,int64}},"
    f" {_MASKS}) -> ",
    shape=shape_rules.none,
    grad=None,
    stateful=True,
    reads=("ref",),
    writes=("ref",),
)
def resource_strided_slice_assign_op(ctx, ref, begin, end, strides, value):
    """Gives a slice of a resource variable a new value."""
    _assign_slice(ctx, ref, begin, end, strides, value)
    return ()


# tensor[...] --------------------------------------------------------------------------------------

_INDEX_DTYPES = frozenset((dtypes.int16, dtypes.int32, dtypes.int64))


def _check_index(index: Any) -> None:
    if isinstance(index, (numbers.Integral, Dimension)):
        return
    dtype = getattr(index, "dtype", None)
    try:
        fits = dtype is not None and dtypes.as_dtype(dtype).base_dtype in _INDEX_DTYPES
    except TypeError:
        fits = False
    if not fits or len(np.shape(index) if isinstance(index, np.ndarray) else index.shape) == 1:
        raise TypeError(
            f"{errors.user_site()}: Only integers, slices (`:`), ellipsis (`...`), "
            "tf.newaxis (`None`) and scalar tf.int16/tf.int32/tf.int64 tensors are valid indices, "
            f"got {index!r}"
        )


def _dtype_of_bounds(bounds: Any) -> Any:
    """The dtype that open ends of a range take on, where one of its ends is a tensor."""
    found = [b.dtype.base_dtype for b in bounds if isinstance(b, Tensor)]
    for dtype in (dtypes.int64, dtypes.int32, dtypes.int16):
        if dtype in found:
            return dtype
    return None


def _is_unknown(bound: Any) -> bool:
    return bound is None or isinstance(bound, Dimension) and bound.value is None


def getitem(tensor: Any, key: Any, var: Any = None) -> Any:
    """`tensor[key]`, as Python's notation for slices gives it.

    Args:
      tensor: a tensor, or what converts to one.
      key: an integer, a scalar integer tensor, a slice, `...`, `tf.newaxis`, a tuple of these, or a
        mask: a tensor or array of booleans.
      var: the variable whose value `tensor` is; then the result has a method `assign`.

    Raises:
      TypeError: for other keys.
      InvalidArgumentError: if an index is out of bounds.

    >>> import reflow as tf
    >>> tf.constant([[1, 2, 3], [4, 5, 6]])[:, 1:].numpy().tolist()
    [[2, 3], [5, 6]]
    """
    tensor = convert_to_tensor(tensor)
    if (
        isinstance(key, bool)
        or isinstance(key, Tensor)
        and key.dtype.base_dtype is dtypes.bool
        or isinstance(key, np.ndarray)
        and key.dtype == np.bool_
    ):
        from reflow.ops.masking import boolean_mask

        return boolean_mask(tensor, key)
    begin: list[Any] = []
    end: list[Any] = []
    strides: list[Any] = []
    begin_mask = end_mask = ellipsis_mask = new_axis_mask = shrink_axis_mask = 0
    bit = 1
    for each in key if isinstance(key, (list, tuple)) else (key,):
        kind = type(each)
        if kind is int:
            begin.append(each)
            end.append(each + 1)
            strides.append(1)
            shrink_axis_mask |= bit
        elif kind is slice:
            start, stop, step = each.start, each.stop, each.step
            dtype = None
            if type(start) is not int or type(stop) is not int:
                dtype = _dtype_of_bounds((start, stop, step))
            if _is_unknown(start):
                begin.append(_open(0, dtype))
                begin_mask |= bit
            else:
                _check_index(start)
                begin.append(start)
            if _is_unknown(stop):
                end.append(_open(0, dtype))
                end_mask |= bit
            else:
                _check_index(stop)
                end.append(stop)
            if _is_unknown(step):
                strides.append(_open(1, dtype))
            else:
                _check_index(step)
                strides.append(step)
        elif each is Ellipsis or each is None:
            begin.append(0)
            end.append(0)
            strides.append(1)
            if each is None:
                new_axis_mask |= bit
            else:
                ellipsis_mask |= bit
        else:
            _check_index(each)
            begin.append(each)
            end.append(each + 1)
            dtype = each.dtype.base_dtype if isinstance(each, Tensor) else None
            strides.append(_open(1, dtype if dtype in (dtypes.int16, dtypes.int64) else None))
            shrink_axis_mask |= bit
        bit <<= 1
    with name_scope(None, "strided_slice") as scope:
        if current_graph() is None and all(type(n) is int for n in (*begin, *end, *strides)):
            packed: Any = [
                constant_node(np.array(v, np.int64), dtypes.int64) for v in (begin, end, strides)
            ]
        elif begin:
            packed = _same_dtype([joining.stack(v) for v in (begin, end, strides)])
        else:
            packed = [convert_to_tensor([], dtypes.int32)] * 3
        return strided_slice(
            tensor,
            *packed,
            begin_mask=begin_mask,
            end_mask=end_mask,
            ellipsis_mask=ellipsis_mask,
            new_axis_mask=new_axis_mask,
            shrink_axis_mask=shrink_axis_mask,
            var=var,
            name=scope,
        )


def _open(value: int, dtype: Any) -> Any:
    return value if dtype is None else convert_to_tensor(value, dtype)


def _same_dtype(vectors: list[Any]) -> list[Any]:
    found = {v.dtype for v in vectors}
    if len(found) == 1:
        return vectors
    wide = dtypes.int64 if dtypes.int64 in found else dtypes.int32
    return [v if v.dtype is wide else REGISTRY["Cast"](v, DstT=wide) for v in vectors]
