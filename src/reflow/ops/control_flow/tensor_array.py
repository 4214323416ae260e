"""Tensor arrays: https://www.tensorflow.org/api_docs/python/tf/TensorArray

In a graph a tensor array is a list of tensors (`ops/control_flow/tensor_list.py`): `flow` is the list, and writing
gives a new tensor array. In eager code it holds its tensors in Python.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.func_graph import in_v1_style
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import TensorShape
from reflow.lang.static_value import constant_value
from reflow.ops.constant import constant, identity
from reflow.ops.control_flow import tensor_list

# Of each method: the name scope and the node in a TF 1 graph; the same in a function.
_NAMES = {
    "make": (("TensorArray", ""), ("TensorArrayV2", "")),
    "read": (("", "TensorArrayReadV3"), ("TensorArrayV2Read", "TensorListGetItem")),
    "write": (("TensorArrayWrite", "TensorArrayWriteV3"), ("TensorArrayV2Write", "TensorListSetItem")),
    "stack": (("TensorArrayStack", "TensorArrayGatherV3"), ("TensorArrayV2Stack", "TensorListStack")),
    "gather": (("", "TensorArrayGatherV3"), ("", "TensorListGather")),
    "concat": (("", "TensorArrayConcatV3"), ("", "TensorListConcatV2")),
    "unstack": (
        ("TensorArrayUnstack", "TensorArrayScatter/TensorArrayScatterV3"),
        ("TensorArrayUnstack", "TensorListFromTensor"),
    ),
    "scatter": (
        ("TensorArrayScatter", "TensorArrayScatterV3"),
        ("TensorArrayScatter", "TensorListScatterIntoExistingList"),
    ),
    "split": (("TensorArraySplit", "TensorArraySplitV3"), ("TensorArraySplit", "TensorListSplit")),
    "size": (("", "TensorArraySizeV3"), ("", "TensorListLength")),
}  # fmt: skip


class _Naming:
    """The name scope of a method of a tensor array; `node` is the name of the op in it."""

    def __init__(self, method: str, name: str | None):
        graph = current_graph()
        assert graph is not None
        scope, node = _NAMES[method][0 if in_v1_style(graph) else 1]
        self._scope = name_scope(name or scope) if scope else None
        self.node = node if scope else name or node

    def __enter__(self) -> str:
        scope = "" if self._scope is None else self._scope.__enter__()
        return self.node or scope

    def __exit__(self, *exc: Any) -> None:
        if self._scope is not None:
            self._scope.__exit__(*exc)


def _of_its_kind(method: Callable) -> Callable:
    """A method of `TensorArray` that is the array's own also where it is called as `TensorArray.stack(array)`."""

    @functools.wraps(method)
    def called(self: TensorArray, *args: Any, **kwargs: Any) -> Any:
        own = getattr(type(self), method.__name__)
        return (method if own is called else own)(self, *args, **kwargs)

    return called


@export("TensorArray")
class TensorArray:
    """An array of tensors that loops write and read, one element at a time.

    Each element is written by `write`, which returns the array with it: use that from then on.

    Args:
      dtype: the dtype of the elements.
      size: how many there are, an integer or an integer scalar; needed unless `flow` is given.
      dynamic_size: whether writing beyond the end makes the array longer.
      clear_after_read: in eager code, whether an element is gone once it was read (by default it is);
        a graph keeps it.
      tensor_array_name: the name of the node, in TF 1.
      handle: accepted for TF 1's sake together with `flow`; an array has no handle of its own.
      flow: the list of another array with the same elements.
      infer_shape: whether all elements must have the same shape.
      element_shape: the static shape of the elements.
      colocate_with_first_write_call: has no influence on the result.
      name: the name of the node.

    Raises:
      ValueError: if neither `size` nor `flow` is given.

    >>> import reflow as tf
    >>> ta = tf.TensorArray(tf.float32, size=2)
    >>> ta = ta.write(0, 10.0).write(1, 20.0)
    >>> print(ta.stack().numpy())
    [10. 20.]
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> TensorArray:
        if cls is TensorArray and current_graph() is None:
            return super().__new__(_EagerTensorArray)
        return super().__new__(cls)

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: Any = None,
        flow: Any = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ):
        site = errors.user_site()
        if handle is not None and size is not None:
            raise ValueError(f"{site}: Cannot provide both `handle` and `size` to a TensorArray")
        if size is None and flow is None:
            raise ValueError(f"{site}: Argument `size` must be provided if no `flow` is")
        self._dtype = dtypes.as_dtype(dtype).base_dtype
        self._dynamic_size = bool(dynamic_size)
        self._clear_after_read = True if clear_after_read is None else bool(clear_after_read)
        self._size = size
        self._infer_shape = bool(infer_shape)
        self._shape = [shapes.as_shape(element_shape)]  # shared with the arrays made from this one
        self._make(flow, name or tensor_array_name)

    def _make(self, flow: Any, name: str | None) -> None:
        if flow is not None:
            self._flow = flow
            return
        with _Naming("make", name) as node:
            size = convert_to_tensor(self._size, dtypes.int32, name="size")
            self._flow = tensor_list.tensor_list_reserve(
                tensor_list.element_shape_tensor(self._shape[0]),
                size,
                element_dtype=self._dtype,
                name=node,
            )

    # What it is ----------------------------------------------------------------------------------

    @property
    def dtype(self) -> dtypes.DType:
        return self._dtype

    @property
    def flow(self) -> Any:
        """The list of the elements, a scalar of dtype `variant`."""
        return self._flow

    @property
    def handle(self) -> Any:
        return None

    @property
    def element_shape(self) -> TensorShape:
        """The static shape of the elements."""
        return self._shape[0]

    @property
    def dynamic_size(self) -> bool:
        return self._dynamic_size

    def _with_flow(self, flow: Any) -> TensorArray:
        """The array that has the list `flow`, and is like this one in everything else."""
        other = TensorArray.__new__(_GraphTensorArray)
        other.__dict__.update(self.__dict__)
        other._flow = flow
        return other

    def _merge(self, shape: TensorShape) -> None:
        if not shape.is_compatible_with(self._shape[0]):
            raise ValueError(
                f"{errors.user_site()}: Inconsistent shapes: saw {shape} but expected "
                f"{self._shape[0]} in a TensorArray"
            )
        if self._infer_shape:
            self._shape[0] = self._shape[0].merge_with(shape)

    def _value(self, value: Any) -> Any:
        tensor = convert_to_tensor(value, preferred_dtype=self._dtype, name="value")
        if tensor.dtype.base_dtype is not self._dtype:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{errors.user_site()}: TensorArray dtype is {self._dtype.name} but Op "
                f"is trying to write dtype {tensor.dtype.name}: convert it with tf.cast.",
            )
        return tensor

    # Elements ------------------------------------------------------------------------------------

    @_of_its_kind
    def read(self, index: Any, name: str | None = None) -> Any:
        """The element at `index`; zeros if it was not written.

        Raises:
          tf.errors.InvalidArgumentError: when it runs, if there is no such element.
        """
        with _Naming("read", name) as node:
            return tensor_list.tensor_list_get_item(
                self._flow,
                index,
                tensor_list.element_shape_tensor(self._shape[0]),
                element_dtype=self._dtype,
                name=node,
            )

    @_of_its_kind
    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with `value` at `index`.

        Raises:
          ValueError: if the shape is not that of the other elements.
          tf.errors.InvalidArgumentError: when it runs, if there is no such element and the size is
            not dynamic.
        """
        with _Naming("write", name) as node:
            tensor = self._value(value)
            self._merge(tensor.shape)
            flow = tensor_list.tensor_list_set_item(
                self._flow,
                index,
                tensor,
                resize_if_index_out_of_bounds=self._dynamic_size,
                name=node,
            )
        return self._with_flow(flow)

    def _static_size(self) -> int:
        if self._dynamic_size or self._size is None:
            return -1
        known = self._size if isinstance(self._size, int) else constant_value(self._size)
        return -1 if known is None else int(known)

    @_of_its_kind
    def stack(self, name: str | None = None) -> Any:
        """All elements as one tensor, with a new first dimension."""
        with _Naming("stack", name) as node:
            return tensor_list.tensor_list_stack(
                self._flow,
                tensor_list.element_shape_tensor(self._shape[0]),
                element_dtype=self._dtype,
                num_elements=self._static_size(),
                name=node,
            )

    @_of_its_kind
    def gather(self, indices: Any, name: str | None = None) -> Any:
        """The elements at `indices`, an integer vector, as one tensor."""
        with _Naming("gather", name) as node:
            return tensor_list.tensor_list_gather(
                self._flow,
                indices,
                tensor_list.element_shape_tensor(self._shape[0]),
                element_dtype=self._dtype,
                name=node,
            )

    @_of_its_kind
    def concat(self, name: str | None = None) -> Any:
        """The elements joined along their first dimension, in which they may differ."""
        element = self._shape[0]
        part = element if element._dims is None else shapes.of((None, *element._dims[1:]))
        with _Naming("concat", name) as node:
            joined, _ = tensor_list.tensor_list_concat_v2(
                self._flow,
                tensor_list.element_shape_tensor(part),
                np.zeros(0, np.int64),
                element_dtype=self._dtype,
                name=node,
            )
        return joined

    @_of_its_kind
    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        """The array of the slices of `value` along its first dimension."""
        with _Naming("unstack", name) as node:
            tensor = self._value(value)
            self._merge(tensor.shape[1:])
            flow = tensor_list.tensor_list_from_tensor(
                tensor, tensor_list.element_shape_tensor(tensor.shape[1:]), name=node
            )
        return self._with_flow(flow)

    @_of_its_kind
    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        """The array with the slices of `value` at `indices`, an integer vector."""
        with _Naming("scatter", name) as node:
            tensor = self._value(value)
            self._merge(tensor.shape[1:])
            flow = tensor_list.tensor_list_scatter_into_existing_list(
                self._flow, tensor, indices, name=node
            )
        return self._with_flow(flow)

    @_of_its_kind
    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        """The array of the parts of `value` along its first dimension, of the given lengths."""
        with _Naming("split", name) as node:
            tensor = self._value(value)
            known = lengths if isinstance(lengths, (list, tuple, np.ndarray)) else None
            lengths = REGISTRY["Cast"](convert_to_tensor(lengths), DstT=dtypes.int64)
            sizes = tensor.shape._dims
            first = None
            if known is not None and len(set(map(int, known))) == 1:
                first = int(known[0])
            element = shapes.UNKNOWN if sizes is None else shapes.of((first, *sizes[1:]))
            if self._infer_shape:
                self._merge(element)
            flow = tensor_list.tensor_list_split(
                tensor, tensor_list.element_shape_tensor(element), lengths, name=node
            )
        return self._with_flow(flow)

    @_of_its_kind
    def size(self, name: str | None = None) -> Any:
        """How many elements there are, an int32 scalar."""
        if not self._dynamic_size and self._size is not None:
            return convert_to_tensor(self._size, dtypes.int32)
        with _Naming("size", name) as node:
            return tensor_list.tensor_list_length(self._flow, name=node)

    def identity(self) -> TensorArray:
        """The array, once the nodes that the current control dependencies name have run."""
        return self._with_flow(identity(self._flow))

    def grad(self, source: str, flow: Any = None, name: str | None = None) -> TensorArray:
        """Not there: gradients of tensor arrays are lists like any other.

        Raises:
          errors.UnimplementedError: always.
        """
        raise errors.UnimplementedError(
            None,
            None,
            "TensorArray.grad: an array has no stored gradient; call tf.gradients with respect to "
            "the tensors that were written or unstacked.",
        )

    def close(self, name: str | None = None) -> Any:
        """Has nothing to free."""
        return None if current_graph() is None else REGISTRY["NoOp"](name=name)

    def __repr__(self) -> str:
        return f"<tf.TensorArray of {self._dtype.name}, element_shape={self._shape[0]}>"


class _GraphTensorArray(TensorArray):
    """A tensor array of a graph, also where it is made while eager code runs."""


class _EagerTensorArray(TensorArray):
    """A tensor array of eager code: its tensors in a list, which `write` changes."""

    def _make(self, flow: Any, name: str | None) -> None:
        self._items: list[Any] = [None] * (0 if self._size is None else int(self._size))
        self._read = [False] * len(self._items)
        if flow is not None:
            raise errors.UnimplementedError(
                None, None, "TensorArray(flow=...) in eager code: pass the array itself"
            )

    @property
    def flow(self) -> Any:
        if current_graph() is None:
            return constant(0, dtypes.int32)
        element = self._shape[0]
        empty = tensor_list.tensor_list_reserve(
            tensor_list.element_shape_tensor(element), len(self._items), element_dtype=self._dtype
        )
        for i, item in enumerate(self._items):
            if item is not None:
                empty = tensor_list.tensor_list_set_item(empty, i, item)
        return empty

    def _zeros(self) -> Any:
        shape = self._shape[0]
        if not shape.is_fully_defined():
            raise ValueError(
                f"{errors.user_site()}: an element of a TensorArray is read that was "
                f"not written, and the shape of the elements is not known: {shape}"
            )
        return constant(np.zeros(shape.sizes, self._dtype.np))

    def read(self, index: Any, name: str | None = None) -> Any:
        i = int(index)
        if i < 0:
            raise errors.OutOfRangeError(
                None, None, f"Reading from negative indices (index {i}) is not allowed."
            )
        if i >= len(self._items):
            raise errors.OutOfRangeError(
                None,
                None,
                f"{errors.user_site()}: Tried to read from index {i} but array size "
                f"is: {len(self._items)} ",
            )
        item = self._items[i]
        if item is None:
            if self._read[i]:
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"{errors.user_site()}: Could not read index {i} twice because it "
                    "was cleared after a previous read (perhaps try setting clear_after_read = "
                    "false?)",
                )
            item = self._items[i] = self._zeros()
        if self._clear_after_read:
            self._items[i] = None
            self._read[i] = True
        return item

    def write(self, index: Any, value: Any, name: str | None = None) -> TensorArray:
        i = int(index)
        if i < 0:
            raise errors.OutOfRangeError(
                None, None, f"Writing to negative indices (index {i}) is not allowed."
            )
        if i >= len(self._items):
            if not self._dynamic_size:
                raise errors.OutOfRangeError(
                    None,
                    None,
                    f"{errors.user_site()}: Tried to write to index {i} but array is "
                    f"not resizeable and size is: {len(self._items)} ",
                )
            self._extend(i + 1)
        self._items[i] = self._checked(self._value(value))
        self._read[i] = False
        return self

    def _extend(self, size: int) -> None:
        more = size - len(self._items)
        self._items.extend([None] * more)
        self._read.extend([False] * more)

    def _checked(self, tensor: Any) -> Any:
        if not self._shape[0].is_compatible_with(tensor.shape):
            raise ValueError(
                f"{errors.user_site()}: Incompatible shape for value "
                f"({tensor.shape}), expected ({self._shape[0]})"
            )
        if self._infer_shape:
            self._shape[0] = self._shape[0].merge_with(tensor.shape)
        return tensor

    def _filled(self) -> list[Any]:
        for i, item in enumerate(self._items):
            if item is None:
                if self._read[i]:
                    raise errors.InvalidArgumentError(
                        None,
                        None,
                        f"Could not read index {i}: it was cleared after a previous read",
                    )
                self._items[i] = self._zeros()
        return self._items

    def stack(self, name: str | None = None) -> Any:
        items = self._filled()
        if not items:
            shape = (0, *self._shape[0].as_list()) if self._shape[0].is_fully_defined() else (0,)
            return constant(np.zeros(shape, self._dtype.np))
        return REGISTRY["Pack"](items, axis=0)

    def gather(self, indices: Any, name: str | None = None) -> Any:
        items = self._filled()
        return REGISTRY["Pack"]([items[int(i)] for i in np.asarray(indices).ravel()], axis=0)

    def concat(self, name: str | None = None) -> Any:
        items = self._filled()
        return items[0] if len(items) == 1 else REGISTRY["ConcatV2"](items, 0)

    def unstack(self, value: Any, name: str | None = None) -> TensorArray:
        tensor = self._value(value)
        count = tensor.shape._dims[0]
        if count > len(self._items) and not self._dynamic_size:
            raise ValueError(
                f"{errors.user_site()}: Cannot unstack {count} tensors into a "
                f"TensorArray of static size {len(self._items)}"
            )
        self._items = [None] * count
        self._read = [False] * count
        for i, row in enumerate(REGISTRY["Unpack"](tensor, num=count, axis=0)):
            self._items[i] = self._checked(row)
        return self

    def scatter(self, indices: Any, value: Any, name: str | None = None) -> TensorArray:
        tensor = self._value(value)
        rows = REGISTRY["Unpack"](tensor, num=tensor.shape._dims[0], axis=0)
        for i, row in zip(np.asarray(indices).ravel().tolist(), rows):
            self.write(i, row)
        return self

    def split(self, value: Any, lengths: Any, name: str | None = None) -> TensorArray:
        tensor = self._value(value)
        sizes = np.asarray(lengths).ravel()
        if len(sizes) != len(self._items) and not self._dynamic_size:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{errors.user_site()}: TensorArray's size is not equal to the size of lengths "
                f"({len(self._items)} vs. {len(sizes)}), and it is not marked as dynamically resizeable.",
            )
        self._extend(max(len(sizes), len(self._items)))
        parts = REGISTRY["SplitV"](tensor, sizes.astype(np.int64), 0, num_split=len(sizes))
        self._items[: len(sizes)] = parts  # of different lengths, so that no shape is inferred
        self._read[: len(sizes)] = [False] * len(sizes)
        return self

    def size(self, name: str | None = None) -> Any:
        return constant(len(self._items), dtypes.int32)

    def identity(self) -> TensorArray:
        return self


def build_ta_with_new_flow(old_ta: TensorArray, flow: Any) -> TensorArray:
    """An array like `old_ta` with another list of elements."""
    return old_ta._with_flow(flow)
