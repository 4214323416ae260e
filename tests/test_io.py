"""tf.io: files, records, examples, tensors and CSV, in eager code and in graphs.

The ops ReadFile, WriteFile and MatchingFiles are tested here. Expected values are TensorFlow's.
"""

import gzip
import os

import numpy as np
import pytest

import reflow as tf2
from reflow.compat import v1 as tf
from reflow.formats import tfrecord
from reflow.formats.crc32c import crc32c, mask, masked_crc32c, unmask
from reflow.lang import errors
from reflow.lang.graph import Graph
from reflow.ops.io.example_kernels import _packed, _varints


def example(**features):
    """A serialised `tf.train.Example`: bytes, floats and integers by their Python types."""
    made = {}
    for key, values in features.items():
        if isinstance(values[0], bytes):
            made[key] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif isinstance(values[0], float):
            made[key] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            made[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


ONE, TWO = example(a=[1, 2], b=[0.5], c=[b"x"]), example(a=[3, 4], b=[0.25, 1.0])


def dense(value):
    return tf2.sparse.to_dense(value).numpy().tolist()


# Files --------------------------------------------------------------------------------------------


def test_files_are_written_read_and_found(tmp_path):
    path = str(tmp_path / "new" / "folder" / "a.txt")
    assert tf2.io.write_file(path, b"hello\0\xff") is None
    assert tf2.io.read_file(path).numpy() == b"hello\0\xff"
    tf2.io.write_file(str(tmp_path / "b.txt"), "text")
    found = tf2.io.matching_files([str(tmp_path / "*.txt"), str(tmp_path / "new" / "*" / "?.txt")])
    assert found.numpy().tolist() == sorted([str(tmp_path / "b.txt").encode(), path.encode()])
    assert tf2.io.matching_files(str(tmp_path / "none*")).numpy().tolist() == []


def test_a_graph_reads_a_file_anew_in_each_run(tmp_path):
    path = tmp_path / "f"
    with Graph().as_default() as graph:
        contents = tf.read_file(str(path))
        assert (contents.op.type, contents.shape.as_list()) == ("ReadFile", [])
        name, data = tf.placeholder(tf.string, []), tf.placeholder(tf.string, [])
        write = tf.write_file(name, data)
        assert write.type == "WriteFile"
        names = tf.matching_files(str(tmp_path / "*"))
        with tf.Session(graph=graph) as session:
            for text in (b"one", b"two"):
                session.run(write, {name: str(path), data: text})
                assert session.run(contents) == text
                assert session.run(names).tolist() == [str(path).encode()]


def test_a_missing_file_says_where():
    with pytest.raises(errors.NotFoundError, match=r"test_io.py:\d+.*/no/such/file"):
        tf2.io.read_file("/no/such/file")
    with pytest.raises(errors.InvalidArgumentError, match="scalar"):
        tf2.io.read_file(["/no/such/file"])


def test_match_filenames_once_is_a_local_variable(tmp_path):
    (tmp_path / "a").touch()
    with Graph().as_default(), tf.Session() as session:
        names = tf.train.match_filenames_once(str(tmp_path / "*"))
        assert names in tf.local_variables()
        session.run(tf.local_variables_initializer())
        (tmp_path / "b").touch()
        assert session.run(names).tolist() == [str(tmp_path / "a").encode()]


# Records ------------------------------------------------------------------------------------------

RECORDS = [b"hello", b"", b"x" * 1000]
# What TensorFlow's writer gives for the first two of them.
BYTES = (
    b"\x05\0\0\0\0\0\0\0\xea\xb2\x04>hello\xbb\x1f\x1c\x19"
    b"\0\0\0\0\0\0\0\0)\x03\x98\x07\xd8\xea\x82\xa2"
)


def records(path, options=None):
    return list(tfrecord.read_records(str(path), options or ""))


def test_record_files_are_tensorflows(tmp_path):
    path = tmp_path / "plain"
    with tf2.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"hello")
        writer.flush()
        assert path.stat().st_size == 21
        writer.write("")
    assert path.read_bytes() == BYTES
    assert records(path) == [b"hello", b""]
    writer.close()
    with pytest.raises(errors.FailedPreconditionError, match="closed"):
        writer.write(b"more")
    with pytest.raises(TypeError, match="int"):
        tf2.io.TFRecordWriter(str(path)).write(3)


@pytest.mark.parametrize("kind", ["GZIP", "ZLIB"])
def test_compressed_record_files(tmp_path, kind):
    path = tmp_path / kind
    options = tf2.io.TFRecordOptions(kind, compression_level=9)
    with tf2.io.TFRecordWriter(str(path), options) as writer:
        for each in RECORDS:
            writer.write(each)
    assert records(path, kind) == RECORDS
    assert list(tf.python_io.tf_record_iterator(str(path), options)) == RECORDS
    if kind == "GZIP":
        assert gzip.decompress(path.read_bytes()).startswith(BYTES)
        path.write_bytes(path.read_bytes() * 2)  # streams may follow each other
        assert records(path, kind) == RECORDS * 2


def test_compression_types():
    of = tf2.io.TFRecordOptions.get_compression_type_string
    numbers = tf.io.TFRecordCompressionType
    assert [of(n) for n in (numbers.NONE, numbers.ZLIB, numbers.GZIP)] == ["", "ZLIB", "GZIP"]
    assert of(None) == of("") == ""
    with pytest.raises(ValueError, match='compression_type: "LZ4"'):
        tf2.io.TFRecordOptions("LZ4")


@pytest.mark.parametrize(
    "data, good, message",
    [
        (BYTES[:-3], [b"hello"], "truncated record at 21"),
        (BYTES[:30], [b"hello"], None),  # what is left cannot even say how long it is
        (BYTES[:15], [], "truncated record at 0"),
        (b"\x07" + BYTES[1:], [], r"corrupted record at 0 \(Is this even a TFRecord file"),
        (BYTES[:13] + b"X" + BYTES[14:], [], "corrupted record at 12"),
        (b"no record file at all", [], "corrupted record at 0"),
        (b"", [], None),
    ],
)
def test_damaged_record_files(tmp_path, data, good, message):
    path = tmp_path / "damaged"
    path.write_bytes(data)
    found = []
    if message is None:
        assert records(path) == good
        return
    with pytest.raises(errors.DataLossError, match=message):
        for each in tfrecord.read_records(str(path)):
            found.append(each)
    assert found == good


def test_a_record_of_absurd_length_is_an_error(tmp_path):
    path = tmp_path / "absurd"
    length = (2**62).to_bytes(8, "little")
    path.write_bytes(length + masked_crc32c(length).to_bytes(4, "little") + b"data")
    with pytest.raises(errors.DataLossError, match="truncated"):
        records(path)


def test_checksums():
    assert crc32c(b"123456789") == 0xE3069283
    assert unmask(mask(0xE3069283)) == 0xE3069283
    with pytest.raises(errors.NotFoundError):
        tfrecord.read_records("/no/such/file")


# Examples -----------------------------------------------------------------------------------------

WANTED = {
    "a": tf.FixedLenFeature([2], tf.int64),
    "b": tf.VarLenFeature(tf.float32),
    "c": tf.FixedLenFeature([], tf.string, default_value="none"),
}


def test_parse_example():
    found = tf2.io.parse_example([ONE, TWO], WANTED)
    assert sorted(found) == ["a", "b", "c"]
    assert found["a"].numpy().tolist() == [[1, 2], [3, 4]]
    assert found["c"].numpy().tolist() == [b"x", b"none"]
    assert dense(found["b"]) == [[0.5, 0.0], [0.25, 1.0]]


def test_parse_single_example():
    found = tf2.io.parse_single_example(TWO, WANTED)
    assert found["a"].numpy().tolist() == [3, 4]
    assert found["c"].numpy() == b"none"
    assert dense(found["b"]) == [0.25, 1.0]
    with pytest.raises(ValueError, match="must be a scalar"):
        tf2.io.parse_single_example([TWO], WANTED)


def test_parsing_in_a_graph_has_tensorflows_nodes_and_shapes():
    with Graph().as_default() as graph:
        serialized = tf.placeholder(tf.string, [None], name="data")
        many = tf.parse_example(serialized, WANTED, name="many")
        one = tf.parse_single_example(serialized[0], WANTED)
        assert many["a"].name == "many/ParseExampleV2:3"
        assert one["a"].name == "ParseSingleExample/ParseExample/ParseExampleV2:3"
        assert many["a"].shape.as_list() == [None, 2]
        assert many["c"].shape.as_list() == [None]
        assert many["b"].dense_shape.shape.as_list() == [2]
        assert one["a"].shape.as_list() == [2]
        with tf.Session(graph=graph) as session:
            values = session.run([many["a"], one["c"]], {serialized: [TWO, ONE]})
    assert values[0].tolist() == [[3, 4], [1, 2]]
    assert values[1] == b"none"


def test_sequences_of_rows_are_padded():
    wanted = {"b": tf2.io.FixedLenSequenceFeature([], tf.float32, True, default_value=-1.0)}
    found = tf2.io.parse_example([ONE, TWO], wanted)
    assert found["b"].numpy().tolist() == [[0.5, -1.0], [0.25, 1.0]]
    with pytest.raises(ValueError, match="allow_missing"):
        tf2.io.parse_example([ONE], {"b": tf2.io.FixedLenSequenceFeature([], tf.float32)})


def test_sparse_features():
    data = [example(at=[3, 0], v=[0.5, 1.5]), example(at=[2], v=[4.0])]
    wanted = {"s": tf2.io.SparseFeature("at", "v", tf.float32, 5)}
    found = tf2.io.parse_example(data, wanted)
    assert list(found) == ["s"]
    assert dense(found["s"]) == [[1.5, 0, 0, 0.5, 0], [0, 0, 4, 0, 0]]


@pytest.mark.parametrize(
    "wanted, error, message",
    [
        (
            {"a": tf2.io.FixedLenFeature([3], tf.int64)},
            "InvalidArgument",
            "int64 values != expected",
        ),
        ({"a": tf2.io.FixedLenFeature([2], tf.float32)}, "InvalidArgument", "types don't match"),
        (
            {"z": tf2.io.FixedLenFeature([2], tf.float32)},
            "InvalidArgument",
            r"Feature: z \(data type",
        ),
        ({"a": tf2.io.FixedLenFeature([None], tf.int64)}, "Value", "need to be known"),
        ({"a": tf2.io.FixedLenFeature([2], tf.int32)}, "", "int32"),
        ({"a": "what?"}, "Value", "Unsupported str"),
        ({}, "Value", "cannot be None or falsy"),
    ],
)
def test_what_examples_cannot_give(wanted, error, message):
    with pytest.raises(Exception, match=message) as caught:
        tf2.io.parse_example([ONE], wanted)
    assert type(caught.value).__name__ == f"{error}Error" or not error


def test_long_lists_of_numbers():
    numbers = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 200)
    numbers = [0, -1, 127, 128, 2**63 - 1, -(2**63), *numbers.tolist()]
    held = tf.train.Int64List(value=numbers)
    assert _varints(_packed(held), len(numbers)).tolist() == numbers
    reals = np.random.default_rng(1).standard_normal(300).astype(np.float32)
    data = example(i=numbers, f=reals.tolist())
    found = tf2.io.parse_single_example(
        data,
        {"i": tf.FixedLenFeature([206], tf.int64), "f": tf.FixedLenFeature([300], tf.float32)},
    )
    assert found["i"].numpy().tolist() == numbers
    assert np.array_equal(found["f"].numpy(), reals)


RAGGED = [
    example(
        v=[1, 2, 3, 4],
        s=[0, 1, 4],
        l=[1, 3],
        st=[0, 1],
        li=[1, 4],
        ids=[0, 1, 1, 1],
        l2=[2, 1, 1],
        s2=[0, 2],
    ),
    example(v=[5, 6], s=[0, 2], l=[2], st=[0], li=[2], ids=[0, 0], l2=[1, 1], s2=[0, 1]),
    example(s=[0]),
]
Ragged = tf2.io.RaggedFeature
ROWS = [[[1], [2, 3, 4]], [[5, 6]], []]


@pytest.mark.parametrize(
    "partitions, batch",
    [
        ([], [[1, 2, 3, 4], [5, 6], []]),
        ([Ragged.RowSplits("s")], ROWS),
        ([Ragged.RowLengths("l")], ROWS),
        ([Ragged.RowStarts("st")], ROWS),
        ([Ragged.RowLimits("li")], ROWS),
        ([Ragged.ValueRowIds("ids")], ROWS),
        ([Ragged.UniformRowLength(2)], [[[1, 2], [3, 4]], [[5, 6]], []]),
        (
            [Ragged.UniformRowLength(1), Ragged.RowLengths("l2")],
            [[[[1, 2]], [[3]], [[4]]], [[[5]], [[6]]], []],
        ),
        (
            [Ragged.RowSplits("s2"), Ragged.UniformRowLength(2)],
            [[[[1, 2], [3, 4]]], [[[5, 6]]], []],
        ),
    ],
)
def test_ragged_features(partitions, batch):
    def parsed(parse, data, splits):
        feature = Ragged(tf.int64, "v", partitions, row_splits_dtype=splits, validate=True)
        return parse(data, {"x": feature})["x"]

    found = parsed(tf2.io.parse_example, RAGGED, tf.int64)
    assert found.to_list() == batch
    assert found.row_splits.dtype == tf.int64
    one = parsed(tf2.io.parse_single_example, RAGGED[0], tf.int32)
    assert (one.to_list() if hasattr(one, "to_list") else one.numpy().tolist()) == batch[0]


def test_ragged_contexts_and_what_is_missing():
    context = {"n": Ragged(tf.int64)}
    found, _, _ = tf2.io.parse_sequence_example([sequence(), b""], context)
    assert found["n"].to_list() == [[7], []]
    with pytest.raises(ValueError, match="must not intersect"):
        tf2.io.parse_example(
            [ONE], {"a": Ragged(tf.int64), "x": Ragged(tf.int64, "b"), "b": WANTED["b"]}
        )
    with pytest.raises(ValueError, match="int64, float32, or bytes"):
        Ragged(tf.int32)


def steps(**lists):
    def ints(values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    lists = {k: tf.train.FeatureList(feature=map(ints, v)) for k, v in lists.items()}
    lists = tf.train.FeatureLists(feature_list=lists)
    return tf.train.SequenceExample(feature_lists=lists).SerializeToString()


STEPS = [
    steps(
        v=[[1, 2, 3], [], [4, 5]],
        l=[[2, 1], [], [0, 2]],
        s=[[0, 2, 3], [0], [0, 0, 2]],
        ids=[[0, 0, 1], [], [1, 1]],
        st=[[0, 2], [], [0, 0]],
        li=[[2, 3], [], [0, 2]],
    ),
    b"",
    steps(v=[[9, 8, 7, 6]], l=[[4]], s=[[0, 4]], ids=[[0] * 4], st=[[0]], li=[[4]]),
]
STEP_ROWS = [[[[1, 2], [3]], [], [[], [4, 5]]], [], [[[9, 8, 7, 6]]]]


@pytest.mark.parametrize(
    "partitions, batch",
    [
        ([], [[[1, 2, 3], [], [4, 5]], [], [[9, 8, 7, 6]]]),
        ([Ragged.RowSplits("s")], STEP_ROWS),
        ([Ragged.RowLengths("l")], STEP_ROWS),
        ([Ragged.RowStarts("st")], STEP_ROWS),
        ([Ragged.RowLimits("li")], STEP_ROWS),
        ([Ragged.ValueRowIds("ids")], STEP_ROWS),
        (
            [Ragged.UniformRowLength(1), Ragged.RowLengths("l")],
            [[[[[1, 2]], [[3]]], [], [[[]], [[4, 5]]]], [], [[[[9, 8, 7, 6]]]]],
        ),
    ],
)
def test_ragged_features_of_sequences(partitions, batch):
    wanted = {"x": Ragged(tf.int64, "v", partitions, validate=True)}
    _, found, _ = tf2.io.parse_sequence_example(STEPS, None, wanted)
    assert found["x"].to_list() == batch and found["x"].row_splits.dtype == tf.int32
    _, one = tf2.io.parse_single_sequence_example(STEPS[0], None, wanted)
    assert one["x"].to_list() == batch[0]
    traced = tf2.function(lambda data: tf2.io.parse_sequence_example(data, None, wanted)[1]["x"])
    assert traced(tf2.constant(STEPS)).to_list() == batch


def test_wrong_ragged_features_of_sequences():
    with pytest.raises(errors.InvalidArgumentError, match="Feature list: v, Index: 0.*float"):
        tf2.io.parse_sequence_example(STEPS, None, {"v": Ragged(tf.float32)})
    wanted = {"v": Ragged(tf.int64, partitions=[Ragged.RowLengths("st")], validate=True)}
    with pytest.raises(errors.InvalidArgumentError, match="number of values"):
        tf2.io.parse_sequence_example(STEPS, None, wanted)
    unknown = tf2.function(
        lambda data: tf2.io.parse_sequence_example(data, None, {"v": Ragged(tf.int64)}),
        input_signature=[tf2.TensorSpec(None, tf.string)],
    )
    with pytest.raises(ValueError, match="statically-known rank"):
        unknown(tf2.constant(STEPS))


def sequence():
    def ints(*values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    lists = {"q": tf.train.FeatureList(feature=[ints(1, 2), ints(3, 4)])}
    return tf.train.SequenceExample(
        context=tf.train.Features(feature={"n": ints(7)}),
        feature_lists=tf.train.FeatureLists(feature_list=lists),
    ).SerializeToString()


def test_sequence_examples():
    context = {"n": tf2.io.FixedLenFeature([], tf.int64, default_value=0)}
    lists = {"q": tf2.io.FixedLenSequenceFeature([2], tf.int64, allow_missing=True)}
    contexts, found, lengths = tf2.io.parse_sequence_example([sequence(), b""], context, lists)
    assert contexts["n"].numpy().tolist() == [7, 0]
    assert found["q"].numpy().tolist() == [[[1, 2], [3, 4]], [[0, 0], [0, 0]]]
    assert lengths["q"].numpy().tolist() == [2, 0]
    one, found = tf.parse_single_sequence_example(sequence(), context, lists)
    assert one["n"].numpy() == 7
    assert found["q"].numpy().tolist() == [[1, 2], [3, 4]]
    with pytest.raises(errors.InvalidArgumentError, match="Feature list 'q' is required"):
        lists = {"q": tf2.io.FixedLenSequenceFeature([2], tf.int64)}
        tf2.io.parse_single_sequence_example(b"", None, lists)
    with pytest.raises(ValueError, match="at least one should have values"):
        tf2.io.parse_sequence_example([b""])


def test_json_examples():
    text = '{"features": {"feature": {"a": {"int64List": {"value": ["1", -2]}}}}}'
    data = tf2.io.decode_json_example(text)
    found = tf2.io.parse_single_example(data, {"a": tf2.io.FixedLenFeature([2], tf.int64)})
    assert found["a"].numpy().tolist() == [1, -2]


# Other forms --------------------------------------------------------------------------------------


def test_names_of_tf1_have_their_parameters():
    assert tf.decode_raw(bytes=b"ab", out_type=tf.uint8).numpy().tolist() == [97, 98]
    with pytest.raises(ValueError, match="out_type"):
        tf.decode_raw(b"ab")
    columns = tf.decode_csv(["1;x"], [[0], [""]], ";", True, "name")
    assert [c.numpy().tolist() for c in columns] == [[1], [b"x"]]
    with pytest.raises(ValueError, match="strictly increasing"):
        tf2.io.decode_csv(["1"], [[0], [0]], select_cols=[1, 0])
    assert tf.decode_base64(tf.encode_base64("text")).numpy() == b"text"


@pytest.mark.parametrize("value", [np.float32(1.5), [[1, 2]], ["a", "bc"], [True], [1 + 2j]])
def test_tensors_survive(value):
    tensor = tf2.constant(value)
    again = tf2.io.parse_tensor(tf2.io.serialize_tensor(tensor), tensor.dtype)
    assert again.numpy().tolist() == tensor.numpy().tolist()


def test_sparse_tensors_survive():
    sparse = tf2.sparse.from_dense([[0, 5, 0], [0, 0, 7]])
    rows = tf2.io.serialize_many_sparse(sparse)
    assert rows.shape == (2, 3)
    again = tf2.io.deserialize_many_sparse(tf2.gather(rows, [1, 0]), tf.int32, rank=1)
    assert dense(again) == [[0, 0, 7], [0, 5, 0]]
    assert tf.serialize_sparse(sparse).shape == (3,)
    with pytest.raises(TypeError, match="SparseTensor"):
        tf2.io.serialize_sparse([1])


def test_gfile_is_there(tmp_path):
    path = os.path.join(tmp_path, "x")
    with tf2.io.gfile.GFile(path, "w") as file:
        file.write("content")
    assert tf2.io.read_file(path).numpy() == b"content"
