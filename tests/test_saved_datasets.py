"""Data sets in files: TensorFlow's are read, and what is written here is read again."""

import collections
import os
import pathlib
import subprocess
import sys

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


# Snapshots ----------------------------------------------------------------------------------------


def _doubled(count=5, calls=None):
    def noted(x):
        if calls is not None:
            calls.append(int(x))
        return x

    dataset = Dataset.range(count).map(lambda x: tf.py_function(noted, [x], tf.int64))
    return dataset.map(lambda x: (tf.ensure_shape(x, []), tf.strings.as_string(x)))


WHOLE = [(i, str(i).encode()) for i in range(5)]


def _plain(dataset):
    return [(int(x), text) for x, text in dataset.as_numpy_iterator()]


# Snapshots: SnapshotDatasetV2, and DatasetFingerprint, by which they are found.


def test_a_snapshot_is_written_once(tmp_path):
    calls = []
    dataset = _doubled(calls=calls).snapshot(str(tmp_path))
    assert next(iter(dataset))[0].numpy() == 0 and calls == [0]
    assert _plain(dataset) == WHOLE  # the first iteration did not come to its end
    assert calls == [0, 0, 1, 2, 3, 4]
    assert _plain(dataset.repeat(2)) == 2 * WHOLE and len(calls) == 6
    assert dataset.cardinality().numpy() == 5


def test_a_snapshot_is_of_one_pipeline(tmp_path):
    path = str(tmp_path)
    assert [int(x) for x in Dataset.range(3).snapshot(path)] == [0, 1, 2]
    assert [int(x) for x in Dataset.range(4).snapshot(path)] == [0, 1, 2, 3]
    assert [int(x) for x in Dataset.range(3).snapshot(path, compression=None)] == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 3
    assert [int(x) for x in Dataset.range(3).snapshot(path)] == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_the_files_of_a_snapshot_are_those_of_saved_data_sets(tmp_path, compression):
    dataset = Dataset.range(6).snapshot(
        str(tmp_path),
        compression=compression,
        shard_func=lambda x: x % 2,
        reader_func=lambda shards: shards.interleave(lambda shard: shard.map(lambda x: -x)),
    )
    assert [int(x) for x in dataset] == list(range(6))
    assert [int(x) for x in dataset] == [0, -1, -2, -3, -4, -5]
    (folder,) = tmp_path.iterdir()
    metadata = protos.SnapshotMetadataRecord.FromString((folder / "snapshot.metadata").read_bytes())
    assert metadata.graph_hash == folder.name and metadata.finalized and metadata.version == 2
    assert metadata.num_elements == 6 and list(metadata.dtype) == [9]
    spec = tf.TensorSpec([], tf.int64)
    in_turn = Dataset.load(
        str(folder), spec, compression, reader_func=lambda shards: shards.flat_map(lambda x: x)
    )
    assert [int(x) for x in in_turn] == [0, 2, 4, 1, 3, 5]


def test_a_snapshot_with_an_error_is_not_whole(tmp_path):
    numbers = Dataset.range(4).map(lambda x: tf.gather([7, 8, 9], x % 4)).snapshot(str(tmp_path))
    for _ in range(2):
        iterator = iter(numbers)
        assert [int(next(iterator)) for _ in range(3)] == [7, 8, 9]
        with pytest.raises(tf.errors.InvalidArgumentError, match="not in"):
            next(iterator)
        with pytest.raises(StopIteration):
            next(iterator)


def test_wrong_snapshots(tmp_path):
    path, numbers = str(tmp_path), Dataset.range(3)
    with pytest.raises(tf.errors.UnimplementedError, match=r"test_saved.*:\d+: .*'SNAPPY'"):
        numbers.snapshot(path, compression="SNAPPY")
    with pytest.raises(tf.errors.UnimplementedError, match="RaggedTensorSpec"):
        numbers.map(lambda x: tf.RaggedTensor.from_row_lengths([x], [1])).snapshot(path)
    with pytest.raises(TypeError, match="shard_func must return a 0-D int64"):
        numbers.snapshot(path, shard_func=lambda x: 0.5)
    with pytest.raises(TypeError, match="reader_func must return a data set"):
        numbers.snapshot(path, reader_func=lambda shards: shards)
    kept = numbers.snapshot(path, compression=None)
    assert [int(x) for x in kept] == [0, 1, 2]
    (file,) = tmp_path.glob("*/*/*/*.snapshot")
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(tf.errors.DataLossError, match="truncated record"):
        list(kept)


def test_fingerprints():
    def build():
        numbers = Dataset.range(4)
        v = tf.Variable(2, dtype=tf.int64)
        return [
            numbers,
            numbers.batch(2),
            numbers.batch(3),
            numbers.map(lambda x: x + 1),
            numbers.map(lambda x: x + 2),
            numbers.map(lambda x: tf.cond(x > 1, lambda: x, lambda: -x)),
            numbers.map(lambda x: tf.cond(x > 1, lambda: x, lambda: 2 * x)),
            numbers.map(lambda x: x * v),
            numbers.shuffle(3, seed=1),
            numbers.shuffle(3, seed=2),
            numbers.cache(),
            Dataset.from_tensor_slices((["a", "b"], [1, 2])),
            Dataset.from_tensor_slices((["a", "c"], [1, 2])),
            Dataset.from_tensor_slices(np.arange(4)),
            Dataset.zip((numbers, numbers.skip(0))),
            numbers.flat_map(lambda x: Dataset.from_tensors(x).repeat(x)),
        ]

    first, second = ([int(each.fingerprint()) for each in build()] for _ in range(2))
    assert first == second and len(set(first)) == len(first)
    cached = Dataset.range(3).cache()
    before = cached.fingerprint()
    assert [int(x) for x in cached] == [0, 1, 2] and cached.fingerprint() == before
    assert before.dtype is tf.uint64 and before.shape == []


def test_a_fingerprint_is_the_same_in_another_process():
    program = (
        "import reflow as tf; d = tf.data.Dataset.from_tensor_slices(['x', 'y']).shuffle(2)\n"
        "print(d.map(lambda x: tf.strings.length(x) * {'a': 1}['a']).fingerprint().numpy())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1 and int(found.pop()) > 0
