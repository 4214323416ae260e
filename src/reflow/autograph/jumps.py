"""`break`, `continue` and `return` become flags, so that blocks have one way out.

What follows a statement that may have jumped moves into its other branch, or behind a test of the flags.
The flags have the names that TensorFlow gives them, since its error messages name them.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from reflow.autograph.build import assign, constant, load, located, operator
from reflow.autograph.names import Function


class _Block(NamedTuple):
    statements: list[ast.stmt]
    flags: frozenset[str]  # those that may be set at its end
    surely: bool  # whether one of them is set for sure


class _LoopFlags(NamedTuple):
    on_break: str
    on_continue: str


class Lowering:
    """The lowering of one function; `taken` are the names that it uses."""

    def __init__(self, taken: set[str]):
        self._taken = taken
        self._returned = self._fresh("do_return")
        self._value = self._fresh("retval_")

    def _fresh(self, base: str) -> str:
        name, count = base, 0
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name)
        return name

    def function(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """The body of a function, with at most one `return`, at its end."""
        last = body[-1] if body and isinstance(body[-1], ast.Return) else None
        plain = body[:-1] if last is not None else body
        if not _returns(plain):
            lowered = self._block(plain, None).statements
            return [*lowered, last] if last is not None else lowered
        lowered = self._block(body, None).statements
        head = body[0]
        return [
            located(assign(self._returned, constant(False)), head),
            located(assign(self._value, operator("no_return_value")), head),
            *lowered,
            located(ast.Return(operator("returned", load(self._value))), body[-1]),
        ]

    def _block(self, statements: list[ast.stmt], loop: _LoopFlags | None) -> _Block:
        out: list[ast.stmt] = []
        for i, node in enumerate(statements):
            rest = statements[i + 1 :]
            if isinstance(node, ast.Return):
                value = node.value or constant(None)
                out.append(located(assign(self._value, value), node))
                out.append(located(assign(self._returned, constant(True)), node))
                return _Block(out, frozenset([self._returned]), True)
            if isinstance(node, (ast.Break, ast.Continue)) and loop is not None:
                flag = loop.on_break if isinstance(node, ast.Break) else loop.on_continue
                out.append(located(assign(flag, constant(True)), node))
                return _Block(out, frozenset([flag]), True)
            if isinstance(node, ast.If):
                lowered = self._if(node, rest, loop)
                if lowered is not None:
                    return _Block([*out, *lowered.statements], lowered.flags, lowered.surely)
                out.append(node)
                continue
            if not _may_jump(node, loop is not None):
                if isinstance(node, (ast.For, ast.While)):
                    node.body = self._block(node.body, None).statements
                    node.orelse = self._block(node.orelse, loop).statements
                    out += self._without_else(node)
                else:
                    self._inner(node, loop)
                    out.append(node)
                continue
            if isinstance(node, (ast.For, ast.While)):
                new, flags, surely = self._loop(node, loop)
            else:
                flags, surely = self._inner(node, loop)
                new = [node]
            out += new
            if not flags:
                continue
            if surely or not rest:
                return _Block(out, flags, surely)
            after = self._block(rest, loop)
            out.append(self._guard(flags, after.statements, rest[0]))
            return _Block(out, flags | after.flags, after.surely)
        return _Block(out, frozenset(), False)

    def _guard(self, flags: frozenset[str], body: list[ast.stmt], like: ast.AST) -> ast.stmt:
        return located(ast.If(_none_of(flags), body, []), like)

    def _if(self, node: ast.If, rest: list[ast.stmt], loop: _LoopFlags | None) -> _Block | None:
        """A conditional with what follows it; None if it has no jumps."""
        body, orelse = self._block(node.body, loop), self._block(node.orelse, loop)
        node.body, node.orelse = body.statements, orelse.statements
        flags = body.flags | orelse.flags
        if not flags:
            return None
        both = body.surely and orelse.surely
        if both or not rest:
            return _Block([node], flags, both)
        after = self._block(rest, loop)
        if body.surely and not orelse.flags:
            node.orelse = [*node.orelse, *after.statements]
        elif orelse.surely and not body.flags:
            node.body = [*node.body, *after.statements]
        else:
            guarded = self._guard(flags, after.statements, rest[0])
            return _Block([node, guarded], flags | after.flags, after.surely)
        return _Block([node], flags | after.flags, after.surely)

    def _loop(
        self, node: ast.For | ast.While, outer: _LoopFlags | None
    ) -> tuple[list[ast.stmt], frozenset[str], bool]:
        own = _LoopFlags(self._fresh("break_"), self._fresh("continue_"))
        body = self._block(node.body, own)
        before: list[ast.stmt] = []
        node.body = body.statements
        if own.on_continue in body.flags:
            reset = located(assign(own.on_continue, constant(False)), node)
            node.body = [*_directives(node.body), reset, *_after_directives(node.body)]
        ends = body.flags - {own.on_continue}
        if own.on_break in ends:
            before.append(located(assign(own.on_break, constant(False)), node))
        if ends:
            node.extra_test = located(_none_of(ends), node)  # type: ignore[union-attr]
        flags = ends - {own.on_break}
        surely = False
        if node.orelse:
            orelse = self._block(node.orelse, outer)
            node.orelse = []
            if ends:
                after = [self._guard(ends, orelse.statements, node)]
            else:
                after = orelse.statements
            return [*before, node, *after], flags | orelse.flags, surely
        return [*before, node], flags, surely

    def _without_else(self, node: ast.For | ast.While) -> list[ast.stmt]:
        """A loop that ends by itself always does what its `else` says."""
        orelse, node.orelse = node.orelse, []
        return [node, *orelse]

    def _inner(self, node: ast.stmt, loop: _LoopFlags | None) -> tuple[frozenset[str], bool]:
        """The blocks of a statement that stays what it is."""
        if isinstance(node, (ast.With, ast.AsyncWith)):
            body = self._block(node.body, loop)
            node.body = body.statements
            return body.flags, body.surely
        if isinstance(node, ast.Match):
            flags: frozenset[str] = frozenset()
            for case in node.cases:
                block = self._block(case.body, loop)
                case.body = block.statements
                flags |= block.flags
            return flags, False
        if isinstance(node, (ast.Try, getattr(ast, "TryStar", ast.Try))):
            return self._try(node, loop), False  # type: ignore[arg-type]
        return frozenset(), False

    def _try(self, node: ast.Try, loop: _LoopFlags | None) -> frozenset[str]:
        body = self._block(node.body, loop)
        node.body = body.statements
        flags = body.flags
        orelse = self._block(node.orelse, loop)
        node.orelse = orelse.statements
        if body.flags and node.orelse:
            node.orelse = [self._guard(body.flags, node.orelse, node.orelse[0])]
        flags |= orelse.flags
        for handler in node.handlers:
            block = self._block(handler.body, loop)
            handler.body = block.statements
            flags |= block.flags
        last = self._block(node.finalbody, loop)
        node.finalbody = last.statements
        return flags | last.flags


def _none_of(flags: frozenset[str]) -> ast.expr:
    return operator("none_of", *(load(flag) for flag in sorted(flags)))


def _directives(body: list[ast.stmt]) -> list[ast.stmt]:
    """The leading calls of a loop's body, among which its options may be."""
    count = 0
    while count < len(body):
        node = body[count]
        if not (isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Constant))):
            break
        count += 1
    return body[:count] if count and _names_options(body[:count]) else []


def _after_directives(body: list[ast.stmt]) -> list[ast.stmt]:
    return body[len(_directives(body)) :]


def _names_options(body: list[ast.stmt]) -> bool:
    return any("set_loop_options" in ast.unparse(node) for node in body)


def _returns(statements: list[ast.stmt]) -> bool:
    """Whether there is a `return` among `statements`, those of functions in them aside."""
    for node in statements:
        if isinstance(node, ast.Return):
            return True
        if not isinstance(node, (*Function, ast.ClassDef)):
            for block in _blocks(node):
                if _returns(block):
                    return True
    return False


def _blocks(node: ast.stmt) -> list[list[ast.stmt]]:
    found = [getattr(node, field, None) for field in ("body", "orelse", "finalbody")]
    found += [each.body for each in getattr(node, "handlers", ())]
    found += [each.body for each in getattr(node, "cases", ())]
    return [block for block in found if isinstance(block, list)]


def _may_jump(node: ast.stmt, in_loop: bool) -> bool:
    """Whether a jump out of `node` is in it; `break` and `continue` of loops in it go nowhere."""
    if isinstance(node, ast.Return):
        return True
    if isinstance(node, (ast.Break, ast.Continue)):
        return in_loop
    if isinstance(node, (*Function, ast.ClassDef)):
        return False
    if isinstance(node, (ast.For, ast.While)):
        # Its own jumps count too: they have to be lowered.
        return any(_may_jump(each, True) for block in _blocks(node) for each in block)
    return any(_may_jump(each, in_loop) for block in _blocks(node) for each in block)
