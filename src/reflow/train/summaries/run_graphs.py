"""What functions run, as summaries: `tf.summary.trace_on`, and what TensorBoard's graph tab shows of it."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from reflow.formats import protos
from reflow.lang.context import executing_eagerly, inside_function
from reflow.lang.dtypes import string
from reflow.lang.export import export
from reflow.ops.constant import constant
from reflow.platform import tf_logging as logging
from reflow.runtime.profiler import start as start_profile
from reflow.runtime.profiler import stop as stop_profile
from reflow.runtime.watch import Watch, watching
from reflow.train.summaries.writing import summary_scope, write


class _Traced(NamedTuple):
    graph: bool
    profiler: bool


_current: list[_Traced] = []
_lock = threading.Lock()


@export(v2=("summary.trace_on",))
def trace_on(graph: bool = True, profiler: bool = False, profiler_outdir: Any = None) -> None:
    """Begins to collect the graphs of the functions that run, in all threads, until `trace_off`.

    Args:
      graph: whether to collect graphs.
      profiler: whether to note when their nodes run, too, and to make a profile.
      profiler_outdir: the directory of the profile; without it none is made.

    >>> import tempfile
    >>> import reflow as tf
    >>> double = tf.function(lambda x: x * 2.0)
    >>> with tf.summary.create_file_writer(tempfile.mkdtemp()).as_default():
    ...     tf.summary.trace_on()
    ...     four = double(tf.constant(2.0))
    ...     tf.summary.trace_export("double", step=1)
    """
    if inside_function():
        logging.warning("Cannot enable trace inside a tf.function.")
        return
    if not executing_eagerly():
        logging.warning("Must enable trace in eager mode.")
        return
    with _lock:
        if _current:
            logging.warning("Trace already enabled")
            return
        if graph or profiler:
            watching.append(Watch(times=profiler))
        if profiler and profiler_outdir is None:
            logging.warning("No `profiler_outdir` passed to trace_on(). Profiler won't be enabled.")
        profiled = profiler and profiler_outdir is not None
        if profiled:
            start_profile(profiler_outdir)
        _current.append(_Traced(graph, profiled))


@export(v2=("summary.trace_off",))
def trace_off() -> None:
    """Ends what `trace_on` began, and forgets what was collected.

    >>> import reflow as tf
    >>> tf.summary.trace_on()
    >>> tf.summary.trace_off()
    """
    with _lock:
        watching.clear()
        held = _current.pop() if _current else None
    if held is not None and held.profiler:
        stop_profile()


@export(v2=("summary.trace_export",))
def trace_export(name: str, step: Any = None, profiler_outdir: Any = None) -> None:
    """Writes what `trace_on` has collected with the default writer, and ends it.

    Args:
      name: the name of the summary.
      step: the step, by default that of `tf.summary.experimental.set_step` or of the writer.
      profiler_outdir: of no use any more: `trace_on` is told.

    Raises:
      ValueError: if nothing is being collected; if there is a default writer, but no step.
    """
    if inside_function():
        logging.warning("Cannot export trace inside a tf.function.")
        return
    if not executing_eagerly():
        logging.warning("Can only export trace while executing eagerly.")
        return
    if profiler_outdir is not None:
        logging.warning(
            "Ignoring `profiler_outdir` passed to trace_export(). Please pass it to trace_on() "
            "instead."
        )
    with _lock:
        if not _current:
            raise ValueError("Must enable trace before export through tf.summary.trace_on.")
        held, watches = _current[0], list(watching)
    data = protos.RunMetadata()
    for watch in watches:
        watch.fill(data)
    kind = "graph_run_metadata" if held.profiler else "graph_run_metadata_graph"
    metadata = protos.SummaryMetadata()
    metadata.plugin_data.plugin_name = kind
    metadata.plugin_data.content = b"1"  # the version of the form
    with summary_scope(name, f"{kind}_summary", [step]) as (tag, _):
        write(tag, constant(data.SerializeToString(), string), step, metadata)
    trace_off()
