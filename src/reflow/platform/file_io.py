"""Reading, writing and arranging files: what stands behind `tf.io.gfile` and `tf.gfile`.

The names are those of `tensorflow.python.lib.io.file_io`.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from reflow.lang import errors
from reflow.platform.compat import as_bytes, as_str_any, as_text
from reflow.platform.filesystems import (
    FileStatistics,
    error,
    files_of,
    registered_schemes,
    scheme_of,
)

_MODES = ("r", "w", "a", "r+", "w+", "a+")


def path_of(path: Any) -> str:
    """A path as text.

    Raises:
      TypeError: if it is no path.
    """
    if hasattr(path, "__fspath__"):
        path = os.fspath(path)
    return as_text(path)


class FileIO:
    """A file that is read, or written, as bytes or as text in UTF-8.

    Nothing is opened before the first read or write: a file that is never written to is not created.
    Writing always begins with an empty file, in mode `r+` too, unless the mode is `a` or `a+`.

    Args:
      name: the path.
      mode: `r`, `w`, `a`, `r+`, `w+` or `a+`, with `b` for bytes.

    Raises:
      errors.InvalidArgumentError: for another mode.
    """

    def __init__(self, name: Any, mode: str, encoding: str = "utf-8"):
        self.__name = path_of(name) if name is not None else name
        self.__mode = mode
        self._encoding = encoding
        plain = mode.replace("b", "")
        self._binary = "b" in mode
        if plain not in _MODES:
            raise error(
                errors.InvalidArgumentError,
                "mode is not 'r' or 'w' or 'a' or 'r+' or 'w+' or 'a+'",
            )
        self._may_read = plain in ("r", "r+", "w+", "a+")
        self._may_write = plain in ("w", "a", "r+", "w+", "a+")
        self._append = plain.startswith("a")
        self._reader: Any = None
        self._writer: Any = None

    @property
    def name(self) -> Any:
        return self.__name

    @property
    def mode(self) -> str:
        return self.__mode

    # Reading -------------------------------------------------------------------------------------

    def _readable(self) -> Any:
        if self._reader is None:
            if not self._may_read:
                raise error(errors.PermissionDeniedError, "File isn't open for reading")
            name = path_of(self.__name)
            self._reader = files_of(name).open(name, "rb")
        return self._reader

    def _decoded(self, data: bytes) -> Any:
        return data if self._binary else as_str_any(data, self._encoding)

    def read(self, n: int = -1) -> Any:
        """The next `n` bytes, or all that is left; as text unless the mode says bytes."""
        return self._decoded(self._readable().read(n if n >= 0 else -1))

    def readline(self) -> Any:
        """The next line with its newline (a carriage return is dropped); empty at the end."""
        return self._decoded(self._readable().readline().replace(b"\r", b""))

    def readlines(self) -> list[Any]:
        """The lines that are left."""
        return list(self)

    def __iter__(self) -> FileIO:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    next = __next__

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int | None = None, whence: int = 0, position: int | None = None) -> None:
        """Moves to `offset` bytes from the start, from here (1), or from the end (2).

        Args:
          offset: how far.
          whence: from where.
          position: the old name of `offset`.

        Raises:
          errors.OutOfRangeError: beyond the end.
          errors.InvalidArgumentError: before the start, or for another `whence`.
        """
        reader = self._readable()
        if offset is None:
            if position is None:
                raise TypeError("seek(): offset argument required")
            offset = position
        size = self.size()
        if whence not in (0, 1, 2):
            raise error(
                errors.InvalidArgumentError,
                f"Invalid whence argument: {whence}. Valid values are 0, 1, or 2.",
            )
        target = offset + (0, reader.tell(), size)[whence]
        if target < 0:
            raise error(errors.InvalidArgumentError, f"Seeking to a negative position: {target}")
        if target > size:
            raise error(errors.OutOfRangeError, "reached end of file")
        reader.seek(target)

    # Writing -------------------------------------------------------------------------------------

    def _writable(self) -> Any:
        if self._writer is None:
            if not self._may_write:
                raise error(errors.PermissionDeniedError, "File isn't open for writing")
            name = path_of(self.__name)
            self._writer = files_of(name).open(name, "ab" if self._append else "wb")
        return self._writer

    def write(self, file_content: Any) -> None:
        """Writes text or bytes at the end of the file."""
        data = as_bytes(file_content, self._encoding)
        try:
            self._writable().write(data)
        except OSError as problem:
            raise error(errors.UnknownError, f"{self.__name}; {problem.strerror}") from None

    def flush(self) -> None:
        """Hands what is written to the file system."""
        if self._writer is not None:
            self._writer.flush()

    # Both ----------------------------------------------------------------------------------------

    def tell(self) -> int:
        """The position in the file, in bytes."""
        if self._may_read and self._writer is None:
            return self._readable().tell()
        return self._writable().tell()

    def size(self) -> int:
        """The size of the file in bytes, without what is not flushed."""
        return stat_v2(self.__name).length

    def close(self) -> None:
        """Flushes and closes; reading or writing again opens the file anew."""
        reader, writer, self._reader, self._writer = self._reader, self._writer, None, None
        if reader is not None:
            reader.close()
        if writer is not None:
            try:
                writer.close()
            except OSError as problem:
                raise error(errors.UnknownError, f"{self.__name}; {problem.strerror}") from None

    def __enter__(self) -> FileIO:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def __del__(self) -> None:
        for held in (self.__dict__.get("_reader"), self.__dict__.get("_writer")):
            if held is not None:
                held.close()


# Whole files --------------------------------------------------------------------------------------


def read_file_to_string(filename: Any, binary_mode: bool = False) -> Any:
    """The contents of a file, as text or, in binary mode, as bytes."""
    with FileIO(filename, "rb" if binary_mode else "r") as file:
        return file.read()


def write_string_to_file(filename: Any, file_content: Any) -> None:
    """Writes text or bytes to a file."""
    with FileIO(filename, "w") as file:
        file.write(file_content)


def atomic_write_string_to_file(filename: Any, contents: Any, overwrite: bool = True) -> None:
    """Writes a file so that a reader sees the old contents or the new, never a part.

    Raises:
      errors.AlreadyExistsError: if the file exists and `overwrite` is false.
    """
    name = path_of(filename)
    if not has_atomic_move(name):  # such a store writes an object whole
        if not overwrite and file_exists_v2(name):
            raise error(errors.AlreadyExistsError, f"{name}; file already exists")
        write_string_to_file(name, contents)
        return
    temporary = f"{name}.tmp{uuid.uuid4().hex}"
    write_string_to_file(temporary, contents)
    try:
        rename_v2(temporary, name, overwrite)
    except errors.OpError:
        delete_file_v2(temporary)
        raise


def file_crc32(filename: Any, block_size: int = 1 << 20) -> str:
    """The CRC-32 of a file as a hexadecimal number."""
    crc = 0
    with FileIO(filename, "rb") as file:
        while chunk := file.read(block_size):
            crc = zlib.crc32(chunk, crc)
    return hex(crc & 0xFFFFFFFF)


def filecmp(filename_a: Any, filename_b: Any) -> bool:
    """Whether two files have the same contents."""
    if stat_v2(filename_a).length != stat_v2(filename_b).length:
        return False
    with FileIO(filename_a, "rb") as a, FileIO(filename_b, "rb") as b:
        while chunk := a.read(1 << 20):
            if chunk != b.read(1 << 20):
                return False
    return True


# Paths --------------------------------------------------------------------------------------------


def file_exists_v2(path: Any) -> bool:
    """Whether there is a file or directory at `path`."""
    name = path_of(path)
    return bool(name) and files_of(name).exists(name)


def is_directory_v2(path: Any) -> bool:
    """Whether `path` is a directory."""
    name = path_of(path)
    return bool(name) and files_of(name).isdir(name)


def stat_v2(path: Any) -> FileStatistics:
    """Length, time of the last change, and whether it is a directory.

    Raises:
      errors.NotFoundError: if there is nothing at `path`.
    """
    name = path_of(path)
    return files_of(name).stat(name)


def delete_file_v2(path: Any) -> None:
    """Removes a file.

    Raises:
      errors.NotFoundError: if it does not exist.
      errors.FailedPreconditionError: if it is a directory.
    """
    name = path_of(path)
    files_of(name).remove(name)


def delete_recursively_v2(path: Any) -> None:
    """Removes a directory with all that is in it.

    Raises:
      errors.NotFoundError: if it does not exist.
    """
    name = path_of(path)
    if not file_exists_v2(name) and not os.path.islink(name):
        raise error(errors.NotFoundError, f"{name} not found")
    files_of(name).remove_tree(name)


def create_dir_v2(path: Any) -> None:
    """Makes a directory; one that exists already is fine.

    Raises:
      errors.NotFoundError: if the directory around it does not exist.
      errors.AlreadyExistsError: if a file is in its place.
    """
    name = path_of(path)
    if not is_directory_v2(name):
        files_of(name).mkdir(name)


def recursive_create_dir_v2(path: Any) -> None:
    """Makes a directory and those around it; ones that exist already are fine.

    Raises:
      errors.FailedPreconditionError: if a file is in the place of one of them.
    """
    name = path_of(path)
    try:
        files_of(name).makedirs(name)
    except (errors.AlreadyExistsError, errors.FailedPreconditionError):
        if not is_directory_v2(name):
            raise error(errors.FailedPreconditionError, f"{name} is not a directory") from None


def copy_v2(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copies a file.

    Args:
      src: the file to copy.
      dst: the path of the copy; its directory must exist.
      overwrite: whether a file at `dst` is replaced.

    Raises:
      errors.AlreadyExistsError: if there is something at `dst` and `overwrite` is false.
      errors.NotFoundError: if `src` or the directory of `dst` does not exist.
    """
    source, target = path_of(src), path_of(dst)
    if not overwrite and file_exists_v2(target):
        raise error(errors.AlreadyExistsError, f"{target}; file already exists")
    with (
        files_of(source).open(source, "rb") as reader,
        files_of(target).open(target, "wb") as writer,
    ):
        shutil.copyfileobj(reader, writer, 1 << 20)


def rename_v2(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Renames or moves a file or a directory.

    Args:
      src: what to rename.
      dst: its new path.
      overwrite: whether a file at `dst` is replaced.

    Raises:
      errors.AlreadyExistsError: if there is something at `dst` and `overwrite` is false.
      errors.NotFoundError: if `src` does not exist.
    """
    source, target = path_of(src), path_of(dst)
    if not overwrite and file_exists_v2(target):
        raise error(errors.AlreadyExistsError, f"{target}; file already exists")
    if scheme_of(source) == scheme_of(target):
        files_of(source).rename(source, target)
        return
    if is_directory_v2(source):
        raise error(
            errors.UnimplementedError,
            f"renaming the directory {source} to another file system ({target})",
        )
    copy_v2(source, target, overwrite)
    delete_file_v2(source)


def list_directory_v2(path: Any) -> list[str]:
    """The names in a directory.

    Raises:
      errors.NotFoundError: if it is no directory.
    """
    name = path_of(path)
    if not is_directory_v2(name):
        raise error(errors.NotFoundError, f"Could not find directory {name}")
    return files_of(name).names(name)


def join(path: Any, *paths: Any) -> Any:
    """The parts of a path put together with `/`, schemes included."""
    as_plain = os.fspath(path) if hasattr(path, "__fspath__") else path
    return os.path.join(as_plain, *(os.fspath(p) if hasattr(p, "__fspath__") else p for p in paths))


def walk_v2(
    top: Any, topdown: bool = True, onerror: Callable[[errors.OpError], Any] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Goes through a tree of directories: `(directory, names of directories, names of files)`.

    Args:
      top: where to begin.
      topdown: whether a directory comes before those in it.
      onerror: what to call with the error when a directory cannot be listed; otherwise it is passed
        over.
    """
    top = path_of(top)
    try:
        listing = list_directory_v2(top)
    except errors.NotFoundError as problem:
        if onerror is not None:
            onerror(problem)
        return
    files, directories = [], []
    for name in listing:
        (directories if is_directory_v2(join(top, name)) else files).append(name)
    here = (top, directories, files)
    if topdown:
        yield here
    for name in directories:
        yield from walk_v2(join(top, name), topdown, onerror)
    if not topdown:
        yield here


_MAGIC = re.compile(r"[*?\[\\]")


def get_matching_files_v2(pattern: Any) -> list[str]:
    """The paths that match a pattern, or one of several.

    `*` stands for any characters, `?` for one, `[abc]` for one of a set, none of them for a `/`; a
    backslash takes a character as it is. A pattern without directories gives paths that begin with
    `./`, as TensorFlow does.

    Args:
      pattern: a pattern, or a list of them.
    """
    if isinstance(pattern, (str, bytes)) or hasattr(pattern, "__fspath__"):
        return _matching(path_of(pattern))
    return [path for each in pattern for path in _matching(path_of(each))]


def _matching(pattern: str) -> list[str]:
    magic = _MAGIC.search(pattern)
    if magic is None:
        return [pattern] if file_exists_v2(pattern) else []
    fixed = pattern[: magic.start()]
    if "/" not in fixed:
        fixed, pattern = "./", "./" + pattern
    start = fixed[: fixed.rindex("/") + 1]
    found = [start]
    parts = pattern[len(start) :].split("/")
    for i, part in enumerate(parts):
        regex = _regex(part)
        last = i == len(parts) - 1
        deeper = []
        for base in found:
            if not is_directory_v2(base):
                continue
            for name in files_of(base).names(base):
                if regex.fullmatch(name):
                    path = base + name
                    if last:
                        deeper.append(path)
                    elif is_directory_v2(path):
                        deeper.append(path + "/")
        found = deeper
    return found


def _regex(part: str) -> re.Pattern[str]:
    """The regular expression of one component of a pattern."""
    text, i = "", 0
    while i < len(part):
        char = part[i]
        i += 1
        if char == "*":
            text += ".*"
        elif char == "?":
            text += "."
        elif char == "\\" and i < len(part):
            text += re.escape(part[i])
            i += 1
        elif char == "[" and (end := part.find("]", i + 1 + (part[i : i + 1] in "!^"))) > 0:
            body = part[i:end]
            negated = body[:1] in ("!", "^")
            inner = (body[1:] if negated else body).replace("\\", "\\\\").replace("[", "\\[")
            text += f"[{'^' if negated else ''}{inner}]"
            i = end + 1
        else:
            text += re.escape(char)
    return re.compile(text, re.DOTALL)


def has_atomic_move(path: Any) -> bool:
    """Whether a file can be replaced in one step where `path` is."""
    return files_of(path_of(path)).atomic_move


def get_registered_schemes() -> list[str]:
    """The schemes of paths that can be read and written; "" stands for local paths."""
    return registered_schemes()


# TF 1's functions: other names for arguments ------------------------------------------------------


def file_exists(filename: Any) -> bool:
    """Whether there is a file or directory at a path."""
    return file_exists_v2(filename)


def delete_file(filename: Any) -> None:
    """Removes a file: see `delete_file_v2`."""
    delete_file_v2(filename)


def get_matching_files(filename: Any) -> list[str]:
    """The paths that match a pattern, or one of a list of patterns: see `get_matching_files_v2`."""
    return get_matching_files_v2(filename)


def create_dir(dirname: Any) -> None:
    """Makes a directory in one that exists: see `create_dir_v2`."""
    create_dir_v2(dirname)


def recursive_create_dir(dirname: Any) -> None:
    """Makes a directory and those around it: see `recursive_create_dir_v2`."""
    recursive_create_dir_v2(dirname)


def copy(oldpath: Any, newpath: Any, overwrite: bool = False) -> None:
    """Copies a file: see `copy_v2`."""
    copy_v2(oldpath, newpath, overwrite)


def rename(oldname: Any, newname: Any, overwrite: bool = False) -> None:
    """Renames or moves a file or a directory: see `rename_v2`."""
    rename_v2(oldname, newname, overwrite)


def delete_recursively(dirname: Any) -> None:
    """Removes a directory with all that is in it: see `delete_recursively_v2`."""
    delete_recursively_v2(dirname)


def is_directory(dirname: Any) -> bool:
    """Whether a path is a directory."""
    return is_directory_v2(dirname)


def list_directory(dirname: Any) -> list[str]:
    """The names in a directory: see `list_directory_v2`."""
    return list_directory_v2(dirname)


def walk(top: Any, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
    """Goes through a tree of directories, parents first if `in_order`: see `walk_v2`."""
    return walk_v2(top, topdown=in_order)


def stat(filename: Any) -> FileStatistics:
    """Length, time of the last change, and whether it is a directory: see `stat_v2`."""
    return stat_v2(filename)
