"""Lookup tables: https://www.tensorflow.org/api_docs/python/tf/lookup

Static tables are here, those that change in `mutable.py`; the ops beneath are in `ops.py`,
the tables themselves in `state.py`.
"""

from __future__ import annotations

import contextlib
import itertools
import uuid
import weakref
from typing import Any

from reflow.lang import dtypes, errors
from reflow.lang.context import current_graph, executing_eagerly, init_scope
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.export import export
from reflow.lang.scopes import GraphKeys, add_to_collection, get_collection, name_scope
from reflow.lang.services import service
from reflow.lang.shapes import TensorShape
from reflow.lang.tensor import SymbolicTensor, Tensor
from reflow.ops.cast import cast
from reflow.ops.compare import not_equal
from reflow.ops.constant import no_op
from reflow.ops.control_flow.grouping import group
from reflow.ops.lookup import ops as lookup_ops
from reflow.ops.lookup import state as lookup_state
from reflow.ops.masking import where
from reflow.ops.math import add
from reflow.ops.strings.conversions import as_string, string_to_hash_bucket_fast

_numbers = itertools.count()


@export(v1=("tables_initializer", "initializers.tables_initializer"))
def tables_initializer(name: str = "init_all_tables") -> Any:
    """An op that initializes all tables of the graph.

    Args:
      name: the name of the node.

    Returns:
      The operation; None when executing eagerly, where tables are initialized when they are made.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])
    ...     table = tf.lookup.StaticHashTable(pairs, default_value=0)
    ...     value = table.lookup(tf.constant("b"))
    ...     with tf.compat.v1.Session() as session:
    ...         session.run(tf.compat.v1.tables_initializer())
    ...         print(session.run(value))
    2
    """
    initializers = [] if executing_eagerly() else get_collection(GraphKeys.TABLE_INITIALIZERS)
    return group(*initializers, name=name) if initializers else no_op(name=name)


@export(v1=("initialize_all_tables",))
def initialize_all_tables(name: str = "init_all_tables") -> Any:
    """The old name of `tf.compat.v1.tables_initializer`.

    Args:
      name: the name of the node.
    """
    return tables_initializer(name)


# What initializes a table -------------------------------------------------------------------------


def _outside_of_branches() -> Any:
    """A scope out of the branches and loops of a TF 1 graph: tables are made and initialized there."""
    graph: Any = current_graph()
    inside = graph is not None and graph.building_function
    while graph is not None and graph.building_function:
        graph = graph.outer_graph
    return init_scope() if inside and graph is not None else contextlib.nullcontext()


class _KeysAndValues:
    """What has keys of one dtype, and values of one."""

    def __init__(self, key_dtype: Any, value_dtype: Any):
        self._key_dtype = as_dtype(key_dtype)
        self._value_dtype = as_dtype(value_dtype)

    @property
    def key_dtype(self) -> DType:
        """The dtype of the keys."""
        return self._key_dtype

    @property
    def value_dtype(self) -> DType:
        """The dtype of the values."""
        return self._value_dtype


class TableInitializerBase(_KeysAndValues):
    """What fills a static table: `initialize(table)` makes the op that does it.

    Args:
      key_dtype, value_dtype: those of the table.
    """

    def initialize(self, table: Any) -> Any:
        """The op that fills `table`."""
        raise NotImplementedError

    @property
    def _shared_name(self) -> str:
        """A name that tables with the same content may share; empty if there is none."""
        return f"initializer_{next(_numbers)}" if executing_eagerly() else ""

    def _check(self, table: Any) -> None:
        for what, mine in (("key", self._key_dtype), ("value", self._value_dtype)):
            wanted = getattr(table, f"{what}_dtype")
            if mine.base_dtype is not wanted:
                raise TypeError(
                    f"Invalid {what} dtype for table, expected {wanted} but got {mine}."
                )


@export("lookup.KeyValueTensorInitializer")
class KeyValueTensorInitializer(TableInitializerBase):
    """Fills a table with keys and values that are tensors.

    Args:
      keys: a tensor of keys.
      values: a tensor of the same shape.
      key_dtype, value_dtype: their dtypes, where these do not follow.
      name: a name scope.

    >>> import reflow as tf
    >>> pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], [7, 8])
    >>> table = tf.lookup.StaticHashTable(pairs, default_value=-1)
    >>> print(table.lookup(tf.constant(["b", "z"])).numpy())
    [ 8 -1]
    """

    def __init__(
        self,
        keys: Any,
        values: Any,
        key_dtype: Any = None,
        value_dtype: Any = None,
        name: str | None = None,
    ):
        with _outside_of_branches():
            self._keys = convert_to_tensor(keys, key_dtype, name="keys")
            self._values = convert_to_tensor(values, value_dtype, name="values")
        self._name = "key_value_init" if name is None else name
        super().__init__(self._keys.dtype, self._values.dtype)

    def initialize(self, table: Any) -> Any:
        """The op that fills `table`, which joins the collection of table initializers.

        Raises:
          TypeError: if the dtypes are not those of the table.
        """
        self._check(table)
        with name_scope(self._name, None):
            op = lookup_ops.lookup_table_import_op(table.resource_handle, self._keys, self._values)
        return collected(op)


def collected(op: Any) -> Any:
    """`op`, in a graph one of the initializers of its tables."""
    if not executing_eagerly():
        add_to_collection(GraphKeys.TABLE_INITIALIZERS, op)
    return op


@export("lookup.TextFileIndex")
class TextFileIndex:
    """Which part of the line of a text file is meant, where it is not the number of a column.

    >>> import reflow as tf
    >>> tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
    (-2, -1)
    """

    WHOLE_LINE = lookup_state.WHOLE_LINE
    LINE_NUMBER = lookup_state.LINE_NUMBER


@export("lookup.TextFileInitializer")
class TextFileInitializer(TableInitializerBase):
    """Fills a table with what the lines of a text file say.

    Args:
      filename: a path, or a scalar string tensor.
      key_dtype, value_dtype: string or a number.
      key_index, value_index: the number of a column, from 0, or one of `tf.lookup.TextFileIndex`.
      vocab_size: how many lines count; all by default.
      delimiter: what stands between columns, one character.
      name: a name scope.
      value_index_offset: the number of the first line.

    Raises:
      ValueError: if an index and the dtype do not go together.
    """

    def __init__(
        self,
        filename: Any,
        key_dtype: Any,
        key_index: int,
        value_dtype: Any,
        value_index: int,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: str | None = None,
        value_index_offset: int = 0,
    ):
        if not isinstance(filename, Tensor) and not filename:
            raise ValueError("`filename` argument required for tf.lookup.TextFileInitializer")
        super().__init__(key_dtype, value_dtype)
        for what, index, dtype in (
            ("key", key_index, self._key_dtype),
            ("value", value_index, self._value_dtype),
        ):
            if index < TextFileIndex.WHOLE_LINE:
                raise ValueError(f"`{what}_index` should be >= -2, received: {index}.")
            if index == TextFileIndex.LINE_NUMBER and dtype is not dtypes.int64:
                raise ValueError(
                    f"`{what}_dtype` must be int64 if `{what}_index` is {index}, received: {dtype}"
                )
            if index == TextFileIndex.WHOLE_LINE and not (
                dtype.is_integer or dtype is dtypes.string
            ):
                raise ValueError(
                    f"`{what}_dtype` should be either integer or string for `{what}_index` {index}, "
                    f"received: {dtype}"
                )
        if vocab_size is not None and vocab_size <= 0:
            raise ValueError(f"`vocab_size` should be > 0, received: {vocab_size}")
        self._filename_arg = filename
        self._key_index, self._value_index = key_index, value_index
        self._vocab_size = vocab_size
        self._delimiter = delimiter
        self._name = name
        self._offset = value_index_offset

    def initialize(self, table: Any) -> Any:
        """The op that fills `table`, which joins the collection of table initializers.

        Raises:
          TypeError: if the dtypes are not those of the table.
        """
        self._check(table)
        given = self._filename_arg
        path = given.__fspath__() if hasattr(given, "__fspath__") else given
        with name_scope(self._name, "text_file_init"):
            filename = convert_to_tensor(path, dtypes.string, name="asset_filepath")
            op = lookup_ops.initialize_table_from_text_file_op(
                table.resource_handle,
                filename,
                key_index=self._key_index,
                value_index=self._value_index,
                vocab_size=-1 if self._vocab_size is None else self._vocab_size,
                delimiter=self._delimiter,
                offset=self._offset,
            )
        if isinstance(filename, SymbolicTensor) and filename.op.type == "Const":
            add_to_collection(GraphKeys.ASSET_FILEPATHS, filename)
        return collected(op)

    @property
    def _shared_name(self) -> str:
        parts = [self._filename_arg, self._key_index, self._value_index]
        if self._vocab_size:
            parts.insert(1, self._vocab_size)
        if self._offset:
            parts.append(self._offset)
        return "_".join(["hash_table", *map(str, parts)])


# Tables -------------------------------------------------------------------------------------------


class LookupInterface(_KeysAndValues):
    """What tables have in common.

    Args:
      key_dtype, value_dtype: of the keys and of the values.
    """

    _resource_handle: Any = None
    _table_name: str | None = None

    @property
    def resource_handle(self) -> Any:
        """The handle, a scalar tensor of dtype `resource`."""
        return self._resource_handle

    @property
    def name(self) -> str | None:
        """The name of the node in a graph; None for a table of eager code."""
        return self._table_name

    def size(self, name: str | None = None) -> Any:
        """How many keys the table has, an int64 scalar."""
        with name_scope(name, f"{self.name}_Size"):
            return lookup_ops.lookup_table_size_op(self._resource_handle)

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The values of keys."""
        raise NotImplementedError

    def __getitem__(self, keys: Any) -> Any:
        return self.lookup(keys)

    def _take(self, handle: Any, forget: bool) -> None:
        """Keeps a new handle; with `forget` what is behind it goes when nothing holds it any longer."""
        self._resource_handle = handle
        if isinstance(handle, SymbolicTensor):
            self._table_name = handle.op.name.rpartition("/")[2]
        elif forget:
            weakref.finalize(handle, service("eager_store").delete, handle._value).atexit = False

    def _check_keys(self, keys: Any) -> None:
        if keys.dtype.base_dtype is not self._key_dtype:
            raise TypeError(
                f"{errors.user_site()}: Dtype of argument `keys` must be "
                f"{self._key_dtype}, received: {keys.dtype}"
            )


def _dense_part(keys: Any) -> tuple[Any, Any]:
    """The tensor of keys, and what makes of its values what `keys` is: sparse, ragged or dense."""
    if hasattr(keys, "with_values"):
        return keys.values, keys.with_values
    return keys, lambda values: values


class InitializableLookupTableBase(LookupInterface):
    """A table that is filled once, by its initializer.

    Args:
      default_value: the value of keys that are not there, a scalar.
      initializer: what fills it.
    """

    def __init__(self, default_value: Any, initializer: Any):
        super().__init__(initializer.key_dtype, initializer.value_dtype)
        self._initializer = initializer
        with _outside_of_branches():
            self._default_value = convert_to_tensor(default_value, self._value_dtype)
        self._default_value.shape.merge_with(TensorShape([]))
        with init_scope():
            self._create()
        with _outside_of_branches():
            self._init_op = self._initialize()

    def _create(self) -> None:
        raise NotImplementedError

    def _initialize(self) -> Any:
        return self._initializer.initialize(self)

    @property
    def default_value(self) -> Any:
        """The value of keys that are not there."""
        return self._default_value

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The values of keys.

        Args:
          keys: a tensor, or a sparse or ragged one.
          name: a name scope.

        Returns:
          Of the same kind and shape.

        Raises:
          TypeError: if the dtype of `keys` is not that of the table.
          FailedPreconditionError: when it runs, if the table is not initialized.
        """
        self._check_keys(keys)
        tensor, rebuilt = _dense_part(keys)
        with name_scope(name, f"{self.name}_Lookup"):
            values = lookup_ops.lookup_table_find_op(
                self._resource_handle, tensor, self._default_value
            )
        values.set_shape(tensor.shape)
        return rebuilt(values)


@export(v2=("lookup.StaticHashTable",))
class StaticHashTable(InitializableLookupTableBase):
    """A table that is filled once, by its initializer, and not changed afterwards.

    Args:
      initializer: what fills it, such as `tf.lookup.KeyValueTensorInitializer`.
      default_value: the value of keys that are not there, a scalar.
      name: the name of the node.
      experimental_is_anonymous: whether no other table can share what is behind it.

    >>> import reflow as tf
    >>> pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], [7, 8])
    >>> table = tf.lookup.StaticHashTable(pairs, default_value=-1)
    >>> print(table[tf.constant("a")].numpy(), table.size().numpy())
    7 2
    """

    def __init__(
        self,
        initializer: Any,
        default_value: Any,
        name: str | None = None,
        experimental_is_anonymous: bool = False,
    ):
        self._is_anonymous = experimental_is_anonymous
        self._shared_name = ""
        if not experimental_is_anonymous:
            self._shared_name = initializer._shared_name or f"hash_table_{uuid.uuid4()}"
        self._name = name or "hash_table"
        super().__init__(default_value, initializer)

    def _create(self) -> None:
        kinds = {"key_dtype": self._key_dtype, "value_dtype": self._value_dtype}
        if self._is_anonymous:
            handle = lookup_ops.anonymous_hash_table_op(**kinds, name=self._name)
        else:
            handle = lookup_ops.hash_table_op(
                shared_name=self._shared_name, **kinds, name=self._name
            )
        own = not isinstance(self._initializer, TextFileInitializer)
        self._take(handle, forget=own or self._is_anonymous)

    def export(self, name: str | None = None) -> Any:
        """All keys, and their values, in any order.

        Args:
          name: a name scope.

        Raises:
          AbortedError: when it runs, if the table is not initialized.
        """
        with name_scope(name, f"{self.name}_Export"):
            keys, values = lookup_ops.lookup_table_export_op(
                self._resource_handle, Tkeys=self._key_dtype, Tvalues=self._value_dtype
            )
        return keys, values


@export(v1=("lookup.StaticHashTable",))
class StaticHashTableV1(StaticHashTable):
    """`tf.lookup.StaticHashTable`, which shows the op that initializes it.

    The arguments are those of `tf.lookup.StaticHashTable`.
    """

    @property
    def initializer(self) -> Any:
        """The op that initializes the table; None when executing eagerly."""
        return self._init_op


@export(v2=("lookup.StaticVocabularyTable",))
class StaticVocabularyTable(LookupInterface):
    """Gives words their numbers, and words that it does not know one of some further numbers.

    Args:
      initializer: gives the words, string or int64, the int64 numbers from 0 on; None for no words.
      num_oov_buckets: how many further numbers there are.
      lookup_key_dtype: the dtype of keys, where these are integers of another dtype than int64.
      name: the name of the table.
      experimental_is_anonymous: see `tf.lookup.StaticHashTable`.

    Raises:
      ValueError: if there are no further numbers.
      TypeError: for other dtypes.

    >>> import reflow as tf
    >>> words = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([0, 1], tf.int64))
    >>> table = tf.lookup.StaticVocabularyTable(words, num_oov_buckets=1)
    >>> print(table.lookup(tf.constant(["b", "unheard of"])).numpy())
    [1 2]
    """

    def __init__(
        self,
        initializer: Any,
        num_oov_buckets: int,
        lookup_key_dtype: Any = None,
        name: str | None = None,
        experimental_is_anonymous: bool = False,
    ):
        if num_oov_buckets <= 0:
            raise ValueError("`num_oov_buckets` must be > 0; use StaticHashTable.")
        self._num_oov_buckets = num_oov_buckets
        self._table: StaticHashTableV1 | None = None
        if initializer is None:
            kind = dtypes.string
            name = name or "hash_bucket"
        else:
            kind = as_dtype(lookup_key_dtype or initializer.key_dtype)
            self._check_initializer(initializer, kind)
            self._table = StaticHashTableV1(
                initializer, -1, experimental_is_anonymous=experimental_is_anonymous
            )
            name = name or self._table.name
        if not kind.is_integer and kind is not dtypes.string:
            raise TypeError(f"Invalid `key_dtype`, expected integer or string, got {kind}")
        super().__init__(kind, dtypes.int64)
        self._table_name = name.rstrip("/").rpartition("/")[2] if name else None

    @staticmethod
    def _check_initializer(initializer: Any, kind: DType) -> None:
        given = initializer.key_dtype
        if given not in (dtypes.int64, dtypes.string):
            raise TypeError(f"Invalid `key_dtype`, expected int64 or string, but got {given}.")
        if given.is_integer != kind.is_integer:
            word = "integer" if kind.is_integer else "non-integer"
            raise TypeError(f"Invalid `key_dtype`, expected {word} but got {given}.")
        if initializer.value_dtype is not dtypes.int64:
            raise TypeError(
                f"Invalid `value_dtype`, expected {dtypes.int64} but got {initializer.value_dtype}."
            )

    @property
    def resource_handle(self) -> Any:
        """The handle of the table of the words; None if there are none."""
        return None if self._table is None else self._table.resource_handle

    def size(self, name: str | None = None) -> Any:
        """How many numbers there are, an int64 scalar."""
        with name_scope(name, f"{self.name}_Size"):
            words: Any = 0 if self._table is None else self._table.size()
            return convert_to_tensor(words, dtypes.int64) + self._num_oov_buckets

    def _buckets(self, text: Any) -> Any:
        return string_to_hash_bucket_fast(
            text, num_buckets=self._num_oov_buckets, name="hash_bucket"
        )

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The numbers of words.

        Args:
          keys: a tensor, or a sparse or ragged one.
          name: a name scope.

        Returns:
          int64, of the same kind and shape.

        Raises:
          TypeError: if the dtype of `keys` is not that of the table.
        """
        self._check_keys(keys)
        values, rebuilt = _dense_part(keys)
        table = self._table
        if table is not None and table.key_dtype is dtypes.int64:
            values = cast(values, dtypes.int64)
        with name_scope(name, f"{self.name}_Lookup"):
            text = values if values.dtype is dtypes.string else as_string(values)
            ids = self._buckets(text)
            if table is not None:
                known = table.lookup(values)
                ids = add(ids, table.size())
                ids = where(not_equal(known, table.default_value), known, ids)
        return rebuilt(ids)


@export(v1=("lookup.StaticVocabularyTable",))
class StaticVocabularyTableV1(StaticVocabularyTable):
    """`tf.lookup.StaticVocabularyTable`, which shows the op that initializes it.

    The arguments are those of `tf.lookup.StaticVocabularyTable`.
    """

    @property
    def initializer(self) -> Any:
        """The op that initializes the table; None when executing eagerly."""
        if self._table is not None:
            return self._table.initializer
        with name_scope(None, "init"):
            return no_op()
