"""Lists of tensors in executables: one buffer for all elements, and a length.

A `TensorList` becomes a `ListBuffer` when an index is computed inside of an executable, and when it is a
variable of a compiled loop. All elements have one shape. The capacity is fixed; the length may be a
value of the executable. Importing this module imports JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from reflow.lang.dtypes import DType, variant
from reflow.lang.errors import invalid
from reflow.lang.opdef import ValueNeeded
from reflow.lang.shapes import UNKNOWN, TensorShape, as_shape
from reflow.lang.tensor_list import ANY_ZEROS, TensorList, known_int, zeros_like


class ListBuffer:
    """A list whose elements stand in one buffer.

    Attributes:
      data: the elements: an array of shape [capacity, ...], or a tree of such arrays where the elements
        are lists themselves. Beyond the length it is zero.
      length: how many elements there are: an integer, or a scalar of the executable.
      element_dtype, element_shape: as in `TensorList`.
      single: an index and an element instead of `data`, for a list that is zero elsewhere.
      reach: one more than the largest index that was written, where the list grows by writing.
    """

    __slots__ = ("_data", "length", "element_dtype", "element_shape", "single", "capacity", "reach")

    shape = ()  # as a tensor it is a scalar
    limit = -1

    def __init__(
        self,
        data: Any,
        length: Any,
        element_dtype: DType,
        element_shape: TensorShape = UNKNOWN,
        single: tuple[Any, Any] | None = None,
        capacity: int = 0,
        reach: int = 0,
    ):
        self._data = data
        self.length = length
        self.element_dtype = element_dtype
        self.element_shape = element_shape
        self.single = single
        self.capacity = capacity if data is None else jax.tree.leaves(data)[0].shape[0]
        self.reach = reach

    @property
    def data(self) -> Any:
        if self._data is None:
            index, item = self.single  # type: ignore[misc]
            self._data = _write(_zeros(item, self.capacity), index, item)
        return self._data

    def item_like(self) -> Any:
        """Shapes and dtypes of an element."""
        if self._data is None:
            return jax.tree.map(_spec, self.single[1])  # type: ignore[index]
        return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), self._data)

    def replaced(self, data: Any, length: Any, reach: int | None = None) -> ListBuffer:
        return ListBuffer(
            data,
            length,
            self.element_dtype,
            self.element_shape,
            reach=self.reach if reach is None else reach,
        )

    def form(self) -> Any:
        """What an executable that takes this list depends on: its length, shapes and dtypes."""
        like = self.item_like()
        if isinstance(like, jax.ShapeDtypeStruct):
            inner: Any = (like.shape, like.dtype)
        else:
            leaves, structure = jax.tree.flatten(like)
            inner = structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        return int(self.length), self.capacity, inner

    def _check_dtype(self, element_dtype: DType) -> None:
        if element_dtype.base_dtype is not self.element_dtype:
            raise invalid(
                f"Invalid data types; op elements {element_dtype.name} but list elements "
                f"{self.element_dtype.name}"
            )

    def _check_index(self, ctx: Any, index: Any, length: Any, verb: str) -> None:
        said = f"Trying to {verb} an element of a list at an index outside of 0 to {length}."
        if isinstance(length, int):
            bounds = ctx.bounds(index)
            if bounds is not None and bounds[0] >= 0 and bounds[1] < length:
                return
        ctx.check((index >= 0) & (index < length), lambda: said)

    def _fitting(self, item: Any) -> Any:
        """`item` with the dtypes and the form of the elements.

        Raises:
          errors.InvalidArgumentError: if it has another shape.
        """
        like = self.item_like()
        if isinstance(item, TensorList) and item is ANY_ZEROS:
            return jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), like)
        item = in_form_of(item, like)
        form: Any = jax.tree.structure(item)
        if form != jax.tree.structure(like):
            raise ValueNeeded("input_handle", on_host=True)  # lists of several lengths
        for have, want in zip(jax.tree.leaves(item), jax.tree.leaves(like)):
            if np.shape(have) != want.shape:
                if self.element_shape.is_compatible_with(np.shape(have)):
                    raise ValueNeeded("input_handle", on_host=True)  # elements of several shapes
                raise invalid(
                    "Tried to set a tensor with incompatible shape at a list index. Item element "
                    f"shape: {list(np.shape(have))} list shape: {list(want.shape)}"
                )
        return item

    # Elements ------------------------------------------------------------------------------------

    def get(self, ctx: Any, index: Any, shape: TensorShape) -> Any:
        known = known_int(index)
        if known is not None and isinstance(self.length, int):
            if not 0 <= known < self.length:
                raise invalid(
                    f"Trying to access element {known} in a list with {self.length} elements."
                )
            return jax.tree.map(lambda a: a[known], self.data)
        self._check_index(ctx, index, self.length, "access")
        return _read(self.data, index)

    def set(self, ctx: Any, index: Any, item: Any, grow: bool) -> ListBuffer:
        item = self._fitting(item)
        data, length, reach = self.data, self.length, self.reach
        known = known_int(index)
        if grow:
            bounds = (known, known) if known is not None else ctx.steps(index)
            if bounds is None:
                # A dynamic index: whether the list grows is not known before it runs.
                raise ValueNeeded("index", on_host=True)
            if bounds[0] < 0:
                raise invalid(f"Trying to modify element {bounds[0]} in a list.")
            if bounds[1] >= self.capacity:
                more = bounds[1] + 1 - self.capacity
                data = jax.tree.map(lambda a: _padded(a, more), data)
            if known is not None and isinstance(length, int):
                length = max(length, known + 1)
            elif not (isinstance(length, int) and bounds[1] < length):
                length = jnp.maximum(length, index + 1).astype(np.int32)
                reach = max(reach, bounds[1] + 1)
        elif known is not None and isinstance(length, int):
            if not 0 <= known < length:
                raise invalid(f"Trying to modify element {known} in a list with {length} elements.")
        else:
            self._check_index(ctx, index, length, "modify")
        return self.replaced(_write(data, index, item), length, reach)

    def push(self, ctx: Any, item: Any) -> ListBuffer:
        item = self._fitting(item)
        data = self.data
        if isinstance(self.length, int) and self.length >= self.capacity:
            data = jax.tree.map(lambda a: _padded(a, 1), data)
        return self.replaced(_write(data, self.length, item), self.length + 1)

    def pop(self, ctx: Any, shape: TensorShape) -> tuple[ListBuffer, Any]:
        if isinstance(self.length, int):
            if not self.length:
                raise invalid("Trying to pop from an empty list.")
            last = self.length - 1
            return self.replaced(self.data, last), jax.tree.map(lambda a: a[last], self.data)
        # The buffer stays as it is: a list that is popped is not pushed to again before it is empty,
        # except by what writes over the element first.
        last = self.length - 1
        return self.replaced(self.data, last), _read(self.data, last)

    # Many elements at once -----------------------------------------------------------------------

    def _static_length(self) -> int:
        if not isinstance(self.length, int):
            raise ValueNeeded("input_handle")
        return self.length

    def _rows(self) -> Any:
        length = self._static_length()
        return jax.tree.map(lambda a: a[:length], self.data)

    def stack(self, ctx: Any, shape: TensorShape, count: int = -1) -> Any:
        length = self._static_length()
        if count not in (-1, length):
            raise invalid(
                f"Operation expected a list with {count} elements but got a list with {length} "
                "elements."
            )
        if self.element_dtype is variant:
            raise ValueNeeded("input_handle", on_host=True)
        rows = self._rows()
        if not shape.is_compatible_with(rows.shape[1:]):
            raise invalid(
                f"PartialTensorShape: Incompatible shapes during merge: {list(shape)} vs. "
                f"{list(rows.shape[1:])}"
            )
        return rows

    def gather(self, ctx: Any, indices: Any, shape: TensorShape) -> Any:
        if self.element_dtype is variant:
            raise ValueNeeded("input_handle", on_host=True)
        length = self.length
        ctx.check(
            ((indices >= 0) & (indices < length)).all(),
            lambda: "Trying to gather an element of a list at an index outside of it.",
        )
        return jnp.take(self.data, indices, axis=0, mode="clip")

    def scatter(self, ctx: Any, tensor: Any, indices: Any, grow: bool = True) -> ListBuffer:
        if self.element_dtype is variant:
            raise ValueNeeded("indices", on_host=True)
        known = isinstance(indices, (np.ndarray, np.generic))
        data, length = self.data, self.length
        if len(indices) != np.shape(tensor)[0]:
            raise invalid(
                f"Invalid number of rows in input tensor. Expected: {len(indices)} Actual: "
                f"{np.shape(tensor)[0]}"
            )
        if known and isinstance(length, int):
            top = int(indices.max()) + 1 if len(indices) else 0
            if len(indices) and indices.min() < 0:
                raise invalid("Indices in TensorListScatter must all be non-negative.")
            if top > length:
                if not grow:
                    raise invalid(
                        f"TensorListScatter: Trying to scatter at index {top - 1} in list with size "
                        f"{length}"
                    )
                data = _padded(data, top - self.capacity) if top > self.capacity else data
                length = top
        elif grow:
            raise ValueNeeded("indices")
        else:
            ctx.check(
                ((indices >= 0) & (indices < length)).all(),
                lambda: "TensorListScatter: Trying to scatter at an index outside of the list",
            )
        return self.replaced(data.at[indices].set(tensor), length)

    def concat(self, ctx: Any, shape: TensorShape, leading: Any = None) -> tuple[Any, Any]:
        rows = self._rows()
        if self.element_dtype is variant:
            raise ValueNeeded("input_handle", on_host=True)
        if rows.ndim < 2:
            raise invalid("Concat saw a scalar shape at index 0 but requires at least vectors.")
        count, each = rows.shape[:2]
        return (
            rows.reshape((count * each, *rows.shape[2:])),
            np.full(count, each, np.int64),
        )

    def resized(self, ctx: Any, size: Any) -> ListBuffer:
        known = known_int(size)
        if known is None:
            raise ValueNeeded("size")
        if known < 0:
            raise invalid(f"TensorListSlice expects size to be non-negative. Got: {known}")
        length = self._static_length()
        data = jax.tree.map(lambda a: a[: min(length, known)], self.data)
        if known > length:
            data = jax.tree.map(lambda a: _padded(a, known - length), data)
        return self.replaced(data, known)

    def as_items(self, ctx: Any = None) -> TensorList:
        length = self._static_length()
        items = [jax.tree.map(lambda a, i=i: a[i], self.data) for i in range(length)]
        return TensorList(items, self.element_dtype, self.element_shape)

    def to_host(self) -> TensorList:
        """The list with its elements as NumPy arrays, after the executable has run."""
        length = int(self.length)
        data = jax.tree.map(np.asarray, self.data)
        items = [jax.tree.map(lambda a, i=i: a[i], data) for i in range(length)]
        items = [each.to_host() if isinstance(each, ListBuffer) else each for each in items]
        return TensorList(items, self.element_dtype, self.element_shape)

    # Gradients -----------------------------------------------------------------------------------

    def zeros_like(self) -> ListBuffer:
        return self.replaced(jax.tree.map(jnp.zeros_like, self.data), self.length)

    def __add__(self, other: Any) -> Any:
        if other is ANY_ZEROS:
            return self
        if isinstance(other, TensorList):
            if all(each is None for each in other.items) and isinstance(self.length, int):
                if other.length <= self.length:
                    return self
            other = buffer_of(other, like=self.item_like())
        if other._data is None and self._data is not None:
            return self._with_single(other)
        if self._data is None and other._data is not None:
            return other._with_single(self)
        return self._sum(other)

    __radd__ = __add__

    def _with_single(self, other: ListBuffer) -> ListBuffer:
        """The sum with a list of one element, at the cost of that element."""
        if not isinstance(self.length, int) or not isinstance(other.length, int):
            return self._sum(other)
        data, length = self.data, self.length
        if other.length > length:
            data = jax.tree.map(lambda a: _padded(a, other.capacity - a.shape[0]), data)
            length = other.length
        index, item = other.single  # type: ignore[misc]
        item = in_form_of(item, self.item_like())
        data = _write(data, index, jax.tree.map(lambda a, x: a + x, _read(data, index), item))
        return self.replaced(data, length)

    def _sum(self, other: ListBuffer) -> ListBuffer:
        capacity = max(self.capacity, other.capacity)
        mine = jax.tree.map(lambda a: _padded(a, capacity - a.shape[0]), self.data)
        theirs = jax.tree.map(lambda a: _padded(a, capacity - a.shape[0]), other.data)
        data = jax.tree.map(lambda a, b: a + b if _adds(a) else a, mine, theirs)
        if isinstance(self.length, int) and isinstance(other.length, int):
            length: Any = max(self.length, other.length)
        else:
            length = jnp.maximum(self.length, other.length).astype(np.int32)
        return self.replaced(data, length)

    def __repr__(self) -> str:
        return f"<ListBuffer {self.length} of {self.capacity} x {self.element_dtype.name}>"


class UniformList:
    """A list of equal elements that are known when it is compiled: needs no buffer.

    A loop whose body keeps a static shape, or the length of an inner loop, makes such a list.
    """

    __slots__ = ("item", "length", "element_dtype", "element_shape")

    shape = ()
    limit = -1
    reach = 0

    def __init__(
        self, item: np.ndarray, length: Any, element_dtype: DType, element_shape: TensorShape
    ):
        self.item = item
        self.length = length
        self.element_dtype = element_dtype
        self.element_shape = element_shape

    def with_length(self, length: Any) -> UniformList:
        return UniformList(self.item, length, self.element_dtype, self.element_shape)

    def __getattr__(self, name: str) -> Any:
        """Everything else is done by the list with its elements one by one."""
        if name in ("set", "stack", "gather", "scatter", "concat", "resized", "zeros_like"):
            return getattr(self.as_items(), name)
        raise AttributeError(name)

    def _check_dtype(self, element_dtype: DType) -> None:
        self.as_items_of(0)._check_dtype(element_dtype)

    def as_items(self, ctx: Any = None) -> TensorList:
        if not isinstance(self.length, int):
            raise ValueNeeded("input_handle")
        return self.as_items_of(self.length)

    def as_items_of(self, length: int) -> TensorList:
        return TensorList([self.item] * length, self.element_dtype, self.element_shape)

    def to_host(self) -> TensorList:
        return self.as_items_of(int(self.length))

    def form(self) -> Any:
        return "uniform", int(self.length), self.item.dtype, self.item.shape, self.item.tobytes()

    def same(self, item: Any) -> bool:
        return (
            isinstance(item, (np.ndarray, np.generic))
            and item.dtype == self.item.dtype
            and np.array_equal(item, self.item)
        )

    def get(self, ctx: Any, index: Any, shape: TensorShape) -> Any:
        length = self.length
        ctx.check(
            (index >= 0) & (index < length),
            lambda: "Trying to access an element of a list at an index outside of it.",
        )
        return self.item

    def push(self, ctx: Any, item: Any) -> Any:
        if self.same(item):
            return self.with_length(self.length + 1)
        return self.as_items().push(ctx, item)

    def pop(self, ctx: Any, shape: TensorShape) -> tuple[Any, Any]:
        if isinstance(self.length, int) and not self.length:
            raise invalid("Trying to pop from an empty list.")
        return self.with_length(self.length - 1), self.item

    def __add__(self, other: Any) -> Any:
        return self.as_items() + other

    __radd__ = __add__


def uniform(items: Any) -> UniformList | None:
    """A list all of whose elements are one and the same known array, as such; else None."""
    if isinstance(items, UniformList):
        return items
    if not isinstance(items, TensorList) or not items.length:
        return None
    first, *rest = items.items
    if not isinstance(first, (np.ndarray, np.generic)) or first.size > 64:
        return None
    if any(each is not first for each in rest):
        return None
    return UniformList(np.asarray(first), items.length, items.element_dtype, items.element_shape)


def _adds(array: Any) -> bool:
    return jnp.issubdtype(array.dtype, jnp.inexact)


def _spec(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(np.shape(array), array.dtype)


def _zeros(item: Any, capacity: int) -> Any:
    return jax.tree.map(lambda a: jnp.zeros((capacity, *np.shape(a)), a.dtype), item)


# An index is checked before: that it may count from the end would cost XLA a loop to ask.
def _read(data: Any, index: Any) -> Any:
    def read(a: Any) -> Any:
        return lax.dynamic_index_in_dim(a, index, 0, keepdims=False, allow_negative_indices=False)

    return jax.tree.map(read, data)


def _write(data: Any, index: Any, item: Any) -> Any:
    def write(a: Any, x: Any) -> Any:
        x = jnp.asarray(x, a.dtype)
        return lax.dynamic_update_index_in_dim(a, x, index, 0, allow_negative_indices=False)

    return jax.tree.map(write, data, item)


def _padded(array: Any, more: int) -> Any:
    if more <= 0:
        return array
    return jnp.concatenate([array, jnp.zeros((more, *array.shape[1:]), array.dtype)])


def in_form_of(value: Any, like: Any) -> Any:
    """An element that is a list, in the form in which the other elements of its list are."""
    if isinstance(value, UniformList) and not isinstance(like, UniformList):
        value = value.as_items()
    if isinstance(value, TensorList) and isinstance(like, ListBuffer):
        return buffer_of(value, like=like.item_like(), capacity=like.capacity)
    return value


def buffer_of(
    items: TensorList,
    shape: TensorShape = UNKNOWN,
    like: Any = None,
    capacity: int | None = None,
    make: Callable[[tuple[int, ...], Any], Any] = jnp.zeros,
) -> ListBuffer:
    """`items` as a buffer; elements that were not set become zeros.

    Args:
      items: the list.
      shape: what else is known of the shape of its elements.
      like: shapes and dtypes of an element, where the list has none that is set.
      capacity: room for how many elements; by default for as many as there are.
      make: gives what stands in a list that has no elements, for a shape and a dtype.

    Raises:
      ValueNeeded: if elements have several shapes, or the shape is not known.
    """
    elements = items.items
    count = len(elements)
    room = max(count, capacity or 0)
    present = [each for each in elements if each is not None]
    if items.element_dtype is variant:
        return _buffer_of_lists(items, present, like, room)
    if present:
        sizes = {tuple(np.shape(each)) for each in present}
        if len(sizes) > 1:
            raise ValueNeeded("input_handle", on_host=True)
        (size,) = sizes
    elif like is not None:
        size = like.shape
    else:
        merged = items.element_shape.merge_with(shape)
        if not merged.is_fully_defined():
            raise ShapeUnknown("input_handle", on_host=True)
        size = tuple(merged)
    dtype = items.element_dtype.np
    if not present:
        data: Any = make((room, *size), dtype)
    else:
        rows = [np.zeros(size, dtype) if each is None else each for each in elements]
        stacked = np.stack(rows) if items.is_known() else jnp.stack(rows)
        data = _padded(jnp.asarray(stacked, dtype), room - count)
    return ListBuffer(data, count, items.element_dtype, items.element_shape)


def _buffer_of_lists(items: TensorList, present: list, like: Any, room: int) -> ListBuffer:
    """A list of lists: one buffer for all, so all must have one form."""
    if like is None:
        if not present:
            raise ShapeUnknown("input_handle", on_host=True)
        first = present[0]
        inner = first if isinstance(first, ListBuffer) else buffer_of(first.as_items(None))
        like = jax.tree.map(_spec, inner)
    rows = []
    for each in items.items:
        if each is None or each is ANY_ZEROS:
            row = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), like)
        else:
            row = in_form_of(each, like)
        form: Any = jax.tree.structure(row)
        if form != jax.tree.structure(like):
            raise ValueNeeded("input_handle", on_host=True)
        rows.append(row)
    if rows:
        data = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)
        data = jax.tree.map(lambda a: _padded(a, room - len(rows)), data)
    else:
        data = jax.tree.map(lambda s: jnp.zeros((room, *s.shape), s.dtype), like)
    return ListBuffer(data, len(rows), items.element_dtype, items.element_shape)


class ShapeUnknown(ValueNeeded):
    """The elements of a list have no shape yet: nothing was written to it."""


def list_from_rows(rows: Any, element_dtype: DType, element_shape: TensorShape) -> ListBuffer:
    """The list of the slices of an array along its first dimension."""
    return ListBuffer(rows, rows.shape[0], element_dtype, element_shape)


def list_set(items: TensorList, ctx: Any, index: Any, item: Any, grow: bool) -> ListBuffer:
    """`items` with another element at an index that the executable computes."""
    if isinstance(item, TensorList):
        item = buffer_of(item)
    else:
        items._check_shape(item, "Tried to set a tensor with incompatible shape at a list index.")
    buffer = buffer_of(items, as_shape(np.shape(item)), jax.tree.map(_spec, item))
    if grow or items.element_dtype is variant or not _adds(item):
        return buffer.set(ctx, index, item, grow)
    if any(each is not None for each in items.items):
        return buffer.set(ctx, index, item, grow)
    # Zeros with one element set, as the gradient of reading an element: often added to another list,
    # which costs no more than the element then.
    buffer._check_index(ctx, index, items.length, "modify")
    return ListBuffer(
        None,
        items.length,
        items.element_dtype,
        items.element_shape,
        single=(index, buffer._fitting(item)),
        capacity=items.length,
    )


def at_boundary(value: Any) -> Any:
    """A list as it enters an executable: in one buffer if it can be, of a length that is known."""
    if isinstance(value, UniformList):
        return value.with_length(int(value.length))
    if isinstance(value, ListBuffer):
        return value.replaced(value.data, int(value.length), 0)
    same = uniform(value)
    if same is not None:
        return same
    if isinstance(value, TensorList) and any(each is not None for each in value.items):
        try:
            return buffer_of(value)
        except ValueNeeded:
            return value
    return value


def _flatten(buffer: ListBuffer) -> tuple[Any, Any]:
    static = buffer.length if isinstance(buffer.length, int) else None
    children = (buffer.data, None if static is not None else buffer.length)
    return children, (static, buffer.element_dtype, buffer.element_shape, buffer.reach)


def _unflatten(static: Any, children: Any) -> ListBuffer:
    length, element_dtype, element_shape, reach = static
    buffer = ListBuffer.__new__(ListBuffer)
    buffer._data, dynamic = children
    buffer.length = dynamic if length is None else length
    buffer.element_dtype, buffer.element_shape = element_dtype, element_shape
    buffer.single = None
    buffer.reach = reach
    leaves: list[Any] = jax.tree.leaves(buffer._data)
    buffer.capacity = leaves[0].shape[0] if leaves and np.ndim(leaves[0]) else 0
    return buffer


def _flatten_items(items: TensorList) -> tuple[Any, Any]:
    elements = items.items
    present = tuple(each for each in elements if each is not None)
    mask = tuple(each is not None for each in elements)
    return present, (mask, items.element_dtype, items.element_shape, items.limit)


def _unflatten_items(static: Any, children: Any) -> TensorList:
    mask, element_dtype, element_shape, limit = static
    present = iter(children)
    return TensorList(
        [next(present) if there else None for there in mask], element_dtype, element_shape, limit
    )


class _Known:
    """A known array as a part of a structure: hashable, equal when the values are."""

    __slots__ = ("array", "key")

    def __init__(self, array: np.ndarray):
        self.array = array
        self.key = (array.shape, array.dtype.str, array.tobytes())

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Known) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _flatten_uniform(items: UniformList) -> tuple[Any, Any]:
    static = items.length if isinstance(items.length, int) else None
    children = () if static is not None else (items.length,)
    return children, (static, _Known(items.item), items.element_dtype, items.element_shape)


def _unflatten_uniform(static: Any, children: Any) -> UniformList:
    length, known, element_dtype, element_shape = static
    if children:
        (length,) = children
    return UniformList(known.array, length, element_dtype, element_shape)


jax.tree_util.register_pytree_node(UniformList, _flatten_uniform, _unflatten_uniform)
jax.tree_util.register_pytree_node(ListBuffer, _flatten, _unflatten)
jax.tree_util.register_pytree_node(TensorList, _flatten_items, _unflatten_items)

__all__ = [
    "ListBuffer",
    "ShapeUnknown",
    "UniformList",
    "as_shape",
    "buffer_of",
    "in_form_of",
    "list_from_rows",
    "list_set",
    "uniform",
    "zeros_like",
]
