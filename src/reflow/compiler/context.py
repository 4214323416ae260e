"""What lowerings are given while nodes run, and what they may raise: the same for both tiers.

`Context` is what the lowering of a stateful op sees in place of `xp`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.compiler.program import Program, program_of
from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Operation, at_node
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

    def read_references(self, values: Sequence[Any], deref: Sequence[bool]) -> list[Any]:
        """`values`, where those that are references whose value is taken are read."""
        return [
            self.read(v) if d and type(v) is ResourceHandle else v for v, d in zip(values, deref)
        ]

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


def put_results(op: Operation, result: Any, targets: Sequence[int], env: list[Any]) -> None:
    """Puts the outputs of a lowering (one, or a tuple, lists within it or a list alone) in their slots."""
    if op.opdef.single_output:
        env[targets[0]] = result
    elif targets:
        _put_several(op, result, targets, env)


def _put_several(op: Operation, result: Any, targets: Sequence[int], env: list[Any]) -> None:
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
