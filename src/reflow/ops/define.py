"""How ops are written: the decorator for an op of its own, and the constructors of families."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.lang.opdef import UNSAID, ZERO, OpDef
from reflow.ops import shape_rules

__all__ = ["ZERO", "binary", "comparison", "no_gradient", "op", "reduction", "unary"]


def no_gradient(op: Any) -> None:
    """The rule of an op that is differentiable, and whose derivative nobody has written down.

    Raises:
      LookupError: always. `grad=None` would pass for a derivative of zero.
    """
    raise LookupError(f"No gradient defined for operation '{op.name}' (op type: {op.opdef.name}).")


def op(signature: str, doc: str = "", **traits: Any) -> Callable[[Callable], OpDef]:
    """Defines an op whose lowering is the decorated function: see `OpDef` for the traits.

    @op("L2Loss(t: T, *, T: FLOAT) -> output: T", shape=scalar, grad=lambda g, t: g * t)
    def l2_loss(xp, t):
        return xp.sum(t * t) / 2
    """

    def define(lower: Callable) -> OpDef:
        return OpDef(signature, doc or (lower.__doc__ or ""), lower=lower, **traits)

    return define


def unary(name: str, doc: str, *, T: Any, lower: Callable, grad: Any = UNSAID, **traits: Any):
    """An element-wise op of one operand: `name(x: T) -> y: T`.

    `lower(xp, x)`; `grad(g, x, y)` naming what it uses of them.
    """
    traits.setdefault("shape", shape_rules.same)
    return OpDef(
        f"{name}(x: T) -> y: T", doc, lower=lower, grad=grad, T=T, elementwise=True, **traits
    )


def binary(name: str, doc: str, *, T: Any, lower: Callable, grad: Any = UNSAID, **traits: Any):
    """An element-wise op of two operands that broadcast: `name(x: T, y: T) -> z: T`.

    `grad` is a pair of rules naming what they use of `g, x, y, z`; the engine sums broadcast
    dimensions out.
    """
    traits.setdefault("shape", shape_rules.broadcasting)
    traits.update(broadcast=True, elementwise=True)
    return OpDef(f"{name}(x: T, y: T) -> z: T", doc, lower=lower, grad=grad, T=T, **traits)


def comparison(name: str, doc: str, *, T: Any, lower: Callable, **traits: Any):
    """An element-wise predicate of two operands that broadcast: `name(x: T, y: T) -> z: bool`."""
    traits.setdefault("shape", shape_rules.broadcasting)
    traits.update(broadcast=True, elementwise=True)
    return OpDef(f"{name}(x: T, y: T) -> z: bool", doc, lower=lower, grad=None, T=T, **traits)


def reduction(name: str, doc: str, *, T: Any, lower: Callable, grad: Any = UNSAID):
    """A reduction over the dimensions `reduction_indices`.

    `lower(xp, x, axes, keep_dims)` with `axes` a tuple of integers.
    """
    dtype = "bool" if T is None else "T"
    given = {} if T is None else {"T": T}

    def lowering(xp, input, reduction_indices, *, keep_dims):
        rank = len(input.shape)
        axes = tuple(sorted({int(a) % max(rank, 1) for a in reduction_indices.ravel()}))
        return lower(xp, input, axes, keep_dims)

    return OpDef(
        f"{name}(input: {dtype}, reduction_indices: Tidx, *, keep_dims: bool = False, "
        f"Tidx: INDEX = int32) -> output: {dtype}",
        doc,
        lower=lowering,
        shape=shape_rules.reduced,
        grad=grad,
        static=("reduction_indices",),
        **given,
    )
