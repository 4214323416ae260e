"""TF 1 conditionals, made of Switch and Merge, as `If` nodes with functions.

See `raise_control_flow` for the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reflow.formats.branch_order import Choice, in_stages
from reflow.formats.raw_graph import Argument, Body, RawNode, Source
from reflow.formats.region import (
    Rewriting,
    effectful,
    has_effect,
    in_order,
    make_constant,
    make_identity,
    make_node,
    scope_of,
    source_dtype,
)
from reflow.lang import dtypes, shapes
from reflow.lang.dtypes import DType

SWITCH = frozenset(("Switch", "RefSwitch"))
MERGE = frozenset(("Merge", "RefMerge"))

Guard = frozenset[tuple[Source, bool]]  # what has to be true, or false, for a node to run
NONE: Guard = frozenset()

# What is computed again rather than handed from one conditional to a later one.
_CHEAP = frozenset(("Const", "Identity", "Shape", "Size", "Rank"))


def raise_branches(region: Body, rewriting: Rewriting, whole: bool = False) -> None:
    """Replaces the conditionals of `region`; a Merge becomes an `Identity` of the same name.

    Args:
      region: the body of a function; loops in it are nodes already.
      whole: whether all of it is wanted, rather than its outputs alone: it is no function.

    Raises:
      ValueError: if Switch and Merge nodes do not make up conditionals.
    """
    if any(node.op in SWITCH or node.op in MERGE for node in region.nodes):
        _Branches(region, rewriting, whole).run()


class _Branches:
    """The conditionals of one region."""

    def __init__(self, region: Body, rewriting: Rewriting, whole: bool):
        self.region = region
        self.rewriting = rewriting
        self.whole = whole
        self.order = list(in_order(region.nodes))
        self.nodes = {node.name: node for node in self.order}
        self.arguments = {argument.name: argument for argument in region.arguments}
        self.guards: dict[str, Guard] = {}
        self.pivots: dict[Source, Source] = {}
        self.effects = effectful(self.order)
        # Nodes that are part of a conditional by now, with the one and the side.
        self.taken: dict[str, tuple[_Conditional, bool]] = {}
        self.crossing: dict[Source, Source] = {}
        self.replaced_controls: dict[str, str] = {}  # from a node in a branch to its conditional

    def run(self) -> None:
        for node in self.order:
            self.guards[node.name] = self._guard(node)
        counted = {
            source for node in self.order for source in node.inputs if source[1] == 1
        } | set(self.region.outputs)
        choices = self._choices()
        for choice in in_stages(self.order, choices, self.nodes):
            _Conditional(self, choice, counted).build()
        self._clean_up()

    # What runs when ------------------------------------------------------------------------------

    def predicate(self, switch: RawNode) -> Source:
        """What decides a Switch, without the Identity nodes on the way."""
        source = switch.inputs[1]
        while source not in self.pivots:
            node = self.nodes.get(source[0])
            if node is None or node.op != "Identity":
                self.pivots[source] = source
                break
            source = node.inputs[0]
        self.pivots[switch.inputs[1]] = self.pivots[source]
        return self.pivots[source]

    def guard_of(self, source: Source) -> Guard:
        """What has to hold for a tensor to have a value."""
        guard = self.guards.get(source[0], NONE)
        node = self.nodes.get(source[0])
        if node is not None and node.op in SWITCH:
            guard = guard | {(self.predicate(node), source[1] == 1)}
        return guard

    def _guard(self, node: RawNode) -> Guard:
        if node.op in MERGE:
            return self._merged(node)
        guards = [self.guard_of(source) for source in node.inputs]
        guards += [self.guards.get(name, NONE) for name in node.controls]
        if node.op == "ControlTrigger":  # runs whether or not what it waits for does
            return frozenset.intersection(*guards) if guards else NONE
        guard = NONE
        for each in guards:
            if each and each is not guard:
                guard = guard | each if guard else each
        return guard

    def _merged(self, node: RawNode) -> Guard:
        if len(node.inputs) != 2:
            raise ValueError(
                f"Node '{node.name}': a {node.op} of {len(node.inputs)} inputs is no end of a "
                "conditional: that has two"
            )
        first, second = (self.guard_of(source) for source in node.inputs)
        if len(differing := first - second) == 1 and len(second - first) == 1:
            ((predicate, side),) = differing
            if (predicate, not side) in second:
                return first & second
        raise ValueError(
            f"Node '{node.name}' ({node.op}): its inputs {_shown(node.inputs)} are not the two sides "
            f"of one condition: the first {_condition(first)}, the second {_condition(second)}"
        )

    # What is decided together --------------------------------------------------------------------

    def _choices(self) -> list[Choice]:
        """The Merge nodes, and the nodes in branches that a node outside waits for."""
        found = []
        for node in self.order:
            if node.op in MERGE:
                sides = {}
                for i, source in enumerate(node.inputs):
                    for predicate, side in self.guard_of(source) - self.guards[node.name]:
                        sides[side] = (source, i)
                scope = self._scope(node.inputs[0], predicate)
                found.append(Choice(node, self.guards[node.name], predicate, scope, sides))
            elif node.op == "ControlTrigger":
                for name in node.controls:
                    found.extend(self._waits(name, self.guards[node.name]))
        for name in self.region.controls:
            found.extend(self._waits(name, NONE))
        return found

    def _waits(self, name: str, until: Guard) -> Iterator[Choice]:
        """What has to become part of a conditional because a node outside of it waits for it."""
        guard = self.guards.get(name, NONE)
        while extra := guard - until:
            predicate, side = max(extra, key=lambda each: len(self.guards.get(each[0][0], NONE)))
            guard = guard - {(predicate, side)}
            scope = self._scope((name, -1), predicate)
            yield Choice(self.nodes[name], guard, predicate, scope, {side: ((name, -1), 0)})

    def _scope(self, source: Source, predicate: Source) -> str:
        """The scope of the conditional that a node in a branch is of: that of its predicate's name.

        `tf.cond` gives each conditional a node `pred_id` of its own. Conditionals that share their
        predicate otherwise stay apart so that a run needs only those that it asks for.
        """
        while True:
            node = self.nodes[source[0]]
            if node.op in SWITCH and self.predicate(node) == predicate:
                own = node.inputs[1]
                return scope_of(node.name if own == predicate else own[0])
            edges = [*node.inputs, *((name, -1) for name in node.controls)]
            source = next(
                each for each in edges if any(p == predicate for p, _ in self.guard_of(each))
            )

    # After all conditionals have been made -------------------------------------------------------

    def _clean_up(self) -> None:
        """Drops the Switch nodes and what is left of the branches: nothing outside needs it."""
        kept = []
        for node in self.nodes.values():
            if self.guards.get(node.name) or node.op in SWITCH:
                continue
            node.inputs = [self.outside(source) for source in node.inputs]
            node.controls = self.outside_controls(node.controls)
            kept.append(node)
        left = {node.name for node in kept}
        outputs = [self.outside(source) for source in self.region.outputs]
        for source, _ in outputs:
            if source not in left and source not in self.arguments and source in self.guards:
                raise ValueError(
                    f"Node '{source}' is inside of a conditional: there is no value of it if the "
                    "other branch runs"
                )
        self.region.nodes, self.region.outputs = kept, outputs
        self.region.controls = self.outside_controls(self.region.controls)

    def outside(self, source: Source) -> Source:
        return source

    def outside_controls(self, controls: Sequence[str]) -> list[str]:
        """Control inputs of a node outside of a conditional, in terms of what there is now."""
        found: dict[str, None] = {}
        for name in controls:
            while name in self.replaced_controls:
                name = self.replaced_controls[name]
            node = self.nodes.get(name)
            if node is not None and node.op in SWITCH:
                found.update((data, None) for data, _ in node.inputs)
            elif node is None or not self.guards.get(name):
                found[name] = None
        return list(found)


class _Conditional:
    """One `If` node in the making: the choices with one predicate that are made together."""

    def __init__(self, branches: _Branches, choices: list[Choice], counted: set[Source]):
        self.all = branches
        self.choices = choices
        self.counted = counted
        self.predicate = choices[0].predicate
        self.guard = choices[0].guard
        self.arguments: dict[str, Argument] = {}
        self.inputs: dict[str, Source] = {}
        self.of_source: dict[Source, str] = {}  # arguments by the tensor that they stand for
        self.constants: dict[Source, RawNode] = {}
        self.controls: dict[str, None] = {}
        self.sides = {side: Body("", [], [], []) for side in (True, False)}
        self.included: dict[bool, dict[str, RawNode]] = {True: {}, False: {}}
        self.dtypes: list[DType] = []
        self.node: RawNode | None = None

    def build(self) -> None:
        everything, rewriting = self.all, self.all.rewriting
        scope = self.choices[0].scope
        name = rewriting.new_name(f"{scope}If")
        results: list[tuple[RawNode, Source, DType]] = []
        for choice in self.choices:
            if choice.merge is None:
                self._wait(choice, name)
                continue
            dtype = choice.merge.attrs["T"]
            at = self._output(choice, dtype)
            results.append((choice.merge, (name, at), dtype))
        for side, body in self.sides.items():
            body.name = rewriting.new_name(f"{scope.replace('/', '_')}{str(side).lower()}")
            body.nodes = [*self._constants_of(side), *self.included[side].values()]
            body.arguments = list(self.arguments.values())
        stateful = any(has_effect(node) for body in self.sides.values() for node in body.nodes)
        self.node = make_node(
            name,
            "If" if stateful else "StatelessIf",
            [self.predicate, *self.inputs.values()],
            everything.outside_controls(list(self.controls)),
            Tcond=dtypes.bool,
            Tin=tuple(argument.dtype.base_dtype for argument in self.arguments.values()),
            Tout=tuple(self.dtypes),
            then_branch=self.sides[True],
            else_branch=self.sides[False],
        )
        everything.nodes[name] = self.node
        everything.guards[name] = self.guard
        if stateful:
            everything.effects.add(name)
        for merge, source, dtype in results:
            self._replace(merge, source, dtype)
