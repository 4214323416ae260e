"""`tf.io.gfile` and `tf.gfile`: https://www.tensorflow.org/api_docs/python/tf/io/gfile

Paths may have a scheme (`gs://bucket/file`): see platform/filesystems.py.
"""

from __future__ import annotations

from typing import Any

from reflow.lang.export import export, export_value
from reflow.platform import file_io


@export("io.gfile.GFile", v1=("gfile.GFile", "gfile.Open"))
class GFile(file_io.FileIO):
    """A file, local or remote, that is read or written as text in UTF-8 or as bytes.

    Args:
      name: the path.
      mode: `r`, `w`, `a`, `r+`, `w+` or `a+`, with `b` for bytes.

    >>> import tempfile
    >>> import reflow as tf
    >>> path = tf.io.gfile.join(tempfile.mkdtemp(), "notes.txt")
    >>> with tf.io.gfile.GFile(path, "w") as f:
    ...     f.write("one\\ntwo\\n")
    >>> with tf.io.gfile.GFile(path) as f:
    ...     print(f.readlines())
    ['one\\n', 'two\\n']
    """

    def __init__(self, name: Any, mode: str = "r"):
        super().__init__(name, mode)


Open = GFile


@export(v1=("gfile.FastGFile",))
class FastGFile(GFile):
    """The same as `GFile`."""


# `tf.gfile`, TF 1's names.
Copy = file_io.copy
DeleteRecursively = file_io.delete_recursively
Exists = file_io.file_exists
Glob = file_io.get_matching_files
IsDirectory = file_io.is_directory
ListDirectory = file_io.list_directory
MakeDirs = file_io.recursive_create_dir
MkDir = file_io.create_dir
Remove = file_io.delete_file
Rename = file_io.rename
Stat = file_io.stat
Walk = file_io.walk

for _name in (
    *("Copy", "DeleteRecursively", "Exists", "Glob", "IsDirectory", "ListDirectory", "MakeDirs"),
    *("MkDir", "Remove", "Rename", "Stat", "Walk"),
):
    export_value(__name__, _name, v1=[f"gfile.{_name}"])

# `tf.io.gfile`.
for _public, _name in {
    "copy": "copy_v2",
    "exists": "file_exists_v2",
    "get_registered_schemes": "get_registered_schemes",
    "glob": "get_matching_files_v2",
    "isdir": "is_directory_v2",
    "join": "join",
    "listdir": "list_directory_v2",
    "makedirs": "recursive_create_dir_v2",
    "mkdir": "create_dir_v2",
    "remove": "delete_file_v2",
    "rename": "rename_v2",
    "rmtree": "delete_recursively_v2",
    "stat": "stat_v2",
    "walk": "walk_v2",
}.items():
    export_value("reflow.platform.file_io", _name, f"io.gfile.{_public}")
