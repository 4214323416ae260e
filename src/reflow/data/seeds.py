"""Seeds of data sets, and the random numbers that shuffling draws, as in TensorFlow.

An op gets two seeds. A generator over them gives each iteration its own two, from which its numbers
are drawn: Philox, word by word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from reflow.lang import dtypes, random_seed
from reflow.lang.convert import convert_to_tensor
from reflow.lang.tensor import Tensor
from reflow.ops.random.philox import initial_state, split_state, words

_FIRST = 64  # how many words are made at first; then ever more at once
_MOST = 1 << 14
_MAX_INT32 = 2**31 - 1


def seed_tensors(seed: Any) -> tuple[Tensor, Tensor]:
    """The inputs `seed` and `seed2` of an op whose own seed is `seed`.

    Two zeros mean that nobody gave a seed.
    """
    if isinstance(seed, Tensor):
        from reflow.lang.opdef import REGISTRY

        first = random_seed.op_seeds(0)["seed"]
        second = REGISTRY["Cast"](seed, DstT=dtypes.int64)
        if first == 0:  # two zeros that were given are a seed
            is_zero = REGISTRY["Equal"](second, convert_to_tensor(0, dtypes.int64))
            other = convert_to_tensor(_MAX_INT32, dtypes.int64)
            second = REGISTRY["SelectV2"](is_zero, other, second)
        return convert_to_tensor(first, dtypes.int64, name="seed"), second
    seeds = random_seed.op_seeds(None if seed is None else int(seed))
    return (
        convert_to_tensor(seeds["seed"], dtypes.int64, name="seed"),
        convert_to_tensor(seeds["seed2"], dtypes.int64, name="seed2"),
    )


def words_of(seed: int, seed2: int) -> Iterator[int]:
    """The 32-bit words that a generator with two seeds draws, without an end."""
    key, start = split_state(initial_state(seed, seed2))
    low, high = int(start[0]), int(start[1])
    made, size = 0, _FIRST
    while True:
        counter = np.array([low + made, high], np.uint64)
        yield from words(np, key, counter, size).tolist()
        made += size // 4  # a block of the counter has four words
        size = min(2 * size, _MOST)


class IterationSeeds:
    """The two seeds of each iteration over a data set.

    Args:
      seed, seed2: the seeds of the op; two zeros for none.
      renew: whether each iteration has seeds of its own, or all have those of the op.

    Attributes:
      given: these three.
    """

    def __init__(self, seed: int, seed2: int, renew: bool):
        self.given = seed, seed2, renew
        state = initial_state(seed, seed2)
        self._fixed = int(state[2]), int(state[1])
        self._words = words_of(*self._fixed) if renew else None

    def next(self) -> tuple[int, int]:
        if self._words is None:
            return self._fixed
        return next(self._words), next(self._words)
