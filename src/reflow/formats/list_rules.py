"""What each op of a stack or tensor array becomes: a node that takes a list and gives another.

A rule appends nodes to `lists`, the region that `raise_lists` is rewriting. It gets the node with inputs
as they are called now, and as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reflow.formats.raw_graph import RawNode
from reflow.lang import dtypes, errors
from reflow.lang.shapes import UNKNOWN, TensorShape

if TYPE_CHECKING:
    from reflow.formats.raise_lists import Lists


def _stack(lists: Lists, node: RawNode, original: RawNode) -> None:
    made = lists.handles[node.name, 0]
    assert made is not None
    if not made.is_used:
        lists.add("NoOp", node, [])
        return
    shape = lists.shape_of_elements(node, UNKNOWN)
    lists.state[made] = lists.add(
        "EmptyTensorList",
        node,
        [shape, node.inputs[0]],
        element_dtype=made.element_dtype,
        shape_type=dtypes.int32,
    )


def _push(lists: Lists, node: RawNode, original: RawNode) -> None:
    stack = lists.object_of(original)
    if stack.holds is not None:
        lists.add("NoOp", node, [])
        if stack.carries:
            lists.pushed.append((node, stack, stack.holds))
        return
    inputs = [lists.list_of(stack), node.inputs[1]]
    lists.state[stack] = lists.add(
        "TensorListPushBack", node, inputs, element_dtype=node.attrs["T"]
    )
    lists.redirected[node.name, 0] = node.inputs[1]


def _pop(lists: Lists, node: RawNode, original: RawNode) -> None:
    stack = lists.object_of(original)
    if not stack.is_used:
        lists.add("NoOp", node, [])
        return
    inputs = [lists.list_of(stack), lists.shape_of_elements(node, UNKNOWN)]
    lists.state[stack] = lists.add(
        "TensorListPopBack", node, inputs, element_dtype=stack.element_dtype
    )
    if stack.holds is not None:
        lists.state[stack.holds] = (node.name, 1)
    lists.redirected[node.name, 0] = (node.name, 1)


def _close(lists: Lists, node: RawNode, original: RawNode) -> None:
    lists.add("NoOp", node, [])


def _array(lists: Lists, node: RawNode, original: RawNode) -> None:
    made = lists.handles[node.name, 0]
    assert made is not None
    shape = lists.shape_of_elements(node, made.element_shape)
    lists.redirected[node.name, 1] = lists.constant(f"{node.name}/flow", 0.0, dtypes.float32)
    lists.state[made] = lists.add(
        "TensorListReserve",
        node,
        [shape, node.inputs[0]],
        element_dtype=made.dtype,
        shape_type=dtypes.int32,
    )


def _gradient_array(lists: Lists, node: RawNode, original: RawNode) -> None:
    lists.add("NoOp", node, [])
    lists.redirected[node.name, 1] = node.inputs[1]


def _write(lists: Lists, node: RawNode, original: RawNode) -> None:
    array, (_, index, value, flow) = lists.object_of(original), node.inputs
    before, dtype = lists.list_of(array), node.attrs["T"]
    if array.of is not None and before not in lists.fresh:
        shape = lists.helper(f"{node.name}/shape", "Shape", [value], T=dtype)
        there = lists.helper(
            f"{node.name}/before", "TensorListGetItem", [before, index, shape], element_dtype=dtype
        )
        value = lists.helper(f"{node.name}/sum", "AddV2", [there, value], T=dtype)
    lists.state[array] = lists.add(
        "TensorListSetItem",
        node,
        [before, index, value],
        element_dtype=dtype,
        resize_if_index_out_of_bounds=bool(array.maker.attrs["dynamic_size"]),
    )
    lists.redirected[node.name, 0] = flow


def _read(lists: Lists, node: RawNode, original: RawNode) -> None:
    array = lists.object_of(original)
    inputs = [
        lists.list_of(array),
        node.inputs[1],
        lists.shape_of_elements(node, array.element_shape),
    ]
    lists.add("TensorListGetItem", node, inputs, element_dtype=node.attrs["dtype"])


def _gather(lists: Lists, node: RawNode, original: RawNode) -> None:
    array = lists.object_of(original)
    shape = array.element_shape.merge_with(node.attrs["element_shape"])
    inputs = [lists.list_of(array), node.inputs[1], lists.shape_of_elements(node, shape)]
    lists.add("TensorListGather", node, inputs, element_dtype=node.attrs["dtype"])


def _scatter(lists: Lists, node: RawNode, original: RawNode) -> None:
    array, (_, indices, value, flow) = lists.object_of(original), node.inputs
    before, dtype = lists.list_of(array), node.attrs["T"]
    if array.of is not None and before not in lists.fresh:
        shape = lists.helper(f"{node.name}/shape", "Shape", [value], T=dtype)
        one = lists.constant(f"{node.name}/one", [1])
        rest = lists.helper(
            f"{node.name}/rest",
            "StridedSlice",
            [shape, one, one, one],
            T=dtypes.int32,
            Index=dtypes.int32,
            end_mask=1,
        )
        there = lists.helper(
            f"{node.name}/before", "TensorListGather", [before, indices, rest], element_dtype=dtype
        )
        value = lists.helper(f"{node.name}/sum", "AddV2", [there, value], T=dtype)
    lists.state[array] = lists.add(
        "TensorListScatterIntoExistingList", node, [before, value, indices], element_dtype=dtype
    )
    lists.redirected[node.name, 0] = flow


def _concat(lists: Lists, node: RawNode, original: RawNode) -> None:
    rest = node.attrs["element_shape_except0"].sizes
    shape = UNKNOWN if rest is None else TensorShape([None, *rest])
    inputs = [
        lists.list_of(lists.object_of(original)),
        lists.shape_of_elements(node, shape),
        lists.constant(f"{node.name}/leading_dims", [], dtypes.int64),
    ]
    lists.add(
        "TensorListConcatV2",
        node,
        inputs,
        element_dtype=node.attrs["dtype"],
        shape_type=dtypes.int32,
    )


def _split(lists: Lists, node: RawNode, original: RawNode) -> None:
    array, (_, value, lengths, flow) = lists.object_of(original), node.inputs
    if array.of is not None and lists.list_of(array) not in lists.fresh:
        raise errors.UnimplementedError(
            None, None, f"Node '{node.name}': a split is added to other gradients of a tensor array"
        )
    lists.state[array] = lists.add(
        "TensorListSplit",
        node,
        [value, lists.shape_of_elements(node, UNKNOWN), lengths],
        element_dtype=node.attrs["T"],
        shape_type=dtypes.int32,
    )
    lists.redirected[node.name, 0] = flow


def _size(lists: Lists, node: RawNode, original: RawNode) -> None:
    lists.add("TensorListLength", node, [lists.list_of(lists.object_of(original))])


RULES: dict[str, Callable[[Lists, RawNode, RawNode], None]] = {
    "StackV2": _stack,
    "StackPushV2": _push,
    "StackPopV2": _pop,
    "StackCloseV2": _close,
    "TensorArrayV3": _array,
    "TensorArrayGradV3": _gradient_array,
    "TensorArrayWriteV3": _write,
    "TensorArrayReadV3": _read,
    "TensorArrayGatherV3": _gather,
    "TensorArrayScatterV3": _scatter,
    "TensorArrayConcatV3": _concat,
    "TensorArraySplitV3": _split,
    "TensorArraySizeV3": _size,
    "TensorArrayCloseV3": _close,
}
