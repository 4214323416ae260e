"""A function of each row of some tensors, inside of executables: its body under `jax.vmap`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from reflow.compiler.context import NeedStatic, NotCompilable
from reflow.compiler.rows import count_of
from reflow.compiler.traced_control import outside, written_state
from reflow.compiler.tracer import Tracer
from reflow.compiler.trip_count import roots
from reflow.lang.func_graph import FuncGraph
from reflow.lang.resource import ResourceHandle


def rows(
    tracer: Tracer, function: FuncGraph, arguments: Sequence[Any], captured: Sequence[Any]
) -> list[Any]:
    """The outputs of `function` for all rows of `arguments`, stacked.

    Raises:
      NotCompilable: if the body writes state, or if shapes within depend on the values in a row.
    """
    if not count_of(arguments):
        raise NotCompilable("there are no rows")
    if written_state(tracer, [*arguments, *captured]):
        raise NotCompilable(f"{function.name} writes state in each row")
    rows_of_checks: list[Any] = []

    def row(*given: Any) -> Any:
        child = tracer.child(dict(tracer.state))
        child.by_row = True
        try:
            values = child.run(child.program(function), [*given, *captured])
        except NeedStatic as need:
            positions = roots(function, need.tensor)
            if positions is None or any(i < len(arguments) for i in positions):
                raise NotCompilable(
                    f"'{need.tensor.name}' must be known, and differs between the rows"
                ) from None
            raise outside(function, need, tracer.op, [*given, *captured]) from None
        outputs = []
        for value, tensor in zip(values, function.outputs):
            if isinstance(value, ResourceHandle) or tensor.dtype.base_dtype.np.kind == "O":
                raise NotCompilable(f"'{tensor.name}' of dtype {tensor.dtype.name} is no array")
            outputs.append(jnp.asarray(value, tensor.dtype.base_dtype.np))
        rows_of_checks[:] = child.checks
        return outputs, [jnp.asarray(ok) for ok, *_ in child.checks]

    outputs, flags = jax.vmap(row)(*(jnp.asarray(a) for a in arguments))
    for ok, (_, message, kind, op) in zip(flags, rows_of_checks):
        tracer.checks.append((jnp.all(ok), message, kind, op))
    return outputs
