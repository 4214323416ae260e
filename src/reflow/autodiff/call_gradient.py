"""The gradients of whole functions, for tapes that see only the call of one.

The function is called in a graph made for the purpose, and that node is differentiated as any other
(`branch_gradient`): what comes out is the function with its residuals as further outputs, and its
gradient as a function of its inputs, its outputs and the gradients that arrive there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.autodiff import engine
from reflow.autodiff.branch_gradient import branch_gradient
from reflow.lang import dtypes, shapes
from reflow.lang.func_graph import FuncGraph, functions_of
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.resource import handle_type
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.control_flow.branches import call_attributes


class Backward:
    """The gradient of a function with respect to some of its inputs.

    Attributes:
      function: what computes it; None where no input is reached.
      sources: where the inputs of `function` come from: ("input", i), ("output", i) of the forward
        function, ("gradient", i) that arrives at the i-th of its outputs, or ("outside", tensor) of eager
        code, which a gradient of the user's reads and the forward function does not.
      targets: which inputs of the forward function the outputs of `function` are the gradients of, and
        which part of a sparse one: see `gradients_of_parts`.
    """

    def __init__(
        self,
        function: FuncGraph | None,
        sources: Sequence[tuple[str, Any]] = (),
        targets: Sequence[tuple[int, str]] = (),
    ):
        self.function = function
        self.sources = sources
        self.targets = targets

    def arguments(
        self, inputs: Sequence[Any], outputs: Sequence[Any], arriving: dict[int, Any]
    ) -> list[Any]:
        """The arguments of `function`, given those of the forward function and its outputs."""
        given: dict[str, Any] = {"input": inputs, "output": outputs, "gradient": arriving}
        return [at if kind == "outside" else given[kind][at] for kind, at in self.sources]


def with_residuals(function: FuncGraph, order: int) -> FuncGraph:
    """The function with further outputs: what its gradients up to the given order need."""
    cache = function.__dict__.setdefault("_with_residuals", {0: function})
    for i in range(1, order + 1):
        if i not in cache:
            before = cache[i - 1]
            seeds = [j for j, t in enumerate(before.outputs) if engine.is_plain(t)]
            cache[i], _ = differentiated(before, seeds)
            cache[i].__dict__["_seeds"] = tuple(seeds)
    return cache[order]


def backward(function: FuncGraph, seeds: tuple[int, ...]) -> tuple[Backward, tuple[int, ...]]:
    """The gradient, for gradients that arrive at the outputs `seeds`, of what `with_residuals` gave.

    The second result names further outputs at which it takes gradients: zeros, to be given.
    """
    cache = function.__dict__.setdefault("_backward", {})
    if seeds not in cache:
        rewritten, found = differentiated(function, seeds)
        cache[seeds] = found, ()
        if len(rewritten.outputs) != len(function.outputs):
            # Where no gradient arrives, a rule makes zeros of its own, from what is not handed out.
            more = tuple(i for i in function.__dict__["_seeds"] if i not in seeds)
            rewritten, found = differentiated(function, (*seeds, *more))
            cache[seeds] = found, more
            assert len(rewritten.outputs) == len(function.outputs), "all residuals are handed out"
    return cache[seeds]


def differentiated(
    function: FuncGraph, seeds: Sequence[int], sparse: bool = True
) -> tuple[FuncGraph, Backward]:
    """The function with its residuals as further outputs, and the gradient that takes them."""
    call = _Call(function, seeds, sparse)
    rewritten = call.node.attrs["f"]
    if not call.targets:
        return rewritten, Backward(None)
    node = call.results[0].op.inputs[0].op
    (body,) = functions_of(node)
    at: dict[int, tuple[str, Any]] = {id(t): ("input", i) for i, t in enumerate(call.inputs)}
    at |= {id(t): ("gradient", i) for i, t in call.arriving.items()}
    at |= {id(t): ("output", i) for i, t in enumerate(call.node.outputs)}
    at |= {id(inner): ("outside", outer) for outer, inner in call.graph.captures}
    order = [tensor.op.inputs[0].value_index for tensor in call.results]
    gradient = body.variant(outputs=[body.outputs[i] for i in order])
    return rewritten, Backward(gradient, [at[id(t)] for t in node.inputs], call.targets)


def recomputing(function: FuncGraph, seeds: Sequence[int]) -> Backward:
    """The gradient of a function that runs the function once more, and needs no residuals."""
    call = _Call(function, seeds, sparse=False)
    if not call.targets:
        return Backward(None)
    call.graph.outputs = call.results
    sources: list[tuple[str, Any]] = [("input", i) for i in range(len(call.inputs))]
    sources += [("gradient", i) for i in call.arriving]
    sources += [("outside", outer) for outer in call.graph.external_captures]
    return Backward(call.graph, sources, call.targets)


class _Call:
    """A call of a function in a graph of its own, and the gradients of its inputs there.

    Attributes:
      node: the call.
      inputs, arriving: the arguments of the graph: of the function, and the gradients of the outputs
        `seeds` by position.
      results: the gradients of the inputs, or the parts of sparse ones; `targets` says which is which.
    """

    def __init__(self, function: FuncGraph, seeds: Sequence[int], sparse: bool):
        self.graph = caller = FuncGraph(f"{function.name}_call", None)
        with caller.as_default():
            self.inputs = [_argument(caller, t) for t in function.inputs]
            self.arriving = {i: _argument(caller, function.outputs[i]) for i in seeds}
            self.node = caller.add_node(
                REGISTRY["StatefulPartitionedCall"],
                self.inputs,
                call_attributes(function, self.inputs),
                caller.unique_name("call"),
                [t.shape for t in function.outputs],
            )
            count = len(function.outputs)
            arriving = [self.arriving.get(i) for i in range(count)]
            found = branch_gradient(self.node, arriving, sparse)
        self.targets: list[tuple[int, str]] = []
        self.results: list[Any] = []
        for i, gradient in enumerate(found):
            if isinstance(gradient, IndexedSlices):
                self.targets += [(i, "values"), (i, "indices")]
                self.results += [gradient.values, gradient.indices]
            elif gradient is not None:
                self.targets.append((i, ""))
                self.results.append(gradient)


def _argument(graph: FuncGraph, like: SymbolicTensor) -> SymbolicTensor:
    shape = shapes.UNKNOWN if like.dtype is dtypes.variant else like.shape
    argument = graph.add_input(like.dtype, shape, "argument")
    if like.dtype is dtypes.resource:
        argument._handle_type = handle_type(like)  # type: ignore[attr-defined]
    return argument
