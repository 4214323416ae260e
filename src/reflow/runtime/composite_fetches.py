"""Composite tensors as fetches and feeds of a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang import nest
from reflow.lang.indexed_slices import IndexedSlices, IndexedSlicesValue
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorValue
from reflow.lang.type_spec import CompositeTensor
from reflow.runtime.fetches import register_session_run_conversion_functions


def _register(kind: type, parts: Callable[[Any], list[Any]], value: Callable[..., Any]) -> None:
    """Fetches give a `value` of the values of the parts; feeds take one, or a plain tuple."""

    def contract(values: Sequence[Any]) -> Any:
        return value(*values, *[None] * (3 - len(values)))

    def feed(obj: Any, given: Any) -> list[tuple[Any, Any]]:
        tensors = parts(obj)
        given = [each for each in given if each is not None]
        if len(given) != len(tensors):
            raise ValueError(f"{len(given)} values for the {len(tensors)} parts of {obj!r:.80}")
        return list(zip(tensors, given))

    register_session_run_conversion_functions(kind, lambda obj: (parts(obj), contract), feed, parts)


def _slices_parts(obj: IndexedSlices) -> list[Any]:
    shape = [] if obj.dense_shape is None else [obj.dense_shape]
    return [obj.values, obj.indices, *shape]


def _sparse_value(indices: Any, values: Any, dense_shape: Any) -> SparseTensorValue:
    return SparseTensorValue(indices, values, dense_shape)


def _components(obj: Any) -> list[Any]:
    return nest.flatten(obj, expand_composites=True)


def _fetch(obj: Any) -> tuple[list[Any], Callable[[Sequence[Any]], Any]]:
    return _components(obj), obj._type_spec._from_tensor_list


def _feed(obj: Any, given: Any) -> list[tuple[Any, Any]]:
    values = obj._type_spec._to_tensor_list(given)
    tensors = _components(obj)
    if len(values) != len(tensors):
        raise ValueError(f"{len(values)} values for the {len(tensors)} parts of {obj!r:.80}")
    return list(zip(tensors, values))


# Those registered later are asked first: this is for kinds without a row of their own.
register_session_run_conversion_functions(CompositeTensor, _fetch, _feed, _components)
_register(SparseTensor, lambda s: [s.indices, s.values, s.dense_shape], _sparse_value)
_register(IndexedSlices, _slices_parts, IndexedSlicesValue)
