"""The ops that parse `tf.train.Example` and `tf.train.SequenceExample` messages.

Features are dense (of one shape), sparse or ragged (of any number of values). The functions of tf.io
that use the ops are in `features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang import shapes
from reflow.lang.dtypes import DType
from reflow.lang.errors import invalid
from reflow.ops.define import no_gradient, op
from reflow.ops.io import example_kernels
from reflow.ops.io.example_kernels import Dense

_HOST: dict[str, Any] = {"compile": False, "grad": no_gradient}
_VALUES = "{float,int64,string}"


def _texts(keys: Any) -> list[str]:
    """A vector of strings as text."""
    return [key.decode() for key in np.asarray(keys, object).ravel().tolist()]


def _named(names: Any, count: int) -> list[str]:
    """A name per example, for errors.

    Raises:
      InvalidArgumentError: if there are others than this many.
    """
    given = np.asarray(names, object).ravel().tolist()
    if not given:
        return ["<unknown>"] * count
    if len(given) != count:
        raise invalid(f"Expected len(names) == len(serialized), got: {len(given)} vs. {count}")
    return [each.decode(errors="replace") for each in given]


def _messages(serialized: Any, names: Any, kind: str) -> tuple[list[tuple[str, Any]], bool]:
    """Pairs of a name and a message, and whether the input was a vector."""
    serialized = np.asarray(serialized, object)
    if serialized.ndim > 1:
        raise invalid(
            f"Expected serialized to be a scalar or vector, got shape: {list(serialized.shape)}"
        )
    given = serialized.ravel().tolist()
    labels = _named(names, len(given))
    found = [(name, example_kernels.parsed(kind, data, name)) for name, data in zip(labels, given)]
    return found, serialized.ndim == 1


def _check_count(what: str, keys: Sequence[str], values: Sequence[Any]) -> None:
    if len(keys) != len(values):
        raise invalid(f"Expected one {what} per key, got {len(values)} for {len(keys)} keys")


def _dense(keys: list[str], kinds: Any, sizes: Any, defaults: Any) -> list[Dense]:
    features = []
    for key, dtype, shape, default in zip(keys, kinds, sizes, defaults):
        dims = shape.as_list()
        if None in dims[1:]:
            raise invalid(f"dense_shapes[{len(features)}] is not fully defined beyond the first")
        made = Dense(key, dtype, tuple(dims), np.asarray(default))
        if made.variable and made.default.size > 1:
            raise invalid(f"the default of {key}, of variable length, must have one element")
        if not made.variable and made.default.size not in (0, made.stride):
            raise invalid(
                f"dense_defaults[{len(features)}] provides {made.default.size} elements, but "
                f"dense_shapes[{len(features)}] is {made.shown}"
            )
        features.append(made)
    return features


def _parse_features(
    examples: list[tuple[str, Any]],
    batched: bool,
    sparse: Sequence[tuple[str, DType]],
    dense: Sequence[Dense],
    ragged: Sequence[tuple[str, DType, DType]],
) -> tuple[list, list, list, list, list, list]:
    """The six lists of outputs of the ops that parse features."""
    out: tuple[list, list, list, list, list, list] = ([], [], [], [], [], [])
    for key, dtype in sparse:
        rows = example_kernels.rows_of(examples, key, dtype)
        parts = (
            example_kernels.sparse_batch(rows, dtype)
            if batched
            else example_kernels.sparse_one(rows[0])
        )
        for held, part in zip(out, parts):
            held.append(part)
    for feature in dense:
        if batched:
            out[3].append(example_kernels.dense_batch(examples, feature))
        else:
            out[3].append(example_kernels.dense_one(examples[0], feature))
    for key, dtype, split_type in ragged:
        rows = example_kernels.rows_of(examples, key, dtype)
        out[4].append(example_kernels.joined(rows, dtype))
        at = example_kernels.splits(example_kernels.lengths_of(rows), split_type)
        out[5].append(at if batched else at[:0])
    return out


# Shapes -------------------------------------------------------------------------------------------


def _sparse_shapes(count: int, rank: int | None) -> list[Any]:
    """Of the indices, values and shapes of so many sparse tensors of this rank."""
    return [(None, rank)] * count + [(None,)] * count + [(rank,)] * count


def _batch_sizes(serialized: Any) -> list[int | None] | None:
    """The dimensions in front of those of a feature; None if not known."""
    rank = serialized.shape.rank
    if rank is not None and rank > 1:
        raise ValueError(f"Shape must be at most rank 1 but is rank {rank}")
    return None if rank is None else serialized.shape.as_list()


def _in_front(outer: list[int | None] | None, sizes: Any) -> Any:
    return shapes.UNKNOWN if outer is None else shapes.of((*outer, *sizes))


# The ops ------------------------------------------------------------------------------------------


@op(
    "ParseExampleV2(serialized: string, names: string, sparse_keys: string, dense_keys: string,"
    f" ragged_keys: string, dense_defaults: Tdense, *, Tdense: list({_VALUES}), num_sparse: int,"
    f" sparse_types: list({_VALUES}), ragged_value_types: list({_VALUES}),"
    " ragged_split_types: list({int32,int64}), dense_shapes: list(shape))"
    " -> sparse_indices: num_sparse*int64, sparse_values: sparse_types,"
    " sparse_shapes: num_sparse*int64, dense_values: Tdense, ragged_values: ragged_value_types,"
    " ragged_row_splits: ragged_split_types",
    **_HOST,
)
def parse_example_v2_op(
    xp,
    serialized,
    names,
    sparse_keys,
    dense_keys,
    ragged_keys,
    dense_defaults,
    *,
    Tdense,
    sparse_types,
    ragged_value_types,
    ragged_split_types,
    dense_shapes,
):
    """The features of serialised examples: of a vector of them, or of one."""
    sparse, dense, ragged = (_texts(keys) for keys in (sparse_keys, dense_keys, ragged_keys))
    _check_count("sparse type", sparse, sparse_types)
    _check_count("dense type", dense, Tdense)
    _check_count("dense shape", dense, dense_shapes)
    _check_count("ragged type", ragged, ragged_value_types)
    _check_count("ragged split type", ragged, ragged_split_types)
    found, batched = _messages(serialized, names, "Example")
    examples = [(name, message.features.feature) for name, message in found]
    return _parse_features(
        examples,
        batched,
        list(zip(sparse, sparse_types)),
        _dense(dense, Tdense, dense_shapes, dense_defaults),
        list(zip(ragged, ragged_value_types, ragged_split_types)),
    )


@parse_example_v2_op.shape_rule
def _parse_example_v2_shape(
    serialized,
    names,
    sparse_keys,
    dense_keys,
    ragged_keys,
    dense_defaults,
    *,
    num_sparse,
    ragged_value_types,
    dense_shapes,
):
    outer = _batch_sizes(serialized)
    result = _sparse_shapes(num_sparse, None if outer is None else len(outer) + 1)
    for shape in dense_shapes:
        sizes = shape.as_list()
        if sizes and sizes[0] is None and outer is not None and not outer:
            result.append(shapes.of(sizes))
        else:
            result.append(_in_front(outer, sizes))
    count = len(ragged_value_types)
    result += [(None,)] * count
    if outer is None or outer == [None]:
        return result + [(None,)] * count
    return result + [(outer[0] + 1 if outer else 0,)] * count


@op(
    "ParseExample(serialized: string, names: string, sparse_keys: Nsparse*string,"
    " dense_keys: Ndense*string, dense_defaults: Tdense, *, Nsparse: int, Ndense: int,"
    f" sparse_types: list({_VALUES}), Tdense: list({_VALUES}), dense_shapes: list(shape))"
    " -> sparse_indices: Nsparse*int64, sparse_values: sparse_types, sparse_shapes: Nsparse*int64,"
    " dense_values: Tdense",
    **_HOST,
)
def parse_example_op(
    xp,
    serialized,
    names,
    sparse_keys,
    dense_keys,
    dense_defaults,
    *,
    sparse_types,
    Tdense,
    dense_shapes,
):
    """The features of a vector of serialised examples: what older graphs have."""
    if np.ndim(serialized) != 1:
        raise invalid(f"Expected serialized to be a vector, got shape: {np.shape(serialized)}")
    found, _ = _messages(serialized, names, "Example")
    examples = [(name, message.features.feature) for name, message in found]
    keys = [_texts(key)[0] for key in sparse_keys]
    dense = _dense([_texts(key)[0] for key in dense_keys], Tdense, dense_shapes, dense_defaults)
    return _parse_features(examples, True, list(zip(keys, sparse_types)), dense, [])[:4]


@parse_example_op.shape_rule
def _parse_example_shape(
    serialized, names, sparse_keys, dense_keys, dense_defaults, *, Nsparse, dense_shapes
):
    outer = serialized.shape.with_rank(1).as_list()
    return _sparse_shapes(Nsparse, 2) + [(*outer, *shape.as_list()) for shape in dense_shapes]


@op(
    "ParseSingleExample(serialized: string, dense_defaults: Tdense, *, num_sparse: int,"
    f" sparse_keys: list(string), dense_keys: list(string), sparse_types: list({_VALUES}),"
    f" Tdense: list({_VALUES}), dense_shapes: list(shape))"
    " -> sparse_indices: num_sparse*int64, sparse_values: sparse_types,"
    " sparse_shapes: num_sparse*int64, dense_values: Tdense",
    **_HOST,
)
def parse_single_example_op(
    xp, serialized, dense_defaults, *, sparse_keys, dense_keys, sparse_types, Tdense, dense_shapes
):
    """The features of one serialised example."""
    if np.ndim(serialized):
        raise invalid(f"Expected serialized to be a scalar, got shape: {np.shape(serialized)}")
    found, _ = _messages(serialized, [], "Example")
    examples = [(name, message.features.feature) for name, message in found]
    dense = _dense(list(dense_keys), Tdense, dense_shapes, dense_defaults)
    return _parse_features(examples, False, list(zip(sparse_keys, sparse_types)), dense, [])[:4]


@parse_single_example_op.shape_rule
def _parse_single_example_shape(serialized, dense_defaults, *, num_sparse, dense_shapes):
    serialized.shape.with_rank(0)
    return _sparse_shapes(num_sparse, 1) + list(dense_shapes)


@op(
    "ParseSequenceExampleV2(serialized: string, debug_name: string, context_sparse_keys: string,"
    " context_dense_keys: string, context_ragged_keys: string, feature_list_sparse_keys: string,"
    " feature_list_dense_keys: string, feature_list_ragged_keys: string,"
    " feature_list_dense_missing_assumed_empty: bool, context_dense_defaults: Tcontext_dense, *,"
    f" Ncontext_sparse: int = 0, Tcontext_dense: list({_VALUES}) = [],"
    f" context_sparse_types: list({_VALUES}) = [],"
    f" context_ragged_value_types: list({_VALUES}) = [],"
    " context_ragged_split_types: list({int32,int64}) = [], context_dense_shapes: list(shape) = [],"
    " Nfeature_list_sparse: int = 0, Nfeature_list_dense: int = 0,"
    f" feature_list_dense_types: list({_VALUES}) = [],"
    f" feature_list_sparse_types: list({_VALUES}) = [],"
    f" feature_list_ragged_value_types: list({_VALUES}) = [],"
    " feature_list_ragged_split_types: list({int32,int64}) = [],"
    " feature_list_dense_shapes: list(shape) = [])"
    " -> context_sparse_indices: Ncontext_sparse*int64,"
    " context_sparse_values: context_sparse_types, context_sparse_shapes: Ncontext_sparse*int64,"
    " context_dense_values: Tcontext_dense, context_ragged_values: context_ragged_value_types,"
    " context_ragged_row_splits: context_ragged_split_types,"
    " feature_list_sparse_indices: Nfeature_list_sparse*int64,"
    " feature_list_sparse_values: feature_list_sparse_types,"
    " feature_list_sparse_shapes: Nfeature_list_sparse*int64,"
    " feature_list_dense_values: feature_list_dense_types,"
    " feature_list_dense_lengths: Nfeature_list_dense*int64,"
    " feature_list_ragged_values: feature_list_ragged_value_types,"
    " feature_list_ragged_outer_splits: feature_list_ragged_split_types,"
    " feature_list_ragged_inner_splits: feature_list_ragged_split_types",
    **_HOST,
)
def parse_sequence_example_v2_op(
    xp,
    serialized,
    debug_name,
    context_sparse_keys,
    context_dense_keys,
    context_ragged_keys,
    feature_list_sparse_keys,
    feature_list_dense_keys,
    feature_list_ragged_keys,
    feature_list_dense_missing_assumed_empty,
    context_dense_defaults,
    *,
    Tcontext_dense,
    context_sparse_types,
    context_ragged_value_types,
    context_ragged_split_types,
    context_dense_shapes,
    feature_list_dense_types,
    feature_list_sparse_types,
    feature_list_ragged_value_types,
    feature_list_ragged_split_types,
    feature_list_dense_shapes,
):
    """The features and the lists of features of serialised sequence examples: a vector, or one."""
    found, batched = _messages(serialized, debug_name, "SequenceExample")
    contexts = [(name, message.context.feature) for name, message in found]
    dense = _dense(
        _texts(context_dense_keys), Tcontext_dense, context_dense_shapes, context_dense_defaults
    )
    ragged = zip(
        _texts(context_ragged_keys), context_ragged_value_types, context_ragged_split_types
    )
    sparse = list(zip(_texts(context_sparse_keys), context_sparse_types))
    context = _parse_features(contexts, batched, sparse, dense, list(ragged))
    lists = [(name, message.feature_lists.feature_list) for name, message in found]
    sparse_out: tuple[list, list, list] = ([], [], [])
    for key, dtype in zip(_texts(feature_list_sparse_keys), feature_list_sparse_types):
        batch = [example_kernels.steps_of(each, key, dtype, name) or [] for name, each in lists]
        indices, values, shape = example_kernels.sparse_steps(batch, dtype)
        parts = (indices, values, shape) if batched else (indices[:, 1:], values, shape[1:])
        for held, part in zip(sparse_out, parts):
            held.append(part)
    values_out, lengths_out = [], []
    for key, dtype, shape, may_miss in zip(
        _texts(feature_list_dense_keys),
        feature_list_dense_types,
        feature_list_dense_shapes,
        np.asarray(feature_list_dense_missing_assumed_empty).tolist(),
    ):
        if not shape.is_fully_defined():
            raise invalid(f"the shape {shape} of feature list {key} is not fully defined")
        sizes = shape.as_list()
        rows = [
            example_kernels.dense_steps(each, key, dtype, sizes, name, may_miss)
            for name, each in lists
        ]
        values_out.append(example_kernels.padded_steps(rows, dtype, sizes) if batched else rows[0])
        lengths = example_kernels.lengths_of(rows)
        lengths_out.append(lengths if batched else lengths[0])
    ragged_out: tuple[list, list, list] = ([], [], [])
    for key, dtype, split_type in zip(
        _texts(feature_list_ragged_keys),
        feature_list_ragged_value_types,
        feature_list_ragged_split_types,
    ):
        batch = [example_kernels.steps_of(each, key, dtype, name) or [] for name, each in lists]
        for held, part in zip(ragged_out, example_kernels.ragged_steps(batch, dtype, split_type)):
            held.append(part)
    return (*context, *sparse_out, values_out, lengths_out, *ragged_out)


@parse_sequence_example_v2_op.shape_rule
def _parse_sequence_example_v2_shape(
    serialized,
    *keys,
    Ncontext_sparse,
    context_dense_shapes,
    context_ragged_value_types,
    Nfeature_list_sparse,
    feature_list_dense_shapes,
    feature_list_ragged_value_types,
):
    outer = _batch_sizes(serialized)
    rank = None if outer is None else len(outer)
    result = _sparse_shapes(Ncontext_sparse, None if rank is None else rank + 1)
    result += [_in_front(outer, shape.as_list()) for shape in context_dense_shapes]
    begins = (outer[0] + 1,) if outer and outer[0] is not None else (None,)
    result += [(None,)] * len(context_ragged_value_types)
    result += [begins] * len(context_ragged_value_types)
    result += _sparse_shapes(Nfeature_list_sparse, None if rank is None else rank + 2)
    result += [_in_front(outer, (None, *s.as_list())) for s in feature_list_dense_shapes]
    result += [_in_front(outer, ())] * len(feature_list_dense_shapes)
    result += [(None,)] * len(feature_list_ragged_value_types)
    result += [begins] * len(feature_list_ragged_value_types)
    return result + [(None,)] * len(feature_list_ragged_value_types)
