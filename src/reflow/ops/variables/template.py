"""Functions that share their variables: https://www.tensorflow.org/api_docs/python/tf/compat/v1/make_template"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from reflow.lang import context, errors
from reflow.lang.context import get_default_graph
from reflow.lang.export import export
from reflow.lang.scopes import GraphKeys, get_collection_ref
from reflow.ops.variables.variable_scope import (
    EagerVariableStore,
    VariableScope,
    get_variable_scope_store,
    pure_variable_scope,
    variable_scope,
)


@export(v1=("make_template",))
def make_template(
    name_: str,
    func_: Callable,
    create_scope_now_: bool = False,
    unique_name_: str | None = None,
    custom_getter_: Callable | None = None,
    **kwargs: Any,
) -> Any:
    """A function that makes its variables, by `tf.get_variable`, in the first call only.

    Args:
      name_: the name of its variable scope, made unique.
      func_: the function.
      create_scope_now_: whether to open the scope now, rather than in the first call.
      unique_name_: the name of the scope exactly, in place of `name_`.
      custom_getter_: a getter for the variables of the scope.
      **kwargs: arguments that are passed to `func_` in every call.

    Returns:
      A callable `Template`.

    Raises:
      ValueError: if `name_` is None; when called, if a later call makes trainable variables.

    >>> import reflow as tf
    >>> v1 = tf.compat.v1
    >>> def scale(x):
    ...     return x * v1.get_variable("w", [], initializer=v1.ones_initializer())
    >>> with tf.Graph().as_default():
    ...     shared = v1.make_template("shared", scale)
    ...     a, b = shared(tf.constant(1.0)), shared(tf.constant(2.0))
    ...     print([v.name for v in shared.variables])
    ['shared/w:0']
    """
    if kwargs:
        func_ = functools.partial(func_, **kwargs)
    if context.executing_eagerly():
        if unique_name_ is not None:
            raise ValueError("unique_name_ cannot be used when eager execution is enabled.")
        return EagerTemplate(name_, func_, create_scope_now_, custom_getter_)
    return Template(name_, func_, create_scope_now_, unique_name_, custom_getter_)


def _skip_root(scope_name: str) -> str:
    return scope_name + "/" if scope_name and scope_name[-1] != "/" else scope_name


class _SharingFunction:
    """A function, and the scope of the variables that its first call makes."""

    def __init__(self, name: str, func: Callable, custom_getter: Callable | None):
        if name is None:
            raise ValueError("name cannot be None.")
        self._func = func
        self._name = name
        self._custom_getter = custom_getter
        self._scope: VariableScope | None = None
        self._called = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def func(self) -> Callable:
        return self._func

    @property
    def variable_scope(self) -> VariableScope | None:
        return self._scope

    def _note_call(self, made: list[Any]) -> None:
        """Says that a call is over, which made these trainable variables.

        Raises:
          ValueError: if there are any, and it is not the first call.
        """
        if self._called and made:
            raise ValueError(
                f"{errors.user_site()}: Trainable variable created when calling a "
                "template after the first time, perhaps you used tf.Variable when you meant "
                f"tf.get_variable: {made}"
            )
        self._called = True


class Template(_SharingFunction):
    """What `tf.make_template` returns: call it like the function.

    Attributes:
      name: the name that was given.
      variable_scope: the scope of its variables; None before the first call.
    """

    def __init__(
        self,
        name: str,
        func: Callable,
        create_scope_now: bool = False,
        unique_name: str | None = None,
        custom_getter: Callable | None = None,
    ):
        super().__init__(name, func, custom_getter)
        self._unique_name = unique_name
        if create_scope_now:
            self._open_now()

    def _open_now(self) -> None:
        with pure_variable_scope(
            self._unique_name or get_variable_scope_store().unique_name(self._name),
            custom_getter=self._custom_getter,
        ) as scope:
            self._scope = scope

    def _call_func(self, args: Any, kwargs: Any) -> Any:
        trainable = get_collection_ref(GraphKeys.TRAINABLE_VARIABLES)
        before = len(trainable)
        result = self._func(*args, **kwargs)
        self._note_call(trainable[before:])
        return result

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._scope is not None:
            with variable_scope(self._scope, reuse=self._called or None):
                return self._call_func(args, kwargs)
        with variable_scope(
            self._unique_name, self._name, custom_getter=self._custom_getter
        ) as scope:
            self._scope = scope
            return self._call_func(args, kwargs)

    @property
    def variable_scope_name(self) -> str | None:
        """The name of its scope, without a slash; None before the first call."""
        if self._scope is None:
            return None
        name = self._scope.name
        return name[:-1] if name and name[-1] == "/" else name

    def _of(self, collection: str) -> list[Any]:
        if self._scope is None:
            return []
        return get_default_graph().get_collection(collection, _skip_root(self._scope.name))

    @property
    def global_variables(self) -> list[Any]:
        """Its global variables."""
        return self._of(GraphKeys.GLOBAL_VARIABLES)

    @property
    def local_variables(self) -> list[Any]:
        """Its local variables."""
        return self._of(GraphKeys.LOCAL_VARIABLES)

    @property
    def variables(self) -> list[Any]:
        """Its global and local variables."""
        return self.global_variables + self.local_variables

    @property
    def trainable_variables(self) -> list[Any]:
        """Its trainable variables."""
        return self._of(GraphKeys.TRAINABLE_VARIABLES)

    @property
    def non_trainable_variables(self) -> list[Any]:
        """Its global variables that are not trainable."""
        trainable = {id(v) for v in self.trainable_variables}
        return [v for v in self.global_variables if id(v) not in trainable]

    weights = variables
    trainable_weights = trainable_variables
    non_trainable_weights = non_trainable_variables


class EagerTemplate(_SharingFunction):
    """A template in eager code: keeps its variables itself.

    Attributes:
      name: the name that was given.
      variable_scope: the scope of its variables.
    """

    def __init__(
        self,
        name: str,
        func: Callable,
        create_scope_now: bool = False,
        custom_getter: Callable | None = None,
    ):
        super().__init__(name, func, custom_getter)
        self._store = EagerVariableStore()
        if create_scope_now:
            self._make_scope()

    def _make_scope(self) -> None:
        unique = get_variable_scope_store().unique_name(self._name)
        with pure_variable_scope(unique, custom_getter=self._custom_getter) as scope:
            self._scope = scope

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._scope is None:
            self._make_scope()
        with self._store.as_default(), variable_scope(self._scope):
            before = {id(v) for v in self._store.trainable_variables()}
            result = self._func(*args, **kwargs)
            made = [v for v in self._store.trainable_variables() if id(v) not in before]
        self._note_call(made)
        return result

    @property
    def variable_scope_name(self) -> str | None:
        """The name of its scope; None before the first call."""
        return None if self._scope is None else self._scope.name

    @property
    def variables(self) -> list[Any]:
        """All of its variables."""
        return self._store.variables()

    @property
    def trainable_variables(self) -> list[Any]:
        """Those that are trainable."""
        return self._store.trainable_variables()

    @property
    def non_trainable_variables(self) -> list[Any]:
        """Those that are not."""
        return self._store.non_trainable_variables()

    @property
    def global_variables(self) -> list[Any]:
        """All of its variables."""
        return self._store.variables()

    @property
    def local_variables(self) -> list[Any]:
        """None: eager variables are in no collections."""
        return []

    weights = variables
    trainable_weights = trainable_variables
    non_trainable_weights = non_trainable_variables
