"""A function of all rows at once: `tf.vectorized_map`, and the node behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reflow.lang import errors, nest, shapes
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import string
from reflow.lang.export import export
from reflow.lang.extension_type import BatchableExtensionType
from reflow.lang.func_graph import BodyGraph, FuncGraph, functions_of
from reflow.lang.graph import Operation, topological
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.services import service
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import SymbolicTensor
from reflow.lang.type_spec import type_spec_from_value
from reflow.ops import array, filling, joining, sequences
from reflow.ops.constant import constant
from reflow.ops.control_flow.branches import as_output, body_graph
from reflow.ops.control_flow.functional import check_callable, converted, map_rows
from reflow.ops.define import op


def _rows_grad(op, gs):
    return service("rows_gradient")(op, gs)


def _rows_shapes(arguments, captured_inputs, *, output_shapes):
    count = shapes.of((None,))
    for each in arguments:
        if each.shape.rank:
            count = count.merge_with(each.shape[:1])
    return [count.concatenate(each) for each in output_shapes]


@op(
    "MapDefun(arguments: Targuments, captured_inputs: Tcaptured, *, Targuments: list(type),"
    " Tcaptured: list(type) = [], output_types: list(type), output_shapes: list(shape), f: func,"
    " max_intra_op_parallelism: int = 1) -> output: output_types",
    shape=_rows_shapes,
    grad=_rows_grad,
    context=True,
)
def map_defun(ctx, arguments, captured_inputs, *, f):
    """The outputs of a function for each row of `arguments` and all of `captured_inputs`, stacked."""
    return list(ctx.rows(f, arguments, captured_inputs))


# What of a function can be done for all rows at once ----------------------------------------------

_HARMLESS = frozenset({"NoOp", "Placeholder", "Assert"})


def _obstacle(nodes: Sequence[Operation], rows_only: bool) -> Operation | None:
    """A node that has to run row by row.

    Args:
      nodes: of a function of a row.
      rows_only: whether one that has no form for all rows at once is one too.
    """
    for node in nodes:
        opdef = node.opdef
        if opdef.stateful and not opdef.handle and opdef.name not in _HARMLESS:
            only_reads = opdef.reads and not opdef.writes
            if not only_reads and not functions_of(node):
                return node
        if rows_only and opdef.name not in _HARMLESS:
            strings = any(t.dtype.base_dtype is string for t in (*node.inputs, *node.outputs))
            if strings or not opdef.compile:
                return node
        for function in functions_of(node):
            inner = _obstacle(function.get_operations(), rows_only)
            if inner is not None:
                return inner
    return None


def _needed(body: FuncGraph) -> list[Operation]:
    """The nodes of a body that its outputs need or that have side effects, in order."""
    found: set[Operation] = {t.op for t in body.inputs}
    stack = [t.op for t in body.outputs]
    stack += [node for node in body.get_operations() if node.opdef.stateful]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(t.op for t in node.inputs)
            stack.extend(node._control_inputs)
    return topological(found - {t.op for t in body.inputs})


# Random numbers -----------------------------------------------------------------------------------

# Ops that draw numbers of a given shape. All rows are drawn at once, by one node with a dimension more,
# as TensorFlow does; with the same seeds they are its numbers.
_DRAWN_IN_SHAPE = frozenset(
    {"RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal"}
)
_DRAWN_WITH_PARAMETER = frozenset({"RandomGamma", "RandomPoissonV2"})
_DRAWN = _DRAWN_IN_SHAPE | _DRAWN_WITH_PARAMETER | {"Multinomial"}


class _Body:
    """A function of a row, of which random nodes may have been done for all rows before.

    Args:
      graph: the body; its inputs are a row of each of `rows` first, then what it captured.
      rows: the tensors of all rows.
    """

    def __init__(self, graph: BodyGraph, rows: Sequence[Any]):
        self.graph = graph
        self.rows = list(rows)
        self.given = list(graph.inputs[: len(rows)])  # what stands for a row of each

    def all_rows(self, outputs: Sequence[SymbolicTensor], checks: Sequence[Operation] = ()) -> Any:
        """Tensors of the body for all rows, stacked; `checks` run as well."""
        graph = self.graph
        part = graph.variant([*self.given, *graph.internal_captures], outputs)
        part.side_effects = False
        part.control_outputs = list(checks)
        return REGISTRY["MapDefun"](
            self.rows,
            graph.external_captures,
            output_types=[t.dtype for t in outputs],
            output_shapes=[t.shape for t in outputs],
            f=part,
        )

    def of_no_row(self, tensor: SymbolicTensor) -> Any:
        """A tensor of the body that is the same for all rows; None if it is not."""
        value = constant_value(tensor)
        if value is not None:
            return constant(value, tensor.dtype)
        rows = {id(each) for each in self.given}
        stack, seen = [tensor], set()
        while stack:
            each = stack.pop()
            if id(each) in rows:
                return None
            if id(each) not in seen:
                seen.add(id(each))
                stack.extend(each.op.inputs)
        graph = self.graph
        part = graph.variant(graph.internal_captures, [tensor])
        part.side_effects = False
        (found,) = REGISTRY["PartitionedCall"](graph.external_captures, Tout=[tensor.dtype], f=part)
        return found

    def draw(self, node: Operation, count: Any) -> bool:
        """Does a random node for all rows at once; whether that can be done."""
        fixed = [self.of_no_row(t) for t in node.inputs]
        opdef, attrs = node.opdef, dict(node.attrs)
        name = node.name.rpartition("/")[2]
        if node.type == "Multinomial":
            logits, number = fixed
            if number is None:
                return False
            if logits is None:
                (logits,) = self.all_rows([node.inputs[0]])
                sizes = array.shape(logits)
                flat = array.reshape(logits, [-1, sizes[2]])
                drawn = array.reshape(
                    opdef(flat, number, name=name, **attrs), [sizes[0], sizes[1], number]
                )
            else:
                drawn = opdef(logits, number * count, name=name, **attrs)
                drawn = array.transpose(array.reshape(drawn, [-1, count, number]), [1, 0, 2])
        elif fixed[0] is None or None in fixed[1:] and node.type in _DRAWN_IN_SHAPE:
            return False
        elif None not in fixed:
            sizes = joining.concat([[count], fixed[0]], 0)
            drawn = opdef(sizes, *fixed[1:], name=name, **attrs)
        else:
            (parameter,) = self.all_rows([node.inputs[1]])
            drawn = opdef(fixed[0], parameter, name=name, **attrs)
            first = array.size(fixed[0])  # the dimension of the rows
            rest = [sequences.range(first), sequences.range(first + 1, array.rank(drawn))]
            drawn = array.transpose(drawn, joining.concat([[first], *rest], 0))
        self._put_in_place(node, drawn)
        return True

    def _put_in_place(self, node: Operation, drawn: Any) -> None:
        """Makes nodes that take the numbers of `node` take a row of those that were drawn."""
        graph, old = self.graph, node.outputs[0]
        new = graph.add_input(old.dtype, old.shape, "drawn")
        self.given.append(new)
        self.rows.append(drawn)
        for taker in graph.consumers_of(old):
            for i, tensor in enumerate(taker.inputs):
                if tensor is old:
                    taker._update_input(i, new)
        graph.outputs = [new if tensor is old else tensor for tensor in graph.outputs]


def rows_of(
    function: Callable[..., Any], rows: Sequence[Any], count: Any, fallback: bool = True
) -> tuple[Any, Operation | None]:
    """What `function` gives for each row of the tensors `rows`, stacked, in its structure.

    Random nodes draw for all rows at once.

    Args:
      function: takes a row of each of `rows`; returns a nested structure of tensors.
      rows: tensors with a first dimension of one size.
      count: how many rows there are, an integer or a tensor.
      fallback: whether nodes may run row by row where they have no form for all rows.

    Returns:
      The structure; or None and a node that cannot run for all rows, since it has side effects.
    """
    graph: Any = current_graph()
    body = body_graph(graph, "rows")
    with body.as_default():
        inputs = [body.add_input(t.dtype, t.shape[1:], "row") for t in rows]
        result = function(*inputs)
        leaves = [_Leaf(leaf) for leaf in nest.flatten(result)]
        flat = [as_output(part) for leaf in leaves for part in leaf.parts]
        kept = [each for each in flat if each is not None]
        body.outputs = [each if each.op.graph is body else body.capture(each) for each in kept]
    parts = _Body(body, rows)
    left = []
    for node in _needed(body):
        if node.type not in _DRAWN or not parts.draw(node, count):
            left.append(node)
    obstacle = _obstacle(left, rows_only=not fallback)
    if obstacle is not None:
        return None, obstacle
    checks = [node for node in left if node.type == "Assert"]
    stacked = iter(parts.all_rows(body.outputs, checks) if kept else ())
    values = iter([None if each is None else next(stacked) for each in flat])
    static = count if isinstance(count, int) else None
    return nest.pack_sequence_as(result, [leaf.of_rows(values, static) for leaf in leaves]), None


class _Leaf:
    """A value of the result of a function of a row: a tensor, or one of an extension type."""

    def __init__(self, value: Any):
        self._spec = value._type_spec if isinstance(value, BatchableExtensionType) else None
        self.parts = [value] if self._spec is None else self._spec.encode(value)

    def of_rows(self, parts: Iterator[Any], count: int | None) -> Any:
        """The value for all rows, of the next of `parts`."""
        if self._spec is None:
            return next(parts)
        return self._spec._batch(count).decode([next(parts) for _ in self.parts])


def pfor(
    loop_fn: Callable[[Any], Any],
    iters: Any,
    fallback_to_while_loop: bool = True,
    parallel_iterations: int | None = None,
    warn: bool = False,
) -> Any:
    """`loop_fn` of 0 up to `iters`, stacked, for all numbers at once.

    Args:
      loop_fn: takes a scalar int32 tensor; returns nested tensors.
      iters: how many numbers there are.
      fallback_to_while_loop: whether ops that have no form for all numbers may run one by one.
      parallel_iterations, warn: have no influence on the result.

    Raises:
      ValueError: if an op needs the fallback that is not allowed.

    >>> from reflow.ops.vectorized import pfor
    >>> print(pfor(lambda i: i * i, 4).numpy())
    [0 1 4 9]
    """
    return vectorized_map(loop_fn, sequences.range(iters), fallback_to_while_loop, warn)


# The public function ------------------------------------------------------------------------------


@export("vectorized_map")
def vectorized_map(
    fn: Any, elems: Any, fallback_to_while_loop: bool = True, warn: bool = True
) -> Any:
    """`fn` of each slice of `elems` along the first dimension, stacked, for all slices at once.

    Random ops draw for all slices at once: the numbers differ from slice to slice. A function with side
    effects, and one whose values have a shape for each slice, runs slice by slice.

    Args:
      fn: takes a slice of `elems`, in the structure of `elems`; returns nested tensors.
      elems: tensors of the same first dimension, in a nested structure; one of length 1 goes with all.
      fallback_to_while_loop: whether ops that have no form for all slices may run slice by slice.
      warn: has no influence on the result.

    Raises:
      TypeError: if `fn` is not callable.
      InvalidArgumentError: if first dimensions differ.
      ValueError: if `elems` holds a scalar, or an op needs the fallback that is not allowed.

    >>> import reflow as tf
    >>> print(tf.vectorized_map(lambda x: tf.reduce_sum(x * x), tf.constant([[1.0, 2.0], [3.0, 4.0]])).numpy())
    [ 5. 25.]
    """
    site = errors.user_site()
    check_callable(fn, site)
    return in_graph(lambda: _vectorized(fn, elems, fallback_to_while_loop, site))


def in_graph(function: Callable[[], Any]) -> Any:
    """What `function` gives as part of a graph; in eager code, of one made for the purpose."""
    if current_graph() is not None:
        return function()
    return service("function")(function).get_concrete_function()()


def _vectorized(fn: Callable[..., Any], elems: Any, fallback: bool, site: str) -> Any:
    leaves = [_sliced(each) for each in nest.flatten(elems)]
    if any(nest.is_composite(part) for parts, _ in leaves for part in parts):
        return _in_a_loop(converted(fn), elems, site)
    with name_scope("loop_body"):
        tensors = [convert_to_tensor(part) for parts, _ in leaves for part in parts]
        if any(t.shape.rank == 0 for t in tensors):
            raise ValueError(
                f"{site}: Elements in elems must be 1+ dimensional Tensors, not scalars"
            )
        sizes = [t.shape[0] if t.shape.rank else None for t in tensors]
        if len({size for size in sizes if size not in (None, 1)}) > 1:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{site}: Elements in elems must have the same first dimension, got {sizes}",
            )
        count = _count(tensors, sizes)
        alone = [size == 1 and not (isinstance(count, int) and count == 1) for size in sizes]
        rows = []
        for tensor, size, single in zip(tensors, sizes, alone):
            if size is None and len(tensors) > 1:
                whole = joining.concat([[count], array.shape(tensor)[1:]], 0)
                tensor = filling.broadcast_to(tensor, whole)
            if not single:
                rows.append(tensor)
        convert = converted(fn)

        def call(row: Any) -> Any:
            left = iter(row)
            values = [decode([next(left) for _ in parts]) for parts, decode in leaves]
            return convert(nest.pack_sequence_as(elems, values))

        def of_row(*given: Any) -> Any:
            left = iter(given)
            return call([t[0] if single else next(left) for t, single in zip(tensors, alone)])

        result, obstacle = rows_of(of_row, rows, count, fallback)
        if obstacle is None:
            return result
        if not fallback:
            raise ValueError(f"{site}: No pfor vectorization defined for {obstacle.type}")
        whole_rows = iter(rows)
        every = [
            filling.broadcast_to(t, joining.concat([[count], array.shape(t)[1:]], 0))
            if single
            else next(whole_rows)
            for t, single in zip(tensors, alone)
        ]
        return _in_a_loop(call, every, site)


def _sliced(value: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The parts of an argument that are sliced, and how a slice of it is made of their slices."""
    if isinstance(value, BatchableExtensionType):
        spec: Any = value._type_spec
        return spec.encode(value, minimum_rank=1), lambda parts: spec._unbatch().decode(parts)
    return [value], lambda parts: parts[0]


def _count(tensors: Sequence[Any], sizes: Sequence[int | None]) -> Any:
    """How many slices there are: of tensors of one slice, as many as the others have."""
    known = [size for size in sizes if size is not None]
    if None not in sizes or any(size != 1 for size in known):
        return max(known, key=lambda size: size != 1, default=1)
    unknown = [array.shape(t)[0] for t, size in zip(tensors, sizes) if size is None]
    return REGISTRY["Max"](joining.stack(unknown), 0) if len(unknown) > 1 else unknown[0]


def _in_a_loop(fn: Callable[..., Any], elems: Any, site: str) -> Any:
    """`fn` of one slice of `elems` after the other."""
    scratch = FuncGraph("scratch", current_graph())

    def slice_of(value: Any) -> Any:
        spec: Any = type_spec_from_value(value)
        row = spec._unbatch()
        parts = [scratch.add_input(p.dtype, p.shape, "slice") for p in row._flat_tensor_specs]
        return row._from_tensor_list(parts)

    with scratch.as_default():
        kinds = nest.map_structure(_kind_of, fn(nest.map_structure(slice_of, elems)))
    return map_rows(fn, elems, None, None, True, True, "map", kinds, site)


def _kind_of(value: Any) -> Any:
    """What `map_fn` is told of a value that a function gives."""
    if nest.is_composite(value):
        return value._type_spec
    return convert_to_tensor(value).dtype
