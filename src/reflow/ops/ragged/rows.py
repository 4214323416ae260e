"""The rows of composite tensors one by one, for loops over them: `tf.map_fn`.

A reader gives row i of a ragged or sparse tensor; a writer takes what a loop gives for row i and puts
all rows together. Both keep their parts in tensor arrays, so gradients go through.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, shapes
from reflow.lang.context import executing_eagerly
from reflow.lang.convert import convert_to_tensor
from reflow.lang.opdef import REGISTRY
from reflow.lang.sparse_tensor import SparseTensor, SparseTensorSpec
from reflow.lang.tensor import Tensor
from reflow.ops import array, cast
from reflow.ops.control_flow.tensor_array import TensorArray
from reflow.ops.ragged.ragged_tensor import (
    RaggedTensor,
    convert_to_tensor_or_ragged,
    is_ragged,
)
from reflow.ops.ragged.ragged_tensor_spec import RaggedTensorSpec
from reflow.ops.ragged.row_partition import rowids_of, rows_of

# Reading ------------------------------------------------------------------------------------------


def _parts(value: Any, lengths: Any, count: Any) -> TensorArray:
    """The tensor array of the parts of `value` with the given lengths."""
    dims = value.shape._dims
    element = None if dims is None else (None, *dims[1:])
    result = TensorArray(
        value.dtype,
        size=count,
        clear_after_read=False,
        infer_shape=False,
        element_shape=element if executing_eagerly() else None,
    )
    if executing_eagerly():
        lengths = lengths.numpy()
    return result.split(value, lengths)


class RaggedReader:
    """The rows of a `RaggedTensor`: tensors, or ragged tensors of one dimension less."""

    def __init__(self, value: RaggedTensor):
        self.spec = value._type_spec._unbatch()
        self.static_count = value._row_partition.static_nrows
        self._value = value

    def count(self) -> Any:
        return cast.cast(self._value.nrows(), dtypes.int32)

    def start(self, count: Any) -> None:
        nested = self._value._nested_row_partitions
        spread = nested[0].row_splits()  # where each row begins, further in with each level
        self._lengths = []
        for inner in nested[1:]:
            sizes = spread[1:] - spread[:-1]
            self._lengths.append(_parts(inner.row_lengths(), sizes, count))
            spread = REGISTRY["GatherV2"](inner.row_splits(), spread, 0)
        self._flat = _parts(self._value.flat_values, spread[1:] - spread[:-1], count)

    def read(self, i: Any) -> Any:
        flat = self._flat.read(i)
        if not isinstance(flat, Tensor) or not executing_eagerly():
            dims = self._value.flat_values.shape._dims
            if dims is not None:
                flat.set_shape((None, *dims[1:]))
        if not self._lengths:
            if self.spec.shape.rank is not None and not executing_eagerly():
                flat.set_shape(self.spec.shape)
            return flat
        lengths = [each.read(i) for each in self._lengths]
        for each in lengths:
            if not executing_eagerly():
                each.set_shape([None])
        result = RaggedTensor.from_nested_row_lengths(flat, lengths, validate=False)
        if result.shape.is_compatible_with(self.spec.shape):
            result._set_shape(self.spec.shape)
        return result


class SparseReader:
    """The rows of a `SparseTensor`, sparse tensors of one dimension less."""

    def __init__(self, value: SparseTensor):
        self.spec = value._type_spec._unbatch()
        dims = value.shape._dims
        self.static_count = dims[0] if dims else None
        self._value = value

    def count(self) -> Any:
        return cast.cast(self._value.dense_shape[0], dtypes.int32)

    def start(self, count: Any) -> None:
        value = self._value
        rows = value.indices[:, 0]
        ones = REGISTRY["OnesLike"](rows)
        lengths = REGISTRY["UnsortedSegmentSum"](ones, rows, convert_to_tensor(count))
        self._indices = _parts(value.indices[:, 1:], lengths, count)
        self._values = _parts(value.values, lengths, count)
        self._inner = value.dense_shape[1:]

    def read(self, i: Any) -> SparseTensor:
        indices, values = self._indices.read(i), self._values.read(i)
        if not executing_eagerly():
            rank = self.spec.shape.rank
            indices.set_shape([None, rank])
            values.set_shape([None])
        result = SparseTensor(indices, values, self._inner)
        if self.spec.shape.rank is not None and result.shape.is_compatible_with(self.spec.shape):
            result.set_shape(self.spec.shape)
        return result


def reader(value: Any) -> RaggedReader | SparseReader:
    """What reads the rows of a composite tensor.

    Raises:
      errors.UnimplementedError: for another kind than ragged and sparse ones.
    """
    if isinstance(value, SparseTensor):
        return SparseReader(value)
    if is_ragged(value):
        return RaggedReader(convert_to_tensor_or_ragged(value))
    raise errors.UnimplementedError(
        None,
        None,
        f"{errors.user_site()}: rows of a {type(value).__name__}: ragged and sparse "
        "tensors and dense ones have them",
    )


# Writing ------------------------------------------------------------------------------------------


def _array(dtype: Any, count: Any, element: Any = None) -> TensorArray:
    return TensorArray(
        dtype, size=count, dynamic_size=False, infer_shape=False, element_shape=element
    )


def _joined(written: TensorArray, dtype: Any, inner: Any, count: Any) -> Any:
    """The elements one behind the other; none of a known count of 0 have a shape all the same."""
    if executing_eagerly() and int(count) == 0:
        sizes = [0 if size is None else size for size in inner or ()]
        return convert_to_tensor(np.zeros((0, *sizes), dtype.np))
    return written.concat()


class RaggedWriter:
    """Puts rows, of a `RaggedTensorSpec`, together to a `RaggedTensor`."""

    def __init__(self, spec: RaggedTensorSpec, site: str):
        self._spec = spec
        self._site = site
        dims = spec.shape._dims
        depth = max(spec.ragged_rank, 0)
        if spec.shape.rank == 0:
            raise ValueError(
                f"{site}: a RaggedTensorSpec of rows has rank 1 or more; use a TensorSpec for scalars"
            )
        self._inner = None if dims is None else dims[depth + 1 :]
        self._kinds = [spec.row_splits_dtype] * (depth + 1)

    def arrays(self, count: Any) -> list[TensorArray]:
        inner = None if self._inner is None else (None, *self._inner)
        levels = [
            _array(kind, count, () if i == 0 else (None,)) for i, kind in enumerate(self._kinds)
        ]
        return [_array(self._spec.dtype, count, inner), *levels]

    def write(self, arrays: list[TensorArray], i: Any, value: Any) -> list[TensorArray]:
        spec = self._spec
        value = convert_to_tensor_or_ragged(value, spec.dtype)
        depth = value.ragged_rank if is_ragged(value) else 0
        if depth != spec.ragged_rank or not spec.shape.is_compatible_with(value.shape):
            raise ValueError(
                f"{self._site}: the function gives a value of shape {value.shape} and ragged rank "
                f"{depth}, but fn_output_signature is {spec}"
            )
        kind = self._kinds[0]
        if is_ragged(value):
            value = value.with_row_splits_dtype(kind)
            parts = [value.flat_values, value.nrows(), *value.nested_row_lengths()]
        else:
            parts = [value, rows_of(value, kind)]
        return [each.write(i, part) for each, part in zip(arrays, parts, strict=True)]

    def result(self, arrays: list[TensorArray], count: Any, static: int | None) -> RaggedTensor:
        flat = _joined(arrays[0], self._spec.dtype, self._inner, count)
        if self._inner is not None and not executing_eagerly():
            flat.set_shape((None, *self._inner))
        lengths = [arrays[1].stack()]
        lengths += [_joined(each, self._kinds[0], (), count) for each in arrays[2:]]
        result = RaggedTensor.from_nested_row_lengths(flat, lengths, validate=False)
        wanted = shapes.of((static,)).concatenate(self._spec.shape)
        if result.shape.is_compatible_with(wanted):
            result._set_shape(wanted)
        return result


class SparseWriter:
    """Puts sparse rows together to a `SparseTensor`, as large as the largest of them."""

    def __init__(self, spec: SparseTensorSpec, site: str):
        self._spec = spec
        self._site = site
        self._rank = spec.shape.rank
        if self._rank is None:
            raise ValueError(f"{site}: fn_output_signature must have a known rank, got {spec}")

    def arrays(self, count: Any) -> list[TensorArray]:
        return [
            _array(self._spec.dtype, count, (None,)),
            _array(dtypes.int64, count, (None, self._rank)),
            _array(dtypes.int64, count, ()),
            _array(dtypes.int64, count, (self._rank,)),
        ]

    def write(self, arrays: list[TensorArray], i: Any, value: Any) -> list[TensorArray]:
        if not isinstance(value, SparseTensor) or value.dtype != self._spec.dtype:
            raise TypeError(
                f"{self._site}: the function gives {value!r:.80}, but fn_output_signature is "
                f"{self._spec}"
            )
        own = rows_of(value.values, dtypes.int64)
        parts = [value.values, value.indices, own, value.dense_shape]
        return [each.write(i, part) for each, part in zip(arrays, parts)]

    def result(self, arrays: list[TensorArray], count: Any, static: int | None) -> SparseTensor:
        values = _joined(arrays[0], self._spec.dtype, (), count)
        indices = _joined(arrays[1], dtypes.int64, (self._rank,), count)
        lengths = arrays[2].stack()
        ends = REGISTRY["ConcatV2"](
            [convert_to_tensor(np.zeros(1, np.int64)), REGISTRY["Cumsum"](lengths, 0)], 0
        )
        rows = array.expand_dims(rowids_of(ends), 1)
        size = REGISTRY["Maximum"](
            REGISTRY["Max"](arrays[3].stack(), [0]), convert_to_tensor(0, dtypes.int64)
        )
        total = cast.cast(convert_to_tensor(count), dtypes.int64)
        result = SparseTensor(
            REGISTRY["ConcatV2"]([rows, indices], 1),
            values,
            REGISTRY["ConcatV2"]([array.reshape(total, [1]), size], 0),
        )
        wanted = shapes.of((static,)).concatenate(self._spec.shape)
        if result.shape.is_compatible_with(wanted):
            result.set_shape(wanted)
        return result


def writer(spec: Any, site: str) -> Any:
    """What puts together the rows that the spec of a composite tensor describes.

    Raises:
      errors.UnimplementedError: for another kind than ragged and sparse ones.
    """
    if isinstance(spec, RaggedTensorSpec):
        return RaggedWriter(spec, site)
    if isinstance(spec, SparseTensorSpec):
        return SparseWriter(spec, site)
    raise errors.UnimplementedError(
        None, None, f"{site}: tf.map_fn with fn_output_signature of a {type(spec).__name__}"
    )
