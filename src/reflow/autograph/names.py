"""Which names a piece of code reads and binds.

Besides plain names, code binds *places*: `self.x`, `d["k"]`, `a.b[i]`. A place is known by its text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from reflow.autograph.source import parameters_of

Function = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
Comprehension = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Uses:
    """What a piece of code does with names.

    Attributes:
      reads: names that it reads, those that functions in it read of their surroundings included.
      binds: names that it binds, in any way.
      places: composite places that it assigns: from their text to their tree and the names in it.
      captured: names that functions in it read of their surroundings.
      functions: of the functions that it defines, by name, what they read of their surroundings.
    """

    __slots__ = ("reads", "binds", "captured", "places", "functions")

    def __init__(self) -> None:
        self.reads: set[str] = set()
        self.binds: set[str] = set()
        self.captured: set[str] = set()
        self.places: dict[str, tuple[ast.expr, frozenset[str]]] = {}
        self.functions: dict[str, set[str]] = {}

    def add(self, other: Uses) -> None:
        self.reads |= other.reads
        self.binds |= other.binds
        self.captured |= other.captured
        self.places.update(other.places)
        for name, free in other.functions.items():
            self.functions[name] = self.functions.get(name, set()) | free


def place_names(node: ast.expr) -> frozenset[str] | None:
    """The names in a composite place; None if it is more than names, attributes and simple keys."""
    if isinstance(node, ast.Name):
        return frozenset([node.id])
    if isinstance(node, ast.Attribute):
        return place_names(node.value)
    if isinstance(node, ast.Subscript):
        inner = place_names(node.value)
        key = node.slice
        if inner is None or isinstance(key, ast.Constant):
            return inner
        if isinstance(key, ast.Name):
            return inner | {key.id}
    return None


class Names:
    """The uses of pieces of code, remembered by statement."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[ast.AST, Uses]] = {}

    def of(self, node: ast.AST) -> Uses:
        held = self._held.get(id(node))
        if held is not None:
            return held[1]
        uses = Uses()
        self._visit(node, uses)
        if isinstance(node, ast.stmt):
            self._held[id(node)] = (node, uses)
        return uses

    def block(self, statements: Iterable[ast.AST]) -> Uses:
        uses = Uses()
        for statement in statements:
            uses.add(self.of(statement))
        return uses

    def free(self, node: ast.AST) -> set[str]:
        """What a function or lambda reads (or binds) of the names around it when it runs."""
        assert isinstance(node, Function)
        body = node.body if isinstance(node.body, list) else [node.body]
        uses = self.block(body)
        outer: set[str] = set()
        for each in body:
            outer |= declared(each)
        bound = (uses.binds - outer) | set(parameters_of(node.args))
        return (uses.reads | outer) - bound

    # Visiting -------------------------------------------------------------------------------------

    def _visit(self, node: ast.AST, uses: Uses) -> None:
        if isinstance(node, ast.Name):
            (uses.reads if isinstance(node.ctx, ast.Load) else uses.binds).add(node.id)
            return
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            if not isinstance(node.ctx, ast.Load):
                names = place_names(node)
                if names is not None:
                    uses.places[ast.unparse(node)] = (node, names)
        elif isinstance(node, ast.AugAssign):
            if isinstance(node.target, ast.Name):
                uses.reads.add(node.target.id)
        elif isinstance(node, Function):
            self._function(node, uses)
            return
        elif isinstance(node, Comprehension):
            inner = Uses()
            self._children(node, inner)
            targets: set[str] = set()
            for generator in node.generators:
                target = Uses()
                self._visit(generator.target, target)
                targets |= target.binds
            inner.reads -= targets
            inner.binds -= targets
            inner.captured -= targets
            uses.add(inner)
            return
        elif isinstance(node, ast.ClassDef):
            inner = Uses()
            self._children(node, inner)
            uses.reads |= inner.reads
            uses.binds.add(node.name)
            return
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            uses.binds.update(
                (each.asname or each.name).split(".")[0] for each in node.names if each.name != "*"
            )
            return
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            if node.name:
                uses.binds.add(node.name)
        elif isinstance(node, ast.MatchMapping):
            if node.rest:
                uses.binds.add(node.rest)
        elif isinstance(node, ast.stmt) and isinstance(getattr(node, "body", None), list):
            self._compound(node, uses)
            return
        self._children(node, uses)

    def _children(self, node: ast.AST, uses: Uses) -> None:
        for child in ast.iter_child_nodes(node):
            self._visit(child, uses)

    def _compound(self, node: ast.AST, uses: Uses) -> None:
        """A statement with blocks: the uses of their statements are remembered."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                uses.add(self.of(child))
            else:
                self._visit(child, uses)

    def _function(self, node: ast.AST, uses: Uses) -> None:
        arguments: ast.arguments = node.args  # type: ignore[attr-defined]
        outside = [*arguments.defaults, *(each for each in arguments.kw_defaults if each)]
        if not isinstance(node, ast.Lambda):
            outside += node.decorator_list  # type: ignore[attr-defined]
            for parameter in (
                *arguments.posonlyargs,
                *arguments.args,
                *arguments.kwonlyargs,
                *filter(None, (arguments.vararg, arguments.kwarg)),
            ):
                if parameter.annotation is not None:
                    outside.append(parameter.annotation)
        for each in outside:
            self._visit(each, uses)
        free = self.free(node)
        uses.reads |= free
        uses.captured |= free
        name = getattr(node, "name", None)
        if name is not None:
            uses.binds.add(name)
            uses.functions[name] = uses.functions.get(name, set()) | free


def declared(node: ast.AST) -> set[str]:
    """The names that `node` declares `global` or `nonlocal`, for the function that it stands in."""
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        return set(node.names)
    if isinstance(node, (*Function, ast.ClassDef)):
        return set()
    found: set[str] = set()
    if isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
        for child in ast.iter_child_nodes(node):
            found |= declared(child)
    return found
