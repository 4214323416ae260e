"""The variables of a graph by collection, and the ops that initialize and check them.

https://www.tensorflow.org/api_docs/python/tf/compat/v1/global_variables_initializer
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import context, dtypes
from reflow.lang.convert import constant_node
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import (
    GraphKeys,
    colocate_with,
    device,
    get_collection,
    name_scope,
)
from reflow.ops.constant import no_op
from reflow.ops.control_flow.grouping import group
from reflow.ops.variables import ops as variable_ops


@export(v1=("global_variables",))
def global_variables(scope: str | None = None) -> list[Any]:
    """The variables that tasks share and savers save: what `tf.Variable` makes by default.

    Args:
      scope: a regular expression that the beginning of their names must match.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default():
    ...     _ = v1.Variable(1.0, name="v")
    ...     print([v.name for v in v1.global_variables()])
    ['v:0']
    """
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


@export(v1=("all_variables",))
def all_variables() -> list[Any]:
    """The former name of `tf.global_variables`."""
    return global_variables()


@export(v1=("local_variables",))
def local_variables(scope: str | None = None) -> list[Any]:
    """The variables that belong to one process and are not saved.

    Args:
      scope: a regular expression that the beginning of their names must match.
    """
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


@export(v1=("model_variables",))
def model_variables(scope: str | None = None) -> list[Any]:
    """The variables that a model uses to infer, as collected by whoever made them.

    Args:
      scope: a regular expression that the beginning of their names must match.
    """
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


@export(v1=("trainable_variables",))
def trainable_variables(scope: str | None = None) -> list[Any]:
    """The variables that optimizers change by default.

    Args:
      scope: a regular expression that the beginning of their names must match.
    """
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


@export(v1=("moving_average_variables",))
def moving_average_variables(scope: str | None = None) -> list[Any]:
    """The variables whose moving averages are kept.

    Args:
      scope: a regular expression that the beginning of their names must match.
    """
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def _all_saveable_objects(scope: str | None = None) -> list[Any]:
    """What a saver saves by default."""
    objects = get_collection(GraphKeys.SAVEABLE_OBJECTS, scope)
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope) + objects


# Initializing -------------------------------------------------------------------------------------


@export(v1=("variables_initializer", "initializers.variables"))
def variables_initializer(var_list: Any, name: str = "init") -> Any:
    """An operation that gives all variables of a list their initial values.

    Args:
      var_list: variables.
      name: the name of the operation.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default(), v1.Session() as session:
    ...     v = v1.Variable(3.0)
    ...     _ = session.run(v1.variables_initializer([v]))
    ...     print(session.run(v))
    3.0
    """
    if var_list and not context.executing_eagerly():
        return group(*[variable.initializer for variable in var_list], name=name)
    return no_op(name=name)


@export(v1=("initialize_variables",))
def initialize_variables(var_list: Any, name: str = "init") -> Any:
    """The former name of `tf.variables_initializer`."""
    return variables_initializer(var_list, name=name)


@export(v1=("global_variables_initializer", "initializers.global_variables"))
def global_variables_initializer() -> Any:
    """An operation that gives all global variables their initial values."""
    if context.executing_eagerly():
        return no_op(name="global_variables_initializer")
    return variables_initializer(global_variables())


@export(v1=("initialize_all_variables",))
def initialize_all_variables() -> Any:
    """The former name of `tf.global_variables_initializer`."""
    return global_variables_initializer()


@export(v1=("local_variables_initializer", "initializers.local_variables"))
def local_variables_initializer() -> Any:
    """An operation that gives all local variables their initial values."""
    if context.executing_eagerly():
        return no_op(name="local_variables_initializer")
    return variables_initializer(local_variables())


@export(v1=("initialize_local_variables",))
def initialize_local_variables() -> Any:
    """The former name of `tf.local_variables_initializer`."""
    return local_variables_initializer()


# Checking -----------------------------------------------------------------------------------------


def _or_all(var_list: Any) -> list[Any]:
    if var_list is None:
        var_list = global_variables() + local_variables()
    if not var_list:  # a graph that was built without collections
        kinds = ("Variable", "VariableV2", "AutoReloadVariable", "VarHandleOp")
        graph = context.get_default_graph()
        return [op.outputs[0] for op in graph.get_operations() if op.type in kinds]
    return list(var_list)


@export(v1=("is_variable_initialized",))
def is_variable_initialized(variable: Any) -> Any:
    """A boolean tensor: whether a variable has a value when it runs.

    Args:
      variable: a variable.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default(), v1.Session() as session:
    ...     v = v1.Variable(1.0)
    ...     print(session.run(v1.is_variable_initialized(v)))
    False
    """
    return variable_ops.is_variable_initialized(variable)


@export(v1=("assert_variables_initialized",))
def assert_variables_initialized(var_list: Any = None) -> Any:
    """An op that fails when a variable has no value yet (deprecated).

    Args:
      var_list: variables; by default all global and local ones.

    Returns:
      An operation, or None if there are no variables.

    Raises:
      errors.FailedPreconditionError: when it runs, if a variable has no value.
    """
    variables = _or_all(var_list)
    if not variables:
        return None
    ranks = []
    for variable in variables:
        with colocate_with(variable.op):
            ranks.append(REGISTRY["Rank"](variable))  # reads it, though only the rank is asked
    return ranks[0] if len(ranks) == 1 else REGISTRY["Pack"](ranks, axis=0, name="stack")


@export(v1=("report_uninitialized_variables",))
def report_uninitialized_variables(
    var_list: Any = None, name: str = "report_uninitialized_variables"
) -> Any:
    """The names of the variables that have no value, as a vector of strings.

    Args:
      var_list: variables; by default all global and local ones.
      name: the name scope of the nodes.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default(), v1.Session() as session:
    ...     a, b = v1.Variable(1.0, name="a"), v1.Variable(1.0, name="b")
    ...     _ = session.run(a.initializer)
    ...     print(session.run(v1.report_uninitialized_variables()))
    [b'b']
    """
    from reflow.ops.masking import boolean_mask

    variables = _or_all(var_list)
    with name_scope(name):
        states = [variable_ops.is_variable_initialized(variable) for variable in variables]
        with device("/cpu:0"):
            if not variables:
                return constant_node(np.empty(0, object), dtypes.string)
            names = np.array([variable.op.name.encode() for variable in variables], object)
            missing = REGISTRY["LogicalNot"](REGISTRY["Pack"](states, axis=0, name="stack"))
            return boolean_mask(constant_node(names, dtypes.string), missing)
