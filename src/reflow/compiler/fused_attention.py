"""Attention among the nodes of a program: softmax(scale * q k' + bias) v as one native call on the CPU.

The weights, a matrix of queries by keys for each head, are then made and used block by block and never
stored. It is done where nothing else takes the logits or the weights, but for the nodes of the gradient with
regard to q, k and v: these are one call as well, which makes the weights anew. Where the nodes are others
(gradients of gradients, dropout, a bias that is learnt) or the shapes are not right for the kernels, they run
one by one.

The products may be `BatchMatMul` or `Einsum`: what they are is said by labels, a tuple for each operand
and for the result, with one label for each dimension. `kernels.attention` says which labels there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.compiler.wiring import Wiring
from reflow.kernels.attention import (
    DEPTH,
    KEYS,
    ROWS,
    WIDTH,
    Attention,
    Labels,
    attention,
    attention_gradient,
    weight_labels,
)

_BATCHED = ("BatchMatMul", "BatchMatMulV2")
_PRODUCTS = (*_BATCHED, "Einsum")
_SUMS = ("AddV2", "Add")
_SCALES = ("Mul", "RealDiv")


class _Found(NamedTuple):
    """Where attention is in a list of steps: positions, and slots of what comes in.

    Attributes:
      first, last: the products of queries with keys, and of weights with values.
      parts: all steps from the one to the other, in order.
      q, k, v: slots.
      weights: the slot of what Softmax gives.
      bias: a slot; None without one.
      scales: slots, and whether it is a divisor.
    """

    first: int
    last: int
    parts: list[int]
    q: int
    k: int
    v: int
    weights: int
    bias: int | None
    scales: list[tuple[int, bool]]


class _Gradient(NamedTuple):
    """Where the gradient of an attention is: positions, and slots of what comes in.

    Attributes:
      to_weights, to_v, to_q, to_k: the products that make these gradients.
      parts: all steps, in order.
      total: the one that sums over keys.
      g: the slot of the gradient of the result.
    """

    to_weights: int
    to_v: int
    to_q: int
    to_k: int
    parts: list[int]
    total: int
    g: int


class _Kept(NamedTuple):
    """What stands for the weights until the gradient is made: its kernel, and what that wants to know."""

    kernel: Any
    result: Any
    statistics: Any


class FusedAttention:
    """The steps of a program that make up attention, from the product of queries and keys on."""

    def __init__(self, steps: Sequence[Any], found: _Found, gradient: _Gradient | None):
        self._steps = [steps[i] for i in found.parts]
        self._found = found
        self._q_and_k, self._values = steps[found.first], steps[found.last]
        self._products: list[Any] = []  # of the gradient
        if gradient is not None:
            self._total = steps[gradient.total]
            self._products = [
                steps[i] for i in (gradient.to_weights, gradient.to_v, gradient.to_q, gradient.to_k)
            ]

    def run(self, tracer: Any, env: list[Any]) -> None:
        """Puts the result into `env`: as `Tracer.trace_step` does for one step."""
        shape = self._shape(env) if tracer.on_cpu else None
        kernel = None if shape is None else attention(shape)
        gradient = None
        if shape is not None and self._products and self._fits(shape, env):
            gradient = attention_gradient(shape)
        if kernel is None or (self._products and gradient is None):
            for step in self._steps:
                tracer.trace_step(step, env)
            return
        operands = [tracer.xp.asarray(env[slot]) for slot in self.operands()]
        result, statistics = kernel(tracer.xp, *operands)
        env[self._values[3][0]] = result
        env[self._found.weights] = _Kept(gradient, result, statistics)

    def operands(self) -> list[int]:
        """The slots of queries, keys, values and the bias, if there is one."""
        slots = [self._found.q, self._found.k, self._found.v]
        return slots if self._found.bias is None else [*slots, self._found.bias]

    def _shape(self, env: list[Any]) -> Attention | None:
        q, k, v, *rest = (env[slot] for slot in self.operands())
        bias = rest[0] if rest else None
        if any(x.dtype != np.float32 for x in (q, k, v, *rest)):
            return None
        scale = 1.0
        for slot, divides in self._found.scales:
            factor = env[slot]
            if not isinstance(factor, (np.ndarray, np.generic)) or factor.size != 1:
                return None
            scale = scale / float(factor.item()) if divides else scale * float(factor.item())
        if not len(q.shape) == len(k.shape) == len(v.shape):
            return None
        rank = len(q.shape)
        dims = weight_labels(rank)
        logits = _labels(self._q_and_k, rank, {2: dims}, DEPTH)
        values = _labels(
            self._values, rank, {_side(self._values, self._found.weights): dims}, WIDTH
        )
        if logits is None or values is None:
            return None
        labels_q, labels_k, _ = logits if ROWS in logits[0] else (logits[1], logits[0], dims)
        labels_v, labels_o = values[_side(self._values, self._found.v)], values[2]
        sizes: dict[str, int] = {}
        for labels, x in ((labels_q, q), (labels_k, k), (labels_v, v)):
            for label, size in zip(labels, x.shape):
                if sizes.setdefault(label, size) != size:
                    return None
        for labels, inner in ((labels_q, {ROWS, DEPTH}), (labels_k, {KEYS, DEPTH})):
            if set(labels) != {*dims[:-2], *inner}:
                return None
        for labels, inner in ((labels_v, {KEYS, WIDTH}), (labels_o, {ROWS, WIDTH})):
            if set(labels) != {*dims[:-2], *inner}:
                return None
        whole = tuple(sizes[label] for label in dims)
        if bias is not None:
            short = len(whole) - len(bias.shape)
            if short < 0 or any(n not in (1, m) for n, m in zip(bias.shape, whole[short:])):
                return None
        return Attention(
            *(whole, sizes[DEPTH], sizes[WIDTH], labels_q, labels_k, labels_v, labels_o, scale),
            None if bias is None else tuple(bias.shape),
        )

    def _fits(self, shape: Attention, env: list[Any]) -> bool:
        """Whether the steps of the gradient are those of this attention's."""
        dims = weight_labels(len(shape.dims))
        axis = env[self._total[2][1]]
        if not self._total[4]["keep_dims"] or not isinstance(axis, (np.ndarray, np.generic)):
            return False
        if axis.size != 1 or int(axis.item()) not in (-1, len(dims) - 1):
            return False
        to_weights, to_v, to_q, to_k = self._products
        weights = self._found.weights
        made = _labels(to_weights, len(dims), {2: dims}, WIDTH)
        side = _side(to_weights, self._found.v)
        if made is None or made[side] != shape.v or made[1 - side] != shape.o:
            return False
        made = _labels(to_v, len(dims), {_side(to_v, weights): dims}, WIDTH)
        if made is None or made[1 - _side(to_v, weights)] != shape.o or made[2] != shape.v:
            return False
        for step, other, wanted, result in (
            (to_q, self._found.k, shape.k, shape.q),
            (to_k, self._found.q, shape.q, shape.k),
        ):
            side = 1 - _side(step, other)
            made = _labels(step, len(dims), {side: dims}, DEPTH)
            if made is None or made[1 - side] != wanted or made[2] != result:
                return False
        return True


class FusedGradient:
    """The steps that make up the gradient of an attention."""

    def __init__(
        self, steps: Sequence[Any], attention: FusedAttention, found: _Gradient, weights: int
    ):
        self._steps = [steps[i] for i in found.parts]
        self._attention = attention
        self._weights = weights
        self._g = found.g
        self._results = [steps[i][3][0] for i in (found.to_q, found.to_k, found.to_v)]

    def run(self, tracer: Any, env: list[Any]) -> None:
        """Puts the gradients into `env`: as `Tracer.trace_step` does for one step."""
        kept = env[self._weights]
        if not isinstance(kept, _Kept):
            for step in self._steps:
                tracer.trace_step(step, env)
            return
        operands = [tracer.xp.asarray(env[slot]) for slot in self._attention.operands()]
        g = tracer.xp.asarray(env[self._g])
        made = kept.kernel(tracer.xp, *operands, kept.result, kept.statistics, g)
        for slot, value in zip(self._results, made):
            env[slot] = value


# Labels -------------------------------------------------------------------------------------------


def _side(step: Any, slot: int) -> int:
    """Which operand of a product `slot` is."""
    return step[2].index(slot)


def _labels(
    step: Any, rank: int, known: dict[int, Labels], other: str
) -> tuple[Labels, Labels, Labels] | None:
    """The labels of a product's operands and of its result, all of `rank` dimensions.

    Args:
      known: those of one of them, by its position.
      other: what the dimension that this one does not have is called.
    """
    if step[0].type in _BATCHED:
        batch = tuple(map(str, range(rank - 2)))
        x, y = "ji" if step[4]["adj_x"] else "ij", "kj" if step[4]["adj_y"] else "jk"
        terms = [(*batch, *matrix) for matrix in (x, y, "ik")]
    else:
        terms = [tuple(term) for term in _terms(step)]
        if any("." in term or len(set(term)) != rank or len(term) != rank for term in terms):
            return None
    ((position, labels),) = known.items()
    names = dict(zip(terms[position], labels))
    left, right, result = (tuple(names.get(label, other) for label in term) for term in terms)
    return left, right, result


def _terms(step: Any) -> list[str]:
    """What the equation of an Einsum of two operands says of them and of its result."""
    operands, _, result = step[4]["equation"].replace(" ", "").partition("->")
    return [*operands.split(","), result]


# Finding ------------------------------------------------------------------------------------------


def find_attention(wiring: Wiring, put: dict[int, Any], gone: set[int]) -> None:
    """Finds what makes up attention: see `Program.traced`."""
    steps = wiring.steps
    for softmax in range(len(steps)):
        if not wiring.is_a(softmax, ("Softmax",)):
            continue
        for last in wiring.users(wiring.result(softmax), _PRODUCTS):
            found = _find(wiring, softmax, last)
            if found is None:
                continue
            gradient = None
            if wiring.users(found.weights) != [last]:
                gradient = _find_gradient(wiring, found)
                if gradient is None:
                    continue
            fused = FusedAttention(steps, found, gradient)
            put[last] = fused
            gone.update(found.parts)
            if gradient is not None:
                place = min(gradient.to_q, gradient.to_k, gradient.to_v)
                put[place] = FusedGradient(steps, fused, gradient, found.weights)
                gone.update(gradient.parts)
            break


def _find(wiring: Wiring, softmax: int, last: int) -> _Found | None:
    """The attention with this Softmax and this product of its result with values."""
    steps = wiring.steps
    weights = wiring.result(softmax)
    v = wiring.other(last, weights)
    if v < 0:
        return None
    parts = [softmax, last]
    slot = steps[softmax][2][0]
    bias = None
    total = wiring.own(slot, _SUMS)
    if total is not None:
        both = (steps[total][2], steps[total][2][::-1])
        pairs = [pair for pair in both if wiring.own(pair[0], (*_SCALES, *_PRODUCTS)) is not None]
        if not pairs:
            return None
        slot, bias = pairs[0]
        parts.insert(0, total)
    scales = []
    while (scale := wiring.own(slot, _SCALES)) is not None:
        one, other = steps[scale][2]
        divides = steps[scale][0].type == "RealDiv"
        if not divides and wiring.own(one, (*_SCALES, *_PRODUCTS)) is None:
            one, other = other, one
        scales.append((other, divides))
        parts.insert(0, scale)
        slot = one
    first = wiring.own(slot, _PRODUCTS)
    if first is None or len(steps[first][2]) != 2:
        return None
    q, k = steps[first][2]
    if steps[first][0].type == "Einsum":
        # The rows of the weights are those of the queries, whichever operand they are.
        _, other, result = _terms(steps[first])
        if len(result) >= 2 and result[-2] in other:
            q, k = k, q
    return _Found(first, last, [first, *parts], q, k, v, weights, bias, scales)


def _find_gradient(wiring: Wiring, found: _Found) -> _Gradient | None:
    """The steps of the gradient of an attention, if they alone take its weights.

    With y for the weights and g for the gradient of the result, these are: dy = g v', dv = y' g,
    ds = (dy - sum(dy * y)) * y, as often multiplied as the logits were, dq = ds k, and dk = ds' q.
    """
    steps = wiring.steps
    y = found.weights
    users = [i for i in wiring.users(y) if i != found.last]
    products = [i for i in users if i >= 0 and wiring.is_a(i, _PRODUCTS)]
    if len(users) != 3 or len(products) != 1:
        return None
    to_v = products[0]
    g = wiring.other(to_v, y)
    softmax = _find_softmax_gradient(wiring, y, [i for i in users if i != to_v])
    if softmax is None:
        return None
    to_weights, weighted, total, difference, last = softmax
    if sorted(steps[to_weights][2]) != sorted((g, found.v)):
        return None
    parts = [to_v, *softmax]
    slot = wiring.result(last)
    scales: list[tuple[int, bool]] = []
    while (scale := wiring.only_user(slot, _SCALES)) is not None:
        divides = wiring.is_a(scale, ("RealDiv",))
        if divides and steps[scale][2][0] != slot:
            return None
        scales.append((wiring.other(scale, slot), divides))
        parts.append(scale)
        slot = wiring.result(scale)
    if sorted(scales) != sorted(found.scales):
        return None
    both = wiring.users(slot, _PRODUCTS)
    if len(both) != 2 or len(wiring.users(slot)) != 2:
        return None
    to_q, to_k = both if wiring.other(both[0], slot) == found.k else both[::-1]
    if wiring.other(to_q, slot) != found.k or wiring.other(to_k, slot) != found.q:
        return None
    parts = sorted([*parts, to_q, to_k])
    place = min(to_q, to_k, to_v)
    if found.last >= place or not wiring.made_before(parts, place):
        return None
    return _Gradient(to_weights, to_v, to_q, to_k, parts, total, g)


def _find_softmax_gradient(wiring: Wiring, y: int, users: Sequence[int]) -> list[int] | None:
    """The steps dy, dy * y, its sum over keys, dy less that, and the last of the gradient of a Softmax.

    Args:
      y: the slot of what Softmax gives.
      users: the two steps that multiply with it.
    """
    if not all(wiring.is_a(i, ("Mul",)) for i in users):
        return None
    for last, weighted in (users, users[::-1]):
        difference = wiring.own(wiring.other(last, y), ("Sub",))
        if difference is None:
            continue
        dy, sums = wiring.steps[difference][2]
        total = wiring.own(sums, ("Sum",))
        made = wiring.maker(dy, _PRODUCTS)
        if total is None or made is None:
            return None
        if wiring.only_user(wiring.result(weighted), ("Sum",)) != total:
            return None
        if wiring.other(weighted, y) != dy or len(wiring.users(dy)) != 2:
            return None
        return [made, weighted, total, difference, last]
    return None
