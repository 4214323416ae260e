"""The ops of summary writers. The state behind a writer's handle is an `EventsWriter`."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.formats import protos
from reflow.formats.events import EventsWriter
from reflow.formats.tensor_codec import shape_to_proto
from reflow.lang import errors
from reflow.lang.dtypes import DType, string
from reflow.lang.resource import ResourceHandle
from reflow.lang.shapes import SCALAR
from reflow.ops import shape_rules
from reflow.ops.define import op

_WRITES: dict[str, Any] = {
    "shape": shape_rules.none,
    "grad": None,
    "stateful": True,
    "compile": False,
    "writes": ["writer"],
}


@op(
    "SummaryWriter(*, shared_name: string = '', container: string = '') -> writer: resource",
    shape=shape_rules.scalar,
    grad=None,
    stateful=True,
    handle=True,
)
def summary_writer_op(ctx, *, shared_name, container):
    """The handle of a summary writer, which CreateSummaryFileWriter opens."""
    return ResourceHandle("SummaryWriter", container, shared_name or ctx.op.name, shape=SCALAR)


def _writer(ctx: Any, handle: ResourceHandle) -> EventsWriter:
    found = ctx.store.get(handle)
    if found is None:
        raise errors.NotFoundError(
            None,
            None,
            f"The summary writer {handle.name} is closed, or was not initialized: run its init().",
        )
    return found


def _text(value: Any, name: str) -> bytes:
    if np.size(value) != 1:
        raise errors.InvalidArgumentError(
            None, None, f"{name} must be a scalar, got shape {list(np.shape(value))}"
        )
    return np.asarray(value, object).item()


def _event(step: Any) -> Any:
    if np.size(step) != 1:
        raise errors.InvalidArgumentError(
            None, None, f"step must be a scalar, got shape {list(np.shape(step))}"
        )
    return protos.Event(step=np.asarray(step).item())


def _parsed(kind: Any, data: bytes, fail: Any, text: str) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return kind.FromString(data)
    except DecodeError:
        raise fail(None, None, text) from None


@op(
    "CreateSummaryFileWriter(writer: resource, logdir: string, max_queue: int32,"
    " flush_millis: int32, filename_suffix: string) -> ",
    **_WRITES,
)
def create_summary_file_writer_op(ctx, writer, logdir, max_queue, flush_millis, filename_suffix):
    """Opens a new event file, unless the writer has one."""
    folder = _text(logdir, "logdir")
    queue, millis = int(max_queue), int(flush_millis)
    suffix = _text(filename_suffix, "filename_suffix").decode()
    ctx.store.get_or_create(writer, lambda: EventsWriter(folder, queue, millis, suffix))
    return ()


@op("FlushSummaryWriter(writer: resource) -> ", **_WRITES)
def flush_summary_writer_op(ctx, writer):
    """Hands the events to the file system."""
    _writer(ctx, writer).flush()
    return ()


@op("CloseSummaryWriter(writer: resource) -> ", **_WRITES)
def close_summary_writer_op(ctx, writer):
    """Writes what is left and closes the file; a writer that has none is left alone."""
    held = ctx.store.get(writer)
    if held is not None:
        ctx.store.delete(writer)
        held.close()
    return ()


@op(
    "WriteSummary(writer: resource, step: int64, tensor: T, tag: string, summary_metadata: string,"
    " *, T: type) -> ",
    **_WRITES,
)
def write_summary_op(ctx, writer, step, tensor, tag, summary_metadata, *, T):
    """Writes an event with a tensor."""
    event = _event(step)
    value = event.summary.value.add(tag=_text(tag, "tag"))
    metadata = _text(summary_metadata, "summary_metadata")
    if metadata:
        text = "summary_metadata is no serialized SummaryMetadata"
        value.metadata.CopyFrom(
            _parsed(protos.SummaryMetadata, metadata, errors.InvalidArgumentError, text)
        )
    _fill_tensor(value.tensor, np.asarray(tensor), T)
    _writer(ctx, writer).add(event)
    return ()


def _fill_tensor(proto: Any, array: np.ndarray, dtype: DType) -> None:
    """An array as TensorFlow's kernels write it: numbers as they lie in memory, whatever their count."""
    proto.dtype = dtype.as_datatype_enum
    proto.tensor_shape.CopyFrom(shape_to_proto(array.shape))
    if dtype is string:
        proto.string_val.extend(array.ravel().tolist())
    else:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()


@op("WriteRawProtoSummary(writer: resource, step: int64, tensor: string) -> ", **_WRITES)
def write_raw_proto_summary_op(ctx, writer, step, tensor):
    """Writes an event with what several serialized `Summary` messages hold together."""
    event = _event(step)
    for i, each in enumerate(np.ravel(np.asarray(tensor, object)).tolist()):
        text = f"Bad tf.compat.v1.Summary binary proto tensor string at index {i}"
        event.summary.MergeFrom(_parsed(protos.Summary, each, errors.DataLossError, text))
    _writer(ctx, writer).add(event)
    return ()


@op("WriteGraphSummary(writer: resource, step: int64, tensor: string) -> ", **_WRITES)
def write_graph_summary_op(ctx, writer, step, tensor):
    """Writes an event with a serialized `GraphDef`."""
    event = _event(step)
    event.graph_def = _text(tensor, "tensor")
    _parsed(protos.GraphDef, event.graph_def, errors.DataLossError, "Bad tf.GraphDef binary proto")
    _writer(ctx, writer).add(event)
    return ()


@op("ImportEvent(writer: resource, event: string) -> ", **_WRITES)
def import_event_op(ctx, writer, event):
    """Writes a serialized `Event`."""
    data = _text(event, "event")
    parsed = _parsed(protos.Event, data, errors.DataLossError, "Bad tf.Event binary proto")
    _writer(ctx, writer).add(parsed)
    return ()
