"""TFRecord files: records of any bytes, one after the other.

A record is its length (8 bytes), the masked CRC-32C of these, the data, and their masked CRC-32C, all
numbers little-endian; a file may be compressed as a whole. See
https://www.tensorflow.org/tutorials/load_data/tfrecord
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

from reflow.formats.crc32c import masked_crc32c
from reflow.lang import errors
from reflow.lang.export import export
from reflow.platform.file_io import FileIO, path_of
from reflow.platform.filesystems import error
from reflow.platform.util_deprecation import deprecated

_PIECE = 1 << 18
_MOST = 1 << 26
_WINDOW = {"ZLIB": zlib.MAX_WBITS, "GZIP": zlib.MAX_WBITS + 16}


@export(v1=("io.TFRecordCompressionType", "python_io.TFRecordCompressionType"))
class TFRecordCompressionType:
    """How a TFRecord file is compressed, in numbers."""

    NONE = 0
    ZLIB = 1
    GZIP = 2


@export("io.TFRecordOptions", v1=("python_io.TFRecordOptions",))
class TFRecordOptions:
    """How a TFRecord file is compressed.

    Args:
      compression_type: "GZIP", "ZLIB", "" or None; or one of TF 1's `TFRecordCompressionType`.
      flush_mode: zlib's mode for `TFRecordWriter.flush`.
      input_buffer_size, output_buffer_size: accepted; buffers grow as they need to.
      window_bits, compression_level, compression_method, mem_level, compression_strategy: zlib's
        parameters, see https://docs.python.org/3/library/zlib.html.

    Raises:
      ValueError: for another type.

    >>> import reflow as tf
    >>> tf.io.TFRecordOptions.get_compression_type_string(tf.io.TFRecordOptions("GZIP"))
    'GZIP'
    """

    compression_type_map = {
        TFRecordCompressionType.ZLIB: "ZLIB",
        TFRecordCompressionType.GZIP: "GZIP",
        TFRecordCompressionType.NONE: "",
    }

    def __init__(
        self,
        compression_type: Any = None,
        flush_mode: int | None = None,
        input_buffer_size: int | None = None,
        output_buffer_size: int | None = None,
        window_bits: int | None = None,
        compression_level: int | None = None,
        compression_method: int | None = None,
        mem_level: int | None = None,
        compression_strategy: int | None = None,
    ):
        self.get_compression_type_string(compression_type)
        self.compression_type = compression_type
        self.flush_mode = flush_mode
        self.input_buffer_size = input_buffer_size
        self.output_buffer_size = output_buffer_size
        self.window_bits = window_bits
        self.compression_level = compression_level
        self.compression_method = compression_method
        self.mem_level = mem_level
        self.compression_strategy = compression_strategy

    @classmethod
    def get_compression_type_string(cls, options: Any) -> str:
        """ "GZIP", "ZLIB" or "", of options or a compression type.

        Raises:
          ValueError: if it is neither.
        """
        if isinstance(options, TFRecordOptions):
            options = options.compression_type
        if not options:
            return ""
        if options in cls.compression_type_map:
            return cls.compression_type_map[options]
        if options in cls.compression_type_map.values():
            return options
        raise ValueError(f'Not a valid compression_type: "{options}"')

    def _compressor(self) -> Any:
        """zlib's object for these options; None if there is no compression."""
        kind = self.get_compression_type_string(self.compression_type)
        if not kind:
            return None

        def either(value: int | None, default: int) -> int:
            return default if value is None else value

        return zlib.compressobj(
            either(self.compression_level, zlib.Z_DEFAULT_COMPRESSION),
            either(self.compression_method, zlib.DEFLATED),
            either(self.window_bits, _WINDOW[kind]),
            either(self.mem_level, 9),
            either(self.compression_strategy, zlib.Z_DEFAULT_STRATEGY),
        )


def frame(record: bytes) -> bytes:
    """A record with its length and its checksums, as it stands in a file."""
    length = struct.pack("<Q", len(record))
    head = struct.pack("<I", masked_crc32c(length))
    return length + head + record + struct.pack("<I", masked_crc32c(record))


@export("io.TFRecordWriter", v1=("python_io.TFRecordWriter",))
class TFRecordWriter:
    """Writes records to a TFRecord file, which is made empty first.

    Args:
      path: the path of the file.
      options: `TFRecordOptions`, or a compression type.

    Raises:
      OpError: of the class that says why the file cannot be written.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "data.tfrecord")
    >>> with tf.io.TFRecordWriter(path) as writer:
    ...     writer.write(b"one")
    ...     writer.write(b"two")
    >>> list(tf.compat.v1.io.tf_record_iterator(path))
    [b'one', b'two']
    """

    def __init__(self, path: Any, options: Any = None):
        if not isinstance(options, TFRecordOptions):
            options = TFRecordOptions(compression_type=options)
        self._compressor = options._compressor()
        self._flush_mode = options.flush_mode
        self._file: FileIO | None = FileIO(path_of(path), "wb")
        self._file.write(b"")  # the file is there from the start

    def _open(self) -> FileIO:
        if self._file is None:
            raise error(errors.FailedPreconditionError, "Writer is closed.")
        return self._file

    def write(self, record: bytes | str) -> None:
        """Writes one record: bytes, or text, which becomes UTF-8.

        Raises:
          TypeError: for anything else.
          FailedPreconditionError: after `close`.
        """
        if isinstance(record, str):
            record = record.encode()
        if not isinstance(record, (bytes, bytearray, memoryview)):
            raise TypeError(f"a record is bytes or text, not {type(record).__name__}")
        data = frame(bytes(record))
        file = self._open()
        file.write(self._compressor.compress(data) if self._compressor else data)

    def flush(self) -> None:
        """Hands the records to the file system."""
        file = self._open()
        if self._compressor:
            mode = zlib.Z_SYNC_FLUSH if self._flush_mode is None else self._flush_mode
            if mode != zlib.Z_FINISH:
                file.write(self._compressor.flush(mode))
        file.flush()

    def close(self) -> None:
        """Writes what is left, and closes the file."""
        if self._file is None:
            return
        file, self._file = self._file, None
        if self._compressor:
            file.write(self._compressor.flush())
        file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def __del__(self) -> None:
        if self.__dict__.get("_file") is not None:
            self.close()


class _Bytes:
    """The bytes of a file, decompressed, a number at a time."""

    def __init__(self, file: FileIO, compression: str):
        self._file = file
        self._window = _WINDOW[compression] if compression else 0
        self._inflate = zlib.decompressobj(self._window) if compression else None
        self._held = b""
        self._at = 0
        self._ended = False

    def read(self, count: int) -> bytes:
        """The next `count` bytes; fewer at the end of the file."""
        if len(self._held) - self._at < count:
            pieces = [self._held[self._at :]]
            have = len(pieces[0])
            while have < count and not self._ended:
                pieces.append(self._next(count - have))
                have += len(pieces[-1])
            self._held, self._at = b"".join(pieces), 0
        start = self._at
        self._at = min(start + count, len(self._held))
        return self._held[start : self._at]

    def _next(self, wanted: int) -> bytes:
        if self._inflate is None:
            # In bounded pieces: a damaged length may be any.
            data = self._file.read(min(max(_PIECE, wanted), _MOST))
            self._ended = not data
            return data
        data = self._inflate.unconsumed_tail
        if not data and self._inflate.eof:  # another compressed stream may follow
            data = self._inflate.unused_data
            self._inflate = zlib.decompressobj(self._window)
        if not data:
            data = self._file.read(_PIECE)
            self._ended = not data
        try:
            # A few compressed bytes may stand for very many.
            return self._inflate.decompress(data, min(max(_PIECE, wanted), _MOST))
        except zlib.error as problem:
            raise error(errors.DataLossError, f"inflate() failed: {problem}") from None


def read_records(path: Any, compression: str = "") -> Iterator[bytes]:
    """The records of a TFRecord file, in order.

    Args:
      path: the path of the file; it is opened at once.
      compression: "", "GZIP" or "ZLIB".

    Raises:
      OpError: of the class that says why the file cannot be read.
      DataLossError: from the iterator, at a record that is damaged or ends too early.
    """
    file = FileIO(path_of(path), "rb")
    file.read(0)
    return _records(file, compression)


def _records(file: FileIO, compression: str) -> Iterator[bytes]:
    with file:
        source, at = _Bytes(file, compression), 0
        while True:
            head = source.read(12)
            if len(head) < 12:
                return
            length, checksum = struct.unpack("<QI", head)
            if masked_crc32c(head[:8]) != checksum:
                hint = " (Is this even a TFRecord file?)" if at == 0 else ""
                raise error(errors.DataLossError, f"corrupted record at {at}{hint}")
            body = source.read(length + 4)
            if len(body) < length + 4:
                raise error(errors.DataLossError, f"truncated record at {at}")
            data = body[:length]
            if masked_crc32c(data) != int.from_bytes(body[length:], "little"):
                raise error(errors.DataLossError, f"corrupted record at {at + 12}")
            at += 16 + length
            yield data


@export(v1=("io.tf_record_iterator", "python_io.tf_record_iterator"))
@deprecated(None, "Use eager execution and: \n`tf.data.TFRecordDataset(path)`")
def tf_record_iterator(path: Any, options: Any = None) -> Iterator[bytes]:
    """The records of a TFRecord file.

    Args:
      path: the path of the file.
      options: `TFRecordOptions`, or a compression type.

    Raises:
      OpError: of the class that says why the file cannot be read.
      DataLossError: from the iterator, at a record that is damaged or ends too early.
    """
    return read_records(path, TFRecordOptions.get_compression_type_string(options))
