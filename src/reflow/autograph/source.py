"""From a function to the syntax tree of its definition, with the lines and columns of its file.

A file is parsed once, for an index of where its functions stand; the text of one function is then
parsed again whenever its tree is needed, since trees are changed in place.
"""

from __future__ import annotations

import ast
import linecache
import types
from collections import OrderedDict
from typing import Any, NamedTuple


class NoSource(Exception):
    """The text of a function cannot be found, or is not what the function was compiled from."""


class _Place(NamedTuple):
    """Where a definition stands: lines from 1, columns in bytes."""

    name: str  # "" for a lambda
    first: int  # its decorators included
    line: int
    column: int
    end_line: int
    end_column: int
    parameters: tuple[str, ...]


_FILES = 64  # how many files the index holds
_index: OrderedDict[str, tuple[list[str], dict[int, list[_Place]]]] = OrderedDict()


def parameters_of(node: ast.arguments) -> tuple[str, ...]:
    """The names of all parameters, in the order of `co_varnames`."""
    names = [each.arg for each in (*node.posonlyargs, *node.args, *node.kwonlyargs)]
    names += [each.arg for each in (node.vararg, node.kwarg) if each is not None]
    return tuple(names)


def _places(filename: str, module_globals: dict[str, Any]) -> tuple[list[str], dict[int, list]]:
    linecache.checkcache(filename)
    lines = linecache.getlines(filename, module_globals)
    if not lines:
        raise NoSource(
            f"the source code of {filename} cannot be read. Functions that are typed into an "
            "interactive shell or made by exec have none: define them in a file"
        )
    held = _index.get(filename)
    if held is not None and held[0] is lines:
        _index.move_to_end(filename)
        return held
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError) as error:
        raise NoSource(f"{filename} does not parse: {error}") from None
    found: dict[int, list[_Place]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            name = node.name
        elif isinstance(node, ast.Lambda):
            first, name = node.lineno, ""
        else:
            continue
        place = _Place(
            name,
            first,
            node.lineno,
            node.col_offset,
            node.end_lineno or node.lineno,
            node.end_col_offset or 0,
            parameters_of(node.args),
        )
        found.setdefault(first, []).append(place)
    _index[filename] = (lines, found)
    if len(_index) > _FILES:
        _index.popitem(last=False)
    return lines, found


def _written(code: types.CodeType) -> tuple[str, ...]:
    """The parameters of `code`, as they are written: within a class `__x` is compiled as `_C__x`."""
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)  # *args, **kwargs
    return code.co_varnames[:count]


def _inside(place: _Place, code: types.CodeType) -> bool:
    """Whether all of the instructions of `code` come from the text at `place`."""
    start, end = (place.line, place.column), (place.end_line, place.end_column)
    seen = False
    for line, end_line, column, end_column in code.co_positions():
        if None in (line, end_line, column, end_column) or (column == end_column == 0):
            continue
        seen = True
        if (line, column) < start or (end_line, end_column) > end:
            return False
    return seen


def _find(code: types.CodeType, found: dict[int, list[_Place]]) -> _Place:
    name = "" if code.co_name == "<lambda>" else code.co_name
    given = _written(code)
    fitting = [
        place
        for place in found.get(code.co_firstlineno, ())
        if place.name == name
        and len(place.parameters) == len(given)
        and all(a == b or b.endswith(a) for a, b in zip(place.parameters, given))
    ]
    if len(fitting) > 1:  # lambdas of one line: the columns of the instructions tell them apart
        inside = [place for place in fitting if _inside(place, code)]
        widths = [(p.end_line - p.line, p.end_column - p.column) for p in inside]
        fitting = [p for p, width in zip(inside, widths) if width == min(widths)]
    if len(fitting) != 1:
        what = "no definition" if not fitting else "several definitions"
        raise NoSource(
            f"line {code.co_firstlineno} of {code.co_filename} has {what} that could be "
            f"{code.co_name}: the file may have changed since it was imported"
        )
    return fitting[0]


def parse(function: types.FunctionType) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda:
    """A fresh syntax tree of the definition of `function`, decorators and all.

    Raises:
      NoSource: if there is no text for it.
    """
    code = function.__code__
    lines, found = _places(code.co_filename, function.__globals__)
    place = _find(code, found)
    first = place.first if place.name else place.line
    text = "".join(lines[first - 1 : place.end_line])
    if not place.name:
        encoded = lines[place.line - 1 : place.end_line]
        last = encoded[-1].encode()[: place.end_column].decode()
        encoded = [*encoded[:-1], last]
        head = encoded[0].encode()[place.column :].decode()
        text = "(\n" + " " * place.column + head + "".join(encoded[1:]) + "\n)"
        tree: Any = ast.parse(text, mode="eval").body
        ast.increment_lineno(tree, first - 2)
        return tree
    if text[:1] in " \t":
        tree = ast.parse("if 1:\n" + text).body[0].body[0]  # type: ignore[attr-defined]
        ast.increment_lineno(tree, first - 2)
    else:
        tree = ast.parse(text).body[0]
        ast.increment_lineno(tree, first - 1)
    return tree
