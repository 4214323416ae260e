"""The files of saved data sets and of snapshots, in TensorFlow's format, version 2.

`snapshot.metadata` names the run that wrote the elements. In the run's directory there is a directory for
each shard, with TFRecord files; each part of an element is a record, a `TensorProto`.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from reflow.data.structure import Structure
from reflow.formats.tensor_codec import make_tensor_proto
from reflow.lang import dtypes, errors
from reflow.lang.dtypes import DType
from reflow.lang.type_spec import TensorSpec
from reflow.platform import gfile
from reflow.platform.file_io import FileIO

METADATA = "snapshot.metadata"
VERSION = 2  # of the format: TFRecord files
_COMPRESSIONS = (None, "", "GZIP")


def compression_of(what: str, compression: Any) -> str:
    """ "" or "GZIP".

    Raises:
      errors.UnimplementedError: for another compression.
    """
    site = errors.user_site()
    if compression not in _COMPRESSIONS:
        raise errors.UnimplementedError(
            None, None, f"{site}: {what} with compression={compression!r}: use None or 'GZIP'"
        )
    return compression or ""


def plain_structure(what: str, spec: Any) -> Structure:
    """The structure of elements that are tensors.

    Raises:
      errors.UnimplementedError: if some are something else.
    """
    structure = Structure(spec)
    for leaf in structure.leaves:
        if type(leaf) is not TensorSpec or leaf.dtype is dtypes.variant:
            site = errors.user_site()
            raise errors.UnimplementedError(
                None, None, f"{site}: {what} of elements with a {type(leaf).__name__}"
            )
    return structure


def shard_folder(run: str, shard: int) -> str:
    """The directory of a shard, which is made."""
    folder = os.path.join(run, f"{shard:08d}.shard")
    gfile.MakeDirs(folder)
    return folder


def shards_of(run: str) -> list[str]:
    """The directories of the shards of a run, in order."""
    names = sorted(name.rstrip("/") for name in gfile.ListDirectory(run))
    return [os.path.join(run, name) for name in names if name.endswith(".shard")]


def files_of(folder: str) -> list[str]:
    """The files of a shard, in order."""
    return [os.path.join(folder, name) for name in sorted(gfile.ListDirectory(folder))]


def record(part: np.ndarray, dtype: DType) -> bytes:
    """A part of an element as it stands in a file."""
    return make_tensor_proto(part, dtype).SerializeToString()


def write(path: str, message: Any) -> None:
    """Writes a message."""
    with FileIO(path, "wb") as file:
        file.write(message.SerializeToString(deterministic=True))


def read(path: str, kind: Any) -> Any:
    """Reads a message of a kind.

    Raises:
      errors.DataLossError: if the file holds something else.
    """
    with FileIO(path, "rb") as file:
        data = file.read()
    try:
        return kind.FromString(data)
    except Exception as error:
        raise errors.DataLossError(None, None, f"{path} is no {kind.__name__}: {error}") from None
