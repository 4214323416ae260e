"""The interpreted tier: programs run on NumPy arrays and the store of a session."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.compiler.context import Context, TooSlow, put_results, run_error
from reflow.compiler.program import Program
from reflow.compiler.rows import node_by_node
from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import group_inputs
from reflow.lang.resource import ResourceHandle


def _references(values: dict[str, Any]) -> int:
    """What `sys.getrefcount` says of an array that `values` holds and that one local name refers to."""
    value = values["x"]
    return sys.getrefcount(value)


_ALONE = _references({"x": np.empty(1)})


class Interpreter(Context):
    """Runs programs on NumPy arrays, reading and writing the state of `store` as they go."""

    xp = numpy_namespace
    deadline = float("inf")  # when to give up on a loop
    exclusive = False  # whether this thread holds the store's lock
    frugal = False  # whether values are large: none is kept longer than it is needed

    def __init__(self, store: Any):
        self.store = store

    def peek(self, handle: ResourceHandle) -> Any:
        value = self.store.get(handle)
        if value is not None and not isinstance(value, (np.ndarray, np.generic)):
            if hasattr(value, "__array__"):
                value = np.asarray(value)
        return value

    def take(self, handle: ResourceHandle) -> Any:
        value = self.read(handle)
        if self.exclusive and type(value) is np.ndarray and value.base is None:
            if value.flags.writeable and sys.getrefcount(value) <= _ALONE:
                return value
        return np.array(value)

    def write(self, handle: ResourceHandle, value: Any) -> None:
        self.store.set(handle, value)

    def delete(self, handle: ResourceHandle) -> None:
        self.store.delete(handle)

    def check(self, ok: Any, message: Callable[[], str], kind: type = errors.InvalidArgumentError):
        if not np.all(ok):
            raise kind(None, self.op, message())

    def call(self, function: FuncGraph, args: Sequence[Any]) -> list[Any]:
        outer, self.path = self.path, (*self.path, self.op.name)
        op = self.op
        try:
            return self.run(self.program(function), args)
        finally:
            self.path = outer
            self.op = op

    def loop(self, cond: FuncGraph, body: FuncGraph, args: Sequence[Any]) -> Sequence[Any]:
        outer, op = self.path, self.op
        self.path = (*outer, op.name)
        condition, iteration = self.program(cond), self.program(body)
        try:
            while bool(self.run(condition, args)[0]):
                args = self.run(iteration, args)
                if time.perf_counter() > self.deadline:
                    raise TooSlow
        finally:
            self.path, self.op = outer, op
        return args

    def rows(
        self, function: FuncGraph, arguments: Sequence[Any], captured: Sequence[Any]
    ) -> list[Any]:
        return node_by_node(self, function, arguments, captured)

    def run(self, program: Program, args: Sequence[Any]) -> list[Any]:
        env = program.initial.copy()
        for slot, value in zip(program.input_slots, args):
            env[slot] = value
        steps = program.frugal_steps if self.frugal else program.quick_steps
        for call, take, target, step, done in steps:
            if call is None:
                self._step(step, env)
            else:
                try:
                    env[target] = call(*take(env))
                except Exception as error:
                    raise run_error(error, step[0], take(env)) from error
            if done is not None:
                for slot in done:
                    env[slot] = None
        return [env[s] for s in program.output_slots]

    def _step(self, step: Any, env: list[Any]) -> None:
        """Puts into `env` what one step gives that is not just a call of its lowering."""
        op, opdef, sources, targets, attrs, deref = step
        values: Any = [env[s] for s in sources]
        if deref is not None:
            self.op = op
            values = self.read_references(values, deref)
        try:
            xp: Any = numpy_namespace
            if opdef.context:
                self.op = op
                xp = self
            result = opdef.lower(xp, *group_inputs(opdef, values, op.attrs), **attrs)
        except Exception as error:
            raise run_error(error, op, values) from error
        put_results(op, result, targets, env)
