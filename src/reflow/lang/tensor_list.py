"""The value behind a tensor of dtype `variant` that is a list of tensors.

`TensorList` holds its elements one by one; they may differ in shape, and ops on it are plain Python.
The compiled tier has another form, one buffer for all elements (`compiler/list_buffer.py`), which a
list becomes when an index is computed inside of an executable. Both are immutable and have the same
methods, which take the context of the op.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.dtypes import DType, variant
from reflow.lang.errors import invalid
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import ValueNeeded
from reflow.lang.shapes import TensorShape

_KNOWN = (np.ndarray, np.generic, int)
_appending = threading.Lock()


def known_int(index: Any) -> int | None:
    """The value of a scalar where it is known."""
    return int(index) if isinstance(index, _KNOWN) else None


def shape_from(value: Any) -> TensorShape:
    """The element shape that a list op is given: a vector with -1 for unknown, or a scalar -1.

    Raises:
      errors.InvalidArgumentError: for another scalar.
    """
    value = np.asarray(value)
    if value.ndim == 0:
        if value == -1:
            return shapes.UNKNOWN
        raise invalid("if element_shape is not fully known, it is a vector, or the scalar -1")
    return shapes.of(tuple(None if d < 0 else int(d) for d in value.tolist()))


class TensorList:
    """Tensors of one dtype, in order; immutable.

    Attributes:
      element_dtype: the dtype of the elements.
      element_shape: what is known of their shapes.
      limit: how many elements it may have; -1 for any number.
    """

    __slots__ = ("_items", "_length", "element_dtype", "element_shape", "limit")

    shape = ()  # as a tensor it is a scalar

    def __init__(
        self,
        items: list[Any],
        element_dtype: DType,
        element_shape: TensorShape = shapes.UNKNOWN,
        limit: int = -1,
        length: int | None = None,
    ):
        # None stands for an element that was not set, and counts as zeros. Lists that were made by
        # appending share `items`, of which each sees the first `length`.
        self._items = items
        self._length = len(items) if length is None else length
        self.element_dtype = element_dtype
        self.element_shape = element_shape
        self.limit = limit

    @classmethod
    def reserved(cls, count: int, element_dtype: DType, element_shape: TensorShape) -> TensorList:
        """A list of `count` elements that are not set."""
        return cls([None] * count, element_dtype, element_shape)

    @property
    def items(self) -> list[Any]:
        """The elements; None for one that was not set."""
        items = self._items
        return items if len(items) == self._length else items[: self._length]

    @property
    def length(self) -> int:
        return self._length

    def with_items(self, items: list[Any]) -> TensorList:
        return TensorList(items, self.element_dtype, self.element_shape, self.limit)

    def is_known(self) -> bool:
        """Whether no element is computed inside of an executable that is being traced."""
        return all(
            each is None
            or isinstance(each, _KNOWN)
            or isinstance(each, TensorList)
            and each.is_known()
            for each in self.items
        )

    def form(self) -> Any:
        """What an executable that takes this list depends on: its length, shapes and dtypes."""
        items = self.items
        if items and isinstance(items[0], (np.ndarray, np.generic)) and items[0].size <= 64:
            if all(each is items[0] for each in items):  # equal elements are known to executables
                first = np.asarray(items[0])
                return "uniform", len(items), first.dtype, first.shape, first.tobytes()
        forms = {_form_of(each) for each in items}
        if len(forms) == 1 and None not in forms:
            return self._length, self._length, forms.pop()
        return self._length, tuple(_form_of(each) for each in items)

    # Elements ------------------------------------------------------------------------------------

    def _position(self, index: int, verb: str) -> int:
        if not 0 <= index < self._length:
            raise invalid(
                f"Trying to {verb} element {index} in a list with {self._length} elements."
            )
        return index

    def _check_dtype(self, element_dtype: DType) -> None:
        if element_dtype.base_dtype is not self.element_dtype:
            raise invalid(
                f"Invalid data types; op elements {element_dtype.name} but list elements "
                f"{self.element_dtype.name}"
            )

    def _check_shape(self, item: Any, what: str) -> None:
        mine = self.element_shape._dims
        if mine is not None and item is not None:
            came = tuple(np.shape(item))
            if mine != came and not self.element_shape.is_compatible_with(came):
                raise invalid(
                    f"{what} Item element shape: {list(came)} list shape: {_bracketed(self.element_shape)}"
                )

    def merged_shape(self, shape: TensorShape) -> TensorShape:
        """The shape of every element, as far as it follows from the list and from what an op says.

        Raises:
          errors.InvalidArgumentError: if elements have other shapes than that.
        """
        try:
            result = self.element_shape.merge_with(shape)
            for each in self.items:
                if each is not None:
                    result = result.merge_with(np.shape(each))
        except ValueError:
            dims = [self.element_shape, shape, *(np.shape(i) for i in self.items if i is not None)]
            shown = sorted({_bracketed(shapes.as_shape(d)) for d in dims} - {"<unknown>"})
            raise invalid(
                f"PartialTensorShape: Incompatible shapes during merge: {' vs. '.join(shown)}"
            ) from None
        return result

    def _zeros(self, shape: TensorShape, verb: str) -> Any:
        if self.element_dtype is variant:
            return ANY_ZEROS
        shape = shape.merge_with(self.element_shape)
        if not shape.is_fully_defined():
            for each in self.items:
                if each is not None and shape.is_compatible_with(np.shape(each)):
                    shape = shape.merge_with(np.shape(each))
                    break
        if not shape.is_fully_defined():
            raise invalid(
                f"Trying to {verb} an uninitialized tensor but element_shape is not fully defined: "
                f"{_bracketed(shape)} and no list element is set."
            )
        return _unset(shape.sizes, self.element_dtype.np)

    def get(self, ctx: Any, index: Any, shape: TensorShape) -> Any:
        """The element at `index`; zeros if it was not set."""
        known = known_int(index)
        if known is None:
            return ctx.xp.list_buffer(self, shape).get(ctx, index, shape)
        item = self._items[self._position(known, "access")]
        return self._zeros(shape, "read") if item is None else item

    def set(self, ctx: Any, index: Any, item: Any, grow: bool) -> Any:
        """The list with another element at `index`; with `grow` it becomes longer if need be."""
        known = known_int(index)
        if known is None:
            return ctx.xp.list_buffer_set(self, ctx, index, item, grow)
        self._check_shape(item, "Tried to set a tensor with incompatible shape at a list index.")
        items = self.items.copy()
        if grow and known >= len(items):
            items.extend([None] * (known + 1 - len(items)))
        else:
            self._position(known, "modify")
        items[known] = item
        return self.with_items(items)

    def push(self, ctx: Any, item: Any) -> TensorList:
        """The list with one more element at its end."""
        self._check_shape(item, "Tried to append a tensor with incompatible shape to a list.")
        if 0 <= self.limit <= self._length:
            raise invalid(
                f"Tried to push item into a full list list size: {self._length} max_num_elements: "
                f"{self.limit}"
            )
        with _appending:
            items = self._items
            if len(items) != self._length:  # another list continues this one
                items = items[: self._length]
            items.append(item)
            return TensorList(
                items, self.element_dtype, self.element_shape, self.limit, self._length + 1
            )

    def pop(self, ctx: Any, shape: TensorShape) -> tuple[Any, Any]:
        """The list without its last element, and that element."""
        if not self._length:
            raise invalid("Trying to pop from an empty list.")
        item = self._items[self._length - 1]
        rest = TensorList(
            self._items, self.element_dtype, self.element_shape, self.limit, self._length - 1
        )
        return rest, self._zeros(shape, "read") if item is None else item

    # Many elements at once -----------------------------------------------------------------------

    def _namespace(self, ctx: Any, items: Sequence[Any]) -> Any:
        if ctx.xp.is_numpy or all(isinstance(each, _KNOWN) for each in items):
            return numpy_namespace
        return ctx.xp

    def _filled(self, items: Sequence[Any], shape: TensorShape) -> list[Any]:
        return [
            _unset(shape.sizes, self.element_dtype.np) if each is None else each for each in items
        ]

    def stack(self, ctx: Any, shape: TensorShape, count: int = -1) -> Any:
        """The elements as one tensor with a new first dimension."""
        if count not in (-1, self._length):
            raise invalid(
                f"Operation expected a list with {count} elements but got a list with "
                f"{self._length} elements."
            )
        items = self.items
        if self.element_dtype is variant:
            return _objects(items)
        shape = self.merged_shape(shape)
        if not shape.is_fully_defined():
            if not self._length:
                raise invalid(
                    "Tried to stack elements of an empty list with non-fully-defined element_shape: "
                    f"{_bracketed(shape)}"
                )
            if all(each is None for each in items):
                raise invalid(
                    "Tried to stack list which only contains uninitialized tensors and has a "
                    f"non-fully-defined element_shape: {_bracketed(shape)}"
                )
        items = self._filled(items, shape)
        if not items:
            return np.zeros((0, *shape.sizes), self.element_dtype.np)  # type: ignore[misc]
        return self._namespace(ctx, items).stack(items)

    def gather(self, ctx: Any, indices: Any, shape: TensorShape) -> Any:
        """The elements at `indices` as one tensor."""
        if not isinstance(indices, _KNOWN):
            return ctx.xp.list_buffer(self, shape).gather(ctx, indices, shape)
        indices = np.asarray(indices)
        chosen = [self._items[self._position(i, "gather")] for i in indices.tolist()]
        if self.element_dtype is variant:
            return _objects(chosen)
        part = self.with_items(chosen)
        shape = part.merged_shape(shape)
        if not shape.is_fully_defined():
            what = "uninitialized tensors" if chosen else "0-elements"
            kind = "element_shape" if chosen else "shape"
            raise invalid(
                f"Tried to gather {what} from a list with non-fully-defined {kind}: "
                f"{_bracketed(shape)}"
            )
        chosen = self._filled(chosen, shape)
        if not chosen:
            return np.zeros((0, *shape.sizes), self.element_dtype.np)  # type: ignore[misc]
        return self._namespace(ctx, chosen).stack(chosen)

    def scatter(self, ctx: Any, tensor: Any, indices: Any, grow: bool = True) -> Any:
        """The list with the rows of `tensor` at `indices`; with `grow` it becomes longer if need be."""
        if not isinstance(indices, _KNOWN):
            shape = shapes.as_shape(tuple(tensor.shape)[1:])
            return ctx.xp.list_buffer(self, shape).scatter(ctx, tensor, indices, grow)
        places = np.asarray(indices).tolist()
        if len(places) != np.shape(tensor)[0]:
            raise invalid(
                f"Invalid number of rows in input tensor. Expected: {len(places)} Actual: "
                f"{np.shape(tensor)[0]}"
            )
        if places and min(places) < 0:
            raise invalid("Indices in TensorListScatter must all be non-negative.")
        items = self.items.copy()
        if places and max(places) >= len(items):
            if not grow:
                raise invalid(
                    f"TensorListScatter: Trying to scatter at index {max(places)} in list with size "
                    f"{len(items)}"
                )
            items.extend([None] * (max(places) + 1 - len(items)))
        for i, place in enumerate(places):
            row = tensor[i, ...]
            self._check_shape(row, "Tried to set a tensor with incompatible shape at a list index.")
            items[place] = row
        return self.with_items(items)

    def concat(self, ctx: Any, shape: TensorShape, leading: Any = None) -> tuple[Any, Any]:
        """The elements joined along their first dimension, and how long each is.

        Args:
          shape: what the op says of the shape of the elements, the first dimension included.
          leading: the first dimensions of elements that were not set.
        """
        lengths: list[int] = []
        items = self.items
        try:
            # Of the shapes, all but the first dimension must agree.
            rest = shapes.UNKNOWN
            first = None
            for known in (self.element_shape, shape):
                if known._dims:
                    rest = rest.merge_with(known._dims[1:])
                    first = first if known._dims[0] is None else known._dims[0]
            for each in items:
                if each is not None and np.shape(each):
                    rest = rest.merge_with(np.shape(each)[1:])
        except ValueError as error:
            raise invalid(f"Tried to concat tensors with unequal shapes: {error}") from None
        if not rest.is_fully_defined():
            if not items:
                raise invalid(
                    "All except the first dimension must be fully defined when concating an empty "
                    f"tensor list. element_shape: {_bracketed(shape)}"
                )
            if any(each is None for each in items):
                raise invalid(
                    "Tried to concat list which contains uninitialized tensors and has a "
                    f"non-fully-defined element_shape: {_bracketed(shape)}"
                )
        said = [] if leading is None else np.asarray(leading).tolist()
        parts = []
        for i, each in enumerate(items):
            if each is None:
                size = said[i] if i < len(said) else first
                if size is None:
                    raise invalid(
                        f"List contains uninitialized tensor at index {i} but leading_dims has only "
                        f"{len(said)} elements."
                    )
                each = np.zeros((size, *rest.sizes), self.element_dtype.np)  # type: ignore[misc]
            if not np.shape(each):
                raise invalid(
                    f"Concat saw a scalar shape at index {i} but requires at least vectors."
                )
            lengths.append(np.shape(each)[0])
            parts.append(each)
        if not parts:
            joined = np.zeros((0, *rest.sizes), self.element_dtype.np)  # type: ignore[misc]
        else:
            joined = self._namespace(ctx, parts).concatenate(parts)
        return joined, np.array(lengths, np.int64)

    def resized(self, ctx: Any, size: Any) -> TensorList:
        """The list cut, or continued with elements that are not set, to `size` elements."""
        known = known_int(size)
        if known is None:
            raise ValueNeeded("size")
        if known < 0:
            raise invalid(f"TensorListSlice expects size to be non-negative. Got: {known}")
        items = self.items[:known]
        return self.with_items(items + [None] * (known - len(items)))

    def joined(self, ctx: Any, other: Any) -> TensorList:
        """The elements of this list, then those of another."""
        return self.with_items([*self.items, *as_items(ctx, other).items])

    def as_items(self, ctx: Any) -> TensorList:
        return self

    # Gradients -----------------------------------------------------------------------------------

    def zeros_like(self) -> TensorList:
        """A list as long, in which nothing is set: zeros."""
        items: list[Any] = [None if each is None else zeros_like(each) for each in self.items]
        if self.element_dtype is not variant and self.element_shape.is_fully_defined():
            items = [None] * len(items)
        return self.with_items(items)

    def __add__(self, other: Any) -> Any:
        """The element-wise sum, as `AddN` needs it; what is not set counts as zero."""
        if other is ANY_ZEROS:
            return self
        if self is ANY_ZEROS or not isinstance(other, TensorList):
            return other.__radd__(self) if self is not ANY_ZEROS else other
        longer, shorter = (self, other) if self._length >= other._length else (other, self)
        items = longer.items.copy()  # a list that had grown later has the longer gradient
        for i, each in enumerate(shorter.items):
            if each is not None:
                items[i] = each if items[i] is None else items[i] + each
        return self.with_items(items)

    def __repr__(self) -> str:
        shape = _bracketed(self.element_shape)
        return f"<TensorList of {self._length} x {self.element_dtype.name}{shape}>"


# What stands for a list of zeros whose length nobody needs to know: an element, not set, of a list of
# lists. Adding it changes nothing.
ANY_ZEROS = TensorList([], variant)


def _form_of(value: Any) -> Any:
    if value is None:
        return None
    return value.form() if hasattr(value, "form") else (tuple(np.shape(value)), value.dtype)


def zeros_like(value: Any) -> Any:
    """Zeros in the form of an element: an array, or a list."""
    if hasattr(value, "zeros_like"):
        return value.zeros_like()
    return _unset(np.shape(value), value.dtype)


def as_items(ctx: Any, value: Any) -> TensorList:
    """A list in the form that holds its elements one by one."""
    return value if isinstance(value, TensorList) else value.as_items(ctx)


def _unset(sizes: Any, dtype: Any) -> np.ndarray:
    """What stands for an element that was not set: zeros, or empty strings."""
    return np.full(sizes, b"", object) if np.dtype(dtype).kind == "O" else np.zeros(sizes, dtype)


def rows_of(array: np.ndarray) -> list[Any]:
    """The slices along the first dimension; those of objects are arrays too, not the objects."""
    return [array[i, ...] for i in range(len(array))] if array.dtype.kind == "O" else list(array)


def _objects(items: list[Any]) -> np.ndarray:
    result = np.empty(len(items), object)
    result[:] = items
    return result


def _bracketed(shape: TensorShape) -> str:
    if shape._dims is None:
        return "<unknown>"
    return "[" + ",".join("?" if d is None else str(d) for d in shape._dims) + "]"
