"""Files through tf.io.gfile and tf.gfile: platform/{filesystems,file_io,gfile}.py."""

import pathlib
import sys

import pytest

from reflow.lang import errors
from reflow.platform import file_io, filesystems, gfile
from reflow.platform.gfile import GFile


@pytest.fixture(params=["local", "remote"])
def root(request, tmp_path):
    """A directory to work in: on the disk, and in the memory of fsspec."""
    if request.param == "local":
        yield str(tmp_path)
        return
    pytest.importorskip("fsspec")
    path = f"ram://{tmp_path.name}"
    file_io.recursive_create_dir(path)
    yield path
    file_io.delete_recursively(path)


def write(path, contents="abc"):
    with GFile(path, "w") as f:
        f.write(contents)
    return path


def test_what_is_written_is_read(root):
    path = root + "/a.txt"
    assert GFile(path, "w").close() is None
    assert not gfile.Exists(path)  # nothing was written
    with GFile(path, "w") as f:
        f.write("hé\r\nworld\n")
        f.write(b"bytes")
        assert f.tell() == 16
        f.flush()
        with pytest.raises(errors.PermissionDeniedError, match="isn't open for reading"):
            f.read()
    with GFile(path) as f:
        assert f.size() == 16
        assert f.read() == "hé\r\nworld\nbytes"
        assert f.read() == ""
        f.seek(0)
        assert (f.readline(), f.tell()) == ("hé\n", 5)
        assert f.readlines() == ["world\n", "bytes"]
        with pytest.raises(errors.PermissionDeniedError, match="isn't open for writing"):
            f.write("x")
    assert list(GFile(path, "rb")) == ["hé\n".encode(), b"world\n", b"bytes"]
    assert file_io.read_file_to_string(path, binary_mode=True) == "hé\r\nworld\nbytes".encode()


def test_modes(root):
    path = write(root + "/a", "abc")
    with GFile(path, "a") as f:
        f.write("d")
    with GFile(path, "a+") as f:
        assert f.read() == "abcd"
        f.write("e")
        f.flush()
    assert GFile(path).read() == "abcde"
    with GFile(path, "w+") as f:
        f.write("x")
        f.flush()
        assert f.read() == "x"
    with GFile(path, "r+b") as f:
        assert f.read(1) == b"x"
        f.write("new")
    assert GFile(path).read() == "new"
    for mode in ("", "x", "rw", "rt", "U"):
        with pytest.raises(errors.InvalidArgumentError, match="mode is not 'r' or 'w'"):
            GFile(path, mode)


def test_seeking(root):
    with GFile(write(root + "/a", "0123456789"), "rb") as f:
        assert f.seekable()
        f.seek(-2, 2)
        assert f.read() == b"89"
        f.seek(offset=3)
        f.seek(1, whence=1)
        assert f.read(2) == b"45"
        f.seek(position=1)
        assert f.tell() == 1
        for arguments, kind, text in [
            ((11,), errors.OutOfRangeError, "reached end of file"),
            ((-1,), errors.InvalidArgumentError, "negative position: -1"),
            ((0, 3), errors.InvalidArgumentError, "Invalid whence argument: 3"),
            ((), TypeError, "offset argument required"),
        ]:
            with pytest.raises(kind, match=text):
                f.seek(*arguments)


def test_a_closed_file_opens_again(root):
    f = GFile(write(root + "/a"))
    assert f.read(1) == "a"
    f.close()
    f.close()
    assert f.read() == "abc"
    f.close()


def test_paths_of_all_types(tmp_path):
    path = write(tmp_path / "a")
    for each in (path, str(path), str(path).encode(), f"file://{path}"):
        assert GFile(each).read() == "abc"
        assert file_io.file_exists_v2(each)
    for bad in (None, 5):
        with pytest.raises(TypeError, match="Expected binary or unicode string"):
            file_io.file_exists_v2(bad)
    assert not gfile.Exists("")


def test_directories(root):
    if "://" not in root:  # stores of objects have no directories to miss
        with pytest.raises(errors.NotFoundError):
            gfile.MkDir(root + "/a/b")
    gfile.MkDir(root + "/a")
    gfile.MkDir(root + "/a")
    gfile.MakeDirs(root + "/b/c/d")
    gfile.MakeDirs(root + "/b/c/d")
    assert gfile.IsDirectory(root + "/b/c") and not gfile.IsDirectory(root + "/nothing")
    write(root + "/b/one")
    assert gfile.ListDirectory(root + "/b") == ["c", "one"]
    assert gfile.ListDirectory(root + "/a") == []
    for name in ("/nothing", "/b/one"):
        with pytest.raises(errors.NotFoundError, match=f"Could not find directory .*{name}"):
            gfile.ListDirectory(root + name)
    stat = gfile.Stat(root + "/b/one")
    assert (stat.length, stat.is_directory) == (3, False) and stat.mtime_nsec > 1e18
    assert gfile.Stat(root + "/b").is_directory
    with pytest.raises(errors.NotFoundError):
        gfile.Stat(root + "/nothing")


def test_a_file_in_the_place_of_a_directory(tmp_path):
    path = str(write(tmp_path / "file"))
    with pytest.raises(errors.AlreadyExistsError):
        gfile.MkDir(path)
    for bad in (path, path + "/x"):
        with pytest.raises(errors.FailedPreconditionError, match="is not a directory"):
            gfile.MakeDirs(bad)
    with pytest.raises(errors.FailedPreconditionError, match="Is a directory"):
        GFile(tmp_path).read()
    with pytest.raises(errors.NotFoundError):
        GFile(tmp_path / "no" / "file", "w").write("x")


def test_copy_rename_remove(root):
    a, b = write(root + "/a", "A"), write(root + "/b", "B")
    with pytest.raises(errors.AlreadyExistsError, match="file already exists"):
        gfile.Copy(a, b)
    gfile.Copy(a, b, overwrite=True)
    assert GFile(b).read() == "A"
    with pytest.raises(errors.AlreadyExistsError, match="file already exists"):
        gfile.Rename(a, b)
    write(a, "new")
    gfile.Rename(a, b, overwrite=True)
    assert not gfile.Exists(a) and GFile(b).read() == "new"
    gfile.Rename(b, root + "/c")
    for missing in (lambda: gfile.Copy(a, b), lambda: gfile.Rename(a, b), lambda: gfile.Remove(a)):
        with pytest.raises(errors.NotFoundError, match="No such file or directory"):
            missing()
    gfile.MakeDirs(root + "/d/e")
    with pytest.raises(errors.FailedPreconditionError, match="Is a directory"):
        gfile.Remove(root + "/d")
    gfile.Remove(root + "/c")
    write(root + "/d/e/f")
    gfile.DeleteRecursively(root + "/d")
    assert not gfile.Exists(root + "/d")
    with pytest.raises(errors.NotFoundError, match="not found"):
        gfile.DeleteRecursively(root + "/d")


def test_between_file_systems(tmp_path):
    pytest.importorskip("fsspec")
    here, there = str(write(tmp_path / "a", "x")), "ram://between/a"
    gfile.MakeDirs("ram://between")
    gfile.Copy(here, there)
    gfile.Rename(there, here, overwrite=True)
    assert GFile(here).read() == "x" and not gfile.Exists(there)
    with pytest.raises(errors.UnimplementedError, match="another file system"):
        gfile.Rename("ram://between", str(tmp_path / "d"))


def names(paths, root):
    return [p.removeprefix(root + "/") for p in paths]


def test_glob(root):
    gfile.MakeDirs(root + "/e/f")
    for name in ("a.txt", "c.txt", "b.bin", "e/2.txt", "e/.hidden", "e/f/1.txt", "e/[x]", "e/^"):
        write(f"{root}/{name}")
    for pattern, want in [
        ("*.txt", ["a.txt", "c.txt"]),
        ("*", ["a.txt", "b.bin", "c.txt", "e"]),
        ("e/*", ["e/.hidden", "e/2.txt", "e/[x]", "e/^", "e/f"]),
        ("*/*.txt", ["e/2.txt"]),
        ("**/*.txt", ["e/2.txt"]),
        ("e*/f", ["e/f"]),
        ("[ac]?txt", ["a.txt", "c.txt"]),
        ("[!a]*", ["b.bin", "c.txt", "e"]),
        ("[a-b].*", ["a.txt", "b.bin"]),
        ("e/\\[x\\]", ["e/[x]"]),
        ("e/[[]*", ["e/[x]"]),
        ("e/[^2f.[]", ["e/^"]),
        ("e/[", []),
        ("{a,c}.txt", []),
        ("nothing/*", []),
        ("a.txt", ["a.txt"]),
        ("nothing", []),
    ]:
        assert names(gfile.Glob(f"{root}/{pattern}"), root) == want, pattern
    both = gfile.Glob([root + "/a*", root + "/b*"])
    assert names(both, root) == ["a.txt", "b.bin"]


def test_glob_of_relative_patterns_and_schemes(tmp_path, monkeypatch):
    write(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    assert gfile.Glob("*") == ["./a"]
    assert gfile.Glob("./*") == ["./a"]
    assert gfile.Glob("a") == ["a"]
    assert gfile.Glob(pathlib.Path("*")) == ["./a"]
    assert gfile.Glob(f"file://{tmp_path}/*") == [f"file://{tmp_path}/a"]


def test_walk(root):
    gfile.MakeDirs(root + "/t/x/y")
    for name in ("t/1", "t/x/2", "t/x/y/3"):
        write(f"{root}/{name}")
    top = root + "/t"
    tree = [(top, ["x"], ["1"]), (top + "/x", ["y"], ["2"]), (top + "/x/y", [], ["3"])]
    assert list(gfile.Walk(top)) == tree
    assert list(gfile.Walk(top, in_order=False)) == tree[::-1]
    assert list(file_io.walk_v2(top, topdown=False)) == tree[::-1]
    assert list(gfile.Walk(root + "/nothing")) == []
    seen = []
    assert list(file_io.walk_v2(root + "/nothing", onerror=seen.append)) == []
    assert [type(e) for e in seen] == [errors.NotFoundError]
    pruned = []
    for directory, directories, _ in file_io.walk_v2(top):
        pruned.append(directory)
        directories.clear()
    assert pruned == [top]


def test_whole_files(root):
    path = root + "/a"
    file_io.write_string_to_file(path, "one")
    file_io.atomic_write_string_to_file(path, "two")
    with pytest.raises(errors.AlreadyExistsError):
        file_io.atomic_write_string_to_file(path, "three", overwrite=False)
    assert file_io.read_file_to_string(path) == "two"
    assert gfile.ListDirectory(root) == ["a"]  # no temporary file is left
    assert file_io.file_crc32(write(root + "/b", "new")) == "0x6be34445"
    assert file_io.filecmp(path, path) and not file_io.filecmp(path, root + "/b")
    gfile.Copy(path, root + "/c")
    assert file_io.filecmp(path, root + "/c")


def test_join():
    for arguments, want in [
        (("a", "b"), "a/b"),
        (("gs://a", "b", "c"), "gs://a/b/c"),
        (("a/", "/b"), "/b"),
        ((pathlib.PurePosixPath("a"), "b"), "a/b"),
        (("a",), "a"),
        (("a", ""), "a/"),
    ]:
        assert file_io.join(*arguments) == want


def test_errors_name_the_users_line(tmp_path):
    with pytest.raises(errors.NotFoundError) as caught:
        gfile.Remove(str(tmp_path / "nothing"))
    assert str(caught.value).startswith(f"{pathlib.Path(__file__).name}:") or (
        "test_platform_gfile.py:" in str(caught.value).splitlines()[0]
    )
    assert caught.value.error_code == errors.NOT_FOUND


def test_unknown_schemes():
    pytest.importorskip("fsspec")
    with pytest.raises(errors.UnimplementedError, match="scheme 'foo' not implemented"):
        gfile.Exists("foo://bar/x")


def test_without_fsspec_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.registry", None)
    monkeypatch.setattr(filesystems, "_remote", {})
    with pytest.raises(errors.UnimplementedError, match="pip install fsspec.*gcsfs for gs://"):
        gfile.Exists("gs://bucket/x")
    assert file_io.get_registered_schemes() == ["", "file"]


def test_permission_is_denied(tmp_path):
    path = tmp_path / "a"
    path.write_text("x")
    path.chmod(0)
    try:
        path.read_text()
    except PermissionError:
        with pytest.raises(errors.PermissionDeniedError, match="Permission denied"):
            GFile(path).read()
    else:
        pytest.skip("this user may read everything")


def test_a_path_with_a_null_character():
    with pytest.raises(errors.InvalidArgumentError, match="null"):
        GFile("a\0b").read()
