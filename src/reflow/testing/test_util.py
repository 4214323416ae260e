"""Decorators for test cases: `tensorflow.python.framework.test_util`.

A test marked `run_in_graph_and_eager_modes` runs twice; `run_v1_only`, `run_deprecated_v1` and
`run_v2_only` choose by the behaviour that the program has switched on.
"""

from __future__ import annotations

import contextlib
import functools
import unittest
from collections.abc import Callable, Iterator
from typing import Any

from reflow.lang import context
from reflow.lang.graph import Graph
from reflow.testing.devices import gpu_device_name, is_gpu_available
from reflow.testing.protos import assert_equal_graph_def_v1
from reflow.testing.test_case import TestCase, test_src_dir_path

TensorFlowTestCase = TestCase
assert_equal_graph_def = assert_equal_graph_def_v1

__all__ = [
    "TensorFlowTestCase",
    "also_run_as_tf_function",
    "assert_equal_graph_def",
    "deprecated_graph_mode_only",
    "device",
    "disable_xla",
    "force_cpu",
    "force_gpu",
    "gpu_device_name",
    "is_gpu_available",
    "run_all_in_deprecated_graph_mode_only",
    "run_all_in_graph_and_eager_modes",
    "run_cuda_only",
    "run_deprecated_v1",
    "run_gpu_only",
    "run_in_graph_and_eager_modes",
    "run_v1_only",
    "run_v2_only",
    "skip_if",
    "test_src_dir_path",
    "use_gpu",
]


def _v2() -> bool:
    """Whether ops execute eagerly by default."""
    return context._eager_by_default[0]


@contextlib.contextmanager
def _graph_mode() -> Iterator[None]:
    with Graph().as_default():
        yield


def _decorator(decorate: Callable[[Callable], Callable]) -> Callable:
    """Applies to a test, or to all tests of a class."""

    def apply(target: Any) -> Any:
        if not isinstance(target, type):
            return decorate(target)
        for name in dir(target):
            if (
                name.startswith("test")
                and name != "test_session"
                and callable(getattr(target, name))
            ):
                setattr(target, name, decorate(getattr(target, name)))
        return target

    return apply


def run_in_graph_and_eager_modes(
    func: Any = None,
    config: Any = None,
    use_gpu: bool = True,
    assert_no_eager_garbage: bool = False,
) -> Any:
    """Runs a test in a graph and a session, and then, set up anew, eagerly.

    Args:
      func: the test; without it, a decorator.
      config: the session's configuration.
      use_gpu: whether nodes may be placed on a GPU.
      assert_no_eager_garbage: accepted: memory is Python's.
    """

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def both(self: Any, *args: Any, **kwargs: Any) -> None:
            try:
                with _graph_mode(), self.test_session(use_gpu=use_gpu, config=config):
                    test(self, *args, **kwargs)
            except unittest.SkipTest:
                pass
            self.tearDown()
            self._tempdir = None
            with context.using_graph(None):
                self.setUp()
                test(self, *args, **kwargs)

        return both

    if isinstance(func, type):
        raise ValueError(
            "`run_in_graph_and_eager_modes` only supports test methods. Did you mean to use "
            "`run_all_in_graph_and_eager_modes`?"
        )
    return decorate if func is None else decorate(func)


def run_all_in_graph_and_eager_modes(cls: type) -> type:
    """Runs all tests of a class in both modes."""
    return _decorator(run_in_graph_and_eager_modes)(cls)


def deprecated_graph_mode_only(func: Any = None) -> Any:
    """Runs a test, or all tests of a class, in a graph."""

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def in_graph(self: Any, *args: Any, **kwargs: Any) -> Any:
            with _graph_mode():
                return test(self, *args, **kwargs)

        return in_graph

    return _decorator(decorate) if func is None else _decorator(decorate)(func)


run_all_in_deprecated_graph_mode_only = deprecated_graph_mode_only
run_deprecated_v1 = deprecated_graph_mode_only


def run_v1_only(reason: Any = None, func: Any = None) -> Any:
    """Skips a test where ops execute eagerly by default.

    Args:
      reason: why it cannot run there.
      func: the test; without it, a decorator.
    """
    if not isinstance(reason, (str, type(None))):
        reason, func = None, reason
    return _skipped(_v2, f"Test is only compatible with v1{f': {reason}' if reason else ''}", func)


def run_v2_only(func: Any = None, reason: str | None = None) -> Any:
    """Skips a test where graphs are the default."""
    text = f"Test is only compatible with v2{f': {reason}' if reason else ''}"
    return _skipped(lambda: not _v2(), text, func)


def run_gpu_only(func: Any = None) -> Any:
    """Skips a test where there is no GPU."""
    return _skipped(lambda: not is_gpu_available(), "Test requires GPU", func)


def run_cuda_only(func: Any = None) -> Any:
    """Skips a test where there is no GPU of NVIDIA's."""
    return _skipped(lambda: not is_gpu_available(cuda_only=True), "Test requires CUDA", func)


def _skipped(condition: Callable[[], bool], text: str, func: Any) -> Any:
    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def maybe(self: Any, *args: Any, **kwargs: Any) -> Any:
            if condition():
                self.skipTest(text)
            return test(self, *args, **kwargs)

        return maybe

    return _decorator(decorate) if func is None else _decorator(decorate)(func)


def skip_if(condition: Any) -> Callable:
    """Passes over a test if `condition`, or what it returns, is true."""

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def maybe(self: Any, *args: Any, **kwargs: Any) -> Any:
            if condition() if callable(condition) else condition:
                return None
            return test(self, *args, **kwargs)

        return maybe

    return decorate


def disable_xla(description: str) -> Callable:
    """The test as it is: it names tests that TensorFlow's own use of XLA fails."""
    return lambda target: target


def also_run_as_tf_function(func: Callable) -> Callable:
    """Runs a test eagerly, and then inside of a `tf.function`."""

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> None:
        func(*args, **kwargs)
        if context.executing_eagerly():
            from reflow.runtime.function import function

            function(lambda: func(*args, **kwargs), autograph=False)()

    return both


@contextlib.contextmanager
def device(use_gpu: bool) -> Iterator[None]:
    """Places nodes on the GPU if there is one and `use_gpu`, else on the CPU."""
    from reflow.lang.scopes import device as on_device

    name = gpu_device_name() if use_gpu else ""
    with on_device(name or "/device:CPU:0"):
        yield


def use_gpu() -> Any:
    """Places nodes on the GPU if there is one."""
    return device(True)


def force_cpu() -> Any:
    """Places nodes on the CPU."""
    return device(False)


@contextlib.contextmanager
def force_gpu() -> Iterator[None]:
    """Places nodes on the GPU.

    Raises:
      ValueError: if there is none.
    """
    if not gpu_device_name():
        raise ValueError("force_gpu requires GPU device available.")
    with device(True):
        yield
