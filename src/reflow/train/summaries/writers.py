"""Summary writers, and which one is the default of a thread: https://www.tensorflow.org/api_docs/python/tf/summary

The default writer, whether summaries are recorded, and the step are a thread's own.
"""

from __future__ import annotations

import abc
import contextlib
import itertools
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from reflow.lang import dtypes
from reflow.lang.context import executing_eagerly, init_scope, inside_function
from reflow.lang.convert import convert_to_tensor
from reflow.lang.export import export
from reflow.lang.scopes import (
    GraphKeys,
    add_to_collection,
    control_dependencies,
    device,
    get_collection,
    name_scope,
)
from reflow.lang.services import service
from reflow.lang.tensor import SymbolicTensor, Tensor
from reflow.ops.compare import logical_and
from reflow.ops.constant import constant, no_op
from reflow.train.summaries.writer_ops import (
    close_summary_writer_op,
    create_summary_file_writer_op,
    flush_summary_writer_op,
    summary_writer_op,
    write_graph_summary_op,
)

# The collection of the ops that open the writers of a graph.
_WRITERS = "_SUMMARY_WRITER_V2"
_QUEUE = 10
_FLUSH_MILLIS = 120_000
_names = itertools.count()


class _State(threading.local):
    """What `tf.summary` does in this thread."""

    def __init__(self) -> None:
        self.writer: SummaryWriter | None = None
        self.recording: Any = None  # a condition, or None where nobody has said
        self.step: Any = None


state = _State()


# Writers ------------------------------------------------------------------------------------------


@export(v2=("summary.SummaryWriter",))
class SummaryWriter(metaclass=abc.ABCMeta):
    """What writers of summaries have in common: see `tf.summary.create_file_writer`."""

    def set_as_default(self, step: Any = None) -> None:
        """Makes this the thread's default writer, from now on.

        Args:
          step: the step of what is written; None leaves it as it is.
        """
        self.as_default(step).__enter__()

    def as_default(self, step: Any = None) -> contextlib.AbstractContextManager[Any]:
        """A context in which this is the thread's default writer; it flushes at the end.

        Args:
          step: the step of what is written within; None leaves it as it is.
        """
        return _AsDefault(self, step)

    @abc.abstractmethod
    def init(self) -> Any:
        """Opens the writer: in eager code it is open already, in a graph this is an op to be run."""

    @abc.abstractmethod
    def flush(self) -> Any:
        """Hands what was written to the file system."""

    @abc.abstractmethod
    def close(self) -> Any:
        """Flushes, and closes the writer."""


class _AsDefault:
    """Makes a writer the default of the thread for a while."""

    def __init__(self, writer: SummaryWriter, step: Any):
        self._writer = writer
        self._step = step
        self._outer: list[tuple[Any, Any]] = []

    def __enter__(self) -> SummaryWriter:
        self._outer.append((state.writer, state.step))
        state.writer = self._writer
        if self._step is not None:
            state.step = self._step
        return self._writer

    def __exit__(self, *exc: Any) -> None:
        self._writer.flush()
        writer, step = self._outer.pop()
        state.writer = writer
        if self._step is not None:
            state.step = step


class FileSummaryWriter(SummaryWriter):
    """A writer whose state is a resource: of the program in eager code, of the session in a graph.

    Args:
      create: makes the tensor with the handle.
      init: makes the op that opens the file behind a handle.
    """

    def __init__(self, create: Callable[[], Tensor], init: Callable[[Tensor], Any]):
        self._closed = False
        self._resource = create()
        self._init_op = init(self._resource)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"SummaryWriter {self!r} is already closed")

    def as_default(self, step: Any = None) -> contextlib.AbstractContextManager[Any]:
        self._check_open()
        return super().as_default(step)

    def init(self) -> Any:
        self._check_open()
        return self._init_op

    def flush(self, name: str | None = None) -> Any:
        if self._closed:
            return None
        with device("/cpu:0"):
            return _op(flush_summary_writer_op(self._resource, name=name))

    def close(self) -> Any:
        if self._closed:
            return None
        try:
            with device("/cpu:0"), control_dependencies([self.flush()]):
                return _op(close_summary_writer_op(self._resource))
        finally:
            self._closed = executing_eagerly()


def _op(made: Any) -> Any:
    return None if executing_eagerly() else made


class NoopSummaryWriter(SummaryWriter):
    """A writer that writes nothing, and leaves the default writer as it is."""

    def set_as_default(self, step: Any = None) -> None:
        return None

    def as_default(self, step: Any = None) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext(self)

    def init(self) -> None:
        return None

    def flush(self) -> None:
        return None

    def close(self) -> None:
        return None


@export(v2=("summary.create_noop_writer",))
def create_noop_writer() -> SummaryWriter:
    """A writer that writes nothing, and never becomes the default: for code that expects a writer.

    >>> import reflow as tf
    >>> with tf.summary.create_noop_writer().as_default():
    ...     print(tf.summary.scalar("loss", 0.5, step=1).numpy())
    False
    """
    return NoopSummaryWriter()


@export(v2=("summary.create_file_writer",))
def create_file_writer(
    logdir: Any,
    max_queue: Any = None,
    flush_millis: Any = None,
    filename_suffix: Any = None,
    name: str | None = None,
    experimental_trackable: bool = False,
    experimental_mesh: Any = None,
) -> SummaryWriter:
    """A writer of an event file, which TensorBoard shows.

    Args:
      logdir: the directory of the file; it is made if there is none.
      max_queue: how many events may wait for the file system: 10 by default.
      flush_millis: for how many milliseconds they may wait: two minutes by default.
      filename_suffix: the end of the file's name: `.v2` by default.
      name: the name of the op.
      experimental_trackable: not supported: a writer holds nothing that a checkpoint could store.
      experimental_mesh: not supported: there are no meshes.

    Returns:
      A `tf.summary.SummaryWriter`. In eager code its file is there at once; in a graph it is there
      when `init()` has run.

    Raises:
      ValueError: without a directory; inside of a function, for arguments that are its tensors.
      NotImplementedError: for an argument that is not supported.

    >>> import glob, tempfile
    >>> import reflow as tf
    >>> folder = tempfile.mkdtemp()
    >>> with tf.summary.create_file_writer(folder).as_default():
    ...     print(tf.summary.scalar("loss", 0.5, step=1).numpy())
    True
    >>> len(glob.glob(folder + "/events.out.tfevents.*"))
    1
    """
    for argument, given in [
        ("experimental_trackable", experimental_trackable),
        ("experimental_mesh", experimental_mesh is not None),
    ]:
        if given:
            raise NotImplementedError(f"create_file_writer: {argument} is not supported by Reflow.")
    if logdir is None:
        raise ValueError("Argument `logdir` cannot be None")
    given = {
        "logdir": logdir,
        "max_queue": _QUEUE if max_queue is None else max_queue,
        "flush_millis": _FLUSH_MILLIS if flush_millis is None else flush_millis,
        "filename_suffix": ".v2" if filename_suffix is None else filename_suffix,
    }
    if inside_function():
        _check_from_outside(given)
    with init_scope(), device("/cpu:0"), name_scope(name, "create_file_writer"):
        logdir = convert_to_tensor(_path(logdir), dtypes.string)
        numbers = [
            convert_to_tensor(given[each], dtypes.int32) for each in ("max_queue", "flush_millis")
        ]
        suffix = convert_to_tensor(given["filename_suffix"], dtypes.string)
        writer = FileSummaryWriter(
            _create, lambda handle: _init(handle, logdir, *numbers, suffix, name=name)
        )
        if not executing_eagerly():
            add_to_collection(_WRITERS, writer._init_op)
    return writer


def _path(logdir: Any) -> Any:
    return logdir.__fspath__() if hasattr(logdir, "__fspath__") else logdir


def _check_from_outside(arguments: dict[str, Any]) -> None:
    for name, value in arguments.items():
        if isinstance(value, SymbolicTensor):
            raise ValueError(
                f"create_file_writer(): the argument `{name}` is a tensor of the function that is "
                "being traced. The writer is made outside of it, where the tensor has no value."
            )


def _create() -> Tensor:
    """The handle of a new writer; in eager code its file is closed when nothing holds it any longer."""
    if not executing_eagerly():
        return summary_writer_op()
    tensor = summary_writer_op(shared_name=f"writer_{next(_names)}")
    store, handle = service("eager_store"), tensor._value
    weakref.finalize(tensor, store.delete, handle).atexit = False
    return tensor


def _init(handle: Tensor, *arguments: Tensor, name: str | None) -> Any:
    return _op(create_summary_file_writer_op(handle, *arguments, name=name))


@export(v2=("summary.flush",))
def flush(writer: Any = None, name: str | None = None) -> Any:
    """Hands what a writer has written to the file system.

    Args:
      writer: a `tf.summary.SummaryWriter`; by default the default writer.
      name: a name for the op.

    Returns:
      The op, in a graph.

    Raises:
      ValueError: for anything else.

    >>> import tempfile
    >>> import reflow as tf
    >>> tf.summary.flush(tf.summary.create_file_writer(tempfile.mkdtemp()))
    """
    writer = state.writer if writer is None else writer
    if isinstance(writer, FileSummaryWriter):
        return writer.flush(name)
    if isinstance(writer, SummaryWriter):
        return writer.flush()
    if writer is not None:
        raise ValueError(f"Invalid argument to flush(): {writer!r}")
    return None if executing_eagerly() else no_op(name=name)


# Whether, and at which step -----------------------------------------------------------------------


@export(v2=("summary.record_if",))
@contextlib.contextmanager
def record_if(condition: Any) -> Iterator[None]:
    """Says within which summaries are recorded, in this thread.

    Args:
      condition: a bool, a boolean tensor, or a function that gives one each time.

    >>> import tempfile
    >>> import reflow as tf
    >>> with tf.summary.create_file_writer(tempfile.mkdtemp()).as_default():
    ...     for step in range(3):
    ...         with tf.summary.record_if(step % 2 == 0):
    ...             print(tf.summary.scalar("loss", 0.5, step=step).numpy())
    True
    False
    True
    """
    outer = state.recording
    state.recording = condition
    try:
        yield
    finally:
        state.recording = outer


@export(v2=("summary.should_record_summaries",))
def should_record_summaries() -> Tensor:
    """Whether summaries are recorded: a boolean scalar.

    They are where there is a default writer, unless `tf.summary.record_if` says otherwise.

    >>> import reflow as tf
    >>> print(tf.summary.should_record_summaries().numpy())
    False
    """
    if state.writer is None:
        return constant(False)
    condition = state.recording() if callable(state.recording) else state.recording
    return logical_and(True, True if condition is None else condition)


@export(v2=("summary.experimental.get_step",))
def get_step() -> Any:
    """The step of summaries of this thread: what `set_step` or a writer's `as_default` said, or None.

    >>> import reflow as tf
    >>> tf.summary.experimental.set_step(3)
    >>> tf.summary.experimental.get_step()
    3
    >>> tf.summary.experimental.set_step(None)
    """
    return state.step


@export(v2=("summary.experimental.set_step",))
def set_step(step: Any) -> None:
    """Sets the step of summaries of this thread.

    Args:
      step: an integer, or what can be made a tensor of int64, such as a variable: its value is looked
        at whenever a summary is written, also in functions. None for no step.

    >>> import reflow as tf
    >>> tf.summary.experimental.set_step(None)
    """
    state.step = step


# Graphs of TF 1 -----------------------------------------------------------------------------------


@export(v1=("summary.all_v2_summary_ops",))
def all_v2_summary_ops() -> list[Any] | None:
    """What the `tf.summary` functions of TF 2 made in the default graph, to be run; None in eager code.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.compat.v1.summary.all_v2_summary_ops()
    []
    """
    return None if executing_eagerly() else get_collection(GraphKeys._SUMMARY_COLLECTION)


@export(v1=("summary.initialize",))
def initialize(graph: Any = None, session: Any = None) -> None:
    """Opens the writers of TF 2's `tf.summary` that the default graph has; nothing in eager code.

    Args:
      graph: a `tf.Graph` or `tf.compat.v1.GraphDef` to write with the default writer.
      session: the session; by default the default one.

    Raises:
      RuntimeError: if there is no default writer.
      ValueError: if there is no session.

    >>> import tempfile
    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    ...     writer = tf.summary.create_file_writer(tempfile.mkdtemp())
    ...     with writer.as_default(step=1):
    ...         written = tf.summary.scalar("loss", 0.5)
    ...         tf.compat.v1.summary.initialize(session=session)
    ...         print(session.run(written))
    True
    """
    if executing_eagerly():
        return
    if state.writer is None:
        raise RuntimeError("No default tf.contrib.summary.SummaryWriter found")
    if session is None:
        from reflow.runtime.session import get_default_session

        session = get_default_session()
        if session is None:
            raise ValueError("Argument `session must be passed if no default session exists")
    session.run(get_collection(_WRITERS))
    if graph is not None:
        data = serialized_graph(graph)
        session.run(write_graph_summary_op(state.writer._resource, 0, data))


def serialized_graph(graph: Any) -> bytes:
    """The serialized `GraphDef` of a graph, or of a `GraphDef`."""
    from reflow.lang.graph import Graph

    proto = graph.as_graph_def(add_shapes=True) if isinstance(graph, Graph) else graph
    return proto.SerializeToString()
