"""`tensorflow.python.ops.resources`: the resources of a TF 1 graph that have to be initialized."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes
from reflow.lang.convert import constant_node
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import (
    GraphKeys,
    add_to_collection,
    device,
    get_collection,
    name_scope,
)
from reflow.ops.control_flow.cond import group
from reflow.ops.masking import boolean_mask

_Resource = collections.namedtuple("_Resource", ["handle", "create", "is_initialized"])


def register_resource(
    handle: Any, create_op: Any, is_initialized_op: Any, is_shared: bool = True
) -> None:
    """Adds a resource to those that `initialize_resources` and `report_uninitialized_resources` know.

    Args:
      handle: its handle.
      create_op: the operation that initializes it.
      is_initialized_op: a boolean tensor, whether it is initialized.
      is_shared: whether it belongs to all workers, or to this one.
    """
    key = GraphKeys.RESOURCES if is_shared else GraphKeys.LOCAL_RESOURCES
    add_to_collection(key, _Resource(handle, create_op, is_initialized_op))


def shared_resources() -> list[Any]:
    """The registered resources that belong to all workers."""
    return get_collection(GraphKeys.RESOURCES)


def local_resources() -> list[Any]:
    """The registered resources that belong to this worker."""
    return get_collection(GraphKeys.LOCAL_RESOURCES)


def initialize_resources(resource_list: Sequence[Any], name: str = "init") -> Any:
    """An operation that initializes the given resources."""
    return group(*(resource.create for resource in resource_list), name=name)


def report_uninitialized_resources(
    resource_list: Sequence[Any] | None = None, name: str = "report_uninitialized_resources"
) -> Any:
    """The names of the resources that are not initialized, as a vector of strings.

    Args:
      resource_list: registered resources; by default all.
      name: the name scope of the nodes.
    """
    found = [*shared_resources(), *local_resources()] if resource_list is None else resource_list
    with name_scope(name), device("/cpu:0"):
        if not found:
            return constant_node(np.empty(0, object), dtypes.string)
        names = np.array([each.handle.name.encode() for each in found], object)
        states = REGISTRY["Pack"]([each.is_initialized for each in found], axis=0)
        return boolean_mask(constant_node(names, dtypes.string), REGISTRY["LogicalNot"](states))
