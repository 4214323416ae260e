"""Initial values of variables that depend on other variables, or come from inside of a function."""

from __future__ import annotations

from typing import Any

from reflow.lang import context, errors
from reflow.lang.context import get_default_graph
from reflow.lang.scopes import GraphKeys
from reflow.lang.services import service
from reflow.lang.tensor import SymbolicTensor

_VARIABLES = ("VariableV2", "Variable")
# What reads a variable on purpose: whoever wrote that says when.
_LEFT_ALONE = ("IsVariableInitialized", "VarIsInitializedOp", "ReadVariableOp", "If", "StatelessIf")


def lifted(initial_value: Any, name: str | None) -> Any:
    """An initial value from inside of a function as one that a variable outside can start from.

    What does not depend on the arguments of the function is computed now. What does is given back as it is
    where the function can give it to the variable when it runs: its graph has `late_variables`.

    Raises:
      ValueError: if it depends on the arguments, and the graph has no such list.
    """
    if not isinstance(initial_value, SymbolicTensor):
        return initial_value
    graph = initial_value.op.graph
    if not graph.building_function or graph is context.current_graph():
        return initial_value
    if context.executing_eagerly():
        value = service("value_of_symbolic")(initial_value)
        if value is not None:
            return value
        if graph.late_variables is not None:
            return initial_value
    raise ValueError(
        f"{errors.user_site()}: The initial value of variable {name!r} "
        f"({initial_value.name}) depends on the arguments of a function, or is from inside of a loop "
        "or a conditional. Pass a callable instead: tf.Variable(lambda: ...)."
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
