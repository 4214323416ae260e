"""`tf.gradients`: the derivatives of tensors of a graph, as further nodes of that graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.autodiff import composite, engine
from reflow.lang import context, dtypes, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.graph import Graph, Operation, topological
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import SymbolicTensor


@export("RegisterGradient")
class RegisterGradient:
    """Registers the gradient of an op type: a decorator for `f(op, *grads)`.

    The function returns one gradient per input of the node, None where there is none. Together with
    `Graph.gradient_override_map` it replaces the gradient of existing ops.

    >>> import reflow as tf
    >>> @tf.RegisterGradient("ClippedIdentity")
    ... def _(op, grad):
    ...     return tf.clip_by_value(grad, -1.0, 1.0)
    """

    def __init__(self, op_type: str):
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._op_type = op_type

    def __call__(self, f: Callable) -> Callable:
        engine.register_gradient(self._op_type, f)
        return f


@export("no_gradient", v1=("NoGradient", "NotDifferentiable"))
def no_gradient(op_type: str) -> None:
    """Says that ops of a type are not differentiable: gradients through them are None."""
    if not isinstance(op_type, str):
        raise TypeError("op_type must be a string")
    engine.register_gradient(op_type, None)


@export("UnconnectedGradients")
class UnconnectedGradients:
    """What the gradient is where no path connects: `NONE` or `ZERO`."""

    NONE = "none"
    ZERO = "zero"


@export("AggregationMethod")
class AggregationMethod:
    """How gradients that meet are added. All choices give the same sum: XLA fuses it."""

    ADD_N = 0
    DEFAULT = ADD_N
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


@export(v1=("gradients",))
def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: str = UnconnectedGradients.NONE,
) -> list[Any]:
    """The sum of the derivatives of `ys` with respect to each of `xs`.

    Args:
      ys: a tensor or a list of them.
      xs: a tensor, a variable or a list of them.
      grad_ys: gradients to start with, of the shapes of `ys`; by default ones.
      name: the name scope of the nodes made.
      colocate_gradients_with_ops: place the gradients of a node on the node's device.
      gate_gradients: accepted; a step computes all of its gradients together anyway.
      aggregation_method: accepted: see `AggregationMethod`.
      stop_gradients: tensors to treat as constants.
      unconnected_gradients: "none" or "zero": what to return where `ys` do not depend on an x.

    Returns:
      A list with one gradient per x: a tensor, `IndexedSlices`, or None.

    Raises:
      LookupError: if an op on the way has no gradient.
      ValueError: if arguments do not fit.
      RuntimeError: when executing eagerly: use `tf.GradientTape`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    ...     x = tf.constant(3.0)
    ...     (dx,) = tf.gradients(x * x, x)
    ...     print(session.run(dx))
    6.0
    """
    graph = context.current_graph()
    if graph is None:
        raise RuntimeError(
            f"{errors.user_site()}: tf.gradients is not supported when eager "
            "execution is enabled. Use tf.GradientTape instead."
        )
    if unconnected_gradients not in (UnconnectedGradients.NONE, UnconnectedGradients.ZERO):
        raise ValueError(
            f"Unknown value for unconnected_gradients: {unconnected_gradients!r}: 'none' or 'zero'"
        )
    ys, xs = _as_list(ys), _as_list(xs)
    stop = [] if stop_gradients is None else _as_list(stop_gradients)
    grad_ys = [None] * len(ys) if grad_ys is None else _as_list(grad_ys)
    if len(grad_ys) != len(ys):
        raise ValueError(f"Passed {len(grad_ys)} grad_ys for {len(ys)} ys")
    wholes = xs
    ys, xs, grad_ys = ([composite.inner(each) for each in given] for given in (ys, xs, grad_ys))
    with name_scope(name, "gradients") as scope:
        ys = [_differentiable(y, graph) for y in ys]
        sources = [_source(x, graph) for x in xs]
        seeds = [(y, _seed(y, given, i)) for i, (y, given) in enumerate(zip(ys, grad_ys))]
        stopped = frozenset(id(_source(t, graph)) for t in stop)
        found = _walk(graph, seeds, sources, stopped, colocate_gradients_with_ops, scope)
        result = [found.get(id(source)) for source in sources]
        if unconnected_gradients == UnconnectedGradients.ZERO:
            for i, (x, source) in enumerate(zip(xs, sources)):
                if result[i] is None:
                    value = x if source.dtype is dtypes.resource else source
                    result[i] = engine.zeros_like(convert_to_tensor(value))
        return [composite.outer(whole, each) for whole, each in zip(wholes, result)]


@export(v2=("gradients",))
def gradients_v2(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: str = UnconnectedGradients.NONE,
) -> list[Any]:
    """The sum of the derivatives of `ys` with respect to each of `xs`: see the TF 1 function."""
    return gradients(
        ys,
        xs,
        grad_ys,
        name,
        True,
        gate_gradients,
        aggregation_method,
        stop_gradients,
        unconnected_gradients,
    )


def _as_list(values: Any) -> list[Any]:
    if isinstance(values, (list, tuple)):
        flat: list[Any] = []
        for each in values:
            flat.extend(_as_list(each) if isinstance(each, (list, tuple)) else [each])
        return flat
    return [values]


def variable_source(x: Any) -> Any:
    """The handle or the reference of a variable, or of what acts as one; None for anything else."""
    if hasattr(x, "_gradient_source"):
        return x._gradient_source()
    return x.handle if getattr(x, "_should_act_as_resource_variable", False) else None


def _source(x: Any, graph: Graph) -> Any:
    """The tensor at which the gradient of `x` arrives: for a variable its handle or reference.

    For what eager code made it is the placeholder that stands for it in the function around.
    """
    if isinstance(x, SymbolicTensor):
        return x
    source = variable_source(x)
    if source is None:
        source = (
            x.values if hasattr(x, "values") and hasattr(x, "indices") else convert_to_tensor(x)
        )
    around: Any = None if isinstance(source, SymbolicTensor) else graph
    while around is not None:
        found = getattr(around, "_captures", {}).get(id(source))
        if found is not None:
            return found[1]
        around = getattr(around, "outer_graph", None)
    return source


def _differentiable(y: Any, graph: Graph) -> SymbolicTensor:
    tensor = y if isinstance(y, SymbolicTensor) else convert_to_tensor(y)
    if tensor.op.graph is not graph:
        tensor = graph.capture(tensor)
    return tensor


def _seed(y: SymbolicTensor, given: Any, i: int) -> Any:
    if given is None:
        if y.dtype.is_complex:
            raise TypeError(
                f"Gradients of complex tensors must set grad_ys (y.dtype = {y.dtype.name})"
            )
        ones = REGISTRY["OnesLike"](y, name=f"grad_ys_{i}")
        return ones
    if hasattr(given, "values") and hasattr(given, "indices"):
        return given
    seed = convert_to_tensor(given, y.dtype.base_dtype, name=f"grad_ys_{i}")
    if not seed.shape.is_compatible_with(y.shape):
        raise ValueError(f"grad_ys[{i}] has shape {seed.shape}, but y has shape {y.shape}")
    return seed


def _no_further(tensor: SymbolicTensor) -> SymbolicTensor:
    return tensor


def between(
    ys: Sequence[SymbolicTensor],
    sources: Sequence[SymbolicTensor],
    stop: frozenset[int],
    through: Callable[[SymbolicTensor], SymbolicTensor] = _no_further,
) -> list[Operation]:
    """The nodes on the paths from `sources` to `ys`, last first; `through` leads out of bodies."""
    wanted = {id(s) for s in sources}
    ancestors: set[Operation] = set()
    stack = [through(y).op for y in ys]
    while stack:
        op = stack.pop()
        if op in ancestors:
            continue
        ancestors.add(op)
        stack.extend(t.op for t in map(through, op.inputs) if id(t) not in stop)
    on_path: set[Operation] = set()
    result = []
    for op in _outermost_first(ancestors):
        inputs = map(through, op.inputs)
        if any(id(t) in wanted or (t.op in on_path and id(t) not in stop) for t in inputs):
            on_path.add(op)
            result.append(op)
        elif any(id(t) in wanted for t in op.outputs):
            result.append(op)
    result.reverse()
    return result


def _outermost_first(nodes: set[Operation]) -> list[Operation]:
    """`nodes` in the order of their edges: those of a body after all nodes around it."""
    of_graph: dict[Graph, set[Operation]] = {}
    for op in nodes:
        of_graph.setdefault(op.graph, set()).add(op)
    if len(of_graph) < 2:
        return topological(nodes)

    def depth(graph: Any) -> int:
        outer = getattr(graph, "outer_graph", None)
        return 0 if outer is None else 1 + depth(outer)

    return [op for graph in sorted(of_graph, key=depth) for op in topological(of_graph[graph])]


def _outside(wanted: set[int]) -> Callable[[SymbolicTensor], SymbolicTensor]:
    """From a tensor that a body captured to the one around it, unless its own gradient is wanted."""

    def through(tensor: SymbolicTensor) -> SymbolicTensor:
        while id(tensor) not in wanted:
            outer = getattr(tensor.op.graph, "_outer_of", {}).get(id(tensor))
            if not isinstance(outer, SymbolicTensor):
                break
            tensor = outer
        return tensor

    return through


def _walk(
    graph: Graph,
    seeds: Sequence[tuple[SymbolicTensor, Any]],
    sources: Sequence[SymbolicTensor],
    stop: frozenset[int],
    colocate: bool,
    scope: str,
) -> dict[int, Any]:
    wanted = {id(s) for s in sources}
    through = _outside(wanted) if hasattr(graph, "_outer_of") else _no_further
    seeds = [(through(y), seed) for y, seed in seeds]
    nodes = between([y for y, _ in seeds], sources, stop, through)
    producers = {s.op for s in sources if isinstance(s, SymbolicTensor)}  # others lead nowhere

    def around(op: Operation) -> Any:
        if colocate:
            return _ScopeAndColocation(graph, op)
        return name_scope(op.name + "_grad")

    # The nodes that only produce a source are walked for its sum, not differentiated further.
    walked = set(nodes)
    on_path = {
        op
        for op in nodes
        if any(t.op in walked or id(t) in wanted for t in map(through, op.inputs))
    }
    leaves = frozenset(id(t) for op in producers - on_path for t in op.outputs)
    return engine.backpropagate(nodes, seeds, wanted, stop | leaves, around, through)


class _ScopeAndColocation:
    def __init__(self, graph: Graph, op: Operation):
        self._parts = (name_scope(op.name + "_grad"), graph.colocate_with(op, ignore_existing=True))

    def __enter__(self) -> None:
        for part in self._parts:
            part.__enter__()

    def __exit__(self, *exc: Any) -> None:
        for part in reversed(self._parts):
            part.__exit__(*exc)


@export(v1=("hessians",))
def hessians(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
) -> list[Any]:
    """The second derivatives of the sum of `ys` with respect to each of `xs`.

    Returns:
      One tensor per x, of shape `x.shape + x.shape`.

    Raises:
      ValueError: if an x has no connection to `ys`, or `xs` are not differentiable twice.
    """
    from reflow.ops import array, joining
    from reflow.ops.control_flow import functional

    xs = _as_list(xs)
    first = gradients(
        ys, xs, None, name, colocate_gradients_with_ops, gate_gradients, aggregation_method
    )
    result = []
    for gradient, x in zip(first, xs):  # a variable stays one: another read of it would be no x
        flat = array.reshape(gradient, [-1])
        rows = functional.map_fn(
            lambda i, flat=flat, x=x: gradients(flat[i], x)[0],
            REGISTRY["Range"](0, array.size(x), 1),
            dtype=gradient.dtype,
        )
        shape = array.shape(x)
        result.append(array.reshape(rows, joining.concat([shape, shape], 0)))
    return result


@export(v2=("hessians",))
def hessians_v2(
    ys: Any,
    xs: Any,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    name: str = "hessians",
) -> list[Any]:
    """The second derivatives of the sum of `ys` with respect to each of `xs`."""
    return hessians(ys, xs, name, True, gate_gradients, aggregation_method)
