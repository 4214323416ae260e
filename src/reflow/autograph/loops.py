"""Loops: `while`, and `for` over whatever there is to iterate over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.autograph.branches import and_
from reflow.autograph.staged_loop import staged_loop
from reflow.autograph.staging import fail, has_all, is_dataset, staged
from reflow.autograph.state import Undefined
from reflow.lang import errors
from reflow.lang.context import current_graph
from reflow.lang.func_graph import FuncGraph
from reflow.lang.opdef import REGISTRY
from reflow.lang.static_value import constant_value
from reflow.lang.tensor import SymbolicTensor
from reflow.platform import tf_logging

_MOST_ITERATIONS = 100_000_000
_LARGE = 50_000  # iterations of a Python loop after which a growing graph is worth a warning

_CHANGED = (
    "The condition of while loop started as non-Tensor, then changed to Tensor. This may happen either "
    "because variables changed type, or when a break or return statement inside the loop depends on a "
    "Tensor condition. In both cases, changing to a TF loop should remove the error. Make the condition, "
    "or what is iterated over, a tensor."
)
_JUMP = (
    "break and return statements which depend on a TF condition are not supported in Python for loops. "
    "Did you intend to make it a TF loop? Iterate over a tensor, such as tf.range(n)."
)

State = tuple[Callable[[], tuple] | None, Callable[[Any], None] | None, tuple[str, ...]]


def while_stmt(
    test: Callable[[], Any],
    extra_test: Callable[[], Any] | None,
    body: Callable[[], Any],
    get_state: Callable[[], tuple] | None,
    set_state: Callable[[Any], None] | None,
    names: tuple[str, ...],
    options: dict[str, Any] | None,
) -> None:
    """`while test(): body()`.

    Args:
      test: the condition. If it is a tensor at first, the loop becomes a node.
      extra_test: false when a `break` or `return` was met.
      body: the block. It works on variables of the function around.
      get_state, set_state: give and take the values of the variables in `names`.
      names: the variables that pass from one iteration to the next, or out of the loop.
      options: what `set_loop_options` said.
    """
    full = test if extra_test is None else lambda: and_(extra_test(), test)
    graph = current_graph()
    if graph is None:
        first = full()
    else:
        with FuncGraph("condition", graph).as_default():  # only to see what it is
            first = full()
    if staged(first):
        staged_loop(full, body, get_state, set_state, names, options)
        return
    if not first:
        return
    check = _Unrolled()
    while True:
        body()
        check.after_iteration()
        if not _python_truth(full(), _CHANGED):
            return


def _python_truth(value: Any, message: str) -> bool:
    try:
        return bool(value)
    except errors.OperatorNotAllowedInGraphError:
        raise fail(NotImplementedError, message) from None


class _Unrolled:
    """Watches a Python loop: each of its iterations may add nodes to the graph."""

    def __init__(self) -> None:
        self._count = 0
        self._nodes = 0

    def after_iteration(self) -> None:
        self._count += 1
        if self._count < _LARGE:
            return
        if self._count > _MOST_ITERATIONS:
            raise fail(ValueError, "iteration limit exceeded")
        graph = current_graph()
        if graph is None or self._count > _LARGE + 3:
            return
        nodes = len(graph.get_operations())
        if self._count > _LARGE and nodes > self._nodes:
            tf_logging.warning(
                "%s: Large unrolled loop detected. Did you mean to use a TF loop? %d ops were created "
                "after iteration %d.",
                errors.user_site(),
                nodes - self._nodes,
                self._count,
            )
            self._count = max(self._count, _LARGE + 3)
        self._nodes = nodes


# for ----------------------------------------------------------------------------------------------


def for_stmt(
    iterated: Any,
    extra_test: Callable[[], Any] | None,
    body: Callable[[Any], Any],
    get_state: Callable[[], tuple] | None,
    set_state: Callable[[Any], None] | None,
    names: tuple[str, ...],
    options: dict[str, Any] | None,
    target: str,
) -> None:
    """`for target in iterated: body(item)`; see `while_stmt`."""
    state = (get_state, set_state, names)
    if current_graph() is None:
        _python_for(iterated, extra_test, body)
    elif staged(iterated):
        if isinstance(iterated, SymbolicTensor) and iterated.op.type == "Range":
            _range_for(iterated, extra_test, body, state, options, target)
        else:
            _rows_for(iterated, extra_test, body, state, options)
    elif has_all(iterated, "get_next_as_optional"):
        from reflow.autograph.dataset_loops import iterator_for

        iterator_for(iterated, extra_test, body, state, options)
    elif has_all(iterated, "nrows", "row_splits"):
        _ragged_for(iterated, extra_test, body, state, options)
    elif is_dataset(iterated):
        from reflow.autograph.dataset_loops import dataset_for

        dataset_for(iterated, extra_test, body, state, options)
    else:
        _python_for(iterated, extra_test, body)


def _python_for(
    iterated: Any, extra_test: Callable[[], Any] | None, body: Callable[[Any], Any]
) -> None:
    check = _Unrolled()
    if extra_test is None:
        for item in iterated:
            body(item)
            check.after_iteration()
        return
    if not _python_truth(extra_test(), _JUMP):
        return
    for item in iterated:
        body(item)
        check.after_iteration()
        if not _python_truth(extra_test(), _JUMP):
            return


class WithOwn:
    """The state of a loop with one variable more: what the loop itself counts by."""

    def __init__(self, state: State, label: str, value: Any):
        self._get, self._set, names = state
        self.names = (label, *names)
        self.value = value

    def get(self) -> tuple:
        return (self.value, *(self._get() if self._get is not None else ()))

    def set(self, values: Sequence[Any]) -> None:
        self.value = values[0]
        if self._set is not None:
            self._set(tuple(values[1:]))


def both(test: Any, extra_test: Callable[[], Any] | None) -> Any:
    """Whether a loop goes on: there is more, and no `break` or `return` was met."""
    if extra_test is None:
        return test
    extra = extra_test()  # it only looks at flags
    return REGISTRY["LogicalAnd"](test, extra)


def _range_for(
    iterated: Any,
    extra_test: Callable[[], Any] | None,
    body: Callable[[Any], Any],
    state: State,
    options: dict[str, Any] | None,
    target: str,
) -> None:
    """Over `tf.range(...)`, whose tensor nobody needs."""
    start, limit, delta = iterated.op.inputs
    step = constant_value(delta)
    own = WithOwn(state, "<internal iterate>", start)

    def get() -> tuple:
        values = own.get()
        return tuple(
            start if name == target and isinstance(value, Undefined) else value
            for name, value in zip(own.names, values)
        )

    def test() -> Any:
        less, greater = REGISTRY["Less"], REGISTRY["Greater"]
        if step is not None:
            more = (less if step >= 0 else greater)(own.value, limit)
        else:
            zero = delta - delta
            more = REGISTRY["LogicalOr"](
                REGISTRY["LogicalAnd"](greater(delta, zero), less(own.value, limit)),
                REGISTRY["LogicalAnd"](less(delta, zero), greater(own.value, limit)),
            )
        return both(more, extra_test)

    def step_body() -> None:
        item = own.value
        body(item)
        own.value = item + delta

    staged_loop(test, step_body, get, own.set, own.names, options)


def _rows_for(
    iterated: Any,
    extra_test: Callable[[], Any] | None,
    body: Callable[[Any], Any],
    state: State,
    options: dict[str, Any] | None,
) -> None:
    """Over the rows of a tensor."""
    from reflow.autograph.builtin_functions import len_
    from reflow.lang.convert import convert_to_tensor
    from reflow.ops.control_flow.tensor_array import TensorArray

    iterated = convert_to_tensor(iterated)
    if iterated.shape.rank == 0:
        raise fail(ValueError, f"cannot iterate over a scalar tensor: {iterated}")
    count = len_(iterated)
    rows = TensorArray(iterated.dtype, size=count).unstack(iterated)
    _counted_for(count, rows.read, extra_test, body, state, options)


def _ragged_for(
    iterated: Any,
    extra_test: Callable[[], Any] | None,
    body: Callable[[Any], Any],
    state: State,
    options: dict[str, Any] | None,
) -> None:
    """Over the rows of a ragged tensor."""
    from reflow.lang.dtypes import int32
    from reflow.ops.cast import cast

    count = cast(iterated.nrows(), int32)
    _counted_for(count, lambda i: iterated[i], extra_test, body, state, options)


def _counted_for(
    count: Any,
    read: Callable[[Any], Any],
    extra_test: Callable[[], Any] | None,
    body: Callable[[Any], Any],
    state: State,
    options: dict[str, Any] | None,
) -> None:
    own = WithOwn(state, "<internal iterate>", 0)

    def test() -> Any:
        return both(REGISTRY["Less"](own.value, count), extra_test)

    def step() -> None:
        index = own.value
        body(read(index))
        own.value = index + 1

    staged_loop(test, step, own.get, own.set, own.names, options)
