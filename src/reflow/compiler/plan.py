"""From fetches and feeds to a plan: what is needed, as a partition, and its references read at the end.

A plan is made once for a set of fetches and feeds of a graph and then run many times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

from reflow.compiler.cluster import Cluster
from reflow.compiler.context import uninitialized
from reflow.compiler.folding import PLACEHOLDERS
from reflow.compiler.partition import Partition
from reflow.compiler.stats import count, record
from reflow.lang import errors
from reflow.lang.graph import Operation, topological
from reflow.lang.resource import ResourceHandle
from reflow.lang.tensor import SymbolicTensor


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
        self.unfed = [op for op in self.nodes if op.opdef.name in PLACEHOLDERS]
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
