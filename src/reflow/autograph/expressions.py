"""The rewriting of expressions: calls, logic, comparisons, reads of variables."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Sequence
from typing import Any

from reflow.autograph.build import OPERATORS, arguments, constant, load, located, operator, thunk
from reflow.autograph.names import Names

PREFIX = "ag__"  # of all generated names

# Built-in functions that mean something else for tensors: their calls go through the operators.
_OVERLOADED = frozenset(
    ("abs", "all", "any", "enumerate", "filter", "float", "int", "len", "map", "max", "min")
    + ("next", "print", "range", "sorted", "zip")
)


class Unsupported(Exception):
    """The function has something in it that is not converted."""


class Scope:
    """What is known of a function of the user while it is rewritten.

    Attributes:
      locals: the names of its own variables, parameters included.
      named: those of them that are the user's, not flags.
      globals, nonlocals: the names that it declares so.
      outer: the scope of the function around it, if that is rewritten too.
      first: its first parameter, for `super()`.
      bound: names that have a value, if only `Undefined`, at the place that is being rewritten.
      defined: those among them that have a value for sure.
    """

    def __init__(self, outer: Scope | None, parameters: Sequence[str]):
        self.outer = outer
        self.locals: set[str] = set(parameters)
        self.named: set[str] = set(parameters)
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.first = parameters[0] if parameters else None
        self.bound: set[str] = set(parameters)
        self.defined: set[str] = set(parameters)


class ExpressionRewriter(ast.NodeTransformer):
    """Rewrites expressions in place; `Rewriter` adds statements and functions.

    Args:
      namespace: the globals and the captured variables of the function, to know what names mean.
      free: the names of its captured variables.
      is_options: whether an object is `tf.autograph.experimental.set_loop_options`.
      equality: whether `==` and `!=` become operators too.
      lists: whether lists were asked to become lists of tensors, which is refused.
      prints: whether `print` is converted.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        free: Sequence[str],
        is_options: Callable[[Any], bool],
        equality: bool = False,
        lists: bool = False,
        prints: bool = False,
    ):
        self._namespace = namespace
        self._free = set(free)
        self._is_options = is_options
        self._equality = equality
        self._lists = lists
        self._prints = prints
        self._names = Names()
        self._scope: Any = None
        self._shadowed: list[set[str]] = []  # parameters of lambdas, targets of comprehensions
        self._count = 0

    def _binds(self, *names: str) -> None:
        self._scope.bound.update(names)
        self._scope.defined.update(names)

    def _may_be_undefined(self, name: str) -> bool:
        if any(name in shadow for shadow in self._shadowed):
            return False
        scope = self._scope
        if name in scope.locals:
            return name not in scope.defined
        while scope.outer is not None:
            if name in scope.globals:
                return False
            scope = scope.outer
            if name in scope.locals:
                return name not in scope.defined
        return False

    def visit_Name(self, node: ast.Name) -> Any:
        if isinstance(node.ctx, ast.Load) and self._may_be_undefined(node.id):
            return located(operator("ld", node), node)
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        node.value = self.visit(node.value)
        self._binds(node.target.id)
        return node

    def _comprehension(self, node: Any) -> Any:
        shadow: set[str] = set()
        for generator in node.generators:
            shadow |= self._names.of(generator.target).binds
        first = node.generators[0]
        first.iter = self.visit(first.iter)
        self._shadowed.append(shadow)
        for i, generator in enumerate(node.generators):
            if i:
                generator.iter = self.visit(generator.iter)
            generator.ifs = [self.visit(each) for each in generator.ifs]
        if isinstance(node, ast.DictComp):
            node.key = self.visit(node.key)
            node.value = self.visit(node.value)
        else:
            node.elt = self.visit(node.elt)
        self._shadowed.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_List(self, node: ast.List) -> Any:
        if self._lists and isinstance(node.ctx, ast.Load):
            raise Unsupported(
                "Feature.LISTS is not there: use a tf.TensorArray for a list that a loop over tensors "
                "appends to"
            )
        return self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        if any(has_walrus(each) for each in node.values[1:]):
            return self.generic_visit(node)
        values = [self.visit(each) for each in node.values]
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        result = values[-1]
        for value in reversed(values[:-1]):
            result = located(operator(name, value, thunk(result)), node)
        return result

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        node.operand = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            return located(operator("not_", node.operand), node)
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        if len(node.ops) > 1 and has_walrus(node):
            return self.generic_visit(node)
        values = [self.visit(each) for each in (node.left, *node.comparators)]
        if len(node.ops) == 1:
            return self._comparison(node, node.ops[0], *values)
        # Each value is computed once, and not before the comparison to its left came out true.
        return self._chain(node, list(node.ops), values)

    def _chain(self, node: ast.Compare, ops: list[ast.cmpop], values: list[ast.expr]) -> ast.expr:
        left, right = values[:2]
        if len(ops) == 1:
            return self._comparison(node, ops[0], left, right)
        if isinstance(right, (ast.Name, ast.Constant)):
            first = self._comparison(node, ops[0], left, right)
            more = self._chain(node, ops[1:], values[1:])
            return located(operator("and_", first, thunk(more)), node)
        self._count += 1
        names = [f"{PREFIX}left_{self._count}", f"{PREFIX}right_{self._count}"]
        first = self._comparison(node, ops[0], load(names[0]), load(names[1]))
        more = self._chain(node, ops[1:], [load(names[1]), *values[2:]])
        body = operator("and_", first, thunk(more))
        inner = ast.Lambda(arguments(*names), body)
        return located(ast.Call(inner, [left, right], []), node)

    def _comparison(
        self, node: ast.Compare, op: ast.cmpop, left: ast.expr, right: ast.expr
    ) -> ast.expr:
        if self._equality and isinstance(op, (ast.Eq, ast.NotEq)):
            name = "eq" if isinstance(op, ast.Eq) else "not_eq"
            return located(operator(name, left, right), node)
        return located(ast.Compare(left, [op], [right]), node)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        if has_walrus(node.body) or has_walrus(node.orelse):
            return self.generic_visit(node)
        text = constant(ast.unparse(node.test))
        test = self.visit(node.test)
        body, orelse = self.visit(node.body), self.visit(node.orelse)
        return located(operator("if_exp", test, thunk(body), thunk(orelse), text), node)

    def visit_Call(self, node: ast.Call) -> Any:
        if _is_operator(node.func):
            return node
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name is not None and self._is_builtin(name):
            if name == "super" and not node.args and not node.keywords:
                owner: Any = self._scope
                if owner.first is None:
                    return node
                node.args = [located(load("__class__"), node), located(load(owner.first), node)]
                return node
            if name == "locals" and not self._shadowed:
                visible = sorted(self._scope.bound & self._scope.named)
                reads: list[ast.expr] = [thunk(load(each)) for each in visible]
                keys: list[ast.expr | None] = [constant(each) for each in visible]
                return located(operator("locals_", ast.Dict(keys, reads)), node)
            if name not in _OVERLOADED or (name == "print" and not self._prints):
                return self.generic_visit(node)
        func = self.visit(node.func)
        args = [self.visit(each) for each in node.args]
        keywords = [(each.arg, self.visit(each.value)) for each in node.keywords]
        named: ast.expr = constant(None)
        if any(key is None for key, _ in keywords):
            named = ast.Call(load("dict"), [], [ast.keyword(key, value) for key, value in keywords])
        elif keywords:
            named = ast.Dict([constant(key) for key, _ in keywords], [v for _, v in keywords])
        given = ast.Tuple(args, ast.Load())
        return located(operator("converted_call", func, given, named), node)

    def _is_builtin(self, name: str) -> bool:
        """Whether `name` is a built-in function here, hidden by no other."""
        if any(name in shadow for shadow in self._shadowed):
            return False
        scope = self._scope
        while scope is not None:
            if name in scope.locals or name in scope.nonlocals:
                return False
            scope = scope.outer
        return name not in self._namespace and hasattr(builtins, name)

    def visit_Yield(self, node: Any) -> Any:
        raise Unsupported("generators are not supported")

    visit_YieldFrom = visit_Await = visit_Yield


def has_walrus(node: ast.AST) -> bool:
    return any(isinstance(each, ast.NamedExpr) for each in ast.walk(node))


def _is_operator(node: ast.expr) -> bool:
    """Whether a call was generated before: its arguments are as they should be."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == OPERATORS
    )
