"""The engine of reverse-mode differentiation, for graphs and for tapes alike.

It walks nodes backwards, asks each for the gradients of its inputs, and adds up what meets. Nodes are
anything with `inputs`, `outputs`, `attrs`, `opdef`, `name` and `get_attr`: operations of a graph, or
the records of a tape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from reflow.lang import dtypes, errors
from reflow.lang.opdef import REGISTRY, UNSAID, ZERO
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.unbroadcast import sum_to_shape_of

_registered: dict[str, Callable | None] = {}


def register_gradient(op_type: str, f: Callable | None) -> None:
    """Registers `f(op, *grads)` for an op type; None says that it is not differentiable.

    Raises:
      KeyError: if one is registered already.
    """
    if op_type in _registered:
        raise KeyError(f"Registering two gradient with name '{op_type}'!")
    _registered[op_type] = f


def gradient_function(op: Any, wanted: set[int] | None = None) -> Callable | None:
    """`f(op, *grads)` for a node: what is registered for it, or the rule of its op; None for none.

    Args:
      wanted: the ids of the tensors whose gradients are of use; None for all.

    Raises:
      LookupError: if nothing is said about its gradient.
    """
    opdef = op.opdef
    own = op.attrs.get("_gradient_function")
    if own is not None:
        return own
    kind = op.attrs.get("_gradient_op_type")
    if kind is not None:
        kind = kind.decode() if isinstance(kind, bytes) else kind
        if kind in _registered:
            return _registered[kind]
        if kind not in REGISTRY:
            raise LookupError(f"No gradient is registered under the name {kind!r}.")
        opdef = REGISTRY[kind]
    elif opdef.name in _registered:
        return _registered[opdef.name]
    rule = opdef.grad
    if rule is UNSAID:
        site = getattr(op, "site", None)
        raise LookupError(
            f"{errors.where(site)}: No gradient defined for operation '{op.name}' (op type: "
            f"{op.opdef.name})."
        )
    if rule is None:
        return None
    if rule is ZERO:
        return lambda op, *grads: [zeros_like(t) for t in op.inputs]
    if opdef.broadcast:
        return lambda op, *grads: [
            None if g is None else sum_to_shape_of(g, x, op.inputs)
            for g, x in zip(opdef.gradient(op, grads, wanted), op.inputs)
        ]
    return lambda op, *grads: opdef.gradient(op, grads, wanted)


def is_trainable(tensor: Any) -> bool:
    """Whether gradients flow through tensors of this dtype."""
    base = tensor.dtype.base_dtype
    return base.is_floating or base.is_complex or base in (dtypes.resource, dtypes.variant)


def backpropagate(
    nodes: Iterable[Any],
    seeds: Sequence[tuple[Any, Any]],
    keep: set[int],
    stop: frozenset[int] = frozenset(),
    scope: Callable[[Any], Any] | None = None,
    through: Callable[[Any], Any] | None = None,
    wanted: set[int] | None = None,
) -> dict[int, Any]:
    """The gradients at the tensors in `keep`.

    Args:
      nodes: in an order in which no node comes before one that takes its outputs.
      seeds: tensors and the gradients with which to start there.
      keep: the ids of the tensors whose gradients are wanted.
      stop: the ids of the tensors beyond which not to go.
      scope: a context manager for a node, around the making of its gradients.
      through: gives the tensor that an input stands for: one outside of the body that captured it.
      wanted: the ids of the tensors whose gradients lead to those in `keep`; None for all. In a graph
        nobody runs the nodes of the others.
    """
    pending: dict[int, list[Any]] = {}
    for tensor, gradient in seeds:
        pending.setdefault(id(tensor), []).append(gradient)
    result: dict[int, Any] = {}
    for op in nodes:
        outs = []
        any_gradient = False
        for tensor in op.outputs:
            parts = pending.pop(id(tensor), None)
            total = None
            if parts is not None:
                total = add_up(parts)
                if id(tensor) in keep:
                    result[id(tensor)] = total
                if id(tensor) in stop:
                    total = None
            if total is not None:
                any_gradient = True
            outs.append(total)
        if not any_gradient:
            continue
        function = gradient_function(op, wanted)
        if function is None:
            continue
        for i, tensor in enumerate(op.outputs):
            if outs[i] is None and is_plain(tensor) and function_wants_all(op):
                outs[i] = zeros_like(tensor)
        if scope is None:
            ins = function(op, *outs)
        else:
            with scope(op):
                ins = function(op, *outs)
        if not isinstance(ins, (list, tuple)):
            ins = [ins]
        if len(ins) != len(op.inputs):
            raise ValueError(
                f"Num gradients {len(ins)} generated for op {op.name} ({op.opdef.name}) do not match "
                f"num inputs {len(op.inputs)}"
            )
        for tensor, gradient in zip(op.inputs, ins):
            if gradient is None or not is_trainable(tensor):
                continue
            if isinstance(gradient, SymbolicTensor):
                hint_shape(gradient, tensor)
            if through is not None:
                tensor = through(tensor)
            pending.setdefault(id(tensor), []).append(gradient)
    for key, parts in pending.items():  # tensors that no node of the walk produces
        if key in keep:
            result[key] = add_up(parts)
    return result


def is_plain(tensor: Any) -> bool:
    base = tensor.dtype.base_dtype
    return base.is_floating or base.is_complex


def function_wants_all(op: Any) -> bool:
    """Whether missing gradients are given as zeros: not to the functions that sort it out."""
    return not op.opdef.name.endswith(("If", "While", "Case", "Call", "ZeroFill"))


def hint_shape(gradient: SymbolicTensor, tensor: Any) -> None:
    """A gradient has the shape of its tensor: a hint where inference lost it."""
    shape = gradient._shape
    if shape is tensor._shape or shape.is_fully_defined() or tensor.dtype is dtypes.resource:
        return
    known = tensor.shape
    if known.rank is not None:
        if not shape.is_compatible_with(known):
            raise ValueError(
                f"Incompatible shapes between op input and calculated input gradient. Input "
                f"{tensor.name} has shape {known}, its gradient {shape}."
            )
        gradient._shape = shape.merge_with(known)


def zeros_like(tensor: Any) -> Any:
    return REGISTRY["ZerosLike"](tensor)


def add_up(parts: Sequence[Any]) -> Any:
    """The sum of gradients: one op, and sparse as long as all are."""
    if len(parts) == 1:
        return parts[0]
    from reflow.lang.indexed_slices import IndexedSlices

    if all(isinstance(part, IndexedSlices) for part in parts):
        return IndexedSlices(
            REGISTRY["ConcatV2"]([part.values for part in parts], 0),
            REGISTRY["ConcatV2"](_same_dtype([part.indices for part in parts]), 0),
            parts[0].dense_shape,
        )
    if parts[0].dtype is dtypes.variant:
        total = parts[0]
        for part in parts[1:]:
            total = REGISTRY["AddN"]([total, part])
        return total
    return REGISTRY["AddN"](list(parts))


def _same_dtype(indices: list[Any]) -> list[Any]:
    if len({i.dtype for i in indices}) == 1:
        return indices
    return [REGISTRY["Cast"](i, DstT=dtypes.int64) for i in indices]
