"""Undoing a broadcast: what the gradient of every broadcasting op does last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.lang.opdef import REGISTRY


def sum_to_shape_of(gradient: Any, x: Any, operands: Sequence[Any]) -> Any:
    """`gradient`, of the broadcast shape, summed over the dimensions along which `x` was repeated."""
    have, want = gradient.shape.sizes, x.shape.sizes
    if have is not None and want is not None:
        if have == want and None not in have:
            return gradient
        if None not in have and None not in want:
            lead = len(have) - len(want)
            axes = [i for i, d in enumerate(have) if i < lead or (want[i - lead] == 1 and d != 1)]
            if lead and len(axes) == lead:
                return REGISTRY["Sum"](gradient, axes)
            summed = REGISTRY["Sum"](gradient, axes, keep_dims=True) if axes else gradient
            return REGISTRY["Reshape"](summed, list(want)) if lead else summed
        if len(have) == len(want) and not _may_be_repeated(want, operands, x):
            return gradient
        if None not in want and len(want) < len(have) and all(d != 1 for d in want):
            return REGISTRY["Sum"](gradient, list(range(len(have) - len(want))))
    shape = REGISTRY["Shape"](x)
    axes, _ = REGISTRY["BroadcastGradientArgs"](shape, REGISTRY["Shape"](gradient))
    return REGISTRY["Reshape"](REGISTRY["Sum"](gradient, axes), shape)


def _may_be_repeated(want: Any, operands: Sequence[Any], x: Any) -> bool:
    """Whether some dimension of `x` may be 1 where another operand's is larger."""
    for other in operands:
        if other is x:
            continue
        sizes = other.shape.sizes
        if sizes is None:
            return True
        for mine, theirs in zip(reversed(want), reversed(sizes)):
            if mine is None and theirs != 1 or mine == 1 and theirs != 1:
                return True
    return False
