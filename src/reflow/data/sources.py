"""Data sets that begin a pipeline: tensors, slices, ranges, random numbers, Python generators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reflow.data.define import META, TYPED, dataset_op, integer
from reflow.data.pipeline import (
    INFINITE,
    Element,
    Pipeline,
    RowSource,
    Run,
    row_of,
    take_rows,
)
from reflow.data.seeds import IterationSeeds, words_of
from reflow.lang import errors
from reflow.lang.func_graph import FuncGraph

# Tensors ------------------------------------------------------------------------------------------


class Tensors(Pipeline):
    """One element."""

    def __init__(self, components: Sequence[Any], types: Any, shapes: Any):
        super().__init__(types, shapes)
        self.element = tuple(components)

    def iterate(self, run: Run) -> Iterator[Element]:
        return iter((self.element,))

    def cardinality(self) -> int:
        return 1


@dataset_op(
    "TensorDataset(components: Toutput_types, *, Toutput_types: list(type),"
    f" output_shapes: list(shape), {META}) -> handle: variant"
)
def tensor_dataset(ctx, components, *, Toutput_types, output_shapes):
    """A data set of one element, the given one."""
    return Tensors(components, Toutput_types, output_shapes)


class Slices(RowSource):
    """The slices of arrays along their first dimension."""

    def __init__(self, components: Sequence[Any], types: Any, shapes: Any):
        super().__init__(types, shapes)
        self.components = [np.asarray(each) for each in components]
        sizes = [each.shape[0] if each.ndim else None for each in self.components]
        if not sizes or None in sizes or len(set(sizes)) != 1:
            raise errors.InvalidArgumentError(
                None, None, f"the components must have one first dimension, but have {sizes}"
            )
        self.count = sizes[0]
        self._single = self.components[0] if len(sizes) == 1 else None
        self._objects = any(each.dtype == object and each.ndim == 1 for each in self.components)

    def element(self, row: int) -> Element:
        if self._objects:
            return tuple([row_of(each, row) for each in self.components])
        return tuple([each[row] for each in self.components])

    def gather(self, rows: Sequence[int]) -> Element:
        return tuple([take_rows(each, rows) for each in self.components])

    def iterate(self, run: Run) -> Iterator[Element]:
        if not self._objects:
            return zip(*self.components)
        return map(self.element, range(self.count))


@dataset_op(
    "TensorSliceDataset(components: Toutput_types, *, Toutput_types: list(type),"
    f" output_shapes: list(shape), is_files: bool = False, {META},"
    " replicate_on_split: bool = False) -> handle: variant"
)
def tensor_slice_dataset(ctx, components, *, Toutput_types, output_shapes):
    """A data set of the slices of the components along their first dimension."""
    return Slices(components, Toutput_types, output_shapes)


# Numbers ------------------------------------------------------------------------------------------


class Range(RowSource):
    """Numbers in equal steps."""

    def __init__(self, start: int, stop: int, step: int, types: Any, shapes: Any):
        super().__init__(types, shapes)
        if not step:
            raise errors.InvalidArgumentError(None, None, "step must be a non-zero integer.")
        self.numbers = range(start, stop, step)
        self.count = max(0, -((start - stop) // step))  # len() of so many may overflow
        self._type = self.types[0].np.type

    def element(self, row: int) -> Element:
        return (self._type(self.numbers[row]),)

    def gather(self, rows: Sequence[int]) -> Element:
        numbers = self.numbers
        wanted = np.fromiter(rows, np.int64, len(rows))
        return ((wanted * numbers.step + numbers.start).astype(self._type),)

    def iterate(self, run: Run) -> Iterator[Element]:
        return zip(map(self._type, self.numbers))


@dataset_op(
    f"RangeDataset(start: int64, stop: int64, step: int64, *, {TYPED}, {META},"
    " replicate_on_split: bool = False) -> handle: variant"
)
def range_dataset(ctx, start, stop, step, *, output_types, output_shapes):
    """A data set of the numbers from `start` to before `stop`."""
    return Range(integer(start), integer(stop), integer(step), output_types, output_shapes)


class Random(Pipeline):
    """Pseudo-random numbers without an end."""

    def __init__(self, seeds: IterationSeeds, types: Any, shapes: Any):
        super().__init__(types, shapes)
        self.seeds = seeds

    def iterate(self, run: Run) -> Iterator[Element]:
        return zip(map(np.int64, words_of(*self.seeds.next())))

    def cardinality(self) -> int:
        return INFINITE


@dataset_op(
    f"RandomDataset(seed: int64, seed2: int64, *, {TYPED}, {META}) -> handle: variant",
    stateful=True,
)
def random_dataset(ctx, seed, seed2, *, output_types, output_shapes):
    """A data set of pseudo-random 32-bit numbers, the same in each iteration."""
    seeds = IterationSeeds(integer(seed), integer(seed2), renew=False)
    return Random(seeds, output_types, output_shapes)


@dataset_op(
    "RandomDatasetV2(seed: int64, seed2: int64, seed_generator: resource, *,"
    f" rerandomize_each_iteration: bool = False, {TYPED}, {META}) -> handle: variant",
    stateful=True,
)
def random_dataset_v2(
    ctx, seed, seed2, seed_generator, *, rerandomize_each_iteration, output_types, output_shapes
):
    """A data set of pseudo-random 32-bit numbers."""
    seeds = IterationSeeds(integer(seed), integer(seed2), renew=rerandomize_each_iteration)
    return Random(seeds, output_types, output_shapes)


# Generators ---------------------------------------------------------------------------------------


class Generated(Pipeline):
    """What three functions give: one begins, one is called until it raises `OutOfRange`, one ends."""

    def __init__(self, functions: Sequence[tuple[FuncGraph, list[Any]]], types: Any, shapes: Any):
        super().__init__(types, shapes)
        self.functions = functions

    def iterate(self, run: Run) -> Iterator[Element]:
        begin, following, end = (run.function(graph, given) for graph, given in self.functions)
        return _Generator(begin, following, end)


class _Generator:
    def __init__(self, begin: Any, following: Any, end: Any):
        self._begin, self._following, self._end = begin, following, end
        self._state: Any = None
        self._ended = False

    def __iter__(self) -> _Generator:
        return self

    def __next__(self) -> Element:
        if self._ended:
            raise StopIteration
        if self._state is None:
            self._state = self._begin()
        try:
            return self._following(*self._state)
        except errors.OutOfRangeError:
            self._ended = True
            self._end(*self._state)
            raise StopIteration from None

    def __del__(self) -> None:
        if self._state is not None and not self._ended:
            self._ended = True
            try:
                self._end(*self._state)
            except Exception:  # nobody is there any more to be told
                return


@dataset_op(
    "GeneratorDataset(init_func_other_args: Tinit_func_args, next_func_other_args: Tnext_func_args,"
    " finalize_func_other_args: Tfinalize_func_args, *, init_func: func, next_func: func,"
    " finalize_func: func, Tinit_func_args: list(type), Tnext_func_args: list(type),"
    f" Tfinalize_func_args: list(type), {TYPED}, {META}) -> handle: variant",
    stateful=True,
)
def generator_dataset(
    ctx,
    init_func_other_args,
    next_func_other_args,
    finalize_func_other_args,
    *,
    init_func,
    next_func,
    finalize_func,
    output_types,
    output_shapes,
):
    """A data set of what `next_func` gives for the state that `init_func` made."""
    functions = [
        (init_func, init_func_other_args),
        (next_func, next_func_other_args),
        (finalize_func, finalize_func_other_args),
    ]
    return Generated(functions, output_types, output_shapes)


# Sparse tensors -----------------------------------------------------------------------------------


class SparseSlices(Pipeline):
    """The slices of a sparse tensor along its first dimension: indices, values and dense shape."""

    def __init__(self, indices: Any, values: Any, dense_shape: Any, types: Any, shapes: Any):
        super().__init__(types, shapes)
        self.indices, self.values, self.dense_shape = map(
            np.asarray, (indices, values, dense_shape)
        )

    def iterate(self, run: Run) -> Iterator[Element]:
        return map(self._slice, range(self.cardinality()))

    def _slice(self, row: int) -> Element:
        of_row = self.indices[:, 0] == row
        return self.indices[of_row, 1:], self.values[of_row], self.dense_shape[1:]

    def cardinality(self) -> int:
        return int(self.dense_shape[0])


@dataset_op(
    "SparseTensorSliceDataset(indices: int64, values: Tvalues, dense_shape: int64)"
    " -> handle: variant"
)
def sparse_tensor_slice_dataset(ctx, indices, values, dense_shape, *, Tvalues):
    """A data set of the slices of a sparse tensor, which must be in row-major order."""
    from reflow.lang.dtypes import int64
    from reflow.lang.shapes import TensorShape

    rank = len(dense_shape)
    if len(indices) and np.any(np.diff(indices[:, 0]) < 0):
        raise errors.UnimplementedError(
            None, None, "The SparseTensor must be ordered in the batch dimension"
        )
    shapes = [TensorShape([None, rank - 1]), TensorShape([None]), TensorShape([rank - 1])]
    return SparseSlices(indices, values, dense_shape, (int64, Tvalues, int64), shapes)
