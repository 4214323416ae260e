"""Batches of elements of different shapes: padded, or sparse."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.data import batching, boxed_elements, structure
from reflow.data.dataset import Dataset
from reflow.data.element_function import scalar
from reflow.data.structure import Structure
from reflow.lang import dtypes, errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.shapes import TensorShape
from reflow.lang.sparse_tensor import SparseTensorSpec
from reflow.lang.static_value import constant_value, constant_value_as_shape
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import NoneTensorSpec, TensorSpec
from reflow.ops.ragged.ragged_tensor import RaggedTensor
from reflow.ops.ragged.ragged_tensor_spec import RaggedTensorSpec


def padded_batch(
    dataset: Dataset, batch_size: Any, padded_shapes: Any, padding_values: Any, drop_remainder: Any
) -> Dataset:
    """The body of `Dataset.padded_batch`."""
    element = dataset._structure
    for leaf in element.leaves:
        if not isinstance(leaf, (TensorSpec, NoneTensorSpec)):
            raise TypeError(
                f"{errors.user_site()}: `padded_batch` is only supported for datasets that produce tensor "
                f"elements but type spec of elements in the dataset is not a subclass of "
                f"TensorSpec: {leaf}."
            )
    kept = [leaf for leaf in element.leaves if isinstance(leaf, TensorSpec)]
    if padded_shapes is None:
        for i, shape in enumerate(element.shapes):
            if shape.rank is None:
                raise ValueError(
                    f"{errors.user_site()}: You must provide `padded_shapes` argument because component {i} "
                    "has unknown rank."
                )
        wanted: list[Any] = list(element.shapes)
    else:
        given = structure.flatten_shapes(element.spec, padded_shapes)
        wanted = [g for g, leaf in zip(given, element.leaves) if isinstance(leaf, TensorSpec)]
    tensors = [_as_vector(each, leaf.shape) for each, leaf in zip(wanted, kept)]
    if padding_values is None or not structure.is_nested(padding_values):
        fills: list[Any] = [padding_values] * len(kept)
    else:
        found = structure.flatten_up_to(element.spec, padding_values)
        fills = [f for f, leaf in zip(found, element.leaves) if isinstance(leaf, TensorSpec)]
    values = [_padding_value(fill, leaf.dtype) for fill, leaf in zip(fills, kept)]
    size = scalar(batch_size, dtypes.int64, "batch_size")
    drop = scalar(drop_remainder, dtypes.bool, "drop_remainder")
    known = constant_value(size) if drop_remainder is True else None
    batch = TensorShape([None if known is None else int(known)])
    shaped = [
        TensorSpec(batch.concatenate(constant_value_as_shape(t)), leaf.dtype)
        for t, leaf in zip(tensors, kept)
    ]
    left = iter(shaped)
    spec = structure.pack(
        element.spec,
        [next(left) if isinstance(leaf, TensorSpec) else leaf for leaf in element.leaves],
    )
    batched = Structure(spec)
    variant = batching.padded_batch_dataset_v2(
        dataset._variant_tensor,
        size,
        tensors,
        values,
        drop,
        Toutput_types=batched.types,
        output_shapes=batched.shapes,
    )
    return dataset._derive("_PaddedBatchDataset", variant, spec, [dataset])


def _as_vector(wanted: Any, shape: TensorShape) -> Tensor:
    """A padded shape as an int64 vector, with -1 for sizes that follow from the batch."""
    if isinstance(wanted, Tensor):
        if wanted.dtype is not dtypes.int64:
            raise TypeError(
                f"{errors.user_site()}: Padded shape must be a tf.int64 vector tensor, but is {wanted.dtype}"
            )
        return wanted
    said = shapes.as_shape(wanted)
    if said.rank is None:
        said = shape
    if said.rank is None or not (shape.rank is None or shape.rank == said.rank):
        raise ValueError(
            f"{errors.user_site()}: The padded shape {said} is not compatible with the shape {shape} of the "
            "corresponding input component."
        )
    for least, size in zip(shape._dims or [None] * said.rank, said._dims or ()):
        if least is not None and size is not None and size < least:
            raise ValueError(
                f"{errors.user_site()}: The padded shape {said} is not compatible with the shape {shape} of "
                "the corresponding input component."
            )
    sizes = [-1 if d is None or d < 0 else d for d in said._dims or ()]
    return convert_to_tensor(np.array(sizes, np.int64), name="padded_shape")


def _padding_value(value: Any, dtype: DType) -> Tensor:
    if value is None:
        value = "" if dtype is dtypes.string else np.zeros((), dtype.np)
    result = value if isinstance(value, Tensor) else convert_to_tensor(value)
    if result.dtype is not dtype:
        try:
            result = convert_to_tensor(value, dtype, name="padding_value")
        except (TypeError, ValueError):
            raise TypeError(
                f"{errors.user_site()}: Mismatched type between padding value {value!r:.80} and input "
                f"dataset's element type: {result.dtype.name} vs. {dtype.name}."
            ) from None
    if result.shape.rank not in (0, None):
        raise ValueError(f"{errors.user_site()}: Invalid `padding_values`: they must be scalars")
    return result


def ragged_batch(
    dataset: Dataset, batch_size: Any, drop_remainder: Any, row_splits_dtype: Any
) -> Dataset:
    """The body of `Dataset.ragged_batch`."""
    kind = as_dtype(row_splits_dtype)

    def ragged_spec(leaf: Any) -> Any:
        """The spec of a tensor as a row of a ragged tensor, if sizes of it are not known."""
        if not isinstance(leaf, TensorSpec) or leaf.shape.rank is None:
            return leaf
        unknown = [axis for axis, size in enumerate(leaf.shape.as_list()) if size is None]
        if not unknown:
            return leaf
        return RaggedTensorSpec(leaf.shape, leaf.dtype, max(unknown), kind)

    spec = structure.map_leaves(ragged_spec, dataset.element_spec)

    def boxed(*components: Any) -> Any:
        element = components[0] if type(dataset.element_spec) is not tuple else components

        def leaf(wanted: Any, value: Any) -> Any:
            if not isinstance(wanted, RaggedTensorSpec) or isinstance(value, RaggedTensor):
                return value
            if wanted.ragged_rank:
                value = RaggedTensor.from_tensor(
                    value, ragged_rank=wanted.ragged_rank, row_splits_dtype=kind
                )
            return boxed_elements.box(wanted, value)

        return structure.map_leaves(leaf, spec, element)

    rows = dataset.map(boxed)
    rows = dataset._derive("_DenseToRaggedDataset", rows._variant_tensor, spec, [dataset])
    return rows.batch(batch_size, drop_remainder)


def sparse_batch(dataset: Dataset, batch_size: Any, row_shape: Any) -> Dataset:
    """The body of `Dataset.sparse_batch`."""
    spec = dataset.element_spec
    if not isinstance(spec, TensorSpec):
        raise TypeError(
            f"{errors.user_site()}: `sparse_batch` requires a dataset whose elements are single tensors, but "
            f"they are {spec}"
        )
    row = shapes.as_shape(row_shape)
    sizes = np.array([-1 if d is None or d < 0 else d for d in row._dims or ()], np.int64)
    batched = SparseTensorSpec(TensorShape([None]).concatenate(row), spec.dtype)
    return dataset._with_spec(
        "_DenseToSparseBatchDataset",
        batched,
        batching.dense_to_sparse_batch_dataset,
        scalar(batch_size, dtypes.int64, "batch_size"),
        convert_to_tensor(sizes, name="row_shape"),
    )
