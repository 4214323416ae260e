"""Features of `tf.train.Example` messages: what to expect in them, and the functions that parse them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from reflow.lang import shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype, float32, int32, int64, string
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.sparse_tensor import SparseTensor
from reflow.lang.tensor import Tensor
from reflow.ops import array, compare, debugging
from reflow.ops.constant import constant
from reflow.ops.control_flow.grouping import with_dependencies
from reflow.ops.io.example import parse_example_v2_op, parse_sequence_example_v2_op
from reflow.ops.sparse.indicators import sparse_merge

# What to expect -----------------------------------------------------------------------------------


@export("io.VarLenFeature", v1=("VarLenFeature",))
class VarLenFeature(NamedTuple):
    """A feature of any number of values, which is parsed to a `SparseTensor`.

    Attributes:
      dtype: float32, int64 or string.
    """

    dtype: Any


@export("io.FixedLenFeature", v1=("FixedLenFeature",))
class FixedLenFeature(NamedTuple):
    """A feature of one shape.

    Attributes:
      shape: its shape, fully known.
      dtype: float32, int64 or string.
      default_value: what an example without it has; without a default that is an error.
    """

    shape: Any
    dtype: Any
    default_value: Any = None


@export("io.FixedLenSequenceFeature", v1=("FixedLenSequenceFeature",))
class FixedLenSequenceFeature(NamedTuple):
    """A feature of any number of rows of one shape; within a batch, shorter ones are padded.

    Attributes:
      shape: the shape of a row, fully known.
      dtype: float32, int64 or string.
      allow_missing: whether an example may lack it; must be true outside of sequence examples.
      default_value: what to pad with.
    """

    shape: Any
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


@export("io.SparseFeature", v1=("SparseFeature",))
class SparseFeature(NamedTuple):
    """A sparse tensor of which some features hold the indices, and one the values.

    Attributes:
      index_key: the key of the indices, or a list with one for each dimension.
      value_key: the key of the values.
      dtype: of the values.
      size: the size of the dimension, or a list of them.
      already_sorted: whether the indices are in order.
    """

    index_key: Any
    value_key: Any
    dtype: Any
    size: Any
    already_sorted: bool = False


class _RaggedFeature(NamedTuple):
    dtype: Any
    value_key: Any
    partitions: Any
    row_splits_dtype: Any
    validate: Any


@export("io.RaggedFeature")
class RaggedFeature(_RaggedFeature):
    """A feature of any number of values, which is parsed to a `RaggedTensor`.

    Args:
      dtype: float32, int64 or string.
      value_key: the key of the values, where it is another than that of the feature.
      partitions: `RaggedFeature.RowSplits(key)` and the like, which features divide the values.
      row_splits_dtype: int32 or int64.
      validate: whether to check the partitions.

    Raises:
      ValueError, TypeError: for other arguments.
    """

    __slots__ = ()

    class RowSplits(NamedTuple):
        key: str

    class RowLengths(NamedTuple):
        key: str

    class RowStarts(NamedTuple):
        key: str

    class RowLimits(NamedTuple):
        key: str

    class ValueRowIds(NamedTuple):
        key: str

    class UniformRowLength(NamedTuple):
        length: int

    def __new__(
        cls,
        dtype: Any,
        value_key: str | None = None,
        partitions: Sequence[Any] = (),
        row_splits_dtype: Any = int32,
        validate: bool = False,
    ) -> RaggedFeature:
        if value_key is not None and (not isinstance(value_key, str) or not value_key):
            raise ValueError(f"Argument `value_key` must be a string; got {value_key!r}")
        dtype, split_type = as_dtype(dtype), as_dtype(row_splits_dtype)
        if dtype not in (int64, float32, string):
            raise ValueError(f"Argument `dtype` must be int64, float32, or bytes; got {dtype!r}")
        if split_type not in (int32, int64):
            raise ValueError(
                f"Argument `row_splits_dtype` must be int32 or int64; got {split_type!r}"
            )
        if not isinstance(partitions, (list, tuple)):
            raise TypeError(f"Argument `partitions` must be a list or tuple; got {partitions!r}")
        kinds = (cls.RowSplits, cls.RowLengths, cls.RowStarts, cls.RowLimits, cls.ValueRowIds)
        for each in partitions:
            if not isinstance(each, (*kinds, cls.UniformRowLength)):
                raise TypeError(f"Argument `partitions` must be a list of partitions; got {each!r}")
        if not isinstance(validate, bool):
            raise TypeError(f"Argument `validate` must be a bool; got {validate!r}")
        return super().__new__(cls, dtype, value_key, tuple(partitions), split_type, validate)


class _Wanted:
    """What an op is to look for in `features`: keys, dtypes and shapes of sparse and of dense ones."""

    def __init__(self, features: Mapping[str, Any] | None, kinds: tuple[type, ...]):
        self.features: Mapping[str, Any] = features or {}
        self.sparse: dict[str, Any] = {}
        self.ragged: dict[str, tuple[Any, Any]] = {}  # the dtypes of values and of splits
        self.dense: dict[str, tuple[Any, shapes.TensorShape]] = {}
        self.defaults: dict[str, Any] = {}
        for key in sorted(self.features):
            feature = self.features[key]
            if not isinstance(feature, kinds):
                raise ValueError(f"Unsupported {type(feature).__name__} {feature} for key '{key}'")
            self._add(key, feature)
        groups = (("Dense", self.dense), ("sparse", self.sparse), ("ragged", self.ragged))
        for (first, held), (second, other) in itertools.combinations(groups, 2):
            both = held.keys() & other.keys()
            if both:
                raise ValueError(
                    f"{first} and {second} keys must not intersect; intersection: {sorted(both)}"
                )

    def _add(self, key: str, feature: Any) -> None:
        if not feature.dtype:
            raise ValueError(f"Missing type for feature {key}. Received feature={feature}.")
        if isinstance(feature, VarLenFeature):
            self._add_sparse(key, feature.dtype)
        elif isinstance(feature, SparseFeature):
            self._add_indexed(feature)
        elif isinstance(feature, RaggedFeature):
            self._add_ragged(feature.value_key or key, feature.dtype, feature)
            for partition in feature.partitions:
                if not isinstance(partition, RaggedFeature.UniformRowLength):
                    self._add_ragged(partition.key, int64, feature)
        else:
            if feature.shape is None:
                raise ValueError(f"Missing shape for feature {key}. Received feature={feature}.")
            shape = shapes.as_shape(feature.shape)
            if isinstance(feature, FixedLenFeature) and not shape.is_fully_defined():
                raise ValueError(
                    f"All dimensions of shape for feature {key} need to be known but received "
                    f"{feature.shape!s}. Consider using FixedLenSequenceFeature."
                )
            self.dense[key] = (as_dtype(feature.dtype), shape)
            if feature.default_value is not None or getattr(feature, "allow_missing", False):
                self.defaults[key] = feature.default_value

    def _add_sparse(self, key: str, dtype: Any) -> None:
        dtype = as_dtype(dtype)
        if self.sparse.setdefault(key, dtype) != dtype:
            raise ValueError(f"Conflicting type {self.sparse[key]} vs {dtype} for feature {key}.")

    def _add_indexed(self, feature: SparseFeature) -> None:
        if not feature.index_key or not feature.value_key:
            raise ValueError(f"Missing index_key or value_key for SparseFeature {feature}.")
        keys = feature.index_key
        for key in [keys] if isinstance(keys, str) else sorted(keys):
            self._add_sparse(key, int64)
        self._add_sparse(feature.value_key, feature.dtype)

    def _add_ragged(self, key: str, dtype: Any, feature: RaggedFeature) -> None:
        kinds = (dtype, feature.row_splits_dtype)
        if self.ragged.setdefault(key, kinds) != kinds:
            raise ValueError(f"Conflicting type {self.ragged[key]} vs {kinds} for feature {key}.")

    def __len__(self) -> int:
        return len(self.sparse) + len(self.dense) + len(self.ragged)

    def ragged_tensors(self, serialized: Any, values: Any, splits: Any) -> dict[str, Any]:
        """The ragged features: of a batch ragged tensors, of one example vectors."""
        if not self.ragged:
            return {}
        from reflow.ops.io.ragged import from_splits

        if _is_batch(serialized):
            values = [from_splits(*each) for each in zip(values, splits)]
        return dict(zip(self.ragged, values))

    def default_tensors(self) -> list[Any]:
        """A default for each dense feature: a vector without elements where there is none."""
        return [self._default(key, *wanted) for key, wanted in self.dense.items()]

    def _default(self, key: str, dtype: Any, shape: shapes.TensorShape) -> Any:
        value = self.defaults.get(key)
        node = re.sub(r"[^A-Za-z0-9_.\-/]", "_", key)
        if shape.rank and shape.as_list()[0] is None:
            if value is None:
                return convert_to_tensor("" if dtype is string else 0, dtype)
            return array.reshape(convert_to_tensor(value, dtype, name=f"padding_{node}"), [])
        if value is None:
            return constant([], dtype)
        if isinstance(value, Tensor):
            return value
        return array.reshape(convert_to_tensor(value, dtype, name=f"key_{node}"), shape)


def _is_batch(serialized: Any) -> bool:
    """Whether ragged features are those of many examples.

    Raises:
      ValueError: if that is not known.
    """
    if serialized.shape.rank is None:
        raise ValueError("serialized must have statically-known rank to parse ragged features.")
    return serialized.shape.rank > 0


def _sparse_tensors(indices: Any, values: Any, dense_shapes: Any) -> list[Any]:
    return [SparseTensor(*parts) for parts in zip(indices, values, dense_shapes)]


def _strings(keys: Any) -> Any:
    return convert_to_tensor(list(keys), string)


def _names(names: Any) -> Any:
    """Names for errors as a vector, which is empty if there are none."""
    return names if isinstance(names, Tensor) else _strings([] if names is None else names)


# Examples -----------------------------------------------------------------------------------------


def _with_rows(features: Mapping[str, Any]) -> dict[str, Any]:
    """The features, of which the sequences have a first dimension that is not known."""
    result = dict(features)
    for key, feature in features.items():
        if isinstance(feature, FixedLenSequenceFeature):
            if not feature.allow_missing:
                raise ValueError(
                    "Unsupported: FixedLenSequenceFeature requires allow_missing to be True."
                )
            result[key] = feature._replace(shape=[None, *shapes.as_shape(feature.shape).as_list()])
    return result


@export(v2=("io.parse_example",))
def parse_example(
    serialized: Any, features: Mapping[str, Any], example_names: Any = None, name: str | None = None
) -> dict[str, Any]:
    """The features of serialised `tf.train.Example` messages.

    Args:
      serialized: a vector of strings, or a scalar.
      features: what to expect under each key: `FixedLenFeature`, `VarLenFeature`, `SparseFeature` or
        `FixedLenSequenceFeature`.
      example_names: a vector of names, which errors show.
      name: the name scope.

    Returns:
      Per key a tensor, or a `SparseTensor`, whose first dimension is that of `serialized`.

    Raises:
      ValueError: if no feature is wanted, or one that cannot be.
      InvalidArgumentError: if an example lacks a feature, or has it with another type or shape.

    >>> import reflow as tf
    >>> ages = tf.train.Feature(int64_list=tf.train.Int64List(value=[3, 5]))
    >>> example = tf.train.Example(features=tf.train.Features(feature={"ages": ages}))
    >>> wanted = {"ages": tf.io.FixedLenFeature([2], tf.int64)}
    >>> print(tf.io.parse_example([example.SerializeToString()], wanted)["ages"].numpy())
    [[3 5]]
    """
    if not features:
        raise ValueError(f"Argument `features` cannot be None or falsy. Got {features}")
    wanted = _Wanted(
        _with_rows(features),
        (VarLenFeature, SparseFeature, FixedLenFeature, FixedLenSequenceFeature, RaggedFeature),
    )
    with name_scope(name, "ParseExample"):
        serialized = convert_to_tensor(serialized, name="serialized")
        indices, values, sizes, dense, ragged, splits = parse_example_v2_op(
            serialized,
            _names(example_names),
            _strings(wanted.sparse),
            _strings(wanted.dense),
            _strings(wanted.ragged),
            wanted.default_tensors(),
            num_sparse=len(wanted.sparse),
            sparse_types=list(wanted.sparse.values()),
            Tdense=[dtype for dtype, _ in wanted.dense.values()],
            ragged_value_types=[dtype for dtype, _ in wanted.ragged.values()],
            ragged_split_types=[dtype for _, dtype in wanted.ragged.values()],
            dense_shapes=[shape for _, shape in wanted.dense.values()],
            name="ParseExampleV2",
        )
    found = dict(zip(wanted.sparse, _sparse_tensors(indices, values, sizes)))
    found.update(zip(wanted.dense, dense))
    found.update(wanted.ragged_tensors(serialized, ragged, splits))
    return _composed(features, found)


def _composed(features: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """The tensors by the keys of the features, of which some are made of several tensors."""
    made = {}
    for key in sorted(features):
        feature = features[key]
        if isinstance(feature, SparseFeature):
            keys = feature.index_key
            ids = found[keys] if isinstance(keys, str) else [found[each] for each in keys]
            made[key] = sparse_merge(
                ids,
                found[feature.value_key],
                vocab_size=feature.size,
                already_sorted=feature.already_sorted,
            )
        elif isinstance(feature, RaggedFeature):
            from reflow.ops.io.ragged import assembled

            made[key] = assembled(key, feature, found)
    found = {**found, **made}
    return {key: found[key] for key in found if key in features}


@export(v1=("io.parse_example", "parse_example"))
def parse_example_v1(
    serialized: Any, features: Mapping[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """`tf.io.parse_example` with its TF 1 parameters."""
    return parse_example(serialized, features, example_names, name)


def _as_scalar(value: Any, name: str) -> Any:
    """`value`, after an assertion that it is a scalar where that is not known.

    Raises:
      ValueError: if it is known to be none.
    """
    rank = value.shape.rank
    if rank == 0:
        return value
    if rank is not None:
        raise ValueError(f"Input {name} must be a scalar")
    check = debugging.Assert(
        compare.equal(array.rank(value), 0),
        [f"Input {name} must be a scalar"],
        name=f"{name.capitalize()}IsScalar",
    )
    result = with_dependencies([check], value, name=f"{name}Dependencies")
    result.set_shape([])
    return result


@export(v2=("io.parse_single_example",))
def parse_single_example(
    serialized: Any, features: Mapping[str, Any], example_names: Any = None, name: str | None = None
) -> dict[str, Any]:
    """The features of one serialised `tf.train.Example` message.

    Args:
      serialized: a string scalar.
      features: as in `tf.io.parse_example`.
      example_names: a name, which errors show.
      name: the name scope.

    Returns:
      Per key a tensor or a `SparseTensor`, without a batch dimension.

    Raises:
      ValueError: if no feature is wanted, or `serialized` is no scalar.
      InvalidArgumentError: if the example lacks a feature, or has it with another type or shape.

    >>> import reflow as tf
    >>> ages = tf.train.Feature(int64_list=tf.train.Int64List(value=[3, 5]))
    >>> example = tf.train.Example(features=tf.train.Features(feature={"ages": ages}))
    >>> wanted = {"ages": tf.io.FixedLenFeature([2], tf.int64)}
    >>> print(tf.io.parse_single_example(example.SerializeToString(), wanted)["ages"].numpy())
    [3 5]
    """
    if not features:
        raise ValueError(f"Invalid argument: features cannot be empty. Got {features}")
    with name_scope(name, "ParseSingleExample"):
        serialized = _as_scalar(convert_to_tensor(serialized, name="serialized"), "serialized")
        names = example_names
        if names is not None and not isinstance(names, (list, tuple)):
            names = [names] if not isinstance(names, Tensor) else array.reshape(names, [-1])
        return parse_example(serialized, features, names, name)


@export(v1=("io.parse_single_example", "parse_single_example"))
def parse_single_example_v1(
    serialized: Any, features: Mapping[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """`tf.io.parse_single_example` with its TF 1 parameters."""
    return parse_single_example(serialized, features, example_names, name)


# Sequence examples --------------------------------------------------------------------------------


def _parse_sequences(
    serialized: Any, context: _Wanted, lists: _Wanted, names: Any, name: str | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    if not len(context) + len(lists):
        raise ValueError("Must provide at least one feature key.")
    with name_scope(name, "ParseSequenceExample"):
        for key, value in lists.defaults.items():
            if value is not None:
                raise ValueError(f"Value feature_list.dense_defaults[{key}] must be None")
        serialized = convert_to_tensor(serialized, name="serialized")
        out = parse_sequence_example_v2_op(
            serialized,
            _names(names),
            _strings(context.sparse),
            _strings(context.dense),
            _strings(context.ragged),
            _strings(lists.sparse),
            _strings(lists.dense),
            _strings(lists.ragged),
            convert_to_tensor([key in lists.defaults for key in lists.dense], "bool"),
            context.default_tensors(),
            Ncontext_sparse=len(context.sparse),
            Tcontext_dense=[dtype for dtype, _ in context.dense.values()],
            context_sparse_types=list(context.sparse.values()),
            context_dense_shapes=[shape for _, shape in context.dense.values()],
            context_ragged_value_types=[dtype for dtype, _ in context.ragged.values()],
            context_ragged_split_types=[dtype for _, dtype in context.ragged.values()],
            Nfeature_list_sparse=len(lists.sparse),
            Nfeature_list_dense=len(lists.dense),
            feature_list_dense_types=[dtype for dtype, _ in lists.dense.values()],
            feature_list_sparse_types=list(lists.sparse.values()),
            feature_list_ragged_value_types=[dtype for dtype, _ in lists.ragged.values()],
            feature_list_ragged_split_types=[dtype for _, dtype in lists.ragged.values()],
            feature_list_dense_shapes=[shape for _, shape in lists.dense.values()],
            name="ParseSequenceExampleV2",
        )
    contexts = dict(zip(context.sparse, _sparse_tensors(*out[0:3])))
    contexts.update(zip(context.dense, out[3]))
    contexts.update(context.ragged_tensors(serialized, *out[4:6]))
    sequences = dict(zip(lists.sparse, _sparse_tensors(*out[6:9])))
    sequences.update(zip(lists.dense, out[9]))
    sequences = {key: sequences[key] for key in sequences if key in lists.features}
    if lists.ragged:
        from reflow.ops.io.ragged import sequences_of

        batched = _is_batch(serialized)
        sequences.update(sequences_of(lists.features, lists.ragged, out[11:14], batched))
    return _composed(context.features, contexts), sequences, dict(zip(lists.dense, out[10]))


def _wanted_of(context_features: Any, sequence_features: Any) -> tuple[_Wanted, _Wanted]:
    if not (context_features or sequence_features):
        raise ValueError(
            "Both `context_features` and `sequence_features` argument are None, but at least one "
            "should have values."
        )
    return (
        _Wanted(context_features, (VarLenFeature, FixedLenFeature, RaggedFeature)),
        _Wanted(sequence_features, (VarLenFeature, FixedLenSequenceFeature, RaggedFeature)),
    )


@export("io.parse_sequence_example")
def parse_sequence_example(
    serialized: Any,
    context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None,
    example_names: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The features of serialised `tf.train.SequenceExample` messages.

    Args:
      serialized: a vector of strings, or a scalar.
      context_features: what to expect in the contexts: `FixedLenFeature`, `VarLenFeature` or
        `RaggedFeature`.
      sequence_features: what to expect at each step of the lists of features:
        `FixedLenSequenceFeature`, `VarLenFeature` or `RaggedFeature`.
      example_names: a vector of names, which errors show.
      name: the name scope.

    Returns:
      Three dictionaries: the contexts; the sequences, [batch, steps, ...] filled with zeros at the end;
      and the lengths of the dense ones.

    Raises:
      ValueError: if no feature is wanted, or one that cannot be.
      InvalidArgumentError: if an example lacks a feature, or has it with another type or shape.

    >>> import reflow as tf
    >>> steps = [tf.train.Feature(int64_list=tf.train.Int64List(value=[n])) for n in (3, 5)]
    >>> lists = tf.train.FeatureLists(feature_list={"n": tf.train.FeatureList(feature=steps)})
    >>> data = tf.train.SequenceExample(feature_lists=lists).SerializeToString()
    >>> wanted = {"n": tf.io.FixedLenSequenceFeature([], tf.int64)}
    >>> _, sequences, lengths = tf.io.parse_sequence_example([data], None, wanted)
    >>> print(sequences["n"].numpy(), lengths["n"].numpy())
    [[3 5]] [2]
    """
    context, lists = _wanted_of(context_features, sequence_features)
    with name_scope(name, "ParseSequenceExample"):
        return _parse_sequences(serialized, context, lists, example_names, name)


@export("io.parse_single_sequence_example", v1=("parse_single_sequence_example",))
def parse_single_sequence_example(
    serialized: Any,
    context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None,
    example_name: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The features of one serialised `tf.train.SequenceExample` message.

    Args:
      serialized: a string scalar.
      context_features, sequence_features: as in `tf.io.parse_sequence_example`.
      example_name: a name, which errors show.
      name: the name scope.

    Returns:
      Two dictionaries: the context, and the sequences, [steps, ...].

    Raises:
      ValueError: if no feature is wanted, or `serialized` is no scalar.
      InvalidArgumentError: if the example lacks a feature, or has it with another type or shape.

    >>> import reflow as tf
    >>> steps = [tf.train.Feature(int64_list=tf.train.Int64List(value=[n])) for n in (3, 5)]
    >>> lists = tf.train.FeatureLists(feature_list={"n": tf.train.FeatureList(feature=steps)})
    >>> data = tf.train.SequenceExample(feature_lists=lists).SerializeToString()
    >>> wanted = {"n": tf.io.FixedLenSequenceFeature([], tf.int64)}
    >>> print(tf.io.parse_single_sequence_example(data, None, wanted)[1]["n"].numpy())
    [3 5]
    """
    context, lists = _wanted_of(context_features, sequence_features)
    with name_scope(name, "ParseSingleSequenceExample"):
        with name_scope(name, "ParseSingleExample"):
            serialized = _as_scalar(convert_to_tensor(serialized, name="serialized"), "serialized")
        names = None if example_name is None else [example_name]
        return _parse_sequences(serialized, context, lists, names, name)[:2]
