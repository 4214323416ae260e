"""Event files, which TensorBoard shows: TFRecord files of `Event` messages.

https://www.tensorflow.org/tensorboard
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

from reflow.formats import protos
from reflow.formats.tfrecord import TFRecordWriter, read_records
from reflow.lang.export import export
from reflow.platform import file_io
from reflow.platform.file_io import path_of

VERSION = "brain.Event:2"
_WRITER = "tensorflow.core.util.events_writer"
_numbers = itertools.count()


class EventsWriter:
    """Writes events to a new file of a directory, which is made if there is none.

    Args:
      logdir: the directory.
      max_queue: how many events may wait for the file system.
      flush_millis: for how long they may wait, in milliseconds.
      suffix: the end of the file's name.

    Raises:
      OpError: of the class that says why the file cannot be written.

    >>> import tempfile
    >>> from reflow.formats import protos
    >>> writer = EventsWriter(tempfile.mkdtemp())
    >>> writer.add(protos.Event(step=3))
    >>> writer.close()
    >>> [event.step for event in summary_iterator(writer.path)]
    [0, 3]
    """

    def __init__(
        self, logdir: Any, max_queue: int = 10, flush_millis: int = 120_000, suffix: str = ""
    ):
        folder = path_of(logdir)
        if not file_io.is_directory_v2(folder):
            file_io.recursive_create_dir_v2(folder)
        now = int(time.time())
        place = f"{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self.path = file_io.join(folder, f"events.out.tfevents.{now:010d}.{place}{suffix}")
        self._max_queue = max_queue
        self._flush_seconds = flush_millis / 1000
        self._lock = threading.Lock()
        self._records = TFRecordWriter(self.path)
        # Programs that never close it find their events in the file nevertheless.
        weakref.finalize(self, self._records.close)
        first = protos.Event(wall_time=now, file_version=VERSION)
        first.source_metadata.writer = _WRITER
        self._records.write(first.SerializeToString())
        self._flush()

    def add(self, event: Any) -> None:
        """Writes an `Event`; one without a time gets the present one.

        Raises:
          FailedPreconditionError: after `close`.
        """
        if not event.wall_time:
            event.wall_time = time.time()
        with self._lock:
            self._records.write(event.SerializeToString())
            self._waiting += 1
            late = time.monotonic() - self._flushed > self._flush_seconds
            if self._waiting > self._max_queue or late:
                self._flush()

    def _flush(self) -> None:
        self._records.flush()
        self._waiting = 0
        self._flushed = time.monotonic()

    def flush(self) -> None:
        """Hands the events to the file system.

        Raises:
          FailedPreconditionError: after `close`.
        """
        with self._lock:
            self._flush()

    def close(self) -> None:
        """Writes what is left, and closes the file."""
        with self._lock:
            self._records.close()


@export(v1=("train.summary_iterator",))
def summary_iterator(path: Any) -> Iterator[Any]:
    """The events of an event file, in order.

    Args:
      path: the path of the file.

    Raises:
      OpError: of the class that says why the file cannot be read.
      DataLossError: from the iterator, at a record that is damaged.

    >>> import glob, tempfile
    >>> import reflow as tf
    >>> folder = tempfile.mkdtemp()
    >>> with tf.summary.create_file_writer(folder).as_default():
    ...     written = tf.summary.scalar("loss", 0.5, step=7)
    >>> (path,) = glob.glob(folder + "/*")
    >>> [(e.step, e.summary.value[0].tag) for e in tf.compat.v1.train.summary_iterator(path) if e.step]
    [(7, 'loss')]
    """
    return (protos.Event.FromString(record) for record in read_records(path))
