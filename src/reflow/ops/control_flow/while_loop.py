"""Loops: `While` and `tf.while_loop`.

The node's inputs are a counter, the maximum number of iterations (-1 for none), the loop variables, and
what condition and body capture of the graph around. The body returns as many; what is captured it
returns as it came. The counter is there for the gradient, which needs to know how often it ran.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, nest, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.func_graph import BodyGraph, in_v1_style
from reflow.lang.graph import Graph
from reflow.lang.indexed_slices import IndexedSlices
from reflow.lang.opdef import REGISTRY, OpDef
from reflow.lang.scopes import name_scope
from reflow.lang.services import service
from reflow.lang.shapes import SCALAR, TensorShape
from reflow.lang.sparse_tensor import SparseTensor
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.constant import identity
from reflow.ops.control_flow.branches import (
    add_call,
    again,
    as_output,
    base_dtypes,
    body_graph,
    has_side_effects,
    is_tensor_array,
    unify_captures,
)
from reflow.ops.define import op

ARGUMENTS = 2  # the counter and the maximum, before the loop variables


# The op -------------------------------------------------------------------------------------------


def _while_shapes(input, *, output_shapes):
    return list(output_shapes) or [t.shape for t in input]


def _while_grad(op, gs):
    return service("while_gradient")(op, gs)


def _while(name: str, stateful: bool) -> OpDef:
    @op(
        f"{name}(input: T, *, T: list(type), cond: func, body: func,"
        " output_shapes: list(shape) = [], parallel_iterations: int = 10) -> output: T",
        shape=_while_shapes,
        grad=_while_grad,
        stateful=stateful,
        context=True,
    )
    def lower(ctx, input, *, cond, body):
        """`input = body(input)` for as long as `cond(input)`."""
        return list(ctx.loop(cond, body, input))

    return lower


while_op = _while("While", stateful=True)
stateless_while = _while("StatelessWhile", stateful=False)


# The functions ------------------------------------------------------------------------------------


@export(v2=("while_loop",))
def while_loop_v2(
    cond: Any,
    body: Any,
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """Repeats `loop_vars = body(*loop_vars)` for as long as `cond(*loop_vars)` is true.

    Args:
      cond: a function of the loop variables to a boolean scalar.
      body: a function of the loop variables to their next values, in the same structure.
      loop_vars: a list or tuple of tensors, tensor arrays, sparse tensors, or nested structures of them.
      shape_invariants: in the structure of `loop_vars`, the static shapes that they have in all
        iterations; by default those that they have before the first.
      parallel_iterations: has no influence on the result; how a loop runs is the compiler's choice.
      back_prop: whether gradients go through the loop.
      swap_memory: has no influence on the result.
      maximum_iterations: an integer scalar: how often the body runs at the most.
      name: the name scope of the ops.

    Returns:
      The values of the loop variables after the last iteration, in the structure of `loop_vars`.

    Raises:
      TypeError: if `cond` or `body` is not callable, or a dtype changes in the body.
      ValueError: if there are no loop variables, the body returns another structure, or a shape
        changes that is not said to in `shape_invariants`.

    >>> import reflow as tf
    >>> i, total = tf.while_loop(
    ...     lambda i, total: i < 4, lambda i, total: [i + 1, total + i], [tf.constant(0), tf.constant(0)]
    ... )
    >>> print(total.numpy())
    6
    """
    return _while_loop(
        cond,
        body,
        loop_vars,
        shape_invariants,
        parallel_iterations,
        back_prop,
        name,
        maximum_iterations,
        same_structure=True,
    )


@export(v1=("while_loop",))
def while_loop(
    cond: Any,
    body: Any,
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """TF 1's `tf.while_loop`: without `return_same_structure`, a single loop variable is returned as
    it is rather than in a list.
    """
    return _while_loop(
        cond,
        body,
        loop_vars,
        shape_invariants,
        parallel_iterations,
        back_prop,
        name,
        maximum_iterations,
        return_same_structure,
    )


def _while_loop(
    cond: Any,
    body: Any,
    loop_vars: Any,
    shape_invariants: Any,
    parallel_iterations: Any,
    back_prop: bool,
    name: str | None,
    maximum: Any,
    same_structure: bool,
) -> Any:
    site = errors.user_site()
    for label, function in (("cond", cond), ("body", body)):
        if not callable(function):
            raise TypeError(f"{site}: '{label}' must be callable.")
    if isinstance(parallel_iterations, SymbolicTensor):
        raise TypeError(f"{site}: 'parallel_iterations' must be a positive integer.")
    if parallel_iterations < 1:
        raise TypeError(f"{site}: 'parallel_iterations' must be a positive integer.")
    if isinstance(loop_vars, (list, tuple)) and not loop_vars:
        raise ValueError(f"{site}: 'loop_vars' must be provided.")
    if not nest.is_nested(loop_vars):
        loop_vars = [loop_vars]
    graph = current_graph()
    if graph is None:
        return _eager_loop(cond, body, loop_vars, maximum, same_structure, site)
    with name_scope(name, "while", loop_vars) as scope:
        loop = _Loop(graph, loop_vars, shape_invariants, maximum, site)
        result = loop.build(cond, body, scope, int(parallel_iterations), back_prop)
    if not same_structure and isinstance(result, (list, tuple)) and len(result) == 1:
        return result[0]
    return result


def _eager_loop(
    cond: Callable,
    body: Callable,
    loop_vars: Any,
    maximum: Any,
    same_structure: bool,
    site: str,
) -> Any:
    limit = None if maximum is None else int(maximum)
    single = len(loop_vars) == 1
    unpacked = False
    count = 0
    like = loop_vars
    while (limit is None or count < limit) and cond(*loop_vars):
        loop_vars = body(*loop_vars)
        if single and not isinstance(loop_vars, (list, tuple)):
            unpacked = not same_structure
            loop_vars = (loop_vars,)
        _check_structure(like, loop_vars, site)
        count += 1
    result = nest.map_structure(
        lambda x: x if is_tensor_array(x) else convert_to_tensor(x),
        loop_vars,
        expand_composites=True,
    )
    return result[0] if unpacked or single and not same_structure else result


def _check_structure(like: Any, result: Any, site: str) -> None:
    """Refuses what a body returned if it is not in the structure of the loop variables."""
    difference = nest._difference(list(like), list(result), True, True)
    if difference is not None:
        kind, text = difference
        raise kind(
            f"{site}: The two structures don't have the same nested structure: the body of a "
            "tf.while_loop returns new values for all loop variables, in their structure.\n\nFirst "
            f"structure: {nest._shown(like)}\n\nSecond structure: {nest._shown(result)}\n\nMore "
            f"specifically: {text}"
        )


class _Loop:
    """The building of one loop: its variables, their shapes, condition and body."""

    def __init__(self, graph: Graph, loop_vars: Any, invariants: Any, maximum: Any, site: str):
        self.graph = graph
        self.site = site
        self.v1_style = in_v1_style(graph)
        self.structure = loop_vars
        self.initial = [
            _initial_value(leaf, i)
            for i, leaf in enumerate(nest.flatten(loop_vars, expand_composites=True))
        ]
        self.shapes = self._invariant_shapes(invariants)
        self.limited = maximum is not None
        self.maximum = self._maximum(maximum)
        counter = "iteration_counter" if self.v1_style and self.limited else "loop_counter"
        self.counter = convert_to_tensor(np.array(0, np.int32), name=counter)

    def _maximum(self, maximum: Any) -> SymbolicTensor:
        if maximum is None:
            return convert_to_tensor(np.array(-1, np.int32), name="maximum_iterations")
        limit = convert_to_tensor(maximum, name="maximum_iterations")
        if limit.shape.rank not in (None, 0):
            raise ValueError(
                f"{self.site}: 'maximum_iterations' must be a scalar. Received shape: {limit.shape}"
            )
        if limit.dtype.base_dtype is not dtypes.int32:
            limit = REGISTRY["Cast"](limit, DstT=dtypes.int32)
        return limit

    def _invariant_shapes(self, invariants: Any) -> list[TensorShape]:
        leaves = nest.flatten(self.structure)
        if invariants is None:
            said: list[Any] = [None] * len(leaves)
        else:
            difference = nest._difference(
                list(self.structure), list(_as_shapes(self.structure, invariants)), False, False
            )
            if difference is not None:
                raise ValueError(
                    f"{self.site}: The two structures don't have the same nested structure: "
                    "shape_invariants has one shape for each loop variable. More specifically: "
                    f"{difference[1]}"
                )
            said = nest.flatten(_as_shapes(self.structure, invariants))
        result: list[TensorShape] = []
        position = 0
        for leaf, invariant in zip(leaves, said):
            parts = _part_shapes(leaf, invariant)
            for part in parts:
                tensor = self.initial[position]
                position += 1
                shape = tensor.shape if part is None else part
                if not _covers(shape, tensor.shape):
                    raise ValueError(
                        f"{self.site}: The shape invariant specified for {tensor.name} is not "
                        "compatible with the initial shape of the loop variable. It enters the loop "
                        f"with shape {tensor.shape}, but the specified shape invariant is {shape}."
                    )
                result.append(shape)
        return result

    def _body(self, label: str) -> tuple[BodyGraph, Any]:
        """A function graph with placeholders for all arguments, and the loop variables in it."""
        body = body_graph(self.graph, label)
        body.add_input(dtypes.int32, SCALAR, "loop_counter")
        body.add_input(dtypes.int32, SCALAR, "maximum_iterations")
        tensors = []
        for i, (tensor, shape) in enumerate(zip(self.initial, self.shapes)):
            inner = body.add_input(tensor.dtype.base_dtype, shape, f"loop_var_{i}")
            if tensor.dtype is dtypes.resource:
                from reflow.lang.resource import handle_type

                inner._handle_type = handle_type(tensor)  # type: ignore[attr-defined]
            tensors.append(inner)
        with body.as_default():  # composite tensors are put together of them there
            return body, again(self.structure, tensors)

    def build(
        self, cond: Callable, body: Callable, scope: str, parallel: int, back_prop: bool
    ) -> Any:
        graph = self.graph
        condition, variables = self._body("cond")
        with condition.as_default():
            condition.outputs = [self._predicate(cond(*variables), condition)]
        if self.v1_style:  # these names were taken in TF 1
            for _ in self.initial:
                graph.unique_name("Identity")
        loop, variables = self._body("body")
        with loop.as_default():
            counter, maximum = loop.inputs[:ARGUMENTS]
            after = REGISTRY["AddV2"](counter, np.int32(1), name="next_iteration")
            new = self._new_values(body(*variables))
            loop.outputs = [after, maximum, *new]
        arguments = ARGUMENTS + len(self.initial)
        captured = unify_captures([condition, loop], arguments)
        loop.outputs.extend(loop.inputs[arguments:])
        inputs = [self.counter, self.maximum, *self.initial, *captured]
        output_shapes = [SCALAR, SCALAR, *self.shapes, *(t.shape for t in captured)]
        stateful = has_side_effects(condition) or has_side_effects(loop)
        attrs: dict[str, Any] = {
            "T": base_dtypes(inputs),
            "cond": condition,
            "body": loop,
            "output_shapes": tuple(output_shapes),
            "parallel_iterations": parallel,
        }
        if not back_prop:
            attrs["_back_prop"] = False
        node = add_call(
            graph,
            while_op if stateful else stateless_while,
            inputs,
            attrs,
            graph.op_name("Loop") if self.v1_style else scope[:-1],
            output_shapes,
            [condition, loop],
        )
        for tensor, source in zip(node.outputs, inputs):
            if source.dtype.is_ref_dtype:
                tensor.dtype = source.dtype
        results: list[Any] = list(node.outputs[ARGUMENTS:arguments])
        if self.v1_style:
            if self.limited:
                graph.unique_name("Exit")
            results = [identity(t, name="Exit") for t in results]
        return again(self.structure, results)

    def _predicate(self, value: Any, condition: BodyGraph) -> SymbolicTensor:
        site = self.site
        pred = convert_to_tensor(value)
        if not pred.dtype.is_bool:
            if self.v1_style:
                raise TypeError(
                    f"{site}: Input 'input' of 'LoopCond' Op has type {pred.dtype.name} that does "
                    "not match expected type of bool: the condition of tf.while_loop is a boolean."
                )
        if pred.shape.rank not in (None, 0):
            if self.v1_style or pred.shape.num_elements() not in (None, 1):
                raise ValueError(
                    f"{site}: Shape must be rank 0 but is rank {pred.shape.rank}: the condition of "
                    f"tf.while_loop must be a scalar, got {pred.name} of shape {pred.shape}."
                )
            pred = REGISTRY["Reshape"](pred, np.zeros(0, np.int32))
        if self.limited:
            counter, maximum = condition.inputs[:ARGUMENTS]
            more = REGISTRY["Less"](counter, maximum, name="more_iterations")
            pred = REGISTRY["LogicalAnd"](more, pred)
        return pred

    def _new_values(self, result: Any) -> list[Any]:
        """What the body returned, flat, in the order and with the dtypes of the loop variables."""
        if not nest.is_nested(result):
            result = [result]
        _check_structure(self.structure, result, self.site)
        values = []
        leaves = nest.flatten(result, expand_composites=True)
        for leaf, before, shape in zip(leaves, self.initial, self.shapes):
            try:
                value = as_output(leaf)
            except (TypeError, ValueError) as error:
                raise type(error)(
                    f"{self.site}: the body of tf.while_loop must return tensors: {error}"
                ) from None
            if value is None:
                raise ValueError(
                    f"{self.site}: the body of tf.while_loop returns None for a tensor"
                )
            if value.dtype.base_dtype is not before.dtype.base_dtype:
                raise TypeError(
                    f"{self.site}: Loop var {before.name} enters the loop with type "
                    f"{before.dtype.base_dtype!r} but has type {value.dtype.base_dtype!r} after 1 "
                    f"iteration. {before.name} type should remain constant."
                )
            if not _covers(shape, value.shape):
                raise ValueError(
                    f"{self.site}: Input tensor '{before.name}' enters the loop with shape {shape}, "
                    f"but has shape {value.shape} after one iteration. To allow the shape to vary "
                    "across iterations, use the `shape_invariants` argument of tf.while_loop to "
                    "specify a less-specific shape."
                )
            values.append(value)
        return values


def _initial_value(leaf: Any, i: int) -> Any:
    if is_tensor_array(leaf):
        return convert_to_tensor(leaf.flow)
    tensor = convert_to_tensor(leaf)
    if tensor.dtype.is_ref_dtype:  # a loop variable is a value
        tensor = identity(tensor)
    return tensor


def _covers(shape: TensorShape, other: TensorShape) -> bool:
    """Whether every tensor of the shape `other` is of the shape `shape`."""
    if shape._dims is None:
        return True
    return (
        other._dims is not None
        and len(shape._dims) == len(other._dims)
        and all(a is None or a == b for a, b in zip(shape._dims, other._dims))
    )


def _as_shapes(structure: Any, invariants: Any) -> Any:
    """`invariants` with a `TensorShape` in place of whatever says a shape, a leaf for each leaf."""
    if nest.is_nested(structure) and nest.is_nested(invariants):
        if isinstance(invariants, dict):
            return {key: _as_shapes(structure.get(key), value) for key, value in invariants.items()}
        items = [child for _, child in nest._items(structure, False) or ()]
        padded = [*items, *[None] * len(invariants)]
        return [_as_shapes(child, value) for child, value in zip(padded, invariants)]
    if isinstance(invariants, TensorShape) or invariants is None:
        return shapes.as_shape(invariants)
    if hasattr(invariants, "shape") and not isinstance(invariants, (list, tuple)):  # a type spec
        return shapes.as_shape(invariants.shape)
    return shapes.as_shape(invariants)


def _part_shapes(leaf: Any, invariant: Any) -> list[TensorShape | None]:
    """The invariants of the tensors that a loop variable consists of; None: as it is at first."""
    if is_tensor_array(leaf):
        return [SCALAR if leaf.flow.shape.rank == 0 else None]
    if not nest.is_composite(leaf):
        return [invariant]
    parts = nest.flatten(leaf, expand_composites=True)
    if invariant is None and isinstance(leaf, IndexedSlices):
        invariant = leaf.values.shape
    elif invariant is None and isinstance(leaf, SparseTensor):
        invariant = leaf.shape
    elif invariant is None:  # what its type says: ragged rows may change
        return [each.shape for each in leaf._type_spec._flat_tensor_specs]
    if invariant is None:
        return [None] * len(parts)
    if not isinstance(leaf, (IndexedSlices, SparseTensor)):
        spec = leaf._shape_invariant_to_type_spec(invariant)
        return [each.shape for each in spec._flat_tensor_specs]
    rank = invariant.rank
    vector = TensorShape([rank])
    if isinstance(leaf, IndexedSlices):  # values, indices, dense shape
        first = None if invariant._dims is None else invariant._dims[0]
        return [invariant, TensorShape([first]), vector][: len(parts)]
    return [TensorShape([None, rank]), TensorShape([None]), vector]


def flat_loop_variables(node: Any) -> Sequence[Any]:
    """The inputs of a `While` node that change from iteration to iteration."""
    body = node.attrs["body"]
    return [t for t, x, y in zip(node.inputs, body.inputs, body.outputs) if x is not y]
