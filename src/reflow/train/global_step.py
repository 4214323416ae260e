"""The global step: how many training steps a graph has made."""

from __future__ import annotations

from typing import Any

from reflow.lang import dtypes
from reflow.lang.context import executing_eagerly, get_default_graph
from reflow.lang.export import export
from reflow.lang.graph import Graph
from reflow.lang.scopes import GraphKeys
from reflow.lang.tensor import SymbolicTensor


@export(v1=("train.global_step",))
def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The value of the global step in a session."""
    if executing_eagerly():
        return int(global_step_tensor.numpy())
    return int(sess.run(global_step_tensor))


@export(v1=("train.get_global_step",))
def get_global_step(graph: Graph | None = None) -> Any:
    """The global step variable of a graph, or None.

    Raises:
      TypeError: if the collection of global steps holds something else.
    """
    graph = graph or get_default_graph()
    steps = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(steps) == 1:
        step = steps[0]
    elif not steps:
        try:
            step = graph.get_tensor_by_name("global_step:0")
        except KeyError:
            return None
    else:
        raise TypeError(f"Multiple tensors in global_step collection: {steps}")
    assert_global_step(step)
    return step


@export(v1=("train.create_global_step",))
def create_global_step(graph: Graph | None = None) -> Any:
    """Makes the global step variable of a graph: an int64 that starts at 0.

    Raises:
      ValueError: if the graph has one.
    """
    from reflow.ops.variables import initializers
    from reflow.ops.variables.aggregation import VariableAggregation
    from reflow.ops.variables.variable_scope import get_variable

    graph = graph or get_default_graph()
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    collections = [GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP]
    options = {
        "shape": [],
        "dtype": dtypes.int64,
        "initializer": initializers.Zeros(),
        "trainable": False,
        "aggregation": VariableAggregation.ONLY_FIRST_REPLICA,
        "collections": collections,
    }
    if executing_eagerly():
        return get_variable(GraphKeys.GLOBAL_STEP, **options)
    with graph.as_default(), graph.name_scope(None):
        return get_variable(GraphKeys.GLOBAL_STEP, **options)


@export(v1=("train.get_or_create_global_step",))
def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """The global step variable of a graph, made if there is none."""
    graph = graph or get_default_graph()
    step = get_global_step(graph)
    return create_global_step(graph) if step is None else step


@export(v1=("train.assert_global_step",))
def assert_global_step(global_step_tensor: Any) -> None:
    """Checks that something is a scalar integer, as a global step is.

    Raises:
      TypeError: if it is of another type or shape.
    """
    dtype = getattr(global_step_tensor, "dtype", None)
    if dtype is None:
        raise TypeError(
            f'Existing "global_step" must be a Variable or Tensor: {global_step_tensor}'
        )
    if not dtype.base_dtype.is_integer:
        raise TypeError(f'Existing "global_step" does not have integer type: {dtype}')
    rank = global_step_tensor.get_shape().rank
    known = isinstance(global_step_tensor, SymbolicTensor) and rank is None
    if rank != 0 and not known:
        raise TypeError(f'Existing "global_step" is not scalar: {global_step_tensor.get_shape()}')
