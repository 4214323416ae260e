"""TF 1 loops, made of Enter, Merge, Switch, NextIteration and Exit, as `While` nodes with functions.

See `raise_control_flow` for the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from reflow.formats.raise_branches import raise_branches
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
from reflow.lang import dtypes

ENTER = frozenset(("Enter", "RefEnter"))
EXIT = frozenset(("Exit", "RefExit"))
NEXT = frozenset(("NextIteration", "RefNextIteration"))
MERGE = frozenset(("Merge", "RefMerge"))
SWITCH = frozenset(("Switch", "RefSwitch"))


class Frame:
    """Where the nodes of a loop stand: between its Enter and its Exit nodes."""

    __slots__ = ("name", "parent", "depth")

    def __init__(self, name: str, parent: Frame | None):
        self.name = name
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1

    def is_within(self, other: Frame) -> bool:
        frame: Frame | None = self
        while frame is not None and frame.depth > other.depth:
            frame = frame.parent
        return frame is other


def is_back_edge(source: RawNode, node: RawNode) -> bool:
    return source.op in NEXT and node.op in MERGE


def raise_loops(nodes: Sequence[RawNode], rewriting: Rewriting) -> list[RawNode]:
    """`nodes` with a `While` node in the place of each loop, and an `Identity` of each Exit's name.

    Raises:
      ValueError: if Enter, Exit and NextIteration nodes do not make up loops.
    """
    ordered = in_order(nodes, is_back_edge=is_back_edge)
    frame_of = _frames(ordered)
    if all(frame.depth == 0 for frame in frame_of.values()):
        _check_no_remains(nodes)
        return list(nodes)
    everything = {node.name: node for node in nodes}
    content: dict[Frame, dict[str, RawNode]] = {}
    for node in nodes:
        content.setdefault(frame_of[node.name], {})[node.name] = node
    root: dict[str, RawNode] = {}
    for frame in sorted(content, key=lambda f: -f.depth):
        if frame.parent is None:
            root = content[frame]
            continue
        around = content.setdefault(frame.parent, {})
        for part in _components(content[frame]):
            loop = _Loop(frame, part, everything, around, rewriting)
            if loop.build():
                around.update((node.name, node) for node in loop.replacements)
    return list(root.values())


def _check_no_remains(nodes: Sequence[RawNode]) -> None:
    for node in nodes:
        if node.op in EXIT or node.op in NEXT or node.op == "LoopCond":
            raise ValueError(f"Node '{node.name}': {node.op} is not part of a loop")


def _frames(ordered: Sequence[RawNode]) -> dict[str, Frame]:
    """The frame of each node: that of its inputs, one deeper after an Enter, one up after an Exit."""
    root = Frame("", None)
    frame_of: dict[str, Frame] = {}
    children: dict[tuple[Frame, str], Frame] = {}
    for node in ordered:
        frame = root
        for source in (*[name for name, _ in node.inputs], *node.controls):
            other = frame_of.get(source, root)
            if other is frame or frame.is_within(other):
                continue
            if not other.is_within(frame):
                raise ValueError(
                    f"Node '{node.name}' ({node.op}) takes inputs of two loops, '{frame.name}' and "
                    f"'{other.name}': what leaves a loop goes through an Exit node"
                )
            frame = other
        if node.op in ENTER:
            name = str(node.attrs["frame_name"])
            key = (frame, name)
            if key not in children:
                if frame.depth > 100:
                    raise ValueError(f"Node '{node.name}': loops are nested more than 100 deep")
                children[key] = Frame(name, frame)
            frame = children[key]
        elif node.op in EXIT:
            if frame.parent is None:
                raise ValueError(f"Node '{node.name}': {node.op} is not part of a loop")
            frame = frame.parent
        frame_of[node.name] = frame
    return frame_of


def _components(nodes: dict[str, RawNode]) -> list[dict[str, RawNode]]:
    """The parts of a frame that no edge connects: two loops may have one frame name."""
    parent = {name: name for name in nodes}

    def find(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for node in nodes.values():
        for source in (*[name for name, _ in node.inputs], *node.controls):
            if source in parent:
                parent[find(source)] = find(node.name)
    parts: dict[str, dict[str, RawNode]] = {}
    for name, node in nodes.items():
        parts.setdefault(find(name), {})[name] = node
    return list(parts.values())


class _Variable:
    """A loop variable: the Merge where its values come together, and the two they come from."""

    __slots__ = ("merge", "enter", "next")

    def __init__(self, merge: RawNode, enter: RawNode, next_iteration: RawNode):
        self.merge = merge
        self.enter = enter
        self.next = next_iteration


class _Part:
    """What becomes one of the two functions of a loop."""

    __slots__ = ("kind", "nodes", "outputs", "controls")

    def __init__(self, kind: str, nodes: list[RawNode], outputs: list[Source], controls: list[str]):
        self.kind = kind
        self.nodes = nodes
        self.outputs = outputs
        self.controls = controls


class _Loop:
    """One loop, to become one node.

    Args:
      frame: its frame.
      nodes: the nodes in it.
      everything: all nodes of the import as they were, to find constants by.
      around: the nodes of the frame around, where its Exit nodes are.
    """

    def __init__(
        self,
        frame: Frame,
        nodes: dict[str, RawNode],
        everything: dict[str, RawNode],
        around: dict[str, RawNode],
        rewriting: Rewriting,
    ):
        self.frame = frame
        self.nodes = nodes
        self.everything = everything
        self.around = around
        self.rewriting = rewriting
        self.replacements: list[RawNode] = []
        self.arguments: dict[str, Argument] = {}
        self.invariants: dict[str, Source] = {}  # from an argument to the tensor that it stands for
        self.constants: dict[str, RawNode] = {}  # from an Enter to the constant that enters
        self.alias: dict[Source, Source] = {}  # from the loop's own nodes to arguments
        self.controls: dict[str, None] = {}

    def build(self) -> bool:
        """Makes the replacements; False if there is no loop: only constants that nobody takes."""
        conditions = [node for node in self.nodes.values() if node.op == "LoopCond"]
        if not conditions:
            inside = [n for n in self.nodes.values() if n.op in MERGE or n.op in NEXT]
            if inside:
                raise ValueError(
                    f"Node '{inside[0].name}': the loop around it has no LoopCond node"
                )
            return False
        if len(conditions) > 1:
            raise ValueError(
                f"The loop '{self.frame.name}' has two conditions, '{conditions[0].name}' and "
                f"'{conditions[1].name}'"
            )
        condition = conditions[0]
        variables = self._variables()
        if not variables:
            raise ValueError(f"The loop of '{condition.name}' has no variable")
        for variable in variables:
            merge = variable.merge
            self.arguments[merge.name] = Argument(merge.name, merge.attrs["T"])
            self.alias[merge.name, 0] = (merge.name, 0)
            self.controls.update(dict.fromkeys(variable.enter.controls))
        self._alias_switches(condition)
        effects = effectful(in_order(list(self.nodes.values()), is_back_edge=is_back_edge))
        predicate = self._part("cond", [condition.inputs[0]], [], effects)
        waits = [c for variable in variables for c in variable.next.controls]
        step = self._part("body", [v.next.inputs[0] for v in variables], waits, effects)
        self._finish(condition, variables, predicate, step)
        return True

    def _variables(self) -> list[_Variable]:
        found = []
        for merge in self.nodes.values():
            if merge.op not in MERGE:
                continue
            sources = [self.nodes.get(name) for name, _ in merge.inputs]
            if not any(source is not None and source.op in NEXT for source in sources):
                continue
            by_kind = {
                "enter": [s for s in sources if s is not None and s.op in ENTER],
                "next": [s for s in sources if s is not None and s.op in NEXT],
            }
            if len(sources) != 2 or len(by_kind["enter"]) != 1 or len(by_kind["next"]) != 1:
                raise ValueError(
                    f"Node '{merge.name}': the values of a loop variable come from one Enter and "
                    f"one NextIteration node, not from {[name for name, _ in merge.inputs]}"
                )
            found.append(_Variable(merge, by_kind["enter"][0], by_kind["next"][0]))
        return found

    def _alias_switches(self, condition: RawNode) -> None:
        """Within the body, the true side of a Switch of the loop's condition is its data."""
        for node in self.nodes.values():
            if node.op in SWITCH and node.inputs[1] == (condition.name, 0):
                self.alias[node.name, 1] = node.inputs[0]

    def _resolve(self, source: Source) -> Source:
        """What a source is in terms of arguments and inner nodes."""
        while self.alias.get(source, source) != source:
            source = self.alias[source]
        name = source[0]
        node = self.nodes.get(name)
        if name in self.arguments or node is not None and node.op not in ENTER:
            if name in self.arguments and source[1] != 0:
                raise ValueError(f"'{name}:{source[1]}', which counts the edges of a loop, is used")
            return source
        if node is not None:  # a loop invariant
            if not node.attrs["is_constant"]:
                raise ValueError(
                    f"Node '{name}': what enters a loop as a variable is used without a Merge node"
                )
            self.controls.update(dict.fromkeys(node.controls))
            outer, dtype = node.inputs[0], node.attrs["T"]
            if node.op == "RefEnter":
                dtype = dtype._as_ref
        else:  # taken without an Enter node
            outer = source
            dtype = source_dtype(source, self.everything, self.rewriting.arguments)
        constant = self._small_constant(outer)
        if constant is not None:
            if name not in self.constants:
                copy = self.rewriting.copy_of_constant(constant, f"{name}/Const")
                self.constants[name] = copy
            return (self.constants[name].name, 0)
        label = name if source[1] == 0 else self.rewriting.new_name(f"{name}_{source[1]}")
        self.arguments[label] = Argument(label, dtype)
        self.invariants[label] = outer
        self.alias[source] = (label, 0)
        return (label, 0)

    def _small_constant(self, source: Source) -> RawNode | None:
        node = self.everything.get(source[0])
        while node is not None and node.op in ENTER:
            if not node.attrs["is_constant"]:
                return None
            source = node.inputs[0]
            node = self.everything.get(source[0])
        return node if self.rewriting.small_constant(source, node) else None

    def _part(
        self, kind: str, wanted: Sequence[Source], waits: Sequence[str], effects: set[str]
    ) -> _Part:
        """The nodes that `wanted` need, copied, with inputs in terms of arguments."""
        copies: dict[str, RawNode] = {}
        outputs = [self._resolve(source) for source in wanted]
        controls = [name for name in waits if self._is_wait(name, effects)]
        stack = [name for name, _ in outputs] + controls
        while stack:
            name = stack.pop()
            if name in copies or name in self.arguments:
                continue
            constant = next((c for c in self.constants.values() if c.name == name), None)
            if constant is not None:
                copies[name] = constant
                continue
            node = self.nodes[name].copy()
            if node.op in SWITCH and node.inputs[1][0] in self.nodes:
                if self.nodes[node.inputs[1][0]].op == "LoopCond":
                    raise ValueError(
                        f"Node '{name}': its value after the loop is used in the {kind} of the loop"
                    )
            if node.op == "LoopCond" or node.op in NEXT:
                raise ValueError(f"Node '{name}' ({node.op}) is used in the {kind} of its own loop")
            copies[name] = node
            node.inputs = [self._resolve(source) for source in node.inputs]
            node.controls = [c for c in node.controls if self._is_wait(c, effects)]
            stack.extend(source for source, _ in node.inputs)
            stack.extend(node.controls)
        nodes = [copies[name] for name in self.nodes if name in copies]
        nodes += [c for c in self.constants.values() if c.name in copies]
        return _Part(kind, nodes, outputs, controls)

    def _is_wait(self, name: str, effects: set[str]) -> bool:
        """Whether waiting for a node of the loop matters, and can be said in a body."""
        node = self.nodes.get(name)
        if node is None or name not in effects or name in self.arguments:
            return False
        if node.op == "LoopCond" or node.op in ENTER or node.op in NEXT:
            return False
        return not (node.op in SWITCH and (name, 1) in self.alias)

    def _finish(
        self, condition: RawNode, variables: list[_Variable], predicate: _Part, step: _Part
    ) -> None:
        """Makes the functions, the node that calls them, and the nodes with the names of the Exits."""
        new_name = self.rewriting.new_name
        merges = [variable.merge for variable in variables]
        scope = scope_of(condition.name)
        count, limit = new_name(f"{scope}loop_counter"), new_name(f"{scope}maximum_iterations")
        arguments = [Argument(count, dtypes.int32), Argument(limit, dtypes.int32)]
        arguments += [self.arguments[merge.name] for merge in merges]
        arguments += [self.arguments[name] for name in self.invariants]
        one, after = new_name(f"{scope}next_iteration/y"), new_name(f"{scope}next_iteration")
        step.nodes += [
            make_constant(one, 1),
            make_node(after, "AddV2", [(count, 0), (one, 0)], T=dtypes.int32),
        ]
        step.outputs = [(after, 0), (limit, 0), *step.outputs]
        step.outputs += [(name, 0) for name in self.invariants]
        bodies = []
        for part in (predicate, step):
            name = new_name(scope.replace("/", "_") + part.kind)
            body = Body(name, arguments, part.nodes, part.outputs, part.controls)
            raise_branches(body, self.rewriting)
            bodies.append(body)
        counter = make_constant(new_name(f"{scope}While/loop_counter"), 0)
        maximum = make_constant(new_name(f"{scope}While/maximum_iterations"), -1)
        inputs = [(counter.name, 0), (maximum.name, 0)]
        inputs += [variable.enter.inputs[0] for variable in variables]
        inputs += self.invariants.values()
        stateful = any(has_effect(node) for body in bodies for node in body.nodes)
        loop = make_node(
            new_name(f"{scope}While"),
            "While" if stateful else "StatelessWhile",
            inputs,
            list(self.controls),
            T=tuple(argument.dtype.base_dtype for argument in arguments),
            cond=bodies[0],
            body=bodies[1],
            parallel_iterations=variables[0].enter.attrs["parallel_iterations"],
        )
        self.replacements = [counter, maximum, loop]
        behind = _AfterLoop(self, loop, {m.name: 2 + i for i, m in enumerate(merges)})
        for node in list(self.around.values()):
            if node.op in EXIT and node.inputs[0][0] in self.nodes:
                self.replacements.append(behind.exit(node))
        self.replacements += behind.nodes.values()


class _AfterLoop:
    """What leaves a loop, and the nodes of its frame that work on that: they go behind the loop.

    Args:
      loop: the loop.
      node: what it has become.
      index: from the Merge of a variable to the output of `node`.
    """

    def __init__(self, loop: _Loop, node: RawNode, index: dict[str, int]):
        self.loop = loop
        self.node = node
        self.index = index
        self.nodes: dict[str, RawNode] = {}

    def exit(self, node: RawNode) -> RawNode:
        """An `Identity` with the name of an Exit."""
        source = self._value(node.inputs[0], node.name)
        found = make_identity(node.name, source, node.attrs["T"], node.controls)
        found.device = node.device
        found.attrs.update((k, v) for k, v in node.attrs.items() if k.startswith("_"))
        return found

    def _value(self, source: Source, user: str) -> Source:
        """A tensor of the frame, after the last iteration, in terms of the frame around."""
        inside = self.loop.nodes
        stack = [source]
        while stack:
            each = stack.pop()
            node = inside.get(each[0])
            if node is None or node.name in self.nodes or self._leaves(each) is not None:
                continue
            if node.op in MERGE or node.op in NEXT or node.op in SWITCH or node.op == "LoopCond":
                raise ValueError(
                    f"Node '{user}': what leaves a loop is a loop variable, not '{node.name}'"
                )
            copy = self.nodes[node.name] = node.copy()
            stack.extend(copy.inputs)
            copy.controls = [
                name for name in copy.controls if name in inside and inside[name].op not in SWITCH
            ]
            stack.extend((name, -1) for name in copy.controls)
            copy.inputs = [self._leaves(each) or each for each in copy.inputs]
        return self._leaves(source) or source

    def _leaves(self, source: Source) -> Source | None:
        """What stands outside for a loop variable or for a loop invariant."""
        node = self.loop.nodes.get(source[0])
        if node is None:
            return source
        if node.op in SWITCH and source[1] == 0 and (node.name, 1) in self.loop.alias:
            if node.inputs[0][0] in self.index:
                return (self.node.name, self.index[node.inputs[0][0]])
        if node.op in ENTER and node.attrs["is_constant"]:
            return node.inputs[0]
        return None
