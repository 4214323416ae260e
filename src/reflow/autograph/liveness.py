"""Which names are still needed, before and after each statement.

The code has no jumps any more (see `jumps`), so one walk backwards suffices, with a fixed point at each
loop. The result hangs on the nodes: `live_in` and `live_out` of `If`, `While` and `For`, and `live_out`
of `Try` and `Match`.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from reflow.autograph.names import Names


class Liveness:
    """The walk over one function; `always` are names that outlive it (`nonlocal`, `global`)."""

    def __init__(self, names: Names, body: Sequence[ast.stmt], always: set[str]):
        self._names = names
        self._pinned = set(always)
        # A variable that holds a local function stands for what this reads of its surroundings.
        self._closures = names.block(body).functions
        self.block(body, set())

    def block(self, statements: Sequence[ast.stmt], out: set[str]) -> set[str]:
        """Annotates a block; the names that are live before it."""
        live = out | self._pinned
        for statement in reversed(statements):
            step = getattr(self, f"_{type(statement).__name__.lower()}", None)
            live = step(statement, live) if step else self._simple(statement, live)
            live |= self._pinned
        return live

    def _read(self, *nodes: ast.AST | None) -> set[str]:
        reads: set[str] = set()
        for node in nodes:
            if node is not None:
                reads |= self._names.of(node).reads
        for name in list(reads):
            if name in self._closures:
                reads |= self._closures[name]
        return reads

    def _bound(self, *nodes: ast.AST | None) -> set[str]:
        bound: set[str] = set()
        for node in nodes:
            if node is not None:
                bound |= self._names.of(node).binds
        return bound

    def _simple(self, node: ast.stmt, live: set[str]) -> set[str]:
        return (live - self._bound(node)) | self._read(node)

    def _raise(self, node: ast.Raise, live: set[str]) -> set[str]:
        return self._read(node)

    def _return(self, node: ast.Return, live: set[str]) -> set[str]:
        return self._read(node)

    def _if(self, node: ast.If, live: set[str]) -> set[str]:
        before = self.block(node.body, live) | self.block(node.orelse, live)
        before = (before - self._bound(node.test)) | self._read(node.test)
        node.live_in, node.live_out = before, live  # type: ignore[attr-defined]
        return before

    def _while(self, node: ast.While, live: set[str]) -> set[str]:
        head = live | self._read(node.test, getattr(node, "extra_test", None))
        while True:
            more = head | self.block(node.body, head)
            if more == head:
                break
            head = more
        node.live_in, node.live_out = head, live  # type: ignore[attr-defined]
        return head

    def _for(self, node: ast.For, live: set[str]) -> set[str]:
        head = live | self._read(getattr(node, "extra_test", None))
        targets = self._bound(node.target)
        while True:
            more = head | (self.block(node.body, head) - targets)
            more |= self._read(node.target)
            if more == head:
                break
            head = more
        node.live_in, node.live_out = head, live  # type: ignore[attr-defined]
        return head | self._read(node.iter)

    def _with(self, node: ast.With, live: set[str]) -> set[str]:
        targets = self._bound(*(item.optional_vars for item in node.items))
        inner = self.block(node.body, live) - targets
        return inner | self._read(*node.items)

    def _try(self, node: ast.Try, live: set[str]) -> set[str]:
        last = self.block(node.finalbody, live)
        handlers = set(last)
        for handler in node.handlers:
            before = self.block(handler.body, last) - ({handler.name} if handler.name else set())
            handlers |= before | self._read(handler.type)
        after = self.block(node.orelse, last)
        outer, self._pinned = self._pinned, self._pinned | handlers
        before = self.block(node.body, after)
        self._pinned = outer
        node.live_out = live  # type: ignore[attr-defined]
        return before | handlers

    _trystar = _try

    def _match(self, node: ast.Match, live: set[str]) -> set[str]:
        before = set(live)
        for case in node.cases:
            inner = self.block(case.body, live) | self._read(case.guard)
            before |= (inner - self._bound(case.pattern)) | self._read(case.pattern)
        node.live_out = live  # type: ignore[attr-defined]
        return before | self._read(node.subject)
