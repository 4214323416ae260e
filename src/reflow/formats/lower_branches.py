"""Conditionals that change TF 1's reference variables, as TF 1's Switch and Merge.

TensorFlow's functions take no references. An `If` whose branches assign to one is therefore not written
as a node that calls functions: its branches become part of the graph, as TF 1's `tf.cond` has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.compiler.program import body_nodes
from reflow.formats.attr_value import write_shape
from reflow.lang import dtypes
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Operation
from reflow.lang.tensor import SymbolicTensor

_CONDITIONALS = frozenset(("If", "StatelessIf"))
BRANCHES = ("else_branch", "then_branch")


def changes_reference(op: Operation) -> bool:
    """Whether a node is a conditional that a branch of needs a reference, not only the value of it."""
    if op.opdef.name not in _CONDITIONALS:
        return False
    if not any(t.dtype.is_ref_dtype for t in op._inputs[1:]):
        return False
    return any(_needs_reference(op.attrs[key]) for key in BRANCHES)


def _needs_reference(function: FuncGraph) -> bool:
    return any(
        changes_reference(op) or any(arg.is_ref for arg in op.opdef.inputs)
        for op in body_nodes(function)
    )


class Lowering:
    """Writes such conditionals into a `GraphDef`.

    Args:
      add: gives a new `NodeDef`.
      write: fills one with a node: its name, its inputs and control inputs as text.
      taken: the names that the graph has.
      add_shapes: whether nodes get the attribute `_output_shapes`.

    Attributes:
      moved: what outputs of a conditional are called now, by the id of the tensor.
    """

    def __init__(
        self,
        add: Callable[[], Any],
        write: Callable[[Any, str, Operation, list[str]], None],
        taken: set[str],
        add_shapes: bool,
    ):
        self.add = add
        self.write = write
        self.taken = taken
        self.add_shapes = add_shapes
        self.moved: dict[int, str] = {}

    def name_of(self, tensor: SymbolicTensor) -> str:
        """What a tensor of the graph is called in the `GraphDef`."""
        found = self.moved.get(id(tensor))
        if found is not None:
            return found
        return tensor.op.name if tensor.value_index == 0 else tensor.name

    def lower(self, op: Operation, name: str, inputs: list[str], waits: list[str]) -> None:
        """Writes a conditional.

        Args:
          op: its node.
          name: what it is called; in the end a node of that name waits for all of it.
          inputs: its predicate and what its branches are called with.
          waits: its control inputs.
        """
        pred = self._node(f"{name}/pred_id", "Identity", [inputs[0], *waits], dtypes.bool)
        pivot = self._node(f"{name}/Switch", "Switch", [pred, pred], dtypes.bool)
        switches = []
        for i, tensor in enumerate(op._inputs[1:]):
            kind = "RefSwitch" if tensor.dtype.is_ref_dtype else "Switch"
            label = f"{name}/input_{i}"
            switches.append(self._node(label, kind, [inputs[1 + i], pred], tensor.dtype))
        sides = []
        for side, key in enumerate(BRANCHES):
            suffix = ":1" if side else ""
            alive = self._node(
                f"{name}/{('switch_f', 'switch_t')[side]}",
                "Identity",
                [pivot + suffix],
                dtypes.bool,
            )
            sides.append(self._branch(op.attrs[key], [s + suffix for s in switches], alive))
        done = []
        for i, tensor in enumerate(op.outputs):
            pair = [sides[0][0][i], sides[1][0][i]]
            merged = self._node(f"{name}/Merge_{i}", "Merge", pair, tensor.dtype, tensor)
            self.moved[id(tensor)] = merged
            done.append(f"^{merged}")
        ends = [
            self._node(f"{name}/{('end_f', 'end_t')[i]}", "Identity", [alive, *ran], dtypes.bool)
            for i, (_, alive, ran) in enumerate(sides)
        ]
        done.append("^" + self._node(f"{name}/end", "Merge", ends, dtypes.bool))
        node = self.add()
        node.name, node.op = name, "NoOp"
        node.input.extend(done)

    def _branch(
        self, function: FuncGraph, arguments: list[str], alive: str
    ) -> tuple[list[str], str, list[str]]:
        """Writes a branch; its outputs, what is there if it runs, and its nodes as control inputs."""
        outer, self.moved = self.moved, dict(self.moved)
        labels: dict[Operation, str] = {}
        for tensor, label in zip(function.inputs, arguments):
            self.moved[id(tensor)] = label
        nodes = body_nodes(function)
        for op in nodes:
            labels[op] = self._free(op.name)
            for tensor in op.outputs:
                suffix = f":{tensor.value_index}" if tensor.value_index else ""
                self.moved[id(tensor)] = labels[op] + suffix
            inputs = [self.moved[id(t)] for t in op._inputs]
            waits = sorted({f"^{labels[c]}" for c in op._control_inputs if c in labels})
            if not inputs and not waits:
                waits = [f"^{alive}"]  # else it would run in any case
            if changes_reference(op):
                self.lower(op, labels[op], inputs, waits)
            else:
                self.write(self.add(), labels[op], op, inputs + waits)
        outputs = [self.moved[id(t)] for t in function.outputs]
        self.moved = outer
        ran = [f"^{labels[op]}" for op in nodes if op.opdef.stateful and op.opdef.name != "NoOp"]
        return outputs, alive, ran

    def _free(self, name: str) -> str:
        found, count = name, 0
        while found in self.taken:
            count += 1
            found = f"{name}_{count}"
        self.taken.add(found)
        return found

    def _node(self, name: str, op: str, inputs: list[str], dtype: Any, shown: Any = None) -> str:
        node = self.add()
        node.name, node.op = self._free(name), op
        node.input.extend(inputs)
        node.attr["T"].type = dtype.base_dtype.as_datatype_enum
        if op == "Merge":
            node.attr["N"].i = 2
        if self.add_shapes and shown is not None:
            shapes = node.attr["_output_shapes"].list.shape
            write_shape(shapes.add(), shown.shape)
            write_shape(shapes.add(), ())
        return node.name
