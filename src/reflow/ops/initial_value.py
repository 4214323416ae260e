"""Initial values of variables that depend on other variables, or come from inside of a function."""

from __future__ import annotations

from typing import Any

from reflow.lang import errors
from reflow.lang.context import get_default_graph
from reflow.lang.scopes import GraphKeys
from reflow.lang.tensor import SymbolicTensor

_VARIABLES = ("VariableV2", "Variable")
# What reads a variable on purpose: whoever wrote that says when.
_LEFT_ALONE = ("IsVariableInitialized", "VarIsInitializedOp", "ReadVariableOp", "If", "StatelessIf")


def check_liftable(initial_value: Any, name: str | None) -> None:
    """Refuses a tensor of a function body, which a variable outside of it cannot start from.

    Raises:
      ValueError: if `initial_value` is such a tensor.
    """
    if not isinstance(initial_value, SymbolicTensor):
        return
    graph = initial_value.op.graph
    if graph.building_function and graph is not get_default_graph():
        raise ValueError(
            f"{errors.where(errors.user_frame())}: The initial value of variable {name!r} "
            f"({initial_value.name}) is from inside a function, a loop or a conditional. Pass a "
            "callable instead: tf.Variable(lambda: ...)."
        )


def guarded(name: str, initial_value: Any) -> Any:
    """`initial_value` with variables that it reads replaced by `initialized_value()` of them.

    Initializers run in any order: one that reads another variable must not depend on that variable's
    initializer having run. Nodes on the way are copied under their name and `name`.
    """
    graph = get_default_graph()
    known: dict[int, Any] = {}

    def replaced(tensor: Any) -> Any:
        found = known.get(id(tensor))
        if found is None:
            found = known[id(tensor)] = replacement(tensor)
        return found

    def replacement(tensor: Any) -> Any:
        op = tensor.op
        if op.type in _VARIABLES:
            variable = _variable_of(graph, op)
            return tensor if variable is None else variable.initialized_value()
        if op.type in _LEFT_ALONE or not op.inputs:
            return tensor
        inputs = [replaced(each) for each in op.inputs]
        if all(a is b for a, b in zip(inputs, op.inputs)):
            return tensor
        copy = graph.add_node(
            op.opdef, inputs, dict(op.attrs), graph.op_name(f"{op.name}_{name}/".replace(":", "_"))
        )
        for old, new in zip(op.outputs, copy.outputs):
            known[id(old)] = new
        return copy.outputs[tensor.value_index]

    return replaced(initial_value)


def _variable_of(graph: Any, op: Any) -> Any:
    for collection in (GraphKeys.GLOBAL_VARIABLES, GraphKeys.LOCAL_VARIABLES):
        for variable in graph.get_collection(collection):
            if getattr(variable, "op", None) is op and hasattr(variable, "initialized_value"):
                return variable
    return None
