"""Sharing variables by name: https://www.tensorflow.org/api_docs/python/tf/compat/v1/variable_scope

A `variable_scope` is a name and defaults for `get_variable`. The scopes of a graph live in one of its
collections, with one current scope per thread; the variables in `ops/variables/store.py`.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any

from reflow.lang import context, dtypes, errors
from reflow.lang.context import current_graph, get_default_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.scopes import GraphKeys, get_collection, get_collection_ref, name_scope
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.variables.store import (
    AUTO_REUSE,
    EagerVariableStore,
    _get_default_variable_store,
    with_variable_store,
)

__all__ = [
    "AUTO_REUSE",
    "EagerVariableStore",
    "VariableScope",
    "get_local_variable",
    "get_variable",
    "get_variable_scope",
    "no_regularizer",
    "variable_op_scope",
    "variable_scope",
    "with_variable_store",
]

_SCOPES_KEY = ("__varscope",)


@export(v1=("no_regularizer",))
def no_regularizer(_: Any) -> None:
    """Passed as `regularizer`, keeps the variable from the regularizer of the scope around it."""
    return


@export(v1=("VariableScope",))
class VariableScope:
    """The name and the defaults that `tf.get_variable` takes; see `tf.variable_scope`.

    Args:
      reuse: whether variables are shared: True, False, None (as around) or `tf.AUTO_REUSE`.
      name: the prefix of the names of variables.
      initializer, regularizer, caching_device, partitioner, custom_getter, dtype, use_resource,
        constraint: what `tf.get_variable` uses where its own argument is not given.
      name_scope: the name scope that was opened along with it.

    Raises:
      NotImplementedError: for a caching device in eager code.
    """

    def __init__(
        self,
        reuse,
        name="",
        initializer=None,
        regularizer=None,
        caching_device=None,
        partitioner=None,
        custom_getter=None,
        name_scope="",
        dtype=dtypes.float32,
        use_resource=None,
        constraint=None,
    ):
        self._name = name
        self._initializer = initializer
        self._regularizer = regularizer
        self._reuse = reuse
        self._caching_device = caching_device
        self._partitioner = partitioner
        self._custom_getter = custom_getter
        self._name_scope = name_scope
        self._dtype = dtype
        self._use_resource = use_resource
        self._constraint = constraint
        if context.executing_eagerly():
            if caching_device is not None:
                raise NotImplementedError(
                    "Caching devices is not yet supported when eager execution is enabled."
                )
            self._reuse = AUTO_REUSE
            self._use_resource = True

    @property
    def name(self) -> str:
        return self._name

    @property
    def original_name_scope(self) -> str:
        """The name scope that was opened when this scope was first entered, with a slash."""
        return self._name_scope

    @property
    def reuse(self) -> Any:
        return self._reuse

    @property
    def initializer(self) -> Any:
        return self._initializer

    @property
    def dtype(self) -> Any:
        return self._dtype

    @property
    def use_resource(self) -> bool | None:
        return self._use_resource

    @property
    def regularizer(self) -> Any:
        return self._regularizer

    @property
    def caching_device(self) -> Any:
        return self._caching_device

    @property
    def partitioner(self) -> Any:
        return self._partitioner

    @property
    def custom_getter(self) -> Any:
        return self._custom_getter

    @property
    def constraint(self) -> Any:
        return self._constraint

    def reuse_variables(self) -> None:
        """From here on variables of this scope are shared, not created."""
        self._reuse = True

    def set_initializer(self, initializer: Any) -> None:
        self._initializer = initializer

    def set_dtype(self, dtype: Any) -> None:
        self._dtype = dtype

    def set_use_resource(self, use_resource: bool) -> None:
        if context.executing_eagerly() and not use_resource:
            raise ValueError(
                "When eager execution is enabled, use_resource cannot be set to false."
            )
        self._use_resource = use_resource

    def set_regularizer(self, regularizer: Any) -> None:
        self._regularizer = regularizer

    def set_caching_device(self, caching_device: Any) -> None:
        if context.executing_eagerly():
            raise NotImplementedError(
                "Caching devices are not yet supported when eager execution is enabled."
            )
        self._caching_device = caching_device

    def set_partitioner(self, partitioner: Any) -> None:
        self._partitioner = partitioner

    def set_custom_getter(self, custom_getter: Any) -> None:
        self._custom_getter = custom_getter

    def get_collection(self, name: Any) -> list[Any]:
        """The values of a collection whose names are in this scope."""
        return get_collection(name, self._name + "/" if self._name else "")

    def trainable_variables(self) -> list[Any]:
        """The trainable variables of this scope."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Any]:
        """The global variables of this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        """The local variables of this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def get_variable(
        self,
        var_store,
        name,
        shape=None,
        dtype=None,
        initializer=None,
        regularizer=None,
        reuse=None,
        trainable=None,
        collections=None,
        caching_device=None,
        partitioner=None,
        validate_shape=True,
        use_resource=None,
        custom_getter=None,
        constraint=None,
        synchronization=None,
        aggregation=None,
    ):
        """`tf.get_variable` in this scope, with the variables of `var_store`."""
        if context.executing_eagerly():
            reuse = False
            use_resource = True
        else:
            if reuse is None:
                reuse = self._reuse
            if use_resource is None:
                use_resource = self._use_resource
        full_name = f"{self._name}/{name}" if self._name else name
        # Names of variables depend on variable scopes only, not on name scopes.
        with name_scope(None):
            if dtype is not None and initializer is not None and not callable(initializer):
                found = convert_to_tensor(initializer).dtype.base_dtype
                if found != dtype:
                    raise ValueError(
                        f"{errors.user_site()}: Initializer type '{found}' and "
                        f"explicit dtype '{dtype}' don't match."
                    )
            return var_store.get_variable(
                full_name,
                shape=shape,
                dtype=self._dtype if dtype is None else dtype,
                initializer=self._initializer if initializer is None else initializer,
                regularizer=self._regularizer if regularizer is None else regularizer,
                reuse=reuse,
                trainable=trainable,
                collections=collections,
                caching_device=self._caching_device if caching_device is None else caching_device,
                partitioner=self._partitioner if partitioner is None else partitioner,
                validate_shape=validate_shape,
                use_resource=use_resource,
                custom_getter=self._custom_getter if custom_getter is None else custom_getter,
                constraint=self._constraint if constraint is None else constraint,
                synchronization=synchronization,
                aggregation=aggregation,
            )

    def _get_partitioned_variable(
        self,
        var_store,
        name,
        shape=None,
        dtype=None,
        initializer=None,
        regularizer=None,
        trainable=None,
        collections=None,
        caching_device=None,
        partitioner=None,
        validate_shape=True,
        use_resource=None,
        constraint=None,
        synchronization=None,
        aggregation=None,
    ):
        """A variable in parts; without a name it goes by the name of this scope."""
        if self._custom_getter is not None:
            raise ValueError(
                "Private access to _get_partitioned_variable is not allowed when a custom getter is "
                f"set.  Current custom getter: {self._custom_getter}.  It is likely that you're "
                "using create_partitioned_variables.  If so, consider instead using get_variable "
                "with a non-empty partitioner parameter instead."
            )
        partitioner = self._partitioner if partitioner is None else partitioner
        if partitioner is None:
            raise ValueError("No partitioner was specified")
        with name_scope(None):
            return var_store.get_variable(
                "/".join(filter(None, (self._name, name))),
                shape=shape,
                dtype=self._dtype if dtype is None else dtype,
                initializer=self._initializer if initializer is None else initializer,
                regularizer=self._regularizer if regularizer is None else regularizer,
                reuse=self._reuse,
                trainable=trainable,
                collections=collections,
                caching_device=self._caching_device if caching_device is None else caching_device,
                partitioner=partitioner,
                validate_shape=validate_shape,
                use_resource=self._use_resource if use_resource is None else use_resource,
                constraint=self._constraint if constraint is None else constraint,
                synchronization=synchronization,
                aggregation=aggregation,
            )


# The scopes of a graph ----------------------------------------------------------------------------


class _VariableScopeStore(threading.local):
    """The current scope of each thread, and how often each name has been opened."""

    def __init__(self) -> None:
        self.current_scope = VariableScope(False)
        self.variable_scopes_count: dict[str, int] = {}

    def open_variable_scope(self, scope_name: str) -> None:
        counts = self.variable_scopes_count
        counts[scope_name] = counts.get(scope_name, 0) + 1

    def close_variable_subscopes(self, scope_name: str | None) -> None:
        for key in self.variable_scopes_count:
            if scope_name is None or key.startswith(scope_name + "/"):
                self.variable_scopes_count[key] = 0

    def variable_scope_count(self, scope_name: str) -> int:
        return self.variable_scopes_count.get(scope_name, 0)

    def unique_name(self, prefix: str) -> str:
        """`prefix`, with `_1`, `_2`, ... appended when the current scope has such a scope already."""
        current = self.current_scope.name
        name = f"{current}/{prefix}" if current else prefix
        if self.variable_scope_count(name) == 0:
            return prefix
        index = 1
        while self.variable_scope_count(f"{name}_{index}") > 0:
            index += 1
        return f"{prefix}_{index}"


def get_variable_scope_store() -> _VariableScopeStore:
    """The scopes of the default graph, for the current thread."""
    held = get_collection_ref(_SCOPES_KEY)
    if not held:
        held.append(_VariableScopeStore())
    return held[0]


def _get_unique_variable_scope(prefix: str) -> str:
    """`prefix`, made unique among the scopes within the current one."""
    return get_variable_scope_store().unique_name(prefix)


@export(v1=("get_variable_scope",))
def get_variable_scope() -> VariableScope:
    """The current variable scope.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default(), v1.variable_scope("a"), v1.variable_scope("b"):
    ...     print(v1.get_variable_scope().name)
    a/b
    """
    return get_variable_scope_store().current_scope


# Getting variables --------------------------------------------------------------------------------


@export(v1=("get_variable",))
def get_variable(
    name,
    shape=None,
    dtype=None,
    initializer=None,
    regularizer=None,
    trainable=None,
    collections=None,
    caching_device=None,
    partitioner=None,
    validate_shape=True,
    use_resource=None,
    custom_getter=None,
    constraint=None,
    synchronization=None,
    aggregation=None,
):
    """The variable of this name in the current variable scope: an existing one, or a new one.

    Args:
      name: its name, to which the names of the scopes around are prefixed.
      shape: its shape.
      dtype: its dtype; by default the scope's, float32.
      initializer: a function of shape and dtype, or a tensor, to start from; by default the scope's,
        or Glorot's uniform distribution for floats and zeros otherwise.
      regularizer: a function of the variable whose result goes to the regularization losses.
      trainable: whether optimizers take it into account by default.
      collections: the graph collections to add it to; by default the global variables.
      caching_device: a device on which reads are cached.
      partitioner: a function of shape and dtype that says in how many parts to cut each dimension.
      validate_shape: whether the shape of the initial value must be known, and kept.
      use_resource: whether to make a resource variable.
      custom_getter: a function that is called in place of this one, with it as first argument.
      constraint: a function that optimizers apply to the variable after an update.
      synchronization, aggregation: for variables with copies on several devices.

    Returns:
      A variable, or a `PartitionedVariable`.

    Raises:
      ValueError: if it exists and may not be shared, or does not exist and may not be created, or if
        shape or dtype are not those of the existing one.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default():
    ...     with v1.variable_scope("layer", reuse=v1.AUTO_REUSE):
    ...         w = v1.get_variable("w", [2, 3], initializer=v1.zeros_initializer())
    ...         print(w.name, v1.get_variable("w", [2, 3]) is w)
    layer/w:0 True
    """
    return get_variable_scope().get_variable(
        _get_default_variable_store(),
        name,
        shape=shape,
        dtype=dtype,
        initializer=initializer,
        regularizer=regularizer,
        trainable=trainable,
        collections=collections,
        caching_device=caching_device,
        partitioner=partitioner,
        validate_shape=validate_shape,
        use_resource=use_resource,
        custom_getter=custom_getter,
        constraint=constraint,
        synchronization=synchronization,
        aggregation=aggregation,
    )


@export(v1=("get_local_variable",))
def get_local_variable(
    name,
    shape=None,
    dtype=None,
    initializer=None,
    regularizer=None,
    trainable=False,
    collections=None,
    caching_device=None,
    partitioner=None,
    validate_shape=True,
    use_resource=None,
    custom_getter=None,
    constraint=None,
    synchronization=None,
    aggregation=None,
):
    """`tf.get_variable` of a local variable: not trainable, not saved, in the local collection.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default():
    ...     _ = v1.get_local_variable("steps", initializer=0)
    ...     print([v.name for v in v1.local_variables()])
    ['steps:0']
    """
    return get_variable(
        name,
        shape=shape,
        dtype=dtype,
        initializer=initializer,
        regularizer=regularizer,
        trainable=False,
        collections=[*(collections or []), GraphKeys.LOCAL_VARIABLES],
        caching_device=caching_device,
        partitioner=partitioner,
        validate_shape=validate_shape,
        use_resource=use_resource,
        custom_getter=custom_getter,
        constraint=constraint,
        synchronization=synchronization,
        aggregation=aggregation,
    )


def get_partitioned_variable(name, **arguments):
    """A variable in parts in the current scope: see `create_partitioned_variables`."""
    scope = get_variable_scope()
    return scope._get_partitioned_variable(_get_default_variable_store(), name, **arguments)


# Scopes -------------------------------------------------------------------------------------------


class _PureVariableScope:
    """Makes a variable scope the current one, without a name scope; may be entered again."""

    def __init__(self, name_or_scope: Any, reuse: Any, given: dict[str, Any], old_name_scope: Any):
        self._name_or_scope = name_or_scope
        self._reuse = reuse
        self._given = given
        self._name_scope = old_name_scope
        self._store = get_variable_scope_store()
        self._jumps = isinstance(name_or_scope, VariableScope)
        self._jump_target = None
        if self._jumps:
            self._jump_target = self._derived(name_or_scope, name_or_scope.name, reuse)

    def _derived(self, base: VariableScope, name: str, reuse: Any) -> VariableScope:
        """A scope like `base`, but for what was given."""
        given = self._given
        if self._jumps:
            inner_name_scope = base._name_scope
        elif self._name_scope is None:
            inner_name_scope = self._name_or_scope
        else:
            inner_name_scope = self._name_scope
        getter = given["custom_getter"]
        if getter is not None and base.custom_getter is not None:
            getter = _nested_getter(getter, base.custom_getter)
        scope = VariableScope(
            reuse or base.reuse,
            name=name,
            caching_device=base.caching_device,
            name_scope=inner_name_scope,
            use_resource=base.use_resource,
            constraint=given["constraint"],
        )
        scope._custom_getter = base.custom_getter if getter is None else getter
        for key in ("initializer", "regularizer", "partitioner", "dtype"):
            own = given[key]
            setattr(scope, "_" + key, getattr(base, key) if own is None else own)
        if given["caching_device"] is not None:
            scope.set_caching_device(given["caching_device"])
        if given["use_resource"] is not None:
            scope.set_use_resource(given["use_resource"])
        return scope

    def __enter__(self) -> VariableScope:
        store = self._store
        self._old = store.current_scope
        if self._jumps:
            self._name = self._name_or_scope.name
            store.open_variable_scope(self._name)
            self._old_counts = dict(store.variable_scopes_count)
            scope = self._jump_target
        else:
            old = self._old
            prefix = self._name_or_scope
            self._name = f"{old.name}/{prefix}" if old.name else prefix
            scope = self._derived(old, self._name, self._reuse)
            store.open_variable_scope(self._name)
        store.current_scope = self._entered = scope
        return scope

    def __exit__(self, *exc: Any) -> None:
        store = self._store
        if store.current_scope is not self._entered:
            raise RuntimeError("Improper nesting of variable_scope.")
        if self._jumps:
            store.variable_scopes_count = self._old_counts
        else:
            store.close_variable_subscopes(self._name)
        store.current_scope = self._old


def pure_variable_scope(
    name_or_scope: Any, reuse: Any = None, old_name_scope: str | None = None, **given: Any
) -> _PureVariableScope:
    """A variable scope without a name scope; `given` are defaults as for `variable_scope`."""
    given = {**_NOTHING_GIVEN, **given}
    return _PureVariableScope(name_or_scope, reuse, given, old_name_scope)


_pure_variable_scope = pure_variable_scope  # under this name other libraries know it


_NOTHING_GIVEN = dict.fromkeys(
    (
        "initializer",
        "regularizer",
        "caching_device",
        "partitioner",
        "custom_getter",
        "dtype",
        "use_resource",
        "constraint",
    )
)


def _nested_getter(inner: Callable, outer: Callable) -> Callable:
    """A custom getter that calls `inner`, for which getting a variable means to call `outer`."""

    def getter(true_getter: Callable, *args: Any, **kwargs: Any) -> Any:
        return inner(functools.partial(outer, true_getter), *args, **kwargs)

    def custom_getter(*args: Any, **kwargs: Any) -> Any:
        if "getter" in kwargs:
            return getter(kwargs.pop("getter"), *args, **kwargs)
        return getter(*args, **kwargs)

    return custom_getter


@export(v1=("variable_scope",))
class variable_scope:  # noqa: N801 (TensorFlow's name)
    """Names, and defaults, for the variables that `tf.get_variable` makes within.

    Args:
      name_or_scope: a name to append to the current one, or a `VariableScope` to go to.
      default_name: the name to use, made unique, when `name_or_scope` is None.
      values: tensors that say which graph is meant.
      initializer, regularizer, caching_device, partitioner, custom_getter, dtype, use_resource,
        constraint: defaults for `tf.get_variable` within.
      reuse: True: variables are shared. None: as in the scope around. `tf.AUTO_REUSE`: those that
        exist are shared, others created.
      auxiliary_name_scope: whether to open a name scope of the same name as well.

    Raises:
      ValueError: if `reuse` is none of these, or True without a name.
      TypeError: if arguments are of the wrong type.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> with tf.Graph().as_default():
    ...     with v1.variable_scope("layer") as scope:
    ...         w = v1.get_variable("w", [1])
    ...     with v1.variable_scope(scope, reuse=True):
    ...         print(v1.get_variable("w", [1]) is w)
    True
    """

    def __init__(
        self,
        name_or_scope,
        default_name=None,
        values=None,
        initializer=None,
        regularizer=None,
        caching_device=None,
        partitioner=None,
        custom_getter=None,
        reuse=None,
        dtype=None,
        use_resource=None,
        constraint=None,
        auxiliary_name_scope=True,
    ):
        if default_name is None and name_or_scope is None:
            raise TypeError("If default_name is None then name_or_scope is required")
        if reuse is False:
            reuse = None  # a scope cannot undo the sharing of the scope around it
        if reuse is not None and reuse is not True and reuse is not AUTO_REUSE:
            raise ValueError("The reuse parameter must be True or False or None.")
        if not isinstance(auxiliary_name_scope, bool):
            raise TypeError(
                f"The auxiliary_name_scope must be `True` or `False`, while get {auxiliary_name_scope}"
            )
        if name_or_scope is not None and not isinstance(name_or_scope, (VariableScope, str)):
            raise TypeError("VariableScope: name_or_scope must be a string or VariableScope.")
        if name_or_scope is None and reuse:
            raise ValueError("reuse=True cannot be used without a name_or_scope")
        self._name_or_scope = name_or_scope
        self._default_name = default_name
        self._reuse = reuse
        self._given = {
            "initializer": initializer,
            "regularizer": regularizer,
            "caching_device": caching_device,
            "partitioner": partitioner,
            "custom_getter": custom_getter,
            "dtype": dtype,
            "use_resource": use_resource,
            "constraint": constraint,
        }
        self._auxiliary_name_scope = auxiliary_name_scope
        self._graph = None if context.executing_eagerly() else _graph_of(values or ())
        self._pure: _PureVariableScope | None = None
        self._name_scope: str | None = None
        self._stacks: list[contextlib.ExitStack] = []

    def __enter__(self) -> VariableScope:
        with contextlib.ExitStack() as stack:
            if self._graph is not None and not get_default_graph().building_function:
                stack.enter_context(self._graph.as_default())
            if self._pure is None:
                scope = self._enter_first(stack)
            else:  # entered before: the same variable scope, a new name scope
                if self._name_scope != "":
                    stack.enter_context(name_scope(self._name_scope))
                scope = stack.enter_context(self._pure)
            self._stacks.append(stack.pop_all())
        return scope

    def __exit__(self, *exc: Any) -> None:
        self._stacks.pop().__exit__(*exc)

    def _enter_first(self, stack: contextlib.ExitStack) -> VariableScope:
        target = self._name_or_scope
        if not self._auxiliary_name_scope:
            current = _current_name_scope()
            self._name_scope = current + "/" if current else None
        elif target is None:
            self._name_scope = self._default_name
        else:
            # The root scope, the only one without a name, opens no name scope.
            own = target if isinstance(target, str) else target.name.rpartition("/")[2]
            self._name_scope = own
        old_name_scope = None
        if self._name_scope != "":
            old_name_scope = stack.enter_context(name_scope(self._name_scope))
        if isinstance(target, VariableScope):
            old_name_scope = target.original_name_scope
        name: Any = target
        if target is None:
            name = get_variable_scope_store().unique_name(self._default_name)
        pure = _PureVariableScope(name, self._reuse, self._given, old_name_scope)
        scope = stack.enter_context(pure)
        self._pure = pure
        return scope


def _current_name_scope() -> str:
    graph = current_graph()
    if graph is None:
        return context.state.scope_name.rstrip("/")
    return graph.get_name_scope()


def _graph_of(values: Any) -> Any:
    """The graph of the first symbolic tensor, or the default one.

    Raises:
      ValueError: if they are not all of one graph.
    """
    found = None
    for each in values:
        tensor = each
        if not isinstance(each, SymbolicTensor):
            element = getattr(each, "_as_graph_element", None)
            tensor = element() if element is not None else each
        if not isinstance(tensor, SymbolicTensor):
            continue
        graph = tensor.op.graph
        if found is not None and graph is not found:
            raise ValueError(f"{tensor} must be from the same graph as the other values.")
        found = graph
    return get_default_graph() if found is None else found


@export(v1=("variable_op_scope",))
@contextlib.contextmanager
def variable_op_scope(
    values,
    name_or_scope,
    default_name=None,
    initializer=None,
    regularizer=None,
    caching_device=None,
    partitioner=None,
    custom_getter=None,
    reuse=None,
    dtype=None,
    use_resource=None,
    constraint=None,
):
    """`tf.variable_scope` with `values` as first argument: deprecated in TensorFlow."""
    with variable_scope(
        name_or_scope,
        default_name=default_name,
        values=values,
        initializer=initializer,
        regularizer=regularizer,
        caching_device=caching_device,
        partitioner=partitioner,
        custom_getter=custom_getter,
        reuse=reuse,
        dtype=dtype,
        use_resource=use_resource,
        constraint=constraint,
    ) as scope:
        yield scope
