"""From fetches and feeds to a plan: prune, fold, place, cut into clusters and host nodes.

A plan is made once for a set of fetches and feeds of a graph and then run many times. Nodes are
grouped by *level*: an edge between a device and the host, between two devices, or out of a tensor
whose value has to be known goes up one level; the nodes of one device and level that wait for the same
blocking ops form a cluster. Edges never go down, so no cluster can wait for itself.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence, Set
from typing import Any

import numpy as np

from reflow.compiler.cluster import Cluster, Recut, as_numpy
from reflow.compiler.evaluate import (
    Context,
    Interpreter,
    body_nodes,
    dereferenced,
    flat_results,
    node_state,
    run_error,
    uninitialized,
)
from reflow.compiler.late import Places, join_late, just_reads, read_late
from reflow.compiler.ordering import implied_order, order_of_folded
from reflow.compiler.rows import each_row
from reflow.compiler.stats import count, record
from reflow.lang import dtypes, errors
from reflow.lang.func_graph import FuncGraph, call_arguments, functions_of
from reflow.lang.graph import Operation, topological
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import arg_length, group_inputs
from reflow.lang.resource import ResourceHandle
from reflow.lang.tensor import SymbolicTensor

_FOLD_LIMIT = 1 << 16  # elements: larger results are computed in the cluster
MAX_NODES = 1000  # per cluster: XLA's compile time grows faster than the number of nodes


class Plan:
    """How to compute `fetches` of a graph from `feeds`.

    Args:
      fetches: tensors whose values are returned, and nodes that are to run.
      feeds: tensors whose values are given.
      place: from a node to the short name of its device.
      done: nodes that have run already, whose outputs are among the feeds where they are needed.
    """

    def __init__(
        self,
        fetches: Sequence[SymbolicTensor | Operation],
        feeds: Sequence[SymbolicTensor] = (),
        place: Any = None,
        done: Set[Operation] = frozenset(),
    ):
        tensors = [f for f in fetches if isinstance(f, SymbolicTensor)]
        targets = [f for f in fetches if isinstance(f, Operation)]
        fed = {id(t) for t in feeds}
        needed = prune([t.op for t in tensors if id(t) not in fed] + targets, feeds, done)
        self.feeds = list(feeds)
        self.outputs = tensors
        self.references = [i for i, t in enumerate(tensors) if t.dtype.is_ref_dtype]
        self.nodes = topological(needed)
        self.unfed = [op for op in self.nodes if op.opdef.name in _PLACEHOLDERS]
        if place is not None:
            place.check(sorted(needed, key=lambda op: op._id))
        count("plans")
        self.part = Partition(self.nodes, self.feeds, tensors, {}, place=place)
        record(
            "plan",
            fetches=[f.name for f in fetches][:8],
            nodes=len(needed),
            clusters=sum(isinstance(s.work, Cluster) for s in self.part.steps),
            host=[s.work.name for s in self.part.steps if isinstance(s.work, Operation)][:20],
            folded=len(self.part.constants),
        )

    def run(self, values: Sequence[Any], store: Any, run: Any = None) -> list[Any]:
        """The values of the fetched tensors, for `values` of the feeds."""
        if self.unfed:
            op = self.unfed[0]
            shape = op.outputs[0].shape
            raise errors.InvalidArgumentError(
                None,
                op,
                f"{errors.where(op.site)}: You must feed a value for placeholder tensor "
                f"'{op.name}' with dtype {op.outputs[0].dtype.name} and shape {shape}: "
                f"session.run(..., feed_dict={{{op.name}: value}}).",
            )
        outputs = self.part.run(values, store, run)
        for i in self.references:
            outputs[i] = self._value(outputs[i], i, store)
        return outputs

    def _value(self, handle: Any, i: int, store: Any) -> Any:
        """What a fetched reference refers to, at the end of the run."""
        if not isinstance(handle, ResourceHandle):
            return handle  # it was fed
        value = store.get(handle)
        if value is None:
            raise uninitialized(handle, self.outputs[i].op)
        return value


_PLACEHOLDERS = ("Placeholder", "PlaceholderV2")


def prune(
    roots: Iterable[Operation],
    feeds: Iterable[SymbolicTensor],
    done: Set[Operation] = frozenset(),
) -> set[Operation]:
    """The nodes that `roots` need, walking backwards and stopping at feeds and at `done`."""
    fed = {id(t) for t in feeds}
    needed: set[Operation] = set()
    stack = list(roots)
    while stack:
        op = stack.pop()
        if op in needed or op in done:
            continue
        needed.add(op)
        for tensor in op.inputs:
            if id(tensor) not in fed:
                stack.append(tensor.op)
        stack.extend(op._control_inputs)
    return needed


class Step:
    """A cluster or a host node, the tensors it needs, and the steps that wait for it."""

    __slots__ = ("work", "inputs", "outputs", "waits_for", "followers", "blocking")

    def __init__(self, work: Any, inputs: list[Any], outputs: list[Any], blocking: bool):
        self.work = work
        self.inputs = inputs
        self.outputs = outputs
        self.waits_for = 0
        self.followers: list[int] = []
        self.blocking = blocking


class Partition:
    """Nodes cut into steps, and the execution of the steps as their inputs arrive.

    Args:
      nodes: in an order that respects their edges.
      inputs: the tensors that are given.
      outputs: the tensors that are wanted.
      constants: tensors whose values are known already, by `id`.
      cuts: tensors (by `id`) whose value has to be known by the ops that take them.
      on_host: nodes that cannot be part of an executable.
      path: the calls around the nodes, when they are the body of a function.
      ends: tensors (by `id`) that end a cluster, because a loop's number of iterations follows.
      loops: the loops for which that is so.
      ordered: whether side effects happen in the order in which the nodes were made, as in functions.
    """

    def __init__(
        self,
        nodes: Sequence[Operation],
        inputs: Sequence[SymbolicTensor],
        outputs: Sequence[SymbolicTensor],
        constants: dict[int, tuple[SymbolicTensor, Any]],
        cuts: frozenset[int] = frozenset(),
        on_host: frozenset[Operation] = frozenset(),
        place: Any = None,
        path: tuple[Any, ...] = (),
        ends: frozenset[int] = frozenset(),
        loops: frozenset[Operation] = frozenset(),
        ordered: bool = False,
    ):
        self.ordered = ordered
        self.ends = ends
        self.loops = loops
        self.path = path
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        self.cuts = cuts
        self.on_host = on_host
        self.place = place
        self.constants = dict(constants)
        given = self._given = {id(t) for t in inputs if not _is_known(t, constants)}
        rest = fold(nodes, given, self.constants)
        self._waits = implied_order(rest) if ordered else {}
        for op, before in order_of_folded(nodes, rest).items():
            self._waits.setdefault(op, []).extend(before)
        self.steps = self._cut(rest, given)
        self.blocking = any(step.blocking for step in self.steps)
        self._slots()

    # Making --------------------------------------------------------------------------------------

    def _cut(self, nodes: Sequence[Operation], given: set[int]) -> list[Step]:
        members = set(nodes)
        places: Places = {}
        users: dict[Operation, list[Operation]] = {}  # of the nodes that just read a variable
        empty: frozenset[Operation] = frozenset()
        for op in nodes:
            where = self._domain(op)
            at, waits = 0, empty
            for tensor in op.inputs:
                before = tensor.op
                if id(tensor) in given or before not in members:
                    continue
                level, domain, blockers = places[before]
                up = domain != where or where is None or id(tensor) in self.cuts
                at = max(at, level + (up or id(tensor) in self.ends))
                waits = _union(waits, blockers)
                if before in users:
                    users[before].append(op)
            for before in (*op._control_inputs, *self._waits.get(op, ())):
                if before in members:
                    level, domain, blockers = places[before]
                    at = max(at, level + (domain != where or where is None))
                    waits = _union(waits, blockers)
                    if before in users:
                        users[before].append(op)
            if may_block(op):
                waits = waits | {op}
            places[op] = at, where, waits
            if where is not None and just_reads(op, users):
                users[op] = []
        read_late(places, users, {t.op for t in self.outputs})
        join_late(places, self._waits, given, self.constants, self.cuts | self.ends, MAX_NODES)
        groups: dict[Any, list[Operation]] = {}
        for op, (at, where, waits) in places.items():
            groups.setdefault((at, op) if where is None else (at, where, waits), []).append(op)
        order = sorted(groups.items(), key=lambda item: (item[0][0], item[1][0]._id))
        pieces: list[Any] = []
        for key, group in order:
            for start in range(0, len(group), MAX_NODES):
                pieces.append((key, group[start : start + MAX_NODES]))
        return self._make_steps(pieces, {op: place[1] for op, place in places.items()})

    def _domain(self, op: Operation) -> str | None:
        if op in self.on_host or runs_on_host(op):
            return None
        return self.place(op) if self.place is not None else op.device

    def _make_steps(self, groups: list[Any], domain: dict[Operation, Any]) -> list[Step]:
        home: dict[Operation, int] = {}
        for i, (_, group) in enumerate(groups):
            for op in group:
                home[op] = i
        wanted_outside: list[dict[int, SymbolicTensor]] = [{} for _ in groups]
        takes: list[dict[int, SymbolicTensor]] = [{} for _ in groups]
        after: list[set[int]] = [set() for _ in groups]
        for i, (_, group) in enumerate(groups):
            for op in group:
                for tensor in op.inputs:
                    if id(tensor) in self.constants:
                        continue
                    source = home.get(tensor.op)
                    if id(tensor) in self._given or source is None:
                        takes[i][id(tensor)] = tensor
                    elif source != i:
                        takes[i][id(tensor)] = tensor
                        wanted_outside[source][id(tensor)] = tensor
                        after[i].add(source)
                for control in (*op._control_inputs, *self._waits.get(op, ())):
                    source = home.get(control)
                    if source is not None and source != i:
                        after[i].add(source)
        for i in range(1, len(groups)):
            if (
                groups[i][0] == groups[i - 1][0]
            ):  # pieces of one group share state: keep their order
                after[i].add(i - 1)
        for tensor in self.outputs:
            if tensor.op in home and id(tensor) not in self._given:
                wanted_outside[home[tensor.op]][id(tensor)] = tensor
        steps = []
        for i, (key, group) in enumerate(groups):
            inputs = list(takes[i].values())
            if domain[group[0]] is None:
                op = group[0]
                step = Step(op, inputs, list(op.outputs), may_block(op))
            else:
                outputs = list(wanted_outside[i].values())
                used = {id(t) for op in group for t in op.inputs}
                constants = {k: v for k, v in self.constants.items() if k in used}
                reads, writes = state_of(group, self.constants, self.path)
                loops = [op for op in group if op in self.loops]
                work = Cluster(
                    group, inputs, constants, outputs, reads, writes, key[1], self.path, loops
                )
                for position, tensor in enumerate(inputs):
                    if id(tensor) in self.cuts and position not in work.lists:
                        work.static.add(position)
                step = Step(work, inputs, outputs, False)
            step.waits_for = len(after[i])
            steps.append(step)
        for i, sources in enumerate(after):
            for source in sources:
                steps[source].followers.append(i)
        return steps

    def _slots(self) -> None:
        """Numbers the tensors that pass between steps."""
        slots: dict[int, int] = {}
        initial: list[Any] = []

        def slot(tensor: SymbolicTensor) -> int:
            found = slots.get(id(tensor))
            if found is None:
                found = slots[id(tensor)] = len(slots)
                known = self.constants.get(id(tensor))
                initial.append(None if known is None else known[1])
            return found

        self.input_slots = [slot(t) for t in self.inputs]
        self.moves = []
        for step in self.steps:
            takes = step.inputs if isinstance(step.work, Cluster) else step.work.inputs
            self.moves.append(([slot(t) for t in takes], [slot(t) for t in step.outputs]))
        self.output_slots = [slot(t) for t in self.outputs]
        self.initial = initial
        last = {s: i for i, (sources, _) in enumerate(self.moves) for s in sources}
        self.done: list[list[int]] = [[] for _ in self.moves]  # slots not needed after each step
        for s, i in last.items():
            if s not in self.output_slots:
                self.done[i].append(s)

    def compiled_handles(self) -> set[ResourceHandle]:
        """The handles on which executables depend; lets go of the others that are given to each run."""
        clusters = [step.work for step in self.steps if isinstance(step.work, Cluster)]
        found = {handle for work in clusters for handle in (*work.reads, *work.writes)}
        found.update(v for work in clusters for v in work.known if isinstance(v, ResourceHandle))
        for tensor, slot in zip(self.inputs, self.input_slots):
            if isinstance(self.initial[slot], ResourceHandle) and self.initial[slot] not in found:
                self.initial[slot] = None
                del self.constants[id(tensor)]
        return found

    # Running -------------------------------------------------------------------------------------

    def run(self, values: Sequence[Any], store: Any, run: Any = None) -> list[Any]:
        env = self.initial.copy()
        for slot, value in zip(self.input_slots, values):
            env[slot] = value
        if self.blocking:
            _Dataflow(self, env, store, run).finish()
        else:
            for i, step in enumerate(self.steps):
                self.run_step(i, step, env, store, run)
                for slot in self.done[i]:
                    env[slot] = None
                if run is not None and run.cancelled:
                    run.check()
        return [env[slot] for slot in self.output_slots]

    def run_step(self, i: int, step: Step, env: list[Any], store: Any, run: Any) -> None:
        sources, targets = self.moves[i]
        work = step.work
        values = [env[s] for s in sources]
        trace = None if run is None else run.trace
        if isinstance(work, Operation):
            began = 0 if trace is None else time.time_ns()
            run_host_node(work, values, targets, env, store, run, self.place, self.path)
            if trace is not None:
                trace.node(work, began, [env[t] for t in targets])
            return
        try:
            if isinstance(work, Partition):
                outputs = work.run(values, store, run)
            elif trace is not None:
                outputs = trace.cluster(work, values, store)
            else:
                outputs = work.run(values, store)
        except Recut as recut:
            step.work = work = self._recut(work, recut)
            outputs = work.run(values, store, run)
        for slot, value in zip(targets, outputs):
            env[slot] = value

    def _recut(self, cluster: Any, recut: Recut) -> Partition:
        """The cluster cut in parts, or made again with another key."""
        cuts, host = self.cuts, self.on_host
        if recut.tensor is not None:
            cuts = cuts | {id(recut.tensor)}
        if recut.node is not None:
            host = host | {recut.node}
        cuts |= {id(cluster.inputs[i]) for i in cluster.static}
        ends = self.ends | {id(t) for t in recut.ends}
        loops = self.loops if recut.loop is None else self.loops | {recut.loop}
        constants = {id(t): (t, v) for t, v in cluster.constants}
        return Partition(
            cluster.nodes,
            cluster.inputs,
            cluster.outputs,
            constants,
            cuts,
            host,
            self.place,
            self.path,
            ends,
            loops,
            self.ordered,
        )


def _is_known(tensor: SymbolicTensor, constants: dict[int, Any]) -> bool:
    """Whether what is given for an input is known already."""
    found = constants.get(id(tensor))
    return found is not None and not isinstance(found[1], ResourceHandle)


def _union(a: frozenset, b: frozenset) -> frozenset:
    if a is b or not b:
        return a
    return b if not a else a | b


def runs_on_host(op: Operation) -> bool:
    """Whether a node cannot be part of an executable: no XLA form, strings, or such a body."""
    cached = op.__dict__.get("_host")
    if cached is None:
        opdef = op.opdef
        cached = (
            not opdef.compile
            or any(t.dtype.base_dtype is dtypes.string for t in (*op.inputs, *op.outputs))
            or any(runs_on_host(node) for f in functions_of(op) for node in body_nodes(f))
        )
        op.__dict__["_host"] = cached
    return cached


def may_block(op: Operation) -> bool:
    """Whether a node, or one in a body that it calls, may wait for another op."""
    cached = op.__dict__.get("_blocks")
    if cached is None:
        cached = op.opdef.blocking or any(may_block(n) for f in functions_of(op) for n in f._nodes)
        op.__dict__["_blocks"] = cached
    return cached


def fold(
    nodes: Sequence[Operation], given: set[int], constants: dict[int, tuple[SymbolicTensor, Any]]
) -> list[Operation]:
    """Moves into `constants` what follows from constants and handles; the nodes that remain."""
    rest = []
    maker = _HandleMaker()
    for op in nodes:
        opdef = op.opdef
        if opdef.handle:
            maker.op = op
            constants[id(op.outputs[0])] = (
                op.outputs[0],
                opdef.lower(maker, **opdef.lower_attrs(op.attrs)),
            )
            continue
        if opdef.name == "Const":
            constants[id(op.outputs[0])] = (op.outputs[0], op.attrs["value"])
            continue
        if opdef.name == "NoOp" and not op._control_inputs:
            continue
        if (
            opdef.context
            or not opdef.interpret
            or not op.inputs
            or op._control_inputs
            or any(id(t) in given or id(t) not in constants for t in op.inputs)
            or op.opdef.name in _PLACEHOLDERS
            or functions_of(op)
        ):
            rest.append(op)
            continue
        values = [constants[id(t)][1] for t in op.inputs]
        if any(getattr(v, "size", _FOLD_LIMIT + 1) > _FOLD_LIMIT for v in values) or any(
            (t.shape.num_elements() or 0) > _FOLD_LIMIT for t in op.outputs
        ):
            rest.append(op)
            continue
        try:
            with np.errstate(all="ignore"):
                result = opdef.lower(
                    numpy_namespace,
                    *group_inputs(opdef, values, op.attrs),
                    **opdef.lower_attrs(op.attrs),
                )
        except Exception:
            rest.append(op)  # it fails when it runs, and only if it runs
            continue
        flat: list[Any] = [None] * len(op.outputs)
        flat_results(op, result, list(range(len(flat))), flat)
        for tensor, value in zip(op.outputs, flat):
            constants[id(tensor)] = (tensor, value)
    return rest


class _HandleMaker(Context):
    """The context of ops that only name state."""

    xp = numpy_namespace


def state_of(
    nodes: Sequence[Operation],
    constants: dict[int, tuple[SymbolicTensor, Any]],
    path: tuple[Any, ...] = (),
) -> tuple[list[ResourceHandle], list[ResourceHandle]]:
    """The handles whose state `nodes` read, and those whose state they write.

    `path` is the calls around the nodes, which tells the hidden state of their copies apart.
    """
    reads: dict[ResourceHandle, None] = {}
    writes: dict[ResourceHandle, None] = {}

    def visit(op: Operation, handle_of: Any, path: tuple[Any, ...]) -> None:
        opdef = op.opdef
        if opdef.random:
            writes[node_state(op, opdef.name, path)] = None
        index = 0
        for arg in opdef.inputs:
            for tensor in op.inputs[index : index + arg_length(arg, op.attrs)]:
                if tensor.dtype.is_ref_dtype or tensor.dtype is dtypes.resource:
                    handle = handle_of(tensor)
                    if handle is not None:
                        if arg.name in opdef.writes:
                            writes[handle] = None
                        elif not functions_of(op):
                            reads[handle] = None
            index += arg_length(arg, op.attrs)
        for function in functions_of(op):
            inner = dict(zip((id(t) for t in function.inputs), call_arguments(op, function)))

            def look(tensor, inner=inner, handle_of=handle_of):
                outer = inner.get(id(tensor))
                if outer is None:
                    return _handle_through(tensor, look_again)
                return handle_of(outer)

            def look_again(tensor, look=look):
                return look(tensor)

            for node in body_nodes(function):
                visit(node, look, (*path, op.name))

    def known(tensor: SymbolicTensor) -> ResourceHandle | None:
        found = constants.get(id(tensor))
        if found is not None:
            return found[1] if isinstance(found[1], ResourceHandle) else None
        return _handle_through(tensor, known)

    for op in nodes:
        visit(op, known, path)
    return list(reads), list(writes)


def _handle_through(tensor: SymbolicTensor, handle_of: Any) -> ResourceHandle | None:
    """The handle behind a reference that an op such as Assign passes on."""
    op = tensor.op
    if tensor.dtype.is_ref_dtype or tensor.dtype is dtypes.resource:
        if op.opdef.handle:
            maker = _HandleMaker()
            maker.op = op
            return op.opdef.lower(maker, **op.opdef.lower_attrs(op.attrs))
        for source in op.inputs:
            if source.dtype is tensor.dtype:
                return handle_of(source)
    return None


# Host nodes ---------------------------------------------------------------------------------------


class HostContext(Interpreter):
    """What a host node's lowering sees: NumPy arrays, and calls that run as plans of their own."""

    def __init__(self, store: Any, run: Any, op: Operation, place: Any, path: tuple[Any, ...] = ()):
        super().__init__(store)
        self.run_options = run
        self.op = op
        self.place = place
        self.path = path

    def call(self, function: FuncGraph, args: Sequence[Any]) -> list[Any]:
        part = plan_of(function, args, self.place, (*self.path, self.op.name))
        return part.run(args, self.store, self.run_options)

    def rows(
        self, function: FuncGraph, arguments: Sequence[Any], captured: Sequence[Any]
    ) -> list[Any]:
        arguments = [as_numpy(a) for a in arguments]
        return each_row(self, function, arguments, captured)

    def loop(self, cond: FuncGraph, body: FuncGraph, args: Sequence[Any]) -> Sequence[Any]:
        path = (*self.path, self.op.name)
        condition = plan_of(cond, args, self.place, path)
        iteration = plan_of(body, args, self.place, path)
        store, run = self.store, self.run_options
        while bool(condition.run(args, store, run)[0]):
            args = iteration.run(args, store, run)
            if run is not None:
                run.check()
        return args


def plan_of(
    function: FuncGraph, args: Sequence[Any], place: Any, path: tuple[Any, ...]
) -> Partition:
    """The partition of a function body that is driven from the host, for the handles in `args`.

    Executables belong to the variables that they read and write: for others there is another partition.
    What only host nodes take, such as an iterator, may be another one in each call.
    """
    key = (function.version, function.mutations, place, path)
    cached = function.__dict__.get("_plan")
    if cached is not None and cached[0] == key:
        for i, handle in cached[1]:
            if args[i] is not handle and args[i] != handle:
                break
        else:
            return cached[2]
    constants = {id(t): (t, t._known_value) for t in function.inputs if t._known_value is not None}
    handles = [(i, v) for i, v in enumerate(args) if isinstance(v, ResourceHandle)]
    constants |= {id(function.inputs[i]): (function.inputs[i], v) for i, v in handles}
    part = Partition(
        body_nodes(function),
        function.inputs,
        function.outputs,
        constants,
        place=place,
        path=path,
        ordered=function.side_effects,
    )
    compiled = part.compiled_handles()
    function.__dict__["_plan"] = (key, [(i, v) for i, v in handles if v in compiled], part)
    return part


def run_host_node(
    op: Operation,
    values: list[Any],
    targets: list[int],
    env: list[Any],
    store: Any,
    run: Any,
    place: Any = None,
    path: tuple[Any, ...] = (),
) -> None:
    """Executes one node in Python and NumPy."""
    opdef = op.opdef
    # What a body is called with may stay on its device.
    if not opdef.holds and not functions_of(op):
        values = [as_numpy(v) for v in values]
    context = HostContext(store, run, op, place, path)
    for i, (tensor, value) in enumerate(zip(op.inputs, values)):
        if tensor.dtype.is_ref_dtype and isinstance(value, ResourceHandle):
            if dereferenced(op)[i]:
                values[i] = context.read(value)
    grouped = group_inputs(opdef, values, op.attrs)
    try:
        with np.errstate(all="ignore"):
            attrs = opdef.lower_attrs(op.attrs)
            result = opdef.lower(context if opdef.context else numpy_namespace, *grouped, **attrs)
    except Exception as error:
        raise run_error(error, op, values) from error
    if targets:
        flat_results(op, result, targets, env)


class _Dataflow:
    """Runs the steps of a partition as their inputs arrive.

    A blocking one runs in a thread of its own, unless nothing else could go on meanwhile.
    """

    def __init__(self, part: Partition, env: list[Any], store: Any, run: Any):
        self.part, self.env, self.store, self.run = part, env, store, run
        self.left = [step.waits_for for step in part.steps]
        self.ready = deque(i for i, n in enumerate(self.left) if n == 0)
        self.unfinished = len(part.steps)
        self.running = 0  # in threads
        self.changed = threading.Condition()
        self.error: BaseException | None = None

    def finish(self) -> None:
        try:
            self._run_all()
        except BaseException:
            if self.run is not None:
                self.run.abort()  # what still waits in a thread is not to take an element later
            self.env[:] = [None] * len(self.env)  # locks among the values are given back
            raise

    def _run_all(self) -> None:
        while True:
            with self.changed:
                while not self.ready and self.unfinished and self.error is None:
                    self.changed.wait(0.1)
                    if self.run is not None:
                        self.run.check()
                if self.error is not None:
                    raise self.error
                if not self.unfinished:
                    return
                i = self.ready.popleft()
                step = self.part.steps[i]
                in_thread = step.blocking and bool(self.ready or self.running)
                self.running += in_thread
            if in_thread:
                threading.Thread(target=self._in_thread, args=(i,), daemon=True).start()
            else:
                self.part.run_step(i, step, self.env, self.store, self.run)
                self._done(i)

    def _in_thread(self, i: int) -> None:
        try:
            self.part.run_step(i, self.part.steps[i], self.env, self.store, self.run)
        except BaseException as error:
            with self.changed:
                self.error = self.error or error
                self.changed.notify_all()
            return
        with self.changed:
            self.running -= 1
        self._done(i)

    def _done(self, i: int) -> None:
        with self.changed:
            self.unfinished -= 1
            for follower in self.part.steps[i].followers:
                self.left[follower] -= 1
                if self.left[follower] == 0:
                    self.ready.append(follower)
            self.changed.notify_all()
