"""Batches: batch, padded_batch, unbatch, window, and batches of sparse tensors."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reflow.data.define import META, TYPED, dataset_op, integer
from reflow.data.pipeline import (
    UNKNOWN,
    Element,
    Pipeline,
    Run,
    Stage,
    finite,
    row_of,
    stack,
)
from reflow.lang import errors
from reflow.lang.dtypes import DType

# Batches ------------------------------------------------------------------------------------------


class Batch(Stage):
    """Consecutive elements, put together."""

    def __init__(self, source: Pipeline, size: int, drop_remainder: bool, *typed: Any):
        super().__init__(source, *typed)
        if size <= 0:
            raise errors.InvalidArgumentError(None, None, "Batch size must be greater than zero.")
        self.size, self.drop_remainder = size, drop_remainder

    def iterate(self, run: Run) -> Iterator[Element]:
        rows = self.source.rows()
        least = self.size if self.drop_remainder else 1
        if rows is not None:
            return _Batches(self.source.iterate_rows(run), self.size, least, rows.gather)
        return _Batches(self.source.iterate(run), self.size, least, self.together)

    def together(self, elements: list[Element]) -> Element:
        """The batch of some elements."""
        return tuple(
            [
                stack([element[i] for element in elements], dtype, i)
                for i, dtype in enumerate(self.types)
            ]
        )

    def cardinality(self) -> int:
        up = 0 if self.drop_remainder else self.size - 1
        return finite(self.source.cardinality(), lambda n: (n + up) // self.size)


class _Batches:
    def __init__(self, source: Iterator[Any], size: int, least: int, together: Any):
        self._source, self._size, self._least, self._together = source, size, least, together

    def __iter__(self) -> _Batches:
        return self

    def __next__(self) -> Element:
        elements = list(itertools.islice(self._source, self._size))
        if len(elements) < self._least:
            raise StopIteration
        return self._together(elements)


@dataset_op(
    "BatchDatasetV2(input_dataset: variant, batch_size: int64, drop_remainder: bool, *,"
    f" parallel_copy: bool = False, {TYPED}, {META}) -> handle: variant"
)
def batch_dataset_v2(
    ctx, input_dataset, batch_size, drop_remainder, *, output_types, output_shapes
):
    """Batches of the input's elements."""
    return Batch(
        input_dataset, integer(batch_size), bool(drop_remainder), output_types, output_shapes
    )


@dataset_op(
    f"BatchDataset(input_dataset: variant, batch_size: int64, *, {TYPED}, {META})"
    " -> handle: variant"
)
def batch_dataset(ctx, input_dataset, batch_size, *, output_types, output_shapes):
    """Batches of the input's elements: an older op."""
    return Batch(input_dataset, integer(batch_size), False, output_types, output_shapes)


@dataset_op(
    "ParallelBatchDataset(input_dataset: variant, batch_size: int64, num_parallel_calls: int64,"
    f" drop_remainder: bool, *, parallel_copy: bool = False, {TYPED},"
    f" deterministic: string = 'default', {META}) -> handle: variant"
)
def parallel_batch_dataset(
    ctx,
    input_dataset,
    batch_size,
    num_parallel_calls,
    drop_remainder,
    *,
    output_types,
    output_shapes,
):
    """Batches of the input's elements. They are gathered as fast by one thread."""
    return Batch(
        input_dataset, integer(batch_size), bool(drop_remainder), output_types, output_shapes
    )


class PaddedBatch(Batch):
    """Consecutive elements, each padded to the given sizes, or to the largest of the batch."""

    def __init__(
        self,
        source: Pipeline,
        size: int,
        padded_shapes: Sequence[Any],
        padding_values: Sequence[Any],
        drop_remainder: bool,
        *typed: Any,
    ):
        super().__init__(source, size, drop_remainder, *typed)
        self.padded_shapes = [np.asarray(each).tolist() for each in padded_shapes]
        self.padding_values = list(padding_values)

    def iterate(self, run: Run) -> Iterator[Element]:
        least = self.size if self.drop_remainder else 1
        return _Batches(self.source.iterate(run), self.size, least, self.together)

    def together(self, elements: list[Element]) -> Element:
        return tuple(
            [
                _pad([element[i] for element in elements], dtype, i, shape, value)
                for i, (dtype, shape, value) in enumerate(
                    zip(self.types, self.padded_shapes, self.padding_values)
                )
            ]
        )


def _pad(values: list[Any], dtype: DType, component: int, wanted: list[int], fill: Any) -> Any:
    arrays = [np.asarray(value) for value in values]
    for array in arrays:
        if array.ndim != len(wanted):
            raise errors.InvalidArgumentError(
                None,
                None,
                "All elements in a batch must have the same rank as the padded shape for component"
                f"{component}: expected rank {len(wanted)} got element with rank {array.ndim}",
            )
    sizes = []
    for axis, size in enumerate(wanted):
        largest = max(array.shape[axis] for array in arrays)
        if size >= 0 and largest > size:
            raise errors.DataLossError(
                None,
                None,
                "Attempted to pad to a smaller size than the input element: dimension "
                f"{axis} of component {component} is {largest}, and is to be padded to {size}.",
            )
        sizes.append(largest if size < 0 else size)
    value = fill.item() if isinstance(fill, np.ndarray) else fill
    result = np.full((len(arrays), *sizes), value, dtype.np)
    for i, array in enumerate(arrays):
        result[(i, *map(slice, array.shape))] = array
    return result


_PADDED = (
    "input_dataset: variant, batch_size: int64, padded_shapes: N*int64,"
    " padding_values: Toutput_types"
)


@dataset_op(
    f"PaddedBatchDatasetV2({_PADDED}, drop_remainder: bool, *, parallel_copy: bool = False,"
    f" Toutput_types: list(type), output_shapes: list(shape), {META}) -> handle: variant"
)
def padded_batch_dataset_v2(
    ctx,
    input_dataset,
    batch_size,
    padded_shapes,
    padding_values,
    drop_remainder,
    *,
    Toutput_types,
    output_shapes,
):
    """Batches of the input's elements, padded."""
    return PaddedBatch(
        input_dataset,
        integer(batch_size),
        padded_shapes,
        padding_values,
        bool(drop_remainder),
        Toutput_types,
        output_shapes,
    )


@dataset_op(
    f"PaddedBatchDataset({_PADDED}, *, Toutput_types: list(type), output_shapes: list(shape),"
    f" {META}) -> handle: variant"
)
def padded_batch_dataset(
    ctx,
    input_dataset,
    batch_size,
    padded_shapes,
    padding_values,
    *,
    Toutput_types,
    output_shapes,
):
    """Batches of the input's elements, padded: an older op."""
    return PaddedBatch(
        input_dataset,
        integer(batch_size),
        padded_shapes,
        padding_values,
        False,
        Toutput_types,
        output_shapes,
    )


# The reverse --------------------------------------------------------------------------------------


class Unbatch(Stage):
    """The slices of each element along its first dimension."""

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Slicing(self.source.iterate(run))

    def cardinality(self) -> int:
        known = self.source.cardinality()
        sizes = {s._dims[0] for s in self.source.shapes if s._dims}
        if known == 0:
            return 0
        if len(sizes) != 1 or None in sizes or not sizes:
            return UNKNOWN if known >= 0 else known
        return finite(known, lambda n: n * int(next(iter(sizes))))


class _Slicing:
    def __init__(self, source: Iterator[Element]):
        self._source = source
        self._slices: Iterator[Element] = iter(())

    def __iter__(self) -> _Slicing:
        return self

    def __next__(self) -> Element:
        while True:
            for element in self._slices:
                return element
            batch = [np.asarray(each) for each in next(self._source)]
            sizes = {each.shape[0] if each.ndim else None for each in batch}
            if None in sizes:
                raise errors.InvalidArgumentError(
                    None, None, "Input must have rank >= 1 to unbatch"
                )
            if len(sizes) != 1:
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    "Input element must have the same batch size in each component: "
                    f"{[each.shape for each in batch]}",
                )
            if any(each.dtype == object and each.ndim == 1 for each in batch):
                rows = range(sizes.pop())  # type: ignore[arg-type]
                self._slices = iter([tuple([row_of(e, row) for e in batch]) for row in rows])
            else:
                self._slices = zip(*batch)


@dataset_op(f"UnbatchDataset(input_dataset: variant, *, {TYPED}, {META}) -> handle: variant")
def unbatch_dataset(ctx, input_dataset, *, output_types, output_shapes):
    """The slices of the input's elements."""
    return Unbatch(input_dataset, output_types, output_shapes)


# Windows ------------------------------------------------------------------------------------------


class Held(Pipeline):
    """Elements that are there: a window."""

    def __init__(self, elements: list[Element], types: Any, shapes: Any):
        super().__init__(types, shapes)
        self.elements = elements

    def iterate(self, run: Run) -> Iterator[Element]:
        return iter(self.elements)

    def cardinality(self) -> int:
        return len(self.elements)


class Window(Stage):
    """Data sets of `size` elements, every `stride`-th, which begin at every `shift`-th element."""

    def __init__(
        self, source: Pipeline, size: int, shift: int, stride: int, drop: bool, *typed: Any
    ):
        super().__init__(source, *typed)
        for name, value in (("size", size), ("shift", shift), ("stride", stride)):
            if value <= 0:
                raise errors.InvalidArgumentError(
                    None, None, f"Window {name} must be greater than zero, but is {value}."
                )
        self.size, self.shift, self.stride, self.drop = size, shift, stride, drop

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Windows(self.source.iterate(run), self)

    def cardinality(self) -> int:
        reach = (self.size - 1) * self.stride + 1

        def windows(n: int) -> int:
            if self.drop:
                return max(0, (n - reach) // self.shift + 1) if n >= reach else 0
            return -(-n // self.shift)

        return finite(self.source.cardinality(), windows)


class _Windows:
    def __init__(self, source: Iterator[Element], window: Window):
        self._source, self._window = source, window
        self._buffer: deque[Element] = deque()
        self._skip = 0  # elements between the buffer and the next window
        self._ended = False

    def __iter__(self) -> _Windows:
        return self

    def __next__(self) -> Element:
        window = self._window
        reach = (window.size - 1) * window.stride + 1
        while not self._ended and len(self._buffer) < reach:
            try:
                element = next(self._source)
            except StopIteration:
                self._ended = True
                break
            if self._skip:
                self._skip -= 1
            else:
                self._buffer.append(element)
        if not self._buffer or window.drop and len(self._buffer) < reach:
            raise StopIteration
        elements = list(itertools.islice(self._buffer, 0, reach, window.stride))
        for _ in range(min(window.shift, len(self._buffer))):
            self._buffer.popleft()
        self._skip = max(0, window.shift - reach)
        types, shapes = window.source.types, window.source.shapes
        return tuple(
            [
                Held([(each[i],) for each in elements], (kind,), (shape,))
                for i, (kind, shape) in enumerate(zip(types, shapes))
            ]
        )


@dataset_op(
    "WindowDataset(input_dataset: variant, size: int64, shift: int64, stride: int64,"
    f" drop_remainder: bool, *, {TYPED}, {META}) -> handle: variant"
)
def window_dataset(
    ctx, input_dataset, size, shift, stride, drop_remainder, *, output_types, output_shapes
):
    """Data sets of consecutive elements of the input: one for each component."""
    return Window(
        input_dataset,
        integer(size),
        integer(shift),
        integer(stride),
        bool(drop_remainder),
        output_types,
        output_shapes,
    )


# Other sizes --------------------------------------------------------------------------------------


class Rebatch(Stage):
    """The rows of a data set of batches in batches of other sizes, which take turns."""

    def __init__(self, source: Pipeline, sizes: Sequence[int], drop_remainder: bool, *typed: Any):
        super().__init__(source, *typed)
        if not sizes or any(size <= 0 for size in sizes):
            raise errors.InvalidArgumentError(
                None, None, f"batch sizes must be greater than zero, but are {list(sizes)}"
            )
        self.sizes, self.drop_remainder = list(sizes), drop_remainder

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Rebatched(self.source.iterate(run), self.sizes, self.drop_remainder)


class _Rebatched:
    def __init__(self, source: Iterator[Element], sizes: list[int], drop: bool):
        self._source, self._sizes, self._drop = source, itertools.cycle(sizes), drop
        self._pieces: deque[list[np.ndarray]] = deque()
        self._held = 0

    def __iter__(self) -> _Rebatched:
        return self

    def __next__(self) -> Element:
        size = next(self._sizes)
        while self._held < size:
            try:
                piece = [np.asarray(each) for each in next(self._source)]
            except StopIteration:
                break
            self._pieces.append(piece)
            self._held += len(piece[0])
        if not self._held or self._drop and self._held < size:
            raise StopIteration
        left = min(size, self._held)
        self._held -= left
        taken: list[list[np.ndarray]] = []
        while left:
            piece = self._pieces.popleft()
            if len(piece[0]) > left:
                self._pieces.appendleft([each[left:] for each in piece])
                piece = [each[:left] for each in piece]
            left -= len(piece[0])
            taken.append(piece)
        if len(taken) == 1:
            return tuple(taken[0])
        return tuple([np.concatenate(parts) for parts in zip(*taken)])


@dataset_op(
    "RebatchDatasetV2(input_dataset: variant, batch_sizes: int64, drop_remainder: bool, *,"
    f" {TYPED}) -> handle: variant"
)
def rebatch_dataset_v2(
    ctx, input_dataset, batch_sizes, drop_remainder, *, output_types, output_shapes
):
    """The rows of the input in batches of other sizes."""
    sizes = np.atleast_1d(batch_sizes).tolist()
    return Rebatch(input_dataset, sizes, bool(drop_remainder), output_types, output_shapes)


# Sparse -------------------------------------------------------------------------------------------


class SparseBatch(Stage):
    """Batches of dense elements of different sizes as sparse tensors."""

    def __init__(self, source: Pipeline, size: int, row_shape: Sequence[int], *typed: Any):
        super().__init__(source, *typed)
        if size <= 0:
            raise errors.InvalidArgumentError(None, None, "Batch size must be greater than zero.")
        self.size, self.row_shape = size, list(row_shape)

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Batches(self.source.iterate(run), self.size, 1, self.together)

    def cardinality(self) -> int:
        return finite(self.source.cardinality(), lambda n: -(-n // self.size))

    def together(self, elements: list[Element]) -> Element:
        rows = [np.asarray(element[0]) for element in elements]
        sizes = list(self.row_shape)
        for axis, size in enumerate(self.row_shape):
            largest = max(row.shape[axis] for row in rows)
            if size < 0:
                sizes[axis] = largest
            elif largest > size:
                raise errors.DataLossError(
                    None,
                    None,
                    f"Input element had shape {[row.shape for row in rows]} that is larger than "
                    f"the row_shape {self.row_shape}",
                )
        indices = [
            np.hstack([np.full((row.size, 1), i), np.indices(row.shape).reshape(row.ndim, -1).T])
            for i, row in enumerate(rows)
        ]
        parts = np.empty(3, object)
        parts[0] = np.concatenate(indices).astype(np.int64)
        parts[1] = np.concatenate([row.ravel() for row in rows])
        parts[2] = np.array([len(rows), *sizes], np.int64)
        return (parts,)


@dataset_op(
    "DenseToSparseBatchDataset(input_dataset: variant, batch_size: int64, row_shape: int64, *,"
    f" {TYPED}) -> handle: variant"
)
def dense_to_sparse_batch_dataset(
    ctx, input_dataset, batch_size, row_shape, *, output_types, output_shapes
):
    """Batches of the input's elements as sparse tensors."""
    return SparseBatch(
        input_dataset, integer(batch_size), row_shape.tolist(), output_types, output_shapes
    )
