"""Slices: https://www.tensorflow.org/api_docs/python/tf/strided_slice, and `tensor[...]`."""

from __future__ import annotations

import numbers
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export, export_value
from reflow.lang.opdef import REGISTRY, ValueNeeded
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import Dimension
from reflow.lang.static_value import constant_value, partial_value
from reflow.lang.tensor import SymbolicTensor, Tensor
from reflow.ops import array, joining, shape_rules
from reflow.ops.define import op

newaxis = None
export_value(__name__, "newaxis", "newaxis")

_KNOWN = (np.ndarray, np.generic)

# Slice --------------------------------------------------------------------------------------------


@op(
    "Slice(input: T, begin: Index, size: Index, *, Index: {int32,int64}) -> output: T",
    partial=("input",),
    view=True,
)
def slice_op(xp, input, begin, size, *, node=None):
    """The block of a given size that begins at a given place."""
    dims = input.shape
    if isinstance(begin, _KNOWN) and isinstance(size, _KNOWN):
        starts, sizes = _block(dims, begin.tolist(), size.tolist())
        if xp.is_numpy:
            return input[tuple([slice(b, b + n) for b, n in zip(starts, sizes)])]
        return xp.lax.slice(input, starts, [b + n for b, n in zip(starts, sizes)])
    # In the compiled tier the begin may be computed: then the sizes must be known.
    if isinstance(size, _KNOWN):
        sizes = size.tolist()
    else:
        sizes = _elements(node, "size", len(dims))
    begins = begin.tolist() if isinstance(begin, _KNOWN) else _elements(node, "begin", len(dims))
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


def _elements(node: Any, name: str, rank: int) -> list[int | None]:
    """What is known of the elements of an input, a vector, from the graph."""
    known = None if node is None else partial_value(node.input(name))
    if known is None:
        return [None] * rank
    return [None if v != v else int(v) for v in known.tolist()]


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
    starts, sizes = partial_value(begin), partial_value(size)
    rank = len(dims) if dims is not None else _length(size) if _length(size) else _length(begin)
    if rank is None:
        return shapes.UNKNOWN
    for vector in (starts, sizes):
        if vector is not None and vector.shape != (rank,):
            raise ValueError(
                f"Shape must be rank {vector.size} but is rank {rank}: begin and size of a slice "
                "have one element per dimension"
            )
    if sizes is None:
        return shapes.unknown_shape(rank)
    result: list[int | None] = []
    for i, s in enumerate(sizes.tolist()):
        n = dims[i] if dims is not None else None
        b = starts[i] if starts is not None else np.nan
        if b < 0:
            raise ValueError(f"Expected begin[{i}] in [0, {n}], but got {int(b)}")
        if s == s and s < -1:
            raise ValueError(f"Expected size[{i}] in [0, {n}], but got {int(s)}")
        if n is not None and (b > n or s == s and b == b and b + max(s, 0) > n or s > n):
            raise ValueError(
                f"Slice is out of bounds: begin[{i}] = {b:g}, size[{i}] = {s:g}, for a dimension "
                f"of size {n}"
            )
        if s == -1:
            result.append(None if n is None or b != b else n - int(b))
        else:
            result.append(None if s != s else int(s))
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


# The specification of a strided slice -------------------------------------------------------------


class Masks(NamedTuple):
    """Bit i of each says how to read element i of begin, end and strides."""

    begin: int
    end: int
    ellipsis: int
    new_axis: int
    shrink_axis: int


class Entry(NamedTuple):
    """One element of a specification: `kind` is "range", "index", "axis" (new) or "rest" (...)."""

    kind: str
    at: int  # its position in begin, end and strides
    open_begin: bool
    open_end: bool


@lru_cache(1024)
def _entries(count: int, masks: Masks) -> tuple[Entry, ...]:
    """The elements of a specification of length `count`."""
    result = []
    for i in range(count):
        bit = 1 << i
        if masks.ellipsis & bit:
            kind = "rest"
        elif masks.new_axis & bit:
            kind = "axis"
        elif masks.shrink_axis & bit:
            kind = "index"
        else:
            kind = "range"
        result.append(Entry(kind, i, bool(masks.begin & bit), bool(masks.end & bit)))
    rests = [e for e in result if e.kind == "rest"]
    if len(rests) > 1:
        raise ValueError("Multiple ellipses in slice spec not allowed")
    if not rests:
        result.append(Entry("rest", count, True, True))
    return tuple(result)


def _per_dimension(entries: tuple[Entry, ...], rank: int) -> tuple[list[Entry], list[Any]]:
    """For each dimension of the input its element; and the elements in the order of the result.

    In the second list a dimension stands by its number, with None for a new axis.
    """
    taken = sum(e.kind in ("range", "index") for e in entries)
    if taken > rank:
        raise ValueError(f"Index out of range using input dim {rank}; input has only {rank} dims")
    inputs: list[Entry] = []
    order: list[Any] = []
    for entry in entries:
        if entry.kind == "axis":
            order.append(None)
        elif entry.kind == "rest":
            for _ in range(rank - taken):
                order.append(len(inputs))
                inputs.append(Entry("range", -1, True, True))
        else:
            if entry.kind == "range":
                order.append(len(inputs))
            inputs.append(entry)
    return inputs, order


def _check_strides(entries: tuple[Entry, ...], strides: list[int]) -> None:
    for entry in entries:
        if entry.kind == "range" and entry.at < len(strides) and strides[entry.at] == 0:
            raise ValueError(f"strides[{entry.at}] must be non-zero")
        if entry.kind == "index" and strides[entry.at] <= 0:
            raise ValueError("only stride 1 allowed on non-range indexing.")


@lru_cache(4096)
def _index(begin: tuple, end: tuple, strides: tuple, masks: Masks) -> tuple:
    """The specification as an index of NumPy, which reads the numbers as TensorFlow does."""
    entries = _entries(len(begin), masks)
    _check_strides(entries, list(strides))
    result: list[Any] = []
    for kind, i, open_begin, open_end in entries:
        if kind == "rest":
            result.append(Ellipsis)
        elif kind == "axis":
            result.append(None)
        elif kind == "index":
            result.append(begin[i])
        else:
            result.append(
                slice(None if open_begin else begin[i], None if open_end else end[i], strides[i])
            )
    return tuple(result)


def _index_for(x: Any, begin: Any, end: Any, strides: Any, masks: Masks) -> tuple:
    """The specification as an index for the NumPy array `x`.

    Raises:
      ValueError: if the vectors do not fit together, or `x` has too few dimensions.
    """
    if not begin.shape == end.shape == strides.shape or begin.ndim != 1:
        raise ValueError(
            f"Expected begin, end, and strides to be 1D equal size tensors, but got shapes "
            f"{list(begin.shape)}, {list(end.shape)}, and {list(strides.shape)} instead."
        )
    return _index(tuple(begin.tolist()), tuple(end.tolist()), tuple(strides.tolist()), masks)


def _misfit(x: Any, begin: Any, masks: Masks) -> ValueError:
    """What is wrong with an index that NumPy refused."""
    inputs, _ = _per_dimension(_entries(begin.size, masks), x.ndim)
    for d, entry in enumerate(inputs):
        if entry.kind == "index" and not -x.shape[d] <= begin[entry.at] < x.shape[d]:
            return ValueError(f"slice index {begin[entry.at]} of dimension {d} out of bounds.")
    return ValueError(f"the slice does not fit an array of shape {list(x.shape)}")


def _read(xp: Any, x: Any, begin: Any, end: Any, strides: Any, masks: Masks, node: Any) -> Any:
    """The slice of `x`, in either tier."""
    if xp.is_numpy:
        index = _index_for(x, begin, end, strides, masks)
        try:
            return x[index]
        except IndexError:
            raise _misfit(x, begin, masks) from None
    block = _plan(x.shape, begin, end, strides, masks, node)
    if block.assumption is not None:
        raise ValueNeeded("begin", assume=lambda: (block.read(xp, x), block.assumption))
    return block.read(xp, x)


def _written(
    xp: Any, x: Any, begin: Any, end: Any, strides: Any, value: Any, masks: Masks, node: Any
) -> Any:
    """`x` with the slice replaced by `value`, which broadcasts to it."""
    if xp.is_numpy:
        index = _index_for(x, begin, end, strides, masks)
        x = np.array(x)
        try:
            x[index] = value
        except IndexError:
            raise _misfit(x, begin, masks) from None
        except ValueError:
            raise ValueError(
                f"could not broadcast input array from shape {list(value.shape)} into the slice of "
                f"shape {list(x[index].shape)}"
            ) from None
        return x
    taken = value.shape if 1 not in value.shape else None  # a 1 may stand for any size
    return _plan(x.shape, begin, end, strides, masks, node, taken).write(xp, x, value)


class _Block(NamedTuple):
    """A slice of an array of known shape, as XLA takes it: a block, then steps, then a reshape.

    `starts` may have traced numbers; then `assumption` says whether the block lies where it should,
    unless that is always so.
    """

    starts: list[Any]
    sizes: list[int]
    steps: list[int]  # negative: from the end of the block to its start
    shape: list[int]
    assumption: Any

    def _whole(self, dims: Any) -> bool:
        return all(type(s) is int for s in self.starts) and list(dims) == self.sizes

    def _places(self) -> list[Any]:
        """The starts, all of one dtype."""
        kinds = [start.dtype for start in self.starts if type(start) is not int]
        kind = max(kinds, key=lambda dtype: dtype.itemsize) if kinds else np.dtype(np.int32)
        return [
            kind.type(start) if type(start) is int else start.astype(kind) for start in self.starts
        ]

    def read(self, xp: Any, x: Any) -> Any:
        lax = xp.lax
        if not self._whole(x.shape):
            if all(type(s) is int for s in self.starts):
                x = lax.slice(x, self.starts, [s + n for s, n in zip(self.starts, self.sizes)])
            else:
                x = xp.dynamic_slice(x, self._places(), self.sizes)
        x = xp.asarray(x)
        for axis, step in enumerate(self.steps):
            if step < 0:
                x = lax.rev(x, (axis,))
            if abs(step) != 1:
                x = lax.slice_in_dim(x, 0, None, abs(step), axis)
        return x.reshape(self.shape)

    def _laid_out(self, xp: Any, value: Any) -> Any:
        """`value`, which broadcasts to the slice, with the dimensions and the order of the array."""
        value = xp.broadcast_to(value, self.shape)
        value = value.reshape([-(-n // abs(s)) for n, s in zip(self.sizes, self.steps)])
        backwards = tuple(axis for axis, step in enumerate(self.steps) if step < 0)
        return xp.lax.rev(value, backwards) if backwards else value

    def write(self, xp: Any, x: Any, value: Any) -> Any:
        """`x` with `value` in the place of the slice."""
        value = self._laid_out(xp, value)
        if all(abs(s) == 1 for s in self.steps):
            return xp.dynamic_update_slice(x, value, self._places())
        places = [
            np.arange(start, start + n, abs(s)) if type(start) is int else start + np.arange(n)
            for start, n, s in zip(self.starts, self.sizes, self.steps)
        ]
        return xp.asarray(x).at[xp.ix_(*places)].set(value)

    def spread(self, xp: Any, dims: Any, value: Any) -> Any:
        """Zeros of sizes `dims`, with `value` in the place of the slice."""
        value = self._laid_out(xp, value)
        if any(type(start) is not int for start in self.starts):
            return self._into_zeros(xp, dims, value)
        margins = [
            (start, n - start - size, abs(step) - 1)
            for start, n, size, step in zip(self.starts, dims, self.sizes, self.steps)
        ]
        return xp.lax.pad(value, xp.zeros((), value.dtype), margins)

    def _into_zeros(self, xp: Any, dims: Any, value: Any) -> Any:
        steps = [(0, 0, abs(step) - 1) for step in self.steps]
        value = xp.lax.pad(value, xp.zeros((), value.dtype), steps)
        return xp.dynamic_update_slice(xp.zeros(dims, value.dtype), value, self._places())


def _plan(
    dims: Any,
    begin: Any,
    end: Any,
    strides: Any,
    masks: Masks,
    node: Any,
    taken: Any = None,
) -> _Block:
    """Which block a specification takes of an array with sizes `dims`.

    `begin`, `end` and `strides` may be traced: then what the graph says of them is used, and `taken`
    (the shape of the slice), where that is known.

    Raises:
      ValueNeeded: if the size of the block cannot be known.
    """
    count = begin.shape[0]
    entries = _entries(count, masks)
    vectors = {"begin": begin, "end": end, "strides": strides}
    known = {
        name: v.tolist() if isinstance(v, _KNOWN) else _elements(node, name, count)
        for name, v in vectors.items()
    }
    _check_strides(entries, [1 if s is None else s for s in known["strides"]])
    inputs, order = _per_dimension(entries, len(dims))
    sizes_taken: dict[int, int] = {}
    if taken is not None:
        sizes_taken = {d: n for d, n in zip(order, taken) if d is not None}
    starts: list[Any] = []
    sizes: list[int] = []
    steps: list[int] = []
    assumptions = []
    counts: dict[int, int] = {}
    for d, (entry, n) in enumerate(zip(inputs, dims)):
        i = entry.at
        step = 1
        if i == -1:
            start: Any = 0
            size = counts[d] = n
        elif entry.kind == "index":
            b = known["begin"][i]
            if b is None:
                start = _from_front(begin[i], n)
            elif -n <= b < n:
                start = b + n if b < 0 else b
            else:
                raise ValueError(f"slice index {b} of dimension {d} out of bounds.")
            size = 1
        else:
            step = known["strides"][i]
            if step is None:
                raise ValueNeeded("strides", on_host=True)
            b = None if entry.open_begin else known["begin"][i]
            e = None if entry.open_end else known["end"][i]
            if (entry.open_begin or b is not None) and (entry.open_end or e is not None):
                first, last, _ = slice(b, e, step).indices(n)
                counts[d] = len(range(first, last, step))
                size = (counts[d] - 1) * abs(step) + 1 if counts[d] else 0
                start = first if step > 0 else max(first - size + 1, 0)
                if not size:
                    start = 0
            elif d in sizes_taken and step == 1:
                size = counts[d] = sizes_taken[d]
                start = 0 if entry.open_begin else b
                if start is None:
                    start = begin[i]
                start = _clipped(start, n)
            else:
                size = _width(node, i, n, entry, step)
                if size is None:
                    raise ValueNeeded(
                        "begin" if not entry.open_begin and b is None else "end", on_host=True
                    )
                counts[d] = size
                start = _from_front(begin[i], n)
                stop = _from_front(end[i], n)
                assumptions.append((start >= 0) & (stop == start + size) & (stop <= n))
        starts.append(start)
        sizes.append(size)
        steps.append(step)
    shape = [1 if d is None else counts[d] for d in order]
    assumption = None
    for each in assumptions:
        assumption = each if assumption is None else assumption & each
    return _Block(starts, sizes, steps, shape, assumption)


def _from_front(index: Any, n: int) -> Any:
    """A traced index, counted from the front where it is negative."""
    return index + n * (index < 0).astype(index.dtype)


def _clipped(index: Any, n: int) -> Any:
    if isinstance(index, int):
        return min(max(index + n if index < 0 else index, 0), n)
    return _from_front(index, n).clip(0, n)


# How far end is from begin ------------------------------------------------------------------------


def _width(node: Any, i: int, n: int, entry: Entry, step: int) -> int | None:
    """The width of `x[k : k + width]`, where the graph shows it and it fits a dimension of size n."""
    if node is None or step != 1 or entry.open_begin or entry.open_end:
        return None
    first, last = (_element(node.input(name), i) for name in ("begin", "end"))
    if first is None or last is None:
        return None
    a, b = _linear(first, 0), _linear(last, 0)
    if a is None or b is None or a[0] != b[0]:
        return None
    width = b[1] - a[1]
    return width if 0 <= width <= n else None


def _element(vector: SymbolicTensor, i: int) -> SymbolicTensor | None:
    """The scalar that is element i of a vector, where it is packed of scalars."""
    node = vector.op
    while node.opdef.name in ("Cast", "Identity"):
        node = node.inputs[0].op
    if node.opdef.name == "Pack" and node.inputs[i].shape.rank == 0:
        return node.inputs[i]
    return None


def _linear(scalar: SymbolicTensor, depth: int) -> tuple[dict[int, int], int] | None:
    """A scalar as a sum: factors of other scalars (by id), and a constant."""
    node = scalar.op
    name = node.opdef.name
    value = constant_value(scalar) if name == "Const" else None
    if value is not None:
        return {}, int(value)
    if depth < 8:
        if name in ("Cast", "Identity") and node.inputs[0].dtype.is_integer:
            return _linear(node.inputs[0], depth + 1)
        if name in ("AddV2", "Add", "Sub", "Mul"):
            a, b = (_linear(x, depth + 1) for x in node.inputs)
            if a is not None and b is not None:
                if name != "Mul":
                    return _sum(a, b, -1 if name == "Sub" else 1)
                if not a[0] or not b[0]:
                    (factors, constant), by = (b, a[1]) if not a[0] else (a, b[1])
                    return {k: v * by for k, v in factors.items()}, constant * by
    return {id(scalar): 1}, 0


def _sum(a: Any, b: Any, sign: int) -> tuple[dict[int, int], int]:
    factors = dict(a[0])
    for key, factor in b[0].items():
        factors[key] = factors.get(key, 0) + sign * factor
    return {k: v for k, v in factors.items() if v}, a[1] + sign * b[1]


# StridedSlice -------------------------------------------------------------------------------------

_SPEC = "begin: Index, end: Index, strides: Index"
_MASKS = (
    "begin_mask: int = 0, end_mask: int = 0, ellipsis_mask: int = 0, new_axis_mask: int = 0,"
    " shrink_axis_mask: int = 0"
)


def _strided_shape(input: Any, begin: Any, end: Any, strides: Any, masks: Masks) -> Any:
    dims = input._shape._dims
    count = next((n for n in map(_length, (begin, end, strides)) if n is not None), None)
    if count is None or dims is None:
        return shapes.UNKNOWN
    entries = _entries(count, masks)
    inputs, order = _per_dimension(entries, len(dims))
    rows: list[list[Any]] = []
    for vector in (begin, end, strides):
        value = partial_value(vector)
        if value is None:
            rows.append([None] * count)
        elif value.dtype.kind == "f":
            rows.append([None if x != x else int(x) for x in value.tolist()])
        else:
            rows.append(value.tolist())
    first, last, step = rows
    _check_strides(entries, [1 if s is None else s for s in step])
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
    return _read(xp, input, begin, end, strides, masks, node)


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
        index = _index_for(result, begin, end, strides, masks)
        try:
            result[index] = dy
        except IndexError:
            raise _misfit(result, begin, masks) from None
        return result
    return _plan(dims, begin, end, strides, masks, node, dy.shape).spread(xp, dims, dy)


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
    return _written(xp, input, begin, end, strides, value, masks, node)


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
    ctx.write(handle, _written(ctx.xp, x, begin, end, strides, value, masks, ctx.op))


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
            f"{errors.where(errors.user_frame())}: Only integers, slices (`:`), ellipsis (`...`), "
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
        from reflow.ops.indexing import boolean_mask

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
        if begin:
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
