"""Executables are kept on disk, in a directory that nobody else can put anything into."""

import os
import pathlib
import stat
import subprocess
import sys
import types

import pytest

from reflow.compiler import cache_directory
from reflow.compiler.cache_directory import NotPrivate, private_directory, prune

posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no owners here")


@pytest.fixture
def home(tmp_path):
    tmp_path.chmod(0o700)
    return tmp_path.resolve()


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@posix
def test_what_is_made_is_closed_to_others(home):
    old = os.umask(0)
    try:
        path = private_directory(home / "reflow" / "xla", own=2)
    finally:
        os.umask(old)
    assert path == home / "reflow" / "xla"
    assert mode(path) == mode(path.parent) == 0o700
    assert private_directory(path, own=2) == path  # again


@posix
def test_one_that_others_may_read_is_closed(home):
    (home / "reflow").mkdir(mode=0o755)
    private_directory(home / "reflow", own=1)
    assert mode(home / "reflow") == 0o700


@posix
@pytest.mark.parametrize("bits", [0o777, 0o770, 0o722])
def test_one_that_others_could_have_written_to_is_refused(home, bits):
    (home / "reflow").mkdir()
    (home / "reflow").chmod(bits)
    with pytest.raises(NotPrivate, match="reflow can be changed by other users"):
        private_directory(home / "reflow", own=1)


@posix
def test_the_way_there_must_not_be_open(home):
    (home / "open").mkdir()
    (home / "open").chmod(0o777)
    with pytest.raises(NotPrivate, match="open can be changed by other users"):
        private_directory(home / "open" / "reflow", own=1)
    (home / "open").chmod(0o1777)  # as /tmp: nobody can rename what is another's
    assert private_directory(home / "open" / "reflow", own=1)


@posix
def test_a_link_is_refused(home):
    (home / "elsewhere").mkdir()
    (home / "reflow").symlink_to(home / "elsewhere")
    with pytest.raises(NotPrivate, match="not a directory"):
        private_directory(home / "reflow", own=1)


@posix
@pytest.mark.parametrize("which", ["the directory", "the way there"])
def test_another_users_directory_is_refused(home, monkeypatch, which):
    (home / "way" / "reflow").mkdir(parents=True, mode=0o700)
    (home / "way").chmod(0o700)
    real_stat, real_lstat = os.stat, os.lstat
    foreign = home / "way" / "reflow" if which == "the directory" else home / "way"

    def seen(real):
        def look(path, *args, **kwargs):
            state = real(path, *args, **kwargs)
            if pathlib.Path(path) != foreign:
                return state
            return types.SimpleNamespace(st_mode=state.st_mode, st_uid=os.geteuid() + 1)

        return look

    monkeypatch.setattr(os, "stat", seen(real_stat))
    monkeypatch.setattr(os, "lstat", seen(real_lstat))
    with pytest.raises(NotPrivate, match="another user|other users"):
        private_directory(home / "way" / "reflow", own=1)


def test_where_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("REFLOW_CACHE_DIR", str(tmp_path / "mine"))
    assert cache_directory.root() == tmp_path / "mine"
    monkeypatch.setenv("REFLOW_CACHE_DIR", "")
    assert cache_directory.root() is None
    monkeypatch.delenv("REFLOW_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory.root() == tmp_path / "reflow"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_directory.root() == tmp_path / "home" / ".cache" / "reflow"


def test_the_oldest_go(home):
    for i, name in enumerate("abc"):
        (home / name).write_bytes(b"x" * 100)
        os.utime(home / name, (1000 + i, 1000 + i))
    prune(home, 200)
    assert sorted(p.name for p in home.iterdir()) == ["b", "c"]
    prune(home, 200)
    assert len(list(home.iterdir())) == 2


PROGRAM = """
import sys
import numpy as np
import reflow
from reflow.compiler import cache_directory
cache_directory.MIN_SECONDS = 0.0  # however fast this machine compiles
from reflow.compiler import jax_setup
events = []
jax_setup.jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
tf = reflow.compat.v1
tf.disable_v2_behavior()
x = tf.placeholder(tf.float32, [4, 16, 16, 3])
y = x
for i in range(3):
    w = tf.constant(np.full((3, 3, y.shape[-1], 8), 0.01 * (i + 1), np.float32))
    y = tf.nn.relu(tf.nn.conv2d(y, w, 1, "SAME")) + 0.5
loss = tf.reduce_sum(tf.square(tf.gradients(y, x)[0]))
print(float(tf.Session().run(loss, {x: np.ones((4, 16, 16, 3))})))
print(events.count("/jax/compilation_cache/cache_hits"))
"""


@posix
def test_a_second_process_takes_the_executable_of_the_first(home):
    environment = os.environ | {"REFLOW_CACHE_DIR": str(home / "reflow"), "REFLOW_TIER": "compile"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)

    def run():
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        value, hits = done.stdout.split()
        return value, int(hits)

    value, hits = run()
    kept = [p for p in (home / "reflow").rglob("*") if p.is_file()]
    assert hits == 0 and kept
    again, hits = run()
    assert again == value and hits >= 1
    assert all(mode(p) == 0o700 for p in (home / "reflow").rglob("*") if p.is_dir())
