"""Which graph is being built, per thread; None means: execute eagerly."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reflow.lang.graph import Graph

_eager_by_default = [True]
_global_graph: list[Any] = [None]


class _State(threading.local):
    def __init__(self) -> None:
        self.stack: list[Any] = []  # graphs, or None for an eager scope
        self.graph: Any = None  # the top of the stack
        self.scope_name = ""  # the name scope of eager code
        self.eager_device: str = ""
        self.tapes: list[Any] = []  # active gradient tapes, outermost first


state = _State()


def current_graph() -> Graph | None:
    """The graph that ops are added to, or None when they execute now."""
    graph = state.graph
    if graph is None and not state.stack and not _eager_by_default[0]:
        return global_graph()
    return graph


def global_graph() -> Graph:
    if _global_graph[0] is None:
        from reflow.lang.graph import Graph

        _global_graph[0] = Graph()
    return _global_graph[0]


def get_default_graph() -> Graph:
    """The graph of the innermost `Graph.as_default()`, or the global one."""
    for graph in reversed(state.stack):
        if graph is not None:
            return graph
    return global_graph()


def reset_default_graph() -> None:
    """Replaces the global default graph by an empty one.

    Raises:
      AssertionError: inside of a `with graph.as_default():`.
    """
    if any(graph is not None for graph in state.stack):
        raise AssertionError("Do not use tf.reset_default_graph() to clear nested graphs.")
    _global_graph[0] = None


def renew_default_graphs() -> None:
    """Puts one empty graph in place of the global default graph and of those that are open here.

    For the begin of a test, which may lie within `with graph.as_default():`, or follow a test that
    left one open. Whether ops execute eagerly stays as it is.
    """
    _global_graph[0] = None
    stack = state.stack
    if any(graph is not None for graph in stack):
        empty = global_graph()
        stack[:] = [None if graph is None else empty for graph in stack]
        state.graph = stack[-1]


@contextlib.contextmanager
def using_graph(graph: Graph | None) -> Iterator[Graph | None]:
    """Makes `graph` the current one; None makes ops execute now.

    A generator that is abandoned within leaves when it is collected: then others may be open, or another
    thread may run. What is left is this scope, on the thread that entered it.
    """
    stack = state.stack
    depth = len(stack)
    stack.append(graph)
    state.graph = graph
    try:
        yield graph
    finally:
        # A graph that is no longer there was renewed, and has left its place to the new one.
        place = next((i for i in reversed(range(len(stack))) if stack[i] is graph), depth)
        del stack[place : place + 1]
        if state.stack is stack:
            state.graph = stack[-1] if stack else None


def executing_eagerly() -> bool:
    """Whether ops execute as they are called, rather than being added to a graph."""
    return current_graph() is None


def inside_function() -> bool:
    """Whether a function is being traced.

    >>> import reflow as tf
    >>> tf.inside_function()
    False
    """
    return bool(get_default_graph().building_function)


def executing_eagerly_outside_functions() -> bool:
    """Whether code outside of all functions being traced runs eagerly."""
    if executing_eagerly():
        return True
    graph: Any = get_default_graph()
    while getattr(graph, "outer_graph", None) is not None:
        graph = graph.outer_graph
    return bool(graph.building_function)


def enable_eager_execution(
    config: Any = None, device_policy: Any = None, execution_mode: Any = None
):
    """Makes eager execution the default: to be called at the start of a program."""
    if _global_graph[0] is not None and _global_graph[0].get_operations():
        raise ValueError("tf.enable_eager_execution must be called at program startup.")
    _eager_by_default[0] = True


def disable_eager_execution() -> None:
    """Makes graphs the default, as in TF 1: to be called at the start of a program."""
    if any(graph is not None for graph in state.stack):
        raise RuntimeError("tf.disable_eager_execution must be called at program startup.")
    _eager_by_default[0] = False


@contextlib.contextmanager
def init_scope() -> Iterator[None]:
    """Leaves function-building graphs and control dependencies: for creating state.

    https://www.tensorflow.org/api_docs/python/tf/init_scope
    """
    innermost: Any = current_graph()
    graph = innermost
    while graph is not None and graph.building_function:
        graph = graph.outer_graph
    scope = innermost.get_name_scope() if innermost is not None else ""
    if graph is None:
        outer = state.scope_name
        if innermost is not None:
            state.scope_name = scope + "/" if scope else ""
        try:
            with using_graph(None):
                yield
        finally:
            state.scope_name = outer
        return
    same_scope = graph.name_scope(scope + "/" if scope else None)
    with using_graph(graph), graph.control_dependencies(None), same_scope:
        yield
