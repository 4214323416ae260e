"""Which nodes run later than they could, because nobody on the host needs them earlier.

Nodes have places: a level, a device (None for the host), and the nodes before them that may block. The nodes
of one place are a cluster.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from reflow.compiler import policy
from reflow.lang.func_graph import functions_of
from reflow.lang.graph import Operation
from reflow.lang.tensor import SymbolicTensor

Place = tuple[int, Any, frozenset[Operation]]
Places = dict[Operation, Place]  # in the order of the nodes


def just_reads(op: Operation, others: Container[Operation]) -> bool:
    """Whether a node gives the value of a variable and nothing else, or passes on what `others` give."""
    if len(op.inputs) != 1:
        return False
    source = op.inputs[0]
    passes = source.dtype.is_ref_dtype or (op.type == "Identity" and source.op in others)
    return bool(op.opdef.reads) or (bool(op.opdef.view) and passes)


def read_late(
    places: Places, users: dict[Operation, list[Operation]], kept: set[Operation]
) -> None:
    """Moves nodes that just read a variable to the cluster of the first node that takes its value.

    From an earlier cluster the whole variable would come out, as a copy, although perhaps a few rows of
    it are needed.

    Args:
      users: who takes the values of such nodes.
      kept: nodes that stay, since their outputs are wanted.
    """
    if not any(
        takers and min(places[each][0] for each in takers) > places[op][0]
        for op, takers in users.items()
    ):
        return
    order = _Order(places)
    for op, takers in reversed(users.items()):
        if not takers or op in kept:
            continue
        first = min(places[each][0] for each in takers)
        homes = {places[each] for each in takers if places[each][0] == first}
        if first > places[op][0] and len(homes) == 1:
            home = homes.pop()
            if home[1] == places[op][1] and order.stays(op, home):
                places[op] = home


def join_late(
    places: Places,
    waits: dict[Operation, list[Operation]],
    given: set[int],
    known: Container[int],
    ends: Container[int],
    most: int,
) -> None:
    """Makes one cluster of two, where the first does little, for the second and for nobody else.

    In between runs something on the host that does not wait for the first: they are two executables only
    because clusters begin as early as they can. They stay two where the first, if it were alone, might work
    while the host does, or where the second would be compiled more often than the first: where it takes
    anything of unknown shape from others, or needs to know values.

    Args:
      waits: what nodes wait for, beside what their edges say.
      given: the tensors that are given, by `id`.
      known: the tensors whose values are known, by `id`.
      ends: the tensors that end a cluster, by `id`.
      most: the largest number of nodes that is joined.
    """
    groups: dict[Place, list[Operation]] = {}
    for op, place in places.items():
        if place[1] is not None:
            groups.setdefault(place, []).append(op)
    if len(groups) < 2:
        return
    takers: dict[Place, set[Place]] = {}
    for op, place in places.items():
        sources = [tensor.op for tensor in op.inputs if id(tensor) not in given]
        for before in (*sources, *op._control_inputs, *waits.get(op, ())):
            if before in places and places[before] != place:
                takers.setdefault(places[before], set()).add(place)
    order: _Order | None = None
    for early in sorted(groups, key=lambda place: -place[0]):
        homes = takers.get(early, set())
        late = next(iter(homes)) if len(homes) == 1 else early
        if late[0] == early[0] or late[1:] != early[1:]:
            continue
        first, second = groups[early], groups[late]
        if len(first) + len(second) > most or not _does_little(first):
            continue
        if not all(_takes_values(op, places, early, late, known, ends) for op in second):
            continue
        order = order or _Order(places)
        if all(order.stays(op, late) for op in first if op.opdef.reads):
            for op in first:
                places[op] = late
            second += first
            del groups[early]


def _does_little(nodes: Sequence[Operation]) -> bool:
    """Whether nodes have no effects, and results that are small or are those of variables."""
    elements = 0
    reading: set[Operation] = set()
    for op in nodes:
        if just_reads(op, reading):
            reading.add(op)
            continue
        if op.opdef.stateful or functions_of(op):
            return False
        for tensor in op.outputs:
            count = tensor.shape.num_elements()
            if count is None:
                return False
            elements += count
    return elements < policy.THREADED


def _takes_values(
    op: Operation,
    places: Places,
    early: Place,
    late: Place,
    known: Container[int],
    ends: Container[int],
) -> bool:
    """Whether all that a node of `late` takes from others than the two clusters are values."""

    def is_value(i: int, tensor: SymbolicTensor) -> bool:
        if id(tensor) in known:
            return True
        if id(tensor) in ends:
            return False
        if places.get(tensor.op) in (early, late):
            return True
        static = op.opdef.static
        if static and not (op.opdef._simple and op.opdef.inputs[i].name not in static):
            return False
        return tensor.shape.is_fully_defined()

    return all(is_value(i, tensor) for i, tensor in enumerate(op.inputs))


class _Order:
    """The order of the nodes that write."""

    def __init__(self, places: Places):
        self.places = places
        self.number = {op: i for i, op in enumerate(places)}
        self.writers: Sequence[Operation] = [
            op for op in places if op.opdef.writes or functions_of(op)
        ]

    def stays(self, op: Operation, home: Place) -> bool:
        """Whether at `home` all that writes comes before or after `op` as it does now."""
        here, number = self.places[op], self.number
        for other in self.writers:
            there = self.places[other]
            before = there[0] < here[0] or (there == here and number[other] < number[op])
            after = there[0] > home[0] or (there == home and number[other] > number[op])
            if not before and not after:
                return False
        return True
