"""Convolutions with what follows them for each filter: one native call on the CPU.

That is a bias, or a normalization by given means and variances, then perhaps the sum with images of the same shape, as
in a residual block, and then perhaps a Relu. A convolution's results are finished while they lie in the cache, instead
of in a loop over all of them, which XLA would compile as well. It is done where nothing else takes what is between.
Where there is no native kernel, the nodes run one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.compiler.wiring import Wiring
from reflow.kernels.convolution import Epilogue
from reflow.kernels.kernel import BIAS, RELU, RELU6

_CONVOLUTIONS = ("Conv2D", "Conv3D", "DepthwiseConv2dNative")
_SUMS = ("AddV2", "Add")
_BIASES = ("BiasAdd", *_SUMS)
_NORMALIZATIONS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
_BOUNDS = {"Relu": RELU, "Relu6": RELU6}
_FIRST = ("NCHW", "NCDHW")

# What is added for each filter, and what it is multiplied by before, if by anything, from the values of slots; or
# None where they are of another kind.
_Ending = Callable[[Any, Sequence[Any]], "tuple[Any, Any] | None"]


class FusedConvolution:
    """The steps of a program that are a convolution, what is done for each filter, perhaps a sum, and a bound.

    Args:
      added: the slot of what the sum adds, if there is one.
    """

    def __init__(self, steps: Sequence[Any], ending: _Ending, after: int, added: int | None):
        self._convolution, *self._rest = steps
        self._ending = ending
        self._after = after
        self._added = added

    def run(self, tracer: Any, env: list[Any]) -> None:
        """Puts the results into `env`: as `Tracer.trace_step` does for one step."""
        outer = tracer.xp
        epilogue = None
        added = None if self._added is None else env[self._added]
        found = self._ending(outer, env)
        if found is not None:
            bias, scale = found
            epilogue = Epilogue(bias, self._after, scale, added)
            tracer.xp = outer.with_epilogue(epilogue)
        try:
            tracer.trace_step(self._convolution, env)
        finally:
            tracer.xp = outer
        done = 0
        if epilogue is not None and epilogue.done:
            done = len(self._rest) if epilogue.added is added else 1
            env[self._rest[done - 1][3][0]] = env[self._convolution[3][0]]
        for step in self._rest[done:]:
            tracer.trace_step(step, env)


def find_convolutions(wiring: Wiring, put: dict[int, Any], gone: set[int]) -> None:
    """Finds convolutions with something that follows: see `Program.traced`."""
    steps = wiring.steps
    for first in range(len(steps)):
        if not wiring.is_a(first, _CONVOLUTIONS):
            continue
        result = wiring.result(first)
        last = wiring.only_user(result, (*_BIASES, *_NORMALIZATIONS))
        if last is None:
            continue
        if wiring.is_a(last, _NORMALIZATIONS):
            ending = _normalization(wiring, first, last)
        else:
            ending = _bias(wiring, first, last)
        if ending is None:
            continue
        parts, after, added = [first, last], BIAS, None
        total = wiring.only_user(wiring.result(last), _SUMS)
        # Of two convolutions that are added up, one adds the other's results.
        if total is not None and total not in gone:
            added = wiring.other(total, wiring.result(last))
            parts.append(total)
        bound = wiring.only_user(wiring.result(parts[-1]), tuple(_BOUNDS))
        if bound is not None:
            after = _BOUNDS[steps[bound][0].type]
            parts.append(bound)
        # References are read where their step stands: such steps stay there.
        if all(steps[i][5] is None for i in parts):
            put[parts[-1]] = FusedConvolution([steps[i] for i in parts], ending, after, added)
            gone.update(parts)


def _is_vector(value: Any) -> bool:
    return getattr(value, "dtype", None) == np.float32 and len(value.shape) == 1


def _bias(wiring: Wiring, convolution: int, total: int) -> _Ending | None:
    """Where one number for each filter is added, if what is added is a vector."""
    step = wiring.steps[total]
    channels_first = wiring.steps[convolution][4]["data_format"] in _FIRST
    if step[0].type == "BiasAdd":
        if (step[4]["data_format"] == "NCHW") != channels_first:
            return None
    elif channels_first:
        return None
    slot = wiring.other(total, wiring.result(convolution))
    if slot < 0:
        return None

    def ending(xp: Any, env: Sequence[Any]) -> tuple[Any, Any] | None:
        return (env[slot], None) if _is_vector(env[slot]) else None

    return ending


def _normalization(wiring: Wiring, convolution: int, normalization: int) -> _Ending | None:
    """Where a normalization has its means and variances given, and nothing takes them from it."""
    _, _, (images, *slots), (_, *others), attrs, *_ = wiring.steps[normalization]
    if images != wiring.result(convolution) or any(wiring.users(slot) for slot in others):
        return None
    channels_first = wiring.steps[convolution][4]["data_format"] in _FIRST
    if attrs["is_training"] or (attrs["data_format"] in _FIRST) != channels_first:
        return None
    epsilon = np.float32(attrs["epsilon"])

    def ending(xp: Any, env: Sequence[Any]) -> tuple[Any, Any] | None:
        vectors = scale, offset, mean, variance = [env[slot] for slot in slots]
        if not all(map(_is_vector, vectors)) or len({v.shape for v in vectors}) > 1:
            return None
        factor = xp.rsqrt(variance + epsilon) * scale
        return offset - mean * factor, factor

    return ending
