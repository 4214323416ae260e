"""Sections that one thread or step at a time executes: `tf.CriticalSection`, on a mutex in the store.

https://www.tensorflow.org/api_docs/python/tf/CriticalSection
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from reflow.lang import dtypes, errors, nest
from reflow.lang.context import current_graph, executing_eagerly, init_scope
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.graph import Operation
from reflow.lang.resource import ResourceHandle
from reflow.lang.scopes import add_to_collection, control_dependencies, get_collection, name_scope
from reflow.ops import shape_rules
from reflow.ops.constant import identity
from reflow.ops.control_flow.grouping import group
from reflow.ops.define import op
from reflow.ops.queues.state import Waiter


class Mutex:
    """What a section is locked by."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = False

    def lock(self, wait: Waiter) -> Lock:
        """Waits until nobody holds the mutex, and holds it."""
        with self._changed:
            wait(self._changed, lambda: not self._held, "the CriticalSection to be left")
            self._held = True
        return Lock(self)

    def unlock(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()


class Lock:
    """That a mutex is held: until it is given back, or the run that failed lets go of it."""

    shape = ()

    def __init__(self, mutex: Mutex):
        self._mutex: Mutex | None = mutex

    def give_back(self) -> None:
        mutex, self._mutex = self._mutex, None
        if mutex is not None:
            mutex.unlock()

    __del__ = give_back


@op(
    "MutexV2(*, container: string = '', shared_name: string = '') -> resource: resource",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    handle=True,
)
def mutex_v2(ctx, *, container, shared_name):
    """The handle of a mutex."""
    return ResourceHandle("Mutex", container, shared_name or ctx.op.name, initial=Mutex)


@op(
    "MutexLock(mutex: resource) -> mutex_lock: variant",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    compile=False,
    blocking=True,
    reads=["mutex"],
    writes=["mutex"],
)
def mutex_lock(ctx, mutex):
    """Holds the mutex, as soon as nobody else does."""
    return ctx.store.get(mutex).lock(Waiter(getattr(ctx, "run_options", None)))


@op(
    "ConsumeMutexLock(mutex_lock: variant) -> ",
    shape=shape_rules.none,
    grad=None,
    stateful=True,
    compile=False,
)
def consume_mutex_lock(xp, mutex_lock):
    """Gives a mutex back."""
    mutex_lock.give_back()
    return ()


_EXECUTIONS = "critical_section_executions"


class _Execution(NamedTuple):
    section: CriticalSection
    resources: tuple[Any, ...]
    exclusive: bool


class _Running(threading.local):
    """The sections that this thread is within."""

    def __init__(self) -> None:
        self.sections: list[CriticalSection] = []


_running = _Running()
_serial = itertools.count()


@export("CriticalSection")
class CriticalSection:
    """A section that is executed by one thread, session or step at a time.

    Args:
      name: for its mutex.
      shared_name: sections of the same shared name have one mutex; by default each has its own.
      critical_section_def, import_scope: not supported, as in TensorFlow.

    >>> import reflow as tf
    >>> section = tf.CriticalSection(name="count")
    >>> v = tf.Variable(0)
    >>> @tf.function
    ... def count():
    ...     return section.execute(lambda: v.assign_add(1))
    >>> int(count()), int(count())
    (1, 2)
    """

    def __init__(
        self,
        name: str | None = None,
        shared_name: str | None = None,
        critical_section_def: Any = None,
        import_scope: str | None = None,
    ):
        if critical_section_def is not None or import_scope is not None:
            raise ValueError(
                f"{errors.user_site()}: critical_section_def and import_scope are not "
                "supported: make the section by its name"
            )
        with name_scope(name, "CriticalSection", []) as scope, init_scope():
            own = shared_name or scope.rstrip("/") or "CriticalSection"
            if shared_name is None and current_graph() is None:
                own = f"{own}_{next(_serial)}"
            self._handle = mutex_v2(shared_name=own, name=own.rpartition("/")[2])
        self._name = own

    @property
    def name(self) -> str:
        """The name of its mutex."""
        return self._name

    def execute(
        self, fn: Callable[[], Any], exclusive_resource_access: bool = True, name: str | None = None
    ) -> Any:
        """What `fn()` gives; nobody else is within the section while it runs.

        Args:
          fn: a function without arguments, of tensors, nested structures of them, or None.
          exclusive_resource_access: whether the variables that `fn` uses may be used in no other
            section of the graph.

        Raises:
          ValueError: if `fn` executes the section itself, which would wait for ever; or if it uses
            variables that another section of the graph uses and one of the two wants exclusively.
        """
        with name_scope(name, "critical_section_execute", []), self._enter():
            if executing_eagerly():
                lock = mutex_lock(self._handle)
                try:
                    return nest.map_structure(_as_tensor, fn())
                finally:
                    consume_mutex_lock(lock)
            return self._execute_in_graph(fn, exclusive_resource_access)

    @contextmanager
    def _enter(self) -> Iterator[None]:
        if any(section._name == self._name for section in _running.sections):
            raise self._within_itself()
        _running.sections.append(self)
        try:
            yield
        finally:
            _running.sections.pop()

    def _within_itself(self) -> ValueError:
        return ValueError(
            f"{errors.user_site()}: Attempting to lock a CriticalSection "
            f"({self._name!r}) in which we are already running. This is illegal and may cause deadlocks."
        )

    def _execute_in_graph(self, fn: Callable[[], Any], exclusive: bool) -> Any:
        graph: Any = current_graph()
        lock = mutex_lock(self._handle)
        before = len(graph.get_operations())
        with control_dependencies([lock]):
            result = fn()
        made = graph.get_operations()[before:]
        _wait_for_inputs(lock.op, made)
        resources = [t for each in made for t in each.inputs if t.dtype is dtypes.resource]
        if any(each is lock.op.inputs[0] for each in resources):
            raise self._within_itself()
        self._check_resources(resources, exclusive)
        add_to_collection(_EXECUTIONS, _Execution(self, tuple(resources), exclusive))

        flat = [_as_tensor(each) for each in nest.flatten(result)]
        done = [each for each in flat if each is not None]
        if graph.building_function:  # where side effects happen, whether a result needs them or not
            done.extend(each for each in made if each.opdef.stateful)
        with control_dependencies(done):
            left = consume_mutex_lock(lock)
        with control_dependencies([left]):
            outside = [_as_tensor(each) for each in flat]
        return nest.pack_sequence_as(result, outside)

    def _check_resources(self, resources: Iterable[Any], exclusive: bool) -> None:
        """Refuses variables that another section uses, if one of the two wants them alone."""
        mine = {id(each) for each in resources}
        for other in get_collection(_EXECUTIONS):
            shared = [each for each in other.resources if id(each) in mine]
            if other.section._name == self._name or not shared:
                continue
            if exclusive or other.exclusive:
                raise ValueError(
                    f"{errors.user_site()}: This execution would access resources: "
                    f"{shared}. Either this lock (CriticalSection: {self._name!r}) or lock "
                    f"{other.section._name!r} requested exclusive resource access of this resource. "
                    "Did you mean to call execute with keyword argument exclusive_resource_access=False?"
                )


def _as_tensor(value: Any) -> Any:
    """A result as a tensor of its own, which is there when it has been computed; nodes stay nodes."""
    if value is None:
        return None
    if isinstance(value, Operation):
        return group(value)
    return identity(convert_to_tensor(value))


def _wait_for_inputs(lock: Operation, made: list[Operation]) -> None:
    """Has the lock wait for what the section takes from outside, which must not be made within it."""
    own = {*made, lock, *lock.control_inputs, *(t.op for t in lock.inputs)}
    outside = [t.op for each in made for t in each.inputs] + [
        c for e in made for c in e.control_inputs
    ]
    lock._add_control_inputs(each for each in dict.fromkeys(outside) if each not in own)
