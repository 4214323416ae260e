"""Lookup tables against TensorFlow's: values, static shapes, errors; and in sessions.

The ops: HashTableV2, MutableHashTableV2, MutableHashTableOfTensorsV2, MutableDenseHashTableV2,
AnonymousHashTable, AnonymousMutableHashTable, AnonymousMutableHashTableOfTensors,
AnonymousMutableDenseHashTable, InitializeTableV2, InitializeTableFromTextFileV2, LookupTableFindV2,
LookupTableImportV2, LookupTableInsertV2, LookupTableRemoveV2, LookupTableSizeV2, LookupTableExportV2.
"""

import gc

import numpy as np
import pytest
from golden_calls import check_call, check_eagerly, check_program, load

import reflow as tf
from reflow.compat import v1 as tf1
from reflow.lang import errors
from reflow.lang.services import service

LOADED = load("lookup")


@pytest.mark.parametrize("which", ["interpret", "compile", "unknown"])
@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_what_tensorflow_gives(call, which):
    check_call(LOADED, call, which)


@pytest.mark.parametrize("call", LOADED[2].calls)
def test_calls_give_it_eagerly(call):
    check_eagerly(LOADED, call)


@pytest.mark.parametrize("program", LOADED[2].programs)
def test_programs_give_what_tensorflow_gives(program):
    check_program(LOADED, program, "interpret")


def pairs():
    return tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])


def test_a_table_belongs_to_its_session():
    with tf.Graph().as_default() as graph:
        table = tf1.lookup.StaticHashTable(pairs(), -1)
        value = table.lookup(tf.constant("b"))
        assert table.initializer in graph.get_collection(tf1.GraphKeys.TABLE_INITIALIZERS)
        initialize = tf1.tables_initializer()
    with tf1.Session(graph=graph) as session:
        with pytest.raises(errors.FailedPreconditionError, match="Table not initialized"):
            session.run(value)
        session.run(initialize)
        session.run(initialize)  # nothing happens
        assert session.run(value) == 2
    with tf1.Session(graph=graph) as session:
        with pytest.raises(errors.FailedPreconditionError):
            session.run(value)


def test_names_are_tensorflows():
    with tf.Graph().as_default() as graph:
        table = tf.lookup.StaticHashTable(pairs(), -1)
        table.lookup(tf.constant(["a"], name="keys_of_mine"))
        table.size()
        assert table.name == "hash_table"
        assert tf1.tables_initializer().name == "init_all_tables"
        assert tf1.initialize_all_tables().name == "init_all_tables_1"
    assert [op.name for op in graph.get_operations()] == [
        "keys", "values", "Const", "hash_table", "key_value_init/LookupTableImportV2", "keys_of_mine",
        "hash_table_Lookup/LookupTableFindV2", "hash_table_Size/LookupTableSizeV2",
        "init_all_tables", "init_all_tables_1",
    ]  # fmt: skip


def test_a_mutable_table_in_a_session():
    with tf.Graph().as_default() as graph:
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
        keys = tf1.placeholder(tf.string, [None])
        values = tf1.placeholder(tf.int64, [None])
        insert, found, size = table.insert(keys, values), table.lookup(keys), table.size()
        remove = table.remove(keys)
        dense = tf.lookup.experimental.DenseHashTable(tf.int64, tf.int64, -1, 0, -1)
        with tf1.control_dependencies([dense.insert(values, values)]):
            doubled = dense.lookup(values) * 2
    assert found.shape.as_list() == [None]
    with tf1.Session(graph=graph) as session:
        session.run(insert, {keys: ["a", "b"], values: [1, 2]})
        assert session.run(found, {keys: ["b", "c"]}).tolist() == [2, -1]
        session.run(remove, {keys: ["b"]})
        assert session.run(found, {keys: ["b"]}).tolist() == [-1]
        assert session.run(size) == 1
        assert session.run(doubled, {values: [4, 5]}).tolist() == [8, 10]
        assert session.run(doubled, {values: [6]}).tolist() == [12]


def test_a_table_in_a_branch_and_in_a_loop():
    with tf.Graph().as_default() as graph:
        table = tf.lookup.StaticHashTable(pairs(), -1)
        chosen = tf1.placeholder(tf.bool, [])
        word = tf1.placeholder(tf.string, [])
        value = tf.cond(chosen, lambda: table.lookup(word), lambda: tf.constant(7))

        def inner():
            other = tf.lookup.StaticHashTable(pairs(), -5)
            return other.lookup(word)

        made_inside = tf.cond(chosen, inner, lambda: tf.constant(7))
        looped = tf.map_fn(table.lookup, tf.constant(["a", "z", "b"]), fn_output_signature=tf.int32)
        initialize = tf1.tables_initializer()
    with tf1.Session(graph=graph) as session:
        session.run(initialize)
        assert session.run(value, {chosen: True, word: "b"}) == 2
        assert session.run(value, {chosen: False, word: "b"}) == 7
        assert session.run(made_inside, {chosen: True, word: "q"}) == -5
        assert session.run(looped).tolist() == [1, -1, 2]


def test_a_table_of_a_graph_definition():
    with tf.Graph().as_default() as graph:
        table = tf.lookup.StaticHashTable(pairs(), -1)
        tf.identity(table.lookup(tf1.placeholder(tf.string, [None], name="words")), "ids")
        tf1.tables_initializer(name="initialize")
    definition = graph.as_graph_def()
    with tf.Graph().as_default() as graph, tf1.Session(graph=graph) as session:
        tf1.import_graph_def(definition, name="")
        session.run("initialize")
        assert session.run("ids:0", {"words:0": ["b", "q"]}).tolist() == [2, -1]


def test_tables_of_eager_code_go_with_their_objects():
    store = service("eager_store")
    gc.collect()
    before = len(store.handles())
    table = tf.lookup.StaticHashTable(pairs(), -1)
    dense = tf.lookup.experimental.DenseHashTable(tf.int64, tf.int64, -1, 0, -1)
    assert len(store.handles()) == before + 2
    del table, dense
    gc.collect()
    assert len(store.handles()) == before


def test_many_keys():
    keys = np.random.default_rng(0).permutation(20000).astype(np.int64) + 1
    table = tf.lookup.experimental.DenseHashTable(tf.int64, tf.int64, -1, 0, -1)
    table.insert(keys, keys * 2)
    assert np.array_equal(table.lookup(keys[::-1]).numpy(), keys[::-1] * 2)


def test_another_kind_of_table_by_the_same_name_is_refused():
    name = "the name of two tables"
    with tf.Graph().as_default() as graph:
        first = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name=name)
        other = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int32, shared_name=name)
        sizes = [tf.raw_ops.LookupTableSizeV2(table_handle=h) for h in (first, other)]
    with tf1.Session(graph=graph) as session:
        assert session.run(sizes[0]) == 0
        with pytest.raises(errors.InvalidArgumentError, match="Conflicting key/value dtypes"):
            session.run(sizes[1])
