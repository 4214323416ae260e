"""TF 1's control flow as functions: Switch, Merge, Enter, Exit, ... become `If` and `While` nodes.

In TF 1 a conditional or a loop is no node: it is a pattern of nodes which send each tensor one way or
the other. This is how an import finds the patterns, before nodes become part of a graph:

1. **Loops** (`raise_loops`). Each node has a *frame*: that of its inputs, one deeper after an Enter
   node, one up after an Exit. From the innermost frame out, a loop becomes one node. Its variables are
   the Merge nodes that take an Enter and a NextIteration; the condition is what LoopCond needs of them,
   the body what the NextIterations need. An Exit becomes an `Identity` with its name.
2. **Conditionals** (`raise_branches`), in what is left and in each function made so far. Each node has a
   *guard*: what predicates have to be true or false for it to run. A Switch adds to it, a Merge takes
   away that in which its inputs differ. From the longest guard to the shortest, the Merge nodes of one
   `tf.cond` become one node (`branch_order` says which); its branches are what they need up to the
   Switch nodes. A Merge becomes an `Identity` with its name. What a gradient takes out of a branch of
   the conditional that it is the gradient of becomes a further output of that one.
3. **Lists** (`raise_lists`). Stacks, in which loops keep values for their gradients, and tensor arrays
   are objects that nodes change through a handle. Each becomes a value: a list that goes from the node
   that changes it to the next one, through the inputs and outputs of loops and conditionals.

Nodes in a branch or a loop that nothing outside needs are dropped, as TF 1 prunes them from a run.
What is no such pattern (a value that leaves a loop without an Exit, a Merge of two conditions) ends in
an error that names the node.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from reflow.formats import v1_control_flow
from reflow.formats.raise_branches import raise_branches
from reflow.formats.raise_lists import bodies_of, raise_lists
from reflow.formats.raise_loops import raise_loops
from reflow.formats.raw_graph import Argument, Body, RawNode, Source
from reflow.formats.region import Rewriting, effectful, has_effect, in_order, make_node


def has_control_flow(nodes: Iterable[RawNode]) -> bool:
    """Whether there is anything to raise."""
    return any(node.op in v1_control_flow.OPS for node in nodes)


def raise_control_flow(
    nodes: Sequence[RawNode],
    arguments: Sequence[Argument] = (),
    outputs: Sequence[Source] = (),
    controls: Sequence[str] = (),
    replaced: Container[Source] = frozenset(),
) -> Body:
    """The same computation without any of TF 1's control flow.

    Args:
      nodes: all nodes of a graph, or of the body of a function.
      arguments: those of the function.
      outputs: what is wanted of the nodes for sure.
      controls: nodes that the function waits for.
      replaced: tensors that the import takes from elsewhere.

    Returns:
      The nodes, and what outputs and controls are now called.

    Raises:
      ValueError: if the nodes are no loops and conditionals.
    """
    rewriting = Rewriting(nodes, arguments, replaced)
    region = Body("", list(arguments), raise_loops(nodes, rewriting), list(outputs), controls)
    raise_branches(region, rewriting)
    raise_lists(region, rewriting)
    _replace_triggers(region)
    for node in region.nodes:
        for body in bodies_of(node).values():
            _drop_waits(body)
    return region


def _replace_triggers(body: Body) -> None:
    """ControlTrigger waits for nodes that may not run; now that they are in functions, all run."""
    for i, node in enumerate(body.nodes):
        if node.op == "ControlTrigger":
            body.nodes[i] = make_node(node.name, "NoOp", (), node.controls)
        for inner in bodies_of(node).values():
            _replace_triggers(inner)


def _drop_waits(body: Body) -> None:
    """Drops control inputs that have lost their meaning: lists are values, and have an order."""
    effects = effectful(in_order(body.nodes))
    body.controls = [name for name in body.controls if name in effects]
    for node in body.nodes:
        node.controls = [name for name in node.controls if name in effects]
        for inner in bodies_of(node).values():
            _drop_waits(inner)
    needed = {name for name, _ in body.outputs} | set(body.controls)
    for node in reversed(in_order(body.nodes)):
        if node.name in needed or has_effect(node):
            needed.update(name for name, _ in node.inputs)
            needed.update(node.controls)
            needed.add(node.name)
    body.nodes = [node for node in body.nodes if node.name in needed]
