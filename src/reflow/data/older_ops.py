"""Ops of graphs that older versions of TensorFlow wrote, or that say only how a data set is run.

No method makes them; they are here so that such graphs can be read.
"""

from __future__ import annotations

import itertools
from typing import Any

from reflow.data.batching import Batch
from reflow.data.define import META, TYPED, dataset_op, integer
from reflow.data.holding import Unmarked, cache_dataset
from reflow.data.iterator_ops import iterator_from_string_handle_v2
from reflow.data.mapping import AUTOTUNE, Interleave, Map
from reflow.lang.resource import ResourceHandle
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.platform.processors import processors

_FUNCTION = "input_dataset: variant, other_arguments: Targuments"
_CAPTURED = "Targuments: list(type)"

# Functions ----------------------------------------------------------------------------------------


def _mapped(source: Any, f: Any, captured: Any, calls: Any, types: Any, shapes: Any) -> Map:
    result = Map(source, f, captured, types, shapes)
    count = integer(calls)
    result.parallel = processors() if count == AUTOTUNE else count
    return result


@dataset_op(
    f"ParallelMapDataset({_FUNCTION}, num_parallel_calls: int32, *, f: func, {_CAPTURED}, {TYPED},"
    " use_inter_op_parallelism: bool = True, sloppy: bool = False,"
    f" preserve_cardinality: bool = False, {META}) -> handle: variant"
)
def parallel_map_dataset(
    ctx, input_dataset, other_arguments, num_parallel_calls, *, f, output_types, output_shapes
):
    """The results of `f` for each element, some of them at a time."""
    typed = output_types, output_shapes
    return _mapped(input_dataset, f, other_arguments, num_parallel_calls, *typed)


@dataset_op(
    f"MapAndBatchDataset({_FUNCTION}, batch_size: int64, num_parallel_calls: int64,"
    f" drop_remainder: bool, *, f: func, {_CAPTURED}, {TYPED},"
    f" preserve_cardinality: bool = False, {META}) -> handle: variant"
)
def map_and_batch_dataset(
    ctx,
    input_dataset,
    other_arguments,
    batch_size,
    num_parallel_calls,
    drop_remainder,
    *,
    f,
    output_types,
    output_shapes,
):
    """The results of `f` for each element, in batches."""
    rows = [shape[1:] if shape.rank else shape for shape in output_shapes]
    mapped = _mapped(input_dataset, f, other_arguments, num_parallel_calls, output_types, rows)
    return Batch(mapped, integer(batch_size), bool(drop_remainder), output_types, output_shapes)


def _interleave_op(name: str, attrs: str) -> Any:
    @dataset_op(
        f"{name}({_FUNCTION}, cycle_length: int64, block_length: int64, num_parallel_calls: int64,"
        f" *, f: func, {_CAPTURED}, {TYPED}, {attrs}, {META}) -> handle: variant",
        "Elements of the data sets that `f` gives, from some of them in turn.",
    )
    def lower(
        ctx,
        input_dataset,
        other_arguments,
        cycle_length,
        block_length,
        num_parallel_calls,
        *,
        f,
        output_types,
        output_shapes,
    ):
        typed = output_types, output_shapes
        cycle, block = integer(cycle_length), integer(block_length)
        return Interleave(cycle, block, input_dataset, f, other_arguments, *typed)

    return lower


parallel_interleave_dataset_v2 = _interleave_op(
    "ParallelInterleaveDatasetV2", "sloppy: bool = False"
)
parallel_interleave_dataset_v3 = _interleave_op(
    "ParallelInterleaveDatasetV3", "deterministic: string = 'default'"
)

# How it is run ------------------------------------------------------------------------------------


def _mark(signature: str) -> Any:
    @dataset_op(signature, "The input: what the op says changes how fast it is made.")
    def lower(ctx, input_dataset, *ignored, output_types, output_shapes):
        return Unmarked(input_dataset, output_types, output_shapes)

    return lower


optimize_dataset = _mark(
    f"OptimizeDataset(input_dataset: variant, optimizations: string, *, {TYPED},"
    " optimization_configs: list(string) = []) -> handle: variant"
)
model_dataset = _mark(
    "ModelDataset(input_dataset: variant, *, algorithm: int = 0, cpu_budget: int = 0,"
    f" ram_budget: int = 0, {TYPED}) -> handle: variant"
)
max_intra_op_parallelism_dataset = _mark(
    "MaxIntraOpParallelismDataset(input_dataset: variant, max_intra_op_parallelism: int64, *,"
    f" {TYPED}) -> handle: variant"
)
private_thread_pool_dataset = _mark(
    f"PrivateThreadPoolDataset(input_dataset: variant, num_threads: int64, *, {TYPED})"
    " -> handle: variant"
)

# Caches and handles -------------------------------------------------------------------------------

_tokens = itertools.count()


@op(
    "DummyMemoryCache() -> handle: resource",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    compile=False,
)
def dummy_memory_cache(ctx):
    """Stands where an op of TensorFlow takes a cache, which its data set holds itself."""
    return ResourceHandle("memory cache", "anonymous", next(_tokens))


@dataset_op(
    f"CacheDatasetV2(input_dataset: variant, filename: string, cache: resource, *, {TYPED},"
    f" {META}) -> handle: variant",
    stateful=True,
)
def cache_dataset_v2(ctx, input_dataset, filename, cache, *, output_types, output_shapes):
    """The input's elements, kept after the first iteration."""
    typed = {"output_types": output_types, "output_shapes": output_shapes}
    return cache_dataset.lower(ctx, input_dataset, filename, **typed)


@op(
    "IteratorFromStringHandle(string_handle: string, *, output_types: list(type) = [],"
    " output_shapes: list(shape) = []) -> resource_handle: resource",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    compile=False,
)
def iterator_from_string_handle(ctx, string_handle):
    """The handle of the iterator for which a string stands."""
    return iterator_from_string_handle_v2.lower(ctx, string_handle)
