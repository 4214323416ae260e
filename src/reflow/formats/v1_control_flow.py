"""The ops of TF 1's control flow, of stacks, tensor arrays and gradients of functions: what reading a
graph needs to know of them.

They are signatures without an implementation: no graph of Reflow has such a node, as an import puts
functions and lists in their places (`raise_control_flow`, `node_builder`).
"""

from __future__ import annotations

from reflow.lang.opdef import OpDef

_ENTER = "frame_name: string, is_constant: bool = False, parallel_iterations: int = 10"
_ARRAY = (
    "dtype: type, element_shape: shape = unknown, dynamic_size: bool = False,"
    " clear_after_read: bool = True, identical_element_shapes: bool = False,"
    " tensor_array_name: string = ''"
)

_SIGNATURES = (
    "Switch(data: T, pred: bool) -> output_false: T, output_true: T",
    "Merge(inputs: N*T) -> output: T, value_index: int32",
    f"Enter(data: T, *, {_ENTER}) -> output: T",
    "Exit(data: T) -> output: T",
    "NextIteration(data: T) -> output: T",
    "LoopCond(input: bool) -> output: bool",
    "RefSwitch(data: Ref(T), pred: bool) -> output_false: Ref(T), output_true: Ref(T)",
    "RefMerge(inputs: N*Ref(T)) -> output: Ref(T), value_index: int32",
    f"RefEnter(data: Ref(T), *, {_ENTER}) -> output: Ref(T)",
    "RefExit(data: Ref(T)) -> output: Ref(T)",
    "RefNextIteration(data: Ref(T)) -> output: Ref(T)",
    "ControlTrigger() -> ",
)

_STATEFUL = (
    "StackV2(max_size: int32, *, elem_type: type, stack_name: string = '') -> handle: resource",
    "StackPushV2(handle: resource, elem: T, *, swap_memory: bool = False) -> output: T",
    "StackPopV2(handle: resource, *, elem_type: type) -> elem: elem_type",
    "StackCloseV2(handle: resource) -> ",
    f"TensorArrayV3(size: int32, *, {_ARRAY}) -> handle: resource, flow: float",
    "TensorArrayGradV3(handle: resource, flow_in: float, *, source: string)"
    " -> grad_handle: resource, flow_out: float",
    "TensorArrayWriteV3(handle: resource, index: int32, value: T, flow_in: float)"
    " -> flow_out: float",
    "TensorArrayReadV3(handle: resource, index: int32, flow_in: float, *, dtype: type)"
    " -> value: dtype",
    "TensorArrayGatherV3(handle: resource, indices: int32, flow_in: float, *, dtype: type,"
    " element_shape: shape = unknown) -> value: dtype",
    "TensorArrayScatterV3(handle: resource, indices: int32, value: T, flow_in: float)"
    " -> flow_out: float",
    "TensorArrayConcatV3(handle: resource, flow_in: float, *, dtype: type,"
    " element_shape_except0: shape = unknown) -> value: dtype, lengths: int64",
    "TensorArraySplitV3(handle: resource, value: T, lengths: int64, flow_in: float)"
    " -> flow_out: float",
    "TensorArraySizeV3(handle: resource, flow_in: float) -> size: int32",
    "TensorArrayCloseV3(handle: resource) -> ",
)

# The gradient of a function as an op; an import makes it a call of a function.
SYMBOLIC_GRADIENT = OpDef(
    "SymbolicGradient(input: Tin, *, Tin: list(type), Tout: list(type), f: func) -> output: Tout",
    register=False,
)

OPS = {
    opdef.name: opdef
    for signatures, stateful in ((_SIGNATURES, False), (_STATEFUL, True))
    for opdef in [OpDef(text, stateful=stateful, register=False) for text in signatures]
}

CONTROL_FLOW = frozenset(
    each.partition("(")[0] for each in _SIGNATURES if not each.startswith("ControlTrigger")
)
LISTS = frozenset(each.partition("(")[0] for each in _STATEFUL)
