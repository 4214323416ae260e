"""Runs the nodes of a graph in one of the two namespaces: interpreted on arrays, or traced.

`Context` is what the lowering of a stateful op sees in place of `xp`. The interpreter works on NumPy
arrays and the store of a session; the tracer works on what `jax.jit` traces with, keeps the state of
the cluster in a dictionary, and still folds in NumPy whatever is known.
"""

from __future__ import annotations

import copy
import functools
import itertools
import sys
import time
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from reflow.compiler.fused_attention import find_attention
from reflow.compiler.fused_convolution import find_convolutions
from reflow.compiler.rows import node_by_node
from reflow.compiler.targets import is_accelerated
from reflow.compiler.undone_broadcasts import with_sums_to_shape
from reflow.compiler.wiring import Wiring
from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph, functions_of
from reflow.lang.graph import Operation, at_node, topological
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import ValueNeeded, arg_length, group_inputs
from reflow.lang.resource import ResourceHandle
from reflow.lang.tensor import SymbolicTensor


class NeedStatic(Exception):
    """A lowering must know the value of `tensor`, which is computed inside of the cluster."""

    def __init__(self, tensor: SymbolicTensor):
        super().__init__(tensor.name)
        self.tensor = tensor


class TooSlow(Exception):
    """A loop has been interpreted for as long as compiling it would have taken."""


class NeedLimit(Exception):
    """A loop must know, before it runs, how often it runs at the most; the values of `tensors` tell."""

    def __init__(self, op: Operation, tensors: Sequence[SymbolicTensor]):
        super().__init__(op.name)
        self.op = op
        self.tensors = tensors


class NotCompilable(Exception):
    """A node of the cluster cannot be part of an executable; the reason is the message."""

    def __init__(self, message: str, node: Operation | None = None):
        super().__init__(message)
        self.node = node


class Unusual(Exception):
    """The kind of a check that fails where a lowering assumed the usual case: see `ValueNeeded`."""


class Program:
    """A list of nodes made ready to run: slots instead of names, lowerings bound to attributes.

    The last part of a step are the slots that are let go of after it: what may be a view of a variable.
    """

    __slots__ = (
        *("steps", "slots", "initial", "nodes", "inputs", "input_slots", "output_slots"),
        *("_traced", "_quick", "_frugal"),
    )

    def __init__(
        self,
        nodes: Sequence[Operation],
        inputs: Sequence[SymbolicTensor],
        outputs: Sequence[SymbolicTensor],
    ):
        slots: dict[int, int] = {}
        for tensor in inputs:
            slots.setdefault(id(tensor), len(slots))
        self.inputs = inputs
        self.input_slots = [slots[id(tensor)] for tensor in inputs]
        self.nodes = nodes
        self.steps: list[Any] = []
        known: dict[int, Any] = {}
        for op in nodes:
            opdef = op.opdef
            if opdef.name == "Const":
                known[slots.setdefault(id(op.outputs[0]), len(slots))] = op.attrs["value"]
                continue
            deref = None
            if any(t.dtype.is_ref_dtype for t in op.inputs):
                deref = dereferenced(op)
            sources = [slots[id(t)] for t in op.inputs]
            targets = []
            for t in op.outputs:
                targets.append(slots.setdefault(id(t), len(slots)))
            attrs = opdef.lower_attrs(op.attrs)
            if opdef.takes_node:
                attrs["node"] = op
            self.steps.append((op, opdef, sources, targets, attrs, deref, None))
        self.slots = slots
        self.initial = [known.get(i) for i in range(len(slots))]
        self.output_slots = [slots[id(t)] for t in outputs]
        self._traced: Sequence[Any] | None = None
        self._quick: list[Any] | None = None
        self._frugal: list[Any] | None = None

    @property
    def traced(self) -> Sequence[Any]:
        """The steps as they are traced: some of them taken together.

        Each finder notes what stands in the place of a step, and which steps are gone.
        """
        if self._traced is None:
            wiring = Wiring(self.steps, self.output_slots)
            put: dict[int, Any] = {}
            gone: set[int] = set()
            for find in (find_attention, find_convolutions):
                find(wiring, put, gone)
            steps = enumerate(self.steps)
            self._traced = [put.get(i, step) for i, step in steps if i in put or i not in gone]
        return self._traced

    @property
    def quick_steps(self) -> list[Any]:
        """The steps as they are interpreted: some of them taken together."""
        if self._quick is None:
            self._quick = self._letting_go(False)
        return self._quick

    @property
    def frugal_steps(self) -> list[Any]:
        """The same, where each lets go of all that is not needed any more."""
        if self._frugal is None:
            self._frugal = self._letting_go(True)
        return self._frugal

    def varied(
        self,
        steps: list[Any],
        initial: list[Any],
        inputs: Sequence[SymbolicTensor],
        input_slots: list[int],
    ) -> Program:
        """A program with the same nodes and outputs, but other steps and further inputs."""
        new = copy.copy(self)
        new.steps, new.initial, new.inputs, new.input_slots = steps, initial, inputs, input_slots
        new._traced = new._quick = new._frugal = None
        return new

    def _letting_go(self, everything: bool) -> list[Any]:
        """The steps, with what may be a view of a variable, or `everything`, let go after its last use."""
        steps = with_sums_to_shape(self.steps, self.output_slots)
        kept = set(self.output_slots)
        last: dict[int, int] = {}
        for i, (_, opdef, sources, targets, *_) in enumerate(steps):
            for slot in sources:
                if slot in last:
                    last[slot] = i
            if everything or opdef.view or opdef.reads:
                last.update((slot, i) for slot in targets if slot not in kept)
        done: dict[int, list[int]] = {}
        for slot, i in last.items():
            done.setdefault(i, []).append(slot)
        return [(*_called(step), step, done.get(i)) for i, step in enumerate(steps)]


def _called(step: Any) -> tuple[Any, Any, int]:
    """A call that does a step, what takes its arguments from the slots, and the slot of its result.

    The call is None where there is more to do than that.
    """
    _, opdef, sources, targets, attrs, deref, _ = step
    if deref is not None or opdef.context or not (opdef._simple and opdef.single_output):
        return None, None, -1
    first = sources[0] if sources else 0
    several = len(sources) > 1
    take = itemgetter(*sources) if several else itemgetter(slice(first, first + len(sources)))
    return functools.partial(opdef.lower, numpy_namespace, **attrs), take, targets[0]


def dereferenced(op: Operation) -> list[bool]:
    """For each flat input, whether it is a reference whose value the op takes."""
    refs: list[bool] = []
    for arg in op.opdef.inputs:
        refs.extend([arg.is_ref] * arg_length(arg, op.attrs))
    for function in functions_of(op):  # a body may take the reference itself
        first = len(op.inputs) - len(function.inputs)
        for i, inner in enumerate(function.inputs):
            refs[first + i] |= inner.dtype.is_ref_dtype
    return [t.dtype.is_ref_dtype and not ref for t, ref in zip(op.inputs, refs)]


class Context:
    """What stateful lowerings are given: `ctx.xp` and the state around them."""

    xp: Any
    op: Operation  # the node that is running
    path: tuple[Any, ...] = ()  # the calls around it: tells apart the state of nodes of one name
    device: Any = None
    on_cpu: bool = True  # whether native kernels can be called

    def read(self, handle: ResourceHandle) -> Any:
        """The value of a variable.

        Raises:
          errors.FailedPreconditionError: if it is not initialized.
        """
        value = self.peek(handle)
        if value is None:
            raise uninitialized(handle, self.op)
        return value

    def peek(self, handle: ResourceHandle) -> Any:
        """The value of a variable, or None."""
        raise NotImplementedError

    def take(self, handle: ResourceHandle) -> Any:
        """The value of a variable that is going to be changed: in NumPy, an array to be overwritten."""
        return self.read(handle)

    def write(self, handle: ResourceHandle, value: Any) -> None:
        """Gives a variable a new value."""
        raise NotImplementedError

    def delete(self, handle: ResourceHandle) -> None:
        """Forgets a variable; for ops that run on the host only."""
        raise NotImplementedError

    def call(self, function: FuncGraph, args: Sequence[Any]) -> list[Any]:
        """Runs the body of `function` here; the values of its outputs."""
        raise NotImplementedError

    def branch(self, index: Any, functions: Sequence[FuncGraph], args: Sequence[Any]) -> list[Any]:
        """What the function of the number `index` (or of a truth value) gives for `args`."""
        return self.call(functions[int(index)], args)

    def loop(self, cond: FuncGraph, body: FuncGraph, args: Sequence[Any]) -> Sequence[Any]:
        """`args` after `args = body(args)` for as long as `cond(args)`."""
        while bool(self.call(cond, args)[0]):
            args = self.call(body, args)
        return args

    def rows(
        self, function: FuncGraph, arguments: Sequence[Any], captured: Sequence[Any]
    ) -> list[Any]:
        """The outputs of `function` for each row of `arguments`, stacked."""
        raise NotImplementedError

    def bounds(self, value: Any) -> tuple[int, int] | None:
        """The least and the largest value that an integer can have, where that is known."""
        return int(value), int(value)

    def steps(self, value: Any) -> tuple[int, int] | None:
        """The least and the largest value that an integer does have in the course of a loop."""
        return self.bounds(value)

    def nothing(self, dtype: Any, shape: Any) -> Any:
        """A value that nobody will look at, in place of one that a branch not taken would give."""
        return None

    def check(self, ok: Any, message: Callable[[], str], kind: type = errors.InvalidArgumentError):
        """Fails the run with `message()` unless `ok`."""
        raise NotImplementedError

    def program(self, function: FuncGraph) -> Program:
        return program_of(function)

    def node_state(self, kind: str) -> ResourceHandle:
        """The hidden state of the node that is running, such as a random generator's."""
        return node_state(self.op, kind, self.path)


GENERATORS = "generators"  # the container of the states of random ops


def node_state(op: Operation, kind: str, path: tuple[Any, ...] = ()) -> ResourceHandle:
    """The handle of the hidden state of a node, per session."""
    function: Any = op.graph
    name = (function.serial, op.name, path) if path else op.name
    begin = op.opdef.random
    return ResourceHandle(kind, GENERATORS, name, initial=lambda: begin(op.attrs))


def uninitialized(handle: ResourceHandle, op: Operation | None) -> errors.OpError:
    return errors.FailedPreconditionError(
        None,
        op,
        f"Attempting to use uninitialized value {handle.name}. Run its initializer first, for "
        "example session.run(tf.global_variables_initializer()).",
    )


def program_of(function: FuncGraph) -> Program:
    """The program of a function body, made once per version of the graph."""
    stamp = (function.version, function.mutations)
    cached = function.__dict__.get("_program")
    if cached is None or cached[0] != stamp:
        nodes = body_nodes(function)
        cached = (stamp, Program(nodes, function.inputs, function.outputs))
        function.__dict__["_program"] = cached
    return cached[1]


def body_nodes(function: FuncGraph) -> list[Operation]:
    """The nodes of a function body that its outputs and its side effects need, in order."""
    stamp = (function.version, function.mutations)
    cached = function.__dict__.get("_body_nodes")
    if cached is None or cached[0] != stamp:
        cached = (stamp, _body_nodes(function))
        function.__dict__["_body_nodes"] = cached
    return cached[1]


def _body_nodes(function: FuncGraph) -> list[Operation]:
    given = {t.op for t in function.inputs}
    needed: set[Operation] = set()
    stack = [t.op for t in function.outputs] + list(function.control_outputs)
    if function.side_effects:
        nodes = function.get_operations()
        stack += [op for op in nodes if op.opdef.stateful and op.type != "Placeholder"]
    while stack:
        op = stack.pop()
        if op in needed or op in given:
            continue
        needed.add(op)
        stack.extend(t.op for t in op.inputs)
        stack.extend(op._control_inputs)
    return topological(needed)


# Interpreting -------------------------------------------------------------------------------------


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
        op, opdef, sources, targets, attrs, deref, _ = step
        values: Any = [env[s] for s in sources]
        if deref is not None:
            self.op = op
            values = [
                self.read(v) if d and type(v) is ResourceHandle else v
                for v, d in zip(values, deref)
            ]
        try:
            xp: Any = numpy_namespace
            if opdef.context:
                self.op = op
                xp = self
            result = opdef.lower(xp, *group_inputs(opdef, values, op.attrs), **attrs)
        except Exception as error:
            raise run_error(error, op, values) from error
        if opdef.single_output:
            env[targets[0]] = result
        elif targets:
            flat_results(op, result, targets, env)


def flat_results(op: Operation, result: Any, targets: list[int], env: list[Any]) -> None:
    """Puts the outputs of a lowering (a tuple, lists within it or a list alone) in their slots."""
    if type(result) is not tuple:
        result = (result,)
    i = 0
    for each in result:
        if isinstance(each, list):
            for item in each:
                env[targets[i]] = item
                i += 1
        else:
            env[targets[i]] = each
            i += 1
    if i != len(targets):
        raise errors.InternalError(
            None, op, f"{op.type} '{op.name}' gave {i} outputs instead of {len(targets)}"
        )


def run_error(error: Exception, op: Any, values: Sequence[Any]) -> Exception:
    """An error of a lowering as one of TensorFlow's classes, naming the user's line and the node."""
    if isinstance(error, (NeedStatic, NeedLimit, NotCompilable, TooSlow)):
        return error
    if isinstance(error, errors.OpError):
        return error if error.op is not None and error.op is not op else at_node(error, op)
    kind: type[errors.OpError] = errors.InvalidArgumentError
    if isinstance(error, MemoryError):
        kind = errors.ResourceExhaustedError
    elif isinstance(error, NotImplementedError):
        kind = errors.UnimplementedError
    elif not isinstance(error, (ValueError, TypeError, IndexError, ArithmeticError, KeyError)):
        kind = errors.InternalError
    text = str(error).split("\n", 1)[0] or type(error).__name__
    came = ", ".join(_describe(v) for v in values[:6])
    return at_node(kind(None, op, f"{text} (inputs: {came})"), op)


def _describe(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_describe(each) for each in value[:4]) + "]"
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(value, ResourceHandle) or dtype is None:
        return repr(value)[:40]
    return f"{dtype}{list(shape)}"  # type: ignore[arg-type]


# Tracing ------------------------------------------------------------------------------------------

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
        op, opdef, sources, targets, attrs, deref, _ = step
        values = [env[s] for s in sources]
        self.op = op
        if not self.depth:
            self.node = op
        if deref is not None:
            values = [
                self.read(v) if d and type(v) is ResourceHandle else v
                for v, d in zip(values, deref)
            ]
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
        if opdef.single_output:
            env[targets[0]] = result
        elif targets:
            flat_results(op, result, targets, env)
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
