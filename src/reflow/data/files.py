"""Data sets of files: their names, their lines, their records.

A file may be compressed ("ZLIB", "GZIP"); names may be anything that `tf.io.gfile` opens.
"""

from __future__ import annotations

import io
import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.data.dataset import Dataset
from reflow.data.dataset_v1 import DatasetV1
from reflow.data.define import META, dataset_op
from reflow.data.element_function import scalar
from reflow.data.pipeline import Element, Pipeline, Run, scalar_object
from reflow.formats.tfrecord import read_records
from reflow.lang import dtypes, errors, shapes
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.opdef import REGISTRY
from reflow.lang.type_spec import TensorSpec
from reflow.platform import file_io

_TEXT = TensorSpec([], dtypes.string)
_CHUNK = 1 << 18  # bytes read at a time where nobody says how many


def _names(filenames: Any) -> list[str]:
    return [each.decode() for each in np.atleast_1d(filenames).tolist()]


def open_file(name: str, compression: str, buffer_size: int = 0) -> io.BufferedIOBase:
    """A binary file to read from, uncompressed on the way.

    Raises:
      errors.NotFoundError: if there is none.
      errors.InvalidArgumentError: for another compression than "", "ZLIB" and "GZIP".
    """
    _check_compression(compression)
    file: Any = file_io.FileIO(name, "rb")
    raw: Any = io.BufferedReader(_Raw(file), buffer_size or _CHUNK)
    if compression:
        raw = io.BufferedReader(_Inflated(raw, name, compression == "GZIP"), buffer_size or _CHUNK)
    return raw


def _check_compression(compression: str) -> None:
    if compression not in ("", "ZLIB", "GZIP"):
        raise errors.InvalidArgumentError(
            None, None, f"Unsupported compression_type: {compression}. Use '', 'ZLIB' or 'GZIP'."
        )


class _Raw(io.RawIOBase):
    """A file of `tf.io.gfile` as Python's own files are."""

    def __init__(self, file: Any):
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Inflated(io.RawIOBase):
    """What a compressed file holds; several compressed parts follow one another."""

    def __init__(self, file: Any, name: str, gzip: bool):
        self._file, self._name = file, name
        self._bits = 31 if gzip else 15
        self._inflate = zlib.decompressobj(self._bits)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            data = self._left or self._file.read(_CHUNK)
            try:
                if not data:
                    if not self._inflate.eof and self._inflate.unused_data == b"" and self._begun:
                        raise errors.DataLossError(
                            None, None, f"{self._name} ends in the middle of its compressed data"
                        )
                    return 0
                self._begun = True
                found = self._inflate.decompress(data, len(buffer))
            except zlib.error as error:
                raise errors.DataLossError(
                    None, None, f"{self._name} is not compressed as was said: {error}"
                ) from None
            self._left = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._left = self._inflate.unused_data
                self._inflate = zlib.decompressobj(self._bits)
                self._begun = bool(self._left)
            if found:
                buffer[: len(found)] = found
                return len(found)

    _begun = False


class FileParts(Pipeline):
    """The parts of files, one after the other, as scalar strings.

    Args:
      names: of the files.
      parts: from a name to an iterator over bytes.
    """

    def __init__(self, names: Sequence[str], parts: Callable[[str], Iterator[bytes]]):
        super().__init__([dtypes.string], [shapes.SCALAR])
        self.names, self.parts = list(names), parts

    def iterate(self, run: Run) -> Iterator[Element]:
        return _Parts(self.names, self.parts)


class _Parts:
    """An error of a file ends that file: the next element is of the next one."""

    def __init__(self, names: Sequence[str], parts: Callable[[str], Iterator[bytes]]):
        self._names, self._parts = iter(names), parts
        self._file: Iterator[bytes] | None = None

    def __iter__(self) -> _Parts:
        return self

    def __next__(self) -> Element:
        while True:
            if self._file is None:
                self._file = self._parts(next(self._names))
            try:
                return (scalar_object(next(self._file)),)
            except StopIteration:
                self._file = None
            except BaseException:
                self._file = None
                raise


# Lines --------------------------------------------------------------------------------------------


@dataset_op(
    "TextLineDataset(filenames: string, compression_type: string, buffer_size: int64, *,"
    f" {META}) -> handle: variant"
)
def text_line_dataset(ctx, filenames, compression_type, buffer_size):
    """The lines of text files, without what ends them."""
    compression, size = _text(compression_type), int(buffer_size)

    def lines(name: str) -> Iterator[bytes]:
        with open_file(name, compression, size) as file:
            for line in file:
                yield line.rstrip(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line

    return FileParts(_names(filenames), lines)


def _text(value: Any) -> str:
    value = value.item() if hasattr(value, "item") else value
    return value.decode()


# Records of one length ----------------------------------------------------------------------------


@dataset_op(
    "FixedLengthRecordDatasetV2(filenames: string, header_bytes: int64, record_bytes: int64,"
    " footer_bytes: int64, buffer_size: int64, compression_type: string, *,"
    f" {META}) -> handle: variant"
)
def fixed_length_record_dataset_v2(
    ctx, filenames, header_bytes, record_bytes, footer_bytes, buffer_size, compression_type
):
    """The records of binary files, all of one length, between a header and a footer."""
    header, record, footer = int(header_bytes), int(record_bytes), int(footer_bytes)
    compression, size = _text(compression_type), int(buffer_size)
    if record <= 0 or header < 0 or footer < 0:
        raise errors.InvalidArgumentError(
            None,
            None,
            "`record_bytes` must be > 0, `header_bytes` and `footer_bytes` >= 0, but are "
            f"{record}, {header}, {footer}",
        )

    def records(name: str) -> Iterator[bytes]:
        with open_file(name, compression, size) as file:
            if len(file.read(header)) < header:
                raise errors.OutOfRangeError(None, None, f"{name} ends within its header")
            held = b""
            while True:  # the footer is known by the end of the file
                data = file.read(record + footer - len(held))
                held += data
                if len(held) < record + footer:
                    break
                yield held[:record]
                held = held[record:]
            if len(held) != footer:
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"Excess bytes at the end of {name}: the body of the file is no multiple of "
                    f"record_bytes ({record}): {len(held) - footer} bytes are left.",
                )

    return FileParts(_names(filenames), records)


# Record files -------------------------------------------------------------------------------------


@dataset_op(
    "TFRecordDataset(filenames: string, compression_type: string, buffer_size: int64, *,"
    f" {META}) -> handle: variant"
)
def tf_record_dataset(ctx, filenames, compression_type, buffer_size):
    """The records of TFRecord files."""
    compression = _text(compression_type)
    _check_compression(compression)
    return FileParts(_names(filenames), lambda name: read_records(name, compression))


# Names --------------------------------------------------------------------------------------------


@dataset_op("MatchingFilesDataset(patterns: string) -> handle: variant")
def matching_files_dataset(ctx, patterns):
    """The names of the files that match patterns, sorted."""
    wanted = _names(patterns)

    def matches(_: str) -> Iterator[bytes]:
        found = [file_io.get_matching_files(each) for each in wanted]
        return iter([name.encode() for name in sorted(set(itertools.chain(*found)))])

    return FileParts([""], matches)


def list_files(family: Any, file_pattern: Any, shuffle: bool | None, seed: Any) -> Dataset:
    """The body of `Dataset.list_files`."""
    pattern = convert_to_tensor(file_pattern, dtypes.string, name="file_pattern")
    names = REGISTRY["MatchingFiles"](pattern)
    shown = file_pattern if isinstance(file_pattern, (str, bytes)) else pattern
    count = REGISTRY["Size"](names)
    check = REGISTRY["Assert"](
        REGISTRY["Greater"](count, 0), [f"No files matched pattern: {_shown(shown)}"]
    )
    if check is not None:
        from reflow.lang.scopes import control_dependencies

        with control_dependencies([check]):
            names = REGISTRY["Identity"](names)
    dataset = family.from_tensor_slices(names)
    if shuffle is None or shuffle:
        size = REGISTRY["Maximum"](REGISTRY["Size"](names, out_type=dtypes.int64), np.int64(1))
        dataset = dataset.shuffle(size, seed=seed)
    return dataset


def _shown(pattern: Any) -> str:
    return pattern.decode() if isinstance(pattern, bytes) else str(pattern)


# Classes ------------------------------------------------------------------------------------------


def _sources(filenames: Any, family: Any) -> Dataset:
    """File names (a string, a list, a tensor of them, or a data set) as a data set."""
    if isinstance(filenames, Dataset):
        spec = filenames.element_spec
        if not isinstance(spec, TensorSpec) or spec.dtype is not dtypes.string:
            raise TypeError(
                f"{errors.user_site()}: The `filenames` argument must contain `tf.string` elements. Got {spec}"
            )
        if spec.shape.rank == 0:
            return filenames
        if spec.shape.rank == 1:
            return filenames.unbatch()
        raise TypeError(
            f"{errors.user_site()}: The `filenames` argument must contain `tf.string` elements of shape [] "
            f"(i.e. scalars), not {spec.shape}"
        )
    if isinstance(filenames, (list, tuple)):
        filenames = [getattr(each, "__fspath__", lambda each=each: each)() for each in filenames]
    elif hasattr(filenames, "__fspath__"):
        filenames = filenames.__fspath__()
    names = convert_to_tensor(filenames, dtypes.string, name="filenames")
    return family.from_tensor_slices(REGISTRY["Reshape"](names, [-1]))


class _FileDataset:
    """How the classes of file data sets begin: a data set of names, and one for each of them."""

    def _from_files(self, filenames: Any, parallel: Any, one: Callable[[Any], Any]) -> None:
        family: Any = self._family  # type: ignore[attr-defined]
        names = _sources(filenames, family)

        def read(name: Any) -> Dataset:
            return family._make("_FileDataset", one(name), _TEXT)

        if parallel is None:
            whole = names.flat_map(read)
        else:
            whole = names.interleave(
                read, cycle_length=parallel, block_length=1, num_parallel_calls=parallel
            )
        Dataset.__init__(self, whole._variant_tensor, _TEXT, type(self).__name__)  # type: ignore

    def __repr__(self) -> str:
        return f"<{self._kind} element_spec={self.element_spec}>"  # type: ignore[attr-defined]


def _compression(compression_type: Any) -> Any:
    return scalar(compression_type or "", dtypes.string, "compression_type")


def _buffer(buffer_size: Any) -> Any:
    return scalar(_CHUNK if buffer_size is None else buffer_size, dtypes.int64, "buffer_size")


class _WholeFiles(_FileDataset):
    """Data sets of all that is in files: `_one` is the op that reads a file."""

    _one: Any

    def __init__(
        self,
        filenames: Any,
        compression_type: Any = None,
        buffer_size: Any = None,
        num_parallel_reads: Any = None,
        name: str | None = None,
    ):
        compression, size = _compression(compression_type), _buffer(buffer_size)
        self._from_files(
            filenames, num_parallel_reads, lambda name: type(self)._one(name, compression, size)
        )


class _TextLines(_WholeFiles):
    _one = text_line_dataset


@export(v2=("data.TextLineDataset",))
class TextLineDataset(_TextLines, Dataset):
    """The lines of text files, without what ends them.

    Args:
      filenames: a name, a list or tensor of names, or a data set of them.
      compression_type: "", "ZLIB" or "GZIP".
      buffer_size: bytes that are read at a time.
      num_parallel_reads: from how many files at a time; their lines are then interleaved.

    >>> import pathlib, tempfile, reflow as tf
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.txt")
    >>> _ = path.write_bytes(b"one\\ntwo\\n")
    >>> list(tf.data.TextLineDataset(path).as_numpy_iterator())
    [b'one', b'two']
    """


@export(v1=("data.TextLineDataset",))
class TextLineDatasetV1(_TextLines, DatasetV1):
    """The lines of text files: see `tf.data.TextLineDataset`."""


class _Records(_WholeFiles):
    _one = tf_record_dataset


@export(v2=("data.TFRecordDataset",))
class TFRecordDataset(_Records, Dataset):
    """The records of TFRecord files, as strings.

    Args:
      filenames: a name, a list or tensor of names, or a data set of them.
      compression_type: "", "ZLIB" or "GZIP".
      buffer_size: bytes that are read at a time.
      num_parallel_reads: from how many files at a time; their records are then interleaved.
    """


@export(v1=("data.TFRecordDataset",))
class TFRecordDatasetV1(_Records, DatasetV1):
    """The records of TFRecord files: see `tf.data.TFRecordDataset`."""


class _FixedLength(_FileDataset):
    def __init__(
        self,
        filenames: Any,
        record_bytes: Any,
        header_bytes: Any = None,
        footer_bytes: Any = None,
        buffer_size: Any = None,
        compression_type: Any = None,
        num_parallel_reads: Any = None,
        name: str | None = None,
    ):
        compression, size = _compression(compression_type), _buffer(buffer_size)
        lengths = [
            scalar(0 if value is None else value, dtypes.int64, label)
            for value, label in (
                (header_bytes, "header_bytes"),
                (record_bytes, "record_bytes"),
                (footer_bytes, "footer_bytes"),
            )
        ]
        self._from_files(
            filenames,
            num_parallel_reads,
            lambda name: fixed_length_record_dataset_v2(name, *lengths, size, compression),
        )


@export(v2=("data.FixedLengthRecordDataset",))
class FixedLengthRecordDataset(_FixedLength, Dataset):
    """The records of binary files in which all have one length, as strings.

    Args:
      filenames: a name, a list or tensor of names, or a data set of them.
      record_bytes: the length of a record.
      header_bytes, footer_bytes: what to skip at the beginning and the end of each file.
      buffer_size: bytes that are read at a time.
      compression_type: "", "ZLIB" or "GZIP".
      num_parallel_reads: from how many files at a time; their records are then interleaved.

    >>> import pathlib, tempfile, reflow as tf
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.bin")
    >>> _ = path.write_bytes(b"HHaabb")
    >>> list(tf.data.FixedLengthRecordDataset(path, 2, header_bytes=2).as_numpy_iterator())
    [b'aa', b'bb']
    """


@export(v1=("data.FixedLengthRecordDataset",))
class FixedLengthRecordDatasetV1(_FixedLength, DatasetV1):
    """The records of binary files: see `tf.data.FixedLengthRecordDataset`."""
