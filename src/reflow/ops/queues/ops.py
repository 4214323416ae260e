"""Ops on queues, which live in the store of the session (or of eager code): see `state.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.lang import dtypes as dt
from reflow.lang import errors
from reflow.lang.resource import ResourceHandle
from reflow.lang.shapes import TensorShape
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.queues import state as queue_state
from reflow.ops.queues.state import Queue, Waiter
from reflow.ops.random.philox import initial_state, split_state, words

# Handles ------------------------------------------------------------------------------------------


class QueueHandle(ResourceHandle):
    """The handle of a queue; `like` says what the node that made it means by it."""

    __slots__ = ("like",)


def _handle(ctx: Any, make: Callable[[str, bool], Queue], container: str, shared: str) -> Any:
    name = ctx.op.name
    first = make(name, False) if shared else None  # only to see what it is
    handle = QueueHandle(
        "Queue", container, shared or name, initial=lambda: make(shared or name, bool(shared))
    )
    handle.like = (
        None if first is None else (first.kind, first.capacity, first.dtypes, first.shapes)
    )
    return handle


_ATTRS = "capacity: int = -1, container: string = '', shared_name: string = ''"
_TYPED = "component_types: list(type), shapes: list(shape) = []"
_HANDLE = {"shape": shape_rules.scalar, "grad": None, "stateful": True, "handle": True}


@op(f"FIFOQueueV2(*, {_TYPED}, {_ATTRS}) -> handle: resource", **_HANDLE)
def fifo_queue_op(ctx, *, component_types, shapes, capacity, container, shared_name):
    """The handle of a queue that gives elements in the order in which they came."""

    def make(name: str, shared: bool) -> Queue:
        return Queue("FIFOQueue", name, shared, capacity, component_types, shapes)

    return _handle(ctx, make, container, shared_name)


@op(f"PaddingFIFOQueueV2(*, {_TYPED}, {_ATTRS}) -> handle: resource", **_HANDLE)
def padding_fifo_queue_op(ctx, *, component_types, shapes, capacity, container, shared_name):
    """The handle of a queue whose batches are padded to the largest element."""
    if len(shapes) != len(component_types) or any(s.rank is None for s in shapes):
        raise ValueError("PaddingFIFOQueue needs a shape of known rank for every component")

    def make(name: str, shared: bool) -> Queue:
        return queue_state.PaddingFIFOQueue(
            "PaddingFIFOQueue", name, shared, capacity, component_types, shapes
        )

    return _handle(ctx, make, container, shared_name)


@op(
    "PriorityQueueV2(*, component_types: list(type) = [], shapes: list(shape),"
    f" {_ATTRS}) -> handle: resource",
    **_HANDLE,
)
def priority_queue_op(ctx, *, component_types, shapes, capacity, container, shared_name):
    """The handle of a queue that gives the element with the smallest priority first."""
    types = (dt.int64, *component_types)
    all_shapes = (TensorShape([]), *shapes)

    def make(name: str, shared: bool) -> Queue:
        return queue_state.PriorityQueue("PriorityQueue", name, shared, capacity, types, all_shapes)

    return _handle(ctx, make, container, shared_name)


@op(
    f"RandomShuffleQueueV2(*, {_TYPED}, capacity: int = -1, min_after_dequeue: int = 0,"
    " seed: int = 0, seed2: int = 0, container: string = '', shared_name: string = '')"
    " -> handle: resource",
    **_HANDLE,
)
def random_shuffle_queue_op(
    ctx,
    *,
    component_types,
    shapes,
    capacity,
    min_after_dequeue,
    seed,
    seed2,
    container,
    shared_name,
):
    """The handle of a queue that gives elements in random order."""
    if min_after_dequeue < 0:
        raise ValueError(f"min_after_dequeue {min_after_dequeue} must be >= 0")
    if 0 <= capacity <= min_after_dequeue:
        raise ValueError(f"min_after_dequeue {min_after_dequeue} must be < capacity {capacity}")

    def make(name: str, shared: bool) -> Queue:
        return queue_state.RandomShuffleQueue(
            "RandomShuffleQueue",
            name,
            shared,
            capacity,
            component_types,
            shapes,
            min_after_dequeue=min_after_dequeue,
            words=_stream(seed, seed2),
        )

    return _handle(ctx, make, container, shared_name)


_BLOCK = 1024  # words that are made at once


def _stream(seed: int, seed2: int) -> Callable[[], int]:
    """The 32-bit words of the Philox generator with these seeds, one by one."""

    def stream() -> Any:
        key, counter = split_state(initial_state(seed, seed2))
        low, high = np.asarray(counter).tolist()
        while True:
            yield from words(np, key, np.array([low, high], np.uint64), _BLOCK).tolist()
            low += _BLOCK // 4

    return stream().__next__


# Putting and taking -------------------------------------------------------------------------------

_WAITS = {
    "grad": None,
    "stateful": True,
    "compile": False,
    "blocking": True,
    "reads": ["handle"],
    "writes": ["handle"],
}
_TYPES = "component_types: list(type), timeout_ms: int = -1"


def _queue(ctx: Any, handle: Any) -> Queue:
    queue = ctx.store.get(handle)
    if queue is None:
        raise errors.NotFoundError(None, None, f"there is no queue {handle!r}")
    like = getattr(handle, "like", None)
    if like is not None:
        queue.check_like(like)
    return queue


def _waiter(ctx: Any, timeout_ms: int = -1) -> Waiter:
    if timeout_ms != -1:
        raise errors.InvalidArgumentError(None, None, "Timeout not supported yet.")
    return Waiter(getattr(ctx, "run_options", None))


def _check_types(queue: Queue, kinds: Sequence[Any], what: str) -> None:
    if tuple(kinds) != queue.dtypes:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Queue '{queue.name}' has component types {[d.name for d in queue.dtypes]}, but {what} "
            f"has {[d.name for d in kinds]}",
        )


@op(
    "QueueEnqueueV2(handle: resource, components: Tcomponents, *, Tcomponents: list(type),"
    " timeout_ms: int = -1) -> ",
    shape=shape_rules.none,
    **_WAITS,
)
def queue_enqueue_op(ctx, handle, components, *, Tcomponents, timeout_ms):
    """Puts an element, when there is room."""
    queue = _queue(ctx, handle)
    _check_types(queue, Tcomponents, "the element")
    element = tuple(np.array(each) for each in components)
    queue.check_element(element)
    queue.enqueue([element], _waiter(ctx, timeout_ms))
    return ()


@op(
    "QueueEnqueueManyV2(handle: resource, components: Tcomponents, *, Tcomponents: list(type),"
    " timeout_ms: int = -1) -> ",
    shape=shape_rules.none,
    **_WAITS,
)
def queue_enqueue_many_op(ctx, handle, components, *, Tcomponents, timeout_ms):
    """Puts the slices along the first dimension as elements, as there is room."""
    queue = _queue(ctx, handle)
    _check_types(queue, Tcomponents, "the batch")
    components = [np.array(each) for each in components]
    count = queue.check_batch(components)
    elements = [tuple(np.asarray(each[i], each.dtype) for each in components) for i in range(count)]
    queue.enqueue(elements, _waiter(ctx, timeout_ms))
    return ()


@op(
    f"QueueDequeueV2(handle: resource, *, {_TYPES}) -> components: component_types",
    **_WAITS,
)
def queue_dequeue_op(ctx, handle, *, component_types, timeout_ms):
    """Takes an element, when there is one."""
    queue = _queue(ctx, handle)
    _check_types(queue, component_types, "dequeue")
    return list(queue.dequeue(1, False, _waiter(ctx, timeout_ms))[0])


def _dequeue_many(ctx: Any, handle: Any, n: Any, kinds: Any, fewer: bool, timeout_ms: int) -> Any:
    queue = _queue(ctx, handle)
    _check_types(queue, kinds, "dequeue")
    count = int(n)
    if count < 0:
        raise errors.InvalidArgumentError(
            None, None, f"{ctx.op.type} requested {count} < 0 elements"
        )
    queue.check_batching()
    return queue.batch(queue.dequeue(count, fewer, _waiter(ctx, timeout_ms)))


@op(
    f"QueueDequeueManyV2(handle: resource, n: int32, *, {_TYPES}) -> components: component_types",
    **_WAITS,
)
def queue_dequeue_many_op(ctx, handle, n, *, component_types, timeout_ms):
    """Takes `n` elements as a batch."""
    return _dequeue_many(ctx, handle, n, component_types, False, timeout_ms)


@op(
    f"QueueDequeueUpToV2(handle: resource, n: int32, *, {_TYPES}) -> components: component_types",
    **_WAITS,
)
def queue_dequeue_up_to_op(ctx, handle, n, *, component_types, timeout_ms):
    """Takes `n` elements as a batch, or what is left of a closed queue."""
    return _dequeue_many(ctx, handle, n, component_types, True, timeout_ms)


@op(
    "QueueCloseV2(handle: resource, *, cancel_pending_enqueues: bool = False) -> ",
    shape=shape_rules.none,
    **_WAITS,
)
def queue_close_op(ctx, handle, *, cancel_pending_enqueues):
    """Says that nothing more will be put."""
    _queue(ctx, handle).close(cancel_pending_enqueues, _waiter(ctx))
    return ()


@op(
    "QueueIsClosedV2(handle: resource) -> is_closed: bool",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    compile=False,
    reads=["handle"],
)
def queue_is_closed_op(ctx, handle):
    """Whether a queue is closed."""
    return np.array(_queue(ctx, handle).closed)


@op(
    "QueueSizeV2(handle: resource) -> size: int32",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    compile=False,
    reads=["handle"],
)
def queue_size_op(ctx, handle):
    """The number of elements in a queue."""
    return np.array(len(_queue(ctx, handle)), np.int32)
