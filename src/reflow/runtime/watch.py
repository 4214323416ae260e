"""Which functions run while somebody watches: what `tf.summary.trace_on` collects.

Calls of functions look whether `watching` holds a `Watch`, in all threads.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from reflow.compiler.program import body_nodes
from reflow.runtime.run_state import RunState
from reflow.runtime.trace import FULL_TRACE, Trace, fill_partitions, fill_step_stats

watching: list[Watch] = []  # none, or one


class Watch:
    """The functions that ran, in the order in which they first did.

    Args:
      times: whether to note, too, when their nodes ran.
    """

    def __init__(self, times: bool):
        self._trace = Trace(FULL_TRACE) if times else None
        self._seen: dict[int, tuple[Any, Any]] = {}  # by the id of the graph
        self._never = threading.Event()

    def run(self, function: Any, part: Any, values: Sequence[Any], store: Any) -> Sequence[Any]:
        """Runs `part`, the partition of the body of `function`, and notes it."""
        self._seen.setdefault(id(function.base), (function, part.place))
        if self._trace is None:
            return part.run(values, store)
        return part.run(values, store, RunState(None, self._never, self._trace))

    def fill(self, run_metadata: Any) -> None:
        """Fills a `RunMetadata` message with the graphs of the functions, and with what ran when."""
        for function, place in list(self._seen.values()):
            whole = function.base.as_graph_def(add_shapes=True)
            graphs = run_metadata.function_graphs.add(pre_optimization_graph=whole)
            fill_partitions(graphs.partition_graphs, body_nodes(function), place)
            for partition in graphs.partition_graphs:
                graphs.post_optimization_graph.MergeFrom(partition)
            run_metadata.partition_graphs.extend(graphs.partition_graphs)
        if self._trace is not None:
            fill_step_stats(run_metadata.step_stats, self._trace.entries)
