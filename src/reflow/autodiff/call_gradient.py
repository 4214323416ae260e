"""The gradients of whole functions, for tapes that see only the call of one.

The function is called in a graph made for the purpose, and that node is differentiated as any other
(`branch_gradient`): what comes out is the function with its residuals as further outputs, and its
gradient as a function of its inputs, its outputs and the gradients that arrive there.
"""

from __future__ import annotations

from collections.abc import Sequence

from reflow.autodiff import engine
from reflow.autodiff.branch_gradient import branch_gradient
from reflow.lang import dtypes, shapes
from reflow.lang.func_graph import FuncGraph, functions_of
from reflow.lang.opdef import REGISTRY
from reflow.lang.resource import handle_type
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.branches import call_attributes


class Backward:
    """The gradient of a function with respect to some of its inputs.

    Attributes:
      function: what computes it; None where no input is reached.
      sources: where the inputs of `function` come from: ("input", i), ("output", i) of the forward
        function, or ("gradient", i) that arrives at the i-th of its outputs.
      targets: which inputs of the forward function the outputs of `function` are the gradients of.
    """

    def __init__(
        self,
        function: FuncGraph | None,
        sources: Sequence[tuple[str, int]] = (),
        targets: Sequence[int] = (),
    ):
        self.function = function
        self.sources = sources
        self.targets = targets


def with_residuals(function: FuncGraph, order: int) -> FuncGraph:
    """The function with further outputs: what its gradients up to the given order need."""
    cache = function.__dict__.setdefault("_with_residuals", {0: function})
    for i in range(1, order + 1):
        if i not in cache:
            before = cache[i - 1]
            seeds = [j for j, t in enumerate(before.outputs) if engine.is_plain(t)]
            cache[i], _ = _differentiated(before, seeds)
            cache[i].__dict__["_seeds"] = tuple(seeds)
    return cache[order]


def backward(function: FuncGraph, seeds: tuple[int, ...]) -> tuple[Backward, tuple[int, ...]]:
    """The gradient, for gradients that arrive at the outputs `seeds`, of what `with_residuals` gave.

    The second result names further outputs at which it takes gradients: zeros, to be given.
    """
    cache = function.__dict__.setdefault("_backward", {})
    if seeds not in cache:
        rewritten, found = _differentiated(function, seeds)
        cache[seeds] = found, ()
        if len(rewritten.outputs) != len(function.outputs):
            # Where no gradient arrives, a rule makes zeros of its own, from what is not handed out.
            more = tuple(i for i in function.__dict__["_seeds"] if i not in seeds)
            rewritten, found = _differentiated(function, (*seeds, *more))
            cache[seeds] = found, more
            assert len(rewritten.outputs) == len(function.outputs), "all residuals are handed out"
    return cache[seeds]


def _differentiated(function: FuncGraph, seeds: Sequence[int]) -> tuple[FuncGraph, Backward]:
    caller = FuncGraph(f"{function.name}_call", None)
    with caller.as_default():
        inputs = [_argument(caller, t) for t in function.inputs]
        arriving = {i: _argument(caller, function.outputs[i]) for i in seeds}
        call = caller.add_node(
            REGISTRY["StatefulPartitionedCall"],
            inputs,
            call_attributes(function, inputs),
            caller.unique_name("call"),
            [t.shape for t in function.outputs],
        )
        count = len(function.outputs)
        found = branch_gradient(call, [arriving.get(i) for i in range(count)])
    targets = [i for i, gradient in enumerate(found) if gradient is not None]
    rewritten = call.attrs["f"]
    if not targets:
        return rewritten, Backward(None)
    node = found[targets[0]].op.inputs[0].op
    (body,) = functions_of(node)
    at = {id(t): ("input", i) for i, t in enumerate(inputs)}
    at |= {id(t): ("gradient", i) for i, t in arriving.items()}
    at |= {id(t): ("output", i) for i, t in enumerate(call.outputs)}
    order = [found[i].op.inputs[0].value_index for i in targets]
    gradient = body.variant(outputs=[body.outputs[i] for i in order])
    return rewritten, Backward(gradient, [at[id(t)] for t in node.inputs], targets)


def _argument(graph: FuncGraph, like: SymbolicTensor) -> SymbolicTensor:
    shape = shapes.UNKNOWN if like.dtype is dtypes.variant else like.shape
    argument = graph.add_input(like.dtype, shape, "argument")
    if like.dtype is dtypes.resource:
        argument._handle_type = handle_type(like)  # type: ignore[attr-defined]
    return argument
