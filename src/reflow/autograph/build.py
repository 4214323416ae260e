"""Small syntax trees, for the code that is generated.

Nodes that are made here have no position: they get that of the statement that they stand in for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any

OPERATORS = "ag__"  # the name of the operators in generated code

_LOAD = ast.Load()
_STORE = ast.Store()


def load(name: str) -> ast.expr:
    return ast.Name(name, _LOAD)


def constant(value: Any) -> ast.expr:
    return ast.Constant(value)


def strings(values: Iterable[str]) -> ast.expr:
    return ast.Tuple([ast.Constant(value) for value in values], _LOAD)


def operator(name: str, *args: ast.expr) -> ast.Call:
    """The call `ag__.name(*args)`."""
    return ast.Call(ast.Attribute(load(OPERATORS), name, _LOAD), list(args), [])


def assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, _STORE)], value)


def thunk(value: ast.expr) -> ast.expr:
    """`lambda: value`."""
    return ast.Lambda(arguments(), value)


def arguments(*names: str) -> ast.arguments:
    return ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])


def function(name: str, parameters: Sequence[str], body: list[ast.stmt]) -> ast.stmt:
    node = ast.FunctionDef(name, arguments(*parameters), body or [ast.Pass()], [])
    node.type_params = []  # type: ignore[attr-defined]  # Python 3.12 asks for it
    return node


def located(node: ast.AST, like: ast.AST) -> Any:
    """`node`, at the place of `like`; a generated call reports the line on which `like` begins.

    Python takes the line of a call `a.b()` from the end of `a.b`.
    """
    ast.copy_location(node, like)
    call = node.value if isinstance(node, ast.Expr) else node
    if isinstance(call, ast.Call) and not hasattr(call.func, "lineno"):
        line, column = like.lineno, like.col_offset  # type: ignore[attr-defined]
        if isinstance(like, ast.Call) and isinstance(like.func, ast.Attribute):
            line = like.func.end_lineno or line
            column = max(0, (like.func.end_col_offset or 0) - len(like.func.attr))
        for each in (call.func, getattr(call.func, "value", None)):
            if each is not None:
                each.lineno = each.end_lineno = line
                each.col_offset = column
                each.end_col_offset = column + 1
    return node
