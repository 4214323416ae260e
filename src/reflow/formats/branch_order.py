"""Which ends of conditionals are made by one `If` node, and in which order the nodes are made."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Any

from reflow.formats.raw_graph import RawNode, Source


class Choice:
    """Where the two sides of a condition come together, or where a node outside waits for one side.

    Attributes:
      node: the Merge; or the node in a branch that `waiter` waits for.
      guard: what has to hold around the conditional.
      predicate: what decides.
      scope: the name scope of the conditional.
      sides: for each side, the tensor that it gives, and its position among the Merge's inputs.
      waiter: the node outside that waits; "" if it is the whole function.
    """

    __slots__ = ("node", "guard", "predicate", "scope", "sides", "waiter")

    def __init__(
        self,
        node: RawNode,
        guard: frozenset,
        predicate: Source,
        scope: str,
        sides: dict[bool, tuple[Source, int]],
        waiter: str | None = None,
    ):
        self.node = node
        self.guard = guard
        self.predicate = predicate
        self.scope = scope
        self.sides = sides
        self.waiter = waiter

    @property
    def family(self) -> Any:
        """What choices have in common that may become one node.

        The ends of gradients stand apart from those of the values that they are gradients of, so
        that a run which wants the values alone does not compute the gradients.
        """
        return (self.guard, self.predicate, self.scope, "_grad/" in self.node.name)


def in_stages(order: Sequence[RawNode], choices: Sequence[Choice]) -> list[list[Choice]]:
    """The choices, grouped to one list for each `If` node; inner ones before those around them.

    Choices of one family are made together unless one depends on another through nodes outside of
    the conditional; nor are they where that would close a cycle through other conditionals.
    """
    before = _ancestors(order, choices)
    cluster = _by_family(choices, before)
    ordered = _linear(cluster, before)
    if ordered is None:
        cluster = _split_cycles(cluster, before)
        ordered = _linear(cluster, before)
        assert ordered is not None, "an edge between two levels goes up"
    groups: dict[Any, list[Choice]] = {}
    for key in ordered:
        groups[key] = []
    for choice, key in zip(choices, cluster):
        groups[key].append(choice)
    return sorted(groups.values(), key=lambda group: -len(group[0].guard))


def _ancestors(order: Sequence[RawNode], choices: Sequence[Choice]) -> list[int]:
    """For each choice, the set of those that it depends on, as the bits of an integer."""
    own: dict[str, int] = {}
    for i, choice in enumerate(choices):
        at = choice.node.name if choice.waiter is None else choice.waiter
        own[at] = own.get(at, 0) | 1 << i
    reached: dict[str, int] = {}
    for node in order:
        bits = own.get(node.name, 0)
        for name, _ in node.inputs:
            bits |= reached.get(name, 0)
        for name in node.controls:
            bits |= reached.get(name, 0)
        reached[node.name] = bits
    return [
        reached[choice.node.name] & ~(1 << i)
        if choice.waiter is None
        else reached[choice.node.name]
        for i, choice in enumerate(choices)
    ]


def _members(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _by_family(choices: Sequence[Choice], before: Sequence[int]) -> list[Any]:
    """A key for each choice: its family, and how many of the family come before it in a row."""
    families: dict[Any, int] = {}
    for i, choice in enumerate(choices):
        families[choice.family] = families.get(choice.family, 0) | 1 << i
    stage: list[int] = [0] * len(choices)
    for i, choice in enumerate(choices):
        earlier = before[i] & families[choice.family]
        stage[i] = 1 + max((stage[j] for j in _members(earlier)), default=-1)
    return [(choice.family, stage[i]) for i, choice in enumerate(choices)]


def _linear(cluster: Sequence[Any], before: Sequence[int]) -> list[Any] | None:
    """The clusters such that each comes after those it depends on; None if there is a cycle."""
    needs: dict[Any, int] = {}
    for key, bits in zip(cluster, before):
        needs[key] = needs.get(key, 0) | bits
    rank = {key: (key[0][3], i) for i, key in enumerate(needs)}
    after: dict[Any, list[Any]] = {key: [] for key in needs}
    waiting: dict[Any, int] = {}
    for key, bits in needs.items():
        sources = {cluster[j] for j in _members(bits)} - {key}
        waiting[key] = len(sources)
        for source in sources:
            after[source].append(key)
    keys = list(needs)
    ready = [(rank[key], i) for i, key in enumerate(keys) if not waiting[key]]
    heapq.heapify(ready)
    place = {key: i for i, key in enumerate(keys)}
    result = []
    while ready:
        key = keys[heapq.heappop(ready)[1]]
        result.append(key)
        for each in after[key]:
            waiting[each] -= 1
            if not waiting[each]:
                heapq.heappush(ready, (rank[each], place[each]))
    return result if len(result) == len(keys) else None


def _split_cycles(cluster: Sequence[Any], before: Sequence[int]) -> list[Any]:
    """Smaller clusters: of one level each, which an edge from one choice to another raises."""
    level: list[int] = []
    for bits in before:
        level.append(1 + max((level[j] for j in _members(bits)), default=-1))
    return [(*key, level[i]) for i, key in enumerate(cluster)]
