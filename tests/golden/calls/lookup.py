"""Calls of tf.lookup, and programs with tables."""

import os
import pathlib

import numpy as np

# Names of files are parts of the names of tables: relative, so that they are the same everywhere.
_HERE = os.path.relpath(pathlib.Path(__file__).resolve().parent)
WORDS, COLUMNS = os.path.join(_HERE, "words.txt"), os.path.join(_HERE, "columns.txt")
HELPERS = {"WORDS": WORDS, "COLUMNS": COLUMNS}

ARRAYS = {
    "k": np.array([["b", "z"], ["a", "a"]], object),
    "j": np.array([3, 7, 1], np.int64),
    "i": np.array([3, 7, 1], np.int32),
}

CALLS = """
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1).lookup(k)
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], ["x", "y"]), "?")[k]
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [True, True]), False)[k]
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1.5, 2.0]), -1.0)[k]
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1, 3], ["x", "y"], tf.int64), "?")[j]
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer([1, 3], [2, 4]), 9)[i]
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1).size()
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "a"], [1, 1]), -1).size()
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "a"], [1, 2]), -1).lookup(k)
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1]), -1).lookup(k)
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1).lookup(j)
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), [1, 2])
tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1]), -1).export()
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(WORDS, tf.string, -2, tf.int64, -1), -1)[k]
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(WORDS, tf.int64, -1, tf.string, -2), "?")[j]
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(WORDS, tf.int64, -1, tf.string, -2, value_index_offset=3), "?")[j]
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(WORDS, tf.string, -2, tf.int64, -1, vocab_size=2), -1).size()
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(WORDS, tf.string, -2, tf.int64, -1, vocab_size=7), -1)[k]
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(COLUMNS, tf.string, 0, tf.int64, 1), -1)[k]
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(COLUMNS, tf.int64, 1, tf.string, 2), "?")[j]
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(COLUMNS, tf.string, 2, tf.float32, 1), 0.0)[k]
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(COLUMNS, tf.string, 2, tf.int64, 0), 0)[k]
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(COLUMNS, tf.string, 5, tf.int64, 1), 0)[k]
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(COLUMNS, tf.string, 0, tf.int64, 1, delimiter="::"), 0)[k]
tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer("none.txt", tf.string, -2, tf.int64, -1), 0)[k]
tf.lookup.TextFileInitializer("", tf.string, -2, tf.int64, -1)
tf.lookup.TextFileInitializer(WORDS, tf.string, -1, tf.int64, -1)
tf.lookup.TextFileInitializer(WORDS, tf.string, -3, tf.int64, -1)
tf.lookup.TextFileInitializer(WORDS, tf.float32, -2, tf.int64, -1)
tf.lookup.TextFileInitializer(WORDS, tf.string, -2, tf.int64, -1, vocab_size=0)
tf.lookup.StaticVocabularyTable(tf.lookup.TextFileInitializer(WORDS, tf.string, -2, tf.int64, -1), 3)[k]
tf.lookup.StaticVocabularyTable(tf.lookup.TextFileInitializer(WORDS, tf.string, -2, tf.int64, -1), 3).size()
tf.lookup.StaticVocabularyTable(None, 5)[k]
tf.lookup.StaticVocabularyTable(None, 5).size()
tf.lookup.StaticVocabularyTable(tf.lookup.KeyValueTensorInitializer(tf.constant([7, 3], tf.int64), tf.constant([0, 1], tf.int64)), 2, tf.int32)[i]
tf.lookup.StaticVocabularyTable(tf.lookup.KeyValueTensorInitializer(["a"], [0]), 2)
tf.lookup.StaticVocabularyTable(None, 0)
"""


def _raised(call):
    """1 where nothing is raised, else the name of the error's class."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "nothing"


def static_tables(tf, np):
    pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])
    table = tf.lookup.StaticHashTable(pairs, -1, experimental_is_anonymous=True)
    other = tf.lookup.StaticHashTable(pairs, -7)
    sparse = tf.SparseTensor([[0, 0], [1, 2]], ["b", "q"], [2, 3])
    found = table.lookup(sparse)
    return [
        table.lookup(tf.constant(["b", "c"])), other[tf.constant(["b", "c"])], table.size(),
        found.indices, found.values, str(table.key_dtype.name), str(table.value_dtype.name),
        table.name is None, table.resource_handle.dtype.name,
        *(np.sort(part.numpy()) for part in table.export()),
        _raised(lambda: table.lookup(tf.constant([1]))),
    ]  # fmt: skip


def raw_static_table(tf, np):
    ops = tf.raw_ops
    handle = ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name="raw table")
    one = tf.constant([1], tf.int64)

    def find(keys=("a",), default=-1):
        keys, default = tf.constant(keys), tf.constant(default, tf.int64)
        return ops.LookupTableFindV2(table_handle=handle, keys=keys, default_value=default)

    result = [
        _raised(find),
        ops.LookupTableSizeV2(table_handle=handle),
        _raised(lambda: ops.LookupTableExportV2(table_handle=handle, Tkeys=tf.string, Tvalues=tf.int64)),
        _raised(lambda: ops.LookupTableInsertV2(table_handle=handle, keys=["a"], values=one)),
        _raised(lambda: ops.LookupTableRemoveV2(table_handle=handle, keys=["a"])),
    ]  # fmt: skip
    ops.InitializeTableV2(table_handle=handle, keys=["a"], values=one)
    ops.InitializeTableV2(table_handle=handle, keys=["b"], values=one)  # it is full already
    ops.LookupTableImportV2(table_handle=handle, keys=["b"], values=one)
    result += [
        find(), find(["a", "b"]), find(["a", "b"], [5, 6]), ops.LookupTableSizeV2(table_handle=handle),
        _raised(lambda: find(default=[1, 2, 3])),
        _raised(lambda: find([1])),
        _raised(lambda: ops.LookupTableInsertV2(table_handle=handle, keys=["a"], values=one)),
    ]  # fmt: skip
    same = ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name="raw table")
    result.append(ops.LookupTableSizeV2(table_handle=same))
    return result


def raw_text_tables(tf, np):
    ops = tf.raw_ops

    def read(key, value, key_index, value_index, **options):
        handle = ops.HashTableV2(key_dtype=key, value_dtype=value, shared_name=str(len(result)))
        ops.InitializeTableFromTextFileV2(
            table_handle=handle, filename=COLUMNS, key_index=key_index, value_index=value_index,
            **options,
        )  # fmt: skip
        keys, values = ops.LookupTableExportV2(table_handle=handle, Tkeys=key, Tvalues=value)
        order = np.argsort(keys.numpy())
        return keys.numpy()[order], values.numpy()[order]

    result = []
    result += read(tf.string, tf.int64, 0, 1)
    result += read(tf.string, tf.int32, 0, 1)
    result += read(tf.string, tf.float64, 0, 1)
    result += read(tf.int64, tf.string, -1, 2, offset=7)
    result += read(tf.string, tf.string, 1, -2)
    for arguments in (
        (tf.string, tf.int64, -1, 1), (tf.int64, tf.string, -2, 1), (tf.string, tf.int32, 0, -1),
        (tf.string, tf.int64, 0, 2), (tf.string, tf.int64, -3, 1), (tf.string, tf.int64, 4, 1),
    ):  # fmt: skip
        result.append(_raised(lambda arguments=arguments: read(*arguments)))
    return result


def mutable_tables(tf, np):
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    result = [table.size()]
    table.insert(["a", "b"], [1, 2])
    table.insert(tf.constant("c"), tf.constant(7, tf.int64))
    table.insert(["b"], [3])
    result += [table.lookup(["a", "q", "b"]), table.lookup("c"), table.size()]
    result.append(table.lookup(["a", "q"], tf.constant([5, 6], tf.int64)))
    table.remove(tf.constant(["a", "never"]))
    keys, values = table.export()
    order = np.argsort(keys.numpy())
    result += [keys.numpy()[order], values.numpy()[order], table[tf.constant([["b"], ["a"]])]]
    result += [
        _raised(lambda: table.lookup(["a", "q"], tf.constant([5], tf.int64))),
        _raised(lambda: table.insert(["a"], [1, 2])),
        _raised(lambda: table.remove(tf.constant([1]))),
        _raised(lambda: table.lookup([1.5])),
    ]
    rows = tf.lookup.experimental.MutableHashTable(
        tf.int64, tf.float32, [0.0, 0.5], experimental_is_anonymous=True
    )
    rows.insert([1, 2], [[1.0, 2.0], [3.0, 4.0]])
    rows.insert([[3], [4]], [[[1.0, 1.0]], [[2.0, 2.0]]])
    result += [rows.lookup([[2], [9]]), rows.lookup(4), rows.size()]
    result += [
        _raised(lambda: rows.insert([1], [1.0])),
        _raised(lambda: rows.insert([1], [[1.0] * 3])),
    ]
    return result


def dense_tables(tf, np):
    make = tf.lookup.experimental.DenseHashTable

    def exported(table):  # copies: TensorFlow's are changed with the table
        return [np.array(part.numpy()) for part in table.export()]

    table = make(tf.int64, tf.int64, -1, 0, -7, initial_num_buckets=4)
    table.insert([5, 9, 1], [1, 2, 3])
    result = [table.lookup([1, 5, 6]), table.size(), *exported(table)]
    table.insert_or_assign([2, 3], [4, 5])
    result += exported(table)
    table.erase(tf.constant([9], tf.int64))
    result += [exported(table)[0], table.size()]
    table.insert([17], [8])
    result += exported(table)
    result += [
        _raised(lambda: table.insert([0], [1])), _raised(lambda: table.lookup([0])),
        _raised(lambda: table.lookup([-7])), _raised(lambda: table.erase(tf.constant([0], tf.int64))),
        _raised(lambda: table.remove(tf.constant([1]))),
        _raised(lambda: make(tf.int64, tf.int64, -1, 0, 0)),
        _raised(lambda: make(tf.int64, tf.int64, -1, [0], -1)),
        _raised(lambda: make(tf.int64, tf.int64, -1, 0, -1, initial_num_buckets=3)),
    ]  # fmt: skip
    words = make(tf.string, tf.float32, [0.0, 1.0], "", "$", initial_num_buckets=4)
    words.insert(["a", "hello", "zebra"], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    words.insert(["q", "rr"], [[7.0, 8.0], [9.0, 10.0]])
    result += [words["a"], words.lookup(["b", "rr"]), *exported(words)]
    pairs = make(tf.int64, tf.int64, [0], [0, 0], [-1, -1], initial_num_buckets=4)
    pairs.insert([[1, 2], [3, 4]], [[7], [8]])
    result += [pairs.lookup([[1, 2], [9, 9]]), *exported(pairs)]
    texts = make(
        tf.string, tf.int64, -1, ["", ""], ["$", "$"], initial_num_buckets=4,
        experimental_is_anonymous=True,
    )  # fmt: skip
    texts.insert([["1", "2"], ["3", "4"]], [7, 8])
    result += [*exported(texts), texts.lookup([[["3", "4"]]]), _raised(lambda: texts.lookup(["1"]))]
    load = tf.raw_ops.LookupTableImportV2
    keys, values = exported(texts)
    copy = make(tf.string, tf.int64, -1, ["", ""], ["$", "$"], initial_num_buckets=8)
    load(table_handle=copy.resource_handle, keys=keys, values=values)
    result += [*exported(copy), copy.size(), copy.lookup([["1", "2"], ["2", "1"]])]
    arguments = {"table_handle": copy.resource_handle, "keys": keys[:3], "values": values[:3, 0]}
    result.append(_raised(lambda: load(**arguments)))
    return result


def table_in_a_tape(tf, np):
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [2.0]), 1.0)
    x = tf.constant([3.0, 4.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * table[tf.constant(["a", "b"])]
    return [y, tape.gradient(y, x)]


def tables_in_functions(tf, np):
    static = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1)
    changing = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)

    @tf.function
    def look(words):
        return static.lookup(words), static.size()

    @tf.function
    def insert(words, numbers):
        changing.insert(words, numbers)
        return changing.lookup(words), changing.size()

    result = [
        *look(tf.constant(["b", "z"])),
        *insert(tf.constant(["q"]), tf.constant([5], tf.int64)),
    ]
    return [
        *result,
        *insert(tf.constant(["q", "r"]), tf.constant([6, 7], tf.int64)),
        changing.size(),
    ]


PROGRAMS = [
    tables_in_functions,
    static_tables,
    raw_static_table,
    raw_text_tables,
    mutable_tables,
    dense_tables,
    table_in_a_tape,
]
