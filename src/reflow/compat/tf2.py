"""`tensorflow.python.tf2`: which behaviour is on."""

from __future__ import annotations

from reflow.compat.v2_behavior import disable_v2_behavior, enable_v2_behavior
from reflow.lang import context


def enabled() -> bool:
    """Whether TF 2's behaviour is the default."""
    return context._eager_by_default[0]


enable = enable_v2_behavior
disable = disable_v2_behavior
