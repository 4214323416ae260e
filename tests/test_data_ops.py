"""The ops of data sets and iterators: which method makes which node, and what the node gives; raw ops
that no method makes. What the methods give is compared with TensorFlow in test_data.py.
"""

import numpy as np
import pytest

import reflow
from reflow.lang.graph import Graph
from reflow.lang.opdef import REGISTRY

tf = reflow.compat.v1
D = tf.data.Dataset
E = tf.data.experimental
ONE = {"output_types": ["int64"], "output_shapes": [[]]}
MANY = {"output_types": ["int64"], "output_shapes": [[None]]}


def zero():
    return np.int64(0)


def reducer():
    return E.Reducer(lambda key: zero(), lambda s, x: s + x, lambda s: s)


def repeated(x):
    return D.from_tensors(x).repeat(2)


# The type of the last node that a program makes, and the elements of its data set.
NODES = {
    "TensorDataset": (lambda d: D.from_tensors(zero()), [0]),
    "TensorSliceDataset": (lambda d: D.from_tensor_slices(np.int64([7, 8])), [7, 8]),
    "RangeDataset": (lambda d: D.range(1, 4), [1, 2, 3]),
    "RandomDatasetV2": (lambda d: D.random(seed=4), None),
    "GeneratorDataset": (lambda d: D.from_generator(lambda: iter([5]), tf.int64, []), [5]),
    "TakeDataset": (lambda d: d.take(2), [0, 1]),
    "SkipDataset": (lambda d: d.skip(3), [3]),
    "ShardDataset": (lambda d: d.shard(2, 1), [1, 3]),
    "RepeatDataset": (lambda d: d.repeat(2), [0, 1, 2, 3, 0, 1, 2, 3]),
    "ShuffleDataset": (lambda d: d.shuffle(1), [0, 1, 2, 3]),
    "ShuffleAndRepeatDataset": (lambda d: d.apply(E.shuffle_and_repeat(1, 1)), [0, 1, 2, 3]),
    "ConcatenateDataset": (lambda d: d.concatenate(d.take(1)), [0, 1, 2, 3, 0]),
    "DirectedInterleaveDataset": (lambda d: D.choose_from_datasets([d, d], d.take(2)), [0, 0]),
    "BatchDatasetV2": (lambda d: d.batch(3), [[0, 1, 2], [3]]),
    "ParallelBatchDataset": (lambda d: d.batch(2, num_parallel_calls=2), [[0, 1], [2, 3]]),
    "PaddedBatchDatasetV2": (lambda d: d.padded_batch(3), [[0, 1, 2], [3]]),
    "UnbatchDataset": (lambda d: d.batch(3).unbatch(), [0, 1, 2, 3]),
    "RebatchDatasetV2": (lambda d: d.batch(3).rebatch(2), [[0, 1], [2, 3]]),
    "MapDataset": (lambda d: d.map(lambda x: x + 1), [1, 2, 3, 4]),
    "ParallelMapDatasetV2": (lambda d: d.map(lambda x: x + 1, 2), [1, 2, 3, 4]),
    "FilterDataset": (lambda d: d.filter(lambda x: x > 1), [2, 3]),
    "TakeWhileDataset": (lambda d: d.take_while(lambda x: x < 2), [0, 1]),
    "ScanDataset": (lambda d: d.scan(zero(), lambda s, x: (s + x, s)), [0, 0, 1, 3]),
    "FlatMapDataset": (lambda d: d.flat_map(repeated), [0, 0, 1, 1, 2, 2, 3, 3]),
    "InterleaveDataset": (lambda d: d.interleave(repeated, 2), [0, 1, 0, 1, 2, 3, 2, 3]),
    "ParallelInterleaveDatasetV4": (
        lambda d: d.interleave(repeated, 2, num_parallel_calls=2),
        [0, 1, 0, 1, 2, 3, 2, 3],
    ),
    "GroupByWindowDataset": (
        lambda d: d.group_by_window(lambda x: x % 2, lambda k, w: w.batch(2), 2),
        [[0, 2], [1, 3]],
    ),
    "ExperimentalGroupByReducerDataset": (
        lambda d: d.apply(E.group_by_reducer(lambda x: x % 2, reducer())),
        [2, 4],
    ),
    "UniqueDataset": (lambda d: d.map(lambda x: x // 2).unique(), [0, 1]),
    "PrefetchDataset": (lambda d: d.prefetch(2), [0, 1, 2, 3]),
    "CacheDataset": (lambda d: d.cache(), [0, 1, 2, 3]),
    "IgnoreErrorsDataset": (lambda d: d.ignore_errors(), [0, 1, 2, 3]),
    "AssertCardinalityDataset": (lambda d: d.apply(E.assert_cardinality(4)), [0, 1, 2, 3]),
    "ZipDataset": (lambda d: D.zip((d,)), [(0,), (1,), (2,), (3,)]),
    "WindowDataset": (lambda d: d.window(2), None),
    "DenseToSparseBatchDataset": (lambda d: d.batch(2).sparse_batch(2, [2]), None),
}


def plain(values):
    return [each.tolist() if isinstance(each, np.ndarray) else each for each in values]


def drain(session, following):
    found = []
    while True:
        try:
            found.append(session.run(following))
        except tf.errors.OutOfRangeError:
            return found


@pytest.mark.parametrize("name", NODES)
def test_node(name):
    make, elements = NODES[name]
    with Graph().as_default(), tf.Session() as session:
        dataset = make(D.range(4))
        assert dataset._variant_tensor.op.type == name
        if elements is not None:
            iterator = tf.data.make_initializable_iterator(dataset)
            assert iterator.initializer.type == "MakeIterator"
            assert iterator._iterator_resource.op.type == "IteratorV2"
            following = iterator.get_next()
            session.run(iterator.initializer)
            assert plain(drain(session, following)) == elements


def test_file_nodes(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abcdefgh\n12345678\n")
    with Graph().as_default() as graph, tf.Session() as session:
        names = REGISTRY["MatchingFilesDataset"](str(tmp_path / "*"))
        found = tf.data.Dataset(names, reflow.TensorSpec([], tf.string), "files")
        made = [
            (tf.data.TextLineDataset(found), "TextLineDataset", [b"abcdefgh", b"12345678"]),
            (
                tf.data.FixedLengthRecordDataset(str(path), 9),
                "FixedLengthRecordDatasetV2",
                [b"abcdefgh\n", b"12345678\n"],
            ),
            (tf.data.TFRecordDataset(str(path)), "TFRecordDataset", None),
        ]
        for dataset, kind, elements in made:
            op = dataset._variant_tensor.op
            inner = op.attrs["f"]
            assert op.type == "FlatMapDataset" and inner.outputs[0].op.type == kind
            iterator = tf.data.make_initializable_iterator(dataset)
            following = iterator.get_next()
            session.run(iterator.initializer)
            if elements is None:
                with pytest.raises(tf.errors.DataLossError):
                    session.run(following)
            else:
                assert drain(session, following) == elements
        assert "MatchingFilesDataset" in {op.type for op in graph.get_operations()}


def test_csv_node(tmp_path):
    (tmp_path / "a.csv").write_text("1,a\n")
    with Graph().as_default(), tf.Session() as session:
        dataset = E.CsvDataset(str(tmp_path / "a.csv"), [tf.int64, tf.string])
        assert dataset._variant_tensor.op.type == "CSVDatasetV2"
        assert drain(session, dataset.make_one_shot_iterator().get_next()) == [(1, b"a")]


def eager(name, *args, **attrs):
    return REGISTRY[name](*args, **attrs)


def values(variant, spec=None):
    dataset = reflow.data.Dataset(variant, spec or reflow.TensorSpec(None, reflow.int64))
    return plain([each.numpy() for each in dataset])


def numbers(count=4):
    return reflow.data.Dataset.range(count)._variant_tensor


def test_ops_that_no_method_makes():
    assert values(eager("BatchDataset", numbers(), 3, **MANY)) == [[0, 1, 2], [3]]
    padded = eager(
        "PaddedBatchDataset",
        eager("BatchDataset", numbers(3), 2, **MANY),
        2,
        [np.int64([-1])],
        [np.int64(9)],
        Toutput_types=["int64"],
        output_shapes=[[None, None]],
    )
    assert values(padded) == [[[0, 1], [2, 9]]]
    assert values(eager("OptionsDataset", numbers(2), serialized_options="", **ONE)) == [0, 1]
    random = eager("RandomDataset", np.int64(87654321), np.int64(4), **ONE)
    assert values(eager("TakeDataset", random, 2, **ONE)) == [3128586565, 2023892699]
    body = reflow.data.Dataset.range(2).interleave(reflow.data.Dataset.range, 1)
    body_of = Graph()
    with body_of.as_default():
        graph = D.range(2).interleave(repeated, 2)._variant_tensor.op.attrs["f"]
    assert body is not None
    lengths = [np.int64(2), np.int64(1), False, np.int64(1), np.int64(1)]
    old = eager("ParallelInterleaveDataset", numbers(2), [], *lengths, f=graph, **ONE)
    assert values(old) == [0, 1, 0, 1]


def function_of(make):
    """The function that a transformation of a graph calls."""
    with Graph().as_default():
        return make(D.range(2))._variant_tensor.op.attrs["f"]


def test_functions_of_older_ops():
    plus_one, twice = (
        function_of(lambda d: d.map(lambda x: x + 1)),
        function_of(lambda d: d.flat_map(repeated)),
    )
    for calls in (2, -1):
        made = eager("ParallelMapDataset", numbers(3), [], np.int32(calls), f=plus_one, **ONE)
        assert values(made) == [1, 2, 3]
        made = eager("MapAndBatchDataset", numbers(3), [], 2, calls, False, f=plus_one, **MANY)
        assert values(made) == [[1, 2], [3]]
        for name in ("ParallelInterleaveDatasetV2", "ParallelInterleaveDatasetV3"):
            made = eager(name, numbers(2), [], 2, 1, calls, f=twice, **ONE)
            assert values(made) == [0, 1, 0, 1]


def test_marks_and_caches_of_older_graphs():
    assert values(eager("OptimizeDataset", numbers(2), ["map_fusion"], **ONE)) == [0, 1]
    assert values(eager("ModelDataset", numbers(2), **ONE)) == [0, 1]
    assert values(eager("MaxIntraOpParallelismDataset", numbers(2), 1, **ONE)) == [0, 1]
    assert values(eager("PrivateThreadPoolDataset", numbers(2), 1, **ONE)) == [0, 1]
    cached = eager("CacheDatasetV2", numbers(2), "", eager("DummyMemoryCache"), **ONE)
    assert values(cached) == values(cached) == [0, 1]


def test_shuffle_in_eager_code():
    made = eager(
        "ShuffleDatasetV3", numbers(5), 20, 87654321, 7, eager("DummySeedGenerator"), **ONE
    )
    assert values(made) == [2, 4, 0, 3, 1]


@pytest.mark.parametrize("kind", ["AnonymousIteratorV2", "AnonymousIteratorV3"])
@pytest.mark.parametrize("following", ["IteratorGetNext", "IteratorGetNextSync"])
def test_anonymous_iterators(kind, following):
    made = eager(kind, **ONE)
    handle = made[0] if isinstance(made, tuple) else made
    eager("MakeIterator", numbers(2), handle)
    assert [int(eager(following, handle, **ONE)[0]) for _ in range(2)] == [0, 1]
    with pytest.raises(tf.errors.OutOfRangeError, match="End of sequence"):
        eager(following, handle, **ONE)
    optional = eager("IteratorGetNextAsOptional", handle, **ONE)
    assert not eager("OptionalHasValue", optional)


def test_named_iterators_live_in_the_session():
    with Graph().as_default():
        handle = eager("Iterator", shared_name="it", container="", **ONE)
        again = eager("IteratorV2", shared_name="it", container="", **ONE)
        begin = eager("MakeIterator", D.range(3)._variant_tensor, handle)
        following = eager("IteratorGetNext", again, **ONE)[0]
        text = eager("IteratorToStringHandle", handle)
        other = eager("IteratorFromStringHandle", text, **ONE)
        of_other = eager("IteratorGetNext", other, **ONE)[0]
        with tf.Session() as session:
            session.run(begin)
            assert [session.run(x) for x in (following, of_other, following)] == [0, 1, 2]
        with tf.Session() as session, pytest.raises(tf.errors.FailedPreconditionError):
            session.run(following)


def test_a_string_that_stands_for_no_iterator_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="stands for no iterator"):
        eager("IteratorFromStringHandleV2", "nothing", **ONE)


def test_one_shot_iterators_begin_anew_in_each_session():
    with Graph().as_default():
        iterator = D.range(2).make_one_shot_iterator()
        assert iterator._iterator_resource.op.type == "OneShotIterator"
        following = iterator.get_next()
        for _ in range(2):
            with tf.Session() as session:
                assert drain(session, following) == [0, 1]


def test_optionals():
    full = eager("OptionalFromValue", [np.int64(3)])
    assert eager("OptionalHasValue", full) and int(eager("OptionalGetValue", full, **ONE)[0]) == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="does not have a value"):
        eager("OptionalGetValue", eager("OptionalNone"), **ONE)


def test_whole_datasets():
    assert int(eager("DatasetCardinality", numbers(3))) == 3
    assert int(eager("DatasetToSingleElement", numbers(1), **ONE)[0]) == 0
    assert int(eager("GetElementAtIndex", numbers(3), 2, **ONE)[0]) == 2
    with pytest.raises(tf.errors.OutOfRangeError):
        eager("GetElementAtIndex", numbers(3), 3, **ONE)
    with Graph().as_default(), tf.Session() as session:
        total = D.range(4).reduce(zero(), lambda s, x: s + x)
        assert total.op.type == "ReduceDataset" and session.run(total) == 6


def test_sparse_tensors_as_strings():
    sparse = reflow.sparse.SparseTensor([[0, 1], [2, 0]], [5.0, 6.0], [3, 2])
    one = reflow.io.serialize_sparse(sparse)
    many = reflow.io.serialize_many_sparse(sparse)
    for text in (one, many):
        parts = eager("DeserializeSparse", text, dtype="float32")
        found = reflow.sparse.to_dense(reflow.sparse.SparseTensor(*parts))
        assert found.numpy().tolist() == [[0, 5], [0, 0], [6, 0]]
    for bad in (["a", "b", "c"], ["a", "b"]):
        with pytest.raises(tf.errors.InvalidArgumentError):
            eager("DeserializeSparse", bad, dtype="float32")
    with pytest.raises(tf.errors.InvalidArgumentError, match="Requested SparseTensor of type"):
        eager("DeserializeSparse", one, dtype="int32")


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_records_are_written(tmp_path, compression):
    path = str(tmp_path / "records")
    writer = reflow.data.experimental.TFRecordWriter(path, compression)
    writer.write(reflow.data.Dataset.from_tensor_slices(["a", "", "c" * 1000]))
    found = reflow.data.TFRecordDataset(path, compression)
    assert list(found.as_numpy_iterator()) == [b"a", b"", b"c" * 1000]
    with pytest.raises(TypeError, match="scalar strings"):
        writer.write(reflow.data.Dataset.range(3))
    with Graph().as_default(), tf.Session() as session:
        node = E.TFRecordWriter(path).write(D.from_tensors("x"))
        assert node.type == "DatasetToTFRecord"
        session.run(node)
    assert list(reflow.data.TFRecordDataset(path).as_numpy_iterator()) == [b"x"]


def test_sparse_slices():
    with Graph().as_default(), tf.Session() as session:
        sparse = tf.SparseTensor([[0, 1], [2, 0]], [5.0, 6.0], [3, 2])
        dataset = D.from_sparse_tensor_slices(sparse)
        assert dataset._variant_tensor.op.type == "SparseTensorSliceDataset"
        found = drain(session, dataset.make_one_shot_iterator().get_next())
        assert [v.tolist() for _, v, _ in found] == [[5], [], [6]]
