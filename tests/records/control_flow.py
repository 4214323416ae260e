"""Branches, loops, calls and lists of tensors: their attributes are functions, their values lists."""

from .base import tested_elsewhere

tested_elsewhere(
    "test_control_flow.py",
    "If",
    "StatelessIf",
    "Case",
    "StatelessCase",
    "While",
    "StatelessWhile",
    "FakeParam",
    "PartitionedCall",
    "StatefulPartitionedCall",
)
tested_elsewhere("test_vectorized.py", "MapDefun")
tested_elsewhere(
    "test_tensor_list.py",
    "EmptyTensorList",
    "TensorListReserve",
    "TensorListFromTensor",
    "TensorListScatterV2",
    "TensorListScatter",
    "TensorListScatterIntoExistingList",
    "TensorListSplit",
    "TensorListGetItem",
    "TensorListSetItem",
    "TensorListPushBack",
    "TensorListPopBack",
    "TensorListStack",
    "TensorListGather",
    "TensorListConcatV2",
    "TensorListConcatLists",
    "TensorListLength",
    "TensorListElementShape",
    "TensorListResize",
)
