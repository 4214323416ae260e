"""Writing summaries of TF 2 with the default writer: https://www.tensorflow.org/api_docs/python/tf/summary

What TensorBoard shows in which way is said by a summary's metadata: see `plugins.py`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from reflow.lang.context import executing_eagerly
from reflow.lang.export import export
from reflow.lang.graph import Graph
from reflow.lang.scopes import (
    GraphKeys,
    add_to_collection,
    control_dependencies,
    device,
    get_name_scope,
    name_scope,
)
from reflow.lang.tensor import Tensor
from reflow.ops.constant import constant, identity
from reflow.ops.control_flow.cond import smart_cond
from reflow.train.summaries.writer_ops import (
    write_graph_summary_op,
    write_raw_proto_summary_op,
    write_summary_op,
)
from reflow.train.summaries.writers import (
    FileSummaryWriter,
    serialized_graph,
    should_record_summaries,
    state,
)

_NOT_IN_SCOPES = re.compile(r"[^-_/.A-Za-z0-9]")


@export(v2=("summary.experimental.summary_scope",))
@contextlib.contextmanager
def summary_scope(
    name: str | None, default_name: str = "summary", values: Any = None
) -> Iterator[tuple[str, str]]:
    """A name scope for the ops of a summary, and the summary's tag.

    Args:
      name: the name of the summary, which may hold any characters.
      default_name: what to use when there is none.
      values: the tensors that the ops work on.

    Yields:
      The tag, which is the name below the name scopes around it; and the scope.

    >>> import reflow as tf
    >>> with tf.name_scope("layer"), tf.summary.experimental.summary_scope("my loss") as (tag, scope):
    ...     print(tag, scope)
    layer/my loss layer/myloss/
    """
    name = name or default_name
    outer = get_name_scope()
    tag = f"{outer}/{name}" if outer else name
    with name_scope(_NOT_IN_SCOPES.sub("", name) or None, default_name, values) as scope:
        yield tag, scope


@export(v2=("summary.write",))
def write(
    tag: Any, tensor: Any, step: Any = None, metadata: Any = None, name: str | None = None
) -> Tensor:
    """Writes a tensor as a summary, with the default writer: what `tf.summary.scalar` and such build on.

    Args:
      tag: the name that TensorBoard shows; see `tf.summary.experimental.summary_scope`.
      tensor: what is written; or a function that gives it, which is only called if it is.
      step: the step, by default that of `tf.summary.experimental.set_step` or of the writer.
      metadata: a `tf.compat.v1.SummaryMetadata`, serialized or not, which says how to show it.
      name: a name for the op.

    Returns:
      Whether it was written, a boolean scalar.

    Raises:
      ValueError: if there is a default writer, but no step.

    >>> import tempfile
    >>> import reflow as tf
    >>> with tf.summary.create_file_writer(tempfile.mkdtemp()).as_default():
    ...     print(tf.summary.write("numbers", tf.range(3), step=1).numpy())
    True
    """
    with name_scope(name, "write_summary") as scope:
        if state.writer is None:
            return constant(False)
        serialized = b"" if metadata is None else metadata
        if hasattr(serialized, "SerializeToString"):
            serialized = serialized.SerializeToString()

        def record(resource: Tensor, at: Any) -> Any:
            value = tensor() if callable(tensor) else identity(tensor)
            return write_summary_op(resource, at, value, tag, serialized, name=scope or None)

        return _recorded(record, step)


@export(v2=("summary.experimental.write_raw_pb",))
def write_raw_pb(tensor: Any, step: Any = None, name: str | None = None) -> Tensor:
    """Writes serialized `Summary` messages, with the default writer.

    Args:
      tensor: one of them, or several, whose values become one event.
      step: the step, by default that of `tf.summary.experimental.set_step` or of the writer.
      name: a name for the op.

    Returns:
      Whether it was written, a boolean scalar.

    Raises:
      ValueError: if there is a default writer, but no step.
      DataLossError: if it is no such message.

    >>> import tempfile
    >>> import reflow as tf
    >>> summary = tf.compat.v1.Summary()
    >>> value = summary.value.add(tag="loss", simple_value=0.5)
    >>> with tf.summary.create_file_writer(tempfile.mkdtemp()).as_default():
    ...     print(tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=1).numpy())
    True
    """
    with name_scope(name, "write_raw_pb") as scope:
        if state.writer is None:
            return constant(False)

        def record(resource: Tensor, at: Any) -> Any:
            return write_raw_proto_summary_op(resource, at, tensor, name=scope or None)

        return _recorded(record, step)


def _recorded(record: Callable[[Tensor, Any], Any], step: Any) -> Tensor:
    """Calls `record` with the default writer's handle and the step where summaries are recorded."""
    writer: Any = state.writer
    step = state.step if step is None else step

    def recorded() -> Tensor:
        if step is None:
            raise ValueError(
                "No step set. Please specify one either through the `step` argument or through "
                "tf.summary.experimental.set_step()"
            )
        with device("/cpu:0"):
            made = record(writer._resource, step)
            with control_dependencies([] if executing_eagerly() else [made]):
                return constant(True)

    result = smart_cond(
        should_record_summaries(), recorded, lambda: constant(False), name="summary_cond"
    )
    if not executing_eagerly():
        add_to_collection(GraphKeys._SUMMARY_COLLECTION, result)
    return result


@export(v2=("summary.graph",))
def graph(graph_data: Any) -> Tensor:
    """Writes a graph with the default writer, at step 0.

    Args:
      graph_data: a `tf.Graph`, or a `tf.compat.v1.GraphDef`.

    Returns:
      Whether it was written, a boolean scalar.

    Raises:
      ValueError: for anything else, and outside of eager code.

    >>> import tempfile
    >>> import reflow as tf
    >>> double = tf.function(lambda x: x * 2.0).get_concrete_function(tf.constant(1.0))
    >>> with tf.summary.create_file_writer(tempfile.mkdtemp()).as_default():
    ...     print(tf.summary.graph(double.graph).numpy())
    True
    """
    from reflow.formats import protos

    if not executing_eagerly():
        raise ValueError("graph() cannot be invoked inside a graph context.")
    if not isinstance(graph_data, (Graph, protos.GraphDef)):
        raise ValueError(
            "Argument 'graph_data' is not tf.Graph or tf.compat.v1.GraphDef. Received "
            f"graph_data={graph_data} of type {type(graph_data).__name__}."
        )
    writer = state.writer
    if not isinstance(writer, FileSummaryWriter) or not should_record_summaries():
        return constant(False)
    write_graph_summary_op(writer._resource, 0, serialized_graph(graph_data))
    return constant(True)
