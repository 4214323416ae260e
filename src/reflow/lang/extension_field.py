"""The fields of extension types: which annotations there are, and how values are made to fit them."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.shapes import TensorShape, as_shape
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import CompositeTensor, TensorSpec, TypeSpec

NO_DEFAULT: Any = type("NoDefault", (), {"__repr__": lambda self: "NO_DEFAULT"})()
_PLAIN = (int, float, str, bytes, bool, type(None), DType, TensorShape)


class ImmutableDict(collections.abc.Mapping):
    """A dictionary that cannot be changed."""

    def __init__(self, items: Any = ()):
        self._items = dict(items)

    def __getitem__(self, key: Any) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"ImmutableDict({self._items})"


class Field(typing.NamedTuple):
    """A field: its name, its annotation and its default."""

    name: str
    annotation: Any
    default: Any


def is_composite_type(annotation: Any) -> bool:
    """Whether an annotation is a class of values that consist of tensors."""
    return isinstance(annotation, type) and issubclass(annotation, CompositeTensor)


def check_annotation(annotation: Any) -> None:
    """Raises a TypeError for an annotation that a field cannot have."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in _PLAIN or annotation is Tensor or annotation is None:
        return
    if is_composite_type(annotation):
        return
    if origin in (typing.Union, types.UnionType):
        for each in arguments:
            check_annotation(each)
    elif origin is tuple and arguments:
        for each in arguments:
            if each is not Ellipsis:
                check_annotation(each)
    elif origin is collections.abc.Mapping:
        key, value = arguments
        if key not in (str, int, bytes, bool, float):
            raise TypeError(f"Mapping had a key {_shown(key)!s} with an unsupported type")
        check_annotation(value)
    else:
        raise TypeError(f"Unsupported type annotation {_shown(annotation)}")


def _shown(annotation: Any) -> str:
    return repr(annotation.__name__) if isinstance(annotation, type) else repr(annotation)


def value_of(value: Any, annotation: Any, path: str) -> Any:
    """`value` as a value of the annotated type.

    Raises:
      TypeError: if it is none.
    """
    return _fitting(value, annotation, path, _leaf_value)


def spec_of(value: Any, annotation: Any, path: str) -> Any:
    """`value` as what a type spec holds in place of a value of the annotated type."""
    return _fitting(value, annotation, path, _leaf_spec)


def _fitting(value: Any, annotation: Any, path: str, leaf: Callable[..., Any]) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Tensor or is_composite_type(annotation):
        return leaf(value, annotation, path)
    if origin in (typing.Union, types.UnionType):
        return _one_of(value, annotation, arguments, path, leaf)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{path}: expected tuple, got {type(value).__name__!r}")
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            kinds = [arguments[0]] * len(value)
        else:
            kinds = list(arguments)
            if len(kinds) != len(value):
                raise TypeError(
                    f"{path}: expected tuple with length {len(kinds)}, got {type(value).__name__!r}"
                )
        return tuple(
            _fitting(each, kind, f"{path}[{i}]", leaf)
            for i, (each, kind) in enumerate(zip(value, kinds))
        )
    if origin is collections.abc.Mapping:
        if not isinstance(value, Mapping):
            raise TypeError(f"{path}: expected mapping, got {type(value).__name__!r}")
        key_type, value_type = arguments
        return ImmutableDict(
            (
                _fitting(key, key_type, f"{path}[<key>]", leaf),
                _fitting(each, value_type, f"{path}[{key!r}]", leaf),
            )
            for key, each in value.items()
        )
    if annotation is DType or annotation is TensorShape:
        convert: Any = as_dtype if annotation is DType else as_shape
        try:
            return convert(value)
        except (TypeError, ValueError):
            raise _misfit(path, annotation.__name__, value) from None
    kind = type(None) if annotation is None else annotation
    if not isinstance(value, kind):
        raise _misfit(path, kind.__name__, value)
    return value


def _one_of(
    value: Any, annotation: Any, kinds: tuple[Any, ...], path: str, leaf: Callable[..., Any]
) -> Any:
    """`value` as one of the first of several types that it fits without being converted, or at all."""
    if Tensor in kinds and not isinstance(value, Tensor):  # which nearly anything converts to
        kinds = (*(kind for kind in kinds if kind is not Tensor), Tensor)
    for kind in kinds:
        try:
            return _fitting(value, kind, path, leaf)
        except TypeError:
            continue
    raise TypeError(f"{path}: expected {annotation!r}, got {type(value).__name__!r}")


def _misfit(path: str, expected: str, value: Any) -> TypeError:
    return TypeError(f"{path}: expected {expected!r}, got {type(value).__name__!r}")


def _leaf_value(value: Any, annotation: Any, path: str) -> Any:
    if annotation is not Tensor:
        if isinstance(value, annotation):
            return value
        raise _misfit(path, annotation.__name__, value)
    if isinstance(value, Tensor):
        return value
    if isinstance(value, CompositeTensor) or value is None:
        raise TypeError(f"{path}: expected a Tensor, got {type(value).__name__!r}")
    try:
        return convert_to_tensor(value)
    except (TypeError, ValueError):
        raise TypeError(f"{path}: expected a Tensor, got {type(value).__name__!r}") from None


def _leaf_spec(value: Any, annotation: Any, path: str) -> Any:
    if annotation is Tensor:
        if isinstance(value, TensorSpec):
            return value
        raise TypeError(f"{path}: expected a TensorSpec, got {type(value).__name__!r}")
    if isinstance(value, TypeSpec) and issubclass(value.value_type, annotation):
        return value
    raise TypeError(
        f"{path}: expected a TypeSpec for {annotation.__name__!r}, got {type(value).__name__!r}"
    )


def map_parts(function: Callable[[Any], Any], value: Any) -> Any:
    """A value of a field with `function` of everything below its tuples and mappings."""
    if isinstance(value, tuple):
        return tuple(map_parts(function, each) for each in value)
    if isinstance(value, ImmutableDict):
        return ImmutableDict((key, map_parts(function, each)) for key, each in value.items())
    return function(value)
