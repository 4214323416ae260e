"""TF 1 code as a function: https://www.tensorflow.org/api_docs/python/tf/compat/v1/wrap_function"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang.export import export
from reflow.lang.scopes import GraphKeys, add_to_collections, name_scope
from reflow.runtime.concrete_function import ConcreteFunction
from reflow.runtime.function import convert_outputs, no_tapes, trace_graph
from reflow.runtime.function_type import ArgumentTypes, Parameters, Typing


class VariableHolder:
    """The variables that wrapped TF 1 code creates: one per name, whichever part asks first."""

    def __init__(self, share_variables: bool = False):
        self._share = share_variables
        self.variables: dict[str, Any] = {}

    def create(self, next_creator: Callable, **kwargs: Any) -> Any:
        collections = kwargs.pop("collections", None)
        with name_scope(kwargs.get("name"), "Variable") as scope:
            name = scope.rstrip("/")
        variable = self.variables.get(name) if self._share else None
        if variable is None:
            kwargs["name"] = scope
            kwargs.pop("use_resource", None)
            variable = self.variables[name] = next_creator(use_resource=True, **kwargs)
        if collections is None:
            collections = [GraphKeys.GLOBAL_VARIABLES]
        if variable.trainable and GraphKeys.TRAINABLE_VARIABLES not in collections:
            collections = [*collections, GraphKeys.TRAINABLE_VARIABLES]
        add_to_collections(collections, variable)
        return variable


class WrappedFunction(ConcreteFunction):
    """A graph of TF 1 code, called like a function.

    Attributes:
      variable_holder: the variables that the code created.
    """

    variable_holder: VariableHolder

    @property
    def variables(self) -> tuple[Any, ...]:
        return tuple(self.variable_holder.variables.values())

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        return tuple(v for v in self.variables if v.trainable)


@export(v1=("wrap_function",))
def wrap_function(fn: Callable, signature: Any, name: str | None = None) -> WrappedFunction:
    """Makes TF 1 code, traced once, a function that eager code can call.

    Variables that the code creates live outside of it and keep their values from call to call.

    Args:
      fn: builds a part of a graph from tensors.
      signature: the type specs of its arguments.
      name: a name for the function.

    >>> import reflow as tf
    >>> def program(x):
    ...     v = tf.compat.v1.get_variable("v", [], initializer=tf.compat.v1.ones_initializer())
    ...     return tf.compat.v1.assign_add(v, x)
    >>> f = tf.compat.v1.wrap_function(program, [tf.TensorSpec([], tf.float32)])
    >>> print(f(tf.constant(2.0)).numpy(), f(tf.constant(2.0)).numpy())
    3.0 5.0
    """
    holder = VariableHolder()
    label = str(name or getattr(fn, "__name__", "wrapped"))
    graph = trace_graph(label, holder.create)
    graph._collections = {}
    parameters = Parameters(fn, label)
    typing = Typing()
    names = [*parameters.names, *(f"arg_{i}" for i in range(len(signature)))]
    types = ArgumentTypes([typing.type_of(spec, n) for spec, n in zip(signature, names)])
    with graph.as_default(), no_tapes():
        values = types.placeholders()
        count = len(graph.inputs)
        structure = convert_outputs(fn(*values), label)
    wrapped = WrappedFunction(graph, types, parameters, structure, count)
    wrapped.variable_holder = holder
    return wrapped
