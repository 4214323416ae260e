"""Slots: the variables that an optimizer keeps beside each variable that it trains."""

from __future__ import annotations

from typing import Any

from reflow.lang.context import executing_eagerly
from reflow.lang.scopes import colocate_with
from reflow.ops.filling import zeros
from reflow.ops.variables import initializers, variable_scope


def create_slot(
    primary: Any,
    val: Any,
    name: str,
    colocate_with_primary: bool = True,
    *,
    validate_shape: bool = True,
    shape: Any = None,
    dtype: Any = None,
) -> Any:
    """A variable named after `primary` and the slot, `w/Momentum`, that starts as `val`.

    Args:
      primary: the variable that the slot belongs to.
      val: a tensor, or an initializer when `shape` and `dtype` are given.
      name: the name of the slot.
      colocate_with_primary: whether it lives on the device of `primary`.
    """
    if executing_eagerly():
        base = primary._shared_name
    else:
        base = primary.op.name
    with variable_scope.variable_scope(None, base + "/" + name):
        if colocate_with_primary:
            with colocate_with(primary):
                return _slot_variable(primary, val, validate_shape, shape, dtype)
        return _slot_variable(primary, val, validate_shape, shape, dtype)


def _slot_variable(primary: Any, val: Any, validate_shape: bool, shape: Any, dtype: Any) -> Any:
    scope = variable_scope.get_variable_scope()
    outer = scope.partitioner
    scope.set_partitioner(None)  # the primary is a part already, if its scope has a partitioner
    try:
        return variable_scope.get_variable(
            "",
            initializer=val,
            trainable=False,
            use_resource=primary._is_resource,
            shape=shape,
            dtype=dtype,
            validate_shape=validate_shape,
        )
    finally:
        scope.set_partitioner(outer)


def create_zeros_slot(
    primary: Any, name: str, dtype: Any = None, colocate_with_primary: bool = True
) -> Any:
    """A slot of zeros, with the shape of `primary`."""
    dtype = primary.dtype.base_dtype if dtype is None else dtype
    shape = primary.get_shape()
    if shape.is_fully_defined():
        return create_slot_with_initializer(
            primary, initializers.Zeros(), shape, dtype, name, colocate_with_primary
        )
    from reflow.ops.array import shape as shape_of

    value = zeros(shape_of(primary.initialized_value()), dtype=dtype)
    return create_slot(primary, value, name, colocate_with_primary, validate_shape=False)


def create_slot_with_initializer(
    primary: Any,
    initializer: Any,
    shape: Any,
    dtype: Any,
    name: str,
    colocate_with_primary: bool = True,
) -> Any:
    """A slot of a given shape and dtype that starts as `initializer` says."""
    return create_slot(
        primary,
        initializer,
        name,
        colocate_with_primary,
        validate_shape=shape.is_fully_defined(),
        shape=shape,
        dtype=dtype,
    )
