"""Scopes of the default graph: names, devices, colocation, control dependencies, containers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from reflow.lang import context
from reflow.lang.context import current_graph, get_default_graph


class name_scope:  # noqa: N801 (TensorFlow's name)
    """Prefixes the names of the ops made within.

    Args:
      name: the scope, or None to use `default_name`; one that ends in '/' is re-entered as it is.
      default_name: what to use when `name` is None.
      values: the tensors that the ops work on: unused, as the current graph is known.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.compat.v1.name_scope("layer") as scope:
    ...     print(scope, tf.constant(1.0, name="w").name)
    layer/ layer/w:0
    """

    __slots__ = ("_name", "_scope", "_outer", "_graph")

    def __init__(self, name: str | None, default_name: str | None = None, values: Any = None):
        if default_name is not None and not isinstance(default_name, str):
            raise TypeError(
                f"`default_name` type ({type(default_name)}) is not a string type. You likely meant "
                "to pass this into the `values` kwarg."
            )
        self._name = default_name if name is None else name
        if self._name is None and values is not None:
            raise ValueError(
                f"At least one of name ({name}) and default_name ({default_name}) should be provided."
            )

    @property
    def name(self) -> str | None:
        return self._name

    def __enter__(self) -> str:
        graph = self._graph = current_graph()
        if graph is None:
            outer = self._outer = context.state.scope_name
            name = self._name
            if not name:
                scope = ""
            elif name[-1] == "/":
                scope = name
            else:
                scope = f"{outer}{name}/"
            context.state.scope_name = scope
            return scope
        self._scope: Any = graph.name_scope(self._name)
        return self._scope.__enter__()

    def __exit__(self, *exc: Any) -> None:
        if self._graph is None:
            context.state.scope_name = self._outer
        else:
            self._scope.__exit__(*exc)


@contextlib.contextmanager
def device(device_name_or_function: Any) -> Iterator[None]:
    """Places the ops made within on a device: `tf.device("/gpu:0")`."""
    graph = current_graph()
    if graph is not None:
        with graph.device(device_name_or_function):
            yield
        return
    from reflow.lang.devices import merge_device

    if callable(device_name_or_function):
        raise RuntimeError("tf.device does not support functions when eager execution is enabled.")
    outer = context.state.eager_device
    context.state.eager_device = merge_device(device_name_or_function, outer)
    try:
        yield
    finally:
        context.state.eager_device = outer


def device_v2(device_name: Any) -> contextlib.AbstractContextManager[None]:
    """Places the ops made within on a device: `tf.device("/gpu:0")`.

    Raises:
      RuntimeError: for a function, which TF 1 takes.
    """
    if callable(device_name):
        raise RuntimeError("tf.device does not support functions.")
    return device(device_name)


@contextlib.contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """The ops made within run after all of `control_inputs`; eager code is in order anyway."""
    graph = current_graph()
    if graph is None:
        if callable(control_inputs):
            control_inputs()
        yield
        return
    with graph.control_dependencies(control_inputs):
        yield


@contextlib.contextmanager
def colocate_with(op: Any, ignore_existing: bool = False) -> Iterator[None]:
    """Places the ops made within on the device of `op`."""
    graph = current_graph()
    if graph is None:
        yield
        return
    with graph.colocate_with(op, ignore_existing):
        yield


def get_name_scope() -> str:
    """The name scope that ops are made in, without a final slash; "" at the root."""
    graph = current_graph()
    return context.state.scope_name.rstrip("/") if graph is None else graph.get_name_scope()


@contextlib.contextmanager
def container(container_name: str) -> Iterator[str]:
    """Stateful ops made within keep their state in this resource container."""
    with get_default_graph().container(container_name) as name:
        yield name


def add_to_collection(name: Any, value: Any) -> None:
    """Appends `value` to a collection of the default graph."""
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Appends `value` to each of several collections of the default graph."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """The values of a collection of the default graph; `scope` filters by name prefix."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """The list itself that holds a collection of the default graph."""
    return get_default_graph().get_collection_ref(key)


class GraphKeys:
    """The standard names of collections: https://www.tensorflow.org/api_docs/python/tf/compat/v1/GraphKeys"""

    GLOBAL_VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    METRIC_VARIABLES = "metric_variables"
    MODEL_VARIABLES = "model_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    SUMMARIES = "summaries"
    QUEUE_RUNNERS = "queue_runners"
    TABLE_INITIALIZERS = "table_initializer"
    ASSET_FILEPATHS = "asset_filepaths"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    REGULARIZATION_LOSSES = "regularization_losses"
    CONCATENATED_VARIABLES = "concatenated_variables"
    SAVERS = "savers"
    WEIGHTS = "weights"
    BIASES = "biases"
    ACTIVATIONS = "activations"
    UPDATE_OPS = "update_ops"
    LOSSES = "losses"
    SAVEABLE_OBJECTS = "saveable_objects"
    RESOURCES = "resources"
    LOCAL_RESOURCES = "local_resources"
    TRAINABLE_RESOURCE_VARIABLES = "trainable_resource_variables"
    INIT_OP = "init_op"
    LOCAL_INIT_OP = "local_init_op"
    READY_OP = "ready_op"
    READY_FOR_LOCAL_INIT_OP = "ready_for_local_init_op"
    SUMMARY_OP = "summary_op"
    GLOBAL_STEP = "global_step"
    EVAL_STEP = "eval_step"
    TRAIN_OP = "train_op"
    COND_CONTEXT = "cond_context"
    WHILE_CONTEXT = "while_context"
    _SUMMARY_COLLECTION = "_SUMMARY_V2"
    VARIABLES = GLOBAL_VARIABLES


class name_scope_v2(name_scope):  # noqa: N801 (TensorFlow's name)
    """TF 2's `tf.name_scope`: prefixes the names of the ops made within.

    Raises:
      ValueError: if `name` is no string.
    """

    def __init__(self, name: str):
        if not isinstance(name, str):
            raise ValueError("name for name_scope must be a string.")
        super().__init__(name)


@contextlib.contextmanager
def op_scope(values: Any, name: str | None, default_name: str | None = None) -> Iterator[str]:
    """TF 1's old spelling of `tf.name_scope(name, default_name, values)`."""
    with name_scope(name, default_name, values) as scope:
        yield scope


def strip_name_scope(name: str, export_scope: str | None) -> str:
    """`name` (of a node, a tensor, `^control` or `loc:@node`) without the scope before it."""
    if not export_scope:
        return name
    scope = re.escape(export_scope.rstrip("/"))
    return re.sub(rf"([\^]|loc:@|^){scope}/+(.*)", r"\1\2", name, count=1)


def prepend_name_scope(name: str, import_scope: str | None) -> str:
    """`name` (of a node, a tensor, `^control` or `loc:@node`) with a scope before it."""
    if not import_scope:
        return name
    for mark in ("^", "loc:@"):
        if name.startswith(mark):
            return f"{mark}{import_scope.rstrip('/')}/{name[len(mark) :]}"
    return f"{import_scope.rstrip('/')}/{name}"
