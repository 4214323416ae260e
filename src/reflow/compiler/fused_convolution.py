"""Convolutions with the bias and the Relu that follow: one native call on the CPU.

A convolution's results are then finished while they lie in the cache, instead of in a loop over all of them, which
XLA would compile as well. It is done where nothing else takes the results of the convolution, or of the bias.
Where there is no native kernel, the nodes run one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.compiler.wiring import Wiring
from reflow.kernels.convolution import Epilogue
from reflow.kernels.kernel import BIAS, RELU, RELU6

_CONVOLUTIONS = ("Conv2D", "Conv3D", "DepthwiseConv2dNative")
_BIASES = ("BiasAdd", "AddV2", "Add")
_BOUNDS = {"Relu": RELU, "Relu6": RELU6}
_FIRST = ("NCHW", "NCDHW")


class FusedConvolution:
    """The steps of a program that are a convolution, the sum with a bias, and perhaps a bound."""

    def __init__(self, steps: Sequence[Any], bias: int, after: int):
        self._convolution, *self._rest = steps
        self._bias = bias  # a slot
        self._after = after

    def run(self, tracer: Any, env: list[Any]) -> None:
        """Puts the results into `env`: as `Tracer.trace_step` does for one step."""
        bias = env[self._bias]
        outer = tracer.xp
        epilogue = None
        if getattr(bias, "dtype", None) == np.float32 and len(bias.shape) == 1:
            epilogue = Epilogue(bias, self._after)
            tracer.xp = outer.with_epilogue(epilogue)
        try:
            tracer.trace_step(self._convolution, env)
        finally:
            tracer.xp = outer
        if epilogue is not None and epilogue.done:
            env[self._rest[-1][3][0]] = env[self._convolution[3][0]]
            return
        for step in self._rest:
            tracer.trace_step(step, env)


def find_convolutions(wiring: Wiring, put: dict[int, Any], gone: set[int]) -> None:
    """Finds convolutions with something that follows: see `Program.traced`."""
    steps = wiring.steps
    for first in range(len(steps)):
        if not wiring.is_a(first, _CONVOLUTIONS):
            continue
        last = wiring.only_user(wiring.result(first), _BIASES)
        if last is None or not _adds_a_bias(steps[first], steps[last]):
            continue
        bias = wiring.other(last, wiring.result(first))
        parts, after = [first, last], BIAS
        bound = wiring.only_user(wiring.result(last), tuple(_BOUNDS))
        if bound is not None:
            after = _BOUNDS[steps[bound][0].type]
            parts.append(bound)
        # References are read where their step stands: such steps stay there.
        if bias >= 0 and all(steps[i][5] is None for i in parts):
            put[parts[-1]] = FusedConvolution([steps[i] for i in parts], bias, after)
            gone.update(parts)


def _adds_a_bias(convolution: Any, total: Any) -> bool:
    """Whether one number for each filter is added, if what is added is a vector."""
    channels_first = convolution[4]["data_format"] in _FIRST
    if total[0].type == "BiasAdd":
        return (total[4]["data_format"] == "NCHW") == channels_first
    return not channels_first
