"""Embedding look-ups of ragged ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang import errors
from reflow.lang.api_dispatch import handles
from reflow.ops.ragged.elementwise import TYPES
from reflow.ops.ragged.ragged_tensor import convert_to_tensor_or_ragged, is_ragged


@handles("nn.embedding_lookup", types=TYPES, with_function=True)
def embedding_lookup(function: Callable, params: Any, ids: Any, *args: Any, **kwargs: Any) -> Any:
    """The rows of a table, in the rows of the ids."""
    if params is None:
        raise ValueError("params must be specified.")
    if isinstance(params, (list, tuple)) and not params:
        raise ValueError("params should not be empty.")
    if not is_ragged(ids):
        return NotImplemented
    ids = convert_to_tensor_or_ragged(ids)
    if not ids.dtype.is_integer:
        raise ValueError(
            f"{errors.user_site()}: The values contained by the inputs have type "
            f"{ids.dtype}; expected integers"
        )
    return ids.with_flat_values(function(params, ids.flat_values, *args, **kwargs))


@handles(
    "nn.embedding_lookup_sparse",
    "nn.safe_embedding_lookup_sparse",
    types=TYPES,
    with_function=True,
)
def embedding_lookup_sparse(
    function: Callable, params: Any, sp_ids: Any, sp_weights: Any = None, *args: Any, **kwargs: Any
) -> Any:
    """The rows of a table combined, one result for each row of ids."""
    if sp_weights is not None and is_ragged(sp_ids) != is_ragged(sp_weights):
        raise TypeError(
            f"{errors.user_site()}: sp_ids and sp_weights must both be ragged, got "
            f"{type(sp_ids).__name__} and {type(sp_weights).__name__}"
        )
    ids = convert_to_tensor_or_ragged(sp_ids).to_sparse()
    weights = sp_weights
    if weights is not None:
        weights = convert_to_tensor_or_ragged(weights).to_sparse()
    return function(params, ids, weights, *args, **kwargs)
