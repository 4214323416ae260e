"""`tf.debugging.enable_check_numerics`: every op that gives numbers is asked whether they are finite.

What eager ops gave is looked at when they have run; in graphs a node that checks follows every node.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import dispatch, errors
from reflow.lang.dtypes import FLOAT
from reflow.lang.export import export
from reflow.lang.opdef import OpDef
from reflow.lang.tensor import Tensor, is_symbolic
from reflow.ops.debugging import check_numerics_op

# They give what they got, or what the program wrote down: what is not finite there was so before.
_MOVING = frozenset(
    [
        "BroadcastTo",
        "Concat",
        "ConcatV2",
        "Fill",
        "Gather",
        "GatherNd",
        "GatherV2",
        "Pack",
        "Pad",
        "PadV2",
    ]
    + ["Placeholder", "PlaceholderWithDefault", "Select", "SelectV2", "Tile", "CheckNumerics"]
)


@export("debugging.enable_check_numerics")
def enable_check_numerics(stack_height_limit: int = 30, path_length_limit: int = 50) -> None:
    """Lets every op fail whose result has a NaN or an infinity, from now on, with the line that called it.

    Functions that were traced before are not checked.

    Args:
      stack_height_limit: accepted; an error names the program's own line, and no others.
      path_length_limit: accepted, likewise.

    >>> import reflow as tf
    >>> tf.debugging.enable_check_numerics()
    >>> try:
    ...     tf.math.log(-1.0)
    ... except tf.errors.InvalidArgumentError as error:
    ...     print("NaN" in str(error))
    True
    >>> tf.debugging.disable_check_numerics()
    """
    dispatch.watchers[:] = [_watch]


@export("debugging.disable_check_numerics")
def disable_check_numerics() -> None:
    """Ends what `enable_check_numerics` began."""
    dispatch.watchers.clear()


def _watch(definition: OpDef, result: Any) -> Any:
    """The outputs of an op, checked."""
    if definition.view or definition.name in _MOVING:
        return result
    if isinstance(result, Tensor):
        return _checked(definition, result, 0)
    if isinstance(result, (list, tuple)):
        checked = [_checked(definition, each, i) for i, each in enumerate(result)]
        return type(result)(*checked) if hasattr(result, "_fields") else checked
    return result


def _checked(definition: OpDef, tensor: Any, place: int) -> Any:
    """An output, of which nothing may be infinite or no number."""
    if not isinstance(tensor, Tensor) or tensor.dtype not in FLOAT:
        return tensor
    if is_symbolic(tensor):
        message = _message(definition, tensor, place, "graph")
        return check_numerics_op(tensor, message=message, name=f"{tensor.op.name}/CheckNumerics")
    value = np.asarray(tensor.numpy(), np.float64)
    if not np.isfinite(value).all():
        nan, infinite = int(np.isnan(value).sum()), int(np.isinf(value).sum())
        found = [f"{nan} NaN"] * bool(nan) + [f"{infinite} Inf"] * bool(infinite)
        text = f"{_message(definition, tensor, place, 'eagerly-executing')}: {' and '.join(found)}"
        raise errors.InvalidArgumentError(None, None, f"{errors.user_site()}: {text}")
    return tensor


def _message(definition: OpDef, tensor: Any, place: int, how: str) -> str:
    return (
        f'Detected Infinity or NaN in output {place} of {how} op "{definition.name}", '
        f"dtype {tensor.dtype.name}, shape {tensor.shape}"
    )
