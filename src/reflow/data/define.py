"""How the ops of data sets are written: a row of traits that they share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang.opdef import OpDef
from reflow.ops import shape_rules
from reflow.ops.define import op

TYPED = "output_types: list(type), output_shapes: list(shape)"
META = "metadata: string = ''"


def dataset_op(signature: str, doc: str = "", **traits: Any) -> Callable[[Callable], OpDef]:
    """An op whose output `handle` is a data set: its lowering makes the `Pipeline`.

    The lowering gets a context. Pipelines come and go as they are, in tensors of dtype `variant`.
    """
    traits.setdefault("shape", shape_rules.scalar)
    return op(signature, doc, grad=None, context=True, compile=False, **traits)


def integer(value: Any) -> int:
    """The value of a scalar input."""
    return int(value)
