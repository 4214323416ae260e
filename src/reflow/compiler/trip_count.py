"""How often a loop runs, as far as it follows from values that are known when it is compiled.

The condition is a conjunction of terms. A term whose loop variables start from known values and change
in a known way can be run in NumPy, ahead of the loop: if all terms are such, the number of iterations is
exact; if some are, it is a bound. A counter that is compared with a limit is not even run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.compiler.interpreter import Interpreter
from reflow.compiler.program import Program
from reflow.lang.dtypes import int32, int64
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Operation, topological
from reflow.lang.slices import Slice, is_pure
from reflow.lang.slices import slice_of as slice_within
from reflow.lang.tensor import SymbolicTensor

_LIMIT = 100_000  # iterations that are run ahead of the loop
_MANY = 1 << 20  # iterations: the values of more are not listed
_LARGE = 1 << 10  # elements: conditions on larger values are left to the loop


def slice_of(function: FuncGraph, tensor: SymbolicTensor, reading: bool = False) -> Slice | None:
    """The slice behind `tensor`; None if it holds a node with side effects, or one that is no NumPy.

    With `reading` it may hold nodes that read variables.
    """

    def allowed(node: Operation) -> bool:
        return node.opdef.interpret and is_pure(node, reading)

    return slice_within(function, tensor, allowed)


def roots(function: FuncGraph, tensor: SymbolicTensor) -> list[int] | None:
    """The inputs of `function` that `tensor` is computed from, where nothing else has a part in it."""
    found = slice_of(function, tensor)
    return None if found is None else found.inputs


class _Term:
    """One term of a condition: its slice, and the loop variables that decide it."""

    __slots__ = ("slice", "drivers", "counter")

    def __init__(self, slice: Slice, drivers: frozenset[int], counter: Any):
        self.slice = slice
        self.drivers = drivers
        self.counter = counter  # (variable, its step, the limit's position or None, offset) or None


class TripCount:
    """How often a loop with these inputs runs.

    Attributes:
      exact: the number of iterations; None when it is not known.
      bound: no more iterations than this; None when nothing is known.
      finals: values of loop variables after the last iteration, by position, when exact.
      ranges: by the id of a tensor of the body, its least and its largest value.
      sequences: by the id of a tensor of the body, its values in all iterations, when exact.
    """

    __slots__ = ("exact", "bound", "finals", "ranges", "sequences")

    def __init__(self) -> None:
        self.exact: int | None = None
        self.bound: int | None = None
        self.finals: dict[int, Any] = {}
        self.ranges: dict[int, tuple[int, int]] = {}
        self.sequences: dict[int, np.ndarray] = {}


class LoopFacts:
    """What is known of a loop from its graphs alone.

    Attributes:
      invariant: for each loop variable, whether the body returns it as it came.
    """

    def __init__(self, cond: FuncGraph, body: FuncGraph):
        self.cond, self.body = cond, body
        self.invariant = [through(y) is x for x, y in zip(body.inputs, body.outputs)]
        self._updates: dict[int, Slice | None] = {}
        self.terms: list[_Term | None] = [
            self._term(tensor) for tensor in _conjuncts(cond.outputs[0])
        ]
        effects = any(n.opdef.stateful and n.opdef.name != "Placeholder" for n in cond._nodes)
        if effects:
            self.terms = [None]

    def _update(self, i: int) -> Slice | None:
        if i not in self._updates:
            self._updates[i] = slice_of(self.body, self.body.outputs[i])
        return self._updates[i]

    def _term(self, tensor: SymbolicTensor) -> _Term | None:
        found = slice_of(self.cond, tensor)
        if found is None:
            return None
        drivers = set(found.inputs)
        todo = list(drivers)
        while todo:
            i = todo.pop()
            if self.invariant[i]:
                continue
            update = self._update(i)
            if update is None:
                return None
            for j in update.inputs:
                if j not in drivers:
                    drivers.add(j)
                    todo.append(j)
        return _Term(found, frozenset(drivers), self._counter(tensor))

    def _counter(self, tensor: SymbolicTensor) -> Any:
        """For `i < limit` with `i` growing by a constant: the positions and numbers that say so."""
        node = through(tensor).op
        if node.type not in ("Less", "LessEqual"):
            return None
        position = {id(t): i for i, t in enumerate(self.cond.inputs)}
        variable = position.get(id(through(node.inputs[0])))
        if variable is None or self.invariant[variable]:
            return None
        limit = through(node.inputs[1])
        if id(limit) in position:
            where: Any = position[id(limit)]
            if not self.invariant[where]:
                return None
            value = None
        elif limit.op.type == "Const":
            where, value = None, limit.op.attrs["value"]
        else:
            return None
        step = self._step(variable)
        if step is None or step <= 0:
            return None
        return variable, step, where, value, node.type == "LessEqual"

    def _step(self, variable: int) -> int | None:
        node = through(self.body.outputs[variable]).op
        if node.type not in ("AddV2", "Add"):
            return None
        x, y = (through(t) for t in node.inputs)
        mine = self.body.inputs[variable]
        if y is mine:
            x, y = y, x
        if mine.shape.rank != 0 or not mine.dtype.is_integer:
            return None
        if x is not mine or y.op.type != "Const" or y.shape.rank != 0:
            return None
        return int(y.op.attrs["value"])

    # With values ---------------------------------------------------------------------------------

    @property
    def drivers(self) -> frozenset[int]:
        """The loop variables that decide how often it runs, as far as they can be run ahead."""
        return frozenset().union(*(term.drivers for term in self.terms if term is not None))

    def limiting(self, args: Sequence[Any]) -> list[int] | None:
        """The loop variables that would have to be known to tell how often it runs at the most."""
        choices = [
            [i for i in sorted(term.drivers) if not _is_known(args[i])]
            for term in self.terms
            if term is not None and self._is_exact(term)
        ]
        return min(choices, key=len) if choices else None

    def _is_exact(self, term: _Term) -> bool:
        """Whether NumPy and XLA agree on a term to the last bit: it is about integers and booleans."""
        tensors = [t for node in term.slice.nodes for t in node.inputs]
        for i in term.drivers:
            tensors.append(self.body.inputs[i])
            update = None if self.invariant[i] else self._update(i)
            if update is not None:
                tensors += [t for node in update.nodes for t in node.inputs]
        return all(t.dtype.is_integer or t.dtype.is_bool for t in tensors)

    def trip_count(
        self, args: Sequence[Any], ranges: bool = True, limit: int | None = None
    ) -> TripCount:
        """The number of iterations for these values of the loop variables, known or not.

        Without `ranges`, those of the values in the body are not found out. `limit` is a number of
        iterations that is not exceeded, where that is known otherwise.
        """
        result = TripCount()
        known = [
            term
            for term in self.terms
            if term is not None
            and all(_is_known(args[i]) for i in term.drivers)
            and self._is_exact(term)
        ]
        if not known and limit is None:
            return result
        count = self._count(known, args) if known else (limit, {}, {})
        if count is None:
            return result
        bound, sequences, finals = count
        for i, still in enumerate(self.invariant):  # counters that the condition does not look at
            step = None if still or i in finals else self._step(i)
            if step is not None and _is_known(args[i]):
                sequences[i], finals[i] = _arithmetic(args[i], step, bound)
        result.bound = bound
        if known and len(known) == len(self.terms):
            result.exact, result.finals = bound, finals
        if ranges:
            self._find_ranges(result, sequences, args)
        return result

    def _count(self, terms: list[_Term], args: Sequence[Any]) -> Any:
        if all(term.counter is not None for term in terms):
            counts = []
            for term in terms:
                variable, step, where, value, equal = term.counter
                limit = int(args[where] if where is not None else value) + equal
                counts.append(max(0, -((int(args[variable]) - limit) // step)))
            count = min(counts)
            sequences, finals = {}, {}
            for term in terms:
                variable, step, *_ = term.counter
                sequences[variable], finals[variable] = _arithmetic(args[variable], step, count)
            return count, sequences, finals
        return self._run_ahead(terms, args)

    def _run_ahead(self, terms: list[_Term], args: Sequence[Any]) -> Any:
        drivers = sorted(frozenset().union(*(term.drivers for term in terms)))
        moving = [i for i in drivers if not self.invariant[i]]
        tests = _program(self.cond, [term.slice for term in terms], drivers)
        updates = [self._update(i) for i in moving]
        assert all(update is not None for update in updates)
        steps = _program(self.body, updates, drivers)  # type: ignore[arg-type]
        interpreter = Interpreter(None)
        values = {i: args[i] for i in drivers}
        history: dict[int, list[Any]] = {i: [] for i in moving}
        count = 0
        try:
            with np.errstate(all="ignore"):
                while all(bool(v) for v in interpreter.run(tests, [values[i] for i in drivers])):
                    if count >= _LIMIT:
                        return None
                    for i in moving:
                        history[i].append(values[i])
                    new = interpreter.run(steps, [values[i] for i in drivers])
                    values.update(zip(moving, new))
                    count += 1
        except Exception:
            return None  # it fails in the loop as well, where the error is told
        sequences = {
            i: np.array(seen, np.int64)
            for i, seen in history.items()
            if np.ndim(args[i]) == 0 and np.asarray(args[i]).dtype.kind in "iu"
        }
        return count, sequences, {i: values[i] for i in moving}

    def _find_ranges(
        self, result: TripCount, sequences: dict[int, np.ndarray], args: Sequence[Any]
    ) -> None:
        """The values that integers of the body take, where they follow from the counters."""
        if not result.bound or not sequences:
            return
        seen: dict[int, Any] = {}
        for i, values in sequences.items():
            if values is not None:
                seen[id(self.body.inputs[i])] = values
        for i, value in enumerate(args):
            if self.invariant[i] and _is_known(value) and np.ndim(value) == 0:
                if np.asarray(value).dtype.kind in "iu":
                    seen[id(self.body.inputs[i])] = np.int64(value)
        for node in self.body._nodes:
            if node.type == "Const":
                value = node.attrs["value"]
                if value.ndim == 0 and value.dtype.kind in "iu":
                    seen[id(node.outputs[0])] = np.int64(value)
                continue
            form = _ELEMENTWISE.get(node.type)
            if form is None or node.outputs[0].dtype not in (int32, int64):
                continue
            operands = [seen.get(id(t)) for t in node.inputs]
            if any(each is None for each in operands):
                continue
            with np.errstate(all="ignore"):
                seen[id(node.outputs[0])] = form(*operands)
        for key, values in seen.items():
            if np.size(values):
                result.ranges[key] = int(np.min(values)), int(np.max(values))
                if result.exact is not None and np.ndim(values):
                    result.sequences[key] = values


def _arithmetic(start: Any, step: int, count: int) -> tuple[np.ndarray | None, np.ndarray]:
    """The values that an integer takes in `count` iterations (None: too many), and the one after."""
    first, dtype = int(start), np.asarray(start).dtype
    values = first + step * np.arange(count) if count <= _MANY else None
    return values, np.asarray(first + step * count).astype(dtype)


_ELEMENTWISE: dict[str, Any] = {
    "Identity": lambda x: x,
    "Cast": lambda x: x,
    "AddV2": np.add,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Minimum": np.minimum,
    "Maximum": np.maximum,
    "FloorDiv": np.floor_divide,
    "FloorMod": np.mod,
}


def through(tensor: SymbolicTensor) -> SymbolicTensor:
    """The tensor behind identities."""
    while tensor.op.type == "Identity" and not tensor.op._control_inputs:
        tensor = tensor.op.inputs[0]
    return tensor


def _conjuncts(tensor: SymbolicTensor) -> list[SymbolicTensor]:
    tensor = through(tensor)
    if tensor.op.type == "LogicalAnd":
        return [part for each in tensor.op.inputs for part in _conjuncts(each)]
    if tensor.op.type in ("Squeeze", "Reshape") and tensor.shape.rank == 0:
        return _conjuncts(tensor.op.inputs[0])
    return [tensor]


def _program(function: FuncGraph, slices: Sequence[Slice], drivers: Sequence[int]) -> Program:
    nodes = topological({node for each in slices for node in each.nodes})
    inputs = [function.inputs[i] for i in drivers]
    return Program(nodes, inputs, [each.tensor for each in slices])


def _is_known(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic)) and value.size <= _LARGE


class LoopLimit:
    """How often a loop of a cluster runs at the most, from the values of the cluster's inputs.

    Args:
      op: the loop.
      positions: of the inputs of the cluster, by the ids of their tensors.
      constants: values that are known, by the ids of their tensors.
    """

    def __init__(self, op: Operation, positions: dict[int, int], constants: dict[int, Any]):
        self.facts = loop_facts(op.attrs["cond"], op.attrs["body"])
        self.sources = [
            (positions.get(id(t)), constants.get(id(t)))
            if i in self.facts.drivers
            else (None, None)
            for i, t in enumerate(op.inputs)
        ]
        self.positions = frozenset(at for at, _ in self.sources if at is not None)

    def of(self, values: Sequence[Any]) -> int | None:
        """The limit, rounded up to a power of two so that similar lengths share an executable."""
        args = [
            known
            if at is None
            else np.asarray(values[at])
            if hasattr(values[at], "dtype")
            else None
            for at, known in self.sources
        ]
        bound = self.facts.trip_count(args, ranges=False).bound
        if bound is None:
            return None
        return max(8, 1 << max(bound - 1, 0).bit_length())


def loop_facts(cond: FuncGraph, body: FuncGraph) -> LoopFacts:
    """The facts of a loop, found once per version of its graphs."""
    stamp = (id(cond), cond.version, cond.mutations, body.version, body.mutations)
    cached = body.__dict__.get("_loop_facts")
    if cached is None or cached[0] != stamp:
        cached = (stamp, LoopFacts(cond, body))
        body.__dict__["_loop_facts"] = cached
    return cached[1]
