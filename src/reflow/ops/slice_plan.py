"""What a strided slice takes of an array: its specification, read for NumPy and planned for XLA."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from reflow.lang.opdef import ValueNeeded
from reflow.lang.static_value import constant_value, partial_elements
from reflow.lang.tensor import SymbolicTensor

KNOWN = (np.ndarray, np.generic)


def elements_of(node: Any, name: str, rank: int) -> list[int | None]:
    """What is known of the elements of an input, a vector, from the graph."""
    known = None if node is None else partial_elements(node.input(name))
    return [None] * rank if known is None else known


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
def entries_of(count: int, masks: Masks) -> tuple[Entry, ...]:
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


def per_dimension(entries: tuple[Entry, ...], rank: int) -> tuple[list[Entry], list[Any]]:
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


def check_strides(entries: tuple[Entry, ...], strides: list[int]) -> None:
    for entry in entries:
        if entry.kind == "range" and entry.at < len(strides) and strides[entry.at] == 0:
            raise ValueError(f"strides[{entry.at}] must be non-zero")
        if entry.kind == "index" and strides[entry.at] <= 0:
            raise ValueError("only stride 1 allowed on non-range indexing.")


@lru_cache(4096)
def _index(begin: tuple, end: tuple, strides: tuple, masks: Masks) -> tuple:
    """The specification as an index of NumPy, which reads the numbers as TensorFlow does."""
    entries = entries_of(len(begin), masks)
    check_strides(entries, list(strides))
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


def index_for(x: Any, begin: Any, end: Any, strides: Any, masks: Masks) -> tuple:
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


def misfit(x: Any, begin: Any, masks: Masks) -> ValueError:
    """What is wrong with an index that NumPy refused."""
    inputs, _ = per_dimension(entries_of(begin.size, masks), x.ndim)
    for d, entry in enumerate(inputs):
        if entry.kind == "index" and not -x.shape[d] <= begin[entry.at] < x.shape[d]:
            return ValueError(f"slice index {begin[entry.at]} of dimension {d} out of bounds.")
    return ValueError(f"the slice does not fit an array of shape {list(x.shape)}")


def read_slice(xp: Any, x: Any, begin: Any, end: Any, strides: Any, masks: Masks, node: Any) -> Any:
    """The slice of `x`, in either tier."""
    if xp.is_numpy:
        index = index_for(x, begin, end, strides, masks)
        try:
            return x[index]
        except IndexError:
            raise misfit(x, begin, masks) from None
    block = plan_block(x.shape, begin, end, strides, masks, node)
    if block.assumption is not None:
        raise ValueNeeded("begin", assume=lambda: (block.read(xp, x), block.assumption))
    return block.read(xp, x)


def write_slice(
    xp: Any, x: Any, begin: Any, end: Any, strides: Any, value: Any, masks: Masks, node: Any
) -> Any:
    """`x` with the slice replaced by `value`, which broadcasts to it."""
    if xp.is_numpy:
        index = index_for(x, begin, end, strides, masks)
        x = np.array(x)
        try:
            x[index] = value
        except IndexError:
            raise misfit(x, begin, masks) from None
        except ValueError:
            raise ValueError(
                f"could not broadcast input array from shape {list(value.shape)} into the slice of "
                f"shape {list(x[index].shape)}"
            ) from None
        return x
    taken = value.shape if 1 not in value.shape else None  # a 1 may stand for any size
    return plan_block(x.shape, begin, end, strides, masks, node, taken).write(xp, x, value)


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


def plan_block(
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
    entries = entries_of(count, masks)
    vectors = {"begin": begin, "end": end, "strides": strides}
    known = {
        name: v.tolist() if isinstance(v, KNOWN) else elements_of(node, name, count)
        for name, v in vectors.items()
    }
    check_strides(entries, [1 if s is None else s for s in known["strides"]])
    inputs, order = per_dimension(entries, len(dims))
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
