"""Branches: `tf.cond`, `tf.case`, `tf.switch_case`. Loops are in `while_loop`, ops in `branches`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes, errors, nest
from reflow.lang.context import current_graph
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.func_graph import in_v1_style
from reflow.lang.graph import Graph, Operation
from reflow.lang.opdef import REGISTRY
from reflow.lang.scopes import control_dependencies, name_scope
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import Tensor, is_tensor
from reflow.ops.constant import identity
from reflow.ops.control_flow.branches import (
    case_op,
    if_op,
    is_tensor_array,
    stateless_case,
    stateless_if,
    traced_branches,
)
from reflow.ops.control_flow.grouping import group, with_dependencies

__all__ = [
    "case",
    "case_v1",
    "cond",
    "cond_v1",
    "group",
    "smart_cond",
    "smart_constant_value",
    "switch_case",
    "with_dependencies",
]


# Cond ---------------------------------------------------------------------------------------------


@export(v2=("cond",))
def cond(pred: Any, true_fn: Any = None, false_fn: Any = None, name: str | None = None) -> Any:
    """What `true_fn()` returns if `pred` is true, else what `false_fn()` returns.

    Only the ops that the taken function makes run, with their side effects; tensors made outside of
    both are computed in any case.

    Args:
      pred: a boolean scalar.
      true_fn, false_fn: functions without arguments. Both return the same nested structure of tensors
        of the same dtypes (tensors, sparse tensors, tensor arrays, or an operation).
      name: the name scope of the ops.

    Raises:
      TypeError: if `true_fn` or `false_fn` is not callable, `pred` is a Python bool in a graph, or
        what the functions return differs in structure or dtypes.
      AssertionError: if one of them returns more tensors than the other.

    >>> import reflow as tf
    >>> x = tf.constant(3.0)
    >>> print(tf.cond(x > 2.0, lambda: x * 2.0, lambda: x).numpy())
    6.0
    """
    return _cond(pred, true_fn, false_fn, name, strict=True)


@export(v1=("cond",))
def cond_v1(
    pred: Any,
    true_fn: Any = None,
    false_fn: Any = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Any = None,
    fn2: Any = None,
) -> Any:
    """TF 1's `tf.cond`: `fn1` and `fn2` are old names of the functions.

    Without `strict` a list of one result is returned as that result.
    """
    for new, old, value in (("true_fn", "fn1", fn1), ("false_fn", "fn2", fn2)):
        if value is not None:
            if (true_fn if old == "fn1" else false_fn) is not None:
                raise TypeError(f"cond(): '{new}' and '{old}' may not be set simultaneously.")
    true_fn = fn1 if true_fn is None else true_fn
    false_fn = fn2 if false_fn is None else false_fn
    return _cond(pred, true_fn, false_fn, name, strict)


def _cond(pred: Any, true_fn: Any, false_fn: Any, name: str | None, strict: bool) -> Any:
    site = errors.user_site()
    for which, function in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(function):
            raise TypeError(f"{site}: '{which}' must be callable.")
    graph = current_graph()
    if graph is None:
        result = true_fn() if pred else false_fn()
        return result if strict else _unpacked(result)
    if isinstance(pred, bool):
        raise TypeError(f"{site}: 'pred' must not be a Python bool.")
    if not strict and in_v1_style(graph):  # there a list of one is its element in each branch
        true_fn, false_fn = _unpacking(true_fn), _unpacking(false_fn)
    with name_scope(name, "cond", [pred]) as scope:
        pred = _predicate(convert_to_tensor(pred, name="pred"), graph, site)
        result = traced_branches(
            graph,
            {"cond": pred},
            [(true_fn, "true_fn", "true"), (false_fn, "false_fn", "false")],
            lambda stateful, bodies: (
                if_op if stateful else stateless_if,
                {
                    "Tcond": pred.dtype.base_dtype,
                    "then_branch": bodies[0],
                    "else_branch": bodies[1],
                },
            ),
            scope,
            "cond",
            site,
        )
    return result if strict else _unpacked(result)


def _unpacking(function: Callable) -> Callable:
    return lambda: _unpacked(function())


def _unpacked(result: Any) -> Any:
    if isinstance(result, (list, tuple)) and len(result) == 1 and not nest.is_namedtuple(result):
        return result[0]
    return result


def _predicate(pred: Any, graph: Graph, site: str) -> Any:
    """`pred` as what decides: in a TF 1 graph it must be a boolean scalar."""
    if in_v1_style(graph):
        if not pred.dtype.base_dtype.is_bool:
            raise TypeError(
                f"{site}: Input 'pred' of 'Switch' Op has type {pred.dtype.name} that does not match "
                "expected type of bool: tf.cond takes a boolean scalar as its predicate."
            )
        if pred.shape.rank not in (None, 0):
            raise ValueError(
                f"{site}: Shape must be rank 0 but is rank {pred.shape.rank}: the predicate of "
                f"tf.cond, {pred.name}, must be a scalar."
            )
    elif pred.shape.rank not in (None, 0):
        if pred.shape.num_elements() not in (None, 1):
            raise ValueError(
                f"{site}: the predicate of tf.cond, {pred.name}, must be a scalar, got shape "
                f"{pred.shape}. Use tf.reduce_all or tf.reduce_any."
            )
        from reflow.ops import array

        pred = array.reshape(pred, [])
    return pred


@export(v2=("__internal__.smart_cond.smart_cond",))
def smart_cond(
    pred: Any, true_fn: Any = None, false_fn: Any = None, name: str | None = None
) -> Any:
    """Like `tf.cond`, but where `pred` is known (a Python bool, 0 or 1, a constant) it calls one of
    the functions right away.

    Raises:
      TypeError: if `true_fn` or `false_fn` is not callable, or `pred` is no predicate.
    """
    for which, function in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(function):
            raise TypeError(f"Argument `{which}` must be callable. Received {function}")
    known = smart_constant_value(pred)
    if known is not None:
        return true_fn() if known else false_fn()
    return _cond(pred, true_fn, false_fn, name, strict=False)


def smart_constant_value(pred: Any) -> bool | None:
    """The value of a predicate where it is known; else None.

    Raises:
      TypeError: if `pred` is no tensor, bool, 0 or 1.
    """
    if isinstance(pred, bool) or type(pred) is int and pred in (0, 1):
        return bool(pred)
    if is_tensor(pred):
        value = constant_value(pred) if isinstance(pred, Tensor) else None
        return None if value is None else bool(value)
    raise TypeError(
        f"Argument `pred` must be a Tensor, or a Python bool, or 1 or 0. Received: pred={pred} of "
        f"type {type(pred).__name__}"
    )


# Case ---------------------------------------------------------------------------------------------


@export(v2=("case",))
def case(
    pred_fn_pairs: Any,
    default: Any = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """What the function of the first true predicate returns.

    Args:
      pred_fn_pairs: a list of pairs of a boolean scalar and a function without arguments.
      default: what to call when no predicate is true; without it, that is an error.
      exclusive: fail when more than one predicate is true.
      strict: return a list of one result as it is, rather than the result.
      name: the name scope of the ops.

    Raises:
      TypeError: if the pairs are not of this form.
      tf.errors.InvalidArgumentError: when it runs: no predicate is true and there is no default, or
        more than one is and `exclusive`.

    >>> import reflow as tf
    >>> x = tf.constant(5)
    >>> print(tf.case([(x < 3, lambda: tf.constant(1))], default=lambda: tf.constant(2)).numpy())
    2
    """
    return _case_of(pred_fn_pairs, default, exclusive, strict, name, sort=False)


@export(v1=("case",))
def case_v1(
    pred_fn_pairs: Any,
    default: Any = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str = "case",
) -> Any:
    """TF 1's `tf.case`: the pairs may be a dictionary from predicates to functions."""
    return _case_of(pred_fn_pairs, default, exclusive, strict, name, sort=True)


def _case_of(pairs: Any, default: Any, exclusive: bool, strict: bool, name: str, sort: bool) -> Any:
    site = errors.user_site()
    eager = current_graph() is None
    if isinstance(pairs, dict):
        if eager:
            if type(pairs) is dict and not exclusive:
                raise TypeError(
                    f"{site}: When tensors execute now, a dictionary of predicates has no order: "
                    "use a list of pairs, or exclusive=True."
                )
            pairs = list(pairs.items())
        else:
            pairs = sorted(pairs.items(), key=lambda item: item[0].name)
            if not exclusive:
                warnings.warn(
                    "tf.case with a dictionary takes the predicates in the order of their names: "
                    "use exclusive=True or a list",
                    stacklevel=3,
                )
    elif not isinstance(pairs, (list, tuple)):
        raise TypeError(
            f"{site}: 'pred_fn_pairs' must be a list, tuple, or dict. Received: {type(pairs)}."
        )
    pairs = _checked_pairs(pairs, eager, site)
    if default is not None and not callable(default):
        raise TypeError(f"{site}: 'default' must be callable.")
    with name_scope(name, "case", [pred for pred, _ in pairs]):
        preds = [pred for pred, _ in pairs]
        functions = [function for _, function in pairs]
        if default is None:  # the last function is the default, if its predicate holds
            default = _checked_default(preds, functions)
            preds, functions = preds[:-1], functions[:-1]
        if not preds:
            return default()
        check = _at_most_one(preds) if exclusive else None
        with control_dependencies([] if check is None else [check]):
            return _nested(preds, functions, default, strict)


def _checked_pairs(pairs: Sequence[Any], eager: bool, site: str) -> list[tuple[Any, Callable]]:
    result = []
    for i, pair in enumerate(pairs):
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(
                f"{site}: Each entry in 'pred_fn_pairs' must be a 2-tuple. Received {pair}."
            )
        pred, function = pair
        if isinstance(pred, Tensor):
            if not pred.dtype.is_bool:
                raise TypeError(f"{site}: pred must be Tensor of type bool: {pred}")
        elif is_tensor(pred):
            pred = convert_to_tensor(pred)
        elif not eager:
            raise TypeError(f"{site}: pred must be a Tensor, got: {pred}")
        if not callable(function):
            raise TypeError(f"{site}: fn for pred {i} must be callable.")
        result.append((pred, function))
    if not result:
        raise ValueError(f"{site}: 'pred_fn_pairs' must have at least one pair.")
    return result


def _nested(preds: list[Any], functions: list[Callable], default: Callable, strict: bool) -> Any:
    def rest() -> Any:
        if len(preds) == 1:
            return default()
        return _nested(preds[1:], functions[1:], default, strict)

    return _cond(preds[0], functions[0], rest, None, strict)


def _count_true(preds: Sequence[Any]) -> Any:
    packed = REGISTRY["Pack"](list(preds), axis=0, name="preds_c")
    return REGISTRY["Sum"](REGISTRY["Cast"](packed, DstT=dtypes.int32), [0], name="num_true_conds")


def _assert(condition: Any, message: str) -> Any:
    return REGISTRY["Assert"](condition, [np.array(message.encode(), object)])


def _at_most_one(preds: Sequence[Any]) -> Any:
    few = REGISTRY["LessEqual"](_count_true(preds), np.int32(1))
    names = ", ".join(getattr(p, "name", "?") if current_graph() else "?" for p in preds)
    return _assert(
        few, f"Input error: exclusive=True: more than 1 conditions ({names}) evaluated as True"
    )


def _checked_default(preds: Sequence[Any], functions: Sequence[Callable]) -> Callable:
    """The last function, after a check that some predicate is true."""

    def checked() -> Any:
        some = REGISTRY["GreaterEqual"](_count_true(preds), np.int32(1))
        check = _assert(some, "Input error: None of conditions evaluated as True")
        with control_dependencies([] if check is None else [check]):
            result = functions[-1]()
            if check is not None:
                result = nest.map_structure(
                    lambda t: (
                        t
                        if t is None or isinstance(t, Operation) or is_tensor_array(t)
                        else identity(t)
                    ),
                    result,
                    expand_composites=True,
                )
            return result

    return checked


@export("switch_case")
def switch_case(
    branch_index: Any, branch_fns: Any, default: Any = None, name: str = "switch_case"
) -> Any:
    """What the function of the number `branch_index` returns.

    Args:
      branch_index: an integer scalar.
      branch_fns: a list of functions without arguments, a dictionary from integers to functions, or a
        list of such pairs. The integers are 0 to n-1.
      default: what to call for another index; by default the function of the largest number.
      name: the name scope of the ops.

    Raises:
      TypeError, ValueError: if the functions are not of this form.

    >>> import reflow as tf
    >>> print(tf.switch_case(1, [lambda: tf.constant("a"), lambda: tf.constant("b")]).numpy())
    b'b'
    """
    site = errors.user_site()
    functions = _numbered(branch_fns, default, site)
    graph = current_graph()
    if isinstance(branch_index, int) and not isinstance(branch_index, bool):
        index: Any = convert_to_tensor(branch_index, dtypes.int32)
    elif is_tensor(branch_index):
        index = convert_to_tensor(branch_index)
        if index.dtype.base_dtype not in (dtypes.int32, dtypes.int64):
            raise TypeError(f"{site}: branch_index must be an integer, got {index.dtype.name}")
    else:
        raise TypeError(
            f"{site}: 'branch_index' must be a Tensor, got {type(branch_index).__name__}"
        )
    if graph is None:
        number = int(index)
        return functions[number if 0 <= number < len(functions) else -1]()
    if index.shape.rank not in (None, 0):
        raise ValueError(f"{site}: branch_index must be a scalar, got shape {index.shape}")
    with name_scope(name, "switch_case", [index]):
        from reflow.ops.cast import cast

        index = cast(index, dtypes.int32)
        with name_scope("indexed_case") as scope:
            return traced_branches(
                graph,
                {"branch_index": index},
                [(f, f"branch {i}", f"branch{i}") for i, f in enumerate(functions)],
                lambda stateful, bodies: (
                    case_op if stateful else stateless_case,
                    {"branches": tuple(bodies)},
                ),
                scope,
                "switch_case",
                site,
            )


def _numbered(branch_fns: Any, default: Any, site: str) -> list[Callable]:
    if not isinstance(branch_fns, (list, tuple, dict)):
        raise TypeError(
            f"{site}: 'branch_fns' must be a dict, list, or tuple. Received: {type(branch_fns)}."
        )
    if isinstance(branch_fns, dict):
        pairs = list(branch_fns.items())
    elif all(callable(each) for each in branch_fns):
        pairs = list(enumerate(branch_fns))
    else:
        pairs = list(branch_fns)
    if not pairs:
        raise ValueError(f"{site}: Must provide at least one item in 'branch_fns'")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(
                f"{site}: Each entry in 'branch_fns' must be a 2-tuple. Received: {pair}."
            )
        key, function = pair
        if not isinstance(key, int):
            raise TypeError(f"{site}: Key must be a Python `int`, got {type(key).__name__}")
        if not callable(function):
            raise TypeError(f"{site}: fn for key {key} must be callable.")
    keys = [key for key, _ in pairs]
    if sorted(keys) != list(range(len(keys))):
        raise ValueError(
            f"{site}: branch indices must form contiguous range of [0 to {len(keys)}) but found "
            f"{{{','.join(map(str, sorted(keys)))}}}."
        )
    functions = [function for _, function in sorted(pairs, key=lambda pair: pair[0])]
    if default is not None:
        if not callable(default):
            raise TypeError(f"{site}: 'default' must be callable.")
        functions.append(default)
    return functions
