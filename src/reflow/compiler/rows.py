"""A function of each row of some tensors, in NumPy.

Each node of the function runs once if no row reaches it, or if it works element by element; else once per
row. `traced_rows` does the same inside of executables.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.compiler.context import TooSlow, put_results, run_error
from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Operation
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import group_inputs

_ARRAYS = (np.ndarray, np.generic)


class Rows(list):
    """A value per row, where they do not make one array: of several shapes, or no arrays."""


def count_of(arguments: Sequence[Any]) -> int:
    """How many rows there are.

    Raises:
      ValueError: if some have no rows, or not as many as others.
    """
    if any(not np.ndim(a) for a in arguments):
        raise ValueError("All arguments of a function of rows must have at least one dimension.")
    counts = {np.shape(a)[0] for a in arguments}
    if len(counts) != 1:
        shown = ", ".join(str(np.shape(a)) for a in arguments)
        raise ValueError(f"All arguments must have the same number of rows; got shapes {shown}.")
    return counts.pop()


def each_row(
    ctx: Any, function: FuncGraph, arguments: Sequence[Any], captured: Sequence[Any]
) -> list[Any]:
    """The outputs of `function` for one row after the other, stacked."""
    count = count_of(arguments)
    outputs: list[Rows] = [Rows() for _ in function.outputs]
    for i in range(count):
        found = ctx.call(function, [*(row_of(a, i) for a in arguments), *captured])
        for rows, value in zip(outputs, found):
            rows.append(np.asarray(value) if hasattr(value, "__array__") else value)
    return [_result(stacked(rows), t, count) for rows, t in zip(outputs, function.outputs)]


def node_by_node(
    interpreter: Any, function: FuncGraph, arguments: Sequence[Any], captured: Sequence[Any]
) -> list[Any]:
    """The outputs of `function` for all rows, stacked: each node for all rows, then the next one."""
    count = count_of(arguments)
    if not count:
        return [_result(Rows(), t, 0) for t in function.outputs]
    program = interpreter.program(function)
    env = program.initial.copy()
    for slot, value in zip(program.input_slots, [*arguments, *captured]):
        env[slot] = value
    by_row = set(program.input_slots[: len(arguments)])
    outer, around = interpreter.path, interpreter.op
    interpreter.path = (*outer, around.name)
    try:
        for op, opdef, sources, targets, attrs, deref in program.steps:
            interpreter.op = op
            values = [env[s] for s in sources]
            if deref is not None:
                values = [interpreter.read(v) if d else v for v, d in zip(values, deref)]
            have = [s in by_row for s in sources]
            if not any(have):
                results = _run(interpreter, op, opdef, values, attrs)
            elif opdef.elementwise and not any(isinstance(v, Rows) for v in values):
                results = _run(interpreter, op, opdef, _aligned(values, have), attrs)
            else:
                results = _per_row(interpreter, op, opdef, values, have, attrs, count)
            for slot, value in zip(targets, results):
                env[slot] = value
            if any(have):
                by_row.update(targets)
    finally:
        interpreter.path, interpreter.op = outer, around
    outputs = []
    for slot, tensor in zip(program.output_slots, function.outputs):
        value = env[slot]
        outputs.append(
            _result(value if slot in by_row else stacked([value] * count), tensor, count)
        )
    return outputs


def _run(interpreter: Any, op: Operation, opdef: Any, values: Any, attrs: Any) -> list[Any]:
    """The outputs of a node, one after the other."""
    try:
        grouped = values if opdef._simple else group_inputs(opdef, values, op.attrs)
        result = opdef.lower(interpreter if opdef.context else numpy_namespace, *grouped, **attrs)
    except Exception as error:
        raise run_error(error, op, values) from error
    flat: list[Any] = [None] * len(op.outputs)
    put_results(op, result, range(len(flat)), flat)
    return flat


def _aligned(values: Sequence[Any], have: Sequence[bool]) -> list[Any]:
    """Operands that broadcast as their rows do: the rows stay in front of all other dimensions."""
    rank = max(np.ndim(v) - h for v, h in zip(values, have))
    result = []
    for value, by_row in zip(values, have):
        if by_row and np.ndim(value) <= rank:
            count, *row = value.shape
            value = value.reshape(count, *[1] * (rank - len(row)), *row)
        result.append(value)
    return result


def _per_row(
    interpreter: Any,
    op: Operation,
    opdef: Any,
    values: Sequence[Any],
    have: Sequence[bool],
    attrs: Any,
    count: int,
) -> list[Any]:
    columns = [Rows() for _ in op.outputs]
    for i in range(count):
        row = [row_of(v, i) if h else v for v, h in zip(values, have)]
        for column, value in zip(columns, _run(interpreter, op, opdef, row, attrs)):
            column.append(value)
        if not i & 63 and time.perf_counter() > interpreter.deadline:
            raise TooSlow
    return [stacked(column) for column in columns]


def row_of(value: Any, i: int) -> Any:
    """The i-th row."""
    if isinstance(value, Rows) or value.dtype != object:
        return value[i]
    return value[i : i + 1].reshape(value.shape[1:])  # an array, also of one string


def stacked(rows: Sequence[Any]) -> Any:
    """The rows as one array where they make one, else as `Rows`."""
    first = rows[0] if rows else None
    if isinstance(first, bytes):
        result = np.empty(len(rows), object)
        result[:] = rows
        return result
    if not isinstance(first, _ARRAYS):
        return Rows(rows)
    shape, dtype = first.shape, first.dtype
    if any(not isinstance(row, _ARRAYS) or row.shape != shape for row in rows):
        return Rows(rows)
    result = np.empty((len(rows), *shape), dtype)
    for i, row in enumerate(rows):
        result[i] = row
    return result


def _result(value: Any, tensor: Any, count: int) -> Any:
    """An output of the function for all rows, which has to be one array."""
    if not isinstance(value, Rows):
        return value
    if not count:
        sizes = tensor.shape.as_list() if tensor.shape.rank is not None else [None]
        if None in sizes:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"There are no rows, and the shape of '{tensor.name}' for a row is not known: "
                f"{tensor.shape}",
            )
        return np.zeros((0, *sizes), tensor.dtype.np)
    shapes = sorted({str(np.shape(row)) for row in value})
    if not isinstance(value[0], _ARRAYS):
        raise errors.UnimplementedError(
            None, None, f"'{tensor.name}' of dtype {tensor.dtype.name} as the result of rows"
        )
    raise errors.InvalidArgumentError(
        None, None, f"'{tensor.name}' has other shapes in other rows: {', '.join(shapes[:4])}"
    )
