"""The rewriting of a function: statements and expressions become calls of the operators.

A block becomes a function in place, which shares the variables of the function around by `nonlocal`;
`get_state` and `set_state` give the operators access to those that matter:

    if x > 0:              def get_state():              def if_body():        def else_body():
      y = f(x)                 return (y,)                   nonlocal y            nonlocal y
    else:                  def set_state(values):            y = ag__.call(f, (x,))    y = 0
      y = 0                    nonlocal y
                               (y,) = values
                           ag__.if_stmt(x > 0, if_body, else_body, get_state, set_state, ("y",), 1)

Only variables that are live matter: what a block assigns for itself alone is its own. A variable that
may have no value yet is made `Undefined` before the statement, and reading it goes through `ag__.ld`.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from reflow.autograph.build import (
    assign,
    constant,
    function,
    load,
    located,
    operator,
    strings,
    thunk,
)
from reflow.autograph.expressions import PREFIX, ExpressionRewriter, Scope, Unsupported, has_walrus
from reflow.autograph.jumps import Lowering
from reflow.autograph.liveness import Liveness
from reflow.autograph.names import Comprehension, Function, Names, Uses, declared, place_names
from reflow.autograph.source import parameters_of


class Rewriter(ExpressionRewriter):
    """Rewrites one function, and the functions in it."""

    # Functions ------------------------------------------------------------------------------------

    def entity(self, node: ast.FunctionDef | ast.Lambda) -> ast.FunctionDef | ast.Lambda:
        """The function itself, without decorators, defaults and annotations."""
        node.args.defaults = []
        node.args.kw_defaults = [None] * len(node.args.kwonlyargs)
        for each in _all_arguments(node.args):
            each.annotation = None
        if isinstance(node, ast.Lambda):
            self._scope = Scope(None, parameters_of(node.args))
            node.body = self.visit(node.body)
            return node
        node.decorator_list = []
        node.returns = None
        self._body(node)
        return node

    def _body(self, node: ast.FunctionDef) -> None:
        """Rewrites the body of a function in place."""
        if any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in _own_nodes(node)):
            raise Unsupported("generators are not supported")
        scope = Scope(self._scope, parameters_of(node.args))
        names = Names()
        uses = names.block(node.body)
        for statement in node.body:
            _declarations(statement, scope)
        outside = scope.globals | scope.nonlocals
        scope.locals |= uses.binds - outside
        scope.named |= uses.binds
        scope.bound |= outside
        scope.defined |= outside
        doc = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
        body = node.body[len(doc) :]
        taken = uses.reads | uses.binds | scope.locals | self._free
        body = Lowering(taken).function(_undeclared(body))
        scope.locals |= _bound_in(body) - outside
        self._names = Names()
        Liveness(self._names, body, outside)
        outer, self._scope = self._scope, scope
        shadowed, self._shadowed = self._shadowed, []
        body = self._block(body)
        self._scope, self._shadowed = outer, shadowed
        node.body = [*doc, *_declare(outside, scope, node), *body] or [ast.Pass()]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """A function in the function: called as it is, since it is rewritten here."""
        names = self._names
        node.args.defaults = [self.visit(each) for each in node.args.defaults]
        node.args.kw_defaults = [each and self.visit(each) for each in node.args.kw_defaults]
        if not any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in _own_nodes(node)):
            self._body(node)
            self._names = names
            node.decorator_list = [*node.decorator_list, _attribute("artifact")]
        self._binds(node.name)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        self._binds(node.name)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        self._binds(node.name)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        node.args.defaults = [self.visit(each) for each in node.args.defaults]
        node.args.kw_defaults = [each and self.visit(each) for each in node.args.kw_defaults]
        self._shadowed.append(set(parameters_of(node.args)))
        node.body = self.visit(node.body)
        self._shadowed.pop()
        return located(operator("artifact", node), node)

    # Blocks ---------------------------------------------------------------------------------------

    def _block(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for statement in statements:
            new = self.visit(statement)
            if isinstance(new, list):
                out.extend(new)
            elif new is not None:
                out.append(new)
        return out

    def _inner(
        self, statements: Sequence[ast.stmt], modified: set[str], shared: set[str], given: set[str]
    ) -> tuple[list[ast.stmt], set[str]]:
        """A block that becomes a function: its statements, and what is defined at its end.

        Args:
          modified: names that the statement as a whole binds.
          shared: those of them that belong to the function around.
          given: names that are bound before the block's first statement.
        """
        scope = self._scope
        bound, defined = scope.bound, scope.defined
        own = modified - shared
        scope.bound = (bound - own) | shared | given
        scope.defined = (defined - own) | given
        body = self._block(statements)
        end = scope.defined
        scope.bound, scope.defined = bound, defined
        return body, end

    def _function(
        self, kind: str, parameters: Sequence[str], body: list[ast.stmt], shared: set[str]
    ) -> tuple[str, ast.stmt]:
        self._count += 1
        name = f"{PREFIX}{kind}_{self._count}"
        return name, function(name, parameters, [*self._sharing(shared), *body])

    def _sharing(self, shared: set[str]) -> list[ast.stmt]:
        """The declarations by which a generated function shares variables."""
        of_module = sorted(shared & self._scope.globals)
        others = sorted(shared - self._scope.globals)
        out: list[ast.stmt] = []
        if of_module:
            out.append(ast.Global(of_module))
        if others:
            out.append(ast.Nonlocal(others))
        return out

    def _state(
        self, node: Any, uses: Uses
    ) -> tuple[set[str], list[str], int, list[ast.stmt], list[ast.expr]]:
        """What a statement shares with the code around it.

        Returns:
          The shared names; names and places in order, outputs first; the number of outputs; the
          statements to put before; the arguments `get_state` and `set_state`.
        """
        live_in, live_out = node.live_in, node.live_out
        modified = uses.binds
        scope = self._scope
        passed = {
            name
            for name in modified
            if name in live_in
            or name in live_out
            or name in scope.globals
            or name in scope.nonlocals
        }
        # What functions in it capture is one variable for all of them, as in Python.
        shared = passed | (uses.captured & modified)
        kept = {text: tree for text, (tree, names) in uses.places.items() if names <= live_in}
        inputs = {name for name in passed if name not in live_out}
        inputs -= scope.globals | scope.nonlocals
        ordered = sorted([*passed, *kept], key=lambda text: (text in inputs, text))
        before: list[ast.stmt] = [
            assign(name, operator("Undefined", constant(name)))
            for name in sorted(shared - scope.bound)
        ]
        scope.bound |= shared
        if not ordered:
            return shared, ordered, 0, before, [constant(None), constant(None)]
        reads: list[ast.expr] = []
        writes: list[ast.expr] = []
        for text in ordered:
            if text in kept:
                reads.append(operator("ldu", thunk(_loading(kept[text])), constant(text)))
                writes.append(_storing(kept[text]))
            else:
                reads.append(load(text))
                writes.append(ast.Name(text, ast.Store()))
        result = ast.Return(ast.Tuple(reads, ast.Load()))
        getter, get_state = self._function("get_state", (), [result], set())
        values = f"{PREFIX}values"
        unpack = ast.Assign([ast.Tuple(writes, ast.Store())], load(values))
        setter, set_state = self._function("set_state", (values,), [unpack], passed)
        before += [get_state, set_state]
        return shared, ordered, len(ordered) - len(inputs), before, [load(getter), load(setter)]

    # Statements -----------------------------------------------------------------------------------

    def visit_If(self, node: ast.If) -> Any:
        test = self.visit(node.test)
        uses = self._names.block([*node.body, *node.orelse])
        shared, names, outputs, before, access = self._state(node, uses)
        body, then = self._inner(node.body, uses.binds, shared, set())
        orelse, otherwise = self._inner(node.orelse, uses.binds, shared, set())
        on_true, true = self._function("if_body", (), body, shared)
        on_false, false = self._function("else_body", (), orelse, shared)
        call = operator(
            "if_stmt",
            test,
            load(on_true),
            load(on_false),
            *access,
            strings(names),
            constant(outputs),
        )
        self._scope.defined |= then & otherwise & shared
        return self._placed([*before, true, false, ast.Expr(call)], node)

    def visit_While(self, node: ast.While) -> Any:
        options = self._loop_options(node)
        extra_tree = getattr(node, "extra_test", None)
        test_uses = self._names.of(node.test)
        uses = self._names.block([*node.body, node.test])
        shared, names, _, before, access = self._state(node, uses)
        test: list[ast.stmt] = [ast.Return(self.visit(node.test))]
        tester, testing = self._function("loop_test", (), test, shared & test_uses.binds)
        body, _ = self._inner(node.body, uses.binds, shared, set())
        looper, looping = self._function("loop_body", (), body, shared)
        extra, extra_name = self._extra_test(extra_tree)
        call = operator(
            "while_stmt", load(tester), extra_name, load(looper), *access, strings(names), options
        )
        return self._placed([*before, testing, *extra, looping, ast.Expr(call)], node)

    def visit_For(self, node: ast.For) -> Any:
        iterated = self.visit(node.iter)
        options = self._loop_options(node)
        extra_tree = getattr(node, "extra_test", None)
        target_uses = self._names.of(node.target)
        uses = self._names.block([*node.body, node.target])
        shared, names, _, before, access = self._state(node, uses)
        item = f"{PREFIX}item"
        target = ast.unparse(node.target)
        unpack = located(ast.Assign([node.target], load(item)), node)
        body, _ = self._inner(node.body, uses.binds, shared, set(target_uses.binds))
        looper, looping = self._function("loop_body", (item,), [unpack, *body], shared)
        extra, extra_name = self._extra_test(extra_tree)
        call = operator(
            "for_stmt",
            iterated,
            extra_name,
            load(looper),
            *access,
            strings(names),
            options,
            constant(target),
        )
        return self._placed([*before, *extra, looping, ast.Expr(call)], node)

    def _extra_test(self, tree: ast.expr | None) -> tuple[list[ast.stmt], ast.expr]:
        if tree is None:
            return [], constant(None)
        name, test = self._function("extra_test", (), [ast.Return(tree)], set())
        return [test], load(name)

    def _loop_options(self, node: ast.For | ast.While) -> ast.expr:
        """The options that the first calls of a loop's body set; they are taken out of it."""
        keys: list[ast.expr | None] = []
        values: list[ast.expr] = []
        while node.body:
            first = node.body[0]
            if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Call)):
                break
            call = first.value
            if not self._is_options(self._meaning(call.func)):
                break
            named = ("parallel_iterations", "swap_memory", "maximum_iterations", "shape_invariants")
            for key, value in zip(named, call.args):
                keys.append(constant(key))
                values.append(self.visit(value))
            for keyword in call.keywords:
                keys.append(constant(keyword.arg) if keyword.arg else None)
                values.append(self.visit(keyword.value))
            node.body = node.body[1:]
        return ast.Dict(keys, values) if keys else constant(None)

    def _meaning(self, node: ast.expr) -> Any:
        """The object that a dotted name stands for, where it is known before the function runs."""
        if isinstance(node, ast.Name):
            if node.id in self._scope.locals:
                return None
            return self._namespace.get(node.id)
        if isinstance(node, ast.Attribute) and place_names(node) is not None:
            owner = self._meaning(node.value)
            return None if owner is None else getattr(owner, node.attr, None)
        return None

    def visit_Try(self, node: Any) -> Any:
        before = self._hoisted(node, node.live_out)
        scope = self._scope
        defined = set(scope.defined)
        node.body = self._block(node.body)
        node.orelse = self._block(node.orelse)
        for handler in node.handlers:
            scope.defined = set(defined)
            if handler.type is not None:
                handler.type = self.visit(handler.type)
            if handler.name:
                self._binds(handler.name)
            handler.body = self._block(handler.body) or [ast.Pass()]
        scope.defined = set(defined)
        node.finalbody = self._block(node.finalbody)
        node.body = node.body or [ast.Pass()]
        return [*self._placed(before, node), node]

    visit_TryStar = visit_Try

    def visit_Match(self, node: ast.Match) -> Any:
        before = self._hoisted(node, node.live_out)  # type: ignore[attr-defined]
        node.subject = self.visit(node.subject)
        scope = self._scope
        defined = set(scope.defined)
        for case in node.cases:
            scope.defined = set(defined)
            self._binds(*self._names.of(case.pattern).binds)
            if case.guard is not None:
                case.guard = self.visit(case.guard)
            case.body = self._block(case.body) or [ast.Pass()]
        scope.defined = defined
        return [*self._placed(before, node), node]

    def _hoisted(self, node: ast.AST, live: set[str]) -> list[ast.stmt]:
        """Values for the names that a statement may or may not bind, to be `Undefined` until then."""
        scope = self._scope
        names = (self._names.of(node).binds & live) - scope.bound
        scope.bound |= names
        return [assign(name, operator("Undefined", constant(name))) for name in sorted(names)]

    def visit_With(self, node: ast.With) -> Any:
        for item in node.items:
            item.context_expr = self.visit(item.context_expr)
            if item.optional_vars is not None:
                self._target(item.optional_vars)
        node.body = self._block(node.body) or [ast.Pass()]
        return node

    def visit_Assert(self, node: ast.Assert) -> Any:
        message = self.visit(node.msg) if node.msg is not None else constant("Assertion error")
        if isinstance(message, ast.Constant) or not has_walrus(message):
            call = operator("assert_stmt", self.visit(node.test), thunk(message))
            return self._placed([ast.Expr(call)], node)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        node.value = self.visit(node.value)
        for target in node.targets:
            self._target(target)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """The annotation of a local variable is never evaluated, and bars `nonlocal`."""
        if node.value is None:
            return None if isinstance(node.target, ast.Name) else node
        new = located(ast.Assign([node.target], self.visit(node.value)), node)
        self._target(node.target)
        return new

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        node.value = self.visit(node.value)
        target = node.target
        if isinstance(target, ast.Name):
            if self._may_be_undefined(target.id):
                read = assign(target.id, operator("ld", load(target.id)))
                self._binds(target.id)
                return [*self._placed([read], node), node]
        else:
            self._target(target)
        return node

    def visit_Delete(self, node: ast.Delete) -> Any:
        out: list[ast.stmt] = []
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in self._scope.locals:
                out.append(assign(target.id, operator("Undefined", constant(target.id))))
                self._scope.bound.add(target.id)
                self._scope.defined.discard(target.id)
            else:
                self._target(target)
                out.append(ast.Delete([target]))
        return self._placed(out, node)

    def visit_Import(self, node: Any) -> Any:
        self._binds(*self._names.of(node).binds)
        return node

    visit_ImportFrom = visit_Import

    def _target(self, node: ast.expr) -> None:
        """The target of an assignment: names become bound, the rest is read."""
        if isinstance(node, ast.Name):
            self._binds(node.id)
        elif isinstance(node, (ast.Tuple, ast.List)):
            for each in node.elts:
                self._target(each)
        elif isinstance(node, ast.Starred):
            self._target(node.value)
        elif isinstance(node, ast.Attribute):
            node.value = self.visit(node.value)
        elif isinstance(node, ast.Subscript):
            node.value = self.visit(node.value)
            node.slice = self.visit(node.slice)

    def _placed(self, statements: Sequence[ast.stmt], like: ast.AST) -> list[ast.stmt]:
        for statement in statements:
            if not hasattr(statement, "lineno"):
                located(statement, like)
        return list(statements)


# Helpers ------------------------------------------------------------------------------------------


def _bound_in(body: Sequence[ast.stmt]) -> set[str]:
    return Names().block(body).binds


def _all_arguments(node: ast.arguments) -> list[ast.arg]:
    rest = [each for each in (node.vararg, node.kwarg) if each is not None]
    return [*node.posonlyargs, *node.args, *node.kwonlyargs, *rest]


def _attribute(name: str) -> ast.expr:
    return operator(name).func


def _own_nodes(node: ast.AST) -> Any:
    """All nodes in the body of a function, without those of functions and classes in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (*Function, ast.ClassDef, *Comprehension)):
            yield child
            yield from _own_nodes(child)


def _declarations(node: ast.AST, scope: Scope) -> None:
    if isinstance(node, ast.Global):
        scope.globals.update(node.names)
    elif isinstance(node, ast.Nonlocal):
        scope.nonlocals.update(node.names)
    elif not isinstance(node, (*Function, ast.ClassDef)) and declared(node):
        for child in ast.iter_child_nodes(node):
            _declarations(child, scope)


def _undeclared(body: list[ast.stmt]) -> list[ast.stmt]:
    """`body` without its declarations, which come first in what is generated."""
    return [_Undeclare().visit(each) for each in body]


class _Undeclare(ast.NodeTransformer):
    def visit_Global(self, node: ast.AST) -> Any:
        return located(ast.Pass(), node)

    visit_Nonlocal = visit_Global

    def _leave(self, node: ast.AST) -> Any:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Expr = _leave


def _declare(names: set[str], scope: Scope, like: ast.AST) -> list[ast.stmt]:
    out: list[ast.stmt] = []
    if names & scope.globals:
        out.append(located(ast.Global(sorted(names & scope.globals)), like))
    if names & scope.nonlocals:
        out.append(located(ast.Nonlocal(sorted(names & scope.nonlocals)), like))
    return out


def _copied(node: ast.expr, context: ast.expr_context) -> Any:
    """A copy of a composite place, to be read or to be written."""
    if isinstance(node, ast.Name):
        return ast.Name(node.id, context)
    if isinstance(node, ast.Attribute):
        return ast.Attribute(_copied(node.value, ast.Load()), node.attr, context)
    assert isinstance(node, ast.Subscript)
    key = node.slice
    copied = ast.Name(key.id, ast.Load()) if isinstance(key, ast.Name) else key
    return ast.Subscript(_copied(node.value, ast.Load()), copied, context)


def _loading(node: ast.expr) -> ast.expr:
    return _copied(node, ast.Load())


def _storing(node: ast.expr) -> ast.expr:
    return _copied(node, ast.Store())
