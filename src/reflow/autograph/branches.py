"""Conditionals: `if`, ternaries, `and`, `or`, `not`, comparisons, `assert`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.autograph.staging import check_branch, check_branches, check_pair, condition, staged
from reflow.lang.opdef import REGISTRY
from reflow.lang.tensor import is_tensor


def if_stmt(
    test: Any,
    body: Callable[[], Any],
    orelse: Callable[[], Any],
    get_state: Callable[[], tuple] | None,
    set_state: Callable[[Any], None] | None,
    names: tuple[str, ...],
    outputs: int,
) -> None:
    """`if test: body() else: orelse()`.

    Args:
      test: the condition: a tensor makes a node, anything else is Python's business.
      body, orelse: the two blocks. They work on variables of the function around.
      get_state, set_state: give and take the values of the variables in `names`.
      names: the variables, of which the first `outputs` are used afterwards.
    """
    if not staged(test):
        (body if test else orelse)()
        return
    from reflow.ops.control_flow.cond import cond

    test = condition(test, "if statement")
    before = get_state() if get_state is not None else ()
    results: dict[str, tuple] = {}

    def branch(which: str, block: Callable[[], Any]) -> Callable[[], tuple]:
        def traced() -> tuple:
            if set_state is not None:
                set_state(before)
            block()
            after = get_state()[:outputs] if get_state is not None else ()
            check_branch(after, names, which)
            results[which] = after
            if len(results) == 2:
                check_branches(results["main"], results["else"], names)
            return after or (0,)  # a node has an output

        return traced

    after = cond(test, branch("main", body), branch("else", orelse))
    if set_state is not None:
        set_state((*after[:outputs], *before[outputs:]))


def if_exp(test: Any, body: Callable[[], Any], orelse: Callable[[], Any], text: str) -> Any:
    """`body() if test else orelse()`; `text` is the condition as it is written."""
    if not staged(test):
        return body() if test else orelse()
    from reflow.ops.control_flow.cond import cond

    test = condition(test, "if expression")
    results: list[Any] = []

    def traced(block: Callable[[], Any]) -> Callable[[], Any]:
        def branch() -> Any:
            results.append(block())
            if len(results) == 2:
                _check_values(text, *results)
            return results[-1]

        return branch

    return cond(test, traced(body), traced(orelse))


def _check_values(text: str, body: Any, orelse: Any) -> None:
    if not any(isinstance(each, (list, tuple, dict)) for each in (body, orelse)):
        check_pair(text, body, orelse)


# Logic --------------------------------------------------------------------------------------------


def and_(left: Any, right: Callable[[], Any]) -> Any:
    """`left and right()`."""
    if not staged(left):
        return left and right()
    from reflow.ops.control_flow.cond import cond

    return cond(condition_value(left), right, lambda: left)


def or_(left: Any, right: Callable[[], Any]) -> Any:
    """`left or right()`."""
    if not staged(left):
        return left or right()
    from reflow.ops.control_flow.cond import cond

    return cond(condition_value(left), lambda: left, right)


def condition_value(value: Any) -> Any:
    return value if not hasattr(value, "read_value") else value.read_value()


def not_(value: Any) -> Any:
    """`not value`."""
    return REGISTRY["LogicalNot"](value) if staged(value) else not value


def none_of(*flags: Any) -> Any:
    """Whether no flag is set: a Python bool as far as that decides."""
    tensors = [flag for flag in flags if staged(flag)]
    if any(flag for flag in flags if not staged(flag)):
        return False
    if not tensors:
        return True
    some = tensors[0]
    for flag in tensors[1:]:
        some = REGISTRY["LogicalOr"](some, flag)
    return REGISTRY["LogicalNot"](some)


def eq(left: Any, right: Any) -> Any:
    """`left == right`, element by element for tensors whatever `==` does."""
    if is_tensor(left) or is_tensor(right):
        from reflow.ops.compare import equal

        return equal(left, right)
    return left == right


def not_eq(left: Any, right: Any) -> Any:
    return not_(eq(left, right))


def assert_stmt(test: Any, message: Callable[[], Any]) -> Any:
    """`assert test, message()`: of a tensor it is checked when the graph runs."""
    if not staged(test):
        assert test, message()
        return None
    from reflow.ops.debugging import Assert

    shown: Sequence[Any] = message()
    if not isinstance(shown, list):
        shown = [shown]
    return Assert(test, shown)
