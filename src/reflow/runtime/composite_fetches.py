"""Sparse tensors and indexed slices as fetches and feeds of a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang.indexed_slices import IndexedSlices, IndexedSlicesValue
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorValue
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


_register(SparseTensor, lambda s: [s.indices, s.values, s.dense_shape], _sparse_value)
_register(IndexedSlices, _slices_parts, IndexedSlicesValue)
