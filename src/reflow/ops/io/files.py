"""Files read and written in a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.export import export
from reflow.lang.scopes import GraphKeys, name_scope
from reflow.ops.define import no_gradient, op
from reflow.ops.public import public
from reflow.platform import file_io
from reflow.platform.filesystems import files_of

# What a file holds may change from run to run, so nothing here is computed ahead of time.
_FILES: dict[str, Any] = {"stateful": True, "compile": False, "grad": no_gradient}


def _scalar(value: Any, name: str) -> bytes:
    if np.ndim(value):
        raise errors.InvalidArgumentError(
            None, None, f"Input {name} tensor must be scalar, but had shape: {np.shape(value)}"
        )
    return np.asarray(value, object).item()


def _scalar_in(value: Any, *rest: Any) -> tuple:
    value.shape.with_rank(0)
    return ()


@op("ReadFile(filename: string) -> contents: string", shape=_scalar_in, **_FILES)
def read_file_op(ctx, filename):
    """The bytes of a file."""
    name = _scalar(filename, "filename")
    return np.array(file_io.read_file_to_string(name, binary_mode=True), object)


@export("io.read_file", v1=("read_file",))
def read_file(filename: Any, name: str | None = None) -> Any:
    """The bytes of a file.

    Args:
      filename: a string scalar.

    Returns:
      A string scalar.

    Raises:
      NotFoundError: if there is no such file.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "greeting")
    >>> tf.io.write_file(path, "hello")
    >>> print(tf.io.read_file(path).numpy())
    b'hello'
    """
    return read_file_op(filename, name=name)


def _written_shape(filename: Any, contents: Any) -> list:
    filename.shape.with_rank(0)
    contents.shape.with_rank(0)
    return []


@op("WriteFile(filename: string, contents: string) -> ", shape=_written_shape, **_FILES)
def write_file_op(ctx, filename, contents):
    """Writes bytes to a file, whose directory is made if there is none."""
    name, data = _scalar(filename, "filename"), _scalar(contents, "contents")
    path = file_io.path_of(name)
    directory = path.rpartition("/")[0]
    if directory and not files_of(path).exists(directory):
        file_io.recursive_create_dir_v2(directory)
    file_io.write_string_to_file(path, data)
    return ()


write_file = public(
    write_file_op,
    "io.write_file",
    v1=("write_file",),
    errors="OpError: of the class that says why it cannot be written.",
)


def _vector_of_names(pattern: Any) -> tuple:
    if pattern.shape.rank is not None and pattern.shape.rank > 1:
        raise ValueError(f"Shape must be at most rank 1 but is rank {pattern.shape.rank}")
    return (None,)


@op("MatchingFiles(pattern: string) -> filenames: string", shape=_vector_of_names, **_FILES)
def matching_files_op(ctx, pattern):
    """The names of the files that match one of some patterns, in order."""
    found: set[bytes] = set()
    for each in np.asarray(pattern, object).ravel().tolist():
        found.update(name.encode() for name in file_io.get_matching_files_v2(each))
    names = np.empty(len(found), object)
    names[:] = sorted(found)
    return names


matching_files = public(
    matching_files_op,
    "io.matching_files",
    v1=("matching_files",),
    example=('"/no/such/*.txt"', "[]"),
    errors="InvalidArgumentError: for a pattern that cannot be.",
)


@export("io.match_filenames_once", v1=("train.match_filenames_once",))
def match_filenames_once(pattern: Any, name: str | None = None) -> Any:
    """A local variable that holds the names of the files that match when it is initialised.

    Args:
      pattern: a pattern, or a vector of patterns.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    ...     names = tf.io.match_filenames_once("/no/such/*.txt")
    ...     session.run(tf.compat.v1.local_variables_initializer())
    ...     print(session.run(names))
    []
    """
    from reflow.ops.variables.variable import VariableV1

    with name_scope(name, "matching_filenames") as scope:
        return VariableV1(
            initial_value=matching_files(pattern),
            trainable=False,
            name=scope or None,
            validate_shape=False,
            collections=[GraphKeys.LOCAL_VARIABLES],
        )
