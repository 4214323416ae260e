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
    before, nearest = _ancestors(order, choices)
    cluster = _by_family(choices, before)
    ordered = _linear(cluster, nearest)
    if ordered is None:
        cluster = _split_cycles(cluster, nearest)
        ordered = _linear(cluster, nearest)
        assert ordered is not None, "an edge between two levels goes up"
    groups: dict[Any, list[Choice]] = {}
    for key in ordered:
        groups[key] = []
    for choice, key in zip(choices, cluster):
        groups[key].append(choice)
    return sorted(groups.values(), key=lambda group: -len(group[0].guard))


def _ancestors(order: Sequence[RawNode], choices: Sequence[Choice]) -> tuple[list[int], list[int]]:
    """For each choice, those that it depends on, and of these those with no other in between.

    The sets are the bits of integers.
    """
    own: dict[str, int] = {}
    for i, choice in enumerate(choices):
        at = choice.node.name if choice.waiter is None else choice.waiter
        own[at] = own.get(at, 0) | 1 << i
    all_of: dict[str, int] = {}
    last_of: dict[str, int] = {}
    arriving: dict[str, int] = {}
    for node in order:
        all_bits = last_bits = 0
        for name in (*[name for name, _ in node.inputs], *node.controls):
            all_bits |= all_of.get(name, 0)
            last_bits |= last_of.get(name, 0)
        mine = own.get(node.name, 0)
        arriving[node.name] = last_bits
        all_of[node.name] = all_bits | mine
        last_of[node.name] = mine or last_bits
    before, nearest = [], []
    for i, choice in enumerate(choices):
        name = choice.node.name
        merges = choice.waiter is None
        before.append(all_of[name] & ~(1 << i) if merges else all_of[name])
        nearest.append(arriving[name] if merges else last_of[name])
    return before, nearest


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


def _linear(cluster: Sequence[Any], nearest: Sequence[int]) -> list[Any] | None:
    """The clusters such that each comes after those it depends on; None if there is a cycle."""
    needs: dict[Any, int] = {}
    for key, bits in zip(cluster, nearest):
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


def _split_cycles(cluster: Sequence[Any], nearest: Sequence[int]) -> list[Any]:
    """Smaller clusters: of one level each, which an edge from one choice to another raises."""
    level: list[int] = []
    for bits in nearest:
        level.append(1 + max((level[j] for j in _members(bits)), default=-1))
    return [(*key, level[i]) for i, key in enumerate(cluster)]
