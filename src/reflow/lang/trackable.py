"""Objects that know what they consist of: what checkpoints and saved models walk through.

https://www.tensorflow.org/guide/checkpoint

A trackable object has children, by name: a model's layers, a layer's variables. `AutoTrackable` takes
what is assigned to its attributes as children; lists, dictionaries and tuples among these are wrapped
in structures that are trackable themselves (`lang/tracked_structures.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from reflow.lang import errors
from reflow.lang.export import export
from reflow.lang.tensor import Tensor

F = TypeVar("F", bound=Callable)


class TrackableReference:
    """A child and its name; no tuple, as libraries look into tuples for objects of theirs."""

    __slots__ = ("name", "ref")

    def __init__(self, name: str, ref: Any):
        self.name = name
        self.ref = ref

    def __iter__(self) -> Iterator[Any]:
        yield self.name
        yield self.ref


@export("__internal__.tracking.Trackable")
class Trackable:
    """An object with named children, which may hold state of its own.

    Subclasses that hold state say which tensors a checkpoint stores (`_serialize_to_tensors`) and how
    to take them over again (`_restore_from_tensors`).
    """

    # Set on first use, so that subclasses need not call `__init__`.
    _self_unconditional_checkpoint_dependencies: list[TrackableReference]
    _self_unconditional_dependency_names: dict[str, Any]
    _self_unconditional_deferred_dependencies: dict[str, list[Any]]
    _self_update_uid: int

    def _maybe_initialize_trackable(self) -> None:
        if "_self_unconditional_checkpoint_dependencies" in self.__dict__:
            return
        # Not through __setattr__: these are no children.
        self.__dict__["_self_unconditional_checkpoint_dependencies"] = []
        self.__dict__["_self_unconditional_dependency_names"] = {}
        self.__dict__["_self_unconditional_deferred_dependencies"] = {}
        self.__dict__["_self_update_uid"] = -1

    @property
    def _object_identifier(self) -> str:
        """The name of this kind of object in a saved model."""
        return "_generic_user_object"

    @property
    def _tracking_metadata(self) -> str:
        """What a saved model stores of the object beside its children."""
        return ""

    @property
    def _checkpoint_dependencies(self) -> list[TrackableReference]:
        self._maybe_initialize_trackable()
        return self._self_unconditional_checkpoint_dependencies

    @property
    def _deferred_dependencies(self) -> dict[str, list[Any]]:
        """What a checkpoint holds for children that are not there yet, by name."""
        self._maybe_initialize_trackable()
        return self._self_unconditional_deferred_dependencies

    def _lookup_dependency(self, name: str, cached_dependencies: Any = None) -> Any:
        """The child called `name`, or None."""
        if cached_dependencies is not None:
            return cached_dependencies.get(name)
        self._maybe_initialize_trackable()
        return self._self_unconditional_dependency_names.get(name)

    def _track_trackable(self, trackable: Any, name: str, overwrite: bool = False) -> Any:
        """Makes `trackable` the child called `name`; returns it.

        Raises:
          TypeError: if it is not trackable.
          ValueError: if another child has that name, and `overwrite` is false.
        """
        self._maybe_initialize_trackable()
        if not isinstance(trackable, Trackable):
            raise TypeError(
                f"{errors.user_site()}: Trackable._track_trackable() can only be "
                f"used to track objects of type Trackable. Got type {type(trackable)}."
            )
        held = self._self_unconditional_dependency_names.get(name)
        reference = TrackableReference(name, trackable)
        if held is not None and held is not trackable:
            if not overwrite:
                raise ValueError(
                    f"{errors.user_site()}: Called Trackable._track_trackable() with "
                    f"name='{name}', but a Trackable with this name is already declared as a "
                    "dependency. Names must be unique (or overwrite=True)."
                )
            for i, (each, _) in enumerate(self._self_unconditional_checkpoint_dependencies):
                if each == name:
                    self._self_unconditional_checkpoint_dependencies[i] = reference
        elif held is None:
            self._self_unconditional_checkpoint_dependencies.append(reference)
        self._self_unconditional_dependency_names[name] = trackable
        self._handle_deferred_dependencies(name, trackable)
        return trackable

    def _handle_deferred_dependencies(self, name: str, trackable: Any) -> None:
        """Gives a new child what a checkpoint that was read earlier holds for it."""
        self._maybe_initialize_trackable()
        for position in self._self_unconditional_deferred_dependencies.pop(name, ()):
            position.restore(trackable)

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        """The children by name, in the order in which they came.

        Args:
          save_type: "checkpoint" or "savedmodel".
        """
        self._maybe_initialize_trackable()
        return {each.name: each.ref for each in self._self_unconditional_checkpoint_dependencies}

    def _serialize_to_tensors(self) -> dict[str, Any]:
        """The tensors that a checkpoint stores, by the name of the part.

        Raises:
          NotImplementedError: if the object holds no state of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} holds no state of its own")

    def _restore_from_tensors(self, restored_tensors: dict[str, Any]) -> Any:
        """Takes over the tensors that `_serialize_to_tensors` gave.

        Raises:
          NotImplementedError: if the object holds no state of its own.
        """
        raise NotImplementedError(f"{type(self).__name__} holds no state of its own")


@export("__internal__.tracking.no_automatic_dependency_tracking")
def no_automatic_dependency_tracking(method: F) -> F:
    """Decorates a method: what it assigns to attributes is neither tracked nor wrapped."""

    @functools.wraps(method)
    def untracked(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = getattr(self, "_self_setattr_tracking", True)
        self._self_setattr_tracking = False
        try:
            return method(self, *args, **kwargs)
        finally:
            self._self_setattr_tracking = before

    return untracked  # type: ignore[return-value]


@export("__internal__.tracking.AutoTrackable")
class AutoTrackable(Trackable):
    """An object whose children are what is assigned to its attributes.

    >>> import reflow as tf
    >>> from reflow.lang.trackable import AutoTrackable
    >>> root = AutoTrackable()
    >>> root.v = tf.Variable(1.0)
    >>> list(root._trackable_children())
    ['v']
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__ and self.__dict__[name] is value:
            return
        if getattr(self, "_self_setattr_tracking", True):
            value = sticky_attribute_assignment(trackable=self, value=value, name=name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._delete_tracking(name)
        super().__delattr__(name)

    def _delete_tracking(self, name: str) -> None:
        self._maybe_initialize_trackable()
        if self._self_unconditional_dependency_names.pop(name, None) is not None:
            self._self_unconditional_checkpoint_dependencies[:] = [
                each
                for each in self._self_unconditional_checkpoint_dependencies
                if each.name != name
            ]


def sticky_attribute_assignment(trackable: Trackable, name: str, value: Any) -> Any:
    """Makes `value` the child `name` of `trackable` if it can be one; what the attribute shall hold."""
    from reflow.lang.tracked_structures import NoDependency, wrap_or_unwrap

    if isinstance(value, NoDependency):
        return value.value
    if isinstance(value, (int, float, str, Tensor)) or value is None:
        return value
    value = wrap_or_unwrap(value)
    if isinstance(value, Trackable):
        trackable._track_trackable(value, name=name, overwrite=True)
    return value
