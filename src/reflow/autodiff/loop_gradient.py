"""The gradient of `While`: a loop that goes through the iterations backwards.

The forward loop pushes the residuals of each iteration onto lists, one for each, and the gradient's loop
takes them off again. What the loop captured, such as weights, gets the sum of the gradients of all
iterations. Sparse gradients are collected in TF 1's graphs, and added up to a dense one in functions, as
TensorFlow's loops do: norms of gradients and optimizers tell the two apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.autodiff import engine
from reflow.autodiff.body_gradient import (
    GradientGraph,
    append_outputs,
    dense,
    gradients_of_parts,
    in_graph_of,
    reverse,
    zeros_for,
)
from reflow.lang import dtypes
from reflow.lang.context import current_graph, executing_eagerly_outside_functions
from reflow.lang.convert import convert_to_tensor
from reflow.lang.func_graph import BodyGraph, FuncGraph
from reflow.lang.graph import Operation
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY
from reflow.lang.shapes import SCALAR
from reflow.lang.slices import is_pure, slice_of
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.control_flow.branches import add_call, base_dtypes, has_side_effects, unify_captures
from reflow.ops.control_flow.tensor_list import element_shape_tensor


def while_gradient(op: Operation, grads: Sequence[Any]) -> list[Any]:
    """The gradients of the inputs of a `While` node, given those of its outputs."""
    if op.attrs.get("_back_prop", True) is False:
        return [None] * len(op.inputs)
    return _LoopGradient(op, grads).build()


class _LoopGradient:
    """The making of the gradient of one loop.

    Attributes:
      carried: the positions of the loop variables that have a gradient and change in the body.
      constant: those that have one and do not change: what is captured.
    """

    def __init__(self, op: Operation, grads: Sequence[Any]):
        graph = current_graph()
        assert graph is not None
        self.graph = graph
        self.op = op
        self.body = op.attrs["body"]
        self.invariant = [x is y for x, y in zip(self.body.inputs, self.body.outputs)]
        self.arriving = {
            i: dense(g)
            for i, g in enumerate(grads)
            if g is not None and engine.is_trainable(op.outputs[i])
        }
        self.carried, self.constant = self._reached()

    def _reached(self) -> tuple[list[int], list[int]]:
        """Through which loop variables gradients flow, in one iteration or another."""
        body = self.body
        position = {id(t): i for i, t in enumerate(body.inputs)}
        reached = {i for i in self.arriving if not self.invariant[i]}
        todo = list(reached)
        while todo:
            for i in _depends_on(body.outputs[todo.pop()], position):
                if i not in reached and engine.is_trainable(body.inputs[i]):
                    reached.add(i)
                    if not self.invariant[i]:
                        todo.append(i)
        carried = sorted(i for i in reached if not self.invariant[i])
        constant = sorted(i for i in reached if self.invariant[i])
        return carried, constant

    def build(self) -> list[Any]:
        op, graph, body = self.op, self.graph, self.body
        results: dict[int, Any] = {i: g for i, g in self.arriving.items() if self.invariant[i]}
        if not self.carried:
            return [results.get(i) for i in range(len(op.inputs))]
        total = self._here(op.outputs[self._counter()])
        given = [t if still else None for t, still in zip(op.inputs, self.invariant)]
        gradient = GradientGraph(
            f"{body.name}_grad_{op._id}_{len(graph._nodes)}", graph, body, given
        )
        count = gradient.add_input(dtypes.int32, SCALAR, "grad_counter")
        limit = gradient.add_input(dtypes.int32, SCALAR, "forward_iterations")
        flowing = {}
        for i in self.carried:
            inner = body.inputs[i]
            flowing[i] = gradient.add_input(inner.dtype.base_dtype, inner.shape, f"grad_{i}")
            gradient.as_long_as[id(inner)] = flowing[i]
        with gradient.as_default():
            after = REGISTRY["AddV2"](count, np.int32(1), name="next_iteration")
            self._number_iterations(gradient, count, limit)
            found = reverse(body, [(body.outputs[i], flowing[i]) for i in self.carried])
            new = []
            for i in self.carried:
                value = dense(found.get(id(body.inputs[i])))
                if value is None:
                    value = zeros_for(gradient.capture(body.inputs[i]))
                new.append(_inside(gradient, value))
        sums = self._sums(gradient, found)
        starts = [np.int32(0), total]
        for i in self.carried:
            arriving = self.arriving.get(i)
            starts.append(zeros_for(self._here(op.outputs[i])) if arriving is None else arriving)
        with gradient.as_default():
            gradient.outputs = [after, limit, *new, *(each.next for each in sums)]
        lists = self._residuals(gradient)
        starts += [each.start for each in sums] + lists
        node = self._add(gradient, starts)
        outputs = node.outputs[2:]
        for i, tensor in zip(self.carried, outputs):
            results[i] = REGISTRY["Identity"](tensor)
        outputs = outputs[len(self.carried) :]
        for i, value in self._summed(sums, outputs).items():
            mine = results.get(i)
            results[i] = value if mine is None else engine.add_up([mine, value])
        return [results.get(i) for i in range(len(op.inputs))]

    def _here(self, tensor: SymbolicTensor) -> SymbolicTensor:
        """A tensor of the graph of the node, in the graph in which the gradient is built."""
        return tensor if tensor.op.graph is self.graph else self.graph.capture(tensor)

    # The counter ---------------------------------------------------------------------------------

    def _counter(self) -> int:
        """The position of a loop variable that counts the iterations; one is added if there is none."""
        op, body = self.op, self.body
        for i, (x, y) in enumerate(zip(body.inputs, body.outputs)):
            if _start_and_step(op.inputs[i], x, y) == (0, 1):
                return i
        base = body.base
        with in_graph_of(op):
            start = convert_to_tensor(np.int32(0), name="loop_counter")
        placeholder = base._placeholder(dtypes.int32, SCALAR, "loop_counter")
        with base.as_default(), base.control_dependencies(None):
            after = REGISTRY["AddV2"](placeholder, np.int32(1), name="next_iteration")
        self._extend([start], [placeholder], [after])
        self.invariant.append(False)
        return len(op.inputs) - 1

    def _extend(
        self,
        starts: Sequence[SymbolicTensor],
        placeholders: Sequence[SymbolicTensor],
        outputs: Sequence[SymbolicTensor],
    ) -> list[SymbolicTensor]:
        """Gives the loop further variables; their values after the last iteration."""
        op = self.op
        body, cond = op.attrs["body"], op.attrs["cond"]
        op.attrs["body"] = self.body = body.variant(
            [*body.inputs, *placeholders], [*body.outputs, *outputs]
        )
        unused = [cond.base._placeholder(t.dtype, t.shape, "unused") for t in placeholders]
        op.attrs["cond"] = cond.variant([*cond.inputs, *unused])
        op._inputs = (*op._inputs, *starts)
        return append_outputs(op, [(t.dtype, t.shape) for t in placeholders], "T")

    def _number_iterations(
        self, gradient: GradientGraph, count: SymbolicTensor, limit: SymbolicTensor
    ) -> None:
        """Computes loop variables that grow by a constant from the number of the iteration."""
        op, body = self.op, self.body
        number: Any = None
        for i, (x, y) in enumerate(zip(body.inputs, body.outputs)):
            found = _start_and_step(op.inputs[i], x, y)
            if found is None:
                continue
            if number is None:
                last = REGISTRY["Sub"](limit, np.int32(1))
                number = REGISTRY["Sub"](last, count, name="iteration")
            start, step = found
            value = number
            if x.dtype.base_dtype is not dtypes.int32:
                value = REGISTRY["Cast"](value, DstT=x.dtype.base_dtype)
            if step != 1:
                value = REGISTRY["Mul"](value, x.dtype.np.type(step))
            if start is None:
                value = REGISTRY["AddV2"](value, gradient.capture(self._here(op.inputs[i])))
            elif start != 0:
                value = REGISTRY["AddV2"](value, x.dtype.np.type(start))
            gradient.stands_for(x, value)

    # Sums ----------------------------------------------------------------------------------------

    def _sums(self, gradient: GradientGraph, found: dict[int, Any]) -> list[_Sum]:
        """The loop variables that collect the gradients of what the loop captured."""
        sums = []
        for i in self.constant:
            value = found.get(id(self.body.inputs[i]))
            if value is None:
                continue
            sparse = isinstance(value, IndexedSlices)
            if sparse and not executing_eagerly_outside_functions():
                sums += _collected(gradient, i, value)
                continue
            start = zeros_for(self._here(self.op.inputs[i]))
            held = gradient.add_input(start.dtype, start.shape, f"sum_{i}")
            with gradient.as_default():
                if sparse:
                    rows = (_inside(gradient, t) for t in (value.indices, value.values))
                    after = _with_rows(held, *rows)
                else:
                    after = engine.add_up([held, _inside(gradient, value)])
                sums.append(_Sum(i, start, after, ""))
        return sums

    def _summed(self, sums: Sequence[_Sum], outputs: Sequence[Any]) -> dict[int, Any]:
        tensors = []
        for each, tensor in zip(sums, outputs):
            if each.part:
                tensor, _ = REGISTRY["TensorListConcatV2"](
                    *(tensor, each.element_shape, np.zeros(0, np.int64)),
                    element_dtype=each.element_dtype,
                )
            else:
                tensor = REGISTRY["Identity"](tensor)
            tensors.append(tensor)
        sources = {i: self._here(self.op.inputs[i]) for i in self.constant}
        return gradients_of_parts([(each.position, each.part) for each in sums], tensors, sources)

    # Residuals -----------------------------------------------------------------------------------

    def _residuals(self, gradient: GradientGraph) -> list[SymbolicTensor]:
        """Turns each promise into the last element of a list that the forward loop fills.

        What is the same in all iterations, such as the value of a variable, is captured instead.

        Returns:
          The lists: further loop variables of the gradient's loop.
        """
        known = self._pushed()
        needed = gradient.needed_promises()
        if not has_side_effects(self.body):
            steady = [t for t, _ in needed if id(t) not in known and _is_steady(self.body, t)]
            kept = self._keep(steady)
            for tensor, promise in needed:
                if id(tensor) in kept:
                    before = len(gradient._nodes)
                    value = gradient.capture(self._here(kept[id(tensor)]))
                    gradient.move_before(gradient._nodes[before:], promise.op)
                    gradient.replace(promise, value)
            needed = [each for each in needed if id(each[0]) not in kept]
        missing = [tensor for tensor, _ in needed if id(tensor) not in known]
        if missing:
            known.update(self._push(missing))
        lists = []
        for tensor, promise in needed:
            held = gradient.add_input(dtypes.variant, SCALAR, "residuals")
            rest = _become_pop(gradient, promise, held, tensor)
            gradient.outputs.append(rest)
            lists.append(self._here(known[id(tensor)]))
        return lists

    def _pushed(self) -> dict[int, SymbolicTensor]:
        """What the forward loop pushes already, for another gradient: the lists by the tensors' ids."""
        op, body = self.op, self.body
        found = {}
        for i, (x, y) in enumerate(zip(body.inputs, body.outputs)):
            if y.op.type == "TensorListPushBack" and y.op.inputs[0] is x:
                if op.inputs[i].op.type == "EmptyTensorList":
                    found[id(y.op.inputs[1])] = op.outputs[i]
        return found

    def _keep(self, tensors: Sequence[SymbolicTensor]) -> dict[int, SymbolicTensor]:
        """The values of tensors that are the same in all iterations, by the tensors' ids."""
        op, body = self.op, self.body
        kept = {id(y): result for y, result in zip(body.outputs, op.outputs)}
        kept = {id(t): kept[id(t)] for t in tensors if id(t) in kept}
        tensors = [t for t in tensors if id(t) not in kept]
        if not tensors:
            return kept
        with in_graph_of(op):
            starts = [
                REGISTRY["Fill"](
                    np.array(t.shape.as_list(), np.int32), np.zeros((), t.dtype.np), name="unset"
                )
                for t in tensors
            ]
        placeholders = [body.base._placeholder(t.dtype, t.shape, "unset") for t in tensors]
        added = self._extend(starts, placeholders, tensors)
        self.invariant += [False] * len(added)
        return kept | {id(tensor): result for tensor, result in zip(tensors, added)}

    def _push(self, tensors: Sequence[SymbolicTensor]) -> dict[int, SymbolicTensor]:
        op, base = self.op, self.body.base
        starts, placeholders, outputs = [], [], []
        with in_graph_of(op):
            for tensor in tensors:
                starts.append(
                    REGISTRY["EmptyTensorList"](
                        _element_shape(tensor),
                        np.int32(-1),
                        element_dtype=tensor.dtype.base_dtype,
                        name="accumulator",
                    )
                )
        for tensor in tensors:
            placeholder = base._placeholder(dtypes.variant, SCALAR, "accumulator")
            with base.as_default(), base.control_dependencies(None):
                pushed = REGISTRY["TensorListPushBack"](placeholder, tensor)
            placeholders.append(placeholder)
            outputs.append(pushed)
        added = self._extend(starts, placeholders, outputs)
        return {id(tensor): result for tensor, result in zip(tensors, added)}

    # The node ------------------------------------------------------------------------------------

    def _add(self, gradient: GradientGraph, starts: Sequence[Any]) -> Operation:
        graph = self.graph
        arguments = len(starts)
        cond = BodyGraph(gradient.name.replace("_body_", "_cond_") + "_cond", graph)
        for tensor in gradient.inputs[:arguments]:
            cond.add_input(tensor.dtype, tensor.shape, "loop_var")
        with cond.as_default():
            cond.outputs = [REGISTRY["Less"](cond.inputs[0], cond.inputs[1])]
        captured = unify_captures([cond, gradient], arguments)
        gradient.outputs.extend(gradient.inputs[arguments:])
        inputs = [convert_to_tensor(start, name="grad_counter") for start in starts] + captured
        shapes = [t.shape for t in gradient.inputs]
        opdef = REGISTRY["While" if has_side_effects(gradient) else "StatelessWhile"]
        attrs = {
            "T": base_dtypes(inputs),
            "cond": cond,
            "body": gradient,
            "output_shapes": tuple(shapes),
            "parallel_iterations": self.op.attrs["parallel_iterations"],
        }
        return add_call(
            graph, opdef, inputs, attrs, graph.op_name(opdef.name), shapes, [cond, gradient]
        )


class _Sum:
    """A loop variable that collects a gradient.

    Attributes:
      position: of the input that it is the gradient of.
      start: its value before the first iteration; `next`: after an iteration.
      part: "values" or "indices" for a list of the parts of sparse gradients.
    """

    __slots__ = ("position", "start", "next", "part", "element_shape", "element_dtype")

    def __init__(self, position: int, start: Any, next: Any, part: str):
        self.position = position
        self.start = start
        self.next = next
        self.part = part
        self.element_shape: Any = None
        self.element_dtype: Any = None


def _with_rows(held: Any, indices: Any, values: Any) -> Any:
    """A sum after the rows of a sparse gradient."""
    return REGISTRY["TensorScatterAdd"](held, REGISTRY["ExpandDims"](indices, -1), values)


def _collected(gradient: GradientGraph, position: int, value: IndexedSlices) -> list[_Sum]:
    """Lists of the values and of the indices of a sparse gradient."""
    sums = []
    for part in ("values", "indices"):
        with gradient.as_default():
            tensor = _inside(gradient, getattr(value, part))
            shape = tensor.shape
        outer = gradient.outer_graph
        assert outer is not None
        with outer.as_default():
            any_rows = None if shape._dims is None else (None, *shape._dims[1:])
            start = REGISTRY["EmptyTensorList"](
                _shape_input(any_rows), np.int32(-1), element_dtype=tensor.dtype.base_dtype
            )
        held = gradient.add_input(dtypes.variant, SCALAR, f"{part}_{position}")
        with gradient.as_default():
            pushed = REGISTRY["TensorListPushBack"](held, tensor)
        each = _Sum(position, start, pushed, part)
        each.element_shape = _shape_input(any_rows)
        each.element_dtype = tensor.dtype.base_dtype
        sums.append(each)
    return sums


def _shape_input(sizes: Any) -> np.ndarray:
    if sizes is None:
        return np.array(-1, np.int32)
    return np.array([-1 if d is None else d for d in sizes], np.int32)


def _is_steady(body: FuncGraph, tensor: SymbolicTensor) -> bool:
    """Whether a tensor is the same in all iterations of a loop without side effects."""
    if not (
        tensor.shape.is_fully_defined() and (tensor.dtype.is_floating or tensor.dtype.is_complex)
    ):
        return False
    same = {i for i, (x, y) in enumerate(zip(body.inputs, body.outputs)) if x is y}
    part = slice_of(body, tensor, lambda node: is_pure(node, reading=True))
    return part is not None and same.issuperset(part.inputs)


def _depends_on(tensor: SymbolicTensor, position: dict[int, int]) -> set[int]:
    """The inputs of a body from which gradients can flow to `tensor`."""
    found: set[int] = set()
    seen: set[Operation] = set()
    stack = [tensor]
    while stack:
        each = stack.pop()
        at = position.get(id(each))
        if at is not None:
            found.add(at)
            continue
        if each.op in seen or not engine.is_trainable(each):
            continue
        seen.add(each.op)
        stack.extend(each.op.inputs)
    return found


def _start_and_step(
    start: SymbolicTensor, x: SymbolicTensor, y: SymbolicTensor
) -> tuple[int | None, int] | None:
    """For an integer that grows by a constant: its first value (None: not constant) and the step."""
    if not x.dtype.is_integer or x.shape.rank != 0:
        return None
    y = _through(y)
    if y.op.type not in ("AddV2", "Add"):
        return None
    a, b = (_through(t) for t in y.op.inputs)
    if b is x:
        a, b = b, a
    if a is not x or b.op.type != "Const":
        return None
    while start.op.type == "Placeholder":
        outer = getattr(start.op.graph, "_outer_of", {}).get(id(start))
        if not isinstance(outer, SymbolicTensor):
            break
        start = outer
    first = int(start.op.attrs["value"]) if start.op.type == "Const" else None
    return first, int(b.op.attrs["value"])


def _through(tensor: SymbolicTensor) -> SymbolicTensor:
    while tensor.op.type == "Identity" and not tensor.op._control_inputs:
        tensor = tensor.op.inputs[0]
    return tensor


def _inside(gradient: GradientGraph, tensor: SymbolicTensor) -> SymbolicTensor:
    return tensor if tensor.op.graph is gradient else gradient.capture(tensor)


def _element_shape(tensor: SymbolicTensor) -> np.ndarray:
    if tensor.dtype is dtypes.variant:
        return np.array(-1, np.int32)
    return element_shape_tensor(tensor.shape)


def _become_pop(
    gradient: GradientGraph, promise: SymbolicTensor, held: SymbolicTensor, tensor: SymbolicTensor
) -> SymbolicTensor:
    """Makes the node of a promise take the last element off the list `held`; the rest of the list."""
    node = promise.op
    before = len(gradient._nodes)
    with gradient.as_default(), gradient.control_dependencies(None):
        shape = convert_to_tensor(_element_shape(tensor), name="element_shape")
    new = gradient._nodes[before:]
    gradient.move_before(new, node)
    placeholder = held.op  # it was made after the promise: it has to stand before it
    gradient._nodes.remove(placeholder)
    gradient._nodes.insert(gradient._nodes.index(node), placeholder)
    node.opdef = REGISTRY["TensorListPopBack"]
    node._inputs = (held, shape)
    node.attrs = {"element_dtype": promise.dtype.base_dtype}
    rest = SymbolicTensor(node, 0, dtypes.variant, SCALAR)
    promise.value_index = 1
    promise.dtype = promise.dtype.base_dtype
    node.outputs = [rest, promise]
    gradient.mutated()
    return rest
