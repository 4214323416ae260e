"""The compiled tier: programs run on what `jax.jit` traces with.

The tracer keeps the state of the cluster in a dictionary, and still folds in NumPy whatever is known.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.compiler.context import (
    Context,
    NeedStatic,
    NotCompilable,
    Unusual,
    put_results,
    run_error,
)
from reflow.compiler.program import Program
from reflow.compiler.targets import is_accelerated
from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Operation
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import ValueNeeded, arg_length, group_inputs
from reflow.lang.resource import ResourceHandle
from reflow.lang.tensor import SymbolicTensor

_FOLD_LIMIT = 1 << 16  # elements: larger known values are left for XLA


class Tracer(Context):
    """Runs programs under `jax.jit`: known values in NumPy, the others through `jax.numpy`.

    The state of the cluster is `state`; what is written there becomes an output of the executable.
    """

    def __init__(self, xp: Any, state: dict[ResourceHandle, Any], device: Any = None):
        self.xp = xp
        self.state = state
        self.device = device
        self.on_cpu = not is_accelerated(device or "")
        self.depth = 0  # calls around
        self.by_row = False  # whether the values are those of one row of many: see `traced_rows`
        self.node: Any = None  # the node of the cluster that is running, or in whose body we are
        self.checks: list[tuple[Any, Callable[[], str], type, Operation]] = []
        self.ranges: dict[int, tuple[int, int]] = {}  # of integers of the body, by the tensor's id
        self.ask_limit: Callable[[], Any] | None = None  # asks how often the loop around runs
        self._bounds: dict[int, tuple[Any, tuple[int, int]]] = {}  # the same, by the value's id
        self._outer: Tracer | None = None
        self.limits: dict[Operation, int | None] = {}  # of loops: how often they run at the most
        self.fillings = itertools.count()  # of buffers to be overwritten: see `traced_loop`

    def read(self, handle: ResourceHandle) -> Any:
        value = self.peek(handle)
        if value is None and self.depth:  # the branch may never be taken
            why = f"a body reads {handle.name}, which has no value"
            raise NotCompilable(why, self.node)
        return super().read(handle)

    def child(self, state: dict[ResourceHandle, Any]) -> Tracer:
        """A tracer for a body of the running node, which has its own state and checks."""
        child = Tracer(self.xp, state, self.device)
        child.path = (*self.path, self.op.name)
        child.depth = self.depth + 1
        child.by_row = self.by_row
        child.fillings = self.fillings
        child.node = self.node
        child.op = self.op
        child._outer = self
        return child

    def bounds(self, value: Any) -> tuple[int, int] | None:
        if isinstance(value, (*_KNOWN, int)):
            return int(value), int(value)
        tracer: Tracer | None = self
        while tracer is not None:
            found = tracer._bounds.get(id(value))
            if found is not None:
                return found[1]
            tracer = tracer._outer
        return None

    def steps(self, value: Any) -> tuple[int, int] | None:
        found = self._bounds.get(id(value))
        if found is None and self.ask_limit is not None:
            self.ask_limit()
        return None if found is None else found[1]

    def _note_bounds(self, tensors: Sequence[SymbolicTensor], values: Sequence[Any]) -> None:
        for tensor, value in zip(tensors, values):
            known = self.ranges.get(id(tensor))
            if known is not None:
                self._bounds[id(value)] = value, known

    def branch(self, index: Any, functions: Sequence[FuncGraph], args: Sequence[Any]) -> list[Any]:
        from reflow.compiler.traced_control import branch

        return branch(self, index, functions, args)

    def loop(self, cond: FuncGraph, body: FuncGraph, args: Sequence[Any]) -> Sequence[Any]:
        from reflow.compiler.traced_loop import loop

        return loop(self, cond, body, args)

    def rows(
        self, function: FuncGraph, arguments: Sequence[Any], captured: Sequence[Any]
    ) -> list[Any]:
        from reflow.compiler.traced_rows import rows

        return rows(self, function, arguments, captured)

    def peek(self, handle: ResourceHandle) -> Any:
        return self.state.get(handle)

    def write(self, handle: ResourceHandle, value: Any) -> None:
        self.state[handle] = value

    def check(self, ok: Any, message: Callable[[], str], kind: type = errors.InvalidArgumentError):
        if isinstance(ok, (bool, np.bool_, np.ndarray)):
            if not np.all(ok):
                raise kind(None, self.op, message())
            return
        self.checks.append((self.xp.all(ok), message, kind, self.op))

    def call(self, function: FuncGraph, args: Sequence[Any]) -> list[Any]:
        outer, self.path = self.path, (*self.path, self.op.name)
        op = self.op
        self.depth += 1
        try:
            return self.run(self.program(function), args)
        except NeedStatic as need:
            from reflow.compiler.traced_control import outside

            raise outside(function, need, op, args) from None
        finally:
            self.depth -= 1
            self.path = outer
            self.op = op

    def run(self, program: Program, args: Sequence[Any]) -> list[Any]:
        env = program.initial.copy()
        for slot, value in zip(program.input_slots, args):
            env[slot] = value
        if self.ranges:
            self._note_bounds(program.inputs, args)
        for step in program.traced:
            if isinstance(step, tuple):
                self.trace_step(step, env)
            else:
                step.run(self, env)
        return [env[s] for s in program.output_slots]

    def trace_step(self, step: Any, env: list[Any]) -> None:
        """Puts into `env` what one step of a program gives."""
        op, opdef, sources, targets, attrs, deref = step
        values = [env[s] for s in sources]
        self.op = op
        if not self.depth:
            self.node = op
        if deref is not None:
            values = self.read_references(values, deref)
        if not opdef.compile:
            if opdef.context or not all(isinstance(v, _KNOWN) for v in values):
                raise NotCompilable(f"{op.type} '{op.name}' runs on the host only", self.node)
        if opdef.static:
            self._require_static(op, values)
        xp: Any = self.xp
        if not opdef.context and opdef.interpret and _foldable(values):
            xp = numpy_namespace
        grouped = values if opdef._simple else group_inputs(opdef, values, op.attrs)
        try:
            result = opdef.lower(self if opdef.context else xp, *grouped, **attrs)
            if xp is numpy_namespace and _is_large(result):  # no such constants in executables
                result = opdef.lower(self.xp, *grouped, **attrs)
        except ValueNeeded as need:
            self.op = op
            if need.assume is None:
                raise self._needs(op, need) from None
            result, usual = need.assume()
            self.checks.append((usual, need.__str__, Unusual, self.node))
        except NotCompilable as error:
            error.node = error.node or self.node
            raise
        except Exception as error:
            raise run_error(error, op, values) from error
        put_results(op, result, targets, env)
        if self.ranges:
            self._note_bounds(op.outputs, [env[t] for t in targets])

    def _needs(self, op: Operation, need: ValueNeeded) -> Exception:
        if need.on_host:
            return NotCompilable(
                f"{op.type} '{op.name}' needs the value of '{need.name}', which is computed inside "
                "of the executable",
                self.node,
            )
        position = 0
        for arg in op.opdef.inputs:
            if arg.name == need.name:
                break
            position += arg_length(arg, op.attrs)
        return NeedStatic(op.inputs[position])

    def _require_static(self, op: Operation, values: list[Any]) -> None:
        index = 0
        for arg in op.opdef.inputs:
            length = arg_length(arg, op.attrs)
            if arg.name in op.opdef.static:
                for i in range(index, index + length):
                    if not isinstance(values[i], _KNOWN):
                        raise NeedStatic(op.inputs[i])
            index += length


_KNOWN = (np.ndarray, np.generic)


def _is_large(result: Any) -> bool:
    if isinstance(result, (tuple, list)):
        return any(_is_large(each) for each in result)
    return getattr(result, "size", 0) > _FOLD_LIMIT


def _foldable(values: Sequence[Any]) -> bool:
    return all(isinstance(v, _KNOWN) and v.size <= _FOLD_LIMIT for v in values)
