"""What ran when: the step statistics of `tf.RunMetadata`.

A cluster that runs as one executable is one entry, as its nodes have no times of their own. A cluster
that is interpreted gives an entry for each node when the level is `FULL_TRACE`, and so does each node
that runs on the host.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.compiler.interpreter import Interpreter
from reflow.compiler.program import Program
from reflow.compiler.targets import cpu_count, device_names
from reflow.lang.graph import Operation
from reflow.lang.tensor import SymbolicTensor

FULL_TRACE = 3
_HOST = "/job:localhost/replica:0/task:0"
_SHOWN = 20  # names of nodes in the label of a cluster


class Entry:
    """One thing that ran: times in nanoseconds, and the values that it gave."""

    __slots__ = ("name", "label", "device", "began", "ended", "outputs", "thread")

    def __init__(
        self, name: str, label: str, device: str, began: int, outputs: Sequence[tuple[Any, Any]]
    ):
        self.name = name
        self.label = label
        self.device = device
        self.began = began
        self.ended = time.time_ns()
        self.outputs = [_described(tensor, value) for tensor, value in outputs]
        self.thread = threading.get_ident()


def _described(tensor: SymbolicTensor, value: Any) -> tuple[int, int, Any, int]:
    """The dtype of a value as an enum, its shape (None if it has none) and its size in bytes."""
    enum = tensor.dtype.base_dtype.as_datatype_enum
    shape = getattr(value, "shape", None)
    if shape is None:
        return tensor.value_index, enum, None, 0
    size = getattr(value, "nbytes", 0)
    if getattr(value, "dtype", None) == np.dtype(object):
        size = sum(len(each) for each in np.ravel(value) if isinstance(each, bytes))
    return tensor.value_index, enum, tuple(shape), int(size)


class Trace:
    """What is noted during one run.

    Args:
      level: a `RunOptions.TraceLevel`.
    """

    def __init__(self, level: int):
        self.level = level
        self.entries: list[Entry] = []
        self._clusters: dict[int, int] = {}

    def cluster(self, work: Any, values: Sequence[Any], store: Any) -> Sequence[Any]:
        """Runs a cluster and notes when."""
        timers: list[_NodeTimer] = []

        def interpreter(store: Any) -> Interpreter:
            if self.level < FULL_TRACE:
                return Interpreter(store)
            timers.append(_NodeTimer(store, self, device))
            return timers[0]

        device = _device_name(work.device)
        began = time.time_ns()
        outputs = work.run(values, store, interpreter)
        for each in outputs:
            if hasattr(each, "block_until_ready"):
                each.block_until_ready()
        if not timers:
            self.entries.append(
                Entry(*self._cluster_names(work), device, began, list(zip(work.outputs, outputs)))
            )
        return outputs

    def _cluster_names(self, work: Any) -> tuple[str, str]:
        number = self._clusters.setdefault(id(work), len(self._clusters))
        nodes = [op.name for op in work.nodes if op.type not in ("Const", "NoOp")]
        shown = ", ".join(nodes[:_SHOWN])
        if len(nodes) > _SHOWN:
            shown += f", and {len(nodes) - _SHOWN} more"
        name = f"cluster_{number}/xla_run"
        return name, f"{name} = _XlaRun({shown})"

    def node(self, op: Operation, began: int, outputs: Sequence[Any]) -> None:
        """Notes a node that ran on the host until now."""
        self.note(op, _device_name("CPU:0"), began, outputs)

    def note(self, op: Operation, device: str, began: int, outputs: Sequence[Any]) -> None:
        names = ", ".join(tensor.op.name for tensor in op.inputs)
        label = f"{op.name} = {op.type}({names})"
        self.entries.append(Entry(op.name, label, device, began, list(zip(op.outputs, outputs))))


class _NodeTimer(Interpreter):
    """An interpreter that notes when each node ran."""

    def __init__(self, store: Any, trace: Trace, device: str):
        super().__init__(store)
        self._trace = trace
        self._on = device
        self._single: dict[Operation, Program] = {}

    def run(self, program: Program, args: Sequence[Any]) -> list[Any]:
        env = program.initial.copy()
        for slot, value in zip(program.input_slots, args):
            env[slot] = value
        for op, _, sources, targets, *_ in program.steps:
            single = self._single.get(op)
            if single is None:
                single = self._single[op] = Program([op], op.inputs, op.outputs)
            began = time.time_ns()
            outputs = super().run(single, [env[slot] for slot in sources])
            self._trace.note(op, self._on, began, outputs)
            for slot, value in zip(targets, outputs):
                env[slot] = value
        return [env[slot] for slot in program.output_slots]


def _device_name(device: str) -> str:
    """The full name of a device, given its short one; "" is the default device."""
    if not device:
        names = device_names()
        device = names[cpu_count[0]] if len(names) > cpu_count[0] else names[0]
    return f"{_HOST}/device:{device}"


# Into messages ------------------------------------------------------------------------------------


def fill_metadata(run_metadata: Any, trace: Trace | None, plan: Any, partitions: bool) -> None:
    """Fills a `RunMetadata` message with what ran, and with the graph that ran."""
    if trace is not None:
        fill_step_stats(run_metadata.step_stats, trace.entries)
    if partitions:
        fill_partitions(run_metadata.partition_graphs, plan.nodes, plan.part.place)


def fill_step_stats(step_stats: Any, entries: Sequence[Entry]) -> None:
    """What ran, as a `StepStats` message."""
    devices: dict[str, Any] = {each.device: each for each in step_stats.dev_stats}
    threads: dict[int, int] = {}
    for entry in sorted(entries, key=lambda each: each.began):
        stats = devices.get(entry.device)
        if stats is None:
            stats = devices[entry.device] = step_stats.dev_stats.add(device=entry.device)
        node = stats.node_stats.add(
            node_name=entry.name,
            timeline_label=entry.label,
            thread_id=threads.setdefault(entry.thread, len(threads)),
        )
        _fill_times(node, entry)
        kind = entry.device.rpartition(":device:")[2]
        allocator = "cpu" if "CPU" in kind else f"{kind.partition(':')[0].lower()}_bfc"
        total = sum(size for *_, size in entry.outputs)
        node.memory.add(allocator_name=allocator, total_bytes=total, peak_bytes=total)
        for slot, enum, shape, size in entry.outputs:
            if shape is None:
                continue
            tensor = node.output.add(slot=slot).tensor_description
            tensor.dtype = enum
            tensor.shape.SetInParent()
            for length in shape:
                tensor.shape.dim.add(size=length)
            tensor.allocation_description.requested_bytes = size
            tensor.allocation_description.allocator_name = allocator


def _fill_times(node: Any, entry: Entry) -> None:
    spent = entry.ended - entry.began
    node.all_start_micros = entry.began // 1000
    node.op_end_rel_micros = node.all_end_rel_micros = max(spent // 1000, 1)
    node.all_start_nanos = node.scheduled_nanos = entry.began
    node.scheduled_micros = entry.began // 1000
    node.op_end_rel_nanos = node.all_end_rel_nanos = spent


def fill_partitions(graphs: Any, nodes: Sequence[Operation], place: Any) -> None:
    """A `GraphDef` for each device, of the nodes that a run needs; `place` gives a node's device."""
    by_device: dict[str, list[Operation]] = {}
    for op in nodes:
        device = _device_name(place(op) if place is not None else "")
        by_device.setdefault(device, []).append(op)
    for device, ops in by_device.items():
        graph = graphs.add()
        for op in ops:
            node = graph.node.add()
            node.CopyFrom(op.node_def)
            node.device = device
