"""Lookup tables that are filled from data sets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reflow.compiler.cluster import as_numpy
from reflow.data.pipeline import Run
from reflow.lang.dtypes import DType, as_dtype, int64, string
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.lang.type_spec import TensorSpec
from reflow.ops import shape_rules
from reflow.ops.cast import cast
from reflow.ops.constant import constant
from reflow.ops.define import op
from reflow.ops.lookup.ops import table_of
from reflow.ops.lookup.tables import (
    StaticHashTableV1,
    StaticVocabularyTableV1,
    TableInitializerBase,
    collected,
)
from reflow.ops.strings.conversions import string_to_hash_bucket_strong


class HasherSpec(NamedTuple):
    """How unknown keys are hashed: "fasthash", or "stronghash" with a key of two integers."""

    hasher: str
    key: Any


FAST_HASH = HasherSpec("fasthash", None)


@op(
    "InitializeTableFromDataset(table_handle: resource, dataset: variant) -> ",
    shape=shape_rules.none,
    grad=None,
    stateful=True,
    reads=["table_handle"],
    writes=["table_handle"],
    compile=False,
)
def initialize_table_from_dataset_op(ctx, table_handle, dataset):
    """Fills a static table, unless it is filled, with the pairs that a data set gives."""
    table = table_of(ctx, table_handle)
    pairs = [[as_numpy(part) for part in each] for each in dataset.iterate(Run(ctx.store))]
    values = np.empty(len(pairs), table.value_dtype.np)
    for i, (_, value) in enumerate(pairs):
        values[i] = value.item()
    table.initialize([key.item() for key, _ in pairs], values)
    return ()


def _pair_of_dtypes(spec: Any) -> tuple[DType, DType]:
    """The dtypes of keys and values of a data set with elements of a spec."""
    must = (
        "Datasets used to initialize lookup tables must produce elements in the form (key, value), "
        "where the keys and values are scalar tensors."
    )
    if len(spec) != 2:
        raise ValueError(f"{must} However, the given dataset produces {len(spec)} components.")
    for each, what in zip(spec, ("key", "value")):
        if not isinstance(each, TensorSpec):
            kind = getattr(each, "value_type", type(each))
            raise ValueError(
                f"{must} However, the given dataset produces non-Tensor {what}s of type {kind}."
            )
        if each.shape.rank not in (None, 0):
            raise ValueError(
                f"{must} However, the given dataset produces non-scalar {what} Tensors of rank "
                f"{each.shape.rank}."
            )
    return spec[0].dtype, spec[1].dtype


@export("data.experimental.DatasetInitializer")
class DatasetInitializer(TableInitializerBase):
    """Fills a table with the pairs of keys and values that a data set gives.

    Args:
      dataset: a `tf.data.Dataset` of pairs of scalars.

    Raises:
      ValueError: if its elements are no pairs of scalars.

    >>> import reflow as tf
    >>> pairs = tf.data.Dataset.from_tensor_slices((["a", "b"], [3, 4]))
    >>> table = tf.lookup.StaticHashTable(tf.data.experimental.DatasetInitializer(pairs), -1)
    >>> print(table.lookup(tf.constant(["b", "c"])).numpy())
    [ 4 -1]
    """

    def __init__(self, dataset: Any):
        self.dataset = dataset
        super().__init__(*_pair_of_dtypes(dataset.element_spec))

    def initialize(self, table: Any) -> Any:
        """The op that fills `table`, which joins the collection of table initializers.

        Raises:
          TypeError: if the dtypes are not those of the table.
        """
        self._check(table)
        handle, variant = table.resource_handle, self.dataset._variant_tensor
        return collected(initialize_table_from_dataset_op(handle, variant))


class _HashedTable(StaticVocabularyTableV1):
    """`tf.lookup.StaticVocabularyTable` with a hash function that has a key of its own."""

    def __init__(self, initializer: Any, num_oov_buckets: int, key: Any, **kwargs: Any):
        self._hash_key = key
        super().__init__(initializer, num_oov_buckets, **kwargs)

    def _buckets(self, text: Any) -> Any:
        count = self._num_oov_buckets
        return string_to_hash_bucket_strong(text, num_buckets=count, key=self._hash_key)


@export("data.experimental.table_from_dataset")
def table_from_dataset(
    dataset: Any = None,
    num_oov_buckets: int = 0,
    vocab_size: int | None = None,
    default_value: Any = None,
    hasher_spec: Any = FAST_HASH,
    key_dtype: Any = string,
    name: str | None = None,
) -> Any:
    """A lookup table with the pairs that a data set gives.

    Args:
      dataset: a `tf.data.Dataset` of pairs of a key and a value, scalars.
      num_oov_buckets: how many numbers there are for unknown keys; values are int64 then.
      vocab_size: how many pairs of the data set count; all by default.
      default_value: the value of unknown keys, -1 if there is none, and no numbers for them.
      hasher_spec: how unknown keys get one of these numbers.
      key_dtype: the dtype of keys that are looked up, where there are such numbers.
      name: a name scope.

    Raises:
      ValueError: if a count is too small, or elements are no pairs of scalars.
      TypeError: for unsuitable dtypes.

    >>> import reflow as tf
    >>> pairs = tf.data.Dataset.from_tensor_slices((["a", "b"], [3, 4]))
    >>> table = tf.data.experimental.table_from_dataset(pairs)
    >>> print(table.lookup(tf.constant(["b", "c"])).numpy())
    [ 4 -1]
    """
    kinds = _pair_of_dtypes(dataset.element_spec)
    if num_oov_buckets < 0:
        raise ValueError(
            f"`num_oov_buckets` must be greater than or equal to 0, got {num_oov_buckets}."
        )
    if vocab_size is not None and vocab_size < 1:
        raise ValueError(f"`vocab_size` must be greater than 0, got {vocab_size}.")
    if not (as_dtype(key_dtype).is_integer or as_dtype(key_dtype) is string):
        raise TypeError(
            f"`key_dtype` must be either an integer or string type, but got {key_dtype}"
        )
    if vocab_size:
        dataset = dataset.take(vocab_size)
    if default_value is None:
        if not (kinds[1].is_integer or kinds[1].is_floating):
            raise ValueError(
                f"`default_value` must be specified when creating a table with `value_dtype` = {kinds[1]}"
            )
        default_value = constant(-1, kinds[1])
    with name_scope(name, "string_to_index"), name_scope(None, "hash_table"):
        initializer = DatasetInitializer(dataset)
        if not num_oov_buckets:
            return StaticHashTableV1(initializer, default_value)
        if not isinstance(hasher_spec, tuple) or len(hasher_spec) != 2:
            raise TypeError(f"`hasher_spec` must be of type HasherSpec, got {type(hasher_spec)}.")
        hasher, key = hasher_spec
        if hasher == "fasthash":
            return StaticVocabularyTableV1(initializer, num_oov_buckets, key_dtype)
        if hasher != "stronghash":
            raise ValueError(
                "Found unknown hasher of `hasher_spec`, expected 'fasthash' or 'stronghash', got "
                f"{hasher}."
            )
        return _HashedTable(initializer, num_oov_buckets, key, lookup_key_dtype=key_dtype)


@export("data.experimental.index_table_from_dataset")
def index_table_from_dataset(
    dataset: Any = None,
    num_oov_buckets: int = 0,
    vocab_size: int | None = None,
    default_value: Any = -1,
    hasher_spec: Any = FAST_HASH,
    key_dtype: Any = string,
    name: str | None = None,
) -> Any:
    """A lookup table that gives the elements of a data set their numbers, from 0 on.

    Args:
      dataset: a `tf.data.Dataset` of scalars.
      num_oov_buckets, vocab_size, default_value, hasher_spec, key_dtype, name: see
        `tf.data.experimental.table_from_dataset`.

    Raises:
      ValueError: if a count is too small, or elements are no scalars.
      TypeError: for unsuitable dtypes.

    >>> import reflow as tf
    >>> words = tf.data.Dataset.from_tensor_slices(["a", "b"])
    >>> table = tf.data.experimental.index_table_from_dataset(words)
    >>> print(table.lookup(tf.constant(["b", "c"])).numpy())
    [ 1 -1]
    """
    numbered = dataset.enumerate().map(lambda number, key: (key, cast(number, int64)))
    return table_from_dataset(
        numbered, num_oov_buckets, vocab_size, default_value, hasher_spec, key_dtype, name
    )
