"""`Dataset.snapshot`: the elements of a pipeline, kept in files for every program that runs it.

Below the path is a directory for each pipeline, which has its fingerprint as its name. The fingerprints are
Reflow's, so that TensorFlow makes a snapshot of its own; the files are of its format.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.data import snapshot_files
from reflow.data.dataset_base import DatasetSpec
from reflow.data.define import dataset_op
from reflow.data.element_function import ElementFunction, scalar
from reflow.data.fingerprint import fingerprint
from reflow.data.pipeline import Element, Pipeline, Run, Stage
from reflow.data.recording import Recording
from reflow.data.structure import Structure
from reflow.formats import protos
from reflow.formats.tensor_codec import make_ndarray
from reflow.formats.tfrecord import TFRecordOptions, TFRecordWriter, read_records
from reflow.lang import dtypes, errors
from reflow.lang.func_graph import FuncGraph
from reflow.platform import file_io, gfile

Function = tuple[FuncGraph, list[Any]]  # and what it captured


class Snapshot(Stage):
    """The elements, kept in files from the first complete iteration on."""

    def __init__(
        self,
        source: Pipeline,
        path: str,
        compression: str,
        reader: Function,
        shard: Function,
        *typed: Any,
    ):
        super().__init__(source, *typed)
        self.path, self.compression = path, compression
        self.reader, self.shard = reader, shard

    def iterate(self, run: Run) -> Iterator[Element]:
        name = fingerprint(self.source, self.compression, self.reader, self.shard)
        folder = os.path.join(self.path, str(name))
        path = os.path.join(folder, snapshot_files.METADATA)
        if file_io.file_exists(path):
            metadata = snapshot_files.read(path, protos.SnapshotMetadataRecord)
            if metadata.finalized:
                return self._read(run, os.path.join(folder, metadata.run_id))
        return _Writing(self, run, folder, str(name))

    def _read(self, run: Run, folder: str) -> Iterator[Element]:
        shards = [
            Shard(snapshot_files.files_of(each), self.compression, self.types, self.shapes)
            for each in snapshot_files.shards_of(folder)
        ]
        result = run.function(*self.reader)(Listed(shards))
        return result[0].iterate(run)

    def cardinality(self) -> int:
        return self.source.cardinality()


class Listed(Pipeline):
    """Pipelines as elements."""

    def __init__(self, pipelines: Sequence[Pipeline]):
        super().__init__([dtypes.variant], [DatasetSpec(None)._dataset_shape], pipelines)

    def iterate(self, run: Run) -> Iterator[Element]:
        return iter([(each,) for each in self.inputs])

    def cardinality(self) -> int:
        return len(self.inputs)


class Shard(Pipeline):
    """The elements of the files of a shard."""

    def __init__(self, files: Sequence[str], compression: str, *typed: Any):
        super().__init__(*typed)
        self.files, self.compression = tuple(files), compression

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Reading(self)


class _Reading:
    def __init__(self, shard: Shard):
        self._types, self._files = shard.types, shard.files
        self._records = (
            (file, record)
            for file in shard.files
            for record in read_records(file, shard.compression)
        )

    def __iter__(self) -> _Reading:
        return self

    def __next__(self) -> Element:
        parts: list[np.ndarray] = []
        for dtype in self._types:
            found = next(self._records, None)
            if found is None and not parts:
                raise StopIteration
            parts.append(_part(found, dtype, self._files))
        return tuple(parts)


def _part(found: tuple[str, bytes] | None, dtype: dtypes.DType, files: Sequence[str]) -> np.ndarray:
    """The value of a record.

    Raises:
      errors.DataLossError: if there is none, or it is no tensor of the dtype.
    """
    if found is None:
        raise errors.DataLossError(None, None, f"{files[-1]} ends within an element")
    file, record = found
    try:
        value = make_ndarray(protos.TensorProto.FromString(record))
    except Exception as error:
        raise errors.DataLossError(None, None, f"{file} is damaged: {error}") from None
    if value.dtype != dtype.np:
        raise errors.DataLossError(None, None, f"{file} holds {value.dtype}, not {dtype.name}")
    return value


class _Writing(Recording):
    """Writes the elements; a run that comes to its end without errors is the snapshot."""

    def __init__(self, snapshot: Snapshot, run: Run, folder: str, name: str):
        super().__init__(snapshot, snapshot.source.iterate(run))
        self._snapshot = snapshot
        self._shard_of = run.function(*snapshot.shard)
        self._path = os.path.join(folder, snapshot_files.METADATA)
        self._metadata = protos.SnapshotMetadataRecord(
            graph_hash=name,
            run_id=str(secrets.randbits(64)),
            creation_timestamp=int(time.time() * 1e6),
            version=snapshot_files.VERSION,
        )
        self._metadata.dtype.extend(dtype.as_datatype_enum for dtype in snapshot.types)
        self._run = os.path.join(folder, self._metadata.run_id)
        gfile.MakeDirs(self._run)
        self._writers: dict[int, TFRecordWriter] = {}
        snapshot_files.write(self._path, self._metadata)

    def keep(self, element: Element) -> None:
        writer = self._writer(int(self._shard_of(*element)[0]))
        for part, dtype in zip(element, self._snapshot.types):
            writer.write(snapshot_files.record(np.asarray(part), dtype))

    def _writer(self, shard: int) -> TFRecordWriter:
        if shard not in self._writers:
            options = TFRecordOptions(compression_type=self._snapshot.compression)
            folder = snapshot_files.shard_folder(self._run, shard)
            self._writers[shard] = TFRecordWriter(
                os.path.join(folder, "00000000.snapshot"), options
            )
        return self._writers[shard]

    def complete(self) -> None:
        for writer in self._writers.values():
            writer.close()
        if not self.failed:
            self._metadata.num_elements = self.count
            self._metadata.finalized = True
            snapshot_files.write(self._path, self._metadata)


@dataset_op(
    "SnapshotDatasetV2(input_dataset: variant, path: string, reader_func_other_args: Treader_func_args,"
    " shard_func_other_args: Tshard_func_args, *, output_types: list(type), output_shapes: list(shape),"
    " compression: string = '', reader_prefix: string = '', writer_prefix: string = '',"
    " hash_valid: bool = False, hash: int = 0, reader_func: func, shard_func: func,"
    " Treader_func_args: list(type), Tshard_func_args: list(type), metadata: string = '')"
    " -> handle: variant"
)
def snapshot_dataset(
    ctx,
    input_dataset,
    path,
    reader_func_other_args,
    shard_func_other_args,
    *,
    output_types,
    output_shapes,
    compression,
    reader_prefix,
    writer_prefix,
    hash_valid,
    reader_func,
    shard_func,
):
    """The input's elements, kept in files after the first iteration."""
    if reader_prefix or writer_prefix or hash_valid:
        raise errors.UnimplementedError(
            None, None, "SnapshotDatasetV2 with reader_prefix, writer_prefix or a hash"
        )
    name = path.item() if hasattr(path, "item") else path
    return Snapshot(
        input_dataset,
        name.decode(),
        _compression(compression),
        (reader_func, list(reader_func_other_args)),
        (shard_func, list(shard_func_other_args)),
        output_types,
        output_shapes,
    )


def _compression(given: str | None) -> str:
    """What the files are compressed with: where TensorFlow takes Snappy by itself, GZIP is taken."""
    return snapshot_files.compression_of(
        "tf.data.Dataset.snapshot", "GZIP" if given == "AUTO" else given
    )


def _in_turn(shards: Any) -> Any:
    return shards.flat_map(lambda shard: shard)


def _first_shard(*_: Any) -> Any:
    return np.int64(0)


def snapshot(
    dataset: Any,
    path: Any,
    compression: Any,
    reader_func: Callable | None,
    shard_func: Callable | None,
) -> Any:
    """`Dataset.snapshot` of a data set.

    Raises:
      errors.UnimplementedError: for a compression or elements that files cannot have.
      TypeError: if the functions return something else than they have to.
    """
    what = "tf.data.Dataset.snapshot"
    _compression(compression)
    snapshot_files.plain_structure(what, dataset.element_spec)
    spec = DatasetSpec(DatasetSpec(dataset.element_spec))
    reader = ElementFunction(reader_func or _in_turn, Structure(spec), what="snapshot")
    site = errors.user_site()
    read = reader.output.spec
    if not isinstance(read, DatasetSpec) or not read.element_spec == dataset.element_spec:
        raise TypeError(
            f"{site}: reader_func must return a data set of the elements that are kept, "
            f"{dataset.element_spec}, not {read}."
        )
    shard = dataset._traced(shard_func or _first_shard, "snapshot")
    if shard.output.types != (dtypes.int64,) or shard.output.shapes[0].rank not in (0, None):
        raise TypeError(
            f"{site}: shard_func must return a 0-D int64, but returns {shard.output.spec}."
        )
    return dataset._same(
        "_SnapshotDataset",
        snapshot_dataset,
        scalar(os.fspath(path) if hasattr(path, "__fspath__") else path, dtypes.string, "path"),
        reader.captured,
        shard.captured,
        compression=compression or "",
        reader_func=reader.graph,
        shard_func=shard.graph,
    )
