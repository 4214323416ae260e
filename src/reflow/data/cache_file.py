"""A cache of elements in files: `<name>.data-00000-of-00001` and `<name>.index`.

The data file holds each component as a `TensorProto` with its length before it. The index, written
last, says how many elements there are: without it the data are not complete, and made again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from reflow.data.pipeline import Element, Pipeline, Run, Stage
from reflow.data.recording import Recording
from reflow.lang import dtypes, errors
from reflow.platform import file_io

_LENGTH = struct.Struct("<Q")
_HEAD = "reflow cache of elements, version 1"


class FileCache(Stage):
    """The elements, kept in files from the first complete iteration on."""

    def __init__(self, source: Pipeline, name: str, *typed: Any):
        super().__init__(source, *typed)
        self.data = f"{name}.data-00000-of-00001"
        self.index = f"{name}.index"
        self.lock = f"{name}.lockfile"
        if dtypes.variant in self.types:
            raise errors.UnimplementedError(
                None, None, "cache(filename) keeps tensors only: no data sets or sparse tensors"
            )

    def iterate(self, run: Run) -> Iterator[Element]:
        if file_io.file_exists(self.index):
            return _Reading(self)
        return _Writing(self, self.source.iterate(run))

    def cardinality(self) -> int:
        return self.source.cardinality()


class _Writing(Recording):
    def __init__(self, cache: FileCache, source: Iterator[Element]):
        super().__init__(cache, source)
        self._cache = cache
        if file_io.file_exists(cache.lock):
            raise errors.AlreadyExistsError(
                None,
                None,
                f"There appears to be a concurrent caching iterator running: {cache.lock} exists. "
                "Iterate to the end before another iterator begins; if no other program writes "
                "this cache, remove the file.",
            )
        with file_io.FileIO(cache.lock, "w") as lock:
            lock.write("")
        self._file: Any = file_io.FileIO(cache.data, "wb")

    def keep(self, element: Element) -> None:
        from reflow.formats.tensor_codec import make_tensor_proto

        for value in element:
            message = make_tensor_proto(np.asarray(value)).SerializeToString()
            self._file.write(_LENGTH.pack(len(message)))
            self._file.write(message)

    def complete(self) -> None:
        self._file.write(b"")
        self._file.close()
        self._file = None
        with file_io.FileIO(self._cache.index, "w") as index:
            index.write(f"{_HEAD}\n{self.count}\n")
        self._release()

    def _release(self) -> None:
        if file_io.file_exists(self._cache.lock):
            file_io.delete_file(self._cache.lock)

    def __del__(self) -> None:
        if self.__dict__.get("_file") is not None:
            self._file.close()
            self._release()


class _Reading:
    def __init__(self, cache: FileCache):
        self._cache = cache
        with file_io.FileIO(cache.index, "r") as index:
            lines = index.read().splitlines()
        if len(lines) != 2 or lines[0] != _HEAD or not lines[1].isdigit():
            raise errors.DataLossError(
                None, None, f"{cache.index} is no index of a cache of elements: remove it"
            )
        self._left = int(lines[1])
        self._file = file_io.FileIO(cache.data, "rb")

    def __iter__(self) -> _Reading:
        return self

    def __next__(self) -> Element:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return tuple([self._part(i) for i in range(len(self._cache.types))])

    def _part(self, i: int) -> np.ndarray:
        from reflow.formats.protos import TensorProto
        from reflow.formats.tensor_codec import make_ndarray

        message = TensorProto()
        try:
            (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
            data = self._file.read(length)
            if len(data) < length:
                raise ValueError(f"{length - len(data)} bytes are missing")
            message.ParseFromString(data)
            value = make_ndarray(message)
        except Exception as error:
            raise errors.DataLossError(
                None, None, f"{self._cache.data} is damaged, remove it: {error}"
            ) from None
        if value.dtype != self._cache.types[i].np:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"{self._cache.data} holds {value.dtype} for component {i}, which is "
                f"{self._cache.types[i].name} now: remove it",
            )
        return value
