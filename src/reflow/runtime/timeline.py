"""Step statistics as a trace that Chrome (chrome://tracing) and Perfetto open: the `Timeline` of TF 1.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

_OP_TIMES = ("schedule", "gpu", "all")


class AllocationMaximum(NamedTuple):
    """When the most memory was in use, how much, and by which tensors."""

    timestamp: int
    num_bytes: int
    tensors: set[str]


class StepStatsAnalysis(NamedTuple):
    """What `Timeline.analyze_step_stats` gives: the trace, and the maximum of each allocator."""

    chrome_trace: ChromeTrace
    allocator_maximums: dict[str, AllocationMaximum]


class ChromeTrace:
    """The events of a trace, in the order in which they are emitted; times in microseconds."""

    def __init__(self) -> None:
        self._metadata: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []

    def emit_pid(self, name: str, pid: int) -> None:
        """Names a process: a row of lanes."""
        self._metadata.append(
            {"name": "process_name", "ph": "M", "pid": pid, "args": {"name": name}}
        )

    def emit_region(
        self, timestamp: int, duration: int, pid: int, tid: int, category: str, name: str, args: Any
    ) -> None:
        """Adds a span of time in a lane."""
        event = self._event("X", category, name, pid, tid, timestamp)
        event.update(dur=duration, args=args)

    def emit_obj_create(
        self, category: str, name: str, timestamp: int, pid: int, tid: int, object_id: int
    ) -> None:
        """Says that an object begins to exist."""
        self._event("N", category, name, pid, tid, timestamp)["id"] = object_id

    def emit_obj_delete(
        self, category: str, name: str, timestamp: int, pid: int, tid: int, object_id: int
    ) -> None:
        """Says that an object ceases to exist."""
        self._event("D", category, name, pid, tid, timestamp)["id"] = object_id

    def emit_flow_start(self, name: str, timestamp: int, pid: int, tid: int, flow_id: int) -> None:
        """Begins an arrow."""
        self._event("s", "DataFlow", name, pid, tid, timestamp)["id"] = flow_id

    def emit_flow_end(self, name: str, timestamp: int, pid: int, tid: int, flow_id: int) -> None:
        """Ends an arrow."""
        self._event("t", "DataFlow", name, pid, tid, timestamp)["id"] = flow_id

    def emit_counter(
        self, category: str, name: str, pid: int, timestamp: int, counter: str, value: int
    ) -> None:
        """Adds a point of a curve."""
        self._event("C", category, name, pid, 0, timestamp)["args"] = {counter: value}

    def _event(
        self, phase: str, category: str, name: str, pid: int, tid: int, timestamp: int
    ) -> dict[str, Any]:
        event = {
            "ph": phase,
            "cat": category,
            "name": name,
            "pid": pid,
            "tid": tid,
            "ts": timestamp,
        }
        self._events.append(event)
        return event

    def format_to_string(self, pretty: bool = False) -> str:
        """The trace as JSON."""
        trace = {"traceEvents": self._metadata + self._events}
        return json.dumps(trace, indent=4, separators=(",", ": ")) if pretty else json.dumps(trace)


class _Op:
    """One node of one device in the trace: where it is drawn, and what it took and gave."""

    def __init__(self, stats: Any, pid: int, op_time: str):
        self.stats = stats
        self.pid = pid
        self.tid = 0
        self.name, self.op, self.inputs = parse_label(stats.timeline_label, stats.node_name)
        self.begin = stats.all_start_micros
        spent = stats.op_end_rel_micros - (
            0 if op_time == "schedule" else stats.op_start_rel_micros
        )
        if op_time != "schedule":
            self.begin += stats.op_start_rel_micros
        if op_time == "all":
            spent = stats.all_end_rel_micros
            self.begin = stats.all_start_micros
        self.end = self.begin + max(spent, 1)


def parse_label(label: str, node_name: str) -> tuple[str, str, list[str]]:
    """The name, op and inputs that a label `name = Op(input, input)` says."""
    name, equals, rest = label.partition(" = ")
    op, opened, inputs = rest.partition("(")
    if not equals or not opened or not inputs.endswith(")"):
        return node_name, node_name.rpartition(":")[2] or "unknown", []
    return name, op, [each.lstrip("^") for each in inputs[:-1].split(", ") if each]


class Timeline:
    """Turns the `step_stats` of a `tf.RunMetadata` into a trace.

    Args:
      step_stats: a `StepStats` message.
      graph: unused, as the labels say what the graph would.

    >>> from reflow.formats import protos
    >>> Timeline(protos.StepStats()).generate_chrome_trace_format()
    '{"traceEvents": []}'
    """

    def __init__(self, step_stats: Any, graph: Any = None):
        self._step_stats = step_stats
        self._graph = graph

    def generate_chrome_trace_format(
        self, show_dataflow: bool = True, show_memory: bool = False, op_time: str = "schedule"
    ) -> str:
        """The trace as JSON, for chrome://tracing.

        Args:
          show_dataflow: whether arrows go from nodes to those that take what they give.
          show_memory: whether there are curves of the memory in use.
          op_time: what is drawn of a node: "schedule", "gpu", or "all" of its time.
        """
        analysis = self.analyze_step_stats(show_dataflow, show_memory, op_time)
        return analysis.chrome_trace.format_to_string(pretty=False)

    def analyze_step_stats(
        self, show_dataflow: bool = True, show_memory: bool = True, op_time: str = "schedule"
    ) -> StepStatsAnalysis:
        """The trace, and for each allocator when it held most.

        Raises:
          ValueError: if `op_time` is none of its values.
        """
        if op_time not in _OP_TIMES:
            raise ValueError(f"op_time must be one of {', '.join(_OP_TIMES)}, not {op_time!r}")
        trace = ChromeTrace()
        ops: list[_Op] = []
        for pid, device in enumerate(self._step_stats.dev_stats):
            trace.emit_pid(f"{device.device} Compute", pid)
            of_device = [_Op(stats, pid, op_time) for stats in device.node_stats]
            _assign_lanes(of_device)
            ops.extend(of_device)
        for op in ops:
            args = {"name": op.name, "op": op.op}
            args.update((f"input{i}", each) for i, each in enumerate(op.inputs))
            trace.emit_region(op.begin, op.end - op.begin, op.pid, op.tid, "Op", op.op, args)
        if show_dataflow:
            _emit_arrows(trace, ops)
        maximums = _memory(trace, ops, len(self._step_stats.dev_stats), show_memory)
        return StepStatsAnalysis(trace, maximums)


def _assign_lanes(ops: list[_Op]) -> None:
    """Draws what overlaps in time in different lanes."""
    free_from: list[int] = []
    for op in sorted(ops, key=lambda each: each.begin):
        for lane, end in enumerate(free_from):  # noqa: B007 (used after the loop)
            if end <= op.begin:
                break
        else:
            lane = len(free_from)
            free_from.append(0)
        free_from[lane] = op.end
        op.tid = lane


def _emit_arrows(trace: ChromeTrace, ops: list[_Op]) -> None:
    latest: dict[str, _Op] = {}
    count = 0
    for op in sorted(ops, key=lambda each: each.begin):
        for name in op.inputs:
            source = latest.get(name.partition(":")[0])
            if source is not None and (source.pid, source.tid) != (op.pid, op.tid):
                trace.emit_flow_start(name, source.end, source.pid, source.tid, count)
                trace.emit_flow_end(name, op.begin, op.pid, op.tid, count)
                count += 1
        latest[op.name] = op


def _memory(
    trace: ChromeTrace, ops: list[_Op], first_pid: int, shown: bool
) -> dict[str, AllocationMaximum]:
    """What each allocator holds over time: outputs live from when they are made to their last use."""
    last_use = {op.name: op.end for op in ops}
    for op in ops:
        for name in op.inputs:
            name = name.partition(":")[0]
            if name in last_use:
                last_use[name] = max(last_use[name], op.end)
    changes: dict[str, list[tuple[int, int, str]]] = {}
    for op in ops:
        for output in op.stats.output:
            held = output.tensor_description.allocation_description
            if held.requested_bytes:
                key, size = held.allocator_name or "cpu", held.requested_bytes
                events = changes.setdefault(key, [])
                events.append((op.begin, size, op.name))
                events.append((last_use[op.name], -size, op.name))
    maximums = {}
    for i, (name, events) in enumerate(sorted(changes.items())):
        pid = first_pid + i
        if shown:
            trace.emit_pid(f"{name} memory", pid)
        now, live = 0, {}  # type: ignore[var-annotated]
        best = AllocationMaximum(0, 0, set())
        for timestamp, size, tensor in sorted(events):
            now += size
            live[tensor] = live.get(tensor, 0) + size
            if now > best.num_bytes:
                best = AllocationMaximum(timestamp, now, {k for k, v in live.items() if v > 0})
            if shown:
                trace.emit_counter("Memory", name, pid, timestamp, name, now)
        maximums[name] = best
    return maximums
