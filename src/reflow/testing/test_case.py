"""`tf.test.TestCase`: https://www.tensorflow.org/api_docs/python/tf/test/TestCase"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import sys
import tempfile
import threading
import unittest
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from absl.testing import absltest

from reflow.lang import context, nest
from reflow.lang.export import export, export_value
from reflow.lang.random_seed import DEFAULT_GRAPH_SEED, set_random_seed
from reflow.runtime.session import BaseSession, Session, get_default_session
from reflow.testing.assertions import ArrayAssertions

export_value("unittest.mock", "", "test.mock")

_temp_dir: list[str] = []


@export(v1=("test.get_temp_dir",))
def get_temp_dir() -> str:
    """A directory for the files of this process's tests; it goes away at the end of the process."""
    if not _temp_dir:
        program = os.path.basename(getattr(sys.modules["__main__"], "__file__", None) or "test")
        _temp_dir.append(tempfile.mkdtemp(prefix=f"{program}."))
        atexit.register(shutil.rmtree, _temp_dir[0], ignore_errors=True)
    return _temp_dir[0]


@export(v1=("test.test_src_dir_path",))
def test_src_dir_path(relative_path: str) -> str:
    """`relative_path` below the directory that `TEST_SRCDIR` says, or the one of the test."""
    base = os.environ.get("TEST_SRCDIR")
    if base is None:
        base = os.path.dirname(os.path.abspath(sys.argv[0]))
    return os.path.join(base, relative_path)


test_src_dir_path.__test__ = False  # type: ignore[attr-defined]  # a helper, no test for pytest


class EagerSession:
    """What `TestCase.session` gives when executing eagerly: `run` evaluates tensors."""

    def __init__(self, test_case: TestCase):
        self._test_case = test_case

    def run(self, fetches: Any, *args: Any, **kwargs: Any) -> Any:
        """The values of `fetches`.

        Raises:
          ValueError: if values are fed: a tensor has its value already.
        """
        if kwargs.pop("feed_dict", None) or (args and args[0]):
            raise ValueError("Cannot feed values when executing eagerly: tensors have theirs.")
        return self._test_case.evaluate(fetches)


class CapturedWrites:
    """What `captureWritesToStream` gives: `contents()` is what was written so far."""

    def __init__(self, path: str):
        self._path = path

    def contents(self) -> str:
        with open(self._path, encoding="utf-8", errors="replace") as file:
            return file.read()


class CheckedThread:
    """A thread whose failure fails the test: see `TestCase.checkedThread`."""

    def __init__(self, test_case: TestCase, target: Callable, args: Any, kwargs: Any):
        self._test_case = test_case
        self._error: BaseException | None = None
        self._joined = False

        def run() -> None:
            try:
                target(*(args or ()), **(kwargs or {}))
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=run)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def join(self) -> None:
        """Waits for the end of the thread; fails the test if it raised an error."""
        self._joined = True
        self._thread.join()
        if self._error is not None:
            self._test_case.fail(f"Error in checkedThread: {self._error!r}")

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def check_termination(self) -> None:
        if not self._joined:
            raise AssertionError("A checked thread was not joined")


@export("test.TestCase")
class TestCase(ArrayAssertions, absltest.TestCase):
    """A test case with sessions, and with assertions about tensors and arrays.

    Every test begins with an empty default graph and the same seeds.

    >>> import reflow as tf
    >>> class SquareTest(tf.test.TestCase):
    ...     def test_square(self):
    ...         self.assertAllClose(tf.square([2.0, 3.0]), [4.0, 9.0])
    """

    def __init__(self, methodName: str = "runTest"):  # noqa: N803 (unittest's name)
        super().__init__(methodName)
        self._threads: list[CheckedThread] = []
        self._tempdir: str | None = None
        self._cached: tuple[Any, Any, bool, Session] | None = None

    def setUp(self) -> None:  # noqa: N802 (unittest's name)
        super().setUp()
        self._clear_cached_session()
        random.seed(DEFAULT_GRAPH_SEED)
        np.random.seed(DEFAULT_GRAPH_SEED)
        context.renew_default_graphs()
        set_random_seed(DEFAULT_GRAPH_SEED)

    def tearDown(self) -> None:  # noqa: N802
        for thread in self._threads:
            thread.check_termination()
        self._threads = []
        self._clear_cached_session()
        super().tearDown()

    def _clear_cached_session(self) -> None:
        if self._cached is not None:
            self._cached[-1].close()
            self._cached = None

    def get_temp_dir(self) -> str:
        """A directory of this test's own, the same within one test."""
        if self._tempdir is None:
            self._tempdir = tempfile.mkdtemp(dir=get_temp_dir())
        return self._tempdir

    # Sessions ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def session(
        self,
        graph: Any = None,
        config: Any = None,
        use_gpu: bool = True,
        force_gpu: bool = False,
    ) -> Iterator[Any]:
        """A context with a new session that is the default one, of `graph` or the default graph.

        Args:
          graph: the session's graph.
          config: a `tf.ConfigProto`.
          use_gpu: whether nodes may be placed on a GPU if there is one.
          force_gpu: place nodes on the GPU.
        """
        if context.executing_eagerly():
            yield EagerSession(self)
            return
        session = self._new_session(graph, config, force_gpu)
        with session, _devices(session, use_gpu, force_gpu):
            yield session

    @contextlib.contextmanager
    def cached_session(
        self,
        graph: Any = None,
        config: Any = None,
        use_gpu: bool = True,
        force_gpu: bool = False,
    ) -> Iterator[Any]:
        """Like `session`; within one test always the same session, which stays open.

        Raises:
          ValueError: if it was made with other arguments.
        """
        if context.executing_eagerly():
            yield EagerSession(self)
            return
        session = self._cached_session(graph, config, force_gpu, strict=True)
        with (
            session.graph.as_default(),
            session.as_default(),
            _devices(session, use_gpu, force_gpu),
        ):
            yield session

    def test_session(
        self,
        graph: Any = None,
        config: Any = None,
        use_gpu: bool = True,
        force_gpu: bool = False,
    ) -> Any:
        """Deprecated: a `session` where a graph is given, otherwise a `cached_session`."""
        if self.id().endswith(".test_session"):  # collected by its name
            self.skipTest("Not a test.")
        if graph is not None or context.executing_eagerly():
            return self.session(graph, config, use_gpu, force_gpu)
        return self._test_session(config, use_gpu, force_gpu)

    @contextlib.contextmanager
    def _test_session(self, config: Any, use_gpu: bool, force_gpu: bool) -> Iterator[Any]:
        session = self._cached_session(None, config, force_gpu, strict=False)
        with (
            session.graph.as_default(),
            session.as_default(),
            _devices(session, use_gpu, force_gpu),
        ):
            yield session

    def _new_session(self, graph: Any, config: Any, force_gpu: bool) -> Session:
        from reflow.formats import protos

        made = protos.ConfigProto()
        if config is None:
            made.allow_soft_placement = not force_gpu
        else:
            made.CopyFrom(config)
            if force_gpu:
                made.allow_soft_placement = False
        return Session(graph=graph, config=made)

    def _cached_session(self, graph: Any, config: Any, force_gpu: bool, strict: bool) -> Session:
        if graph is None:
            graph = context.get_default_graph()
        if self._cached is None:
            session = self._new_session(graph, config, force_gpu)
            self._cached = (graph, config, force_gpu, session)
            return session
        for now, before, what in zip(
            (graph, config, force_gpu), self._cached, ("graph", "config", "force_gpu value")
        ):
            same = now is before or (what != "graph" and now == before)
            if not same and (strict or what == "graph"):
                if not strict:
                    self._clear_cached_session()
                    return self._cached_session(graph, config, force_gpu, strict)
                raise ValueError(
                    f"The {what} used to get the cached session is different than the one that was "
                    "used to create the session. Maybe create a new session with self.session()"
                )
        return self._cached[-1]

    # Values --------------------------------------------------------------------------------------

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors: run in the default session, or read when executing eagerly.

        Args:
          tensors: a tensor, variable, node, or a structure of them.

        Returns:
          NumPy arrays in the same structure.
        """
        if context.executing_eagerly():
            return nest.map_structure(self._eager_value, tensors)
        session = get_default_session()
        flat = nest.flatten(tensors)
        if session is None:
            with self.test_session() as own:
                values = own.run(flat)
        else:
            values = session.run(flat)
        return nest.pack_sequence_as(tensors, values)

    def _eager_value(self, tensor: Any) -> Any:
        if tensor is None:
            return None
        if hasattr(tensor, "numpy"):
            return tensor.numpy()
        if nest.is_composite(tensor):
            parts = nest.flatten(tensor, expand_composites=True)
            numbers = [self._eager_value(part) for part in parts]
            return nest.pack_sequence_as(tensor, numbers, expand_composites=True)
        if callable(tensor):
            return nest.map_structure(self._eager_value, tensor())
        raise ValueError(f"Unsupported type {type(tensor)}: {tensor!r:.100} has no value")

    # Threads and streams -------------------------------------------------------------------------

    def checkedThread(  # noqa: N802 (TensorFlow's name)
        self, target: Callable[..., Any], args: Any = None, kwargs: Any = None
    ) -> CheckedThread:
        """A thread, to be started and joined, whose error fails the test.

        Args:
          target: what it runs.
          args, kwargs: the arguments.
        """
        thread = CheckedThread(self, target, args, kwargs)
        self._threads.append(thread)
        return thread

    @contextlib.contextmanager
    def captureWritesToStream(self, stream: Any) -> Iterator[CapturedWrites]:  # noqa: N802
        """Within it, what is written to `stream` (`sys.stderr`), by whatever language, is kept.

        Args:
          stream: a file with a file descriptor.
        """
        descriptor = stream.fileno()
        handle, path = tempfile.mkstemp(dir=self.get_temp_dir())
        stream.flush()
        saved = os.dup(descriptor)
        os.dup2(handle, descriptor)
        os.close(handle)
        try:
            yield CapturedWrites(path)
        finally:
            stream.flush()
            os.dup2(saved, descriptor)
            os.close(saved)

    # Names that unittest has dropped -------------------------------------------------------------

    assertEquals = unittest.TestCase.assertEqual  # noqa: N815
    assertNotEquals = unittest.TestCase.assertNotEqual  # noqa: N815
    assertAlmostEquals = unittest.TestCase.assertAlmostEqual  # noqa: N815
    assertNotAlmostEquals = unittest.TestCase.assertNotAlmostEqual  # noqa: N815
    assertItemsEqual = unittest.TestCase.assertCountEqual  # noqa: N815
    assertRaisesRegexp = unittest.TestCase.assertRaisesRegex  # noqa: N815
    assertRegexpMatches = unittest.TestCase.assertRegex  # noqa: N815
    assertNotRegexpMatches = unittest.TestCase.assertNotRegex  # noqa: N815
    assert_ = unittest.TestCase.assertTrue
    failUnless = unittest.TestCase.assertTrue  # noqa: N815
    failIf = unittest.TestCase.assertFalse  # noqa: N815
    failUnlessEqual = unittest.TestCase.assertEqual  # noqa: N815
    failIfEqual = unittest.TestCase.assertNotEqual  # noqa: N815
    failUnlessRaises = unittest.TestCase.assertRaises  # noqa: N815


@contextlib.contextmanager
def _devices(session: BaseSession, use_gpu: bool, force_gpu: bool) -> Iterator[None]:
    if force_gpu:
        with session.graph.device("/device:GPU:0"):
            yield
    elif not use_gpu:
        with session.graph.device("/device:CPU:0"):
            yield
    else:
        yield


@export("test.main")
def main(argv: Any = None) -> None:
    """Runs the tests of the module `__main__`, or the benchmarks that `--benchmarks=` names.

    Args:
      argv: the command line; by default `sys.argv`.

    Raises:
      SystemExit: with the result.
    """
    from reflow.testing import benchmark

    arguments = sys.argv if argv is None else argv
    chosen = benchmark.chosen(arguments)
    if chosen is not None:
        benchmark.run_benchmarks(chosen)
        return
    absltest.main(argv=argv)
