"""Where files are: the local disk, and what lies behind a scheme such as `gs://`.

Local paths (and `file://`) go through the standard library; any other scheme through `fsspec`, where it
and its package for the scheme are installed. Both have the same few methods, take paths as text, and
raise TensorFlow's errors.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

from reflow.lang import errors

FileStatistics = namedtuple("FileStatistics", ["length", "mtime_nsec", "is_directory"])
FileStatistics.__doc__ = (
    "Length in bytes, time of the last change in nanoseconds, whether a directory."
)

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*)://")
_KINDS: dict[int, type[errors.OpError]] = {
    errno.ENOENT: errors.NotFoundError,
    errno.EEXIST: errors.AlreadyExistsError,
    errno.EACCES: errors.PermissionDeniedError,
    errno.EPERM: errors.PermissionDeniedError,
    errno.EROFS: errors.PermissionDeniedError,
    errno.EISDIR: errors.FailedPreconditionError,
    errno.ENOTDIR: errors.FailedPreconditionError,
    errno.ENOTEMPTY: errors.FailedPreconditionError,
    errno.EINVAL: errors.InvalidArgumentError,
    errno.ENAMETOOLONG: errors.InvalidArgumentError,
    errno.ENOSPC: errors.ResourceExhaustedError,
    errno.EDQUOT: errors.ResourceExhaustedError,
    errno.EMFILE: errors.ResourceExhaustedError,
    errno.ETIMEDOUT: errors.DeadlineExceededError,
}
_BY_CLASS: tuple[tuple[type[Exception], type[errors.OpError], str], ...] = (
    (FileNotFoundError, errors.NotFoundError, "No such file or directory"),
    (FileExistsError, errors.AlreadyExistsError, "File exists"),
    (PermissionError, errors.PermissionDeniedError, "Permission denied"),
    (IsADirectoryError, errors.FailedPreconditionError, "Is a directory"),
    (NotADirectoryError, errors.FailedPreconditionError, "Not a directory"),
    (TimeoutError, errors.DeadlineExceededError, "Timed out"),
)


def error(kind: type[errors.OpError], text: str) -> errors.OpError:
    """An error of one of TensorFlow's classes that begins with the user's line."""
    return kind(None, None, f"{errors.user_site()}: {text}")


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Raises the errors of the operating system as TensorFlow's, naming `path`."""
    try:
        yield
    except OSError as problem:
        if problem.errno is not None:
            kind = _KINDS.get(problem.errno, errors.UnknownError)
            raise error(kind, f"{path}; {problem.strerror}") from None
        for cls, kind, text in _BY_CLASS:
            if isinstance(problem, cls):
                raise error(kind, f"{path}; {text}") from None
        raise error(errors.UnknownError, f"{path}; {problem}") from None
    except ValueError as problem:  # a null character in a path
        raise error(errors.InvalidArgumentError, f"{path}; {problem}") from None


class LocalFiles:
    """The files of this machine. Paths may begin with `file://`."""

    atomic_move = True

    def _path(self, path: str) -> str:
        return path.removeprefix("file://")

    def open(self, path: str, mode: str) -> Any:
        with translated(path):
            if mode == "rb" and os.path.isdir(self._path(path)):
                raise IsADirectoryError(errno.EISDIR, "Is a directory")
            return open(self._path(path), mode)

    def exists(self, path: str) -> bool:
        with translated(path):
            return os.path.exists(self._path(path))

    def isdir(self, path: str) -> bool:
        with translated(path):
            return os.path.isdir(self._path(path))

    def names(self, path: str) -> list[str]:
        """The names in a directory, sorted."""
        with translated(path):
            return sorted(os.listdir(self._path(path)))

    def mkdir(self, path: str) -> None:
        with translated(path):
            os.mkdir(self._path(path))

    def makedirs(self, path: str) -> None:
        with translated(path):
            os.makedirs(self._path(path), exist_ok=True)

    def remove(self, path: str) -> None:
        with translated(path):
            if os.path.isdir(self._path(path)):
                raise IsADirectoryError(errno.EISDIR, "Is a directory")
            os.remove(self._path(path))

    def remove_tree(self, path: str) -> None:
        with translated(path):
            if os.path.isdir(self._path(path)) and not os.path.islink(self._path(path)):
                shutil.rmtree(self._path(path))
            else:
                os.remove(self._path(path))

    def rename(self, source: str, target: str) -> None:
        with translated(source):
            os.replace(self._path(source), self._path(target))

    def stat(self, path: str) -> FileStatistics:
        with translated(path):
            found = os.stat(self._path(path))
            is_directory = os.path.isdir(self._path(path))
        return FileStatistics(found.st_size, found.st_mtime_ns, is_directory)


class RemoteFiles:
    """The files behind a scheme, through `fsspec`."""

    atomic_move = False

    def __init__(self, scheme: str, path: str):
        try:
            import fsspec
        except ImportError:
            raise error(
                errors.UnimplementedError,
                f"File system scheme '{scheme}' not implemented (file: '{path}'): Reflow reaches "
                "files that are not local through fsspec, which is not installed. Run: pip install "
                "fsspec, and the package for the scheme (gcsfs for gs://, s3fs for s3://).",
            ) from None
        try:
            self._fs = fsspec.filesystem("memory" if scheme == "ram" else scheme)
        except (ValueError, ImportError) as problem:
            raise error(
                errors.UnimplementedError,
                f"File system scheme '{scheme}' not implemented (file: '{path}'): {problem}",
            ) from None

    def _path(self, path: str) -> str:
        if path.startswith("ram://"):
            path = "memory" + path.removeprefix("ram")
        return self._fs._strip_protocol(path)

    def open(self, path: str, mode: str) -> Any:
        with translated(path):
            return self._fs.open(self._path(path), mode)

    def exists(self, path: str) -> bool:
        with translated(path):
            return self._fs.exists(self._path(path))

    def isdir(self, path: str) -> bool:
        with translated(path):
            return self._fs.isdir(self._path(path))

    def names(self, path: str) -> list[str]:
        with translated(path):
            found = self._fs.ls(self._path(path), detail=False)
        own = self._path(path).rstrip("/")
        names = {name.rstrip("/").rpartition("/")[2] for name in found if name.rstrip("/") != own}
        return sorted(names - {""})

    def mkdir(self, path: str) -> None:
        with translated(path):
            self._fs.mkdir(self._path(path), create_parents=False)

    def makedirs(self, path: str) -> None:
        with translated(path):
            self._fs.makedirs(self._path(path), exist_ok=True)

    def remove(self, path: str) -> None:
        with translated(path):
            if not self._fs.exists(self._path(path)):
                raise FileNotFoundError(errno.ENOENT, "No such file or directory")
            if self._fs.isdir(self._path(path)):
                raise IsADirectoryError(errno.EISDIR, "Is a directory")
            self._fs.rm_file(self._path(path))

    def remove_tree(self, path: str) -> None:
        with translated(path):
            self._fs.rm(self._path(path), recursive=True)

    def rename(self, source: str, target: str) -> None:
        with translated(source):
            if not self._fs.exists(self._path(source)):
                raise FileNotFoundError(errno.ENOENT, "No such file or directory")
            if self._fs.isfile(self._path(target)):
                self._fs.rm_file(self._path(target))
            self._fs.mv(self._path(source), self._path(target), recursive=True)

    def stat(self, path: str) -> FileStatistics:
        with translated(path):
            found = self._fs.info(self._path(path))
            try:
                changed = int(self._fs.modified(self._path(path)).timestamp() * 1e9)
            except (NotImplementedError, FileNotFoundError, KeyError, AttributeError):
                changed = 0  # this file system does not tell
        return FileStatistics(int(found.get("size") or 0), changed, found["type"] == "directory")


_local = LocalFiles()
_remote: dict[str, RemoteFiles] = {}


def scheme_of(path: str) -> str:
    """The scheme of a path; "" for a local one."""
    found = _SCHEME.match(path)
    scheme = found.group(1).lower() if found else ""
    return "" if scheme == "file" else scheme


def files_of(path: str) -> Any:
    """The file system that `path` belongs to.

    Raises:
      errors.UnimplementedError: if its scheme is not known, or what it needs is not installed.
    """
    scheme = scheme_of(path)
    if not scheme:
        return _local
    found = _remote.get(scheme)
    if found is None:
        found = _remote[scheme] = RemoteFiles(scheme, path)
    return found


def registered_schemes() -> list[str]:
    """The schemes of paths that can be read and written now."""
    schemes = ["", "file"]
    try:
        from fsspec.registry import available_protocols
    except ImportError:
        return schemes
    return schemes + sorted({"ram", *available_protocols()} - {"file", "local"})
