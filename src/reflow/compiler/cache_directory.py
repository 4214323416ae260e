"""Where executables are kept from one process to the next, if nobody else can put anything there.

What is loaded from there is machine code. So the directory must be the user's own, closed to all others,
and so must be everything that leads to it; where it is not, nothing is kept. `REFLOW_CACHE_DIR` names
another directory than `$XDG_CACHE_HOME/reflow` or `~/.cache/reflow`; empty, it switches the cache off.
JAX's cache does the rest: its keys hold the program, the compiler's version and its options, but not the
processor, which gives a directory of its own here.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import platform
import stat
from typing import Any

MIN_SECONDS = 0.1  # what compiles faster is not kept
MAX_BYTES = 1 << 30  # the oldest go


class NotPrivate(Exception):
    """Somebody else could write there; the message says where and why."""


def root() -> pathlib.Path | None:
    """Reflow's directory for what can be made again; None when the user wants none."""
    named = os.environ.get("REFLOW_CACHE_DIR")
    if named is not None:
        return pathlib.Path(named).expanduser().absolute() if named else None
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return pathlib.Path(base).expanduser().absolute() / "reflow"


def private_directory(path: pathlib.Path, own: int) -> pathlib.Path:
    """Makes `path`, or checks it, so that only this user can change what is in it.

    Args:
      path: absolute.
      own: how many of its last parts are Reflow's: they are made, and closed to others.

    Raises:
      NotPrivate: if others may write there or on the way there.
      OSError: if it cannot be made.
    """
    if not hasattr(os, "geteuid"):
        raise NotPrivate("this system does not say who owns a directory")
    mine = [path, *path.parents][:own]
    above = mine[-1].parent
    above.mkdir(parents=True, exist_ok=True)
    above = above.resolve()
    for each in (above, *above.parents):
        state = os.stat(each)
        shared = state.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not state.st_mode & stat.S_ISVTX
        if shared or state.st_uid not in (0, os.geteuid()):
            raise NotPrivate(f"{each} can be changed by other users")
    made = above
    for each in reversed(mine):
        made = made / each.name
        try:
            made.mkdir(mode=0o700)
        except FileExistsError:
            pass
        state = os.lstat(made)
        if not stat.S_ISDIR(state.st_mode):
            raise NotPrivate(f"{made} is not a directory")
        if state.st_uid != os.geteuid():
            raise NotPrivate(f"{made} belongs to another user")
        if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise NotPrivate(f"{made} can be changed by other users")
        if state.st_mode & 0o077:
            made.chmod(0o700)
    return made


def prune(directory: pathlib.Path, limit: int = MAX_BYTES) -> None:
    """Removes the oldest files until no more than `limit` bytes remain."""
    files = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                state = entry.stat(follow_symlinks=False)
                files.append((state.st_mtime, state.st_size, entry.path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= limit:
            break
        pathlib.Path(path).unlink(missing_ok=True)
        total -= size


def processor() -> str:
    """A name for processors that run the same code."""
    facts = [platform.machine()]
    try:
        with open("/proc/cpuinfo") as lines:
            wanted = ("model name", "flags", "Features", "CPU part")
            seen = {line.split(":")[0].strip(): line for line in lines if line.startswith(wanted)}
        facts += [seen[key] for key in sorted(seen)]
    except OSError:
        facts.append(platform.processor())
    return hashlib.blake2b("".join(facts).encode(), digest_size=8).hexdigest()


def use(config: Any) -> dict[str, str]:
    """Lets JAX keep executables, unless the user has told JAX where; what was done, for the journal."""
    if config.jax_compilation_cache_dir is not None:
        return {"directory": str(config.jax_compilation_cache_dir), "why": "JAX was told so"}
    base = root()
    if base is None:
        return {"directory": "", "why": "REFLOW_CACHE_DIR is empty"}
    try:
        directory = private_directory(base / "xla" / processor(), own=3)
        prune(directory)
    except (NotPrivate, OSError) as error:
        return {"directory": "", "why": str(error)}
    config.update("jax_compilation_cache_dir", str(directory))
    config.update("jax_persistent_cache_min_compile_time_secs", MIN_SECONDS)
    config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    config.update("jax_persistent_cache_enable_xla_caches", "none")
    return {"directory": str(directory), "why": "only this user can change it"}
