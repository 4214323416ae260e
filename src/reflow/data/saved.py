"""Data sets in files: `Dataset.save` and `Dataset.load`, in TensorFlow's format.

A directory has `dataset_spec.pb`, the structure of the elements; `snapshot.metadata`, which names the run
that wrote them; and in the run's directory one of TFRecord files for each shard. Each part of an element
is a record, a `TensorProto`.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.data import snapshot_files
from reflow.data.transformations import assert_cardinality
from reflow.formats import protos, structure_coder
from reflow.formats.tfrecord import TFRecordOptions, TFRecordWriter
from reflow.lang import context, dtypes, errors
from reflow.ops.io.raw import parse_tensor
from reflow.platform import gfile

_SPEC = "dataset_spec.pb"


def save(
    dataset: Any, path: str, compression: Any, shard_func: Callable | None, checkpoint_args: Any
) -> None:
    """Writes the elements of `dataset` below `path`: see `Dataset.save`."""
    compression = snapshot_files.compression_of("tf.data.Dataset.save", compression)
    site = errors.user_site()
    if checkpoint_args is not None:
        raise errors.UnimplementedError(
            None, None, f"{site}: tf.data.Dataset.save with checkpoint_args"
        )
    if not context.executing_eagerly():
        raise errors.UnimplementedError(
            None,
            None,
            f"{site}: tf.data.Dataset.save within a graph or a function: call it eagerly",
        )
    structure = snapshot_files.plain_structure("tf.data.Dataset.save", dataset.element_spec)
    path = os.fspath(path)
    run = str(secrets.randbits(64))
    gfile.MakeDirs(path)
    snapshot_files.write(os.path.join(path, _SPEC), structure_coder.encode(dataset.element_spec))
    metadata = protos.SnapshotMetadataRecord(
        run_id=run, creation_timestamp=int(time.time() * 1e6), version=snapshot_files.VERSION
    )
    metadata.dtype.extend(dtype.as_datatype_enum for dtype in structure.types)
    gfile.MakeDirs(os.path.join(path, run))
    snapshot_files.write(os.path.join(path, snapshot_files.METADATA), metadata)
    # The shard of an element is found as part of the pipeline, where the function is a graph.
    shard_of = shard_func or (lambda *_: np.int64(0))
    unpacked = type(dataset.element_spec) is tuple
    rows = dataset.map(lambda *parts: (shard_of(*parts), parts if unpacked else parts[0]))
    writers: dict[int, TFRecordWriter] = {}
    try:
        for shard, element in rows:
            number = int(shard)
            if number not in writers:
                folder = snapshot_files.shard_folder(os.path.join(path, run), number)
                writers[number] = TFRecordWriter(
                    os.path.join(folder, "00000000.snapshot"),
                    TFRecordOptions(compression_type=compression),
                )
            for part in structure.to_parts(element):
                writers[number].write(snapshot_files.record(part.numpy(), part.dtype))
            metadata.num_elements += 1
    finally:
        for writer in writers.values():
            writer.close()
    metadata.finalized = True
    snapshot_files.write(os.path.join(path, snapshot_files.METADATA), metadata)


def load(
    path: str, element_spec: Any, compression: Any, reader_func: Callable | None, wait: bool
) -> Any:
    """The data set of the elements that were written below `path`: see `Dataset.load`."""
    from reflow.data.dataset import Dataset
    from reflow.data.files import TFRecordDataset

    compression = snapshot_files.compression_of("tf.data.Dataset.load", compression)
    path = os.fspath(path)
    if element_spec is None:
        message = snapshot_files.read(os.path.join(path, _SPEC), protos.StructuredValue)
        element_spec = structure_coder.decode(message)
    structure = snapshot_files.plain_structure("tf.data.Dataset.load", element_spec)
    metadata = snapshot_files.read(
        os.path.join(path, snapshot_files.METADATA), protos.SnapshotMetadataRecord
    )
    if metadata.version != snapshot_files.VERSION:
        raise errors.UnimplementedError(
            None, None, f"{path}: version {metadata.version} of the format of saved data sets"
        )
    if not metadata.finalized:
        raise errors.FailedPreconditionError(
            None, None, f"{path}: the data set there has not been written to its end"
        )
    if [d.as_datatype_enum for d in structure.types] != list(metadata.dtype):
        raise errors.InvalidArgumentError(
            None,
            None,
            f"{path} holds elements of {[dtypes.as_dtype(d).name for d in metadata.dtype]}, not of "
            f"{[d.name for d in structure.types]}",
        )
    shards = snapshot_files.shards_of(os.path.join(path, metadata.run_id))
    files = [snapshot_files.files_of(shard) for shard in shards]
    count = len(structure.types)

    def element(records: Any) -> Any:
        parts = []
        for i, (dtype, shape) in enumerate(zip(structure.types, structure.shapes)):
            part = parse_tensor(records[i], dtype)
            part.set_shape(shape)
            parts.append(part)
        return structure.from_parts(parts)

    def shard_of(names: Any) -> Any:
        records = TFRecordDataset(names, compression_type=compression)
        return records.batch(count, drop_remainder=True).map(element)

    most = max(map(len, files), default=0)
    rows = [names + [""] * (most - len(names)) for names in files]
    table = np.array(rows, object).reshape(len(files), most)
    sizes = np.array([len(names) for names in files], np.int64)
    datasets = Dataset.from_tensor_slices((table, sizes)).map(lambda row, n: shard_of(row[:n]))
    if reader_func is not None:
        return reader_func(datasets)
    elements = datasets.interleave(lambda shard: shard, cycle_length=os.cpu_count() or 1)
    return elements.apply(assert_cardinality(metadata.num_elements))
