"""Data sets in files: TensorFlow's are read, and what is written here is read again."""

import collections
import pathlib

import numpy as np
import pytest

import reflow as tf
from reflow.formats import protos

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden" / "saved_datasets"
Dataset = tf.data.Dataset


def rows(dataset):
    return [tf.nest.map_structure(lambda x: np.asarray(x).tolist(), e) for e in dataset]


WANTED = [{"n": i, "text": str(i).encode(), "row": [float(i)] * 2} for i in range(5)]


@pytest.mark.parametrize(
    ("name", "compression"), [("plain", None), ("compressed", "GZIP"), ("shards", None)]
)
def test_what_tensorflow_saved(name, compression):
    dataset = Dataset.load(str(GOLDEN / name), compression=compression)
    assert rows(dataset) == WANTED
    assert dataset.cardinality().numpy() == 5
    assert dataset.element_spec["row"] == tf.TensorSpec([2], tf.float32)


def test_a_reader_decides_on_the_order():
    dataset = Dataset.load(
        str(GOLDEN / "shards"), reader_func=lambda shards: shards.flat_map(lambda shard: shard)
    )
    assert [row["n"] for row in rows(dataset)] == [0, 2, 4, 1, 3]


@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_saved_and_loaded(tmp_path, compression):
    Pair = collections.namedtuple("Pair", ["a", "b"])
    numbers = Dataset.range(4)
    for name, dataset in {
        "one": numbers,
        "single": numbers.map(lambda x: (x,)),
        "tuple": numbers.map(lambda x: (x, {"t": tf.fill([x], "s"), "h": tf.cast(x, tf.bfloat16)})),
        "named": numbers.map(lambda x: Pair(x, -x)),
        "empty": numbers.take(0),
    }.items():
        path = str(tmp_path / name)
        dataset.save(path, compression=compression)
        again = Dataset.load(path, compression=compression)
        if name != "named":
            assert again.element_spec == dataset.element_spec
        assert rows(again) == rows(dataset)


def test_shards_and_metadata(tmp_path):
    Dataset.range(6).save(str(tmp_path), shard_func=lambda x: x % 3)
    metadata = protos.SnapshotMetadataRecord.FromString(
        (tmp_path / "snapshot.metadata").read_bytes()
    )
    assert (metadata.num_elements, metadata.finalized, metadata.version) == (6, True, 2)
    assert list(metadata.dtype) == [tf.int64.as_datatype_enum]
    shards = sorted(each.name for each in (tmp_path / metadata.run_id).iterdir())
    assert shards == ["00000000.shard", "00000001.shard", "00000002.shard"]
    assert sorted(rows(Dataset.load(str(tmp_path)))) == list(range(6))


def test_what_cannot_be_read_or_written_says_so(tmp_path):
    with pytest.raises(tf.errors.NotFoundError):
        Dataset.load(str(tmp_path / "nothing"))
    with pytest.raises(tf.errors.UnimplementedError, match="SNAPPY"):
        Dataset.range(2).save(str(tmp_path), compression="SNAPPY")
    with pytest.raises(tf.errors.UnimplementedError, match="RaggedTensorSpec"):
        Dataset.from_tensors(tf.ragged.constant([[1]])).save(str(tmp_path))
    with pytest.raises(tf.errors.InvalidArgumentError, match="not of"):
        Dataset.load(str(GOLDEN / "plain"), element_spec=tf.TensorSpec([], tf.int64))
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "dataset_spec.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(tf.errors.DataLossError):
        Dataset.load(str(bad))
    Dataset.range(2).save(str(tmp_path / "cut"))
    path = tmp_path / "cut" / "snapshot.metadata"
    metadata = protos.SnapshotMetadataRecord.FromString(path.read_bytes())
    metadata.finalized = False
    path.write_bytes(metadata.SerializeToString())
    with pytest.raises(tf.errors.FailedPreconditionError, match="to its end"):
        Dataset.load(str(tmp_path / "cut"))


def test_a_save_that_fails_leaves_nothing_to_load(tmp_path):
    failing = Dataset.range(3).map(
        lambda x: tf.debugging.check_numerics(1.0 / tf.cast(x - 1, tf.float32), "")
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        failing.save(str(tmp_path))
    with pytest.raises(tf.errors.FailedPreconditionError):
        Dataset.load(str(tmp_path))
