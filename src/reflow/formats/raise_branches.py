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

_DEEPEST = 300  # conditionals in each other

Guard = frozenset[tuple[Source, bool]]  # what has to be true, or false, for a node to run
NONE: Guard = frozenset()

# What is computed again rather than handed from one conditional to a later one.
_CHEAP = frozenset(("Const", "Identity", "Shape", "Size", "Rank"))


def raise_branches(region: Body, rewriting: Rewriting) -> None:
    """Replaces the conditionals of `region`; a Merge becomes an `Identity` of the same name.

    Args:
      region: the body of a function, or the nodes of a graph; loops in it are nodes already.

    Raises:
      ValueError: if Switch and Merge nodes do not make up conditionals.
    """
    if any(node.op in SWITCH or node.op in MERGE for node in region.nodes):
        _Branches(region, rewriting).run()


class _Branches:
    """The conditionals of one region.

    Attributes:
      nodes: all nodes by name; grows as conditionals are made.
      guards: what has to hold for each to run.
      effects: the nodes for which it can matter that another one waits for them.
      taken: nodes that are part of a conditional by now, and which.
      shared: outputs of conditionals that stand for tensors in their branches.
      waited_for: from a node in a branch to the conditional that it made wait.
    """

    def __init__(self, region: Body, rewriting: Rewriting):
        self.region = region
        self.rewriting = rewriting
        self.order = list(in_order(region.nodes))
        self.nodes = {node.name: node for node in self.order}
        self.arguments = {argument.name: argument for argument in region.arguments}
        self.guards: dict[str, Guard] = {}
        self._decided: dict[Source, Source] = {}
        self.effects = effectful(self.order)
        self.taken: dict[str, _Conditional] = {}
        self.shared: dict[Source, Source] = {}
        self.waited_for: dict[str, str] = {}
        self.used = {source for node in self.order for source in node.inputs if source[1] == 1}
        self.used.update(region.outputs)

    def run(self) -> None:
        self._find_guards()
        if self._assume():
            self._find_guards()
        for choices in in_stages(self.order, self._choices()):
            _Conditional(self, choices).build()
        self._clean_up()

    # What runs when ------------------------------------------------------------------------------

    def _find_guards(self) -> None:
        for node in self.order:
            guard = self.guards[node.name] = self._guard(node)
            if len(guard) > _DEEPEST:
                raise ValueError(
                    f"Node '{node.name}': conditionals are nested more than {_DEEPEST} deep"
                )

    def _assume(self) -> bool:
        """Takes out the Switch nodes whose side is certain; whether there are any.

        The body of a loop in a branch may switch by the predicate of that branch, and has a result
        on one side only: it runs on that side only.
        """
        certain: dict[Source, bool] = {}
        for source in self.region.outputs:
            for predicate, side in self.guard_of(source):
                if predicate[0] in self.arguments:
                    certain[predicate] = side
        through: dict[Source, Source] = {}
        for node in self.order:
            if node.op in SWITCH and self.predicate(node) in certain:
                through[node.name, int(certain[self.predicate(node)])] = node.inputs[0]
        for node in self.order:
            node.inputs = [_followed(source, through) for source in node.inputs]
        self.region.outputs = [_followed(source, through) for source in self.region.outputs]
        return bool(certain)

    def predicate(self, switch: RawNode) -> Source:
        """What decides a Switch, without the Identity nodes on the way."""
        given = switch.inputs[1]
        found = self._decided.get(given)
        if found is None:
            found = given
            node = self.nodes.get(found[0])
            while node is not None and node.op == "Identity":
                found = node.inputs[0]
                node = self.nodes.get(found[0])
            self._decided[given] = found
        return found

    def guard_of(self, source: Source) -> Guard:
        """What has to hold for a tensor to have a value."""
        guard = self.guards.get(source[0], NONE)
        node = self.nodes.get(source[0])
        if source[1] >= 0 and node is not None and node.op in SWITCH:
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
                "conditional, which has two"
            )
        first, second = (self.guard_of(source) for source in node.inputs)
        differing = first - second
        if len(differing) == 1:
            ((predicate, side),) = differing
            if second - first == {(predicate, not side)}:
                return first & second
        shown = " and ".join(f"'{name}:{index}'" for name, index in node.inputs)
        raise ValueError(
            f"Node '{node.name}' ({node.op}): {shown} are not the two sides of one condition: the "
            f"first runs {_condition(first)}, the second {_condition(second)}"
        )

    # What is decided together --------------------------------------------------------------------

    def _choices(self) -> list[Choice]:
        """The Merge nodes, and the nodes in branches that a node outside waits for."""
        found: list[Choice] = []
        for node in self.order:
            guard = self.guards[node.name]
            if node.op in MERGE:
                sides = {}
                for i, source in enumerate(node.inputs):
                    ((predicate, side),) = self.guard_of(source) - guard
                    sides[side] = (source, i)
                scope = self._scope(node.inputs[0], predicate)
                found.append(Choice(node, guard, predicate, scope, sides))
            elif node.op == "ControlTrigger":
                for name in node.controls:
                    found.extend(self._waits(name, guard, node.name))
        for name in self.region.controls:
            found.extend(self._waits(name, NONE, ""))
        return found

    def _waits(self, name: str, until: Guard, waiter: str) -> Iterator[Choice]:
        """The ends of the conditionals around a node, from the inside out."""
        guard = self.guards.get(name, NONE)
        while extra := guard - until:
            predicate, side = max(extra, key=lambda each: (len(self.guard_of(each[0])), each))
            guard = guard - {(predicate, side)}
            scope = self._scope((name, -1), predicate)
            sides = {side: ((name, -1), 0)}
            yield Choice(self.nodes[name], guard, predicate, scope, sides, waiter)

    def _scope(self, source: Source, predicate: Source) -> str:
        """The scope of the conditional that a node in a branch is of: that of its predicate's name.

        `tf.cond` gives each conditional a node `pred_id` of its own (and one that switches the predicate
        itself). Conditionals that share their predicate otherwise stay apart, so that a run needs
        only those that it asks for.
        """
        while True:
            node = self.nodes[source[0]]
            if node.op in SWITCH and self.predicate(node) == predicate:
                data, own = node.inputs
                return scope_of(node.name if own == predicate == data else own[0])
            edges = [*node.inputs, *((name, -1) for name in node.controls)]
            source = next(
                each for each in edges if any(p == predicate for p, _ in self.guard_of(each))
            )

    # After all conditionals have been made -------------------------------------------------------

    def _clean_up(self) -> None:
        """Drops the Switch nodes and what is left of the branches: nothing outside needs it."""
        region, kept = self.region, []
        for node in self.nodes.values():
            if not self.guards[node.name] and node.op not in SWITCH:
                node.controls = self.outside_controls(node.controls)
                kept.append(node)
        left = {node.name for node in kept}
        for source, _ in region.outputs:
            if source in self.nodes and source not in left:
                raise ValueError(
                    f"Node '{source}' is inside of a conditional: it has no value where the other "
                    "branch runs"
                )
        region.nodes = kept
        region.controls = self.outside_controls(region.controls)

    def outside_controls(self, controls: Sequence[str]) -> list[str]:
        """Control inputs of a node outside of the conditionals, in terms of what there is now."""
        found: dict[str, None] = {}
        for name in controls:
            name = self.conditional_of(name)
            node = self.nodes.get(name)
            if node is not None and node.op in SWITCH:
                found.update((data, None) for data, _ in node.inputs)
            elif not self.guards.get(name):
                found[name] = None
        return list(found)

    def conditional_of(self, name: str) -> str:
        """The conditional that waits for a node, if one does."""
        while name in self.waited_for:
            name = self.waited_for[name]
        return name


class _Conditional:
    """One `If` node in the making: choices with one predicate that are made together."""

    def __init__(self, branches: _Branches, choices: list[Choice]):
        self.all = branches
        self.choices = choices
        self.predicate = choices[0].predicate
        self.guard = choices[0].guard
        self.name = branches.rewriting.new_name(f"{choices[0].scope}If")
        self.arguments: dict[str, Argument] = {}
        self.inputs: list[Source] = []
        self.place: dict[Source, Source] = {}  # what stands in the branches for a tensor outside
        self.constants: dict[bool, dict[str, RawNode]] = {True: {}, False: {}}
        self.controls: dict[str, None] = {}
        self.sides = {side: Body("", [], [], []) for side in (True, False)}
        self.included: dict[bool, dict[str, RawNode]] = {True: {}, False: {}}
        self.pending: list[tuple[str, bool]] = []
        self.dtypes: list[DType] = []
        self.node: RawNode | None = None

    def build(self) -> None:
        everything, rewriting = self.all, self.all.rewriting
        replacements = []
        for choice in self.choices:
            if choice.waiter is None:
                replacements.append(self._merge(choice))
            else:
                self._wait(choice)
            self._include_pending()
        scope = self.choices[0].scope.replace("/", "_")
        for side, body in self.sides.items():
            body.name = rewriting.new_name(scope + str(side).lower())
            body.arguments = list(self.arguments.values())
            body.nodes = [*self.constants[side].values(), *self.included[side].values()]
        stateful = any(has_effect(node) for body in self.sides.values() for node in body.nodes)
        self.node = make_node(
            self.name,
            "If" if stateful else "StatelessIf",
            [self.predicate, *self.inputs],
            everything.outside_controls(list(self.controls)),
            Tcond=dtypes.bool,
            Tin=tuple(argument.dtype.base_dtype for argument in self.arguments.values()),
            Tout=tuple(self.dtypes),
            then_branch=self.sides[True],
            else_branch=self.sides[False],
        )
        for node in (self.node, *replacements):
            everything.nodes[node.name] = node
            everything.guards[node.name] = self.guard
        if stateful:
            everything.effects.add(self.name)

    # Outputs -------------------------------------------------------------------------------------

    def _merge(self, choice: Choice) -> RawNode:
        """Makes the two sides of a Merge an output; the node that takes its place."""
        merge = choice.node
        dtype = merge.attrs["T"]
        at = self._add_output(dtype, {s: self._value(choice.sides[s][0], s) for s in (True, False)})
        if (merge.name, 1) in self.all.used:
            index = {s: self._index(merge.name, i, s) for s, (_, i) in choice.sides.items()}
            other = self._add_output(dtypes.int32, index)
            sources = [(self.name, at), (self.name, other)]
            node = make_node(merge.name, "IdentityN", sources, T=(dtype, dtypes.int32))
        else:
            node = make_identity(merge.name, (self.name, at), dtype)
        node.device = merge.device
        node.attrs.update((k, v) for k, v in merge.attrs.items() if k.startswith("_"))
        return node

    def _add_output(self, dtype: DType, values: dict[bool, Source]) -> int:
        for side, value in values.items():
            self.sides[side].outputs.append(value)
        self.dtypes.append(dtype.base_dtype)
        return len(self.dtypes) - 1

    def _value(self, source: Source, side: bool) -> Source:
        """What a side gives; where that is a reference, the value behind it."""
        found = self._resolve(source, side)
        dtype = self._dtype_inside(found, side)
        if not dtype.is_ref_dtype:
            return found
        read = make_identity(self.all.rewriting.new_name(f"{source[0]}/read"), found, dtype)
        self.included[side][read.name] = read
        return (read.name, 0)

    def _dtype_inside(self, source: Source, side: bool) -> DType:
        if source[0] in self.arguments or source[0] in self.constants[side]:
            return source_dtype(source, self.constants[side], self.arguments)
        return source_dtype(source, self.all.nodes, {})

    def _index(self, merge: str, index: int, side: bool) -> Source:
        """The second output of a Merge: which input came."""
        node = make_constant(self.all.rewriting.new_name(f"{merge}/index"), index)
        self.included[side][node.name] = node
        return (node.name, 0)

    def _wait(self, choice: Choice) -> None:
        """Makes a node of a branch one that the conditional waits for."""
        (side,) = choice.sides
        name = self.all.conditional_of(choice.node.name)
        if name == self.name or (self.predicate, side) not in self.all.guards[name]:
            return  # a conditional waits for it
        earlier = self.all.taken.get(name)
        if earlier is not None and earlier is not self:
            self.all.waited_for[name] = earlier.name
            return
        self.pending.append((name, side))
        self.sides[side].controls.append(name)
        self.all.waited_for[name] = self.name

    def share(self, source: Source, side: bool) -> Source:
        """A tensor of one branch as an output, for a later conditional of the same predicate.

        It is taken only where that branch runs: the other one gives nothing.
        """
        found = self.all.shared.get(source)
        if found is None:
            dtype = source_dtype(source, self.included[side], self.arguments).base_dtype
            label = self.all.rewriting.new_name(f"{source[0]}/nothing")
            nothing = make_node(label, "FakeParam", (), dtype=dtype, shape=shapes.UNKNOWN)
            self.sides[not side].nodes.append(nothing)
            at = self._add_output(dtype, {side: source, not side: (label, 0)})
            assert self.node is not None, "conditionals are made one after the other"
            self.node.attrs["Tout"] = tuple(self.dtypes)
            found = self.all.shared[source] = (self.name, at)
        return found

    # Branches ------------------------------------------------------------------------------------

    def _resolve(self, source: Source, side: bool) -> Source:
        """A tensor in terms of the branch; the node that gives it becomes part of it in time."""
        everything = self.all
        switch = None
        node = everything.nodes.get(source[0])
        while node is not None and node.op in SWITCH:
            if everything.predicate(node) != self.predicate:
                break
            if (source[1] == 1) is not side:
                raise _contradiction(node)
            switch = node
            for name in node.controls:
                self._wait_for(name, side)
            source = node.inputs[0]
            node = everything.nodes.get(source[0])
        guard = everything.guard_of(source)
        if (self.predicate, side) not in guard:
            if node is not None and (self.predicate, not side) in guard:
                raise _contradiction(node)
            return self._from_outside(source, side, switch)
        assert node is not None
        if node.op in SWITCH:
            raise _elsewhere(node)
        earlier = everything.taken.get(node.name)
        if earlier is not None and earlier is not self:
            if (earlier.predicate, earlier.guard) != (self.predicate, self.guard):
                raise _elsewhere(node)
            if node.op not in _CHEAP:
                return self._from_outside(earlier.share(source, side), side, None)
        self.pending.append((node.name, side))
        return source

    def _from_outside(self, source: Source, side: bool, switch: RawNode | None) -> Source:
        """The argument of the branches for a tensor outside of them, or a copy of a constant."""
        everything = self.all
        node = everything.nodes.get(source[0])
        if everything.rewriting.small_constant(source, node):
            assert node is not None
            key = f"{node.name}/Const" if switch is None else f"{switch.name}/Const"
            for copy in self.constants[side].values():
                if copy.attrs["value"] is node.attrs["value"]:
                    return (copy.name, 0)
            copy = everything.rewriting.copy_of_constant(node, key)
            self.constants[side][copy.name] = copy
            return (copy.name, 0)
        found = self.place.get(source)
        if found is None:
            if switch is not None and switch.name not in self.arguments:
                label, dtype = switch.name, switch.attrs["T"]
                if switch.op == "RefSwitch":
                    dtype = dtype._as_ref
            else:
                label = everything.rewriting.new_name(f"{source[0]}/argument")
                dtype = source_dtype(source, everything.nodes, everything.arguments)
            self.arguments[label] = Argument(label, dtype)
            self.inputs.append(source)
            found = self.place[source] = (label, 0)
        return found

    def _wait_for(self, name: str, side: bool) -> list[str]:
        """Sees to it that a node of the branch waits for another; the names of those inside."""
        everything = self.all
        inside, stack = [], [name]
        while stack:
            name = everything.conditional_of(stack.pop())
            node = everything.nodes.get(name)
            if name == self.name or name not in everything.effects or node is None:
                continue
            if node.op in SWITCH:  # it runs when its data is there
                stack.extend(source for source, _ in node.inputs)
            elif (self.predicate, side) not in everything.guards[name]:
                self.controls[name] = None
            elif everything.taken.get(name, self) is not self:
                self.controls[everything.taken[name].name] = None
            else:
                self.pending.append((name, side))
                inside.append(name)
        return inside

    def _include_pending(self) -> None:
        """Puts nodes, and all that they need, into the branches."""
        while self.pending:
            name, side = self.pending.pop()
            included = self.included[side]
            if name in included:
                continue
            node = included[name] = self.all.nodes[name].copy()
            self.all.taken.setdefault(name, self)
            node.inputs = [self._resolve(source, side) for source in node.inputs]
            waits = [inner for each in node.controls for inner in self._wait_for(each, side)]
            node.controls = list(dict.fromkeys(waits))


def _followed(source: Source, through: dict[Source, Source]) -> Source:
    while source in through:
        source = through[source]
    return source


def _contradiction(node: RawNode) -> ValueError:
    return ValueError(f"Node '{node.name}' is used in the branch that runs when it does not")


def _elsewhere(node: RawNode) -> ValueError:
    return ValueError(f"Node '{node.name}' is inside of another conditional than where it is used")


def _condition(guard: Guard) -> str:
    """A guard in words."""
    if not guard:
        return "in any case"
    parts = [f"{'' if side else 'not '}'{name}:{index}'" for (name, index), side in sorted(guard)]
    return "if " + " and ".join(parts)
