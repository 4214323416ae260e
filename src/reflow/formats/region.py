"""What the passes over raw nodes have in common: order, effects, new names, new nodes."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

import numpy as np

from reflow.formats.raw_graph import Argument, RawNode, Source
from reflow.lang import dtypes
from reflow.lang.dtypes import DType
from reflow.lang.opdef import REGISTRY

# Ops that are called stateful though nobody can tell whether they ran.
_HARMLESS = frozenset(("NoOp", "Placeholder", "PlaceholderV2"))


SMALL = 1024  # elements: smaller constants are copied into a body, where they give shapes and axes


class Rewriting:
    """What the passes over one graph share.

    Args:
      nodes: all nodes of the graph.
      arguments: those of the function, if the graph is the body of one.
      replaced: the tensors that the import takes from elsewhere.
    """

    def __init__(
        self,
        nodes: Iterable[RawNode],
        arguments: Iterable[Argument] = (),
        replaced: Container[Source] = frozenset(),
    ):
        self.arguments = {argument.name: argument for argument in arguments}
        self.replaced = replaced
        self._taken = {node.name for node in nodes} | self.arguments.keys()

    def new_name(self, wanted: str) -> str:
        """`wanted`, or a name like it that nothing has."""
        name, count = wanted, 0
        while name in self._taken:
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name

    def small_constant(self, source: Source, node: RawNode | None) -> bool:
        """Whether `source`, of `node`, is better copied into a body than passed to it."""
        return (
            node is not None
            and node.op == "Const"
            and node.attrs["value"].size <= SMALL
            and source not in self.replaced
        )

    def copy_of_constant(self, node: RawNode, wanted: str) -> RawNode:
        copy = node.copy()
        copy.name, copy.controls = self.new_name(wanted), []
        copy.attrs.pop("_class", None)
        return copy


def scope_of(name: str) -> str:
    """The scope that a node's name says, with its slash."""
    return name[: name.rfind("/") + 1]


def make_node(
    name: str, op: str, inputs: Sequence[Source], controls: Sequence[str] = (), **attrs: Any
) -> RawNode:
    """A node of one of Reflow's ops; attributes that are not given have their defaults."""
    opdef = REGISTRY[op]
    values = {key: attr.default for key, attr in opdef.attrs.items()}
    values.update(attrs)
    return RawNode(name, opdef, list(inputs), list(controls), values)


def make_constant(name: str, value: Any, dtype: DType = dtypes.int32) -> RawNode:
    return make_node(name, "Const", (), value=np.array(value, dtype.np), dtype=dtype)


def make_identity(name: str, source: Source, dtype: DType, controls: Sequence[str] = ()) -> RawNode:
    return make_node(name, "Identity", [source], controls, T=dtype.base_dtype)


def has_effect(node: Any) -> bool:
    """Whether running a node of a graph or a raw one, rather than its value, can matter."""
    opdef = node.opdef
    return opdef.stateful and not opdef.handle and opdef.name not in _HARMLESS


def effectful(ordered: Iterable[RawNode]) -> set[str]:
    """The nodes for which it can matter that another one waits for them.

    Those that have an effect, and those that wait for one or take its result.
    """
    found: set[str] = set()
    for node in ordered:
        if (
            has_effect(node)
            or any(name in found for name, _ in node.inputs)
            or any(name in found for name in node.controls)
        ):
            found.add(node.name)
    return found


def source_dtype(
    source: Source, nodes: dict[str, RawNode], arguments: dict[str, Argument]
) -> DType:
    """The dtype of an output of a node, or of an argument, of a region.

    Raises:
      ValueError: if the region does not have it.
    """
    node = nodes.get(source[0])
    if node is None:
        if source[0] not in arguments:
            raise ValueError(f"Unknown input node '{source[0]:.200}'")
        return arguments[source[0]].dtype
    found = node.output_dtypes()
    if source[1] >= len(found):
        raise ValueError(
            f"Connecting to invalid output {source[1]} of source node {node.name} which has "
            f"{len(found)} outputs."
        )
    return found[source[1]]


def in_order(
    nodes: Sequence[RawNode],
    given: Container[str] | None = None,
    replaced: Container[Source] = frozenset(),
    is_back_edge: Callable[[RawNode, RawNode], bool] | None = None,
) -> Sequence[RawNode]:
    """`nodes` such that inputs come first, and otherwise as they were.

    Args:
      nodes: with different names.
      given: names that are there already; None if any name that no node has is.
      replaced: what is taken from elsewhere though a node may have it; `(name, -1)` is a control edge.
      is_back_edge: whether the edge from the first node to the second does not count.

    Raises:
      ValueError: if a node takes what is not there, or the graph has a cycle.
    """
    position = {node.name: i for i, node in enumerate(nodes)}
    before: list[list[int]] = []
    sorted_already = True
    for i, node in enumerate(nodes):
        needs: list[int] = []
        edges = node.inputs
        if node.controls:
            edges = edges + [(name, -1) for name in node.controls]
        for source in edges:
            if replaced and source in replaced:
                continue
            at = position.get(source[0])
            if at is None:
                if given is not None and source[0] not in given:
                    mark = "^" if source[1] < 0 else ""
                    raise ValueError(
                        f"Node '{node.name}': Unknown input node '{mark}{source[0]:.200}'"
                    )
                continue
            if is_back_edge is not None and is_back_edge(nodes[at], node):
                continue
            if at >= i:
                sorted_already = False
            needs.append(at)
        before.append(needs)
    return nodes if sorted_already else _sorted(nodes, before)


def _sorted(nodes: Sequence[RawNode], before: list[list[int]]) -> list[RawNode]:
    waiting = [len(set(needs)) for needs in before]
    after: list[list[int]] = [[] for _ in nodes]
    for i, needs in enumerate(before):
        for at in set(needs):
            after[at].append(i)
    ready = [i for i, count in enumerate(waiting) if count == 0]
    result = []
    while ready:
        i = heapq.heappop(ready)
        result.append(nodes[i])
        for each in after[i]:
            waiting[each] -= 1
            if waiting[each] == 0:
                heapq.heappush(ready, each)
    if len(result) < len(nodes):
        raise ValueError(f"The graph has a cycle: {_cycle(nodes, before, waiting)}")
    return result


def _cycle(nodes: Sequence[RawNode], before: list[list[int]], waiting: list[int]) -> str:
    """The names along one cycle, for the error."""
    at = next(i for i, count in enumerate(waiting) if count)
    seen: dict[int, int] = {}
    path: list[int] = []
    while at not in seen:
        seen[at] = len(path)
        path.append(at)
        at = next(each for each in before[at] if waiting[each])
    names = [nodes[i].name for i in [*path[seen[at] :], at]][::-1]
    if len(names) > 12:
        names = [*names[:6], "...", *names[-5:]]
    return " -> ".join(names)
