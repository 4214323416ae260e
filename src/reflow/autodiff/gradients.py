"""`tf.gradients`: reverse-mode differentiation of a graph, as further nodes of that graph.

https://www.tensorflow.org/api_docs/python/tf/compat/v1/gradients
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

from reflow.lang import errors
from reflow.lang.context import get_default_graph
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Operation
from reflow.lang.opdef import REGISTRY, UNSAID, ZERO
from reflow.lang.scopes import name_scope
from reflow.lang.tensor import SymbolicTensor

_registered: dict[str, Callable | None] = {}


class RegisterGradient:
    """Registers the gradient of an op type: a decorator for `f(op, *grads)`.

    The function returns one gradient per input, None where there is none.
    https://www.tensorflow.org/api_docs/python/tf/RegisterGradient
    """

    def __init__(self, op_type: str):
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._op_type = op_type

    def __call__(self, f: Callable) -> Callable:
        register_gradient(self._op_type, f)
        return f


def register_gradient(op_type: str, f: Callable | None) -> None:
    if op_type in _registered:
        raise KeyError(f"Registering two gradient with name '{op_type}'!")
    _registered[op_type] = f


def NoGradient(op_type: str) -> None:  # noqa: N802 (TensorFlow's name)
    """Says that ops of a type are not differentiable."""
    register_gradient(op_type, None)


def gradient_function(op: Operation) -> Callable | None:
    """`f(op, *grads)` for a node: what is registered for it, or the rule of its op; None for none.

    Raises:
      LookupError: if nothing is said about its gradient.
    """
    kind = op.attrs.get("_gradient_op_type")
    if kind is not None:
        kind = kind.decode() if isinstance(kind, bytes) else kind
        if kind in _registered:
            return _registered[kind]
        if kind not in REGISTRY:
            raise LookupError(f"No gradient is registered under the name {kind!r}.")
    elif op.opdef.name in _registered:
        return _registered[op.opdef.name]
    opdef = REGISTRY[kind] if kind is not None else op.opdef
    rule = opdef.grad
    if rule is UNSAID:
        raise LookupError(
            f"{errors.where(op.site)}: No gradient defined for operation '{op.name}' "
            f"(op type: {op.type})."
        )
    if rule is None:
        return None
    if rule is ZERO:
        return lambda op, *grads: [REGISTRY["ZerosLike"](t) for t in op.inputs]
    return lambda op, *grads: opdef.gradient(op, grads)
