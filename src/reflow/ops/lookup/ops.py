"""Ops on lookup tables, which live in the store of the session (or of eager code): see `state.py`."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from reflow.lang import errors, shapes
from reflow.lang.errors import invalid
from reflow.lang.resource import ResourceHandle
from reflow.lang.shapes import UNKNOWN, TensorShape
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.lookup import state as lookup_state
from reflow.ops.lookup.state import DenseTable, StaticTable, Table, TextFile
from reflow.platform.file_io import FileIO

# Handles ------------------------------------------------------------------------------------------


class TableHandle(ResourceHandle):
    """The handle of a table; `like` says what the node that made it means by it."""

    __slots__ = ("like",)


_NAMED = "container: string = '', shared_name: string = '', use_node_name_sharing: bool = False"
_HANDLE = {"shape": shape_rules.scalar, "grad": None, "stateful": True, "handle": True}
_anonymous = itertools.count()


def _handle(container: str, name: str, kind: type[Table], *args: Any) -> TableHandle:
    lookup_state.check_dtypes(*args[:3])
    handle = TableHandle("Table", container, name, initial=lambda: kind(args[0], name, *args[1:]))
    handle.like = args[0], args[1], args[2]
    return handle


def _value_shape(shape: TensorShape) -> tuple[int, ...]:
    if not shape.is_fully_defined():
        raise ValueError(f"value_shape must be fully defined, not {shape}")
    return tuple(shape.as_list())


@op(f"HashTableV2(*, {_NAMED}, key_dtype: type, value_dtype: type) -> table_handle: resource",
    **_HANDLE)  # fmt: skip
def hash_table_op(ctx, *, container, shared_name, key_dtype, value_dtype):
    """The handle of a table that is filled once."""
    name = shared_name or ctx.op.name
    return _handle(container, name, StaticTable, "HashTable", key_dtype, value_dtype)


@op(f"MutableHashTableV2(*, {_NAMED}, key_dtype: type, value_dtype: type) -> table_handle: resource",
    **_HANDLE)  # fmt: skip
def mutable_hash_table_op(ctx, *, container, shared_name, key_dtype, value_dtype):
    """The handle of a table whose values are scalars."""
    name = shared_name or ctx.op.name
    return _handle(container, name, Table, "MutableHashTable", key_dtype, value_dtype)


@op(
    f"MutableHashTableOfTensorsV2(*, {_NAMED}, key_dtype: type, value_dtype: type,"
    " value_shape: shape = []) -> table_handle: resource",
    **_HANDLE,
)
def mutable_hash_table_of_tensors_op(
    ctx, *, container, shared_name, key_dtype, value_dtype, value_shape
):
    """The handle of a table whose values have a shape."""
    name, kind = shared_name or ctx.op.name, "MutableHashTableOfTensors"
    return _handle(container, name, Table, kind, key_dtype, value_dtype, _value_shape(value_shape))


# A dense table is told two keys, which are inputs: its handle is only known when it runs.
_MADE = {"shape": shape_rules.scalar, "grad": None, "stateful": True, "compile": False}
_DENSE = (
    "key_dtype: type, value_dtype: type, value_shape: shape = [], initial_num_buckets: int = 131072,"
    " max_load_factor: float = 0.800000011920929) -> table_handle: resource"
)


def _dense_table(
    ctx,
    container,
    name,
    empty_key,
    deleted_key,
    value_dtype,
    value_shape,
    buckets,
    factor,
    key_dtype,
):
    def make() -> DenseTable:
        return DenseTable(
            "MutableDenseHashTable",
            name,
            key_dtype,
            value_dtype,
            _value_shape(value_shape),
            empty_key=np.asarray(empty_key),
            deleted_key=np.asarray(deleted_key),
            buckets=buckets,
            load_factor=factor,
        )

    handle = TableHandle("Table", container, name)
    handle.like = "MutableDenseHashTable", key_dtype, value_dtype
    ctx.store.get_or_create(handle, make)
    return handle


@op(
    f"MutableDenseHashTableV2(empty_key: key_dtype, deleted_key: key_dtype, *, {_NAMED}, {_DENSE}",
    **_MADE,
)
def mutable_dense_hash_table_op(
    ctx,
    empty_key,
    deleted_key,
    *,
    container,
    shared_name,
    key_dtype,
    value_dtype,
    value_shape,
    initial_num_buckets,
    max_load_factor,
):
    """The handle of a table that keeps its keys in buckets."""
    return _dense_table(
        ctx,
        container,
        shared_name or ctx.op.name,
        empty_key,
        deleted_key,
        value_dtype,
        value_shape,
        initial_num_buckets,
        max_load_factor,
        key_dtype,
    )


# Anonymous tables are made anew each time the node runs.


@op("AnonymousHashTable(*, key_dtype: type, value_dtype: type) -> table_handle: resource", **_MADE)
def anonymous_hash_table_op(ctx, *, key_dtype, value_dtype):
    """The handle of a new table that is filled once."""
    name = f"_anonymous_{next(_anonymous)}"
    return _handle("", name, StaticTable, "HashTable", key_dtype, value_dtype)


@op("AnonymousMutableHashTable(*, key_dtype: type, value_dtype: type) -> table_handle: resource",
    **_MADE)  # fmt: skip
def anonymous_mutable_hash_table_op(ctx, *, key_dtype, value_dtype):
    """The handle of a new table whose values are scalars."""
    name = f"_anonymous_{next(_anonymous)}"
    return _handle("", name, Table, "MutableHashTable", key_dtype, value_dtype)


@op(
    "AnonymousMutableHashTableOfTensors(*, key_dtype: type, value_dtype: type,"
    " value_shape: shape = []) -> table_handle: resource",
    **_MADE,
)
def anonymous_mutable_hash_table_of_tensors_op(ctx, *, key_dtype, value_dtype, value_shape):
    """The handle of a new table whose values have a shape."""
    name, kind = f"_anonymous_{next(_anonymous)}", "MutableHashTableOfTensors"
    return _handle("", name, Table, kind, key_dtype, value_dtype, _value_shape(value_shape))


@op(
    f"AnonymousMutableDenseHashTable(empty_key: key_dtype, deleted_key: key_dtype, *, {_DENSE}",
    **_MADE,
)
def anonymous_mutable_dense_hash_table_op(
    ctx,
    empty_key,
    deleted_key,
    *,
    key_dtype,
    value_dtype,
    value_shape,
    initial_num_buckets,
    max_load_factor,
):
    """The handle of a new table that keeps its keys in buckets."""
    return _dense_table(
        ctx,
        "",
        f"_anonymous_{next(_anonymous)}",
        empty_key,
        deleted_key,
        value_dtype,
        value_shape,
        initial_num_buckets,
        max_load_factor,
        key_dtype,
    )


# Filling ------------------------------------------------------------------------------------------

_READS = {"grad": None, "stateful": True, "compile": False, "reads": ["table_handle"]}
_WRITES = {**_READS, "writes": ["table_handle"], "shape": shape_rules.none}


def table_of(ctx: Any, handle: Any) -> Any:
    table = ctx.store.get(handle)
    if table is None:
        raise errors.NotFoundError(None, None, f"there is no table {handle!r}")
    if not isinstance(table, Table):
        raise invalid(f"{handle!r} is no lookup table")
    like = getattr(handle, "like", None)
    if like is not None:
        table.check_like(*like)
    return table


@op("InitializeTableV2(table_handle: resource, keys: Tkey, values: Tval, *, Tkey: type, Tval: type)"
    " -> ", **_WRITES)  # fmt: skip
def initialize_table_op(ctx, table_handle, keys, values, *, Tkey, Tval):
    """Fills a static table, unless it is filled."""
    table = table_of(ctx, table_handle)
    table.check_dtypes(Tkey, Tval)
    if keys.shape != values.shape:
        raise invalid(f"keys of shape {keys.shape} and values of shape {values.shape}")
    table.initialize(keys.ravel().tolist(), values.ravel())
    return ()


@op(
    "InitializeTableFromTextFileV2(table_handle: resource, filename: string, *, key_index: int,"
    " value_index: int, vocab_size: int = -1, delimiter: string = '\\t', offset: int = 0) -> ",
    **_WRITES,
)
def initialize_table_from_text_file_op(
    ctx, table_handle, filename, *, key_index, value_index, vocab_size, delimiter, offset
):
    """Fills a static table, unless it is filled, with what the lines of a file say."""
    table = table_of(ctx, table_handle)
    for index in (key_index, value_index):
        if index < lookup_state.WHOLE_LINE:
            raise invalid(f"Value for attr of {index} must be at least minimum -2")
    name = np.asarray(filename, object).item().decode()
    try:
        content = FileIO(name, "rb").read()
    except errors.NotFoundError:
        message = f"{name}; No such file or directory"
        raise errors.NotFoundError(None, None, message) from None
    key, value = (table.key_dtype, key_index), (table.value_dtype, value_index)
    file = TextFile(name, content, key, value, vocab_size, delimiter, offset)
    keys, values = file.pairs()
    table.initialize(keys, np.asarray(values, table.value_dtype.np).ravel())
    return ()


@op(
    "LookupTableImportV2(table_handle: resource, keys: Tin, values: Tout, *, Tin: type, Tout: type)"
    " -> ",
    **_WRITES,
)
def lookup_table_import_op(ctx, table_handle, keys, values, *, Tin, Tout):
    """Gives a table keys and values, in place of those that it had."""
    table = table_of(ctx, table_handle)
    table.check_dtypes(Tin, Tout)
    table.load(np.asarray(keys), np.asarray(values))
    return ()


@op(
    "LookupTableInsertV2(table_handle: resource, keys: Tin, values: Tout, *, Tin: type, Tout: type)"
    " -> ",
    **_WRITES,
)
def lookup_table_insert_op(ctx, table_handle, keys, values, *, Tin, Tout):
    """Sets the values of keys."""
    table = table_of(ctx, table_handle)
    table.check_dtypes(Tin, Tout)
    table.insert(np.asarray(keys), np.asarray(values))
    return ()


@op("LookupTableRemoveV2(table_handle: resource, keys: Tin, *, Tin: type) -> ", **_WRITES)
def lookup_table_remove_op(ctx, table_handle, keys, *, Tin):
    """Forgets keys."""
    table = table_of(ctx, table_handle)
    table.check_dtypes(Tin, table.value_dtype)
    table.remove(np.asarray(keys))
    return ()


# Asking -------------------------------------------------------------------------------------------


def _sizes_of(table_handle: Any) -> tuple[int, tuple[int, ...]] | None:
    """The rank of a key and the shape of a value, where the node of the table is in sight."""
    node = getattr(table_handle, "op", None)
    while node is not None and node.type == "Identity":
        node = node.inputs[0].op
    kind = getattr(node, "type", "")
    if kind in (
        "HashTableV2",
        "AnonymousHashTable",
        "MutableHashTableV2",
        "AnonymousMutableHashTable",
    ):
        return 0, ()
    value_shape = node.attrs.get("value_shape") if node is not None else None
    if value_shape is None or not value_shape.is_fully_defined():
        return None
    rank = node.inputs[0].shape.rank if node.inputs else 0
    return None if rank is None else (rank, tuple(value_shape.as_list()))


def _found_shape(table_handle, keys, default_value):
    sizes = _sizes_of(table_handle)
    if sizes is None or keys._shape._dims is None:
        return UNKNOWN
    rank, value = sizes
    places = keys._shape._dims
    return shapes.of((*places[: len(places) - rank], *value))


@op(
    "LookupTableFindV2(table_handle: resource, keys: Tin, default_value: Tout, *, Tin: type,"
    " Tout: type) -> values: Tout",
    shape=_found_shape,
    **_READS,
)
def lookup_table_find_op(ctx, table_handle, keys, default_value, *, Tin, Tout):
    """The values of keys; `default_value` for those that a table does not have."""
    table = table_of(ctx, table_handle)
    table.check_dtypes(Tin, Tout)
    return table.find(np.asarray(keys), np.asarray(default_value))


@op("LookupTableSizeV2(table_handle: resource) -> size: int64", shape=shape_rules.scalar, **_READS)
def lookup_table_size_op(ctx, table_handle):
    """How many keys a table has."""
    return np.array(len(table_of(ctx, table_handle)), np.int64)


def _export_shape(table_handle):
    sizes = _sizes_of(table_handle)
    if sizes is None:
        return [UNKNOWN, UNKNOWN]
    return [UNKNOWN if sizes[0] else shapes.of((None,)), shapes.of((None, *sizes[1]))]


@op(
    "LookupTableExportV2(table_handle: resource, *, Tkeys: type, Tvalues: type)"
    " -> keys: Tkeys, values: Tvalues",
    shape=_export_shape,
    **_READS,
)
def lookup_table_export_op(ctx, table_handle, *, Tkeys, Tvalues):
    """All keys of a table, and their values."""
    table = table_of(ctx, table_handle)
    table.check_dtypes(Tkeys, Tvalues)
    return table.export()
