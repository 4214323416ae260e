"""Lists, dictionaries and tuples as children of trackable objects.

A wrapper shares the contents of what it wraps: `layers = []; self.layers = layers` sees what is later
appended to `layers`. What trackable elements are called in a checkpoint follows from their place.
"""

from __future__ import annotations

import collections
import collections.abc
import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

from reflow.lang.export import export
from reflow.lang.trackable import Trackable


class NoDependency:
    """Marks a value that shall be assigned to an attribute as it is, without being tracked."""

    __slots__ = ("value",)

    def __init__(self, value: Any):
        self.value = value


@export("__internal__.tracking.wrap")
def wrap_or_unwrap(value: Any) -> Any:
    """A list, dictionary or tuple as a trackable structure; anything else as it is."""
    if isinstance(value, NoDependency):
        return value.value
    if isinstance(value, Trackable):
        return value
    kind = type(value)
    if kind is list:
        return ListWrapper(value)
    if kind in (dict, collections.OrderedDict, collections.defaultdict):
        return _DictWrapper(value)
    if isinstance(value, tuple) and _has_trackables(value):
        return _tuple_wrapper(value)
    return value


def _has_trackables(value: Any) -> bool:
    return any(isinstance(wrap_or_unwrap(each), Trackable) for each in value)


class TrackableDataStructure(Trackable):
    """A structure whose trackable elements are its children."""

    @property
    def _values(self) -> Any:
        """The elements."""
        raise NotImplementedError(type(self).__name__)

    def _named_elements(self) -> Iterator[tuple[str, Any]]:
        raise NotImplementedError(type(self).__name__)

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        return {name: e for name, e in self._named_elements() if isinstance(e, Trackable)}

    def _lookup_dependency(self, name: str, cached_dependencies: Any = None) -> Any:
        if cached_dependencies is not None:
            return cached_dependencies.get(name)
        return self._trackable_children().get(name)

    def _added(self, name: str, value: Any) -> None:
        if isinstance(value, Trackable):
            self._handle_deferred_dependencies(name, value)

    __hash__: Any = None


class ListWrapper(TrackableDataStructure, list):
    """A list as a child: its elements are called by their index.

    Args:
      wrapped_list: the list that it shares its contents with.

    >>> from reflow.lang.tracked_structures import ListWrapper
    >>> items = [1, 2]
    >>> wrapped = ListWrapper(items)
    >>> items.append(3)
    >>> wrapped
    ListWrapper([1, 2, 3])
    """

    def __init__(self, wrapped_list: Any):
        self._storage: list = wrapped_list if isinstance(wrapped_list, list) else list(wrapped_list)
        self._non_append_mutation = False
        for i, each in enumerate(self._storage):
            self._storage[i] = wrap_or_unwrap(each)

    @property
    def _values(self) -> list:
        return self._storage

    def _named_elements(self) -> Iterator[tuple[str, Any]]:
        for i, each in enumerate(self._storage):
            wrapped = wrap_or_unwrap(each)
            if wrapped is not each:  # appended to the list itself rather than to this
                self._storage[i] = wrapped
            yield str(i), wrapped

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> dict[str, Any]:
        children = super()._trackable_children(save_type, **kwargs)
        if self._non_append_mutation and children:
            raise ValueError(
                f"Unable to save the object {self} (a list wrapper constructed to track trackable "
                "TensorFlow objects). A list element was replaced, deleted or moved (sort). In order "
                "to support restoration on object creation, tracking is exclusively for append-only "
                "data structures.\n\nIf you don't need this list checkpointed, wrap it in a "
                "non-trackable object; it will be subsequently ignored."
            )
        return children

    # Reading -------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        return self._storage[key]

    def __len__(self) -> int:
        return len(self._storage)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._storage)

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self._storage)

    def __contains__(self, value: Any) -> bool:
        return value in self._storage

    def index(self, *args: Any) -> int:
        return self._storage.index(*args)

    def count(self, value: Any) -> int:
        return self._storage.count(value)

    def __eq__(self, other: Any) -> bool:
        return self._storage == _plain(other)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        return self._storage < _plain(other)

    def __le__(self, other: Any) -> bool:
        return self._storage <= _plain(other)

    def __gt__(self, other: Any) -> bool:
        return self._storage > _plain(other)

    def __ge__(self, other: Any) -> bool:
        return self._storage >= _plain(other)

    def __add__(self, other: Any) -> list:
        return self._storage + _plain(other)

    def __radd__(self, other: Any) -> list:
        return _plain(other) + self._storage

    def __mul__(self, count: Any) -> list:
        return self._storage * count

    __rmul__ = __mul__

    def copy(self) -> Any:
        return copy.copy(self)

    def __copy__(self) -> Any:
        return type(self)(copy.copy(self._storage))

    def __deepcopy__(self, memo: Any) -> Any:
        copied = memo[id(self)] = type(self)([])
        copied._storage.extend(copy.deepcopy(self._storage, memo))
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self._storage,)

    def __repr__(self) -> str:
        return f"ListWrapper({self._storage!r})"

    # Writing -------------------------------------------------------------------------------------

    def append(self, value: Any) -> None:
        value = wrap_or_unwrap(value)
        self._storage.append(value)
        self._added(str(len(self._storage) - 1), value)

    def extend(self, values: Any) -> None:
        for each in list(values):
            self.append(each)

    def __iadd__(self, values: Any) -> Any:
        self.extend(values)
        return self

    def insert(self, index: Any, value: Any) -> None:
        self._non_append_mutation = True
        self._storage.insert(index, wrap_or_unwrap(value))

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, slice):
            value = [wrap_or_unwrap(each) for each in value]
            self._non_append_mutation |= bool(self._storage[key])
        else:
            value = wrap_or_unwrap(value)
            held = self._storage[key]
            self._non_append_mutation |= isinstance(held, Trackable) or isinstance(value, Trackable)
        self._storage[key] = value

    def __delitem__(self, key: Any) -> None:
        self._non_append_mutation = True
        del self._storage[key]

    def pop(self, index: Any = -1) -> Any:
        self._non_append_mutation = True
        return self._storage.pop(index)

    def remove(self, value: Any) -> None:
        self._non_append_mutation = True
        self._storage.remove(value)

    def clear(self) -> None:
        self._non_append_mutation = True
        self._storage.clear()

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        self._non_append_mutation = True
        self._storage.sort(key=key, reverse=reverse)

    def reverse(self) -> None:
        self._non_append_mutation = True
        self._storage.reverse()

    def __imul__(self, count: Any) -> Any:
        self._non_append_mutation |= count <= 0
        self._storage *= count
        return self


def _plain(value: Any) -> Any:
    return value._storage if isinstance(value, (ListWrapper, _DictWrapper)) else value


class _DictWrapper(TrackableDataStructure, collections.abc.MutableMapping):
    """A dictionary as a child: elements are called by their key, which then must be a string.

    For `isinstance` it is of the class of the dictionary, as TensorFlow's is.

    Args:
      wrapped_dict: the dictionary that it shares its contents with, or pairs for a new one.
    """

    def __init__(self, wrapped_dict: Any = ()):
        self._storage: Any = wrapped_dict if isinstance(wrapped_dict, dict) else dict(wrapped_dict)
        for key, each in self._storage.items():
            self._storage[key] = wrap_or_unwrap(each)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._storage)

    @property
    def __wrapped__(self) -> Any:
        return self._storage

    def __getattr__(self, name: str) -> Any:
        if name == "_storage":  # not there yet, while it is unpickled
            raise AttributeError(name)
        return getattr(self._storage, name)  # what special dictionaries have beside

    @property
    def _values(self) -> list:
        return list(self._storage.values())

    def _named_elements(self) -> Iterator[tuple[str, Any]]:
        for key, each in list(self._storage.items()):
            wrapped = wrap_or_unwrap(each)
            if wrapped is not each:
                self._storage[key] = wrapped
            if isinstance(wrapped, Trackable) and not isinstance(key, str):
                raise ValueError(
                    f"Unable to save the object {self} (a dictionary wrapper constructed "
                    "automatically on attribute assignment). The wrapped dictionary contains a "
                    f"non-string key ({key!r}) which maps to a trackable object or mutable data "
                    "structure.\n\nIf you don't need this dictionary checkpointed, wrap it in a "
                    "non-trackable object; it will be subsequently ignored."
                )
            yield key, wrapped

    # Reading -------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        return self._storage[key]

    def get(self, key: Any, default: Any = None) -> Any:
        return self._storage.get(key, default)

    def __len__(self) -> int:
        return len(self._storage)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._storage)

    def __reversed__(self) -> Iterator[Any]:
        return reversed(self._storage)

    def __contains__(self, key: Any) -> bool:
        return key in self._storage

    def keys(self) -> Any:
        return self._storage.keys()

    def values(self) -> Any:
        return self._storage.values()

    def items(self) -> Any:
        return self._storage.items()

    def __eq__(self, other: Any) -> bool:
        return self._storage == _plain(other)

    def __ne__(self, other: Any) -> bool:
        return not self == other

    def __or__(self, other: Any) -> Any:
        return self._storage | _plain(other)

    def __ror__(self, other: Any) -> Any:
        return _plain(other) | self._storage

    def copy(self) -> Any:
        return copy.copy(self)

    def __copy__(self) -> Any:
        return type(self)(copy.copy(self._storage))

    def __deepcopy__(self, memo: Any) -> Any:
        copied = memo[id(self)] = type(self)(type(self._storage)())
        copied._storage.update(copy.deepcopy(self._storage, memo))
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return wrap_or_unwrap, (self._storage,)

    def __repr__(self) -> str:
        return f"DictWrapper({self._storage!r})"

    # Writing -------------------------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        value = wrap_or_unwrap(value)
        self._storage[key] = value
        if isinstance(key, str):
            self._added(key, value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self._storage:
            self[key] = default
        return self._storage[key]

    def __delitem__(self, key: Any) -> None:
        del self._storage[key]

    def pop(self, *args: Any) -> Any:
        return self._storage.pop(*args)

    def popitem(self, *args: Any, **kwargs: Any) -> Any:
        return self._storage.popitem(*args, **kwargs)

    def clear(self) -> None:
        self._storage.clear()


class _TupleWrapper(TrackableDataStructure):
    """A tuple as a child: its elements are called by their index, or by the field's name."""

    @property
    def _values(self) -> Any:
        return self

    def _named_elements(self) -> Iterator[tuple[str, Any]]:
        names = getattr(type(self), "_fields", None) or [str(i) for i in range(len(self))]  # type: ignore[arg-type]
        yield from zip(names, self)  # type: ignore[call-overload]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return wrap_or_unwrap, (self._plain(),)

    def _plain(self) -> Any:
        """The tuple itself."""
        kind = type(self).__bases__[1]
        elements: Any = self
        return tuple.__new__(kind, elements)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        copied = memo[id(self)] = _tuple_wrapper(copy.deepcopy(self._plain(), memo))
        return copied


@cache
def _tuple_wrapper_like(kind: Any) -> Any:
    return type("_TupleWrapper", (_TupleWrapper, kind), {"__hash__": kind.__hash__})


def _tuple_wrapper(value: Any) -> Any:
    plain: Any = type(value)
    kind: Any = _tuple_wrapper_like(plain)
    return tuple.__new__(kind, [wrap_or_unwrap(each) for each in value])
