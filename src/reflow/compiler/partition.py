"""Nodes cut into clusters and host nodes, and their execution.

Nodes are grouped by *level*: an edge between a device and the host, between two devices, or out of a tensor
whose value has to be known goes up one level; the nodes of one device and level that wait for the same
blocking ops form a cluster. Edges never go down, so no cluster can wait for itself. Steps run one after
the other, or as their inputs arrive (`dataflow`) where some of them may wait for others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.compiler.cluster import Cluster, Recut, as_numpy
from reflow.compiler.context import put_results, run_error
from reflow.compiler.dataflow import Dataflow
from reflow.compiler.folding import fold, state_of
from reflow.compiler.interpreter import Interpreter
from reflow.compiler.late import Places, join_late, just_reads, read_late
from reflow.compiler.ordering import implied_order, order_of_folded
from reflow.compiler.program import body_nodes, dereferenced
from reflow.compiler.rows import each_row
from reflow.lang import dtypes, errors
from reflow.lang.collector import postponed
from reflow.lang.func_graph import FuncGraph, functions_of
from reflow.lang.graph import Operation
from reflow.lang.numpy_namespace import numpy_namespace
from reflow.lang.opdef import group_inputs
from reflow.lang.resource import ResourceHandle
from reflow.lang.tensor import SymbolicTensor

MAX_NODES = 1000  # per cluster: XLA's compile time grows faster than the number of nodes


class Step:
    """A cluster or a host node, the tensors it needs, and the steps that wait for it."""

    __slots__ = ("work", "inputs", "outputs", "waits_for", "followers", "blocking", "host")

    def __init__(self, work: Any, inputs: list[Any], outputs: list[Any], blocking: bool):
        self.work = work
        self.inputs = inputs
        self.outputs = outputs
        self.waits_for = 0
        self.followers: list[int] = []
        self.blocking = blocking
        self.host: HostNode | None = None  # the host node, once it has run


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

    @postponed
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
            Dataflow(self, env, store, run).finish()
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
            host = step.host
            if host is None:
                host = step.host = HostNode(work)
            host.run(values, targets, env, store, run, self.place, self.path)
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


class HostNode:
    """A node that runs in Python and NumPy, made ready once.

    Raises:
      errors.UnimplementedError: if its op has no implementation.
    """

    __slots__ = ("op", "attrs", "holds", "refs")

    def __init__(self, op: Operation):
        self.op = op
        try:
            self.attrs = op.opdef.lower_attrs(op.attrs)
        except errors.OpError as error:
            raise run_error(error, op, ()) from error
        # What a body is called with may stay on its device.
        self.holds = op.opdef.holds or bool(functions_of(op))
        refs = dereferenced(op) if any(t.dtype.is_ref_dtype for t in op.inputs) else ()
        self.refs = [i for i, deref in enumerate(refs) if deref]

    def run(
        self,
        values: list[Any],
        targets: list[int],
        env: list[Any],
        store: Any,
        run: Any = None,
        place: Any = None,
        path: tuple[Any, ...] = (),
    ) -> None:
        """Puts the outputs for `values` of the inputs in the slots `targets` of `env`."""
        op = self.op
        opdef = op.opdef
        if not self.holds:
            values = [as_numpy(v) for v in values]
        given: Any = numpy_namespace
        if opdef.context or self.refs:
            context = HostContext(store, run, op, place, path)
            for i in self.refs:
                if isinstance(values[i], ResourceHandle):
                    values[i] = context.read(values[i])
            if opdef.context:
                given = context
        grouped = values if opdef._simple else group_inputs(opdef, values, op.attrs)
        try:
            with np.errstate(all="ignore"):
                result = opdef.lower(given, *grouped, **self.attrs)
        except Exception as error:
            raise run_error(error, op, values) from error
        put_results(op, result, targets, env)
