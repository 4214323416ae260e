"""Queues: https://www.tensorflow.org/api_docs/python/tf/queue

The ops beneath are in `ops.py`, the queues themselves in `state.py`.
"""

from __future__ import annotations

import hashlib
import itertools
import weakref
from collections.abc import Sequence
from typing import Any

from reflow.lang import dtypes as dt
from reflow.lang import errors, random_seed, shapes
from reflow.lang.context import executing_eagerly, init_scope
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import as_dtype
from reflow.lang.export import export
from reflow.lang.opdef import OpDef
from reflow.lang.scopes import name_scope
from reflow.lang.services import service
from reflow.lang.shapes import UNKNOWN, TensorShape
from reflow.lang.static_value import static_int
from reflow.lang.tensor import SymbolicTensor
from reflow.ops.queues.ops import (
    fifo_queue_op,
    padding_fifo_queue_op,
    priority_queue_op,
    queue_close_op,
    queue_dequeue_many_op,
    queue_dequeue_op,
    queue_dequeue_up_to_op,
    queue_enqueue_many_op,
    queue_enqueue_op,
    queue_is_closed_op,
    queue_size_op,
    random_shuffle_queue_op,
)

_eager_names = itertools.count()


def _types_of(given: Any) -> list[Any]:
    if not isinstance(given, (list, tuple)):
        given = [given]
    return [as_dtype(each).base_dtype for each in given]


def _shapes_of(given: Any, kinds: Sequence[Any], unknown: bool = False) -> list[TensorShape] | None:
    """The shapes as a list with one for each of the types, or None."""
    if given is None:
        return None
    if (
        isinstance(given, TensorShape)
        or not isinstance(given, (list, tuple))
        or all(each is None or isinstance(each, int) for each in given)
    ):
        given = [given]
    result = [shapes.as_shape(each) for each in given]
    if not unknown and not all(each.is_fully_defined() for each in result):
        raise ValueError(f"All shapes must be fully defined: {result}")
    if any(each.rank is None for each in result):
        raise ValueError(f"All shapes must have a known rank: {result}")
    if len(result) != len(kinds):
        raise ValueError(f"Length of shapes ({len(result)}) is not that of dtypes ({len(kinds)})")
    return result


def _names_of(given: Any, kinds: Sequence[Any]) -> list[str] | None:
    if given is None:
        return None
    names = [given] if not isinstance(given, (list, tuple)) else list(given)
    if len(names) != len(kinds):
        raise ValueError("List of names must have the same length as the list of dtypes")
    return names


def _create(opdef: OpDef, shared_name: str | None, name: str, **attrs: Any) -> Any:
    """The handle of a queue; that of eager code goes when nothing holds it any longer."""
    if executing_eagerly():
        own = shared_name or f"{name}_{next(_eager_names)}"
        tensor = opdef(shared_name=own, name=name, **attrs)
        if shared_name is None:
            store, handle = service("eager_store"), tensor._value
            weakref.finalize(tensor, store.delete, handle).atexit = False
        return tensor
    with init_scope():
        return opdef(shared_name=shared_name or "", name=name, **attrs)


@export("queue.QueueBase", v1=("QueueBase", "io.QueueBase"))
class QueueBase:
    """What queues have in common: elements are tuples of tensors, put on one side, taken on the other.

    In a session, an op that puts waits for room and one that takes waits for elements: until the run's
    deadline (`tf.compat.v1.RunOptions(timeout_in_ms=...)`) or the session's end.

    Args:
      dtypes: a list of dtypes, one per component of an element.
      shapes: a list of as many shapes, or None where components may have any.
      names: a list of as many names, or None; with names, elements are dictionaries.
      queue_ref: the handle of the queue, as a tensor.
    """

    def __init__(self, dtypes: Any, shapes: Any, names: Any, queue_ref: Any):
        self._dtypes = _types_of(dtypes)
        if shapes is not None:
            if len(shapes) != len(self._dtypes):
                raise ValueError(
                    "Queue shapes must have the same length as dtypes, received len(shapes)="
                    f"{len(shapes)}, len(dtypes)={len(self._dtypes)}"
                )
            self._shapes = [TensorShape(each) for each in shapes]
        else:
            self._shapes = [UNKNOWN for _ in self._dtypes]
        if names is not None:
            if len(names) != len(self._dtypes):
                raise ValueError(
                    "Queue names must have the same length as dtypes, received len(names)="
                    f"{len(names)}, len(dtypes)={len(self._dtypes)}"
                )
            self._names = list(names)
        else:
            self._names = None
        self._queue_ref = queue_ref
        if isinstance(queue_ref, SymbolicTensor):
            self._name = queue_ref.op.name.rpartition("/")[2]
        else:
            self._name = queue_ref._value.name

    @staticmethod
    def from_list(index: Any, queues: Any) -> QueueBase:
        """The queue `queues[index]`.

        Args:
          index: an integer, or a scalar tensor whose value is known while the graph is built.
          queues: a list of queues with the same dtypes and names.

        Raises:
          TypeError: if `queues` is no list of queues, or their dtypes or names differ.
          UnimplementedError: if the index is only known when the graph runs.
        """
        if not queues or not isinstance(queues, list):
            raise TypeError("A list of queues expected")
        if not all(isinstance(each, QueueBase) for each in queues):
            raise TypeError("A list of queues expected")
        if not all(each.dtypes == queues[0].dtypes for each in queues[1:]):
            raise TypeError("Queues do not have matching component dtypes.")
        if not all(each.names == queues[0].names for each in queues[1:]):
            raise TypeError("Queues do not have matching component names.")
        at = index if isinstance(index, int) else static_int(convert_to_tensor(index))
        if at is None:
            raise errors.UnimplementedError(
                None, None, "QueueBase.from_list with an index that is not known beforehand"
            )
        chosen = queues[at]
        known = None if any(s.rank is None for s in chosen.shapes) else chosen.shapes
        return QueueBase(chosen.dtypes, known, chosen.names, chosen.queue_ref)

    # What it is ----------------------------------------------------------------------------------

    @property
    def queue_ref(self) -> Any:
        """The handle, a scalar tensor of dtype `resource`."""
        return self._queue_ref

    @property
    def name(self) -> str:
        if isinstance(self._queue_ref, SymbolicTensor):
            return self._queue_ref.op.name
        return self._name

    @property
    def dtypes(self) -> list[Any]:
        """The dtypes of the components."""
        return self._dtypes

    @property
    def shapes(self) -> list[TensorShape]:
        """The static shapes of the components."""
        return self._shapes

    @property
    def names(self) -> list[str] | None:
        """The names of the components, or None."""
        return self._names

    # Putting -------------------------------------------------------------------------------------

    def _components(self, vals: Any) -> list[Any]:
        """`vals` as a list of tensors of the queue's dtypes."""
        if isinstance(vals, dict):
            if not self._names:
                raise ValueError("Queue must have names to enqueue a dictionary")
            if sorted(self._names) != sorted(vals):
                raise ValueError(
                    "Keys in dictionary to enqueue do not match names of Queue.  Dictionary: "
                    f"{sorted(vals)}, Queue: {sorted(self._names)}"
                )
            vals = [vals[key] for key in self._names]
        else:
            if self._names:
                raise ValueError("You must enqueue a dictionary in a Queue with names")
            if not isinstance(vals, (list, tuple)):
                vals = [vals]
        if len(vals) != len(self._dtypes):
            raise ValueError(f"{len(vals)} components for a queue of {len(self._dtypes)}")
        return [
            convert_to_tensor(value, dtype, name=f"component_{i}")
            for i, (value, dtype) in enumerate(zip(vals, self._dtypes))
        ]

    def enqueue(self, vals: Any, name: str | None = None) -> Any:
        """Puts one element, when there is room.

        Args:
          vals: a tensor, a list or tuple of tensors, or a dictionary of them for a queue with names.
          name: the name of the node.

        Returns:
          The node that does it.

        Raises:
          ValueError: if number, names or static shapes of the components do not fit.
          CancelledError: when it runs, if the queue is closed.
          InvalidArgumentError: when it runs, if the shapes do not fit.
        """
        with name_scope(name, f"{self._name}_enqueue", None) as scope:
            components = self._components(vals)
            for value, shape in zip(components, self._shapes):
                value.shape.assert_is_compatible_with(shape)
            return queue_enqueue_op(self._queue_ref, components, name=scope or None)

    def enqueue_many(self, vals: Any, name: str | None = None) -> Any:
        """Puts the slices along the first dimension as elements, as there is room.

        Args:
          vals: as for `enqueue`, with a first dimension of one size for all components.
          name: the name of the node.

        Returns:
          The node that does it.

        Raises:
          ValueError: if number, names or static shapes of the components do not fit.
          CancelledError: when it runs, if the queue is closed.
          InvalidArgumentError: when it runs, if the shapes do not fit.
        """
        with name_scope(name, f"{self._name}_EnqueueMany", None) as scope:
            components = self._components(vals)
            batch = shapes.of((None,))
            for value, shape in zip(components, self._shapes):
                batch = value.shape.with_rank_at_least(1)[:1].merge_with(batch)
                value.shape[1:].assert_is_compatible_with(shape)
            return queue_enqueue_many_op(self._queue_ref, components, name=scope or None)

    # Taking --------------------------------------------------------------------------------------

    def _returned(self, components: Any) -> Any:
        if self._names:
            return dict(zip(self._names, components))
        return components[0] if len(components) == 1 else list(components)

    def dequeue(self, name: str | None = None) -> Any:
        """Takes one element, when there is one.

        Args:
          name: the name of the node.

        Returns:
          A tensor, a list of tensors, or a dictionary of them for a queue with names.

        Raises:
          OutOfRangeError: when it runs, if the queue is closed and empty.
          CancelledError: when it runs, if the session is closed.
        """
        components = queue_dequeue_op(
            self._queue_ref, component_types=self._dtypes, name=name or f"{self._name}_Dequeue"
        )
        return self._returned(self._with_shapes(components, ()))

    def _with_shapes(self, components: Any, batch: tuple[int | None, ...]) -> Any:
        if not executing_eagerly():
            for tensor, shape in zip(components, self._shapes):
                if shape.rank is not None:
                    tensor.set_shape(shapes.of((*batch, *shape.as_list())))
        return components

    def dequeue_many(self, n: Any, name: str | None = None) -> Any:
        """Takes `n` elements, when there are so many, as a batch with a new first dimension.

        Args:
          n: a scalar int32.
          name: the name of the node.

        Returns:
          As `dequeue`, the tensors with a first dimension of size `n`.

        Raises:
          OutOfRangeError: when it runs, if the queue is closed and has fewer.
          InvalidArgumentError: when it runs, if the queue was made without shapes.
        """
        n = convert_to_tensor(n, dt.int32, name="n")
        components = queue_dequeue_many_op(
            self._queue_ref,
            n,
            component_types=self._dtypes,
            name=name or f"{self._name}_DequeueMany",
        )
        count = None if executing_eagerly() else static_int(n)
        return self._returned(self._with_shapes(components, (count,)))

    def dequeue_up_to(self, n: Any, name: str | None = None) -> Any:
        """Takes `n` elements as a batch, or the fewer that are left of a closed queue.

        Args:
          n: a scalar int32.
          name: the name of the node.

        Returns:
          As `dequeue_many`, with a first dimension of at most `n`.

        Raises:
          OutOfRangeError: when it runs, if the queue is closed and empty.
          InvalidArgumentError: when it runs, if the queue was made without shapes.
        """
        components = queue_dequeue_up_to_op(
            self._queue_ref,
            n,
            component_types=self._dtypes,
            name=name or f"{self._name}_DequeueUpTo",
        )
        return self._returned(self._with_shapes(components, (None,)))

    # Its end -------------------------------------------------------------------------------------

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> Any:
        """Says that nothing more will be put; what is in the queue can still be taken.

        Args:
          cancel_pending_enqueues: whether those that wait for room fail; else they are waited for.
          name: the name of the node.

        Returns:
          The node that does it.
        """
        return queue_close_op(
            self._queue_ref,
            cancel_pending_enqueues=cancel_pending_enqueues,
            name=name or f"{self._name}_Close",
        )

    def is_closed(self, name: str | None = None) -> Any:
        """A bool scalar: whether the queue is closed."""
        return queue_is_closed_op(self._queue_ref, name=name or f"{self._name}_Is_Closed")

    def size(self, name: str | None = None) -> Any:
        """An int32 scalar: the number of elements in the queue."""
        return queue_size_op(self._queue_ref, name=name or f"{self._name}_Size")


@export("queue.FIFOQueue", v1=("FIFOQueue",))
class FIFOQueue(QueueBase):
    """A queue that gives elements in the order in which they came.

    Args:
      capacity: how many elements there is room for; below 0 for any number.
      dtypes: a list of dtypes, one per component of an element.
      shapes: a list of as many fully known shapes; needed to dequeue batches.
      names: a list of as many names; elements are dictionaries then.
      shared_name: the name by which several nodes and sessions of one program share it.
      name: the name of the node.

    >>> import reflow as tf
    >>> queue = tf.queue.FIFOQueue(10, [tf.int32], [[]])
    >>> queue.enqueue_many([[1, 2, 3]])
    >>> print(queue.dequeue().numpy(), queue.dequeue_many(2).numpy())
    1 [2 3]
    """

    def __init__(
        self,
        capacity: int,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "fifo_queue",
    ):
        kinds = _types_of(dtypes)
        known = _shapes_of(shapes, kinds)
        ref = _create(
            fifo_queue_op,
            shared_name,
            name,
            component_types=kinds,
            shapes=known or [],
            capacity=capacity,
        )
        super().__init__(kinds, known, _names_of(names, kinds), ref)


@export("queue.PaddingFIFOQueue", v1=("PaddingFIFOQueue", "io.PaddingFIFOQueue"))
class PaddingFIFOQueue(QueueBase):
    """A first-in-first-out queue of elements that differ in size; batches are padded with zeros.

    Args:
      capacity: how many elements there is room for; below 0 for any number.
      dtypes: a list of dtypes, one per component of an element.
      shapes: a list of as many shapes, with None for the sizes that vary.
      names: a list of as many names; elements are dictionaries then.
      shared_name: the name by which several nodes and sessions of one program share it.
      name: the name of the node.

    Raises:
      ValueError: if a shape has an unknown rank, or they are not as many as the dtypes.

    >>> import reflow as tf
    >>> queue = tf.queue.PaddingFIFOQueue(10, [tf.int32], [[None]])
    >>> queue.enqueue([[1]])
    >>> queue.enqueue([[2, 3]])
    >>> print(queue.dequeue_many(2).numpy())
    [[1 0]
     [2 3]]
    """

    def __init__(
        self,
        capacity: int,
        dtypes: Any,
        shapes: Any,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "padding_fifo_queue",
    ):
        kinds = _types_of(dtypes)
        known = _shapes_of(shapes, kinds, unknown=True)
        if known is None:
            raise ValueError("PaddingFIFOQueue needs shapes")
        ref = _create(
            padding_fifo_queue_op,
            shared_name,
            name,
            component_types=kinds,
            shapes=known,
            capacity=capacity,
        )
        super().__init__(kinds, known, _names_of(names, kinds), ref)


@export("queue.RandomShuffleQueue", v1=("RandomShuffleQueue", "io.RandomShuffleQueue"))
class RandomShuffleQueue(QueueBase):
    """A queue that gives elements in random order.

    Args:
      capacity: how many elements there is room for; below 0 for any number.
      min_after_dequeue: how many elements stay behind, so that there is something to choose from,
        until the queue is closed.
      dtypes: a list of dtypes, one per component of an element.
      shapes: a list of as many fully known shapes; needed to dequeue batches.
      names: a list of as many names; elements are dictionaries then.
      seed: an integer: the same seed, the same order.
      shared_name: the name by which several nodes and sessions of one program share it.
      name: the name of the node.

    >>> import reflow as tf
    >>> queue = tf.queue.RandomShuffleQueue(10, 0, [tf.int32], [[]], seed=1)
    >>> queue.enqueue_many([[1, 2, 3]])
    >>> sorted(queue.dequeue_many(3).numpy().tolist())
    [1, 2, 3]
    """

    def __init__(
        self,
        capacity: int,
        min_after_dequeue: int,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        seed: int | None = None,
        shared_name: str | None = None,
        name: str = "random_shuffle_queue",
    ):
        kinds = _types_of(dtypes)
        known = _shapes_of(shapes, kinds)
        seed1, seed2 = random_seed.get_seed(seed)
        if seed1 is None and seed2 is None:
            seed1, seed2 = 0, 0
        elif seed is None and shared_name is not None:
            # The same for all nodes of that name, in whichever order they are made.
            digest = hashlib.md5(f"{seed1}{shared_name}".encode()).hexdigest()
            seed2 = int(digest[:8], 16) & 0x7FFFFFFF
        ref = _create(
            random_shuffle_queue_op,
            shared_name,
            name,
            component_types=kinds,
            shapes=known or [],
            capacity=capacity,
            min_after_dequeue=min_after_dequeue,
            seed=seed1,
            seed2=seed2,
        )
        super().__init__(kinds, known, _names_of(names, kinds), ref)


@export("queue.PriorityQueue", v1=("PriorityQueue", "io.PriorityQueue"))
class PriorityQueue(QueueBase):
    """A queue that gives the element with the smallest priority first.

    Elements have one component more than `types` says: the first, an int64 scalar, is the priority.

    Args:
      capacity: how many elements there is room for; below 0 for any number.
      types: a list of dtypes, one per further component of an element.
      shapes: a list of as many fully known shapes.
      names: a list of as many names; elements are dictionaries then.
      shared_name: the name by which several nodes and sessions of one program share it.
      name: the name of the node.

    >>> import reflow as tf
    >>> queue = tf.queue.PriorityQueue(10, [tf.string], [[]])
    >>> queue.enqueue_many([[3, 1], ["later", "soon"]])
    >>> queue.dequeue()[1].numpy()
    b'soon'
    """

    def __init__(
        self,
        capacity: int,
        types: Any,
        shapes: Any = None,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "priority_queue",
    ):
        kinds = _types_of(types)
        known = _shapes_of(shapes, kinds)
        ref = _create(
            priority_queue_op,
            shared_name,
            name,
            component_types=kinds,
            shapes=known or [],
            capacity=capacity,
        )
        # The shape of the priority is known; that of the others only where it was given.
        all_shapes = [TensorShape([]), *(known or [UNKNOWN for _ in kinds])]
        super().__init__([dt.int64, *kinds], all_shapes, _names_of(names, [dt.int64, *kinds]), ref)
