"""`reflow check`: which of TensorFlow's names a code base uses, and which Reflow lacks."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from reflow import api
from reflow.cli import symbols
from reflow.cli.names import V1_ONLY, V2_ONLY


def main(args: Any) -> int:
    """Prints the findings; 0 when nothing is missing, 1 when something is, 2 when nothing was read."""
    found: list[symbols.Use] = []
    files, unreadable = 0, []
    for given in args.paths:
        for path in symbols.python_files(given):
            try:
                found.extend(symbols.uses(path.read_text(errors="replace"), str(path)))
                files += 1
            except (SyntaxError, OSError) as error:
                unreadable.append(f"{path}: {error}")
    if not files:
        print("reflow check: no Python file could be read", *unreadable, sep="\n  ")
        return 2
    space = "v1" if args.tf1 else "v2" if args.tf2 else _mode(found)
    missing: dict[str, list[symbols.Use]] = defaultdict(list)
    names: set[str] = set()
    count = 0
    for use in found:
        where = space if use.space == "tf" else use.space
        shown = known_prefix(where, use.name)
        names.add(use.name)
        count += 1
        if shown is not None:
            missing[shown].append(use)
    lacking = sum(len(each) for each in missing.values())
    percent = 100.0 * (count - lacking) / count if count else 100.0
    if args.json:
        rows = {n: [f"{u.path}:{u.line}" for u in each] for n, each in sorted(missing.items())}
        print(
            json.dumps(
                {
                    "mode": space,
                    "files": files,
                    "uses": count,
                    "percent": percent,
                    "missing": rows,
                    "unreadable": unreadable,
                },
                indent=1,
            )
        )
    else:
        print(f"{files} files, {count} uses of {len(names)} tf. symbols as TF {space[1]}")
        for name, each in sorted(missing.items(), key=lambda row: -len(row[1])):
            print(f"  missing tf.{name} ({len(each)} uses)")
            for use in each[:5]:
                print(f"    {use.path}:{use.line}")
            if len(each) > 5:
                print(f"    ... and {len(each) - 5} more")
        for line in unreadable:
            print(f"  not read: {line}")
        print(f"{percent:.1f} % of the uses are there")
    return 1 if missing else 0


def _mode(found: list[symbols.Use]) -> str:
    v1 = sum(_any_prefix(use.name, V1_ONLY) for use in found if use.space == "tf")
    v2 = sum(_any_prefix(use.name, V2_ONLY) for use in found if use.space == "tf")
    return "v1" if v1 and v1 >= v2 else "v2"


def _any_prefix(name: str, names: frozenset[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[: i + 1]) in names for i in range(len(parts)))


def known_prefix(space: str, name: str) -> str | None:
    """None when the name resolves (what follows a class or function is its own business); else the
    shortest prefix of it that Reflow lacks."""
    table = api._map(space)
    parts = name.split(".")
    for i in range(len(parts)):
        prefix = ".".join(parts[: i + 1])
        if prefix in table:
            return None
        if prefix.startswith("raw_ops.") or prefix in ("python", "core"):
            return _internal(space, name)
        if prefix != "raw_ops" and not api.has_children(space, prefix):
            return prefix
    return None


def _internal(space: str, name: str) -> str | None:
    try:
        if name.startswith("raw_ops."):
            api.lookup(space, name, name)
        else:
            from reflow.compat.internal_paths import resolves

            if not resolves(name):
                return name
    except (AttributeError, ImportError):
        return name
    return None
