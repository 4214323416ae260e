"""Stages that drop, repeat and reorder elements: take, skip, shard, repeat, shuffle, and options."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from reflow.data.define import META, TYPED, dataset_op, integer
from reflow.data.pipeline import INFINITE, UNKNOWN, Pipeline, Reordering, Run, finite
from reflow.data.seeds import IterationSeeds, words_of
from reflow.lang import errors

# Parts of the input -------------------------------------------------------------------------------


class Take(Reordering):
    """The first `count` elements; all of them when that is negative."""

    def __init__(self, source: Pipeline, count: int, *typed: Any):
        super().__init__(source, *typed)
        self.count = count

    def through(self, run: Run, begin: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        return begin() if self.count < 0 else _First(begin(), self.count)

    def cardinality(self) -> int:
        known = self.source.cardinality()
        if self.count < 0:
            return known
        if known == INFINITE:
            return self.count
        return finite(known, lambda n: min(n, self.count)) if self.count else 0


class _First:
    def __init__(self, source: Iterator[Any], count: int):
        self._source, self._left = source, count

    def __iter__(self) -> _First:
        return self

    def __next__(self) -> Any:
        if self._left <= 0:
            raise StopIteration
        element = next(self._source)
        self._left -= 1
        return element


@dataset_op(
    f"TakeDataset(input_dataset: variant, count: int64, *, {TYPED}, {META}) -> handle: variant"
)
def take_dataset(ctx, input_dataset, count, *, output_types, output_shapes):
    """The first `count` elements of the input."""
    return Take(input_dataset, integer(count), output_types, output_shapes)


class Skip(Reordering):
    """The elements after the first `count`; none when that is negative."""

    def __init__(self, source: Pipeline, count: int, *typed: Any):
        super().__init__(source, *typed)
        self.count = count

    def through(self, run: Run, begin: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        if self.count < 0:
            return iter(())
        return _Rest(begin(), self.count) if self.count else begin()

    def cardinality(self) -> int:
        if self.count < 0:
            return 0
        return finite(self.source.cardinality(), lambda n: max(0, n - self.count))


class _Rest:
    def __init__(self, source: Iterator[Any], count: int):
        self._source, self._left = source, count

    def __iter__(self) -> _Rest:
        return self

    def __next__(self) -> Any:
        while self._left:
            next(self._source)
            self._left -= 1
        return next(self._source)


@dataset_op(
    f"SkipDataset(input_dataset: variant, count: int64, *, {TYPED}, {META}) -> handle: variant"
)
def skip_dataset(ctx, input_dataset, count, *, output_types, output_shapes):
    """The elements of the input after the first `count`."""
    return Skip(input_dataset, integer(count), output_types, output_shapes)


class Shard(Reordering):
    """Every `num_shards`-th element, from the one with the number `index` on."""

    def __init__(self, source: Pipeline, num_shards: int, index: int, *typed: Any):
        super().__init__(source, *typed)
        self.num_shards, self.index = num_shards, index

    def through(self, run: Run, begin: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        return _EveryNth(begin(), self.num_shards, self.index)

    def cardinality(self) -> int:
        def part(n: int) -> int:
            return n // self.num_shards + (self.index < n % self.num_shards)

        return finite(self.source.cardinality(), part)


class _EveryNth:
    def __init__(self, source: Iterator[Any], step: int, first: int):
        self._source, self._step, self._skip = source, step, first

    def __iter__(self) -> _EveryNth:
        return self

    def __next__(self) -> Any:
        while self._skip:
            next(self._source)
            self._skip -= 1
        element = next(self._source)
        self._skip = self._step - 1
        return element


@dataset_op(
    "ShardDataset(input_dataset: variant, num_shards: int64, index: int64, *,"
    f" require_non_empty: bool = False, {TYPED}, {META}) -> handle: variant"
)
def shard_dataset(
    ctx, input_dataset, num_shards, index, *, require_non_empty, output_types, output_shapes
):
    """One of `num_shards` parts of the input."""
    shards, at = integer(num_shards), integer(index)
    if shards <= 0:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Number of shards must be greater than zero (currently num_shards = {shards}).",
        )
    if not 0 <= at < shards:
        raise errors.InvalidArgumentError(
            None, None, f"Index must be between 0 and {shards - 1} (currently index = {at})."
        )
    shard = Shard(input_dataset, shards, at, output_types, output_shapes)
    if require_non_empty and 0 <= shard.cardinality() < 1:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Dataset does not have enough data for this shard. num_shards={shards}, index={at}",
        )
    return shard


# Again --------------------------------------------------------------------------------------------


class Repeat(Reordering):
    """The input `count` times over; without an end when that is negative."""

    def __init__(self, source: Pipeline, count: int, *typed: Any):
        super().__init__(source, *typed)
        self.count = count

    def through(self, run: Run, begin: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        return _Again(begin, self.count)

    def cardinality(self) -> int:
        known = self.source.cardinality()
        if self.count < 0:
            return 0 if known == 0 else INFINITE
        if self.count == 0:
            return 0
        return finite(known, lambda n: n * self.count)


class _Again:
    def __init__(self, begin: Callable[[], Iterator[Any]], count: int):
        self._begin, self._left = begin, count
        self._source: Iterator[Any] | None = None
        self._gave = False  # whether this round has given an element

    def __iter__(self) -> _Again:
        return self

    def __next__(self) -> Any:
        while self._left:
            if self._source is None:
                self._source = self._begin()
                self._gave = False
            try:
                element = next(self._source)
            except StopIteration:
                self._source = None
                self._left -= 1
                if self._left < 0 and not self._gave:
                    self._left = 0  # an empty input, again and again, is empty
                continue
            self._gave = True
            return element
        raise StopIteration


@dataset_op(
    f"RepeatDataset(input_dataset: variant, count: int64, *, {TYPED}, {META}) -> handle: variant"
)
def repeat_dataset(ctx, input_dataset, count, *, output_types, output_shapes):
    """The input `count` times over."""
    return Repeat(input_dataset, integer(count), output_types, output_shapes)


# In random order ----------------------------------------------------------------------------------


class Shuffle(Reordering):
    """The elements in random order: each is drawn from a buffer of those that come next.

    Args:
      size: of the buffer; `UNKNOWN` for one that holds the whole input.
      seeds: of each iteration.
    """

    def __init__(self, source: Pipeline, size: int, seeds: IterationSeeds, *typed: Any):
        super().__init__(source, *typed)
        if size == UNKNOWN:
            known = source.cardinality()
            if known == INFINITE:
                raise errors.InvalidArgumentError(
                    None, None, "Cannot shuffle an infinite data set with an unlimited buffer."
                )
            size = max(1, known) if known != UNKNOWN else sys.maxsize
        if size < 1:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"buffer_size must be greater than zero or UNKNOWN_CARDINALITY. Received: {size}",
            )
        self.size, self.seeds = size, seeds

    def through(self, run: Run, begin: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        return _Shuffled(begin(), self.size, words_of(*self.seeds.next()))

    def cardinality(self) -> int:
        return self.source.cardinality()


class _Shuffled:
    """Draws from a buffer, and puts the first element of the buffer in the place of the one drawn.

    The buffer is a ring that grows up to `size`; `_start` and `_end` count what has left and entered
    it.
    """

    def __init__(self, source: Iterator[Any], size: int, numbers: Iterator[int]):
        self._source, self._size = source, size
        self._number = numbers.__next__
        self._buffer: list[Any] = []
        self._start = self._end = 0
        self._open = True  # whether more may come

    def __iter__(self) -> _Shuffled:
        return self

    def __next__(self) -> Any:
        if self._open:
            self._fill()
        start = self._start
        held = self._end - start
        if not held:
            raise StopIteration
        buffer, size = self._buffer, self._size
        at = (start + self._number() % held) % size
        drawn = buffer[at]
        first = start % size
        buffer[at] = buffer[first]
        buffer[first] = None
        self._start = start + 1
        return drawn

    def _fill(self) -> None:
        buffer, size = self._buffer, self._size
        until = self._start + size
        while self._end < until:
            try:
                element = next(self._source)
            except StopIteration:
                self._open = False
                return
            if len(buffer) < size:
                buffer.append(element)
            else:
                buffer[self._end % size] = element
            self._end += 1


@dataset_op(
    "ShuffleDatasetV3(input_dataset: variant, buffer_size: int64, seed: int64, seed2: int64,"
    f" seed_generator: resource, *, reshuffle_each_iteration: bool = True, {TYPED}, {META})"
    " -> handle: variant",
    stateful=True,
)
def shuffle_dataset_v3(
    ctx,
    input_dataset,
    buffer_size,
    seed,
    seed2,
    seed_generator,
    *,
    reshuffle_each_iteration,
    output_types,
    output_shapes,
):
    """The elements of the input in random order."""
    seeds = IterationSeeds(integer(seed), integer(seed2), reshuffle_each_iteration)
    return Shuffle(input_dataset, integer(buffer_size), seeds, output_types, output_shapes)


@dataset_op(
    "ShuffleDataset(input_dataset: variant, buffer_size: int64, seed: int64, seed2: int64, *,"
    f" reshuffle_each_iteration: bool = True, {TYPED}, {META}) -> handle: variant"
)
def shuffle_dataset(
    ctx,
    input_dataset,
    buffer_size,
    seed,
    seed2,
    *,
    reshuffle_each_iteration,
    output_types,
    output_shapes,
):
    """The elements of the input in random order: the op of TF 1."""
    seeds = IterationSeeds(integer(seed), integer(seed2), reshuffle_each_iteration)
    return Shuffle(input_dataset, integer(buffer_size), seeds, output_types, output_shapes)


@dataset_op(
    "ShuffleAndRepeatDataset(input_dataset: variant, buffer_size: int64, seed: int64, seed2: int64,"
    f" count: int64, *, {TYPED}, reshuffle_each_iteration: bool = True, {META}) -> handle: variant"
)
def shuffle_and_repeat_dataset(
    ctx,
    input_dataset,
    buffer_size,
    seed,
    seed2,
    count,
    *,
    output_types,
    output_shapes,
    reshuffle_each_iteration,
):
    """The input `count` times over, each time in another random order."""
    seeds = IterationSeeds(integer(seed), integer(seed2), reshuffle_each_iteration)
    typed = output_types, output_shapes
    return Repeat(
        Shuffle(input_dataset, integer(buffer_size), seeds, *typed), integer(count), *typed
    )
