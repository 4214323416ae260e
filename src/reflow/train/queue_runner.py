"""Threads that fill queues: https://www.tensorflow.org/api_docs/python/tf/compat/v1/train/QueueRunner"""

from __future__ import annotations

import threading
import weakref
from typing import Any

from reflow.lang import errors
from reflow.lang.context import executing_eagerly, get_default_graph
from reflow.lang.export import export
from reflow.lang.scopes import GraphKeys, add_to_collection, get_collection
from reflow.ops.queues.classes import QueueBase
from reflow.platform import tf_logging as logging
from reflow.train.coordinator import Coordinator


@export(v1=("train.QueueRunner", "train.queue_runner.QueueRunner"))
class QueueRunner:
    """Runs the enqueue ops of a queue, each in a thread of its own, until they say that it is enough.

    A thread ends when its op raises one of `queue_closed_exception_types`; the last one that does
    closes the queue. When a coordinator asks to stop, the queue is closed and what waits is cancelled.

    Args:
      queue: the queue.
      enqueue_ops: a list of nodes; one thread for each, so the same node may stand there repeatedly.
      close_op: closes the queue; by default `queue.close()`.
      cancel_op: closes it and cancels what waits; by default
        `queue.close(cancel_pending_enqueues=True)`.
      queue_closed_exception_types: a tuple of error classes; by default
        `(tf.errors.OutOfRangeError,)`.
      queue_runner_def: a `QueueRunnerDef` message to be made from, in place of all these.
      import_scope: the name scope into which the graph of the message was imported.

    Raises:
      RuntimeError: when executing eagerly.
      ValueError: if both a message and a queue are given, or neither, or no enqueue ops.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    ...     queue = tf.queue.FIFOQueue(2, [tf.int32], [[]])
    ...     runner = tf.compat.v1.train.QueueRunner(queue, [queue.enqueue(7)])
    ...     coord = tf.train.Coordinator()
    ...     threads = runner.create_threads(session, coord, daemon=True, start=True)
    ...     print(session.run(queue.dequeue()))
    ...     coord.request_stop()
    ...     coord.join(threads)
    7
    """

    def __init__(
        self,
        queue: Any = None,
        enqueue_ops: Any = None,
        close_op: Any = None,
        cancel_op: Any = None,
        queue_closed_exception_types: Any = None,
        queue_runner_def: Any = None,
        import_scope: str | None = None,
    ):
        if executing_eagerly():
            raise RuntimeError(
                "QueueRunners are not supported when eager execution is enabled. Instead, please use "
                "tf.data to get data into your model."
            )
        if queue_runner_def is not None:
            if queue is not None or enqueue_ops:
                raise ValueError("queue_runner_def and queue are mutually exclusive.")
            self._init_from_proto(queue_runner_def, import_scope)
        else:
            self._init_from_args(
                queue, enqueue_ops, close_op, cancel_op, queue_closed_exception_types
            )
        self._lock = threading.Lock()
        self._runs_per_session: Any = weakref.WeakKeyDictionary()
        self._exceptions_raised: list[Exception] = []

    def _init_from_args(
        self, queue: Any, enqueue_ops: Any, close_op: Any, cancel_op: Any, ends: Any
    ) -> None:
        if queue is None or not enqueue_ops:
            raise ValueError("Must provide queue and enqueue_ops.")
        self._queue = queue
        self._enqueue_ops = list(enqueue_ops)
        self._close_op = queue.close() if close_op is None else close_op
        if cancel_op is None:
            cancel_op = queue.close(cancel_pending_enqueues=True)
        self._cancel_op = cancel_op
        if ends is None:
            ends = (errors.OutOfRangeError,)
        elif (
            not isinstance(ends, tuple)
            or not ends
            or not all(isinstance(e, type) and issubclass(e, errors.OpError) for e in ends)
        ):
            raise TypeError(
                "queue_closed_exception_types, when provided, must be a tuple of tf.error types, but "
                f"saw: {ends}"
            )
        if not any(issubclass(errors.OutOfRangeError, each) for each in ends):
            ends = (*ends, errors.OutOfRangeError)
        self._ends = ends

    def _init_from_proto(self, message: Any, import_scope: str | None) -> None:
        graph = get_default_graph()
        prefix = f"{import_scope}/" if import_scope else ""

        def element(name: str) -> Any:
            return graph.as_graph_element(prefix + name)

        found = element(message.queue_name)
        ref = found.outputs[0] if hasattr(found, "outputs") else found
        source = ref.op.attrs
        kinds = list(source.get("component_types", ()))
        self._queue = QueueBase(kinds, list(source.get("shapes", ())) or None, None, ref)
        self._enqueue_ops = [element(name) for name in message.enqueue_op_name]
        self._close_op = element(message.close_op_name)
        self._cancel_op = element(message.cancel_op_name)
        codes = [*message.queue_closed_exception_types] or [errors.OUT_OF_RANGE]
        self._ends = tuple(errors.exception_type_from_error_code(code) for code in codes)

    # What it is ----------------------------------------------------------------------------------

    @property
    def queue(self) -> Any:
        return self._queue

    @property
    def enqueue_ops(self) -> list[Any]:
        return self._enqueue_ops

    @property
    def close_op(self) -> Any:
        return self._close_op

    @property
    def cancel_op(self) -> Any:
        return self._cancel_op

    @property
    def queue_closed_exception_types(self) -> tuple[type, ...]:
        return self._ends

    @property
    def exceptions_raised(self) -> list[Exception]:
        """What the threads raised, where there was no coordinator to report it to."""
        return self._exceptions_raised

    @property
    def name(self) -> str:
        """The name of the queue."""
        return self._queue.name

    # The threads ---------------------------------------------------------------------------------

    def create_threads(
        self, sess: Any, coord: Coordinator | None = None, daemon: bool = False, start: bool = False
    ) -> list[threading.Thread]:
        """A thread for each enqueue op, and with a coordinator one that closes the queue at the end.

        Args:
          sess: the session to run in.
          coord: the coordinator, which hears of exceptions and by which the threads stop.
          daemon: whether the program may end while they run.
          start: whether they are started; otherwise `thread.start()` does.

        Returns:
          The threads; none if those for this session still run.
        """
        with self._lock:
            if self._runs_per_session.get(sess, 0) > 0:
                return []
            self._runs_per_session[sess] = len(self._enqueue_ops)
            self._exceptions_raised = []
        threads = [
            threading.Thread(
                target=self._run,
                args=(sess, each, coord),
                name=f"QueueRunnerThread-{self.name}-{each.name}",
            )
            for each in self._enqueue_ops
        ]
        if coord is not None:
            threads.append(
                threading.Thread(
                    target=self._close_on_stop,
                    args=(sess, coord),
                    name=f"QueueRunnerThread-{self.name}-close_on_stop",
                )
            )
        for thread in threads:
            if coord is not None:
                coord.register_thread(thread)
            thread.daemon = daemon
            if start:
                thread.start()
        return threads

    def _run(self, sess: Any, enqueue_op: Any, coord: Coordinator | None) -> None:
        last = False
        try:
            enqueue = sess.make_callable(enqueue_op)
            while coord is None or not coord.should_stop():
                try:
                    enqueue()
                except self._ends:
                    last = self._one_less(sess)
                    break
            else:
                self._one_less(sess)
        except Exception as error:
            self._one_less(sess)
            if coord is not None:
                coord.request_stop(error)
                return
            logging.error("Exception in QueueRunner: %s", str(error))
            with self._lock:
                self._exceptions_raised.append(error)
            raise
        if last:
            self._close(sess, self._close_op)

    def _one_less(self, sess: Any) -> bool:
        """Notes that a thread has ended; whether it was the last one."""
        with self._lock:
            self._runs_per_session[sess] -= 1
            return self._runs_per_session[sess] == 0

    def _close_on_stop(self, sess: Any, coord: Coordinator) -> None:
        coord.wait_for_stop()
        self._close(sess, self._cancel_op)

    def _close(self, sess: Any, close_op: Any) -> None:
        try:
            sess.run(close_op)
        except Exception as error:  # the queue or the session is closed already
            logging.vlog(1, "Ignored exception: %s", str(error))

    # As a message --------------------------------------------------------------------------------

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The `QueueRunnerDef` message; None for a queue outside of the scope `export_scope`."""
        from reflow.formats.protos import QueueRunnerDef

        if export_scope is not None and not self.queue.name.startswith(export_scope):
            return None

        def stripped(name: str) -> str:
            return name if export_scope is None else name.removeprefix(f"{export_scope}/")

        message = QueueRunnerDef()
        message.queue_name = stripped(self.queue.name)
        message.enqueue_op_name.extend(stripped(each.name) for each in self._enqueue_ops)
        message.close_op_name = stripped(self._close_op.name)
        message.cancel_op_name = stripped(self._cancel_op.name)
        message.queue_closed_exception_types.extend(
            errors.error_code_from_exception_type(each) for each in self._ends
        )
        return message

    @staticmethod
    def from_proto(queue_runner_def: Any, import_scope: str | None = None) -> QueueRunner:
        """The `QueueRunner` that a `QueueRunnerDef` message describes."""
        return QueueRunner(queue_runner_def=queue_runner_def, import_scope=import_scope)


@export(v1=("train.add_queue_runner", "train.queue_runner.add_queue_runner"))
def add_queue_runner(qr: QueueRunner, collection: str = GraphKeys.QUEUE_RUNNERS) -> None:
    """Adds a `QueueRunner` to a collection of the graph, so that `start_queue_runners` starts it.

    Args:
      qr: the queue runner.
      collection: the name of the collection.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as graph:
    ...     queue = tf.queue.FIFOQueue(2, [tf.int32], [[]])
    ...     runner = tf.compat.v1.train.QueueRunner(queue, [queue.enqueue(7)])
    ...     tf.compat.v1.train.add_queue_runner(runner)
    >>> len(graph.get_collection("queue_runners"))
    1
    """
    add_to_collection(collection, qr)


@export(v1=("train.start_queue_runners", "train.queue_runner.start_queue_runners"))
def start_queue_runners(
    sess: Any = None,
    coord: Coordinator | None = None,
    daemon: bool = True,
    start: bool = True,
    collection: str = GraphKeys.QUEUE_RUNNERS,
) -> list[threading.Thread]:
    """Starts the threads of all queue runners of the graph.

    Args:
      sess: the session; by default the default session.
      coord: a coordinator for the threads.
      daemon: whether the program may end while they run.
      start: whether they are started, or only made.
      collection: the collection of queue runners.

    Returns:
      The threads.

    Raises:
      ValueError: if there is no session.
      TypeError: if `sess` is none.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.compat.v1.Session():
    ...     print(tf.compat.v1.train.start_queue_runners())
    []
    """
    from reflow.runtime.session import BaseSession, get_default_session

    if sess is None:
        sess = get_default_session()
        if sess is None:
            raise ValueError(
                "Cannot start queue runners: No default session is registered. Use `with "
                "sess.as_default()` or pass an explicit session to tf.start_queue_runners(sess=sess)"
            )
    if not isinstance(sess, BaseSession):
        if type(sess).__name__ in ("MonitoredSession", "SingularMonitoredSession"):
            return []  # they start them themselves
        raise TypeError(f"sess must be a `tf.Session` object. Given class: {type(sess)}")
    with sess.graph.as_default():
        threads = []
        for runner in get_collection(collection):
            threads += runner.create_threads(sess, coord=coord, daemon=daemon, start=start)
    return threads
