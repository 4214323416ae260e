"""Conversion of one function: from its source to a function that calls the operators.

The code is compiled under the user's file, with the user's lines, so that tracebacks, debuggers and the
sites of nodes need no translation. It shares the globals and the cells of the original.
"""

from __future__ import annotations

import ast
import threading
import types
import weakref
from typing import Any, NamedTuple

from reflow.autograph.build import OPERATORS
from reflow.autograph.expressions import PREFIX
from reflow.autograph.rewrite import Rewriter
from reflow.autograph.source import parse

_FUTURES = 0x1FF0000  # the bits of co_flags that `from __future__` sets (PyCF_MASK)


class Options(NamedTuple):
    """How a function is converted: the key of the cache, beside its code."""

    recursive: bool = True
    equality: bool = False
    lists: bool = False
    prints: bool = False


_MARK = "made by the conversion of a function"  # the last constant of generated code

_lock = threading.RLock()
# By code, which may be equal in two files.
_codes: weakref.WeakKeyDictionary[types.CodeType, dict[tuple[Options, str], types.CodeType]]
_codes = weakref.WeakKeyDictionary()


def converted(function: types.FunctionType, options: Options, operators: Any) -> types.FunctionType:
    """The converted form of `function`; its code is made once.

    Raises:
      NoSource: if the text of the function cannot be found.
      Unsupported: if the function is of a kind that is not converted.
    """
    code = function.__code__
    if is_generated(code):
        return function
    key = (options, code.co_filename)
    held = _codes.get(code)
    new = held.get(key) if held is not None else None
    if new is None:
        with _lock:
            new = _codes.setdefault(code, {}).get(key)
            if new is None:
                new = _codes[code][key] = _convert(function, options)
    return _instance(function, new, operators)


def is_generated(code: types.CodeType) -> bool:
    """Whether `code` comes out of a conversion."""
    return bool(code.co_consts) and code.co_consts[-1] is _MARK


def tree_of(function: types.FunctionType, options: Options) -> ast.FunctionDef | ast.Lambda:
    """The rewritten syntax tree of `function`."""
    from reflow.autograph.options import set_loop_options

    namespace = dict(function.__globals__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            namespace[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            namespace[name] = None
    rewriter = Rewriter(
        namespace,
        function.__code__.co_freevars,
        lambda target: target is set_loop_options,
        options.equality,
        options.lists,
        options.prints,
    )
    tree: Any = parse(function)
    return rewriter.entity(tree)


def _convert(function: types.FunctionType, options: Options) -> types.CodeType:
    code = function.__code__
    tree: Any = tree_of(function, options)
    name = f"{PREFIX}converted"
    if isinstance(tree, ast.Lambda):
        statement: Any = ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], tree), tree)
    else:
        tree.name = name
        statement = tree
    owner = _class_of(code.co_qualname)
    if owner is not None:  # `self.__x` is compiled as it was in the class
        statement = _class(owner, statement)
    free = [each for each in code.co_freevars if each != "__class__" or owner is None]
    free = [*free, OPERATORS]
    if owner is not None and "__class__" in code.co_freevars:
        free.append("__class__")
    factory = ast.FunctionDef(
        f"{PREFIX}factory",
        ast.arguments([], [ast.arg(each) for each in free], None, [], [], None, []),
        [*_globally(owner, free), statement],
        [],
    )
    factory.type_params = []  # type: ignore[attr-defined]
    module = ast.fix_missing_locations(ast.Module([ast.copy_location(factory, statement)], []))
    compiled = compile(
        module, code.co_filename, "exec", code.co_flags & _FUTURES, dont_inherit=True
    )
    found = _innermost(compiled, name, isinstance(tree, ast.Lambda))
    return _renamed(found, code.co_name, code.co_qualname)


def _globally(owner: str | None, free: list[str]) -> list[ast.stmt]:
    """Keeps the class around a method from hiding the variable of the module that has its name."""
    return [ast.Global([owner])] if owner is not None and owner not in free else []


def _class(name: str, statement: ast.stmt) -> ast.stmt:
    node = ast.ClassDef(name, [], [], [statement], [])
    node.type_params = []  # type: ignore[attr-defined]
    return ast.copy_location(node, statement)


def _class_of(qualified: str) -> str | None:
    """The class in whose text a function stands: the `C` of `f.<locals>.C.method.<locals>.g`."""
    parts = qualified.split(".")
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] != "<locals>" and parts[i + 1] != "<locals>":
            return parts[i]
    return None


def _innermost(code: types.CodeType, name: str, is_lambda: bool) -> types.CodeType:
    """The code of the converted function, down from that of the module."""
    wanted = "<lambda>" if is_lambda else name
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if constant.co_name == wanted:
                return constant
            try:
                return _innermost(constant, name, is_lambda)
            except LookupError:
                continue
    raise LookupError(wanted)


def _renamed(code: types.CodeType, name: str, qualified: str) -> types.CodeType:
    """`code`, with the generated functions in it under the name of the user's function around."""
    constants = []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            own = constant.co_name
            if own.startswith(PREFIX):
                constant = _renamed(constant, name, qualified)
            else:
                constant = _renamed(constant, own, f"{qualified}.<locals>.{own}")
        constants.append(constant)
    return code.replace(co_consts=(*constants, _MARK), co_name=name, co_qualname=qualified)


def _instance(
    function: types.FunctionType, code: types.CodeType, operators: Any
) -> types.FunctionType:
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    cells[OPERATORS] = types.CellType(operators)
    new = types.FunctionType(
        code,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        tuple(cells[name] for name in code.co_freevars),
    )
    new.__kwdefaults__ = function.__kwdefaults__
    new.__module__ = function.__module__
    new.__qualname__ = function.__qualname__
    new.__doc__ = function.__doc__
    new.__dict__.update(function.__dict__)
    new.__annotations__ = function.__annotations__
    return new
