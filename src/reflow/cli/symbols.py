"""Which public names of TensorFlow a source file uses, and where: by its syntax tree."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator
from typing import NamedTuple


class Use(NamedTuple):
    """A use of a name: `name` without the `tf.`, the name space it is looked up in, and the place."""

    name: str
    space: str  # "tf" for the program's own mode, or "v1"/"v2" where the code says which
    path: str
    line: int


def uses(source: str, path: str) -> Iterator[Use]:
    """The uses of TensorFlow's names in a Python source.

    Raises:
      SyntaxError: if it is not Python 3.
    """
    tree = ast.parse(source, path)
    bound: dict[str, tuple[str, str]] = {}  # local name -> (name space, prefix)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                where = _module(alias.name)
                if where is None:
                    continue
                if alias.asname:
                    bound[alias.asname] = where
                else:
                    bound[alias.name.partition(".")[0]] = ("tf", "")
                if where[1]:
                    yield Use(where[1].rstrip("."), where[0], path, node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            where = _module(node.module)
            if where is None:
                continue
            for alias in node.names:
                if alias.name == "*":
                    continue
                inner = _module(f"{node.module}.{alias.name}")
                assert inner is not None
                bound[alias.asname or alias.name] = inner
                if inner[1]:
                    yield Use(inner[1].rstrip("."), inner[0], path, node.lineno)
    seen: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or id(node) in seen:
            continue
        chain = [node.attr]
        inner_node: ast.expr = node.value
        while isinstance(inner_node, ast.Attribute):
            seen.add(id(inner_node))
            chain.append(inner_node.attr)
            inner_node = inner_node.value
        if not isinstance(inner_node, ast.Name) or inner_node.id not in bound:
            continue
        space, prefix = bound[inner_node.id]
        dotted = prefix + ".".join(reversed(chain))
        for version in ("v1", "v2"):
            if dotted.startswith(f"compat.{version}."):
                space, dotted = version, dotted.removeprefix(f"compat.{version}.")
        if dotted not in ("compat", "compat.v1", "compat.v2"):
            yield Use(dotted, space, path, node.lineno)


def _module(name: str) -> tuple[str, str] | None:
    """The name space and prefix that a module path of TensorFlow stands for."""
    if name == "tensorflow":
        return "tf", ""
    if not name.startswith("tensorflow."):
        return None
    rest = name.removeprefix("tensorflow.")
    for version in ("v1", "v2"):
        if rest == f"compat.{version}":
            return version, ""
        if rest.startswith(f"compat.{version}."):
            return version, rest.removeprefix(f"compat.{version}.") + "."
    return "tf", rest + "."


def python_files(path: str) -> list[pathlib.Path]:
    """The Python files at or below a path."""
    root = pathlib.Path(path)
    return [root] if root.is_file() else sorted(root.rglob("*.py"))


def local_sources(script: pathlib.Path, limit: int = 400) -> Iterator[pathlib.Path]:
    """The script, and the files beside or below it that it imports, directly or through others."""
    base = script.parent
    queue, seen = [script], {script}
    while queue and len(seen) < limit:
        path = queue.pop()
        yield path
        try:
            tree = ast.parse(path.read_text(errors="replace"))
        except (SyntaxError, OSError):
            continue
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                folder = path.parent
                for _ in range(max(node.level - 1, 0)):
                    folder = folder.parent
                module = (node.module or "").replace(".", "/")
                roots = [folder] if node.level else [base]
                for root in roots:
                    for alias in node.names:
                        names.append(
                            str((root / module / alias.name).relative_to(base))
                            if _inside(root, base)
                            else ""
                        )
                    names.append(
                        str((root / module).relative_to(base)) if _inside(root, base) else ""
                    )
            for name in filter(None, names):
                target = base / name.replace(".", "/")
                for found in (target.with_suffix(".py"), target / "__init__.py"):
                    if found.is_file() and found not in seen:
                        seen.add(found)
                        queue.append(found)


def _inside(path: pathlib.Path, base: pathlib.Path) -> bool:
    return path == base or base in path.parents
