"""`tf.profiler.experimental`: profiles of what XLA runs, by JAX's profiler, for TensorBoard.

https://www.tensorflow.org/guide/profiler
"""

from __future__ import annotations

import tempfile
import threading
from typing import Any, NamedTuple

from reflow.lang import errors
from reflow.lang.export import export
from reflow.platform import file_io
from reflow.platform.file_io import path_of


@export(v2=("profiler.experimental.ProfilerOptions",))
class ProfilerOptions(NamedTuple):
    """How much a profile holds.

    Args:
      host_tracer_level: 0 for nothing of the host; 1, 2 or 3 for what is important, or ever more.
      python_tracer_level: 1 to see the calls of Python functions. On Python 3.11 the process may die.
      device_tracer_level: 1; JAX's profiler knows no other.
      delay_ms: None; profiles begin at once.
    """

    host_tracer_level: int = 2
    python_tracer_level: int = 0
    device_tracer_level: int = 1
    delay_ms: int | None = None


class _Session(NamedTuple):
    """The profile that is being made: where it is to go, and where JAX writes it first."""

    logdir: str
    scratch: tempfile.TemporaryDirectory[str]


_lock = threading.Lock()
_running: list[_Session] = []


@export(v2=("profiler.experimental.start",))
def start(logdir: Any, options: ProfilerOptions | None = None) -> None:
    """Begins a profile of this process.

    Args:
      logdir: the directory that `stop` writes to.
      options: how much the profile holds.

    Raises:
      AlreadyExistsError: if one is being made.
      UnimplementedError: for an option that is not supported.

    >>> import tempfile
    >>> import reflow as tf
    >>> tf.profiler.experimental.start(tempfile.mkdtemp())
    >>> tf.profiler.experimental.stop()
    """
    options = options or ProfilerOptions()
    for name, only in (("device_tracer_level", 1), ("delay_ms", None)):
        if getattr(options, name) != only:
            raise errors.UnimplementedError(
                None, None, f"A profile with ProfilerOptions.{name} other than {only}"
            )
    with _lock:
        if _running:
            raise errors.AlreadyExistsError(None, None, "Another profiler is running.")
        from reflow.compiler.jax_setup import jax

        given = jax.profiler.ProfileOptions()
        given.host_tracer_level = options.host_tracer_level
        given.python_tracer_level = options.python_tracer_level
        session = _Session(path_of(logdir), tempfile.TemporaryDirectory(prefix="reflow-profile-"))
        try:
            jax.profiler.start_trace(session.scratch.name, profiler_options=given)
        except RuntimeError as error:  # the program itself is using JAX's profiler
            session.scratch.cleanup()
            raise errors.AlreadyExistsError(None, None, str(error)) from None
        _running.append(session)


@export(v2=("profiler.experimental.stop",))
def stop(save: bool = True) -> None:
    """Ends the profile that `start` began.

    Args:
      save: whether to write it to the directory, below `plugins/profile`.

    Raises:
      UnavailableError: if none is being made.

    >>> import reflow as tf
    >>> tf.profiler.experimental.start("/no/such/folder")
    >>> tf.profiler.experimental.stop(save=False)
    """
    with _lock:
        if not _running:
            raise errors.UnavailableError(
                None, None, "Cannot export profiling results. No profiler is running."
            )
        from reflow.compiler.jax_setup import jax

        session = _running.pop()
        with session.scratch as folder:
            jax.profiler.stop_trace()
            if save:
                _copy(folder, session.logdir)


def _copy(source: str, target: str) -> None:
    """Copies the files of a directory and of those below it."""
    for folder, _, names in file_io.walk_v2(source):
        to = file_io.join(target, folder.removeprefix(source).lstrip("/"))
        for name in names:
            file_io.recursive_create_dir_v2(to)
            file_io.copy_v2(file_io.join(folder, name), file_io.join(to, name))


@export(v2=("profiler.experimental.Profile",))
class Profile:
    """A context that is profiled: `start` and `stop`.

    Args:
      logdir: the directory that the profile is written to.
      options: how much it holds.

    >>> import tempfile
    >>> import reflow as tf
    >>> with tf.profiler.experimental.Profile(tempfile.mkdtemp()):
    ...     total = tf.reduce_sum(tf.range(10))
    """

    def __init__(self, logdir: Any, options: ProfilerOptions | None = None):
        self._logdir = logdir
        self._options = options

    def __enter__(self) -> None:
        start(self._logdir, self._options)

    def __exit__(self, *exc: Any) -> None:
        stop()


@export(v2=("profiler.experimental.Trace",))
class Trace:
    """A context that has a name in the profile that is being made, if any is.

    Args:
      name: the name.
      **kwargs: what the profile shows beside it; `step_num=` makes it a training step.

    >>> import reflow as tf
    >>> with tf.profiler.experimental.Trace("train", step_num=1) as trace:
    ...     trace.set_metadata(loss=0.5)
    """

    def __init__(self, name: str, **kwargs: Any):
        self._annotation: Any = None
        if _running:
            from reflow.compiler.jax_setup import jax

            kinds = jax.profiler
            kind = kinds.StepTraceAnnotation if "step_num" in kwargs else kinds.TraceAnnotation
            self._annotation = kind(name, **kwargs)

    def __enter__(self) -> Trace:
        if self._annotation is not None:
            self._annotation.__enter__()
        return self

    def set_metadata(self, **kwargs: Any) -> None:
        """Adds to what the profile shows beside the name."""
        if self._annotation is not None:
            self._annotation.set_metadata(**kwargs)

    def __exit__(self, *exc: Any) -> None:
        if self._annotation is not None:
            self._annotation.__exit__(*exc)
