"""What XLA's CPU compiler must not do with reductions: merge products with them, or reduce arrays of many dimensions.

XLA hands a reduction to YNNPACK, together with all that leads to it and is used for nothing else. That makes sums ten
times as fast as XLA's own, but products among what it takes along are computed in ways that are up to fifty times
slower, and some wrongly: `[3, 3]` by a transposed `[32769, 3]`, whose columns are then summed up, lacks numbers in its
last column. Arrays of more than six dimensions end in wrong results or kill the process (jaxlib 0.10.2,
docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from jax import lax
from jax.extend.core import ClosedJaxpr, Literal

from reflow.compiler.operations import (
    CALLS,
    Body,
    Op,
    Value,
    other_branches,
    with_native_calls,
    with_others,
)

_PRODUCTS = frozenset({"dot_general", "conv_general_dilated"})
_REDUCTIONS = frozenset(
    f"reduce{kind}{what}" for kind in ("_", "_window_") for what in ("sum", "max", "min")
) | {"reduce", "reduce_window"}
# YNNPACK has nothing for these, so that what they take stays out.
_STRANGERS = frozenset(
    {"ffi_call", "while", "scan", "cond", "select_n", "clamp", "gather", "sort", "argmax", "argmin"}
    | {"dynamic_slice", "dynamic_update_slice", "scatter", "scatter-add", "scatter_add"}
    | {"eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "is_finite"}
)
MOST_DIMENSIONS = 6
# How XLA compiles what has more: products go to YNNPACK, each for itself, and reductions do not.
WITHOUT_REDUCTIONS: dict[str, Any] = {
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"
}


def with_products_apart(traced: ClosedJaxpr) -> ClosedJaxpr | None:
    """A traced program whose products XLA does not merge with reductions; None if it merges none as it is."""
    names = {equation.primitive.name for equation in _equations(traced.jaxpr)}
    if names.isdisjoint(_PRODUCTS) or names.isdisjoint(_REDUCTIONS):
        return None
    return _apart(traced)


def reduces_many_dimensions(program: Any) -> bool:
    """Whether there are reductions in a traced program, and arrays of more dimensions than they may have."""
    equations = list(_equations(program))
    return not _REDUCTIONS.isdisjoint(each.primitive.name for each in equations) and any(
        len(getattr(name.aval, "shape", ())) > MOST_DIMENSIONS
        for each in equations
        for name in (*each.invars, *each.outvars)
    )


def _equations(program: Any) -> Iterator[Any]:
    for equation in program.eqns:
        yield equation
        for value in equation.params.values():
            for each in value if isinstance(value, (tuple, list)) else (value,):
                inner = getattr(each, "jaxpr", each)
                if hasattr(inner, "eqns"):
                    yield from _equations(inner)


def _apart(traced: ClosedJaxpr) -> ClosedJaxpr | None:
    inner = _with_inner_apart(traced)
    body = Body(inner or traced)
    products = _merged(body)
    if not products:
        return inner
    replaced: dict[Value, Value] = {}
    ops: list[Op] = []
    for op in body.ops:
        op.inputs = [
            replaced.get(each, each) if isinstance(each, Value) else each for each in op.inputs
        ]
        ops.append(op)
        if op in products:
            kept = _kept(op.outputs[0])
            replaced[op.outputs[0]] = kept.outputs[0]
            ops.append(kept)
    body.ops = ops
    return with_native_calls(body, [])


def _with_inner_apart(traced: ClosedJaxpr) -> ClosedJaxpr | None:
    """The same for the bodies of loops and branches; the bodies of calls are seen with what is around them."""
    return with_others(traced, _parameter_apart)


def _parameter_apart(equation: Any, name: str, value: Any) -> Any:
    if isinstance(value, ClosedJaxpr):
        is_call = equation.primitive.name in CALLS
        return _with_inner_apart(value) if is_call else _apart(value)
    if type(value) is tuple and value and all(isinstance(each, ClosedJaxpr) for each in value):
        return other_branches(value, _apart)
    return None


def _merged(body: Body) -> set[Op]:
    """The products that XLA would merge with a reduction: nothing else takes what follows from them."""
    users = body.users()
    inside: set[Op] = set()
    for op in reversed(body.ops):
        takers = [taker for each in op.outputs for taker in users.get(each, [])]
        joins = op.name not in _STRANGERS and takers and inside.issuperset(takers)
        if op.name in _REDUCTIONS or joins:
            inside.add(op)
    return {
        op
        for op in inside
        if op.name in _PRODUCTS and np.issubdtype(op.outputs[0].aval.dtype, np.inexact)
    }


def _kept(value: Value) -> Op:
    """The same value by an operation that YNNPACK lacks; XLA drops barriers before it merges."""
    bounds = [
        Literal(value.aval.dtype.type(each), value.aval.update(shape=()))
        for each in (-np.inf, np.inf)
    ]
    op = Op(lax.clamp_p, {}, [bounds[0], value, bounds[1]])
    op.outputs = [Value(value.aval, op)]
    return op
