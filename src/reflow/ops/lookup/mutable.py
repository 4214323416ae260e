"""Lookup tables that are changed key by key: https://www.tensorflow.org/api_docs/python/tf/lookup

`lookup.py` has the static ones, `ops.py` the ops beneath.
"""

from __future__ import annotations

import itertools
from typing import Any

from reflow.lang.context import executing_eagerly
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.scopes import name_scope
from reflow.ops.lookup import ops as lookup_ops
from reflow.ops.lookup.tables import LookupInterface

_numbers = itertools.count()


class _ChangingTable(LookupInterface):
    """What tables that are changed key by key have in common."""

    def __init__(self, key_dtype: Any, value_dtype: Any, default_value: Any, name: str):
        super().__init__(key_dtype, value_dtype)
        self._default_value = convert_to_tensor(
            default_value, self._value_dtype, name="default_value"
        )
        self._name = name
        # In a graph the name of the node is the name of the table.
        self._shared_name = f"table_{next(_numbers)}" if executing_eagerly() else ""

    @property
    def _attributes(self) -> dict[str, Any]:
        return {"value_dtype": self._value_dtype, "name": self._name}

    def _named(self, checkpoint: bool) -> dict[str, Any]:
        sharing = checkpoint and not self._shared_name
        return {"shared_name": self._shared_name, "use_node_name_sharing": sharing}

    def _scope(self, name: str | None, action: str) -> Any:
        return name_scope(name, f"{self.name}_lookup_table_{action}")

    def _find(self, keys: Any, default: Any, name: str | None) -> Any:
        with self._scope(name, "find"):
            keys = convert_to_tensor(keys, self._key_dtype, name="keys")
            return lookup_ops.lookup_table_find_op(self._resource_handle, keys, default)

    def _insert(self, keys: Any, values: Any, name: str | None) -> Any:
        with self._scope(name, "insert"):
            keys = convert_to_tensor(keys, self._key_dtype, name="keys")
            values = convert_to_tensor(values, self._value_dtype, name="values")
            return lookup_ops.lookup_table_insert_op(self._resource_handle, keys, values)

    def _remove(self, keys: Any, name: str | None) -> Any:
        self._check_keys(keys)
        with self._scope(name, "remove"):
            return lookup_ops.lookup_table_remove_op(self._resource_handle, keys)

    def export(self, name: str | None = None) -> Any:
        """What the table holds: all keys, and their values.

        A `DenseHashTable` exports its buckets, with `empty_key` and `deleted_key` in those without a key,
        and keys and values that are scalars as vectors of one element.

        Args:
          name: a name scope.
        """
        with self._scope(name, "export_values"):
            keys, values = lookup_ops.lookup_table_export_op(
                self._resource_handle, Tkeys=self._key_dtype, Tvalues=self._value_dtype
            )
        return keys, values


@export("lookup.experimental.MutableHashTable")
class MutableHashTable(_ChangingTable):
    """A table that is changed key by key.

    Args:
      key_dtype, value_dtype: of the keys, scalars, and of the values.
      default_value: the value of keys that are not there; its shape is that of all values.
      name: the name of the node.
      checkpoint: whether checkpoints are to contain it.
      experimental_is_anonymous: whether no other table can share what is behind it.

    >>> import reflow as tf
    >>> table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, default_value=-1)
    >>> table.insert(["a", "b"], [1, 2])
    >>> table.remove(tf.constant(["a"]))
    >>> print(table.lookup(["a", "b"]).numpy())
    [-1  2]
    """

    def __init__(
        self,
        key_dtype: Any,
        value_dtype: Any,
        default_value: Any,
        name: str = "MutableHashTable",
        checkpoint: bool = True,
        experimental_is_anonymous: bool = False,
    ):
        super().__init__(key_dtype, value_dtype, default_value, name)
        attributes = {"key_dtype": self._key_dtype, **self._attributes}
        if not experimental_is_anonymous:
            attributes |= self._named(checkpoint)
        shape = self._default_value.shape
        if shape.rank == 0:
            make = (
                lookup_ops.anonymous_mutable_hash_table_op
                if experimental_is_anonymous
                else lookup_ops.mutable_hash_table_op
            )
        else:
            attributes["value_shape"] = shape
            make = (
                lookup_ops.anonymous_mutable_hash_table_of_tensors_op
                if experimental_is_anonymous
                else lookup_ops.mutable_hash_table_of_tensors_op
            )
        self._take(make(**attributes), forget=True)

    def lookup(self, keys: Any, dynamic_default_values: Any = None, name: str | None = None) -> Any:
        """The values of keys.

        Args:
          keys: a tensor.
          dynamic_default_values: a value for each key, in place of `default_value`.
          name: a name scope.

        Returns:
          Of the shape of `keys`, followed by that of a value.
        """
        default = dynamic_default_values
        return self._find(keys, self._default_value if default is None else default, name)

    def insert(self, keys: Any, values: Any, name: str | None = None) -> Any:
        """Sets the values of keys, new ones or not.

        Args:
          keys: a tensor.
          values: of the shape of `keys`, followed by that of a value.
          name: a name scope.

        Returns:
          The operation; None when executing eagerly.
        """
        return self._insert(keys, values, name)

    def remove(self, keys: Any, name: str | None = None) -> Any:
        """Forgets keys; those that are not there are ignored.

        Args:
          keys: a tensor.
          name: a name scope.

        Returns:
          The operation; None when executing eagerly.

        Raises:
          TypeError: if the dtype of `keys` is not that of the table.
        """
        return self._remove(keys, name)


@export("lookup.experimental.DenseHashTable")
class DenseHashTable(_ChangingTable):
    """A table that is changed key by key, and keeps its keys, scalars or vectors, in buckets.

    Args:
      key_dtype, value_dtype: of the keys and of the values.
      default_value: the value of keys that are not there; its shape is that of all values.
      empty_key, deleted_key: two keys that are not used; their shape is that of all keys.
      initial_num_buckets: how many buckets there are in the beginning, a power of two.
      name: the name of the node.
      checkpoint: whether checkpoints are to contain it.
      experimental_is_anonymous: whether no other table can share what is behind it.

    Raises:
      InvalidArgumentError: when it runs, if the two keys are equal.

    >>> import reflow as tf
    >>> table = tf.lookup.experimental.DenseHashTable(
    ...     tf.int64, tf.int64, default_value=-1, empty_key=0, deleted_key=-1)
    >>> table.insert([1, 2], [10, 20])
    >>> table.erase(tf.constant([1], tf.int64))
    >>> print(table.lookup([1, 2]).numpy())
    [-1 20]
    """

    def __init__(
        self,
        key_dtype: Any,
        value_dtype: Any,
        default_value: Any,
        empty_key: Any,
        deleted_key: Any,
        initial_num_buckets: int | None = None,
        name: str = "MutableDenseHashTable",
        checkpoint: bool = True,
        experimental_is_anonymous: bool = False,
    ):
        super().__init__(key_dtype, value_dtype, default_value, name)
        empty = convert_to_tensor(empty_key, self._key_dtype, name="empty_key")
        deleted = convert_to_tensor(deleted_key, self._key_dtype, name="deleted_key")
        attributes = {"value_shape": self._default_value.shape, **self._attributes}
        if initial_num_buckets is not None:
            attributes["initial_num_buckets"] = initial_num_buckets
        if experimental_is_anonymous:
            make = lookup_ops.anonymous_mutable_dense_hash_table_op
        else:
            make = lookup_ops.mutable_dense_hash_table_op
            attributes |= self._named(checkpoint)
        self._take(make(empty, deleted, **attributes), forget=True)

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The values of keys.

        Args:
          keys: a tensor.
          name: a name scope.

        Raises:
          InvalidArgumentError: when it runs, if one of them is `empty_key` or `deleted_key`.
        """
        return self._find(keys, self._default_value, name)

    def insert_or_assign(self, keys: Any, values: Any, name: str | None = None) -> Any:
        """Sets the values of keys, new ones or not.

        Args:
          keys: a tensor.
          values: a tensor with a value for each key.
          name: a name scope.

        Returns:
          The operation; None when executing eagerly.
        """
        return self._insert(keys, values, name)

    def insert(self, keys: Any, values: Any, name: str | None = None) -> Any:
        """See `insert_or_assign`."""
        return self._insert(keys, values, name)

    def erase(self, keys: Any, name: str | None = None) -> Any:
        """Forgets keys; those that are not there are ignored.

        Args:
          keys: a tensor.
          name: a name scope.

        Returns:
          The operation; None when executing eagerly.

        Raises:
          TypeError: if the dtype of `keys` is not that of the table.
        """
        return self._remove(keys, name)

    def remove(self, keys: Any, name: str | None = None) -> Any:
        """See `erase`."""
        return self._remove(keys, name)
