"""Sessions: https://www.tensorflow.org/api_docs/python/tf/compat/v1/Session"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.compiler.plan import Plan, prune
from reflow.lang import context, dtypes, errors
from reflow.lang.context import get_default_graph
from reflow.lang.export import export
from reflow.lang.graph import Graph, Operation
from reflow.lang.tensor import SymbolicTensor
from reflow.runtime import composite_fetches as composite_fetches
from reflow.runtime import devices
from reflow.runtime.fetches import (
    Fetches,
    _conversion,
    expand_feeds,
    feed_tensor,
    feed_value,
    fetch_key,
)
from reflow.runtime.run_state import RunState
from reflow.runtime.store import Store


class _Defaults(threading.local):
    def __init__(self) -> None:
        self.stack: list[Any] = []


_defaults = _Defaults()
_MAX_PLANS = 1000  # per session; a program that asks for more different things forgets the oldest


@export(v1=("get_default_session",))
def get_default_session() -> Any:
    """The session of the innermost `with session:`, or None."""
    return _defaults.stack[-1] if _defaults.stack else None


class BaseSession:
    """Runs parts of a graph and keeps the state of its variables between runs."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None):
        if target:
            raise errors.UnimplementedError(
                None, None, f"Session target {target!r}: only the local session exists yet."
            )
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f"Argument `graph` must be a tf.Graph, but got {type(graph)}")
        if config is not None and not hasattr(config, "SerializeToString"):
            raise TypeError(f"Argument `config` must be a tf.ConfigProto, but got {type(config)}")
        self._graph = graph if graph is not None else get_default_graph()
        self._target = target
        self._config = config
        self._store = Store()
        self._closed = threading.Event()
        self._plans: dict[Any, tuple[Any, Plan, Fetches]] = {}
        self._single: dict[Any, tuple[int, Plan]] = {}
        self._placer = devices.Placer(config)
        timeout = getattr(config, "operation_timeout_in_ms", 0) if config is not None else 0
        self._timeout = timeout / 1000 if timeout else None
        self._lock = threading.Lock()

    # Running -------------------------------------------------------------------------------------

    def run(
        self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None
    ) -> Any:
        """Computes `fetches` and returns their values in the same structure.

        Args:
          fetches: a tensor, a node, a name, or a nested list, tuple or dictionary of them.
          feed_dict: values for tensors: `{placeholder: value}`.
          options: `tf.RunOptions`: a deadline (`timeout_in_ms`), a `trace_level`.
          run_metadata: `tf.RunMetadata` to fill.

        Returns:
          NumPy arrays (scalars of NumPy for tensors without dimensions) in place of tensors, None in
          place of nodes.

        Raises:
          RuntimeError: if the session is closed.
          TypeError, ValueError: if fetches or feeds are not of this graph, or do not fit.
          tf.errors.OpError: if an op fails: its class says how.
        """
        if self._closed.is_set():
            raise RuntimeError("Attempted to use a closed Session.")
        graph = self._graph
        if feed_dict:
            feeds, values = expand_feeds(graph, feed_dict)
        else:
            feeds, values = [], []
        stamp = graph._mutations
        key = (
            id(fetches) if type(fetches) is SymbolicTensor else fetch_key(fetches),
            *map(id, feeds),
        )
        cached = self._plans.get(key)
        if cached is None or cached[0] != stamp:
            cached = self._make_plan(key, stamp, fetches, feeds)
        _, plan, structure = cached
        state = None
        if options is not None or run_metadata is not None or self._timeout or plan.part.blocking:
            state = self._run_state(options, run_metadata)
        try:
            outputs = plan.run(values, self._store, state)
        except errors.OpError as error:
            raise self._located(error) from None
        if run_metadata is not None and options is not None:
            self._fill_metadata(run_metadata, options, state, plan)
        results = [_fetched(v, t) for v, t in zip(outputs, structure.tensors)]
        return results[0] if structure.is_single else structure.build(results)

    def _make_plan(
        self, key: Any, stamp: int, fetches: Any, feeds: Sequence[SymbolicTensor]
    ) -> Any:
        if not self._graph.version:
            raise RuntimeError(
                f"{errors.user_site()}: The Session graph is empty. Add operations to the "
                "graph before calling run(); eager tensors have their values without a session."
            )
        structure = Fetches(self._graph, fetches)
        if len(set(map(id, feeds))) != len(feeds):
            raise ValueError("feed_dict feeds a tensor twice")
        plan = Plan(structure.elements, feeds, self._placer)
        cached = (stamp, plan, structure)
        with self._lock:
            while len(self._plans) >= _MAX_PLANS:
                self._plans.pop(next(iter(self._plans)))
            self._plans[key] = cached
        return cached

    def _run_state(self, options: Any, run_metadata: Any) -> RunState:
        timeout = self._timeout
        trace: Any = None
        if options is not None:
            if options.timeout_in_ms:
                timeout = options.timeout_in_ms / 1000
            if run_metadata is not None and options.trace_level > 0:
                from reflow.runtime.trace import Trace

                trace = Trace(options.trace_level)
        return RunState(timeout, self._closed, trace)

    def _located(self, error: errors.OpError) -> errors.OpError:
        return error

    def _fill_metadata(self, run_metadata: Any, options: Any, state: Any, plan: Plan) -> None:
        if options.trace_level > 0 or options.output_partition_graphs:
            from reflow.runtime.trace import fill_metadata

            fill_metadata(run_metadata, state.trace, plan, options.output_partition_graphs)

    def make_callable(
        self, fetches: Any, feed_list: Sequence[Any] | None = None, accept_options: bool = False
    ) -> Callable[..., Any]:
        """A function that runs `fetches` with values for `feed_list` as its arguments.

        With `accept_options` it also takes `options=` and `run_metadata=`.
        """
        if self._closed.is_set():
            raise RuntimeError("Attempted to use a closed Session.")
        feeds = [feed_tensor(self._graph, each) for each in feed_list or ()]
        _, plan, structure = self._make_plan(
            ("callable", fetch_key(fetches), *map(id, feeds)),
            self._graph._mutations,
            fetches,
            feeds,
        )

        def call(*args: Any, **kwargs: Any) -> Any:
            if self._closed.is_set():
                raise RuntimeError("Attempted to use a closed Session.")
            if len(args) != len(feeds):
                raise ValueError(f"{len(args)} values for {len(feeds)} feeds")
            options = kwargs.pop("options", None) if accept_options else None
            metadata = kwargs.pop("run_metadata", None) if accept_options else None
            if kwargs:
                raise TypeError(f"unexpected arguments {sorted(kwargs)}")
            state = None
            if options is not None or self._timeout or plan.part.blocking:
                state = self._run_state(options, metadata)
            values = [feed_value(t, v) for t, v in zip(feeds, args)]
            outputs = plan.run(values, self._store, state)
            if metadata is not None and options is not None:
                self._fill_metadata(metadata, options, state, plan)
            return structure.build([_fetched(v, t) for v, t in zip(outputs, structure.tensors)])

        return call

    # Partial runs --------------------------------------------------------------------------------

    def partial_run_setup(self, fetches: Any, feeds: Any = None) -> Any:
        """Begins a run that is fed and fetched in several steps: see `partial_run`.

        Args:
          fetches: all that will be fetched.
          feeds: all that will be fed.

        Returns:
          A handle for `partial_run`.
        """
        structure = Fetches(self._graph, fetches)
        expanded: list[SymbolicTensor] = []
        for each in feeds or ():
            row = None if isinstance(each, (SymbolicTensor, str)) else _conversion(each)
            if row is not None and row[3] is not None:
                expanded.extend(row[3](each))
            else:
                expanded.append(feed_tensor(self._graph, each))
        return _PartialRun(structure.elements, expanded)

    def partial_run(self, handle: Any, fetches: Any, feed_dict: Any = None) -> Any:
        """Continues a run: feeds more, fetches more; what ran before does not run again."""
        if not isinstance(handle, _PartialRun):
            raise errors.InvalidArgumentError(None, None, "Must call partial_run_setup first.")
        feeds, values = expand_feeds(self._graph, feed_dict or {})
        structure = Fetches(self._graph, fetches)
        for tensor in feeds:
            if all(tensor is not each for each in handle.feeds):
                raise errors.InvalidArgumentError(
                    None,
                    tensor.op,
                    f"{tensor.name} was not declared as a feed of this partial run.",
                )
        for element in structure.elements:
            if all(element is not each for each in handle.fetches):
                raise errors.InvalidArgumentError(
                    None, None, f"{element.name} was not declared as a fetch of this partial run."
                )
        results = handle.advance(structure, feeds, values, self._store, self._placer)
        return structure.build([_fetched(v, t) for v, t in zip(results, structure.tensors)])

    # The rest ------------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        return self._graph

    @property
    def graph_def(self) -> Any:
        return self._graph.as_graph_def()

    @property
    def sess_str(self) -> str:
        return self._target

    @property
    def config(self) -> Any:
        return self._config

    def list_devices(self) -> list[Any]:
        """The devices that this session can place nodes on."""
        return devices.list_devices(self._config)

    def as_default(self) -> Any:
        """A context in which this is the default session (and stays open at the end).

        It leaves the default graph as it is; `with session:` enters the session's graph too.
        """
        return _as_default(self)

    def close(self) -> None:
        """Ends the session: runs that are waiting fail, and its state is freed."""
        self._closed.set()
        self._plans.clear()
        self._store.clear()

    def __del__(self) -> None:
        closed = getattr(self, "_closed", None)
        if closed is not None and not closed.is_set():
            closed.set()


def _fetched(value: Any, tensor: SymbolicTensor) -> Any:
    """A value as `run` returns it: writable NumPy arrays, NumPy scalars, bytes."""
    if isinstance(value, np.generic):
        return value
    if type(value) is np.ndarray:
        if value.ndim == 0:
            return value.item() if value.dtype == object else value[()]
        # Not the array that a variable or the graph holds.
        return value.copy()
    if type(value) is bytes:
        return value
    if hasattr(value, "__array__") and tensor.dtype.base_dtype not in (
        dtypes.resource,
        dtypes.variant,
    ):
        array = np.asarray(value)
        return array[()] if array.ndim == 0 else np.array(array)
    return value


class _PartialRun:
    """The state of a partial run: what has run, and the values that later steps may need."""

    def __init__(self, fetches: Sequence[Any], feeds: Sequence[SymbolicTensor]):
        self.fetches = list(fetches)
        self.feeds = list(feeds)
        self.known: dict[int, tuple[SymbolicTensor, Any]] = {}
        self.done: set[Operation] = set()
        roots = [f.op if isinstance(f, SymbolicTensor) else f for f in fetches]
        self.needed = prune(roots, feeds)

    def advance(
        self,
        structure: Fetches,
        feeds: Sequence[SymbolicTensor],
        values: Sequence[Any],
        store: Store,
        placer: Any,
    ) -> list[Any]:
        for tensor, value in zip(feeds, values):
            self.known[id(tensor)] = (tensor, value)
        given = [t for t, _ in self.known.values()]
        roots = [
            e.op if isinstance(e, SymbolicTensor) else e
            for e in structure.elements
            if id(e) not in self.known
            and (e if isinstance(e, Operation) else e.op) not in self.done
        ]
        now = prune(roots, given, self.done)
        later = self.needed - now - self.done
        crossing = {id(t): t for op in later for t in op.inputs if t.op in now}
        crossing.update((id(t), t) for t in structure.tensors if t.op in now)
        wanted = [t for t in crossing.values() if id(t) not in self.known]
        targets = [op for op in roots if op in now]
        plan = Plan([*wanted, *targets], given, placer, self.done)
        outputs = plan.run([self.known[id(t)][1] for t in given], store)
        for tensor, value in zip(wanted, outputs):
            self.known[id(tensor)] = (tensor, value)
        self.done |= now
        return [self.known[id(t)][1] for t in structure.tensors]


@contextlib.contextmanager
def _as_default(session: BaseSession) -> Iterator[BaseSession]:
    _defaults.stack.append(session)
    try:
        yield session
    finally:
        _leave(session)


@contextlib.contextmanager
def _with_its_graph(session: BaseSession) -> Iterator[BaseSession]:
    with context.using_graph(session.graph), _as_default(session):
        yield session


def _leave(session: BaseSession) -> None:
    """Takes the innermost entry of a session away, wherever it stands: not all are left in order."""
    stack = _defaults.stack
    for place in reversed(range(len(stack))):
        if stack[place] is session:
            del stack[place]
            return


@export(v1=("Session",))
class Session(BaseSession):
    """Runs parts of a graph and keeps the state of its variables between runs.

    Args:
      target: the execution engine; "" for this process.
      graph: the graph; by default the current default graph.
      config: a `tf.ConfigProto`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    ...     x = tf.compat.v1.placeholder(tf.float32)
    ...     print(session.run(x * 2.0, feed_dict={x: 21.0}))
    42.0
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None):
        super().__init__(target, graph, config)
        self._context: Any = None

    def __enter__(self) -> Session:
        self._context = _with_its_graph(self)
        return self._context.__enter__()

    def __exit__(self, *exc: Any) -> None:
        self._context.__exit__(*exc)
        self.close()

    @staticmethod
    def reset(target: str, containers: Any = None, config: Any = None) -> None:
        """Clears the containers of a cluster's tasks; a local session has its own and needs none.

        Raises:
          errors.UnimplementedError: for a target other than this process.
        """
        if target:
            raise errors.UnimplementedError(None, None, f"Session.reset of {target!r}")


@export(v1=("InteractiveSession",))
class InteractiveSession(BaseSession):
    """A session that is the default one from its construction until `close`."""

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None):
        super().__init__(target, graph, config)
        self._entered = _with_its_graph(self) if graph is not None else None
        if self._entered is not None:
            self._entered.__enter__()
        else:
            _defaults.stack.append(self)

    def close(self) -> None:
        super().close()
        if self._entered is not None:
            self._entered.__exit__(None, None, None)
            self._entered = None
        else:
            _leave(self)


def eval_tensor(tensor: SymbolicTensor, feed_dict: Any, session: Any) -> Any:
    """What `Tensor.eval` does."""
    return _session_for(tensor, session, "eval").run(tensor, feed_dict)


def run_operation(op: Operation, feed_dict: Any, session: Any) -> None:
    """What `Operation.run` does."""
    _session_for(op, session, "run").run(op, feed_dict)


def _session_for(element: Any, session: Any, what: str) -> Any:
    if session is None:
        session = get_default_session()
        if session is None:
            raise ValueError(
                f"{errors.user_site()}: Cannot {what} {element.name}: No default "
                "session is registered. Use `with sess.as_default()` or pass an explicit session to "
                f"`{what}(session=sess)`"
            )
    if session.graph is not element.graph:
        raise ValueError(
            f"{errors.user_site()}: Cannot use the given session to {what} "
            f"{element.name}: the tensor's graph is different from the session's graph."
        )
    return session
