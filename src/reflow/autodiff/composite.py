"""Gradients of composite tensors: those of their values, in the same rows or at the same indices."""

from __future__ import annotations

from typing import Any

from reflow.lang.type_spec import CompositeTensor


def inner(value: Any) -> Any:
    """The tensor that a gradient is of: the (innermost) values of a sparse or ragged one."""
    while isinstance(value, CompositeTensor) and hasattr(value, "with_values"):
        value = value.values  # type: ignore[attr-defined]
    return value


def outer(value: Any, gradient: Any) -> Any:
    """A gradient of `inner(value)` as one of `value`."""
    if gradient is None or not isinstance(value, CompositeTensor):
        return gradient
    if not hasattr(value, "with_values"):
        return gradient
    return value.with_values(outer(value.values, gradient))  # type: ignore[attr-defined]
