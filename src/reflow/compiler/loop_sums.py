"""Sums of matrix products over the iterations of a loop, as one product after it.

The gradient of a weight that a loop uses is `sum = sum + a' b` in each iteration: it reads and writes the
whole sum every time. Where the operands are smaller than the product, they are kept instead, and
multiplied once: the sum over the iterations becomes part of the contraction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from reflow.compiler.jax_namespace import jax_namespace
from reflow.lang.func_graph import FuncGraph
from reflow.lang.graph import Operation
from reflow.lang.opdef import REGISTRY
from reflow.lang.tensor import SymbolicTensor


class Product:
    """One matrix product that is added to a loop variable.

    Attributes:
      variable: the position of the loop variable.
      a, b: the operands in the body; `flip_a`, `flip_b`: whether they are transposed.
      popped: the position of a list from whose end the body takes `a`; None if it computes it.
    """

    __slots__ = ("variable", "a", "b", "flip_a", "flip_b", "popped")

    def __init__(self, variable: int, node: Operation, popped: int | None):
        self.variable = variable
        self.a, self.b = node.inputs
        self.flip_a = bool(node.attrs["transpose_a"])
        self.flip_b = bool(node.attrs["transpose_b"])
        self.popped = popped

    def pays(self, a: Any, b: Any) -> bool:
        """Whether keeping operands of these shapes is cheaper than adding up the products."""
        m = a.shape[1] if self.flip_a else a.shape[0]
        n = b.shape[0] if self.flip_b else b.shape[1]
        kept = b.shape[0] * b.shape[1]
        if self.popped is None:
            kept += a.shape[0] * a.shape[1]
        return m * n >= kept

    def of(self, a: Any, b: Any) -> Any:
        """The sum of the products of operands that are stacked along a first dimension."""
        if self.flip_a and not self.flip_b:  # their rows are those of two matrices
            a, b = (x.reshape(-1, x.shape[-1]) for x in (a, b))
            multiply = REGISTRY["MatMul"].lower
            return multiply(jax_namespace, a, b, transpose_a=True, transpose_b=False)
        over = ((0, 1 if self.flip_a else 2), (0, 2 if self.flip_b else 1))
        kind = jnp.float32 if a.dtype in (jnp.bfloat16, jnp.float16) else None
        return lax.dot_general(a, b, (over, ((), ())), preferred_element_type=kind).astype(a.dtype)


class Sums:
    """The sums of a loop that can be taken out of it.

    Attributes:
      products: what is added to them.
      function: the body without the products: in place of each sum it returns the sum of the terms that
        stay, or the variable as it was; after its outputs it returns the operands of the products.
    """

    def __init__(self, body: FuncGraph, found: dict[int, tuple[list[Product], list[Any]]]):
        self.products = [p for products, _ in found.values() for p in products]
        outputs = list(body.outputs)
        self.kept: dict[int, int] = {}  # variable -> how many other terms it has
        extra: list[SymbolicTensor] = []
        for i, (_, terms) in found.items():
            outputs[i] = body.inputs[i]
            self.kept[i] = len(terms)
            extra += terms
        for product in self.products:
            extra += [product.a, product.b] if product.popped is None else [product.b]
        self.count = len(outputs)
        self.function = body.variant(outputs=[*outputs, *extra])

    def split(self, outs: Sequence[Any]) -> tuple[list[Any], list[tuple[Any, Any]]]:
        """From what `function` gave: the outputs of the body, and the operands of each product."""
        result = list(outs[: self.count])
        rest = iter(outs[self.count :])
        for i, count in self.kept.items():
            for _ in range(count):
                result[i] = result[i] + next(rest)
        operands = []
        for product in self.products:
            a = None if product.popped is not None else next(rest)
            operands.append((a, next(rest)))
        return result, operands


def find_sums(body: FuncGraph, invariant: Sequence[bool], only: frozenset[int]) -> Sums | None:
    """The sums of matrix products among the loop variables of `body` that are in `only`."""
    stamp = (body.version, body.mutations)
    cached: Any = body.__dict__.get("_loop_sums")
    if cached is None or cached[0] != stamp:
        candidates: dict[int, Any] = {}
        for i, still in enumerate(invariant):
            found = None if still else _sum_of(body, i)
            if found is not None:
                candidates[i] = found
        cached = body.__dict__["_loop_sums"] = (stamp, candidates, {})
    _, candidates, made = cached
    chosen = frozenset(candidates) & only
    if not chosen:
        return None
    if chosen not in made:
        made[chosen] = Sums(body, {i: candidates[i] for i in sorted(chosen)})
        body.__dict__["_loop_sums"] = ((body.version, body.mutations), candidates, made)
    return made[chosen]


def _sum_of(body: FuncGraph, i: int) -> tuple[list[Product], list[SymbolicTensor]] | None:
    variable = body.inputs[i]
    if not (variable.dtype.is_floating and variable.shape.rank == 2):
        return None
    terms = _terms(body, body.outputs[i])
    if sum(t is variable for t in terms) != 1 or _uses(body, variable) != 1:
        return None
    products, others = [], []
    for term in terms:
        if term is variable:
            continue
        if term.op.type == "MatMul" and _uses(body, term) == 1:
            products.append(Product(i, term.op, _popped_from(body, term.op.inputs[0])))
        else:
            others.append(term)
    return (products, others) if products else None


def _terms(body: FuncGraph, tensor: SymbolicTensor) -> list[SymbolicTensor]:
    op = tensor.op
    if op.type not in ("AddN", "AddV2", "Add") or _uses(body, tensor) > 1:
        return [tensor]
    if any(t.shape.sizes != tensor.shape.sizes for t in op.inputs):
        return [tensor]  # it may broadcast
    return [term for each in op.inputs for term in _terms(body, each)]


def _uses(body: FuncGraph, tensor: SymbolicTensor) -> int:
    """How often a tensor is taken by nodes, and returned."""
    taken = sum(sum(t is tensor for t in op.inputs) for op in body.base.consumers_of(tensor))
    return taken + sum(t is tensor for t in body.outputs)


def _popped_from(body: FuncGraph, tensor: SymbolicTensor) -> int | None:
    """The list from whose end a tensor is taken, where that is all that the body does to it."""
    op = tensor.op
    if op.type != "TensorListPopBack" or tensor is not op.outputs[1]:
        return None
    for i, (x, y) in enumerate(zip(body.inputs, body.outputs)):
        if op.inputs[0] is x and y is op.outputs[0] and _uses(body, x) == 1:
            return i
    return None


def put(stack: Any, index: Any, operand: Any) -> Any:
    operand = operand.astype(stack.dtype)
    return lax.dynamic_update_index_in_dim(stack, operand, index, 0, allow_negative_indices=False)
