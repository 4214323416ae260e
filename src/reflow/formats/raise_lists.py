"""TF 1's stacks and tensor arrays as lists: values that go from node to node.

A `StackV2` or `TensorArrayV3` makes an object, and its handle goes through Enter and Switch nodes to
those that change it. After loops and conditionals have become nodes, every handle can be followed to
the object that it is of. The object's list is then what the last node that changed it gives: within a
function in the order in which its nodes can run, and around it as an argument and a result.

The gradient of a tensor array (`TensorArrayGradV3`) is a list as well. Writing there adds to what is
there already, as elements that were read twice get two gradients.
"""

from __future__ import annotations

from typing import Any

from reflow.formats.list_rules import RULES
from reflow.formats.raw_graph import Argument, Body, RawNode, Source
from reflow.formats.region import Rewriting, has_effect, in_order, make_constant, make_node
from reflow.formats.v1_control_flow import LISTS
from reflow.lang import dtypes, errors
from reflow.lang.dtypes import DType
from reflow.lang.opdef import REGISTRY
from reflow.lang.shapes import UNKNOWN, TensorShape

_BODIES = ("then_branch", "else_branch", "cond", "body")


def raise_lists(region: Body, rewriting: Rewriting) -> None:
    """Replaces the stacks and tensor arrays of `region` and of the functions in it.

    Raises:
      ValueError: if a handle cannot be followed to one object.
      errors.UnimplementedError: if an op does with a handle what lists cannot do.
    """
    if _has_lists(region):
        objects: dict[str, _Object] = {}
        new, _ = Lists(region, {}, None, objects, rewriting).rewrite()
        region.nodes, region.outputs = new.nodes, new.outputs


def _has_lists(body: Body) -> bool:
    return any(
        node.op in LISTS or any(_has_lists(inner) for inner in bodies_of(node).values())
        for node in body.nodes
    )


def bodies_of(node: RawNode) -> dict[str, Body]:
    """The functions of a node that was raised, by attribute."""
    found = {}
    for key in _BODIES:
        value = node.attrs.get(key)
        if isinstance(value, Body):
            found[key] = value
    return found


class _Object:
    """A stack, a tensor array, or the gradient of one.

    Attributes:
      maker: the node that makes it; of a gradient, that of the array.
      of: the array that it is the gradient of.
      holds: of which object a stack holds handles.
      carries: whether it holds one for each iteration, so that it is their lists that it holds.
    """

    def __init__(self, name: str, maker: RawNode, of: _Object | None = None):
        self.name = name
        self.maker = maker
        self.of = of
        self.holds: _Object | None = None
        self.carries = False

    @property
    def is_used(self) -> bool:
        """Whether there is a list for it: a stack that always holds the same handle is not needed."""
        return self.holds is None or self.carries

    @property
    def element_dtype(self) -> DType:
        return dtypes.variant if self.carries else self.dtype

    @property
    def dtype(self) -> DType:
        return self.maker.attrs["elem_type" if self.maker.op == "StackV2" else "dtype"]

    @property
    def element_shape(self) -> TensorShape:
        return self.maker.attrs.get("element_shape", UNKNOWN)

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Lists:
    """The objects of one region: a graph or the body of a function.

    Args:
      body: the region.
      given: the objects whose handles are its arguments.
      passing: of a branch, what is made outside of it, but anew in each iteration of the loop around.
      objects: all objects by name.

    Attributes:
      handles: of which objects tensors are handles.
      made: the objects that are made in this region.
      conditional: objects that are made in a branch of a conditional, and how many deep: outside of
        as many there may be nothing, and their gradients are made in such a branch as well.
      used: the objects that it changes or reads, in order.
    """

    def __init__(
        self,
        body: Body,
        given: dict[str, _Object],
        passing: set[_Object] | None,
        objects: dict[str, _Object],
        rewriting: Rewriting,
    ):
        self.body = body
        self.is_branch = passing is not None
        self.passing = passing or set()
        self.objects = objects
        self.rewriting = rewriting
        self.order = in_order(body.nodes)
        self.handles: dict[Source, _Object | None] = {(k, 0): v for k, v in given.items()}
        self.made: set[_Object] = set()
        self.conditional: dict[_Object, int] = {}
        self.made_in_branches: set[_Object] = set()
        self.leaving: dict[str, list[_Object]] = {}  # from a conditional to what is made in it
        self.pushed: list[tuple[RawNode, _Object, _Object]] = []  # when their lists are complete
        self.used: dict[_Object, None] = {}
        self.inner: dict[str, dict[str, Lists]] = {}
        self.state: dict[_Object, Source] = {}  # where the list of each object is now
        self.fresh: set[Source] = set()  # lists of gradients to which nothing was added yet
        self.nodes: list[RawNode] = []
        self.redirected: dict[Source, Source] = {}
        for node in self.order:
            self._follow(node)

    # Following handles ---------------------------------------------------------------------------

    def _follow(self, node: RawNode) -> None:
        """Finds out of which objects the outputs of a node are handles, and which it uses."""
        found = [self.handles.get(source) for source in node.inputs]
        if node.op in ("StackV2", "TensorArrayV3"):
            made = self.objects.setdefault(node.name, _Object(node.name, node))
            self.handles[node.name, 0] = made
            self.made.add(made)
        elif node.op == "TensorArrayGradV3":
            array = self.object_of(node)
            self.handles[node.name, 0] = self._gradient(array, str(node.attrs["source"]))
            self.used[array] = None
        elif node.op in LISTS:
            used = self.object_of(node)
            self._follow_content(node, used, found)
            if used.is_used:
                self.used[used] = None
                if used.of is not None:  # whoever makes the gradient's list needs the array's
                    self.used[used.of] = None
        elif bodies := bodies_of(node):
            self._follow_into(node, bodies, found)
        elif node.op == "Identity" and found[0] is not None:
            self.handles[node.name, 0] = found[0]
        elif any(each is not None for each in found):
            which = next(each for each in found if each is not None)
            raise errors.UnimplementedError(
                None,
                None,
                f"Node '{node.name}' ({node.op}) takes the handle of '{which.name}'. The stacks and "
                "tensor arrays of TF 1 are imported for their own ops only.",
            )

    def object_of(self, node: RawNode) -> _Object:
        found = self.handles.get(node.inputs[0])
        if found is None:
            name, index = node.inputs[0]
            raise ValueError(
                f"Node '{node.name}' ({node.op}): '{name}:{index}' is not the handle of one stack or "
                "tensor array of this graph"
            )
        return found

    def _gradient(self, array: _Object, source: str) -> _Object:
        name = f"{array.name}/{source}"
        found = self.objects.get(name)
        if found is None:
            found = self.objects[name] = _Object(name, array.maker, of=array)
        return found

    def _follow_content(self, node: RawNode, used: _Object, found: list[_Object | None]) -> None:
        if node.op == "StackPushV2" and found[1] is not None:
            if used.holds is not None and used.holds is not found[1]:
                raise ValueError(
                    f"Node '{node.name}': the stack '{used.name}' holds handles of two objects"
                )
            used.holds = held = found[1]
            used.carries = held in self.made or held in self.passing
            if used.carries:
                self.used[held] = None
        elif node.op == "StackPopV2" and used.holds is not None:
            self.handles[node.name, 0] = used.holds
            if used.carries:
                self.made.add(used.holds)

    def _follow_into(
        self, node: RawNode, bodies: dict[str, Body], found: list[_Object | None]
    ) -> None:
        first = 1 if "then_branch" in bodies else 0
        inside = {}
        passing = self.passing | self.made if first else None
        for key, body in bodies.items():
            given = {
                argument.name: each
                for argument, each in zip(body.arguments, found[first:])
                if each is not None
            }
            inside[key] = part = Lists(body, given, passing, self.objects, self.rewriting)
            self.used.update(dict.fromkeys(part.wanted()))
            if first:
                self.made_in_branches |= part.made | part.made_in_branches
        self.inner[node.name] = inside
        results = [part.results() for key, part in inside.items() if key != "cond"]
        for i, column in enumerate(zip(*results)):
            known = {each for each in column if each is not None}
            if "body" in bodies and found[i] is not None and known != {found[i]}:
                raise ValueError(
                    f"Node '{node.name}': the handle of '{found[i].name}' changes within the loop"  # type: ignore[union-attr]
                )
            if len(known) == 1:
                (each,) = known
                self.handles[node.name, i] = each
                if any(each in part.made for part in inside.values()):
                    self.made.add(each)
                    depth = max(part.conditional.get(each, 0) for part in inside.values())
                    self.conditional[each] = 1 + depth
                    leaving = self.leaving.setdefault(node.name, [])
                    if each not in leaving:
                        leaving.append(each)

    def wanted(self) -> list[_Object]:
        """The objects of other regions that are used.

        The gradient of an array that is made in a branch is of the region around: several
        conditionals may add to it.
        """
        own = self.made | self.made_in_branches
        return [
            each
            for each in self.used
            if (each not in self.made if each.of is None else self.is_branch or each.of not in own)
        ]

    def results(self) -> list[_Object | None]:
        """Of which objects the region's outputs are handles."""
        return [self.handles.get(source) for source in self.body.outputs]

    # Rewriting -----------------------------------------------------------------------------------

    def rewrite(self) -> tuple[Body, dict[_Object, Source]]:
        """The region with lists, and where the lists are in the end."""
        for original in self.order:
            node = original.copy()
            node.inputs = [self._new(source) for source in original.inputs]
            if node.op in LISTS:
                RULES[node.op](self, node, original)
            elif node.name in self.inner:
                self._rewrite_call(node, original)
            elif any(self.handles.get(source) is not None for source in original.inputs):
                self.add("NoOp", node, [])
            else:
                self.nodes.append(node)
        for node, stack, held in self.pushed:
            self.state[stack] = self.helper(
                f"{node.name}/list",
                "TensorListPushBack",
                [self.list_of(stack), self.list_of(held)],
                element_dtype=dtypes.variant,
            )
        body = self.body
        outputs = [self._new(source) for source in body.outputs]
        new = Body(body.name, body.arguments, self.nodes, outputs, body.controls, body.attributes)
        return new, self.state

    def _new(self, source: Source) -> Source:
        """What a tensor of the region has become."""
        return self.redirected.get(source, source)

    def add(self, op: str, node: RawNode, inputs: list[Source], **attrs: Any) -> Source:
        """Appends what takes the place of `node`; its first output."""
        new = make_node(node.name, op, inputs, node.controls, **attrs)
        new.device = node.device
        self.nodes.append(new)
        return (node.name, 0)

    def helper(self, label: str, op: str, inputs: list[Source], **attrs: Any) -> Source:
        """Appends a further node; its first output."""
        new = make_node(self.rewriting.new_name(label), op, inputs, **attrs)
        self.nodes.append(new)
        return (new.name, 0)

    def constant(self, label: str, value: Any, dtype: DType = dtypes.int32) -> Source:
        new = make_constant(self.rewriting.new_name(label), value, dtype)
        self.nodes.append(new)
        return (new.name, 0)

    def shape_of_elements(self, node: RawNode, shape: TensorShape) -> Source:
        """What a list op takes for the shape of elements: a vector with -1, or the scalar -1."""
        sizes = shape.sizes
        value = -1 if sizes is None else [-1 if size is None else size for size in sizes]
        return self.constant(f"{node.name}/element_shape", value)

    def list_of(self, used: _Object) -> Source:
        """The list of an object as it is now; that of a gradient is made when it is first used."""
        found = self.state.get(used)
        if found is not None:
            return found
        if used.of is None or used.of not in self.state:
            raise errors.UnimplementedError(
                None,
                None,
                f"'{used.name}', a stack or tensor array made within a loop, is used outside of it",
            )
        count = self.helper(f"{used.name}/size", "TensorListLength", [self.state[used.of]])
        shape = self.shape_of_elements(used.maker, used.element_shape)
        found = self.helper(
            used.name,
            "TensorListReserve",
            [shape, count],
            element_dtype=used.dtype,
            shape_type=dtypes.int32,
        )
        self.state[used] = found
        self.fresh.add(found)
        return found

    # Calls ---------------------------------------------------------------------------------------

    def _rewrite_call(self, node: RawNode, original: RawNode) -> None:
        """A loop or conditional: lists in place of handles, as arguments and results."""
        inside = self.inner[node.name]
        first = 1 if "then_branch" in inside else 0
        used = list(dict.fromkeys(each for part in inside.values() for each in part.wanted()))
        # The gradient of what is made in one branch is made there as well, where it is first used.
        leaving = list(self.leaving.get(node.name, []))
        for each in used if first else ():
            if each.of is not None and each not in self.state:
                if each.of in self.conditional or each.of not in self.state:
                    leaving.append(each)
        used = [each for each in used if each not in leaving]
        lists = [self.list_of(each) for each in used]
        kept = [
            i
            for i, source in enumerate(original.inputs[first:])
            if self.handles.get(source) is None
        ]
        count = len(next(part for key, part in inside.items() if key != "cond").body.outputs)
        results = [i for i in range(count) if self.handles.get((node.name, i)) is None]
        kinds: list[DType] = []
        for key, part in inside.items():
            for each, depth in self.conditional.items():
                if depth > first:
                    part.conditional.setdefault(each, depth - first)
            node.attrs[key] = body = self._rewrite_part(part, kept, results, used, leaving, key)
            if key != "cond":
                kinds = self._result_types(node, results, len(used) + len(leaving))
        node.inputs = node.inputs[:first] + [node.inputs[first + i] for i in kept] + lists
        arguments = tuple(argument.dtype.base_dtype for argument in body.arguments)
        if first:
            node.attrs["Tin"], node.attrs["Tout"] = arguments, tuple(kinds)
        else:
            node.attrs["T"] = arguments
        _set_stateful(node)
        self.nodes.append(node)
        for new, old in enumerate(results):
            if new != old:
                self.redirected[node.name, old] = (node.name, new)
        for i, each in enumerate([*used, *leaving]):
            self.state[each] = (node.name, len(results) + i)

    def _result_types(self, node: RawNode, results: list[int], lists: int) -> list[DType]:
        given = node.attrs["Tout" if "Tout" in node.attrs else "T"]
        return [given[i] for i in results] + [dtypes.variant] * lists

    def _rewrite_part(
        self,
        part: Lists,
        kept: list[int],
        results: list[int],
        used: list[_Object],
        leaving: list[_Object],
        key: str,
    ) -> Body:
        arguments = [part.body.arguments[i] for i in kept]
        for each in used:
            label = self.rewriting.new_name(f"{each.name}/list")
            arguments.append(Argument(label, dtypes.variant))
            part.state[each] = (label, 0)
        before = dict(part.state)
        body, after = part.rewrite()
        body.arguments = arguments
        if key != "cond":
            body.outputs = [body.outputs[i] for i in results] + [after[each] for each in used]
            for each in leaving:
                body.outputs.append(after[each] if each in after else part._nothing(each))
        elif any(after[each] != before[each] for each in used):
            raise errors.UnimplementedError(
                None, None, f"The condition '{body.name}' of a loop changes a stack or tensor array"
            )
        return body

    def _nothing(self, each: _Object) -> Source:
        """What the branch gives for a list that the other branch makes."""
        label = f"{each.name}/nothing"
        return self.helper(label, "FakeParam", [], dtype=dtypes.variant, shape=UNKNOWN)


def _set_stateful(node: RawNode) -> None:
    """Makes the node the stateless variant of its op where nothing stateful is left."""
    stateful = any(has_effect(each) for body in bodies_of(node).values() for each in body.nodes)
    name = node.op.removeprefix("Stateless")
    node.opdef = REGISTRY[name if stateful else f"Stateless{name}"]
