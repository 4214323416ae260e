"""`tf.Module`: https://www.tensorflow.org/api_docs/python/tf/Module"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reflow.lang import errors, nest
from reflow.lang.export import export
from reflow.lang.scopes import name_scope_v2
from reflow.lang.trackable import AutoTrackable
from reflow.ops.variables.variable import Variable

_IDENTIFIER = re.compile(r"^[a-zA-Z_]([a-zA-Z0-9_])*$")


@export("Module")
class Module(AutoTrackable):
    """A named container of variables, other modules, and functions on them.

    Args:
      name: a Python identifier; by default the name of the class in snake case.

    Raises:
      ValueError: if `name` is no identifier.

    >>> import reflow as tf
    >>> class Dense(tf.Module):
    ...     def __init__(self, inputs, outputs, name=None):
    ...         super().__init__(name=name)
    ...         self.w = tf.Variable(tf.ones([inputs, outputs]), name="w")
    ...     def __call__(self, x):
    ...         return x @ self.w
    >>> dense = Dense(2, 3)
    >>> dense.name, [v.name for v in dense.trainable_variables], dense(tf.ones([1, 2])).numpy()
    ('dense', ['w:0'], array([[2., 2., 2.]], dtype=float32))
    """

    # Attributes that are no part of what the module consists of.
    _TF_MODULE_IGNORED_PROPERTIES = frozenset(
        (
            "_self_unconditional_checkpoint_dependencies",
            "_self_unconditional_dependency_names",
            "_self_unconditional_deferred_dependencies",
        )
    )

    def __init__(self, name: str | None = None):
        if name is None:
            name = camel_to_snake(type(self).__name__)
        elif not _IDENTIFIER.match(name):
            raise ValueError(
                f"{errors.user_site()}: {name!r} is not a valid module name. Module "
                "names must be valid Python identifiers (e.g. a valid class name)."
            )
        self._name = name
        with name_scope_v2(name) as scope:
            self._scope_name = scope

    @property
    def name(self) -> str:
        """The name given to the constructor."""
        return self._name

    @property
    def name_scope(self) -> Any:
        """A name scope in which the module's nodes and variables are named."""
        return name_scope_v2(self._scope_name)

    @property
    def variables(self) -> Sequence[Any]:
        """The variables of this module and of those in it, sorted by attribute, breadth first."""
        return tuple(self._flatten(predicate=_is_variable, expand_composites=True))

    @property
    def trainable_variables(self) -> Sequence[Any]:
        return tuple(self._flatten(predicate=_is_trainable, expand_composites=True))

    @property
    def non_trainable_variables(self) -> Sequence[Any]:
        return tuple(
            self._flatten(
                predicate=lambda each: _is_variable(each) and not each.trainable,
                expand_composites=True,
            )
        )

    @property
    def submodules(self) -> Sequence[Module]:
        """The modules in this one, and in those.

        >>> import reflow as tf
        >>> outer, inner = tf.Module(), tf.Module()
        >>> outer.layers = [inner]
        >>> outer.submodules == (inner,)
        True
        """
        return tuple(self._flatten(predicate=lambda each: isinstance(each, Module)))

    def _flatten(
        self,
        recursive: bool = True,
        predicate: Callable[[Any], bool] | None = None,
        attribute_traversal_key: Callable[[str], Any] | None = None,
        with_path: bool = False,
        expand_composites: bool = False,
    ) -> Iterator[Any]:
        """What the attributes hold, in a fixed order, each object once.

        Args:
          recursive: whether to go into modules among it.
          predicate: what to give; everything by default.
          attribute_traversal_key: by what to sort the attributes; by default their names.
          with_path: whether to give pairs of the path (attributes and indices) and the object.
          expand_composites: whether to look at the tensors that composite tensors consist of.
        """
        return _flatten_module(
            self,
            recursive,
            predicate or (lambda each: True),
            attribute_traversal_key,
            with_path,
            expand_composites,
            (),
            {id(self)},
        )

    @classmethod
    def with_name_scope(cls, method: Callable) -> Callable:
        """Decorates a method: it runs within the module's name scope.

        >>> import reflow as tf
        >>> class Scoped(tf.Module):
        ...     @tf.Module.with_name_scope
        ...     def make(self):
        ...         return tf.Variable(1.0, name="w")
        >>> Scoped(name="here").make().name
        'here/w:0'
        """

        @functools.wraps(method)
        def scoped(self: Any, *args: Any, **kwargs: Any) -> Any:
            with self.name_scope:
                return method(self, *args, **kwargs)

        return scoped


def _is_variable(value: Any) -> bool:
    return isinstance(value, Variable)


def _is_trainable(value: Any) -> bool:
    return _is_variable(value) and value.trainable


def camel_to_snake(name: str) -> str:
    """`CamelCase` as `camel_case`, the way TensorFlow names modules."""
    return re.sub(r"((?<=[a-z0-9])[A-Z]|(?!^)[A-Z](?=[a-z]))", r"_\1", name).lower()


def _flatten_module(
    module: Any,
    recursive: bool,
    predicate: Callable[[Any], bool],
    key: Callable[[str], Any] | None,
    with_path: bool,
    expand_composites: bool,
    path: tuple[Any, ...],
    seen: set[int],
    around: tuple[int, ...] = (),
) -> Iterator[Any]:
    """With paths an object is given for each path to it, and only circles end; else once."""
    recursive = recursive and id(module) not in around
    submodules: list[tuple[tuple[Any, ...], Any]] = []
    for name in sorted(vars(module), key=key):
        if name in module._TF_MODULE_IGNORED_PROPERTIES:
            continue
        attribute = vars(module)[name]
        try:
            leaves = list(_leaves(attribute, expand_composites))
        except Exception as error:
            raise ValueError(f"Error processing property {name!r} of {attribute!r}") from error
        for leaf_path, leaf in leaves:
            if not with_path:
                if id(leaf) in seen:
                    continue
                seen.add(id(leaf))
            leaf_path = (*path, name, *leaf_path)
            if predicate(leaf):
                yield (leaf_path, leaf) if with_path else leaf
            if recursive and isinstance(leaf, Module):
                submodules.append((leaf_path, leaf))
    around = (*around, id(module))
    for inner_path, inner in submodules:
        yield from _flatten_module(
            inner, recursive, predicate, key, with_path, expand_composites, inner_path, seen, around
        )


def _leaves(structure: Any, expand_composites: bool) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The leaves of an attribute with their paths; composite tensors, if asked, by component."""
    for path, leaf in nest.flatten_with_tuple_paths(structure):
        spec = getattr(leaf, "_type_spec", None) if expand_composites else None
        if spec is None or _is_variable(leaf):
            yield path, leaf
        else:
            for inner, component in _leaves(spec._to_components(leaf), expand_composites):
                yield (*path, spec.value_type.__name__, *inner), component
