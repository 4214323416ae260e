"""What tests ask about the machine: `tf.test.is_gpu_available` and its kind."""

from __future__ import annotations

import functools
import platform
import sys
import unittest
from collections.abc import Callable
from typing import Any

from reflow.compiler.targets import accelerators, device_names
from reflow.lang.export import export
from reflow.platform import sysconfig


@export("test.is_gpu_available")
def is_gpu_available(
    cuda_only: bool = False, min_cuda_compute_capability: tuple[int, int] | None = None
) -> bool:
    """Whether there is a GPU.

    Args:
      cuda_only: only NVIDIA's count.
      min_cuda_compute_capability: the lowest `(major, minor)` that counts.

    >>> import reflow as tf
    >>> tf.test.is_gpu_available() in (True, False)
    True
    """
    for device in accelerators():
        if device.platform not in ("cuda", "rocm", "gpu"):
            continue
        if cuda_only and device.platform == "rocm":
            continue
        if min_cuda_compute_capability is not None:
            found = getattr(device, "compute_capability", "0.0")
            major, _, minor = str(found).partition(".")
            if (int(major), int(minor or 0)) < tuple(min_cuda_compute_capability):
                continue
        return True
    return False


@export("test.gpu_device_name")
def gpu_device_name() -> str:
    """The name of the first GPU, `/device:GPU:0`; "" if there is none."""
    return next((f"/device:{name}" for name in device_names() if name.startswith("GPU")), "")


@export("test.is_built_with_cuda")
def is_built_with_cuda() -> bool:
    """Whether JAX's plug-in for NVIDIA GPUs is installed."""
    return sysconfig.has_plugin("cuda")


@export("test.is_built_with_rocm")
def is_built_with_rocm() -> bool:
    """Whether JAX's plug-in for AMD GPUs is installed."""
    return sysconfig.has_plugin("rocm")


@export("test.is_built_with_gpu_support")
def is_built_with_gpu_support() -> bool:
    """Whether a plug-in for GPUs is installed."""
    return is_built_with_cuda() or is_built_with_rocm()


@export("test.is_built_with_xla")
def is_built_with_xla() -> bool:
    """True: XLA is what compiles."""
    return True


@export("test.is_cpu_target_available")
def is_cpu_target_available(target: str) -> bool:
    """Whether this machine's processor is of a kind: "x86_64", "aarch64", ..."""
    machine = platform.machine().lower()
    same = {"amd64": "x86_64", "x86": "x86_64", "arm64": "aarch64"}
    return same.get(machine, machine) == same.get(target, target)


@export("test.experimental.sync_devices")
def sync_devices() -> None:
    """Waits for all work that was handed to devices."""
    if "jax" in sys.modules:
        sys.modules["jax"].effects_barrier()


@export("test.disable_with_predicate")
def disable_with_predicate(pred: Callable[[], Any], skip_message: str) -> Callable:
    """A decorator that skips a test, when it is to run, if `pred()` is true."""

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def wrapper(self: unittest.TestCase, *args: Any, **kwargs: Any) -> Any:
            if pred():
                self.skipTest(skip_message)
            return test(self, *args, **kwargs)

        return wrapper

    return decorate


@export("test.with_eager_op_as_function")
def with_eager_op_as_function(cls: Any = None, only_as_function: bool = False) -> Any:
    """The test class itself: eager ops have one way to run here."""
    return (lambda inner: inner) if cls is None else cls
