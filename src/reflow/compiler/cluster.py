"""A cluster: nodes of one device that become one executable per shape signature.

Until it pays to compile (`policy`), and where a signature is seen for the first time, the nodes are
interpreted in NumPy. The state that the nodes touch comes in as arguments and goes out as results.
"""

from __future__ import annotations

import atexit
import contextlib
import queue
import sys
import threading
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.compiler import policy, targets
from reflow.compiler.blas_threads import BlasThreads, free_processors
from reflow.compiler.context import NeedLimit, NeedStatic, NotCompilable, TooSlow, Unusual
from reflow.compiler.interpreter import Interpreter
from reflow.compiler.memory import LONG
from reflow.compiler.program import Program, body_nodes
from reflow.compiler.stats import count, record
from reflow.compiler.structure import Kind, keep, kind_of
from reflow.compiler.trip_count import LoopLimit
from reflow.lang.collector import postponed
from reflow.lang.dtypes import variant
from reflow.lang.func_graph import functions_of
from reflow.lang.graph import Operation, at_node
from reflow.lang.resource import ResourceHandle
from reflow.lang.tensor import SymbolicTensor
from reflow.platform.allocator import give_back


class Recut(Exception):
    """The cluster must be cut or made again.

    Args:
      tensor: where to cut, because its value is needed.
      node: what has to run on the host.
      loop: a loop of which it must be known how often it runs at the most.
      ends: where to cut, because it follows from their values.
    """

    def __init__(
        self,
        tensor: SymbolicTensor | None = None,
        node: Operation | None = None,
        why: str = "",
        loop: Operation | None = None,
        ends: Sequence[SymbolicTensor] = (),
    ):
        super().__init__(why)
        self.tensor = tensor
        self.node = node
        self.loop = loop
        self.ends = ends


class Entry:
    """What is known of one shape signature of a cluster."""

    __slots__ = (
        *("runs", "spent", "best", "compiling", "failure", "executable", "elements", "signature"),
    )

    def __init__(self, signature: Any) -> None:
        self.signature = signature
        self.runs = 0
        self.spent = 0.0
        self.best = float("inf")
        self.compiling = False
        self.failure: str | None = None  # why it could not be compiled; nobody has been told yet
        self.executable: Executable | None = None
        self.elements = 0  # in the inputs and the state


class Executable:
    """A compiled signature and how to call it.

    Attributes:
      call: the compiled function of (donated state, other state, inputs).
      donated, written: which of the cluster's `writes` it is given, and which it returns.
      read: which of the cluster's `reads` it is given.
      inputs: which of the cluster's inputs are arguments (the others were known).
      layout: for each output, its index among the results, or the value known at trace time.
      checks: what to raise when the flag of that index is false.
      is_pure: whether it has no state and no checks.
    """

    __slots__ = ("call", "donated", "read", "written", "inputs", "layout", "checks", "is_pure")

    def __init__(self, call, donated, read, written, inputs, layout, checks):
        self.call = call
        self.donated = donated
        self.written = written
        self.read = read
        self.inputs = inputs
        self.layout = layout
        self.checks = checks
        self.is_pure = not (donated or read or written or checks)


class Cluster:
    """Nodes that run as one.

    Args:
      nodes: in an order that respects their edges.
      inputs: the tensors that come from outside.
      constants: tensors whose value is known from the graph, by `id`.
      outputs: the tensors wanted outside.
      reads, writes: the state that the nodes read and write.
      device: the name of the device; "" for the default one.
      path: the calls around the nodes, when they belong to the body of a function.
      loops: those of the nodes that are loops whose number of iterations is part of the key, rounded.
    """

    def __init__(
        self,
        nodes: Sequence[Operation],
        inputs: Sequence[SymbolicTensor],
        constants: dict[int, tuple[SymbolicTensor, Any]],
        outputs: Sequence[SymbolicTensor],
        reads: Sequence[ResourceHandle],
        writes: Sequence[ResourceHandle],
        device: str = "",
        path: tuple[Any, ...] = (),
        loops: Iterable[Operation] = (),
    ):
        self.path = path
        self._only: tuple[Any, Entry] | None = None
        self._kind: Kind | None = None
        self._bound: Any = (None, (), (), ())
        self.nodes = list(nodes)
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.constants = [(t, v) for t, v in constants.values()]
        self.program = Program(nodes, [*self.inputs, *(t for t, _ in self.constants)], self.outputs)
        self.known = [v for _, v in self.constants]
        self.reads = [h for h in reads if h not in set(writes)]
        self.writes = list(writes)
        self.device = device
        self.static: set[int] = set()  # positions of inputs whose values are part of the key
        self.lists = {i for i, t in enumerate(inputs) if t.dtype.base_dtype is variant}
        self.loops: dict[Operation, LoopLimit] = {}
        for op in loops:
            self._limit(op)
        self.has_loops = any(has_loop(op) for op in nodes)
        self.weight = sum(node_count(op) for op in nodes)
        self.accelerated = targets.is_accelerated(device)
        self.interpretable = not self.accelerated and all(is_interpretable(op) for op in nodes)
        self.recut: Recut | None = None  # found by a compilation in the background
        self._soon: Callable[[], None] | None = None  # compiles, once what is compiled runs again
        # Since when something is compiled, on the clock and in time of the processors.
        self._since: tuple[float, float] | None = None
        self._lock = threading.Lock()

    # Running -------------------------------------------------------------------------------------

    def run(
        self,
        values: Sequence[Any],
        store: Any,
        interpreter: Callable[[Any], Interpreter] = Interpreter,
    ) -> Sequence[Any]:
        """The outputs for `values` of the inputs; reads and writes the state in `store`.

        If it is interpreted, then by what `interpreter` gives for the store.

        Raises:
          Recut: when the cluster has to be cut before it can run compiled.
        """
        entry = self._entry(values)
        executable = entry.executable
        if executable is not None:
            if self._soon is not None:
                self._soon()
            return self._run_compiled(executable, values, store)
        if self.recut is not None:
            raise self.recut
        if entry.runs == 0:
            entry.elements = sum(getattr(v, "size", 0) for v in values)
            entry.elements += store.elements(self.reads) + store.elements(self.writes)
        choice = policy.choose(self.weight, self.interpretable, self.has_loops, entry, self._kind)
        if choice is policy.COMPILE:
            optional = entry.runs > 0 and self.interpretable and policy.forced[0] == "auto"
            if optional:
                executable = self._try_to_compile(entry, values, store)
            else:
                executable = self._compile_now(values, store)
            if executable is not None:
                return self._run_compiled(executable, values, store)
            entry.compiling = True  # not again
        if choice is policy.BACKGROUND:
            entry.compiling = True
            background(self._background_work(entry, values, store))
        if not self.has_loops or policy.forced[0] == policy.INTERPRET:
            outputs = self._interpret(entry, values, interpreter(store))
        else:
            outputs = self._interpret_loops(entry, values, store, interpreter)
        if entry.runs == 1 and self._since is not None:
            self._try_soon(entry, values, store, self._since)
        return outputs

    def _try_soon(
        self, entry: Entry, values: Sequence[Any], store: Any, since: tuple[float, float]
    ) -> None:
        """Prepares to compile a second signature, where a processor is idle."""
        busy = (time.process_time() - since[1]) / max(time.perf_counter() - since[0], 1e-9)
        idle = policy.is_worth_trying(self.weight, entry, self._kind, busy)
        if not idle or free_processors() == 1:
            return
        work = self._background_work(entry, values, store)

        def begin() -> None:
            self._soon = None
            if not entry.compiling:
                entry.compiling = True
                background(work)

        self._soon = begin

    def _interpret_loops(
        self,
        entry: Entry,
        values: Sequence[Any],
        store: Any,
        interpreter: Callable[[Any], Interpreter],
    ) -> Sequence[Any]:
        """Interprets, but not for longer than compiling would take: who knows how long a loop is."""
        patience = policy.compile_cost(self.weight)
        before = {h: store.get(h) for h in self.writes}
        try:
            return self._interpret(entry, values, interpreter(store), patience)
        except TooSlow:
            for handle, value in before.items():
                if value is None:
                    store.delete(handle)
                else:
                    store.set(handle, value)
        record("slow loop", nodes=len(self.nodes), first=self.nodes[0].name)
        executable = self._try_to_compile(entry, values, store)
        if executable is None:
            self.has_loops = False
            return self._interpret(entry, values, interpreter(store))
        return self._run_compiled(executable, values, store)

    def _entry(self, values: Sequence[Any]) -> Entry:
        key: list[Any] = []
        for i, value in enumerate(values):
            if i in self.lists:
                if value is not None and not hasattr(value, "form"):
                    raise self._opaque(i)
                key.append(None if value is None else value.form())
            elif i in self.static:
                value = np.asarray(value)
                key.append((value.shape, value.dtype, value.tobytes()))
            else:
                shape = getattr(value, "shape", None)
                key.append((shape, value.dtype) if shape is not None else type(value))
        if self.loops:
            key.extend(self.limits(values).values())
        return self._entry_for(tuple(key))

    def _entry_for(self, signature: Any) -> Entry:
        kind = self._kind
        if kind is None or kind.void:
            kind = self._find_kind()
        only = self._only
        if only is not None and only[0] == signature:
            return only[1]
        with kind.lock:
            entry = kind.entries.get(signature)
            if entry is None:
                entry = kind.entries[signature] = Entry(signature)
                if len(kind.entries) > policy.MAX_SIGNATURES:
                    kind.entries.popitem(last=False)
            kind.entries.move_to_end(signature)
        self._only = (signature, entry)
        return entry

    def _find_kind(self) -> Kind:
        self._only = None
        own = self.static or self.lists or self.loops or self.has_loops
        # What ran before in another session must not decide here how the first run goes.
        own = own or policy.forced[0] == "deterministic"
        if own or self._kind is not None:
            self._kind = Kind()
        else:
            parts = (self.nodes, self.inputs, self.constants, self.outputs, self.reads, self.writes)
            self._kind = kind_of(*parts, self.device, policy.forced[0])
        return self._kind

    def _leave_kind(self) -> None:
        """What has been found out here need not hold for clusters that look alike."""
        if self._kind is not None and self._kind.common:
            self._kind.void = True

    @property
    def entries(self) -> OrderedDict[Any, Entry]:
        """What is known of each shape signature."""
        return (self._kind or self._find_kind()).entries

    def _opaque(self, position: int) -> Recut:
        """An input is of a kind that only the host knows, such as a data set: so is what takes it."""
        tensor = self.inputs[position]
        node = next(op for op in self.nodes if any(t is tensor for t in op.inputs))
        return Recut(node=node, why=f"{tensor.name} is no tensor and no list of tensors")

    def _limit(self, op: Operation) -> None:
        constants = {id(t): v for t, v in self.constants}
        positions = {id(t): i for i, t in enumerate(self.inputs)}
        self.loops[op] = LoopLimit(op, positions, constants)
        self._only = None

    def limits(self, values: Sequence[Any]) -> dict[Operation, int | None]:
        """How often the loops run at the most, rounded up; None where it cannot be told."""
        return {op: limit.of(values) for op, limit in self.loops.items()}

    def _interpret(
        self,
        entry: Entry,
        values: Sequence[Any],
        interpreter: Interpreter,
        patience: float = float("inf"),
    ) -> Sequence[Any]:
        args = [as_numpy(v) for v in values]
        args.extend(self.known)
        interpreter.path = self.path
        started = time.perf_counter()
        interpreter.deadline = started + patience
        interpreter.frugal = entry.elements >= policy.THREADED
        if not interpreter.frugal:
            outputs = self._interpreted(args, interpreter)
        else:
            with BlasThreads(is_compiling):
                outputs = self._interpreted(args, interpreter)
        spent = time.perf_counter() - started
        entry.runs += 1
        entry.spent += spent
        if spent < entry.best:
            entry.best = spent
        count("interpreted_runs")
        if entry.failure is not None:
            self._warn(entry)
        return outputs

    def _warn(self, entry: Entry) -> None:
        """Says once that a program which runs, so is not wrong, could not be compiled."""
        why, entry.failure = entry.failure, None
        nodes = f"{len(self.nodes)} nodes, '{self.nodes[0].name}' the first"
        warnings.warn(
            f"Reflow interprets a part of this program ({nodes}), because compiling it failed: {why}",
            RuntimeWarning,
            stacklevel=2,
        )

    def _interpreted(self, args: Sequence[Any], interpreter: Interpreter) -> Sequence[Any]:
        with np.errstate(all="ignore"):
            if self.writes:
                with interpreter.store.lock:
                    interpreter.exclusive = True
                    return interpreter.run(self.program, args)
            return interpreter.run(self.program, args)

    def _run_compiled(
        self, executable: Executable, values: Sequence[Any], store: Any
    ) -> Sequence[Any]:
        if executable.is_pure and not self.device and not self.lists:
            results = executable.call([], [], [values[i] for i in executable.inputs])[0]
            count("compiled_runs")
            return [results[i] if index else i for index, i in executable.layout]
        with store.lock:
            try:
                results, state, flags = self._call(executable, values, store)
            except (TypeError, KeyError):
                # The state has another shape than the one compiled for (validate_shape=False), or
                # is not there (any more).
                executable = self._compile_now(values, store)
                results, state, flags = self._call(executable, values, store)
            if executable.checks:
                flags = np.asarray(flags)
                _recut_if_unusual(executable.checks, flags)
            store.put(self._bound[3], state)
        if executable.checks:
            _raise_failed(executable.checks, flags)
        count("compiled_runs")
        return [results[i] if index else i for index, i in executable.layout]

    def _call(self, executable: Executable, values: Sequence[Any], store: Any) -> Any:
        if self.lists:
            values = self._at_boundary(values)
        arguments = [values[i] for i in executable.inputs]
        bound = self._bound
        if bound[0] is not executable:
            bound = self._bound = (
                executable,
                [self.writes[i] for i in executable.donated],
                [self.reads[i] for i in executable.read],
                [self.writes[i] for i in executable.written],
            )
        donated, read = store.arrays(bound[1]), store.arrays(bound[2])
        if self.device:
            from reflow.compiler.jax_setup import jax, wide_types

            device = targets.jax_device(self.device)
            with wide_types():
                donated, read, arguments = jax.device_put((donated, read, arguments), device)
        return executable.call(donated, read, arguments)

    def _at_boundary(self, values: Sequence[Any]) -> list[Any]:
        from reflow.compiler.jax_setup import wide_types
        from reflow.compiler.list_buffer import at_boundary

        with wide_types():
            return [at_boundary(v) if i in self.lists else v for i, v in enumerate(values)]

    # Compiling -----------------------------------------------------------------------------------

    def _compile_now(self, values: Sequence[Any], store: Any) -> Executable:
        executable = self._compile(values, store)
        self._keep(self._entry(values), executable)  # the key may be another one by now
        return executable

    def _try_to_compile(self, entry: Entry, values: Sequence[Any], store: Any) -> Executable | None:
        """Compiles what can be interpreted too; None if that fails."""
        try:
            return self._compile_now(values, store)
        except Recut:
            raise
        except Exception as error:
            self._give_up(entry, error)
            return None

    def _give_up(self, entry: Entry, error: Exception) -> None:
        """A wrong program fails interpreted too, and says so itself; for another see `_warn`."""
        entry.failure = str(error)[:300]
        record("gave up compiling", nodes=len(self.nodes), why=entry.failure)

    def _keep(self, entry: Entry, executable: Executable) -> None:
        """Notes an executable, and forgets the one that was not used for longest, if there are many."""
        kind = self._kind or self._find_kind()
        with kind.lock:
            kind.compiled += entry.executable is None
            self._since = time.perf_counter(), time.process_time()
            entry.executable = executable
            compiled = [k for k, e in kind.entries.items() if e.executable is not None]
            for key in compiled[: max(0, len(compiled) - policy.MAX_EXECUTABLES)]:
                del kind.entries[key]
                count("evictions")

    def _background_work(
        self, entry: Entry, values: Sequence[Any], store: Any
    ) -> Callable[[], None]:
        """What compiles for these shapes on the compiling thread."""
        needed = self.static.union(*(limit.positions for limit in self.loops.values()))
        shapes_only = [
            v if i in needed or not hasattr(v, "dtype") else _Spec(v.shape, v.dtype)
            for i, v in enumerate(values)
        ]
        with store.lock:
            state = {
                h: _Spec(v.shape, v.dtype)
                for h in (*self.reads, *self.writes)
                if (v := store.get(h)) is not None
            }

        def work() -> None:
            try:
                executable = self._compile(shapes_only, _Specs(state))
            except Recut as recut:
                self.recut = recut
            except Exception as error:
                self._give_up(entry, error)
                return
            else:
                self._keep(self._entry_for(entry.signature), executable)
            entry.compiling = False

        return work

    def _compile(self, values: Sequence[Any], store: Any) -> Executable:
        """Compiles for the shapes of `values` and of the state in `store`.

        Raises:
          Recut: if the value of an input or of an inner tensor must be known first.
        """
        with postponed:
            import reflow.compiler.jax_setup  # noqa: F401
            from reflow.compiler import tracing

        started = time.perf_counter()
        if self.lists:
            values = self._at_boundary(values)
        while True:
            try:
                executable = tracing.build(self, values, store)
                break
            except NeedStatic as need:
                self._leave_kind()
                position = self._input_position(need.tensor)
                count("cuts")
                record("cut", tensor=need.tensor.name, why="its value gives a shape or an axis")
                if position is None:
                    raise Recut(tensor=need.tensor, why=str(need)) from None
                if isinstance(values[position], _Spec):
                    self.static.add(position)
                    self._only = None
                    raise Recut(why="an input became part of the key") from None
                self.static.add(position)
                self._only = None
            except NeedLimit as need:
                self._leave_kind()
                count("cuts")
                record("limit", loop=need.op.name, why="its length is the length of a list")
                known = {id(t) for t in self.inputs} | {id(t) for t, _ in self.constants}
                ends = [t for t in need.tensors if id(t) not in known]
                if ends or any(isinstance(v, _Spec) for v in values):
                    raise Recut(loop=need.op, ends=ends, why=str(need)) from None
                self._limit(need.op)
            except NotCompilable as error:
                self._leave_kind()
                node = getattr(error, "node", None)
                record("host", node=node.name if node is not None else "?", why=str(error))
                raise Recut(node=node, why=str(error)) from None
        if executable.checks or not all(
            isinstance(i, (int, *_ARRAYS)) for _, i in executable.layout
        ):
            self._leave_kind()
        seconds = time.perf_counter() - started
        if seconds > LONG:
            give_back()
        if self._kind is not None:
            self._kind.seconds = seconds
            keep(self._kind)
        count("compilations")
        record(
            "compiled",
            nodes=len(self.nodes),
            first=self.nodes[0].name,
            inputs=[f"{t.name}{list(np.shape(v))}" for t, v in zip(self.inputs, values)][:8],
            signatures=len(self.entries),
            seconds=round(seconds, 4),
        )
        return executable

    def _input_position(self, tensor: SymbolicTensor) -> int | None:
        for i, each in enumerate(self.inputs):
            if each is tensor:
                return i
        return None


_ARRAYS = (np.ndarray, np.generic)


class _Spec:
    """A shape and a dtype in place of an array."""

    __slots__ = ("shape", "dtype")

    def __init__(self, shape: Any, dtype: Any):
        self.shape = shape
        self.dtype = dtype

    @property
    def size(self) -> int:
        n = 1
        for d in self.shape:
            n *= d
        return n


class _Specs:
    """The shapes of a store's state at some moment, for a compilation in the background."""

    def __init__(self, state: dict[ResourceHandle, _Spec]):
        self.state = state

    def get(self, handle: ResourceHandle) -> Any:
        return self.state.get(handle)


def as_numpy(value: Any) -> Any:
    """A device array as a NumPy one; anything else as it is."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value
    if hasattr(value, "__array__") and hasattr(value, "dtype"):
        return np.asarray(value)
    return value.to_host() if hasattr(value, "to_host") else value


def node_count(op: Operation) -> int:
    """How many nodes an executable with this node has: those of the functions that it calls too."""
    return 1 + sum(
        node_count(node) for function in functions_of(op) for node in body_nodes(function)
    )


def has_loop(op: Operation) -> bool:
    """Whether the node is a loop or goes over rows, or calls a function that does."""
    return op.type in ("While", "StatelessWhile", "MapDefun") or any(
        has_loop(node) for function in functions_of(op) for node in body_nodes(function)
    )


def is_interpretable(op: Operation) -> bool:
    """Whether the node, and the functions that it calls, have a NumPy form."""
    return op.opdef.interpret and all(
        is_interpretable(inner) for function in functions_of(op) for inner in body_nodes(function)
    )


def _recut_if_unusual(checks: Sequence[Any], flags: np.ndarray) -> None:
    for (message, kind, op), ok in zip(checks, flags):
        if kind is Unusual and not ok:
            record("host", node=op.name, why=message())
            raise Recut(node=op, why=message())


def _raise_failed(checks: Sequence[Any], flags: np.ndarray) -> None:
    for (message, kind, op), ok in zip(checks, flags):
        if not ok:
            raise at_node(kind(None, op, message()), op)


_jobs: queue.SimpleQueue[Any] = queue.SimpleQueue()
_worker: list[threading.Thread] = []
_ending = threading.Event()
_idle = threading.Event()
_idle.set()


def background(work: Callable[[], None]) -> None:
    """Runs `work` on the compiling thread, after what is there before it."""
    _jobs.put(work)
    if not _worker:
        _worker.append(threading.Thread(target=_compile_loop, name="reflow-compile", daemon=True))
        atexit.register(stop_compiling)
        _worker[0].start()


def _compile_loop() -> None:
    while True:
        work = _jobs.get()
        _idle.clear()
        try:
            if not _ending.is_set():
                with _prompt_turns():
                    work()
        finally:
            _idle.set()


@contextlib.contextmanager
def _prompt_turns() -> Iterator[None]:
    """The interpreter's lock changes hands more often.

    The compiling thread lets go of it at every file that it reads and every call of XLA, and the program,
    busy interpreting, gives it back after 5 ms as a rule: importing JAX, some thousand files, would
    take ten seconds.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    turn = sys.getswitchinterval()
    try:
        yield
    finally:
        if sys.getswitchinterval() == turn:  # else the program has said something meanwhile
            sys.setswitchinterval(before)


_TURN = 1e-4  # seconds


def is_compiling() -> bool:
    """Whether a compilation is under way in the background."""
    return not _idle.is_set()


def stop_compiling() -> None:
    """Lets the compilation under way end, and starts no other: before the interpreter goes.

    A thread that comes back from XLA when Python is gone aborts the process.
    """
    _ending.set()
    _idle.wait()
