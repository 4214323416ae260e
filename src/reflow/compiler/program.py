"""Programs: the nodes of a graph or of a function body made ready to run, in either tier."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from reflow.compiler.fused_attention import find_attention
from reflow.compiler.fused_convolution import find_convolutions
from reflow.compiler.wiring import Wiring
from reflow.lang.func_graph import FuncGraph, functions_of
from reflow.lang.graph import Operation, topological
from reflow.lang.opdef import arg_length
from reflow.lang.tensor import SymbolicTensor


class Program:
    """A list of nodes made ready to run: slots instead of names, lowerings bound to attributes.

    The last part of a step are the slots that are let go of after it: what may be a view of a variable.
    """

    __slots__ = (
        *("steps", "slots", "initial", "nodes", "inputs", "input_slots", "output_slots"),
        *("_traced", "_frugal"),
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
        self._frugal: list[Any] | None = None
        self.steps = self._letting_go(False)

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
    def frugal_steps(self) -> list[Any]:
        """The steps, each of which lets go of all that is not needed any more."""
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
        new._traced = new._frugal = None
        return new

    def _letting_go(self, everything: bool) -> list[Any]:
        """The steps, with what may be a view of a variable, or `everything`, let go after its last use."""
        kept = set(self.output_slots)
        last: dict[int, int] = {}
        for i, (_, opdef, sources, targets, *_) in enumerate(self.steps):
            for slot in sources:
                if slot in last:
                    last[slot] = i
            if everything or opdef.view or opdef.reads:
                last.update((slot, i) for slot in targets if slot not in kept)
        done: dict[int, list[int]] = {}
        for slot, i in last.items():
            done.setdefault(i, []).append(slot)
        return [(*step[:-1], done.get(i)) for i, step in enumerate(self.steps)]


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
