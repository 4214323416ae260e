"""Attention among the nodes of a program: softmax(scale * q k' + bias) v as one native call on the CPU.

The weights, a matrix of queries by keys for each head, are then made and used block by block and never
stored. It is done where nothing else takes the logits or the weights: in a training step the gradient does,
and the products are native calls each (`ops.matmul`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.compiler import targets
from reflow.kernels.matrices import Attention, attention

_PRODUCTS = ("BatchMatMul", "BatchMatMulV2")
_SUMS = ("AddV2", "Add")
_SCALES = ("Mul", "RealDiv")


class FusedAttention:
    """The steps of a program that make up attention, from the product of queries and keys on.

    Attributes:
      steps: in their order; run one by one where the shapes or the device are not right for the kernel.
    """

    def __init__(self, steps: Sequence[Any], bias: int | None, scales: Sequence[tuple[int, bool]]):
        self.steps = steps
        self._logits = steps[0]
        self._values = steps[-1]
        self._bias = bias  # slots
        self._scales = scales  # slots, and whether it is a divisor

    def run(self, tracer: Any, env: list[Any]) -> None:
        """Puts the result into `env`: as `Tracer.trace_step` does for one step."""
        kernel = None if targets.is_accelerated(tracer.device or "") else self._kernel(env)
        if kernel is None:
            for step in self.steps:
                tracer.trace_step(step, env)
            return
        operands = [tracer.xp.asarray(env[slot]) for slot in self._operands()]
        env[self.steps[-1][3][0]] = kernel(tracer.xp, *operands)

    def _operands(self) -> list[int]:
        slots = [*self._logits[2], self._values[2][1]]
        return slots if self._bias is None else [*slots, self._bias]

    def _kernel(self, env: list[Any]) -> Any:
        q, k, v, *rest = (env[slot] for slot in self._operands())
        bias = rest[0] if rest else None
        if any(x.dtype != np.float32 for x in (q, k, v, *rest)):
            return None
        scale = 1.0
        for slot, divides in self._scales:
            factor = env[slot]
            if not isinstance(factor, (np.ndarray, np.generic)) or factor.size != 1:
                return None
            scale = scale / float(factor.item()) if divides else scale * float(factor.item())
        batch = tuple(q.shape[:-2])
        flip_k = not self._logits[4]["adj_y"]
        keys, depth = k.shape[-2:][::-1] if flip_k else k.shape[-2:]
        if any(tuple(x.shape[:-2]) != batch for x in (k, v)):
            return None
        if q.shape[-1] != depth or v.shape[-2] != keys:  # the steps will say so
            return None
        rows, width = q.shape[-2], v.shape[-1]
        if bias is not None:
            whole = (*batch, rows, keys)
            short = len(whole) - len(bias.shape)
            if short < 0 or any(n not in (1, m) for n, m in zip(bias.shape, whole[short:])):
                return None
        shape = None if bias is None else tuple(bias.shape)
        return attention(
            Attention(np.dtype(np.float32), batch, rows, keys, depth, width, flip_k, scale, shape)
        )


def with_attention(steps: Sequence[Any], outputs: Sequence[int]) -> Sequence[Any]:
    """`steps` of a program with those that make up attention taken together, in place of the last one.

    Args:
      outputs: the slots that the program gives.
    """
    if not any(step[0].type == "Softmax" for step in steps):
        return steps
    makers = {slot: i for i, step in enumerate(steps) for slot in step[3]}
    uses: dict[int, int] = {}
    for slot in (slot for each in (outputs, *(step[2] for step in steps)) for slot in each):
        uses[slot] = uses.get(slot, 0) + 1

    def maker(slot: int, types: Sequence[str]) -> int | None:
        """The step that makes what only one step takes, if its op is one of `types`."""
        i = makers.get(slot)
        return i if i is not None and uses[slot] == 1 and steps[i][0].type in types else None

    found: dict[int, FusedAttention] = {}
    gone: set[int] = set()
    for last, step in enumerate(steps):
        chain = _chain(steps, last, maker) if step[0].type in _PRODUCTS else None
        if chain is not None:
            parts, bias, scales = chain
            found[last] = FusedAttention([steps[i] for i in parts], bias, scales)
            gone.update(parts[:-1])
    return [found.get(i, step) for i, step in enumerate(steps) if i not in gone]


def _chain(steps: Sequence[Any], last: int, maker: Any) -> Any:
    """The positions of the steps of the attention that ends at `last`, the slots of bias and scales."""
    if steps[last][4]["adj_x"] or steps[last][4]["adj_y"]:
        return None
    softmax = maker(steps[last][2][0], ("Softmax",))
    if softmax is None:
        return None
    parts = [softmax, last]
    slot = steps[softmax][2][0]
    bias = None
    total = maker(slot, _SUMS)
    if total is not None:
        both = (steps[total][2], steps[total][2][::-1])
        pairs = [pair for pair in both if maker(pair[0], (*_SCALES, *_PRODUCTS)) is not None]
        if not pairs:
            return None
        slot, bias = pairs[0]
        parts.insert(0, total)
    scales = []
    while (scale := maker(slot, _SCALES)) is not None:
        one, other = steps[scale][2]
        divides = steps[scale][0].type == "RealDiv"
        if not divides and maker(one, (*_SCALES, *_PRODUCTS)) is None:
            one, other = other, one
        scales.append((other, divides))
        parts.insert(0, scale)
        slot = one
    first = maker(slot, _PRODUCTS)
    if first is None or steps[first][4]["adj_x"]:
        return None
    return [first, *parts], bias, scales
