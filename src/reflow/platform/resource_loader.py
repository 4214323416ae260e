"""Files that lie beside a program: `tf.resource_loader`."""

from __future__ import annotations

import os
import sys
from typing import Any

from reflow.lang import errors
from reflow.lang.export import export
from reflow.platform.compat import path_to_str


@export(v1=("resource_loader.get_data_files_path",))
def get_data_files_path() -> str:
    """The directory of the file that calls."""
    return os.path.dirname(os.path.abspath(errors.user_frame(2)[0].co_filename))


@export(v1=("resource_loader.get_root_dir_with_all_resources",))
def get_root_dir_with_all_resources() -> str:
    """The directory below which a packaged program finds its files: that of the calling file."""
    return os.path.dirname(os.path.abspath(errors.user_frame(2)[0].co_filename))


@export(v1=("resource_loader.get_path_to_datafile",))
def get_path_to_datafile(path: Any) -> str:
    """`path` below the directory of the file that calls."""
    base = os.path.dirname(os.path.abspath(errors.user_frame(2)[0].co_filename))
    return os.path.join(base, path_to_str(path))


@export(v1=("resource_loader.load_resource",))
def load_resource(path: Any) -> bytes:
    """The contents of a file that lies below the program's directory.

    Raises:
      OSError: if it cannot be read.
    """
    with open(
        os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), path_to_str(path)), "rb"
    ) as f:
        return f.read()


@export(v1=("resource_loader.readahead_file_path",))
def readahead_file_path(path: Any, readahead: str = "128M") -> Any:
    """`path` itself: local files need no hint to be read ahead."""
    return path
