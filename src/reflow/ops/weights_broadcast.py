"""Weights of losses and metrics: a scalar, or of the rank of the values with sizes that are 1 or theirs."""

from __future__ import annotations

from typing import Any

from reflow.lang import errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import control_dependencies, name_scope
from reflow.ops import array
from reflow.ops.constant import identity, no_op
from reflow.ops.control_flow.cond import cond
from reflow.ops.debugging import Assert
from reflow.ops.filling import ones_like
from reflow.ops.math import multiply
from reflow.ops.reduce import reduce_all

_REFUSED = "weights can not be broadcast to values."


def assert_broadcastable(weights: Any, values: Any) -> Any:
    """An op that fails if `weights` are neither a scalar nor of the rank of `values` with sizes 1 or theirs.

    Args:
      weights: a tensor of weights.
      values: what is weighted.

    Raises:
      ValueError: if the static shapes say so.
    """
    with name_scope(None, "assert_broadcastable", [weights, values]) as scope:
        weights = convert_to_tensor(weights, name="weights")
        values = convert_to_tensor(values, name="values")
        given, wanted = weights.shape, values.shape
        if given.rank is not None and wanted.rank is not None:
            if given.rank == 0:
                return no_op(name="static_scalar_check_success")
            if given.rank != wanted.rank:
                raise ValueError(
                    f"{errors.user_site()}: {_REFUSED} values.rank={wanted.rank}. "
                    f"weights.rank={given.rank}. values.shape={wanted}. weights.shape={given}. Add "
                    "dimensions of size 1 to the weights."
                )
            for size, other in zip(given.as_list(), wanted.as_list()):
                if None not in (size, other) and size not in (1, other):
                    raise ValueError(
                        f"{errors.user_site()}: {_REFUSED} Mismatch of {size} and {other}: "
                        f"values.shape={wanted}. weights.shape={given}."
                    )
            if given.is_fully_defined() and wanted.is_fully_defined():
                return no_op(name="static_dims_check_success")
        sizes, wanted_sizes = array.shape(weights), array.shape(values)
        rank, wanted_rank = array.rank(weights), array.rank(values)

        def same_rank() -> Any:
            return cond(REGISTRY["Equal"](rank, wanted_rank), fits, lambda: False)

        def fits() -> Any:
            same = REGISTRY["Equal"](sizes, wanted_sizes)
            return reduce_all(REGISTRY["LogicalOr"](REGISTRY["Equal"](sizes, 1), same))

        valid = cond(REGISTRY["Equal"](rank, 0), lambda: True, same_rank)
        shown = [_REFUSED, "weights.shape=", sizes, "values.shape=", wanted_sizes]
        return Assert(valid, shown, name=scope)


def broadcast_weights(weights: Any, values: Any) -> Any:
    """`weights` in the shape of `values`, where `assert_broadcastable` accepts them.

    Raises:
      ValueError: if the static shapes say that they cannot be broadcast.
    """
    with name_scope(None, "broadcast_weights", [weights, values]) as scope:
        values = convert_to_tensor(values, name="values")
        weights = convert_to_tensor(weights, values.dtype.base_dtype, name="weights")
        given, wanted = weights.shape, values.shape
        if given.is_fully_defined() and wanted.is_fully_defined() and given == wanted:
            return weights
        check = assert_broadcastable(weights, values)
        with control_dependencies([] if check is None else [check]):
            weights = identity(weights)
        return multiply(weights, ones_like(values), name=scope)
