"""Rows of tables by their numbers: `tf.nn.embedding_lookup` and its sparse kin."""

from __future__ import annotations

from typing import Any

from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import bfloat16, float16, float32, int32, int64
from reflow.lang.dtypes import bool as bool_dtype
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import name_scope
from reflow.lang.shapes import unknown_shape
from reflow.lang.sparse_tensor import SparseTensor
from reflow.ops import array, filling, indexing, joining, segments, sequences, stitching, unique
from reflow.ops.cast import cast
from reflow.ops.clip import clip_by_norm
from reflow.ops.reduce import reduce_prod, reduce_sum
from reflow.ops.sparse.tensors import sparse_fill_empty_rows, sparse_reshape, sparse_retain

_COMBINERS = ("mean", "sqrtn", "sum")


def _tables(params: Any) -> list[Any]:
    """The parts of a table; one that is not partitioned is its only part.

    Raises:
      ValueError: if there is none.
    """
    if params is None:
        raise ValueError("`params` must be specified.")
    if hasattr(params, "_get_partitions") or isinstance(params, tuple):
        params = list(params)
    if not isinstance(params, list):
        params = [params]
    if not params:
        raise ValueError("Length of `params` is currently 0. Need at least one param.")
    return params


def _is_resource_variable(x: Any) -> bool:
    return hasattr(x, "sparse_read")


def _clipped(rows: Any, ids: Any, max_norm: Any) -> Any:
    """The rows scaled down so that the L2 norm of each is at most `max_norm`."""
    if max_norm is None:
        return rows
    first, last = ids.shape.rank, rows.shape.rank
    if first and last:
        axes: Any = list(range(first, last))
    else:
        axes = sequences.range(first or array.rank(ids), last or array.rank(rows))
    return clip_by_norm(rows, max_norm, axes=axes)


def _lookup(params: Any, ids: Any, partition_strategy: str, name: str | None, max_norm: Any) -> Any:
    tables = _tables(params)
    with name_scope(name, "embedding_lookup", [*tables, ids]) as name:
        if not any(_is_resource_variable(table) for table in tables):
            tables = [convert_to_tensor(table, name="params") for table in tables]
        ids = convert_to_tensor(ids, name="ids")
        if len(tables) == 1:
            rows = indexing.gather(tables[0], ids, name=name)
            return REGISTRY["Identity"](_clipped(rows, ids, max_norm))
        return _lookup_in_parts(tables, ids, partition_strategy, name, max_norm)


def _lookup_in_parts(tables: list[Any], ids: Any, strategy: str, name: str, max_norm: Any) -> Any:
    count = len(tables)
    flat = REGISTRY["Reshape"](ids, [-1])
    places = sequences.range(array.size(flat))
    if strategy == "mod":
        part = flat % count
        row = flat // count
    elif strategy == "div":
        total = _total_rows(tables, flat.dtype)
        # The first `extras` parts have one row more than the others.
        each = total // count
        extras = total % count
        part = REGISTRY["Maximum"](flat // (each + 1), (flat - extras) // each)
        row = REGISTRY["Select"](part < extras, flat % (each + 1), (flat - extras) % each)
    else:
        raise ValueError(
            f"Unrecognized partition strategy: {strategy}. Must be one of either `mod` or `div`."
        )
    part = cast(part, int32)
    rows_of = stitching.dynamic_partition(row, part, count)
    places_of = stitching.dynamic_partition(places, part, count)
    found = [indexing.gather(table, rows) for table, rows in zip(tables, rows_of)]
    result = REGISTRY["ParallelDynamicStitch"](places_of, found, name=name)
    inner = tables[0].shape[1:]
    for table in tables[1:]:
        inner = inner.merge_with(table.shape[1:])
    dynamic = inner.as_list() if inner.is_fully_defined() else array.shape(tables[0])[1:]
    result = REGISTRY["Reshape"](result, joining.concat([array.shape(ids), dynamic], 0))
    result.set_shape(ids.shape.concatenate(inner))
    return _clipped(result, ids, max_norm)


def _total_rows(tables: list[Any], dtype: Any) -> Any:
    sizes = [table.shape[0] for table in tables]
    sizes = [getattr(size, "value", size) for size in sizes]
    if None not in sizes:
        return convert_to_tensor(sum(sizes), dtype)
    dynamic = [
        array.shape(table)[0] if size is None else size for table, size in zip(tables, sizes)
    ]
    return reduce_sum(cast(joining.stack(dynamic), dtype))


@export(v1=("nn.embedding_lookup",))
def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: Any = None,
) -> Any:
    """TF 1's `tf.nn.embedding_lookup`: see `embedding_lookup_v2`.

    Args:
      params: a table, a list of the parts of one, or a partitioned variable.
      ids: an integer tensor.
      partition_strategy: how rows are distributed over the parts: "mod", in turns, or "div", in
        contiguous blocks.
      name: the name of the node, or the scope of the nodes.
      validate_indices: without effect, as in TensorFlow.
      max_norm: the largest L2 norm of a row of the result.

    >>> import reflow as tf
    >>> even, odd = tf.constant([[0.0], [2.0]]), tf.constant([[1.0], [3.0]])
    >>> print(tf.compat.v1.nn.embedding_lookup([even, odd], [3, 0]).numpy().ravel())
    [3. 0.]
    """
    return _lookup(params, ids, partition_strategy, name, max_norm)


@export(v2=("nn.embedding_lookup",))
def embedding_lookup_v2(
    params: Any, ids: Any, max_norm: Any = None, name: str | None = None
) -> Any:
    """Rows of a table.

    Args:
      params: a table [rows, ...], or a list of its parts, each with a contiguous block of rows.
      ids: an integer tensor: the numbers of the rows.
      max_norm: the largest L2 norm of a row of the result: longer ones are scaled down.
      name: the name of the node, or the scope of the nodes.

    Returns:
      A tensor [ids' shape..., ...].

    Raises:
      ValueError: if `params` is empty.
      InvalidArgumentError: if there is no such row.

    >>> import reflow as tf
    >>> table = tf.constant([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    >>> print(tf.nn.embedding_lookup(table, [2, 0]).numpy())
    [[4. 5.]
     [0. 1.]]
    """
    return _lookup(params, ids, "div", name, max_norm)


def _check_combiner(combiner: str | None) -> str:
    combiner = "mean" if combiner is None else combiner
    if combiner not in _COMBINERS:
        raise ValueError(
            f"`combiner` must be one of 'mean', 'sqrtn' or 'sum'. Received: combiner={combiner}"
        )
    return combiner


def _check_sparse(sp_ids: Any, sp_weights: Any) -> None:
    if not isinstance(sp_ids, SparseTensor):
        raise TypeError(f"`sp_ids` must be a SparseTensor. Received: {type(sp_ids).__name__}")
    if sp_weights is None:
        return
    if not isinstance(sp_weights, SparseTensor):
        raise TypeError(
            f"`sp_weights` must be a SparseTensor or None. Received: {type(sp_weights).__name__}"
        )
    for what in ("values", "indices", "dense_shape"):
        getattr(sp_ids, what).shape.assert_is_compatible_with(getattr(sp_weights, what).shape)


def _lookup_sparse(
    params: Any,
    sp_ids: Any,
    sp_weights: Any,
    partition_strategy: str,
    name: str | None,
    combiner: str | None,
    max_norm: Any,
    allow_fast_lookup: bool,
) -> Any:
    combiner = _check_combiner(combiner)
    tables = _tables(params)
    _check_sparse(sp_ids, sp_weights)
    with name_scope(name, "embedding_lookup_sparse", [*tables, sp_ids]) as name:
        rows_of_ids = sp_ids.indices[:, 0]
        ids = sp_ids.values
        if len(tables) == 1 and not _is_resource_variable(tables[0]):
            tables = [convert_to_tensor(tables[0], name="params")]
        direct = sp_weights is None or allow_fast_lookup
        if len(tables) == 1 and max_norm is None and direct:
            index, rows = ids, convert_to_tensor(tables[0])
        else:
            ids, index = unique.unique(ids)
            rows = _lookup(tables, ids, partition_strategy, None, max_norm)
        if sp_weights is None:
            if rows_of_ids.dtype not in (int32, int64):
                rows_of_ids = cast(rows_of_ids, int32)
            call = {
                "sum": segments.sparse_segment_sum,
                "mean": segments.sparse_segment_mean,
                "sqrtn": segments.sparse_segment_sqrt_n,
            }[combiner]
            sparse_gradient = direct and max_norm is None and not allow_fast_lookup
            if len(tables) > 1:
                sparse_gradient = False
            return call(rows, index, rows_of_ids, sparse_gradient=sparse_gradient, name=name)
        return _weighted(rows, index, cast(rows_of_ids, int32), sp_weights.values, combiner, name)


def _weighted(
    rows: Any, index: Any, segment_ids: Any, weights: Any, combiner: str, name: str
) -> Any:
    """The sums of weighted rows by segment, divided as the combiner says."""
    rows = indexing.gather(rows, index)
    dtype = rows.dtype.base_dtype
    if dtype in (float16, bfloat16):
        rows = cast(rows, float32)
    weights = cast(weights, rows.dtype)
    # The weights get dimensions of size 1, so that they broadcast.
    extra = REGISTRY["ExpandDims"](array.rank(rows) - 1, 0)
    weights_shape = array.shape(weights)
    ones = filling.ones(extra, weights_shape.dtype)
    known = weights.shape
    weights = REGISTRY["Reshape"](weights, joining.concat([weights_shape, ones], 0))
    if rows.shape.rank is not None:
        weights.set_shape(known.concatenate([1] * (rows.shape.rank - 1)))
    rows = rows * weights
    segment_sum = segments.segment_sum
    if combiner == "sum":
        result = segment_sum(rows, segment_ids, name=name)
    else:
        result = segment_sum(rows, segment_ids)
        if combiner == "mean":
            total = segment_sum(weights, segment_ids)
        else:
            squares = segment_sum(REGISTRY["Pow"](weights, 2), segment_ids)
            total = REGISTRY["Sqrt"](squares)
        result = REGISTRY["DivNoNan"](result, total, name=name)
    return cast(result, dtype)


@export(v1=("nn.embedding_lookup_sparse",))
def embedding_lookup_sparse(
    params: Any,
    sp_ids: Any,
    sp_weights: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    combiner: str | None = None,
    max_norm: Any = None,
    allow_fast_lookup: bool = False,
) -> Any:
    """TF 1's `tf.nn.embedding_lookup_sparse`: see `embedding_lookup_sparse_v2`.

    `partition_strategy` says how rows are distributed over the parts of a table: "mod" or "div".

    >>> import reflow as tf
    >>> ids = tf.sparse.from_dense([[1, 2], [2, 0]])
    >>> print(tf.compat.v1.nn.embedding_lookup_sparse(
    ...     tf.constant([[0.0], [1.0], [2.0]]), ids, None, combiner="sum").numpy())
    [[3.]
     [2.]]
    """
    return _lookup_sparse(
        params, sp_ids, sp_weights, partition_strategy, name, combiner, max_norm, allow_fast_lookup
    )


@export(v2=("nn.embedding_lookup_sparse",))
def embedding_lookup_sparse_v2(
    params: Any,
    sp_ids: Any,
    sp_weights: Any,
    combiner: str | None = None,
    max_norm: Any = None,
    name: str | None = None,
    allow_fast_lookup: bool = False,
) -> Any:
    """Rows of a table, combined: one result for each row of a sparse matrix of ids.

    Args:
      params: a table [rows, ...], or a list of its parts, each with a contiguous block of rows.
      sp_ids: a `SparseTensor` [n, m] of integers: the numbers of the rows. Every row must have one.
      sp_weights: None, or a `SparseTensor` of weights with the indices of `sp_ids`.
      combiner: "sum", "mean" (the default: divided by the sum of the weights), or "sqrtn" (divided by
        the root of the sum of their squares).
      max_norm: the largest L2 norm of a row before it is combined.
      name: the name of the node.
      allow_fast_lookup: whether rows may be read without looking for repeated ids first.

    Returns:
      A tensor [n, ...].

    Raises:
      TypeError: if `sp_ids` or `sp_weights` is no `SparseTensor`.
      ValueError: if `combiner` is another.

    >>> import reflow as tf
    >>> ids = tf.sparse.from_dense([[1, 2], [2, 0]])
    >>> print(tf.nn.embedding_lookup_sparse(tf.constant([[0.0], [1.0], [2.0]]), ids, None).numpy())
    [[1.5]
     [2. ]]
    """
    return _lookup_sparse(
        params, sp_ids, sp_weights, "div", name, combiner, max_norm, allow_fast_lookup
    )


def _retained(ids: Any, weights: Any, keep: Any) -> tuple[Any, Any]:
    if weights is not None:
        weights_kept = sparse_retain(weights, keep)
        return sparse_retain(ids, keep), weights_kept
    return sparse_retain(ids, keep), None


@export(v1=("nn.safe_embedding_lookup_sparse",))
def safe_embedding_lookup_sparse(
    embedding_weights: Any,
    sparse_ids: Any,
    sparse_weights: Any = None,
    combiner: str | None = "mean",
    default_id: int | None = None,
    name: str | None = None,
    partition_strategy: str = "div",
    max_norm: Any = None,
    allow_fast_lookup: bool = False,
) -> Any:
    """TF 1's `tf.nn.safe_embedding_lookup_sparse`: see `safe_embedding_lookup_sparse_v2`.

    `partition_strategy` says how rows are distributed over the parts of a table: "mod" or "div".

    >>> import reflow as tf
    >>> ids = tf.SparseTensor([[0, 0], [0, 1]], [1, -1], [2, 2])
    >>> print(tf.compat.v1.nn.safe_embedding_lookup_sparse(tf.constant([[7.0], [1.0]]), ids).numpy())
    [[1.]
     [0.]]
    """
    tables = _tables(embedding_weights)
    _check_combiner(combiner)
    with name_scope(name, "embedding_lookup", [*tables, sparse_ids, sparse_weights]) as scope:
        shape = sparse_ids.dense_shape
        static_rank = shape.shape.as_list()[0] if shape.shape.rank else None
        rank = array.size(shape) if static_rank is None else static_rank
        outer = REGISTRY["Slice"](shape, [0], [rank - 1])
        matrix = [reduce_prod(outer), indexing.gather(shape, rank - 1)]
        ids = sparse_reshape(sparse_ids, cast(matrix, int64))
        weights = sparse_weights
        if weights is not None:
            weights = SparseTensor(ids.indices, weights.values, ids.dense_shape)
        valid = ids.values >= 0
        if weights is not None:
            everywhere = filling.ones_like_v1(weights.values, dtype=bool_dtype)
            valid = REGISTRY["LogicalAnd"](valid, everywhere)
        ids, weights = _retained(ids, weights, valid)
        if combiner != "sum" and weights is not None:
            ids, weights = _retained(ids, weights, weights.values > 0)
        ids, is_empty = sparse_fill_empty_rows(ids, default_id or 0)
        if weights is not None:
            weights, _ = sparse_fill_empty_rows(weights, 1.0)
        result = _lookup_sparse(
            tables,
            ids,
            weights,
            partition_strategy,
            None if default_id is None else scope,
            combiner,
            max_norm,
            allow_fast_lookup,
        )
        if default_id is None:
            # What stands in an empty row was looked up for nothing.
            width = array.shape(result)[1]
            is_empty = REGISTRY["Tile"](
                REGISTRY["Reshape"](is_empty, [-1, 1]), joining.stack([1, width])
            )
            result = REGISTRY["Select"](is_empty, filling.zeros_like_v1(result), result, name=scope)
        final = REGISTRY["Reshape"](
            result,
            joining.concat(
                [
                    REGISTRY["Slice"](cast(shape, int32), [0], [rank - 1]),
                    REGISTRY["Slice"](array.shape(result), [1], [-1]),
                ],
                0,
            ),
        )
        lead = unknown_shape(None if static_rank is None else static_rank - 1)
        final.set_shape(lead.concatenate(result.shape[1:]))
        return final


@export(v2=("nn.safe_embedding_lookup_sparse",))
def safe_embedding_lookup_sparse_v2(
    embedding_weights: Any,
    sparse_ids: Any,
    sparse_weights: Any = None,
    combiner: str | None = "mean",
    default_id: int | None = None,
    max_norm: Any = None,
    name: str | None = None,
    allow_fast_lookup: bool = False,
) -> Any:
    """Combined rows of a table; ids below 0, weights not above 0 and rows without ids are no error.

    Args:
      embedding_weights: a table [rows, width], or a list of its parts, each with a contiguous block.
      sparse_ids: a `SparseTensor` [..., m] of integers: the numbers of the rows. Those below 0 do not
        count.
      sparse_weights: None, or a `SparseTensor` of weights with the indices of `sparse_ids`. Except for
        "sum", ids with a weight that is not positive do not count.
      combiner: "mean", "sum" or "sqrtn": see `embedding_lookup_sparse`.
      default_id: the row that stands for no ids; None for zeros.
      max_norm: the largest L2 norm of a row before it is combined.
      name: the scope of the nodes.
      allow_fast_lookup: see `embedding_lookup_sparse`.

    Returns:
      A tensor [..., width].

    Raises:
      ValueError: if `embedding_weights` is empty, or `combiner` another.

    >>> import reflow as tf
    >>> ids = tf.SparseTensor([[0, 0], [0, 1]], [1, -1], [2, 2])
    >>> print(tf.nn.safe_embedding_lookup_sparse(tf.constant([[7.0], [1.0]]), ids).numpy())
    [[1.]
     [0.]]
    """
    return safe_embedding_lookup_sparse(
        embedding_weights,
        sparse_ids,
        sparse_weights,
        combiner,
        default_id,
        name,
        "div",
        max_norm,
        allow_fast_lookup,
    )
